// z4j/plugin.hpp - the C++17 face of z4j/abi.h. Header-only, no state, exports nothing.
//
// Thin classes over the C structs: a reader sees the C call each one makes. Nothing here allocates
// unless it says so. A C++ exception meets the ABI in one place, guard(), and ends there. Built
// with -fno-exceptions it is the same without what throws.
#ifndef Z4J_PLUGIN_HPP
#define Z4J_PLUGIN_HPP

#include <z4j/abi.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace z4j {

inline std::string_view view(z4j_str s) noexcept {
  return s.ptr ? std::string_view(s.ptr, s.len) : std::string_view();
}
inline z4j_str str(std::string_view s) noexcept { return z4j_str{s.data(), s.size()}; }
inline bool same(z4j_str a, std::string_view b) noexcept { return view(a) == b; }

// Throw it from anywhere inside a plugin call: it becomes a z4j_error and its code is the answer.
class Error : public std::exception {
 public:
  Error(z4j_status status, std::string message, std::string at = {}, uint32_t wait_ms = 0)
      : code(status), where(std::move(at)), retry_after_ms(wait_ms), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

  z4j_status code;
  std::string where;
  uint32_t retry_after_ms;

 private:
  std::string message_;
};

// Writes what fits, cut at a UTF-8 boundary. `e` may be null.
inline void fill(z4j_error* e, z4j_status code, std::string_view message,
                 std::string_view where = {}, uint32_t retry_after_ms = 0) noexcept {
  if (!Z4J_REACHES(e, z4j_error, message)) return;
  const auto copy = [](char* to, std::size_t room, std::string_view from) {
    std::size_t n = from.size() < room ? from.size() : room - 1;
    if (n < from.size()) {
      while (n > 0 && (static_cast<unsigned char>(from[n]) & 0xC0u) == 0x80u) --n;
    }
    if (n > 0) std::memcpy(to, from.data(), n);  // a view of nothing may hold a null pointer
    to[n] = '\0';
  };
  e->code = code;
  e->retry_after_ms = retry_after_ms;
  copy(e->where, sizeof e->where, where);
  copy(e->message, sizeof e->message, message);
}

inline z4j_error empty_error() noexcept {
  z4j_error e;
  std::memset(&e, 0, sizeof e);
  e.struct_size = sizeof e;
  return e;
}

// The only place where a C++ exception meets the ABI: it ends here.
template <class F>
z4j_status guard(z4j_error* e, F&& f) noexcept {
#if !defined(__cpp_exceptions)
  (void)e;
  return f();
#else
  try {
    return f();
  } catch (const Error& x) {
    fill(e, x.code, x.what(), x.where, x.retry_after_ms);
    return x.code;
  } catch (const std::bad_alloc&) {
    fill(e, Z4J_NO_MEMORY, "out of memory");
    return Z4J_NO_MEMORY;
  } catch (const std::exception& x) {
    fill(e, Z4J_INTERNAL, x.what());
    return Z4J_INTERNAL;
  } catch (...) {
    fill(e, Z4J_INTERNAL, "unknown exception");
    return Z4J_INTERNAL;
  }
#endif
}

// What the host offers to one instance. Copyable; valid from the constructor of the plugin's object
// to the end of its destructor. Every call may be made from any thread and does not block.
class Host {
 public:
  explicit Host(const z4j_host* host) noexcept : host_(host) {}

  std::string_view instance_id() const noexcept { return view(host_->instance_id); }
  bool logs(int32_t level) const noexcept { return level >= host_->log_level(host_->ctx); }
  void log(int32_t level, std::string_view message,
           std::string_view fields_json = {}) const noexcept {
    if (logs(level)) host_->log(host_->ctx, level, str(message), str(fields_json));
  }
  void debug(std::string_view m, std::string_view fields = {}) const noexcept {
    log(Z4J_LOG_DEBUG, m, fields);
  }
  void info(std::string_view m, std::string_view fields = {}) const noexcept {
    log(Z4J_LOG_INFO, m, fields);
  }
  void warn(std::string_view m, std::string_view fields = {}) const noexcept {
    log(Z4J_LOG_WARN, m, fields);
  }
  void error(std::string_view m, std::string_view fields = {}) const noexcept {
    log(Z4J_LOG_ERROR, m, fields);
  }

