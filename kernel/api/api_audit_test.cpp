// What requests leave in the audit log, and what becomes of those that can leave nothing.
#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "api/router.hpp"
#include "api/testing/api_fixture.hpp"
#include "plugin/testing/passing_storage.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Array;
using testing::Browser;
using testing::Object;

namespace audit_col = model::audit_log;

// The real driver, which takes no entry of the audit log while `is_shut`.
class ShutLog final : public plugin::testing::PassingStorage {
 public:
  ShutLog(std::shared_ptr<plugin::StorageClient> driver, const std::atomic<bool>& is_shut)
      : PassingStorage(std::move(driver)), is_shut_(is_shut) {}

 private:
  class Shut final : public plugin::testing::PassingSession {
   public:
    Shut(std::unique_ptr<Session> session, const std::atomic<bool>& is_shut)
        : PassingSession(std::move(session)), is_shut_(is_shut) {}
    base::Status commit(z4j_commit& c, int deadline_ms, std::shared_ptr<void> keep) override {
      for (std::uint32_t i = 0; is_shut_ && i < c.step_count; ++i) {
        if (c.steps[i]->table == static_cast<std::uint16_t>(core::Table::audit_log))
          return base::Error{base::Code::unavailable, "as the test wants it", {}, {}, 0};
      }
      return PassingSession::commit(c, deadline_ms, std::move(keep));
    }

   private:
    const std::atomic<bool>& is_shut_;
  };
  std::unique_ptr<Session> wrap(std::unique_ptr<Session> session) override {
    return std::make_unique<Shut>(std::move(session), is_shut_);
  }
  const std::atomic<bool>& is_shut_;
};

