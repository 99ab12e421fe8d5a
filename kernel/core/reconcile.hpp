// Asks one engine what became of tasks that are not over for us: all of them when it has just come
// into sight, later in turns those that have been silent for a while. What the engine proves
// becomes events.
//
// Asks nobody and pushes nothing itself: ask() says what to ask, take() gets the answer, events()
// is what it proved. Never the other way round: a finished task is not asked about, and what folds
// the events keeps it finished. Confined to one thread but for lost_candidates(), which is
// thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <z4j/plugin.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/lost_tasks.hpp"
#include "core/snapshots.hpp"
#include "core/store.hpp"

namespace z4j::core {

class Reconcile {
 public:
  // How much is asked in the regular turns.
  struct Pace {
    std::size_t states = 4;  // of the open ones: started, received, retry, pending
    std::size_t at_once = 500, per_pass = 500;
    base::TimeUs silence = 60 * base::kSecondUs;  // a task is asked about after that
  };

  Reconcile(Store& store, const base::Clock& clock, base::Log& log, std::string instance,
            SnapshotRows::Owner owner);
  Reconcile(Store& store, const base::Clock& clock, base::Log& log, std::string instance,
            SnapshotRows::Owner owner, Pace pace);

  // As soon as may be, not oftener than every 30 s: everything open, newest first, at most 10,000
  // tasks.
  void look_at_all();

  // A question, if one is due and the last one is answered and its events are gone.
  [[nodiscard]] std::optional<SnapshotQuestion> ask();
  void take(const base::Result<std::string>& answer);

  // Events to push; null when there are none. Stays until events_gone().
  [[nodiscard]] const z4j_event_batch* events();
  void events_gone();

  // Once after each such look: how many tasks' states were read back.
  [[nodiscard]] std::optional<std::int64_t> looked_at_all();

  // Those of which the engine had no trace twice, five minutes apart, each told once; at most 500
  // at a time. again(): they could not be noted, and are told once more.
  [[nodiscard]] std::vector<LostTask> newly_lost();
  void again(const std::vector<LostTask>& tasks);

  // Tasks of which the engine had no trace twice, five minutes apart.
  [[nodiscard]] std::size_t lost_candidates() const noexcept { return lost_; }

 private:
  struct OpenTask {
    base::Uuid row_id;
    std::string state, name, queue, worker;
  };
  // Where a walk through the open tasks stands: state by state, in each newest first.
  struct Walk {
    std::size_t state = 0;
    std::optional<std::pair<base::TimeUs, base::Uuid>> after;
    std::size_t left = 0;  // tasks it may still fetch
  };
  struct Trace {  // of tasks the engine knows nothing of
    base::TimeUs first_at = 0, last_at = 0;
    std::uint64_t round = 0;
    OpenTask task;
    std::string task_id;
    bool is_told = false;
  };
  [[nodiscard]] base::Status fetch(Walk& walk, std::optional<base::TimeUs> silent_since);
  void prove(const OpenTask& task, const std::string& task_id, const TaskReport& report);
  void count_unknown(const OpenTask& task, const std::string& task_id);
  void count_lost();
  void forget_unasked();
  void drop_question();

  Store& store_;
  const base::Clock& clock_;
  base::Log& log_;
  const std::string instance_;
  const SnapshotRows::Owner owner_;
  const Pace pace_;

  bool is_unable_ = false;  // the engine has no such snapshot
  bool is_out_ = false;
  int tries_ = 0;
  bool wants_all_ = false;
  std::int64_t next_ms_ = 0, next_pass_ms_ = 0, next_all_ms_ = 0;
  std::map<std::string, OpenTask> asked_;  // by task id
  std::optional<Walk> all_;
  std::int64_t read_back_ = 0;
  std::optional<std::int64_t> told_;
  Walk turns_;
  std::uint64_t round_ = 1;
  std::map<base::Uuid, Trace> unknown_;
  std::atomic<std::size_t> lost_{0};
  BatchBuilder batch_;
  z4j_event_batch view_{};
};

}  // namespace z4j::core
