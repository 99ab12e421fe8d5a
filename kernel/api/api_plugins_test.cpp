// What a plugin instance declares, beside what was seen of it.
#include <cppunit/extensions/HelperMacros.h>

#include "api/testing/api_fixture.hpp"
#include "core/plugin_capabilities.hpp"

namespace z4j::api {
namespace {

using plugin::CallOutcome;
using plugin::CapabilityKind;
using testing::Answered;
using testing::ApiFixture;
using testing::Browser;

class ApiPluginsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiPluginsTest);
  CPPUNIT_TEST(what_is_declared_stands_beside_what_was_seen);
  CPPUNIT_TEST(one_that_does_not_run_here_shows_what_was_seen);
  CPPUNIT_TEST(without_somebody_who_gathers_nothing_was_seen);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture fixture_;
  core::PluginCapabilities seen_{*fixture_.store, fixture_.clock, fixture_.log, {}};

  static config::PluginEntry entry() {
    config::PluginEntry out;
    out.name = "engine";
    out.plugin = "test-engine";
    out.settings["capabilities"] =
        Z4J_ENGINE_EVENTS | Z4J_ENGINE_RETRY | Z4J_ENGINE_RATE | Z4J_ENGINE_STREAM;
    return out;
  }
  void start() {
    const auto started = fixture_.plugins->start(entry());
    CPPUNIT_ASSERT_MESSAGE(started ? "" : started.error().text(), started.ok());
  }
  void see(const std::string& name, CallOutcome outcome, const std::string& code = "",
           const std::string& text = "", const std::string& version = "0.1.0",
           bool is_undeclared = false) {
    plugin::Seen one{"engine", "org.z4j.test-engine", version,
                     plugin::sighting(CapabilityKind::engine, name, outcome, code, text)};
    one.what.is_undeclared = is_undeclared;
    seen_.seen(one);
  }
  Answered ask(bool is_gathered = true) {
    fixture_.entries = {entry()};
    fixture_.open([&](Parts& parts) {
      if (is_gathered) parts.capabilities = &seen_;
    });
    Browser root(fixture_, fixture_.sign_in("root" + std::to_string(++people_), true));
    const Answered answered = root.get("/api/v1/plugins/engine");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(answered.response.body, 200, answered.status);
    CPPUNIT_ASSERT(root.get("/api/v1/plugins").text("items/0/capabilities") == "(missing)");
    return answered;
  }
  static std::string of(const Answered& answered, std::string_view verb, const std::string& path) {
    const base::json::Array& all = answered.json.get_object().at("capabilities").get_array();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (base::json::text(all[i].get_object(), "verb") == verb)
        return answered.text("capabilities/" + std::to_string(i) + "/" + path);
    }
    return "(no such verb)";
  }
  int people_ = 0;

 public:
  void what_is_declared_stands_beside_what_was_seen() {
    start();
    see("retry", CallOutcome::done);
    fixture_.clock.advance(60 * base::kSecondUs);
    see("retry", CallOutcome::refused, "", "arguments not recoverable");
    see("rate", CallOutcome::unsupported, "unsupported", "no rates here");
    see("purge", CallOutcome::unsupported, "unsupported");  // it did not declare it either
    see("terminate", CallOutcome::done, "", "", "0.1.0", true);
    see("events", CallOutcome::done, "", "", "0.0.9", true);  // of an older version
    const Answered a = ask();
    CPPUNIT_ASSERT_EQUAL(std::string("engine"), of(a, "retry", "kind"));
    CPPUNIT_ASSERT_EQUAL(std::string("true"), of(a, "retry", "declared"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), of(a, "retry", "observed/asked"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), of(a, "retry", "observed/done"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), of(a, "retry", "observed/refused"));
    CPPUNIT_ASSERT_EQUAL(std::string("refused"), of(a, "retry", "observed/last_outcome"));
    CPPUNIT_ASSERT_EQUAL(std::string("arguments not recoverable"),
                         of(a, "retry", "observed/last_text"));
    CPPUNIT_ASSERT_EQUAL(base::format_time(fixture_.clock.now()),
                         of(a, "retry", "observed/last_at"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), of(a, "retry", "contradiction"));

    CPPUNIT_ASSERT_EQUAL(std::string("unsupported"), of(a, "rate", "contradiction"));
    CPPUNIT_ASSERT_EQUAL(std::string("unsupported"), of(a, "rate", "observed/last_code"));
    CPPUNIT_ASSERT_EQUAL(std::string("false"), of(a, "purge", "declared"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), of(a, "purge", "contradiction"));
    CPPUNIT_ASSERT_EQUAL(std::string("undeclared"), of(a, "terminate", "contradiction"));
    CPPUNIT_ASSERT_EQUAL(std::string("true"), of(a, "events", "declared"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), of(a, "events", "observed"));
    CPPUNIT_ASSERT_EQUAL(std::string("false"), of(a, "stream", "observable"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{19},
                         a.json.get_object().at("capabilities").get_array().size());
  }

  void one_that_does_not_run_here_shows_what_was_seen() {
    see("retry", CallOutcome::unsupported);
    const Answered a = ask();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, a.json.get_object().at("capabilities").get_array().size());
    CPPUNIT_ASSERT_EQUAL(std::string("null"), of(a, "retry", "declared"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), of(a, "retry", "observed/unsupported"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), of(a, "retry", "contradiction"));
  }

  void without_somebody_who_gathers_nothing_was_seen() {
    start();
    see("retry", CallOutcome::done);
    const Answered a = ask(false);
    CPPUNIT_ASSERT_EQUAL(std::string("true"), of(a, "retry", "declared"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), of(a, "retry", "observed"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiPluginsTest);

}  // namespace
}  // namespace z4j::api
