// The command line. CLI11's tree is the one list of commands: help, man pages and shell completion
// come from it, and each part of the program adds its own.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage; a command with others says so in its help.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <string_view>

#include "app/brain/home.hpp"
#include "config/config.hpp"
#include "core/store.hpp"

namespace z4j::app {

inline constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

struct Given {
  Environment environment;
  config::Loaded loaded;
};

class CommandLine {
 public:
  CommandLine();

  // A word that only groups commands; the same one when it is asked for again.
  [[nodiscard]] CLI::App& group(const std::string& word, const std::string& help);
  // A command that takes --config. `exit_codes`: what its help says of codes beyond the common
  // ones.
  [[nodiscard]] CLI::App& command(const std::string& word, const std::string& help,
                                  const std::string& exit_codes = "");
  [[nodiscard]] CLI::App& command(CLI::App& group, const std::string& word, const std::string& help,
                                  const std::string& exit_codes = "");

  // What a command does, and its exit code.
  void run(CLI::App& command, std::function<int()> what);
  // With the config, whatever problems it has.
  void run_with_config(CLI::App& command, std::function<int(Given&)> what);
  // With a config without problems; those are told, and the code is `unusable`.
  void run_with_settings(CLI::App& command, std::function<int(const Given&)> what,
                         int unusable = kFailed);
  // With the store of such a config, migrated and open. A brain on the same SQLite file keeps it
  // from opening.
  void run_with_store(CLI::App& command, std::function<int(const Given&, core::Store&)> what,
                      int unusable = kFailed);

  [[nodiscard]] CLI::App& root() noexcept { return app_; }
  int main(int argc, char** argv);

 private:
  CLI::App app_;
  std::string file_;
  int result_ = kDone;
};

// The problems and warnings of a config, on standard error; false when there are problems.
[[nodiscard]] bool is_usable(const config::Loaded& loaded);

// Text from outside as a terminal may have it: control characters become \u00XX, so that no name
// moves the cursor, changes the colours or begins a line.
[[nodiscard]] std::string shown(std::string_view text);

void add_serve_command(CommandLine& line);
void add_config_commands(CommandLine& line);
void add_plugin_commands(CommandLine& line);
void add_account_commands(CommandLine& line);
void add_agent_commands(CommandLine& line);
void add_schedule_commands(CommandLine& line);
void add_operation_commands(CommandLine& line);
void add_audit_commands(CommandLine& line);
void add_simulate_command(CommandLine& line);
void add_smtp_command(CommandLine& line);
void add_storage_commands(CommandLine& line);
void add_api_key_commands(CommandLine& line);
void add_refused_commands(CommandLine& line);  // what others of the name do and this one does not
void add_help_commands(CommandLine& line);     // version, completion, man

}  // namespace z4j::app
