// Any bytes as a task message, an event message, a control reply, a result and a Python literal:
// each reader may refuse them, and must neither crash nor hang. What is accepted can be written
// again.
#include "lib/celery/event.hpp"
#include "lib/celery/literal.hpp"
#include "lib/celery/message.hpp"
#include "lib/celery/pidbox.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/celery/result.hpp"

#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace celery = z4j::celery;

namespace {

void try_message(std::string_view bytes) {
  const celery::Message message = celery::parse_message(bytes);
  const celery::Body body = celery::parse_body(message);
  const std::string again = celery::write_again(
      message, body,
      {.id = "new", .queue = "q", .priority = {}, .eta_us = {}, .args = {}, .kwargs = {}});
  static_cast<void>(celery::parse_message(again));
}

template <class F>
void tolerant(F&& f) {
  try {
    f();
  } catch (const z4j::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  // Most inputs are more use as the body of a sound envelope than as an envelope.
  const std::string wrapped =
      R"({"body": ")" + z4j::text::base64_encode(bytes) +
      R"(", "content-encoding": "utf-8", "content-type": ")" +
      (data[0] & 1 ? "application/json" : "application/x-python-serialize") +
      R"(", "headers": {"task": "t", "id": "i", "ticket": "k"}, "properties": {"body_encoding": "base64"}})";
  for (const std::string_view text : {bytes, std::string_view(wrapped)}) {
    tolerant([&] { try_message(text); });
    tolerant([&] {
      std::vector<celery::Event> events;
      celery::read_events(text, 1, events);
    });
    tolerant([&] { static_cast<void>(celery::read_replies(text)); });
  }
  tolerant([&] { static_cast<void>(celery::read_result(bytes)); });
  if (const auto json = celery::json_from_literal(bytes))
    static_cast<void>(z4j::json::parse(*json, 4u << 20, 128));
  static_cast<void>(celery::raw_items(bytes));
  static_cast<void>(celery::raw_members(bytes));
  return 0;
}
