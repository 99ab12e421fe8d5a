#include "core/copy.hpp"

#include <cppunit/extensions/HelperMacros.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/audit.hpp"
#include "core/backup.hpp"
#include "core/copy_json.hpp"
#include "core/testing/backup_bytes.hpp"
#include "core/testing/test_store.hpp"

namespace z4j::core {
namespace {

namespace letters = model::dead_letters;
using Present = StoreLoader::Present;

std::string meaning(std::string_view json) {
  std::string out;
  append_json_meaning(out, json);
  return out;
}

base::Uuid letter_id(std::uint64_t n) {
  std::string bytes(16, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[15 - i] = static_cast<char>(n >> (8 * i));
  return base::Uuid::from_bytes(bytes);
}

void add_letters(Store& store, std::uint64_t from, std::uint64_t count) {
  Rows rows(Table::dead_letters);
  for (std::uint64_t n = from; n < from + count; ++n) {
    rows.begin()
        .uuid(letters::id, letter_id(n))
        .text(letters::reason, "reason " + std::to_string(n))
        .text_or_null(letters::body, n % 3 == 0 ? "" : "t\xc3\xa9xt")
        .num(letters::created_at, 1'700'000'000'000'000 + static_cast<std::int64_t>(n));
  }
  Commit commit;
  commit.insert_new(std::move(rows));
  const base::Status done = store.commit(commit);
  CPPUNIT_ASSERT_MESSAGE(done ? "" : done.error().text(), done.ok());
}

// A folder with a backup of a store that holds so many letters.
class BackupFolder {
 public:
  explicit BackupFolder(std::uint64_t rows) {
    path_ = (std::filesystem::temp_directory_path() / "z4j_backup_XXXXXX").string();
    CPPUNIT_ASSERT(::mkdtemp(path_.data()) != nullptr);
    add_letters(*store_, 0, rows);
    const auto saved = backup_store(store_.client(), file(), "9.9.9", 1'700'000'000'000'000, {});
    CPPUNIT_ASSERT_MESSAGE(saved ? "" : saved.error().text(), saved.ok());
    report_ = *saved;
  }
  ~BackupFolder() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  BackupFolder(const BackupFolder&) = delete;
  BackupFolder& operator=(const BackupFolder&) = delete;

  [[nodiscard]] std::string file() const { return path_ + "/b.z4j"; }
  [[nodiscard]] std::string bytes() const {
    std::ostringstream out;
    out << std::ifstream(file(), std::ios::binary).rdbuf();
    return out.str();
  }
  [[nodiscard]] std::string with(const std::string& bytes) const {
    const std::string other = path_ + "/other.z4j";
    std::ofstream(other, std::ios::binary | std::ios::trunc) << bytes;
    return other;
  }
  testing::TestStore store_;
  BackupReport report_;

 private:
  std::string path_;
};

class CopyTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CopyTest);
  CPPUNIT_TEST(json_counts_by_what_it_says);
  CPPUNIT_TEST(a_copy_holds_the_same_and_takes_its_mark_away);
  CPPUNIT_TEST(a_copy_goes_on_where_it_was_cut_short);
  CPPUNIT_TEST(a_source_that_changed_between_two_runs_is_noticed);
  CPPUNIT_TEST(a_target_with_other_rows_is_refused_unless_told_to_empty_it);
  CPPUNIT_TEST(a_copy_into_itself_is_refused);
  CPPUNIT_TEST(the_audit_chain_of_a_copy_verifies);
  CPPUNIT_TEST(a_backup_comes_back_whole);
  CPPUNIT_TEST(a_backup_never_replaces_a_file);
  CPPUNIT_TEST(a_damaged_backup_changes_nothing);
  CPPUNIT_TEST(a_backup_of_a_newer_program_is_refused);
  CPPUNIT_TEST(a_page_of_any_bytes_is_refused_or_read);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore from_, to_;

  base::Result<CopyReport> copy(Present present = Present::refuse) {
    return copy_store(from_.client(), "copy of a", *to_, to_.client(), present, {});
  }
  static std::string reason(const base::Result<CopyReport>& result) {
    return result ? "" : result.error().text();
  }

 public:
  void json_counts_by_what_it_says() {
    for (const auto& [a, b] :
         {std::pair{R"({"a":1,"b":[true,null]})", R"( {"b" : [true,null], "a":1.0} )"},
          {"1e2", "100.0"},
          {"-0.0", "0"},
          {"123456789012345678901234567890", "1.2345678901234567890123456789E+29"},
          {R"("\u00e9\n")", "\"\xc3\xa9\\n\""},
          {R"("\ud83d\ude00")", "\"\xf0\x9f\x98\x80\""},
          {R"({"a":1,"a":2})", R"({"a":2})"}}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(a, meaning(a), meaning(b));
    }
    for (const auto& [a, b] : {std::pair{"3", "\"3\""},
                               {"[1,2]", "[2,1]"},
                               {"[12]", "[1,2]"},
                               {"{}", "[]"},
                               {"null", "false"},
                               {"0.1", "0.10000000000000001"},
                               {R"(["a","b"])", R"(["a\",\"b"])"},
                               {"1", "-1"}}) {
      CPPUNIT_ASSERT_MESSAGE(a, meaning(a) != meaning(b));
    }
    const std::string deep(5000, '[');
    for (const std::string_view text : {"{", "01", "1.", "[1,]", "\"\\ud800\"", "nul", "", "1 2"})
      CPPUNIT_ASSERT_EQUAL("?" + std::string(text), meaning(text));
    CPPUNIT_ASSERT_EQUAL("?" + deep, meaning(deep));
  }

  void a_copy_holds_the_same_and_takes_its_mark_away() {
    add_letters(*from_, 0, 5000);
    std::uint64_t told = 0;
    const auto done = copy_store(from_.client(), "a", *to_, to_.client(), Present::refuse,
                                 [&](const CopyProgress& p) { told = std::max(told, p.rows); });
    CPPUNIT_ASSERT_MESSAGE(reason(done), done.ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{5000}, done->rows);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{5000}, told);
    CPPUNIT_ASSERT(!done->resumed);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{5000}, to_->count(Table::dead_letters, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, to_->count(Table::meta, {}).value());
  }

