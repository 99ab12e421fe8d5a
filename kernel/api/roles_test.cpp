// docs/security/roles.md against the routes, and what every kind of caller meets against it.
#include "api/roles.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "api/admit.hpp"
#include "api/dashboards.hpp"
#include "api/site.hpp"
#include "api/testing/api_fixture.hpp"
#include "api/testing/fake_sender.hpp"

namespace z4j::api {
namespace {

using testing::ApiFixture;

// A row of the document, taken apart.
struct RoleRow {
  std::string role, key, factor;
};

std::string roles_file() { return std::string(Z4J_SOURCE_DIR) + "/docs/security/roles.md"; }

std::map<std::string, RoleRow> rows_of_document() {
  std::ifstream file(roles_file());
  std::map<std::string, RoleRow> out;
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    std::istringstream stream(line.substr(1));
    for (std::string cell; std::getline(stream, cell, '|');) {
      const std::size_t first = cell.find_first_not_of(" `"), last = cell.find_last_not_of(" `");
      cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    }
    if (cells.size() < 4) continue;
    out[cells[0]] = {cells[1], cells[2], cells[3]};
  }
  return out;
}

// Somebody who asks, and what the table's words mean for him.
struct Caller {
  std::string name;
  std::string session;  // "" with a key: the key alone
  std::string csrf, key;
  int rank = 0;  // in the own project: 0 no member, 1 viewer, 2 operator, 3 admin
  bool is_admin = false;
  bool has_scopes = false, has_admin_scopes = false, is_bound = false;
  enum class Owes { nothing, factor, password, freshness } owes = Owes::nothing;

