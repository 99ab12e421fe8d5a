// Workers that vanished, and what holds for workers to come: cancels and wishes.
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "core/refusal.hpp"
#include "core/revocations.hpp"
#include "core/worker_losses.hpp"
#include "core/worker_wishes.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;

constexpr std::string_view kLossShape =
    "{id: uuid, project_id: uuid, engine: text, worker: text, hostname: text?, pid: int?, "
    "last_heartbeat: time, noticed_at: time, verdict: text, task_count: int, tasks: [object], "
    "facts: object, returned_at: time?, closed_at: time?, closed_by: uuid?}";
constexpr std::string_view kCancelShape =
    "{id: uuid, engine: text, task_id: text, command_id: uuid?, created_at: time, expires_at: "
    "time, asserted_at: time?, asserted: int}";

Object loss_json(const core::WorkerLoss& loss) {
  return {{"id", loss.id.text()},
          {"project_id", loss.project_id.text()},
          {"engine", loss.engine},
          {"worker", loss.worker},
          {"hostname", base::json::text_or_null(loss.hostname)},
          {"pid", number_or_null(loss.pid)},
          {"last_heartbeat", base::format_time(loss.last_heartbeat)},
          {"noticed_at", base::format_time(loss.noticed_at)},
          {"verdict", loss.verdict},
          {"task_count", loss.task_count},
          {"tasks", loss.tasks},
          {"facts", loss.facts},
          {"returned_at", time_or_null(loss.returned_at)},
          {"closed_at", time_or_null(loss.closed_at)},
          {"closed_by", id_or_null(loss.closed_by)}};
}

Object cancel_json(const core::RememberedCancel& cancel) {
  return {{"id", cancel.id.text()},
          {"engine", cancel.engine},
          {"task_id", cancel.task_id},
          {"command_id", id_or_null(cancel.command_id)},
          {"created_at", base::format_time(cancel.created_at)},
          {"expires_at", base::format_time(cancel.expires_at)},
          {"asserted_at", time_or_null(cancel.asserted_at)},
          {"asserted", cancel.asserted}};
}

Paging read_losses_paging(Site& site, Input& query, List list) {
  const config::Settings& settings = site.parts.settings;
  return read_paging(query, list, settings.rest_default_page_size, settings.rest_max_page_size);
}

net::Response list_losses(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const Paging paging = read_losses_paging(site, query, List::losses);
  const bool only_open = query.boolean("open", false);
  if (!query.ok()) return query.refused(call.request);
  auto page = core::list_worker_losses(site.parts.store, call.project->id, only_open, paging.after,
                                       paging.limit);
  if (!page) return refuse(call, page.error());
  Array items;
  for (const core::WorkerLoss& loss : page->items) items.push_back(loss_json(loss));
  return json_answer(200, page_json(std::move(items), List::losses, page->next));
}

net::Response answer_loss(const Call& call, const base::Result<core::WorkerLoss>& loss) {
  return loss ? json_answer(200, loss_json(*loss)) : refuse(call, loss.error());
}

net::Response get_loss(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("loss_id"));
  if (!id) return refuse(call, core::refuse::not_found("worker loss"));
  return answer_loss(call, core::find_worker_loss(site.parts.store, call.project->id, *id));
}

net::Response close_loss(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("loss_id"));
  if (!id) return refuse(call, core::refuse::not_found("worker loss"));
  return answer_loss(call,
                     core::close_worker_loss(site.parts.store, site.parts.audit, site.parts.clock,
                                             call.project->id, *id, call.actor()));
}

net::Response list_cancels(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const Paging paging = read_losses_paging(site, query, List::cancels);
  const auto engine = query.text("engine", {1, 40});
  if (!query.ok()) return query.refused(call.request);
  auto page = core::list_remembered_cancels(site.parts.store, call.project->id, engine.value_or(""),
                                            paging.after, paging.limit);
  if (!page) return refuse(call, page.error());
  Array items;
  for (const core::RememberedCancel& cancel : page->items) items.push_back(cancel_json(cancel));
  return json_answer(200, page_json(std::move(items), List::cancels, page->next));
}

