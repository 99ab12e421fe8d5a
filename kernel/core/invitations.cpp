#include "core/invitations.hpp"

#include "core/account_rows.hpp"
#include "core/mail.hpp"
#include "core/one_time_token.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace inv = model::invitations;
namespace user_col = model::users;

constexpr std::size_t kLongestInvitationToken = 256;

base::Error no_such_invitation() {
  return refuse::error(base::Code::not_found, "invalid_or_expired", "invalid_or_expired",
                       "ask who invited you for a new link");
}

Invitation invitation_of(const Row& row) {
  Invitation out;
  out.id = row.uuid(inv::id);
  out.project_id = row.uuid(inv::project_id);
  out.email = row.text(inv::email);
  out.role = parse_role(row.text(inv::role));
  out.invited_by = row.uuid_or_none(inv::invited_by);
  out.expires_at = row.num(inv::expires_at);
  out.created_at = row.num(inv::created_at);
  out.accepted_at = row.num_or_none(inv::accepted_at);
  out.revoked_at = row.num_or_none(inv::revoked_at);
  return out;
}

void add_still_open(Where& where, base::TimeUs now) {
  where.is_null(inv::accepted_at).is_null(inv::revoked_at).gt(inv::expires_at, now);
}

AuditEntry invitation_entry(const Actor& actor, std::string_view action, const Invitation& of) {
  AuditEntry entry = AuditEntry::of(actor, action, "invitation", of.id.text(), of.project_id);
  entry.metadata = {{"email", of.email}, {"role", to_string(of.role)}};
  return entry;
}

}  // namespace

Invitations::Invitations(Store& store, Audit& audit, Auth& auth, Memberships& memberships,
                         AccountMail& mail, const base::Clock& clock, Options options)
    : store_(store),
      audit_(audit),
      auth_(auth),
      memberships_(memberships),
      mail_(mail),
      clock_(clock),
      options_(std::move(options)) {}

