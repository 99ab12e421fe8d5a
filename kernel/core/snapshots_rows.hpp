// The rows of one engine's workers and queues, kept as its snapshots tell.
//
// Writes only what changed, and signs of life now and then. Rows are never removed: a worker that
// is gone becomes offline, a queue that is gone empty. Not thread-safe. Errors: the store's; what
// was not written is written with the next snapshot.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/leases.hpp"
#include "core/snapshots_read.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Without a sign of life for so long a worker is offline, whoever says otherwise: RQ's idle workers
// speak every 405 seconds.
inline constexpr base::TimeUs kWorkerSilence = 600 * base::kSecondUs;

class SnapshotRows {
 public:
  struct Owner {
    base::Uuid project_id, agent_id;
    std::string engine;
    std::optional<Fence> fence = {};  // writes begin with it
  };
  SnapshotRows(Store& store, const base::Clock& clock, Owner owner)
      : store_(store), clock_(clock), owner_(std::move(owner)) {}
  [[nodiscard]] const Owner& owner() const noexcept { return owner_; }

  // True when something that people see changed. `is_whole`: what is not among the reports is gone.
  // `asked_at`: when the engine was asked; workers heard of since are left alone.
  [[nodiscard]] base::Result<bool> workers(const std::vector<WorkerReport>& reports, bool is_whole,
                                           base::TimeUs asked_at);
  [[nodiscard]] base::Result<bool> queues(const std::vector<QueueReport>& reports, bool is_whole);

  // The same, never whole, of many owners without a fence in few commits.
  struct WorkersOf {
    SnapshotRows* rows;
    const std::vector<WorkerReport>* reports;
    base::TimeUs asked_at;
    bool is_changed = false;  // set
  };
  struct QueuesOf {
    SnapshotRows* rows;
    const std::vector<QueueReport>* reports;
    bool is_changed = false;  // set
  };
  [[nodiscard]] static base::Status workers_of_many(Store& store, std::vector<WorkersOf>& all);
  [[nodiscard]] static base::Status queues_of_many(Store& store, std::vector<QueuesOf>& all);

 private:
  struct WorkerMark {
    std::size_t facts = 0, metadata = 0;
    base::TimeUs heartbeat = 0, written_at = 0, metadata_at = 0;
  };
  struct QueueMark {
    std::size_t facts = 0;
    base::TimeUs oldest_at = 0, written_at = 0;
  };
  // What is to be written, by row id. A whole row counts more than a sign of life, the last most.
  struct WorkerWrite {
    const WorkerReport* report;
    const SnapshotRows* rows;
    std::optional<base::TimeUs> heartbeat;
    std::string state;
    bool is_whole;
  };
  struct QueueWrite {
    const QueueReport* report;
    const SnapshotRows* rows;
    bool is_whole;
  };
  using WorkersById = std::map<base::Uuid, const WorkerReport*>;  // by row
  using QueuesById = std::map<base::Uuid, const QueueReport*>;
  using WorkerWrites = std::map<base::Uuid, WorkerWrite>;
  using QueueWrites = std::map<base::Uuid, QueueWrite>;
  using Heartbeats = std::map<base::Uuid, base::TimeUs>;  // by worker row
  [[nodiscard]] WorkersById by_worker(const std::vector<WorkerReport>& reports) const;
  [[nodiscard]] QueuesById by_queue(const std::vector<QueueReport>& reports) const;
  // Set is_changed_, and the marks that count once all is written.
  void plan(const WorkersById& reported, base::TimeUs asked_at, const Heartbeats& living,
            const Heartbeats& dead, WorkerWrites& writes);
  void plan(const QueuesById& reported, QueueWrites& writes);
  [[nodiscard]] static base::Status write(Store& store, const std::optional<Fence>& fence,
                                          base::TimeUs now, const WorkerWrites& writes);
  [[nodiscard]] static base::Status write(Store& store, const std::optional<Fence>& fence,
                                          base::TimeUs now, const QueueWrites& writes);
  [[nodiscard]] Commit fenced() const;
  [[nodiscard]] base::Result<Heartbeats> living_workers();
  [[nodiscard]] base::Result<Heartbeats> dead_workers(const std::vector<base::Uuid>& ids);
  [[nodiscard]] base::Status lose_workers(const std::vector<base::Uuid>& gone,
                                          base::TimeUs silent_since);
  [[nodiscard]] base::Result<std::vector<base::Uuid>> filled_queues();
  [[nodiscard]] base::Status empty_queues(const std::vector<base::Uuid>& gone);

  Store& store_;
  const base::Clock& clock_;
  const Owner owner_;
  std::map<base::Uuid, WorkerMark> worker_marks_, next_worker_marks_;
  std::map<base::Uuid, QueueMark> queue_marks_, next_queue_marks_;
  bool is_changed_ = false;
};

// Workers of any engine that nobody has heard of for kWorkerSilence become offline; how many.
[[nodiscard]] base::Result<std::size_t> sweep_silent_workers(
    Store& store, base::TimeUs now, const std::optional<Fence>& fence = {});

}  // namespace z4j::core
