#include "core/oidc.hpp"

#include <algorithm>
#include <utility>

#include "base/crypto.hpp"
#include "base/public_keys.hpp"
#include "core/account_rows.hpp"
#include "core/percent.hpp"
#include "core/principals.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;
namespace user_col = model::users;
namespace member_col = model::memberships;

constexpr std::string_view kFlowLabel = "oidc-flow", kFlowAbout = "cookie";
constexpr std::size_t kLongestCookie = 4096, kLongestNext = 512, kLongestCode = 4096;
constexpr std::size_t kLongestIdToken = 32u << 10, kLongestSubject = 255;
constexpr std::size_t kMostProviderKeys = 64, kMostGroups = 2000;
constexpr std::int64_t kProviderKeptMs = 3'600'000, kKeysAgainMs = 60'000;
constexpr std::int64_t kClocksDifferS = 60;
constexpr json::Limits kReplyLimits{.max_bytes = std::size_t{512} << 10, .max_depth = 16};

base::Error refusal_of(std::string message) {
  return refuse::error(base::Code::denied, refuse::kOidcRefused, std::move(message));
}

base::Error no_sense(std::string_view what) {
  return base::Error{.code = base::Code::unavailable,
                     .message = "the identity provider's " + std::string(what) +
                                " is not what OpenID Connect says",
                     .where = {},
                     .hint = "check oidc.issuer",
                     .retry_after_ms = 5000};
}

// A path within our own pages: nothing that a browser takes for another host.
std::string own_path(std::string_view next) {
  const bool is_good = next.size() <= kLongestNext && next.starts_with('/') &&
                       !next.starts_with("//") &&
                       std::none_of(next.begin(), next.end(), [](char c) {
                         return static_cast<unsigned char>(c) <= 0x20 || c == '\\' || c == 0x7f;
                       });
  return is_good ? std::string(next) : "/";
}

std::vector<std::string> texts_in(const json::Value* value, std::size_t most) {
  std::vector<std::string> out;
  if (value == nullptr) return out;
  if (value->is_string()) out.emplace_back(value->get_string());
  if (!value->is_array()) return out;
  for (const json::Value& each : value->get_array()) {
    if (each.is_string() && out.size() < most) out.emplace_back(each.get_string());
  }
  return out;
}

bool is_true(const json::Object& claims, std::string_view name) {
  const json::Value* value = claims.if_contains(name);
  return value != nullptr && ((value->is_bool() && value->get_bool()) ||
                              (value->is_string() && value->get_string() == "true"));
}

std::optional<json::Object> part_of(std::string_view encoded) {
  const auto text = base::unbase64url(encoded);
  if (!text) return std::nullopt;
  auto parsed = json::parse(*text, kReplyLimits);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(parsed->get_object());
}

struct TokenParts {
  std::string_view header, claims, signature, signed_text;
};

std::optional<TokenParts> split_token(std::string_view token) {
  const std::size_t first = token.find('.'), last = token.rfind('.');
  if (token.size() > kLongestIdToken || first == std::string_view::npos || first == last ||
      token.find('.', first + 1) != last)
    return std::nullopt;
  return TokenParts{token.substr(0, first), token.substr(first + 1, last - first - 1),
                    token.substr(last + 1), token.substr(0, last)};
}

bool is_signed_by(const json::Object& key, std::string_view alg, std::string_view text,
                  std::string_view signature) {
  const auto number = [&](std::string_view name) {
    return base::unbase64url(json::text(key, name)).value_or("");
  };
  const std::string_view kind = json::text(key, "kty"), use = json::text(key, "use");
  const std::string_view own_alg = json::text(key, "alg");
  if ((!use.empty() && use != "sig") || (!own_alg.empty() && own_alg != alg)) return false;
  if (alg == "RS256")
    return kind == "RSA" && base::verify_rs256(number("n"), number("e"), text, signature);
  return alg == "ES256" && kind == "EC" && json::text(key, "crv") == "P-256" &&
         base::verify_es256(number("x"), number("y"), text, signature);
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::string url_form(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out;
  for (const auto& [name, value] : fields)
    out += (out.empty() ? "" : "&") + name + "=" + percent_encoded(value, "+");
  return out;
}

}  // namespace

struct Oidc::Provider {
  std::string authorization_url, token_url, keys_url, user_url;
  bool posts_secret = false;  // in the form instead of a header
  std::vector<json::Object> keys;
  std::int64_t read_ms = 0, keys_read_ms = 0;
};

