// H: notifiers, against docs/abi/notifier.md. What a notifier sends through the host's http client
// is seen and answered here; what it sends by other means is refused.
#include <algorithm>
#include <set>

#include "asks.hpp"
#include "config/schema.hpp"
#include "plugin/crossing.hpp"
#include "plugin/notifier.hpp"
#include "samples.hpp"

namespace z4j::check {
namespace {

constexpr std::string_view kCanary = "canary5f0d2c81b7";

std::vector<plugin::TargetType> types_of(Subject& subject) {
  auto types = plugin::target_types(subject.plugin(), subject.notifier());
  expect(types.ok(), types ? "" : types.error().message);
  return std::move(types).value();
}

// A target with every member that a value was found for.
json::Object full_target(const std::string& schema) {
  json::Object best;
  // Some hosts of services that notifiers know by name, then anything that passes.
  static constexpr const char* kTexts[] = {
      "https://hooks.slack.com/services/T0/B0/canary5f0d2c81b7",
      "https://discord.com/api/webhooks/1/canary5f0d2c81b7",
      "https://example.invalid/hook",
      "canary5f0d2c81b7",
      "12345:canary5f0d2c81b7",
      "-100",
      "a@example.invalid"};
  const json::Value parsed_schema =
      parsed(schema.empty() ? R"({"type":"object"})" : schema, "a target's schema");
  const json::Object* properties =
      json::object(object_of(parsed_schema, "a target's schema"), "properties");
  if (properties == nullptr) return best;
  for (const auto& [name, node] : *properties) {
    for (const char* text : kTexts) {
      const bool is_place = std::string_view(name).find("url") != std::string_view::npos;
      if (is_place != (std::string_view(text).rfind("https://", 0) == 0)) continue;
      json::Object tried{{name, text}};
      if (config::check_settings(schema, tried).problems.empty()) {
        best[name] = text;
        break;
      }
    }
  }
  return best;
}

struct Trial {
  Answer answer;
  std::vector<HttpCall> calls;
};

// One message to each type, with the http client answering so. Throws NotForThis when no type sends
// anything through it.
std::vector<Trial> send_to_all(Subject& subject, const HttpAnswer& with, Note note,
                               CheckedHost*& used) {
  (void)subject.notifier();
  CheckedHost& host = subject.host();
  used = &host;
  host.http = [with](const HttpCall&) { return with; };
  Instance instance(subject, host);
  instance.start();
  std::vector<Trial> out;
  for (const plugin::TargetType& type : types_of(subject)) {
    note.type = type.name;
    json::Array tried{full_target(type.schema_json)};
    // Of two services one knows its own hosts only.
    for (const char* url : {"https://hooks.slack.com/services/T0/B0/canary5f0d2c81b7",
                            "https://discord.com/api/webhooks/1/canary5f0d2c81b7",
                            "https://x.webhook.office.com/webhookb2/canary5f0d2c81b7"}) {
      json::Object target = tried[0].as_object();
      bool any = false;
      for (auto& [name, value] : target) {
        if (std::string_view(name).find("url") == std::string_view::npos) continue;
        value = url;
        any = true;
      }
      if (any) tried.emplace_back(std::move(target));
    }
    for (const json::Value& target : tried) {
      note.target = json::write(target);
      const std::size_t before = host.http_calls().size();
      Trial trial;
      trial.answer = ask_and_wait(instance, notify(subject, note), 65'000);
      const auto calls = host.http_calls();
      trial.calls.assign(calls.begin() + static_cast<std::ptrdiff_t>(before), calls.end());
      if (trial.calls.empty()) continue;
      out.push_back(std::move(trial));
      break;
    }
  }
  (void)instance.stop();
  if (out.empty()) throw NotForThis("it sends nothing through the host's http client");
  return out;
}

std::string outcome_of(const Answer& answer) {
  if (answer.status != Z4J_OK) return "code " + std::to_string(answer.status);
  if (answer.result.empty()) return "sent";
  const json::Value value = parsed(answer.result, "the answer of send");
  const std::string outcome(json::text(object_of(value, "the answer of send"), "outcome", "sent"));
  expect(outcome == "sent" || outcome == "retry" || outcome == "failed",
         "a message came to \"" + outcome + "\", which is no outcome of the contract");
  return outcome;
}

void answered_so(Subject& subject, std::uint32_t code, z4j_status status,
                 const std::set<std::string>& good, const char* what) {
  HttpAnswer answer;
  answer.status = status;
  answer.http_status = code;
  answer.body = R"({"ok":true,"status":"success"})";
  CheckedHost* host = nullptr;
  for (const Trial& trial : send_to_all(subject, answer, {}, host)) {
    const std::string outcome = outcome_of(trial.answer);
    expect(good.contains(outcome), std::string("when the other side ") + what +
                                       ", a message came to \"" + outcome +
                                       "\": " + told(trial.answer));
  }
}

// Services say it in different ways: each target must take one of them for "sent".
void taken(Subject& subject) {
  static constexpr std::pair<std::uint32_t, const char*> kWays[] = {
      {200, "ok"},
      {204, ""},
      {202, R"({"status":"success","message":"Event processed"})"},
      {200, "1"},
      {200, R"({"ok":true})"}};
  std::vector<bool> good;
  Answer last;
  for (const auto& [code, body] : kWays) {
    HttpAnswer answer;
    answer.status = Z4J_OK;
    answer.http_status = code;
    answer.body = body;
    CheckedHost* host = nullptr;
    const auto trials = send_to_all(subject, answer, {}, host);
    good.resize(trials.size());
    for (std::size_t i = 0; i < trials.size(); ++i) {
      if (outcome_of(trials[i].answer) == "sent")
        good[i] = true;
      else if (!good[i])
        last = trials[i].answer;
    }
  }
  expect(std::find(good.begin(), good.end(), false) == good.end(),
         "a message that was taken with 200, 202 or 204 is not \"sent\": " + told(last));
}

void each_type_answers(Subject& subject) {
  (void)subject.notifier();
  Running running(subject);
  for (const plugin::TargetType& type : types_of(subject)) {
    Note note;
    note.type = type.name;
    note.target = json::write(full_target(type.schema_json));
    (void)outcome_of(ask_and_wait(running.instance, notify(subject, note), 65'000));
  }
}

void refuses_empty_targets(Subject& subject) {
  (void)subject.notifier();
  Running running(subject);
  bool any = false;
  for (const plugin::TargetType& type : types_of(subject)) {
    const json::Value schema =
        parsed(type.schema_json.empty() ? "{}" : type.schema_json, "a target's schema");
    const json::Object* properties =
        json::object(object_of(schema, "a target's schema"), "properties");
    if (properties == nullptr || properties->empty()) continue;
    any = true;
    Note note;
    note.type = type.name;
    const Answer answer = ask_and_wait(running.instance, notify(subject, note));
    expect(outcome_of(answer) != "sent",
           "a message to a " + type.name + " without an address was \"sent\"");
  }
  if (!any) throw NotForThis("its targets have no address");
}

void targets_require_nothing(Subject& subject) {
  for (const plugin::TargetType& type : types_of(subject)) {
    const auto checked = config::check_settings(
        type.schema_json.empty() ? R"({"type":"object"})" : type.schema_json, {});
    expect(checked.problems.empty(),
           "the schema of " + type.name +
               " requires something: a target that lacks its address is kept");
  }
}

void secrets_of_targets_stay(Subject& subject) {
  bool any = false;
  for (const plugin::TargetType& type : types_of(subject))
    any = any || !secrets_of(type.schema_json).marked.empty();
  if (!any) throw NotForThis("its targets have no secrets");
  for (const std::uint32_t code : {200u, 403u, 500u}) {
    HttpAnswer answer;
    answer.status = Z4J_OK;
    answer.http_status = code;
    answer.body = "no";
    CheckedHost& host = subject.host();
    host.http = [answer](const HttpCall&) { return answer; };
    Instance instance(subject, host);
    instance.start();
    for (const plugin::TargetType& type : types_of(subject)) {
      Note note;
      note.type = type.name;
      const Secrets secrets = secrets_of(type.schema_json);
      json::Object target = full_target(type.schema_json);
      // Only the marked ones carry the word.
      for (auto& [name, value] : target) {
        const bool marked =
            std::find(secrets.marked.begin(), secrets.marked.end(), name) != secrets.marked.end();
        if (!marked && value.is_string() &&
            std::string_view(value.get_string()).find(kCanary) != std::string_view::npos)
          value = "x";
      }
      note.target = json::write(target);
      const Answer got = ask_and_wait(instance, notify(subject, note), 65'000);
      for (const std::string* text : {&got.message, &got.result, &got.where})
        expect(text->find(kCanary) == text->npos,
               "a secret of a " + type.name + " shows in its answer: " + told(got));
    }
    (void)instance.stop();
    expect(host.said().find(kCanary) == std::string::npos,
           "a secret of a target shows in a log line or its health");
  }
}

void same_id_same_message(Subject& subject) {
  HttpAnswer answer;
  answer.status = Z4J_OK;
  answer.http_status = 200;
  CheckedHost* host = nullptr;
  Note note;
  note.is_test = 0;
  const auto first = send_to_all(subject, answer, note, host);
  note.attempt = 2;
  const auto second = send_to_all(subject, answer, note, host);
  expect(first.size() == second.size(), "a second try of one message reaches other targets");
  for (std::size_t i = 0; i < first.size(); ++i) {
    expect(!first[i].calls.empty() && !second[i].calls.empty() &&
               first[i].calls.back().url == second[i].calls.back().url,
           "a second try of one message goes elsewhere");
  }
}

void one_try_for_one_message(Subject& subject) {
  HttpAnswer answer;
  answer.status = Z4J_OK;
  answer.http_status = 503;
  CheckedHost* host = nullptr;
  for (const Trial& trial : send_to_all(subject, answer, {}, host))
    expect(trial.calls.size() == 1, "it tried " + std::to_string(trial.calls.size()) +
                                        " times by itself: the kernel keeps the queue");
}

void header_lines(Subject& subject) {
  HttpAnswer answer;
  answer.status = Z4J_OK;
  answer.http_status = 200;
  Note note;
  note.title = "A title\r\nX-Injected: yes\r\n\r\nbody";
  note.context = json::write(json::Object{{"trigger", "task.failed\r\nX-Injected: yes"},
                                          {"task_name", "t\r\nX-Injected: yes"}});
  CheckedHost* host = nullptr;
  for (const Trial& trial : send_to_all(subject, answer, note, host)) {
    for (const HttpCall& call : trial.calls) {
      for (const auto& [name, value] : call.headers)
        expect((name + value).find_first_of("\r\n") == std::string::npos,
               "a message's text breaks the header " + name);
      expect(call.url.find_first_of("\r\n ") == std::string::npos,
             "a message's text breaks the URL");
    }
  }
}

void texts(Subject& subject, const std::string& text) {
  (void)subject.notifier();
  HttpAnswer answer;
  answer.status = Z4J_OK;
  answer.http_status = 200;
  CheckedHost& host = subject.host();
  host.http = [answer](const HttpCall&) { return answer; };
  Instance instance(subject, host);
  instance.start();
  for (const plugin::TargetType& type : types_of(subject)) {
    Note note;
    note.type = type.name;
    note.target = json::write(full_target(type.schema_json));
    note.title = note.text = text;
    note.context = json::write(
        json::Object{{"trigger", "task.failed"}, {"task_name", text}, {"exception", text}});
    (void)outcome_of(ask_and_wait(instance, notify(subject, note), 65'000));
  }
  for (const HttpCall& call : host.http_calls()) {
    const bool is_json = std::any_of(call.headers.begin(), call.headers.end(), [](const auto& h) {
      return h.second.find("application/json") != std::string::npos;
    });
    if (is_json) (void)parsed(call.body, "a JSON body that it sends");
  }
  (void)instance.stop();
}

void hanging_other_side(Subject& subject) {
  (void)subject.notifier();
  CheckedHost& host = subject.host();
  host.http = [](const HttpCall&) {
    HttpAnswer never;
    never.never = true;
    return never;
  };
  Instance instance(subject, host);
  instance.start();
  std::vector<z4j_op> ops;
  for (const plugin::TargetType& type : types_of(subject)) {
    Note note;
    note.type = type.name;
    note.target = json::write(full_target(type.schema_json));
    const auto begin = std::chrono::steady_clock::now();
    ops.push_back(ask_once(instance, notify(subject, note)));
    expect(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2),
           "send() holds its caller while the other side hangs");
  }
  expect(instance.stop().ok(), "stop() failed while the other side hangs");
  for (const z4j_op op : ops)
    expect(host.answer_of(op).is_there,
           "a message is open after stop(), since the other side hangs");
}

void sixteen_at_once(Subject& subject) {
  (void)subject.notifier();
  HttpAnswer answer;
  answer.status = Z4J_OK;
  answer.http_status = 200;
  CheckedHost& host = subject.host();
  host.http = [answer](const HttpCall&) { return answer; };
  Instance instance(subject, host);
  instance.start();
  const auto types = types_of(subject);
  std::vector<z4j_op> ops;
  for (std::size_t i = 0; i < 16; ++i) {
    Note note;
    note.id = "check-" + std::to_string(i);
    note.type = types[i % types.size()].name;
    note.target = json::write(full_target(types[i % types.size()].schema_json));
    ops.push_back(ask_once(instance, notify(subject, note)));
  }
  for (const z4j_op op : ops)
    expect(host.await(op, 65'000).is_there, "16 messages at once are not all answered");
  (void)instance.stop();
}

void body_limit(Subject& subject) {
  const std::uint32_t most = subject.notifier().max_body_bytes;
  expect(most > 0 && most <= (1u << 20),
         "it takes bodies of " + std::to_string(most) + " bytes, expected 1 to 1048576");
  texts(subject, std::string(most, 'x'));
}

}  // namespace

void add_notifier_cases(Cases& cases) {
  const auto add = [&](const char* name, const char* what, std::function<void(Subject&)> run) {
    cases.push_back({std::string("H.notifier.") + name, std::string("as a notifier, ") + what,
                     std::move(run), 180'000});
  };
  add("types", "answers a message to each of its types", each_type_answers);
  add("requires-nothing", "requires nothing of a target", targets_require_nothing);
  add("empty-target", "does not say \"sent\" of a target without an address",
      refuses_empty_targets);
  add("unknown-type", "does not say \"sent\" of a type that it does not serve",
      [](Subject& subject) {
        (void)subject.notifier();
        if (plugin::text_of(subject.notifier().types_json).empty())
          throw NotForThis("it has one type, whatever it is called");
        Running running(subject);
        Note note;
        note.type = "no-such-type";
        expect(outcome_of(ask_and_wait(running.instance, notify(subject, note))) != "sent",
               "a message to a type that it does not serve was \"sent\"");
      });
  add("secrets", "shows no secret of a target in answers or logs", secrets_of_targets_stay);
  add("same-id", "sends a second try of a message to the same place", same_id_same_message);
  add("one-try", "tries once for each call", one_try_for_one_message);
  add("answer-taken", "says \"sent\" when the other side takes it", taken);
  add("answer-500", "says \"retry\" when the other side has a fault", [](Subject& s) {
    answered_so(s, 500, Z4J_OK, {"retry", "code 201", "code 200"}, "answers 500");
  });
  add("answer-429", "says \"retry\" when the other side has too much to do", [](Subject& s) {
    answered_so(s, 429, Z4J_OK, {"retry", "code 201", "code 200"}, "answers 429");
  });
  add("answer-404", "does not say \"sent\" when the other side refuses", [](Subject& s) {
    answered_so(s, 404, Z4J_OK, {"failed", "code 104", "code 101"}, "answers 404");
  });
  add("answer-denied", "does not say \"sent\" when the host refuses the address", [](Subject& s) {
    answered_so(s, 0, Z4J_DENIED, {"failed", "retry", "code 104"}, "may not be dialled");
  });
  add("answer-none", "says \"retry\" when the other side is not there", [](Subject& s) {
    answered_so(s, 0, Z4J_UNAVAILABLE, {"retry", "code 201"}, "is not there");
  });
  add("answer-late", "says \"retry\" when the other side is too slow", [](Subject& s) {
    answered_so(s, 0, Z4J_TIMEOUT, {"retry", "code 202", "code 205"}, "is too slow");
  });
  add("hang", "holds nobody up when the other side hangs, and stops", hanging_other_side);
  add("header-lines", "lets no text of a message into lines of its protocol", header_lines);
  add("texts-unicode", "takes any language and four-byte characters", [](Subject& s) {
    texts(s, "\xf0\x9f\x98\x80 Köln \xe2\x82\xac \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d");
  });
  add("texts-control", "takes texts with control characters and quotes",
      [](Subject& s) { texts(s, "a\tb\n\"c\" \\ <script>&amp; \x01\x1b[31m '; --"); });
  add("texts-empty", "takes empty texts", [](Subject& s) { texts(s, ""); });
  add("body-limit", "takes a body as long as it says", body_limit);
  add("sixteen", "answers sixteen messages that come at once", sixteen_at_once);
  add("severities", "takes every severity", [](Subject& subject) {
    (void)subject.notifier();
    Running running(subject);
    for (const plugin::TargetType& type : types_of(subject)) {
      for (std::int32_t severity = 0; severity <= 4; ++severity) {
        Note note;
        note.severity = severity;
        note.type = type.name;
        (void)outcome_of(ask_and_wait(running.instance, notify(subject, note)));
      }
    }
  });
}

}  // namespace z4j::check
