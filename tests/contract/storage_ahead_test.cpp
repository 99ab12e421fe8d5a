// Operations of the contract's list that the kernel will do when it has jobs, schedules, outbox and
// channels: S14 to S16, S21, S29 to S32, S36, S39 to S42, S45 and S46, on each driver. Tables that
// are declared already stand in for those to come: a command for a job's item, a schedule's fire or
// a delivery; an agent for a schedule or a channel; a row of meta for a job or a fence.
#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <set>
#include <thread>

#include "kernel_rows.hpp"
#include "storage_fixture.hpp"

namespace z4j::contract {
namespace {

namespace facts = model::meta;
namespace members = model::memberships;

template <class Driver>
class StorageAhead : public StorageFixture {
  CPPUNIT_TEST_SUITE(StorageAhead);
  CPPUNIT_TEST(s14_a_selection_is_frozen_by_its_keys);
  CPPUNIT_TEST(s15_a_bulk_job_runs_in_pieces_and_resumes);
  CPPUNIT_TEST(s16_a_job_is_paused_and_taken_over_in_one_call);
  CPPUNIT_TEST(s21_members_come_with_their_names_in_two_calls);
  CPPUNIT_TEST(s29_the_last_admin_stays);
  CPPUNIT_TEST(s30_a_project_goes_in_pieces_and_resumes);
  CPPUNIT_TEST(s31_an_agent_goes_and_its_events_stay);
  CPPUNIT_TEST(s32_an_id_leaves_the_lists_that_hold_it);
  CPPUNIT_TEST(s36_an_outbox_entry_is_delivered_by_one);
  CPPUNIT_TEST(s39_a_schedule_fires_at_most_once);
  CPPUNIT_TEST(s40_buffered_fires_go_out_once);
  CPPUNIT_TEST(s41_an_import_replaces_its_source_in_two_calls);
  CPPUNIT_TEST(s42_a_registry_is_merged_and_its_history_kept);
  CPPUNIT_TEST(s45_the_agents_of_a_kernel_that_is_gone_are_set_free);
  CPPUNIT_TEST(s46_a_notice_is_heard_once_its_commit_is_kept);
  CPPUNIT_TEST_SUITE_END();

  void lost(Commit commit) {
    const base::Status done = store_.commit(commit);
    CPPUNIT_ASSERT(!done.ok() && done.error().code == base::Code::conflict);
  }

  void add_commands(std::uint64_t n) {
    must(std::move(Commit().insert(
        many(Table::commands, 0, n, [](Rows& r, std::uint64_t i) { command_row(r, i, ""); }))));
  }
  void add_agents(std::uint64_t n) {
    must(std::move(Commit().insert(many(Table::agents, 0, n, [](Rows& r, std::uint64_t i) {
      agent_row(r, i, "a" + std::to_string(i));
    }))));
  }
  // A number under a name, as a fence or a counter.
  static Rows fact(const std::string& name, const std::string& value) {
    Rows rows(Table::meta);
    rows.begin().text(facts::key, name).text(facts::value, value);
    return rows;
  }
  static Where is_fact(const std::string& name, const std::string& value) {
    return Where().eq(facts::key, name).eq(facts::value, value);
  }
  // The next pending commands and what makes them `state`; each only if it is still pending.
  Rows next_commands(std::uint32_t most, const char* state) {
    Query due(Table::commands);
    due.where.eq(commands::status, "pending");
    due.columns({commands::id}).order({commands::id}).limit(most);
    Rows rows(Table::commands);
    for (const Row& row : read(due))
      rows.begin().uuid(commands::id, row.uuid(commands::id)).text(commands::status, state);
    return rows;
  }
  static Where pending() { return Where().eq(commands::status, "pending"); }

