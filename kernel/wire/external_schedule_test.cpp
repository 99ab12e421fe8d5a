#include "wire/external_schedule.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <sstream>

namespace z4j::wire {
namespace {

namespace json = base::json;

class ExternalScheduleTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ExternalScheduleTest);
  CPPUNIT_TEST(rows_digests_and_frames_equal_the_vectors);
  CPPUNIT_TEST(a_snapshot_is_put_together_in_any_order);
  CPPUNIT_TEST(a_snapshot_seen_before_is_taken_once);
  CPPUNIT_TEST(an_empty_snapshot_is_one_frame);
  CPPUNIT_TEST(what_does_not_fit_is_refused);
  CPPUNIT_TEST(rows_of_the_wrong_shape_are_refused);
  CPPUNIT_TEST(what_is_begun_is_bounded);
  CPPUNIT_TEST_SUITE_END();

  json::Value vectors_;
  ScheduleStream stream_{.owner = "celery-beat",
                         .stream_id = "33333333-3333-4333-8333-333333333333",
                         .epoch_uuid = "44444444-4444-4444-8444-444444444444",
                         .epoch_number = 1,
                         .adapter_instance_id = "55555555-5555-4555-8555-555555555555"};
  static constexpr std::string_view kSnapshotId = "66666666-6666-4666-8666-666666666666";

  json::Array rows(std::size_t count) {
    json::Array raw;
    for (std::size_t i = 0; i < count; ++i)
      raw.push_back(json::Object{{"name", "s" + std::to_string(i)}, {"task_name", "f"}});
    return normal_rows(raw, "celery-beat").value();
  }
  // In frames of one row each.
  std::vector<json::Object> frames(const json::Array& some, std::int64_t sequence,
                                   std::string_view id) {
    return snapshot_events(stream_, sequence, id, some, "boot", 1);
  }

 public:
  void setUp() override {
    std::ifstream in(std::string(Z4J_SOURCE_DIR) +
                     "/tests/fixtures/vectors/wire-external-schedule.json");
    std::stringstream text;
    text << in.rdbuf();
    vectors_ = json::parse(text.str()).value();
  }

  void rows_digests_and_frames_equal_the_vectors() {
    CPPUNIT_ASSERT_EQUAL(std::string(vectors_.at("source_scope").at("value").as_string().c_str()),
                         source_scope("celery-beat"));
    const auto normal = normal_rows(vectors_.at("raw_schedules").as_array(), "celery-beat");
    CPPUNIT_ASSERT(normal.ok());
    CPPUNIT_ASSERT_EQUAL(json::write_canonical(vectors_.at("normalised_rows_sorted")),
                         json::write_canonical(*normal));
    for (std::size_t i = 0; i < normal->size(); ++i) {
      CPPUNIT_ASSERT_EQUAL(
          std::string(vectors_.at("normalised_row_sha256").at(i).as_string().c_str()),
          schedule_digest(normal->at(i)));
    }
    const json::Object body = snapshot_body(stream_, 1, *normal);
    CPPUNIT_ASSERT_EQUAL(std::string(vectors_.at("projection_canonical_utf8").as_string().c_str()),
                         json::write_canonical(body));
    CPPUNIT_ASSERT_EQUAL(std::string(vectors_.at("projection_digest").as_string().c_str()),
                         schedule_digest(body));
    const auto events = snapshot_events(stream_, 1, kSnapshotId, *normal, "activation");
    json::Array ours(events.begin(), events.end());
    CPPUNIT_ASSERT_EQUAL(json::write_canonical(vectors_.at("snapshot_event_data_frames")),
                         json::write_canonical(ours));
    CPPUNIT_ASSERT_EQUAL(
        std::string(vectors_.at("empty_snapshot").at("projection_digest").as_string().c_str()),
        schedule_digest(snapshot_body(stream_, 1, {})));
  }

