// Users, members, invitations, resets and sessions as HTTP shows them.
#include <cppunit/extensions/HelperMacros.h>

#include "api/api.hpp"
#include "api/testing/api_fixture.hpp"
#include "core/mail.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Browser;
using testing::Object;

constexpr const char* kNextPassword = "Another-horse-battery-9";

class ApiAccountsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiAccountsTest);
  CPPUNIT_TEST(administrators_manage_users);
  CPPUNIT_TEST(users_limits_are_forgiving_but_offsets_end);
  CPPUNIT_TEST(guards_say_why);
  CPPUNIT_TEST(password_rules_answer_422_with_their_code_everywhere);
  CPPUNIT_TEST(a_forced_change_closes_everything_else);
  CPPUNIT_TEST(members_are_managed_by_project_administrators);
  CPPUNIT_TEST(a_guest_is_invited_and_accepts);
  CPPUNIT_TEST(a_signed_in_user_accepts_without_a_password);
  CPPUNIT_TEST(a_reset_is_asked_for_and_done);
  CPPUNIT_TEST(one_s_other_sessions_end_at_once);
  CPPUNIT_TEST(the_pages_of_links_hold_no_token);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;

  [[nodiscard]] std::string token_of(const core::Mail& mail) const {
    return mail.text.substr(mail.text.find("#token=") + 7, 43);
  }

 public:
  void administrators_manage_users() {
    Browser root(f_, f_.sign_in("root", true));
    const Answered made = root.post("/api/v1/users", Object{{"email", "Ann@example.org"},
                                                            {"password", ApiFixture::kPassword},
                                                            {"first_name", "Ann"}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
    CPPUNIT_ASSERT_EQUAL(std::string("ann@example.org"), made.text("email"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), made.text("last_login_at"));
    const std::string path = "/api/v1/users/" + made.text("id");
    const Answered twice = root.post(
        "/api/v1/users", Object{{"email", "ann@example.org"}, {"password", ApiFixture::kPassword}});
    CPPUNIT_ASSERT_EQUAL(409, twice.status);
    CPPUNIT_ASSERT_EQUAL(std::string("ann@example.org"), twice.text("details/email"));

    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, root.get("/api/v1/users").array().size());
    const Answered patched =
        root.call("PATCH", path, R"({"first_name":"","display_name":"A","last_name":null})");
    CPPUNIT_ASSERT_EQUAL(std::string("null"), patched.text("first_name"));
    CPPUNIT_ASSERT_EQUAL(std::string("A"), patched.text("display_name"));
    CPPUNIT_ASSERT_EQUAL(204, root.call("DELETE", path).status);
    CPPUNIT_ASSERT_EQUAL(404, root.get(path).status);
    CPPUNIT_ASSERT_EQUAL(404, root.get("/api/v1/users/nobody").status);

    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::admin));
    CPPUNIT_ASSERT_EQUAL(403, viewer.get("/api/v1/users").status);
  }

  void users_limits_are_forgiving_but_offsets_end() {
    Browser root(f_, f_.sign_in("root", true));
    for (const char* query : {"?limit=0", "?limit=501", "?offset=-3", "?limit=1&offset=0"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(query, 200,
                                   root.get("/api/v1/users" + std::string(query)).status);
    CPPUNIT_ASSERT_EQUAL(422, root.get("/api/v1/users?offset=100001").status);
    CPPUNIT_ASSERT(root.get("/api/v1/users?offset=5").array().empty());
  }

  void guards_say_why() {
    const core::SignedIn me = f_.sign_in("root", true);
    Browser root(f_, me);
    const std::string path = "/api/v1/users/" + me.user.id.text();
    const auto reason = [](const Answered& answer) {
      CPPUNIT_ASSERT_EQUAL(409, answer.status);
      return answer.text("details/reason");
    };
    CPPUNIT_ASSERT_EQUAL(std::string("self_demote"),
                         reason(root.call("PATCH", path, R"({"is_admin":false})")));
    CPPUNIT_ASSERT_EQUAL(std::string("self_deactivate"),
                         reason(root.call("PATCH", path, R"({"is_active":false})")));
    CPPUNIT_ASSERT_EQUAL(std::string("self_delete"), reason(root.call("DELETE", path)));
  }

  void password_rules_answer_422_with_their_code_everywhere() {
    const core::SignedIn me = f_.sign_in("root", true);
    Browser root(f_, me), guest(f_);
    const std::string project = "/api/v1/projects/default";
    const Answered invited =
        root.post(project + "/invitations", Object{{"email", "ann@example.org"}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(invited.response.body, 201, invited.status);
    CPPUNIT_ASSERT(f_.resets->request("root@example.org", {"127.0.0.1", "test"}).ok());
    constexpr const char* kWeak = "onlyletters";
    for (const Answered& answer :
         {root.post("/api/v1/users", Object{{"email", "b@example.org"}, {"password", kWeak}}),
          root.post("/api/v1/users/" + me.user.id.text() + "/password",
                    Object{{"new_password", kWeak}}),
          guest.post("/api/v1/auth/password-reset/confirm",
                     Object{{"token", token_of(f_.mails.back())}, {"new_password", kWeak}})}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.response.body, 422, answer.status);
      CPPUNIT_ASSERT_EQUAL(std::string("password_too_short"), answer.text("details/code"));
      CPPUNIT_ASSERT(answer.response.body.find(kWeak) == std::string::npos);
    }
    const Answered accepted =
        guest.post("/api/v1/invitations/accept", Object{{"token", invited.text("token")},
                                                        {"display_name", "Ann"},
                                                        {"password", "onlylettersabc"}});
    CPPUNIT_ASSERT_EQUAL(422, accepted.status);
    CPPUNIT_ASSERT_EQUAL(std::string("password_too_simple"), accepted.text("details/code"));
  }

  void a_forced_change_closes_everything_else() {
    Browser root(f_, f_.sign_in("root", true));
    const core::SignedIn ann = f_.sign_in("ann", false, core::Role::viewer);
    CPPUNIT_ASSERT_EQUAL(204, root.post("/api/v1/users/" + ann.user.id.text() + "/password",
                                        Object{{"new_password", ApiFixture::kPassword}})
                                  .status);
    CPPUNIT_ASSERT_EQUAL(401, Browser(f_, ann).get("/api/v1/auth/me").status);
    f_.clock.advance(5 * base::kSecondUs);
    Browser browser(f_);
    const Answered in =
        browser.post("/api/v1/auth/login",
                     Object{{"email", "ann@example.org"}, {"password", ApiFixture::kPassword}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(in.response.body, 200, in.status);
    CPPUNIT_ASSERT_EQUAL(std::string("true"), in.text("password_change_required"));
    const Answered closed = browser.get("/api/v1/projects/default");
    CPPUNIT_ASSERT_EQUAL(403, closed.status);
    CPPUNIT_ASSERT_EQUAL(std::string("password_change_required"), closed.text("details/reason"));
    CPPUNIT_ASSERT_EQUAL(200, browser.get("/api/v1/auth/me").status);
    CPPUNIT_ASSERT_EQUAL(200, browser.get("/api/v1/auth/policy").status);
    const Answered changed = browser.post(
        "/api/v1/auth/change-password",
        Object{{"current_password", ApiFixture::kPassword}, {"new_password", kNextPassword}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(changed.response.body, 200, changed.status);
    CPPUNIT_ASSERT_EQUAL(200, browser.get("/api/v1/projects/default").status);
  }

  void members_are_managed_by_project_administrators() {
    Browser admin(f_, f_.sign_in("admin", false, core::Role::admin));
    const core::SignedIn ann = f_.sign_in("ann", false);
    const std::string path = "/api/v1/projects/default/memberships";
    const Answered odd =
        admin.post(path, Object{{"user_id", ann.user.id.text()}, {"role", "owner"}});
    CPPUNIT_ASSERT_EQUAL(409, odd.status);
    CPPUNIT_ASSERT_EQUAL(std::string("owner"), odd.text("details/value"));
    const Answered added =
        admin.post(path, Object{{"user_id", ann.user.id.text()}, {"role", "viewer"}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(added.response.body, 201, added.status);
    Browser viewer(f_, ann);
    CPPUNIT_ASSERT_EQUAL(200, viewer.get("/api/v1/projects/default").status);
    CPPUNIT_ASSERT_EQUAL(403, viewer.get(path).status);
    const std::string member = path + "/" + added.text("id");
    CPPUNIT_ASSERT_EQUAL(std::string("operator"),
                         admin.call("PATCH", member, R"({"role":"operator"})").text("role"));
    CPPUNIT_ASSERT_EQUAL(204, admin.call("DELETE", member).status);
    CPPUNIT_ASSERT_EQUAL(404, viewer.get("/api/v1/projects/default").status);
    const std::string own = path + "/" + admin.get(path).text("0/id");
    const Answered last = admin.call("DELETE", own);
    CPPUNIT_ASSERT_EQUAL(409, last.status);
    CPPUNIT_ASSERT_EQUAL(std::string("last_project_admin"), last.text("details/reason"));
  }

  void a_guest_is_invited_and_accepts() {
    Browser admin(f_, f_.sign_in("admin", false, core::Role::admin)), guest(f_);
    const std::string path = "/api/v1/projects/default/invitations";
    CPPUNIT_ASSERT_EQUAL(
        422, admin.post(path, Object{{"email", "a@example.org"}, {"role", "owner"}}).status);
    const Answered minted =
        admin.post(path, Object{{"email", "ann@example.org"}, {"role", "operator"}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(minted.response.body, 201, minted.status);
    CPPUNIT_ASSERT_EQUAL(std::string("true"), minted.text("email_sent"));
    const std::string token = minted.text("token");
    CPPUNIT_ASSERT_EQUAL("/invite#token=" + token, minted.text("accept_url_path"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, admin.get(path).array().size());
    CPPUNIT_ASSERT(admin.get(path).response.body.find(token) == std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("ann@example.org"),
                         guest.get("/api/v1/invitations/preview?token=" + token).text("email"));
    CPPUNIT_ASSERT_EQUAL(
        404, guest.get("/api/v1/invitations/preview?token=" + std::string(43, 'x')).status);
    const Object answer{
        {"token", token}, {"display_name", "Ann"}, {"password", ApiFixture::kPassword}};
    const Answered accepted = guest.post("/api/v1/invitations/accept", answer);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(accepted.response.body, 201, accepted.status);
    CPPUNIT_ASSERT_EQUAL(std::string("operator"), accepted.text("role"));
    CPPUNIT_ASSERT(guest.cookies.empty());
    CPPUNIT_ASSERT_EQUAL(404, guest.post("/api/v1/invitations/accept", answer).status);
    CPPUNIT_ASSERT_EQUAL(409,
                         admin.call("DELETE", path + "/" + minted.text("invitation/id")).status);
    CPPUNIT_ASSERT_EQUAL(404, admin.call("DELETE", path + "/nothing").status);
  }

  void a_signed_in_user_accepts_without_a_password() {
    Browser admin(f_, f_.sign_in("admin", false, core::Role::admin));
    Browser ann(f_, f_.sign_in("ann", false)), bob(f_, f_.sign_in("bob", false)), guest(f_);
    const std::string token =
        admin.post("/api/v1/projects/default/invitations", Object{{"email", "ann@example.org"}})
            .text("token");
    const std::string path = "/api/v1/invitations/accept";
    const Answered exists = guest.post(
        path,
        Object{{"token", token}, {"display_name", "Eve"}, {"password", ApiFixture::kPassword}});
    CPPUNIT_ASSERT_EQUAL(409, exists.status);
    CPPUNIT_ASSERT_EQUAL(std::string("account_exists"), exists.text("details/reason"));
    CPPUNIT_ASSERT_EQUAL(422, guest.post(path, Object{{"token", token}}).status);
    const Answered other = bob.post(path, Object{{"token", token}});
    CPPUNIT_ASSERT_EQUAL(403, other.status);
    CPPUNIT_ASSERT_EQUAL(std::string("other_address"), other.text("details/reason"));
    const std::string csrf = std::exchange(ann.csrf, "");
    CPPUNIT_ASSERT_EQUAL(403, ann.post(path, Object{{"token", token}}).status);
    ann.csrf = csrf;
    CPPUNIT_ASSERT_EQUAL(201, ann.post(path, Object{{"token", token}}).status);
    CPPUNIT_ASSERT_EQUAL(200, ann.get("/api/v1/projects/default").status);
  }

  void a_reset_is_asked_for_and_done() {
    const core::SignedIn ann = f_.sign_in("ann", false);
    Browser guest(f_);
    for (const char* email : {"ann@example.org", "nobody@example.org"}) {
      const Answered asked =
          guest.post("/api/v1/auth/password-reset/request", Object{{"email", email}});
      CPPUNIT_ASSERT_EQUAL_MESSAGE(asked.response.body, 200, asked.status);
      CPPUNIT_ASSERT_EQUAL(std::string(R"({"accepted":true})"), asked.response.body);
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.mails.size());
    const Object body{{"token", token_of(f_.mails.front())}, {"new_password", kNextPassword}};
    const Answered done = guest.post("/api/v1/auth/password-reset/confirm", body);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(done.response.body, 200, done.status);
    CPPUNIT_ASSERT(guest.cookies.empty());
    const Answered again = guest.post("/api/v1/auth/password-reset/confirm", body);
    CPPUNIT_ASSERT_EQUAL(404, again.status);
    CPPUNIT_ASSERT_EQUAL(std::string("invalid_or_expired"), again.text("message"));
    CPPUNIT_ASSERT_EQUAL(401, Browser(f_, ann).get("/api/v1/auth/me").status);
  }

  void one_s_other_sessions_end_at_once() {
    const core::SignedIn ann = f_.sign_in("ann", false);
    const core::Session other = f_.auth->new_session(ann.user.id, false, {"127.0.0.1", "phone"});
    core::Commit commit;
    f_.auth->insert_session(commit, other);
    f_.must(f_.store->commit(commit));
    Browser here(f_, ann), there(f_, f_.auth->signed_in(ann.user, other));
    CPPUNIT_ASSERT_EQUAL(200, there.get("/api/v1/auth/me").status);
    const Answered ended = here.post("/api/v1/auth/sessions/revoke-others");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(ended.response.body, 200, ended.status);
    CPPUNIT_ASSERT_EQUAL(std::string("1"), ended.text("revoked"));
    CPPUNIT_ASSERT_EQUAL(401, there.get("/api/v1/auth/me").status);
    CPPUNIT_ASSERT_EQUAL(200, here.get("/api/v1/auth/me").status);
  }

  void the_pages_of_links_hold_no_token() {
    for (const char* path : {"/reset", "/invite"}) {
      const Answered page = Browser(f_).get(path);
      CPPUNIT_ASSERT_EQUAL(200, page.status);
      CPPUNIT_ASSERT(page.header("Content-Security-Policy").find("'nonce-") != std::string::npos);
      CPPUNIT_ASSERT_EQUAL(std::string("no-referrer"), page.header("Referrer-Policy"));
      for (const char* mark : {"NONCE", "TITLE", "FIELDS", "NEW_PASSWORD", "FEWEST", "SUBMIT"})
        CPPUNIT_ASSERT_MESSAGE(mark, page.response.body.find(mark) == std::string::npos);
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiAccountsTest);

}  // namespace
}  // namespace z4j::api
