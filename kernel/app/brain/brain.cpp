#include "app/brain/brain.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>

#include "api/api.hpp"
#include "api/key_networks.hpp"
#include "app/brain/audit_upkeep.hpp"
#include "app/brain/config_record.hpp"
#include "app/brain/console.hpp"
#include "app/brain/database.hpp"
#include "app/brain/deeds.hpp"
#include "app/brain/identity_provider.hpp"
#include "app/brain/outgoing.hpp"
#include "app/brain/plugin_runner.hpp"
#include "app/brain/schedule_backends.hpp"
#include "app/brain/schedule_desk.hpp"
#include "core/account_mail.hpp"
#include "core/agent_accounts.hpp"
#include "core/agents.hpp"
#include "core/api_keys.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/background.hpp"
#include "core/bulk.hpp"
#include "core/commands.hpp"
#include "core/engine_reads.hpp"
#include "core/held_agents.hpp"
#include "core/ingest.hpp"
#include "core/invitations.hpp"
#include "core/leases.hpp"
#include "core/live.hpp"
#include "core/memberships.hpp"
#include "core/metrics.hpp"
#include "core/mfa.hpp"
#include "core/notices.hpp"
#include "core/notifications.hpp"
#include "core/password_resets.hpp"
#include "core/passwords.hpp"
#include "core/plugin_capabilities.hpp"
#include "core/plugin_overrides.hpp"
#include "core/presence.hpp"
#include "core/projects.hpp"
#include "core/queue_depths.hpp"
#include "core/relay.hpp"
#include "core/remote_reconcile.hpp"
#include "core/retention.hpp"
#include "core/revocations.hpp"
#include "core/schedule_streams.hpp"
#include "core/schedule_sync.hpp"
#include "core/schedules.hpp"
#include "core/sealed.hpp"
#include "core/setup.hpp"
#include "core/store.hpp"
#include "core/users.hpp"
#include "core/worker_losses.hpp"
#include "gateway/gateway.hpp"
#include "net/server.hpp"
#include "plugin/gate.hpp"
#include "plugin/host.hpp"

namespace z4j::app {
namespace {

constexpr std::size_t kMaxSocketPath = 100;  // sun_path holds 108 bytes
constexpr int kDrainMs = 10'000;             // for events that wait when the brain stops
constexpr std::int64_t kPruneEveryMs = 3'600'000;
constexpr std::int64_t kDepthsEveryMs = 60'000;
constexpr base::TimeUs kCapabilitiesKept = 400 * base::kDayUs;
constexpr std::int64_t kLossesEveryMs = 60'000;  // sooner when something of workers changed
// Leases of what one brain does for all.
constexpr const char* kRetentionLease = "retention";
constexpr const char* kTimeOutsLease = "command time-outs";
constexpr const char* kFleetLease = "fleet sweep";
constexpr const char* kOutboxLease = "outbox";
constexpr int kTryMailMs = 30'000;
constexpr const char* kAlertsLease = "alerts";
constexpr const char* kFiresLease = "schedule fires";
constexpr const char* kBulkLease = "bulk";
// Bodies that may be longer than others: commands carry arguments, plugins their settings.
constexpr std::size_t kProjectBodyBytes = 256u << 10, kPluginBodyBytes = 128u << 10;
constexpr std::size_t kUserBodyBytes = 32u << 10;   // a channel's settings
constexpr std::size_t kImportBodyBytes = 8u << 20;  // 2,000 schedules
constexpr std::size_t kAgentBodyBytes = 32u << 20;  // frames of agents that poll
constexpr std::size_t kMostConnections = 50'000, kKeptDescriptors = 512;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// As many public connections as descriptors allow, after asking for as many as we may have. What is
// kept back is for the database, plugins and files.
std::size_t most_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kKeptDescriptors;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, kMostConnections + kKeptDescriptors);
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t all = static_cast<std::size_t>(limit.rlim_cur);
  return std::clamp(all - std::min(all / 2, kKeptDescriptors), std::size_t{64}, kMostConnections);
}

// A private folder for the Unix socket: run/ of the home folder, or one in /tmp when that path is
// too long.
base::Result<std::string> make_run_folder(const std::string& home) {
  std::string folder = home + "/run";
  if (folder.size() + sizeof "/api.sock" > kMaxSocketPath) {
    folder = "/tmp/z4j-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) folder.clear();
  } else if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    folder.clear();
  }
  if (folder.empty() || ::chmod(folder.c_str(), 0700) != 0) {
    return base::Error{.code = base::Code::io,
                       .message = "can't make a folder for the private socket under " + home,
                       .where = {},
                       .hint = "check its permissions"};
  }
  return folder;
}

}  // namespace

std::string program_version() { return Z4J_VERSION; }

struct Brain::Parts {
  config::Loaded loaded;
  Environment environment;
  base::Log& log;
  const base::Clock& clock;
  std::string run_folder, setup_url;
  std::string console;  // the instance that answers at "/"; empty: none
  std::optional<HomeLock> home_lock;