struct Oidc::Flow {
  std::string state, nonce, verifier, next, redirect_uri;
  base::TimeUs until = 0;
};

base::Result<GroupRole> parse_group_role(std::string_view text) {
  const auto bad = [&] {
    return base::Error{.code = base::Code::bad_config,
                       .message = "oidc.groups has \"" + clean_text(text, 100) +
                                  "\"; must be GROUP=viewer@PROJECT, GROUP=operator@PROJECT, "
                                  "GROUP=admin@PROJECT or GROUP=admin",
                       .where = "oidc.groups",
                       .hint = {}};
  };
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos) return bad();
  GroupRole out;
  out.group = trimmed(text.substr(0, equals));
  const std::string_view gives = trimmed(text.substr(equals + 1));
  if (out.group.empty()) return bad();
  if (gives == "admin") {
    out.is_admin = true;
    return out;
  }
  const std::size_t at = gives.find('@');
  if (at == std::string_view::npos) return bad();
  out.role = parse_role(trimmed(gives.substr(0, at)));
  out.project = trimmed(gives.substr(at + 1));
  if (out.role == Role::none || out.project.empty()) return bad();
  return out;
}

base::Result<OidcOptions> oidc_options(const config::Settings& settings) {
  OidcOptions o;
  o.issuer = settings.oidc_issuer;
  o.client_id = settings.oidc_client_id;
  o.client_secret = settings.oidc_client_secret;
  o.name = settings.oidc_name;
  o.scopes = settings.oidc_scopes;
  for (const std::string& domain : settings.oidc_email_domains)
    o.email_domains.push_back(ascii_lower(domain));
  o.groups_claim = settings.oidc_groups_claim;
  for (const std::string& text : settings.oidc_groups) {
    auto role = parse_group_role(text);
    if (!role) return std::move(role).error();
    o.groups.push_back(std::move(*role));
  }
  o.auto_provision = settings.oidc_auto_provision;
  return o;
}

// --- the provider -------------------------------------------------------------------------------

base::Result<json::Object> Oidc::ask(const OidcAsk& asked, std::string_view what) {
  auto reply = fetch_(asked);
  if (!reply) {
    log_.warn("identity provider not reached", {{"what", what}, {"why", reply.error().text()}});
    return base::Error{.code = base::Code::unavailable,
                       .message = "the identity provider can't be reached now",
                       .where = {},
                       .hint = "try again in a moment",
                       .retry_after_ms = 5000};
  }
  if (reply->status >= 400 && reply->status < 500 && asked.method == "POST")
    return refusal_of("the identity provider did not accept the code");
  auto parsed = json::parse(reply->body, kReplyLimits);
  if (reply->status != 200 || !parsed || !parsed->is_object()) {
    log_.warn("identity provider answered nonsense", {{"what", what}, {"status", reply->status}});
    return no_sense(what);
  }
  return std::move(parsed->get_object());
}

base::Result<std::shared_ptr<const Oidc::Provider>> Oidc::provider(Keys wanted) {
  const std::int64_t now_ms = clock_.steady_ms();
  std::shared_ptr<const Provider> known;
  {
    const std::lock_guard lock(mutex_);
    known = provider_;
  }
  const bool is_good = known && now_ms - known->read_ms < kProviderKeptMs;
  if (is_good && (wanted == Keys::known || now_ms - known->keys_read_ms < kKeysAgainMs))
    return known;
  auto fresh = is_good ? std::make_shared<Provider>(*known) : std::make_shared<Provider>();
  if (!is_good) {
    auto said = ask({.url = without_slash(options_.issuer) + "/.well-known/openid-configuration"},
                    "configuration");
    if (!said) return std::move(said).error();
    // A document that speaks for somebody else is no answer.
    if (json::text(*said, "issuer") != options_.issuer) return no_sense("issuer");
    fresh->authorization_url = json::text(*said, "authorization_endpoint");
    fresh->token_url = json::text(*said, "token_endpoint");
    fresh->keys_url = json::text(*said, "jwks_uri");
    fresh->user_url = json::text(*said, "userinfo_endpoint");
    if (fresh->authorization_url.empty() || fresh->token_url.empty() || fresh->keys_url.empty())
      return no_sense("configuration");
    const auto ways = texts_in(said->if_contains("token_endpoint_auth_methods_supported"), 50);
    fresh->posts_secret =
        !ways.empty() && std::find(ways.begin(), ways.end(), "client_secret_basic") == ways.end();
    fresh->read_ms = now_ms;
  }
  auto said = ask({.url = fresh->keys_url}, "key set");
  if (!said) return std::move(said).error();
  fresh->keys.clear();
  if (const json::Array* keys = json::array(*said, "keys")) {
    for (const json::Value& key : *keys) {
      if (key.is_object() && fresh->keys.size() < kMostProviderKeys)
        fresh->keys.push_back(key.get_object());
    }
  }
  fresh->keys_read_ms = now_ms;
  const std::lock_guard lock(mutex_);
  provider_ = fresh;
  return std::shared_ptr<const Provider>(std::move(fresh));
}

