// The web console among the plugin instances: who answers at "/".
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "plugin/host.hpp"

namespace z4j::app {

// The instance "dashboard" where http.root names it, `offered` has its file and no table its name.
void add_own_console(const config::Settings& settings,
                     const std::vector<std::pair<std::string, std::string>>& offered,
                     std::vector<config::PluginEntry>& entries);
// The instance that answers at "/"; empty: none. bad_config: http.root names one that serves no
// pages.
[[nodiscard]] base::Result<std::string> console_instance(
    const config::Settings& settings, const std::vector<config::PluginEntry>& entries,
    plugin::Host& host);

}  // namespace z4j::app
