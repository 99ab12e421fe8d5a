// engine-celery against real Celery: what it tells, shows and does, compared with what the workers
// log.
#include <cppunit/extensions/HelperMacros.h>

#include <signal.h>

#include <set>
#include <string>
#include <vector>

#include "engine_celery_bench.hpp"
#include "lib/redis/redis.hpp"

namespace {

using z4j::celery_contract::Bench;
using z4j::celery_contract::eventually;
using z4j::celery_contract::ToldEvent;
using z4j::plugin::Health;
namespace json = z4j::base::json;

std::string text(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string().c_str()) : std::string();
}
std::int64_t number(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  return v != nullptr && v->is_number() ? v->to_number<std::int64_t>() : -1;
}
std::string shown(const json::Object& o) { return json::write(json::Value(o)); }

json::Object item_named(const json::Object& page, std::string_view key, const std::string& value) {
  const json::Value* items = page.if_contains("items");
  if (items != nullptr && items->is_array()) {
    for (const json::Value& item : items->get_array()) {
      if (text(item.get_object(), key) == value) return item.get_object();
    }
  }
  return {};
}

void assert_outcome(const json::Object& answer, const std::string& outcome) {
  CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), outcome, text(answer, "outcome"));
}

void assert_story(const Bench& b, const std::string& id, const std::string& wanted) {
  const bool is_so = eventually([&] { return b.told.story(id) == wanted; });
  CPPUNIT_ASSERT_MESSAGE("told of " + id + ": " + b.told.story(id) + ", wanted: " + wanted, is_so);
}

class EngineCeleryTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EngineCeleryTest);
  CPPUNIT_TEST(tells_tasks_of_a_worker_that_sends_no_events_by_itself);
  CPPUNIT_TEST(runs_a_failed_task_again_from_what_is_recorded);
  CPPUNIT_TEST(runs_a_task_again_from_the_result_store);
  CPPUNIT_TEST(runs_a_waiting_message_again_with_its_continuation);
  CPPUNIT_TEST(cancels_waiting_running_reserved_and_scheduled_tasks);
  CPPUNIT_TEST(purges_and_says_what_stays);
  CPPUNIT_TEST(enqueues);
  CPPUNIT_TEST(shows_workers_queues_waiting_state_and_registry);
  CPPUNIT_TEST(rebuilds_what_happened_before_it_was_started);
  CPPUNIT_TEST(shows_a_gap_when_redis_was_away);
  CPPUNIT_TEST(keeps_events_while_the_kernel_is_busy);
  CPPUNIT_TEST(works_behind_a_key_prefix);
  CPPUNIT_TEST(speaks_to_workers_whose_control_exchange_is_renamed);
  CPPUNIT_TEST(survives_hostile_content);
  CPPUNIT_TEST(says_why_the_broker_is_out_of_sight);
  CPPUNIT_TEST(leaves_nothing_behind_in_the_broker);
  CPPUNIT_TEST_SUITE_END();

  void tells_tasks_of_a_worker_that_sends_no_events_by_itself() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    const std::vector<std::string> ids = b.send(
        R"([{"task": "add", "args": [3, 4]}, {"task": "boom", "args": ["no luck"]}, {"task": "flaky", "args": ["f"]}])");
    assert_story(b, ids[0], "received started succeeded");
    assert_story(b, ids[1], "received started failed");
    // The message of the second run is on its way before the first run's end is told.
    CPPUNIT_ASSERT(eventually([&] { return b.told.live(ids[2]).size() == 6; }));
    const std::vector<ToldEvent> good = b.told.live(ids[0]);
    CPPUNIT_ASSERT_EQUAL(std::string("engine_celery_tasks.add"), good[0].task);
    CPPUNIT_ASSERT_EQUAL(std::string("(3, 4)"), text(good[0].attrs, "args"));
    CPPUNIT_ASSERT_EQUAL(std::string("w1@test"), good[2].worker);
    CPPUNIT_ASSERT_EQUAL(std::string("7"), text(good[2].attrs, "result"));
    CPPUNIT_ASSERT(good[2].runtime_us >= 0);
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{0}, good[0].attempt);
    const std::vector<ToldEvent> bad = b.told.live(ids[1]);
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError('no luck')"), text(bad[2].attrs, "exception"));
    CPPUNIT_ASSERT(text(bad[2].attrs, "traceback").find("Traceback") != std::string::npos);
    std::set<std::uint32_t> attempts;
    for (const ToldEvent& e : b.told.live(ids[2])) attempts.insert(e.attempt);
    CPPUNIT_ASSERT(attempts == std::set<std::uint32_t>{0});  // not every event could tell
  }

  void runs_a_failed_task_again_from_what_is_recorded() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    const std::string id = b.send(
        R"([{"task": "boom", "args": ["a 'b'"], "kwargs": {"times": 3}, "options": {"queue": "other"}}])")
                               [0];
    const ToldEvent received = b.told.wait_for_kind(id, Z4J_EV_RECEIVED);
    static_cast<void>(b.told.wait_for_kind(id, Z4J_EV_FAILED));
    json::Object recorded = {{"args_repr", text(received.attrs, "args")},
                             {"kwargs_repr", text(received.attrs, "kwargs")},
                             {"task_name", received.task},
                             {"queue", "other"}};
    const json::Object answer = b.command(Z4J_ENGINE_RETRY, id, shown({{"recorded", recorded}}));
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("repr"), text(answer, "source"));
    static_cast<void>(b.told.wait_for_kind(text(answer, "new_task_id"), Z4J_EV_FAILED));
    CPPUNIT_ASSERT(b.wait_for_runs("boom a 'b'", 2));
    CPPUNIT_ASSERT(b.log_of_worker("w1").find(text(answer, "new_task_id")) != std::string::npos);
    // And once more from the repr that our own message carried.
    const ToldEvent second = b.told.wait_for_kind(text(answer, "new_task_id"), Z4J_EV_RECEIVED);
    recorded["args_repr"] = text(second.attrs, "args");
    recorded["kwargs_repr"] = text(second.attrs, "kwargs");
    assert_outcome(
        b.command(Z4J_ENGINE_RETRY, text(answer, "new_task_id"), shown({{"recorded", recorded}})),
        "done");
    CPPUNIT_ASSERT(b.wait_for_runs("boom a 'b'", 3));

    // What is not whole is not sent.
    for (const char* cut : {"('aaa...',)", "(1, ", "<hidden>", ""}) {
      recorded["args_repr"] = cut;
      const json::Object refused = b.command(Z4J_ENGINE_RETRY, id, shown({{"recorded", recorded}}));
      assert_outcome(refused, "refused");
      CPPUNIT_ASSERT_EQUAL(std::string("arguments not recoverable"), text(refused, "reason"));
    }
    CPPUNIT_ASSERT_EQUAL(3, b.runs("boom a 'b'"));
    // The operator can give them.
    const json::Object edited = b.command(Z4J_ENGINE_RETRY, id,
                                          shown({{"recorded", {{"task_name", received.task}}},
                                                 {"override_args", {"edited"}},
                                                 {"override_kwargs", json::Object()}}));
    assert_outcome(edited, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("operator"), text(edited, "source"));
    CPPUNIT_ASSERT(b.wait_for_runs("boom edited", 1));
    const json::Object unknown = b.command(Z4J_ENGINE_RETRY, id,
                                           shown({{"task_name", "no.such"},
                                                  {"override_args", json::Array()},
                                                  {"override_kwargs", json::Object()}}));
    assert_outcome(unknown, "refused");
  }

  void runs_a_task_again_from_the_result_store() {
    Bench b({"Z4J_TEST_EXTENDED=1"});
    b.start_worker("w1");
    b.start_plugin();
    CPPUNIT_ASSERT(b.wait_for_live_events());
    const std::string id = b.send(
        R"([{"task": "take", "args": [[123456789012345678901234567890, 1.5, "é", {"k": null}]]}])")
                               [0];
    static_cast<void>(b.told.wait_for_kind(id, Z4J_EV_SUCCEEDED));
    const std::string line = R"(take [123456789012345678901234567890, 1.5, "\u00e9", {"k": null}])";
    CPPUNIT_ASSERT(b.wait_for_runs(line, 1));
    const json::Object answer = b.command(Z4J_ENGINE_RETRY, id, "{}");
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("result_backend"), text(answer, "source"));
    CPPUNIT_ASSERT(b.wait_for_runs(line, 2));
  }

  void runs_a_waiting_message_again_with_its_continuation() {
    Bench b;
    const std::vector<std::string> ids = b.send(
        R"([{"task": "take", "args": ["one"], "then": [20, 22], "options": {"queue": "idle", "priority": 6}},)"
        R"( {"task": "add", "args": [1, 1], "options": {"queue": "other"}}])");
    b.start_worker("w1");
    b.start_plugin({{"queues", {"idle"}}});
    CPPUNIT_ASSERT(b.wait_for_live_events());
    // apply_async() of a chain answers its last task; the first is what waits.
    const json::Object page = b.snapshot("waiting", R"({"queue": "idle"})");
    const std::string first = text(item_named(page, "name", "engine_celery_tasks.take"), "task_id");
    CPPUNIT_ASSERT_MESSAGE(shown(page), !first.empty());
    const json::Object answer = b.command(Z4J_ENGINE_RETRY, first, R"({"queue": "other"})");
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("message"), text(answer, "source"));
    CPPUNIT_ASSERT(b.wait_for_runs("take \"one\"", 1));
    CPPUNIT_ASSERT(b.wait_for_runs("add 20 22", 1));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                         number(item_named(b.snapshot("queues"), "name", "idle"), "pending"));
  }

  void cancels_waiting_running_reserved_and_scheduled_tasks() {
    Bench b;
    b.start_plugin({{"queues", {"idle"}}});
    b.start_worker("w1", "celery", "1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    const std::vector<std::string> ids = b.send(
        R"([{"task": "slow", "args": ["r"]}, {"task": "slow", "args": ["p"]}, {"task": "add", "args": [9, 9], "options": {"countdown": 500}},)"
        R"( {"task": "add", "args": [8, 8], "options": {"queue": "idle", "priority": 9}}])");
    static_cast<void>(b.told.wait_for_kind(ids[0], Z4J_EV_STARTED));
    static_cast<void>(b.told.wait_for_kind(ids[1], Z4J_EV_RECEIVED));
    static_cast<void>(b.told.wait_for_kind(ids[2], Z4J_EV_RECEIVED));

    const json::Object waiting =
        b.command(Z4J_ENGINE_REVOKE, ids[3], R"({"terminate": false, "queue": "idle"})");
    assert_outcome(waiting, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("waiting"), text(waiting, "was"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number(waiting, "removed_from_queue"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                         number(item_named(b.snapshot("queues"), "name", "idle"), "pending"));
    static_cast<void>(b.told.wait_for_kind(ids[3], Z4J_EV_REVOKED));

    const json::Object scheduled = b.command(Z4J_ENGINE_REVOKE, ids[2], R"({"terminate": false})");
    assert_outcome(scheduled, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("scheduled"), text(scheduled, "was"));

    const json::Object reserved = b.command(Z4J_ENGINE_REVOKE, ids[1], R"({"terminate": false})");
    assert_outcome(reserved, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("reserved"), text(reserved, "was"));

    const json::Object untouched = b.command(Z4J_ENGINE_REVOKE, ids[0], R"({"terminate": false})");
    assert_outcome(untouched, "refused");
    const json::Object running =
        b.command(Z4J_ENGINE_REVOKE, ids[0], R"({"terminate": true, "signal": "SIGKILL"})");
    assert_outcome(running, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("running"), text(running, "was"));
    const ToldEvent ended = b.told.wait_for_kind(ids[0], Z4J_EV_REVOKED);
    CPPUNIT_ASSERT(ended.attrs.at("terminated").get_bool());
    static_cast<void>(b.told.wait_for_kind(ids[1], Z4J_EV_REVOKED));
    CPPUNIT_ASSERT_EQUAL(0, b.runs("slow p"));
    CPPUNIT_ASSERT_EQUAL(0, b.runs("slow r ended"));

    assert_outcome(b.command(Z4J_ENGINE_REVOKE, ids[0], R"({"terminate": true})"), "refused");
    assert_outcome(b.command(Z4J_ENGINE_REVOKE, "never-heard-of", R"({"terminate": false})"),
                   "sent");
    CPPUNIT_ASSERT_EQUAL(
        std::string("invalid"),
        text(b.command(Z4J_ENGINE_REVOKE, ids[0], R"({"terminate": true, "signal": "SIGSTOP"})"),
             "error"));
  }

  void purges_and_says_what_stays() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", "celery", "1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    const std::vector<std::string> ids = b.send(
        R"([{"task": "slow", "args": ["x"]}, {"task": "slow", "args": ["y"]}, {"task": "slow", "args": ["z"]}, {"task": "add", "args": [1, 2]},)"
        R"( {"task": "add", "args": [1, 3], "options": {"priority": 9}}, {"task": "add", "args": [1, 4], "options": {"priority": 5}}])");
    static_cast<void>(b.told.wait_for_kind(ids[0], Z4J_EV_STARTED));
    std::int64_t pending = 0;
    // The worker prefetches what its window holds; the rest waits.
    CPPUNIT_ASSERT(eventually([&] {
      const std::int64_t before = pending;
      pending = number(item_named(b.snapshot("queues"), "name", "celery"), "pending");
      return pending > 0 && pending == before;
    }));
    const json::Object answer = b.command(Z4J_ENGINE_PURGE, "celery", R"({"force": false})");
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), pending, number(answer, "removed"));
    const json::Object left = answer.at("not_removed").get_object();
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::int64_t{5} - pending,
                                 number(left, "reserved"));
    CPPUNIT_ASSERT(number(left, "unacked") >= number(left, "reserved"));
    CPPUNIT_ASSERT(eventually([&] {
      std::int64_t told = 0;
      for (const std::string& id : ids)
        told += b.told.story(id).find("revoked") != std::string::npos ? 1 : 0;
      return told == pending;
    }));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                         number(item_named(b.snapshot("queues"), "name", "celery"), "pending"));
    assert_outcome(b.command(Z4J_ENGINE_PURGE, "nobody-knows-it", R"({"force": false})"),
                   "refused");
    for (const char* key : {"unacked", "_kombu.binding.celery", "w1@test.celery.pidbox"}) {
      CPPUNIT_ASSERT_EQUAL(std::string("invalid"),
                           text(b.command(Z4J_ENGINE_PURGE, key, R"({"force": true})"), "error"));
    }
    z4j::redis::Connection redis(z4j::redis::parse_url(b.redis.url()));
    redis.command({"SET", "a-string", "x"});
    assert_outcome(b.command(Z4J_ENGINE_PURGE, "a-string", R"({"force": true})"), "refused");
    CPPUNIT_ASSERT_EQUAL(std::string("x"), redis.command({"GET", "a-string"}).text);
  }

  void enqueues() {
    Bench b;
    b.start_worker("w1");
    b.start_plugin();
    const json::Object answer = b.command(
        Z4J_ENGINE_ENQUEUE, "engine_celery_tasks.take",
        R"({"args": [{"n": 12345678901234567890123, "t": "ü'\""}], "kwargs": {}, "queue": "other", "priority": "low"})");
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT(b.wait_for_runs(R"(take {"n": 12345678901234567890123, "t": "\u00fc'\""})", 1));
    assert_outcome(b.command(Z4J_ENGINE_ENQUEUE, "no.such.task", R"({"args": [], "kwargs": {}})"),
                   "refused");
    CPPUNIT_ASSERT_EQUAL(
        std::string("invalid"),
        text(b.command(Z4J_ENGINE_ENQUEUE, "engine_celery_tasks.take", R"({"args": {}})"),
             "error"));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid"),
                         text(b.command(Z4J_ENGINE_ENQUEUE, "engine_celery_tasks.take",
                                        R"({"args": [1], "queue": "unacked"})"),
                              "error"));
  }

  void shows_workers_queues_waiting_state_and_registry() {
    Bench b({"Z4J_TEST_SENT=1"});
    b.start_plugin({{"queues", {"idle"}}});
    b.start_worker("w1", "celery,other", "2");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    const std::vector<std::string> ids = b.send(
        R"([{"task": "slow", "args": ["s"]}, {"task": "add", "args": [1, 2]}, {"task": "boom", "args": ["b"]},)"
        R"( {"task": "add", "args": [5, 5], "kwargs": {}, "options": {"queue": "idle"}}, {"task": "add", "args": [6, 6], "options": {"queue": "idle"}}])");
    static_cast<void>(b.told.wait_for_kind(ids[0], Z4J_EV_STARTED));
    static_cast<void>(b.told.wait_for_kind(ids[1], Z4J_EV_SUCCEEDED));
    static_cast<void>(b.told.wait_for_kind(ids[2], Z4J_EV_FAILED));

    json::Object worker;
    CPPUNIT_ASSERT(eventually([&] {
      worker = item_named(b.snapshot("workers"), "name", "w1@test");
      return number(worker, "active_tasks") == 1;
    }));
    CPPUNIT_ASSERT_EQUAL(std::string("online"), text(worker, "state"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number(worker, "concurrency"));
    CPPUNIT_ASSERT_EQUAL(std::string("test"), text(worker, "hostname"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, worker.at("queues").get_array().size());
    CPPUNIT_ASSERT(number(worker, "pid") > 0 && number(worker, "memory_bytes") > 0);
    CPPUNIT_ASSERT(text(worker, "version").starts_with("5."));

    const json::Object idle = item_named(b.snapshot("queues"), "name", "idle");
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number(idle, "pending"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number(idle, "consumers"));
    CPPUNIT_ASSERT_MESSAGE(shown(idle), idle.at("oldest_age_s").is_number());
    CPPUNIT_ASSERT_EQUAL(std::string("redis"), text(idle, "broker_type"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                         number(item_named(b.snapshot("queues"), "name", "celery"), "consumers"));

    const json::Object page = b.snapshot("waiting", R"({"queue": "idle", "limit": 1})");
    const json::Object first = page.at("items").get_array().at(0).get_object();
    CPPUNIT_ASSERT_EQUAL(ids[3], text(first, "task_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("[5,5]"), json::write(first.at("args")));
    const json::Object next = b.snapshot(
        "waiting", shown({{"queue", "idle"}, {"limit", 1}, {"cursor", page.at("next")}}));
    CPPUNIT_ASSERT_EQUAL(ids[4], text(next.at("items").get_array().at(0).get_object(), "task_id"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                         number(next.at("items").get_array().at(0).get_object(), "position"));

    json::Array asked(ids.begin(), ids.end());
    asked.emplace_back("no-trace");
    const json::Object states = b.snapshot("state", shown({{"task_ids", asked}}));
    const char* wanted[] = {"started", "success", "failure", "pending", "pending"};
    for (std::size_t i = 0; i < ids.size(); ++i) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(states), std::string(wanted[i]),
                                   text(item_named(states, "task_id", ids[i]), "state"));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("unknown"),
                         text(item_named(states, "task_id", "no-trace"), "state"));
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError('b')"),
                         text(item_named(states, "task_id", ids[2]), "exception"));
    CPPUNIT_ASSERT(
        !item_named(b.snapshot("registry"), "name", "engine_celery_tasks.flaky").empty());
    CPPUNIT_ASSERT_EQUAL(std::string("unsupported"), text(b.snapshot("nonsense"), "error"));

    b.stop_worker("w1", SIGTERM);
    CPPUNIT_ASSERT(eventually([&] {
      return text(item_named(b.snapshot("workers"), "name", "w1@test"), "state") == "offline";
    }));
  }

  void rebuilds_what_happened_before_it_was_started() {
    Bench b({"Z4J_TEST_EXTENDED=1"});
    b.start_worker("w1");
    const std::vector<std::string> ids = b.send(
        R"([{"task": "add", "args": [1, 2]}, {"task": "boom", "args": ["old"]}, {"task": "slow", "args": ["now"]},)"
        R"( {"task": "add", "args": [3, 3], "options": {"queue": "idle"}}, {"task": "add", "args": [4, 4], "options": {"countdown": 500}}])");
    CPPUNIT_ASSERT(b.wait_for_runs("add 1 2", 1) && b.wait_for_runs("boom old", 1) &&
                   b.wait_for_runs("slow now", 1));
    b.start_plugin();
    const ToldEvent good = b.told.wait_for_kind(ids[0], Z4J_EV_SUCCEEDED);
    CPPUNIT_ASSERT(good.rebuilt);
    CPPUNIT_ASSERT_EQUAL(std::string("engine_celery_tasks.add"), good.task);
    CPPUNIT_ASSERT_EQUAL(std::string("[1,2]"), json::write(good.attrs.at("args")));
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError('old')"),
                         text(b.told.wait_for_kind(ids[1], Z4J_EV_FAILED).attrs, "exception"));
    CPPUNIT_ASSERT_EQUAL(std::string("w1@test"),
                         b.told.wait_for_kind(ids[2], Z4J_EV_STARTED).worker);
    // A queue without a consumer is found by its binding.
    CPPUNIT_ASSERT_EQUAL(std::string("idle"), b.told.wait_for_kind(ids[3], Z4J_EV_SENT).queue);
    CPPUNIT_ASSERT(b.told.wait_for_kind(ids[4], Z4J_EV_RECEIVED).attrs.contains("eta"));
  }

  void shows_a_gap_when_redis_was_away() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    b.redis.stop();
    CPPUNIT_ASSERT(b.told.wait_for_health(Health::degraded, ""));
    CPPUNIT_ASSERT_EQUAL(std::string("unavailable"), text(b.snapshot("queues"), "error"));
    b.redis.start();
    CPPUNIT_ASSERT(b.told.wait_for_health(Health::ok, ""));
    json::Object gap;
    CPPUNIT_ASSERT(eventually([&] {
      for (const ToldEvent& e : b.told.all()) {
        if (e.kind == Z4J_EV_UNKNOWN && e.attrs.contains("gap"))
          gap = e.attrs.at("gap").get_object();
      }
      return !gap.empty();
    }));
    CPPUNIT_ASSERT(gap.at("from").to_number<double>() < gap.at("to").to_number<double>());
    CPPUNIT_ASSERT(!text(gap, "why").empty());
    CPPUNIT_ASSERT(gap.at("lost").is_null());
    // Tasks after it are seen again, live.
    CPPUNIT_ASSERT(b.wait_for_live_events());
  }

  void keeps_events_while_the_kernel_is_busy() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    b.told.refuse(true);
    const std::vector<std::string> ids =
        b.send(R"([{"task": "add", "args": [1, 1]}, {"task": "add", "args": [2, 2]}])");
    CPPUNIT_ASSERT(b.wait_for_runs("add 2 2", 1));
    CPPUNIT_ASSERT(b.told.of(ids[0]).empty());
    b.told.refuse(false);
    assert_story(b, ids[0], "received started succeeded");
    assert_story(b, ids[1], "received started succeeded");
    b.stop_plugin();
    CPPUNIT_ASSERT(b.metrics().empty());
  }

  void speaks_to_workers_whose_control_exchange_is_renamed() {
    Bench b({"Z4J_TEST_CONTROL=steering"});
    b.start_plugin({{"control_exchange", "steering"}});
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());  // which nobody but the plugin switches on
  }

  void works_behind_a_key_prefix() {
    Bench b({"Z4J_TEST_PREFIX=pfx*:"});
    b.start_plugin({{"global_keyprefix", "pfx*:"}});
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    const std::string id =
        b.send(R"([{"task": "add", "args": [1, 9], "options": {"queue": "idle"}}])")[0];
    CPPUNIT_ASSERT_EQUAL(id, text(b.snapshot("waiting", R"({"queue": "idle"})")
                                      .at("items")
                                      .get_array()
                                      .at(0)
                                      .get_object(),
                                  "task_id"));
    const json::Object answer = b.command(Z4J_ENGINE_RETRY, id, R"({"queue": "celery"})");
    assert_outcome(b.command(Z4J_ENGINE_REVOKE, id, R"({"terminate": false, "queue": "idle"})"),
                   "done");
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT(b.wait_for_runs("add 1 9", 1));
  }

  void survives_hostile_content() {
    Bench b;
    z4j::redis::Connection redis(z4j::redis::parse_url(b.redis.url()));
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    for (const std::string& junk :
         {std::string("not json"), deep, std::string("\xff\xfe"), std::string(R"({"body": 5})"),
          std::string(R"({"body": "", "headers": {"id": "x"}})")}) {
      redis.command({"LPUSH", "celery", junk});
      redis.command({"HSET", "unacked", "tag" + std::to_string(junk.size()), junk});
      redis.command({"SET", "celery-task-meta-" + std::to_string(junk.size()), junk});
      redis.command({"SADD", "_kombu.binding.x", junk});
    }
    redis.command({"SET", "idle", "not a list"});
    b.start_plugin({{"queues", {"idle"}}});
    CPPUNIT_ASSERT(eventually(
        [&] { return b.log_of_plugin().find("state was read back") != std::string::npos; }));
    for (const std::string& junk :
         {std::string("not json"), deep, std::string("\xff"), std::string(R"({"body": "W10="})")}) {
      redis.command({"PUBLISH", "/0.celeryev/task.multi", junk});
    }
    const json::Object queue = item_named(b.snapshot("queues"), "name", "celery");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(queue), std::int64_t{5}, number(queue, "pending"));
    CPPUNIT_ASSERT_EQUAL(
        std::size_t{5},
        b.snapshot("waiting", R"({"queue": "celery"})").at("items").get_array().size());
    CPPUNIT_ASSERT_EQUAL(
        std::string("unknown"),
        text(item_named(b.snapshot("state", R"({"task_ids": ["8", "x"]})"), "task_id", "x"),
             "state"));
    CPPUNIT_ASSERT(b.told.health_why().empty());
    const json::Object answer = b.command(Z4J_ENGINE_PURGE, "celery", "{}");
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, number(answer, "removed"));
  }

  void says_why_the_broker_is_out_of_sight() {
    Bench b({}, {"--requirepass", "right-secret"});
    const std::string address = "127.0.0.1:" + std::to_string(b.redis.port());
    b.start_plugin({}, "redis://:wrong-secret@" + address + "/0");
    CPPUNIT_ASSERT(b.told.wait_for_health(Health::degraded, "password"));
    CPPUNIT_ASSERT_EQUAL(std::string("denied"), text(b.snapshot("queues"), "error"));
    b.stop_plugin();
    b.start_plugin({}, "redis://:right-secret@127.0.0.1:" +
                           std::to_string(z4j::redis::testing::free_port()) + "/0");
    CPPUNIT_ASSERT(b.told.wait_for_health(Health::degraded, "connect"));
    b.stop_plugin();
    b.start_plugin({}, "redis://:right-secret@" + address + "/0");
    CPPUNIT_ASSERT(b.snapshot("queues").contains("items"));
    b.stop_plugin();
    CPPUNIT_ASSERT(b.log_of_plugin().find("secret") == std::string::npos);
    CPPUNIT_ASSERT_THROW(b.start_plugin({}, "sqs://key:secret@localhost/"), std::runtime_error);
  }

  void leaves_nothing_behind_in_the_broker() {
    Bench b;
    z4j::redis::Connection redis(z4j::redis::parse_url(b.redis.url()));
    b.start_plugin();
    static_cast<void>(b.snapshot("workers"));
    b.stop_plugin();
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, redis.command({"KEYS", "*"}).items.size());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EngineCeleryTest);

}  // namespace
