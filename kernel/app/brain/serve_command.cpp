// serve: run until SIGINT or SIGTERM; SIGHUP reads the certificate anew.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "app/brain/brain.hpp"
#include "app/brain/command_line.hpp"
#include "app/brain/storage_commands.hpp"
#include "plugin/host.hpp"

namespace z4j::app {
namespace {

int serve(Given& config) {
  if (!is_usable(config.loaded)) return kFailed;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
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
    return kDone;
  }
}

// A flag that is a setting: it outranks the variable by which the setting is known, and so the
// file.
void add_setting(CLI::App& command, const char* flag, const char* variable, const char* help) {
  command.add_option_function<std::string>(
      flag, [variable](const std::string& value) { ::setenv(variable, value.c_str(), 1); }, help);
}

// Flags that others have: the sentence says what to do instead, and nothing is started.
void refuse(const char* flag, const char* sentence) {
  std::fprintf(stderr, "z4j-brain: %s: %s\n", flag, sentence);
  throw CLI::RuntimeError(kWrongUsage);
}

constexpr const char* kRefusedHelp = "refused: says what to do instead";

void refuse_flag(CLI::App& command, const char* flag, const char* sentence) {
  command.add_flag_callback(
      flag, [flag, sentence] { refuse(flag, sentence); }, kRefusedHelp);
}

void refuse_option(CLI::App& command, const char* flag, const char* sentence) {
  command.add_option_function<std::string>(
      flag, [flag, sentence](const std::string&) { refuse(flag, sentence); }, kRefusedHelp);
}

}  // namespace

void add_serve_command(CommandLine& line) {
  CLI::App& command = line.command("serve", "run the brain");
  add_setting(command, "--host", "Z4J_BIND_HOST", "the address to listen on");
  add_setting(command, "--port", "Z4J_BIND_PORT", "the port to listen on");
  add_setting(command, "--environment,--env", "Z4J_ENVIRONMENT", "dev, production or auto");
  add_setting(command, "--admin-email", "Z4J_BOOTSTRAP_ADMIN_EMAIL", "the first administrator");
  add_setting(command, "--admin-password", "Z4J_BOOTSTRAP_ADMIN_PASSWORD",
              "the password for it, for others of this machine to see");
  command.add_option_function<std::vector<std::string>>(
      "--allowed-host",
      [](const std::vector<std::string>& hosts) {
        std::string all;
        for (const std::string& host : hosts) all += (all.empty() ? "" : ",") + host;
        ::setenv("Z4J_ALLOWED_HOSTS", all.c_str(), 1);
      },
      "a host name that requests may ask for; may be repeated");
  refuse_option(command, "--workers",
                "one process serves all cores; Z4J_API_THREADS says how many requests are answered "
                "at once");
  refuse_flag(command, "--reload",
              "a running program is not exchanged; build it and start it again");
  refuse_flag(command, "--debug-host-errors",
              "Z4J_LOG_LEVEL=debug logs every refused request with its status");
  line.run_with_config(command, serve);
}

}  // namespace z4j::app
