// The audit log: pages and files of it, whether it is whole, and what proves that to others.
#include <algorithm>
#include <memory>

#include "api/cursor.hpp"
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "api/table_file.hpp"
#include "core/audit_breaks.hpp"
#include "core/audit_checkpoints.hpp"
#include "core/audit_export.hpp"
#include "core/audit_forward.hpp"
#include "core/audit_keeper.hpp"
#include "core/audit_list.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr std::size_t kMostAuditRows = 50'000;
constexpr std::uint32_t kAuditFilePage = 500;
const std::vector<std::string> kAuditColumns = {
    "id",      "occurred_at", "action",     "target_type", "target_id",    "result",
    "outcome", "user_id",     "event_id",   "source_ip",   "user_agent",   "metadata",
    "seq",     "api_key_id",  "project_id", "row_hmac",    "prev_row_hmac"};
constexpr std::size_t kUsualAuditColumns = 12;

Value text_value(const std::optional<std::string>& text) {
  return text ? Value(*text) : Value(nullptr);
}

Object entry_json(const core::AuditRow& row) {
  const core::AuditEntry& entry = row.entry;
  auto metadata = base::json::parse(row.metadata_json);
  return {{"id", row.link.id.text()},
          {"seq", row.seq},
          {"project_id", id_or_null(entry.project_id)},
          {"user_id", id_or_null(entry.user_id)},
          {"api_key_id", id_or_null(entry.api_key_id)},
          {"action", entry.action},
          {"target_type", entry.target_type},
          {"target_id", text_value(entry.target_id)},
          {"result", entry.result},
          {"outcome", text_value(entry.outcome)},
          {"event_id", id_or_null(entry.event_id)},
          {"metadata", metadata && metadata->is_object() ? std::move(*metadata) : Value(Object())},
          {"source_ip", text_value(entry.source_ip)},
          {"user_agent", text_value(entry.user_agent)},
          {"occurred_at", base::format_time(row.link.occurred_at)},
          {"row_hmac", base::json::text_or_null(row.row_hmac)},
          {"prev_row_hmac", text_value(row.link.prev_row_hmac)}};
}

net::Response audit_file(Site& site, const Call& call, const core::AuditFilter& filter,
                         TableFormat format, std::string_view fields, const Object& query) {
  TableFile table;
  table.record = core::AuditEntry::of(call.actor(), "audit.exported", "project", call.project->slug,
                                      call.project->id);
  table.record.metadata = {{"query", query}};
  table.name = "z4j-audit-" + call.project->slug;
  table.sheet = "Audit";
  table.columns = chosen_columns(fields, kAuditColumns);
  if (table.columns.empty())
    table.columns.assign(kAuditColumns.begin(), kAuditColumns.begin() + kUsualAuditColumns);
  const std::size_t most = format == TableFormat::xlsx ? kMostXlsxRows : kMostAuditRows;
  table.next = [&store = site.parts.store, filter, columns = table.columns, left = most,
                before =
                    std::optional<std::int64_t>()]() mutable -> base::Result<std::vector<Array>> {
    std::vector<Array> rows;
    if (left == 0) return rows;
    auto page =
        core::list_audit(store, filter, before,
                         static_cast<std::uint32_t>(std::min<std::size_t>(kAuditFilePage, left)));
    if (!page) return std::move(page).error();
    for (const core::AuditRow& row : *page) {
      const Object all = entry_json(row);
      Array& cells = rows.emplace_back();
      for (const std::string& column : columns) cells.push_back(all.at(column));
      before = row.seq;
    }
    left = page->empty() ? 0 : left - page->size();
    return rows;
  };
  return send_table(site, call, format, std::move(table));
}

net::Response list_entries(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const Paging paging =
      read_paging(query, List::audit, settings.rest_default_page_size, settings.rest_max_page_size);
  core::AuditFilter filter;
  filter.project = call.project->id;
  filter.action_prefix = query.text("action_prefix", {0, 80}).value_or("");
  filter.outcome = query.text("outcome", {0, 20});
  if (filter.outcome && filter.outcome->empty()) filter.outcome.reset();
  filter.user = query.uuid("user_id");
  filter.since = query.time("since");
  const auto format = read_format(query);
  const std::string fields = query.text("fields", {0, 1000}).value_or("");
  if (!query.ok()) return query.refused(call.request);
  if (format) return audit_file(site, call, filter, *format, fields, query.fields());
  std::optional<std::int64_t> before;
  if (paging.after) before = paging.after->at;
  auto rows = core::list_audit(site.parts.store, filter, before, paging.limit + 1);
  if (!rows) return refuse(call, rows.error());
  std::optional<core::Place> next;
  if (rows->size() > paging.limit) {
    rows->resize(paging.limit);
    next = core::Place{rows->back().seq, rows->back().link.id};
  }
  Array items;
  for (const core::AuditRow& row : *rows) items.push_back(entry_json(row));
  return json_answer(200, page_json(std::move(items), List::audit, next));
}

