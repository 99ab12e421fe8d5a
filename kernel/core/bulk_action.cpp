#include "core/bulk_action.hpp"

#include "core/text.hpp"

namespace z4j::core {

std::string_view to_string(BulkAction action) noexcept {
  switch (action) {
    case BulkAction::retry:
      return "retry";
    case BulkAction::cancel:
      return "cancel";
    case BulkAction::remove:
      return "delete";
    case BulkAction::requeue:
      return "requeue";
  }
  return "retry";
}

std::optional<BulkAction> parse_bulk_action(std::string_view word) noexcept {
  for (const BulkAction action : kBulkActions) {
    if (word == to_string(action)) return action;
  }
  return std::nullopt;
}

std::string_view command_name(BulkAction action) noexcept {
  switch (action) {
    case BulkAction::retry:
      return "bulk_retry";
    case BulkAction::cancel:
      return "bulk_cancel";
    case BulkAction::remove:
      return "bulk_delete";
    case BulkAction::requeue:
      return "bulk_requeue";
  }
  return "bulk_retry";
}

std::uint64_t verb_of(BulkAction action) noexcept {
  switch (action) {
    case BulkAction::retry:
      return Z4J_ENGINE_RETRY;
    case BulkAction::cancel:
      return Z4J_ENGINE_REVOKE;
    case BulkAction::remove:
      return Z4J_ENGINE_DELETE;
    case BulkAction::requeue:
      return Z4J_ENGINE_DEAD_LETTERS;
  }
  return Z4J_ENGINE_RETRY;
}

Action policy_of(BulkAction action) noexcept {
  switch (action) {
    case BulkAction::cancel:
      return Action::cancel_task;
    case BulkAction::remove:
      return Action::delete_tasks;
    default:
      return Action::bulk_retry;
  }
}

bool takes_many(BulkAction action, std::uint64_t capabilities) noexcept {
  return (capabilities & Z4J_ENGINE_MANY) != 0 &&
         (action == BulkAction::retry || action == BulkAction::cancel);
}

std::string_view unfit_state(BulkAction action, std::string_view state, bool is_lost) noexcept {
  const bool is_running = state == "received" || state == "started";
  const bool is_open = is_running || state == "pending" || state == "retry";
  switch (action) {
    case BulkAction::retry:
      if (is_lost || !is_open) return {};
      return state == "retry" ? "its engine retries it already" : "it has not ended yet";
    case BulkAction::cancel:
      return is_open || state == "unknown" ? std::string_view() : "it is over";
    case BulkAction::remove:
      return is_running && !is_lost ? "a worker has it" : std::string_view();
    case BulkAction::requeue:
      return {};
  }
  return {};
}

const EngineRoute* best_route(const std::vector<EngineRoute>& routes, std::string_view engine,
                              std::uint64_t verb, const std::optional<base::Uuid>& agent,
                              const std::optional<base::Uuid>& prefers, std::string* why) {
  const EngineRoute* best = nullptr;
  bool is_any_online = false;
  const auto rank = [&prefers](const EngineRoute& route) {
    return (prefers == route.agent_id ? 2 : 0) + (route.is_here ? 1 : 0);
  };
  for (const EngineRoute& route : routes) {
    if ((agent && route.agent_id != *agent) || route.engine != engine || !route.is_online) continue;
    is_any_online = true;
    if ((route.capabilities & verb) != 0 && (best == nullptr || rank(route) > rank(*best)))
      best = &route;
  }
  if (best == nullptr && why != nullptr) {
    const std::string name = "engine \"" + clean_text(engine, 40) + "\"";
    *why = is_any_online ? name + " can't do this" : "no agent of " + name + " is online";
  }
  return best;
}

}  // namespace z4j::core
