// z4j-brain: the program. Its commands: docs/operate/commands.md.
#include "app/brain/command_line.hpp"

int main(int argc, char** argv) {
  z4j::app::CommandLine line;
  z4j::app::add_serve_command(line);
  z4j::app::add_config_commands(line);
  z4j::app::add_plugin_commands(line);
  z4j::app::add_operation_commands(line);
  z4j::app::add_account_commands(line);
  z4j::app::add_api_key_commands(line);
  z4j::app::add_agent_commands(line);
  z4j::app::add_schedule_commands(line);
  z4j::app::add_audit_commands(line);
  z4j::app::add_simulate_command(line);
  z4j::app::add_smtp_command(line);
  z4j::app::add_storage_commands(line);
  z4j::app::add_refused_commands(line);
  z4j::app::add_help_commands(line);
  return line.main(argc, argv);
}
