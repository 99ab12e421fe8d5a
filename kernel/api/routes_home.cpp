// Across projects: figures, failures, and what was done lately.
#include <algorithm>
#include <charconv>
#include <map>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "base/crypto.hpp"
#include "core/activity.hpp"
#include "core/findings.hpp"
#include "core/home.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::text_or_null;
using base::json::Value;
using core::HomeFigures;

constexpr std::int64_t kUsualHomeRows = 50, kMostHomeRows = 200;

std::vector<base::Uuid> ids_of(const std::vector<core::Project>& projects) {
  std::vector<base::Uuid> out;
  for (const core::Project& project : projects) out.push_back(project.id);
  return out;
}

Object figures_json(const HomeFigures& f) {
  return {{"tasks_24h", f.tasks},
          {"failures_24h", f.failures},
          {"failure_rate_24h", f.failure_rate()},
          {"workers_online", f.workers_online},
          {"workers_total", f.workers_total},
          {"agents_online", f.agents_online},
          {"agents_total", f.agents_total},
          {"stuck_commands", f.stuck_commands}};
}

// Null for an administrator who is no member.
Value role_json(const core::Principal& principal, const base::Uuid& project) {
  const auto found = principal.roles.find(project);
  return found == principal.roles.end() ? Value(nullptr) : Value(core::to_string(found->second));
}

// Critical first, then by the project's name, as the projects stand.
Array attention_json(const std::vector<core::Project>& projects,
                     const core::Home::Figures& figures) {
  Array out;
  for (const bool critical : {true, false}) {
    for (const core::Project& project : projects) {
      for (const core::Finding& a : core::findings_of(figures.at(project.id))) {
        if ((a.severity == core::FindingSeverity::critical) != critical) continue;
        out.push_back(Object{{"kind", a.kind},
                             {"severity", core::to_string(a.severity)},
                             {"project_id", project.id.text()},
                             {"project_slug", project.slug},
                             {"project_name", project.name},
                             {"message", a.title},
                             {"count", number_or_null(a.count)}});
      }
    }
  }
  return out;
}

net::Response get_summary(Site& site, Call& call) {
  auto projects = site.parts.projects.list(*call.principal);
  if (!projects) return refuse(call, projects.error());
  std::sort(projects->begin(), projects->end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  auto figures = site.home.figures(ids_of(*projects));
  if (!figures) return refuse(call, figures.error());
  HomeFigures sum;
  Array cards;
  for (const core::Project& project : *projects) {
    const HomeFigures& f = figures->at(project.id);
    sum += f;
    Object card = figures_json(f);
    card["id"] = project.id.text();
    card["slug"] = project.slug;
    card["name"] = project.name;
    card["environment"] = project.environment;
    card["role"] = role_json(*call.principal, project.id);
    card["last_activity_at"] = time_or_null(f.last_activity_at);
    card["health"] = f.health();
    cards.push_back(std::move(card));
  }
  const core::User& user = call.principal->user;
  return json_answer(200, Object{{"user", Object{{"id", user.id.text()},
                                                 {"email", user.email},
                                                 {"display_name", text_or_null(user.shown_name())},
                                                 {"is_admin", user.is_admin}}},
                                 {"aggregate", figures_json(sum)},
                                 {"projects", std::move(cards)},
                                 {"attention", attention_json(*projects, *figures)}});
}

net::Response list_failures(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const auto limit =
      static_cast<std::uint32_t>(query.integer("limit", 1, kMostHomeRows).value_or(kUsualHomeRows));
  const Paging paging = read_paging(query, List::failures, kUsualHomeRows, kMostHomeRows);
  if (!query.ok()) return query.refused(call.request);
  auto projects = site.parts.projects.list(*call.principal);
  if (!projects) return refuse(call, projects.error());
  auto page = site.home.failures(ids_of(*projects), paging.after, limit);
  if (!page) return refuse(call, page.error());
  Array items;
  for (const core::RecentFailure& f : page->items) {
    const auto project = std::find_if(projects->begin(), projects->end(),
                                      [&](const auto& p) { return p.id == f.project_id; });
    items.push_back(Object{{"id", f.id.text()},
                           {"occurred_at", base::format_time(f.occurred_at)},
                           {"project_id", f.project_id.text()},
                           {"project_slug", project->slug},
                           {"project_name", project->name},
                           {"engine", f.engine},
                           {"task_id", f.task_id},
                           {"task_name", text_or_null(f.name)},
                           {"worker", text_or_null(f.worker)},
                           {"exception", text_or_null(f.exception)},
                           {"priority", f.priority}});
  }
  return json_answer(200, page_json(std::move(items), List::failures, page->next));
}

// --- activity -----------------------------------------------------------------------------------

std::string activity_cursor(std::int64_t seq) { return base::base64url("a" + std::to_string(seq)); }

// False: it is no cursor of this list.
bool read_activity_cursor(const std::optional<std::string>& text,
                          std::optional<std::int64_t>& seq) {
  if (!text || text->empty()) return true;
  const auto plain = base::unbase64url(*text);
  if (!plain || plain->empty() || plain->front() != 'a') return false;
  std::int64_t number = 0;
  const char* const end = plain->data() + plain->size();
  const auto [rest, error] = std::from_chars(plain->data() + 1, end, number);
  if (error != std::errc() || rest != end) return false;
  seq = number;
  return true;
}

// What the audit page keeps for its readers is left out for others.
Object activity_json(const core::Activity& a, const core::Principal& principal,
                     const std::map<base::Uuid, std::string>& slugs) {
  const bool may_read_audit =
      a.project_id ? core::decide(principal, core::Action::read_audit, &*a.project_id).allowed()
                   : true;
  const auto slug = a.project_id ? slugs.find(*a.project_id) : slugs.end();
  return {{"id", a.id.text()},
          {"project_id", id_or_null(a.project_id)},
          {"project_slug", slug == slugs.end() ? Value(nullptr) : Value(slug->second)},
          {"user_id", id_or_null(a.user_id)},
          {"action", a.action},
          {"target_type", a.target_type},
          {"target_id", a.target_id ? Value(*a.target_id) : Value(nullptr)},
          {"result", a.result},
          {"outcome", a.outcome ? Value(*a.outcome) : Value(nullptr)},
          {"metadata", may_read_audit ? a.metadata : Object()},
          {"source_ip", principal.user.is_admin ? text_or_null(a.source_ip) : Value(nullptr)},
          {"occurred_at", base::format_time(a.occurred_at)}};
}

net::Response list_activity(Site& site, Call& call) {
  const core::Principal& principal = *call.principal;
  const auto taken = site.limits.take(core::kActivityBucket, principal.user.id.text());
  if (!taken.allowed)
    return too_many(call.request, "too many requests of kind activity", taken.retry_after_s);
  Input query = Input::of_query(call.request);
  core::ActivityQuery asked;
  asked.limit =
      static_cast<std::uint32_t>(query.integer("limit", 1, kMostHomeRows).value_or(kUsualHomeRows));
  const auto since = query.text("since_cursor", {0, 128});
  const auto before = query.text("before_cursor", {0, 128});
  asked.action_prefix = query.text("action_prefix", {0, 80}).value_or("");
  const auto only_slug = query.text("project_slug", {0, 80});
  if (!query.ok()) return query.refused(call.request);
  if (!read_activity_cursor(since, asked.after) || !read_activity_cursor(before, asked.before))
    return detail_answer(422, "malformed cursor");
  auto projects = site.parts.projects.list(principal);
  if (!projects) return refuse(call, projects.error());
  std::map<base::Uuid, std::string> slugs;
  for (const core::Project& project : *projects) slugs.emplace(project.id, project.slug);
  const bool is_narrowed = only_slug && !only_slug->empty();
  asked.all = principal.user.is_admin && !is_narrowed;
  for (const core::Project& project : *projects) {
    if (!is_narrowed || project.slug == *only_slug) asked.projects.push_back(project.id);
  }
  if (!is_narrowed) asked.user = principal.user.id;
  auto rows = core::read_activity(site.parts.store, asked);
  if (!rows) return refuse(call, rows.error());
  Array items;
  for (const core::Activity& row : *rows) items.push_back(activity_json(row, principal, slugs));
  const bool is_full = rows->size() == asked.limit;
  const Value newest =
      rows->empty() ? text_or_null(since.value_or("")) : Value(activity_cursor(rows->front().seq));
  return json_answer(200,
                     Object{{"items", std::move(items)},
                            {"next_before_cursor",
                             is_full ? Value(activity_cursor(rows->back().seq)) : Value(nullptr)},
                            {"newest_cursor", newest}});
}

}  // namespace

