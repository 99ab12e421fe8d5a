#include "core/audit_tree.hpp"

#include <algorithm>

#include "proof/entry_line.hpp"

namespace z4j::core {
namespace {

namespace tile_col = model::audit_tiles;
namespace entry_col = model::audit_log;

constexpr unsigned kTileLevels = 8;  // of the tree, in one tile
constexpr std::size_t kHashDigits = 64;

base::Error damaged_tree(unsigned level, std::uint64_t number) {
  return base::Error{base::Code::corrupt,
                     "the audit log's tree has a hole: tile " + std::to_string(number) +
                         " of level " + std::to_string(level),
                     "audit_tiles",
                     {},
                     0};
}

std::string packed_hashes(const std::vector<proof::Hash>& hashes) {
  std::string out;
  for (const proof::Hash& hash : hashes) out += base::hex(hash);
  return out;
}

std::optional<std::vector<proof::Hash>> unpacked_hashes(std::string_view text) {
  if (text.size() % kHashDigits != 0 || text.size() > kHashDigits * kAuditTileWidth)
    return std::nullopt;
  std::vector<proof::Hash> out;
  for (; !text.empty(); text.remove_prefix(kHashDigits)) {
    const auto bytes = base::unhex(text.substr(0, kHashDigits));
    if (!bytes || bytes->size() != 32) return std::nullopt;
    std::copy(bytes->begin(), bytes->end(), out.emplace_back().begin());
  }
  return out;
}

proof::Hash root_of_tile(const std::vector<proof::Hash>& hashes) {
  proof::Edge edge;
  for (const proof::Hash& hash : hashes) edge.add(hash);
  return edge.root();
}

}  // namespace

base::Result<std::vector<proof::Hash>> AuditTree::tile(unsigned level, std::uint64_t number) {
  Query query(Table::audit_tiles);
  query.where.eq(tile_col::level, static_cast<int>(level))
      .eq(tile_col::number, static_cast<std::int64_t>(number));
  auto row = store_.first(query.columns({tile_col::hashes}));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::vector<proof::Hash>();
  auto hashes = unpacked_hashes((*row)->text(tile_col::hashes));
  if (!hashes) return damaged_tree(level, number);
  return std::move(*hashes);
}

base::Result<std::uint64_t> AuditTree::size() {
  Query query(Table::audit_tiles);
  query.where.eq(tile_col::level, 0);
  query.columns({tile_col::number, tile_col::width})
      .order({tile_col::level, tile_col::number}, true);
  auto row = store_.first(std::move(query));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::uint64_t{0};
  return static_cast<std::uint64_t>((*row)->num(tile_col::number)) * kAuditTileWidth +
         static_cast<std::uint64_t>((*row)->num(tile_col::width));
}

base::Result<std::vector<proof::Hash>> AuditTree::leaves(std::uint64_t number) {
  return tile(0, number);
}

base::Result<std::uint64_t> AuditTree::grow(const std::optional<Fence>& fence) {
  auto before = size();
  if (!before) return before;
  std::vector<proof::Hash> fresh;
  const auto first = static_cast<std::int64_t>(*before) + 1;
  std::int64_t next = first;
  std::int64_t lost = 0;
  Query query(Table::audit_log);
  query.where.ge(entry_col::seq, first);
  query.columns({entry_col::seq, entry_col::canonical, entry_col::row_hmac})
      .order({entry_col::seq})
      .limit(kAuditGrowRows)
      .timeout_ms(60'000);
  auto read = store_.each(query, [&](const Row& row) {
    const std::int64_t seq = row.num(entry_col::seq);
    for (; next < seq && fresh.size() < kAuditGrowRows; ++next, ++lost)
      fresh.push_back(proof::leaf_hash(proof::entry_line({next, {}, {}})));
    if (next < seq) return false;
    fresh.push_back(proof::leaf_hash(
        proof::entry_line({seq, row.text(entry_col::row_hmac), row.text(entry_col::canonical)})));
    ++next;
    return true;
  });
  if (!read) return std::move(read).error();
  if (fresh.empty()) return std::uint64_t{0};
  if (lost > 0)
    log_.error("entries of the audit log are missing: run audit verify",
               {{"entries", lost}, {"before_seq", next}});

  // Full tiles carry their roots upwards.
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<proof::Hash>> changed;
  const auto append =
      [&](unsigned level, std::uint64_t at,
          const proof::Hash& hash) -> base::Result<const std::vector<proof::Hash>*> {
    const std::uint64_t number = at / kAuditTileWidth;
    auto found = changed.find({level, number});
    if (found == changed.end()) {
      auto stored = tile(level, number);
      if (!stored) return std::move(stored).error();
      if (stored->size() != at % kAuditTileWidth) return damaged_tree(level, number);
      found = changed.emplace(std::pair{level, number}, std::move(*stored)).first;
    }
    found->second.push_back(hash);
    return &found->second;
  };
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    std::uint64_t at = *before + i;
    proof::Hash hash = fresh[i];
    for (unsigned level = 0;; ++level) {
      auto filled = append(level, at, hash);
      if (!filled) return std::move(filled).error();
      if ((*filled)->size() < kAuditTileWidth) break;
      hash = root_of_tile(**filled);
      at /= kAuditTileWidth;
    }
  }

  Commit commit;
  if (fence) fence->guard(commit);
  Where as_seen;
  as_seen.eq(tile_col::level, 0);
  if (*before > 0) {
    as_seen.eq(tile_col::number, static_cast<std::int64_t>((*before - 1) / kAuditTileWidth))
        .eq(tile_col::width, static_cast<std::int64_t>((*before - 1) % kAuditTileWidth + 1));
    commit.check(Table::audit_tiles, std::move(as_seen), 1, 1);
  } else {
    commit.check(Table::audit_tiles, std::move(as_seen), 0, 0);
  }
  Rows rows(Table::audit_tiles);
  for (const auto& [place, hashes] : changed) {
    rows.begin()
        .num(tile_col::level, place.first)
        .num(tile_col::number, static_cast<std::int64_t>(place.second))
        .num(tile_col::width, static_cast<std::int64_t>(hashes.size()))
        .text(tile_col::hashes, packed_hashes(hashes));
  }
  commit.merge(std::move(rows));
  if (auto done = store_.commit(commit); !done) return std::move(done).error();
  return static_cast<std::uint64_t>(fresh.size());
}

proof::HashAt AuditTree::reader(Tiles& seen) {
  return [this, &seen](const proof::Piece& piece) -> base::Result<proof::Hash> {
    const unsigned level = piece.level / kTileLevels;
    const std::uint64_t first = piece.number << piece.level % kTileLevels;
    const std::uint64_t count = std::uint64_t{1} << piece.level % kTileLevels;
    const std::uint64_t number = first / kAuditTileWidth;
    auto found = seen.find({level, number});
    if (found == seen.end()) {
      auto read = tile(level, number);
      if (!read) return std::move(read).error();
      found = seen.emplace(std::pair{level, number}, std::move(*read)).first;
    }
    const std::uint64_t begin = first % kAuditTileWidth;
    if (begin + count > found->second.size()) return damaged_tree(level, number);
    proof::Edge edge;
    for (std::uint64_t i = begin; i < begin + count; ++i) edge.add(found->second[i]);
    return edge.root();
  };
}

base::Result<proof::Hash> AuditTree::root(std::uint64_t size) {
  Tiles seen;
  return proof::root_of(size, reader(seen));
}

base::Result<std::vector<proof::Hash>> AuditTree::consistency(std::uint64_t old_size,
                                                              std::uint64_t new_size) {
  Tiles seen;
  return proof::prove_consistency(old_size, new_size, reader(seen));
}

base::Result<std::vector<proof::Hash>> AuditTree::hashes(std::uint64_t begin, std::uint64_t end) {
  Tiles seen;
  return proof::hashes_of(proof::pieces(begin, end), reader(seen));
}

}  // namespace z4j::core
