// Runs commands and snapshots one after another on connections of its own.
#pragma once

#include "src/actions.hpp"
#include "src/emitter.hpp"
#include "src/lines.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"
#include "src/snapshots.hpp"
#include "src/worker_facts.hpp"

#include <z4j/plugin.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace z4j::engine_celery {

class WorkerThread {
 public:
  WorkerThread(const Settings& settings, Shared& shared, Emitter& emitter)
      : lines_(settings),
        snapshots_(settings, lines_, shared, facts_),
        actions_(settings, lines_, shared, emitter, facts_),
        capabilities_(capabilities_with(*lines_.broker)) {}
  ~WorkerThread() { stop(); }

  void start();
  void stop();  // what still waits is answered: cancelled
  // What this broker lets Celery do, as capability bits. Any thread.
  [[nodiscard]] std::uint64_t capabilities() const noexcept { return capabilities_; }
  // Any thread. Answered with Z4J_BUSY when too much waits. `verb` 0: a snapshot of `target`.
  void add(Op op, std::uint64_t verb, std::string_view target, std::string_view text);

 private:
  struct Job {
    Op op;
    std::uint64_t verb;
    std::string target, text;
  };
  static constexpr std::size_t kMaxJobs = 500;
  static std::uint64_t capabilities_with(const celery::Transport& broker);
  void run();
  void work(Job& job);

  Lines lines_;
  WorkerFacts facts_;
  Snapshots snapshots_;
  Actions actions_;
  const std::uint64_t capabilities_;
  std::thread thread_;
  Ending ending_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = true;
};

}  // namespace z4j::engine_celery
