// The plugin: owns the settings, the store and the thread that asks it.
#include <z4j/scheduler.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/json/json.hpp"
#include "lib/schedule/requests.hpp"
#include "lib/schedule/schedule.hpp"
#include "src/schema.hpp"
#include "src/settings.hpp"
#include "src/store.hpp"
#include "src/timing.hpp"

namespace z4j::rq_scheduler {

class SchedulerRqScheduler {
 public:
  SchedulerRqScheduler(Host host, std::string_view config)
      : host_(host), config_(config), requests_(host) {}
  ~SchedulerRqScheduler() { stop(0); }
  SchedulerRqScheduler(const SchedulerRqScheduler&) = delete;
  SchedulerRqScheduler& operator=(const SchedulerRqScheduler&) = delete;

  static void validate(std::string_view config, const z4j_sink& problems) {
    try {
      static_cast<void>(read_settings(config, nullptr));
    } catch (const Error& e) {
      const std::string problem = json::write(json::Object{{"at", e.where}, {"message", e.what()}});
      problems.put(problems.ctx, str(problem));
    }
  }

  // Redis need not be there: until it is, the health says why.
  void start() {
    stop(0);
    store_ = std::make_unique<Store>(read_settings(config_, &host_));
    requests_.start([this] {
      try {
        watch_health([this] { static_cast<void>(store_->list(schedule::Page{1, {}, {}, false})); });
      } catch (const std::exception&) {
        // The health tells it.
      }
    });
  }
  void stop(std::uint32_t) {
    requests_.stop([this] {
      if (store_) store_->interrupt();
    });
  }

  std::uint64_t capabilities() const {
    return Z4J_SCHED_READ | Z4J_SCHED_WRITE | Z4J_SCHED_TRIGGER | Z4J_SCHED_PAUSE | Z4J_SCHED_CRON |
           Z4J_SCHED_INTERVAL | Z4J_SCHED_ONCE;
  }

  void list(Op& op, std::string_view page_json) {
    schedule::Page page = schedule::read_page(page_json);
    ask(op, [this, page = std::move(page)](Op& o) {
      const Store::Listing listing = store_->list(page);
      json::Array items;
      for (const schedule::Schedule& s : listing.items) items.emplace_back(json_of(s));
      json::Object answer;
      answer["items"] = std::move(items);
      answer["next"] = listing.next ? json::Value(*listing.next) : json::Value(nullptr);
      o.ok(json::write(answer));
    });
  }
  void put(Op& op, std::string_view schedule_json, std::string_view etag) {
    schedule::Wanted wanted = schedule::read_wanted(schedule_json);
    ask(op, [this, wanted = std::move(wanted), etag = std::string(etag)](Op& o) {
      o.ok(json::write(json::Object{{"schedule", json_of(store_->put(wanted, etag))}}));
    });
  }
  void remove(Op& op, std::string_view id, std::string_view etag) {
    ask(op, [this, id = std::string(id), etag = std::string(etag)](Op& o) {
      store_->remove(id, etag);
      o.ok("{}");
    });
  }
  void trigger(Op& op, std::string_view id) {
    ask(op, [this, id = std::string(id)](Op& o) { o.ok(json::write(store_->trigger(id))); });
  }
  std::uint32_t preview(std::string_view schedule_json, std::int64_t from_us, std::int64_t* out,
                        std::uint32_t most) const {
    const std::vector<std::int64_t> times = rq_scheduler::preview(schedule_json, from_us, most);
    std::copy(times.begin(), times.end(), out);
    return static_cast<std::uint32_t>(times.size());
  }

 private:
  void ask(Op& op, schedule::RequestThread::Run run) {
    requests_.add(op, [this, run = std::move(run)](Op& o) { watch_health([&] { run(o); }); });
  }
  // Runs it, and tells whether Redis was there.
  template <class F>
  void watch_health(F&& run) {
    try {
      run();
      tell(Z4J_HEALTH_OK, "");
    } catch (const Error& e) {
      if (e.code >= Z4J_BUSY || e.code == Z4J_DENIED || e.code == Z4J_BAD_CONFIG)
        tell(Z4J_HEALTH_DEGRADED, std::string("backend_offline: ") + e.what());
      throw;
    }
  }
  void tell(std::int32_t state, const std::string& why) {
    if (state == told_state_ && why == told_why_) return;
    told_state_ = state;
    told_why_ = why;
    host_.health(state, why);
  }

  Host host_;
  std::string config_;
  std::unique_ptr<Store> store_;
  std::int32_t told_state_ = -1;  // of the thread of requests
  std::string told_why_;
  schedule::RequestThread requests_;
};

}  // namespace z4j::rq_scheduler

Z4J_SCHEDULER_PLUGIN(z4j::rq_scheduler::SchedulerRqScheduler, "org.z4j.scheduler-rq-scheduler",
                     "0.1.0", "rq-scheduler",
                     "Shows and edits the schedules of rq-scheduler where it keeps them.",
                     "rq-scheduler", Z4J_SCHEDULER_RQ_SCHEDULER_SCHEMA, "")