  [[nodiscard]] bool is_signed_in() const { return !session.empty(); }
};

int rank_of(const std::string& role) {
  return role == "viewer" ? 1 : role == "operator" ? 2 : role == "project admin" ? 3 : 0;
}

bool has_slug(const std::string& route) { return route.find("{slug}") != std::string::npos; }

// What the document promises: 0 is "let in". Where two refusals apply, the first that is met.
int promised(const std::string& route, const RoleRow& row, const Caller& who, bool in_own_project) {
  if (row.role == "open") return 0;
  if (row.role == "metrics token") return 401;
  if (!who.is_signed_in() && who.key.empty()) return 401;
  if (!who.is_signed_in()) {
    if (row.factor == "fresh") return 401;
    if (row.key == "none") return 403;
    const bool has_scope = core::is_admin_scope(row.key) ? who.has_admin_scopes : who.has_scopes;
    if (!has_scope && row.key != "any") return 403;
    if (who.is_bound) {
      const bool is_narrowed =
          row.key.starts_with("home:") || row.key.starts_with("projects:") || row.key == "any";
      if (has_slug(route) ? !in_own_project : !is_narrowed) return 403;
    }
  } else {
    if (who.owes == Caller::Owes::factor && row.factor != "not asked") return 403;
    if (who.owes == Caller::Owes::password && row.factor != "not asked" &&
        route != "POST /api/v1/auth/change-password" &&
        !route.starts_with("POST /api/v1/auth/mfa/") &&
        !route.starts_with("PATCH /api/v1/auth/mfa/"))
      return 403;
    if (who.owes == Caller::Owes::freshness && row.factor == "fresh") return 403;
    if (who.owes == Caller::Owes::factor && row.factor == "fresh") return 403;
  }
  if (row.role == "administrator") return who.is_admin ? 0 : 403;
  const int needed = rank_of(row.role);
  if (needed == 0) return 0;
  const int rank = who.is_admin ? 3 : in_own_project ? who.rank : 0;
  return rank == 0 ? 404 : rank < needed ? 403 : 0;
}

// What the document promises of a topic: 0 is "hears it", else the code that the socket is closed
// with.
int promised_close(const RoleRow& row, const Caller& who, bool in_own_project) {
  if (!who.is_signed_in()) return 4401;
  if (who.owes == Caller::Owes::factor || who.owes == Caller::Owes::password) return 4401;
  if (row.role == "administrator" && !who.is_admin) return 4403;
  const int rank = who.is_admin ? 3 : in_own_project ? who.rank : 0;
  return rank < rank_of(row.role) ? 4403 : 0;
}

class RolesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RolesTest);
  CPPUNIT_TEST(the_document_tells_of_every_route);
  CPPUNIT_TEST(every_scope_that_a_route_needs_can_be_granted);
  CPPUNIT_TEST(every_route_admits_whom_its_row_says);
  CPPUNIT_TEST(every_topic_reaches_whom_its_row_says);
  CPPUNIT_TEST(what_changes_something_needs_the_sessions_token);
  CPPUNIT_TEST(refusals_are_recorded);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;
  std::unique_ptr<Site> site_;
  unsigned address_ = 0;

  void update(core::Table table, std::uint16_t id_column, const base::Uuid& id,
              std::vector<core::Set> sets) {
    core::Commit commit;
    core::Where self;
    self.eq(id_column, id);
    commit.update(table, std::move(self), std::move(sets), 1, 1);
    ApiFixture::must(f_.store->commit(commit));
  }
  Caller person(const std::string& name, int rank, bool is_admin = false) {
    const core::Role role = rank == 3   ? core::Role::admin
                            : rank == 2 ? core::Role::op
                            : rank == 1 ? core::Role::viewer
                                        : core::Role::none;
    const core::SignedIn who = f_.sign_in(name, is_admin, role);
    Caller out;
    out.name = name;
    out.session = who.cookie;
    out.csrf = who.session.csrf_token;
    out.rank = rank;
    out.is_admin = is_admin;
    return out;
  }
  Caller key_of(const std::string& name, int rank, bool is_admin, bool has_scopes, bool is_bound) {
    const Caller owner = person(name, rank, is_admin);
    const auto principal = f_.auth->authenticate(owner.session).value();
    core::ApiKeyDraft draft;
    draft.name = "key";
    if (has_scopes) {
      for (const std::string_view scope : core::all_scopes()) {
        if (is_admin || !core::is_admin_scope(scope)) draft.scopes.emplace_back(scope);
      }
    }
    if (is_bound) draft.project_id = f_.project.id;
    auto made = f_.keys->create(principal, draft, {});
    CPPUNIT_ASSERT_MESSAGE(made ? "" : made.error().text(), made.ok());
    Caller out;
    out.name = name;
    out.key = made->token;
    out.rank = rank;
    // A bound key does not administer the installation, but its project.
    out.is_admin = is_admin && !is_bound;
    if (is_admin && is_bound) out.rank = 3;
    out.has_scopes = has_scopes;
    out.has_admin_scopes = has_scopes && is_admin;
    out.is_bound = is_bound;
    return out;
  }
  Caller owing(const std::string& name, Caller::Owes owes) {
    const core::SignedIn who = f_.sign_in(name, true);
    Caller out;
    out.name = name;
    out.session = who.cookie;
    out.csrf = who.session.csrf_token;
    out.is_admin = true;
    out.owes = owes;
    namespace u = model::users;
    if (owes == Caller::Owes::password) {
      update(core::Table::users, u::id, who.user.id, {{u::force_password_change, true}});
      return out;
    }
    update(core::Table::users, u::id, who.user.id, {{u::mfa_enrolled_at, f_.clock.now()}});
    if (owes == Caller::Owes::freshness) {
      update(core::Table::sessions, model::sessions::id, who.session.id,
             {{model::sessions::mfa_verified_at, f_.clock.now() - 3601 * base::kSecondUs}});
    }
    return out;
  }
  net::Response ask(const Route& route, const Caller& who, const std::string& slug,
                    bool with_csrf = true) {
    net::Request request;
    request.method = route.method;
    request.path = route.path;
    request.scheme = "http";
    request.host = "localhost:7700";
    // Another address for each, so that no rate limit speaks first.
    ++address_;
    request.client_ip = request.peer_ip = "10." + std::to_string(address_ >> 16 & 255) + "." +
                                          std::to_string(address_ >> 8 & 255) + "." +
                                          std::to_string(address_ & 255);
    if (!who.session.empty()) request.headers.emplace_back("cookie", "z4j_session=" + who.session);
    if (!who.csrf.empty() && with_csrf) request.headers.emplace_back("x-csrf-token", who.csrf);
    if (!who.key.empty()) request.headers.emplace_back("authorization", "Bearer " + who.key);
    Call call{request, f_.log, {}, std::nullopt, std::nullopt};
    if (has_slug(std::string(route.path))) call.params.emplace_back("slug", slug);
    const auto refused = admit(*site_, route, call);
    net::Response let_in;
    let_in.status = 0;
    return refused ? *refused : let_in;
  }

 public:
  void setUp() override {
    f_.open();
    site_ = std::make_unique<Site>(f_.parts());
  }

  void the_document_tells_of_every_route() {
    const std::string made = roles_document(f_.api().router());
    if (std::getenv("Z4J_UPDATE_DOCS") != nullptr) std::ofstream(roles_file()) << made;
    std::ifstream file(roles_file());
    std::stringstream text;
    text << file.rdbuf();
    CPPUNIT_ASSERT_MESSAGE(
        "docs/security/roles.md is not what the routes say: run api_access_test with "
        "Z4J_UPDATE_DOCS=1 and read the difference",
        made == text.str());
  }
  void every_scope_that_a_route_needs_can_be_granted() {
    const auto scopes = core::all_scopes();
    const std::set<std::string_view> known(scopes.begin(), scopes.end());
    for (const Route& route : f_.api().router().routes()) {
      const std::string scope = key_scope(route);
      CPPUNIT_ASSERT_MESSAGE(
          scope, scope == "-" || scope == "none" || scope == "any" || known.contains(scope));
    }
  }
  core::Project other_project() {
    core::ProjectDraft draft;
    draft.slug = draft.name = "other";
    core::Principal root;
    root.user.is_admin = true;
    auto made = f_.projects->create(root, draft, {});
    CPPUNIT_ASSERT(made.ok());
    return *made;
  }
  // Everybody that a row speaks of.
  std::vector<Caller> all_callers() {
    using Owes = Caller::Owes;
    Caller nobody;
    nobody.name = "nobody";
    return {
        nobody,
        person("stranger", 0),
        person("viewer", 1),
        person("operator", 2),
        person("project-admin", 3),
        person("administrator", 0, true),
        key_of("key-viewer", 1, false, true, false),
        key_of("key-operator", 2, false, true, false),
        key_of("key-admin", 3, false, true, false),
        key_of("key-administrator", 0, true, true, false),
        key_of("key-without-scopes", 3, false, false, false),
        key_of("key-bound", 3, false, true, true),
        key_of("key-bound-administrator", 0, true, true, true),
        owing("owes-factor", Owes::factor),
        owing("owes-password", Owes::password),
        owing("owes-freshness", Owes::freshness),
    };
  }
  void every_route_admits_whom_its_row_says() {
    const auto rows = rows_of_document();
    other_project();
    const std::vector<Caller> callers = all_callers();
    for (const Route& route : f_.api().router().routes()) {
      const std::string name = std::string(route.method) + " " + std::string(route.path);
      const auto row = rows.find(name);
      CPPUNIT_ASSERT_MESSAGE("no row in docs/security/roles.md: " + name, row != rows.end());
      for (const Caller& who : callers) {
        for (const bool is_own : {true, false}) {
          if (!is_own && !has_slug(name)) continue;
          // Once there is a user, what is open at first boot is like the rest.
          const std::string slug = is_own ? "default" : "other";
          const net::Response answer = ask(route, who, slug);
          RoleRow meant = row->second;
          if (meant.role == "open until set up, then signed in") meant.role = "signed in";
          CPPUNIT_ASSERT_EQUAL_MESSAGE(
              name + " by " + who.name + " in " + slug + ": " + answer.body,
              promised(name, meant, who, is_own), answer.status);
        }
      }
    }
  }
  void every_topic_reaches_whom_its_row_says() {
    const auto rows = rows_of_document();
    const core::Project other = other_project();
    const std::vector<Caller> callers = all_callers();
    testing::FakeSender sender;
    Dashboards dashboards(*site_);
    dashboards.use(sender);
    const net::SocketEndpoint endpoint = dashboards.endpoint();
    struct Socket {
      net::SocketId id;
      const Caller* who;
      bool is_own;
    };
    std::vector<Socket> sockets;
    for (const Caller& who : callers) {
      for (const bool is_own : {true, false}) {
        const net::SocketId id = sockets.size() + 1;
        sockets.push_back({id, &who, is_own});
        net::Request request;
        request.method = "GET";
        request.path = "/ws/dashboard";
        request.scheme = "http";
        request.host = "localhost:7700";
        request.headers.emplace_back("origin", "http://localhost:7700");
        if (!who.session.empty())
          request.headers.emplace_back("cookie", "z4j_session=" + who.session);
        if (!who.key.empty()) request.headers.emplace_back("authorization", "Bearer " + who.key);
        endpoint.open(id, request);
        const core::Project& project = is_own ? f_.project : other;
        base::json::Array topics;
        for (const std::string_view topic : core::kLiveTopics) topics.emplace_back(topic);
        endpoint.message(id, base::json::write(base::json::Object{{"type", "subscribe"},
                                                                  {"project_id", project.id.text()},
                                                                  {"topics", std::move(topics)}}));
        dashboards.work();
      }
    }
    for (const std::string_view topic : core::kLiveTopics) {
      const auto row = rows.find(std::string(topic));
      CPPUNIT_ASSERT_MESSAGE("no row in docs/security/roles.md: " + std::string(topic),
                             row != rows.end());
      CPPUNIT_ASSERT_EQUAL(std::string("none"), row->second.key);
      CPPUNIT_ASSERT_EQUAL(std::string("given"), row->second.factor);
      for (const bool in_own : {true, false}) {
        std::set<net::SocketId> heard;
        f_.live.publish(in_own ? f_.project.id : other.id, topic);
        f_.live.flush([&](core::Live::Subscriber id, std::string_view said) {
          CPPUNIT_ASSERT_EQUAL(topic, said);
          heard.insert(id);
        });
        for (const Socket& socket : sockets) {
          const std::string name = std::string(topic) + " to " + socket.who->name +
                                   (socket.is_own ? ", own project" : ", other project");
          const int code =
              promised_close(rows.at(std::string(core::kTaskChanged)), *socket.who, socket.is_own);
          CPPUNIT_ASSERT_EQUAL_MESSAGE(name, code, sender.code(socket.id));
          const bool may_hear = promised_close(row->second, *socket.who, socket.is_own) == 0;
          CPPUNIT_ASSERT_EQUAL_MESSAGE(name, may_hear && socket.is_own == in_own,
                                       heard.contains(socket.id));
        }
      }
    }
    dashboards.stop();
  }
  void what_changes_something_needs_the_sessions_token() {
    const Caller root = person("root", 0, true);
    for (const Route& route : f_.api().router().routes()) {
      if (route.method == "GET" || route.policy.gate != Gate::signed_in) continue;
      const net::Response answer = ask(route, root, "default", false);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(std::string(route.path), 403, answer.status);
      CPPUNIT_ASSERT(answer.body.find("csrf_mismatch") != std::string::npos);
    }
  }
  void refusals_are_recorded() {
    const Caller viewer = person("viewer", 1);
    const auto count = [&] {
      core::Where where;
      where.eq(model::audit_log::action, "access.denied");
      return f_.store->count(core::Table::audit_log, where).value();
    };
    const auto found = f_.api().router().find("POST", "/api/v1/projects/default/agents");
    CPPUNIT_ASSERT(found.route != nullptr);
    for (int i = 0; i < 10; ++i)
      CPPUNIT_ASSERT_EQUAL(403, ask(*found.route, viewer, "default").status);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count());
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(RolesTest);

}  // namespace
}  // namespace z4j::api
