#include "src/leader.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <memory>
#include <random>
#include <set>
#include <string>

#include "testing/fake_store.hpp"

namespace {

using z4j::native::Leader;
using z4j::native::testing::FakeFire;
using z4j::native::testing::FakeStore;

constexpr std::int64_t kLeaderSecond = 1'000'000, kHour = 3600 * kLeaderSecond;
constexpr std::int64_t kStart = 1'792'800'000 * kLeaderSecond;  // 24 October 2026

std::unique_ptr<Leader> leader_of(FakeStore& store, std::size_t who,
                                  std::size_t most_in_window = 20'000,
                                  std::int64_t window_us = 20 * kLeaderSecond) {
  const z4j::Host host = store.host(who);
  Leader::Options options;
  options.rules = {15 * kLeaderSecond, 1000};
  options.steady_us = [&store] { return store.steady; };
  options.most_in_window = most_in_window;
  options.window_us = window_us;
  return std::make_unique<Leader>(host, z4j::ScheduleStore(host), options);
}

class LeaderTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LeaderTest);
  CPPUNIT_TEST(each_time_is_fired_once_and_never_early);
  CPPUNIT_TEST(an_edit_is_in_effect_with_the_next_round);
  CPPUNIT_TEST(an_edit_before_a_due_time_was_fired_does_not_lose_it);
  CPPUNIT_TEST(leaders_that_die_pause_and_lose_answers_fire_each_time_once);
  CPPUNIT_TEST(clocks_that_step_by_an_hour_fire_nothing_early_or_twice);
  CPPUNIT_TEST(missed_times_follow_their_policy);
  CPPUNIT_TEST(one_shots_fire_once_and_are_switched_off);
  CPPUNIT_TEST(only_the_next_seconds_are_in_memory);
  CPPUNIT_TEST(what_is_due_later_takes_no_room_from_what_is_due);
  CPPUNIT_TEST(jitter_spreads_what_is_due_at_once);
  CPPUNIT_TEST(what_can_not_be_understood_stops_nothing);
  CPPUNIT_TEST_SUITE_END();

  // Rounds of all leaders, `ms` apart.
  static void run(FakeStore& store, std::initializer_list<Leader*> leaders, std::int64_t until,
                  std::int64_t ms = 100) {
    while (store.now < until) {
      for (Leader* leader : leaders) {
        for (int i = 0; i < 50 && leader->round() == 0; ++i) {
        }
      }
      store.advance(ms * 1000);
    }
  }
  static void expect_every(const FakeStore& store, std::uint32_t n, std::int64_t from,
                           std::int64_t until, std::int64_t step) {
    const std::vector<std::int64_t> times = store.times_of(n);
    std::vector<std::int64_t> expected;
    for (std::int64_t t = (from / step + 1) * step; t < until; t += step) expected.push_back(t);
    CPPUNIT_ASSERT_EQUAL_MESSAGE("times of " + std::to_string(n), expected.size(), times.size());
    CPPUNIT_ASSERT_MESSAGE("times of " + std::to_string(n), expected == times);
  }

  void each_time_is_fired_once_and_never_early() {
    FakeStore store;
    store.now = kStart;
    store.add(1, R"("kind":"interval","expression":"10s")");
    store.add(2, R"("kind":"cron","expression":"*/5 * * * *","timezone":"Europe/Berlin")");
    store.add(3, R"("kind":"interval","expression":"60","is_enabled":false)").is_enabled = false;
    const auto leader = leader_of(store, 0);
    run(store, {leader.get()}, kStart + 1800 * kLeaderSecond);
    expect_every(store, 1, kStart, kStart + 1800 * kLeaderSecond, 10 * kLeaderSecond);
    expect_every(store, 2, kStart, kStart + 1800 * kLeaderSecond, 300 * kLeaderSecond);
    CPPUNIT_ASSERT(store.times_of(3).empty());
    for (const FakeFire& f : store.fires) {
      CPPUNIT_ASSERT(f.fired_us >= f.due_us && f.fired_us <= f.due_us + 100'000);
      CPPUNIT_ASSERT_EQUAL(std::uint32_t{Z4J_FIRE_DUE}, f.reason);
    }
  }

  void an_edit_is_in_effect_with_the_next_round() {
    FakeStore store;
    store.now = kStart + 1;
    store.add(1, R"("kind":"interval","expression":"1h")");
    const auto leader = leader_of(store, 0);
    run(store, {leader.get()}, kStart + 100 * kLeaderSecond);
    CPPUNIT_ASSERT(store.fires.empty());
    store.edit(1, R"("kind":"interval","expression":"1s")");
    leader->edited(FakeStore::id(1).data());
    run(store, {leader.get()}, kStart + 103 * kLeaderSecond);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.fires.size());
    store.schedules.at(FakeStore::id(1)).is_enabled = false;
    leader->edited(FakeStore::id(1).data());
    run(store, {leader.get()}, kStart + 106 * kLeaderSecond);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.fires.size());
    store.edit(1, R"("kind":"interval","expression":"2s")");  // nobody tells of it
    store.schedules.at(FakeStore::id(1)).is_enabled = true;
    run(store, {leader.get()}, kStart + 150 * kLeaderSecond);
    CPPUNIT_ASSERT(store.fires.size() > 10);
  }

  void an_edit_before_a_due_time_was_fired_does_not_lose_it() {
    FakeStore store;
    store.now = kStart + 1;
    store.add(1, R"("kind":"interval","expression":"60")");
    const auto leader = leader_of(store, 0);
    run(store, {leader.get()}, kStart + 59 * kLeaderSecond);
    store.advance(2 * kLeaderSecond);  // the time came, the leader slept, somebody edited
    store.edit(1, R"("kind":"interval","expression":"60","description":"x")");
    run(store, {leader.get()}, kStart + 190 * kLeaderSecond);
    expect_every(store, 1, kStart, kStart + 190 * kLeaderSecond, 60 * kLeaderSecond);
  }

  void leaders_that_die_pause_and_lose_answers_fire_each_time_once() {
    for (unsigned seed = 1; seed <= 20; ++seed) {
      std::mt19937 dice(seed);
      FakeStore store;
      store.now = kStart;
      for (std::uint32_t n = 1; n <= 20; ++n) {
        store.add(n, R"("kind":"interval","catch_up":"fire_all_missed","expression":")" +
                         std::to_string(1 + n * n) + "\"");
      }
      store.fault = [&dice] {
        const auto x = dice() % 12;
        return x == 0   ? FakeStore::Fault::kBefore
               : x == 1 ? FakeStore::Fault::kAfter
                        : FakeStore::Fault::kNone;
      };
      std::array<std::unique_ptr<Leader>, 3> leaders;
      std::array<int, 3> pause{};
      const std::int64_t end = kStart + 900 * kLeaderSecond;
      while (store.now < end) {
        for (std::size_t i = 0; i < leaders.size(); ++i) {
          if (pause[i] > 0) {
            --pause[i];
            continue;
          }
          if (!leaders[i] || dice() % 200 == 0)
            leaders[i] = leader_of(store, i);  // dies, comes again
          if (dice() % 100 == 0) pause[i] = static_cast<int>(dice() % 100);
          for (int k = 0; k < 20 && leaders[i]->round() == 0; ++k) {
          }
        }
        store.advance(200'000);
      }
      store.fault = nullptr;
      const auto last = leader_of(store, 0);
      store.advance(10 * kLeaderSecond);
      for (int i = 0; i < 2000; ++i) (void)last->round();
      for (std::uint32_t n = 1; n <= 20; ++n)
        expect_every(store, n, kStart, store.now + 1, (1 + n * n) * kLeaderSecond);
      for (const FakeFire& f : store.fires) CPPUNIT_ASSERT(f.fired_us >= f.due_us);
    }
  }

  void clocks_that_step_by_an_hour_fire_nothing_early_or_twice() {
    FakeStore store;
    store.now = kStart;
    store.add(1, R"("kind":"interval","expression":"60","catch_up":"fire_all_missed")");
    store.add(2, R"("kind":"cron","expression":"30 * * * *")");
    const auto leader = leader_of(store, 0);
    run(store, {leader.get()}, kStart + 600 * kLeaderSecond);
    store.now += kHour;
    run(store, {leader.get()}, kStart + kHour + 1200 * kLeaderSecond);
    store.now -= 2 * kHour;
    run(store, {leader.get()}, kStart + 3 * kHour);
    expect_every(store, 1, kStart, kStart + 3 * kHour, 60 * kLeaderSecond);
    for (const FakeFire& f : store.fires) CPPUNIT_ASSERT(f.fired_us >= f.due_us);
  }

  void missed_times_follow_their_policy() {
    FakeStore store;
    store.now = kStart + 1;
    store.add(1, R"("kind":"interval","expression":"60")");
    store.add(2, R"("kind":"interval","expression":"60","catch_up":"fire_one_missed")");
    store.add(
        3,
        R"("kind":"interval","expression":"60","catch_up":"fire_all_missed","catch_up_limit":5)");
    store.add(
        4,
        R"("kind":"interval","expression":"60","catch_up":"fire_all_missed","catch_up_deadline_seconds":150)");
    store.add(
        5,
        R"("kind":"interval","expression":"3600","catch_up":"fire_one_missed","catch_up_deadline_seconds":60)");
    {
      const auto leader = leader_of(store, 0);
      run(store, {leader.get()}, kStart + 90 * kLeaderSecond);
      leader->resign();
    }
    store.fires.clear();
    store.advance(kStart + kHour + 630 * kLeaderSecond - store.now);
    const auto leader = leader_of(store, 1);
    for (int i = 0; i < 50; ++i) (void)leader->round();
    const auto at = [](std::int64_t seconds) { return kStart + kHour + seconds * kLeaderSecond; };
    CPPUNIT_ASSERT(store.times_of(1).empty());
    CPPUNIT_ASSERT(store.times_of(2) == std::vector<std::int64_t>{at(600)});
    CPPUNIT_ASSERT((store.times_of(3) ==
                    std::vector<std::int64_t>{at(360), at(420), at(480), at(540), at(600)}));
    CPPUNIT_ASSERT((store.times_of(4) == std::vector<std::int64_t>{at(480), at(540), at(600)}));
    CPPUNIT_ASSERT(store.times_of(5).empty());
    for (const FakeFire& f : store.fires)
      CPPUNIT_ASSERT_EQUAL(std::uint32_t{Z4J_FIRE_CATCH_UP}, f.reason);
    run(store, {leader.get()}, at(720));
    CPPUNIT_ASSERT(store.times_of(1) == std::vector<std::int64_t>{at(660)});
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.times_of(2).size());
  }

  void one_shots_fire_once_and_are_switched_off() {
    FakeStore store;
    store.now = kStart;
    store.add(1, R"("kind":"clocked","expression":"2026-10-24T00:00:30Z")");
    store.add(2, R"("kind":"interval","expression":"10","ends_at":1792800025)");
    {
      const auto leader = leader_of(store, 0);
      run(store, {leader.get()}, kStart + kLeaderSecond);
    }
    run(store, {leader_of(store, 1).get()}, kStart + 60 * kLeaderSecond);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.times_of(2).size());
    store.advance(2 * 86'400 *
                  kLeaderSecond);  // nobody is there when it is due: it fires all the same
    const auto leader = leader_of(store, 2);
    run(store, {leader.get()}, store.now + 20 * kLeaderSecond);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.times_of(1).size());
    CPPUNIT_ASSERT(!store.schedules.at(FakeStore::id(1)).is_enabled);
    CPPUNIT_ASSERT(!store.schedules.at(FakeStore::id(2)).is_enabled);
  }

  static void add_due_at_once(FakeStore& store) {
    store.now = kStart;
    for (std::uint32_t n = 0; n < 4000; ++n) {
      auto& s = store.add(n, R"("kind":"interval","expression":"60")");
      s.is_planned = true;
      s.next_us = kStart + 2 * kLeaderSecond;
    }
  }

  void what_is_due_later_takes_no_room_from_what_is_due() {
    FakeStore store;
    add_due_at_once(store);
    const auto leader = leader_of(store, 0, 1000, 60 * kLeaderSecond);  // their next times fit in
    while (store.now < kStart + 20 * kLeaderSecond) {
      for (int i = 0; i < 50 && leader->round() == 0; ++i)
        CPPUNIT_ASSERT(leader->in_window() <= 2500);
      store.advance(100'000);
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{4000}, store.fires.size());
  }

  void only_the_next_seconds_are_in_memory() {
    FakeStore store;
    add_due_at_once(store);
    const auto leader = leader_of(store, 0, 1000);
    while (store.now < kStart + 20 * kLeaderSecond) {
      for (int i = 0; i < 50 && leader->round() == 0; ++i)
        CPPUNIT_ASSERT(leader->in_window() <= 2500);
      store.advance(100'000);
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{4000}, store.fires.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, leader->in_window());
  }

  void jitter_spreads_what_is_due_at_once() {
    FakeStore store;
    store.now = kStart + 31 * kLeaderSecond;  // what was due before has been
    for (std::uint32_t n = 0; n < 200; ++n)
      store.add(n, R"("kind":"interval","expression":"60","jitter_seconds":30)");
    const auto leader = leader_of(store, 0);
    run(store, {leader.get()}, kStart + 119 * kLeaderSecond, 10);
    std::set<std::int64_t> seconds, times;
    for (std::uint32_t n = 0; n < 200; ++n) {
      const std::vector<std::int64_t> of = store.times_of(n);
      CPPUNIT_ASSERT_EQUAL(std::size_t{1}, of.size());
      const std::int64_t put_off = of[0] - (kStart + 60 * kLeaderSecond);
      CPPUNIT_ASSERT(put_off >= 0 && put_off <= 30 * kLeaderSecond);
      seconds.insert(put_off / kLeaderSecond);
      times.insert(put_off);
    }
    CPPUNIT_ASSERT(seconds.size() > 25);
    CPPUNIT_ASSERT(times.size() > 190);
  }

  void what_can_not_be_understood_stops_nothing() {
    FakeStore store;
    store.now = kStart;
    store.add(1, R"("kind":"cron","expression":"61 * * * *")");
    store.add(2, R"("kind":"cron","expression":"* * * * *","timezone":"Mars/Olympus")");
    store.schedules[FakeStore::id(3)].json = "{";
    store.add(4, R"("kind":"interval","expression":"10")");
    const auto leader = leader_of(store, 0);
    run(store, {leader.get()}, kStart + 25 * kLeaderSecond);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.fires.size());
    CPPUNIT_ASSERT(store.schedules.at(FakeStore::id(1)).is_planned);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LeaderTest);

}  // namespace
