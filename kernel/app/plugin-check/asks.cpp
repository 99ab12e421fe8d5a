#include "asks.hpp"

#include "plugin/crossing.hpp"
#include "plugin/http.hpp"
#include "plugin/notifier.hpp"

namespace z4j::check {
namespace {

using plugin::lend;
using plugin::text_of;

constexpr char kNothing[] = "z4j-check-nothing";

Ask snapshot(Subject& subject, const std::string& what, const std::string& page) {
  const z4j_engine& engine = subject.engine();
  return {"snapshot " + what, [&engine, what, page](z4j_instance* i, z4j_op op, z4j_error* e) {
            const Guarded name(what), text(page);
            return engine.snapshot(i, op, name.text(), text.text(), e);
          }};
}

Ask command(Subject& subject, const std::string& name, std::uint64_t verb,
            const std::string& target, const std::string& args) {
  const z4j_engine& engine = subject.engine();
  return {"command " + name,
          [&engine, verb, target, args](z4j_instance* i, z4j_op op, z4j_error* e) {
            const Guarded to(target), text(args);
            return engine.command(i, op, verb, to.text(), text.text(), e);
          }};
}

// Verbs that change nothing when their target does not exist.
struct Verb {
  const char* name;
  std::uint64_t bit;
  const char* args;
};
constexpr Verb kHarmless[] = {{"RETRY", Z4J_ENGINE_RETRY, R"({"task_name":"z4j.check"})"},
                              {"REVOKE", Z4J_ENGINE_REVOKE, R"({"terminate":false})"},
                              {"DELETE", Z4J_ENGINE_DELETE, "{}"},
                              {"DEAD_LETTERS", Z4J_ENGINE_DEAD_LETTERS, "{}"}};

constexpr const char* kSnapshots[] = {"workers", "queues", "registry", "abilities"};

void scheduler_asks(const z4j_scheduler& s, std::vector<Ask>& out, const std::string& page,
                    const std::string& schedule, const std::string& id) {
  if (s.list != nullptr) {
    out.push_back({"list", [&s, page](z4j_instance* i, z4j_op op, z4j_error* e) {
                     const Guarded text(page);
                     return s.list(i, op, text.text(), e);
                   }});
  }
  if (s.put != nullptr) {
    out.push_back({"put", [&s, schedule](z4j_instance* i, z4j_op op, z4j_error* e) {
                     const Guarded text(schedule), etag("no-such-etag");
                     return s.put(i, op, text.text(), etag.text(), e);
                   }});
  }
  if (s.remove != nullptr) {
    out.push_back({"remove", [&s, id](z4j_instance* i, z4j_op op, z4j_error* e) {
                     const Guarded text(id), etag("no-such-etag");
                     return s.remove(i, op, text.text(), etag.text(), e);
                   }});
  }
  if (s.trigger != nullptr) {
    out.push_back({"trigger", [&s, id](z4j_instance* i, z4j_op op, z4j_error* e) {
                     const Guarded text(id);
                     return s.trigger(i, op, text.text(), e);
                   }});
  }
}

// A table of two columns, for drivers; lives as long as the process.
constexpr z4j_str text_constant(std::string_view s) { return {s.data(), s.size()}; }
constexpr z4j_column kColumns[] = {
    {text_constant("id"), text_constant("key"), Z4J_T_INT, Z4J_COL_REQUIRED, Z4J_M_KEEP, 0},
    {text_constant("words"), text_constant(""), Z4J_T_TEXT, 0, Z4J_M_SET, 0}};
constexpr std::uint16_t kKeyColumn[] = {0};
constexpr z4j_key kKeys[] = {{text_constant("check_id"), kKeyColumn, 1, Z4J_K_PRIMARY, 0}};
constexpr z4j_table kTables[] = {{text_constant("check_rows"), text_constant("of z4j-plugin-check"),
                                  kColumns, kKeys, 2, 1, 0, 0}};
constexpr z4j_schema kSchema = {sizeof(z4j_schema), 1, kTables, 1, 0};

}  // namespace

Ask notify(Subject& subject, const Note& note) {
  const z4j_notifier& notifier = subject.notifier();
  return {"send", [&notifier, note](z4j_instance* i, z4j_op op, z4j_error* e) {
            const Guarded id(note.id), dedup(note.dedup), title(note.title), text(note.text),
                url(note.url), target(note.target), context(note.context), type(note.type);
            z4j_notification n{};
            n.struct_size = sizeof n;
            n.severity = note.severity;
            n.is_test = note.is_test;
            n.attempt = note.attempt;
            n.id = id.text();
            n.dedup_key = dedup.text();
            n.title = title.text();
            n.body_text = text.text();
            n.url = url.text();
            n.target_json = target.text();
            n.context_json = context.text();
            n.target_type = type.text();
            const GuardedStruct<z4j_notification> whole(n);
            return notifier.send(i, op, whole.get(), e);
          }};
}

Ask request(Subject& subject, std::uint32_t route, const std::string& body,
            const std::string& params, const std::string& query) {
  const z4j_http& http = subject.http();
  const std::string path(route < http.route_count ? text_of(http.routes[route].path) : "nowhere");
  return {"route " + path,
          [&http, route, body, params, query, path](z4j_instance* i, z4j_op op, z4j_error* e) {
            const Guarded place(path), asked(query), content(body), bound(params),
                headers(R"({"accept":"*/*"})"), type("application/json"), user("u1"),
                permissions(R"({"is_administrator":true,"role":"admin"})"), trace("t1");
            z4j_http_request r{};
            r.struct_size = sizeof r;
            r.route = route;
            r.path = place.text();
            r.query = asked.text();
            r.body = content.text();
            r.content_type = type.text();
            r.params_json = bound.text();
            r.headers_json = headers.text();
            r.user_id = user.text();
            r.permissions_json = permissions.text();
            r.trace_id = trace.text();
            const GuardedStruct<z4j_http_request> whole(r);
            return http.handle(i, op, whole.get(), e);
          }};
}

std::vector<Ask> asks_of(Subject& subject) {
  std::vector<Ask> out;
  if (subject.is_a("engine")) {
    for (const char* what : kSnapshots) out.push_back(snapshot(subject, what, R"({"limit":10})"));
    out.push_back(snapshot(subject, "waiting", R"({"limit":10,"queue":"z4j-check-nothing"})"));
    out.push_back(snapshot(subject, "state", R"({"limit":10,"task_ids":["z4j-check-nothing"]})"));
    for (const Verb& verb : kHarmless)
      out.push_back(command(subject, verb.name, verb.bit, kNothing, verb.args));
  }
  if (subject.is_a("scheduler")) {
    scheduler_asks(subject.scheduler(), out, R"({"limit":10})",
                   R"({"id":"z4j-check-nothing","name":"z4j-check-nothing"})", kNothing);
  }
  if (subject.is_a("notifier")) {
    const auto types = plugin::target_types(subject.plugin(), subject.notifier());
    if (types) {
      for (const plugin::TargetType& type : *types) {
        Note note;
        note.type = type.name;
        out.push_back(notify(subject, note));
        out.back().name += " to " + type.name;
      }
    }
  }
  if (subject.is_a("http")) {
    for (std::uint32_t i = 0; i < subject.http().route_count; ++i)
      out.push_back(request(subject, i, "", R"({"slug":"default","id":"7","name":"you"})"));
  }
  if (subject.is_a("storage")) {
    const z4j_storage& storage = subject.storage();
    out.push_back({"migrate", [&storage](z4j_instance* i, z4j_op op, z4j_error* e) {
                     return storage.migrate(i, op, &kSchema, 1, e);
                   }});
  }
  return out;
}

std::vector<Ask> hostile_asks_of(Subject& subject) {
  std::vector<Ask> out;
  std::string deep = "{\"limit\":";
  for (int i = 0; i < 5000; ++i) deep += "[";
  for (int i = 0; i < 5000; ++i) deep += "]";
  deep += "}";
  const std::vector<std::string> texts = {"",
                                          "{",
                                          "nonsense",
                                          "[]",
                                          "null",
                                          "7",
                                          "\"x\"",
                                          "\xff\xfe\xfd",
                                          std::string("{\"a\":\"\0\"}", 9),
                                          R"({"limit":-1})",
                                          R"({"limit":99999999999})",
                                          R"({"limit":"ten"})",
                                          R"({"limit":1e300})",
                                          R"({"queue":7,"task_ids":"x","cursor":{}})",
                                          R"({"cursor":"nonsense"})",
                                          R"({"items":[{}]})",
                                          R"({"items":"x"})",
                                          deep,
                                          "{\"x\":\"" + std::string(1u << 20, 'x') + "\"}"};
  const std::vector<std::string> names = {"",
                                          kNothing,
                                          std::string(1u << 16, 'n'),
                                          "\xff\xfe",
                                          std::string("a\0b", 3),
                                          "../../etc/passwd",
                                          "%s%n",
                                          "'; --"};
  const std::size_t from = out.size();
  if (subject.is_a("engine")) {
    for (const std::string& text : texts) {
      for (const char* what : kSnapshots) out.push_back(snapshot(subject, what, text));
      out.push_back(snapshot(subject, "waiting", text));
      out.push_back(snapshot(subject, "state", text));
      for (const Verb& verb : kHarmless)
        out.push_back(command(subject, verb.name, verb.bit, kNothing, text));
    }
    for (const std::string& name : names) {
      out.push_back(snapshot(subject, name, "{}"));
      out.push_back(command(subject, "RETRY", Z4J_ENGINE_RETRY, name, "{}"));
      out.push_back(command(subject, "REVOKE", Z4J_ENGINE_REVOKE, name, "{}"));
    }
  }
  if (subject.is_a("scheduler")) {
    for (const std::string& text : texts)
      scheduler_asks(subject.scheduler(), out, text, text, text);
    for (const std::string& name : names)
      scheduler_asks(subject.scheduler(), out, "{}", "{\"id\":7}", name);
  }
  if (subject.is_a("notifier")) {
    for (const std::string& text : texts) {
      for (const std::string& type :
           {std::string("webhook"), std::string("email"), std::string("nobody"), std::string()}) {
        Note note;
        note.type = type;
        note.target = text;
        out.push_back(notify(subject, note));
        note.target = "{}";
        note.context = text;
        out.push_back(notify(subject, note));
      }
    }
    for (const std::string& name : names) {
      Note note;
      note.id = note.dedup = note.title = note.text = note.url = note.type = name;
      out.push_back(notify(subject, note));
    }
    for (const std::int32_t severity : {-1, 5, INT32_MAX, INT32_MIN}) {
      Note note;
      note.severity = note.attempt = severity;
      out.push_back(notify(subject, note));
    }
  }
  if (subject.is_a("http")) {
    for (std::uint32_t i = 0; i <= subject.http().route_count; ++i) {
      for (const std::string& text : texts) {
        out.push_back(request(subject, i, text, "{}"));
        out.push_back(request(subject, i, "", text, text));
      }
    }
    out.push_back(request(subject, UINT32_MAX, "", "{}"));
  }
  for (std::size_t i = from; i < out.size(); ++i) out[i].is_proper = false;
  return out;
}

z4j_op ask_once(Instance& instance, const Ask& ask) {
  CheckedHost& host = instance.host();
  const z4j_op op = host.open_operation();
  z4j_error error = plugin::blank_error();
  const CallError done = instance.subject().status_of(ask.name.c_str(), [&](z4j_error* e) {
    const z4j_status status = ask.call(instance.get(), op, e);
    error = *e;
    return status;
  });
  expect(done.status != Z4J_END, ask.name + " returned Z4J_END, which is no answer");
  if (done.status != Z4J_PENDING) host.answered_at_once(op, done.status, error);
  return op;
}

Answer ask_and_wait(Instance& instance, const Ask& ask, int deadline_ms) {
  const z4j_op op = ask_once(instance, ask);
  const Answer answer = instance.host().await(op, deadline_ms);
  expect(answer.is_there,
         ask.name + " was not answered within " + std::to_string(deadline_ms) + " ms");
  expect(answer.status == Z4J_OK || !answer.message.empty(),
         ask.name + " failed with " + std::to_string(answer.status) + " and no message");
  expect(!ask.is_proper || answer.status < 300,
         ask.name + " is the plugin's own fault: " + told(answer));
  return answer;
}

std::string told(const Answer& answer) {
  if (!answer.is_there) return "no answer";
  return "code " + std::to_string(answer.status) +
         (answer.message.empty() ? ""
                                 : ", \"" + std::string(plugin::cut(answer.message, 200)) + "\"") +
         (answer.result.empty() ? "" : ", " + std::string(plugin::cut(answer.result, 200)));
}

}  // namespace z4j::check
