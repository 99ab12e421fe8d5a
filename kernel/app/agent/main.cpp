// z4j-agent: the command line. Exit codes: 0 done, 1 failed, 2 and above wrong usage.
//
//   [--config FILE]                     run until SIGINT or SIGTERM; SIGHUP: dial now
//   check-config                        all problems at once
//   doctor [--json] [--no-websocket]    what stands between this agent and its brain
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>

#include "agent/doctor.hpp"
#include "agent/runtime.hpp"
#include "agent/settings.hpp"
#include "app/beside.hpp"
#include "app/brain/home.hpp"
#include "plugin/host.hpp"

extern char** environ;

namespace z4j::app {
namespace {

constexpr int kDrainMs = 10'000;  // for events that wait when the agent stops
constexpr std::string_view kMark = "[z4j] ";

// The process's variables, and under them those of agent.env in the home folder.
Environment agent_environment(std::vector<config::Problem>& problems) {
  Environment out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view pair(*at);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos)
      out.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  config::LoadOptions place;
  place.environment = out;
  auto read = config::read_env_file(config::home_directory(place) + "/agent.env",
                                    config::EnvFileKind::secret);
  if (read)
    out.merge(*read);  // what is there already stays
  else if (read.error().code != base::Code::not_found)
    problems.push_back({read.error().where, read.error().message, {}, read.error().hint});
  return out;
}

struct Given {
  Environment environment;
  agent::Loaded loaded;
};

Given given(const std::string& file) {
  std::vector<config::Problem> problems;
  Given out;
  out.environment = agent_environment(problems);
  agent::LoadOptions options;
  options.file = file;
  if (file.empty() && out.environment.contains("Z4J_AGENT_CONFIG"))
    options.file = out.environment.at("Z4J_AGENT_CONFIG");
  options.environment = out.environment;
  options.secret = [&](const std::string& home, std::string_view name) {
    return read_secret(home, out.environment, name);
  };
  out.loaded = agent::load(options);
  out.loaded.problems.insert(out.loaded.problems.begin(), problems.begin(), problems.end());
  if (out.loaded.settings.name.empty()) {
    char name[65] = {};
    if (::gethostname(name, sizeof name - 1) == 0) out.loaded.settings.name = name;
  }
  return out;
}

bool tell_problems(const agent::Loaded& loaded) {
  std::size_t count = loaded.problems.size();
  for (const std::string& warning : loaded.warnings)
    std::fprintf(stderr, "[z4j] warning: %s\n", warning.c_str());
  for (const config::Problem& problem : loaded.problems)
    std::fprintf(stderr, "[z4j] %s\n", problem.text().c_str());
  if (!loaded.has_engine()) {
    ++count;
    std::fprintf(stderr, "[z4j] there is no engine to watch; %s\n", agent::kNoEngineHint.data());
  }
  if (count > 0)
    std::fprintf(stderr, "[z4j] %zu problem(s) in the config; nothing was started\n", count);
  return count > 0;
}

agent::Surroundings surroundings(const Given& config) {
  agent::Surroundings around;
  around.version = Z4J_VERSION;
  around.host.directories = {default_plugin_directory()};
  isolate_foreign_plugins(around.host, {});
  around.secret = [&config](std::string_view name) -> base::Result<std::string> {
    for (const agent::KnownSetting& setting : agent::known_settings()) {
      if (setting.variable == name)
        return base::Error{
            .code = base::Code::denied,
            .message = "a plugin can't have the agent's own setting " + std::string(name),
            .where = {},
            .hint = "use a variable or a file of another name"};
    }
    return read_secret(config.loaded.settings.home, config.environment, name);
  };
  return around;
}

void write_line(std::string_view line) {
  const std::string marked = std::string(kMark) + std::string(line);
  std::string_view left = marked;
  while (!left.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, left.data(), left.size());
    if (n <= 0) return;
    left.remove_prefix(static_cast<std::size_t>(n));
  }
}

int run(const std::string& file) {
  const Given config = given(file);
  if (tell_problems(config.loaded)) return 1;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  plugin::install_crash_handler();

  const base::SystemClock clock;
  const agent::Settings& settings = config.loaded.settings;
  base::Level level = base::Level::info;
  (void)base::parse_level(settings.log_level, level);
  const bool console = settings.log_form == "console" ||
                       (settings.log_form == "auto" && ::isatty(STDERR_FILENO) == 1);
  base::Log log(console ? base::Log::Form::console : base::Log::Form::json, level, write_line,
                clock);
  agent::Runtime runtime(config.loaded, surroundings(config), clock, log);
  if (auto started = runtime.start(); !started) {
    log.error("not started", {{"why", started.error().text()}});
    return 1;
  }
  for (int number = 0;;) {
    sigwait(&signals, &number);
    if (number == SIGHUP) {
      runtime.skip_wait();
      continue;
    }
    log.info("stopping", {{"signal", number}});
    runtime.stop(kDrainMs);
    log.info("stopped");
    return 0;
  }
}

int check_config(const std::string& file) {
  const Given config = given(file);
  if (tell_problems(config.loaded)) return 1;
  const agent::Settings& settings = config.loaded.settings;
  std::printf("[z4j] the config is good: brain %s, project %s, state in %s, %zu engine(s)\n",
              settings.brain_url.c_str(), settings.project.c_str(), settings.state.c_str(),
              config.loaded.plugins.size());
  return 0;
}

int doctor(const std::string& file, bool json, agent::DoctorWay way) {
  const Given config = given(file);
  agent::DoctorReport report;
  if (config.loaded.problems.empty()) {
    const base::SystemClock clock;
    report = agent::examine(config.loaded, surroundings(config), way, clock);
  }
  for (const config::Problem& problem : config.loaded.problems)
    report.steps.push_back({"config", agent::DoctorStep::Verdict::failed, problem.text(), {}});
  const std::string out =
      json ? base::json::write(agent::json_of(report)) + "\n" : agent::text_of(report);
  std::fwrite(out.data(), 1, out.size(), stdout);
  return report.first_failure() == nullptr ? 0 : 1;
}

}  // namespace
}  // namespace z4j::app

int main(int argc, char** argv) {
  CLI::App app{"z4j-agent: watches task queues next to their broker and tells a brain elsewhere"};
  app.set_version_flag("--version", std::string("z4j-agent ") + Z4J_VERSION);
  app.require_subcommand(0, 1);
  app.fallthrough();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ,
         SIG_IGN);  // a file-size limit is an error of the write, not the end of the process
  std::string file;
  bool json = false, no_websocket = false;
  app.add_option("--config", file,
                 "TOML file; else $Z4J_AGENT_CONFIG, else agent.toml in the home folder");
  int result = 0;
  app.add_subcommand("check-config", "check the config and tell all problems")->callback([&] {
    result = z4j::app::check_config(file);
  });
  CLI::App* doctor =
      app.add_subcommand("doctor", "look at all that stands between agent and brain");
  doctor->add_flag("--json", json, "for programs");
  doctor->add_flag("--no-websocket", no_websocket, "by long polls only");
  doctor->callback([&] {
    result = z4j::app::doctor(
        file, json,
        no_websocket ? z4j::agent::DoctorWay::no_websocket : z4j::agent::DoctorWay::as_configured);
  });
  CLI11_PARSE(app, argc, argv);
  if (app.get_subcommands().empty()) result = z4j::app::run(file);
  return result;
}
