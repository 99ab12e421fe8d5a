#include "core/alerts.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/testing/notify_fixture.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

class AlertsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AlertsTest);
  CPPUNIT_TEST(globs_fit_as_a_shell_does);
  CPPUNIT_TEST(filters_are_read_strictly_and_kept_leniently);
  CPPUNIT_TEST(a_failed_task_rings_the_bell_and_goes_out);
  CPPUNIT_TEST(nobody_is_told_what_nobody_asked_for);
  CPPUNIT_TEST(what_an_event_does_not_say_is_looked_up);
  CPPUNIT_TEST(a_cooldown_lets_one_through);
  CPPUNIT_TEST(of_two_brains_one_claims_a_cooldown);
  CPPUNIT_TEST(muted_and_inactive_ones_are_silent);
  CPPUNIT_TEST(who_left_the_project_is_not_told);
  CPPUNIT_TEST(a_flood_is_told_as_a_number);
  CPPUNIT_TEST(old_news_is_no_news);
  CPPUNIT_TEST(a_slow_task_is_told_once_running_or_ended);
  CPPUNIT_TEST(agents_that_go_and_come_are_told);
  CPPUNIT_TEST(a_worker_that_goes_is_told);
  CPPUNIT_TEST(a_deep_queue_is_told_when_it_gets_deep);
  CPPUNIT_TEST(a_command_that_timed_out_is_told);
  CPPUNIT_TEST(what_concerns_all_is_told_each_user_once);
  CPPUNIT_TEST(members_get_the_defaults_and_lose_them);
  CPPUNIT_TEST(old_notifications_go);
  CPPUNIT_TEST_SUITE_END();

  testing::NotifyFixture f_;
  Principal ann_;

  void round() { f_.must(f_.notify->alerts.work()); }
  void advance(std::int64_t seconds) { f_.clock.advance(seconds * base::kSecondUs); }
  void fail(std::string_view id, std::string_view name = "shop.charge") {
    const Event e = f_.failed(id, name);
    f_.store_events({&e});
  }
  std::string titles(const Principal& who) {
    std::string out;
    for (const Notification& each : f_.inbox(who)) out += (out.empty() ? "" : "; ") + each.title;
    return out;
  }
  void add_agent(const base::Uuid& id, std::string_view state) {
    namespace a = model::agents;
    Rows rows(Table::agents);
    rows.begin()
        .uuid(a::id, id)
        .uuid(a::project_id, f_.project)
        .text(a::name, "web-1")
        .num(a::is_local, 0)
        .text(a::protocol_version, "2")
        .text(a::framework_adapter, "django")
        .text(a::state, state)
        .num(a::events_persisted, 0)
        .num(a::events_dropped, 0)
        .num(a::created_at, f_.clock.now())
        .num(a::updated_at, f_.clock.now());
    Commit commit;
    commit.merge(std::move(rows));
    f_.must(f_.store->commit(commit));
  }
  void add_task(std::string_view id, std::string_view state, base::TimeUs started) {
    namespace t = model::tasks;
    Rows rows(Table::tasks);
    rows.begin()
        .uuid(t::id, model::task_row_id(f_.project, "celery", id))
        .uuid(t::project_id, f_.project)
        .text(t::engine, "celery")
        .text(t::task_id, id)
        .text(t::name, "shop.report")
        .text(t::queue, "slow-lane")
        .text(t::priority, "low")
        .text(t::state, state)
        .num(t::state_stamp, 1)
        .num(t::started_at, started)
        .num(t::started_stamp, 1)
        .num(t::queue_stamp, 1)
        .num(t::priority_stamp, 1)
        .num(t::sort_at, started)
        .num(t::sort_stamp, 1)
        .num(t::created_at, started)
        .num(t::updated_at, started);
    f_.insert(std::move(rows));
  }

 public:
  void setUp() override { ann_ = f_.add_user("ann"); }

  void globs_fit_as_a_shell_does() {
    for (const auto& [pattern, text] :
         std::vector<std::pair<const char*, const char*>>{{"shop.*", "shop.charge"},
                                                          {"*", ""},
                                                          {"a?c", "abc"},
                                                          {"*.[ab]c", "x.bc"},
                                                          {"[!a]x", "bx"},
                                                          {"[a-c]x", "bx"},
                                                          {"*a*b*c", "xxaxxbxxc"},
                                                          {"[", "["},
                                                          {"a[", "a["}}) {
      CPPUNIT_ASSERT_MESSAGE(pattern, fits_glob(pattern, text));
    }
    for (const auto& [pattern, text] :
         std::vector<std::pair<const char*, const char*>>{{"shop.*", "Shop.charge"},
                                                          {"a?c", "ac"},
                                                          {"[!a]x", "ax"},
                                                          {"", "a"},
                                                          {"a", ""},
                                                          {"*b", "ba"}}) {
      CPPUNIT_ASSERT_MESSAGE(pattern, !fits_glob(pattern, text));
    }
  }

  void filters_are_read_strictly_and_kept_leniently() {
    const auto read = [](std::string_view text) {
      return SubscriptionFilter::read(json::parse(text)->get_object());
    };
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"priority":["high"],"queue":"q"})"),
        json::write(
            read(R"({"priority":["high"],"queue":"q","task_name":null,"odd":1})")->to_json()));
    CPPUNIT_ASSERT(!read(R"({"priority":["urgent"]})").ok());
    CPPUNIT_ASSERT(!read(R"({"task_name":7})").ok());
    CPPUNIT_ASSERT(!read(R"({"task_name_pattern":"******"})").ok());
    CPPUNIT_ASSERT(!read(R"({"task_name_pattern":"[a][b][c][d]"})").ok());
    const SubscriptionFilter stored =
        SubscriptionFilter::of(*json::parse(R"({"task_name_pattern":"******"})"));
    CPPUNIT_ASSERT(!stored.fits({"normal", "a", "q"}));
  }

  void a_failed_task_rings_the_bell_and_goes_out() {
    f_.subscribe(ann_, kTaskFailed, {f_.add_channel().id});
    round();
    fail("t1");
    round();
    const auto rung = f_.inbox(ann_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rung.size());
    CPPUNIT_ASSERT_EQUAL(std::string("Task failed: shop.charge"), rung[0].title);
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError: no money"), rung[0].body);
    CPPUNIT_ASSERT_EQUAL(std::string("t1"), std::string(json::text(rung[0].data, "task_id")));
    f_.notify->outbox.work();
    const auto letters = f_.courier.take();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, letters.size());
    const json::Object& said = letters[0].message.context;
    CPPUNIT_ASSERT_EQUAL(std::string("default"), std::string(json::text(said, "project_slug")));
    CPPUNIT_ASSERT_EQUAL(std::string("failure"), std::string(json::text(said, "state")));
    CPPUNIT_ASSERT_EQUAL(std::string("t1"), f_.deliveries().at(0).task_id);
    CPPUNIT_ASSERT_EQUAL(
        std::size_t{1},
        f_.get(f_.notify->deliveries.of_user(ann_.user.id, {}, {}, 10)).items.size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, f_.get(f_.notify->inbox.count_unread(ann_.user.id)));
    f_.must(f_.notify->inbox.mark_read(ann_.user.id, rung[0].id));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, f_.get(f_.notify->inbox.count_unread(ann_.user.id)));
  }

  void nobody_is_told_what_nobody_asked_for() {
    round();
    fail("t1");
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, f_.notify->alerts.stats().occasions);
    f_.subscribe(ann_, kTaskFailed, {}, 0, {{"task_name_pattern", "mail.*"}});
    f_.subscribe(f_.add_user("bob"), kTaskSucceeded);
    round();
    fail("t1");
    round();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, f_.count(Table::user_notifications));
    fail("t2", "mail.send");
    round();
    CPPUNIT_ASSERT_EQUAL(std::string("Task failed: mail.send"), titles(ann_));
  }

  void what_an_event_does_not_say_is_looked_up() {
    add_task("t1", "failure", f_.clock.now());
    f_.subscribe(ann_, kTaskFailed, {}, 0,
                 {{"queue", "slow-lane"}, {"priority", json::Array{"low"}}});
    round();
    Event e = f_.failed("t1", "");
    e.queue = {};
    e.facts.priority = {};
    f_.store_events({&e});
    round();
    CPPUNIT_ASSERT_EQUAL(std::string("Task failed: shop.report"), titles(ann_));
  }

  void a_cooldown_lets_one_through() {
    f_.subscribe(ann_, kTaskFailed, {}, 300);
    round();
    for (const char* id : {"t1", "t2", "t3"}) fail(id);
    round();
    fail("t4");
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.inbox(ann_).size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, f_.notify->alerts.stats().cooled_down);
    advance(301);
    fail("t5");
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f_.inbox(ann_).size());
  }

  void of_two_brains_one_claims_a_cooldown() {
    f_.subscribe(ann_, kTaskFailed, {}, 300);
    Notifications other(*f_.store, f_.audit, f_.courier, f_.sealer, f_.clock, f_.log, {});
    round();
    f_.must(other.alerts.work());
    const Event one = f_.failed("t1"), two = f_.failed("t2");
    f_.store_events({&one});
    const Event* at_other[] = {&two};
    other.alerts.stored(at_other);
    round();
    f_.must(other.alerts.work());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.inbox(ann_).size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, other.alerts.stats().cooled_down);
  }

  void muted_and_inactive_ones_are_silent() {
    const Subscription s = f_.subscribe(ann_, kTaskFailed);
    SubscriptionPatch mute;
    mute.muted_until = f_.clock.now() + 60 * base::kSecondUs;
    f_.get(f_.notify->subscriptions.patch(ann_, s.id, mute, {}));
    round();
    fail("t1");
    round();
    CPPUNIT_ASSERT(f_.inbox(ann_).empty());
    advance(61);
    fail("t2");
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.inbox(ann_).size());
    SubscriptionPatch off;
    off.is_active = false;
    f_.get(f_.notify->subscriptions.patch(ann_, s.id, off, {}));
    round();
    fail("t3");
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.inbox(ann_).size());
  }

  void who_left_the_project_is_not_told() {
    const Principal bob = f_.add_user("bob"), root = f_.add_user("root", Role::none, true);
    f_.subscribe(ann_, kTaskFailed);
    f_.subscribe(bob, kTaskFailed);
    f_.subscribe(root, kTaskFailed);
    round();
    Commit gone;
    Where membership, user;
    membership.eq(model::memberships::user_id, ann_.user.id);
    gone.erase(Table::memberships, std::move(membership));
    user.eq(model::users::id, bob.user.id);
    gone.update(Table::users, std::move(user), {{model::users::is_active, false}});
    f_.must(f_.store->commit(gone));
    fail("t1");
    round();
    CPPUNIT_ASSERT(f_.inbox(ann_).empty());
    CPPUNIT_ASSERT(f_.inbox(bob).empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.inbox(root).size());
  }

  void a_flood_is_told_as_a_number() {
    f_.subscribe(ann_, kTaskFailed);
    round();
    for (int i = 0; i < 100; ++i) fail("t" + std::to_string(i));
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{60}, f_.inbox(ann_).size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{40}, f_.notify->alerts.stats().flooded);
    advance(61);
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{61}, f_.inbox(ann_).size());
    CPPUNIT_ASSERT_EQUAL(std::string("Task failed: 40 more"), f_.inbox(ann_).at(0).title);
  }

  void old_news_is_no_news() {
    f_.subscribe(ann_, kTaskFailed);
    round();
    Event e = f_.failed("t1");
    e.at = f_.clock.now() - 2 * 3'600 * base::kSecondUs;
    f_.store_events({&e});
    round();
    CPPUNIT_ASSERT(f_.inbox(ann_).empty());
  }

  void a_slow_task_is_told_once_running_or_ended() {
    f_.subscribe(ann_, kTaskSlow, {}, 0, {{"slower_than_seconds", 60}});
    const base::TimeUs started = f_.clock.now();
    add_task("t1", "started", started);
    round();
    advance(50);
    round();
    CPPUNIT_ASSERT(f_.inbox(ann_).empty());
    advance(20);
    round();
    CPPUNIT_ASSERT_EQUAL(std::string("Task slow: shop.report"), titles(ann_));
    Event e = f_.failed("t1", "shop.report");
    e.runtime_us = 70 * base::kSecondUs;
    f_.store_events({&e});
    advance(10);
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.inbox(ann_).size());
    // One that nobody saw running is told when it ends.
    add_task("t2", "success", started);
    Event ended = f_.failed("t2", "shop.report");
    ended.kind = Z4J_EV_SUCCEEDED;
    ended.runtime_us = 61 * base::kSecondUs;
    f_.store_events({&ended});
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f_.inbox(ann_).size());
    CPPUNIT_ASSERT_EQUAL(std::string("it ran for 61 s"), f_.inbox(ann_).at(0).body);
  }

  void agents_that_go_and_come_are_told() {
    f_.subscribe(ann_, kAgentOffline);
    f_.subscribe(ann_, kAgentOnline);
    const base::Uuid id = base::Uuid::random();
    add_agent(id, "online");
    round();
    for (const char* state : {"offline", "offline", "online"}) {
      add_agent(id, state);
      advance(6);
      round();
    }
    CPPUNIT_ASSERT_EQUAL(std::string("Agent online: web-1; Agent offline: web-1"), titles(ann_));
  }

  void a_worker_that_goes_is_told() {
    namespace w = model::workers;
    f_.subscribe(ann_, kWorkerOffline);
    const auto say = [&](std::string_view state) {
      Rows rows(Table::workers);
      rows.begin()
          .uuid(w::id, model::worker_row_id(f_.project, "celery", "w1"))
          .uuid(w::project_id, f_.project)
          .text(w::engine, "celery")
          .text(w::name, "w1")
          .text(w::state, state)
          .num(w::active_tasks, 0)
          .num(w::sort_at, f_.clock.now())
          .num(w::created_at, f_.clock.now())
          .num(w::updated_at, f_.clock.now());
      Commit commit;
      commit.merge(std::move(rows));
      f_.must(f_.store->commit(commit));
      advance(6);
      round();
    };
    say("online");
    say("offline");
    say("offline");
    CPPUNIT_ASSERT_EQUAL(std::string("Worker offline: w1"), titles(ann_));
  }

  void a_deep_queue_is_told_when_it_gets_deep() {
    namespace q = model::queues;
    f_.subscribe(ann_, kQueueDepthHigh, {}, 0, {{"depth_over", 100}});
    const auto say = [&](std::int64_t depth) {
      Rows rows(Table::queues);
      rows.begin()
          .uuid(q::id, model::queue_row_id(f_.project, "celery", "mail"))
          .uuid(q::project_id, f_.project)
          .text(q::engine, "celery")
          .text(q::name, "mail")
          .num(q::pending_count, depth)
          .num(q::created_at, f_.clock.now())
          .num(q::updated_at, f_.clock.now());
      Commit commit;
      commit.merge(std::move(rows));
      f_.must(f_.store->commit(commit));
      advance(6);
      round();
      return f_.inbox(ann_).size();
    };
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, say(100));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, say(101));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, say(500));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, say(90));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, say(101));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, say(10));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, say(200));
    CPPUNIT_ASSERT_EQUAL(std::string("Queue depth high: mail"), f_.inbox(ann_).at(0).title);
  }

  void a_command_that_timed_out_is_told() {
    namespace c = model::commands;
    f_.subscribe(ann_, kCommandTimeout);
    round();
    advance(6);
    Rows rows(Table::commands);
    rows.begin()
        .uuid(c::id, base::Uuid::random())
        .uuid(c::project_id, f_.project)
        .text(c::action, "cancel_task")
        .text(c::target_type, "task")
        .text(c::target_id, "t1")
        .text(c::status, "timeout")
        .num(c::issued_at, f_.clock.now())
        .num(c::timeout_at, f_.clock.now())
        .num(c::completed_at, f_.clock.now());
    f_.insert(std::move(rows));
    advance(6);
    round();
    advance(6);
    round();
    CPPUNIT_ASSERT_EQUAL(std::string("Command timed out: cancel_task t1"), titles(ann_));
  }

  void what_concerns_all_is_told_each_user_once() {
    const Principal root = f_.add_user("root", Role::none, true);
    f_.subscribe(root, kAuditChainBroken);
    SubscriptionDraft draft;
    draft.project_id = f_.add_project("other");
    draft.trigger = kAuditChainBroken;
    f_.get(f_.notify->subscriptions.create(root, draft, {}));
    round();
    Occasion o;
    o.trigger = kAuditChainBroken;
    o.at = f_.clock.now();
    o.subject = "mac_mismatch";
    f_.notify->alerts.fire(o);
    round();
    CPPUNIT_ASSERT_EQUAL(std::string("Audit chain broken: mac_mismatch"), titles(root));
  }

  void members_get_the_defaults_and_lose_them() {
    SubscriptionDraft draft;
    draft.trigger = kTaskFailed;
    draft.cooldown_seconds = 60;
    f_.get(f_.notify->subscriptions.create_default(f_.project, draft, {}));
    const auto twice = f_.notify->subscriptions.create_default(f_.project, draft, {});
    CPPUNIT_ASSERT(!twice && twice.error().code == base::Code::conflict);
    const Principal bob = f_.add_user("bob");
    for (int i = 0; i < 2; ++i) {
      const auto act = f_.get(f_.notify->subscriptions.joining(bob.user.id, f_.project));
      Commit commit;
      act(commit);
      if (commit.steps() > 0) f_.must(f_.store->commit(commit));
    }
    const auto page = f_.get(f_.notify->subscriptions.list(bob.user.id, {}, {}, 10));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, page.items.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{60}, page.items[0].cooldown_seconds);
    Commit commit;
    f_.notify->subscriptions.leave(commit, bob.user.id, f_.project);
    f_.must(f_.store->commit(commit));
    CPPUNIT_ASSERT(f_.get(f_.notify->subscriptions.list(bob.user.id, {}, {}, 10)).items.empty());
    // The first user of an installation.
    const base::Uuid fresh = f_.add_project("fresh");
    for (int i = 0; i < 2; ++i) {
      Commit first;
      f_.notify->subscriptions.found(first, bob.user.id, fresh);
      f_.must(f_.store->commit(first));
    }
    CPPUNIT_ASSERT_EQUAL(
        std::size_t{1},
        f_.get(f_.notify->subscriptions.list(bob.user.id, {}, {}, 10)).items.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.get(f_.notify->subscriptions.defaults(fresh)).size());
  }

  void old_notifications_go() {
    f_.subscribe(ann_, kTaskFailed);
    round();
    for (int i = 0; i < 30; ++i) {
      fail("t" + std::to_string(i));
      round();
      advance(1);
    }
    f_.must(sweep_notifications(*f_.store, {90, 90, 10}, f_.clock.now(), {}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{10}, f_.inbox(ann_).size());
    advance(91 * 86'400);
    f_.must(sweep_notifications(*f_.store, {90, 90, 10}, f_.clock.now(), {}));
    CPPUNIT_ASSERT(f_.inbox(ann_).empty());
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(AlertsTest);

}  // namespace
}  // namespace z4j::core
