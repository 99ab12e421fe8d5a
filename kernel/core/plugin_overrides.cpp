#include "core/plugin_overrides.hpp"

#include "core/refusal.hpp"

namespace z4j::core {
namespace {

namespace over = model::plugin_overrides;

constexpr std::size_t kOverrideSettingsBytes = 64u << 10;

PluginOverride override_of(const Row& row) {
  PluginOverride out;
  out.instance = row.text(over::instance);
  if (!row.is_null(over::enabled)) out.enabled = row.flag(over::enabled);
  if (const auto settings = row.json(over::settings); settings.is_object())
    out.settings = settings.get_object();
  out.updated_by = row.uuid_or_none(over::updated_by);
  out.updated_at = row.num(over::updated_at);
  return out;
}

}  // namespace

base::Result<std::vector<PluginOverride>> PluginOverrides::list() {
  Query query(Table::plugin_overrides);
  query.all().order({over::instance}).limit(1000);
  std::vector<PluginOverride> out;
  auto done = store_.each(query, [&out](const Row& row) {
    out.push_back(override_of(row));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

base::Result<std::optional<PluginOverride>> PluginOverrides::find(std::string_view instance) {
  Query query(Table::plugin_overrides);
  query.where.eq(over::instance, instance);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<PluginOverride>{};
  return std::optional<PluginOverride>(override_of(**row));
}

base::Status PluginOverrides::merge(const PluginOverride& next, AuditEntry entry) {
  return audit_.commit({std::move(entry)}, [&](Commit& c) {
    Rows rows(Table::plugin_overrides);
    rows.begin().text(over::instance, next.instance);
    if (next.enabled) {
      rows.num(over::enabled, *next.enabled ? 1 : 0);
    } else {
      rows.null(over::enabled);
    }
    if (next.settings) {
      rows.text(over::settings, base::json::write(*next.settings));
    } else {
      rows.null(over::settings);
    }
    rows.cell(over::updated_by, next.updated_by ? Cell(*next.updated_by) : Cell())
        .num(over::updated_at, next.updated_at);
    c.merge(std::move(rows));
    if (tell_others_) tell_others_(c);
  });
}

base::Status PluginOverrides::set_enabled(std::string_view instance, bool enabled,
                                          const Actor& actor) {
  auto found = find(instance);
  if (!found) return std::move(found).error();
  PluginOverride next = found->value_or(PluginOverride{});
  next.instance = instance;
  next.enabled = enabled;
  next.updated_by = actor.user_id;
  next.updated_at = clock_.now();
  return merge(next, AuditEntry::of(actor, enabled ? "plugin.enabled" : "plugin.disabled", "plugin",
                                    instance));
}

base::Status PluginOverrides::set_settings(std::string_view instance,
                                           const std::optional<base::json::Object>& settings,
                                           const Actor& actor) {
  if (settings && base::json::write(*settings).size() > kOverrideSettingsBytes) {
    return refuse::error(base::Code::too_large, "settings",
                         "plugin settings are larger than 64 KiB");
  }
  auto found = find(instance);
  if (!found) return std::move(found).error();
  PluginOverride next = found->value_or(PluginOverride{});
  next.instance = instance;
  next.settings = settings;
  next.updated_by = actor.user_id;
  next.updated_at = clock_.now();
  AuditEntry entry = AuditEntry::of(actor, "plugin.settings_changed", "plugin", instance);
  base::json::Array keys;
  if (settings) {
    for (const auto& member : *settings) keys.emplace_back(member.key());
  }
  entry.metadata["keys"] = std::move(keys);
  return merge(next, std::move(entry));
}

base::Status PluginOverrides::remove(std::string_view instance, const Actor& actor) {
  auto found = find(instance);
  if (!found) return std::move(found).error();
  if (!found->has_value()) return {};
  AuditEntry entry = AuditEntry::of(actor, "plugin.settings_changed", "plugin", instance);
  entry.metadata["removed"] = true;
  return audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where where;
    where.eq(over::instance, instance);
    c.erase(Table::plugin_overrides, std::move(where));
    if (tell_others_) tell_others_(c);
  });
}

}  // namespace z4j::core
