#include "plugin/process/runner.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plugin/batch_check.hpp"
#include "plugin/crash_note.hpp"
#include "plugin/crossing.hpp"
#include "plugin/host.hpp"
#include "plugin/loader.hpp"
#include "plugin/op_table.hpp"
#include "plugin/process/batch.hpp"
#include "plugin/process/channel.hpp"
#include "plugin/process/messages.hpp"

namespace z4j::plugin::process {
namespace {

constexpr int kFirstFrameMs = 10'000;
// The kernel answers sooner, or has ended this process.
constexpr int kHostCallMs = 120'000;
constexpr std::uint32_t kLastAnswersMs = 5'000;
constexpr unsigned kMostWorkers = 24;
constexpr std::size_t kRingKept = 16u << 20, kStackBytes = 2u << 20;
constexpr std::size_t kIdsAtOnce = 50, kReplyPart = 1u << 20;

// Threads that run what the kernel asks for; as many as there are calls under way. The kernel
// keeps calls apart that may not overlap.
class Workers {
 public:
  void post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size() && threads_.size() < kMostWorkers)
      threads_.emplace_back([this] { work(); });
    wake_.notify_one();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      wake_.wait(lock, [this] { return !tasks_.empty(); });
      --idle_;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::size_t idle_ = 0;
  std::vector<std::thread> threads_;  // never joined: the process ends with them
};

// The operations that the plugin owes an answer for.
class OpenOps {
 public:
  void open(z4j_op op, std::int64_t left_ms) {
    const std::lock_guard lock(mutex_);
    ops_[op] = Op{steady_now_ms() + left_ms, false};
  }
  // False: it was not open any more, or its time was over.
  bool close(z4j_op op) {
    const std::lock_guard lock(mutex_);
    const auto at = ops_.find(op);
    if (at == ops_.end()) return false;
    const bool is_in_time = at->second.until_ms > steady_now_ms();
    ops_.erase(at);
    return is_in_time;
  }
  void cancel(z4j_op op) {
    const std::lock_guard lock(mutex_);
    if (const auto at = ops_.find(op); at != ops_.end()) at->second.is_cancelled = true;
  }
  [[nodiscard]] std::int64_t left_ms(z4j_op op) const {
    const std::lock_guard lock(mutex_);
    const auto at = ops_.find(op);
    return at != ops_.end() ? std::max<std::int64_t>(at->second.until_ms - steady_now_ms(), 0) : 0;
  }
  [[nodiscard]] bool is_cancelled(z4j_op op) const {
    const std::lock_guard lock(mutex_);
    const auto at = ops_.find(op);
    return at == ops_.end() || at->second.is_cancelled || at->second.until_ms <= steady_now_ms();
  }

