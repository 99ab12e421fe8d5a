// Acting on many tasks: selections, jobs, and the copies that purges keep.
#include <algorithm>
#include <memory>

#include "api/admit.hpp"
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "api/table_file.hpp"
#include "core/bulk.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;
using core::BulkJobs;

constexpr std::uint32_t kReportPage = 1000;

Value shown_text(const std::string& text) { return base::json::text_or_null(text); }

std::string iso(base::TimeUs time) { return base::format_time(time); }

// Of `tasks` at a rate; none when there is no limit.
Value estimated_seconds(std::int64_t tasks, double rate) {
  return rate > 0 ? Value(static_cast<double>(tasks) / rate) : Value(nullptr);
}

Object selection_json(const core::Selection& s, double usual_rate) {
  const Object* filter = base::json::object(s.asked, "filter");
  return {{"id", s.id.text()},
          {"project_id", s.project_id.text()},
          {"created_by", id_or_null(s.created_by)},
          {"action", core::to_string(s.action)},
          {"filter", filter != nullptr ? *filter : Object()},
          {"max", base::json::integer(s.asked, "max")},
          {"state", s.state},
          {"total", s.total},
          {"summary", s.summary},
          {"error", shown_text(s.error)},
          {"estimated_seconds", estimated_seconds(s.total, usual_rate)},
          {"created_at", iso(s.created_at)},
          {"built_at", time_or_null(s.built_at)},
          {"expires_at", iso(s.expires_at)}};
}

Object item_json(const core::SelectionItem& i) {
  return {{"number", i.number},
          {"engine", i.engine},
          {"task_id", i.task_id},
          {"name", shown_text(i.name)},
          {"queue", shown_text(i.queue)},
          {"state", i.state},
          {"exclusion", shown_text(i.exclusion)},
          {"outcome", shown_text(i.outcome)},
          {"reason", shown_text(i.reason)},
          {"new_task_id", shown_text(i.new_task_id)},
          {"finished_at", time_or_null(i.finished_at)}};
}

Object job_json(const core::BulkJob& j) {
  const std::int64_t left = std::max<std::int64_t>(0, j.total - j.worked_off());
  return {{"id", j.id.text()},
          {"project_id", j.project_id.text()},
          {"selection_id", j.selection_id.text()},
          {"command_id", id_or_null(j.command_id)},
          {"created_by", id_or_null(j.created_by)},
          {"agent_id", id_or_null(j.agent_id)},
          {"action", core::to_string(j.action)},
          {"params", j.params},
          {"state", j.state},
          {"rate_per_second", j.rate_per_second ? Value(*j.rate_per_second) : Value(nullptr)},
          {"total", j.total},
          {"done", j.done},
          {"sent", j.sent},
          {"refused", j.refused},
          {"unknown", j.unknown},
          {"changed", j.changed},
          {"left", left},
          {"estimated_seconds_left",
           j.is_over() ? Value(nullptr) : estimated_seconds(left, j.rate_per_second.value_or(0))},
          {"error", shown_text(j.error)},
          {"created_at", iso(j.created_at)},
          {"started_at", time_or_null(j.started_at)},
          {"finished_at", time_or_null(j.finished_at)},
          {"updated_at", iso(j.updated_at)}};
}

Object copy_json(const core::QueueCopy& c) {
  return {{"id", c.id.text()},
          {"project_id", c.project_id.text()},
          {"engine", c.engine},
          {"queue", c.queue},
          {"agent_id", c.agent_id.text()},
          {"command_id", id_or_null(c.command_id)},
          {"created_by", id_or_null(c.created_by)},
          {"state", c.state},
          {"messages", c.messages},
          {"bytes", c.bytes},
          {"restored", c.restored},
          {"not_removed", c.untouched},
          {"error", shown_text(c.error)},
          {"created_at", iso(c.created_at)},
          {"expires_at", iso(c.expires_at)},
          {"restored_at", time_or_null(c.restored_at)},
          {"updated_at", iso(c.updated_at)}};
}

// What the path names, or the answer that says that there is none.
struct Named {
  std::optional<base::Uuid> id;
  net::Response missing;
};
Named named(const Call& call, std::string_view param, std::string_view what) {
  Named out{base::Uuid::parse(call.param(param)), {}};
  if (!out.id)
    out.missing = error_answer(call.request, 404, "not_found", std::string(what) + " not found");
  return out;
}

