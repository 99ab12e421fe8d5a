#include "agent/settings.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>

#include "base/crypto.hpp"

namespace z4j::agent {
namespace {

using Variables = std::map<std::string, std::string>;

class SettingsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SettingsTest);
  CPPUNIT_TEST(upstream_variables_are_enough);
  CPPUNIT_TEST(a_file_is_enough_and_variables_win);
  CPPUNIT_TEST(all_problems_are_told_at_once);
  CPPUNIT_TEST(signers_of_plugins_must_have_keys);
  CPPUNIT_TEST(secrets_never_stand_in_a_problem);
  CPPUNIT_TEST(plain_text_off_loopback_is_refused_unless_told);
  CPPUNIT_TEST(secret_references_are_resolved);
  CPPUNIT_TEST(engines_come_from_brokers);
  CPPUNIT_TEST(a_file_names_what_variables_would);
  CPPUNIT_TEST(proxies_and_exceptions);
  CPPUNIT_TEST(the_shipped_file_has_every_setting);
  CPPUNIT_TEST_SUITE_END();

  static std::string secret() {
    return base::base64url(std::string(32, 'k'), base::Padding::equals);
  }
  static Variables good() {
    return {{"HOME", "/nowhere"},
            {"Z4J_BRAIN_URL", "wss://brain.example.com/z4j/"},
            {"Z4J_TOKEN", "t0ken-of-the-agent"},
            {"Z4J_PROJECT_ID", "default"},
            {"Z4J_HMAC_SECRET", secret()},
            {"CELERY_BROKER_URL", "redis://broker/0"}};
  }
  static Loaded load_with(Variables variables, std::string_view toml = {}) {
    LoadOptions options;
    options.file = "agent.toml";
    options.environment = std::move(variables);
    options.secret = [](const std::string&, std::string_view name) -> base::Result<std::string> {
      if (name == "token") return std::string("from-a-file");
      return base::Error{base::Code::not_found, "no secret " + std::string(name), "", "make it", 0};
    };
    return load_text(options, toml);
  }
  static std::string told(const Loaded& loaded) {
    std::string out;
    for (const config::Problem& problem : loaded.problems) out += problem.text() + "\n";
    return out;
  }
  static bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }

 public:
  void upstream_variables_are_enough() {
    const Loaded loaded = load_with(good());
    CPPUNIT_ASSERT_EQUAL(std::string(), told(loaded));
    const Settings& s = loaded.settings;
    CPPUNIT_ASSERT_EQUAL(std::string("wss://brain.example.com:443/z4j"), s.brain_url);
    CPPUNIT_ASSERT_EQUAL(std::string(32, 'k'), s.key);
    CPPUNIT_ASSERT_EQUAL(std::string("/nowhere/.z4j/agent"), s.state);
    CPPUNIT_ASSERT(s.transport == Transport::websocket && s.heartbeat && s.agent_status);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, loaded.plugins.size());

    Variables more = good();
    more["Z4J_TRANSPORT"] = "longpoll";
    more["Z4J_AGENT_STATUS_DISABLED"] = "1";
    more["Z4J_HEARTBEAT"] = "0";
    more["Z4J_BUFFER_MAX_EVENTS"] = "2000";
    more["Z4J_BUFFER_MAX_BYTES"] = "2MiB";
    const Settings changed = load_with(more).settings;
    CPPUNIT_ASSERT(changed.transport == Transport::long_poll && !changed.heartbeat &&
                   !changed.agent_status);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2000}, changed.buffer_events);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2} << 20, changed.buffer_bytes);
  }

  void a_file_is_enough_and_variables_win() {
    const std::string file =
        "[agent]\nbrain_url = \"http://127.0.0.1:7700\"\ntoken = \"abc\"\nproject = \"default\"\n"
        "hmac_secret = \"" +
        secret() +
        "\"\nname = \"of the file\"\n"
        "[plugin.jobs]\nplugin = \"engine-rq\"\nsettings.redis_url = \"redis://r/1\"\n";
    const Loaded loaded =
        load_with({{"HOME", "/nowhere"}, {"Z4J_AGENT_NAME", "of the variable"}}, file);
    CPPUNIT_ASSERT_EQUAL(std::string(), told(loaded));
    CPPUNIT_ASSERT_EQUAL(std::string("of the variable"), loaded.settings.name);
    CPPUNIT_ASSERT_EQUAL(std::string("engine-rq"), loaded.plugins.at(0).plugin);
  }

  void all_problems_are_told_at_once() {
    const std::string text = told(load_with(
        {{"HOME", "/nowhere"}, {"Z4J_BRAIN_URL", "ftp://x"}, {"Z4J_BUFFER_MAX_EVENTS", "5"}},
        "[agent]\nnmae = \"x\"\ntransport = \"pigeon\"\n[plugins.a]\n"));
    for (const char* part :
         {"Z4J_TOKEN: is not set", "Z4J_PROJECT_ID: is not set", "Z4J_HMAC_SECRET: is not set",
          "Z4J_BRAIN_URL: the URL's scheme", "Z4J_BUFFER_MAX_EVENTS: is \"5\"",
          "agent.toml:2: unknown setting agent.nmae; did you mean name?",
          "agent.toml:3: agent.transport is \"pigeon\"", "unknown section plugins"})
      CPPUNIT_ASSERT_MESSAGE(std::string(part) + " in " + text, has(text, part));
  }

  void signers_of_plugins_must_have_keys() {
    Variables v = good();
    v["Z4J_PLUGIN_TRUSTED_KEYS"] =
        "acme=MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
    v["Z4J_PLUGIN_REQUIRE_SIGNATURE"] = "foreign";
    const Loaded loaded = load_with(v);
    CPPUNIT_ASSERT_EQUAL(std::string(), told(loaded));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, loaded.settings.plugin_trusted_keys.size());
    v["Z4J_PLUGIN_TRUSTED_KEYS"] = "acme=/nowhere.pem";
    v["Z4J_PLUGIN_REQUIRE_SIGNATURE"] = "some";
    const std::string text = told(load_with(v));
    CPPUNIT_ASSERT(has(text, "Z4J_PLUGIN_TRUSTED_KEYS: key number 1: /nowhere.pem can't be read"));
    CPPUNIT_ASSERT(has(text, "Z4J_PLUGIN_REQUIRE_SIGNATURE: is \"some\""));
  }

  void secrets_never_stand_in_a_problem() {
    Variables bad = good();
    bad["Z4J_HMAC_SECRET"] = "dG9vIHNob3J0";
    bad["Z4J_TOKEN"] = "two words";
    bad["Z4J_BRAIN_URL"] = "wss://user:pa55word@brain";
    const std::string text = told(load_with(bad));
    CPPUNIT_ASSERT(has(text, "Z4J_HMAC_SECRET") && has(text, "Z4J_TOKEN") &&
                   has(text, "Z4J_BRAIN_URL"));
    for (const char* part : {"dG9v", "two words", "pa55word"}) CPPUNIT_ASSERT(!has(text, part));
  }

  void plain_text_off_loopback_is_refused_unless_told() {
    Variables plain = good();
    for (const char* url : {"ws://brain.example.com", "http://10.0.0.7:7700"}) {
      plain["Z4J_BRAIN_URL"] = url;
      plain.erase("Z4J_ALLOW_PLAIN_TEXT");
      CPPUNIT_ASSERT(has(told(load_with(plain)), "is plain text to another machine"));
      plain["Z4J_ALLOW_PLAIN_TEXT"] = "true";
      const Loaded loaded = load_with(plain);
      CPPUNIT_ASSERT_EQUAL(std::string(), told(loaded));
      CPPUNIT_ASSERT_EQUAL(std::size_t{1}, loaded.warnings.size());
    }
    plain.erase("Z4J_ALLOW_PLAIN_TEXT");
    for (const char* url : {"ws://localhost:7700", "http://127.0.0.1", "ws://[::1]:7700"}) {
      plain["Z4J_BRAIN_URL"] = url;
      CPPUNIT_ASSERT_EQUAL(std::string(), told(load_with(plain)));
    }
  }

  void secret_references_are_resolved() {
    Variables variables = good();
    variables["Z4J_TOKEN"] = "secret:token";
    CPPUNIT_ASSERT_EQUAL(std::string("from-a-file"), load_with(variables).settings.token);
    variables["Z4J_TOKEN"] = "secret:gone";
    CPPUNIT_ASSERT(has(told(load_with(variables)), "no secret gone"));
  }

  void engines_come_from_brokers() {
    const auto names = [](Variables variables) {
      variables.erase("CELERY_BROKER_URL");
      std::string out;
      for (const auto& entry : load_with(variables).plugins) out += entry.plugin + " ";
      return out;
    };
    Variables v = good();
    v["RQ_REDIS_URL"] = "redis://r/1";
    CPPUNIT_ASSERT_EQUAL(std::string("engine-rq "), names(v));
    v["Z4J_BROKER_URL"] = "redis://r/0";
    CPPUNIT_ASSERT_EQUAL(std::string("engine-celery engine-rq "), names(v));
    v["Z4J_ENGINES"] = "rq";
    CPPUNIT_ASSERT_EQUAL(std::string("engine-rq "), names(v));
    v.erase("RQ_REDIS_URL");
    CPPUNIT_ASSERT_EQUAL(std::string("engine-rq "), names(v));
    v.erase("Z4J_ENGINES");
    CPPUNIT_ASSERT_EQUAL(std::string("engine-celery "), names(v));
    Variables with_backend = good();
    with_backend["CELERY_RESULT_BACKEND"] = "redis://r/5";
    const Loaded loaded = load_with(with_backend);
    CPPUNIT_ASSERT(loaded.plugins.at(0).settings.at("result_backend") == "redis://r/5");
  }

  void a_file_names_what_variables_would() {
    const Loaded loaded = load_with(
        good(),
        "[plugin.fleet]\nplugin = \"engine-celery\"\nsettings.broker_url = \"redis://f/0\"\n");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, loaded.plugins.size());
    CPPUNIT_ASSERT_EQUAL(std::string("fleet"), loaded.plugins.at(0).name);
  }

  void proxies_and_exceptions() {
    Variables v = good();
    v["HTTPS_PROXY"] = "http://user:pa%3A55@proxy.example.com:8080";
    auto proxy = load_with(v).settings.target.proxy;
    CPPUNIT_ASSERT(proxy);
    CPPUNIT_ASSERT_EQUAL(std::string("proxy.example.com"), proxy->host);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{8080}, proxy->port);
    CPPUNIT_ASSERT_EQUAL("Basic " + base::base64("user:pa:55"), proxy->authorization);
    v["no_proxy"] = "other.org, .example.com";
    CPPUNIT_ASSERT(!load_with(v).settings.target.proxy);
    v["no_proxy"] = "ample.com";
    CPPUNIT_ASSERT(load_with(v).settings.target.proxy);
    v["HTTPS_PROXY"] = "socks5://proxy";
    CPPUNIT_ASSERT(has(told(load_with(v)), "HTTPS_PROXY: only an http:// proxy"));
    v["Z4J_BRAIN_URL"] = "ws://localhost:1";
    CPPUNIT_ASSERT_EQUAL(std::string(), told(load_with(v)));
  }

  void the_shipped_file_has_every_setting() {
    std::ifstream in(std::string(Z4J_SOURCE_DIR) + "/config/agent/agent.toml");
    std::string file, awake;
    for (std::string line; std::getline(in, line);) {
      file += line + "\n";
      const bool is_setting =
          line.starts_with("#") && line.find(" = ") != std::string::npos && line[1] != ' ';
      awake += (is_setting || line.starts_with("#[") ? line.substr(1) : line) + "\n";
    }
    for (const KnownSetting& setting : known_settings()) {
      CPPUNIT_ASSERT_MESSAGE(std::string(setting.key),
                             has(file, "\n#" + std::string(setting.key) + " = "));
      CPPUNIT_ASSERT_MESSAGE(std::string(setting.variable), has(file, setting.variable));
    }
    CPPUNIT_ASSERT_EQUAL(std::string(), told(load_with(good(), file)));
    // With every # taken away it says the defaults.
    const Loaded loaded = load_with(good(), awake);
    CPPUNIT_ASSERT_EQUAL(std::string(), told(loaded));
    const Settings defaults = load_with(good()).settings;
    CPPUNIT_ASSERT_EQUAL(defaults.buffer_events, loaded.settings.buffer_events);
    CPPUNIT_ASSERT_EQUAL(defaults.buffer_bytes, loaded.settings.buffer_bytes);
    CPPUNIT_ASSERT_EQUAL(defaults.max_string_bytes, loaded.settings.max_string_bytes);
    CPPUNIT_ASSERT_EQUAL(defaults.purge_threshold, loaded.settings.purge_threshold);
    CPPUNIT_ASSERT_EQUAL(defaults.log_level, loaded.settings.log_level);
    CPPUNIT_ASSERT(loaded.settings.heartbeat && loaded.settings.agent_status);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, loaded.plugins.size());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SettingsTest);

}  // namespace
}  // namespace z4j::agent
