// A project's notifications: channels, defaults for new members, the delivery log.
#include "api/cursor.hpp"
#include "api/input.hpp"
#include "api/notification_shapes.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;

core::ChannelOwner here(const Call& call) { return core::ChannelOwner::project(call.project->id); }

net::Response channel_answer(const Call& call, int status,
                             const base::Result<core::Channel>& made) {
  return made ? json_answer(status, to_json(*made, ChannelOf::project, call.project->id))
              : refuse(call, made.error());
}

// --- channels -----------------------------------------------------------------------------------

net::Response list_channels(Site& site, Call& call) {
  const bool manages =
      core::decide(*call.principal, core::Action::manage_notifications, &call.project->id)
          .allowed();
  auto channels = site.parts.notifications->channels.list(
      here(call), manages ? core::ChannelEyes::manager : core::ChannelEyes::reader);
  if (!channels) return refuse(call, channels.error());
  Array out;
  for (const core::Channel& each : *channels)
    out.emplace_back(to_json(each, ChannelOf::project, call.project->id));
  return json_answer(200, std::move(out));
}

net::Response create_channel(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::ChannelDraft draft = read_channel_draft(in);
  if (!in.ok()) return in.refused(call.request);
  return channel_answer(call, 201,
                        site.parts.notifications->channels.create(here(call), draft, call.actor()));
}

net::Response import_channel(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto id = in.uuid("user_channel_id", Need::required);
  const auto name = in.text("name", {1, 200});
  if (!in.ok()) return in.refused(call.request);
  return channel_answer(
      call, 201,
      site.parts.notifications->channels.import(core::ChannelOwner::user(call.principal->user.id),
                                                *id, here(call), name, call.actor()));
}

net::Response patch_channel(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::ChannelPatch patch = read_channel_patch(in);
  if (!in.ok()) return in.refused(call.request);
  const auto id = id_param(call, "channel_id");
  if (!id) return refuse(call, core::refuse::not_found("channel"));
  return channel_answer(
      call, 200, site.parts.notifications->channels.patch(here(call), *id, patch, call.actor()));
}

net::Response delete_channel(Site& site, Call& call) {
  const auto id = id_param(call, "channel_id");
  if (!id) return no_content();
  auto done = site.parts.notifications->channels.remove(here(call), *id, call.actor());
  if (!done) return refuse(call, done.error());
  site.parts.notifications->subscriptions.changed();
  return no_content();
}

net::Response test_config(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const UnsavedChannel channel = read_unsaved_channel(in);
  if (!in.ok()) return in.refused(call.request);
  auto tested = site.parts.notifications->channels.test(here(call), channel.type, channel.config,
                                                        call.actor());
  return tested ? json_answer(200, to_json(*tested)) : refuse(call, tested.error());
}

net::Response test_channel(Site& site, Call& call) {
  const auto id = id_param(call, "channel_id");
  if (!id) return refuse(call, core::refuse::not_found("channel"));
  auto tested = site.parts.notifications->channels.test(here(call), *id, call.actor());
  return tested ? json_answer(200, to_json(*tested)) : refuse(call, tested.error());
}

// --- defaults -----------------------------------------------------------------------------------

net::Response default_answer(const Call& call, int status,
                             const base::Result<core::DefaultSubscription>& made) {
  return made ? json_answer(status, to_json(*made)) : refuse(call, made.error());
}

net::Response list_defaults(Site& site, Call& call) {
  auto all = site.parts.notifications->subscriptions.defaults(call.project->id);
  return all ? json_answer(200, to_json_array(*all)) : refuse(call, all.error());
}

net::Response create_default(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::SubscriptionDraft draft = read_subscription_draft(in);
  if (!in.ok()) return in.refused(call.request);
  return default_answer(call, 201,
                        site.parts.notifications->subscriptions.create_default(
                            call.project->id, draft, call.actor()));
}

net::Response patch_default(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::SubscriptionPatch patch = read_subscription_patch(in);
  if (!in.ok()) return in.refused(call.request);
  const auto id = id_param(call, "default_id");
  if (!id) return refuse(call, core::refuse::not_found("default subscription"));
  return default_answer(call, 200,
                        site.parts.notifications->subscriptions.patch_default(call.project->id, *id,
                                                                              patch, call.actor()));
}

