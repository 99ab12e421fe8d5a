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
#pragma once

#include <z4j/plugin.hpp>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "lib/sql/store_check.hpp"

namespace z4j::store {

// The channels this process listens to.
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

// Base of a driver class: what the glue keeps in it.
struct DriverState {
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
      check_schema(*schema);
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
      if (c->struct_size < sizeof(z4j_commit))
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
        check_step(schema, *c->steps[i], c->flags, "/steps/" + std::to_string(i), c->bad_row);
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
      check_query(l.driver->need_schema(), *q);
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
};

}  // namespace z4j::store
