#include "core/password_resets.hpp"

#include <chrono>
#include <thread>

#include "core/mail.hpp"
#include "core/one_time_token.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace reset_col = model::password_reset_tokens;
namespace user_col = model::users;

constexpr std::size_t kLongestResetToken = 256;

base::Error invalid_or_expired() {
  return refuse::error(base::Code::not_found, "invalid_or_expired", "invalid_or_expired",
                       "ask for a new link");
}

Actor reset_actor(const Client& client) {
  return Actor{std::nullopt, std::nullopt, client.ip, client.user_agent};
}

}  // namespace

struct PasswordResets::Asked {
  const User& user;
  const Client& client;
};

PasswordResets::PasswordResets(Store& store, Audit& audit, Auth& auth, AccountMail& mail,
                               const base::Clock& clock, base::Log& log, Options options)
    : store_(store),
      audit_(audit),
      auth_(auth),
      mail_(mail),
      clock_(clock),
      log_(log),
      options_(std::move(options)) {}

base::Status PasswordResets::request(std::string_view email, const Client& client) {
  const std::int64_t started_ms = clock_.steady_ms();
  auto normal = normalise_email(email);
  if (!normal) return std::move(normal).error();
  const auto run = [&]() -> base::Status {
    Query query(Table::users);
    query.where.eq(user_col::email, *normal);
    auto row = store_.first(query.all());
    if (!row) return std::move(row).error();
    std::optional<User> user;
    if (row->has_value()) user = user_of(**row);
    const bool is_elsewhere = user && (*row)->is_null(user_col::password_hash) &&
                              !(*row)->is_null(user_col::sso_provider);
    auto why = is_elsewhere
                   ? base::Result<std::optional<std::string>>(std::string("signs_in_elsewhere"))
                   : why_not(user);
    if (!why) return std::move(why).error();
    if (!*why) return mint({*user, client});
    AuditEntry entry = AuditEntry::of(reset_actor(client), "auth.password_reset_requested", "user",
                                      user ? user->id.text() : "");
    entry.result = "failed";
    entry.metadata["reason"] = **why;
    audit_.record(std::move(entry));
    return {};
  };
  auto done = run();
  const std::int64_t left_ms = auth_.options().min_duration_ms - (clock_.steady_ms() - started_ms);
  if (left_ms > 0) {
    if (options_.wait) {
      options_.wait(static_cast<int>(left_ms));
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(left_ms));
    }
  }
  if (!done) log_.error("password reset not prepared", {{"why", done.error().text()}});
  return {};
}

// Why nothing is sent; none: it is.
base::Result<std::optional<std::string>> PasswordResets::why_not(const std::optional<User>& user) {
  using Why = std::optional<std::string>;
  if (!user) return Why("unknown");
  if (!user->is_active) return Why("inactive");
  auto can = mail_.can_mail(std::nullopt, user->id);
  if (!can) return std::move(can).error();
  if (!*can) {
    log_.warn("a password reset was asked for, and there is no way to send mail",
              {{"user_id", user->id.text()}});
    return Why("no_mail_transport");
  }
  Where recent;
  recent.eq(reset_col::user_id, user->id)
      .gt(reset_col::created_at, clock_.now() - kLifeS / 2 * base::kSecondUs);
  auto count = store_.count(Table::password_reset_tokens, recent, kMostLinks);
  if (!count) return std::move(count).error();
  return *count >= kMostLinks ? Why("too_many") : Why();
}

base::Status PasswordResets::mint(const Asked& asked) {
  const std::string token = base::random_token();
  const base::Uuid id = base::Uuid::random();
  const base::TimeUs now = clock_.now(), until = now + kLifeS * base::kSecondUs;
  const Mail mail = mail_.reset(asked.user, token, until);
  auto done =
      audit_.commit({AuditEntry::of(reset_actor(asked.client), "auth.password_reset_requested",
                                    "user", asked.user.id.text())},
                    [&](Commit& c) {
                      Rows rows(Table::password_reset_tokens);
                      rows.begin()
                          .uuid(reset_col::id, id)
                          .uuid(reset_col::user_id, asked.user.id)
                          .text(reset_col::token_hash, token_digest(options_.secret, {}, token))
                          .num(reset_col::expires_at, until)
                          .num(reset_col::created_at, now);
                      c.insert(std::move(rows));
                      mail_.queue(c, mail);
                      Where old;
                      old.lt(reset_col::expires_at, now - base::kDayUs);
                      c.erase(Table::password_reset_tokens, std::move(old), 100);
                    });
  if (done) mail_.look();
  return done;
}

base::Status PasswordResets::confirm(std::string_view token, std::string_view next,
                                     const Client& client) {
  AuditEntry entry =
      AuditEntry::of(reset_actor(client), "auth.password_reset_completed", "user", {});
  const auto refused = [&](base::Error error) {
    entry.result = "failed";
    entry.metadata["reason"] = error.where;
    audit_.record(std::move(entry));
    return error;
  };
  if (token.empty() || token.size() > kLongestResetToken || !is_utf8(token))
    return refused(invalid_or_expired());
  Query query(Table::password_reset_tokens);
  query.where
      .in(reset_col::token_hash,
          token_digests(options_.secret, options_.previous_secrets, {}, token))
      .is_null(reset_col::consumed_at)
      .gt(reset_col::expires_at, clock_.now());
  auto row = store_.first(query.columns({reset_col::id, reset_col::user_id}));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refused(invalid_or_expired());
  const base::Uuid id = (*row)->uuid(reset_col::id), user_id = (*row)->uuid(reset_col::user_id);
  entry.target_id = user_id.text();

  Query users(Table::users);
  users.where.eq(user_col::id, user_id).eq(user_col::is_active, true);
  auto user = store_.first(users.columns({user_col::email}));
  if (!user) return std::move(user).error();
  if (!user->has_value()) return refused(invalid_or_expired());
  auto phc = auth_.checked_hash(next);
  if (!phc) {
    if (phc.error().is_world()) return std::move(phc).error();
    return refused(std::move(phc).error());
  }
  entry.user_id = user_id;
  const PasswordChange change{.phc = std::move(*phc), .ends_because = "password_reset"};
  auto done = audit_.commit({entry}, [&](Commit& c) {
    Where unused, active;
    unused.eq(reset_col::id, id)
        .is_null(reset_col::consumed_at)
        .gt(reset_col::expires_at, clock_.now());
    c.update(Table::password_reset_tokens, std::move(unused),
             {{reset_col::consumed_at, clock_.now()}}, 1, 1);
    active.eq(user_col::id, user_id).eq(user_col::is_active, true);
    c.check(Table::users, std::move(active), 1, 1);
    auth_.put_password(c, user_id, change);
  });
  if (!done) {
    if (done.error().code == base::Code::conflict) return refused(invalid_or_expired());
    return done;
  }
  auth_.forget_failures((*user)->text(user_col::email));
  return {};
}

}  // namespace z4j::core
