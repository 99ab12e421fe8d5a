#include "agent/settings.hpp"

#include <algorithm>
#include <charconv>
#include <variant>

#include "base/json.hpp"
#include "base/uuid.hpp"
#include "config/config_file.hpp"
#include "config/schema.hpp"
#include "config/setting_table.hpp"
#include "config/toml_source.hpp"
#include "config/trusted_keys.hpp"
#include "core/redaction.hpp"
#include "wire/keys.hpp"

namespace z4j::agent {
namespace {

namespace js = base::json;
using config::Problem;

constexpr std::size_t kMaxText = 4096, kMaxPatterns = 64;
constexpr double kMostEvents = 1e9, kMostBytes = 1e12;

using Member = std::variant<std::string Settings::*, bool Settings::*, std::int64_t Settings::*,
                            std::size_t Settings::*, std::vector<std::string> Settings::*>;
enum class Open : std::uint8_t { yes, secret };

struct Row {
  std::string_view key, variable;
  Member member;
  std::string_view meaning;
  double low = 0, high = 0;  // of numbers
  Open open = Open::yes;
  std::string_view choices = {};
};

// In the order of the sample file.
const Row kRows[] = {
    {"brain_url", "Z4J_BRAIN_URL", &Settings::brain_url,
     "the brain's address: wss:// or https://, and ws:// or http:// on this machine"},
    {"token", "Z4J_TOKEN", &Settings::token, "the agent's token, shown once when it was made", 0, 0,
     Open::secret},
    {"project", "Z4J_PROJECT_ID", &Settings::project, "the project's slug"},
    {"hmac_secret", "Z4J_HMAC_SECRET", &Settings::hmac_secret,
     "what frames are signed with, shown along with the token", 0, 0, Open::secret},
    {"name", "Z4J_AGENT_NAME", &Settings::name, "a label of this host; its own name when empty"},
    {"id", "Z4J_AGENT_ID", &Settings::id,
     "the agent's id; needed with transport longpoll and a brain before 1.7"},
    {"worker_role", "Z4J_WORKER_ROLE", &Settings::worker_role,
     "what the list of the agent's processes shows"},
    {"transport", "Z4J_TRANSPORT", &Settings::transport_word,
     "ws, longpoll where no WebSocket gets through, or auto: ws", 0, 0, Open::yes,
     "auto|ws|longpoll"},
    {"ca_file", "Z4J_CA_FILE", &Settings::ca_file,
     "PEM file of the authorities to trust; the machine's when empty"},
    {"allow_plain_text", "Z4J_ALLOW_PLAIN_TEXT", &Settings::allow_plain_text,
     "talk to a brain on another machine without TLS: everybody on the way can read all of it"},
    {"heartbeat", "Z4J_HEARTBEAT", &Settings::heartbeat,
     "without heartbeats a quiet agent is shown offline"},
    {"agent_status", "Z4J_AGENT_STATUS", &Settings::agent_status,
     "report the state of the agent itself along with heartbeats"},
    {"state_directory", "Z4J_STATE_DIRECTORY", &Settings::state,
     "where events wait for the brain; agent/ of the home folder when empty"},
    {"buffer_max_events", "Z4J_BUFFER_MAX_EVENTS", &Settings::buffer_events,
     "events that wait at most; then the oldest go, and are counted", 1000, kMostEvents},
    {"buffer_max_bytes", "Z4J_BUFFER_MAX_BYTES", &Settings::buffer_bytes, "and their size on disk",
     1'048'576, kMostBytes},
    {"max_payload_bytes", "Z4J_MAX_PAYLOAD_BYTES", &Settings::max_string_bytes,
     "a longer text in a payload is cut", 128, 1'048'576},
    {"redaction_extra_keys", "Z4J_REDACTION_EXTRA_KEY_PATTERNS", &Settings::redaction_extra_keys,
     "RE2 patterns beside the built-in ones: values under such keys are blanked"},
    {"redaction_extra_values", "Z4J_REDACTION_EXTRA_VALUE_PATTERNS",
     &Settings::redaction_extra_values, "a text in which one of these is found is blanked"},
    {"purge_threshold", "Z4J_PURGE_THRESHOLD", &Settings::purge_threshold,
     "a queue with more messages is purged only when the command confirms its depth", 0,
     kMostEvents},
    {"accept_legacy_purge_token", "Z4J_ACCEPT_LEGACY_PURGE_TOKEN",
     &Settings::accept_legacy_purge_token, "by the unkeyed form of brains before 1.7, too"},
    {"engines", "Z4J_ENGINES", &Settings::engines,
     "of the engines that variables name, only these; all when empty"},
    {"plugin_directory", "Z4J_PLUGIN_DIRECTORY", &Settings::plugin_directory,
     "where plugin files lie; beside the program when empty"},
    {"plugin_trusted_keys", "Z4J_PLUGIN_TRUSTED_KEYS", &Settings::plugin_trusted_keys,
     "Ed25519 public keys whose signatures of plugin files count: base64, or the absolute path of "
     "a PEM file; NAME= may stand before it"},
    {"plugin_require_signature", "Z4J_PLUGIN_REQUIRE_SIGNATURE",
     &Settings::plugin_require_signature,
     "which plugin files must be signed so; foreign: all that do not come with z4j", 0, 0,
     Open::yes, "none|foreign|all"},
    {"log_level", "Z4J_LOG_LEVEL", &Settings::log_level, "lowest level kept", 0, 0, Open::yes,
     "trace|debug|info|warn|error"},
    {"log_form", "Z4J_LOG_FORM", &Settings::log_form,
     "console, json, or auto: console on a terminal", 0, 0, Open::yes, "auto|console|json"},
};

const Row* find_row(std::string_view name) {
  const auto found = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) {
    return row.key == name || row.variable == name;
  });
  return found != std::end(kRows) ? found : nullptr;
}

