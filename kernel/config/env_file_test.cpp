#include <sys/stat.h>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include <filesystem>
#include <fstream>

#include "config/config.hpp"

namespace z4j::config {
namespace {

class EnvFileTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EnvFileTest);
  CPPUNIT_TEST(reads_keys_with_comments_quotes_and_export);
  CPPUNIT_TEST(a_bad_line_is_named_and_not_shown);
  CPPUNIT_TEST(a_key_twice_is_refused);
  CPPUNIT_TEST(a_secret_file_open_to_others_is_refused);
  CPPUNIT_TEST(missing_large_and_odd_files_have_their_own_errors);
  CPPUNIT_TEST_SUITE_END();

  std::string folder_;

  std::string path() const { return folder_ + "/x.env"; }
  base::Result<std::map<std::string, std::string>> read(
      const std::string& text, EnvFileKind kind = EnvFileKind::plain) const {
    std::ofstream(path(), std::ios::binary) << text;
    return read_env_file(path(), kind);
  }

 public:
  void setUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "z4j_env_XXXXXX").string();
    CPPUNIT_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  void tearDown() override { std::filesystem::remove_all(folder_); }

  void reads_keys_with_comments_quotes_and_export() {
    const auto values = read(
        "# note\r\n\nZ4J_A=1\r\nexport Z4J_B = \"two words \"\nZ4J_C='a=b#c'\nZ4J_D=\nZ4J_E=x=y");
    CPPUNIT_ASSERT(values.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, values->size());
    CPPUNIT_ASSERT_EQUAL(std::string("1"), values->at("Z4J_A"));
    CPPUNIT_ASSERT_EQUAL(std::string("two words "), values->at("Z4J_B"));
    CPPUNIT_ASSERT_EQUAL(std::string("a=b#c"), values->at("Z4J_C"));
    CPPUNIT_ASSERT_EQUAL(std::string(), values->at("Z4J_D"));
    CPPUNIT_ASSERT_EQUAL(std::string("x=y"), values->at("Z4J_E"));
  }
  void a_bad_line_is_named_and_not_shown() {
    for (const char* text :
         {"\nhunter22\n", "\n1=hunter22\n", "\nZ4J_A=\"hunter22\n", "\nZ4J A=hunter22\n"}) {
      const auto values = read(text);
      CPPUNIT_ASSERT_MESSAGE(text, !values.ok());
      CPPUNIT_ASSERT_EQUAL(path() + ":2", values.error().where);
      CPPUNIT_ASSERT(values.error().text().find("hunter22") == std::string::npos);
    }
  }
  void a_key_twice_is_refused() {
    CPPUNIT_ASSERT_EQUAL(std::string("Z4J_A stands there twice"),
                         read("Z4J_A=1\nZ4J_A=2\n").error().message);
  }
  void a_secret_file_open_to_others_is_refused() {
    CPPUNIT_ASSERT(read("Z4J_A=1\n").ok());
    for (const mode_t mode : {0640u, 0604u, 0620u}) {
      ::chmod(path().c_str(), mode);
      const auto values = read_env_file(path(), EnvFileKind::secret);
      CPPUNIT_ASSERT(!values.ok());
      CPPUNIT_ASSERT(values.error().code == base::Code::denied);
      CPPUNIT_ASSERT_EQUAL("run: chmod 600 " + path(), values.error().hint);
    }
    ::chmod(path().c_str(), 0600);
    CPPUNIT_ASSERT(read_env_file(path(), EnvFileKind::secret).ok());
  }
  void missing_large_and_odd_files_have_their_own_errors() {
    CPPUNIT_ASSERT(read_env_file(folder_ + "/none", EnvFileKind::plain).error().code ==
                   base::Code::not_found);
    CPPUNIT_ASSERT(read(std::string(70'000, '#')).error().code == base::Code::too_large);
    CPPUNIT_ASSERT(read_env_file(folder_, EnvFileKind::plain).error().code == base::Code::invalid);
    CPPUNIT_ASSERT_EQUAL(0, ::mkfifo((folder_ + "/fifo").c_str(), 0600));
    CPPUNIT_ASSERT(read_env_file(folder_ + "/fifo", EnvFileKind::plain).error().code ==
                   base::Code::invalid);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EnvFileTest);

}  // namespace
}  // namespace z4j::config
