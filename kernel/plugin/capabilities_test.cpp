// What a call asks for, and how its answer is counted.
#include "plugin/capabilities.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::plugin {
namespace {

class CapabilitiesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CapabilitiesTest);
  CPPUNIT_TEST(every_bit_of_the_header_has_a_name);
  CPPUNIT_TEST(an_answer_is_counted_by_its_outcome);
  CPPUNIT_TEST(an_error_is_counted_by_whose_it_is);
  CPPUNIT_TEST(each_of_many_targets_is_counted);
  CPPUNIT_TEST(unsupported_is_said_of_the_form);
  CPPUNIT_TEST(a_snapshot_that_not_all_have_is_refused);
  CPPUNIT_TEST(a_schedule_is_put_in_a_form);
  CPPUNIT_TEST(what_was_served_undeclared_says_so);
  CPPUNIT_TEST(texts_are_cut);
  CPPUNIT_TEST_SUITE_END();

  using Answer = base::Result<std::string>;
  static base::Error error(base::Code code, std::string message = "why") {
    base::Error e;
    e.code = code;
    e.message = std::move(message);
    return e;
  }
  // "retry done 1; many refused 2"
  static std::string text(const std::vector<Sighting>& seen) {
    std::string out;
    for (const Sighting& s : seen) {
      out += (out.empty() ? "" : "; ") + s.name;
      for (std::size_t i = 0; i < kOutcomes; ++i) {
        if (s.times[i] > 0)
          out += " " + std::string(to_string(static_cast<CallOutcome>(i))) + " " +
                 std::to_string(s.times[i]);
      }
      if (s.is_undeclared) out += " undeclared";
    }
    return out;
  }
  static std::string of_command(std::uint64_t verb, const Answer& answer,
                                std::string_view target = "t", std::string_view args = "{}",
                                std::uint64_t declared = ~std::uint64_t{0}) {
    return text(sightings(asked_by_command(declared, verb, target, args), answer));
  }

 public:
  void every_bit_of_the_header_has_a_name() {
    std::vector<Capability> engine, scheduler, notifier;
    add_engine_capabilities(engine, Z4J_ENGINE_RETRY | Z4J_ENGINE_DELETE);
    CPPUNIT_ASSERT_EQUAL(std::size_t{19}, engine.size());
    CPPUNIT_ASSERT_EQUAL(std::string("events"), engine.front().name);
    CPPUNIT_ASSERT_EQUAL(std::string("delete"), engine.back().name);
    std::string declared;
    for (const Capability& c : engine) declared += c.is_declared ? c.name + " " : "";
    CPPUNIT_ASSERT_EQUAL(std::string("retry delete "), declared);
    add_scheduler_capabilities(scheduler, Z4J_SCHED_STORE, true);
    CPPUNIT_ASSERT_EQUAL(std::size_t{11}, scheduler.size());
    CPPUNIT_ASSERT(scheduler[9].name == "store" && scheduler[9].is_declared);
    CPPUNIT_ASSERT(scheduler[10].name == "preview" && scheduler[10].is_declared);
    add_notifier_capabilities(notifier);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, notifier.size());
    CPPUNIT_ASSERT(notifier[0].name == "send" && notifier[0].is_declared);
  }

  void an_answer_is_counted_by_its_outcome() {
    for (const char* word : {"done", "sent", "refused", "unknown", "failed"}) {
      const Answer answer(R"({"outcome":")" + std::string(word) + R"(","reason":"so"})");
      CPPUNIT_ASSERT_EQUAL("purge " + std::string(word) + " 1",
                           of_command(Z4J_ENGINE_PURGE, answer));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("purge done 1"), of_command(Z4J_ENGINE_PURGE, std::string()));
    CPPUNIT_ASSERT_EQUAL(std::string("purge failed 1"),
                         of_command(Z4J_ENGINE_PURGE, std::string("nonsense")));
    const auto seen = sightings(asked_by_command(0, Z4J_ENGINE_PURGE, "q", "{}"),
                                std::string(R"({"outcome":"refused","reason":"it is paused"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("it is paused"), seen.at(0).text);
    CPPUNIT_ASSERT_EQUAL(std::string(), seen.at(0).code);
    const Asked send{.kind = CapabilityKind::notifier, .name = "send", .tells_outcome = true};
    CPPUNIT_ASSERT_EQUAL(
        std::string("send failed 1"),
        text(sightings(send, std::string(R"({"outcome":"retry","error":"HTTP 500"})"))));
  }

  void an_error_is_counted_by_whose_it_is() {
    const std::pair<base::Code, const char*> kinds[] = {{base::Code::unsupported, "unsupported"},
                                                        {base::Code::unknown, "unknown"},
                                                        {base::Code::invalid, "refused"},
                                                        {base::Code::not_found, "refused"},
                                                        {base::Code::busy, "failed"},
                                                        {base::Code::timeout, "failed"},
                                                        {base::Code::internal, "failed"}};
    for (const auto& [code, word] : kinds) {
      CPPUNIT_ASSERT_EQUAL("rate " + std::string(word) + " 1",
                           of_command(Z4J_ENGINE_RATE, error(code)));
    }
    const auto seen = sightings(asked_by_command(0, Z4J_ENGINE_RATE, "t", "{}"),
                                error(base::Code::unavailable, "no broker"));
    CPPUNIT_ASSERT_EQUAL(std::string("unavailable"), seen.at(0).code);
    CPPUNIT_ASSERT_EQUAL(std::string("no broker"), seen.at(0).text);
  }

  void each_of_many_targets_is_counted() {
    const Answer answer(
        R"({"outcome":"done","items":[{"outcome":"done"},{"outcome":"refused"},{"outcome":"done"},7]})");
    CPPUNIT_ASSERT_EQUAL(std::string("retry done 2 refused 1 failed 1; many done 1"),
                         of_command(Z4J_ENGINE_RETRY, answer, "", R"({"items":[]})"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("many done 1"),
        of_command(Z4J_ENGINE_REVOKE, std::string(R"({"outcome":"done","items":[]})"), "", "{}"));
  }

  void unsupported_is_said_of_the_form() {
    const Answer no(error(base::Code::unsupported));
    CPPUNIT_ASSERT_EQUAL(std::string("revoke unsupported 1"), of_command(Z4J_ENGINE_REVOKE, no));
    CPPUNIT_ASSERT_EQUAL(std::string("revoke refused 1; terminate unsupported 1"),
                         of_command(Z4J_ENGINE_REVOKE, no, "t", R"({"terminate":true})"));
    CPPUNIT_ASSERT_EQUAL(std::string("retry refused 1; many unsupported 1"),
                         of_command(Z4J_ENGINE_RETRY, no, ""));
  }

  void a_snapshot_that_not_all_have_is_refused() {
    const Answer no(error(base::Code::unsupported));
    const std::uint64_t all = ~std::uint64_t{0};
    CPPUNIT_ASSERT_EQUAL(std::string("snapshot refused 1"),
                         text(sightings(asked_by_snapshot(all, "abilities"), no)));
    CPPUNIT_ASSERT_EQUAL(std::string("dead_letters unsupported 1"),
                         text(sightings(asked_by_snapshot(all, "dead_letters"), no)));
    CPPUNIT_ASSERT_EQUAL(std::string("copy done 1"),
                         text(sightings(asked_by_snapshot(all, "copy"), std::string("{"))));
  }

  void a_schedule_is_put_in_a_form() {
    const std::uint64_t all = ~std::uint64_t{0};
    const Answer yes((std::string())), no(error(base::Code::unsupported));
    const auto put = [&](std::string_view schedule, const Answer& answer) {
      return text(sightings(asked_by_put(all, schedule), answer));
    };
    CPPUNIT_ASSERT_EQUAL(std::string("write done 1; once done 1"),
                         put(R"({"name":"n","kind":"clocked"})", yes));
    CPPUNIT_ASSERT_EQUAL(std::string("write refused 1; solar unsupported 1"),
                         put(R"({"name":"n","kind":"solar"})", no));
    CPPUNIT_ASSERT_EQUAL(std::string("pause done 1"), put(R"({"id":"1","is_enabled":false})", yes));
    CPPUNIT_ASSERT_EQUAL(std::string("write done 1"), put(R"({"queue":"q"})", yes));
    CPPUNIT_ASSERT_EQUAL(std::string("write done 1"), put("no schedule", yes));
    CPPUNIT_ASSERT_EQUAL(std::string("preview done 1; cron done 1"),
                         text(sightings(asked_by_preview(all, R"({"kind":"cron"})"), yes)));
  }

  void what_was_served_undeclared_says_so() {
    const std::string done = R"({"outcome":"done"})";
    CPPUNIT_ASSERT_EQUAL(
        std::string("revoke done 1; terminate done 1 undeclared"),
        of_command(Z4J_ENGINE_REVOKE, done, "t", R"({"terminate":true})", Z4J_ENGINE_REVOKE));
    CPPUNIT_ASSERT_EQUAL(std::string("revoke refused 1; terminate refused 1"),
                         of_command(Z4J_ENGINE_REVOKE, std::string(R"({"outcome":"refused"})"), "t",
                                    R"({"terminate":true})", Z4J_ENGINE_REVOKE));
  }

  void texts_are_cut() {
    const auto seen = sightings(asked_by_command(0, Z4J_ENGINE_RATE, "t", "{}"),
                                error(base::Code::io, std::string(1000, 'x')));
    CPPUNIT_ASSERT_EQUAL(std::size_t{200}, seen.at(0).text.size());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CapabilitiesTest);

}  // namespace
}  // namespace z4j::plugin
