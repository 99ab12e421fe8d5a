#include "core/oidc.hpp"

#include <cppunit/extensions/HelperMacros.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>

#include "base/crypto.hpp"
#include "core/account_rows.hpp"
#include "core/principals.hpp"
#include "core/refusal.hpp"
#include "core/testing/test_store.hpp"
#include "model/tables.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

const std::string kIssuer = "https://id.example.org/realm";
const std::string kRedirect = "https://z4j.example.org/api/v1/auth/oidc/callback";

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

std::string number_of(const Key& key, const char* name, int bytes) {
  BIGNUM* n = nullptr;
  CPPUNIT_ASSERT(EVP_PKEY_get_bn_param(key.get(), name, &n) == 1);
  std::string out(static_cast<std::size_t>(bytes != 0 ? bytes : BN_num_bytes(n)), '\0');
  CPPUNIT_ASSERT(BN_bn2binpad(n, reinterpret_cast<unsigned char*>(out.data()),
                              static_cast<int>(out.size())) > 0);
  BN_free(n);
  return base::base64url(out);
}

std::string signed_with(const Key& key, const std::string& text, bool is_ec) {
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  std::size_t size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  CPPUNIT_ASSERT(EVP_DigestSignInit(ctx, nullptr, EVP_sha256(), nullptr, key.get()) == 1);
  CPPUNIT_ASSERT(EVP_DigestSign(ctx, nullptr, &size, bytes, text.size()) == 1);
  std::string out(size, '\0');
  CPPUNIT_ASSERT(EVP_DigestSign(ctx, reinterpret_cast<unsigned char*>(out.data()), &size, bytes,
                                text.size()) == 1);
  EVP_MD_CTX_free(ctx);
  out.resize(size);
  if (!is_ec) return out;
  const auto* der = reinterpret_cast<const unsigned char*>(out.data());
  ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(out.size()));
  CPPUNIT_ASSERT(pair != nullptr);
  std::string raw(64, '\0');
  auto* to = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair), to, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair), to + 32, 32);
  ECDSA_SIG_free(pair);
  return raw;
}

// A provider with two keys, which says what a test wants it to.
struct FakeProvider {
  explicit FakeProvider(const base::Clock& c)
      : clock(c), rsa(EVP_RSA_gen(2048)), ec(EVP_EC_gen("P-256")), other(EVP_RSA_gen(2048)) {}

  base::Result<OidcReply> answer(const OidcAsk& ask) {
    asked.push_back(ask.url);
    if (is_away) return base::Error{base::Code::unavailable, "no route", {}, {}, 0};
    if (ask.url == kIssuer + "/.well-known/openid-configuration") {
      return said({{"issuer", says_issuer},
                   {"authorization_endpoint", kIssuer + "/auth"},
                   {"token_endpoint", kIssuer + "/token"},
                   {"userinfo_endpoint", kIssuer + "/user"},
                   {"jwks_uri", kIssuer + "/keys"}});
    }
    if (ask.url == kIssuer + "/keys") {
      json::Array keys{json::Object{{"kty", "EC"},
                                    {"kid", "e1"},
                                    {"crv", "P-256"},
                                    {"x", number_of(ec, OSSL_PKEY_PARAM_EC_PUB_X, 32)},
                                    {"y", number_of(ec, OSSL_PKEY_PARAM_EC_PUB_Y, 32)}}};
      if (shows_rsa) {
        keys.push_back(json::Object{{"kty", "RSA"},
                                    {"kid", "r1"},
                                    {"use", "sig"},
                                    {"n", number_of(rsa, OSSL_PKEY_PARAM_RSA_N, 0)},
                                    {"e", number_of(rsa, OSSL_PKEY_PARAM_RSA_E, 0)}});
      }
      return said({{"keys", std::move(keys)}});
    }
    if (ask.url == kIssuer + "/user") return said(user_says);
    form = ask.body;
    headers = ask.headers;
    if (ask.body.find("code=good") == std::string::npos || is_code_used)
      return OidcReply{400, R"({"error":"invalid_grant"})"};
    is_code_used = true;
    return said({{"id_token", token()}, {"access_token", "opaque"}});
  }
  [[nodiscard]] std::string token() const {
    const bool is_ec = alg == "ES256";
    const json::Object head{{"alg", alg}, {"kid", kid.empty() ? (is_ec ? "e1" : "r1") : kid}};
    const std::string text =
        base::base64url(json::write(head)) + "." + base::base64url(json::write(claims));
    if (alg == "none") return text + ".";
    return text + "." +
           base::base64url(signed_with(is_forged ? other
                                       : is_ec   ? ec
                                                 : rsa,
                                       text, is_ec));
  }
  static OidcReply said(const json::Object& object) { return {200, json::write(object)}; }