net::Response forget_cancel(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("cancel_id"));
  if (!id) return refuse(call, core::refuse::not_found("remembered cancel"));
  auto done = core::forget_remembered_cancel(site.parts.store, site.parts.audit, call.project->id,
                                             *id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

Object wish_json(const core::WorkerWish& wish) {
  return {{"id", wish.id.text()},
          {"engine", wish.engine},
          {"kind", wish.kind},
          {"target", base::json::text_or_null(wish.target)},
          {"worker_name", base::json::text_or_null(wish.worker)},
          {"args", wish.args},
          {"command_id", id_or_null(wish.command_id)},
          {"created_at", base::format_time(wish.created_at)},
          {"updated_at", base::format_time(wish.updated_at)},
          {"asserted_at", time_or_null(wish.asserted_at)},
          {"asserted", wish.asserted}};
}

net::Response list_wishes(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const Paging paging = read_losses_paging(site, query, List::wishes);
  if (!query.ok()) return query.refused(call.request);
  auto page = core::list_wishes(site.parts.store, call.project->id, paging.after, paging.limit);
  if (!page) return refuse(call, page.error());
  Array items;
  for (const core::WorkerWish& wish : page->items) items.push_back(wish_json(wish));
  return json_answer(200, page_json(std::move(items), List::wishes, page->next));
}

net::Response drop_wish(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("wish_id"));
  if (!id) return refuse(call, core::refuse::not_found("wish"));
  auto done =
      core::drop_wish(site.parts.store, site.parts.audit, call.project->id, *id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

}  // namespace

void add_loss_routes(Router& router) {
  using core::Action;
  router.shape("WorkerLoss", kLossShape);
  router.shape("RememberedCancel", kCancelShape);
  router
      .add("GET", "/api/v1/projects/{slug}/worker-losses",
           {Gate::signed_in, Action::read_project, nullptr, "workers"}, list_losses)
      .does("List workers that vanished, newest first")
      .query("{open?: bool, cursor?: text, limit?: int(1..5000)}")
      .gives(200, "page(WorkerLoss)");
  router
      .add("GET", "/api/v1/projects/{slug}/worker-losses/{loss_id}",
           {Gate::signed_in, Action::read_project, nullptr, "workers"}, get_loss)
      .does("Show a worker that vanished and what its tasks need")
      .gives(200, "WorkerLoss");
  router
      .add("POST", "/api/v1/projects/{slug}/worker-losses/{loss_id}/close",
           {Gate::signed_in, Action::restart_worker, nullptr, "commands"}, close_loss)
      .does("Say that a vanished worker was seen to")
      .gives(200, "WorkerLoss");
  router
      .add("GET", "/api/v1/projects/{slug}/worker-wishes",
           {Gate::signed_in, Action::read_project, nullptr, "workers"}, list_wishes)
      .does("List limits, consumers and pauses that are said again to workers that come later")
      .query("{cursor?: text, limit?: int(1..5000)}")
      .gives(200,
             "page({id: uuid, engine: text, kind: text, target: text?, worker_name: text?, args: "
             "object, command_id: uuid?, created_at: time, updated_at: time, asserted_at: time?, "
             "asserted: int})");
  router
      .add("DELETE", "/api/v1/projects/{slug}/worker-wishes/{wish_id}",
           {Gate::signed_in, Action::restart_worker, nullptr, "commands"}, drop_wish)
      .does("Do not say a wish again")
      .gives_nothing();
  router
      .add("GET", "/api/v1/projects/{slug}/remembered-cancels",
           {Gate::signed_in, Action::read_project, nullptr, "commands"}, list_cancels)
      .does("List cancels that are said again to workers that come later")
      .query("{engine?: text(1..40), cursor?: text, limit?: int(1..5000)}")
      .gives(200, "page(RememberedCancel)");
  router
      .add("DELETE", "/api/v1/projects/{slug}/remembered-cancels/{cancel_id}",
           {Gate::signed_in, Action::cancel_task, nullptr, "commands"}, forget_cancel)
      .does("Do not say a cancel again")
      .gives_nothing();
}

}  // namespace z4j::api
