// One's own notifications: channels, subscriptions, deliveries, the inbox.
#include "api/cursor.hpp"
#include "api/input.hpp"
#include "api/notification_shapes.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "base/crypto.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

core::ChannelOwner oneself(const Call& call) {
  return core::ChannelOwner::user(call.principal->user.id);
}

net::Response own_channel_answer(const Call& call, int status,
                                 const base::Result<core::Channel>& made) {
  return made ? json_answer(status, to_json(*made, ChannelOf::user, call.principal->user.id))
              : refuse(call, made.error());
}

// --- channels -----------------------------------------------------------------------------------

net::Response list_own_channels(Site& site, Call& call) {
  auto channels =
      site.parts.notifications->channels.list(oneself(call), core::ChannelEyes::manager);
  if (!channels) return refuse(call, channels.error());
  Array out;
  for (const core::Channel& each : *channels)
    out.emplace_back(to_json(each, ChannelOf::user, call.principal->user.id));
  return json_answer(200, std::move(out));
}

net::Response create_own_channel(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::ChannelDraft draft = read_channel_draft(in);
  if (!in.ok()) return in.refused(call.request);
  return own_channel_answer(
      call, 201, site.parts.notifications->channels.create(oneself(call), draft, call.actor()));
}

// The project stands in the body, so who may do this is asked here.
net::Response import_own_channel(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  in.only({"project_slug", "channel_id", "name"});
  const auto slug = in.text("project_slug", {1, 63}, Need::required);
  const auto id = in.uuid("channel_id", Need::required);
  const auto name = in.text("name", {1, 200});
  if (!in.ok()) return in.refused(call.request);
  auto project =
      site.parts.projects.open(*call.principal, *slug, core::Action::manage_notifications);
  if (!project) return refuse(call, project.error());
  return own_channel_answer(
      call, 201,
      site.parts.notifications->channels.import(core::ChannelOwner::project(project->id), *id,
                                                oneself(call), name, call.actor()));
}

net::Response patch_own_channel(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::ChannelPatch patch = read_channel_patch(in);
  if (!in.ok()) return in.refused(call.request);
  const auto id = id_param(call, "channel_id");
  if (!id) return refuse(call, core::refuse::not_found("channel"));
  return own_channel_answer(
      call, 200, site.parts.notifications->channels.patch(oneself(call), *id, patch, call.actor()));
}

net::Response delete_own_channel(Site& site, Call& call) {
  const auto id = id_param(call, "channel_id");
  if (!id) return no_content();
  auto done = site.parts.notifications->channels.remove(oneself(call), *id, call.actor());
  if (!done) return refuse(call, done.error());
  site.parts.notifications->subscriptions.changed();
  return no_content();
}

net::Response test_own_config(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const UnsavedChannel channel = read_unsaved_channel(in);
  if (!in.ok()) return in.refused(call.request);
  auto tested = site.parts.notifications->channels.test(oneself(call), channel.type, channel.config,
                                                        call.actor());
  return tested ? json_answer(200, to_json(*tested)) : refuse(call, tested.error());
}

net::Response test_own_channel(Site& site, Call& call) {
  const auto id = id_param(call, "channel_id");
  if (!id) return refuse(call, core::refuse::not_found("channel"));
  auto tested = site.parts.notifications->channels.test(oneself(call), *id, call.actor());
  return tested ? json_answer(200, to_json(*tested)) : refuse(call, tested.error());
}

// --- subscriptions ------------------------------------------------------------------------------

std::string write_subscription_cursor(const core::SubscriptionPlace& at) {
  return base::base64url("s" + std::string(at.project_id.view()) + std::string(at.id.view()) +
                         at.trigger);
}

std::optional<core::SubscriptionPlace> read_subscription_cursor(std::string_view text) {
  constexpr std::size_t kId = 16;
  const auto plain = base::unbase64url(text);
  if (!plain || plain->size() < 1 + 2 * kId || plain->front() != 's') return std::nullopt;
  const std::string_view bytes = std::string_view(*plain).substr(1);
  const std::string trigger(bytes.substr(2 * kId));
  if (core::find_trigger(trigger) == nullptr) return std::nullopt;
  return core::SubscriptionPlace{base::Uuid::from_bytes(bytes.substr(0, kId)), trigger,
                                 base::Uuid::from_bytes(bytes.substr(kId, kId))};
}

