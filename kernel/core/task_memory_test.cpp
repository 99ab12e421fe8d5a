#include "core/task_memory.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace z4j::core {
namespace {

class TaskMemoryTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TaskMemoryTest);
  CPPUNIT_TEST(an_end_is_counted_under_the_name_that_its_task_was_sent_with);
  CPPUNIT_TEST(it_forgets_what_it_heard_first);
  CPPUNIT_TEST(words_are_bounded);
  CPPUNIT_TEST_SUITE_END();

  const base::Uuid project_ = base::Uuid::random();

  Event told(TaskMemory& memory, std::string_view id, std::string_view task = {},
             std::string_view queue = {}) const {
    Event e;
    e.project_id = project_;
    e.kind = task.empty() ? Z4J_EV_SUCCEEDED : Z4J_EV_SENT;
    e.engine = "celery";
    e.task_id = id;
    e.task = task;
    e.queue = queue;
    memory.complete(e);
    return e;
  }
  static std::string counted(const Event& e) {
    return std::string(e.counted_task()) + "@" + std::string(e.counted_queue());
  }

 public:
  void an_end_is_counted_under_the_name_that_its_task_was_sent_with() {
    TaskMemory memory;
    memory.begin();
    CPPUNIT_ASSERT_EQUAL(std::string("pay@shop"), counted(told(memory, "a", "pay", "shop")));
    memory.begin();
    const Event end = told(memory, "a");
    CPPUNIT_ASSERT_EQUAL(std::string("pay@shop"), counted(end));
    CPPUNIT_ASSERT(end.task.empty() && end.queue.empty());  // the task's row is not told so
    CPPUNIT_ASSERT_EQUAL(std::string("pay@slow"), counted(told(memory, "a", "pay", "slow")));
    CPPUNIT_ASSERT_EQUAL(std::string("pay@slow"), counted(told(memory, "a")));
    CPPUNIT_ASSERT_EQUAL(std::string("@"), counted(told(memory, "b")));
  }
  void it_forgets_what_it_heard_first() {
    TaskMemory memory({.most_tasks = 2, .most_words = 10});
    for (const char* id : {"a", "b", "c"}) static_cast<void>(told(memory, id, "pay"));
    CPPUNIT_ASSERT_EQUAL(std::string("@"), counted(told(memory, "a")));
    CPPUNIT_ASSERT_EQUAL(std::string("pay@"), counted(told(memory, "b")));
  }
  void words_are_bounded() {
    TaskMemory memory({.most_tasks = 10, .most_words = 1});
    static_cast<void>(told(memory, "a", "pay"));
    static_cast<void>(told(memory, "b", "ship"));
    static_cast<void>(told(memory, "c", "pay"));
    CPPUNIT_ASSERT_EQUAL(std::string("@"), counted(told(memory, "b")));
    CPPUNIT_ASSERT_EQUAL(std::string("pay@"), counted(told(memory, "c")));
    memory.begin();  // room again
    static_cast<void>(told(memory, "b", "ship"));
    CPPUNIT_ASSERT_EQUAL(std::string("ship@"), counted(told(memory, "b")));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TaskMemoryTest);

}  // namespace
}  // namespace z4j::core
