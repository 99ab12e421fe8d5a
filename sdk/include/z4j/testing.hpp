// z4j/testing.hpp - tests of a plugin without a brain: the file is loaded as a brain loads it, and
// a host made of plain variables stands behind it. For programs on Linux; no part of a plugin.
#ifndef Z4J_TESTING_HPP
#define Z4J_TESTING_HPP

#include <dlfcn.h>
#include <z4j/plugin.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::testing {

inline std::atomic<int> failures{0};
inline void expect(bool is_so, const char* what, const char* file, int line) {
  if (is_so) return;
  std::printf("%s:%d: not so: %s\n", file, line, what);
  ++failures;
}

// What became of an operation. PENDING: it was not answered in time.
struct Answer {
  z4j_status status = Z4J_PENDING;
  std::string message, where, result;
};

struct Event {
  int64_t time_us;
  uint16_t kind;
  std::string task_id, task, queue, worker, engine, attrs_json;
};

struct HttpSent {
  std::string method, url, body;
};

// A host of one instance. What the plugin tells it is kept; what it answers is set beforehand. The
// functions of the table come from any thread; so may those below.
class TestHost {
 public:
  TestHost() {
    table_.struct_size = sizeof table_;
    table_.abi_major = Z4J_ABI_MAJOR;
    table_.abi_minor = Z4J_ABI_MINOR;
    table_.ctx = this;
    table_.instance_id = lit("under-test");
    table_.host_version = lit("0.0.0");
    table_.log_level = [](void*) -> int32_t { return Z4J_LOG_TRACE; };
    table_.log = [](void* ctx, int32_t, z4j_str text, z4j_str fields) {
      of(ctx).keep([&](TestHost& h) {
        h.log_ += std::string(view(text)) + ' ' + std::string(view(fields)) + '\n';
      });
    };
    table_.op_complete = &op_complete;
    table_.op_remaining_ms = [](void*, z4j_op) -> int64_t { return 10'000; };
    table_.op_cancelled = [](void*, z4j_op) -> int32_t { return 0; };
    table_.emit = &emit;
    table_.health = [](void* ctx, int32_t state, z4j_str why) {
      of(ctx).keep([&](TestHost& h) {
        h.health_ = state;
        h.why_ = view(why);
      });
    };
    table_.post = &post;
    table_.secret = &secret;
    table_.metric = [](void* ctx, z4j_str name, z4j_str, double value, int32_t) {
      of(ctx).keep([&](TestHost& h) { h.metrics_[std::string(view(name))] += value; });
    };
    table_.service = &service;
    http_client_.struct_size = sizeof http_client_;
    http_client_.send = &http_send;
    http_reply_.struct_size = sizeof http_reply_;
    http_reply_.begin = &reply_begin;
    http_reply_.write = &reply_write;
    submit_.struct_size = sizeof submit_;
    submit_.submit = &submit;
    services_[Z4J_SERVICE_HTTP_CLIENT] = &http_client_;
    services_[Z4J_SERVICE_HTTP_REPLY] = &http_reply_;
    services_[Z4J_SERVICE_SUBMIT] = &submit_;
  }
  ~TestHost() {
    for (const Posted& one : posted_) {
      if (one.drop != nullptr) one.drop(one.arg);
    }
  }
  TestHost(const TestHost&) = delete;
  TestHost& operator=(const TestHost&) = delete;

  const z4j_host* table() const noexcept { return &table_; }

  // What it answers.
  std::map<std::string, std::string> secrets;  // name to value
  uint32_t http_status = 200;                  // of every call of the http client
  std::string http_body;                       // the same
  std::string submitted = R"({"outcome":"sent","command_id":"1"})";  // of every submission

  // emit() takes nothing meanwhile.
  void set_busy(bool is_busy) {
    keep([&](TestHost& h) { h.is_busy_ = is_busy; });
  }

  // What it was told.
  std::string log() { return kept(log_); }
  int32_t health() { return kept(health_); }
  std::string why() { return kept(why_); }
  std::vector<Event> events() { return kept(events_); }
  std::map<std::string, double> metrics() { return kept(metrics_); }
  std::vector<HttpSent> http_sent() { return kept(http_sent_); }
  std::vector<std::string> tasks_submitted() { return kept(tasks_); }
  uint32_t reply_code() { return kept(reply_code_); }
  std::string reply_body() { return kept(reply_body_); }

  // An operation to hand to the plugin, and what became of it.
  z4j_op next_op() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return ++last_op_;
  }
  Answer wait(z4j_op op, std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto is_answered = [&] { return answers_.find(op) != answers_.end(); };
    return told_.wait_for(lock, patience, is_answered) ? answers_[op] : Answer{};
  }
  // Runs f(op, error); what it returned, or what the plugin answered.
  template <class F>
  Answer call(F&& f) {
    const z4j_op op = next_op();
    z4j_error e = empty_error();
    const z4j_status st = f(op, &e);
    if (st == Z4J_PENDING) return wait(op);
    // By its return: a call of op_complete(), now or later, would be a second answer.
    const Answer answer{st, e.message, e.where, {}};
    keep([&](TestHost& h) {
      expect(h.answers_.emplace(op, answer).second, "an operation is answered once", __FILE__,
             __LINE__);
    });
    return answer;
  }
  // Waits until so many events have come.
  bool wait_for_events(std::size_t count,
                       std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    std::unique_lock<std::mutex> lock(mutex_);
    return told_.wait_for(lock, patience, [&] { return events_.size() >= count; });
  }
  // Runs what the plugin posted until now, whatever its delay. False: there was nothing.
  bool run_posted() {
    std::deque<Posted> now;
    keep([&](TestHost& h) { now.swap(h.posted_); });
    for (const Posted& one : now) one.fn(one.arg);
    return !now.empty();
  }

