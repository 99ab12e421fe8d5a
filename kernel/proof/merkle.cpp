#include "proof/merkle.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <memory>

namespace z4j::proof {
namespace {

constexpr unsigned kMostLevels = 63;

// One context for many hashes: setting one up costs more than hashing a node.
class Sha256 {
 public:
  Sha256() : digest_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
    Z4J_CHECK(digest_ != nullptr && context_ != nullptr &&
              EVP_DigestInit_ex2(context_, digest_, nullptr) == 1);
  }
  ~Sha256() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(digest_);
  }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Hash of(unsigned char first, std::string_view a, std::string_view b) {
    Hash out{};
    unsigned int size = 0;
    Z4J_CHECK(EVP_DigestInit_ex2(context_, nullptr, nullptr) == 1 &&
              EVP_DigestUpdate(context_, &first, 1) == 1 &&
              EVP_DigestUpdate(context_, a.data(), a.size()) == 1 &&
              EVP_DigestUpdate(context_, b.data(), b.size()) == 1 &&
              EVP_DigestFinal_ex(context_, out.data(), &size) == 1);
    return out;
  }

 private:
  EVP_MD* digest_;
  EVP_MD_CTX* context_;
};

Sha256& sha() {
  thread_local Sha256 one;
  return one;
}

std::string_view view(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

base::Result<Hash> root_between(std::uint64_t begin, std::uint64_t end, const HashAt& at) {
  auto found = hashes_of(pieces(begin, end), at);
  if (!found) return std::move(found).error();
  Hash out = found->back();
  for (std::size_t i = found->size() - 1; i-- > 0;) out = node_hash((*found)[i], out);
  return out;
}

}  // namespace

Hash leaf_hash(std::string_view data) { return sha().of(0, data, {}); }
Hash node_hash(const Hash& left, const Hash& right) { return sha().of(1, view(left), view(right)); }
Hash empty_root() { return base::sha256({}); }

std::vector<Piece> pieces(std::uint64_t begin, std::uint64_t end) {
  std::vector<Piece> out;
  while (begin < end) {
    const auto fits = static_cast<unsigned>(std::bit_width(end - begin)) - 1;
    const unsigned stands =
        begin == 0 ? kMostLevels : static_cast<unsigned>(std::countr_zero(begin));
    const unsigned level = std::min(fits, stands);
    out.push_back({level, begin >> level});
    begin += std::uint64_t{1} << level;
  }
  return out;
}

bool Edge::add_piece(unsigned level, const Hash& hash) {
  if (level >= kMostLevels) return false;
  const std::uint64_t leaves = std::uint64_t{1} << level;
  if (size_ % leaves != 0 || size_ + leaves >= std::uint64_t{1} << kMostLevels) return false;
  Part part{level, hash};
  while (!parts_.empty() && parts_.back().level == part.level) {
    part.hash = node_hash(parts_.back().hash, part.hash);
    ++part.level;
    parts_.pop_back();
  }
  parts_.push_back(part);
  size_ += leaves;
  return true;
}

Hash Edge::root() const {
  if (parts_.empty()) return empty_root();
  Hash out = parts_.back().hash;
  for (std::size_t i = parts_.size() - 1; i-- > 0;) out = node_hash(parts_[i].hash, out);
  return out;
}

base::Result<std::vector<Hash>> hashes_of(const std::vector<Piece>& pieces, const HashAt& at) {
  std::vector<Hash> out;
  for (const Piece& piece : pieces) {
    auto hash = at(piece);
    if (!hash) return std::move(hash).error();
    out.push_back(*hash);
  }
  return out;
}

base::Result<Hash> root_of(std::uint64_t size, const HashAt& at) {
  if (size == 0) return empty_root();
  return root_between(0, size, at);
}

base::Result<std::vector<Hash>> prove_consistency(std::uint64_t old_size, std::uint64_t new_size,
                                                  const HashAt& at) {
  Z4J_CHECK(old_size <= new_size);
  std::vector<Hash> out;
  if (old_size == 0 || old_size == new_size) return out;
  // From the root down to where the old tree ends; the proof names what lies beside that way,
  // lowest first.
  std::uint64_t begin = 0, end = new_size;
  bool is_whole_old = true;  // the old tree's part of [begin, end) begins at 0
  std::vector<std::pair<std::uint64_t, std::uint64_t>> beside;
  while (old_size != end) {
    const std::uint64_t split = begin + std::bit_floor(end - begin - 1);
    if (old_size <= split) {
      beside.emplace_back(split, end);
      end = split;
    } else {
      beside.emplace_back(begin, split);
      begin = split;
      is_whole_old = false;
    }
  }
  if (!is_whole_old) beside.emplace_back(begin, end);
  for (std::size_t i = beside.size(); i-- > 0;) {
    auto hash = root_between(beside[i].first, beside[i].second, at);
    if (!hash) return std::move(hash).error();
    out.push_back(*hash);
  }
  return out;
}

bool is_consistent(std::uint64_t old_size, const Hash& old_root, std::uint64_t new_size,
                   const Hash& new_root, const std::vector<Hash>& proof) {
  if (old_size > new_size) return false;
  if (old_size == new_size) return proof.empty() && old_root == new_root;
  if (old_size == 0) return proof.empty() && old_root == empty_root();
  // Both roots are rebuilt from the bottom: `low` and `high` are the last nodes of the old and of
  // the new tree on the level reached.
  std::size_t next = 0;
  std::uint64_t low = old_size - 1, high = new_size - 1;
  while ((low & 1) != 0) {
    low >>= 1;
    high >>= 1;
  }
  Hash old_hash = old_root;
  if (low != 0) {
    if (proof.empty()) return false;
    old_hash = proof[next++];
  }
  Hash new_hash = old_hash;
  while (high != 0) {
    if ((low & 1) != 0) {
      if (next == proof.size()) return false;
      old_hash = node_hash(proof[next], old_hash);
      new_hash = node_hash(proof[next++], new_hash);
    } else if (low < high) {
      if (next == proof.size()) return false;
      new_hash = node_hash(new_hash, proof[next++]);
    }
    low >>= 1;
    high >>= 1;
  }
  return next == proof.size() && old_hash == old_root && new_hash == new_root;
}

}  // namespace z4j::proof
