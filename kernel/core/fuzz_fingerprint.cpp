// Any bytes as an exception and its traceback: never a crash; a fingerprint is 16 hex digits or
// nothing, the same each time, and what is shown is whole UTF-8.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/fingerprint.hpp"
#include "core/text.hpp"

using namespace z4j;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::string_view exception = text.substr(0, data[0]);
  const std::string_view traceback = text.substr(exception.size());
  const std::string print = core::fingerprint(exception, traceback);
  if (!print.empty() && !core::is_fingerprint(print)) std::abort();
  if (print != core::fingerprint(exception, traceback)) std::abort();
  const core::Failure failure = core::failure_of(exception, traceback);
  if (!core::is_utf8(failure.type) || !core::is_utf8(failure.message)) std::abort();
  return 0;
}
