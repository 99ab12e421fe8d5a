// Findings: what is one, what is none, how they stand, and what could not be asked.
#include "core/findings.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <atomic>

#include "core/rollups.hpp"
#include "core/testing/test_store.hpp"
#include "plugin/testing/passing_storage.hpp"

namespace z4j::core {
namespace {

// The real driver, whose reads of one table take too long.
class SlowTable final : public plugin::testing::PassingStorage {
 public:
  SlowTable(std::shared_ptr<plugin::StorageClient> driver, const std::atomic<int>& table)
      : PassingStorage(std::move(driver)), table_(table) {}

 private:
  class Slow final : public plugin::testing::PassingSession {
   public:
    Slow(std::unique_ptr<Session> session, const std::atomic<int>& table)
        : PassingSession(std::move(session)), table_(table) {}
    base::Status read(const z4j_query& query, std::uint32_t batch_rows,
                      const std::function<bool(const z4j_rows&)>& rows) override {
      if (query.table == table_)
        return base::Error{base::Code::timeout, "as the test wants it", {}, {}, 0};
      return PassingSession::read(query, batch_rows, rows);
    }

   private:
    const std::atomic<int>& table_;
  };
  std::unique_ptr<Session> wrap(std::unique_ptr<Session> session) override {
    return std::make_unique<Slow>(std::move(session), table_);
  }
  const std::atomic<int>& table_;
};

class FindingsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(FindingsTest);
  CPPUNIT_TEST(a_quiet_project_is_clear_since_it_was_first_seen_so);
  CPPUNIT_TEST(the_worst_stand_first);
  CPPUNIT_TEST(a_lost_worker_is_one_until_it_is_back_or_seen_to);
  CPPUNIT_TEST(a_queue_without_consumer_is_one_and_a_paused_one_is_none);
  CPPUNIT_TEST(queues_are_not_known_while_no_agent_is_online);
  CPPUNIT_TEST(schedules_that_stopped_fail_or_are_late_are_told_apart);
  CPPUNIT_TEST(a_name_fails_more_than_in_its_day);
  CPPUNIT_TEST(what_took_too_long_is_unknown_and_the_rest_is_told);
  CPPUNIT_TEST(no_more_than_some_of_a_kind);
  CPPUNIT_TEST(plugins_are_those_of_the_project_and_of_the_installation_for_its_admins);
  CPPUNIT_TEST_SUITE_END();

  std::atomic<int> slow_{-1};
  testing::TestStore store_{[this](std::shared_ptr<plugin::StorageClient> driver) {
    return std::make_shared<SlowTable>(std::move(driver), slow_);
  }};
  base::ManualClock clock_{(1'800'000'000 - 1'800'000'000 % 3600 + 1800) * base::kSecondUs};
  Home home_{*store_, clock_, 0};
  Findings findings_{*store_, clock_, home_, 0};
  const base::Uuid project_ = base::Uuid::random();
  unsigned lane_ = 0;
  int serial_ = 0;

