// Sign-in and sessions: who gets in, who is slowed, what ends.
#include "core/auth.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/refusal.hpp"
#include "core/testing/account_fixture.hpp"

namespace z4j::core {
namespace {

using testing::AccountFixture;

constexpr const char* kWrongGuess = "Not-the-horse-9";

AuthOptions three_tries() {
  AuthOptions options;
  options.lockout_threshold = 3;
  return options;
}

class AuthTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AuthTest);
  CPPUNIT_TEST(a_sign_in_is_written_down_and_takes_the_floor_time);
  CPPUNIT_TEST(unknown_wrong_locked_and_inactive_read_and_cost_the_same);
  CPPUNIT_TEST(guesses_from_one_source_close_the_account_to_that_source);
  CPPUNIT_TEST(a_closed_account_opens_to_its_owner_and_to_nobody_who_guessed);
  CPPUNIT_TEST(guessing_while_closed_does_not_prolong_the_lock);
  CPPUNIT_TEST(a_new_password_forgives_old_failures);
  CPPUNIT_TEST(the_session_that_came_along_is_replaced);
  CPPUNIT_TEST(sign_ins_on_top_of_the_bound_are_told_to_come_back);
  CPPUNIT_TEST(reading_keeps_a_session_alive_and_idling_ends_it);
  CPPUNIT_TEST(a_remembered_session_lives_for_its_thirty_days);
  CPPUNIT_TEST(an_ordinary_session_ends_after_its_life_however_busy);
  CPPUNIT_TEST(changing_the_password_ends_every_session_but_a_new_one);
  CPPUNIT_TEST(all_other_sessions_can_be_ended_at_once);
  CPPUNIT_TEST(a_forced_change_is_owed_until_it_is_done);
  CPPUNIT_TEST_SUITE_END();

  AccountFixture f_{three_tries()};
  const Client attacker_{"203.0.113.9", "curl"};

  std::string try_from(const Client& client, const char* password,
                       const std::string& email = "ann@example.org") {
    return AccountFixture::why(f_.auth.login(email, password, false, client));
  }
  void guess(int times) {
    for (int i = 0; i < times; ++i) (void)try_from(attacker_, kWrongGuess);
  }
  bool is_open(const SignedIn& signed_in) { return f_.auth.authenticate(signed_in.cookie).ok(); }