// May this person do to many what the action does to one?
std::optional<net::Response> not_allowed(const Call& call, core::BulkAction action) {
  const auto decision = core::decide(*call.principal, core::policy_of(action), &call.project->id);
  if (decision.allowed()) return std::nullopt;
  return refuse(call, decision);
}

double usual_rate(const Site& site) { return site.parts.bulk->selections.options().rate_per_s; }

// --- selections ---------------------------------------------------------------------------------

net::Response create_selection(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto word = in.text("action", {1, 20}, Need::required);
  Object filter = in.object("filter").value_or(Object());
  if (auto ids = in.array("task_ids")) filter["task_ids"] = std::move(*ids);
  const core::Selections& selections = site.parts.bulk->selections;
  const auto max = in.integer("max", 1, selections.options().max_items);
  const auto action = core::parse_bulk_action(word.value_or(""));
  if (word && !action)
    in.problem("action", "value_error", "must be retry, cancel, delete or requeue");
  if (!in.ok()) return in.refused(call.request);
  if (auto no = not_allowed(call, *action)) return std::move(*no);
  auto made =
      site.parts.bulk->selections.create(call.project->id, *action, filter, max, call.actor());
  return made ? json_answer(201, selection_json(*made, usual_rate(site)))
              : refuse(call, made.error());
}

net::Response list_selections(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const Paging paging = read_paging(query, List::selections, settings.rest_default_page_size,
                                    settings.rest_max_page_size);
  if (!query.ok()) return query.refused(call.request);
  auto page = site.parts.bulk->selections.list(call.project->id, paging.after, paging.limit);
  if (!page) return refuse(call, page.error());
  Array items;
  for (const core::Selection& one : page->items)
    items.push_back(selection_json(one, usual_rate(site)));
  return json_answer(200, page_json(std::move(items), List::selections, page->next));
}

net::Response get_selection(Site& site, Call& call) {
  const Named selection = named(call, "selection_id", "selection");
  if (!selection.id) return selection.missing;
  auto found = site.parts.bulk->selections.find(call.project->id, *selection.id);
  return found ? json_answer(200, selection_json(*found, usual_rate(site)))
               : refuse(call, found.error());
}

net::Response delete_selection(Site& site, Call& call) {
  const Named selection = named(call, "selection_id", "selection");
  if (!selection.id) return selection.missing;
  auto gone = site.parts.bulk->selections.remove(call.project->id, *selection.id, call.actor());
  return gone ? no_content() : refuse(call, gone.error());
}

// The tasks of a set that is known to be of the call's project.
net::Response list_items(Site& site, Call& call, const base::Uuid& selection) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const Paging paging = read_paging(query, List::bulk_items, settings.rest_default_page_size,
                                    settings.rest_max_page_size);
  const auto outcome = query.text("outcome", {1, 20});
  if (!query.ok()) return query.refused(call.request);
  const std::int64_t from = paging.after ? paging.after->at + 1 : 0;
  auto found = site.parts.bulk->selections.items(selection, outcome, from, paging.limit + 1);
  if (!found) return refuse(call, found.error());
  std::optional<core::Place> next;
  if (found->size() > paging.limit) {
    found->resize(paging.limit);
    next = core::Place{found->back().number, selection};
  }
  Array items;
  for (const core::SelectionItem& item : *found) items.push_back(item_json(item));
  return json_answer(200, page_json(std::move(items), List::bulk_items, next));
}

net::Response list_selection_items(Site& site, Call& call) {
  const Named selection = named(call, "selection_id", "selection");
  if (!selection.id) return selection.missing;
  auto found = site.parts.bulk->selections.find(call.project->id, *selection.id);
  return found ? list_items(site, call, found->id) : refuse(call, found.error());
}

// --- jobs ---------------------------------------------------------------------------------------