// --- there --------------------------------------------------------------------------------------

base::Result<Oidc::Begun> Oidc::begin(const std::string& redirect_uri, std::string_view next) {
  auto at = provider(Keys::known);
  if (!at) return std::move(at).error();
  Flow flow;
  flow.state = base::random_token();
  flow.nonce = base::random_token();
  flow.verifier = base::random_token();
  const base::Digest digest = base::sha256(flow.verifier);
  const std::string challenge =
      base::base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
  std::string scopes;
  for (const std::string& scope : options_.scopes) scopes += (scopes.empty() ? "" : " ") + scope;

  const std::string& url = (*at)->authorization_url;
  Begun out;
  out.url = url + (url.find('?') == std::string::npos ? '?' : '&') +
            url_form({{"response_type", "code"},
                      {"client_id", options_.client_id},
                      {"redirect_uri", redirect_uri},
                      {"scope", scopes},
                      {"state", flow.state},
                      {"nonce", flow.nonce},
                      {"code_challenge", challenge},
                      {"code_challenge_method", "S256"}});
  out.cookie =
      sealer_.seal(kFlowLabel, kFlowAbout,
                   json::write(json::Object{{"state", flow.state},
                                            {"nonce", flow.nonce},
                                            {"verifier", flow.verifier},
                                            {"next", own_path(next)},
                                            {"redirect_uri", redirect_uri},
                                            {"until", clock_.now() + kFlowS * base::kSecondUs}}));
  return out;
}

// --- and back -----------------------------------------------------------------------------------

base::Result<Oidc::Flow> Oidc::flow_of(std::string_view cookie) const {
  const base::Error none =
      refusal_of("no sign-in of this browser is under way, or it took too long");
  if (cookie.empty() || cookie.size() > kLongestCookie) return none;
  const auto text = sealer_.open(kFlowLabel, kFlowAbout, cookie);
  if (!text) return none;
  const auto parsed = json::parse(*text, kReplyLimits);
  if (!parsed || !parsed->is_object()) return none;
  const json::Object& said = parsed->get_object();
  Flow flow;
  flow.state = json::text(said, "state");
  flow.nonce = json::text(said, "nonce");
  flow.verifier = json::text(said, "verifier");
  flow.next = json::text(said, "next");
  flow.redirect_uri = json::text(said, "redirect_uri");
  flow.until = json::integer(said, "until");
  if (flow.until < clock_.now()) return none;
  return flow;
}

base::Result<Oidc::Finished> Oidc::finish(const std::map<std::string, std::string>& query,
                                          std::string_view cookie, const Client& client) {
  const auto param = [&](const char* name) {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
  };
  std::string subject;
  const auto run = [&]() -> base::Result<Finished> {
    auto flow = flow_of(cookie);
    if (!flow) return std::move(flow).error();
    if (!base::equal_constant_time(flow->state, param("state")))
      return refusal_of("the answer does not belong to the sign-in that this browser began");
    if (used_.add(flow->state, kFlowS) > 1) return refusal_of("this answer was used before");
    if (const std::string iss = param("iss"); !iss.empty() && iss != options_.issuer)
      return refusal_of("the answer comes from another identity provider");
    if (const std::string error = param("error"); !error.empty())
      return refusal_of("the identity provider refused: " + clean_text(error, 100));
    const std::string code = param("code");
    if (code.empty() || code.size() > kLongestCode) return refusal_of("the answer has no code");
    auto who = redeem(*flow, code);
    if (!who) return std::move(who).error();
    subject = who->subject;
    auto signed_in = admit(*who, client);
    if (!signed_in) return std::move(signed_in).error();
    return Finished{std::move(*signed_in), flow->next};
  };
  auto out = run();
  if (!out && out.error().code == base::Code::denied) record_refusal(out.error(), client, subject);
  return out;
}

