// What people read of tasks: lists, one task, its events, its workflow.
//
// Every read is one indexed page, but for three kinds of list. A part of a name is turned into the
// few names that hold it, and their lists are read side by side. A search looks through what stands
// next in the order before it asks an index for all that there is. Where no index of the store
// serves a filter, we look back through time piece by piece until the page is full or its time is
// up, and say how far we came. Thread-safe. Errors: see refusal.hpp; else the store's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "core/command_plan.hpp"
#include "core/page.hpp"
#include "core/store.hpp"

namespace z4j::core {

// The same words filter a list and a bulk retry, so that what is seen is what is retried.
using TaskFilter = BulkFilter;

struct TaskView {
  base::Uuid id, project_id;
  std::string engine, task_id, name, queue, state, priority, exception, traceback, worker_name;
  std::string parent_task_id, root_task_id;
  std::string retry_of, retried_as;  // task ids
  std::string fingerprint;           // error group of its latest failure
  base::json::Value args, kwargs, result;
  base::json::Array tags;
  std::int64_t retry_count = 0;
  std::optional<base::TimeUs> eta, received_at, started_at, finished_at;
  std::optional<std::int64_t> runtime_ms;
  base::TimeUs sort_at = 0, created_at = 0, updated_at = 0;
  // See lost_tasks.hpp; "" and null when there is nothing to say, or something was heard since.
  std::string reconciled_as;
  std::optional<base::TimeUs> reconciled_at;
  base::json::Value evidence;
  std::size_t bytes = 0;  // of its payloads, as stored
};

struct TaskEventView {
  base::Uuid id, project_id, agent_id;
  std::string engine, task_id, kind;
  base::TimeUs occurred_at = 0;
  base::json::Object payload;
  std::size_t bytes = 0;
};

// Who told a group of a task's facts.
struct TaskSource {
  std::string_view facts;  // sent, received, started, ended, retried
  base::Uuid agent_id;

  friend bool operator==(const TaskSource&, const TaskSource&) = default;
};

struct TaskNode {
  std::string task_id, name, state, parent_task_id, root_task_id;
  std::optional<base::TimeUs> received_at, finished_at;
};

struct TaskTree {
  std::string root_task_id;
  std::vector<TaskNode> nodes;  // by received_at, those without last; at most 500
  bool truncated = false;
};

class Tasks {
 public:
  struct Options {
    std::int64_t search_ms = 600;  // after so long a search is over, even without a full page
    std::int64_t direct_ms = 700;  // for one query, where the store says that it has the indexes
    std::int64_t quick_ms = 60;    // for one query that there is another way around
    std::uint32_t max_names = 64;  // with that part, whose lists are read side by side
    std::uint32_t near_rows = 1000, far_rows = 20'000;  // what a search looks through at first
  };
  Tasks(Store& store, const base::Clock& clock) : Tasks(store, clock, Options()) {}
  Tasks(Store& store, const base::Clock& clock, Options options)
      : store_(store), clock_(clock), options_(options) {}

  // Latest start first; a task that never started stands where it was received or first seen.
  [[nodiscard]] base::Result<Page<TaskView>> list(const base::Uuid& project,
                                                  const TaskFilter& filter,
                                                  const std::optional<Place>& after,
                                                  std::uint32_t limit);
  [[nodiscard]] base::Result<TaskView> find(const base::Uuid& project, std::string_view engine,
                                            std::string_view task_id);
  // Newest first.
  [[nodiscard]] base::Result<Page<TaskEventView>> events(const base::Uuid& project,
                                                         std::string_view engine,
                                                         std::string_view task_id,
                                                         const std::optional<Place>& after,
                                                         std::uint32_t limit);
  // Each once, the latest first; of the newest 200 events.
  [[nodiscard]] base::Result<std::vector<TaskSource>> sources(const base::Uuid& project,
                                                              std::string_view engine,
                                                              std::string_view task_id);
  [[nodiscard]] base::Result<TaskTree> tree(const base::Uuid& project, std::string_view engine,
                                            std::string_view task_id);

 private:
  struct Name {
    std::string name;
    base::TimeUs newest = 0;
  };
  // Was anything ever heard of a queue of that name? Its row comes with the first task's.
  [[nodiscard]] base::Result<bool> has_queue(const base::Uuid& project, std::string_view name);
  // Nothing of it moves while we read: where it ended, other conditions may begin.
  [[nodiscard]] bool is_quiet(const Name& name) const;
  // Those that hold `part`, newest first; nothing where there are too many, or no time to find
  // them.
  [[nodiscard]] base::Result<std::optional<std::vector<Name>>> names_with(const base::Uuid& project,
                                                                          std::string_view part);
  // The error is timeout when direct_ms was not enough.
  [[nodiscard]] base::Result<Page<TaskView>> list_of_names(
      const std::vector<Name>& names, const Query& query, const TaskFilter& filter,
      const base::Uuid& project, const std::optional<Place>& after, std::uint32_t limit);
  // The page of what is not rare, read by the order alone; nothing when that would not fill it.
  [[nodiscard]] base::Result<std::optional<Page<TaskView>>> list_nearby(
      const Query& query, const TaskFilter& filter, const base::Uuid& project,
      const std::optional<Place>& after, std::uint32_t limit);
  // The page of a word that some names hold, read by these; nothing when none does, or that takes
  // too long. PostgreSQL knows how common a queue or a worker is, but not where a name lies.
  [[nodiscard]] base::Result<std::optional<Page<TaskView>>> list_of_word(
      const Query& query, const TaskFilter& filter, const base::Uuid& project,
      const std::optional<Place>& after, std::uint32_t limit);
  [[nodiscard]] base::Result<Page<TaskView>> search_back(const Query& query,
                                                         const TaskFilter& filter,
                                                         const base::Uuid& project,
                                                         const std::optional<Place>& after,
                                                         std::uint32_t limit);
  // Its events, newest first; columns and limit are the caller's.
  [[nodiscard]] base::Result<Query> events_of(const base::Uuid& project, std::string_view engine,
                                              std::string_view task_id);
  // Where a project's list begins or ends; nothing when it is empty.
  [[nodiscard]] base::Result<std::optional<base::TimeUs>> edge(const base::Uuid& project,
                                                               bool newest);

  Store& store_;
  const base::Clock& clock_;
  const Options options_;
};

}  // namespace z4j::core
