// What is wrong in a project, worst first.
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "core/findings.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::text_or_null;
using base::json::Value;

Object finding_json(const core::Finding& finding) {
  Value subject(nullptr);
  if (finding.subject) {
    subject = Object{{"type", finding.subject->type},
                     {"engine", text_or_null(finding.subject->engine)},
                     {"id", finding.subject->id}};
  }
  return {{"kind", finding.kind},
          {"severity", core::to_string(finding.severity)},
          {"title", finding.title},
          {"evidence", text_or_null(finding.evidence)},
          {"since", time_or_null(finding.since)},
          {"subject", std::move(subject)},
          {"count", number_or_null(finding.count)}};
}

Array kinds_json(const std::vector<std::string_view>& kinds) {
  return Array(kinds.begin(), kinds.end());
}

net::Response list_findings(Site& site, Call& call) {
  auto list = site.findings.of(call.project->id);
  if (!list) return refuse(call, list.error());
  const core::Principal& principal = *call.principal;
  const auto may = [&](core::Action action) {
    return core::decide(principal, action, &call.project->id).allowed();
  };
  list->add(core::kPluginUnhealthy,
            core::findings_of(site.parts.plugins.reports(), call.project->slug,
                              may(core::Action::manage_plugins)));
  if (may(core::Action::read_audit)) {
    const AuditDesk& desk = site.parts.audit_desk;
    core::add_audit_findings(*list, desk.keeper, desk.forwarder);
  }
  Array items;
  for (const core::Finding& finding : list->items) items.push_back(finding_json(finding));
  return json_answer(200, Object{{"at", base::format_time(list->at)},
                                 {"clear_since", time_or_null(list->clear_since)},
                                 {"items", std::move(items)},
                                 {"checked", kinds_json(list->checked)},
                                 {"unknown", kinds_json(list->unknown)}});
}

}  // namespace

void add_finding_routes(Router& router) {
  router
      .add("GET", "/api/v1/projects/{slug}/findings",
           {Gate::signed_in, core::Action::read_project, nullptr, "tasks"}, list_findings)
      .does("Say what is wrong in a project, worst first")
      .gives(200,
             "{at: time, clear_since: time?, items: [{kind: text, severity: "
             "\"critical\"|\"warning\", title: text, evidence: text?, since: time?, subject: "
             "{type: text, engine: text?, id: text}?, count: int?}], checked: [text], unknown: "
             "[text]}");
}

}  // namespace z4j::api
