#include "core/ingest_budget.hpp"

#include <algorithm>

namespace z4j::core {
namespace {

// A project to what is free; its sources one to one.
constexpr std::size_t kProjectShare = 3;

std::size_t held_by(const std::map<base::Uuid, std::size_t>& shares, const base::Uuid& who) {
  const auto found = shares.find(who);
  return found == shares.end() ? 0 : found->second;
}

void take_from(std::map<base::Uuid, std::size_t>& shares, const base::Uuid& who,
               std::size_t bytes) {
  const auto found = shares.find(who);
  if (found == shares.end()) return;
  found->second -= std::min(found->second, bytes);
  if (found->second == 0) shares.erase(found);
}

}  // namespace

bool IngestBudget::is_fair(const EventSource& source, std::size_t bytes) const {
  const std::size_t project = held_by(projects_, source.project_id);
  if (project == 0) return true;
  const std::size_t after = budget_.used_bytes() + bytes;
  const std::size_t left = budget_.limit_bytes() - std::min(budget_.limit_bytes(), after);
  return held_by(agents_, source.agent_id) + bytes <= left &&
         project + bytes <= kProjectShare * left;
}

std::optional<IngestBudget::Reservation> IngestBudget::reserve(const EventSource& source,
                                                               std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!is_fair(source, bytes)) return std::nullopt;
  auto reserved = budget_.reserve(bytes);
  if (!reserved) return std::nullopt;
  projects_[source.project_id] += bytes;
  agents_[source.agent_id] += bytes;
  return Reservation(*this, source, std::move(*reserved));
}

void IngestBudget::give_back(const base::Uuid& project, const base::Uuid& agent,
                             std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  take_from(projects_, project, bytes);
  take_from(agents_, agent, bytes);
}

}  // namespace z4j::core
