#include "checked_host.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/json.hpp"
#include "plugin/batch_check.hpp"
#include "plugin/crossing.hpp"
#include "scarce_memory.hpp"

namespace z4j::check {
namespace {

using Clock = std::chrono::steady_clock;
using plugin::lend;
using plugin::text_of;

constexpr std::size_t kMostSaid = 8u << 20, kMostFaults = 20;
constexpr std::size_t kMaxResult = 8u << 20;
constexpr std::size_t kMaxText = 1u << 20;

CheckedHost& of(void* ctx) { return *static_cast<CheckedHost*>(ctx); }

bool is_utf8(std::string_view s) {
  std::string quoted = "\"";
  for (const char c : s) {
    if (static_cast<unsigned char>(c) >= 0x80) quoted += c;
  }
  return base::json::parse(quoted + "\"").ok();
}

bool is_known(z4j_status status) {
  return status == Z4J_OK || (status >= Z4J_INVALID && status <= Z4J_TOO_LARGE) ||
         (status >= Z4J_BUSY && status <= Z4J_UNKNOWN) ||
         (status >= Z4J_INTERNAL && status <= Z4J_CORRUPT);
}

std::string sentence_of(const char* function, const std::string& what) {
  return std::string("it called ") + function + "() " + what;
}

void fill(z4j_error* to, z4j_status status, std::string_view message) {
  if (!Z4J_REACHES(to, z4j_error, message)) return;
  to->code = status;
  to->where[0] = '\0';
  const std::size_t n = std::min(message.size(), sizeof to->message - 1);
  std::copy_n(message.data(), n, to->message);
  to->message[n] = '\0';
}

}  // namespace

CheckedHost::CheckedHost(Shape shape) : shape_(std::move(shape)) {
  fill_table();
  fill_services();
  fill_schedule_store();
}

void CheckedHost::fault(std::string sentence) {
  const std::lock_guard lock(mutex_);
  if (faults_.size() < kMostFaults) faults_.push_back(std::move(sentence));
}

void CheckedHost::note(std::string_view kind, std::string_view words) {
  const std::lock_guard lock(mutex_);
  if (said_.size() + words.size() < kMostSaid) {
    said_ += kind;
    said_ += ": ";
    said_ += words;
    said_ += '\n';
  }
}

// What may be called when: docs/abi/plugin.md.
void CheckedHost::admit(const char* function) {
  std::string wrong;
  {
    const std::lock_guard lock(mutex_);
    if (life_ == Life::destroyed) wrong = "after destroy() returned";
    if (life_ == Life::stopped) wrong = "after stop() returned";
  }
  if (!wrong.empty()) fault(sentence_of(function, wrong));
}

void CheckedHost::text(const char* function, const char* member, z4j_str s, std::size_t most,
                       bool is_json) {
  const std::string_view words = text_of(s);
  if (s.ptr == nullptr && s.len > 0) {
    return fault(sentence_of(function, std::string("with a null ") + member + " of " +
                                           std::to_string(s.len) + " bytes"));
  }
  if (words.size() > most) {
    return fault(sentence_of(function, std::string("with a ") + member + " of " +
                                           std::to_string(words.size()) +
                                           " bytes, expected at most " + std::to_string(most)));
  }
  if (is_json && shape_.judges_texts && !words.empty() && !base::json::parse(words))
    return fault(sentence_of(function, std::string("with a ") + member + " that is not JSON: " +
                                           std::string(plugin::cut(words, 100))));
  if (shape_.judges_texts && !is_utf8(words))
    fault(sentence_of(function, std::string("with a ") + member + " that is not UTF-8"));
}

void CheckedHost::enter(Life life) {
  const std::lock_guard lock(mutex_);
  life_ = life;
}

z4j_op CheckedHost::open_operation() {
  const std::lock_guard lock(mutex_);
  const z4j_op op = next_op_++;
  operations_[op].since = Clock::now();
  return op;
}

Answer CheckedHost::answer_of(z4j_op op) const {
  const std::lock_guard lock(mutex_);
  const auto at = operations_.find(op);
  return at == operations_.end() ? Answer{} : at->second.answer;
}

std::size_t CheckedHost::open_operations() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(operations_.begin(), operations_.end(),
                    [](const auto& each) { return !each.second.answer.is_there; }));
}

