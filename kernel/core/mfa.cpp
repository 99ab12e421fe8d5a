#include "core/mfa.hpp"

#include <algorithm>
#include <utility>

#include "base/crypto.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"
#include "core/totp.hpp"

namespace z4j::core {
namespace {

namespace user_col = model::users;
namespace sess = model::sessions;
namespace code_col = model::mfa_recovery_codes;
namespace device_col = model::trusted_devices;

constexpr std::string_view kTotpLabel = "mfa-totp";
constexpr std::string_view kRecoveryAlphabet = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
constexpr std::size_t kRecoveryCharacters = 12, kTotpCharacters = 6;
constexpr std::int64_t kMostWrongCodes = 5;
constexpr std::int64_t kFactorLockS = 900;
constexpr std::uint32_t kMostDevicesListed = 500, kMostCodes = 50;
constexpr std::size_t kDeviceCookieCharacters = 43;
constexpr std::int64_t kKeptAfterEndUs = 30 * base::kDayUs;

AuditEntry mfa_entry(const base::Uuid& user, const Client& client, std::string_view action) {
  return AuditEntry::of({user, std::nullopt, client.ip, client.user_agent}, action, "user",
                        user.text());
}

// Without what people type in between, in capitals.
std::string plain_code(std::string_view code) {
  std::string out;
  for (const char c : code) {
    if (c == ' ' || c == '-' || c == '\t') continue;
    out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

bool is_of(std::string_view text, std::size_t length, std::string_view alphabet) {
  return text.size() == length && text.find_first_not_of(alphabet) == std::string_view::npos;
}

std::string new_recovery_code() {
  std::string out;
  while (out.size() < kRecoveryCharacters) {
    for (const char c : base::random_bytes(2 * kRecoveryCharacters)) {
      // Five bits each; the value that has no letter is drawn again, so that all are as likely.
      const auto place = static_cast<std::size_t>(static_cast<unsigned char>(c) & 31);
      if (place < kRecoveryAlphabet.size() && out.size() < kRecoveryCharacters)
        out += kRecoveryAlphabet[place];
    }
  }
  return out;
}

std::string with_hyphens(const std::string& code) {
  return code.substr(0, 4) + '-' + code.substr(4, 4) + '-' + code.substr(8);
}

TrustedDevice device_of(const Row& row, std::string_view cookie_hash) {
  TrustedDevice d;
  d.id = row.uuid(device_col::id);
  d.label = row.text(device_col::label);
  d.created_at = row.num(device_col::created_at);
  d.last_seen_at = row.num(device_col::last_seen_at);
  d.expires_at = row.num(device_col::expires_at);
  d.revoked_at = row.num(device_col::revoked_at);
  d.is_current = !cookie_hash.empty() && row.text(device_col::cookie_id_hash) == cookie_hash;
  return d;
}

std::string device_hash(std::string_view cookie) {
  return cookie.size() == kDeviceCookieCharacters ? base::hex(base::sha256(cookie)) : std::string();
}

base::Error not_enrolled() {
  return refuse::conflict("mfa_not_enrolled", "this account has no second factor");
}

base::Error meanwhile() {
  return base::Error{.code = base::Code::busy,
                     .message = "another code of this account was looked at in the same moment",
                     .where = {},
                     .hint = "try again",
                     .retry_after_ms = 1000};
}

}  // namespace

struct Mfa::Factor {
  base::Uuid user;
  std::string email, phc, secret, pending;  // both sealed
  base::TimeUs enrolled_at = 0, locked_until = 0;
  std::int64_t last_step = 0, wrong = 0;
  bool has_wrong = false, has_step = false;  // not null

  [[nodiscard]] std::string about() const { return "user=" + user.text(); }
  // Nobody looked at a code meanwhile.
  [[nodiscard]] Where unchanged() const {
    Where where;
    where.eq(user_col::id, user);
    const auto as_seen = [&where](std::uint16_t column, bool has, std::int64_t value) {
      if (has)
        where.eq(column, value);
      else
        where.is_null(column);
    };
    as_seen(user_col::mfa_failed_count, has_wrong, wrong);
    as_seen(user_col::mfa_last_step, has_step, last_step);
    return where;
  }
};

struct Mfa::DeviceToBe {
  TrustedDevice device;
  base::Uuid user;
  std::string cookie;
  std::vector<base::Uuid> instead_of;  // those that make room for it
};

struct Mfa::Answer {
  std::optional<std::int64_t> step;  // of the app; else a recovery code:
  base::Uuid recovery_code;
  std::string_view wrong_because;  // not empty: neither
};

MfaOptions mfa_options(const config::Settings& settings) {
  MfaOptions o;
  o.for_admins = settings.mfa_enforce_for_admins;
  o.for_all = settings.mfa_enforce_for_all;
  o.grace_days = settings.mfa_enrollment_grace_days;
  o.recovery_codes = static_cast<unsigned>(settings.mfa_recovery_code_count);
  o.fresh_s = settings.mfa_verification_ttl_s;
  o.device_days = settings.mfa_remember_device_days;
  o.most_devices = static_cast<std::size_t>(settings.mfa_trusted_devices_max);
  if (const std::size_t scheme = settings.public_url.find("://"); scheme != std::string::npos) {
    const std::string_view authority = std::string_view(settings.public_url).substr(scheme + 3);
    o.host = authority.substr(0, authority.find_first_of(":/"));
  }
  return o;
}

std::string device_label(std::string_view user_agent) {
  if (user_agent.empty()) return "Unknown device";
  const auto first = [&](std::initializer_list<std::pair<const char*, const char*>> words,
                         const char* fallback) {
    for (const auto& [word, name] : words) {
      if (user_agent.find(word) != std::string_view::npos) return std::string(name);
    }
    return std::string(fallback);
  };
  return first({{"Firefox/", "Firefox"},
                {"Chrome/", "Chrome"},
                {"Safari/", "Safari"},
                {"Edg", "Edge"},
                {"Opera", "Opera"}},
               "Browser") +
         " on " +
         first({{"Windows", "Windows"},
                {"iPhone", "iOS"},
                {"iPad", "iOS"},
                {"Mac OS X", "macOS"},
                {"Linux", "Linux"},
                {"Android", "Android"}},
               "Unknown OS");
}

base::Result<Mfa::Factor> Mfa::factor_of(const base::Uuid& user) {
  Query query(Table::users);
  query.where.eq(user_col::id, user);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("user");
  Factor f;
  f.user = user;
  f.email = (*row)->text(user_col::email);
  f.phc = (*row)->text(user_col::password_hash);
  f.secret = (*row)->text(user_col::mfa_secret);
  f.pending = (*row)->text(user_col::mfa_pending_secret);
  f.enrolled_at = (*row)->num(user_col::mfa_enrolled_at);
  f.locked_until = (*row)->num(user_col::mfa_locked_until);
  f.wrong = (*row)->num(user_col::mfa_failed_count);
  f.has_wrong = !(*row)->is_null(user_col::mfa_failed_count);
  f.last_step = (*row)->num(user_col::mfa_last_step);
  f.has_step = !(*row)->is_null(user_col::mfa_last_step);
  return f;
}

// --- codes --------------------------------------------------------------------------------------

// Errors: it can't be told now. A lock that ran out counts anew.
base::Result<Mfa::Answer> Mfa::check(const Factor& factor, std::string_view given, Codes which) {
  const base::TimeUs now = clock_.now();
  if (factor.locked_until > now) {
    const std::int64_t left_ms = (factor.locked_until - now) / 1000;
    return base::Error{.code = base::Code::busy,
                       .message = "too many wrong codes: the second factor is closed for a while",
                       .where = std::string(refuse::kRateLimited),
                       .hint = {},
                       .retry_after_ms = static_cast<std::uint32_t>(std::max<std::int64_t>(
                           1, std::min<std::int64_t>(left_ms, kFactorLockS * 1000)))};
  }
  const std::string code = plain_code(given);
  Answer answer;
  if (is_of(code, kTotpCharacters, "0123456789")) {
    const std::string& sealed = which == Codes::of_pending_app ? factor.pending : factor.secret;
    auto secret = sealer_.open(kTotpLabel, factor.about(), sealed);
    if (!secret) {
      log_.error("secret of a second factor not opened",
                 {{"user_id", factor.user.text()}, {"why", secret.error().text()}});
      return std::move(secret).error();
    }
    const std::int64_t last = which == Codes::of_pending_app ? 0 : factor.last_step;
    answer.step = totp_match(*secret, code, now / base::kSecondUs, last);
    if (!answer.step) answer.wrong_because = refuse::kWrongTotp;
    return answer;
  }
  if (which != Codes::of_app_or_recovery || !is_of(code, kRecoveryCharacters, kRecoveryAlphabet)) {
    return refuse::invalid(refuse::kBadCodeFormat, which == Codes::of_app_or_recovery
                                                       ? "code must be 6 digits, or a recovery code"
                                                       : "code must be 6 digits");
  }
  answer.wrong_because = refuse::kWrongRecoveryCode;
  Query query(Table::mfa_recovery_codes);
  query.where.eq(code_col::user_id, factor.user).is_null(code_col::consumed_at);
  auto rows = store_.read(query.columns({code_col::id, code_col::code_hash}).limit(kMostCodes));
  if (!rows) return std::move(rows).error();
  for (const Row& row : *rows) {
    auto fits = hasher_.verify(row.text(code_col::code_hash), code);
    if (!fits) return std::move(fits).error();
    if (!*fits) continue;
    answer.wrong_because = {};
    answer.recovery_code = row.uuid(code_col::id);
    break;
  }
  return answer;
}

// Counts and records it. The error is what the asker is told.
base::Error Mfa::wrong(const Factor& factor, std::string_view reason, const Client& client) {
  const base::TimeUs now = clock_.now();
  const std::int64_t count = (factor.locked_until != 0 ? 0 : factor.wrong) + 1;
  const bool locks = count >= kMostWrongCodes;
  AuditEntry entry = mfa_entry(factor.user, client, "user.mfa_verify_failed");
  entry.result = "failed";
  entry.metadata["reason"] = reason;
  if (locks) entry.metadata["locked_for_seconds"] = kFactorLockS;
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    c.update(
        Table::users, factor.unchanged(),
        {{user_col::mfa_failed_count, count},
         {user_col::mfa_locked_until, locks ? Cell(now + kFactorLockS * base::kSecondUs) : Cell()}},
        1, 1);
  });
  if (done) return refuse::unauthenticated(reason);
  // Nothing was learned: whoever tries many codes at once gets no answer about most of them.
  return done.error().code == base::Code::conflict ? meanwhile() : std::move(done).error();
}

void Mfa::use(Commit& c, const Factor& factor, const Answer& answer, std::vector<Set> more) const {
  std::vector<Set> sets = std::move(more);
  sets.push_back({user_col::mfa_failed_count, 0});
  sets.push_back({user_col::mfa_locked_until, nullptr});
  if (answer.step) sets.push_back({user_col::mfa_last_step, *answer.step});
  c.update(Table::users, factor.unchanged(), std::move(sets), 1, 1);
  if (answer.step) return;
  Where unused;
  unused.eq(code_col::id, answer.recovery_code).is_null(code_col::consumed_at);
  c.update(Table::mfa_recovery_codes, std::move(unused), {{code_col::consumed_at, clock_.now()}}, 1,
           1);
}

void Mfa::mark_verified(Commit& c, const base::Uuid& session) const {
  Where open;
  open.eq(sess::id, session).is_null(sess::revoked_at);
  c.update(Table::sessions, std::move(open), {{sess::mfa_verified_at, clock_.now()}}, 1, 1);
}

base::Result<Mfa::RecoveryCodes> Mfa::make_codes() {
  RecoveryCodes out;
  for (unsigned i = 0; i < options_.recovery_codes; ++i) {
    const std::string code = new_recovery_code();
    auto phc = hasher_.hash(code);
    if (!phc) return std::move(phc).error();
    out.shown.push_back(with_hyphens(code));
    out.hashes.push_back(std::move(*phc));
  }
  return out;
}

// In place of all there were.
void Mfa::put_codes(Commit& c, const base::Uuid& user, const RecoveryCodes& codes) const {
  Where old;
  old.eq(code_col::user_id, user);
  c.erase(Table::mfa_recovery_codes, std::move(old));
  Rows rows(Table::mfa_recovery_codes);
  for (const std::string& hash : codes.hashes) {
    rows.begin()
        .uuid(code_col::id, base::Uuid::random())
        .uuid(code_col::user_id, user)
        .text(code_col::code_hash, hash)
        .num(code_col::created_at, clock_.now());
  }
  c.insert(std::move(rows));
}

base::Result<std::size_t> Mfa::codes_left(const base::Uuid& user) {
  Where where;
  where.eq(code_col::user_id, user).is_null(code_col::consumed_at);
  auto count = store_.count(Table::mfa_recovery_codes, where);
  if (!count) return std::move(count).error();
  return static_cast<std::size_t>(*count);
}

// A secret that an old master secret sealed is sealed with the present one when it is used.
std::vector<Set> Mfa::sealed_anew(const Factor& factor) const {
  bool by_previous = false;
  auto secret = sealer_.open(kTotpLabel, factor.about(), factor.secret, &by_previous);
  if (!secret || !by_previous) return {};
  return {{user_col::mfa_secret, Cell(sealer_.seal(kTotpLabel, factor.about(), *secret))}};
}

// --- enrolment ----------------------------------------------------------------------------------

void Mfa::look(Principal& principal) {
  const User& user = principal.user;
  const bool must = options_.for_all || (options_.for_admins && user.is_admin);
  if (!must || !principal.has_session() || user.mfa_enrolled_at != 0) return;
  const base::TimeUs now = clock_.now();
  if (user.mfa_demanded_at != 0) {
    principal.must_enrol = now - user.mfa_demanded_at > options_.grace_days * base::kDayUs;
    return;
  }
  Commit commit;
  Where unseen;
  unseen.eq(user_col::id, user.id).is_null(user_col::mfa_enforcement_started_at);
  commit.update(Table::users, std::move(unseen), {{user_col::mfa_enforcement_started_at, now}});
  if (auto done = store_.commit_apart(commit); !done)
    log_.warn("begin of the second factor's grace not written", {{"why", done.error().text()}});
}

base::Result<MfaStatus> Mfa::status(const Principal& principal) {
  MfaStatus out;
  out.enrolled_at = principal.user.mfa_enrolled_at;
  if (out.enrolled_at == 0) return out;
  auto left = codes_left(principal.user.id);
  if (!left) return std::move(left).error();
  out.recovery_codes_left = *left;
  return out;
}

base::Result<MfaEnrolment> Mfa::start(const Principal& principal, const Client& client) {
  const base::Uuid& user = principal.user.id;
  const std::string secret = base::random_bytes(kTotpSecretBytes);
  const std::string sealed = sealer_.seal(kTotpLabel, "user=" + user.text(), secret);
  auto done = audit_.commit({mfa_entry(user, client, "user.mfa_enroll_started")}, [&](Commit& c) {
    Where self;
    self.eq(user_col::id, user);
    c.update(Table::users, std::move(self), {{user_col::mfa_pending_secret, Cell(sealed)}}, 1, 1);
  });
  if (!done) return std::move(done).error();
  return MfaEnrolment{base32(secret), totp_url(secret, options_.host, principal.user.email)};
}

base::Result<std::vector<std::string>> Mfa::complete(const Principal& principal,
                                                     std::string_view code, const Client& client) {
  auto factor = factor_of(principal.user.id);
  if (!factor) return std::move(factor).error();
  if (factor->pending.empty()) {
    return factor->enrolled_at != 0
               ? refuse::conflict("already_enrolled", "the second factor is confirmed already")
               : refuse::conflict("no_pending_enrollment", "no enrolment was begun");
  }
  auto answer = check(*factor, code, Codes::of_pending_app);
  if (!answer) return std::move(answer).error();
  if (!answer->wrong_because.empty()) return wrong(*factor, answer->wrong_because, client);
  auto codes = make_codes();
  if (!codes) return std::move(codes).error();
  const base::TimeUs now = clock_.now();
  auto done = audit_.commit({mfa_entry(factor->user, client, "user.mfa_enrolled")}, [&](Commit& c) {
    use(c, *factor, *answer,
        {{user_col::mfa_secret, Cell(factor->pending)},
         {user_col::mfa_pending_secret, nullptr},
         {user_col::mfa_enrolled_at, now}});
    put_codes(c, factor->user, *codes);
    // Whatever the factor before this one proved is over.
    Where devices, others;
    devices.eq(device_col::user_id, factor->user);
    c.erase(Table::trusted_devices, std::move(devices));
    others.eq(sess::user_id, factor->user).ne(sess::id, principal.session.id);
    c.update(Table::sessions, std::move(others), {{sess::mfa_verified_at, nullptr}});
    mark_verified(c, principal.session.id);
  });
  if (!done) return done.error().code == base::Code::conflict ? meanwhile() : done.error();
  return std::move(codes->shown);
}

// --- use ----------------------------------------------------------------------------------------

base::Result<Mfa::Factor> Mfa::enrolled_factor(const base::Uuid& user) {
  auto factor = factor_of(user);
  if (factor && factor->enrolled_at == 0) return not_enrolled();
  return factor;
}

base::Result<MfaVerified> Mfa::verify(const Principal& principal, std::string_view code,
                                      Browser browser, const Client& client) {
  auto factor = enrolled_factor(principal.user.id);
  if (!factor) return std::move(factor).error();
  auto answer = check(*factor, code, Codes::of_app_or_recovery);
  if (!answer) return std::move(answer).error();
  if (!answer->wrong_because.empty()) return wrong(*factor, answer->wrong_because, client);

  std::vector<AuditEntry> entries{mfa_entry(
      factor->user, client, answer->step ? "user.mfa_verified" : "user.mfa_recovery_code_used")};
  std::optional<DeviceToBe> device;
  if (browser == Browser::trusted_from_now) {
    auto made = make_device(factor->user, client);
    if (!made) return std::move(made).error();
    device = std::move(*made);
    entries.push_back(mfa_entry(factor->user, client, "user.mfa_trusted_device_added"));
    entries.back().metadata["device_id"] = device->device.id.text();
  }
  const std::vector<Set> anew = sealed_anew(*factor);
  auto done = audit_.commit(std::move(entries), [&](Commit& c) {
    use(c, *factor, *answer, anew);
    mark_verified(c, principal.session.id);
    if (device) put_device(c, *device);
  });
  if (!done) return done.error().code == base::Code::conflict ? meanwhile() : done.error();
  MfaVerified out;
  if (device) out.device_cookie = device->cookie;
  if (answer->step) return out;
  auto left = codes_left(factor->user);
  if (!left) return std::move(left).error();
  out.recovery_codes_left = *left;
  return out;
}

base::Status Mfa::disable(const Principal& principal, std::string_view password,
                          std::string_view code, const Client& client) {
  auto factor = enrolled_factor(principal.user.id);
  if (!factor) return std::move(factor).error();
  auto answer = check(*factor, code, Codes::of_app);
  if (!answer) return std::move(answer).error();
  if (!answer->wrong_because.empty()) return wrong(*factor, answer->wrong_because, client);
  // Who signs in elsewhere has no password here.
  if (!factor->phc.empty()) {
    auto good = hasher_.verify(factor->phc, password.substr(0, 4 * kPasswordMaxLength));
    if (!good) return std::move(good).error();
    if (!*good) return wrong(*factor, refuse::kWrongPassword, client);
  }
  auto done = audit_.commit({mfa_entry(factor->user, client, "user.mfa_disabled")}, [&](Commit& c) {
    use(c, *factor, *answer,
        {{user_col::mfa_secret, nullptr},
         {user_col::mfa_pending_secret, nullptr},
         {user_col::mfa_enrolled_at, nullptr}});
    forget(c, factor->user);
  });
  if (!done && done.error().code == base::Code::conflict) return meanwhile();
  return done;
}

base::Result<std::vector<std::string>> Mfa::new_recovery_codes(const Principal& principal,
                                                               const Client& client) {
  auto factor = enrolled_factor(principal.user.id);
  if (!factor) return std::move(factor).error();
  auto codes = make_codes();
  if (!codes) return std::move(codes).error();
  auto done =
      audit_.commit({mfa_entry(factor->user, client, "user.mfa_recovery_codes_regenerated")},
                    [&](Commit& c) { put_codes(c, factor->user, *codes); });
  if (!done) return std::move(done).error();
  return std::move(codes->shown);
}

base::Status Mfa::reset(const base::Uuid& user, const Actor& actor) {
  auto done = audit_.commit({AuditEntry::of(actor, "user.mfa_reset_by_admin", "user", user.text())},
                            [&](Commit& c) {
                              Where self;
                              self.eq(user_col::id, user);
                              // The grace of who must have one begins anew.
                              c.update(Table::users, std::move(self),
                                       {{user_col::mfa_secret, nullptr},
                                        {user_col::mfa_pending_secret, nullptr},
                                        {user_col::mfa_enrolled_at, nullptr},
                                        {user_col::mfa_enforcement_started_at, nullptr},
                                        {user_col::mfa_failed_count, 0},
                                        {user_col::mfa_locked_until, nullptr}},
                                       1, 1);
                              forget(c, user);
                            });
  if (!done && done.error().code == base::Code::conflict) return refuse::not_found("user");
  return done;
}

// Recovery codes and trusted browsers of a factor that is no more.
void Mfa::forget(Commit& c, const base::Uuid& user) const {
  Where codes, devices;
  codes.eq(code_col::user_id, user);
  devices.eq(device_col::user_id, user);
  c.erase(Table::mfa_recovery_codes, std::move(codes));
  c.erase(Table::trusted_devices, std::move(devices));
}

// --- trusted browsers ---------------------------------------------------------------------------

base::Result<std::vector<TrustedDevice>> Mfa::devices(const Principal& principal,
                                                      std::string_view cookie) {
  const std::string hash = device_hash(cookie);
  Query query(Table::trusted_devices);
  query.where.eq(device_col::user_id, principal.user.id);
  std::vector<TrustedDevice> out;
  auto done = store_.each(query.all().limit(kMostDevicesListed), [&](const Row& row) {
    out.push_back(device_of(row, hash));
    return true;
  });
  if (!done) return std::move(done).error();
  std::sort(out.begin(), out.end(), [](const TrustedDevice& a, const TrustedDevice& b) {
    return a.last_seen_at != b.last_seen_at ? a.last_seen_at > b.last_seen_at : a.id < b.id;
  });
  return out;
}

base::Result<std::optional<TrustedDevice>> Mfa::device_of_cookie(const base::Uuid& user,
                                                                 std::string_view cookie) {
  const std::string hash = device_hash(cookie);
  if (hash.empty()) return std::optional<TrustedDevice>();
  Query query(Table::trusted_devices);
  query.where.eq(device_col::cookie_id_hash, hash)
      .eq(device_col::user_id, user)
      .is_null(device_col::revoked_at)
      .gt(device_col::expires_at, clock_.now());
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<TrustedDevice>();
  return std::optional<TrustedDevice>(device_of(**row, hash));
}

base::Result<Mfa::DeviceToBe> Mfa::make_device(const base::Uuid& user, const Client& client) {
  DeviceToBe out;
  out.user = user;
  out.cookie = base::random_token();
  out.device.id = base::Uuid::random();
  out.device.label = device_label(client.user_agent);
  out.device.created_at = out.device.last_seen_at = clock_.now();
  out.device.expires_at = out.device.created_at + options_.device_days * base::kDayUs;
  out.device.is_current = true;

  Query query(Table::trusted_devices);
  query.where.eq(device_col::user_id, user)
      .is_null(device_col::revoked_at)
      .gt(device_col::expires_at, clock_.now());
  std::vector<TrustedDevice> open;
  auto done = store_.each(query.all().limit(kMostDevicesListed), [&](const Row& row) {
    open.push_back(device_of(row, {}));
    return true;
  });
  if (!done) return std::move(done).error();
  std::sort(open.begin(), open.end(), [](const TrustedDevice& a, const TrustedDevice& b) {
    return a.last_seen_at > b.last_seen_at;
  });
  for (std::size_t i = options_.most_devices - 1; i < open.size(); ++i)
    out.instead_of.push_back(open[i].id);
  return out;
}

void Mfa::put_device(Commit& c, const DeviceToBe& made) const {
  const TrustedDevice& device = made.device;
  for (const base::Uuid& old : made.instead_of) {
    Where where;
    where.eq(device_col::id, old);
    c.update(Table::trusted_devices, std::move(where),
             {{device_col::revoked_at, device.created_at}});
  }
  // Rows of those that ended long ago go with the next that comes.
  Where gone;
  gone.eq(device_col::user_id, made.user)
      .lt(device_col::expires_at, device.created_at - kKeptAfterEndUs);
  c.erase(Table::trusted_devices, std::move(gone));
  Rows rows(Table::trusted_devices);
  rows.begin()
      .uuid(device_col::id, device.id)
      .uuid(device_col::user_id, made.user)
      .text(device_col::cookie_id_hash, device_hash(made.cookie))
      .text(device_col::label, device.label)
      .num(device_col::created_at, device.created_at)
      .num(device_col::last_seen_at, device.last_seen_at)
      .num(device_col::expires_at, device.expires_at);
  c.insert(std::move(rows));
}

base::Result<NewDevice> Mfa::trust_device(const Principal& principal, std::string_view cookie,
                                          const Client& client) {
  auto factor = enrolled_factor(principal.user.id);
  if (!factor) return std::move(factor).error();
  auto known = device_of_cookie(factor->user, cookie);
  if (!known) return std::move(known).error();
  if (known->has_value()) return NewDevice{**known, {}};
  auto made = make_device(factor->user, client);
  if (!made) return std::move(made).error();
  AuditEntry entry = mfa_entry(factor->user, client, "user.mfa_trusted_device_added");
  entry.metadata["device_id"] = made->device.id.text();
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) { put_device(c, *made); });
  if (!done) return std::move(done).error();
  return NewDevice{std::move(made->device), std::move(made->cookie)};
}

