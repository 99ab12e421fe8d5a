// Links that are good once: invitations and password resets.
#include "core/invitations.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/one_time_token.hpp"
#include "core/testing/account_fixture.hpp"

namespace z4j::core {
namespace {

using testing::AccountFixture;

class InvitationsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(InvitationsTest);
  CPPUNIT_TEST(digests_are_those_of_upstream);
  CPPUNIT_TEST(a_guest_becomes_a_user_and_a_member_once);
  CPPUNIT_TEST(a_weak_password_leaves_the_link_good);
  CPPUNIT_TEST(a_user_accepts_for_the_own_address_only);
  CPPUNIT_TEST(revoked_and_expired_links_are_worthless);
  CPPUNIT_TEST(a_member_is_not_invited_again);
  CPPUNIT_TEST(without_a_way_to_send_the_link_is_still_there);
  CPPUNIT_TEST(a_reset_works_once_and_ends_the_sessions);
  CPPUNIT_TEST(a_weak_password_leaves_the_reset_link_good);
  CPPUNIT_TEST(unknown_and_known_addresses_take_the_same_time_and_tell_the_same);
  CPPUNIT_TEST(a_mailbox_is_not_filled_with_links);
  CPPUNIT_TEST(reset_links_end_and_survive_a_change_of_the_secret);
  CPPUNIT_TEST_SUITE_END();

  AccountFixture f_;
  const User root_ = f_.add_user("root", true, "none");
  const Actor by_ = AccountFixture::actor(root_);

  Invitations::Minted invite(const std::string& email, Role role = Role::op) {
    return AccountFixture::must(f_.invitations.mint(f_.project, email, role, 7, root_, by_));
  }
  std::string accept(const std::string& token, const char* password) {
    return AccountFixture::why(f_.invitations.accept(token, "Ann", password, f_.client));
  }
  std::string confirm(const std::string& token, const char* password) {
    return AccountFixture::why(f_.resets.confirm(token, password, f_.client));
  }

 public:
  // Vectors of upstream: the master secret, a token, what its own functions made of them.
  void digests_are_those_of_upstream() {
    constexpr const char* kSecret = "0123456789abcdef0123456789abcdef-key-one";
    constexpr const char* kToken = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE";
    CPPUNIT_ASSERT_EQUAL(
        std::string("9bad8a402958088190b4726cebcce66508f18936214d428be7e8fde0ea336e45"),
        token_digest(kSecret, {}, kToken));
    CPPUNIT_ASSERT_EQUAL(
        std::string("62ad3b524739566a1971734428fe7a758d944b2bbe6b725e9fa828dd7d7904ab"),
        token_digest(kSecret, "z4j-setup-token-v1", kToken));
  }

