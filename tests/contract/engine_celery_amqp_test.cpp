// engine-celery over RabbitMQ with real Celery workers; what does not depend on the broker is
// tested on Redis.
#include <cppunit/extensions/HelperMacros.h>

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cells.hpp"
#include "engine_celery_bench.hpp"
#include "rabbitmq.hpp"

namespace {

using z4j::celery_contract::Bench;
using z4j::celery_contract::eventually;
using z4j::celery_contract::ToldEvent;
using z4j::plugin::Health;
namespace json = z4j::base::json;

constexpr int kVhosts = 24;

// One broker for the program. In queues named "frail..." messages die after a moment, those that
// "spoiled..." rejects die at once; both go to the queue "dead".
struct Server {
  std::string folder = make_folder();
  z4j::testing::RabbitMQ broker{
      kVhosts,
      folder + "/cert.pem",
      folder + "/key.pem",
      {R"({"pattern": "^frail", "definition": {"message-ttl": 200, "dead-letter-exchange": "", "dead-letter-routing-key": "dead"}})",
       R"({"pattern": "^spoiled", "definition": {"dead-letter-exchange": "", "dead-letter-routing-key": "dead"}})"},
      z4j::testing::RabbitMQ::Management::served};
  int vhosts = 0;

  static Server& get() {
    static Server server;
    return server;
  }
  ~Server() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

 private:
  static std::string make_folder() {
    std::string name = z4j::redis::testing::make_temp_dir();
    const std::string make =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
        "/CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -out " +
        name + "/cert.pem -keyout " + name + "/key.pem >/dev/null 2>&1";
    if (std::system(make.c_str()) != 0) throw std::runtime_error("openssl");
    return name;
  }
};

std::string text(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string().c_str()) : std::string();
}
std::int64_t number(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  return v != nullptr && v->is_number() ? v->to_number<std::int64_t>() : -1;
}
std::string shown(const json::Object& o) { return json::write(json::Value(o)); }

json::Array items_of(const json::Object& page) {
  const json::Value* items = page.if_contains("items");
  return items != nullptr && items->is_array() ? items->get_array() : json::Array();
}
json::Object item_named(const json::Object& page, std::string_view key, const std::string& value) {
  for (const json::Value& item : items_of(page)) {
    if (text(item.get_object(), key) == value) return item.get_object();
  }
  return {};
}

void assert_outcome(const json::Object& answer, const std::string& outcome) {
  CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), outcome, text(answer, "outcome"));
}

json::Object ability(Bench& b, const std::string& action) {
  const json::Object item = item_named(b.snapshot("abilities"), "action", action);
  CPPUNIT_ASSERT_MESSAGE(action, !item.empty());
  return item;
}

// A cell of the capability matrix, with the version that the workers say they are.
void note(Bench& b, const std::string& action, const char* result) {
  if (std::getenv("Z4J_CELLS") == nullptr) return;
  std::string version;
  for (const json::Value& w : items_of(b.snapshot("workers"))) {
    if (version.empty()) version = text(w.get_object(), "version");
  }
  const json::Object told = ability(b, action);
  z4j::testing::note_cell({"celery", "rabbitmq", version.empty() ? "5.2.6" : version, action,
                           text(told, "how"), result, text(told, "reason")});
}

// Workers and plugin on a vhost of the test's own.
struct Rabbit {
  Server& server = Server::get();
  std::string url = server.broker.url("v" + std::to_string(server.vhosts++ % kVhosts));
  Bench bench;

  explicit Rabbit(std::vector<std::string> environment = {})
      : bench(with_broker(std::move(environment), url)) {}

