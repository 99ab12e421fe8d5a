// The people of the installation, as its administrators manage them.
//
// An installation keeps at least one active administrator, and nobody demotes, deactivates or
// deletes himself: both are steps of the commit, so that two administrators who act on each other
// at the same moment cannot both win. Who has been demoted meanwhile changes nothing any more.
//
// Thread-safe. Errors: see refusal.hpp (reasons self_demote, self_deactivate, self_delete,
// last_admin, email, password_...); else the store's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/passwords.hpp"
#include "core/policy.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct UserDraft {
  std::string email, password, first_name = {}, last_name = {}, display_name = {}, timezone = "UTC";
  bool is_admin = false;
  bool must_change_password = false;  // at the first sign-in
};

// Nothing: leave as it is. An empty name clears it.
struct UserPatch {
  std::optional<std::string> first_name, last_name, display_name, timezone;
  std::optional<bool> is_admin, is_active;
};

class Users {
 public:
  static constexpr std::uint32_t kMostListed = 500;
  static constexpr std::uint32_t kFarthestOffset = 100'000;

  Users(Store& store, Audit& audit, Auth& auth, PasswordHasher& hasher, const base::Clock& clock)
      : store_(store), audit_(audit), auth_(auth), hasher_(hasher), clock_(clock) {}

  // Newest first.
  [[nodiscard]] base::Result<std::vector<User>> list(std::uint32_t limit, std::uint32_t offset);
  [[nodiscard]] base::Result<User> get(const base::Uuid& user);
  [[nodiscard]] base::Result<User> find(std::string_view email);

  [[nodiscard]] base::Result<User> create(const UserDraft& draft, const Actor& actor);
  // Deactivation ends the sessions.
  [[nodiscard]] base::Result<User> patch(const base::Uuid& user, const UserPatch& patch,
                                         const Actor& actor);
  enum class Chosen { by_owner, by_other };
  // Sessions end. What somebody else chose must be changed after the next sign-in.
  [[nodiscard]] base::Status set_password(const base::Uuid& user, std::string_view next,
                                          Chosen chosen, const Actor& actor);
  // With sessions, keys, memberships and what else is theirs; what they did stays in the audit log.
  // Erased: and under their id alone. Address, names and where they came from go everywhere, from
  // the log a little later: see audit_eraser.hpp.
  enum class Trace { kept, erased };
  [[nodiscard]] base::Status remove(const base::Uuid& user, Trace trace, const Actor& actor);

 private:
  [[nodiscard]] base::Status commit(AuditEntry entry, const base::Uuid& user, bool may_lose_admin,
                                    const Audit::Act& act);

  Store& store_;
  Audit& audit_;
  Auth& auth_;
  PasswordHasher& hasher_;
  const base::Clock& clock_;
};

// Looks like the name of an IANA zone; whether it is one is up to whoever shows times.
[[nodiscard]] bool is_zone_name(std::string_view text) noexcept;

}  // namespace z4j::core