  void a_guest_becomes_a_user_and_a_member_once() {
    const auto minted = invite("Ann@Example.org");
    CPPUNIT_ASSERT(minted.is_mailed);
    CPPUNIT_ASSERT_EQUAL(std::string("ann@example.org"), f_.mails.back().to);
    CPPUNIT_ASSERT_EQUAL(minted.token, f_.mailed_token());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                         AccountFixture::must(f_.invitations.pending(f_.project.id)).size());
    const auto preview = AccountFixture::must(f_.invitations.preview(minted.token));
    CPPUNIT_ASSERT_EQUAL(std::string("default"), preview.project_slug);
    const auto accepted = AccountFixture::must(
        f_.invitations.accept(minted.token, "Ann", AccountFixture::kPassword, f_.client));
    CPPUNIT_ASSERT(accepted.role == Role::op);
    CPPUNIT_ASSERT_EQUAL(std::string("invitation.accept success"), f_.last_entry());
    const auto members = AccountFixture::must(f_.memberships.list(f_.project.id));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, members.size());
    CPPUNIT_ASSERT(members[0].user_id == accepted.user_id && members[0].role == Role::op);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.joined.size());
    CPPUNIT_ASSERT(f_.auth.login("ann@example.org", AccountFixture::kPassword, false, f_.client));
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:invalid_or_expired"),
                         accept(minted.token, AccountFixture::kPassword));
    CPPUNIT_ASSERT_EQUAL(
        std::string("conflict:already_accepted"),
        AccountFixture::why(f_.invitations.revoke(f_.project.id, minted.invitation.id, by_)));
    CPPUNIT_ASSERT(AccountFixture::must(f_.invitations.pending(f_.project.id)).empty());
  }

  void a_weak_password_leaves_the_link_good() {
    const auto minted = invite("ann@example.org");
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:password_too_simple"), accept(minted.token,
                                                                            "onlyletters"
                                                                            "abc"));
    CPPUNIT_ASSERT_EQUAL(std::string("invitation.accept failed password_too_simple"),
                         f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), accept(minted.token, AccountFixture::kPassword));
  }

  void a_user_accepts_for_the_own_address_only() {
    const User ann = f_.add_user("ann", false, "none"), bob = f_.add_user("bob", false, "none");
    const auto minted = invite("ann@example.org");
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:account_exists"),
                         accept(minted.token, AccountFixture::kPassword));
    CPPUNIT_ASSERT_EQUAL(
        std::string("denied:other_address"),
        AccountFixture::why(f_.invitations.accept(minted.token, bob, AccountFixture::actor(bob))));
    const auto accepted =
        AccountFixture::must(f_.invitations.accept(minted.token, ann, AccountFixture::actor(ann)));
    CPPUNIT_ASSERT(accepted.user_id == ann.id);
    CPPUNIT_ASSERT_EQUAL(
        std::string("not_found:invalid_or_expired"),
        AccountFixture::why(f_.invitations.accept(minted.token, ann, AccountFixture::actor(ann))));
  }

  void revoked_and_expired_links_are_worthless() {
    const auto revoked = invite("ann@example.org"), late = invite("bob@example.org");
    AccountFixture::must(f_.invitations.revoke(f_.project.id, revoked.invitation.id, by_));
    AccountFixture::must(f_.invitations.revoke(f_.project.id, revoked.invitation.id, by_));
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:invalid_or_expired"),
                         accept(revoked.token, AccountFixture::kPassword));
    f_.clock.advance(7 * base::kDayUs);
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:invalid_or_expired"),
                         AccountFixture::why(f_.invitations.preview(late.token)));
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:invalid_or_expired"),
                         accept(std::string(43, 'x'), AccountFixture::kPassword));
    CPPUNIT_ASSERT_EQUAL(std::string("invitation.accept failed invalid_or_expired"),
                         f_.last_entry());
  }

  void a_member_is_not_invited_again() {
    const User ann = f_.add_user("ann", false, "none");
    (void)AccountFixture::must(f_.memberships.add(f_.project.id, ann.id, Role::viewer, by_));
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:already_member"),
                         AccountFixture::why(f_.invitations.mint(f_.project, ann.email,
                                                                 Role::viewer, 7, root_, by_)));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:ttl_days"),
                         AccountFixture::why(f_.invitations.mint(f_.project, "eve@example.org",
                                                                 Role::viewer, 31, root_, by_)));
  }

  void without_a_way_to_send_the_link_is_still_there() {
    f_.can_mail = false;
    const auto minted = invite("ann@example.org");
    CPPUNIT_ASSERT(!minted.is_mailed);
    CPPUNIT_ASSERT(f_.mails.empty());
    CPPUNIT_ASSERT(f_.invitations.preview(minted.token));
  }

  void a_reset_works_once_and_ends_the_sessions() {
    const User ann = f_.add_user("ann", false, "none");
    const SignedIn in = f_.session(ann);
    AccountFixture::must(f_.resets.request(" ANN@example.org", f_.client));
    CPPUNIT_ASSERT_EQUAL(ann.email, f_.mails.back().to);
    CPPUNIT_ASSERT(f_.mails.back().text.find("https://z4j.example.org/reset#token=") !=
                   std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("auth.password_reset_requested success"), f_.last_entry());
    const std::string token = f_.mailed_token();
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), confirm(token, AccountFixture::kOther));
    CPPUNIT_ASSERT_EQUAL(std::string("auth.password_reset_completed success"), f_.last_entry());
    CPPUNIT_ASSERT(!f_.auth.authenticate(in.cookie));
    CPPUNIT_ASSERT(f_.auth.login(ann.email, AccountFixture::kOther, false, f_.client));
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:invalid_or_expired"),
                         confirm(token, AccountFixture::kPassword));
    CPPUNIT_ASSERT_EQUAL(std::string("auth.password_reset_completed failed invalid_or_expired"),
                         f_.last_entry());
  }

  void a_weak_password_leaves_the_reset_link_good() {
    const User ann = f_.add_user("ann", false, "none");
    AccountFixture::must(f_.resets.request(ann.email, f_.client));
    AccountFixture::must(f_.resets.request(ann.email, f_.client));
    const std::string token = f_.mailed_token();
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:password_in_breach_list"),
                         confirm(token, "Summer-2026!"));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), confirm(token, AccountFixture::kOther));
    Where open;
    open.is_null(model::password_reset_tokens::consumed_at);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::password_reset_tokens, open));
  }

  void unknown_and_known_addresses_take_the_same_time_and_tell_the_same() {
    f_.add_user("ann", false, "none");
    for (const char* email : {"ann@example.org", "nobody@example.org"}) {
      f_.waits.clear();
      AccountFixture::must(f_.resets.request(email, f_.client));
      CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.waits.size());
      CPPUNIT_ASSERT_EQUAL(300, f_.waits.front());
    }
    CPPUNIT_ASSERT_EQUAL(std::string("auth.password_reset_requested failed unknown"),
                         f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.mails.size());
    f_.can_mail = false;
    AccountFixture::must(f_.resets.request("ann@example.org", f_.client));
    CPPUNIT_ASSERT_EQUAL(std::string("auth.password_reset_requested failed no_mail_transport"),
                         f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:email"),
                         AccountFixture::why(f_.resets.request("no address", f_.client)));
  }

  void a_mailbox_is_not_filled_with_links() {
    f_.add_user("ann", false, "none");
    for (int i = 0; i < 6; ++i)
      AccountFixture::must(f_.resets.request("ann@example.org", f_.client));
    CPPUNIT_ASSERT_EQUAL(std::size_t{PasswordResets::kMostLinks}, f_.mails.size());
    f_.clock.advance(901 * base::kSecondUs);
    AccountFixture::must(f_.resets.request("ann@example.org", f_.client));
    CPPUNIT_ASSERT_EQUAL(std::size_t{PasswordResets::kMostLinks + 1}, f_.mails.size());
  }

  void reset_links_end_and_survive_a_change_of_the_secret() {
    f_.add_user("ann", false, "none");
    AccountFixture::must(f_.resets.request("ann@example.org", f_.client));
    const std::string token = f_.mailed_token();
    PasswordResets rotated(
        *f_.store, f_.audit, f_.auth, f_.mail, f_.clock, f_.log,
        {.secret = "next secret", .previous_secrets = {"test secret"}, .wait = {}});
    f_.clock.advance(1799 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:password_too_short"),
                         AccountFixture::why(rotated.confirm(token, "short", f_.client)));
    f_.clock.advance(base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:invalid_or_expired"),
                         AccountFixture::why(rotated.confirm(token, "short", f_.client)));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(InvitationsTest);

}  // namespace
}  // namespace z4j::core
