// Small codings that RQ uses. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::rq {

inline constexpr std::size_t kMaxInflated = 8u << 20;
inline constexpr std::size_t kMaxInflateRatio = 200;  // counts above 64 KiB of output

// Nothing when it is not zlib or would be larger than `max_bytes` or the ratio allows.
[[nodiscard]] std::optional<std::string> inflate(std::string_view compressed,
                                                 std::size_t max_bytes = kMaxInflated);
[[nodiscard]] std::string deflate(std::string_view plain);

// "2026-11-23T20:46:52.460222Z" in UTC microseconds since 1970; nothing for "" and what is no time.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);
[[nodiscard]] std::string format_time(std::int64_t time_us);
// Seconds since 1970 with a fraction, as registries and newer result entries have it.
[[nodiscard]] std::optional<std::int64_t> parse_epoch(std::string_view seconds);

}  // namespace z4j::rq
