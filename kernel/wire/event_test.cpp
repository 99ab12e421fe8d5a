#include "wire/event.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "base/uuid.hpp"
#include "wire/time.hpp"

namespace z4j::wire {
namespace {

namespace json = base::json;

constexpr base::TimeUs kEventNow = 1'780'920'000LL * base::kSecondUs;

std::string_view cell(const z4j_strcol& column, std::uint32_t row) {
  const std::uint32_t from = column.offsets[row];
  return {column.data + from, column.offsets[row + 1] - from};
}
std::string_view cell(const z4j_dictcol& column, std::uint32_t row) {
  return cell(column.dict, column.index[row]);
}

class EventTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EventTest);
  CPPUNIT_TEST(a_celery_event_becomes_a_row);
  CPPUNIT_TEST(rq_tells_a_traceback_as_the_exception);
  CPPUNIT_TEST(what_is_no_event_is_not_added);
  CPPUNIT_TEST(bad_members_count_as_absent);
  CPPUNIT_TEST(unknown_kinds_are_kept_by_name);
  CPPUNIT_TEST(a_made_up_task_name_is_no_name);
  CPPUNIT_TEST(an_event_comes_back_as_it_was_told);
  CPPUNIT_TEST(ids_are_v4_on_the_wire);
  CPPUNIT_TEST(times_are_read_as_python_reads_them);
  CPPUNIT_TEST_SUITE_END();

  EventRows rows_;

  z4j_event_batch row_of(const std::string& event) {
    rows_.clear();
    CPPUNIT_ASSERT(rows_.add(json::parse(event).value(), kEventNow));
    return rows_.batch();
  }

