// Carries fires of schedules to the engines that this brain holds, and stores what came of them,
// many at once.
//
// A fire is a row of schedule_fires and a command (`dispatched`) of the same id, both stored before
// it comes here. No more than a window of them is with one agent's engine; the others wait here in
// their order. What came back is stored in batches, one commit for as many as have come. A brain
// that dies leaves its fires to their time-out: they run at most once, like all commands.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/command_plan.hpp"
#include "core/engine_routes.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Action of a command that is a fire.
inline constexpr std::string_view kScheduleFire = "schedule.fire";
// error_code of a fire whose command nobody took in time.
inline constexpr std::string_view kNotTaken = "not_taken";

struct FireCommand {
  base::Uuid id, project_id, schedule_id, agent_id;
  std::string engine, task_name, args_json;
  base::TimeUs due = 0, timeout_at = 0;
};

// What became of a fire's command.
struct FireEnd {
  base::Uuid id;
  base::TimeUs at = 0, due = 0;  // due 0: not known here
  bool worked = false;
  std::string code, message;  // when it did not
};
[[nodiscard]] FireEnd fire_end(const base::Uuid& id, base::TimeUs at, base::TimeUs due,
                               const CommandOutcome& outcome);
// Adds the change of the fires' rows to the commit that ends their commands. Rows that have ended
// stay.
void end_fires(Commit& commit, std::vector<FireEnd> ends);

// What an audit entry says of many fires: their number, the first ones, and a digest over all.
[[nodiscard]] base::json::Object fires_metadata(std::vector<base::Uuid> ids);

class FireCommands {
 public:
  struct Options {
    std::size_t window = 400;  // with one agent's engine at a time
    std::size_t max_waiting = 20'000;
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed = {};
    std::function<base::json::Value(base::json::Value)> redact = {};  // of results
  };

  FireCommands(Audit& audit, EngineRoutes& routes, const base::Clock& clock, base::Log& log,
               Options options);
  ~FireCommands();  // stop()
  FireCommands(const FireCommands&) = delete;
  FireCommands& operator=(const FireCommands&) = delete;

  // False: wait before you store that many more.
  [[nodiscard]] bool has_room(std::size_t fires) const;
  // Stored ones. Does not wait for engines.
  void send(std::vector<FireCommand> fires);

  void start();
  void stop();
  // Stores what has come and sends what may go. True when there was anything.
  bool work();

 private:
  struct Answer {
    FireCommand fire;
    CommandOutcome outcome;
    int tries = 0;
  };
  struct Line {
    std::deque<FireCommand> waiting;
    std::size_t under_way = 0;
  };
  struct Inbox;  // outlives this object while engines still owe answers

  void send_waiting();
  [[nodiscard]] base::Status store_answers(const std::vector<Answer>& answers);
  void run();

  Audit& audit_;
  EngineRoutes& routes_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  const std::shared_ptr<Inbox> inbox_;
  std::mutex work_mutex_;  // one batch at a time
  std::thread thread_;
};

}  // namespace z4j::core
