// Deploys: when one may have been, how the list pages, when they go.
#include "core/deploys.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/retention.hpp"
#include "core/testing/account_fixture.hpp"

namespace z4j::core {
namespace {

using testing::AccountFixture;

class DeploysTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DeploysTest);
  CPPUNIT_TEST(a_deploy_is_now_or_when_it_was_but_not_ahead);
  CPPUNIT_TEST(a_list_pages_newest_first_within_its_times);
  CPPUNIT_TEST(a_mark_outlives_who_made_it_without_a_name);
  CPPUNIT_TEST(old_ones_go_with_what_is_counted);
  CPPUNIT_TEST_SUITE_END();

  AccountFixture f_;
  const User ann_ = f_.add_user("ann", false, "none");

  base::Result<Deploy> mark(const std::string& label, std::optional<base::TimeUs> at = {}) {
    return create_deploy(f_.audit, f_.clock, f_.project.id, {label, "", at}, ann_,
                         AccountFixture::actor(ann_));
  }
  Page<Deploy> list(std::uint32_t limit, const std::optional<Place>& after = {},
                    std::optional<base::TimeUs> since = {},
                    std::optional<base::TimeUs> until = {}) {
    return AccountFixture::must(list_deploys(*f_.store, f_.project.id, since, until, after, limit));
  }
  static std::string labels(const Page<Deploy>& page) {
    std::string out;
    for (const Deploy& deploy : page.items) out += deploy.label;
    return out;
  }
  std::string remove(const base::Uuid& id) {
    return AccountFixture::why(
        remove_deploy(*f_.store, f_.audit, f_.project.id, id, AccountFixture::actor(ann_)));
  }

 public:
  void a_deploy_is_now_or_when_it_was_but_not_ahead() {
    const base::TimeUs now = f_.clock.now();
    const Deploy made = AccountFixture::must(mark(" v1 "));
    CPPUNIT_ASSERT_EQUAL(now, made.at);
    CPPUNIT_ASSERT_EQUAL(std::string("v1"), made.label);
    CPPUNIT_ASSERT_EQUAL(std::string("deploy.created success"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(now - base::kDayUs,
                         AccountFixture::must(mark("v0", now - base::kDayUs)).at);
    CPPUNIT_ASSERT(mark("clocks differ", now + kDeployAhead).ok());
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:at"),
                         AccountFixture::why(mark("v2", now + kDeployAhead + 1)));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:at"), AccountFixture::why(mark("v2", -1)));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid:label"), AccountFixture::why(mark(" ")));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), remove(made.id));
    CPPUNIT_ASSERT_EQUAL(std::string("deploy.deleted success"), f_.last_entry());
    CPPUNIT_ASSERT_EQUAL(std::string("not_found:"), remove(made.id));
  }

  void a_list_pages_newest_first_within_its_times() {
    const base::TimeUs now = f_.clock.now();
    for (int i = 0; i < 5; ++i)
      (void)AccountFixture::must(
          mark(std::to_string(i), now - (i / 2) * base::kSecondUs));  // some at the same time
    std::string seen;
    std::optional<Place> after;
    int pages = 0;
    do {
      const Page<Deploy> page = list(2, after);
      seen += labels(page);
      after = page.next;
      ++pages;
    } while (after);
    CPPUNIT_ASSERT_EQUAL(3, pages);
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, seen.size());
    CPPUNIT_ASSERT(seen.find('4') == 4 && seen.find('0') < 2 && seen.find('1') < 2);
    CPPUNIT_ASSERT_EQUAL(std::string("4"), labels(list(9, {}, {}, now - 2 * base::kSecondUs)));
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, list(9, {}, now - base::kSecondUs).items.size());
    const base::Uuid other = base::Uuid::random();
    CPPUNIT_ASSERT(
        AccountFixture::must(list_deploys(*f_.store, other, {}, {}, {}, 9)).items.empty());
  }

  void a_mark_outlives_who_made_it_without_a_name() {
    const User root = f_.add_user("root", true, "none");
    (void)AccountFixture::must(mark("v1"));
    CPPUNIT_ASSERT_EQUAL(std::string("ann"), list(1).items.at(0).created_by_name);
    AccountFixture::must(f_.users.remove(ann_.id, Users::Trace::kept, AccountFixture::actor(root)));
    CPPUNIT_ASSERT_EQUAL(std::string(), list(1).items.at(0).created_by_name);
  }

  void old_ones_go_with_what_is_counted() {
    Retention retention(*f_.store, f_.clock, f_.log, 30);
    (void)AccountFixture::must(mark("old", f_.clock.now() - 31 * base::kDayUs));
    (void)AccountFixture::must(mark("young", f_.clock.now() - 29 * base::kDayUs));
    (void)AccountFixture::must(retention.run_once());
    CPPUNIT_ASSERT_EQUAL(std::string("young"), labels(list(9)));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DeploysTest);

}  // namespace
}  // namespace z4j::core
