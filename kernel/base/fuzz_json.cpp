// Any bytes as JSON. The canonical text is a fixed point, and what write() makes of a value can be
// read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/json.hpp"

namespace json = z4j::base::json;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const json::Limits limits{.max_bytes = 1u << 20, .max_depth = 64};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto canonical = json::canonical(text, limits);
  if (canonical) {
    const auto again = json::canonical(*canonical, limits);
    if (!again || *again != *canonical) std::abort();
  }
  // Boost 1.81 reads some doubles an ulp off, so the value may differ in that; it must still be
  // JSON.
  const auto value = json::parse(text, limits);
  if (value && !json::parse(json::write(*value), limits)) std::abort();
  return 0;
}
