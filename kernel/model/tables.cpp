#include "model/tables.hpp"

#include <string_view>

namespace z4j::model {
namespace {

constexpr z4j_str text(std::string_view s) { return z4j_str{s.data(), s.size()}; }

constexpr std::uint16_t kFlagNONE = 0;
constexpr std::uint16_t kFlagREQUIRED = Z4J_COL_REQUIRED;
constexpr std::uint16_t kFlagSECRET = Z4J_COL_SECRET;
constexpr std::uint32_t kTableNONE = 0;
constexpr std::uint32_t kTableHOT = Z4J_TBL_HOT;
constexpr std::uint32_t kTableAPPEND = Z4J_TBL_APPEND;
constexpr std::uint32_t kTableAPPEND_BY_TIME = Z4J_TBL_APPEND | Z4J_TBL_BY_TIME;

template <std::uint16_t... columns>
struct List {
  static constexpr std::uint16_t values[] = {columns...};
};

template <std::uint16_t... columns>
constexpr z4j_key key(std::string_view name, std::uint16_t kind, std::uint16_t flags = 0) {
  return z4j_key{text(name), List<columns...>::values, sizeof...(columns), kind, flags};
}

constexpr z4j_key kMetaKeys[] = {key<meta::key>("meta_key", Z4J_K_PRIMARY)};
constexpr z4j_key kUsersKeys[] = {
    key<users::id>("users_id", Z4J_K_PRIMARY), key<users::email>("users_email", Z4J_K_UNIQUE),
    key<users::created_at, users::id>("users_created", Z4J_K_ORDER),
    key<users::sso_provider, users::external_id>("users_external", Z4J_K_ORDER)};
constexpr z4j_key kSessionsKeys[] = {
    key<sessions::id>("sessions_id", Z4J_K_PRIMARY),
    key<sessions::user_id, sessions::issued_at, sessions::id>("sessions_user", Z4J_K_ORDER),
    key<sessions::expires_at>("sessions_expires", Z4J_K_ORDER)};
constexpr z4j_key kFirstBootTokensKeys[] = {
    key<first_boot_tokens::id>("first_boot_tokens_id", Z4J_K_PRIMARY)};
constexpr z4j_key kProjectsKeys[] = {key<projects::id>("projects_id", Z4J_K_PRIMARY),
                                     key<projects::slug>("projects_slug", Z4J_K_UNIQUE)};
constexpr z4j_key kMembershipsKeys[] = {
    key<memberships::id>("memberships_id", Z4J_K_PRIMARY),
    key<memberships::user_id, memberships::project_id>("memberships_user_project", Z4J_K_UNIQUE),
    key<memberships::project_id, memberships::created_at, memberships::id>("memberships_project",
                                                                           Z4J_K_ORDER)};
constexpr z4j_key kAgentsKeys[] = {
    key<agents::id>("agents_id", Z4J_K_PRIMARY),
    key<agents::project_id, agents::name>("agents_project_name", Z4J_K_UNIQUE),
    key<agents::token_hash>("agents_token", Z4J_K_UNIQUE),
    key<agents::project_id, agents::created_at, agents::id>("agents_project_created", Z4J_K_ORDER),
    key<agents::previous_token_hash>("agents_previous_token", Z4J_K_ORDER)};
constexpr z4j_key kWorkersKeys[] = {
    key<workers::id>("workers_id", Z4J_K_PRIMARY),
    key<workers::project_id, workers::engine, workers::name>("workers_name", Z4J_K_UNIQUE),
    key<workers::project_id, workers::sort_at, workers::id>("workers_seen", Z4J_K_ORDER)};
constexpr z4j_key kQueuesKeys[] = {
    key<queues::id>("queues_id", Z4J_K_PRIMARY),
    key<queues::project_id, queues::engine, queues::name>("queues_engine_name", Z4J_K_UNIQUE),
    key<queues::project_id, queues::name, queues::id>("queues_name", Z4J_K_ORDER)};
constexpr z4j_key kTasksKeys[] = {
    key<tasks::id>("tasks_id", Z4J_K_PRIMARY),
    key<tasks::project_id, tasks::sort_at, tasks::id>("tasks_sorted", Z4J_K_ORDER),
    key<tasks::project_id, tasks::state, tasks::sort_at, tasks::id>("tasks_state", Z4J_K_ORDER),
    key<tasks::project_id, tasks::root_task_id>("tasks_root", Z4J_K_ORDER),
    key<tasks::name, tasks::queue, tasks::worker_name, tasks::task_id>("tasks_text", Z4J_K_TEXT),
    key<tasks::args>("tasks_args", Z4J_K_PATH),
    key<tasks::kwargs>("tasks_kwargs", Z4J_K_PATH),
    key<tasks::project_id, tasks::name, tasks::sort_at, tasks::id>("tasks_named", Z4J_K_ORDER),
    key<tasks::project_id, tasks::fingerprint, tasks::sort_at, tasks::id>(
        "tasks_fingerprint", Z4J_K_ORDER, Z4J_KEY_SPARSE)};
constexpr z4j_key kEventsKeys[] = {
    key<events::occurred_at, events::id>("events_id", Z4J_K_PRIMARY),
    key<events::project_id, events::task_id, events::occurred_at, events::id>("events_task",
                                                                              Z4J_K_ORDER)};
constexpr z4j_key kTaskMinutesKeys[] = {
    key<task_minutes::project_id, task_minutes::minute, task_minutes::engine,
        task_minutes::task_name, task_minutes::queue, task_minutes::worker, task_minutes::kind,
        task_minutes::lane>("task_minutes_id", Z4J_K_PRIMARY),
    key<task_minutes::project_id, task_minutes::task_name, task_minutes::minute>(
        "task_minutes_named", Z4J_K_ORDER),
    key<task_minutes::project_id, task_minutes::queue, task_minutes::minute>("task_minutes_queued",
                                                                             Z4J_K_ORDER)};
constexpr z4j_key kCommandsKeys[] = {
    key<commands::id>("commands_id", Z4J_K_PRIMARY),
    key<commands::project_id, commands::idempotency_key>("commands_idempotency", Z4J_K_UNIQUE),
    key<commands::project_id, commands::issued_at, commands::id>("commands_issued", Z4J_K_ORDER),
    key<commands::status, commands::timeout_at>("commands_due", Z4J_K_ORDER)};
constexpr z4j_key kAuditLogKeys[] = {
    key<audit_log::seq>("audit_log_seq", Z4J_K_PRIMARY),
    key<audit_log::id>("audit_log_id", Z4J_K_UNIQUE),
    key<audit_log::prev_row_hmac>("audit_log_prev", Z4J_K_UNIQUE),
    key<audit_log::project_id, audit_log::seq>("audit_log_project", Z4J_K_ORDER),
    key<audit_log::action, audit_log::seq>("audit_log_action", Z4J_K_ORDER),
    key<audit_log::user_id, audit_log::seq>("audit_log_user", Z4J_K_ORDER),
    key<audit_log::project_id, audit_log::action, audit_log::seq>("audit_log_project_action",
                                                                  Z4J_K_ORDER)};
constexpr z4j_key kAuditHeadKeys[] = {key<audit_head::id>("audit_head_id", Z4J_K_PRIMARY)};
constexpr z4j_key kPluginOverridesKeys[] = {
    key<plugin_overrides::instance>("plugin_overrides_instance", Z4J_K_PRIMARY)};
constexpr z4j_key kDeadLettersKeys[] = {key<dead_letters::id>("dead_letters_id", Z4J_K_PRIMARY)};
constexpr z4j_key kGapsKeys[] = {
    key<gaps::id>("gaps_id", Z4J_K_PRIMARY),
    key<gaps::project_id, gaps::from_at, gaps::id>("gaps_project", Z4J_K_ORDER)};
constexpr z4j_key kTaskHoursKeys[] = {
    key<task_hours::project_id, task_hours::hour, task_hours::engine, task_hours::task_name,
        task_hours::queue, task_hours::kind, task_hours::lane>("task_hours_id", Z4J_K_PRIMARY),
    key<task_hours::project_id, task_hours::task_name, task_hours::hour>("task_hours_named",
                                                                         Z4J_K_ORDER),
    key<task_hours::project_id, task_hours::queue, task_hours::hour>("task_hours_queued",
                                                                     Z4J_K_ORDER)};
constexpr z4j_key kProjectSpansKeys[] = {
    key<project_spans::project_id, project_spans::seconds, project_spans::begins,
        project_spans::kind, project_spans::lane>("project_spans_id", Z4J_K_PRIMARY)};
constexpr z4j_key kWorkerHoursKeys[] = {
    key<worker_hours::project_id, worker_hours::hour, worker_hours::engine, worker_hours::worker,
        worker_hours::kind, worker_hours::lane>("worker_hours_id", Z4J_K_PRIMARY)};
constexpr z4j_key kBrainsKeys[] = {key<brains::id>("brains_id", Z4J_K_PRIMARY)};
constexpr z4j_key kLeasesKeys[] = {key<leases::name>("leases_name", Z4J_K_PRIMARY)};
constexpr z4j_key kRoutesKeys[] = {
    key<routes::agent_id>("routes_agent", Z4J_K_PRIMARY),
    key<routes::project_id, routes::agent_id>("routes_project", Z4J_K_ORDER)};
constexpr z4j_key kEngineRequestsKeys[] = {
    key<engine_requests::id>("engine_requests_id", Z4J_K_PRIMARY)};
constexpr z4j_key kAgentWorkersKeys[] = {
    key<agent_workers::id>("agent_workers_id", Z4J_K_PRIMARY),
    key<agent_workers::project_id, agent_workers::state, agent_workers::last_seen_at,
        agent_workers::id>("agent_workers_seen", Z4J_K_ORDER),
    key<agent_workers::agent_id, agent_workers::id>("agent_workers_agent", Z4J_K_ORDER)};
constexpr z4j_key kAgentConnectionsKeys[] = {
    key<agent_connections::id>("agent_connections_id", Z4J_K_PRIMARY),
    key<agent_connections::agent_id, agent_connections::connected_at, agent_connections::id>(
        "agent_connections_agent", Z4J_K_ORDER),
    key<agent_connections::connected_at>("agent_connections_time", Z4J_K_ORDER)};
constexpr z4j_key kAgentTasksKeys[] = {
    key<agent_tasks::agent_id, agent_tasks::engine, agent_tasks::name>("agent_tasks_id",
                                                                       Z4J_K_PRIMARY),
    key<agent_tasks::project_id, agent_tasks::name>("agent_tasks_project", Z4J_K_ORDER)};
constexpr z4j_key kRevocationsKeys[] = {
    key<revocations::id>("revocations_id", Z4J_K_PRIMARY),
    key<revocations::project_id, revocations::engine, revocations::created_at, revocations::id>(
        "revocations_engine", Z4J_K_ORDER),
    key<revocations::expires_at>("revocations_expires", Z4J_K_ORDER)};
constexpr z4j_key kApiKeysKeys[] = {
    key<api_keys::id>("api_keys_id", Z4J_K_PRIMARY),
    key<api_keys::token_hash>("api_keys_token", Z4J_K_UNIQUE),
    key<api_keys::user_id, api_keys::created_at, api_keys::id>("api_keys_user", Z4J_K_ORDER)};
constexpr z4j_key kPasswordResetTokensKeys[] = {
    key<password_reset_tokens::id>("password_reset_tokens_id", Z4J_K_PRIMARY),
    key<password_reset_tokens::token_hash>("password_reset_tokens_token", Z4J_K_UNIQUE),
    key<password_reset_tokens::user_id, password_reset_tokens::created_at,
        password_reset_tokens::id>("password_reset_tokens_user", Z4J_K_ORDER),
    key<password_reset_tokens::expires_at>("password_reset_tokens_expires", Z4J_K_ORDER)};
constexpr z4j_key kMfaRecoveryCodesKeys[] = {
    key<mfa_recovery_codes::id>("mfa_recovery_codes_id", Z4J_K_PRIMARY),
    key<mfa_recovery_codes::user_id, mfa_recovery_codes::id>("mfa_recovery_codes_user",
                                                             Z4J_K_ORDER)};
constexpr z4j_key kTrustedDevicesKeys[] = {
    key<trusted_devices::id>("trusted_devices_id", Z4J_K_PRIMARY),
    key<trusted_devices::cookie_id_hash>("trusted_devices_cookie", Z4J_K_UNIQUE),
    key<trusted_devices::user_id, trusted_devices::last_seen_at, trusted_devices::id>(
        "trusted_devices_user", Z4J_K_ORDER),
    key<trusted_devices::expires_at>("trusted_devices_expires", Z4J_K_ORDER)};
constexpr z4j_key kInvitationsKeys[] = {
    key<invitations::id>("invitations_id", Z4J_K_PRIMARY),
    key<invitations::token_hash>("invitations_token", Z4J_K_UNIQUE),
    key<invitations::project_id, invitations::created_at, invitations::id>("invitations_project",
                                                                           Z4J_K_ORDER),
    key<invitations::expires_at>("invitations_expires", Z4J_K_ORDER)};
constexpr z4j_key kNotificationChannelsKeys[] = {
    key<notification_channels::id>("notification_channels_id", Z4J_K_PRIMARY),
    key<notification_channels::project_id, notification_channels::created_at,
        notification_channels::id>("notification_channels_project", Z4J_K_ORDER)};
constexpr z4j_key kUserChannelsKeys[] = {
    key<user_channels::id>("user_channels_id", Z4J_K_PRIMARY),
    key<user_channels::user_id, user_channels::name>("user_channels_name", Z4J_K_UNIQUE),
    key<user_channels::user_id, user_channels::created_at, user_channels::id>("user_channels_user",
                                                                              Z4J_K_ORDER)};
constexpr z4j_key kUserSubscriptionsKeys[] = {
    key<user_subscriptions::id>("user_subscriptions_id", Z4J_K_PRIMARY),
    key<user_subscriptions::user_id, user_subscriptions::project_id, user_subscriptions::trigger>(
        "user_subscriptions_trigger", Z4J_K_UNIQUE),
    key<user_subscriptions::project_id, user_subscriptions::trigger, user_subscriptions::id>(
        "user_subscriptions_project", Z4J_K_ORDER)};
constexpr z4j_key kProjectDefaultSubscriptionsKeys[] = {
    key<project_default_subscriptions::id>("project_default_subscriptions_id", Z4J_K_PRIMARY),
    key<project_default_subscriptions::project_id, project_default_subscriptions::trigger>(
        "project_default_subscriptions_trigger", Z4J_K_UNIQUE)};
constexpr z4j_key kUserNotificationsKeys[] = {
    key<user_notifications::id>("user_notifications_id", Z4J_K_PRIMARY),
    key<user_notifications::user_id, user_notifications::created_at, user_notifications::id>(
        "user_notifications_user", Z4J_K_ORDER),
    key<user_notifications::created_at>("user_notifications_time", Z4J_K_ORDER)};
constexpr z4j_key kOutboxKeys[] = {
    key<outbox::id>("outbox_id", Z4J_K_PRIMARY),
    key<outbox::next_attempt_at, outbox::id>("outbox_due", Z4J_K_ORDER)};
constexpr z4j_key kNotificationDeliveriesKeys[] = {
    key<notification_deliveries::id>("notification_deliveries_id", Z4J_K_PRIMARY),
    key<notification_deliveries::project_id, notification_deliveries::sent_at,
        notification_deliveries::id>("notification_deliveries_project", Z4J_K_ORDER),
    key<notification_deliveries::user_id, notification_deliveries::sent_at,
        notification_deliveries::id>("notification_deliveries_user", Z4J_K_ORDER),
    key<notification_deliveries::sent_at>("notification_deliveries_time", Z4J_K_ORDER)};
constexpr z4j_key kAuditTilesKeys[] = {
    key<audit_tiles::level, audit_tiles::number>("audit_tiles_id", Z4J_K_PRIMARY)};
constexpr z4j_key kAuditCheckpointsKeys[] = {
    key<audit_checkpoints::size>("audit_checkpoints_size", Z4J_K_PRIMARY)};
constexpr z4j_key kAuditPrunesKeys[] = {
    key<audit_prunes::last_seq>("audit_prunes_id", Z4J_K_PRIMARY)};
constexpr z4j_key kAuditBreaksKeys[] = {key<audit_breaks::id>("audit_breaks_id", Z4J_K_PRIMARY)};
constexpr z4j_key kAuditCursorsKeys[] = {
    key<audit_cursors::sink>("audit_cursors_sink", Z4J_K_PRIMARY)};
constexpr z4j_key kSelectionsKeys[] = {
    key<selections::id>("selections_id", Z4J_K_PRIMARY),
    key<selections::project_id, selections::created_at, selections::id>("selections_project",
                                                                        Z4J_K_ORDER),
    key<selections::expires_at, selections::id>("selections_expires", Z4J_K_ORDER)};
constexpr z4j_key kSelectionItemsKeys[] = {
    key<selection_items::selection_id, selection_items::number>("selection_items_id",
                                                                Z4J_K_PRIMARY),
    key<selection_items::selection_id, selection_items::outcome, selection_items::number>(
        "selection_items_outcome", Z4J_K_ORDER)};
constexpr z4j_key kBulkJobsKeys[] = {
    key<bulk_jobs::id>("bulk_jobs_id", Z4J_K_PRIMARY),
    key<bulk_jobs::selection_id>("bulk_jobs_selection", Z4J_K_UNIQUE),
    key<bulk_jobs::project_id, bulk_jobs::created_at, bulk_jobs::id>("bulk_jobs_project",
                                                                     Z4J_K_ORDER),
    key<bulk_jobs::state, bulk_jobs::created_at, bulk_jobs::id>("bulk_jobs_state", Z4J_K_ORDER)};
constexpr z4j_key kQueueCopiesKeys[] = {
    key<queue_copies::id>("queue_copies_id", Z4J_K_PRIMARY),
    key<queue_copies::project_id, queue_copies::created_at, queue_copies::id>(
        "queue_copies_project", Z4J_K_ORDER),
    key<queue_copies::state, queue_copies::created_at, queue_copies::id>("queue_copies_state",
                                                                         Z4J_K_ORDER),
    key<queue_copies::expires_at, queue_copies::id>("queue_copies_expires", Z4J_K_ORDER)};
constexpr z4j_key kQueueCopyPartsKeys[] = {
    key<queue_copy_parts::copy_id, queue_copy_parts::number>("queue_copy_parts_id", Z4J_K_PRIMARY)};
constexpr z4j_key kWorkerLossesKeys[] = {
    key<worker_losses::id>("worker_losses_id", Z4J_K_PRIMARY),
    key<worker_losses::project_id, worker_losses::noticed_at, worker_losses::id>(
        "worker_losses_project", Z4J_K_ORDER),
    key<worker_losses::project_id, worker_losses::engine, worker_losses::worker,
        worker_losses::noticed_at>("worker_losses_worker", Z4J_K_ORDER),
    key<worker_losses::noticed_at, worker_losses::id>("worker_losses_noticed", Z4J_K_ORDER)};
constexpr z4j_key kWorkerWishesKeys[] = {
    key<worker_wishes::id>("worker_wishes_id", Z4J_K_PRIMARY),
    key<worker_wishes::project_id, worker_wishes::created_at, worker_wishes::id>(
        "worker_wishes_project", Z4J_K_ORDER)};
constexpr z4j_key kSchedulesKeys[] = {
    key<schedules::id>("schedules_id", Z4J_K_PRIMARY),
    key<schedules::project_id, schedules::scheduler, schedules::owner, schedules::name>(
        "schedules_scheduler_name", Z4J_K_UNIQUE),
    key<schedules::project_id, schedules::name, schedules::id>("schedules_name", Z4J_K_ORDER),
    key<schedules::scheduler, schedules::next_run_at, schedules::id>("schedules_due", Z4J_K_ORDER),
    key<schedules::scheduler, schedules::updated_at, schedules::id>("schedules_changed",
                                                                    Z4J_K_ORDER)};
constexpr z4j_key kScheduleFiresKeys[] = {
    key<schedule_fires::id>("schedule_fires_id", Z4J_K_PRIMARY),
    key<schedule_fires::schedule_id, schedule_fires::fired_at, schedule_fires::id>(
        "schedule_fires_schedule", Z4J_K_ORDER),
    key<schedule_fires::project_id, schedule_fires::fired_at, schedule_fires::id>(
        "schedule_fires_project", Z4J_K_ORDER),
    key<schedule_fires::fired_at, schedule_fires::id>("schedule_fires_fired", Z4J_K_ORDER)};
constexpr z4j_key kScheduleStreamsKeys[] = {
    key<schedule_streams::id>("schedule_streams_id", Z4J_K_PRIMARY),
    key<schedule_streams::project_id, schedule_streams::scheduler, schedule_streams::id>(
        "schedule_streams_project", Z4J_K_ORDER)};

constexpr z4j_key kAuditErasuresKeys[] = {
    key<audit_erasures::seq>("audit_erasures_seq", Z4J_K_PRIMARY)};
constexpr z4j_key kErasuresKeys[] = {key<erasures::id>("erasures_id", Z4J_K_PRIMARY)};
constexpr z4j_key kErrorGroupsKeys[] = {
    key<error_groups::project_id, error_groups::fingerprint, error_groups::lane>("error_groups_id",
                                                                                 Z4J_K_PRIMARY),
    key<error_groups::project_id, error_groups::last_seen_at, error_groups::fingerprint,
        error_groups::lane>("error_groups_seen", Z4J_K_ORDER)};
constexpr z4j_key kErrorHoursKeys[] = {
    key<error_hours::project_id, error_hours::hour, error_hours::fingerprint,
        error_hours::task_name, error_hours::queue, error_hours::lane>("error_hours_id",
                                                                       Z4J_K_PRIMARY),
    key<error_hours::project_id, error_hours::fingerprint, error_hours::hour>(
        "error_hours_fingerprint", Z4J_K_ORDER)};
constexpr z4j_key kSavedViewsKeys[] = {
    key<saved_views::id>("saved_views_id", Z4J_K_PRIMARY),
    key<saved_views::user_id, saved_views::project_id, saved_views::screen, saved_views::name>(
        "saved_views_name", Z4J_K_UNIQUE),
    key<saved_views::project_id, saved_views::is_shared, saved_views::screen, saved_views::name,
        saved_views::id>("saved_views_shared", Z4J_K_ORDER)};
constexpr z4j_key kDeploysKeys[] = {
    key<deploys::id>("deploys_id", Z4J_K_PRIMARY),
    key<deploys::project_id, deploys::at, deploys::id>("deploys_project", Z4J_K_ORDER)};
constexpr z4j_key kQueueMinutesKeys[] = {
    key<queue_minutes::project_id, queue_minutes::queue_id, queue_minutes::minute>(
        "queue_minutes_id", Z4J_K_PRIMARY),
    key<queue_minutes::project_id, queue_minutes::minute, queue_minutes::queue_id>(
        "queue_minutes_minute", Z4J_K_ORDER)};

constexpr z4j_key kPluginCapabilitiesKeys[] = {
    key<plugin_capabilities::instance, plugin_capabilities::plugin_id, plugin_capabilities::version,
        plugin_capabilities::kind, plugin_capabilities::name>("plugin_capabilities_id",
                                                              Z4J_K_PRIMARY),
    key<plugin_capabilities::last_at>("plugin_capabilities_last", Z4J_K_ORDER)};

#define Z4J_DECLARE_COLUMN(name, type, flags, merge, stamp, comment) \
  z4j_column{text(#name),  text(comment), Z4J_T_##type,              \
             kFlag##flags, Z4J_M_##merge, static_cast<std::uint16_t>(stamp)},
#define Z4J_DECLARE_COLUMNS(table, Name)                                                      \
  namespace declared_##table {                                                                \
    using namespace ::z4j::model::table;                                                      \
    constexpr z4j_column kColumns[] = {Z4J_##Name##_COLUMNS(Z4J_DECLARE_COLUMN)};             \
    static_assert(sizeof kColumns / sizeof kColumns[0] == ::z4j::model::table::kColumnCount); \
  }
Z4J_TABLES(Z4J_DECLARE_COLUMNS)

template <std::size_t columns, std::size_t keys>
constexpr z4j_table declare(std::string_view name, std::string_view comment,
                            const z4j_column (&column_list)[columns],
                            const z4j_key (&key_list)[keys], std::uint32_t flags) {
  return z4j_table{text(name), text(comment), column_list, key_list, columns, keys, flags, 0};
}

constexpr z4j_table kTables[] = {
    declare("meta", "facts about this store", declared_meta::kColumns, kMetaKeys, kTableNONE),
    declare("users", "people who sign in", declared_users::kColumns, kUsersKeys, kTableNONE),
    declare("sessions", "signed-in browsers", declared_sessions::kColumns, kSessionsKeys,
            kTableHOT),
    declare("first_boot_tokens", "one-time tokens for the first admin",
            declared_first_boot_tokens::kColumns, kFirstBootTokensKeys, kTableNONE),
    declare("projects", "tenants", declared_projects::kColumns, kProjectsKeys, kTableNONE),
    declare("memberships", "who may do what where", declared_memberships::kColumns,
            kMembershipsKeys, kTableNONE),
    declare("agents", "what reports to us: remote agents and local engine instances",
            declared_agents::kColumns, kAgentsKeys, kTableHOT),
    declare("workers", "engine workers", declared_workers::kColumns, kWorkersKeys, kTableHOT),
    declare("queues", "engine queues", declared_queues::kColumns, kQueuesKeys, kTableHOT),
    declare("tasks", "one row per task, folded from its events", declared_tasks::kColumns,
            kTasksKeys, kTableHOT),
    declare("events", "what happened", declared_events::kColumns, kEventsKeys,
            kTableAPPEND_BY_TIME),
    declare("task_minutes", "counters per minute", declared_task_minutes::kColumns,
            kTaskMinutesKeys, kTableHOT),
    declare("commands", "what people asked of engines", declared_commands::kColumns, kCommandsKeys,
            kTableNONE),
    declare("audit_log", "chained record of every change", declared_audit_log::kColumns,
            kAuditLogKeys, kTableAPPEND),
    declare("audit_head", "newest link of the audit chain", declared_audit_head::kColumns,
            kAuditHeadKeys, kTableHOT),
    declare("plugin_overrides", "plugin settings changed through the API",
            declared_plugin_overrides::kColumns, kPluginOverridesKeys, kTableNONE),
    declare("dead_letters", "rows that could not be stored", declared_dead_letters::kColumns,
            kDeadLettersKeys, kTableNONE),
    declare("gaps", "times when an engine was out of sight", declared_gaps::kColumns, kGapsKeys,
            kTableNONE),
    declare("task_hours", "counters per hour and task name", declared_task_hours::kColumns,
            kTaskHoursKeys, kTableHOT),
    declare("project_spans", "counters per project, by minute and by hour",
            declared_project_spans::kColumns, kProjectSpansKeys, kTableHOT),
    declare("worker_hours", "counters per hour and worker", declared_worker_hours::kColumns,
            kWorkerHoursKeys, kTableHOT),
    declare("brains", "brains on this store", declared_brains::kColumns, kBrainsKeys, kTableHOT),
    declare("leases", "which brain does what only one may do", declared_leases::kColumns,
            kLeasesKeys, kTableHOT),
    declare("routes", "which brain holds which agent", declared_routes::kColumns, kRoutesKeys,
            kTableHOT),
    declare("engine_requests", "what a brain asks of an engine that another one holds",
            declared_engine_requests::kColumns, kEngineRequestsKeys, kTableHOT),
    declare("agent_workers", "processes that an agent runs in", declared_agent_workers::kColumns,
            kAgentWorkersKeys, kTableHOT),
    declare("agent_connections", "when agents came and went", declared_agent_connections::kColumns,
            kAgentConnectionsKeys, kTableNONE),
    declare("agent_tasks", "task names that an agent's workers know",
            declared_agent_tasks::kColumns, kAgentTasksKeys, kTableHOT),
    declare("revocations", "cancels that hold for workers to come", declared_revocations::kColumns,
            kRevocationsKeys, kTableNONE),
    declare("api_keys", "tokens of programs", declared_api_keys::kColumns, kApiKeysKeys,
            kTableNONE),
    declare("password_reset_tokens", "one-time tokens for a new password",
            declared_password_reset_tokens::kColumns, kPasswordResetTokensKeys, kTableNONE),
    declare("mfa_recovery_codes", "one-time codes in place of a second factor",
            declared_mfa_recovery_codes::kColumns, kMfaRecoveryCodesKeys, kTableNONE),
    declare("trusted_devices", "browsers that need no second factor",
            declared_trusted_devices::kColumns, kTrustedDevicesKeys, kTableNONE),
    declare("invitations", "people asked into a project", declared_invitations::kColumns,
            kInvitationsKeys, kTableNONE),
    declare("notification_channels", "where a project sends messages",
            declared_notification_channels::kColumns, kNotificationChannelsKeys, kTableNONE),
    declare("user_channels", "where a user gets messages", declared_user_channels::kColumns,
            kUserChannelsKeys, kTableNONE),
    declare("user_subscriptions", "who wants to know what", declared_user_subscriptions::kColumns,
            kUserSubscriptionsKeys, kTableNONE),
    declare("project_default_subscriptions", "what new members are told",
            declared_project_default_subscriptions::kColumns, kProjectDefaultSubscriptionsKeys,
            kTableNONE),
    declare("user_notifications", "inboxes", declared_user_notifications::kColumns,
            kUserNotificationsKeys, kTableNONE),
    declare("outbox", "messages on their way out", declared_outbox::kColumns, kOutboxKeys,
            kTableHOT),
    declare("notification_deliveries", "what became of messages",
            declared_notification_deliveries::kColumns, kNotificationDeliveriesKeys, kTableNONE),
    declare("audit_tiles", "hash tree of the audit log", declared_audit_tiles::kColumns,
            kAuditTilesKeys, kTableHOT),
    declare("audit_checkpoints", "signed heads of the hash tree",
            declared_audit_checkpoints::kColumns, kAuditCheckpointsKeys, kTableNONE),
    declare("audit_prunes", "what retention took from the audit log",
            declared_audit_prunes::kColumns, kAuditPrunesKeys, kTableNONE),
    declare("audit_breaks", "breaks of the audit chain that people know of",
            declared_audit_breaks::kColumns, kAuditBreaksKeys, kTableNONE),
    declare("audit_cursors", "how far the audit log is forwarded", declared_audit_cursors::kColumns,
            kAuditCursorsKeys, kTableNONE),
    declare("selections", "sets of tasks, frozen", declared_selections::kColumns, kSelectionsKeys,
            kTableNONE),
    declare("selection_items", "tasks of such sets and what became of each",
            declared_selection_items::kColumns, kSelectionItemsKeys, kTableHOT),
    declare("bulk_jobs", "actions on such sets", declared_bulk_jobs::kColumns, kBulkJobsKeys,
            kTableHOT),
    declare("queue_copies", "what purges took", declared_queue_copies::kColumns, kQueueCopiesKeys,
            kTableNONE),
    declare("queue_copy_parts", "the messages of such copies", declared_queue_copy_parts::kColumns,
            kQueueCopyPartsKeys, kTableNONE),
    declare("worker_losses", "workers that vanished", declared_worker_losses::kColumns,
            kWorkerLossesKeys, kTableNONE),
    declare("worker_wishes", "what workers to come are told again",
            declared_worker_wishes::kColumns, kWorkerWishesKeys, kTableNONE),
    declare("schedules", "when which task is sent", declared_schedules::kColumns, kSchedulesKeys,
            kTableHOT),
    declare("schedule_fires", "when schedules fired", declared_schedule_fires::kColumns,
            kScheduleFiresKeys, kTableHOT),
    declare("schedule_streams", "schedules as remote agents tell them",
            declared_schedule_streams::kColumns, kScheduleStreamsKeys, kTableNONE),
    declare("audit_erasures", "entries of the audit log that lost what they told of a person",
            declared_audit_erasures::kColumns, kAuditErasuresKeys, kTableNONE),
    declare("erasures", "people whose data the audit log still tells", declared_erasures::kColumns,
            kErasuresKeys, kTableNONE),
    declare("error_groups", "failures that look alike", declared_error_groups::kColumns,
            kErrorGroupsKeys, kTableHOT),
    declare("error_hours", "failures per hour and group", declared_error_hours::kColumns,
            kErrorHoursKeys, kTableHOT),
    declare("saved_views", "queries of lists under names", declared_saved_views::kColumns,
            kSavedViewsKeys, kTableNONE),
    declare("deploys", "when something new went out", declared_deploys::kColumns, kDeploysKeys,
            kTableNONE),
    declare("queue_minutes", "how deep queues were, by the minute",
            declared_queue_minutes::kColumns, kQueueMinutesKeys, kTableHOT),
    declare("plugin_capabilities", "what was seen of plugins' capabilities",
            declared_plugin_capabilities::kColumns, kPluginCapabilitiesKeys, kTableHOT),
};

constexpr z4j_schema kSchema = {sizeof(z4j_schema), kSchemaVersion, kTables,
                                sizeof kTables / sizeof kTables[0], 0};

}  // namespace

const z4j_schema& schema() { return kSchema; }
const z4j_table& table(Table t) { return kTables[static_cast<std::size_t>(t)]; }

}  // namespace z4j::model
