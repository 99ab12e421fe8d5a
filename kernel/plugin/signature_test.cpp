#include "plugin/signature.hpp"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/crypto.hpp"
#include "base/ed25519.hpp"
#include "plugin/checked_file.hpp"
#include "plugin/loader.hpp"
#include "plugin/testing/plugin_folder.hpp"

namespace z4j::plugin {
namespace {

namespace fs = std::filesystem;
using Required = SignaturePolicy::Required;

const std::string kSeed(32, 'a'), kOtherSeed(32, 'b');

config::TrustedKey trusted(const std::string& seed, const std::string& name) {
  const std::string bytes = base::ed25519_public_key(seed).value();
  return {name, bytes, config::key_id(bytes)};
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string hash_of(const std::string& path) { return base::hex(base::sha256(content_of(path))); }

class SignatureTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SignatureTest);
  CPPUNIT_TEST(a_signature_comes_back_from_its_text);
  CPPUNIT_TEST(every_other_text_is_refused_with_a_sentence);
  CPPUNIT_TEST(a_signed_file_is_loaded_and_says_by_whom);
  CPPUNIT_TEST(a_changed_file_is_refused);
  CPPUNIT_TEST(a_changed_signature_is_refused);
  CPPUNIT_TEST(a_key_that_nobody_trusts_is_refused);
  CPPUNIT_TEST(the_signature_of_another_file_is_refused);
  CPPUNIT_TEST(a_renamed_file_is_refused);
  CPPUNIT_TEST(garbage_beside_a_file_is_refused);
  CPPUNIT_TEST(what_must_be_signed_is_not_loaded_without);
  CPPUNIT_TEST(a_bad_signature_is_refused_where_none_is_required);
  CPPUNIT_TEST(a_file_of_ours_is_not_foreign);
  CPPUNIT_TEST(a_pin_in_upper_case_holds_beside_a_signature);
  CPPUNIT_TEST(what_is_written_into_the_file_after_the_check_is_not_mapped);
  CPPUNIT_TEST(another_file_in_its_place_after_the_check_is_not_mapped);
  CPPUNIT_TEST(a_checked_copy_can_not_be_changed);
  CPPUNIT_TEST(a_file_is_looked_into_again_when_it_changes);
  CPPUNIT_TEST_SUITE_END();

  testing::PluginFolder folder_;
  std::vector<config::TrustedKey> keys_{trusted(kSeed, "acme"), trusted(std::string(32, 'c'), "")};

  void sign(const std::string& plugin, const std::string& seed = kSeed) const {
    write_signature(plugin, Signature::make(plugin, hash_of(folder_.file(plugin)), seed).text());
  }
  void write_signature(const std::string& plugin, std::string_view text) const {
    std::ofstream(folder_.file(plugin) + ".sig", std::ios::binary | std::ios::trunc) << text;
  }
  [[nodiscard]] std::string signature(const std::string& plugin) const {
    return content_of(folder_.file(plugin) + ".sig");
  }
  [[nodiscard]] Loader loader(Required required = Required::none) const {
    return Loader({.directories = {folder_.path()}, .signatures = {required, keys_}});
  }
  // Of a loader that knows nothing yet.
  base::Error refused(const std::string& plugin, Required required = Required::none,
                      const std::string& pin = {}) const {
    Loader fresh({.directories = {folder_.path()}, .signatures = {required, keys_}});
    Refusal refusal;
    CPPUNIT_ASSERT_MESSAGE(plugin, fresh.load(plugin, pin, refusal) == nullptr);
    CPPUNIT_ASSERT_EQUAL(std::string("file"), refusal.step);
    CPPUNIT_ASSERT(refusal.error.code == base::Code::denied);
    CPPUNIT_ASSERT(!refusal.error.hint.empty());
    CPPUNIT_ASSERT(refusal.error.message.find('\n') == std::string::npos);
    CPPUNIT_ASSERT(refusal.error.message.starts_with(folder_.file(plugin)));
    const auto apart = fresh.check(plugin, pin);
    CPPUNIT_ASSERT_MESSAGE("the same for another process",
                           !apart && apart.error().message == refusal.error.message);
    return refusal.error;
  }
  static void assert_has(const std::string& words, const base::Error& error) {
    CPPUNIT_ASSERT_MESSAGE(words + " in: " + error.text(),
                           error.message.find(words) != std::string::npos);
  }
  const LoadedFile& loaded(Loader& from, const std::string& plugin,
                           const std::string& pin = {}) const {
    Refusal refusal;
    const LoadedFile* const file = from.load(plugin, pin, refusal);
    CPPUNIT_ASSERT_MESSAGE(refusal.step + ": " + refusal.error.text(), file != nullptr);
    return *file;
  }

