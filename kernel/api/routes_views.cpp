// What lists offer to whoever looks through them: saved views, and values as somebody types.
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "core/refusal.hpp"
#include "core/saved_views.hpp"
#include "core/suggestions.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::text_or_null;

constexpr std::int64_t kUsualSuggestions = 20, kMostSuggestions = 50;

Object view_json(const core::SavedView& view, const core::User& reader) {
  return {{"id", view.id.text()},
          {"screen", view.screen},
          {"name", view.name},
          {"query", view.query},
          {"is_shared", view.is_shared},
          {"is_mine", view.user_id == reader.id},
          {"created_by_name", text_or_null(view.created_by_name)},
          {"created_at", base::format_time(view.created_at)}};
}

net::Response list_views(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const auto screen = query.text("screen", {1, core::kLongestScreen});
  if (!query.ok()) return query.refused(call.request);
  const core::User& reader = call.principal->user;
  auto views = core::list_saved_views(site.parts.store, call.project->id, reader.id, screen);
  if (!views) return refuse(call, views.error());
  Array out;
  for (const core::SavedView& view : *views) out.push_back(view_json(view, reader));
  return json_answer(200, std::move(out));
}

net::Response create_view(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  in.only({"screen", "name", "query", "is_shared"});
  core::SavedViewDraft draft;
  draft.screen = in.text("screen", {1, core::kLongestScreen}, Need::required).value_or("");
  draft.name = in.text("name", {1, core::kLongestViewName}, Need::required).value_or("");
  draft.query = in.text("query", {0, core::kLongestViewQuery}, Need::required).value_or("");
  draft.is_shared = in.boolean("is_shared", false);
  if (!in.ok()) return in.refused(call.request);
  auto view = core::create_saved_view(site.parts.audit, site.parts.clock, *call.principal,
                                      call.project->id, draft, call.actor());
  return view ? json_answer(201, view_json(*view, call.principal->user))
              : refuse(call, view.error());
}

net::Response delete_view(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("view_id"));
  if (!id) return refuse(call, core::refuse::not_found("view"));
  auto done = core::remove_saved_view(site.parts.store, site.parts.audit, *call.principal,
                                      call.project->id, *id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

std::optional<core::SuggestedField> read_field(Input& query) {
  const auto word = query.text("field", {1, 40}, Need::required);
  if (!word) return std::nullopt;
  if (*word == "name") return core::SuggestedField::name;
  if (*word == "queue") return core::SuggestedField::queue;
  if (*word == "worker") return core::SuggestedField::worker;
  if (*word == "engine") return core::SuggestedField::engine;
  if (*word == "exception") return core::SuggestedField::exception;
  query.problem("field", "literal_error", "must be name, queue, worker, engine or exception");
  return std::nullopt;
}

net::Response list_suggestions(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const auto field = read_field(query);
  const std::string prefix = query.text("prefix", {0, 200}).value_or("");
  const std::int64_t limit =
      query.integer("limit", 1, kMostSuggestions).value_or(kUsualSuggestions);
  if (!query.ok()) return query.refused(call.request);
  auto values = core::suggest_values(site.parts.store, call.project->id, *field, prefix,
                                     static_cast<std::uint32_t>(limit));
  if (!values) return refuse(call, values.error());
  Array items;
  for (const std::string& value : *values) items.push_back(Object{{"value", value}});
  return json_answer(200, Object{{"items", std::move(items)}});
}

}  // namespace

void add_view_routes(Router& router) {
  using core::Action;
  const Policy own{Gate::signed_in, Action::read_project};
  router.shape("SavedView",
               "{id: uuid, screen: text, name: text, query: text, is_shared: bool, is_mine: bool, "
               "created_by_name: text?, created_at: time}");
  router.add("GET", "/api/v1/projects/{slug}/views", own, list_views)
      .does("List one's own views of lists, then those that others share")
      .query("{screen?: text(1..40)}")
      .gives(200, "[SavedView]");
  router.add("POST", "/api/v1/projects/{slug}/views", own, create_view)
      .does("Save the query of a list under a name; sharing it needs an operator")
      .body("{screen: text(1..40), name: text(1..80), query: text(0..2000), is_shared?: bool}")
      .gives(201, "SavedView")
      .refuses(409);
  router.add("DELETE", "/api/v1/projects/{slug}/views/{view_id}", own, delete_view)
      .does("Delete a view of one's own; as a project admin, a shared one")
      .gives_nothing();
  router
      .add("GET", "/api/v1/projects/{slug}/suggestions",
           {Gate::signed_in, Action::read_project, nullptr, "tasks"}, list_suggestions)
      .does("List values that begin with what somebody typed")
      .query(
          "{field: \"name\"|\"queue\"|\"worker\"|\"engine\"|\"exception\", prefix?: text(0..200), "
          "limit?: int(1..50)}")
      .gives(200, "{items: [{value: text}]}");
}

}  // namespace z4j::api
