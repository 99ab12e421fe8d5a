// Rows of the kernel's tables for the contract suite: complete, small, numbered.
#pragma once

#include <string>

#include "core/store.hpp"

namespace z4j::contract {

namespace agents = model::agents;
namespace audit_head = model::audit_head;
namespace audit_log = model::audit_log;
namespace commands = model::commands;
namespace dead_letters = model::dead_letters;
namespace events = model::events;
namespace minutes = model::task_minutes;
namespace projects = model::projects;
namespace sessions = model::sessions;
namespace tasks = model::tasks;
namespace tokens = model::first_boot_tokens;
namespace users = model::users;
namespace workers = model::workers;
using core::Cell;
using core::Commit;
using core::Query;
using core::Row;
using core::Rows;
using core::Where;
using model::Table;

// Sorts by `n`; `kind` keeps the ids of tables apart.
[[nodiscard]] inline base::Uuid id(std::uint64_t n, std::uint8_t kind = 0) {
  base::Uuid out;
  out.bytes[0] = kind;
  for (std::size_t i = 0; i < 8; ++i) out.bytes[15 - i] = static_cast<std::uint8_t>(n >> (8 * i));
  return out;
}
inline const base::Uuid kProject = id(1, 1), kAgent = id(1, 2);
inline constexpr std::int64_t kNow = 1'700'000'000'000'000, kMinuteUs = 60'000'000;

inline void event_row(Rows& rows, std::uint64_t n) {
  rows.begin()
      .num(events::occurred_at, kNow + static_cast<std::int64_t>(n))
      .uuid(events::id, id(n));
  rows.uuid(events::project_id, kProject)
      .uuid(events::agent_id, kAgent)
      .text(events::engine, "celery");
  rows.text(events::task_id, "t" + std::to_string(n / 3)).text(events::kind, "task.started");
  rows.text(events::payload, "{\"n\":" + std::to_string(n) + "}").num(events::stored_at, kNow);
}

inline void task_row(Rows& rows, std::uint64_t n, const std::string& state,
                     std::int64_t stamp = 1) {
  const std::int64_t at = kNow + static_cast<std::int64_t>(n);
  rows.begin()
      .uuid(tasks::id, id(n))
      .uuid(tasks::project_id, kProject)
      .text(tasks::engine, "celery");
  rows.text(tasks::task_id, "t" + std::to_string(n))
      .text(tasks::name, "app.job" + std::to_string(n % 7));
  rows.text(tasks::state, state)
      .num(tasks::state_stamp, stamp)
      .num(tasks::sort_at, at)
      .num(tasks::sort_stamp, stamp);
  rows.text(tasks::queue, n % 2 == 0 ? "default" : "slow").num(tasks::queue_stamp, stamp);
  rows.num(tasks::created_at, at).num(tasks::updated_at, at);
}

inline void minute_row(Rows& rows, std::int64_t minute, const std::string& task, std::int64_t count,
                       const std::string& worker = "w1") {
  rows.begin().uuid(minutes::project_id, kProject).num(minutes::minute, kNow + minute * kMinuteUs);
  rows.text(minutes::engine, "celery")
      .text(minutes::task_name, task)
      .text(minutes::queue, "default");
  rows.text(minutes::worker, worker).text(minutes::kind, "task.succeeded").num(minutes::lane, 0);
  for (std::uint16_t c = minutes::count; c < minutes::kColumnCount; ++c)
    rows.num(c, c == minutes::count ? count : 1);
}

inline void agent_row(Rows& rows, std::uint64_t n, const std::string& name) {
  rows.begin()
      .uuid(agents::id, id(n, 2))
      .uuid(agents::project_id, kProject)
      .text(agents::name, name);
  rows.num(agents::is_local, 0)
      .text(agents::protocol_version, "2")
      .text(agents::framework_adapter, "bare");
  rows.text(agents::state, "online")
      .num(agents::last_seen_at, kNow)
      .num(agents::events_persisted, 0);
  rows.num(agents::events_dropped, 0).num(agents::created_at, kNow).num(agents::updated_at, kNow);
}

inline void worker_row(Rows& rows, std::uint64_t n) {
  rows.begin()
      .uuid(workers::id, id(n, 3))
      .uuid(workers::project_id, kProject)
      .text(workers::engine, "celery");
  rows.text(workers::name, "w" + std::to_string(n))
      .text(workers::state, "online")
      .num(workers::active_tasks, 0)
      .num(workers::sort_at, kNow);
  rows.num(workers::created_at, kNow).num(workers::updated_at, kNow);
}

inline void project_row(Rows& rows, const base::Uuid& project, const std::string& slug) {
  rows.begin().uuid(projects::id, project).text(projects::slug, slug).text(projects::name, slug);
  rows.text(projects::environment, "test")
      .text(projects::timezone, "UTC")
      .num(projects::retention_days, 7);
  rows.num(projects::is_active, 1).text(projects::default_scheduler_owner, "none");
  rows.num(projects::created_at, kNow).num(projects::updated_at, kNow);
}

inline void user_row(Rows& rows, std::uint64_t n, const std::string& email) {
  rows.begin()
      .uuid(users::id, id(n, 3))
      .text(users::email, email)
      .num(users::is_admin, 0)
      .num(users::is_active, 1);
  rows.text(users::timezone, "UTC").num(users::failed_login_count, 0);
  rows.num(users::created_at, kNow + static_cast<std::int64_t>(n)).num(users::updated_at, kNow);
}

inline void session_row(Rows& rows, std::uint64_t n, const base::Uuid& user) {
  rows.begin()
      .uuid(sessions::id, id(n, 4))
      .uuid(sessions::user_id, user)
      .text(sessions::csrf_token, "x");
  rows.num(sessions::issued_at, kNow + static_cast<std::int64_t>(n))
      .num(sessions::expires_at, kNow * 2);
  rows.num(sessions::last_seen_at, kNow).num(sessions::remember_me, 0);
}

inline void command_row(Rows& rows, std::uint64_t n, const std::string& key,
                        std::int64_t timeout_at = kNow) {
  rows.begin()
      .uuid(commands::id, id(n, 5))
      .uuid(commands::project_id, kProject)
      .text(commands::action, "retry_task");
  rows.text(commands::target_type, "task").text(commands::payload_hash, "h" + std::to_string(n));
  rows.text_or_null(commands::idempotency_key, key).text(commands::status, "pending");
  rows.num(commands::issued_at, kNow + static_cast<std::int64_t>(n))
      .num(commands::timeout_at, timeout_at);
}

inline void audit_row(Rows& rows, std::int64_t seq, const std::string& action = "agent.minted",
                      std::int64_t behind = -1) {
  if (behind < 0) behind = seq - 1;
  rows.begin().num(audit_log::seq, seq).uuid(audit_log::id, id(static_cast<std::uint64_t>(seq), 6));
  rows.num(audit_log::occurred_at, kNow + seq)
      .text(audit_log::action, action)
      .text(audit_log::target_type, "agent");
  rows.text(audit_log::result, "success")
      .uuid(audit_log::project_id, kProject)
      .text(audit_log::canonical, "{}");
  rows.text_or_null(audit_log::prev_row_hmac, behind > 0 ? "mac" + std::to_string(behind) : "");
  rows.text(audit_log::row_hmac, "mac" + std::to_string(seq));
}

// `count` rows made by `one(rows, n)` for n from `from`.
template <class One>
[[nodiscard]] Rows many(Table table, std::uint64_t from, std::uint64_t count, One one) {
  Rows rows(table);
  for (std::uint64_t n = from; n < from + count; ++n) one(rows, n);
  return rows;
}

}  // namespace z4j::contract
