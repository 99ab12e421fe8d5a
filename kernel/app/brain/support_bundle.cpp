#include "app/brain/support_bundle.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "app/brain/brain.hpp"
#include "app/brain/database.hpp"
#include "app/brain/examination.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "core/redaction.hpp"
#include "plugin/host.hpp"

namespace z4j::app {
namespace {

using base::json::Array;
using base::json::Object;

constexpr std::size_t kMostLogBytes = 256 * 1024, kShortestSecret = 6;

// Whatever the brain was given as a secret, so that it can be found wherever it was written by
// mistake.
std::vector<std::string> secrets_of(const Given& given) {
  std::vector<std::string> out;
  const auto add = [&out](const std::string& value) {
    if (value.size() >= kShortestSecret) out.push_back(value);
  };
  for (const auto& [name, value] : given.environment) {
    for (const char* part : {"SECRET", "PASSWORD", "TOKEN", "KEY", "DSN"})
      if (name.find(part) != std::string::npos) add(value);
  }
  const config::Settings& s = given.loaded.settings;
  for (const std::string& value :
       {s.secret, s.session_secret, s.metrics_auth_token, s.bootstrap_admin_password})
    add(value);
  for (const auto& list : {s.previous_secrets, s.previous_session_secrets})
    for (const std::string& value : list) add(value);
  std::error_code ec;
  for (const auto& file : std::filesystem::directory_iterator(s.home + "/secrets", ec)) {
    if (auto value = read_secret(s.home, given.environment, file.path().filename().string()))
      add(*value);
  }
  // The password within the database's URL.
  const std::string& url = s.database_url;
  const std::size_t at = url.rfind('@'), begin = url.find("://");
  if (at != std::string::npos && begin != std::string::npos) {
    const std::size_t colon = url.find(':', begin + 3);
    if (colon < at) add(url.substr(colon + 1, at - colon - 1));
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return out;
}

std::string masked(std::string text, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos;)
      text.replace(at, secret.size(), "***");
  }
  return text;
}

std::string last_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return "(cannot be read)";
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(0, in.tellg()));
  const std::size_t begin = size > kMostLogBytes ? size - kMostLogBytes : 0;
  in.seekg(static_cast<std::streamoff>(begin));
  std::string text(size - begin, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return begin == 0 ? text : text.substr(std::min(text.size(), text.find('\n') + 1));
}

Array lines_of(const std::string& text, const std::vector<std::string>& secrets,
               const core::Redactor* redactor) {
  Array out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = masked(text.substr(at, end - at), secrets);
    out.emplace_back(redactor != nullptr ? redactor->scrub_text(line) : line);
    at = end + 1;
  }
  return out;
}

Array settings_of(const config::Loaded& loaded) {
  Array out;
  for (const config::SettingRow& row : config::list_settings(loaded))
    out.emplace_back(Object{{"key", row.key}, {"value", row.value}, {"source", row.source}});
  return out;
}

Array plugins_of(const Given& given) {
  const base::SystemClock clock;
  const auto host = make_host(given.loaded.settings, {}, base::Log::quiet(), clock);
  Array out;
  for (const auto& [name, path] : host->offered()) {
    const auto described = host->describe(name);
    out.emplace_back(
        described ? Object{{"name", name}, {"id", described->id}, {"version", described->version}}
                  : Object{{"name", name}, {"refused", described.error().text()}});
  }
  return out;
}

}  // namespace

std::string support_bundle(const Given& given, const std::vector<std::string>& log_files) {
  const std::vector<std::string> secrets = secrets_of(given);
  core::Redactor::Options options;
  options.extra_keys = given.loaded.settings.redaction_extra_keys;
  options.extra_values = given.loaded.settings.redaction_extra_values;
  const auto redactor = core::Redactor::make(options);
  utsname system{};
  ::uname(&system);
  const Examination found = examine(given);
  Object logs;
  for (const std::string& file : log_files)
    logs[file] = lines_of(last_of(file), secrets, redactor ? &*redactor : nullptr);
  Array instances;
  for (const config::PluginEntry& entry : given.loaded.plugins)
    instances.emplace_back(Object{{"name", entry.name},
                                  {"plugin", entry.plugin},
                                  {"project", entry.project},
                                  {"enabled", entry.enabled}});
  const Object bundle{
      {"made_at", base::format_time(base::SystemClock().now())},
      {"version", program_version()},
      {"system", std::string(system.sysname) + " " + system.release + " " + system.machine},
      {"findings", json_of(found)},
      {"database", found.store},
      {"rows", found.rows},
      {"settings", settings_of(given.loaded)},
      {"plugins", plugins_of(given)},
      {"instances", instances},
      {"logs", logs}};
  return masked(base::json::write(bundle), secrets) + "\n";
}

}  // namespace z4j::app
