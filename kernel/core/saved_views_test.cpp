// Views of lists: whose they are, who sees them, when they end.
#include "core/saved_views.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/testing/account_fixture.hpp"

namespace z4j::core {
namespace {

using testing::AccountFixture;

class SavedViewsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SavedViewsTest);
  CPPUNIT_TEST(a_private_view_is_its_owners_alone);
  CPPUNIT_TEST(a_shared_view_is_everybodys_and_an_admin_may_delete_it);
  CPPUNIT_TEST(a_name_is_taken_once_per_person_and_list);
  CPPUNIT_TEST(nobody_has_more_than_the_ceiling);
  CPPUNIT_TEST(private_views_end_with_the_membership_and_all_with_the_user);
  CPPUNIT_TEST_SUITE_END();

  AccountFixture f_;

  Principal member(const std::string& name, Role role) {
    Principal out;
    out.user = f_.add_user(name, false, "none");
    out.roles[f_.project.id] = role;
    return out;
  }
  base::Result<SavedView> save(const Principal& by, const std::string& name, bool is_shared = false,
                               const std::string& screen = "tasks") {
    return create_saved_view(f_.audit, f_.clock, by, f_.project.id,
                             {screen, name, "state=failure&q=" + name, is_shared},
                             AccountFixture::actor(by.user));
  }
  std::string remove(const Principal& by, const base::Uuid& view) {
    return AccountFixture::why(remove_saved_view(*f_.store, f_.audit, by, f_.project.id, view,
                                                 AccountFixture::actor(by.user)));
  }
  std::string names(const Principal& of, const std::optional<std::string>& screen = "tasks") {
    std::string out;
    for (const SavedView& view :
         AccountFixture::must(list_saved_views(*f_.store, f_.project.id, of.user.id, screen)))
      out += (out.empty() ? "" : " ") + view.name + ":" + view.created_by_name;
    return out;
  }

 public:
  void a_private_view_is_its_owners_alone() {
    const Principal ann = member("ann", Role::viewer), bob = member("bob", Role::admin);
    const SavedView own = AccountFixture::must(save(ann, "  mine "));
    CPPUNIT_ASSERT_EQUAL(std::string("view.created success"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("mine:ann"), names(ann));
    CPPUNIT_ASSERT_EQUAL(std::string(), names(bob));
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:"), remove(bob, own.id));
    CPPUNIT_ASSERT_EQUAL(std::string("mine:ann"), names(ann));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), remove(ann, own.id));
    CPPUNIT_ASSERT_EQUAL(std::string("view.deleted success"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:"), remove(ann, own.id));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:name"), AccountFixture::why(save(ann, "  ")));
  }

  void a_shared_view_is_everybodys_and_an_admin_may_delete_it() {
    const Principal ann = member("ann", Role::op), bob = member("bob", Role::viewer),
                    eve = member("eve", Role::op), root = member("root", Role::admin);
    CPPUNIT_ASSERT_EQUAL(std::string("denied:forbidden"),
                         AccountFixture::why(save(bob, "b", true)));
    CPPUNIT_ASSERT_EQUAL(std::string("view.created denied forbidden"), f_.last_entry());
    const SavedView shared = AccountFixture::must(save(ann, "a", true));
    (void)AccountFixture::must(save(bob, "z"));
    CPPUNIT_ASSERT_EQUAL(std::string("z:bob a:ann"), names(bob));
    CPPUNIT_ASSERT_EQUAL(std::string("denied:forbidden"), remove(eve, shared.id));
    CPPUNIT_ASSERT_EQUAL(std::string("view.deleted denied forbidden"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("a:ann"), names(eve));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), remove(root, shared.id));
    CPPUNIT_ASSERT_EQUAL(std::string(), names(eve));
  }

  void a_name_is_taken_once_per_person_and_list() {
    const Principal ann = member("ann", Role::op), bob = member("bob", Role::op);
    (void)AccountFixture::must(save(ann, "failed", true));
    const auto again = save(ann, "failed", true);
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:name"), AccountFixture::why(again));
    CPPUNIT_ASSERT(again.error().message.find("\"failed\"") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:name"), AccountFixture::why(save(ann, "failed")));
    (void)AccountFixture::must(save(ann, "failed", false, "schedules"));
    (void)AccountFixture::must(save(bob, "failed", true));
    CPPUNIT_ASSERT_EQUAL(std::string("failed:ann failed:bob"), names(ann));
    CPPUNIT_ASSERT_EQUAL(std::string("failed:ann"), names(ann, "schedules"));
    CPPUNIT_ASSERT_EQUAL(std::string("failed:ann failed:ann failed:bob"), names(ann, std::nullopt));
  }

  void nobody_has_more_than_the_ceiling() {
    namespace v = model::saved_views;
    const Principal ann = member("ann", Role::op), bob = member("bob", Role::op);
    Rows rows(Table::saved_views);
    for (std::uint32_t i = 0; i + 1 < kMostOwnViews; ++i) {
      rows.begin()
          .uuid(v::id, base::Uuid::random())
          .uuid(v::project_id, f_.project.id)
          .uuid(v::user_id, ann.user.id)
          .text(v::screen, "tasks")
          .text(v::name, "n" + std::to_string(i))
          .text(v::query, "")
          .num(v::is_shared, 1)
          .num(v::created_at, 1);
    }
    Commit commit;
    commit.insert(std::move(rows));
    AccountFixture::must(f_.store->commit(commit));
    (void)AccountFixture::must(save(bob, "last", true));
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:too_many"),
                         AccountFixture::why(save(bob, "more", true)));
    (void)AccountFixture::must(save(bob, "own"));
    (void)AccountFixture::must(save(ann, "own"));
    CPPUNIT_ASSERT_EQUAL(std::string("conflict:too_many"), AccountFixture::why(save(ann, "one")));
  }

  void private_views_end_with_the_membership_and_all_with_the_user() {
    Principal ann;
    ann.user = f_.add_user("ann", false, "none");
    ann.roles[f_.project.id] = Role::op;
    const User root = f_.add_user("root", true, "none");
    const Actor by = AccountFixture::actor(root);
    const Member joined =
        AccountFixture::must(f_.memberships.add(f_.project.id, ann.user.id, Role::op, by));
    (void)AccountFixture::must(save(ann, "own"));
    (void)AccountFixture::must(save(ann, "shared", true));
    AccountFixture::must(f_.memberships.remove(f_.project.id, joined.id, by));
    CPPUNIT_ASSERT_EQUAL(std::string("shared:ann"), names(ann));
    AccountFixture::must(f_.users.remove(ann.user.id, Users::Trace::kept, by));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::saved_views));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SavedViewsTest);

}  // namespace
}  // namespace z4j::core
