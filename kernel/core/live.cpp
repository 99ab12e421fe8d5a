#include "core/live.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace z4j::core {

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
  const auto known = std::find(kLiveTopics.begin(), kLiveTopics.end(), topic);
  if (known == kLiveTopics.end()) return;
  const std::lock_guard lock(mutex_);
  if (listeners_.find(project) == listeners_.end()) return;
  const bool was_quiet = changed_.empty();
  changed_[project] |= 1u << (known - kLiveTopics.begin());
  if (was_quiet) wake_.notify_one();
}

void Live::publish_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& [project, listeners] : listeners_)
    changed_[project] = (1u << kLiveTopics.size()) - 1;
  wake_.notify_one();
}

void Live::subscribe(Subscriber subscriber, const base::Uuid& project) {
  const std::lock_guard lock(mutex_);
  if (subscribers_.emplace(subscriber, project).second) ++listeners_[project];
}

void Live::unsubscribe(Subscriber subscriber) {
  const std::lock_guard lock(mutex_);
  const auto found = subscribers_.find(subscriber);
  if (found == subscribers_.end()) return;
  const auto project = listeners_.find(found->second);
  if (--project->second == 0) {
    changed_.erase(project->first);
    listeners_.erase(project);
  }
  subscribers_.erase(found);
}

void Live::flush(const Deliver& deliver) {
  std::vector<std::pair<Subscriber, unsigned>> due;
  {
    const std::lock_guard lock(mutex_);
    if (changed_.empty()) return;
    for (const auto& [subscriber, project] : subscribers_) {
      if (const auto found = changed_.find(project); found != changed_.end())
        due.emplace_back(subscriber, found->second);
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
