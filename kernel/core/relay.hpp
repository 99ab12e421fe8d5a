// The ways to all engines of a project, wherever they run: this brain's own, and by way of the
// store those of other brains.
//
// A request to another brain is a row of engine_requests. The brain that holds the agent claims it
// in one commit, which also wants its lease, so a request is carried out at most once, and not by a
// brain that only believes it holds the agent. A command's row goes from pending to dispatched in
// that commit, and the claimer stores the outcome; the answers to others come back in the row. What
// nobody claims in time was not sent. Notices make it quick; looking every now and then makes it
// sure.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead. Answers come on it,
// or on those of the engines.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/held_agents.hpp"
#include "core/notices.hpp"
#include "core/store.hpp"

namespace z4j::core {

class Relay final : public EngineRoutes {
 public:
  struct Options {
    base::Uuid brain;
    std::size_t max_waiting = 1000;  // own requests without an answer
  };
  // Carries out a command that was claimed or can't be: claims it with the steps of `claim` in
  // front.
  using TakeCommand = std::function<base::Status(const HandedCommand&, Commit claim)>;

  Relay(HeldAgents& agents, Store& store, Notices& notices, const base::Clock& clock,
        base::Log& log, Options options);
  ~Relay() override;  // stop()
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  [[nodiscard]] std::vector<EngineRoute> routes(const base::Uuid& project) override;
  void command(const base::Uuid& agent_id, const std::string& engine, std::uint64_t verb,
               std::string target, std::string args_json, int deadline_ms,
               plugin::Answer answer) override;
  void command_of(const base::Uuid& id, const base::Uuid& agent_id, const std::string& engine,
                  std::uint64_t verb, std::string target, std::string args_json, int deadline_ms,
                  plugin::Answer answer) override;
  void hand_over(Commit& commit, const HandedCommand& command, int expires_in_ms) override;
  void hand_over_all(Commit& commit, const std::vector<HandedCommand>& commands,
                     int expires_in_ms) override;
  void claim(Commit& commit, const base::Uuid& agent_id, const base::Uuid& command) override;
  [[nodiscard]] base::Result<std::vector<HandedCommand>> waiting() override;

  // As HeldAgents::read(), whoever holds the agent.
  void read(const base::Uuid& agent_id, std::string_view what, std::string page_json,
            int deadline_ms, plugin::Answer answer);

  // Who carries out commands that other brains handed over. Set before start().
  void on_command(TakeCommand take) { take_command_ = std::move(take); }

  void start();
  // Own requests that wait are answered: unknown.
  void stop();
  // One look at requests and answers. True when there was something.
  bool work();
  // There may be requests for agents of this brain.
  void look_for_requests();
  // There may be answers to own requests.
  void look_for_answers();

 private:
  struct Waiting {
    plugin::Answer answer;
    std::int64_t until_ms = 0;
    bool is_harmless = false;  // may as well have happened
  };
  struct Request;
  struct Inbox;  // answers of engines; outlives this object while they owe some

  void ask(const base::Uuid& agent_id, const std::string& engine, std::string_view what,
           std::uint64_t verb, std::string_view target, std::string_view args, int deadline_ms,
           plugin::Answer answer);
  bool take_requests();
  [[nodiscard]] base::Status carry_out(const Request& request);
  bool store_answers();
  bool take_answers();
  bool give_up_late();
  void run();

  HeldAgents& agents_;
  Store& store_;
  Notices& notices_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  const bool is_shared_;
  TakeCommand take_command_;
  const std::shared_ptr<Inbox> inbox_;

  std::mutex work_mutex_;  // one round at a time
  std::int64_t next_requests_ms_ = 0, next_answers_ms_ = 0, next_tidy_ms_ = 0;  // guarded by it

  std::mutex waiting_mutex_;
  std::map<base::Uuid, Waiting> waiting_;  // by request; guarded by waiting_mutex_
  std::thread thread_;
};

}  // namespace z4j::core
