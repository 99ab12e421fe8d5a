// The latest of the audit log, across the projects one may see. Thread-safe. Errors: the store's;
// timeout when too much had to be looked through for an action's beginning.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct Activity {
  std::int64_t seq = 0;  // its place in the log; grows with time
  base::Uuid id;
  base::TimeUs occurred_at = 0;
  std::optional<base::Uuid> project_id, user_id;
  std::string action, target_type, result, source_ip;
  std::optional<std::string> target_id, outcome;
  base::json::Object metadata;
};

struct ActivityQuery {
  bool all = false;                           // every row there is; else those of the two below
  std::vector<base::Uuid> projects;           // rows of these
  std::optional<base::Uuid> user;             // and this user's own rows without a project
  std::optional<std::int64_t> after, before;  // seq
  std::string action_prefix;
  std::uint32_t limit = 50;
};

// Newest first.
[[nodiscard]] base::Result<std::vector<Activity>> read_activity(Store& store,
                                                                const ActivityQuery& asked);

}  // namespace z4j::core