 private:
  struct Posted {
    void (*fn)(void*);
    void (*drop)(void*);
    void* arg;
  };

  static TestHost& of(void* ctx) { return *static_cast<TestHost*>(ctx); }
  template <class F>
  void keep(F&& f) {
    const std::lock_guard<std::mutex> lock(mutex_);
    f(*this);
    told_.notify_all();
  }
  template <class V>
  V kept(const V& value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return value;
  }

  static z4j_status op_complete(void* ctx, z4j_op op, z4j_status st, const z4j_error* e,
                                z4j_str result) {
    z4j_status answer = Z4J_OK;
    of(ctx).keep([&](TestHost& h) {
      if (op == 0 || op > h.last_op_ || h.answers_.find(op) != h.answers_.end()) {
        expect(false, "an operation is answered once", __FILE__, __LINE__);
        answer = Z4J_BAD_STATE;
        return;
      }
      h.answers_[op] = Answer{st, e != nullptr ? e->message : "", e != nullptr ? e->where : "",
                              std::string(view(result))};
    });
    return answer;
  }

  static std::string text_at(const z4j_strcol& col, uint32_t row) {
    return std::string(col.data + col.offsets[row], col.offsets[row + 1] - col.offsets[row]);
  }
  static std::string text_at(const z4j_dictcol& col, uint32_t row) {
    return text_at(col.dict, col.index[row]);
  }
  static z4j_status emit(void* ctx, const z4j_event_batch* b, z4j_error* e) {
    z4j_status answer = Z4J_OK;
    of(ctx).keep([&](TestHost& h) {
      if (h.is_busy_) {
        fill(e, Z4J_BUSY, "the test's host is busy", {}, 10);
        answer = Z4J_BUSY;
        return;
      }
      for (uint32_t r = 0; r < b->rows; ++r)
        h.events_.push_back(Event{b->time_us[r], b->kind[r], text_at(b->task_id, r),
                                  text_at(b->task, r), text_at(b->queue, r), text_at(b->worker, r),
                                  text_at(b->engine, r), text_at(b->attrs_json, r)});
    });
    return answer;
  }

  static z4j_status post(void* ctx, uint32_t, void (*fn)(void*), void (*drop)(void*), void* arg) {
    of(ctx).keep([&](TestHost& h) { h.posted_.push_back(Posted{fn, drop, arg}); });
    return Z4J_OK;
  }

  static z4j_status secret(void* ctx, z4j_str name, const z4j_sink* out, z4j_error* e) {
    const auto found = of(ctx).secrets.find(std::string(view(name)));
    if (found == of(ctx).secrets.end()) {
      fill(e, Z4J_NOT_FOUND, "there is no such secret");
      return Z4J_NOT_FOUND;
    }
    return out->put(out->ctx, str(found->second));
  }

  static const void* service(void* ctx, z4j_str id) {
    const auto found = of(ctx).services_.find(view(id));
    return found == of(ctx).services_.end() ? nullptr : found->second;
  }

  // Answers within the call, which a real host never does: a plugin must not care.
  static z4j_status http_send(void* ctx, const z4j_http_call* call,
                              void (*done)(void*, const z4j_http_answer*), void* arg, z4j_error*) {
    TestHost& h = of(ctx);
    h.keep([&](TestHost&) {
      h.http_sent_.push_back(HttpSent{std::string(view(call->method)), std::string(view(call->url)),
                                      std::string(view(call->body))});
    });
    z4j_http_answer answer;
    std::memset(&answer, 0, sizeof answer);
    answer.struct_size = sizeof answer;
    answer.status = h.http_status == 0 ? Z4J_UNAVAILABLE : Z4J_OK;
    answer.http_status = h.http_status;
    answer.body = str(h.http_body);
    answer.message = lit(h.http_status == 0 ? "nobody listens" : "");
    done(arg, &answer);
    return Z4J_PENDING;
  }

