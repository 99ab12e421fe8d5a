// Work that goes on by itself, and whether its latest run failed: z4j_background_task_error_active.
// Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "core/metrics.hpp"

namespace z4j::core {

class BackgroundTasks {
 public:
  // What came of a run of the task of that name.
  void ended(std::string_view task, const base::Status& status) {
    const std::lock_guard lock(mutex_);
    failing_[std::string(task)] = !status;
  }
  void write(MetricText& out) const {
    out.family("z4j_background_task_error_active", "gauge",
               "1 while the latest run of the task had failed");
    const std::lock_guard lock(mutex_);
    for (const auto& [task, fails] : failing_)
      out.sample({{"task", task}}, std::int64_t{fails ? 1 : 0});
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, bool> failing_;  // guarded by mutex_
};

}  // namespace z4j::core
