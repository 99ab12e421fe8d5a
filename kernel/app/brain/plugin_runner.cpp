#include "app/brain/plugin_runner.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace z4j::app {
namespace {

constexpr std::int64_t kFirstPauseMs = 5'000, kLongestPauseMs = 300'000;
constexpr std::int64_t kOverridesEveryMs = 30'000;
// Who ran for so long gets the first pause again.
constexpr base::TimeUs kGoodRunUs = 600'000'000;
constexpr auto kLook = std::chrono::seconds(1);

}  // namespace

PluginRunner::PluginRunner(plugin::Host& host, core::LocalAgents& agents,
                           core::PluginOverrides& overrides, core::Leases& leases,
                           std::vector<config::PluginEntry> entries, std::string console,
                           base::Log& log, const base::Clock& clock)
    : host_(host),
      agents_(agents),
      overrides_(overrides),
      leases_(leases),
      entries_(std::move(entries)),
      console_(std::move(console)),
      log_(log),
      clock_(clock) {}

PluginRunner::~PluginRunner() { stop(); }

base::Result<config::PluginEntry> PluginRunner::effective(const config::PluginEntry& entry) {
  config::PluginEntry out = entry;
  auto stored = overrides_.find(entry.name);
  if (!stored) return std::move(stored).error();
  applied_[entry.name] = *stored ? (*stored)->updated_at : 0;
  if (*stored) {
    if ((*stored)->enabled) out.enabled = *(*stored)->enabled;
    if ((*stored)->settings) {
      for (const auto& member : *(*stored)->settings)
        out.settings.insert_or_assign(member.key(), member.value());
    }
  }
  return out;
}

bool PluginRunner::is_engine(const config::PluginEntry& entry) const {
  const auto described = host_.describe(entry.plugin, entry.sha256);
  return described && described->kinds.find("engine") != std::string::npos;
}

bool PluginRunner::is_scheduler_elsewhere(const config::PluginEntry& entry) const {
  const auto described = host_.describe(entry.plugin, entry.sha256);
  return described && !described->scheduler_name.empty() && !described->serves_the_store;
}

base::Status PluginRunner::start_one(const config::PluginEntry& entry) {
  auto wanted = effective(entry);
  if (!wanted) return std::move(wanted).error();
  const bool is_engine = this->is_engine(entry);
  if (is_engine && !wanted->enabled) {
    tried_.erase(entry.name);
    leases_.give_back(core::engine_lease(entry));
  }
  if (is_engine && wanted->enabled) {
    leases_.want(core::engine_lease(entry));
    const auto fence = leases_.held(core::engine_lease(entry));
    if (!fence) {
      tried_.erase(entry.name);
      return {};  // follow_leases() starts it when its turn comes
    }
    tried_[entry.name] = fence->number;
    if (auto prepared = agents_.prepare(*wanted, fence); !prepared) {
      log_.error("plugin not started",
                 {{"instance", entry.name}, {"why", prepared.error().text()}});
      if (prepared.error().is_world()) tried_.erase(entry.name);
      return prepared;
    }
  }
  auto started = host_.start(*wanted);
  on_change_();
  if (!started) {
    log_.error("plugin not started", {{"instance", entry.name}, {"why", started.error().text()}});
    return started;
  }
  if (!wanted->enabled) return {};
  started_.push_back(entry.name);
  return is_engine ? agents_.add(*wanted) : base::Status();
}

// Starts the engines whose lease has come, stops those whose lease is gone.
void PluginRunner::follow_leases() {
  for (const config::PluginEntry& entry : entries_) {
    const std::lock_guard lock(work_);
    const auto fence = leases_.held(core::engine_lease(entry));
    const auto tried = tried_.find(entry.name);
    if (tried != tried_.end() && (!fence || fence->number != tried->second)) {
      log_.warn("engine instance stopped: another brain runs it", {{"instance", entry.name}});
      tried_.erase(tried);
      pauses_.erase(entry.name);
      stop_one(entry.name);
    }
    // A scheduler plugin runs on every brain; its lease only says which of them reads it.
    if (fence && tried_.find(entry.name) == tried_.end() && is_engine(entry))
      (void)start_one(entry);
  }
}

