#include "scarce_memory.hpp"

#include <cerrno>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define Z4J_OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define Z4J_OWN_MALLOC 0
#else
#define Z4J_OWN_MALLOC 1
#endif
#else
#define Z4J_OWN_MALLOC 1
#endif

namespace {

// No constructor and no allocation of their own: malloc() itself reads them.
thread_local constinit bool starved = false;
thread_local constinit std::int64_t left = 0;
thread_local constinit bool failed = false;

#if Z4J_OWN_MALLOC
bool fails() noexcept {
  if (!starved) return false;
  if (left > 0) {
    --left;
    return false;
  }
  failed = true;
  errno = ENOMEM;
  return true;
}
#endif

}  // namespace

// A sanitizer leaves signals alone: a crash is told by its signal, whatever the build. Leaks are
// counted by cases, and of the threads and hosts that outlive a case none is one.
#if !Z4J_OWN_MALLOC
extern "C" {
__attribute__((visibility("default"))) const char* __asan_default_options() {
  return "handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:handle_sigill=0:"
         "detect_leaks=0:allocator_may_return_null=1";
}
__attribute__((visibility("default"))) const char* __tsan_default_options() {
  return "handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:report_thread_leaks=0";
}
}
#endif

#if Z4J_OWN_MALLOC
// The C library's own, under the names that it keeps for this.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* old, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

__attribute__((visibility("default"))) void* malloc(std::size_t bytes) noexcept {
  return fails() ? nullptr : __libc_malloc(bytes);
}
__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t bytes) noexcept {
  return fails() ? nullptr : __libc_calloc(count, bytes);
}
__attribute__((visibility("default"))) void* realloc(void* old, std::size_t bytes) noexcept {
  return fails() ? nullptr : __libc_realloc(old, bytes);
}
__attribute__((visibility("default"))) void* memalign(std::size_t alignment,
                                                      std::size_t bytes) noexcept {
  return fails() ? nullptr : __libc_memalign(alignment, bytes);
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t alignment,
                                                           std::size_t bytes) noexcept {
  return fails() ? nullptr : __libc_memalign(alignment, bytes);
}
__attribute__((visibility("default"))) int posix_memalign(void** out, std::size_t alignment,
                                                          std::size_t bytes) noexcept {
  *out = fails() ? nullptr : __libc_memalign(alignment, bytes);
  return *out == nullptr ? ENOMEM : 0;
}
}
#endif

namespace z4j::check {

bool can_starve() noexcept { return Z4J_OWN_MALLOC != 0; }

Scarcity::Scarcity(std::int64_t fails_from) noexcept {
  failed = false;
  left = fails_from;
  starved = true;
}
Scarcity::~Scarcity() { starved = false; }

Plenty::Plenty() noexcept : was_starved_(starved) { starved = false; }
Plenty::~Plenty() { starved = was_starved_; }

bool Scarcity::end() noexcept {
  starved = false;
  return failed;
}

}  // namespace z4j::check