net::Response create_job(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  BulkJobs::Asked asked;
  asked.project_id = call.project->id;
  asked.actor = call.actor();
  asked.selection_id = in.uuid("selection_id", Need::required).value_or(base::Uuid());
  asked.agent_id = in.uuid("agent_id");
  if (const auto rate =
          in.integer("rate_per_second", 1, static_cast<std::int64_t>(BulkJobs::kMostRate)))
    asked.rate_per_second = static_cast<double>(*rate);
  asked.params = in.object("params").value_or(Object());
  asked.idempotency_key = in.text("idempotency_key", {1, 200});
  if (!in.ok()) return in.refused(call.request);
  auto selection = site.parts.bulk->selections.find(call.project->id, asked.selection_id);
  if (!selection) return refuse(call, selection.error());
  if (auto no = not_allowed(call, selection->action)) return std::move(*no);
  auto job = site.parts.bulk->jobs.create(asked);
  return job ? json_answer(201, job_json(*job)) : refuse(call, job.error());
}

net::Response list_jobs(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const Paging paging = read_paging(query, List::bulk_jobs, settings.rest_default_page_size,
                                    settings.rest_max_page_size);
  const auto state = query.text("state", {1, 20});
  if (!query.ok()) return query.refused(call.request);
  auto page = site.parts.bulk->jobs.list(call.project->id, state, paging.after, paging.limit);
  if (!page) return refuse(call, page.error());
  Array items;
  for (const core::BulkJob& one : page->items) items.push_back(job_json(one));
  return json_answer(200, page_json(std::move(items), List::bulk_jobs, page->next));
}

base::Result<core::BulkJob> find_job(Site& site, const Call& call) {
  const auto id = base::Uuid::parse(call.param("job_id"));
  if (!id) return core::refuse::not_found("job");
  return site.parts.bulk->jobs.find(call.project->id, *id);
}

net::Response get_job(Site& site, Call& call) {
  auto job = find_job(site, call);
  return job ? json_answer(200, job_json(*job)) : refuse(call, job.error());
}

net::Response list_job_items(Site& site, Call& call) {
  auto job = find_job(site, call);
  return job ? list_items(site, call, job->selection_id) : refuse(call, job.error());
}

net::Response turn_job(Site& site, Call& call, BulkJobs::Turn turn) {
  auto job = find_job(site, call);
  if (!job) return refuse(call, job.error());
  if (auto no = not_allowed(call, job->action)) return std::move(*no);
  auto turned = site.parts.bulk->jobs.turn(call.project->id, job->id, turn, call.actor());
  return turned ? json_answer(200, job_json(*turned)) : refuse(call, turned.error());
}
net::Response pause_job(Site& site, Call& call) {
  return turn_job(site, call, BulkJobs::Turn::pause);
}
net::Response resume_job(Site& site, Call& call) {
  return turn_job(site, call, BulkJobs::Turn::resume);
}
net::Response cancel_job(Site& site, Call& call) {
  return turn_job(site, call, BulkJobs::Turn::cancel);
}

// What became of each task, as a file.
net::Response report_job(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const auto format = read_format(query);
  const auto outcome = query.text("outcome", {1, 20});
  if (!query.ok()) return query.refused(call.request);
  auto job = find_job(site, call);
  if (!job) return refuse(call, job.error());
  TableFile table;
  table.record = core::AuditEntry::of(call.actor(), "bulk_job.exported", "bulk_job", job->id.text(),
                                      call.project->id);
  table.record.metadata = {{"query", query.fields()}};
  table.name = "z4j-bulk-" + std::string(core::to_string(job->action)) + "-" + job->id.text();
  table.sheet = "Tasks";
  table.columns = {"number",    "engine",  "task_id", "name",        "queue",      "state",
                   "exclusion", "outcome", "reason",  "new_task_id", "finished_at"};
  table.next = [&selections = site.parts.bulk->selections, selection = job->selection_id, outcome,
                columns = table.columns, from = std::int64_t{0},
                is_over = false]() mutable -> base::Result<std::vector<Array>> {
    std::vector<Array> rows;
    if (is_over) return rows;
    auto items = selections.items(selection, outcome, from, kReportPage);
    if (!items) return std::move(items).error();
    is_over = items->size() < kReportPage;
    for (const core::SelectionItem& item : *items) {
      from = item.number + 1;
      const Object all = item_json(item);
      Array row;
      for (const std::string& column : columns) row.push_back(all.at(column));
      rows.push_back(std::move(row));
    }
    return rows;
  };
  return send_table(site, call, format.value_or(TableFormat::csv), std::move(table));
}

