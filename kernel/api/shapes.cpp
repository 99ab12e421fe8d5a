#include "api/shapes.hpp"

#include "base/clock.hpp"
#include "wire/version.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::text_or_null;
using base::json::Value;

constexpr std::string_view kProtocol = "2";

Value time_value(base::TimeUs time) { return Value(base::format_time(time)); }

}  // namespace

Value time_or_null(const std::optional<base::TimeUs>& time) {
  return time ? time_value(*time) : Value(nullptr);
}

Value number_or_null(const std::optional<std::int64_t>& number) {
  return number ? Value(*number) : Value(nullptr);
}

Value id_or_null(const std::optional<base::Uuid>& id) {
  return id ? Value(id->text()) : Value(nullptr);
}

Value offset_time_or_null(const std::optional<base::TimeUs>& time) {
  if (!time) return nullptr;
  std::string text = base::format_time(*time);
  text.replace(text.size() - 1, 1, "+00:00");
  return Value(text);
}

Object to_json(const core::User& user) {
  return {{"id", user.id.text()},
          {"email", user.email},
          {"first_name", text_or_null(user.first_name)},
          {"last_name", text_or_null(user.last_name)},
          {"display_name", text_or_null(user.shown_name())},
          {"is_admin", user.is_admin},
          {"timezone", user.timezone},
          {"created_at", time_value(user.created_at)}};
}

Object to_admin_json(const core::User& user) {
  return {
      {"id", user.id.text()},
      {"email", user.email},
      {"first_name", text_or_null(user.first_name)},
      {"last_name", text_or_null(user.last_name)},
      {"display_name", text_or_null(user.shown_name())},
      {"is_admin", user.is_admin},
      {"is_active", user.is_active},
      {"timezone", user.timezone},
      {"last_login_at", user.last_login_at == 0 ? Value(nullptr) : time_value(user.last_login_at)},
      {"created_at", time_value(user.created_at)},
      {"updated_at", time_value(user.updated_at)},
      {"has_second_factor", user.mfa_enrolled_at != 0},
      {"password_change_required", user.force_password_change}};
}

Object to_json(const core::Invitation& invitation) {
  return {{"id", invitation.id.text()},
          {"project_id", invitation.project_id.text()},
          {"email", invitation.email},
          {"role", core::to_string(invitation.role)},
          {"invited_by", id_or_null(invitation.invited_by)},
          {"expires_at", time_value(invitation.expires_at)},
          {"accepted_at", time_or_null(invitation.accepted_at)},
          {"revoked_at", time_or_null(invitation.revoked_at)},
          {"created_at", time_value(invitation.created_at)}};
}

Object to_json(const core::Me& me) {
  Object out = to_json(me.user);
  Array memberships;
  for (const core::MembershipView& m : me.memberships) {
    memberships.push_back(Object{{"project_id", m.project_id.text()},
                                 {"project_slug", m.project_slug},
                                 {"role", core::to_string(m.role)}});
  }
  out["memberships"] = std::move(memberships);
  out["password_change_required"] = me.user.force_password_change;
  return out;
}

Object to_json(const core::Project& p) {
  Value schedulers(nullptr);
  if (p.allowed_schedulers)
    schedulers = Array(p.allowed_schedulers->begin(), p.allowed_schedulers->end());
  return {{"id", p.id.text()},
          {"slug", p.slug},
          {"name", p.name},
          {"description", text_or_null(p.description)},
          {"environment", p.environment},
          {"timezone", p.timezone},
          {"retention_days", p.retention_days},
          {"is_active", p.is_active},
          {"default_scheduler_owner", p.default_scheduler_owner},
          {"allowed_schedulers", std::move(schedulers)},
          {"created_at", time_value(p.created_at)},
          {"updated_at", time_value(p.updated_at)}};
}

Object to_json(const core::Member& m) {
  return {{"id", m.id.text()},
          {"user_id", m.user_id.text()},
          {"project_id", m.project_id.text()},
          {"user_email", m.user_email},
          {"user_display_name", text_or_null(m.user_display_name)},
          {"role", core::to_string(m.role)},
          {"created_at", time_value(m.created_at)}};
}

Value version_status(const core::FleetAgent& a) {
  if (a.agent_version.empty()) return nullptr;
  if (a.is_local) return "current";  // its version is this program's own
  return Value(wire::to_string(wire::version_status(a.agent_version)));
}

