#include "core/audit_check.hpp"

#include <algorithm>

#include "core/audit_breaks.hpp"
#include "core/audit_prunes.hpp"
#include "proof/entry_line.hpp"

namespace z4j::core {
namespace {

constexpr std::uint32_t kCheckPageRows = 1000;
constexpr std::uint32_t kMostCheckpoints = 200;  // the newest; older ones are proven by these

}  // namespace

AuditCheck::AuditCheck(Store& store, const base::Clock& clock, Options options)
    : store_(store), clock_(clock), options_(std::move(options)) {}

// Where the chain begins: with its first entry, or behind what retention took.
base::Status AuditCheck::begin(AuditVerifier& verifier) {
  auto prunes = read_audit_prunes(store_);
  if (!prunes) return std::move(prunes).error();
  if (!are_genuine(*prunes, options_.secrets)) {
    verifier.fail(AuditFault::prune_mismatch, std::nullopt, std::nullopt, std::nullopt);
  } else if (!prunes->empty()) {
    verifier.start_after(prunes->back().last_seq, prunes->back().last_row_hmac);
  }
  if (options_.from_seq > verifier.last_seq() + 1) verifier.start_at(options_.from_seq);
  return {};
}

base::Result<bool> AuditCheck::is_leaf(const AuditRow& row) {
  const auto at = static_cast<std::uint64_t>(row.seq) - 1;
  if (row.seq < 1 || at >= tree_size_) return true;  // the tree comes later
  if (at / kAuditTileWidth != tile_) {
    auto read = options_.tree->leaves(at / kAuditTileWidth);
    if (!read) return std::move(read).error();
    leaves_ = std::move(*read);
    tile_ = at / kAuditTileWidth;
  }
  const std::uint64_t place = at % kAuditTileWidth;
  return place < leaves_.size() &&
         (leaves_[place] ==
              proof::leaf_hash(proof::entry_line({row.seq, row.row_hmac, row.canonical})) ||
          (row.erasure && leaves_[place] == row.erasure->leaf));
}

base::Status AuditCheck::page(AuditVerifier& verifier, const AuditHead& head, std::size_t& rows) {
  Query query(Table::audit_log);
  query.all().order({model::audit_log::seq}).limit(kCheckPageRows).timeout_ms(60'000);
  if (verifier.last_seq() > 0) query.after({Cell(verifier.last_seq())});
  rows = 0;
  std::vector<AuditRow> page;
  auto read = store_.each(query, [&](const Row& row) {
    page.push_back(read_audit_row(row));
    return true;
  });
  if (!read) return read;
  rows = page.size();
  if (page.empty()) return {};
  auto erasures = read_audit_erasures(store_, page.front().seq, page.back().seq);
  if (!erasures) return std::move(erasures).error();
  for (AuditRow& row : page) {
    if (const auto found = erasures->find(row.seq); found != erasures->end())
      row.erasure = std::move(found->second);
    const AuditFault fault = verifier.take(row);
    if (row.seq == head.seq && row.row_hmac != head.row_hmac)
      verifier.fail(AuditFault::head_mismatch, row.link.id, row.seq, row.link.occurred_at);
    if (options_.tree == nullptr || fault != AuditFault::none) continue;
    auto fits = is_leaf(row);
    if (!fits) return std::move(fits).error();
    if (!*fits)
      verifier.fail(AuditFault::tree_mismatch, row.link.id, row.seq, row.link.occurred_at);
  }
  return {};
}

base::Status AuditCheck::check_checkpoints(AuditVerifier& verifier) {
  auto points = options_.checkpoints->list(kMostCheckpoints);
  if (!points) return std::move(points).error();
  AuditReport& report = verifier.report();
  if (!points->empty()) {
    report.checkpoint_size = points->front().head.size;
    report.root_hash = proof::to_base64(points->front().head.root);
    report.is_witnessed = points->front().is_witnessed;
  }
  const auto wrong = [&](const AuditCheckpoint& point) {
    verifier.fail(AuditFault::checkpoint_mismatch, std::nullopt,
                  static_cast<std::int64_t>(point.head.size), point.created_at);
  };
  for (const AuditCheckpoint& point : *points) {
    const auto note = proof::Note::parse(point.note);
    const auto head = note ? proof::Checkpoint::parse(note->text) : note.error();
    if (!head || head->size != point.head.size || head->root != point.head.root ||
        point.head.size > tree_size_) {
      wrong(point);
      continue;
    }
    const auto& witness = options_.checkpoints->witness_key();
    if (proof::signed_by_one(note->text, note->signatures, options_.checkpoints->keys()) !=
            proof::Signed::good ||
        (witness &&
         proof::signed_by(note->text, note->signatures, *witness) == proof::Signed::bad)) {
      wrong(point);
      continue;
    }
    auto root = options_.tree->root(point.head.size);
    if (!root && root.error().code != base::Code::corrupt) return std::move(root).error();
    if (!root || *root != point.head.root) wrong(point);
  }
  return {};
}

base::Status AuditCheck::check_outside(AuditVerifier& verifier, std::uint64_t tree_size) {
  auto outside = options_.checkpoints->outside();
  if (!outside) {
    verifier.fail(AuditFault::forked, std::nullopt, std::nullopt, std::nullopt);
    return {};
  }
  if (!outside->has_value()) return {};
  const proof::Checkpoint& kept = **outside;
  const auto seq = static_cast<std::int64_t>(kept.size);
  if (kept.size > tree_size) {
    verifier.fail(AuditFault::rolled_back, std::nullopt, seq, std::nullopt);
    return {};
  }
  auto root = options_.tree->root(kept.size);
  if (!root && root.error().code != base::Code::corrupt) return std::move(root).error();
  if (!root || *root != kept.root)
    verifier.fail(AuditFault::forked, std::nullopt, seq, std::nullopt);
  return {};
}

base::Result<AuditReport> AuditCheck::run() {
  auto breaks = read_audit_breaks(store_, options_.secrets);
  if (!breaks) return std::move(breaks).error();
  // Entries up to this head must be there; more may come while we read.
  auto before = read_audit_head(store_);
  if (!before) return std::move(before).error();
  const AuditHead head = before->value_or(AuditHead{});
  if (options_.tree != nullptr) {
    auto size = options_.tree->size();
    if (!size) return std::move(size).error();
    tree_size_ = *size;
  }
  AuditVerifier verifier(
      options_.secrets.secret, options_.secrets.previous_secrets,
      [&](AuditFault fault, std::optional<base::Uuid> id, std::optional<std::int64_t> seq) {
        const bool known = is_known(*breaks, fault, id, seq);
        if (options_.on_break) options_.on_break(fault, id, seq, known);
        return known;
      });
  if (auto begun = begin(verifier); !begun) return std::move(begun).error();
  const std::int64_t first = verifier.last_seq();
  for (;;) {
    if (options_.stop.stop_requested()) {
      return base::Error{base::Code::cancelled, "the check was stopped", {}, {}, 0};
    }
    std::size_t rows = 0;
    if (auto done = page(verifier, head, rows); !done) return std::move(done).error();
    if (options_.on_progress) {
      options_.on_progress(
          static_cast<std::uint64_t>(verifier.last_seq() - first),
          static_cast<std::uint64_t>(std::max(head.seq, verifier.last_seq()) - first));
    }
    if (rows < kCheckPageRows) break;
  }
  if (verifier.last_seq() < head.seq)
    verifier.fail(AuditFault::head_mismatch, std::nullopt, head.seq, head.occurred_at);
  auto after = read_audit_head(store_);
  if (!after) return std::move(after).error();
  const bool has_genuine_head = after->has_value() && is_genuine(**after, options_.secrets);
  if (!has_genuine_head || verifier.last_seq() > (*after)->seq)
    verifier.fail(AuditFault::head_mismatch, std::nullopt, std::nullopt, std::nullopt);
  if (options_.tree != nullptr && options_.checkpoints != nullptr) {
    if (auto done = check_checkpoints(verifier); !done) return std::move(done).error();
    if (auto done = check_outside(verifier, tree_size_); !done) return std::move(done).error();
  }
  if (static_cast<std::int64_t>(tree_size_) > std::max(head.seq, verifier.last_seq()))
    verifier.fail(AuditFault::tree_mismatch, std::nullopt, static_cast<std::int64_t>(tree_size_),
                  std::nullopt);
  verifier.report().tree_size = tree_size_;
  verifier.report().checked_at = clock_.now();
  return verifier.report();
}

}  // namespace z4j::core