// --- queue copies -------------------------------------------------------------------------------

net::Response list_copies(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const Paging paging = read_paging(query, List::queue_copies, settings.rest_default_page_size,
                                    settings.rest_max_page_size);
  if (!query.ok()) return query.refused(call.request);
  auto page = site.parts.bulk->copies.list(call.project->id, paging.after, paging.limit);
  if (!page) return refuse(call, page.error());
  Array items;
  for (const core::QueueCopy& one : page->items) items.push_back(copy_json(one));
  return json_answer(200, page_json(std::move(items), List::queue_copies, page->next));
}

net::Response get_copy(Site& site, Call& call) {
  const Named copy = named(call, "copy_id", "queue copy");
  if (!copy.id) return copy.missing;
  auto found = site.parts.bulk->copies.find(call.project->id, *copy.id);
  return found ? json_answer(200, copy_json(*found)) : refuse(call, found.error());
}

net::Response restore_copy(Site& site, Call& call) {
  const Named copy = named(call, "copy_id", "queue copy");
  if (!copy.id) return copy.missing;
  auto found = site.parts.bulk->copies.restore(call.project->id, *copy.id, call.actor());
  return found ? json_answer(202, copy_json(*found)) : refuse(call, found.error());
}

net::Response delete_copy(Site& site, Call& call) {
  const Named copy = named(call, "copy_id", "queue copy");
  if (!copy.id) return copy.missing;
  auto gone = site.parts.bulk->copies.remove(call.project->id, *copy.id, call.actor());
  return gone ? no_content() : refuse(call, gone.error());
}

// --- shapes -------------------------------------------------------------------------------------

constexpr std::string_view kSelectionShape =
    "{id: uuid, project_id: uuid, created_by: uuid?, action: "
    "\"retry\"|\"cancel\"|\"delete\"|\"requeue\", filter: object, max: int, state: "
    "\"building\"|\"ready\"|\"used\"|\"failed\", total: int, summary: any, error: text?, "
    "estimated_seconds: number?, created_at: time, built_at: time?, expires_at: time}";
constexpr std::string_view kItemShape =
    "{number: int, engine: text, task_id: text, name: text?, queue: text?, state: text, exclusion: "
    "text?, outcome: \"done\"|\"sent\"|\"refused\"|\"unknown\"|\"changed\"|\"started\"?, reason: "
    "text?, new_task_id: text?, finished_at: time?}";
constexpr std::string_view kJobShape =
    "{id: uuid, project_id: uuid, selection_id: uuid, command_id: uuid?, created_by: uuid?, "
    "agent_id: uuid?, action: \"retry\"|\"cancel\"|\"delete\"|\"requeue\", params: object, state: "
    "\"waiting\"|\"running\"|\"paused\"|\"cancelled\"|\"done\"|\"failed\", rate_per_second: "
    "number?, total: int, done: int, sent: int, refused: int, unknown: int, changed: int, left: "
    "int, estimated_seconds_left: number?, error: text?, created_at: time, started_at: time?, "
    "finished_at: time?, updated_at: time}";
constexpr std::string_view kCopyShape =
    "{id: uuid, project_id: uuid, engine: text, queue: text, agent_id: uuid, command_id: uuid?, "
    "created_by: uuid?, state: "
    "\"copying\"|\"kept\"|\"restoring\"|\"restored\"|\"expired\"|\"failed\", messages: int, bytes: "
    "int, restored: int, not_removed: any, error: text?, created_at: time, expires_at: time, "
    "restored_at: time?, updated_at: time}";
constexpr std::string_view kItemsQuery =
    "{outcome?: text(1..20), cursor?: text, limit?: int(1..5000)}";
constexpr std::string_view kPageQuery = "{cursor?: text, limit?: int(1..5000)}";

}  // namespace