  const base::Clock& clock;
  Key rsa, ec, other;
  json::Object claims, user_says;
  std::string alg = "RS256", kid, says_issuer = kIssuer, form;
  std::vector<std::pair<std::string, std::string>> headers;
  bool is_away = false, is_forged = false, is_code_used = false, shows_rsa = true;
  std::vector<std::string> asked;
};

class OidcTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(OidcTest);
  CPPUNIT_TEST(mappings_are_read_and_others_refused);
  CPPUNIT_TEST(somebody_new_gets_an_account_with_the_roles_of_his_groups);
  CPPUNIT_TEST(an_es256_token_counts_as_well);
  CPPUNIT_TEST(an_account_with_the_same_verified_address_is_taken_over);
  CPPUNIT_TEST(roles_follow_the_groups_at_every_sign_in);
  CPPUNIT_TEST(a_user_answer_fills_in_what_the_token_lacks);
  CPPUNIT_TEST(the_secret_goes_to_the_token_endpoint_alone);
  CPPUNIT_TEST(tokens_for_others_or_forged_or_old_are_refused);
  CPPUNIT_TEST(answers_count_once_and_for_their_browser_alone);
  CPPUNIT_TEST(people_that_nobody_vouches_for_are_refused);
  CPPUNIT_TEST(a_new_key_of_the_provider_is_fetched);
  CPPUNIT_TEST(a_provider_that_is_away_or_talks_nonsense_is_no_refusal);
  CPPUNIT_TEST(the_way_back_leads_to_our_own_pages_alone);
  CPPUNIT_TEST_SUITE_END();

  base::ManualClock clock_{1'780'000'000 * base::kSecondUs};
  testing::TestStore store_;
  base::Log& log_ = base::Log::quiet();
  PasswordHasher hasher_;
  Audit audit_{*store_, clock_, log_, audit_options()};
  Auth auth_{*store_, audit_, hasher_, clock_, log_, auth_options_of()};
  Projects projects_{*store_, audit_, clock_};
  Memberships memberships_{*store_, audit_, clock_};
  Users users_{*store_, audit_, auth_, hasher_, clock_};
  const Sealer sealer_{"secret", {}};
  FakeProvider provider_{clock_};
  OidcOptions options_;
  std::unique_ptr<Oidc> oidc_;

  static Audit::Options audit_options() {
    Audit::Options out;
    out.secret = "secret";
    return out;
  }
  static AuthOptions auth_options_of() {
    AuthOptions out;
    out.session_secret = "session secret";
    return out;
  }
  void make() {
    oidc_ = std::make_unique<Oidc>(
        *store_, audit_, auth_, users_, memberships_, projects_, sealer_, clock_, log_,
        [this](const OidcAsk& ask) { return provider_.answer(ask); }, options_);
  }
  static std::string param(const std::string& url, const std::string& name) {
    const std::size_t at = url.find(name + "=");
    CPPUNIT_ASSERT_MESSAGE(url, at != std::string::npos);
    const std::size_t from = at + name.size() + 1;
    return url.substr(from, url.find('&', from) - from);
  }
  // Begins, lets the provider say what `change` leaves of a good token, and comes back.
  base::Result<Oidc::Finished> come(const std::function<void(json::Object&)>& change = {}) {
    auto begun = oidc_->begin(kRedirect, "/projects");
    if (!begun) return std::move(begun).error();
    const std::int64_t now_s = clock_.now() / base::kSecondUs;
    provider_.claims = {{"iss", kIssuer},
                        {"aud", "z4j"},
                        {"sub", "s-1"},
                        {"exp", now_s + 300},
                        {"iat", now_s},
                        {"nonce", param(begun->url, "nonce")},
                        {"email", "Ada@Example.org"},
                        {"email_verified", true},
                        {"name", "Ada L"},
                        {"groups", json::Array{"ops", "else"}}};
    provider_.is_code_used = false;
    if (change) change(provider_.claims);
    return oidc_->finish({{"state", param(begun->url, "state")}, {"code", "good"}}, begun->cookie,
                         {"192.0.2.1", "test"});
  }
  void assert_refused(const std::string& says, const base::Result<Oidc::Finished>& result) {
    CPPUNIT_ASSERT_MESSAGE(says, !result.ok());
    CPPUNIT_ASSERT_EQUAL_MESSAGE(result.error().text(), std::string(refuse::kOidcRefused),
                                 std::string(result.error().where));
    CPPUNIT_ASSERT_MESSAGE(result.error().message,
                           result.error().message.find(says) != std::string::npos);
  }
  Role role_of(const base::Uuid& user) {
    const auto principal = find_principal(*store_, user).value();
    CPPUNIT_ASSERT(principal.has_value());
    return principal->user.is_admin ? Role::none
                                    : principal->role_in(projects_.by_slug("default").value().id);
  }
  base::Uuid add_user(const std::string& email, bool is_admin = false) {
    User user;
    user.id = base::Uuid::random();
    user.email = email;
    user.is_admin = is_admin;
    Commit commit;
    commit.insert(user_rows(user, {}));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    return user.id;
  }

 public:
  void setUp() override {
    CPPUNIT_ASSERT(audit_.open().ok());
    CPPUNIT_ASSERT(projects_.ensure_default().ok());
    options_.issuer = kIssuer;
    options_.client_id = "z4j";
    options_.client_secret = "hush";
    options_.scopes = {"openid", "email"};
    options_.groups_claim = "groups";
    options_.groups = {parse_group_role("ops = operator@default").value(),
                       parse_group_role("leads=admin@default").value(),
                       parse_group_role("z4j-admins=admin").value()};
    make();
  }

  void mappings_are_read_and_others_refused() {
    const GroupRole role = parse_group_role("CN=Ops,OU=It = viewer@web").value();
    CPPUNIT_ASSERT_EQUAL(std::string("CN=Ops,OU=It"), role.group);
    CPPUNIT_ASSERT(role.role == Role::viewer && role.project == "web" && !role.is_admin);
    CPPUNIT_ASSERT(parse_group_role("root=admin").value().is_admin);
    for (const char* bad :
         {"", "ops", "=admin", "ops=", "ops=viewer", "ops=chief@web", "ops=admin@"})
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_group_role(bad).ok());
  }
  void somebody_new_gets_an_account_with_the_roles_of_his_groups() {
    auto done = come();
    CPPUNIT_ASSERT_MESSAGE(done ? "" : done.error().text(), done.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("/projects"), done->next);
    CPPUNIT_ASSERT_EQUAL(std::string("ada@example.org"), done->signed_in.user.email);
    CPPUNIT_ASSERT_EQUAL(std::string("Ada L"), done->signed_in.user.display_name);
    CPPUNIT_ASSERT(role_of(done->signed_in.user.id) == Role::op);
    CPPUNIT_ASSERT(auth_.authenticate(done->signed_in.cookie).ok());
    // No password fits an account that has none.
    CPPUNIT_ASSERT(!auth_.login("ada@example.org", "", false, {"192.0.2.1", "test"}).ok());
    // He is known by his subject from now on, whatever his address is.
    auto again = come([](json::Object& claims) {
      claims["email"] = "other@example.org";
      claims["email_verified"] = false;
    });
    CPPUNIT_ASSERT_MESSAGE(again ? "" : again.error().text(), again.ok());
    CPPUNIT_ASSERT(again->signed_in.user.id == done->signed_in.user.id);
  }
  void an_es256_token_counts_as_well() {
    provider_.alg = "ES256";
    CPPUNIT_ASSERT(come().ok());
  }
  void an_account_with_the_same_verified_address_is_taken_over() {
    const base::Uuid ada = add_user("ada@example.org");
    assert_refused("does not vouch",
                   come([](json::Object& claims) { claims["email_verified"] = false; }));
    auto done = come();
    CPPUNIT_ASSERT_MESSAGE(done ? "" : done.error().text(), done.ok());
    CPPUNIT_ASSERT(done->signed_in.user.id == ada);
    assert_refused("another identity", come([](json::Object& claims) { claims["sub"] = "s-2"; }));
    add_user("root@example.org", true);  // an installation keeps one administrator
    UserPatch off;
    off.is_active = false;
    CPPUNIT_ASSERT(users_.patch(ada, off, {}).ok());
    assert_refused("not active", come());
  }
  void roles_follow_the_groups_at_every_sign_in() {
    add_user("root@example.org", true);
    const auto with = [this](json::Array groups) {
      auto done = come([&](json::Object& claims) { claims["groups"] = groups; });
      CPPUNIT_ASSERT_MESSAGE(done ? "" : done.error().text(), done.ok());
      return done->signed_in.user;
    };
    const User ada = with({"ops", "leads"});
    CPPUNIT_ASSERT(role_of(ada.id) == Role::admin);
    // The last admin of the project keeps his role; with another one it goes.
    with({"ops"});
    CPPUNIT_ASSERT(role_of(ada.id) == Role::admin);
    const base::Uuid bob = add_user("bob@example.org");
    CPPUNIT_ASSERT(
        memberships_.add(projects_.by_slug("default").value().id, bob, Role::admin, {}).ok());
    with({"ops"});
    CPPUNIT_ASSERT(role_of(ada.id) == Role::op);
    with({});
    CPPUNIT_ASSERT(role_of(ada.id) == Role::none);
    CPPUNIT_ASSERT(with({"z4j-admins"}).is_admin);
    CPPUNIT_ASSERT(!with({"ops"}).is_admin);
    CPPUNIT_ASSERT(role_of(ada.id) == Role::op);
  }
  void a_user_answer_fills_in_what_the_token_lacks() {
    provider_.user_says = {{"sub", "s-1"},
                           {"email", "ada@example.org"},
                           {"email_verified", true},
                           {"groups", json::Array{"ops"}},
                           {"name", "not this one"}};
    const auto lacking = [](json::Object& claims) {
      claims.erase("email");
      claims.erase("email_verified");
      claims.erase("groups");
    };
    auto done = come(lacking);
    CPPUNIT_ASSERT_MESSAGE(done ? "" : done.error().text(), done.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("Ada L"), done->signed_in.user.display_name);
    provider_.user_says["sub"] = "s-2";
    assert_refused("two people", come(lacking));
  }
  void the_secret_goes_to_the_token_endpoint_alone() {
    const auto begun = oidc_->begin(kRedirect, "/").value();
    CPPUNIT_ASSERT(begun.url.find("hush") == std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("S256"), param(begun.url, "code_challenge_method"));
    CPPUNIT_ASSERT(begun.cookie.find(param(begun.url, "state")) == std::string::npos);
    CPPUNIT_ASSERT(come().ok());
    CPPUNIT_ASSERT(provider_.form.find("hush") == std::string::npos);
    CPPUNIT_ASSERT(provider_.form.find("code_verifier=") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL("Basic " + base::base64("z4j:hush"), provider_.headers.back().second);
  }
  void tokens_for_others_or_forged_or_old_are_refused() {
    const std::int64_t now_s = clock_.now() / base::kSecondUs;
    const auto with = [this](const char* name, json::Value value) {
      return come([&](json::Object& claims) { claims[name] = value; });
    };
    assert_refused("another issuer", with("iss", "https://id.example.org.evil.com/realm"));
    assert_refused("somebody else", with("aud", "other"));
    assert_refused("somebody else", with("aud", json::Array{"z4j", "other"}));
    assert_refused("somebody else", with("azp", "other"));
    assert_refused("too old", with("exp", now_s - 61));
    assert_refused("too old", with("exp", nullptr));
    assert_refused("too old", with("iat", now_s + 61));
    assert_refused("another sign-in", with("nonce", "other"));
    assert_refused("another sign-in", with("nonce", nullptr));
    assert_refused("names nobody", with("sub", ""));
    provider_.is_forged = true;
    assert_refused("signature", come());
    provider_.is_forged = false;
    for (const char* alg : {"none", "HS256"}) {
      provider_.alg = alg;
      assert_refused("not accepted", come());
    }
    // A key of the wrong kind is no key.
    provider_.alg = "RS256";
    provider_.kid = "e1";
    assert_refused("signature", come());
    provider_.kid = {};
    CPPUNIT_ASSERT(come().ok());
  }
  void answers_count_once_and_for_their_browser_alone() {
    const Client client{"192.0.2.1", "test"};
    const auto mine = oidc_->begin(kRedirect, "/").value();
    const auto other = oidc_->begin(kRedirect, "/").value();
    const std::string state = param(mine.url, "state");
    assert_refused("does not belong",
                   oidc_->finish({{"state", state}, {"code", "good"}}, other.cookie, client));
    assert_refused("under way", oidc_->finish({{"state", state}, {"code", "good"}}, "", client));
    assert_refused("under way",
                   oidc_->finish({{"state", state}, {"code", "good"}}, "forged", client));
    assert_refused("did not accept",
                   oidc_->finish({{"state", state}, {"code", "stolen"}}, mine.cookie, client));
    assert_refused("used before",
                   oidc_->finish({{"state", state}, {"code", "good"}}, mine.cookie, client));
    assert_refused("refused: access_denied",
                   oidc_->finish({{"state", param(other.url, "state")}, {"error", "access_denied"}},
                                 other.cookie, client));
    const auto late = oidc_->begin(kRedirect, "/").value();
    clock_.advance((Oidc::kFlowS + 1) * base::kSecondUs);
    assert_refused("took too long",
                   oidc_->finish({{"state", param(late.url, "state")}, {"code", "good"}},
                                 late.cookie, client));
    const auto mixed = oidc_->begin(kRedirect, "/").value();
    assert_refused("another identity provider", oidc_->finish({{"state", param(mixed.url, "state")},
                                                               {"code", "good"},
                                                               {"iss", "https://evil.example"}},
                                                              mixed.cookie, client));
  }
  void people_that_nobody_vouches_for_are_refused() {
    const auto with_email = [this](const char* email) {
      return come([&](json::Object& claims) { claims["email"] = email; });
    };
    assert_refused("no account",
                   come([](json::Object& claims) { claims["groups"] = json::Array{"else"}; }));
    options_.email_domains = {"example.org"};
    make();
    assert_refused("may not sign in", with_email("ada@example.org.evil.com"));
    assert_refused("may not sign in", with_email("ada@corp.example.org"));
    assert_refused("may not sign in", with_email("ada@evil.com"));
    assert_refused("may not sign in", with_email(""));
    assert_refused("may not sign in",
                   come([](json::Object& claims) { claims["email_verified"] = false; }));
    CPPUNIT_ASSERT(with_email("ada@example.org").ok());
    options_.auto_provision = false;
    make();
    assert_refused("no account", come([](json::Object& claims) {
                     claims["sub"] = "s-3";
                     claims["email"] = "new@example.org";
                   }));
  }
  void a_new_key_of_the_provider_is_fetched() {
    provider_.shows_rsa = false;
    assert_refused("signature", come());
    provider_.shows_rsa = true;
    // Not at once, or forged tokens would make us ask for ever.
    assert_refused("signature", come());
    clock_.advance(61 * base::kSecondUs);
    CPPUNIT_ASSERT(come().ok());
  }
  void a_provider_that_is_away_or_talks_nonsense_is_no_refusal() {
    provider_.is_away = true;
    CPPUNIT_ASSERT(oidc_->begin(kRedirect, "/").error().code == base::Code::unavailable);
    provider_.is_away = false;
    provider_.says_issuer = "https://id.example.org/other";
    CPPUNIT_ASSERT(oidc_->begin(kRedirect, "/").error().code == base::Code::unavailable);
    provider_.says_issuer = kIssuer;
    CPPUNIT_ASSERT(come().ok());
  }
  void the_way_back_leads_to_our_own_pages_alone() {
    for (const auto& [asked, expected] :
         std::vector<std::pair<std::string, std::string>>{{"/a?b=c", "/a?b=c"},
                                                          {"//evil.com", "/"},
                                                          {"/\\evil.com", "/"},
                                                          {"https://evil.com", "/"},
                                                          {"/a\nb", "/"},
                                                          {"", "/"}}) {
      const auto begun = oidc_->begin(kRedirect, asked).value();
      provider_.is_code_used = false;
      const std::int64_t now_s = clock_.now() / base::kSecondUs;
      provider_.claims = {{"iss", kIssuer},
                          {"aud", "z4j"},
                          {"sub", "s-1"},
                          {"exp", now_s + 300},
                          {"nonce", param(begun.url, "nonce")},
                          {"email", "ada@example.org"},
                          {"email_verified", true},
                          {"groups", json::Array{"ops"}}};
      auto done = oidc_->finish({{"state", param(begun.url, "state")}, {"code", "good"}},
                                begun.cookie, {"192.0.2.1", "test"});
      CPPUNIT_ASSERT_MESSAGE(done ? "" : done.error().text(), done.ok());
      CPPUNIT_ASSERT_EQUAL(expected, done->next);
    }
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(OidcTest);

}  // namespace
}  // namespace z4j::core