  void start_plugin(json::Object settings = {}) {
    settings["result_backend"] = bench.redis.url();
    bench.start_plugin(settings, url);
  }
  // What the probe prints, line by line.
  std::vector<std::string> probe(const std::string& what, const std::string& queue,
                                 const std::string& arguments = {}) const {
    const std::string command =
        "/usr/bin/python3 -B " Z4J_SOURCE_DIR "/tests/contract/rabbitmq_probe.py " + what + " '" +
        url + "' '" + queue + "'" + (arguments.empty() ? "" : " '" + arguments + "'");
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("popen");
    std::string out;
    char chunk[4096];
    for (std::size_t n = 0; (n = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;)
      out.append(chunk, n);
    if (::pclose(pipe) != 0) throw std::runtime_error("the probe failed: " + what);
    std::vector<std::string> lines;
    std::istringstream in(out);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  std::string depth(const std::string& queue) const { return probe("depth", queue).front(); }

 private:
  static std::vector<std::string> with_broker(std::vector<std::string> environment,
                                              const std::string& url) {
    environment.push_back("Z4J_TEST_BROKER=" + url);
    return environment;
  }
};

class EngineCeleryAmqpTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EngineCeleryAmqpTest);
  CPPUNIT_TEST(tells_tasks_and_runs_them_again);
  CPPUNIT_TEST(runs_a_chain_again_from_a_dead_letter);
  CPPUNIT_TEST(a_dead_member_of_a_chain_runs_again_and_so_does_what_follows);
  CPPUNIT_TEST(a_dead_member_of_a_group_runs_again_with_its_callback);
  CPPUNIT_TEST(a_dead_member_of_a_chord_goes_on_in_its_place);
  CPPUNIT_TEST(a_member_that_its_chord_has_counted_runs_again_outside_of_it);
  CPPUNIT_TEST(finds_queues_and_dead_letters_through_the_management_api);
  CPPUNIT_TEST(lives_without_a_management_api_that_refuses);
  CPPUNIT_TEST(runs_a_waiting_message_again_where_looking_is_allowed);
  CPPUNIT_TEST(cancels_waiting_reserved_and_running_tasks);
  CPPUNIT_TEST(purges_and_tells_what_went);
  CPPUNIT_TEST(puts_a_queue_aside_and_back);
  CPPUNIT_TEST(serves_priorities_and_refuses_a_queue_that_is_not_there);
  CPPUNIT_TEST(shows_queues_as_the_broker_counts_them);
  CPPUNIT_TEST(asks_workers_to_change);
  CPPUNIT_TEST(speaks_to_workers_whose_control_exchange_is_renamed);
  CPPUNIT_TEST(says_what_tasks_and_workers_are);
  CPPUNIT_TEST(works_over_tls);
  CPPUNIT_TEST(says_why_the_broker_is_out_of_sight);
  CPPUNIT_TEST(shows_a_gap_when_the_broker_was_away);
  CPPUNIT_TEST_SUITE_END();

