// A store with a project, users and everything of notifications: for unit tests.
#pragma once

#include <cppunit/TestAssert.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "core/audit.hpp"
#include "core/notifications.hpp"
#include "core/testing/fake_courier.hpp"
#include "core/testing/project_row.hpp"
#include "core/testing/test_store.hpp"
#include "model/ids.hpp"
#include "model/tables.hpp"

namespace z4j::core::testing {

class NotifyFixture {
 public:
  NotifyFixture() {
    must(audit.open());
    project = add_project("default");
    make({});
  }

  void make(Notifications::Options options) {
    notify = std::make_unique<Notifications>(*store, audit, courier, sealer, clock, log,
                                             std::move(options));
  }
  static void must(const base::Status& status) {
    CPPUNIT_ASSERT_MESSAGE(status.ok() ? "" : status.error().text(), status.ok());
  }
  template <class T>
  static T get(base::Result<T> result) {
    CPPUNIT_ASSERT_MESSAGE(result.ok() ? "" : result.error().text(), result.ok());
    return std::move(*result);
  }
  void insert(Rows rows) {
    Commit commit;
    commit.insert(std::move(rows));
    must(store->commit(commit));
  }
  std::uint64_t count(Table table, const Where& where = {}) {
    return get(store->count(table, where));
  }
  std::vector<Row> rows(Table table) { return get(store->read(Query(table).all())); }

  base::Uuid add_project(const std::string& slug) {
    const base::Uuid id = base::Uuid::random();
    insert(project_row(id, slug, clock.now()));
    return id;
  }
  // Without a role: no member.
  Principal add_user(const std::string& name, Role role = Role::viewer, bool is_admin = false) {
    namespace u = model::users;
    namespace m = model::memberships;
    Principal out;
    out.user.id = base::Uuid::random();
    out.user.email = name + "@example.org";
    out.user.is_admin = is_admin;
    Rows users(Table::users);
    users.begin()
        .uuid(u::id, out.user.id)
        .text(u::email, out.user.email)
        .num(u::is_admin, is_admin ? 1 : 0)
        .num(u::is_active, 1)
        .text(u::timezone, "UTC")
        .num(u::failed_login_count, 0)
        .num(u::created_at, clock.now())
        .num(u::updated_at, clock.now());
    insert(std::move(users));
    if (role == Role::none) return out;
    out.roles[project] = role;
    Rows rows(Table::memberships);
    rows.begin()
        .uuid(m::id, base::Uuid::random())
        .uuid(m::user_id, out.user.id)
        .uuid(m::project_id, project)
        .text(m::role, to_string(role))
        .num(m::created_at, clock.now())
        .num(m::updated_at, clock.now());
    insert(std::move(rows));
    return out;
  }
  Channel add_channel(const std::string& name = "hook") {
    return get(notify->channels.create(
        ChannelOwner::project(project),
        ChannelDraft{name,
                     "webhook",
                     {{"url", "https://hooks.example.org/a/b"}, {"hmac_secret", "hush-hush"}},
                     true},
        {}));
  }
  Subscription subscribe(const Principal& who, std::string_view trigger,
                         std::vector<base::Uuid> channels = {}, std::int64_t cooldown_s = 0,
                         base::json::Object filters = {}) {
    SubscriptionDraft draft;
    draft.project_id = project;
    draft.trigger = trigger;
    draft.filters = std::move(filters);
    draft.project_channel_ids = std::move(channels);
    draft.cooldown_seconds = cooldown_s;
    return get(notify->subscriptions.create(who, draft, {}));
  }
  // An event as a lane hands it over when it is stored.
  Event failed(std::string_view id, std::string_view name = "shop.charge") {
    Event e;
    e.id = base::Uuid::random();
    e.project_id = project;
    e.agent_id = base::Uuid::random();
    e.at = clock.now();
    e.kind = Z4J_EV_FAILED;
    e.engine = "celery";
    e.task = name;
    e.queue = "high";
    e.task_id = id;
    e.facts.priority = "high";
    e.facts.exception = "ValueError: no money";
    return e;
  }
  void store_events(const std::vector<const Event*>& events) { notify->alerts.stored(events); }
  std::vector<Notification> inbox(const Principal& who) {
    return get(notify->inbox.list(who.user.id, Inbox::Which::all, 200));
  }
  std::vector<Delivery> deliveries() {
    return get(notify->deliveries.of_project(project, {}, 500)).items;
  }

  base::SystemClock wall;
  base::ManualClock clock{wall.now()};
  base::Log& log = base::Log::quiet();
  TestStore store;
  Sealer sealer{"a test secret of at least 32 bytes", {}};
  FakeCourier courier;
  Audit audit{*store, clock, log, Audit::Options{.secret = "test secret", .previous_secrets = {}}};
  base::Uuid project;
  std::unique_ptr<Notifications> notify;
};

}  // namespace z4j::core::testing
