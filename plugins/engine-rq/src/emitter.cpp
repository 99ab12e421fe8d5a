#include "src/emitter.hpp"

#include <algorithm>
#include <random>

namespace z4j::engine_rq {
namespace {

constexpr std::uint32_t kBatchRows = 500;
constexpr std::size_t kBatchBytes = 1u << 20;

}  // namespace

void Emitter::add(const Event& event) {
  ++added_;
  builder_.begin_row(event.time_us, event.kind);
  builder_.attempt(event.attempt);
  builder_.runtime_us(event.runtime_us);
  builder_.engine("rq");
  builder_.task(event.task);
  builder_.queue(event.queue);
  builder_.worker(event.worker);
  builder_.task_id(event.task_id);
  builder_.attrs_json(event.attrs_json);
  if (event.task_id.empty()) {
    std::random_device random;
    uint8_t id[16];
    for (uint8_t& b : id) b = static_cast<uint8_t>(random());
    builder_.event_id(id);
  }
  if (builder_.rows() >= kBatchRows || builder_.bytes() >= kBatchBytes) flush();
}

bool Emitter::flush() {
  while (builder_.rows() > 0) {
    z4j_error error = empty_error();
    const z4j_event_batch batch = builder_.batch();
    const z4j_status status = host_.emit(batch, error);
    if (status == Z4J_BUSY) {
      const int wait_ms =
          std::clamp(static_cast<int>(std::min<uint32_t>(error.retry_after_ms, 5000)), 20, 5000);
      if (!gate_.pause_ms(wait_ms)) return false;
      continue;
    }
    if (status != Z4J_OK) {
      host_.warn(std::string("events were refused: ") + error.message);
      host_.metric("events_dropped", R"({"why":"refused"})", builder_.rows(), Z4J_METRIC_ADD);
    }
    builder_.clear();
  }
  return true;
}

}  // namespace z4j::engine_rq
