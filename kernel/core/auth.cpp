#include "core/auth.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/crypto.hpp"
#include "core/principals.hpp"
#include "core/rate_limit.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"
#include "core/users.hpp"

namespace z4j::core {
namespace {

namespace user_col = model::users;
namespace sess = model::sessions;
namespace json = base::json;

constexpr std::int64_t kKnownSourceUs = 30 * base::kDayUs;
constexpr unsigned kStrangerTries = 5;  // on a closed account
constexpr std::int64_t kStrangerWindowS = 3600;
constexpr std::size_t kAuthCounterKeys = 50'000;
constexpr std::size_t kCookiePayload = 32, kCookieLength = 32 + 1 + 43;
constexpr std::uint32_t kSessionListCap = 100, kKnownSourceSessions = 200, kMembershipCap = 500,
                        kSweepRows = 500;

std::string cookie_payload(const base::Uuid& id, base::TimeUs issued_at) {
  std::string bytes(id.view());
  for (int shift = 56; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<std::uint64_t>(issued_at) >> shift & 0xFF);
  return base::base64url(bytes);
}

Actor actor_of(const Client& client, std::optional<base::Uuid> user = std::nullopt) {
  return Actor{user, std::nullopt, client.ip, client.user_agent};
}

bool is_domain(std::string_view domain) {
  if (domain.empty() || domain.size() > 255) return false;
  std::size_t label = 0;
  char before = '.';
  for (const char c : domain) {
    if (c == '.') {
      if (label == 0 || before == '-') return false;
      label = 0;
    } else {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
      if (!plain && (c != '-' || label == 0)) return false;
      if (++label > 63) return false;
    }
    before = c;
  }
  return before != '.' && before != '-';
}

// One of a few; nobody waits for one.
class Seat {
 public:
  Seat(std::atomic<unsigned>& taken, unsigned seats)
      : taken_(taken), has_(taken_.fetch_add(1) < seats) {}
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() { --taken_; }
  explicit operator bool() const noexcept { return has_; }

 private:
  std::atomic<unsigned>& taken_;
  bool has_;
};

}  // namespace

base::Result<std::string> normalise_email(std::string_view text) {
  const auto bad = [](std::string_view why) {
    return refuse::invalid("email",
                           "e-mail address " + std::string(why) + "; expected is name@domain");
  };
  const std::string email = ascii_lower(trimmed(text));
  if (email.size() < 3 || email.size() > 320) return bad("must have 3 to 320 characters");
  if (!is_utf8(email)) return bad("is not valid text");
  const std::size_t at = email.rfind('@');
  if (at == std::string::npos || at == 0 || at > 64)
    return bad("has no name of 1 to 64 characters before the @");
  for (const char c : std::string_view(email).substr(0, at)) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F ||
        std::string_view("\"(),:;<>@[]\\").find(c) != std::string_view::npos) {
      return bad("has a character before the @ that is not allowed");
    }
  }
  if (!is_domain(std::string_view(email).substr(at + 1)))
    return bad("has no valid domain after the @ (write non-ASCII ones as xn--)");
  return email;
}

User user_of(const Row& row) {
  User u;
  u.id = row.uuid(user_col::id);
  u.email = row.text(user_col::email);
  u.display_name = row.text(user_col::display_name);
  u.first_name = row.text(user_col::first_name);
  u.last_name = row.text(user_col::last_name);
  u.timezone = row.text(user_col::timezone);
  u.is_admin = row.flag(user_col::is_admin);
  u.is_active = row.flag(user_col::is_active);
  u.created_at = row.num(user_col::created_at);
  u.updated_at = row.num(user_col::updated_at);
  u.last_login_at = row.num(user_col::last_login_at);
  u.force_password_change = row.flag(user_col::force_password_change);
  u.mfa_enrolled_at = row.num(user_col::mfa_enrolled_at);
  u.mfa_demanded_at = row.num(user_col::mfa_enforcement_started_at);
  return u;
}

