// What a plugin must be before any of its functions is of use: its file, its entry and its
// descriptor, rule by rule. The loader refuses what breaks one, z4j-plugin-check reports all of
// them: both run this code.
#pragma once

#include <z4j/abi.h>

#include <functional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "plugin/elf_file.hpp"

namespace z4j::plugin {

// `name` is short and stable, `what` says the rule as a sentence without its full stop. The error
// of `check` is for operators: what is wrong, and what to do.
template <class T>
struct Rule {
  std::string_view name, what;
  base::Status (*check)(const T&);
};

// Of the file, in the order in which they are asked; nothing of it has run. The last two map the
// libraries that it needs.
[[nodiscard]] std::span<const Rule<ElfFile>> file_rules();
// Whether it has an entry of ABI 1 at all; else it may be a plugin for another host.
[[nodiscard]] base::Status check_has_entry(const ElfFile& file);

[[nodiscard]] std::span<const Rule<z4j_plugin_entry>> entry_rules();

// A descriptor, and what stands for its get_interface(): another process may have mapped the file.
struct Descriptor {
  const z4j_plugin& plugin;
  std::function<const void*(std::string_view)> interface_of;
};
[[nodiscard]] Descriptor descriptor_of(const z4j_plugin& plugin);
// Each builds on those before it: stop at the first that fails. From "interfaces" on they call
// get_interface(); what that throws comes out of them.
[[nodiscard]] std::span<const Rule<Descriptor>> descriptor_rules();

// The first rule that fails, or none. What get_interface() throws is a refusal.
[[nodiscard]] base::Status check_file_rules(const ElfFile& file);
[[nodiscard]] base::Status check_entry(const z4j_plugin_entry& entry);
[[nodiscard]] base::Status check_descriptor(const Descriptor& declared);

}  // namespace z4j::plugin
