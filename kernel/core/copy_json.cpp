#include "core/copy_json.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace z4j::core {
namespace {

constexpr int kMaxMeaningDepth = 200;
constexpr std::size_t kMaxExponentDigits = 9;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

// Reads one value; every function answers false for what is no JSON.
class MeaningReader {
 public:
  explicit MeaningReader(std::string_view text) : text_(text) {}

  bool whole(std::string& out) {
    if (!value(out, 0)) return false;
    blanks();
    return at_ == text_.size();
  }

 private:
  bool value(std::string& out, int depth) {
    blanks();
    if (at_ >= text_.size() || depth > kMaxMeaningDepth) return false;
    switch (text_[at_]) {
      case '{':
        return object(out, depth);
      case '[':
        return array(out, depth);
      case '"': {
        std::string text;
        if (!string(text)) return false;
        append_text(out, 's', text);
        return true;
      }
      case 't':
        return word(out, "true");
      case 'f':
        return word(out, "false");
      case 'n':
        return word(out, "null");
      default:
        return number(out);
    }
  }

  bool object(std::string& out, int depth) {
    ++at_;
    std::vector<std::pair<std::string, std::string>> members;
    blanks();
    if (!take('}')) {
      do {
        blanks();
        auto& [name, meaning] = members.emplace_back();
        if (!string(name)) return false;
        blanks();
        if (!take(':') || !value(meaning, depth + 1)) return false;
        blanks();
      } while (take(','));
      if (!take('}')) return false;
    }
    std::stable_sort(members.begin(), members.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    out += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i + 1 < members.size() && members[i + 1].first == members[i].first) continue;
      append_text(out, 's', members[i].first);
      out += members[i].second;
    }
    out += '}';
    return true;
  }

  bool array(std::string& out, int depth) {
    ++at_;
    out += '[';
    blanks();
    if (!take(']')) {
      do {
        if (!value(out, depth + 1)) return false;
        blanks();
      } while (take(','));
      if (!take(']')) return false;
    }
    out += ']';
    return true;
  }

  bool word(std::string& out, std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    out += expected[0];
    return true;
  }

  // Sign, the digits without zeros at either end, and the power of ten of the last one.
  bool number(std::string& out) {
    const bool is_negative = take('-');
    std::string digits;
    std::int64_t exponent = 0;
    const std::size_t whole = digits_into(digits);
    if (whole == 0 || (whole > 1 && digits[0] == '0')) return false;
    if (take('.')) {
      const std::size_t fraction = digits_into(digits);
      if (fraction == 0) return false;
      exponent = -static_cast<std::int64_t>(fraction);
    }
    if (take('e') || take('E')) {
      const bool is_small = take('-');
      if (!is_small) (void)take('+');
      std::string power;
      if (digits_into(power) == 0) return false;
      power.erase(0, std::min(power.find_first_not_of('0'), power.size() - 1));
      if (power.size() > kMaxExponentDigits) return false;
      std::int64_t given = 0;
      (void)std::from_chars(power.data(), power.data() + power.size(), given);
      exponent += is_small ? -given : given;
    }
    const std::size_t last = digits.find_last_not_of('0');
    if (last == std::string::npos) {
      out += "n0;";
      return true;
    }
    exponent += static_cast<std::int64_t>(digits.size() - 1 - last);
    digits.resize(last + 1);
    digits.erase(0, digits.find_first_not_of('0'));
    out += is_negative ? "n-" : "n";
    out += digits;
    out += 'e';
    out += std::to_string(exponent);
    out += ';';
    return true;
  }

  std::size_t digits_into(std::string& digits) {
    const std::size_t from = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    digits.append(text_.substr(from, at_ - from));
    return at_ - from;
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    for (;;) {
      const std::size_t from = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<unsigned char>(text_[at_]) >= 0x20)
        ++at_;
      out.append(text_.substr(from, at_ - from));
      if (take('"')) return true;
      if (!take('\\') || !escape(out)) return false;
    }
  }

  bool escape(std::string& out) {
    if (at_ >= text_.size()) return false;
    static constexpr std::string_view kNames = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
    const char name = text_[at_++];
    if (const std::size_t i = kNames.find(name); i != std::string_view::npos) {
      out += kMeant[i];
      return true;
    }
    if (name != 'u') return false;
    auto code = four_digits();
    if (!code) return false;
    if (*code >= 0xd800 && *code < 0xdc00) {
      if (text_.substr(at_, 2) != "\\u") return false;
      at_ += 2;
      const auto low = four_digits();
      if (!low || *low < 0xdc00 || *low > 0xdfff) return false;
      code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
    } else if (*code >= 0xdc00 && *code <= 0xdfff) {
      return false;
    }
    append_utf8(out, *code);
    return true;
  }

  std::optional<std::uint32_t> four_digits() {
    if (text_.size() - at_ < 4) return std::nullopt;
    std::uint32_t code = 0;
    const char* const end = text_.data() + at_ + 4;
    const auto read = std::from_chars(text_.data() + at_, end, code, 16);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    at_ += 4;
    return code;
  }

  static void append_text(std::string& out, char kind, std::string_view text) {
    out += kind;
    out += std::to_string(text.size());
    out += ':';
    out += text;
  }

  void blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

void append_json_meaning(std::string& out, std::string_view json) {
  const std::size_t before = out.size();
  if (MeaningReader(json).whole(out)) return;
  out.resize(before);
  out += "?";
  out += json;
}

}  // namespace z4j::core
