// What the contract test of engine-celery stands on: a real Redis, real Celery workers, and the
// plugin loaded through the plugin host, with everything it says kept. Test programs only.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "lib/redis/testing/redis_server.hpp"
#include "plugin/host.hpp"

namespace z4j::celery_contract {

namespace json = base::json;

struct ToldEvent {
  std::uint16_t kind = 0;
  std::int64_t time_us = 0, runtime_us = -1;
  std::uint32_t attempt = 0;
  std::string task_id, task, queue, worker;
  bool rebuilt = false;
  json::Object attrs;
};

// What the plugin told, thread-safe; waits end at a deadline.
class Told {
 public:
  void add(const z4j_event_batch& batch);
  void set_health(plugin::Health health, std::string why);
  // While set, nothing is taken.
  void refuse(bool busy);
  [[nodiscard]] bool busy() const;

  [[nodiscard]] std::vector<ToldEvent> of(const std::string& task_id) const;
  [[nodiscard]] std::vector<ToldEvent> live(
      const std::string& task_id) const;  // without rebuilt ones
  [[nodiscard]] std::vector<ToldEvent> all() const;
  // "received started succeeded" of one task, live events only.
  [[nodiscard]] std::string story(const std::string& task_id) const;
  // The first event of that kind about the task, live or rebuilt; waits for it.
  [[nodiscard]] ToldEvent wait_for_kind(const std::string& task_id, std::uint16_t kind) const;
  [[nodiscard]] bool wait_for_health(plugin::Health health, const std::string& part_of_why) const;
  [[nodiscard]] std::string health_why() const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<ToldEvent> events_;  // guarded by mutex_
  plugin::Health health_ = plugin::Health::ok;
  bool has_health_ = false, busy_ = false;
  std::string why_;
};

class Bench {
 public:
  explicit Bench(std::vector<std::string> environment = {},
                 std::vector<std::string> redis_arguments = {});
  ~Bench();

  redis::testing::RedisServer redis;
  Told told;

  // Starts (again) the plugin; `url` "" is the bench's Redis.
  void start_plugin(const json::Object& settings = {}, const std::string& url = {});
  void stop_plugin();
  // Returns when the worker is ready.
  void start_worker(const std::string& name, const std::string& queues = "celery,other",
                    const std::string& concurrency = "2");
  // With options of its own instead of queues and concurrency, like {"-P", "threads"}.
  void start_worker_with(const std::string& name, const std::vector<std::string>& options);
  void stop_worker(const std::string& name, int signal);
  void signal_worker(const std::string& name, int signal) const;
  // It ended by itself; its process is still there to be stopped.
  [[nodiscard]] bool has_ended(const std::string& name) const;
  // Until task events of the workers arrive live.
  [[nodiscard]] bool wait_for_live_events();

  // A list like [{"task": "add", "args": [1, 2]}]; answers the ids.
  std::vector<std::string> send(const std::string& jobs_json);
  json::Object command(std::uint64_t verb, const std::string& target, const std::string& args_json);
  json::Object snapshot(const std::string& what, const std::string& page_json = "{}");
  // Lines of the workers' run log that are this text.
  [[nodiscard]] int runs(const std::string& line) const;
  [[nodiscard]] bool wait_for_runs(const std::string& line, int times) const;
  [[nodiscard]] std::string log_of_plugin() const;
  [[nodiscard]] std::string log_of_worker(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, double>& metrics() const { return metrics_; }

 private:
  [[nodiscard]] std::vector<std::string> environment() const;

  std::string folder_;
  std::vector<std::string> more_environment_;
  base::SystemClock clock_;
  mutable std::mutex log_mutex_;
  std::string log_text_;                   // guarded by log_mutex_
  std::map<std::string, double> metrics_;  // guarded by log_mutex_ while the plugin runs
  std::unique_ptr<base::Log> log_;
  std::unique_ptr<plugin::Host> host_;
  std::map<std::string, std::unique_ptr<redis::testing::Child>> workers_;
};

// Polls until it holds, 40 s at most.
[[nodiscard]] bool eventually(const std::function<bool()>& condition);

}  // namespace z4j::celery_contract
