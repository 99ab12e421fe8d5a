// From what engines emit to events: copied, cleaned, clamped, redacted, identified.
//
// A Parcel is the copy of one batch, made where the engine calls; a lane decodes its rows later.
// Views in a RawEvent and in an Event live as long as the parcel. Pure functions; any thread.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/uuid.hpp"
#include "core/event_source.hpp"
#include "core/redaction.hpp"

namespace z4j::core {

// Of what a dead letter keeps.
inline constexpr std::size_t kDeadLetterBytes = std::size_t{16} << 10;

// What was done to attributes before they went to disk.
enum Scrubbed : std::uint16_t {
  kScrubbed = 1,       // they are redacted
  kArgsRedacted = 2,   // there was a secret in the arguments
  kArgsCut = 4,        // the arguments are not whole
  kOversizeAttrs = 8,  // they are the mark of what was too large
  kTroubleAttrs = 16   // they are a line that says what was wrong, and what a dead letter shows
};

struct RawEvent {
  base::Uuid given_id;         // nil: none
  base::Uuid id;               // nil: to be told from what it says
  std::uint16_t scrubbed = 0;  // of Scrubbed; 0: as it was given
  base::TimeUs time = 0;
  std::int64_t runtime_us = -1;
  std::uint32_t attempt = 0;
  std::uint16_t kind = Z4J_EV_UNKNOWN;
  std::string_view engine, task, queue, worker, task_id, parent_id,
      root_id;             // UTF-8 without NUL, bounded
  std::string_view attrs;  // as given
};

struct Parcel {
  EventSource source;
  base::TimeUs taken_at = 0;
  std::vector<RawEvent> events;
  std::unique_ptr<char[]> text;
  std::deque<std::string> repaired;  // texts that were not clean

  // The bytes that copy() will take; nothing is allocated.
  [[nodiscard]] static std::size_t bytes_of(const z4j_event_batch& batch);
  // Requires a batch whose shape was checked.
  [[nodiscard]] static std::shared_ptr<Parcel> copy(const z4j_event_batch& batch,
                                                    const EventSource& source, base::TimeUs now);
};

// What a task event says beyond its columns; JSON texts are redacted.
struct TaskFacts {
  std::string args, kwargs, result, tags;  // JSON, "" = not said
  std::string exception, traceback;
  std::string fingerprint;  // of a failure, or of a retry after an exception; see fingerprint.hpp
  std::optional<base::TimeUs> eta;
  std::optional<std::int64_t> retry_count;
  std::int64_t args_flags = 0;  // 1 args is repr, 2 kwargs is repr, 4 redacted, 8 cut
  std::string_view priority;    // one of the four words, or ""
  bool rebuilt = false;         // read back after an outage
  [[nodiscard]] bool has_args() const noexcept { return !args.empty() || !kwargs.empty(); }
};

struct WorkerFacts {
  std::string hostname, queues, load_average, metadata;  // the last three JSON; "" = not said
  std::optional<std::int64_t> pid, concurrency, active_tasks, memory_bytes;
};

struct GapFacts {
  base::TimeUs from = 0, to = 0;
  std::string why;
  std::optional<std::int64_t> rebuilt, lost;
};

struct Event {
  base::Uuid id, project_id, agent_id;
  base::TimeUs at = 0, taken_at = 0;
  std::int64_t runtime_us = -1;
  std::uint32_t attempt = 0;
  std::uint16_t kind = Z4J_EV_UNKNOWN;
  std::string_view engine, task, queue, worker, task_id, parent_id, root_id;
  // What earlier events said of this task, for counts alone; the lane's own.
  std::string_view known_task, known_queue;
  std::string payload;  // redacted JSON, "" = none
  TaskFacts facts;
  std::unique_ptr<WorkerFacts> worker_facts;
  std::unique_ptr<GapFacts> gap;
  // Not empty: the attributes could not be read. The event itself stands; they go to the dead
  // letters.
  std::string trouble, trouble_body;
  std::uint32_t parcel = 0;  // the place of its parcel in the batch; the lane's own

  [[nodiscard]] bool is_task() const noexcept {
    return !task_id.empty() && kind >= Z4J_EV_SENT && kind <= Z4J_EV_PROGRESS;
  }
  // Under which name and queue it is counted; "" when nobody said.
  [[nodiscard]] std::string_view counted_task() const noexcept {
    return task.empty() ? known_task : task;
  }
  [[nodiscard]] std::string_view counted_queue() const noexcept {
    return queue.empty() ? known_queue : queue;
  }
  [[nodiscard]] bool is_worker() const noexcept {
    return kind >= Z4J_EV_WORKER_UP && kind <= Z4J_EV_WORKER_DOWN;
  }
  // A beat only moves its worker's row: kept as an event it would drown the tasks.
  [[nodiscard]] bool is_stored() const noexcept { return kind != Z4J_EV_WORKER_BEAT; }
};

// "task.started"; "unknown" for kinds we don't know.
[[nodiscard]] std::string_view kind_name(std::uint16_t kind) noexcept;

// Now, when the time lies more than 400 days back or more than 60 s ahead.
[[nodiscard]] base::TimeUs clamp_time(base::TimeUs time, base::TimeUs now) noexcept;

// Task events: the same task, kind and time is the same fact, whoever reports it. Others: the id
// they were given, else their content.
[[nodiscard]] base::Uuid event_id(const RawEvent& raw, const EventSource& source, base::TimeUs at);

// The event as it may lie on disk: decode() makes the same of it as of `raw`. `attrs` holds its
// attributes.
[[nodiscard]] RawEvent scrub(const RawEvent& raw, const EventSource& source, base::TimeUs now,
                             const Redactor& redactor, std::string& attrs);

[[nodiscard]] Event decode(const RawEvent& raw, const EventSource& source, base::TimeUs now,
                           const Redactor& redactor);

}  // namespace z4j::core