base::Result<OidcIdentity> Oidc::redeem(const Flow& flow, const std::string& code) {
  auto at = provider(Keys::known);
  if (!at) return std::move(at).error();
  OidcAsk asked{.method = "POST", .url = (*at)->token_url};
  asked.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                   {"Accept", "application/json"}};
  std::vector<std::pair<std::string, std::string>> form{{"grant_type", "authorization_code"},
                                                        {"code", code},
                                                        {"redirect_uri", flow.redirect_uri},
                                                        {"client_id", options_.client_id},
                                                        {"code_verifier", flow.verifier}};
  if (!options_.client_secret.empty() && (*at)->posts_secret) {
    form.emplace_back("client_secret", options_.client_secret);
  } else if (!options_.client_secret.empty()) {
    asked.headers.emplace_back(
        "Authorization", "Basic " + base::base64(percent_encoded(options_.client_id, "+") + ":" +
                                                 percent_encoded(options_.client_secret, "+")));
  }
  asked.body = url_form(form);
  auto said = ask(asked, "token answer");
  if (!said) return std::move(said).error();
  auto claims = verify(json::text(*said, "id_token"), flow);
  if (!claims) return std::move(claims).error();

  // Some providers tell more where they are asked again.
  const std::string token(json::text(*said, "access_token"));
  const bool has_all = claims->contains("email") &&
                       (options_.groups.empty() || claims->contains(options_.groups_claim));
  if (!has_all && !(*at)->user_url.empty() && !token.empty()) {
    auto more = ask({.url = (*at)->user_url, .headers = {{"Authorization", "Bearer " + token}}},
                    "user answer");
    if (!more) return std::move(more).error();
    if (json::text(*more, "sub") != json::text(*claims, "sub"))
      return refusal_of("the identity provider speaks of two people");
    for (auto& member : *more) {
      if (!claims->contains(member.key())) (*claims)[member.key()] = std::move(member.value());
    }
  }
  OidcIdentity who;
  who.subject = json::text(*claims, "sub");
  if (auto email = normalise_email(json::text(*claims, "email"))) who.email = std::move(*email);
  who.email_verified = !who.email.empty() && is_true(*claims, "email_verified");
  who.name = clean_text(json::text(*claims, "name"), 200);
  who.given_name = clean_text(json::text(*claims, "given_name"), 100);
  who.family_name = clean_text(json::text(*claims, "family_name"), 100);
  for (std::string& group : texts_in(claims->if_contains(options_.groups_claim), kMostGroups))
    who.groups.insert(std::move(group));
  return who;
}

base::Status Oidc::check_signature(std::string_view id_token) {
  const auto parts = split_token(id_token);
  const auto header = parts ? part_of(parts->header) : std::nullopt;
  const auto signature = parts ? base::unbase64url(parts->signature) : std::nullopt;
  if (!header || !signature) return refusal_of("the identity token is malformed");
  const std::string_view alg = json::text(*header, "alg"), kid = json::text(*header, "kid");
  if (alg != "RS256" && alg != "ES256")
    return refusal_of("the identity token is signed in a way that is not accepted");
  for (const Keys keys : {Keys::known, Keys::fetched_again}) {
    auto at = provider(keys);
    if (!at) return std::move(at).error();
    bool has_key = false;
    for (const json::Object& key : (*at)->keys) {
      if (!kid.empty() && json::text(key, "kid") != kid) continue;
      has_key = true;
      if (is_signed_by(key, alg, parts->signed_text, *signature)) return {};
    }
    // Only a key that nobody knows may be a new one.
    if (has_key) break;
  }
  return refusal_of("the identity token's signature is not the provider's");
}

