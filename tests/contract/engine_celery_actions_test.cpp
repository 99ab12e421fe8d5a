// Every action of the capability matrix against real Celery workers: what is said to work has its
// effect in a worker or in the broker, what is not is refused with the reason.
#include <cppunit/extensions/HelperMacros.h>

#include <signal.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cells.hpp"
#include "engine_celery_bench.hpp"
#include "lib/redis/redis.hpp"

namespace {

using z4j::celery_contract::Bench;
using z4j::celery_contract::eventually;
using z4j::celery_contract::ToldEvent;
namespace json = z4j::base::json;

constexpr char kAdd[] = "engine_celery_tasks.add";
constexpr char kCopyName[] = "0b4f1c52-5f0e-4f3a-9d1c-0123456789ab";

std::string word(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string().c_str()) : std::string();
}
std::int64_t count(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  return v != nullptr && v->is_number() ? v->to_number<std::int64_t>() : -1;
}
std::string written(const json::Object& o) { return json::write(json::Value(o)); }

json::Object named(const json::Object& page, std::string_view key, const std::string& value) {
  if (const json::Value* items = page.if_contains("items"); items != nullptr) {
    for (const json::Value& item : items->get_array()) {
      if (word(item.get_object(), key) == value) return item.get_object();
    }
  }
  return {};
}

std::int64_t pending(Bench& b, const std::string& queue) {
  return count(named(b.snapshot("queues"), "name", queue), "pending");
}

json::Object ability(Bench& b, const std::string& action) {
  const json::Object item = named(b.snapshot("abilities"), "action", action);
  CPPUNIT_ASSERT_MESSAGE(action, !item.empty());
  return item;
}

// The version of Celery that the workers of this bench are.
std::string version_of(Bench& b, const std::string& worker = "w1@test") {
  std::string version;
  CPPUNIT_ASSERT(eventually([&] {
    version = word(named(b.snapshot("workers"), "name", worker), "version");
    return !version.empty();
  }));
  return version;
}

class EngineCeleryActionsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EngineCeleryActionsTest);
  CPPUNIT_TEST(limits_and_pool_of_a_prefork_worker);
  CPPUNIT_TEST(consumers_and_pauses);
  CPPUNIT_TEST(restarts_and_shuts_down);
  CPPUNIT_TEST(what_a_worker_cannot_do_is_refused);
  CPPUNIT_TEST(nothing_is_done_without_an_answer);
  CPPUNIT_TEST(edited_arguments_change_nothing_else);
  CPPUNIT_TEST(many_at_once);
  CPPUNIT_TEST(puts_a_queue_aside_and_back);
  CPPUNIT_TEST(single_tasks_and_snapshots);
  CPPUNIT_TEST_SUITE_END();

  static void note(Bench& b, const std::string& action, const char* result,
                   const std::string& reason = {}) {
    if (std::getenv("Z4J_CELLS") == nullptr) return;
    z4j::testing::note_cell({"celery", "redis", version_of(b), action,
                             word(ability(b, action), "how"), result, reason});
  }
  static json::Object assert_done(const json::Object& answer) {
    CPPUNIT_ASSERT_EQUAL_MESSAGE(written(answer), std::string("done"), word(answer, "outcome"));
    return answer;
  }
  static void assert_refused(const json::Object& answer, const std::string& part_of_why) {
    CPPUNIT_ASSERT_EQUAL_MESSAGE(written(answer), std::string("refused"), word(answer, "outcome"));
    CPPUNIT_ASSERT_MESSAGE(written(answer),
                           word(answer, "reason").find(part_of_why) != std::string::npos);
  }
  static std::int64_t processes(Bench& b, const std::string& worker) {
    const json::Object item = named(b.snapshot("workers"), "name", worker);
    return static_cast<std::int64_t>(
        item.at("metadata").at("stats").at("pool").at("processes").as_array().size());
  }

  void limits_and_pool_of_a_prefork_worker() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());

    const json::Object rate = assert_done(b.command(Z4J_ENGINE_RATE, kAdd, R"({"rate": "10/m"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("done"), word(rate.at("workers").get_object(), "w1@test"));
    CPPUNIT_ASSERT(b.log_of_worker("w1").find("New rate limit for tasks of type") !=
                   std::string::npos);
    assert_done(b.command(Z4J_ENGINE_RATE, kAdd, R"({"rate": "0", "worker": "w1@test"})"));
    assert_refused(b.command(Z4J_ENGINE_RATE, "no.such", R"({"rate": "1/s"})"), "knows the task");
    assert_refused(b.command(Z4J_ENGINE_RATE, kAdd, R"({"rate": "1/s", "worker": "w9@test"})"),
                   "does not answer");
    CPPUNIT_ASSERT_EQUAL(std::string("invalid"),
                         word(b.command(Z4J_ENGINE_RATE, kAdd, R"({"rate": "fast"})"), "error"));
    note(b, "rate_limit", "works");

    const json::Object grown =
        assert_done(b.command(Z4J_ENGINE_POOL, "w1@test", R"({"delta": 2})"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, count(grown, "size"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, processes(b, "w1@test"));
    assert_done(b.command(Z4J_ENGINE_POOL, "w1@test", R"({"delta": -3})"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, processes(b, "w1@test"));
    assert_refused(b.command(Z4J_ENGINE_POOL, "w1@test", R"({"delta": -1})"), "nothing to run");
    note(b, "pool_resize", "works");

    // The worker was not started for these.
    assert_refused(b.command(Z4J_ENGINE_AUTOSCALE, "w1@test", R"({"min": 1, "max": 2})"),
                   "not started with autoscale");
    assert_refused(b.command(Z4J_ENGINE_RESTART, "w1@test", "{}"), "worker_pool_restarts");
    CPPUNIT_ASSERT(!ability(b, "autoscale").at("available").get_bool());
    CPPUNIT_ASSERT(!ability(b, "restart_worker").at("available").get_bool());
    CPPUNIT_ASSERT_EQUAL(std::string("unsupported"),
                         word(b.command(Z4J_ENGINE_DELETE, "x", "{}"), "error"));
    CPPUNIT_ASSERT_EQUAL(std::string("impossible"), word(ability(b, "delete_task"), "how"));
    note(b, "delete_task", "refused", word(ability(b, "delete_task"), "reason"));
  }

  void consumers_and_pauses() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    const auto send_to = [&](const std::string& queue, int x) {
      return b.send(R"([{"task": "add", "args": [)" + std::to_string(x) +
                    R"(, 1], "options": {"queue": ")" + queue + R"("}}])");
    };
    static_cast<void>(send_to("extra", 1));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, [&] {
      static_cast<void>(eventually([&] { return pending(b, "extra") == 1; }));
      return pending(b, "extra");
    }());
    assert_done(b.command(Z4J_ENGINE_POOL, "w1@test", R"({"add_consumer": "extra"})"));
    CPPUNIT_ASSERT(b.wait_for_runs("add 1 1", 1));
    note(b, "add_consumer", "works");
    assert_done(b.command(Z4J_ENGINE_POOL, "w1@test", R"({"cancel_consumer": "extra"})"));
    static_cast<void>(send_to("extra", 2));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, pending(b, "extra"));
    note(b, "cancel_consumer", "works");
    CPPUNIT_ASSERT_EQUAL(
        std::string("invalid"),
        word(b.command(Z4J_ENGINE_POOL, "w1@test", R"({"add_consumer": "unacked"})"), "error"));

    const json::Object paused =
        assert_done(b.command(Z4J_ENGINE_PAUSE, "other", R"({"pause": true})"));
    CPPUNIT_ASSERT(paused.at("paused").get_bool());
    CPPUNIT_ASSERT_EQUAL(std::string("done"), word(paused.at("workers").get_object(), "w1@test"));
    static_cast<void>(send_to("other", 3));
    CPPUNIT_ASSERT(named(b.snapshot("queues"), "name", "other").at("paused").get_bool());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, pending(b, "other"));
    // One that comes later reads it again; it can be told alone.
    b.start_worker("w2", "other", "1");
    CPPUNIT_ASSERT(b.wait_for_runs("add 3 1", 1));
    assert_done(b.command(Z4J_ENGINE_PAUSE, "other", R"({"pause": true, "worker": "w2@test"})"));
    static_cast<void>(send_to("other", 4));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, pending(b, "other"));
    b.stop_worker("w2", SIGKILL);
    assert_refused(b.command(Z4J_ENGINE_PAUSE, "other", R"({"pause": true, "seconds": 5})"),
                   "by itself");
    CPPUNIT_ASSERT(!assert_done(b.command(Z4J_ENGINE_PAUSE, "other",
                                          R"({"pause": false, "worker": "w1@test"})"))
                        .at("paused")
                        .get_bool());
    CPPUNIT_ASSERT(b.wait_for_runs("add 4 1", 1));
    note(b, "pause_queue", "works");

    assert_done(b.command(Z4J_ENGINE_PAUSE, "", R"({"pause": true, "worker": "w1@test"})"));
    static_cast<void>(send_to("celery", 5));
    static_cast<void>(send_to("other", 6));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, pending(b, "celery"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, pending(b, "other"));
    // Another instance of the plugin knows nothing of it, until it is told.
    b.stop_plugin();
    b.start_plugin();
    assert_refused(b.command(Z4J_ENGINE_PAUSE, "celery", R"({"pause": false})"), "add_consumer");
    CPPUNIT_ASSERT(eventually([&] {
      return word(b.command(Z4J_ENGINE_PAUSE, "celery",
                            R"({"pause": false, "workers": ["w1@test"]})"),
                  "outcome") == "done" &&
             b.runs("add 5 1") == 1;
    }));
    assert_done(b.command(Z4J_ENGINE_PAUSE, "other",
                          R"({"pause": false, "workers": ["w1@test", "gone@test"]})"));
    CPPUNIT_ASSERT(b.wait_for_runs("add 6 1", 1));
    note(b, "pause_engine", "works");
  }

  void restarts_and_shuts_down() {
    Bench b({"Z4J_TEST_RESTARTS=1"});
    b.start_plugin();
    b.start_worker("w1", "celery", "1");
    b.start_worker_with("w2", {"-Q", "scaled", "--autoscale=3,1"});
    CPPUNIT_ASSERT(b.wait_for_live_events());
    assert_done(b.command(Z4J_ENGINE_AUTOSCALE, "w2@test", R"({"min": 2, "max": 5})"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, named(b.snapshot("workers"), "name", "w2@test")
                                              .at("metadata")
                                              .at("stats")
                                              .at("autoscaler")
                                              .at("max")
                                              .as_int64());
    note(b, "autoscale", "works");
    assert_refused(b.command(Z4J_ENGINE_POOL, "w2@test", R"({"delta": 1})"), "autoscale");
    CPPUNIT_ASSERT_MESSAGE(
        written(ability(b, "pool_resize")),
        ability(b, "pool_resize").at("workers").get_object().contains("w2@test"));

    // A worker takes new limits, and hands them to tasks only once it has built itself anew.
    const char* slow = "engine_celery_tasks.slow";
    const json::Object limits =
        b.command(Z4J_ENGINE_TIME_LIMIT, slow, R"({"soft": 1, "hard": 30, "worker": "w1@test"})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(written(limits), std::string("sent"), word(limits, "outcome"));
    CPPUNIT_ASSERT(word(limits, "reason").find("restarted") != std::string::npos);
    // What is not said stays: a soft limit above the hard one is not asked for.
    assert_refused(b.command(Z4J_ENGINE_TIME_LIMIT, slow, R"({"soft": 60, "worker": "w1@test"})"),
                   "above the hard one");
    assert_refused(b.command(Z4J_ENGINE_TIME_LIMIT, "x", R"({"soft": 1, "task_id": true})"),
                   "all runs");
    assert_done(b.command(Z4J_ENGINE_RESTART, "w1@test", "{}"));
    const std::string limited = b.send(R"([{"task": "slow", "args": ["limited"]}])").front();
    const ToldEvent failed = b.told.wait_for_kind(limited, Z4J_EV_FAILED);
    CPPUNIT_ASSERT_MESSAGE(written(failed.attrs),
                           word(failed.attrs, "exception").find("SoftTimeLimitExceeded") == 0);
    note(b, "time_limit", "works", word(ability(b, "time_limit"), "reason"));
    note(b, "restart_worker", "works");

    const std::string version = version_of(b);
    assert_done(b.command(Z4J_ENGINE_SHUTDOWN, "w2@test", "{}"));
    CPPUNIT_ASSERT(eventually([&] { return b.has_ended("w2"); }));
    CPPUNIT_ASSERT(!b.has_ended("w1"));
    assert_refused(b.command(Z4J_ENGINE_SHUTDOWN, "w2@test", "{}"), "does not answer");
    note(b, "shutdown_worker", "works");
  }

  void what_a_worker_cannot_do_is_refused() {
    Bench b;
    b.start_plugin();
    b.start_worker_with("w1", {"-Q", "celery", "-P", "threads", "-c", "2"});
    const std::string id = b.send(R"([{"task": "slow", "args": ["t", 20]}])").front();
    CPPUNIT_ASSERT(b.wait_for_runs("slow t", 1));
    static_cast<void>(version_of(b));
    assert_refused(b.command(Z4J_ENGINE_REVOKE, id, R"({"terminate": true})"), "threads");
    assert_refused(b.command(Z4J_ENGINE_POOL, "w1@test", R"({"delta": 1})"), "threads");
    assert_refused(b.command(Z4J_ENGINE_RESTART, "w1@test", "{}"), "cannot be restarted");
    for (const char* action : {"terminate_running", "pool_resize", "restart_worker", "autoscale"}) {
      const json::Object item = ability(b, action);
      CPPUNIT_ASSERT_MESSAGE(action, !item.at("available").get_bool());
      CPPUNIT_ASSERT_MESSAGE(action, word(item, "reason").find("w1@test: ") == 0);
    }
  }

  void nothing_is_done_without_an_answer() {
    Bench b;
    b.start_plugin();
    const auto worker_verbs = [] {
      return std::map<std::uint64_t, std::string>{{Z4J_ENGINE_POOL, R"({"delta": 1})"},
                                                  {Z4J_ENGINE_AUTOSCALE, R"({"min": 1, "max": 2})"},
                                                  {Z4J_ENGINE_RESTART, "{}"},
                                                  {Z4J_ENGINE_SHUTDOWN, "{}"}};
    };
    for (const auto& [verb, args] : worker_verbs())
      assert_refused(b.command(verb, "w1@test", args), "does not answer");
    assert_refused(b.command(Z4J_ENGINE_RATE, kAdd, R"({"rate": "1/s"})"), "no worker answers");
    assert_refused(b.command(Z4J_ENGINE_TIME_LIMIT, kAdd, R"({"soft": 1})"), "no worker answers");
    const json::Object paused = b.command(Z4J_ENGINE_PAUSE, "celery", R"({"pause": true})");
    assert_refused(paused, "no worker answers");
    CPPUNIT_ASSERT(paused.at("nobody_listens").get_bool());
    for (const char* action : {"rate_limit", "pause_queue", "shutdown_worker"})
      CPPUNIT_ASSERT_EQUAL(std::string("no worker answers"), word(ability(b, action), "reason"));
    CPPUNIT_ASSERT(ability(b, "submit_task").at("available").get_bool());

    // One that hangs has not agreed to anything.
    b.start_worker("w1", "celery", "1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    b.signal_worker("w1", SIGSTOP);
    for (const auto& [verb, args] : worker_verbs())
      assert_refused(b.command(verb, "w1@test", args), "does not answer");
    const std::string rate =
        word(b.command(Z4J_ENGINE_RATE, kAdd, R"({"rate": "1/s"})"), "outcome");
    CPPUNIT_ASSERT_MESSAGE(rate, rate == "unknown" || rate == "refused");
    b.signal_worker("w1", SIGCONT);
  }

  void edited_arguments_change_nothing_else() {
    Bench b;
    b.start_plugin({{"queues", {"idle"}}});
    b.start_worker("w1", "celery", "1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    z4j::redis::Connection redis(z4j::redis::parse_url(b.redis.url()));
    const std::vector<std::string> ids = b.send(
        R"([{"task": "add", "args": [1, 2], "link": [30, 3], "options": {"queue": "idle", "priority": 6, "headers": {"x-tenant": "blue"}}},)"
        R"( {"task": "add", "args": [4, 5], "options": {"queue": "idle", "serializer": "pickle", "priority": 3}},)"
        R"( {"task": "add", "args": [6, 7], "link": [1, 1], "options": {"queue": "idle", "serializer": "pickle"}}])");
    const auto last_of = [&](const std::string& key) {
      return json::parse(redis.command({"LINDEX", key, "0"}).text).value().get_object();
    };
    json::Object answer = assert_done(b.command(
        Z4J_ENGINE_RETRY, ids[0],
        R"({"override_args": [10, 20], "recorded": {"priority": "low", "queue": "celery"}})"));
    CPPUNIT_ASSERT_EQUAL(std::string("operator"), word(answer, "source"));
    const json::Object again = last_of(std::string("idle\x06\x16") + "6");
    CPPUNIT_ASSERT_EQUAL(word(answer, "new_task_id"), word(again.at("headers").get_object(), "id"));
    CPPUNIT_ASSERT_EQUAL(std::string("blue"), word(again.at("headers").get_object(), "x-tenant"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{6}, count(again.at("properties").get_object(), "priority"));
    // Its link runs behind the edited arguments: 10 + 20, then 30 + 3.
    assert_done(b.command(Z4J_ENGINE_RETRY, word(answer, "new_task_id"), R"({"queue": "celery"})"));
    CPPUNIT_ASSERT(b.wait_for_runs("add 10 20", 1));
    CPPUNIT_ASSERT(b.wait_for_runs("add 30 3", 1));

    // A pickle stays a pickle; what hangs on it cannot be written by somebody else.
    answer = assert_done(b.command(Z4J_ENGINE_RETRY, ids[1], R"({"override_args": [8, 9]})"));
    const json::Object pickled = last_of(std::string("idle\x06\x16") + "3");
    CPPUNIT_ASSERT_EQUAL(word(answer, "new_task_id"),
                         word(pickled.at("headers").get_object(), "id"));
    CPPUNIT_ASSERT_EQUAL(std::string("application/x-python-serialize"),
                         word(pickled, "content-type"));
    const json::Object shown = named(b.snapshot("waiting", R"({"queue": "idle"})"), "task_id",
                                     word(answer, "new_task_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("[8,9]"), json::write(shown.at("args")));
    assert_refused(
        b.command(Z4J_ENGINE_RETRY, ids[2], R"({"override_args": [8, 9], "override_kwargs": {}})"),
        "pickle");
    // Signed by the project's key.
    json::Object signed_one = last_of("idle");
    signed_one["content-type"] = "application/data";
    redis.command({"LPUSH", "idle", written(signed_one)});
    redis.command({"LREM", "idle", "1", redis.command({"LINDEX", "idle", "1"}).text});
    assert_refused(
        b.command(Z4J_ENGINE_RETRY, ids[2], R"({"override_args": [8, 9], "override_kwargs": {}})"),
        "signed");
    assert_done(b.command(Z4J_ENGINE_RETRY, ids[2], "{}"));
    note(b, "retry_edited", "works");
  }

  void many_at_once() {
    Bench b;
    b.start_plugin({{"queues", {"idle"}}});
    b.start_worker("w1", "celery", "1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    constexpr int kMany = 500;
    json::Array items;
    for (int i = 0; i < kMany; ++i) {
      items.push_back(json::Object{
          {"target", "old-" + std::to_string(i)},
          {"recorded",
           {{"task_name", kAdd},
            {"queue", "idle"},
            {"args_repr", "(" + std::to_string(i) + ", 123456789012345678901234567890)"},
            {"kwargs_repr", i == 17 ? "{'x': <hidden>}" : "{}"}}}});
    }
    items[23].get_object()["override_args"] = "no array";
    items[42].get_object()["recorded"].get_object()["task_name"] = "no.such";
    const json::Object answer =
        assert_done(b.command(Z4J_ENGINE_RETRY, "", written({{"items", items}})));
    const json::Array& told = answer.at("items").get_array();
    CPPUNIT_ASSERT_EQUAL(std::size_t{kMany}, told.size());
    std::vector<std::string> new_ids;
    for (int i = 0; i < kMany; ++i) {
      const json::Object& one = told[static_cast<std::size_t>(i)].get_object();
      const bool good = i != 17 && i != 23 && i != 42;
      CPPUNIT_ASSERT_EQUAL_MESSAGE(written(one), std::string(good ? "done" : "refused"),
                                   word(one, "outcome"));
      if (good) new_ids.push_back(word(one, "new_task_id"));
    }
    CPPUNIT_ASSERT_EQUAL(std::int64_t{kMany - 3}, pending(b, "idle"));
    const json::Object page = b.snapshot("waiting", R"({"queue": "idle", "limit": 1})");
    const json::Object& oldest = page.at("items").get_array().at(0).get_object();
    CPPUNIT_ASSERT_EQUAL(new_ids.front(), word(oldest, "task_id"));
    z4j::redis::Connection redis(z4j::redis::parse_url(b.redis.url()));
    const json::Object message =
        json::parse(redis.command({"LINDEX", "idle", "-1"}).text).value().get_object();
    CPPUNIT_ASSERT_EQUAL(std::string("(0, 123456789012345678901234567890)"),
                         word(message.at("headers").get_object(), "argsrepr"));
    note(b, "bulk_retry", "works");

    // All but two go; one of these is taken out by somebody else in between.
    json::Array to_cancel;
    for (const std::string& id : new_ids) to_cancel.push_back(json::Object{{"target", id}});
    to_cancel.push_back(json::Object{{"target", "never-heard-of"}});
    const json::Value keep = to_cancel[5];
    to_cancel.erase(to_cancel.begin() + 5);
    const json::Object cancelled =
        assert_done(b.command(Z4J_ENGINE_REVOKE, "", written({{"items", to_cancel}})));
    const json::Array& ends = cancelled.at("items").get_array();
    CPPUNIT_ASSERT_EQUAL(to_cancel.size(), ends.size());
    for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(written(ends[i].get_object()), std::string("waiting"),
                                   word(ends[i].get_object(), "was"));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("sent"), word(ends[ends.size() - 1].get_object(), "outcome"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, pending(b, "idle"));
    CPPUNIT_ASSERT_EQUAL(word(keep.get_object(), "target"),
                         word(b.snapshot("waiting", R"({"queue": "idle"})")
                                  .at("items")
                                  .get_array()
                                  .at(0)
                                  .get_object(),
                              "task_id"));
    static_cast<void>(b.told.wait_for_kind(new_ids.back(), Z4J_EV_REVOKED));
    note(b, "cancel_waiting", "works");

    // Tasks that a worker holds, in one go as well.
    const std::vector<std::string> held = b.send(
        R"([{"task": "slow", "args": ["m"]}, {"task": "slow", "args": ["n"]}, {"task": "add", "args": [9, 9], "options": {"countdown": 500}}])");
    static_cast<void>(b.told.wait_for_kind(held[0], Z4J_EV_STARTED));
    static_cast<void>(b.told.wait_for_kind(held[1], Z4J_EV_RECEIVED));
    static_cast<void>(b.told.wait_for_kind(held[2], Z4J_EV_RECEIVED));
    json::Array ends_of;
    for (const std::string& id : held)
      ends_of.push_back(json::Object{{"target", id}, {"terminate", true}});
    const json::Object ended =
        assert_done(b.command(Z4J_ENGINE_REVOKE, "", written({{"items", ends_of}})));
    const char* was[] = {"running", "reserved", "scheduled"};
    for (std::size_t i = 0; i < held.size(); ++i) {
      const json::Object& one = ended.at("items").get_array()[i].get_object();
      CPPUNIT_ASSERT_EQUAL_MESSAGE(written(one), std::string(was[i]), word(one, "was"));
      assert_done(one);
    }
    CPPUNIT_ASSERT_EQUAL(std::string("invalid"),
                         word(b.command(Z4J_ENGINE_RETRY, "", R"({"items": 5})"), "error"));
    json::Array too_many(501, json::Value(json::Object{{"target", "x"}}));
    CPPUNIT_ASSERT_EQUAL(
        std::string("invalid"),
        word(b.command(Z4J_ENGINE_REVOKE, "", written({{"items", too_many}})), "error"));
    note(b, "terminate_running", "works");
  }

  void puts_a_queue_aside_and_back() {
    Bench b;
    b.start_plugin({{"queues", {"idle"}}});
    const std::vector<std::string> ids = b.send(
        R"([{"task": "add", "args": [1, 0], "options": {"queue": "idle"}}, {"task": "add", "args": [2, 0], "options": {"queue": "idle"}},)"
        R"( {"task": "add", "args": [3, 0], "options": {"queue": "idle", "priority": 9}}, {"task": "add", "args": [4, 0], "options": {"queue": "idle"}}])");
    z4j::redis::Connection redis(z4j::redis::parse_url(b.redis.url()));
    redis.command({"LPUSH", "idle", "nobody can read this"});
    const auto copy = [&](json::Object args, const char* queue = "idle") {
      args["copy"] = kCopyName;
      return b.command(Z4J_ENGINE_COPY, queue, written(args));
    };
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, count(assert_done(copy({{"step", "take"}})), "taken"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, pending(b, "idle"));
    static_cast<void>(b.told.wait_for_kind(ids[2], Z4J_EV_REVOKED));
    // What comes meanwhile is not part of it.
    const std::string late =
        b.send(R"([{"task": "add", "args": [5, 0], "options": {"queue": "idle"}}])").front();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, count(assert_done(copy({{"step", "take"}})), "taken"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, pending(b, "idle"));
    assert_refused(copy({{"step", "take"}}, "celery"), "another queue");

    std::vector<json::Object> kept;
    json::Object page_of = {{"queue", "idle"}, {"copy", kCopyName}, {"limit", 2}};
    for (int i = 0; i < 4; ++i) {
      const json::Object page = b.snapshot("copy", written(page_of));
      for (const json::Value& item : page.at("items").get_array())
        kept.push_back(item.get_object());
      if (page.at("next").is_null()) break;
      page_of["cursor"] = page.at("next");
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, kept.size());
    CPPUNIT_ASSERT_EQUAL(ids[0], word(kept[0], "task_id"));
    CPPUNIT_ASSERT_EQUAL(std::string(kAdd), word(kept[0], "task_name"));
    CPPUNIT_ASSERT(!kept[3].contains("task_id"));
    CPPUNIT_ASSERT_EQUAL(ids[2], word(kept[4], "task_id"));

    assert_done(copy({{"step", "drop"}}));
    assert_done(copy({{"step", "drop"}}));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, count(assert_done(copy({{"step", "take"}})), "taken"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, pending(b, "idle"));

    const json::Array first = {kept[0].at("body"), kept[1].at("body")},
                      second = {kept[2].at("body"), kept[3].at("body"), kept[4].at("body")};
    assert_done(copy({{"step", "restore"}, {"part", 0}, {"messages", first}}));
    assert_done(copy({{"step", "restore"}, {"part", 0}, {"messages", first}}));
    assert_done(copy({{"step", "restore"}, {"part", 1}, {"messages", second}}));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{6}, pending(b, "idle"));
    const json::Array waiting =
        b.snapshot("waiting", R"({"queue": "idle"})").at("items").get_array();
    const std::vector<std::string> order = {late, ids[0], ids[1], ids[3], "", ids[2]};
    for (std::size_t i = 0; i < order.size(); ++i)
      CPPUNIT_ASSERT_EQUAL(order[i], word(waiting[i].get_object(), "task_id"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("invalid"),
        word(copy({{"step", "restore"}, {"part", 2}, {"messages", {"%"}}}), "error"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("invalid"),
        word(b.command(Z4J_ENGINE_COPY, "idle", R"({"copy": "../x", "step": "drop"})"), "error"));
    // A purge that could not be kept is undone: what was there stands before what came since.
    json::Object undone = {{"copy", "1b4f1c52-5f0e-4f3a-9d1c-0123456789ab"}, {"step", "take"}};
    assert_done(b.command(Z4J_ENGINE_COPY, "idle", written(undone)));
    const std::string latest =
        b.send(R"([{"task": "add", "args": [6, 0], "options": {"queue": "idle"}}])").front();
    undone["step"] = "restore";
    assert_done(b.command(Z4J_ENGINE_COPY, "idle", written(undone)));
    assert_done(b.command(Z4J_ENGINE_COPY, "idle", written(undone)));
    const json::Array again = b.snapshot("waiting", R"({"queue": "idle"})").at("items").get_array();
    const std::vector<std::string> as_before = {late, ids[0], ids[1], ids[3], "", latest, ids[2]};
    CPPUNIT_ASSERT_EQUAL(as_before.size(), again.size());
    for (std::size_t i = 0; i < as_before.size(); ++i)
      CPPUNIT_ASSERT_EQUAL(as_before[i], word(again[i].get_object(), "task_id"));
    // Workers die of it, with or without us.
    redis.command({"LREM", "idle", "1", "nobody can read this"});
    b.start_worker("w1", "idle,celery", "1");
    for (const char* run : {"add 1 0", "add 2 0", "add 3 0", "add 4 0", "add 5 0", "add 6 0"}) {
      CPPUNIT_ASSERT_MESSAGE(run, b.wait_for_runs(run, 1));
      CPPUNIT_ASSERT_EQUAL(1, b.runs(run));
    }
    note(b, "purge_with_copy", "works");
  }

  void single_tasks_and_snapshots() {
    Bench b({"Z4J_TEST_EXTENDED=1"});
    b.start_plugin({{"queues", {"idle"}}});
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    assert_done(b.command(Z4J_ENGINE_ENQUEUE, kAdd, R"({"args": [1, 6], "kwargs": {}})"));
    CPPUNIT_ASSERT(b.wait_for_runs("add 1 6", 1));
    assert_refused(b.command(Z4J_ENGINE_ENQUEUE, "no.such", R"({"args": [], "kwargs": {}})"),
                   "no.such");
    note(b, "submit_task", "works");
    const std::string failed = b.send(R"([{"task": "boom", "args": ["once"]}])").front();
    static_cast<void>(b.told.wait_for_kind(failed, Z4J_EV_FAILED));
    CPPUNIT_ASSERT_EQUAL(std::string("result_backend"),
                         word(assert_done(b.command(Z4J_ENGINE_RETRY, failed, "{}")), "source"));
    CPPUNIT_ASSERT(b.wait_for_runs("boom once", 2));
    note(b, "retry_task", "works");
    // Failed tasks are the dead letters here, and there is no other list of them.
    CPPUNIT_ASSERT_EQUAL(std::string("unsupported"), word(b.snapshot("dead_letters"), "error"));
    note(b, "requeue_dead_letter", "works", word(ability(b, "requeue_dead_letter"), "reason"));

    const std::string idle =
        b.send(R"([{"task": "add", "args": [2, 2], "options": {"queue": "idle"}}])").front();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, pending(b, "idle"));
    note(b, "list_queues", "works");
    CPPUNIT_ASSERT(!named(b.snapshot("waiting", R"({"queue": "idle"})"), "task_id", idle).empty());
    note(b, "list_waiting", "works");
    CPPUNIT_ASSERT_EQUAL(std::string("online"),
                         word(named(b.snapshot("workers"), "name", "w1@test"), "state"));
    note(b, "list_workers", "works");
    CPPUNIT_ASSERT(!named(b.snapshot("registry"), "name", kAdd).empty());
    note(b, "task_registry", "works");
    const json::Object state =
        named(b.snapshot("state", written({{"task_ids", {failed}}})), "task_id", failed);
    CPPUNIT_ASSERT_EQUAL(std::string("failure"), word(state, "state"));
    note(b, "reconcile_task", "works");
    const std::string sum = b.send(R"([{"task": "add", "args": [40, 2]}])").front();
    static_cast<void>(b.told.wait_for_kind(sum, Z4J_EV_SUCCEEDED));
    CPPUNIT_ASSERT_EQUAL(
        std::int64_t{42},
        count(named(b.snapshot("state", written({{"task_ids", {sum}}})), "task_id", sum),
              "result"));
    note(b, "result_value", "works");
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                         count(assert_done(b.command(Z4J_ENGINE_PURGE, "idle", "{}")), "removed"));
    note(b, "purge_queue", "works");

    // Every action has its line, and whatever cannot be done says why.
    const std::set<std::string> wanted = {
        "submit_task",         "retry_task",        "retry_edited",    "bulk_retry",
        "cancel_waiting",      "terminate_running", "purge_queue",     "purge_with_copy",
        "requeue_dead_letter", "rate_limit",        "time_limit",      "pool_resize",
        "autoscale",           "add_consumer",      "cancel_consumer", "restart_worker",
        "shutdown_worker",     "pause_queue",       "pause_engine",    "list_queues",
        "list_waiting",        "list_workers",      "task_registry",   "reconcile_task",
        "result_value",        "delete_task"};
    std::set<std::string> told;
    const json::Object abilities = b.snapshot("abilities");
    for (const json::Value& item : abilities.at("items").get_array()) {
      const json::Object& o = item.get_object();
      told.insert(word(o, "action"));
      if (!o.at("available").get_bool())
        CPPUNIT_ASSERT_MESSAGE(written(o), !word(o, "reason").empty());
    }
    CPPUNIT_ASSERT(told == wanted);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EngineCeleryActionsTest);

}  // namespace
