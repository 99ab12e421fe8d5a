// One floods, the others go on.
#include <cppunit/extensions/HelperMacros.h>

#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "core/ingest.hpp"
#include "core/ingest_budget.hpp"
#include "core/ingest_queue.hpp"
#include "core/testing/event_rows.hpp"
#include "core/testing/test_store.hpp"

namespace z4j::core {
namespace {

using testing::EventRow;

class IngestFairTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(IngestFairTest);
  CPPUNIT_TEST(a_batch_holds_something_of_everybody);
  CPPUNIT_TEST(each_source_keeps_its_order_and_nothing_is_lost);
  CPPUNIT_TEST(few_large_rows_take_no_longer_a_turn_than_many_small_ones);
  CPPUNIT_TEST(a_flood_leaves_room_for_its_neighbours_and_for_other_projects);
  CPPUNIT_TEST(all_room_comes_back);
  CPPUNIT_TEST(a_quiet_project_is_stored_while_the_flood_waits);
  CPPUNIT_TEST(a_store_that_stands_still_fills_no_more_than_the_budget);
  CPPUNIT_TEST_SUITE_END();

  static constexpr base::TimeUs kNow = 1'790'000'000LL * base::kSecondUs;

  IngestLedger ledger_;
  IngestBudget budget_{std::size_t{1} << 30};
  IngestQueue queue_;

  static EventSource source(const base::Uuid& project = base::Uuid::random()) {
    return {project, base::Uuid::random(), "celery"};
  }
  static std::vector<EventRow> rows_of(int first, int count, std::size_t attrs = 0) {
    std::vector<EventRow> rows;
    for (int i = first; i < first + count; ++i) {
      rows.push_back({.kind = Z4J_EV_STARTED,
                      .at = kNow - 1'000'000 + i,
                      .task_id = "t" + std::to_string(i),
                      .task = "shop.add",
                      .attrs = attrs == 0 ? "" : "\"" + std::string(attrs, 'x') + "\""});
    }
    return rows;
  }
  void wait_in_line(const EventSource& from, int first, int count, std::size_t attrs = 0) {
    BatchBuilder builder;
    testing::fill(builder, rows_of(first, count, attrs));
    const z4j_event_batch batch = builder.batch();
    auto parcel = Parcel::copy(batch, from, kNow);
    std::vector<std::uint32_t> rows(parcel->events.size());
    for (std::uint32_t i = 0; i < rows.size(); ++i) rows[i] = i;
    auto room = budget_.reserve(from, Parcel::bytes_of(batch));
    CPPUNIT_ASSERT(room.has_value());
    queue_.push(std::make_shared<WaitingParcel>(std::move(parcel), std::move(*room), ledger_,
                                                WaitingParcel::OnDisk{}, Ingest::Receipt{}),
                std::move(rows));
  }
  // Task ids by agent.
  using Handed = std::map<base::Uuid, std::vector<std::string>>;
  void take(Handed& into, std::size_t rows) {
    for (const auto& [parcel, taken] : queue_.take({rows, std::size_t{1} << 30})) {
      for (const std::uint32_t row : taken) {
        into[parcel->parcel->source.agent_id].emplace_back(parcel->parcel->events[row].task_id);
      }
    }
  }

 public:
  void a_batch_holds_something_of_everybody() {
    const base::Uuid flooded = base::Uuid::random();
    for (int agent = 0; agent < 20; ++agent) wait_in_line(source(flooded), 0, 1000);
    const EventSource quiet = source();
    wait_in_line(quiet, 0, 90);
    Handed handed;
    take(handed, 200);
    // Two projects take turns, however many agents one of them has.
    CPPUNIT_ASSERT_EQUAL(std::size_t{90}, handed[quiet.agent_id].size());
    take(handed, 20 * 32);
    CPPUNIT_ASSERT_EQUAL(std::size_t{21}, handed.size());
  }

  void each_source_keeps_its_order_and_nothing_is_lost() {
    std::mt19937 random(11);
    std::vector<EventSource> sources;
    for (int i = 0; i < 6; ++i) sources.push_back(i < 3 ? source() : source(sources[0].project_id));
    std::map<base::Uuid, int> told;
    Handed handed;
    for (int round = 0; round < 400; ++round) {
      const EventSource& from = sources[random() % sources.size()];
      const int count = static_cast<int>(1 + random() % 80);
      wait_in_line(from, told[from.agent_id], count, random() % 3 == 0 ? random() % 4000 : 0);
      told[from.agent_id] += count;
      if (round % 3 == 0) take(handed, random() % 150);
    }
    while (queue_.rows() > 0) take(handed, 1 + random() % 500);
    for (const auto& [agent, count] : told) {
      CPPUNIT_ASSERT_EQUAL(static_cast<std::size_t>(count), handed[agent].size());
      for (int i = 0; i < count; ++i) {
        CPPUNIT_ASSERT_EQUAL("t" + std::to_string(i), handed[agent][static_cast<std::size_t>(i)]);
      }
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, budget_.used_bytes());
    CPPUNIT_ASSERT(queue_.take_all().empty());
  }

