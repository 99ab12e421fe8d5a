#include "api/asset_answer.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "core/text.hpp"

namespace z4j::api {
namespace {

constexpr std::size_t kHashChars = 8;
// The best first.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kEncodings{
    {{".br", "br"}, {".gz", "gzip"}}};

// The next part of a list, up to `end`.
std::string_view take_part(std::string_view& list, char end) {
  const std::size_t at = std::min(list.find(end), list.size());
  const std::string_view out = core::trimmed(list.substr(0, at));
  list.remove_prefix(std::min(at + 1, list.size()));
  return out;
}

bool is_zero(std::string_view weight) {
  weight = core::trimmed(weight);
  return weight.starts_with("q=0") && weight.find_first_of("123456789") == std::string_view::npos;
}

bool is_encoded(std::string_view path) {
  return std::any_of(kEncodings.begin(), kEncodings.end(),
                     [&](const auto& encoding) { return path.ends_with(encoding.first); });
}

}  // namespace

bool accepts_encoding(std::string_view header, std::string_view encoding) {
  bool by_star = false;
  while (!header.empty()) {
    std::string_view item = take_part(header, ',');
    const std::string name = core::ascii_lower(take_part(item, ';'));
    if (name == encoding) return !is_zero(item);
    if (name == "*") by_star = !is_zero(item);
  }
  return by_star;
}

bool has_tag(std::string_view header, std::string_view tag) {
  while (!header.empty()) {
    std::string_view item = take_part(header, ',');
    if (item == "*") return true;
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == tag) return true;
  }
  return false;
}

bool has_hashed_name(std::string_view path) {
  if (!path.starts_with("assets/")) return false;
  const std::string_view stem = path.substr(0, path.rfind('.'));
  if (stem.size() <= kHashChars || stem[stem.size() - kHashChars - 1] != '-') return false;
  // A word of lower-case letters alone is more likely a name.
  const std::string_view hash = stem.substr(stem.size() - kHashChars);
  return std::any_of(hash.begin(), hash.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

std::optional<net::Response> asset_answer(const plugin::HttpTable& table, std::string_view path,
                                          const net::Request& request) {
  const auto plain = table.assets.find(path);
  if (plain == table.assets.end() || is_encoded(path)) return std::nullopt;
  const plugin::HttpAsset* chosen = &plain->second;
  net::Response r;
  bool has_others = false;
  for (const auto& [ending, encoding] : kEncodings) {
    const auto other = table.assets.find(std::string(path) + std::string(ending));
    if (other == table.assets.end()) continue;
    has_others = true;
    if (chosen != &plain->second || !accepts_encoding(request.header("accept-encoding"), encoding))
      continue;
    chosen = &other->second;
    r.headers.emplace_back("Content-Encoding", encoding);
  }
  if (has_others) r.headers.emplace_back("Vary", "Accept-Encoding");
  r.headers.emplace_back("ETag", chosen->etag);
  r.headers.emplace_back(
      "Cache-Control", has_hashed_name(path) ? "public, max-age=31536000, immutable" : "no-cache");
  r.content_type = plain->second.content_type;
  if (r.content_type.starts_with("text/html"))
    r.headers.emplace_back("Content-Security-Policy", kOwnPagePolicy);
  if (has_tag(request.header("if-none-match"), chosen->etag)) {
    r.status = 304;
    r.content_type.clear();
    std::erase_if(r.headers, [](const auto& header) { return header.first == "Content-Encoding"; });
  } else {
    r.body = chosen->bytes;
  }
  return r;
}

}  // namespace z4j::api
