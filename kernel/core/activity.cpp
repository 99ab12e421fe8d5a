#include "core/activity.hpp"

#include <algorithm>

namespace z4j::core {
namespace {

namespace log_col = model::audit_log;

constexpr std::uint32_t kActivityTimeoutMs = 2000;

std::optional<std::string> activity_text(const Row& row, std::uint16_t column) {
  if (row.is_null(column)) return std::nullopt;
  return std::string(row.text(column));
}

Activity activity_of(const Row& row) {
  Activity a;
  a.seq = row.num(log_col::seq);
  a.id = row.uuid(log_col::id);
  a.occurred_at = row.num(log_col::occurred_at);
  a.project_id = row.uuid_or_none(log_col::project_id);
  a.user_id = row.uuid_or_none(log_col::user_id);
  a.action = row.text(log_col::action);
  a.target_type = row.text(log_col::target_type);
  a.target_id = activity_text(row, log_col::target_id);
  a.result = row.text(log_col::result);
  a.outcome = activity_text(row, log_col::outcome);
  a.source_ip = row.text(log_col::source_ip);
  base::json::Value metadata = row.json(log_col::metadata);
  if (metadata.is_object()) a.metadata = std::move(metadata.get_object());
  return a;
}

// Each kind of row that is asked for, in an order that an index has.
std::vector<Query> sources_of(const ActivityQuery& asked) {
  std::vector<Query> out;
  if (asked.all) {
    out.emplace_back(Table::audit_log);
    return out;
  }
  for (const base::Uuid& project : asked.projects) {
    out.emplace_back(Table::audit_log);
    out.back().where.eq(log_col::project_id, project);
  }
  if (asked.user) {
    out.emplace_back(Table::audit_log);
    out.back().where.eq(log_col::user_id, *asked.user).is_null(log_col::project_id);
  }
  return out;
}

}  // namespace

base::Result<std::vector<Activity>> read_activity(Store& store, const ActivityQuery& asked) {
  std::vector<Activity> found;
  for (Query& query : sources_of(asked)) {
    if (asked.after) query.where.gt(log_col::seq, *asked.after);
    if (asked.before) query.where.lt(log_col::seq, *asked.before);
    if (found.size() == asked.limit) query.where.gt(log_col::seq, found.back().seq);
    if (!asked.action_prefix.empty()) query.where.prefix(log_col::action, asked.action_prefix);
    query
        .columns({log_col::seq, log_col::id, log_col::occurred_at, log_col::project_id,
                  log_col::user_id, log_col::action, log_col::target_type, log_col::target_id,
                  log_col::result, log_col::outcome, log_col::source_ip, log_col::metadata})
        .order({log_col::seq}, true)
        .limit(asked.limit)
        .timeout_ms(kActivityTimeoutMs);
    auto done = store.each(query, [&](const Row& row) {
      found.push_back(activity_of(row));
      return true;
    });
    if (!done) return std::move(done).error();
    std::sort(found.begin(), found.end(),
              [](const Activity& a, const Activity& b) { return a.seq > b.seq; });
    if (found.size() > asked.limit) found.resize(asked.limit);
  }
  return found;
}

}  // namespace z4j::core