  void a_copy_goes_on_where_it_was_cut_short() {
    add_letters(*from_, 0, 5000);
    {
      // As one that was killed leaves its target: marked, with the first rows.
      StoreLoader first(*to_, to_.client(), {});
      CPPUNIT_ASSERT(first.begin("copy of a", Present::refuse).ok());
      add_letters(*to_, 0, 3000);
    }
    CPPUNIT_ASSERT_EQUAL(std::string("copy of a"), unfinished_filling(*to_).value().value());
    const auto other =
        copy_store(from_.client(), "copy of b", *to_, to_.client(), Present::refuse, {});
    CPPUNIT_ASSERT(!other && other.error().code == base::Code::conflict);
    const auto done = copy();
    CPPUNIT_ASSERT_MESSAGE(reason(done), done.ok());
    CPPUNIT_ASSERT(done->resumed);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{5000}, to_->count(Table::dead_letters, {}).value());
    CPPUNIT_ASSERT(!unfinished_filling(*to_).value().has_value());
  }

  void a_source_that_changed_between_two_runs_is_noticed() {
    add_letters(*from_, 10, 100);
    {
      StoreLoader first(*to_, to_.client(), {});
      CPPUNIT_ASSERT(first.begin("copy of a", Present::refuse).ok());
      add_letters(*to_, 0, 60);  // the first ten are gone from the source since
    }
    const auto done = copy();
    CPPUNIT_ASSERT(!done && done.error().code == base::Code::corrupt);
    CPPUNIT_ASSERT(done.error().message.find("dead_letters") != std::string::npos);
    CPPUNIT_ASSERT(unfinished_filling(*to_).value().has_value());
    CPPUNIT_ASSERT(!copy().ok());
    const auto again = copy(Present::remove);
    CPPUNIT_ASSERT_MESSAGE(reason(again), again.ok());
  }

