// What is done to many tasks at once, and which tasks it can be done to. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine_routes.hpp"
#include "core/policy.hpp"

namespace z4j::core {

enum class BulkAction { retry, cancel, remove, requeue };
inline constexpr std::array<BulkAction, 4> kBulkActions{BulkAction::retry, BulkAction::cancel,
                                                        BulkAction::remove, BulkAction::requeue};

// retry, cancel, delete, requeue
[[nodiscard]] std::string_view to_string(BulkAction action) noexcept;
[[nodiscard]] std::optional<BulkAction> parse_bulk_action(std::string_view word) noexcept;
// As commands and the audit log name it: bulk_retry, ...
[[nodiscard]] std::string_view command_name(BulkAction action) noexcept;
// The Z4J_ENGINE_* bit that it needs.
[[nodiscard]] std::uint64_t verb_of(BulkAction action) noexcept;
// What somebody must be allowed to do it: as much as for one task.
[[nodiscard]] Action policy_of(BulkAction action) noexcept;
// RETRY and REVOKE take many targets at once where the engine says so.
[[nodiscard]] bool takes_many(BulkAction action, std::uint64_t capabilities) noexcept;

// Why it makes no sense for a task in that state; empty: it does. `is_lost`: no source knows the
// task any more.
[[nodiscard]] std::string_view unfit_state(BulkAction action, std::string_view state,
                                           bool is_lost) noexcept;

// The route that would carry out a verb: the named agent's, else the one that told of the task,
// else one that is here. None when none is online and can; `why` then says so.
[[nodiscard]] const EngineRoute* best_route(const std::vector<EngineRoute>& routes,
                                            std::string_view engine, std::uint64_t verb,
                                            const std::optional<base::Uuid>& agent,
                                            const std::optional<base::Uuid>& prefers,
                                            std::string* why = nullptr);

}  // namespace z4j::core
