// What the API changed about plugin instances, kept over restarts: merged over the configuration
// file.
//
// Stores and audits, and tells other brains in the same commit; making an instance follow is the
// caller's. Settings values never appear
// in the audit log, their names do. Thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct PluginOverride {
  std::string instance;
  std::optional<bool> enabled;                 // none: as the file says
  std::optional<base::json::Object> settings;  // none: as the file says
  std::optional<base::Uuid> updated_by;
  base::TimeUs updated_at = 0;
};

class PluginOverrides {
 public:
  // `tell_others` adds to a commit what other brains hear when it is done. Empty: there are none.
  PluginOverrides(Store& store, Audit& audit, const base::Clock& clock,
                  std::function<void(Commit&)> tell_others = {})
      : store_(store), audit_(audit), clock_(clock), tell_others_(std::move(tell_others)) {}

  [[nodiscard]] base::Result<std::vector<PluginOverride>> list();
  [[nodiscard]] base::Result<std::optional<PluginOverride>> find(std::string_view instance);
  // Audited as plugin.enabled or plugin.disabled.
  [[nodiscard]] base::Status set_enabled(std::string_view instance, bool enabled,
                                         const Actor& actor);
  // Replaces the settings that lie over the file's; nothing: the file's alone. Audited as
  // plugin.settings_changed. At most 64 KiB.
  [[nodiscard]] base::Status set_settings(std::string_view instance,
                                          const std::optional<base::json::Object>& settings,
                                          const Actor& actor);
  // Back to the file. Idempotent; audited as plugin.settings_changed when there was one.
  [[nodiscard]] base::Status remove(std::string_view instance, const Actor& actor);

 private:
  [[nodiscard]] base::Status merge(const PluginOverride& next, AuditEntry entry);
  Store& store_;
  Audit& audit_;
  const base::Clock& clock_;
  const std::function<void(Commit&)> tell_others_;
};

}  // namespace z4j::core
