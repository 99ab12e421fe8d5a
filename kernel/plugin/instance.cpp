#include "plugin/instance.hpp"

#include <csignal>
#include <cstring>
#include <unistd.h>

#include <algorithm>

#include "plugin/batch_check.hpp"

namespace z4j::plugin {
namespace {

constexpr std::size_t kMaxStrandTasks = 10'000;
constexpr unsigned kLogLinesPerSecond = 200;
constexpr std::uint64_t kFaultsUntilDisabled = 10;

std::string_view text_of(z4j_str s) { return s.ptr != nullptr ? std::string_view(s.ptr, s.len) : std::string_view(); }

base::Error error_of(z4j_status status, const z4j_error* error) {
  base::Error out;
  out.code = status >= 100 && status < 400 ? static_cast<base::Code>(status) : base::Code::internal;
  if (error != nullptr && error->struct_size >= sizeof(z4j_error)) {
    out.message.assign(error->message, ::strnlen(error->message, sizeof error->message));
    out.where.assign(error->where, ::strnlen(error->where, sizeof error->where));
    out.retry_after_ms = error->retry_after_ms;
  }
  if (out.message.empty()) out.message = std::string("the plugin answered ") + base::to_string(out.code);
  return out;
}

void write_error(z4j_error* to, const base::Error& from) {
  if (to == nullptr || to->struct_size < sizeof(z4j_error)) return;
  to->code = static_cast<z4j_status>(from.code);
  to->retry_after_ms = from.retry_after_ms;
  const auto copy = [](char* out, std::size_t room, const std::string& text) {
    const std::size_t n = std::min(text.size(), room - 1);
    std::memcpy(out, text.data(), n);
    out[n] = '\0';
  };
  copy(to->where, sizeof to->where, from.where);
  copy(to->message, sizeof to->message, from.message);
}

extern "C" void crash_line(int signal) {
  const auto put = [](const char* s) { [[maybe_unused]] const auto n = ::write(STDERR_FILENO, s, std::strlen(s)); };
  put("z4j-brain: died in ");
  put(call_note.plugin != nullptr ? call_note.plugin : "the kernel");
  if (call_note.function != nullptr) {
    put(" / ");
    put(call_note.function);
  }
  put("\n");
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

thread_local CallNote call_note;

void install_crash_handler() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) std::signal(signal, crash_line);
}

std::string_view to_string(State state) noexcept {
  constexpr std::string_view kNames[] = {"listed", "checked", "created", "started", "draining", "stopped", "destroyed", "disabled", "refused", "faulted", "stuck"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view to_string(Health health) noexcept {
  constexpr std::string_view kNames[] = {"ok", "degraded", "failing"};
  return kNames[static_cast<std::size_t>(health)];
}

Instance::Instance(config::PluginEntry plugin_entry, const LoadedFile& loaded, std::string host_version, OpTable& op_table, const Callbacks& callbacks,
                   base::Log& log, const base::Clock& clock)
    : entry(std::move(plugin_entry)), file(loaded), ops(op_table), callbacks_(callbacks), log_(log), clock_(clock), host_version_(std::move(host_version)) {
  table_.struct_size = sizeof table_;
  table_.abi_major = Z4J_ABI_MAJOR;
  table_.abi_minor = Z4J_ABI_MINOR;
  table_.ctx = this;
  table_.instance_id = z4j_str{entry.name.data(), entry.name.size()};
  table_.host_version = z4j_str{host_version_.data(), host_version_.size()};
  table_.log_level = [](void* ctx) -> int32_t { return static_cast<int32_t>(of(ctx).log_.lowest()); };
  table_.log = [](void* ctx, int32_t level, z4j_str message, z4j_str fields) { of(ctx).log_from_plugin(level, message, fields); };
  table_.op_complete = [](void* ctx, z4j_op op, z4j_status status, const z4j_error* error, z4j_str result) -> z4j_status {
    Instance& self = of(ctx);
    base::Result<std::string> answer = error_of(status, error);
    if (status == Z4J_OK) {
      if (result.len > OpTable::kMaxResultBytes) {
        answer = base::Error{.code = base::Code::too_large, .message = "the plugin's answer has " + std::to_string(result.len) + " bytes", .where = {}, .hint = {}};
      } else {
        answer = std::string(text_of(result));
      }
    } else {
      ++self.errors_;
    }
    switch (self.ops.complete(&self, op, std::move(answer))) {
      case OpTable::Verdict::answered: return Z4J_OK;
      case OpTable::Verdict::late: ++self.late_; return Z4J_BAD_STATE;
      case OpTable::Verdict::foreign: self.fault("it answered an operation that is not its own"); return Z4J_BAD_STATE;
    }
    return Z4J_BAD_STATE;
  };
  table_.op_remaining_ms = [](void* ctx, z4j_op op) -> int64_t { return of(ctx).ops.remaining_ms(op); };
  table_.op_cancelled = [](void* ctx, z4j_op op) -> int32_t { return of(ctx).ops.cancelled(op) ? 1 : 0; };
  table_.emit = [](void* ctx, const z4j_event_batch* batch, z4j_error* error) -> z4j_status {
    Instance& self = of(ctx);
    if (!self.alive_ || batch == nullptr) return Z4J_BAD_STATE;
    base::Status taken = check_batch(*batch);
    if (!taken) {
      self.fault(taken.error().message);
    } else if (self.callbacks_.emit) {
      taken = self.callbacks_.emit(self.entry.name, *batch);
    }
    if (taken) return Z4J_OK;
    write_error(error, taken.error());
    return static_cast<z4j_status>(taken.error().code);
  };
  table_.health = [](void* ctx, int32_t state, z4j_str why) {
    Instance& self = of(ctx);
    const Health health = state <= Z4J_HEALTH_OK ? Health::ok : state == Z4J_HEALTH_DEGRADED ? Health::degraded : Health::failing;
    std::string text(text_of(why).substr(0, 500));
    bool changed = false;
    {
      const std::lock_guard lock(self.facts_mutex_);
      changed = self.health_ != health || self.why_ != text;
      self.health_ = health;
      self.why_ = text;
    }
    if (!changed || !self.alive_) return;
    self.log_.write(health == Health::ok ? base::Level::info : base::Level::warn, "plugin health",
                    {{"instance", self.entry.name}, {"health", to_string(health)}, {"why", text}});
    if (self.callbacks_.health) self.callbacks_.health(self.entry.name, health, text);
  };
  table_.post = [](void* ctx, uint32_t delay_ms, void (*fn)(void*), void (*drop)(void*), void* arg) -> z4j_status {
    Instance& self = of(ctx);
    if (fn == nullptr) return Z4J_INVALID;
    const bool taken = self.post([fn, arg, &self] { self.call("post", 0, [&] { fn(arg); return 0; }); },
                                 [drop, arg] { if (drop != nullptr) drop(arg); }, static_cast<int>(std::min<uint32_t>(delay_ms, 86'400'000)));
    return taken ? Z4J_OK : Z4J_BAD_STATE;
  };
  table_.secret = [](void* ctx, z4j_str name, const z4j_sink* out, z4j_error* error) -> z4j_status {
    Instance& self = of(ctx);
    base::Result<std::string> value = self.callbacks_.secret
        ? self.callbacks_.secret(text_of(name))
        : base::Result<std::string>(base::Error{.code = base::Code::not_found, .message = "this host keeps no secrets", .where = {}, .hint = {}});
    if (!value) {
      write_error(error, value.error());
      return static_cast<z4j_status>(value.error().code);
    }
    return out->put(out->ctx, z4j_str{value->data(), value->size()});
  };
  table_.metric = [](void* ctx, z4j_str name, z4j_str labels, double value, int32_t kind) {
    Instance& self = of(ctx);
    if (self.callbacks_.metric) self.callbacks_.metric(self.entry.name, text_of(name), text_of(labels), value, kind);
  };
  notices_.struct_size = sizeof notices_;
  notices_.notice = [](void* ctx, z4j_str channel, z4j_str payload) {
    Instance& self = of(ctx);
    if (self.callbacks_.notice) self.callbacks_.notice(text_of(channel), text_of(payload));
  };
  notices_.gap = [](void* ctx) {
    Instance& self = of(ctx);
    if (self.callbacks_.notices_gap) self.callbacks_.notices_gap();
  };
  table_.service = [](void* ctx, z4j_str id) -> const void* {
    return text_of(id) == Z4J_SERVICE_NOTICES ? static_cast<const void*>(&of(ctx).notices_) : nullptr;
  };
  thread_ = std::thread([this] { run_strand(); });
}

Instance::~Instance() {
  if (end_strand(0) || !thread_.joinable()) return;
  thread_.detach();
}

bool Instance::post(std::function<void()> task, std::function<void()> drop, int delay_ms) {
  const std::lock_guard lock(strand_->mutex);
  if (strand_->ending || strand_->tasks.size() >= kMaxStrandTasks) return false;
  const auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(delay_ms);
  const auto at = std::find_if(strand_->tasks.begin(), strand_->tasks.end(), [&](const Task& t) { return t.due > due; });
  strand_->tasks.insert(at, Task{std::move(task), std::move(drop), due});
  strand_->wake.notify_one();
  return true;
}

void Instance::run_strand() {
  const std::shared_ptr<Strand> strand = strand_;
  std::unique_lock lock(strand->mutex);
  while (!strand->ending) {
    if (strand->tasks.empty()) {
      strand->wake.wait(lock);
      continue;
    }
    if (const auto due = strand->tasks.front().due; due > std::chrono::steady_clock::now()) {
      strand->wake.wait_until(lock, due);
      continue;
    }
    Task task = std::move(strand->tasks.front());
    strand->tasks.pop_front();
    lock.unlock();
    task.run();
    task = Task{};
    lock.lock();
  }
  std::deque<Task> dropped = std::move(strand->tasks);
  lock.unlock();
  for (Task& task : dropped) {
    if (task.drop) task.drop();
  }
  lock.lock();
  strand->ended = true;
  strand->idle.notify_all();
}

bool Instance::end_strand(int deadline_ms) {
  if (!thread_.joinable()) return true;
  {
    std::unique_lock lock(strand_->mutex);
    strand_->ending = true;
    strand_->wake.notify_all();
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);
    if (!strand_->idle.wait_until(lock, until, [this] { return strand_->ended; })) return false;
  }
  thread_.join();
  return true;
}

void Instance::set_state(State state, std::string why, std::string step, std::string what_to_do) {
  const std::lock_guard lock(facts_mutex_);
  state_ = state;
  if (!why.empty()) why_ = std::move(why);
  step_ = std::move(step);
  what_to_do_ = std::move(what_to_do);
  if (state == State::started) started_at_ = clock_.now();
}

State Instance::state() const {
  const std::lock_guard lock(facts_mutex_);
  return state_;
}

void Instance::fault(const std::string& what) {
  const std::uint64_t n = ++faults_;
  log_.error("plugin fault", {{"instance", entry.name}, {"plugin", text_of(file.descriptor->id)}, {"what", what}, {"faults", n}});
  const bool crossed = what.find("exception cross") != std::string::npos;
  if (!crossed && n < kFaultsUntilDisabled) return;
  {
    const std::lock_guard lock(facts_mutex_);
    if (state_ != State::started && state_ != State::created) return;
    state_ = State::faulted;
    health_ = Health::failing;
    why_ = what;
    what_to_do_ = "look at the log, then disable and enable the instance, or update the plugin";
  }
  if (callbacks_.health) callbacks_.health(entry.name, Health::failing, what);
}

void Instance::log_from_plugin(int32_t level, z4j_str message, z4j_str fields) {
  const auto kept = static_cast<base::Level>(std::clamp(level, 0, 4));
  if (!log_.keeps(kept)) return;
  {
    const std::lock_guard lock(log_mutex_);
    const std::int64_t second = clock_.steady_ms() / 1000;
    if (second != log_second_) {
      if (suppressed_this_second_ > 0) {
        log_.warn("plugin log lines suppressed", {{"instance", entry.name}, {"count", suppressed_this_second_}});
      }
      log_second_ = second;
      lines_this_second_ = 0;
      suppressed_this_second_ = 0;
    }
    if (++lines_this_second_ > kLogLinesPerSecond) {
      ++suppressed_this_second_;
      ++suppressed_;
      return;
    }
  }
  log_.write(kept, text_of(message).substr(0, 2000), {{"instance", entry.name}, {"fields", text_of(fields).substr(0, 2000)}});
}

Report Instance::report() const {
  Report r;
  r.name = entry.name;
  r.plugin = entry.plugin;
  r.plugin_id = text_of(file.descriptor->id);
  r.version = text_of(file.descriptor->version);
  r.kinds = text_of(file.descriptor->kinds);
  r.project = entry.project;
  r.file = file.path;
  r.required = entry.required;
  if (engine != nullptr) r.engine_name = text_of(engine->engine_name);
  {
    const std::lock_guard lock(facts_mutex_);
    r.state = state_;
    r.health = health_;
    r.why = why_;
    r.step = step_;
    r.what_to_do = what_to_do_;
    r.started_at = started_at_;
  }
  r.problems = problems;
  r.calls = calls_;
  r.errors = errors_;
  r.faults = faults_;
  r.late_answers = late_;
  r.slow_calls = slow_;
  r.log_lines_suppressed = suppressed_;
  const OpTable::Counts counts = ops.counts(this);
  r.ops_open = counts.open;
  r.ops_expired = counts.expired;
  return r;
}

}  // namespace z4j::plugin
