// The audit log as a Merkle tree (RFC 6962): the hashes of its entries in tiles of 256, which stay
// when retention takes the entries.
//
// Leaf number seq - 1 is the entry as proof/entry_line.hpp writes it. A tile of level 0 holds
// hashes of leaves, one of level n hashes of full tiles of level n - 1. The tree grows behind the
// log, in commits of its own, so an audited act costs no hash. Threads: thread-safe; two that grow
// one tree at once are told apart by the store, and one of them fails with `conflict`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"
#include "proof/merkle.hpp"

namespace z4j::core {

class AuditTree {
 public:
  AuditTree(Store& store, base::Log& log) : store_(store), log_(log) {}

  // Entries in the tree.
  [[nodiscard]] base::Result<std::uint64_t> size();
  // Takes in entries that the log has and the tree has not, a few thousand; how many. An entry that
  // is missing between others gets the leaf of a lost one, so that the tree goes on.
  [[nodiscard]] base::Result<std::uint64_t> grow(const std::optional<Fence>& fence);

  [[nodiscard]] base::Result<proof::Hash> root(std::uint64_t size);
  [[nodiscard]] base::Result<std::vector<proof::Hash>> consistency(std::uint64_t old_size,
                                                                   std::uint64_t new_size);
  // Of the perfect subtrees over leaves [begin, end).
  [[nodiscard]] base::Result<std::vector<proof::Hash>> hashes(std::uint64_t begin,
                                                              std::uint64_t end);
  // The leaves of a tile of level 0; fewer than 256 in the last one, none where there is no tile.
  [[nodiscard]] base::Result<std::vector<proof::Hash>> leaves(std::uint64_t tile);

 private:
  // What one question read; tiles of one moment are not mixed with those of another.
  using Tiles = std::map<std::pair<unsigned, std::uint64_t>, std::vector<proof::Hash>>;
  [[nodiscard]] base::Result<std::vector<proof::Hash>> tile(unsigned level, std::uint64_t number);
  [[nodiscard]] proof::HashAt reader(Tiles& seen);

  Store& store_;
  base::Log& log_;
};

inline constexpr std::uint64_t kAuditTileWidth = 256;
inline constexpr std::uint32_t kAuditGrowRows = 4096;  // most that grow() takes in

}  // namespace z4j::core
