// z4j/storage.hpp - the C++17 face of storage drivers: cells of the rows that come, rows for
// answers, and the functions of z4j_storage over a C++ class. The rules: docs/abi/storage.md.
#ifndef Z4J_STORAGE_HPP
#define Z4J_STORAGE_HPP

#if !defined(__cpp_exceptions)
#error "z4j/storage.hpp throws z4j::Error: build with exceptions, or use z4j/abi.h"
#endif

#include <z4j/plugin.hpp>

#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace z4j::store {

inline constexpr std::uint32_t kMaxRows = 16384;       // rows of one step
inline constexpr std::uint64_t kMaxBytes = 64u << 20;  // bytes of one step's rows
inline constexpr std::uint32_t kMaxSteps = 1024;

// --- cells of rows that came --------------------------------------------------------------------

[[nodiscard]] inline bool has_value(const z4j_col& col, uint32_t row) noexcept {
  return col.valid == nullptr || ((col.valid[row / 8] >> (row % 8)) & 1) != 0;
}

[[nodiscard]] inline std::int64_t num_at(const z4j_col& col, uint32_t row) noexcept {
  return static_cast<const std::int64_t*>(col.data)[row];
}

[[nodiscard]] inline double real_at(const z4j_col& col, uint32_t row) noexcept {
  return static_cast<const double*>(col.data)[row];
}

// Text, bytes, JSON, and the 16 bytes of a UUID. Never a null pointer.
[[nodiscard]] inline std::string_view bytes_at(const z4j_col& col, uint32_t row) noexcept {
  if (col.form == Z4J_FORM_16)
    return {static_cast<const char*>(col.data) + std::size_t{row} * 16, 16};
  const uint32_t i = col.form == Z4J_FORM_DICT ? static_cast<const uint32_t*>(col.data)[row] : row;
  const uint32_t from = col.text.offsets[i];
  const uint32_t to = col.text.offsets[i + 1];
  return from == to ? std::string_view("", 0) : std::string_view(col.text.data + from, to - from);
}

// --- rows for answers --------------------------------------------------------------------------

// Built row by row. One thread; view() is valid until the next change.
class RowsOut {
 public:
  // A cell is pushed to each column in turn, then end_row().
  void add_column(std::uint16_t column, std::uint16_t form) {
    columns_.emplace_back();
    columns_.back().column = column;
    columns_.back().form = form;
  }
  void clear() {
    rows_ = 0;
    bytes_ = 0;
    for (Column& c : columns_) {
      c.has_null = false;
      c.valid.clear();
      c.nums.clear();
      c.reals.clear();
      c.bytes.clear();
      c.offsets.assign(1, 0);
    }
  }
  [[nodiscard]] std::size_t columns() const noexcept { return columns_.size(); }
  [[nodiscard]] std::uint16_t form(std::size_t i) const noexcept { return columns_[i].form; }
  [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  void null(std::size_t i) {
    Column& c = columns_[i];
    mark(c, false);
    switch (c.form) {
      case Z4J_FORM_NUM:
        c.nums.push_back(0);
        break;
      case Z4J_FORM_REAL:
        c.reals.push_back(0);
        break;
      case Z4J_FORM_16:
        c.bytes.append(16, '\0');
        break;
      default:
        c.offsets.push_back(static_cast<std::uint32_t>(c.bytes.size()));
    }
  }
  void num(std::size_t i, std::int64_t v) {
    mark(columns_[i], true);
    columns_[i].nums.push_back(v);
    bytes_ += 8;
  }
  void real(std::size_t i, double v) {
    mark(columns_[i], true);
    columns_[i].reals.push_back(v);
    bytes_ += 8;
  }
  // FORM_16 (then 16 bytes) or FORM_VAR.
  void bytes(std::size_t i, std::string_view v) {
    Column& c = columns_[i];
    mark(c, true);
    c.bytes.append(v);
    bytes_ += v.size() + 4;
    if (c.form != Z4J_FORM_16) c.offsets.push_back(static_cast<std::uint32_t>(c.bytes.size()));
  }
  void end_row() { ++rows_; }

  [[nodiscard]] const z4j_rows* view() {
    cols_.clear();
    for (const Column& c : columns_) {
      z4j_col out{};
      out.column = c.column;
      out.form = c.form;
      out.valid = c.has_null ? c.valid.data() : nullptr;
      switch (c.form) {
        case Z4J_FORM_NUM:
          out.data = c.nums.data();
          break;
        case Z4J_FORM_REAL:
          out.data = c.reals.data();
          break;
        case Z4J_FORM_16:
          out.data = c.bytes.data();
          break;
        default:
          out.text = z4j_strcol{c.offsets.data(), c.bytes.data()};
      }
      cols_.push_back(out);
    }
    view_ = z4j_rows{
        sizeof(z4j_rows), rows_, cols_.data(), static_cast<std::uint32_t>(cols_.size()), 0, bytes_};
    return &view_;
  }

 private:
  struct Column {
    std::uint16_t column = 0, form = 0;
    bool has_null = false;
    std::vector<std::uint8_t> valid;
    std::vector<std::int64_t> nums;
    std::vector<double> reals;
    std::string bytes;
    std::vector<std::uint32_t> offsets{0};
  };
  void mark(Column& c, bool valid) {
    if (rows_ % 8 == 0) c.valid.push_back(0);
    if (valid) {
      c.valid.back() = static_cast<std::uint8_t>(c.valid.back() | (1u << (rows_ % 8)));
    } else {
      c.has_null = true;
    }
  }

  std::vector<Column> columns_;
  std::uint32_t rows_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<z4j_col> cols_;
  z4j_rows view_{};
};

// --- a driver -----------------------------------------------------------------------------------

// The channels that this process listens to.
class Notices {
 public:
  void listen(const z4j_str* channels, std::uint32_t count) {
    if (count > 256) throw Error(Z4J_TOO_LARGE, "a kernel may listen to 256 channels");
    std::set<std::string, std::less<>> fresh;
    for (std::uint32_t i = 0; i < count; ++i) fresh.emplace(view(channels[i]));
    const std::lock_guard lock(mutex_);
    channels_ = std::move(fresh);
  }
  void deliver(const z4j_host* host, const z4j_commit& commit) {
    for (std::uint32_t i = 0; i < commit.step_count; ++i) {
      const z4j_step& step = *commit.steps[i];
      if (step.verb != Z4J_STEP_NOTICE || !listens(view(step.channel))) continue;
      const auto* service =
          static_cast<const z4j_notices*>(host->service(host->ctx, lit(Z4J_SERVICE_NOTICES)));
      if (!Z4J_HAS(service, z4j_notices, notice)) return;
      service->notice(host->ctx, step.channel, step.payload);
    }
  }

