#include "config/config.hpp"

#include <toml++/toml.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/schema.hpp"

namespace z4j::config {
namespace {

constexpr std::size_t kMaxFileBytes = 1u << 20;

// One kernel setting: where it stands in the file, its variable, its member and its bounds.
struct Setting {
  std::string_view key, variable, meaning;
  std::string Settings::*text;
  std::int64_t Settings::*number;
  std::int64_t low, high;
  std::vector<std::string_view> words;
};

const std::vector<Setting>& setting_table() {
  static const std::vector<Setting> table = {
      {"server.host", "Z4J_BIND_HOST", "address to listen on", &Settings::bind_host, nullptr, 0, 0, {}},
      {"server.port", "Z4J_BIND_PORT", "port to listen on, 0 for any free one", nullptr, &Settings::bind_port, 0, 65535, {}},
      {"server.max_body_bytes", "Z4J_MAX_PAYLOAD_SIZE_BYTES", "largest HTTP request body", nullptr, &Settings::max_body_bytes, 128, 64 << 20, {}},
      {"server.api_threads", "Z4J_API_THREADS", "requests handled at once", nullptr, &Settings::api_threads, 2, 512, {}},
      {"database.url", "Z4J_DATABASE_URL", "where state lives; empty: an SQLite file under the home folder", &Settings::database_url, nullptr, 0, 0, {}},
      {"log.level", "Z4J_LOG_LEVEL", "lowest level kept", &Settings::log_level, nullptr, 0, 0, {"trace", "debug", "info", "warn", "error"}},
      {"log.form", "Z4J_LOG_FORM", "console, json, or auto: console on a terminal", &Settings::log_form, nullptr, 0, 0, {"auto", "console", "json"}},
      {"plugins.directory", "Z4J_PLUGIN_DIRECTORY", "where plugin files lie; empty: beside the program", &Settings::plugin_directory, nullptr, 0, 0, {}},
  };
  return table;
}

std::string expected_of(const Setting& s) {
  if (s.number != nullptr) return "must be a whole number from " + std::to_string(s.low) + " to " + std::to_string(s.high);
  if (s.words.empty()) return "must be text";
  std::string out = "must be one of";
  for (const std::string_view w : s.words) out += " \"" + std::string(w) + "\"";
  return out;
}

bool set_text(Settings& settings, const Setting& s, const std::string& value) {
  if (s.number != nullptr) {
    std::int64_t n = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), n);
    if (ec != std::errc() || end != value.data() + value.size() || n < s.low || n > s.high) return false;
    settings.*s.number = n;
    return true;
  }
  if (!s.words.empty() && std::find(s.words.begin(), s.words.end(), value) == s.words.end()) return false;
  settings.*s.text = value;
  return true;
}

base::json::Value to_json(const toml::node& node, const std::string& pointer, const std::string& file, PluginEntry& entry) {
  entry.setting_where[pointer] = file + ":" + std::to_string(node.source().begin.line);
  if (const auto* t = node.as_table()) {
    base::json::Object out;
    for (const auto& [key, value] : *t) out[std::string(key.str())] = to_json(value, pointer + "/" + std::string(key.str()), file, entry);
    return out;
  }
  if (const auto* a = node.as_array()) {
    base::json::Array out;
    for (std::size_t i = 0; i < a->size(); ++i) out.push_back(to_json((*a)[i], pointer + "/" + std::to_string(i), file, entry));
    return out;
  }
  if (const auto v = node.value_exact<bool>()) return *v;
  if (const auto v = node.value_exact<std::int64_t>()) return *v;
  if (const auto v = node.value_exact<double>()) return *v;
  if (const auto v = node.value_exact<std::string>()) return base::json::Value(*v);
  std::ostringstream text;
  text << toml::node_view<const toml::node>(node);
  return base::json::Value(text.str());
}

