// Plugin instances: how they are, and what an administrator changes about them.
//
// The file is the base; a change here is a stored override, shown beside the file's value and
// removable.
#include <algorithm>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "config/schema.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::text_or_null;
using base::json::Value;

constexpr std::string_view kMask = "********";
constexpr std::size_t kMostTold = 4000;

const config::PluginEntry* entry_of(const Site& site, std::string_view instance) {
  const auto& entries = site.parts.entries;
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const config::PluginEntry& e) { return e.name == instance; });
  return found == entries.end() ? nullptr : &*found;
}

// A plugin's own words, whatever bytes they are.
Value told_by(std::string_view words) { return text_or_null(core::clean_text(words, kMostTold)); }

Array problems_json(const std::vector<config::Problem>& problems) {
  Array out;
  for (const config::Problem& p : problems) {
    out.push_back(Object{{"where", told_by(p.where)},
                         {"message", core::clean_text(p.message, kMostTold)},
                         {"expected", told_by(p.expected)},
                         {"hint", told_by(p.hint)}});
  }
  return out;
}

// Without a schema no setting is known, so none is shown.
std::string schema_of(Site& site, const config::PluginEntry& entry) {
  auto described = site.parts.plugins.describe(entry.plugin, entry.sha256);
  return described ? described->schema_json : std::string();
}

Value process_json(const plugin::Report& r) {
  if (r.isolation != "process") return nullptr;
  return Object{{"pid", r.pid > 0 ? Value(r.pid) : Value(nullptr)},
                {"sandbox", told_by(r.sandbox)},
                {"memory_bytes", r.memory_bytes},
                {"cpu_ms", r.cpu_ms},
                {"cpu_percent", r.cpu_percent ? Value(*r.cpu_percent) : Value(nullptr)},
                {"deaths", r.process_deaths},
                {"last_death", told_by(r.last_death)},
                {"last_death_at",
                 r.last_death_at > 0 ? Value(base::format_time(r.last_death_at)) : Value(nullptr)}};
}

Value signer_json(const std::optional<plugin::Signer>& signer) {
  if (!signer) return nullptr;
  return Object{{"key_id", signer->key_id}, {"name", text_or_null(signer->name)}};
}

Object report_json(const plugin::Report& r) {
  return {
      {"instance", r.name},
      {"plugin", r.plugin},
      {"plugin_id", text_or_null(r.plugin_id)},
      {"version", text_or_null(r.version)},
      {"kinds", text_or_null(r.kinds)},
      {"engine", text_or_null(r.engine_name)},
      {"project", r.project},
      {"state", plugin::to_string(r.state)},
      {"health", plugin::to_string(r.health)},
      {"why", told_by(r.why)},
      {"step", text_or_null(r.step)},
      {"what_to_do", told_by(r.what_to_do)},
      {"problems", problems_json(r.problems)},
      {"required", r.required},
      {"sha256", text_or_null(r.sha256)},
      {"signer", signer_json(r.signer)},
      {"isolation", text_or_null(r.isolation)},
      {"process", process_json(r)},
      {"started_at", r.started_at > 0 ? Value(base::format_time(r.started_at)) : Value(nullptr)},
      {"calls", r.calls},
      {"errors", r.errors},
      {"faults", r.faults},
      {"late_answers", r.late_answers},
      {"operations_open", r.ops_open},
      {"operations_expired", r.ops_expired},
      {"slow_calls", r.slow_calls},
      {"log_lines_suppressed", r.log_lines_suppressed}};
}

Value override_json(const std::optional<core::PluginOverride>& o, const std::string& schema) {
  if (!o) return nullptr;
  return Object{{"enabled", o->enabled ? Value(*o->enabled) : Value(nullptr)},
                {"settings",
                 o->settings ? Value(schema.empty() ? Object()
                                                    : config::masked_settings(schema, *o->settings))
                             : Value(nullptr)},
                {"updated_by", id_or_null(o->updated_by)},
                {"updated_at", base::format_time(o->updated_at)}};
}

// Whether what was seen is at odds with what is declared, and how.
Value contradiction_of(const Value& is_declared, const core::SeenCapability& seen) {
  if (seen.undeclared > 0) return "undeclared";
  const bool is_denied = seen.times_of(plugin::CallOutcome::unsupported) > 0;
  return is_denied && is_declared.is_bool() && is_declared.get_bool() ? Value("unsupported")
                                                                      : Value(nullptr);
}