net::Response not_here(const Call& call) {
  return error_answer(call.request, 503, "unavailable", "this brain does not keep the audit log");
}

net::Response verdict(Site& site, Call& call) {
  const AuditDesk& desk = site.parts.audit_desk;
  if (desk.keeper == nullptr) return not_here(call);
  Object out = desk.keeper->to_json();
  out["forwarding"] = desk.forwarder != nullptr ? desk.forwarder->to_json() : Array();
  return json_answer(200, out);
}

net::Response start_check(Site& site, Call& call) {
  const AuditDesk& desk = site.parts.audit_desk;
  if (desk.keeper == nullptr) return not_here(call);
  if (!desk.keeper->ask_for_check())
    return refuse(call, core::refuse::conflict("running", "the log is being checked already"));
  auto entry = core::AuditEntry::of(call.actor(), "audit.verify_started", "audit", "");
  site.parts.audit.record(std::move(entry));
  return json_answer(202, desk.keeper->to_json());
}

net::Response checkpoint(Site& site, Call& call) {
  const AuditDesk& desk = site.parts.audit_desk;
  if (desk.checkpoints == nullptr) return not_here(call);
  auto latest = desk.checkpoints->latest();
  if (!latest) return refuse(call, latest.error());
  const auto& witness = desk.checkpoints->witness_key();
  Array previous;
  for (const proof::VerifierKey& key : desk.checkpoints->keys()) {
    if (&key != &desk.checkpoints->keys().front()) previous.emplace_back(key.text());
  }
  Object out{{"key", desk.checkpoints->key().text()},
             {"previous_keys", std::move(previous)},
             {"witness_key", base::json::text_or_null(witness ? witness->text() : "")},
             {"size", 0},
             {"root_hash", nullptr},
             {"note", nullptr},
             {"is_witnessed", false},
             {"created_at", nullptr}};
  if (latest->has_value()) {
    const core::AuditCheckpoint& point = **latest;
    out["size"] = point.head.size;
    out["root_hash"] = proof::to_base64(point.head.root);
    out["note"] = point.note;
    out["is_witnessed"] = point.is_witnessed;
    out["created_at"] = base::format_time(point.created_at);
  }
  return json_answer(200, out);
}

// The bundle is streamed: a hole in the log cuts it short, and it does not verify.
net::Response bundle(Site& site, Call& call) {
  const AuditDesk& desk = site.parts.audit_desk;
  if (desk.checkpoints == nullptr || desk.tree == nullptr) return not_here(call);
  Input query = Input::of_query(call.request);
  core::AuditBundle::Request asked;
  constexpr std::int64_t kMostSeq = std::int64_t{1} << 60;
  asked.from_seq = query.integer("from", 1, kMostSeq);
  asked.to_seq = query.integer("to", 1, kMostSeq);
  asked.from_time = query.time("from_time");
  asked.to_time = query.time("to_time");
  if (const auto since = query.integer("since", 0, kMostSeq))
    asked.since = static_cast<std::uint64_t>(*since);
  if (!query.ok()) return query.refused(call.request);
  auto opened = core::AuditBundle::open(site.parts.store, *desk.tree, *desk.checkpoints, asked);
  if (!opened) return refuse(call, opened.error());
  auto entry = core::AuditEntry::of(call.actor(), "audit.exported", "audit", "");
  entry.metadata = {{"first_seq", opened->first_seq()}, {"entries", opened->entries()}};
  if (auto written = site.parts.audit.record_first(std::move(entry)); !written)
    return refuse(call, written.error());
  net::Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.headers.emplace_back(
      "Content-Disposition", "attachment; filename=\"audit-" + std::to_string(opened->first_seq()) +
                                 "-" + std::to_string(opened->first_seq() + opened->entries()) +
                                 ".z4jaudit\"");
  auto source = std::make_shared<core::AuditBundle>(std::move(opened).value());
  response.stream = [source](std::string& out) {
    auto more = source->next(out);
    // The head is out already: a cut connection is the only honest way to say so.
    if (!more) throw std::runtime_error("bundle broke off: " + more.error().text());
    return *more;
  };
  return response;
}

net::Response list_breaks(Site& site, Call& call) {
  auto breaks = core::read_audit_breaks(site.parts.store, site.parts.audit.secrets());
  if (!breaks) return refuse(call, breaks.error());
  Array items;
  for (const core::AuditBreak& known : *breaks) items.push_back(core::to_json(known));
  return json_answer(200, items);
}

