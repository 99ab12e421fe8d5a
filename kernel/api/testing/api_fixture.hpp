// The API over a store of its own, an engine that answers as told, and browsers that keep cookies:
// for unit tests.
#pragma once

#include <cppunit/TestAssert.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/api.hpp"
#include "api/key_networks.hpp"
#include "api/router.hpp"
#include "api/testing/answer_check.hpp"
#include "core/audit.hpp"
#include "core/bulk.hpp"
#include "core/engine_routes.hpp"
#include "core/mail.hpp"
#include "core/passwords.hpp"
#include "core/testing/fake_courier.hpp"
#include "core/testing/test_store.hpp"
#include "model/ids.hpp"
#include "model/tables.hpp"

namespace z4j::api::testing {

using base::json::Array;
using base::json::Object;
using base::json::Value;

// One agent with one engine. Answers a command at once with `answer`.
class FakeRoutes final : public core::EngineRoutes {
 public:
  std::vector<core::EngineRoute> routes(const base::Uuid& project) override {
    return project == project_id
               ? std::vector<core::EngineRoute>{{agent_id, "celery", capabilities, is_online}}
               : std::vector<core::EngineRoute>{};
  }
  void command(const base::Uuid&, const std::string&, std::uint64_t verb, std::string target,
               std::string args_json, int, plugin::Answer give) override {
    asked.push_back({verb, std::move(target), std::move(args_json)});
    give(answer);
  }

  struct Asked {
    std::uint64_t verb;
    std::string target, args_json;
  };
  base::Uuid project_id, agent_id = base::Uuid::random();
  std::uint64_t capabilities = Z4J_ENGINE_RETRY | Z4J_ENGINE_REVOKE | Z4J_ENGINE_PURGE;
  bool is_online = true;
  base::Result<std::string> answer = std::string(R"({"outcome":"done","new_task_id":"again"})");
  std::vector<Asked> asked;
};

struct Answered {
  net::Response response;
  int status = 0;
  Value json;  // null when the body is none

  [[nodiscard]] const Object& object() const {
    CPPUNIT_ASSERT_MESSAGE(response.body, json.is_object());
    return json.get_object();
  }
  [[nodiscard]] const Array& array() const {
    CPPUNIT_ASSERT_MESSAGE(response.body, json.is_array());
    return json.get_array();
  }
  [[nodiscard]] const Array& items() const {
    const Array* items = base::json::array(object(), "items");
    CPPUNIT_ASSERT_MESSAGE(response.body, items != nullptr);
    return *items;
  }
  // A member's text; "/" goes down.
  [[nodiscard]] std::string text(const std::string& path) const {
    const Value* at = &json;
    std::size_t from = 0;
    while (from <= path.size()) {
      const std::size_t end = std::min(path.find('/', from), path.size());
      const std::string name = path.substr(from, end - from);
      if (at->is_array()) {
        const auto place = static_cast<std::size_t>(std::stoul(name));
        if (place >= at->get_array().size()) return "(missing)";
        at = &at->get_array()[place];
      } else {
        at = at->is_object() ? at->get_object().if_contains(name) : nullptr;
      }
      if (at == nullptr) return "(missing)";
      from = end + 1;
    }
    return at->is_string() ? std::string(at->get_string()) : base::json::write(*at);
  }
  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return {};
  }
};

class ApiFixture {
 public:
  static constexpr const char* kPassword = "Correct-horse-battery-9";

