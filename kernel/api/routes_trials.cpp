// What an administrator tries before relying on it: that mail arrives, what is kept of a payload.
#include <string>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/site.hpp"
#include "core/argument_diff.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

net::Response try_mail(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  in.only({"to"});
  const auto to = in.text("to", {3, 320}, Need::required);
  if (to && to->find('@') == std::string::npos)
    in.problem("to", "value_error", "must be an e-mail address");
  if (!in.ok()) return in.refused(call.request);
  if (!site.parts.try_mail) {
    return refuse(call, core::refuse::conflict("no_relay",
                                               "no relay of its own is set: set smtp.host "
                                               "(Z4J_SMTP_HOST), or test an e-mail channel"));
  }
  Object told = site.parts.try_mail(*to);
  const bool is_taken = base::json::boolean(told, "accepted");
  core::AuditEntry entry = core::AuditEntry::of(call.actor(), "smtp.test", "smtp",
                                                base::json::text(told, "relay"), std::nullopt);
  entry.result = is_taken ? "success" : "failed";
  entry.metadata = {{"to", *to}, {"stage", told["stage"]}, {"reply", told["reply"]}};
  if (auto written = site.parts.audit.record_first(std::move(entry)); !written)
    return refuse(call, written.error());
  return json_answer(200, std::move(told));
}

// Places of the payload that were not kept as they came, as JSON pointers into it.
Array places_of(const Value& given, const Value& kept) {
  Array out;
  for (const core::ArgumentChange& change :
       core::argument_changes({{"payload", given}}, {{"payload", kept}})) {
    if (change.kind != core::ArgumentChange::Kind::added)  // a marker in place of a key
      out.emplace_back(change.pointer.substr(std::string_view("/payload").size()));
  }
  return out;
}

net::Response try_redaction(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  in.only({"payload"});
  const Value* payload = in.fields().if_contains("payload");
  if (payload == nullptr) in.problem("payload", "missing", "this field is required");
  if (!in.ok()) return in.refused(call.request);
  Value kept = *payload;
  core::Redactor::Report report;
  if (site.parts.redactor != nullptr) report = site.parts.redactor->scrub(kept);
  Array places = places_of(*payload, kept);
  return json_answer(200, Object{{"kept", std::move(kept)},
                                 {"redacted", report.redacted},
                                 {"cut", report.cut},
                                 {"places", std::move(places)}});
}

}  // namespace

void add_trial_routes(Router& router) {
  const Policy admin{Gate::signed_in, core::Action::read_system};
  router.add("POST", "/api/v1/admin/smtp/test", admin, try_mail)
      .does("Send a mail through the relay of the settings and tell each step")
      .body("{to: text(3..320)}")
      .gives(200,
             "{accepted: bool, relay: text, from: text, steps: [{name: text, good: bool, text: "
             "text}]?, stage: text?, reply: text?, error: text?}")
      .refuses(409);
  router.add("POST", "/api/v1/admin/redaction/test", admin, try_redaction)
      .does("Show what is kept of a payload; nothing of it is stored")
      .body("{payload: any}")
      .gives(200, "{kept: any, redacted: bool, cut: bool, places: [text]}");
}

}  // namespace z4j::api
