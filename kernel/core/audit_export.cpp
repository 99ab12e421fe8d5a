#include "core/audit_export.hpp"

#include <algorithm>

#include "core/audit_erasures.hpp"
#include "core/audit_prunes.hpp"
#include "proof/bundle.hpp"
#include "proof/entry_line.hpp"

namespace z4j::core {
namespace {

namespace bundled_col = model::audit_log;

constexpr std::uint32_t kBundlePageRows = 500;

// The first place at or after that time; `end` when there is none. Times grow along the chain.
base::Result<std::uint64_t> first_since(Store& store, base::TimeUs time, std::uint64_t begin,
                                        std::uint64_t end) {
  while (begin < end) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    Query query(Table::audit_log);
    query.where.ge(bundled_col::seq, static_cast<std::int64_t>(middle));
    query.columns({bundled_col::seq, bundled_col::occurred_at}).order({bundled_col::seq});
    auto row = store.first(std::move(query));
    if (!row) return std::move(row).error();
    if (!row->has_value() || (*row)->num(bundled_col::occurred_at) >= time)
      end = middle;
    else
      begin = static_cast<std::uint64_t>((*row)->num(bundled_col::seq)) + 1;
  }
  return end;
}

}  // namespace

base::Result<AuditBundle> AuditBundle::open(Store& store, AuditTree& tree,
                                            AuditCheckpoints& checkpoints, const Request& request) {
  auto point = checkpoints.latest();
  if (!point) return std::move(point).error();
  if (!point->has_value()) {
    return base::Error{base::Code::not_found,
                       "the audit log has no checkpoint yet",
                       {},
                       "try again in a minute",
                       0};
  }
  const std::uint64_t size = (*point)->head.size;
  if (request.since && *request.since > size) {
    return base::Error{base::Code::invalid,
                       "the latest checkpoint has " + std::to_string(size) +
                           " entries, fewer than the one that was seen: the log was rolled back, "
                           "or it was another one",
                       {},
                       {},
                       0};
  }
  auto prunes = read_audit_prunes(store);
  if (!prunes) return std::move(prunes).error();
  AuditBundle out(store);
  out.size_ = size;
  const std::uint64_t oldest =
      prunes->empty() ? 1 : static_cast<std::uint64_t>(prunes->back().last_seq) + 1;
  out.first_ = std::min(oldest, size + 1);
  out.end_ = size + 1;
  const auto place = [&](std::int64_t seq) {
    return std::clamp(static_cast<std::uint64_t>(std::max<std::int64_t>(seq, 1)), out.first_,
                      size + 1);
  };
  const auto narrow = [&](std::uint64_t& edge, const std::optional<std::int64_t>& seq,
                          const std::optional<base::TimeUs>& time) -> base::Status {
    if (seq) edge = place(*seq);
    if (!time) return {};
    auto found = first_since(store, *time, out.first_, size + 1);
    if (!found) return std::move(found).error();
    edge = *found;
    return {};
  };
  std::uint64_t first = out.first_, end = out.end_;
  if (auto done = narrow(first, request.from_seq, request.from_time); !done)
    return std::move(done).error();
  const auto behind =
      request.to_seq ? std::optional(*request.to_seq + 1) : std::optional<std::int64_t>();
  if (auto done = narrow(end, behind, request.to_time); !done) return std::move(done).error();
  out.first_ = out.next_ = first;
  out.end_ = std::max(end, first);

  proof::BundleHead head;
  head.first_seq = out.first_;
  head.count = out.entries();
  head.checkpoint = (*point)->note;
  auto left = tree.hashes(0, out.first_ - 1);
  if (!left) return std::move(left).error();
  head.left = std::move(left).value();
  auto right = tree.hashes(out.end_ - 1, size);
  if (!right) return std::move(right).error();
  head.right = std::move(right).value();
  if (request.since) {
    auto proof = tree.consistency(*request.since, size);
    if (!proof) return std::move(proof).error();
    head.old_size = request.since;
    head.consistency = std::move(proof).value();
  }
  out.head_ = proof::to_text(head);
  return out;
}

base::Result<bool> AuditBundle::next(std::string& out) {
  if (is_over_) return false;
  out += head_;
  head_.clear();
  if (next_ == end_) {
    out += proof::kBundleLastLine;
    is_over_ = true;
    return true;
  }
  Query query(Table::audit_log);
  query.where.ge(bundled_col::seq, static_cast<std::int64_t>(next_));
  query.columns({bundled_col::seq, bundled_col::canonical, bundled_col::row_hmac})
      .order({bundled_col::seq})
      .limit(static_cast<std::uint32_t>(std::min<std::uint64_t>(kBundlePageRows, end_ - next_)))
      .timeout_ms(60'000);
  auto rows = store_->read(query);
  if (!rows) return std::move(rows).error();
  // Afterwards: what was erased before the rows were read has its record by now.
  auto erasures = read_audit_erasures(*store_, static_cast<std::int64_t>(next_),
                                      static_cast<std::int64_t>(next_ + rows->size()) - 1);
  if (!erasures) return std::move(erasures).error();
  const std::uint64_t before = next_;
  for (const Row& row : *rows) {
    const std::int64_t seq = row.num(bundled_col::seq);
    if (seq != static_cast<std::int64_t>(next_)) break;
    const std::string_view row_hmac = row.text(bundled_col::row_hmac);
    const auto erased = erasures->find(seq);
    out += erased == erasures->end()
               ? proof::entry_line({seq, row_hmac, row.text(bundled_col::canonical)})
               : proof::erased_line(seq, row_hmac, erased->second.leaf);
    out += '\n';
    ++next_;
  }
  if (next_ - before < rows->size() || rows->empty()) {
    return base::Error{base::Code::corrupt,
                       "entry " + std::to_string(next_) + " of the audit log is missing",
                       "audit_log", "run audit verify", 0};
  }
  return true;
}

}  // namespace z4j::core
