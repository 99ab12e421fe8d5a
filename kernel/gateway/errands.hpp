// Commands on their way to agents: each is answered exactly once, by the agent's result, or at its
// deadline, or because it could not be sent.
//
// A result counts only from the agent that was asked, over whichever of its connections.
// Thread-safe; answers are called on the thread that brings them, never under the lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "plugin/host.hpp"
#include "wire/action.hpp"

namespace z4j::gateway {

struct Errand {
  base::Uuid id, agent_id;
  wire::Action action;
  std::int64_t until_ms = 0;
};

class Errands {
 public:
  explicit Errands(const base::Clock& clock) : clock_(clock) {}

  // False when this agent has too many open, or this one: it will not be answered.
  [[nodiscard]] bool add(const Errand& errand, plugin::Answer answer);
  // From now on nobody can say that nothing happened. False when it is over: don't send it.
  [[nodiscard]] bool sending(const base::Uuid& id);
  // It was not sent. Nothing for one that was, or is over.
  void not_sent(const base::Uuid& id, const base::Error& why);
  // False when nobody waits for it: it is late, or not this agent's.
  bool finish(const base::Uuid& agent_id, const base::Uuid& id, const wire::ActionResult& result);
  [[nodiscard]] bool is_open(const base::Uuid& id) const;
  // Answers those whose time is over.
  void sweep();
  // Answers all that are left; none are taken afterwards.
  void stop();

  [[nodiscard]] std::uint64_t late_results() const noexcept { return late_; }

 private:
  struct Open {
    Errand errand;
    plugin::Answer answer;
    bool is_sent = false;
  };
  [[nodiscard]] std::optional<Open> remove(const base::Uuid& id);  // holds mutex_

  const base::Clock& clock_;
  std::atomic<std::uint64_t> late_{0};
  mutable std::mutex mutex_;
  std::map<base::Uuid, Open> open_;  // guarded by mutex_, as are the two below
  std::map<base::Uuid, std::size_t> open_by_agent_;
  bool is_stopped_ = false;
};

}  // namespace z4j::gateway