  void few_large_rows_take_no_longer_a_turn_than_many_small_ones() {
    const EventSource large = source(), small = source();
    wait_in_line(large, 0, 50, 100'000);
    wait_in_line(small, 0, 96);
    Handed handed;
    take(handed, 100);
    CPPUNIT_ASSERT_EQUAL(std::size_t{96}, handed[small.agent_id].size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, handed[large.agent_id].size());
  }

  void a_flood_leaves_room_for_its_neighbours_and_for_other_projects() {
    IngestBudget budget(1'000'000);
    const EventSource first = source(), neighbour = source(first.project_id), other = source();
    std::vector<IngestBudget::Reservation> held;
    const auto take_all = [&](const EventSource& from) {
      std::size_t bytes = 0;
      while (auto room = budget.reserve(from, 1000)) {
        held.push_back(std::move(*room));
        bytes += 1000;
      }
      return bytes;
    };
    CPPUNIT_ASSERT_EQUAL(std::size_t{500'000}, take_all(first));
    CPPUNIT_ASSERT_EQUAL(std::size_t{250'000}, take_all(neighbour));
    CPPUNIT_ASSERT_EQUAL(std::size_t{125'000}, take_all(other));
    // And so on: whoever comes finds some.
    for (int i = 0; i < 5; ++i) CPPUNIT_ASSERT(take_all(source()) > 0);
    CPPUNIT_ASSERT(budget.used_bytes() <= 1'000'000);
    CPPUNIT_ASSERT(!budget.reserve(first, 1));
    // Many agents of one project count as one.
    held.clear();
    for (int i = 0; i < 100; ++i) (void)take_all(source(first.project_id));
    CPPUNIT_ASSERT_EQUAL(std::size_t{750'000}, budget.used_bytes());
    CPPUNIT_ASSERT(take_all(other) > 100'000);
  }

  void all_room_comes_back() {
    IngestBudget budget(1000);
    const EventSource from = source();
    {
      auto all = budget.reserve(from, 1000);
      CPPUNIT_ASSERT(all.has_value());
      CPPUNIT_ASSERT(!budget.reserve(source(), 1));
      const IngestBudget::Reservation moved(std::move(*all));
      CPPUNIT_ASSERT_EQUAL(std::size_t{1000}, moved.bytes());
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, budget.used_bytes());
    CPPUNIT_ASSERT(!budget.reserve(from, 1001));
    CPPUNIT_ASSERT(budget.reserve(from, 1000));
  }

  void a_quiet_project_is_stored_while_the_flood_waits() {
    testing::TestStore store;
    const base::ManualClock clock{kNow};
    const EventSource flooding = source(), quiet = source();
    std::unique_ptr<Ingest> ingest;
    std::mutex mutex;
    std::optional<Ingest::Stats> at_quiet;  // guarded by mutex: when it was first stored
    Ingest::Options options;
    options.clock = &clock;
    options.log = &base::Log::quiet();
    options.linger_ms = 1;
    options.max_rows = 100;
    options.queue_bytes = std::size_t{4} << 20;
    options.on_changed = [&](const base::Uuid& project, std::string_view) {
      if (project != quiet.project_id) return;
      const std::lock_guard lock(mutex);
      if (!at_quiet) at_quiet = ingest->stats();
    };
    ingest = std::move(Ingest::make(*store, std::move(options))).value();
    const auto push = [&](const EventSource& from, int first, int count) {
      BatchBuilder builder;
      testing::fill(builder, rows_of(first, count));
      return ingest->push(from, builder.batch());
    };
    int told = 0;
    while (push(flooding, told, 50).ok()) told += 50;
    CPPUNIT_ASSERT(told >= 1000);
    CPPUNIT_ASSERT(push(quiet, 0, 30).ok());
    ingest->start();
    ingest->stop(60'000);
    CPPUNIT_ASSERT(at_quiet.has_value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, at_quiet->commits);
    for (const auto& agent : at_quiet->agents) {
      CPPUNIT_ASSERT_EQUAL(agent.agent_id == quiet.agent_id ? std::uint64_t{30} : std::uint64_t{70},
                           agent.persisted);
    }
    CPPUNIT_ASSERT_EQUAL(static_cast<std::uint64_t>(told) + 30,
                         store->count(Table::events, {}).value());
  }

  void a_store_that_stands_still_fills_no_more_than_the_budget() {
    testing::TestStore store;
    const base::ManualClock clock{kNow};
    Ingest::Options options;
    options.clock = &clock;
    options.log = &base::Log::quiet();
    options.queue_bytes = 200'000;
    auto ingest = std::move(Ingest::make(*store, std::move(options))).value();
    std::mt19937 random(3);
    std::vector<EventSource> sources;
    for (int i = 0; i < 50; ++i) {
      sources.push_back(i % 2 == 0 || sources.empty() ? source()
                                                      : source(sources.back().project_id));
    }
    std::uint64_t accepted = 0;
    std::map<base::Uuid, int> heard;
    for (int i = 0; i < 3000; ++i) {
      const EventSource& from = sources[random() % sources.size()];
      BatchBuilder builder;
      testing::fill(builder, rows_of(i, 1));
      const base::Status pushed = ingest->push(from, builder.batch());
      if (pushed) {
        ++accepted;
        ++heard[from.project_id];
      } else {
        CPPUNIT_ASSERT(pushed.error().code == base::Code::busy);
        CPPUNIT_ASSERT(pushed.error().retry_after_ms > 0);
      }
      CPPUNIT_ASSERT(ingest->stats().waiting_bytes <= 200'000);
    }
    CPPUNIT_ASSERT(accepted < 3000);
    CPPUNIT_ASSERT_EQUAL(std::size_t{25}, heard.size());
    ingest->start();
    ingest->stop(60'000);
    CPPUNIT_ASSERT_EQUAL(accepted, store->count(Table::events, {}).value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(IngestFairTest);

}  // namespace
}  // namespace z4j::core
