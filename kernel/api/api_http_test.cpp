// Files and routes of plugins, as browsers meet them.
#include <cppunit/extensions/HelperMacros.h>

#include <future>
#include <thread>

#include "api/asset_answer.hpp"
#include "api/testing/api_fixture.hpp"

namespace z4j::api {
namespace {

using base::json::Object;
using testing::Answered;
using testing::ApiFixture;
using testing::Browser;
using Headers = std::vector<std::pair<std::string, std::string>>;

const Headers kPage{{"accept", "text/html,application/xhtml+xml,*/*;q=0.8"}};

class ApiHttpTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiHttpTest);
  CPPUNIT_TEST(files_are_served_by_their_exact_path);
  CPPUNIT_TEST(names_with_a_hash_are_kept_for_ever);
  CPPUNIT_TEST(what_a_browser_has_is_not_sent_again);
  CPPUNIT_TEST(packed_files_go_to_who_takes_them);
  CPPUNIT_TEST(pages_have_a_strict_policy);
  CPPUNIT_TEST(the_console_answers_at_the_root);
  CPPUNIT_TEST(any_address_of_the_console_is_its_page);
  CPPUNIT_TEST(what_the_kernel_serves_is_not_the_consoles);
  CPPUNIT_TEST(links_of_mails_and_of_the_first_boot_lead_to_the_console_while_it_runs);
  CPPUNIT_TEST(without_a_console_nothing_changes);
  CPPUNIT_TEST(a_console_that_does_not_run_says_so);
  CPPUNIT_TEST(routes_are_admitted_like_the_kernels);
  CPPUNIT_TEST(routes_are_told_what_they_need);
  CPPUNIT_TEST(bodies_are_bounded);
  CPPUNIT_TEST(failures_are_the_usual_errors);
  CPPUNIT_TEST(a_route_that_hangs_is_given_up);
  CPPUNIT_TEST(broken_policies_are_counted);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;

  void start(const std::string& console = {}) {
    config::PluginEntry entry;
    entry.name = "pages";
    entry.plugin = "test-http";
    ApiFixture::must(f_.plugins->start(entry));
    f_.entries.push_back(entry);
    f_.open([&](Parts& parts) { parts.console = console; });
  }
  Answered get(const std::string& target, Headers headers = {}, const std::string& method = "GET") {
    Browser nobody(f_);
    return nobody.call(method, target, "", std::move(headers));
  }
  static void assert_not_found(const Answered& answer) {
    CPPUNIT_ASSERT_EQUAL(404, answer.status);
    CPPUNIT_ASSERT_EQUAL(std::string("Not Found"), answer.text("detail"));
  }

 public:
  void files_are_served_by_their_exact_path() {
    start();
    const Answered icon = get("/ext/pages/favicon.ico");
    CPPUNIT_ASSERT_EQUAL(200, icon.status);
    CPPUNIT_ASSERT_EQUAL(std::string("icon"), icon.response.body);
    CPPUNIT_ASSERT_EQUAL(std::string("image/x-icon"), icon.response.content_type);
    CPPUNIT_ASSERT_EQUAL(std::string("nosniff"), icon.header("X-Content-Type-Options"));
    CPPUNIT_ASSERT_EQUAL(std::string("<!doctype html><title>test</title>"),
                         get("/ext/pages/").response.body);
    CPPUNIT_ASSERT_EQUAL(200, get("/ext/pages/favicon.ico", {}, "HEAD").status);
    for (const std::string path :
         {"/ext", "/ext/", "/ext/pages", "/ext/nobody/favicon.ico", "/ext/pages/nope.js",
          "/ext/pages/../favicon.ico", "/ext/pages/favicon.ico/", "/ext/pages/%66avicon.ico",
          "/ext/pages/assets/app-BkR3x9aQ.js.gz"})
      assert_not_found(get(path, kPage));
    const Answered posted = get("/ext/pages/favicon.ico", {}, "POST");
    CPPUNIT_ASSERT_EQUAL(405, posted.status);
    CPPUNIT_ASSERT_EQUAL(std::string("GET, HEAD"), posted.header("Allow"));
  }

