// The second factor: codes of an authenticator app, recovery codes, and browsers that are trusted
// not to be asked.
//
// The app's secret lies sealed. A code works once: the step it belongs to is remembered in the same
// commit that uses it. Five wrong codes in a row, whichever kind, close the factor for 15 minutes,
// to right ones too. Enrolment has two steps; until the second, whatever was enrolled before goes
// on working.
//
// Names of entries: user.mfa_*. Threads: thread-safe. Errors: see refusal.hpp, with the reasons
// wrong_totp, wrong_recovery_code, bad_code_format, wrong_password, mfa_locked,
// no_pending_enrollment, already_enrolled, mfa_not_enrolled; else the store's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/passwords.hpp"
#include "core/policy.hpp"
#include "core/sealed.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct MfaOptions {
  bool for_admins = false, for_all = false;  // who must have one
  int grace_days = 7;
  unsigned recovery_codes = 10;
  int fresh_s = 3600;
  int device_days = 30;
  std::size_t most_devices = 20;
  std::string host = "localhost";  // what apps show beside the name
};
[[nodiscard]] MfaOptions mfa_options(const config::Settings& settings);

struct MfaStatus {
  base::TimeUs enrolled_at = 0;  // 0: not
  std::size_t recovery_codes_left = 0;
};

struct MfaEnrolment {
  std::string secret_base32, provisioning_url;
};

struct MfaVerified {
  std::optional<std::size_t> recovery_codes_left;  // of a recovery code
  std::string device_cookie;                       // when the browser is trusted from now on
};

struct TrustedDevice {
  base::Uuid id;
  std::string label;
  base::TimeUs created_at = 0, last_seen_at = 0, expires_at = 0;
  base::TimeUs revoked_at = 0;  // 0: not
  bool is_current = false;
};

struct NewDevice {
  TrustedDevice device;
  std::string cookie;  // "" when this browser was trusted already
};

// What a trusted browser is called at first: "Firefox on Linux".
[[nodiscard]] std::string device_label(std::string_view user_agent);

class Mfa {
 public:
  Mfa(Store& store, Audit& audit, PasswordHasher& hasher, const Sealer& sealer,
      const base::Clock& clock, base::Log& log, MfaOptions options)
      : store_(store),
        audit_(audit),
        hasher_(hasher),
        sealer_(sealer),
        clock_(clock),
        log_(log),
        options_(std::move(options)) {}

  // Says in `principal` whether it must enrol first; the first look at somebody who must begins the
  // grace. For every request of a session.
  void look(Principal& principal);
  [[nodiscard]] bool is_fresh(const Principal& principal) const {
    return principal.is_fresh(clock_.now(), options_.fresh_s);
  }
  [[nodiscard]] const MfaOptions& options() const noexcept { return options_; }

  [[nodiscard]] base::Result<MfaStatus> status(const Principal& principal);
  [[nodiscard]] base::Result<MfaEnrolment> start(const Principal& principal, const Client& client);
  // The recovery codes, shown this once; the session counts as verified.
  [[nodiscard]] base::Result<std::vector<std::string>> complete(const Principal& principal,
                                                                std::string_view code,
                                                                const Client& client);
  enum class Browser { unknown, trusted_from_now };
  [[nodiscard]] base::Result<MfaVerified> verify(const Principal& principal, std::string_view code,
                                                 Browser browser, const Client& client);
  // Needs both the password and a code of the app.
  [[nodiscard]] base::Status disable(const Principal& principal, std::string_view password,
                                     std::string_view code, const Client& client);
  [[nodiscard]] base::Result<std::vector<std::string>> new_recovery_codes(
      const Principal& principal, const Client& client);
  // For who lost the app: secret, codes and devices go. By an administrator, or on the machine.
  [[nodiscard]] base::Status reset(const base::Uuid& user, const Actor& actor);

  // Seen last first, at most 500; ended ones included. `cookie` tells which is this browser.
  [[nodiscard]] base::Result<std::vector<TrustedDevice>> devices(const Principal& principal,
                                                                 std::string_view cookie);
  [[nodiscard]] base::Result<NewDevice> trust_device(const Principal& principal,
                                                     std::string_view cookie, const Client& client);
  // True: it was this browser.
  [[nodiscard]] base::Result<bool> revoke_device(const Principal& principal,
                                                 const base::Uuid& device, std::string_view cookie,
                                                 const Client& client);
  [[nodiscard]] base::Result<TrustedDevice> rename_device(const Principal& principal,
                                                          const base::Uuid& device,
                                                          std::string_view label,
                                                          std::string_view cookie,
                                                          const Client& client);
  // After a sign-in: verifies the new session when the browser is trusted by its user. Whether the
  // second factor must still be given is signed_in's to tell then.
  [[nodiscard]] base::Status trust(SignedIn& signed_in, std::string_view cookie,
                                   const Client& client);

 private:
  // Of a device of the user's that is still trusted; not_found else.
  [[nodiscard]] base::Status change_device(const base::Uuid& user, const base::Uuid& device,
                                           AuditEntry entry, const Set& set);
  struct Factor;  // what the user's row says
  struct Answer;  // what a code turned out to be
  enum class Codes { of_app_or_recovery, of_app, of_pending_app };
  struct RecoveryCodes {
    std::vector<std::string> shown, hashes;
  };
  [[nodiscard]] base::Result<Factor> factor_of(const base::Uuid& user);
  [[nodiscard]] base::Result<Factor> enrolled_factor(const base::Uuid& user);
  [[nodiscard]] base::Result<Answer> check(const Factor& factor, std::string_view code,
                                           Codes which);
  [[nodiscard]] base::Error wrong(const Factor& factor, std::string_view reason,
                                  const Client& client);
  void use(Commit& commit, const Factor& factor, const Answer& answer,
           std::vector<Set> more = {}) const;
  [[nodiscard]] std::vector<Set> sealed_anew(const Factor& factor) const;
  void mark_verified(Commit& commit, const base::Uuid& session) const;
  void forget(Commit& commit, const base::Uuid& user) const;
  [[nodiscard]] base::Result<RecoveryCodes> make_codes();
  void put_codes(Commit& commit, const base::Uuid& user, const RecoveryCodes& codes) const;
  [[nodiscard]] base::Result<std::size_t> codes_left(const base::Uuid& user);
  [[nodiscard]] base::Result<std::optional<TrustedDevice>> device_of_cookie(
      const base::Uuid& user, std::string_view cookie);
  struct DeviceToBe;
  [[nodiscard]] base::Result<DeviceToBe> make_device(const base::Uuid& user, const Client& client);
  void put_device(Commit& commit, const DeviceToBe& device) const;

  Store& store_;
  Audit& audit_;
  PasswordHasher& hasher_;
  const Sealer& sealer_;
  const base::Clock& clock_;
  base::Log& log_;
  const MfaOptions options_;
};

}  // namespace z4j::core
