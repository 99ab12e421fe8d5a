#include "plugin/loader.hpp"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.hpp"
#include "plugin/testing/plugin_folder.hpp"

namespace z4j::plugin {
namespace {

namespace fs = std::filesystem;

class LoaderTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LoaderTest);
  CPPUNIT_TEST(a_good_file_is_mapped_once);
  CPPUNIT_TEST(a_file_put_in_its_place_is_mapped_anew);
  CPPUNIT_TEST(offered_lists_stems_without_mapping);
  CPPUNIT_TEST(an_unknown_name_suggests_the_nearest);
  CPPUNIT_TEST(a_name_never_leads_out_of_the_folder);
  CPPUNIT_TEST(a_file_that_others_can_write_is_refused);
  CPPUNIT_TEST(a_folder_that_others_can_write_is_refused);
  CPPUNIT_TEST(a_file_of_a_foreign_user_is_refused);
  CPPUNIT_TEST(a_pinned_hash_must_match);
  CPPUNIT_TEST(what_is_no_library_is_refused_before_it_is_mapped);
  CPPUNIT_TEST(a_missing_symbol_is_named);
  CPPUNIT_TEST(a_library_without_entry_is_no_plugin);
  CPPUNIT_TEST(entries_of_other_versions_say_what_to_install);
  CPPUNIT_TEST(a_declared_kind_needs_its_interface);
  CPPUNIT_TEST_SUITE_END();

  testing::PluginFolder folder_;
  Loader loader_{{.directories = {folder_.path()}}};

  Refusal refusal_of(const std::string& plugin, const std::string& sha256 = {}) {
    Refusal refusal;
    CPPUNIT_ASSERT_MESSAGE(plugin, loader_.load(plugin, sha256, refusal) == nullptr);
    CPPUNIT_ASSERT_MESSAGE(plugin + " has no way out", !refusal.error.hint.empty());
    return refusal;
  }
  void assert_refused(const std::string& plugin, const std::string& step, const std::string& word) {
    const Refusal refusal = refusal_of(plugin);
    CPPUNIT_ASSERT_EQUAL(step, refusal.step);
    CPPUNIT_ASSERT_MESSAGE(refusal.error.text(),
                           refusal.error.text().find(word) != std::string::npos);
  }
  const LoadedFile* loaded(const std::string& plugin, const std::string& sha256 = {}) {
    Refusal refusal;
    const LoadedFile* file = loader_.load(plugin, sha256, refusal);
    CPPUNIT_ASSERT_MESSAGE(refusal.step + ": " + refusal.error.text(), file != nullptr);
    return file;
  }

 public:
  void a_good_file_is_mapped_once() {
    folder_.add("test-engine");
    const LoadedFile* file = loaded("test-engine");
    CPPUNIT_ASSERT_EQUAL(folder_.file("test-engine"), file->path);
    CPPUNIT_ASSERT_EQUAL(std::string("org.z4j.test-engine"),
                         std::string(file->descriptor->id.ptr, file->descriptor->id.len));
    CPPUNIT_ASSERT(file == loaded("test-engine"));
  }

  void a_file_put_in_its_place_is_mapped_anew() {
    folder_.add("test-engine");
    const LoadedFile* before = loaded("test-engine");
    folder_.add("test-engine", "fresh");
    fs::rename(folder_.file("fresh"), folder_.file("test-engine"));
    const LoadedFile* after = loaded("test-engine");
    CPPUNIT_ASSERT(before != after);
    CPPUNIT_ASSERT(before->descriptor != after->descriptor);
  }