  void names_with_a_hash_are_kept_for_ever() {
    CPPUNIT_ASSERT(has_hashed_name("assets/index-BkR3x9aQ.js"));
    CPPUNIT_ASSERT(has_hashed_name("assets/a-b-_0-xAbCd.woff2"));
    for (const std::string_view path : {"index-BkR3x9aQ.js", "assets/index.js",
                                        "assets/logo-headline.svg", "assets/-BkR.js", "assets/"})
      CPPUNIT_ASSERT_MESSAGE(std::string(path), !has_hashed_name(path));
    start();
    CPPUNIT_ASSERT_EQUAL(std::string("public, max-age=31536000, immutable"),
                         get("/ext/pages/assets/app-BkR3x9aQ.js").header("Cache-Control"));
    for (const std::string path : {"", "favicon.ico", "assets/logo-headline.svg"})
      CPPUNIT_ASSERT_EQUAL(std::string("no-cache"),
                           get("/ext/pages/" + path).header("Cache-Control"));
  }

  void what_a_browser_has_is_not_sent_again() {
    CPPUNIT_ASSERT(has_tag(R"("a", W/"b")", "\"b\""));
    CPPUNIT_ASSERT(has_tag("*", "\"b\"") && !has_tag("", "\"b\"") && !has_tag("b", "\"b\""));
    start();
    const std::string path = "/ext/pages/assets/app-BkR3x9aQ.js";
    CPPUNIT_ASSERT_EQUAL(std::string("\"plain-1\""), get(path).header("ETag"));
    const Answered kept = get(path, {{"if-none-match", "\"plain-1\""}});
    CPPUNIT_ASSERT_EQUAL(304, kept.status);
    CPPUNIT_ASSERT(kept.response.body.empty());
    CPPUNIT_ASSERT_EQUAL(std::string("\"plain-1\""), kept.header("ETag"));
    CPPUNIT_ASSERT(!kept.header("Cache-Control").empty());
    // The other encoding is another thing.
    CPPUNIT_ASSERT_EQUAL(
        200, get(path, {{"if-none-match", "\"plain-1\""}, {"accept-encoding", "gzip"}}).status);
  }

