#include "config/schema.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "config/schema_values.hpp"

namespace z4j::config {
namespace {

constexpr std::string_view kMailSchema =
    R"({"type":"object","additionalProperties":false,"required":["host"],"properties":{
  "host":{"type":"string","description":"mail server"},
  "port":{"type":"integer","minimum":1,"maximum":65535,"default":587},
  "password":{"type":"string","minLength":12,"x-z4j-secret":true},
  "timeout":{"type":"string","format":"duration","maximum":60000,"default":"5s"},
  "buffer":{"type":"string","format":"bytes","default":"1MiB"},
  "tls":{"type":"object","properties":{"verify":{"type":"boolean","default":true},"names":{"type":"array","items":{"type":"string","maxLength":3}}}},
  "relay":{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}},
  "headers":{"type":"object","additionalProperties":{"type":"string","pattern":"^[a-z]+$"}},
  "mode":{"type":"string","enum":["a","b"]}}})";

class SchemaTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SchemaTest);
  CPPUNIT_TEST(fills_defaults_and_converts_units);
  CPPUNIT_TEST(tells_every_problem_with_its_pointer);
  CPPUNIT_TEST(bounds_hold_for_converted_values);
  CPPUNIT_TEST(inner_values_are_checked);
  CPPUNIT_TEST(whole_numbers_may_come_as_floats);
  CPPUNIT_TEST(never_quotes_a_secret);
  CPPUNIT_TEST(a_secret_may_be_a_reference);
  CPPUNIT_TEST(masks_secrets_for_people);
  CPPUNIT_TEST(refuses_a_schema_outside_the_subset);
  CPPUNIT_TEST(a_schemas_own_values_must_pass);
  CPPUNIT_TEST(a_bad_schema_is_a_problem_of_the_settings);
  CPPUNIT_TEST(suggests_only_near_words);
  CPPUNIT_TEST(durations_and_sizes_have_units);
  CPPUNIT_TEST(formats_are_checked);
  CPPUNIT_TEST(describes_each_setting_on_a_line);
  CPPUNIT_TEST_SUITE_END();

  static std::string problems_of(const Checked& checked) {
    std::string all;
    for (const Problem& p : checked.problems) all += p.text() + "\n";
    return all;
  }
  // One property "v" with that schema, and a value for it.
  static std::string problem_of(const std::string& schema, base::json::Value value) {
    return problems_of(check_settings(R"({"type":"object","properties":{"v":)" + schema + "}}",
                                      {{"v", std::move(value)}}));
  }
  static void assert_refused(const std::string& schema, const std::string& where) {
    const base::Status good = check_schema(schema);
    CPPUNIT_ASSERT_MESSAGE(schema, !good.ok());
    CPPUNIT_ASSERT_EQUAL_MESSAGE(schema, where, good.error().where);
  }

 public:
  void fills_defaults_and_converts_units() {
    const Checked checked = check_settings(kMailSchema, {{"host", "h"}});
    CPPUNIT_ASSERT_EQUAL(std::string(), problems_of(checked));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{587}, base::json::integer(checked.value, "port"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5000}, base::json::integer(checked.value, "timeout"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1048576}, base::json::integer(checked.value, "buffer"));
    CPPUNIT_ASSERT(base::json::boolean(*base::json::object(checked.value, "tls"), "verify"));
    CPPUNIT_ASSERT(!checked.value.contains("relay"));
    CPPUNIT_ASSERT(!checked.value.contains("mode"));
  }
  void tells_every_problem_with_its_pointer() {
    const Checked checked = check_settings(kMailSchema, {{"hots", "h"}, {"port", "smtp"}});
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, checked.problems.size());
    CPPUNIT_ASSERT_EQUAL(std::string("/hots: unknown setting; did you mean \"host\"?"),
                         checked.problems[0].text());
    CPPUNIT_ASSERT_EQUAL(std::string("/port: is \"smtp\"; must be a whole number from 1 to 65535"),
                         checked.problems[1].text());
    CPPUNIT_ASSERT_EQUAL(std::string("/host: is missing; mail server"), checked.problems[2].text());
  }
  void bounds_hold_for_converted_values() {
    CPPUNIT_ASSERT(
        check_settings(kMailSchema, {{"host", "h"}, {"timeout", "1m"}}).problems.empty());
    CPPUNIT_ASSERT(check_settings(kMailSchema, {{"host", "h"}, {"timeout", 2.5}}).problems.empty());
    CPPUNIT_ASSERT_EQUAL(
        std::string("/timeout: is \"61s\"; must be a duration such as \"5s\" to 60000 ms\n"),
        problems_of(check_settings(kMailSchema, {{"host", "h"}, {"timeout", "61s"}})));
    CPPUNIT_ASSERT(!check_settings(kMailSchema, {{"host", "h"}, {"timeout", -1}}).problems.empty());
    CPPUNIT_ASSERT(!check_settings(kMailSchema, {{"host", "h"}, {"port", 65536}}).problems.empty());
  }
  void inner_values_are_checked() {
    const Checked checked =
        check_settings(kMailSchema, {{"host", "h"},
                                     {"mode", "c"},
                                     {"tls", {{"names", {"abc", "abcd"}}, {"x/y", 1}}},
                                     {"relay", base::json::Object()},
                                     {"headers", {{"k", "UP"}, {"l", "ok"}}}});
    const std::string all = problems_of(checked);
    for (const char* expected :
         {"/mode: is \"c\"; must be one of \"a\" \"b\"\n",
          "/tls/names/1: is \"abcd\"; must be text of at most 3 characters\n",
          "/tls/x~1y: unknown setting\n", "/relay/name: is missing\n",
          "/headers/k: is \"UP\"; must be text like ^[a-z]+$\n"}) {
      CPPUNIT_ASSERT_MESSAGE(all, all.find(expected) != std::string::npos);
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, checked.problems.size());
    CPPUNIT_ASSERT_EQUAL(std::string(),
                         problem_of(R"({"type":"string","maxLength":2})", "\xc3\xa4\xc3\xb6"));
  }
  void whole_numbers_may_come_as_floats() {
    const Checked checked = check_settings(kMailSchema, {{"host", "h"}, {"port", 25.0}});
    CPPUNIT_ASSERT(checked.problems.empty());
    CPPUNIT_ASSERT(checked.value.at("port").is_int64());
    CPPUNIT_ASSERT(!check_settings(kMailSchema, {{"host", "h"}, {"port", 25.5}}).problems.empty());
    CPPUNIT_ASSERT(!check_settings(kMailSchema, {{"host", "h"}, {"port", true}}).problems.empty());
  }
  void never_quotes_a_secret() {
    for (const base::json::Value& wrong :
         {base::json::Value(12345678), base::json::Value("12345678"),
          base::json::Value(base::json::Array{"12345678"})}) {
      const Checked checked = check_settings(kMailSchema, {{"host", "h"}, {"password", wrong}});
      CPPUNIT_ASSERT_EQUAL(std::size_t{1}, checked.problems.size());
      CPPUNIT_ASSERT(problems_of(checked).find("12345678") == std::string::npos);
    }
    CPPUNIT_ASSERT(problem_of(R"({"type":"integer"})", "redis://:hunter22@h").find("hunter22") ==
                   std::string::npos);
  }
  void a_secret_may_be_a_reference() {
    const Checked checked = check_settings(kMailSchema, {{"host", "h"}, {"password", "secret:a"}});
    CPPUNIT_ASSERT(checked.problems.empty());
    CPPUNIT_ASSERT_EQUAL(std::string("secret:a"),
                         std::string(base::json::text(checked.value, "password")));
    for (const char* bad : {"secret:", "secret:../etc/passwd", "secret:.x", "secret:a b"}) {
      CPPUNIT_ASSERT_EQUAL(
          std::size_t{1},
          check_settings(kMailSchema, {{"host", "h"}, {"password", bad}}).problems.size());
    }
  }
  void masks_secrets_for_people() {
    const base::json::Object shown = masked_settings(kMailSchema, {{"host", "smtp://u:hunter22@h"},
                                                                   {"password", "hunter22"},
                                                                   {"nonsense", "hunter22"},
                                                                   {"port", 5}});
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"host":"smtp://u:***@h","password":"********","port":5})"),
                         base::json::write(shown));
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"password":"secret:a"})"),
        base::json::write(masked_settings(kMailSchema, {{"password", "secret:a"}})));
    CPPUNIT_ASSERT(masked_settings("nonsense", {{"password", "hunter22"}}).empty());
  }
  void refuses_a_schema_outside_the_subset() {
    CPPUNIT_ASSERT_EQUAL(std::string(), check_schema(kMailSchema).ok()
                                            ? std::string()
                                            : check_schema(kMailSchema).error().text());
    assert_refused(R"({"type":"object","oneOf":[]})", "/oneOf");
    assert_refused(R"({"type":"string"})", "/type");
    assert_refused(R"({"type":["object"]})", "/type");
    assert_refused(R"([])", "");
    CPPUNIT_ASSERT(!check_schema("nonsense").ok());
    assert_refused(R"({"type":"object","properties":[]})", "/properties");
    assert_refused(R"({"type":"object","properties":{"a":5}})", "/properties/a");
    assert_refused(R"({"type":"object","properties":{"a":{"type":"sting"}}})",
                   "/properties/a/type");
    assert_refused(R"({"type":"object","required":["a"]})", "/required");
    assert_refused(R"({"type":"object","properties":{"a":{"type":"string","pattern":"(?=x){1}"}}})",
                   "/properties/a/pattern");
    assert_refused(R"({"type":"object","properties":{"a":{"type":"string","format":"email"}}})",
                   "/properties/a/format");
    assert_refused(R"({"type":"object","properties":{"a":{"type":"boolean","minimum":1}}})",
                   "/properties/a/minimum");
    assert_refused(R"({"type":"object","properties":{"a":{"type":"string","minimum":1}}})",
                   "/properties/a/minimum");
    assert_refused(
        R"({"type":"object","properties":{"a":{"type":"integer","minimum":2,"maximum":1}}})",
        "/properties/a/minimum");
    assert_refused(R"({"type":"object","properties":{"a":{"type":"array","items":3}}})",
                   "/properties/a/items");
    assert_refused(
        R"({"type":"object","properties":{"a":{"type":"string","x-z4j-secret":true,"default":"x"}}})",
        "/properties/a/default");
    std::string deep = R"({"type":"string"})";
    for (int i = 0; i < 12; ++i) deep = R"({"type":"object","properties":{"a":)" + deep + "}}";
    CPPUNIT_ASSERT(!check_schema(deep).ok());
  }
  void a_schemas_own_values_must_pass() {
    assert_refused(R"({"type":"object","properties":{"a":{"type":"integer","default":"1"}}})",
                   "/properties/a/default");
    assert_refused(
        R"({"type":"object","properties":{"a":{"type":"integer","maximum":3,"examples":[1,4]}}})",
        "/properties/a/examples");
    assert_refused(R"({"type":"object","properties":{"a":{"type":"string","enum":[1]}}})",
                   "/properties/a/enum");
    assert_refused(R"({"type":"object","properties":{"a":{"type":"string","enum":[]}}})",
                   "/properties/a/enum");
    assert_refused(
        R"({"type":"object","properties":{"a":{"type":"string","format":"duration","default":"5 parsecs"}}})",
        "/properties/a/default");
  }
  void a_bad_schema_is_a_problem_of_the_settings() {
    CPPUNIT_ASSERT_EQUAL(
        std::size_t{1},
        check_settings(R"({"type":"object","properties":{"a":5}})", {{"a", 1}}).problems.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, check_settings("", {}).problems.size());
  }
  void suggests_only_near_words() {
    CPPUNIT_ASSERT_EQUAL(std::string("host"), nearest("hots", {"port", "host"}));
    CPPUNIT_ASSERT_EQUAL(std::string(), nearest("zebra", {"port", "host"}));
    CPPUNIT_ASSERT_EQUAL(std::string(), nearest("ab", {"xy"}));
    CPPUNIT_ASSERT_EQUAL(std::string(), nearest(std::string(1000, 'a'), {"a"}));
  }
  void durations_and_sizes_have_units() {
    for (const auto& [text, ms] : std::map<std::string, std::int64_t>{{"0", 0},
                                                                      {"5", 5000},
                                                                      {"1.5", 1500},
                                                                      {"250ms", 250},
                                                                      {"2h", 7200000},
                                                                      {"1d", 86400000},
                                                                      {"1w", 604800000}}) {
      CPPUNIT_ASSERT_EQUAL(ms, *parse_duration_ms(text));
    }
    for (const auto& [text, bytes] : std::map<std::string, std::int64_t>{{"512", 512},
                                                                         {"10kB", 10000},
                                                                         {"64MiB", 67108864},
                                                                         {"1.5GiB", 1610612736},
                                                                         {"3B", 3}}) {
      CPPUNIT_ASSERT_EQUAL(bytes, *parse_byte_count(text));
    }
    for (const char* bad : {"", "s", "-1s", "+1s", "nan", "inf", "1e5", "5 s", " 5", "5S", "1h30m",
                            "99999999999999999999d", "0x10"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_duration_ms(bad).ok());
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_byte_count(bad).ok());
    }
  }
  void formats_are_checked() {
    for (const char* good : {"redis://:p%40@h:6379/0", "mailto:a@b", "https://[::1]/"})
      CPPUNIT_ASSERT_MESSAGE(good, is_uri(good));
    for (const char* bad : {"", "host", ":x", "1a:b", "a:", "a: b", "a:%zz", "a:\n", "a:%4"})
      CPPUNIT_ASSERT_MESSAGE(bad, !is_uri(bad));
    for (const char* good : {"* * * * *", "*/5 0-6 1,15 jan-Mar MON-fri", "0  6 * *\t7", "@daily"})
      CPPUNIT_ASSERT_MESSAGE(good, is_cron(good));
    for (const char* bad : {"", "* * * *", "* * * * * *", "60 * * * *", "* * 0 * *", "5-1 * * * *",
                            "*/0 * * * *", "a * * * *", "1,, * * * *", "@never", "1-2-3 * * * *"})
      CPPUNIT_ASSERT_MESSAGE(bad, !is_cron(bad));
    for (const char* good : {"UTC"}) CPPUNIT_ASSERT_MESSAGE(good, is_timezone(good));
    for (const char* bad : {"", "../etc/passwd", "/etc/passwd", "Europe/", "Europe//Berlin", "a b"})
      CPPUNIT_ASSERT_MESSAGE(bad, !is_timezone(bad));
    CPPUNIT_ASSERT_EQUAL(std::string("/v: is \"x\"; must be a URL\n"),
                         problem_of(R"({"type":"string","format":"uri"})", "x"));
    CPPUNIT_ASSERT_EQUAL(std::string(), problem_of(R"({"type":"string","format":"uri"})", ""));
    CPPUNIT_ASSERT_EQUAL(std::string("/v: is \"\"; must be a URL\n"),
                         problem_of(R"({"type":"string","format":"uri","minLength":1})", ""));
  }
  void describes_each_setting_on_a_line() {
    const std::string text = describe(kMailSchema);
    for (const char* line : {"  host  text, required: mail server\n",
                             "  port  a whole number from 1 to 65535, default 587\n",
                             "  password  text of at least 12 characters, secret\n",
                             "  tls.verify  true or false, default true\n"}) {
      CPPUNIT_ASSERT_MESSAGE(text, text.find(line) != std::string::npos);
    }
    CPPUNIT_ASSERT_EQUAL(std::string("  (no settings)\n"), describe(R"({"type":"object"})"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SchemaTest);

}  // namespace
}  // namespace z4j::config