  // A row with every column that must be there; `sets` say what matters of it.
  base::Uuid put(Table table, const std::vector<Set>& sets) {
    const base::Uuid id = base::Uuid::random();
    Rows rows(table);
    rows.begin();
    const z4j_table& shape = model::table(table);
    for (std::uint16_t i = 0; i < shape.column_count; ++i) {
      const z4j_column& column = shape.columns[i];
      const std::string_view name(column.name.ptr, column.name.len);
      const auto given =
          std::find_if(sets.begin(), sets.end(), [&](const Set& set) { return set.column == i; });
      if (given != sets.end())
        rows.cell(i, given->value);
      else if (name == "id")
        rows.uuid(i, id);
      else if (name == "project_id")
        rows.uuid(i, project_);
      else if ((column.flags & Z4J_COL_REQUIRED) == 0)
        continue;
      else if (column.type == Z4J_T_UUID)
        rows.uuid(i, base::Uuid::random());
      else if (column.type == Z4J_T_TEXT)
        rows.text(i, std::string(name) + std::to_string(++serial_));
      else
        rows.num(i, column.type == Z4J_T_TIME ? clock_.now() : 1);
    }
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    return id;
  }
  void update(Table table, std::uint16_t id_column, const base::Uuid& id, std::vector<Set> sets) {
    Where self;
    self.eq(id_column, id);
    Commit commit;
    commit.update(table, std::move(self), std::move(sets), 1, 1);
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  base::Uuid add_queue(const std::string& name, std::int64_t waiting, const Cell& consumers,
                       std::int64_t oldest_s, bool is_paused = false) {
    namespace q = model::queues;
    return put(Table::queues, {{q::engine, "celery"},
                               {q::name, Cell(name)},
                               {q::pending_count, waiting},
                               {q::consumer_count, consumers},
                               {q::oldest_at, ago(oldest_s)},
                               {q::paused, is_paused}});
  }
  void add_agent(const std::string& name, const std::string& state) {
    namespace a = model::agents;
    put(Table::agents, {{a::name, Cell(name)},
                        {a::state, Cell(state)},
                        {a::state_reason, "broker away"},
                        {a::last_seen_at, ago(90)}});
  }
  base::Uuid add_loss(const std::string& worker, std::int64_t tasks, std::int64_t noticed_s = 60) {
    namespace l = model::worker_losses;
    return put(Table::worker_losses, {{l::engine, "celery"},
                                      {l::worker, Cell(worker)},
                                      {l::last_heartbeat, ago(noticed_s + 30)},
                                      {l::noticed_at, ago(noticed_s)},
                                      {l::verdict, "its process ended"},
                                      {l::task_count, tasks}});
  }
  void count_runs(const std::string& name, std::uint16_t kind, int count, base::TimeUs at) {
    RollUps counts;
    Event run;
    run.project_id = project_;
    run.at = run.taken_at = at;
    run.kind = kind;
    run.engine = "celery";
    run.task = name;
    run.task_id = "any";
    for (int i = 0; i < count; ++i) counts.add(run);
    for (Rows& rows : counts.rows(lane_)) {
      Commit commit;
      commit.insert(std::move(rows));
      CPPUNIT_ASSERT(store_->commit(commit).ok());
    }
    ++lane_;
  }
  base::TimeUs ago(std::int64_t seconds) const { return clock_.now() - seconds * base::kSecondUs; }
  FindingList look() {
    auto list = findings_.of(project_);
    CPPUNIT_ASSERT(list.ok());
    return std::move(*list);
  }
  static std::string kinds(const FindingList& list) {
    std::string out;
    for (const Finding& finding : list.items)
      out += (out.empty() ? "" : " ") + std::string(finding.kind);
    return out;
  }
  static bool has(const std::vector<std::string_view>& kinds, std::string_view kind) {
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  }

 public:
  void a_quiet_project_is_clear_since_it_was_first_seen_so() {
    const base::TimeUs first = clock_.now();
    FindingList list = look();
    CPPUNIT_ASSERT_EQUAL(std::string(), kinds(list));
    CPPUNIT_ASSERT_EQUAL(std::size_t{10}, list.checked.size());
    CPPUNIT_ASSERT(list.unknown.empty());
    clock_.advance(base::kDayUs);
    CPPUNIT_ASSERT_EQUAL(first, look().clear_since.value());
    const base::Uuid loss = add_loss("w1", 0);
    CPPUNIT_ASSERT(!look().clear_since);
    update(Table::worker_losses, model::worker_losses::id, loss,
           {{model::worker_losses::closed_at, clock_.now()}});
    CPPUNIT_ASSERT_EQUAL(clock_.now(), look().clear_since.value());
  }

  void the_worst_stand_first() {
    add_agent("web-1", "online");
    add_agent("web-2", "offline");
    add_loss("w1", 0);
    add_loss("w2", 3);
    add_queue("mail", 7, 0, 5);
    add_queue("slow", 7, 2, 3600);
    CPPUNIT_ASSERT_EQUAL(std::string("queue_without_consumer worker_lost worker_lost agent_offline "
                                     "queue_growing"),
                         kinds(look()));
    const FindingList list = look();
    CPPUNIT_ASSERT_EQUAL(std::string("critical"), std::string(to_string(list.items[1].severity)));
    CPPUNIT_ASSERT_EQUAL(std::string("w2"), list.items[1].subject->id);
    const Finding& agent = list.items[3];
    CPPUNIT_ASSERT_EQUAL(std::string("1 of 2 agents are offline"), agent.title);
    CPPUNIT_ASSERT_EQUAL(std::string("web-2: broker away"), agent.evidence);
    CPPUNIT_ASSERT_EQUAL(ago(90), agent.since.value());
    CPPUNIT_ASSERT_EQUAL(std::string("web-2"), agent.subject->id);
  }

  void a_lost_worker_is_one_until_it_is_back_or_seen_to() {
    namespace l = model::worker_losses;
    const base::Uuid first = add_loss("w1", 2), second = add_loss("w2", 1);
    add_loss("w3", 5, 2 * 86'400);  // history
    const FindingList list = look();
    CPPUNIT_ASSERT_EQUAL(std::string("worker_lost worker_lost"), kinds(list));
    const Finding& worst = list.items[0];
    CPPUNIT_ASSERT_EQUAL(std::string("Worker w1 vanished with 2 tasks in hand"), worst.title);
    CPPUNIT_ASSERT_EQUAL(std::string("its process ended"), worst.evidence);
    CPPUNIT_ASSERT_EQUAL(ago(90), worst.since.value());
    CPPUNIT_ASSERT_EQUAL(std::string("worker"), worst.subject->type);
    CPPUNIT_ASSERT_EQUAL(std::string("celery"), worst.subject->engine);
    CPPUNIT_ASSERT_EQUAL(std::string("Worker w2 vanished with 1 task in hand"),
                         list.items[1].title);
    update(Table::worker_losses, l::id, first, {{l::returned_at, clock_.now()}});
    update(Table::worker_losses, l::id, second, {{l::closed_at, clock_.now()}});
    CPPUNIT_ASSERT_EQUAL(std::string(), kinds(look()));
  }

  void a_queue_without_consumer_is_one_and_a_paused_one_is_none() {
    add_queue("paused", 70, 0, 3600, true);
    add_queue("empty", 0, 0, 3600);
    add_queue("busy", 900, 3, 30);
    add_queue("not told", 900, nullptr, 30);
    CPPUNIT_ASSERT_EQUAL(std::string(), kinds(look()));
    add_queue("mail", 12, 0, 120);
    add_queue("deep", 1001, nullptr, 1);
    const FindingList list = look();
    CPPUNIT_ASSERT_EQUAL(std::string("queue_without_consumer queue_growing"), kinds(list));
    CPPUNIT_ASSERT_EQUAL(std::string("No worker takes from queue mail"), list.items[0].title);
    CPPUNIT_ASSERT_EQUAL(std::string("12 tasks wait, the oldest for 2 min"),
                         list.items[0].evidence);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{12}, list.items[0].count.value());
    CPPUNIT_ASSERT_EQUAL(std::string("Queue deep falls behind"), list.items[1].title);
  }

  void queues_are_not_known_while_no_agent_is_online() {
    add_queue("mail", 12, 0, 120);
    add_agent("web", "offline");
    const FindingList list = look();
    CPPUNIT_ASSERT_EQUAL(std::string("agent_offline"), kinds(list));
    CPPUNIT_ASSERT_EQUAL(std::string("No agent is online"), list.items[0].title);
    CPPUNIT_ASSERT(has(list.unknown, kNoConsumer) && has(list.unknown, kQueueGrowing));
    CPPUNIT_ASSERT(!has(list.checked, kNoConsumer) && has(list.checked, kAgentAway));
  }

  void schedules_that_stopped_fail_or_are_late_are_told_apart() {
    namespace s = model::schedules;
    const auto add = [&](const char* name, bool is_enabled, std::int64_t failures,
                         const Cell& stopped_why, std::int64_t due_s) {
      return put(Table::schedules, {{s::name, name},
                                    {s::is_enabled, is_enabled},
                                    {s::failures, failures},
                                    {s::stopped_why, stopped_why},
                                    {s::next_run_at, ago(due_s)}});
    };
    add("well", true, 1, nullptr, 0);
    add("off", false, 0, nullptr, 86'400);
    add("over", false, 0, "ended", 86'400);
    const base::Uuid broken = add("broken", false, 5, "failures", 60);
    add("failing", true, 2, nullptr, -60);
    add("late", true, 0, nullptr, 3600);
    const FindingList list = look();
    CPPUNIT_ASSERT_EQUAL(std::string("schedule_stopped schedule_failing schedule_late"),
                         kinds(list));
    CPPUNIT_ASSERT_EQUAL(broken.text(), list.items[0].subject->id);
    CPPUNIT_ASSERT_EQUAL(std::string("5 runs failed in a row"), list.items[0].evidence);
    CPPUNIT_ASSERT_EQUAL(std::string("Schedule late has not fired"), list.items[2].title);
    CPPUNIT_ASSERT_EQUAL(std::string("It was due 60 min ago"), list.items[2].evidence);
  }

  void a_name_fails_more_than_in_its_day() {
    const base::TimeUs now = clock_.now(), before = ago(12 * 3600);
    for (const char* name : {"up", "always", "rare"}) {
      count_runs(name, Z4J_EV_SUCCEEDED, 70, now);
      count_runs(name, Z4J_EV_FAILED, name == std::string("rare") ? 4 : 30, now);
    }
    count_runs("up", Z4J_EV_SUCCEEDED, 990, before);
    count_runs("up", Z4J_EV_FAILED, 10, before);
    count_runs("always", Z4J_EV_SUCCEEDED, 80, before);
    count_runs("always", Z4J_EV_FAILED, 20, before);
    count_runs("rare", Z4J_EV_SUCCEEDED, 900, before);
    const FindingList all = look();
    const auto found = std::find_if(all.items.begin(), all.items.end(),
                                    [](const Finding& f) { return f.kind == kFailuresUp; });
    CPPUNIT_ASSERT(found != all.items.end());
    CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{1},
                         std::count_if(all.items.begin(), all.items.end(),
                                       [](const Finding& f) { return f.kind == kFailuresUp; }));
    CPPUNIT_ASSERT_EQUAL(std::string("up fails more than usual"), found->title);
    CPPUNIT_ASSERT_EQUAL(std::string("30 % of 100 runs failed lately, 1 % in the day before"),
                         found->evidence);
    CPPUNIT_ASSERT_EQUAL(std::string("critical"), std::string(to_string(found->severity)));
    CPPUNIT_ASSERT_EQUAL(now - now % (3600 * base::kSecondUs), found->since.value());
    CPPUNIT_ASSERT_EQUAL(std::string("task"), found->subject->type);
  }

  void what_took_too_long_is_unknown_and_the_rest_is_told() {
    add_queue("mail", 12, 0, 120);
    slow_ = static_cast<int>(Table::worker_losses);
    FindingList list = look();
    CPPUNIT_ASSERT_EQUAL(std::string("queue_without_consumer"), kinds(list));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, list.unknown.size());
    CPPUNIT_ASSERT(has(list.unknown, kWorkerLost) && !has(list.checked, kWorkerLost));
    slow_ = static_cast<int>(Table::workers);  // of the figures
    list = look();
    for (const std::string_view kind : {kAgentAway, kFailuresHigh, kCommandsStuck})
      CPPUNIT_ASSERT(has(list.unknown, kind));
    CPPUNIT_ASSERT_EQUAL(std::string("queue_without_consumer"), kinds(list));
  }

  void no_more_than_some_of_a_kind() {
    for (int i = 0; i < 30; ++i) add_queue("q" + std::to_string(i), 1 + i, 0, 5);
    const FindingList list = look();
    CPPUNIT_ASSERT_EQUAL(Findings::kMostOfKind, list.items.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{30}, list.items[0].count.value());
  }

  void plugins_are_those_of_the_project_and_of_the_installation_for_its_admins() {
    const auto report = [](const char* name, const char* engine, const char* project,
                           plugin::State state, plugin::Health health) {
      plugin::Report r;
      r.name = name;
      r.engine_name = engine;
      r.project = project;
      r.state = state;
      r.health = health;
      r.why = "why";
      return r;
    };
    using plugin::Health;
    using plugin::State;
    const std::vector<plugin::Report> reports = {
        report("well", "celery", "shop", State::started, Health::ok),
        report("down", "celery", "shop", State::refused, Health::ok),
        report("partly", "rq", "shop", State::started, Health::degraded),
        report("theirs", "rq", "other", State::faulted, Health::ok),
        report("off", "rq", "shop", State::disabled, Health::failing),
        report("mail", "", "default", State::started, Health::failing)};
    const auto names = [&](bool with_others) {
      std::string out;
      for (const Finding& finding : findings_of(reports, "shop", with_others))
        out += std::string(to_string(finding.severity)) + ":" + finding.subject->id + " ";
      return out;
    };
    CPPUNIT_ASSERT_EQUAL(std::string("critical:down warning:partly "), names(false));
    CPPUNIT_ASSERT_EQUAL(std::string("critical:down warning:partly critical:mail "), names(true));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(FindingsTest);

}  // namespace
}  // namespace z4j::core
