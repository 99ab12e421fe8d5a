// What became of events, by agent. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/ingest.hpp"
#include "core/ingest_batch.hpp"
#include "core/task_metrics.hpp"

namespace z4j::core {

class IngestLedger {
 public:
  void waiting(const EventSource& source, std::int64_t bytes);
  void persisted(const EventRefs& events);
  void duplicates(const base::Uuid& agent, std::uint64_t count);
  void dead_letter(const base::Uuid& agent);
  // Also counted by the next commit that asks take_drops().
  void dropped(const base::Uuid& agent, std::string_view instance, std::uint64_t count,
               std::string_view why);
  void commit_done(bool well);

  // Drops that no commit has counted yet; the caller gives them to a commit, or back.
  [[nodiscard]] std::map<base::Uuid, std::uint64_t> take_drops();
  [[nodiscard]] bool has_drops() const;

  void fill(Ingest::Stats& stats) const;
  [[nodiscard]] const TaskMetrics& tasks() const noexcept { return tasks_; }

 private:
  Ingest::AgentStats& of(const base::Uuid& agent);

  TaskMetrics tasks_;
  mutable std::mutex mutex_;
  std::map<base::Uuid, Ingest::AgentStats> agents_;  // guarded by mutex_
  std::map<base::Uuid, std::uint64_t> drops_;        // guarded by mutex_
  std::uint64_t commits_ = 0, failed_commits_ = 0;   // guarded by mutex_
};

}  // namespace z4j::core
