#include "core/snapshots_read.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace z4j::core {
namespace {

constexpr base::TimeUs kNow = 1'800'000'000 * base::kSecondUs;

class SnapshotsReadTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SnapshotsReadTest);
  CPPUNIT_TEST(reads_a_worker);
  CPPUNIT_TEST(bad_members_are_left_out_and_bad_items_counted);
  CPPUNIT_TEST(a_heartbeat_is_never_in_the_future);
  CPPUNIT_TEST(metadata_is_redacted_bounded_and_left_out_without_a_redactor);
  CPPUNIT_TEST(a_broker_address_loses_user_and_password);
  CPPUNIT_TEST(the_age_of_the_oldest_becomes_a_time);
  CPPUNIT_TEST(a_page_that_breaks_the_contract_is_refused);
  CPPUNIT_TEST(task_results_and_texts_are_bounded);
  CPPUNIT_TEST_SUITE_END();

 public:
  void reads_a_worker() {
    const auto page = read_workers(
        R"({"items":[{"name":"w@h","hostname":"h","pid":7,"concurrency":4,"queues":["a","b"],"state":"online",
            "last_heartbeat":1799999999.5,"load_average":[0.1,0.2,0.3],"active_tasks":2,"memory_bytes":1024}],"next":"c"})",
        kNow, {});
    CPPUNIT_ASSERT(page.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("c"), page->next);
    const WorkerReport& w = page->items.at(0);
    CPPUNIT_ASSERT_EQUAL(std::string("w@h"), w.name);
    CPPUNIT_ASSERT_EQUAL(std::string("online"), w.state);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, w.pid.value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, w.queues.size());
    CPPUNIT_ASSERT_EQUAL(kNow - base::kSecondUs / 2, w.last_heartbeat.value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, w.load_average.as_array().size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, w.active_tasks);
  }
  void bad_members_are_left_out_and_bad_items_counted() {
    const auto page =
        read_workers(R"({"items":[1,{"name":""},{"name":7},{"name":")" + std::string(900, 'n') +
                         R"("},{"name":"w","pid":"x","concurrency":-1,
            "state":"ill","queues":[1,"","q"],"load_average":[1,2],"active_tasks":1e300,"last_heartbeat":-5}]})",
                     kNow, {});
    CPPUNIT_ASSERT(page.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, page->bad);
    const WorkerReport& w = page->items.at(0);
    CPPUNIT_ASSERT_EQUAL(std::string("unknown"), w.state);
    CPPUNIT_ASSERT(!w.pid && !w.concurrency && !w.last_heartbeat && w.load_average.is_null());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, w.queues.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1} << 53, w.active_tasks);
  }
  void a_heartbeat_is_never_in_the_future() {
    const auto page = read_workers(
        R"({"items":[{"name":"a","last_heartbeat":9e15},{"name":"b","last_heartbeat":1}]})", kNow,
        {});
    CPPUNIT_ASSERT_EQUAL(kNow, page->items.at(0).last_heartbeat.value());
    CPPUNIT_ASSERT(!page->items.at(1).last_heartbeat);
  }
  void metadata_is_redacted_bounded_and_left_out_without_a_redactor() {
    const std::string answer =
        R"({"items":[{"name":"w","metadata":{"stats":{"password":"x"},"odd":{"a":1},"conf":"no","active":[")" +
        std::string(70'000, 'a') + R"("],"registered":["t"]}}]})";
    CPPUNIT_ASSERT(read_workers(answer, kNow, {})->items.at(0).metadata.is_null());
    const auto page = read_workers(answer, kNow, [](base::json::Value v) {
      if (v.is_object() && v.as_object().contains("password"))
        v.as_object()["password"] = "[REDACTED]";
      return v;
    });
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"stats":{"password":"[REDACTED]"},"registered":["t"]})"),
                         base::json::write(page->items.at(0).metadata));
  }
  void a_broker_address_loses_user_and_password() {
    const auto page =
        read_queues(R"({"items":[{"name":"a","broker_url_hint":"redis://u:p@ss@h:6379/0"},
        {"name":"b","broker_url_hint":"u:p@h"},{"name":"c","broker_url_hint":"redis://h/0"}]})",
                    kNow);
    CPPUNIT_ASSERT_EQUAL(std::string("redis://h:6379/0"), page->items.at(0).broker_url_hint);
    CPPUNIT_ASSERT_EQUAL(std::string("h"), page->items.at(1).broker_url_hint);
    CPPUNIT_ASSERT_EQUAL(std::string("redis://h/0"), page->items.at(2).broker_url_hint);
  }
  void the_age_of_the_oldest_becomes_a_time() {
    const auto page =
        read_queues(R"({"items":[{"name":"a","pending":3,"oldest_age_s":2.5,"paused":true},
        {"name":"b","oldest_age_s":null},{"name":"c","oldest_age_s":1e300}]})",
                    kNow);
    CPPUNIT_ASSERT_EQUAL(kNow - 2'500'000, page->items.at(0).oldest_at.value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, page->items.at(0).pending.value());
    CPPUNIT_ASSERT(page->items.at(0).paused.value());
    CPPUNIT_ASSERT(!page->items.at(1).oldest_at && !page->items.at(1).pending &&
                   !page->items.at(1).paused);
    CPPUNIT_ASSERT(page->items.at(2).oldest_at.value() > 0);
  }
  void a_page_that_breaks_the_contract_is_refused() {
    CPPUNIT_ASSERT(!read_queues("", kNow).ok());
    CPPUNIT_ASSERT(!read_queues("[]", kNow).ok());
    CPPUNIT_ASSERT(!read_queues(R"({"items":{}})", kNow).ok());
    CPPUNIT_ASSERT(!read_queues(std::string(100'000, '['), kNow).ok());
    CPPUNIT_ASSERT(
        !read_queues(R"({"items":[],"next":")" + std::string(2000, 'c') + R"("})", kNow).ok());
    std::string many = R"({"items":[0)";
    for (std::size_t i = 0; i < kSnapshotPageItems; ++i) many += ",0";
    CPPUNIT_ASSERT(!read_queues(many + "]}", kNow).ok());
    CPPUNIT_ASSERT(read_queues(R"({"items":[],"next":null})", kNow)->next.empty());
  }
  void task_results_and_texts_are_bounded() {
    const auto page = read_task_states(
        R"({"items":[{"task_id":"t","state":"failure","finished_at":1799999990,"exception":")" +
            std::string(20'000, 'e') + R"(","evidence":")" + std::string(2000, 'v') +
            R"(","result":")" + std::string(300'000, 'r') +
            R"("},{"task_id":"u","state":"success","result":null},{"state":"x"}]})",
        kNow);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, page->bad);
    const TaskReport& t = page->items.at(0);
    CPPUNIT_ASSERT_EQUAL(std::size_t{8192}, t.exception.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{500}, t.evidence.size());
    CPPUNIT_ASSERT(t.has_result && base::json::write(t.result).size() < 100);
    CPPUNIT_ASSERT(!page->items.at(1).has_result);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SnapshotsReadTest);

}  // namespace
}  // namespace z4j::core
