#include "core/users.hpp"

#include <algorithm>

#include "core/account_rows.hpp"
#include "core/audit_eraser.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace user_col = model::users;
namespace json = base::json;

constexpr std::size_t kZoneBytes = 64;

base::Error not_an_administrator() {
  return refuse::error(base::Code::denied, refuse::kForbidden,
                       "only an administrator of the installation may do this");
}

Where active_admins() {
  Where where;
  where.eq(user_col::is_admin, true).eq(user_col::is_active, true);
  return where;
}

// Who acts may have been demoted since the request came in. Nobody: the command line.
void check_still_admin(Commit& c, const std::optional<base::Uuid>& by) {
  if (!by) return;
  Where still = active_admins();
  still.eq(user_col::id, *by);
  c.check(Table::users, std::move(still), 1, 1);
}

Where is_user(const base::Uuid& id) {
  Where where;
  where.eq(user_col::id, id);
  return where;
}

base::Status check_zone(std::string_view zone) {
  if (is_zone_name(zone)) return {};
  return refuse::invalid("timezone", "timezone must be an IANA zone such as Europe/Berlin");
}

// All that belongs to a user and to nobody else.
void erase_belongings(Commit& c, const base::Uuid& user) {
  for (const auto& [table, column] : std::initializer_list<std::pair<Table, std::uint16_t>>{
           {Table::sessions, model::sessions::user_id},
           {Table::memberships, model::memberships::user_id},
           {Table::api_keys, model::api_keys::user_id},
           {Table::password_reset_tokens, model::password_reset_tokens::user_id},
           {Table::mfa_recovery_codes, model::mfa_recovery_codes::user_id},
           {Table::trusted_devices, model::trusted_devices::user_id},
           {Table::user_channels, model::user_channels::user_id},
           {Table::user_subscriptions, model::user_subscriptions::user_id},
           {Table::user_notifications, model::user_notifications::user_id},
           {Table::saved_views, model::saved_views::user_id}}) {
    Where theirs;
    theirs.eq(column, user);
    c.erase(table, std::move(theirs));
  }
}

// What others' tables tell of a person.
void erase_traces(Commit& c, const Person& person) {
  Where invited;
  invited.eq(model::invitations::email, person.email);
  c.erase(Table::invitations, std::move(invited));
  for (const auto& [table, column] : std::initializer_list<std::pair<Table, std::uint16_t>>{
           {Table::outbox, model::outbox::user_id},
           {Table::notification_deliveries, model::notification_deliveries::user_id}}) {
    Where theirs;
    theirs.eq(column, person.id);
    c.erase(table, std::move(theirs));
  }
  const auto forget = [&](Table table, std::uint16_t by, std::uint16_t address) {
    Where asked;
    asked.eq(by, person.id);
    c.update(table, std::move(asked), {{address, Cell()}});
  };
  forget(Table::commands, model::commands::issued_by, model::commands::source_ip);
  forget(Table::bulk_jobs, model::bulk_jobs::created_by, model::bulk_jobs::source_ip);
}

}  // namespace

bool is_zone_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > kZoneBytes || text.front() == '/' || text.back() == '/')
    return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  });
}

