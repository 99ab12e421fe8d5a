#include "config/config.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "config/config_file.hpp"
#include "config/schema.hpp"
#include "config/setting_table.hpp"
#include "config/toml_source.hpp"

namespace z4j::config {
namespace {

namespace js = base::json;

constexpr std::size_t kMaxNamesInWarning = 20;

void set_setting(Loaded& out, const Setting& setting, const js::Value& value,
                 const js::Value& as_given, const std::string& where, const char* source) {
  if (assign(out.settings, setting, value)) {
    out.sources[std::string(setting.key)] = source;
    return;
  }
  const bool from_variable = where == setting.variable;
  out.problems.push_back(Problem{
      where,
      (from_variable ? std::string() : std::string(setting.key) + " ") +
          (setting.secrecy == Secrecy::secret ? "has a wrong value" : "is " + shown(as_given)),
      expected_of(setting),
      {}});
}

// Takes a parsed file's tables apart.
class FileSettings {
 public:
  FileSettings(const TomlSource& toml, Loaded& out) : toml_(toml), out_(out) {}

  void take() {
    for (const auto& member : toml_.root) section(std::string(member.key()), member.value());
  }

 private:
  void problem(const std::string& pointer, std::string message, std::string expected,
               std::string hint) {
    out_.problems.push_back(
        Problem{toml_.where(pointer), std::move(message), std::move(expected), std::move(hint)});
  }

  void section(const std::string& name, const js::Value& value) {
    const std::string pointer = pointer_step(name);
    std::vector<std::string> sections{"plugin"};
    for (const Setting& s : setting_table()) {
      if (s.in_file) sections.emplace_back(s.key.substr(0, s.key.find('.')));
    }
    if (std::find(sections.begin(), sections.end(), name) == sections.end()) {
      std::string near = nearest(name, sections);
      if (!near.empty()) near = "[" + near + "]";
      if (name == "home") near.clear();
      problem(
          pointer, value.is_object() ? "unknown section [" + name + "]" : "unknown setting " + name,
          {},
          name == "home" ? "the home folder is set by the variable Z4J_HOME" : did_you_mean(near));
      return;
    }
    if (!value.is_object()) {
      problem(pointer, "\"" + name + "\" must be a table", "[" + name + "]", {});
      return;
    }
    for (const auto& member : value.get_object()) {
      const std::string key(member.key());
      if (name == "plugin")
        read_plugin_table(toml_, key, member.value(), out_.plugins, out_.problems);
      else
        setting(name + "." + key, member.value(), pointer + pointer_step(key));
    }
  }

  void setting(const std::string& key, const js::Value& value, const std::string& pointer) {
    if (const Setting* s = find_setting(key); s != nullptr && s->in_file) {
      set_setting(out_, *s, value, value, toml_.where(pointer), "file");
      return;
    }
    std::vector<std::string> known;
    for (const Setting& s : setting_table()) {
      if (s.in_file) known.emplace_back(s.key);
    }
    problem(pointer, "unknown setting " + key, {}, did_you_mean(nearest(key, known)));
  }

