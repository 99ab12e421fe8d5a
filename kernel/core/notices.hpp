// What brains on one store tell each other: that something is new, never what. Whoever hears it
// reads the store; a notice that is lost costs time, not truth.
//
// A notice is a step of the commit that it tells of, so it is heard when that has happened, or not
// at all. What people watch (live) is gathered and told a few times a second; nothing is told while
// there is nobody else. Our own notices come back and are dropped.
//
// Threads: thread-safe. start() runs one thread that tells what people watch; tests may call
// tell_live() instead. Handlers are called on the storage driver's threads: quick, no blocking.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"

namespace z4j::core {

class Notices {
 public:
  enum class About {
    live,           // rows that people watch; the body says which
    leases,         // a lease is free, a brain came or went
    requests,       // engine_requests has new rows
    answers,        // one of them is answered; the body says whose
    plugins,        // overrides of plugin instances changed
    agents,         // an agent's connections must end; the body says whose
    messages,       // the outbox has new rows
    subscriptions,  // of notifications: some changed
    schedules,      // some were edited; the body says which, empty: many
    bulk            // a selection, a job or a queue copy waits
  };
  struct Handlers {
    std::function<void(const base::Uuid& project, std::string_view topic)> live;
    std::function<void()> leases, requests, answers, plugins, messages, subscriptions, bulk;
    std::function<void(const base::Uuid& agent)> closed;
    std::function<void(const base::Uuid& schedule)> schedules;  // nil: many
    std::function<void()> missed;  // some may be lost: anything may have changed
  };
  struct Options {
    std::chrono::milliseconds live_every{250};
    std::function<bool()> has_others;  // none: always
  };

  Notices(Store& store, base::Log& log, const base::Uuid& brain, Handlers handlers,
          Options options);
  ~Notices();  // stop()
  Notices(const Notices&) = delete;
  Notices& operator=(const Notices&) = delete;

  // Adds the step that tells all other brains when the commit is done.
  void tell(Commit& commit, About about, std::string_view body = {}) const;
  // A topic of live.hpp; told soon.
  void live(const base::Uuid& project, std::string_view topic);
  // Tells what was gathered, on this thread.
  [[nodiscard]] base::Status tell_live();

  // Begins to hear. Nothing to hear where nobody else can come.
  [[nodiscard]] base::Status start();
  void stop();

  // For the host's callbacks.
  void heard(std::string_view channel, std::string_view payload);
  void gap();

 private:
  using Changes = std::map<base::Uuid, unsigned>;  // LiveTopics
  void hear_live(std::string_view body);
  void run();

  Store& store_;
  base::Log& log_;
  const std::string sender_;
  const Handlers handlers_;
  const Options options_;
  const bool is_shared_;

  std::mutex mutex_;
  std::condition_variable wake_;
  Changes changes_;  // guarded by mutex_, as is the next
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace z4j::core
