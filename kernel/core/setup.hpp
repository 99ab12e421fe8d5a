// The first administrator: by a one-time token printed at start, or from the environment.
//
// Thread-safe. Errors carry the reasons no_active_token, expired, invalid_token (not_found),
// already_initialised (conflict), rate_limited (busy), or a password rule (invalid).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/memberships.hpp"
#include "core/projects.hpp"
#include "core/store.hpp"

namespace z4j::core {

class Setup {
 public:
  struct Options {
    std::string secret;  // the installation's
    int token_ttl_s = 900;
    unsigned attempts_per_ip =
        30;  // failed ones in 15 minutes; eight times that over all addresses
  };
  Setup(Store& store, Audit& audit, Auth& auth, Projects& projects, Memberships& memberships,
        const base::Clock& clock, Options options);

  // True while nobody can sign in yet.
  [[nodiscard]] base::Result<bool> is_first_boot();
  // A new token, which replaces any older one; nothing once a user exists. Show it, don't log it.
  [[nodiscard]] base::Result<std::optional<std::string>> mint_token();
  // True while a token could be accepted (the setup page is shown).
  [[nodiscard]] base::Result<bool> has_active_token();

  struct Completed {
    SignedIn signed_in;
    base::Uuid project_id;
  };
  // User, membership in the default project and session in one commit that also consumes the token.
  [[nodiscard]] base::Result<Completed> complete(std::string_view token, std::string_view email,
                                                 std::string_view display_name,
                                                 std::string_view password, const Client& client);
  // The administrator from the environment or the command line; conflict when a user exists.
  [[nodiscard]] base::Result<User> bootstrap(std::string_view email, std::string_view password,
                                             std::string_view display_name, std::string_view via);
  // No link is good any more, and failed attempts so far don't count; conflict when a user exists.
  [[nodiscard]] base::Status reset(const Actor& actor);

 private:
  [[nodiscard]] std::string token_hash(std::string_view token) const;
  [[nodiscard]] base::Status check_budget(const Client& client);
  [[nodiscard]] base::Result<User> create_admin(std::string_view email, std::string_view password,
                                                std::string_view display_name,
                                                const Project& project, AuditEntry entry,
                                                const std::string* consumed_hash,
                                                const Session* session, const base::Uuid& user_id);

  Store& store_;
  Audit& audit_;
  Auth& auth_;
  Projects& projects_;
  Memberships& memberships_;
  const base::Clock& clock_;
  const Options options_;
};

}  // namespace z4j::core