  // In the order they are made; each knows only those before it.
  std::unique_ptr<OutgoingWays> outgoing;
  std::unique_ptr<plugin::Host> plugins;
  std::unique_ptr<PluginCourier> courier;
  std::unique_ptr<core::Store> store;
  core::PasswordHasher hasher{{.parallel = 1, .max_waiting = 16, .wait_ms = 10'000}};
  std::unique_ptr<core::Audit> audit;
  std::unique_ptr<core::Auth> auth;
  std::unique_ptr<core::Sealer> sealer;
  std::unique_ptr<core::Mfa> mfa;
  std::unique_ptr<core::ApiKeys> keys;
  std::unique_ptr<core::Projects> projects;
  std::unique_ptr<core::Notifications> notifications;
  std::unique_ptr<core::Memberships> memberships;
  std::unique_ptr<core::Setup> setup;
  std::unique_ptr<core::Users> users;
  std::unique_ptr<core::AccountMail> account_mail;
  std::unique_ptr<core::Invitations> invitations;
  std::unique_ptr<core::PasswordResets> resets;
  std::unique_ptr<IdentityProvider> identity;  // none unless the settings name one
  core::Live live;
  std::unique_ptr<core::Leases> leases;
  std::unique_ptr<AuditUpkeep> upkeep;
  std::unique_ptr<core::Notices> notices;
  std::unique_ptr<core::PluginOverrides> overrides;
  std::unique_ptr<core::PluginCapabilities> capabilities;
  std::atomic<core::PluginCapabilities*> onlooker{nullptr};  // as listener, see there
  std::unique_ptr<core::AgentAccounts> accounts;
  std::unique_ptr<PluginSchedulers> schedulers;
  std::unique_ptr<core::Schedules> schedules;
  std::unique_ptr<core::Ingest> ingest;
  std::unique_ptr<core::LocalAgents> agents;
  std::atomic<core::LocalAgents*> listener{nullptr};  // who hears the plugins; none yet: nobody
  std::unique_ptr<gateway::Gateway> gateway;
  std::unique_ptr<core::AgentsHere> here;
  std::unique_ptr<core::Relay> relay;
  plugin::Gate hearing;  // closed before the listener goes
  std::unique_ptr<core::Commands> commands;
  std::unique_ptr<core::Bulk> bulk;
  std::unique_ptr<core::Revocations> revocations;
  std::unique_ptr<ScheduleDesk> desk;
  std::unique_ptr<core::RemoteReconcile> remote_reconcile;
  core::CounterFamily lost_tasks{"z4j_reconcile_tasks_lost_total",
                                 "tasks that their engine has no trace of, noted as lost",
                                 {"engine"}};
  std::atomic<std::uint64_t> remote_passes{0};
  core::BackgroundTasks background;
  std::unique_ptr<core::Retention> retention;
  std::unique_ptr<PluginRunner> runner;
  std::unique_ptr<core::ScheduleSync> schedule_sync;
  std::unique_ptr<core::ScheduleStreams> schedule_streams;
  std::int64_t next_prune_ms = 0;       // on the agents' thread
  core::WorkerLossSweep worker_losses;  // likewise, as are the next
  std::int64_t next_losses_ms = 0, next_depths_ms = 0;
  std::optional<core::DepthSampler> depths;
  std::atomic<bool> workers_changed{true};
  std::atomic<bool> hears_others{false};  // all that other brains' notices touch is there
  std::unique_ptr<api::Api> api;
  std::unique_ptr<net::Server> server;

  Parts(config::Loaded l, Environment e, base::Log& g, const base::Clock& c)
      : loaded(std::move(l)), environment(std::move(e)), log(g), clock(c) {}

  [[nodiscard]] std::string public_url() const;
  core::AccountMail::Ways mail_ways();
  core::MembershipSteps membership_steps();
  void make_notifications();
  void make_schedules();
  void make_desk(core::Redact redact);
  [[nodiscard]] core::Bulk::Options bulk_options(core::Redact redact);
  void schedule_edited(const base::Uuid& schedule);
  [[nodiscard]] base::Result<core::ScheduleResync> resync_schedules(const base::Uuid& project);
  base::Status open();
  base::Status watch();
  base::Status listen();
  base::Status invite();
  [[nodiscard]] plugin::Callbacks callbacks();
  [[nodiscard]] api::Parts api_parts();
  void make_leases();
  using Changed = std::function<void(const base::Uuid& project, std::string_view topic)>;
  [[nodiscard]] gateway::Gateway::Options gateway_options(Changed on_changed, core::Redact redact);
  [[nodiscard]] std::function<std::optional<core::Fence>()> holding(const char* lease);
  [[nodiscard]] base::json::Object brains();
  [[nodiscard]] base::json::Object holders();
  void write_metrics(core::MetricText& out) const;
  base::Status note_lost(const base::Uuid& project, const std::string& engine,
                         const std::vector<core::LostTask>& tasks,
                         const std::optional<core::Fence>& fence);
  void show(const base::Uuid& project, std::string_view topic);
  void tell(const base::Uuid& project, std::string_view topic);
  void audited(const core::AuditEntry& entry);
  void changed(const base::Uuid& project, std::string_view topic);
  void holds_more();
  void sweep_agents(const std::optional<core::Fence>& fence);
  void note_vanished_workers(const std::optional<core::Fence>& fence);
  void note_queue_depths(const std::optional<core::Fence>& fence);
};

Brain::Brain(config::Loaded loaded, Environment environment, base::Log& log,
             const base::Clock& clock)
    : parts_(std::make_unique<Parts>(std::move(loaded), std::move(environment), log, clock)) {}

Brain::~Brain() { stop(); }

plugin::Callbacks Brain::Parts::callbacks() {
  plugin::Callbacks out;
  out.secret = [this](std::string_view name) {
    return read_secret(loaded.settings.home, environment, name);
  };
  out.emit = [this](const std::string& instance, const z4j_event_batch& batch) -> base::Status {
    const auto pass = hearing.enter();
    if (core::LocalAgents* const to = listener; to != nullptr && pass)
      return to->emit(instance, batch);
    return base::Error{.code = base::Code::busy,
                       .message = "the brain is not ready for events",
                       .where = {},
                       .hint = {},
                       .retry_after_ms = 1000};
  };
  out.health = [this](const std::string& instance, plugin::Health, std::string_view) {
    live.publish_all(core::live_topic(core::kPluginChanged));
    const auto pass = hearing.enter();
    if (core::LocalAgents* const to = listener; to != nullptr && pass) to->health(instance);
  };
  out.metric = [this](const std::string& instance, std::string_view name, std::string_view labels,
                      double value, int kind) {
    const auto pass = hearing.enter();
    if (core::LocalAgents* const to = listener; to != nullptr && pass)
      to->metric(instance, name, labels, value, kind);
  };
  out.seen = [this](const plugin::Seen& seen) {
    const auto pass = hearing.enter();
    if (core::PluginCapabilities* const to = onlooker; to != nullptr && pass) to->seen(seen);
  };
  out.notice = [this](std::string_view channel, std::string_view payload) {
    const auto pass = hearing.enter();
    if (pass && hears_others) notices->heard(channel, payload);
  };
  out.outgoing = outgoing->services();
  out.scheduling.submit = [this](const std::string& instance, plugin::Submission submission,
                                 std::function<void(base::Result<std::string>)> done) {
    const auto pass = hearing.enter();
    if (pass && hears_others) return desk->submit(instance, std::move(submission), std::move(done));
    return base::Status(base::Error{.code = base::Code::unavailable,
                                    .message = "the brain is not ready to send tasks",
                                    .where = {},
                                    .hint = {},
                                    .retry_after_ms = 1000});
  };
  out.scheduling.schedules = [this]() -> std::shared_ptr<plugin::ScheduleStore> {
    const auto pass = std::make_shared<plugin::Gate::Pass>(hearing.enter());
    if (!*pass || !hears_others) return nullptr;
    return {pass, &desk->schedules()};  // not taken away while somebody uses it
  };
  out.notices_gap = [this] {
    const auto pass = hearing.enter();
    if (pass && hears_others) notices->gap();
  };
  return out;
}

base::Status Brain::Parts::note_lost(const base::Uuid& project, const std::string& engine,
                                     const std::vector<core::LostTask>& tasks,
                                     const std::optional<core::Fence>& fence) {
  auto noted = core::note_lost_tasks(*store, *audit, project, engine, tasks, clock.now(), fence);
  if (noted) lost_tasks.add({engine}, static_cast<std::int64_t>(tasks.size()));
  return noted;
}

void Brain::Parts::show(const base::Uuid& project, std::string_view topic) {
  live.publish(project, topic);
  notices->live(project, topic);
}

// Dashboards that know three topics hear of workers, queues and schedules as something about
// agents.
void Brain::Parts::tell(const base::Uuid& project, std::string_view topic) {
  if (topic == core::kScheduleFired) return show(project, core::kScheduleChanged);
  if (topic != core::kTaskChanged && topic != core::kCommandChanged)
    show(project, core::kAgentChanged);
  if (topic != core::kAgentChanged)
    show(project, topic == core::kWorkerCame ? core::kWorkerChanged : topic);
  changed(project, topic);
}

// What people did shows in the audit log, and by what it was done to.
void Brain::Parts::audited(const core::AuditEntry& entry) {
  const std::string_view what = entry.target_type;
  if (!entry.project_id) {
    live.publish_all(core::live_topic(core::kAuditChanged) |
                     (what == "plugin" ? core::live_topic(core::kPluginChanged) : 0));
    return;
  }
  show(*entry.project_id, core::kAuditChanged);
  if (what == "schedule")
    show(*entry.project_id, core::kScheduleChanged);
  else if (what == "project" || what == "membership" || what == "invitation" || what == "deploy" ||
           what == "view")
    show(*entry.project_id, core::kProjectChanged);
}

// Here, or at another brain.
void Brain::Parts::changed(const base::Uuid& project, std::string_view topic) {
  constexpr core::LiveTopics kOfPeople =
      core::kAllTopics & ~(core::live_topic(core::kScheduleChanged) * 2 - 1);
  if (!hears_others || (core::live_topic(topic) & kOfPeople) != 0) return;
  revocations->changed(project, topic);
  if (topic == core::kCommandChanged)
    desk->look();
  else if (topic != core::kTaskChanged)
    workers_changed = true;
}

// Agents came that others may have asked something, or that somebody waits for.
void Brain::Parts::holds_more() {
  if (!hears_others) return;
  relay->look_for_requests();
  commands->look_for_waiting();
  revocations->look();
}

void Brain::Parts::note_vanished_workers(const std::optional<core::Fence>& fence) {
  const auto vanished = core::sweep_worker_losses(*store, worker_losses, clock.now(), fence);
  background.ended("worker_losses", vanished ? base::Status() : base::Status(vanished.error()));
  if (!vanished) {
    log.warn("vanished workers not noted", {{"why", vanished.error().text()}});
    return;
  }
  for (const base::Uuid& project : *vanished) tell(project, core::kWorkerChanged);
}

void Brain::Parts::note_queue_depths(const std::optional<core::Fence>& fence) {
  if (!depths) depths.emplace(*store);
  const auto written = depths->sample(clock.now(), fence);
  background.ended("queue_depths", written ? base::Status() : base::Status(written.error()));
  if (!written) log.warn("depths of queues not noted", {{"why", written.error().text()}});
}

void Brain::Parts::sweep_agents(const std::optional<core::Fence>& fence) {
  if (!hears_others) return;
  const std::int64_t now_ms = clock.steady_ms();
  if (workers_changed.exchange(false) || now_ms >= next_losses_ms) {
    next_losses_ms = now_ms + kLossesEveryMs;
    note_vanished_workers(fence);
  }
  if (now_ms >= next_depths_ms) {
    next_depths_ms = now_ms + kDepthsEveryMs;
    note_queue_depths(fence);
  }
  if (now_ms < next_prune_ms) return;
  next_prune_ms = now_ms + kPruneEveryMs;
  const auto gone = accounts->prune(loaded.settings.agent_stale_prune_days, fence);
  background.ended("agent_hygiene", gone ? base::Status() : base::Status(gone.error()));
  if (!gone)
    log.warn("stale agents not deleted", {{"why", gone.error().text()}});
  else if (*gone > 0)
    log.info("agents deleted that had not come for long", {{"agents", *gone}});
  const auto done = accounts->forget_old(loaded.settings.event_retention_days, fence);
  background.ended("connection_history", done);
  if (!done) log.warn("old connections of agents not deleted", {{"why", done.error().text()}});
  const auto swept = revocations->sweep(fence);
  background.ended("revocations", swept);
  if (!swept) log.warn("old cancels not forgotten", {{"why", swept.error().text()}});
  const base::TimeUs kept_since = clock.now() - loaded.settings.event_retention_days * base::kDayUs;
  const auto let_go = core::forget_worker_losses(*store, kept_since, fence);
  if (!let_go) log.warn("old losses of workers not deleted", {{"why", let_go.error().text()}});
  const auto cleared = bulk->sweep(fence);
  background.ended("bulk", cleared);
  if (!cleared) log.warn("old selections not deleted", {{"why", cleared.error().text()}});
  const auto unseen =
      core::forget_plugin_capabilities(*store, clock.now() - kCapabilitiesKept, fence);
  if (!unseen)
    log.warn("what was seen of plugins long ago not deleted", {{"why", unseen.error().text()}});
  const auto forgot = core::sweep_notifications(*store, {}, clock.now(), fence);
  background.ended("notifications", forgot);
  if (!forgot) log.warn("old notifications not deleted", {{"why", forgot.error().text()}});
}

// What this brain shares with others on the same store.
void Brain::Parts::make_leases() {
  core::Leases::Options holding;
  holding.host_name = host_name();
  holding.version = program_version();
  holding.on_change = [this] {
    if (!hears_others) return;
    runner->look_at_leases();
    bulk->look();
  };
  holding.tell_others = [this](core::Commit& commit) {
    notices->tell(commit, core::Notices::About::leases);
  };
  leases = std::make_unique<core::Leases>(*store, clock, log, std::move(holding));
  for (const char* lease : {kRetentionLease, kTimeOutsLease, kFleetLease, kAuditLease, kOutboxLease,
                            kAlertsLease, kBulkLease, kFiresLease})
    leases->want(lease);

  core::Notices::Handlers hear;
  hear.live = [this](const base::Uuid& project, std::string_view topic) {
    live.publish(project, topic);
    changed(project, topic);
  };
  hear.closed = [this](const base::Uuid& agent) { gateway->revoke(agent); };
  hear.leases = [this] { leases->look_now(); };
  hear.requests = [this] {
    relay->look_for_requests();
    commands->look_for_waiting();
  };
  hear.answers = [this] { relay->look_for_answers(); };
  hear.plugins = [this] { runner->look_at_overrides(); };
  hear.messages = [this] { notifications->outbox.look(); };
  hear.subscriptions = [this] { notifications->alerts.look(); };
  hear.bulk = [this] { bulk->look(); };
  hear.schedules = [this](const base::Uuid& schedule) { schedule_edited(schedule); };
  hear.missed = [this] {
    live.publish_all();
    leases->look_now();
    holds_more();
    relay->look_for_answers();
    runner->look_at_overrides();
    notifications->outbox.look();
    notifications->alerts.look();
    bulk->look();
    schedule_edited(base::Uuid());
  };
  core::Notices::Options telling;
  telling.has_others = [this] { return leases->has_others(); };
  notices = std::make_unique<core::Notices>(*store, log, leases->brain(), std::move(hear),
                                            std::move(telling));
  audit->on_written([this](const core::AuditEntry& entry) { audited(entry); });
}

std::function<std::optional<core::Fence>()> Brain::Parts::holding(const char* lease) {
  return [this, lease] { return leases->held(lease); };
}

std::string Brain::Parts::public_url() const {
  const std::string& given = loaded.settings.public_url;
  return given.empty() ? "http://localhost:" + std::to_string(server->port()) : given;
}

core::AccountMail::Ways Brain::Parts::mail_ways() {
  core::AccountMail::Ways ways;
  ways.public_url = [this] { return public_url(); };
  ways.can_mail = [this](const auto& project, const auto& user) {
    return notifications->outbox.can_mail(project, user);
  };
  ways.queue = [this](core::Commit& commit, const core::Mail& mail) {
    notifications->outbox.queue_mail(commit, mail);
  };
  ways.look = [this] { notifications->outbox.look(); };
  return ways;
}

core::MembershipSteps Brain::Parts::membership_steps() {
  core::MembershipSteps steps;
  steps.join = [this](const base::Uuid& user, const base::Uuid& project) {
    return notifications->subscriptions.joining(user, project);
  };
  steps.leave = [this](core::Commit& commit, const base::Uuid& user, const base::Uuid& project) {
    notifications->subscriptions.leave(commit, user, project);
  };
  steps.found = [this](core::Commit& commit, const base::Uuid& user, const base::Uuid& project) {
    notifications->subscriptions.found(commit, user, project);
  };
  return steps;
}

void Brain::Parts::make_notifications() {
  const config::Settings& settings = loaded.settings;
  core::Notifications::Options options;
  options.rules.allows_http = settings.notifications_allow_http;
  if (!settings.smtp_host.empty()) options.rules.extra_mail_port = settings.smtp_port;
  options.smtp = smtp_channel(settings);
  options.public_url = settings.public_url;
  options.may_send = holding(kOutboxLease);
  options.may_watch = holding(kAlertsLease);
  options.tell_messages = [this](core::Commit& commit) {
    notices->tell(commit, core::Notices::About::messages);
  };
  options.on_rang = [this](const base::Uuid& project) {
    show(project, core::kNotificationChanged);
  };
  options.tell_subscriptions = [this](core::Commit& commit) {
    notices->tell(commit, core::Notices::About::subscriptions);
  };
  notifications = std::make_unique<core::Notifications>(*store, *audit, *courier, *sealer, clock,
                                                        log, std::move(options));
}

core::Bulk::Options Brain::Parts::bulk_options(core::Redact redact) {
  const config::Settings& settings = loaded.settings;
  core::Bulk::Options out;
  out.max_items = settings.bulk_max_items;
  out.selection_ttl_s = settings.bulk_selection_ttl_s;
  out.keep_days = settings.bulk_keep_days;
  out.timeout_s = settings.command_timeout_s;
  out.copies.keep_s = settings.bulk_copy_keep_days * (base::kDayUs / base::kSecondUs);
  out.copies.max_messages = settings.bulk_copy_max_messages;
  out.copies.max_bytes = static_cast<std::int64_t>(settings.bulk_copy_max_bytes);
  out.may_work = holding(kBulkLease);
  out.tell_others = [this](core::Commit& commit) {
    notices->tell(commit, core::Notices::About::bulk);
  };
  out.on_changed = [this](const base::Uuid& project) {
    show(project, core::kBulkChanged);
    tell(project, core::kCommandChanged);
  };
  out.redact = std::move(redact);
  out.read = [this](const base::Uuid& agent, std::string_view what, std::string page,
                    int deadline_ms, plugin::Answer answer) {
    relay->read(agent, what, std::move(page), deadline_ms, std::move(answer));
  };
  out.on_command_ended = [this](std::string_view action, std::string_view status) {
    commands->count_ended(action, status);
  };
  return out;
}

// Nil: any may be.
void Brain::Parts::schedule_edited(const base::Uuid& schedule) {
  if (!hears_others) return;
  schedule_sync->look(schedule);
  plugins->schedules_edited(core::kOwnScheduler,
                            schedule.is_nil() ? std::nullopt : std::optional(schedule));
}

void Brain::Parts::make_schedules() {
  schedulers = std::make_unique<PluginSchedulers>(*plugins, *leases, *projects, loaded.plugins);
  core::Schedules::Options options;
  options.places = [this] { return schedulers->places(); };
  options.preview = [this](const std::string& scheduler, const base::Uuid& project,
                           const base::json::Object& schedule, base::TimeUs from,
                           std::uint32_t most) {
    return schedulers->preview(scheduler, project, schedule, from, most);
  };
  options.fire_now = [this](const base::Uuid& project, const base::Uuid& schedule,
                            const core::Actor& actor, const std::optional<std::string>& key) {
    return desk->fires().fire_now(project, schedule, actor, key);
  };
  options.reach = [this](const std::string& instance) { return schedulers->reach(instance); };
  options.put_there = [this](const std::string& instance, const base::json::Object& schedule,
                             const std::string& etag, int deadline_ms) {
    return schedulers->put_now(instance, schedule, etag, deadline_ms);
  };
  options.on_edited = [this](const base::Uuid& schedule) { schedule_edited(schedule); };
  options.tell_others = [this](core::Commit& commit, const base::Uuid& schedule) {
    notices->tell(commit, core::Notices::About::schedules,
                  schedule.is_nil() ? std::string() : schedule.text());
  };
  options.on_changed = [this](const base::Uuid& project, std::string_view topic) {
    tell(project, topic);
  };
  options.redact = [this](base::json::Value value) {
    if (ingest) ingest->redactor().scrub(value);
    return value;
  };
  schedules = std::make_unique<core::Schedules>(*store, *audit, clock, std::move(options));
}

void Brain::Parts::make_desk(core::Redact redact) {
  ScheduleDesk::Hooks hooks;
  hooks.redact = std::move(redact);
  hooks.on_changed = [this](const base::Uuid& project, std::string_view topic) {
    tell(project, topic);
  };
  hooks.on_edited = [this](const base::Uuid& schedule) { schedule_edited(schedule); };
  hooks.tell_others = [this](core::Commit& commit, const base::Uuid& schedule) {
    notices->tell(commit, core::Notices::About::schedules, schedule.text());
  };
  hooks.on_occasion = [this](core::Occasion occasion) {
    notifications->alerts.fire(std::move(occasion));
  };
  hooks.may_count = holding(kFiresLease);
  hooks.on_counted = [this](const base::Status& status) {
    background.ended("schedule_fires", status);
  };
  desk = std::make_unique<ScheduleDesk>(
      loaded.settings,
      ScheduleDesk::Around{*store, *audit, *relay, *commands, *leases, *projects, loaded.plugins,
                           clock, log},
      std::move(hooks));
}

base::Result<core::ScheduleResync> Brain::Parts::resync_schedules(const base::Uuid& project) {
  core::ScheduleResync out;
  std::set<std::string> names;
  for (std::string& scheduler : schedule_sync->list_now(project)) {
    ++out.instances;
    names.insert(std::move(scheduler));
  }
  for (std::string& scheduler : schedule_streams->resync(project)) {
    ++out.agents;
    names.insert(std::move(scheduler));
  }
  out.schedulers.assign(names.begin(), names.end());
  return out;
}

// The database and what stands on it alone.
base::Status Brain::Parts::open() {
  const config::Settings& settings = loaded.settings;
  auto made_ways = OutgoingWays::make(settings, clock);
  if (!made_ways) return std::move(made_ways).error();
  outgoing = std::move(made_ways).value();
  plugins = make_host(settings, callbacks(), log, clock);
  add_own_notifiers(settings, plugins->offered(), loaded.plugins);
  add_own_scheduler(plugins->offered(), loaded.plugins);
  add_own_console(settings, plugins->offered(), loaded.plugins);
  auto answers_root = console_instance(settings, loaded.plugins, *plugins);
  if (!answers_root) return std::move(answers_root).error();
  console = std::move(answers_root).value();
  courier = std::make_unique<PluginCourier>(*plugins, outgoing->guard());
  auto opened = open_store(*plugins, settings);
  if (!opened) return std::move(opened).error();
  store = std::move(opened).value();

  audit = std::make_unique<core::Audit>(
      *store, clock, log,
      core::Audit::Options{.secret = settings.secret,
                           .previous_secrets = settings.previous_secrets});
  if (auto good = audit->open(); !good) return good;
  if (auto recorded = record_config(*store, *audit, loaded, host_name()); !recorded)
    return recorded;
  auth = std::make_unique<core::Auth>(*store, *audit, hasher, clock, log,
                                      core::auth_options(settings));
  sealer = std::make_unique<core::Sealer>(settings.secret, settings.previous_secrets);
  mfa = std::make_unique<core::Mfa>(*store, *audit, hasher, *sealer, clock, log,
                                    core::mfa_options(settings));
  core::ApiKeys::Options keying;
  keying.secret = settings.secret;
  keying.previous_secrets = settings.previous_secrets;
  keying.is_within = api::is_within;
  keys = std::make_unique<core::ApiKeys>(*store, *audit, clock, log, std::move(keying));
  projects = std::make_unique<core::Projects>(*store, *audit, clock);
  if (auto made = projects->ensure_default(); !made) return std::move(made).error();
  core::Setup::Options setup_options;
  setup_options.secret = settings.secret;
  setup_options.token_ttl_s = settings.first_boot_token_ttl_s;
  make_notifications();
  memberships = std::make_unique<core::Memberships>(*store, *audit, clock, membership_steps());
  setup = std::make_unique<core::Setup>(*store, *audit, *auth, *projects, *memberships, clock,
                                        std::move(setup_options));
  users = std::make_unique<core::Users>(*store, *audit, *auth, hasher, clock);
  account_mail = std::make_unique<core::AccountMail>(mail_ways());
  core::Invitations::Options inviting;
  inviting.secret = settings.secret;
  inviting.previous_secrets = settings.previous_secrets;
  invitations = std::make_unique<core::Invitations>(*store, *audit, *auth, *memberships,
                                                    *account_mail, clock, std::move(inviting));
  core::PasswordResets::Options resetting;
  resetting.secret = settings.secret;
  resetting.previous_secrets = settings.previous_secrets;
  resets = std::make_unique<core::PasswordResets>(*store, *audit, *auth, *account_mail, clock, log,
                                                  std::move(resetting));
  if (!settings.oidc_issuer.empty()) {
    auto made_identity = IdentityProvider::make(
        settings, {*store, *audit, *auth, *users, *memberships, *projects, *sealer, clock, log});
    if (!made_identity) return std::move(made_identity).error();
    identity = std::move(made_identity).value();
  }
  make_leases();
  AuditUpkeep::Hooks watching_audit;
  watching_audit.may_run = holding(kAuditLease);
  watching_audit.take_in = [this] { take_deeds(loaded.settings.home, *audit, log); };
  watching_audit.on_broken = [this](const core::AuditReport& report) {
    core::Occasion broken;
    broken.trigger = core::kAuditChainBroken;
    broken.at = clock.now();
    broken.subject = core::to_string(report.reason);
    if (report.first_broken_id) broken.detail = "at entry " + report.first_broken_id->text();
    notifications->alerts.fire(std::move(broken));
  };
  auto keeping = AuditUpkeep::open(*store, *audit, settings, clock, log, std::move(watching_audit));
  if (!keeping) return std::move(keeping).error();
  upkeep = std::move(keeping).value();
  overrides = std::make_unique<core::PluginOverrides>(
      *store, *audit, clock,
      [this](core::Commit& c) { notices->tell(c, core::Notices::About::plugins); });
  core::AgentAccounts::Options accounting;
  accounting.secret = settings.secret;
  accounting.previous_secrets = settings.previous_secrets;
  accounting.on_changed = [this](const base::Uuid& project, std::string_view topic) {
    tell(project, topic);
  };
  accounting.on_closed = [this](const base::Uuid& agent) {
    if (gateway) gateway->revoke(agent);
  };
  accounting.tell_others = [this](core::Commit& commit, const base::Uuid& agent) {
    notices->tell(commit, core::Notices::About::agents, agent.text());
  };
  accounts = std::make_unique<core::AgentAccounts>(*store, *audit, clock, std::move(accounting));
  make_schedules();
  return {};
}

gateway::Gateway::Options Brain::Parts::gateway_options(Changed on_changed, core::Redact redact) {
  const config::Settings& settings = loaded.settings;
  gateway::Gateway::Options out;
  out.store = store.get();
  out.clock = &clock;
  out.log = &log;
  out.secret = settings.secret;
  out.brain = leases->brain();
  out.door.find_token =
      [this](std::string_view token) -> base::Result<std::optional<gateway::Identity>> {
    auto found = accounts->find_by_token(token);
    if (!found) return std::move(found).error();
    if (!*found) return std::optional<gateway::Identity>();
    return std::optional(gateway::Identity{(*found)->agent_id, (*found)->project_id, (*found)->name,
                                           (*found)->until});
  };
  out.door.on_bad_token = [this](std::string_view client_ip) {
    accounts->bearer_failed({std::string(client_ip), {}});
  };
  out.push = [this](const core::EventSource& source, const z4j_event_batch& batch,
                    core::Ingest::Receipt receipt) {
    return ingest->push(source, batch, std::move(receipt));
  };
  out.take_schedules = [this](const gateway::Identity& from, base::json::Array events,
                              std::function<void(bool)> done) {
    schedule_streams->take({from.agent_id, from.project_id, from.name}, std::move(events),
                           std::move(done));
  };
  out.on_changed = std::move(on_changed);
  out.redact = std::move(redact);
  out.on_held = [this] { holds_more(); };
  out.idle_timeout_s = settings.ws_idle_timeout_s;
  out.connections_per_agent = static_cast<std::size_t>(settings.ws_connections_per_agent);
  out.max_frame_bytes = static_cast<std::size_t>(settings.ws_frame_bytes);
  out.offline_timeout_s = settings.agent_offline_timeout_s;
  return out;
}

// What takes events in and sends commands out, then the plugins.
base::Status Brain::Parts::watch() {
  const config::Settings& settings = loaded.settings;
  const auto on_changed = [this](const base::Uuid& project, std::string_view topic) {
    tell(project, topic);
  };

  core::Ingest::Options take;
  take.clock = &clock;
  take.log = &log;
  take.redaction.extra_keys = settings.redaction_extra_keys;
  take.redaction.extra_values = settings.redaction_extra_values;
  take.redaction.max_string_bytes = static_cast<std::size_t>(settings.max_body_bytes);
  take.queue_bytes = settings.ingest_queue_bytes;
  take.spill_folder = settings.home + "/spill";
  take.spill_bytes = settings.ingest_spill_bytes;
  take.on_changed = on_changed;
  take.on_stored = [this](std::span<const core::Event* const> events) {
    notifications->alerts.stored(events);
  };
  auto made = core::Ingest::make(*store, std::move(take));
  if (!made) return std::move(made).error();
  ingest = std::move(made).value();
  ingest->start();

  const auto redact = [this](base::json::Value value) {
    ingest->redactor().scrub(value);
    return value;
  };
  core::PluginCapabilities::Options seeing;
  seeing.redact = redact;
  seeing.on_flushed = [this](const base::Status& status) {
    background.ended("plugin_capabilities", status);
  };
  capabilities = std::make_unique<core::PluginCapabilities>(*store, clock, log, std::move(seeing));
  capabilities->start();
  onlooker = capabilities.get();
  core::LocalAgents::Options watching;
  watching.push = [this](const core::EventSource& source, const z4j_event_batch& batch) {
    return ingest->push(source, batch);
  };
  watching.dropped = [this](const core::EventSource& source, std::uint64_t n,
                            std::string_view why) { ingest->dropped(source, n, why); };
  watching.on_changed = on_changed;
  watching.redact = redact;
  watching.on_lost = [this](const base::Uuid& project, const std::string& engine,
                            const std::vector<core::LostTask>& tasks,
                            const std::optional<core::Fence>& fence) {
    return note_lost(project, engine, tasks, fence);
  };
  watching.host_name = host_name();
  watching.offline_timeout_s = settings.agent_offline_timeout_s;
  watching.brain = leases->brain();
  watching.may_sweep = holding(kFleetLease);
  watching.belief = [this](const core::Fence& fence) { return leases->belief(fence); };
  watching.on_held = [this] { holds_more(); };
  watching.held_besides = [this] {
    return hears_others ? gateway->held() : std::vector<base::Uuid>();
  };
  watching.on_sweep = [this](const std::optional<core::Fence>& fence) { sweep_agents(fence); };
  agents = std::make_unique<core::LocalAgents>(*plugins, *store, clock, log, std::move(watching));
  agents->start();
  listener = agents.get();
  gateway = std::make_unique<gateway::Gateway>(gateway_options(on_changed, redact));
  here = std::make_unique<core::AgentsHere>(
      std::vector<core::HeldAgents*>{agents.get(), gateway.get()});
  core::Relay::Options handing;
  handing.brain = leases->brain();
  relay = std::make_unique<core::Relay>(*here, *store, *notices, clock, log, std::move(handing));

  core::Commands::Options sending;
  sending.timeout_s = settings.command_timeout_s;
  sending.on_changed = on_changed;
  sending.redact = redact;
  sending.may_sweep = holding(kTimeOutsLease);
  sending.on_bulk = [this] { bulk->look(); };
  sending.tell_bulk = [this](core::Commit& commit) {
    notices->tell(commit, core::Notices::About::bulk);
  };
  sending.max_copied_messages = settings.bulk_copy_max_messages;
  sending.copies_kept_s = settings.bulk_copy_keep_days * (base::kDayUs / base::kSecondUs);
  sending.on_swept = [this](const base::Status& status) {
    background.ended("command_timeout", status);
  };
  commands =
      std::make_unique<core::Commands>(*store, *audit, *relay, clock, log, std::move(sending));
  commands->start();
  bulk = std::make_unique<core::Bulk>(*store, *audit, *relay, *sealer, clock, log,
                                      bulk_options(redact));
  relay->on_command([this](const core::HandedCommand& command, core::Commit claim) {
    return commands->take(command, std::move(claim));
  });
  relay->start();
  revocations =
      std::make_unique<core::Revocations>(*store, *relay, clock, log, core::Revocations::Options{});
  retention = std::make_unique<core::Retention>(
      *store, clock, log, settings.event_retention_days, holding(kRetentionLease),
      [this](const base::Status& status) { background.ended("retention", status); });
  retention->start();
  runner = std::make_unique<PluginRunner>(*plugins, *agents, *overrides, *leases, loaded.plugins,
                                          console, log, clock);
  runner->on_change([this] { live.publish_all(core::live_topic(core::kPluginChanged)); });
  schedulers->with_agents(*gateway);
  core::ScheduleSync::Options syncing;
  syncing.on_changed = on_changed;
  syncing.redact = redact;
  syncing.on_listed = [this](const base::Status& status) {
    background.ended("schedule_sync", status);
  };
  schedule_sync = std::make_unique<core::ScheduleSync>(*store, *audit, *schedulers, clock, log,
                                                       std::move(syncing));
  make_desk(redact);
  core::ScheduleStreams::Options hearing_schedules;
  hearing_schedules.brain = leases->brain().text();
  hearing_schedules.on_changed = on_changed;
  hearing_schedules.redact = redact;
  hearing_schedules.watched = [this] { return schedulers->watched(); };
  hearing_schedules.is_connected = [this](const base::Uuid& agent, const base::Uuid& session) {
    return gateway->is_connected(agent, session);
  };
  hearing_schedules.order = [this](const core::WatchedScheduler& at, wire::Action action,
                                   int deadline_ms, plugin::Answer answer) {
    gateway->order(at.agent_id, at.scheduler, std::move(action), deadline_ms, std::move(answer),
                   at.session);
  };
  schedule_streams =
      std::make_unique<core::ScheduleStreams>(*store, clock, log, std::move(hearing_schedules));
  hears_others = true;
  revocations->start();
  desk->start();
  bulk->start();
  core::RemoteReconcile::Options looking;
  looking.may_ask = holding(kFleetLease);
  looking.push = [this](const core::EventSource& source, const z4j_event_batch& batch) {
    return ingest->push(source, batch);
  };
  looking.on_lost = [this](const base::Uuid& project, const std::string& engine,
                           const std::vector<core::LostTask>& tasks,
                           const std::optional<core::Fence>& fence) {
    return note_lost(project, engine, tasks, fence);
  };
  looking.on_pass = [this](const base::Status& status) {
    ++remote_passes;
    background.ended("remote_reconcile", status);
  };
  remote_reconcile =
      std::make_unique<core::RemoteReconcile>(*store, *relay, clock, log, std::move(looking));
  remote_reconcile->start();
  if (auto heard = notices->start(); !heard) return heard;
  if (auto started = runner->start(); !started) return started;
  schedule_sync->start();
  schedule_streams->start();
  leases->start();
  upkeep->start();
  notifications->start();
  return {};
}

void Brain::Parts::write_metrics(core::MetricText& out) const {
  upkeep->write_metrics(out);
  const core::Ingest::Stats stats = ingest->stats();
  out.family("z4j_ingest_queue_bytes", "gauge", "events that wait for the store")
      .sample({}, static_cast<std::int64_t>(stats.waiting_bytes));
  out.family("z4j_ingest_queue_limit_bytes", "gauge", "beyond it sources are told to wait")
      .sample({}, static_cast<std::int64_t>(stats.limit_bytes));
  out.family("z4j_ingest_commits_total", "counter", "batches stored")
      .sample({}, static_cast<std::int64_t>(stats.commits));
  out.family("z4j_ingest_failed_commits_total", "counter", "batches that had to be tried again")
      .sample({}, static_cast<std::int64_t>(stats.failed_commits));
  std::uint64_t dead_letters = 0;
  for (const core::Ingest::AgentStats& one : stats.agents) dead_letters += one.dead_letters;
  out.family("z4j_ingest_dead_letters_total", "counter", "events set aside, see dead_letters")
      .sample({}, static_cast<std::int64_t>(dead_letters));
  out.family("z4j_ingest_spill_bytes", "gauge", "events that wait on disk")
      .sample({}, static_cast<std::int64_t>(stats.spill.bytes));
  out.family("z4j_ingest_spill_limit_bytes", "gauge", "beyond it streams are told to wait")
      .sample({}, static_cast<std::int64_t>(stats.spill.limit_bytes));
  out.family("z4j_ingest_spilled_events_total", "counter", "events that went to disk")
      .sample({}, static_cast<std::int64_t>(stats.spill.written_events));
  out.family("z4j_ingest_unspilled_events_total", "counter", "events read back from disk")
      .sample({}, static_cast<std::int64_t>(stats.spill.read_events));
  out.family("z4j_ingest_spill_refused_total", "counter",
             "batches that found no room on disk, or a disk that takes nothing")
      .sample({}, static_cast<std::int64_t>(stats.spill.refused));
  out.family("z4j_ingest_spill_damaged_bytes_total", "counter",
             "bytes on disk that could not be read back")
      .sample({}, static_cast<std::int64_t>(stats.spill.damaged_bytes));
  ingest->write_metrics(out);
  notifications->alerts.write(out);
  notifications->outbox.write(out);
  commands->write_metrics(out);
  desk->write_metrics(out);
  bulk->write_metrics(out);
  background.write(out);
  out.family("z4j_revocations_asserted_total", "counter", "cancels said again to new workers")
      .sample({}, static_cast<std::int64_t>(revocations->asserted()));
  const gateway::Gateway::Stats remote = gateway->stats();
  out.family("z4j_agents_connected", "gauge", "agents elsewhere that are connected here")
      .sample({}, static_cast<std::int64_t>(remote.agents));
  out.family("z4j_agent_connections", "gauge", "their connections")
      .sample({}, static_cast<std::int64_t>(remote.connections));
  out.family("z4j_agent_frames_total", "counter", "good frames received from them")
      .sample({}, static_cast<std::int64_t>(remote.frames));
  out.family("z4j_agent_frames_refused_total", "counter", "frames that were malformed or false")
      .sample({}, static_cast<std::int64_t>(remote.refused_frames));
  out.family("z4j_agent_frames_repeated_total", "counter",
             "frames dropped because their events were under way or stored")
      .sample({}, static_cast<std::int64_t>(remote.repeated_frames));
  out.family("z4j_agent_events_total", "counter", "events in frames that were taken")
      .sample({}, static_cast<std::int64_t>(remote.events));
  out.family("z4j_agent_acks_total", "counter", "frames acknowledged")
      .sample({}, static_cast<std::int64_t>(remote.acks));
  out.family("z4j_agent_late_results_total", "counter",
             "results of commands that nobody waits for any more")
      .sample({}, static_cast<std::int64_t>(remote.late_results));
  out.family("z4j_tasks_lost_candidates", "gauge", "open tasks that their engine has no trace of")
      .sample({}, static_cast<std::int64_t>(agents->lost_candidates()));
  out.family("z4j_reconcile_passes_total", "counter",
             "rounds of asking engines what became of tasks")
      .sample({}, static_cast<std::int64_t>(agents->reconcile_questions() + remote_passes));
  lost_tasks.write(out);
}

// Who shares the store with this brain, this one first, and what each does.
base::json::Object Brain::Parts::brains() {
  base::json::Object out{{"brain_id", leases->brain().text()}, {"brains", nullptr}};
  const auto all = leases->brains();
  if (!all) return out;
  base::json::Array items;
  for (const core::BrainRow& brain : *all) {
    base::json::Array held;
    for (const std::string& name : brain.leases) held.emplace_back(name);
    items.push_back(base::json::Object{{"id", brain.id.text()},
                                       {"is_this", brain.is_this},
                                       {"host_name", base::json::text_or_null(brain.host_name)},
                                       {"pid", brain.pid},
                                       {"version", base::json::text_or_null(brain.version)},
                                       {"started_at", base::format_time(brain.started_at)},
                                       {"leases", std::move(held)}});
  }
  out["brains"] = std::move(items);
  return out;
}

base::json::Object Brain::Parts::holders() {
  base::json::Object out;
  const auto all = leases->brains();
  if (!all) return out;
  for (const config::PluginEntry& entry : loaded.plugins) {
    for (const core::BrainRow& brain : *all) {
      if (!std::binary_search(brain.leases.begin(), brain.leases.end(), core::engine_lease(entry)))
        continue;
      out[entry.name] = base::json::Object{{"brain_id", brain.id.text()},
                                           {"host_name", base::json::text_or_null(brain.host_name)},
                                           {"is_this", brain.is_this}};
    }
  }
  return out;
}

api::Parts Brain::Parts::api_parts() {
  api::Parts out{*store,        *auth,           *setup,       *projects,    *commands,
                 *accounts,     *overrides,      live,         *audit,       *mfa,
                 *keys,         *users,          *memberships, *invitations, *resets,
                 *plugins,      loaded.settings, log,          clock,        program_version(),
                 loaded.plugins};
  out.oidc = identity ? &identity->oidc() : nullptr;
  out.console = console;
  out.setting_rows = config::list_settings(loaded);
  out.notifications = notifications.get();
  out.bulk = bulk.get();
  out.schedules = schedules.get();
  out.own_schedules = [this](const std::string& instance) {
    return schedulers->own_form(instance);
  };
  out.resync_schedules = [this](const base::Uuid& project) { return resync_schedules(project); };
  out.fetch = [this](const std::string& url, std::size_t most_bytes,
                     int timeout_ms) -> base::Result<std::string> {
    net::OutgoingRequest request;
    request.method = "GET";
    request.url = url;
    request.deadline_ms = timeout_ms;
    request.max_answer_bytes = most_bytes;
    auto answer = outgoing->http().ask(request);
    if (!answer) return std::move(answer).error();
    if (answer->status != 200 || answer->is_cut)
      return base::Error{base::Code::io,
                         answer->is_cut ? "the answer is too long"
                                        : "it answered " + std::to_string(answer->status),
                         "", ""};
    return std::move(answer->body);
  };
  if (const base::json::Object smtp = smtp_channel(loaded.settings); !smtp.empty()) {
    out.try_mail = [this, smtp](const std::string& to) {
      const MailTrial trial =
          z4j::app::try_mail(*courier, smtp, to, "z4j-brain for an administrator", kTryMailMs);
      base::json::Object told{
          {"accepted", trial.is_taken}, {"relay", trial.relay}, {"from", trial.from}};
      for (const char* name : {"steps", "stage", "reply", "error"}) {
        const auto* const value = trial.seen.if_contains(name);
        told[name] = value != nullptr ? *value : base::json::Value(nullptr);
      }
      return told;
    };
  }
  out.redactor = &ingest->redactor();
  out.capabilities = capabilities.get();
  out.agent_live = [this](const base::Uuid& agent) { return core::engine_facts(*relay, agent); };
  out.agent_registry = [this](const base::Uuid& agent) {
    return core::engine_registry(*relay, agent);
  };
  out.queued_tasks = [this](const base::Uuid& project, std::string_view what,
                            const std::string& engine, const std::string& queue,
                            std::uint32_t limit, const std::string& cursor) {
    auto tasks = core::queued_tasks(*relay, project, what, engine, queue, limit, cursor);
    if (tasks) {
      base::json::Value shown(std::move(*tasks));
      ingest->redactor().scrub(shown);
      *tasks = std::move(shown.get_object());
    }
    return tasks;
  };
  out.abilities = [this](const base::Uuid& project) {
    return core::engine_abilities(*relay, project);
  };
  out.ingest_stats = [this](const base::Uuid& agent) {
    base::json::Object figures;
    for (const core::Ingest::AgentStats& one : ingest->stats().agents) {
      if (one.agent_id != agent) continue;
      base::json::Object dropped;
      for (const auto& [why, count] : one.dropped) dropped[why] = count;
      figures = {{"waiting_bytes", one.waiting_bytes},
                 {"persisted", one.persisted},
                 {"duplicates", one.duplicates},
                 {"dead_letters", one.dead_letters},
                 {"dropped", std::move(dropped)}};
    }
    return figures;
  };
  out.audit_desk = {&upkeep->tree(), &upkeep->checkpoints(), &upkeep->keeper(),
                    &upkeep->forwarder()};
  out.more_metrics = [this](core::MetricText& text) { write_metrics(text); };
  out.server_stats = [this] { return server->stats(); };
  out.reload_plugin = [this](const std::string& instance) { return runner->reload(instance); };
  out.brains = [this] { return brains(); };
  out.holders = [this] { return holders(); };
  return out;
}

base::Status Brain::Parts::listen() {
  const config::Settings& settings = loaded.settings;
  auto folder = make_run_folder(settings.home);
  if (!folder) return std::move(folder).error();
  run_folder = std::move(folder).value();
  net::ServerOptions options;
  options.bind_host = settings.bind_host;
  options.bind_port = static_cast<std::uint16_t>(settings.bind_port);
  options.private_socket = run_folder + "/api.sock";
  options.tls_certificate_file = settings.tls_certificate_file;
  options.tls_key_file = settings.tls_key_file;
  options.trusted_proxies = settings.trusted_proxies;
  options.max_body_bytes = static_cast<std::size_t>(settings.max_body_bytes);
  options.body_limits = {
      {"/api/v1/projects/", kProjectBodyBytes}, {"/api/v1/projects/*/schedules:", kImportBodyBytes},
      {"/api/v1/plugins/", kPluginBodyBytes},   {"/api/v1/user/", kUserBodyBytes},
      {"/ext/", plugin::kMostHttpBody},         {"/api/v1/agent/events", kAgentBodyBytes}};
  options.late_routes = gateway->late_routes();
  options.api_threads = static_cast<unsigned>(settings.api_threads);
  options.max_connections = most_connections();
  api = std::make_unique<api::Api>(api_parts());
  std::vector<net::SocketEndpoint> sockets = api->sockets();
  for (net::SocketEndpoint& endpoint : gateway->sockets()) sockets.push_back(std::move(endpoint));
  server = std::make_unique<net::Server>(
      options, [this](const net::Request& request) { return api->handle(request); },
      std::move(sockets),
      [this](std::string_view method, std::string_view route, int status, double seconds) {
        api->observe(method, route, status, seconds);
      },
      log);
  api->start(server->sockets());
  gateway->start(server->sockets());
  return server->start();
}

// The first administrator: from the environment, or through a link.
base::Status Brain::Parts::invite() {
  const config::Settings& settings = loaded.settings;
  const auto is_first = setup->is_first_boot();
  if (!is_first) return is_first.error();
  if (!*is_first) return {};
  if (!settings.bootstrap_admin_email.empty()) {
    auto made = setup->bootstrap(settings.bootstrap_admin_email, settings.bootstrap_admin_password,
                                 settings.bootstrap_admin_display_name, "environment");
    if (!made) return std::move(made).error();
    log.info("first administrator made", {{"email", settings.bootstrap_admin_email}});
    return {};
  }
  auto token = setup->mint_token();
  if (!token) return std::move(token).error();
  if (*token) setup_url = "/setup?token=" + **token;
  return {};
}

base::Status Brain::start() {
  Parts& p = *parts_;
  if (auto made = make_home(p.loaded.settings.home); !made) return made;
  auto lock = HomeLock::take(p.loaded.settings.home);
  if (!lock) return std::move(lock).error();
  p.home_lock.emplace(std::move(lock).value());
  if (auto minted = mint_secrets(p.loaded.settings); !minted) return minted;
  if (auto opened = p.open(); !opened) return opened;
  if (auto invited = p.invite(); !invited) return invited;
  if (auto watching = p.watch(); !watching) return watching;
  if (auto listening = p.listen(); !listening) return listening;
  if (!p.setup_url.empty()) p.setup_url = public_url() + p.setup_url;
  p.log.info("brain is up", {{"url", url()}, {"version", program_version()}});
  return {};
}

void Brain::stop() {
  Parts& p = *parts_;
  if (p.api && p.server) p.api->stop();
  if (p.gateway && p.server) p.gateway->stop();
  if (p.server) p.server->stop();
  if (p.retention) p.retention->stop();
  if (p.remote_reconcile) p.remote_reconcile->stop();
  if (p.revocations) p.revocations->stop();
  if (p.bulk) p.bulk->stop();
  if (p.relay) p.relay->stop();
  if (p.commands) p.commands->stop();
  if (p.schedule_streams) p.schedule_streams->stop();
  if (p.schedule_sync) p.schedule_sync->stop();
  if (p.runner) p.runner->stop();
  if (p.desk) p.desk->stop();
  if (p.agents) p.agents->stop();
  if (p.ingest) p.ingest->stop(kDrainMs);
  if (p.notifications) p.notifications->stop();
  if (p.upkeep) p.upkeep->stop();
  if (p.notices) p.notices->stop();
  if (p.leases) p.leases->stop();
  (void)p.hearing.close(kDrainMs);
  if (p.capabilities) p.capabilities->stop();
  p.server.reset();
  p.api.reset();
  p.schedule_streams.reset();
  p.schedule_sync.reset();
  p.runner.reset();
  p.desk.reset();
  p.retention.reset();
  p.remote_reconcile.reset();
  p.revocations.reset();
  p.bulk.reset();
  p.commands.reset();
  p.relay.reset();
  p.here.reset();
  p.gateway.reset();
  p.agents.reset();
  p.capabilities.reset();
  p.ingest.reset();
  p.schedules.reset();
  p.schedulers.reset();
  p.accounts.reset();
  p.overrides.reset();
  p.upkeep.reset();
  p.leases.reset();
  p.notices.reset();
  p.identity.reset();
  p.resets.reset();
  p.invitations.reset();
  p.account_mail.reset();
  p.users.reset();
  p.setup.reset();
  p.memberships.reset();
  p.notifications.reset();
  p.projects.reset();
  p.keys.reset();
  p.mfa.reset();
  p.auth.reset();
  p.audit.reset();
  p.store.reset();
  if (p.plugins) p.plugins->stop_all();
  p.courier.reset();
  p.plugins.reset();
  p.outgoing.reset();
  if (p.run_folder.starts_with("/tmp/")) {
    std::error_code ignored;
    std::filesystem::remove_all(p.run_folder, ignored);
  }
  p.run_folder.clear();
}

void Brain::reload_certificate() {
  if (parts_->loaded.settings.tls_certificate_file.empty()) return;
  if (auto read = parts_->server->reload_certificate(); read)
    parts_->log.info("certificate read again");
  else
    parts_->log.error("certificate not read; the old one stays in use",
                      {{"why", read.error().text()}});
}

std::string Brain::url() const {
  const config::Settings& settings = parts_->loaded.settings;
  const std::string& host = settings.bind_host;
  return (settings.tls_certificate_file.empty() ? "http://" : "https://") +
         (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" +
         std::to_string(parts_->server->port());
}

std::string Brain::public_url() const { return parts_->public_url(); }

const std::string& Brain::setup_url() const { return parts_->setup_url; }

}  // namespace z4j::app
