// What the kernel itself mails to people; see outbox.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/uuid.hpp"

namespace z4j::core {

// A mail of the kernel itself: a reset, an invitation.
struct Mail {
  std::string to, subject, text;              // plain text
  std::string trigger = "mail";               // what the delivery is called: "password.reset", ...
  std::optional<base::Uuid> project_id = {};  // whose channel may carry it, and whose log shows it
  std::optional<base::Uuid> user_id = {};     // or one of a project of this user
  std::int64_t lives_s = 86'400;              // not sent after
};

}  // namespace z4j::core