base::Result<std::vector<User>> Users::list(std::uint32_t limit, std::uint32_t offset) {
  std::optional<std::vector<Cell>> behind;
  if (offset > 0) {
    // Only where the page begins: rows before it are not carried here.
    Query skipped(Table::users);
    skipped.columns({user_col::created_at, user_col::id})
        .order({user_col::created_at, user_col::id}, true)
        .limit(std::min(offset, kFarthestOffset));
    std::uint32_t seen = 0;
    auto done = store_.each(skipped, [&](const Row& row) {
      if (++seen == std::min(offset, kFarthestOffset))
        behind = {Cell(row.num(user_col::created_at)), Cell(row.uuid(user_col::id))};
      return true;
    });
    if (!done) return std::move(done).error();
    if (!behind) return std::vector<User>{};
  }
  Query query(Table::users);
  query.all()
      .order({user_col::created_at, user_col::id}, true)
      .limit(std::clamp<std::uint32_t>(limit, 1, kMostListed));
  if (behind) query.after(std::move(*behind));
  std::vector<User> out;
  auto done = store_.each(query, [&out](const Row& row) {
    out.push_back(user_of(row));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

base::Result<User> Users::get(const base::Uuid& user) {
  Query query(Table::users);
  query.where.eq(user_col::id, user);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("user");
  return user_of(**row);
}

base::Result<User> Users::find(std::string_view email) {
  auto normal = normalise_email(email);
  if (!normal) return std::move(normal).error();
  Query query(Table::users);
  query.where.eq(user_col::email, *normal);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("user");
  return user_of(**row);
}

base::Status Users::commit(AuditEntry entry, const base::Uuid& user, bool may_lose_admin,
                           const Audit::Act& act) {
  const std::optional<base::Uuid> by = entry.user_id;
  AuditEntry tried = entry;
  std::size_t own_steps = 0, admin_step = 0;
  Commit out;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        check_still_admin(c, by);
        own_steps = c.steps();
        c.check(Table::users, is_user(user), 1, 1);
        act(c);
        admin_step = c.steps();
        if (may_lose_admin) c.check(Table::users, active_admins(), 1, Commit::kAny);
      },
      out);
  if (done || done.error().code != base::Code::conflict) return done;
  if (out.bad_step() < own_steps) return audit_.refused(std::move(tried), not_an_administrator());
  if (out.bad_step() == own_steps) return refuse::not_found("user");
  if (may_lose_admin && out.bad_step() == admin_step) {
    return audit_.refused(
        std::move(tried),
        refuse::conflict("last_admin", "the installation needs an active administrator"));
  }
  return done;
}

base::Result<User> Users::create(const UserDraft& draft, const Actor& actor) {
  auto email = normalise_email(draft.email);
  if (!email) return std::move(email).error();
  if (auto good = check_zone(draft.timezone); !good) return std::move(good).error();
  if (const auto problem = check_password(draft.password, auth_.options().password_min_length))
    return problem->error();
  auto phc = hasher_.hash(draft.password);
  if (!phc) return std::move(phc).error();
  User user;
  user.id = base::Uuid::random();
  user.email = std::move(*email);
  user.first_name = clean_text(trimmed(draft.first_name), 100);
  user.last_name = clean_text(trimmed(draft.last_name), 100);
  user.display_name = clean_text(trimmed(draft.display_name), 200);
  user.timezone = draft.timezone;
  user.is_admin = draft.is_admin;
  user.force_password_change = draft.must_change_password;
  user.created_at = user.updated_at = clock_.now();
  AuditEntry entry = AuditEntry::of(actor, "user.created", "user", user.id.text());
  entry.metadata = {{"email", user.email}, {"is_admin", user.is_admin}};
  AuditEntry tried = entry;
  std::size_t insert_step = 0;
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        check_still_admin(c, actor.user_id);
        insert_step = c.steps();
        c.insert(user_rows(user, *phc));
      },
      commit);
  if (done) return user;
  if (done.error().code != base::Code::conflict) return std::move(done).error();
  if (commit.bad_step() < insert_step)
    return audit_.refused(std::move(tried), not_an_administrator());
  return refuse::conflict("email", "a user with this e-mail address exists");
}

