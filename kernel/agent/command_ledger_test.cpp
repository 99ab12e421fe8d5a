#include "agent/command_ledger.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/backoff.hpp"

namespace z4j::agent {
namespace {

using Seen = CommandLedger::Seen;

class CommandLedgerTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CommandLedgerTest);
  CPPUNIT_TEST(a_command_is_run_once);
  CPPUNIT_TEST(a_restart_remembers_ends_and_beginnings);
  CPPUNIT_TEST(results_are_told_until_they_were);
  CPPUNIT_TEST(what_was_told_just_before_the_end_is_told_again);
  CPPUNIT_TEST(torn_and_foreign_lines_are_left_out);
  CPPUNIT_TEST(the_file_stays_short);
  CPPUNIT_TEST(a_folder_that_cannot_be_written_is_told);
  CPPUNIT_TEST(waits_double_up_to_their_cap);
  CPPUNIT_TEST_SUITE_END();

  std::string folder_;
  base::ManualClock clock_{1'800'000'000 * base::kSecondUs};

  std::unique_ptr<CommandLedger> open() {
    auto made = CommandLedger::open(folder_ + "/commands.log", clock_, base::Log::quiet());
    CPPUNIT_ASSERT(made);
    return std::move(made).value();
  }

 public:
  void setUp() override {
    char name[] = "/tmp/z4j_ledger_XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void tearDown() override { std::filesystem::remove_all(folder_); }

  void a_command_is_run_once() {
    const auto ledger = open();
    CPPUNIT_ASSERT(ledger->begin("a") == Seen::fresh);
    CPPUNIT_ASSERT(ledger->begin("a") == Seen::running);
    ledger->finish("a", "{\"status\":\"success\"}");
    CPPUNIT_ASSERT(ledger->begin("a") == Seen::finished);
    CPPUNIT_ASSERT_EQUAL(std::string("{\"status\":\"success\"}"), ledger->result("a").value());
  }

  void a_restart_remembers_ends_and_beginnings() {
    {
      const auto ledger = open();
      (void)ledger->begin("done");
      ledger->finish("done", "{}");
      (void)ledger->begin("begun");
    }
    for (int round = 0; round < 2; ++round) {
      const auto ledger = open();
      CPPUNIT_ASSERT(ledger->begin("done") == Seen::finished);
      CPPUNIT_ASSERT(ledger->begin("begun") == Seen::interrupted);
      CPPUNIT_ASSERT(ledger->begin("new" + std::to_string(round)) == Seen::fresh);
    }
  }

  void results_are_told_until_they_were() {
    {
      const auto ledger = open();
      for (const char* id : {"a", "b"}) {
        (void)ledger->begin(id);
        ledger->finish(id, std::string("\"") + id + "\"");
      }
      ledger->sent("a");
    }
    const auto ledger = open();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, ledger->unsent().size());
    CPPUNIT_ASSERT_EQUAL(std::string("\"b\""), ledger->unsent().at(0).second);
  }

  void what_was_told_just_before_the_end_is_told_again() {
    const auto ledger = open();
    for (const char* id : {"early", "late"}) {
      (void)ledger->begin(id);
      ledger->finish(id, "{}");
      ledger->sent(id);
      clock_.advance(9 * base::kSecondUs);
    }
    CPPUNIT_ASSERT(ledger->unsent().empty());
    ledger->connection_lost();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, ledger->unsent().size());
    CPPUNIT_ASSERT_EQUAL(std::string("late"), ledger->unsent().at(0).first);
  }

  void torn_and_foreign_lines_are_left_out() {
    {
      const auto ledger = open();
      (void)ledger->begin("a");
      ledger->finish("a", "{}");
    }
    std::ofstream(folder_ + "/commands.log", std::ios::app)
        << "[1]\n{\"id\":7}\nnothing\n{\"id\":\"b\",\"state\":\"fin";
    const auto ledger = open();
    CPPUNIT_ASSERT(ledger->begin("a") == Seen::finished);
    CPPUNIT_ASSERT(ledger->begin("b") == Seen::fresh);
  }

  void the_file_stays_short() {
    const auto ledger = open();
    for (int i = 0; i < 12'000; ++i) {
      const std::string id = std::to_string(i);
      (void)ledger->begin(id);
      ledger->finish(id, "{}");
      ledger->sent(id);
    }
    CPPUNIT_ASSERT(!ledger->result("0"));
    CPPUNIT_ASSERT(ledger->result("11999"));
    CPPUNIT_ASSERT(std::filesystem::file_size(folder_ + "/commands.log") < 4u << 20);
    clock_.advance(2 * base::kDayUs);
    CPPUNIT_ASSERT(ledger->begin("next day") == Seen::fresh);
    CPPUNIT_ASSERT(!ledger->result("11999"));
  }

  void a_folder_that_cannot_be_written_is_told() {
    const auto made =
        CommandLedger::open(folder_ + "/none/commands.log", clock_, base::Log::quiet());
    CPPUNIT_ASSERT(!made && made.error().code == base::Code::bad_config);
  }

  void waits_double_up_to_their_cap() {
    double extra = 0;
    Backoff backoff([&] { return extra; });
    std::string seconds;
    for (int i = 0; i < 7; ++i)
      seconds += std::to_string(backoff.next_ms(FailureClass::connection) / 1000) + " ";
    CPPUNIT_ASSERT_EQUAL(std::string("1 2 4 8 16 30 30 "), seconds);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, backoff.streak(FailureClass::connection));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{10'000}, backoff.next_ms(FailureClass::auth));
    extra = 0.5;
    CPPUNIT_ASSERT_EQUAL(std::int64_t{138'000}, backoff.next_ms(FailureClass::incompatible));
    backoff.reset();
    extra = 0;
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1'000}, backoff.next_ms(FailureClass::protocol));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, backoff.streak(FailureClass::connection));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CommandLedgerTest);

}  // namespace
}  // namespace z4j::agent
