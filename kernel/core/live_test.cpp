#include "core/live.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace z4j::core {
namespace {

class LiveTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LiveTest);
  CPPUNIT_TEST(a_burst_is_told_once_per_topic);
  CPPUNIT_TEST(projects_without_listeners_cost_nothing);
  CPPUNIT_TEST(each_hears_of_what_it_wants);
  CPPUNIT_TEST(its_thread_tells_and_stops);
  CPPUNIT_TEST_SUITE_END();

 public:
  void a_burst_is_told_once_per_topic() {
    Live live;
    const base::Uuid project = base::Uuid::random();
    live.subscribe(7, project);
    for (int i = 0; i < 1000; ++i)
      live.publish(project, i % 2 == 0 ? kTaskChanged : kCommandChanged);
    int told = 0;
    const Live::Deliver count = [&](Live::Subscriber subscriber, std::string_view) {
      CPPUNIT_ASSERT_EQUAL(Live::Subscriber{7}, subscriber);
      ++told;
    };
    live.flush(count);
    live.flush(count);
    CPPUNIT_ASSERT_EQUAL(2, told);
  }

  void projects_without_listeners_cost_nothing() {
    Live live;
    const base::Uuid project = base::Uuid::random();
    live.publish(project, kTaskChanged);
    live.subscribe(1, project);
    live.subscribe(1, base::Uuid::random());  // the first stays
    live.unsubscribe(2);
    int told = 0;
    live.flush([&](Live::Subscriber, std::string_view) { ++told; });
    CPPUNIT_ASSERT_EQUAL(0, told);
    live.publish(project, kTaskChanged);
    live.unsubscribe(1);
    live.flush([&](Live::Subscriber, std::string_view) { ++told; });
    CPPUNIT_ASSERT_EQUAL(0, told);
  }

  void each_hears_of_what_it_wants() {
    Live live;
    const base::Uuid project = base::Uuid::random();
    live.subscribe(1, project);
    live.subscribe(2, project, live_topic(kAuditChanged) | live_topic(kQueueChanged));
    live.subscribe(3, project, 0);
    std::string told;
    const Live::Deliver note = [&](Live::Subscriber subscriber, std::string_view topic) {
      told += std::to_string(subscriber) + " " + std::string(topic) + ";";
    };
    live.publish(project, kQueueChanged);
    live.flush(note);
    CPPUNIT_ASSERT_EQUAL(std::string("2 queue.changed;"), told);
    live.want(3, live_topic(kPluginChanged));
    live.want(2, 0);
    live.publish_all(live_topic(kPluginChanged));
    live.publish(project, kQueueChanged);
    live.flush(note);
    CPPUNIT_ASSERT_EQUAL(std::string("2 queue.changed;3 plugin.changed;"), told);
    CPPUNIT_ASSERT_EQUAL(LiveTopics{0}, live_topic("nothing.changed"));
  }

  void its_thread_tells_and_stops() {
    Live live(std::chrono::milliseconds(1));
    std::mutex mutex;
    std::condition_variable changed;
    int told = 0;
    live.start([&](Live::Subscriber, std::string_view) {
      const std::lock_guard lock(mutex);
      ++told;
      changed.notify_all();
    });
    const base::Uuid project = base::Uuid::random();
    live.subscribe(1, project);
    for (int round = 1; round <= 3; ++round) {
      live.publish(project, kAgentChanged);
      std::unique_lock lock(mutex);
      CPPUNIT_ASSERT(
          changed.wait_for(lock, std::chrono::seconds(15), [&] { return told >= round; }));
    }
    live.stop();
    live.stop();
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LiveTest);

}  // namespace
}  // namespace z4j::core
