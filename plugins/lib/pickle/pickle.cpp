#include "lib/pickle/pickle.hpp"

#include <algorithm>

namespace z4j::pickle {

bool valid_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned char lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc2 ? 1 : 0;
    if (more == 0 || lead > 0xf4 || more >= text.size() - i) return false;
    std::uint32_t c = lead & (0x3fu >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const unsigned char next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      c = c << 6 | (next & 0x3fu);
    }
    if ((more == 2 && c < 0x800) || (more == 3 && c < 0x10000)) return false;
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return false;
    i += more + 1;
  }
  return true;
}

std::optional<std::string> decimal_digits(std::string_view raw) {
  constexpr std::size_t kMaxBytes = 256;
  if (raw.size() > kMaxBytes) return std::nullopt;
  std::vector<unsigned char> bytes(raw.begin(), raw.end());
  const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
  if (negative) {
    unsigned carry = 1;
    for (unsigned char& b : bytes) {
      carry += static_cast<unsigned char>(~b);
      b = static_cast<unsigned char>(carry);
      carry >>= 8;
    }
  }
  std::string out;
  while (!bytes.empty()) {
    unsigned rest = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) {
      rest = rest << 8 | bytes[i];
      bytes[i] = static_cast<unsigned char>(rest / 10);
      rest %= 10;
    }
    out += static_cast<char>('0' + rest);
    while (!bytes.empty() && bytes.back() == 0) bytes.pop_back();
  }
  if (out.empty()) out = "0";
  if (negative) out += '-';
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace z4j::pickle