Object seen_json(const core::SeenCapability& seen) {
  Object out{{"asked", seen.asked()}};
  for (std::size_t i = 0; i < plugin::kOutcomes; ++i)
    out[plugin::to_string(static_cast<plugin::CallOutcome>(i))] = seen.times[i];
  out["undeclared"] = seen.undeclared;
  out["first_at"] = base::format_time(seen.first_at);
  out["last_at"] = base::format_time(seen.last_at);
  out["last_outcome"] = seen.last_outcome;
  out["last_code"] = text_or_null(seen.last_code);
  out["last_text"] = text_or_null(seen.last_text);
  return out;
}

Object capability_json(std::string_view kind, std::string_view name, bool is_asked_for,
                       Value is_declared, const core::SeenCapability* seen) {
  Object out{{"kind", kind}, {"verb", name}, {"observable", is_asked_for}};
  out["contradiction"] = seen != nullptr ? contradiction_of(is_declared, *seen) : Value(nullptr);
  out["declared"] = std::move(is_declared);
  out["observed"] = seen != nullptr ? Value(seen_json(*seen)) : Value(nullptr);
  return out;
}

// What an instance declares now, beside what was seen of this version of it; of one that does not
// run here what was seen alone.
base::Result<Array> capabilities_json(Site& site, const plugin::Report& report) {
  std::vector<core::SeenCapability> seen;
  std::string plugin_id = report.plugin_id, version = report.version;
  const config::PluginEntry* const entry = entry_of(site, report.name);
  if (plugin_id.empty() && entry != nullptr) {
    if (auto described = site.parts.plugins.describe(entry->plugin, entry->sha256); described) {
      plugin_id = described->id;
      version = described->version;
    }
  }
  if (site.parts.capabilities != nullptr && !plugin_id.empty()) {
    auto found = site.parts.capabilities->of(report.name, plugin_id, version);
    if (!found) return std::move(found).error();
    seen = std::move(*found);
  }
  Array out;
  for (const plugin::Capability& c : report.abilities) {
    const auto at = std::find_if(seen.begin(), seen.end(), [&](const core::SeenCapability& s) {
      return s.kind == plugin::to_string(c.kind) && s.name == c.name;
    });
    out.push_back(capability_json(plugin::to_string(c.kind), c.name, c.is_asked_for, c.is_declared,
                                  at == seen.end() ? nullptr : &*at));
    if (at != seen.end()) seen.erase(at);
  }
  for (const core::SeenCapability& s : seen)
    out.push_back(capability_json(s.kind, s.name, true, nullptr, &s));
  return out;
}

// The report, and beside it the file's word and the override's. An instance that never ran is
// listed too.
Object plugin_json(Site& site, const plugin::Report& report,
                   const std::optional<core::PluginOverride>& o, const Object& holders) {
  Object out = report_json(report);
  const config::PluginEntry* entry = entry_of(site, report.name);
  out["configured"] = nullptr;
  out["override"] = nullptr;
  const auto* const holder = holders.if_contains(report.name);
  out["runs_on"] = holder != nullptr ? *holder : base::json::Value(nullptr);
  if (entry == nullptr) return out;
  const std::string schema = schema_of(site, *entry);
  out["configured"] = Object{
      {"enabled", entry->enabled},
      {"settings", schema.empty() ? Object() : config::masked_settings(schema, entry->settings)}};
  out["override"] = override_json(o, schema);
  return out;
}

Object holders_of(Site& site) { return site.parts.holders ? site.parts.holders() : Object(); }

plugin::Report listed(const config::PluginEntry& entry) {
  plugin::Report r;
  r.name = entry.name;
  r.plugin = entry.plugin;
  r.project = entry.project;
  r.required = entry.required;
  return r;
}

