#include "src/message.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace z4j::webhook {
namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string header(const HttpCall& call, std::string_view name) {
  for (const auto& [key, value] : call.headers) {
    if (key == name) return value;
  }
  return {};
}

Settings usual() { return read_settings("{}"); }

Message message(const std::string& type, const std::string& target) {
  static std::string kept_type;
  kept_type = type;
  Message out;
  out.type = kept_type;
  out.title = "task.failed: billing.charge";
  out.text = "a task failed";
  out.id = "m1";
  out.target = json::parse(target).get_object();
  out.context = json::parse(R"({"trigger":"task.failed","task_id":"t<1>","priority":"high",)"
                            R"("task_name":"billing.charge_card","state":"failure",)"
                            R"("project_id":"p1","exception":"ValueError: a & b"})")
                    .get_object();
  return out;
}

std::string refusal(const std::string& type, const std::string& target) {
  try {
    (void)make_call(usual(), message(type, target), 0);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

z4j_http_answer answered(std::uint32_t status, std::string_view body = {},
                         const z4j_http_header* headers = nullptr) {
  z4j_http_answer out{};
  out.struct_size = sizeof out;
  out.http_status = status;
  out.body = str(body);
  out.headers = headers;
  out.header_count = headers != nullptr ? 1 : 0;
  return out;
}

class MessageTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MessageTest);
  CPPUNIT_TEST(webhook_is_the_context_signed_with_its_time);
  CPPUNIT_TEST(webhook_headers_are_bounded_and_reserved_ones_refused);
  CPPUNIT_TEST(services_are_reached_at_their_own_hosts_only);
  CPPUNIT_TEST(slack_escapes_what_it_would_read_as_markup);
  CPPUNIT_TEST(discord_takes_slack_messages);
  CPPUNIT_TEST(nothing_that_a_task_says_is_markup_or_calls_somebody);
  CPPUNIT_TEST(telegram_gets_plain_text);
  CPPUNIT_TEST(pagerduty_severity_and_key);
  CPPUNIT_TEST(teams_gets_a_card);
  CPPUNIT_TEST(outcomes);
  CPPUNIT_TEST(empty_configs_are_refused_by_name);
  CPPUNIT_TEST_SUITE_END();

  void webhook_is_the_context_signed_with_its_time() {
    const HttpCall call = make_call(
        usual(),
        message(
            "webhook",
            R"({"url":"https://e.test/hook?x=1","hmac_secret":"key","headers":{"X-Mine":"1"}})"),
        1'700'000'000);
    CPPUNIT_ASSERT_EQUAL(std::string("https://e.test/hook?x=1"), call.url);
    CPPUNIT_ASSERT(has(call.body, R"("trigger":"task.failed")"));
    CPPUNIT_ASSERT_EQUAL(std::string("z4j-brain/notification-webhook"), header(call, "User-Agent"));
    CPPUNIT_ASSERT_EQUAL(std::string("1700000000"), header(call, "X-Z4J-Timestamp"));
    CPPUNIT_ASSERT_EQUAL("sha256=" + hmac_sha256_hex("key", "1700000000." + call.body),
                         header(call, "X-Z4J-Signature"));
    CPPUNIT_ASSERT_EQUAL("sha256=" + hmac_sha256_hex("key", call.body),
                         header(call, "X-Z4J-Signature-V1"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), header(call, "X-Mine"));
    // RFC 4231, case 2.
    CPPUNIT_ASSERT_EQUAL(
        std::string("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        hmac_sha256_hex("Jefe", "what do ya want for nothing?"));
  }

  void webhook_headers_are_bounded_and_reserved_ones_refused() {
    for (const char* name :
         {"Host", "authorization", "Cookie", "X-Forwarded-For", "X-Z4J-Signature"})
      CPPUNIT_ASSERT(!refusal("webhook", std::string(R"({"url":"https://e.test","headers":{")") +
                                             name + R"(":"1"}})")
                          .empty());
    std::string many;
    for (int i = 0; i < 21; ++i) many += (i > 0 ? ",\"h" : "\"h") + std::to_string(i) + "\":\"1\"";
    CPPUNIT_ASSERT(
        has(refusal("webhook", R"({"url":"https://e.test","headers":{)" + many + "}}"), "20"));
  }

  void services_are_reached_at_their_own_hosts_only() {
    CPPUNIT_ASSERT_EQUAL(
        std::string(), refusal("slack", R"({"webhook_url":"https://hooks.slack.com/services/a"})"));
    CPPUNIT_ASSERT_EQUAL(std::string(),
                         refusal("teams", R"({"webhook_url":"https://x.webhook.office.com/a"})"));
    for (const char* url :
         {"https://hooks.slack.com.evil.test/a", "https://evil.test/hooks.slack.com",
          "https://hooks.slack.com@evil.test/", "https://evil.test#@hooks.slack.com",
          "https://evil.test\\\\hooks.slack.com", "hooks.slack.com"})
      CPPUNIT_ASSERT_MESSAGE(
          url, !refusal("slack", std::string(R"({"webhook_url":")") + url + "\"}").empty());
    CPPUNIT_ASSERT(!refusal("teams", R"({"webhook_url":"https://webhook.office.com/a"})").empty());
    Settings open = read_settings(R"({"slack_hosts":["Chat.corp"]})");
    CPPUNIT_ASSERT_EQUAL(
        std::string("https://chat.corp/hooks/1"),
        make_call(open, message("slack", R"({"webhook_url":"https://chat.corp/hooks/1"})"), 0).url);
  }

  void slack_escapes_what_it_would_read_as_markup() {
    const HttpCall call =
        make_call(usual(), message("slack", R"({"webhook_url":"https://hooks.slack.com/a"})"), 0);
    CPPUNIT_ASSERT(has(call.body, "t&lt;1&gt;"));
    CPPUNIT_ASSERT(has(call.body, "a &amp; b"));
    CPPUNIT_ASSERT(has(call.body, R"("type":"header")"));
  }

  void discord_takes_slack_messages() {
    const HttpCall call = make_call(
        usual(), message("discord", R"({"webhook_url":"https://discord.com/api/webhooks/1/x/"})"),
        0);
    CPPUNIT_ASSERT_EQUAL(std::string("https://discord.com/api/webhooks/1/x/slack"), call.url);
    CPPUNIT_ASSERT(has(call.body, R"("username":"z4j")"));
  }

  void nothing_that_a_task_says_is_markup_or_calls_somebody() {
    const auto body = [](const char* type, const char* url) {
      Message said = message(type, std::string(R"({"webhook_url":")") + url + "\"}");
      const char* hostile = "<!channel> @everyone [here](https://evil.test) *b* ```x";
      said.title = hostile;
      said.context["task_name"] = hostile;
      said.context["exception"] = hostile;
      return make_call(usual(), said, 0).body;
    };
    const std::string slack = body("slack", "https://hooks.slack.com/a");
    CPPUNIT_ASSERT_MESSAGE(slack, !has(slack, "<!channel>"));
    CPPUNIT_ASSERT_MESSAGE(slack, has(slack, "*b* '''x```"));
    const std::string discord = body("discord", "https://discord.com/api/webhooks/1/x");
    for (const char* markup : {"<!channel", "@everyone", "[here](", " *b*", "```"})
      CPPUNIT_ASSERT_MESSAGE(discord + " has " + markup, !has(discord, markup));
    const std::string teams = body("teams", "https://x.webhook.office.com/a");
    for (const char* markup : {"[here](", " *b*", "```"})
      CPPUNIT_ASSERT_MESSAGE(teams + " has " + markup, !has(teams, markup));
  }

  void telegram_gets_plain_text() {
    const HttpCall call =
        make_call(usual(), message("telegram", R"({"bot_token":"12:aB-c_d","chat_id":"-5"})"), 0);
    CPPUNIT_ASSERT_EQUAL(std::string("https://api.telegram.org/bot12:aB-c_d/sendMessage"),
                         call.url);
    CPPUNIT_ASSERT(has(call.body, "billing.charge_card"));
    CPPUNIT_ASSERT(!has(call.body, "parse_mode"));
    CPPUNIT_ASSERT(!refusal("telegram", R"({"bot_token":"1:a/../x","chat_id":"-5"})").empty());
  }

  void pagerduty_severity_and_key() {
    const auto body = [](const std::string& target) {
      return make_call(usual(), message("pagerduty", target), 0).body;
    };
    CPPUNIT_ASSERT(has(body(R"({"integration_key":"k12345678"})"), R"("severity":"error")"));
    CPPUNIT_ASSERT(has(body(R"({"integration_key":"k","severity_map":{"task.failed":"critical"}})"),
                       R"("severity":"critical")"));
    CPPUNIT_ASSERT(has(body(R"({"integration_key":"k"})"), R"("dedup_key":"p1/task.failed/t<1>")"));
    CPPUNIT_ASSERT(has(body(R"({"integration_key":"k"})"), R"("event_action":"trigger")"));
  }

  void teams_gets_a_card() {
    const HttpCall call = make_call(
        usual(), message("teams", R"({"webhook_url":"https://a.logic.azure.com/w?sig=%2Fx"})"), 0);
    CPPUNIT_ASSERT_EQUAL(std::string("https://a.logic.azure.com/w?sig=%2Fx"), call.url);
    CPPUNIT_ASSERT(has(call.body, R"("type":"AdaptiveCard")"));
  }

  static std::string verdict(const json::Object& o) {
    return std::string(json::text(o, "outcome"));
  }

  void outcomes() {
    CPPUNIT_ASSERT_EQUAL(std::string("sent"), verdict(outcome_of("webhook", answered(204))));
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), verdict(outcome_of("slack", answered(204))));
    CPPUNIT_ASSERT_EQUAL(std::string("sent"), verdict(outcome_of("pagerduty", answered(202))));
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), verdict(outcome_of("webhook", answered(302))));
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), verdict(outcome_of("webhook", answered(404))));
    const z4j_http_header wait{lit("retry-after"), lit("7")};
    const json::Object busy = outcome_of("webhook", answered(429, "slow down", &wait));
    CPPUNIT_ASSERT_EQUAL(std::string("retry"), verdict(busy));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7000}, json::integer(busy, "retry_after_ms"));
    CPPUNIT_ASSERT_EQUAL(std::string("slow down"), std::string(json::text(busy, "reply")));
    const json::Object telegram =
        outcome_of("telegram", answered(429, R"({"ok":false,"parameters":{"retry_after":9}})"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{9000}, json::integer(telegram, "retry_after_ms"));
    z4j_http_answer lost{};
    lost.status = Z4J_UNAVAILABLE;
    lost.message = lit("no connection");
    CPPUNIT_ASSERT_EQUAL(std::string("retry"), verdict(outcome_of("webhook", lost)));
    lost.status = Z4J_DENIED;
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), verdict(outcome_of("webhook", lost)));
  }

  void empty_configs_are_refused_by_name() {
    for (const char* type : {"webhook", "slack", "discord", "telegram", "pagerduty", "teams"})
      CPPUNIT_ASSERT(has(refusal(type, "{}"), "the channel has no "));
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(MessageTest);

}  // namespace
}  // namespace z4j::webhook