  void a_snapshot_is_put_together_in_any_order() {
    const json::Array all = rows(5);
    auto events = frames(all, 3, "snap");
    CPPUNIT_ASSERT_EQUAL(std::size_t{6}, events.size());
    std::reverse(events.begin(), events.end());
    SnapshotAssembly assembly(stream_, 2);
    for (std::size_t i = 0; i + 1 < events.size(); ++i) {
      CPPUNIT_ASSERT(!assembly.add(events[i]).value().has_value());
      CPPUNIT_ASSERT(!assembly.add(events[i]).value().has_value());  // delivered twice
    }
    const auto done = assembly.add(events.back()).value();
    CPPUNIT_ASSERT(done.has_value() && done->sequence == 3);
    CPPUNIT_ASSERT_EQUAL(json::write_canonical(all), json::write_canonical(done->rows));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, assembly.accepted_sequence());
  }

  void a_snapshot_seen_before_is_taken_once() {
    SnapshotAssembly assembly(stream_, 0);
    const auto events = frames(rows(1), 1, "snap");
    CPPUNIT_ASSERT(!assembly.add(events[0]).value().has_value());
    CPPUNIT_ASSERT(assembly.add(events[1]).value().has_value());
    for (const auto& again : events) CPPUNIT_ASSERT(!assembly.add(again).value().has_value());
  }

  void an_empty_snapshot_is_one_frame() {
    const auto events = frames({}, 1, "snap");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, events.size());
    SnapshotAssembly assembly(stream_, 0);
    const auto done = assembly.add(events[0]).value();
    CPPUNIT_ASSERT(done.has_value() && done->rows.empty());
  }

  void what_does_not_fit_is_refused() {
    const auto events = frames(rows(2), 1, "snap");
    SnapshotAssembly assembly(stream_, 0);
    CPPUNIT_ASSERT(!assembly.add({}).ok());
    json::Object altered = events[0];
    altered["external_snapshot_frame"].as_object()["row_count"] = 3;
    CPPUNIT_ASSERT_EQUAL(std::string("frame_digest"), assembly.add(altered).error().where);
    ScheduleStream other = stream_;
    other.epoch_number = 2;
    CPPUNIT_ASSERT_EQUAL(
        std::string("epoch_number"),
        assembly.add(snapshot_events(other, 1, "snap", rows(1), "boot")[0]).error().where);
    // Rightly digested frames of two snapshots under one id.
    CPPUNIT_ASSERT(assembly.add(events[0]).ok());
    CPPUNIT_ASSERT_EQUAL(std::string("snapshot_id"),
                         assembly.add(frames(rows(3), 1, "snap")[1]).error().where);
    // Rows that are not those of the digest.
    json::Object swapped = frames(rows(1), 1, "other")[0];
    json::Object& frame = swapped["external_snapshot_frame"].as_object();
    frame["schedules"].as_array().at(0).as_object()["task_name"] = "g";
    swapped["frame_digest"] = schedule_digest(frame);
    CPPUNIT_ASSERT(!assembly.add(swapped).value().has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("snapshot_digest"),
                         assembly.add(frames(rows(1), 1, "other")[1]).error().where);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, assembly.accepted_sequence());
  }

  void rows_of_the_wrong_shape_are_refused() {
    struct Case {
      std::string row, where;
    };
    for (const Case& c : std::vector<Case>{
             {R"({"task_name":"f"})", "name"},
             {R"({"name":"n"})", "task_name"},
             {R"({"name":" ","task_name":"f"})", "name"},
             {R"({"name":"n","task_name":"f","args":{}})", "args"},
             {R"({"name":"n","task_name":"f","kwargs":[]})", "kwargs"},
             {R"({"name":"n","task_name":"f","total_runs":-1})", "total_runs"},
             {R"({"name":"n","task_name":"f","last_run_at":"2026-06-08T12:00:00"})", "last_run_at"},
             {R"({"name":"n","task_name":"f","scheduler":"other"})", "scheduler"}}) {
      const json::Value row = json::parse(c.row).value();
      const auto normal = normal_row(row.as_object(), "celery-beat");
      CPPUNIT_ASSERT_MESSAGE(c.row, !normal.ok());
      CPPUNIT_ASSERT_EQUAL_MESSAGE(c.row, c.where, normal.error().where);
    }
    const json::Value row = json::parse(R"({"name":"n","task_name":"f"})").value();
    CPPUNIT_ASSERT(!normal_row(row.as_object(), "z4j-scheduler").ok());
    CPPUNIT_ASSERT(!normal_rows({row, row}, "celery-beat").ok());
    CPPUNIT_ASSERT(!normal_rows({1}, "celery-beat").ok());
  }

  void what_is_begun_is_bounded() {
    SnapshotAssembly::Limits limits;
    limits.snapshots = 2;
    limits.bytes = 3000;
    SnapshotAssembly assembly(stream_, 0, limits);
    for (int i = 0; i < 20; ++i)
      CPPUNIT_ASSERT(assembly.add(frames(rows(2), 1, "snap" + std::to_string(i))[0]).ok());
    bool is_refused = false;
    for (const auto& event : frames(rows(20), 1, "large"))
      is_refused = is_refused || !assembly.add(event).ok();
    CPPUNIT_ASSERT(is_refused);
    limits.rows = 3;
    SnapshotAssembly small(stream_, 0, limits);
    CPPUNIT_ASSERT_EQUAL(std::string("frame_count"),
                         small.add(frames(rows(4), 1, "snap")[0]).error().where);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ExternalScheduleTest);

}  // namespace
}  // namespace z4j::wire
