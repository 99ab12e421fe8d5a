// Export, copy, backup, readiness and plans: S10, S37 and S48 to S52 over the kernel's schema.
#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "core/backup.hpp"
#include "core/copy.hpp"
#include "kernel_rows.hpp"
#include "storage_bench.hpp"

namespace z4j::contract {
namespace {

using Session = plugin::StorageClient::Session;

// Every row of a table in the order of its first key column, as a raw query.
struct WholeTable {
  explicit WholeTable(Table table) : order(model::table(table).keys[0].columns[0]) {
    const z4j_table& t = model::table(table);
    for (std::uint32_t i = 0; i < t.column_count; ++i)
      outs.push_back(z4j_out{static_cast<std::uint16_t>(i), 0, 0, 0});
    query.struct_size = sizeof query;
    query.table = static_cast<std::uint16_t>(table);
    query.outs = outs.data();
    query.out_count = t.column_count;
    query.order = &order;
    query.order_count = 1;
  }
  WholeTable(const WholeTable&) = delete;
  WholeTable& operator=(const WholeTable&) = delete;
  std::uint16_t order;
  std::vector<z4j_out> outs;
  z4j_query query{};
};

template <class Driver>
class StorageUpkeep : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(StorageUpkeep);
  CPPUNIT_TEST(s10_an_export_comes_in_pages);
  CPPUNIT_TEST(s37_a_snapshot_sees_one_moment);
  CPPUNIT_TEST(s48_migrating_again_does_nothing);
  CPPUNIT_TEST(s49_a_copy_to_another_driver_resumes_by_its_last_key);
  CPPUNIT_TEST(s49_a_whole_store_is_the_same_on_another_driver_and_back);
  CPPUNIT_TEST(s50_a_backup_under_load_is_one_moment);
  CPPUNIT_TEST(s50_a_file_for_any_driver_is_one_moment_too);
  CPPUNIT_TEST(s51_the_store_tells_that_it_is_there);
  CPPUNIT_TEST(s52_every_list_is_served_by_an_index);
  CPPUNIT_TEST(a_session_refuses_what_it_was_not_opened_for);
  CPPUNIT_TEST_SUITE_END();

  Bench bench_{Driver::kPlugin};
  core::Store& store_ = bench_.store();

  static void must(core::Store& store, Commit commit) {
    const base::Status done = store.commit(commit);
    CPPUNIT_ASSERT_MESSAGE(text_of(done), done.ok());
  }
  std::unique_ptr<Session> open(std::uint32_t flags) {
    auto session = bench_.client().open(flags);
    CPPUNIT_ASSERT(session.ok());
    return std::move(session).value();
  }
  static std::uint64_t rows_of(Session& session, Table table) {
    const WholeTable whole(table);
    std::uint64_t n = 0;
    const base::Status read = session.read(whole.query, 1000, [&](const z4j_rows& page) {
      n += page.rows;
      return true;
    });
    CPPUNIT_ASSERT_MESSAGE(text_of(read), read.ok());
    return n;
  }
  static Commit letters(std::uint64_t from, std::uint64_t n) {
    return std::move(
        Commit().insert_new(many(Table::dead_letters, from, n, [](Rows& r, std::uint64_t i) {
          r.begin()
              .uuid(dead_letters::id, id(i))
              .text(dead_letters::reason, "r" + std::to_string(i))
              .num(dead_letters::created_at, kNow);
        })));
  }

 public:
  void s10_an_export_comes_in_pages() {
    for (std::uint64_t from = 0; from < 50'000; from += 10'000) must(store_, letters(from, 10'000));
    const WholeTable whole(Table::dead_letters);
    const auto session = open(0);
    std::uint64_t rows = 0;
    std::uint32_t largest = 0;
    const Crossings crossed = bench_.crossings([&] {
      CPPUNIT_ASSERT(session
                         ->read(whole.query, 1000,
                                [&](const z4j_rows& page) {
                                  rows += page.rows;
                                  largest = std::max(largest, page.rows);
                                  return true;
                                })
                         .ok());
    });
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{50'000}, rows);
    CPPUNIT_ASSERT(largest <= 1000);
    CPPUNIT_ASSERT_EQUAL(1u, crossed.calls());
  }

  void s37_a_snapshot_sees_one_moment() {
    must(store_, letters(0, 10));
    const auto snapshot = open(Z4J_SESSION_SNAPSHOT), plain = open(0);
    must(store_, letters(10, 10));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, rows_of(*snapshot, Table::dead_letters));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{20}, rows_of(*plain, Table::dead_letters));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, rows_of(*snapshot, Table::dead_letters));
  }