void CheckedHost::answered_at_once(z4j_op op, z4j_status status, const z4j_error& error) {
  bool twice = false;
  {
    const std::lock_guard lock(mutex_);
    Operation& operation = operations_[op];
    twice = operation.answer.is_there;
    operation.answer.is_there = true;
    operation.answer.status = status;
    operation.answer.message = error.message;
    operation.answer.where = error.where;
    operation.answer.retry_after_ms = error.retry_after_ms;
  }
  if (twice && !trusts_foreign_)
    fault("it answered an operation with op_complete() and returned " + std::to_string(status) +
          " besides: two answers");
}

Answer CheckedHost::await(z4j_op op, int deadline_ms) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(deadline_ms);
  for (;;) {
    if (const Answer answer = answer_of(op); answer.is_there) return answer;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return {};
    pump(static_cast<int>(std::min<std::int64_t>(left.count(), 5)));
  }
}

void CheckedHost::pump(int ms) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(ms);
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto now = Clock::now();
    const auto due =
        std::find_if(posted_.begin(), posted_.end(), [&](const Posted& p) { return p.due <= now; });
    if (due != posted_.end()) {
      const Posted posted = *due;
      posted_.erase(due);
      lock.unlock();
      posted.fn(posted.arg);
      lock.lock();
      continue;
    }
    if (now >= deadline) return;
    auto until = std::min(deadline, now + std::chrono::milliseconds(20));
    for (const Posted& p : posted_) until = std::min(until, p.due);
    wake_.wait_until(lock, until);
  }
}

void CheckedHost::drain() {
  std::vector<Posted> dropped;
  std::deque<Ending> endings;
  {
    const std::lock_guard lock(mutex_);
    drained_ = true;
    dropped.swap(posted_);
    endings.swap(endings_);
  }
  for (const Posted& posted : dropped) {
    if (posted.drop != nullptr) posted.drop(posted.arg);
  }
  for (const Ending& ending : endings) ending.cancel();
}

void CheckedHost::cancel_all() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
}
void CheckedHost::trust_foreign_answers() { trusts_foreign_ = true; }

#define Z4J_CHECK_GETTER(type, name, member) \
  type CheckedHost::name() const {           \
    const std::lock_guard lock(mutex_);      \
    return member;                           \
  }
Z4J_CHECK_GETTER(std::vector<HttpCall>, http_calls, calls_)
Z4J_CHECK_GETTER(std::vector<std::string>, submissions, submissions_)
Z4J_CHECK_GETTER(std::vector<std::string>, notices, heard_)
Z4J_CHECK_GETTER(std::vector<CheckedHost::Fired>, fired, fired_)
Z4J_CHECK_GETTER(std::uint64_t, emitted_rows, rows_)
Z4J_CHECK_GETTER(std::uint64_t, emit_calls, emits_)
Z4J_CHECK_GETTER(std::uint64_t, log_lines, lines_)
Z4J_CHECK_GETTER(std::string, said, said_)
Z4J_CHECK_GETTER(std::vector<std::string>, faults, faults_)
#undef Z4J_CHECK_GETTER

Reply CheckedHost::reply_of(z4j_op op) const {
  const std::lock_guard lock(mutex_);
  const auto at = replies_.find(op);
  return at == replies_.end() ? Reply{} : at->second;
}

void CheckedHost::store_schedule(StoredSchedule schedule) {
  const std::lock_guard lock(mutex_);
  schedules_.push_back(std::move(schedule));
}

// --- the table
// ------------------------------------------------------------------------------------

