// H: engines. What they tell and show, against docs/abi/engine.md. Asks about the broker of
// --config read only, and change nothing in it.
#include <algorithm>
#include <set>

#include "asks.hpp"
#include "plugin/crossing.hpp"

namespace z4j::check {
namespace {

using plugin::lend;

Ask snapshot(Subject& subject, const std::string& what, const std::string& page) {
  const z4j_engine& engine = subject.engine();
  return {"snapshot " + what, [&engine, what, page](z4j_instance* i, z4j_op op, z4j_error* e) {
            const Guarded name(what), text(page);
            return engine.snapshot(i, op, name.text(), text.text(), e);
          }};
}

json::Value page_of(Running& running, Subject& subject, const std::string& what,
                    const std::string& page) {
  const Answer answer = ask_and_wait(running.instance, snapshot(subject, what, page));
  if (answer.status == Z4J_UNSUPPORTED) throw NotForThis("it has no snapshot " + what);
  if (answer.status >= 200 && answer.status < 300)
    throw NotForThis("its broker is not there: " + told(answer));
  expect(answer.status == Z4J_OK, "snapshot " + what + " failed: " + told(answer));
  return parsed(answer.result, "the snapshot " + what);
}

const json::Array& items_of(const json::Value& page, const std::string& what) {
  const json::Object& o = object_of(page, "the snapshot " + what);
  const json::Array* items = json::array(o, "items");
  expect(items != nullptr, "the snapshot " + what + " has no list \"items\"");
  const json::Value* next = o.if_contains("next");
  expect(next == nullptr || next->is_null() || next->is_string(),
         "the snapshot " + what + " has a \"next\" that is neither a text nor null");
  return *items;
}

struct Shape {
  const char* what;
  const char* page;
  const char* text;  // a member that each item has as a text
};
constexpr Shape kShapes[] = {
    {"workers", R"({"limit":500})", "name"},
    {"queues", R"({"limit":500})", "name"},
    {"registry", R"({"limit":500})", "name"},
    {"abilities", R"({"limit":500})", "action"},
    {"waiting", R"({"limit":500,"queue":"z4j-check-nothing"})", "task_id"},
    {"state", R"({"limit":500,"task_ids":["z4j-check-nothing"]})", "task_id"},
    {"dead_letters", R"({"limit":500})", "task_id"}};

void shaped(Subject& subject, const Shape& shape) {
  (void)subject.engine();
  Running running(subject);
  const json::Value page = page_of(running, subject, shape.what, shape.page);
  for (const json::Value& item : items_of(page, shape.what)) {
    const json::Object& o = object_of(item, std::string("an item of the snapshot ") + shape.what);
    expect(!json::text(o, shape.text).empty(), std::string("an item of the snapshot ") +
                                                   shape.what + " has no text \"" + shape.text +
                                                   "\"");
  }
}

void bounded(Subject& subject) {
  (void)subject.engine();
  Running running(subject);
  bool any = false;
  for (const Shape& shape : kShapes) {
    if (std::string_view(shape.what) == "abilities") continue;  // always whole
    for (const int limit : {1, 2}) {
      json::Object asked = object_of(parsed(shape.page, "ours"), "ours");
      asked["limit"] = limit;
      try {
        const json::Value page = page_of(running, subject, shape.what, json::write(asked));
        const std::size_t items = items_of(page, shape.what).size();
        expect(items <= static_cast<std::size_t>(limit),
               std::string("the snapshot ") + shape.what + " of at most " + std::to_string(limit) +
                   " items has " + std::to_string(items));
        any = true;
      } catch (const NotForThis&) {
      }
    }
  }
  if (!any) throw NotForThis("no snapshot can be had here");
}

void paged(Subject& subject) {
  (void)subject.engine();
  Running running(subject);
  std::set<std::string> seen;
  std::string cursor;
  for (int pages = 0; pages < 100; ++pages) {
    json::Object asked{{"limit", 1}};
    if (!cursor.empty()) asked["cursor"] = cursor;
    const json::Value page = page_of(running, subject, "queues", json::write(asked));
    for (const json::Value& item : items_of(page, "queues"))
      expect(seen.insert(std::string(json::text(item.as_object(), "name"))).second,
             "the snapshot queues shows one queue on two pages");
    const json::Object& o = page.get_object();
    cursor = json::text(o, "next");
    if (cursor.empty()) return;
  }
}

// Known words of the contract for the actions of an engine.
constexpr const char* kActions[] = {
    "submit_task",         "retry_task",        "retry_edited",    "bulk_retry",
    "cancel_waiting",      "terminate_running", "purge_queue",     "purge_with_copy",
    "requeue_dead_letter", "rate_limit",        "time_limit",      "pool_resize",
    "autoscale",           "add_consumer",      "cancel_consumer", "restart_worker",
    "shutdown_worker",     "pause_queue",       "pause_engine",    "list_queues",
    "list_waiting",        "list_workers",      "task_registry",   "reconcile_task",
    "result_value",        "delete_task"};

void abilities(Subject& subject) {
  (void)subject.engine();
  Running running(subject);
  const json::Value page = page_of(running, subject, "abilities", R"({"limit":500})");
  std::set<std::string> seen;
  for (const json::Value& item : items_of(page, "abilities")) {
    const json::Object& o = object_of(item, "an ability");
    const std::string action(json::text(o, "action")), how(json::text(o, "how"));
    expect(std::find(std::begin(kActions), std::end(kActions), action) != std::end(kActions),
           "the ability \"" + action + "\" is none of the contract");
    expect(how == "native" || how == "emulated" || how == "conditional" || how == "impossible",
           "the ability \"" + action + "\" is had by \"" + how + "\"");
    expect(o.contains("available") && o.at("available").is_bool(),
           "the ability \"" + action + "\" does not say if it is available");
    expect(json::boolean(o, "available") || !json::text(o, "reason").empty(),
           "the ability \"" + action + "\" is not available, and there is no reason");
    expect(how != "impossible" || !json::boolean(o, "available"),
           "the impossible ability \"" + action + "\" is available");
    seen.insert(action);
  }
  for (const char* action : kActions)
    expect(seen.contains(action), std::string("the abilities say nothing of \"") + action + "\"");
}

// Which capability stands behind an action that is available.
void abilities_match_capabilities(Subject& subject) {
  static constexpr std::pair<const char*, std::uint64_t> kBehind[] = {
      {"submit_task", Z4J_ENGINE_ENQUEUE},
      {"retry_task", Z4J_ENGINE_RETRY},
      {"cancel_waiting", Z4J_ENGINE_REVOKE},
      {"terminate_running", Z4J_ENGINE_TERMINATE},
      {"purge_queue", Z4J_ENGINE_PURGE},
      {"purge_with_copy", Z4J_ENGINE_COPY},
      {"requeue_dead_letter", Z4J_ENGINE_DEAD_LETTERS},
      {"rate_limit", Z4J_ENGINE_RATE},
      {"time_limit", Z4J_ENGINE_TIME_LIMIT},
      {"pool_resize", Z4J_ENGINE_POOL},
      {"autoscale", Z4J_ENGINE_AUTOSCALE},
      {"restart_worker", Z4J_ENGINE_RESTART},
      {"shutdown_worker", Z4J_ENGINE_SHUTDOWN},
      {"delete_task", Z4J_ENGINE_DELETE}};
  (void)subject.engine();
  Running running(subject);
  const json::Value page = page_of(running, subject, "abilities", R"({"limit":500})");
  std::uint64_t bits = 0;
  subject.call("capabilities",
               [&] { bits = subject.engine().capabilities(running.instance.get()); });
  for (const json::Value& item : items_of(page, "abilities")) {
    const json::Object& o = item.as_object();
    for (const auto& [action, bit] : kBehind) {
      // An emulated one may go by another verb: a retry for what other brokers keep as dead
      // letters.
      if (json::text(o, "action") != action || !json::boolean(o, "available") ||
          json::text(o, "how") == "emulated")
        continue;
      expect((bits & bit) != 0, std::string("the ability \"") + action +
                                    "\" is available, and its capability is not declared");
    }
  }
}

void reads_change_nothing(Subject& subject) {
  (void)subject.engine();
  Running running(subject);
  const std::string before = json::write(page_of(running, subject, "queues", R"({"limit":500})"));
  for (const Shape& shape : kShapes) {
    try {
      (void)page_of(running, subject, shape.what, shape.page);
    } catch (const NotForThis&) {
    }
  }
  const std::string after = json::write(page_of(running, subject, "queues", R"({"limit":500})"));
  expect(before == after, "the queues look different after snapshots were read");
}

void unknown_snapshot(Subject& subject) {
  (void)subject.engine();
  Running running(subject);
  const Answer answer = ask_and_wait(running.instance, snapshot(subject, "no-such-snapshot", "{}"));
  expect(answer.status >= 100 && answer.status < 300,
         "a snapshot that does not exist is answered with " + told(answer));
}

void unknown_verb(Subject& subject) {
  const z4j_engine& engine = subject.engine();
  Running running(subject);
  for (const std::uint64_t verb :
       {std::uint64_t{0}, std::uint64_t{1} << 40, std::uint64_t{3}, ~std::uint64_t{0}}) {
    const Ask ask{"command of an unknown verb",
                  [&, verb](z4j_instance* i, z4j_op op, z4j_error* e) {
                    return engine.command(i, op, verb, lend("x"), lend("{}"), e);
                  }};
    const Answer answer = ask_and_wait(running.instance, ask);
    expect(answer.status != Z4J_OK, "a verb that does not exist is answered with " + told(answer));
  }
}

void outcomes(Subject& subject) {
  const z4j_engine& engine = subject.engine();
  Running running(subject);
  std::uint64_t bits = 0;
  subject.call("capabilities", [&] { bits = engine.capabilities(running.instance.get()); });
  bool any = false;
  for (const auto& [verb, args] :
       {std::pair<std::uint64_t, const char*>{Z4J_ENGINE_RETRY, R"({"task_name":"z4j.check"})"},
        {Z4J_ENGINE_REVOKE, "{}"},
        {Z4J_ENGINE_DELETE, "{}"}}) {
    if ((bits & verb) == 0) continue;
    const Ask ask{"command " + std::to_string(verb),
                  [&, verb = verb, args = args](z4j_instance* i, z4j_op op, z4j_error* e) {
                    return engine.command(i, op, verb, lend("z4j-check-nothing"), lend(args), e);
                  }};
    const Answer answer = ask_and_wait(running.instance, ask);
    if (answer.status != Z4J_OK) continue;
    any = true;
    const json::Value value = parsed(answer.result, "the answer of a command");
    const std::string_view outcome =
        json::text(object_of(value, "the answer of a command"), "outcome");
    expect(
        outcome == "done" || outcome == "sent" || outcome == "refused" || outcome == "unknown",
        "a command came to \"" + std::string(outcome) + "\", which is no outcome of the contract");
    expect(verb != Z4J_ENGINE_RETRY || outcome != "done",
           "a task that does not exist was retried, and that was \"done\"");
  }
  if (!any) throw NotForThis("it does none of RETRY, REVOKE and DELETE here");
}

void many_at_once(Subject& subject) {
  const z4j_engine& engine = subject.engine();
  Running running(subject);
  std::uint64_t bits = 0;
  subject.call("capabilities", [&] { bits = engine.capabilities(running.instance.get()); });
  if ((bits & Z4J_ENGINE_MANY) == 0) throw NotForThis("it takes one target at a time");
  for (const std::uint64_t verb :
       {std::uint64_t{Z4J_ENGINE_RETRY}, std::uint64_t{Z4J_ENGINE_REVOKE}}) {
    if ((bits & verb) == 0) continue;
    json::Array targets;
    for (int i = 0; i < 500; ++i)
      targets.push_back(json::Object{{"target", "z4j-check-" + std::to_string(i)}});
    const std::string args = json::write(json::Object{{"items", targets}});
    const Ask ask{"command of many", [&](z4j_instance* i, z4j_op op, z4j_error* e) {
                    const Guarded text(args);
                    return engine.command(i, op, verb, lend(""), text.text(), e);
                  }};
    const Answer answer = ask_and_wait(running.instance, ask, 60'000);
    if (answer.status >= 200) throw NotForThis("its broker is not there: " + told(answer));
    expect(answer.status == Z4J_OK, "500 targets at once are answered with " + told(answer));
    const json::Value value = parsed(answer.result, "the answer for many");
    const json::Array* items = json::array(object_of(value, "the answer for many"), "items");
    expect(items != nullptr && items->size() == 500,
           "500 targets at once are not answered one by one");
  }
}

void quiet_when_idle(Subject& subject) {
  (void)subject.engine();
  Running running(subject);
  running.host.pump(1000);
  const std::uint64_t before = running.host.log_lines();
  running.host.pump(3000);
  const std::uint64_t lines = running.host.log_lines() - before;
  expect(lines <= 30,
         "it logs " + std::to_string(lines) + " lines in 3 s in which nothing happens");
}

void no_broker(Subject& subject) {
  (void)subject.engine();
  if (subject.options().config) throw NotForThis("--config names a broker that is there");
  Instance instance(subject, subject.host());
  const auto begin = std::chrono::steady_clock::now();
  const CallError started = instance.try_start();
  const auto took = std::chrono::steady_clock::now() - begin;
  expect(took < std::chrono::seconds(15),
         "it takes more than 15 s to see that its broker is not there");
  if (!started.ok()) return;
  for (const Ask& ask : asks_of(subject)) {
    const Answer answer = ask_and_wait(instance, ask);
    expect(answer.status != Z4J_OK || !answer.result.empty(),
           ask.name + " says that all is well without a broker");
  }
}

}  // namespace

void add_engine_cases(Cases& cases) {
  const auto add = [&](const std::string& name, const std::string& what,
                       std::function<void(Subject&)> run) {
    cases.push_back({"H.engine." + name, "as an engine, " + what, std::move(run), 90'000});
  };
  for (const Shape& shape : kShapes)
    add(std::string("snapshot-") +
            (std::string(shape.what) == "dead_letters" ? "dead-letters" : shape.what),
        std::string("shows ") + shape.what + " as the contract says",
        [&shape](Subject& subject) { shaped(subject, shape); });
  add("limit", "keeps to the limit of a page", bounded);
  add("pages", "pages through without repeating", paged);
  add("abilities", "says of every action whether it can be done, and why not", abilities);
  add("abilities-capabilities", "offers no action whose capability it does not declare",
      abilities_match_capabilities);
  add("reads", "changes nothing by being looked at", reads_change_nothing);
  add("unknown-snapshot", "refuses a snapshot that does not exist", unknown_snapshot);
  add("unknown-verb", "refuses a verb that does not exist", unknown_verb);
  add("outcomes", "tells what came of a command in the contract's words", outcomes);
  add("many", "answers many targets one by one, if it takes them", many_at_once);
  add("quiet", "logs little while nothing happens", quiet_when_idle);
  add("no-broker", "lives on without its broker, and says so", no_broker);
}

}  // namespace z4j::check
