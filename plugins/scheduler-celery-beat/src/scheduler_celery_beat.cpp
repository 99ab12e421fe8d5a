// The plugin: owns the settings, the store and the thread that asks it.
#include <z4j/scheduler.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/json/json.hpp"
#include "lib/schedule/requests.hpp"
#include "lib/schedule/store_health.hpp"
#include "lib/schedule/trigger.hpp"
#include "src/django_store.hpp"
#include "src/persistent_store.hpp"
#include "src/redbeat_store.hpp"
#include "src/schema.hpp"
#include "src/settings.hpp"
#include "src/store.hpp"
#include "src/timing.hpp"

namespace z4j::celery_beat {
namespace {

std::unique_ptr<Store> make_store(const Settings& settings) {
  switch (settings.store) {
    case StoreKind::redbeat:
      return std::make_unique<RedbeatStore>(settings);
    case StoreKind::persistent:
      return std::make_unique<PersistentStore>(settings);
    default:
      return std::make_unique<DjangoStore>(settings);
  }
}

std::uint64_t abilities(StoreKind kind) {
  constexpr std::uint64_t kAlways =
      Z4J_SCHED_READ | Z4J_SCHED_TRIGGER | Z4J_SCHED_CRON | Z4J_SCHED_INTERVAL;
  constexpr std::uint64_t kWrites = Z4J_SCHED_WRITE | Z4J_SCHED_PAUSE;
  switch (kind) {
    case StoreKind::redbeat:
      return kAlways | kWrites;
    case StoreKind::persistent:
      return kAlways | Z4J_SCHED_SOLAR;
    default:
      return kAlways | kWrites | Z4J_SCHED_ONCE | Z4J_SCHED_SOLAR | Z4J_SCHED_TIMEZONE;
  }
}

}  // namespace

class SchedulerCeleryBeat {
 public:
  SchedulerCeleryBeat(Host host, std::string_view config)
      : host_(host), config_(config), health_(host), requests_(host) {}
  ~SchedulerCeleryBeat() { stop(0); }
  SchedulerCeleryBeat(const SchedulerCeleryBeat&) = delete;
  SchedulerCeleryBeat& operator=(const SchedulerCeleryBeat&) = delete;

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
    const Settings settings = read_settings(config_, &host_);
    abilities_ = abilities(settings.store);
    store_ = make_store(settings);
    requests_.start([this] {
      try {
        look([this] { static_cast<void>(store_->list(schedule::Page{1, {}, {}, false})); });
      } catch (const Error&) {  // told already
      }
    });
  }
  void stop(std::uint32_t) {
    requests_.stop([this] {
      if (store_) store_->interrupt();
    });
  }

  std::uint64_t capabilities() const { return abilities_; }

  void list(Op& op, std::string_view page_json) {
    schedule::Page page = schedule::read_page(page_json);
    requests_.add(op, [this, page = std::move(page)](Op& o) {
      Listing listing;
      look([&] { listing = store_->list(page); });
      o.ok(json::write(schedule::page_answer(listing.items, listing.next)));
    });
  }
  void put(Op& op, std::string_view schedule_json, std::string_view etag) {
    must_write();
    Wanted wanted = schedule::read_wanted(schedule_json);
    requests_.add(op, [this, wanted = std::move(wanted), etag = std::string(etag)](Op& o) {
      Schedule made;
      change([&] { made = store_->put(wanted, etag); });
      o.ok(json::write(json::Object{{"schedule", schedule::to_json(made)}}));
    });
  }
  void remove(Op& op, std::string_view id, std::string_view etag) {
    must_write();
    requests_.add(op, [this, id = std::string(id), etag = std::string(etag)](Op& o) {
      change([&] { store_->remove(id, etag); });
      o.ok("{}");
    });
  }
  void trigger(Op& op, std::string_view id) {
    requests_.add(op, [this, id = std::string(id)](Op& o) {
      Schedule s;
      look([&] { s = store_->read(id); });
      if (s.options.contains("problem"))
        return schedule::refuse_trigger(
            o, "beat can't make sense of it: " + std::string(json::text(s.options, "problem")));
      const bool is_routed = s.queue.empty() && (!json::text(s.options, "exchange").empty() ||
                                                 !json::text(s.options, "routing_key").empty());
      if (is_routed)
        return schedule::refuse_trigger(
            o,
            "it goes through an exchange or a routing key, which only beat knows: give it a queue");
      schedule::submit(o, host_, s);
    });
  }

  std::uint32_t preview(std::string_view schedule_json, std::int64_t from_us, std::int64_t* out,
                        std::uint32_t most) const {
    const std::vector<std::int64_t> times = next_times(read_timing(schedule_json), from_us, most);
    std::copy(times.begin(), times.end(), out);
    return static_cast<std::uint32_t>(times.size());
  }

 private:
  // As the kernel has it, runs included.
  static Schedule read_timing(std::string_view schedule_json) {
    const Wanted w = schedule::read_wanted(schedule_json);
    Schedule s;
    s.kind = w.kind.value_or(std::string());
    s.expression = w.expression.value_or(std::string());
    s.timezone = w.timezone.value_or("UTC");
    s.options = w.options.value_or(json::Object());
    if (w.starts_at) s.starts_at = *w.starts_at;
    if (w.ends_at) s.ends_at = *w.ends_at;
    const json::Value root = json::parse(schedule_json, 1u << 20);
    if (const double last = json::number(root.get_object(), "last_run_at", -1);
        last > 0 && last < 1e12)
      s.last_run_at = last;
    check_timing(s.kind, s.expression, s.timezone);
    return s;
  }

  void must_write() const {
    if ((abilities_ & Z4J_SCHED_WRITE) == 0) throw Error(Z4J_DENIED, PersistentStore::kReason);
  }

  template <class F>
  void look(F&& run) {
    health_.watch_look(run, [this] { return store_->worry(); });
  }
  template <class F>
  void change(F&& run) {
    health_.watch(run, [this] { return store_->worry(); });
  }

  Host host_;
  std::string config_;
  std::uint64_t abilities_ = 0;
  std::unique_ptr<Store> store_;
  schedule::StoreHealth health_;  // of the thread of requests
  schedule::RequestThread requests_;
};

}  // namespace z4j::celery_beat

Z4J_SCHEDULER_PLUGIN(z4j::celery_beat::SchedulerCeleryBeat, "org.z4j.scheduler-celery-beat",
                     "0.1.0", "Celery beat",
                     "Shows and edits the schedules of celery beat where it keeps them: "
                     "django-celery-beat, RedBeat, or its own file.",
                     "celery-beat", Z4J_SCHEDULER_CELERY_BEAT_SCHEMA, "")