void CheckedHost::fill_table() {
  z4j_host host{};
  host.struct_size = static_cast<std::uint32_t>(sizeof host) + shape_.trap_bytes;
  host.abi_major = Z4J_ABI_MAJOR;
  host.abi_minor = shape_.abi_minor;
  host.ctx = this;
  host.instance_id = lend(shape_.instance);
  host.host_version = lend("z4j-plugin-check");
  host.log_level = [](void* ctx) -> std::int32_t { return of(ctx).shape_.log_level; };
  host.log = [](void* ctx, std::int32_t level, z4j_str message, z4j_str fields) {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("log");
    if (level < Z4J_LOG_TRACE || level > Z4J_LOG_ERROR)
      self.fault(sentence_of("log", "with level " + std::to_string(level)));
    self.text("log", "message", message, kMaxText, false);
    self.text("log", "fields_json", fields, kMaxText, true);
    self.note("log", text_of(message));
    self.note("log fields", text_of(fields));
    const std::lock_guard lock(self.mutex_);
    ++self.lines_;
  };
  host.op_complete = [](void* ctx, z4j_op op, z4j_status status, const z4j_error* error,
                        z4j_str result) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("op_complete");
    if (!is_known(status))
      self.fault(sentence_of("op_complete",
                             "with status " + std::to_string(status) + ", which is no answer"));
    self.text("op_complete", "result_json", result, kMaxResult, true);
    self.note("answer", text_of(result));
    if (error != nullptr)
      self.note("answer",
                std::string_view(error->message, ::strnlen(error->message, sizeof error->message)));
    if (self.shape_.refuses_answers) {
      const std::lock_guard lock(self.mutex_);
      self.operations_[op].answer.is_there = true;
      self.wake_.notify_all();
      return Z4J_BAD_STATE;
    }
    std::string wrong;
    {
      const std::lock_guard lock(self.mutex_);
      const auto at = self.operations_.find(op);
      if (at == self.operations_.end()) {
        wrong = "for an operation that it was never given";
      } else if (at->second.answer.is_there) {
        wrong = "twice for one operation";
      } else {
        Answer& answer = at->second.answer;
        answer.is_there = true;
        answer.status = status;
        answer.result = text_of(result);
        answer.took_ms = static_cast<int>(
            std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - at->second.since)
                .count());
        if (error != nullptr) {
          answer.message.assign(error->message, ::strnlen(error->message, sizeof error->message));
          answer.where.assign(error->where, ::strnlen(error->where, sizeof error->where));
          answer.retry_after_ms = error->retry_after_ms;
        }
        self.wake_.notify_all();
      }
    }
    if (wrong.empty()) return Z4J_OK;
    if (!self.trusts_foreign_) self.fault(sentence_of("op_complete", wrong));
    return Z4J_BAD_STATE;
  };
  host.op_remaining_ms = [](void* ctx, z4j_op) -> std::int64_t {
    return of(ctx).shape_.remaining_ms;
  };
  host.op_cancelled = [](void* ctx, z4j_op) -> std::int32_t {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    const std::lock_guard lock(self.mutex_);
    return self.cancelled_ || self.shape_.cancels ? 1 : 0;
  };
  host.emit = [](void* ctx, const z4j_event_batch* batch, z4j_error* error) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("emit");
    if (batch == nullptr) {
      self.fault(sentence_of("emit", "without a batch"));
      return Z4J_INVALID;
    }
    if (const auto good = plugin::check_batch(*batch); !good) {
      self.fault("it emitted a malformed batch: " + good.error().message);
      fill(error, Z4J_INVALID, good.error().message);
      return Z4J_INVALID;
    }
    const std::lock_guard lock(self.mutex_);
    if (self.life_ == Life::created && self.faults_.size() < kMostFaults)
      self.faults_.push_back(sentence_of("emit", "before start()"));
    ++self.emits_;
    if (self.shape_.emit != Z4J_OK) {
      fill(error, self.shape_.emit, "the queue of this host is full");
      if (Z4J_REACHES(error, z4j_error, message)) error->retry_after_ms = 50;
      return self.shape_.emit;
    }
    self.rows_ += batch->rows;
    return Z4J_OK;
  };
  host.health = [](void* ctx, std::int32_t state, z4j_str why) {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("health");
    if (state < Z4J_HEALTH_OK || state > Z4J_HEALTH_FAILING)
      self.fault(sentence_of("health", "with state " + std::to_string(state)));
    self.text("health", "why", why, kMaxText, false);
    self.note("health", text_of(why));
  };
  host.post = [](void* ctx, std::uint32_t delay_ms, void (*fn)(void*), void (*drop)(void*),
                 void* arg) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("post");
    if (fn == nullptr) {
      self.fault(sentence_of("post", "without a function"));
      return Z4J_INVALID;
    }
    const std::lock_guard lock(self.mutex_);
    if (self.drained_) return Z4J_BAD_STATE;
    self.posted_.push_back({Clock::now() + std::chrono::milliseconds(delay_ms), fn, drop, arg});
    self.wake_.notify_all();
    return Z4J_OK;
  };
  host.secret = [](void* ctx, z4j_str name, const z4j_sink* out, z4j_error* error) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("secret");
    const std::string key(text_of(name));
    // As the brain does: a variable of that name.
    const char* const value = key.rfind("Z4J_", 0) == 0 ? std::getenv(key.c_str()) : nullptr;
    if (value == nullptr) {
      fill(error, Z4J_NOT_FOUND, "there is no secret \"" + key + "\"");
      return Z4J_NOT_FOUND;
    }
    if (out == nullptr || out->put == nullptr) {
      self.fault(sentence_of("secret", "without a sink"));
      return Z4J_INVALID;
    }
    return out->put(out->ctx, lend(value));
  };
  host.metric = [](void* ctx, z4j_str name, z4j_str labels, double value, std::int32_t) {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("metric");
    if (text_of(name).empty()) self.fault(sentence_of("metric", "without a name"));
    if (!std::isfinite(value)) self.fault(sentence_of("metric", "with a value that is no number"));
    self.text("metric", "name", name, 128, false);
    self.text("metric", "labels_json", labels, 1024, true);
    self.note("metric", text_of(name));
    self.note("metric", text_of(labels));
  };
  host.service = [](void* ctx, z4j_str id) -> const void* {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("service");
    return self.service(text_of(id));
  };

  Guarded* memory = nullptr;
  if (shape_.is_tight) {
    memory = memory_.emplace_back(std::make_unique<Guarded>(sizeof host)).get();
  } else {
    memory = memory_.emplace_back(std::make_unique<Guarded>(sizeof host + shape_.trap_bytes)).get();
    const auto trap = +[]() { std::abort(); };
    for (std::size_t at = sizeof host; at + sizeof trap <= sizeof host + shape_.trap_bytes;
         at += sizeof trap) {
      std::memcpy(memory->data() + at, &trap, sizeof trap);
    }
  }
  std::memcpy(memory->data(), &host, sizeof host);
  table_ = reinterpret_cast<z4j_host*>(memory->data());
}

