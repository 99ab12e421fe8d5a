// What the brain is told: a TOML file merged with Z4J_* variables, checked whole, with a place for
// every problem.
//
// Order: built-in default < file < Z4J_* variable < command line. All problems are found in one
// pass; nothing starts with a broken config. Plain data once loaded; functions here are reentrant.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::config {

// One thing wrong. `where` is "path:line", a variable's name, a command-line flag or a JSON
// pointer; `expected` says what would be right; `hint` names the nearest known key or the way out.
// No secret and no password of a URL stands in any of them.
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
  bool required = false;       // the brain does not start without it
  int list_every_seconds = 5;  // of a scheduler that keeps its own schedules
  std::string sha256;          // pinned file hash, lower-case hex, or ""
  std::string isolation;       // "inline", "process"; "": by where its file comes from
  // Of a process of its own; 0: no bound.
  int memory_limit_mb = 512, cpu_limit_percent = 200, open_files_limit = 256;
  base::json::Object settings;  // as written; checked against the plugin's schema when it loads
  std::string where;            // path:line of the table
  std::map<std::string, std::string> setting_where;  // JSON pointer (RFC 6901) -> path:line
};

// The instance of the web console; it is there without a table when its plugin file is.
inline constexpr std::string_view kConsoleInstance = "dashboard";

// The kernel's own settings; docs/operate/settings.md lists their names, bounds and defaults.
// Times end in their unit; sizes are bytes.
struct Settings {
  std::string home;                  // $Z4J_HOME, default ~/.z4j
  std::string environment = "auto";  // auto, dev, production
  std::string bind_host = "127.0.0.1";
  std::int64_t bind_port = 7700;  // 0: any free port
  std::string public_url;         // base of links; "" on loopback: http://localhost:PORT
  bool allow_http_public_url = false;
  std::vector<std::string> allowed_hosts;    // beside the public URL's host
  std::vector<std::string> trusted_proxies;  // addresses or CIDR blocks
  std::vector<std::string> cors_origins;
  std::string tls_certificate_file, tls_key_file;
  bool hsts = true, hsts_include_subdomains = true;
  std::int64_t hsts_max_age_s = 31536000;
  std::int64_t max_body_bytes = 8192;  // of one HTTP request; also redaction's cap per string
  std::int64_t api_threads = 32;       // requests handled at once
  int rest_default_page_size = 50, rest_max_page_size = 500;
  int tasks_export_max_rows = 50000;
  std::string openapi_visibility = "private";  // public, private, disabled
  std::string version_check_url;               // "": nobody is asked
  std::vector<std::string> scheduler_info_urls;
  std::string security_contact;  // mailto: or https address; "": the public URL
  int ws_idle_timeout_s = 90;
  int ws_connections_per_agent = 64;  // 0: any number
  std::int64_t ws_frame_bytes = 1 << 20;
  std::string database_url;                   // "" = SQLite under home
  std::optional<PluginEntry> storage_plugin;  // of plugin:NAME; it is not among the others then
  int event_retention_days = 30;
  std::string audit_signing_key;  // 32 bytes, base64url; "" = minted into home/secret.env
  std::vector<std::string> audit_previous_keys;  // public keys, oldest first
  std::string audit_origin;                      // name of the log and of its key; "": from the key
  int audit_retention_days = 90, audit_retention_interval_s = 3600;
  int audit_retention_batch = 5000, audit_retention_per_pass = 200'000;
  int audit_verify_interval_s = 21'600;  // 0: never by itself
  int audit_checkpoint_interval_s = 60, audit_checkpoint_entries = 1000;
  std::string audit_witness_url, audit_witness_key;
  std::string audit_webhook_url, audit_webhook_secret;
  double audit_webhook_timeout_s = 10;
  std::string audit_syslog_url, audit_syslog_ca_file;
  int audit_forward_max_behind = 10'000, audit_forward_max_behind_s = 0;  // 0: no limit
  std::string secret, session_secret;  // "" = minted into home/secret.env
  std::vector<std::string> previous_secrets, previous_session_secrets;
  std::string bootstrap_admin_email, bootstrap_admin_password, bootstrap_admin_display_name;
  int password_min_length = 12;
  int first_boot_token_ttl_s = 900;
  int session_absolute_lifetime_s = 604800, session_idle_timeout_s = 1800;
  int session_remember_me_lifetime_s = 2592000;
  std::string session_cookie_samesite = "lax";  // lax, strict
  int login_lockout_threshold = 10, login_lockout_s = 900, login_min_duration_ms = 300;
  double login_backoff_base_s = 0.5, login_backoff_max_s = 5;
  bool mfa_enforce_for_admins = false, mfa_enforce_for_all = false;
  int mfa_enrollment_grace_days = 7, mfa_recovery_code_count = 10, mfa_verification_ttl_s = 3600;
  int mfa_remember_device_days = 30, mfa_verification_rate_per_min = 10;
  int mfa_trusted_devices_max = 20;  // of one user
  std::string oidc_issuer, oidc_client_id, oidc_client_secret, oidc_name = "single sign-on";
  std::vector<std::string> oidc_scopes = {"openid", "email", "profile"};
  std::string oidc_groups_claim = "groups", oidc_ca_file;
  std::vector<std::string> oidc_groups;         // "GROUP=ROLE@PROJECT" or "GROUP=admin"
  std::vector<std::string> oidc_email_domains;  // empty: any
  bool oidc_auto_provision = true;
  bool metrics_enabled = true, metrics_public = false;
  std::string metrics_auth_token;
  std::string log_level = "info";  // trace, debug, info, warn, error
  std::string log_form = "auto";   // console, json; auto: console on a terminal
  std::size_t ingest_queue_bytes = std::size_t{64} << 20;
  std::size_t ingest_spill_bytes = std::size_t{1} << 30;
  int agent_offline_timeout_s = 30, command_timeout_s = 60, agent_stale_prune_days = 30;
  int schedule_fires_retention_days = 30, schedule_breaker_threshold = 5;
  int bulk_max_items = 100'000, bulk_selection_ttl_s = 3600, bulk_keep_days = 30;
  int bulk_copy_keep_days = 7, bulk_copy_max_messages = 200'000;
  std::size_t bulk_copy_max_bytes = std::size_t{256} << 20;
  std::vector<std::string> redaction_extra_keys, redaction_extra_values;     // RE2 patterns
  std::string smtp_host, smtp_user, smtp_password, smtp_from, smtp_ca_file;  // host "": no relay
  int smtp_port = 587;
  std::string smtp_tls = "auto";   // auto, starttls, implicit, none
  std::string smtp_auth = "auto";  // auto, plain, login, cram-md5, xoauth2
  bool notifications_allow_http = false;
  std::vector<std::string> notifications_internal_targets;  // host, host:port, address or CIDR
  std::string notifications_ca_file;
  std::string plugin_directory;                   // "" = beside the program
  std::vector<std::string> plugin_trusted_keys;   // see trusted_keys.hpp
  std::string plugin_require_signature = "none";  // none, foreign, all
  std::string http_root{kConsoleInstance};        // the plugin instance that answers at "/", or ""

