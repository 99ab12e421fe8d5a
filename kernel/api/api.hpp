// The HTTP API: who may ask, what is answered, and what dashboards hear as it changes.
//
// Every request takes one way: host, route, rate limit, sign-in, role, handler, headers. An unknown
// path answers {"detail":"Not Found"}; errors of ours are the envelope {error, message, request_id,
// details}. docs/reference/api.md lists the endpoints. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/audit_desk.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "config/config.hpp"
#include "core/agent_accounts.hpp"
#include "core/api_keys.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/commands.hpp"
#include "core/invitations.hpp"
#include "core/live.hpp"
#include "core/memberships.hpp"
#include "core/metrics.hpp"
#include "core/mfa.hpp"
#include "core/notifications.hpp"
#include "core/oidc.hpp"
#include "core/password_resets.hpp"
#include "core/plugin_capabilities.hpp"
#include "core/plugin_overrides.hpp"
#include "core/projects.hpp"
#include "core/redaction.hpp"
#include "core/schedules.hpp"
#include "core/setup.hpp"
#include "core/store.hpp"
#include "core/users.hpp"
#include "net/http.hpp"
#include "net/server.hpp"
#include "net/socket_hub.hpp"
#include "plugin/host.hpp"

namespace z4j::base {
class LogScope;
}
namespace z4j::core {
struct Bulk;
}

namespace z4j::api {

// What the API speaks for. All references outlive it. Functions may be empty: then the API answers
// without what they would tell.
struct Parts {
  core::Store& store;
  core::Auth& auth;
  core::Setup& setup;
  core::Projects& projects;
  core::Commands& commands;
  core::AgentAccounts& accounts;
  core::PluginOverrides& overrides;
  core::Live& live;
  core::Audit& audit;
  core::Mfa& mfa;
  core::ApiKeys& keys;
  core::Users& users;
  core::Memberships& memberships;
  core::Invitations& invitations;
  core::PasswordResets& resets;
  plugin::Host& plugins;
  const config::Settings& settings;
  base::Log& log;
  const base::Clock& clock;
  std::string version = {};
  std::vector<config::PluginEntry> entries = {};  // plugin instances as the file has them
  std::string console = {};                       // the instance that answers at "/"; empty: none
  std::int64_t stats_keep_ms = 1000;              // how long figures of a project are shared

  // More about an agent than its row: members of its own, "engines" and "registry_size" among them.
  std::function<base::json::Object(const base::Uuid& agent)> agent_live = {};
  // The task names an agent knows: an array of {"name","workers"}.
  std::function<base::json::Array(const base::Uuid& agent)> agent_registry = {};
  // What the engine itself has in a queue: `what` is "waiting" or "dead_letters";
  // {"items":[...],"next":...}, redacted.
  std::function<base::Result<base::json::Object>(
      const base::Uuid& project, std::string_view what, const std::string& engine,
      const std::string& queue, std::uint32_t limit, const std::string& cursor)>
      queued_tasks = {};
  // What can be done with the engines of a project: core::engine_abilities().
  std::function<base::json::Array(const base::Uuid& project)> abilities = {};
  // Figures of ingest for one agent, not stored yet: {"waiting_bytes", "duplicates", ...}.
  std::function<base::json::Object(const base::Uuid& agent)> ingest_stats = {};
  // More metric families.
  std::function<void(core::MetricText&)> more_metrics = {};
  std::function<net::ServerStats()> server_stats = {};
  core::Notifications* notifications = nullptr;  // required by the routes of notifications
  AuditDesk audit_desk = {};                     // empty: this brain does not look after the log
  core::Oidc* oidc = nullptr;                    // none: no provider is set
  // The body behind an address that the operator chose: at most so many bytes, within so long.
  std::function<base::Result<std::string>(const std::string& url, std::size_t most_bytes,
                                          int timeout_ms)>
      fetch = {};
  // Every setting with its value and where it comes from, secrets masked.
  std::vector<config::SettingRow> setting_rows = {};
  // {"brain_id","brains"}: who shares the store with this brain.
  std::function<base::json::Object()> brains = {};
  // Which brain runs which instance: name to {"brain_id","host_name","is_this"}; only those that
  // run.
  std::function<base::json::Object()> holders = {};
  core::Bulk* bulk = nullptr;            // required by the routes of selections, jobs, copies
  core::Schedules* schedules = nullptr;  // required by the routes of schedules
  // Asks all that keep schedules of a project elsewhere to tell them anew.
  std::function<base::Result<core::ScheduleResync>(const base::Uuid& project)> resync_schedules =
      {};
  // Schedules in their backend's own form, from the instance that keeps them.
  std::function<base::Result<base::json::Array>(const std::string& instance)> own_schedules = {};
  // Sends a mail that only tells that it arrives through the relay of the settings: {"accepted",
  // "relay", "from", "steps", "stage", "reply", "error"}. Blocks for half a minute at most. Empty:
  // there is no such relay.
  std::function<base::json::Object(const std::string& to)> try_mail = {};
  // What was seen of plugins; none: nothing is told of it.
  core::PluginCapabilities* capabilities = nullptr;
  // How payloads are kept; none: as they come.
  const core::Redactor* redactor = nullptr;
  // Makes an instance follow its overrides; may block for its deadlines.
  std::function<base::Status(const std::string& instance)> reload_plugin = {};
};

struct Site;
class Router;
class Dashboards;
class PluginPages;

class Api {
 public:
  explicit Api(Parts parts);
  ~Api();  // stop()
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  [[nodiscard]] net::Response handle(const net::Request& request);
  void observe(std::string_view method, std::string_view route, int status, double seconds);

  // The WebSockets that it serves; give them to the server, then start() with the server's sender.
  [[nodiscard]] std::vector<net::SocketEndpoint> sockets();
  void start(net::SocketSender& sender);
  // Closes the sockets and ends its threads; the sender must still live.
  void stop();

  [[nodiscard]] const Router& router() const noexcept { return *router_; }

 private:
  [[nodiscard]] net::Response answer(const net::Request& request, base::LogScope& scope);
  [[nodiscard]] net::Response preflight(const net::Request& request) const;
  void add_headers(const net::Request& request, net::Response& response) const;

  std::unique_ptr<Site> site_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<PluginPages> pages_;
  std::unique_ptr<Dashboards> dashboards_;
};

}  // namespace z4j::api
