// What the kernel does with its store, S01 to S47: each with its bound of calls over the boundary
// and of rows that reach the kernel. docs/abi/storage.md lists the operations, and those that do
// not run yet.
#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <barrier>
#include <map>
#include <set>
#include <thread>

#include "kernel_rows.hpp"
#include "storage_fixture.hpp"

namespace z4j::contract {
namespace {

template <class Driver>
class StorageOperations : public StorageFixture {
  CPPUNIT_TEST_SUITE(StorageOperations);
  CPPUNIT_TEST(s01_s05_a_batch_is_one_call_and_says_how_many_were_new);
  CPPUNIT_TEST(s01_lanes_that_meet_one_new_row_both_succeed);
  CPPUNIT_TEST(s02_a_batch_with_repeated_events_counts_each_once);
  CPPUNIT_TEST(s03_a_poison_row_is_named_and_set_aside);
  CPPUNIT_TEST(s03_a_time_that_some_store_cannot_keep_is_refused_by_all);
  CPPUNIT_TEST(s04_heartbeats_of_ten_thousand_never_go_back);
  CPPUNIT_TEST(s06_task_list_pages_without_gap_or_repeat_under_writes);
  CPPUNIT_TEST(s07_paths_arrays_and_texts_are_searched_in_the_store);
  CPPUNIT_TEST(s08_s09_a_task_its_events_and_its_tree);
  CPPUNIT_TEST(s11_counts_are_exact_or_capped);
  CPPUNIT_TEST(s12_bulk_delete_reads_nothing);
  CPPUNIT_TEST(s13_suggestions_by_use);
  CPPUNIT_TEST(s13_the_latest_of_each_name_is_one_row_a_name);
  CPPUNIT_TEST(s17_s18_trends_and_last_activity_are_groups_only);
  CPPUNIT_TEST(s19_failures_over_many_projects);
  CPPUNIT_TEST(s20_s22_lists_are_one_call_and_one_page);
  CPPUNIT_TEST(s23_all_sessions_end_in_one_call);
  CPPUNIT_TEST(s24_a_taken_key_names_step_and_key);
  CPPUNIT_TEST(s25_an_audited_act_loses_a_race_without_trace);
  CPPUNIT_TEST(s26_many_acts_in_one_commit);
  CPPUNIT_TEST(s27_a_token_is_used_once);
  CPPUNIT_TEST(s28_failures_count_and_cool_down);
  CPPUNIT_TEST(s33_a_command_is_issued_once_per_key);
  CPPUNIT_TEST(s34_a_command_is_claimed_once);
  CPPUNIT_TEST(s35_commands_time_out_in_two_calls);
  CPPUNIT_TEST(s38_audit_rows_go_by_retention_only);
  CPPUNIT_TEST(s47_old_events_and_tasks_go_without_being_read);
  CPPUNIT_TEST_SUITE_END();

  base::Code refused(Commit& commit) {
    const base::Status done = store_.commit(commit);
    CPPUNIT_ASSERT(!done.ok());
    return done.error().code;
  }

  static Commit batch(Rows fresh) {
    const auto n = static_cast<std::int64_t>(fresh.size());
    Commit commit;
    commit.insert_new(std::move(fresh), true);
    commit.merge(
        many(Table::tasks, 0, 100, [](Rows& r, std::uint64_t i) { task_row(r, i, "started"); }));
    Rows rolled(Table::task_minutes);
    minute_row(rolled, 0, "app.job", n);
    commit.merge(std::move(rolled));
    Rows reporter(Table::agents);
    reporter.begin()
        .uuid(agents::id, kAgent)
        .num(agents::events_persisted, n)
        .num(agents::updated_at, kNow);
    commit.patch(std::move(reporter)).notice("events", "{}");
    return commit;
  }
  void add_agent() {
    Rows rows(Table::agents);
    agent_row(rows, 1, "a1");
    must(std::move(Commit().insert(std::move(rows))));
  }
  std::int64_t minute_count() {
    Query query(Table::task_minutes);
    query.fold(Z4J_AGG_SUM, minutes::count);
    return read(query).at(0).num(0);
  }
  void add_tasks(std::uint64_t from, std::uint64_t n) {
    static const char* const kStates[] = {"success", "failure", "started"};
    must(std::move(Commit().merge(many(
        Table::tasks, from, n, [](Rows& r, std::uint64_t i) { task_row(r, i, kStates[i % 3]); }))));
  }
  void start_audit() {
    Rows head(Table::audit_head);
    head.begin().num(audit_head::id, 1).num(audit_head::seq, 0).num(audit_head::occurred_at, kNow);
    Rows project(Table::projects);
    project_row(project, kProject, "p");
    must(std::move(Commit().insert(std::move(head)).insert(std::move(project))));
  }
  // The last steps of every audited act: the head moves from `seq` to the next place.
  static void audited(Commit& commit, std::int64_t seq,
                      const std::string& action = "agent.minted") {
    Where head;
    head.eq(audit_head::id, 1).eq(audit_head::seq, seq);
    Rows row(Table::audit_log);
    audit_row(row, seq + 1, action);
    commit.serial("audit").update(Table::audit_head, head,
                                  {{audit_head::seq, std::int64_t{1}, Z4J_M_ADD}}, 1);
    commit.insert(std::move(row));
  }

