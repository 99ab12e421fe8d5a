// Rows of new users and members, for whoever makes some: setup, administrators, invitations,
// sign-in through a provider; and the names of users, for whoever shows who did something.
#pragma once

#include <map>
#include <set>
#include <string_view>

#include "base/result.hpp"
#include "core/policy.hpp"
#include "core/store.hpp"

namespace z4j::core {

// "" as `phc`: no password will ever fit.
[[nodiscard]] Rows user_rows(const User& user, std::string_view phc);
// A user has at most one membership in a project, so its id follows from both.
[[nodiscard]] base::Uuid membership_id(const base::Uuid& user, const base::Uuid& project);
[[nodiscard]] Rows membership_rows(const base::Uuid& user, const base::Uuid& project, Role role,
                                   base::TimeUs now);
// Address and names alone; who was deleted is left out. At most some thousands. Errors: the
// store's.
[[nodiscard]] base::Result<std::map<base::Uuid, User>> users_by_id(Store& store,
                                                                   const std::set<base::Uuid>& ids);

}  // namespace z4j::core
