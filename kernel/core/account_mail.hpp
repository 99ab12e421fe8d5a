// Mails about accounts: what they say, and the links in them.
//
// A link carries its token behind the "#", where no server and no proxy sees it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/policy.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct Mail;

class AccountMail {
 public:
  // How mails leave; see Outbox. Empty: none does.
  struct Ways {
    std::function<base::Result<bool>(const std::optional<base::Uuid>& project,
                                     const std::optional<base::Uuid>& user)>
        can_mail = {};
    std::function<void(Commit&, const Mail&)> queue = {};
    std::function<void()> look = {};  // after the commit
    std::function<std::string()> public_url = {};
  };
  explicit AccountMail(Ways ways) : ways_(std::move(ways)) {}

  [[nodiscard]] base::Result<bool> can_mail(const std::optional<base::Uuid>& project,
                                            const std::optional<base::Uuid>& user) const;
  void queue(Commit& commit, const Mail& mail) const { ways_.queue(commit, mail); }
  void look() const {
    if (ways_.look) ways_.look();
  }

  [[nodiscard]] Mail reset(const User& user, std::string_view token, base::TimeUs until) const;
  struct Guest {
    std::string email;
    base::Uuid project_id;
    std::string project_name, invited_by;  // invited_by: a name, may be ""
    Role role = Role::none;
  };
  [[nodiscard]] Mail invitation(const Guest& guest, std::string_view token,
                                base::TimeUs until) const;

 private:
  [[nodiscard]] std::string url() const { return ways_.public_url ? ways_.public_url() : ""; }

  const Ways ways_;
};

// Where the link to accept an invitation leads, behind the public URL.
[[nodiscard]] std::string invitation_path(std::string_view token);

}  // namespace z4j::core
