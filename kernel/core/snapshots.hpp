// What one engine is asked again and again, and what becomes of the answers: queues every 2 s,
// workers every 5 s, the task registry every minute; pages are followed, never more than one
// question of a kind at a time.
//
// Asks nobody itself: ask() says what to ask, take() gets the answer. Confined to one thread but
// for registry(), which is thread-safe.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/snapshots_read.hpp"
#include "core/snapshots_rows.hpp"

namespace z4j::core {

enum class SnapshotKind { queues, workers, registry, states };
[[nodiscard]] std::string_view to_string(SnapshotKind kind) noexcept;

struct SnapshotQuestion {
  SnapshotKind kind;
  std::string page_json;
  int deadline_ms;
};

class Snapshots {
 public:
  Snapshots(Store& store, const base::Clock& clock, base::Log& log, std::string instance,
            SnapshotRows::Owner owner, Redact redact);

  // What is due. Each question gets one take().
  [[nodiscard]] std::vector<SnapshotQuestion> ask();

  // What an answer changed for people.
  struct News {
    bool answered = false;  // the engine sees its broker
    bool workers = false, queues = false;
  };
  [[nodiscard]] News take(SnapshotKind kind, const base::Result<std::string>& answer);

  using Registry = std::vector<RegistryReport>;
  // Task names by name; empty before the first answer.
  [[nodiscard]] std::shared_ptr<const Registry> registry() const;

 private:
  struct Round {
    std::int64_t next_ms = 0;
    bool is_out = false;  // a question waits for its answer
    std::string cursor;   // of the page that comes next
    unsigned pages = 0;
    std::size_t bytes = 0;
    bool is_whole = true;
    base::TimeUs asked_at = 0;
    int refusals = 0;  // in a row
  };
  template <class T>
  bool gather(Round& round, SnapshotKind kind, std::vector<T>& items,
              base::Result<SnapshotPage<T>> page);
  void finish(Round& round, SnapshotKind kind);
  void fail(Round& round, SnapshotKind kind, const base::Error& why);
  [[nodiscard]] Round& round(SnapshotKind kind) { return rounds_[static_cast<std::size_t>(kind)]; }

  const base::Clock& clock_;
  base::Log& log_;
  const std::string instance_;
  const Redact redact_;
  SnapshotRows rows_;
  std::array<Round, 3> rounds_;
  std::vector<QueueReport> queues_;
  std::vector<WorkerReport> workers_;
  Registry tasks_;

  mutable std::mutex registry_mutex_;
  std::shared_ptr<const Registry> registry_;  // guarded by registry_mutex_
};

}  // namespace z4j::core