Session session_of(const Row& row) {
  Session s;
  s.id = row.uuid(sess::id);
  s.user_id = row.uuid(sess::user_id);
  s.csrf_token = row.text(sess::csrf_token);
  s.issued_at = row.num(sess::issued_at);
  s.expires_at = row.num(sess::expires_at);
  s.last_seen_at = row.num(sess::last_seen_at);
  s.remember_me = row.flag(sess::remember_me);
  s.ip_at_issue = row.text(sess::ip_at_issue);
  s.user_agent_at_issue = row.text(sess::user_agent_at_issue);
  s.mfa_verified_at = row.num(sess::mfa_verified_at);
  return s;
}

AuthOptions auth_options(const config::Settings& settings) {
  AuthOptions o;
  o.session_secret = settings.session_secret;
  o.previous_session_secrets = settings.previous_session_secrets;
  o.absolute_lifetime_s = settings.session_absolute_lifetime_s;
  o.remembered_lifetime_s = settings.session_remember_me_lifetime_s;
  o.idle_timeout_s = settings.session_idle_timeout_s;
  o.lockout_threshold = settings.login_lockout_threshold;
  o.lockout_s = settings.login_lockout_s;
  o.min_duration_ms = settings.login_min_duration_ms;
  o.backoff_base_s = settings.login_backoff_base_s;
  o.backoff_max_s = settings.login_backoff_max_s;
  o.password_min_length = settings.password_min_length;
  return o;
}

struct Auth::Attempt {
  std::string email;   // normalised, or "" when it is no address
  std::string source;  // client_key
  std::string pair;    // key of account and source
  const Client& client;
  std::optional<Row> user;
  bool is_closed = false;   // the account is locked
  bool is_checked = false;  // the password was looked at and was wrong
  unsigned failures = 0;    // of the pair, this one included
};

Auth::Auth(Store& store, Audit& audit, PasswordHasher& hasher, const base::Clock& clock,
           base::Log& log, AuthOptions options)
    : store_(store),
      audit_(audit),
      hasher_(hasher),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      pair_failures_(clock, kAuthCounterKeys),
      stranger_tries_(clock, kAuthCounterKeys) {}

base::Result<std::optional<Row>> Auth::user_row(const base::Uuid& id) {
  Query query(Table::users);
  query.where.eq(user_col::id, id);
  return store_.first(query.all());
}

// --- sign-in ------------------------------------------------------------------------------------

base::Result<SignedIn> Auth::login(std::string_view email, std::string_view password,
                                   bool remember_me, const Client& client,
                                   std::string_view replaced) {
  const std::int64_t started_ms = clock_.steady_ms();
  Attempt attempt{{}, client_key(client.ip), {}, client, std::nullopt, false, false, 0};
  if (auto normal = normalise_email(email)) attempt.email = std::move(normal).value();
  attempt.pair = attempt.email + '\n' + attempt.source;
  auto result = [&]() -> base::Result<SignedIn> {
    const Seat seat(at_once_, options_.max_at_once);
    if (!seat) {
      return base::Error{
          base::Code::busy, "too many sign-ins at this moment", {}, "try again in a moment", 1000};
    }
    return run(attempt, password, remember_me, replaced);
  }();
  if (!result && result.error().is_world()) return result;
  hold_back(attempt, started_ms, !result);
  return result;
}