 private:
  bool listens(std::string_view channel) {
    const std::lock_guard lock(mutex_);
    return channels_.find(channel) != channels_.end();
  }
  std::mutex mutex_;
  std::set<std::string, std::less<>> channels_;
};

// Base of a driver class: what the glue keeps in it. A driver that looks at requests before it acts
// has functions of its own in place of the check_*() here, which take everything.
struct DriverState {
  static void check_schema(const z4j_schema&) {}
  // bad_row: set when the fault lies in one row. where: a JSON pointer to the step.
  static void check_step(const z4j_schema&, const z4j_step&, std::uint32_t, const std::string&,
                         std::uint32_t&) {}
  static void check_query(const z4j_schema&, const z4j_query&) {}

  Notices notices;
  std::mutex schema_mutex;
  const z4j_schema* schema = nullptr;  // set by a migrate that succeeded

  const z4j_schema& need_schema() {
    const std::lock_guard lock(schema_mutex);
    if (schema == nullptr)
      throw Error(Z4J_BAD_STATE, "the store has no schema yet: call migrate first");
    return *schema;
  }
};

// The functions of z4j_storage over a C++ driver class, for drivers that answer within the call.
//
// A Driver has: info(z4j_store_info&), migrate(const z4j_schema&, bool dry_run) -> JSON text,
// open(flags) -> std::unique_ptr<Driver::Session>. A Session has: commit(z4j_commit&),
// read(const z4j_query&) -> std::unique_ptr<Driver::Cursor>, stats() -> JSON text. A Cursor has:
// next(max_rows) -> const z4j_rows*, null at the end. Failures are thrown as z4j::Error.
//
// What the glue does itself: one cursor at a time and no commit meanwhile (else Z4J_BAD_STATE),
// checking of requests, notices within this process after a commit. Sessions are lanes: calls on
// one never overlap.
template <class Driver>
struct StorageGlue {
  struct Lane {
    const z4j_host* host;
    Driver* driver;
    std::unique_ptr<typename Driver::Session> session;
    std::uint32_t flags;
    bool reading = false;
  };
  struct Reading {
    Lane* lane;
    std::unique_ptr<typename Driver::Cursor> cursor;
  };

  static Lane& lane(z4j_session* s) { return *reinterpret_cast<Lane*>(s); }

  static void info(z4j_instance* i, z4j_store_info* out) {
    z4j_store_info full{};
    guard(nullptr, [&]() -> z4j_status {
      box<Driver>(i)->obj.info(full);
      return Z4J_OK;
    });
    const std::uint32_t room = out->struct_size;
    std::memcpy(out, &full, room < sizeof full ? room : sizeof full);
    out->struct_size = room;
  }