net::Response acknowledge(Site& site, Call& call) {
  const AuditDesk& desk = site.parts.audit_desk;
  Input in = Input::of_body(call.request);
  core::AuditBreak known;
  const std::string reason = in.text("reason", {1, 40}, Need::required).value_or("");
  known.note = in.text("note", {1, 1000}, Need::required).value_or("");
  known.row_id = in.uuid("row_id");
  known.seq = in.integer("seq", 1, std::int64_t{1} << 60);
  const auto fault = core::parse_audit_fault(reason);
  if (in.ok() && !fault) in.problem("reason", "value_error", "is no reason that a check gives");
  if (!in.ok()) return in.refused(call.request);
  known.fault = *fault;
  auto done =
      core::acknowledge_audit_break(site.parts.store, site.parts.audit, site.parts.audit.secrets(),
                                    site.parts.clock, call.actor(), std::move(known));
  if (!done) return refuse(call, done.error());
  if (desk.checkpoints != nullptr &&
      (*fault == core::AuditFault::rolled_back || *fault == core::AuditFault::forked)) {
    if (auto aside = desk.checkpoints->put_aside(); !aside) return refuse(call, aside.error());
  }
  return json_answer(201, core::to_json(*done));
}

}  // namespace

void add_audit_routes(Router& router) {
  using core::Action;
  router.shape("AuditEntry",
               "{id: uuid, seq: int, project_id: uuid?, user_id: uuid?, api_key_id: uuid?, "
               "action: text, target_type: text, target_id: text?, result: text, outcome: text?, "
               "event_id: uuid?, metadata: {*: any}, source_ip: text?, user_agent: text?, "
               "occurred_at: time, row_hmac: text?, prev_row_hmac: text?}");
  router.shape("AuditVerdict",
               "{ok: bool?, checked_at: time?, rows_verified?: int, first_broken_id?: uuid?, "
               "first_broken_seq?: int?, first_broken_at?: time?, reason?: text?, "
               "rows_after_break?: int, acknowledged_breaks?: int, erased?: int, "
               "accepted_with_previous_secret?: int, secrets?: [{id: text, rows: int}], "
               "head_hmac?: text?, pruned_through?: int, "
               "tree?: {size: int, checkpoint_size: int, root_hash: text?, is_witnessed: bool}, "
               "is_checking: bool, rows_done: int, rows_all: int, check_trouble: text?, "
               "tree_trouble: text?, witness_trouble: text?, retention_trouble: text?, "
               "erasure_trouble: text?, "
               "forwarding?: [{name: text, seq: int, behind: int, blocked_since: time?, "
               "last_error: text?, refuses_changes: bool}]}");
  router.shape("AuditBreak",
               "{id: uuid, reason: text, row_id: uuid?, seq: int?, note: text?, "
               "acknowledged_by: uuid?, acknowledged_at: time, is_genuine: bool}");
  router
      .add("GET", "/api/v1/projects/{slug}/audit",
           {Gate::signed_in, Action::read_audit, nullptr, "audit"}, list_entries)
      .does("Page or export a project's audit log, newest first")
      .query(
          "{action_prefix?: text(0..80), outcome?: text(0..20), user_id?: uuid, since?: time, "
          "cursor?: text, limit?: int(1..5000), format?: \"csv\"|\"xlsx\"|\"json\", fields?: "
          "text(0..1000)}")
      .gives(200, "page(AuditEntry)")
      .gives(200, "[object]")
      .gives_file(200, "text/csv; charset=utf-8")
      .gives_file(200, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
  const Policy keeper{Gate::signed_in, Action::manage_audit};
  Policy deed = keeper;
  deed.fresh_mfa = true;
  router.add("GET", "/api/v1/audit/verify", keeper, verdict)
      .does("What the latest check of the audit log found")
      .gives(200, "AuditVerdict");
  router.add("POST", "/api/v1/audit/verify", keeper, start_check)
      .does("Check the whole audit log now")
      .gives(202, "AuditVerdict")
      .refuses(409);
  router.add("GET", "/api/v1/audit/checkpoint", keeper, checkpoint)
      .does("The latest signed checkpoint, and the keys that verify it")
      .gives(200,
             "{key: text, previous_keys: [text], witness_key: text?, size: int, root_hash: text?, "
             "note: text?, "
             "is_witnessed: bool, created_at: time?}");
  router.add("GET", "/api/v1/audit/bundle", deed, bundle)
      .does("Entries and their proof, for z4j-audit-verify")
      .query("{from?: int, to?: int, from_time?: time, to_time?: time, since?: int}")
      .gives_file(200, "text/plain")
      .refuses(404);
  router.add("GET", "/api/v1/audit/breaks", keeper, list_breaks)
      .does("Breaks of the audit log that people know of")
      .gives(200, "[AuditBreak]");
  router.add("POST", "/api/v1/audit/breaks", deed, acknowledge)
      .does("Acknowledge a break: a check tells it apart from new ones")
      .body("{reason: text(1..40), note: text(1..1000), row_id?: uuid, seq?: int}")
      .gives(201, "AuditBreak")
      .refuses(409);
}

}  // namespace z4j::api