  static z4j_status reply_begin(void* ctx, z4j_op, uint32_t code, z4j_str, z4j_str) {
    of(ctx).keep([&](TestHost& h) {
      h.reply_code_ = code;
      h.reply_body_.clear();
    });
    return Z4J_OK;
  }
  static z4j_status reply_write(void* ctx, z4j_op, z4j_str chunk) {
    of(ctx).keep([&](TestHost& h) { h.reply_body_ += view(chunk); });
    return Z4J_OK;
  }

  static z4j_status submit(void* ctx, const z4j_submission* s,
                           void (*done)(void*, z4j_status, z4j_str), void* arg, z4j_error*) {
    of(ctx).keep([&](TestHost& h) { h.tasks_.emplace_back(view(s->task)); });
    done(arg, Z4J_OK, str(of(ctx).submitted));
    return Z4J_PENDING;
  }

  std::mutex mutex_;
  std::condition_variable told_;
  z4j_host table_{};
  z4j_http_client http_client_{};
  z4j_http_reply http_reply_{};
  z4j_submit submit_{};
  std::map<std::string, const void*, std::less<>> services_;
  z4j_op last_op_ = 0;
  bool is_busy_ = false;
  std::map<z4j_op, Answer> answers_;
  std::string log_, why_, reply_body_;
  int32_t health_ = Z4J_HEALTH_OK;
  uint32_t reply_code_ = 0;
  std::vector<Event> events_;
  std::map<std::string, double> metrics_;
  std::vector<HttpSent> http_sent_;
  std::vector<std::string> tasks_;
  std::deque<Posted> posted_;
};

// A plugin file, mapped for good. Ends the program with a sentence when it is none.
class PluginFile {
 public:
  explicit PluginFile(const char* path) {
    void* library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) die(path, ::dlerror());
    const auto* entry = static_cast<const z4j_plugin_entry*>(::dlsym(library, Z4J_PLUGIN_SYMBOL));
    if (entry == nullptr) die(path, "it exports no " Z4J_PLUGIN_SYMBOL);
    if (entry->magic != Z4J_PLUGIN_MAGIC || entry->abi_major != Z4J_ABI_MAJOR ||
        entry->plugin_count != 1)
      die(path, "its entry is not one of this ABI");
    plugin_ = entry->plugins[0];
  }
  const z4j_plugin& operator*() const noexcept { return *plugin_; }
  const z4j_plugin* operator->() const noexcept { return plugin_; }
  // Table<z4j_notifier>(Z4J_IFACE_NOTIFIER); null when it has none.
  template <class T>
  const T* table(std::string_view id) const {
    return static_cast<const T*>(plugin_->get_interface(str(id)));
  }

 private:
  [[noreturn]] static void die(const char* path, const char* why) {
    std::printf("%s: %s\n", path, why);
    std::exit(1);
  }
  const z4j_plugin* plugin_ = nullptr;
};

// One instance: created here, stopped and destroyed at the end. settings_json is handed over as it
// is: give every member, as the host would.
class Instance {
 public:
  Instance(const PluginFile& plugin, TestHost& host, std::string_view settings_json)
      : plugin_(*plugin) {
    z4j_error e = empty_error();
    created_ = plugin_.create(host.table(), str(settings_json), &instance_, &e);
    if (created_ != Z4J_OK) message_ = e.message;
  }
  ~Instance() {
    stop();
    if (instance_ != nullptr) plugin_.destroy(instance_);
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Z4J_OK, or why it was not created or not started; message() says more.
  z4j_status start() {
    if (created_ != Z4J_OK) return created_;
    z4j_error e = empty_error();
    const z4j_status st = plugin_.start(instance_, &e);
    is_started_ = st == Z4J_OK;
    if (!is_started_) message_ = e.message;
    return st;
  }
  void stop() {
    if (!is_started_) return;
    z4j_error e = empty_error();
    is_started_ = false;
    expect(plugin_.stop(instance_, 10'000, &e) == Z4J_OK, "stop() works", __FILE__, __LINE__);
  }
  const std::string& message() const noexcept { return message_; }
  operator z4j_instance*() const noexcept { return instance_; }

 private:
  const z4j_plugin& plugin_;
  z4j_instance* instance_ = nullptr;
  z4j_status created_ = Z4J_OK;
  bool is_started_ = false;
  std::string message_;
};

}  // namespace z4j::testing

#define Z4J_EXPECT(what) ::z4j::testing::expect((what), #what, __FILE__, __LINE__)

#endif
