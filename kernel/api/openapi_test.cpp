// The description of the API, and what the table of routes promises.
#include "api/openapi.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <set>
#include <vector>

#include "api/testing/api_fixture.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Browser;
using testing::Object;
using testing::Value;

class OpenapiTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(OpenapiTest);
  CPPUNIT_TEST(every_route_is_described);
  CPPUNIT_TEST(the_document_names_every_route_once);
  CPPUNIT_TEST(a_known_document_is_not_sent_again);
  CPPUNIT_TEST(reading_it_is_recorded);
  CPPUNIT_TEST(visibility_opens_and_hides_it);
  CPPUNIT_TEST(the_page_runs_nothing_and_loads_nothing);
  CPPUNIT_TEST(a_packed_body_is_refused);
  CPPUNIT_TEST(every_bucket_runs_full_and_says_until_when);
  CPPUNIT_TEST(paths_answer_their_methods_only);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;

 public:
  void every_route_is_described() {
    for (const Route& route : f_.api().router().routes()) {
      const std::string name = std::string(route.method) + " " + std::string(route.path);
      CPPUNIT_ASSERT_MESSAGE(name + " says nothing of itself", !route.description.summary.empty());
      CPPUNIT_ASSERT_MESSAGE(name + " gives nothing", !route.description.answers.empty());
    }
  }

  void the_document_names_every_route_once() {
    const Router& router = f_.api().router();
    const Object document = openapi_document(router, "1");
    std::set<std::string> ids;
    std::size_t count = 0;
    for (const auto& path : document.at("paths").get_object()) {
      for (const auto& operation : path.value().get_object()) {
        ids.insert(std::string(operation.value().at("operationId").get_string()));
        ++count;
      }
    }
    CPPUNIT_ASSERT_EQUAL(router.routes().size() + router.beside().size(), count);
    CPPUNIT_ASSERT_EQUAL(count, ids.size());
    // Every reference leads somewhere.
    const std::string text = base::json::write(document);
    const Object& schemas = document.at("components").at("schemas").get_object();
    constexpr std::string_view kReference = "\"#/components/schemas/";
    for (std::size_t at = text.find(kReference); at != std::string::npos;
         at = text.find(kReference, at + 1)) {
      const std::size_t from = at + kReference.size();
      CPPUNIT_ASSERT(schemas.contains(text.substr(from, text.find('"', from) - from)));
    }
  }

  void a_known_document_is_not_sent_again() {
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    const Answered first = viewer.get("/api/v1/openapi.json");
    CPPUNIT_ASSERT_EQUAL(200, first.status);
    CPPUNIT_ASSERT_EQUAL(std::string("3.1.0"), first.text("openapi"));
    CPPUNIT_ASSERT_EQUAL(std::string("1.2.3"), first.text("info/version"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{34}, first.header("ETag").size());
    CPPUNIT_ASSERT_EQUAL(std::string("private, max-age=3600"), first.header("Cache-Control"));
    const Answered again =
        viewer.call("GET", "/api/v1/openapi.json", {}, {{"if-none-match", first.header("ETag")}});
    CPPUNIT_ASSERT_EQUAL(304, again.status);
    CPPUNIT_ASSERT(again.response.body.empty());
  }

  void reading_it_is_recorded() {
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    CPPUNIT_ASSERT_EQUAL(200, viewer.get("/api/v1/docs").status);
    Browser root(f_, f_.sign_in("root", true));
    CPPUNIT_ASSERT_EQUAL(std::string("openapi.schema_accessed"),
                         root.get("/api/v1/activity").text("items/0/action"));
  }

  void visibility_opens_and_hides_it() {
    CPPUNIT_ASSERT_EQUAL(401, Browser(f_).get("/api/v1/openapi.json").status);
    f_.settings.openapi_visibility = "public";
    f_.open();
    const Answered open = Browser(f_).get("/api/v1/openapi.json");
    CPPUNIT_ASSERT_EQUAL(200, open.status);
    CPPUNIT_ASSERT_EQUAL(std::string("public, max-age=86400, immutable"),
                         open.header("Cache-Control"));
    f_.settings.openapi_visibility = "disabled";
    f_.open();
    CPPUNIT_ASSERT_EQUAL(404, Browser(f_).get("/api/v1/openapi.json").status);
    CPPUNIT_ASSERT_EQUAL(404, Browser(f_).get("/api/v1/docs").status);
  }

  void the_page_runs_nothing_and_loads_nothing() {
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    const Answered page = viewer.get("/api/v1/docs");
    CPPUNIT_ASSERT_EQUAL(200, page.status);
    const std::string& html = page.response.body;
    for (const char* absent : {"<script", "<link", "src=", "http://", "https://", "javascript:"})
      CPPUNIT_ASSERT_MESSAGE(absent, html.find(absent) == std::string::npos);
    CPPUNIT_ASSERT(page.header("Content-Security-Policy").starts_with("default-src 'none'"));
    CPPUNIT_ASSERT(html.find("/api/v1/projects/{slug}/tasks") != std::string::npos);
  }

  void a_packed_body_is_refused() {
    Browser root(f_, f_.sign_in("root", true));
    const Answered packed =
        root.call("POST", "/api/v1/projects", "\x1f\x8b", {{"content-encoding", "gzip"}});
    CPPUNIT_ASSERT_EQUAL(415, packed.status);
    CPPUNIT_ASSERT_EQUAL(std::string("identity"), packed.header("Accept-Encoding"));
  }

  // Each address and bucket counts by itself; what a request asks for does not matter.
  void every_bucket_runs_full_and_says_until_when() {
    Browser root(f_, f_.sign_in("root", true));
    std::set<std::string_view> tried;
    std::vector<Route> routes = f_.api().router().routes();
    for (const Route& route : routes) {
      const core::RateBucket* const bucket = route.policy.bucket;
      if (bucket == nullptr || !tried.insert(bucket->name).second) continue;
      std::string path(route.path);
      for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{'))
        path.replace(at, path.find('}') - at + 1, "nowhere");
      const std::string method(route.method);
      for (unsigned i = 0; i < bucket->limit; ++i)
        CPPUNIT_ASSERT_MESSAGE(path, root.call(method, path, "{}").status != 429);
      const Answered refused = root.call(method, path, "{}");
      CPPUNIT_ASSERT_EQUAL_MESSAGE(path, 429, refused.status);
      CPPUNIT_ASSERT_EQUAL(std::to_string(bucket->window_s), refused.header("Retry-After"));
      CPPUNIT_ASSERT_EQUAL(std::string("rate_limited"), refused.text("error"));
      CPPUNIT_ASSERT(refused.text("detail").find(bucket->name) != std::string::npos);
    }
    for (const core::RateBucket& documented : {core::kLoginBucket, core::kSetupCompleteBucket,
                                               core::kBulkActionBucket, core::kOpenapiBucket})
      CPPUNIT_ASSERT_MESSAGE(std::string(documented.name), tried.count(documented.name) == 1);
  }

  void paths_answer_their_methods_only() {
    Browser root(f_, f_.sign_in("root", true));
    const Answered head = root.call("HEAD", "/api/v1/health");
    CPPUNIT_ASSERT_EQUAL(405, head.status);
    CPPUNIT_ASSERT_EQUAL(std::string("GET"), head.header("Allow"));
    CPPUNIT_ASSERT_EQUAL(405, root.call("OPTIONS", "/api/v1/health").status);
    CPPUNIT_ASSERT_EQUAL(405, root.call("DELETE", "/api/v1/health").status);
    CPPUNIT_ASSERT_EQUAL(404, root.get("/api/v1/health/").status);
    CPPUNIT_ASSERT_EQUAL(std::string("Not Found"), root.get("/api/v1/nowhere").text("detail"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(OpenapiTest);

}  // namespace
}  // namespace z4j::api
