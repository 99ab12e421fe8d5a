// What RedBeat's JSON says: schedules and times tagged with __type__. Pure.
#pragma once

#include "lib/json/json.hpp"
#include "lib/schedule/schedule.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::celery_beat {

inline constexpr std::size_t kMaxDefinition = 256u << 10;

struct RedbeatMeta {
  std::optional<std::int64_t> last_run_us;
  std::optional<std::int64_t> total_runs;
};
// Of anything else than what RedBeat writes: nothing.
[[nodiscard]] RedbeatMeta read_meta(std::string_view meta_json);
[[nodiscard]] std::string write_meta(const RedbeatMeta& meta);

// Name, task, arguments, options and timing of a definition. Throws Z4J_INVALID when it is none.
[[nodiscard]] schedule::Schedule read_definition(const json::Object& definition,
                                                 const std::string& timezone);
// {"__type__":"interval"...} or crontab. Throws Z4J_INVALID with the place.
[[nodiscard]] json::Object timing_object(const std::string& kind, const std::string& expression,
                                         bool is_relative);

}  // namespace z4j::celery_beat
