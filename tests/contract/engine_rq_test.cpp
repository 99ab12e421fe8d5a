// engine-rq against real RQ: what it tells, shows and does, compared with what the workers log.
#include <cppunit/extensions/HelperMacros.h>

#include <signal.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <string>

#include "engine_rq_bench.hpp"
#include "lib/redis/redis.hpp"

namespace {

using z4j::plugin::Health;
using z4j::rq_contract::Bench;
using z4j::rq_contract::eventually;
using z4j::rq_contract::flag;
using z4j::rq_contract::number;
using z4j::rq_contract::shown;
using z4j::rq_contract::text;
using z4j::rq_contract::ToldEvent;
namespace json = z4j::base::json;

void assert_story(const Bench& b, const std::string& id, const std::string& wanted) {
  const bool is_so = b.told.wait_for_story(id, wanted);
  CPPUNIT_ASSERT_MESSAGE("told of " + id + ": " + b.told.story(id) + ", wanted: " + wanted, is_so);
}

class EngineRqTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EngineRqTest);
  CPPUNIT_TEST(tells_jobs_from_sent_to_end);
  CPPUNIT_TEST(tells_retries_of_rq_itself);
  CPPUNIT_TEST(tells_what_was_there_before_as_rebuilt);
  CPPUNIT_TEST(tells_every_job_of_a_burst);
  CPPUNIT_TEST(runs_a_failed_job_again_under_its_id);
  CPPUNIT_TEST(repeats_a_finished_job_as_a_new_one);
  CPPUNIT_TEST(runs_a_copy_with_other_arguments);
  CPPUNIT_TEST(refuses_what_it_cannot_repeat_whole);
  CPPUNIT_TEST(cancels_waiting_and_scheduled_jobs);
  CPPUNIT_TEST(stops_a_running_job);
  CPPUNIT_TEST(purges_and_says_what_stays);
  CPPUNIT_TEST(pauses_and_resumes_all_workers);
  CPPUNIT_TEST(enqueues);
  CPPUNIT_TEST(shows_workers_queues_waiting_state_and_registry);
  CPPUNIT_TEST(survives_hostile_content);
  CPPUNIT_TEST(says_why_redis_is_out_of_sight);
  CPPUNIT_TEST(shows_a_gap_when_redis_was_away);
  CPPUNIT_TEST(stops_in_time_while_redis_hangs);
  CPPUNIT_TEST_SUITE_END();

  void tells_jobs_from_sent_to_end() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string good = b.enqueue("default", "add", "[3, 4]");
    const std::string bad = b.enqueue("default", "boom", R"(["no luck"])");
    const std::string seen_running = b.enqueue("default", "slow", R"(["a", 1.5])");
    assert_story(b, good, "sent started succeeded");
    assert_story(b, bad, "sent started failed");
    const std::vector<ToldEvent> story = b.told.of(good);
    CPPUNIT_ASSERT_EQUAL(std::string("engine_rq_jobs.add"), story[0].task);
    CPPUNIT_ASSERT_EQUAL(std::string("default"), story[0].queue);
    CPPUNIT_ASSERT_EQUAL(std::string("[3,4]"), json::write(story[0].attrs.at("args")));
    CPPUNIT_ASSERT_EQUAL(std::string("{}"), json::write(story[0].attrs.at("kwargs")));
    CPPUNIT_ASSERT_EQUAL(std::string("7"), json::write(story[2].attrs.at("result")));
    CPPUNIT_ASSERT_EQUAL(std::string("w1"), story[2].worker);
    CPPUNIT_ASSERT(story[2].runtime_us >= 0);
    CPPUNIT_ASSERT(story[0].time_us <= story[1].time_us && story[1].time_us <= story[2].time_us);
    CPPUNIT_ASSERT(!flag(story[0].attrs, "rebuilt"));
    assert_story(b, seen_running, "sent started succeeded");
    CPPUNIT_ASSERT_EQUAL(1u, b.told.of(seen_running)[2].attempt);
    const std::vector<ToldEvent> failed = b.told.of(bad);
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError: no luck"), text(failed[2].attrs, "exception"));
    CPPUNIT_ASSERT(text(failed[2].attrs, "traceback").find("engine_rq_jobs.py") !=
                   std::string::npos);
    CPPUNIT_ASSERT(b.told.wait_for([](const std::vector<ToldEvent>& all) {
      for (const ToldEvent& e : all) {
        if (e.kind == Z4J_EV_WORKER_UP && e.worker == "w1") return true;
      }
      return false;
    }));
    b.stop_worker("w1", SIGTERM);
    CPPUNIT_ASSERT(b.told.wait_for([](const std::vector<ToldEvent>& all) {
      return !all.empty() && all.back().kind == Z4J_EV_WORKER_DOWN;
    }));
  }

  void tells_retries_of_rq_itself() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string id =
        b.enqueue("default", "boom_once", R"(["r1"])", R"({"retry": 2, "interval": 3})");
    CPPUNIT_ASSERT(
        eventually([&] { return b.told.story(id).find("succeeded") != std::string::npos; }));
    CPPUNIT_ASSERT_EQUAL(std::string("sent started retried sent started succeeded"),
                         b.told.story(id));
    const std::vector<ToldEvent> story = b.told.of(id);
    CPPUNIT_ASSERT_EQUAL(1u, story[2].attempt);
    CPPUNIT_ASSERT_EQUAL(2u, story[5].attempt);
    CPPUNIT_ASSERT_EQUAL(2, b.runs("boom_once r1"));
  }

  void tells_what_was_there_before_as_rebuilt() {
    Bench b;
    b.start_worker("w1", {"default"});
    const std::string done = b.enqueue("default", "add", "[1]");
    const std::string failed = b.enqueue("default", "boom", R"(["x"])");
    const std::string waiting = b.enqueue("other", "add", "[2]");
    const std::string later = b.enqueue("other", "add", "[5]", R"({"delay": 3600})");
    CPPUNIT_ASSERT(b.wait_for_runs("boom x", 1));
    b.start_plugin();
    assert_story(b, done, "sent started succeeded");
    assert_story(b, failed, "sent started failed");
    assert_story(b, waiting, "sent");
    assert_story(b, later, "sent");
    CPPUNIT_ASSERT(flag(b.told.of(done)[2].attrs, "rebuilt"));
    CPPUNIT_ASSERT(flag(b.told.of(waiting)[0].attrs, "rebuilt"));
    CPPUNIT_ASSERT(b.told.of(later)[0].attrs.if_contains("eta") != nullptr);
  }

  // More than one page at once, and members that do not come at the end of their registry.
  void tells_every_job_of_a_burst() {
    Bench b;
    b.start_plugin();
    z4j::redis::Connection raw(z4j::redis::parse_url(b.redis.url()));
    const std::string first = b.enqueue("default", "add", "[1]");
    assert_story(b, first, "sent");
    const std::string data = raw.command({"HGET", "rq:job:" + first, "data"}).text;
    const auto make = [&](const std::string& id, const std::string& status) -> z4j::redis::Args {
      const std::string ended = status == "finished" ? "2026-01-02T03:04:07.000000Z" : "";
      const std::string started = status == "finished" ? "2026-01-02T03:04:06.000000Z" : "";
      return {"HSET",        "rq:job:" + id,
              "status",      status,
              "origin",      "default",
              "data",        data,
              "created_at",  "2026-01-02T03:04:05.000000Z",
              "enqueued_at", "2026-01-02T03:04:05.000000Z",
              "started_at",  started,
              "ended_at",    ended};
    };
    std::vector<z4j::redis::Args> commands;
    for (int i = 0; i < 1500; ++i) {
      commands.push_back(make("q" + std::to_string(i), "queued"));
      commands.push_back({"RPUSH", "rq:queue:default", "q" + std::to_string(i)});
      commands.push_back(make("f" + std::to_string(i), "finished"));
      commands.push_back({"ZADD", "rq:finished:default",
                          std::to_string(2'000'000'000 - (i * 7919) % 1500),
                          "f" + std::to_string(i)});
    }
    static_cast<void>(raw.pipeline(commands));
    assert_story(b, "q1499", "sent");
    const auto count = [&](std::uint16_t kind, char letter) {
      std::set<std::string> ids;
      for (const ToldEvent& e : b.told.all()) {
        if (e.kind == kind && e.task_id[0] == letter) ids.insert(e.task_id);
      }
      return ids.size();
    };
    CPPUNIT_ASSERT(eventually(
        [&] { return count(Z4J_EV_SENT, 'q') == 1500 && count(Z4J_EV_SUCCEEDED, 'f') == 1500; }));
    // A short-lived one lands far from the highest score.
    static_cast<void>(raw.pipeline(
        {make("late", "finished"), {"ZADD", "rq:finished:default", "1999999000", "late"}}));
    assert_story(b, "late", "sent started succeeded");
  }

  void runs_a_failed_job_again_under_its_id() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string id = b.enqueue("default", "boom_once", R"(["again"])");
    assert_story(b, id, "sent started failed");
    const json::Object answer =
        b.command(Z4J_ENGINE_RETRY, id,
                  R"({"task_name":"engine_rq_jobs.boom_once","queue":"default","recorded":{}})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::string("done"), text(answer, "outcome"));
    CPPUNIT_ASSERT_EQUAL(id, text(answer, "new_task_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("job"), text(answer, "source"));
    CPPUNIT_ASSERT(b.wait_for_runs("boom_once again", 2));
    assert_story(b, id, "sent started failed sent started succeeded");
    CPPUNIT_ASSERT_EQUAL(2u, b.told.of(id)[5].attempt);
    CPPUNIT_ASSERT_EQUAL(std::string("\"second time\""),
                         json::write(b.told.of(id)[5].attrs.at("result")));
  }

  void repeats_a_finished_job_as_a_new_one() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string method = b.enqueue("default", "count", "[2]");
    assert_story(b, method, "sent started succeeded");
    const json::Object answer = b.command(Z4J_ENGINE_RETRY, method, "{}");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::string("done"), text(answer, "outcome"));
    const std::string fresh = text(answer, "new_task_id");
    CPPUNIT_ASSERT(fresh != method && !fresh.empty());
    CPPUNIT_ASSERT(b.wait_for_runs("count 42", 2));
    assert_story(b, fresh, "sent started succeeded");
    CPPUNIT_ASSERT_EQUAL(std::string("sent started succeeded"), b.told.story(method));
  }

  void runs_a_copy_with_other_arguments() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string id = b.enqueue("default", "boom", R"(["first", 3])");
    assert_story(b, id, "sent started failed");
    const json::Object answer =
        b.command(Z4J_ENGINE_RETRY, id,
                  R"({"override_args":["second"],"override_kwargs":{"times":[1,null,"x"]}})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::string("done"), text(answer, "outcome"));
    CPPUNIT_ASSERT_EQUAL(std::string("operator"), text(answer, "source"));
    const std::string fresh = text(answer, "new_task_id");
    CPPUNIT_ASSERT(fresh != id);
    CPPUNIT_ASSERT(b.wait_for_runs("boom second", 1));
    CPPUNIT_ASSERT_EQUAL(1, b.runs("boom first"));
    assert_story(b, fresh, "sent started failed");
    // A delayed one waits in the scheduled registry.
    const json::Object delayed = b.command(Z4J_ENGINE_RETRY, id, R"({"eta_seconds":3600})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(delayed), std::string("done"), text(delayed, "outcome"));
    const json::Object waiting = b.snapshot("waiting", R"({"queue":"default"})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(waiting), std::size_t{1},
                                 waiting.at("items").get_array().size());
    CPPUNIT_ASSERT(waiting.at("items").get_array()[0].get_object().if_contains("eta") != nullptr);
  }

  void refuses_what_it_cannot_repeat_whole() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string object = b.enqueue("default", "secret_object", "[]", R"({"object": true})");
    const std::string method = b.enqueue("default", "count", "[2]");
    const std::string waiting = b.enqueue("other", "add", "[2]");
    assert_story(b, object, "sent started succeeded");
    assert_story(b, method, "sent started succeeded");
    const auto outcome = [&](const std::string& id, const std::string& args) {
      return text(b.command(Z4J_ENGINE_RETRY, id, args), "outcome");
    };
    CPPUNIT_ASSERT_EQUAL(std::string("refused"), outcome(object, R"({"override_kwargs":{"a":1}})"));
    CPPUNIT_ASSERT_EQUAL(std::string("refused"), outcome(method, R"({"override_args":[3]})"));
    CPPUNIT_ASSERT_EQUAL(std::string("refused"), outcome(waiting, "{}"));
    const json::Object gone =
        b.command(Z4J_ENGINE_RETRY, "never-was", R"({"recorded":{"args_repr":"[1]"}})");
    CPPUNIT_ASSERT_EQUAL(std::string("refused"), text(gone, "outcome"));
    CPPUNIT_ASSERT(text(gone, "reason").find("arguments not recoverable") == 0);
    CPPUNIT_ASSERT_EQUAL(1, b.runs("secret_object 2020-01-02"));
    CPPUNIT_ASSERT_EQUAL(std::string("done"), outcome(object, "{}"));
    CPPUNIT_ASSERT(b.wait_for_runs("secret_object 2020-01-02", 2));
  }

  void cancels_waiting_and_scheduled_jobs() {
    Bench b;
    b.start_plugin();
    const std::string waiting = b.enqueue("default", "add", "[1]");
    const std::string later = b.enqueue("default", "add", "[2]", R"({"delay": 3600})");
    const std::string child =
        b.enqueue("default", "add", "[3]", R"({"depends_on": ")" + waiting + "\"}");
    assert_story(b, child, "sent");
    json::Object answer = b.command(Z4J_ENGINE_REVOKE, waiting, R"({"terminate":false})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::string("done"), text(answer, "outcome"));
    CPPUNIT_ASSERT_EQUAL(std::string("waiting"), text(answer, "was"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number(answer, "removed_from_queue"));
    answer = b.command(Z4J_ENGINE_REVOKE, later, "{}");
    CPPUNIT_ASSERT_EQUAL(std::string("scheduled"), text(answer, "was"));
    answer = b.command(Z4J_ENGINE_REVOKE, child, "{}");
    CPPUNIT_ASSERT_EQUAL(std::string("done"), text(answer, "outcome"));
    for (const std::string& id : {waiting, later, child}) assert_story(b, id, "sent revoked");
    CPPUNIT_ASSERT_EQUAL(std::string("refused"),
                         text(b.command(Z4J_ENGINE_REVOKE, waiting, "{}"), "outcome"));
    b.start_worker("w1", {"default"});
    const std::string after = b.enqueue("default", "add", "[9]");
    assert_story(b, after, "sent started succeeded");
    CPPUNIT_ASSERT_EQUAL(0, b.runs("add 1 1"));
  }

  void stops_a_running_job() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string id = b.enqueue("default", "slow", R"(["s", 60])");
    CPPUNIT_ASSERT(b.wait_for_runs("slow s", 1));
    CPPUNIT_ASSERT_EQUAL(
        std::string("refused"),
        text(b.command(Z4J_ENGINE_REVOKE, id, R"({"terminate":false})"), "outcome"));
    const json::Object answer = b.command(Z4J_ENGINE_REVOKE, id, R"({"terminate":true})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::string("done"), text(answer, "outcome"));
    CPPUNIT_ASSERT_EQUAL(std::string("running"), text(answer, "was"));
    assert_story(b, id, "sent started revoked");
    CPPUNIT_ASSERT(flag(b.told.of(id)[2].attrs, "terminated"));
    const std::string next = b.enqueue("default", "add", "[1]");
    assert_story(b, next, "sent started succeeded");
    CPPUNIT_ASSERT_EQUAL(0, b.runs("slow-end s"));
  }

  void purges_and_says_what_stays() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string running = b.enqueue("default", "slow", R"(["p", 60])");
    CPPUNIT_ASSERT(b.wait_for_runs("slow p", 1));
    const std::string one = b.enqueue("default", "add", "[1]");
    const std::string two = b.enqueue("default", "add", "[2]");
    const std::string later = b.enqueue("default", "add", "[3]", R"({"delay": 3600})");
    assert_story(b, two, "sent");
    const json::Object answer = b.command(Z4J_ENGINE_PURGE, "default", R"({"force":true})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::string("done"), text(answer, "outcome"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number(answer, "removed"));
    const json::Object& stays = answer.at("not_removed").get_object();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number(stays, "unacked"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number(stays, "scheduled"));
    assert_story(b, one, "sent revoked");
    assert_story(b, two, "sent revoked");
    const json::Object empty = b.command(Z4J_ENGINE_PURGE, "default", "{}");
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number(empty, "removed"));
  }

  void pauses_and_resumes_all_workers() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    assert_story(b, b.enqueue("default", "add", "[1]"), "sent started succeeded");
    CPPUNIT_ASSERT_EQUAL(
        std::string("refused"),
        text(b.command(Z4J_ENGINE_PAUSE, "default", R"({"pause":true})"), "outcome"));
    const json::Object paused = b.command(Z4J_ENGINE_PAUSE, "", R"({"pause":true})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(paused), std::string("done"), text(paused, "outcome"));
    CPPUNIT_ASSERT(
        flag(b.snapshot("queues", "{}").at("items").get_array()[0].get_object(), "paused"));
    const json::Object resumed = b.command(Z4J_ENGINE_PAUSE, "", R"({"pause":false})");
    CPPUNIT_ASSERT(!flag(resumed, "paused"));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid"),
                         text(b.command(Z4J_ENGINE_PAUSE, "", "{}"), "error"));
  }

  void enqueues() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default", "other"});
    const json::Object answer =
        b.command(Z4J_ENGINE_ENQUEUE, "engine_rq_jobs.add",
                  R"({"args":[20],"kwargs":{"y":22},"queue":"other","task_id":"mine_1"})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::string("mine_1"), text(answer, "new_task_id"));
    assert_story(b, "mine_1", "sent started succeeded");
    CPPUNIT_ASSERT_EQUAL(1, b.runs("add 20 22"));
    CPPUNIT_ASSERT_EQUAL(std::string("refused"),
                         text(b.command(Z4J_ENGINE_ENQUEUE, "engine_rq_jobs.add",
                                        R"({"args":[1],"task_id":"mine_1"})"),
                              "outcome"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("invalid"),
        text(b.command(Z4J_ENGINE_ENQUEUE, "engine_rq_jobs.add", R"({"args":"oops"})"), "error"));
  }

  void shows_workers_queues_waiting_state_and_registry() {
    Bench b;
    b.start_plugin();
    b.start_worker("w1", {"default"});
    const std::string done = b.enqueue("default", "add", "[1]");
    const std::string one = b.enqueue("other", "add", "[2]"),
                      two = b.enqueue("other", "count", "[3]");
    assert_story(b, done, "sent started succeeded");
    assert_story(b, two, "sent");
    const json::Object workers = b.snapshot("workers", R"({"limit":10})");
    const json::Object& w1 = workers.at("items").get_array().at(0).get_object();
    CPPUNIT_ASSERT_EQUAL(std::string("w1"), text(w1, "name"));
    CPPUNIT_ASSERT_EQUAL(std::string("online"), text(w1, "state"));
    CPPUNIT_ASSERT(number(w1, "pid") > 0);
    const json::Object queues = b.snapshot("queues", "{}");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, queues.at("items").get_array().size());
    const json::Object& other = queues.at("items").get_array()[1].get_object();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number(other, "pending"));
    CPPUNIT_ASSERT(other.at("oldest_age_s").is_double() &&
                   other.at("oldest_age_s").get_double() >= 0);
    const json::Object first = b.snapshot("waiting", R"({"queue":"other","limit":1})");
    CPPUNIT_ASSERT_EQUAL(one, text(first.at("items").get_array()[0].get_object(), "task_id"));
    const json::Object second = b.snapshot(
        "waiting", R"({"queue":"other","limit":1,"cursor":")" + text(first, "next") + "\"}");
    CPPUNIT_ASSERT_EQUAL(two, text(second.at("items").get_array()[0].get_object(), "task_id"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                         number(second.at("items").get_array()[0].get_object(), "position"));
    const json::Object state = b.snapshot("state", R"({"task_ids":[")" + done + R"(","never"]})");
    CPPUNIT_ASSERT_EQUAL(std::string("success"),
                         text(state.at("items").get_array()[0].get_object(), "state"));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown"),
                         text(state.at("items").get_array()[1].get_object(), "state"));
    const json::Object registry = b.snapshot("registry", "{}");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(registry), std::size_t{2},
                                 registry.at("items").get_array().size());
    CPPUNIT_ASSERT_EQUAL(std::string("unsupported"), text(b.snapshot("weather", "{}"), "error"));
  }

  void survives_hostile_content() {
    Bench b;
    b.start_plugin();
    z4j::redis::Connection raw(z4j::redis::parse_url(b.redis.url()));
    const std::string mark = b.redis.folder() + "/owned";
    const std::string evil = "cos\nsystem\n(S'touch " + mark + "'\ntR.";
    static_cast<void>(raw.pipeline({
        {"SADD", "rq:queues", "rq:queue:default", "rq:queue:\xff\xfe", "nonsense"},
        {"HSET", "rq:job:evil", "status", "queued", "origin", "default", "created_at",
         "2026-01-02T03:04:05Z", "data", evil},
        {"HSET", "rq:job:huge", "status", "queued", "origin", "default", "created_at",
         "2026-01-02T03:04:05Z", "data", std::string(3u << 20, 'x'), "description", "big.call(1)"},
        {"HSET", "rq:job:odd", "status", "\xff\xff", "origin", "def\xff", "created_at", "no time",
         "data", "\x80\x05."},
        {"SET", "rq:job:text", "not a hash"},
        {"RPUSH", "rq:queue:default", "evil", "huge", "odd", "text", "missing", "bad\xffid",
         std::string(5000, 'i')},
        {"SET", "rq:failed:default", "not a registry"},
        {"ZADD", "rq:finished:default", "inf", "evil"},
        {"SADD", "rq:workers", "rq:worker:ghost", "rq:worker:", "junk"},
    }));
    assert_story(b, "huge", "sent");
    CPPUNIT_ASSERT_EQUAL(std::string("big.call"), b.told.of("huge")[0].task);
    b.start_worker("w1", {"fine"});
    assert_story(b, b.enqueue("fine", "add", "[1]"), "sent started succeeded");
    CPPUNIT_ASSERT(b.snapshot("waiting", R"({"queue":"default"})").if_contains("items") != nullptr);
    CPPUNIT_ASSERT(b.snapshot("workers", "{}").if_contains("items") != nullptr);
    CPPUNIT_ASSERT(!std::filesystem::exists(mark));
    const json::Object purged = b.command(Z4J_ENGINE_PURGE, "default", "{}");
    CPPUNIT_ASSERT_MESSAGE(shown(purged), purged.if_contains("outcome") != nullptr ||
                                              purged.if_contains("error") != nullptr);
  }

  void says_why_redis_is_out_of_sight() {
    Bench b({"--requirepass", "right-word"});
    const std::string address = "127.0.0.1:" + std::to_string(b.redis.port());
    b.start_plugin("redis://:wrong-word@" + address + "/0");
    CPPUNIT_ASSERT_MESSAGE(
        b.told.health_why(),
        b.told.wait_for_health(Health::degraded, "refuses the user or password"));
    CPPUNIT_ASSERT(b.told.health_why().find("wrong-word") == std::string::npos);
    CPPUNIT_ASSERT(text(b.command(Z4J_ENGINE_PURGE, "default", "{}"), "error") == "denied");
    b.stop_plugin();
    b.start_plugin("redis://127.0.0.1:" + std::to_string(z4j::redis::testing::free_port()) + "/0");
    CPPUNIT_ASSERT(b.told.wait_for_health(Health::degraded, "refused"));
    CPPUNIT_ASSERT_EQUAL(std::string("unavailable"),
                         text(b.command(Z4J_ENGINE_REVOKE, "x", "{}"), "error"));
    b.stop_plugin();
    b.start_plugin("redis://:right-word@" + address + "/0");
    CPPUNIT_ASSERT(b.snapshot("queues", "{}").if_contains("items") != nullptr);
    CPPUNIT_ASSERT(b.log_of_plugin().find("wrong-word") == std::string::npos);
  }

  void shows_a_gap_when_redis_was_away() {
    Bench b;
    b.start_worker("w1", {"default"});
    const std::string before = b.enqueue("default", "add", "[1]");
    b.start_plugin();
    assert_story(b, before, "sent started succeeded");
    const std::string during = b.enqueue("other", "add", "[2]");
    b.redis.stop();
    CPPUNIT_ASSERT(b.told.wait_for_health(Health::degraded, ""));
    b.redis.start();
    CPPUNIT_ASSERT(b.told.wait_for_health(Health::ok, ""));
    CPPUNIT_ASSERT(b.told.wait_for([](const std::vector<ToldEvent>& all) {
      for (const ToldEvent& e : all) {
        if (e.attrs.if_contains("gap") != nullptr)
          return e.kind == Z4J_EV_UNKNOWN && e.task_id.empty();
      }
      return false;
    }));
    assert_story(b, during, "sent");
    CPPUNIT_ASSERT_EQUAL(std::string("sent started succeeded"), b.told.story(before));
    const std::string after = b.enqueue("other", "add", "[3]");
    assert_story(b, after, "sent");
  }

  void stops_in_time_while_redis_hangs() {
    Bench b;
    b.start_plugin();
    assert_story(b, b.enqueue("default", "add", "[1]"), "sent");
    CPPUNIT_ASSERT(b.snapshot("queues", "{}").if_contains("items") != nullptr);
    b.redis.signal(SIGSTOP);
    const auto begun = std::chrono::steady_clock::now();
    b.stop_plugin();
    const auto took = std::chrono::steady_clock::now() - begun;
    b.redis.signal(SIGCONT);
    CPPUNIT_ASSERT(took < std::chrono::seconds(10));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EngineRqTest);

}  // namespace
