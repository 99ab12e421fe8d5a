// What happens to a database file: kill -9 in mid-commit, damage, a full disk, a second process, a
// newer program. Children are forked while this process has no thread of its own beside the test's.
#include <cppunit/extensions/HelperMacros.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "kernel_rows.hpp"
#include "raw_rows.hpp"
#include "storage_bench.hpp"

namespace z4j::contract {
namespace {

using Session = plugin::StorageClient::Session;

// A forked child that runs `body` with a pipe to this process; killed, if it still lives, and
// reaped.
class Child {
 public:
  explicit Child(const std::function<void(int to_parent)>& body) {
    int fds[2];
    if (::pipe(fds) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork");
    if (pid_ == 0) {
      ::close(fds[0]);
      try {
        body(fds[1]);
      } catch (const std::exception& e) {
        say(fds[1], std::string("threw: ") + e.what());
      }
      ::_exit(0);
    }
    ::close(fds[1]);
    from_ = fds[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill();
    ::close(from_);
  }
  static void say(int to, const std::string& line) {
    const std::string whole = line + "\n";
    if (::write(to, whole.data(), whole.size()) < 0) ::_exit(1);
  }
  // The next line; "" at the end.
  std::string line() {
    std::string out;
    char c = 0;
    while (::read(from_, &c, 1) == 1 && c != '\n') out += c;
    return out;
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = -1;
  int from_ = -1;
};

class Folder {
 public:
  Folder() {
    path_ = (std::filesystem::temp_directory_path() / "z4j_sqlite_XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp");
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file() const { return path_ + "/test.sqlite"; }

 private:
  std::string path_;
};

std::unique_ptr<Session> writer(Bench& bench) {
  if (auto done = bench.client().migrate(raw::schema(), false, 60'000); !done)
    throw std::runtime_error(done.error().text());
  return bench.client().open(Z4J_SESSION_WRITE).value();
}

// 200 log lines, and one counter that must agree with them.
std::vector<raw::Step> batch(std::int64_t number) {
  raw::Step log, counter;
  log.verb = Z4J_STEP_INSERT_NEW;
  log.table = raw::kLog;
  log.columns = {raw::kLogTime, raw::kLogId, raw::kLogText};
  for (std::int64_t i = 0; i < 200; ++i) log.lines.push_back({number, i, std::string(300, 'x')});
  log.expect_min = 200;
  counter.verb = Z4J_STEP_MERGE;
  counter.columns = {raw::kId, raw::kSum};
  counter.lines = {{std::int64_t{1}, std::int64_t{200}}};
  return {log, counter};
}

std::int64_t log_lines(Session& session) {
  raw::Query query;
  query.table = raw::kLog;
  query.outs = {{0, Z4J_AGG_COUNT, 0}};
  return std::get<std::int64_t>(raw::read(session, query).lines.at(0).at(0));
}

std::int64_t counted(Session& session) {
  raw::Query query;
  query.outs = {{raw::kSum, 0, 0}};
  const auto lines = raw::read(session, query).lines;
  return lines.empty() ? 0 : std::get<std::int64_t>(lines[0][0]);
}

std::string refusal_of(const std::string& folder) {
  try {
    Bench bench(Sqlite::kPlugin, folder);
    const auto session = writer(bench);
    raw::Query query;
    query.order = {raw::kId};
    const raw::Answer answer = raw::read(*session, query);
    return answer.text;
  } catch (const std::runtime_error& e) {
    return e.what();
  }
}

class StorageSqliteTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(StorageSqliteTest);
  CPPUNIT_TEST(killed_in_mid_commit_it_keeps_what_was_acknowledged_whole);
  CPPUNIT_TEST(s48_a_migration_killed_half_way_is_resumed);
  CPPUNIT_TEST(a_damaged_file_is_one_clear_error);
  CPPUNIT_TEST(a_full_disk_is_refused_and_recovers_by_itself);
  CPPUNIT_TEST(a_second_process_is_refused);
  CPPUNIT_TEST(a_newer_store_is_refused_after_a_restart);
  CPPUNIT_TEST(a_path_that_cannot_be_written_says_what_to_do);
  CPPUNIT_TEST(the_file_is_its_owners_alone);
  CPPUNIT_TEST_SUITE_END();

  void assert_says(const std::string& said, std::initializer_list<const char*> words) {
    for (const char* word : words)
      CPPUNIT_ASSERT_MESSAGE(said + " lacks: " + word, said.find(word) != std::string::npos);
  }

 public:
  void killed_in_mid_commit_it_keeps_what_was_acknowledged_whole() {
    const Folder folder;
    std::mt19937 random(7);
    std::int64_t acknowledged = 0;
    for (int round = 0; round < 12; ++round) {
      Child child([&](int out) {
        Bench bench(Sqlite::kPlugin, folder.path());
        const auto session = writer(bench);
        for (std::int64_t n = log_lines(*session) / 200;; ++n) {
          if (!raw::commit(*session, batch(n)).ok()) break;
          Child::say(out, std::to_string(n));
        }
      });
      for (std::uint32_t n = 1 + static_cast<std::uint32_t>(random() % 8); n > 0; --n) {
        const std::string line = child.line();
        CPPUNIT_ASSERT_MESSAGE(line, !line.empty() && line.find("threw") == std::string::npos);
        acknowledged = std::stoll(line) + 1;
      }
      child.kill();
      Bench bench(Sqlite::kPlugin, folder.path());
      const auto session = writer(bench);
      const std::int64_t lines = log_lines(*session);
      CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, lines % 200);
      CPPUNIT_ASSERT(lines >= acknowledged * 200);
      CPPUNIT_ASSERT_EQUAL(lines, counted(*session));
      // The sender does not know what was kept and sends its last batch again: nothing is counted
      // twice.
      const raw::Done again = raw::commit(*session, batch(acknowledged - 1));
      CPPUNIT_ASSERT(again.code == base::Code::conflict);
      CPPUNIT_ASSERT_EQUAL(lines, counted(*session));
    }
  }

  void s48_a_migration_killed_half_way_is_resumed() {
    for (int round = 0; round < 8; ++round) {
      const Folder folder;
      {
        Child child([&](int out) {
          Bench bench(Sqlite::kPlugin, folder.path());
          Child::say(out, "start");
          [[maybe_unused]] const auto done = bench.client().migrate(model::schema(), false, 60'000);
        });
        CPPUNIT_ASSERT_EQUAL(std::string("start"), child.line());
        ::usleep(static_cast<useconds_t>(round * 1500));  // where it is struck is left to chance
        child.kill();
      }
      Bench bench(Sqlite::kPlugin, folder.path());
      Rows rows(Table::projects);
      project_row(rows, kProject, "p");
      const base::Status done = bench.store().commit(Commit().insert(std::move(rows)));
      CPPUNIT_ASSERT_MESSAGE(text_of(done), done.ok());
      const auto report = bench.client().migrate(model::schema(), true, 60'000);
      CPPUNIT_ASSERT(report->find("\"steps\":[]") != std::string::npos);
    }
  }

  void a_damaged_file_is_one_clear_error() {
    const Folder text;
    std::ofstream(text.file()) << std::string(8192, 'x');
    assert_says(refusal_of(text.path()), {"damaged or not an SQLite database", "restore a backup"});

    const Folder damaged;
    {
      Bench bench(Sqlite::kPlugin, damaged.path());
      const auto session = writer(bench);
      for (std::int64_t n = 0; n < 20; ++n) CPPUNIT_ASSERT(raw::commit(*session, batch(n)).ok());
    }
    {
      std::fstream file(damaged.file(), std::ios::binary | std::ios::in | std::ios::out);
      for (std::streamoff page = 1; page < 40; ++page) {
        file.seekp(page * 4096);
        file << std::string(4096, '\xee');
      }
    }
    assert_says(refusal_of(damaged.path()), {"damaged", "restore a backup"});
  }

  void a_full_disk_is_refused_and_recovers_by_itself() {
    const Folder folder;
    Child child([&](int out) {
      std::signal(SIGXFSZ, SIG_IGN);
      Bench bench(Sqlite::kPlugin, folder.path());
      const auto session = writer(bench);
      const rlimit tight{1u << 20, RLIM_INFINITY}, wide{RLIM_INFINITY, RLIM_INFINITY};
      ::setrlimit(RLIMIT_FSIZE, &tight);
      std::int64_t n = 0;
      raw::Done done;
      while (n < 1000 && (done = raw::commit(*session, batch(n))).ok()) ++n;
      Child::say(out, std::to_string(n) + " " + std::to_string(static_cast<int>(done.code)) + " " +
                          done.text);
      const bool whole =
          log_lines(*session) == n * 200 && counted(*session) == n * 200;  // reads go on
      ::setrlimit(RLIMIT_FSIZE, &wide);
      const raw::Done after = raw::commit(*session, batch(n));
      Child::say(out, std::string(whole ? "whole" : "torn") +
                          (after.ok() ? " recovered" : " " + after.text));
    });
    const std::string said = child.line();
    assert_says(said, {" 203 ", "nothing of this was stored"});
    CPPUNIT_ASSERT_EQUAL(std::string("whole recovered"), child.line());
  }

  void a_second_process_is_refused() {
    const Folder folder;
    Child child([&](int out) {
      Bench bench(Sqlite::kPlugin, folder.path());
      Child::say(out, std::to_string(::getpid()));
      ::pause();
    });
    const std::string pid = child.line();
    assert_says(refusal_of(folder.path()), {"another brain uses this database",
                                            ("(pid " + pid + ")").c_str(), "another path"});
    child.kill();
    CPPUNIT_ASSERT_EQUAL(std::string(), refusal_of(folder.path()));  // no lock is left behind
  }

  void a_newer_store_is_refused_after_a_restart() {
    const Folder folder;
    {
      Bench bench(Sqlite::kPlugin, folder.path());
      CPPUNIT_ASSERT(bench.client().migrate(raw::schema(2), false, 60'000).ok());
    }
    assert_says(refusal_of(folder.path()),
                {"written by a newer program", "schema 2", "start the newer program"});
  }

  void a_path_that_cannot_be_written_says_what_to_do() {
    assert_says(refusal_of("/nonexistent/folder"), {"folder does not exist", "create it"});
    const Folder folder;
    std::filesystem::create_directory(folder.file());
    assert_says(refusal_of(folder.path()), {"test.sqlite", "check the path"});
  }

  void the_file_is_its_owners_alone() {
    const Folder folder;
    CPPUNIT_ASSERT_EQUAL(std::string(), refusal_of(folder.path()));
    using std::filesystem::perms;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      const perms others = entry.status().permissions() & (perms::group_all | perms::others_all);
      CPPUNIT_ASSERT_MESSAGE(entry.path().string(), others == perms::none);
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StorageSqliteTest);

}  // namespace
}  // namespace z4j::contract
