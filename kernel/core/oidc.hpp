// Sign-in through an OpenID Connect provider: authorization code with PKCE, state and nonce.
//
// What must be remembered between the two steps travels sealed in a short-lived cookie, so only the
// browser that began can end it, and once. The identity token counts when its signature (RS256,
// ES256), issuer, audience, times and nonce do. A person is known by issuer and subject; somebody
// new takes over the account with the same address if the provider says it is verified, or gets one
// of his own when one of his groups is mapped to a role. Roles of projects that the mapping names
// follow the groups at every sign-in.
//
// Threads: thread-safe; begin() and finish() wait for the provider. Errors: denied with the reason
// oidc_refused, recorded, its message saying what was not right; unavailable when the provider
// can't be reached or answers nonsense.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/failure_counts.hpp"
#include "core/memberships.hpp"
#include "core/policy.hpp"
#include "core/projects.hpp"
#include "core/sealed.hpp"
#include "core/store.hpp"
#include "core/users.hpp"

namespace z4j::core {

// One HTTP question to the provider.
struct OidcAsk {
  std::string method = "GET", url;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
};
struct OidcReply {
  int status = 0;
  std::string body;
};
using OidcFetch = std::function<base::Result<OidcReply>(const OidcAsk&)>;

// A role that a group gives.
struct GroupRole {
  std::string group;
  bool is_admin = false;  // of the installation; else:
  Role role = Role::none;
  std::string project;  // its slug
};
// "GROUP=ROLE@PROJECT" or "GROUP=admin"; the last "=" counts. Errors: bad_config.
[[nodiscard]] base::Result<GroupRole> parse_group_role(std::string_view text);

struct OidcOptions {
  std::string issuer, client_id, client_secret, name;
  std::vector<std::string> scopes, email_domains;
  std::string groups_claim;
  std::vector<GroupRole> groups;
  bool auto_provision = true;
};
// The error names the mapping that is none.
[[nodiscard]] base::Result<OidcOptions> oidc_options(const config::Settings& settings);

// What the provider says of somebody, proven.
struct OidcIdentity {
  std::string subject, email, name, given_name, family_name;
  bool email_verified = false;
  std::set<std::string> groups;
};

class Oidc {
 public:
  static constexpr int kFlowS = 600;  // from the first step to the second

  Oidc(Store& store, Audit& audit, Auth& auth, Users& users, Memberships& memberships,
       Projects& projects, const Sealer& sealer, const base::Clock& clock, base::Log& log,
       OidcFetch fetch, OidcOptions options)
      : store_(store),
        audit_(audit),
        auth_(auth),
        users_(users),
        memberships_(memberships),
        projects_(projects),
        sealer_(sealer),
        clock_(clock),
        log_(log),
        fetch_(std::move(fetch)),
        options_(std::move(options)),
        used_(clock, kUsedKept) {}

  [[nodiscard]] const OidcOptions& options() const noexcept { return options_; }

  struct Begun {
    std::string url;     // where the browser goes
    std::string cookie;  // what it brings back
  };
  // `next`: the path within the dashboard to end at.
  [[nodiscard]] base::Result<Begun> begin(const std::string& redirect_uri, std::string_view next);

  struct Finished {
    SignedIn signed_in;
    std::string next;
  };
  // With the answer's parameters and the cookie.
  [[nodiscard]] base::Result<Finished> finish(const std::map<std::string, std::string>& query,
                                              std::string_view cookie, const Client& client);

 private:
  static constexpr std::size_t kUsedKept = 20'000;
  struct Provider;  // its metadata and keys
  struct Flow;      // what the cookie holds
  enum class Keys { known, fetched_again };

  [[nodiscard]] base::Result<std::shared_ptr<const Provider>> provider(Keys keys);
  [[nodiscard]] base::Result<base::json::Object> ask(const OidcAsk& ask, std::string_view what);
  [[nodiscard]] base::Result<Flow> flow_of(std::string_view cookie) const;
  [[nodiscard]] base::Result<OidcIdentity> redeem(const Flow& flow, const std::string& code);
  [[nodiscard]] base::Result<base::json::Object> verify(std::string_view id_token,
                                                        const Flow& flow);
  [[nodiscard]] base::Status check_signature(std::string_view id_token);
  [[nodiscard]] base::Result<base::Uuid> account_of(const OidcIdentity& who, const Client& client);
  [[nodiscard]] base::Result<std::optional<Row>> user_where(Where where);
  [[nodiscard]] base::Result<base::Uuid> provision(const OidcIdentity& who, const Client& client);
  [[nodiscard]] base::Status sync_roles(const OidcIdentity& who, const User& user,
                                        const Actor& actor);
  [[nodiscard]] base::Status sync_role(const base::Uuid& user, const base::Uuid& project,
                                       Role wanted, const Actor& actor);
  [[nodiscard]] base::Result<SignedIn> sign_in(const base::Uuid& user, const Client& client);
  [[nodiscard]] base::Result<SignedIn> admit(const OidcIdentity& who, const Client& client);
  void record_refusal(const base::Error& error, const Client& client, std::string_view subject);

  Store& store_;
  Audit& audit_;
  Auth& auth_;
  Users& users_;
  Memberships& memberships_;
  Projects& projects_;
  const Sealer& sealer_;
  const base::Clock& clock_;
  base::Log& log_;
  const OidcFetch fetch_;
  const OidcOptions options_;
  FailureCounts used_;  // states that came back

  std::mutex mutex_;
  std::shared_ptr<const Provider> provider_;  // guarded by mutex_
};

}  // namespace z4j::core
