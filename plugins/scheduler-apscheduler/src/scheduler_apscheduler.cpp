// The plugin: owns the settings, the job store and the thread that asks it.
#include <z4j/scheduler.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/json/json.hpp"
#include "lib/schedule/requests.hpp"
#include "lib/schedule/schedule.hpp"
#include "lib/schedule/store_health.hpp"
#include "lib/schedule/trigger.hpp"
#include "src/job.hpp"
#include "src/job_stores.hpp"
#include "src/schema.hpp"
#include "src/settings.hpp"

namespace z4j::apscheduler {

class SchedulerApscheduler {
 public:
  SchedulerApscheduler(Host host, std::string_view config)
      : host_(host), config_(config), health_(host), requests_(host) {}
  ~SchedulerApscheduler() { stop(0); }
  SchedulerApscheduler(const SchedulerApscheduler&) = delete;
  SchedulerApscheduler& operator=(const SchedulerApscheduler&) = delete;

  static void validate(std::string_view config, const z4j_sink& problems) {
    try {
      static_cast<void>(read_settings(config, nullptr));
    } catch (const Error& e) {
      const std::string problem = json::write(json::Object{{"at", e.where}, {"message", e.what()}});
      problems.put(problems.ctx, str(problem));
    }
  }

  // The store need not be there: until it is, the health says why.
  void start() {
    stop(0);
    store_ = make_job_store(read_settings(config_, &host_));
    requests_.start();
  }
  void stop(std::uint32_t) {
    requests_.stop([this] {
      if (store_) store_->interrupt();
    });
  }

  // WRITE: jobs can be removed; each says that the rest can't be done.
  std::uint64_t capabilities() const {
    return Z4J_SCHED_READ | Z4J_SCHED_WRITE | Z4J_SCHED_CRON | Z4J_SCHED_INTERVAL | Z4J_SCHED_ONCE |
           Z4J_SCHED_TIMEZONE;
  }

  void list(Op& op, std::string_view page_json) {
    schedule::Page page = schedule::read_page(page_json);
    requests_.add(op, [this, page = std::move(page)](Op& o) {
      std::optional<std::string> next;
      std::vector<schedule::Schedule> items;
      health_.watch_look(
          [&] {
            for (const StoredJob& job : page.ids.empty()
                                            ? store_->after(page.cursor, page.limit, next)
                                            : store_->of(page.ids))
              items.push_back(shown(job));
          },
          no_worry);
      o.ok(json::write(schedule::page_answer(items, next)));
    });
  }

  void put(Op&, std::string_view, std::string_view) {
    throw Error(Z4J_DENIED,
                "opaque_payload: a job's state is a pickle of the application's objects, which "
                "can't be made safely from outside");
  }

  void remove(Op& op, std::string_view id, std::string_view etag) {
    requests_.add(op, [this, id = std::string(id), etag = std::string(etag)](Op& o) {
      health_.watch([&] { remove_job(id, etag); }, no_worry);
      o.ok("{}");
    });
  }

  void trigger(Op& op, std::string_view) {
    schedule::refuse_trigger(
        op, "its function runs inside the scheduler's own process: nobody else can run it");
  }

  std::uint32_t preview(std::string_view schedule_json, std::int64_t from_us, std::int64_t* out,
                        std::uint32_t most) const {
    const schedule::Wanted w = schedule::read_wanted(schedule_json);
    schedule::Schedule s;
    s.kind = w.kind.value_or(std::string());
    s.expression = w.expression.value_or(std::string());
    s.timezone = w.timezone.value_or("UTC");
    s.options = w.options.value_or(json::Object());
    if (w.starts_at) s.starts_at = *w.starts_at;
    if (w.ends_at) s.ends_at = *w.ends_at;
    const std::vector<std::int64_t> times = next_times(s, from_us, most);
    std::copy(times.begin(), times.end(), out);
    return static_cast<std::uint32_t>(times.size());
  }

 private:
  static schedule::Schedule shown(const StoredJob& job) {
    return read_job(job.id, job.state, job.next_run_at);
  }

  void remove_job(const std::string& id, const std::string& etag) {
    constexpr int kTries = 5;
    for (int i = 0; i < kTries; ++i) {
      const std::vector<StoredJob> found = store_->of({id});
      if (found.empty()) throw Error(Z4J_NOT_FOUND, "there is no job with this id any more");
      if (schedule::etag_of(shown(found[0])) != etag)
        throw Error(Z4J_CONFLICT, "somebody changed this job since it was read");
      if (store_->remove(found[0])) return;  // else it ran in between
    }
    throw Error(Z4J_BUSY, "the job runs all the time", {}, 500);
  }

  static std::string no_worry() { return {}; }

  Host host_;
  std::string config_;
  std::unique_ptr<JobStore> store_;
  schedule::StoreHealth health_;  // of the thread of requests
  schedule::RequestThread requests_;
};

}  // namespace z4j::apscheduler

Z4J_SCHEDULER_PLUGIN(
    z4j::apscheduler::SchedulerApscheduler, "org.z4j.scheduler-apscheduler", "0.1.0", "APScheduler",
    "Shows the jobs of APScheduler 3 in Redis, SQLite or PostgreSQL, and deletes them.",
    "apscheduler", Z4J_SCHEDULER_APSCHEDULER_SCHEMA, "")
