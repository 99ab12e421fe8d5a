#include "config/config.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include <filesystem>
#include <fstream>

namespace z4j::config {
namespace {

using Variables = std::map<std::string, std::string>;

class ConfigTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ConfigTest);
  CPPUNIT_TEST(defaults_listen_on_loopback_only);
  CPPUNIT_TEST(command_line_wins_over_variable_over_file);
  CPPUNIT_TEST(all_problems_are_told_at_once_with_their_lines);
  CPPUNIT_TEST(lists_come_as_json_or_comma_separated);
  CPPUNIT_TEST(sizes_and_flags_come_as_words);
  CPPUNIT_TEST(an_unknown_variable_is_one_warning);
  CPPUNIT_TEST(variables_of_other_programs_are_one_warning);
  CPPUNIT_TEST(a_variable_that_a_plugin_refers_to_is_not_unknown);
  CPPUNIT_TEST(other_brains_names_of_the_log_form_work);
  CPPUNIT_TEST(a_bind_off_loopback_needs_a_public_url);
  CPPUNIT_TEST(a_plain_http_public_url_is_refused_outside_dev);
  CPPUNIT_TEST(addresses_are_checked);
  CPPUNIT_TEST(tls_files_come_in_pairs_and_must_be_readable);
  CPPUNIT_TEST(short_or_equal_secrets_are_refused_and_never_shown);
  CPPUNIT_TEST(a_wrong_secret_in_the_file_is_never_shown);
  CPPUNIT_TEST(broken_toml_does_not_show_a_secret);
  CPPUNIT_TEST(secrets_in_a_file_open_to_others_are_refused);
  CPPUNIT_TEST(secrets_are_refused_on_the_command_line);
  CPPUNIT_TEST(a_bootstrap_admin_needs_address_and_password);
  CPPUNIT_TEST(patterns_must_be_usable);
  CPPUNIT_TEST(signers_of_plugins_must_have_keys);
  CPPUNIT_TEST(bounds_that_contradict_each_other_are_problems);
  CPPUNIT_TEST(an_unknown_environment_means_production);
  CPPUNIT_TEST(plugin_settings_keep_their_lines);
  CPPUNIT_TEST(plugin_tables_are_checked);
  CPPUNIT_TEST(isolation_is_chosen_per_plugin);
  CPPUNIT_TEST(a_second_plugin_of_that_name_is_refused);
  CPPUNIT_TEST(the_root_plugin_must_be_there);
  CPPUNIT_TEST(hostile_files_are_refused);
  CPPUNIT_TEST(a_missing_file_is_a_problem_only_when_named);
  CPPUNIT_TEST(database_urls_of_both_forms_are_understood);
  CPPUNIT_TEST_SUITE_END();

  std::string folder_;

  static Loaded load_of(const std::string& text, Variables environment = {},
                        Variables overrides = {}) {
    return load_text(LoadOptions{"z4j.toml", std::move(environment), std::move(overrides)}, text);
  }
  static std::string problems_of(const Loaded& loaded) {
    std::string all;
    for (const Problem& p : loaded.problems) all += p.text() + "\n";
    return all;
  }
  static void assert_good(const Loaded& loaded) {
    CPPUNIT_ASSERT_EQUAL(std::string(), problems_of(loaded));
  }
  static void assert_problem(const Loaded& loaded, const std::string& expected) {
    CPPUNIT_ASSERT_MESSAGE(expected + "\nis not in\n" + problems_of(loaded),
                           problems_of(loaded).find(expected) != std::string::npos);
  }

