#include "lib/text/text.hpp"

#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <new>
#include <random>

namespace z4j::text {
namespace {

constexpr char kDigits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int value64(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

int value16(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

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

// "", "Z", "+hh:mm", "-hhmm": minutes ahead of UTC.
std::optional<int> offset_minutes(std::string_view zone) {
  if (zone.empty() || zone == "Z") return 0;
  if (zone.front() != '+' && zone.front() != '-') return std::nullopt;
  int hours = 0, minutes = 0;
  const std::size_t colon = zone.size() == 6 && zone[3] == ':' ? 1 : 0;
  if (zone.size() != 5 + colon || !fixed_digits(zone, 1, 2, hours) ||
      !fixed_digits(zone, 3 + colon, 2, minutes)) {
    return std::nullopt;
  }
  const int all = hours * 60 + minutes;
  return zone.front() == '-' ? -all : all;
}

// Bytes of the character at `at`; 0 when it is not UTF-8.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const unsigned char lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0x80    ? 1
                             : lead >= 0xf0 ? 4
                             : lead >= 0xe0 ? 3
                             : lead >= 0xc2 ? 2
                                            : 0;
  if (length == 0 || lead > 0xf4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = length > 1 ? static_cast<unsigned char>(text[at + 1]) : 0;
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool foreign = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
  return overlong || foreign ? 0 : length;
}

}  // namespace

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
    const int digit = value64(c);
    if (digit < 0 || ended) return std::nullopt;
    bits = bits << 6 | static_cast<unsigned>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xffu);
    }
  }
  return out;
}

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    unsigned bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += k <= n ? kDigits64[bits >> (18 - 6 * k) & 63u] : '=';
  }
  return out;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? value16(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? value16(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::optional<std::string> inflate(std::string_view compressed, std::size_t max_bytes) {
  if (compressed.empty() || compressed.size() > max_bytes) return std::nullopt;
  constexpr int kZlibOrGzip = 15 + 32;
  z_stream z{};
  if (::inflateInit2(&z, kZlibOrGzip) != Z_OK) throw std::bad_alloc();
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  z.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  char chunk[16384];
  int rc = Z_OK;
  while (rc == Z_OK && out.size() <= max_bytes) {
    z.next_out = reinterpret_cast<Bytef*>(chunk);
    z.avail_out = sizeof chunk;
    rc = ::inflate(&z, Z_NO_FLUSH);
    const std::size_t n = sizeof chunk - z.avail_out;
    out.append(chunk, n);
    if (n == 0 && rc == Z_OK && z.avail_in == 0) rc = Z_BUF_ERROR;
  }
  ::inflateEnd(&z);
  if (rc != Z_STREAM_END || out.size() > max_bytes) return std::nullopt;
  return out;
}

std::optional<std::int64_t> parse_iso_time(std::string_view text) {
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
  const std::optional<int> offset = offset_minutes(rest);
  if (!offset) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute - *offset) * 60'000'000 +
         second * std::int64_t{1'000'000} + micros;
}

std::string format_iso_time(std::int64_t time_us) {
  const std::chrono::sys_time<std::chrono::microseconds> at{std::chrono::microseconds(time_us)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::int64_t in_day = (at - day).count();
  char out[64];
  std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02d.%06d+00:00",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(in_day / 3'600'000'000),
                static_cast<int>(in_day / 60'000'000 % 60),
                static_cast<int>(in_day / 1'000'000 % 60), static_cast<int>(in_day % 1'000'000));
  return out;
}

std::string clean(std::string_view text, std::size_t max_bytes) {
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

std::string new_uuid() {
  std::random_device random;
  unsigned char b[16];
  for (unsigned char& byte : b) byte = static_cast<unsigned char>(random());
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  std::string out;
  for (int i = 0; i < 16; ++i) {
    constexpr char kHex[] = "0123456789abcdef";
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kHex[b[i] >> 4];
    out += kHex[b[i] & 15];
  }
  return out;
}

}  // namespace z4j::text
