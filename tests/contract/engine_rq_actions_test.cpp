// Every cell of the capability matrix against real RQ: what engine-rq says it can do works, and
// what it says it can't is refused with a reason and changes nothing.
#include <cppunit/extensions/HelperMacros.h>

#include <signal.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "cells.hpp"
#include "engine_rq_bench.hpp"
#include "lib/redis/redis.hpp"

namespace {

using z4j::rq_contract::Bench;
using z4j::rq_contract::eventually;
using z4j::rq_contract::flag;
using z4j::rq_contract::number;
using z4j::rq_contract::shown;
using z4j::rq_contract::text;
namespace json = z4j::base::json;

constexpr const char* kCopy = "11111111-2222-4333-8444-555555555555";

std::string as_json(const std::string& s) { return json::write(json::Value(s)); }

const json::Array& items_of(const json::Object& answer) {
  CPPUNIT_ASSERT_MESSAGE(shown(answer), answer.if_contains("items") != nullptr);
  return answer.at("items").get_array();
}

void assert_outcome(const char* wanted, const json::Object& answer) {
  CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::string(wanted), text(answer, "outcome"));
}

class EngineRqActionsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EngineRqActionsTest);
  CPPUNIT_TEST(submits_in_the_form_of_the_queue);
  CPPUNIT_TEST(retries_byte_exact_and_edited);
  CPPUNIT_TEST(retries_and_revokes_many_at_once);
  CPPUNIT_TEST(cancels_what_waits_in_any_way);
  CPPUNIT_TEST(stops_what_runs);
  CPPUNIT_TEST(purges_and_counts_who_waited_for_it);
  CPPUNIT_TEST(sets_a_queue_aside_and_puts_it_back);
  CPPUNIT_TEST(drops_a_copy_and_restores_from_its_messages);
  CPPUNIT_TEST(shows_and_requeues_dead_letters);
  CPPUNIT_TEST(pages_dead_letters_by_their_end);
  CPPUNIT_TEST(changes_the_limit_of_a_waiting_job);
  CPPUNIT_TEST(ends_a_worker);
  CPPUNIT_TEST(pauses_the_whole_database);
  CPPUNIT_TEST(deletes_jobs);
  CPPUNIT_TEST(tells_states_and_results);
  CPPUNIT_TEST(what_finished_never_counts_as_failed);
  CPPUNIT_TEST(lists_queues_jobs_workers_and_functions);
  CPPUNIT_TEST(says_what_it_can_and_cannot);
  CPPUNIT_TEST_SUITE_END();

  static void works(Bench& b, const char* action, const char* how) {
    z4j::testing::note_cell({"rq", "redis", b.version(), action, how, "works", ""});
  }

  static bool wait_for_status(Bench& b, const std::string& id, const std::string& status) {
    z4j::redis::Connection raw(z4j::redis::parse_url(b.redis.url()));
    return eventually([&] {
      return raw.command({"HGET", "rq:job:" + id, "status"}).text == status;
    });
  }

  void submits_in_the_form_of_the_queue() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const json::Object sent =
        b.command(Z4J_ENGINE_ENQUEUE, "engine_rq_jobs.add", R"({"args":[1],"kwargs":{"y":2}})");
    assert_outcome("done", sent);
    CPPUNIT_ASSERT(b.wait_for_runs("add 1 2", 1));
    CPPUNIT_ASSERT(wait_for_status(b, text(sent, "new_task_id"), "finished"));
    // The jobs of this queue are JSON; so is ours.
    const std::string model =
        b.enqueue("plain", "add", "[5]", R"({"serializer": "rq.serializers.JSONSerializer"})");
    CPPUNIT_ASSERT(b.told.wait_for_story(model, "sent"));
    const json::Object like = b.command(Z4J_ENGINE_ENQUEUE, "engine_rq_jobs.add",
                                        R"({"args":[6],"kwargs":{},"queue":"plain"})");
    assert_outcome("done", like);
    b.start_worker("j1", {"json:plain"});
    CPPUNIT_ASSERT(b.wait_for_runs("add 6 1", 1));
    CPPUNIT_ASSERT(wait_for_status(b, text(like, "new_task_id"), "finished"));
    const json::Object later = b.command(Z4J_ENGINE_ENQUEUE, "engine_rq_jobs.add",
                                         R"({"args":[7],"kwargs":{},"eta_seconds":1})");
    assert_outcome("done", later);
    CPPUNIT_ASSERT(b.wait_for_runs("add 7 1", 1));
    works(b, "submit_task", "native");
  }

  void retries_byte_exact_and_edited() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string failed = b.enqueue("default", "boom_once", R"(["x"])");
    const std::string object = b.enqueue("default", "secret_object", "[]", R"({"object": true})");
    CPPUNIT_ASSERT(wait_for_status(b, failed, "failed"));
    CPPUNIT_ASSERT(wait_for_status(b, object, "finished"));
    assert_outcome("done", b.command(Z4J_ENGINE_RETRY, failed, "{}"));
    CPPUNIT_ASSERT(wait_for_status(b, failed, "finished"));
    // Byte by byte, whatever is in it, under an id that was given out before.
    const json::Object again =
        b.command(Z4J_ENGINE_RETRY, object, R"({"new_task_id":"known-before"})");
    assert_outcome("done", again);
    CPPUNIT_ASSERT_EQUAL(std::string("known-before"), text(again, "new_task_id"));
    CPPUNIT_ASSERT(b.wait_for_runs("secret_object 2020-01-02", 2));
    assert_outcome("refused",
                   b.command(Z4J_ENGINE_RETRY, object, R"({"new_task_id":"known-before"})"));
    works(b, "retry_task", "native");
    assert_outcome("refused",
                   b.command(Z4J_ENGINE_RETRY, object, R"({"override_kwargs":{"a":1}})"));
    assert_outcome("done", b.command(Z4J_ENGINE_RETRY, failed, R"({"override_args":["y"]})"));
    CPPUNIT_ASSERT(b.wait_for_runs("boom_once y", 1));
    works(b, "retry_edited", "conditional");
  }

  void retries_and_revokes_many_at_once() {
    Bench b;
    b.start_plugin();
    std::string items, some;
    std::vector<std::string> waiting;
    for (int i = 0; i < 120; ++i) {
      waiting.push_back(text(b.command(Z4J_ENGINE_ENQUEUE, "engine_rq_jobs.add",
                                       R"({"args":[)" + std::to_string(i) + "],\"kwargs\":{}}"),
                             "new_task_id"));
      items += (i == 0 ? "" : ",") + (R"({"target":)" + as_json(waiting.back()) + "}");
    }
    items += R"(,{"target":"never-was"},{"target":""})";
    const json::Object gone = b.command(Z4J_ENGINE_REVOKE, "", "{\"items\":[" + items + "]}");
    assert_outcome("done", gone);
    CPPUNIT_ASSERT_EQUAL(std::size_t{122}, items_of(gone).size());
    for (std::size_t i = 0; i < 120; ++i) {
      assert_outcome("done", items_of(gone)[i].get_object());
      CPPUNIT_ASSERT_EQUAL(std::string("waiting"), text(items_of(gone)[i].get_object(), "was"));
    }
    assert_outcome("refused", items_of(gone)[120].get_object());
    assert_outcome("refused", items_of(gone)[121].get_object());
    const json::Object back = b.command(Z4J_ENGINE_RETRY, "",
                                        "{\"items\":[" + items + R"(,{"target":)" +
                                            as_json(waiting[0]) + R"(,"eta_seconds":-1}]})");
    CPPUNIT_ASSERT_EQUAL(std::size_t{123}, items_of(back).size());
    for (std::size_t i = 0; i < 120; ++i) {
      assert_outcome("done", items_of(back)[i].get_object());
      CPPUNIT_ASSERT_EQUAL(waiting[i], text(items_of(back)[i].get_object(), "new_task_id"));
    }
    for (std::size_t i = 120; i < 123; ++i)
      assert_outcome("refused", items_of(back)[i].get_object());
    b.start_worker("w1", {"default"});
    CPPUNIT_ASSERT(wait_for_status(b, waiting.back(), "finished"));
    for (int i = 0; i < 120; ++i)
      CPPUNIT_ASSERT_EQUAL(1, b.runs("add " + std::to_string(i) + " 1"));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid"),
                         text(b.command(Z4J_ENGINE_RETRY, "", "{}"), "error"));
    works(b, "bulk_retry", "emulated");
  }

  void cancels_what_waits_in_any_way() {
    Bench b;
    b.start_plugin();
    const std::string waiting = b.enqueue("default", "add", "[1]");
    const std::string later = b.enqueue("default", "add", "[2]", R"({"delay": 3600})");
    const std::string child =
        b.enqueue("default", "add", "[3]", R"({"depends_on": ")" + waiting + "\"}");
    for (const std::string& id : {later, child, waiting})
      assert_outcome("done", b.command(Z4J_ENGINE_REVOKE, id, "{}"));
    b.start_worker("w1", {"default"});
    CPPUNIT_ASSERT(wait_for_status(b, b.enqueue("default", "add", "[9]"), "finished"));
    for (const char* run : {"add 1 1", "add 2 1", "add 3 1"}) CPPUNIT_ASSERT_EQUAL(0, b.runs(run));
    works(b, "cancel_waiting", "emulated");
  }

  void stops_what_runs() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    b.start_worker("w2", {"default"});
    const std::string one = b.enqueue("default", "slow", R"(["s1", 60])");
    const std::string two = b.enqueue("default", "slow", R"(["s2", 60])");
    CPPUNIT_ASSERT(b.wait_for_runs("slow s1", 1) && b.wait_for_runs("slow s2", 1));
    const json::Object answer =
        b.command(Z4J_ENGINE_REVOKE, "",
                  R"({"items":[{"target":)" + as_json(one) + R"(,"terminate":true},{"target":)" +
                      as_json(two) + R"(,"terminate":true}]})");
    for (const json::Value& item : items_of(answer)) {
      assert_outcome("done", item.get_object());
      CPPUNIT_ASSERT_EQUAL(std::string("running"), text(item.get_object(), "was"));
    }
    CPPUNIT_ASSERT_EQUAL(0, b.runs("slow-end s1") + b.runs("slow-end s2"));
    works(b, "terminate_running", "conditional");
  }

  void purges_and_counts_who_waited_for_it() {
    Bench b;
    b.start_plugin();
    const std::string parent = b.enqueue("default", "add", "[1]");
    const std::string child =
        b.enqueue("default", "add", "[2]", R"({"depends_on": ")" + parent + "\"}");
    const json::Object answer = b.command(Z4J_ENGINE_PURGE, "default", R"({"force":true})");
    assert_outcome("done", answer);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number(answer, "removed"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                         number(answer.at("not_removed").get_object(), "deferred"));
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::size_t{1},
                                 answer.at("warnings").get_array().size());
    works(b, "purge_queue", "emulated");
  }

  void sets_a_queue_aside_and_puts_it_back() {
    Bench b;
    b.start_plugin();
    for (int i = 0; i < 3; ++i)
      static_cast<void>(b.enqueue("default", "add", "[" + std::to_string(i) + "]"));
    const std::string take = std::string(R"({"copy":")") + kCopy + R"(","step":"take"})";
    for (int times = 0; times < 2; ++times) {
      const json::Object taken = b.command(Z4J_ENGINE_COPY, "default", take);
      assert_outcome("done", taken);
      CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number(taken, "taken"));
    }
    assert_outcome("refused", b.command(Z4J_ENGINE_COPY, "other", take));
    b.start_worker("w1", {"default"});
    CPPUNIT_ASSERT(wait_for_status(b, b.enqueue("default", "add", "[9]"), "finished"));
    CPPUNIT_ASSERT_EQUAL(0, b.runs("add 0 1"));
    const json::Object back = b.command(
        Z4J_ENGINE_COPY, "default", std::string(R"({"copy":")") + kCopy + R"(","step":"restore"})");
    assert_outcome("done", back);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number(back, "restored"));
    for (int i = 0; i < 3; ++i)
      CPPUNIT_ASSERT(b.wait_for_runs("add " + std::to_string(i) + " 1", 1));
  }

  void drops_a_copy_and_restores_from_its_messages() {
    Bench b;
    b.start_plugin();
    z4j::redis::Connection raw(z4j::redis::parse_url(b.redis.url()));
    const std::string parent = b.enqueue("default", "add", "[1]", R"({"meta": {"user": "x"}})");
    const std::string child =
        b.enqueue("default", "add", "[2]", R"({"depends_on": ")" + parent + "\"}");
    const std::string object = b.enqueue("default", "secret_object", "[]", R"({"object": true})");
    CPPUNIT_ASSERT(b.told.wait_for_story(object, "sent"));
    const std::string copy = std::string(R"("copy":")") + kCopy + '"';
    const std::string of_queue = R"({"queue":"default",)" + copy;
    assert_outcome("done",
                   b.command(Z4J_ENGINE_COPY, "default", "{" + copy + R"(,"step":"take"})"));
    std::string messages;
    std::string cursor;
    std::vector<std::string> ids;
    do {
      const json::Object page =
          b.snapshot("copy", of_queue + R"(,"limit":1)" +
                                 (cursor.empty() ? "" : ",\"cursor\":" + as_json(cursor)) + "}");
      for (const json::Value& item : items_of(page)) {
        messages += (messages.empty() ? "" : ",") + as_json(text(item.get_object(), "body"));
        ids.push_back(text(item.get_object(), "task_id"));
        CPPUNIT_ASSERT(text(item.get_object(), "task_name").find("engine_rq_jobs.") == 0);
      }
      cursor = text(page, "next");
    } while (!cursor.empty());
    CPPUNIT_ASSERT(ids == (std::vector<std::string>{parent, object}));
    const json::Object dropped =
        b.command(Z4J_ENGINE_COPY, "default", "{" + copy + R"(,"step":"drop"})");
    assert_outcome("done", dropped);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number(dropped, "removed"));
    CPPUNIT_ASSERT(b.told.wait_for_story(object, "sent revoked"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, raw.command({"EXISTS", "rq:job:" + parent}).integer);
    // Taken again after it was dropped: nothing more is taken.
    const std::string fresh = b.enqueue("default", "add", "[7]");
    const json::Object again =
        b.command(Z4J_ENGINE_COPY, "default", "{" + copy + R"(,"step":"take"})");
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number(again, "taken"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, raw.command({"LLEN", "rq:queue:default"}).integer);
    const std::string restore =
        "{" + copy + R"(,"step":"restore","part":0,"messages":[)" + messages + "]}";
    for (int times = 0; times < 2; ++times) {
      const json::Object restored = b.command(Z4J_ENGINE_COPY, "default", restore);
      assert_outcome("done", restored);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(restored), std::int64_t{2}, number(restored, "restored"));
    }
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, raw.command({"LLEN", "rq:queue:default"}).integer);
    CPPUNIT_ASSERT(!raw.command({"HGET", "rq:job:" + parent, "meta"}).text.empty());
    b.start_worker("w1", {"default"});
    for (const char* run : {"add 7 1", "add 1 1", "secret_object 2020-01-02", "add 2 1"})
      CPPUNIT_ASSERT_MESSAGE(run, b.wait_for_runs(run, 1));
    CPPUNIT_ASSERT(wait_for_status(b, child, "finished") && wait_for_status(b, fresh, "finished"));
    CPPUNIT_ASSERT_EQUAL(1, b.runs("add 1 1"));
    CPPUNIT_ASSERT(b.told.wait_for_story(object, "sent revoked sent started succeeded"));
    CPPUNIT_ASSERT_EQUAL(2u, b.told.of(object).back().attempt);
    CPPUNIT_ASSERT_EQUAL(
        std::string("invalid"),
        text(b.command(Z4J_ENGINE_COPY, "default",
                       "{" + copy + R"(,"step":"restore","part":1,"messages":["bm90aGluZw=="]})"),
             "error"));
    works(b, "purge_with_copy", "emulated");
  }

  void shows_and_requeues_dead_letters() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string first = b.enqueue("default", "boom", R"(["one"])");
    CPPUNIT_ASSERT(wait_for_status(b, first, "failed"));
    const std::string second = b.enqueue("default", "boom_once", R"(["two"])");
    CPPUNIT_ASSERT(wait_for_status(b, second, "failed"));
    const json::Object all = b.snapshot("dead_letters", "{}");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(all), std::size_t{2}, items_of(all).size());
    const json::Object& newest = items_of(all)[0].get_object();
    CPPUNIT_ASSERT_EQUAL(second, text(newest, "task_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("default"), text(newest, "origin"));
    CPPUNIT_ASSERT_EQUAL(std::string("RuntimeError: the first time two"), text(newest, "why"));
    CPPUNIT_ASSERT(newest.at("dead_at").to_number<double>() > 0);
    const json::Object answer =
        b.command(Z4J_ENGINE_DEAD_LETTERS, second, R"({"queue":"default"})");
    assert_outcome("done", answer);
    CPPUNIT_ASSERT_EQUAL(second, text(answer, "new_task_id"));
    CPPUNIT_ASSERT(wait_for_status(b, second, "finished"));
    assert_outcome("refused", b.command(Z4J_ENGINE_DEAD_LETTERS, second, R"({"queue":"default"})"));
    assert_outcome(
        "done", b.command(Z4J_ENGINE_DEAD_LETTERS, first, R"({"queue":"default","to":"other"})"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, items_of(b.snapshot("dead_letters", "{}")).size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                         items_of(b.snapshot("waiting", R"({"queue":"other"})")).size());
    works(b, "requeue_dead_letter", "native");
  }

  void pages_dead_letters_by_their_end() {
    Bench b;
    b.start_plugin();
    z4j::redis::Connection raw(z4j::redis::parse_url(b.redis.url()));
    std::vector<z4j::redis::Args> commands;
    for (const char* queue : {"a", "b"}) {
      commands.push_back({"SADD", "rq:queues", std::string("rq:queue:") + queue});
      for (int i = 0; i < 30; ++i) {
        const std::string id = queue + std::to_string(i);
        const std::string second = std::to_string((i * 7) % 30 + 10);
        commands.push_back({"HSET", "rq:job:" + id, "status", "failed", "origin", queue,
                            "created_at", "2026-01-02T03:04:05.000000Z", "ended_at",
                            "2026-01-02T03:04:" + second + ".000000Z"});
        commands.push_back(
            {"ZADD", std::string("rq:failed:") + queue, std::to_string(2'000'000'000 + i), id});
      }
    }
    static_cast<void>(raw.pipeline(commands));
    std::set<std::string> seen;
    double last = 1e18;
    std::string cursor;
    int pages = 0;
    do {
      const json::Object page = b.snapshot(
          "dead_letters",
          R"({"limit":7)" + (cursor.empty() ? "" : ",\"cursor\":" + as_json(cursor)) + "}");
      for (const json::Value& item : items_of(page)) {
        const double at = item.get_object().at("dead_at").to_number<double>();
        CPPUNIT_ASSERT(at <= last);
        last = at;
        CPPUNIT_ASSERT(seen.insert(text(item.get_object(), "task_id")).second);
      }
      cursor = text(page, "next");
      ++pages;
    } while (!cursor.empty() && pages < 20);
    CPPUNIT_ASSERT_EQUAL(std::size_t{60}, seen.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{30},
                         items_of(b.snapshot("dead_letters", R"({"queue":"a"})")).size());
  }

  void changes_the_limit_of_a_waiting_job() {
    Bench b;
    b.start_plugin();
    const std::string id = b.enqueue("default", "slow", R"(["limited", 60])");
    assert_outcome("refused",
                   b.command(Z4J_ENGINE_TIME_LIMIT, "engine_rq_jobs.slow", R"({"hard":1})"));
    assert_outcome("refused",
                   b.command(Z4J_ENGINE_TIME_LIMIT, id, R"({"task_id":true,"soft":1,"hard":2})"));
    assert_outcome("done", b.command(Z4J_ENGINE_TIME_LIMIT, id, R"({"task_id":true,"hard":1})"));
    b.start_worker("w1", {"default"});
    CPPUNIT_ASSERT(wait_for_status(b, id, "failed"));
    CPPUNIT_ASSERT_EQUAL(0, b.runs("slow-end limited"));
    assert_outcome("refused", b.command(Z4J_ENGINE_TIME_LIMIT, id, R"({"task_id":true,"hard":5})"));
    works(b, "time_limit", "conditional");
  }

  void ends_a_worker() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    CPPUNIT_ASSERT(wait_for_status(b, b.enqueue("default", "add", "[1]"), "finished"));
    const json::Object answer = b.command(Z4J_ENGINE_SHUTDOWN, "w1", "{}");
    CPPUNIT_ASSERT_MESSAGE(shown(answer),
                           text(answer, "outcome") == "done" || text(answer, "outcome") == "sent");
    CPPUNIT_ASSERT(eventually([&] {
      const json::Object workers = b.snapshot("workers", "{}");
      for (const json::Value& w : items_of(workers)) {
        if (text(w.get_object(), "state") == "online") return false;
      }
      return true;
    }));
    assert_outcome("refused", b.command(Z4J_ENGINE_SHUTDOWN, "w1", "{}"));
    assert_outcome("refused", b.command(Z4J_ENGINE_SHUTDOWN, "nobody", "{}"));
    works(b, "shutdown_worker", "conditional");
  }

  void pauses_the_whole_database() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    CPPUNIT_ASSERT(wait_for_status(b, b.enqueue("default", "add", "[1]"), "finished"));
    const json::Object paused = b.command(Z4J_ENGINE_PAUSE, "", R"({"pause":true})");
    assert_outcome("done", paused);
    CPPUNIT_ASSERT(text(paused, "reason").find("database") != std::string::npos);
    const auto state_of_worker = [&] {
      const json::Object answer = b.snapshot("workers", "{}");
      return text(items_of(answer)[0].get_object().at("metadata").get_object(), "rq_state");
    };
    // A worker that waits in Redis takes one more job before it looks.
    static_cast<void>(b.enqueue("default", "add", "[2]"));
    CPPUNIT_ASSERT(eventually([&] { return state_of_worker() == "suspended"; }));
    const std::string held = b.enqueue("default", "add", "[3]");
    assert_outcome("refused", b.command(Z4J_ENGINE_PAUSE, "default", R"({"pause":true})"));
    CPPUNIT_ASSERT_EQUAL(0, b.runs("add 3 1"));
    assert_outcome("done", b.command(Z4J_ENGINE_PAUSE, "", R"({"pause":false})"));
    CPPUNIT_ASSERT(wait_for_status(b, held, "finished"));
    works(b, "pause_engine", "native");
  }

  void deletes_jobs() {
    Bench b;
    b.start_plugin();
    z4j::redis::Connection raw(z4j::redis::parse_url(b.redis.url()));
    const std::string waiting = b.enqueue("default", "add", "[1]");
    const std::string child =
        b.enqueue("default", "add", "[2]", R"({"depends_on": ")" + waiting + "\"}");
    CPPUNIT_ASSERT(b.told.wait_for_story(waiting, "sent"));
    const json::Object answer = b.command(Z4J_ENGINE_DELETE, waiting, R"({"queue":"default"})");
    assert_outcome("done", answer);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, answer.at("warnings").get_array().size());
    CPPUNIT_ASSERT(b.told.wait_for_story(waiting, "sent revoked"));
    assert_outcome("done", b.command(Z4J_ENGINE_DELETE, child, "{}"));
    assert_outcome("refused", b.command(Z4J_ENGINE_DELETE, child, "{}"));
    b.start_worker("w1", {"default"});
    const std::string done = b.enqueue("default", "add", "[3]");
    CPPUNIT_ASSERT(wait_for_status(b, done, "finished"));
    CPPUNIT_ASSERT(eventually(
        [&] { return text(b.command(Z4J_ENGINE_DELETE, done, "{}"), "outcome") == "done"; }));
    const std::string running = b.enqueue("default", "slow", R"(["d", 60])");
    CPPUNIT_ASSERT(b.wait_for_runs("slow d", 1));
    assert_outcome("refused", b.command(Z4J_ENGINE_DELETE, running, "{}"));
    for (const std::string& id : {waiting, child, done}) {
      for (const std::string& key :
           {"rq:job:" + id, "rq:results:" + id, "rq:job:" + id + ":dependents"})
        CPPUNIT_ASSERT_EQUAL_MESSAGE(key, std::int64_t{0}, raw.command({"EXISTS", key}).integer);
    }
    CPPUNIT_ASSERT_EQUAL(0, b.runs("add 1 1") + b.runs("add 2 1"));
    works(b, "delete_task", "emulated");
  }

  void tells_states_and_results() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string good = b.enqueue("default", "add", "[20]", "{}");
    const std::string bad = b.enqueue("default", "boom", R"(["bad"])");
    CPPUNIT_ASSERT(wait_for_status(b, good, "finished") && wait_for_status(b, bad, "failed"));
    CPPUNIT_ASSERT(eventually([&] {
      const json::Object states = b.snapshot(
          "state", R"({"task_ids":[)" + as_json(good) + "," + as_json(bad) + R"(,"never"]})");
      return json::write(items_of(states)[0].get_object().at("state")) == "\"success\"" &&
             items_of(states)[0].get_object().if_contains("result") != nullptr &&
             json::write(items_of(states)[0].get_object().at("result")) == "21" &&
             text(items_of(states)[1].get_object(), "exception") == "ValueError: bad" &&
             text(items_of(states)[2].get_object(), "state") == "unknown";
    }));
    works(b, "reconcile_task", "native");
    works(b, "result_value", "conditional");
  }

  // RQ's maintenance may take a job for abandoned whose end it did not see.
  void what_finished_never_counts_as_failed() {
    Bench b;
    b.start_worker("w1", {"default"});
    const std::string id = b.enqueue("default", "add", "[41]");
    CPPUNIT_ASSERT(wait_for_status(b, id, "finished"));
    z4j::redis::Connection raw(z4j::redis::parse_url(b.redis.url()));
    static_cast<void>(raw.pipeline({{"HSET", "rq:job:" + id, "status", "failed"},
                                    {"XADD", "rq:results:" + id, "*", "type", "2"},
                                    {"ZREM", "rq:finished:default", id},
                                    {"ZADD", "rq:failed:default", "2000000000", id}}));
    b.start_plugin();
    CPPUNIT_ASSERT(b.told.wait_for_story(id, "sent started succeeded"));
    CPPUNIT_ASSERT_EQUAL(1u, b.told.of(id)[2].attempt);
    const json::Object states = b.snapshot("state", R"({"task_ids":[)" + as_json(id) + "]}");
    const json::Object& state = items_of(states)[0].get_object();
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(state), std::string("success"), text(state, "state"));
    CPPUNIT_ASSERT_EQUAL(std::string("42"), json::write(state.at("result")));
    CPPUNIT_ASSERT(text(state, "evidence").find("abandoned") != std::string::npos);
  }

  void lists_queues_jobs_workers_and_functions() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string id = b.enqueue("other", "add", "[4]");
    CPPUNIT_ASSERT(b.told.wait_for_story(id, "sent"));
    CPPUNIT_ASSERT(eventually([&] { return items_of(b.snapshot("workers", "{}")).size() == 1; }));
    CPPUNIT_ASSERT(!items_of(b.snapshot("queues", "{}")).empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                         items_of(b.snapshot("waiting", R"({"queue":"other"})")).size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, items_of(b.snapshot("registry", "{}")).size());
    for (const char* action : {"list_queues", "list_waiting", "list_workers"})
      works(b, action, "native");
    works(b, "task_registry", "emulated");
  }

  void says_what_it_can_and_cannot() {
    Bench b;
    b.start_plugin();
    const auto ability = [&](const std::string& action) {
      const json::Object answer = b.snapshot("abilities", "{}");
      for (const json::Value& item : items_of(answer)) {
        if (text(item.get_object(), "action") == action) return item.get_object();
      }
      return json::Object();
    };
    CPPUNIT_ASSERT_EQUAL(std::size_t{26}, items_of(b.snapshot("abilities", "{}")).size());
    for (const char* action : {"rate_limit", "pool_resize", "autoscale", "add_consumer",
                               "cancel_consumer", "restart_worker", "pause_queue"}) {
      const json::Object o = ability(action);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(action, std::string("impossible"), text(o, "how"));
      CPPUNIT_ASSERT_MESSAGE(action, !flag(o, "available") && !text(o, "reason").empty());
      z4j::testing::note_cell(
          {"rq", "redis", b.version(), action, "impossible", "refused", text(o, "reason")});
    }
    for (const std::uint64_t verb :
         {Z4J_ENGINE_RATE, Z4J_ENGINE_POOL, Z4J_ENGINE_AUTOSCALE, Z4J_ENGINE_RESTART})
      CPPUNIT_ASSERT_EQUAL(std::string("unsupported"), text(b.command(verb, "w1", "{}"), "error"));
    CPPUNIT_ASSERT(!flag(ability("terminate_running"), "available"));
    b.start_worker("w1", {"default"});
    CPPUNIT_ASSERT(eventually([&] { return flag(ability("terminate_running"), "available"); }));
    CPPUNIT_ASSERT(flag(ability("shutdown_worker"), "available"));
    CPPUNIT_ASSERT(flag(ability("submit_task"), "available"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EngineRqActionsTest);

}  // namespace