base::Result<SignedIn> Auth::run(Attempt& attempt, std::string_view password, bool remember_me,
                                 std::string_view replaced) {
  const bool has_shape =
      !attempt.email.empty() && !password.empty() && password.size() <= 4 * kPasswordMaxLength;
  if (has_shape) {
    Query query(Table::users);
    query.where.eq(user_col::email, attempt.email);
    auto row = store_.first(query.all());
    if (!row) return std::move(row).error();
    attempt.user = std::move(*row);
  }
  auto may = may_try(attempt);
  if (!may) return std::move(may).error();
  const bool is_active = attempt.user && attempt.user->flag(user_col::is_active);
  const bool has_password = attempt.user && !attempt.user->is_null(user_col::password_hash);
  if (!is_active || !has_password || !*may) {
    if (auto done = hasher_.verify_dummy(password.substr(0, 4 * kPasswordMaxLength)); !done)
      return std::move(done).error();
    if (!*may) return refused(attempt, "locked");
    return refused(attempt, !attempt.user ? "unknown" : is_active ? "no_password" : "inactive");
  }
  const std::string seen_hash(attempt.user->text(user_col::password_hash));
  auto good = hasher_.verify(seen_hash, password);
  if (!good) return std::move(good).error();
  if (!*good) {
    attempt.is_checked = true;
    return refused(attempt, "wrong_password");
  }

  User user = user_of(*attempt.user);
  std::vector<Set> sets{{user_col::failed_login_count, 0}, {user_col::last_login_at, clock_.now()}};
  if (base::password_needs_rehash(seen_hash)) {
    if (auto phc = hasher_.hash(password)) sets.push_back({user_col::password_hash, Cell(*phc)});
  }
  // A running lock stays: whoever guesses gets no fresh tries from the owner's sign-in.
  if (!attempt.is_closed) sets.push_back({user_col::locked_until, nullptr});
  const Session session = new_session(user.id, remember_me, attempt.client);
  base::TimeUs replaced_issued_at = 0;
  const auto before = verified(replaced, replaced_issued_at);
  AuditEntry entry =
      AuditEntry::of(actor_of(attempt.client, user.id), "auth.login", "user", user.id.text());
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where unchanged;  // a password changed meanwhile must win
    unchanged.eq(user_col::id, user.id)
        .eq(user_col::password_hash, seen_hash)
        .eq(user_col::is_active, true);
    c.update(Table::users, std::move(unchanged), sets, 1, 1);
    insert_session(c, session);
    if (!before) return;
    Where old;
    old.eq(sess::id, *before).eq(sess::user_id, user.id).is_null(sess::revoked_at);
    c.update(Table::sessions, std::move(old),
             {{sess::revoked_at, session.issued_at}, {sess::revocation_reason, "replaced"}});
  });
  if (!done) {
    if (done.error().code == base::Code::conflict) return refused(attempt, "changed_meanwhile");
    return std::move(done).error();
  }
  pair_failures_.clear(attempt.pair);
  return signed_in(std::move(user), session);
}

base::Result<bool> Auth::may_try(Attempt& attempt) {
  const auto threshold = static_cast<unsigned>(options_.lockout_threshold);
  const unsigned pair = pair_failures_.count(attempt.pair, options_.lockout_s);
  if (pair >= threshold) return false;
  if (!attempt.user || attempt.user->num(user_col::locked_until) <= clock_.now()) return true;
  attempt.is_closed = true;
  auto known = is_known_source(attempt);
  if (!known || *known) return known;
  if (pair > 0 || stranger_tries_.count(attempt.email, kStrangerWindowS) >= kStrangerTries)
    return false;
  stranger_tries_.add(attempt.email, kStrangerWindowS);
  return true;
}

base::Result<bool> Auth::is_known_source(const Attempt& attempt) {
  Query query(Table::sessions);
  query.where.eq(sess::user_id, attempt.user->uuid(user_col::id))
      .ge(sess::issued_at, clock_.now() - kKnownSourceUs);
  query.columns({sess::ip_at_issue, sess::issued_at, sess::id})
      .order({sess::issued_at, sess::id}, true)
      .limit(kKnownSourceSessions);
  bool known = false;
  auto done = store_.each(query, [&](const Row& row) {
    known = client_key(row.text(sess::ip_at_issue)) == attempt.source;
    return !known;
  });
  if (!done) return std::move(done).error();
  return known;
}

