#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <thread>

#include "core/ingest.hpp"
#include "core/leases.hpp"
#include "core/testing/event_rows.hpp"
#include "model/ids.hpp"
#include "plugin/host.hpp"
#include "plugin/testing/passing_storage.hpp"

namespace z4j::core {
namespace {

using testing::EventRow;

// The real driver behind a place where things go wrong.
class FaultyDriver final : public plugin::testing::PassingStorage {
 public:
  // Before a commit reaches the driver, and after it was stored; an error is what the kernel sees.
  using Fault = std::function<base::Status(z4j_commit&)>;

  explicit FaultyDriver(std::shared_ptr<plugin::StorageClient> driver)
      : PassingStorage(std::move(driver)) {}
  void before(Fault fault) { set(before_, std::move(fault)); }
  void after(Fault fault) { set(after_, std::move(fault)); }
  void fail_reads(int count) { failing_reads_ = count; }
  [[nodiscard]] int commits() const noexcept { return commits_; }

 private:
  std::unique_ptr<Session> wrap(std::unique_ptr<Session> session) override {
    return std::make_unique<FaultySession>(*this, std::move(session));
  }

  class FaultySession final : public plugin::testing::PassingSession {
   public:
    FaultySession(FaultyDriver& of, std::unique_ptr<Session> session)
        : PassingSession(std::move(session)), of_(of) {}
    base::Status commit(z4j_commit& c, int deadline_ms, std::shared_ptr<void> keep) override {
      ++of_.commits_;
      if (auto fine = of_.run(of_.before_, c); !fine) return fine;
      auto done = PassingSession::commit(c, deadline_ms, std::move(keep));
      if (!done) return done;
      return of_.run(of_.after_, c);
    }
    base::Status read(const z4j_query& query, std::uint32_t batch_rows,
                      const std::function<bool(const z4j_rows&)>& rows) override {
      if (of_.failing_reads_ > 0) {
        --of_.failing_reads_;
        return base::Error{.code = base::Code::unavailable,
                           .message = "as the test wants it",
                           .where = {},
                           .hint = {},
                           .retry_after_ms = 1};
      }
      return PassingSession::read(query, batch_rows, rows);
    }

   private:
    FaultyDriver& of_;
  };

  void set(Fault& slot, Fault fault) {
    const std::lock_guard lock(mutex_);
    slot = std::move(fault);
  }
  base::Status run(const Fault& slot, z4j_commit& c) {
    const std::lock_guard lock(mutex_);
    return slot ? slot(c) : base::Status();
  }

  std::atomic<int> commits_{0}, failing_reads_{0};
  std::mutex mutex_;
  Fault before_, after_;  // guarded by mutex_
};

base::Error told(base::Code code) {
  return base::Error{.code = code,
                     .message = "as the test wants it",
                     .where = {},
                     .hint = {},
                     .retry_after_ms = 1};
}

// The row of the events' step whose task has that id, or ~0.
std::uint32_t row_with_task(const z4j_commit& c, std::string_view task_id) {
  const z4j_step& step = *c.steps[0];
  if (step.verb != Z4J_STEP_INSERT_NEW) return ~std::uint32_t{0};
  for (std::uint32_t i = 0; i < step.rows->col_count; ++i) {
    const z4j_col& col = step.rows->cols[i];
    if (col.column != model::events::task_id) continue;
    for (std::uint32_t r = 0; r < step.rows->rows; ++r) {
      if (std::string_view(col.text.data + col.text.offsets[r],
                           col.text.offsets[r + 1] - col.text.offsets[r]) == task_id)
        return r;
    }
  }
  return ~std::uint32_t{0};
}

class IngestFaultTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(IngestFaultTest);
  CPPUNIT_TEST(a_store_that_is_away_or_busy_loses_nothing);
  CPPUNIT_TEST(an_unknown_outcome_that_was_stored_is_not_stored_again);
  CPPUNIT_TEST(an_unknown_outcome_that_shows_only_later_counts_as_stored_not_as_repeated);
  CPPUNIT_TEST(an_unknown_outcome_that_was_not_stored_is_repeated);
  CPPUNIT_TEST(a_poison_row_that_is_named_goes_to_the_dead_letters);
  CPPUNIT_TEST(a_poison_row_that_is_not_named_is_found_by_halving);
  CPPUNIT_TEST(while_the_store_is_away_the_queue_fills_and_push_says_busy);
  CPPUNIT_TEST(a_stop_ends_although_the_store_is_away);
  CPPUNIT_TEST(a_stream_goes_on_to_disk_while_the_store_is_away);
  CPPUNIT_TEST(what_lay_on_disk_when_its_lease_was_lost_is_stored_unless_it_was_read_back);
  CPPUNIT_TEST(what_an_earlier_run_left_on_disk_is_stored_unless_it_was_read_back);
  CPPUNIT_TEST(a_full_disk_space_makes_a_stream_wait);
  CPPUNIT_TEST(a_stop_keeps_on_disk_what_it_has_no_time_for);
  CPPUNIT_TEST(a_receipt_comes_after_the_commit_and_tells_what_was_new);
  CPPUNIT_TEST(a_receipt_counts_what_was_set_aside);
  CPPUNIT_TEST(a_receipt_of_a_batch_that_was_left_says_nothing);
  CPPUNIT_TEST_SUITE_END();

