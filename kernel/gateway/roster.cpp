#include "gateway/roster.hpp"

#include <utility>

#include "gateway/session.hpp"

namespace z4j::gateway {

Roster::Seated Roster::seat(const SessionPtr& session) {
  const std::lock_guard lock(mutex_);
  Slots& slots = agents_[session->who().agent_id];
  const auto at = slots.find(session->worker_id());
  if (at != slots.end()) return {false, std::exchange(at->second, session)};
  if (most_ != 0 && slots.size() >= most_) return {true, nullptr};
  slots.emplace(session->worker_id(), session);
  ++seated_;
  return {};
}

bool Roster::unseat(const Session& session) {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(session.who().agent_id);
  if (agent == agents_.end()) return false;
  const auto at = agent->second.find(session.worker_id());
  if (at == agent->second.end() || at->second.get() != &session) return false;
  agent->second.erase(at);
  --seated_;
  if (agent->second.empty()) agents_.erase(agent);
  return true;
}

SessionPtr Roster::choose(const base::Uuid& agent_id, const std::string& engine) const {
  SessionPtr best;
  for (const SessionPtr& session : of(agent_id)) {
    if (session->engines().count(engine) == 0 || session->is_over()) continue;
    if (best &&
        (session->is_paused() > best->is_paused() ||
         (session->is_paused() == best->is_paused() && session->heard_at() <= best->heard_at())))
      continue;
    best = session;
  }
  return best;
}

std::vector<SessionPtr> Roster::of(const base::Uuid& agent_id) const {
  std::vector<SessionPtr> out;
  const std::lock_guard lock(mutex_);
  if (const auto agent = agents_.find(agent_id); agent != agents_.end()) {
    for (const auto& [worker, session] : agent->second) out.push_back(session);
  }
  return out;
}

bool Roster::has(const base::Uuid& agent_id) const {
  const std::lock_guard lock(mutex_);
  return agents_.count(agent_id) > 0;
}

bool Roster::has(const base::Uuid& agent_id, const std::optional<std::string>& worker_id) const {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_id);
  return agent != agents_.end() && agent->second.count(worker_id) > 0;
}

std::vector<base::Uuid> Roster::agents() const {
  std::vector<base::Uuid> out;
  const std::lock_guard lock(mutex_);
  out.reserve(agents_.size());
  for (const auto& [id, slots] : agents_) out.push_back(id);
  return out;
}

std::vector<SessionPtr> Roster::all() const {
  std::vector<SessionPtr> out;
  const std::lock_guard lock(mutex_);
  out.reserve(seated_);
  for (const auto& [id, slots] : agents_) {
    for (const auto& [worker, session] : slots) out.push_back(session);
  }
  return out;
}

std::size_t Roster::size() const {
  const std::lock_guard lock(mutex_);
  return seated_;
}

std::map<std::string, std::uint64_t> Roster::engines(const base::Uuid& agent_id) const {
  std::map<std::string, std::uint64_t> out;
  for (const SessionPtr& session : of(agent_id)) {
    for (const auto& [engine, bits] : session->engines()) out[engine] |= bits;
  }
  return out;
}

}  // namespace z4j::gateway
