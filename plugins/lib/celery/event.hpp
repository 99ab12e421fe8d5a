// Celery's event messages, from workers and producers, as rows of an event batch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::celery {

// What a worker says of itself every few seconds.
struct Beat {
  std::string worker, version;
  double freq = 2;
  std::int64_t active = 0, processed = 0, pid = 0;
  std::vector<double> load;
};

struct Event {
  std::uint16_t kind = 0;  // Z4J_EV_*
  std::int64_t time_us = 0;
  std::uint32_t attempt = 0;
  std::int64_t runtime_us = -1;
  std::string task_id, parent_id, root_id, task, queue, worker, attrs_json;
  std::uint8_t id[16] = {};  // zero for events about a task
  std::optional<Beat> beat;
};

// Appends what one message holds: a single event or an array of them. Answers how many entries of
// it could not be read. Throws Z4J_INVALID or Z4J_TOO_LARGE when the message as a whole cannot.
// `now_us` stands in for a missing or absurd time.
std::size_t read_events(std::string_view message, std::int64_t now_us, std::vector<Event>& out);

}  // namespace z4j::celery
