#include "lib/database/database.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "private_postgres.hpp"

namespace {

using namespace z4j::database;

class DatabaseTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DatabaseTest);
  CPPUNIT_TEST(reads_addresses);
  CPPUNIT_TEST(repeats_no_password);
  CPPUNIT_TEST(makes_no_file);
  CPPUNIT_TEST(keeps_rows_in_sqlite);
  CPPUNIT_TEST(follows_a_file_that_was_replaced);
  CPPUNIT_TEST(keeps_rows_in_postgresql);
  CPPUNIT_TEST(says_busy_when_locked);
  CPPUNIT_TEST(comes_back_after_a_restart);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    folder_ = (std::filesystem::temp_directory_path() / "z4j_database_XXXXXX").string();
    CPPUNIT_ASSERT(::mkdtemp(folder_.data()) != nullptr);
  }
  void tearDown() override { std::filesystem::remove_all(folder_); }

 private:
  static Options options_of(const std::string& url, int timeout_ms) {
    return Options{read_address(url), {}, timeout_ms};
  }
  static z4j_status code_of(const std::function<void()>& what) {
    try {
      what();
    } catch (const z4j::Error& e) {
      return e.code;
    }
    return Z4J_OK;
  }

  void reads_addresses() {
    const Address file = read_address("sqlite:////srv/db.sqlite3");
    CPPUNIT_ASSERT_EQUAL(std::string("/srv/db.sqlite3"), file.connect);
    const Address server = read_address("postgresql://u:hush@db.example:5433/shop?sslmode=require");
    CPPUNIT_ASSERT(server.kind == Kind::postgresql);
    CPPUNIT_ASSERT_EQUAL(std::string("PostgreSQL at db.example:5433/shop"), server.shown);
    for (const char* bad : {"", "mysql://h/x", "sqlite:///", "postgresql://h", "sqlite:///a\"b"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, z4j_status{Z4J_BAD_CONFIG},
                                   code_of([&] { static_cast<void>(read_address(bad)); }));
  }

  void repeats_no_password() {
    try {
      static_cast<void>(read_address("postgresql://u:hush@h:port/x"));
      Session session(options_of("postgresql://u:hush@127.0.0.1:1/x", 1000));
      session.open();
      CPPUNIT_FAIL("connected");
    } catch (const z4j::Error& e) {
      CPPUNIT_ASSERT(std::string(e.what()).find("hush") == std::string::npos);
    }
  }

  void makes_no_file() {
    const std::string path = folder_ + "/absent.sqlite3";
    Session session(options_of("sqlite:///" + path, 1000));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE}, code_of([&] { session.open(); }));
    CPPUNIT_ASSERT(!std::filesystem::exists(path));
    std::ofstream(path)
        << "this is no database, whatever its name says; it is longer than a header";
    Session other(options_of("sqlite:///" + path, 1000));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_CORRUPT}, code_of([&] { other.open(); }));
  }

  static void keeps_rows(Session& s) {
    s.change(
        "CREATE TABLE things (id integer PRIMARY KEY, name varchar(20) NOT NULL UNIQUE, at text "
        "NULL)");
    {
      Transaction t(s);
      CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, s.change("INSERT INTO things VALUES (:p1,:p2,:p3)",
                                                     {"1", "a:b 'c'", Text()}));
      s.change("INSERT INTO things VALUES (2,:p1,:p2)", {"second", "x"});
      t.commit();
    }
    {
      Transaction given_up(s);
      s.change("DELETE FROM things");
    }
    const auto rows = s.read("SELECT CAST(id AS TEXT),name,at FROM things ORDER BY id", {}, 3);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, rows.size());
    CPPUNIT_ASSERT_EQUAL(std::string("a:b 'c'"), *rows[0][1]);
    CPPUNIT_ASSERT(!rows[0][2] && rows[1][2]);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_CONFLICT},
                         code_of([&] { s.change("INSERT INTO things VALUES (3,'second',NULL)"); }));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_TOO_LARGE}, code_of([&] {
                           static_cast<void>(s.read("SELECT name FROM things", {}, 1, 1));
                         }));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG}, code_of([&] {
                           static_cast<void>(s.read("SELECT name FROM absent", {}, 1));
                         }));
    // A failed statement leaves nothing behind.
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, s.read("SELECT name FROM things", {}, 1).size());
  }
  void keeps_rows_in_sqlite() {
    std::ofstream(folder_ + "/db.sqlite3");
    Session session(options_of("sqlite:///" + folder_ + "/db.sqlite3", 1000));
    keeps_rows(session);
  }
  void follows_a_file_that_was_replaced() {
    const std::string path = folder_ + "/db.sqlite3";
    std::ofstream(path).close();
    Session session(options_of("sqlite:///" + path, 1000));
    session.change("CREATE TABLE old (x integer)");
    std::filesystem::rename(path, path + ".old");
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE}, code_of([&] { session.open(); }));
    std::ofstream(path).close();
    Session other(options_of("sqlite:///" + path, 1000));
    other.change("CREATE TABLE fresh (x integer)");
    std::filesystem::rename(path + ".old", path);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG}, code_of([&] {
                           static_cast<void>(other.read("SELECT 'x' FROM fresh", {}, 1));
                         }));
    CPPUNIT_ASSERT(other.read("SELECT 'x' FROM old", {}, 1).empty());
  }
  void keeps_rows_in_postgresql() {
    Session session(options_of(z4j::testing::PrivatePostgres::shared().url(), 5000));
    keeps_rows(session);
    session.change("DROP TABLE things");
  }

  void says_busy_when_locked() {
    std::ofstream(folder_ + "/db.sqlite3");
    const Options options{read_address("sqlite:///" + folder_ + "/db.sqlite3"), {}, 1000};
    Session one(options), two(options);
    const Transaction held(one);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BUSY}, code_of([&] { const Transaction t(two); }));
  }

  void comes_back_after_a_restart() {
    z4j::testing::PrivatePostgres server;
    Session session(options_of(server.url(), 5000));
    session.open();
    server.stop(SIGINT);
    server.start();
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE},
                         code_of([&] { static_cast<void>(session.read("SELECT '1'", {}, 1)); }));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, session.read("SELECT '1'", {}, 1).size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, session.generation());
  }

  std::string folder_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(DatabaseTest);

}  // namespace
