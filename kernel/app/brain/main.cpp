// z4j-brain: the command line. Exit codes: 0 done, 1 failed, 2 and above wrong usage.
//
//   serve [--config FILE]              run until SIGINT or SIGTERM; SIGHUP: certificate anew
//   check-config [--list]              all problems at once
//   plugin list | describe NAME        plugin files, and what one is
//   audit verify [--json]              is the audit log whole
//   migrate [--dry-run]                fit the database to this program
//   backup --to FILE                   save the database, also while brains run
//   restore --from FILE [--verify]     fill the database from a backup, or only prove the backup
//   storage copy --from URL --to URL   from one kind of database into another
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <string>

#include "app/brain/brain.hpp"
#include "app/brain/database.hpp"
#include "app/brain/home.hpp"
#include "app/brain/storage_commands.hpp"
#include "config/schema.hpp"
#include "plugin/host.hpp"

namespace z4j::app {
namespace {

struct Given {
  Environment environment;
  config::Loaded loaded;
};

Given given(const std::string& file) {
  std::vector<config::Problem> problems;
  Given out;
  out.environment = read_environment(problems);
  out.loaded = load_config(file, out.environment, std::move(problems));
  return out;
}

bool tell_problems(const config::Loaded& loaded) {
  for (const std::string& warning : loaded.warnings)
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  for (const config::Problem& problem : loaded.problems)
    std::fprintf(stderr, "%s\n", problem.text().c_str());
  if (!loaded.problems.empty())
    std::fprintf(stderr, "z4j-brain: %zu problem(s) in the config; nothing was started\n",
                 loaded.problems.size());
  return !loaded.problems.empty();
}

int serve(const std::string& file) {
  Given config = given(file);
  if (tell_problems(config.loaded)) return 1;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ,
         SIG_IGN);  // a file-size limit is an error of the write, not the end of the process
  plugin::install_crash_handler();

  const base::SystemClock clock;
  const config::Settings& settings = config.loaded.settings;
  base::Level level = base::Level::info;
  (void)base::parse_level(settings.log_level, level);
  const bool console = settings.log_form == "console" ||
                       (settings.log_form == "auto" && ::isatty(STDERR_FILENO) == 1);
  const auto log = base::Log::to_stderr(console ? base::Log::Form::console : base::Log::Form::json,
                                        level, clock);
  Brain brain(std::move(config.loaded), std::move(config.environment), *log, clock);
  if (auto started = brain.start(); !started) return tell(started.error());
  std::printf("z4j-brain listens on %s\n", brain.url().c_str());
  if (!brain.setup_url().empty())
    std::printf("make the first administrator at %s\n", brain.setup_url().c_str());
  std::fflush(stdout);
  for (int number = 0;;) {
    sigwait(&signals, &number);
    if (number == SIGHUP) {
      brain.reload_certificate();
      continue;
    }
    log->info("stopping", {{"signal", number}});
    brain.stop();
    return 0;
  }
}

int check_config(const std::string& file, bool list) {
  const config::Loaded loaded = given(file).loaded;
  if (tell_problems(loaded)) return 1;
  const config::Settings& settings = loaded.settings;
  if (list) {
    for (const config::SettingRow& row : config::list_settings(loaded)) {
      std::printf("%-40s %-14s %s\n", row.key.c_str(), row.source.c_str(), row.value.c_str());
    }
  }
  std::printf("the config is good: home %s, %s:%lld, %zu plugin instance(s)\n",
              settings.home.c_str(), settings.bind_host.c_str(),
              static_cast<long long>(settings.bind_port), loaded.plugins.size());
  return 0;
}

int with_host(const std::string& file, const std::function<int(plugin::Host&)>& run) {
  const config::Loaded loaded = given(file).loaded;
  const base::SystemClock clock;
  const auto host = make_host(loaded.settings, {}, base::Log::quiet(), clock);
  return run(*host);
}

int plugin_list(plugin::Host& host) {
  for (const auto& [name, path] : host.offered()) {
    const auto described = host.describe(name);
    if (described)
      std::printf("%-24s %-10s %-32s %s\n", name.c_str(), described->version.c_str(),
                  described->id.c_str(), described->summary.c_str());
    else
      std::printf("%-24s refused: %s\n", name.c_str(), described.error().text().c_str());
  }
  return 0;
}

int plugin_describe(plugin::Host& host, const std::string& name) {
  const auto described = host.describe(name);
  if (!described) return tell(described.error());
  std::printf("%s %s (%s)\n%s\nfile: %s\nsettings:\n%s", described->id.c_str(),
              described->version.c_str(), described->kinds.c_str(), described->summary.c_str(),
              described->file.c_str(), config::describe(described->schema_json).c_str());
  return 0;
}

// Of a brain that is not running: the database has one owner.
int audit_verify(const std::string& file, bool json) {
  const config::Loaded loaded = given(file).loaded;
  if (tell_problems(loaded)) return 1;
  const config::Settings& settings = loaded.settings;
  if (auto key = need_master_key(settings); !key) return tell(key.error());
  const base::SystemClock clock;
  const auto host = make_host(settings, {}, base::Log::quiet(), clock);
  auto store = open_store(*host, settings);
  if (!store) return tell(store.error());
  return verify_audit(**store, settings, json);
}

// Of a config without problems.
int with_settings(const std::string& file, const std::function<int(const Given&)>& run) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  const Given config = given(file);
  if (tell_problems(config.loaded)) return 1;
  return run(config);
}

}  // namespace
}  // namespace z4j::app