  [[nodiscard]] bool binds_loopback() const;
  // The rules of a developer's machine hold (plain cookies, loopback host names): environment dev
  // or auto, and a loopback bind.
  [[nodiscard]] bool is_dev() const;
};

struct Loaded {
  Settings settings;
  std::vector<PluginEntry> plugins;
  std::vector<Problem> problems;      // not empty: do not start
  std::vector<std::string> warnings;  // accepted, but worth a line
  // Setting's key -> "file", "environment" or "command line"; absent: the built-in default.
  std::map<std::string, std::string> sources;
};

struct LoadOptions {
  std::string file;  // "" = home/z4j.toml when it is there
  std::map<std::string, std::string> environment =
      {};  // HOME and the Z4J_* variables; empty ones count as unset
  std::map<std::string, std::string> overrides =
      {};  // from the command line: key or variable -> value
};

// Reads, merges, checks. Bad input never throws: it becomes problems.
[[nodiscard]] Loaded load(const LoadOptions& options);
// The same with the file's text given, `options.file` being only its name in problems.
[[nodiscard]] Loaded load_text(const LoadOptions& options, std::string_view toml);
// The home folder that load() will choose: needed first, since home/*.env feed the environment.
[[nodiscard]] std::string home_directory(const LoadOptions& options);

// KEY=VALUE lines of home/config.env and home/secret.env: blank lines, "#" comments, "export " and
// quotes around the value are allowed. At most 64 KiB. Errors: not_found, io, denied (a `secret`
// file that group or others can read, or that is not ours), invalid with path:line; values are
// never shown.
enum class EnvFileKind { plain, secret };
[[nodiscard]] base::Result<std::map<std::string, std::string>> read_env_file(
    const std::string& path, EnvFileKind kind);

// One setting as check-config and the admin API show it. A secret that is set reads "********", the
// password within a URL "***".
struct SettingRow {
  std::string name;    // the Z4J_* variable
  std::string key;     // "server.port", or "home" for what only a variable sets
  std::string value;   // text bare, lists as JSON
  std::string source;  // "default", "file", "environment", "command line"
  bool is_secret = false;
  std::string description;
};
[[nodiscard]] std::vector<SettingRow> list_settings(const Loaded& loaded);

// The settings that are not their default, key to text, to tell one state of them from another:
// instead of a secret stands what `seal` makes of it, and a URL has that besides its masked form.
[[nodiscard]] std::map<std::string, std::string> set_settings(
    const Settings& settings, const std::function<std::string(std::string_view)>& seal);

// The settings without their values, in the file's order; views live as long as the process.
struct KnownSetting {
  std::string_view key, variable, meaning;
};
[[nodiscard]] std::vector<KnownSetting> known_settings();

// The text of docs/operate/settings.md.
[[nodiscard]] std::string settings_document();

// SQLAlchemy's and the plain forms of a database URL, and plugin:NAME, told apart. Errors never
// quote the URL.
struct DatabaseUrl {
  enum class Kind { sqlite, postgresql, plugin } kind = Kind::sqlite;
  std::string path;      // sqlite
  std::string url;       // postgresql, plain form
  std::string instance;  // plugin: the instance's name
};
[[nodiscard]] base::Result<DatabaseUrl> parse_database_url(std::string_view url);

}  // namespace z4j::config