  // Z4J_OK: copied. Z4J_BUSY: keep the batch and try again after e.retry_after_ms.
  z4j_status emit(const z4j_event_batch& batch, z4j_error& e) const noexcept {
    return host_->emit(host_->ctx, &batch, &e);
  }
  void health(int32_t state, std::string_view why) const noexcept {
    host_->health(host_->ctx, state, str(why));
  }
  void metric(std::string_view name, std::string_view labels_json, double value,
              int32_t kind) const noexcept {
    host_->metric(host_->ctx, str(name), str(labels_json), value, kind);
  }
  const void* service(std::string_view id) const noexcept {
    return host_->service(host_->ctx, str(id));
  }

  // The value behind a secret reference of the config. Allocates. No Z4J_OK: there is none, and e
  // says why.
  z4j_status secret(std::string_view name, std::string& out, z4j_error& e) const {
    out.clear();
    z4j_sink sink{sizeof(z4j_sink), 0, &out, [](void* ctx, z4j_str bytes) -> z4j_status {
                    static_cast<std::string*>(ctx)->append(bytes.ptr, bytes.len);
                    return Z4J_OK;
                  }};
    return host_->secret(host_->ctx, str(name), &sink, &e);
  }
#if defined(__cpp_exceptions)
  std::string secret(std::string_view name) const {
    std::string out;
    z4j_error e = empty_error();
    const z4j_status st = secret(name, out, e);
    if (st != Z4J_OK) throw Error(st, e.message, e.where);
    return out;
  }
#endif

  const z4j_host* raw() const noexcept { return host_; }

 private:
  const z4j_host* host_;
};

// One asynchronous operation: move-only, answered exactly once. If it is dropped unanswered it
// answers Z4J_INTERNAL itself.
class Op {
 public:
  Op(const z4j_host* host, z4j_op id) noexcept : host_(host), id_(id) {}
  Op(Op&& other) noexcept : host_(std::exchange(other.host_, nullptr)), id_(other.id_) {}
  Op& operator=(Op&& other) noexcept {
    if (this != &other) {
      drop();
      host_ = std::exchange(other.host_, nullptr);
      id_ = other.id_;
    }
    return *this;
  }
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;
  ~Op() { drop(); }

  bool armed() const noexcept { return host_ != nullptr; }
  void disarm() noexcept { host_ = nullptr; }
  z4j_op id() const noexcept { return id_; }

  void ok(std::string_view result_json = {}) noexcept { answer(Z4J_OK, nullptr, result_json); }
  void fail(z4j_status code, std::string_view message, uint32_t retry_after_ms = 0) noexcept {
    z4j_error e = empty_error();
    fill(&e, code, message, {}, retry_after_ms);
    answer(code, &e, {});
  }
  int64_t remaining_ms() const noexcept {
    return host_ ? host_->op_remaining_ms(host_->ctx, id_) : 0;
  }
  bool cancelled() const noexcept { return host_ && host_->op_cancelled(host_->ctx, id_) != 0; }

 private:
  void answer(z4j_status st, const z4j_error* e, std::string_view result) noexcept {
    if (const z4j_host* h = std::exchange(host_, nullptr))
      h->op_complete(h->ctx, id_, st, e, str(result));
  }
  void drop() noexcept {
    if (host_) fail(Z4J_INTERNAL, "the plugin dropped the operation without an answer");
  }

  const z4j_host* host_;
  z4j_op id_;
};

// Builds one z4j_event_batch row by row. Allocates. begin_row() first, then the setters of that
// row; batch() borrows from the builder and stays valid until the next change.
class BatchBuilder {
 public:
  BatchBuilder() { clear(); }

  void clear() {
    rows_ = 0;
    event_id_.clear();
    time_us_.clear();
    kind_.clear();
    attempt_.clear();
    runtime_us_.clear();
    for (Dict* d : dicts()) d->clear();
    for (Text* t : texts()) t->clear();
  }
  uint32_t rows() const noexcept { return rows_; }
  std::size_t bytes() const noexcept {
    std::size_t n = rows_ * 60u;
    for (const Text* t : {&task_id_, &parent_id_, &root_id_, &attrs_}) n += t->data.size();
    return n;
  }

