// Deploys: marks on the charts, from people and pipelines.
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "core/deploys.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::text_or_null;

Object deploy_json(const core::Deploy& deploy) {
  return {{"id", deploy.id.text()},
          {"at", base::format_time(deploy.at)},
          {"label", deploy.label},
          {"note", text_or_null(deploy.note)},
          {"created_by_name", text_or_null(deploy.created_by_name)}};
}

net::Response list_deploys(Site& site, Call& call) {
  const config::Settings& settings = site.parts.settings;
  Input query = Input::of_query(call.request);
  const Paging paging = read_paging(query, List::deploys, settings.rest_default_page_size,
                                    settings.rest_max_page_size);
  const auto since = query.time("since"), until = query.time("until");
  if (!query.ok()) return query.refused(call.request);
  auto page = core::list_deploys(site.parts.store, call.project->id, since, until, paging.after,
                                 paging.limit);
  if (!page) return refuse(call, page.error());
  Array items;
  for (const core::Deploy& deploy : page->items) items.push_back(deploy_json(deploy));
  return json_answer(200, page_json(std::move(items), List::deploys, page->next));
}

net::Response create_deploy(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  in.only({"label", "note", "at"});
  core::DeployDraft draft;
  draft.label = in.text("label", {1, core::kLongestDeployLabel}, Need::required).value_or("");
  draft.note = in.text("note", {0, core::kLongestDeployNote}).value_or("");
  draft.at = in.time("at");
  if (!in.ok()) return in.refused(call.request);
  auto deploy = core::create_deploy(site.parts.audit, site.parts.clock, call.project->id, draft,
                                    call.principal->user, call.actor());
  return deploy ? json_answer(201, deploy_json(*deploy)) : refuse(call, deploy.error());
}

net::Response delete_deploy(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("deploy_id"));
  if (!id) return refuse(call, core::refuse::not_found("deploy"));
  auto done =
      core::remove_deploy(site.parts.store, site.parts.audit, call.project->id, *id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

}  // namespace

void add_deploy_routes(Router& router) {
  using core::Action;
  const Policy mark{Gate::signed_in, Action::mark_deploys, nullptr, "tasks"};
  router.shape("Deploy", "{id: uuid, at: time, label: text, note: text?, created_by_name: text?}");
  router
      .add("GET", "/api/v1/projects/{slug}/deploys",
           {Gate::signed_in, Action::read_project, nullptr, "tasks"}, list_deploys)
      .does("List when something new went out, newest first")
      .query("{since?: time, until?: time, cursor?: text, limit?: int(1..5000)}")
      .gives(200, "page(Deploy)");
  router.add("POST", "/api/v1/projects/{slug}/deploys", mark, create_deploy)
      .does("Mark a deploy: now, or when it was")
      .body("{label: text(1..80), note?: text(0..500), at?: time}")
      .gives(201, "Deploy")
      .refuses(409);
  router.add("DELETE", "/api/v1/projects/{slug}/deploys/{deploy_id}", mark, delete_deploy)
      .does("Take the mark of a deploy away")
      .gives_nothing();
}

}  // namespace z4j::api