  static z4j_status migrate(z4j_instance* i, z4j_op op, const z4j_schema* schema,
                            std::int32_t dry_run, z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      Driver& driver = box<Driver>(i)->obj;
      Driver::check_schema(*schema);
      const std::string result = driver.migrate(*schema, dry_run != 0);
      if (dry_run == 0) {
        const std::lock_guard lock(driver.schema_mutex);
        driver.schema = schema;
      }
      const z4j_host* host = box<Driver>(i)->host;
      host->op_complete(host->ctx, op, Z4J_OK, nullptr, str(result));
      return Z4J_PENDING;
    });
  }

  static z4j_status session_open(z4j_instance* i, std::uint32_t flags, z4j_session** out,
                                 z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      if ((flags & Z4J_SESSION_WRITE) != 0 && (flags & Z4J_SESSION_SNAPSHOT) != 0) {
        throw Error(Z4J_INVALID, "a session writes or sees one moment, not both");
      }
      auto fresh = std::make_unique<Lane>();
      fresh->host = box<Driver>(i)->host;
      fresh->driver = &box<Driver>(i)->obj;
      fresh->flags = flags;
      fresh->session = fresh->driver->open(flags);
      *out = reinterpret_cast<z4j_session*>(fresh.release());
      return Z4J_OK;
    });
  }

  static void session_close(z4j_session* s) { delete &lane(s); }

  static z4j_status commit(z4j_session* s, z4j_op, z4j_commit* c, z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      Lane& l = lane(s);
      if (!Z4J_REACHES(c, z4j_commit, bad_key))
        throw Error(Z4J_INVALID, "the commit is shorter than this driver needs");
      c->bad_step = c->bad_row = c->bad_key = ~std::uint32_t{0};
      if ((l.flags & Z4J_SESSION_WRITE) == 0)
        throw Error(Z4J_BAD_STATE, "this session was opened for reading");
      if (l.reading)
        throw Error(Z4J_BAD_STATE, "this session has an open cursor: close it before a commit");
      if (c->step_count > kMaxSteps)
        throw Error(Z4J_TOO_LARGE, "a commit may hold 1024 steps", "/steps");
      const z4j_schema& schema = l.driver->need_schema();
      for (std::uint32_t i = 0; i < c->step_count; ++i) {
        c->bad_step = i;
        Driver::check_step(schema, *c->steps[i], c->flags, "/steps/" + std::to_string(i),
                           c->bad_row);
        c->steps[i]->affected = 0;
      }
      c->bad_step = ~std::uint32_t{0};
      l.session->commit(*c);
      l.driver->notices.deliver(l.host, *c);
      return Z4J_OK;
    });
  }

  static z4j_status read_open(z4j_session* s, const z4j_query* q, z4j_cursor** out, z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      Lane& l = lane(s);
      if (l.reading) throw Error(Z4J_BAD_STATE, "this session has an open cursor: close it first");
      Driver::check_query(l.driver->need_schema(), *q);
      auto fresh = std::make_unique<Reading>();
      fresh->lane = &l;
      fresh->cursor = l.session->read(*q);
      l.reading = true;
      *out = reinterpret_cast<z4j_cursor*>(fresh.release());
      return Z4J_OK;
    });
  }

  static z4j_status read_next(z4j_cursor* c, std::uint32_t max_rows, const z4j_rows** out,
                              z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      const std::uint32_t most = max_rows == 0 || max_rows > kMaxRows ? kMaxRows : max_rows;
      *out = reinterpret_cast<Reading*>(c)->cursor->next(most);
      return *out != nullptr ? Z4J_OK : Z4J_END;
    });
  }

  static void read_close(z4j_cursor* c) {
    auto* reading = reinterpret_cast<Reading*>(c);
    reading->lane->reading = false;
    delete reading;
  }

  static z4j_status listen(z4j_instance* i, const z4j_str* channels, std::uint32_t count,
                           z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      box<Driver>(i)->obj.notices.listen(channels, count);
      return Z4J_OK;
    });
  }

  static z4j_status stats(z4j_session* s, const z4j_sink* sink, z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      const std::string text = lane(s).session->stats();
      return sink->put(sink->ctx, str(text));
    });
  }

  static constexpr z4j_storage table() noexcept {
    return z4j_storage{sizeof(z4j_storage),
                       0,
                       &info,
                       &migrate,
                       &session_open,
                       &session_close,
                       &commit,
                       &read_open,
                       &read_next,
                       &read_close,
                       &listen,
                       &stats,
                       nullptr,
                       nullptr};
  }
};

}  // namespace z4j::store

// A whole storage plugin of one driver class.
#define Z4J_STORAGE_PLUGIN(T, id_, version_, name_, summary_, schema_)                \
  namespace {                                                                         \
  const z4j_storage z4j_storage_of_this_file = ::z4j::store::StorageGlue<T>::table(); \
  const void* z4j_interface_of_this_file(z4j_str id) {                                \
    return ::z4j::same(id, Z4J_IFACE_STORAGE) ? &z4j_storage_of_this_file : nullptr;  \
  }                                                                                   \
  }                                                                                   \
  Z4J_DESCRIPTOR(T, id_, version_, name_, summary_, "storage", schema_, 0,            \
                 z4j_interface_of_this_file)                                          \
  Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)

#endif