base::Result<User> Users::patch(const base::Uuid& id, const UserPatch& patch, const Actor& actor) {
  auto found = get(id);
  if (!found) return found;
  User user = std::move(*found);
  const bool is_self = actor.user_id == id;
  const bool demotes = patch.is_admin == false && user.is_admin;
  const bool deactivates = patch.is_active == false && user.is_active;
  AuditEntry entry = AuditEntry::of(actor, "user.updated", "user", id.text());
  if (is_self && demotes) {
    return audit_.refused(std::move(entry),
                          refuse::conflict("self_demote", "nobody can demote himself"));
  }
  if (is_self && deactivates) {
    return audit_.refused(std::move(entry),
                          refuse::conflict("self_deactivate", "nobody can deactivate himself"));
  }

  std::vector<Set> sets;
  json::Array fields;
  const auto text = [&](const std::optional<std::string>& from, std::string& to,
                        std::uint16_t column, const char* name, std::size_t cut) {
    if (!from) return;
    to = clean_text(trimmed(*from), cut);
    sets.push_back({column, Cell::text_or_null(to)});
    fields.emplace_back(name);
  };
  text(patch.first_name, user.first_name, user_col::first_name, "first_name", 100);
  text(patch.last_name, user.last_name, user_col::last_name, "last_name", 100);
  text(patch.display_name, user.display_name, user_col::display_name, "display_name", 200);
  if (patch.timezone) {
    if (auto good = check_zone(*patch.timezone); !good) return std::move(good).error();
    text(patch.timezone, user.timezone, user_col::timezone, "timezone", kZoneBytes);
  }
  const auto flag = [&](const std::optional<bool>& from, bool& to, std::uint16_t column,
                        const char* name) {
    if (!from || *from == to) return;
    to = *from;
    sets.push_back({column, to});
    fields.emplace_back(name);
    entry.metadata[name] = to;
  };
  flag(patch.is_admin, user.is_admin, user_col::is_admin, "is_admin");
  flag(patch.is_active, user.is_active, user_col::is_active, "is_active");
  if (sets.empty()) return user;
  user.updated_at = clock_.now();
  sets.push_back({user_col::updated_at, user.updated_at});
  entry.metadata["fields"] = std::move(fields);
  auto done = commit(std::move(entry), id, demotes || deactivates, [&](Commit& c) {
    c.update(Table::users, is_user(id), sets);
    if (deactivates) auth_.end_sessions(c, id, "deactivated");
  });
  if (!done) return std::move(done).error();
  return user;
}

base::Status Users::set_password(const base::Uuid& id, std::string_view next, Chosen chosen,
                                 const Actor& actor) {
  auto user = get(id);
  if (!user) return std::move(user).error();
  auto phc = auth_.checked_hash(next);
  if (!phc) return std::move(phc).error();
  const PasswordChange change{
      .phc = *phc, .must_be_changed = chosen == Chosen::by_other, .ends_because = "password_reset"};
  auto done = commit(AuditEntry::of(actor, "user.password.reset", "user", id.text()), id, false,
                     [&](Commit& c) { auth_.put_password(c, id, change); });
  if (done) auth_.forget_failures(user->email);
  return done;
}

base::Status Users::remove(const base::Uuid& id, Trace trace, const Actor& actor) {
  const bool is_erased = trace == Trace::erased;
  AuditEntry entry =
      AuditEntry::of(actor, is_erased ? kUserErased : "user.deleted", "user", id.text());
  if (actor.user_id == id) {
    return audit_.refused(std::move(entry),
                          refuse::conflict("self_delete", "nobody can delete himself"));
  }
  Query query(Table::users);
  query.where.eq(user_col::id, id);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("user");
  const User user = user_of(**row);
  Person person{id, user.email, {}};
  for (const std::string_view name :
       {std::string_view(user.first_name), std::string_view(user.last_name),
        std::string_view(user.display_name), (*row)->text(user_col::external_id)}) {
    if (!name.empty()) person.names.emplace_back(name);
  }
  entry.metadata = {{"is_admin", user.is_admin}};
  if (!is_erased) entry.metadata["email"] = user.email;
  const base::TimeUs now = clock_.now();
  return commit(std::move(entry), id, true, [&](Commit& c) {
    c.erase(Table::users, is_user(id));
    erase_belongings(c, id);
    if (!is_erased) return;
    erase_traces(c, person);
    want_erased(c, person, now);
  });
}

}  // namespace z4j::core
