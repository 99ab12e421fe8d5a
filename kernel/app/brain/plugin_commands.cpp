// plugin list, describe, sign, verify, install: plugin files; plugin enable, disable: instances.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "app/brain/command_line.hpp"
#include "app/brain/console.hpp"
#include "app/brain/database.hpp"
#include "app/brain/plugin_install.hpp"
#include "app/brain/storage_commands.hpp"
#include "config/schema.hpp"
#include "core/audit.hpp"
#include "core/notices.hpp"
#include "core/plugin_overrides.hpp"
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
  const std::string signer =
      !described->signer ? std::string("nobody")
      : described->signer->name.empty()
          ? "key " + described->signer->key_id
          : described->signer->name + " (key " + described->signer->key_id + ")";
  std::printf("%s %s (%s)\n%s\nfile: %s\nsha256: %s\nsigned by: %s\nsettings:\n%s",
              described->id.c_str(), described->version.c_str(), described->kinds.c_str(),
              described->summary.c_str(), described->file.c_str(), described->sha256.c_str(),
              shown(signer).c_str(), config::describe(described->schema_json).c_str());
  return kDone;
}

// The table of that instance, which the file has, or which is there without one.
base::Result<config::PluginEntry> entry_of(const Given& given, const std::string& name) {
  const config::Settings& settings = given.loaded.settings;
  std::vector<config::PluginEntry> entries = given.loaded.plugins;
  const base::SystemClock clock;
  add_own_console(settings, make_host(settings, {}, base::Log::quiet(), clock)->offered(), entries);
  std::vector<std::string> names;
  for (const config::PluginEntry& entry : entries) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  const std::string near = config::nearest(name, names);
  return base::Error{.code = base::Code::not_found,
                     .message = "no plugin instance \"" + name + "\" in the config",
                     .where = {},
                     .hint = near.empty() ? "it needs a table [plugin." + name + "]"
                                          : "did you mean \"" + near + "\"?"};
}

// What the API's enable and disable do, for whoever has the database.
int set_enabled(const Given& given, core::Store& store, const std::string& name, bool enabled) {
  const config::Settings& settings = given.loaded.settings;
  const auto entry = entry_of(given, name);
  if (!entry) return tell(entry.error());
  if (!enabled && entry->required) {
    return tell(base::Error{.code = base::Code::conflict,
                            .message = "the brain does not run without \"" + name +
                                       "\": the config says required = true",
                            .where = entry->where,
                            .hint = "take that away first"});
  }
  const base::SystemClock clock;
  core::Audit::Options auditing;
  auditing.secret = settings.secret;
  auditing.previous_secrets = settings.previous_secrets;
  core::Audit audit(store, clock, base::Log::quiet(), std::move(auditing));
  if (auto opened = audit.open(); !opened) return tell(opened.error());
  core::Notices notices(store, base::Log::quiet(), base::Uuid::random(), {}, {});
  core::PluginOverrides overrides(store, audit, clock, [&notices](core::Commit& commit) {
    notices.tell(commit, core::Notices::About::plugins);
  });
  const core::Actor on_the_machine{std::nullopt, std::nullopt, {}, "z4j-brain"};
  if (auto done = overrides.set_enabled(name, enabled, on_the_machine); !done)
    return tell(done.error());
  std::printf("%s is %s, whatever the file says\n", shown(name).c_str(),
              enabled ? "enabled" : "disabled");
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
  CLI::App& plugin = line.group("plugin", "plugin files and instances");
  run_with_host(line, line.command(plugin, "list", "files that offer themselves"), list_plugins);
  CLI::App& describe = line.command(plugin, "describe", "what a plugin is, and its settings");
  auto name = std::make_shared<std::string>();
  describe.add_option("NAME", *name, "the file's name without .so")->required();
  run_with_host(line, describe,
                [name](plugin::Host& host) { return describe_plugin(host, *name); });

  const auto request = std::make_shared<InstallRequest>();
  const auto key = std::make_shared<std::string>();
  const auto file_of = [request](CLI::App& command) {
    command.add_option("FILE", request->file, "the plugin's .so")->required();
  };
  CLI::App& sign = line.command(plugin, "sign", "write FILE.sig, which says who made the file");
  sign.add_option("--key", *key, "PEM file with an Ed25519 private key")->required();
  file_of(sign);
  line.run(sign, [request, key] { return sign_plugin(request->file, *key); });
  CLI::App& verify = line.command(plugin, "verify", "is the file signed by somebody to trust");
  verify.add_option("--key", *key,
                    "Ed25519 public key, in base64 or a PEM file; else those of "
                    "plugins.trusted_keys");
  file_of(verify);
  line.run_with_settings(verify, [request, key](const Given& given) {
    return verify_plugin(given.loaded.settings, request->file, *key);
  });
  CLI::App& install = line.command(
      plugin, "install", "check a file and put it, with its signature, where plugin files lie");
  install.add_flag("--replace", request->replace, "put it in the place of another one");
  file_of(install);
  line.run_with_settings(install, [request](const Given& given) {
    return install_plugin(given.loaded.settings, *request);
  });

  const auto instance = std::make_shared<std::string>();
  for (const bool enabled : {true, false}) {
    CLI::App& command =
        enabled ? line.command(plugin, "enable", "start an instance, whatever the file says")
                : line.command(plugin, "disable", "stop an instance, whatever the file says");
    command.add_option("NAME", *instance, "the instance: NAME of [plugin.NAME]")->required();
    line.run_with_store(command, [instance, enabled](const Given& given, core::Store& store) {
      return set_enabled(given, store, *instance, enabled);
    });
  }
}

}  // namespace z4j::app
