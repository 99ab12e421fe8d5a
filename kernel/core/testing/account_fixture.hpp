// Accounts over a store of their own, with a mailbox that keeps what leaves: for unit tests.
#pragma once

#include <cppunit/TestAssert.h>

#include <string>
#include <vector>

#include "core/account_mail.hpp"
#include "core/account_rows.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/invitations.hpp"
#include "core/mail.hpp"
#include "core/memberships.hpp"
#include "core/password_resets.hpp"
#include "core/passwords.hpp"
#include "core/projects.hpp"
#include "core/testing/test_store.hpp"
#include "core/users.hpp"

namespace z4j::core::testing {

struct AccountFixture {
  static constexpr const char* kPassword = "Correct-horse-battery-9";
  static constexpr const char* kOther = "Another-horse-battery-9";

  explicit AccountFixture(AuthOptions given = {}) : options(std::move(given)) {
    must(audit.open());
    project = projects.ensure_default().value();
  }

  static void must(const base::Status& status) {
    CPPUNIT_ASSERT_MESSAGE(status.ok() ? "" : status.error().text(), status.ok());
  }
  template <class T>
  static T must(base::Result<T> result) {
    CPPUNIT_ASSERT_MESSAGE(result.ok() ? "" : result.error().text(), result.ok());
    return std::move(result).value();
  }
  // "code:reason" of an error.
  template <class T>
  static std::string why(const base::Result<T>& result) {
    if (result.ok()) return "ok";
    return std::string(base::to_string(result.error().code)) + ":" + result.error().where;
  }

  // With kPassword when `phc` is given none.
  User add_user(const std::string& name, bool is_admin = false, std::string phc = {}) {
    User user;
    user.id = base::Uuid::random();
    user.email = name + "@example.org";
    user.timezone = "UTC";
    user.is_admin = is_admin;
    user.created_at = user.updated_at = clock.now();
    clock.advance(base::kSecondUs);
    Commit commit;
    commit.insert(user_rows(user, phc.empty() ? known_hash() : phc));
    must(store->commit(commit));
    return user;
  }
  // One argon2 run for all users of a test.
  const std::string& known_hash() {
    if (hash_.empty()) hash_ = must(hasher.hash(kPassword));
    return hash_;
  }
  [[nodiscard]] static Actor actor(const User& user) {
    return {user.id, std::nullopt, "192.0.2.1", "test"};
  }
  // A session that a cookie proves.
  SignedIn session(const User& user, bool remember_me = false) {
    const Session made = auth.new_session(user.id, remember_me, client);
    Commit commit;
    auth.insert_session(commit, made);
    must(store->commit(commit));
    return auth.signed_in(user, made);
  }
  [[nodiscard]] std::size_t count(Table table, const Where& where = {}) {
    return static_cast<std::size_t>(must(store->count(table, where)));
  }
  // "action result reason" of the newest entry.
  [[nodiscard]] std::string last_entry() {
    namespace a = model::audit_log;
    Query query(Table::audit_log);
    auto row = must(store->first(query.all().order({a::seq}, true)));
    const base::json::Value metadata = row->json(a::metadata);
    const std::string_view reason = base::json::text(metadata.get_object(), "reason");
    return std::string(row->text(a::action)) + " " + std::string(row->text(a::result)) +
           (reason.empty() ? "" : " " + std::string(reason));
  }
  // The token of the link in the latest mail.
  [[nodiscard]] std::string mailed_token() const {
    CPPUNIT_ASSERT(!mails.empty());
    const std::string& text = mails.back().text;
    const std::size_t at = text.find("#token=");
    CPPUNIT_ASSERT(at != std::string::npos);
    return text.substr(at + 7, 43);
  }

  AuthOptions options;
  base::ManualClock clock{1'800'000'000 * base::kSecondUs};
  base::Log& log = base::Log::quiet();
  TestStore store;
  Audit audit{*store, clock, log, {.secret = "test secret", .previous_secrets = {}}};
  PasswordHasher hasher;
  std::vector<int> waits;  // what was held back, in ms
  Auth auth{*store, audit, hasher, clock, log, auth_with_waits()};
  Projects projects{*store, audit, clock};
  Project project;
  std::vector<std::pair<base::Uuid, base::Uuid>> joined, left;
  Memberships memberships{*store, audit, clock, steps()};
  Users users{*store, audit, auth, hasher, clock};
  bool can_mail = true;
  std::vector<Mail> mails;
  AccountMail mail{ways()};
  Invitations invitations{*store,
                          audit,
                          auth,
                          memberships,
                          mail,
                          clock,
                          {.secret = "test secret", .previous_secrets = {}}};
  PasswordResets resets{*store,
                        audit,
                        auth,
                        mail,
                        clock,
                        log,
                        {.secret = "test secret", .previous_secrets = {}, .wait = [this](int ms) {
                           waits.push_back(ms);
                         }}};
  const Client client{"192.0.2.1", "test"};

 private:
  AuthOptions auth_with_waits() {
    AuthOptions out = options;
    out.session_secret = "test session secret";
    out.wait = [this](int ms) { waits.push_back(ms); };
    return out;
  }
  MembershipSteps steps() {
    MembershipSteps out;
    out.join = [this](const base::Uuid& user, const base::Uuid& where) {
      joined.emplace_back(user, where);
      return base::Result<Audit::Act>(Audit::Act([](Commit&) {}));
    };
    out.leave = [this](Commit&, const base::Uuid& user, const base::Uuid& where) {
      left.emplace_back(user, where);
    };
    return out;
  }
  AccountMail::Ways ways() {
    AccountMail::Ways out;
    out.can_mail = [this](const auto&, const auto&) { return base::Result<bool>(can_mail); };
    out.queue = [this](Commit&, const Mail& sent) { mails.push_back(sent); };
    out.public_url = [] { return std::string("https://z4j.example.org"); };
    return out;
  }

  std::string hash_;
};

}  // namespace z4j::core::testing
