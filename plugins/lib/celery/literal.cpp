#include "lib/celery/literal.hpp"

#include "lib/celery/raw_json.hpp"
#include "lib/text/text.hpp"

#include <charconv>
#include <cstdint>
#include <system_error>

namespace z4j::celery {
namespace {

constexpr int kMaxDepth = 60;
constexpr std::size_t kExponentDigits = 4;

bool digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

// Recursive descent; each function answers false at the first thing it does not know for sure.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool whole(std::string& out) {
    if (!value(out, 0)) return false;
    space();
    return at_ == text_.size();
  }

 private:
  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t'))
      ++at_;
  }
  bool take(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) return false;
    at_ += w.size();
    return true;
  }

  bool value(std::string& out, int depth) {
    space();
    if (depth > kMaxDepth || at_ >= text_.size()) return false;
    const char c = text_[at_];
    if (c == '\'' || c == '"') {
      std::string plain;
      if (!string(plain)) return false;
      out += quoted(plain);
      return true;
    }
    if (c == '(') return sequence(out, ')', depth);
    if (c == '[') return sequence(out, ']', depth);
    if (c == '{') return dict(out, depth);
    if (word("True")) return put(out, "true");
    if (word("False")) return put(out, "false");
    if (word("None")) return put(out, "null");
    return number(out);
  }
  static bool put(std::string& out, const char* text) {
    out += text;
    return true;
  }

  bool sequence(std::string& out, char close, int depth) {
    ++at_;
    out += '[';
    std::size_t n = 0;
    bool comma = true;  // before the next element
    for (;;) {
      if (take(close)) break;
      if (!comma) return false;
      if (n++ > 0) out += ", ";
      if (!value(out, depth + 1)) return false;
      comma = take(',');
    }
    // "(1)" is a number in brackets, not a tuple.
    if (close == ')' && n == 1 && !comma) return false;
    out += ']';
    return true;
  }

  bool dict(std::string& out, int depth) {
    ++at_;
    out += '{';
    bool comma = true, first = true;
    while (!take('}')) {
      if (!comma) return false;
      if (!first) out += ", ";
      first = false;
      space();
      std::string key;
      if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"') || !string(key) ||
          !take(':'))
        return false;
      out += quoted(key) + ": ";
      if (!value(out, depth + 1)) return false;
      comma = take(',');
    }
    out += '}';
    return true;
  }

  bool number(std::string& out) {
    const std::size_t from = at_;
    if (at_ < text_.size() && text_[at_] == '-') ++at_;
    const std::size_t whole_from = at_;
    while (at_ < text_.size() && digit(text_[at_])) ++at_;
    const std::size_t digits = at_ - whole_from;
    bool is_float = false;
    if (digits == 0 || (digits > 1 && text_[whole_from] == '0')) return false;
    if (at_ < text_.size() && text_[at_] == '.') {
      is_float = true;
      const std::size_t fraction = ++at_;
      while (at_ < text_.size() && digit(text_[at_])) ++at_;
      if (at_ == fraction) return false;
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      const std::size_t exponent = at_;
      while (at_ < text_.size() && digit(text_[at_])) ++at_;
      if (at_ == exponent || at_ - exponent > kExponentDigits) return false;
      is_float = true;
    }
    // 1e999 is an infinity, which JSON has no word for.
    double value = 0;
    if (is_float &&
        std::from_chars(text_.data() + from, text_.data() + at_, value).ec != std::errc())
      return false;
    // A letter right behind makes it something else: 1j, 0x10, 1_000.
    if (at_ < text_.size() &&
        std::string_view(",)]}: \n\t").find(text_[at_]) == std::string_view::npos)
      return false;
    out += text_.substr(from, at_ - from);
    return true;
  }

  bool hex(std::size_t digits, std::uint32_t& out) {
    if (at_ + digits > text_.size()) return false;
    out = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char c = text_[at_++];
      const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
      if (digit(lower)) {
        out = out << 4 | static_cast<std::uint32_t>(lower - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        out = out << 4 | static_cast<std::uint32_t>(lower - 'a' + 10);
      } else {
        return false;
      }
    }
    return out <= 0x10ffff && (out < 0xd800 || out > 0xdfff);
  }

  bool string(std::string& out) {
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
      const char c = text_[at_++];
      if (c == '\n') return false;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_ >= text_.size()) return false;
      std::uint32_t code = 0;
      switch (text_[at_++]) {
        case '\\':
          out += '\\';
          break;
        case '\'':
          out += '\'';
          break;
        case '"':
          out += '"';
          break;
        case 'n':
          out += '\n';
          break;
        case 'r':
          out += '\r';
          break;
        case 't':
          out += '\t';
          break;
        case 'x':
          if (!hex(2, code)) return false;
          append_utf8(out, code);
          break;
        case 'u':
          if (!hex(4, code)) return false;
          append_utf8(out, code);
          break;
        case 'U':
          if (!hex(8, code)) return false;
          append_utf8(out, code);
          break;
        default:
          return false;
      }
    }
    if (at_ >= text_.size()) return false;
    ++at_;
    // Two literals side by side are one string to Python, yet no repr prints that.
    space();
    return at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"');
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::string> json_from_literal(std::string_view python, std::size_t max_bytes) {
  if (python.empty() || python.size() > max_bytes) return std::nullopt;
  if (python.find("...") != std::string_view::npos || python.find("***") != std::string_view::npos)
    return std::nullopt;
  if (text::clean(python, python.size() * 3) != python) return std::nullopt;
  std::string out;
  if (!Reader(python).whole(out)) return std::nullopt;
  return out;
}

}  // namespace z4j::celery
