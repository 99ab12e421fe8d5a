// C: settings. The schema itself is checked by the loader's rules in B; here is what the plugin
// makes of settings, good and bad.
#include <algorithm>
#include <atomic>
#include <thread>

#include "config/schema.hpp"
#include "plugin/crossing.hpp"
#include "samples.hpp"
#include "subject.hpp"

namespace z4j::check {
namespace {

using plugin::lend;

constexpr std::size_t kMostProblems = 1000;
constexpr std::string_view kCanary = "canary-5f0d2c81b7";

struct Validated {
  CallError status;
  std::vector<std::string> problems;
};

// What validate() puts, each problem checked. `stop_after`: the sink then takes no more.
Validated validate(Subject& subject, std::string_view config,
                   std::size_t stop_after = kMostProblems) {
  const z4j_plugin& p = subject.plugin();
  if (p.validate == nullptr) throw NotForThis("it has no validate()");
  struct Sink {
    std::vector<std::string> problems;
    std::size_t stop_after;
  } to{{}, stop_after};
  const z4j_sink sink{sizeof(z4j_sink), 0, &to, [](void* ctx, z4j_str bytes) -> z4j_status {
                        Sink& s = *static_cast<Sink*>(ctx);
                        if (s.problems.size() >= s.stop_after) return Z4J_TOO_LARGE;
                        s.problems.emplace_back(plugin::text_of(bytes));
                        return Z4J_OK;
                      }};
  const Guarded text(config);
  Validated out;
  out.status = subject.status_of("validate",
                                 [&](z4j_error* e) { return p.validate(text.text(), &sink, e); });
  out.problems = std::move(to.problems);
  for (const std::string& problem : out.problems) {
    const json::Value value = parsed(problem, "a problem of validate()");
    const json::Object& o = object_of(value, "a problem of validate()");
    const std::string_view at = json::text(o, "at");
    expect(!json::text(o, "message").empty(),
           "a problem of validate() has no \"message\": " + problem.substr(0, 200));
    expect(
        o.contains("at") && (at.empty() || at.front() == '/'),
        "a problem of validate() has no \"at\" that is a JSON pointer: " + problem.substr(0, 200));
  }
  return out;
}

json::Object wide(Subject& subject) {
  json::Object out = subject.settings();
  for (int i = 0; i < 2000; ++i) out["unknown_" + std::to_string(i)] = i;
  return out;
}

std::string deep(int levels) {
  std::string out = "{\"x\":";
  for (int i = 0; i < levels; ++i) out += "[";
  for (int i = 0; i < levels; ++i) out += "]";
  return out + "}";
}

// create() of settings that no host hands over: it may take them or not, and lives on.
void survives(Subject& subject, const std::string& config) {
  CheckedHost& host = subject.host();
  z4j_instance* made = nullptr;
  const Guarded text(config);
  const CallError done = subject.status_of("create", [&](z4j_error* e) {
    return subject.plugin().create(host.table(), text.text(), &made, e);
  });
  if (done.ok()) {
    expect(made != nullptr, "create() returned Z4J_OK without an instance");
    subject.call("destroy", [&] { subject.plugin().destroy(made); });
  } else {
    expect(made == nullptr, "create() failed and gave an instance all the same");
  }
}

// The settings with a word in each secret that must never be seen again.
std::string with_canaries(Subject& subject) {
  const Secrets secrets = secrets_of(subject.schema());
  if (secrets.marked.empty()) throw NotForThis("it has no secret settings");
  json::Object settings = subject.settings();
  for (const std::string& name : secrets.marked) {
    // A URL with a password, where only a URL is taken.
    for (const std::string& text :
         {std::string(kCanary), "redis://user:" + std::string(kCanary) + "@127.0.0.1:1/0",
          "postgresql://user:" + std::string(kCanary) + "@127.0.0.1:1/none"}) {
      json::Object tried = settings;
      tried[name] = text;
      if (config::check_settings(subject.schema(), tried).problems.empty()) {
        settings = std::move(tried);
        if (text != kCanary && subject.plugin().validate != nullptr &&
            validate(subject, subject.complete(settings)).problems.empty())
          break;
      }
    }
  }
  return subject.complete(settings);
}

void expect_no_canary(std::string_view text, const std::string& where) {
  expect(text.find(kCanary) == text.npos,
         "a secret setting shows in " + where + ": " + std::string(plugin::cut(text, 160)));
}

void keeps_secrets_out_of_problems(Subject& subject) {
  const Validated done = validate(subject, with_canaries(subject));
  for (const std::string& problem : done.problems)
    expect_no_canary(problem, "a problem of validate()");
  expect_no_canary(done.status.message, "the error of validate()");
}

void keeps_secrets_out_of_errors_and_logs(Subject& subject) {
  const std::string config = with_canaries(subject);
  CheckedHost& host = subject.host();
  z4j_instance* made = nullptr;
  const CallError created = subject.status_of("create", [&](z4j_error* e) {
    return subject.plugin().create(host.table(), lend(config), &made, e);
  });
  expect_no_canary(created.message, "the error of create()");
  if (created.ok()) {
    host.enter(CheckedHost::Life::starting);
    const CallError started =
        subject.status_of("start", [&](z4j_error* e) { return subject.plugin().start(made, e); });
    expect_no_canary(started.message + started.where, "the error of start()");
    host.enter(CheckedHost::Life::started);
    host.pump(200);
    if (started.ok()) {
      host.enter(CheckedHost::Life::stopping);
      host.drain();
      const CallError stopped = subject.status_of(
          "stop", [&](z4j_error* e) { return subject.plugin().stop(made, 10'000, e); });
      expect_no_canary(stopped.message, "the error of stop()");
    }
    subject.call("destroy", [&] { subject.plugin().destroy(made); });
  }
  expect_no_canary(host.said(), "a log line, its health or a metric");
}

void refuses_what_the_schema_does_not_know(Subject& subject) {
  json::Object settings = subject.settings();
  settings["no_such_setting_at_all"] = true;
  expect(!config::check_settings(subject.schema(), settings).problems.empty(),
         "its schema takes unknown settings: say \"additionalProperties\": false");
}

void each_spoiled(Subject& subject, const std::vector<Spoiled>& all) {
  if (all.empty()) throw NotForThis("nothing of its settings can be wrong in that way");
  for (const Spoiled& spoiled : all) {
    const auto checked = config::check_settings(subject.schema(), spoiled.settings);
    const bool named = std::any_of(
        checked.problems.begin(), checked.problems.end(),
        [&](const config::Problem& problem) { return problem.where.rfind(spoiled.where, 0) == 0; });
    expect(named, "no problem names " + spoiled.where);
  }
}

void describes_its_settings(Subject& subject) {
  const json::Value schema = parsed(subject.schema(), "its schema");
  const json::Object* properties = json::object(object_of(schema, "its schema"), "properties");
  if (properties == nullptr || properties->empty()) throw NotForThis("it has no settings");
  std::size_t silent = 0;
  std::string first;
  for (const auto& [name, node] : *properties) {
    if (!json::text(node.as_object(), "description").empty()) continue;
    if (silent++ == 0) first = name;
  }
  if (silent > 0)
    subject.tell(std::to_string(silent) + " of " + std::to_string(properties->size()) +
                 " have no description, \"" + first + "\" say");
}

void every_spoiled_config_is_survived(Subject& subject) {
  const json::Object good = subject.settings();
  std::vector<Spoiled> all = wrong_types(subject.schema(), good);
  const std::vector<Spoiled> more = out_of_bounds(subject.schema(), good);
  all.insert(all.end(), more.begin(), more.end());
  if (all.empty()) throw NotForThis("it has no settings");
  for (const Spoiled& spoiled : all) survives(subject, json::write(spoiled.settings));
}

}  // namespace

void add_config_cases(Cases& cases) {
  const auto add = [&](const char* name, const char* what, std::function<void(Subject&)> run) {
    cases.push_back({std::string("C.") + name, what, std::move(run)});
  };
  add("sample", "takes settings that its schema takes",
      [](Subject& subject) { Instance instance(subject, subject.host()); });
  add("defaults", "takes settings with every default spelled out", [](Subject& subject) {
    const json::Value whole = parsed(subject.config(), "its settings");
    Instance instance(subject, subject.host(), json::write(whole));
  });
  add("unknown-key", "has a schema that refuses unknown settings",
      refuses_what_the_schema_does_not_know);
  add("wrong-type-named", "has a schema that names a setting of a wrong type",
      [](Subject& subject) {
        each_spoiled(subject, wrong_types(subject.schema(), subject.settings()));
      });
  add("bounds-named", "has a schema that names a setting out of its bounds", [](Subject& subject) {
    each_spoiled(subject, out_of_bounds(subject.schema(), subject.settings()));
  });
  add("described", "describes its settings (told, not judged)", describes_its_settings);
  add("secrets-marked", "marks what sounds like a secret as x-z4j-secret", [](Subject& subject) {
    const Secrets secrets = secrets_of(subject.schema());
    expect(secrets.unmarked.empty(),
           "the setting \"" + (secrets.unmarked.empty() ? "" : secrets.unmarked.front()) +
               "\" sounds like a secret and is not marked x-z4j-secret");
  });
  add("secret-problems", "shows no secret in a problem of validate()",
      keeps_secrets_out_of_problems);
  add("secret-errors", "shows no secret in an error, a log line or its health",
      keeps_secrets_out_of_errors_and_logs);

  add("validate-good", "finds no problem in settings that work", [](Subject& subject) {
    const Validated done = validate(subject, subject.config());
    if (!subject.options().config && (!done.status.ok() || !done.problems.empty()))
      throw NotForThis("settings made from its schema are not enough for it (give --config): " +
                       (done.problems.empty() ? done.status.text() : done.problems.front()));
    expect(done.status.ok(), "validate() failed: " + done.status.text());
    expect(done.problems.empty(), "validate() finds a problem in --config: " +
                                      (done.problems.empty() ? "" : done.problems.front()));
  });
  add("validate-agrees", "takes in create() what validate() has no problem with",
      [](Subject& subject) {
        const std::string config = subject.config();
        if (const Validated done = validate(subject, config);
            !done.status.ok() || !done.problems.empty())
          throw NotForThis("validate() has problems with the settings at hand");
        Instance instance(subject, subject.host(), config);
      });
  add("validate-empty", "survives the validation of {}",
      [](Subject& subject) { (void)validate(subject, "{}"); });
  add("validate-nothing", "survives the validation of no text at all",
      [](Subject& subject) { (void)validate(subject, ""); });
  add("validate-no-json", "survives the validation of what is not JSON", [](Subject& subject) {
    for (const char* text : {"{", "nonsense", "\"", "{\"a\":}", "[1,2", "\xff\xfe"})
      (void)validate(subject, text);
  });
  add("validate-no-object", "survives the validation of JSON that is no object",
      [](Subject& subject) {
        for (const char* text : {"null", "[]", "7", "\"x\"", "true"}) (void)validate(subject, text);
      });
  add("validate-types", "survives the validation of settings of wrong types", [](Subject& subject) {
    for (const Spoiled& each : wrong_types(subject.schema(), subject.settings()))
      (void)validate(subject, json::write(each.settings));
  });
  add("validate-bounds", "survives the validation of settings out of their bounds",
      [](Subject& subject) {
        for (const Spoiled& each : out_of_bounds(subject.schema(), subject.settings()))
          (void)validate(subject, json::write(each.settings));
      });
  add("validate-huge", "survives the validation of a huge text", [](Subject& subject) {
    (void)validate(subject, "{\"x\":\"" + std::string(4u << 20, 'x') + "\"}");
  });
  add("validate-wide", "survives the validation of thousands of settings",
      [](Subject& subject) { (void)validate(subject, json::write(wide(subject))); });
  add("validate-deep", "survives the validation of deep nesting", [](Subject& subject) {
    for (const int levels : {60, 5000}) (void)validate(subject, deep(levels));
  });
  add("validate-nul", "survives the validation of texts with NUL bytes", [](Subject& subject) {
    (void)validate(subject, std::string_view("{\"a\":\"\0\"}\0", 11));
    (void)validate(subject, "{\"a\":\"\\u0000\"}");
  });
  add("validate-repeats", "says the same each time it validates", [](Subject& subject) {
    for (const std::string& config : {std::string("{}"), subject.config()}) {
      const Validated first = validate(subject, config);
      for (int i = 0; i < 10; ++i) {
        const Validated again = validate(subject, config);
        expect(again.status.status == first.status.status && again.problems == first.problems,
               "validate() says different things about the same settings");
      }
    }
  });
  add("validate-sink-full", "stops when nobody takes more problems", [](Subject& subject) {
    (void)validate(subject, "{}", 0);
    (void)validate(subject, json::write(wide(subject)), 1);
  });
  add("validate-threads", "validates on several threads at once", [](Subject& subject) {
    const z4j_plugin& p = subject.plugin();
    if (p.validate == nullptr) throw NotForThis("it has no validate()");
    const std::string config = subject.config();
    std::atomic<int> wrong{0};
    const z4j_sink sink{sizeof(z4j_sink), 0, nullptr,
                        [](void*, z4j_str) -> z4j_status { return Z4J_OK; }};
    const z4j_status first = validate(subject, config).status.status;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) {
          z4j_error error = plugin::blank_error();
          if (p.validate(lend(config), &sink, &error) != first) ++wrong;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    expect(wrong == 0, "validate() answers differently when threads ask at once");
  });
  add("validate-no-work", "opens nothing and starts no thread to validate", [](Subject& subject) {
    (void)validate(subject, subject.config());
    const std::size_t threads = threads_now(), descriptors = descriptors_now();
    (void)validate(subject, subject.config());
    expect(threads_now() == threads, "validate() starts threads");
    expect(descriptors_now() == descriptors, "validate() leaves descriptors open");
  });
  add("create-empty", "survives create() without settings", [](Subject& subject) {
    survives(subject, "{}");
    survives(subject, "");
  });
  add("create-no-json", "survives create() with what is not JSON", [](Subject& subject) {
    for (const char* text : {"{", "nonsense", "[]", "null", "7", "{\"a\":}"})
      survives(subject, text);
  });
  add("create-spoiled", "survives create() with settings of wrong types and out of bounds",
      every_spoiled_config_is_survived);
  add("create-huge", "survives create() with a huge text", [](Subject& subject) {
    survives(subject, "{\"x\":\"" + std::string(4u << 20, 'x') + "\"}");
    survives(subject, deep(5000));
  });
  add("create-config-gone", "keeps nothing of the settings' text beyond create()",
      [](Subject& subject) {
        // Instance takes the text's memory away when create() has returned.
        CheckedHost& host = subject.host();
        Instance instance(subject, host);
        if (const CallError started = instance.try_start(); started.ok()) {
          host.pump(100);
          (void)instance.stop();
        }
      });
}

}  // namespace z4j::check
