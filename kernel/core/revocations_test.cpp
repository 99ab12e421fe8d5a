#include "core/revocations.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/live.hpp"
#include "core/testing/control_fixture.hpp"
#include "core/worker_wishes.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;
namespace rev = model::revocations;

class RevocationsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RevocationsTest);
  CPPUNIT_TEST(a_cancel_is_said_again_to_a_worker_that_comes);
  CPPUNIT_TEST(who_is_there_hears_a_cancel_once);
  CPPUNIT_TEST(a_restarted_worker_hears_it_again_and_a_known_one_does_not);
  CPPUNIT_TEST(a_worker_that_says_it_came_is_believed);
  CPPUNIT_TEST(an_agent_that_comes_back_says_it_again);
  CPPUNIT_TEST(a_message_taken_out_of_its_queue_needs_no_repetition);
  CPPUNIT_TEST(a_refused_cancel_is_not_remembered_unless_nobody_listened);
  CPPUNIT_TEST(a_cancel_without_an_answer_is_remembered);
  CPPUNIT_TEST(a_task_that_is_over_is_forgotten);
  CPPUNIT_TEST(a_retry_forgets_the_cancel);
  CPPUNIT_TEST(what_could_not_be_said_is_said_later);
  CPPUNIT_TEST(a_worker_that_does_not_listen_yet_hears_it_soon);
  CPPUNIT_TEST(other_engines_are_not_told);
  CPPUNIT_TEST(old_and_too_many_are_forgotten);
  CPPUNIT_TEST(wishes_are_said_again_to_a_worker_that_comes);
  CPPUNIT_TEST(a_resume_names_the_paused_workers_and_ends_the_wish);
  CPPUNIT_TEST(runs_and_stops_on_its_own_thread);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  Revocations revocations_{*f_.store, f_.relay, f_.clock, f_.log, {}};
  base::Uuid agent_;

  Command cancel(const std::string& id, const std::string& answer = R"({"outcome":"sent"})") {
    f_.agents.give(answer);
    CommandRequest request;
    request.project_id = f_.project;
    request.actor = f_.actor;
    auto asked = f_.commands.cancel_task(request, {"celery", id});
    CPPUNIT_ASSERT_MESSAGE(asked ? "" : asked.error().text(), asked.ok());
    f_.commands.work();
    revocations_.changed(f_.project, kCommandChanged);
    f_.agents.give(std::string(R"({"outcome":"sent"})"));
    return f_.commands.find(f_.project, asked->id).value();
  }
  std::size_t remembered() { return f_.count(Table::revocations); }
  // What was said since the last time.
  std::string said() {
    std::string out;
    for (const auto& one : f_.agents.asked()) {
      CPPUNIT_ASSERT(one.verb == Z4J_ENGINE_REVOKE);
      out += (out.empty() ? "" : " ") + one.engine + ":" + one.target;
    }
    f_.agents.forget_asked();
    return out;
  }
  void settle() {
    revocations_.work();
    f_.agents.forget_asked();
  }

 public:
  void setUp() override { agent_ = f_.agents.add(f_.project, "celery"); }

  void a_cancel_is_said_again_to_a_worker_that_comes() {
    f_.add_worker("celery", "w1");
    const Command done = cancel("t1");
    CPPUNIT_ASSERT(json::boolean(done.result.get_object(), "remembered"));
    settle();
    f_.add_worker("celery", "w2");
    revocations_.changed(f_.project, kAgentChanged);
    CPPUNIT_ASSERT(revocations_.work());
    CPPUNIT_ASSERT_EQUAL(std::string("celery:t1"), said());
    CPPUNIT_ASSERT(!revocations_.work());
    CPPUNIT_ASSERT_EQUAL(std::string(), said());
    const Row row = f_.store->first(std::move(Query(Table::revocations).all())).value().value();
    CPPUNIT_ASSERT(row.num(rev::asserted) >= 1);
    CPPUNIT_ASSERT_EQUAL(f_.clock.now(), row.num(rev::asserted_at));
    CPPUNIT_ASSERT(row.uuid(rev::command_id) == done.id);
  }

  void wishes_are_said_again_to_a_worker_that_comes() {
    f_.add_worker("celery", "w1");
    CommandRequest request;
    request.project_id = f_.project;
    request.actor = f_.actor;
    f_.agents.give(std::string(R"({"outcome":"done"})"));
    CPPUNIT_ASSERT(f_.commands.limit_rate(request, {"mail.send", "10/m", {}, {}}).ok());
    CPPUNIT_ASSERT(
        f_.commands.change_consumer(request, {ChangeConsumer::Change::add, "w1", {}, "extra"})
            .ok());
    f_.agents.give(std::string(R"({"outcome":"refused"})"));
    CPPUNIT_ASSERT(f_.commands.autoscale(request, {"w1", {}, 1, 4}).ok());
    f_.commands.work();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f_.count(Table::worker_wishes));
    revocations_.changed(f_.project, kCommandChanged);
    settle();
    f_.agents.give(std::string(R"({"outcome":"done"})"));
    f_.add_worker("celery", "w1", 2);  // another process
    revocations_.changed(f_.project, kAgentChanged);
    CPPUNIT_ASSERT(revocations_.work());
    std::set<std::string> heard;
    for (const auto& one : f_.agents.asked())
      heard.insert(std::to_string(one.verb) + " " + one.target + " " + one.args_json);
    CPPUNIT_ASSERT(
        (heard ==
         std::set<std::string>{std::to_string(Z4J_ENGINE_POOL) + R"( w1 {"add_consumer":"extra"})",
                               std::to_string(Z4J_ENGINE_RATE) + R"( mail.send {"rate":"10/m"})"}));
    const auto wishes = wishes_of(*f_.store, f_.project, "celery").value();
    CPPUNIT_ASSERT(wishes.at(0).asserted >= 1);
    f_.must(drop_wish(*f_.store, f_.audit, f_.project, wishes.at(0).id, f_.actor));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::worker_wishes));
  }

  void a_resume_names_the_paused_workers_and_ends_the_wish() {
    CommandRequest request;
    request.project_id = f_.project;
    request.actor = f_.actor;
    f_.agents.give(std::string(
        R"({"outcome":"sent","paused":true,"workers":{"w1":"done","w2":"no answer"}})"));
    CPPUNIT_ASSERT(f_.commands.pause_queue(request, {"mail", {}, true, {}}).ok());
    f_.commands.work();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::worker_wishes));
    f_.agents.give(std::string(R"({"outcome":"done","paused":false})"));
    CPPUNIT_ASSERT(f_.commands.pause_queue(request, {"mail", {}, false, {}}).ok());
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"pause":false,"workers":["w1"]})"),
                         f_.agents.asked().back().args_json);
    f_.commands.work();
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::worker_wishes));
  }

  void who_is_there_hears_a_cancel_once() {
    f_.add_worker("celery", "w1");
    revocations_.work();
    cancel("t1");
    f_.agents.forget_asked();
    CPPUNIT_ASSERT(!revocations_.work());
    CPPUNIT_ASSERT_EQUAL(std::string(), said());
    f_.add_worker("celery", "w2");
    revocations_.changed(f_.project, kAgentChanged);
    CPPUNIT_ASSERT(revocations_.work());
    CPPUNIT_ASSERT_EQUAL(std::string("celery:t1"), said());
  }

  void a_restarted_worker_hears_it_again_and_a_known_one_does_not() {
    f_.add_worker("celery", "w1", 10);
    cancel("t1");
    settle();
    f_.add_worker("celery", "w1", 10);
    revocations_.changed(f_.project, kAgentChanged);
    revocations_.work();
    CPPUNIT_ASSERT_EQUAL(std::string(), said());
    f_.add_worker("celery", "w1", 11);
    revocations_.changed(f_.project, kAgentChanged);
    revocations_.work();
    CPPUNIT_ASSERT_EQUAL(std::string("celery:t1"), said());
    f_.add_worker("celery", "w1", 11, "offline");
    revocations_.changed(f_.project, kAgentChanged);
    revocations_.work();
    f_.add_worker("celery", "w1", 11);
    revocations_.changed(f_.project, kAgentChanged);
    revocations_.work();
    CPPUNIT_ASSERT_EQUAL(std::string("celery:t1"), said());
  }

  void a_worker_that_says_it_came_is_believed() {
    f_.add_worker("celery", "w1", 1);  // a container: its process has the same number every time
    cancel("t1");
    settle();
    revocations_.changed(f_.project, kWorkerCame);
    revocations_.work();
    CPPUNIT_ASSERT_EQUAL(std::string("celery:t1"), said());
  }

  void an_agent_that_comes_back_says_it_again() {
    cancel("t1");
    settle();
    f_.agents.set_online(agent_, false);
    revocations_.changed(f_.project, kAgentChanged);
    revocations_.work();
    f_.agents.set_online(agent_, true);
    revocations_.look();
    revocations_.work();
    CPPUNIT_ASSERT_EQUAL(std::string("celery:t1"), said());
  }

  void a_message_taken_out_of_its_queue_needs_no_repetition() {
    cancel("t1", R"({"outcome":"done","was":"waiting","removed_from_queue":1})");
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, remembered());
  }

  void a_refused_cancel_is_not_remembered_unless_nobody_listened() {
    Command done = cancel("t1", R"({"outcome":"refused","reason":"the task has ended: SUCCESS"})");
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), done.status);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, remembered());
    done =
        cancel("t2", R"({"outcome":"refused","reason":"no worker listens","nobody_listens":true})");
    CPPUNIT_ASSERT_EQUAL(std::string("completed"), done.status);
    CPPUNIT_ASSERT_EQUAL(std::string("sent"),
                         std::string(json::text(done.result.get_object(), "outcome")));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, remembered());
  }

  void a_cancel_without_an_answer_is_remembered() {
    f_.agents.hold_back();
    CommandRequest request;
    request.project_id = f_.project;
    request.actor = f_.actor;
    CPPUNIT_ASSERT(f_.commands.cancel_task(request, {"celery", "t1"}).ok());
    f_.clock.advance(61 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.commands.sweep().value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, remembered());
  }

  void a_task_that_is_over_is_forgotten() {
    f_.add_task("celery", "t1", "revoked");
    f_.add_task("celery", "t2", "retry");
    cancel("t1");
    cancel("t2");
    f_.agents.forget_asked();
    revocations_.work();
    CPPUNIT_ASSERT_EQUAL(std::string("celery:t2"), said());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, remembered());
  }

  void a_retry_forgets_the_cancel() {
    cancel("t1");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, remembered());
    CommandRequest request;
    request.project_id = f_.project;
    request.actor = f_.actor;
    RetryTask again;
    again.engine = "celery";
    again.task_id = "t1";
    CPPUNIT_ASSERT(f_.commands.retry_task(request, again).ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, remembered());
    f_.must(forget_cancel(*f_.store, f_.project, "celery", "t1"));
  }

  void what_could_not_be_said_is_said_later() {
    cancel("t1");
    settle();
    f_.agents.give(base::Error{base::Code::unavailable, "the broker is away", {}, {}, 0});
    revocations_.changed(f_.project, kWorkerCame);
    CPPUNIT_ASSERT(!revocations_.work());
    CPPUNIT_ASSERT_EQUAL(std::string("celery:t1"), said());
    f_.agents.give(std::string(R"({"outcome":"sent"})"));
    CPPUNIT_ASSERT(!revocations_.work());  // not at once
    f_.clock.advance(10 * base::kSecondUs);
    CPPUNIT_ASSERT(revocations_.work());
    CPPUNIT_ASSERT_EQUAL(std::string("celery:t1"), said());
  }

  void a_worker_that_does_not_listen_yet_hears_it_soon() {
    cancel("t1");
    f_.agents.give(
        std::string(R"({"outcome":"refused","reason":"no worker listens","nobody_listens":true})"));
    CPPUNIT_ASSERT(!revocations_.work());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, revocations_.asserted());
    f_.agents.give(std::string(R"({"outcome":"sent"})"));
    for (int i = 0; i < 10; ++i) {
      f_.clock.advance(5 * base::kSecondUs);
      revocations_.work();
    }
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, revocations_.asserted());
  }

  void other_engines_are_not_told() {
    f_.agents.add(f_.project, "rq");
    f_.agents.add(base::Uuid::random(), "celery");
    cancel("t1");
    settle();
    f_.add_worker("rq", "r1");
    revocations_.changed(f_.project, kAgentChanged);
    revocations_.work();
    CPPUNIT_ASSERT_EQUAL(std::string(), said());
  }

  void old_and_too_many_are_forgotten() {
    cancel("old");
    f_.clock.advance(Revocations::kKeptFor);
    f_.must(revocations_.sweep({}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, remembered());
    Commit many;
    for (std::size_t i = 0; i < Revocations::kMostPerProject + 50; ++i) {
      remember_cancel(many, f_.project, "celery", "t" + std::to_string(i), base::Uuid::random(),
                      f_.clock.now() + static_cast<base::TimeUs>(i));
      if (many.steps() < 500) continue;
      f_.must(f_.store->commit(many));
      many = Commit();
    }
    f_.must(f_.store->commit(many));
    f_.must(revocations_.sweep({}));
    CPPUNIT_ASSERT_EQUAL(Revocations::kMostPerProject, remembered());
    Where newest;
    newest.eq(rev::task_id, "t" + std::to_string(Revocations::kMostPerProject + 49));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::revocations, newest));
  }

  void runs_and_stops_on_its_own_thread() {
    revocations_.start();
    cancel("t1");
    revocations_.look();
    revocations_.stop();
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RevocationsTest);

}  // namespace
}  // namespace z4j::core
