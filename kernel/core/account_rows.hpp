// Rows of new users and members, for whoever makes some: setup, administrators, invitations,
// sign-in through a provider.
#pragma once

#include <string_view>

#include "core/policy.hpp"
#include "core/store.hpp"

namespace z4j::core {

// "" as `phc`: no password will ever fit.
[[nodiscard]] Rows user_rows(const User& user, std::string_view phc);
// A user has at most one membership in a project, so its id follows from both.
[[nodiscard]] base::Uuid membership_id(const base::Uuid& user, const base::Uuid& project);
[[nodiscard]] Rows membership_rows(const base::Uuid& user, const base::Uuid& project, Role role,
                                   base::TimeUs now);

}  // namespace z4j::core
