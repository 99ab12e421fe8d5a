// Figures of what was stored since the start, for Prometheus: events by engine and kind, finished
// tasks and how long the successful ones ran by task name.
//
// A project has at most kMaxNames names of kMaxNameBytes each; further ones count as
// "__overflow__". Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/uuid.hpp"
#include "core/ingest_batch.hpp"
#include "core/metrics.hpp"
#include "core/rollups.hpp"

namespace z4j::core {

class TaskMetrics {
 public:
  static constexpr std::size_t kMaxNames = 1000, kMaxNameBytes = 128;

  // Events that are stored, once each.
  void add(const EventRefs& events);
  // z4j_events_ingested_total, z4j_tasks_total, z4j_task_duration_seconds
  void write(MetricText& out) const;

 private:
  struct Name {
    std::map<std::string_view, std::int64_t> ends;  // by event kind, whose names live for ever
    RollUps::Buckets buckets{};
    std::int64_t runs = 0;
    double runtime_s = 0;
  };
  struct Project {
    std::map<std::pair<std::string, std::string_view>, std::int64_t> kinds;  // by engine and kind
    std::map<std::string, Name, std::less<>> names;
  };
  void count(Project& project, const Event& event);
  [[nodiscard]] static Name& name_of(Project& project, std::string_view task);

  mutable std::mutex mutex_;
  std::map<base::Uuid, Project> projects_;  // guarded by mutex_
};

}  // namespace z4j::core
