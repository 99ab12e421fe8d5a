// serve: run until SIGINT or SIGTERM; SIGHUP reads the certificate anew.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>

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

}  // namespace

void add_serve_command(CommandLine& line) {
  line.run_with_config(line.command("serve", "run the brain"), serve);
}

}  // namespace z4j::app