  static constexpr base::TimeUs kNow = 1'790'000'000LL * base::kSecondUs;

  std::string folder_;
  base::ManualClock clock_{kNow};
  std::unique_ptr<plugin::Host> host_;
  std::shared_ptr<FaultyDriver> driver_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  EventSource source_{base::Uuid::random(), base::Uuid::random(), "celery"};

  std::atomic<bool> is_away_{false};

  void take_store_away() {
    is_away_ = true;
    driver_->before([this](z4j_commit&) -> base::Status {
      if (is_away_) return told(base::Code::unavailable);
      return {};
    });
  }
  base::Status push(int first, int count, Ingest::Receipt receipt = {}) {
    std::vector<EventRow> rows;
    for (int i = first; i < first + count; ++i) {
      rows.push_back({.kind = Z4J_EV_STARTED,
                      .at = kNow - 1000 + i,
                      .task_id = "t" + std::to_string(i),
                      .task = "name"});
    }
    BatchBuilder builder;
    testing::fill(builder, rows);
    const z4j_event_batch batch = builder.batch();
    return ingest_->push(source_, batch, std::move(receipt));
  }
  // One batch of `count` events, some of which are stored already.
  std::vector<std::optional<Ingest::Stored>> push_and_drain(int count, int drain_ms) {
    std::vector<std::optional<Ingest::Stored>> receipts;
    std::mutex mutex;
    CPPUNIT_ASSERT(push(0, count, [&](const std::optional<Ingest::Stored>& stored) {
                     const std::lock_guard lock(mutex);
                     receipts.push_back(stored);
                   }).ok());
    CPPUNIT_ASSERT(receipts.empty());
    ingest_->start();
    ingest_->stop(drain_ms);
    return receipts;
  }
  void make(std::size_t queue_bytes, std::size_t spill_bytes = 0) {
    ingest_.reset();
    Ingest::Options options;
    options.spill_folder = folder_ + "/spill";
    options.spill_bytes = spill_bytes;
    options.clock = &clock_;
    options.log = &base::Log::quiet();
    options.linger_ms = 1;
    options.queue_bytes = queue_bytes;
    ingest_ = std::move(Ingest::make(*store_, std::move(options))).value();
  }
  void drain() {
    ingest_->start();
    ingest_->stop(30'000);
  }
  // What an engine tells that has missed it: another time, so another id.
  void read_back(std::initializer_list<int> tasks) {
    std::vector<EventRow> rows;
    for (const int task : tasks) {
      rows.push_back({.kind = Z4J_EV_STARTED,
                      .at = kNow,
                      .task_id = "t" + std::to_string(task),
                      .task = "name",
                      .attrs = R"({"rebuilt":true})"});
    }
    BatchBuilder builder;
    testing::fill(builder, rows);
    make(std::size_t{1} << 20);
    CPPUNIT_ASSERT(ingest_->push(source_, builder.batch()).ok());
    drain();
  }
  // Files with events that wait on disk.
  int segments() {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/spill"))
      found += entry.path().extension() == ".spill" ? 1 : 0;
    return found;
  }
  void wait_until_read_back(std::uint64_t events) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (ingest_->stats().spill.read_events < events && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
  }
  // A stop leaves on disk what was read back but found no room in the queue.
  void wait_until_nothing_lies_on_disk() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (ingest_->stats().spill.bytes > 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
  }
  std::uint64_t count(Table table) { return store_->count(table, {}).value(); }
  std::int64_t counted_in_minutes() {
    Query query(Table::task_minutes);
    query.fold(Z4J_AGG_SUM, model::task_minutes::count);
    return store_->first(query).value()->num(0);
  }

 public:
  void setUp() override {
    folder_ = (std::filesystem::temp_directory_path() / "z4j_ingest_XXXXXX").string();
    CPPUNIT_ASSERT(::mkdtemp(folder_.data()) != nullptr);
    static const base::SystemClock clock;
    plugin::Host::Options options;
    options.directories = {Z4J_PLUGIN_DIR};
    options.host_version = "test";
    host_ = std::make_unique<plugin::Host>(options, plugin::Callbacks{}, base::Log::quiet(), clock);
    config::PluginEntry entry;
    entry.name = "store";
    entry.plugin = "storage-sqlite";
    entry.settings["path"] = folder_ + "/test.sqlite";
    CPPUNIT_ASSERT(host_->start(entry).ok());
    driver_ = std::make_shared<FaultyDriver>(std::move(host_->storage("store")).value());
    store_ = std::move(Store::open(driver_, {})).value();
    make(std::size_t{64} << 20);
  }
  void tearDown() override {
    ingest_.reset();
    store_.reset();
    driver_.reset();
    host_->stop_all();
    std::error_code ec;
    std::filesystem::remove_all(folder_, ec);
  }

  void a_store_that_is_away_or_busy_loses_nothing() {
    constexpr base::Code kCodes[] = {base::Code::busy,    base::Code::unavailable,
                                     base::Code::timeout, base::Code::io,
                                     base::Code::corrupt, base::Code::no_memory};
    int failures = 0;
    driver_->before([&](z4j_commit&) -> base::Status {
      if (failures < 6) return told(kCodes[failures++]);
      return {};
    });
    CPPUNIT_ASSERT(push(0, 50).ok());
    drain();
    CPPUNIT_ASSERT_EQUAL(6, failures);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{50}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{50}, counted_in_minutes());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{50}, ingest_->stats().agents.at(0).persisted);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{6}, ingest_->stats().failed_commits);
  }

  void an_unknown_outcome_that_was_stored_is_not_stored_again() {
    bool once = true;
    driver_->after([&](z4j_commit&) -> base::Status {
      if (std::exchange(once, false)) return told(base::Code::unknown);
      return {};
    });
    CPPUNIT_ASSERT(push(0, 10).ok());
    drain();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{10}, counted_in_minutes());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, ingest_->stats().agents.at(0).persisted);
    CPPUNIT_ASSERT_EQUAL(1, driver_->commits());
  }

  void an_unknown_outcome_that_shows_only_later_counts_as_stored_not_as_repeated() {
    bool once = true;
    driver_->after([&](z4j_commit&) -> base::Status {
      if (std::exchange(once, false)) return told(base::Code::unknown);
      return {};
    });
    driver_->fail_reads(1);
    CPPUNIT_ASSERT(push(0, 10).ok());
    drain();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{10}, counted_in_minutes());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, ingest_->stats().agents.at(0).persisted);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, ingest_->stats().agents.at(0).duplicates);
    CPPUNIT_ASSERT_EQUAL(2, driver_->commits());
  }

  void an_unknown_outcome_that_was_not_stored_is_repeated() {
    bool once = true;
    driver_->before([&](z4j_commit&) -> base::Status {
      if (std::exchange(once, false)) return told(base::Code::unknown);
      return {};
    });
    CPPUNIT_ASSERT(push(0, 10).ok());
    drain();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{10}, counted_in_minutes());
    CPPUNIT_ASSERT_EQUAL(2, driver_->commits());
  }

  void a_poison_row_that_is_named_goes_to_the_dead_letters() {
    driver_->before([&](z4j_commit& c) -> base::Status {
      const std::uint32_t row = row_with_task(c, "t7");
      if (row == ~std::uint32_t{0}) return {};
      c.bad_step = 0;
      c.bad_row = row;
      return told(base::Code::invalid);
    });
    CPPUNIT_ASSERT(push(0, 20).ok());
    drain();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{19}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::dead_letters));
    CPPUNIT_ASSERT_EQUAL(3, driver_->commits());
    const auto letter = store_->first(Query(Table::dead_letters).all()).value();
    CPPUNIT_ASSERT(letter->text(model::dead_letters::body).find("\"t7\"") !=
                   std::string_view::npos);
    CPPUNIT_ASSERT(letter->text(model::dead_letters::reason).find("as the test wants it") !=
                   std::string_view::npos);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, ingest_->stats().agents.at(0).dead_letters);
  }

  void a_poison_row_that_is_not_named_is_found_by_halving() {
    driver_->before([&](z4j_commit& c) -> base::Status {
      if (row_with_task(c, "t7") == ~std::uint32_t{0}) return {};
      return told(base::Code::internal);
    });
    CPPUNIT_ASSERT(push(0, 64).ok());
    drain();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{63}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{63}, counted_in_minutes());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, count(Table::dead_letters));
    // Each level of halving costs two commits, and the letter one.
    CPPUNIT_ASSERT_EQUAL(1 + 2 * 6 + 1, driver_->commits());
  }

  void while_the_store_is_away_the_queue_fills_and_push_says_busy() {
    take_store_away();
    make(50'000);
    ingest_->start();
    int accepted = 0;
    base::Status last;
    while ((last = push(accepted * 10, 10)).ok()) ++accepted;
    CPPUNIT_ASSERT(last.error().code == base::Code::busy);
    is_away_ = false;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!push(accepted * 10, 10).ok() && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    ingest_->stop(30'000);
    CPPUNIT_ASSERT_EQUAL(static_cast<std::uint64_t>(accepted + 1) * 10, count(Table::events));
  }

  void a_stop_ends_although_the_store_is_away() {
    take_store_away();
    CPPUNIT_ASSERT(push(0, 10).ok());
    ingest_->start();
    ingest_->stop(50);
    const auto stats = ingest_->stats();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10},
                         stats.agents.at(0).dropped.at("stopped before it was stored"));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, stats.waiting_bytes);
  }

  void a_stream_goes_on_to_disk_while_the_store_is_away() {
    take_store_away();
    make(50'000, 10 << 20);
    source_.is_stream = true;
    ingest_->start();
    for (int i = 0; i < 200; ++i) CPPUNIT_ASSERT(push(i * 10, 10).ok());
    const auto spilled = ingest_->stats().spill;
    CPPUNIT_ASSERT(spilled.written_events > 1000 && spilled.bytes > 0);
    CPPUNIT_ASSERT(ingest_->stats().waiting_bytes <= 50'000);
    source_.is_stream = false;
    CPPUNIT_ASSERT(push(0, 200).error().code == base::Code::busy);
    is_away_ = false;
    wait_until_nothing_lies_on_disk();
    ingest_->stop(30'000);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2000}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2000}, counted_in_minutes());
    CPPUNIT_ASSERT_EQUAL(0, segments());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, ingest_->stats().spill.bytes);
  }

  void what_lay_on_disk_when_its_lease_was_lost_is_stored_unless_it_was_read_back() {
    read_back({1998, 1999});
    take_store_away();
    make(50'000, 10 << 20);
    source_.is_stream = true;
    Fence fence;  // that no row knows
    fence.name = "engine/p/celery";
    fence.owner = base::Uuid::random();
    source_.fence = std::make_shared<const Fence>(fence);
    ingest_->start();
    for (int i = 0; i < 200; ++i) CPPUNIT_ASSERT(push(i * 10, 10).ok());
    const std::uint64_t saved = ingest_->stats().spill.written_events;
    CPPUNIT_ASSERT(saved > 1000 && saved < 2000);
    is_away_ = false;
    wait_until_nothing_lies_on_disk();
    ingest_->stop(30'000);
    CPPUNIT_ASSERT_EQUAL(saved, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(saved), counted_in_minutes());
    const auto agent = ingest_->stats().agents.at(0);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, agent.duplicates);
    CPPUNIT_ASSERT_EQUAL(2000 - saved,
                         agent.dropped.at("another brain runs this instance and reads it back"));
    CPPUNIT_ASSERT_EQUAL(0, segments());
  }

  void what_an_earlier_run_left_on_disk_is_stored_unless_it_was_read_back() {
    take_store_away();
    make(50'000, 10 << 20);
    CPPUNIT_ASSERT(push(0, 100).ok());
    ingest_->start();
    ingest_->stop(50);
    CPPUNIT_ASSERT_EQUAL(1, segments());
    is_away_ = false;
    read_back({3, 4});
    make(50'000, 10 << 20);
    ingest_->start();
    wait_until_nothing_lies_on_disk();
    ingest_->stop(30'000);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{100}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, counted_in_minutes());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, ingest_->stats().agents.at(0).duplicates);
  }

  void a_full_disk_space_makes_a_stream_wait() {
    take_store_away();
    make(50'000, 100'000);
    source_.is_stream = true;
    ingest_->start();
    base::Status last;
    for (int i = 0; i < 10'000 && last; ++i) last = push(i * 10, 10);
    CPPUNIT_ASSERT(!last && last.error().code == base::Code::busy);
    const auto stats = ingest_->stats();
    CPPUNIT_ASSERT(stats.spill.bytes <= 100'000 && stats.spill.refused == 1);
    ingest_->stop(0);
  }

  void a_stop_keeps_on_disk_what_it_has_no_time_for() {
    take_store_away();
    make(50'000, 10 << 20);
    ingest_->start();
    CPPUNIT_ASSERT(push(0, 100).ok());
    ingest_->stop(50);
    CPPUNIT_ASSERT(ingest_->stats().agents.at(0).dropped.empty());
    CPPUNIT_ASSERT_EQUAL(1, segments());
    // Nor does a second one lose them, which finds them on disk.
    make(50'000, 10 << 20);
    ingest_->start();
    wait_until_read_back(100);
    ingest_->stop(50);
    CPPUNIT_ASSERT_EQUAL(1, segments());
    is_away_ = false;
    make(50'000, 10 << 20);
    ingest_->start();
    wait_until_nothing_lies_on_disk();
    ingest_->stop(30'000);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{100}, count(Table::events));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, counted_in_minutes());
    CPPUNIT_ASSERT_EQUAL(0, segments());
  }

  void a_receipt_comes_after_the_commit_and_tells_what_was_new() {
    CPPUNIT_ASSERT(push(0, 4).ok());
    drain();
    make(std::size_t{64} << 20);
    const auto receipts = push_and_drain(10, 30'000);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, receipts.size());
    CPPUNIT_ASSERT(receipts[0].has_value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{6}, receipts[0]->inserted);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{4}, receipts[0]->repeated);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, receipts[0]->set_aside);
  }

  void a_receipt_counts_what_was_set_aside() {
    driver_->before([&](z4j_commit& c) -> base::Status {
      if (row_with_task(c, "t3") == ~std::uint32_t{0}) return {};
      return told(base::Code::invalid);
    });
    const auto receipts = push_and_drain(8, 30'000);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, receipts.size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{7}, receipts[0]->inserted);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, receipts[0]->set_aside);
  }

  void a_receipt_of_a_batch_that_was_left_says_nothing() {
    take_store_away();
    const auto receipts = push_and_drain(8, 20);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, receipts.size());
    CPPUNIT_ASSERT(!receipts[0].has_value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(IngestFaultTest);

}  // namespace
}  // namespace z4j::core
