#include "lib/schedule/requests.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace {

using namespace z4j;

// A host that only counts answers.
struct Answers {
  Answers() {
    std::memset(&table, 0, sizeof table);
    table.struct_size = sizeof table;
    table.ctx = this;
    table.op_complete = [](void* ctx, z4j_op op, z4j_status st, const z4j_error* e, z4j_str) {
      auto* self = static_cast<Answers*>(ctx);
      const std::lock_guard lock(self->mutex);
      self->codes.emplace(op, st);
      ++self->count;
      if (e != nullptr) self->where = e->where;
      self->changed.notify_all();
      return static_cast<z4j_status>(Z4J_OK);
    };
    table.op_remaining_ms = [](void*, z4j_op op) {
      return static_cast<int64_t>(op == 9 ? 0 : 1000);
    };
    table.op_cancelled = [](void*, z4j_op op) { return static_cast<int32_t>(op == 8 ? 1 : 0); };
  }
  bool wait_for(int n) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30), [&] { return count >= n; });
  }

  z4j_host table;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<z4j_op, z4j_status> codes;
  int count = 0;
  std::string where;
};

class RequestsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RequestsTest);
  CPPUNIT_TEST(answers_each_once);
  CPPUNIT_TEST(refuses_when_it_does_not_run);
  CPPUNIT_TEST(ends_what_waits);
  CPPUNIT_TEST_SUITE_END();

  void answers_each_once() {
    Answers answers;
    schedule::RequestThread thread{Host(&answers.table)};
    thread.start();
    const auto add = [&](z4j_op id, schedule::RequestThread::Run run) {
      Op op(&answers.table, id);
      thread.add(op, std::move(run));
    };
    add(1, [](Op& op) { op.ok("{}"); });
    add(2, [](Op&) { throw Error(Z4J_CONFLICT, "moved", "/etag"); });
    add(3, [](Op&) { throw std::runtime_error("no"); });
    add(4, [](Op&) {});
    add(8, [](Op& op) { op.ok("{}"); });
    add(9, [](Op& op) { op.ok("{}"); });
    CPPUNIT_ASSERT(answers.wait_for(6));
    thread.stop({});
    CPPUNIT_ASSERT_EQUAL(6, answers.count);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK}, answers.codes[1]);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_CONFLICT}, answers.codes[2]);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INTERNAL}, answers.codes[3]);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INTERNAL}, answers.codes[4]);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_CANCELLED}, answers.codes[8]);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_TIMEOUT}, answers.codes[9]);
  }

  void refuses_when_it_does_not_run() {
    Answers answers;
    schedule::RequestThread thread{Host(&answers.table)};
    Op op(&answers.table, 1);
    CPPUNIT_ASSERT_THROW(thread.add(op, [](Op&) {}), Error);
    CPPUNIT_ASSERT(op.armed());
    op.disarm();
  }

  void ends_what_waits() {
    Answers answers;
    schedule::RequestThread thread{Host(&answers.table)};
    std::mutex mutex;
    std::condition_variable changed;
    bool begun = false, go_on = false;
    thread.start();
    Op first(&answers.table, 1), second(&answers.table, 2);
    thread.add(first, [&](Op& op) {
      std::unique_lock lock(mutex);
      begun = true;
      changed.notify_all();
      changed.wait(lock, [&] { return go_on; });
      op.ok("{}");
    });
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return begun; });
    }
    thread.add(second, [](Op& op) { op.ok("{}"); });
    thread.stop([&] {
      const std::lock_guard lock(mutex);
      go_on = true;
      changed.notify_all();
    });
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK}, answers.codes[1]);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_CANCELLED}, answers.codes[2]);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RequestsTest);

}  // namespace