base::Error Auth::refused(Attempt& attempt, std::string_view why) {
  const auto threshold = static_cast<std::int64_t>(options_.lockout_threshold);
  // Failures on accounts that don't exist count too, so that back-off tells nothing.
  if (why != "locked") {
    attempt.failures = pair_failures_.add(attempt.pair, options_.lockout_s);
  } else {
    attempt.failures = pair_failures_.count(attempt.pair, options_.lockout_s);
  }
  const Actor actor = actor_of(attempt.client);
  AuditEntry entry = AuditEntry::of(actor, "auth.login", "user", {});
  entry.result = "failed";
  entry.metadata["reason"] = why;
  if (attempt.user) {
    entry.target_id = attempt.user->uuid(user_col::id).text();
  }
  const bool counts = attempt.user && attempt.is_checked && !attempt.is_closed;
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    if (!counts) return;
    const base::TimeUs now = clock_.now();
    const bool lock_ran_out = !attempt.user->is_null(user_col::locked_until);
    const std::int64_t count =
        (lock_ran_out ? 0 : attempt.user->num(user_col::failed_login_count)) + 1;
    std::vector<Set> sets{{user_col::last_failed_login_at, now}};
    if (lock_ran_out) {
      sets.push_back({user_col::failed_login_count, 1});
    } else {
      sets.push_back({user_col::failed_login_count, 1, Z4J_M_ADD});
    }
    if (count >= threshold) {
      sets.push_back({user_col::locked_until, now + options_.lockout_s * base::kSecondUs});
    } else if (lock_ran_out) {
      sets.push_back({user_col::locked_until, nullptr});
    }
    Where where;
    where.eq(user_col::id, attempt.user->uuid(user_col::id));
    c.update(Table::users, std::move(where), std::move(sets));
  });
  if (!done) log_.error("failed sign-in not recorded", {{"why", done.error().text()}});
  return refuse::unauthenticated(refuse::kInvalidCredentials);
}

void Auth::hold_back(const Attempt& attempt, std::int64_t started_ms, bool has_failed) {
  const auto wait = [this](std::int64_t ms) {
    if (ms <= 0) return;
    if (options_.wait) {
      options_.wait(static_cast<int>(ms));
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    }
  };
  const std::int64_t spent_ms = clock_.steady_ms() - started_ms;
  double want_ms = options_.min_duration_ms;
  if (has_failed && attempt.failures > 0) {
    const double backoff_s =
        std::min(options_.backoff_max_s,
                 options_.backoff_base_s *
                     std::ldexp(1.0, static_cast<int>(std::min(attempt.failures, 16u))));
    const Seat seat(delayed_, options_.max_delayed);
    if (seat) want_ms = std::max(want_ms, backoff_s * 1000);
    wait(static_cast<std::int64_t>(want_ms) - spent_ms);
    return;
  }
  wait(static_cast<std::int64_t>(want_ms) - spent_ms);
}

// --- sessions -----------------------------------------------------------------------------------

Session Auth::new_session(const base::Uuid& user, bool remember_me, const Client& client) const {
  Session s;
  s.id = base::Uuid::random();
  s.user_id = user;
  s.csrf_token = base::random_token();
  s.issued_at = s.last_seen_at = clock_.now();
  s.expires_at =
      s.issued_at + (remember_me ? options_.remembered_lifetime_s : options_.absolute_lifetime_s) *
                        base::kSecondUs;
  s.remember_me = remember_me;
  s.ip_at_issue = clean_text(client.ip, 64);
  s.user_agent_at_issue = clean_text(client.user_agent, 1024);
  return s;
}

void Auth::insert_session(Commit& commit, const Session& s) const {
  Rows rows(Table::sessions);
  rows.begin()
      .uuid(sess::id, s.id)
      .uuid(sess::user_id, s.user_id)
      .text(sess::csrf_token, s.csrf_token)
      .num(sess::issued_at, s.issued_at)
      .num(sess::expires_at, s.expires_at)
      .num(sess::last_seen_at, s.last_seen_at)
      .num(sess::remember_me, s.remember_me ? 1 : 0)
      .cell(sess::mfa_verified_at, s.mfa_verified_at == 0 ? Cell() : Cell(s.mfa_verified_at))
      .text_or_null(sess::ip_at_issue, s.ip_at_issue)
      .text_or_null(sess::user_agent_at_issue, s.user_agent_at_issue);
  commit.insert(std::move(rows));
}

