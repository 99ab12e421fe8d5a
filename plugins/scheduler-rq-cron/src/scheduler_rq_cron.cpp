// The plugin: reads what `rq cron` tells of itself, and sends its tasks through an engine.
#include <z4j/scheduler.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/calendar/zone.hpp"
#include "lib/json/json.hpp"
#include "lib/rq/redis_setting.hpp"
#include "lib/schedule/health.hpp"
#include "lib/schedule/requests.hpp"
#include "lib/schedule/trigger.hpp"
#include "src/mirror.hpp"
#include "src/schema.hpp"

namespace z4j::rq_cron {
namespace {

constexpr const char* kMostSchedulers = "100";
constexpr std::int64_t kMaxMirrorBytes = 8 << 20;

struct Settings {
  rq::RedisSetting where;
  std::string timezone;
};

Settings read_settings(std::string_view config_json, const Host* host) {
  const json::Value root = json::parse(config_json, 1u << 20);
  const json::Object* config = root.if_object();
  if (config == nullptr) throw Error(Z4J_BAD_CONFIG, "the config must be an object");
  Settings s{rq::read_redis_setting(*config, host),
             std::string(json::text(*config, "timezone", "UTC"))};
  try {
    static_cast<void>(calendar::zone_named(s.timezone));
  } catch (const Error& e) {
    throw Error(Z4J_BAD_CONFIG, e.what(), "/timezone");
  }
  return s;
}

}  // namespace

class SchedulerRqCron {
 public:
  SchedulerRqCron(Host host, std::string_view config)
      : host_(host), config_(config), health_(host), requests_(host) {}
  ~SchedulerRqCron() { stop(0); }
  SchedulerRqCron(const SchedulerRqCron&) = delete;
  SchedulerRqCron& operator=(const SchedulerRqCron&) = delete;

  static void validate(std::string_view config, const z4j_sink& problems) {
    schedule::put_problem(problems, [&] { static_cast<void>(read_settings(config, nullptr)); });
  }

  // Redis need not be there: until it is, the health says why.
  void start() {
    stop(0);
    settings_ = read_settings(config_, &host_);
    redis_ = std::make_unique<redis::Connection>(settings_.where.redis);
    requests_.start(
        [this] { health_.watch_quietly([this] { static_cast<void>(read_schedulers()); }); });
  }
  void stop(std::uint32_t) {
    requests_.stop([this] {
      if (redis_) redis_->interrupt();
    });
  }

  std::uint64_t capabilities() const {
    return Z4J_SCHED_READ | Z4J_SCHED_TRIGGER | Z4J_SCHED_CRON | Z4J_SCHED_INTERVAL;
  }

  void list(Op& op, std::string_view page_json) {
    schedule::Page page = schedule::read_page(page_json);
    requests_.add(op, [this, page = std::move(page)](Op& o) {
      std::vector<schedule::Schedule> items;
      std::optional<std::string> next;
      for (schedule::Schedule& s : read()) {
        const bool is_asked =
            page.ids.empty() ? page.cursor.empty() || s.name > page.cursor
                             : std::find(page.ids.begin(), page.ids.end(), s.id) != page.ids.end();
        if (!is_asked) continue;
        if (items.size() == page.limit) {
          next = items.back().name;
          break;
        }
        items.push_back(std::move(s));
      }
      o.ok(json::write(schedule::page_answer(items, next)));
    });
  }
  void put(Op&, std::string_view, std::string_view) { refuse_change(); }
  void remove(Op&, std::string_view, std::string_view) { refuse_change(); }
  void trigger(Op& op, std::string_view id) {
    requests_.add(op, [this, id = std::string(id)](Op& o) {
      for (const schedule::Schedule& s : read()) {
        if (s.id != id) continue;
        if (const std::string why = obstacle(s); !why.empty())
          return schedule::refuse_trigger(o, why);
        return schedule::submit(o, host_, s);
      }
      throw Error(Z4J_NOT_FOUND, "rq cron has no such schedule now");
    });
  }
  std::uint32_t preview(std::string_view schedule_json, std::int64_t from_us, std::int64_t* out,
                        std::uint32_t most) const {
    const std::vector<std::int64_t> times = rq_cron::preview(schedule_json, from_us, most);
    std::copy(times.begin(), times.end(), out);
    return static_cast<std::uint32_t>(times.size());
  }

 private:
  [[noreturn]] static void refuse_change() {
    throw Error(Z4J_DENIED, "declared_in_code: schedules of rq cron stand in its config file");
  }

  std::vector<schedule::Schedule> read() {
    std::vector<schedule::Schedule> out;
    health_.watch([&] { out = schedules_of(read_schedulers(), settings_.timezone); });
    return out;
  }

  // Those that live, the one heard of last first.
  std::vector<CronScheduler> read_schedulers() {
    const std::string& prefix = settings_.where.keys.prefix;
    const redis::Reply names =
        redis_->command({"ZREVRANGE", prefix + "cron_schedulers", "0", kMostSchedulers});
    std::vector<redis::Args> sizes, fields;
    for (const redis::Reply& name : names.items) {
      const std::string key = prefix + "cron_scheduler:" + name.text;
      sizes.push_back({"HSTRLEN", key, "cron_jobs"});
      fields.push_back({"HMGET", key, "name", "config_file", "cron_jobs"});
    }
    for (const redis::Reply& size : redis_->pipeline(sizes)) {
      if (size.integer > kMaxMirrorBytes)
        throw Error(Z4J_TOO_LARGE, "the jobs of an rq cron take more than 8 MiB");
    }
    std::vector<CronScheduler> out;
    for (const redis::Reply& hash : redis_->pipeline(fields)) {
      // An rq cron that ended without a word leaves its name for a while.
      if (hash.items.size() != 3 || hash.items[0].is_nil()) continue;
      out.push_back({hash.items[0].text, hash.items[1].text, hash.items[2].text});
    }
    return out;
  }

  Host host_;
  std::string config_;
  Settings settings_;
  std::unique_ptr<redis::Connection> redis_;
  schedule::HealthVoice health_;  // of the thread of requests
  schedule::RequestThread requests_;
};

}  // namespace z4j::rq_cron

Z4J_SCHEDULER_PLUGIN(z4j::rq_cron::SchedulerRqCron, "org.z4j.scheduler-rq-cron", "0.1.0", "RQ cron",
                     "Shows the schedules of rq cron as it tells them, and runs them now.",
                     "rq-cron", Z4J_SCHEDULER_RQ_CRON_SCHEMA, Z4J_SERVICE_SUBMIT)
