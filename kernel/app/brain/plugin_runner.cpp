#include "app/brain/plugin_runner.hpp"

#include <algorithm>
#include <chrono>

namespace z4j::app {
namespace {

constexpr std::int64_t kFirstPauseMs = 5'000, kLongestPauseMs = 300'000;
constexpr auto kLook = std::chrono::seconds(1);

}  // namespace

PluginRunner::PluginRunner(plugin::Host& host, core::LocalAgents& agents,
                           core::PluginOverrides& overrides,
                           std::vector<config::PluginEntry> entries, base::Log& log,
                           const base::Clock& clock)
    : host_(host),
      agents_(agents),
      overrides_(overrides),
      entries_(std::move(entries)),
      log_(log),
      clock_(clock) {}

PluginRunner::~PluginRunner() { stop(); }

base::Result<config::PluginEntry> PluginRunner::effective(const config::PluginEntry& entry) {
  config::PluginEntry out = entry;
  auto stored = overrides_.find(entry.name);
  if (!stored) return std::move(stored).error();
  if (*stored) {
    if ((*stored)->enabled) out.enabled = *(*stored)->enabled;
    if ((*stored)->settings) {
      for (const auto& member : *(*stored)->settings)
        out.settings.insert_or_assign(member.key(), member.value());
    }
  }
  return out;
}

base::Status PluginRunner::start_one(const config::PluginEntry& entry) {
  auto wanted = effective(entry);
  if (!wanted) return std::move(wanted).error();
  bool is_engine = false;
  if (wanted->enabled) {
    if (const auto described = host_.describe(wanted->plugin))
      is_engine = described->kinds.find("engine") != std::string::npos;
  }
  if (is_engine) {
    if (auto prepared = agents_.prepare(*wanted); !prepared) {
      log_.error("plugin not started",
                 {{"instance", entry.name}, {"why", prepared.error().text()}});
      return prepared;
    }
  }
  if (auto started = host_.start(*wanted); !started) {
    log_.error("plugin not started", {{"instance", entry.name}, {"why", started.error().text()}});
    return started;
  }
  if (!wanted->enabled) return {};
  started_.push_back(entry.name);
  return is_engine ? agents_.add(*wanted) : base::Status();
}

void PluginRunner::stop_one(const std::string& name) {
  agents_.remove(name);
  if (auto stopped = host_.stop(name); !stopped)
    log_.warn("plugin not stopped", {{"instance", name}, {"why", stopped.error().text()}});
  std::erase(started_, name);
}

base::Status PluginRunner::start() {
  for (const config::PluginEntry& entry : entries_) {
    if (!entry.required || !entry.enabled) continue;
    const std::lock_guard lock(work_);
    if (auto started = start_one(entry); !started) return started;
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
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLook, [this] { return is_stopping_; })) {
    lock.unlock();
    restart_faulted();
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
}

}  // namespace z4j::app
