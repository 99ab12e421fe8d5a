// What the roll-ups say of each task name: how often, how long, how well.
//
// Counts are of events, by the hour or, of a short window, by the minute; the window begins with a
// whole one. Shares of run times come from the histogram of the roll-ups and lie within their
// bucket, in a straight line between its bounds; beyond 120 s they are 120 s. Answers are kept for
// a moment and shared. Thread-safe. Errors: the store's.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/page.hpp"
#include "core/recent.hpp"
#include "core/rollups.hpp"
#include "core/store.hpp"

namespace z4j::core {

inline constexpr std::size_t kMostTaskNames = 2000;  // that are looked at
inline constexpr std::uint32_t kMostWaits = 1000;    // tasks whose waits are looked at

struct RunTimes {
  std::int64_t runs = 0, sum_us = 0;
  RollUps::Buckets buckets{};
  [[nodiscard]] double share_ms(double share) const noexcept {
    return static_cast<double>(RollUps::quantile_us(buckets, share)) / 1000;
  }
};

struct NameFigures {
  std::string name, engine;
  std::int64_t sent = 0, succeeded = 0, failed = 0, retried = 0, revoked = 0;
  RunTimes runtime;
  [[nodiscard]] std::int64_t ended() const noexcept { return succeeded + failed; }
  [[nodiscard]] double failure_rate() const noexcept;  // of what ended; 0 when nothing did
  [[nodiscard]] double retry_share() const noexcept;   // of all runs that came to an end
};

enum class NameOrder { count, failures, failure_rate, runtime, p95 };  // greatest first

struct NameQuery {
  std::int64_t hours = 24;
  NameOrder order = NameOrder::count;
  std::string search = {};  // part of the name; empty: all
  friend auto operator<=>(const NameQuery&, const NameQuery&) = default;
};

struct NamePage {
  std::vector<NameFigures> items;
  base::TimeUs since = 0, until = 0;
  bool truncated = false;  // there are more names than are looked at
  std::optional<Place> next;
};

struct FigurePoint {
  base::TimeUs at = 0;
  std::int64_t succeeded = 0, failed = 0, retried = 0, revoked = 0;
  RunTimes runtime;
};

struct TaskFigures {
  NameFigures all, before;          // before: as long a time, right before
  std::vector<FigurePoint> series;  // buckets that have something, oldest first
  std::int64_t bucket_s = 0;
  base::TimeUs since = 0, until = 0;
  // From when it could begin to when it began, of the newest tasks of the window; milliseconds,
  // rising.
  std::vector<std::int64_t> waits_ms;
};

class Figures {
 public:
  Figures(Store& store, const base::Clock& clock, std::int64_t keep_ms);

  [[nodiscard]] base::Result<NamePage> names(const base::Uuid& project, const NameQuery& asked,
                                             const std::optional<Place>& after,
                                             std::uint32_t limit);
  // Of one name, exactly, over all engines; `engine` is the one that ran it most.
  [[nodiscard]] base::Result<TaskFigures> of_name(const base::Uuid& project, std::string_view name,
                                                  std::int64_t hours, std::int64_t buckets);

 private:
  struct Listed {
    std::vector<NameFigures> names;  // in their order
    base::TimeUs since = 0, until = 0;
    bool truncated = false;
  };
  using OneName = std::tuple<base::Uuid, std::string, std::int64_t, std::int64_t>;
  [[nodiscard]] base::Result<std::shared_ptr<const Listed>> compute(const base::Uuid& project,
                                                                    const NameQuery& asked);
  [[nodiscard]] base::Result<TaskFigures> compute_name(const OneName& asked);
  [[nodiscard]] base::Result<std::vector<std::int64_t>> waits(const base::Uuid& project,
                                                              std::string_view name,
                                                              base::TimeUs since);

  Store& store_;
  const base::Clock& clock_;
  Recent<std::pair<base::Uuid, NameQuery>, std::shared_ptr<const Listed>> kept_;
  Recent<OneName, TaskFigures> kept_names_;
};

}  // namespace z4j::core
