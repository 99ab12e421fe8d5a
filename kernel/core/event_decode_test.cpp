#include "core/event_decode.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "core/testing/event_rows.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;
using testing::EventRow;

constexpr base::TimeUs kDecodeNow = 1'790'000'000LL * base::kSecondUs;

class EventDecodeTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EventDecodeTest);
  CPPUNIT_TEST(copies_what_the_engine_gave_and_lets_it_go);
  CPPUNIT_TEST(clamps_times);
  CPPUNIT_TEST(the_same_fact_has_the_same_id_and_another_has_not);
  CPPUNIT_TEST(ids_differ_from_the_recorded_ones_where_those_collapse_facts);
  CPPUNIT_TEST(reads_the_attributes_of_a_task);
  CPPUNIT_TEST(marks_arguments_that_are_not_whole);
  CPPUNIT_TEST(lax_numbers_are_taken_and_nonsense_is_not);
  CPPUNIT_TEST(a_reference_to_itself_or_a_long_one_is_dropped);
  CPPUNIT_TEST(the_name_of_an_engine_is_cut_to_what_filters_take);
  CPPUNIT_TEST(a_repeated_member_cannot_hide_a_secret);
  CPPUNIT_TEST_SUITE_END();

  const EventSource source_{*base::Uuid::parse("7b1d2c3a-5e6f-4a7b-8c9d-0e1f2a3b4c5d"),
                            base::Uuid::random(), "celery"};
  const Redactor redactor_ = std::move(Redactor::make({})).value();
  std::vector<std::shared_ptr<Parcel>> parcels_;  // what the events' views live in

  Event decoded(const EventRow& row) {
    BatchBuilder builder;
    testing::fill(builder, {row});
    const z4j_event_batch batch = builder.batch();
    parcels_.push_back(Parcel::copy(batch, source_, kDecodeNow));
    return decode(parcels_.back()->events.at(0), source_, kDecodeNow, redactor_);
  }

 public:
  void copies_what_the_engine_gave_and_lets_it_go() {
    auto builder = std::make_unique<BatchBuilder>();
    testing::fill(*builder, {{.kind = Z4J_EV_FAILED,
                              .at = 5,
                              .task_id = " id ",
                              .task = "name",
                              .queue = "q",
                              .worker = "w\xff",
                              .parent_id = "p",
                              .root_id = "r",
                              .attrs = R"({"a":1})",
                              .runtime_us = 7,
                              .attempt = 2}});
    const z4j_event_batch batch = builder->batch();
    const auto parcel = Parcel::copy(batch, source_, 9);
    const std::size_t bytes = Parcel::bytes_of(batch);
    builder.reset();
    const RawEvent& e = parcel->events.at(0);
    CPPUNIT_ASSERT(e.task_id == "id" && e.task == "name" && e.queue == "q" &&
                   e.worker == "w\xEF\xBF\xBD");
    CPPUNIT_ASSERT(e.parent_id == "p" && e.root_id == "r" && e.attrs == R"({"a":1})" &&
                   e.engine == "celery");
    CPPUNIT_ASSERT(e.time == 5 && e.runtime_us == 7 && e.attempt == 2 && e.kind == Z4J_EV_FAILED);
    CPPUNIT_ASSERT(bytes >= sizeof(RawEvent) + 20);
  }

  void clamps_times() {
    const base::TimeUs now = kDecodeNow;
    CPPUNIT_ASSERT_EQUAL(now + 60'000'000, clamp_time(now + 60'000'000, now));
    CPPUNIT_ASSERT_EQUAL(now, clamp_time(now + 60'000'001, now));
    CPPUNIT_ASSERT_EQUAL(now - 400 * base::kDayUs, clamp_time(now - 400 * base::kDayUs, now));
    CPPUNIT_ASSERT_EQUAL(now, clamp_time(now - 400 * base::kDayUs - 1, now));
    CPPUNIT_ASSERT_EQUAL(now, clamp_time(std::numeric_limits<std::int64_t>::min(), now));
    CPPUNIT_ASSERT_EQUAL(now, clamp_time(std::numeric_limits<std::int64_t>::max(), now));
  }

  void the_same_fact_has_the_same_id_and_another_has_not() {
    const EventRow fact{.kind = Z4J_EV_STARTED, .at = kDecodeNow, .task_id = "a"};
    const auto id = decoded(fact).id;
    auto other_report = fact;
    other_report.worker = "w";
    other_report.attrs = R"({"x":1})";
    CPPUNIT_ASSERT(decoded(other_report).id == id);
    std::set<base::Uuid> ids = {id};
    auto other = fact;
    other.at += 1;
    ids.insert(decoded(other).id);
    other = fact;
    other.engine = "rq";
    ids.insert(decoded(other).id);
    other = fact;
    other.kind = Z4J_EV_FAILED;
    ids.insert(decoded(other).id);
    other = fact;
    other.task_id = "b";
    ids.insert(decoded(other).id);
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, ids.size());
    // A worker's events by their content, so that two agents that hear one beat tell it once.
    const EventRow beat{.kind = Z4J_EV_WORKER_BEAT,
                        .at = kDecodeNow,
                        .task_id = "",
                        .worker = "w",
                        .attrs = R"({"active_tasks":1})"};
    auto changed = beat;
    changed.attrs = R"({"active_tasks":2})";
    CPPUNIT_ASSERT(decoded(beat).id == decoded(beat).id && decoded(beat).id != decoded(changed).id);
  }

  void ids_differ_from_the_recorded_ones_where_those_collapse_facts() {
    // Recorded: project, task, kind and whole second. Ours adds the engine and the microseconds, so
    // no id of a task event is equal; those of other events that bring an id of their own are.
    std::ifstream in(std::string(Z4J_SOURCE_DIR) + "/tests/fixtures/vectors/wire-event-state.json");
    std::ostringstream text;
    text << in.rdbuf();
    const json::Value vectors = json::parse(text.str()).value();
    int equal = 0, different = 0;
    for (const json::Value& item : vectors.as_object().at("event_ids").as_array()) {
      const json::Object& one = item.as_object();
      const json::Object& told = one.at("event").as_object();
      RawEvent raw;
      raw.engine = json::text(told, "engine");
      raw.task_id = json::text(told, "task_id");
      raw.kind = json::text(told, "kind") == "worker.online" ? Z4J_EV_WORKER_UP : Z4J_EV_STARTED;
      const auto given = base::Uuid::parse(json::text(told, "id"));
      if (given) raw.given_id = *given;
      const auto at = base::parse_time(json::text(told, "occurred_at")).value();
      const auto stored = base::Uuid::parse(json::text(one, "stored_id")).value_or(base::Uuid());
      if (json::boolean(one, "minted_random"))
        continue;  // ours comes from the content: a repetition is known again
      if (raw.task_id.empty()) {
        CPPUNIT_ASSERT(event_id(raw, source_, at) == stored);
        ++equal;
      } else {
        CPPUNIT_ASSERT(event_id(raw, source_, at) != stored);
        ++different;
      }
    }
    CPPUNIT_ASSERT(equal == 4 && different == 5);
  }

  void reads_the_attributes_of_a_task() {
    const Event e = decoded(
        {.kind = Z4J_EV_RECEIVED,
         .at = kDecodeNow,
         .attrs =
             R"x({"args":"(1,)","args_is_repr":true,"kwargs":{"a":2},"eta":1790000001.5,"priority":"high",
                                          "retry_count":"3","tags":["x"],"hostname":"h","unknown":[1]})x"});
    CPPUNIT_ASSERT_EQUAL(std::string("\"(1,)\""), e.facts.args);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"a":2})"), e.facts.kwargs);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, e.facts.args_flags);
    CPPUNIT_ASSERT_EQUAL(kDecodeNow + 1'500'000, *e.facts.eta);
    CPPUNIT_ASSERT(e.facts.priority == "high" && e.facts.retry_count == 3 &&
                   e.facts.tags == R"(["x"])");
    CPPUNIT_ASSERT(e.payload.find("\"unknown\":[1]") != std::string::npos);
    CPPUNIT_ASSERT(
        decoded({.at = kDecodeNow, .attrs = R"({"priority":"urgent"})"}).facts.priority ==
        "normal");
    CPPUNIT_ASSERT(
        decoded({.at = kDecodeNow, .attrs = R"({"priority":5})"}).facts.priority.empty());
    CPPUNIT_ASSERT(decoded({.at = kDecodeNow, .attrs = R"({"rebuilt":true})"}).facts.rebuilt);
  }

  void marks_arguments_that_are_not_whole() {
    const auto flags = [&](const std::string& attrs) {
      return decoded({.kind = Z4J_EV_RECEIVED, .at = kDecodeNow, .attrs = attrs}).facts.args_flags;
    };
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, flags(R"({"args":[1],"result":"a@b.com"})"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, flags(R"({"args":["a@b.com"]})"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2 | 4},
                         flags(R"({"kwargs":"{'token': 1}","kwargs_is_repr":true})"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{8},
                         flags(R"({"args":[")" + std::string(9000, 'x') + R"("]})"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{8}, flags(R"({"args":[")" +
                                                std::string(std::size_t{3} << 20, 'x') + R"("]})"));
  }

  void lax_numbers_are_taken_and_nonsense_is_not() {
    const auto retries = [&](const char* value) {
      return decoded({.at = kDecodeNow, .attrs = std::string(R"({"retry_count":)") + value + "}"})
          .facts.retry_count;
    };
    CPPUNIT_ASSERT(retries("2") == 2 && retries("2.0") == 2 && retries("\"2\"") == 2);
    for (const char* bad : {"-1", "\"x\"", "\"\"", "\"-\"", "null", "[1]", "1e300",
                            "18446744073709551615", "\"99999999999999999999\""}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !retries(bad).has_value() || *retries(bad) == 0);
    }
  }

  void a_reference_to_itself_or_a_long_one_is_dropped() {
    const Event e = decoded(
        {.at = kDecodeNow, .task_id = "a", .parent_id = "a", .root_id = std::string(201, 'r')});
    CPPUNIT_ASSERT(e.parent_id.empty() && e.root_id.empty());
  }

  void the_name_of_an_engine_is_cut_to_what_filters_take() {
    const Event e =
        decoded({.at = kDecodeNow, .task_id = "a", .engine = std::string(50, 'e') + "x"});
    CPPUNIT_ASSERT_EQUAL(std::string(40, 'e'), std::string(e.engine));
  }

  void a_repeated_member_cannot_hide_a_secret() {
    const Event e = decoded({.at = kDecodeNow, .attrs = R"({"a":"user@example.com","a":"fine"})"});
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"a":"fine"})"), e.payload);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EventDecodeTest);

}  // namespace
}  // namespace z4j::core
