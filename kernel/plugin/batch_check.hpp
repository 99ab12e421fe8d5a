// Is an event batch from a plugin what the header promises? Offsets in order and within bounds,
// dictionary indices in range, sizes under the ceilings.
#pragma once

#include <z4j/abi.h>

#include "base/result.hpp"

namespace z4j::plugin {

inline constexpr std::uint32_t kMaxBatchRows = 65'536;
inline constexpr std::uint32_t kMaxBatchTextBytes = 256u << 20;

[[nodiscard]] base::Status check_batch(const z4j_event_batch& batch);

}  // namespace z4j::plugin
