// Members of a project and invitations to it.
#include "core/memberships.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/testing/account_fixture.hpp"

namespace z4j::core {
namespace {

using testing::AccountFixture;

class MembershipsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MembershipsTest);
  CPPUNIT_TEST(members_join_once_and_are_listed_oldest_first);
  CPPUNIT_TEST(an_inactive_user_cannot_be_let_in);
  CPPUNIT_TEST(a_project_keeps_its_last_administrator);
  CPPUNIT_TEST(two_project_administrators_who_remove_each_other_cannot_both_win);
  CPPUNIT_TEST(roles_change_where_there_is_no_administrator_at_all);
  CPPUNIT_TEST(a_member_of_another_project_is_not_found);
  CPPUNIT_TEST_SUITE_END();

  AccountFixture f_;
  const User root_ = f_.add_user("root", true, "none");
  const Actor by_ = AccountFixture::actor(root_);

  Member add(const User& user, Role role) {
    f_.clock.advance(base::kSecondUs);
    return AccountFixture::must(f_.memberships.add(f_.project.id, user.id, role, by_));
  }
  std::string remove(const Member& member) {
    return AccountFixture::why(f_.memberships.remove(f_.project.id, member.id, by_));
  }
  std::string change(const Member& member, Role role) {
    return AccountFixture::why(f_.memberships.change(f_.project.id, member.id, role, by_));
  }

 public:
  void members_join_once_and_are_listed_oldest_first() {
    const User ann = f_.add_user("ann", false, "none"), bob = f_.add_user("bob", false, "none");
    const Member first = add(bob, Role::viewer);
    (void)add(ann, Role::op);
    CPPUNIT_ASSERT_EQUAL(std::string("membership.granted success"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("bob@example.org"), first.user_email);
    const auto all = AccountFixture::must(f_.memberships.list(f_.project.id));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, all.size());
    CPPUNIT_ASSERT_EQUAL(std::string("ann@example.org"), all[1].user_email);
    CPPUNIT_ASSERT_EQUAL(
        std::string("conflict:already_member"),
        AccountFixture::why(f_.memberships.add(f_.project.id, ann.id, Role::viewer, by_)));
    CPPUNIT_ASSERT(f_.joined.at(0).first == bob.id);
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), remove(first));
    CPPUNIT_ASSERT(f_.left.at(0).first == bob.id);
    CPPUNIT_ASSERT_EQUAL(std::string("membership.revoked success"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:"), remove(first));
  }

  void an_inactive_user_cannot_be_let_in() {
    const User ann = f_.add_user("ann", false, "none");
    UserPatch off;
    off.is_active = false;
    (void)AccountFixture::must(f_.users.patch(ann.id, off, by_));
    for (const base::Uuid& who : {ann.id, base::Uuid::random()})
      CPPUNIT_ASSERT_EQUAL(std::string("not_found:"), AccountFixture::why(f_.memberships.add(
                                                          f_.project.id, who, Role::viewer, by_)));
  }

  void a_project_keeps_its_last_administrator() {
    const Member admin = add(f_.add_user("ann", false, "none"), Role::admin);
    const Member viewer = add(f_.add_user("bob", false, "none"), Role::viewer);
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:last_project_admin"), remove(admin));
    CPPUNIT_ASSERT_EQUAL(std::string("membership.revoked denied last_project_admin"),
                         f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:last_project_admin"), change(admin, Role::op));
    CPPUNIT_ASSERT_EQUAL(std::string("membership.updated denied last_project_admin"),
                         f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), change(viewer, Role::admin));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), change(admin, Role::op));
    CPPUNIT_ASSERT_EQUAL(std::string("membership.updated success"), f_.last_entry());
  }

  void two_project_administrators_who_remove_each_other_cannot_both_win() {
    const Member ann = add(f_.add_user("ann", false, "none"), Role::admin);
    const Member bob = add(f_.add_user("bob", false, "none"), Role::admin);
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), remove(bob));
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:last_project_admin"), remove(ann));
  }

  void roles_change_where_there_is_no_administrator_at_all() {
    const Member viewer = add(f_.add_user("bob", false, "none"), Role::viewer);
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), change(viewer, Role::op));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), remove(viewer));
  }

  void a_member_of_another_project_is_not_found() {
    const Member viewer = add(f_.add_user("bob", false, "none"), Role::viewer);
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:"), AccountFixture::why(f_.memberships.remove(
                                                        base::Uuid::random(), viewer.id, by_)));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MembershipsTest);

}  // namespace
}  // namespace z4j::core
