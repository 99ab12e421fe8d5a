#include "core/inbox.hpp"

#include <utility>

#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace inbox_col = model::user_notifications;
namespace json = base::json;

constexpr std::size_t kTitleCharacters = 500, kBodyCharacters = 500;
constexpr std::uint32_t kSweptAtOnce = 2'000;
constexpr int kSweepRounds = 100;

Notification notification_of(const Row& row) {
  Notification n;
  n.id = row.uuid(inbox_col::id);
  n.user_id = row.uuid(inbox_col::user_id);
  n.project_id = row.uuid(inbox_col::project_id);
  n.subscription_id = row.uuid_or_none(inbox_col::subscription_id);
  n.trigger = row.text(inbox_col::trigger);
  n.reason = row.text(inbox_col::reason);
  n.title = row.text(inbox_col::title);
  n.body = row.text(inbox_col::body);
  if (const json::Value data = row.json(inbox_col::data); data.is_object())
    n.data = data.get_object();
  n.read_at = row.num_or_none(inbox_col::read_at);
  n.created_at = row.num(inbox_col::created_at);
  return n;
}

base::Status sweep_table(Store& store, Table table, const Where& old,
                         const std::optional<Fence>& fence) {
  auto found = store.count(table, old, 1);
  if (!found) return std::move(found).error();
  if (*found == 0) return {};
  for (int i = 0; i < kSweepRounds; ++i) {
    Commit commit;
    if (fence) fence->guard(commit);
    const std::size_t step = commit.steps();
    commit.erase(table, old, kSweptAtOnce);
    commit.relaxed();
    if (auto done = store.commit(commit); !done) return done;
    if (commit.affected(step) < kSweptAtOnce) return {};
  }
  return {};
}

}  // namespace

void insert_notification(Commit& commit, const Notification& n) {
  Rows rows(Table::user_notifications);
  rows.begin()
      .uuid(inbox_col::id, n.id)
      .uuid(inbox_col::user_id, n.user_id)
      .uuid(inbox_col::project_id, n.project_id)
      .cell(inbox_col::subscription_id, n.subscription_id ? Cell(*n.subscription_id) : Cell())
      .text(inbox_col::trigger, n.trigger)
      .text(inbox_col::reason, n.reason)
      .text(inbox_col::title, clean_text(n.title, kTitleCharacters))
      .text_or_null(inbox_col::body, clean_text(n.body, kBodyCharacters))
      .text(inbox_col::data, json::write(n.data))
      .num(inbox_col::created_at, n.created_at);
  commit.insert(std::move(rows));
}

base::Result<std::vector<Notification>> Inbox::list(const base::Uuid& user, Which which,
                                                    std::uint32_t limit) {
  Query query(Table::user_notifications);
  query.where.eq(inbox_col::user_id, user);
  if (which == Which::unread) query.where.is_null(inbox_col::read_at);
  query.all().order({inbox_col::created_at, inbox_col::id}, true).limit(limit);
  std::vector<Notification> out;
  auto read = store_.each(query, [&out](const Row& row) {
    out.push_back(notification_of(row));
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

base::Result<std::uint64_t> Inbox::count_unread(const base::Uuid& user) {
  Where unread;
  unread.eq(inbox_col::user_id, user).is_null(inbox_col::read_at);
  return store_.count(Table::user_notifications, unread, kMostCounted);
}

base::Status Inbox::mark_read(const base::Uuid& user, const base::Uuid& id) {
  Where unread;
  unread.eq(inbox_col::id, id).eq(inbox_col::user_id, user).is_null(inbox_col::read_at);
  Commit commit;
  commit.update(Table::user_notifications, std::move(unread), {{inbox_col::read_at, clock_.now()}});
  return store_.commit(commit);
}

base::Status Inbox::mark_all_read(const base::Uuid& user) {
  const base::TimeUs now = clock_.now();
  Where unread;
  unread.eq(inbox_col::user_id, user).is_null(inbox_col::read_at).le(inbox_col::created_at, now);
  Commit commit;
  commit.update(Table::user_notifications, std::move(unread), {{inbox_col::read_at, now}});
  return store_.commit(commit);
}

base::Status sweep_notifications(Store& store, const NotificationAges& ages, base::TimeUs now,
                                 const std::optional<Fence>& fence) {
  namespace delivery = model::notification_deliveries;
  Where seen, delivered;
  seen.lt(inbox_col::created_at, now - ages.inbox_days * base::kDayUs);
  delivered.lt(delivery::sent_at, now - ages.delivery_days * base::kDayUs);
  if (auto done = sweep_table(store, Table::user_notifications, seen, fence); !done) return done;
  if (auto done = sweep_table(store, Table::notification_deliveries, delivered, fence); !done)
    return done;
  std::vector<base::Uuid> full;
  Query crowded(Table::user_notifications);
  crowded.group(inbox_col::user_id).count();
  auto read = store.each(crowded, [&](const Row& row) {
    if (row.num(1) > static_cast<std::int64_t>(ages.most_per_user)) full.push_back(row.uuid(0));
    return true;
  });
  if (!read) return read;
  for (const base::Uuid& user : full) {
    Query query(Table::user_notifications);
    query.where.eq(inbox_col::user_id, user);
    query.columns({inbox_col::created_at, inbox_col::id})
        .order({inbox_col::created_at, inbox_col::id}, true)
        .limit(static_cast<std::uint32_t>(ages.most_per_user));
    base::TimeUs oldest_kept = 0;
    read = store.each(query, [&](const Row& row) {
      oldest_kept = row.num(inbox_col::created_at);
      return true;
    });
    if (!read) return read;
    Where older;
    older.eq(inbox_col::user_id, user).lt(inbox_col::created_at, oldest_kept);
    if (auto done = sweep_table(store, Table::user_notifications, older, fence); !done) return done;
  }
  return {};
}

}  // namespace z4j::core
