#include "api/notification_shapes.hpp"

#include <set>

#include "api/shapes.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::text_or_null;
using base::json::Value;

constexpr std::size_t kIdText = 64;

Array ids_json(const std::vector<base::Uuid>& ids) {
  Array out;
  for (const base::Uuid& id : ids) out.emplace_back(id.text());
  return out;
}

std::optional<std::vector<base::Uuid>> read_ids(Input& in, std::string_view name) {
  const auto texts = in.texts(name, core::Subscriptions::kMostChannels, {1, kIdText});
  if (!texts) return std::nullopt;
  std::vector<base::Uuid> out;
  std::set<base::Uuid> seen;
  for (const std::string& text : *texts) {
    const auto id = base::Uuid::parse(text);
    if (!id)
      in.problem(name, "uuid_parsing", "holds what is no id");
    else if (seen.insert(*id).second)
      out.push_back(*id);
  }
  return out;
}

std::optional<Object> read_config(Input& in) {
  auto config = in.object("config");
  if (config && base::json::write(*config).size() > core::kChannelConfigBytes)
    in.problem("config", "value_error", "is larger than 16 KiB");
  return config;
}

}  // namespace

Object to_json(const core::Delivery& d) {
  return {{"id", d.id.text()},
          {"project_id", id_or_null(d.project_id)},
          {"subscription_id", id_or_null(d.subscription_id)},
          {"channel_id", id_or_null(d.channel_id)},
          {"user_channel_id", id_or_null(d.user_channel_id)},
          {"trigger", d.trigger},
          {"task_id", text_or_null(d.task_id)},
          {"task_name", text_or_null(d.task_name)},
          {"status", d.status},
          {"response_code", number_or_null(d.response_code)},
          {"error", text_or_null(d.error)},
          {"sent_at", base::format_time(d.sent_at)},
          {"channel_name", text_or_null(d.channel_name)},
          {"channel_type", text_or_null(d.channel_type)},
          {"triggered_by_user_id", id_or_null(d.triggered_by_user_id)},
          {"triggered_by_email", text_or_null(d.triggered_by_email)},
          {"response_body", text_or_null(d.response_body)},
          {"attempts", d.attempts}};
}

Object to_json(const core::DefaultSubscription& d) {
  return {{"id", d.id.text()},
          {"project_id", d.project_id.text()},
          {"trigger", d.trigger},
          {"filters", d.filters},
          {"in_app", d.in_app},
          {"project_channel_ids", ids_json(d.project_channel_ids)},
          {"cooldown_seconds", d.cooldown_seconds},
          {"created_at", base::format_time(d.created_at)}};
}

Object to_json(const core::Subscription& s) {
  return {{"id", s.id.text()},
          {"user_id", s.user_id.text()},
          {"project_id", s.project_id.text()},
          {"trigger", s.trigger},
          {"filters", s.filters},
          {"in_app", s.in_app},
          {"project_channel_ids", ids_json(s.project_channel_ids)},
          {"user_channel_ids", ids_json(s.user_channel_ids)},
          {"muted_until", time_or_null(s.muted_until)},
          {"cooldown_seconds", s.cooldown_seconds},
          {"last_fired_at", time_or_null(s.last_fired_at)},
          {"is_active", s.is_active},
          {"created_at", base::format_time(s.created_at)},
          {"updated_at", base::format_time(s.updated_at)}};
}

Object to_json(const core::Notification& n) {
  return {{"id", n.id.text()},
          {"project_id", n.project_id.text()},
          {"subscription_id", id_or_null(n.subscription_id)},
          {"trigger", n.trigger},
          {"reason", n.reason},
          {"title", n.title},
          {"body", text_or_null(n.body)},
          {"data", n.data},
          {"read_at", time_or_null(n.read_at)},
          {"created_at", base::format_time(n.created_at)}};
}

Object to_json(const core::ChannelTest& t) {
  return {{"success", t.is_sent},
          {"status_code", number_or_null(t.code)},
          {"error", text_or_null(t.error)},
          {"response_body", text_or_null(t.reply)}};
}

Object to_json(const core::Channel& c, ChannelOf kind, const base::Uuid& owner) {
  Object out{{"id", c.id.text()}};
  if (kind == ChannelOf::project) out["project_id"] = owner.text();
  out["name"] = c.name;
  out["type"] = c.type;
  out["config"] = c.config;
  if (kind == ChannelOf::user) out["is_verified"] = c.is_verified;
  out["is_active"] = c.is_active;
  out["created_at"] = base::format_time(c.created_at);
  out["updated_at"] = base::format_time(c.updated_at);
  return out;
}

core::ChannelDraft read_channel_draft(Input& in) {
  core::ChannelDraft out;
  out.name = in.text("name", {1, 200}, Need::required).value_or("");
  out.type = in.text("type", {1, 40}, Need::required).value_or("");
  out.config = read_config(in).value_or(Object());
  out.is_active = in.boolean("is_active", true);
  return out;
}

core::ChannelPatch read_channel_patch(Input& in) {
  core::ChannelPatch out;
  out.name = in.text("name", {1, 200});
  out.config = read_config(in);
  if (in.has("is_active") && !in.is_null("is_active"))
    out.is_active = in.boolean("is_active", true);
  return out;
}

UnsavedChannel read_unsaved_channel(Input& in) {
  UnsavedChannel out;
  out.type = in.text("type", {1, 40}, Need::required).value_or("");
  out.config = read_config(in).value_or(Object());
  return out;
}

core::SubscriptionDraft read_subscription_draft(Input& in) {
  core::SubscriptionDraft out;
  out.trigger = in.text("trigger", {1, 40}, Need::required).value_or("");
  out.filters = in.object("filters").value_or(Object());
  out.in_app = in.boolean("in_app", true);
  out.project_channel_ids = read_ids(in, "project_channel_ids").value_or(std::vector<base::Uuid>());
  out.user_channel_ids = read_ids(in, "user_channel_ids").value_or(std::vector<base::Uuid>());
  out.cooldown_seconds =
      in.integer("cooldown_seconds", 0, core::Subscriptions::kLongestCooldownS).value_or(0);
  return out;
}

core::SubscriptionPatch read_subscription_patch(Input& in) {
  core::SubscriptionPatch out;
  const auto flag = [&in](std::string_view name) -> std::optional<bool> {
    if (!in.has(name) || in.is_null(name)) return std::nullopt;
    return in.boolean(name, false);
  };
  out.trigger = in.text("trigger", {1, 40});
  out.filters = in.object("filters");
  out.in_app = flag("in_app");
  out.is_active = flag("is_active");
  out.project_channel_ids = read_ids(in, "project_channel_ids");
  out.user_channel_ids = read_ids(in, "user_channel_ids");
  out.cooldown_seconds = in.integer("cooldown_seconds", 0, core::Subscriptions::kLongestCooldownS);
  out.muted_until = in.time("muted_until");
  return out;
}

std::optional<base::Uuid> id_param(const Call& call, std::string_view name) {
  return base::Uuid::parse(call.param(name));
}

}  // namespace z4j::api
