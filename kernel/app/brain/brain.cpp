#include "app/brain/brain.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "api/api.hpp"
#include "app/brain/database.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/passwords.hpp"
#include "core/projects.hpp"
#include "core/setup.hpp"
#include "core/store.hpp"
#include "net/server.hpp"
#include "plugin/host.hpp"

namespace z4j::app {
namespace {

constexpr std::size_t kMaxSocketPath = 100;  // sun_path holds 108 bytes

// A private folder for the Unix socket: run/ of the home folder, or one in /tmp when that path is too long.
base::Result<std::string> make_run_folder(const std::string& home) {
  std::string folder = home + "/run";
  if (folder.size() + sizeof "/api.sock" > kMaxSocketPath) {
    folder = "/tmp/z4j-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) folder.clear();
  } else if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    folder.clear();
  }
  if (folder.empty() || ::chmod(folder.c_str(), 0700) != 0) {
    return base::Error{.code = base::Code::io, .message = "can't make a folder for the private socket under " + home, .where = {}, .hint = "check its permissions"};
  }
  return folder;
}

}  // namespace

std::string program_version() { return Z4J_VERSION; }

struct Brain::Parts {
  config::Loaded loaded;
  Environment environment;
  base::Log& log;
  const base::Clock& clock;
  std::string run_folder, setup_url;

  std::unique_ptr<plugin::Host> plugins;
  std::unique_ptr<core::Store> store;
  core::PasswordHasher hasher;
  std::unique_ptr<core::Audit> audit;
  std::unique_ptr<core::Auth> auth;
  std::unique_ptr<core::Projects> projects;
  std::unique_ptr<core::Setup> setup;
  std::unique_ptr<api::Api> api;
  std::unique_ptr<net::Server> server;

  Parts(config::Loaded l, Environment e, base::Log& g, const base::Clock& c) : loaded(std::move(l)), environment(std::move(e)), log(g), clock(c) {}

  base::Status open();
  base::Status listen();
  base::Status invite();
};

Brain::Brain(config::Loaded loaded, Environment environment, base::Log& log, const base::Clock& clock)
    : parts_(std::make_unique<Parts>(std::move(loaded), std::move(environment), log, clock)) {}

Brain::~Brain() { stop(); }

base::Status Brain::Parts::open() {
  const config::Settings& settings = loaded.settings;
  plugin::Callbacks callbacks;
  callbacks.secret = [this](std::string_view name) { return read_secret(loaded.settings.home, environment, name); };
  plugins = make_host(settings, std::move(callbacks), log, clock);
  auto opened = open_store(*plugins, settings);
  if (!opened) return std::move(opened).error();
  store = std::move(opened).value();

  audit = std::make_unique<core::Audit>(*store, clock, log, core::Audit::Options{.secret = settings.secret, .previous_secrets = settings.previous_secrets});
  if (auto good = audit->open(); !good) return good;
  auth = std::make_unique<core::Auth>(*store, *audit, hasher, clock, log, core::auth_options(settings));
  projects = std::make_unique<core::Projects>(*store, *audit, clock);
  if (auto made = projects->ensure_default(); !made) return std::move(made).error();
  core::Setup::Options setup_options;
  setup_options.secret = settings.secret;
  setup_options.token_ttl_s = settings.first_boot_token_ttl_s;
  setup = std::make_unique<core::Setup>(*store, *audit, *auth, *projects, hasher, clock, std::move(setup_options));
  return {};
}

base::Status Brain::Parts::listen() {
  const config::Settings& settings = loaded.settings;
  auto folder = make_run_folder(settings.home);
  if (!folder) return std::move(folder).error();
  run_folder = std::move(folder).value();
  net::ServerOptions options;
  options.bind_host = settings.bind_host;
  options.bind_port = static_cast<std::uint16_t>(settings.bind_port);
  options.private_socket = run_folder + "/api.sock";
  options.tls_certificate_file = settings.tls_certificate_file;
  options.tls_key_file = settings.tls_key_file;
  options.trusted_proxies = settings.trusted_proxies;
  options.max_body_bytes = static_cast<std::size_t>(settings.max_body_bytes);
  options.api_threads = static_cast<unsigned>(settings.api_threads);
  api = std::make_unique<api::Api>(api::Parts{*store, *plugins, clock, program_version()});
  server = std::make_unique<net::Server>(options, [this](const net::Request& request) { return api->handle(request); },
                                         std::vector<net::SocketEndpoint>{}, net::Server::Observe{}, log);
  return server->start();
}

// The first administrator: from the environment, or through a link.
base::Status Brain::Parts::invite() {
  const config::Settings& settings = loaded.settings;
  const auto is_first = setup->is_first_boot();
  if (!is_first) return is_first.error();
  if (!*is_first) return {};
  if (!settings.bootstrap_admin_email.empty()) {
    auto made = setup->bootstrap(settings.bootstrap_admin_email, settings.bootstrap_admin_password, settings.bootstrap_admin_display_name, "environment");
    if (!made) return std::move(made).error();
    log.info("first administrator made", {{"email", settings.bootstrap_admin_email}});
  }
  return {};
}

base::Status Brain::start() {
  Parts& p = *parts_;
  if (auto made = make_home(p.loaded.settings.home); !made) return made;
  if (auto minted = mint_secrets(p.loaded.settings); !minted) return minted;
  if (auto opened = p.open(); !opened) return opened;
  if (auto invited = p.invite(); !invited) return invited;
  for (const config::PluginEntry& entry : p.loaded.plugins) {
    auto started = p.plugins->start(entry);
    if (!started && entry.required) return started;
  }
  if (auto listening = p.listen(); !listening) return listening;
  p.log.info("brain is up", {{"url", url()}, {"version", program_version()}});
  return {};
}

void Brain::stop() {
  Parts& p = *parts_;
  if (p.server) p.server->stop();
  p.server.reset();
  p.api.reset();
  p.setup.reset();
  p.projects.reset();
  p.auth.reset();
  p.audit.reset();
  p.store.reset();
  if (p.plugins) p.plugins->stop_all();
  p.plugins.reset();
  if (p.run_folder.starts_with("/tmp/")) {
    std::error_code ignored;
    std::filesystem::remove_all(p.run_folder, ignored);
  }
  p.run_folder.clear();
}

void Brain::reload_certificate() {
  if (parts_->loaded.settings.tls_certificate_file.empty()) return;
  if (auto read = parts_->server->reload_certificate(); read) parts_->log.info("certificate read again");
  else parts_->log.error("certificate not read; the old one stays in use", {{"why", read.error().text()}});
}

std::string Brain::url() const {
  const config::Settings& settings = parts_->loaded.settings;
  const std::string& host = settings.bind_host;
  return (settings.tls_certificate_file.empty() ? "http://" : "https://") + (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" +
         std::to_string(parts_->server->port());
}

std::string Brain::public_url() const {
  const std::string& given = parts_->loaded.settings.public_url;
  return given.empty() ? "http://localhost:" + std::to_string(parts_->server->port()) : given;
}

const std::string& Brain::setup_url() const { return parts_->setup_url; }

}  // namespace z4j::app
