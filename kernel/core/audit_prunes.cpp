#include "core/audit_prunes.hpp"

#include "core/audit_entry.hpp"

namespace z4j::core {
namespace {

namespace prune_col = model::audit_prunes;

std::string audit_prune_text(const AuditPrune& prune) {
  return "z4j-audit-prune-v1\n" + std::to_string(prune.first_seq) + "\n" +
         std::to_string(prune.last_seq) + "\n" + prune.last_row_hmac + "\n" +
         std::to_string(prune.cutoff) + "\n" + std::to_string(prune.pruned_at);
}

}  // namespace

base::Result<std::vector<AuditPrune>> read_audit_prunes(Store& store) {
  std::vector<AuditPrune> out;
  Query query(Table::audit_prunes);
  query.all().order({prune_col::last_seq});
  auto read = store.each(query, [&out](const Row& row) {
    out.push_back({row.num(prune_col::first_seq), row.num(prune_col::last_seq),
                   std::string(row.text(prune_col::last_row_hmac)), row.num(prune_col::cutoff),
                   row.num(prune_col::pruned_at), std::string(row.text(prune_col::mac))});
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

bool are_genuine(const std::vector<AuditPrune>& prunes, const AuditSecrets& secrets) {
  std::int64_t next = 1;
  for (const AuditPrune& prune : prunes) {
    if (prune.first_seq != next || prune.last_seq < prune.first_seq ||
        !is_audit_mac(prune.mac, audit_prune_text(prune), secrets))
      return false;
    next = prune.last_seq + 1;
  }
  return true;
}

std::string audit_prune_mac(std::string_view secret, const AuditPrune& prune) {
  return audit_hmac(secret, audit_prune_text(prune));
}

Rows to_row(const AuditPrune& prune) {
  Rows rows(Table::audit_prunes);
  rows.begin()
      .num(prune_col::last_seq, prune.last_seq)
      .num(prune_col::first_seq, prune.first_seq)
      .text(prune_col::last_row_hmac, prune.last_row_hmac)
      .num(prune_col::cutoff, prune.cutoff)
      .num(prune_col::pruned_at, prune.pruned_at)
      .text(prune_col::mac, prune.mac);
  return rows;
}

}  // namespace z4j::core
