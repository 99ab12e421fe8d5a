// Is an event batch from a plugin what the header promises? Offsets in order and within bounds,
// dictionary indices in range, arrays aligned, sizes under the ceilings. Whether texts are UTF-8 or
// JSON is the receiver's concern.
#pragma once

#include <z4j/abi.h>

#include <cstdint>

#include "base/result.hpp"

namespace z4j::plugin {

inline constexpr std::uint32_t kMaxBatchRows = 65'536;
inline constexpr std::uint64_t kMaxBatchTextBytes = 64u << 20;  // all text columns together

// The bytes of all columns, counted here and not believed; or what is wrong, with column and row.
[[nodiscard]] base::Result<std::uint64_t> check_batch(const z4j_event_batch& batch);

}  // namespace z4j::plugin