  void packed_files_go_to_who_takes_them() {
    CPPUNIT_ASSERT(accepts_encoding("deflate, gzip;q=0.5", "gzip"));
    CPPUNIT_ASSERT(accepts_encoding("GZIP", "gzip") && accepts_encoding("*", "gzip"));
    for (const std::string_view header :
         {"", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *", "x-gzip"})
      CPPUNIT_ASSERT_MESSAGE(std::string(header), !accepts_encoding(header, "gzip"));
    start();
    const std::string path = "/ext/pages/assets/app-BkR3x9aQ.js";
    const Answered packed = get(path, {{"accept-encoding", "gzip, deflate, br"}});
    CPPUNIT_ASSERT_EQUAL(std::string("packed"), packed.response.body);
    CPPUNIT_ASSERT_EQUAL(std::string("gzip"), packed.header("Content-Encoding"));
    CPPUNIT_ASSERT_EQUAL(std::string("\"packed-1\""), packed.header("ETag"));
    const Answered plain = get(path, {{"accept-encoding", "gzip;q=0"}});
    CPPUNIT_ASSERT_EQUAL(std::string("let plain;"), plain.response.body);
    CPPUNIT_ASSERT_EQUAL(std::string(), plain.header("Content-Encoding"));
    for (const Answered& answer : {packed, plain})
      CPPUNIT_ASSERT_EQUAL(std::string("Accept-Encoding"), answer.header("Vary"));
    CPPUNIT_ASSERT_EQUAL(std::string(), get("/ext/pages/favicon.ico").header("Vary"));
  }

  void pages_have_a_strict_policy() {
    start("pages");
    for (const std::string path : {"/", "/ext/pages/", "/projects/default"}) {
      const std::string policy = get(path, kPage).header("Content-Security-Policy");
      CPPUNIT_ASSERT_MESSAGE(policy, policy.starts_with("default-src 'none'; script-src 'self'"));
      CPPUNIT_ASSERT(policy.find("require-trusted-types-for 'script'") != std::string::npos);
      CPPUNIT_ASSERT(policy.find("unsafe") == std::string::npos);
    }
    CPPUNIT_ASSERT(get("/favicon.ico").header("Content-Security-Policy").find("script-src") ==
                   std::string::npos);
  }

  void the_console_answers_at_the_root() {
    start("pages");
    const Answered root = get("/");
    CPPUNIT_ASSERT_EQUAL(200, root.status);
    CPPUNIT_ASSERT_EQUAL(std::string("<!doctype html><title>test</title>"), root.response.body);
    CPPUNIT_ASSERT_EQUAL(std::string("no-cache"), root.header("Cache-Control"));
    CPPUNIT_ASSERT_EQUAL(200, get("/", {}, "HEAD").status);
    CPPUNIT_ASSERT_EQUAL(std::string("icon"), get("/favicon.ico").response.body);
    CPPUNIT_ASSERT_EQUAL(std::string("let plain;"), get("/assets/app-BkR3x9aQ.js").response.body);
    // Its routes stay where every plugin's are.
    assert_not_found(get("/public"));
    CPPUNIT_ASSERT_EQUAL(200, get("/ext/pages/public").status);
  }

  void any_address_of_the_console_is_its_page() {
    start("pages");
    for (const std::string path :
         {"/login", "/projects/default/tasks/celery/shop.total", "/a/b/c/", "/%00", "/settings"}) {
      const Answered page = get(path, kPage);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(path, 200, page.status);
      CPPUNIT_ASSERT_EQUAL(std::string("<!doctype html><title>test</title>"), page.response.body);
      assert_not_found(get(path));  // a program asks, not a browser for a page
      assert_not_found(get(path, {{"accept", "*/*"}}));
    }
    assert_not_found(get("/assets/nope.js", kPage));
    assert_not_found(get("/" + std::string(5000, 'a'), kPage));
    for (const std::string path : {"/login", "/api/v1/nope"})
      CPPUNIT_ASSERT_EQUAL(405, get(path, {}, "POST").status);
  }

  void what_the_kernel_serves_is_not_the_consoles() {
    start("pages");
    for (const std::string path :
         {"/api",          "/api/",    "/api/v1/nope",    "/api/v2/",
          "/ws",           "/ws/nope", "/metrics/x",      "/setup/x",
          "/invite/x",     "/reset/x", "/security.txt/x", "/.well-known/change-password",
          "/ext/x/",       "/health",  "/healthz",        "/health/live",
          "/openapi.json", "/docs",    "/docs/x",         "/redoc"})
      assert_not_found(get(path, kPage));
    CPPUNIT_ASSERT_EQUAL(200, get("/api/v1/health", kPage).status);
    CPPUNIT_ASSERT_EQUAL(std::string("text/plain; charset=utf-8"),
                         get("/security.txt", kPage).response.content_type);
  }

  void links_of_mails_and_of_the_first_boot_lead_to_the_console_while_it_runs() {
    start("pages");
    const auto title = [this](const std::string& path) {
      return get(path, kPage).response.body.find("<title>test</title>") != std::string::npos;
    };
    for (const std::string path : {"/setup", "/invite", "/reset"}) CPPUNIT_ASSERT(title(path));
    CPPUNIT_ASSERT(get("/reset").response.body.find("<title>test</title>") == std::string::npos);
    ApiFixture::must(f_.plugins->stop("pages"));
    for (const std::string path : {"/invite", "/reset"}) {
      CPPUNIT_ASSERT_EQUAL(200, get(path, kPage).status);
      CPPUNIT_ASSERT(!title(path));
    }
  }

  void without_a_console_nothing_changes() {
    start();
    CPPUNIT_ASSERT(get("/", kPage).response.body.find("no dashboard is installed") !=
                   std::string::npos);
    assert_not_found(get("/login", kPage));
    assert_not_found(get("/login", kPage, "POST"));
  }

  void a_console_that_does_not_run_says_so() {
    start("pages");
    ApiFixture::must(f_.plugins->stop("pages"));
    const Answered page = get("/", kPage);
    CPPUNIT_ASSERT_EQUAL(503, page.status);
    CPPUNIT_ASSERT(page.response.content_type.starts_with("text/html"));
    CPPUNIT_ASSERT(!page.header("Retry-After").empty());
    CPPUNIT_ASSERT_EQUAL(std::string("unavailable"), get("/favicon.ico").text("error"));
    CPPUNIT_ASSERT_EQUAL(503, get("/ext/pages/favicon.ico").status);
  }

  void routes_are_admitted_like_the_kernels() {
    start();
    const std::string items = "/ext/pages/projects/default/items/7";
    CPPUNIT_ASSERT_EQUAL(200, get("/ext/pages/public").status);
    for (const std::string& path :
         {std::string("/ext/pages/signed-in"), std::string("/ext/pages/administrator"), items})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(path, 401, get(path).status);
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    CPPUNIT_ASSERT_EQUAL(200, viewer.get("/ext/pages/signed-in").status);
    CPPUNIT_ASSERT_EQUAL(403, viewer.get("/ext/pages/administrator").status);
    CPPUNIT_ASSERT_EQUAL(403, viewer.get(items).status);
    Browser op(f_, f_.sign_in("op", false, core::Role::op));
    CPPUNIT_ASSERT_EQUAL(200, op.get(items).status);
    Browser stranger(f_, f_.sign_in("stranger", false));
    CPPUNIT_ASSERT_EQUAL(404, stranger.get(items).status);
    Browser root(f_, f_.sign_in("root", true));
    CPPUNIT_ASSERT_EQUAL(200, root.get("/ext/pages/administrator").status);
    CPPUNIT_ASSERT_EQUAL(404, root.get("/ext/pages/projects/other/items/7").status);
    // A page elsewhere can't act for somebody who is signed in.
    root.csrf.clear();
    CPPUNIT_ASSERT_EQUAL(403, root.call("POST", "/ext/pages/echo", "hello").status);
    const Answered wrong = get("/ext/pages/public", {}, "POST");
    CPPUNIT_ASSERT_EQUAL(405, wrong.status);
    CPPUNIT_ASSERT_EQUAL(std::string("GET"), wrong.header("Allow"));
  }

  void routes_are_told_what_they_need() {
    start();
    const core::SignedIn who = f_.sign_in("op", false, core::Role::op);
    Browser op(f_, who);
    const Answered asked =
        op.call("GET", "/ext/pages/projects/default/items/a%2Fb?x=1&y", "",
                {{"authorization", ""}, {"user-agent", "test"}, {"x-other", "no"}});
    CPPUNIT_ASSERT_EQUAL(200, asked.status);
    CPPUNIT_ASSERT_EQUAL(std::string("a/b"), asked.text("params/id"));
    CPPUNIT_ASSERT_EQUAL(std::string("default"), asked.text("params/slug"));
    CPPUNIT_ASSERT_EQUAL(std::string("x=1&y"), asked.text("query"));
    CPPUNIT_ASSERT_EQUAL(std::string("operator"), asked.text("permissions/role"));
    CPPUNIT_ASSERT_EQUAL(std::string("false"), asked.text("permissions/is_administrator"));
    CPPUNIT_ASSERT_EQUAL(who.user.id.text(), asked.text("user_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("req_test"), asked.text("trace_id"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"user-agent":"test"})"), asked.text("headers"));
    CPPUNIT_ASSERT_EQUAL(std::string("no-store"), asked.header("Cache-Control"));
    CPPUNIT_ASSERT(!asked.header("Content-Security-Policy").empty());
  }

  void bodies_are_bounded() {
    start();
    Browser root(f_, f_.sign_in("root", true));
    const Answered fits = root.call("POST", "/ext/pages/echo", std::string(16, 'x'));
    CPPUNIT_ASSERT_EQUAL(201, fits.status);
    CPPUNIT_ASSERT_EQUAL(std::string(16, 'x'), fits.response.body);
    const Answered long_one = root.call("POST", "/ext/pages/echo", std::string(17, 'x'));
    CPPUNIT_ASSERT_EQUAL(413, long_one.status);
    CPPUNIT_ASSERT_EQUAL(std::string("payload_too_large"), long_one.text("error"));
    CPPUNIT_ASSERT_EQUAL(413, root.call("GET", "/ext/pages/signed-in", "x").status);
    CPPUNIT_ASSERT_EQUAL(
        415, root.call("POST", "/ext/pages/echo", "x", {{"content-encoding", "gzip"}}).status);
  }

  void failures_are_the_usual_errors() {
    start();
    const Answered big = get("/ext/pages/big");
    CPPUNIT_ASSERT_EQUAL(500, big.status);
    CPPUNIT_ASSERT_EQUAL(std::string("internal_error"), big.text("error"));
    const Answered refused = get("/ext/pages/refuses");
    CPPUNIT_ASSERT_EQUAL(409, refused.status);
    CPPUNIT_ASSERT_EQUAL(std::string("it is there already"), refused.text("message"));
    const Answered half = get("/ext/pages/half");
    CPPUNIT_ASSERT_EQUAL(503, half.status);
    CPPUNIT_ASSERT(half.response.body.find("secret place") == std::string::npos);
    CPPUNIT_ASSERT_EQUAL(204, get("/ext/pages/nothing", {}, "DELETE").status);
    const Answered threw = get("/ext/pages/throws");
    CPPUNIT_ASSERT_EQUAL(500, threw.status);
    CPPUNIT_ASSERT(threw.response.body.find("fault of the plugin") == std::string::npos);
    CPPUNIT_ASSERT_EQUAL(503, get("/ext/pages/public").status);  // disabled
  }

  void a_route_that_hangs_is_given_up() {
    start();
    auto answer = std::async(std::launch::async, [this] { return get("/ext/pages/never").status; });
    // The host's clock is the test's.
    while (answer.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready)
      f_.clock.advance(base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(503, answer.get());
  }

  void broken_policies_are_counted() {
    start("pages");
    const auto report = [&](const std::string& body) {
      Browser nobody(f_);
      return nobody.call("POST", "/api/v1/csp-reports", body).status;
    };
    CPPUNIT_ASSERT_EQUAL(204, report(R"({"csp-report":{"document-uri":"http://localhost/x?token=1",
                        "violated-directive":"script-src-elem 'self'","blocked-uri":"inline"}})"));
    CPPUNIT_ASSERT_EQUAL(204, report(R"([{"type":"csp-violation","body":{"documentURL":"x",
                        "effectiveDirective":"no-such"}},{"type":"deprecation","body":{}}])"));
    for (const std::string body : {"", "x", "{}", "7", "[", R"({"csp-report":7})"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(body, 422, report(body));
    Browser reader(f_);
    const Answered metrics =
        reader.call("GET", "/metrics", "", {{"authorization", "Bearer metrics-token"}});
    for (const std::string line : {"z4j_csp_reports_total{directive=\"script-src-elem\"} 1\n",
                                   "z4j_csp_reports_total{directive=\"other\"} 1\n"})
      CPPUNIT_ASSERT_MESSAGE(line, metrics.response.body.find(line) != std::string::npos);
    int status = 0;
    for (int i = 0; i < 100 && status != 429; ++i) status = report("[]");
    CPPUNIT_ASSERT_EQUAL(429, status);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiHttpTest);

}  // namespace
}  // namespace z4j::api
