#include "core/leases.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>

#include "core/testing/test_store.hpp"

namespace z4j::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class LeasesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LeasesTest);
  CPPUNIT_TEST(one_brain_has_it_until_it_gives_it_back);
  CPPUNIT_TEST(a_brain_with_a_wrong_clock_takes_nothing_early);
  CPPUNIT_TEST(writes_of_a_holder_that_slept_are_refused_and_it_finds_out);
  CPPUNIT_TEST(what_ended_and_nobody_took_is_renewed_under_the_same_fence);
  CPPUNIT_TEST(a_brain_that_stops_leaves_nothing_behind);
  CPPUNIT_TEST(a_brain_that_is_gone_leaves_the_list_with_its_routes);
  CPPUNIT_TEST(a_store_for_one_brain_gives_it_what_a_dead_one_had);
  CPPUNIT_TEST(an_expired_brain_lists_itself_again);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{1'800'000'000 * base::kSecondUs};

  Leases::Options options(milliseconds ttl, bool is_shared = true) {
    Leases::Options o;
    o.host_name = "here";
    o.ttl = ttl;
    o.look_around_every = milliseconds(0);
    o.is_shared = is_shared;
    return o;
  }
  // Until the other's lease has ended by the store's clock.
  static void take(Leases& leases, const std::string& name) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!leases.held(name) && std::chrono::steady_clock::now() < until)
      CPPUNIT_ASSERT(leases.work().ok());
    CPPUNIT_ASSERT(leases.held(name));
  }
  base::Status write_as(const Fence& fence) {
    Commit commit;
    fence.guard(commit);
    Rows row(Table::meta);
    row.begin().text(model::meta::key, "k").text(model::meta::value, fence.owner.text());
    commit.merge(std::move(row));
    auto done = store_->commit(commit);
    CPPUNIT_ASSERT(done.ok() || refused_fence(done, commit) == 0);
    return done;
  }

  void one_brain_has_it_until_it_gives_it_back() {
    Leases a(*store_, clock_, base::Log::quiet(), options(hours(1)));
    Leases b(*store_, clock_, base::Log::quiet(), options(hours(1)));
    for (Leases* one : {&a, &b}) {
      one->want("x");
      CPPUNIT_ASSERT(one->work().ok());
    }
    CPPUNIT_ASSERT(a.held("x"));
    CPPUNIT_ASSERT(!b.held("x"));
    CPPUNIT_ASSERT(!a.held("y"));
    a.give_back("x");
    CPPUNIT_ASSERT(!a.held("x"));
    CPPUNIT_ASSERT(b.work().ok());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, b.held("x")->number);
    CPPUNIT_ASSERT(!b.held("x")->is_takeover);
  }

  void a_brain_with_a_wrong_clock_takes_nothing_early() {
    base::ManualClock ahead(4'000'000'000 * base::kSecondUs);
    Leases a(*store_, clock_, base::Log::quiet(), options(hours(1)));
    Leases b(*store_, ahead, base::Log::quiet(), options(hours(1)));
    a.want("x");
    b.want("x");
    CPPUNIT_ASSERT(a.work().ok());
    CPPUNIT_ASSERT(b.work().ok());
    CPPUNIT_ASSERT(a.work().ok());
    CPPUNIT_ASSERT(a.held("x"));
    CPPUNIT_ASSERT(!b.held("x"));
  }

  void writes_of_a_holder_that_slept_are_refused_and_it_finds_out() {
    int changes = 0;
    Leases::Options sleepy = options(milliseconds(1));
    sleepy.on_change = [&changes] { ++changes; };
    Leases a(*store_, clock_, base::Log::quiet(), sleepy);
    Leases b(*store_, clock_, base::Log::quiet(), options(hours(1)));
    a.want("x");
    b.want("x");
    take(a, "x");
    const Fence old = *a.held("x");
    CPPUNIT_ASSERT(write_as(old).ok());
    take(b, "x");
    CPPUNIT_ASSERT_EQUAL(old.number + 1, b.held("x")->number);
    CPPUNIT_ASSERT(b.held("x")->is_takeover);
    CPPUNIT_ASSERT(a.held("x"));  // it believes so
    CPPUNIT_ASSERT(write_as(old).error().code == base::Code::conflict);
    CPPUNIT_ASSERT(write_as(*b.held("x")).ok());
    CPPUNIT_ASSERT(a.work().ok());
    CPPUNIT_ASSERT(!a.held("x"));
    CPPUNIT_ASSERT_EQUAL(2, changes);
  }

  void what_ended_and_nobody_took_is_renewed_under_the_same_fence() {
    Leases a(*store_, clock_, base::Log::quiet(), options(milliseconds(0)));
    a.want("x");
    take(a, "x");
    const std::int64_t fence = a.held("x")->number;
    for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT(a.work().ok());
    CPPUNIT_ASSERT_EQUAL(fence, a.held("x")->number);
  }

  void a_brain_that_stops_leaves_nothing_behind() {
    Leases b(*store_, clock_, base::Log::quiet(), options(hours(1)));
    {
      Leases a(*store_, clock_, base::Log::quiet(), options(hours(1)));
      a.want("x");
      CPPUNIT_ASSERT(a.work().ok());
      CPPUNIT_ASSERT(b.work().ok());
      CPPUNIT_ASSERT(b.has_others());
      const auto seen = b.brains().value();
      CPPUNIT_ASSERT_EQUAL(std::size_t{2}, seen.size());
      CPPUNIT_ASSERT(seen[0].is_this);
      CPPUNIT_ASSERT(seen[1].leases == std::vector<std::string>{"x"});
      CPPUNIT_ASSERT(seen[1].id == a.brain());
    }
    b.want("x");
    CPPUNIT_ASSERT(b.work().ok());
    CPPUNIT_ASSERT(b.held("x"));
    CPPUNIT_ASSERT(!b.has_others());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, b.brains().value().size());
  }

  void a_brain_that_is_gone_leaves_the_list_with_its_routes() {
    namespace route_col = model::routes;
    Leases a(*store_, clock_, base::Log::quiet(), options(milliseconds(-1000)));
    Leases b(*store_, clock_, base::Log::quiet(), options(hours(1)));
    CPPUNIT_ASSERT(a.work().ok());
    Commit commit;
    Rows row(Table::routes);
    row.begin()
        .uuid(route_col::agent_id, base::Uuid::random())
        .uuid(route_col::project_id, base::Uuid::random())
        .text(route_col::engine, "celery")
        .uuid(route_col::brain_id, a.brain())
        .num(route_col::capabilities, 0)
        .num(route_col::is_online, 1);
    commit.merge(std::move(row));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    CPPUNIT_ASSERT(b.work().ok());
    CPPUNIT_ASSERT(!b.has_others());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, store_->count(Table::routes, Where()).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, store_->count(Table::brains, Where()).value());
  }

  void a_store_for_one_brain_gives_it_what_a_dead_one_had() {
    Leases dead(*store_, clock_, base::Log::quiet(), options(hours(1), false));
    Leases next(*store_, clock_, base::Log::quiet(), options(hours(1), false));
    dead.want("x");
    next.want("x");
    CPPUNIT_ASSERT(dead.work().ok());
    CPPUNIT_ASSERT(next.work().ok());
    CPPUNIT_ASSERT(next.held("x"));
    CPPUNIT_ASSERT(next.held("x")->is_takeover);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, next.brains().value().size());
  }

  void an_expired_brain_lists_itself_again() {
    Leases a(*store_, clock_, base::Log::quiet(), options(milliseconds(-1000)));
    Leases b(*store_, clock_, base::Log::quiet(), options(hours(1)));
    CPPUNIT_ASSERT(a.work().ok());
    CPPUNIT_ASSERT(b.work().ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, store_->count(Table::brains, Where()).value());
    CPPUNIT_ASSERT(a.work().ok());  // finds its row gone
    CPPUNIT_ASSERT(a.work().ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, store_->count(Table::brains, Where()).value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LeasesTest);

}  // namespace
}  // namespace z4j::core