bool good_name(std::string_view name) {
  if (name.empty() || name.size() > 63 || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

class FileReader {
 public:
  FileReader(std::string file, Loaded& out) : file_(std::move(file)), out_(out) {}

  void read() {
    std::error_code ec;
    if (std::filesystem::file_size(file_, ec) > kMaxFileBytes && !ec) {
      problem(file_, "is larger than 1 MiB", "a config file has some kilobytes", {});
      return;
    }
    std::ifstream in(file_);
    if (!in) {
      problem(file_, "can't be read", "a readable TOML file", "check the path and its permissions");
      return;
    }
    std::stringstream text;
    text << in.rdbuf();
    try {
      const toml::table root = toml::parse(text.str(), file_);
      for (const auto& [key, value] : root) section(key, value);
    } catch (const toml::parse_error& e) {
      problem(file_ + ":" + std::to_string(e.source().begin.line), "is not TOML: " + std::string(e.description()), {}, {});
    }
  }

 private:
  void problem(std::string where, std::string message, std::string expected, std::string hint) {
    out_.problems.push_back(Problem{std::move(where), std::move(message), std::move(expected), std::move(hint)});
  }
  std::string at(const toml::node& node) const { return file_ + ":" + std::to_string(node.source().begin.line); }

  void section(const toml::key& key, const toml::node& node) {
    const std::string name(key.str());
    const std::string line = file_ + ":" + std::to_string(key.source().begin.line);
    std::vector<std::string> sections{"plugin"};
    for (const Setting& s : setting_table()) sections.emplace_back(s.key.substr(0, s.key.find('.')));
    if (std::find(sections.begin(), sections.end(), name) == sections.end()) {
      const std::string near = nearest(name, sections);
      problem(line, "unknown section [" + name + "]", {}, near.empty() ? "" : "did you mean [" + near + "]?");
      return;
    }
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      problem(line, "\"" + name + "\" must be a table", "[" + name + "]", {});
      return;
    }
    for (const auto& [inner, value] : *table) {
      if (name == "plugin") plugin(inner, value);
      else setting(name, inner, value);
    }
  }

  void setting(const std::string& section_name, const toml::key& key, const toml::node& node) {
    const std::string full = section_name + "." + std::string(key.str());
    std::vector<std::string> known;
    for (const Setting& s : setting_table()) {
      known.emplace_back(s.key);
      if (s.key != full) continue;
      std::string value;
      bool good = false;
      if (const auto n = node.value_exact<std::int64_t>(); n && s.number != nullptr) {
        value = std::to_string(*n);
        good = true;
      } else if (const auto t = node.value_exact<std::string>(); t && s.text != nullptr) {
        value = *t;
        good = true;
      }
      if (!good || !set_text(out_.settings, s, value)) {
        std::ostringstream shown;
        shown << toml::node_view<const toml::node>(node);
        problem(at(node), full + " is " + shown.str().substr(0, 80), expected_of(s), {});
      }
      return;
    }
    const std::string near = nearest(full, known);
    problem(file_ + ":" + std::to_string(key.source().begin.line), "unknown setting " + full, {}, near.empty() ? "" : "did you mean " + near + "?");
  }

  void plugin(const toml::key& key, const toml::node& node) {
    PluginEntry entry;
    entry.name = std::string(key.str());
    entry.where = file_ + ":" + std::to_string(key.source().begin.line);
    if (!good_name(entry.name)) problem(entry.where, "\"" + entry.name + "\" is not an instance name", "lower-case letters, digits and hyphens, at most 63", {});
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      problem(entry.where, "plugin." + entry.name + " must be a table", "[plugin." + entry.name + "]", {});
      return;
    }
    for (const auto& [inner, inner_value] : *table) {
      const toml::node& value = inner_value;  // Clang 14 can't capture the binding itself
      const std::string name(inner.str());
      const auto text = [&](std::string& to) {
        if (const auto v = value.value_exact<std::string>()) to = *v;
        else problem(at(value), "plugin." + entry.name + "." + name + " must be text", {}, {});
      };
      const auto flag = [&](bool& to) {
        if (const auto v = value.value_exact<bool>()) to = *v;
        else problem(at(value), "plugin." + entry.name + "." + name + " must be true or false", {}, {});
      };
      if (name == "plugin") text(entry.plugin);
      else if (name == "project") text(entry.project);
      else if (name == "sha256") text(entry.sha256);
      else if (name == "enabled") flag(entry.enabled);
      else if (name == "required") flag(entry.required);
      else if (name == "settings" && value.is_table()) entry.settings = to_json(value, "", file_, entry).get_object();
      else {
        const std::string near = nearest(name, {"plugin", "project", "sha256", "enabled", "required", "settings"});
        problem(file_ + ":" + std::to_string(inner.source().begin.line), "unknown setting plugin." + entry.name + "." + name, {},
                near.empty() ? "a plugin's own settings stand under [plugin." + entry.name + ".settings]" : "did you mean " + near + "?");
      }
    }
    if (entry.plugin.empty()) problem(entry.where, "plugin." + entry.name + " does not say which plugin it is", "plugin = \"storage-sqlite\", for example", {});
    out_.plugins.push_back(std::move(entry));
  }

  const std::string file_;
  Loaded& out_;
};

}  // namespace

