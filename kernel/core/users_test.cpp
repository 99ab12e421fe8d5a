// Users as administrators manage them: the guards, what goes with a user, what a list shows.
#include "core/users.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/testing/account_fixture.hpp"

namespace z4j::core {
namespace {

using testing::AccountFixture;

class UsersTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(UsersTest);
  CPPUNIT_TEST(a_user_is_made_once_per_address);
  CPPUNIT_TEST(a_list_is_newest_first_and_pages_by_offset);
  CPPUNIT_TEST(null_leaves_and_an_empty_name_clears);
  CPPUNIT_TEST(nobody_takes_his_own_rights);
  CPPUNIT_TEST(the_last_administrator_stays);
  CPPUNIT_TEST(two_administrators_who_act_on_each_other_cannot_both_win);
  CPPUNIT_TEST(who_was_demoted_meanwhile_changes_nothing);
  CPPUNIT_TEST(deactivation_ends_the_sessions);
  CPPUNIT_TEST(a_given_password_must_be_changed_and_ends_the_rest);
  CPPUNIT_TEST(a_user_goes_with_all_that_is_theirs);
  CPPUNIT_TEST(zone_names_are_checked);
  CPPUNIT_TEST_SUITE_END();

  AccountFixture f_;

  std::string patch(const User& user, const UserPatch& patch, const User& by) {
    return AccountFixture::why(f_.users.patch(user.id, patch, AccountFixture::actor(by)));
  }
  static UserPatch demoted() {
    UserPatch patch;
    patch.is_admin = false;
    return patch;
  }
  static UserPatch deactivated() {
    UserPatch patch;
    patch.is_active = false;
    return patch;
  }