const void* CheckedHost::service(std::string_view id) {
  if (!shape_.has_services) return nullptr;
  if (id == Z4J_SERVICE_NOTICES) return notices_table_;
  if (id == Z4J_SERVICE_HTTP_CLIENT) return http_client_;
  if (id == Z4J_SERVICE_RESOLVER) return resolver_;
  if (id == Z4J_SERVICE_SUBMIT) return submit_;
  if (id == Z4J_SERVICE_SCHEDULE_STORE) return schedule_store_;
  if (id == Z4J_SERVICE_HTTP_REPLY) return http_reply_;
  return nullptr;
}

// --- services
// -------------------------------------------------------------------------------------

// Ends calls of services, one after another.
void CheckedHost::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto next = std::find_if(endings_.begin(), endings_.end(),
                                   [](const Ending& ending) { return !ending.never; });
    if (next == endings_.end()) {
      wake_.wait_for(lock, std::chrono::milliseconds(100));
      continue;
    }
    const Ending ending = std::move(*next);
    endings_.erase(next);
    lock.unlock();
    ending.run();
    lock.lock();
  }
}

void CheckedHost::fill_services() {
  const auto placed = [this](auto table) {
    table.struct_size = sizeof table;
    Guarded* memory = memory_.emplace_back(std::make_unique<Guarded>(sizeof table)).get();
    std::memcpy(memory->data(), &table, sizeof table);
    return reinterpret_cast<decltype(table)*>(memory->data());
  };

  z4j_notices notices{};
  notices.notice = [](void* ctx, z4j_str channel, z4j_str payload) {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("notice");
    self.text("notice", "channel", channel, 128, false);
    self.text("notice", "payload", payload, 4000, false);
    const std::lock_guard lock(self.mutex_);
    self.heard_.push_back(std::string(text_of(channel)) + "=" + std::string(text_of(payload)));
  };
  notices.gap = [](void* ctx) { of(ctx).admit("gap"); };
  notices_table_ = placed(notices);

  z4j_http_client client{};
  client.send = [](void* ctx, const z4j_http_call* call,
                   void (*done)(void*, const z4j_http_answer*), void* arg,
                   z4j_error* error) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("http-client send");
    if (!Z4J_REACHES(call, z4j_http_call, max_redirects) || done == nullptr) {
      self.fault("it called the http client without a whole call");
      return Z4J_INVALID;
    }
    self.text("http-client send", "method", call->method, 16, false);
    self.text("http-client send", "url", call->url, 64u << 10, false);
    if (call->deadline_ms > 60'000)
      self.fault("it gave the http client a deadline of " + std::to_string(call->deadline_ms) +
                 " ms, expected at most 60000");
    HttpCall noted{std::string(text_of(call->method)),
                   std::string(text_of(call->url)),
                   std::string(text_of(call->body)),
                   call->deadline_ms,
                   {}};
    for (std::uint32_t i = 0; i < call->header_count; ++i)
      noted.headers.emplace_back(text_of(call->headers[i].name), text_of(call->headers[i].value));
    HttpAnswer answer;
    if (self.http) answer = self.http(noted);
    const auto end = [done, arg](const HttpAnswer& with) {
      z4j_http_answer out{};
      out.struct_size = sizeof out;
      out.status = with.status;
      out.http_status = with.http_status;
      out.body = lend(with.body);
      out.message = lend(with.status == Z4J_OK ? "" : "this host reaches no other machine");
      done(arg, &out);
    };
    const std::lock_guard lock(self.mutex_);
    if (self.drained_) {
      fill(error, Z4J_BAD_STATE, "the instance stops");
      return Z4J_BAD_STATE;
    }
    self.calls_.push_back(std::move(noted));
    self.endings_.push_back({[end, answer] { end(answer); },
                             [end] {
                               HttpAnswer cancelled;
                               cancelled.status = Z4J_CANCELLED;
                               end(cancelled);
                             },
                             answer.never});
    if (!self.server_.joinable()) self.server_ = std::thread([&self] { self.serve(); });
    self.wake_.notify_all();
    return Z4J_PENDING;
  };
  http_client_ = placed(client);

  z4j_resolver resolver{};
  resolver.addresses = [](void* ctx, z4j_str host, std::uint32_t, std::uint32_t, const z4j_sink*,
                          z4j_error* error) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("resolver addresses");
    self.text("resolver addresses", "host", host, 1024, false);
    fill(error, Z4J_DENIED, "this host reaches no other machine");
    return Z4J_DENIED;
  };
  resolver_ = placed(resolver);

  z4j_submit submit{};
  submit.submit = [](void* ctx, const z4j_submission* asked,
                     void (*done)(void*, z4j_status, z4j_str), void* arg,
                     z4j_error*) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("submit");
    if (!Z4J_REACHES(asked, z4j_submission, more_json) || done == nullptr) {
      self.fault("it submitted without a whole submission");
      return Z4J_INVALID;
    }
    const std::size_t key = text_of(asked->idempotency_key).size();
    if (key < 1 || key > 200)
      self.fault("it submitted with an idempotency key of " + std::to_string(key) +
                 " bytes, expected 1 to 200");
    self.text("submit", "args_json", asked->args_json, kMaxText, true);
    self.text("submit", "kwargs_json", asked->kwargs_json, kMaxText, true);
    const std::lock_guard lock(self.mutex_);
    if (self.drained_) return Z4J_BAD_STATE;
    self.submissions_.emplace_back(text_of(asked->task));
    const auto end = [done, arg](z4j_status status, std::string_view answer) {
      done(arg, status, lend(answer));
    };
    self.endings_.push_back(
        {[end] { end(Z4J_OK, R"({"outcome":"sent","command_id":"c1","new_task_id":"t1"})"); },
         [end] { end(Z4J_CANCELLED, ""); }, false});
    if (!self.server_.joinable()) self.server_ = std::thread([&self] { self.serve(); });
    self.wake_.notify_all();
    return Z4J_PENDING;
  };
  submit_ = placed(submit);

  z4j_http_reply reply{};
  reply.begin = [](void* ctx, z4j_op op, std::uint32_t code, z4j_str type,
                   z4j_str headers) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("http-reply begin");
    self.text("http-reply begin", "headers_json", headers, 8u << 10, true);
    self.text("http-reply begin", "content_type", type, 100, false);
    if (code < 200 || code > 599) {
      self.fault("it began a reply with code " + std::to_string(code) + ", expected 200 to 599");
      return Z4J_INVALID;
    }
    const std::lock_guard lock(self.mutex_);
    const auto at = self.operations_.find(op);
    if (at == self.operations_.end() || at->second.answer.is_there || self.replies_[op].begun > 0)
      return Z4J_BAD_STATE;
    Reply& begun = self.replies_[op];
    ++begun.begun;
    begun.code = code;
    begun.type = text_of(type);
    begun.headers = text_of(headers);
    return Z4J_OK;
  };
  reply.write = [](void* ctx, z4j_op op, z4j_str chunk) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("http-reply write");
    const std::lock_guard lock(self.mutex_);
    const auto at = self.replies_.find(op);
    if (at == self.replies_.end() || at->second.begun == 0) return Z4J_BAD_STATE;
    if (at->second.body.size() + chunk.len > kMaxResult) return Z4J_TOO_LARGE;
    at->second.body += text_of(chunk);
    return Z4J_OK;
  };
  http_reply_ = placed(reply);
}

