// Why a frame was not taken: the `where` of the error tells the sort, close_code_of() what the
// socket is closed with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace z4j::wire {

inline constexpr std::string_view kTooLarge = "too_large";   // over the frame limit
inline constexpr std::string_view kMalformed = "malformed";  // not a JSON object of the right shape
inline constexpr std::string_view kType = "type";            // a type we don't know
inline constexpr std::string_view kVersion = "version";      // another protocol version
inline constexpr std::string_view kSignature = "signature";  // missing, or not by this key
inline constexpr std::string_view kReplay = "replay";        // its number or nonce was there before
inline constexpr std::string_view kClock = "clock";          // its time is too far from ours
inline constexpr std::string_view kContent = "content";  // a member whose value no version allows

namespace close {
inline constexpr std::uint16_t kNormal = 1000, kGoingAway = 1001, kTooBig = 1009, kInternal = 1011,
                               kReplaced = 4002, kRevoked = 4003, kBadFrame = 4400,
                               kUnauthorized = 4401, kNotVerified = 4403, kIdle = 4408,
                               kVersion = 4426, kIncompatible = 4427, kTooMany = 4429;
}  // namespace close

[[nodiscard]] base::Error refused(std::string_view why, std::string message);
// Of an error of this folder; 1011 for any other.
[[nodiscard]] std::uint16_t close_code_of(const base::Error& error) noexcept;

}  // namespace z4j::wire
