// Any bytes as a record of events on disk: a parcel or nothing, never a crash. What was read can be
// written, and then reads the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/spill_record.hpp"

using namespace z4j;

namespace {

// As the reader of a segment does it; null when nothing is there.
std::shared_ptr<core::Parcel> read(std::string_view bytes) {
  const auto head = core::read_spill_head(bytes);
  if (!head) return nullptr;
  return core::read_spill_body(*head, bytes.substr(core::kSpillHeadBytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const core::Redactor redactor = core::Redactor::make({}).value();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)read(bytes);
  // No fuzzer guesses a checksum: the bytes as a body, under a head that fits it.
  const auto parcel = read(core::seal_spill_body(bytes));
  if (!parcel) return 0;
  for (const core::RawEvent& e : parcel->events)
    (void)core::decode(e, parcel->source, parcel->taken_at, redactor);
  const std::string written = core::write_spill_record(*parcel, redactor);
  const auto again = read(written);
  if (!again || core::write_spill_record(*again, redactor) != written) std::abort();
  return 0;
}
