#include "app/brain/database.hpp"

#include "app/beside.hpp"
#include "app/brain/brain.hpp"
#include "core/copy_load.hpp"

namespace z4j::app {

std::string plugin_directory(const config::Settings& settings) {
  return settings.plugin_directory.empty() ? default_plugin_directory() : settings.plugin_directory;
}

plugin::Host::Options host_options(const config::Settings& settings) {
  plugin::Host::Options options;
  options.directories = {plugin_directory(settings)};
  options.host_version = program_version();
  options.signatures =
      plugin::SignaturePolicy::of(settings.plugin_trusted_keys, settings.plugin_require_signature);
  isolate_foreign_plugins(options, {settings.home});
  return options;
}

std::unique_ptr<plugin::Host> make_host(const config::Settings& settings,
                                        plugin::Callbacks callbacks, base::Log& log,
                                        const base::Clock& clock) {
  return std::make_unique<plugin::Host>(host_options(settings), std::move(callbacks), log, clock);
}

base::Result<config::PluginEntry> storage_entry(const std::string& name, const std::string& url,
                                                const config::Settings& settings) {
  config::PluginEntry storage;
  storage.name = name;
  storage.plugin = "storage-sqlite";
  storage.required = true;
  storage.isolation = "inline";  // drivers run nowhere else
  storage.where = "database.url";
  if (url.empty()) {
    storage.settings["path"] = settings.home + "/brain.sqlite";
    return storage;
  }
  const auto parsed = config::parse_database_url(url);
  if (!parsed) return parsed.error();
  if (parsed->kind == config::DatabaseUrl::Kind::plugin) {
    if (!settings.storage_plugin || settings.storage_plugin->name != parsed->instance)
      return base::Error{.code = base::Code::not_found,
                         .message = "\"" + url + "\" is not the plugin that database.url names",
                         .where = {},
                         .hint = "a storage plugin is opened by the config that uses it"};
    storage = *settings.storage_plugin;
    storage.name = name;
    storage.required = true;
    return storage;
  }
  if (parsed->kind == config::DatabaseUrl::Kind::postgresql) {
    storage.plugin = "storage-postgresql";
    storage.settings["url"] = parsed->url;
  } else {
    storage.settings["path"] = parsed->path;
  }
  return storage;
}

base::Result<std::unique_ptr<core::Store>> open_store(plugin::Host& host,
                                                      const config::Settings& settings) {
  const auto storage = storage_entry(kStorageInstance, settings.database_url, settings);
  if (!storage) return storage.error();
  if (auto started = host.start(*storage); !started) return std::move(started).error();
  auto driver = host.storage(kStorageInstance);
  if (!driver) return std::move(driver).error();
  auto store = core::Store::open(std::move(driver).value(), {});
  if (!store) return store;
  const auto filling = core::unfinished_filling(**store);
  if (!filling) return filling.error();
  if (filling->has_value()) {
    return base::Error{
        .code = base::Code::bad_state,
        .message = "the database holds only part of what is copied into it (" + **filling + ")",
        .where = "database.url",
        .hint = "wait for the copy or restore, or run it again: it goes on"};
  }
  return store;
}

}  // namespace z4j::app
