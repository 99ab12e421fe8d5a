#include "core/audit_head.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "core/audit_entry.hpp"

namespace z4j::core {
namespace {

namespace head_col = model::audit_head;

std::string audit_head_text(const AuditHead& head) {
  return "z4j-audit-head-v1\n" + std::to_string(head.seq) + "\n" + head.row_hmac + "\n" +
         std::to_string(head.occurred_at);
}

}  // namespace

base::Result<std::optional<AuditHead>> read_audit_head(Store& store) {
  Query query(Table::audit_head);
  query.where.eq(head_col::id, 1);
  auto row = store.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<AuditHead>{};
  const Row& r = **row;
  return std::optional<AuditHead>(
      AuditHead{r.num(head_col::seq), std::string(r.text(head_col::row_hmac)),
                r.num(head_col::occurred_at), std::string(r.text(head_col::mac))});
}

std::string audit_head_mac(std::string_view secret, const AuditHead& head) {
  return audit_hmac(secret, audit_head_text(head));
}

bool is_audit_mac(std::string_view mac, std::string_view text, const AuditSecrets& secrets) {
  const auto fits = [&](const std::string& secret) {
    return base::equal_constant_time(audit_hmac(secret, text), mac);
  };
  return fits(secrets.secret) ||
         std::any_of(secrets.previous_secrets.begin(), secrets.previous_secrets.end(), fits);
}

bool is_genuine(const AuditHead& head, const AuditSecrets& secrets) {
  return is_audit_mac(head.mac, audit_head_text(head), secrets);
}

}  // namespace z4j::core
