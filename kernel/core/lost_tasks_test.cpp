#include "core/lost_tasks.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/tasks.hpp"
#include "core/testing/control_fixture.hpp"

namespace z4j::core {
namespace {

namespace t = model::tasks;

class LostTasksTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LostTasksTest);
  CPPUNIT_TEST(a_lost_task_keeps_its_state_and_shows_the_evidence);
  CPPUNIT_TEST(what_is_heard_later_makes_the_note_void);
  CPPUNIT_TEST(what_ended_meanwhile_is_left_alone);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  Tasks tasks_{*f_.store, f_.clock};

  LostTask lost(const std::string& id, const std::string& state) {
    return {model::task_row_id(f_.project, "celery", id), id, state, "w1", f_.clock.now(),
            f_.clock.now() + 300 * base::kSecondUs};
  }
  void note(const std::vector<LostTask>& tasks) {
    f_.clock.advance(301 * base::kSecondUs);
    f_.must(note_lost_tasks(*f_.store, f_.audit, f_.project, "celery", tasks, f_.clock.now(), {}));
  }
  TaskView view(const std::string& id) { return tasks_.find(f_.project, "celery", id).value(); }

 public:
  void a_lost_task_keeps_its_state_and_shows_the_evidence() {
    f_.add_worker("celery", "w1", 1, "offline");
    f_.add_task("celery", "a", "started");
    CPPUNIT_ASSERT(view("a").reconciled_as.empty());
    note({lost("a", "started")});
    const TaskView after = view("a");
    CPPUNIT_ASSERT_EQUAL(std::string("started"), after.state);
    CPPUNIT_ASSERT_EQUAL(std::string("lost"), after.reconciled_as);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, after.evidence.as_array().size());
    CPPUNIT_ASSERT_EQUAL(std::string("offline"),
                         std::string(after.evidence.at(2).at("said").as_string().c_str()));
    CPPUNIT_ASSERT_EQUAL(std::string("task.reconciled_lost"), f_.audited().back());
  }

  void what_is_heard_later_makes_the_note_void() {
    f_.add_task("celery", "a", "started");
    note({lost("a", "started")});
    f_.clock.advance(base::kSecondUs);
    f_.add_task("celery", "a", "started");
    CPPUNIT_ASSERT(view("a").reconciled_as.empty());
  }

  void what_ended_meanwhile_is_left_alone() {
    f_.add_task("celery", "a", "started");
    const LostTask before = lost("a", "started");
    f_.add_task("celery", "a", "success");
    note({before});
    CPPUNIT_ASSERT(view("a").reconciled_as.empty());
    CPPUNIT_ASSERT_EQUAL(std::string("success"), view("a").state);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LostTasksTest);

}  // namespace
}  // namespace z4j::core
