// z4j-brain: the command line.
//
//   z4j-brain serve [--config FILE]          run until SIGINT or SIGTERM
//   z4j-brain check-config [--config FILE]   all problems at once; exit 1 when there is one
//   z4j-brain plugin list                    plugin files that offer themselves
//   z4j-brain plugin describe NAME           what it is and its settings
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <string>

#include "app/brain/brain.hpp"
#include "config/schema.hpp"
#include "plugin/host.hpp"
#include "plugin/instance.hpp"

extern char** environ;

namespace z4j::app {
namespace {

config::Loaded load_config(const std::string& file) {
  config::LoadOptions options;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view pair(*at);
    const std::size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    if (name == "HOME" || name.starts_with("Z4J_")) options.environment.emplace(name, pair.substr(equals + 1));
  }
  options.file = file;
  if (options.file.empty() && options.environment.contains("Z4J_CONFIG")) options.file = options.environment.at("Z4J_CONFIG");
  return config::load(options);
}

bool tell_problems(const config::Loaded& loaded) {
  for (const std::string& warning : loaded.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  for (const config::Problem& problem : loaded.problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
  if (!loaded.problems.empty()) std::fprintf(stderr, "z4j-brain: %zu problem(s) in the config; nothing was started\n", loaded.problems.size());
  return !loaded.problems.empty();
}

int serve(const std::string& file) {
  config::Loaded loaded = load_config(file);
  if (tell_problems(loaded)) return 1;
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file-size limit is an error of the write, not the end of the process
  plugin::install_crash_handler();

  const base::SystemClock clock;
  base::Level level = base::Level::info;
  (void)base::parse_level(loaded.settings.log_level, level);
  const bool console = loaded.settings.log_form == "console" || (loaded.settings.log_form == "auto" && ::isatty(STDERR_FILENO) == 1);
  const auto log = base::Log::to_stderr(console ? base::Log::Form::console : base::Log::Form::json, level, clock);
  Brain brain(std::move(loaded), *log, clock);
  if (auto started = brain.start(); !started) {
    std::fprintf(stderr, "z4j-brain: %s\n", started.error().text().c_str());
    return 1;
  }
  std::printf("z4j-brain listens on %s\n", brain.url().c_str());
  std::fflush(stdout);
  int signal_number = 0;
  sigwait(&ends, &signal_number);
  log->info("stopping", {{"signal", signal_number}});
  brain.stop();
  return 0;
}

int check_config(const std::string& file) {
  const config::Loaded loaded = load_config(file);
  if (tell_problems(loaded)) return 1;
  std::printf("the config is good: home %s, %s:%lld, %zu plugin instance(s)\n", loaded.settings.home.c_str(), loaded.settings.bind_host.c_str(),
              static_cast<long long>(loaded.settings.bind_port), loaded.plugins.size());
  return 0;
}

int with_host(const std::string& file, const std::function<int(plugin::Host&)>& run) {
  const config::Loaded loaded = load_config(file);
  const base::SystemClock clock;
  plugin::Host::Options options;
  options.directories = {loaded.settings.plugin_directory.empty() ? default_plugin_directory() : loaded.settings.plugin_directory};
  plugin::Host host(options, plugin::Callbacks{}, base::Log::quiet(), clock);
  return run(host);
}

int plugin_list(plugin::Host& host) {
  for (const auto& [name, path] : host.offered()) {
    const auto described = host.describe(name);
    if (described) std::printf("%-24s %-10s %-32s %s\n", name.c_str(), described->version.c_str(), described->id.c_str(), described->summary.c_str());
    else std::printf("%-24s refused: %s\n", name.c_str(), described.error().text().c_str());
  }
  return 0;
}

int plugin_describe(plugin::Host& host, const std::string& name) {
  const auto described = host.describe(name);
  if (!described) {
    std::fprintf(stderr, "z4j-brain: %s\n", described.error().text().c_str());
    return 1;
  }
  std::printf("%s %s (%s)\n%s\nfile: %s\nsettings:\n%s", described->id.c_str(), described->version.c_str(), described->kinds.c_str(), described->summary.c_str(),
              described->file.c_str(), config::describe(described->schema_json).c_str());
  return 0;
}

}  // namespace
}  // namespace z4j::app

int main(int argc, char** argv) {
  CLI::App app{"z4j: a control plane for background tasks"};
  app.set_version_flag("--version", "z4j-brain " + z4j::app::program_version());
  app.require_subcommand(1);
  std::string file, name;
  int result = 0;
  const auto command = [&](CLI::App* parent, const char* word, const char* help) {
    CLI::App* sub = parent->add_subcommand(word, help);
    sub->add_option("--config", file, "TOML file; else $Z4J_CONFIG, else z4j.toml in the home folder");
    return sub;
  };
  command(&app, "serve", "run the brain")->callback([&] { result = z4j::app::serve(file); });
  command(&app, "check-config", "check the config and tell all problems")->callback([&] { result = z4j::app::check_config(file); });
  CLI::App* plugin = app.add_subcommand("plugin", "look at plugin files");
  plugin->require_subcommand(1);
  command(plugin, "list", "files that offer themselves")->callback([&] { result = z4j::app::with_host(file, z4j::app::plugin_list); });
  CLI::App* describe = command(plugin, "describe", "what a plugin is, and its settings");
  describe->add_option("NAME", name, "the file's name without .so")->required();
  describe->callback([&] { result = z4j::app::with_host(file, [&](z4j::plugin::Host& host) { return z4j::app::plugin_describe(host, name); }); });
  CLI11_PARSE(app, argc, argv);
  return result;
}
