// Which agents are connected, by which connections.
//
// One agent may have many: one per worker_id (a slot), and one without. A new connection of a taken
// slot replaces the old one. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "core/engine_routes.hpp"

namespace z4j::gateway {

class Session;
using SessionPtr = std::shared_ptr<Session>;

class Roster {
 public:
  // `most` connections of an agent; 0: any number.
  explicit Roster(std::size_t most) : most_(most) {}

  struct Seated {
    bool is_full = false;  // not seated
    SessionPtr replaced;   // or null
  };
  [[nodiscard]] Seated seat(const SessionPtr& session);
  // False when another connection has its slot by now.
  bool unseat(const Session& session);

  // Who carries a command of that engine: the connection that was heard last among those that are
  // read; null when there is none.
  [[nodiscard]] SessionPtr choose(const base::Uuid& agent_id, const std::string& engine) const;
  [[nodiscard]] std::vector<SessionPtr> of(const base::Uuid& agent_id) const;
  [[nodiscard]] bool has(const base::Uuid& agent_id) const;
  [[nodiscard]] bool has(const base::Uuid& agent_id,
                         const std::optional<std::string>& worker_id) const;
  [[nodiscard]] std::vector<base::Uuid> agents() const;
  [[nodiscard]] std::vector<SessionPtr> all() const;
  [[nodiscard]] std::size_t size() const;
  // Capabilities of an agent's engines, over all its connections.
  [[nodiscard]] std::map<std::string, std::uint64_t> engines(const base::Uuid& agent_id) const;

 private:
  using Slots = std::map<std::optional<std::string>, SessionPtr>;

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::map<base::Uuid, Slots> agents_;  // guarded by mutex_; none without slots
  std::size_t seated_ = 0;              // guarded by mutex_
};

}  // namespace z4j::gateway
