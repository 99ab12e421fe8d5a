// How the kernel's things look in JSON: member names, order and nulls as clients know them. Members
// that are ours alone stand last.
#pragma once

#include <optional>
#include <string_view>

#include "api/cursor.hpp"
#include "base/json.hpp"
#include "core/auth.hpp"
#include "core/commands.hpp"
#include "core/fleet.hpp"
#include "core/invitations.hpp"
#include "core/memberships.hpp"
#include "core/page.hpp"
#include "core/projects.hpp"
#include "core/tasks.hpp"

namespace z4j::core {
struct Delivery;
struct DefaultSubscription;
struct Subscription;
struct Notification;
}  // namespace z4j::core

namespace z4j::api {

[[nodiscard]] base::json::Value time_or_null(const std::optional<base::TimeUs>& time);
[[nodiscard]] base::json::Value number_or_null(const std::optional<std::int64_t>& number);
[[nodiscard]] base::json::Value id_or_null(const std::optional<base::Uuid>& id);
// With "+00:00" in place of "Z": what upstream writes where it formats by hand.
[[nodiscard]] base::json::Value offset_time_or_null(const std::optional<base::TimeUs>& time);

[[nodiscard]] base::json::Object to_json(const core::User& user);
[[nodiscard]] base::json::Object to_json(const core::Me& me);
[[nodiscard]] base::json::Object to_json(const core::Project& project);
[[nodiscard]] base::json::Object to_json(const core::Member& member);
[[nodiscard]] base::json::Object to_json(const core::Invitation& invitation);
// As administrators see a user.
[[nodiscard]] base::json::Object to_admin_json(const core::User& user);
// null while nothing is known of its version.
[[nodiscard]] base::json::Value version_status(const core::FleetAgent& agent);
// The brain's major version is above the agent's.
[[nodiscard]] bool is_behind(const core::FleetAgent& agent);
[[nodiscard]] base::json::Object to_json(const core::FleetAgent& agent);
[[nodiscard]] base::json::Object to_json(const core::FleetConnection& connection);
[[nodiscard]] base::json::Object to_json(const core::FleetSlot& slot);
[[nodiscard]] base::json::Object to_json(const core::FleetTaskName& name);
[[nodiscard]] base::json::Object to_json(const core::FleetWorker& worker);
[[nodiscard]] base::json::Object to_json(const core::FleetQueue& queue, base::TimeUs now);
[[nodiscard]] base::json::Object to_json(const core::FleetGap& gap);
[[nodiscard]] base::json::Object to_json(const core::TaskView& task);
[[nodiscard]] base::json::Object to_json(const core::TaskEventView& event);
[[nodiscard]] base::json::Object to_json(const core::Command& command);
[[nodiscard]] base::json::Object to_json(const core::Delivery& delivery);
[[nodiscard]] base::json::Object to_json(const core::DefaultSubscription& subscription);
[[nodiscard]] base::json::Object to_json(const core::Subscription& subscription);
[[nodiscard]] base::json::Object to_json(const core::Notification& notification);

// All of the above: what is declared later is not found from here.
template <class T>
[[nodiscard]] base::json::Array to_json_array(const std::vector<T>& items) {
  base::json::Array out;
  out.reserve(items.size());
  for (const T& item : items) out.emplace_back(to_json(item));
  return out;
}

// {"items": [...], "next_cursor": ...}
[[nodiscard]] base::json::Object page_json(base::json::Array items, List list,
                                           const std::optional<core::Place>& next);

}  // namespace z4j::api
