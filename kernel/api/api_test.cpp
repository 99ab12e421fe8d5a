// Sign-in, errors, headers and the policy table.
#include "api/api.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <set>
#include <sstream>

#include "api/testing/api_fixture.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Browser;
using testing::Object;
using testing::Value;

class ApiTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiTest);
  CPPUNIT_TEST(setup_makes_and_signs_in_the_first_administrator);
  CPPUNIT_TEST(weak_passwords_are_told_in_both_shapes);
  CPPUNIT_TEST(login_sets_cookies_and_logout_ends_the_session);
  CPPUNIT_TEST(a_wrong_password_answers_401_with_its_reason);
  CPPUNIT_TEST(changes_need_the_csrf_token_and_a_known_origin);
  CPPUNIT_TEST(unknown_paths_and_methods_answer_as_upstream);
  CPPUNIT_TEST(unknown_hosts_are_refused);
  CPPUNIT_TEST(bad_fields_are_all_named_and_never_quoted);
  CPPUNIT_TEST(the_21st_login_of_a_minute_waits);
  CPPUNIT_TEST(sessions_are_listed_and_revoked);
  CPPUNIT_TEST(answers_carry_the_security_headers);
  CPPUNIT_TEST(cross_origin_pages_are_allowed_by_setting_only);
  CPPUNIT_TEST(production_cookies_are_host_cookies);
  CPPUNIT_TEST(every_route_has_a_policy_row);
  CPPUNIT_TEST(metrics_need_their_token);
  CPPUNIT_TEST(plugins_are_listed_changed_and_set_back);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture fixture_;

 public:
  void setup_makes_and_signs_in_the_first_administrator() {
    Browser browser(fixture_);
    CPPUNIT_ASSERT_EQUAL(404, browser.get("/setup").status);
    const std::string token = *fixture_.setup->mint_token().value();
    CPPUNIT_ASSERT_EQUAL(std::string("true"),
                         browser.get("/api/v1/setup/status").text("first_boot"));
    const Answered page = browser.get("/setup?token=" + token);
    CPPUNIT_ASSERT_EQUAL(200, page.status);
    CPPUNIT_ASSERT(page.response.body.find(token) == std::string::npos);
    CPPUNIT_ASSERT(page.response.body.find("NONCE") == std::string::npos);
    CPPUNIT_ASSERT(page.header("Content-Security-Policy").find("'nonce-") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("no-referrer"), page.header("Referrer-Policy"));

    Object body{{"token", "0123456789"},
                {"email", "Root@localhost"},
                {"display_name", nullptr},
                {"password", ApiFixture::kPassword}};
    const Answered wrong = browser.post("/api/v1/setup/complete", body);
    CPPUNIT_ASSERT_EQUAL(404, wrong.status);
    CPPUNIT_ASSERT_EQUAL(std::string("invalid_token"), wrong.text("details/reason"));
    body["token"] = token;
    const Answered done = browser.post("/api/v1/setup/complete", body);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(done.response.body, 200, done.status);
    CPPUNIT_ASSERT_EQUAL(std::string("root@localhost"), done.text("user/email"));
    CPPUNIT_ASSERT_EQUAL(std::string("root"), done.text("user/display_name"));
    CPPUNIT_ASSERT_EQUAL(fixture_.project.id.text(), done.text("project_id"));

    const Answered me = browser.get("/api/v1/auth/me");
    CPPUNIT_ASSERT_EQUAL(200, me.status);
    CPPUNIT_ASSERT_EQUAL(std::string("default"), me.text("memberships/0/project_slug"));
    CPPUNIT_ASSERT_EQUAL(std::string("false"),
                         browser.get("/api/v1/setup/status").text("first_boot"));
    CPPUNIT_ASSERT_EQUAL(404, browser.get("/setup").status);
    CPPUNIT_ASSERT_EQUAL(401, Browser(fixture_).get("/api/v1/setup/status").status);
    const Answered again = browser.post("/api/v1/setup/complete", body);
    CPPUNIT_ASSERT_EQUAL(409, again.status);
    CPPUNIT_ASSERT_EQUAL(std::string("already_initialised"), again.text("details/reason"));
  }

  void weak_passwords_are_told_in_both_shapes() {
    const std::string token = *fixture_.setup->mint_token().value();
    const Answered answer = Browser(fixture_).post(
        "/api/v1/setup/complete",
        Object{{"token", token}, {"email", "a@b.c"}, {"password", "password1"}});
    CPPUNIT_ASSERT_EQUAL(422, answer.status);
    CPPUNIT_ASSERT_EQUAL(std::string("validation_error"), answer.text("error"));
    CPPUNIT_ASSERT_EQUAL(std::string("password_too_short"), answer.text("details/code"));
    CPPUNIT_ASSERT_EQUAL(std::string("password"), answer.text("detail/0/loc/1"));
    CPPUNIT_ASSERT(answer.response.body.find("password1") == std::string::npos);
  }

  void login_sets_cookies_and_logout_ends_the_session() {
    CPPUNIT_ASSERT(
        fixture_.setup->bootstrap("root@localhost", ApiFixture::kPassword, "Root", "test").ok());
    Browser browser(fixture_);
    const Answered in =
        browser.post("/api/v1/auth/login",
                     Object{{"email", "root@localhost"}, {"password", ApiFixture::kPassword}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(in.response.body, 200, in.status);
    CPPUNIT_ASSERT_EQUAL(std::string("false"), in.text("mfa_required"));
    CPPUNIT_ASSERT_EQUAL(std::string("(missing)"), in.text("user/password_hash"));
    CPPUNIT_ASSERT(in.header("Set-Cookie").find("HttpOnly") != std::string::npos);
    CPPUNIT_ASSERT(in.header("Set-Cookie").find("SameSite=Lax") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(browser.csrf, browser.get("/api/v1/auth/csrf").text("csrf_token"));
    const Answered patched =
        browser.call("PATCH", "/api/v1/auth/me", R"({"display_name":"Boss","timezone":null})");
    CPPUNIT_ASSERT_EQUAL(std::string("Boss"), patched.text("display_name"));
    const auto cookies = browser.cookies;
    CPPUNIT_ASSERT_EQUAL(204, browser.post("/api/v1/auth/logout").status);
    browser.cookies = cookies;
    CPPUNIT_ASSERT_EQUAL(401, browser.get("/api/v1/auth/me").status);
  }

  void a_wrong_password_answers_401_with_its_reason() {
    CPPUNIT_ASSERT(
        fixture_.setup->bootstrap("root@localhost", ApiFixture::kPassword, "Root", "test").ok());
    for (const char* email : {"root@localhost", "nobody@localhost"}) {
      const Answered no = Browser(fixture_).post(
          "/api/v1/auth/login", Object{{"email", email}, {"password", "something else"}});
      CPPUNIT_ASSERT_EQUAL(401, no.status);
      CPPUNIT_ASSERT_EQUAL(std::string("unauthenticated"), no.text("error"));
      CPPUNIT_ASSERT_EQUAL(std::string("invalid_credentials"), no.text("message"));
      CPPUNIT_ASSERT_EQUAL(std::string("invalid_credentials"), no.text("details/reason"));
      CPPUNIT_ASSERT_EQUAL(std::string("req_test"), no.text("request_id"));
    }
  }

  void changes_need_the_csrf_token_and_a_known_origin() {
    Browser browser(fixture_, fixture_.sign_in("root", true));
    const std::string csrf = std::exchange(browser.csrf, "");
    const Answered without = browser.post("/api/v1/auth/logout");
    CPPUNIT_ASSERT_EQUAL(403, without.status);
    CPPUNIT_ASSERT_EQUAL(std::string("csrf_mismatch"), without.text("details/reason"));
    browser.csrf = csrf;
    for (const char* origin :
         {"https://evil.example", "null", "http://localhost:7701", "https://localhost:7700"}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(
          origin, 403,
          browser.call("POST", "/api/v1/auth/logout", "{}", {{"origin", origin}}).status);
      CPPUNIT_ASSERT_EQUAL(
          403,
          Browser(fixture_).call("POST", "/api/v1/auth/login", "{}", {{"origin", origin}}).status);
    }
    CPPUNIT_ASSERT_EQUAL(
        204,
        browser.call("POST", "/api/v1/auth/logout", "{}", {{"origin", "http://localhost:7700"}})
            .status);
  }

  void unknown_paths_and_methods_answer_as_upstream() {
    Browser browser(fixture_);
    for (const char* path :
         {"/favicon.ico", "/api/v1/nothing", "/api/v1/health/", "//", "/api/v1/projects/%ff"}) {
      const Answered no = browser.get(path);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(path, 404, no.status);
      CPPUNIT_ASSERT_EQUAL(std::string(R"({"detail":"Not Found"})"), no.response.body);
    }
    const Answered wrong = browser.call("DELETE", "/api/v1/health");
    CPPUNIT_ASSERT_EQUAL(405, wrong.status);
    CPPUNIT_ASSERT_EQUAL(std::string("GET"), wrong.header("Allow"));
    CPPUNIT_ASSERT_EQUAL(405, browser.call("HEAD", "/api/v1/health").status);
    CPPUNIT_ASSERT_EQUAL(405, browser.call("OPTIONS", "/api/v1/health").status);
    CPPUNIT_ASSERT_EQUAL(405, browser.call("TRACE", "/api/v1/health").status);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"status":"ok"})"),
                         browser.get("/api/v1/health").response.body);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"status":"ready"})"),
                         browser.get("/api/v1/health/ready").response.body);
    CPPUNIT_ASSERT_EQUAL(401, browser.get("/api/v1/health/system").status);
    CPPUNIT_ASSERT_EQUAL(200, browser.get("/").status);
  }

  void unknown_hosts_are_refused() {
    Browser browser(fixture_);
    for (const char* host : {"evil.example", "localhost.evil.example:7700", "[::2]", "[", ":"}) {
      browser.host = host;
      const Answered no = browser.get("/api/v1/health");
      CPPUNIT_ASSERT_EQUAL_MESSAGE(host, 400, no.status);
      CPPUNIT_ASSERT_EQUAL(std::string("invalid_host"), no.text("error"));
    }
    for (const char* host : {"", "LOCALHOST", "127.0.0.1:7700", "[::1]:7700"}) {
      browser.host = host;
      CPPUNIT_ASSERT_EQUAL_MESSAGE(host, 200, browser.get("/api/v1/health").status);
    }
  }

  void bad_fields_are_all_named_and_never_quoted() {
    Browser browser(fixture_);
    const Answered no = browser.call("POST", "/api/v1/auth/login",
                                     R"({"email":5,"remember_me":"perhaps","password":""})");
    CPPUNIT_ASSERT_EQUAL(422, no.status);
    CPPUNIT_ASSERT_EQUAL(std::string("validation_failed"), no.text("error"));
    CPPUNIT_ASSERT_EQUAL(std::string("body.email"), no.text("details/errors/0/loc"));
    CPPUNIT_ASSERT_EQUAL(std::string("string_type"), no.text("detail/0/type"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, no.json.at("detail").as_array().size());
    CPPUNIT_ASSERT(no.response.body.find("perhaps") == std::string::npos);
    const std::string deep(5000, '[');
    for (const std::string& body :
         {std::string("{"), std::string("[]"), std::string("{\"a\":\"\xff\"}"), deep}) {
      CPPUNIT_ASSERT_EQUAL(422, browser.call("POST", "/api/v1/auth/login", body).status);
    }
  }

  void the_21st_login_of_a_minute_waits() {
    Browser browser(fixture_);
    for (int i = 0; i < 20; ++i)
      CPPUNIT_ASSERT_EQUAL(422, browser.post("/api/v1/auth/login").status);
    const Answered no = browser.post("/api/v1/auth/login");
    CPPUNIT_ASSERT_EQUAL(429, no.status);
    CPPUNIT_ASSERT_EQUAL(std::string("rate_limited"), no.text("error"));
    CPPUNIT_ASSERT(no.text("detail").find("login") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("60"), no.header("Retry-After"));
    fixture_.clock.advance(61 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(422, browser.post("/api/v1/auth/login").status);
  }

  void sessions_are_listed_and_revoked() {
    Browser browser(fixture_, fixture_.sign_in("root", true));
    const Answered list = browser.get("/api/v1/auth/sessions");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, list.array().size());
    CPPUNIT_ASSERT_EQUAL(std::string("true"), list.text("0/is_current"));
    Browser other(fixture_, fixture_.sign_in("other", false));
    CPPUNIT_ASSERT_EQUAL(
        404, other.post("/api/v1/auth/sessions/" + list.text("0/id") + "/revoke").status);
    CPPUNIT_ASSERT_EQUAL(404, other.post("/api/v1/auth/sessions/none/revoke").status);
    CPPUNIT_ASSERT_EQUAL(
        std::string("true"),
        browser.post("/api/v1/auth/sessions/" + list.text("0/id") + "/revoke").text("revoked"));
    CPPUNIT_ASSERT_EQUAL(401, browser.get("/api/v1/auth/me").status);
  }

  void answers_carry_the_security_headers() {
    Browser browser(fixture_);
    for (const char* path : {"/", "/api/v1/health", "/api/v1/auth/me", "/nothing"}) {
      const Answered answer = browser.get(path);
      CPPUNIT_ASSERT_EQUAL(std::string("nosniff"), answer.header("X-Content-Type-Options"));
      CPPUNIT_ASSERT_EQUAL(std::string("DENY"), answer.header("X-Frame-Options"));
      CPPUNIT_ASSERT_EQUAL(std::string("same-origin"), answer.header("Cross-Origin-Opener-Policy"));
      CPPUNIT_ASSERT_EQUAL(std::string(), answer.header("Access-Control-Allow-Origin"));
      CPPUNIT_ASSERT_EQUAL(std::string(), answer.header("Strict-Transport-Security"));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("no-store"),
                         browser.get("/api/v1/auth/me").header("Cache-Control"));
    for (const char* path : {"/", "/api/v1/auth/me"}) {
      const std::string policy = browser.get(path).header("Content-Security-Policy");
      for (const char* part : {"frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"})
        CPPUNIT_ASSERT_MESSAGE(policy, policy.find(part) != std::string::npos);
    }
  }

  void cross_origin_pages_are_allowed_by_setting_only() {
    fixture_.settings.cors_origins = {"https://console.example"};
    Browser browser(fixture_);
    const Answered yes =
        browser.call("OPTIONS", "/api/v1/projects", {}, {{"origin", "https://console.example"}});
    CPPUNIT_ASSERT_EQUAL(204, yes.status);
    CPPUNIT_ASSERT_EQUAL(std::string("https://console.example"),
                         yes.header("Access-Control-Allow-Origin"));
    CPPUNIT_ASSERT_EQUAL(std::string("true"), yes.header("Access-Control-Allow-Credentials"));
    const Answered no = browser.call("OPTIONS", "/api/v1/projects", {},
                                     {{"origin", "https://console.example.evil"}});
    CPPUNIT_ASSERT_EQUAL(405, no.status);
    CPPUNIT_ASSERT_EQUAL(std::string(), no.header("Access-Control-Allow-Origin"));
  }

  void production_cookies_are_host_cookies() {
    fixture_.settings.environment = "production";
    fixture_.settings.public_url = "https://z4j.example";
    CPPUNIT_ASSERT(
        fixture_.setup->bootstrap("root@localhost", ApiFixture::kPassword, "Root", "test").ok());
    Browser browser(fixture_);
    browser.host = "z4j.example";
    const Answered in =
        browser.post("/api/v1/auth/login",
                     Object{{"email", "root@localhost"}, {"password", ApiFixture::kPassword}});
    CPPUNIT_ASSERT_EQUAL(200, in.status);
    CPPUNIT_ASSERT(in.header("Set-Cookie").starts_with("__Host-z4j_session="));
    CPPUNIT_ASSERT(in.header("Set-Cookie").find("; Secure") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("max-age=31536000; includeSubDomains"),
                         in.header("Strict-Transport-Security"));
  }

  // docs/reference/api.md tells of every route and who may use it; nothing stands in it that is not
  // there.
  void every_route_has_a_policy_row() {
    std::ifstream file(std::string(Z4J_SOURCE_DIR) + "/docs/reference/api.md");
    CPPUNIT_ASSERT(file.good());
    std::set<std::string> documented, built;
    std::string line;
    while (std::getline(file, line)) {
      std::istringstream cells(line);
      std::string skip, method, path, who;
      if (!line.starts_with("| `") || !std::getline(cells, skip, '|') ||
          !std::getline(cells, path, '|') || !std::getline(cells, who, '|'))
        continue;
      path = path.substr(2, path.rfind('`') - 2);
      if (path.find(" /") == std::string::npos) continue;  // a row of another table
      who = who.substr(1, who.find_last_not_of(' '));
      documented.insert(path + " : " + who);
    }
    for (const Route& route : fixture_.api().router().routes()) {
      built.insert(std::string(route.method) + " " + std::string(route.path) + " : " +
                   to_text(route.policy));
    }
    for (const std::string& row : built)
      CPPUNIT_ASSERT_MESSAGE("not in docs/reference/api.md: " + row, documented.contains(row));
    for (const std::string& row : documented)
      CPPUNIT_ASSERT_MESSAGE("no such route: " + row, built.contains(row));
  }

  void metrics_need_their_token() {
    fixture_.open([](Parts& parts) {
      parts.more_metrics = [](core::MetricText& out) {
        out.family("z4j_ingest_queue_bytes", "gauge", "x").sample({}, std::int64_t{7});
      };
      parts.server_stats = [] { return net::ServerStats{}; };
    });
    Browser browser(fixture_);
    const Answered no = browser.get("/metrics");
    CPPUNIT_ASSERT_EQUAL(401, no.status);
    CPPUNIT_ASSERT_EQUAL(std::string("Bearer"), no.header("WWW-Authenticate"));
    CPPUNIT_ASSERT_EQUAL(
        401, browser.call("GET", "/metrics", {}, {{"authorization", "Bearer wrong"}}).status);
    fixture_.api().observe("GET", "/api/v1/health", 200, 0.003);
    fixture_.api().observe("BREW", "", 404, 20);
    const Answered yes =
        browser.call("GET", "/metrics", {}, {{"authorization", "Bearer metrics-token"}});
    CPPUNIT_ASSERT_EQUAL(200, yes.status);
    for (const char* line :
         {"z4j_http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/v1/"
          "health\",status=\"200\",le=\"0.005\"} 1\n",
          "z4j_http_request_duration_seconds_count{method=\"OTHER\",route=\"unmatched\",status="
          "\"404\"} 1\n",
          "z4j_ingest_queue_bytes 7\n", "z4j_store_up 1\n", "# TYPE z4j_brain_rss_bytes gauge\n",
          "z4j_ws_connections 0\n"}) {
      CPPUNIT_ASSERT_MESSAGE(line, yes.response.body.find(line) != std::string::npos);
    }
  }

  void plugins_are_listed_changed_and_set_back() {
    config::PluginEntry entry;
    entry.name = "spare";
    entry.plugin = "storage-sqlite";
    entry.settings["path"] = "/nowhere/spare.sqlite";
    fixture_.entries = {entry};
    int reloads = 0;
    fixture_.open([&](Parts& parts) {
      parts.reload_plugin = [&](const std::string&) {
        ++reloads;
        return base::Status();
      };
    });
    Browser root(fixture_, fixture_.sign_in("root", true));
    const Answered list = root.get("/api/v1/plugins");
    CPPUNIT_ASSERT_EQUAL(std::string("spare"), list.text("items/0/instance"));
    CPPUNIT_ASSERT_EQUAL(std::string("/nowhere/spare.sqlite"),
                         list.text("items/0/configured/settings/path"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), list.text("items/0/override"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("string"),
        root.get("/api/v1/plugins/spare/schema").text("schema/properties/path/type"));
    CPPUNIT_ASSERT_EQUAL(404, root.get("/api/v1/plugins/none/schema").status);
    const Answered off = root.post("/api/v1/plugins/spare/disable");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(off.response.body, 200, off.status);
    CPPUNIT_ASSERT_EQUAL(std::string("false"), off.text("override/enabled"));
    CPPUNIT_ASSERT_EQUAL(1, reloads);
    CPPUNIT_ASSERT_EQUAL(404, root.post("/api/v1/plugins/none/enable").status);

    const Answered bad = root.post("/api/v1/plugins/spare/validate",
                                   Object{{"settings", Object{{"path", 5}, {"nonsense", 1}}}});
    CPPUNIT_ASSERT_EQUAL(std::string("false"), bad.text("valid"));
    CPPUNIT_ASSERT_EQUAL(
        422, root.call("PUT", "/api/v1/plugins/spare/settings", R"({"settings":{"nonsense":1}})")
                 .status);
    CPPUNIT_ASSERT_EQUAL(1, reloads);
    const Answered set = root.call("PUT", "/api/v1/plugins/spare/settings",
                                   R"({"settings":{"path":"/elsewhere/x.sqlite"}})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(set.response.body, 200, set.status);
    CPPUNIT_ASSERT_EQUAL(std::string("/elsewhere/x.sqlite"), set.text("override/settings/path"));
    CPPUNIT_ASSERT_EQUAL(std::string("/nowhere/spare.sqlite"),
                         set.text("configured/settings/path"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"),
                         root.call("DELETE", "/api/v1/plugins/spare/override").text("override"));
    CPPUNIT_ASSERT_EQUAL(3, reloads);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiTest);

}  // namespace
}  // namespace z4j::api