net::Response delete_default(Site& site, Call& call) {
  const auto id = id_param(call, "default_id");
  if (!id) return no_content();
  auto done =
      site.parts.notifications->subscriptions.remove_default(call.project->id, *id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

// --- deliveries ---------------------------------------------------------------------------------

net::Response list_deliveries(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const Paging paging = read_paging(query, List::deliveries, 50, 500);
  if (!query.ok()) return query.refused(call.request);
  auto page =
      site.parts.notifications->deliveries.of_project(call.project->id, paging.after, paging.limit);
  return page
             ? json_answer(200, page_json(to_json_array(page->items), List::deliveries, page->next))
             : refuse(call, page.error());
}

net::Response clear_deliveries(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const auto before = query.time("before");
  if (!query.ok()) return query.refused(call.request);
  auto deleted = site.parts.notifications->deliveries.clear(call.project->id, before, call.actor());
  if (!deleted) return refuse(call, deleted.error());
  return json_answer(200, Object{{"deleted", *deleted}});
}

}  // namespace

void add_notification_routes(Router& router) {
  using core::Action;
  const Policy viewer{Gate::signed_in, Action::read_project, nullptr, "notifications"};
  const Policy reader{Gate::signed_in, Action::manage_notifications, nullptr, "notifications"};
  // Keys never change what is sent where.
  const Policy admin{Gate::signed_in, Action::manage_notifications, nullptr, {}, true};
  const auto within = [&admin](const core::RateBucket& bucket) {
    Policy out = admin;
    out.bucket = &bucket;
    return out;
  };
  router.shape("Channel",
               "{id: uuid, project_id: uuid, name: text, type: text, config: object, is_active: "
               "bool, created_at: time, updated_at: time}");
  router.shape("ChannelTest",
               "{success: bool, status_code: int?, error: text?, response_body: text?}");
  router.shape("DefaultSubscription",
               "{id: uuid, project_id: uuid, trigger: text, filters: object, in_app: bool, "
               "project_channel_ids: [uuid], cooldown_seconds: int, created_at: time}");
  router.shape("Delivery",
               "{id: uuid, project_id: uuid?, subscription_id: uuid?, channel_id: uuid?, "
               "user_channel_id: uuid?, trigger: text, task_id: text?, task_name: text?, status: "
               "\"sent\"|\"failed\"|\"skipped\", response_code: int?, error: text?, sent_at: time, "
               "channel_name: text?, channel_type: text?, triggered_by_user_id: uuid?, "
               "triggered_by_email: text?, response_body: text?, attempts: int}");

  const std::string_view channels = "/api/v1/projects/{slug}/notifications/channels";
  router.add("GET", channels, viewer, list_channels)
      .does("List a project's channels")
      .gives(200, "[Channel]");
  router.add("POST", channels, within(core::kBulkActionBucket), create_channel)
      .does("Create a channel")
      .body(kChannelBody)
      .gives(201, "Channel")
      .refuses(409);
  router
      .add("POST", "/api/v1/projects/{slug}/notifications/channels/import_from_user",
           within(core::kChannelImportBucket), import_channel)
      .does("Copy one of one's own channels into the project")
      .body("{user_channel_id: uuid, name?: text(1..200)}")
      .gives(201, "Channel")
      .refuses(409);
  router
      .add("POST", "/api/v1/projects/{slug}/notifications/channels/test",
           within(core::kChannelTestBucket), test_config)
      .does("Send a test message to a channel that is not saved")
      .body(kUnsavedChannelBody)
      .gives(200, "ChannelTest");
  router
      .add("PATCH", "/api/v1/projects/{slug}/notifications/channels/{channel_id}", admin,
           patch_channel)
      .does("Change a channel")
      .body(kChannelPatchBody)
      .gives(200, "Channel")
      .refuses(409);
  router
      .add("DELETE", "/api/v1/projects/{slug}/notifications/channels/{channel_id}", admin,
           delete_channel)
      .does("Delete a channel")
      .gives_nothing();
  router
      .add("POST", "/api/v1/projects/{slug}/notifications/channels/{channel_id}/test",
           within(core::kChannelTestBucket), test_channel)
      .does("Send a test message to a channel")
      .gives(200, "ChannelTest");

  router.add("GET", "/api/v1/projects/{slug}/notifications/defaults", reader, list_defaults)
      .does("List what new members are subscribed to")
      .gives(200, "[DefaultSubscription]");
  router
      .add("POST", "/api/v1/projects/{slug}/notifications/defaults",
           within(core::kBulkActionBucket), create_default)
      .does("Create a default subscription")
      .body(kDefaultBody)
      .gives(201, "DefaultSubscription")
      .refuses(409);
  router
      .add("PATCH", "/api/v1/projects/{slug}/notifications/defaults/{default_id}", admin,
           patch_default)
      .does("Change a default subscription")
      .body(
          "{trigger?: text(1..40), filters?: object, in_app?: bool, project_channel_ids?: [uuid], "
          "cooldown_seconds?: int(0..86400)}")
      .gives(200, "DefaultSubscription")
      .refuses(409);
  router
      .add("DELETE", "/api/v1/projects/{slug}/notifications/defaults/{default_id}", admin,
           delete_default)
      .does("Delete a default subscription")
      .gives_nothing();

  router.add("GET", "/api/v1/projects/{slug}/notifications/deliveries", reader, list_deliveries)
      .does("List what became of messages")
      .query("{limit?: int(1..5000), cursor?: text}")
      .gives(200, "page(Delivery)");
  router.add("DELETE", "/api/v1/projects/{slug}/notifications/deliveries", reader, clear_deliveries)
      .does("Clear the delivery log")
      .query("{before?: time}")
      .gives(200, "{deleted: int}");
}

}  // namespace z4j::api