 public:
  void a_sign_in_is_written_down_and_takes_the_floor_time() {
    const User ann = f_.add_user("ann");
    const auto in = AccountFixture::must(
        f_.auth.login(" Ann@Example.ORG ", AccountFixture::kPassword, false, f_.client));
    CPPUNIT_ASSERT(in.user.id == ann.id);
    CPPUNIT_ASSERT_EQUAL(std::string("auth.login success"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(300, f_.waits.back());
    CPPUNIT_ASSERT_EQUAL(f_.clock.now(), f_.users.get(ann.id).value().last_login_at);
    CPPUNIT_ASSERT(is_open(in));
  }

  void unknown_wrong_locked_and_inactive_read_and_cost_the_same() {
    f_.add_user("ann");
    const User idle = f_.add_user("idle");
    Commit commit;
    Where where;
    where.eq(model::users::id, idle.id);
    commit.update(Table::users, std::move(where), {{model::users::is_active, false}});
    AccountFixture::must(f_.store->commit(commit));
    std::vector<int> waits;
    for (const char* email : {"ann@example.org", "nobody@example.org", "idle@example.org"}) {
      const auto no = f_.auth.login(email, kWrongGuess, false, f_.client);
      CPPUNIT_ASSERT_EQUAL(std::string("denied:invalid_credentials"), AccountFixture::why(no));
      CPPUNIT_ASSERT_EQUAL(std::string("invalid_credentials"), no.error().message);
      waits.push_back(f_.waits.back());
    }
    CPPUNIT_ASSERT_EQUAL(1000, waits[0]);  // the first back-off
    CPPUNIT_ASSERT(waits[0] == waits[1] && waits[1] == waits[2]);
    CPPUNIT_ASSERT_EQUAL(std::string("denied:invalid_credentials"),
                         try_from(f_.client, AccountFixture::kPassword, "idle@example.org"));
  }

  void guesses_from_one_source_close_the_account_to_that_source() {
    f_.add_user("ann");
    guess(3);
    CPPUNIT_ASSERT_EQUAL(std::string("denied:invalid_credentials"),
                         try_from(attacker_, AccountFixture::kPassword));
    CPPUNIT_ASSERT_EQUAL(std::string("auth.login failed locked"), f_.last_entry());
    f_.clock.advance(901 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), try_from(attacker_, AccountFixture::kPassword));
  }

  void a_closed_account_opens_to_its_owner_and_to_nobody_who_guessed() {
    f_.add_user("ann");
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), try_from(f_.client, AccountFixture::kPassword));
    guess(3);
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), try_from(f_.client, AccountFixture::kPassword));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"),
                         try_from({"198.51.100.7", "phone"}, AccountFixture::kPassword));
    CPPUNIT_ASSERT_EQUAL(std::string("denied:invalid_credentials"),
                         try_from(attacker_, AccountFixture::kPassword));
  }

  void guessing_while_closed_does_not_prolong_the_lock() {
    const User ann = f_.add_user("ann");
    guess(3);
    const auto locked_until = [&] {
      Query query(Table::users);
      query.where.eq(model::users::id, ann.id);
      return f_.store->first(query.all()).value()->num(model::users::locked_until);
    };
    const base::TimeUs until = locked_until();
    CPPUNIT_ASSERT_EQUAL(f_.clock.now() + 900 * base::kSecondUs, until);
    f_.clock.advance(600 * base::kSecondUs);
    (void)try_from({"198.51.100.8", "curl"}, kWrongGuess);
    guess(2);
    CPPUNIT_ASSERT_EQUAL(until, locked_until());
  }

  void a_new_password_forgives_old_failures() {
    const User ann = f_.add_user("ann");
    for (int i = 0; i < 3; ++i) (void)try_from(f_.client, kWrongGuess);
    CPPUNIT_ASSERT_EQUAL(std::string("denied:invalid_credentials"),
                         try_from(f_.client, AccountFixture::kPassword));
    AccountFixture::must(
        f_.users.set_password(ann.id, AccountFixture::kOther, Users::Chosen::by_owner, {}));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), try_from(f_.client, AccountFixture::kOther));
  }

  void the_session_that_came_along_is_replaced() {
    const User ann = f_.add_user("ann"), bob = f_.add_user("bob");
    const SignedIn mine = f_.session(ann), theirs = f_.session(bob);
    for (const SignedIn* sent : {&mine, &theirs})
      (void)AccountFixture::must(
          f_.auth.login(ann.email, AccountFixture::kPassword, false, f_.client, sent->cookie));
    CPPUNIT_ASSERT(!is_open(mine));
    CPPUNIT_ASSERT(is_open(theirs));
  }

  void sign_ins_on_top_of_the_bound_are_told_to_come_back() {
    AuthOptions closed;
    closed.max_at_once = 0;
    AccountFixture full(closed);
    full.add_user("ann", false, "none");
    const auto no =
        full.auth.login("ann@example.org", AccountFixture::kPassword, false, full.client);
    CPPUNIT_ASSERT(no.error().code == base::Code::busy);
    CPPUNIT_ASSERT_EQUAL(1000u, no.error().retry_after_ms);
    CPPUNIT_ASSERT(full.waits.empty());
  }

  void reading_keeps_a_session_alive_and_idling_ends_it() {
    const SignedIn in = f_.session(f_.add_user("ann", false, "none"));
    for (int i = 0; i < 4; ++i) {
      f_.clock.advance(1500 * base::kSecondUs);
      CPPUNIT_ASSERT(is_open(in));
    }
    f_.clock.advance(1801 * base::kSecondUs);
    CPPUNIT_ASSERT(!is_open(in));
  }

  void a_remembered_session_lives_for_its_thirty_days() {
    config::Settings settings;
    settings.session_remember_me_lifetime_s = 1234;
    CPPUNIT_ASSERT_EQUAL(1234, auth_options(settings).remembered_lifetime_s);
    const SignedIn in = f_.session(f_.add_user("ann", false, "none"), true);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2'592'000}, in.max_age_s);
    f_.clock.advance(29 * base::kDayUs);
    CPPUNIT_ASSERT(is_open(in));
    f_.clock.advance(base::kDayUs);
    CPPUNIT_ASSERT(!is_open(in));
  }

  void an_ordinary_session_ends_after_its_life_however_busy() {
    const SignedIn in = f_.session(f_.add_user("ann", false, "none"));
    for (base::TimeUs spent = 0; spent < 7 * base::kDayUs; spent += 1500 * base::kSecondUs) {
      CPPUNIT_ASSERT(is_open(in));
      f_.clock.advance(1500 * base::kSecondUs);
    }
    CPPUNIT_ASSERT(!is_open(in));
  }

  void changing_the_password_ends_every_session_but_a_new_one() {
    const User ann = f_.add_user("ann");
    const SignedIn here = f_.session(ann), elsewhere = f_.session(ann);
    f_.clock.advance(5 * base::kSecondUs);
    const Principal principal = AccountFixture::must(f_.auth.authenticate(here.cookie));
    CPPUNIT_ASSERT_EQUAL(std::string("denied:wrong_current_password"),
                         AccountFixture::why(f_.auth.change_password(
                             principal, kWrongGuess, AccountFixture::kOther, f_.client)));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:password_too_short"),
                         AccountFixture::why(f_.auth.change_password(
                             principal, AccountFixture::kPassword, "Short-1", f_.client)));
    CPPUNIT_ASSERT(is_open(elsewhere));
    const SignedIn next = AccountFixture::must(f_.auth.change_password(
        principal, AccountFixture::kPassword, AccountFixture::kOther, f_.client));
    CPPUNIT_ASSERT(!is_open(here));
    CPPUNIT_ASSERT(!is_open(elsewhere));
    CPPUNIT_ASSERT(is_open(next));
    CPPUNIT_ASSERT(next.session.csrf_token != here.session.csrf_token);
  }

  void all_other_sessions_can_be_ended_at_once() {
    const User ann = f_.add_user("ann", false, "none"), bob = f_.add_user("bob", false, "none");
    const SignedIn here = f_.session(ann), one = f_.session(ann), two = f_.session(ann),
                   theirs = f_.session(bob);
    const Principal principal = AccountFixture::must(f_.auth.authenticate(here.cookie));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2},
                         AccountFixture::must(f_.auth.revoke_other_sessions(principal, f_.client)));
    CPPUNIT_ASSERT(is_open(here) && is_open(theirs));
    CPPUNIT_ASSERT(!is_open(one) && !is_open(two));
  }

  void a_forced_change_is_owed_until_it_is_done() {
    const User ann = f_.add_user("ann");
    AccountFixture::must(
        f_.users.set_password(ann.id, AccountFixture::kOther, Users::Chosen::by_other, {}));
    f_.clock.advance(5 * base::kSecondUs);
    const SignedIn in =
        AccountFixture::must(f_.auth.login(ann.email, AccountFixture::kOther, false, f_.client));
    const Principal principal = AccountFixture::must(f_.auth.authenticate(in.cookie));
    CPPUNIT_ASSERT(principal.owes() == Owed::new_password);
    const SignedIn next = AccountFixture::must(f_.auth.change_password(
        principal, AccountFixture::kOther, AccountFixture::kPassword, f_.client));
    CPPUNIT_ASSERT(AccountFixture::must(f_.auth.authenticate(next.cookie)).owes() == Owed::nothing);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AuthTest);

}  // namespace
}  // namespace z4j::core