std::string Problem::text() const {
  std::string out = where;
  out += (where.empty() ? "" : ": ") + message;
  if (!expected.empty()) out += "; " + expected;
  if (!hint.empty()) out += "; " + hint;
  return out;
}

bool Settings::binds_loopback() const { return bind_host == "localhost" || bind_host == "::1" || bind_host.rfind("127.", 0) == 0; }

std::vector<SettingRow> known_settings() {
  std::vector<SettingRow> rows;
  for (const Setting& s : setting_table()) rows.push_back(SettingRow{s.key, s.variable, s.meaning});
  return rows;
}

Loaded load(const LoadOptions& options) {
  Loaded out;
  const auto variable = [&](const std::string& name) {
    const auto at = options.environment.find(name);
    return at == options.environment.end() ? std::string() : at->second;
  };
  out.settings.home = variable("Z4J_HOME");
  if (out.settings.home.empty()) out.settings.home = variable("HOME").empty() ? ".z4j" : variable("HOME") + "/.z4j";
  std::string file = options.file;
  std::error_code ec;
  if (file.empty() && std::filesystem::exists(out.settings.home + "/z4j.toml", ec)) file = out.settings.home + "/z4j.toml";
  if (!file.empty()) FileReader(file, out).read();

  std::vector<std::string> known{"Z4J_HOME", "Z4J_CONFIG"};
  for (const Setting& s : setting_table()) known.emplace_back(s.variable);
  std::string unused;
  for (const auto& [name, value] : options.environment) {
    if (name.rfind("Z4J_", 0) != 0) continue;
    const auto at = std::find_if(setting_table().begin(), setting_table().end(), [&name = name](const Setting& s) { return s.variable == name; });
    if (at != setting_table().end()) {
      if (!set_text(out.settings, *at, value)) {
        const bool secret = at->variable == "Z4J_DATABASE_URL";
        out.problems.push_back(Problem{name, secret ? "has a wrong value" : "is \"" + value.substr(0, 80) + "\"", expected_of(*at), {}});
      }
    } else if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string near = nearest(name, known);
      unused += (unused.empty() ? "" : ", ") + name + (near.empty() ? "" : " (near " + near + ")");
    }
  }
  if (!unused.empty()) out.warnings.push_back("not used by this brain: " + unused);
  if (!out.settings.database_url.empty()) {
    if (auto url = parse_database_url(out.settings.database_url); !url) {
      out.problems.push_back(Problem{"database.url", url.error().message, {}, url.error().hint});
    }
  }
  if (!out.settings.binds_loopback()) {
    out.problems.push_back(Problem{"server.host", "is \"" + out.settings.bind_host + "\"", "must be a loopback address",
                                   "this release has no sign-in yet, so it answers this machine only"});
  }
  return out;
}

base::Result<DatabaseUrl> parse_database_url(std::string_view url) {
  DatabaseUrl out;
  for (const std::string_view scheme : {"sqlite+aiosqlite:///", "sqlite:///"}) {
    if (url.rfind(scheme, 0) != 0) continue;
    out.path = std::string(url.substr(scheme.size()));
    if (out.path.empty()) break;
    return out;
  }
  for (const std::string_view scheme : {"postgresql+asyncpg://", "postgresql://", "postgres://"}) {
    if (url.rfind(scheme, 0) != 0) continue;
    out.kind = DatabaseUrl::Kind::postgresql;
    out.url = "postgresql://" + std::string(url.substr(scheme.size()));
    return out;
  }
  return base::Error{.code = base::Code::bad_config, .message = "is no database URL this brain knows", .where = {},
                     .hint = "use sqlite:///PATH (four slashes for an absolute path) or postgresql://..."};
}

}  // namespace z4j::config
