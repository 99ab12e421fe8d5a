// A Merkle tree over a log as RFC 6962 hashes it: leaves 0x00 || data, nodes 0x01 || left || right.
//
// Values and free functions. Nothing here keeps a whole tree: an Edge knows the perfect subtrees
// along the right edge, proofs ask a HashAt for the hashes of others.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/crypto.hpp"
#include "base/result.hpp"

namespace z4j::proof {

using Hash = base::Digest;

[[nodiscard]] Hash leaf_hash(std::string_view data);
[[nodiscard]] Hash node_hash(const Hash& left, const Hash& right);
// The root of a tree without leaves.
[[nodiscard]] Hash empty_root();

// The subtree over leaves [number << level, (number + 1) << level).
struct Piece {
  unsigned level = 0;
  std::uint64_t number = 0;
  friend bool operator==(const Piece&, const Piece&) = default;
};
// The fewest perfect subtrees that cover [begin, end), left to right.
[[nodiscard]] std::vector<Piece> pieces(std::uint64_t begin, std::uint64_t end);

// A tree that grows at its right.
class Edge {
 public:
  void add(const Hash& leaf) { add_piece(0, leaf); }
  // A perfect subtree of 2^level leaves. False, and nothing added, where none can stand: size() is
  // no multiple of 2^level, or the tree would have 2^63 leaves.
  bool add_piece(unsigned level, const Hash& hash);
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] Hash root() const;

 private:
  struct Part {
    unsigned level;
    Hash hash;
  };
  std::vector<Part> parts_;  // left to right, levels falling
  std::uint64_t size_ = 0;
};

// The hash of a perfect subtree that is whole.
using HashAt = std::function<base::Result<Hash>(const Piece&)>;

[[nodiscard]] base::Result<std::vector<Hash>> hashes_of(const std::vector<Piece>& pieces,
                                                        const HashAt& at);
// Of the first `size` leaves.
[[nodiscard]] base::Result<Hash> root_of(std::uint64_t size, const HashAt& at);

// RFC 6962 2.1.2: that the tree of `new_size` leaves begins with the one of `old_size`. Requires
// old_size <= new_size; empty when one of them is 0 or both are equal.
[[nodiscard]] base::Result<std::vector<Hash>> prove_consistency(std::uint64_t old_size,
                                                                std::uint64_t new_size,
                                                                const HashAt& at);
[[nodiscard]] bool is_consistent(std::uint64_t old_size, const Hash& old_root,
                                 std::uint64_t new_size, const Hash& new_root,
                                 const std::vector<Hash>& proof);

}  // namespace z4j::proof
