// What http plugins declare, and their replies through the host.
#include "plugin/http.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <future>
#include <mutex>

#include "plugin/crossing.hpp"
#include "plugin/host.hpp"
#include "plugin/testing/isolation.hpp"

namespace z4j::plugin {
namespace {

z4j_route route(std::string_view method, std::string_view path, std::string_view permission = "",
                std::uint32_t flags = 0, std::uint32_t max_body = 0) {
  return {lend(method), lend(path), lend(permission), flags, max_body};
}
z4j_asset asset(std::string_view path, std::string_view type = "text/plain",
                std::string_view etag = "", std::string_view bytes = "x") {
  return {lend(path), lend(type), lend(etag), lend(bytes)};
}

class HttpTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(HttpTest);
  CPPUNIT_TEST(table_keeps_routes_and_assets);
  CPPUNIT_TEST(defects_are_named);
  CPPUNIT_TEST(a_running_instance_serves_its_table);
  CPPUNIT_TEST(replies_come_back_whole);
  CPPUNIT_TEST(bad_replies_end_as_errors);
  CPPUNIT_TEST(an_exception_disables_the_instance);
  CPPUNIT_TEST(a_late_reply_is_dropped);
  CPPUNIT_TEST(stop_answers_what_is_under_way);
  CPPUNIT_TEST(few_requests_are_under_way_at_once);
  CPPUNIT_TEST_SUITE_END();

  base::SystemClock clock_;
  std::mutex mutex_;
  std::vector<double> begun_;  // what test-http told of its begin()
  std::vector<std::string> seen_;

  static base::Result<HttpTable> table(const std::vector<z4j_route>& routes,
                                       const std::vector<z4j_asset>& assets) {
    z4j_http http{};
    http.struct_size = sizeof http;
    http.route_count = static_cast<std::uint32_t>(routes.size());
    http.routes = routes.data();
    http.asset_count = static_cast<std::uint32_t>(assets.size());
    http.assets = assets.data();
    return http_table(http);
  }
  static void assert_defect(const std::string& words, const base::Result<HttpTable>& result) {
    CPPUNIT_ASSERT_MESSAGE(words, !result.ok());
    CPPUNIT_ASSERT_MESSAGE(words + " in: " + result.error().message,
                           result.error().message.find(words) != std::string::npos);
  }

  std::unique_ptr<Host> host() {
    Host::Options options;
    options.directories = {Z4J_TEST_PLUGIN_DIR};
    testing::choose_isolation(options);
    Callbacks callbacks;
    callbacks.metric = [this](const std::string&, std::string_view name, std::string_view,
                              double value, int) {
      const std::lock_guard lock(mutex_);
      if (name == "begun") begun_.push_back(value);
    };
    callbacks.seen = [this](const Seen& told) {
      const std::lock_guard lock(mutex_);
      seen_.push_back(told.what.name + " " + std::string(to_string(told.what.last)) + " " +
                      told.what.code);
    };
    auto out = std::make_unique<Host>(options, std::move(callbacks), base::Log::quiet(), clock_);
    config::PluginEntry entry;
    entry.name = "pages";
    entry.plugin = "test-http";
    const auto started = out->start(entry);
    CPPUNIT_ASSERT_MESSAGE(started.ok() ? "" : started.error().text(), started.ok());
    return out;
  }
  static std::future<base::Result<HttpReply>> ask(Host& host, std::string_view path,
                                                  int deadline_ms = 20'000) {
    const HttpTable* served = host.serves("pages");
    CPPUNIT_ASSERT(served != nullptr);
    HttpRequest request;
    while (served->routes.at(request.route).path != path) ++request.route;
    request.path = path;
    request.body = "body";
    request.params_json = request.headers_json = request.permissions_json = "{}";
    auto promise = std::make_shared<std::promise<base::Result<HttpReply>>>();
    auto future = promise->get_future();
    host.serve("pages", std::move(request), deadline_ms,
               [promise](base::Result<HttpReply> reply) { promise->set_value(std::move(reply)); });
    return future;
  }

 public:
  void table_keeps_routes_and_assets() {
    const auto served = table({route("GET", "a/{id}"), route("GET", "b", "", Z4J_ROUTE_PUBLIC),
                               route("POST", "p/{slug}", "viewer", 0, kMostHttpBody)},
                              {asset("index.html"), asset("a/b.js", "text/javascript", "tag")});
    CPPUNIT_ASSERT_MESSAGE(served ? "" : served.error().message, served.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, served->routes.size());
    CPPUNIT_ASSERT(served->routes[1].is_public && !served->routes[0].is_public);
    CPPUNIT_ASSERT_EQUAL(std::string("\"tag\""), served->assets.at("a/b.js").etag);
    // Made of the bytes.
    CPPUNIT_ASSERT_EQUAL(std::size_t{34}, served->assets.at("index.html").etag.size());
  }

