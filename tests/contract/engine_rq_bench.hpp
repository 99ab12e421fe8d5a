// What the contract test of engine-rq stands on: a real Redis, real RQ workers, and the plugin
// loaded through the plugin host, with everything it says kept. Test programs only.
#pragma once

#include <chrono>
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

namespace z4j::rq_contract {

namespace json = base::json;

struct ToldEvent {
  std::uint16_t kind = 0;
  std::int64_t time_us = 0, heard_us = 0, runtime_us = -1;
  std::uint32_t attempt = 0;
  std::string task_id, task, queue, worker;
  json::Object attrs;
};

// What the plugin told, thread-safe; waits end at a deadline.
class Told {
 public:
  void add(const z4j_event_batch& batch);
  void set_health(plugin::Health health, std::string why);

  [[nodiscard]] std::vector<ToldEvent> of(const std::string& task_id) const;
  [[nodiscard]] std::vector<ToldEvent> all() const;
  // "sent started succeeded" of one job.
  [[nodiscard]] std::string story(const std::string& task_id) const;
  [[nodiscard]] bool wait_for(
      const std::function<bool(const std::vector<ToldEvent>&)>& condition) const;
  [[nodiscard]] bool wait_for_story(const std::string& task_id, const std::string& story) const;
  [[nodiscard]] bool wait_for_health(plugin::Health health, const std::string& part_of_why) const;
  [[nodiscard]] std::string health_why() const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<ToldEvent> events_;  // guarded by mutex_
  plugin::Health health_ = plugin::Health::ok;
  bool has_health_ = false;
  std::string why_;
};

class Bench {
 public:
  explicit Bench(std::vector<std::string> redis_arguments = {});
  ~Bench();

  redis::testing::RedisServer redis;
  Told told;

  // Starts (again) the plugin; `url` "" is the bench's Redis.
  void start_plugin(const std::string& url = {});
  void stop_plugin();
  void start_worker(const std::string& name, const std::vector<std::string>& queues);
  void stop_worker(const std::string& name, int signal);

  // Answers the new job's id.
  std::string enqueue(const std::string& queue, const std::string& function,
                      const std::string& args_json, const std::string& options_json = "{}");
  // Of the RQ that works here, "1.13.0".
  [[nodiscard]] const std::string& version();
  json::Object command(std::uint64_t verb, const std::string& target, const std::string& args_json);
  json::Object snapshot(const std::string& what, const std::string& page_json);
  // Lines of the workers' log that are this text.
  [[nodiscard]] int runs(const std::string& line) const;
  [[nodiscard]] bool wait_for_runs(const std::string& line, int times) const;
  [[nodiscard]] std::string log_of_plugin() const;

 private:
  [[nodiscard]] std::vector<std::string> environment() const;
  // What the program of the jobs prints, one word.
  std::string ask(std::vector<std::string> words);

  std::string folder_, version_;
  base::SystemClock clock_;
  mutable std::mutex log_mutex_;
  std::string log_text_;  // guarded by log_mutex_
  std::unique_ptr<base::Log> log_;
  std::unique_ptr<plugin::Host> host_;
  std::map<std::string, std::unique_ptr<redis::testing::Child>> workers_;
};

// Polls until it holds, 30 s at most.
[[nodiscard]] bool eventually(const std::function<bool()>& condition);

// Members of answers; "", -1 and false when there is none of that type.
[[nodiscard]] std::string text(const json::Object& o, std::string_view key);
[[nodiscard]] std::int64_t number(const json::Object& o, std::string_view key);
[[nodiscard]] bool flag(const json::Object& o, std::string_view key);
[[nodiscard]] std::string shown(const json::Object& o);

}  // namespace z4j::rq_contract