std::vector<std::string> words_of(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view word = list.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (!word.empty()) out.emplace_back(word);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return out;
}

std::optional<bool> truth(std::string_view word) {
  for (const std::string_view yes : {"true", "1", "yes", "on"}) {
    if (word == yes) return true;
  }
  for (const std::string_view no : {"false", "0", "no", "off"}) {
    if (word == no) return false;
  }
  return std::nullopt;
}

std::string expected_of(const Row& row) {
  const auto number = [](double n) { return std::to_string(static_cast<std::int64_t>(n)); };
  if (std::holds_alternative<bool Settings::*>(row.member)) return "must be true or false";
  if (std::holds_alternative<std::vector<std::string> Settings::*>(row.member))
    return "must be a list of texts, at most 64";
  if (!row.choices.empty()) {
    std::string words(row.choices);
    std::replace(words.begin(), words.end(), '|', ' ');
    return "must be one of: " + words;
  }
  if (row.high > 0)
    return "must be a whole number from " + number(row.low) + " to " + number(row.high);
  return "must be a text of at most 4096 bytes";
}

// From the file or, as text, from a variable. False: of the wrong kind or out of bounds.
bool assign(Settings& to, const Row& row, const js::Value& value) {
  const bool is_text = value.is_string();
  const std::string_view text = is_text ? std::string_view(value.get_string()) : std::string_view();
  if (const auto* flag = std::get_if<bool Settings::*>(&row.member)) {
    const auto given = value.is_bool() ? std::optional<bool>(value.get_bool()) : truth(text);
    if (given) to.*(*flag) = *given;
    return given.has_value();
  }
  if (const auto* list = std::get_if<std::vector<std::string> Settings::*>(&row.member)) {
    std::vector<std::string> items;
    if (is_text) items = words_of(text);
    if (!is_text && !value.is_array()) return false;
    if (value.is_array()) {
      for (const js::Value& item : value.get_array()) {
        if (!item.is_string()) return false;
        items.emplace_back(item.get_string());
      }
    }
    const bool is_good = items.size() <= kMaxPatterns;
    if (is_good) to.*(*list) = std::move(items);
    return is_good;
  }
  if (const auto* to_text = std::get_if<std::string Settings::*>(&row.member)) {
    if (!is_text || text.size() > kMaxText) return false;
    if (!row.choices.empty() &&
        ("|" + std::string(row.choices) + "|").find("|" + std::string(text) + "|") ==
            std::string::npos)
      return false;
    to.*(*to_text) = std::string(text);
    return true;
  }
  std::int64_t number = 0;
  const bool is_size = std::holds_alternative<std::size_t Settings::*>(row.member);
  if (value.is_int64()) {
    number = value.get_int64();
  } else if (is_text && is_size) {
    const auto bytes = config::parse_byte_count(text);
    if (!bytes) return false;
    number = *bytes;
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return false;
  }
  if (static_cast<double>(number) < row.low || static_cast<double>(number) > row.high) return false;
  if (is_size)
    to.*std::get<std::size_t Settings::*>(row.member) = static_cast<std::size_t>(number);
  else
    to.*std::get<std::int64_t Settings::*>(row.member) = number;
  return true;
}

