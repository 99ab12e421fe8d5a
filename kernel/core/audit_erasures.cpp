#include "core/audit_erasures.hpp"

#include "proof/entry_line.hpp"
#include "proof/signed_note.hpp"

namespace z4j::core {
namespace {

namespace erased_col = model::audit_erasures;

}  // namespace

base::Result<AuditErasures> read_audit_erasures(Store& store, std::int64_t first,
                                                std::int64_t last) {
  AuditErasures out;
  if (last < first) return out;
  Query query(Table::audit_erasures);
  query.where.ge(erased_col::seq, first).le(erased_col::seq, last);
  query.all().order({erased_col::seq}).timeout_ms(60'000);
  auto read = store.each(query, [&out](const Row& row) {
    AuditErasure erasure;
    erasure.seq = row.num(erased_col::seq);
    // One that is no hash fits no leaf.
    erasure.leaf = proof::hash_from_base64(row.text(erased_col::leaf)).value_or(proof::Hash{});
    erasure.erased_at = row.num(erased_col::erased_at);
    erasure.mac = row.text(erased_col::mac);
    out.emplace(erasure.seq, std::move(erasure));
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

std::string audit_erasure_text(const AuditErasure& erasure, std::string_view row_hmac,
                               std::string_view canonical) {
  std::string out = "z4j-audit-erasure-v1\n" + std::to_string(erasure.seq) + "\n";
  out += row_hmac;
  out += "\n" + proof::to_base64(erasure.leaf) + "\n" + std::to_string(erasure.erased_at) + "\n";
  out += canonical;
  return out;
}

proof::Hash audit_leaf(std::int64_t seq, std::string_view row_hmac, std::string_view canonical,
                       const AuditErasures& erasures, const AuditSecrets& secrets) {
  const auto found = erasures.find(seq);
  if (found != erasures.end() &&
      is_audit_mac(found->second.mac, audit_erasure_text(found->second, row_hmac, canonical),
                   secrets))
    return found->second.leaf;
  return proof::leaf_hash(proof::entry_line({seq, row_hmac, canonical}));
}

void append(Rows& rows, const AuditErasure& erasure) {
  rows.begin()
      .num(erased_col::seq, erasure.seq)
      .text(erased_col::leaf, proof::to_base64(erasure.leaf))
      .num(erased_col::erased_at, erasure.erased_at)
      .text(erased_col::mac, erasure.mac);
}

}  // namespace z4j::core