  // The id may stay zero for an event about a task: the kernel derives it from its content.
  void begin_row(int64_t time_us, uint16_t kind) {
    ++rows_;
    event_id_.resize(event_id_.size() + 16);
    time_us_.push_back(time_us);
    kind_.push_back(kind);
    attempt_.push_back(0);
    runtime_us_.push_back(-1);
    for (Dict* d : dicts()) d->index.push_back(0);
    for (Text* t : texts()) t->offsets.push_back(static_cast<uint32_t>(t->data.size()));
  }
  void event_id(const uint8_t (&id)[16]) {
    std::memcpy(event_id_.data() + event_id_.size() - 16, id, 16);
  }
  void attempt(uint32_t n) { attempt_.back() = n; }
  void runtime_us(int64_t us) { runtime_us_.back() = us; }
  void engine(std::string_view s) { engine_.set(s); }
  void task(std::string_view s) { task_.set(s); }
  void queue(std::string_view s) { queue_.set(s); }
  void worker(std::string_view s) { worker_.set(s); }
  void task_id(std::string_view s) { task_id_.set(s); }
  void parent_id(std::string_view s) { parent_id_.set(s); }
  void root_id(std::string_view s) { root_id_.set(s); }
  void attrs_json(std::string_view s) { attrs_.set(s); }

  z4j_event_batch batch() {
    z4j_event_batch b;
    std::memset(&b, 0, sizeof b);
    b.struct_size = sizeof b;
    b.rows = rows_;
    b.bytes = bytes();
    b.event_id = event_id_.data();
    b.time_us = time_us_.data();
    b.kind = kind_.data();
    b.attempt = attempt_.data();
    b.runtime_us = runtime_us_.data();
    b.project = project_.col();
    b.source = source_.col();
    b.engine = engine_.col();
    b.task = task_.col();
    b.queue = queue_.col();
    b.worker = worker_.col();
    b.task_id = task_id_.col();
    b.parent_id = parent_id_.col();
    b.root_id = root_id_.col();
    b.attrs_json = attrs_.col();
    return b;
  }

 private:
  struct Text {
    std::vector<uint32_t> offsets;
    std::string data;
    void clear() {
      offsets.assign(1, 0);
      data.clear();
    }
    void set(std::string_view s) {
      data.resize(offsets[offsets.size() - 2]);
      data.append(s);
      offsets.back() = static_cast<uint32_t>(data.size());
    }
    z4j_strcol col() const { return z4j_strcol{offsets.data(), data.data()}; }
  };
  struct Dict {
    std::vector<uint32_t> index;
    Text entries;
    uint32_t count = 0;
    void clear() {
      index.clear();
      entries.clear();
      entries.offsets.push_back(0);
      count = 1;
    }
    void set(std::string_view s) {
      for (uint32_t i = 0; i < count; ++i) {
        const uint32_t from = entries.offsets[i], to = entries.offsets[i + 1];
        if (std::string_view(entries.data).substr(from, to - from) == s) {
          index.back() = i;
          return;
        }
      }
      entries.data.append(s);
      entries.offsets.push_back(static_cast<uint32_t>(entries.data.size()));
      index.back() = count++;
    }
    z4j_dictcol col() const { return z4j_dictcol{index.data(), entries.col(), count, 0}; }
  };
  std::vector<Dict*> dicts() { return {&project_, &source_, &engine_, &task_, &queue_, &worker_}; }
  std::vector<Text*> texts() { return {&task_id_, &parent_id_, &root_id_, &attrs_}; }

  uint32_t rows_ = 0;
  std::vector<uint8_t> event_id_;
  std::vector<int64_t> time_us_, runtime_us_;
  std::vector<uint16_t> kind_;
  std::vector<uint32_t> attempt_;
  Dict project_, source_, engine_, task_, queue_, worker_;
  Text task_id_, parent_id_, root_id_, attrs_;
};

// What stands behind z4j_instance* for a plugin class T made with the macros below.
template <class T>
struct Box {
  const z4j_host* host;
  T obj;
};
template <class T>
Box<T>* box(z4j_instance* i) noexcept {
  return reinterpret_cast<Box<T>*>(i);
}

