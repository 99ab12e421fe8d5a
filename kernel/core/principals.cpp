#include "core/principals.hpp"

#include "core/auth.hpp"

namespace z4j::core {
namespace {

constexpr std::uint32_t kMostRoles = 500;

}  // namespace

base::Status read_roles(Store& store, Principal& principal) {
  namespace m = model::memberships;
  Query query(Table::memberships);
  query.where.eq(m::user_id, principal.user.id);
  query.columns({m::project_id, m::role}).limit(kMostRoles);
  return store.each(query, [&principal](const Row& row) {
    principal.roles[row.uuid(m::project_id)] = parse_role(row.text(m::role));
    return true;
  });
}

base::Result<std::optional<Principal>> find_principal(Store& store, const base::Uuid& user) {
  Query query(Table::users);
  query.where.eq(model::users::id, user).eq(model::users::is_active, true);
  auto row = store.first(query.all());
  if (!row) return std::move(row).error();
  std::optional<Principal> out;
  if (!row->has_value()) return out;
  out.emplace();
  out->user = user_of(**row);
  if (auto read = read_roles(store, *out); !read) return std::move(read).error();
  return out;
}

}  // namespace z4j::core