  void a_target_with_other_rows_is_refused_unless_told_to_empty_it() {
    add_letters(*from_, 0, 30);
    add_letters(*to_, 100, 10'000);
    add_letters(*to_, 10'100, 10'500);
    const auto refused = copy();
    CPPUNIT_ASSERT(!refused && refused.error().code == base::Code::conflict);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{20'500}, to_->count(Table::dead_letters, {}).value());
    const auto done = copy(Present::remove);
    CPPUNIT_ASSERT_MESSAGE(reason(done), done.ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{30}, to_->count(Table::dead_letters, {}).value());
  }

  void a_copy_into_itself_is_refused() {
    add_letters(*from_, 0, 30);
    const auto done = copy_store(from_.client(), "a", *from_, from_.client(), Present::remove, {});
    CPPUNIT_ASSERT(!done && done.error().code == base::Code::invalid);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{30}, from_->count(Table::dead_letters, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, from_->count(Table::meta, {}).value());
  }

  void the_audit_chain_of_a_copy_verifies() {
    const base::SystemClock clock;
    Audit audit(*from_, clock, base::Log::quiet(), {.secret = "k", .previous_secrets = {}});
    CPPUNIT_ASSERT(audit.open().ok());
    for (int i = 0; i < 20; ++i) {
      AuditEntry entry;
      entry.action = "test.done";
      entry.target_type = "test";
      entry.metadata = base::json::Object{{"z", i}, {"a", 1.5}};
      audit.record(entry);
    }
    const auto done = copy();
    CPPUNIT_ASSERT_MESSAGE(reason(done), done.ok());
    const auto report =
        Audit(*to_, clock, base::Log::quiet(), {.secret = "k", .previous_secrets = {}}).verify();
    CPPUNIT_ASSERT(report.ok() && report->ok);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{20}, report->rows_verified);
  }

  void a_backup_comes_back_whole() {
    const BackupFolder saved(4500);
    const auto checked = check_backup(saved.file(), {});
    CPPUNIT_ASSERT_MESSAGE(checked ? "" : checked.error().text(), checked.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("9.9.9"), checked->program);
    const auto restored = restore_store(saved.file(), *to_, to_.client(), Present::refuse, {});
    CPPUNIT_ASSERT_MESSAGE(restored ? "" : restored.error().text(), restored.ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{4500}, restored->rows);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{4500}, to_->count(Table::dead_letters, {}).value());
    const auto again = restore_store(saved.file(), *to_, to_.client(), Present::refuse, {});
    CPPUNIT_ASSERT(!again && again.error().code == base::Code::conflict);
    CPPUNIT_ASSERT(restore_store(saved.file(), *to_, to_.client(), Present::remove, {}).ok());
  }

  void a_backup_never_replaces_a_file() {
    const BackupFolder saved(3);
    const std::string before = saved.bytes();
    const auto again = backup_store(from_.client(), saved.file(), "1", 0, {});
    CPPUNIT_ASSERT(!again && again.error().code == base::Code::conflict);
    CPPUNIT_ASSERT(before == saved.bytes());
    CPPUNIT_ASSERT(!std::filesystem::exists(saved.file() + ".part"));
    const auto mode = std::filesystem::status(saved.file()).permissions();
    CPPUNIT_ASSERT(mode ==
                   (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    // What a killed run left is written over.
    std::ofstream(saved.file() + "2.part") << std::string(100'000, 'x');
    CPPUNIT_ASSERT(backup_store(from_.client(), saved.file() + "2", "1", 0, {}).ok());
    CPPUNIT_ASSERT(check_backup(saved.file() + "2", {}).ok());
  }

  void a_damaged_backup_changes_nothing() {
    const BackupFolder saved(600);
    const std::string good = saved.bytes();
    for (std::size_t cut = 0; cut < good.size(); cut += 1 + good.size() / 97)
      CPPUNIT_ASSERT(!check_backup(saved.with(good.substr(0, cut)), {}).ok());
    for (std::size_t at = 0; at < good.size(); at += 1 + good.size() / 499) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0x41);
      CPPUNIT_ASSERT(!restore_store(saved.with(bad), *to_, to_.client(), Present::remove, {}).ok());
    }
    CPPUNIT_ASSERT(!check_backup(saved.with(good + "x"), {}).ok());
    CPPUNIT_ASSERT(!check_backup("/nonexistent/file", {}).ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, to_->count(Table::dead_letters, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, to_->count(Table::meta, {}).value());
  }

  void a_backup_of_a_newer_program_is_refused() {
    const std::string later = R"({"format":1,"schema":999999,"tables":[]})";
    const auto refused = check_backup_about(later);
    CPPUNIT_ASSERT(!refused && refused.error().code == base::Code::unsupported);
    const auto stranger = check_backup_about(
        R"({"format":1,"schema":1,"tables":[{"name":"meta","columns":[["key","INT"]]}]})");
    CPPUNIT_ASSERT(!stranger && stranger.error().code == base::Code::corrupt);
  }

  void a_page_of_any_bytes_is_refused_or_read() {
    for (unsigned seed = 0; seed < 3000; ++seed) {
      RowPage page{.table = Table::events, .columns = 1 + seed % 20, .rows = seed % 7, .bytes = {}};
      for (unsigned i = 0; i < seed % 120; ++i)
        page.bytes +=
            static_cast<char>((seed * 2654435761u + i * 40503u) >> 13 & (i % 3 ? 3 : 255));
      (void)insertable(page);
      (void)RowKey::last_of(page);
      TableSummer summer;
      (void)summer.add(page);
    }
  }

 private:
  // A file that begins by saying so of itself.
  static base::Result<BackupReader> check_backup_about(const std::string& about) {
    return BackupReader::open(
        std::make_unique<std::istringstream>(std::string(testing::kBackupBegin) +
                                             testing::backup_frame('M', 0, 0, about)),
        "test");
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CopyTest);

}  // namespace
}  // namespace z4j::core
