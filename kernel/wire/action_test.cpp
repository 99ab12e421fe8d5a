#include "wire/action.hpp"

#include <cppunit/extensions/HelperMacros.h>
#include <z4j/abi.h>

#include "wire/health.hpp"
#include "wire/keys.hpp"
#include "wire/version.hpp"

namespace z4j::wire {
namespace {

namespace json = base::json;

constexpr base::TimeUs kActionNow = 1'780'920'000LL * base::kSecondUs;

json::Object object_of(const std::string& text) { return json::parse(text).value().as_object(); }

class ActionTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ActionTest);
  CPPUNIT_TEST(capabilities_are_told_and_understood);
  CPPUNIT_TEST(a_retry_never_carries_recorded_arguments);
  CPPUNIT_TEST(a_retry_needs_the_operators_arguments_where_the_agent_has_none);
  CPPUNIT_TEST(each_verb_survives_the_way_there);
  CPPUNIT_TEST(a_purge_is_confirmed_as_the_agent_expects);
  CPPUNIT_TEST(what_an_agent_lacks_is_refused);
  CPPUNIT_TEST(rates_follow_the_grammar);
  CPPUNIT_TEST(an_old_agent_gets_no_member_it_does_not_know);
  CPPUNIT_TEST(results_of_upstream_agents_become_answers);
  CPPUNIT_TEST(answers_of_our_agent_come_back_whole);
  CPPUNIT_TEST(payloads_are_read_defensively);
  CPPUNIT_TEST(a_state_is_asked_and_answered);
  CPPUNIT_TEST(versions_are_compared_with_the_known_level);
  CPPUNIT_TEST(versions_two_majors_below_are_not_let_in);
  CPPUNIT_TEST(heartbeats_become_snapshots);
  CPPUNIT_TEST(snapshots_come_back_from_a_heartbeat);
  CPPUNIT_TEST(hostile_health_is_bounded_and_skipped);
  CPPUNIT_TEST(a_status_comes_back_and_losses_are_checked);
  CPPUNIT_TEST_SUITE_END();

  static Peer new_peer() {
    return {.agent_version = "1.12.0",
            .capabilities = {"retry_task", "retry_by_reference_v1", "cancel_task", "purge_queue",
                             "pool_grow", "pool_shrink", "add_consumer", "cancel_consumer",
                             "rate_limit", "restart_worker", "submit_task", "terminate_task",
                             "pause_queue", "shutdown_worker", "time_limit", "autoscale",
                             "requeue_dead_letter", "delete_task"},
            .secret = std::string(32, 's'),
            .queue_depth = {}};
  }
  static EngineCall call_of(std::uint64_t verb, std::string target, const std::string& args) {
    EngineCall call;
    call.engine = "celery";
    call.verb = verb;
    call.target = std::move(target);
    call.args = object_of(args);
    return call;
  }
  static std::string answer_of(std::string_view action, const std::string& payload) {
    return engine_answer(action, read_result(object_of(payload)));
  }

