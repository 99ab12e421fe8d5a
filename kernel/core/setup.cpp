#include "core/setup.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "core/account_rows.hpp"
#include "core/one_time_token.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace tok = model::first_boot_tokens;
namespace user_col = model::users;

constexpr std::int64_t kSetupBudgetUs = 900 * base::kSecondUs;

Actor setup_actor(const Client& client) {
  return Actor{std::nullopt, std::nullopt, client.ip, client.user_agent};
}

}  // namespace

Setup::Setup(Store& store, Audit& audit, Auth& auth, Projects& projects, Memberships& memberships,
             const base::Clock& clock, Options options)
    : store_(store),
      audit_(audit),
      auth_(auth),
      projects_(projects),
      memberships_(memberships),
      clock_(clock),
      options_(std::move(options)) {}

std::string Setup::token_hash(std::string_view token) const {
  return token_digest(options_.secret, "z4j-setup-token-v1", token);
}

base::Result<bool> Setup::is_first_boot() {
  Query query(Table::users);
  auto row = store_.first(query.columns({user_col::id}));
  if (!row) return std::move(row).error();
  return !row->has_value();
}

base::Result<std::optional<std::string>> Setup::mint_token() {
  auto first = is_first_boot();
  if (!first) return std::move(first).error();
  if (!*first) return std::optional<std::string>{};
  std::string token = base::random_token();
  const base::TimeUs now = clock_.now();
  Commit commit;
  commit.erase(Table::first_boot_tokens, {});
  Rows rows(Table::first_boot_tokens);
  rows.begin()
      .uuid(tok::id, base::Uuid::random())
      .text(tok::token_hash, token_hash(token))
      .num(tok::expires_at, now + options_.token_ttl_s * base::kSecondUs)
      .num(tok::created_at, now);
  commit.insert(std::move(rows));
  if (auto done = store_.commit(commit); !done) return std::move(done).error();
  return std::optional<std::string>(std::move(token));
}

base::Result<bool> Setup::has_active_token() {
  auto first = is_first_boot();
  if (!first || !*first) return first;
  Query query(Table::first_boot_tokens);
  query.where.is_null(tok::consumed_at).gt(tok::expires_at, clock_.now());
  auto row = store_.first(query.columns({tok::id}));
  if (!row) return std::move(row).error();
  return row->has_value();
}

base::Status Setup::check_budget(const Client& client) {
  namespace a = model::audit_log;
  base::TimeUs since = clock_.now() - kSetupBudgetUs;
  Query forgiven(Table::audit_log);
  forgiven.where.eq(a::action, "setup.reset").ge(a::occurred_at, since);
  auto done = store_.each(forgiven.columns({a::occurred_at}), [&since](const Row& row) {
    since = std::max(since, row.num(a::occurred_at));
    return true;
  });
  if (!done) return done;
  const auto spent = [&](bool of_this_address, unsigned budget) -> base::Result<bool> {
    Where where;
    where.eq(a::action, "setup.attempt").gt(a::occurred_at, since);
    if (of_this_address) where.eq(a::source_ip, client.ip);
    auto count = store_.count(Table::audit_log, where, budget);
    if (!count) return std::move(count).error();
    return *count >= budget;
  };
  auto over = spent(true, options_.attempts_per_ip);
  if (over && !*over) over = spent(false, options_.attempts_per_ip * 8);
  if (!over) return std::move(over).error();
  if (*over) {
    base::Error error = refuse::error(base::Code::busy, refuse::kRateLimited,
                                      "too many setup attempts; wait 15 minutes");
    error.retry_after_ms = 900'000;
    return error;
  }
  return {};
}

base::Status Setup::reset(const Actor& actor) {
  auto done = audit_.commit({AuditEntry::of(actor, "setup.reset", "setup", {})}, [](Commit& c) {
    c.check(Table::users, {}, 0, 0);
    c.erase(Table::first_boot_tokens, {});
  });
  if (!done && done.error().code == base::Code::conflict)
    return refuse::conflict("already_initialised", "setup is done already: a user exists");
  return done;
}

