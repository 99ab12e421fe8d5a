// One message as each service wants it: a request to be sent, or why there can be none. Pure.
#pragma once

#include <z4j/http_client.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/json/json.hpp"

namespace z4j::webhook {

struct Settings {
  std::vector<std::string> slack_hosts, discord_hosts, teams_hosts;
  std::string telegram_url, pagerduty_url;
};
[[nodiscard]] Settings read_settings(std::string_view settings_json);

// The host's notification, borrowed.
struct Message {
  std::string_view type, title, text, url, dedup_key, id;
  std::int32_t severity = 0;
  bool is_test = false;
  json::Object target, context;
};
// Throws Error (Z4J_INVALID) when target or context are no objects.
[[nodiscard]] Message read_message(const z4j_notification& n);

// Throws Error (Z4J_BAD_CONFIG) when the channel's config cannot do; the text holds no secret.
[[nodiscard]] HttpCall make_call(const Settings& settings, const Message& message,
                                 std::int64_t now_s);

// What became of it, as the host wants to hear it (docs/abi/notifier.md).
[[nodiscard]] json::Object outcome_of(std::string_view type, const z4j_http_answer& answer);

// Lower-case hex.
[[nodiscard]] std::string hmac_sha256_hex(std::string_view key, std::string_view text);

}  // namespace z4j::webhook
