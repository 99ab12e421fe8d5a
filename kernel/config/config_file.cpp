#include "config/config_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "config/schema.hpp"
#include "config/setting_table.hpp"

namespace z4j::config {
namespace {

namespace js = base::json;

constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxPlugins = 256;
constexpr std::int64_t kMostListEverySeconds = 3600;

bool is_label(std::string_view name) {
  if (name.empty() || name.size() > 63 || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

std::string did_you_mean(const std::string& near) {
  return near.empty() ? std::string() : "did you mean " + near + "?";
}

std::optional<std::string> read_config_file(const std::string& path, bool must_exist,
                                            std::vector<Problem>& problems, bool& open_to_others) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT && !must_exist) return std::nullopt;
    problems.push_back(Problem{path, std::string("can't be read: ") + std::strerror(errno),
                               "a readable TOML file", "check the path and its permissions"});
    return std::nullopt;
  }
  struct stat facts {};
  std::string text;
  bool whole = ::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
  open_to_others = (facts.st_mode & (S_IRGRP | S_IROTH)) != 0;
  char buffer[16384];
  while (whole && text.size() <= kMaxConfigBytes) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) whole = false;
    if (n <= 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(fd);
  if (whole) return text;
  problems.push_back(Problem{path, "can't be read", "a regular TOML file", "check the path"});
  return std::nullopt;
}

void read_plugin_table(const TomlSource& toml, const std::string& name, const js::Value& value,
                       std::vector<PluginEntry>& plugins, std::vector<Problem>& problems) {
  const std::string pointer = pointer_step("plugin") + pointer_step(name);
  const auto problem = [&](const std::string& at, std::string message, std::string expected,
                           std::string hint) {
    problems.push_back(
        Problem{toml.where(at), std::move(message), std::move(expected), std::move(hint)});
  };
  const std::string full = "plugin." + name;
  if (!is_label(name))
    problem(pointer, "\"" + name + "\" is not an instance name",
            "lower-case letters, digits and hyphens, at most 63", {});
  if (!value.is_object()) {
    problem(pointer, full + " must be a table", "[" + full + "]", {});
    return;
  }
  if (plugins.size() == kMaxPlugins) {
    problem(pointer, full + " is one plugin too many", "at most " + std::to_string(kMaxPlugins),
            {});
    return;
  }
  PluginEntry entry;
  entry.name = name;
  entry.where = toml.where(pointer);
  bool names_plugin = false;
  for (const auto& member : value.get_object()) {
    const std::string key(member.key());
    const std::string at = pointer + pointer_step(key);
    const auto text = [&](std::string& to, auto is_good, const char* expected) {
      const bool good =
          member.value().is_string() && is_good(std::string_view(member.value().get_string()));
      if (good)
        to = std::string(member.value().get_string());
      else
        problem(at, full + "." + key + " is " + shown(member.value()),
                std::string("must be ") + expected, {});
    };
    const auto flag = [&](bool& to) {
      if (member.value().is_bool())
        to = member.value().get_bool();
      else
        problem(at, full + "." + key + " is " + shown(member.value()), "must be true or false", {});
    };
    const auto whole = [&](int& to, int least, int most) {
      const std::int64_t* given = member.value().if_int64();
      if (given != nullptr && *given >= least && *given <= most)
        to = static_cast<int>(*given);
      else
        problem(
            at, full + "." + key + " is " + shown(member.value()),
            "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most),
            {});
    };
    if (key == "plugin") {
      names_plugin = true;
      text(entry.plugin, is_label, "the file's name without .so, such as \"storage-sqlite\"");
    } else if (key == "project") {
      text(entry.project, is_label,
           "a project's slug: lower-case letters, digits and hyphens, at most 63");
    } else if (key == "sha256") {
      text(
          entry.sha256,
          [](std::string_view t) {
            return t.empty() ||
                   (t.size() == 64 && std::all_of(t.begin(), t.end(), [](unsigned char c) {
                      return std::isxdigit(c) != 0;
                    }));
          },
          "64 hexadecimal digits, as sha256sum prints them");
      std::transform(entry.sha256.begin(), entry.sha256.end(), entry.sha256.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    } else if (key == "enabled") {
      flag(entry.enabled);
    } else if (key == "required") {
      flag(entry.required);
    } else if (key == "list_every_seconds") {
      whole(entry.list_every_seconds, 1, kMostListEverySeconds);
    } else if (key == "isolation") {
      text(
          entry.isolation, [](std::string_view t) { return t == "inline" || t == "process"; },
          "\"inline\" (inside the brain) or \"process\" (in one of its own)");
    } else if (key == "memory_limit_mb") {
      whole(entry.memory_limit_mb, 0, 1'048'576);
    } else if (key == "cpu_limit_percent") {
      whole(entry.cpu_limit_percent, 0, 100'000);
    } else if (key == "open_files_limit") {
      whole(entry.open_files_limit, 32, 1'048'576);
    } else if (key == "settings") {
      if (member.value().is_object())
        entry.settings = member.value().get_object();
      else
        problem(at, full + ".settings must be a table", "[" + full + ".settings]", {});
    } else {
      const std::string near = nearest(
          key, {"plugin", "project", "sha256", "isolation", "memory_limit_mb", "cpu_limit_percent",
                "open_files_limit", "enabled", "required", "list_every_seconds", "settings"});
      problem(at, "unknown setting " + full + "." + key, {},
              near.empty() ? "a plugin's own settings stand under [" + full + ".settings]"
                           : did_you_mean(near));
    }
  }
  if (!names_plugin)
    problem(pointer, full + " does not say which plugin it is",
            "plugin = \"storage-sqlite\", for example", {});
  const std::string below = pointer + "/settings/";
  for (auto it = toml.lines.lower_bound(below);
       it != toml.lines.end() && it->first.rfind(below, 0) == 0; ++it) {
    entry.setting_where[it->first.substr(below.size() - 1)] = toml.where(it->first);
  }
  plugins.push_back(std::move(entry));
}

}  // namespace z4j::config
