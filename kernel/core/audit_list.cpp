#include "core/audit_list.hpp"

namespace z4j::core {
namespace {

namespace listed_col = model::audit_log;

constexpr std::uint32_t kAuditListTimeoutMs = 5000;

}  // namespace

base::Result<std::vector<AuditRow>> list_audit(Store& store, const AuditFilter& filter,
                                               std::optional<std::int64_t> before,
                                               std::uint32_t limit) {
  Query query(Table::audit_log);
  if (filter.project) query.where.eq(listed_col::project_id, *filter.project);
  if (!filter.action_prefix.empty()) query.where.prefix(listed_col::action, filter.action_prefix);
  if (filter.outcome) query.where.eq(listed_col::outcome, *filter.outcome);
  if (filter.user) query.where.eq(listed_col::user_id, *filter.user);
  if (filter.since) query.where.ge(listed_col::occurred_at, *filter.since);
  if (before) query.where.lt(listed_col::seq, *before);
  query.all().order({listed_col::seq}, true).limit(limit).timeout_ms(kAuditListTimeoutMs);
  std::vector<AuditRow> out;
  auto read = store.each(query, [&out](const Row& row) {
    out.push_back(read_audit_row(row));
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

}  // namespace z4j::core
