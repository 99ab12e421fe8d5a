#include "core/memberships.hpp"

#include <set>

#include "core/account_rows.hpp"
#include "core/refusal.hpp"
#include "core/saved_views.hpp"

namespace z4j::core {
namespace {

namespace member_col = model::memberships;

Member member_of(const Row& row) {
  Member m;
  m.id = row.uuid(member_col::id);
  m.user_id = row.uuid(member_col::user_id);
  m.project_id = row.uuid(member_col::project_id);
  m.role = parse_role(row.text(member_col::role));
  m.created_at = row.num(member_col::created_at);
  return m;
}

AuditEntry membership_entry(const Actor& actor, std::string_view action, const Member& member) {
  AuditEntry entry =
      AuditEntry::of(actor, action, "membership", member.id.text(), member.project_id);
  entry.metadata = {{"user_id", member.user_id.text()}, {"role", to_string(member.role)}};
  return entry;
}

}  // namespace

base::Status Memberships::name(std::vector<Member>& members) {
  std::set<base::Uuid> ids;
  for (const Member& m : members) ids.insert(m.user_id);
  auto users = users_by_id(store_, ids);
  if (!users) return std::move(users).error();
  for (Member& m : members) {
    if (const auto found = users->find(m.user_id); found != users->end()) {
      m.user_email = found->second.email;
      m.user_display_name = found->second.shown_name();
    }
  }
  return {};
}

base::Result<std::vector<Member>> Memberships::list(const base::Uuid& project) {
  Query query(Table::memberships);
  query.where.eq(member_col::project_id, project);
  query.all().order({member_col::created_at, member_col::id}).limit(kMostListed);
  std::vector<Member> out;
  auto done = store_.each(query, [&](const Row& row) {
    out.push_back(member_of(row));
    return true;
  });
  if (done) done = name(out);
  if (!done) return std::move(done).error();
  return out;
}

base::Result<Member> Memberships::find(const base::Uuid& project, const base::Uuid& membership) {
  Query query(Table::memberships);
  query.where.eq(member_col::id, membership).eq(member_col::project_id, project);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("membership");
  std::vector<Member> one{member_of(**row)};
  if (auto named = name(one); !named) return std::move(named).error();
  return std::move(one.front());
}

base::Result<Audit::Act> Memberships::joining(const base::Uuid& user, const base::Uuid& project,
                                              Role role) {
  Audit::Act besides;
  if (steps_.join) {
    auto read = steps_.join(user, project);
    if (!read) return std::move(read).error();
    besides = std::move(*read);
  }
  return Audit::Act(
      [user, project, role, now = clock_.now(), besides = std::move(besides)](Commit& c) {
        c.insert(membership_rows(user, project, role, now));
        if (besides) besides(c);
      });
}

base::Result<Member> Memberships::add(const base::Uuid& project, const base::Uuid& user, Role role,
                                      const Actor& actor) {
  Member made;
  made.id = membership_id(user, project);
  made.user_id = user;
  made.project_id = project;
  made.role = role;
  auto join = joining(user, project, role);
  if (!join) return std::move(join).error();
  Commit commit;
  auto done = audit_.commit(
      {membership_entry(actor, "membership.granted", made)},
      [&](Commit& c) {
        Where active;
        active.eq(model::users::id, user).eq(model::users::is_active, true);
        c.check(Table::users, std::move(active), 1, 1);
        (*join)(c);
      },
      commit);
  if (done) return find(project, made.id);
  if (done.error().code != base::Code::conflict) return std::move(done).error();
  if (commit.bad_step() == 0) return refuse::not_found("user");
  return refuse::conflict("already_member", "this user is a member of the project already");
}

base::Status Memberships::commit(AuditEntry entry, const Member& member, bool loses_admin,
                                 const Audit::Act& act) {
  AuditEntry tried = entry;
  std::size_t admin_step = 0;
  Commit out;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Where unchanged;
        unchanged.eq(member_col::id, member.id).eq(member_col::role, to_string(member.role));
        c.check(Table::memberships, std::move(unchanged), 1, 1);
        act(c);
        admin_step = c.steps();
        if (!loses_admin) return;
        Where admins;
        admins.eq(member_col::project_id, member.project_id)
            .eq(member_col::role, to_string(Role::admin));
        c.check(Table::memberships, std::move(admins), 1, Commit::kAny);
      },
      out);
  if (done || done.error().code != base::Code::conflict) return done;
  if (loses_admin && out.bad_step() == admin_step) {
    return audit_.refused(
        std::move(tried),
        refuse::conflict("last_project_admin",
                         "this is the last administrator of the project; make another first"));
  }
  return refuse::conflict("changed_meanwhile",
                          "somebody else changed this membership at the same moment");
}

base::Result<Member> Memberships::change(const base::Uuid& project, const base::Uuid& membership,
                                         Role role, const Actor& actor) {
  auto member = find(project, membership);
  if (!member || member->role == role) return member;
  const Member before = *member;
  member->role = role;
  AuditEntry entry = membership_entry(actor, "membership.updated", *member);
  entry.metadata["role_before"] = to_string(before.role);
  auto done = commit(std::move(entry), before, before.role == Role::admin, [&](Commit& c) {
    Where self;
    self.eq(member_col::id, membership);
    c.update(Table::memberships, std::move(self),
             {{member_col::role, to_string(role)}, {member_col::updated_at, clock_.now()}});
  });
  if (!done) return std::move(done).error();
  return member;
}

base::Status Memberships::remove(const base::Uuid& project, const base::Uuid& membership,
                                 const Actor& actor) {
  auto member = find(project, membership);
  if (!member) return std::move(member).error();
  return commit(membership_entry(actor, "membership.revoked", *member), *member,
                member->role == Role::admin, [&](Commit& c) {
                  Where self;
                  self.eq(member_col::id, membership);
                  c.erase(Table::memberships, std::move(self));
                  forget_saved_views(c, member->user_id, project);
                  if (steps_.leave) steps_.leave(c, member->user_id, project);
                });
}

}  // namespace z4j::core
