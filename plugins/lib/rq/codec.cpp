#include "lib/rq/codec.hpp"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <new>

namespace z4j::rq {
namespace {

constexpr std::size_t kFreeInflation = 64u << 10;

// Reads exactly `digits` digits at `at`, or fails.
bool fixed_digits(std::string_view text, std::size_t at, std::size_t digits, int& out) {
  if (text.size() < at + digits) return false;
  out = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const char c = text[at + i];
    if (c < '0' || c > '9') return false;
    out = out * 10 + (c - '0');
  }
  return true;
}

std::size_t utf8_length(std::string_view text, std::size_t at) {
  const unsigned char lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0x80                    ? 1
                             : lead >= 0xf0 && lead <= 0xf4 ? 4
                             : lead >= 0xe0                 ? 3
                             : lead >= 0xc2                 ? 2
                                                            : 0;
  if (length == 0 || lead > 0xf4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = length > 1 ? static_cast<unsigned char>(text[at + 1]) : 0;
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

}  // namespace

std::optional<std::string> inflate(std::string_view compressed, std::size_t max_bytes) {
  if (compressed.empty() || compressed.size() > max_bytes) return std::nullopt;
  z_stream z{};
  if (::inflateInit(&z) != Z_OK) throw std::bad_alloc();
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  z.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  char chunk[16384];
  int rc = Z_OK;
  bool fits = true;
  while (rc == Z_OK && fits) {
    z.next_out = reinterpret_cast<Bytef*>(chunk);
    z.avail_out = sizeof chunk;
    rc = ::inflate(&z, Z_NO_FLUSH);
    const std::size_t n = sizeof chunk - z.avail_out;
    fits = out.size() + n <= max_bytes && (out.size() + n <= kFreeInflation ||
                                           out.size() + n <= compressed.size() * kMaxInflateRatio);
    if (fits) out.append(chunk, n);
    if (n == 0 && rc == Z_OK && z.avail_in == 0) rc = Z_BUF_ERROR;
  }
  ::inflateEnd(&z);
  if (rc != Z_STREAM_END || !fits) return std::nullopt;
  return out;
}

std::string deflate(std::string_view plain) {
  uLongf size = ::compressBound(static_cast<uLong>(plain.size()));
  std::string out(size, '\0');
  if (::compress(reinterpret_cast<Bytef*>(out.data()), &size,
                 reinterpret_cast<const Bytef*>(plain.data()),
                 static_cast<uLong>(plain.size())) != Z_OK) {
    throw std::bad_alloc();
  }
  out.resize(size);
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  unsigned bits = 0;
  int count = 0;
  bool ended = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ') continue;
    if (c == '=') {
      ended = true;
      continue;
    }
    unsigned d = 0;
    if (c >= 'A' && c <= 'Z') {
      d = static_cast<unsigned>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      d = static_cast<unsigned>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      d = static_cast<unsigned>(c - '0') + 52;
    } else if (c == '+' || c == '/') {
      d = c == '+' ? 62 : 63;
    } else {
      return std::nullopt;
    }
    if (ended) return std::nullopt;
    bits = bits << 6 | d;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  return out;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const bool shape = fixed_digits(text, 0, 4, year) && fixed_digits(text, 5, 2, month) &&
                     fixed_digits(text, 8, 2, day) && fixed_digits(text, 11, 2, hour) &&
                     fixed_digits(text, 14, 2, minute) && fixed_digits(text, 17, 2, second) &&
                     text[4] == '-' && text[7] == '-' && (text[10] == 'T' || text[10] == ' ') &&
                     text[13] == ':' && text[16] == ':';
  if (!shape || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  std::string_view rest = text.substr(19);
  std::int64_t micros = 0;
  if (!rest.empty() && rest.front() == '.') {
    std::int64_t unit = 100'000;
    for (rest.remove_prefix(1); !rest.empty() && rest.front() >= '0' && rest.front() <= '9';
         rest.remove_prefix(1)) {
      micros += unit * (rest.front() - '0');
      unit /= 10;
    }
  }
  if (!rest.empty() && rest != "Z" && rest != "+00:00") return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((static_cast<std::int64_t>(days) * 24 + hour) * 60 + minute) * 60'000'000 +
         second * std::int64_t{1'000'000} + micros;
}

std::string format_time(std::int64_t time_us) {
  const std::chrono::sys_time<std::chrono::microseconds> at{std::chrono::microseconds(time_us)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::int64_t in_day = (at - day).count();
  char out[64];
  std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(in_day / 3'600'000'000),
                static_cast<int>(in_day / 60'000'000 % 60),
                static_cast<int>(in_day / 1'000'000 % 60), static_cast<int>(in_day % 1'000'000));
  return out;
}

std::optional<std::int64_t> parse_epoch(std::string_view seconds) {
  double d = 0;
  const auto [end, ec] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), d);
  if (ec != std::errc() || end != seconds.data() + seconds.size() || !std::isfinite(d) || d <= 0 ||
      d > 1e11)
    return std::nullopt;
  return static_cast<std::int64_t>(std::llround(d * 1e6));
}

std::string clean_text(std::string_view text, std::size_t max_bytes) {
  std::string out;
  out.reserve(std::min(text.size(), max_bytes));
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = text[at] == '\0' ? 0 : utf8_length(text, at);
    const std::string_view piece =
        length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(at, length);
    if (out.size() + piece.size() > max_bytes) break;
    out += piece;
    at += length == 0 ? 1 : length;
  }
  return out;
}

}  // namespace z4j::rq