base::Result<User> Setup::create_admin(std::string_view email, std::string_view password,
                                       std::string_view display_name, const Project& project,
                                       AuditEntry entry, const std::string* consumed_hash,
                                       const Session* session, const base::Uuid& user_id) {
  auto normal = normalise_email(email);
  if (!normal) return std::move(normal).error();
  auto phc = auth_.checked_hash(password);
  if (!phc) return std::move(phc).error();
  User user;
  user.id = user_id;
  user.email = std::move(*normal);
  user.display_name = clean_text(trimmed(display_name), 200);
  user.timezone = "UTC";
  user.is_admin = true;
  user.created_at = user.updated_at = clock_.now();
  entry.target_id = user.id.text();
  entry.user_id = user.id;
  entry.project_id = project.id;
  auto join = memberships_.joining(user.id, project.id, Role::admin);
  if (!join) return std::move(join).error();
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        c.check(Table::users, {}, 0, 0);
        if (consumed_hash != nullptr) {
          Where unused;
          unused.eq(tok::token_hash, *consumed_hash)
              .is_null(tok::consumed_at)
              .gt(tok::expires_at, clock_.now());
          c.update(Table::first_boot_tokens, std::move(unused), {{tok::consumed_at, clock_.now()}},
                   1, 1);
        }
        c.insert(user_rows(user, *phc));
        (*join)(c);
        memberships_.found(c, user.id, project.id);
        if (session != nullptr) auth_.insert_session(c, *session);
      },
      commit);
  if (!done) {
    if (done.error().code != base::Code::conflict) return std::move(done).error();
    if (commit.bad_step() == 1 && consumed_hash != nullptr) {
      return refuse::error(base::Code::not_found, "invalid_token",
                           "the setup token is not valid (any more)");
    }
    return refuse::conflict("already_initialised", "setup is done already: a user exists");
  }
  return user;
}

base::Result<Setup::Completed> Setup::complete(std::string_view token, std::string_view email,
                                               std::string_view display_name,
                                               std::string_view password, const Client& client) {
  const Actor actor = setup_actor(client);
  const auto failed = [&](base::Error error) {
    AuditEntry entry = AuditEntry::of(actor, "setup.attempt", "setup", {});
    entry.result = "failed";
    entry.metadata["reason"] = error.where;
    audit_.record(std::move(entry));
    return error;
  };
  if (auto within = check_budget(client); !within) return std::move(within).error();
  auto first = is_first_boot();
  if (!first) return std::move(first).error();
  if (!*first)
    return refuse::conflict("already_initialised", "setup is done already: a user exists");

  const std::string hash = token_hash(token);
  Query query(Table::first_boot_tokens);
  query.where.is_null(tok::consumed_at);
  auto row = store_.first(query.columns({tok::token_hash, tok::expires_at}));
  if (!row) return std::move(row).error();
  if (!row->has_value()) {
    return failed(refuse::error(base::Code::not_found, "no_active_token",
                                "no setup token is active", "restart the brain to get one"));
  }
  if (!base::equal_constant_time((*row)->text(tok::token_hash), hash)) {
    return failed(refuse::error(base::Code::not_found, "invalid_token", "the setup token is wrong",
                                "use the link that the latest start printed"));
  }
  if ((*row)->num(tok::expires_at) <= clock_.now()) {
    return failed(refuse::error(base::Code::not_found, "expired", "the setup token has expired",
                                "restart the brain to get a new one"));
  }
  auto project = projects_.ensure_default();
  if (!project) return std::move(project).error();

  const base::Uuid user_id = base::Uuid::random();
  Session session = auth_.new_session(user_id, false, client);
  auto user =
      create_admin(email, password, display_name, *project,
                   AuditEntry::of(actor, "setup.completed", "user", {}), &hash, &session, user_id);
  if (!user) return failed(std::move(user).error());
  return Completed{auth_.signed_in(std::move(*user), std::move(session)), project->id};
}

base::Result<User> Setup::bootstrap(std::string_view email, std::string_view password,
                                    std::string_view display_name, std::string_view via) {
  auto project = projects_.ensure_default();
  if (!project) return std::move(project).error();
  AuditEntry entry;
  entry.action = "setup.completed";
  entry.target_type = "user";
  entry.metadata["via"] = via;
  return create_admin(email, password, display_name, *project, std::move(entry), nullptr, nullptr,
                      base::Uuid::random());
}

}  // namespace z4j::core
