// I: what nobody thought of, by dice. The seed makes it happen again.
#include <algorithm>

#include "asks.hpp"
#include "config/schema.hpp"
#include "plugin/crossing.hpp"
#include "samples.hpp"

namespace z4j::check {
namespace {

using plugin::lend;

json::Object random_config(Subject& subject) {
  auto made = random_settings(subject.schema(), subject.dice());
  if (!made) throw NotForThis("no settings that its schema takes could be made up");
  if (subject.options().config) {
    for (const auto& [name, value] : subject.settings()) {
      if (subject.below(2) == 0 || !made->contains(name)) (*made)[name] = value;
    }
  }
  return *made;
}

void configs(Subject& subject) {
  const json::Value schema = parsed(subject.schema(), "its schema");
  const json::Object* properties = json::object(object_of(schema, "its schema"), "properties");
  if (properties == nullptr || properties->empty()) throw NotForThis("it has no settings");
  const z4j_plugin& p = subject.plugin();
  const z4j_sink sink{sizeof(z4j_sink), 0, nullptr,
                      [](void*, z4j_str) -> z4j_status { return Z4J_OK; }};
  for (int i = 0; i < 300; ++i) {
    const config::Checked checked =
        config::check_settings(subject.schema(), random_config(subject));
    if (!checked.problems.empty()) continue;
    const std::string config = json::write(checked.value);
    if (p.validate != nullptr) {
      const CallError validated = subject.status_of(
          "validate", [&](z4j_error* e) { return p.validate(lend(config), &sink, e); });
      expect(validated.status < 300,
             "validate() of settings inside the schema is the plugin's own fault: " +
                 validated.text());
    }
    CheckedHost& host = subject.host();
    z4j_instance* made = nullptr;
    const CallError created = subject.status_of(
        "create", [&](z4j_error* e) { return p.create(host.table(), lend(config), &made, e); });
    expect(created.status < 300,
           "create() with settings inside the schema is the plugin's own fault: " + created.text() +
               " with " + config.substr(0, 300));
    if (created.ok()) subject.call("destroy", [&] { p.destroy(made); });
  }
}

void calls(Subject& subject) {
  const std::vector<Ask> asks = asks_of(subject);
  const z4j_plugin& p = subject.plugin();
  { Running first(subject); }  // it starts here at all
  for (int life = 0; life < 8; ++life) {
    Running running(subject);
    std::vector<z4j_op> ops;
    for (int step = 0; step < 60; ++step) {
      switch (subject.below(5)) {
        case 0:
        case 1:
        case 2:
          if (!asks.empty())
            ops.push_back(ask_once(running.instance, asks[subject.below(asks.size())]));
          break;
        case 3:
          if (p.cancel != nullptr && !ops.empty()) {
            const z4j_op op = ops[subject.below(ops.size())];
            subject.call("cancel", [&] { p.cancel(running.instance.get(), op); });
          }
          break;
        default:
          running.host.pump(static_cast<int>(subject.below(3)));
      }
    }
    const CallError stopped =
        running.instance.stop(static_cast<std::uint32_t>(subject.below(3) * 1000));
    expect(stopped.ok(), "stop() failed: " + stopped.text());
    for (const z4j_op op : ops)
      expect(running.host.answer_of(op).is_there, "an operation is open after stop() returned");
    running.instance.destroy();
  }
}

void interleaved(Subject& subject) {
  if ((subject.plugin().flags & Z4J_PLUGIN_SINGLETON) != 0)
    throw NotForThis("it asks for one instance at most");
  { Running first(subject); }
  const std::vector<Ask> asks = asks_of(subject);
  std::vector<std::unique_ptr<Running>> alive;
  for (int step = 0; step < 120; ++step) {
    const std::size_t what = subject.below(4);
    if (what == 0 && alive.size() < 6) {
      alive.push_back(std::make_unique<Running>(subject));
    } else if (what == 1 && !alive.empty()) {
      const std::size_t i = subject.below(alive.size());
      (void)alive[i]->instance.stop();
      alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(i));
    } else if (!alive.empty() && !asks.empty()) {
      (void)ask_once(alive[subject.below(alive.size())]->instance,
                     asks[subject.below(asks.size())]);
    }
  }
  for (auto& each : alive) (void)each->instance.stop();
}

// JSON that is all shapes, and now and then none.
std::string random_json(Subject& subject, int depth = 0) {
  switch (subject.below(depth > 4 ? 6 : 9)) {
    case 0:
      return "null";
    case 1:
      return subject.below(2) == 0 ? "true" : "false";
    case 2:
      return std::to_string(static_cast<std::int64_t>(subject.dice()()));
    case 3:
      return "1e" + std::to_string(subject.below(400));
    case 4:
      return "\"" + std::string(subject.below(50), static_cast<char>('a' + subject.below(26))) +
             "\"";
    case 5:
      return subject.below(20) == 0 ? "{" : "\"\\u00e9\\n\"";
    case 6: {
      std::string out = "[";
      for (std::size_t n = subject.below(5); n > 0; --n)
        out += random_json(subject, depth + 1) + (n > 1 ? "," : "");
      return out + "]";
    }
    default: {
      static constexpr const char* kNames[] = {
          "limit",  "cursor",  "queue",       "task_ids", "items",      "target",   "args",
          "kwargs", "name",    "id",          "kind",     "expression", "timezone", "etag",
          "task",   "engine",  "eta_seconds", "priority", "headers",    "slug",     "is_enabled",
          "pause",  "workers", "url",         "to_addrs"};
      std::string out = "{";
      for (std::size_t n = subject.below(6); n > 0; --n)
        out += std::string("\"") + kNames[subject.below(std::size(kNames))] +
               "\":" + random_json(subject, depth + 1) + (n > 1 ? "," : "");
      return out + "}";
    }
  }
}

void arguments(Subject& subject) {
  Running running(subject);
  const z4j_instance* const before = running.instance.get();
  (void)before;
  for (int i = 0; i < 400; ++i) {
    const std::string text = random_json(subject);
    Ask ask;
    if (subject.is_a("engine")) {
      const z4j_engine& engine = subject.engine();
      static constexpr const char* kWhat[] = {"workers", "queues",    "registry",     "waiting",
                                              "state",   "abilities", "dead_letters", "copy"};
      const std::string what = kWhat[subject.below(std::size(kWhat))];
      ask = {"snapshot " + what, [&engine, what, text](z4j_instance* in, z4j_op op, z4j_error* e) {
               const Guarded page(text);
               return engine.snapshot(in, op, lend(what), page.text(), e);
             }};
    } else if (subject.is_a("scheduler") && subject.scheduler().list != nullptr) {
      const z4j_scheduler& scheduler = subject.scheduler();
      ask = {"list", [&scheduler, text](z4j_instance* in, z4j_op op, z4j_error* e) {
               const Guarded page(text);
               return scheduler.list(in, op, page.text(), e);
             }};
    } else if (subject.is_a("notifier")) {
      Note note;
      note.type = subject.below(3) == 0 ? "webhook" : "email";
      note.target = text;
      note.context = random_json(subject);
      ask = notify(subject, note);
    } else if (subject.is_a("http") && subject.http().route_count > 0) {
      const auto route = static_cast<std::uint32_t>(subject.below(subject.http().route_count));
      const std::string body = text.substr(0, subject.http().routes[route].max_body);
      ask = request(subject, route, body, random_json(subject), text);
    } else {
      throw NotForThis("its operations take no texts");
    }
    ask.is_proper = false;
    (void)ask_and_wait(running.instance, ask);
  }
}

void previews(Subject& subject) {
  const z4j_scheduler& scheduler = subject.scheduler();
  if (scheduler.preview == nullptr) throw NotForThis("it has no preview()");
  Instance instance(subject, subject.host());
  static constexpr std::string_view kLetters = "0123456789*/,- LW#?MONJAN@dailyhourly.+:";
  for (int i = 0; i < 500; ++i) {
    std::string expression;
    for (std::size_t n = subject.below(25); n > 0; --n)
      expression += kLetters[subject.below(kLetters.size())];
    static constexpr const char* kKinds[] = {"cron", "interval", "clocked", "solar", "nothing"};
    static constexpr const char* kZones[] = {"UTC", "Europe/Berlin", "Australia/Lord_Howe",
                                             "Nowhere/Atlantis", ""};
    const std::string schedule =
        subject.below(10) == 0 ? random_json(subject)
                               : json::write(json::Object{{"name", "x"},
                                                          {"engine", "celery"},
                                                          {"task", "t"},
                                                          {"kind", kKinds[subject.below(5)]},
                                                          {"expression", expression},
                                                          {"timezone", kZones[subject.below(5)]}});
    std::int64_t due[9];
    due[8] = INT64_MIN;
    std::uint32_t n = 8;
    const Guarded text(schedule);
    const auto from = static_cast<std::int64_t>(subject.dice()());
    const CallError done = subject.status_of("preview", [&](z4j_error* e) {
      return scheduler.preview(instance.get(), text.text(), from, due, &n, e);
    });
    expect(due[8] == INT64_MIN, "preview() wrote more times than there was room for");
    expect(done.status < 300, "preview() of " + schedule.substr(0, 200) +
                                  " is the plugin's own fault: " + done.text());
    expect(!done.ok() || n <= 8,
           "preview() of at most 8 times says that it gave " + std::to_string(n));
  }
}

void texts_of_config(Subject& subject) {
  const std::string good = subject.config();
  const z4j_plugin& p = subject.plugin();
  for (int i = 0; i < 500; ++i) {
    std::string config = good;
    for (std::size_t n = 1 + subject.below(4); n > 0; --n) {
      const std::size_t at = subject.below(config.size() + 1);
      if (subject.below(3) == 0 && at < config.size())
        config.erase(at, 1 + subject.below(4));
      else
        config.insert(at, 1, static_cast<char>(subject.below(256)));
    }
    CheckedHost& host = subject.host();
    z4j_instance* made = nullptr;
    const Guarded text(config);
    const CallError created = subject.status_of(
        "create", [&](z4j_error* e) { return p.create(host.table(), text.text(), &made, e); });
    if (created.ok()) subject.call("destroy", [&] { p.destroy(made); });
  }
}

}  // namespace

void add_fuzz_cases(Cases& cases) {
  const auto add = [&](const char* name, const char* what, std::function<void(Subject&)> run) {
    cases.push_back({std::string("I.") + name, what, std::move(run), 120'000});
  };
  add("configs", "takes or refuses random settings inside its schema", configs);
  add("config-texts", "survives settings with bytes changed by chance", texts_of_config);
  add("calls", "survives random calls in an order that the contract allows", calls);
  add("instances", "survives random lives of several instances", interleaved);
  add("arguments", "survives random JSON for an argument", arguments);
  add("previews", "as a scheduler, survives random schedules to preview", previews);
}

}  // namespace z4j::check
