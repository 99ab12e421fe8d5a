// Text formats of plugin settings.
#pragma once

#include <string_view>

namespace z4j::config {

// RFC 3986: a scheme, a colon, something, and only characters that a URI may hold.
[[nodiscard]] bool is_uri(std::string_view text);
// minute hour day month weekday, each *, N, N-M, lists and /steps, names of months and days; or
// @hourly,
// @daily, @weekly, @monthly, @yearly and their synonyms.
[[nodiscard]] bool is_cron(std::string_view text);
// A name of the IANA time zone database; where the machine has that database, one it knows.
[[nodiscard]] bool is_timezone(std::string_view text);

}  // namespace z4j::config