void add_bulk_routes(Router& router) {
  using core::Action;
  router.shape("Selection", kSelectionShape);
  router.shape("BulkItem", kItemShape);
  router.shape("BulkJob", kJobShape);
  router.shape("QueueCopy", kCopyShape);
  const Policy viewer{Gate::signed_in, Action::read_project, nullptr, "commands"};
  // Roles for what the action does are asked for in the handlers besides.
  const Policy acts{Gate::signed_in, Action::bulk_retry, nullptr, "commands"};
  const Policy starts{Gate::signed_in, Action::bulk_retry, &core::kBulkActionBucket, "commands"};
  const Policy purges{Gate::signed_in, Action::purge_queue, nullptr, "commands"};

  const std::string_view selections = "/api/v1/projects/{slug}/selections";
  const std::string_view selection = "/api/v1/projects/{slug}/selections/{selection_id}";
  router.add("POST", selections, starts, create_selection)
      .does("Freeze the tasks that a filter finds")
      .body(
          "{action: \"retry\"|\"cancel\"|\"delete\"|\"requeue\", filter?: object, task_ids?: "
          "[text], max?: int}")
      .gives(201, "Selection");
  router.add("GET", selections, viewer, list_selections)
      .does("List selections")
      .query(kPageQuery)
      .gives(200, "page(Selection)");
  router.add("GET", selection, viewer, get_selection)
      .does("Show a selection")
      .gives(200, "Selection");
  router.add("DELETE", selection, acts, delete_selection)
      .does("Forget a selection that is not used")
      .gives_nothing();
  router
      .add("GET", "/api/v1/projects/{slug}/selections/{selection_id}/items", viewer,
           list_selection_items)
      .does("List the tasks of a selection")
      .query(kItemsQuery)
      .gives(200, "page(BulkItem)");

  router.add("POST", "/api/v1/projects/{slug}/bulk-jobs", starts, create_job)
      .does("Act on all tasks of a selection")
      .body(
          "{selection_id: uuid, rate_per_second?: int(1..100000), params?: object, agent_id?: "
          "uuid, idempotency_key?: text(1..200)}")
      .gives(201, "BulkJob");
  router.add("GET", "/api/v1/projects/{slug}/bulk-jobs", viewer, list_jobs)
      .does("List bulk jobs")
      .query("{state?: text(1..20), cursor?: text, limit?: int(1..5000)}")
      .gives(200, "page(BulkJob)");
  router.add("GET", "/api/v1/projects/{slug}/bulk-jobs/{job_id}", viewer, get_job)
      .does("Show a bulk job")
      .gives(200, "BulkJob");
  router.add("GET", "/api/v1/projects/{slug}/bulk-jobs/{job_id}/items", viewer, list_job_items)
      .does("List the tasks of a bulk job and what became of them")
      .query(kItemsQuery)
      .gives(200, "page(BulkItem)");
  router.add("GET", "/api/v1/projects/{slug}/bulk-jobs/{job_id}/report", viewer, report_job)
      .does("Export what became of the tasks of a bulk job")
      .query("{format?: \"csv\"|\"xlsx\"|\"json\", outcome?: text(1..20)}")
      .gives(200, "[object]")
      .gives_file(200, "text/csv; charset=utf-8")
      .gives_file(200, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
  router.add("POST", "/api/v1/projects/{slug}/bulk-jobs/{job_id}/pause", acts, pause_job)
      .does("Pause a bulk job")
      .gives(200, "BulkJob");
  router.add("POST", "/api/v1/projects/{slug}/bulk-jobs/{job_id}/resume", acts, resume_job)
      .does("Go on with a bulk job")
      .gives(200, "BulkJob");
  router.add("POST", "/api/v1/projects/{slug}/bulk-jobs/{job_id}/cancel", acts, cancel_job)
      .does("End a bulk job")
      .gives(200, "BulkJob");

  router.add("GET", "/api/v1/projects/{slug}/queue-copies", viewer, list_copies)
      .does("List what purges kept")
      .query(kPageQuery)
      .gives(200, "page(QueueCopy)");
  router.add("GET", "/api/v1/projects/{slug}/queue-copies/{copy_id}", viewer, get_copy)
      .does("Show what a purge kept")
      .gives(200, "QueueCopy");
  router.add("POST", "/api/v1/projects/{slug}/queue-copies/{copy_id}/restore", purges, restore_copy)
      .does("Put back what a purge took")
      .gives(202, "QueueCopy");
  router.add("DELETE", "/api/v1/projects/{slug}/queue-copies/{copy_id}", purges, delete_copy)
      .does("Destroy what a purge kept")
      .gives_nothing();
}

}  // namespace z4j::api