 public:
  void setUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "z4j_config_XXXXXX").string();
    CPPUNIT_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  void tearDown() override { std::filesystem::remove_all(folder_); }

  void defaults_listen_on_loopback_only() {
    const Loaded loaded = load(LoadOptions{{}, {{"Z4J_HOME", "/nonexistent"}}});
    assert_good(loaded);
    CPPUNIT_ASSERT(loaded.warnings.empty());
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1"), loaded.settings.bind_host);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7700}, loaded.settings.bind_port);
    CPPUNIT_ASSERT(loaded.settings.is_dev());
  }
  void command_line_wins_over_variable_over_file() {
    const std::string file = "[server]\nport = 1\napi_threads = 3\n[log]\nlevel = \"error\"\n";
    const Loaded loaded = load_of(
        file,
        {{"Z4J_BIND_PORT", "2"}, {"Z4J_API_THREADS", "4"}, {"Z4J_HOME", "~/x"}, {"HOME", "/h"}},
        {{"server.port", "5"}});
    assert_good(loaded);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, loaded.settings.bind_port);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, loaded.settings.api_threads);
    CPPUNIT_ASSERT_EQUAL(std::string("error"), loaded.settings.log_level);
    CPPUNIT_ASSERT_EQUAL(std::string("/h/x"), loaded.settings.home);
    CPPUNIT_ASSERT_EQUAL(std::string("command line"), loaded.sources.at("server.port"));
    CPPUNIT_ASSERT_EQUAL(std::string("environment"), loaded.sources.at("server.api_threads"));
    CPPUNIT_ASSERT_EQUAL(std::string("file"), loaded.sources.at("log.level"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, loaded.sources.count("server.host"));
  }
  void all_problems_are_told_at_once_with_their_lines() {
    const Loaded loaded =
        load_of("[server]\nprot = 1\nport = \"x\"\n[sever]\n[plugin.a]\nplugn = \"b\"\n",
                {{"Z4J_API_THREADS", "1"}});
    CPPUNIT_ASSERT_EQUAL(std::size_t{6}, loaded.problems.size());
    assert_problem(loaded, "z4j.toml:2: unknown setting server.prot; did you mean server.port?");
    assert_problem(loaded,
                   "z4j.toml:3: server.port is \"x\"; must be a whole number from 0 to 65535");
    assert_problem(loaded, "z4j.toml:4: unknown section [sever]; did you mean [server]?");
    assert_problem(loaded, "z4j.toml:5: plugin.a does not say which plugin it is");
    assert_problem(loaded, "z4j.toml:6: unknown setting plugin.a.plugn; did you mean plugin?");
    assert_problem(loaded, "Z4J_API_THREADS: is \"1\"; must be a whole number from 2 to 512");
  }
  void lists_come_as_json_or_comma_separated() {
    const Loaded json = load_of("", {{"Z4J_ALLOWED_HOSTS", "[\"a.example\", \"b.example\"]"}});
    const Loaded comma = load_of("", {{"Z4J_ALLOWED_HOSTS", " a.example ,, b.example"}});
    assert_good(json);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, json.settings.allowed_hosts.size());
    CPPUNIT_ASSERT(json.settings.allowed_hosts == comma.settings.allowed_hosts);
    assert_problem(load_of("", {{"Z4J_ALLOWED_HOSTS", "[\"a"}}),
                   "Z4J_ALLOWED_HOSTS: is \"[\\\"a\"; must be a list");
    assert_problem(
        load_of("[server]\nallowed_hosts = [1]\n"),
        "z4j.toml:2: server.allowed_hosts is a list; must be a list of at most 256 texts");
  }
  void sizes_and_flags_come_as_words() {
    const Loaded loaded =
        load_of("[server]\nmax_body_bytes = \"1MiB\"\n", {{"Z4J_INGEST_QUEUE_BYTES", "2MiB"},
                                                          {"Z4J_METRICS_ENABLED", "No"},
                                                          {"Z4J_LOG_LEVEL", "WARNING"}});
    assert_good(loaded);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1} << 20, loaded.settings.max_body_bytes);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2} << 20, loaded.settings.ingest_queue_bytes);
    CPPUNIT_ASSERT(!loaded.settings.metrics_enabled);
    CPPUNIT_ASSERT_EQUAL(std::string("warn"), loaded.settings.log_level);
    assert_problem(load_of("", {{"Z4J_METRICS_ENABLED", "maybe"}}),
                   "Z4J_METRICS_ENABLED: is \"maybe\"; must be true or false");
    assert_problem(load_of("[login]\nbackoff_base_seconds = nan\n"),
                   "must be a number from 0 to 10");
  }
  void an_unknown_variable_is_one_warning() {
    const Loaded loaded = load_of("", {{"Z4J_BIND_PROT", "1"}, {"Z4J_NO_SUCH_THING_AT_ALL", "1"}});
    assert_good(loaded);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, loaded.warnings.size());
    CPPUNIT_ASSERT_EQUAL(std::string("unknown variables, not used: Z4J_BIND_PROT (near "
                                     "Z4J_BIND_PORT), Z4J_NO_SUCH_THING_AT_ALL"),
                         loaded.warnings[0]);
  }
  void variables_of_other_programs_are_one_warning() {
    const Loaded loaded = load_of(
        "", {{"Z4J_SENTRY_DSN", "https://k@h/1"}, {"Z4J_TOKEN", "t"}, {"Z4J_AUTOSTART", ""}});
    assert_good(loaded);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, loaded.warnings.size());
    CPPUNIT_ASSERT_EQUAL(std::string("not used by this brain: Z4J_SENTRY_DSN, Z4J_TOKEN"),
                         loaded.warnings[0]);
  }
  void a_variable_that_a_plugin_refers_to_is_not_unknown() {
    const Loaded loaded =
        load_of("[plugin.a]\nplugin = \"x\"\nsettings.broker_url = \"secret:Z4J_CELERY_URL\"\n",
                {{"Z4J_CELERY_URL", "redis://:pw@h"}});
    assert_good(loaded);
    CPPUNIT_ASSERT(loaded.warnings.empty());
  }
  void other_brains_names_of_the_log_form_work() {
    CPPUNIT_ASSERT_EQUAL(std::string("console"),
                         load_of("", {{"Z4J_LOG_JSON", "false"}}).settings.log_form);
    CPPUNIT_ASSERT_EQUAL(
        std::string("json"),
        load_of("", {{"Z4J_LOG_JSON", "false"}, {"Z4J_LOG_FORMAT", "json"}}).settings.log_form);
    CPPUNIT_ASSERT_EQUAL(
        std::string("auto"),
        load_of("", {{"Z4J_LOG_FORM", "auto"}, {"Z4J_LOG_FORMAT", "json"}}).settings.log_form);
    assert_problem(load_of("", {{"Z4J_LOG_JSON", "so"}}),
                   "Z4J_LOG_JSON: is \"so\"; must be true or false");
  }
  void a_bind_off_loopback_needs_a_public_url() {
    assert_problem(load_of("", {{"Z4J_BIND_HOST", "0.0.0.0"}}), "server.public_url: is missing");
    assert_problem(load_of("[server]\nhost = \"127.evil.example\"\n"),
                   "server.public_url: is missing");
    assert_problem(
        load_of("[server]\nhost = \"0.0.0.0\"\npublic_url = \"http://z4j.example.com\"\n"),
        "is plain http");
    assert_good(load_of("[server]\nhost = \"::1\"\n"));
    const Loaded open = load_of(
        "[server]\nhost = \"0.0.0.0\"\nenvironment = \"dev\"\npublic_url = "
        "\"https://z4j.example.com\"\n");
    assert_good(open);
    CPPUNIT_ASSERT(!open.settings.is_dev());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, open.warnings.size());
  }
  void a_plain_http_public_url_is_refused_outside_dev() {
    const std::string file =
        "[server]\nenvironment = \"production\"\npublic_url = \"http://z4j.example\"\n";
    assert_problem(load_of(file), "server.public_url: is plain http; must be https outside dev");
    assert_good(load_of(file + "allow_http_public_url = true\n"));
    assert_good(
        load_of("[server]\nenvironment = \"production\"\npublic_url = "
                "\"https://z4j.example:8443/jobs\"\n"));
    assert_good(load_of("[server]\npublic_url = \"http://localhost:7700\"\n"));
  }
  void addresses_are_checked() {
    for (const char* url : {"ftp://h", "https://", "https://u:hunter22@h", "https://h/?q",
                            "https://h:0", "https://h:99999", "https://[::1", "https://a b"}) {
      const Loaded loaded = load_of("", {{"Z4J_PUBLIC_URL", url}});
      assert_problem(loaded, "Z4J_PUBLIC_URL: is ");
      CPPUNIT_ASSERT(problems_of(loaded).find("hunter22") == std::string::npos);
    }
    assert_good(load_of("", {{"Z4J_PUBLIC_URL", "https://[::1]:7700"}}));
    assert_good(
        load_of("[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\", \"fd00::/8\"]\ncors_origins "
                "= [\"https://a.example:1\"]\n"));
    assert_problem(load_of("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]\n"),
                   "server.trusted_proxies: has \"10.0.0.0/33\"");
    assert_problem(load_of("[server]\ntrusted_proxies = [\"proxy\"]\n"),
                   "server.trusted_proxies: has \"proxy\"");
    assert_problem(load_of("[server]\ncors_origins = [\"*\"]\n"), "\"*\" is refused");
    assert_problem(load_of("[server]\nallowed_hosts = [\"*.example\"]\n"),
                   "there are no wildcards");
  }
  void tls_files_come_in_pairs_and_must_be_readable() {
    const std::string pem = folder_ + "/a.pem";
    std::ofstream(pem) << "x";
    assert_problem(load_of("[server]\ntls_certificate_file = \"" + pem + "\"\n"),
                   "server.tls_key_file: is missing");
    assert_problem(load_of("[server]\ntls_key_file = \"" + pem + "\"\n"),
                   "server.tls_certificate_file: is missing");
    assert_problem(
        load_of("[server]\ntls_key_file = \"/no/such\"\ntls_certificate_file = \"" + pem + "\"\n"),
        "server.tls_key_file: is \"/no/such\", which can't be read");
    assert_good(load_of("[server]\ntls_key_file = \"" + pem + "\"\ntls_certificate_file = \"" +
                        pem + "\"\n"));
  }
  void short_or_equal_secrets_are_refused_and_never_shown() {
    const std::string good(32, 'k');
    const Loaded loaded =
        load_of("", {{"Z4J_SECRET", "hunter22"}, {"Z4J_PREVIOUS_SECRETS", "hunter22," + good}});
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, loaded.problems.size());
    assert_problem(loaded, "Z4J_SECRET: is too short; must have at least 32 bytes");
    assert_problem(loaded, "Z4J_PREVIOUS_SECRETS: is too short");
    CPPUNIT_ASSERT(problems_of(loaded).find("hunter22") == std::string::npos);
    assert_problem(load_of("", {{"Z4J_SECRET", good}, {"Z4J_SESSION_SECRET", good}}),
                   "Z4J_SESSION_SECRET: is the same as security.secret");
    assert_good(load_of("", {{"Z4J_SECRET", good}, {"Z4J_SESSION_SECRET", good + "2"}}));
  }
  void a_wrong_secret_in_the_file_is_never_shown() {
    const Loaded loaded = load_of(
        "[security]\nsecret = 12345678\nprevious_secrets = [87654321]\n[database]\nurl = "
        "\"mysql://u:hunter22@h/d\"\n");
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, loaded.problems.size());
    for (const char* hidden : {"12345678", "87654321", "hunter22"})
      CPPUNIT_ASSERT(problems_of(loaded).find(hidden) == std::string::npos);
    CPPUNIT_ASSERT(
        problems_of(load_of("[server]\nport = \"redis://:hunter22@h\"\n")).find("hunter22") ==
        std::string::npos);
    CPPUNIT_ASSERT(
        problems_of(load_of("[server]\nport = \"redis://:hun/ter22@h\"\n")).find("ter22") ==
        std::string::npos);
  }
  void broken_toml_does_not_show_a_secret() {
    const Loaded loaded = load_of("[security]\n\nsecret = hunter22\n");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, loaded.problems.size());
    assert_problem(loaded, "z4j.toml:3: is not TOML");
    CPPUNIT_ASSERT(problems_of(loaded).find("hunter22") == std::string::npos);
  }
  void secrets_in_a_file_open_to_others_are_refused() {
    const std::string path = folder_ + "/z4j.toml";
    std::ofstream(path) << "[security]\nsecret = \"" << std::string(32, 'k') << "\"\n";
    ::chmod(path.c_str(), 0644);
    assert_problem(load(LoadOptions{{}, {{"Z4J_HOME", folder_}}}),
                   "holds security.secret and is open to other users; run: chmod 600");
    ::chmod(path.c_str(), 0600);
    assert_good(load(LoadOptions{{}, {{"Z4J_HOME", folder_}}}));
  }
  void secrets_are_refused_on_the_command_line() {
    const Loaded loaded = load_of("", {},
                                  {{"security.secret", std::string(32, 'k')},
                                   {"Z4J_DATABASE_URL", "postgresql://u:hunter22@h/d"}});
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, loaded.problems.size());
    assert_problem(
        loaded, "command line: security.secret holds a secret; must not stand on a command line");
    CPPUNIT_ASSERT(problems_of(loaded).find("hunter22") == std::string::npos);
    assert_good(load_of("", {}, {{"database.url", "sqlite:////tmp/x.db"}}));
    assert_problem(load_of("", {}, {{"server.prot", "1"}}),
                   "command line: unknown setting server.prot; did you mean server.port?");
  }
  void a_bootstrap_admin_needs_address_and_password() {
    assert_problem(load_of("", {{"Z4J_BOOTSTRAP_ADMIN_EMAIL", "a@b"}}),
                   "security.bootstrap_admin_password: is missing");
    assert_problem(load_of("", {{"Z4J_BOOTSTRAP_ADMIN_PASSWORD", "long enough to pass"}}),
                   "security.bootstrap_admin_email: is missing");
    const Loaded loaded = load_of(
        "", {{"Z4J_BOOTSTRAP_ADMIN_EMAIL", "a"}, {"Z4J_BOOTSTRAP_ADMIN_PASSWORD", "hunter22"}});
    assert_problem(loaded, "Z4J_BOOTSTRAP_ADMIN_EMAIL: is not an e-mail address");
    assert_problem(loaded,
                   "Z4J_BOOTSTRAP_ADMIN_PASSWORD: is too short; must have at least 12 characters");
    CPPUNIT_ASSERT(problems_of(loaded).find("hunter22") == std::string::npos);
  }
  void patterns_must_be_usable() {
    assert_good(load_of("[redaction]\nextra_keys = [\"cust_[0-9]+\"]\n"));
    assert_problem(load_of("[redaction]\nextra_keys = [\"ok\", \"(?=x)\"]\n"),
                   "redaction.extra_keys: has a pattern (number 2) that is not usable");
    assert_problem(load_of("[redaction]\nextra_values = [\"x*\"]\n"),
                   "redaction.extra_values: has a pattern (number 1) that matches the empty text");
  }
  void signers_of_plugins_must_have_keys() {
    const std::string key = "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
    const Loaded good = load_of("[plugins]\ntrusted_keys = [\"acme=" + key +
                                "\"]\nrequire_signature = \"foreign\"\n");
    assert_good(good);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, good.warnings.size());
    assert_problem(load_of("[plugins]\ntrusted_keys = [\"" + key + "\", \"/nowhere.pem\"]\n"),
                   "plugins.trusted_keys: has a wrong value: key number 2: /nowhere.pem can't be");
    assert_problem(load_of("[plugins]\nrequire_signature = \"some\"\n"), "none");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                         load_of("[plugins]\nrequire_signature = \"all\"\n").warnings.size());
  }
  void bounds_that_contradict_each_other_are_problems() {
    assert_problem(load_of("[server]\nmax_page_size = 10\n"),
                   "server.default_page_size: is above server.max_page_size");
    assert_problem(load_of("[sessions]\nabsolute_lifetime_seconds = 60\n"),
                   "sessions.idle_timeout_seconds: is above");
    assert_problem(load_of("[login]\nbackoff_base_seconds = 9.5\n"),
                   "login.backoff_base_seconds: is above");
  }
  void an_unknown_environment_means_production() {
    const Loaded loaded = load_of("", {{"Z4J_ENVIRONMENT", "staging"}});
    assert_good(loaded);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, loaded.warnings.size());
    CPPUNIT_ASSERT_EQUAL(std::string("production"), loaded.settings.environment);
    CPPUNIT_ASSERT(!loaded.settings.is_dev());
  }
  void plugin_settings_keep_their_lines() {
    const Loaded loaded = load_of(
        "[plugin.a]\nplugin = \"x\"\n[plugin.a.settings]\n\ndepth = 3\nlist = [\n1,\n2]\n\"a/b\" = "
        "1\nday = 2026-01-02\n");
    assert_good(loaded);
    const PluginEntry& entry = loaded.plugins.at(0);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, base::json::integer(entry.settings, "depth"));
    CPPUNIT_ASSERT_EQUAL(std::string("2026-01-02"),
                         std::string(base::json::text(entry.settings, "day")));
    CPPUNIT_ASSERT_EQUAL(std::string("z4j.toml:1"), entry.where);
    CPPUNIT_ASSERT_EQUAL(std::string("z4j.toml:5"), entry.setting_where.at("/depth"));
    CPPUNIT_ASSERT_EQUAL(std::string("z4j.toml:8"), entry.setting_where.at("/list/1"));
    CPPUNIT_ASSERT_EQUAL(std::string("z4j.toml:9"), entry.setting_where.at("/a~1b"));
  }
  void plugin_tables_are_checked() {
    const Loaded loaded = load_of(
        "[plugin.A]\nplugin = \"../x\"\nproject = 1\nenabled = \"yes\"\nsha256 = \"12\"\nsettings "
        "= 1\nbroker_url = \"redis://h\"\nlist_every_seconds = 0\n");
    for (const char* expected :
         {"z4j.toml:1: \"A\" is not an instance name", "z4j.toml:2: plugin.A.plugin is \"../x\"",
          "z4j.toml:3: plugin.A.project is 1",
          "z4j.toml:4: plugin.A.enabled is \"yes\"; must be true or false",
          "z4j.toml:5: plugin.A.sha256 is \"12\"; must be 64 hexadecimal digits",
          "z4j.toml:6: plugin.A.settings must be a table",
          "z4j.toml:7: unknown setting plugin.A.broker_url; a plugin's own settings stand under "
          "[plugin.A.settings]",
          "z4j.toml:8: plugin.A.list_every_seconds is 0; must be a whole number from 1 to 3600"}) {
      assert_problem(loaded, expected);
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{8}, loaded.problems.size());
  }
  void isolation_is_chosen_per_plugin() {
    const Loaded loaded = load_of(
        "[plugin.a]\nplugin = \"x\"\nisolation = \"process\"\nmemory_limit_mb = 64\n"
        "cpu_limit_percent = 0\nopen_files_limit = 32\n[plugin.b]\nplugin = \"x\"\n");
    assert_good(loaded);
    const PluginEntry& chosen = loaded.plugins.at(0);
    CPPUNIT_ASSERT_EQUAL(std::string("process"), chosen.isolation);
    CPPUNIT_ASSERT(chosen.memory_limit_mb == 64 && chosen.cpu_limit_percent == 0 &&
                   chosen.open_files_limit == 32);
    CPPUNIT_ASSERT(loaded.plugins.at(1).isolation.empty());
    const Loaded wrong = load_of(
        "[plugin.a]\nplugin = \"x\"\nisolation = \"yes\"\nmemory_limit_mb = -1\n"
        "open_files_limit = 3\n");
    assert_problem(wrong, "z4j.toml:3: plugin.a.isolation is \"yes\"; must be \"inline\"");
    assert_problem(wrong, "z4j.toml:4: plugin.a.memory_limit_mb is -1; must be a whole number");
    assert_problem(wrong,
                   "z4j.toml:5: plugin.a.open_files_limit is 3; must be a whole number from 32");
  }
  void a_second_plugin_of_that_name_is_refused() {
    assert_problem(load_of("[plugin.a]\nplugin = \"x\"\n[plugin.a]\nplugin = \"y\"\n"),
                   "plugin instances need different names");
  }
  void the_root_plugin_must_be_there() {
    const std::string file = "[http]\nroot = \"ui\"\n[plugin.ui]\nplugin = \"dashboard\"\n";
    assert_good(load_of(file));
    assert_problem(load_of(file + "enabled = false\n"),
                   "http.root: is \"ui\", which is not enabled");
    assert_problem(load_of("[http]\nroot = \"ui\"\n"),
                   "http.root: is \"ui\"; must be the name of a plugin instance");
    // The console needs no table, and one turns it off.
    CPPUNIT_ASSERT_EQUAL(std::string(kConsoleInstance), load_of("").settings.http_root);
    assert_good(load_of(""));
    assert_good(load_of("[plugin.dashboard]\nplugin = \"dashboard\"\nenabled = false\n"));
    const Loaded none = load_of("[http]\nroot = \"\"\n");
    assert_good(none);
    CPPUNIT_ASSERT_EQUAL(std::string(), none.settings.http_root);
  }
  void hostile_files_are_refused() {
    assert_problem(load_of(std::string((std::size_t{1} << 20) + 1, '#')), "is larger than 1 MiB");
    std::string dots = "\n[a";
    for (int i = 0; i < 100'000; ++i) dots += ".a";
    assert_problem(load_of(dots + "]\n"), "z4j.toml:2: is a key of more than 32 parts");
    assert_problem(load_of(std::string("\n[\x01") + "a]\n"),
                   "z4j.toml:2: is not TOML: it has a control character");
    assert_problem(load_of("[[plugin.a]]\n[[plugin.a]]\n"), "z4j.toml:1: plugin.a must be a table");
    assert_problem(load_of("\n\xc3\xa4 = 1\n"),
                   "z4j.toml:2: has a character beyond ASCII outside quotes");
    assert_problem(load_of("a = \"\"\"x\"\"\"\" \xc3\xa4\n"),
                   "z4j.toml:1: has a character beyond ASCII outside quotes");
    assert_problem(load_of("a = \"\"\"x\\\n  \xc3\xa4\"\"\"\n"),
                   "z4j.toml:1: has a backslash before a character beyond ASCII");
    assert_problem(load_of("a = \"\xff\"\n"), "z4j.toml:1: is not TOML");
    assert_good(load_of(
        "\xef\xbb\xbf# \xc3\xa4\r\n[security]\r\nbootstrap_admin_display_name = '\xc3\xa4'\r\n"));
    assert_problem(load_of("a = " + std::string(100'000, '[')), "z4j.toml:1: ");
    assert_good(load_of("[log] # " + std::string(200, '.') +
                        "\nlevel = \"info\"\n[plugin.a]\nplugin = \"x\"\nsettings.x = '''" +
                        std::string(200, '.') + "'''\n"));
    assert_problem(load(LoadOptions{folder_, {}}), "can't be read");
  }
  void a_missing_file_is_a_problem_only_when_named() {
    assert_good(load(LoadOptions{{}, {{"Z4J_HOME", folder_}}}));
    assert_problem(load(LoadOptions{folder_ + "/none.toml", {}}),
                   folder_ + "/none.toml: can't be read: No such file");
  }
  void database_urls_of_both_forms_are_understood() {
    CPPUNIT_ASSERT_EQUAL(std::string("/a/b.db"),
                         parse_database_url("sqlite+aiosqlite:////a/b.db")->path);
    CPPUNIT_ASSERT_EQUAL(std::string("b c.db"), parse_database_url("sqlite:///b c.db")->path);
    CPPUNIT_ASSERT_EQUAL(std::string("postgresql://u@h/d"),
                         parse_database_url("postgresql+asyncpg://u@h/d")->url);
    CPPUNIT_ASSERT_EQUAL(std::string("postgresql://u@h/d?a=1&sslmode=require"),
                         parse_database_url("postgres://u@h/d?a=1&ssl=require")->url);
    CPPUNIT_ASSERT_EQUAL(std::string("store"), parse_database_url("plugin:store")->instance);
    for (const char* url : {"mysql://x", "sqlite:///", "sqlite:///:memory:", "sqlite://x",
                            "postgresql://", "plugin:", "sqlite:///a\nb"}) {
      CPPUNIT_ASSERT_MESSAGE(url, !parse_database_url(url).ok());
    }
    CPPUNIT_ASSERT(parse_database_url("mysql://u:hunter22@h").error().text().find("hunter22") ==
                   std::string::npos);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConfigTest);

}  // namespace
}  // namespace z4j::config