 public:
  void a_signature_comes_back_from_its_text() {
    const Signature made = Signature::make("acme-pager", std::string(64, '7'), kSeed);
    const std::string text = made.text();
    CPPUNIT_ASSERT(text.starts_with("z4j plugin signature v1\nplugin: acme-pager\nsha256: 777"));
    const Signature back = Signature::parse(text).value();
    CPPUNIT_ASSERT_EQUAL(text, back.text());
    CPPUNIT_ASSERT_EQUAL(keys_[0].id, back.key_id);
    const auto signer = check_signature(back, "x", "acme-pager", std::string(64, '7'), keys_);
    CPPUNIT_ASSERT_EQUAL(std::string("acme"), signer.value().name);
  }

  void every_other_text_is_refused_with_a_sentence() {
    const std::string good = Signature::make("p", std::string(64, '7'), kSeed).text();
    for (std::size_t size = 0; size < good.size(); ++size) {
      const auto cut_off = Signature::parse(std::string_view(good).substr(0, size));
      CPPUNIT_ASSERT(!cut_off && !cut_off.error().message.empty());
    }
    // Whichever letter changes: it is no signature any more, or one that does not hold.
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (const char other : {'\n', ' ', '\0', 'A', '0', '/'}) {
        std::string bad = good;
        if (bad[at] == other) continue;
        bad[at] = other;
        const auto parsed = Signature::parse(bad);
        CPPUNIT_ASSERT(!parsed || !check_signature(*parsed, "x", "p", std::string(64, '7'), keys_));
      }
    }
    for (const std::string& bad :
         {good + "\n", good + good, "\n" + good, "\xef\xbb\xbf" + good, std::string(5000, 'z')})
      CPPUNIT_ASSERT(!Signature::parse(bad));
    std::string with_returns;
    for (const char c : good) with_returns += c == '\n' ? std::string("\r\n") : std::string(1, c);
    CPPUNIT_ASSERT(!Signature::parse(with_returns));
  }

  void a_signed_file_is_loaded_and_says_by_whom() {
    folder_.add("test-engine");
    sign("test-engine");
    Loader from = loader(Required::all);
    const LoadedFile& file = loaded(from, "test-engine");
    CPPUNIT_ASSERT_EQUAL(std::string("acme"), file.signer.value().name);
    CPPUNIT_ASSERT_EQUAL(keys_[0].id, file.signer.value().key_id);
    CPPUNIT_ASSERT_EQUAL(hash_of(folder_.file("test-engine")), file.sha256);
    CPPUNIT_ASSERT_EQUAL(folder_.file("test-engine"), file.path);
    CPPUNIT_ASSERT_EQUAL(std::string("org.z4j.test-engine"),
                         std::string(file.descriptor->id.ptr, file.descriptor->id.len));
    CPPUNIT_ASSERT(&file == &loaded(from, "test-engine"));
  }

  void a_changed_file_is_refused() {
    folder_.add("test-engine");
    sign("test-engine");
    std::ofstream(folder_.file("test-engine"), std::ios::app | std::ios::binary) << "x";
    assert_has("it was changed after it was signed", refused("test-engine"));
  }

  void a_changed_signature_is_refused() {
    folder_.add("test-engine");
    sign("test-engine");
    std::string text = signature("test-engine");
    // Another hash than the one that was signed, for a file that has it.
    std::ofstream(folder_.file("test-engine"), std::ios::app | std::ios::binary) << "x";
    const std::size_t at = text.find("sha256: ") + 8;
    text.replace(at, 64, hash_of(folder_.file("test-engine")));
    write_signature("test-engine", text);
    assert_has("it was changed or is forged", refused("test-engine"));
  }

