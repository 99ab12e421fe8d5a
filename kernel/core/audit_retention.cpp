#include "core/audit_retention.hpp"

#include <algorithm>
#include <limits>

#include "core/audit_erasures.hpp"
#include "core/audit_prunes.hpp"

namespace z4j::core {
namespace {

namespace aged_col = model::audit_log;

}  // namespace

AuditRetention::AuditRetention(Store& store, Audit& audit, AuditTree& tree,
                               AuditCheckpoints& checkpoints, const base::Clock& clock,
                               Options options)
    : store_(store),
      audit_(audit),
      tree_(tree),
      checkpoints_(checkpoints),
      clock_(clock),
      options_(std::move(options)) {}

base::Result<std::int64_t> AuditRetention::settled() {
  auto point = checkpoints_.latest(checkpoints_.witness_key().has_value());
  if (!point) return std::move(point).error();
  if (!point->has_value()) return std::int64_t{0};
  auto out = static_cast<std::int64_t>((*point)->head.size);
  if (options_.forwarded) {
    auto forwarded = options_.forwarded();
    if (!forwarded) return std::move(forwarded).error();
    if (*forwarded) out = std::min(out, **forwarded);
  }
  return out;
}

base::Result<std::uint64_t> AuditRetention::batch(const std::optional<Fence>& fence,
                                                  std::int64_t limit, std::uint64_t most) {
  auto prunes = read_audit_prunes(store_);
  if (!prunes) return std::move(prunes).error();
  AuditPrune prune;
  prune.first_seq = prunes->empty() ? 1 : prunes->back().last_seq + 1;
  prune.cutoff = clock_.now() - options_.days * base::kDayUs;
  Query query(Table::audit_log);
  query.where.le(aged_col::seq, limit);
  query
      .columns({aged_col::seq, aged_col::id, aged_col::occurred_at, aged_col::canonical,
                aged_col::row_hmac})
      .order({aged_col::seq})
      .limit(static_cast<std::uint32_t>(std::min<std::uint64_t>(most, options_.batch)))
      .timeout_ms(60'000);
  auto erasures = read_audit_erasures(
      store_, prune.first_seq, std::min(limit, prune.first_seq + std::int64_t{options_.batch}));
  if (!erasures) return std::move(erasures).error();
  std::vector<proof::Hash> seen;
  base::Uuid first_id, last_id;
  std::int64_t next = prune.first_seq;
  bool is_hole = false;
  auto read = store_.each(query, [&](const Row& row) {
    if (row.num(aged_col::occurred_at) >= prune.cutoff) return false;
    if (row.num(aged_col::seq) != next) {
      is_hole = true;
      return false;
    }
    if (seen.empty()) first_id = row.uuid(aged_col::id);
    last_id = row.uuid(aged_col::id);
    prune.last_row_hmac = row.text(aged_col::row_hmac);
    seen.push_back(audit_leaf(next, row.text(aged_col::row_hmac), row.text(aged_col::canonical),
                              *erasures, audit_.secrets()));
    ++next;
    return true;
  });
  if (!read) return std::move(read).error();
  const auto damaged = [](std::int64_t seq) {
    return base::Error{base::Code::corrupt,
                       "old entries of the audit log are kept: entry " + std::to_string(seq) +
                           " is not what it was",
                       "audit_log", "run audit verify", 0};
  };
  if (is_hole) return damaged(next);
  if (seen.empty()) return std::uint64_t{0};
  std::vector<proof::Hash> leaves;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const std::uint64_t at = static_cast<std::uint64_t>(prune.first_seq) - 1 + i;
    if (i == 0 || at % kAuditTileWidth == 0) {
      auto tile = tree_.leaves(at / kAuditTileWidth);
      if (!tile) return std::move(tile).error();
      leaves = std::move(*tile);
    }
    if (at % kAuditTileWidth >= leaves.size() || leaves[at % kAuditTileWidth] != seen[i])
      return damaged(static_cast<std::int64_t>(at) + 1);
  }
  prune.last_seq = next - 1;
  prune.pruned_at = clock_.now();
  prune.mac = audit_prune_mac(audit_.secrets().secret, prune);

  AuditEntry entry;
  entry.action = "audit.pruned";
  entry.target_type = "audit";
  entry.metadata = {{"pruned_count", static_cast<std::int64_t>(seen.size())},
                    {"first_id", first_id.text()},
                    {"last_id", last_id.text()},
                    {"first_seq", prune.first_seq},
                    {"last_seq", prune.last_seq},
                    {"last_row_hmac", prune.last_row_hmac},
                    {"cutoff", base::format_time(prune.cutoff)}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    if (fence) fence->guard(commit);
    Where gone, erased;
    gone.ge(aged_col::seq, prune.first_seq).le(aged_col::seq, prune.last_seq);
    erased.le(model::audit_erasures::seq, prune.last_seq);
    commit.insert(to_row(prune))
        .erase(Table::audit_log, std::move(gone))
        .erase(Table::audit_erasures, std::move(erased))
        .retention();
  });
  if (!done) return std::move(done).error();
  return static_cast<std::uint64_t>(seen.size());
}

base::Result<std::uint64_t> AuditRetention::run_once(const std::optional<Fence>& fence,
                                                     const std::function<bool()>& may_go_on) {
  std::uint64_t gone = 0;
  while (gone < options_.most_per_pass && may_go_on()) {
    auto upto = settled();
    if (!upto) return std::move(upto).error();
    // The newest entry always stays: the chain goes on from it.
    auto n = batch(fence, std::min(*upto, audit_.known_seq() - 1), options_.most_per_pass - gone);
    if (!n) return n;
    if (*n == 0) break;
    gone += *n;
  }
  return gone;
}

}  // namespace z4j::core
