#include "core/notices.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/live.hpp"
#include "core/testing/shared_store.hpp"

namespace z4j::core {
namespace {

// A brain that writes down what it hears.
struct Listener {
  Listener(testing::SharedStore& shared, std::function<bool()> has_others = {})
      : store(shared.open()) {
    Notices::Handlers handlers;
    handlers.live = [this](const base::Uuid& project, std::string_view topic) {
      const std::lock_guard lock(mutex);
      changes.emplace_back(project, topic);
    };
    handlers.leases = [this] { note("leases"); };
    handlers.requests = [this] { note("requests"); };
    handlers.answers = [this] { note("answers"); };
    handlers.plugins = [this] { note("plugins"); };
    handlers.missed = [this] { note("missed"); };
    Notices::Options options;
    options.live_every = std::chrono::milliseconds(1);
    options.has_others = std::move(has_others);
    notices = std::make_unique<Notices>(*store, base::Log::quiet(), brain, std::move(handlers),
                                        std::move(options));
    shared.driver->on_notice([this](std::string_view channel, std::string_view payload) {
      longest = std::max(longest, payload.size());
      notices->heard(channel, payload);
    });
  }
  void note(const char* what) {
    const std::lock_guard lock(mutex);
    heard.emplace_back(what);
  }
  std::size_t change_count() {
    const std::lock_guard lock(mutex);
    return changes.size();
  }

  const base::Uuid brain = base::Uuid::random();
  std::unique_ptr<Store> store;
  std::mutex mutex;
  std::vector<std::pair<base::Uuid, std::string>> changes;  // guarded by mutex, as is the next
  std::vector<std::string> heard;
  std::size_t longest = 0;
  std::unique_ptr<Notices> notices;
};

using Words = std::vector<std::string>;

class NoticesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(NoticesTest);
  CPPUNIT_TEST(what_a_commit_tells_is_heard_by_all_others);
  CPPUNIT_TEST(a_commit_that_is_refused_tells_nothing);
  CPPUNIT_TEST(an_answer_is_heard_by_the_brain_it_names);
  CPPUNIT_TEST(what_people_watch_is_told_once_however_often_it_changed);
  CPPUNIT_TEST(changes_of_many_projects_go_in_several_notices);
  CPPUNIT_TEST(nothing_is_told_while_there_is_nobody_else);
  CPPUNIT_TEST(a_store_for_one_brain_has_no_notices);
  CPPUNIT_TEST(payloads_that_make_no_sense_are_left_alone);
  CPPUNIT_TEST(a_gap_may_have_held_anything);
  CPPUNIT_TEST(the_thread_tells_by_itself_and_ends);
  CPPUNIT_TEST_SUITE_END();

  testing::SharedStore shared_;

  static Commit one_row() {
    Rows row(Table::meta);
    row.begin().text(model::meta::key, "k").text(model::meta::value, "v");
    return std::move(Commit().insert(std::move(row)));
  }