std::vector<plugin::Report> all_reports(Site& site) {
  std::vector<plugin::Report> reports = site.parts.plugins.reports();
  for (const config::PluginEntry& entry : site.parts.entries) {
    const bool is_known = std::any_of(reports.begin(), reports.end(), [&](const plugin::Report& r) {
      return r.name == entry.name;
    });
    if (!is_known) reports.push_back(listed(entry));
  }
  std::sort(reports.begin(), reports.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return reports;
}

net::Response list_plugins(Site& site, Call& call) {
  auto overrides = site.parts.overrides.list();
  if (!overrides) return refuse(call, overrides.error());
  Array items;
  const Object holders = holders_of(site);
  for (const plugin::Report& report : all_reports(site)) {
    const auto found = std::find_if(overrides->begin(), overrides->end(),
                                    [&](const auto& o) { return o.instance == report.name; });
    items.push_back(plugin_json(
        site, report, found == overrides->end() ? std::nullopt : std::optional(*found), holders));
  }
  return json_answer(200, Object{{"items", std::move(items)}, {"next_cursor", nullptr}});
}

net::Response plugin_answer(Site& site, const Call& call) {
  const std::string& instance = call.param("instance");
  for (const plugin::Report& report : all_reports(site)) {
    if (report.name != instance) continue;
    auto o = site.parts.overrides.find(instance);
    if (!o) return refuse(call, o.error());
    auto capabilities = capabilities_json(site, report);
    if (!capabilities) return refuse(call, capabilities.error());
    Object out = plugin_json(site, report, *o, holders_of(site));
    out["capabilities"] = std::move(*capabilities);
    return json_answer(200, std::move(out));
  }
  return error_answer(call.request, 404, "not_found", "plugin instance not found");
}

// The instance that a change is about; the answer that refuses it when there is none.
struct Target {
  const config::PluginEntry* entry = nullptr;
  net::Response refused;
};
Target target_of(Site& site, const Call& call) {
  Target t;
  t.entry = entry_of(site, call.param("instance"));
  if (t.entry != nullptr) return t;
  const bool is_running = site.parts.plugins.report(call.param("instance")).ok();
  t.refused =
      is_running
          ? error_answer(call.request, 409, "conflict",
                         "this instance belongs to the brain itself and can't be changed here",
                         Object{{"reason", "not_configurable"}})
          : error_answer(call.request, 404, "not_found", "plugin instance not found");
  return t;
}

// What the settings of an instance may be, as its plugin describes them.
net::Response get_plugin_schema(Site& site, Call& call) {
  const Target target = target_of(site, call);
  if (target.entry == nullptr) return target.refused;
  auto described = site.parts.plugins.describe(target.entry->plugin, target.entry->sha256);
  if (!described) return refuse(call, described.error());
  auto schema = base::json::parse(described->schema_json);
  if (!schema) return refuse(call, schema.error());
  return json_answer(200, Object{{"schema", std::move(*schema)}});
}

net::Response get_plugin(Site& site, Call& call) { return plugin_answer(site, call); }

// The override is stored; how the instance took it shows in the answer.
net::Response follow(Site& site, const Call& call, const base::Status& stored) {
  if (!stored) return refuse(call, stored.error());
  if (site.parts.reload_plugin) {
    if (auto done = site.parts.reload_plugin(call.param("instance")); !done) {
      site.parts.log.warn("plugin did not take its override",
                          {{"instance", call.param("instance")}, {"why", done.error().text()}});
    }
  }
  return plugin_answer(site, call);
}

net::Response set_enabled(Site& site, Call& call, bool enabled) {
  const Target target = target_of(site, call);
  if (target.entry == nullptr) return target.refused;
  if (!enabled && target.entry->required) {
    return error_answer(
        call.request, 409, "conflict",
        "this instance is required by the configuration: the brain does not run without it",
        Object{{"reason", "required"}});
  }
  return follow(site, call,
                site.parts.overrides.set_enabled(target.entry->name, enabled, call.actor()));
}

net::Response enable_plugin(Site& site, Call& call) { return set_enabled(site, call, true); }
net::Response disable_plugin(Site& site, Call& call) { return set_enabled(site, call, false); }

// The settings in force if `over` lay over the file's.
Object merged(const config::PluginEntry& entry, const Object& over) {
  Object out = entry.settings;
  for (const auto& member : over) out.insert_or_assign(member.key(), member.value());
  return out;
}

// A mask that comes back means: as it is.
Object unmasked(Object asked, const std::optional<core::PluginOverride>& o) {
  std::vector<std::string> masked;
  for (const auto& member : asked) {
    if (member.value().is_string() && member.value().get_string() == kMask)
      masked.emplace_back(member.key());
  }
  for (const std::string& key : masked) {
    const Value* stored = o && o->settings ? o->settings->if_contains(key) : nullptr;
    if (stored != nullptr)
      asked[key] = *stored;
    else
      asked.erase(key);
  }
  return asked;
}

struct Asked {
  Object settings;
  std::vector<config::Problem> problems;
};
base::Result<Asked> check_settings_of(Site& site, const config::PluginEntry& entry,
                                      const Object& asked) {
  auto stored = site.parts.overrides.find(entry.name);
  if (!stored) return std::move(stored).error();
  auto described = site.parts.plugins.describe(entry.plugin, entry.sha256);
  if (!described) return std::move(described).error();
  Asked out;
  out.settings = unmasked(asked, *stored);
  out.problems =
      config::check_settings(described->schema_json, merged(entry, out.settings)).problems;
  return out;
}

net::Response validate_plugin(Site& site, Call& call) {
  const Target target = target_of(site, call);
  if (target.entry == nullptr) return target.refused;
  Input in = Input::of_body(call.request);
  const auto settings = in.object("settings", Need::required);
  if (!in.ok()) return in.refused(call.request);
  auto asked = check_settings_of(site, *target.entry, *settings);
  if (!asked) return refuse(call, asked.error());
  return json_answer(200, Object{{"valid", asked->problems.empty()},
                                 {"problems", problems_json(asked->problems)}});
}

net::Response put_plugin_settings(Site& site, Call& call) {
  const Target target = target_of(site, call);
  if (target.entry == nullptr) return target.refused;
  Input in = Input::of_body(call.request);
  const auto settings = in.object("settings", Need::required);
  if (!in.ok()) return in.refused(call.request);
  auto asked = check_settings_of(site, *target.entry, *settings);
  if (!asked) return refuse(call, asked.error());
  for (const config::Problem& p : asked->problems)
    in.problem("settings" + p.where, "value_error", p.text());
  if (!in.ok()) return in.refused(call.request);
  return follow(
      site, call,
      site.parts.overrides.set_settings(target.entry->name, asked->settings, call.actor()));
}

net::Response remove_plugin_override(Site& site, Call& call) {
  const Target target = target_of(site, call);
  if (target.entry == nullptr) return target.refused;
  return follow(site, call, site.parts.overrides.remove(target.entry->name, call.actor()));
}

}  // namespace

