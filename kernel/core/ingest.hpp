// Takes events from engines and agents and stores them: copied under a byte budget, then decoded,
// folded and committed in batches by one thread per lane of the store.
//
// push() answers at once. What it accepted is kept until the store has it: while the store is away
// the lanes wait and try again, the budget fills, and push() answers busy, which is how a source
// learns to slow down. One that floods hears it first: sources and projects share the budget
// (core/ingest_budget) and take turns in each batch (core/ingest_queue). A source that can't slow
// down goes on to disk, up to a bound (core/spill), and stays behind what it has there until that
// is read back, so its order is kept. What a stop has no time for goes there too; the end of the
// process loses what was accepted in memory, and engines read the state back after that. An event
// stored twice changes nothing. All functions: any thread.
#pragma once

#include <z4j/abi.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/event_source.hpp"
#include "core/redaction.hpp"
#include "core/spill.hpp"
#include "core/store.hpp"

namespace z4j::core {

class MetricText;

class Ingest {
 public:
  struct Options {
    const base::Clock* clock = nullptr;  // required, outlives this
    base::Log* log = nullptr;            // required, outlives this
    Redactor::Options redaction = {};
    std::size_t queue_bytes = std::size_t{64} << 20;
    unsigned linger_ms = 20;        // how long a batch waits to become full
    unsigned max_rows = 0;          // of a batch; 0: what the store likes
    std::string spill_folder = {};  // where events wait on disk; "": nowhere
    std::size_t spill_bytes = 0;    // at most; 0: nothing goes to disk
    // After a commit, once per project and topic ("task.changed", "worker.changed", "gap.changed");
    // on a lane's thread, so it must be quick.
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed = {};
    // After a commit: its events, all of them new to the store; on a lane's thread, so it must be
    // quick, and what it wants to keep it copies.
    std::function<void(std::span<const Event* const> events)> on_stored = {};
  };

  // What became of one agent's events since the start.
  struct AgentStats {
    base::Uuid agent_id;
    std::string instance;
    std::uint64_t persisted = 0, duplicates = 0, dead_letters = 0;
    std::map<std::string, std::uint64_t> dropped;  // by reason; at most 16 reasons, then "other"
    std::uint64_t waiting_bytes = 0;
    base::TimeUs last_event_at = 0;  // of the latest stored event; 0: none
  };
  // What became of one batch, in events; those it had and does not count were left out.
  struct Stored {
    std::uint64_t inserted = 0, repeated = 0, set_aside = 0;  // set aside: to the dead letters
  };
  // Called once for an accepted batch, on any thread, possibly before push() returns: what became
  // of it, once the store has it for good; or nothing, when ingest ended first, and then the source
  // sends it again. Must be quick.
  using Receipt = std::function<void(const std::optional<Stored>&)>;
  struct Stats {
    std::vector<AgentStats> agents;
    std::uint64_t waiting_bytes = 0, limit_bytes = 0;
    std::uint64_t commits = 0, failed_commits = 0;
    Spill::Stats spill;
  };

  // Errors: bad_config, a redaction pattern or the folder on disk.
  [[nodiscard]] static base::Result<std::unique_ptr<Ingest>> make(Store& store, Options options);
  ~Ingest();  // stop(0)
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // Requires a batch whose shape was checked (plugin/batch_check.hpp). Ok: copied and accepted.
  // Errors: busy with retry_after_ms; too_large for a batch that can never fit; unavailable when
  // stopped.
  // With a receipt the source keeps the batch until then, so it never goes to disk here.
  [[nodiscard]] base::Status push(const EventSource& source, const z4j_event_batch& batch,
                                  Receipt receipt = {});
  // Events that a source lost before they came here; shown, and stored with the next commit.
  void dropped(const EventSource& source, std::uint64_t count, std::string_view why);

  void start();
  // Refuses new events, stores what waits until the time is up; what is left then goes to disk, or
  // is counted as dropped.
  void stop(int drain_ms);

  [[nodiscard]] Stats stats() const;
  // Metric families of what was stored.
  void write_metrics(MetricText& out) const;
  [[nodiscard]] const Redactor& redactor() const noexcept;

 private:
  struct Inside;
  explicit Ingest(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace z4j::core