class Loading {
 public:
  explicit Loading(const LoadOptions& options) : options_(options) {
    config::LoadOptions place;
    place.environment = options.environment;
    out_.settings.home = config::home_directory(place);
  }

  Loaded load() {
    const std::string path =
        options_.file.empty() ? out_.settings.home + "/agent.toml" : options_.file;
    bool open_to_others = false;
    const auto text =
        config::read_config_file(path, !options_.file.empty(), out_.problems, open_to_others);
    if (text) take_file(config::read_toml(*text, path), open_to_others);
    return finish();
  }
  Loaded load_text(std::string_view toml) {
    take_file(config::read_toml(toml, options_.file), false);
    return finish();
  }

 private:
  void problem(std::string where, std::string message, std::string expected = {},
               std::string hint = {}) {
    out_.problems.push_back(
        Problem{std::move(where), std::move(message), std::move(expected), std::move(hint)});
  }
  // A value from outside the process, "" when it is not set.
  [[nodiscard]] std::string variable(const std::string& name) const {
    const auto at = options_.environment.find(name);
    return at != options_.environment.end() ? at->second : std::string();
  }

  void take_file(const config::TomlSource& toml, bool open_to_others) {
    out_.problems.insert(out_.problems.end(), toml.problems.begin(), toml.problems.end());
    for (const auto& member : toml.root) {
      const std::string name(member.key());
      const std::string pointer = config::pointer_step(name);
      if ((name != "agent" && name != "plugin") || !member.value().is_object()) {
        problem(toml.where(pointer), "unknown section " + name, "[agent] or [plugin.NAME]",
                config::did_you_mean(config::nearest(name, {"agent", "plugin"})));
        continue;
      }
      for (const auto& each : member.value().get_object()) {
        const std::string key(each.key());
        if (name == "plugin")
          config::read_plugin_table(toml, key, each.value(), out_.plugins, out_.problems);
        else
          take_setting(toml, key, each.value(), pointer + config::pointer_step(key),
                       open_to_others);
      }
    }
  }

  void take_setting(const config::TomlSource& toml, const std::string& key, const js::Value& value,
                    const std::string& pointer, bool open_to_others) {
    const Row* row = find_row(key);
    if (row == nullptr || row->key != key) {
      std::vector<std::string> known;
      for (const Row& each : kRows) known.emplace_back(each.key);
      problem(toml.where(pointer), "unknown setting agent." + key, {},
              config::did_you_mean(config::nearest(key, known)));
      return;
    }
    if (!assign(out_.settings, *row, value)) {
      problem(
          toml.where(pointer),
          "agent." + key +
              (row->open == Open::secret ? " has a wrong value" : " is " + config::shown(value)),
          expected_of(*row));
      return;
    }
    where_[std::string(row->key)] = toml.where(pointer);
    const bool is_reference =
        value.is_string() && std::string_view(value.get_string()).starts_with("secret:");
    if (row->open == Open::secret && open_to_others && !is_reference) {
      problem(toml.name, "holds agent." + key + " and is open to other users", {},
              "run: chmod 600 " + toml.name + ", or set " + std::string(row->variable));
    }
  }

