#include "core/commands.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/refusal.hpp"
#include "core/testing/control_fixture.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

class CommandsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CommandsTest);
  CPPUNIT_TEST(the_agent_that_told_of_a_task_is_asked_if_it_can);
  CPPUNIT_TEST(a_known_agent_that_is_away_is_offline_not_missing);
  CPPUNIT_TEST(a_command_without_a_route_is_cancelled);
  CPPUNIT_TEST(a_queued_command_is_sent_once_when_an_agent_comes);
  CPPUNIT_TEST(a_queued_command_waits_for_the_agent_it_names);
  CPPUNIT_TEST(a_queued_command_that_nobody_takes_times_out);
  CPPUNIT_TEST(a_queued_command_keeps_its_key);
  CPPUNIT_TEST(workers_are_ordered_by_name);
  CPPUNIT_TEST(an_order_that_several_engines_could_mean_names_the_engine);
  CPPUNIT_TEST(orders_to_workers_are_checked);
  CPPUNIT_TEST(workers_are_shut_down_scaled_and_limited);
  CPPUNIT_TEST(queues_are_paused_and_go_on);
  CPPUNIT_TEST(tasks_are_submitted_requeued_and_deleted);
  CPPUNIT_TEST(what_can_t_be_meant_is_refused);
  CPPUNIT_TEST(a_retry_is_previewed_with_its_changes);
  CPPUNIT_TEST(any_declared_engine_takes_commands);
  CPPUNIT_TEST(an_unknown_outcome_is_said_to_be_one);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;

  CommandRequest request(bool waits = false) {
    CommandRequest out;
    out.project_id = f_.project;
    out.actor = f_.actor;
    out.queue_if_offline = waits;
    return out;
  }
  static RetryTask retry(const std::string& id, const std::string& engine = "celery") {
    RetryTask out;
    out.engine = engine;
    out.task_id = id;
    return out;
  }
  static const Command& must(const base::Result<Command>& command) {
    CPPUNIT_ASSERT_MESSAGE(command ? "" : command.error().text(), command.ok());
    return *command;
  }
  Command stored(const Command& command) { return must(f_.commands.find(f_.project, command.id)); }
  json::Object args(std::size_t i) {
    return json::parse(f_.agents.asked().at(i).args_json).value().get_object();
  }

 public:
  void the_agent_that_told_of_a_task_is_asked_if_it_can() {
    f_.agents.add(f_.project, "celery");
    const base::Uuid teller = f_.agents.add(f_.project, "celery");
    f_.add_task("celery", "t1", "failure", teller);
    must(f_.commands.retry_task(request(), retry("t1")));
    CPPUNIT_ASSERT(f_.agents.asked().at(0).agent_id == teller);
    f_.agents.set_online(teller, false);
    must(f_.commands.retry_task(request(), retry("t1")));
    CPPUNIT_ASSERT(f_.agents.asked().at(1).agent_id != teller);
  }

  void a_known_agent_that_is_away_is_offline_not_missing() {
    CommandRequest named = request();
    named.agent_id = f_.add_agent("web");
    auto away = f_.commands.retry_task(named, retry("t1"));
    CPPUNIT_ASSERT_EQUAL(std::string(refuse::kAgentOffline), away.error().where);
    named.agent_id = base::Uuid::random();
    CPPUNIT_ASSERT(f_.commands.retry_task(named, retry("t1")).error().code ==
                   base::Code::not_found);
  }

  void a_command_without_a_route_is_cancelled() {
    const base::Uuid agent = f_.agents.add(f_.project, "celery");
    f_.agents.set_online(agent, false);
    auto refused = f_.commands.retry_task(request(), retry("t1"));
    CPPUNIT_ASSERT_EQUAL(std::string(refuse::kAgentOffline), refused.error().where);
    const auto all = f_.commands.list(f_.project, {}, {}, 10).value();
    CPPUNIT_ASSERT_EQUAL(std::string("cancelled"), all.at(0).status);
    f_.agents.set_online(agent, true);
    f_.commands.look_for_waiting();
    CPPUNIT_ASSERT(!f_.commands.deliver_waiting());
    CPPUNIT_ASSERT(f_.agents.asked().empty());
  }

  void a_queued_command_is_sent_once_when_an_agent_comes() {
    const Command asked = must(f_.commands.retry_task(request(true), retry("t1")));
    CPPUNIT_ASSERT_EQUAL(std::string("pending"), asked.status);
    CPPUNIT_ASSERT(!asked.agent_id && !asked.dispatched_at);
    CPPUNIT_ASSERT(!f_.commands.deliver_waiting());
    f_.agents.add(f_.project, "rq");  // another engine
    CPPUNIT_ASSERT(!f_.commands.deliver_waiting());
    f_.clock.advance(30 * base::kSecondUs);
    const base::Uuid agent = f_.agents.add(f_.project, "celery");
    f_.commands.look_for_waiting();
    CPPUNIT_ASSERT(f_.commands.deliver_waiting());
    CPPUNIT_ASSERT(!f_.commands.deliver_waiting());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.agents.asked().size());
    CPPUNIT_ASSERT_EQUAL(std::string("t1"), f_.agents.asked()[0].target);
    CPPUNIT_ASSERT(f_.agents.asked()[0].deadline_ms <= 30'000);
    CPPUNIT_ASSERT(stored(asked).agent_id == agent);
    f_.commands.work();
    CPPUNIT_ASSERT_EQUAL(std::string("completed"), stored(asked).status);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::engine_requests));
  }

  void a_queued_command_waits_for_the_agent_it_names() {
    const base::Uuid away = f_.agents.add(f_.project, "celery");
    f_.agents.set_online(away, false);
    f_.agents.add(f_.project, "celery");
    CommandRequest named = request(true);
    named.agent_id = away;
    const Command asked = must(f_.commands.retry_task(named, retry("t1")));
    CPPUNIT_ASSERT_EQUAL(std::string("pending"), asked.status);
    CPPUNIT_ASSERT(!f_.commands.deliver_waiting());
    f_.agents.set_online(away, true);
    CPPUNIT_ASSERT(f_.commands.deliver_waiting());
    CPPUNIT_ASSERT(f_.agents.asked().at(0).agent_id == away);
  }

  void a_queued_command_that_nobody_takes_times_out() {
    const Command asked = must(f_.commands.retry_task(request(true), retry("t1")));
    f_.clock.advance(61 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.commands.sweep().value());
    CPPUNIT_ASSERT_EQUAL(std::string("timeout"), stored(asked).status);
    f_.agents.add(f_.project, "celery");
    f_.commands.look_for_waiting();
    CPPUNIT_ASSERT(!f_.commands.deliver_waiting());
    CPPUNIT_ASSERT(f_.agents.asked().empty());
  }

  void a_queued_command_keeps_its_key() {
    CommandRequest keyed = request(true);
    keyed.idempotency_key = "k";
    const Command first = must(f_.commands.retry_task(keyed, retry("t1")));
    CPPUNIT_ASSERT(must(f_.commands.retry_task(keyed, retry("t1"))).id == first.id);
    CPPUNIT_ASSERT(f_.commands.retry_task(keyed, retry("t2")).error().code == base::Code::conflict);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::engine_requests));
  }

  void workers_are_ordered_by_name() {
    const base::Uuid agent = f_.agents.add(f_.project, "celery");
    f_.agents.add(f_.project, "rq");
    f_.add_worker("celery", "w1", 1, "online", agent);
    Command c = must(f_.commands.restart_worker(request(), {"w1", {}}));
    CPPUNIT_ASSERT_EQUAL(std::string("restart_worker"), c.action);
    CPPUNIT_ASSERT_EQUAL(std::string("w1"), *c.target_id);
    CPPUNIT_ASSERT_EQUAL(std::string("w1"),
                         std::string(json::text(c.payload.get_object(), "worker_name")));
    c = must(f_.commands.resize_pool(request(), {"w1", {}, -2}));
    CPPUNIT_ASSERT_EQUAL(std::string("pool_shrink"), c.action);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, json::integer(c.payload.get_object(), "delta"));
    CPPUNIT_ASSERT_EQUAL(std::string("pool_grow"),
                         must(f_.commands.resize_pool(request(), {"w1", {}, 3})).action);
    c = must(f_.commands.change_consumer(request(), {ChangeConsumer::Change::add, "w1", {}, "q"}));
    CPPUNIT_ASSERT_EQUAL(std::string("add_consumer"), c.action);
    c = must(
        f_.commands.change_consumer(request(), {ChangeConsumer::Change::cancel, "w1", {}, "q"}));
    CPPUNIT_ASSERT_EQUAL(std::string("cancel_consumer"), c.action);
    c = must(f_.commands.limit_rate(request(), {"mail.send", "10/m", "w1", {}}));
    CPPUNIT_ASSERT_EQUAL(std::string("rate_limit"), c.action);
    CPPUNIT_ASSERT_EQUAL(std::string("task"), c.target_type);

    const auto asked = f_.agents.asked();
    CPPUNIT_ASSERT_EQUAL(std::size_t{6}, asked.size());
    for (const auto& one : asked) CPPUNIT_ASSERT(one.agent_id == agent && one.engine == "celery");
    CPPUNIT_ASSERT(asked[0].verb == Z4J_ENGINE_RESTART && asked[0].target == "w1");
    CPPUNIT_ASSERT(asked[1].verb == Z4J_ENGINE_POOL);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{-2}, json::integer(args(1), "delta"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, json::integer(args(2), "delta"));
    CPPUNIT_ASSERT_EQUAL(std::string("q"), std::string(json::text(args(3), "add_consumer")));
    CPPUNIT_ASSERT_EQUAL(std::string("q"), std::string(json::text(args(4), "cancel_consumer")));
    CPPUNIT_ASSERT(asked[5].verb == Z4J_ENGINE_RATE && asked[5].target == "mail.send");
    CPPUNIT_ASSERT_EQUAL(std::string("10/m"), std::string(json::text(args(5), "rate")));
    CPPUNIT_ASSERT_EQUAL(std::string("w1"), std::string(json::text(args(5), "worker")));
  }

  void an_order_that_several_engines_could_mean_names_the_engine() {
    f_.agents.add(f_.project, "celery");
    const base::Uuid rq = f_.agents.add(f_.project, "rq");
    const auto unclear = f_.commands.restart_worker(request(), {"w9", {}});
    CPPUNIT_ASSERT(!unclear && unclear.error().where == "engine");
    must(f_.commands.restart_worker(request(), {"w9", "rq"}));
    CPPUNIT_ASSERT(f_.agents.asked().at(0).agent_id == rq);
    CommandRequest named = request();
    named.agent_id = rq;
    must(f_.commands.restart_worker(named, {"w9", {}}));
    CPPUNIT_ASSERT(f_.agents.asked().at(1).agent_id == rq);
  }

  void orders_to_workers_are_checked() {
    f_.agents.add(f_.project, "rq", Z4J_ENGINE_RETRY);
    const auto lacks = f_.commands.resize_pool(request(), {"w1", {}, 1});
    CPPUNIT_ASSERT_EQUAL(std::string("capability_missing"), lacks.error().where);
    for (const char* rate :
         {"", "01", "1.5", "10/d", "-1", "0/s", "10/", "123456789012345678901"}) {
      const auto bad = f_.commands.limit_rate(request(), {"mail.send", rate, {}, {}});
      CPPUNIT_ASSERT_MESSAGE(rate, !bad && bad.error().where == "rate");
    }
    for (const std::int64_t delta : {-101, 101}) {
      CPPUNIT_ASSERT_EQUAL(std::string("delta"),
                           f_.commands.resize_pool(request(), {"w", {}, delta}).error().where);
    }
    CPPUNIT_ASSERT_EQUAL(
        std::string("worker_name"),
        f_.commands.restart_worker(request(), {std::string(201, 'w'), {}}).error().where);
    CPPUNIT_ASSERT_EQUAL(
        std::string("queue"),
        f_.commands.change_consumer(request(), {ChangeConsumer::Change::add, "w", {}, ""})
            .error()
            .where);
  }

  void workers_are_shut_down_scaled_and_limited() {
    f_.agents.add(f_.project, "celery");
    CPPUNIT_ASSERT_EQUAL(std::string("shutdown_worker"),
                         must(f_.commands.shutdown_worker(request(), {"w1", {}})).action);
    must(f_.commands.autoscale(request(), {"w1", {}, 1, 4}));
    must(f_.commands.limit_time(request(), {"mail.send", 5, {}, "w1", {}}));
    const auto asked = f_.agents.asked();
    CPPUNIT_ASSERT(asked.at(0).verb == Z4J_ENGINE_SHUTDOWN && asked[0].target == "w1");
    CPPUNIT_ASSERT(asked.at(1).verb == Z4J_ENGINE_AUTOSCALE);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"min":1,"max":4})"), asked[1].args_json);
    CPPUNIT_ASSERT(asked.at(2).verb == Z4J_ENGINE_TIME_LIMIT && asked[2].target == "mail.send");
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"soft":5,"hard":null,"worker":"w1"})"),
                         asked[2].args_json);
  }

  void queues_are_paused_and_go_on() {
    f_.agents.add(f_.project, "rq");
    Command c = must(f_.commands.pause_queue(request(), {"mail", {}, true, 60}));
    CPPUNIT_ASSERT_EQUAL(std::string("pause_queue"), c.action);
    c = must(f_.commands.pause_queue(request(), {{}, "rq", false, {}}));
    CPPUNIT_ASSERT_EQUAL(std::string("resume_engine"), c.action);
    CPPUNIT_ASSERT_EQUAL(std::string("rq"), *c.target_id);
    const auto asked = f_.agents.asked();
    CPPUNIT_ASSERT(asked.at(0).verb == Z4J_ENGINE_PAUSE && asked[0].target == "mail");
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"pause":true,"seconds":60})"), asked[0].args_json);
    CPPUNIT_ASSERT(asked.at(1).target.empty());
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"pause":false})"), asked[1].args_json);
  }

  void tasks_are_submitted_requeued_and_deleted() {
    f_.agents.add(f_.project, "celery");
    SubmitTask task;
    task.engine = "celery";
    task.task_name = "mail.send";
    task.args = {1};
    task.queue = "mail";
    Command c = must(f_.commands.submit_task(request(), task));
    CPPUNIT_ASSERT_EQUAL(std::string("celery:mail.send"), *c.target_id);
    must(f_.commands.requeue_dead_letter(request(), {"celery", "t1", "mail.dead", {}}));
    must(f_.commands.delete_task(request(), {"celery", "t2", {}}));
    const auto asked = f_.agents.asked();
    CPPUNIT_ASSERT(asked.at(0).verb == Z4J_ENGINE_ENQUEUE && asked[0].target == "mail.send");
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"args":[1],"kwargs":{},"queue":"mail"})"),
                         asked[0].args_json);
    CPPUNIT_ASSERT(asked.at(1).verb == Z4J_ENGINE_DEAD_LETTERS && asked[1].target == "t1");
    CPPUNIT_ASSERT_EQUAL(std::string("mail.dead"), std::string(json::text(args(1), "queue")));
    CPPUNIT_ASSERT(asked.at(2).verb == Z4J_ENGINE_DELETE && asked[2].target == "t2");
  }

  void what_can_t_be_meant_is_refused() {
    f_.agents.add(f_.project, "celery");
    const auto where = [](const base::Result<Command>& c) { return c.error().where; };
    CPPUNIT_ASSERT_EQUAL(std::string("min"),
                         where(f_.commands.autoscale(request(), {"w", {}, 5, 4})));
    CPPUNIT_ASSERT_EQUAL(std::string("max"),
                         where(f_.commands.autoscale(request(), {"w", {}, 0, 0})));
    CPPUNIT_ASSERT_EQUAL(std::string("soft"),
                         where(f_.commands.limit_time(request(), {"f", 9, 8, {}, {}})));
    CPPUNIT_ASSERT_EQUAL(std::string("seconds"),
                         where(f_.commands.pause_queue(request(), {"q", {}, false, 5})));
    SubmitTask task;
    task.engine = "celery";
    task.task_name = "f";
    task.priority = "soon";
    CPPUNIT_ASSERT_EQUAL(std::string("priority"), where(f_.commands.submit_task(request(), task)));
    task.priority.reset();
    task.args = {std::string(kOverrideBytes, 'x')};
    CPPUNIT_ASSERT_EQUAL(std::string("args"), where(f_.commands.submit_task(request(), task)));
    CPPUNIT_ASSERT(f_.agents.asked().empty());
  }

  void a_retry_is_previewed_with_its_changes() {
    const auto unknown = f_.commands.preview_retry(f_.project, retry("nobody"));
    CPPUNIT_ASSERT(!unknown && unknown.error().code == base::Code::not_found);
    f_.add_task("celery", "t1", "failure");
    RetryTask edited = retry("t1");
    edited.override_args = json::Array{1};
    const auto preview = f_.commands.preview_retry(f_.project, edited);
    CPPUNIT_ASSERT(preview.ok());
    CPPUNIT_ASSERT(preview->is_edited && !preview->is_known && preview->changes.empty());
    CPPUNIT_ASSERT(f_.agents.asked().empty());
  }

  void any_declared_engine_takes_commands() {
    f_.agents.add(f_.project, "brand-new-engine");
    must(f_.commands.retry_task(request(), retry("t1", "brand-new-engine")));
    CPPUNIT_ASSERT_EQUAL(std::string("brand-new-engine"), f_.agents.asked().at(0).engine);
  }

  void an_unknown_outcome_is_said_to_be_one() {
    f_.agents.add(f_.project, "celery");
    f_.agents.give(base::Error{base::Code::timeout, "no result in time", {}, {}, 0});
    const Command asked = must(f_.commands.retry_task(request(), retry("t1")));
    f_.commands.work();
    const Command after = stored(asked);
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), after.status);
    CPPUNIT_ASSERT_EQUAL(std::string("unknown"),
                         std::string(json::text(after.result.get_object(), "outcome")));
    CPPUNIT_ASSERT_MESSAGE(after.error, after.error.starts_with("outcome unknown"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CommandsTest);

}  // namespace
}  // namespace z4j::core
