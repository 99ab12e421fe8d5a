#include <type_traits>

#include "config/setting_table.hpp"

namespace z4j::config {
namespace {

std::string listed_value(const Settings& settings, const Setting& setting) {
  std::string value = value_text(settings, setting);
  if (setting.secrecy == Secrecy::url) return mask_url(value);
  if (setting.secrecy == Secrecy::secret)
    return value.empty() || value == "[]" ? std::string() : "********";
  return value;
}

// Table cells: "|" would end one.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string document_type(const Setting& setting) {
  if (!setting.choices.empty()) {
    std::string out;
    for (const char c : setting.choices) out += c == '|' ? std::string(", ") : std::string(1, c);
    return out;
  }
  std::string kind = expected_of(setting);
  if (kind.find("control characters") != std::string::npos) kind = "must be text";
  if (kind.find("list of") != std::string::npos) kind = "must be list of texts";
  if (kind == "must be true or false") return "true, false";
  kind = kind.substr(kind.rfind("must be a ", 0) == 0 ? 10 : 8);
  return setting.secrecy == Secrecy::secret ? kind + ", secret" : kind;
}

}  // namespace

std::vector<SettingRow> list_settings(const Loaded& loaded) {
  std::vector<SettingRow> rows;
  for (const Setting& s : setting_table()) {
    const auto from = loaded.sources.find(std::string(s.key));
    rows.push_back(SettingRow{std::string(s.variable), std::string(s.key),
                              listed_value(loaded.settings, s),
                              from == loaded.sources.end() ? "default" : from->second,
                              s.secrecy == Secrecy::secret, std::string(s.meaning)});
  }
  return rows;
}

std::map<std::string, std::string> set_settings(
    const Settings& settings, const std::function<std::string(std::string_view)>& seal) {
  std::map<std::string, std::string> out;
  const Settings defaults;
  for (const Setting& s : setting_table()) {
    const std::string value = value_text(settings, s);
    if (value == value_text(defaults, s)) continue;
    out[std::string(s.key)] = s.secrecy == Secrecy::open  ? value
                              : s.secrecy == Secrecy::url ? mask_url(value) + " " + seal(value)
                                                          : seal(value);
  }
  return out;
}

std::vector<KnownSetting> known_settings() {
  std::vector<KnownSetting> rows;
  for (const Setting& s : setting_table())
    rows.push_back(KnownSetting{s.key, s.variable, s.meaning});
  return rows;
}

std::string settings_document() {
  std::string out =
      "# Settings\n\n"
      "Each setting has a key in `z4j.toml` and a variable. The command line wins over the "
      "variable, the variable over the\n"
      "file, the file over the default. Empty variables count as unset. Lists in variables are "
      "JSON or comma-separated.\n"
      "Variables may also stand as `KEY=VALUE` lines in `config.env` and `secret.env` of the home "
      "folder; `secret.env` must be\n"
      "readable by its owner only. `z4j-brain check-config` shows every problem at once and where "
      "each value comes from.\n";
  std::string section;
  const Settings defaults;
  for (const Setting& s : setting_table()) {
    const std::string own(s.in_file ? s.key.substr(0, s.key.find('.')) : std::string_view());
    if (section != own || !s.in_file) {
      section = own;
      out += s.in_file ? "\n## [" + own + "]\n\n" : "\n## Set by variable only\n\n";
      out += "| Key | Variable | Value | Default | Meaning |\n|---|---|---|---|---|\n";
    }
    const std::string value = listed_value(defaults, s);
    out += "| " + std::string(s.key) + " | " + std::string(s.variable) + " | " +
           cell(document_type(s)) + " | " + (value.empty() ? "" : "`" + cell(value) + "`") + " | " +
           cell(s.meaning) + " |\n";
  }
  out +=
      "\n## [plugin.NAME]\n\n"
      "One table for each plugin instance; NAME is lower-case letters, digits and hyphens.\n\n"
      "| Key | Value | Default | Meaning |\n|---|---|---|---|\n"
      "| plugin | text | | the plugin's file name without `.so`; required |\n"
      "| project | text | `default` | slug of the project it works for |\n"
      "| enabled | true, false | `true` | start it |\n"
      "| required | true, false | `false` | the brain does not start without it |\n"
      "| sha256 | 64 hexadecimal digits | | pins the file |\n"
      "| isolation | `inline`, `process` | | inside the brain, or in a process of its own; left "
      "out: "
      "inline for the plugins that come with z4j, a process for all others; "
      "[isolation](isolation.md) |\n"
      "| memory_limit_mb | whole number from 0 to 1048576 | `512` | what a process of its own may "
      "hold, in MiB; 0: no bound |\n"
      "| cpu_limit_percent | whole number from 0 to 100000 | `200` | what such a process may use "
      "of "
      "the processors over a minute, in percent of one; 0: no bound |\n"
      "| open_files_limit | whole number from 32 to 1048576 | `256` | files and sockets such a "
      "process may have open |\n"
      "| list_every_seconds | whole number from 1 to 3600 | `5` | how often the schedules of a "
      "scheduler plugin are read from its backend |\n"
      "| settings | table | | what `z4j-brain plugin describe FILE` lists; a secret may be "
      "`\"secret:NAME\"`, NAME being a variable or a file in `secrets/` of the home folder |\n";
  return out;
}

}  // namespace z4j::config