base::Status Mfa::change_device(const base::Uuid& user, const base::Uuid& device, AuditEntry entry,
                                const Set& set) {
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where own;
    own.eq(device_col::id, device).eq(device_col::user_id, user).is_null(device_col::revoked_at);
    c.update(Table::trusted_devices, std::move(own), {set}, 1, 1);
  });
  if (!done && done.error().code == base::Code::conflict)
    return refuse::not_found("trusted device");
  return done;
}

base::Result<bool> Mfa::revoke_device(const Principal& principal, const base::Uuid& device,
                                      std::string_view cookie, const Client& client) {
  auto current = device_of_cookie(principal.user.id, cookie);
  if (!current) return std::move(current).error();
  AuditEntry entry = mfa_entry(principal.user.id, client, "user.mfa_trusted_device_revoked");
  entry.metadata["device_id"] = device.text();
  auto done = change_device(principal.user.id, device, std::move(entry),
                            {device_col::revoked_at, clock_.now()});
  if (!done) return std::move(done).error();
  return *current && (*current)->id == device;
}

base::Result<TrustedDevice> Mfa::rename_device(const Principal& principal, const base::Uuid& device,
                                               std::string_view given, std::string_view cookie,
                                               const Client& client) {
  const std::string label = clean_text(trimmed(given), 200);
  if (label.empty()) return refuse::invalid("label", "label must have 1 to 200 characters");
  AuditEntry entry = mfa_entry(principal.user.id, client, "user.mfa_trusted_device_renamed");
  entry.metadata["device_id"] = device.text();
  auto done =
      change_device(principal.user.id, device, std::move(entry), {device_col::label, Cell(label)});
  if (!done) return std::move(done).error();
  Query query(Table::trusted_devices);
  query.where.eq(device_col::id, device);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("trusted device");
  return device_of(**row, device_hash(cookie));
}

base::Status Mfa::trust(SignedIn& signed_in, std::string_view cookie, const Client& client) {
  const User& user = signed_in.user;
  if (user.mfa_enrolled_at == 0 || signed_in.session.mfa_verified_at != 0) return {};
  auto known = device_of_cookie(user.id, cookie);
  if (!known) return std::move(known).error();
  if (!known->has_value()) return {};
  const base::TimeUs now = clock_.now();
  AuditEntry entry = mfa_entry(user.id, client, "user.mfa_trusted_device_used");
  entry.metadata["device_id"] = (*known)->id.text();
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where still;
    still.eq(device_col::id, (*known)->id).is_null(device_col::revoked_at);
    c.update(Table::trusted_devices, std::move(still), {{device_col::last_seen_at, now}}, 1, 1);
    mark_verified(c, signed_in.session.id);
  });
  if (done) signed_in.session.mfa_verified_at = now;
  // Revoked in between: then it is asked for like any other.
  if (!done && done.error().code == base::Code::conflict) return {};
  return done;
}

}  // namespace z4j::core
