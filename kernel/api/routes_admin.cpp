// What administrators see of the installation: settings, versions, schedulers.
#include <algorithm>
#include <mutex>
#include <optional>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr std::size_t kMostVersionBytes = std::size_t{256} << 10, kMostInfoBytes = 64 << 10;
constexpr std::size_t kMostPackages = 500, kMostPackageName = 100, kMostPackageVersion = 50;
constexpr std::size_t kMostSchedulers = 32;
constexpr int kVersionsTimeoutMs = 10'000, kInfoTimeoutMs = 3000;

// --- settings -----------------------------------------------------------------------------------

// Where a value comes from, in the words of old; a file has none there.
std::string_view source_word(std::string_view source) {
  return source == "environment" ? "env" : source;
}

net::Response list_settings(Site& site, Call&) {
  Array settings;
  for (const config::SettingRow& row : site.parts.setting_rows) {
    settings.push_back(Object{{"name", row.name},
                              {"value", row.is_secret && !row.value.empty() ? "***" : row.value},
                              {"source", source_word(row.source)},
                              {"is_secret", row.is_secret},
                              {"description", row.description}});
  }
  std::sort(settings.begin(), settings.end(), [](const Value& a, const Value& b) {
    return a.at("name").get_string() < b.at("name").get_string();
  });
  return json_answer(
      200, Object{{"z4j_home", site.parts.settings.home}, {"settings", std::move(settings)}});
}

// --- versions -----------------------------------------------------------------------------------

Object versions_json(Site& site) {
  const std::lock_guard lock(site.versions_mutex);
  const bool is_remote = !site.versions.is_null();
  Object out{{"schema_version", 1},
             {"generated_at", base::format_time(site.started_at)},
             {"generated_by", "z4j-brain " + site.parts.version},
             {"canonical_url", ""},
             {"packages", Value(nullptr)},
             {"source", is_remote ? "remote" : "bundled"},
             {"fetched_at", offset_time_or_null(site.versions_fetched_at)},
             {"fetched_from", nullptr},
             {"check_for_updates_url", site.parts.settings.version_check_url}};
  if (is_remote) {
    for (const auto& member : site.versions.get_object()) out[member.key()] = member.value();
    out["fetched_from"] = site.parts.settings.version_check_url;
  } else {
    out["packages"] = site.package_versions();
  }
  return out;
}

net::Response get_versions(Site& site, Call&) { return json_answer(200, versions_json(site)); }

// Only what we know the meaning of, each within its bounds.
base::Result<Object> read_versions(std::string_view text) {
  auto parsed = base::json::parse(text);
  if (!parsed) return std::move(parsed).error();
  const Object* packages =
      parsed->is_object() ? base::json::object(parsed->get_object(), "packages") : nullptr;
  if (packages == nullptr)
    return base::Error{base::Code::invalid, "the answer is no list of versions", "", ""};
  Object known;
  for (const auto& member : *packages) {
    if (known.size() == kMostPackages) break;
    if (!member.value().is_string() || member.key().size() > kMostPackageName ||
        member.value().get_string().size() > kMostPackageVersion)
      continue;
    known[member.key()] = member.value();
  }
  Object out{{"packages", std::move(known)}};
  for (const std::string_view name : {"generated_at", "generated_by", "canonical_url"}) {
    const std::string_view said = base::json::text(parsed->get_object(), name);
    if (!said.empty() && said.size() <= 500) out[name] = said;
  }
  if (!base::parse_time(base::json::text(out, "generated_at"))) out.erase("generated_at");
  return out;
}

net::Response check_versions(Site& site, Call& call) {
  const std::string& url = site.parts.settings.version_check_url;
  if (url.empty())
    return error_answer(call.request, 404, "not_found", "no address of a version list is set",
                        Object{{"reason", "check_disabled"}});
  auto body = site.parts.fetch ? site.parts.fetch(url, kMostVersionBytes, kVersionsTimeoutMs)
                               : base::Result<std::string>(base::Error{
                                     base::Code::unsupported, "nothing can be fetched", "", ""});
  auto versions = body ? read_versions(*body) : base::Result<Object>(body.error());
  if (!versions)
    return error_answer(call.request, 409, "conflict",
                        "the version list can't be had: " + versions.error().message,
                        Object{{"url", url}});
  {
    const std::lock_guard lock(site.versions_mutex);
    site.versions = std::move(*versions);
    site.versions_fetched_at = site.parts.clock.now();
  }
  return json_answer(200, versions_json(site));
}

// --- schedulers ---------------------------------------------------------------------------------

Object ask_scheduler(Site& site, const std::string& url) {
  Object out{{"url", url}, {"ok", nullptr}, {"info", nullptr}, {"error", nullptr}};
  if (!site.parts.fetch) return out;
  std::string address = url;
  while (address.ends_with('/')) address.pop_back();
  auto body = site.parts.fetch(address + "/info", kMostInfoBytes, kInfoTimeoutMs);
  if (!body) {
    out["error"] = body.error().message;
    return out;
  }
  auto info = base::json::parse(*body);
  const bool is_good = info && info->is_object();
  out["ok"] = is_good;
  if (is_good)
    out["info"] = std::move(*info);
  else
    out["error"] = "the answer is no JSON object";
  return out;
}

net::Response list_schedulers(Site& site, Call&) {
  Array out;
  std::size_t healthy = 0;
  for (const std::string& url : site.parts.settings.scheduler_info_urls) {
    if (out.size() == kMostSchedulers) break;
    Object one = ask_scheduler(site, url);
    if (base::json::boolean(one, "ok")) ++healthy;
    out.push_back(std::move(one));
  }
  if (site.parts.schedules != nullptr) {
    for (const core::SchedulerPlace& place : site.parts.schedules->places()) {
      if (place.is_running) ++healthy;
      out.push_back(Object{{"url", "plugin:" + place.instance},
                           {"ok", place.is_running},
                           {"info", Object{{"instance_id", place.instance},
                                           {"scheduler", place.scheduler},
                                           {"keeps_schedules_here", place.is_of_store},
                                           {"ready", place.is_running}}},
                           {"error", base::json::text_or_null(place.why_not)}});
    }
  }
  const std::size_t total = out.size();
  return json_answer(
      200, Object{{"schedulers", std::move(out)}, {"total", total}, {"healthy", healthy}});
}

}  // namespace

void add_admin_routes(Router& router) {
  const Policy admin{Gate::signed_in, core::Action::read_system};
  router.shape(
      "Versions",
      "{schema_version: int, generated_at: time, generated_by: text, canonical_url: text, "
      "packages: {*: text}, source: \"bundled\"|\"remote\", fetched_at: time?, fetched_from: "
      "text?, check_for_updates_url: text}");
  router.add("GET", "/api/v1/admin/settings", admin, list_settings)
      .does("List settings with their values and where these come from")
      .gives(200,
             "{z4j_home: text, settings: [{name: text, value: text, source: text, is_secret: "
             "bool, description: text}]}");
  router.add("GET", "/api/v1/admin/system/versions", admin, get_versions)
      .does("Show the versions that agents are compared with")
      .gives(200, "Versions");
  router.add("POST", "/api/v1/admin/system/versions/check", admin, check_versions)
      .does("Fetch the list of released versions")
      .gives(200, "Versions")
      .refuses(409)
      .refuses(404);
  router.add("GET", "/api/v1/schedulers", admin, list_schedulers)
      .does("Ask the scheduler processes how they are")
      .gives(200,
             "{schedulers: [{url: text, ok: bool?, info: object?, error: text?}], total: int, "
             "healthy: int}");
}

}  // namespace z4j::api
