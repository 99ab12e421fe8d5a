// What is asked of workers themselves. Each answer is checked: `done` is said only when the worker
// then shows the new value, `refused` when nothing was changed.
#pragma once

#include "src/lines.hpp"
#include "src/shared.hpp"
#include "src/worker_facts.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::engine_celery {

// One thread.
class WorkerControl {
 public:
  WorkerControl(Lines& lines, Shared& shared, WorkerFacts& facts)
      : lines_(lines), shared_(shared), facts_(facts) {}

  // Whether this verb is one of these.
  [[nodiscard]] static bool has(std::uint64_t verb);
  // `remaining_ms` bounds the wait for a confirmation.
  [[nodiscard]] json::Object run(std::uint64_t verb, std::string_view target,
                                 const json::Object& args, std::int64_t remaining_ms);

 private:
  using Names = std::vector<std::string>;
  using QueuesOf = std::map<std::string, std::set<std::string>>;  // by worker
  // What became of it at each worker: "" where it is as wished, otherwise why not.
  using Words = std::map<std::string, std::string>;
  // How one worker took what it was told.
  struct Said {
    bool answered = false;
    std::string error;  // "" when it agreed
  };

  json::Object pool(const std::string& worker, const json::Object& args);
  json::Object resize(const std::string& worker, std::int64_t delta);
  json::Object add_consumer(const std::string& worker, const std::string& queue);
  json::Object cancel_consumer(const std::string& worker, const std::string& queue);
  json::Object limit_rate(const std::string& task, const json::Object& args);
  json::Object limit_time(const std::string& task, const json::Object& args);
  json::Object set_autoscale(const std::string& worker, const json::Object& args);
  json::Object restart(const std::string& worker);
  json::Object shut_down(const std::string& worker);
  json::Object pause(const std::string& queue, const json::Object& args);
  json::Object resume(const std::string& queue, const json::Object& args);

  celery::Control::Asked ask(const celery::Control::Call& call, const Names& workers,
                             int timeout_ms);
  // Of one worker, now; nothing when it does not answer.
  std::optional<json::Object> stats(const std::string& worker);
  QueuesOf queues_read(const Names& workers);
  // By worker what stands behind this task's name in its register: "rate_limit=10/m".
  std::map<std::string, std::map<std::string, std::string>> attributes(const std::string& task,
                                                                       const json::Array& wanted,
                                                                       const Names& workers);
  std::map<std::string, Said> tell(const std::string& method, const json::Object& arguments,
                                   const Names& workers, int timeout_ms = kAskMs);
  // How telling went, as far as it tells already.
  static Words words(const std::map<std::string, Said>& said);
  // Tells every worker to stop (or begin) reading these, and looks whether it did.
  enum class Reading { stops, begins };
  Words change_reading(const QueuesOf& queues_of, Reading reading);
  // Asks again until it holds or the time is up.
  bool see(const std::function<bool()>& holds);
  // Those that know the task; empty with the reason.
  Names workers_with(const std::string& task, const std::string& only, std::string& why_none);

  Lines& lines_;
  Shared& shared_;
  WorkerFacts& facts_;
  std::chrono::steady_clock::time_point end_;  // of the wait for a confirmation
};

}  // namespace z4j::engine_celery