base::Result<json::Object> Oidc::verify(std::string_view id_token, const Flow& flow) {
  if (auto good = check_signature(id_token); !good) return std::move(good).error();
  auto claims = part_of(split_token(id_token)->claims);
  if (!claims) return refusal_of("the identity token is malformed");
  if (json::text(*claims, "iss") != options_.issuer)
    return refusal_of("the identity token is of another issuer");
  const auto audience = texts_in(claims->if_contains("aud"), 50);
  const bool is_ours =
      std::find(audience.begin(), audience.end(), options_.client_id) != audience.end();
  const std::string_view azp = json::text(*claims, "azp");
  if (!is_ours || (audience.size() > 1 && azp.empty()) ||
      (!azp.empty() && azp != options_.client_id))
    return refusal_of("the identity token is for somebody else");
  const std::int64_t now_s = clock_.now() / base::kSecondUs;
  const auto time = [&](std::string_view name) {
    return static_cast<std::int64_t>(std::clamp(json::number(*claims, name), 0.0, 1e15));
  };
  if (time("exp") + kClocksDifferS <= now_s || time("iat") > now_s + kClocksDifferS ||
      time("nbf") > now_s + kClocksDifferS)
    return refusal_of("the identity token is too old, or of the future: compare the clocks");
  if (!base::equal_constant_time(json::text(*claims, "nonce"), flow.nonce))
    return refusal_of("the identity token answers another sign-in");
  const std::string_view subject = json::text(*claims, "sub");
  if (subject.empty() || subject.size() > kLongestSubject)
    return refusal_of("the identity token names nobody");
  return std::move(*claims);
}

// --- accounts -----------------------------------------------------------------------------------

base::Result<std::optional<Row>> Oidc::user_where(Where where) {
  Query query(Table::users);
  query.where = std::move(where);
  return store_.first(query.all());
}

base::Result<base::Uuid> Oidc::account_of(const OidcIdentity& who, const Client& client) {
  if (!options_.email_domains.empty()) {
    const std::string domain = who.email.substr(std::min(who.email.rfind('@'), who.email.size()));
    const bool is_known =
        std::any_of(options_.email_domains.begin(), options_.email_domains.end(),
                    [&](const std::string& known) { return domain == "@" + known; });
    if (!who.email_verified || !is_known)
      return refusal_of("this e-mail address may not sign in here");
  }
  Where linked;
  linked.eq(user_col::sso_provider, options_.issuer).eq(user_col::external_id, who.subject);
  auto row = user_where(std::move(linked));
  if (!row) return std::move(row).error();
  if (row->has_value()) return (*row)->uuid(user_col::id);

  if (!who.email_verified)
    return refusal_of("the identity provider does not vouch for the e-mail address");
  Where same;
  same.eq(user_col::email, who.email);
  row = user_where(std::move(same));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return provision(who, client);
  if (!(*row)->is_null(user_col::external_id))
    return refusal_of("the account of this e-mail address belongs to another identity");
  const base::Uuid user = (*row)->uuid(user_col::id);
  AuditEntry entry = AuditEntry::of({user, std::nullopt, client.ip, client.user_agent},
                                    "user.identity_linked", "user", user.text());
  entry.metadata = {{"issuer", options_.issuer}, {"subject", who.subject}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where free;
    free.eq(user_col::id, user).is_null(user_col::external_id);
    c.update(Table::users, std::move(free),
             {{user_col::sso_provider, Cell(options_.issuer)},
              {user_col::external_id, Cell(who.subject)},
              {user_col::updated_at, clock_.now()}},
             1, 1);
  });
  if (!done) return std::move(done).error();
  return user;
}

base::Result<base::Uuid> Oidc::provision(const OidcIdentity& who, const Client& client) {
  const bool has_role =
      std::any_of(options_.groups.begin(), options_.groups.end(),
                  [&](const GroupRole& role) { return who.groups.count(role.group) != 0; });
  if (!options_.auto_provision || !has_role)
    return refusal_of("there is no account for this e-mail address");
  User user;
  user.id = base::Uuid::random();
  user.email = who.email;
  user.display_name = who.name;
  user.first_name = who.given_name;
  user.last_name = who.family_name;
  user.timezone = "UTC";
  user.created_at = user.updated_at = clock_.now();
  AuditEntry entry = AuditEntry::of({std::nullopt, std::nullopt, client.ip, client.user_agent},
                                    "user.created", "user", user.id.text());
  entry.metadata = {{"email", user.email},
                    {"via", "oidc"},
                    {"issuer", options_.issuer},
                    {"subject", who.subject}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Rows rows = user_rows(user, {});
    rows.text(user_col::sso_provider, options_.issuer).text(user_col::external_id, who.subject);
    c.insert(std::move(rows));
  });
  if (!done) return std::move(done).error();
  return user.id;
}

// --- roles --------------------------------------------------------------------------------------

