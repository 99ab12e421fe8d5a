// From what RQ keeps about one job to the events that the kernel has not been told yet. States that
// came and went between two looks are rebuilt from the job's own timestamps. Pure but for the sink.
#pragma once

#include "lib/rq/records.hpp"
#include "src/emitter.hpp"
#include "src/seen.hpp"
#include "src/shared.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace z4j::engine_rq {

// One job as it was just read.
struct Sighting {
  rq::Job job;
  rq::Result last_result;      // the newest run that has one
  std::int64_t results = 0;    // how many runs have one
  bool has_succeeded = false;  // RQ calls it failed, but its run left a result

  [[nodiscard]] Status status() const {
    return has_succeeded ? Status::finished : status_of(job.status);
  }
  Place place = Place::none;  // where it was listed
  std::int64_t mark = 0;
  std::int64_t score_us =
      0;  // of the registry: due time when scheduled, time of the end when canceled
  std::int64_t watched_since_us = 0;  // what happened earlier is told as rebuilt
};

// Tells `sink` what is new against `before` (null: everything) and answers what to remember.
[[nodiscard]] Seen report_job(const Sighting& sighting, const Seen* before, std::int64_t now,
                              Observed& observed, EventSink& sink);

// "ValueError: bad" out of a traceback: its last line that says something.
[[nodiscard]] std::string last_line(std::string_view trace);

}  // namespace z4j::engine_rq