 public:
  void a_user_is_made_once_per_address() {
    const User root = f_.add_user("root", true, "none");
    UserDraft draft{.email = "Ann@Example.org", .password = AccountFixture::kPassword};
    draft.display_name = "  Ann  ";
    const Actor by = AccountFixture::actor(root);
    const User ann = AccountFixture::must(f_.users.create(draft, by));
    CPPUNIT_ASSERT_EQUAL(std::string("ann@example.org"), ann.email);
    CPPUNIT_ASSERT_EQUAL(std::string("Ann"), ann.display_name);
    CPPUNIT_ASSERT_EQUAL(std::string("user.created success"), f_.last_entry());
    CPPUNIT_ASSERT(f_.auth.login("ann@example.org", AccountFixture::kPassword, false, f_.client));
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:email"),
                         AccountFixture::why(f_.users.create(draft, by)));
    draft.email = "bob@example.org";
    draft.password = "password1234";
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:password_in_breach_list"),
                         AccountFixture::why(f_.users.create(draft, by)));
    draft.password = AccountFixture::kPassword;
    draft.timezone = "../../etc/passwd";
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:timezone"),
                         AccountFixture::why(f_.users.create(draft, by)));
  }

  void a_list_is_newest_first_and_pages_by_offset() {
    for (int i = 0; i < 5; ++i) f_.add_user("user" + std::to_string(i), false, "none");
    const auto names = [&](std::uint32_t limit, std::uint32_t offset) {
      std::string out;
      for (const User& user : AccountFixture::must(f_.users.list(limit, offset)))
        out += user.email.substr(4, 1);
      return out;
    };
    CPPUNIT_ASSERT_EQUAL(std::string("43210"), names(100, 0));
    CPPUNIT_ASSERT_EQUAL(std::string("43"), names(2, 0));
    CPPUNIT_ASSERT_EQUAL(std::string("21"), names(2, 2));
    CPPUNIT_ASSERT_EQUAL(std::string("0"), names(2, 4));
    CPPUNIT_ASSERT_EQUAL(std::string(), names(2, 5));
    CPPUNIT_ASSERT_EQUAL(std::string(), names(2, 60));
  }

  void null_leaves_and_an_empty_name_clears() {
    const User root = f_.add_user("root", true, "none"), ann = f_.add_user("ann", false, "none");
    UserPatch names;
    names.first_name = "Ann";
    names.last_name = "Lee";
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), patch(ann, names, root));
    UserPatch cleared;
    cleared.first_name = "";
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), patch(ann, cleared, root));
    CPPUNIT_ASSERT_EQUAL(std::string("Lee"), f_.users.get(ann.id).value().shown_name());
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:"),
                         AccountFixture::why(f_.users.patch(base::Uuid::random(), names,
                                                            AccountFixture::actor(root))));
  }

  void nobody_takes_his_own_rights() {
    const User root = f_.add_user("root", true, "none"), ann = f_.add_user("ann", true, "none");
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:self_demote"), patch(ann, demoted(), ann));
    CPPUNIT_ASSERT_EQUAL(std::string("user.updated denied self_demote"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:self_deactivate"), patch(ann, deactivated(), ann));
    CPPUNIT_ASSERT_EQUAL(std::string("user.updated denied self_deactivate"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:self_delete"),
                         AccountFixture::why(f_.users.remove(ann.id, Users::Trace::kept,
                                                             AccountFixture::actor(ann))));
    CPPUNIT_ASSERT_EQUAL(std::string("user.deleted denied self_delete"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), patch(ann, demoted(), root));
  }

  void the_last_administrator_stays() {
    const User root = f_.add_user("root", true, "none");
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:last_admin"),
                         AccountFixture::why(f_.users.patch(root.id, demoted(), {})));
    CPPUNIT_ASSERT_EQUAL(std::string("user.updated denied last_admin"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:last_admin"),
                         AccountFixture::why(f_.users.patch(root.id, deactivated(), {})));
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:last_admin"),
                         AccountFixture::why(f_.users.remove(root.id, Users::Trace::kept, {})));
    CPPUNIT_ASSERT_EQUAL(std::string("user.deleted denied last_admin"), f_.last_entry());
    CPPUNIT_ASSERT(f_.users.get(root.id).value().is_admin);
  }

  void two_administrators_who_act_on_each_other_cannot_both_win() {
    const User ann = f_.add_user("ann", true, "none"), bob = f_.add_user("bob", true, "none");
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), patch(bob, demoted(), ann));
    // What bob had sent before he knew.
    CPPUNIT_ASSERT_EQUAL(std::string("denied:forbidden"), patch(ann, demoted(), bob));
    CPPUNIT_ASSERT(f_.users.get(ann.id).value().is_admin);
  }

  void who_was_demoted_meanwhile_changes_nothing() {
    f_.add_user("root", true, "none");
    const User ann = f_.add_user("ann", false, "none"), bob = f_.add_user("bob", false, "none");
    const Actor was_admin = AccountFixture::actor(ann);
    CPPUNIT_ASSERT_EQUAL(
        std::string("denied:forbidden"),
        AccountFixture::why(f_.users.remove(bob.id, Users::Trace::kept, was_admin)));
    CPPUNIT_ASSERT_EQUAL(
        std::string("denied:forbidden"),
        AccountFixture::why(f_.users.create(
            {.email = "eve@example.org", .password = AccountFixture::kPassword}, was_admin)));
  }

  void deactivation_ends_the_sessions() {
    const User root = f_.add_user("root", true, "none"), ann = f_.add_user("ann", false, "none");
    const SignedIn in = f_.session(ann);
    CPPUNIT_ASSERT(f_.auth.authenticate(in.cookie));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), patch(ann, deactivated(), root));
    CPPUNIT_ASSERT(!f_.auth.authenticate(in.cookie));
    UserPatch back;
    back.is_active = true;
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), patch(ann, back, root));
    CPPUNIT_ASSERT(!f_.auth.authenticate(in.cookie));
  }

  void a_given_password_must_be_changed_and_ends_the_rest() {
    const User root = f_.add_user("root", true, "none"), ann = f_.add_user("ann", false, "none");
    const SignedIn in = f_.session(ann);
    Rows devices(Table::trusted_devices);
    devices.begin()
        .uuid(model::trusted_devices::id, base::Uuid::random())
        .uuid(model::trusted_devices::user_id, ann.id)
        .text(model::trusted_devices::cookie_id_hash, "00")
        .text(model::trusted_devices::label, "Firefox on Linux")
        .num(model::trusted_devices::created_at, f_.clock.now())
        .num(model::trusted_devices::last_seen_at, f_.clock.now())
        .num(model::trusted_devices::expires_at, f_.clock.now() + base::kDayUs);
    Commit commit;
    commit.insert(std::move(devices));
    AccountFixture::must(f_.store->commit(commit));
    AccountFixture::must(f_.resets.request(ann.email, f_.client));
    const std::string token = f_.mailed_token();

    AccountFixture::must(f_.users.set_password(
        ann.id, AccountFixture::kOther, Users::Chosen::by_other, AccountFixture::actor(root)));
    CPPUNIT_ASSERT_EQUAL(std::string("user.password.reset success"), f_.last_entry());
    CPPUNIT_ASSERT(!f_.auth.authenticate(in.cookie));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::trusted_devices));
    CPPUNIT_ASSERT(f_.users.get(ann.id).value().force_password_change);
    CPPUNIT_ASSERT_EQUAL(
        std::string("not_found:invalid_or_expired"),
        AccountFixture::why(f_.resets.confirm(token, AccountFixture::kPassword, f_.client)));
  }

  void a_user_goes_with_all_that_is_theirs() {
    const User root = f_.add_user("root", true, "none"), ann = f_.add_user("ann", false, "none");
    (void)f_.session(ann);
    (void)AccountFixture::must(
        f_.memberships.add(f_.project.id, ann.id, Role::viewer, AccountFixture::actor(root)));
    AccountFixture::must(f_.users.remove(ann.id, Users::Trace::kept, AccountFixture::actor(root)));
    CPPUNIT_ASSERT_EQUAL(std::string("user.deleted success"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:"), AccountFixture::why(f_.users.get(ann.id)));
    for (const Table table : {Table::sessions, Table::memberships})
      CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(table));
  }

  void zone_names_are_checked() {
    for (const char* good : {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+3"})
      CPPUNIT_ASSERT_MESSAGE(good, is_zone_name(good));
    for (const char* bad : {"", "/etc", "Europe/", "Europe Berlin", "<b>", "a.b"})
      CPPUNIT_ASSERT_MESSAGE(bad, !is_zone_name(bad));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(UsersTest);

}  // namespace
}  // namespace z4j::core
