// The second factor and API keys, as clients meet them.
#include <cppunit/extensions/HelperMacros.h>

#include "api/site.hpp"
#include "api/testing/api_fixture.hpp"
#include "core/text.hpp"
#include "core/totp.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using testing::Answered;
using testing::ApiFixture;
using testing::Browser;
using Headers = std::vector<std::pair<std::string, std::string>>;

std::string unbase32(const std::string& text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto value = static_cast<std::uint32_t>(c >= 'A' ? c - 'A' : c - '2' + 26);
    bits = (bits << 5 | value) & 0xFFF;
    if ((count += 5) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return out;
}

class AccessTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AccessTest);
  CPPUNIT_TEST(a_second_factor_is_set_up_with_a_code);
  CPPUNIT_TEST(a_session_without_its_second_factor_reaches_nothing);
  CPPUNIT_TEST(no_code_works_twice);
  CPPUNIT_TEST(five_wrong_codes_close_the_factor);
  CPPUNIT_TEST(a_recovery_code_works_once);
  CPPUNIT_TEST(a_trusted_browser_is_not_asked);
  CPPUNIT_TEST(trusted_browsers_are_bounded);
  CPPUNIT_TEST(sensitive_acts_need_a_fresh_factor);
  CPPUNIT_TEST(a_running_factor_survives_an_enrolment_that_is_not_finished);
  CPPUNIT_TEST(turning_it_off_needs_password_and_code);
  CPPUNIT_TEST(an_administrator_resets_a_lost_factor);
  CPPUNIT_TEST(who_must_have_a_factor_has_some_days);
  CPPUNIT_TEST(a_chosen_password_must_be_changed_first);
  CPPUNIT_TEST(a_rotated_master_secret_keeps_factors_and_keys);
  CPPUNIT_TEST(a_key_opens_what_its_scopes_name);
  CPPUNIT_TEST(a_key_gives_no_more_than_its_owner_has);
  CPPUNIT_TEST(some_scopes_are_for_administrators);
  CPPUNIT_TEST(a_bound_key_opens_one_project);
  CPPUNIT_TEST(a_key_may_come_from_its_networks_alone);
  CPPUNIT_TEST(ended_keys_are_refused_with_their_reason);
  CPPUNIT_TEST(a_key_beside_a_session_must_be_good_too);
  CPPUNIT_TEST(keys_of_others_are_not_seen);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;

  void use(const std::function<void(core::MfaOptions&)>& change) {
    core::MfaOptions options = core::mfa_options(f_.settings);
    options.recovery_codes = 2;
    change(options);
    f_.mfa = std::make_unique<core::Mfa>(*f_.store, *f_.audit, f_.hasher, f_.sealer, f_.clock,
                                         f_.log, std::move(options));
    f_.open();
  }
  // Another browser of a user, signed in by the password alone.
  Browser again(const core::SignedIn& who) {
    auto user = f_.users->get(who.user.id).value();
    const core::Session session = f_.auth->new_session(user.id, true, {"127.0.0.1", "test"});
    core::Commit commit;
    f_.auth->insert_session(commit, session);
    ApiFixture::must(f_.store->commit(commit));
    return {f_, f_.auth->signed_in(std::move(user), session)};
  }
  struct Enrolled {
    std::string secret;
    std::vector<std::string> recovery_codes;
  };
  Enrolled enrol(Browser& browser) {
    const Answered begun = browser.post("/api/v1/auth/mfa/enroll-start");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(begun.response.body, 200, begun.status);
    Enrolled out{unbase32(begun.text("secret_base32")), {}};
    const Answered done =
        browser.post("/api/v1/auth/mfa/enroll-complete", Object{{"code", code(out.secret)}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(done.response.body, 200, done.status);
    for (const auto& each : *base::json::array(done.object(), "recovery_codes"))
      out.recovery_codes.emplace_back(each.get_string());
    return out;
  }
  std::string code(const std::string& secret) const {
    return core::totp_code(secret, f_.clock.now() / base::kSecondUs / 30);
  }
  void next_step() { f_.clock.advance(30 * base::kSecondUs); }
  Answered verify(Browser& browser, const std::string& given) {
    return browser.post("/api/v1/auth/mfa/verify", Object{{"code", given}});
  }
  static void assert_refused(int status, const std::string& reason, const Answered& answer) {
    CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.response.body, status, answer.status);
    CPPUNIT_ASSERT_EQUAL(reason, answer.text("details/reason"));
  }
  std::string mint(Browser& browser, Object body) {
    body.emplace("name", "key");
    const Answered made = browser.post("/api/v1/api-keys", body);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
    return made.text("token");
  }
  Answered with_key(const std::string& token, const std::string& method, const std::string& target,
                    const std::string& body = "{}") {
    Browser nobody(f_);
    return nobody.call(method, target, method == "GET" ? "" : body,
                       {{"authorization", "Bearer " + token}});
  }
  core::Project other_project() {
    core::Principal root;
    root.user.is_admin = true;
    core::ProjectDraft draft;
    draft.slug = draft.name = "other";
    return f_.projects->create(root, draft, {}).value();
  }

 public:
  void setUp() override {
    use([](core::MfaOptions&) {});
  }

  void a_second_factor_is_set_up_with_a_code() {
    Browser ada(f_, f_.sign_in("ada", false));
    assert_refused(409, "no_pending_enrollment",
                   ada.post("/api/v1/auth/mfa/enroll-complete", Object{{"code", "123456"}}));
    CPPUNIT_ASSERT_EQUAL(std::string("false"), ada.get("/api/v1/auth/mfa/status").text("enrolled"));
    const Enrolled has = enrol(ada);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, has.recovery_codes.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{14}, has.recovery_codes[0].size());
    const Answered status = ada.get("/api/v1/auth/mfa/status");
    CPPUNIT_ASSERT_EQUAL(std::string("true"), status.text("enrolled"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), status.text("remaining_recovery_codes"));
    assert_refused(409, "already_enrolled",
                   ada.post("/api/v1/auth/mfa/enroll-complete", Object{{"code", "123456"}}));
    CPPUNIT_ASSERT_EQUAL(200, ada.get("/api/v1/projects").status);
  }
  void a_session_without_its_second_factor_reaches_nothing() {
    const core::SignedIn who = f_.sign_in("ada", true);
    Browser first(f_, who);
    const Enrolled has = enrol(first);
    next_step();
    Browser second = again(who);
    for (const char* path : {"/api/v1/projects", "/api/v1/projects/default/tasks",
                             "/api/v1/auth/sessions", "/api/v1/health/system"}) {
      const Answered refused = second.get(path);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(path, 403, refused.status);
      CPPUNIT_ASSERT_EQUAL(std::string("mfa_reverify_required"), refused.text("error"));
      CPPUNIT_ASSERT_EQUAL(std::string("3600"), refused.text("details/ttl_seconds"));
    }
    CPPUNIT_ASSERT_EQUAL(200, second.get("/api/v1/auth/me").status);
    CPPUNIT_ASSERT_EQUAL(200, second.get("/api/v1/auth/mfa/status").status);
    CPPUNIT_ASSERT_EQUAL(403, second.post("/api/v1/auth/mfa/enroll-start").status);
    const Answered verified = verify(second, code(has.secret));
    CPPUNIT_ASSERT_EQUAL_MESSAGE(verified.response.body, 200, verified.status);
    CPPUNIT_ASSERT_EQUAL(200, second.get("/api/v1/projects").status);
    Browser third = again(who);
    CPPUNIT_ASSERT_EQUAL(204, third.post("/api/v1/auth/logout").status);
  }
  void no_code_works_twice() {
    const core::SignedIn who = f_.sign_in("ada", false);
    Browser ada(f_, who);
    const Enrolled has = enrol(ada);
    // The code that ended the enrolment is used up as well.
    assert_refused(401, "wrong_totp", verify(ada, code(has.secret)));
    next_step();
    const std::string fresh = code(has.secret);
    CPPUNIT_ASSERT_EQUAL(200, verify(ada, fresh).status);
    Browser thief = again(who);
    assert_refused(401, "wrong_totp", verify(thief, fresh));
    assert_refused(422, "bad_code_format", verify(thief, "not-a-code"));
  }
  void five_wrong_codes_close_the_factor() {
    const core::SignedIn who = f_.sign_in("ada", false);
    Browser ada(f_, who);
    const Enrolled has = enrol(ada);
    next_step();
    for (int i = 0; i < 5; ++i) assert_refused(401, "wrong_totp", verify(ada, "000000"));
    const Answered closed = verify(ada, code(has.secret));
    CPPUNIT_ASSERT_EQUAL_MESSAGE(closed.response.body, 429, closed.status);
    CPPUNIT_ASSERT(!closed.header("Retry-After").empty());
    f_.clock.advance(901 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(200, verify(ada, code(has.secret)).status);
    // The count began anew.
    next_step();
    assert_refused(401, "wrong_totp", verify(ada, "000000"));
    CPPUNIT_ASSERT_EQUAL(200, verify(ada, code(has.secret)).status);
  }
  void a_recovery_code_works_once() {
    const core::SignedIn who = f_.sign_in("ada", false);
    Browser ada(f_, who);
    const Enrolled has = enrol(ada);
    std::string typed = core::ascii_lower(has.recovery_codes[1]);
    typed.erase(4, 1);
    const Answered used = verify(ada, typed);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(used.response.body, 200, used.status);
    CPPUNIT_ASSERT_EQUAL(std::string("true"), used.text("used_recovery_code"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), used.text("remaining_recovery_codes"));
    assert_refused(401, "wrong_recovery_code", verify(ada, has.recovery_codes[1]));
    const Answered fresh = ada.post("/api/v1/auth/mfa/recovery-codes/regenerate");
    CPPUNIT_ASSERT_EQUAL(200, fresh.status);
    assert_refused(401, "wrong_recovery_code", verify(ada, has.recovery_codes[0]));
    CPPUNIT_ASSERT_EQUAL(200, verify(ada, fresh.text("recovery_codes/0")).status);
  }
  void a_trusted_browser_is_not_asked() {
    CPPUNIT_ASSERT(
        f_.setup->bootstrap("root@example.org", ApiFixture::kPassword, "Root", "test").ok());
    const Object signing{{"email", "root@example.org"}, {"password", ApiFixture::kPassword}};
    Browser root(f_);
    CPPUNIT_ASSERT_EQUAL(std::string("false"),
                         root.post("/api/v1/auth/login", signing).text("mfa_required"));
    const Enrolled has = enrol(root);
    CPPUNIT_ASSERT_EQUAL(std::string("true"),
                         root.post("/api/v1/auth/login", signing).text("mfa_required"));
    next_step();
    CPPUNIT_ASSERT_EQUAL(200,
                         root.post("/api/v1/auth/mfa/verify",
                                   Object{{"code", code(has.secret)}, {"remember_device", true}})
                             .status);
    CPPUNIT_ASSERT_EQUAL(std::size_t{43}, root.cookies["z4j_mfa_trust"].size());
    CPPUNIT_ASSERT_EQUAL(std::string("false"),
                         root.post("/api/v1/auth/login", signing).text("mfa_required"));
    const Answered listed = root.get("/api/v1/auth/mfa/trusted-devices");
    CPPUNIT_ASSERT_EQUAL(std::string("true"), listed.text("0/is_current"));
    const std::string device = "/api/v1/auth/mfa/trusted-devices/" + listed.text("0/id");
    CPPUNIT_ASSERT_EQUAL(std::string("work"),
                         root.call("PATCH", device, R"({"label":"work"})").text("label"));
    CPPUNIT_ASSERT_EQUAL(204, root.post(device + "/revoke").status);
    CPPUNIT_ASSERT_EQUAL(404, root.post(device + "/revoke").status);
    CPPUNIT_ASSERT_EQUAL(std::string("true"),
                         root.post("/api/v1/auth/login", signing).text("mfa_required"));
  }
  void trusted_browsers_are_bounded() {
    use([](core::MfaOptions& options) { options.most_devices = 2; });
    Browser ada(f_, f_.sign_in("ada", false));
    enrol(ada);
    for (int i = 0; i < 3; ++i) {
      ada.cookies.erase("z4j_mfa_trust");
      f_.clock.advance(base::kSecondUs);
      CPPUNIT_ASSERT_EQUAL(201, ada.post("/api/v1/auth/mfa/trusted-devices").status);
    }
    CPPUNIT_ASSERT_EQUAL(201, ada.post("/api/v1/auth/mfa/trusted-devices").status);
    const Answered listed = ada.get("/api/v1/auth/mfa/trusted-devices");
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, listed.array().size());
    CPPUNIT_ASSERT_EQUAL(std::string("null"), listed.text("0/revoked_at"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), listed.text("1/revoked_at"));
    CPPUNIT_ASSERT(listed.text("2/revoked_at") != "null");
  }
  void sensitive_acts_need_a_fresh_factor() {
    const core::SignedIn who = f_.sign_in("ada", false);
    Browser first(f_, who);
    CPPUNIT_ASSERT_EQUAL(201, first.post("/api/v1/api-keys", Object{{"name", "a"}}).status);
    const Enrolled has = enrol(first);
    next_step();
    Browser ada = again(who);
    CPPUNIT_ASSERT_EQUAL(200, verify(ada, code(has.secret)).status);
    CPPUNIT_ASSERT_EQUAL(201, ada.post("/api/v1/api-keys", Object{{"name", "b"}}).status);
    f_.clock.advance(3601 * base::kSecondUs);
    const Answered stale = ada.post("/api/v1/api-keys", Object{{"name", "c"}});
    CPPUNIT_ASSERT_EQUAL(403, stale.status);
    CPPUNIT_ASSERT_EQUAL(std::string("mfa_reverify_required"), stale.text("error"));
    CPPUNIT_ASSERT_EQUAL(200, ada.get("/api/v1/api-keys").status);
    CPPUNIT_ASSERT_EQUAL(200, verify(ada, code(has.secret)).status);
    CPPUNIT_ASSERT_EQUAL(201, ada.post("/api/v1/api-keys", Object{{"name", "c"}}).status);
  }
  void a_running_factor_survives_an_enrolment_that_is_not_finished() {
    Browser ada(f_, f_.sign_in("ada", false));
    const Enrolled has = enrol(ada);
    CPPUNIT_ASSERT_EQUAL(200, ada.post("/api/v1/auth/mfa/enroll-start").status);
    next_step();
    CPPUNIT_ASSERT_EQUAL(200, verify(ada, code(has.secret)).status);
    const Enrolled next = enrol(ada);
    next_step();
    assert_refused(401, "wrong_totp", verify(ada, code(has.secret)));
    CPPUNIT_ASSERT_EQUAL(200, verify(ada, code(next.secret)).status);
  }
  void turning_it_off_needs_password_and_code() {
    CPPUNIT_ASSERT(
        f_.setup->bootstrap("root@example.org", ApiFixture::kPassword, "Root", "test").ok());
    Browser root(f_);
    root.post("/api/v1/auth/login",
              Object{{"email", "root@example.org"}, {"password", ApiFixture::kPassword}});
    const Enrolled has = enrol(root);
    const auto disable = [&](const std::string& password, const std::string& given) {
      return root.post("/api/v1/auth/mfa/disable", Object{{"password", password}, {"code", given}});
    };
    next_step();
    assert_refused(401, "wrong_totp", disable(ApiFixture::kPassword, "000000"));
    assert_refused(401, "wrong_password", disable("wrong", code(has.secret)));
    assert_refused(422, "bad_code_format", disable(ApiFixture::kPassword, has.recovery_codes[0]));
    CPPUNIT_ASSERT_EQUAL(200, disable(ApiFixture::kPassword, code(has.secret)).status);
    CPPUNIT_ASSERT_EQUAL(std::string("false"),
                         root.get("/api/v1/auth/mfa/status").text("enrolled"));
    assert_refused(409, "mfa_not_enrolled", verify(root, "123456"));
  }
  void an_administrator_resets_a_lost_factor() {
    const core::SignedIn who = f_.sign_in("ada", false);
    Browser ada(f_, who), admin(f_, f_.sign_in("root", true));
    enrol(ada);
    const std::string path = "/api/v1/users/" + who.user.id.text() + "/reset-mfa";
    CPPUNIT_ASSERT_EQUAL(403, ada.post(path).status);
    CPPUNIT_ASSERT_EQUAL(204, admin.post(path).status);
    Browser later = again(who);
    CPPUNIT_ASSERT_EQUAL(200, later.get("/api/v1/projects").status);
    CPPUNIT_ASSERT_EQUAL(
        404, admin.post("/api/v1/users/" + base::Uuid::random().text() + "/reset-mfa").status);
  }
  void who_must_have_a_factor_has_some_days() {
    use([](core::MfaOptions& options) { options.for_admins = true; });
    const core::SignedIn who = f_.sign_in("root", true);
    Browser root = again(who), other(f_, f_.sign_in("ada", false));
    CPPUNIT_ASSERT_EQUAL(200, root.get("/api/v1/projects").status);
    f_.clock.advance(7 * base::kDayUs - base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(200, root.get("/api/v1/projects").status);
    f_.clock.advance(2 * base::kSecondUs);
    assert_refused(403, "mfa_enrollment_required", root.get("/api/v1/projects"));
    CPPUNIT_ASSERT_EQUAL(200, root.get("/api/v1/auth/me").status);
    enrol(root);
    CPPUNIT_ASSERT_EQUAL(200, root.get("/api/v1/projects").status);
    Browser viewer(f_, f_.sign_in("bob", false));
    CPPUNIT_ASSERT_EQUAL(200, viewer.get("/api/v1/projects").status);
  }
  void a_chosen_password_must_be_changed_first() {
    const core::SignedIn who = f_.sign_in("ada", false);
    Browser ada(f_, who);
    core::Commit commit;
    core::Where self;
    self.eq(model::users::id, who.user.id);
    commit.update(core::Table::users, std::move(self),
                  {{model::users::force_password_change, true}});
    ApiFixture::must(f_.store->commit(commit));
    assert_refused(403, "password_change_required", ada.get("/api/v1/projects"));
    CPPUNIT_ASSERT_EQUAL(200, ada.get("/api/v1/auth/me").status);
    CPPUNIT_ASSERT_EQUAL(422, ada.post("/api/v1/auth/change-password").status);
  }
  void a_rotated_master_secret_keeps_factors_and_keys() {
    const core::SignedIn who = f_.sign_in("ada", false);
    Browser ada(f_, who);
    const Enrolled has = enrol(ada);
    const std::string token = mint(ada, Object{{"scopes", Array{"projects:read"}}});
    const core::Sealer rotated("a new secret", {"test secret"});
    core::ApiKeys::Options keying;
    keying.secret = "a new secret";
    keying.previous_secrets = {"test secret"};
    keying.is_within = is_within;
    f_.keys =
        std::make_unique<core::ApiKeys>(*f_.store, *f_.audit, f_.clock, f_.log, std::move(keying));
    f_.mfa = std::make_unique<core::Mfa>(*f_.store, *f_.audit, f_.hasher, rotated, f_.clock, f_.log,
                                         core::MfaOptions{});
    f_.open();
    next_step();
    CPPUNIT_ASSERT_EQUAL(200, verify(ada, code(has.secret)).status);
    CPPUNIT_ASSERT_EQUAL(200, with_key(token, "GET", "/api/v1/projects").status);
    // Sealed anew when it was used: the old secret is not needed any more.
    const core::Sealer alone("a new secret", {});
    f_.mfa = std::make_unique<core::Mfa>(*f_.store, *f_.audit, f_.hasher, alone, f_.clock, f_.log,
                                         core::MfaOptions{});
    f_.open();
    next_step();
    CPPUNIT_ASSERT_EQUAL(200, verify(ada, code(has.secret)).status);
    setUp();
  }

  void a_key_opens_what_its_scopes_name() {
    Browser op(f_, f_.sign_in("op", false, core::Role::op));
    const std::string token = mint(op, Object{{"scopes", Array{"tasks:read", "projects:read"}}});
    CPPUNIT_ASSERT_EQUAL(std::string("z4k_"), token.substr(0, 4));
    CPPUNIT_ASSERT_EQUAL(std::size_t{47}, token.size());
    CPPUNIT_ASSERT_EQUAL(200, with_key(token, "GET", "/api/v1/projects/default/tasks").status);
    CPPUNIT_ASSERT_EQUAL(200, with_key(token, "GET", "/api/v1/projects").status);
    const Answered agents = with_key(token, "GET", "/api/v1/projects/default/agents");
    assert_refused(403, "scope_missing", agents);
    CPPUNIT_ASSERT_EQUAL(std::string("agents:read"), agents.text("details/required_scope"));
    assert_refused(403, "bearer_denied_for_tag", with_key(token, "GET", "/api/v1/auth/me"));
    const Answered trends = with_key(token, "GET", "/api/v1/projects/default/trends");
    assert_refused(403, "scope_missing", trends);
    CPPUNIT_ASSERT_EQUAL(std::string("__unreachable__"), trends.text("details/required_scope"));
    const std::string writes = mint(op, Object{{"scopes", Array{"tasks:write"}}});
    CPPUNIT_ASSERT_EQUAL(200, with_key(writes, "GET", "/api/v1/projects/default/tasks").status);
    const std::string nothing = mint(op, Object{});
    CPPUNIT_ASSERT_EQUAL(403, with_key(nothing, "GET", "/api/v1/projects").status);
    CPPUNIT_ASSERT_EQUAL(401, with_key(token, "POST", "/api/v1/api-keys").status);
    CPPUNIT_ASSERT_EQUAL(401, with_key("z4k_unknown", "GET", "/api/v1/projects").status);
    const Answered listed = op.get("/api/v1/api-keys");
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, listed.array().size());
    CPPUNIT_ASSERT(listed.response.body.find(token) == std::string::npos);
  }
  void a_key_gives_no_more_than_its_owner_has() {
    const core::SignedIn who = f_.sign_in("viewer", false, core::Role::viewer);
    Browser viewer(f_, who);
    const std::string token =
        mint(viewer, Object{{"scopes", Array{"commands:write", "memberships:read"}}});
    const Answered refused =
        with_key(token, "POST", "/api/v1/projects/default/commands/retry-task");
    CPPUNIT_ASSERT_EQUAL(403, refused.status);
    CPPUNIT_ASSERT_EQUAL(std::string("viewer"), refused.text("details/have"));
    CPPUNIT_ASSERT_EQUAL(403,
                         with_key(token, "GET", "/api/v1/projects/default/memberships").status);
    other_project();
    CPPUNIT_ASSERT_EQUAL(404, with_key(token, "GET", "/api/v1/projects/other/commands").status);
  }
  void some_scopes_are_for_administrators() {
    Browser ada(f_, f_.sign_in("ada", false)), root(f_, f_.sign_in("root", true));
    const Answered refused = ada.post(
        "/api/v1/api-keys",
        Object{{"name", "a"}, {"scopes", Array{"tasks:read", "admin:*", "users:read", "no:such"}}});
    assert_refused(409, "rejected_scopes", refused);
    CPPUNIT_ASSERT_EQUAL(std::string(R"(["admin:*","users:read","no:such"])"),
                         refused.text("details/rejected_scopes"));
    const std::string all = mint(root, Object{{"scopes", Array{"admin:*"}}});
    CPPUNIT_ASSERT_EQUAL(200, with_key(all, "GET", "/api/v1/api-keys").status);
    CPPUNIT_ASSERT_EQUAL(200, with_key(all, "GET", "/api/v1/projects/default/tasks").status);
    const Answered scopes = ada.get("/api/v1/api-keys/scopes");
    CPPUNIT_ASSERT_EQUAL(std::string("auth:read"), scopes.text("scopes/0"));
    CPPUNIT_ASSERT_EQUAL(std::string("admin:*"), scopes.text("admin_only/0"));
  }
  void a_bound_key_opens_one_project() {
    const core::Project other = other_project();
    Browser root(f_, f_.sign_in("root", true));
    const std::string token =
        mint(root, Object{{"scopes", Array{"admin:*"}}, {"project_id", f_.project.id.text()}});
    CPPUNIT_ASSERT_EQUAL(200, with_key(token, "GET", "/api/v1/projects/default/tasks").status);
    const Answered elsewhere = with_key(token, "GET", "/api/v1/projects/other/tasks");
    assert_refused(403, "project_scope_mismatch", elsewhere);
    CPPUNIT_ASSERT_EQUAL(std::string("default"), elsewhere.text("details/expected"));
    CPPUNIT_ASSERT_EQUAL(std::string("other"), elsewhere.text("details/got"));
    const Answered listed = with_key(token, "GET", "/api/v1/projects");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, listed.array().size());
    assert_refused(403, "project_scope_nonslug_denied", with_key(token, "GET", "/api/v1/api-keys"));
    // It does not administer the installation.
    CPPUNIT_ASSERT_EQUAL(403, with_key(token, "POST", "/api/v1/projects").status);
    Browser ada(f_, f_.sign_in("ada", false));
    assert_refused(
        409, "not_a_member",
        ada.post("/api/v1/api-keys", Object{{"name", "a"}, {"project_id", other.id.text()}}));
    CPPUNIT_ASSERT_EQUAL(
        404, ada.post("/api/v1/api-keys",
                      Object{{"name", "a"}, {"project_id", base::Uuid::random().text()}})
                 .status);
  }
  void a_key_may_come_from_its_networks_alone() {
    Browser ada(f_, f_.sign_in("ada", false, core::Role::viewer));
    const Array scopes{"projects:read"};
    const std::string near =
        mint(ada, Object{{"scopes", scopes}, {"allowed_ips", Array{"10.0.0.0/8", "127.0.0.1"}}});
    const std::string far =
        mint(ada, Object{{"scopes", scopes}, {"allowed_ips", Array{"10.0.0.0/8", "::1"}}});
    CPPUNIT_ASSERT_EQUAL(200, with_key(near, "GET", "/api/v1/projects").status);
    assert_refused(401, "address_not_allowed", with_key(far, "GET", "/api/v1/projects"));
    CPPUNIT_ASSERT_EQUAL(
        422,
        ada.post("/api/v1/api-keys", Object{{"name", "a"}, {"allowed_ips", Array{"here"}}}).status);
  }
  void ended_keys_are_refused_with_their_reason() {
    const core::SignedIn who = f_.sign_in("ada", false, core::Role::viewer);
    Browser ada(f_, who);
    const std::string token = mint(ada, Object{{"scopes", Array{"projects:read"}}});
    const std::string short_lived =
        mint(ada, Object{{"scopes", Array{"projects:read"}}, {"expires_in_days", 1}});
    CPPUNIT_ASSERT_EQUAL(200, with_key(short_lived, "GET", "/api/v1/projects").status);
    const Answered used = ada.get("/api/v1/api-keys");
    std::string id;
    for (const auto& key : used.array()) {
      const Object& each = key.get_object();
      const bool is_used = !each.at("last_used_at").is_null();
      CPPUNIT_ASSERT_EQUAL(!each.at("expires_at").is_null(), is_used);
      if (!is_used) id = std::string(base::json::text(each, "id"));
    }
    CPPUNIT_ASSERT_EQUAL(204, ada.call("DELETE", "/api/v1/api-keys/" + id).status);
    CPPUNIT_ASSERT_EQUAL(404, ada.call("DELETE", "/api/v1/api-keys/" + id).status);
    assert_refused(401, "revoked", with_key(token, "GET", "/api/v1/projects"));
    f_.clock.advance(base::kDayUs);
    assert_refused(401, "expired", with_key(short_lived, "GET", "/api/v1/projects"));
    Browser fresh = again(who);
    const std::string third = mint(fresh, Object{{"scopes", Array{"projects:read"}}});
    f_.sign_in("root", true);  // an installation keeps one administrator
    core::UserPatch off;
    off.is_active = false;
    CPPUNIT_ASSERT(f_.users->patch(who.user.id, off, {}).ok());
    assert_refused(401, "owner_inactive", with_key(third, "GET", "/api/v1/projects"));
  }
  void a_key_beside_a_session_must_be_good_too() {
    Browser op(f_, f_.sign_in("op", false, core::Role::op));
    const std::string token = mint(op, Object{{"scopes", Array{"tasks:read"}}});
    const Headers both{{"authorization", "Bearer " + token}};
    CPPUNIT_ASSERT_EQUAL(200, op.call("GET", "/api/v1/projects/default/tasks", "", both).status);
    CPPUNIT_ASSERT_EQUAL(403, op.call("GET", "/api/v1/projects/default/agents", "", both).status);
    const Headers other{{"authorization", "Bearer something-else"}};
    CPPUNIT_ASSERT_EQUAL(200, op.call("GET", "/api/v1/projects/default/agents", "", other).status);
    // With a cookie there is no way around the CSRF token.
    const std::string writes = mint(op, Object{{"scopes", Array{"commands:write"}}});
    Browser stale(f_);
    stale.cookies["z4j_session"] = "over";
    assert_refused(403, "csrf_mismatch",
                   stale.call("POST", "/api/v1/projects/default/commands/retry-task", "{}",
                              {{"authorization", "Bearer " + writes}}));
    CPPUNIT_ASSERT_EQUAL(
        422, with_key(writes, "POST", "/api/v1/projects/default/commands/retry-task").status);
  }
  void keys_of_others_are_not_seen() {
    Browser ada(f_, f_.sign_in("ada", false)), root(f_, f_.sign_in("root", true));
    mint(ada, Object{});
    CPPUNIT_ASSERT(root.get("/api/v1/api-keys").array().empty());
    const std::string id = ada.get("/api/v1/api-keys").text("0/id");
    CPPUNIT_ASSERT_EQUAL(404, root.call("DELETE", "/api/v1/api-keys/" + id).status);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(AccessTest);

}  // namespace
}  // namespace z4j::api
