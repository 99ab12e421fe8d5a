// Who belongs to a project, in which role.
//
// A project that has an administrator of its own keeps one: the check is a step of the commit, so
// that two of them who remove each other at the same moment cannot both win.
//
// Thread-safe. Errors: see refusal.hpp (reasons already_member, last_project_admin); else the
// store's.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/policy.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct Member {
  base::Uuid id, user_id, project_id;
  std::string user_email, user_display_name;
  Role role = Role::none;
  base::TimeUs created_at = 0;
};

// What comes and goes with a membership besides its row. Empty: nothing.
struct MembershipSteps {
  // Reads what it needs; the act that it gives is a part of the commit.
  std::function<base::Result<Audit::Act>(const base::Uuid& user, const base::Uuid& project)> join;
  std::function<void(Commit&, const base::Uuid& user, const base::Uuid& project)> leave;
  // The first user, and the first project.
  std::function<void(Commit&, const base::Uuid& user, const base::Uuid& project)> found;
};

class Memberships {
 public:
  static constexpr std::uint32_t kMostListed = 5000;

  Memberships(Store& store, Audit& audit, const base::Clock& clock, MembershipSteps steps = {})
      : store_(store), audit_(audit), clock_(clock), steps_(std::move(steps)) {}

  // Oldest first.
  [[nodiscard]] base::Result<std::vector<Member>> list(const base::Uuid& project);
  [[nodiscard]] base::Result<Member> add(const base::Uuid& project, const base::Uuid& user,
                                         Role role, const Actor& actor);
  [[nodiscard]] base::Result<Member> change(const base::Uuid& project, const base::Uuid& membership,
                                            Role role, const Actor& actor);
  [[nodiscard]] base::Status remove(const base::Uuid& project, const base::Uuid& membership,
                                    const Actor& actor);

  // For commits of others that let somebody in: reads, and gives the steps.
  [[nodiscard]] base::Result<Audit::Act> joining(const base::Uuid& user, const base::Uuid& project,
                                                 Role role);
  void found(Commit& commit, const base::Uuid& user, const base::Uuid& project) const {
    if (steps_.found) steps_.found(commit, user, project);
  }

 private:
  [[nodiscard]] base::Result<Member> find(const base::Uuid& project, const base::Uuid& membership);
  [[nodiscard]] base::Status name(std::vector<Member>& members);
  [[nodiscard]] base::Status commit(AuditEntry entry, const Member& member, bool loses_admin,
                                    const Audit::Act& act);

  Store& store_;
  Audit& audit_;
  const base::Clock& clock_;
  const MembershipSteps steps_;
};

}  // namespace z4j::core
