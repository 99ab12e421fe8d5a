// E: operations. Each is answered once, whatever becomes of it.
#include <algorithm>
#include <cctype>

#include "asks.hpp"
#include "plugin/crossing.hpp"

namespace z4j::check {
namespace {

std::vector<Ask> need_asks(Subject& subject) {
  std::vector<Ask> asks = asks_of(subject);
  if (asks.empty()) throw NotForThis("it takes no operations");
  return asks;
}

// Waits for all of them, then a while for answers that would be too many.
void await_all(CheckedHost& host, const std::vector<z4j_op>& ops, int deadline_ms) {
  for (const z4j_op op : ops)
    expect(host.await(op, deadline_ms).is_there,
           "an operation was not answered within " + std::to_string(deadline_ms / 1000) + " s");
  host.pump(100);
}

void each_is_answered_once(Subject& subject) {
  Running running(subject);
  for (const Ask& ask : need_asks(subject)) (void)ask_and_wait(running.instance, ask);
  running.host.pump(200);
}

void results_are_objects(Subject& subject) {
  Running running(subject);
  std::size_t seen = 0;
  for (const Ask& ask : need_asks(subject)) {
    const Answer answer = ask_and_wait(running.instance, ask);
    if (answer.status != Z4J_OK || answer.result.empty()) continue;
    const json::Value value = parsed(answer.result, "the answer of " + ask.name);
    (void)object_of(value, "the answer of " + ask.name);
    ++seen;
  }
  if (seen == 0) throw NotForThis("none of its operations has a result here");
}

void errors_say_something(Subject& subject) {
  Running running(subject);
  std::size_t seen = 0;
  for (const Ask& ask : need_asks(subject)) {
    const Answer answer = ask_and_wait(running.instance, ask);
    if (answer.status == Z4J_OK) continue;
    ++seen;
    expect(answer.message.size() >= 4,
           ask.name + " failed with the message \"" + answer.message + "\"");
    expect(answer.message.back() != '\n',
           ask.name + " failed with a message that ends with a new line");
    expect(answer.where.empty() || answer.where.front() == '/',
           ask.name + " failed at \"" + answer.where + "\", expected a JSON pointer");
  }
  if (seen == 0) throw NotForThis("none of its operations fails here");
}

void answered_after_the_deadline(Subject& subject) {
  CheckedHost::Shape shape;
  shape.remaining_ms = 0;
  Running running(subject, shape);
  for (const Ask& ask : need_asks(subject)) {
    const z4j_op op = ask_once(running.instance, ask);
    await_all(running.host, {op}, 30'000);
  }
}

void answered_when_cancelled_before(Subject& subject) {
  CheckedHost::Shape shape;
  shape.cancels = true;
  Running running(subject, shape);
  for (const Ask& ask : need_asks(subject)) {
    const z4j_op op = ask_once(running.instance, ask);
    await_all(running.host, {op}, 30'000);
  }
}

void answered_when_cancelled_meanwhile(Subject& subject) {
  Running running(subject);
  std::vector<z4j_op> ops;
  for (const Ask& ask : need_asks(subject)) ops.push_back(ask_once(running.instance, ask));
  running.host.cancel_all();
  if (subject.plugin().cancel != nullptr) {
    for (const z4j_op op : ops)
      subject.call("cancel", [&] { subject.plugin().cancel(running.instance.get(), op); });
  }
  await_all(running.host, ops, 30'000);
}

void survives_strange_cancels(Subject& subject) {
  if (subject.plugin().cancel == nullptr) throw NotForThis("it has no cancel()");
  Running running(subject);
  const std::vector<Ask> asks = asks_of(subject);
  z4j_op last = 0;
  for (const Ask& ask : asks) {
    last = ask_once(running.instance, ask);
    await_all(running.host, {last}, 30'000);
  }
  for (const z4j_op op : {z4j_op{0}, z4j_op{1}, ~z4j_op{0}, last, last}) {
    subject.call("cancel", [&] { subject.plugin().cancel(running.instance.get(), op); });
  }
  running.host.pump(100);
}

void cancels_from_another_thread(Subject& subject) {
  if (subject.plugin().cancel == nullptr) throw NotForThis("it has no cancel()");
  Running running(subject);
  std::vector<z4j_op> ops;
  for (int i = 0; i < 20; ++i) {
    for (const Ask& ask : need_asks(subject)) ops.push_back(ask_once(running.instance, ask));
  }
  std::thread other([&] {
    for (const z4j_op op : ops) subject.plugin().cancel(running.instance.get(), op);
  });
  await_all(running.host, ops, 30'000);
  other.join();
}

void a_thousand_in_flight(Subject& subject) {
  Running running(subject);
  const std::vector<Ask> asks = need_asks(subject);
  std::vector<z4j_op> ops;
  for (std::size_t i = 0; i < 1000; ++i)
    ops.push_back(ask_once(running.instance, asks[i % asks.size()]));
  await_all(running.host, ops, 60'000);
  std::size_t faults = 0;
  Answer first;
  for (const z4j_op op : ops) {
    const Answer answer = running.host.answer_of(op);
    if (answer.status >= 300 && faults++ == 0) first = answer;
  }
  expect(faults == 0,
         std::to_string(faults) +
             " of 1000 operations at once ended as faults of the plugin: " + told(first));
}

void answers_that_nobody_takes(Subject& subject) {
  CheckedHost::Shape shape;
  shape.refuses_answers = true;
  Running running(subject, shape);
  std::vector<z4j_op> ops;
  for (const Ask& ask : need_asks(subject)) ops.push_back(ask_once(running.instance, ask));
  await_all(running.host, ops, 30'000);
}

CheckedHost::Shape hostile_host() {
  CheckedHost::Shape shape;
  shape.judges_texts = false;
  return shape;
}

void survives_hostile_arguments(Subject& subject) {
  Running running(subject, hostile_host());
  const std::vector<Ask> asks = hostile_asks_of(subject);
  if (asks.empty()) throw NotForThis("its operations take no texts");
  for (const Ask& ask : asks) (void)ask_and_wait(running.instance, ask);
  // And goes on.
  for (const Ask& ask : asks_of(subject)) (void)ask_and_wait(running.instance, ask);
}

void does_not_echo_control_characters(Subject& subject) {
  Running running(subject, hostile_host());
  for (const Ask& ask : hostile_asks_of(subject)) {
    const Answer answer = ask_and_wait(running.instance, ask);
    for (const char c : answer.message) {
      if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
        throw Failed(ask.name + " failed with a message that holds control characters");
    }
  }
}

void asked_before_start(Subject& subject) {
  Instance instance(subject, subject.host());
  for (const Ask& ask : need_asks(subject)) {
    const z4j_op op = ask_once(instance, ask);
    instance.host().pump(20);
    (void)op;
  }
}

void repeats(Subject& subject) {
  Running running(subject);
  const std::vector<Ask> asks = need_asks(subject);
  std::optional<std::size_t> settled;
  for (int round = 1; round <= 60; ++round) {
    for (const Ask& ask : asks) (void)ask_and_wait(running.instance, ask);
    if (round == 30) settled = heap_now();
  }
  const auto heap = heap_now();
  if (!heap || !settled) throw NotForThis("this build of z4j-plugin-check can't count memory");
  const std::size_t ours = 30 * asks.size() * 6000;  // what this host notes of each
  expect(*heap <= *settled + ours + (64u << 10),
         std::to_string(30 * asks.size()) + " operations leave " +
             std::to_string(*heap - *settled) + " bytes behind");
}

void says_what_it_can(Subject& subject, std::uint64_t bits, std::uint64_t known, const char* of) {
  (void)subject;
  expect((bits & ~known) == 0,
         std::string("its capabilities as ") + of +
             " have bits that ABI 1.0 does not know: " + std::to_string(bits & ~known));
}

constexpr std::uint64_t kEngineBits = (std::uint64_t{Z4J_ENGINE_DELETE} << 1) - 1;
constexpr std::uint64_t kSchedulerBits = (std::uint64_t{Z4J_SCHED_STORE} << 1) - 1;

std::uint64_t bits_of(Subject& subject, Instance& instance) {
  std::uint64_t bits = 0;
  subject.call("capabilities", [&] {
    bits = subject.is_a("engine") ? subject.engine().capabilities(instance.get())
                                  : subject.scheduler().capabilities(instance.get());
  });
  return bits;
}

void capabilities_known(Subject& subject) {
  if (!subject.is_a("engine") && !subject.is_a("scheduler"))
    throw NotForThis("its kind has no capabilities of an instance");
  Running running(subject);
  const std::uint64_t bits = bits_of(subject, running.instance);
  const bool engine = subject.is_a("engine");
  says_what_it_can(subject, bits, engine ? kEngineBits : kSchedulerBits,
                   engine ? "engine" : "scheduler");
}

void capabilities_steady(Subject& subject) {
  if (!subject.is_a("engine") && !subject.is_a("scheduler"))
    throw NotForThis("its kind has no capabilities of an instance");
  Running running(subject);
  const std::uint64_t bits = bits_of(subject, running.instance);
  for (int i = 0; i < 100; ++i)
    expect(bits_of(subject, running.instance) == bits,
           "its capabilities differ from one question to the next");
}

// Every verb of the engine contract, asked about something that does not exist.
struct Verb {
  const char* name;
  std::uint64_t bit;
  const char* args;
  bool is_safe;  // changes nothing when its target does not exist
};
constexpr Verb kVerbs[] = {{"RETRY", Z4J_ENGINE_RETRY, R"({"task_name":"z4j.check"})", true},
                           {"REVOKE", Z4J_ENGINE_REVOKE, "{}", true},
                           {"PURGE", Z4J_ENGINE_PURGE, R"({"force":false})", true},
                           {"PAUSE", Z4J_ENGINE_PAUSE, R"({"pause":true})", false},
                           {"ENQUEUE", Z4J_ENGINE_ENQUEUE, R"({"args":[],"kwargs":{}})", false},
                           {"POOL", Z4J_ENGINE_POOL, R"({"delta":0})", true},
                           {"RATE", Z4J_ENGINE_RATE, R"({"rate":"0"})", true},
                           {"RESTART", Z4J_ENGINE_RESTART, "{}", true},
                           {"SHUTDOWN", Z4J_ENGINE_SHUTDOWN, "{}", true},
                           {"TIME_LIMIT", Z4J_ENGINE_TIME_LIMIT, R"({"soft":1})", true},
                           {"AUTOSCALE", Z4J_ENGINE_AUTOSCALE, R"({"min":1,"max":1})", true},
                           {"DEAD_LETTERS", Z4J_ENGINE_DEAD_LETTERS, "{}", true},
                           {"DELETE", Z4J_ENGINE_DELETE, "{}", true}};

Answer verb_answer(Running& running, Subject& subject, const Verb& verb) {
  const z4j_engine& engine = subject.engine();
  const Ask ask{std::string("command ") + verb.name, [&](z4j_instance* i, z4j_op op, z4j_error* e) {
                  const Guarded target("z4j-check-nothing"), args(verb.args);
                  return engine.command(i, op, verb.bit, target.text(), args.text(), e);
                }};
  return ask_and_wait(running.instance, ask);
}

void verb_case(Subject& subject, const Verb& verb) {
  (void)subject.engine();
  Running running(subject);
  const bool declared = (bits_of(subject, running.instance) & verb.bit) != 0;
  if (!verb.is_safe && declared) throw NotForThis("it is declared, and would change something");
  const Answer answer = verb_answer(running, subject, verb);
  if (declared) {
    expect(answer.status != Z4J_UNSUPPORTED, std::string("it says that it can ") + verb.name +
                                                 ", and answers that it can't: " + told(answer));
  } else {
    // The kernel never asks for it; a plugin that does it all the same hides what it can do.
    expect(
        answer.status != Z4J_OK || answer.result.find("\"done\"") == std::string::npos,
        std::string("it does not say that it can ") + verb.name + ", and does it: " + told(answer));
    expect(
        answer.status == Z4J_UNSUPPORTED || (answer.status >= 100 && answer.status < 200) ||
            answer.status == Z4J_OK,
        std::string("it does not say that it can ") + verb.name + ", and answers " + told(answer));
  }
}

}  // namespace

void add_operation_cases(Cases& cases) {
  const auto add = [&](const char* name, const char* what, std::function<void(Subject&)> run) {
    cases.push_back({std::string("E.") + name, what, std::move(run), 120'000});
  };
  add("once", "answers every operation once", each_is_answered_once);
  add("results", "answers with JSON objects", results_are_objects);
  add("errors", "says in words what failed, and where", errors_say_something);
  add("expired", "answers operations whose deadline has passed", answered_after_the_deadline);
  add("cancelled-before", "answers operations that were cancelled before they came",
      answered_when_cancelled_before);
  add("cancelled-meanwhile", "answers operations that are cancelled while it works",
      answered_when_cancelled_meanwhile);
  add("cancel-unknown", "survives cancel() for operations that are over or never were",
      survives_strange_cancels);
  add("cancel-thread", "takes cancel() from another thread", cancels_from_another_thread);
  add("thousand", "answers a thousand operations that come at once", a_thousand_in_flight);
  add("late", "lives on when the host takes its answers no more", answers_that_nobody_takes);
  add("hostile", "survives arguments that no kernel sends", survives_hostile_arguments);
  add("hostile-words", "puts no control characters of others into its messages",
      does_not_echo_control_characters);
  add("before-start", "survives an operation before start()", asked_before_start);
  add("growth", "does not grow with operations", repeats);
  add("capabilities-known", "declares capabilities that ABI 1.0 knows", capabilities_known);
  add("capabilities-steady", "declares the same capabilities while nothing changes",
      capabilities_steady);
  for (const Verb& verb : kVerbs) {
    std::string name = std::string("E.verb-") + verb.name;
    for (char& c : name) c = c == '_' ? '-' : c;
    std::transform(name.begin() + 2, name.end(), name.begin() + 2,
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    cases.push_back(
        {name, std::string("as an engine, does ") + verb.name + " exactly when it says that it can",
         [&verb](Subject& subject) { verb_case(subject, verb); }, 60'000});
  }
}

}  // namespace z4j::check
