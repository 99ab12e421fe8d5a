#include "proof/merkle.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace z4j::proof {
namespace {

// The leaves of the well-known example tree of Certificate Transparency.
const std::string kKnownLeaves[] = {
    std::string(),
    std::string("\x00", 1),
    "\x10",
    "\x20\x21",
    "\x30\x31",
    "\x40\x41\x42\x43",
    "\x50\x51\x52\x53\x54\x55\x56\x57",
    "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};

std::vector<Hash> numbered_leaves(std::size_t count) {
  std::vector<Hash> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(leaf_hash(std::to_string(i)));
  return out;
}

// As the RFC defines it.
Hash plain_root(const std::vector<Hash>& leaves, std::size_t begin, std::size_t end) {
  if (begin == end) return empty_root();
  if (end - begin == 1) return leaves[begin];
  std::size_t half = 1;
  while (half * 2 < end - begin) half *= 2;
  return node_hash(plain_root(leaves, begin, begin + half), plain_root(leaves, begin + half, end));
}

HashAt from(const std::vector<Hash>& leaves) {
  return [&leaves](const Piece& piece) -> base::Result<Hash> {
    const std::size_t begin = piece.number << piece.level;
    return plain_root(leaves, begin, begin + (std::size_t{1} << piece.level));
  };
}

class MerkleTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MerkleTest);
  CPPUNIT_TEST(roots_are_those_of_the_known_tree);
  CPPUNIT_TEST(an_edge_and_a_reader_of_hashes_find_the_same_root);
  CPPUNIT_TEST(a_stretch_and_the_subtrees_around_it_make_the_root);
  CPPUNIT_TEST(a_piece_that_can_not_stand_there_is_refused);
  CPPUNIT_TEST(every_smaller_tree_is_proven_to_be_the_beginning);
  CPPUNIT_TEST(a_proof_with_anything_changed_fails);
  CPPUNIT_TEST_SUITE_END();

 public:
  void roots_are_those_of_the_known_tree() {
    Edge edge;
    CPPUNIT_ASSERT_EQUAL(
        std::string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        base::hex(edge.root()));
    for (const std::string& leaf : kKnownLeaves) {
      edge.add(leaf_hash(leaf));
      if (edge.size() == 2) {
        CPPUNIT_ASSERT_EQUAL(
            std::string("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            base::hex(edge.root()));
      }
    }
    CPPUNIT_ASSERT_EQUAL(
        std::string("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        base::hex(edge.root()));
  }

  void an_edge_and_a_reader_of_hashes_find_the_same_root() {
    const auto leaves = numbered_leaves(70);
    Edge edge;
    for (std::size_t size = 0; size <= leaves.size(); ++size) {
      CPPUNIT_ASSERT(plain_root(leaves, 0, size) == edge.root());
      CPPUNIT_ASSERT(edge.root() == root_of(size, from(leaves)).value());
      if (size < leaves.size()) edge.add(leaves[size]);
    }
  }

  void a_stretch_and_the_subtrees_around_it_make_the_root() {
    const auto leaves = numbered_leaves(33);
    const Hash root = plain_root(leaves, 0, leaves.size());
    for (std::size_t begin = 0; begin <= leaves.size(); ++begin) {
      for (std::size_t end = begin; end <= leaves.size(); ++end) {
        Edge edge;
        for (const Piece& p : pieces(0, begin))
          CPPUNIT_ASSERT(edge.add_piece(p.level, from(leaves)(p).value()));
        for (std::size_t i = begin; i < end; ++i) edge.add(leaves[i]);
        for (const Piece& p : pieces(end, leaves.size()))
          CPPUNIT_ASSERT(edge.add_piece(p.level, from(leaves)(p).value()));
        CPPUNIT_ASSERT(root == edge.root());
      }
    }
  }

  void a_piece_that_can_not_stand_there_is_refused() {
    Edge edge;
    edge.add(leaf_hash("a"));
    CPPUNIT_ASSERT(!edge.add_piece(1, leaf_hash("b")));
    CPPUNIT_ASSERT(!edge.add_piece(63, leaf_hash("b")));
    CPPUNIT_ASSERT(!edge.add_piece(200, leaf_hash("b")));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, edge.size());
  }

  void every_smaller_tree_is_proven_to_be_the_beginning() {
    const auto leaves = numbered_leaves(40);
    for (std::size_t size = 0; size <= leaves.size(); ++size) {
      for (std::size_t old = 0; old <= size; ++old) {
        const auto proof = prove_consistency(old, size, from(leaves)).value();
        CPPUNIT_ASSERT(is_consistent(old, plain_root(leaves, 0, old), size,
                                     plain_root(leaves, 0, size), proof));
      }
    }
  }

  void a_proof_with_anything_changed_fails() {
    const auto leaves = numbered_leaves(23);
    const Hash other = leaf_hash("other");
    for (std::size_t old = 1; old < leaves.size(); ++old) {
      const auto proof = prove_consistency(old, leaves.size(), from(leaves)).value();
      const Hash before = plain_root(leaves, 0, old), now = plain_root(leaves, 0, leaves.size());
      CPPUNIT_ASSERT(!is_consistent(old, other, leaves.size(), now, proof));
      CPPUNIT_ASSERT(!is_consistent(old, before, leaves.size(), other, proof));
      CPPUNIT_ASSERT(!is_consistent(leaves.size(), now, old, before, proof));
      for (std::size_t i = 0; i < proof.size(); ++i) {
        auto changed = proof;
        changed[i] = other;
        CPPUNIT_ASSERT(!is_consistent(old, before, leaves.size(), now, changed));
      }
      auto shorter = proof, longer = proof;
      shorter.pop_back();
      longer.push_back(other);
      CPPUNIT_ASSERT(!is_consistent(old, before, leaves.size(), now, shorter));
      CPPUNIT_ASSERT(!is_consistent(old, before, leaves.size(), now, longer));
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MerkleTest);

}  // namespace
}  // namespace z4j::proof