  void defects_are_named() {
    for (const std::string_view path :
         {"", "/a", "a/", "a//b", "../a", "a/./b", "a?b", "a b", "a\\b", "{", "a{b}", "{a}{b}"})
      assert_defect("a path that is none", table({route("GET", path)}, {}));
    for (const std::string_view path : {"", "/index.html", "a/../b", "a\nb"})
      assert_defect("a path that is none", table({}, {asset(path)}));
    assert_defect("flags", table({route("GET", "a", "", 1u << 9)}, {}));
    assert_defect("a method other than", table({route("TRACE", "a")}, {}));
    assert_defect("more than 1048576 bytes",
                  table({route("POST", "a", "", 0, kMostHttpBody + 1)}, {}));
    assert_defect("is public and wants",
                  table({route("GET", "a", "administrator", Z4J_ROUTE_PUBLIC)}, {}));
    assert_defect("expected viewer, operator, admin or administrator",
                  table({route("GET", "a/{slug}", "owner")}, {}));
    assert_defect("no {slug}", table({route("GET", "a/{slugs}", "viewer")}, {}));
    assert_defect("is there twice", table({route("GET", "a"), route("GET", "a")}, {}));
    assert_defect("is there twice", table({}, {asset("a"), asset("a")}));
    assert_defect("no content type", table({}, {asset("a", "")}));
    assert_defect("no content type", table({}, {asset("a", "text/html\r\nX: y")}));
    assert_defect("an etag that is none", table({}, {asset("a", "text/plain", "a\"b")}));
    assert_defect("expected at most 256", table(std::vector<z4j_route>(257), {}));
  }

  void a_running_instance_serves_its_table() {
    const auto h = host();
    CPPUNIT_ASSERT(h->serves("pages")->assets.contains("index.html"));
    CPPUNIT_ASSERT(h->serves("nobody") == nullptr);
    CPPUNIT_ASSERT(h->stop("pages").ok());
    CPPUNIT_ASSERT(h->serves("pages") == nullptr);
  }

  void replies_come_back_whole() {
    const auto h = host();
    const auto echoed = ask(*h, "echo").get();
    CPPUNIT_ASSERT_MESSAGE(echoed ? "" : echoed.error().text(), echoed.ok());
    CPPUNIT_ASSERT_EQUAL(201, echoed->code);
    CPPUNIT_ASSERT_EQUAL(std::string("body"), echoed->body);
    CPPUNIT_ASSERT_EQUAL(std::string("\"1\""), echoed->headers.at(0).second);
    const auto result = ask(*h, "result").get();
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"from":"op"})"), result.value().body);
    CPPUNIT_ASSERT_EQUAL(std::string("application/json"), result.value().content_type);
    CPPUNIT_ASSERT_EQUAL(204, ask(*h, "nothing").get().value().code);
    const std::lock_guard lock(mutex_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, seen_.size());
    CPPUNIT_ASSERT_MESSAGE(seen_[0], seen_[0].ends_with(" echo done 201"));
    CPPUNIT_ASSERT_MESSAGE(seen_[2], seen_[2].ends_with(" nothing done 204"));
  }

  void bad_replies_end_as_errors() {
    const auto h = host();
    const auto big = ask(*h, "big").get();
    CPPUNIT_ASSERT(!big.ok() && big.error().code == base::Code::internal);
    CPPUNIT_ASSERT(big.error().message.find("larger than") != std::string::npos);
    const auto header = ask(*h, "bad-header").get();
    CPPUNIT_ASSERT(!header.ok());
    const auto half = ask(*h, "half").get();
    CPPUNIT_ASSERT(!half.ok() && half.error().code == base::Code::unavailable);
    const auto refused = ask(*h, "refuses").get();
    CPPUNIT_ASSERT(!refused.ok() && refused.error().code == base::Code::conflict);
    {
      const std::lock_guard lock(mutex_);
      CPPUNIT_ASSERT_MESSAGE(seen_.back(), seen_.back().ends_with(" refuses failed conflict"));
    }
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, h->report("pages").value().faults);
    CPPUNIT_ASSERT(h->serves("pages") != nullptr);
  }

  void an_exception_disables_the_instance() {
    const auto h = host();
    const auto threw = ask(*h, "throws").get();
    CPPUNIT_ASSERT(!threw.ok() && threw.error().code == base::Code::internal);
    CPPUNIT_ASSERT(h->serves("pages") == nullptr);
    CPPUNIT_ASSERT(h->report("pages").value().state == State::faulted);
  }

  void a_late_reply_is_dropped() {
    const auto h = host();
    const auto slow = ask(*h, "slow", 100).get();
    CPPUNIT_ASSERT(!slow.ok() && slow.error().code == base::Code::timeout);
    CPPUNIT_ASSERT(h->stop("pages").ok());  // waits for what the plugin still does
    const std::lock_guard lock(mutex_);
    CPPUNIT_ASSERT(begun_ == std::vector<double>{0});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, h->report("pages").value().late_answers);
  }

  void stop_answers_what_is_under_way() {
    const auto h = host();
    auto never = ask(*h, "never");
    (void)ask(*h, "nothing").get();  // behind it: the plugin has it
    CPPUNIT_ASSERT(h->stop("pages").ok());
    const auto answer = never.get();
    CPPUNIT_ASSERT(!answer.ok());
  }

  void few_requests_are_under_way_at_once() {
    const auto h = host();
    std::vector<std::future<base::Result<HttpReply>>> waiting;
    for (int i = 0; i < 8; ++i) waiting.push_back(ask(*h, "slow"));
    const auto more = ask(*h, "nothing").get();
    CPPUNIT_ASSERT(!more.ok() && more.error().code == base::Code::busy);
    for (auto& each : waiting) CPPUNIT_ASSERT_EQUAL(200, each.get().value().code);
    CPPUNIT_ASSERT(ask(*h, "nothing").get().ok());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpTest);

}  // namespace
}  // namespace z4j::plugin
