// check-config, config show, config validate, init: what the brain is set to.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "app/brain/command_line.hpp"

namespace z4j::app {
namespace {

int check_config(const Given& config, bool list) {
  const config::Settings& settings = config.loaded.settings;
  if (list) {
    for (const config::SettingRow& row : config::list_settings(config.loaded))
      std::printf("%-40s %-14s %s\n", row.key.c_str(), shown(row.source).c_str(),
                  shown(row.value).c_str());
  }
  std::printf("the config is good: home %s, %s:%lld, %zu plugin instance(s)\n",
              settings.home.c_str(), settings.bind_host.c_str(),
              static_cast<long long>(settings.bind_port), config.loaded.plugins.size());
  return kDone;
}

int validate(const std::string& file) {
  if (!file.empty() && !std::ifstream(file)) {
    std::fprintf(stderr, "%s cannot be read\n", file.c_str());
    return kWrongUsage;
  }
  std::vector<config::Problem> problems;
  const Environment environment = read_environment(problems);
  const config::Loaded loaded = load_config(file, environment, std::move(problems));
  if (!is_usable(loaded)) return kFailed;
  std::printf("the config is good\n");
  return kDone;
}

}  // namespace

void add_config_commands(CommandLine& line) {
  auto list = std::make_shared<bool>(false);
  CLI::App& check = line.command("check-config", "check the config and tell all problems");
  check.add_flag("--list", *list, "every setting with its value and where it comes from");
  line.run_with_settings(check,
                         [list](const Given& config) { return check_config(config, *list); });

  CLI::App& config = line.group("config", "what the brain is set to");
  CLI::App& show = line.command(
      config, "show", "every setting with its value and where it comes from; secrets masked",
      "0 done, 2 the settings are invalid");
  line.run_with_settings(
      show, [](const Given& given) { return check_config(given, true); }, kWrongUsage);

  auto file = std::make_shared<std::string>();
  CLI::App& candidate = *config.add_subcommand("validate", "check a config file");
  candidate.add_option("PATH", *file, "a TOML file; else the one that serve would take");
  candidate.footer("Exit codes: 0 it is good, 1 it has problems, 2 it cannot be read");
  line.run(candidate, [file] { return validate(*file); });
}

}  // namespace z4j::app
