// Any bytes as a plugin's file: read, or refused with a sentence.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugin/elf_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = ::memfd_create("elf", MFD_CLOEXEC);
  if (file < 0 || ::ftruncate(file, 0) != 0 ||
      ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size))
    std::abort();
  const auto read = z4j::plugin::read_elf("/proc/self/fd/" + std::to_string(file));
  if (!read && read.error().message.empty()) std::abort();
  return 0;
}
