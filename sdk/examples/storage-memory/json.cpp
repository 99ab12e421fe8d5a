#include "json.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace z4j::memory {
namespace {

constexpr int kMostDepth = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool whole(Json& out) {
    if (!value(out, 0)) return false;
    blanks();
    return at_ == text_.size();
  }

 private:
  void blanks() {
    while (at_ < text_.size() &&
           std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool value(Json& out, int depth) {
    if (depth > kMostDepth) return false;
    blanks();
    switch (peek()) {
      case 'n':
        return take("null");
      case 't':
        out.value = true;
        return take("true");
      case 'f':
        out.value = false;
        return take("false");
      case '"':
        return string(out.value.emplace<std::string>());
      case '[':
        return list(out.value.emplace<JsonList>(), depth);
      case '{':
        return object(out.value.emplace<JsonMembers>(), depth);
      default:
        return number(out);
    }
  }

  bool list(JsonList& out, int depth) {
    ++at_;
    blanks();
    if (take("]")) return true;
    do {
      if (!value(out.emplace_back(), depth + 1)) return false;
      blanks();
    } while (take(","));
    return take("]");
  }

  bool object(JsonMembers& out, int depth) {
    ++at_;
    blanks();
    if (take("}")) return true;
    do {
      blanks();
      auto& [name, member] = out.emplace_back();
      if (peek() != '"' || !string(name)) return false;
      blanks();
      if (!take(":") || !value(member, depth + 1)) return false;
      blanks();
    } while (take(","));
    return take("}");
  }

  bool number(Json& out) {
    const std::size_t begin = at_;
    take("-");
    const std::size_t digits = at_;
    while (is_digit(peek())) ++at_;
    if (at_ == digits || (text_[digits] == '0' && at_ > digits + 1)) return false;
    bool is_whole = true;
    if (take(".")) {
      is_whole = false;
      if (!is_digit(peek())) return false;
      while (is_digit(peek())) ++at_;
    }
    if (peek() == 'e' || peek() == 'E') {
      is_whole = false;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!is_digit(peek())) return false;
      while (is_digit(peek())) ++at_;
    }
    const char* const from = text_.data() + begin;
    const char* const to = text_.data() + at_;
    std::int64_t whole = 0;
    if (is_whole && std::from_chars(from, to, whole).ec == std::errc()) {
      out.value = whole;
      return true;
    }
    double real = 0;
    if (std::from_chars(from, to, real).ec != std::errc()) {
      // Too small is nearly none; too large is no number.
      const std::string_view text(from, static_cast<std::size_t>(to - from));
      if (text.find("e-") == text.npos && text.find("E-") == text.npos) return false;
      real = 0;
    }
    out.value = real;
    return true;
  }

  // Four hex digits.
  bool unit(std::uint32_t& out) {
    if (text_.size() - at_ < 4) return false;
    const char* const from = text_.data() + at_;
    if (std::from_chars(from, from + 4, out, 16).ptr != from + 4) return false;
    at_ += 4;
    return true;
  }

  bool escaped(std::string& out) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
    const char letter = peek();
    ++at_;
    if (const auto i = kLetters.find(letter); letter != '\0' && i != std::string_view::npos) {
      out += kMeant[i];
      return true;
    }
    std::uint32_t point = 0;
    if (letter != 'u' || !unit(point)) return false;
    if (point >= 0xd800 && point < 0xdc00) {  // the first half of a pair
      std::uint32_t low = 0;
      if (!take("\\u") || !unit(low) || low < 0xdc00 || low > 0xdfff) return false;
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else if (point >= 0xdc00 && point <= 0xdfff) {
      return false;
    }
    const auto byte = [&](std::uint32_t b) { out += static_cast<char>(b); };
    if (point < 0x80) {
      byte(point);
    } else if (point < 0x800) {
      byte(0xc0 | point >> 6);
      byte(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
      byte(0xe0 | point >> 12);
      byte(0x80 | (point >> 6 & 0x3f));
      byte(0x80 | (point & 0x3f));
    } else {
      byte(0xf0 | point >> 18);
      byte(0x80 | (point >> 12 & 0x3f));
      byte(0x80 | (point >> 6 & 0x3f));
      byte(0x80 | (point & 0x3f));
    }
    return true;
  }

  bool string(std::string& out) {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (!escaped(out)) {
        return false;
      }
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

const Json* child(const Json& from, const std::string& segment) {
  if (const auto* members = std::get_if<JsonMembers>(&from.value)) {
    const auto found = std::find_if(members->rbegin(), members->rend(),
                                    [&](const auto& member) { return member.first == segment; });
    return found == members->rend() ? nullptr : &found->second;
  }
  const auto* list = std::get_if<JsonList>(&from.value);
  if (list == nullptr || segment.empty() || segment.size() > 9 ||
      !std::all_of(segment.begin(), segment.end(), is_digit) ||
      (segment.size() > 1 && segment[0] == '0')) {
    return nullptr;
  }
  const std::size_t index = std::stoul(segment);
  return index < list->size() ? &(*list)[index] : nullptr;
}

}  // namespace

bool read_json(std::string_view text, Json& out) { return Reader(text).whole(out); }

const Json* json_at(const Json& root, std::string_view pointer) {
  const Json* at = &root;
  while (at != nullptr && !pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    std::string segment;
    for (std::size_t i = 0; i < end; ++i) {
      if (pointer[i] == '~' && i + 1 < end) {
        segment += pointer[++i] == '1' ? '/' : '~';
      } else {
        segment += pointer[i];
      }
    }
    pointer.remove_prefix(end);
    at = child(*at, segment);
  }
  return at;
}

}  // namespace z4j::memory
