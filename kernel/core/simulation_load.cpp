// What a simulation's fires will cost: each runs as long as its task did on average in the last
// week.
#include <algorithm>

#include "core/simulation.hpp"

namespace z4j::core {
namespace {

namespace run_col = model::task_hours;
namespace worker_col = model::workers;

constexpr base::TimeUs kRunsOf = 7 * base::kDayUs;
constexpr std::int64_t kLongestForecastRunUs = base::kDayUs;

// A run begins (+1) or ends (-1).
struct RunTurn {
  base::TimeUs at = 0;
  int by = 0;
};

// Walks through time and keeps, per bucket, how many ran and for how long.
class LoadBuckets {
 public:
  LoadBuckets(base::TimeUs begin, base::TimeUs end, base::TimeUs size)
      : begin_(begin), size_(size), at_(begin) {
    buckets_.resize(static_cast<std::size_t>((end - begin + size - 1) / size));
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      buckets_[i].at = begin + static_cast<base::TimeUs>(i) * size;
    busy_us_.resize(buckets_.size());
  }

  // Up to `until` nothing changes.
  void go_to(base::TimeUs until) {
    while (at_ < until) {
      const std::size_t i = index(at_);
      if (i >= buckets_.size()) return;
      const base::TimeUs stop = std::min(until, buckets_[i].at + size_);
      busy_us_[i] += running_ * (stop - at_);
      buckets_[i].peak_running = std::max(buckets_[i].peak_running, running_);
      at_ = stop;
    }
  }
  void change(int by) { running_ += by; }
  void count_fire(base::TimeUs at) {
    const std::size_t i = std::min(index(at), buckets_.size() - 1);
    ++buckets_[i].fires;
    // One that is over in no time has run all the same.
    buckets_[i].peak_running = std::max(buckets_[i].peak_running, running_);
  }

  [[nodiscard]] std::vector<LoadBucket> taken() {
    std::vector<LoadBucket> out;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      buckets_[i].busy_ms = busy_us_[i] / 1000;
      if (buckets_[i].fires > 0 || busy_us_[i] > 0) out.push_back(buckets_[i]);
    }
    return out;
  }

 private:
  [[nodiscard]] std::size_t index(base::TimeUs at) const {
    return static_cast<std::size_t>((at - begin_) / size_);
  }

  base::TimeUs begin_, size_, at_;
  std::int64_t running_ = 0;
  std::vector<LoadBucket> buckets_;
  std::vector<std::int64_t> busy_us_;
};

}  // namespace

base::Result<Simulator::Runtimes> Simulator::runtimes(const base::Uuid& project) const {
  Runtimes out;
  Query query(Table::task_hours);
  query.where.eq(run_col::project_id, project)
      .ge(run_col::hour, clock_.now() - kRunsOf)
      .in(run_col::kind, {Cell("task.succeeded"), Cell("task.failed")});
  query.group(run_col::engine)
      .group(run_col::task_name)
      .fold(Z4J_AGG_SUM, run_col::runtime_count)
      .fold(Z4J_AGG_SUM, run_col::runtime_sum_us);
  auto done = store_.each(query, [&](const Row& row) {
    if (row.num(2) > 0)
      out[{std::string(row.text(0)), std::string(row.text(1))}] =
          std::clamp<std::int64_t>(row.num(3) / row.num(2), 0, kLongestForecastRunUs);
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

base::Status Simulator::add_load(const base::Uuid& project, std::int64_t bucket_s,
                                 Simulation& out) const {
  auto runs = runtimes(project);
  if (!runs) return std::move(runs).error();
  std::map<std::string, std::int64_t> concurrency;
  Query workers(Table::workers);
  workers.where.eq(worker_col::project_id, project).eq(worker_col::state, "online");
  workers.group(worker_col::engine).fold(Z4J_AGG_SUM, worker_col::concurrency);
  auto done = store_.each(workers, [&](const Row& row) {
    concurrency[std::string(row.text(0))] = row.num(1);
    return true;
  });
  if (!done) return done;

  std::map<std::string, std::vector<RunTurn>> turns;
  std::map<std::string, std::int64_t> without;
  for (SimulatedSchedule& s : out.schedules) {
    if (const auto run = runs->find({s.engine, s.task_name}); run != runs->end())
      s.runtime_ms = run->second / 1000;
  }
  for (const SimulatedFire& f : out.fires) {
    const SimulatedSchedule& s = out.schedules[f.schedule];
    const auto run = runs->find({s.engine, s.task_name});
    const std::int64_t runtime_us = run == runs->end() ? 0 : run->second;
    if (run == runs->end()) ++without[s.engine];
    turns[s.engine].push_back({f.at, 1});
    turns[s.engine].push_back({f.at + runtime_us, -1});
  }
  for (auto& [engine, list] : turns) {
    // What ends makes room for what begins in the same instant, unless it began there itself.
    std::stable_sort(list.begin(), list.end(),
                     [](const RunTurn& a, const RunTurn& b) { return a.at < b.at; });
    LoadBuckets buckets(out.from, out.until, bucket_s * base::kSecondUs);
    for (const RunTurn& turn : list) {
      buckets.go_to(std::min(turn.at, out.until));
      buckets.change(turn.by);
      if (turn.by > 0) buckets.count_fire(turn.at);
    }
    EngineLoad load;
    load.engine = engine;
    load.concurrency = concurrency[engine];
    load.without_runtime = without[engine];
    load.buckets = buckets.taken();
    for (const LoadBucket& b : load.buckets)
      load.peak_running = std::max(load.peak_running, b.peak_running);
    out.load.push_back(std::move(load));
  }
  return {};
}

}  // namespace z4j::core
