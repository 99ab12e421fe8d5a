#include "wire/refusal.hpp"

#include <utility>

namespace z4j::wire {

base::Error refused(std::string_view why, std::string message) {
  base::Code code = base::Code::invalid;
  if (why == kTooLarge) code = base::Code::too_large;
  if (why == kType || why == kVersion) code = base::Code::unsupported;
  if (why == kSignature || why == kReplay || why == kClock) code = base::Code::denied;
  return base::Error{
      .code = code, .message = std::move(message), .where = std::string(why), .hint = {}};
}

std::uint16_t close_code_of(const base::Error& error) noexcept {
  if (error.where == kTooLarge || error.where == kContent) return close::kBadFrame;
  if (error.where == kSignature || error.where == kReplay || error.where == kClock)
    return close::kNotVerified;
  return close::kInternal;
}

}  // namespace z4j::wire
