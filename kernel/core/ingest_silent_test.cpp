// A driver that takes a commit and never answers.
#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <memory>
#include <thread>

#include "core/ingest.hpp"
#include "core/testing/event_rows.hpp"
#include "plugin/host.hpp"

namespace z4j::core {
namespace {

using testing::EventRow;

class IngestSilentTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(IngestSilentTest);
  CPPUNIT_TEST(one_lane_waits_to_its_deadline_and_goes_on_with_another_session);
  CPPUNIT_TEST_SUITE_END();

  static std::uint64_t events(Store& store) { return store.count(Table::events, {}).value(); }
  static bool reaches(Store& store, std::uint64_t count) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (events(store) < count) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::yield();
    }
    return events(store) == count;
  }

 public:
  void one_lane_waits_to_its_deadline_and_goes_on_with_another_session() {
    const base::SystemClock clock;
    plugin::Host::Options options;
    options.directories = {std::string(Z4J_BINARY_DIR) + "/tests/plugins"};
    options.host_version = "test";
    plugin::Host host(options, plugin::Callbacks{}, base::Log::quiet(), clock);
    config::PluginEntry entry;
    entry.name = "store";
    entry.plugin = "test-storage";
    const auto started = host.start(entry);
    CPPUNIT_ASSERT_MESSAGE(started ? "" : started.error().text(), started.ok());
    Store::Options opening;
    opening.commit_timeout_ms = 3000;
    auto store = std::move(Store::open(std::move(host.storage("store")).value(), opening)).value();
    CPPUNIT_ASSERT_EQUAL(2u, store->lanes());

    Ingest::Options taking;
    taking.clock = &clock;
    taking.log = &base::Log::quiet();
    taking.linger_ms = 1;
    auto ingest = std::move(Ingest::make(*store, std::move(taking))).value();
    const EventSource source{base::Uuid::random(), base::Uuid::random(), "celery"};
    BatchBuilder builder;
    const auto push = [&](const std::vector<EventRow>& rows) {
      testing::fill(builder, rows);
      const z4j_event_batch batch = builder.batch();
      CPPUNIT_ASSERT(ingest->push(source, batch).ok());
    };
    ingest->start();
    push({{.at = clock.now(), .task_id = "never-answered", .task = "a"}});
    // Of so many ids some are of the other lane: they do not wait.
    std::vector<EventRow> others;
    for (int i = 0; i < 64; ++i)
      others.push_back({.at = clock.now(), .task_id = "t" + std::to_string(i), .task = "a"});
    push(others);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (events(*store) == 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    const std::uint64_t early = events(*store);
    CPPUNIT_ASSERT(early > 0 && early < 65);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, ingest->stats().failed_commits);

    CPPUNIT_ASSERT(reaches(*store, 65));
    ingest->stop(30'000);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, ingest->stats().failed_commits);
    const auto reports = host.reports();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, reports.at(0).ops_expired);
    CPPUNIT_ASSERT(reports.at(0).state == plugin::State::started);
    ingest.reset();
    store.reset();
    host.stop_all();
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(IngestSilentTest);

}  // namespace
}  // namespace z4j::core
