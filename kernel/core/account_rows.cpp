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

base::Result<std::map<base::Uuid, User>> users_by_id(Store& store,
                                                     const std::set<base::Uuid>& ids) {
  namespace u = model::users;
  std::map<base::Uuid, User> out;
  if (ids.empty()) return out;
  Query query(Table::users);
  query.where.in(u::id, std::vector<Cell>(ids.begin(), ids.end()));
  query.columns({u::id, u::email, u::display_name, u::first_name, u::last_name});
  auto done = store.each(query, [&out](const Row& row) {
    User& user = out[row.uuid(u::id)];
    user.email = row.text(u::email);
    user.display_name = row.text(u::display_name);
    user.first_name = row.text(u::first_name);
    user.last_name = row.text(u::last_name);
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

}  // namespace z4j::core