 public:
  StorageAhead() : StorageFixture(Driver::kPlugin) {}
  void s14_a_selection_is_frozen_by_its_keys() {
    constexpr std::uint64_t kSelected = 10'000, kPiece = 5000;
    for (std::uint64_t from = 0; from < kSelected; from += kPiece) {
      must(std::move(Commit().merge(many(Table::tasks, from, kPiece, [](Rows& r, std::uint64_t i) {
        task_row(r, i, "failure");
      }))));
    }
    within(1 + kSelected / kPiece, kSelected, [&] {
      const auto snapshot = bench_.client().open(Z4J_SESSION_SNAPSHOT).value();
      z4j_out key{tasks::id, 0, 0, 0};
      const std::uint16_t order[] = {tasks::id};
      z4j_query query{};
      query.struct_size = sizeof query;
      query.table = static_cast<std::uint16_t>(Table::tasks);
      query.outs = &key;
      query.out_count = 1;
      query.order = order;
      query.order_count = 1;
      std::vector<base::Uuid> keys;
      CPPUNIT_ASSERT(snapshot
                         ->read(query, 1000,
                                [&](const z4j_rows& page) {
                                  const auto* ids = static_cast<const char*>(page.cols[0].data);
                                  for (std::size_t r = 0; r < page.rows; ++r)
                                    keys.push_back(base::Uuid::from_bytes({ids + r * 16, 16}));
                                  return true;
                                })
                         .ok());
      for (std::uint64_t from = 0; from < keys.size(); from += kPiece) {
        must(std::move(
            Commit().insert_new(many(Table::commands, from, kPiece,
                                     [](Rows& r, std::uint64_t i) { command_row(r, i, ""); }))));
      }
      CPPUNIT_ASSERT_EQUAL(std::size_t{kSelected}, keys.size());
    });
    CPPUNIT_ASSERT_EQUAL(kSelected, count(Table::commands));
  }

  void s15_a_bulk_job_runs_in_pieces_and_resumes() {
    add_commands(900);
    add_agents(1);  // its counter stands for the job's
    const auto piece = [&] {
      Rows rows = next_commands(500, "completed");
      const auto n = static_cast<std::int64_t>(rows.size());
      if (n == 0) return n;
      Commit commit;
      commit.patch(std::move(rows), pending());
      commit.update(Table::agents, Where().eq(agents::id, id(0, 2)),
                    {{agents::events_persisted, n, Z4J_M_ADD}}, 1);
      must(commit);
      CPPUNIT_ASSERT_EQUAL(static_cast<std::uint64_t>(n), commit.affected(0));
      return n;
    };
    within(2, 500, [&] { CPPUNIT_ASSERT_EQUAL(std::int64_t{500}, piece()); });
    CPPUNIT_ASSERT_EQUAL(std::int64_t{400}, piece());  // as another kernel would go on
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, piece());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{900},
                         read(Query(Table::agents).all()).at(0).num(agents::events_persisted));
  }

  void s16_a_job_is_paused_and_taken_over_in_one_call() {
    must(std::move(Commit().insert(fact("job", "running")).insert(fact("fence", "1"))));
    const auto turn = [](const char* was, const char* is, const char* fence) {
      Commit commit;
      commit.update(Table::meta, is_fact("job", was), {{facts::value, is}}, 1);
      commit.check(Table::meta, is_fact("fence", fence), 1, 1);
      return commit;
    };
    within(1, 0, [&] { must(turn("running", "paused", "1")); });
    lost(turn("running", "cancelled", "1"));  // it does not run any more
    must(std::move(Commit().update(Table::meta, is_fact("fence", "1"), {{facts::value, "2"}}, 1)));
    lost(turn("paused", "running", "1"));  // its holder was taken over from
    must(turn("paused", "running", "2"));
  }

