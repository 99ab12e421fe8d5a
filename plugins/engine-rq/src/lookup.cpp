#include "src/lookup.hpp"

#include "lib/pickle/pickle.hpp"
#include "src/scripts.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <utility>

namespace z4j::engine_rq {
namespace {

constexpr std::size_t kBatch = 50;
constexpr std::size_t kMostValueBytes = 1u << 20;
constexpr std::size_t kReplyBudget = 8u << 20;
constexpr std::size_t kMaxIdBytes = 200;
constexpr std::int64_t kResultClock = 1000;  // a result's time is in whole milliseconds

redis::Args read_arguments() {
  const std::vector<std::string>& all = rq::job_fields();
  const std::size_t small = rq::job_light_fields().size();
  redis::Args args = {std::to_string(kMostValueBytes), std::to_string(kReplyBudget),
                      std::to_string(small)};
  args.insert(args.end(), all.begin(), all.end());
  return args;
}

Sighting sighting_of(const Wanted& wanted, const redis::Reply& reply) {
  Sighting s;
  s.place = wanted.place;
  s.mark = wanted.mark;
  s.score_us = wanted.score_us;
  if (reply.items.size() != 3) {
    s.job.id = wanted.id;
    return s;
  }
  s.job = rq::job_from_fields(wanted.id, reply.items[0]);
  s.results = reply.items[1].integer;
  for (const redis::Reply& entry : reply.items[2].items) {
    const rq::Result result = rq::result_from_entry(entry);
    if (s.last_result.type == rq::ResultType::none) s.last_result = result;
    // RQ's maintenance takes a job whose end it did not see for abandoned. What the run left proves
    // otherwise.
    const bool is_of_this_run = s.job.started_at && result.written_at &&
                                *result.written_at + kResultClock > *s.job.started_at;
    if (status_of(s.job.status) == Status::failed && result.type == rq::ResultType::success &&
        is_of_this_run) {
      if (s.last_result.type != rq::ResultType::success) --s.results;
      s.last_result = result;
      s.has_succeeded = true;
    }
  }
  return s;
}

}  // namespace

bool usable_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes && id.find('\0') == std::string_view::npos &&
         pickle::valid_utf8(id);
}

void visit_jobs(redis::Connection& redis, const rq::Keys& keys, const std::vector<Wanted>& wanted,
                const Gate& gate, const std::function<bool(std::size_t, Sighting&&)>& each) {
  static const redis::Args arguments = read_arguments();
  for (std::size_t done = 0; done < wanted.size() && !gate.stopping();) {
    const std::size_t end = std::min(wanted.size(), done + kBatch);
    redis::Args names;
    for (std::size_t i = done; i < end; ++i) {
      names.push_back(keys.job(wanted[i].id));
      names.push_back(keys.results(wanted[i].id));
    }
    const redis::Reply reply = redis.eval(scripts::kReadJobs, names, arguments);
    if (reply.items.empty() || reply.items.size() > end - done)
      throw Error(Z4J_CORRUPT, "Redis answered a script with another number of jobs");
    for (const redis::Reply& job : reply.items) {
      if (!each(done, sighting_of(wanted[done], job))) return;
      ++done;
    }
  }
}

std::vector<Sighting> read_jobs(redis::Connection& redis, const rq::Keys& keys,
                                const std::vector<Wanted>& wanted, const Gate& gate) {
  std::vector<Sighting> out;
  out.reserve(wanted.size());
  visit_jobs(redis, keys, wanted, gate, [&](std::size_t, Sighting&& s) {
    out.push_back(std::move(s));
    return true;
  });
  return out;
}

Sighting read_job(redis::Connection& redis, const rq::Keys& keys, const std::string& id) {
  const Gate open;
  return std::move(read_jobs(redis, keys, {Wanted{id, Place::none, 0, 0}}, open).front());
}

}  // namespace z4j::engine_rq
