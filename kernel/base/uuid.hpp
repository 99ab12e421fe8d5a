// UUIDs (RFC 9562): parsing, text, random (v4), time-ordered (v7) and name-based (v5).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::base {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  // With hyphens, without, in braces, or as urn:uuid:; any case. Empty otherwise.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
  [[nodiscard]] static Uuid random();                                      // v4
  [[nodiscard]] static Uuid ordered(std::int64_t unix_ms);                 // v7: sorts by time
  [[nodiscard]] static Uuid named(const Uuid& ns, std::string_view name);  // v5, SHA-1
  [[nodiscard]] static Uuid from_bytes(std::string_view sixteen);          // requires 16 bytes

  [[nodiscard]] std::string text() const;  // lower case, hyphens
  [[nodiscard]] std::string_view view() const noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] int version() const noexcept { return bytes[6] >> 4; }
  [[nodiscard]] bool is_nil() const noexcept { return bytes == std::array<std::uint8_t, 16>{}; }

  friend bool operator==(const Uuid&, const Uuid&) = default;
  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace z4j::base