  void s48_migrating_again_does_nothing() {
    must(store_, letters(0, 10));
    for (const bool dry_run : {true, false}) {
      const auto report = bench_.client().migrate(model::schema(), dry_run, 30'000);
      CPPUNIT_ASSERT(report.ok());
      CPPUNIT_ASSERT_MESSAGE(*report, report->find("\"steps\":[]") != std::string::npos);
    }
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, store_.count(Table::dead_letters, {}).value());
  }

  void s49_a_copy_to_another_driver_resumes_by_its_last_key() {
    Commit fill = letters(0, 5000);
    must(store_, std::move(fill));
    Bench other(Driver::kKeeps ? Memory::kPlugin : Sqlite::kPlugin);
    const auto copy = [&](const base::Uuid& behind, std::uint32_t most) {
      const auto from = open(Z4J_SESSION_SNAPSHOT);
      WholeTable part(Table::dead_letters);
      z4j_value after{};
      after.kind = Z4J_V_BYTES;
      after.text = z4j_str{behind.view().data(), behind.view().size()};
      part.query.after = &after;
      part.query.after_count = 1;
      part.query.limit = most;
      base::Uuid last = behind;
      (void)other.store();
      auto to = other.client().open(Z4J_SESSION_WRITE);
      CPPUNIT_ASSERT(to.ok());
      // Rows go on as they came: what one driver reads another inserts.
      CPPUNIT_ASSERT(
          from->read(part.query, 1000,
                     [&](const z4j_rows& page) {
                       z4j_step step{};
                       step.struct_size = sizeof step;
                       step.verb = Z4J_STEP_INSERT_NEW;
                       step.table = static_cast<std::uint16_t>(Table::dead_letters);
                       step.rows = &page;
                       step.expect_max = ~std::uint64_t{0};
                       z4j_step* const steps[] = {&step};
                       z4j_commit commit{};
                       commit.struct_size = sizeof commit;
                       commit.steps = steps;
                       commit.step_count = 1;
                       const base::Status done = (*to)->commit(commit, 30'000, nullptr);
                       CPPUNIT_ASSERT_MESSAGE(text_of(done), done.ok());
                       const char* ids = static_cast<const char*>(page.cols[0].data);
                       last = base::Uuid::from_bytes({ids + (page.rows - 1) * std::size_t{16}, 16});
                       return true;
                     })
              .ok());
      return last;
    };
    const base::Uuid stopped_at = copy(base::Uuid{}, 2000);
    copy(stopped_at, 0);
    copy(stopped_at, 1000);  // a piece done twice changes nothing
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{4999},
                         other.store().count(Table::dead_letters, {}).value());  // id(0) is nil
    CPPUNIT_ASSERT(
        other.store()
            .read(Query(Table::dead_letters).all().order({dead_letters::id}, true).limit(1))
            .value()
            .at(0)
            .uuid(dead_letters::id) == id(4999));
  }

  void s49_a_whole_store_is_the_same_on_another_driver_and_back() {
    Rows values(Table::commands);
    for (const char* payload :
         {R"({"b":1.50,"a":[1e-7,1e22,-0.0,{"z":null,"aa":"\u00e9\n"}]})", "[]", "\"x\"", "17"}) {
      command_row(values, values.size(), "");
      values.text(commands::payload, payload);
    }
    must(store_, std::move(Commit()
                               .insert_new(many(Table::events, 0, 300, event_row))
                               .insert(std::move(values))
                               .merge(many(Table::tasks, 0, 300, [](Rows& r, std::uint64_t i) {
                                 task_row(r, i, "failure");
                               }))));
    must(store_, letters(0, 3000));
    Bench other(Driver::kKeeps ? Memory::kPlugin : Sqlite::kPlugin), back(Driver::kPlugin);
    using Present = core::StoreLoader::Present;
    const auto there = core::copy_store(bench_.client(), "this", other.store(), other.client(),
                                        Present::refuse, {});
    CPPUNIT_ASSERT_MESSAGE(there ? "" : there.error().text(), there.ok());
    const auto again =
        core::copy_store(other.client(), "that", back.store(), back.client(), Present::refuse, {});
    CPPUNIT_ASSERT_MESSAGE(again ? "" : again.error().text(), again.ok());
    CPPUNIT_ASSERT_EQUAL(there->rows, again->rows);
    for (std::size_t i = 0; i < there->tables.size(); ++i)
      CPPUNIT_ASSERT(there->tables[i].sum == again->tables[i].sum);
  }