// The entry of each route that may change something; "" where there is nothing to record: it only
// looks, or marks what is read in one's own inbox.
const std::map<std::string, std::string> kActions = {
    {"POST /api/v1/admin/redaction/test", ""},
    {"POST /api/v1/admin/smtp/test", "smtp.test"},
    {"POST /api/v1/admin/system/versions/check", ""},
    {"POST /api/v1/agents/mint-token", "agent.token.minted"},
    {"POST /api/v1/api-keys", "api_key.created"},
    {"DELETE /api/v1/api-keys/{key_id}", "api_key.revoked"},
    {"POST /api/v1/audit/breaks", "audit.break_acknowledged"},
    {"POST /api/v1/audit/verify", "audit.verify_started"},
    {"POST /api/v1/auth/change-password", "auth.password_changed"},
    {"POST /api/v1/auth/login", "auth.login"},
    {"POST /api/v1/auth/logout", "auth.logout"},
    {"PATCH /api/v1/auth/me", "user.updated"},
    {"POST /api/v1/auth/mfa/disable", "user.mfa_disabled"},
    {"POST /api/v1/auth/mfa/enroll-complete", "user.mfa_enrolled"},
    {"POST /api/v1/auth/mfa/enroll-start", "user.mfa_enroll_started"},
    {"POST /api/v1/auth/mfa/recovery-codes/regenerate", "user.mfa_recovery_codes_regenerated"},
    {"POST /api/v1/auth/mfa/trusted-devices", "user.mfa_trusted_device_added"},
    {"PATCH /api/v1/auth/mfa/trusted-devices/{device_id}", "user.mfa_trusted_device_renamed"},
    {"POST /api/v1/auth/mfa/trusted-devices/{device_id}/revoke", "user.mfa_trusted_device_revoked"},
    {"POST /api/v1/auth/mfa/verify", "user.mfa_verified"},
    {"POST /api/v1/auth/password-reset/confirm", "auth.password_reset_completed"},
    {"POST /api/v1/auth/password-reset/request", "auth.password_reset_requested"},
    {"POST /api/v1/auth/sessions/revoke-others", "auth.session_revoked"},
    {"POST /api/v1/auth/sessions/{session_id}/revoke", "auth.session_revoked"},
    {"POST /api/v1/csp-reports", ""},  // counted and logged
    {"POST /api/v1/invitations/accept", "invitation.accept"},
    {"POST /api/v1/plugins/{instance}/disable", "plugin.disabled"},
    {"POST /api/v1/plugins/{instance}/enable", "plugin.enabled"},
    {"DELETE /api/v1/plugins/{instance}/override", "plugin.settings_changed"},
    {"PUT /api/v1/plugins/{instance}/settings", "plugin.settings_changed"},
    {"POST /api/v1/plugins/{instance}/validate", ""},
    {"POST /api/v1/projects", "project.created"},
    {"DELETE /api/v1/projects/{slug}", "project.archived"},
    {"PATCH /api/v1/projects/{slug}", "project.updated"},
    {"POST /api/v1/projects/{slug}/agents", "agent.token.minted"},
    {"DELETE /api/v1/projects/{slug}/agents/{agent_id}", "agent.deleted"},
    {"POST /api/v1/projects/{slug}/agents/{agent_id}/revoke", "agent.token.revoked"},
    {"POST /api/v1/projects/{slug}/agents/{agent_id}/rotate-token", "agent.token.rotated"},
    {"POST /api/v1/projects/{slug}/bulk-jobs", "command.issue.bulk_retry"},
    {"POST /api/v1/projects/{slug}/bulk-jobs/{job_id}/cancel", "bulk_job.cancelled"},
    {"POST /api/v1/projects/{slug}/bulk-jobs/{job_id}/pause", "bulk_job.paused"},
    {"POST /api/v1/projects/{slug}/bulk-jobs/{job_id}/resume", "bulk_job.resumed"},
    {"POST /api/v1/projects/{slug}/commands/add-consumer", "command.issue.add_consumer"},
    {"POST /api/v1/projects/{slug}/commands/autoscale", "command.issue.autoscale"},
    {"POST /api/v1/projects/{slug}/commands/bulk-retry", "command.issue.bulk_retry"},
    {"POST /api/v1/projects/{slug}/commands/cancel-consumer", "command.issue.cancel_consumer"},
    {"POST /api/v1/projects/{slug}/commands/cancel-task", "command.issue.cancel_task"},
    {"POST /api/v1/projects/{slug}/commands/delete-task", "command.issue.delete_task"},
    {"POST /api/v1/projects/{slug}/commands/pause-queue", "command.issue.pause_queue"},
    {"POST /api/v1/projects/{slug}/commands/pool-resize", "command.issue.pool_resize"},
    {"POST /api/v1/projects/{slug}/commands/purge-queue", "command.issue.purge_queue"},
    {"POST /api/v1/projects/{slug}/commands/purge-token", ""},
    {"POST /api/v1/projects/{slug}/commands/rate-limit", "command.issue.rate_limit"},
    {"POST /api/v1/projects/{slug}/commands/requeue-dead-letter",
     "command.issue.requeue_dead_letter"},
    {"POST /api/v1/projects/{slug}/commands/restart-worker", "command.issue.restart_worker"},
    {"POST /api/v1/projects/{slug}/commands/resume-queue", "command.issue.resume_queue"},
    {"POST /api/v1/projects/{slug}/commands/retry-preview", ""},
    {"POST /api/v1/projects/{slug}/commands/retry-task", "command.issue.retry_task"},
    {"POST /api/v1/projects/{slug}/commands/shutdown-worker", "command.issue.shutdown_worker"},
    {"POST /api/v1/projects/{slug}/commands/submit-task", "command.issue.submit_task"},
    {"POST /api/v1/projects/{slug}/commands/time-limit", "command.issue.time_limit"},
    {"POST /api/v1/projects/{slug}/deploys", "deploy.created"},
    {"DELETE /api/v1/projects/{slug}/deploys/{deploy_id}", "deploy.deleted"},
    {"POST /api/v1/projects/{slug}/invitations", "invitation.mint"},
    {"DELETE /api/v1/projects/{slug}/invitations/{invitation_id}", "invitation.revoke"},
    {"POST /api/v1/projects/{slug}/memberships", "membership.granted"},
    {"DELETE /api/v1/projects/{slug}/memberships/{membership_id}", "membership.revoked"},
    {"PATCH /api/v1/projects/{slug}/memberships/{membership_id}", "membership.updated"},
    {"POST /api/v1/projects/{slug}/notifications/channels", "notifications.channel.create"},
    {"POST /api/v1/projects/{slug}/notifications/channels/import_from_user",
     "notifications.channel.import_from_user"},
    {"POST /api/v1/projects/{slug}/notifications/channels/test", "notifications.channel.test"},
    {"DELETE /api/v1/projects/{slug}/notifications/channels/{channel_id}",
     "notifications.channel.delete"},
    {"PATCH /api/v1/projects/{slug}/notifications/channels/{channel_id}",
     "notifications.channel.update"},
    {"POST /api/v1/projects/{slug}/notifications/channels/{channel_id}/test",
     "notifications.channel.test"},
    {"POST /api/v1/projects/{slug}/notifications/defaults", "notifications.default.create"},
    {"DELETE /api/v1/projects/{slug}/notifications/defaults/{default_id}",
     "notifications.default.delete"},
    {"PATCH /api/v1/projects/{slug}/notifications/defaults/{default_id}",
     "notifications.default.update"},
    {"DELETE /api/v1/projects/{slug}/notifications/deliveries", "notifications.deliveries.clear"},
    {"DELETE /api/v1/projects/{slug}/queue-copies/{copy_id}", "queue_copy.deleted"},
    {"POST /api/v1/projects/{slug}/queue-copies/{copy_id}/restore", "queue_copy.restored"},
    {"DELETE /api/v1/projects/{slug}/remembered-cancels/{cancel_id}", "command.cancel_forgotten"},
    {"POST /api/v1/projects/{slug}/schedules", "schedule.create"},
    {"DELETE /api/v1/projects/{slug}/schedules/{schedule_id}", "schedule.delete"},
    {"PATCH /api/v1/projects/{slug}/schedules/{schedule_id}", "schedule.update"},
    {"POST /api/v1/projects/{slug}/schedules/{schedule_id}/disable", "schedule.disable"},
    {"POST /api/v1/projects/{slug}/schedules/{schedule_id}/enable", "schedule.enable"},
    {"POST /api/v1/projects/{slug}/schedules/{schedule_id}/trigger", "schedule.trigger_now"},
    {"POST /api/v1/projects/{slug}/schedules:diff", ""},
    {"POST /api/v1/projects/{slug}/schedules:import", "schedules.import"},
    {"POST /api/v1/projects/{slug}/schedules:resync", "schedule.resync"},
    {"POST /api/v1/projects/{slug}/schedules:simulate", ""},
    {"POST /api/v1/projects/{slug}/selections", "selection.created"},
    {"DELETE /api/v1/projects/{slug}/selections/{selection_id}", "selection.deleted"},
    {"POST /api/v1/projects/{slug}/tasks/bulk-delete", "tasks.bulk_delete"},
    {"POST /api/v1/projects/{slug}/views", "view.created"},
    {"DELETE /api/v1/projects/{slug}/views/{view_id}", "view.deleted"},
    {"POST /api/v1/projects/{slug}/worker-losses/{loss_id}/close", "worker.loss_closed"},
    {"DELETE /api/v1/projects/{slug}/worker-wishes/{wish_id}", "worker.wish_dropped"},
    {"POST /api/v1/setup/complete", "setup.completed"},
    {"POST /api/v1/user/channels", "user_notifications.channel.create"},
    {"POST /api/v1/user/channels/import_from_project",
     "user_notifications.channel.import_from_project"},
    {"POST /api/v1/user/channels/test", "user_notifications.channel.test"},
    {"DELETE /api/v1/user/channels/{channel_id}", "user_notifications.channel.delete"},
    {"PATCH /api/v1/user/channels/{channel_id}", "user_notifications.channel.update"},
    {"POST /api/v1/user/channels/{channel_id}/test", "user_notifications.channel.test"},
    {"POST /api/v1/user/notifications/read-all", ""},
    {"POST /api/v1/user/notifications/{notification_id}/read", ""},
    {"POST /api/v1/user/subscriptions", "user_notifications.subscription.create"},
    {"DELETE /api/v1/user/subscriptions/{sub_id}", "user_notifications.subscription.delete"},
    {"PATCH /api/v1/user/subscriptions/{sub_id}", "user_notifications.subscription.update"},
    {"POST /api/v1/users", "user.created"},
    {"DELETE /api/v1/users/{user_id}", "user.deleted"},
    {"PATCH /api/v1/users/{user_id}", "user.updated"},
    {"POST /api/v1/users/{user_id}/password", "user.password.reset"},
    {"POST /api/v1/users/{user_id}/reset-mfa", "user.mfa_reset_by_admin"}};

