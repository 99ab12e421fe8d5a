// Sign-in, sessions and the signed-in user's own account.
//
// Passwords guessed: every attempt takes at least the floor time and one argon2 run, whether the
// account exists or not, and every refusal reads the same. Failures are counted twice:
//   - per account AND source (address; IPv6 by /64): `lockout_threshold` failures in a row close
//     the account to that source for `lockout_s` from the latest failure;
//   - per account: `lockout_threshold` failures in a row close it for `lockout_s`, once; later
//     refusals don't prolong the lock, and the count starts anew when it ends.
// A closed account still opens to the right password from a source that signed in to it during the
// last 30 days, and from a source that never failed on it (a few such tries an hour in all). So
// guessing is slowed as the defaults promise, and nobody can lock an owner out from afar.
//
// At most `max_at_once` sign-ins are looked at together, since each costs a hash and a thread; who
// comes on top is told at once to come back in a second.
//
// A session is a row; the cookie carries its id and issue time, signed with the session secret.
// What ends it: sign-out, revocation, expiry, idling (not with remember_me), deactivation, a
// password change.
//
// Threads: thread-safe. Errors: see refusal.hpp; else the store's.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "core/audit.hpp"
#include "core/failure_counts.hpp"
#include "core/passwords.hpp"
#include "core/policy.hpp"
#include "core/store.hpp"

namespace z4j::core {

// The address as it is stored and looked up. Blanks around are dropped, ASCII letters made lower
// case; names like admin@localhost are fine. A domain with other letters must come in its xn--
// form.
[[nodiscard]] base::Result<std::string> normalise_email(std::string_view text);

[[nodiscard]] User user_of(const Row& row);  // of a Query on users with all()
[[nodiscard]] Session session_of(const Row& row);

struct AuthOptions {
  std::string session_secret;
  std::vector<std::string> previous_session_secrets;
  int absolute_lifetime_s = 604'800, remembered_lifetime_s = 2'592'000, idle_timeout_s = 1800;
  int lockout_threshold = 10, lockout_s = 900, min_duration_ms = 300;
  double backoff_base_s = 0.5, backoff_max_s = 5;
  int password_min_length = 12;
  unsigned max_at_once = 8;          // sign-ins
  unsigned max_delayed = 8;          // refusals held back at once; more are told without back-off
  std::function<void(int ms)> wait;  // empty: sleeps
};
[[nodiscard]] AuthOptions auth_options(const config::Settings& settings);

struct Client {
  std::string ip, user_agent;
};

struct SignedIn {
  User user;
  Session session;
  std::string cookie;      // value of the session cookie
  std::int64_t max_age_s;  // of both cookies
};

struct MembershipView {
  base::Uuid project_id;
  std::string project_slug;
  Role role = Role::none;
};

struct Me {
  User user;
  std::vector<MembershipView> memberships;  // active projects; all of them (up to 500) for an admin
};

struct PasswordChange {
  std::string phc;
  bool must_be_changed = false;          // somebody else chose it
  std::string_view ends_because;         // what the ended sessions say
  const Session* new_session = nullptr;  // the one that goes on
};

// Nothing: leave as it is.
struct MePatch {
  std::optional<std::string> first_name, last_name, display_name, timezone;
};

class Auth {
 public:
  Auth(Store& store, Audit& audit, PasswordHasher& hasher, const base::Clock& clock, base::Log& log,
       AuthOptions options);

  // `replaced`: the session cookie that came along; that session ends when it was the user's.
  [[nodiscard]] base::Result<SignedIn> login(std::string_view email, std::string_view password,
                                             bool remember_me, const Client& client,
                                             std::string_view replaced = {});
  // The session that the cookie value proves, its user and roles. Writes last_seen_at at most once
  // a minute.
  [[nodiscard]] base::Result<Principal> authenticate(std::string_view cookie);
  [[nodiscard]] base::Status check_csrf(const Principal& principal, std::string_view token) const;

  [[nodiscard]] base::Status logout(const Principal& principal, const Client& client);
  // Not revoked, newest first, at most 100; expired ones included.
  [[nodiscard]] base::Result<std::vector<Session>> sessions(const Principal& principal);
  [[nodiscard]] base::Status revoke_session(const Principal& principal, const base::Uuid& session,
                                            const Client& client);
  // All but this one; how many ended.
  [[nodiscard]] base::Result<std::uint64_t> revoke_other_sessions(const Principal& principal,
                                                                  const Client& client);
  // Ends all sessions and starts a new one.
  [[nodiscard]] base::Result<SignedIn> change_password(const Principal& principal,
                                                       std::string_view current,
                                                       std::string_view next, const Client& client);
  [[nodiscard]] base::Result<Me> me(const Principal& principal);
  [[nodiscard]] base::Result<Me> update_me(const Principal& principal, const MePatch& patch,
                                           const Client& client);

  // The hash of a password that keeps the rules.
  [[nodiscard]] base::Result<std::string> checked_hash(std::string_view password);
  // Steps of a commit: a new password; sessions and browsers trusted without a second factor end,
  // reset links are void, locks open.
  void put_password(Commit& commit, const base::Uuid& user, const PasswordChange& change) const;
  void end_sessions(Commit& commit, const base::Uuid& user, std::string_view why) const;
  // After a new password: old failures must not keep its owner out. Those that this process counts.
  void forget_failures(std::string_view email);

  // Rows of sessions that ended over 30 days ago; at most 500 a call.
  [[nodiscard]] base::Status sweep_sessions();

  // For setup: rows of a new user and of a first session.
  [[nodiscard]] Session new_session(const base::Uuid& user, bool remember_me,
                                    const Client& client) const;
  void insert_session(Commit& commit, const Session& session) const;
  [[nodiscard]] SignedIn signed_in(User user, Session session) const;
  [[nodiscard]] const AuthOptions& options() const noexcept { return options_; }

 private:
  struct Attempt;  // what is known of one sign-in
  [[nodiscard]] base::Result<SignedIn> run(Attempt& attempt, std::string_view password,
                                           bool remember_me, std::string_view replaced);
  [[nodiscard]] base::Result<bool> may_try(Attempt& attempt);
  [[nodiscard]] base::Result<bool> is_known_source(const Attempt& attempt);
  [[nodiscard]] base::Error refused(Attempt& attempt, std::string_view why);
  void hold_back(const Attempt& attempt, std::int64_t started_ms, bool has_failed);
  [[nodiscard]] std::string sign(const Session& session, std::string_view secret) const;
  [[nodiscard]] std::optional<base::Uuid> verified(std::string_view cookie,
                                                   base::TimeUs& issued_at) const;
  [[nodiscard]] base::Result<std::optional<Row>> user_row(const base::Uuid& id);

  Store& store_;
  Audit& audit_;
  PasswordHasher& hasher_;
  const base::Clock& clock_;
  base::Log& log_;
  const AuthOptions options_;
  FailureCounts pair_failures_;   // account and source
  FailureCounts stranger_tries_;  // tries of fresh sources on a closed account
  std::atomic<unsigned> at_once_{0}, delayed_{0};
};

}  // namespace z4j::core
