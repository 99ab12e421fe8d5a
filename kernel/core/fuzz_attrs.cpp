// Any bytes as what a plugin says of one event: decoded, redacted, folded to facts; refused or
// taken, never a crash. A payload that is taken must be JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/json.hpp"
#include "core/event_decode.hpp"

using namespace z4j;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const core::Redactor redactor = core::Redactor::make({}).value();
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  core::RawEvent raw;
  raw.kind = data[0];
  raw.time = 1'700'000'000'000'000;
  raw.engine = "celery";
  raw.attrs = text;
  if ((data[1] & 1) != 0) raw.task_id = "t";
  if ((data[1] & 2) != 0) raw.worker = "w";
  const core::Event event = core::decode(raw, core::EventSource{}, raw.time, redactor);
  if (!event.payload.empty() && !base::json::parse(event.payload)) std::abort();
  return 0;
}
