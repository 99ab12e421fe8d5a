#include <cppunit/extensions/HelperMacros.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "config/config.hpp"
#include "config/setting_table.hpp"

namespace z4j::config {
namespace {

std::string text_of_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A sample with every commented-out setting in force: "#key" and "#[table]", not "# prose".
std::string in_force(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const bool commented = line.size() > 1 && line[0] == '#' && line[1] != ' ' && line[1] != '#';
    out += (commented ? line.substr(1) : line) + "\n";
  }
  return out;
}

std::string all_of(const Loaded& loaded) {
  std::string all;
  for (const Problem& p : loaded.problems) all += p.text() + "\n";
  for (const std::string& w : loaded.warnings) all += "warning: " + w + "\n";
  return all;
}

class SettingListTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SettingListTest);
  CPPUNIT_TEST(names_are_there_once);
  CPPUNIT_TEST(every_default_is_within_its_own_bounds);
  CPPUNIT_TEST(rows_tell_value_and_source_and_hide_secrets);
  CPPUNIT_TEST(passwords_in_urls_are_hidden);
  CPPUNIT_TEST(what_is_set_is_told_with_secrets_sealed);
  CPPUNIT_TEST(the_shipped_file_has_every_setting_with_its_default);
  CPPUNIT_TEST(the_shipped_examples_load);
  CPPUNIT_TEST(the_shipped_document_is_current);
  CPPUNIT_TEST_SUITE_END();

  static SettingRow row(const Loaded& loaded, const std::string& key) {
    for (const SettingRow& r : list_settings(loaded)) {
      if (r.key == key) return r;
    }
    CPPUNIT_FAIL("no row " + key);
    return {};
  }

 public:
  void names_are_there_once() {
    std::set<std::string_view> names;
    for (const Setting& s : setting_table()) {
      CPPUNIT_ASSERT_MESSAGE(std::string(s.key), names.insert(s.key).second);
      CPPUNIT_ASSERT_MESSAGE(std::string(s.variable), names.insert(s.variable).second);
      CPPUNIT_ASSERT_MESSAGE(std::string(s.variable), !is_foreign_variable(s.variable));
    }
    CPPUNIT_ASSERT(is_foreign_variable("Z4J_SENTRY_DSN"));
    CPPUNIT_ASSERT(is_foreign_variable("Z4J_ACME_EMAIL"));
    CPPUNIT_ASSERT(is_foreign_variable("Z4J_WS_INGEST_QUEUE_MAXSIZE"));
    CPPUNIT_ASSERT(!is_foreign_variable("Z4J_NO_SUCH"));
  }
  void every_default_is_within_its_own_bounds() {
    Settings settings;
    for (const Setting& s : setting_table()) {
      CPPUNIT_ASSERT_MESSAGE(std::string(s.key),
                             assign(settings, s, from_text(s, value_text(settings, s))));
    }
  }
  void rows_tell_value_and_source_and_hide_secrets() {
    const std::string secret(40, 's');
    const Loaded loaded =
        load_text(LoadOptions{"f", {{"Z4J_SECRET", secret}, {"Z4J_ALLOWED_HOSTS", "a,b"}}},
                  "[server]\nport = 5\n");
    CPPUNIT_ASSERT_EQUAL(std::string("5"), row(loaded, "server.port").value);
    CPPUNIT_ASSERT_EQUAL(std::string("file"), row(loaded, "server.port").source);
    CPPUNIT_ASSERT_EQUAL(std::string("Z4J_BIND_PORT"), row(loaded, "server.port").name);
    CPPUNIT_ASSERT_EQUAL(std::string("[\"a\",\"b\"]"), row(loaded, "server.allowed_hosts").value);
    CPPUNIT_ASSERT_EQUAL(std::string("********"), row(loaded, "security.secret").value);
    CPPUNIT_ASSERT(row(loaded, "security.secret").is_secret);
    CPPUNIT_ASSERT_EQUAL(std::string(), row(loaded, "security.session_secret").value);
    CPPUNIT_ASSERT_EQUAL(std::string("default"), row(loaded, "security.session_secret").source);
    for (const SettingRow& r : list_settings(loaded))
      CPPUNIT_ASSERT(r.value.find("sss") == std::string::npos);
  }
  void passwords_in_urls_are_hidden() {
    const Loaded loaded = load_text(
        LoadOptions{"f", {{"Z4J_DATABASE_URL", "postgresql://u:p@ss@h/d?password=pass2&x=1"}}}, "");
    CPPUNIT_ASSERT_EQUAL(std::string("postgresql://u:***@h/d?password=***&x=1"),
                         row(loaded, "database.url").value);
    CPPUNIT_ASSERT_EQUAL(std::string("redis://***@h"), mask_url("redis://tokenonly@h"));
    CPPUNIT_ASSERT_EQUAL(std::string("sqlite:///a:b"), mask_url("sqlite:///a:b"));
  }
  void what_is_set_is_told_with_secrets_sealed() {
    const auto seal = [](std::string_view text) { return "<" + std::to_string(text.size()) + ">"; };
    CPPUNIT_ASSERT(set_settings(Settings(), seal).empty());
    const Loaded loaded = load_text(LoadOptions{"f",
                                                {{"Z4J_SECRET", std::string(40, 's')},
                                                 {"Z4J_DATABASE_URL", "postgresql://u:pass@h/d"}}},
                                    "[server]\nport = 5\nhsts = true\n");
    auto set = set_settings(loaded.settings, seal);
    set.erase("home");
    const std::map<std::string, std::string> wanted = {
        {"database.url", "postgresql://u:***@h/d <23>"},
        {"security.secret", "<40>"},
        {"server.port", "5"}};
    CPPUNIT_ASSERT(wanted == set);
  }
  void the_shipped_file_has_every_setting_with_its_default() {
    const std::string shipped = text_of_file(std::string(Z4J_SOURCE_DIR) + "/config/z4j.toml");
    const LoadOptions options{"z4j.toml", {{"Z4J_HOME", "/nonexistent"}}};
    const Loaded asleep = load_text(options, shipped);
    CPPUNIT_ASSERT_EQUAL(std::string(), all_of(asleep));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, asleep.sources.size());
    const Loaded awake = load_text(options, in_force(shipped));
    CPPUNIT_ASSERT_EQUAL(std::string(), all_of(awake));
    CPPUNIT_ASSERT(!awake.plugins.empty());
    const Settings defaults;
    for (const Setting& s : setting_table()) {
      if (!s.in_file) continue;
      CPPUNIT_ASSERT_MESSAGE(std::string(s.key) + " is not in config/z4j.toml",
                             awake.sources.count(std::string(s.key)) == 1);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(std::string(s.key), value_text(defaults, s),
                                   value_text(awake.settings, s));
      CPPUNIT_ASSERT_MESSAGE(
          std::string(s.variable) + " is not named in config/z4j.toml",
          shipped.find("(" + std::string(s.variable) + ")") != std::string::npos);
    }
  }
  void the_shipped_examples_load() {
    int count = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(Z4J_SOURCE_DIR) + "/config/examples")) {
      const Loaded loaded =
          load_text(LoadOptions{entry.path().filename().string(), {{"Z4J_HOME", "/nonexistent"}}},
                    text_of_file(entry.path()));
      CPPUNIT_ASSERT_EQUAL_MESSAGE(entry.path().string(), std::string(), all_of(loaded));
      CPPUNIT_ASSERT_MESSAGE(entry.path().string(), !loaded.plugins.empty());
      ++count;
    }
    CPPUNIT_ASSERT(count >= 3);
  }
  // Z4J_UPDATE_DOCS=1 in the environment of the test writes the document instead.
  void the_shipped_document_is_current() {
    const std::string path = std::string(Z4J_SOURCE_DIR) + "/docs/operate/settings.md";
    if (std::getenv("Z4J_UPDATE_DOCS") != nullptr) std::ofstream(path) << settings_document();
    CPPUNIT_ASSERT_MESSAGE("docs/operate/settings.md is old; run this test with Z4J_UPDATE_DOCS=1",
                           text_of_file(path) == settings_document());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SettingListTest);

}  // namespace
}  // namespace z4j::config
