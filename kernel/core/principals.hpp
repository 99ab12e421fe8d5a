// Who somebody is, read from the store: for sessions and for API keys.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/policy.hpp"
#include "core/store.hpp"

namespace z4j::core {

// The user with his roles, without a session; nothing when there is no such user or he may not sign
// in.
[[nodiscard]] base::Result<std::optional<Principal>> find_principal(Store& store,
                                                                    const base::Uuid& user);
// Fills in the roles.
[[nodiscard]] base::Status read_roles(Store& store, Principal& principal);

}  // namespace z4j::core
