// How channels, subscriptions and what became of messages look in JSON, and what their bodies say.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "api/input.hpp"
#include "api/router.hpp"
#include "api/shapes.hpp"
#include "base/json.hpp"
#include "core/notifications.hpp"

namespace z4j::api {

[[nodiscard]] base::json::Object to_json(const core::ChannelTest& test);
enum class ChannelOf { project, user };
[[nodiscard]] base::json::Object to_json(const core::Channel& channel, ChannelOf kind,
                                         const base::Uuid& owner);

// Problems go to `in`.
[[nodiscard]] core::ChannelDraft read_channel_draft(Input& in);
[[nodiscard]] core::ChannelPatch read_channel_patch(Input& in);
// Type and config of a channel that is not saved.
struct UnsavedChannel {
  std::string type;
  base::json::Object config;
};
[[nodiscard]] UnsavedChannel read_unsaved_channel(Input& in);
[[nodiscard]] core::SubscriptionDraft read_subscription_draft(Input& in);
[[nodiscard]] core::SubscriptionPatch read_subscription_patch(Input& in);
// "{channel_id}" and the like; none: what it names is not there.
[[nodiscard]] std::optional<base::Uuid> id_param(const Call& call, std::string_view name);

// Shapes that both kinds of routes speak of.
inline constexpr std::string_view kChannelBody =
    "{name: text(1..200), type: text(1..40), config?: object, is_active?: bool}";
inline constexpr std::string_view kChannelPatchBody =
    "{name?: text(1..200), config?: object, is_active?: bool}";
inline constexpr std::string_view kUnsavedChannelBody = "{type: text(1..40), config?: object}";
inline constexpr std::string_view kDefaultBody =
    "{trigger: text(1..40), filters?: object, in_app?: bool, project_channel_ids?: [uuid], "
    "cooldown_seconds?: int(0..86400)}";

}  // namespace z4j::api