 public:
  void what_a_commit_tells_is_heard_by_all_others() {
    Listener a(shared_), b(shared_), c(shared_);
    Commit commit = one_row();
    for (const auto about :
         {Notices::About::leases, Notices::About::requests, Notices::About::plugins})
      a.notices->tell(commit, about);
    CPPUNIT_ASSERT(a.store->commit(commit).ok());
    CPPUNIT_ASSERT(a.heard.empty());
    for (Listener* other : {&b, &c})
      CPPUNIT_ASSERT(other->heard == (Words{"leases", "requests", "plugins"}));
  }
  void a_commit_that_is_refused_tells_nothing() {
    Listener a(shared_), b(shared_);
    Commit first = one_row(), second = one_row();
    a.notices->tell(second, Notices::About::leases);
    CPPUNIT_ASSERT(a.store->commit(first).ok());
    CPPUNIT_ASSERT(!a.store->commit(second).ok());
    CPPUNIT_ASSERT(b.heard.empty());
  }
  void an_answer_is_heard_by_the_brain_it_names() {
    Listener a(shared_), b(shared_), c(shared_);
    Commit commit = one_row();
    a.notices->tell(commit, Notices::About::answers, b.brain.text());
    CPPUNIT_ASSERT(a.store->commit(commit).ok());
    CPPUNIT_ASSERT(b.heard == Words{"answers"});
    CPPUNIT_ASSERT(c.heard.empty());
  }
  void what_people_watch_is_told_once_however_often_it_changed() {
    Listener a(shared_), b(shared_);
    const base::Uuid project = base::Uuid::random();
    for (int i = 0; i < 1000; ++i) {
      a.notices->live(project, kTaskChanged);
      a.notices->live(project, kAgentChanged);
      a.notices->live(project, "not.a.topic");
    }
    CPPUNIT_ASSERT(b.changes.empty());
    CPPUNIT_ASSERT(a.notices->tell_live().ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, b.changes.size());
    for (const auto& [where, topic] : b.changes) {
      CPPUNIT_ASSERT(where == project);
      CPPUNIT_ASSERT(topic == kTaskChanged || topic == kAgentChanged);
    }
    CPPUNIT_ASSERT(a.notices->tell_live().ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, b.changes.size());
    CPPUNIT_ASSERT(a.changes.empty());
  }
  void changes_of_many_projects_go_in_several_notices() {
    Listener a(shared_), b(shared_);
    std::set<base::Uuid> projects, seen;
    while (projects.size() < 200) projects.insert(base::Uuid::random());
    for (const base::Uuid& project : projects) {
      for (const std::string_view topic : kLiveTopics) a.notices->live(project, topic);
    }
    CPPUNIT_ASSERT(a.notices->tell_live().ok());
    CPPUNIT_ASSERT_EQUAL(200 * kLiveTopics.size(), b.changes.size());
    std::set<std::string> topics;
    for (const auto& [project, topic] : b.changes) {
      seen.insert(project);
      topics.emplace(topic);
    }
    CPPUNIT_ASSERT_EQUAL(kLiveTopics.size(), topics.size());
    CPPUNIT_ASSERT(seen == projects);
    CPPUNIT_ASSERT(b.longest <= 4000);
  }
  void nothing_is_told_while_there_is_nobody_else() {
    bool has_others = false;
    Listener a(shared_, [&has_others] { return has_others; });
    Listener b(shared_);
    a.notices->live(base::Uuid::random(), kTaskChanged);
    CPPUNIT_ASSERT(a.notices->tell_live().ok());
    CPPUNIT_ASSERT(b.changes.empty());
    has_others = true;  // who came meanwhile has read the store after that change
    CPPUNIT_ASSERT(a.notices->tell_live().ok());
    CPPUNIT_ASSERT(b.changes.empty());
    a.notices->live(base::Uuid::random(), kTaskChanged);
    CPPUNIT_ASSERT(a.notices->tell_live().ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, b.changes.size());
  }
  void a_store_for_one_brain_has_no_notices() {
    Notices alone(*shared_.kept, base::Log::quiet(), base::Uuid::random(), {}, {});
    Commit commit;
    alone.tell(commit, Notices::About::leases);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, commit.steps());
    alone.live(base::Uuid::random(), kTaskChanged);
    CPPUNIT_ASSERT(alone.tell_live().ok());
    CPPUNIT_ASSERT(alone.start().ok());
  }
  void payloads_that_make_no_sense_are_left_alone() {
    Listener a(shared_);
    const std::string sender = base::Uuid::random().text(), project = base::Uuid::random().text();
    for (const std::string& payload :
         {std::string(), std::string("x"), sender, sender + " ", sender + " " + project,
          sender + " " + std::string(36, 'x') + "7", sender + " " + project + "0",
          sender + " " + project + "\xff" + project, std::string(4000, '\0')}) {
      a.notices->heard("live", payload);
    }
    // Bits that stand for no topic.
    CPPUNIT_ASSERT(a.changes.size() <= 3);
    a.notices->heard("nowhere", sender + " " + project + "1");
    a.notices->heard("", "");
    CPPUNIT_ASSERT(a.heard.empty());
    const std::size_t before = a.changes.size();
    a.notices->heard("live", sender + " " + project + "1" + project + "4");
    CPPUNIT_ASSERT_EQUAL(before + 2, a.changes.size());
    // A brain that wants to hear nothing.
    Notices deaf(*a.store, base::Log::quiet(), base::Uuid::random(), {}, {});
    for (const char* channel : {"live", "leases", "requests", "answers", "plugins"})
      deaf.heard(channel, sender + " " + project + "1");
    deaf.gap();
  }
  void a_gap_may_have_held_anything() {
    Listener a(shared_);
    a.notices->gap();
    CPPUNIT_ASSERT(a.heard == Words{"missed"});
  }
  void the_thread_tells_by_itself_and_ends() {
    Listener a(shared_), b(shared_);
    CPPUNIT_ASSERT(a.notices->start().ok());
    CPPUNIT_ASSERT(a.notices->start().ok());
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (std::size_t i = 1; i <= 2; ++i) {
      a.notices->live(base::Uuid::random(), kTaskChanged);
      while (b.change_count() < i && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      CPPUNIT_ASSERT_EQUAL(i, b.change_count());
    }
    a.notices->stop();
    a.notices->live(base::Uuid::random(), kTaskChanged);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, b.change_count());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NoticesTest);

}  // namespace
}  // namespace z4j::core
