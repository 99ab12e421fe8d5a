#include "plugin/instance.hpp"

#include <algorithm>
#include <future>

#include "plugin/crossing.hpp"

namespace z4j::plugin {
namespace {

constexpr std::uint64_t kFaultsUntilDisabled = 10;
constexpr unsigned kConcurrentWidth = 4, kPreviewWidth = 2;
constexpr const char* kAfterFault =
    "look at the log, then restart the instance, or install another release";
constexpr std::int64_t kCapabilitiesFreshMs = 1000;
constexpr auto kCapabilitiesPatience = std::chrono::milliseconds(500);

template <class T>
const T* interface_of(const LoadedFile& file, std::string_view id) {
  return static_cast<const T*>(file.remote != nullptr ? file.remote->interface_of(id)
                                                      : file.descriptor->get_interface(lend(id)));
}

HttpTable served_by(const z4j_http* http) {
  if (http == nullptr) return {};
  auto table = http_table(*http);  // it was good when the file was checked
  return table ? std::move(*table) : HttpTable();
}

}  // namespace

Instance& Instance::make(config::PluginEntry entry, const LoadedFile& file, Surroundings around,
                         std::shared_ptr<process::Remote> process) {
  static std::mutex mutex;
  static auto& all = *new std::vector<Instance*>();
  auto* instance = new Instance(std::move(entry), file, around, std::move(process));
  const std::lock_guard lock(mutex);
  all.push_back(instance);
  return *instance;
}

Instance::Instance(config::PluginEntry given, const LoadedFile& loaded, Surroundings around,
                   std::shared_ptr<process::Remote> apart)
    : entry(std::move(given)),
      file(loaded),
      process(std::move(apart)),
      engine(interface_of<z4j_engine>(loaded, Z4J_IFACE_ENGINE)),
      scheduler(interface_of<z4j_scheduler>(loaded, Z4J_IFACE_SCHEDULER)),
      storage(interface_of<z4j_storage>(loaded, Z4J_IFACE_STORAGE)),
      notifier(interface_of<z4j_notifier>(loaded, Z4J_IFACE_NOTIFIER)),
      http(interface_of<z4j_http>(loaded, Z4J_IFACE_HTTP)),
      served(served_by(http)),
      serial(around.pool,
             (loaded.descriptor->flags & Z4J_PLUGIN_CONCURRENT) != 0 ? kConcurrentWidth : 1),
      around_(around),
      host_version_(around.options.host_version),
      aside_(around.pool, 1),
      previews_(around.pool, kPreviewWidth) {
  fill_table();
  fill_scheduling();
  fill_http();
}

Strand::Post Instance::post_serial(const char* function, std::int64_t allowed_ms,
                                   std::function<void()> run) {
  Strand::Task task;
  task.run = [this, run = std::move(run)] {
    run();
    back_in_time();
  };
  task.allowed_ms = std::max<std::int64_t>(allowed_ms, 1);
  task.overdue = [this, function](std::int64_t ms, int times) { overdue(function, ms, times); };
  return serial.post(std::move(task));
}

Strand::Post Instance::post_aside(const char* function, std::function<void()> run) {
  Strand::Task task;
  task.run = std::move(run);
  task.allowed_ms = std::max(around_.options.slow_call_ms, 1);
  task.overdue = [this, function](std::int64_t ms, int times) {
    if (times != 1) return;
    ++slow_;
    if (const auto pass = outward_.enter(); pass && may_log()) {
      around_.log.warn("plugin call is slow",
                       {{"instance", entry.name}, {"function", function}, {"running_ms", ms}});
    }
  };
  return aside_.post(std::move(task));
}

std::uint64_t Instance::capabilities() {
  if (engine == nullptr) return 0;
  return ask(engine_capabilities_, [this] { return engine->capabilities(raw); });
}

std::uint64_t Instance::scheduler_capabilities() {
  if (scheduler == nullptr) return 0;
  return ask(scheduler_capabilities_, [this] { return scheduler->capabilities(raw); });
}

void Instance::ask_capabilities() {
  (void)capabilities();
  (void)scheduler_capabilities();
}

std::uint64_t Instance::ask(Capabilities& known, const std::function<std::uint64_t()>& function) {
  std::shared_future<std::uint64_t> asked;
  {
    const std::lock_guard lock(capabilities_mutex_);
    const std::int64_t now = around_.clock.steady_ms();
    const bool fresh = known.at && now - *known.at < kCapabilitiesFreshMs;
    if (fresh || (known.is_asking && known.at)) return known.bits;
    // Before the first answer 0 would be a guess: who comes meanwhile waits for it too.
    if (known.is_asking) {
      asked = known.asked;
    } else {
      auto promise = std::make_shared<std::promise<std::uint64_t>>();
      asked = known.asked = promise->get_future().share();
      const Strand::Post posted = post_aside("capabilities", [this, &known, function, promise] {
        std::optional<std::uint64_t> bits;
        if (const auto pass = inward.enter(); pass && raw != nullptr) {
          call("capabilities", 0, [&] { bits = function(); });
        }
        const std::lock_guard done(capabilities_mutex_);
        known.is_asking = false;
        if (bits) {
          known.bits = *bits;
          if (const auto pass = outward_.enter()) known.at = around_.clock.steady_ms();
        }
        promise->set_value(known.bits);
      });
      if (posted != Strand::Post::taken) return known.bits;
      known.is_asking = true;
      known.asked_at = now;
    }
  }
  if (asked.wait_for(kCapabilitiesPatience) == std::future_status::ready) {
    try {
      return asked.get();
    } catch (const std::future_error&) {  // dropped unasked: the instance is going
    }
  }
  const std::lock_guard lock(capabilities_mutex_);
  return known.bits;
}

void Instance::saw(std::vector<Sighting> sightings) {
  const auto pass = outward_.enter();
  if (!pass || !is_watched()) return;
  for (Sighting& s : sightings) {
    around_.callbacks.seen({entry.name, std::string(text_of(plugin().id)),
                            std::string(text_of(plugin().version)), std::move(s)});
  }
}

bool Instance::emits_undeclared() {
  const std::lock_guard lock(capabilities_mutex_);
  const Capabilities& known = engine_capabilities_;
  if (!known.at || (known.bits & Z4J_ENGINE_EVENTS) != 0) {
    emits_since_.reset();
    return false;
  }
  if (emits_since_) return !known.is_asking && known.asked_at > *emits_since_;
  emits_since_ = around_.clock.steady_ms();
  return false;
}

void Instance::saw_events(const base::Status& taken) {
  // A batch that the kernel has no room for comes again.
  if (!is_watched() || engine == nullptr || (!taken && taken.error().is_world())) return;
  Asked asked{
      .kind = CapabilityKind::engine, .declared = Z4J_ENGINE_EVENTS, .bit = Z4J_ENGINE_EVENTS};
  if (emits_undeclared()) asked.declared = 0;
  saw(sightings(asked, taken ? base::Result<std::string>(std::string()) : taken.error()));
}

void Instance::hint_cancel(z4j_op op) {
  if (plugin().cancel == nullptr) return;
  post_aside("cancel", [this, op] {
    if (const auto pass = inward.enter(); pass && raw != nullptr) {
      call("cancel", op, [&] { plugin().cancel(raw, op); });
    }
  });
}

void Instance::answer(z4j_op op, base::Result<std::string> result) {
  const auto pass = outward_.enter();
  if (!pass) return;
  if (!result) count_error();
  count_answer(around_.ops.complete(this, op, std::move(result)));
}

bool Instance::begin(z4j_op op, base::Error expired) {
  const auto pass = outward_.enter();
  return pass && around_.ops.begin(op, std::move(expired));
}

void Instance::answer_after_throw(z4j_op op, base::Error error) {
  const auto pass = outward_.enter();
  if (!pass) return;
  count_error();
  around_.ops.complete(this, op, std::move(error));
}

void Instance::count_answer(OpTable::Verdict verdict) {
  // Its operations were answered as lost; that it said something before is no fault.
  if (process != nullptr && process->is_over()) return;
  switch (verdict) {
    case OpTable::Verdict::answered:
      return;
    case OpTable::Verdict::late:
      ++late_;
      if (may_log()) around_.log.warn("plugin answered too late", {{"instance", entry.name}});
      return;
    case OpTable::Verdict::again:
      ++late_;
      fault("it answered an operation twice", Fault::counted);
      return;
    case OpTable::Verdict::foreign:
      fault("it answered an operation that is not its own", Fault::counted);
      return;
  }
}

void Instance::set_state(State state, std::string why, std::string step, std::string to_do) {
  const std::lock_guard lock(facts_mutex_);
  state_ = state;
  why_ = std::move(why);
  step_ = std::move(step);
  to_do_ = std::move(to_do);
  stuck_in_call_ = false;
  if (state == State::started) started_at_ = around_.clock.now();
}

void Instance::set_started() {
  set_state(State::started);
  const std::lock_guard lock(facts_mutex_);
  if (doomed_.empty()) return;
  state_ = State::faulted;
  why_ = doomed_;
  to_do_ = kAfterFault;
}

void Instance::process_died(const std::string& why, State state) {
  const std::lock_guard lock(facts_mutex_);
  if (state_ == State::checked || state_ == State::created) doomed_ = why;
  if (state_ != State::started && state_ != State::faulted && state_ != State::stuck) return;
  state_ = state;
  why_ = why;
  step_.clear();
  to_do_ = kAfterFault;
  stuck_in_call_ = false;
}

void Instance::count_lie(std::uint64_t verb) {
  if ((lies_.fetch_or(verb) & verb) != 0) return;
  fault("it declares verb " + std::to_string(verb) + " but answers that it is unsupported",
        Fault::counted);
}

State Instance::state() const {
  const std::lock_guard lock(facts_mutex_);
  return state_;
}

void Instance::end_posts() {
  takes_posts_ = false;
  serial.drop_pending();
}

bool Instance::seal(int deadline_ms) {
  const bool empty = outward_.close(deadline_ms);
  serial.close(0);
  aside_.close(0);
  previews_.close(0);
  return empty;
}

void Instance::fault(const std::string& what, Fault kind) {
  const std::uint64_t count = ++faults_;
  const auto pass = outward_.enter();
  if (!pass) return;
  const bool disable = kind == Fault::fatal || count >= kFaultsUntilDisabled;
  if (disable || may_log()) {
    around_.log.error("plugin fault", {{"instance", entry.name},
                                       {"plugin", text_of(plugin().id)},
                                       {"what", cut(what, 1000)},
                                       {"faults", count}});
  }
  if (!disable) return;
  {
    const std::lock_guard lock(facts_mutex_);
    const std::string why =
        kind == Fault::fatal ? what : std::to_string(count) + " faults, the last: " + what;
    if (state_ == State::checked || state_ == State::created) doomed_ = why;
    if (state_ != State::started) return;  // who starts or stops it says what becomes of it
    state_ = State::faulted;
    why_ = why;
    step_.clear();
    to_do_ = kAfterFault;
  }
  if (around_.callbacks.health) around_.callbacks.health(entry.name, Health::failing, what);
}

void Instance::overdue(const char* function, std::int64_t running_ms, int times) {
  const auto pass = outward_.enter();
  if (!pass) return;
  ++slow_;
  const std::string what =
      std::string(function) + "() has been running for " + std::to_string(running_ms) + " ms";
  bool stuck = false;
  {
    const std::lock_guard lock(facts_mutex_);
    overdue_ = what;
    if (times == 2 && state_ == State::started) {
      stuck = true;
      stuck_in_call_ = true;
      state_ = State::stuck;
      why_ = what;
      to_do_ = "restart the instance: a fresh one is started beside it";
    }
  }
  around_.log.write(stuck ? base::Level::error : base::Level::warn,
                    stuck ? "plugin stuck" : "plugin call is overdue",
                    {{"instance", entry.name}, {"function", function}, {"running_ms", running_ms}});
  if (around_.callbacks.health) {
    around_.callbacks.health(entry.name, stuck ? Health::failing : Health::degraded, what);
  }
}

void Instance::back_in_time() {
  const auto pass = outward_.enter();
  if (!pass) return;
  Health health = Health::ok;
  std::string why;
  {
    const std::lock_guard lock(facts_mutex_);
    if (overdue_.empty()) return;
    overdue_.clear();
    if (stuck_in_call_ && state_ == State::stuck) {
      state_ = State::started;
      why_.clear();
      to_do_.clear();
      stuck_in_call_ = false;
    }
    health = health_;
    why = health_why_;
  }
  around_.log.info("plugin call came back", {{"instance", entry.name}});
  if (around_.callbacks.health) around_.callbacks.health(entry.name, health, why);
}

Report Instance::report() const {
  Report r;
  r.name = entry.name;
  r.plugin = entry.plugin;
  r.plugin_id = text_of(plugin().id);
  r.version = text_of(plugin().version);
  r.project = entry.project;
  r.file = file.path;
  r.sha256 = file.sha256;
  r.signer = file.signer;
  r.kinds = text_of(plugin().kinds);
  if (engine != nullptr) r.engine_name = text_of(engine->engine_name);
  if (scheduler != nullptr) r.scheduler_name = text_of(scheduler->scheduler_name);
  r.required = entry.required;
  r.isolation = process != nullptr ? "process" : "inline";
  if (process != nullptr) {
    const process::Remote::Facts facts = process->facts();
    r.sandbox = process->sandbox();
    r.pid = facts.pid;
    r.memory_bytes = facts.use.memory_bytes;
    r.cpu_ms = facts.use.cpu_ms;
    r.cpu_percent = facts.cpu_percent;
  }
  {
    const std::lock_guard lock(facts_mutex_);
    r.state = state_;
    r.health = health_;
    r.why = health_why_;
    if (!overdue_.empty() && r.health == Health::ok) {
      r.health = Health::degraded;
      r.why = overdue_;
    }
    if (state_ == State::refused || state_ == State::faulted || state_ == State::stuck ||
        state_ == State::quarantined) {
      r.health = Health::failing;
    }
    if (!why_.empty()) r.why = why_;
    r.step = step_;
    r.what_to_do = to_do_;
    r.started_at = started_at_;
  }
  {
    const std::lock_guard lock(capabilities_mutex_);
    const bool is_started = r.state == State::started;
    r.capabilities = is_started ? engine_capabilities_.bits : 0;
    r.scheduler_capabilities = is_started ? scheduler_capabilities_.bits : 0;
  }
  if (r.state == State::started) {
    if (engine != nullptr) add_engine_capabilities(r.abilities, r.capabilities);
    if (scheduler != nullptr)
      add_scheduler_capabilities(r.abilities, r.scheduler_capabilities,
                                 Z4J_HAS(scheduler, z4j_scheduler, preview));
    if (notifier != nullptr) add_notifier_capabilities(r.abilities);
    for (const HttpRoute& route : served.routes)
      r.abilities.push_back({CapabilityKind::http, route.method + " " + route.path, true, true});
  }
  r.calls = calls_;
  r.errors = errors_;
  r.faults = faults_;
  r.late_answers = late_;
  r.slow_calls = slow_;
  r.log_lines_suppressed = suppressed_;
  const OpTable::Counts counts = around_.ops.counts(this);
  r.ops_open = counts.open + counts.owed;
  r.ops_expired = counts.expired;
  return r;
}

}  // namespace z4j::plugin
