// When a schedule is due: cron, interval, clocked or solar behind one function.
//
// All times are whole seconds, so that a due time has one name wherever it is written. Immutable,
// so any thread; every question is answered in microseconds to a few milliseconds, however far off
// the answer is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "lib/calendar/cron.hpp"
#include "lib/calendar/solar.hpp"
#include "lib/calendar/zone.hpp"

namespace z4j::calendar {

// "90", "90s", "5m", "2h", "1d" in seconds, 1 to five years. Throws z4j::Error (Z4J_INVALID).
[[nodiscard]] Seconds read_interval(std::string_view expression);

// An ISO 8601 instant; one without an offset is a time of that zone. Throws z4j::Error.
[[nodiscard]] Seconds read_instant(std::string_view expression, const Zone& zone);

class Timetable {
 public:
  // Kinds: cron, interval, clocked (also one_shot), solar. Throws z4j::Error; `where` is /kind,
  // /expression or /timezone.
  static Timetable read(std::string_view kind, std::string_view expression,
                        std::string_view timezone, CronRules rules = {});

  // The first due time behind `after`, both in microseconds since 1970.
  [[nodiscard]] std::optional<std::int64_t> next(std::int64_t after_us) const;

  // One time only.
  [[nodiscard]] bool is_once() const { return std::holds_alternative<Once>(when_); }

 private:
  struct Interval {
    Seconds every;  // due at its multiples since 1970
  };
  struct Once {
    Seconds at;
  };

  std::variant<Once, Interval, Cron, Solar> when_;
  std::shared_ptr<const Zone> zone_;
};

}  // namespace z4j::calendar
