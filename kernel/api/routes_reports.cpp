// What browsers tell of pages that broke their policy: logged and counted, never kept.
#include <algorithm>

#include "api/reply.hpp"
#include "api/site.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::json::Object;
using base::json::text;

constexpr std::size_t kMostReportBytes = 16u << 10, kMostReports = 10, kMaxText = 200;
constexpr std::string_view kDirectives[] = {"base-uri",
                                            "connect-src",
                                            "default-src",
                                            "font-src",
                                            "form-action",
                                            "frame-src",
                                            "img-src",
                                            "manifest-src",
                                            "media-src",
                                            "object-src",
                                            "script-src",
                                            "script-src-attr",
                                            "script-src-elem",
                                            "style-src",
                                            "style-src-attr",
                                            "style-src-elem",
                                            "require-trusted-types-for",
                                            "trusted-types",
                                            "worker-src"};

// An address as the log may have it: without query and fragment, which may hold what people typed.
std::string shown_place(std::string_view address) {
  return core::clean_text(address.substr(0, address.find_first_of("?#")), kMaxText);
}

// Either form has the same facts, by names of its own.
void take_report(Site& site, const Object& report, bool is_old_form) {
  const auto fact = [&](std::string_view old_name, std::string_view name) {
    return text(report, is_old_form ? old_name : name);
  };
  std::string_view directive = fact("effective-directive", "effectiveDirective");
  if (directive.empty()) directive = fact("violated-directive", "effectiveDirective");
  directive = directive.substr(0, directive.find(' '));
  const bool is_known =
      std::find(std::begin(kDirectives), std::end(kDirectives), directive) != std::end(kDirectives);
  site.policy_reports.add({is_known ? directive : "other"});
  site.parts.log.warn(
      "page broke its policy",
      {{"directive", is_known ? directive : "other"},
       {"page", shown_place(fact("document-uri", "documentURL"))},
       {"blocked", shown_place(fact("blocked-uri", "blockedURL"))},
       {"source", shown_place(fact("source-file", "sourceFile"))},
       {"line", base::json::integer(report, is_old_form ? "line-number" : "lineNumber")}});
}

// {"csp-report": {...}}, or [{"type": "csp-violation", "body": {...}}] (W3C Reporting API).
net::Response post_report(Site& site, Call& call) {
  const auto parsed =
      base::json::parse(call.request.body, {.max_bytes = kMostReportBytes, .max_depth = 8});
  if (parsed && parsed->is_object()) {
    if (const Object* report = base::json::object(parsed->get_object(), "csp-report")) {
      take_report(site, *report, true);
      return no_content();
    }
  }
  if (!parsed || !parsed->is_array()) {
    return refuse(call, base::Error{.code = base::Code::invalid,
                                    .message = "expected the report of a browser, as JSON",
                                    .where = {},
                                    .hint = {}});
  }
  std::size_t taken = 0;
  for (const base::json::Value& item : parsed->get_array()) {
    if (!item.is_object() || text(item.get_object(), "type") != "csp-violation") continue;
    const Object* report = base::json::object(item.get_object(), "body");
    if (report != nullptr && taken++ < kMostReports) take_report(site, *report, false);
  }
  return no_content();
}

}  // namespace

void add_report_routes(Router& router) {
  router
      .add("POST", "/api/v1/csp-reports", {Gate::open, std::nullopt, &core::kPolicyReportBucket},
           post_report)
      .does("Take a browser's report that a page of the console broke its policy")
      .body("any")
      .gives_nothing();
}

}  // namespace z4j::api
