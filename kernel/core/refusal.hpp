// Errors that callers can tell apart without reading their text.
//
// `code` gives the class and `where` the reason word that clients test (details.reason); an
// interface maps them: denied with a sign-in reason is "not signed in", any other denied is "not
// allowed".
#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace z4j::core::refuse {

inline constexpr std::string_view kUnauthenticated = "unauthenticated";
inline constexpr std::string_view kInvalidCredentials = "invalid_credentials";
inline constexpr std::string_view kWrongCurrentPassword = "wrong_current_password";
inline constexpr std::string_view kWrongPassword = "wrong_password";
inline constexpr std::string_view kWrongTotp = "wrong_totp";
inline constexpr std::string_view kWrongRecoveryCode = "wrong_recovery_code";
inline constexpr std::string_view kBadCodeFormat = "bad_code_format";
inline constexpr std::string_view kKeyRevoked = "revoked";  // of an API key, as the next three
inline constexpr std::string_view kKeyExpired = "expired";
inline constexpr std::string_view kOwnerInactive = "owner_inactive";
inline constexpr std::string_view kAddressNotAllowed = "address_not_allowed";
inline constexpr std::string_view kOidcRefused = "oidc_refused";
inline constexpr std::string_view kCsrfMismatch = "csrf_mismatch";
inline constexpr std::string_view kForbidden = "forbidden";
inline constexpr std::string_view kAgentOffline = "agent_offline";
inline constexpr std::string_view kRateLimited = "rate_limited";

[[nodiscard]] inline base::Error error(base::Code code, std::string_view reason,
                                       std::string message, std::string hint = {}) {
  return base::Error{code, std::move(message), std::string(reason), std::move(hint), 0};
}
[[nodiscard]] inline base::Error unauthenticated(std::string_view reason = kUnauthenticated) {
  return error(base::Code::denied, reason,
               reason == kUnauthenticated ? "not signed in" : std::string(reason));
}
[[nodiscard]] inline base::Error not_found(std::string_view what) {
  return error(base::Code::not_found, {}, std::string(what) + " not found");
}
[[nodiscard]] inline base::Error conflict(std::string_view reason, std::string message) {
  return error(base::Code::conflict, reason, std::move(message));
}
[[nodiscard]] inline base::Error invalid(std::string_view reason, std::string message) {
  return error(base::Code::invalid, reason, std::move(message));
}
// True when the caller should be sent to sign in (HTTP 401) instead of being told no (403): it was
// not proven who asks.
[[nodiscard]] inline bool asks_for_sign_in(const base::Error& e) {
  constexpr std::string_view kUnproven[] = {
      kUnauthenticated, kInvalidCredentials, kWrongCurrentPassword, kWrongPassword,
      kWrongTotp,       kWrongRecoveryCode,  kKeyRevoked,           kKeyExpired,
      kOwnerInactive,   kAddressNotAllowed,  kOidcRefused};
  return e.code == base::Code::denied &&
         std::find(std::begin(kUnproven), std::end(kUnproven), e.where) != std::end(kUnproven);
}

}  // namespace z4j::core::refuse
