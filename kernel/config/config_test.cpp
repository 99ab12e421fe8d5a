#include "config/config.hpp"

#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include <filesystem>
#include <fstream>

namespace z4j::config {
namespace {

class ConfigTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ConfigTest);
  CPPUNIT_TEST(defaults_listen_on_loopback_only);
  CPPUNIT_TEST(a_variable_wins_over_the_file);
  CPPUNIT_TEST(all_problems_are_told_at_once_with_their_lines);
  CPPUNIT_TEST(an_unknown_variable_is_one_warning);
  CPPUNIT_TEST(a_bind_off_loopback_is_refused);
  CPPUNIT_TEST(plugin_settings_keep_their_lines);
  CPPUNIT_TEST(database_urls_of_both_forms_are_understood);
  CPPUNIT_TEST(the_shipped_file_is_good_with_every_line_in_force);
  CPPUNIT_TEST_SUITE_END();

  std::string file_ = std::filesystem::temp_directory_path() / ("z4j_config_test_" + std::to_string(::getpid()) + ".toml");

  Loaded load_text(const std::string& text, std::map<std::string, std::string> environment = {}) {
    std::ofstream(file_) << text;
    return load(LoadOptions{file_, std::move(environment)});
  }

 public:
  void tearDown() override { std::filesystem::remove(file_); }

  void defaults_listen_on_loopback_only() {
    const Loaded loaded = load(LoadOptions{{}, {{"Z4J_HOME", "/nonexistent"}}});
    CPPUNIT_ASSERT(loaded.problems.empty());
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1"), loaded.settings.bind_host);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7700}, loaded.settings.bind_port);
  }
  void a_variable_wins_over_the_file() {
    const Loaded loaded = load_text("[server]\nport = 1\n", {{"Z4J_BIND_PORT", "2"}});
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, loaded.settings.bind_port);
  }
  void all_problems_are_told_at_once_with_their_lines() {
    const Loaded loaded = load_text("[server]\nprot = 1\nport = \"x\"\n[sever]\n[plugin.a]\nplugn = \"b\"\n");
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, loaded.problems.size());
    std::string all;
    for (const Problem& p : loaded.problems) all += p.text() + "\n";
    for (const char* expected : {":2: unknown setting server.prot; did you mean server.port?", ":3: server.port is 'x'; must be a whole number from 0 to 65535",
                                 ":4: unknown section [sever]; did you mean [server]?", ":6: unknown setting plugin.a.plugn; did you mean plugin?"}) {
      CPPUNIT_ASSERT_MESSAGE(all, all.find(expected) != std::string::npos);
    }
  }
  void an_unknown_variable_is_one_warning() {
    const Loaded loaded = load_text("", {{"Z4J_BIND_PROT", "1"}, {"Z4J_SCHEDULER_GRPC_PORT", "1"}});
    CPPUNIT_ASSERT(loaded.problems.empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, loaded.warnings.size());
    CPPUNIT_ASSERT(loaded.warnings[0].find("Z4J_BIND_PROT (near Z4J_BIND_PORT)") != std::string::npos);
  }
  void a_bind_off_loopback_is_refused() {
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, load_text("[server]\nhost = \"0.0.0.0\"\n").problems.size());
  }
  void plugin_settings_keep_their_lines() {
    const Loaded loaded = load_text("[plugin.a]\nplugin = \"x\"\n[plugin.a.settings]\n\ndepth = 3\n");
    CPPUNIT_ASSERT(loaded.problems.empty());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, base::json::integer(loaded.plugins.at(0).settings, "depth"));
    CPPUNIT_ASSERT(loaded.plugins[0].setting_where.at("/depth").ends_with(":5"));
  }
  void database_urls_of_both_forms_are_understood() {
    CPPUNIT_ASSERT_EQUAL(std::string("/a/b.db"), parse_database_url("sqlite+aiosqlite:////a/b.db")->path);
    CPPUNIT_ASSERT_EQUAL(std::string("postgresql://u@h/d"), parse_database_url("postgresql+asyncpg://u@h/d")->url);
    CPPUNIT_ASSERT(!parse_database_url("mysql://x").ok());
  }
  void the_shipped_file_is_good_with_every_line_in_force() {
    std::ifstream in(std::string(Z4J_SOURCE_DIR) + "/config/z4j.toml");
    std::string text;
    std::size_t settings = 0;
    for (std::string line; std::getline(in, line);) {
      const bool commented = line.rfind("#", 0) == 0 && line.rfind("# ", 0) != 0 && line != "#";
      settings += commented && line.find('=') != std::string::npos ? 1u : 0u;
      text += (commented ? line.substr(1) : line) + "\n";
    }
    const Loaded loaded = load_text(text);
    CPPUNIT_ASSERT_MESSAGE(loaded.problems.empty() ? "" : loaded.problems[0].text(), loaded.problems.empty());
    CPPUNIT_ASSERT(settings >= known_settings().size());
    for (const SettingRow& row : known_settings()) {
      const std::string key = std::string(row.key.substr(row.key.find('.') + 1)) + " =";
      CPPUNIT_ASSERT_MESSAGE(std::string(row.key), text.find("\n" + key) != std::string::npos);
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConfigTest);

}  // namespace
}  // namespace z4j::config
