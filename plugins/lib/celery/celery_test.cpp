// The formats against what real workers and producers wrote (tests/fixtures/vectors).
#include "lib/celery/event.hpp"
#include "lib/celery/literal.hpp"
#include "lib/celery/management.hpp"
#include "lib/celery/message.hpp"
#include "lib/celery/pidbox.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/celery/redis_transport.hpp"
#include "lib/celery/result.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>

namespace {

namespace celery = z4j::celery;
namespace json = z4j::json;

json::Object celery_vector(const std::string& name) {
  std::ifstream in(Z4J_SOURCE_DIR "/tests/fixtures/vectors/celery-redis-" + name + ".json");
  return json::parse(
             std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()))
      .get_object();
}

std::string celery_text(const json::Value& v) {
  return {v.get_string().data(), v.get_string().size()};
}

// Every list of a captured key space: calls f(key, message).
void each_message(const json::Object& keys,
                  const std::function<void(const std::string&, const std::string&)>& f) {
  for (const auto& [key, entry] : keys) {
    if (json::text(entry.get_object(), "type") != "list") continue;
    for (const json::Value& m : entry.get_object().at("value").get_array())
      f(std::string(key), celery_text(m));
  }
}

class CeleryTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CeleryTest);
  CPPUNIT_TEST(reads_every_message_of_both_versions);
  CPPUNIT_TEST(reads_what_a_message_says);
  CPPUNIT_TEST(reads_pickles_as_data);
  CPPUNIT_TEST(writes_the_same_task_once_more);
  CPPUNIT_TEST(takes_a_task_out_of_its_chord);
  CPPUNIT_TEST(leaves_a_task_in_its_chord_where_it_takes_its_own_place);
  CPPUNIT_TEST(reads_where_the_management_api_is);
  CPPUNIT_TEST(finds_queues_of_dead_letters_in_what_the_management_api_says);
  CPPUNIT_TEST(arguments_stay_byte_for_byte);
  CPPUNIT_TEST(will_not_change_what_it_cannot_write);
  CPPUNIT_TEST(edits_a_pickle_that_nothing_hangs_on);
  CPPUNIT_TEST(reads_protocol_1);
  CPPUNIT_TEST(new_messages_can_be_read);
  CPPUNIT_TEST(headers_of_the_project_change_none_of_the_protocol);
  CPPUNIT_TEST(hostile_messages_are_refused);
  CPPUNIT_TEST(reads_every_event);
  CPPUNIT_TEST(reads_arrays_of_events);
  CPPUNIT_TEST(odd_events_are_counted_or_kept);
  CPPUNIT_TEST(reads_every_reply);
  CPPUNIT_TEST(reads_numbers_that_only_python_has);
  CPPUNIT_TEST(never_sends_an_election);
  CPPUNIT_TEST(reads_every_result);
  CPPUNIT_TEST(reads_unacked_messages);
  CPPUNIT_TEST(knows_the_keys);
  CPPUNIT_TEST_SUITE_END();

  static std::string one_message(const std::string& version, const char* name) {
    const json::Object vector = celery_vector("messages-" + version);
    std::string out;
    each_message(vector.at("messages").get_object().at(name).get_object(),
                 [&](const std::string&, const std::string& m) { out = m; });
    CPPUNIT_ASSERT(!out.empty());
    return out;
  }

  void reads_every_message_of_both_versions() {
    for (const char* version : {"5.2.6", "5.6.3"}) {
      std::size_t n = 0;
      const json::Object vector = celery_vector(std::string("messages-") + version);
      for (const auto& [kind, keys] : vector.at("messages").get_object()) {
        const std::string name(kind);
        each_message(keys.get_object(), [&](const std::string&, const std::string& text) {
          ++n;
          const celery::Message m = celery::parse_message(text);
          CPPUNIT_ASSERT_EQUAL(2, m.protocol);
          CPPUNIT_ASSERT_EQUAL(std::size_t{36}, m.id.size());
          CPPUNIT_ASSERT(m.task.starts_with("capp."));
          CPPUNIT_ASSERT(!m.routing_key.empty());
          const celery::Body body = celery::parse_body(m);
          const std::string type = m.envelope.content_type;
          const celery::BodyForm expected = type == "application/json" ? celery::BodyForm::json
                                            : type == "application/x-python-serialize"
                                                ? celery::BodyForm::pickle
                                                : celery::BodyForm::opaque;
          CPPUNIT_ASSERT_MESSAGE(name + ": " + body.why_opaque, body.form == expected);
          if (expected == celery::BodyForm::opaque) CPPUNIT_ASSERT(!body.why_opaque.empty());
        });
      }
      CPPUNIT_ASSERT(n >= 12);
    }
  }

  void reads_what_a_message_says() {
    const celery::Message m = celery::parse_message(one_message("5.2.6", "countdown"));
    CPPUNIT_ASSERT_EQUAL(std::string("capp.add"), m.task);
    CPPUNIT_ASSERT_EQUAL(z4j::text::parse_iso_time("2026-11-23T21:54:03.399431Z").value(),
                         m.eta_us.value());
    CPPUNIT_ASSERT(m.expires_us.value() > m.eta_us.value());
    CPPUNIT_ASSERT_EQUAL(std::string("celery"), m.routing_key);
    CPPUNIT_ASSERT_EQUAL(9, celery::parse_message(one_message("5.2.6", "priority_9")).priority);
    const celery::Body body =
        celery::parse_body(celery::parse_message(one_message("5.6.3", "chain")));
    CPPUNIT_ASSERT_EQUAL(std::string("[1, 2]"), body.args);
    CPPUNIT_ASSERT(body.has_continuation);
    CPPUNIT_ASSERT(!body.has_chord);
    CPPUNIT_ASSERT(
        celery::parse_body(celery::parse_message(one_message("5.2.6", "chord"))).has_chord);
  }

  void reads_pickles_as_data() {
    const celery::Body body =
        celery::parse_body(celery::parse_message(one_message("5.2.6", "pickle")));
    CPPUNIT_ASSERT(body.form == celery::BodyForm::pickle);
    CPPUNIT_ASSERT(body.args.empty());
    CPPUNIT_ASSERT(body.args_repr.find("datetime.datetime(2020, 1, 2") != std::string::npos);
    CPPUNIT_ASSERT(!body.has_continuation && !body.has_chord);
  }

  void writes_the_same_task_once_more() {
    const celery::Message old = celery::parse_message(one_message("5.2.6", "countdown"));
    const std::string text = celery::write_again(old, celery::parse_body(old),
                                                 {.id = "new-id",
                                                  .queue = "celery",
                                                  .priority = {},
                                                  .eta_us = {},
                                                  .args = {},
                                                  .kwargs = {}});
    const celery::Message m = celery::parse_message(text);
    CPPUNIT_ASSERT_EQUAL(std::string("new-id"), m.id);
    CPPUNIT_ASSERT_EQUAL(old.task, m.task);
    CPPUNIT_ASSERT_EQUAL(old.root_id, m.root_id);
    CPPUNIT_ASSERT(!m.eta_us && !m.expires_us);
    CPPUNIT_ASSERT_EQUAL(old.envelope.body, m.envelope.body);
    const json::Object& now = m.envelope.properties();
    const json::Object& before = old.envelope.properties();
    CPPUNIT_ASSERT(!now.contains("expiration"));
    CPPUNIT_ASSERT_EQUAL(std::string("new-id"), std::string(json::text(now, "correlation_id")));
    CPPUNIT_ASSERT(json::text(now, "delivery_tag") != json::text(before, "delivery_tag"));
    CPPUNIT_ASSERT_EQUAL(std::string("(1, 2)"), m.args_repr);
    // Headers of the project survive.
    const celery::Message rich =
        celery::parse_message(one_message("5.6.3", "queue_other_timelimits_headers"));
    const celery::Message again = celery::parse_message(celery::write_again(
        rich, celery::parse_body(rich),
        {.id = "n", .queue = "other", .priority = 3, .eta_us = {}, .args = {}, .kwargs = {}}));
    for (const auto& [key, value] : rich.envelope.headers()) {
      if (key == "id" || key == "group" || key == "group_index" || key == "parent_id" ||
          key == "eta" || key == "expires" || key == "retries")
        continue;
      CPPUNIT_ASSERT_MESSAGE(std::string(key), again.envelope.headers().at(key) == value);
    }
    CPPUNIT_ASSERT_EQUAL(3, again.priority);
    CPPUNIT_ASSERT(celery::parse_body(again).has_continuation);
  }

  void takes_a_task_out_of_its_chord() {
    const celery::Message old = celery::parse_message(one_message("5.2.6", "chord"));
    const celery::Message m = celery::parse_message(celery::write_again(
        old, celery::parse_body(old),
        {.id = "n", .queue = "celery", .priority = {}, .eta_us = {}, .args = {}, .kwargs = {}}));
    const celery::Body body = celery::parse_body(m);
    CPPUNIT_ASSERT(!body.has_chord);
    CPPUNIT_ASSERT_EQUAL(celery::parse_body(old).args, body.args);
    CPPUNIT_ASSERT(m.group.empty());
  }

  void leaves_a_task_in_its_chord_where_it_takes_its_own_place() {
    const celery::Message old = celery::parse_message(one_message("5.2.6", "chord"));
    const celery::Message m =
        celery::parse_message(celery::write_again(old, celery::parse_body(old),
                                                  {.id = old.id,
                                                   .queue = "celery",
                                                   .priority = {},
                                                   .eta_us = {},
                                                   .args = "[7, 8]",
                                                   .kwargs = {},
                                                   .takes_its_place = true}));
    CPPUNIT_ASSERT_EQUAL(celery::parse_body(old).embed, celery::parse_body(m).embed);
    CPPUNIT_ASSERT_EQUAL(std::string("[7, 8]"), celery::parse_body(m).args);
    CPPUNIT_ASSERT(!m.group.empty() && m.group == old.group && m.id == old.id);
    CPPUNIT_ASSERT(m.envelope.headers().at("group_index") ==
                   old.envelope.headers().at("group_index"));
  }

  void reads_where_the_management_api_is() {
    const celery::ManagementOptions plain = celery::parse_management_url("http://u:p%40@h");
    CPPUNIT_ASSERT_EQUAL(std::string("h"), plain.server.endpoints.front().host);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{15672}, plain.server.endpoints.front().port);
    CPPUNIT_ASSERT_EQUAL(std::string("p@"), plain.server.password);
    CPPUNIT_ASSERT(!plain.server.tls && plain.path.empty());
    const celery::ManagementOptions far = celery::parse_management_url("https://u:p@[::1]:443/mq/");
    CPPUNIT_ASSERT_EQUAL(std::string("::1"), far.server.endpoints.front().host);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{443}, far.server.endpoints.front().port);
    CPPUNIT_ASSERT(far.server.tls && far.server.tls_verify && far.path == "/mq");
    for (const char* bad :
         {"", "amqp://u:hunter2@h", "http://h", "http://hunter2@h", "http://u:hunter2@",
          "http://u:hunter2@h:0", "http://u:hunter2@h:70000", "http://u:hunter2@h:1x",
          "http://u:hunter2@h/?a", "http://u:hunter2%4@h", "http://u:hunter2@h/a b",
          "http://u:hunter2@h/\r\nX: y"}) {
      try {
        static_cast<void>(celery::parse_management_url(bad));
        CPPUNIT_FAIL(bad);
      } catch (const z4j::Error& e) {
        CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG}, e.code);
        CPPUNIT_ASSERT(std::string(e.what()).find("hunter2") == std::string::npos);
      }
    }
  }

  void finds_queues_of_dead_letters_in_what_the_management_api_says() {
    const auto queue = [](const std::string& name, const std::string& more) {
      return R"({"name": ")" + name + R"(", "type": "classic", "exclusive": false, )" + more + "}";
    };
    const std::string free = R"("consumers": 0, "arguments": {})";
    const auto dead_to = [](const std::string& exchange, const std::string& key) {
      return R"("consumers": 2, "arguments": {"x-dead-letter-exchange": ")" + exchange +
             R"(", "x-dead-letter-routing-key": ")" + key + R"("})";
    };
    const std::string queues =
        "[" + queue("work", dead_to("", "dead")) + "," + queue("more", dead_to("dlx", "lost")) +
        "," + queue("read", dead_to("", "celery")) + "," + queue("slow", dead_to("", "later")) +
        "," + queue("shy", dead_to("", "heavy")) + "," + queue("ruled", R"("consumers": 1,
          "effective_policy_definition": {"dead-letter-exchange": "by-policy"})") +
        "," + queue("dead", free) + "," + queue("graves", free) + "," + queue("other", free) + "," +
        queue("pits", free) + "," + queue("celery", free) + "," +
        queue("later", R"("consumers": 0, "arguments": {"x-dead-letter-exchange": ""})") + "," +
        R"({"name": "heavy", "type": "quorum", "consumers": 0}, {"name": "own", "exclusive": true},
           {"name": 7}, [], {"name": "counted", "messages_unacknowledged": 3}])";
    const std::string bindings =
        R"([{"source": "dlx", "destination": "graves", "destination_type": "queue", "routing_key": "lost"},
            {"source": "dlx", "destination": "other", "destination_type": "queue", "routing_key": "kept"},
            {"source": "by-policy", "destination": "pits", "destination_type": "queue", "routing_key": "x"},
            {"source": "by-policy", "destination": "other", "destination_type": "exchange", "routing_key": "x"}, 1])";
    const celery::QueueList list = celery::read_queue_list(queues, bindings, {"celery"});
    CPPUNIT_ASSERT((list.dead_letter_queues == std::vector<std::string>{"dead", "graves", "pits"}));
    CPPUNIT_ASSERT_EQUAL(std::string("counted"), list.queues.back().name);
    CPPUNIT_ASSERT(list.queues.back().unacked == 3u && !list.queues.front().unacked);
    CPPUNIT_ASSERT_EQUAL(std::size_t{14}, list.queues.size());
    for (const char* bad : {"", "{}", "[", "null"})
      CPPUNIT_ASSERT_THROW(static_cast<void>(celery::read_queue_list(bad, "[]", {})), z4j::Error);
  }

  void arguments_stay_byte_for_byte() {
    celery::NewTask t{.id = "i",
                      .task = "t",
                      .queue = "q",
                      .args = "[123456789012345678901234567890, 1.10]",
                      .kwargs = R"({"a": "\u00e9"})",
                      .root_id = {},
                      .priority = 0,
                      .eta_us = {}};
    const celery::Message m = celery::parse_message(celery::write_message(t));
    CPPUNIT_ASSERT_EQUAL(t.args, celery::parse_body(m).args);
    CPPUNIT_ASSERT_EQUAL(t.kwargs, celery::parse_body(m).kwargs);
    CPPUNIT_ASSERT_EQUAL(std::string("(123456789012345678901234567890, 1.10)"), m.args_repr);
    const celery::Message edited = celery::parse_message(celery::write_again(
        m, celery::parse_body(m),
        {.id = "j", .queue = "q", .priority = {}, .eta_us = 1, .args = "[1]", .kwargs = {}}));
    CPPUNIT_ASSERT_EQUAL(std::string("[1]"), celery::parse_body(edited).args);
    CPPUNIT_ASSERT_EQUAL(t.kwargs, celery::parse_body(edited).kwargs);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, edited.eta_us.value());
  }

  void will_not_change_what_it_cannot_write() {
    for (const char* name : {"pickle", "msgpack"}) {
      const celery::Message m = celery::parse_message(one_message("5.2.6", name));
      const celery::Body body = celery::parse_body(m);
      const celery::Again same{
          .id = "n", .queue = "celery", .priority = {}, .eta_us = {}, .args = {}, .kwargs = {}};
      CPPUNIT_ASSERT_EQUAL(m.envelope.body,
                           celery::parse_message(celery::write_again(m, body, same)).envelope.body);
      celery::Again edited = same;
      edited.args = "[1]";
      celery::Body followed = body;
      followed.has_continuation = true;
      CPPUNIT_ASSERT_THROW(static_cast<void>(celery::write_again(m, followed, edited)), z4j::Error);
      edited.args = "[1234567890123456789012]";
      CPPUNIT_ASSERT_THROW(static_cast<void>(celery::write_again(m, body, edited)), z4j::Error);
    }
    celery::Message signed_one = celery::parse_message(one_message("5.2.6", "msgpack"));
    signed_one.envelope.content_type = "application/data";
    try {
      static_cast<void>(celery::write_again(
          signed_one, celery::parse_body(signed_one),
          {.id = "n", .queue = "q", .priority = {}, .eta_us = {}, .args = "[]", .kwargs = "{}"}));
      CPPUNIT_FAIL("a signed body was changed");
    } catch (const z4j::Error& e) {
      CPPUNIT_ASSERT(std::string(e.what()).find("signed") != std::string::npos);
    }
  }

  void edits_a_pickle_that_nothing_hangs_on() {
    const celery::Message m = celery::parse_message(one_message("5.2.6", "pickle"));
    const celery::Body body = celery::parse_body(m);
    const celery::Message edited = celery::parse_message(
        celery::write_again(m, body,
                            {.id = "n",
                             .queue = "celery",
                             .priority = {},
                             .eta_us = {},
                             .args = R"([1, "\u00e9", null, {"a": [1.5, true]}])",
                             .kwargs = R"({"k": -7})"}));
    CPPUNIT_ASSERT_EQUAL(m.envelope.content_type, edited.envelope.content_type);
    const celery::Body again = celery::parse_body(edited);
    CPPUNIT_ASSERT(again.form == celery::BodyForm::pickle);
    CPPUNIT_ASSERT(!again.has_continuation && !again.has_chord);
    CPPUNIT_ASSERT_EQUAL(json::write(json::parse(R"([1, "\u00e9", null, {"a": [1.5, true]}])")),
                         again.args);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"k":-7})"), again.kwargs);
  }

  void reads_protocol_1() {
    const std::string body =
        R"({"task": "a.b", "id": "x1", "args": [1], "kwargs": {"k": 2}, "retries": 1, "eta": null, "callbacks": null})";
    const std::string text =
        R"({"body": ")" + z4j::text::base64_encode(body) +
        R"(", "content-type": "application/json", "content-encoding": "utf-8", "headers": {}, )"
        R"("properties": {"body_encoding": "base64", "delivery_info": {"exchange": "", "routing_key": "q"}}})";
    const celery::Message m = celery::parse_message(text);
    CPPUNIT_ASSERT_EQUAL(1, m.protocol);
    CPPUNIT_ASSERT_EQUAL(std::string("a.b"), m.task);
    const celery::Message again = celery::parse_message(celery::write_again(
        m, celery::parse_body(m),
        {.id = "n", .queue = "q", .priority = {}, .eta_us = {}, .args = {}, .kwargs = {}}));
    CPPUNIT_ASSERT_EQUAL(2, again.protocol);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"k": 2})"), celery::parse_body(again).kwargs);
  }

  void new_messages_can_be_read() {
    const std::string text = celery::write_message({.id = "i",
                                                    .task = "t",
                                                    .queue = "q",
                                                    .args = "[]",
                                                    .kwargs = "{}",
                                                    .root_id = {},
                                                    .priority = 6,
                                                    .eta_us = {}});
    const celery::Message m = celery::parse_message(text);
    CPPUNIT_ASSERT_EQUAL(std::string("i"), m.root_id);
    CPPUNIT_ASSERT_EQUAL(std::string("q"), m.routing_key);
    CPPUNIT_ASSERT_EQUAL(6, m.priority);
    // The same headers as the real producer's, no more and no less.
    const celery::Message real = celery::parse_message(one_message("5.2.6", "simple_json"));
    for (const auto& [key, value] : real.envelope.headers())
      CPPUNIT_ASSERT_MESSAGE(std::string(key), m.envelope.headers().contains(key));
    CPPUNIT_ASSERT_EQUAL(real.envelope.headers().size(), m.envelope.headers().size());
    CPPUNIT_ASSERT(m.envelope.headers().at("timelimit") == real.envelope.headers().at("timelimit"));
    for (const auto& [key, value] : real.envelope.properties())
      CPPUNIT_ASSERT_MESSAGE(std::string(key), m.envelope.properties().contains(key));
  }

  void headers_of_the_project_change_none_of_the_protocol() {
    celery::NewTask t;
    t.id = "i";
    t.task = "t";
    t.queue = "q";
    t.headers = {{"x-tenant", 7}, {"task", "other"}, {"compression", "gzip"}, {"eta", "never"}};
    t.periodic_task_name = "nightly";
    const celery::Message m = celery::parse_message(celery::write_message(t));
    CPPUNIT_ASSERT_EQUAL(std::string("t"), m.task);
    CPPUNIT_ASSERT(!m.eta_us);
    const json::Object& headers = m.envelope.headers();
    CPPUNIT_ASSERT(headers.at("x-tenant") == json::Value(7));
    CPPUNIT_ASSERT(!headers.contains("compression"));
    for (const json::Object* part : {&headers, &m.envelope.properties()})
      CPPUNIT_ASSERT_EQUAL(std::string("nightly"),
                           std::string(json::text(*part, "periodic_task_name")));
  }

  void hostile_messages_are_refused() {
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    for (const std::string& text :
         {std::string(), std::string("null"), std::string("[]"), std::string("{}"),
          std::string(R"({"body": 1})"),
          std::string(R"({"body": "!!", "properties": {"body_encoding": "base64"}})"), deep,
          std::string("\xff\xfe"), std::string(R"({"body": "", "headers": [], "properties": 3})"),
          std::string(R"({"body": "", "headers": {"task": 5, "id": {}}})")}) {
      CPPUNIT_ASSERT_THROW(static_cast<void>(celery::parse_message(text)), z4j::Error);
      const std::string wrapped =
          R"({"body": ")" + z4j::text::base64_encode(text) +
          R"(", "content-type": "application/json", "properties": {"body_encoding": "base64"}})";
      CPPUNIT_ASSERT_THROW(static_cast<void>(celery::parse_message(wrapped)), z4j::Error);
    }
  }

  void reads_every_event() {
    std::size_t n = 0;
    const json::Object vector = celery_vector("events-5.2.6");
    for (const auto& [type, samples] : vector.at("events").get_object()) {
      for (const json::Value& sample : samples.get_array()) {
        std::vector<celery::Event> events;
        CPPUNIT_ASSERT_EQUAL(
            std::size_t{0},
            celery::read_events(celery_text(sample.get_object().at("message")), 7, events));
        const bool ours = type.starts_with("task-") || type == "worker-online" ||
                          type == "worker-heartbeat" || type == "worker-offline";
        if (!ours) {
          CPPUNIT_ASSERT(events.empty());
          continue;
        }
        CPPUNIT_ASSERT(!events.empty());
        for (const celery::Event& e : events) {
          ++n;
          CPPUNIT_ASSERT(e.time_us > 1'700'000'000'000'000);
          CPPUNIT_ASSERT_EQUAL(e.kind >= Z4J_EV_WORKER_UP, e.beat.has_value());
          CPPUNIT_ASSERT_EQUAL(e.task_id.empty(), e.beat.has_value());
          CPPUNIT_ASSERT(json::parse(e.attrs_json).is_object());
        }
      }
    }
    CPPUNIT_ASSERT(n > 10);
  }

  static std::string event_message(const std::string& body) {
    return R"({"body": ")" + z4j::text::base64_encode(body) +
           R"(", "content-type": "application/json", "headers": {}, "properties": {"body_encoding": "base64"}})";
  }

  void reads_arrays_of_events() {
    std::vector<celery::Event> events;
    celery::read_events(
        event_message(
            R"j([{"type": "task-received", "uuid": "a", "name": "m.f", "args": "(1,)", "kwargs": "{}", "retries": 2,)j"
            R"( "hostname": "w@h", "timestamp": 1795467048.5, "eta": "2026-11-23T21:54:03+00:00"},)"
            R"( {"type": "task-succeeded", "uuid": "a", "result": "3", "runtime": 0.25, "hostname": "w@h", "timestamp": 1795467049}])"),
        7, events);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, events.size());
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{Z4J_EV_RECEIVED}, events[0].kind);
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{0}, events[0].attempt);
    CPPUNIT_ASSERT_EQUAL(std::string("w@h"), events[0].worker);
    const json::Object attrs = json::parse(events[0].attrs_json).get_object();
    CPPUNIT_ASSERT_EQUAL(std::string("(1,)"), std::string(json::text(attrs, "args")));
    CPPUNIT_ASSERT(json::boolean(attrs, "args_is_repr"));
    CPPUNIT_ASSERT_EQUAL(1795470843.0, json::number(attrs, "eta"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{250'000}, events[1].runtime_us);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795467049'000'000}, events[1].time_us);
  }

  void odd_events_are_counted_or_kept() {
    std::vector<celery::Event> events;
    const std::size_t bad = celery::read_events(
        event_message(
            R"([1, {}, {"type": "task-started"}, {"type": "worker-online"}, {"type": "worker-elect", "hostname": "x"},)"
            R"( {"type": "task-progress", "uuid": "a", "done": 5, "timestamp": -4}])"),
        7, events);
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, bad);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, events.size());
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{Z4J_EV_UNKNOWN}, events[0].kind);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, events[0].time_us);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5},
                         json::integer(json::parse(events[0].attrs_json).get_object(), "done"));
    CPPUNIT_ASSERT_THROW(celery::read_events(event_message("not json"), 7, events), z4j::Error);
  }

  void reads_every_reply() {
    std::size_t n = 0;
    const auto check = [&](const json::Object& call) {
      const json::Array& raw = call.at("raw_replies").get_array();
      const json::Array& decoded = call.at("replies").get_array();
      for (std::size_t i = 0; i < raw.size(); ++i) {
        const std::vector<celery::Reply> replies = celery::read_replies(json::write(raw[i]));
        for (const celery::Reply& r : replies) {
          ++n;
          CPPUNIT_ASSERT_EQUAL(std::string(json::text(call.at("sent_body").get_object(), "ticket")),
                               r.ticket);
          CPPUNIT_ASSERT(json::parse(r.value) == decoded[i].get_object().at(r.worker));
        }
      }
    };
    const json::Object older = celery_vector("pidbox-5.2.6"), newer = celery_vector("prefix-5.6.3");
    for (const auto& [worker, calls] : older.at("calls").get_object()) {
      for (const auto& [name, call] : calls.get_object()) check(call.get_object());
    }
    for (const auto& [name, call] : newer) {
      if (name.starts_with("control_")) check(call.get_object());
    }
    CPPUNIT_ASSERT(n > 40);
    const celery::Reply good{"", "w", R"({"ok": "pong"})"},
        bad{"", "w", R"j({"error": "KeyError('x')"})j"};
    CPPUNIT_ASSERT(celery::is_ok(good) && !celery::is_ok(bad));
    CPPUNIT_ASSERT_EQUAL(std::string("KeyError('x')"), celery::error_in(bad));
  }

  void reads_numbers_that_only_python_has() {
    const std::string body =
        R"({"w1@h": {"a": Infinity, "b": [-Infinity, NaN], "c": "NaN \" Infinity", "d": -1}})";
    const std::string message = R"({"body": ")" + z4j::text::base64_encode(body) +
                                R"(", "headers": {"ticket": "t"}, "properties": )"
                                R"({"body_encoding": "base64"}})";
    const std::vector<celery::Reply> replies = celery::read_replies(message);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, replies.size());
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"a": null, "b": [null, null], "c": "NaN \" Infinity", "d": -1})"),
        replies[0].value);
  }

  void never_sends_an_election() {
    const celery::Request election{"election", {}, {}, "", ""};
    CPPUNIT_ASSERT_THROW(static_cast<void>(celery::write_request(election, {})), z4j::Error);
    const celery::Envelope e =
        celery::parse_envelope(celery::write_request({"ping", {}, {"w@h"}, "t", "oid"}, {}));
    const json::Object body = json::parse(e.body).get_object();
    CPPUNIT_ASSERT_EQUAL(std::string("t"), std::string(json::text(body, "ticket")));
    CPPUNIT_ASSERT(body.at("destination") == json::parse(R"(["w@h"])"));
    CPPUNIT_ASSERT(body.at("reply_to") ==
                   json::parse(R"({"exchange": "reply.celery.pidbox", "routing_key": "oid"})"));
  }

  void reads_every_result() {
    std::map<std::string, int> states;
    for (const char* name : {"state-5.2.6", "results-plain-5.2.6"}) {
      const json::Object vector = celery_vector(name);
      for (const auto& [key, entry] : vector.at("results_db1").get_object()) {
        if (!key.starts_with("celery-task-meta-")) continue;
        const auto meta = celery::read_result(celery_text(entry.get_object().at("value")));
        CPPUNIT_ASSERT_MESSAGE(std::string(key), meta.has_value());
        CPPUNIT_ASSERT_EQUAL("celery-task-meta-" + meta->task_id, std::string(key));
        CPPUNIT_ASSERT_EQUAL(celery::is_final(meta->status),
                             meta->done_us.has_value() && meta->status != "RETRY");
        if (meta->status == "FAILURE" || meta->status == "REVOKED")
          CPPUNIT_ASSERT(!meta->exception.empty());
        if (std::string(name) == "state-5.2.6" && meta->task == "capp.slow")
          CPPUNIT_ASSERT(!meta->args.empty());
        ++states[meta->status];
      }
    }
    CPPUNIT_ASSERT(states["SUCCESS"] > 5 && states["FAILURE"] > 1 && states["REVOKED"] > 1 &&
                   states["STARTED"] > 0);
    const auto aware = celery::read_result(
        R"({"status": "SUCCESS", "task_id": "a", "result": 12345678901234567890123, "date_done": "2026-11-23T20:50:48.758706+00:00"})");
    CPPUNIT_ASSERT_EQUAL(std::string("12345678901234567890123"), aware->result);
    CPPUNIT_ASSERT(!celery::read_result("\x80\x02}q\x00.") && !celery::read_result("{}") &&
                   !celery::read_result("[1]"));
    const auto failed = celery::read_result(
        R"({"status": "FAILURE", "task_id": "a", "result": {"exc_type": "ValueError", "exc_message": ["x", 1]}})");
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError('x', 1)"), failed->exception);
  }

  void reads_unacked_messages() {
    std::size_t n = 0;
    for (const char* part : {"broker_busy_db0", "broker_before_kill9", "broker_after_kill9"}) {
      const json::Object vector = celery_vector("state-5.2.6");
      const json::Object& keys = vector.at(part).get_object();
      for (const json::Value& pair : keys.at("unacked").get_object().at("value").get_array()) {
        const std::string entry = celery_text(pair.get_array()[1]);
        const auto parts = celery::raw_items(entry);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, parts.size());
        CPPUNIT_ASSERT(!celery::parse_message(parts[0]).id.empty());
        ++n;
      }
    }
    CPPUNIT_ASSERT(n > 10);
  }

  void knows_the_keys() {
    celery::RedisKeys keys;
    CPPUNIT_ASSERT_EQUAL(std::string("celery"), keys.queue("celery", 0));
    CPPUNIT_ASSERT_EQUAL(std::string("celery\x06\x16") + "3",
                         keys.queue("celery", keys.step_of(5)));
    CPPUNIT_ASSERT_EQUAL(9, keys.step_of(200));
    CPPUNIT_ASSERT_EQUAL(std::string("/0.celeryev/*"), keys.events_pattern());
    keys.prefix = "p*:";
    keys.database = 3;
    CPPUNIT_ASSERT_EQUAL(std::string("p\\*:/3.celeryev/*"), keys.events_pattern());
    CPPUNIT_ASSERT_EQUAL(std::string("p*:/3.celery.pidbox"), keys.control_channel());
    const json::Object state = celery_vector("state-5.2.6");
    for (const auto& [key, entry] : state.at("broker_busy_db0").get_object()) {
      if (key != "_kombu.binding.other") continue;
      const std::string member =
          z4j::text::base64_decode(
              json::text(entry.get_object().at("value").get_array()[0].get_object(), "base64"))
              .value();
      CPPUNIT_ASSERT_EQUAL(std::string("other"), celery::queue_of_binding(member));
    }
    CPPUNIT_ASSERT_EQUAL(std::string(), celery::queue_of_binding("nothing"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CeleryTest);

}  // namespace
