// What is remembered of jobs that were reported, so that only changes are read and reported again.
// Bounded: the least recently used half is forgotten when it is full. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace z4j::engine_rq {

// Where RQ lists a job. The first is the queue itself, the others are registries.
enum class Place : std::uint8_t {
  none,
  queue,
  wip,
  finished,
  failed,
  deferred,
  scheduled,
  canceled
};
[[nodiscard]] const char* place_name(Place place);

enum class Status : std::uint8_t {
  unknown,
  created,
  queued,
  started,
  finished,
  failed,
  deferred,
  scheduled,
  stopped,
  canceled
};
[[nodiscard]] Status status_of(std::string_view text);
[[nodiscard]] constexpr bool is_final(Status s) {
  return s == Status::finished || s == Status::failed || s == Status::stopped ||
         s == Status::canceled;
}

struct Seen {
  Place place = Place::none;
  Status status = Status::unknown;
  std::uint16_t attempt = 1;
  std::int64_t mark = 0;  // registry's score or execution: changes when the job was there twice
  std::int64_t sent_us = 0, started_us = 0, ended_us = 0;  // 0: not reported
};

class SeenJobs {
 public:
  explicit SeenJobs(std::size_t capacity = 400'000);

  // Valid until the next call; null when unknown.
  [[nodiscard]] Seen* find(std::string_view job_id);
  void put(std::string_view job_id, const Seen& seen);
  void forget(std::string_view job_id);
  [[nodiscard]] std::size_t size() const { return young_.size() + old_.size(); }

 private:
  [[nodiscard]] std::uint64_t key(std::string_view job_id) const;

  std::size_t half_;
  std::uint64_t salt_;
  std::unordered_map<std::uint64_t, Seen> young_, old_;
};

}  // namespace z4j::engine_rq
