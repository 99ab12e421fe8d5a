#include "plugin/op_table.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

namespace z4j::plugin {
namespace {

base::Error error_of(base::Code code) {
  base::Error error;
  error.code = code;
  return error;
}

// What an op came to, and how often it was told.
struct Told {
  std::mutex mutex;
  std::optional<base::Result<std::string>> result;
  OpTable::How how = OpTable::How::answered;
  int times = 0;

  OpTable::Done done() {
    return [this](base::Result<std::string> r, OpTable::How h, z4j_op) {
      const std::lock_guard lock(mutex);
      result = std::move(r);
      how = h;
      ++times;
    };
  }
  bool wait() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < until) {
      {
        const std::lock_guard lock(mutex);
        if (times > 0) return true;
      }
      std::this_thread::yield();
    }
    return false;
  }
};

class OpTableTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(OpTableTest);
  CPPUNIT_TEST(first_answer_is_told_once_and_the_second_is_recognised);
  CPPUNIT_TEST(an_op_of_another_owner_is_foreign);
  CPPUNIT_TEST(an_id_that_was_never_given_is_foreign);
  CPPUNIT_TEST(deadline_answers_and_what_it_keeps_lives_until_the_late_answer);
  CPPUNIT_TEST(deadline_before_begin_owes_nothing);
  CPPUNIT_TEST(abandon_leaves_begun_ops_owed_until_forgotten);
  CPPUNIT_TEST(a_lost_owner_owes_nothing_and_what_it_had_may_have_happened);
  CPPUNIT_TEST(cancel_marks_each_begun_op_once);
  CPPUNIT_TEST(too_many_open_ops_are_refused_as_busy);
  CPPUNIT_TEST(racing_answers_are_told_once);
  CPPUNIT_TEST_SUITE_END();

  base::ManualClock clock_{1'000'000'000};
  OpTable ops_{clock_};
  int owner_ = 0, other_ = 0;

  z4j_op begun(Told& told, int deadline_ms = 60'000, std::shared_ptr<void> keep = {}) {
    const auto op = ops_.open(&owner_, deadline_ms, error_of(base::Code::timeout), told.done(),
                              std::move(keep));
    CPPUNIT_ASSERT(op.ok());
    CPPUNIT_ASSERT(ops_.begin(*op, error_of(base::Code::unknown)));
    return *op;
  }

 public:
  void first_answer_is_told_once_and_the_second_is_recognised() {
    Told told;
    const z4j_op op = begun(told);
    CPPUNIT_ASSERT(ops_.complete(&owner_, op, std::string("yes")) == OpTable::Verdict::answered);
    CPPUNIT_ASSERT(ops_.complete(&owner_, op, std::string("no")) == OpTable::Verdict::again);
    CPPUNIT_ASSERT_EQUAL(1, told.times);
    CPPUNIT_ASSERT_EQUAL(std::string("yes"), told.result->value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, ops_.counts(&owner_).open);
  }

  void a_lost_owner_owes_nothing_and_what_it_had_may_have_happened() {
    Told had, read, waiting, owed;
    (void)begun(had);
    const auto reading = ops_.open(&owner_, 60'000, error_of(base::Code::timeout), read.done(), {});
    CPPUNIT_ASSERT(ops_.begin(*reading, error_of(base::Code::timeout)));
    (void)ops_.open(&owner_, 60'000, error_of(base::Code::timeout), waiting.done(), {});
    (void)begun(owed, 100);
    clock_.advance(200'000);
    CPPUNIT_ASSERT(owed.wait());
    ops_.lose(&owner_, error_of(base::Code::unavailable));
    CPPUNIT_ASSERT(had.result->error().code == base::Code::unknown);
    CPPUNIT_ASSERT(read.result->error().code == base::Code::unavailable);
    CPPUNIT_ASSERT(waiting.result->error().code == base::Code::unavailable);
    const OpTable::Counts counts = ops_.counts(&owner_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, counts.open + counts.owed);
  }

  void an_op_of_another_owner_is_foreign() {
    Told told;
    const z4j_op op = begun(told);
    CPPUNIT_ASSERT(ops_.complete(&other_, op, std::string()) == OpTable::Verdict::foreign);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, ops_.remaining_ms(&other_, op));
    CPPUNIT_ASSERT(ops_.cancelled(&other_, op));
    CPPUNIT_ASSERT_EQUAL(0, told.times);
    CPPUNIT_ASSERT(ops_.complete(&owner_, op, std::string()) == OpTable::Verdict::answered);
  }

  void an_id_that_was_never_given_is_foreign() {
    for (const z4j_op op : {z4j_op{0}, z4j_op{77}, ~z4j_op{0}, z4j_op{5} << 32}) {
      CPPUNIT_ASSERT(ops_.complete(&owner_, op, std::string()) == OpTable::Verdict::foreign);
    }
  }

  void deadline_answers_and_what_it_keeps_lives_until_the_late_answer() {
    Told told;
    const auto keep = std::make_shared<int>(1);
    const z4j_op op = begun(told, 100, keep);
    CPPUNIT_ASSERT(ops_.remaining_ms(&owner_, op) > 0);
    clock_.advance(200'000);
    CPPUNIT_ASSERT(told.wait());
    CPPUNIT_ASSERT(told.how == OpTable::How::expired);
    CPPUNIT_ASSERT(told.result->error().code == base::Code::unknown);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, ops_.counts(&owner_).owed);
    CPPUNIT_ASSERT_EQUAL(2L, keep.use_count());
    CPPUNIT_ASSERT(ops_.complete(&owner_, op, std::string("late")) == OpTable::Verdict::late);
    CPPUNIT_ASSERT_EQUAL(1, told.times);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, ops_.counts(&owner_).owed);
    CPPUNIT_ASSERT_EQUAL(1L, keep.use_count());
  }

  void deadline_before_begin_owes_nothing() {
    Told told;
    const auto op = ops_.open(&owner_, 100, error_of(base::Code::timeout), told.done());
    clock_.advance(200'000);
    CPPUNIT_ASSERT(told.wait());
    CPPUNIT_ASSERT(told.result->error().code == base::Code::timeout);
    CPPUNIT_ASSERT(!ops_.begin(*op, error_of(base::Code::unknown)));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, ops_.counts(&owner_).owed);
    CPPUNIT_ASSERT(ops_.wait_idle(&owner_, 0));
  }

  void abandon_leaves_begun_ops_owed_until_forgotten() {
    Told waiting, running;
    const auto op = ops_.open(&owner_, 60'000, error_of(base::Code::timeout), waiting.done());
    CPPUNIT_ASSERT(op.ok());
    begun(running);
    ops_.abandon(&owner_, OpTable::Which::waiting, error_of(base::Code::cancelled));
    CPPUNIT_ASSERT_EQUAL(1, waiting.times);
    CPPUNIT_ASSERT_EQUAL(0, running.times);
    ops_.abandon(&owner_, OpTable::Which::all, error_of(base::Code::cancelled));
    CPPUNIT_ASSERT_EQUAL(1, running.times);
    CPPUNIT_ASSERT(running.how == OpTable::How::abandoned);
    CPPUNIT_ASSERT(!ops_.wait_idle(&owner_, 0));
    ops_.forget(&owner_);
    CPPUNIT_ASSERT(ops_.wait_idle(&owner_, 0));
  }

  void cancel_marks_each_begun_op_once() {
    Told told;
    const z4j_op op = begun(told);
    CPPUNIT_ASSERT(!ops_.cancelled(&owner_, op));
    const std::vector<z4j_op> marked = ops_.cancel(&owner_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, marked.size());
    CPPUNIT_ASSERT_EQUAL(op, marked[0]);
    CPPUNIT_ASSERT(ops_.cancelled(&owner_, op));
    CPPUNIT_ASSERT(ops_.cancel(&owner_).empty());
    CPPUNIT_ASSERT_EQUAL(0, told.times);
    CPPUNIT_ASSERT(ops_.complete(&owner_, op, error_of(base::Code::cancelled)) ==
                   OpTable::Verdict::answered);
  }

  void too_many_open_ops_are_refused_as_busy() {
    Told told;
    for (std::size_t i = 0; i < OpTable::kMaxOpenPerOwner; ++i) begun(told);
    const auto one_more = ops_.open(&owner_, 1000, {}, told.done());
    CPPUNIT_ASSERT(!one_more);
    CPPUNIT_ASSERT(one_more.error().code == base::Code::busy);
    CPPUNIT_ASSERT(ops_.open(&other_, 1000, {}, told.done()).ok());
  }

  void racing_answers_are_told_once() {
    for (int round = 0; round < 200; ++round) {
      Told told;
      const z4j_op op = begun(told);
      std::atomic<int> accepted{0};
      std::vector<std::thread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          if (ops_.complete(&owner_, op, std::string()) == OpTable::Verdict::answered) ++accepted;
        });
      }
      for (std::thread& t : threads) t.join();
      CPPUNIT_ASSERT_EQUAL(1, accepted.load());
      CPPUNIT_ASSERT_EQUAL(1, told.times);
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(OpTableTest);

}  // namespace
}  // namespace z4j::plugin
