// What the brain is told: config/z4j.toml merged with Z4J_* variables, checked whole, with a place
// for every problem.
//
// Order: built-in default < file < Z4J_* variable < command line. All problems are found in one pass;
// nothing starts with a broken config. Plain data once loaded; no I/O after load().
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::config {

// One thing wrong. `where` is "path:line", a variable's name or a command-line flag; `expected` says
// what would be right; `hint` names the nearest known key or the way out.
struct Problem {
  std::string where, message, expected, hint;
  [[nodiscard]] std::string text() const;
};

// One [plugin.NAME] table.
struct PluginEntry {
  std::string name;                 // instance name, [a-z0-9][a-z0-9-]{0,62}
  std::string plugin;               // file stem: "engine-celery"
  std::string project = "default";
  bool enabled = true;
  bool required = false;
  std::string sha256;               // pinned file hash, or ""
  base::json::Object settings;      // as written; checked against the plugin's schema when it loads
  std::string where;                // path:line of the table
  std::map<std::string, std::string> setting_where;  // JSON pointer -> path:line
};

// The kernel's own settings. Names follow the Z4J_* list in docs/operate/settings.md.
struct Settings {
  std::string home;                                  // $Z4J_HOME, default ~/.z4j
  std::string environment = "auto";                  // auto | dev | production (Z4J_ENVIRONMENT)
  std::string bind_host = "127.0.0.1";
  std::uint16_t bind_port = 7700;
  std::string public_url;                            // "" off loopback is refused
  bool allow_http_public_url = false;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> trusted_proxies;
  std::vector<std::string> cors_origins;
  std::string tls_certificate_file, tls_key_file;
  std::string database_url;                          // "" = sqlite under home
  std::string secret, session_secret;                // "" = minted into home/secret.env
  std::vector<std::string> previous_secrets, previous_session_secrets;
  std::string bootstrap_admin_email, bootstrap_admin_password, bootstrap_admin_display_name;
  std::size_t max_payload_bytes = 8192;              // HTTP body cap and redaction's per-string cap
  int session_absolute_lifetime_s = 604800, session_idle_timeout_s = 1800, first_boot_token_ttl_s = 900;
  int login_lockout_threshold = 10, login_lockout_s = 900, login_min_duration_ms = 300;
  double login_backoff_base_s = 0.5, login_backoff_max_s = 5;
  int password_min_length = 12;
  std::string session_cookie_samesite = "lax";
  int rest_default_page_size = 50, rest_max_page_size = 500;
  int command_timeout_s = 60, agent_offline_timeout_s = 30, ws_idle_timeout_s = 90;
  int event_retention_days = 30;
  bool metrics_enabled = true, metrics_public = false;
  std::string metrics_auth_token;
  bool hsts = true;
  std::string log_level = "info", log_form = "auto";  // auto: console on a terminal, JSON otherwise
  std::size_t ingest_queue_bytes = 64u << 20;
  std::vector<std::string> redaction_extra_keys, redaction_extra_values;
  std::vector<std::string> plugin_directories;       // searched in order; default: beside the program
  std::string http_root;                             // instance name of the plugin mounted at "/", or ""
  unsigned api_threads = 32;

  [[nodiscard]] bool binds_loopback() const;
  // dev rules (plain cookies, loopback names allowed): environment dev, or auto on a loopback bind.
  [[nodiscard]] bool is_dev() const;
};

struct Loaded {
  Settings settings;
  std::vector<PluginEntry> plugins;
  std::vector<Problem> problems;       // not empty: do not start
  std::vector<std::string> warnings;   // accepted, but worth a line
  std::map<std::string, std::string> sources;  // setting name -> "default", "file", "env"
};

struct LoadOptions {
  std::string file;                              // "" = home/z4j.toml if there, else defaults
  std::map<std::string, std::string> environment;  // the Z4J_* variables and HOME
  std::map<std::string, std::string> overrides;    // from the command line: setting name -> value
};

// Reads, merges, checks. Never throws on bad input; unreadable files are problems.
[[nodiscard]] Loaded load(const LoadOptions& options);

// upstream's and the plain forms of a database URL, told apart.
struct DatabaseUrl {
  enum class Kind { sqlite, postgresql } kind = Kind::sqlite;
  std::string path;  // sqlite
  std::string url;   // postgresql, plain form
};
[[nodiscard]] base::Result<DatabaseUrl> parse_database_url(std::string_view url);

}  // namespace z4j::config
