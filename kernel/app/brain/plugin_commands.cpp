// plugin list, plugin describe: what the plugin files offer.
#include <cstdio>
#include <memory>

#include "app/brain/command_line.hpp"
#include "app/brain/database.hpp"
#include "app/brain/storage_commands.hpp"
#include "config/schema.hpp"
#include "plugin/host.hpp"

namespace z4j::app {
namespace {

int list_plugins(plugin::Host& host) {
  for (const auto& [name, path] : host.offered()) {
    const auto described = host.describe(name);
    if (described)
      std::printf("%-24s %-10s %-32s %s\n", shown(name).c_str(), shown(described->version).c_str(),
                  shown(described->id).c_str(), shown(described->summary).c_str());
    else
      std::printf("%-24s refused: %s\n", shown(name).c_str(),
                  shown(described.error().text()).c_str());
  }
  return kDone;
}

int describe_plugin(plugin::Host& host, const std::string& name) {
  const auto described = host.describe(name);
  if (!described) return tell(described.error());
  std::printf("%s %s (%s)\n%s\nfile: %s\nsettings:\n%s", described->id.c_str(),
              described->version.c_str(), described->kinds.c_str(), described->summary.c_str(),
              described->file.c_str(), config::describe(described->schema_json).c_str());
  return kDone;
}

void run_with_host(CommandLine& line, CLI::App& command, std::function<int(plugin::Host&)> what) {
  line.run_with_config(command, [what = std::move(what)](Given& config) {
    const base::SystemClock clock;
    const auto host = make_host(config.loaded.settings, {}, base::Log::quiet(), clock);
    return what(*host);
  });
}

}  // namespace

void add_plugin_commands(CommandLine& line) {
  CLI::App& plugin = line.group("plugin", "look at plugin files");
  run_with_host(line, line.command(plugin, "list", "files that offer themselves"), list_plugins);
  CLI::App& describe = line.command(plugin, "describe", "what a plugin is, and its settings");
  auto name = std::make_shared<std::string>();
  describe.add_option("NAME", *name, "the file's name without .so")->required();
  run_with_host(line, describe,
                [name](plugin::Host& host) { return describe_plugin(host, *name); });
}

}  // namespace z4j::app
