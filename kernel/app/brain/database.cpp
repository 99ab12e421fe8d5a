#include "app/brain/database.hpp"

#include <filesystem>

#include "app/brain/brain.hpp"

namespace z4j::app {

std::string default_plugin_directory() {
  std::error_code ec;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ec);
  const std::filesystem::path tree = program.parent_path().parent_path();
  const std::filesystem::path installed = tree / Z4J_INSTALLED_PLUGINS;
  return std::filesystem::exists(installed, ec) ? installed.string() : (tree / "plugins").string();
}

std::unique_ptr<plugin::Host> make_host(const config::Settings& settings,
                                        plugin::Callbacks callbacks, base::Log& log,
                                        const base::Clock& clock) {
  plugin::Host::Options options;
  options.directories = {settings.plugin_directory.empty() ? default_plugin_directory()
                                                           : settings.plugin_directory};
  options.host_version = program_version();
  return std::make_unique<plugin::Host>(std::move(options), std::move(callbacks), log, clock);
}

base::Result<std::unique_ptr<core::Store>> open_store(plugin::Host& host,
                                                      const config::Settings& settings) {
  config::PluginEntry storage;
  storage.name = kStorageInstance;
  storage.plugin = "storage-sqlite";
  storage.required = true;
  storage.where = "database.url";
  if (settings.database_url.empty()) {
    storage.settings["path"] = settings.home + "/brain.sqlite";
  } else {
    const auto url = config::parse_database_url(settings.database_url);
    if (!url) return url.error();
    if (url->kind == config::DatabaseUrl::Kind::postgresql) {
      storage.plugin = "storage-postgresql";
      storage.settings["url"] = url->url;
    } else {
      storage.settings["path"] = url->path;
    }
  }
  if (auto started = host.start(storage); !started) return std::move(started).error();
  auto driver = host.storage(kStorageInstance);
  if (!driver) return std::move(driver).error();
  return core::Store::open(std::move(driver).value(), {});
}

}  // namespace z4j::app
