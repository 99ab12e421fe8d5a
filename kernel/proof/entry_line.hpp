// An entry of the audit log as a line of text: what the leaves of its tree hash, what exports hold.
//
//   SEQ SP ROW_HMAC SP CANONICAL
//
// ROW_HMAC is 64 lower-case hex digits, or "-" for an entry that has lost its MAC. Canonical JSON
// has no raw newline, so a line is an entry. In exports an entry that lost what it told of a person
// has "=" and its leaf's hash in base64 in place of CANONICAL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proof/merkle.hpp"

namespace z4j::proof {

struct EntryLine {
  std::int64_t seq = 0;
  std::string_view row_hmac, canonical;  // row_hmac: "" when it is lost
};

[[nodiscard]] std::string entry_line(const EntryLine& entry);
// What stands in an export for an erased entry, and the leaf that such a line tells; nothing when
// it is a whole entry. A leaf that is none: zeros, which no entry has.
[[nodiscard]] std::string erased_line(std::int64_t seq, std::string_view row_hmac,
                                      const Hash& leaf);
[[nodiscard]] std::optional<Hash> erased_leaf(const EntryLine& entry);
// Borrows from `line` (without its newline). Nothing when it is not such a line.
[[nodiscard]] std::optional<EntryLine> parse_entry_line(std::string_view line) noexcept;

// The raw JSON text of a member of an object in canonical form; nothing when it has none, or the
// text ends too early. Looks at no more than it must: this is no check that the text is JSON.
[[nodiscard]] std::optional<std::string_view> top_member(std::string_view object,
                                                         std::string_view name) noexcept;
// The text between the quotes of a member without escapes; "" for null, nothing for all else.
[[nodiscard]] std::optional<std::string_view> plain_text_member(std::string_view object,
                                                                std::string_view name) noexcept;

}  // namespace z4j::proof
