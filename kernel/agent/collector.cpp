#include "agent/collector.hpp"

#include <string>
#include <string_view>

#include "wire/event.hpp"
#include "wire/frame.hpp"

namespace z4j::agent {
namespace {

namespace json = base::json;

constexpr std::uint32_t kFrameEvents = 250;
constexpr std::size_t kFrameBytes = std::size_t{96} << 10;
constexpr std::size_t kEventBytes = std::size_t{256} << 10;

std::string_view attrs_of(const z4j_event_batch& batch, std::uint32_t row) {
  const z4j_strcol& column = batch.attrs_json;
  if (column.offsets == nullptr) return {};
  return {column.data + column.offsets[row], column.offsets[row + 1] - column.offsets[row]};
}

// What names the task stays; its payload makes way for a mark.
void blank_payload(json::Object& event, std::size_t bytes) {
  json::Object mark = core::Redactor::oversize_marker(bytes);
  if (const json::Object* data = json::object(event, "data")) {
    for (const char* name : {"task_name", "queue", "worker"}) {
      if (const json::Value* value = data->if_contains(name)) mark[name] = *value;
    }
  }
  event["data"] = std::move(mark);
}

}  // namespace

std::string Collector::event_text(const z4j_event_batch& batch, std::uint32_t row) const {
  const std::size_t bytes = attrs_of(batch, row).size();
  json::Object event = wire::wire_event(batch, row);
  if (redactor_.too_large(bytes))
    blank_payload(event, bytes);
  else if (json::Value* data = event.if_contains("data"))
    redactor_.scrub(*data);
  std::string text = json::write(event);
  if (text.size() <= kEventBytes) return text;
  blank_payload(event, text.size());
  return json::write(event);
}

void Collector::take(const z4j_event_batch& batch) {
  constexpr std::string_view kHead = R"({"events":[)";
  BufferedFrame frame;
  const auto pass_on = [&] {
    frame.payload += "]}";
    frame.id = wire::frame_id("ev_", 32);
    buffer_.add(frame);
    frame = {};
  };
  for (std::uint32_t row = 0; row < batch.rows; ++row) {
    const std::string text = event_text(batch, row);
    if (frame.events > 0 && frame.payload.size() + text.size() > kFrameBytes) pass_on();
    frame.payload += frame.events == 0 ? kHead : ",";
    frame.payload += text;
    if (++frame.events == kFrameEvents) pass_on();
  }
  if (frame.events > 0) pass_on();
  taken_ += batch.rows;
  arrived_();
}

}  // namespace z4j::agent
