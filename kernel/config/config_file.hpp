// What every program's config file has in common: how it is read, and its [plugin.NAME] tables.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "config/config.hpp"
#include "config/toml_source.hpp"

namespace z4j::config {

// The whole file, at most 1 MiB, or a problem; nothing of both when it may be missing and is.
// `open_to_others`: its group or everybody may read it.
[[nodiscard]] std::optional<std::string> read_config_file(const std::string& path, bool must_exist,
                                                          std::vector<Problem>& problems,
                                                          bool& open_to_others);

// Takes [plugin.NAME], whose value that is; at most 256 of them.
void read_plugin_table(const TomlSource& toml, const std::string& name,
                       const base::json::Value& value, std::vector<PluginEntry>& plugins,
                       std::vector<Problem>& problems);

// "did you mean X?", or "" when nothing is near.
[[nodiscard]] std::string did_you_mean(const std::string& near);

}  // namespace z4j::config