net::Response list_subscriptions(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const auto project = query.uuid("project_id");
  const auto limit = static_cast<std::uint32_t>(query.integer("limit", 1, 500).value_or(50));
  std::optional<core::SubscriptionPlace> after;
  if (const auto cursor = query.text("cursor", {1, 8192})) {
    after = read_subscription_cursor(*cursor);
    if (!after) query.problem("cursor", "value_error", "is not a next_cursor of this list");
  }
  if (!query.ok()) return query.refused(call.request);
  if (project) {
    const auto decision = core::decide(*call.principal, core::Action::read_project, &*project);
    if (!decision.allowed())
      return error_answer(call.request, 403, "forbidden", "you are no member of this project");
  }
  auto page =
      site.parts.notifications->subscriptions.list(call.principal->user.id, project, after, limit);
  if (!page) return refuse(call, page.error());
  return json_answer(
      200, Object{{"items", to_json_array(page->items)},
                  {"next_cursor",
                   page->next ? Value(write_subscription_cursor(*page->next)) : Value(nullptr)}});
}

net::Response subscription_answer(const Call& call, int status,
                                  const base::Result<core::Subscription>& made) {
  return made ? json_answer(status, to_json(*made)) : refuse(call, made.error());
}

net::Response create_subscription(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  in.only({"project_id", "trigger", "filters", "in_app", "project_channel_ids", "user_channel_ids",
           "cooldown_seconds"});
  core::SubscriptionDraft draft = read_subscription_draft(in);
  const auto project = in.uuid("project_id", Need::required);
  if (!in.ok()) return in.refused(call.request);
  draft.project_id = *project;
  return subscription_answer(
      call, 201,
      site.parts.notifications->subscriptions.create(*call.principal, draft, call.actor()));
}

net::Response patch_subscription(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::SubscriptionPatch patch = read_subscription_patch(in);
  if (!in.ok()) return in.refused(call.request);
  const auto id = id_param(call, "sub_id");
  if (!id) return refuse(call, core::refuse::not_found("subscription"));
  return subscription_answer(
      call, 200,
      site.parts.notifications->subscriptions.patch(*call.principal, *id, patch, call.actor()));
}