void add_home_routes(Router& router) {
  router.shape("HomeFigures",
               "{tasks_24h: int, failures_24h: int, failure_rate_24h: number, workers_online: int, "
               "workers_total: int, agents_online: int, agents_total: int, stuck_commands: int}");
  const Policy home{Gate::signed_in, std::nullopt, nullptr, "home"};
  router.add("GET", "/api/v1/home/summary", home, get_summary)
      .does("Show figures of all projects and what needs attention")
      .gives(200,
             "{user: {id: uuid, email: text, display_name: text?, is_admin: bool}, aggregate: "
             "HomeFigures, projects: [{..HomeFigures, id: uuid, slug: text, name: text, "
             "environment: text, role: \"viewer\"|\"operator\"|\"admin\"?, last_activity_at: "
             "time?, health: \"offline\"|\"degraded\"|\"idle\"|\"healthy\"}], attention: [{kind: "
             "\"agent_offline\"|\"high_failure_rate\"|\"stuck_commands\", severity: "
             "\"critical\"|\"warning\", project_id: uuid, project_slug: text, project_name: text, "
             "message: text, count: int?}]}");
  router.add("GET", "/api/v1/home/recent-failures", home, list_failures)
      .does("List tasks of all projects that failed")
      .query("{limit?: int(1..200), cursor?: text}")
      .gives(200,
             "page({id: uuid, occurred_at: time, project_id: uuid, project_slug: text, "
             "project_name: text, engine: text, task_id: text, task_name: text?, worker: text?, "
             "exception: text?, priority: text})");
  router.add("GET", "/api/v1/activity", {Gate::signed_in}, list_activity)
      .does("List what was done lately")
      .query(
          "{limit?: int(1..200), since_cursor?: text(0..128), before_cursor?: text(0..128), "
          "action_prefix?: text(0..80), project_slug?: text(0..80)}")
      .gives(200,
             "{items: [{id: uuid, project_id: uuid?, project_slug: text?, user_id: uuid?, action: "
             "text, target_type: text, target_id: text?, result: text, outcome: text?, metadata: "
             "object, source_ip: text?, occurred_at: time}], next_before_cursor: text?, "
             "newest_cursor: text?}")
      .refuses(429);
}

}  // namespace z4j::api