  void tells_tasks_and_runs_them_again() {
    Rabbit r;
    r.start_plugin();
    r.bench.start_worker("w1");
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());
    const std::vector<std::string> ids = r.bench.send(
        R"([{"task": "add", "args": [3, 4]}, {"task": "boom", "args": ["no luck"]}, {"task": "flaky", "args": ["f"]}])");
    CPPUNIT_ASSERT(eventually([&] {
      return r.bench.told.story(ids[0]) == "received started succeeded" &&
             r.bench.told.story(ids[1]) == "received started failed" &&
             r.bench.told.live(ids[2]).size() == 6;
    }));
    const ToldEvent failed = r.bench.told.live(ids[1]).back();
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError('no luck')"), text(failed.attrs, "exception"));
    const ToldEvent received = r.bench.told.live(ids[1]).front();
    const json::Object recorded = {{"args_repr", text(received.attrs, "args")},
                                   {"kwargs_repr", text(received.attrs, "kwargs")},
                                   {"task_name", received.task},
                                   {"queue", "other"}};
    const json::Object answer =
        r.bench.command(Z4J_ENGINE_RETRY, ids[1], shown({{"recorded", recorded}}));
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("repr"), text(answer, "source"));
    CPPUNIT_ASSERT(r.bench.wait_for_runs("boom no luck", 2));
    assert_outcome(r.bench.command(Z4J_ENGINE_RETRY, "never-seen", "{}"), "refused");
    assert_outcome(r.bench.command(Z4J_ENGINE_ENQUEUE, "engine_celery_tasks.take",
                                   R"({"args": [{"n": 12345678901234567890123}], "kwargs": {}})"),
                   "done");
    CPPUNIT_ASSERT(r.bench.wait_for_runs(R"(take {"n": 12345678901234567890123})", 1));
    note(r.bench, "retry_task", "works");
  }

  void runs_a_chain_again_from_a_dead_letter() {
    Rabbit r;
    r.probe("declare", "dead", "{}");
    r.start_plugin({{"queues", {"frail"}}, {"dead_letter_queues", {"dead"}}});
    r.bench.start_worker("w1");
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());
    r.bench.send(
        R"([{"task": "take", "args": ["one"], "then": [20, 22], "options": {"queue": "frail", "priority": 3, "headers": {"x-tenant": "t1"}}}])");
    json::Object dead;
    CPPUNIT_ASSERT(eventually([&] {
      const json::Array items = items_of(r.bench.snapshot("dead_letters"));
      if (items.empty()) return false;
      dead = items.front().get_object();
      return true;
    }));
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(dead), std::string("frail"), text(dead, "origin"));
    CPPUNIT_ASSERT_EQUAL(std::string("expired"), text(dead, "why"));
    CPPUNIT_ASSERT_EQUAL(std::string("engine_celery_tasks.take"), text(dead, "name"));
    CPPUNIT_ASSERT(number(dead, "dead_at") > 1'000'000'000);
    const std::string id = text(dead, "task_id");
    // What cannot go where it is sent still lies among the dead afterwards.
    assert_outcome(
        r.bench.command(Z4J_ENGINE_DEAD_LETTERS, id, R"({"queue": "dead", "to": "nowhere"})"),
        "refused");
    assert_outcome(r.bench.command(Z4J_ENGINE_DEAD_LETTERS, "another", R"({"queue": "dead"})"),
                   "refused");
    const json::Object there = json::parse(r.probe("look", "dead").front()).value().get_object();
    const json::Object headers = there.at("headers").get_object();
    r.probe("declare", "idle", "{}");
    assert_outcome(
        r.bench.command(Z4J_ENGINE_DEAD_LETTERS, id, R"({"queue": "dead", "to": "idle"})"), "done");
    CPPUNIT_ASSERT_EQUAL(std::string("0"), r.depth("dead"));
    // The same message but for what the broker wrote into it.
    const json::Object moved = json::parse(r.probe("look", "idle").front()).value().get_object();
    json::Object same = headers;
    for (const char* name :
         {"x-death", "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason"})
      same.erase(name);
    CPPUNIT_ASSERT_EQUAL(shown(same), shown(moved.at("headers").get_object()));
    CPPUNIT_ASSERT_EQUAL(json::write(there.at("properties")), json::write(moved.at("properties")));
    CPPUNIT_ASSERT_EQUAL(text(there, "body"), text(moved, "body"));
    CPPUNIT_ASSERT_EQUAL(std::string("t1"), text(same, "x-tenant"));
    r.bench.start_worker("w2", "idle");
    CPPUNIT_ASSERT(r.bench.wait_for_runs("take \"one\"", 1));
    CPPUNIT_ASSERT(r.bench.wait_for_runs("add 20 22", 1));
    note(r.bench, "requeue_dead_letter", "works");
  }

  // Workers, a queue of dead letters that is known, and these jobs, of which one task has died;
  // answers its id.
  static std::string start_with_a_dead_task(Rabbit& r, const std::string& jobs) {
    r.probe("declare", "dead", "{}");
    r.start_plugin({{"dead_letter_queues", {"dead"}}});
    r.bench.start_worker("w1", "celery,other,spoiled");
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());
    r.bench.send(jobs);
    std::string id;
    CPPUNIT_ASSERT(eventually([&] {
      const json::Array items = items_of(r.bench.snapshot("dead_letters"));
      if (!items.empty()) id = text(items.front().get_object(), "task_id");
      return !id.empty();
    }));
    return id;
  }
  static json::Object retry(Rabbit& r, const std::string& id, const std::string& args) {
    const json::Object answer = r.bench.command(Z4J_ENGINE_RETRY, id, args);
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::string("message"), text(answer, "source"));
    return answer;
  }

  void a_dead_member_of_a_chain_runs_again_and_so_does_what_follows() {
    Rabbit r;
    const std::string id = start_with_a_dead_task(
        r, R"([{"task": "add", "args": [1, 2], "then_plus": 10, "options": {"queue": "frail"}}])");
    const json::Object answer = retry(r, id, R"({"queue": "other"})");
    CPPUNIT_ASSERT(text(answer, "new_task_id") != id);
    CPPUNIT_ASSERT(r.bench.wait_for_runs("add 1 2", 1));
    CPPUNIT_ASSERT(r.bench.wait_for_runs("add 3 10", 1));
    // It was looked at, and lies where it lay.
    CPPUNIT_ASSERT(shown(answer).find("among the dead letters in dead") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(
        id, text(items_of(r.bench.snapshot("dead_letters")).at(0).get_object(), "task_id"));
  }

  void a_dead_member_of_a_group_runs_again_with_its_callback() {
    Rabbit r;
    const std::string id = start_with_a_dead_task(
        r,
        R"([{"task": "add", "args": [1, 2], "link_plus": 10, "beside": [[3, 4]], "options": {"queue": "frail"}}])");
    CPPUNIT_ASSERT(r.bench.wait_for_runs("add 3 4", 1));
    const json::Object answer = retry(r, id, R"({"queue": "other"})");
    CPPUNIT_ASSERT(text(answer, "new_task_id") != id);
    CPPUNIT_ASSERT(r.bench.wait_for_runs("add 3 10", 1));
    CPPUNIT_ASSERT_EQUAL(1, r.bench.runs("add 3 4"));
  }

  void a_dead_member_of_a_chord_goes_on_in_its_place() {
    Rabbit r;
    const std::string id = start_with_a_dead_task(
        r,
        R"([{"task": "add", "args": [1, 2], "beside": [[3, 4], [5, 6]], "sum": true, "options": {"queue": "frail"}}])");
    CPPUNIT_ASSERT(r.bench.wait_for_runs("add 3 4", 1));
    CPPUNIT_ASSERT(r.bench.wait_for_runs("add 5 6", 1));
    const json::Object answer = retry(r, id, R"({"queue": "other"})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), id, text(answer, "new_task_id"));
    CPPUNIT_ASSERT(r.bench.wait_for_runs("total [3, 7, 11]", 1));
    // Its dead letter went with it: nothing can put it into the chord once more.
    CPPUNIT_ASSERT_EQUAL(std::string("0"), r.depth("dead"));
    assert_outcome(r.bench.command(Z4J_ENGINE_RETRY, id, R"({"queue": "other"})"), "refused");
  }

  void a_member_that_its_chord_has_counted_runs_again_outside_of_it() {
    Rabbit r;
    const std::string id = start_with_a_dead_task(
        r,
        R"([{"task": "spoil", "args": ["x"], "beside": [[3, 4], [5, 6]], "sum": true, "options": {"queue": "spoiled"}}])");
    // To where it came from, since no other queue is named.
    const json::Object answer = retry(r, id, "{}");
    CPPUNIT_ASSERT_MESSAGE(shown(answer), text(answer, "new_task_id") != id);
    CPPUNIT_ASSERT(r.bench.wait_for_runs("spoil x", 2));
    CPPUNIT_ASSERT(eventually([&] { return r.depth("dead") == "2"; }));
  }

  void finds_queues_and_dead_letters_through_the_management_api() {
    Rabbit r;
    r.probe("declare", "dead", "{}");
    r.probe("declare", "unread", "{}");
    r.start_plugin({{"management_url", r.server.broker.management_url(r.server.broker.password())},
                    {"tls_ca_file", r.server.folder + "/cert.pem"}});
    r.bench.start_worker("w1");
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());
    r.bench.send(R"([{"task": "add", "args": [1, 2], "options": {"queue": "frail"}}])");
    std::string id;
    CPPUNIT_ASSERT(eventually([&] {
      const json::Array items = items_of(r.bench.snapshot("dead_letters"));
      if (!items.empty()) id = text(items.front().get_object(), "task_id");
      return !id.empty();
    }));
    static_cast<void>(retry(r, id, R"({"queue": "other"})"));
    CPPUNIT_ASSERT(r.bench.wait_for_runs("add 1 2", 1));
    json::Object page;
    CPPUNIT_ASSERT(eventually([&] {
      page = r.bench.snapshot("queues");
      return number(item_named(page, "name", "unread"), "unacked") == 0 &&
             number(item_named(page, "name", "dead"), "pending") == 1;
    }));
    CPPUNIT_ASSERT_EQUAL(std::string("native"), text(ability(r.bench, "list_queues"), "how"));
  }

  void lives_without_a_management_api_that_refuses() {
    Rabbit r;
    r.bench.start_worker("w1");
    const std::string url = r.server.broker.management_url("hunter2");
    r.start_plugin({{"management_url", url}, {"tls_ca_file", r.server.folder + "/cert.pem"}});
    CPPUNIT_ASSERT(r.bench.told.wait_for_health(Health::degraded, "refuses the user"));
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());
    r.bench.stop_plugin();
    r.start_plugin({{"management_url", url}});
    CPPUNIT_ASSERT(r.bench.told.wait_for_health(Health::degraded, "certificate"));
    CPPUNIT_ASSERT(r.bench.log_of_plugin().find("hunter2") == std::string::npos);
    CPPUNIT_ASSERT(r.bench.told.health_why().find("hunter2") == std::string::npos);
  }

  void runs_a_waiting_message_again_where_looking_is_allowed() {
    Rabbit r;
    r.bench.send(
        R"([{"task": "take", "args": ["one"], "then": [20, 22], "options": {"queue": "idle", "priority": 6}}])");
    r.bench.start_worker("w1");
    r.start_plugin({{"queues", {"idle"}}});
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());
    const json::Object refused = r.bench.snapshot("waiting", R"({"queue": "idle"})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(refused), std::string("unsupported"),
                                 text(refused, "error"));
    CPPUNIT_ASSERT(text(refused, "reason").find("look_at_most") != std::string::npos);
    r.bench.stop_plugin();
    r.start_plugin({{"queues", {"idle"}}, {"look_at_most", 100}});
    const json::Object page = r.bench.snapshot("waiting", R"({"queue": "idle"})");
    const std::string first = text(item_named(page, "name", "engine_celery_tasks.take"), "task_id");
    CPPUNIT_ASSERT_MESSAGE(shown(page), !first.empty());
    const json::Object answer = r.bench.command(Z4J_ENGINE_RETRY, first, R"({"queue": "other"})");
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("message"), text(answer, "source"));
    CPPUNIT_ASSERT(r.bench.wait_for_runs("take \"one\"", 1));
    CPPUNIT_ASSERT(r.bench.wait_for_runs("add 20 22", 1));
    CPPUNIT_ASSERT(eventually([&] { return r.depth("idle") == "1"; }));
    note(r.bench, "list_waiting", "works");
  }

  void cancels_waiting_reserved_and_running_tasks() {
    Rabbit r;
    r.start_plugin();
    r.bench.start_worker("w1", "celery", "1");
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());
    const std::vector<std::string> ids = r.bench.send(
        R"([{"task": "slow", "args": ["r"]}, {"task": "slow", "args": ["p"]}, {"task": "add", "args": [9, 9]}, {"task": "add", "args": [8, 8]},)"
        R"( {"task": "add", "args": [7, 7]}])");
    static_cast<void>(r.bench.told.wait_for_kind(ids[0], Z4J_EV_STARTED));
    static_cast<void>(r.bench.told.wait_for_kind(ids[1], Z4J_EV_RECEIVED));
    const json::Object waiting =
        r.bench.command(Z4J_ENGINE_REVOKE, ids[4], R"({"terminate": false})");
    assert_outcome(waiting, "sent");
    const json::Object reserved =
        r.bench.command(Z4J_ENGINE_REVOKE, ids[1], R"({"terminate": false})");
    assert_outcome(reserved, "done");
    CPPUNIT_ASSERT_EQUAL(std::string("reserved"), text(reserved, "was"));
    const json::Object running =
        r.bench.command(Z4J_ENGINE_REVOKE, ids[0], R"({"terminate": true, "signal": "SIGKILL"})");
    assert_outcome(running, "done");
    static_cast<void>(r.bench.told.wait_for_kind(ids[0], Z4J_EV_REVOKED));
    static_cast<void>(r.bench.told.wait_for_kind(ids[1], Z4J_EV_REVOKED));
    static_cast<void>(r.bench.told.wait_for_kind(ids[4], Z4J_EV_REVOKED));
    static_cast<void>(r.bench.told.wait_for_kind(ids[3], Z4J_EV_SUCCEEDED));
    CPPUNIT_ASSERT_EQUAL(0, r.bench.runs("add 7 7"));
    CPPUNIT_ASSERT_EQUAL(0, r.bench.runs("slow p"));
    note(r.bench, "cancel_waiting", "works");
    note(r.bench, "terminate_running", "works");
    r.bench.stop_worker("w1", SIGTERM);
    const json::Object nobody =
        r.bench.command(Z4J_ENGINE_REVOKE, "whatever", R"({"terminate": false})");
    assert_outcome(nobody, "refused");
    CPPUNIT_ASSERT_MESSAGE(shown(nobody), nobody.contains("nobody_listens"));
  }

  void purges_and_tells_what_went() {
    Rabbit r;
    r.probe("declare", "idle", "{}");
    r.start_plugin({{"queues", {"idle"}}});
    const std::vector<std::string> ids = r.bench.send(
        R"([{"task": "add", "args": [1, 1], "options": {"queue": "idle"}}, {"task": "add", "args": [1, 2], "options": {"queue": "idle"}},)"
        R"( {"task": "add", "args": [1, 3], "options": {"queue": "idle"}}])");
    const json::Object answer = r.bench.command(Z4J_ENGINE_PURGE, "idle", R"({"force": false})");
    assert_outcome(answer, "done");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::int64_t{3}, number(answer, "removed"));
    CPPUNIT_ASSERT_EQUAL(std::string("0"), r.depth("idle"));
    for (const std::string& id : ids)
      static_cast<void>(r.bench.told.wait_for_kind(id, Z4J_EV_REVOKED));
    CPPUNIT_ASSERT(answer.at("not_removed").at("unacked").is_null());
    assert_outcome(r.bench.command(Z4J_ENGINE_PURGE, "nobody-knows-it", R"({"force": false})"),
                   "refused");
    const json::Object missing =
        r.bench.command(Z4J_ENGINE_PURGE, "nobody-knows-it", R"({"force": true})");
    assert_outcome(missing, "refused");
    CPPUNIT_ASSERT(text(missing, "reason").find("no queue") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(
        std::string("invalid"),
        text(r.bench.command(Z4J_ENGINE_PURGE, "w1@test.celery.pidbox", R"({"force": true})"),
             "error"));
    note(r.bench, "purge_queue", "works");
  }

  void puts_a_queue_aside_and_back() {
    Rabbit r;
    r.probe("declare", "idle", "{}");
    r.start_plugin({{"queues", {"idle"}}});
    std::string jobs = "[";
    for (int i = 0; i < 250; ++i)
      jobs += std::string(i == 0 ? "" : ",") + R"({"task": "add", "args": [)" + std::to_string(i) +
              R"(, 1], "options": {"queue": "idle", "expires": 3600}})";
    r.bench.send(jobs + "]");
    const std::vector<std::string> before = r.probe("look", "idle");
    const std::string copy = "11111111-2222-4333-8444-555555555555";
    const auto step = [&](const char* name, json::Object more = {}) {
      more["copy"] = copy;
      more["step"] = name;
      return r.bench.command(Z4J_ENGINE_COPY, "idle", shown(more));
    };
    const json::Object taken = step("take");
    assert_outcome(taken, "done");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(taken), std::int64_t{250}, number(taken, "taken"));
    CPPUNIT_ASSERT_EQUAL(std::string("0"), r.depth("idle"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{250}, number(step("take"), "taken"));
    json::Array messages;
    for (std::string cursor;;) {
      const json::Object page = r.bench.snapshot(
          "copy", shown({{"queue", "idle"}, {"copy", copy}, {"limit", 100}, {"cursor", cursor}}));
      for (const json::Value& item : items_of(page))
        messages.push_back(item.get_object().at("body"));
      cursor = text(page, "next");
      if (cursor.empty()) break;
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{250}, messages.size());
    assert_outcome(step("drop"), "done");
    const json::Object part = {{"messages", messages}, {"part", 1}};
    assert_outcome(step("restore", part), "done");
    assert_outcome(step("restore", part), "done");
    const std::vector<std::string> after = r.probe("look", "idle");
    CPPUNIT_ASSERT_EQUAL(before.size(), after.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      json::Object was = json::parse(before[i]).value().get_object();
      json::Object is = json::parse(after[i]).value().get_object();
      CPPUNIT_ASSERT_EQUAL(shown(was), shown(is));
    }
    assert_outcome(step("take"), "done");
    CPPUNIT_ASSERT_EQUAL(std::string("250"), r.depth("idle"));  // that copy was taken before
    note(r.bench, "purge_with_copy", "works");
  }

  void serves_priorities_and_refuses_a_queue_that_is_not_there() {
    Rabbit r;
    r.probe("declare", "ranked", R"({"x-max-priority": 10})");
    r.start_plugin();
    for (const char* priority : {"\"low\"", "\"normal\"", "7", "\"critical\""}) {
      assert_outcome(r.bench.command(Z4J_ENGINE_ENQUEUE, "engine_celery_tasks.take",
                                     std::string(R"({"args": [)") + priority +
                                         R"(], "kwargs": {}, "queue": "ranked", "priority": )" +
                                         priority + "}"),
                     "done");
    }
    std::string order;
    for (const std::string& line : r.probe("look", "ranked")) {
      const json::Object m = json::parse(line).value().get_object();
      order += std::to_string(number(m.at("properties").get_object(), "priority")) + " ";
    }
    CPPUNIT_ASSERT_EQUAL(std::string("9 7 3 0 "), order);
    const json::Object missing =
        r.bench.command(Z4J_ENGINE_ENQUEUE, "engine_celery_tasks.take",
                        R"({"args": [1], "kwargs": {}, "queue": "not-there"})");
    assert_outcome(missing, "refused");
    CPPUNIT_ASSERT_EQUAL(std::string("none"), r.depth("not-there"));
    note(r.bench, "submit_task", "works");
  }

  void shows_queues_as_the_broker_counts_them() {
    Rabbit r;
    r.start_plugin({{"queues", {"idle", "not-there"}}});
    r.bench.send(
        R"([{"task": "add", "args": [1, 1], "options": {"queue": "idle"}}, {"task": "add", "args": [1, 2], "options": {"queue": "idle"}}])");
    r.bench.start_worker("w1");
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());
    json::Object page;
    CPPUNIT_ASSERT(eventually([&] {
      page = r.bench.snapshot("queues");
      return number(item_named(page, "name", "idle"), "pending") == 2 &&
             number(item_named(page, "name", "celery"), "consumers") == 1;
    }));
    const json::Object idle = item_named(page, "name", "idle");
    CPPUNIT_ASSERT_EQUAL(std::string("rabbitmq"), text(idle, "broker_type"));
    CPPUNIT_ASSERT(text(idle, "broker_url_hint").find(r.server.broker.password()) ==
                   std::string::npos);
    CPPUNIT_ASSERT_MESSAGE(shown(idle), idle.at("unacked").is_null());
    CPPUNIT_ASSERT_MESSAGE(shown(page), item_named(page, "name", "not-there").empty());
    CPPUNIT_ASSERT_EQUAL(std::string("online"),
                         text(item_named(r.bench.snapshot("workers"), "name", "w1@test"), "state"));
    note(r.bench, "list_queues", "works");
  }

  void asks_workers_to_change() {
    Rabbit r({"Z4J_TEST_RESTARTS=1"});
    Bench& b = r.bench;
    r.start_plugin();
    b.start_worker("w1", "celery,other", "1");
    b.start_worker_with("w2", {"-Q", "scaled", "--autoscale=3,1"});
    CPPUNIT_ASSERT(b.wait_for_live_events());
    const json::Object limits = b.command(Z4J_ENGINE_TIME_LIMIT, "engine_celery_tasks.slow",
                                          R"({"soft": 1, "hard": 30, "worker": "w1@test"})");
    assert_outcome(limits, "sent");
    assert_outcome(b.command(Z4J_ENGINE_RESTART, "w1@test", "{}"), "done");
    const std::string limited = b.send(R"([{"task": "slow", "args": ["limited"]}])").front();
    const ToldEvent failed = b.told.wait_for_kind(limited, Z4J_EV_FAILED);
    CPPUNIT_ASSERT_MESSAGE(shown(failed.attrs),
                           text(failed.attrs, "exception").find("SoftTimeLimitExceeded") == 0);
    note(b, "time_limit", "works");
    note(b, "restart_worker", "works");
    const std::string add = "engine_celery_tasks.add";
    assert_outcome(b.command(Z4J_ENGINE_RATE, add, R"({"rate": "10/m", "worker": "w1@test"})"),
                   "done");
    assert_outcome(b.command(Z4J_ENGINE_RATE, add, R"({"rate": "0"})"), "done");
    note(b, "rate_limit", "works");
    const json::Object grown = b.command(Z4J_ENGINE_POOL, "w1@test", R"({"delta": 1})");
    assert_outcome(grown, "done");
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number(grown, "size"));
    assert_outcome(b.command(Z4J_ENGINE_POOL, "w1@test", R"({"delta": -1})"), "done");
    note(b, "pool_resize", "works");
    assert_outcome(b.command(Z4J_ENGINE_AUTOSCALE, "w2@test", R"({"min": 2, "max": 5})"), "done");
    note(b, "autoscale", "works");

    const auto send_to = [&](const std::string& queue, int x) {
      b.send(R"([{"task": "add", "args": [)" + std::to_string(x) +
             R"(, 1], "options": {"queue": ")" + queue + R"("}}])");
    };
    send_to("extra", 1);
    CPPUNIT_ASSERT_EQUAL(std::string("1"), r.depth("extra"));
    assert_outcome(b.command(Z4J_ENGINE_POOL, "w1@test", R"({"add_consumer": "extra"})"), "done");
    CPPUNIT_ASSERT(b.wait_for_runs("add 1 1", 1));
    note(b, "add_consumer", "works");
    assert_outcome(b.command(Z4J_ENGINE_POOL, "w1@test", R"({"cancel_consumer": "extra"})"),
                   "done");
    send_to("extra", 2);
    CPPUNIT_ASSERT(eventually([&] { return r.depth("extra") == "1"; }));
    note(b, "cancel_consumer", "works");
    assert_outcome(b.command(Z4J_ENGINE_PAUSE, "other", R"({"pause": true})"), "done");
    send_to("other", 3);
    CPPUNIT_ASSERT(eventually([&] { return r.depth("other") == "1"; }));
    assert_outcome(b.command(Z4J_ENGINE_PAUSE, "other", R"({"pause": false})"), "done");
    CPPUNIT_ASSERT(b.wait_for_runs("add 3 1", 1));
    note(b, "pause_queue", "works");

    note(b, "delete_task", "refused");
    CPPUNIT_ASSERT_EQUAL(std::string("unsupported"),
                         text(b.command(Z4J_ENGINE_DELETE, "x", "{}"), "error"));
    assert_outcome(b.command(Z4J_ENGINE_SHUTDOWN, "w2@test", "{}"), "done");
    CPPUNIT_ASSERT(eventually([&] { return b.has_ended("w2"); }));
    note(b, "shutdown_worker", "works");
    assert_outcome(b.command(Z4J_ENGINE_PAUSE, "", R"({"pause": true, "worker": "w1@test"})"),
                   "done");
    send_to("celery", 4);
    CPPUNIT_ASSERT(eventually([&] { return r.depth("celery") == "1"; }));
    note(b, "pause_engine", "works");
  }

  void speaks_to_workers_whose_control_exchange_is_renamed() {
    Rabbit r({"Z4J_TEST_CONTROL=steering"});
    r.start_plugin({{"control_exchange", "steering"}});
    r.bench.start_worker("w1", "celery", "1");
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());  // which nobody but the plugin switches on
    const json::Object grown = r.bench.command(Z4J_ENGINE_POOL, "w1@test", R"({"delta": 1})");
    assert_outcome(grown, "done");
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number(grown, "size"));
  }

  void says_what_tasks_and_workers_are() {
    Rabbit r;
    Bench& b = r.bench;
    r.start_plugin();
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    CPPUNIT_ASSERT(!item_named(b.snapshot("registry"), "name", "engine_celery_tasks.add").empty());
    note(b, "task_registry", "works");
    note(b, "list_workers", "works");
    const std::vector<std::string> ids =
        b.send(R"([{"task": "add", "args": [40, 2]}, {"task": "boom", "args": ["b"]}])");
    static_cast<void>(b.told.wait_for_kind(ids[0], Z4J_EV_SUCCEEDED));
    static_cast<void>(b.told.wait_for_kind(ids[1], Z4J_EV_FAILED));
    const json::Object page =
        b.snapshot("state", shown({{"task_ids", {ids[0], ids[1], "never-seen"}}}));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{42}, number(item_named(page, "task_id", ids[0]), "result"));
    CPPUNIT_ASSERT_EQUAL(std::string("failure"),
                         text(item_named(page, "task_id", ids[1]), "state"));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown"),
                         text(item_named(page, "task_id", "never-seen"), "state"));
    note(b, "reconcile_task", "works");
    note(b, "result_value", "works");

    json::Array items;
    for (int i = 0; i < 100; ++i) {
      items.push_back(json::Object{{"target", "old-" + std::to_string(i)},
                                   {"recorded",
                                    {{"task_name", "engine_celery_tasks.add"},
                                     {"queue", i == 7 ? "not-there" : "other"},
                                     {"args_repr", "(" + std::to_string(1000 + i) + ", 1)"},
                                     {"kwargs_repr", "{}"}}}});
    }
    items[3].get_object()["override_args"] = json::Array{1, 5000};
    const json::Object many = b.command(Z4J_ENGINE_RETRY, "", shown({{"items", items}}));
    assert_outcome(many, "done");
    const json::Array told = items_of(many);
    for (std::size_t i = 0; i < 100; ++i)
      assert_outcome(told.at(i).get_object(), i == 7 ? "refused" : "done");
    CPPUNIT_ASSERT(b.wait_for_runs("add 1099 1", 1));
    CPPUNIT_ASSERT(b.wait_for_runs("add 1 5000", 1));
    note(b, "bulk_retry", "works");
    note(b, "retry_edited", "works");
  }

  void works_over_tls() {
    Server& server = Server::get();
    Bench b({"Z4J_TEST_BROKER=" + server.broker.url()});
    b.start_plugin(
        {{"tls_ca_file", server.folder + "/cert.pem"}, {"result_backend", b.redis.url()}},
        server.broker.secure_url());
    b.start_worker("w1");
    CPPUNIT_ASSERT(b.wait_for_live_events());
    b.stop_plugin();
    b.start_plugin({}, server.broker.secure_url());
    CPPUNIT_ASSERT(b.told.wait_for_health(Health::degraded, "certificate"));
  }

  void says_why_the_broker_is_out_of_sight() {
    Server& server = Server::get();
    Bench b;
    const std::string port = server.broker.port();
    b.start_plugin({}, "amqp://z4j:hunter2@127.0.0.1:" + port + "/");
    CPPUNIT_ASSERT(b.told.wait_for_health(Health::degraded, "ACCESS_REFUSED"));
    const json::Object answer = b.command(Z4J_ENGINE_PURGE, "celery", R"({"force": true})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(answer), std::string("denied"), text(answer, "error"));
    b.stop_plugin();
    CPPUNIT_ASSERT(b.log_of_plugin().find("hunter2") == std::string::npos);
    CPPUNIT_ASSERT(b.told.health_why().find("hunter2") == std::string::npos);
    CPPUNIT_ASSERT_THROW(b.start_plugin({}, "amqp://u:hunter2@h:0"), std::runtime_error);
    for (const char* url : {"http://hunter2@h", "ftp://u:hunter2@h"})
      CPPUNIT_ASSERT_THROW(b.start_plugin({{"management_url", url}}, "amqp://h"),
                           std::runtime_error);
    CPPUNIT_ASSERT_THROW(b.start_plugin({{"management_url", "http://u:hunter2@h"}}),
                         std::runtime_error);
    CPPUNIT_ASSERT(b.log_of_plugin().find("hunter2") == std::string::npos);
  }

  void shows_a_gap_when_the_broker_was_away() {
    Rabbit r;
    r.start_plugin({{"queues", {"idle"}}});
    r.bench.start_worker("w1");
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());
    r.probe("declare", "idle", "{}");
    assert_outcome(r.bench.command(Z4J_ENGINE_ENQUEUE, "engine_celery_tasks.add",
                                   R"({"args": [1, 1], "kwargs": {}, "queue": "idle"})"),
                   "done");
    r.server.broker.kill();
    CPPUNIT_ASSERT(r.bench.told.wait_for_health(Health::degraded, ""));
    r.server.broker.start();
    CPPUNIT_ASSERT(r.bench.told.wait_for_health(Health::ok, ""));
    CPPUNIT_ASSERT(eventually([&] {
      for (const ToldEvent& e : r.bench.told.all()) {
        if (e.task_id.empty() && e.attrs.contains("gap")) return true;
      }
      return false;
    }));
    // Durable queues and what was confirmed are there, the worker comes back, and so do its events.
    CPPUNIT_ASSERT(eventually([&] {
      return number(item_named(r.bench.snapshot("queues"), "name", "idle"), "pending") == 1;
    }));
    CPPUNIT_ASSERT(r.bench.wait_for_live_events());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EngineCeleryAmqpTest);

}  // namespace