  explicit ApiFixture(const core::testing::TestStore::Wrap& wrap = {}) : store(wrap) {
    settings.environment = "dev";
    settings.secret = "test secret";
    settings.session_secret = "test session secret";
    settings.metrics_auth_token = "metrics-token";
    core::AuthOptions options = core::auth_options(settings);
    options.min_duration_ms = 0;
    options.wait = [](int) {};
    audit = std::make_unique<core::Audit>(
        *store, clock, log, core::Audit::Options{.secret = "test secret", .previous_secrets = {}});
    CPPUNIT_ASSERT(audit->open().ok());
    auth = std::make_unique<core::Auth>(*store, *audit, hasher, clock, log, std::move(options));
    mfa = std::make_unique<core::Mfa>(*store, *audit, hasher, sealer, clock, log,
                                      core::mfa_options(settings));
    core::ApiKeys::Options keying;
    keying.secret = "test secret";
    keying.is_within = is_within;
    keys = std::make_unique<core::ApiKeys>(*store, *audit, clock, log, std::move(keying));
    projects = std::make_unique<core::Projects>(*store, *audit, clock);
    project = projects->ensure_default().value();
    routes.project_id = project.id;
    core::Setup::Options setup_options;
    setup_options.secret = "test secret";
    memberships = std::make_unique<core::Memberships>(*store, *audit, clock);
    setup = std::make_unique<core::Setup>(*store, *audit, *auth, *projects, *memberships, clock,
                                          std::move(setup_options));
    users = std::make_unique<core::Users>(*store, *audit, *auth, hasher, clock);
    core::AccountMail::Ways ways;
    ways.can_mail = [this](const auto&, const auto&) { return base::Result<bool>(can_mail); };
    ways.queue = [this](core::Commit&, const core::Mail& letter) { mails.push_back(letter); };
    ways.public_url = [] { return std::string("https://z4j.example.org"); };
    mail = std::make_unique<core::AccountMail>(std::move(ways));
    core::Invitations::Options inviting;
    inviting.secret = "test secret";
    invitations = std::make_unique<core::Invitations>(*store, *audit, *auth, *memberships, *mail,
                                                      clock, std::move(inviting));
    core::PasswordResets::Options resetting;
    resetting.secret = "test secret";
    resets = std::make_unique<core::PasswordResets>(*store, *audit, *auth, *mail, clock, log,
                                                    std::move(resetting));
    notifications = std::make_unique<core::Notifications>(*store, *audit, courier, sealer, clock,
                                                          log, core::Notifications::Options{});
    commands = std::make_unique<core::Commands>(*store, *audit, routes, clock, log,
                                                core::Commands::Options{});
    bulk = std::make_unique<core::Bulk>(*store, *audit, routes, sealer, clock, log,
                                        core::Bulk::Options{});
    core::AgentAccounts::Options accounting;
    accounting.secret = "a test secret of at least 32 bytes";
    accounts = std::make_unique<core::AgentAccounts>(*store, *audit, clock, std::move(accounting));
    overrides = std::make_unique<core::PluginOverrides>(*store, *audit, clock);
    core::Schedules::Options scheduling;
    scheduling.wait_ms = 0;
    schedules = std::make_unique<core::Schedules>(*store, *audit, clock, std::move(scheduling));
    plugin::Host::Options host_options;
    host_options.directories = {Z4J_PLUGIN_DIR};
    host_options.host_version = "test";
    plugins =
        std::make_unique<plugin::Host>(std::move(host_options), plugin::Callbacks{}, log, clock);
  }

  // Makes the API; whatever should differ in settings or parts is set before.
  Api& open(const std::function<void(Parts&)>& change = {}) {
    Parts out = parts();
    if (change) change(out);
    api_ = std::make_unique<Api>(std::move(out));
    return *api_;
  }
  Parts parts() {
    Parts out{*store,  *auth,    *setup,   *projects, *commands, *accounts,    *overrides,
              live,    *audit,   *mfa,     *keys,     *users,    *memberships, *invitations,
              *resets, *plugins, settings, log,       clock,     "1.2.3",      entries};
    out.stats_keep_ms = 0;
    out.notifications = notifications.get();
    out.bulk = bulk.get();
    out.schedules = schedules.get();
    return out;
  }
  Api& api() { return api_ ? *api_ : open(); }

  // A user with a session, signed in without a password.
  core::SignedIn sign_in(const std::string& name, bool is_admin,
                         core::Role role = core::Role::none) {
    namespace u = model::users;
    namespace m = model::memberships;
    core::User user;
    user.id = base::Uuid::random();
    user.email = name + "@example.org";
    user.timezone = "UTC";
    user.is_admin = is_admin;
    user.created_at = user.updated_at = clock.now();
    core::Rows people(core::Table::users);
    people.begin()
        .uuid(u::id, user.id)
        .text(u::email, user.email)
        .num(u::is_admin, is_admin)
        .num(u::is_active, 1)
        .text(u::timezone, "UTC")
        .num(u::failed_login_count, 0)
        .num(u::created_at, user.created_at)
        .num(u::updated_at, user.updated_at);
    core::Commit commit;
    commit.insert(std::move(people));
    if (role != core::Role::none) {
      core::Rows rows(core::Table::memberships);
      rows.begin()
          .uuid(m::id, base::Uuid::random())
          .uuid(m::user_id, user.id)
          .uuid(m::project_id, project.id)
          .text(m::role, core::to_string(role))
          .num(m::created_at, clock.now())
          .num(m::updated_at, clock.now());
      commit.insert(std::move(rows));
    }
    const core::Session session = auth->new_session(user.id, false, {"127.0.0.1", "test"});
    auth->insert_session(commit, session);
    must(store->commit(commit));
    return auth->signed_in(user, session);
  }