// A store of schedules with one reader, who leads from the first.
void CheckedHost::fill_schedule_store() {
  static constexpr std::uint64_t kFence = 1;
  const auto give = [](const CheckedHost::StoredSchedule& s, const z4j_schedule_rows* rows) {
    z4j_stored_schedule out{};
    out.struct_size = sizeof out;
    out.is_enabled = s.is_enabled ? 1 : 0;
    out.is_planned = s.next_run_us != 0 ? 1 : 0;
    std::memcpy(out.id, s.id, 16);
    out.revision = s.revision;
    out.next_run_us = s.next_run_us;
    out.changed_us = 1;
    out.schedule_json = lend(s.json);
    return rows->put(rows->ctx, &out);
  };
  static const auto put = give;

  z4j_schedule_store store{};
  store.now_us = [](void*) -> std::int64_t {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  store.lead = [](void* ctx, std::uint32_t, std::uint64_t* fence, z4j_error*) -> z4j_status {
    const Plenty plenty;
    of(ctx).admit("schedule-store lead");
    *fence = kFence;
    return Z4J_OK;
  };
  store.resign = [](void* ctx, std::uint64_t) { of(ctx).admit("schedule-store resign"); };
  store.due = [](void* ctx, std::int64_t until_us, std::int64_t after_us, const std::uint8_t*,
                 std::uint32_t limit, const z4j_schedule_rows* rows, z4j_error*) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("schedule-store due");
    std::vector<StoredSchedule> found;
    {
      const std::lock_guard lock(self.mutex_);
      for (const StoredSchedule& s : self.schedules_) {
        if (s.is_enabled && s.next_run_us != 0 && s.next_run_us <= until_us &&
            s.next_run_us > after_us && found.size() < limit)
          found.push_back(s);
      }
    }
    for (const StoredSchedule& s : found) {
      if (put(s, rows) != Z4J_OK) return Z4J_END;
    }
    return Z4J_OK;
  };
  store.changed = [](void* ctx, std::int64_t since_us, const std::uint8_t* after,
                     std::uint32_t limit, const z4j_schedule_rows* rows, z4j_error*) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("schedule-store changed");
    if (since_us > 1 || after != nullptr) return Z4J_OK;
    std::vector<StoredSchedule> found;
    {
      const std::lock_guard lock(self.mutex_);
      found = self.schedules_;
    }
    if (found.size() > limit) found.resize(limit);
    for (const StoredSchedule& s : found) {
      if (put(s, rows) != Z4J_OK) return Z4J_END;
    }
    return Z4J_OK;
  };
  store.read = [](void* ctx, const std::uint8_t* ids, std::uint32_t count,
                  const z4j_schedule_rows* rows, z4j_error*) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("schedule-store read");
    for (std::uint32_t i = 0; i < count; ++i) {
      std::optional<StoredSchedule> found;
      {
        const std::lock_guard lock(self.mutex_);
        for (const StoredSchedule& s : self.schedules_) {
          if (std::memcmp(s.id, ids + std::size_t{i} * 16, 16) == 0) found = s;
        }
      }
      if (!found) continue;
      if (put(*found, rows) != Z4J_OK) return Z4J_END;
    }
    return Z4J_OK;
  };
  store.watch = [](void* ctx, void (*)(void*, const std::uint8_t*), void*) -> z4j_status {
    const Plenty plenty;
    of(ctx).admit("schedule-store watch");
    return Z4J_OK;
  };
  store.plan = [](void* ctx, std::uint64_t fence, const z4j_plan* plans, std::uint32_t count,
                  std::uint8_t* outcomes, z4j_error*) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("schedule-store plan");
    if (fence != kFence) return Z4J_CONFLICT;
    const std::lock_guard lock(self.mutex_);
    for (std::uint32_t i = 0; i < count; ++i) {
      outcomes[i] = Z4J_FIRE_STALE;
      for (StoredSchedule& s : self.schedules_) {
        if (std::memcmp(s.id, plans[i].id, 16) != 0 || s.revision != plans[i].revision) continue;
        s.next_run_us = plans[i].next_run_us;
        outcomes[i] = 1;
      }
    }
    return Z4J_OK;
  };
  store.fire = [](void* ctx, std::uint64_t fence, const z4j_fire* fires, std::uint32_t count,
                  std::uint8_t* outcomes, z4j_error*) -> z4j_status {
    const Plenty plenty;
    CheckedHost& self = of(ctx);
    self.admit("schedule-store fire");
    if (fence != kFence) return Z4J_CONFLICT;
    if (count > 1000)
      self.fault("it fired " + std::to_string(count) + " at once, expected at most 1000");
    const std::lock_guard lock(self.mutex_);
    for (std::uint32_t i = 0; i < count; ++i) {
      outcomes[i] = Z4J_FIRE_STALE;
      for (StoredSchedule& s : self.schedules_) {
        if (std::memcmp(s.id, fires[i].id, 16) != 0) continue;
        const bool taken = std::any_of(self.fired_.begin(), self.fired_.end(), [&](const Fired& f) {
          return f.due_us == fires[i].due_us && std::memcmp(f.id, s.id, 16) == 0;
        });
        outcomes[i] = taken ? Z4J_FIRE_TAKEN : Z4J_FIRED;
        s.next_run_us = fires[i].next_run_us;
        if ((fires[i].flags & Z4J_FIRE_LAST) != 0) s.is_enabled = false;
        Fired fired{};
        std::memcpy(fired.id, s.id, 16);
        fired.due_us = fires[i].due_us;
        if (!taken) self.fired_.push_back(fired);
      }
    }
    return Z4J_OK;
  };
  store.struct_size = sizeof store;
  Guarded* memory = memory_.emplace_back(std::make_unique<Guarded>(sizeof store)).get();
  std::memcpy(memory->data(), &store, sizeof store);
  schedule_store_ = reinterpret_cast<z4j_schedule_store*>(memory->data());
}

}  // namespace z4j::check