  void s50_a_file_for_any_driver_is_one_moment_too() {
    must(store_, letters(0, 2000));
    std::string folder = (std::filesystem::temp_directory_path() / "z4j_backup_XXXXXX").string();
    CPPUNIT_ASSERT(::mkdtemp(folder.data()) != nullptr);
    const std::string file = folder + "/one.z4j";
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> written{2000};
    std::thread writer([&] {
      while (!stop) {
        Commit commit = letters(written, 2);
        if (!store_.commit(commit)) return;
        written += 2;
      }
    });
    const auto saved = core::backup_store(bench_.client(), file, "test", kNow, {});
    stop = true;
    writer.join();
    Bench restored(Driver::kPlugin);
    const auto loaded = core::restore_store(file, restored.store(), restored.client(),
                                            core::StoreLoader::Present::refuse, {});
    std::filesystem::remove_all(folder);
    CPPUNIT_ASSERT_MESSAGE(saved ? "" : saved.error().text(), saved.ok());
    CPPUNIT_ASSERT_MESSAGE(loaded ? "" : loaded.error().text(), loaded.ok());
    CPPUNIT_ASSERT(loaded->rows >= 2000 && loaded->rows <= written && loaded->rows % 2 == 0);
  }

  void s50_a_backup_under_load_is_one_moment() {
    if (!Driver::kBacksUp) return;  // optional: this driver makes no native copy
    must(store_, letters(0, 2000));
    const std::string folder =
        std::filesystem::path(bench_.file()).parent_path().string() + "/copy";
    std::filesystem::create_directory(folder);
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> written{2000};
    std::thread writer([&] {
      // Two rows at a time: a copy with an odd number would be of no moment.
      while (!stop) {
        Commit commit = letters(written, 2);
        if (!store_.commit(commit)) return;
        written += 2;
      }
    });
    const base::Status saved = store_.backup(folder + "/test.sqlite");
    stop = true;
    writer.join();
    CPPUNIT_ASSERT_MESSAGE(text_of(saved), saved.ok());
    CPPUNIT_ASSERT(!store_.backup(folder + "/test.sqlite").ok());  // never over an existing file
    Bench restored(Driver::kPlugin, folder);
    const std::uint64_t rows = restored.store().count(Table::dead_letters, {}).value();
    CPPUNIT_ASSERT(rows >= 2000 && rows <= written && rows % 2 == 0);
  }

  void s51_the_store_tells_that_it_is_there() {
    const Crossings crossed = bench_.crossings([&] { CPPUNIT_ASSERT(store_.ping(5000).ok()); });
    CPPUNIT_ASSERT_EQUAL(1u, crossed.calls());
    const auto stats = store_.stats();
    CPPUNIT_ASSERT(stats.ok());
    for (const char* member : {"\"product\":", "\"version\":", "\"bytes\":", "\"connections\":"}) {
      CPPUNIT_ASSERT_MESSAGE(*stats, stats->find(member) != std::string::npos);
    }
    const z4j_store_info info = bench_.client().info();
    CPPUNIT_ASSERT(info.best_rows > 0 && info.best_rows <= info.max_rows && info.writers > 0 &&
                   info.readers > 0);
  }

