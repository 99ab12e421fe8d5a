// z4j/json.hpp - single values out of a JSON text by pointer, and flat objects written. For what
// the host hands over (settings, targets, requests), which is complete and valid. Not part of the
// ABI.
#ifndef Z4J_JSON_HPP
#define Z4J_JSON_HPP

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace z4j::json {

// Borrows the text. Pointers are "/member", "/list/0" or "" for the whole; members whose names hold
// "~", "/" or an escape can't be asked for. What is not there, is of another kind, or lies behind a
// fault of the text is absent: then the fallback is given. Values are nested 64 deep at most.
class Reader {
 public:
  explicit Reader(std::string_view json) noexcept : json_(json) {}

  bool has(std::string_view pointer) const noexcept { return !raw(pointer).empty(); }
  // Its own text, of any kind; "" when absent.
  std::string_view raw(std::string_view pointer) const noexcept {
    std::string_view value = value_at(json_);
    while (!pointer.empty() && !value.empty()) {
      pointer.remove_prefix(1);
      const std::size_t end = pointer.find('/');
      const std::string_view word = pointer.substr(0, end);
      pointer = end == std::string_view::npos ? std::string_view() : pointer.substr(end);
      value = child(value, word);
    }
    return value;
  }
  // A text, decoded. Allocates.
  std::string text(std::string_view pointer, std::string_view fallback = {}) const {
    const std::string_view value = raw(pointer);
    return value.empty() || value.front() != '"' ? std::string(fallback) : decoded(value);
  }
  // One that 64 bits can't hold, or has a fraction or an exponent, is none.
  int64_t integer(std::string_view pointer, int64_t fallback = 0) const noexcept {
    const std::string_view value = raw(pointer);
    int64_t out = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, out);
    return error == std::errc() && stop == end ? out : fallback;
  }
  bool boolean(std::string_view pointer, bool fallback = false) const noexcept {
    const std::string_view value = raw(pointer);
    return value == "true" || (value != "false" && fallback);
  }
  // The own text of each member of a list. Allocates.
  std::vector<std::string_view> items(std::string_view pointer) const {
    std::vector<std::string_view> out;
    const std::string_view list = raw(pointer);
    if (list.empty() || list.front() != '[') return out;
    each(list, [&](std::string_view, std::string_view item) {
      out.push_back(item);
      return true;
    });
    return out;
  }

 private:
  static std::string_view behind_space(std::string_view s) noexcept {
    const std::size_t at = s.find_first_not_of(" \t\r\n");
    return at == std::string_view::npos ? std::string_view() : s.substr(at);
  }
  // The length of the text that begins here, quotes included; 0: it does not end.
  static std::size_t text_length(std::string_view s) noexcept {
    for (std::size_t i = 1; i < s.size(); ++i) {
      if (s[i] == '\\')
        ++i;
      else if (s[i] == '"')
        return i + 1;
    }
    return 0;
  }
  // The value that begins here, without what follows; "" when there is none.
  static std::string_view value_at(std::string_view s) noexcept {
    s = behind_space(s);
    if (s.empty()) return {};
    if (s.front() == '"') return s.substr(0, text_length(s));
    if (s.front() != '{' && s.front() != '[') return s.substr(0, s.find_first_of(" \t\r\n,]}:"));
    int depth = 0;
    for (std::size_t i = 0; i < s.size(); ++i) {
      if (s[i] == '"') {
        const std::size_t length = text_length(s.substr(i));
        if (length == 0) return {};
        i += length - 1;
      } else if (s[i] == '{' || s[i] == '[') {
        if (++depth > 64) return {};
      } else if (s[i] == '}' || s[i] == ']') {
        if (--depth == 0) return s.substr(0, i + 1);
      }
    }
    return {};
  }
  // f(name with its quotes or "", value) for each member of an object or a list, until it says
  // false.
  template <class F>
  static void each(std::string_view container, F&& f) {
    const bool is_object = container.front() == '{';
    std::string_view rest = behind_space(container.substr(1));
    while (!rest.empty() && rest.front() != '}' && rest.front() != ']') {
      std::string_view name;
      if (is_object) {
        name = value_at(rest);
        if (name.empty() || name.front() != '"') return;
        rest = behind_space(rest.substr(name.size()));
        if (rest.empty() || rest.front() != ':') return;
        rest.remove_prefix(1);
      }
      const std::string_view value = value_at(rest);
      if (value.empty() || !f(name, value)) return;
      rest = behind_space(behind_space(rest).substr(value.size()));
      if (rest.empty() || rest.front() != ',') return;
      rest = behind_space(rest.substr(1));
    }
  }
  static std::string_view child(std::string_view value, std::string_view word) noexcept {
    if (value.front() != '{' && value.front() != '[') return {};
    const bool is_object = value.front() == '{';
    std::string_view found;
    std::size_t place = 0;
    each(value, [&](std::string_view name, std::string_view item) {
      if (is_object ? name.substr(1, name.size() - 2) == word : is_place(word, place++))
        found = item;
      return found.empty();
    });
    return found;
  }
  static bool is_place(std::string_view word, std::size_t place) noexcept {
    std::size_t n = 0;
    for (const char c : word) {
      if (c < '0' || c > '9' || n > 1'000'000) return false;
      n = n * 10 + static_cast<std::size_t>(c - '0');
    }
    return !word.empty() && n == place;
  }

  static uint32_t hex4(std::string_view s) noexcept {
    uint32_t n = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const char c = i < s.size() ? s[i] : '0';
      const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
      const int digit = lower >= '0' && lower <= '9'   ? lower - '0'
                        : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                       : 0;
      n = n * 16 + static_cast<uint32_t>(digit);
    }
    return n;
  }
  static void put_utf8(std::string& out, uint32_t c) {
    const auto put = [&](uint32_t byte) { out += static_cast<char>(static_cast<uint8_t>(byte)); };
    if (c < 0x80) {
      put(c);
    } else if (c < 0x800) {
      put(0xC0u | (c >> 6));
      put(0x80u | (c & 0x3Fu));
    } else if (c < 0x10000) {
      put(0xE0u | (c >> 12));
      put(0x80u | ((c >> 6) & 0x3Fu));
      put(0x80u | (c & 0x3Fu));
    } else {
      put(0xF0u | (c >> 18));
      put(0x80u | ((c >> 12) & 0x3Fu));
      put(0x80u | ((c >> 6) & 0x3Fu));
      put(0x80u | (c & 0x3Fu));
    }
  }
  static std::string decoded(std::string_view quoted) {
    const std::string_view s = quoted.substr(1, quoted.size() - 2);
    std::string out;
    out.reserve(s.size());
    for (std::size_t i = 0; i < s.size(); ++i) {
      if (s[i] != '\\' || i + 1 == s.size()) {
        out += s[i];
        continue;
      }
      const char c = s[++i];
      if (c != 'u') {
        constexpr std::string_view kFrom = "bfnrt", kTo = "\b\f\n\r\t";
        const std::size_t at = kFrom.find(c);
        out += at == std::string_view::npos ? c : kTo[at];
        continue;
      }
      uint32_t point = hex4(s.substr(i + 1 < s.size() ? i + 1 : s.size()));
      i += 4;
      if (point >= 0xD800 && point < 0xDC00 && i + 1 < s.size() && s.substr(i + 1, 2) == "\\u") {
        const uint32_t low = hex4(s.substr(i + 3));
        if (low >= 0xDC00 && low < 0xE000) {
          point = 0x10000u + ((point - 0xD800u) << 10) + (low - 0xDC00u);
          i += 6;
        }
      }
      put_utf8(out, point >= 0xD800 && point < 0xE000 ? 0xFFFDu : point);
    }
    return out;
  }

  std::string_view json_;
};

// A text with its quotes. Allocates.
inline std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char kHex[] = "0123456789abcdef";
      out += "\\u00";
      out += kHex[(static_cast<unsigned char>(c) >> 4) & 15];
      out += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

// An object, member by member; text is UTF-8. Allocates.
class Writer {
 public:
  Writer& text(std::string_view name, std::string_view value) { return raw(name, quoted(value)); }
  Writer& integer(std::string_view name, int64_t value) { return raw(name, std::to_string(value)); }
  Writer& boolean(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  // `json`: one JSON value.
  Writer& raw(std::string_view name, std::string_view json) {
    members_ += members_.empty() ? "" : ",";
    members_ += quoted(name);
    members_ += ':';
    members_ += json;
    return *this;
  }
  std::string object() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace z4j::json

#endif
