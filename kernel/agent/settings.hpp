// What an agent is told: [agent] and [plugin.NAME] tables of a TOML file, merged with the variables
// that agents are configured with everywhere, checked whole.
//
// A variable wins over the file. All problems are found in one pass; nothing starts with a broken
// config, and no secret stands in a problem. Plain data once loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "net/client_target.hpp"

namespace z4j::agent {

enum class Transport : std::uint8_t { websocket, long_poll };

struct Settings {
  std::string home;       // $Z4J_HOME, default ~/.z4j: where secrets/NAME are looked for
  std::string state;      // folder of the buffer and of what must outlive the process
  std::string brain_url;  // as given; `target` is what it means
  net::ClientTarget target;
  std::string token, hmac_secret;  // hmac_secret as people copy it
  std::string key;                 // its bytes
  std::string project;             // slug or UUID, as the mint dialog shows it
  std::string id;                  // the agent's UUID; only old brains' long poll needs it
  std::string name;                // label of this host
  std::string worker_role;
  std::string transport_word = "auto";
  Transport transport = Transport::websocket;
  std::string ca_file;
  bool allow_plain_text = false;  // off loopback
  bool heartbeat = true, agent_status = true;
  std::int64_t buffer_events = 1'000'000;
  std::size_t buffer_bytes = std::size_t{256} << 20;
  std::size_t max_string_bytes = 8192;
  std::vector<std::string> redaction_extra_keys, redaction_extra_values;
  std::int64_t purge_threshold = 1000;  // messages; above it a purge must be confirmed
  bool accept_legacy_purge_token = false;
  std::vector<std::string> engines;  // of those that variables name; empty: all
  std::string plugin_directory;      // "" = beside the program
  std::vector<std::string> plugin_trusted_keys;
  std::string plugin_require_signature = "none";
  std::string log_level = "info", log_form = "auto";
};

struct Loaded {
  Settings settings;
  std::vector<config::PluginEntry> plugins;
  std::vector<config::Problem> problems;  // not empty: do not start
  std::vector<std::string> warnings;

  // False: there is nothing to watch, which only a doctor can do without.
  [[nodiscard]] bool has_engine() const;
};
inline constexpr std::string_view kNoEngineHint =
    "set CELERY_BROKER_URL or RQ_REDIS_URL, or add a [plugin.NAME] table to the file";

struct LoadOptions {
  std::string file;  // "" = home/agent.toml when it is there
  std::map<std::string, std::string> environment = {};
  // The value of "secret:NAME"; required.
  std::function<base::Result<std::string>(const std::string& home, std::string_view name)> secret;
};

// Errors never throw: they become problems.
[[nodiscard]] Loaded load(const LoadOptions& options);
// The same with the file's text given, `options.file` being only its name in problems.
[[nodiscard]] Loaded load_text(const LoadOptions& options, std::string_view toml);

// A setting for people and the sample file.
struct KnownSetting {
  std::string_view key, variable, meaning;
};
[[nodiscard]] std::vector<KnownSetting> known_settings();

}  // namespace z4j::agent