base::Result<std::vector<Invitation>> Invitations::pending(const base::Uuid& project) {
  Query query(Table::invitations);
  query.where.eq(inv::project_id, project);
  add_still_open(query.where, clock_.now());
  query.all().order({inv::created_at, inv::id}, true).limit(kMostPending);
  std::vector<Invitation> out;
  auto done = store_.each(query, [&out](const Row& row) {
    out.push_back(invitation_of(row));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

base::Result<Invitations::Minted> Invitations::mint(const Project& project, std::string_view email,
                                                    Role role, std::int64_t days, const User& by,
                                                    const Actor& actor) {
  auto normal = normalise_email(email);
  if (!normal) return std::move(normal).error();
  if (days < 1 || days > kMostDays)
    return refuse::invalid("ttl_days", "ttl_days must be 1 to " + std::to_string(kMostDays));
  Query known(Table::users);
  known.where.eq(user_col::email, *normal);
  auto user = store_.first(known.columns({user_col::id}));
  if (!user) return std::move(user).error();
  std::optional<base::Uuid> membership;
  if (user->has_value()) membership = membership_id((*user)->uuid(user_col::id), project.id);

  Minted out;
  out.token = base::random_token();
  out.invitation.id = base::Uuid::random();
  out.invitation.project_id = project.id;
  out.invitation.email = std::move(*normal);
  out.invitation.role = role;
  out.invitation.invited_by = actor.user_id;
  out.invitation.created_at = clock_.now();
  out.invitation.expires_at = out.invitation.created_at + days * base::kDayUs;
  auto can = mail_.can_mail(project.id, std::nullopt);
  if (!can) return std::move(can).error();
  out.is_mailed = *can;
  const Mail mail =
      mail_.invitation({out.invitation.email, project.id, project.name, by.shown_name(), role},
                       out.token, out.invitation.expires_at);
  Commit commit;
  auto done = audit_.commit(
      {invitation_entry(actor, "invitation.mint", out.invitation)},
      [&](Commit& c) {
        Where open, member;
        open.eq(inv::project_id, project.id);
        add_still_open(open, out.invitation.created_at);
        c.check(Table::invitations, std::move(open), 0, kMostPending - 1);
        if (membership) {
          member.eq(model::memberships::id, *membership);
          c.check(Table::memberships, std::move(member), 0, 0);
        }
        Rows rows(Table::invitations);
        rows.begin()
            .uuid(inv::id, out.invitation.id)
            .uuid(inv::project_id, project.id)
            .text(inv::email, out.invitation.email)
            .text(inv::role, to_string(role))
            .cell(inv::invited_by, actor.user_id ? Cell(*actor.user_id) : Cell())
            .text(inv::token_hash, token_digest(options_.secret, {}, out.token))
            .num(inv::expires_at, out.invitation.expires_at)
            .num(inv::created_at, out.invitation.created_at)
            .num(inv::updated_at, out.invitation.created_at);
        c.insert(std::move(rows));
        if (out.is_mailed) mail_.queue(c, mail);
      },
      commit);
  if (!done) {
    if (done.error().code != base::Code::conflict) return std::move(done).error();
    if (commit.bad_step() == 0)
      return refuse::conflict("too_many", "too many invitations of this project are open");
    return refuse::conflict("already_member", "this person is a member of the project already");
  }
  if (out.is_mailed) mail_.look();
  return out;
}

base::Status Invitations::revoke(const base::Uuid& project, const base::Uuid& invitation,
                                 const Actor& actor) {
  Query query(Table::invitations);
  query.where.eq(inv::id, invitation).eq(inv::project_id, project);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("invitation");
  const Invitation found = invitation_of(**row);
  if (found.accepted_at)
    return refuse::conflict("already_accepted", "this invitation was accepted already");
  if (found.revoked_at) return {};
  auto done = audit_.commit({invitation_entry(actor, "invitation.revoke", found)}, [&](Commit& c) {
    Where open;
    open.eq(inv::id, invitation).is_null(inv::accepted_at).is_null(inv::revoked_at);
    c.update(Table::invitations, std::move(open),
             {{inv::revoked_at, clock_.now()}, {inv::updated_at, clock_.now()}}, 1, 1);
  });
  if (!done && done.error().code == base::Code::conflict)
    return refuse::conflict("already_accepted", "this invitation was used at the same moment");
  return done;
}

base::Result<Invitations::Preview> Invitations::open(std::string_view token) {
  namespace proj = model::projects;
  if (token.empty() || token.size() > kLongestInvitationToken || !is_utf8(token))
    return no_such_invitation();
  Query query(Table::invitations);
  query.where.in(inv::token_hash,
                 token_digests(options_.secret, options_.previous_secrets, {}, token));
  add_still_open(query.where, clock_.now());
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return no_such_invitation();
  Preview out;
  out.invitation = invitation_of(**row);
  Query projects(Table::projects);
  projects.where.eq(proj::id, out.invitation.project_id).eq(proj::is_active, true);
  auto project = store_.first(projects.columns({proj::slug, proj::name}));
  if (!project) return std::move(project).error();
  if (!project->has_value()) return no_such_invitation();
  out.project_slug = (*project)->text(proj::slug);
  out.project_name = (*project)->text(proj::name);
  return out;
}

base::Result<Invitations::Preview> Invitations::preview(std::string_view token) {
  return open(token);
}

base::Error Invitations::failed(const Actor& actor, const Preview* of, base::Error error) {
  if (error.is_world()) return error;
  AuditEntry entry = of != nullptr ? invitation_entry(actor, "invitation.accept", of->invitation)
                                   : AuditEntry::of(actor, "invitation.accept", "invitation", {});
  entry.result = "failed";
  entry.metadata["reason"] = error.where;
  audit_.record(std::move(entry));
  return error;
}

void Invitations::use_up(Commit& commit, const Preview& of, const base::Uuid& user) const {
  Where still;
  still.eq(inv::id, of.invitation.id);
  add_still_open(still, clock_.now());
  commit.update(Table::invitations, std::move(still),
                {{inv::accepted_at, clock_.now()},
                 {inv::accepted_by_user_id, user},
                 {inv::updated_at, clock_.now()}},
                1, 1);
}

base::Result<Invitations::Accepted> Invitations::accept(std::string_view token,
                                                        std::string_view display_name,
                                                        std::string_view password,
                                                        const Client& client) {
  Actor actor{std::nullopt, std::nullopt, client.ip, client.user_agent};
  auto of = open(token);
  if (!of) return failed(actor, nullptr, std::move(of).error());
  auto phc = auth_.checked_hash(password);
  if (!phc) return failed(actor, &*of, std::move(phc).error());
  User user;
  user.id = base::Uuid::random();
  user.email = of->invitation.email;
  user.display_name = clean_text(trimmed(display_name), 200);
  user.created_at = user.updated_at = clock_.now();
  auto join = memberships_.joining(user.id, of->invitation.project_id, of->invitation.role);
  if (!join) return std::move(join).error();
  actor.user_id = user.id;
  Commit commit;
  auto done = audit_.commit(
      {invitation_entry(actor, "invitation.accept", of->invitation)},
      [&](Commit& c) {
        use_up(c, *of, user.id);
        c.insert(user_rows(user, *phc));
        (*join)(c);
      },
      commit);
  if (done) return Accepted{user.id, of->project_slug, of->invitation.role};
  actor.user_id.reset();
  if (done.error().code != base::Code::conflict) return std::move(done).error();
  if (commit.bad_step() == 0) return failed(actor, &*of, no_such_invitation());
  base::Error error = refuse::conflict("account_exists", "a user with this e-mail address exists");
  error.hint = "sign in as that user and open the link again";
  return failed(actor, &*of, std::move(error));
}

base::Result<Invitations::Accepted> Invitations::accept(std::string_view token, const User& user,
                                                        const Actor& actor) {
  auto of = open(token);
  if (!of) return failed(actor, nullptr, std::move(of).error());
  if (of->invitation.email != user.email) {
    return failed(actor, &*of,
                  refuse::error(base::Code::denied, "other_address",
                                "this invitation is for another e-mail address",
                                "sign in as the user of that address, or sign out first"));
  }
  auto join = memberships_.joining(user.id, of->invitation.project_id, of->invitation.role);
  if (!join) return std::move(join).error();
  Commit commit;
  auto done = audit_.commit(
      {invitation_entry(actor, "invitation.accept", of->invitation)},
      [&](Commit& c) {
        use_up(c, *of, user.id);
        (*join)(c);
      },
      commit);
  if (done) return Accepted{user.id, of->project_slug, of->invitation.role};
  if (done.error().code != base::Code::conflict) return std::move(done).error();
  if (commit.bad_step() == 0) return failed(actor, &*of, no_such_invitation());
  return failed(actor, &*of,
                refuse::conflict("already_member", "you are a member of this project already"));
}

}  // namespace z4j::core
