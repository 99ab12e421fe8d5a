#include "core/account_rows.hpp"

namespace z4j::core {

Rows user_rows(const User& user, std::string_view phc) {
  namespace u = model::users;
  Rows rows(Table::users);
  rows.begin()
      .uuid(u::id, user.id)
      .text(u::email, user.email)
      .text_or_null(u::password_hash, phc)
      .text_or_null(u::display_name, user.display_name)
      .text_or_null(u::first_name, user.first_name)
      .text_or_null(u::last_name, user.last_name)
      .num(u::is_admin, user.is_admin ? 1 : 0)
      .num(u::is_active, user.is_active ? 1 : 0)
      .text(u::timezone, user.timezone.empty() ? "UTC" : std::string_view(user.timezone))
      .num(u::failed_login_count, 0)
      .num(u::force_password_change, user.force_password_change ? 1 : 0)
      .num(u::created_at, user.created_at)
      .num(u::updated_at, user.updated_at);
  return rows;
}

base::Uuid membership_id(const base::Uuid& user, const base::Uuid& project) {
  return base::Uuid::named(user, project.text());
}

Rows membership_rows(const base::Uuid& user, const base::Uuid& project, Role role,
                     base::TimeUs now) {
  namespace m = model::memberships;
  Rows rows(Table::memberships);
  rows.begin()
      .uuid(m::id, membership_id(user, project))
      .uuid(m::user_id, user)
      .uuid(m::project_id, project)
      .text(m::role, to_string(role))
      .num(m::created_at, now)
      .num(m::updated_at, now);
  return rows;
}

}  // namespace z4j::core
