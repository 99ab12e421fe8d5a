#include "app/brain/config_record.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/brain/brain.hpp"
#include "base/crypto.hpp"
#include "model/tables.hpp"

namespace z4j::app {
namespace {

namespace recorded_col = model::audit_log;
using base::json::Array;
using base::json::Object;
using Texts = std::map<std::string, std::string>;

constexpr std::string_view kConfigApplied = "config.applied";
constexpr std::size_t kSealDigits = 32;
constexpr std::uint32_t kFindTimeoutMs = 5000;

Texts state_of(const config::Loaded& loaded, const std::string& secret) {
  const auto seal = [&secret](std::string_view text) {
    return "hmac:" + base::hex(base::hmac_sha256(secret, "z4j-setting-v1\n" + std::string(text)))
                         .substr(0, kSealDigits);
  };
  Texts out = config::set_settings(loaded.settings, seal);
  for (const config::PluginEntry& plugin : loaded.plugins) {
    out["plugin." + plugin.name] =
        plugin.plugin + (plugin.enabled ? " enabled " : " disabled ") +
        seal(base::json::write_canonical(Object{{"project", plugin.project},
                                                {"required", plugin.required},
                                                {"sha256", plugin.sha256},
                                                {"settings", plugin.settings}}));
  }
  out["schema"] = std::to_string(model::kSchemaVersion);
  out["version"] = program_version();
  return out;
}

// Keys whose value is another one.
std::vector<std::string> differences(const Texts& before, const Texts& now) {
  std::vector<std::string> out;
  for (const auto& [key, value] : now) {
    const auto known = before.find(key);
    if (known == before.end() || known->second != value) out.push_back(key);
  }
  for (const auto& [key, value] : before) {
    if (!now.contains(key)) out.push_back(key);
  }
  return out;
}

std::optional<Texts> recorded_state(core::Store& store, const std::string& brain) {
  core::Query query(core::Table::audit_log);
  query.where.eq(recorded_col::action, kConfigApplied).eq(recorded_col::target_id, brain);
  query.columns({recorded_col::seq, recorded_col::metadata})
      .order({recorded_col::seq}, true)
      .timeout_ms(kFindTimeoutMs);
  const auto row = store.first(std::move(query));
  if (!row || !row->has_value()) return std::nullopt;
  Texts out;
  const base::json::Value metadata = (*row)->json(recorded_col::metadata);
  if (!metadata.is_object()) return std::nullopt;
  const Object* settings = base::json::object(metadata.get_object(), "settings");
  if (settings == nullptr) return std::nullopt;
  for (const auto& member : *settings)
    out[std::string(member.key())] = base::json::text(*settings, member.key());
  return out;
}

}  // namespace

base::Status record_config(core::Store& store, core::Audit& audit, const config::Loaded& loaded,
                           std::string_view host_name) {
  const config::Settings& settings = loaded.settings;
  core::AuditEntry entry = core::AuditEntry::of({}, kConfigApplied, "brain",
                                                std::string(host_name) + ":" + settings.home);
  entry = core::audit_cleaned(std::move(entry));  // its target as it is stored
  const Texts state = state_of(loaded, settings.secret);
  if (const auto before = recorded_state(store, *entry.target_id)) {
    std::vector<std::string> changed = differences(*before, state);
    // After a change of the master key the seals differ, and what they stand for need not.
    for (const std::string& secret : settings.previous_secrets) {
      const std::vector<std::string> under = differences(*before, state_of(loaded, secret));
      std::erase_if(changed, [&under](const std::string& key) {
        return std::find(under.begin(), under.end(), key) == under.end();
      });
    }
    if (changed.empty()) return {};
    entry.metadata["changed"] = Array(changed.begin(), changed.end());
  }
  Object said;
  for (const auto& [key, value] : state) said[key] = value;
  entry.metadata["settings"] = std::move(said);
  return audit.record_first(std::move(entry));
}

}  // namespace z4j::app