  void a_key_that_nobody_trusts_is_refused() {
    folder_.add("test-engine");
    sign("test-engine", kOtherSeed);
    const base::Error error = refused("test-engine");
    assert_has(trusted(kOtherSeed, "").id + ", which is none of plugins.trusted_keys", error);
    assert_has("(acme)", error);
    // One that says it is by a trusted key.
    std::string text = signature("test-engine");
    text.replace(text.find("key: ") + 5, 16, keys_[0].id);
    write_signature("test-engine", text);
    assert_has("is not by key " + keys_[0].id + " (acme) as it says", refused("test-engine"));
    keys_.clear();
    sign("test-engine");
    assert_has("plugins.trusted_keys, which is empty", refused("test-engine"));
  }

  void the_signature_of_another_file_is_refused() {
    folder_.add("test-engine");
    folder_.add("test-http");
    sign("test-http");
    write_signature("test-engine", signature("test-http"));
    assert_has("is of the plugin \"test-http\", expected \"test-engine\"", refused("test-engine"));
  }

  void a_renamed_file_is_refused() {
    folder_.add("test-engine");
    sign("test-engine");
    fs::rename(folder_.file("test-engine"), folder_.file("other"));
    fs::rename(folder_.file("test-engine") + ".sig", folder_.file("other") + ".sig");
    assert_has("is of the plugin \"test-engine\", expected \"other\"", refused("other"));
  }

  void garbage_beside_a_file_is_refused() {
    folder_.add("test-engine");
    for (const std::string& text : {std::string(), std::string("hello\n"), std::string(1, '\0'),
                                    std::string(3u << 20, 'x')}) {
      write_signature("test-engine", text);
      assert_has("test-engine.so.sig is no signature: it", refused("test-engine"));
    }
    const std::string path = folder_.file("test-engine") + ".sig";
    fs::remove(path);
    CPPUNIT_ASSERT_EQUAL(0, ::mkfifo(path.c_str(), 0600));
    assert_has("is not a regular file", refused("test-engine"));
    fs::remove(path);
    fs::create_directory(path);
    assert_has("is not a regular file", refused("test-engine"));
  }

  void what_must_be_signed_is_not_loaded_without() {
    folder_.add("test-engine");
    Loader free = loader();
    CPPUNIT_ASSERT(!loaded(free, "test-engine").signer.has_value());
    assert_has("is not signed, and plugins.require_signature is \"foreign\"",
               refused("test-engine", Required::foreign));
    assert_has("is not signed, and plugins.require_signature is \"all\"",
               refused("test-engine", Required::all));
    // A pin says which file, not whose.
    assert_has("is not signed",
               refused("test-engine", Required::all, hash_of(folder_.file("test-engine"))));
  }

  void a_bad_signature_is_refused_where_none_is_required() {
    folder_.add("test-engine");
    Loader from = loader();
    loaded(from, "test-engine");
    sign("test-engine", kOtherSeed);
    Refusal refusal;
    CPPUNIT_ASSERT_MESSAGE("also where it is mapped already",
                           from.load("test-engine", {}, refusal) == nullptr);
  }

  void a_file_of_ours_is_not_foreign() {
    folder_.add("test-engine");
    folder_.add("test-engine", "other");
    Loader ours({.directories = {folder_.path()},
                 .own_directory = folder_.path(),
                 .own_plugins = {"test-engine"},
                 .signatures = {Required::foreign, keys_}});
    loaded(ours, "test-engine");
    Refusal refusal;
    CPPUNIT_ASSERT(ours.load("other", {}, refusal) == nullptr);
    sign("other");
    CPPUNIT_ASSERT_EQUAL(std::string("acme"), loaded(ours, "other").signer.value().name);
    assert_has("\"all\"", refused("test-engine", Required::all));
  }

