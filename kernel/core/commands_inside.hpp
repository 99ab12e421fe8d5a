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
};

struct Commands::Sent {
  base::Uuid id, project_id;
  std::string action, target_type, engine, task_id, task_name;
  std::optional<std::string> target_id;
  Actor actor;
  int tries = 0;
};

struct Commands::Inbox {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<std::pair<Sent, CommandOutcome>> answers;  // guarded by mutex, as is the next
  std::size_t open = 0;                                 // sent, answer not stored yet
  bool has_news = false;                                // agents came
};

struct Commands::BulkJob {
  Sent sent;
  BulkFilter filter;
  std::size_t max = 0;
  std::optional<base::Uuid> agent_id;
  base::TimeUs timeout_at = 0;
};

struct Commands::BulkItem {
  std::string engine, task_id, task_name;
  bool is_known = true;  // a row of it is stored
};

}  // namespace z4j::core
