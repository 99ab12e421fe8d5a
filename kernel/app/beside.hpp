// What lies beside this program: the plugins that were built with it, and the program that runs
// others in processes of their own.
#pragma once

#include <string>
#include <vector>

#include "plugin/host.hpp"

namespace z4j::app {

// lib/z4j/plugins of the tree it is installed in, else plugins/ of the build.
[[nodiscard]] std::string default_plugin_directory();

// Plugins that were not built with this program run in processes, which can't read `hidden`.
void isolate_foreign_plugins(plugin::Host::Options& options, std::vector<std::string> hidden);

}  // namespace z4j::app