  void a_pin_in_upper_case_holds_beside_a_signature() {
    folder_.add("test-engine");
    std::string pin = hash_of(folder_.file("test-engine"));
    for (char& c : pin) c = static_cast<char>(std::toupper(c));
    Loader from = loader();
    CPPUNIT_ASSERT(!loaded(from, "test-engine", pin).signer.has_value());
    sign("test-engine");
    loaded(from, "test-engine", pin);
    const std::string wrong = (pin[0] == '0' ? '1' : '0') + pin.substr(1);
    assert_has("the config pins", refused("test-engine", Required::none, wrong));
    Refusal refusal;
    CPPUNIT_ASSERT_MESSAGE("also of a file that is mapped",
                           from.load("test-engine", wrong, refusal) == nullptr);
  }

  void what_is_written_into_the_file_after_the_check_is_not_mapped() {
    folder_.add("test-engine");
    sign("test-engine");
    auto checked = loader().check("test-engine", {});
    CPPUNIT_ASSERT(checked.ok() && checked->is_sealed);
    // The same inode; every byte of it is another one.
    const std::size_t size = fs::file_size(folder_.file("test-engine"));
    const int file = ::open(folder_.file("test-engine").c_str(), O_WRONLY);
    const std::string zeros(size, '\0');
    CPPUNIT_ASSERT_EQUAL(static_cast<ssize_t>(size), ::pwrite(file, zeros.data(), size, 0));
    ::close(file);
    Refusal refusal;
    const LoadedFile* const mapped = map_file(std::move(*checked), refusal);
    CPPUNIT_ASSERT_MESSAGE(refusal.error.text(), mapped != nullptr);
    CPPUNIT_ASSERT_EQUAL(std::string("org.z4j.test-engine"),
                         std::string(mapped->descriptor->id.ptr, mapped->descriptor->id.len));
    refused("test-engine");
  }

  void another_file_in_its_place_after_the_check_is_not_mapped() {
    const std::string pin = hash_of(folder_.add("test-engine"));
    auto checked = loader().check("test-engine", pin);
    CPPUNIT_ASSERT(checked.ok() && checked->is_sealed);
    fs::rename(folder_.add("test-http"), folder_.file("test-engine"));
    Refusal refusal;
    const LoadedFile* const mapped = map_file(std::move(*checked), refusal);
    CPPUNIT_ASSERT_MESSAGE(refusal.error.text(), mapped != nullptr);
    CPPUNIT_ASSERT_EQUAL(std::string("org.z4j.test-engine"),
                         std::string(mapped->descriptor->id.ptr, mapped->descriptor->id.len));
  }

  void a_checked_copy_can_not_be_changed() {
    folder_.add("test-engine");
    sign("test-engine");
    const auto checked = loader().check("test-engine", {});
    const int copy = checked.value().file.get();
    CPPUNIT_ASSERT_EQUAL(ssize_t{-1}, ::pwrite(copy, "x", 1, 0));
    CPPUNIT_ASSERT_EQUAL(-1, ::ftruncate(copy, 0));
    CPPUNIT_ASSERT(::fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK) != 0);
    const int again = ::open(("/proc/self/fd/" + std::to_string(copy)).c_str(), O_RDWR);
    if (again >= 0) {
      CPPUNIT_ASSERT_EQUAL(ssize_t{-1}, ::pwrite(again, "x", 1, 0));
      ::close(again);
    }
  }

  void a_file_is_looked_into_again_when_it_changes() {
    folder_.add("test-engine");
    sign("test-engine");
    Loader from = loader();
    const LoadedFile& first = loaded(from, "test-engine");
    std::ofstream(folder_.file("test-engine"), std::ios::app | std::ios::binary) << "x";
    Refusal refusal;
    CPPUNIT_ASSERT(from.load("test-engine", {}, refusal) == nullptr);
    sign("test-engine");
    const LoadedFile& second = loaded(from, "test-engine");
    CPPUNIT_ASSERT(first.descriptor != second.descriptor);
    CPPUNIT_ASSERT(first.sha256 != second.sha256);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SignatureTest);

}  // namespace
}  // namespace z4j::plugin