std::string Auth::sign(const Session& session, std::string_view secret) const {
  const std::string payload = cookie_payload(session.id, session.issued_at);
  const base::Digest mac = base::hmac_sha256(secret, "z4j-session-v1\n" + payload);
  return payload + '.' + base::base64url({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

std::optional<base::Uuid> Auth::verified(std::string_view cookie, base::TimeUs& issued_at) const {
  if (cookie.size() != kCookieLength || cookie[kCookiePayload] != '.') return std::nullopt;
  const auto bytes = base::unbase64url(cookie.substr(0, kCookiePayload));
  if (!bytes || bytes->size() != 24) return std::nullopt;
  Session claimed;
  claimed.id = base::Uuid::from_bytes(std::string_view(*bytes).substr(0, 16));
  std::uint64_t us = 0;
  for (const char c : std::string_view(*bytes).substr(16))
    us = us << 8 | static_cast<unsigned char>(c);
  claimed.issued_at = issued_at = static_cast<base::TimeUs>(us);
  const auto fits = [&](const std::string& secret) {
    return base::equal_constant_time(sign(claimed, secret), cookie);
  };
  const bool good =
      fits(options_.session_secret) || std::any_of(options_.previous_session_secrets.begin(),
                                                   options_.previous_session_secrets.end(), fits);
  if (!good) return std::nullopt;
  return claimed.id;
}

SignedIn Auth::signed_in(User user, Session session) const {
  SignedIn out;
  out.cookie = sign(session, options_.session_secret);
  out.max_age_s = (session.expires_at - session.issued_at) / base::kSecondUs;
  out.user = std::move(user);
  out.session = std::move(session);
  return out;
}

base::Result<Principal> Auth::authenticate(std::string_view cookie) {
  base::TimeUs issued_at = 0;
  const auto id = verified(cookie, issued_at);
  if (!id) return refuse::unauthenticated();
  Query query(Table::sessions);
  query.where.eq(sess::id, *id).is_null(sess::revoked_at);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::unauthenticated();

  Principal p;
  p.session = session_of(**row);
  const base::TimeUs now = clock_.now();
  const std::int64_t idle_us = options_.idle_timeout_s * base::kSecondUs;
  const bool is_idle = !p.session.remember_me && now - p.session.last_seen_at > idle_us;
  if (p.session.issued_at != issued_at || now >= p.session.expires_at || is_idle)
    return refuse::unauthenticated();

  auto user = user_row(p.session.user_id);
  if (!user) return std::move(user).error();
  if (!user->has_value() || !(*user)->flag(user_col::is_active)) return refuse::unauthenticated();
  if (p.session.issued_at + base::kSecondUs < (*user)->num(user_col::password_changed_at))
    return refuse::unauthenticated();
  p.user = user_of(**user);

  if (auto read = read_roles(store_, p); !read) return std::move(read).error();

  if (now - p.session.last_seen_at >= std::min(60 * base::kSecondUs, idle_us / 4)) {
    Commit seen;
    Where where;
    where.eq(sess::id, p.session.id);
    seen.relaxed().update(Table::sessions, std::move(where),
                          {{sess::last_seen_at, now, Z4J_M_MAX}});
    // Apart: who reads must not wait behind a day of events that is being dropped.
    if (auto written = store_.commit_apart(seen); !written)
      log_.debug("last_seen_at not written", {{"why", written.error().text()}});
    p.session.last_seen_at = now;
  }
  return p;
}

base::Status Auth::check_csrf(const Principal& principal, std::string_view token) const {
  if (!principal.session.csrf_token.empty() &&
      base::equal_constant_time(principal.session.csrf_token, token))
    return {};
  return refuse::error(base::Code::denied, refuse::kCsrfMismatch,
                       "X-CSRF-Token does not belong to this session", "reload the page");
}

base::Status Auth::logout(const Principal& principal, const Client& client) {
  const Actor actor = actor_of(client, principal.user.id);
  return audit_.commit(
      {AuditEntry::of(actor, "auth.logout", "session", principal.session.id.text())},
      [&](Commit& c) {
        Where where;
        where.eq(sess::id, principal.session.id).is_null(sess::revoked_at);
        c.update(Table::sessions, std::move(where),
                 {{sess::revoked_at, clock_.now()}, {sess::revocation_reason, "logout"}});
      });
}

base::Result<std::vector<Session>> Auth::sessions(const Principal& principal) {
  Query query(Table::sessions);
  query.where.eq(sess::user_id, principal.user.id).is_null(sess::revoked_at);
  query.all().order({sess::issued_at, sess::id}, true).limit(kSessionListCap);
  std::vector<Session> out;
  auto done = store_.each(query, [&out](const Row& row) {
    out.push_back(session_of(row));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

base::Status Auth::revoke_session(const Principal& principal, const base::Uuid& session,
                                  const Client& client) {
  const Actor actor = actor_of(client, principal.user.id);
  auto done = audit_.commit(
      {AuditEntry::of(actor, "auth.session_revoked", "session", session.text())}, [&](Commit& c) {
        Where own;
        own.eq(sess::id, session).eq(sess::user_id, principal.user.id).is_null(sess::revoked_at);
        c.update(Table::sessions, std::move(own),
                 {{sess::revoked_at, clock_.now()}, {sess::revocation_reason, "user_revoke"}}, 1,
                 1);
      });
  if (!done && done.error().code == base::Code::conflict) return refuse::not_found("session");
  return done;
}

base::Result<std::uint64_t> Auth::revoke_other_sessions(const Principal& principal,
                                                        const Client& client) {
  AuditEntry entry =
      AuditEntry::of(actor_of(client, principal.user.id), "auth.session_revoked", "session", {});
  entry.metadata["which"] = "all others";
  Commit out;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Where others;
        others.eq(sess::user_id, principal.user.id)
            .ne(sess::id, principal.session.id)
            .is_null(sess::revoked_at);
        c.update(Table::sessions, std::move(others),
                 {{sess::revoked_at, clock_.now()}, {sess::revocation_reason, "user_revoke"}});
      },
      out);
  if (!done) return std::move(done).error();
  return out.affected(0);
}

base::Status Auth::sweep_sessions() {
  const base::TimeUs before = clock_.now() - kKnownSourceUs;
  Commit commit;
  Where old;
  old.lt(sess::expires_at, before).lt(sess::issued_at, before);
  commit.relaxed().erase(Table::sessions, std::move(old), kSweepRows);
  return store_.commit(commit);
}

// --- the account --------------------------------------------------------------------------------

base::Result<std::string> Auth::checked_hash(std::string_view password) {
  if (const auto problem = check_password(password, options_.password_min_length))
    return problem->error();
  return hasher_.hash(password);
}

void Auth::put_password(Commit& c, const base::Uuid& user, const PasswordChange& change) const {
  // The new session must not look older than the password.
  const base::TimeUs now =
      change.new_session != nullptr ? change.new_session->issued_at : clock_.now();
  Where self;
  self.eq(user_col::id, user);
  c.update(Table::users, std::move(self),
           {{user_col::password_hash, Cell(change.phc)},
            {user_col::password_changed_at, now},
            {user_col::force_password_change, change.must_be_changed},
            {user_col::failed_login_count, 0},
            {user_col::locked_until, nullptr},
            {user_col::updated_at, now}},
           1, 1);
  end_sessions(c, user, change.ends_because);
  Where links, devices;
  links.eq(model::password_reset_tokens::user_id, user)
      .is_null(model::password_reset_tokens::consumed_at);
  c.update(Table::password_reset_tokens, std::move(links),
           {{model::password_reset_tokens::consumed_at, now}});
  devices.eq(model::trusted_devices::user_id, user);
  c.erase(Table::trusted_devices, std::move(devices));
  if (change.new_session != nullptr) insert_session(c, *change.new_session);
}

void Auth::end_sessions(Commit& c, const base::Uuid& user, std::string_view why) const {
  Where open;
  open.eq(sess::user_id, user).is_null(sess::revoked_at);
  c.update(Table::sessions, std::move(open),
           {{sess::revoked_at, clock_.now()}, {sess::revocation_reason, why}});
}

void Auth::forget_failures(std::string_view email) {
  pair_failures_.clear_all(std::string(email) + '\n');
}

base::Result<SignedIn> Auth::change_password(const Principal& principal, std::string_view current,
                                             std::string_view next, const Client& client) {
  const Actor actor = actor_of(client, principal.user.id);
  const std::string pair = principal.user.email + '\n' + client_key(client.ip);
  AuditEntry entry =
      AuditEntry::of(actor, "auth.password_changed", "user", principal.user.id.text());
  auto row = user_row(principal.user.id);
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::unauthenticated();

  const bool is_closed = pair_failures_.count(pair, options_.lockout_s) >=
                         static_cast<unsigned>(options_.lockout_threshold);
  auto good = hasher_.verify((*row)->text(user_col::password_hash),
                             current.substr(0, 4 * kPasswordMaxLength));
  if (!good) return std::move(good).error();
  if (is_closed || !*good) {
    if (!is_closed) pair_failures_.add(pair, options_.lockout_s);
    entry.result = "failed";
    entry.metadata["reason"] = is_closed ? "locked" : "wrong_current_password";
    audit_.record(std::move(entry));
    return refuse::unauthenticated(refuse::kWrongCurrentPassword);
  }
  auto phc = checked_hash(next);
  if (!phc) return std::move(phc).error();
  Session session = new_session(principal.user.id, principal.session.remember_me, client);
  session.mfa_verified_at = principal.session.mfa_verified_at;
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    put_password(c, principal.user.id,
                 {.phc = *phc,
                  .must_be_changed = false,
                  .ends_because = "password_changed",
                  .new_session = &session});
  });
  if (!done) return std::move(done).error();
  forget_failures(principal.user.email);
  User user = user_of(**row);
  user.force_password_change = false;
  return signed_in(std::move(user), std::move(session));
}

base::Result<Me> Auth::me(const Principal& principal) {
  namespace proj = model::projects;
  Me out;
  out.user = principal.user;
  Query query(Table::projects);
  query.where.eq(proj::is_active, true);
  if (!principal.user.is_admin) {
    if (principal.roles.empty()) return out;
    std::vector<Cell> ids;
    for (const auto& [id, role] : principal.roles) ids.emplace_back(id);
    query.where.in(proj::id, std::move(ids));
  }
  query.columns({proj::id, proj::slug}).limit(kMembershipCap);
  auto done = store_.each(query, [&](const Row& row) {
    const base::Uuid id = row.uuid(proj::id);
    out.memberships.push_back({id, std::string(row.text(proj::slug)), principal.role_in(id)});
    return true;
  });
  if (!done) return std::move(done).error();
  std::sort(out.memberships.begin(), out.memberships.end(),
            [](const auto& a, const auto& b) { return a.project_slug < b.project_slug; });
  return out;
}

base::Result<Me> Auth::update_me(const Principal& principal, const MePatch& patch,
                                 const Client& client) {
  Principal next = principal;
  std::vector<Set> sets;
  json::Array fields;
  const auto text = [&](const std::optional<std::string>& from, std::string& to,
                        std::uint16_t column, const char* name, std::size_t cut) {
    if (!from) return;
    to = clean_text(*from, cut);
    sets.push_back({column, Cell(to)});
    fields.emplace_back(name);
  };
  text(patch.first_name, next.user.first_name, user_col::first_name, "first_name", 100);
  text(patch.last_name, next.user.last_name, user_col::last_name, "last_name", 100);
  text(patch.display_name, next.user.display_name, user_col::display_name, "display_name", 200);
  if (patch.timezone && !is_zone_name(*patch.timezone))
    return refuse::invalid("timezone", "timezone must be an IANA zone such as Europe/Berlin");
  text(patch.timezone, next.user.timezone, user_col::timezone, "timezone", 64);
  if (sets.empty()) return me(principal);
  next.user.updated_at = clock_.now();
  sets.push_back({user_col::updated_at, next.user.updated_at});
  AuditEntry entry = AuditEntry::of(actor_of(client, principal.user.id), "user.updated", "user",
                                    principal.user.id.text());
  entry.metadata["fields"] = std::move(fields);
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where self;
    self.eq(user_col::id, principal.user.id);
    c.update(Table::users, std::move(self), sets, 1, 1);
  });
  if (!done) return std::move(done).error();
  return me(next);
}

}  // namespace z4j::core
