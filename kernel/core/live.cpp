#include "core/live.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace z4j::core {

Action needed_to_hear(std::string_view topic) noexcept {
  if (topic == kAuditChanged) return Action::read_audit;
  return topic == kPluginChanged ? Action::manage_plugins : Action::read_project;
}

Live::~Live() { stop(); }

void Live::start(Deliver deliver) {
  deliver_ = std::move(deliver);
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Live::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Live::publish(const base::Uuid& project, std::string_view topic) {
  const LiveTopics known = live_topic(topic);
  if (known == 0) return;
  const std::lock_guard lock(mutex_);
  if (listeners_.find(project) == listeners_.end()) return;
  const bool was_quiet = changed_.empty();
  changed_[project] |= known;
  if (was_quiet) wake_.notify_one();
}

void Live::publish_all(LiveTopics topics) {
  const std::lock_guard lock(mutex_);
  for (const auto& [project, listeners] : listeners_) changed_[project] |= topics;
  wake_.notify_one();
}

void Live::subscribe(Subscriber subscriber, const base::Uuid& project, LiveTopics wanted) {
  const std::lock_guard lock(mutex_);
  if (subscribers_.emplace(subscriber, Listener{project, wanted}).second) ++listeners_[project];
}

void Live::want(Subscriber subscriber, LiveTopics wanted) {
  const std::lock_guard lock(mutex_);
  if (const auto found = subscribers_.find(subscriber); found != subscribers_.end())
    found->second.wanted = wanted;
}

void Live::unsubscribe(Subscriber subscriber) {
  const std::lock_guard lock(mutex_);
  const auto found = subscribers_.find(subscriber);
  if (found == subscribers_.end()) return;
  const auto project = listeners_.find(found->second.project);
  if (--project->second == 0) {
    changed_.erase(project->first);
    listeners_.erase(project);
  }
  subscribers_.erase(found);
}

void Live::flush(const Deliver& deliver) {
  std::vector<std::pair<Subscriber, LiveTopics>> due;
  {
    const std::lock_guard lock(mutex_);
    if (changed_.empty()) return;
    for (const auto& [subscriber, listener] : subscribers_) {
      const auto found = changed_.find(listener.project);
      if (found != changed_.end() && (found->second & listener.wanted) != 0)
        due.emplace_back(subscriber, found->second & listener.wanted);
    }
    changed_.clear();
  }
  for (const auto& [subscriber, topics] : due) {
    for (std::size_t i = 0; i < kLiveTopics.size(); ++i) {
      if ((topics & (1u << i)) != 0) deliver(subscriber, kLiveTopics[i]);
    }
  }
}

void Live::run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    wake_.wait(lock, [this] { return is_stopping_ || !changed_.empty(); });
    if (is_stopping_) return;
    lock.unlock();
    flush(deliver_);
    lock.lock();
    wake_.wait_for(lock, interval_, [this] { return is_stopping_; });
  }
}

}  // namespace z4j::core
