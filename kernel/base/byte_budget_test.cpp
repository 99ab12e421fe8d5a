#include "base/byte_budget.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace z4j::base {
namespace {

class ByteBudgetTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ByteBudgetTest);
  CPPUNIT_TEST(refuses_what_does_not_fit_and_keeps_what_did);
  CPPUNIT_TEST(refuses_a_request_larger_than_the_whole_limit);
  CPPUNIT_TEST(moved_reservation_gives_its_bytes_back_once);
  CPPUNIT_TEST(assigning_over_a_reservation_gives_the_old_bytes_back);
  CPPUNIT_TEST(is_under_pressure_only_above_the_high_water_mark);
  CPPUNIT_TEST(never_exceeds_its_limit_with_many_threads);
  CPPUNIT_TEST_EXCEPTION(refuses_a_high_water_mark_of_zero, std::invalid_argument);
  CPPUNIT_TEST_SUITE_END();

 public:
  void refuses_what_does_not_fit_and_keeps_what_did() {
    ByteBudget budget(100);
    const auto first = budget.reserve(60);
    CPPUNIT_ASSERT(first.has_value());
    CPPUNIT_ASSERT(!budget.reserve(41).has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{60}, budget.used_bytes());
    CPPUNIT_ASSERT(budget.reserve(40).has_value());
  }

  void refuses_a_request_larger_than_the_whole_limit() {
    ByteBudget budget(100);
    CPPUNIT_ASSERT(!budget.reserve(static_cast<std::size_t>(-1)).has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, budget.used_bytes());
  }

  void moved_reservation_gives_its_bytes_back_once() {
    ByteBudget budget(100);
    {
      auto reserved = budget.reserve(30);
      const ByteBudget::Reservation moved = std::move(*reserved);
      CPPUNIT_ASSERT_EQUAL(std::size_t{30}, moved.bytes());
      reserved.reset();
      CPPUNIT_ASSERT_EQUAL(std::size_t{30}, budget.used_bytes());
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, budget.used_bytes());
  }

  void assigning_over_a_reservation_gives_the_old_bytes_back() {
    ByteBudget budget(100);
    auto kept = budget.reserve(10);
    kept = budget.reserve(25);
    CPPUNIT_ASSERT_EQUAL(std::size_t{25}, budget.used_bytes());
  }

  void is_under_pressure_only_above_the_high_water_mark() {
    ByteBudget budget(100, 0.5);
    const auto half = budget.reserve(50);
    CPPUNIT_ASSERT(!budget.under_pressure());
    const auto more = budget.reserve(1);
    CPPUNIT_ASSERT(budget.under_pressure());
  }

  void never_exceeds_its_limit_with_many_threads() {
    ByteBudget budget(1000);
    std::atomic<bool> exceeded = false;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5000; ++i) {
          const auto reserved = budget.reserve(300);
          if (budget.used_bytes() > budget.limit_bytes()) exceeded = true;
        }
      });
    }
    threads.clear();
    CPPUNIT_ASSERT(!exceeded);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, budget.used_bytes());
  }

  void refuses_a_high_water_mark_of_zero() { ByteBudget budget(100, 0.0); }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ByteBudgetTest);

}  // namespace
}  // namespace z4j::base
