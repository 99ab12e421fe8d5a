#include "core/tasks.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <functional>
#include <set>
#include <string>

#include "core/testing/test_store.hpp"
#include "model/ids.hpp"
#include "plugin/testing/passing_storage.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;

constexpr base::TimeUs kTasksNow = 1'800'000'000 * base::kSecondUs;

// Says at each look that so much time has passed; stands with 0.
class HastyClock final : public base::Clock {
 public:
  explicit HastyClock(std::int64_t step_ms) : step_ms_(step_ms) {}
  [[nodiscard]] base::TimeUs now() const override { return kTasksNow; }
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms_ += step_ms_; }

 private:
  std::int64_t step_ms_;
  mutable std::int64_t now_ms_ = 0;
};

// Says that it has indexes for all that is searched.
class IndexedStorage final : public plugin::testing::PassingStorage {
 public:
  // `driver` must outlive it.
  explicit IndexedStorage(plugin::StorageClient& driver)
      : PassingStorage(std::shared_ptr<plugin::StorageClient>(std::shared_ptr<void>(), &driver)) {}
  z4j_store_info info() override {
    z4j_store_info out = PassingStorage::info();
    out.capabilities |= Z4J_STORE_FAST_TEXT | Z4J_STORE_FAST_PATH;
    return out;
  }

 private:
  std::unique_ptr<plugin::StorageClient::Session> wrap(
      std::unique_ptr<plugin::StorageClient::Session> session) override {
    return session;
  }
};

class TasksTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TasksTest);
  CPPUNIT_TEST(a_search_without_an_index_finds_everything_page_by_page);
  CPPUNIT_TEST(a_search_whose_time_is_up_says_how_far_it_came_and_goes_on);
  CPPUNIT_TEST(a_search_stays_within_its_times);
  CPPUNIT_TEST(nothing_is_searched_for_a_queue_that_nobody_heard_of);
  CPPUNIT_TEST(a_part_of_names_is_looked_for_in_the_lists_of_each);
  CPPUNIT_TEST(more_names_than_can_be_merged_are_searched_for);
  CPPUNIT_TEST(a_search_looks_at_what_stands_next_and_then_at_all);
  CPPUNIT_TEST(an_argument_filter_is_read);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  const base::Uuid project_ = base::Uuid::random();

  // One task an hour; every tenth is called "rare".
  void store_tasks(int count) {
    store_tasks(count, [](int i) { return i % 10 == 0 ? "app.rare" : "app.common"; });
  }
  void store_tasks(int count, const std::function<std::string(int)>& name_of) {
    Rows rows(Table::tasks);
    for (int i = 0; i < count; ++i) {
      const std::string id = "t" + std::to_string(i);
      const base::TimeUs at = hour(i);
      rows.begin()
          .uuid(task_col::id, model::task_row_id(project_, "e", id))
          .uuid(task_col::project_id, project_)
          .text(task_col::engine, "e")
          .text(task_col::task_id, id)
          .text(task_col::name, name_of(i))
          .num(task_col::sort_at, at)
          .num(task_col::sort_stamp, 1)
          .num(task_col::created_at, at)
          .num(task_col::updated_at, at);
    }
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  static base::TimeUs hour(int i) { return kTasksNow - i * 3600 * base::kSecondUs; }

  // How many pages it took, and that none came twice and all in order.
  int find_all(Tasks& tasks, const TaskFilter& filter, std::size_t expected, std::uint32_t limit) {
    std::set<std::string> seen;
    std::optional<Place> after;
    base::TimeUs last = kTasksNow + 1;
    int pages = 0;
    do {
      const auto page = tasks.list(project_, filter, after, limit);
      CPPUNIT_ASSERT(page.ok());
      CPPUNIT_ASSERT(page->items.size() <= limit);
      for (const TaskView& task : page->items) {
        CPPUNIT_ASSERT(seen.insert(task.task_id).second);
        CPPUNIT_ASSERT(task.sort_at < last);
        last = task.sort_at;
      }
      after = page->next;
      CPPUNIT_ASSERT(++pages < 1000);
    } while (after);
    CPPUNIT_ASSERT_EQUAL(expected, seen.size());
    return pages;
  }

 public:
  void a_search_without_an_index_finds_everything_page_by_page() {
    store_tasks(500);
    const base::SystemClock clock;
    Tasks tasks(*store_, clock);
    TaskFilter rare;
    rare.name = "rare";
    find_all(tasks, rare, 50, 7);
    find_all(tasks, rare, 50, 50);
    find_all(tasks, rare, 50, 500);
    rare.name = "nowhere";
    CPPUNIT_ASSERT_EQUAL(1, find_all(tasks, rare, 0, 50));
  }
  void a_search_whose_time_is_up_says_how_far_it_came_and_goes_on() {
    store_tasks(500);
    const HastyClock clock(1000);
    Tasks tasks(*store_, clock);
    TaskFilter rare;
    rare.search = "RARE";
    const auto page = tasks.list(project_, rare, {}, 50);
    CPPUNIT_ASSERT(page.ok());
    CPPUNIT_ASSERT(page->searched_until.has_value() && page->next.has_value());
    CPPUNIT_ASSERT_EQUAL(*page->searched_until, page->next->at);
    CPPUNIT_ASSERT(find_all(tasks, rare, 50, 50) > 1);
    rare.search = "app";  // a full page comes before the time is up
    CPPUNIT_ASSERT(!tasks.list(project_, rare, {}, 1)->searched_until);
  }
  void a_search_stays_within_its_times() {
    store_tasks(100);
    const base::SystemClock clock;
    Tasks tasks(*store_, clock);
    TaskFilter rare;
    rare.name = "rare";
    rare.since = hour(60);
    rare.until = hour(20);
    find_all(tasks, rare, 5, 2);
    rare.until = hour(200);
    find_all(tasks, rare, 0, 2);
  }
  void nothing_is_searched_for_a_queue_that_nobody_heard_of() {
    store_tasks(500);
    Rows rows(Table::queues);
    rows.begin()
        .uuid(model::queues::id, model::queue_row_id(project_, "e", "idle"))
        .uuid(model::queues::project_id, project_)
        .text(model::queues::engine, "e")
        .text(model::queues::name, "idle")
        .num(model::queues::created_at, kTasksNow)
        .num(model::queues::updated_at, kTasksNow);
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    const HastyClock clock(1000);  // the first look takes all the time that a search has
    Tasks tasks(*store_, clock);
    const auto is_searched = [&](std::string_view queue) {
      TaskFilter filter;
      filter.queue = queue;
      const auto page = tasks.list(project_, filter, {}, 50);
      CPPUNIT_ASSERT(page.ok() && page->items.empty());
      return page->searched_until.has_value();
    };
    CPPUNIT_ASSERT(is_searched("idle"));
    CPPUNIT_ASSERT(!is_searched("nowhere"));
  }
  void a_part_of_names_is_looked_for_in_the_lists_of_each() {
    store_tasks(300,
                [](int i) { return "app.n" + std::to_string(i % 12) + (i < 200 ? ".a" : ".b"); });
    const HastyClock clock(0);
    Tasks tasks(*store_, clock);
    TaskFilter filter;
    filter.name = "APP.N";  // all 24 names
    find_all(tasks, filter, 300, 7);
    find_all(tasks, filter, 300, 300);
    filter.name = ".b";  // all of it lies behind the rest
    find_all(tasks, filter, 100, 9);
    filter.until = hour(250);
    find_all(tasks, filter, 50, 50);
    filter.since = hour(280);
    find_all(tasks, filter, 31, 50);
    filter = {};
    filter.name = "n11.b";  // few names, beside other conditions
    filter.engine = "e";
    find_all(tasks, filter, 9, 3);
    filter.engine = "other";
    find_all(tasks, filter, 0, 3);
    filter.name = "%";
    filter.engine.reset();
    find_all(tasks, filter, 0, 3);
  }
  void more_names_than_can_be_merged_are_searched_for() {
    store_tasks(90, [](int i) { return "app.n" + std::to_string(i); });
    const HastyClock clock(0);
    Tasks::Options options;
    options.max_names = 80;
    Tasks tasks(*store_, clock, options);
    TaskFilter filter;
    filter.name = "app";
    find_all(tasks, filter, 90, 20);
    filter.name = "n8";
    find_all(tasks, filter, 11, 20);
  }
  void a_search_looks_at_what_stands_next_and_then_at_all() {
    Rows rows(Table::tasks);
    constexpr int kTasks = 600;
    for (int i = 0; i < kTasks; ++i) {
      const std::string id = "t" + std::to_string(i);
      const base::TimeUs at = hour(i / 3);  // three at a time
      rows.begin()
          .uuid(task_col::id, model::task_row_id(project_, "e", id))
          .uuid(task_col::project_id, project_)
          .text(task_col::engine, "e")
          .text(task_col::task_id, id)
          .text(task_col::name, i < 500 ? "app.new" : "app.old")
          .cell(task_col::state, i % 10 == 0  ? Cell()
                                 : i % 2 == 0 ? Cell("failure")
                                              : Cell("success"))
          .text(task_col::kwargs, R"({"n":)" + std::to_string(i % 50) + "}")
          .num(task_col::sort_at, at)
          .num(task_col::sort_stamp, 1)
          .num(task_col::created_at, at)
          .num(task_col::updated_at, at);
    }
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    auto store = Store::open(std::make_shared<IndexedStorage>(store_.client()), {});
    CPPUNIT_ASSERT(store.ok());
    const HastyClock clock(0);
    Tasks::Options options;
    const auto count = [&](const TaskFilter& filter, std::uint32_t limit) {
      Tasks tasks(**store, clock, options);
      std::set<std::string> seen;
      std::optional<Place> after, last;
      do {
        const auto page = tasks.list(project_, filter, after, limit);
        CPPUNIT_ASSERT(page.ok());
        CPPUNIT_ASSERT(page->items.size() <= limit);
        CPPUNIT_ASSERT(!page->searched_until);
        for (const TaskView& task : page->items) {
          CPPUNIT_ASSERT(seen.insert(task.task_id).second);
          CPPUNIT_ASSERT(!last || std::pair(task.sort_at, task.id) < std::pair(last->at, last->id));
          last = Place{task.sort_at, task.id};
        }
        after = page->next;
      } while (after);
      return static_cast<int>(seen.size());
    };
    for (const std::uint32_t near_rows : {1u, 7u, 30u, 599u, 600u, 1000u}) {
      options.near_rows = near_rows;
      options.far_rows = near_rows * 20;
      for (const std::uint32_t limit : {1u, 7u, 100u}) {
        TaskFilter filter;
        filter.search = "APP";
        CPPUNIT_ASSERT_EQUAL(kTasks, count(filter, limit));
        filter.search = "old";  // nothing of it stands near
        CPPUNIT_ASSERT_EQUAL(100, count(filter, limit));
        filter.search = "nowhere";
        CPPUNIT_ASSERT_EQUAL(0, count(filter, limit));
        filter.search.reset();
        filter.args.push_back(*ArgFilter::parse("n:7"));
        CPPUNIT_ASSERT_EQUAL(12, count(filter, limit));
        filter.state = "success";
        CPPUNIT_ASSERT_EQUAL(12, count(filter, limit));
        filter.state = "failure";
        CPPUNIT_ASSERT_EQUAL(0, count(filter, limit));
        filter.args = {*ArgFilter::parse("n:10")};
        filter.state = "pending";
        CPPUNIT_ASSERT_EQUAL(12, count(filter, limit));
        filter.args.clear();
        filter.state = "failure";
        filter.name = "old";
        CPPUNIT_ASSERT_EQUAL(40, count(filter, limit));
        filter.until = hour(190);
        CPPUNIT_ASSERT_EQUAL(12, count(filter, limit));
      }
    }
  }
  void an_argument_filter_is_read() {
    const auto pointer = [](std::string_view term) {
      const auto read = ArgFilter::parse(term);
      return read ? read->pointer : std::string("refused");
    };
    CPPUNIT_ASSERT_EQUAL(std::string("/customer/id"), pointer("customer.id:42"));
    CPPUNIT_ASSERT_EQUAL(std::string("/a~1b/c~0d"), pointer("a/b.c~d:x:y"));
    for (const char* bad : {"", "customer", ":42", "a..b:1", ".a:1", "a.:1", "a.b.c.d.e.f.g.h.i:1"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::string("refused"), pointer(bad));
    CPPUNIT_ASSERT(ArgFilter::parse("0:x")->is_positional);
    CPPUNIT_ASSERT(!ArgFilter::parse("a.0:x")->is_positional);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, ArgFilter::parse("a:42")->values.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, ArgFilter::parse("a:\"42\"")->values.size());
    CPPUNIT_ASSERT_EQUAL(std::string("x:y"),
                         std::string(ArgFilter::parse("a:x:y")->values[0].text()));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TasksTest);

}  // namespace
}  // namespace z4j::core
