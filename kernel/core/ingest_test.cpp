#include "core/ingest.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "core/leases.hpp"
#include "core/testing/agent_row.hpp"
#include "core/testing/event_rows.hpp"
#include "core/testing/test_store.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

using testing::EventRow;
namespace t = model::tasks;

class IngestTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(IngestTest);
  CPPUNIT_TEST(a_life_of_a_task_becomes_a_row_its_events_and_counts);
  CPPUNIT_TEST(a_batch_sent_twice_changes_nothing);
  CPPUNIT_TEST(a_batch_with_some_repeated_events_stores_the_rest);
  CPPUNIT_TEST(unreadable_attributes_go_to_the_dead_letters_and_the_event_stands);
  CPPUNIT_TEST(troubleshooting_row_32_a_giant_payload_becomes_a_marker);
  CPPUNIT_TEST(troubleshooting_row_31_persisted_counts_what_was_inserted_per_agent);
  CPPUNIT_TEST(a_full_queue_answers_busy_and_takes_again_when_it_has_drained);
  CPPUNIT_TEST(one_transition_seen_from_two_places_counts_once);
  CPPUNIT_TEST(what_is_heard_behind_its_reading_back_counts_once);
  CPPUNIT_TEST(a_state_read_back_is_dropped_when_it_is_known);
  CPPUNIT_TEST(worker_events_make_and_move_workers);
  CPPUNIT_TEST(a_late_sign_of_life_does_not_bring_a_worker_back);
  CPPUNIT_TEST(times_of_a_busy_worker_are_written_once_a_second);
  CPPUNIT_TEST(a_gap_is_recorded_once);
  CPPUNIT_TEST(drops_that_a_source_reports_reach_its_agent);
  CPPUNIT_TEST(what_was_heard_under_a_lease_that_is_lost_is_refused_and_counted);
  CPPUNIT_TEST(tells_what_changed_once_per_commit);
  CPPUNIT_TEST(stopped_it_refuses);
  CPPUNIT_TEST(what_waits_is_stored_before_a_stop_ends);
  CPPUNIT_TEST_SUITE_END();

  static constexpr base::TimeUs kNow = 1'790'000'000LL * base::kSecondUs;

  testing::TestStore store_;
  base::ManualClock clock_{kNow};
  EventSource source_{base::Uuid::random(), base::Uuid::random(), "celery"};
  std::unique_ptr<Ingest> ingest_;
  std::mutex mutex_;
  std::vector<std::string> told_;  // guarded by mutex_

  void make(std::size_t queue_bytes = std::size_t{64} << 20) {
    Ingest::Options options;
    options.clock = &clock_;
    options.log = &base::Log::quiet();
    options.linger_ms = 1;
    options.queue_bytes = queue_bytes;
    options.on_changed = [this](const base::Uuid& project, std::string_view topic) {
      const std::lock_guard lock(mutex_);
      if (project == source_.project_id) told_.emplace_back(topic);
    };
    ingest_ = std::move(Ingest::make(*store_, std::move(options))).value();
  }
  void insert_agent() {
    Commit commit;
    commit.insert(testing::agent_row(source_, kNow));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  void insert_lease(const Fence& fence) {
    namespace l = model::leases;
    Rows rows(Table::leases);
    rows.begin()
        .text(l::name, fence.name)
        .uuid(l::owner, fence.owner)
        .num(l::fence, fence.number)
        .num(l::expires_at, kNow)
        .num(l::was_left, 0);
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  base::Status push(const std::vector<EventRow>& rows) {
    BatchBuilder builder;
    testing::fill(builder, rows);
    const z4j_event_batch batch = builder.batch();
    return ingest_->push(source_, batch);
  }
  void store(const std::vector<EventRow>& rows) {
    if (!ingest_) make();
    const base::Status pushed = push(rows);
    CPPUNIT_ASSERT_MESSAGE(pushed ? "" : pushed.error().text(), pushed.ok());
    ingest_->start();
    ingest_->stop(20'000);
    make();
  }
  // By an ingest that goes on running.
  void store_running(const std::vector<EventRow>& rows) {
    if (!ingest_) {
      make();
      ingest_->start();
    }
    CPPUNIT_ASSERT(push(rows).ok());
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (ingest_->stats().waiting_bytes > 0) {
      CPPUNIT_ASSERT(std::chrono::steady_clock::now() < until);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::optional<Row> task(std::string_view id, std::string_view engine = "celery") {
    Query query(Table::tasks);
    query.where.eq(t::id, model::task_row_id(source_.project_id, engine, id));
    return store_->first(query.all()).value();
  }
  std::uint64_t count(Table table) { return store_->count(table, {}).value(); }
  std::int64_t sum(Table table, std::uint16_t column) {
    Query query(table);
    query.fold(Z4J_AGG_SUM, column);
    return store_->first(query).value()->num(0);
  }
  static std::vector<EventRow> life(const std::string& id, base::TimeUs from) {
    return {{.kind = Z4J_EV_RECEIVED,
             .at = from,
             .task_id = id,
             .task = "app.add",
             .queue = "q1",
             .worker = "w1",
             .attrs = R"({"args":[1,2],"kwargs":{"password":"x"}})"},
            {.kind = Z4J_EV_STARTED,
             .at = from + 10,
             .task_id = id,
             .task = "app.add",
             .queue = "q1",
             .worker = "w1"},
            {.kind = Z4J_EV_SUCCEEDED,
             .at = from + 500'000,
             .task_id = id,
             .task = "app.add",
             .queue = "q1",
             .worker = "w1",
             .attrs = R"({"result":3})",
             .runtime_us = 120'000}};
  }

 public:
  void tearDown() override { ingest_.reset(); }

  void a_life_of_a_task_becomes_a_row_its_events_and_counts() {
    store(life("a", kNow - 5'000'000));
    const auto row = task("a");
    CPPUNIT_ASSERT(row.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("success"), std::string(row->text(t::state)));
    CPPUNIT_ASSERT_EQUAL(std::string("app.add"), std::string(row->text(t::name)));
    CPPUNIT_ASSERT_EQUAL(std::string("[1,2]"), std::string(row->text(t::args)));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"password":"[REDACTED]"})"),
                         std::string(row->text(t::kwargs)));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, row->num(t::args_flags));
    CPPUNIT_ASSERT_EQUAL(std::string("3"), std::string(row->text(t::result)));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{120}, row->num(t::runtime_ms));
    CPPUNIT_ASSERT_EQUAL(kNow - 4'500'000, row->num(t::finished_at));
    CPPUNIT_ASSERT_EQUAL(kNow - 5'000'000 + 10, row->num(t::started_at));
    CPPUNIT_ASSERT_EQUAL(kNow - 5'000'000 + 10, row->num(t::sort_at));
    CPPUNIT_ASSERT_EQUAL(kNow - 5'000'000, row->num(t::created_at));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, count(Table::task_minutes));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, sum(Table::task_minutes, model::task_minutes::count));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, sum(Table::task_minutes, model::task_minutes::le_250ms));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{120'000},
                         sum(Table::task_minutes, model::task_minutes::runtime_sum_us));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::workers));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::queues));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, count(Table::dead_letters));
  }

  void a_batch_sent_twice_changes_nothing() {
    insert_agent();
    store(life("a", kNow - 5'000'000));
    const auto before = task("a");
    store(life("a", kNow - 5'000'000));
    const auto after = task("a");
    for (std::uint16_t c = 0; c < t::kColumnCount; ++c) {
      CPPUNIT_ASSERT_EQUAL(before->is_null(c), after->is_null(c));
      CPPUNIT_ASSERT_EQUAL(before->num(c), after->num(c));
      CPPUNIT_ASSERT_EQUAL(std::string(before->text(c)), std::string(after->text(c)));
    }
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, sum(Table::task_minutes, model::task_minutes::count));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, sum(Table::agents, model::agents::events_persisted));
  }

  void a_batch_with_some_repeated_events_stores_the_rest() {
    auto rows = life("a", kNow - 5'000'000);
    store({rows[0], rows[1]});
    rows.push_back(rows[2]);  // repeated within the batch too
    CPPUNIT_ASSERT(push(rows).ok());
    ingest_->start();
    ingest_->stop(20'000);
    const auto stats = ingest_->stats();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, stats.agents.size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, stats.agents[0].persisted);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, stats.agents[0].duplicates);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::string("success"), std::string(task("a")->text(t::state)));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, sum(Table::task_minutes, model::task_minutes::count));
  }

  void unreadable_attributes_go_to_the_dead_letters_and_the_event_stands() {
    std::string deep =
        R"({"result":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
    store(
        {{.kind = Z4J_EV_FAILED, .at = kNow, .task_id = "a", .attrs = R"({"exception":"E")"},
         {.kind = Z4J_EV_SUCCEEDED, .at = kNow, .task_id = "b", .attrs = deep},
         {.kind = Z4J_EV_SUCCEEDED, .at = kNow, .task_id = "c", .attrs = R"([1])"},
         {.kind = Z4J_EV_SUCCEEDED, .at = kNow, .task_id = "d", .attrs = "{\"result\":\"a\xff\"}"},
         {.kind = Z4J_EV_SUCCEEDED,
          .at = kNow,
          .task_id = "e\xff\x00z",
          .attrs = R"({"result":"fine"})"}});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, count(Table::dead_letters));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{5}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::string("failure"), std::string(task("a")->text(t::state)));
    CPPUNIT_ASSERT_EQUAL(std::string("success"), std::string(task("b")->text(t::state)));
    CPPUNIT_ASSERT_EQUAL(std::string("\"a\xEF\xBF\xBD\""), std::string(task("d")->text(t::result)));
    CPPUNIT_ASSERT(task("e\xEF\xBF\xBD").has_value());
  }

  void troubleshooting_row_32_a_giant_payload_becomes_a_marker() {
    const std::string giant =
        R"({"args":["user@example.com)" + std::string(std::size_t{3} << 20, 'a') + R"("]})";
    store({{.kind = Z4J_EV_RECEIVED, .at = kNow, .task_id = "a", .attrs = giant},
           {.kind = Z4J_EV_RECEIVED,
            .at = kNow,
            .task_id = "b",
            .attrs = R"({"args":[")" + std::string(std::size_t{1} << 20, 'a') + R"("]})"}});
    const std::string marker =
        R"({"_z4j_truncated":true,"bytes":)" + std::to_string(giant.size()) + "}";
    Query query(Table::events);
    query.where.eq(model::events::project_id, source_.project_id).eq(model::events::task_id, "a");
    CPPUNIT_ASSERT_EQUAL(
        marker, std::string(store_->first(query.all()).value()->text(model::events::payload)));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{8}, task("a")->num(t::args_flags));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{8}, task("b")->num(t::args_flags));
    CPPUNIT_ASSERT(task("b")->text(t::args).size() < 9000);
  }

  void troubleshooting_row_31_persisted_counts_what_was_inserted_per_agent() {
    insert_agent();
    make();
    CPPUNIT_ASSERT(push(life("a", kNow - 5'000'000)).ok());
    CPPUNIT_ASSERT(push(life("a", kNow - 5'000'000)).ok());
    ingest_->start();
    ingest_->stop(20'000);
    const auto stats = ingest_->stats();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, stats.agents.at(0).persisted);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, stats.agents.at(0).duplicates);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, stats.agents.at(0).waiting_bytes);
    CPPUNIT_ASSERT_EQUAL(kNow - 4'500'000, stats.agents.at(0).last_event_at);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, sum(Table::agents, model::agents::events_persisted));
    CPPUNIT_ASSERT_EQUAL(kNow - 4'500'000, sum(Table::agents, model::agents::last_event_at));
  }

  void a_full_queue_answers_busy_and_takes_again_when_it_has_drained() {
    make(20'000);
    int accepted = 0;
    base::Status last;
    while ((last = push(life(std::to_string(accepted), kNow - 5'000'000))).ok()) ++accepted;
    CPPUNIT_ASSERT(accepted > 1);
    CPPUNIT_ASSERT(last.error().code == base::Code::busy);
    CPPUNIT_ASSERT(last.error().retry_after_ms > 0);
    const auto full = ingest_->stats();
    CPPUNIT_ASSERT(full.waiting_bytes <= full.limit_bytes &&
                   full.waiting_bytes == full.agents.at(0).waiting_bytes);
    ingest_->start();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!push(life("late", kNow - 5'000'000)).ok() && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    ingest_->stop(20'000);
    CPPUNIT_ASSERT_EQUAL(static_cast<std::uint64_t>(accepted) + 1, count(Table::tasks));
    std::vector<EventRow> huge(200, EventRow{.at = kNow, .attrs = std::string(200, 'x')});
    make(20'000);
    CPPUNIT_ASSERT(push(huge).error().code == base::Code::too_large);
  }

  void a_state_read_back_is_dropped_when_it_is_known() {
    store(life("a", kNow - 5'000'000));
    store({{.kind = Z4J_EV_SUCCEEDED, .at = kNow, .task_id = "a", .attrs = R"({"rebuilt":true})"},
           {.kind = Z4J_EV_FAILED,
            .at = kNow,
            .task_id = "b",
            .attrs = R"({"rebuilt":true,"exception":"E"})"}});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{4}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::string("3"), std::string(task("a")->text(t::result)));
    CPPUNIT_ASSERT_EQUAL(std::string("failure"), std::string(task("b")->text(t::state)));
    // A later run failed while nobody looked: the report knows no attempt and takes that of the
    // stored run.
    store({{.kind = Z4J_EV_STARTED, .at = kNow + 1, .task_id = "b", .attempt = 3}});
    CPPUNIT_ASSERT_EQUAL(std::string("started"), std::string(task("b")->text(t::state)));
    store(
        {{.kind = Z4J_EV_FAILED, .at = kNow + 2, .task_id = "b", .attrs = R"({"rebuilt":true})"}});
    CPPUNIT_ASSERT_EQUAL(std::string("failure"), std::string(task("b")->text(t::state)));
  }

  void one_transition_seen_from_two_places_counts_once() {
    source_.is_remote = true;
    const auto one = [](std::uint16_t kind, base::TimeUs at) {
      return EventRow{.kind = kind, .at = at, .task_id = "a"};
    };
    store_running({one(Z4J_EV_STARTED, kNow), one(Z4J_EV_STARTED, kNow + 900)});
    store_running({one(Z4J_EV_STARTED, kNow + 1'000'000)});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::events));
    // The fuller report of two stays.
    EventRow seen = one(Z4J_EV_FAILED, kNow + 2'000'000), monitored = seen;
    seen.attrs = R"({"exception":"KeyError","traceback":"..."})";
    monitored.at += 300;
    monitored.attrs = R"({"exception":"RuntimeError"})";
    store_running({monitored, seen});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::string("KeyError"), std::string(task("a")->text(t::exception)));
    // A start behind a retry is another one, however quick.
    store_running({one(Z4J_EV_RETRIED, kNow + 2'100'000), one(Z4J_EV_STARTED, kNow + 2'200'000)});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{4}, count(Table::events));
    // Engines of this brain tell each transition once.
    source_.is_remote = false;
    store_running({{.kind = Z4J_EV_STARTED, .at = kNow, .task_id = "b"}});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{5}, count(Table::events));
  }

  void what_is_heard_behind_its_reading_back_counts_once() {
    const std::string rebuilt = R"({"rebuilt":true})";
    const auto done = [](std::string_view task, base::TimeUs at, std::string attrs = {}) {
      return EventRow{
          .kind = Z4J_EV_SUCCEEDED, .at = at, .task_id = std::string(task), .attrs = attrs};
    };
    store_running({done("a", kNow, rebuilt)});
    store_running({done("a", kNow - 300'000)});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::events));
    // Both at once: what was seen as it happened knows more.
    store_running({done("b", kNow, rebuilt), done("b", kNow - 1, R"({"result":7})")});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::string("7"), std::string(task("b")->text(t::result)));
    // Another end of the same task is another fact.
    store_running({done("a", kNow + 30'000'000)});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, count(Table::events));
  }

  std::optional<Row> worker(std::string_view name) {
    Query query(Table::workers);
    query.where.eq(model::workers::id, model::worker_row_id(source_.project_id, "celery", name));
    return store_->first(query.all()).value();
  }

  void worker_events_make_and_move_workers() {
    namespace w = model::workers;
    store(
        {{.kind = Z4J_EV_WORKER_UP,
          .at = kNow - 2,
          .task_id = "",
          .worker = "w1",
          .attrs = R"({"hostname":"h1","pid":7,"concurrency":4,"queues":["q"],"active_tasks":2})"},
         {.kind = Z4J_EV_WORKER_BEAT,
          .at = kNow - 1,
          .task_id = "",
          .worker = "w2",
          .attrs = R"({"active_tasks":1})"}});
    CPPUNIT_ASSERT_EQUAL(std::string("online"), std::string(worker("w1")->text(w::state)));
    CPPUNIT_ASSERT_EQUAL(std::string("h1"), std::string(worker("w1")->text(w::hostname)));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, worker("w1")->num(w::active_tasks));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, worker("w2")->num(w::active_tasks));
    // A task's event touches its worker and erases nothing.
    store({{.kind = Z4J_EV_STARTED, .at = kNow, .worker = "w1"},
           {.kind = Z4J_EV_WORKER_DOWN, .at = kNow, .task_id = "", .worker = "w2"}});
    CPPUNIT_ASSERT_EQUAL(std::string("h1"), std::string(worker("w1")->text(w::hostname)));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, worker("w1")->num(w::active_tasks));
    CPPUNIT_ASSERT_EQUAL(kNow, worker("w1")->num(w::last_heartbeat));
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), std::string(worker("w2")->text(w::state)));
    // Up and down are kept as events, beats are not.
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::tasks));
  }

  void a_late_sign_of_life_does_not_bring_a_worker_back() {
    namespace w = model::workers;
    store({{.kind = Z4J_EV_WORKER_DOWN, .at = kNow, .task_id = "", .worker = "w1"}});
    store({{.kind = Z4J_EV_SUCCEEDED, .at = kNow - 600 * base::kSecondUs, .worker = "w1"},
           {.kind = Z4J_EV_SUCCEEDED,
            .at = kNow - 600 * base::kSecondUs,
            .task_id = "b",
            .worker = "w9"}});
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), std::string(worker("w1")->text(w::state)));
    CPPUNIT_ASSERT_EQUAL(kNow, worker("w1")->num(w::last_heartbeat));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown"), std::string(worker("w9")->text(w::state)));
  }

  void times_of_a_busy_worker_are_written_once_a_second() {
    namespace w = model::workers;
    const auto works = [&](std::int64_t ms, const char* task) {
      store_running({{.kind = Z4J_EV_STARTED,
                      .at = kNow + ms * 1000,
                      .task_id = task,
                      .queue = "q1",
                      .worker = "w1"}});
      return worker("w1")->num(w::last_heartbeat) - kNow;
    };
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, works(0, "a"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, works(900, "b"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1'100'000}, works(1100, "c"));
    // News are, whenever they come.
    store_running(
        {{.kind = Z4J_EV_WORKER_DOWN, .at = kNow + 1'200'000, .task_id = "", .worker = "w1"}});
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), std::string(worker("w1")->text(w::state)));
    // A row that was deleted is there again after a minute.
    Commit commit;
    commit.erase(Table::workers, {});
    commit.erase(Table::queues, {});
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    clock_.advance(61 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{61'000'000}, works(61'000, "d"));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::queues));
  }

  void a_gap_is_recorded_once() {
    namespace g = model::gaps;
    const EventRow gap{
        .kind = Z4J_EV_UNKNOWN,
        .at = kNow,
        .task_id = "",
        .attrs =
            R"({"gap":{"from":1789999000,"to":1789999900.5,"why":"broker away","rebuilt":4,"lost":null}})"};
    store({gap});
    store({gap});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::gaps));
    const auto row = store_->first(Query(Table::gaps).all()).value();
    CPPUNIT_ASSERT_EQUAL(base::TimeUs{1'789'999'000'000'000}, row->num(g::from_at));
    CPPUNIT_ASSERT_EQUAL(base::TimeUs{1'789'999'900'500'000}, row->num(g::to_at));
    CPPUNIT_ASSERT_EQUAL(std::string("broker away"), std::string(row->text(g::why)));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, row->num(g::rebuilt));
    CPPUNIT_ASSERT(row->is_null(g::lost));
  }

  void drops_that_a_source_reports_reach_its_agent() {
    insert_agent();
    make();
    ingest_->dropped(source_, 7, "buffer full");
    ingest_->dropped(source_, 2, "buffer full");
    CPPUNIT_ASSERT(push(life("a", kNow)).ok());
    ingest_->start();
    ingest_->stop(20'000);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{9}, sum(Table::agents, model::agents::events_dropped));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{9}, ingest_->stats().agents.at(0).dropped.at("buffer full"));
    // Also when no event comes along.
    make();
    ingest_->dropped(source_, 1, "x");
    ingest_->start();
    ingest_->stop(20'000);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{10}, sum(Table::agents, model::agents::events_dropped));
  }

  void what_was_heard_under_a_lease_that_is_lost_is_refused_and_counted() {
    namespace a = model::agents;
    insert_agent();
    Fence fence{.name = "engine/p/celery",
                .owner = base::Uuid::random(),
                .number = 7,
                .is_takeover = false};
    insert_lease(fence);
    source_.fence = std::make_shared<const Fence>(fence);
    store(life("held", kNow));
    CPPUNIT_ASSERT(task("held").has_value());
    const std::uint64_t events = count(Table::events);

    fence.number = 6;  // another hearing, before the one that the row tells of
    const EventSource held = source_;
    source_.fence = std::make_shared<const Fence>(fence);
    CPPUNIT_ASSERT(push(life("lost", kNow + base::kSecondUs)).ok());
    source_ = held;  // in one batch with what was heard under the lease that holds
    store(life("held too", kNow + 2 * base::kSecondUs));
    CPPUNIT_ASSERT(!task("lost"));
    CPPUNIT_ASSERT(task("held too").has_value());
    CPPUNIT_ASSERT_EQUAL(2 * events, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(events), sum(Table::agents, a::events_dropped));
  }

  void tells_what_changed_once_per_commit() {
    store(life("a", kNow));
    const std::lock_guard lock(mutex_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, told_.size());
    CPPUNIT_ASSERT_EQUAL(std::string("task.changed"), told_[0]);
  }

  void stopped_it_refuses() {
    make();
    ingest_->start();
    ingest_->stop(1000);
    CPPUNIT_ASSERT(push(life("a", kNow)).error().code == base::Code::unavailable);
  }

  void what_waits_is_stored_before_a_stop_ends() {
    make();
    for (int i = 0; i < 300; ++i) CPPUNIT_ASSERT(push(life(std::to_string(i), kNow)).ok());
    ingest_->start();
    ingest_->stop(60'000);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{900}, count(Table::events));
    make();
    CPPUNIT_ASSERT(push(life("never", kNow)).ok());
    ingest_->start();
    ingest_->stop(0);
    const auto stats = ingest_->stats();
    const std::uint64_t stored = stats.agents.at(0).persisted;
    const std::uint64_t dropped =
        stats.agents.at(0).dropped.contains("stopped before it was stored") ? 3 : 0;
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, stored + dropped);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(IngestTest);

}  // namespace
}  // namespace z4j::core
