#include "src/emitter.hpp"

#include <algorithm>
#include <random>
#include <string>

namespace z4j::engine_celery {
namespace {

constexpr std::uint32_t kBatchRows = 1000;
constexpr std::size_t kBatchBytes = 1u << 20;

bool zero(const std::uint8_t (&id)[16]) {
  return std::all_of(std::begin(id), std::end(id), [](std::uint8_t b) { return b == 0; });
}

}  // namespace

bool Emitter::emit(const std::vector<celery::Event>& events) {
  const std::lock_guard lock(mutex_);
  for (const celery::Event& e : events) {
    builder_.begin_row(e.time_us, e.kind);
    builder_.attempt(e.attempt);
    builder_.runtime_us(e.runtime_us);
    builder_.engine("celery");
    builder_.task(e.task);
    builder_.queue(e.queue);
    builder_.worker(e.worker);
    builder_.task_id(e.task_id);
    builder_.parent_id(e.parent_id);
    builder_.root_id(e.root_id);
    builder_.attrs_json(e.attrs_json);
    if (e.task_id.empty()) {
      std::uint8_t id[16];
      std::copy(std::begin(e.id), std::end(e.id), std::begin(id));
      if (zero(id)) {
        std::random_device random;
        for (std::uint8_t& b : id) b = static_cast<std::uint8_t>(random());
      }
      builder_.event_id(id);
    }
    if ((builder_.rows() >= kBatchRows || builder_.bytes() >= kBatchBytes) && !flush())
      return false;
  }
  return flush();
}

bool Emitter::flush() {
  while (builder_.rows() > 0) {
    z4j_error error = empty_error();
    const z4j_event_batch batch = builder_.batch();
    const z4j_status status = host_.emit(batch, error);
    if (status == Z4J_BUSY) {
      const int wait_ms = std::clamp(
          static_cast<int>(std::min<std::uint32_t>(error.retry_after_ms, 5000)), 20, 5000);
      if (gate_.pause_ms(wait_ms)) continue;
      count_dropped("stopped", builder_.rows());
      builder_.clear();
      return false;
    }
    if (status != Z4J_OK) {
      host_.warn(std::string("events were refused: ") + error.message);
      count_dropped("refused", builder_.rows());
    }
    builder_.clear();
  }
  return true;
}

void Emitter::count_dropped(const char* why, std::uint64_t n) const {
  if (n > 0)
    host_.metric("events_dropped", std::string(R"({"why":")") + why + "\"}", static_cast<double>(n),
                 Z4J_METRIC_ADD);
}

}  // namespace z4j::engine_celery