  void s21_members_come_with_their_names_in_two_calls() {
    must(std::move(Commit()
                       .insert(many(Table::users, 0, 40,
                                    [](Rows& r, std::uint64_t i) {
                                      user_row(r, i, "u" + std::to_string(i) + "@x");
                                    }))
                       .insert(many(Table::memberships, 0, 40, [](Rows& r, std::uint64_t i) {
                         r.begin()
                             .uuid(members::id, id(i, 8))
                             .uuid(members::user_id, id(i, 3))
                             .uuid(members::project_id, kProject)
                             .text(members::role, "viewer")
                             .num(members::created_at, kNow + static_cast<std::int64_t>(i))
                             .num(members::updated_at, kNow);
                       }))));
    within(2, 50, [&] {
      Query page(Table::memberships);
      page.where.eq(members::project_id, kProject);
      page.columns({members::user_id}).order({members::created_at, members::id}).limit(25);
      std::vector<Cell> ids;
      for (const Row& row : read(page)) ids.emplace_back(row.uuid(members::user_id));
      Query names(Table::users);
      names.where.in(users::id, ids);
      CPPUNIT_ASSERT_EQUAL(std::size_t{25}, read(names.columns({users::id, users::email})).size());
    });
  }

  void s29_the_last_admin_stays() {
    must(std::move(Commit().insert(many(Table::users, 0, 2, [](Rows& r, std::uint64_t i) {
      user_row(r, i, "admin" + std::to_string(i) + "@x");
    }))));
    must(std::move(Commit().update(Table::users, Where(), {{users::is_admin, true}}, 2)));
    const auto step_down = [](std::uint64_t who) {
      Commit commit;
      commit.serial("admins:all");
      commit.check(
          Table::users,
          Where().eq(users::is_admin, true).eq(users::is_active, true).ne(users::id, id(who, 3)), 1,
          Commit::kAny);
      commit.update(Table::users, Where().eq(users::id, id(who, 3)), {{users::is_admin, false}}, 1);
      return commit;
    };
    // Both at once: whoever comes second is the last one.
    base::Status done[2];
    std::thread both[2];
    for (std::uint64_t i = 0; i < 2; ++i) {
      both[i] = std::thread([&, i] {
        Commit commit = step_down(i);
        done[i] = store_.commit(commit);
      });
    }
    for (std::thread& one : both) one.join();
    CPPUNIT_ASSERT(done[0].ok() != done[1].ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::users, Where().eq(users::is_admin, true)));
    within(1, 0, [&] { lost(step_down(done[0].ok() ? 1 : 0)); });
  }

  void s30_a_project_goes_in_pieces_and_resumes() {
    Rows project(Table::projects);
    project_row(project, kProject, "p");
    must(std::move(Commit().insert(std::move(project))));
    must(std::move(Commit().merge(
        many(Table::tasks, 0, 250, [](Rows& r, std::uint64_t i) { task_row(r, i, "success"); }))));
    add_commands(120);
    must(std::move(Commit().update(Table::projects, Where().eq(projects::id, kProject),
                                   {{projects::is_active, false}}, 1)));
    const auto piece = [&](Table table, std::uint16_t project_column) {
      Commit commit;
      commit.erase(table, Where().eq(project_column, kProject), 100);
      must(commit);
      return commit.affected(0);
    };
    within(7, 0, [&] {
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{100}, piece(Table::tasks, tasks::project_id));
      // Killed here and begun again, nothing is done twice and nothing left out.
      while (piece(Table::tasks, tasks::project_id) == 100) continue;
      while (piece(Table::commands, commands::project_id) == 100) continue;
      must(std::move(Commit().erase(
          Table::projects, Where().eq(projects::id, kProject).eq(projects::is_active, false))));
    });
    for (const Table table : {Table::tasks, Table::commands, Table::projects})
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, count(table));
  }

  void s31_an_agent_goes_and_its_events_stay() {
    add_agents(2);
    add_commands(3);
    must(std::move(Commit().insert_new(many(Table::events, 0, 30, event_row))));
    must(std::move(Commit().update(Table::commands, Where(), {{commands::agent_id, id(1, 2)}}, 3)));
    within(1, 0, [&] {
      Commit commit;
      commit.erase(Table::agents, Where().eq(agents::id, id(1, 2)));
      commit.update(Table::commands,
                    Where().eq(commands::agent_id, id(1, 2)).eq(commands::status, "pending"),
                    {{commands::status, "failed"}, {commands::agent_id, Cell()}});
      must(commit);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, commit.affected(1));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::agents));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{30}, count(Table::events));
  }

  void s32_an_id_leaves_the_lists_that_hold_it() {
    add_agents(20);
    must(std::move(Commit().update(Table::agents, Where().lt(agents::id, id(5, 2)),
                                   {{agents::engine_adapters, R"(["c1","c2"])"}}, 5)));
    must(std::move(Commit().update(Table::agents, Where().ge(agents::id, id(5, 2)),
                                   {{agents::engine_adapters, R"(["c2"])"}}, 15)));
    within(2, 5, [&] {
      Query holding(Table::agents);
      holding.where.path(agents::engine_adapters, "", Z4J_CMP_HAS, "c1");
      holding.columns({agents::id, agents::engine_adapters}).order({agents::id}).limit(500);
      Rows rows(Table::agents);
      for (const Row& row : read(holding)) {
        rows.begin()
            .uuid(agents::id, row.uuid(agents::id))
            .text(agents::engine_adapters, R"(["c2"])");
      }
      CPPUNIT_ASSERT_EQUAL(std::uint32_t{5}, rows.size());
      Where still;
      still.path(agents::engine_adapters, "", Z4J_CMP_HAS, "c1");
      Commit commit;
      commit.patch(std::move(rows), std::move(still));
      must(commit);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{5}, commit.affected(0));
    });
    CPPUNIT_ASSERT_EQUAL(
        std::uint64_t{0},
        count(Table::agents, Where().path(agents::engine_adapters, "", Z4J_CMP_HAS, "c1")));
  }

  void s36_an_outbox_entry_is_delivered_by_one() {
    add_commands(50);
    within(3, 50, [&] {
      Commit claim;
      claim.patch(next_commands(100, "dispatched"), pending(), true);
      must(claim);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{50}, claim.affected(0));
      // What came of them, and a record of each, together.
      Commit result;
      result.patch(many(Table::commands, 0, 50,
                        [](Rows& r, std::uint64_t i) {
                          r.begin()
                              .uuid(commands::id, id(i, 5))
                              .text(commands::status, i < 45 ? "completed" : "failed");
                        }),
                   Where().eq(commands::status, "dispatched"));
      result.insert_new(many(Table::dead_letters, 0, 50, [](Rows& r, std::uint64_t i) {
        r.begin()
            .uuid(dead_letters::id, id(i, 9))
            .text(dead_letters::reason, i < 45 ? "delivered" : "refused")
            .num(dead_letters::created_at, kNow);
      }));
      must(result);
    });
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{0}, next_commands(100, "dispatched").size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{5},
                         count(Table::commands, Where().eq(commands::status, "failed")));
  }

  void s39_a_schedule_fires_at_most_once() {
    namespace schedules = model::schedules;
    namespace fires = model::schedule_fires;
    namespace leases = model::leases;
    const base::Uuid schedule = id(1, 20), owner = id(1, 21);
    Rows row(Table::schedules), lease(Table::leases);
    row.begin()
        .uuid(schedules::id, schedule)
        .uuid(schedules::project_id, id(1, 1))
        .text(schedules::scheduler, "z4j-scheduler")
        .text(schedules::owner, "")
        .text(schedules::name, "close")
        .text(schedules::engine, "celery")
        .text(schedules::task_name, "shop.close")
        .text(schedules::kind, "interval")
        .text(schedules::expression, "60")
        .text(schedules::timezone, "UTC")
        .text(schedules::priority, "normal")
        .num(schedules::is_enabled, 1)
        .text(schedules::catch_up, "skip")
        .text(schedules::source, "dashboard")
        .num(schedules::next_run_at, kNow)
        .num(schedules::total_runs, 0)
        .num(schedules::created_at, kNow)
        .num(schedules::updated_at, kNow)
        .num(schedules::revision, 3)
        .num(schedules::is_planned, 1)
        .num(schedules::failures, 0)
        .num(schedules::read_only, 0);
    lease.begin()
        .text(leases::name, "schedules")
        .uuid(leases::owner, owner)
        .num(leases::fence, 7)
        .num(leases::expires_at, 0);
    must(std::move(Commit().insert(std::move(row)).insert(std::move(lease))));
    const auto fire = [&](std::uint64_t n, base::TimeUs due, std::int64_t fence,
                          std::int64_t revision) {
      Rows next(Table::schedules), fired(Table::schedule_fires), command(Table::commands);
      next.begin().uuid(schedules::id, schedule).num(schedules::next_run_at, due + kMinuteUs);
      fired.begin()
          .uuid(fires::id, id(n, 22))
          .uuid(fires::schedule_id, schedule)
          .uuid(fires::project_id, id(1, 1))
          .text(fires::status, "delivered")
          .text(fires::reason, "due")
          .num(fires::scheduled_for, due)
          .num(fires::fired_at, due)
          .text(fires::engine, "celery");
      command_row(command, n, "fire-" + std::to_string(n));
      Commit commit;
      commit.check(
          Table::leases,
          Where().eq(leases::name, "schedules").eq(leases::owner, owner).eq(leases::fence, fence),
          1, 1);
      commit.check(Table::schedules,
                   Where()
                       .in(schedules::id, {Cell(schedule)})
                       .eq(schedules::revision, revision)
                       .eq(schedules::is_enabled, true),
                   1, 1);
      commit.patch(std::move(next));
      commit.update(Table::schedules, Where().eq(schedules::id, schedule),
                    {{schedules::total_runs, 1, Z4J_M_ADD}});
      commit.insert(std::move(fired));
      commit.insert(std::move(command));
      commit.notice("schedules", "{}");
      return commit;
    };
    within(1, 0, [&] { must(fire(1, kNow, 7, 3)); });
    lost(fire(1, kNow, 7, 3));              // by one that did not see it
    lost(fire(2, kNow + kMinuteUs, 6, 3));  // by one that was taken over from
    lost(fire(2, kNow + kMinuteUs, 7, 2));  // planned before an edit
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::commands));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::schedule_fires));
    const Row after = read(Query(Table::schedules).all()).at(0);
    CPPUNIT_ASSERT_EQUAL(kNow + kMinuteUs, after.num(schedules::next_run_at));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, after.num(schedules::total_runs));
    must(fire(2, kNow + kMinuteUs, 7, 3));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, count(Table::commands));
  }

  void s40_buffered_fires_go_out_once() {
    add_commands(30);
    within(2, 30, [&] {
      Commit commit;
      commit.patch(next_commands(30, "dispatched"), pending(), true);
      must(commit);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{30}, commit.affected(0));
    });
    // Whoever read them before finds none of them waiting.
    Commit again;
    again.patch(many(Table::commands, 0, 30,
                     [](Rows& r, std::uint64_t i) {
                       r.begin().uuid(commands::id, id(i, 5)).text(commands::status, "dispatched");
                     }),
                pending(), true);
    must(again);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, again.affected(0));
  }

  void s41_an_import_replaces_its_source_in_two_calls() {
    const auto import = [&](std::uint64_t from, std::uint64_t n, const char* mark) {
      Commit commit;
      commit.serial("import:p");
      commit.merge(many(Table::agents, from, n, [mark](Rows& r, std::uint64_t i) {
        agent_row(r, i, "s" + std::to_string(i));
        r.text(agents::state_reason, mark);
      }));
      commit.erase(Table::agents,
                   Where().eq(agents::project_id, kProject).ne(agents::state_reason, mark));
      must(commit);
      return commit.affected(1);
    };
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, import(0, 2000, "first"));
    within(2, 2000, [&] {
      Query known(Table::agents);
      known.where.eq(agents::project_id, kProject);
      CPPUNIT_ASSERT_EQUAL(
          std::size_t{2000},
          read(known.columns({agents::id, agents::name}).order({agents::id}).limit(2001)).size());
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{100}, import(100, 2000, "second"));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2000}, count(Table::agents));
  }

  void s42_a_registry_is_merged_and_its_history_kept() {
    const auto seen = [&](std::uint64_t n, std::int64_t at) {
      within(1, 0, [&] {
        Commit commit;
        commit.merge(many(Table::workers, 0, 100, [at](Rows& r, std::uint64_t i) {
          r.begin()
              .uuid(workers::id, id(i, 7))
              .uuid(workers::project_id, kProject)
              .text(workers::engine, "celery")
              .text(workers::name, "w" + std::to_string(i))
              .text(workers::state, "online")
              .num(workers::last_heartbeat, at)
              .num(workers::active_tasks, 0)
              .num(workers::sort_at, at)
              .num(workers::created_at, at)
              .num(workers::updated_at, at);
        }));
        commit.insert(many(Table::dead_letters, n, 1, [](Rows& r, std::uint64_t i) {
          r.begin()
              .uuid(dead_letters::id, id(i, 9))
              .text(dead_letters::reason, "status")
              .num(dead_letters::created_at, kNow);
        }));
        must(commit);
      });
    };
    seen(0, kNow + 5);
    seen(1, kNow);  // came late
    const Row first = read(Query(Table::workers).all().order({workers::id}).limit(1)).at(0);
    CPPUNIT_ASSERT_EQUAL(kNow + 5, first.num(workers::last_heartbeat));
    CPPUNIT_ASSERT_EQUAL(kNow, first.num(workers::created_at));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{100}, count(Table::workers));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, count(Table::dead_letters));
  }

  void s45_the_agents_of_a_kernel_that_is_gone_are_set_free() {
    add_agents(6);
    for (const char* kernel : {"k1", "k2"}) {
      const bool first = std::string_view(kernel) == "k1";
      Where half;
      if (first)
        half.lt(agents::id, id(3, 2));
      else
        half.ge(agents::id, id(3, 2));
      must(std::move(
          Commit().update(Table::agents, std::move(half), {{agents::host_name, kernel}}, 3)));
    }
    within(1, 1, [&] {
      Query where(Table::agents);
      where.where.eq(agents::id, id(4, 2));
      CPPUNIT_ASSERT_EQUAL(
          std::string("k2"),
          std::string(read(where.columns({agents::host_name})).at(0).text(agents::host_name)));
    });
    within(1, 0, [&] {
      Commit commit;
      commit.update(Table::agents, Where().eq(agents::host_name, "k1"),
                    {{agents::host_name, Cell()}, {agents::state, "offline"}});
      must(commit);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, commit.affected(0));
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3},
                         count(Table::agents, Where().eq(agents::state, "offline")));
  }

  void s46_a_notice_is_heard_once_its_commit_is_kept() {
    const base::Status listens = bench_.client().listen({"commands"});
    CPPUNIT_ASSERT_MESSAGE(text_of(listens), listens.ok());
    Commit refused;
    refused.check(Table::meta, is_fact("absent", "1"), 1, 1).notice("commands", "never");
    lost(std::move(refused));
    within(1, 0, [&] {
      must(std::move(
          Commit().insert(fact("a", "1")).notice("commands", "kept").notice("other", "x")));
    });
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (bench_.notices().empty() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CPPUNIT_ASSERT(bench_.notices() == std::vector<std::string>{"commands=kept"});
  }
};

#ifdef Z4J_CONTRACT_GIVEN
CPPUNIT_TEST_SUITE_REGISTRATION(StorageAhead<Given>);
#else
#ifdef Z4J_CONTRACT_POSTGRESQL
CPPUNIT_TEST_SUITE_REGISTRATION(StorageAhead<Postgresql>);
#else
CPPUNIT_TEST_SUITE_REGISTRATION(StorageAhead<Sqlite>);
CPPUNIT_TEST_SUITE_REGISTRATION(StorageAhead<Memory>);
#endif
#endif

}  // namespace
}  // namespace z4j::contract
