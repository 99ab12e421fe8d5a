// What a channel of each type may be told, and which of it is secret.
//
// Seven types are known by name; a loaded notifier plugin may declare more, with a schema that says
// what is secret. Errors are conflicts whose message begins with "invalid" or "unsafe". Pure
// functions but check_channel_config(), which asks the courier about hosts (names are resolved).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "core/courier.hpp"

namespace z4j::core {

inline constexpr std::size_t kChannelConfigBytes = std::size_t{16} << 10;
// What stands for a secret in answers; sent back, it keeps the stored one. Eight bullets.
inline constexpr std::string_view kChannelMask = "\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022";

// webhook, email, slack, telegram, pagerduty, discord, teams.
[[nodiscard]] bool is_known_channel_type(std::string_view type) noexcept;
// The plugin that serves a known type: for the text that says it is not loaded.
[[nodiscard]] std::string_view plugin_of_channel_type(std::string_view type) noexcept;

// The type as a loaded plugin serves it. invalid: nobody knows such a type; conflict
// ("plugin_missing"): known, but its plugin is not loaded.
[[nodiscard]] base::Result<Courier::Type> find_channel_type(Courier& courier,
                                                            std::string_view type);

// Names of secret members: those of `type`, and those its schema marks.
[[nodiscard]] std::vector<std::string> channel_secrets(const Courier::Type& type);
// Without members that channels of this type do not have, and without masks.
[[nodiscard]] base::json::Object cleaned_channel_config(const Courier::Type& type,
                                                        const base::json::Object& config);
// Stored config and what a change says, member by member; null takes one away, a mask keeps a
// secret. Stored secrets are dropped when the address that they go to changes.
[[nodiscard]] base::json::Object merged_channel_config(const Courier::Type& type,
                                                       const base::json::Object& stored,
                                                       const base::json::Object& change);
// For people: secrets as masks. Who does not manage channels sees no address's path and no header's
// value either: they hold secrets as well.
enum class ChannelEyes { manager, reader };
[[nodiscard]] base::json::Object masked_channel_config(std::string_view type,
                                                       const std::vector<std::string>& secrets,
                                                       const base::json::Object& config,
                                                       ChannelEyes eyes);

struct ChannelRules {
  bool allows_http = false;
  std::int64_t extra_mail_port = 0;  // the relay that the settings name; 0: none
};
// A complete config, secrets included. An empty one is fine: it can't send.
[[nodiscard]] base::Status check_channel_config(Courier& courier, const Courier::Type& type,
                                                const base::json::Object& config,
                                                const ChannelRules& rules);

}  // namespace z4j::core