  static void must(const base::Status& status) {
    CPPUNIT_ASSERT_MESSAGE(status.ok() ? "" : status.error().text(), status.ok());
  }
  void insert(core::Rows rows) {
    core::Commit commit;
    commit.insert(std::move(rows));
    must(store->commit(commit));
  }

  base::SystemClock wall;
  base::ManualClock clock{wall.now()};
  base::Log& log = base::Log::quiet();
  core::testing::TestStore store;
  config::Settings settings;
  core::PasswordHasher hasher;
  std::unique_ptr<core::Audit> audit;
  std::unique_ptr<core::Auth> auth;
  core::Sealer sealer{"test secret", {}};
  core::testing::FakeCourier courier;
  std::unique_ptr<core::Mfa> mfa;
  std::unique_ptr<core::ApiKeys> keys;
  std::unique_ptr<core::Projects> projects;
  core::Project project;
  FakeRoutes routes;
  std::unique_ptr<core::Memberships> memberships;
  std::unique_ptr<core::Setup> setup;
  std::unique_ptr<core::Users> users;
  bool can_mail = true;
  std::vector<core::Mail> mails;  // that left
  std::unique_ptr<core::AccountMail> mail;
  std::unique_ptr<core::Invitations> invitations;
  std::unique_ptr<core::PasswordResets> resets;
  std::unique_ptr<core::Notifications> notifications;
  std::unique_ptr<core::Commands> commands;
  std::unique_ptr<core::Bulk> bulk;
  std::unique_ptr<core::AgentAccounts> accounts;
  std::unique_ptr<core::PluginOverrides> overrides;
  std::unique_ptr<core::Schedules> schedules;
  std::unique_ptr<plugin::Host> plugins;
  std::vector<config::PluginEntry> entries;
  core::Live live;

 private:
  std::unique_ptr<Api> api_;
};

// Keeps cookies, sends the CSRF token.
class Browser {
 public:
  explicit Browser(ApiFixture& fixture) : fixture_(fixture) {}
  Browser(ApiFixture& fixture, const core::SignedIn& signed_in) : fixture_(fixture) {
    cookies["z4j_session"] = signed_in.cookie;
    csrf = signed_in.session.csrf_token;
  }

  Answered get(const std::string& target) { return call("GET", target); }
  Answered post(const std::string& target, const Value& body = Object()) {
    return call("POST", target, base::json::write(body));
  }

  Answered call(const std::string& method, const std::string& target, const std::string& body = {},
                std::vector<std::pair<std::string, std::string>> headers = {}) {
    net::Request request = make(target);
    request.method = method;
    request.body = body;
    if (!csrf.empty() && method != "GET") request.headers.emplace_back("x-csrf-token", csrf);
    request.headers.insert(request.headers.end(), headers.begin(), headers.end());
    Answered out;
    out.response = fixture_.api().handle(request);
    out.status = out.response.status;
    check(request, out.response);
    if (auto parsed = base::json::parse(out.response.body)) out.json = std::move(*parsed);
    for (const auto& [name, value] : out.response.headers) {
      if (name != "Set-Cookie") continue;
      const std::size_t equals = value.find('=');
      cookies[value.substr(0, equals)] = value.substr(equals + 1, value.find(';') - equals - 1);
      if (value.starts_with("z4j_csrf=")) csrf = cookies["z4j_csrf"];
    }
    return out;
  }

  // Every answer of every test must be one that its route describes.
  void check(const net::Request& request, const net::Response& response) {
    const Router& router = fixture_.api().router();
    const Router::Match match = router.find(request.method, request.path);
    if (match.route == nullptr || match.route->description.summary.empty()) return;
    const auto fault = answer_fault(router, *match.route, response);
    CPPUNIT_ASSERT_MESSAGE(fault.value_or("") + "\n" + response.body, !fault);
  }

  [[nodiscard]] net::Request make(const std::string& target) const {
    net::Request request;
    request.method = "GET";
    request.path = target.substr(0, target.find('?'));
    if (target.find('?') != std::string::npos) request.query = target.substr(target.find('?') + 1);
    request.client_ip = request.peer_ip = "127.0.0.1";
    request.scheme = "http";
    request.host = host;
    request.request_id = "req_test";
    std::string jar;
    for (const auto& [name, value] : cookies) jar += (jar.empty() ? "" : "; ") + name + "=" + value;
    if (!jar.empty()) request.headers.emplace_back("cookie", jar);
    return request;
  }

  std::map<std::string, std::string> cookies;
  std::string csrf, host = "localhost:7700";

 private:
  ApiFixture& fixture_;
};

}  // namespace z4j::api::testing
