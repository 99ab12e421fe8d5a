#include "plugin/elf_file.hpp"

#include <cppunit/extensions/HelperMacros.h>
#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "plugin/rules.hpp"
#include "plugin/testing/plugin_folder.hpp"

namespace z4j::plugin {
namespace {

class ElfFileTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ElfFileTest);
  CPPUNIT_TEST(a_plugin_exports_its_entry_alone);
  CPPUNIT_TEST(a_plugin_names_what_it_needs);
  CPPUNIT_TEST(every_rule_holds_of_a_plugin_of_ours);
  CPPUNIT_TEST(a_library_that_is_named_by_a_path_is_refused);
  CPPUNIT_TEST(who_says_nothing_of_the_stack_gets_an_executable_one);
  CPPUNIT_TEST(what_is_cut_off_anywhere_is_refused_or_read);
  CPPUNIT_TEST(damage_by_chance_is_refused_or_read);
  CPPUNIT_TEST_SUITE_END();

  testing::PluginFolder folder_;

  std::string bytes_of(const std::string& plugin) const {
    std::ifstream in(folder_.add(plugin), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

 public:
  void a_plugin_exports_its_entry_alone() {
    const auto file = read_elf(folder_.add("test-engine"));
    CPPUNIT_ASSERT(file.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, file->exports.size());
    CPPUNIT_ASSERT_EQUAL(std::string(Z4J_PLUGIN_SYMBOL), file->exports[0].name);
    CPPUNIT_ASSERT(file->exports[0].is_data);
    CPPUNIT_ASSERT(file->exports[0].size >= sizeof(z4j_plugin_entry));
    CPPUNIT_ASSERT(!file->is_program && !file->has_executable_stack && !file->has_writable_code);
  }

  void a_plugin_names_what_it_needs() {
    const auto file = read_elf(folder_.add("test-engine"));
    CPPUNIT_ASSERT(file.ok());
    CPPUNIT_ASSERT(std::find(file->needed.begin(), file->needed.end(), "libc.so.6") !=
                   file->needed.end());
    CPPUNIT_ASSERT(std::any_of(file->wants.begin(), file->wants.end(), [](const ElfSymbol& s) {
      return s.name == "memcpy" || s.name == "free" || s.name == "__asan_memcpy";
    }));
  }

  void every_rule_holds_of_a_plugin_of_ours() {
    const auto file = read_elf(folder_.add("test-engine"));
    for (const Rule<ElfFile>& rule : file_rules()) {
      const base::Status good = rule.check(*file);
      CPPUNIT_ASSERT_MESSAGE(
          std::string(rule.name) + ": " + (good ? std::string() : good.error().text()), good.ok());
    }
  }

  void a_library_that_is_named_by_a_path_is_refused() {
    auto file = read_elf(folder_.add("test-engine"));
    file->needed.push_back("../libown.so");
    const base::Status good = check_file_rules(*file);
    CPPUNIT_ASSERT(!good.ok());
    CPPUNIT_ASSERT(good.error().message.find("../libown.so") != std::string::npos);
  }

  // The program header that says how the stack is: with another type it is not there.
  void who_says_nothing_of_the_stack_gets_an_executable_one() {
    std::string bytes = bytes_of("test-engine");
    Elf64_Ehdr head;
    std::memcpy(&head, bytes.data(), sizeof head);
    for (std::size_t i = 0; i < head.e_phnum; ++i) {
      Elf64_Phdr segment;
      const std::size_t at = head.e_phoff + i * sizeof segment;
      std::memcpy(&segment, bytes.data() + at, sizeof segment);
      if (segment.p_type == PT_GNU_STACK) segment.p_type = PT_NULL;
      std::memcpy(bytes.data() + at, &segment, sizeof segment);
    }
    const auto file = read_elf(folder_.write("stackless", bytes));
    CPPUNIT_ASSERT(file.ok() && file->has_executable_stack);
  }

  void what_is_cut_off_anywhere_is_refused_or_read() {
    const std::string whole = bytes_of("faulty-library");
    std::size_t refused = 0;
    for (std::size_t size = 0; size < whole.size(); size += size < 4096 ? 7 : 501) {
      const auto file = read_elf(folder_.write("cut", std::string_view(whole).substr(0, size)));
      if (!file) {
        ++refused;
        CPPUNIT_ASSERT(!file.error().message.empty() && !file.error().hint.empty());
      }
    }
    CPPUNIT_ASSERT(refused > 100);
  }

  void damage_by_chance_is_refused_or_read() {
    const std::string whole = bytes_of("faulty-library");
    std::mt19937 dice(20261127);
    std::size_t refused = 0;
    for (int n = 0; n < 2000; ++n) {
      std::string damaged = whole;
      for (int k = 0; k < 4; ++k) {
        // The tables that matter stand at the beginning.
        const std::size_t most = dice() % 2 == 0 ? 2048 : damaged.size();
        damaged[dice() % std::min(most, damaged.size())] = static_cast<char>(dice());
      }
      if (!read_elf(folder_.write("damaged", damaged))) ++refused;
    }
    CPPUNIT_ASSERT(refused > 50);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ElfFileTest);

}  // namespace
}  // namespace z4j::plugin
