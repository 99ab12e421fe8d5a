// A new password for who forgot the old one: a link that comes by mail, good once and not for long.
//
// Whoever asks learns nothing: every request takes at least the floor time and reads the same,
// whether the address is known or not, the mail goes out or not. One address gets a few links in a
// quarter of an hour, so that nobody fills a mailbox.
//
// Thread-safe. Errors: see refusal.hpp (not_found invalid_or_expired, password_...); else the
// store's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/account_mail.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/store.hpp"

namespace z4j::core {

class PasswordResets {
 public:
  static constexpr std::int64_t kLifeS = 1800;
  static constexpr std::uint64_t kMostLinks = 3;  // in half their life, for one user

  struct Options {
    std::string secret;
    std::vector<std::string> previous_secrets;
    std::function<void(int ms)> wait;  // empty: sleeps
  };
  PasswordResets(Store& store, Audit& audit, Auth& auth, AccountMail& mail,
                 const base::Clock& clock, base::Log& log, Options options);

  // Invalid only for what is no address.
  [[nodiscard]] base::Status request(std::string_view email, const Client& client);
  // A password that breaks a rule leaves the link good.
  [[nodiscard]] base::Status confirm(std::string_view token, std::string_view next,
                                     const Client& client);

 private:
  struct Asked;
  [[nodiscard]] base::Status mint(const Asked& asked);
  [[nodiscard]] base::Result<std::optional<std::string>> why_not(const std::optional<User>& user);

  Store& store_;
  Audit& audit_;
  Auth& auth_;
  AccountMail& mail_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
};

}  // namespace z4j::core
