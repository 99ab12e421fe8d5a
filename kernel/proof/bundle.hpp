// A bundle: a stretch of the audit log with all that proves it, for somebody who has nothing but a
// public key. docs/security/audit.md describes the text.
//
// Entries may be missing before and behind the stretch (not asked for, or taken by retention): the
// hashes of the subtrees over them stand in their place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "proof/merkle.hpp"
#include "proof/signed_note.hpp"

namespace z4j::proof {

inline constexpr std::string_view kBundleFirstLine = "z4j-audit-bundle/1";

struct BundleHead {
  std::uint64_t first_seq = 1, count = 0;
  std::string checkpoint;         // the signed note
  std::vector<Hash> left, right;  // subtrees before the stretch and behind it, left to right
  std::optional<std::uint64_t> old_size;
  std::vector<Hash> consistency;  // from old_size leaves to the checkpoint's
};
[[nodiscard]] std::string to_text(const BundleHead& head);
// Stands behind the entries.
inline constexpr std::string_view kBundleLastLine = "end\n";

// What somebody trusts before he looks at a bundle.
struct Trust {
  std::vector<VerifierKey> log;  // its key, and those that it had before: one must have signed
  std::vector<VerifierKey> witnesses;  // every one must have co-signed
  std::optional<Checkpoint> seen;      // the log must begin with this one
};

struct BundleReport {
  bool ok = false;
  std::string reason;  // why not; for people
  std::optional<std::int64_t> bad_seq;
  Checkpoint checkpoint;
  std::string signed_with;  // the key of the log, as text
  std::uint64_t first_seq = 0, entries = 0;
  std::uint64_t erased = 0;  // of the entries: only their hashes are there
  std::string first_time, last_time;
  std::vector<std::pair<std::string, std::uint64_t>> witnesses;  // name, Unix seconds
  bool extends_seen = false;
};

// Checks a bundle piece by piece; memory does not grow with it. One thread at a time.
class BundleCheck {
 public:
  explicit BundleCheck(Trust trust) : trust_(std::move(trust)) {}
  // The next bytes. False: it is refused, see finish().
  bool take(std::string_view bytes);
  // That was all.
  [[nodiscard]] BundleReport finish();

 private:
  enum class Part { first, head, checkpoint, left, right, old, entries, end, refused };

  bool refuse(std::string reason);
  bool line(std::string_view text);
  bool head_line(std::string_view text);
  bool hash_line(std::string_view text, std::vector<Hash>& into, Part next);
  bool entry(std::string_view text);
  bool begin_entries();
  [[nodiscard]] std::optional<std::string> conclude();

  Trust trust_;
  BundleReport report_;
  BundleHead head_;
  Part part_ = Part::first;
  std::uint64_t wanted_ = 0;  // lines left of the part
  std::string rest_;          // a line that is not whole yet
  Edge edge_;
  std::string last_hmac_;
  std::optional<Hash> seen_root_;  // of the first seen->size leaves, once they went by
};

}  // namespace z4j::proof
