// Private parts of LocalAgents that its source files share.
#pragma once

#include <atomic>
#include <deque>

#include "core/agents.hpp"
#include "core/presence.hpp"
#include "core/reconcile.hpp"

namespace z4j::core {

struct LocalAgents::Source {
  enum class Phase { prepared, running, removed };

  Source(Store& store, const base::Clock& clock, base::Log& log, const Redact& redact,
         EventSource from, std::string engine_name, std::string plugin_version)
      : events(std::move(from)),
        engine(std::move(engine_name)),
        version(std::move(plugin_version)),
        snapshots(store, clock, log, events.instance, owner(), redact),
        reconcile(store, clock, log, events.instance, owner()) {}

  [[nodiscard]] SnapshotRows::Owner owner() const {
    return {events.project_id, events.agent_id, engine, fence()};
  }
  // Under which it is run; none where nobody else could run it.
  [[nodiscard]] std::optional<Fence> fence() const {
    return events.fence ? std::optional<Fence>(*events.fence) : std::nullopt;
  }
  void seen(base::TimeUs at) {
    base::TimeUs before = seen_at;
    while (before < at && !seen_at.compare_exchange_weak(before, at)) {
    }
  }

  const EventSource events;
  const std::string engine, version;
  std::optional<base::TimeUs> seen_before;  // by whoever ran it last; set before it is shared
  bool is_restart = false;                  // this process ran it before; set before it is shared

  std::atomic<Phase> phase{Phase::prepared};
  std::atomic<base::TimeUs> seen_at{0};
  std::atomic<std::int64_t> open_commands{0};
  std::atomic<bool> is_lost{false};    // another brain has it: nothing is written any more
  std::atomic<bool> look_now{true};    // its report has news
  std::atomic<bool> is_stream{false};  // see EventSource

  mutable std::mutex facts_mutex;
  Presence presence;  // guarded by facts_mutex, as are the two below
  std::string plugin_state = "listed", health = "ok";

  // Guarded by presence_mutex_.
  std::optional<Presence> written;
  base::TimeUs written_seen_at = 0;

  // Guarded by work_mutex_.
  Snapshots snapshots;
  Reconcile reconcile;
  std::int64_t next_look_ms = 0, next_push_ms = 0;
  bool was_well = false;
  std::optional<base::Uuid> gap;  // to be told how much was rebuilt
};

struct LocalAgents::Inbox {
  struct Item {
    SourcePtr source;
    SnapshotKind kind;
    base::Result<std::string> answer;
  };
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Item>
      items;  // at most one per instance and kind; guarded by mutex, as are those below
  bool is_stopping = false;
  bool is_poked = false;  // something to look at that is no answer
};

}  // namespace z4j::core
