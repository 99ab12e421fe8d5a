#include "lib/rq/codec.hpp"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <new>

#include "lib/text/text.hpp"

namespace z4j::rq {
namespace {

constexpr std::size_t kFreeInflation = 64u << 10;
constexpr std::string_view kGzipMark = "\x1f\x8b";
constexpr std::size_t kDateLength = 10;

}  // namespace

std::optional<std::string> inflate(std::string_view compressed, std::size_t max_bytes) {
  if (compressed.size() > max_bytes || compressed.substr(0, 2) == kGzipMark) return std::nullopt;
  const std::size_t by_ratio = std::max(kFreeInflation, compressed.size() * kMaxInflateRatio);
  return text::inflate(compressed, std::min(max_bytes, by_ratio));
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

std::optional<std::int64_t> parse_time(std::string_view text) {
  const std::size_t offset = text.find_first_of("+-", kDateLength);
  if (offset != std::string_view::npos && text.substr(offset) != "+00:00") return std::nullopt;
  return text::parse_iso_time(text);
}

std::string format_time(std::int64_t time_us) {
  std::string out = text::format_iso_time(time_us);
  out.replace(out.find('+'), std::string::npos, "Z");
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

}  // namespace z4j::rq
