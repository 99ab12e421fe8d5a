// All that acts on many tasks, put together: selections, the jobs that work them off, and the
// copies that purges keep.
//
// Threads: thread-safe. start() and stop() run and end their threads.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "core/bulk_jobs.hpp"
#include "core/queue_copies.hpp"
#include "core/selections.hpp"

namespace z4j::core {

struct Bulk {
  struct Options {
    std::int64_t max_items = 100'000, selection_ttl_s = 3600, keep_days = 30;
    double rate_per_s = 50;
    int timeout_s = 60;
    std::chrono::milliseconds engine_grace{60'000};
    QueueCopies::Limits copies = {};
    std::function<std::optional<Fence>()> may_work = {};  // empty: nobody else is there
    std::function<void(Commit&)> tell_others = {};
    std::function<void(const base::Uuid& project)> on_changed = {};
    std::function<base::json::Value(base::json::Value)> redact = {};
    BulkJobs::Read read = {};
    std::function<void(std::string_view action, std::string_view status)> on_command_ended = {};
  };

  Bulk(Store& store, Audit& audit, EngineRoutes& routes, const Sealer& sealer,
       const base::Clock& clock, base::Log& log, const Options& o);

  // Something waits, or the right to work came.
  void look() {
    selections.look();
    jobs.look();
    copies.look();
  }
  void start() {
    selections.start();
    jobs.start();
    copies.start();
  }
  void stop() {
    copies.stop();
    jobs.stop();
    selections.stop();
  }
  [[nodiscard]] base::Status sweep(const std::optional<Fence>& fence);
  void write_metrics(MetricText& out) const { jobs.write_metrics(out); }

  BulkJobs jobs;
  Selections selections;
  QueueCopies copies;
};

}  // namespace z4j::core