  void take_environment() {
    for (const Row& row : kRows) {
      const std::string text = variable(std::string(row.variable));
      if (text.empty()) continue;
      if (assign(out_.settings, row, js::Value(text)))
        where_[std::string(row.key)] = std::string(row.variable);
      else
        problem(
            std::string(row.variable),
            row.open == Open::secret ? "has a wrong value" : "is " + config::shown(js::Value(text)),
            expected_of(row));
    }
    // The upstream name says the opposite.
    if (const std::string off = variable("Z4J_AGENT_STATUS_DISABLED"); !off.empty())
      out_.settings.agent_status = !truth(off).value_or(true);
  }

  [[nodiscard]] std::string where(const char* key) const {
    const auto at = where_.find(key);
    return at != where_.end() ? at->second : std::string(find_row(key)->variable);
  }

  void resolve(std::string& value, const char* key) {
    if (!value.starts_with("secret:")) return;
    auto found = options_.secret(out_.settings.home, std::string_view(value).substr(7));
    if (found)
      value = std::move(found).value();
    else
      problem(where(key), found.error().message, {}, found.error().hint);
  }

  // Engines that need no file: their brokers stand in variables that workers have, too.
  void take_brokers() {
    const std::string common = variable("Z4J_BROKER_URL");
    std::string celery = variable("CELERY_BROKER_URL"), rq = variable("RQ_REDIS_URL");
    const auto wants = [&](const char* engine) {
      const auto& only = out_.settings.engines;
      return only.empty() || std::find(only.begin(), only.end(), engine) != only.end();
    };
    const bool names_rq = !out_.settings.engines.empty() && wants("rq");
    if (celery.empty() && !(names_rq && out_.settings.engines.size() == 1)) celery = common;
    if (rq.empty() && names_rq) rq = common;
    if (wants("celery") && !celery.empty()) {
      js::Object settings{{"broker_url", celery}};
      if (const std::string backend = variable("CELERY_RESULT_BACKEND"); !backend.empty())
        settings["result_backend"] = backend;
      add_engine("celery", "engine-celery", std::move(settings), "CELERY_BROKER_URL");
    }
    if (wants("rq") && !rq.empty())
      add_engine("rq", "engine-rq", js::Object{{"redis_url", rq}}, "RQ_REDIS_URL");
  }

  void add_engine(const std::string& name, const char* plugin, js::Object settings,
                  const char* where) {
    // What the file says about an engine counts; the variable is only for those it does not name.
    for (const config::PluginEntry& entry : out_.plugins) {
      if (entry.plugin == plugin || entry.name == name) return;
    }
    config::PluginEntry entry;
    entry.name = name;
    entry.plugin = plugin;
    entry.settings = std::move(settings);
    entry.where = where;
    out_.plugins.push_back(std::move(entry));
  }

