// The brain's database, opened through its storage plugin.
#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "core/store.hpp"
#include "plugin/host.hpp"

namespace z4j::app {

// The instance name that holds the brain's own tables.
inline constexpr const char* kStorageInstance = "storage";

// Where plugin files lie.
[[nodiscard]] std::string plugin_directory(const config::Settings& settings);

// A host as the settings say: where plugin files lie, where they run, who may have made them.
[[nodiscard]] plugin::Host::Options host_options(const config::Settings& settings);
[[nodiscard]] std::unique_ptr<plugin::Host> make_host(const config::Settings& settings,
                                                      plugin::Callbacks callbacks, base::Log& log,
                                                      const base::Clock& clock);

// The storage plugin of a database URL, called `name`. "" is the SQLite file of the home folder;
// plugin:NAME is known when it is settings.database_url.
[[nodiscard]] base::Result<config::PluginEntry> storage_entry(const std::string& name,
                                                              const std::string& url,
                                                              const config::Settings& settings);

// Starts the storage plugin of settings.database_url on `host`, migrates, opens. The store must go
// before the host. One that a copy or a restore fills, or left half filled, is refused.
[[nodiscard]] base::Result<std::unique_ptr<core::Store>> open_store(
    plugin::Host& host, const config::Settings& settings);

}  // namespace z4j::app
