// What the brain is told: a TOML file merged with Z4J_* variables, checked whole, with a place for every
// problem.
//
// Order: built-in default < file < Z4J_* variable < command line. All problems are found in one pass;
// nothing starts with a broken config. Plain data once loaded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::config {

// One thing wrong. `where` is "path:line", a variable's name, a command-line flag or a JSON pointer;
// `expected` says what would be right; `hint` names the nearest known key or the way out.
struct Problem {
  std::string where, message, expected, hint;
  [[nodiscard]] std::string text() const;
};

// One [plugin.NAME] table.
struct PluginEntry {
  std::string name;                 // instance name, [a-z0-9][a-z0-9-]{0,62}
  std::string plugin;               // the file's stem: "storage-sqlite"
  std::string project = "default";  // slug of the project it works for
  bool enabled = true;
  bool required = false;            // the brain does not start without it
  std::string sha256;               // pinned file hash, hex, or ""
  base::json::Object settings;      // as written; checked against the plugin's schema when it loads
  std::string where;                // path:line of the table
  std::map<std::string, std::string> setting_where;  // JSON pointer -> path:line
};

// The kernel's own settings; docs/operate/settings.md lists their names.
struct Settings {
  std::string home;                        // $Z4J_HOME, default ~/.z4j
  std::string bind_host = "127.0.0.1";
  std::int64_t bind_port = 7700;           // 0: any free port
  std::string database_url;                // "" = SQLite under home
  std::string log_level = "info";          // trace, debug, info, warn, error
  std::string log_form = "auto";           // console, json; auto: console on a terminal
  std::int64_t max_body_bytes = 8192;      // of one HTTP request
  std::int64_t api_threads = 32;           // requests handled at once
  std::string plugin_directory;            // "" = beside the program

  [[nodiscard]] bool binds_loopback() const;
};

struct Loaded {
  Settings settings;
  std::vector<PluginEntry> plugins;
  std::vector<Problem> problems;      // not empty: do not start
  std::vector<std::string> warnings;  // accepted, but worth a line
};

struct LoadOptions {
  std::string file;                                // "" = home/z4j.toml when it is there
  std::map<std::string, std::string> environment;  // HOME and the Z4J_* variables
};

// Reads, merges, checks. Bad input never throws: it becomes problems.
[[nodiscard]] Loaded load(const LoadOptions& options);

// One row of the settings table, for documents and tests.
struct SettingRow {
  std::string_view key, variable, meaning;
};
[[nodiscard]] std::vector<SettingRow> known_settings();

// upstream's and the plain forms of a database URL, told apart.
struct DatabaseUrl {
  enum class Kind { sqlite, postgresql } kind = Kind::sqlite;
  std::string path;  // sqlite
  std::string url;   // postgresql, plain form
};
[[nodiscard]] base::Result<DatabaseUrl> parse_database_url(std::string_view url);

}  // namespace z4j::config
