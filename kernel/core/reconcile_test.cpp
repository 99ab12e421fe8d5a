#include "core/reconcile.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

#include "core/testing/test_store.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;

class ReconcileTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ReconcileTest);
  CPPUNIT_TEST(asks_about_everything_open_of_its_engine);
  CPPUNIT_TEST(walks_in_pages_and_tells_how_many_were_read_back);
  CPPUNIT_TEST(what_is_proven_becomes_an_event);
  CPPUNIT_TEST(what_is_no_news_becomes_none);
  CPPUNIT_TEST(what_nobody_asked_about_is_ignored);
  CPPUNIT_TEST(later_asks_about_the_silent_ones_in_turns);
  CPPUNIT_TEST(the_same_question_again_while_the_world_is_wrong);
  CPPUNIT_TEST(an_engine_that_cannot_tell_is_left_alone);
  CPPUNIT_TEST(no_trace_twice_far_apart_is_counted);
  CPPUNIT_TEST(each_lost_task_is_told_once);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{1'800'000'000 * base::kSecondUs};
  const SnapshotRows::Owner owner_{base::Uuid::random(), base::Uuid::random(), "celery"};
  Reconcile reconcile_{*store_, clock_, base::Log::quiet(), "inst", owner_};

  // state "": pending.
  void store_task(const std::string& id, std::string_view state, std::string_view engine = "celery",
                  const base::Uuid* agent = nullptr) {
    Rows rows(Table::tasks);
    rows.begin()
        .uuid(task_col::id, model::task_row_id(owner_.project_id, engine, id))
        .uuid(task_col::project_id, owner_.project_id)
        .text(task_col::engine, engine)
        .text(task_col::task_id, id)
        .text(task_col::name, "app.add")
        .text_or_null(task_col::state, state)
        .num(task_col::state_stamp, 1)
        .text(task_col::queue, "q")
        .num(task_col::queue_stamp, 1)
        .num(task_col::sort_at, clock_.now())
        .num(task_col::sort_stamp, 1)
        .uuid(task_col::agent_id, agent != nullptr ? *agent : owner_.agent_id)
        .num(task_col::created_at, clock_.now())
        .num(task_col::updated_at, clock_.now());
    Commit commit;
    commit.merge(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  std::vector<std::string> asked() {
    std::vector<std::string> ids;
    if (const auto question = reconcile_.ask()) {
      const auto page = base::json::parse(question->page_json).value();
      for (const auto& id : page.at("task_ids").as_array())
        ids.emplace_back(id.as_string().c_str());
    }
    return ids;
  }
  void tell(const std::string& items) {
    reconcile_.take(std::string(R"({"items":)" + items + "}"));
  }
  void drain() {
    for (int i = 0; i < 100; ++i) {
      if (asked().empty()) return;
      tell("[]");
    }
  }

 public:
  void asks_about_everything_open_of_its_engine() {
    store_task("over", "success");
    store_task("mine", "started");
    store_task("waiting", "");
    store_task("other-engine", "started", "rq");
    const base::Uuid other = base::Uuid::random();
    store_task("other-agent", "started", "celery", &other);
    reconcile_.look_at_all();
    std::vector<std::string> all = asked();
    tell("[]");
    const auto more = asked();
    all.insert(all.end(), more.begin(), more.end());
    CPPUNIT_ASSERT((std::vector<std::string>{"mine", "waiting"}) == all);
  }
  void walks_in_pages_and_tells_how_many_were_read_back() {
    for (int i = 0; i < 1100; ++i) store_task("t" + std::to_string(i), "received");
    reconcile_.look_at_all();
    std::size_t seen = 0;
    CPPUNIT_ASSERT(!reconcile_.looked_at_all());
    for (;;) {
      const auto ids = asked();
      if (ids.empty()) break;
      CPPUNIT_ASSERT(ids.size() <= 500);
      seen += ids.size();
      tell(R"([{"task_id":")" + ids.front() + R"(","state":"success"}])");
      CPPUNIT_ASSERT(reconcile_.events() != nullptr);
      CPPUNIT_ASSERT(!reconcile_.ask());  // not before the events are gone
      reconcile_.events_gone();
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{1100}, seen);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, reconcile_.looked_at_all().value());
    CPPUNIT_ASSERT(!reconcile_.looked_at_all());
  }
  void what_is_proven_becomes_an_event() {
    store_task("t", "started");
    reconcile_.look_at_all();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, asked().size());
    tell(
        R"([{"task_id":"t","state":"failure","finished_at":1799999000.5,"exception":"ValueError","result":{"a":1},"evidence":"meta key"}])");
    const z4j_event_batch* batch = reconcile_.events();
    CPPUNIT_ASSERT(batch != nullptr);
    CPPUNIT_ASSERT_EQUAL(1u, batch->rows);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{Z4J_EV_FAILED}, batch->kind[0]);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1'799'999'000'500'000}, batch->time_us[0]);
    CPPUNIT_ASSERT_EQUAL(std::string("t"),
                         std::string(batch->task_id.data, batch->task_id.offsets[1]));
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            R"({"rebuilt":true,"reconciled":true,"evidence":"meta key","result":{"a":1},"exception":"ValueError"})"),
        std::string(batch->attrs_json.data, batch->attrs_json.offsets[1]));
    reconcile_.events_gone();
    CPPUNIT_ASSERT(reconcile_.events() == nullptr);
  }
  void what_is_no_news_becomes_none() {
    store_task("a", "started");
    store_task("b", "started");
    reconcile_.look_at_all();
    (void)asked();
    tell(
        R"([{"task_id":"a","state":"started"},{"task_id":"b","state":"pending"},{"task_id":"b","state":"success"}])");
    CPPUNIT_ASSERT(reconcile_.events() == nullptr);
    store_task("c", "");
    drain();
  }
  void what_nobody_asked_about_is_ignored() {
    store_task("a", "started");
    reconcile_.look_at_all();
    (void)asked();
    tell(R"([{"task_id":"zzz","state":"success"}])");
    CPPUNIT_ASSERT(reconcile_.events() == nullptr);
  }
  void later_asks_about_the_silent_ones_in_turns() {
    for (int i = 0; i < 700; ++i) store_task("t" + std::to_string(i), "received");
    CPPUNIT_ASSERT(asked().empty());  // no pass yet
    clock_.advance(61 * base::kSecondUs);
    store_task("fresh", "received");
    const auto first = asked();
    CPPUNIT_ASSERT_EQUAL(std::size_t{500}, first.size());
    tell("[]");
    CPPUNIT_ASSERT(asked().empty());  // enough for this pass
    clock_.advance(61 * base::kSecondUs);
    const auto second = asked();
    CPPUNIT_ASSERT_EQUAL(std::size_t{200}, second.size());
    CPPUNIT_ASSERT(std::find(first.begin(), first.end(), second.front()) == first.end());
  }
  void the_same_question_again_while_the_world_is_wrong() {
    store_task("a", "started");
    reconcile_.look_at_all();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, asked().size());
    const base::Error away{
        .code = base::Code::unavailable, .message = "broker away", .where = {}, .hint = {}};
    reconcile_.take(away);
    CPPUNIT_ASSERT(asked().empty());
    clock_.advance(5 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, asked().size());
    for (int i = 0; i < 4; ++i) {
      reconcile_.take(away);
      clock_.advance(5 * base::kSecondUs);
      CPPUNIT_ASSERT_EQUAL(std::size_t{i < 3 ? 1u : 0u}, asked().size());
    }
  }
  void an_engine_that_cannot_tell_is_left_alone() {
    store_task("a", "started");
    reconcile_.look_at_all();
    (void)asked();
    reconcile_.take(
        base::Error{.code = base::Code::unsupported, .message = "no", .where = {}, .hint = {}});
    clock_.advance(1000 * base::kSecondUs);
    CPPUNIT_ASSERT(asked().empty());
  }
  void no_trace_twice_far_apart_is_counted() {
    store_task("a", "started");
    reconcile_.look_at_all();
    (void)asked();
    tell(R"([{"task_id":"a","state":"unknown"}])");
    drain();
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, reconcile_.lost_candidates());
    for (int i = 0; i < 12; ++i) {  // silence of a minute, once around takes two passes
      clock_.advance(61 * base::kSecondUs);
      if (!asked().empty()) tell(R"([{"task_id":"a","state":"unknown"}])");
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, reconcile_.lost_candidates());
    for (int i = 0; i < 3; ++i) {
      clock_.advance(61 * base::kSecondUs);
      if (!asked().empty()) tell(R"([{"task_id":"a","state":"success"}])");
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, reconcile_.lost_candidates());
    CPPUNIT_ASSERT(reconcile_.events() != nullptr);
  }
  void each_lost_task_is_told_once() {
    store_task("a", "started");
    CPPUNIT_ASSERT(reconcile_.newly_lost().empty());
    for (int i = 0; i < 16; ++i) {
      clock_.advance(61 * base::kSecondUs);
      if (!asked().empty()) tell(R"([{"task_id":"a","state":"unknown"}])");
    }
    const auto lost = reconcile_.newly_lost();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, lost.size());
    CPPUNIT_ASSERT_EQUAL(std::string("a"), lost[0].task_id);
    CPPUNIT_ASSERT_EQUAL(std::string("started"), lost[0].state);
    CPPUNIT_ASSERT(lost[0].last_asked_at - lost[0].first_asked_at >= 300 * base::kSecondUs);
    CPPUNIT_ASSERT(reconcile_.newly_lost().empty());
    reconcile_.again(lost);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, reconcile_.newly_lost().size());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReconcileTest);

}  // namespace
}  // namespace z4j::core
