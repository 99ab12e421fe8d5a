// Any bytes in any cut: the reader may refuse them, and must neither crash nor grow without bound.
#include "lib/redis/resp.hpp"

#include <z4j/plugin.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] % 16 + 1u;
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  z4j::redis::RespReader reader(1u << 16);
  try {
    while (!rest.empty()) {
      reader.feed(rest.substr(0, step));
      rest.remove_prefix(rest.size() < step ? rest.size() : step);
      while (reader.next()) {
      }
    }
  } catch (const z4j::Error&) {
  }
  return 0;
}