  void offered_lists_stems_without_mapping() {
    folder_.write("b", "not a library");
    folder_.write("a", "not a library");
    const auto offered = loader_.offered();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, offered.size());
    CPPUNIT_ASSERT_EQUAL(std::string("a"), offered[0].first);
    CPPUNIT_ASSERT_EQUAL(folder_.file("b"), offered[1].second);
  }

  void an_unknown_name_suggests_the_nearest() {
    folder_.add("test-engine");
    assert_refused("test-engin", "file", "did you mean \"test-engine\"?");
  }

  void a_name_never_leads_out_of_the_folder() {
    for (const std::string name : {"", "..", ".hidden", "../x", "a/b", "a\\b", "/etc/passwd"}) {
      CPPUNIT_ASSERT_EQUAL(std::string("file"), refusal_of(name).step);
    }
    const testing::PluginFolder outside;
    fs::create_symlink(outside.add("test-engine"), folder_.file("link"));
    assert_refused("link", "file", "leads outside");
    fs::create_symlink(folder_.file("nowhere"), folder_.file("broken"));
    assert_refused("broken", "file", "leads nowhere");
  }

  void a_file_that_others_can_write_is_refused() {
    const std::string path = folder_.add("test-engine");
    for (const mode_t mode : {mode_t{0757}, mode_t{0775}}) {
      CPPUNIT_ASSERT_EQUAL(0, ::chmod(path.c_str(), mode));
      assert_refused("test-engine", "file", "chmod go-w");
    }
    CPPUNIT_ASSERT_EQUAL(0, ::chmod(path.c_str(), 0755));
    loaded("test-engine");
  }

  void a_folder_that_others_can_write_is_refused() {
    folder_.add("test-engine");
    CPPUNIT_ASSERT_EQUAL(0, ::chmod(folder_.path().c_str(), 0777));
    assert_refused("test-engine", "file", "others can replace files");
  }

  void a_file_of_a_foreign_user_is_refused() {
    if (::geteuid() != 0) return;  // only root can make such a file
    const std::string path = folder_.add("test-engine");
    CPPUNIT_ASSERT_EQUAL(0, ::chown(path.c_str(), 65534, 65534));
    Refusal refusal;
    CPPUNIT_ASSERT(loader_.load("test-engine", {}, refusal) == nullptr);
    CPPUNIT_ASSERT(refusal.error.message.find("belongs to user 65534") != std::string::npos);
  }

  void a_pinned_hash_must_match() {
    std::ifstream file(folder_.add("test-engine"), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    const std::string right = base::hex(base::sha256(bytes));
    const Refusal refusal = refusal_of("test-engine", std::string(64, 'a'));
    CPPUNIT_ASSERT_EQUAL(std::string("file"), refusal.step);
    CPPUNIT_ASSERT(refusal.error.message.find(right) != std::string::npos);
    loaded("test-engine", right);
  }

  void what_is_no_library_is_refused_before_it_is_mapped() {
    folder_.write("text", "this is a text, not a library\n");
    assert_refused("text", "file", "is not a shared library");
    folder_.write("empty", "");
    assert_refused("empty", "file", "is not a shared library");
    fs::create_directory(folder_.file("folder"));
    assert_refused("folder", "file", "not a regular file");
  }

  void a_missing_symbol_is_named() {
    folder_.add("faulty-symbol");
    assert_refused("faulty-symbol", "file", "z4j_test_function_that_nobody_has");
    CPPUNIT_ASSERT(refusal_of("faulty-symbol").error.message.find("Bad file descriptor") ==
                   std::string::npos);
  }

  void a_library_without_entry_is_no_plugin() {
    folder_.add("faulty-library");
    assert_refused("faulty-library", "entry", "is not a z4j plugin");
  }

  void entries_of_other_versions_say_what_to_install() {
    for (const char* plugin : {"faulty-magic", "faulty-major", "faulty-minor", "faulty-v2"})
      folder_.add(plugin);
    assert_refused("faulty-magic", "entry", "wrong magic number");
    assert_refused("faulty-major", "entry", "built for ABI 9.x, this host has ABI 1.");
    assert_refused("faulty-minor", "entry", "needs ABI 1.99");
    assert_refused("faulty-v2", "entry", "needs z4j 2.x");
  }

  void a_declared_kind_needs_its_interface() {
    folder_.add("faulty-kind");
    assert_refused("faulty-kind", "descriptor", "has no z4j.engine/1");
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LoaderTest);

}  // namespace
}  // namespace z4j::plugin