net::Response delete_subscription(Site& site, Call& call) {
  const auto id = id_param(call, "sub_id");
  if (!id) return no_content();
  auto done = site.parts.notifications->subscriptions.remove(*call.principal, *id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

// --- deliveries and inbox -----------------------------------------------------------------------

net::Response list_own_deliveries(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const Paging paging = read_paging(query, List::deliveries, 50, 500);
  const auto slug = query.text("project_slug", {1, 63});
  if (!query.ok()) return query.refused(call.request);
  std::optional<base::Uuid> project;
  if (slug) {
    auto found = site.parts.projects.by_slug(*slug);
    if (!found && found.error().code != base::Code::not_found) return refuse(call, found.error());
    if (!found) return json_answer(200, page_json({}, List::deliveries, std::nullopt));
    project = found->id;
  }
  auto page = site.parts.notifications->deliveries.of_user(call.principal->user.id, project,
                                                           paging.after, paging.limit);
  return page
             ? json_answer(200, page_json(to_json_array(page->items), List::deliveries, page->next))
             : refuse(call, page.error());
}

net::Response list_notifications(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const bool unread = query.boolean("unread_only", false);
  const auto limit = static_cast<std::uint32_t>(query.integer("limit", 1, 200).value_or(50));
  if (!query.ok()) return query.refused(call.request);
  using Which = core::Inbox::Which;
  auto all = site.parts.notifications->inbox.list(call.principal->user.id,
                                                  unread ? Which::unread : Which::all, limit);
  return all ? json_answer(200, to_json_array(*all)) : refuse(call, all.error());
}

net::Response count_unread(Site& site, Call& call) {
  auto count = site.parts.notifications->inbox.count_unread(call.principal->user.id);
  if (!count) return refuse(call, count.error());
  return json_answer(200, Object{{"unread", *count}});
}

net::Response read_notification(Site& site, Call& call) {
  const auto id = id_param(call, "notification_id");
  if (!id) return no_content();
  auto done = site.parts.notifications->inbox.mark_read(call.principal->user.id, *id);
  return done ? no_content() : refuse(call, done.error());
}

net::Response read_all_notifications(Site& site, Call& call) {
  auto done = site.parts.notifications->inbox.mark_all_read(call.principal->user.id);
  return done ? no_content() : refuse(call, done.error());
}

}  // namespace

void add_user_notification_routes(Router& router) {
  const Policy own{Gate::signed_in, std::nullopt, nullptr, "notifications"};
  const auto within = [&own](const core::RateBucket& bucket) {
    Policy out = own;
    out.bucket = &bucket;
    return out;
  };
  router.shape("UserChannel",
               "{id: uuid, name: text, type: text, config: object, is_verified: bool, is_active: "
               "bool, created_at: time, updated_at: time}");
  router.shape("Subscription",
               "{id: uuid, user_id: uuid, project_id: uuid, trigger: text, filters: object, "
               "in_app: bool, project_channel_ids: [uuid], user_channel_ids: [uuid], muted_until: "
               "time?, cooldown_seconds: int, last_fired_at: time?, is_active: bool, created_at: "
               "time, updated_at: time}");
  router.shape("Notification",
               "{id: uuid, project_id: uuid, subscription_id: uuid?, trigger: text, reason: text, "
               "title: text, body: text?, data: object, read_at: time?, created_at: time}");

  router.add("GET", "/api/v1/user/channels", own, list_own_channels)
      .does("List one's own channels")
      .gives(200, "[UserChannel]");
  router.add("POST", "/api/v1/user/channels", own, create_own_channel)
      .does("Create a channel of one's own")
      .body(kChannelBody)
      .gives(201, "UserChannel")
      .refuses(409);
  router
      .add("POST", "/api/v1/user/channels/import_from_project", within(core::kChannelImportBucket),
           import_own_channel)
      .does("Copy a project's channel, as its administrator")
      .body("{project_slug: text(1..63), channel_id: uuid, name?: text(1..200)}")
      .gives(201, "UserChannel")
      .refuses(403)
      .refuses(404)
      .refuses(409);
  router
      .add("POST", "/api/v1/user/channels/test", within(core::kChannelTestBucket), test_own_config)
      .does("Send a test message to a channel that is not saved")
      .body(kUnsavedChannelBody)
      .gives(200, "ChannelTest");
  router.add("PATCH", "/api/v1/user/channels/{channel_id}", own, patch_own_channel)
      .does("Change a channel of one's own")
      .body(kChannelPatchBody)
      .gives(200, "UserChannel")
      .refuses(409);
  router.add("DELETE", "/api/v1/user/channels/{channel_id}", own, delete_own_channel)
      .does("Delete a channel of one's own")
      .gives_nothing();
  router
      .add("POST", "/api/v1/user/channels/{channel_id}/test", within(core::kChannelTestBucket),
           test_own_channel)
      .does("Send a test message to a channel of one's own")
      .gives(200, "ChannelTest");

  router.add("GET", "/api/v1/user/subscriptions", own, list_subscriptions)
      .does("List one's subscriptions")
      .query("{project_id?: uuid, limit?: int(1..500), cursor?: text}")
      .gives(200, "page(Subscription)")
      .refuses(403);
  router.add("POST", "/api/v1/user/subscriptions", own, create_subscription)
      .does("Subscribe to a trigger of a project")
      .body(
          "{project_id: uuid, trigger: text(1..40), filters?: object, in_app?: bool, "
          "project_channel_ids?: [uuid], user_channel_ids?: [uuid], cooldown_seconds?: "
          "int(0..86400)}")
      .gives(201, "Subscription")
      .refuses(404)
      .refuses(409);
  router.add("PATCH", "/api/v1/user/subscriptions/{sub_id}", own, patch_subscription)
      .does("Change a subscription")
      .body(
          "{trigger?: text(1..40), filters?: object, in_app?: bool, project_channel_ids?: [uuid], "
          "user_channel_ids?: [uuid], cooldown_seconds?: int(0..86400), muted_until?: time, "
          "is_active?: bool}")
      .gives(200, "Subscription")
      .refuses(409);
  router.add("DELETE", "/api/v1/user/subscriptions/{sub_id}", own, delete_subscription)
      .does("Delete a subscription")
      .gives_nothing();

  router.add("GET", "/api/v1/user/deliveries", own, list_own_deliveries)
      .does("List what became of one's messages")
      .query("{limit?: int(1..5000), cursor?: text, project_slug?: text(1..63)}")
      .gives(200, "page(Delivery)");
  router.add("GET", "/api/v1/user/notifications", own, list_notifications)
      .does("List one's inbox")
      .query("{unread_only?: bool, limit?: int(1..200)}")
      .gives(200, "[Notification]");
  router.add("GET", "/api/v1/user/notifications/unread-count", own, count_unread)
      .does("Count what is not read")
      .gives(200, "{unread: int}");
  router.add("POST", "/api/v1/user/notifications/{notification_id}/read", own, read_notification)
      .does("Mark a notification as read")
      .gives_nothing();
  router.add("POST", "/api/v1/user/notifications/read-all", own, read_all_notifications)
      .does("Mark all as read")
      .gives_nothing();
}

}  // namespace z4j::api
