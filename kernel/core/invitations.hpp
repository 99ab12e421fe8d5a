// People asked into a project: by a link that is good once, for a user to be or one who is.
//
// Thread-safe. Errors: see refusal.hpp (not_found invalid_or_expired; conflict already_member,
// account_exists, already_accepted, too_many; denied other_address; password_...); else the
// store's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/account_mail.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/memberships.hpp"
#include "core/projects.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct Invitation {
  base::Uuid id, project_id;
  std::string email;
  Role role = Role::none;
  std::optional<base::Uuid> invited_by;
  base::TimeUs expires_at = 0, created_at = 0;
  std::optional<base::TimeUs> accepted_at, revoked_at;
};

class Invitations {
 public:
  static constexpr std::int64_t kUsualDays = 7, kMostDays = 30;
  static constexpr std::uint32_t kMostPending = 500;  // in one project

  struct Options {
    std::string secret;
    std::vector<std::string> previous_secrets;
  };
  Invitations(Store& store, Audit& audit, Auth& auth, Memberships& memberships, AccountMail& mail,
              const base::Clock& clock, Options options);

  // Neither accepted nor revoked nor expired; newest first.
  [[nodiscard]] base::Result<std::vector<Invitation>> pending(const base::Uuid& project);

  struct Minted {
    Invitation invitation;
    std::string token;  // shown once
    bool is_mailed = false;
  };
  [[nodiscard]] base::Result<Minted> mint(const Project& project, std::string_view email, Role role,
                                          std::int64_t days, const User& by, const Actor& actor);
  // Idempotent.
  [[nodiscard]] base::Status revoke(const base::Uuid& project, const base::Uuid& invitation,
                                    const Actor& actor);

  struct Preview {
    Invitation invitation;
    std::string project_slug, project_name;
  };
  // Of an invitation that can still be accepted.
  [[nodiscard]] base::Result<Preview> preview(std::string_view token);

  struct Accepted {
    base::Uuid user_id;
    std::string project_slug;
    Role role = Role::none;
  };
  // As a new user. A password that breaks a rule leaves the link good.
  [[nodiscard]] base::Result<Accepted> accept(std::string_view token, std::string_view display_name,
                                              std::string_view password, const Client& client);
  // As the user of that address, who is signed in.
  [[nodiscard]] base::Result<Accepted> accept(std::string_view token, const User& user,
                                              const Actor& actor);

 private:
  [[nodiscard]] base::Result<Preview> open(std::string_view token);
  [[nodiscard]] base::Error failed(const Actor& actor, const Preview* of, base::Error error);
  void use_up(Commit& commit, const Preview& of, const base::Uuid& user) const;

  Store& store_;
  Audit& audit_;
  Auth& auth_;
  Memberships& memberships_;
  AccountMail& mail_;
  const base::Clock& clock_;
  const Options options_;
};

}  // namespace z4j::core