 public:
  void capabilities_are_told_and_understood() {
    const std::uint64_t bits = Z4J_ENGINE_RETRY | Z4J_ENGINE_TERMINATE | Z4J_ENGINE_RESTART;
    const auto names = own_capability_names(bits);
    CPPUNIT_ASSERT((names == std::vector<std::string_view>{"bulk_retry", "restart_worker",
                                                           "retry_by_reference_v1", "retry_task",
                                                           "terminate_task"}));
    CPPUNIT_ASSERT_EQUAL(bits, capability_bits({names.begin(), names.end()}));
    CPPUNIT_ASSERT((capability_names(Z4J_ENGINE_ENQUEUE | Z4J_ENGINE_POOL) ==
                    std::vector<std::string_view>{"add_consumer", "cancel_consumer", "pool_grow",
                                                  "pool_shrink", "submit_task"}));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{Z4J_ENGINE_ENQUEUE | Z4J_ENGINE_RETRY},
                         capability_bits({"submit_task", "from_the_future"}));
  }

  void a_retry_never_carries_recorded_arguments() {
    const auto action = to_action(
        call_of(Z4J_ENGINE_RETRY, "t-1",
                R"({"recorded":{"args_repr":"['x']","task_name":"app.add"},"eta_seconds":60})"),
        new_peer(), kActionNow);
    CPPUNIT_ASSERT(action.ok());
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"engine":"celery","task_id":"t-1","task_name":"app.add","args":null,)"
                    R"("kwargs":null,"override_args":null,"override_kwargs":null,"eta_seconds":60,)"
                    R"("eta":1780920060.0,"priority":null})"),
        json::write(action->parameters));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"type":"task","id":"celery:t-1","engine":"celery"})"),
                         json::write(action->target));
  }

  void a_retry_needs_the_operators_arguments_where_the_agent_has_none() {
    Peer old = new_peer();
    old.agent_version = "1.6.7";
    old.capabilities = {"retry_task", "submit_task"};
    for (const std::string half :
         {R"({})", R"({"override_args":[1]})", R"({"override_kwargs":{}})"}) {
      const auto refused = to_action(call_of(Z4J_ENGINE_RETRY, "t", half), old, kActionNow);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(half, std::string("override_args"), refused.error().where);
    }
    const std::string both = R"({"override_args":[1],"override_kwargs":{"a":2}})";
    const auto action = to_action(call_of(Z4J_ENGINE_RETRY, "t", both), old, kActionNow);
    CPPUNIT_ASSERT(action.ok() && action->parameters.at("args").is_null() &&
                   action->parameters.at("override_kwargs").at("a") == 2);
    // The emulation by a new task needs the name.
    Peer emulates = new_peer();
    emulates.capabilities = {"submit_task", "retry_by_reference_v1"};
    CPPUNIT_ASSERT_EQUAL(
        std::string("task_name"),
        to_action(call_of(Z4J_ENGINE_RETRY, "t", both), emulates, kActionNow).error().where);
  }

  void each_verb_survives_the_way_there() {
    struct Case {
      std::uint64_t verb;
      std::string target, args, action;
    };
    for (const Case& c : std::vector<Case>{
             {Z4J_ENGINE_RETRY, "t",
              R"({"task_name":"f","override_args":[1],"override_kwargs":{}})", "retry_task"},
             {Z4J_ENGINE_REVOKE, "t", R"({"terminate":true,"signal":"SIGKILL","worker":"w"})",
              "cancel_task"},
             {Z4J_ENGINE_PURGE, "q", R"({"force":true})", "purge_queue"},
             {Z4J_ENGINE_POOL, "w", R"({"delta":3})", "pool_grow"},
             {Z4J_ENGINE_POOL, "w", R"({"delta":-100})", "pool_shrink"},
             {Z4J_ENGINE_POOL, "w", R"({"add_consumer":"q"})", "add_consumer"},
             {Z4J_ENGINE_POOL, "w", R"({"cancel_consumer":"q"})", "cancel_consumer"},
             {Z4J_ENGINE_RATE, "f", R"({"rate":"10/m","worker":"w"})", "rate_limit"},
             {Z4J_ENGINE_RESTART, "w", "{}", "restart_worker"},
             {Z4J_ENGINE_PAUSE, "q", R"({"pause":true,"seconds":60})", "pause_queue"},
             {Z4J_ENGINE_SHUTDOWN, "w", "{}", "shutdown_worker"},
             {Z4J_ENGINE_TIME_LIMIT, "f", R"({"soft":5,"hard":null,"worker":"w"})", "time_limit"},
             {Z4J_ENGINE_AUTOSCALE, "w", R"({"min":1,"max":4})", "autoscale"},
             {Z4J_ENGINE_DEAD_LETTERS, "t", R"({"queue":"q.dlx","to":null})",
              "requeue_dead_letter"},
             {Z4J_ENGINE_DELETE, "t", R"({"queue":null})", "delete_task"},
             {Z4J_ENGINE_ENQUEUE, "f", R"({"args":[1],"kwargs":{},"queue":"q","eta_seconds":5})",
              "submit_task"},
             {Z4J_ENGINE_ENQUEUE, "f",
              R"({"args":[],"kwargs":{},"headers":{"x":1},"periodic_task_name":"nightly"})",
              "submit_task"}}) {
      const EngineCall call = call_of(c.verb, c.target, c.args);
      const auto action = to_action(call, new_peer(), kActionNow);
      CPPUNIT_ASSERT_MESSAGE(c.action, action.ok());
      CPPUNIT_ASSERT_EQUAL(c.action, action->action);
      const json::Object sent = command_payload(*action, "1.12.0");
      const auto there = to_call(read_command(object_of(json::write(sent))), kActionNow);
      CPPUNIT_ASSERT_MESSAGE(c.action, there.ok());
      CPPUNIT_ASSERT_EQUAL(c.verb, there->verb);
      CPPUNIT_ASSERT_EQUAL(c.target, there->target);
      CPPUNIT_ASSERT_EQUAL(std::string("celery"), there->engine);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(c.action, json::write_canonical(call.args),
                                   json::write_canonical(there->args));
    }
    Action only_eta;
    only_eta.action = "retry_task";
    only_eta.target = object_of(R"({"type":"task","id":"rq:t:1","engine":"rq"})");
    only_eta.parameters = object_of(R"({"eta":1780920030.0,"args":["recorded"]})");
    const auto call = to_call(only_eta, kActionNow);
    CPPUNIT_ASSERT_EQUAL(std::string("t:1"), call->target);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"eta_seconds":30})"), json::write(call->args));
  }

  void a_purge_is_confirmed_as_the_agent_expects() {
    Peer peer = new_peer();
    const EngineCall call = call_of(Z4J_ENGINE_PURGE, "q", "{}");
    CPPUNIT_ASSERT(to_action(call, peer, kActionNow)->parameters.at("confirm_token").is_null());
    peer.queue_depth = 12;
    CPPUNIT_ASSERT_EQUAL(
        purge_token("q", 12, peer.secret, "1.12.0"),
        std::string(json::text(to_action(call, peer, kActionNow)->parameters, "confirm_token")));
    const EngineCall told = call_of(Z4J_ENGINE_PURGE, "q", R"({"confirm_token":"mine"})");
    CPPUNIT_ASSERT(json::text(to_action(told, peer, kActionNow)->parameters, "confirm_token") ==
                   "mine");
  }

  void what_an_agent_lacks_is_refused() {
    Peer peer = new_peer();
    peer.capabilities = {"cancel_task"};
    for (const std::uint64_t verb :
         {Z4J_ENGINE_RETRY, Z4J_ENGINE_PURGE, Z4J_ENGINE_RATE, Z4J_ENGINE_RESTART, Z4J_ENGINE_PAUSE,
          Z4J_ENGINE_ENQUEUE, Z4J_ENGINE_SNAPSHOT, Z4J_ENGINE_SHUTDOWN, Z4J_ENGINE_DELETE}) {
      const auto refused = to_action(call_of(verb, "x", "{}"), peer, kActionNow);
      CPPUNIT_ASSERT(!refused.ok() && refused.error().code == base::Code::unsupported);
    }
    CPPUNIT_ASSERT(to_action(call_of(Z4J_ENGINE_REVOKE, "t", "{}"), peer, kActionNow).ok());
    CPPUNIT_ASSERT(
        !to_action(call_of(Z4J_ENGINE_REVOKE, "t", R"({"terminate":true})"), peer, kActionNow)
             .ok());
    CPPUNIT_ASSERT(
        !to_action(call_of(Z4J_ENGINE_POOL, "w", R"({"delta":0})"), new_peer(), kActionNow).ok());
    CPPUNIT_ASSERT(
        !to_action(call_of(Z4J_ENGINE_RATE, "f", R"({"rate":"often"})"), new_peer(), kActionNow)
             .ok());
    Action action;
    action.action = "reconcile_task";
    CPPUNIT_ASSERT(!to_call(action, kActionNow).ok());
    action.action = "purge_queue";
    CPPUNIT_ASSERT_EQUAL(std::string("target"), to_call(action, kActionNow).error().where);
  }

  void rates_follow_the_grammar() {
    for (const std::string_view good : {"0", "1", "10", "10/s", "999/m", "1/h"})
      CPPUNIT_ASSERT_MESSAGE(std::string(good), is_rate(good));
    for (const std::string_view bad :
         {"", "00", "01", "/s", "1/d", "1/", "1.5/s", "-1", "0/s", "1 /s"})
      CPPUNIT_ASSERT_MESSAGE(std::string(bad), !is_rate(bad));
  }

  void an_old_agent_gets_no_member_it_does_not_know() {
    Action action;
    action.action = "cancel_task";
    action.timeout_seconds = 100'000;
    action.delivery_token = "claim";
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"action":"cancel_task","target":{},"parameters":{},"timeout_seconds":3600,)"
                    R"("issued_by":null})"),
        json::write(command_payload(action, "1.7.9")));
    CPPUNIT_ASSERT_EQUAL(std::string("claim"),
                         read_command(command_payload(action, "1.8.0")).delivery_token);
  }

  void results_of_upstream_agents_become_answers() {
    struct Case {
      std::string action, payload, answer;
    };
    for (
        const Case& c : std::vector<Case>{
            {"retry_task",
             R"({"status":"success","result":{"new_task_id":"n","task_name":"f","priority":null}})",
             R"({"new_task_id":"n","outcome":"done","priority":null,"task_name":"f"})"},
            {"retry_task",
             R"({"status":"success","result":{"task_id":"n","previous_task_id":"o"}})",
             R"({"new_task_id":"n","outcome":"done","previous_task_id":"o","task_id":"n"})"},
            {"retry_task",
             R"({"status":"success","result":{"task_id":"n","noop":true,"reason":"job_not_found"}})",
             R"({"noop":true,"outcome":"refused","reason":"job_not_found","task_id":"n"})"},
            {"retry_task", R"({"status":"failed","error":"slow","result":{"indeterminate":true}})",
             R"({"outcome":"unknown","reason":"slow"})"},
            {"cancel_task", R"({"status":"success","result":{"task_id":"t","terminated":false}})",
             R"({"outcome":"sent","task_id":"t","terminated":false})"},
            {"cancel_task", R"({"status":"success","result":{"task_id":"t","soft":true}})",
             R"({"outcome":"done","soft":true,"task_id":"t"})"},
            {"purge_queue", R"({"status":"success","result":{"queue":"q","purged":7}})",
             R"({"outcome":"done","purged":7,"queue":"q","removed":7})"},
            {"pool_grow", R"({"status":"success","result":{"worker":"w","delta":1}})",
             R"({"delta":1,"outcome":"sent","worker":"w"})"},
            {"rate_limit", R"({"status":"failed","error":"not_found: no such task"})",
             R"({"outcome":"refused","reason":"not_found: no such task"})"},
            {"purge_queue", R"({"status":"failed","error":"internal error: boom"})",
             R"({"outcome":"unknown","reason":"internal error: boom"})"},
            {"purge_queue", R"({"status":"failed","result":7,"error":null})",
             R"({"outcome":"refused","reason":"agent reported failure"})"}}) {
      const json::Value answer = json::parse(answer_of(c.action, c.payload)).value();
      CPPUNIT_ASSERT_EQUAL(c.answer, json::write_canonical(answer));
    }
  }

  void answers_of_our_agent_come_back_whole() {
    const EngineCall call = call_of(Z4J_ENGINE_PURGE, "q", "{}");
    for (const std::string answer :
         {R"({"outcome":"done","removed":3,"not_removed":{"unacked":1}})",
          R"({"outcome":"refused","reason":"no such queue"})",
          R"({"outcome":"unknown","reason":"the broker went away"})"}) {
      const ActionResult result = action_result(call, std::string(answer));
      const json::Object payload = result_payload(result);
      const json::Value back = json::parse(answer_of("purge_queue", json::write(payload))).value();
      for (const auto& member : object_of(answer))
        CPPUNIT_ASSERT_MESSAGE(answer, back.at(member.key()) == member.value());
      CPPUNIT_ASSERT_EQUAL(answer.find("done") != std::string::npos, result.success);
    }
    CPPUNIT_ASSERT(action_result(call, std::string(R"({"outcome":"done","removed":3})"))
                       .result->at("purged") == 3);
    const auto lost = action_result(
        call,
        base::Error{.code = base::Code::timeout, .message = "no answer", .where = {}, .hint = {}});
    CPPUNIT_ASSERT(json::boolean(*lost.result, "indeterminate") && !lost.success);
    const auto refused = action_result(
        call, base::Error{.code = base::Code::denied, .message = "no", .where = {}, .hint = {}});
    CPPUNIT_ASSERT_EQUAL(std::string("refused"),
                         std::string(json::text(*refused.result, "outcome")));
    CPPUNIT_ASSERT(!action_result(call, std::string("[]")).success);
  }

  void payloads_are_read_defensively() {
    const Action action = read_command(object_of(
        R"({"action":5,"target":[],"parameters":null,"timeout_seconds":-4,"issued_by":{}})"));
    CPPUNIT_ASSERT(action.action.empty() && action.target.empty() && action.timeout_seconds == 1);
    CPPUNIT_ASSERT(!read_result({}).success);
    std::string deep;
    for (int i = 0; i < 60; ++i) deep += "[";
    for (int i = 0; i < 60; ++i) deep += "]";
    const std::string answer =
        answer_of("purge_queue", R"({"status":"success","result":{"purged":1,"x":)" + deep + "}}");
    CPPUNIT_ASSERT(json::parse(answer, {.max_depth = 4}).ok());
  }

  void a_state_is_asked_and_answered() {
    const Action action = reconcile_action("rq", "t");
    CPPUNIT_ASSERT_EQUAL(std::string("t"), std::string(json::text(action.target, "id")));
    const auto result = reconcile_result(
        object_of(R"({"task_id":"t","state":"success","finished_at":1780920000.5})"));
    CPPUNIT_ASSERT_EQUAL(std::string("2026-06-08T12:00:00.500000+00:00"),
                         std::string(json::text(*result.result, "finished_at")));
    const auto item = state_item("t", result);
    CPPUNIT_ASSERT_EQUAL(std::string("success"), std::string(json::text(*item, "state")));
    CPPUNIT_ASSERT_EQUAL(1780920000.5, json::number(*item, "finished_at"));
    CPPUNIT_ASSERT(!state_item("t", ActionResult{}).has_value());
  }

  void versions_are_compared_with_the_known_level() {
    struct Case {
      std::string_view version, status;
    };
    for (const Case c :
         {Case{"1.12.0", "current"}, Case{"1.12", "current"}, Case{"1.12.0rc1", "current"},
          Case{"1.6.7", "outdated"}, Case{"1.13.0", "newer_than_known"},
          Case{"99", "newer_than_known"}, Case{"0.9.1", "incompatible"}, Case{"0.0.0", "unknown"},
          Case{"", "unknown"}, Case{"-1", "unknown"}, Case{"garbage", "unknown"},
          Case{"9999999.1", "unknown"}})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(std::string(c.version), std::string(c.status),
                                   std::string(to_string(version_status(c.version))));
    CPPUNIT_ASSERT(is_at_least("1.8.0", {1, 8, 0}) && !is_at_least("1.7.9", {1, 8, 0}) &&
                   !is_at_least("", {0, 0, 1}));
  }

  void versions_two_majors_below_are_not_let_in() {
    for (const std::string_view good : {"3.1.0", "2.0.0", "4.0", "", "0.0.0", "-1", "garbage"})
      CPPUNIT_ASSERT_MESSAGE(std::string(good), accepts(good, "3.0.0").ok());
    const auto refused = accepts("1.12.0" + std::string(100, 'x'), "3.0.0");
    CPPUNIT_ASSERT(!refused.ok() && refused.error().message.size() <= 123);
    CPPUNIT_ASSERT(refused.error().message.find("1.12.0") != std::string::npos &&
                   refused.error().message.find("3.0.0") != std::string::npos);
    CPPUNIT_ASSERT(accepts("0.9").ok());
  }

  void heartbeats_become_snapshots() {
    const Heartbeat heartbeat = read_heartbeat(object_of(
        R"({"buffer_size":3,"dropped_events":1,"last_flush_at":"2026-06-08T12:00:00Z","adapter_health":{)"
        R"("celery.broker_type":"redis","celery.broker_connected":"True",)"
        R"("celery.queue_depths":"{\"celery\":12,\"bad\":-1}","rq.error":"provider timed out",)"
        R"("celery.worker_details":"{\"celery@web\":{\"stats\":{\"pid\":7,\"pool\":{\"processes\":[1,2]}},)"
        R"(\"active\":[{}],\"active_queues\":[{\"name\":\"celery\"}],\"registered\":[\"f\"],)"
        R"(\"conf\":{\"timezone\":\"UTC\",\"broker_url\":\"redis://:secret@x\"}}}"}})"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, heartbeat.engines.size());
    const EngineHealth& celery = heartbeat.engines[0];
    CPPUNIT_ASSERT(celery.engine == "celery" && celery.is_connected == true &&
                   celery.trouble.empty());
    CPPUNIT_ASSERT_EQUAL(std::string(R"([{"name":"celery","pending":12,"broker_type":"redis"}])"),
                         json::write(celery.queues));
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            R"({"active_tasks":1,"concurrency":2,"hostname":"web","metadata":{"active":[{}],)"
            R"("active_queues":[{"name":"celery"}],"conf":{"timezone":"UTC"},"registered":["f"],)"
            R"("stats":{"pid":7,"pool":{"processes":[1,2]}}},"name":"celery@web","pid":7,)"
            R"("queues":["celery"],"state":"online"})"),
        json::write_canonical(celery.workers.at(0)));
    CPPUNIT_ASSERT(heartbeat.engines[1].trouble == "provider timed out" &&
                   !heartbeat.engines[1].tells_queues && !heartbeat.engines[1].is_connected);
  }

  void snapshots_come_back_from_a_heartbeat() {
    EngineHealth rq;
    rq.engine = "rq";
    rq.broker_type = "redis";
    rq.is_connected = false;
    rq.trouble = "connection refused";
    rq.queues =
        json::parse(R"([{"name":"q","pending":2,"oldest_age_s":4.5,"broker_type":"redis"}])")
            .value()
            .as_array();
    rq.workers =
        json::parse(R"([{"name":"w","state":"draining","hostname":"h","pid":1,"queues":["q"],)"
                    R"("active_tasks":1,"metadata":{}}])")
            .value()
            .as_array();
    rq.tells_queues = rq.tells_workers = true;
    Heartbeat heartbeat;
    heartbeat.engines.push_back(rq);
    const Heartbeat back = read_heartbeat(write_heartbeat(heartbeat));
    const EngineHealth& there = back.engines.at(0);
    CPPUNIT_ASSERT(there.is_connected == false && there.trouble == rq.trouble);
    CPPUNIT_ASSERT_EQUAL(json::write_canonical(rq.queues), json::write_canonical(there.queues));
    const json::Object& worker = there.workers.at(0).as_object();
    CPPUNIT_ASSERT(json::text(worker, "state") == "draining" &&
                   json::text(worker, "hostname") == "h" &&
                   json::integer(worker, "active_tasks") == 1);
  }

  void hostile_health_is_bounded_and_skipped() {
    json::Object health;
    for (int i = 0; i < 300; ++i) health["e" + std::to_string(i) + ".broker_type"] = "x";
    CPPUNIT_ASSERT_EQUAL(std::size_t{256}, read_adapter_health(health).size());
    json::Object depths;
    for (int i = 0; i < 2000; ++i) depths["q" + std::to_string(i)] = i;
    const auto many = read_adapter_health({{"c.queue_depths", json::write(depths)}});
    CPPUNIT_ASSERT_EQUAL(std::size_t{1024}, many.at(0).queues.size());
    const auto odd = read_adapter_health(object_of(
        R"({"c.queue_depths":"[1]","c.worker_details":"{","c.broker_connected":7,"nothing":1,".x":1,)"
        R"("d.worker_details":"{\"w\":7,\"\":{}}","d.queue_details":"[7,{\"name\":5}]"})"));
    CPPUNIT_ASSERT(odd.size() == 2 && !odd[0].tells_queues && !odd[0].tells_workers);
    CPPUNIT_ASSERT(odd[1].workers.empty() && odd[1].queues.empty());
    const Heartbeat heartbeat = read_heartbeat(
        object_of(R"({"buffer_size":-5,"dropped_events":99999999999,"adapter_health":[]})"));
    CPPUNIT_ASSERT(heartbeat.buffer_size == 0 && heartbeat.dropped_events == 10'000'000);
  }

  void a_status_comes_back_and_losses_are_checked() {
    AgentStatus status;
    status.auth_failure_streak = 2;
    status.buffer_depth = 5;
    status.buffer_oldest_age_seconds = 1.5;
    status.agent_version = "1.12.0";
    status.engines = {"rq"};
    status.telemetry_loss = TelemetryLoss{};
    status.telemetry_loss->buffer_id = "b";
    status.telemetry_loss->runtime_id = "r";
    status.telemetry_loss->event_records = 7;
    const AgentStatus back = read_agent_status(write_agent_status(status));
    CPPUNIT_ASSERT(back.auth_failure_streak == 2 && back.buffer_depth == 5 &&
                   back.buffer_oldest_age_seconds == 1.5 && back.agent_version == "1.12.0" &&
                   back.engines == status.engines && back.telemetry_loss->event_records == 7);
    CPPUNIT_ASSERT(is_good_telemetry_loss({}) &&
                   is_good_telemetry_loss(object_of(R"({"telemetry_loss":null})")));
    for (const std::string bad :
         {R"({"telemetry_loss":1})", R"({"telemetry_loss":{"buffer_id":""}})",
          R"({"telemetry_loss":{"other_frames":1.5}})",
          R"({"telemetry_loss":{"event_records":9007199254740992}})",
          R"({"telemetry_loss":{"adapter_events":{"rq":-1}}})"})
      CPPUNIT_ASSERT_MESSAGE(bad, !is_good_telemetry_loss(object_of(bad)));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ActionTest);

}  // namespace
}  // namespace z4j::wire