  void check_brain() {
    Settings& s = out_.settings;
    for (const auto& [value, key] : {std::pair{&s.brain_url, "brain_url"},
                                     {&s.token, "token"},
                                     {&s.project, "project"},
                                     {&s.hmac_secret, "hmac_secret"}}) {
      if (value->empty())
        problem(
            std::string(find_row(key)->variable), "is not set", {},
            std::string("set it, or agent.") + key + ": the dialog that makes an agent shows it");
    }
    if (!s.hmac_secret.empty()) {
      auto key = wire::parse_secret(s.hmac_secret);
      if (key)
        s.key = std::move(key).value();
      else
        problem(where("hmac_secret"), key.error().message, {}, key.error().hint);
    }
    if (s.token.find_first_of(" \t\r\n") != std::string::npos || s.token.size() > 512)
      problem(where("token"), "is no token", "43 characters without blanks, as they were shown");
    if (s.project.size() > 63)
      problem(where("project"), "is " + config::shown(js::Value(s.project)),
              "at most 63 characters");
    if (!s.id.empty() && !base::Uuid::parse(s.id))
      problem(where("id"), "is " + config::shown(js::Value(s.id)), "must be a UUID");
    if (s.name.size() > 64) problem(where("name"), "is too long", "at most 64 characters");
    if (s.worker_role.size() > 32)
      problem(where("worker_role"), "is too long", "at most 32 characters");
    if (!s.brain_url.empty()) check_url();
  }

  void check_url() {
    Settings& s = out_.settings;
    auto url = net::parse_client_url(s.brain_url);
    if (!url) return problem(where("brain_url"), url.error().message, {}, url.error().hint);
    s.target.url = std::move(url).value();
    s.brain_url = s.target.url.text(s.transport == Transport::websocket ? "ws" : "http");
    if (!s.target.url.is_tls && !s.target.url.is_loopback()) {
      if (!s.allow_plain_text) {
        problem(where("brain_url"),
                s.brain_url + " is plain text to another machine: token and tasks could be read",
                "wss:// or https://",
                "set Z4J_ALLOW_PLAIN_TEXT=true if that network is yours alone");
      } else {
        out_.warnings.push_back("plain text to " + s.target.url.authority() +
                                ": everybody on the way can read all of it");
      }
    }
    auto proxy = net::proxy_for(s.target.url, options_.environment);
    if (proxy)
      s.target.proxy = std::move(proxy).value();
    else
      problem(proxy.error().where, proxy.error().message, {}, proxy.error().hint);
    if (!s.target.url.is_tls) return;
    auto tls = net::load_client_tls_context(s.ca_file);
    if (tls)
      s.target.tls = std::move(tls).value();
    else
      problem(where("ca_file"), tls.error().message, {}, tls.error().hint);
  }

  Loaded finish() {
    take_environment();
    Settings& s = out_.settings;
    resolve(s.token, "token");
    resolve(s.hmac_secret, "hmac_secret");
    s.transport = s.transport_word == "longpoll" ? Transport::long_poll : Transport::websocket;
    if (s.state.empty()) s.state = s.home + "/agent";
    core::Redactor::Options redaction;
    redaction.extra_keys = s.redaction_extra_keys;
    redaction.extra_values = s.redaction_extra_values;
    if (auto made = core::Redactor::make(redaction); !made)
      problem(where("redaction_extra_keys"), made.error().message, {}, made.error().hint);
    if (const auto keys = config::read_trusted_keys(s.plugin_trusted_keys); !keys)
      problem(where("plugin_trusted_keys"), keys.error().message, {}, keys.error().hint);
    check_brain();
    take_brokers();
    if (variable("Z4J_DEV_MODE") != "")
      out_.warnings.push_back("Z4J_DEV_MODE is not used: signing is never off");
    return std::move(out_);
  }

  const LoadOptions& options_;
  Loaded out_;
  std::map<std::string, std::string> where_;  // key -> where it was set
};

}  // namespace

bool Loaded::has_engine() const {
  return std::any_of(plugins.begin(), plugins.end(),
                     [](const config::PluginEntry& entry) { return entry.enabled; });
}

Loaded load(const LoadOptions& options) { return Loading(options).load(); }

Loaded load_text(const LoadOptions& options, std::string_view toml) {
  return Loading(options).load_text(toml);
}

std::vector<KnownSetting> known_settings() {
  std::vector<KnownSetting> out;
  for (const Row& row : kRows) out.push_back({row.key, row.variable, row.meaning});
  return out;
}

}  // namespace z4j::agent
