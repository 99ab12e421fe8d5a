#include "core/snapshots.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

#include "core/testing/test_store.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace worker_col = model::workers;
namespace queue_col = model::queues;

class SnapshotsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SnapshotsTest);
  CPPUNIT_TEST(asks_for_each_kind_once_until_it_is_answered);
  CPPUNIT_TEST(follows_pages_and_stops_at_a_cursor_that_repeats);
  CPPUNIT_TEST(asks_less_often_while_it_is_refused);
  CPPUNIT_TEST(a_worker_that_is_gone_becomes_offline_and_stays_listed);
  CPPUNIT_TEST(a_worker_that_was_heard_of_lately_stays_online);
  CPPUNIT_TEST(a_worker_comes_back);
  CPPUNIT_TEST(an_answer_older_than_the_end_of_a_worker_does_not_bring_it_back);
  CPPUNIT_TEST(half_an_answer_takes_nobody_away);
  CPPUNIT_TEST(a_queue_that_is_gone_is_empty);
  CPPUNIT_TEST(what_did_not_change_is_not_written);
  CPPUNIT_TEST(reports_of_many_owners_are_written_together);
  CPPUNIT_TEST(silent_workers_of_anybody_become_offline);
  CPPUNIT_TEST(the_registry_is_kept_sorted);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{1'800'000'000 * base::kSecondUs};
  const SnapshotRows::Owner owner_{base::Uuid::random(), base::Uuid::random(), "celery"};
  Snapshots snapshots_{*store_, clock_, base::Log::quiet(), "inst", owner_, {}};

  std::size_t asked(SnapshotKind kind) {
    const auto questions = snapshots_.ask();
    return static_cast<std::size_t>(std::count_if(questions.begin(), questions.end(),
                                                  [&](const auto& q) { return q.kind == kind; }));
  }
  Snapshots::News tell(SnapshotKind kind, const std::string& items) {
    return snapshots_.take(kind, std::string(R"({"items":)" + items + R"(,"next":null})"));
  }
  Row worker(std::string_view name) {
    Query query(Table::workers);
    query.where.eq(worker_col::id, model::worker_row_id(owner_.project_id, "celery", name));
    return store_->first(query.all()).value().value();
  }
  Row queue(std::string_view name) {
    Query query(Table::queues);
    query.where.eq(queue_col::id, model::queue_row_id(owner_.project_id, "celery", name));
    return store_->first(query.all()).value().value();
  }
  std::string state(std::string_view name) {
    return std::string(worker(name).text(worker_col::state));
  }

 public:
  void asks_for_each_kind_once_until_it_is_answered() {
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, snapshots_.ask().size());
    clock_.advance(100 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, snapshots_.ask().size());
    CPPUNIT_ASSERT(tell(SnapshotKind::queues, "[]").answered);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, snapshots_.ask().size());
    clock_.advance(2 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, asked(SnapshotKind::queues));
  }
  void follows_pages_and_stops_at_a_cursor_that_repeats() {
    (void)snapshots_.ask();
    (void)snapshots_.take(SnapshotKind::queues,
                          std::string(R"({"items":[{"name":"a","pending":1}],"next":"p2"})"));
    auto questions = snapshots_.ask();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, questions.size());
    CPPUNIT_ASSERT(questions[0].page_json.find(R"("cursor":"p2")") != std::string::npos);
    const auto news = snapshots_.take(
        SnapshotKind::queues, std::string(R"({"items":[{"name":"b","pending":1}],"next":"p2"})"));
    CPPUNIT_ASSERT(news.queues);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, snapshots_.ask().size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue("a").num(queue_col::pending_count));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue("b").num(queue_col::pending_count));
  }
  void asks_less_often_while_it_is_refused() {
    (void)snapshots_.ask();
    const base::Error away{
        .code = base::Code::unavailable, .message = "broker away", .where = {}, .hint = {}};
    for (int i = 0; i < 4; ++i) {
      CPPUNIT_ASSERT(!snapshots_.take(SnapshotKind::queues, away).answered);
      clock_.advance(60 * base::kSecondUs);
      CPPUNIT_ASSERT_EQUAL(std::size_t{1}, asked(SnapshotKind::queues));
    }
    (void)snapshots_.take(SnapshotKind::queues, away);
    clock_.advance(10 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, asked(SnapshotKind::queues));
  }
  void a_worker_that_is_gone_becomes_offline_and_stays_listed() {
    (void)snapshots_.ask();
    CPPUNIT_ASSERT(tell(SnapshotKind::workers,
                        R"([{"name":"a","state":"online","active_tasks":3,"queues":["q"]}])")
                       .workers);
    CPPUNIT_ASSERT_EQUAL(std::string("online"), state("a"));
    const auto row = worker("a");
    CPPUNIT_ASSERT_EQUAL(clock_.now(), row.num(worker_col::last_heartbeat));
    CPPUNIT_ASSERT_EQUAL(clock_.now(), row.num(worker_col::sort_at));
    CPPUNIT_ASSERT_EQUAL(std::string(R"(["q"])"), base::json::write(row.json(worker_col::queues)));
    clock_.advance(30 * base::kSecondUs);
    (void)snapshots_.ask();
    CPPUNIT_ASSERT(tell(SnapshotKind::workers, "[]").workers);
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), state("a"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, worker("a").num(worker_col::active_tasks));
  }
  void a_worker_that_was_heard_of_lately_stays_online() {
    (void)snapshots_.ask();
    (void)tell(SnapshotKind::workers, R"([{"name":"a","state":"online"}])");
    clock_.advance(8 * base::kSecondUs);
    (void)snapshots_.ask();
    CPPUNIT_ASSERT(!tell(SnapshotKind::workers, "[]").workers);
    CPPUNIT_ASSERT_EQUAL(std::string("online"), state("a"));
  }
  void a_worker_comes_back() {
    a_worker_that_is_gone_becomes_offline_and_stays_listed();
    clock_.advance(6 * base::kSecondUs);
    (void)snapshots_.ask();
    CPPUNIT_ASSERT(tell(SnapshotKind::workers,
                        R"([{"name":"a","state":"online","active_tasks":3,"queues":["q"]}])")
                       .workers);
    CPPUNIT_ASSERT_EQUAL(std::string("online"), state("a"));
  }
  void an_answer_older_than_the_end_of_a_worker_does_not_bring_it_back() {
    (void)snapshots_.ask();
    (void)tell(SnapshotKind::workers, R"([{"name":"a","state":"online"}])");
    clock_.advance(6 * base::kSecondUs);
    (void)snapshots_.ask();
    clock_.advance(base::kSecondUs);
    Rows rows(Table::workers);
    rows.begin()
        .uuid(worker_col::id, model::worker_row_id(owner_.project_id, "celery", "a"))
        .text(worker_col::state, "offline")
        .num(worker_col::last_heartbeat, clock_.now());
    Commit commit;
    commit.patch(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    (void)tell(SnapshotKind::workers, R"([{"name":"a","state":"online"}])");
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), state("a"));
    clock_.advance(6 * base::kSecondUs);
    (void)snapshots_.ask();
    (void)tell(SnapshotKind::workers, R"([{"name":"a","state":"online"}])");
    CPPUNIT_ASSERT_EQUAL(std::string("online"), state("a"));
  }
  void half_an_answer_takes_nobody_away() {
    (void)snapshots_.ask();
    (void)tell(SnapshotKind::workers, R"([{"name":"a","state":"online"}])");
    clock_.advance(30 * base::kSecondUs);
    (void)snapshots_.ask();
    CPPUNIT_ASSERT(!tell(SnapshotKind::workers, "[17]").workers);
    CPPUNIT_ASSERT_EQUAL(std::string("online"), state("a"));
  }
  void a_queue_that_is_gone_is_empty() {
    (void)snapshots_.ask();
    CPPUNIT_ASSERT(
        tell(SnapshotKind::queues,
             R"([{"name":"q","pending":5,"unacked":1,"oldest_age_s":3,"broker_type":"redis"}])")
            .queues);
    CPPUNIT_ASSERT_EQUAL(clock_.now() - 3 * base::kSecondUs, queue("q").num(queue_col::oldest_at));
    clock_.advance(3 * base::kSecondUs);
    (void)snapshots_.ask();
    CPPUNIT_ASSERT(tell(SnapshotKind::queues, "[]").queues);
    const Row row = queue("q");
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, row.num(queue_col::pending_count, -1));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, row.num(queue_col::unacked_count, -1));
    CPPUNIT_ASSERT(row.is_null(queue_col::oldest_at));
    CPPUNIT_ASSERT_EQUAL(std::string("redis"), std::string(row.text(queue_col::broker_type)));
  }
  void what_did_not_change_is_not_written() {
    (void)snapshots_.ask();
    (void)tell(SnapshotKind::queues, R"([{"name":"q","pending":5}])");
    const base::TimeUs first = clock_.now();
    clock_.advance(2 * base::kSecondUs);
    (void)snapshots_.ask();
    CPPUNIT_ASSERT(!tell(SnapshotKind::queues, R"([{"name":"q","pending":5}])").queues);
    CPPUNIT_ASSERT_EQUAL(first, queue("q").num(queue_col::last_seen_at));
    clock_.advance(20 * base::kSecondUs);
    (void)snapshots_.ask();
    CPPUNIT_ASSERT(!tell(SnapshotKind::queues, R"([{"name":"q","pending":5}])").queues);
    CPPUNIT_ASSERT_EQUAL(clock_.now(), queue("q").num(queue_col::last_seen_at));
    CPPUNIT_ASSERT_EQUAL(first, queue("q").num(queue_col::created_at));
  }
  void reports_of_many_owners_are_written_together() {
    SnapshotRows::Owner other = owner_;
    other.agent_id = base::Uuid::random();
    SnapshotRows one(*store_, clock_, owner_), two(*store_, clock_, other);
    const auto queues_of = [](const char* items) {
      return read_queues(std::string(R"({"items":)") + items + R"(,"next":null})", 0).value().items;
    };
    const auto mine = queues_of(R"([{"name":"a","pending":1},{"name":"both","pending":2}])");
    const auto yours = queues_of(R"([{"name":"both","pending":3}])");
    std::vector<SnapshotRows::QueuesOf> queues{{&one, &mine, false}, {&two, &yours, false}};
    CPPUNIT_ASSERT(SnapshotRows::queues_of_many(*store_, queues));
    CPPUNIT_ASSERT(queues[0].is_changed && queues[1].is_changed);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue("a").num(queue_col::pending_count));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, queue("both").num(queue_col::pending_count));
    CPPUNIT_ASSERT(SnapshotRows::queues_of_many(*store_, queues));
    CPPUNIT_ASSERT(!queues[0].is_changed && !queues[1].is_changed);

    WorkerReport busy;
    busy.name = "w";
    busy.state = "online";
    std::vector<WorkerReport> reports{busy};
    std::vector<SnapshotRows::WorkersOf> workers{{&one, &reports, clock_.now(), false}};
    CPPUNIT_ASSERT(SnapshotRows::workers_of_many(*store_, workers));
    CPPUNIT_ASSERT(workers[0].is_changed);
    CPPUNIT_ASSERT_EQUAL(std::string("online"), state("w"));
    clock_.advance(kWorkerSilence + base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, sweep_silent_workers(*store_, clock_.now()).value());
    workers[0].asked_at = clock_.now();
    CPPUNIT_ASSERT(SnapshotRows::workers_of_many(*store_, workers));
    CPPUNIT_ASSERT(workers[0].is_changed);
    CPPUNIT_ASSERT_EQUAL(std::string("online"), state("w"));
  }
  void silent_workers_of_anybody_become_offline() {
    (void)snapshots_.ask();
    (void)tell(SnapshotKind::workers, R"([{"name":"a","state":"online"}])");
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, sweep_silent_workers(*store_, clock_.now()).value());
    clock_.advance(kWorkerSilence + base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, sweep_silent_workers(*store_, clock_.now()).value());
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), state("a"));
  }
  void the_registry_is_kept_sorted() {
    CPPUNIT_ASSERT(snapshots_.registry()->empty());
    (void)snapshots_.ask();
    (void)tell(SnapshotKind::registry, R"([{"name":"b.t","workers":["w"]},{"name":"a.t"}])");
    CPPUNIT_ASSERT_EQUAL(std::string("a.t"), snapshots_.registry()->at(0).name);
    CPPUNIT_ASSERT_EQUAL(std::string("w"), snapshots_.registry()->at(1).workers.at(0));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SnapshotsTest);

}  // namespace
}  // namespace z4j::core