  void s52_every_list_is_served_by_an_index() {
    if (!Driver::kExplains) return;  // this driver has no indexes to tell of
    const auto indexed = [&](const char* what, Query& query) {
      const auto plan = store_.explain(query);
      CPPUNIT_ASSERT(plan.ok());
      CPPUNIT_ASSERT_MESSAGE(std::string(what) + ": " + *plan,
                             plan->find("\"indexed\":true") != std::string::npos);
    };
    Query by_time(Table::tasks), by_state(Table::tasks), tree(Table::tasks), own(Table::events),
        people(Table::users), browsers(Table::sessions), fleet(Table::workers),
        asked(Table::commands), due(Table::commands), acts(Table::audit_log),
        members(Table::memberships), trend(Table::task_minutes), of_name(Table::tasks),
        names(Table::tasks), month(Table::task_hours), group(Table::tasks),
        errors(Table::error_hours);
    by_time.where.eq(tasks::project_id, kProject);
    indexed("tasks by time", by_time.all().order({tasks::sort_at, tasks::id}, true).limit(51));
    by_state.where.eq(tasks::project_id, kProject).eq(tasks::state, "failure");
    indexed("tasks by state", by_state.all().order({tasks::sort_at, tasks::id}, true).limit(51));
    of_name.where.eq(tasks::project_id, kProject).eq(tasks::name, "n");
    indexed("tasks of a name", of_name.all().order({tasks::sort_at, tasks::id}, true).limit(51));
    group.where.eq(tasks::project_id, kProject)
        .eq(tasks::fingerprint, "00112233aabbccdd")
        .eq(tasks::state, "failure");
    indexed("tasks of a group", group.all().order({tasks::sort_at, tasks::id}, true).limit(51));
    CPPUNIT_ASSERT(store_.explain(group).value().find("tasks_fingerprint") != std::string::npos);
    errors.where.eq(model::error_hours::project_id, kProject).ge(model::error_hours::hour, kNow);
    indexed(
        "errors",
        errors.group(model::error_hours::fingerprint).fold(Z4J_AGG_SUM, model::error_hours::count));
    names.where.eq(tasks::project_id, kProject).contains(tasks::name, "n");
    indexed("names", names.group(tasks::name).fold(Z4J_AGG_MAX, tasks::sort_at).limit(65));
    tree.where.eq(tasks::project_id, kProject).eq(tasks::root_task_id, "r");
    indexed("task tree", tree.all().limit(501));
    own.where.eq(events::project_id, kProject).eq(events::task_id, "t");
    indexed("events of a task", own.all().order({events::occurred_at, events::id}).limit(500));
    indexed("users", people.all().order({users::created_at, users::id}, true).limit(51));
    browsers.where.eq(sessions::user_id, id(1, 3));
    indexed("sessions", browsers.all().order({sessions::issued_at, sessions::id}, true).limit(51));
    members.where.eq(model::memberships::project_id, kProject);
    indexed(
        "members",
        members.all().order({model::memberships::created_at, model::memberships::id}).limit(51));
    fleet.where.eq(workers::project_id, kProject);
    indexed("workers", fleet.all().order({workers::sort_at, workers::id}, true).limit(51));
    asked.where.eq(commands::project_id, kProject);
    indexed("commands", asked.all().order({commands::issued_at, commands::id}, true).limit(51));
    due.where.eq(commands::status, "pending").lt(commands::timeout_at, Cell::now());
    indexed("commands due", due.columns({commands::id}).order({commands::timeout_at}).limit(500));
    acts.where.eq(audit_log::project_id, kProject);
    indexed("audit", acts.all().order({audit_log::seq}, true).limit(51));
    trend.where.eq(minutes::project_id, kProject).ge(minutes::minute, kNow);
    indexed("trends", trend.group(minutes::minute, kMinuteUs).fold(Z4J_AGG_SUM, minutes::count));
    namespace hours = model::task_hours;
    month.where.eq(hours::project_id, kProject).eq(hours::task_name, "n").ge(hours::hour, kNow);
    indexed("trends of a name", month.group(hours::hour).fold(Z4J_AGG_SUM, hours::count));
    namespace views = model::saved_views;
    namespace marks = model::deploys;
    Query own_views(Table::saved_views), shared_views(Table::saved_views), released(Table::deploys);
    own_views.where.eq(views::user_id, id(1, 3)).eq(views::project_id, kProject);
    indexed("one's own views", own_views.all().order({views::screen, views::name}));
    shared_views.where.eq(views::project_id, kProject).eq(views::is_shared, true);
    indexed("shared views", shared_views.all().order({views::screen, views::name, views::id}));
    released.where.eq(marks::project_id, kProject).ge(marks::at, kNow);
    namespace seen = model::plugin_capabilities;
    Query seen_of_one(Table::plugin_capabilities);
    seen_of_one.where.eq(seen::instance, "i").eq(seen::plugin_id, "p").eq(seen::version, "1.0.0");
    indexed("what was seen of a plugin", seen_of_one.all().order({seen::kind, seen::name}));
    indexed("deploys", released.all().order({marks::at, marks::id}, true).limit(51));
  }

  void a_session_refuses_what_it_was_not_opened_for() {
    const auto reader = open(0);
    z4j_commit commit{};
    commit.struct_size = sizeof commit;
    CPPUNIT_ASSERT(reader->commit(commit, 5000, nullptr).error().code == base::Code::bad_state);
    const auto both = bench_.client().open(Z4J_SESSION_WRITE | Z4J_SESSION_SNAPSHOT);
    CPPUNIT_ASSERT(both.error().code == base::Code::invalid);
    const auto writer = open(Z4J_SESSION_WRITE);
    must(store_, letters(0, 2));
    const WholeTable whole(Table::dead_letters);
    CPPUNIT_ASSERT(writer
                       ->read(whole.query, 1,
                              [&](const z4j_rows&) {
                                // Inside the cursor: the session is in use.
                                CPPUNIT_ASSERT(writer->commit(commit, 5000, nullptr).error().code ==
                                               base::Code::bad_state);
                                return false;
                              })
                       .ok());
    CPPUNIT_ASSERT(writer->commit(commit, 5000, nullptr).ok());
  }
};

#ifdef Z4J_CONTRACT_GIVEN
CPPUNIT_TEST_SUITE_REGISTRATION(StorageUpkeep<Given>);
#else
#ifdef Z4J_CONTRACT_POSTGRESQL
CPPUNIT_TEST_SUITE_REGISTRATION(StorageUpkeep<Postgresql>);
#else
CPPUNIT_TEST_SUITE_REGISTRATION(StorageUpkeep<Sqlite>);
CPPUNIT_TEST_SUITE_REGISTRATION(StorageUpkeep<Memory>);
#endif
#endif

}  // namespace
}  // namespace z4j::contract
