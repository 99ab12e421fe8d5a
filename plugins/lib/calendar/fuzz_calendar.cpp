// Any bytes as a zone file, any text as an expression: each may be refused, and must neither crash
// nor take long.
#include "lib/calendar/timetable.hpp"

#include <z4j/plugin.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace z4j::calendar;
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  constexpr std::int64_t kFrom = 1'774'700'000;
  try {
    if (data[0] % 5 == 0) {
      const Zone zone = Zone::from_tzif(text);
      std::int64_t after = kFrom;
      for (int i = 0; i < 10; ++i) {
        const auto next = Cron::read(i % 2 == 0 ? "30 2 * * *" : "*/7 1-3 * * *").next(after, zone);
        if (!next) break;
        if (*next <= after) __builtin_trap();
        after = *next;
      }
      (void)zone.instant_of(kFrom);
      return 0;
    }
    constexpr std::string_view kKinds[] = {"cron", "interval", "clocked", "solar"};
    const Timetable table =
        Timetable::read(kKinds[data[0] % 4], text, data[0] < 128 ? "Europe/Berlin" : "UTC");
    std::int64_t after = kFrom * 1'000'000;
    for (int i = 0; i < 5; ++i) {
      const auto next = table.next(after);
      if (!next) break;
      if (*next <= after) __builtin_trap();
      after = *next;
    }
  } catch (const z4j::Error&) {
  }
  return 0;
}
