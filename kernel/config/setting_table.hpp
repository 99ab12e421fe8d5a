// The one table of the kernel's settings: key, variable, member, bounds, secrecy, meaning.
// Everything that knows a setting by name (file, variables, listing, document) walks this table.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.hpp"
#include "config/config.hpp"

namespace z4j::config {

using Member = std::variant<std::string Settings::*, bool Settings::*, int Settings::*,
                            std::int64_t Settings::*, std::size_t Settings::*, double Settings::*,
                            std::vector<std::string> Settings::*>;

// secret: never shown. url: shown without its password.
enum class Secrecy { open, url, secret };
// bytes: a number or text such as "64MiB".
enum class Unit { none, bytes };

struct Setting {
  std::string_view key, variable, meaning;
  Member member;
  double low = 0, high = 0;       // numbers: bounds, both included
  std::string_view choices = {};  // texts: "a|b|c", or any
  Secrecy secrecy = Secrecy::open;
  Unit unit = Unit::none;
  bool in_file = true;  // false: only a variable or the command line sets it
};

[[nodiscard]] const std::vector<Setting>& setting_table();
// By key or by variable; nullptr when there is none.
[[nodiscard]] const Setting* find_setting(std::string_view name);

// "must be a whole number from 0 to 65535".
[[nodiscard]] std::string expected_of(const Setting& setting);
// False, and nothing changed, when the value is of the wrong type or out of bounds.
[[nodiscard]] bool assign(Settings& settings, const Setting& setting,
                          const base::json::Value& value);
// A variable's text as a value for assign(): numbers, true/false/1/0/yes/no/on/off, lists as JSON
// or comma-separated. Null when it can't be one.
[[nodiscard]] base::json::Value from_text(const Setting& setting, std::string_view text);
// Text bare, lists as JSON, unmasked.
[[nodiscard]] std::string value_text(const Settings& settings, const Setting& setting);

// Z4J_* names of agents, schedulers and other brains that this program knows of and does not use.
[[nodiscard]] bool is_foreign_variable(std::string_view name);

// The text with the password of a URL, if it has one, as "***".
[[nodiscard]] std::string mask_url(std::string_view text);
// A wrong value for people: scalars as JSON, masked and cut; tables and lists by their kind.
[[nodiscard]] std::string shown(const base::json::Value& value);

// What one setting can't say alone: ranges against each other, files, URLs, secrets' lengths.
void check_together(Loaded& loaded);

}  // namespace z4j::config