 private:
  struct Op {
    std::int64_t until_ms;
    bool is_cancelled;
  };
  mutable std::mutex mutex_;
  std::map<z4j_op, Op> ops_;
};

// How many of something are under way.
class UnderWay {
 public:
  void begin() {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }
  void wait_for_none(std::uint32_t deadline_ms) {
    std::unique_lock lock(mutex_);
    none_.wait_for(lock, std::chrono::milliseconds(deadline_ms), [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  std::size_t count_ = 0;
};

// What the plugin waits for, by number.
template <class T>
class Waits {
 public:
  std::uint64_t add(T value) {
    const std::lock_guard lock(mutex_);
    all_.emplace(++last_, std::move(value));
    return last_;
  }
  std::optional<T> take(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto at = all_.find(id);
    if (at == all_.end()) return std::nullopt;
    std::optional<T> out(std::move(at->second));
    all_.erase(at);
    return out;
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, T> all_;
  std::uint64_t last_ = 0;
};

class Runner {
 public:
  Runner(Channel& channel, char* ring, const z4j_plugin& plugin)
      : channel_(channel),
        ring_(ring),
        plugin_(plugin),
        engine_(interface_of<z4j_engine>(Z4J_IFACE_ENGINE)),
        scheduler_(interface_of<z4j_scheduler>(Z4J_IFACE_SCHEDULER)),
        notifier_(interface_of<z4j_notifier>(Z4J_IFACE_NOTIFIER)),
        http_(interface_of<z4j_http>(Z4J_IFACE_HTTP)) {}

  // Until the kernel closes the socket.
  std::string run() {
    Channel::Loop loop;
    loop.take = [this](const Header& header, std::string payload) {
      note(header.kind, payload);
      workers_.post(
          [this, header, payload = std::move(payload)] { answer_and_note(header, payload); });
      return std::string();
    };
    return channel_.run(loop);
  }

 private:
  template <class T>
  const T* interface_of(const char* id) const {
    return static_cast<const T*>(plugin_.get_interface(lend(id)));
  }

  // ---- What the kernel asks for.

  static bool is_answer(Kind kind) {
    return kind == Kind::http_answer || kind == Kind::submit_answer;
  }

  // On the reading thread, in the order of the frames: a cancel that another thread handles before
  // its operation has begun is kept, and stop() waits for the answers that came before it.
  void note(Kind kind, std::string_view payload) {
    if (is_answer(kind)) answers_.begin();
    Reader in(payload);
    z4j_op op = 0;
    std::int64_t left_ms = 0;
    in.take(op);
    if (kind == Kind::cancel && in.is_good()) ops_.cancel(op);
    in.take(left_ms);
    switch (kind) {
      case Kind::command:
      case Kind::snapshot:
      case Kind::list:
      case Kind::put:
      case Kind::remove:
      case Kind::trigger:
      case Kind::send:
      case Kind::handle:
        if (in.is_good()) ops_.open(op, left_ms);
        break;
      default:
        break;
    }
  }

  void answer(const Header& header, std::string_view payload) {
    Outcome outcome;
    std::string threw;
    try {
      outcome = serve(header.kind, payload);
    } catch (const std::exception& e) {
      threw = e.what();
      outcome.threw = true;
    } catch (...) {
      threw = "of no standard type";
      outcome.threw = true;
    }
    if (outcome.threw) {
      outcome.message = cut(threw, 800);
      if (header.id == 0) {
        return tell_fault(std::string(to_string(header.kind)) +
                              "() let an exception cross the boundary: " + outcome.message,
                          true);
      }
    }
    channel_.reply(header, encode(outcome));
  }
  void answer_and_note(const Header& header, std::string_view payload) {
    answer(header, payload);
    if (is_answer(header.kind)) answers_.end();
  }

  static Outcome unreadable() {
    Outcome out;
    out.status = Z4J_INVALID;
    out.message = "a call that can't be read";
    return out;
  }
  static Outcome fine(std::string body = {}) {
    Outcome out;
    out.status = Z4J_OK;
    out.body = std::move(body);
    return out;
  }

  // A call into the plugin, with its name for the line that a crash leaves.
  template <class F>
  Outcome call(const char* function, z4j_op op, F&& f) {
    z4j_error error = blank_error();
    const CrashScope note(CrashNote{name_.c_str(), function, op});
    const z4j_status status = f(&error);
    return outcome_of(status, error);
  }
  template <class F>
  Outcome call_with_op(const char* function, z4j_op op, F&& f) {
    try {
      Outcome out = call(function, op, std::forward<F>(f));
      if (out.status != Z4J_PENDING) ops_.close(op);
      return out;
    } catch (...) {
      ops_.close(op);
      throw;
    }
  }

  Outcome serve(Kind kind, std::string_view payload) {
    switch (kind) {
      case Kind::validate:
        return validate(payload);
      case Kind::create:
        return create(payload);
      case Kind::start:
        return call("start", 0, [&](z4j_error* e) { return plugin_.start(raw_, e); });
      case Kind::stop: {
        std::uint32_t deadline_ms = 0;
        if (!unpack(payload, deadline_ms)) return unreadable();
        answers_.wait_for_none(deadline_ms);
        return call("stop", 0, [&](z4j_error* e) { return plugin_.stop(raw_, deadline_ms, e); });
      }
      case Kind::destroy:
        answers_.wait_for_none(kLastAnswersMs);
        return call("destroy", 0, [&](z4j_error*) {
          plugin_.destroy(raw_);
          is_destroyed_ = true;
          return Z4J_OK;
        });
      case Kind::cancel: {
        z4j_op op = 0;
        if (!unpack(payload, op)) return unreadable();
        if (plugin_.cancel == nullptr || raw_ == nullptr) return fine();
        return call("cancel", op, [&](z4j_error*) {
          plugin_.cancel(raw_, op);
          return Z4J_OK;
        });
      }
      case Kind::posted:
      case Kind::dropped:
        return posted(kind, payload);
      case Kind::engine_capabilities:
      case Kind::scheduler_capabilities: {
        std::uint64_t bits = 0;
        Outcome out = call("capabilities", 0, [&](z4j_error*) {
          bits = kind == Kind::engine_capabilities ? engine_->capabilities(raw_)
                                                   : scheduler_->capabilities(raw_);
          return Z4J_OK;
        });
        out.body = pack(bits);
        return out;
      }
      case Kind::preview:
        return preview(payload);
      case Kind::edited:
        return edited(payload);
      case Kind::http_answer:
        return http_answer(payload);
      case Kind::submit_answer:
        return submit_answer(payload);
      default:
        return serve_op(kind, payload);
    }
  }

  Outcome validate(std::string_view payload) {
    std::string_view config;
    if (!unpack(payload, config)) return unreadable();
    Writer problems;
    const z4j_sink sink{sizeof(z4j_sink), 0, &problems, [](void* ctx, z4j_str one) -> z4j_status {
                          auto& out = *static_cast<Writer*>(ctx);
                          if (out.size() + one.len > (1u << 20)) return Z4J_TOO_LARGE;
                          out.put(text_of(one));
                          return Z4J_OK;
                        }};
    Outcome out =
        call("validate", 0, [&](z4j_error* e) { return plugin_.validate(lend(config), &sink, e); });
    out.body = problems.take();
    return out;
  }

  Outcome create(std::string_view payload) {
    std::string_view name, host_version, config;
    std::int32_t log_level = 0;
    if (!unpack(payload, name, host_version, log_level, services_, config)) return unreadable();
    name_ = name;
    host_version_ = host_version;
    log_level_ = log_level;
    fill_table();
    Outcome out = call(
        "create", 0, [&](z4j_error* e) { return plugin_.create(&table_, lend(config), &raw_, e); });
    if (out.status == Z4J_OK && raw_ == nullptr) {
      out.status = Z4J_INTERNAL;
      out.message = "create() answered ok without an instance";
    }
    return out;
  }

  Outcome serve_op(Kind kind, std::string_view payload) {
    Reader in(payload);
    z4j_op op = 0;
    std::int64_t left_ms = 0;
    in.take(op);
    in.take(left_ms);
    std::string_view a, b;
    std::uint64_t verb = 0;
    if (kind == Kind::command) in.take(verb);
    if (kind == Kind::send) return send(op, in);
    if (kind == Kind::handle) return handle(op, in);
    in.take(a);
    const bool has_two = kind == Kind::command || kind == Kind::snapshot || kind == Kind::put ||
                         kind == Kind::remove;
    if (has_two) in.take(b);
    if (!in.is_done()) return unreadable();
    return call_with_op(to_string(kind), op, [&](z4j_error* e) -> z4j_status {
      switch (kind) {
        case Kind::command:
          return engine_->command(raw_, op, verb, lend(a), lend(b), e);
        case Kind::snapshot:
          return engine_->snapshot(raw_, op, lend(a), lend(b), e);
        case Kind::list:
          return scheduler_->list(raw_, op, lend(a), e);
        case Kind::put:
          return scheduler_->put(raw_, op, lend(a), lend(b), e);
        case Kind::remove:
          return scheduler_->remove(raw_, op, lend(a), lend(b), e);
        case Kind::trigger:
          return scheduler_->trigger(raw_, op, lend(a), e);
        default:
          return Z4J_UNSUPPORTED;
      }
    });
  }

  Outcome send(z4j_op op, Reader& in) {
    z4j_notification n{};
    n.struct_size = sizeof n;
    in.take(n.severity);
    in.take(n.is_test);
    in.take(n.attempt);
    for (z4j_str* text : {&n.id, &n.dedup_key, &n.title, &n.body_text, &n.url, &n.target_type,
                          &n.target_json, &n.context_json})
      take_text(in, *text);
    if (!in.is_done()) return unreadable();
    return call_with_op("send", op, [&](z4j_error* e) { return notifier_->send(raw_, op, &n, e); });
  }

  Outcome handle(z4j_op op, Reader& in) {
    z4j_http_request r{};
    r.struct_size = sizeof r;
    in.take(r.route);
    for (z4j_str* text : {&r.path, &r.query, &r.body, &r.content_type, &r.params_json,
                          &r.headers_json, &r.user_id, &r.permissions_json, &r.trace_id})
      take_text(in, *text);
    if (!in.is_done()) return unreadable();
    return call_with_op("handle", op, [&](z4j_error* e) { return http_->handle(raw_, op, &r, e); });
  }

  static void take_text(Reader& in, z4j_str& to) {
    std::string_view text;
    in.take(text);
    to = lend(text);
  }

  Outcome preview(std::string_view payload) {
    std::string_view schedule;
    std::int64_t from_us = 0;
    std::uint32_t most = 0;
    if (!unpack(payload, schedule, from_us, most) || most > 100'000) return unreadable();
    std::vector<std::int64_t> times(most);
    std::uint32_t count = most;
    Outcome out = call("preview", 0, [&](z4j_error* e) {
      return scheduler_->preview(raw_, lend(schedule), from_us, times.data(), &count, e);
    });
    Writer body;
    count = std::min(count, most);
    body.put(count);
    for (std::uint32_t i = 0; i < count; ++i) body.put(times[i]);
    if (out.status == Z4J_OK) out.body = body.take();
    return out;
  }

  struct Posted {
    void (*run)(void*);
    void (*drop)(void*);
    void* arg;
  };
  Outcome posted(Kind kind, std::string_view payload) {
    std::uint64_t id = 0;
    if (!unpack(payload, id)) return unreadable();
    const auto post = posts_.take(id);
    const auto function = !post ? nullptr : kind == Kind::posted ? post->run : post->drop;
    if (function == nullptr) return fine();
    return call(to_string(kind), 0, [&](z4j_error*) {
      function(post->arg);
      return Z4J_OK;
    });
  }

  Outcome edited(std::string_view payload) {
    std::string_view id;
    if (!unpack(payload, id) || (!id.empty() && id.size() != 16)) return unreadable();
    const std::lock_guard lock(watch_mutex_);
    if (watch_ == nullptr) return fine();
    return call("watch", 0, [&](z4j_error*) {
      watch_(watch_arg_, id.empty() ? nullptr : reinterpret_cast<const std::uint8_t*>(id.data()));
      return Z4J_OK;
    });
  }

  struct HttpWait {
    void (*done)(void*, const z4j_http_answer*);
    void* arg;
  };
  Outcome http_answer(std::string_view payload) {
    Reader in(payload);
    std::uint64_t id = 0;
    in.take(id);
    auto held = decode_http_answer(in);
    if (!held) return unreadable();
    const auto wait = http_waits_.take(id);
    if (!wait) return fine();
    held->answer.headers = held->headers.data();
    return call("HTTP answer", 0, [&](z4j_error*) {
      wait->done(wait->arg, &held->answer);
      return Z4J_OK;
    });
  }

  struct SubmitWait {
    void (*done)(void*, z4j_status, z4j_str);
    void* arg;
  };
  Outcome submit_answer(std::string_view payload) {
    std::uint64_t id = 0;
    z4j_status status = Z4J_INTERNAL;
    std::string_view json;
    if (!unpack(payload, id, status, json)) return unreadable();
    const auto wait = submit_waits_.take(id);
    if (!wait) return fine();
    return call("answer to a submission", 0, [&](z4j_error*) {
      wait->done(wait->arg, status, lend(json));
      return Z4J_OK;
    });
  }

  // ---- What the plugin asks for.

  static Runner& self(void* ctx) { return *static_cast<Runner*>(ctx); }

  void tell_fault(const std::string& what, bool is_fatal) {
    channel_.send(Kind::fault, pack(static_cast<std::uint8_t>(is_fatal ? 1 : 0), what));
  }

  Outcome ask(Kind kind, std::string_view payload) {
    Outcome out;
    std::string reply;
    if (is_destroyed_) {
      out.status = Z4J_BAD_STATE;
      out.message = "this instance was destroyed";
      return out;
    }
    if (payload.size() > most_bytes(kind)) {
      out.status = Z4J_TOO_LARGE;
      out.message = std::string(to_string(kind)) + "() with more than " +
                    std::to_string(most_bytes(kind)) + " bytes";
      return out;
    }
    switch (channel_.call(kind, payload, kHostCallMs, reply)) {
      case Channel::Got::reply:
        if (auto outcome = decode_outcome(reply)) return std::move(*outcome);
        out.status = Z4J_INTERNAL;
        break;
      case Channel::Got::too_many:
        out.status = Z4J_BUSY;
        break;
      default:
        out.status = Z4J_UNAVAILABLE;
        break;
    }
    out.message = "the brain did not answer";
    return out;
  }
  z4j_status ask(Kind kind, std::string_view payload, z4j_error* error) {
    return end_call(ask(kind, payload), error);
  }

  void fill_table() {
    table_.struct_size = sizeof table_;
    table_.abi_major = Z4J_ABI_MAJOR;
    table_.abi_minor = Z4J_ABI_MINOR;
    table_.ctx = this;
    table_.instance_id = lend(name_);
    table_.host_version = lend(host_version_);
    table_.log_level = [](void* ctx) -> std::int32_t { return self(ctx).log_level_; };
    table_.log = [](void* ctx, std::int32_t level, z4j_str message, z4j_str fields) {
      if (level < self(ctx).log_level_) return;
      self(ctx).channel_.send(Kind::log, pack(level, cut(text_of(message), 16u << 10),
                                              fields.len <= 32u << 10 ? text_of(fields) : "{}"));
    };
    table_.op_complete = [](void* ctx, z4j_op op, z4j_status status, const z4j_error* error,
                            z4j_str result) {
      return self(ctx).op_complete(op, status, error, text_of(result));
    };
    table_.op_remaining_ms = [](void* ctx, z4j_op op) { return self(ctx).ops_.left_ms(op); };
    table_.op_cancelled = [](void* ctx, z4j_op op) -> std::int32_t {
      return self(ctx).ops_.is_cancelled(op) ? 1 : 0;
    };
    table_.emit = [](void* ctx, const z4j_event_batch* batch, z4j_error* error) {
      return self(ctx).emit(batch, error);
    };
    table_.health = [](void* ctx, std::int32_t state, z4j_str why) {
      self(ctx).channel_.send(Kind::health, pack(state, cut(text_of(why), 4096)));
    };
    table_.post = [](void* ctx, std::uint32_t delay_ms, void (*fn)(void*), void (*drop)(void*),
                     void* arg) -> z4j_status {
      if (fn == nullptr) return Z4J_INVALID;
      Runner& me = self(ctx);
      const std::uint64_t id = me.posts_.add(Posted{fn, drop, arg});
      const z4j_status status = me.ask(Kind::post, pack(delay_ms, id), nullptr);
      if (status != Z4J_OK) me.posts_.take(id);
      return status;
    };
    table_.secret = [](void* ctx, z4j_str name, const z4j_sink* out, z4j_error* error) {
      if (out == nullptr || out->put == nullptr) return static_cast<z4j_status>(Z4J_INVALID);
      return self(ctx).ask_into(Kind::secret, pack(text_of(name)), out, error);
    };
    table_.metric = [](void* ctx, z4j_str name, z4j_str labels, double value, std::int32_t kind) {
      if (name.len + labels.len > 32u << 10)
        return self(ctx).tell_fault("it sent a metric with a bad name, labels or value", false);
      self(ctx).channel_.send(Kind::metric, pack(text_of(name), text_of(labels), value, kind));
    };
    table_.service = [](void* ctx, z4j_str id) { return self(ctx).service(text_of(id)); };
    fill_services();
    fill_store();
  }

  const void* service(std::string_view id) const {
    const void* const tables[] = {&notices_, &http_client_,    &resolver_,
                                  &submit_,  &schedule_store_, &http_reply_};
    for (std::size_t i = 0; i < std::size(kServiceNames); ++i) {
      if (id == kServiceNames[i]) return (services_ & (1u << i)) != 0 ? tables[i] : nullptr;
    }
    return nullptr;
  }

  z4j_status op_complete(z4j_op op, z4j_status status, const z4j_error* error,
                         std::string_view result) {
    const z4j_error none = blank_error();
    Outcome out = outcome_of(status, Z4J_REACHES(error, z4j_error, message) ? *error : none);
    out.status = status;
    if (status == Z4J_OK && result.size() > OpTable::kMaxResultBytes) {
      out.status = Z4J_TOO_LARGE;
      out.message = "the plugin's answer is " + std::to_string(result.size()) +
                    " bytes long, expected at most " + std::to_string(OpTable::kMaxResultBytes);
      result = {};
    } else if (status != Z4J_OK) {
      result = {};
    }
    // One that is not open is told too, to be counted.
    const bool is_open = ops_.close(op);
    const bool is_told = channel_.send(Kind::complete, pack(op, encode(out), result));
    return is_open && is_told ? Z4J_OK : Z4J_BAD_STATE;
  }

  z4j_status emit(const z4j_event_batch* batch, z4j_error* error) {
    if (batch == nullptr) return write_error(error, host_error(base::Code::invalid, "no batch"));
    if (const auto good = check_batch(*batch); !good) {
      tell_fault(good.error().message, false);
      return write_error(error, good.error());
    }
    const std::size_t bytes = flat_bytes(*batch);
    const auto place = places_.take(bytes);
    if (!place)
      return write_error(error, host_error(base::Code::too_large, "a batch larger than the ring"));
    flatten(*batch, {ring_ + *place, bytes});
    const z4j_status status =
        ask(Kind::emit, pack(std::uint64_t{*place}, std::uint64_t{bytes}), error);
    places_.give_back(*place);
    // Pages that an unusually large batch took.
    places_.when_idle_beyond(
        kRingKept, [this] { ::madvise(ring_ + kRingKept, kRingBytes - kRingKept, MADV_REMOVE); });
    return status;
  }

  // A reply whose body is texts for a sink.
  z4j_status ask_into(Kind kind, std::string_view payload, const z4j_sink* out, z4j_error* error) {
    const Outcome outcome = ask(kind, payload);
    if (outcome.status != Z4J_OK) return end_call(outcome, error);
    Reader in(outcome.body);
    while (in.is_good() && !in.is_done()) {
      std::string_view text;
      in.take(text);
      if (!in.is_good()) return Z4J_INTERNAL;
      if (const z4j_status status = out->put(out->ctx, lend(text)); status != Z4J_OK) return status;
    }
    return Z4J_OK;
  }

  void fill_services() {
    notices_.struct_size = sizeof notices_;
    notices_.notice = [](void* ctx, z4j_str channel, z4j_str payload) {
      if (channel.len + payload.len > 32u << 10)
        return self(ctx).tell_fault("it sent a notice with a bad channel or payload", false);
      self(ctx).channel_.send(Kind::notice, pack(text_of(channel), text_of(payload)));
    };
    notices_.gap = [](void* ctx) { self(ctx).channel_.send(Kind::notices_gap, {}); };

    http_client_.struct_size = sizeof http_client_;
    http_client_.send = [](void* ctx, const z4j_http_call* call,
                           void (*done)(void*, const z4j_http_answer*), void* arg,
                           z4j_error* error) -> z4j_status {
      if (!Z4J_REACHES(call, z4j_http_call, max_redirects) || done == nullptr ||
          call->header_count > 64 || (call->headers == nullptr && call->header_count > 0))
        return write_error(error, host_error(base::Code::invalid, "an HTTP call out of bounds"));
      Runner& me = self(ctx);
      const std::uint64_t id = me.http_waits_.add(HttpWait{done, arg});
      Writer out;
      out.put(id);
      out.raw(encode(*call));
      const z4j_status status = me.ask(Kind::http_call, out.take(), error);
      if (status != Z4J_PENDING) me.http_waits_.take(id);
      return status;
    };

    resolver_.struct_size = sizeof resolver_;
    resolver_.addresses = [](void* ctx, z4j_str host, std::uint32_t port, std::uint32_t deadline_ms,
                             const z4j_sink* out, z4j_error* error) -> z4j_status {
      if (out == nullptr || out->put == nullptr) return Z4J_INVALID;
      return self(ctx).ask_into(Kind::addresses, pack(text_of(host), port, deadline_ms), out,
                                error);
    };

    submit_.struct_size = sizeof submit_;
    submit_.submit = [](void* ctx, const z4j_submission* s,
                        void (*done)(void*, z4j_status, z4j_str), void* arg,
                        z4j_error* error) -> z4j_status {
      if (!Z4J_REACHES(s, z4j_submission, more_json) || done == nullptr)
        return write_error(error,
                           host_error(base::Code::invalid, "a submission without task or done"));
      Runner& me = self(ctx);
      const std::uint64_t id = me.submit_waits_.add(SubmitWait{done, arg});
      const z4j_status status = me.ask(
          Kind::submit,
          pack(id, s->deadline_ms, s->eta_us, text_of(s->project), text_of(s->engine),
               text_of(s->task), text_of(s->queue), text_of(s->priority), text_of(s->args_json),
               text_of(s->kwargs_json), text_of(s->idempotency_key), text_of(s->more_json)),
          error);
      if (status != Z4J_PENDING) me.submit_waits_.take(id);
      return status;
    };

    http_reply_.struct_size = sizeof http_reply_;
    http_reply_.begin = [](void* ctx, z4j_op op, std::uint32_t code, z4j_str type,
                           z4j_str headers) -> z4j_status {
      return self(ctx).ask(Kind::reply_begin, pack(op, code, text_of(type), text_of(headers)),
                           nullptr);
    };
    http_reply_.write = [](void* ctx, z4j_op op, z4j_str chunk) -> z4j_status {
      // In parts that fit a frame; the kernel says when it is too much.
      std::string_view left = text_of(chunk);
      do {
        const std::string_view part = left.substr(0, kReplyPart);
        left.remove_prefix(part.size());
        const z4j_status status = self(ctx).ask(Kind::reply_write, pack(op, part), nullptr);
        if (status != Z4J_OK) return status;
      } while (!left.empty());
      return Z4J_OK;
    };
  }

  // Rows for a sink, asked for again behind the last one when the kernel cut them off. `ask_behind`
  // gives the payload for what is behind that row (null: from the start) and so many at most.
  template <class AskBehind>
  z4j_status rows(Kind kind, std::uint32_t limit, const z4j_schedule_rows* to, z4j_error* error,
                  AskBehind&& ask_behind) {
    if (to == nullptr || to->put == nullptr) return Z4J_INVALID;
    std::optional<z4j_stored_schedule> last;
    for (;;) {
      const Outcome outcome = ask(kind, ask_behind(last ? &*last : nullptr, limit));
      if (outcome.status != Z4J_OK) return end_call(outcome, error);
      Reader in(outcome.body);
      std::uint8_t is_cut = 0;
      in.take(is_cut);
      z4j_stored_schedule row{};
      bool has_rows = false;
      while (!in.is_done() && take_schedule(in, row)) {
        has_rows = true;
        if (limit > 0) --limit;
        if (const z4j_status status = to->put(to->ctx, &row); status != Z4J_OK) return status;
        last = row;
        last->schedule_json = {};
      }
      if (!in.is_good()) return Z4J_INTERNAL;
      if (is_cut == 0 || !has_rows || limit == 0) return Z4J_OK;
    }
  }

  static std::string_view sixteen(const std::uint8_t* id) {
    return id != nullptr ? std::string_view(reinterpret_cast<const char*>(id), 16)
                         : std::string_view();
  }

  template <class Item>
  z4j_status change(Kind kind, std::uint64_t fence, const Item* items, std::uint32_t count,
                    std::uint8_t* outcomes, z4j_error* error) {
    if (items == nullptr || outcomes == nullptr || count > 1000)
      return write_error(error, host_error(base::Code::invalid, "too many schedules at once"));
    const std::string_view bytes(reinterpret_cast<const char*>(items), count * sizeof(Item));
    const Outcome outcome = ask(kind, pack(fence, bytes));
    if (outcome.status == Z4J_OK && outcome.body.size() == count)
      std::memcpy(outcomes, outcome.body.data(), count);
    return end_call(outcome, error);
  }

  void fill_store() {
    schedule_store_.struct_size = sizeof schedule_store_;
    schedule_store_.now_us = [](void* ctx) -> std::int64_t {
      std::int64_t now = 0;
      return unpack(self(ctx).ask(Kind::store_now, {}).body, now) ? now : 0;
    };
    schedule_store_.lead = [](void* ctx, std::uint32_t ttl_ms, std::uint64_t* fence,
                              z4j_error* error) -> z4j_status {
      if (fence == nullptr) return Z4J_INVALID;
      const Outcome outcome = self(ctx).ask(Kind::store_lead, pack(ttl_ms));
      if (outcome.status == Z4J_OK && !unpack(outcome.body, *fence)) return Z4J_INTERNAL;
      return end_call(outcome, error);
    };
    schedule_store_.resign = [](void* ctx, std::uint64_t fence) {
      self(ctx).ask(Kind::store_resign, pack(fence));
    };
    schedule_store_.due = [](void* ctx, std::int64_t until_us, std::int64_t after_us,
                             const std::uint8_t* after_id, std::uint32_t limit,
                             const z4j_schedule_rows* to, z4j_error* error) -> z4j_status {
      return self(ctx).rows(
          Kind::store_due, limit, to, error,
          [&](const z4j_stored_schedule* last, std::uint32_t left) {
            return last != nullptr ? pack(until_us, last->next_run_us, sixteen(last->id), left)
                                   : pack(until_us, after_us, sixteen(after_id), left);
          });
    };
    schedule_store_.changed = [](void* ctx, std::int64_t since_us, const std::uint8_t* after_id,
                                 std::uint32_t limit, const z4j_schedule_rows* to,
                                 z4j_error* error) -> z4j_status {
      return self(ctx).rows(Kind::store_changed, limit, to, error,
                            [&](const z4j_stored_schedule* last, std::uint32_t left) {
                              return last != nullptr
                                         ? pack(last->changed_us, sixteen(last->id), left)
                                         : pack(since_us, sixteen(after_id), left);
                            });
    };
    schedule_store_.read = [](void* ctx, const std::uint8_t* ids, std::uint32_t count,
                              const z4j_schedule_rows* to, z4j_error* error) -> z4j_status {
      if (ids == nullptr || count > 1000) return Z4J_INVALID;
      for (std::size_t at = 0; at < count; at += kIdsAtOnce) {
        const std::size_t some = std::min<std::size_t>(kIdsAtOnce, count - at);
        const std::string_view bytes(reinterpret_cast<const char*>(ids + at * 16), some * 16);
        const z4j_status status =
            self(ctx).rows(Kind::store_read, 0, to, error,
                           [&](const z4j_stored_schedule*, std::uint32_t) { return pack(bytes); });
        if (status != Z4J_OK) return status;
      }
      return Z4J_OK;
    };
    schedule_store_.watch = [](void* ctx, void (*fn)(void*, const std::uint8_t*),
                               void* arg) -> z4j_status {
      Runner& me = self(ctx);
      {
        const std::lock_guard lock(me.watch_mutex_);
        me.watch_ = fn;
        me.watch_arg_ = arg;
      }
      return me.ask(Kind::store_watch, pack(static_cast<std::uint8_t>(fn != nullptr ? 1 : 0)),
                    nullptr);
    };
    schedule_store_.plan = [](void* ctx, std::uint64_t fence, const z4j_plan* plans,
                              std::uint32_t count, std::uint8_t* outcomes, z4j_error* error) {
      return self(ctx).change(Kind::store_plan, fence, plans, count, outcomes, error);
    };
    schedule_store_.fire = [](void* ctx, std::uint64_t fence, const z4j_fire* fires,
                              std::uint32_t count, std::uint8_t* outcomes, z4j_error* error) {
      return self(ctx).change(Kind::store_fire, fence, fires, count, outcomes, error);
    };
  }

  Channel& channel_;
  char* const ring_;
  const z4j_plugin& plugin_;
  const z4j_engine* const engine_;
  const z4j_scheduler* const scheduler_;
  const z4j_notifier* const notifier_;
  const z4j_http* const http_;
  // Written by create(), which all other calls come after.
  z4j_instance* raw_ = nullptr;
  std::string name_ = "its process", host_version_;
  std::int32_t log_level_ = 0;
  std::uint32_t services_ = 0;
  std::atomic<bool> is_destroyed_{false};

  Workers workers_;
  OpenOps ops_;
  UnderWay answers_;  // to HTTP calls and submissions: done() comes before stop()
  RingPlaces places_{kRingBytes};
  Waits<Posted> posts_;
  Waits<HttpWait> http_waits_;
  Waits<SubmitWait> submit_waits_;
  std::mutex watch_mutex_;
  void (*watch_)(void*, const std::uint8_t*) = nullptr;  // guarded by watch_mutex_, as is the next
  void* watch_arg_ = nullptr;

  z4j_host table_{};
  z4j_notices notices_{};
  z4j_http_client http_client_{};
  z4j_resolver resolver_{};
  z4j_submit submit_{};
  z4j_schedule_store schedule_store_{};
  z4j_http_reply http_reply_{};
};

Declared refusal(const std::string& step, const base::Error& error) {
  Declared out;
  out.refused_at = step;
  z4j_error words = blank_error();
  const z4j_status status = write_error(&words, error);
  out.refusal = outcome_of(status, words);
  out.what_to_do = error.hint;
  return out;
}

// Of threads to come: a stack counts against the memory of the process as a whole, used or not.
void make_stacks_small() {
  pthread_attr_t attributes;
  if (::pthread_getattr_default_np(&attributes) != 0) return;
  if (::pthread_attr_setstacksize(&attributes, kStackBytes) == 0)
    ::pthread_setattr_default_np(&attributes);
  ::pthread_attr_destroy(&attributes);
}

}  // namespace

int run_plugin(int socket_fd, int ring_fd, int file_fd) {
  install_crash_handler();
  make_stacks_small();
  // The kernel says when it is over, though all of a service may be signalled at once.
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::signal(number, SIG_IGN);
  // What the kernel's program has open is not for the plugin.
  if (::close_range(static_cast<unsigned>(std::max({socket_fd, ring_fd, file_fd})) + 1, ~0u, 0) !=
      0) {
    std::fprintf(stderr, "z4j-plugin-host: it can't close what it was left open: %s\n",
                 std::strerror(errno));
    return 2;
  }
  void* const ring = ::mmap(nullptr, kRingBytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
  if (ring == MAP_FAILED) {
    std::fputs("z4j-plugin-host: it is started by z4j-brain, with a socket and shared memory\n",
               stderr);
    return 2;
  }
  // Never freed: threads of the plugin may use both as long as the process runs.
  auto& channel = *new Channel(socket_fd, Way::to_plugin);
  const auto first = channel.read_one(kFirstFrameMs);
  const auto load =
      first && first->first.kind == Kind::load ? decode_load(first->second) : std::optional<Load>();
  if (!load) {
    std::fputs("z4j-plugin-host: the first frame is no order to load a plugin\n", stderr);
    return 2;
  }
  const auto refuse = [&](const std::string& step, const base::Error& error) {
    channel.reply(first->first, encode(refusal(step, error)));
    return 0;
  };
  if (load->version != built_version())
    return refuse("process",
                  host_error(base::Code::unsupported,
                             std::string("z4j-plugin-host is of version ") + built_version() +
                                 ", the program that started it of " + load->version,
                             "restart that program: it was upgraded while it ran"));
  const auto holds = enter(load->sandbox);
  if (!holds) return refuse("process", holds.error());

  CheckedFile checked;
  checked.path = load->path;
  checked.file = base::Descriptor(file_fd);
  checked.is_sealed = load->is_sealed;
  checked.sha256 = load->sha256;
  Refusal why;
  const LoadedFile* const file = map_file(std::move(checked), why);
  if (file == nullptr) return refuse(why.step, why.error);
  Declared declared = declared_by(*file->descriptor);
  declared.holds = *holds;
  const std::string bytes = encode(declared);
  if (bytes.size() > most_bytes(Kind::reply)) {
    return refuse(
        "descriptor",
        host_error(base::Code::too_large,
                   file->path + ": what it declares and the files it serves are " +
                       std::to_string(bytes.size()) + " bytes, expected at most " +
                       std::to_string(most_bytes(Kind::reply)) + " in a process of its own",
                   "set isolation = \"inline\" for this instance, if you trust its file"));
  }
  auto& runner = *new Runner(channel, static_cast<char*>(ring), *file->descriptor);
  channel.reply(first->first, bytes);
  const std::string ended = runner.run();
  if (ended.empty()) return 0;
  std::fprintf(stderr, "z4j-plugin-host: %s\n", ended.c_str());
  return 1;
}

}  // namespace z4j::plugin::process