// All the source that writes entries.
std::string sources() {
  std::string out;
  for (const char* folder : {"/kernel/core", "/kernel/api"}) {
    for (const auto& file :
         std::filesystem::directory_iterator(std::string(Z4J_SOURCE_DIR) + folder)) {
      const std::string name = file.path().string();
      if (!name.ends_with(".cpp") || name.ends_with("_test.cpp")) continue;
      std::ifstream in(name);
      std::stringstream text;
      text << in.rdbuf();
      out += text.str();
    }
  }
  return out;
}

// Does it stand in the source, in one piece or as a head with the rest?
bool is_written(const std::string& source, const std::string& action) {
  const auto has = [&](const std::string& text) {
    return source.find('"' + text + '"') != std::string::npos;
  };
  if (has(action)) return true;
  for (std::size_t dot = action.find('.'); dot != std::string::npos;
       dot = action.find('.', dot + 1)) {
    if (has(action.substr(0, dot + 1)) && has(action.substr(dot + 1))) return true;
  }
  return false;
}

class ApiAuditTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiAuditTest);
  CPPUNIT_TEST(every_route_that_changes_something_names_its_entry);
  CPPUNIT_TEST(what_can_not_be_written_down_does_not_happen);
  CPPUNIT_TEST(what_leaves_in_bulk_is_written_down_first);
  CPPUNIT_TEST(records_go_on_while_changes_are_refused);
  CPPUNIT_TEST(what_a_guard_refuses_is_written_down);
  CPPUNIT_TEST_SUITE_END();

  std::atomic<bool> is_shut_{false};
  ApiFixture f_{[this](std::shared_ptr<plugin::StorageClient> driver) {
    return std::make_shared<ShutLog>(std::move(driver), is_shut_);
  }};
  std::unique_ptr<Browser> root_;
  static constexpr const char* kBase = "/api/v1/projects/default";

  struct Written {
    std::string action, result;
    std::optional<base::Uuid> user;
    Object metadata;
  };
  // Entries behind the place, in order.
  std::vector<Written> entries_after(std::int64_t seq) {
    std::vector<Written> out;
    core::Query query(core::Table::audit_log);
    query.where.gt(audit_col::seq, seq);
    query.all().order({audit_col::seq});
    ApiFixture::must(f_.store->each(query, [&out](const core::Row& row) {
      Written one{std::string(row.text(audit_col::action)),
                  std::string(row.text(audit_col::result)), std::nullopt,
                  row.json(audit_col::metadata).get_object()};
      if (!row.is_null(audit_col::user_id)) one.user = row.uuid(audit_col::user_id);
      out.push_back(std::move(one));
      return true;
    }));
    return out;
  }
  void add_task(const std::string& id) {
    namespace t = model::tasks;
    core::Rows rows(core::Table::tasks);
    rows.begin()
        .uuid(t::id, model::task_row_id(f_.project.id, "celery", id))
        .uuid(t::project_id, f_.project.id)
        .text(t::engine, "celery")
        .text(t::task_id, id)
        .text(t::name, "mail.send")
        .text(t::state, "failure")
        .num(t::sort_at, f_.clock.now())
        .num(t::created_at, f_.clock.now())
        .num(t::updated_at, f_.clock.now());
    f_.insert(std::move(rows));
  }

  // An act of each family, and where its effect would show.
  struct Act {
    std::string method, path;
    Object body;
    std::string shown;
    std::string route = {};  // when the path has parameters
  };
  std::vector<Act> acts(const core::User& other) {
    const std::string base = kBase, slug = "/api/v1/projects/{slug}";
    return {{"POST",
             "/api/v1/users",
             {{"email", "new@example.org"}, {"password", ApiFixture::kPassword}},
             "/api/v1/users"},
            {"PATCH", "/api/v1/auth/me", {{"first_name", "Ann"}}, "/api/v1/auth/me"},
            {"POST", "/api/v1/api-keys", {{"name", "key"}}, "/api/v1/api-keys"},
            {"POST", "/api/v1/projects", {{"slug", "shop"}, {"name", "Shop"}}, "/api/v1/projects"},
            {"PATCH", base, {{"description", "changed"}}, base, slug},
            {"POST", base + "/agents", {{"name", "web-1"}}, base + "/agents", slug + "/agents"},
            {"POST", base + "/deploys", {{"label", "v1"}}, base + "/deploys", slug + "/deploys"},
            {"POST",
             base + "/views",
             {{"screen", "tasks"}, {"name", "failed"}, {"query", "state=failure"}},
             base + "/views",
             slug + "/views"},
            {"POST",
             base + "/memberships",
             {{"user_id", other.id.text()}, {"role", "viewer"}},
             base + "/memberships",
             slug + "/memberships"},
            {"POST",
             base + "/invitations",
             {{"email", "guest@example.org"}},
             base + "/invitations",
             slug + "/invitations"},
            {"POST",
             base + "/notifications/channels",
             {{"name", "hook"},
              {"type", "webhook"},
              {"config", {{"url", "https://hooks.example.org/x"}}}},
             base + "/notifications/channels",
             slug + "/notifications/channels"},
            {"POST",
             "/api/v1/user/subscriptions",
             {{"project_id", f_.project.id.text()}, {"trigger", "task.failed"}},
             "/api/v1/user/subscriptions"},
            {"POST",
             base + "/schedules",
             {{"name", "nightly"},
              {"engine", "celery"},
              {"kind", "interval"},
              {"expression", "60"},
              {"task_name", "mail.send"}},
             base + "/schedules",
             slug + "/schedules"},
            {"POST",
             base + "/commands/retry-task",
             {{"engine", "celery"}, {"task_id", "a"}},
             base + "/commands",
             slug + "/commands/retry-task"},
            {"POST",
             base + "/selections",
             {{"action", "retry"}, {"filter", {{"name", "mail.send"}}}},
             base + "/selections",
             slug + "/selections"},
            {"POST",
             base + "/tasks/bulk-delete",
             {{"filter_name", "mail.send"}},
             base + "/tasks",
             slug + "/tasks/bulk-delete"},
            {"POST",
             "/api/v1/plugins/spare/disable",
             {},
             "/api/v1/plugins",
             "/api/v1/plugins/{instance}/disable"},
            {"POST",
             "/api/v1/audit/breaks",
             {{"reason", "rolled_back"}, {"seq", 1}, {"note", "restored"}},
             "/api/v1/audit/breaks"},
            {"POST", "/api/v1/auth/mfa/enroll-start", {}, "/api/v1/auth/me"},
            {"POST", "/api/v1/auth/logout", {}, "/api/v1/auth/me"}};
  }

 public:
  void setUp() override {
    config::PluginEntry entry;
    entry.name = "spare";
    entry.plugin = "storage-sqlite";
    entry.settings["path"] = "/nowhere/spare.sqlite";
    f_.entries = {entry};
    f_.open([](Parts& parts) {
      parts.reload_plugin = [](const std::string&) { return base::Status(); };
      parts.queued_tasks = [](const auto&, auto, const auto&, const auto&, auto, const auto&) {
        return base::Result<Object>(Object{{"items", Array{Object{{"task_id", "a"}}}}});
      };
    });
    root_ = std::make_unique<Browser>(f_, f_.sign_in("root", true));
    add_task("a");
  }

  void every_route_that_changes_something_names_its_entry() {
    const std::string source = sources();
    std::set<std::string> routes;
    for (const Route& route : f_.api().router().routes()) {
      if (route.method == "GET") continue;
      const std::string name = std::string(route.method) + " " + std::string(route.path);
      routes.insert(name);
      const auto known = kActions.find(name);
      CPPUNIT_ASSERT_MESSAGE(name + ": say here what it writes to the audit log",
                             known != kActions.end());
      CPPUNIT_ASSERT_MESSAGE(name + " writes " + known->second + ", which no source does",
                             known->second.empty() || is_written(source, known->second));
    }
    for (const auto& [name, action] : kActions)
      CPPUNIT_ASSERT_MESSAGE(name + " is no route", routes.count(name) == 1);
  }

  void what_can_not_be_written_down_does_not_happen() {
    const core::User other = f_.sign_in("other", false).user;
    for (const Act& act : acts(other)) {
      const std::string name = act.method + " " + (act.route.empty() ? act.path : act.route);
      const std::string before = root_->get(act.shown).response.body;
      const std::size_t asked = f_.routes.asked.size();
      const std::int64_t seq = f_.audit->known_seq();
      const Browser kept = *root_;
      is_shut_ = true;
      const Answered refused = root_->call(act.method, act.path, base::json::write(act.body));
      is_shut_ = false;
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name + " " + refused.response.body, 503, refused.status);
      root_->cookies = kept.cookies;
      root_->csrf = kept.csrf;
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, before, root_->get(act.shown).response.body);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, asked, f_.routes.asked.size());
      CPPUNIT_ASSERT_MESSAGE(name, entries_after(seq).empty());

      const Answered done = root_->call(act.method, act.path, base::json::write(act.body));
      CPPUNIT_ASSERT_MESSAGE(name + " " + done.response.body, done.status / 100 == 2);
      const std::vector<Written> written = entries_after(seq);
      CPPUNIT_ASSERT_MESSAGE(name, !written.empty());
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, kActions.at(name), written.front().action);
    }
  }

  void what_leaves_in_bulk_is_written_down_first() {
    const core::SignedIn me = f_.sign_in("reader", true);
    Browser reader(f_, me);
    const std::string base = kBase;
    const auto last = [&](const std::string& path, const std::string& action) {
      const std::int64_t seq = f_.audit->known_seq();
      is_shut_ = true;
      const Answered refused = reader.get(path);
      is_shut_ = false;
      CPPUNIT_ASSERT_EQUAL_MESSAGE(path + refused.response.body, 503, refused.status);
      CPPUNIT_ASSERT_MESSAGE(path, !refused.response.stream);
      const Answered taken = reader.get(path);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(path + taken.response.body, 200, taken.status);
      const std::vector<Written> written = entries_after(seq);  // before anything is streamed
      CPPUNIT_ASSERT_EQUAL_MESSAGE(path, std::size_t{1}, written.size());
      CPPUNIT_ASSERT_EQUAL_MESSAGE(path, action, written[0].action);
      CPPUNIT_ASSERT_MESSAGE(path, written[0].user == me.user.id);
      return base::json::write_canonical(written[0].metadata);
    };
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"columns":["task_id","args"],"format":"csv",)"
                    R"("query":{"fields":"task_id,args","format":"csv","name":"mail"}})"),
        last(base + "/tasks?format=csv&fields=task_id,args&name=mail", "tasks.exported"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"columns":["task_id"],"format":"xlsx",)"
                                     R"("query":{"fields":"task_id","format":"xlsx"},"rows":1})"),
                         last(base + "/tasks?format=xlsx&fields=task_id", "tasks.exported"));
    (void)last(base + "/tasks?format=json", "tasks.exported");
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"columns":["seq"],"format":"csv","query":)"
                    R"({"action_prefix":"user.","fields":"seq","format":"csv"}})"),
        last(base + "/audit?format=csv&fields=seq&action_prefix=user.", "audit.exported"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"query":{},"schedules":0})"),
                         last(base + "/schedules:export", "schedules.exported"));
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"engine":"celery","messages":1,"query":{"limit":"5"},"what":"waiting"})"),
        last(base + "/queues/celery/mail/waiting?limit=5", "queue.messages_read"));
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"engine":"celery","messages":1,"query":{},"what":"dead_letters"})"),
        last(base + "/queues/celery/mail/dead-letters", "queue.messages_read"));

    // A page to look at is none of these, nor is a file that was refused.
    const std::int64_t seq = f_.audit->known_seq();
    for (const char* path : {"/tasks", "/audit", "/schedules"})
      CPPUNIT_ASSERT_EQUAL(200, reader.get(base + path).status);
    CPPUNIT_ASSERT_EQUAL(422, reader.get(base + "/tasks?format=pdf").status);
    CPPUNIT_ASSERT(entries_after(seq).empty());
  }

  void records_go_on_while_changes_are_refused() {
    f_.audit->only_while([] {
      return base::Status(
          base::Error{base::Code::unavailable, "no receiver", "audit_blocked", {}, 0});
    });
    const std::int64_t seq = f_.audit->known_seq();
    CPPUNIT_ASSERT_EQUAL(503, root_->call("PATCH", kBase, R"({"description":"changed"})").status);
    CPPUNIT_ASSERT_EQUAL(200, root_->get(std::string(kBase) + "/tasks?format=csv").status);
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    CPPUNIT_ASSERT_EQUAL(403, viewer.call("PATCH", kBase, "{}").status);
    const std::vector<Written> written = entries_after(seq);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, written.size());
    CPPUNIT_ASSERT_EQUAL(std::string("tasks.exported"), written[0].action);
    CPPUNIT_ASSERT_EQUAL(std::string("access.denied"), written[1].action);
  }

  void what_a_guard_refuses_is_written_down() {
    const std::int64_t seq = f_.audit->known_seq();
    CPPUNIT_ASSERT_EQUAL(409, root_->call("DELETE", kBase).status);
    const std::vector<Written> written = entries_after(seq);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, written.size());
    CPPUNIT_ASSERT_EQUAL(std::string("project.archived denied last_project"),
                         written[0].action + " " + written[0].result + " " +
                             std::string(base::json::text(written[0].metadata, "reason")));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiAuditTest);

}  // namespace
}  // namespace z4j::api
