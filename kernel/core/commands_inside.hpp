// Private parts of Commands that its source files share.
#pragma once

#include "core/commands.hpp"

namespace z4j::core {

struct Commands::Plan {
  std::string action, target_type;
  std::optional<std::string> target_id;
  base::json::Value payload;  // as stored
  std::string asked;          // canonical text of the request: what the idempotency key is bound to
  std::string engine;
  std::uint64_t verb = 0;
  std::string target, args_json;  // for the engine
  int timeout_s = 60;
  std::string task_name;              // of RETRY, for the new row
  std::optional<base::Uuid> prefers;  // agent that told of the target
  bool is_bulk = false;
  std::optional<base::Uuid> agent;  // of a bulk one: who will carry it out
  // What stands in the commit of the command's row besides; runs once per try of that commit.
  std::function<void(Commit&, const Command&)> more;
};

struct Commands::Sent {
  base::Uuid id, project_id;
  std::string action, target_type, engine, task_id, task_name;
  std::optional<std::string> target_id;
  Actor actor;
  int tries = 0;
  std::string args_json = {};  // of the verb
  base::TimeUs fire_due = 0;   // of a fire: when it was due
  std::int64_t sent_ms = 0;    // steady
};

struct Commands::Inbox {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<std::pair<Sent, CommandOutcome>> answers;  // guarded by mutex, as is the next
  std::size_t open = 0;                                 // sent, answer not stored yet
  bool has_news = false;                                // agents came
};

}  // namespace z4j::core