bool is_behind(const core::FleetAgent& a) {
  const auto theirs = wire::parse_version(a.agent_version);
  const auto ours = wire::parse_version(wire::kUpstreamLevel);
  return !a.is_local && theirs && ours && theirs->major < ours->major;
}

Object to_json(const core::FleetAgent& a) {
  const bool has_connected = a.last_connect_at.has_value();
  return {{"id", a.id.text()},
          {"project_id", a.project_id.text()},
          {"name", a.name},
          {"state", a.state},
          {"protocol_version", a.protocol_version},
          {"framework_adapter", a.framework_adapter},
          {"engine_adapters", a.engine_adapters},
          {"scheduler_adapters", a.scheduler_adapters},
          {"capabilities", a.capabilities},
          {"last_seen_at", time_or_null(a.last_seen_at)},
          {"last_connect_at", time_or_null(a.last_connect_at)},
          {"created_at", time_value(a.created_at)},
          {"is_outdated", has_connected && a.protocol_version != kProtocol},
          {"host_name", text_or_null(a.host_name)},
          {"agent_version", text_or_null(a.agent_version)},
          {"version_status", version_status(a)},
          {"is_local", a.is_local},
          {"state_reason", text_or_null(a.state_reason)},
          {"last_event_at", time_or_null(a.last_event_at)},
          {"is_behind", is_behind(a)},
          {"is_revoked", !a.is_local && !a.has_token},
          {"transport", text_or_null(a.transport)},
          {"clock_skew_ms", number_or_null(a.clock_skew_ms)},
          {"token_changed_at", time_or_null(a.token_changed_at)},
          {"previous_token_until", time_or_null(a.previous_token_until)}};
}

Object to_json(const core::FleetConnection& c) {
  return {{"id", c.id.text()},
          {"agent_id", c.agent_id.text()},
          {"worker_id", text_or_null(c.worker_id)},
          {"transport", c.transport},
          {"source_ip", text_or_null(c.source_ip)},
          {"agent_version", text_or_null(c.agent_version)},
          {"connected_at", time_value(c.connected_at)},
          {"disconnected_at", time_or_null(c.disconnected_at)},
          {"close_code", number_or_null(c.close_code)},
          {"reason", text_or_null(c.reason)}};
}

Object to_json(const core::FleetSlot& s) {
  return {{"id", s.id.text()},
          {"agent_id", s.agent_id.text()},
          {"project_id", s.project_id.text()},
          {"worker_id", text_or_null(s.worker_id)},
          {"role", text_or_null(s.role)},
          {"framework", text_or_null(s.framework)},
          {"pid", number_or_null(s.pid)},
          {"started_at", time_or_null(s.started_at)},
          {"state", s.state},
          {"last_seen_at", time_or_null(s.last_seen_at)},
          {"last_connect_at", time_or_null(s.last_connect_at)},
          {"created_at", time_value(s.created_at)},
          {"updated_at", time_value(s.updated_at)}};
}

Object to_json(const core::FleetTaskName& t) {
  const auto seen = [](base::TimeUs at) { return at == 0 ? Value(nullptr) : time_value(at); };
  return {{"name", t.name},
          {"engine", text_or_null(t.engine)},
          {"workers", t.workers},
          {"first_seen_at", seen(t.first_seen_at)},
          {"last_seen_at", seen(t.last_seen_at)}};
}

Object to_json(const core::FleetWorker& w) {
  return {{"id", w.id.text()},
          {"project_id", w.project_id.text()},
          {"engine", w.engine},
          {"name", w.name},
          {"hostname", text_or_null(w.hostname)},
          {"pid", number_or_null(w.pid)},
          {"concurrency", number_or_null(w.concurrency)},
          {"queues", w.queues},
          {"state", w.state},
          {"last_heartbeat", time_or_null(w.last_heartbeat)},
          {"load_average", w.load_average},
          {"active_tasks", w.active_tasks},
          {"processed", w.counts.succeeded + w.counts.failed},
          {"failed", w.counts.failed},
          {"succeeded", w.counts.succeeded},
          {"retried", w.counts.retried},
          {"created_at", time_value(w.created_at)},
          {"memory_bytes", number_or_null(w.memory_bytes)}};
}