 public:
  void a_celery_event_becomes_a_row() {
    const auto batch = row_of(
        R"({"id":"8c0f1e2d-3b4a-4c5d-8e6f-708192a3b4c5","kind":" task.succeeded ","engine":"celery",)"
        R"("task_id":" t-1 ","occurred_at":"2026-06-08T12:00:00.5+00:00","later":1,"data":{)"
        R"("task_name":"app.add","queue":"celery","worker":"celery@web","args":"[REDACTED]",)"
        R"("runtime_ms":12.5,"result":[1,2.0],"parent_task_id":"p","root_task_id":"r",)"
        R"("priority":"high","tags":["a"]}})");
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{1}, batch.rows);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{Z4J_EV_SUCCEEDED}, batch.kind[0]);
    CPPUNIT_ASSERT_EQUAL(kEventNow + 500'000, batch.time_us[0]);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{12'500}, batch.runtime_us[0]);
    CPPUNIT_ASSERT(cell(batch.engine, 0) == "celery" && cell(batch.task, 0) == "app.add");
    CPPUNIT_ASSERT(cell(batch.queue, 0) == "celery" && cell(batch.worker, 0) == "celery@web");
    CPPUNIT_ASSERT(cell(batch.task_id, 0) == "t-1" && cell(batch.parent_id, 0) == "p" &&
                   cell(batch.root_id, 0) == "r");
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"args":"[REDACTED]","result":[1,2.0],"priority":"high","tags":["a"]})"),
        std::string(cell(batch.attrs_json, 0)));
    CPPUNIT_ASSERT(batch.event_id[0] == 0x8c && batch.event_id[15] == 0xc5);
  }

  void rq_tells_a_traceback_as_the_exception() {
    const auto batch = row_of(
        R"({"kind":"task.failed","engine":"rq","task_id":"t","data":{"task_name":"f","exception":)"
        R"("Traceback (most recent call last):\n  File \"x\"\nValueError: no\n"}})");
    const json::Value attrs = json::parse(cell(batch.attrs_json, 0)).value();
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError: no"),
                         std::string(attrs.at("exception").as_string().c_str()));
    CPPUNIT_ASSERT(attrs.at("traceback").as_string().starts_with("Traceback"));
    CPPUNIT_ASSERT_EQUAL(kEventNow, batch.time_us[0]);
  }

  void what_is_no_event_is_not_added() {
    EventRows rows;
    for (const std::string bad :
         {"1", "[]", "{}", R"({"kind":"task.sent"})", R"({"engine":"rq"})",
          R"({"kind":"task.sent","engine":" "})", R"({"kind":7,"engine":"rq"})"})
      CPPUNIT_ASSERT_MESSAGE(bad, !rows.add(json::parse(bad).value(), kEventNow));
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{0}, rows.size());
  }

  void bad_members_count_as_absent() {
    const auto batch = row_of(
        R"({"id":"00000000-0000-0000-0000-000000000000","kind":"task.succeeded","engine":"x",)"
        R"("task_id":5,"occurred_at":"never","data":{"task_name":null,"queue":["q"],"worker":{},)"
        R"("runtime_ms":"fast","attempt":-1}})");
    CPPUNIT_ASSERT(cell(batch.task_id, 0).empty() && cell(batch.task, 0).empty());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, batch.runtime_us[0]);
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{0}, batch.attempt[0]);
    CPPUNIT_ASSERT(std::all_of(batch.event_id, batch.event_id + 16, [](auto b) { return b == 0; }));
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"queue":["q"],"worker":{},"runtime_ms":"fast","attempt":-1})"),
        std::string(cell(batch.attrs_json, 0)));
    CPPUNIT_ASSERT_EQUAL(
        std::int64_t{7'000},
        row_of(R"({"kind":"task.failed","engine":"x","data":{"runtime_ms":"7"}})").runtime_us[0]);
    CPPUNIT_ASSERT_EQUAL(
        std::string(),
        std::string(cell(row_of(R"({"kind":"task.sent","engine":"x","data":[1]})").attrs_json, 0)));
  }

  void unknown_kinds_are_kept_by_name() {
    auto batch = row_of(R"({"kind":"schedule.snapshot","engine":"celery-beat","data":{"a":1}})");
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{Z4J_EV_UNKNOWN}, batch.kind[0]);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"a":1,"reported_kind":"schedule.snapshot"})"),
                         std::string(cell(batch.attrs_json, 0)));
    const json::Object told = wire_event(batch, 0);
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.snapshot"), std::string(json::text(told, "kind")));
    CPPUNIT_ASSERT(is_schedule_event(told));
    batch = row_of(R"({"kind":"unknown","engine":"rq","data":{"gap":{"from":1,"to":2}}})");
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"gap":{"from":1,"to":2}})"),
                         std::string(cell(batch.attrs_json, 0)));
  }

  void a_made_up_task_name_is_no_name() {
    for (const std::string name : {"<unknown:0ddc5356>", "<unknown:celery:0ddc5356>", "unknown"}) {
      const auto batch = row_of(R"({"kind":"task.started","engine":"celery","task_id":"t","data":)"
                                R"({"task_name":")" +
                                name + R"("}})");
      CPPUNIT_ASSERT(cell(batch.task, 0).empty() && cell(batch.attrs_json, 0).empty());
    }
  }

  void an_event_comes_back_as_it_was_told() {
    BatchBuilder builder;
    builder.begin_row(kEventNow + 1, Z4J_EV_FAILED);
    builder.attempt(3);
    builder.runtime_us(1'234'567);
    builder.engine("celery");
    builder.task("app.add");
    builder.queue("q");
    builder.worker("w");
    builder.task_id("t");
    builder.parent_id("p");
    builder.root_id("r");
    builder.attrs_json(R"({"exception":"ValueError","args":[1],"queue":"shadowed"})");
    const z4j_event_batch from = builder.batch();
    const json::Object told = wire_event(from, 0);
    CPPUNIT_ASSERT_EQUAL(std::string("2026-06-08T12:00:00.000001+00:00"),
                         std::string(json::text(told, "occurred_at")));
    const auto to = row_of(json::write(told));
    CPPUNIT_ASSERT(to.kind[0] == from.kind[0] && to.time_us[0] == from.time_us[0] &&
                   to.attempt[0] == 3 && to.runtime_us[0] == 1'234'567);
    for (const auto column : {&z4j_event_batch::engine, &z4j_event_batch::task,
                              &z4j_event_batch::queue, &z4j_event_batch::worker})
      CPPUNIT_ASSERT(cell(to.*column, 0) == cell(from.*column, 0));
    for (const auto column :
         {&z4j_event_batch::task_id, &z4j_event_batch::parent_id, &z4j_event_batch::root_id})
      CPPUNIT_ASSERT(cell(to.*column, 0) == cell(from.*column, 0));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"exception":"ValueError","args":[1]})"),
                         std::string(cell(to.attrs_json, 0)));
  }

  void ids_are_v4_on_the_wire() {
    BatchBuilder builder;
    builder.begin_row(kEventNow, Z4J_EV_WORKER_UP);
    builder.engine("rq");
    std::uint8_t given[16] = {1, 2, 3};
    builder.event_id(given);
    const z4j_event_batch batch = builder.batch();
    const std::string first(json::text(wire_event(batch, 0), "id"));
    CPPUNIT_ASSERT_EQUAL(first, std::string(json::text(wire_event(batch, 0), "id")));
    CPPUNIT_ASSERT_EQUAL(4, base::Uuid::parse(first)->version());
    builder.clear();
    builder.begin_row(kEventNow, Z4J_EV_STARTED);
    const z4j_event_batch without = builder.batch();
    const std::string random(json::text(wire_event(without, 0), "id"));
    CPPUNIT_ASSERT_EQUAL(4, base::Uuid::parse(random)->version());
    CPPUNIT_ASSERT(random != json::text(wire_event(without, 0), "id"));
  }

  void times_are_read_as_python_reads_them() {
    const auto at = [](std::string_view text) { return read_time(text)->at - kEventNow; };
    CPPUNIT_ASSERT_EQUAL(base::TimeUs{0}, at("2026-06-08T12:00:00Z"));
    CPPUNIT_ASSERT_EQUAL(base::TimeUs{0}, at("20260608T140000+0200"));
    CPPUNIT_ASSERT_EQUAL(base::TimeUs{250'000}, at("2026-06-08 12:00:00,25-00:00"));
    CPPUNIT_ASSERT_EQUAL(base::TimeUs{-1}, at("2026-06-08\xc2\xa0"
                                              "11:59:59.9999999Z"));
    CPPUNIT_ASSERT_EQUAL(base::TimeUs{0}, at("2026-06-08T12"));
    CPPUNIT_ASSERT(!read_time("2026-06-08T12:00")->has_offset &&
                   read_time("2026-06-08T12:00+01")->has_offset);
    for (const std::string_view bad :
         {"", "2026", "2026-6-8", "2026-02-29", "0000-01-01", "2026-06-08T", "2026-06-08T24:00",
          "2026-06-08T12:60", "2026-06-08T12:00:60Z", "2026-06-08T12:00:00.Z",
          "2026-06-08T12:00:00ZZ", "2026-06-08T12:00:00+", "2026-06-0812:00:00", "1780920000",
          "2026-06-08T1:00"})
      CPPUNIT_ASSERT_MESSAGE(std::string(bad), !read_time(bad));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EventTest);

}  // namespace
}  // namespace z4j::wire
