// Shelves and what is pickled in them: no crash, no unbounded work, whatever the bytes say.
#include "src/persistent_store.hpp"
#include "src/shelf.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace z4j;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto value : {&celery_beat::berkeley_value, &celery_beat::gdbm_value}) {
    try {
      static_cast<void>(value(bytes, "entries"));
    } catch (const Error&) {
    }
  }
  try {
    static_cast<void>(celery_beat::entries_of(bytes, "UTC", true));
  } catch (const Error&) {
  }
  return 0;
}