 public:
  StorageOperations() : StorageFixture(Driver::kPlugin) {}
  void s01_s05_a_batch_is_one_call_and_says_how_many_were_new() {
    add_agent();
    Commit commit = batch(many(Table::events, 0, 300, event_row));
    within(1, 0, [&] { must(commit); });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{300}, commit.affected(0));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{300}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{100}, count(Table::tasks));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{300}, minute_count());
    const auto agent =
        store_.first(Query(Table::agents).columns({agents::events_persisted})).value();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{300}, agent->num(agents::events_persisted));
  }

  // Whichever of its keys a store looks at first: the lane that comes second leaves the row alone.
  void s01_lanes_that_meet_one_new_row_both_succeed() {
    constexpr std::uint64_t kRounds = 300, kWorkers = 3;
    std::barrier together(2);
    std::vector<std::string> refused[2];
    std::vector<std::thread> lanes;
    for (unsigned lane = 0; lane < 2; ++lane) {
      lanes.emplace_back([&, lane] {
        for (std::uint64_t round = 0; round < kRounds; ++round) {
          Commit commit;
          commit.insert_new(many(Table::workers, round * kWorkers, kWorkers, worker_row));
          together.arrive_and_wait();
          if (auto done = store_.commit_on(lane % store_.lanes(), commit); !done)
            refused[lane].push_back(text_of(done));
        }
      });
    }
    for (std::thread& lane : lanes) lane.join();
    for (const auto& why : refused) CPPUNIT_ASSERT_MESSAGE(why.empty() ? "" : why[0], why.empty());
    CPPUNIT_ASSERT_EQUAL(kRounds * kWorkers, count(Table::workers));
  }

  void s02_a_batch_with_repeated_events_counts_each_once() {
    add_agent();
    must(batch(many(Table::events, 0, 200, event_row)));
    within(3, 200, [&] {
      Commit again = batch(many(Table::events, 100, 200, event_row));
      CPPUNIT_ASSERT(refused(again) == base::Code::conflict);
      CPPUNIT_ASSERT_EQUAL(std::uint32_t{0}, again.bad_step());
      Query known(Table::events);
      std::vector<Cell> times;
      for (std::int64_t n = 100; n < 300; ++n) times.emplace_back(kNow + n);
      known.where.in(events::occurred_at, std::move(times));
      known.columns({events::id});
      std::set<base::Uuid> there;
      for (const Row& row : read(known)) there.insert(row.uuid(events::id));
      CPPUNIT_ASSERT_EQUAL(std::size_t{100}, there.size());
      Rows rest(Table::events);
      for (std::uint64_t n = 100; n < 300; ++n) {
        if (there.count(id(n)) == 0) event_row(rest, n);
      }
      must(batch(std::move(rest)));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{300}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{300}, minute_count());
    // The same batch once more changes nothing at all.
    Commit once_more = batch(many(Table::events, 100, 200, event_row));
    CPPUNIT_ASSERT(refused(once_more) == base::Code::conflict);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{300}, minute_count());
  }

  void s03_a_poison_row_is_named_and_set_aside() {
    within(2, 0, [&] {
      Rows poisoned(Table::events);
      for (std::uint64_t n = 0; n < 64; ++n) {
        if (n != 17) {
          event_row(poisoned, n);
          continue;
        }
        poisoned.begin().num(events::occurred_at, kNow + 17).uuid(events::id, id(17));
      }
      Commit commit = batch(std::move(poisoned));
      CPPUNIT_ASSERT(refused(commit) == base::Code::invalid);
      CPPUNIT_ASSERT_EQUAL(std::uint32_t{0}, commit.bad_step());
      CPPUNIT_ASSERT_EQUAL(std::uint32_t{17}, commit.bad_row());
      Rows rest(Table::events), dead(Table::dead_letters);
      for (std::uint64_t n = 0; n < 64; ++n) {
        if (n != 17) event_row(rest, n);
      }
      dead.begin()
          .uuid(dead_letters::id, id(17, 7))
          .text(dead_letters::reason, "no kind")
          .num(dead_letters::created_at, kNow);
      must(std::move(Commit().insert_new(std::move(rest), true).insert(std::move(dead))));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{63}, count(Table::events));
  }

  void s03_a_time_that_some_store_cannot_keep_is_refused_by_all() {
    constexpr std::int64_t kYearUs = 31'556'952'000'000;
    const auto with_eta = [](std::int64_t eta) {
      Rows rows(Table::tasks);
      task_row(rows, 1, "received");
      task_row(rows, 2, "received");
      rows.num(tasks::eta, eta).num(tasks::args_stamp, 1);
      return std::move(Commit().merge(std::move(rows)));
    };
    Commit too_early = with_eta(-7600 * kYearUs);
    CPPUNIT_ASSERT(refused(too_early) == base::Code::invalid);
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{1}, too_early.bad_row());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, count(Table::tasks));
    must(with_eta(-6600 * kYearUs));
    Query query(Table::tasks);
    query.where.not_null(tasks::eta);
    CPPUNIT_ASSERT_EQUAL(-6600 * kYearUs, read(query.columns({tasks::eta})).at(0).num(tasks::eta));
  }

  void s04_heartbeats_of_ten_thousand_never_go_back() {
    constexpr std::uint64_t kAgents = 10'000;
    must(std::move(Commit().insert(many(Table::agents, 0, kAgents, [](Rows& r, std::uint64_t n) {
      agent_row(r, n, "a" + std::to_string(n));
    }))));
    const auto seen = [](std::int64_t at) {
      return many(Table::agents, 0, kAgents + 1, [at](Rows& r, std::uint64_t n) {
        r.begin().uuid(agents::id, id(n, 2)).num(agents::last_seen_at, n % 2 == 0 ? at : kNow - 1);
      });
    };
    within(1, 0, [&] {
      Commit commit;
      commit.patch(seen(kNow + 5), {}, true).relaxed();
      must(commit);
      CPPUNIT_ASSERT_EQUAL(kAgents, commit.affected(0));
      CPPUNIT_ASSERT_EQUAL(std::uint8_t{Z4J_ROW_UNTOUCHED},
                           commit.outcome(0)[kAgents]);  // no such agent
    });
    must(std::move(Commit().patch(seen(kNow + 3))));
    CPPUNIT_ASSERT_EQUAL(kAgents / 2,
                         count(Table::agents, Where().eq(agents::last_seen_at, kNow + 5)));
    CPPUNIT_ASSERT_EQUAL(kAgents / 2, count(Table::agents, Where().eq(agents::last_seen_at, kNow)));
  }

  void s06_task_list_pages_without_gap_or_repeat_under_writes() {
    constexpr std::uint64_t kTasks = 1000, kPage = 50;
    add_tasks(0, kTasks);
    Query query(Table::tasks);
    query.where.eq(tasks::project_id, kProject).in(tasks::state, {"success", "failure"});
    query.where.any([](Where& w) {
      for (const std::uint16_t c : {tasks::name, tasks::queue, tasks::worker_name, tasks::task_id})
        w.contains(c, "SLOW");
    });
    query.all().order({tasks::sort_at, tasks::id}, true).limit(kPage + 1);
    std::vector<base::Uuid> seen;
    for (std::uint64_t round = 0; round < kTasks; ++round) {
      std::vector<Row> page;
      within(1, kPage + 1, [&] { page = read(query); });
      const bool more = page.size() > kPage;
      if (more) page.pop_back();
      for (const Row& row : page) seen.push_back(row.uuid(tasks::id));
      // New tasks in front, and old ones changed where the page is: neither moves what is still to
      // come.
      add_tasks(kTasks + round * 3, 3);
      if (!more) break;
      query.after({Cell(page.back().num(tasks::sort_at)), Cell(page.back().uuid(tasks::id))});
    }
    std::vector<base::Uuid> expected;
    for (std::uint64_t n = kTasks; n-- > 0;) {
      if (n % 3 != 2 && n % 2 == 1) expected.push_back(id(n));
    }
    CPPUNIT_ASSERT(seen == expected);
  }

  void s07_paths_arrays_and_texts_are_searched_in_the_store() {
    Rows rows(Table::tasks);
    for (std::uint64_t n = 0; n < 200; ++n) {
      task_row(rows, n, "failure");
      rows.text(tasks::kwargs, R"({"order":{"id":)" + std::to_string(n) + R"(,"city":"Köln"}})")
          .num(tasks::args_stamp, 1);
      rows.text(tasks::tags, n % 4 == 0 ? R"(["red","big"])" : "[]");
      rows.text(tasks::exception, n == 8 ? "ValueError('Bad Thing')" : "KeyError");
    }
    must(std::move(Commit().merge(std::move(rows))));
    Query query(Table::tasks);
    query.where.path(tasks::kwargs, "/order/id", Z4J_CMP_EQ, std::int64_t{8});
    query.where.path(tasks::kwargs, "/order/city", Z4J_CMP_CONTAINS, "köl");
    query.where.path(tasks::tags, "", Z4J_CMP_HAS, "red").contains(tasks::exception, "bad thing");
    query.columns({tasks::task_id});
    within(1, 1, [&] {
      CPPUNIT_ASSERT_EQUAL(std::string("t8"), std::string(read(query).at(0).text(tasks::task_id)));
    });
    Query kinds(Table::tasks);
    kinds.where.path(tasks::kwargs, "/order/id", Z4J_CMP_EQ, "8");  // 8 is not "8"
    CPPUNIT_ASSERT(read(kinds.columns({tasks::id})).empty());
  }

  void s08_s09_a_task_its_events_and_its_tree() {
    must(std::move(Commit().insert_new(many(Table::events, 0, 30, event_row))));
    Rows rows(Table::tasks);
    for (std::uint64_t n = 0; n < 600; ++n) {
      task_row(rows, n, "success");
      rows.text(tasks::root_task_id, "t0");
    }
    must(std::move(Commit().merge(std::move(rows))));
    Query one(Table::tasks);
    one.where.eq(tasks::id, id(2));
    within(1, 1, [&] { CPPUNIT_ASSERT_EQUAL(std::size_t{1}, read(one.all()).size()); });
    Query own(Table::events);
    own.where.eq(events::project_id, kProject).eq(events::task_id, "t2");
    own.all().order({events::occurred_at, events::id});
    within(1, 3, [&] { CPPUNIT_ASSERT_EQUAL(std::size_t{3}, read(own).size()); });
    Query tree(Table::tasks);
    tree.where.eq(tasks::project_id, kProject).eq(tasks::root_task_id, "t0");
    tree.columns({tasks::id, tasks::parent_task_id}).limit(501);
    within(2, 502, [&] {
      CPPUNIT_ASSERT(store_.first(one).value().has_value());
      CPPUNIT_ASSERT_EQUAL(std::size_t{501}, read(tree).size());
    });
  }

  void s11_counts_are_exact_or_capped() {
    add_tasks(0, 900);
    const Where failed = Where().eq(tasks::project_id, kProject).eq(tasks::state, "failure");
    within(1, 1, [&] { CPPUNIT_ASSERT_EQUAL(std::uint64_t{300}, count(Table::tasks, failed)); });
    within(1, 1, [&] {
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{25}, store_.count(Table::tasks, failed, 25).value());
    });
    within(1, 1, [&] {
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{300}, store_.count(Table::tasks, failed, 500).value());
    });
  }

  void s12_bulk_delete_reads_nothing() {
    start_audit();
    add_tasks(0, 300);
    within(1, 0, [&] {
      Commit commit;
      commit.erase(Table::tasks, Where().eq(tasks::state, "failure"), 40);
      audited(commit, 0, "task.deleted");
      must(commit);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{40}, commit.affected(0));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{60},
                         count(Table::tasks, Where().eq(tasks::state, "failure")));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::audit_log));
  }

  void s13_suggestions_by_use() {
    Rows rows(Table::task_minutes);
    for (std::int64_t n = 0; n < 50; ++n) minute_row(rows, 0, "app.job" + std::to_string(n), n);
    minute_row(rows, 0, "other", 1000);
    must(std::move(Commit().merge(std::move(rows))));
    Query query(Table::task_minutes);
    query.where.eq(minutes::project_id, kProject).prefix(minutes::task_name, "app.");
    query.group(minutes::task_name).fold(Z4J_AGG_SUM, minutes::count).order({1, 0}, true).limit(20);
    within(1, 20, [&] {
      const std::vector<Row> found = read(query);
      CPPUNIT_ASSERT_EQUAL(std::size_t{20}, found.size());
      CPPUNIT_ASSERT_EQUAL(std::string("app.job49"), std::string(found[0].text(0)));
      CPPUNIT_ASSERT_EQUAL(std::int64_t{30}, found[19].num(1));
    });
  }

  void s13_the_latest_of_each_name_is_one_row_a_name() {
    add_tasks(0, 700);  // of app.job0 to app.job6
    Rows rows(Table::tasks);
    for (const bool is_named : {false, true}) {  // without a name here, with one elsewhere
      rows.begin()
          .uuid(tasks::id, id(1000, is_named ? 1 : 0))
          .uuid(tasks::project_id, is_named ? id(2, 1) : kProject)
          .text(tasks::engine, "celery")
          .text(tasks::task_id, "t1000")
          .num(tasks::sort_at, kNow + 1000)
          .num(tasks::sort_stamp, 1)
          .num(tasks::created_at, kNow)
          .num(tasks::updated_at, kNow);
      if (is_named) rows.text(tasks::name, "app.job0");
    }
    must(std::move(Commit().merge(std::move(rows))));
    const auto edges = [this](std::uint16_t agg, std::string_view part, std::uint32_t limit) {
      Query query(Table::tasks);
      query.where.eq(tasks::project_id, kProject).contains(tasks::name, part);
      query.group(tasks::name).fold(agg, tasks::sort_at).limit(limit);
      std::map<std::string, std::int64_t> out;
      for (const Row& row : read(query)) out.emplace(row.text(0), row.num(1) - kNow);
      return out;
    };
    within(1, 7, [&] {
      const auto newest = edges(Z4J_AGG_MAX, "JOB", 100);
      CPPUNIT_ASSERT_EQUAL(std::size_t{7}, newest.size());
      CPPUNIT_ASSERT_EQUAL(std::int64_t{693}, newest.at("app.job0"));
      CPPUNIT_ASSERT_EQUAL(std::int64_t{699}, newest.at("app.job6"));
    });
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, edges(Z4J_AGG_MIN, "job3", 100).at("app.job3"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, edges(Z4J_AGG_MAX, "app", 2).size());
    CPPUNIT_ASSERT(edges(Z4J_AGG_MAX, "job7", 100).empty());
  }

  void s17_s18_trends_and_last_activity_are_groups_only() {
    Rows rows(Table::task_minutes);
    for (std::int64_t m = 0; m < 120; ++m) minute_row(rows, m, "app.job", 2, m < 100 ? "w1" : "w2");
    must(std::move(Commit().merge(std::move(rows))));
    Query trend(Table::task_minutes);
    trend.group(minutes::minute, 60 * kMinuteUs)
        .fold(Z4J_AGG_SUM, minutes::count)
        .fold(Z4J_AGG_SUM, minutes::le_1s)
        .order({0});
    within(1, 3, [&] {
      std::int64_t sum = 0;
      for (const Row& row : read(trend)) {
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, row.num(0) % (60 * kMinuteUs));
        CPPUNIT_ASSERT_EQUAL(row.num(1), 2 * row.num(2));
        sum += row.num(1);
      }
      CPPUNIT_ASSERT_EQUAL(std::int64_t{240}, sum);
    });
    Query by_worker(Table::task_minutes);
    by_worker.group(minutes::worker).fold(Z4J_AGG_MAX, minutes::minute).order({0});
    within(1, 2, [&] {
      const std::vector<Row> found = read(by_worker);
      CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found.size());
      CPPUNIT_ASSERT_EQUAL(kNow + 99 * kMinuteUs, found[0].num(1));
    });
  }

  void s19_failures_over_many_projects() {
    add_tasks(0, 300);
    Query query(Table::tasks);
    query.where.in(tasks::project_id, {kProject, id(2, 1), id(3, 1)}).eq(tasks::state, "failure");
    query.columns({tasks::id}).order({tasks::sort_at, tasks::id}, true).limit(10);
    within(1, 10, [&] { CPPUNIT_ASSERT(read(query).at(0).uuid(tasks::id) == id(298)); });
  }

  void s20_s22_lists_are_one_call_and_one_page() {
    Commit fill;
    fill.insert(many(Table::users, 0, 60,
                     [](Rows& r, std::uint64_t n) { user_row(r, n, "u" + std::to_string(n)); }));
    fill.insert(many(Table::sessions, 0, 60,
                     [](Rows& r, std::uint64_t n) { session_row(r, n, id(n % 2, 3)); }));
    fill.insert(
        many(Table::commands, 0, 60, [](Rows& r, std::uint64_t n) { command_row(r, n, ""); }));
    fill.insert(many(Table::audit_log, 1, 60, [](Rows& r, std::uint64_t n) {
      audit_row(r, static_cast<std::int64_t>(n), n % 2 == 0 ? "agent.minted" : "user.signed_in");
    }));
    must(fill);
    const auto page = [&](Query& query, std::size_t expected) {
      within(1, 21, [&] { CPPUNIT_ASSERT_EQUAL(expected, read(query.limit(21)).size()); });
    };
    Query people(Table::users), own(Table::sessions), asked(Table::commands),
        acts(Table::audit_log);
    page(people.all().order({users::created_at, users::id}, true), 21);
    own.where.eq(sessions::user_id, id(1, 3)).is_null(sessions::revoked_at);
    page(own.all().order({sessions::issued_at, sessions::id}, true), 21);
    asked.where.eq(commands::project_id, kProject).eq(commands::status, "pending");
    page(asked.all().order({commands::issued_at, commands::id}, true), 21);
    acts.where.prefix(audit_log::action, "agent.").gt(audit_log::occurred_at, kNow + 40);
    acts.where.any(
        [](Where& w) { w.eq(audit_log::project_id, kProject).is_null(audit_log::project_id); });
    page(acts.all().order({audit_log::seq}, true), 10);
  }

  void s23_all_sessions_end_in_one_call() {
    start_audit();
    must(std::move(Commit().insert(many(Table::sessions, 0, 50, [](Rows& r, std::uint64_t n) {
      session_row(r, n, id(n % 2, 3));
    }))));
    within(1, 0, [&] {
      Commit commit;
      commit.update(Table::sessions,
                    Where().eq(sessions::user_id, id(1, 3)).is_null(sessions::revoked_at),
                    {{sessions::revoked_at, Cell::now()}, {sessions::revocation_reason, "admin"}});
      audited(commit, 0, "session.revoked");
      must(commit);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{25}, commit.affected(0));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{25},
                         count(Table::sessions, Where().is_null(sessions::revoked_at)));
  }

  void s24_a_taken_key_names_step_and_key() {
    start_audit();
    Rows taken_agent(Table::agents), taken_user(Table::users), taken_command(Table::commands),
        taken_audit(Table::audit_log);
    agent_row(taken_agent, 1, "a1");
    taken_agent.text(agents::token_hash, "token");
    user_row(taken_user, 1, "u@example.org");
    command_row(taken_command, 1, "key");
    audit_row(taken_audit, 2);
    must(std::move(Commit()
                       .insert(std::move(taken_agent))
                       .insert(std::move(taken_user))
                       .insert(std::move(taken_command))
                       .insert(std::move(taken_audit))));
    const auto taken = [&](std::uint32_t key, Rows rows) {
      Commit commit;
      Rows other(Table::meta);
      other.begin().text(model::meta::key, "k").text(model::meta::value, "v");
      commit.insert(std::move(other)).insert(std::move(rows));
      CPPUNIT_ASSERT(refused(commit) == base::Code::conflict);
      CPPUNIT_ASSERT_EQUAL(std::uint32_t{1}, commit.bad_step());
      CPPUNIT_ASSERT_EQUAL(key, commit.bad_key());
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, count(Table::meta));
    };
    Rows email(Table::users), slug(Table::projects), name(Table::agents), token(Table::agents),
        key(Table::commands), previous(Table::audit_log), primary(Table::users);
    user_row(email, 2, "u@example.org");
    taken(1, std::move(email));
    user_row(primary, 1, "other@example.org");
    taken(0, std::move(primary));
    project_row(slug, id(9, 1), "p");
    taken(1, std::move(slug));
    agent_row(name, 2, "a1");
    taken(1, std::move(name));
    agent_row(token, 2, "a2");
    token.text(agents::token_hash, "token");
    taken(2, std::move(token));
    command_row(key, 2, "key");
    taken(1, std::move(key));
    audit_row(previous, 3, "agent.minted", 1);
    taken(2, std::move(previous));
    // Absent is free: many commands without a key, many agents without a token.
    Commit free;
    free.insert(
        many(Table::commands, 10, 3, [](Rows& r, std::uint64_t n) { command_row(r, n, ""); }));
    free.insert(many(Table::agents, 10, 3,
                     [](Rows& r, std::uint64_t n) { agent_row(r, n, "b" + std::to_string(n)); }));
    must(free);
  }

  void s25_an_audited_act_loses_a_race_without_trace() {
    start_audit();
    const auto mint = [&](std::uint64_t n, std::int64_t seq) {
      Commit commit;
      Rows rows(Table::agents);
      agent_row(rows, n, "a" + std::to_string(n));
      commit.check(Table::projects, Where().eq(projects::id, kProject), 1, 1)
          .insert(std::move(rows));
      audited(commit, seq);
      return commit;
    };
    within(1, 0, [&] { must(mint(1, 0)); });
    within(3, 1, [&] {
      Commit late = mint(2, 0);
      CPPUNIT_ASSERT(refused(late) == base::Code::conflict);
      CPPUNIT_ASSERT_EQUAL(std::uint32_t{2}, late.bad_step());
      const auto head = store_.first(Query(Table::audit_head).columns({audit_head::seq})).value();
      must(mint(2, head->num(audit_head::seq)));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, count(Table::agents));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, count(Table::audit_log));
    Commit orphan;
    orphan.check(Table::projects, Where().eq(projects::id, id(9, 1)), 1, 1);
    CPPUNIT_ASSERT(refused(orphan) == base::Code::conflict);
  }

  void s26_many_acts_in_one_commit() {
    start_audit();
    const auto group = [&](std::initializer_list<const char*> names) {
      Commit commit;
      std::uint64_t n = 0;
      for (const char* name : names) {
        Rows rows(Table::agents);
        agent_row(rows, ++n, name);
        commit.insert(std::move(rows));
        audited(commit, static_cast<std::int64_t>(n) - 1);
      }
      return commit;
    };
    within(2, 0, [&] {
      Commit all = group({"a", "b", "a"});
      CPPUNIT_ASSERT(refused(all) == base::Code::conflict);
      CPPUNIT_ASSERT_EQUAL(std::uint32_t{6}, all.bad_step());
      must(group({"a", "b"}));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, count(Table::audit_log));
  }

  void s27_a_token_is_used_once() {
    Rows rows(Table::first_boot_tokens);
    rows.begin()
        .uuid(tokens::id, id(1))
        .text(tokens::token_hash, "h")
        .num(tokens::expires_at, kNow * 2)
        .num(tokens::created_at, kNow);
    rows.begin()
        .uuid(tokens::id, id(2))
        .text(tokens::token_hash, "old")
        .num(tokens::expires_at, kNow)
        .num(tokens::created_at, kNow);
    must(std::move(Commit().insert(std::move(rows))));
    const auto use = [](const char* hash) {
      Commit commit;
      commit.update(Table::first_boot_tokens,
                    Where()
                        .eq(tokens::token_hash, hash)
                        .is_null(tokens::consumed_at)
                        .gt(tokens::expires_at, Cell::now()),
                    {{tokens::consumed_at, Cell::now()}}, 1, 1);
      return commit;
    };
    within(1, 0, [&] { must(use("h")); });
    for (const char* hash : {"h", "old", "unknown"}) {
      Commit again = use(hash);
      CPPUNIT_ASSERT(refused(again) == base::Code::conflict);
    }
  }

  void s28_failures_count_and_cool_down() {
    Rows rows(Table::users);
    user_row(rows, 1, "u");
    must(std::move(Commit().insert(std::move(rows))));
    const Where who = Where().eq(users::id, id(1, 3));
    for (int i = 0; i < 3; ++i) {
      within(1, 0, [&] {
        must(std::move(Commit().update(Table::users, who,
                                       {{users::failed_login_count, 1, Z4J_M_ADD},
                                        {users::last_failed_login_at, Cell::now(), Z4J_M_MAX}},
                                       1)));
      });
    }
    CPPUNIT_ASSERT_EQUAL(
        std::int64_t{3},
        store_.first(Query(Table::users).all()).value()->num(users::failed_login_count));
    const auto slot = [&](std::int64_t cooldown_us) {
      Commit commit;
      commit.update(Table::users,
                    Where(who).lt(users::last_failed_login_at, Cell::now(-cooldown_us)),
                    {{users::locked_until, Cell::now(kMinuteUs)}}, 1, 1);
      return commit;
    };
    Commit early = slot(60 * kMinuteUs);
    CPPUNIT_ASSERT(refused(early) == base::Code::conflict);
    must(slot(-60 * kMinuteUs));
  }

  void s33_a_command_is_issued_once_per_key() {
    start_audit();
    const auto issue = [](std::uint64_t n, std::int64_t seq) {
      Rows rows(Table::commands);
      command_row(rows, n, "once");
      Commit commit;
      commit.insert(std::move(rows));
      audited(commit, seq, "command.issued");
      commit.notice("commands", "{}");
      return commit;
    };
    within(1, 0, [&] { must(issue(1, 0)); });
    within(2, 1, [&] {
      Commit again = issue(2, 1);
      CPPUNIT_ASSERT(refused(again) == base::Code::conflict);
      CPPUNIT_ASSERT_EQUAL(std::uint32_t{1}, again.bad_key());
      Query query(Table::commands);
      query.where.eq(commands::project_id, kProject).eq(commands::idempotency_key, "once");
      CPPUNIT_ASSERT_EQUAL(std::string("h1"),
                           std::string(read(query.all()).at(0).text(commands::payload_hash)));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::audit_log));
  }

  void s34_a_command_is_claimed_once() {
    must(std::move(Commit().insert(
        many(Table::commands, 0, 500, [](Rows& r, std::uint64_t n) { command_row(r, n, ""); }))));
    const auto claim = [&](std::uint64_t from, std::uint64_t n) {
      Commit commit;
      commit.patch(many(Table::commands, from, n,
                        [](Rows& r, std::uint64_t i) {
                          r.begin()
                              .uuid(commands::id, id(i, 5))
                              .text(commands::status, "dispatched")
                              .num(commands::dispatched_at, kNow);
                        }),
                   Where().eq(commands::status, "pending"), true);
      must(commit);
      return commit;
    };
    within(1, 0, [&] { CPPUNIT_ASSERT_EQUAL(std::uint64_t{300}, claim(0, 300).affected(0)); });
    const Commit second = claim(200, 300);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{200}, second.affected(0));
    for (std::size_t i = 0; i < 300; ++i) {
      CPPUNIT_ASSERT_EQUAL(static_cast<int>(i < 100 ? Z4J_ROW_UNTOUCHED : Z4J_ROW_CHANGED),
                           static_cast<int>(second.outcome(0)[i]));
    }
  }

  void s35_commands_time_out_in_two_calls() {
    must(std::move(Commit().insert(many(Table::commands, 0, 40, [](Rows& r, std::uint64_t n) {
      command_row(r, n, "", n % 2 == 0 ? kNow : kNow * 2);
    }))));
    within(2, 500, [&] {
      Query due(Table::commands);
      due.where.eq(commands::status, "pending").lt(commands::timeout_at, Cell::now());
      due.columns({commands::id}).order({commands::id}).limit(500);
      Rows rows(Table::commands);
      for (const Row& row : read(due)) {
        rows.begin()
            .uuid(commands::id, row.uuid(commands::id))
            .text(commands::status, "timeout")
            .num(commands::completed_at, kNow);
      }
      Commit commit;
      commit.patch(std::move(rows), Where().eq(commands::status, "pending"));
      must(commit);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{20}, commit.affected(0));
    });
  }

  void s38_audit_rows_go_by_retention_only() {
    start_audit();
    must(std::move(Commit().insert(many(Table::audit_log, 1, 20, [](Rows& r, std::uint64_t n) {
      audit_row(r, static_cast<std::int64_t>(n));
    }))));
    const Where old = Where().le(audit_log::seq, std::int64_t{10});
    Commit denied;
    denied.erase(Table::audit_log, old);
    CPPUNIT_ASSERT(refused(denied) == base::Code::denied);
    Commit changed;
    changed.update(Table::audit_log, old, {{audit_log::canonical, "forged"}});
    CPPUNIT_ASSERT(refused(changed) == base::Code::denied);
    Rows forged(Table::audit_log);
    audit_row(forged, 3, "forged");
    Commit merged;
    merged.merge(std::move(forged));
    CPPUNIT_ASSERT(refused(merged) == base::Code::denied);
    within(1, 0, [&] {
      Commit commit;
      commit.serial("audit").retention().erase(Table::audit_log, old);
      must(commit);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, commit.affected(0));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, count(Table::audit_log));
    Commit later;  // the permission was for that commit only
    later.erase(Table::audit_log, Where());
    CPPUNIT_ASSERT(refused(later) == base::Code::denied);
  }

  void s47_old_events_and_tasks_go_without_being_read() {
    must(std::move(Commit().insert_new(many(Table::events, 0, 300, event_row))));
    add_tasks(0, 300);
    within(4, 0, [&] {
      must(std::move(
          Commit().retention().erase(Table::events, Where().lt(events::occurred_at, kNow + 100))));
      std::uint64_t gone = 1;
      while (gone > 0) {
        Commit commit;
        commit.erase(Table::tasks,
                     Where().lt(tasks::sort_at, kNow + 150).ne(tasks::state, "failure"), 60);
        must(commit);
        gone = commit.affected(0);
        if (gone < 60) break;
      }
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{200}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{200}, count(Table::tasks));
  }
};

#ifdef Z4J_CONTRACT_GIVEN
CPPUNIT_TEST_SUITE_REGISTRATION(StorageOperations<Given>);
#else
#ifdef Z4J_CONTRACT_POSTGRESQL
CPPUNIT_TEST_SUITE_REGISTRATION(StorageOperations<Postgresql>);
#else
CPPUNIT_TEST_SUITE_REGISTRATION(StorageOperations<Sqlite>);
CPPUNIT_TEST_SUITE_REGISTRATION(StorageOperations<Memory>);
#endif
#endif

}  // namespace
}  // namespace z4j::contract
