// What a plugin file declares, checked before any of its functions but get_interface() has run.
#pragma once

#include <z4j/abi.h>

#include <functional>
#include <string_view>

#include "base/result.hpp"

namespace z4j::plugin {

// Magic, sizes, versions, number of plugins. `code` unsupported; message and hint are for
// operators.
[[nodiscard]] base::Status check_entry(const z4j_plugin_entry& entry);

// Id, version, texts, required functions, settings schema, needed services, and that kinds and
// interface tables agree. Calls get_interface(); what it throws is a refusal.
[[nodiscard]] base::Status check_descriptor(const z4j_plugin& plugin);
// The same where another process has mapped the file: `interface_of` stands for get_interface().
[[nodiscard]] base::Status check_descriptor(
    const z4j_plugin& plugin, const std::function<const void*(std::string_view)>& interface_of);

}  // namespace z4j::plugin
