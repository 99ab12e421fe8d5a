// One-time codes of authenticator apps (RFC 6238): SHA-1, 6 digits, 30 seconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::core {

inline constexpr std::size_t kTotpSecretBytes = 20;

[[nodiscard]] std::string totp_code(std::string_view secret, std::int64_t step);
// The step whose code it is: that of now, the one before or the next, as clocks differ; and later
// than `last_step`, so that no code works twice.
[[nodiscard]] std::optional<std::int64_t> totp_match(std::string_view secret, std::string_view code,
                                                     std::int64_t unix_seconds,
                                                     std::int64_t last_step);

// RFC 4648, upper case, without padding.
[[nodiscard]] std::string base32(std::string_view bytes);
// What an app reads from a QR code: labelled "z4j (HOST):EMAIL".
[[nodiscard]] std::string totp_url(std::string_view secret, std::string_view host,
                                   std::string_view email);

}  // namespace z4j::core
