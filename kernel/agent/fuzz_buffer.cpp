// Reads segment files of any bytes: a disk may give back what nobody wrote.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "agent/buffer.hpp"
#include "core/spill_record.hpp"

namespace {

const std::string& folder() {
  static const std::string made = [] {
    char name[] = "/tmp/z4j_fuzz_buffer_XXXXXX";
    return std::string(::mkdtemp(name));
  }();
  return made;
}

void drain(std::string_view bytes) {
  std::ofstream(folder() + "/000000000001.frames", std::ios::binary) << bytes;
  static const z4j::base::SystemClock clock;
  const auto buffer =
      z4j::agent::Buffer::open({folder(), 1u << 20, 1000, &z4j::base::Log::quiet(), &clock});
  if (!buffer) std::abort();
  while (const auto place = (*buffer)->next()) {
    (void)(*buffer)->read(*place);
    (*buffer)->settle(*place);
  }
  if ((*buffer)->stats().frames != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  drain(bytes);
  drain(z4j::core::seal_spill_body(bytes));  // past the checksums
  return 0;
}
