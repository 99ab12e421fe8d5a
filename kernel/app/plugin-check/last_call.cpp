#include "last_call.hpp"

#include <sys/mman.h>

#include <cstdio>

namespace z4j::check {
namespace {

constexpr unsigned kBytes = 128;

char* shared() noexcept {
  static char* const at = [] {
    void* const memory =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static char own[kBytes];
    return memory == MAP_FAILED ? own : static_cast<char*>(memory);
  }();
  return at;
}

}  // namespace

void note_last_call(const char* function) noexcept {
  std::snprintf(shared(), kBytes, "%s", function);
}
const char* last_call() noexcept { return shared(); }

}  // namespace z4j::check
