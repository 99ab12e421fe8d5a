// What the threads of one instance share. Each class guards itself; any thread may call.
#pragma once

#include "lib/rq/call.hpp"
#include "lib/wait/gate.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace z4j::engine_rq {

[[nodiscard]] inline std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

using wait::Gate;

// Function names that were seen, and how the jobs of each queue are serialized. Bounded.
class Observed {
 public:
  void add(const std::string& name, const std::string& queue, rq::Form form) {
    const std::lock_guard lock(mutex_);
    if (!name.empty() && names_.size() < kMaxNames) names_.insert(name);
    if (form != rq::Form::unknown && (forms_.size() < kMaxQueues || forms_.count(queue) != 0))
      forms_[queue] = form;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    const std::lock_guard lock(mutex_);
    return {names_.begin(), names_.end()};
  }
  [[nodiscard]] rq::Form form(const std::string& queue) const {
    const std::lock_guard lock(mutex_);
    const auto it = forms_.find(queue);
    return it == forms_.end() ? rq::Form::unknown : it->second;
  }

 private:
  static constexpr std::size_t kMaxNames = 2000, kMaxQueues = 2000;
  mutable std::mutex mutex_;
  std::set<std::string> names_;
  std::map<std::string, rq::Form> forms_;
};

// Waiting jobs that a command deleted: their end is told by the poller, since no registry holds it.
class PurgedJobs {
 public:
  struct Purged {
    std::string id, queue;
    std::int64_t at_us;
    const char* why;
  };
  void add(std::vector<Purged> jobs) {
    const std::lock_guard lock(mutex_);
    for (Purged& p : jobs) {
      if (jobs_.size() < kMax) jobs_.push_back(std::move(p));
    }
  }
  [[nodiscard]] std::vector<Purged> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(jobs_, {});
  }

 private:
  static constexpr std::size_t kMax = 100'000;
  std::mutex mutex_;
  std::vector<Purged> jobs_;
};

struct Shared {
  Gate gate;
  Observed observed;
  PurgedJobs purged;
};

}  // namespace z4j::engine_rq