template <class T, class = void>
struct HasValidate {
  static constexpr bool value = false;
};
template <class T>
struct HasValidate<T, decltype(void(
                          T::validate(std::string_view(), std::declval<const z4j_sink&>())))> {
  static constexpr bool value = true;
};

// The slots of z4j_plugin for a class with: T(Host, std::string_view config_json), start(),
// stop(uint32_t deadline_ms), and optionally static validate(config_json, const z4j_sink&
// problems).
template <class T>
struct Life {
  static z4j_status validate(z4j_str config, const z4j_sink* problems, z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      if constexpr (HasValidate<T>::value) T::validate(view(config), *problems);
      (void)config;
      (void)problems;
      return Z4J_OK;
    });
  }
  static z4j_status create(const z4j_host* host, z4j_str config, z4j_instance** out, z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      *out = reinterpret_cast<z4j_instance*>(new Box<T>{host, T(Host(host), view(config))});
      return Z4J_OK;
    });
  }
  static z4j_status start(z4j_instance* i, z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      box<T>(i)->obj.start();
      return Z4J_OK;
    });
  }
  static z4j_status stop(z4j_instance* i, uint32_t deadline_ms, z4j_error* e) {
    return guard(e, [&]() -> z4j_status {
      box<T>(i)->obj.stop(deadline_ms);
      return Z4J_OK;
    });
  }
  static void destroy(z4j_instance* i) { delete box<T>(i); }
};

// Runs f(op) so that the operation is answered exactly once: by f itself, by whoever it moved the
// op to, or by the code returned here (the last when f throws before it moved the op away).
template <class T, class F>
z4j_status answer_once(z4j_instance* i, z4j_op id, z4j_error* e, F&& f) noexcept {
  Op op(box<T>(i)->host, id);
  const z4j_status st = guard(e, [&]() -> z4j_status {
    f(op);
    return Z4J_PENDING;
  });
  if (st == Z4J_PENDING || !op.armed()) return Z4J_PENDING;
  op.disarm();
  return st;
}

// A class with capabilities(), command(Op&, verb, target, args_json) and snapshot(Op&, what,
// page_json).
template <class T>
struct EngineGlue {
  static uint64_t capabilities(z4j_instance* i) {
    uint64_t bits = 0;
    guard(nullptr, [&]() -> z4j_status {
      bits = box<T>(i)->obj.capabilities();
      return Z4J_OK;
    });
    return bits;
  }
  static z4j_status command(z4j_instance* i, z4j_op op, uint64_t verb, z4j_str target, z4j_str args,
                            z4j_error* e) {
    return answer_once<T>(
        i, op, e, [&](Op& o) { box<T>(i)->obj.command(o, verb, view(target), view(args)); });
  }
  static z4j_status snapshot(z4j_instance* i, z4j_op op, z4j_str what, z4j_str page, z4j_error* e) {
    return answer_once<T>(i, op, e,
                          [&](Op& o) { box<T>(i)->obj.snapshot(o, view(what), view(page)); });
  }
};

template <class T>
struct NotifierGlue {
  static z4j_status send(z4j_instance* i, z4j_op op, const z4j_notification* n, z4j_error* e) {
    return answer_once<T>(i, op, e, [&](Op& o) { box<T>(i)->obj.send(o, *n); });
  }
};

constexpr z4j_str lit(std::string_view s) noexcept { return z4j_str{s.data(), s.size()}; }

}  // namespace z4j

#if defined(__VERSION__)
#define Z4J_BUILD_INFO __VERSION__
#else
#define Z4J_BUILD_INFO ""
#endif

// The entry symbol for one descriptor.
#define Z4J_PLUGIN_ENTRY(descriptor)                                                              \
  namespace {                                                                                     \
  const z4j_plugin* const z4j_plugins_of_this_file[] = {&(descriptor)};                           \
  }                                                                                               \
  extern "C" Z4J_EXPORT const z4j_plugin_entry z4j_plugin_entry_v1 = {                            \
      Z4J_PLUGIN_MAGIC,         sizeof(z4j_plugin_entry),  Z4J_ABI_MAJOR, Z4J_ABI_MINOR, 0, 0, 1, \
      z4j_plugins_of_this_file, ::z4j::lit(Z4J_BUILD_INFO)};

