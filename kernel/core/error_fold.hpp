// From failures to the rows of error groups: how often per hour, task name and queue, since when,
// and the latest of them as a sample. Nothing is done for events that are no failures.
//
// As in RollUps: ADD is not idempotent, so the rows go only behind a step that fails when an event
// was stored before. Not thread-safe; views must outlive the fold.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string_view>

#include "core/event_decode.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Of the traceback that a group shows: its end.
inline constexpr std::size_t kSampleTracebackBytes = std::size_t{8} << 10;

class ErrorFold {
 public:
  void add(const Event& event);
  // For MERGE: sorted by key.
  [[nodiscard]] Rows groups(unsigned lane) const;
  [[nodiscard]] Rows hours(unsigned lane) const;

 private:
  struct GroupKey {
    base::Uuid project_id;
    std::string_view fingerprint;
    friend auto operator<=>(const GroupKey&, const GroupKey&) = default;
  };
  struct Group {
    base::TimeUs first_seen_at = 0;
    const Event* latest = nullptr;
  };
  struct HourKey {
    base::Uuid project_id;
    base::TimeUs hour = 0;
    std::string_view fingerprint, task, queue;
    friend auto operator<=>(const HourKey&, const HourKey&) = default;
  };
  std::map<GroupKey, Group> groups_;
  std::map<HourKey, std::int64_t> hours_;
};

}  // namespace z4j::core