int main(int argc, char** argv) {
  CLI::App app{"z4j: a control plane for background tasks"};
  app.set_version_flag("--version", "z4j-brain " + z4j::app::program_version());
  app.require_subcommand(1);
  std::string file, name;
  bool json = false, list = false;
  int result = 0;
  const auto command = [&](CLI::App* parent, const char* word, const char* help) {
    CLI::App* sub = parent->add_subcommand(word, help);
    sub->add_option("--config", file,
                    "TOML file; else $Z4J_CONFIG, else z4j.toml in the home folder");
    return sub;
  };
  const auto group = [&](const char* word, const char* help) {
    CLI::App* sub = app.add_subcommand(word, help);
    sub->require_subcommand(1);
    return sub;
  };
  command(&app, "serve", "run the brain")->callback([&] { result = z4j::app::serve(file); });
  CLI::App* check = command(&app, "check-config", "check the config and tell all problems");
  check->add_flag("--list", list, "every setting with its value and where it comes from");
  check->callback([&] { result = z4j::app::check_config(file, list); });
  CLI::App* plugin = group("plugin", "look at plugin files");
  command(plugin, "list", "files that offer themselves")->callback([&] {
    result = z4j::app::with_host(file, z4j::app::plugin_list);
  });
  CLI::App* describe = command(plugin, "describe", "what a plugin is, and its settings");
  describe->add_option("NAME", name, "the file's name without .so")->required();
  describe->callback([&] {
    result = z4j::app::with_host(
        file, [&](z4j::plugin::Host& host) { return z4j::app::plugin_describe(host, name); });
  });
  CLI::App* verify = command(group("audit", "the audit log"), "verify", "is the audit log whole");
  verify->add_flag("--json", json, "for programs");
  verify->callback([&] { result = z4j::app::audit_verify(file, json); });
  using z4j::app::with_settings;
  z4j::app::StorageRequest request;
  bool dry_run = false;
  CLI::App* fit = command(&app, "migrate", "fit the database to this program, as serve does");
  fit->add_flag("--dry-run", dry_run, "only tell what would change");
  fit->callback([&] {
    result = with_settings(file, [&](const auto& config) {
      return z4j::app::migrate(config.loaded.settings, dry_run);
    });
  });
  CLI::App* save = command(&app, "backup", "save the database, also while brains run");
  save->add_option("--to", request.to, "the file to make")->required();
  save->callback([&] {
    result = with_settings(file, [&](const auto& config) {
      return z4j::app::backup(config.loaded.settings, request);
    });
  });
  CLI::App* load = command(&app, "restore", "fill the database from a backup; no brain may run");
  load->add_option("--from", request.from, "a file that backup made")->required();
  load->add_flag("--verify", request.verify,
                 "only prove the file, in a temporary database (TMPDIR)");
  load->add_flag("--force", request.force, "empty the database first when it holds data");
  load->callback([&] {
    result = with_settings(file, [&](const auto& config) {
      return z4j::app::restore(config.loaded.settings, request);
    });
  });
  CLI::App* copy = command(group("storage", "the database"), "copy",
                           "copy one database into another, of whatever kind");
  constexpr const char* kPlaces =
      "sqlite:///PATH, postgresql://USER@HOST/NAME, secret:NAME, or config for the configured one";
  copy->add_option("--from", request.from, kPlaces)->required();
  copy->add_option("--to", request.to, kPlaces)->required();
  copy->add_flag("--force", request.force, "empty the target first when it holds data");
  copy->callback([&] {
    result = with_settings(file, [&](const auto& config) {
      return z4j::app::storage_copy(config.loaded.settings, config.environment, request);
    });
  });
  CLI11_PARSE(app, argc, argv);
  return result;
}