void PluginRunner::follow_overrides() {
  auto stored = overrides_.list();
  if (!stored) {
    log_.warn("plugin overrides not read", {{"why", stored.error().text()}});
    return;
  }
  for (const config::PluginEntry& entry : entries_) {
    base::TimeUs now = 0;
    for (const core::PluginOverride& one : *stored) {
      if (one.instance == entry.name) now = one.updated_at;
    }
    {
      const std::lock_guard lock(work_);
      const auto applied = applied_.find(entry.name);
      if (applied == applied_.end() || applied->second == now) continue;
    }
    if (auto done = reload(entry.name); !done) {
      log_.warn("plugin did not take its override",
                {{"instance", entry.name}, {"why", done.error().text()}});
    }
  }
}

void PluginRunner::look_at_leases() {
  const std::lock_guard lock(mutex_);
  is_poked_ = true;
  wake_.notify_all();
}

void PluginRunner::look_at_overrides() {
  const std::lock_guard lock(mutex_);
  is_poked_ = has_overrides_ = true;
  wake_.notify_all();
}

void PluginRunner::stop_one(const std::string& name) {
  agents_.remove(name);
  if (auto stopped = host_.stop(name); !stopped)
    log_.warn("plugin not stopped", {{"instance", name}, {"why", stopped.error().text()}});
  std::erase(started_, name);
  on_change_();
}

base::Status PluginRunner::start() {
  for (const config::PluginEntry& entry : entries_) {
    if (entry.enabled && (is_engine(entry) || is_scheduler_elsewhere(entry)))
      leases_.want(core::engine_lease(entry));
  }
  if (auto taken = leases_.work(); !taken)
    log_.warn("leases not taken", {{"why", taken.error().text()}});
  for (const config::PluginEntry& entry : entries_) {
    if (!entry.enabled || (!entry.required && entry.name != console_)) continue;
    const std::lock_guard lock(work_);
    if (auto started = start_one(entry); !started && entry.required) return started;
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void PluginRunner::run() {
  for (const config::PluginEntry& entry : entries_) {
    {
      const std::lock_guard lock(mutex_);
      if (is_stopping_) return;
    }
    const std::lock_guard lock(work_);
    if (std::find(started_.begin(), started_.end(), entry.name) == started_.end())
      (void)start_one(entry);
  }
  std::int64_t next_overrides_ms = clock_.steady_ms() + kOverridesEveryMs;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_for(lock, kLook, [this] { return is_stopping_ || is_poked_; });
    if (is_stopping_) return;
    is_poked_ = false;
    bool has_overrides = std::exchange(has_overrides_, false);
    lock.unlock();
    follow_leases();
    restart_faulted();
    if (leases_.has_others() && clock_.steady_ms() >= next_overrides_ms) has_overrides = true;
    if (has_overrides) {
      next_overrides_ms = clock_.steady_ms() + kOverridesEveryMs;
      follow_overrides();
    }
    lock.lock();
  }
}

void PluginRunner::restart_faulted() {
  for (const config::PluginEntry& entry : entries_) {
    const auto report = host_.report(entry.name);
    if (!report ||
        (report->state != plugin::State::faulted && report->state != plugin::State::stuck))
      continue;
    const std::lock_guard lock(work_);
    Pause& pause = pauses_[entry.name];
    const std::int64_t now = clock_.steady_ms();
    if (pause.until_ms == 0) {
      if (report->started_at > 0 && clock_.now() - report->started_at >= kGoodRunUs)
        pause.tries = 0;
      pause.until_ms = now + std::min(kLongestPauseMs, kFirstPauseMs << std::min(pause.tries, 10));
      agents_.remove(entry.name);
      log_.warn("plugin will be started again", {{"instance", entry.name},
                                                 {"state", plugin::to_string(report->state)},
                                                 {"in_seconds", (pause.until_ms - now) / 1000}});
    } else if (now >= pause.until_ms) {
      pause.until_ms = 0;
      ++pause.tries;
      (void)start_one(entry);
    }
  }
}

base::Status PluginRunner::reload(const std::string& instance) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const config::PluginEntry& e) { return e.name == instance; });
  if (entry == entries_.end()) {
    return base::Error{.code = base::Code::not_found,
                       .message = "no plugin instance \"" + instance + "\" in the config",
                       .where = {},
                       .hint = {}};
  }
  const std::lock_guard lock(work_);
  pauses_.erase(instance);
  stop_one(instance);
  return start_one(*entry);
}

void PluginRunner::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(work_);
  while (!started_.empty()) stop_one(std::string(started_.back()));
  for (const config::PluginEntry& entry : entries_) leases_.give_back(core::engine_lease(entry));
}

}  // namespace z4j::app