// A z4j_plugin descriptor named `z4j_descriptor_of_this_file` for class T.
#define Z4J_DESCRIPTOR(T, id_, version_, name_, summary_, kinds_, schema_, flags_, get_interface_) \
  Z4J_DESCRIPTOR_OF_NEEDS(T, id_, version_, name_, summary_, kinds_, schema_, flags_, "",          \
                          get_interface_)

// The same with the host services that it can't do without, by id, spaces between.
#define Z4J_DESCRIPTOR_OF_NEEDS(T, id_, version_, name_, summary_, kinds_, schema_, flags_, \
                                needs_, get_interface_)                                     \
  namespace {                                                                               \
  const z4j_plugin z4j_descriptor_of_this_file = {sizeof(z4j_plugin),                       \
                                                  (flags_),                                 \
                                                  ::z4j::lit(id_),                          \
                                                  ::z4j::lit(version_),                     \
                                                  ::z4j::lit(name_),                        \
                                                  ::z4j::lit(summary_),                     \
                                                  ::z4j::lit(""),                           \
                                                  ::z4j::lit(""),                           \
                                                  ::z4j::lit(""),                           \
                                                  ::z4j::lit(kinds_),                       \
                                                  ::z4j::lit(schema_),                      \
                                                  ::z4j::lit(needs_),                       \
                                                  &::z4j::Life<T>::validate,                \
                                                  &::z4j::Life<T>::create,                  \
                                                  &::z4j::Life<T>::start,                   \
                                                  &::z4j::Life<T>::stop,                    \
                                                  &::z4j::Life<T>::destroy,                 \
                                                  nullptr,                                  \
                                                  (get_interface_)};                        \
  }

// A whole engine plugin of one class.
#define Z4J_ENGINE_PLUGIN(T, id_, version_, name_, summary_, engine_name_, schema_) \
  namespace {                                                                       \
  const z4j_engine z4j_engine_of_this_file = {sizeof(z4j_engine),                   \
                                              0,                                    \
                                              ::z4j::lit(engine_name_),             \
                                              &::z4j::EngineGlue<T>::capabilities,  \
                                              &::z4j::EngineGlue<T>::command,       \
                                              &::z4j::EngineGlue<T>::snapshot};     \
  const void* z4j_interface_of_this_file(z4j_str id) {                              \
    return ::z4j::same(id, Z4J_IFACE_ENGINE) ? &z4j_engine_of_this_file : nullptr;  \
  }                                                                                 \
  }                                                                                 \
  Z4J_DESCRIPTOR(T, id_, version_, name_, summary_, "engine", schema_, 0,           \
                 z4j_interface_of_this_file)                                        \
  Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)

// A whole notifier plugin of one class with send(Op&, const z4j_notification&).
#define Z4J_NOTIFIER_PLUGIN(T, id_, version_, name_, summary_, schema_, target_schema_) \
  Z4J_NOTIFIER_PLUGIN_OF_TYPES(T, id_, version_, name_, summary_, schema_, target_schema_, "")

// The same for several types of targets: types_ is a JSON object, type to target schema.
#define Z4J_NOTIFIER_PLUGIN_OF_TYPES(T, id_, version_, name_, summary_, schema_, target_schema_, \
                                     types_)                                                     \
  namespace {                                                                                    \
  const z4j_notifier z4j_notifier_of_this_file = {                                               \
      sizeof(z4j_notifier),         65536, 0, ::z4j::lit(target_schema_), ::z4j::lit(types_),    \
      &::z4j::NotifierGlue<T>::send};                                                            \
  const void* z4j_interface_of_this_file(z4j_str id) {                                           \
    return ::z4j::same(id, Z4J_IFACE_NOTIFIER) ? &z4j_notifier_of_this_file : nullptr;           \
  }                                                                                              \
  }                                                                                              \
  Z4J_DESCRIPTOR(T, id_, version_, name_, summary_, "notifier", schema_, 0,                      \
                 z4j_interface_of_this_file)                                                     \
  Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)

#endif