Object to_json(const core::FleetQueue& q, base::TimeUs now) {
  std::optional<std::int64_t> age_s;
  if (q.oldest_at) age_s = std::max<std::int64_t>(0, (now - *q.oldest_at) / base::kSecondUs);
  return {{"id", q.id.text()},
          {"project_id", q.project_id.text()},
          {"name", q.name},
          {"engine", q.engine},
          {"broker_type", text_or_null(q.broker_type)},
          {"broker_url_hint", text_or_null(q.broker_url_hint)},
          {"last_seen_at", time_or_null(q.last_seen_at)},
          {"created_at", time_value(q.created_at)},
          {"pending_count", number_or_null(q.pending_count)},
          {"unacked_count", number_or_null(q.unacked_count)},
          {"scheduled_count", number_or_null(q.scheduled_count)},
          {"consumer_count", number_or_null(q.consumer_count)},
          {"oldest_at", time_or_null(q.oldest_at)},
          {"oldest_age_seconds", number_or_null(age_s)},
          {"is_paused", q.is_paused}};
}

Object to_json(const core::FleetGap& g) {
  return {{"id", g.id.text()},
          {"project_id", g.project_id.text()},
          {"agent_id", g.agent_id.text()},
          {"engine", g.engine},
          {"from_at", time_value(g.from_at)},
          {"to_at", time_value(g.to_at)},
          {"why", text_or_null(g.why)},
          {"rebuilt", number_or_null(g.rebuilt)},
          {"lost", number_or_null(g.lost)},
          {"created_at", time_value(g.created_at)}};
}

Object to_json(const core::TaskView& t) {
  return {{"id", t.id.text()},
          {"project_id", t.project_id.text()},
          {"engine", t.engine},
          {"task_id", t.task_id},
          {"name", t.name},
          {"queue", text_or_null(t.queue)},
          {"state", t.state},
          {"priority", t.priority},
          {"args", t.args},
          {"kwargs", t.kwargs},
          {"result", t.result},
          {"exception", text_or_null(t.exception)},
          {"traceback", text_or_null(t.traceback)},
          {"retry_count", t.retry_count},
          {"eta", time_or_null(t.eta)},
          {"received_at", time_or_null(t.received_at)},
          {"started_at", time_or_null(t.started_at)},
          {"finished_at", time_or_null(t.finished_at)},
          {"runtime_ms", number_or_null(t.runtime_ms)},
          {"worker_name", text_or_null(t.worker_name)},
          {"parent_task_id", text_or_null(t.parent_task_id)},
          {"root_task_id", text_or_null(t.root_task_id)},
          {"tags", t.tags},
          {"created_at", time_value(t.created_at)},
          {"updated_at", time_value(t.updated_at)},
          {"sort_at", time_value(t.sort_at)},
          {"retry_of", text_or_null(t.retry_of)},
          {"retried_as", text_or_null(t.retried_as)},
          {"reconciled_as", text_or_null(t.reconciled_as)},
          {"reconciled_at", time_or_null(t.reconciled_at)},
          {"evidence", t.evidence},
          {"fingerprint", text_or_null(t.fingerprint)}};
}

Object to_json(const core::TaskEventView& e) {
  return {{"id", e.id.text()},
          {"project_id", e.project_id.text()},
          {"agent_id", e.agent_id.text()},
          {"engine", e.engine},
          {"task_id", e.task_id},
          {"kind", e.kind},
          {"occurred_at", time_value(e.occurred_at)},
          {"payload", e.payload}};
}

Object to_json(const core::Command& c) {
  return {{"id", c.id.text()},
          {"project_id", c.project_id.text()},
          {"agent_id", id_or_null(c.agent_id)},
          {"issued_by", id_or_null(c.issued_by)},
          {"action", c.action},
          {"target_type", c.target_type},
          {"target_id", c.target_id ? Value(*c.target_id) : Value(nullptr)},
          {"payload", c.payload.is_null() ? Value(Object()) : c.payload},
          {"status", c.status},
          {"result", c.result},
          {"error", text_or_null(c.error)},
          {"issued_at", time_value(c.issued_at)},
          {"dispatched_at", time_or_null(c.dispatched_at)},
          {"completed_at", time_or_null(c.completed_at)},
          {"timeout_at", time_value(c.timeout_at)}};
}

Object page_json(Array items, List list, const std::optional<core::Place>& next) {
  return {{"items", std::move(items)},
          {"next_cursor", next ? Value(write_cursor(list, *next)) : Value(nullptr)}};
}

}  // namespace z4j::api