  const TomlSource& toml_;
  Loaded& out_;
};

// Names of "secret:NAME" values anywhere in a plugin's settings: variables that are somebody's.
void collect_references(const js::Value& value, std::set<std::string>& out) {
  if (value.is_string()) {
    const std::string_view text = value.get_string();
    if (text.rfind("secret:", 0) == 0) out.emplace(text.substr(7));
  } else if (value.is_array()) {
    for (const js::Value& item : value.get_array()) collect_references(item, out);
  } else if (value.is_object()) {
    for (const auto& member : value.get_object()) collect_references(member.value(), out);
  }
}

void add_name(std::string& list, std::size_t& count, const std::string& name) {
  if (++count <= kMaxNamesInWarning) list += (list.empty() ? "" : ", ") + name;
}

std::string with_rest(std::string list, std::size_t count) {
  if (count > kMaxNamesInWarning)
    list += " and " + std::to_string(count - kMaxNamesInWarning) + " more";
  return list;
}

void take_environment(const LoadOptions& options, Loaded& out) {
  std::vector<std::string> known;
  for (const Setting& s : setting_table()) known.emplace_back(s.variable);
  std::set<std::string> referenced{"Z4J_CONFIG"};
  for (const PluginEntry& entry : out.plugins) collect_references(entry.settings, referenced);

  std::string foreign, unknown;
  std::size_t foreign_count = 0, unknown_count = 0;
  for (const auto& [name, value] : options.environment) {
    if (name.rfind("Z4J_", 0) != 0 || value.empty()) continue;
    const Setting* s = find_setting(name);
    if (s == nullptr && (name == "Z4J_LOG_FORMAT" || name == "Z4J_LOG_JSON")) {
      // Names of the same setting in other brains; ours wins.
      const auto own = options.environment.find("Z4J_LOG_FORM");
      if (own != options.environment.end() && !own->second.empty()) continue;
      if (name == "Z4J_LOG_JSON" && options.environment.count("Z4J_LOG_FORMAT") != 0) continue;
      js::Value form(value);
      if (name == "Z4J_LOG_JSON")
        form = value == "true" || value == "1"    ? "json"
               : value == "false" || value == "0" ? "console"
                                                  : "?";
      if (assign(out.settings, *find_setting("log.form"), form))
        out.sources["log.form"] = "environment";
      else
        out.problems.push_back(
            Problem{name,
                    "is " + shown(js::Value(value)),
                    name == "Z4J_LOG_JSON" ? "must be true or false" : "must be json or text",
                    {}});
    } else if (s != nullptr) {
      if (s->key != "home")
        set_setting(out, *s, from_text(*s, value), js::Value(value), name, "environment");
    } else if (is_foreign_variable(name)) {
      add_name(foreign, foreign_count, name);
    } else if (referenced.count(name) == 0) {
      const std::string near = nearest(name, known);
      add_name(unknown, unknown_count,
               name.substr(0, 80) + (near.empty() ? "" : " (near " + near + ")"));
    }
  }
  if (foreign_count != 0)
    out.warnings.push_back("not used by this brain: " + with_rest(foreign, foreign_count));
  if (unknown_count != 0)
    out.warnings.push_back("unknown variables, not used: " + with_rest(unknown, unknown_count));
}

void take_overrides(const LoadOptions& options, Loaded& out) {
  for (const auto& [name, value] : options.overrides) {
    const std::string where = "command line";
    const Setting* s = find_setting(name);
    if (s == nullptr) {
      std::vector<std::string> known;
      for (const Setting& each : setting_table()) known.emplace_back(each.key);
      out.problems.push_back(Problem{
          where, "unknown setting " + name.substr(0, 80), {}, did_you_mean(nearest(name, known))});
    } else if (s->secrecy == Secrecy::secret ||
               (s->secrecy == Secrecy::url && mask_url(value) != value)) {
      out.problems.push_back(
          Problem{where, std::string(s->key) + " holds a secret",
                  "must not stand on a command line, where every user of this machine can read it",
                  "set " + std::string(s->variable) + " in secret.env of the home folder"});
    } else if (s->key != "home") {
      set_setting(out, *s, from_text(*s, value), js::Value(value), where, "command line");
    }
  }
}

void take_all(const LoadOptions& options, const TomlSource* toml, bool open_to_others,
              Loaded& out) {
  out.settings.home = home_directory(options);
  const auto home_from = [&](const std::map<std::string, std::string>& from, const char* name) {
    const auto at = from.find(name);
    return at != from.end() && !at->second.empty();
  };
  if (home_from(options.overrides, "home") || home_from(options.overrides, "Z4J_HOME"))
    out.sources["home"] = "command line";
  else if (home_from(options.environment, "Z4J_HOME"))
    out.sources["home"] = "environment";
  if (toml != nullptr) {
    out.problems.insert(out.problems.end(), toml->problems.begin(), toml->problems.end());
    FileSettings(*toml, out).take();
    for (const Setting& s : setting_table()) {
      const auto from = out.sources.find(std::string(s.key));
      if (!open_to_others || s.secrecy != Secrecy::secret || from == out.sources.end()) continue;
      const std::string value = value_text(out.settings, s);
      if (value.empty() || value == "[]") continue;
      out.problems.push_back(Problem{toml->name,
                                     "holds " + std::string(s.key) + " and is open to other users",
                                     {},
                                     "run: chmod 600 " + toml->name + ", or set " +
                                         std::string(s.variable) +
                                         " in secret.env of the home folder"});
    }
  }
  take_environment(options, out);
  take_overrides(options, out);
  check_together(out);
}

}  // namespace

std::string Problem::text() const {
  std::string out = where;
  out += (where.empty() ? "" : ": ") + message;
  if (!expected.empty()) out += "; " + expected;
  if (!hint.empty()) out += "; " + hint;
  return out;
}

bool Settings::binds_loopback() const {
  return bind_host == "localhost" || bind_host == "::1" || bind_host == "[::1]" ||
         (bind_host.rfind("127.", 0) == 0 &&
          bind_host.find_first_not_of("0123456789.") == std::string::npos);
}

bool Settings::is_dev() const {
  return binds_loopback() && (environment == "dev" || environment == "auto");
}

std::string home_directory(const LoadOptions& options) {
  const auto value = [](const std::map<std::string, std::string>& from, const char* name) {
    const auto at = from.find(name);
    return at == from.end() ? std::string() : at->second;
  };
  std::string home = value(options.overrides, "home");
  if (home.empty()) home = value(options.overrides, "Z4J_HOME");
  if (home.empty()) home = value(options.environment, "Z4J_HOME");
  const std::string user = value(options.environment, "HOME");
  if (home.empty()) return user.empty() ? ".z4j" : user + "/.z4j";
  if (home.rfind("~/", 0) == 0 && !user.empty()) home = user + home.substr(1);
  while (home.size() > 1 && home.back() == '/') home.pop_back();
  return home;
}

Loaded load(const LoadOptions& options) {
  Loaded out;
  const std::string path =
      options.file.empty() ? home_directory(options) + "/z4j.toml" : options.file;
  bool open_to_others = false;
  const std::optional<std::string> text =
      read_config_file(path, !options.file.empty(), out.problems, open_to_others);
  if (!text) {
    take_all(options, nullptr, false, out);
    return out;
  }
  const TomlSource toml = read_toml(*text, path);
  take_all(options, &toml, open_to_others, out);
  return out;
}

Loaded load_text(const LoadOptions& options, std::string_view text) {
  Loaded out;
  const TomlSource toml = read_toml(text, options.file);
  take_all(options, &toml, false, out);
  return out;
}

}  // namespace z4j::config
