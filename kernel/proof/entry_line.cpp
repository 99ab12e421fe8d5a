#include "proof/entry_line.hpp"

#include <algorithm>

#include "proof/signed_note.hpp"

namespace z4j::proof {
namespace {

constexpr std::size_t kMacDigits = 64;
constexpr std::size_t npos = std::string_view::npos;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// Behind the closing quote of the text that begins at `at`.
std::size_t after_text(std::string_view json, std::size_t at) {
  for (++at;;) {
    at = json.find_first_of("\"\\", at);
    if (at == npos) return npos;
    if (json[at] == '"') return at + 1;
    at += 2;
  }
}

// Behind the value that begins at `at`.
std::size_t after_value(std::string_view json, std::size_t at) {
  int depth = 0;
  while (at < json.size()) {
    switch (json[at]) {
      case '"':
        at = after_text(json, at);
        if (at == npos) return npos;
        if (depth == 0) return at;
        continue;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (depth == 0) return at;
        if (--depth == 0) return at + 1;
        break;
      case ',':
        if (depth == 0) return at;
        break;
      default:
        break;
    }
    ++at;
  }
  return npos;
}

}  // namespace

std::string entry_line(const EntryLine& entry) {
  std::string out = std::to_string(entry.seq);
  out += ' ';
  out += entry.row_hmac.empty() ? std::string_view("-") : entry.row_hmac;
  out += ' ';
  out += entry.canonical;
  return out;
}

std::string erased_line(std::int64_t seq, std::string_view row_hmac, const Hash& leaf) {
  return entry_line({seq, row_hmac, "=" + to_base64(leaf)});
}

std::optional<Hash> erased_leaf(const EntryLine& entry) {
  if (!entry.canonical.starts_with('=')) return std::nullopt;
  return hash_from_base64(entry.canonical.substr(1)).value_or(Hash{});
}

std::optional<EntryLine> parse_entry_line(std::string_view line) noexcept {
  EntryLine out;
  std::size_t at = 0;
  for (; at < line.size() && line[at] >= '0' && line[at] <= '9'; ++at) {
    if (at == 18) return std::nullopt;
    out.seq = out.seq * 10 + (line[at] - '0');
  }
  if (at == 0 || line.front() == '0' || at == line.size() || line[at] != ' ') return std::nullopt;
  line.remove_prefix(at + 1);
  if (line.starts_with("- ")) {
    out.canonical = line.substr(2);
    return out;
  }
  if (line.size() <= kMacDigits || line[kMacDigits] != ' ' ||
      !std::all_of(line.begin(), line.begin() + kMacDigits, is_hex))
    return std::nullopt;
  out.row_hmac = line.substr(0, kMacDigits);
  out.canonical = line.substr(kMacDigits + 1);
  return out;
}

std::optional<std::string_view> top_member(std::string_view object,
                                           std::string_view name) noexcept {
  if (object.empty() || object.front() != '{') return std::nullopt;
  std::size_t at = 1;
  while (at < object.size() && object[at] == '"') {
    const std::size_t name_end = after_text(object, at);
    if (name_end == npos || name_end >= object.size() || object[name_end] != ':')
      return std::nullopt;
    const std::string_view found = object.substr(at + 1, name_end - at - 2);
    const std::size_t value_end = after_value(object, name_end + 1);
    if (value_end == npos) return std::nullopt;
    if (found == name) return object.substr(name_end + 1, value_end - name_end - 1);
    if (value_end >= object.size() || object[value_end] != ',') return std::nullopt;
    at = value_end + 1;
  }
  return std::nullopt;
}

std::optional<std::string_view> plain_text_member(std::string_view object,
                                                  std::string_view name) noexcept {
  const auto value = top_member(object, name);
  if (!value) return std::nullopt;
  if (*value == "null") return std::string_view();
  if (value->size() < 2 || value->front() != '"' || value->find('\\') != npos) return std::nullopt;
  return value->substr(1, value->size() - 2);
}

}  // namespace z4j::proof