void add_plugin_routes(Router& router) {
  router.shape("PluginProblem", "{where: text?, message: text, expected: text?, hint: text?}");
  router.shape(
      "Plugin",
      "{instance: text, plugin: text, plugin_id: text?, version: text?, kinds: text?, engine: "
      "text?, project: text, state: text, health: text, why: text?, step: text?, what_to_do: "
      "text?, problems: [PluginProblem], required: bool, sha256: text?, signer: {key_id: text, "
      "name: "
      "text?}?, isolation: text?, process: {pid: int?, "
      "sandbox: text?, memory_bytes: int, cpu_ms: int, cpu_percent: int?, deaths: int, last_death: "
      "text?, last_death_at: time?}?, "
      "started_at: time?, calls: int, errors: "
      "int, faults: int, late_answers: int, operations_open: int, operations_expired: int, "
      "slow_calls: int, log_lines_suppressed: int, configured: {enabled: bool, settings: object}?, "
      "override: {enabled: bool?, settings: object?, updated_by: uuid?, updated_at: time}?, "
      "runs_on: {brain_id: text, host_name: text?, is_this: bool}?}");
  router.shape(
      "PluginCapability",
      "{kind: \"engine\"|\"scheduler\"|\"notifier\"|\"http\", verb: text, declared: bool?, "
      "observable: bool, contradiction: \"unsupported\"|\"undeclared\"?, observed: {asked: "
      "int, done: int, sent: int, refused: int, unsupported: int, unknown: int, failed: int, "
      "undeclared: int, first_at: time, last_at: time, last_outcome: text, last_code: text?, "
      "last_text: text?}?}");
  router.shape("PluginDetail", "{..Plugin, capabilities: [PluginCapability]}");
  const Policy admin{Gate::signed_in, core::Action::manage_plugins};
  constexpr std::string_view kSettings = "{settings: object}";
  router.add("GET", "/api/v1/plugins", admin, list_plugins)
      .does("List plugin instances")
      .gives(200, "page(Plugin)");
  router.add("GET", "/api/v1/plugins/{instance}", admin, get_plugin)
      .does("Show a plugin instance")
      .gives(200, "PluginDetail");
  router.add("GET", "/api/v1/plugins/{instance}/schema", admin, get_plugin_schema)
      .does("Show what the settings of a plugin instance may be, as JSON Schema")
      .gives(200, "{schema: object}")
      .refuses(409);
  router.add("POST", "/api/v1/plugins/{instance}/enable", admin, enable_plugin)
      .does("Start a plugin instance, whatever the file says")
      .gives(200, "PluginDetail");
  router.add("POST", "/api/v1/plugins/{instance}/disable", admin, disable_plugin)
      .does("Stop a plugin instance, whatever the file says")
      .gives(200, "PluginDetail");
  router.add("POST", "/api/v1/plugins/{instance}/validate", admin, validate_plugin)
      .does("Say whether settings would do")
      .body(kSettings)
      .gives(200, "{valid: bool, problems: [PluginProblem]}");
  router.add("PUT", "/api/v1/plugins/{instance}/settings", admin, put_plugin_settings)
      .does("Lay settings over the file's")
      .body(kSettings)
      .gives(200, "PluginDetail");
  router.add("DELETE", "/api/v1/plugins/{instance}/override", admin, remove_plugin_override)
      .does("Go back to the file's word")
      .gives(200, "PluginDetail");
}

}  // namespace z4j::api
