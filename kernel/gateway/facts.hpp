// What an agent's process said of itself: in its hello, or on long-poll in headers and status
// frames.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "wire/hello.hpp"

namespace z4j::gateway {

struct Facts {
  std::string agent_version, framework, host_name;
  std::vector<std::string> engine_names, schedulers, features;
  std::map<std::string, std::vector<std::string>> capabilities;  // by engine or scheduler
  std::map<std::string, std::uint64_t> engines;                  // Z4J_ENGINE_* bits
  bool is_asked = false;        // what its engines can do is not told but found out by asking
  base::json::Object versions;  // of engines and packages, as far as told
  std::optional<std::string> worker_id, worker_role;
  std::optional<std::int64_t> worker_pid;
  std::optional<base::TimeUs> worker_started_at;
};

// Every verb of upstream's agents.
inline constexpr std::uint64_t kAskedBits = std::uint64_t{Z4J_ENGINE_ENQUEUE} | Z4J_ENGINE_RETRY |
                                            Z4J_ENGINE_REVOKE | Z4J_ENGINE_PURGE | Z4J_ENGINE_POOL |
                                            Z4J_ENGINE_RATE | Z4J_ENGINE_RESTART;

[[nodiscard]] Facts facts_of(const wire::Hello& hello);

}  // namespace z4j::gateway
