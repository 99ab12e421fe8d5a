// How the tasks of a filter are spread: by state, over time, by queue.
//
// Counting has a ceiling in rows and in time. count_states() stops at either. TaskFacets then
// counts piece by piece from the newest backwards, and says how far it came; its answers are kept
// for a moment and shared. Thread-safe. Errors: the store's, among them timeout of count_states().
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/recent.hpp"
#include "core/store.hpp"
#include "core/task_counts.hpp"
#include "core/tasks.hpp"

namespace z4j::core {

// Of at most `most` tasks that fit, any of them.
[[nodiscard]] base::Result<TaskStates> count_states(Store& store, const base::Uuid& project,
                                                    const TaskFilter& filter, std::uint64_t most,
                                                    std::uint32_t timeout_ms);

struct FacetQuery {
  TaskFilter filter;               // its times bound what is counted; none: all there is, to now
  std::int64_t buckets = 60;       // 1 to 200
  std::optional<std::size_t> top;  // queues to tell of; none: none
};

struct Facets {
  using States = std::array<std::int64_t, kTaskStateNames.size()>;
  base::TimeUs since = 0, until = 0;
  std::int64_t bucket_s = 1;
  std::map<base::TimeUs, States> series;  // buckets that have something, by their begin
  States by_state{};
  std::int64_t total = 0;
  // The most first; "" for tasks without one. None: not asked for, or not all were counted.
  std::optional<std::vector<std::pair<std::string, std::int64_t>>> by_queue;
  bool approximate = false;  // tasks before searched_until were not counted
  std::optional<base::TimeUs> searched_until;
};

class TaskFacets {
 public:
  struct Options {
    std::int64_t keep_ms = 1000;
    std::uint64_t most_rows = 20'000;           // that are looked at one by one
    std::uint64_t most_indexed_rows = 100'000;  // that an index tells of
    std::int64_t most_ms = 120;
    std::uint32_t near_rows = 2000;  // what the first piece holds
  };
  TaskFacets(Store& store, const base::Clock& clock, Options options)
      : store_(store), clock_(clock), options_(options), kept_(clock, options.keep_ms) {}

  // `words`: the question as it was asked, by which its answer is shared.
  [[nodiscard]] base::Result<Facets> of(const base::Uuid& project, const FacetQuery& asked,
                                        const std::string& words);

 private:
  struct Count;
  [[nodiscard]] base::Result<Facets> compute(const base::Uuid& project, const FacetQuery& asked);
  [[nodiscard]] base::Result<std::optional<base::TimeUs>> edge(
      const base::Uuid& project, const std::optional<base::TimeUs>& until, std::uint32_t rows);

  Store& store_;
  const base::Clock& clock_;
  const Options options_;
  Recent<std::pair<base::Uuid, std::string>, Facets> kept_;
};

}  // namespace z4j::core