base::Status Oidc::sync_role(const base::Uuid& user, const base::Uuid& project, Role wanted,
                             const Actor& actor) {
  Query query(Table::memberships);
  query.where.eq(member_col::user_id, user).eq(member_col::project_id, project);
  auto row = store_.first(query.columns({member_col::id, member_col::role}));
  if (!row) return std::move(row).error();
  base::Status done;
  if (!row->has_value()) {
    if (wanted == Role::none) return {};
    if (auto added = memberships_.add(project, user, wanted, actor); !added)
      done = std::move(added).error();
  } else if (wanted == Role::none) {
    done = memberships_.remove(project, (*row)->uuid(member_col::id), actor);
  } else if (parse_role((*row)->text(member_col::role)) != wanted) {
    auto changed = memberships_.change(project, (*row)->uuid(member_col::id), wanted, actor);
    if (!changed) done = std::move(changed).error();
  }
  if (done || done.error().where != "last_project_admin") return done;
  log_.warn("a project's last administrator keeps his role though his groups don't give it",
            {{"user_id", user.text()}, {"project_id", project.text()}});
  return {};
}

base::Status Oidc::sync_roles(const OidcIdentity& who, const User& user, const Actor& actor) {
  std::map<std::string, Role> wanted;  // of every project that the mapping names
  bool names_admin = false, is_admin = false;
  for (const GroupRole& each : options_.groups) {
    const bool has = who.groups.count(each.group) != 0;
    names_admin = names_admin || each.is_admin;
    is_admin = is_admin || (each.is_admin && has);
    if (each.is_admin) continue;
    Role& role = wanted[each.project];
    if (has) role = std::max(role, each.role);
  }
  for (const auto& [slug, role] : wanted) {
    auto project = projects_.by_slug(slug);
    if (!project && project.error().code == base::Code::not_found) {
      log_.warn("oidc.groups names a project that is not there", {{"slug", slug}});
      continue;
    }
    if (!project) return std::move(project).error();
    if (auto done = sync_role(user.id, project->id, role, actor); !done) return done;
  }
  if (!names_admin || is_admin == user.is_admin) return {};
  UserPatch patch;
  patch.is_admin = is_admin;
  auto patched = users_.patch(user.id, patch, actor);
  if (patched) return {};
  if (patched.error().where != "last_admin") return std::move(patched).error();
  log_.warn("the last administrator stays one though his groups don't say so",
            {{"user_id", user.id.text()}});
  return {};
}

base::Result<SignedIn> Oidc::admit(const OidcIdentity& who, const Client& client) {
  auto id = account_of(who, client);
  if (!id) return std::move(id).error();
  auto principal = find_principal(store_, *id);
  if (!principal) return std::move(principal).error();
  if (!principal->has_value()) return refusal_of("this account is not active");
  // Nobody here does it: the provider's groups do.
  const Actor actor{std::nullopt, std::nullopt, client.ip, client.user_agent};
  if (auto done = sync_roles(who, (*principal)->user, actor); !done) return std::move(done).error();
  return sign_in(*id, client);
}

base::Result<SignedIn> Oidc::sign_in(const base::Uuid& user, const Client& client) {
  auto principal = find_principal(store_, user);
  if (!principal) return std::move(principal).error();
  if (!principal->has_value()) return refusal_of("this account is not active");
  const Session session = auth_.new_session(user, false, client);
  AuditEntry entry = AuditEntry::of({user, std::nullopt, client.ip, client.user_agent},
                                    "auth.login", "user", user.text());
  entry.metadata = {{"method", "oidc"}, {"issuer", options_.issuer}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where active;
    active.eq(user_col::id, user).eq(user_col::is_active, true);
    c.update(Table::users, std::move(active), {{user_col::last_login_at, clock_.now()}}, 1, 1);
    auth_.insert_session(c, session);
  });
  if (!done && done.error().code == base::Code::conflict)
    return refusal_of("this account is not active");
  if (!done) return std::move(done).error();
  return auth_.signed_in(std::move((*principal)->user), session);
}

void Oidc::record_refusal(const base::Error& error, const Client& client,
                          std::string_view subject) {
  AuditEntry entry = AuditEntry::of({std::nullopt, std::nullopt, client.ip, client.user_agent},
                                    "auth.login", "user", {});
  entry.result = "failed";
  entry.metadata = {{"method", "oidc"}, {"reason", error.message}};
  if (!subject.empty()) entry.metadata["subject"] = subject;
  audit_.record(std::move(entry));
}

}  // namespace z4j::core
