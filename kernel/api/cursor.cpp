#include "api/cursor.hpp"

#include <algorithm>
#include <charconv>

#include "base/crypto.hpp"

namespace z4j::api {
namespace {

constexpr std::size_t kMaxCursor = 128;
constexpr std::int64_t kMaxLimit = 5000;

}  // namespace

std::string write_cursor(List list, const core::Place& place) {
  return base::base64url(std::string(1, static_cast<char>(list)) + std::to_string(place.at) + "." +
                         place.id.text());
}

std::optional<core::Place> read_cursor(List list, std::string_view text) {
  if (text.empty() || text.size() > kMaxCursor) return std::nullopt;
  const auto plain = base::unbase64url(text);
  if (!plain || plain->empty() || plain->front() != static_cast<char>(list)) return std::nullopt;
  const char* const end = plain->data() + plain->size();
  core::Place place;
  const auto [rest, error] = std::from_chars(plain->data() + 1, end, place.at);
  if (error != std::errc() || rest == end || *rest != '.') return std::nullopt;
  const auto id =
      base::Uuid::parse(std::string_view(rest + 1, static_cast<std::size_t>(end - rest - 1)));
  if (!id) return std::nullopt;
  place.id = *id;
  return place;
}

Paging read_paging(Input& query, List list, int usual, int most) {
  Paging paging;
  const std::int64_t limit = query.integer("limit", 1, kMaxLimit).value_or(usual);
  paging.limit = static_cast<std::uint32_t>(std::min<std::int64_t>(limit, most));
  if (const auto cursor = query.text("cursor", {1, 4096})) {
    paging.after = read_cursor(list, *cursor);
    if (!paging.after) query.problem("cursor", "value_error", "is not a next_cursor of this list");
  }
  return paging;
}

}  // namespace z4j::api
