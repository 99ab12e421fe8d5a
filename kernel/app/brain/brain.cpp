#include "app/brain/brain.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "api/api.hpp"
#include "core/store.hpp"
#include "net/server.hpp"
#include "plugin/host.hpp"

namespace z4j::app {
namespace {

constexpr const char* kStorageInstance = "storage";

base::Status make_home(const std::string& home) {
  std::error_code ec;
  std::filesystem::create_directories(home, ec);
  if (!ec) ::chmod(home.c_str(), 0700);
  if (ec || ::access(home.c_str(), R_OK | W_OK | X_OK) != 0) {
    return base::Error{.code = base::Code::io, .message = "can't use the home folder " + home + ": " + (ec ? ec.message() : std::strerror(errno)), .where = {},
                       .hint = "set Z4J_HOME to a folder that you may write"};
  }
  return {};
}

}  // namespace

std::string program_version() { return Z4J_VERSION; }

std::string default_plugin_directory() {
  std::error_code ec;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ec);
  const std::filesystem::path tree = program.parent_path().parent_path();
  const std::filesystem::path installed = tree / Z4J_INSTALLED_PLUGINS;
  return std::filesystem::exists(installed, ec) ? installed.string() : (tree / "plugins").string();
}

struct Brain::Parts {
  config::Loaded loaded;
  base::Log& log;
  const base::Clock& clock;
  std::unique_ptr<plugin::Host> plugins;
  std::unique_ptr<core::Store> store;
  std::unique_ptr<api::Api> api;
  std::unique_ptr<net::Server> server;
};

Brain::Brain(config::Loaded loaded, base::Log& log, const base::Clock& clock)
    : parts_(std::make_unique<Parts>(Parts{std::move(loaded), log, clock, nullptr, nullptr, nullptr, nullptr})) {}

Brain::~Brain() { stop(); }

base::Status Brain::start() {
  Parts& p = *parts_;
  const config::Settings& settings = p.loaded.settings;
  if (auto made = make_home(settings.home); !made) return made;

  plugin::Host::Options options;
  options.directories = {settings.plugin_directory.empty() ? default_plugin_directory() : settings.plugin_directory};
  options.host_version = program_version();
  p.plugins = std::make_unique<plugin::Host>(options, plugin::Callbacks{}, p.log, p.clock);

  config::PluginEntry storage;
  storage.name = kStorageInstance;
  storage.plugin = "storage-sqlite";
  storage.required = true;
  storage.where = "database.url";
  std::string path = settings.home + "/brain.sqlite";
  if (!settings.database_url.empty()) {
    const config::DatabaseUrl url = config::parse_database_url(settings.database_url).value();
    if (url.kind == config::DatabaseUrl::Kind::postgresql) {
      return base::Error{.code = base::Code::unsupported, .message = "this release has no PostgreSQL driver", .where = "database.url", .hint = "use sqlite:///PATH"};
    }
    path = url.path;
  }
  storage.settings["path"] = path;
  if (auto started = p.plugins->start(storage); !started) return started;
  auto driver = p.plugins->storage(kStorageInstance);
  if (!driver) return std::move(driver).error();
  auto store = core::Store::open(std::move(driver).value(), {});
  if (!store) return std::move(store).error();
  p.store = std::move(store).value();

  for (const config::PluginEntry& entry : p.loaded.plugins) {
    if (!entry.enabled) continue;
    auto started = p.plugins->start(entry);
    if (!started && entry.required) return started;
  }

  p.api = std::make_unique<api::Api>(api::Parts{*p.store, *p.plugins, p.clock, program_version()});
  net::ServerOptions listen;
  listen.bind_host = settings.bind_host;
  listen.bind_port = static_cast<std::uint16_t>(settings.bind_port);
  listen.max_body_bytes = static_cast<std::size_t>(settings.max_body_bytes);
  listen.threads = static_cast<unsigned>(settings.api_threads);
  p.server = std::make_unique<net::Server>(listen, [api = p.api.get()](const net::Request& request) { return api->handle(request); }, p.log);
  if (auto listening = p.server->start(); !listening) return listening;
  p.log.info("brain is up", {{"url", url()}, {"version", program_version()}, {"database", path}});
  return {};
}

void Brain::stop() {
  Parts& p = *parts_;
  if (p.server) p.server->stop();
  p.server.reset();
  p.api.reset();
  p.store.reset();
  if (p.plugins) p.plugins->stop_all();
  p.plugins.reset();
}

std::string Brain::url() const {
  const std::string& host = parts_->loaded.settings.bind_host;
  return "http://" + (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" + std::to_string(parts_->server->port());
}

}  // namespace z4j::app
