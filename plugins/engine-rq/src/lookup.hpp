// Reads jobs as they are now: one script per batch, bounded in bytes whatever the jobs hold.
#pragma once

#include "lib/redis/redis.hpp"
#include "lib/rq/records.hpp"
#include "src/job_events.hpp"
#include "src/seen.hpp"
#include "src/shared.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace z4j::engine_rq {

// A job to read and where it was found.
struct Wanted {
  std::string id;
  Place place = Place::none;
  std::int64_t mark = 0;
  std::int64_t score_us = 0;
};

// In the order asked for; a job that is gone has !job.exists(). Ends early, with fewer, when the
// gate stops. Throws what Connection throws.
[[nodiscard]] std::vector<Sighting> read_jobs(redis::Connection& redis, const rq::Keys& keys,
                                              const std::vector<Wanted>& wanted, const Gate& gate);
// The same, few at a time, for many that need not be held together: `each` sees the place in
// `wanted` and the job, and ends it with false.
void visit_jobs(redis::Connection& redis, const rq::Keys& keys, const std::vector<Wanted>& wanted,
                const Gate& gate, const std::function<bool(std::size_t, Sighting&&)>& each);
[[nodiscard]] Sighting read_job(redis::Connection& redis, const rq::Keys& keys,
                                const std::string& id);

// Ids are chosen by producers: what is no text of usual length is not looked at.
[[nodiscard]] bool usable_id(std::string_view id);

}  // namespace z4j::engine_rq
