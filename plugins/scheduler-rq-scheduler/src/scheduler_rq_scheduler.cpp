// The plugin: owns the settings, the store and the thread that asks it.
#include <z4j/scheduler.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/json/json.hpp"
#include "lib/schedule/health.hpp"
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
      : host_(host), config_(config), health_(host), requests_(host) {}
  ~SchedulerRqScheduler() { stop(0); }
  SchedulerRqScheduler(const SchedulerRqScheduler&) = delete;
  SchedulerRqScheduler& operator=(const SchedulerRqScheduler&) = delete;

  static void validate(std::string_view config, const z4j_sink& problems) {
    schedule::put_problem(problems, [&] { static_cast<void>(read_settings(config, nullptr)); });
  }

  // Redis need not be there: until it is, the health says why.
  void start() {
    stop(0);
    store_ = std::make_unique<Store>(read_settings(config_, &host_));
    requests_.start([this] {
      health_.watch_quietly([this] {
        static_cast<void>(store_->list(schedule::Page{1, {}, {}, false}));
      });
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
      o.ok(json::write(schedule::page_answer(listing.items, listing.next)));
    });
  }
  void put(Op& op, std::string_view schedule_json, std::string_view etag) {
    schedule::Wanted wanted = schedule::read_wanted(schedule_json);
    const json::Value root = json::parse(schedule_json, 1u << 20);
    if (json::text(root.get_object(), "engine", "rq") != "rq")
      schedule::invalid("rq-scheduler has tasks of RQ only", "/engine");
    ask(
        op,
        [this, wanted = std::move(wanted), etag = std::string(etag)](Op& o) {
          const schedule::Schedule made = store_->put(wanted, etag);
          o.ok(json::write(json::Object{{"schedule", schedule::to_json(made)}}));
        },
        Denied::by_plugin);
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
  using Denied = schedule::HealthVoice::Denied;
  void ask(Op& op, schedule::RequestThread::Run run, Denied denied = Denied::by_store) {
    requests_.add(op, [this, denied, run = std::move(run)](Op& o) {
      health_.watch([&] { run(o); }, denied);
    });
  }

  Host host_;
  std::string config_;
  std::unique_ptr<Store> store_;
  schedule::HealthVoice health_;  // of the thread of requests
  schedule::RequestThread requests_;
};

}  // namespace z4j::rq_scheduler

Z4J_SCHEDULER_PLUGIN(z4j::rq_scheduler::SchedulerRqScheduler, "org.z4j.scheduler-rq-scheduler",
                     "0.1.0", "rq-scheduler",
                     "Shows and edits the schedules of rq-scheduler where it keeps them.",
                     "rq-scheduler", Z4J_SCHEDULER_RQ_SCHEDULER_SCHEMA, "")
