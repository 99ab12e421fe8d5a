// Signing in at a relay: PLAIN, LOGIN, CRAM-MD5 and XOAUTH2.
#pragma once

#include <string>
#include <string_view>

#include "src/dialogue.hpp"
#include "src/settings.hpp"

namespace z4j::smtp {

[[nodiscard]] std::string_view auth_name(Auth way) noexcept;

// The way to go: what the channel wants, or the best of those offered ("PLAIN LOGIN"). Throws Error
// (Z4J_BAD_CONFIG) when there is none, or a password would go over an open connection.
[[nodiscard]] Auth choose_auth(Auth wanted, std::string_view offered, bool is_tls);

// The relay's last word on it.
[[nodiscard]] Reply sign_in(Dialogue& relay, Auth way, const std::string& user,
                            const std::string& password);

// The answer to a CRAM-MD5 challenge, RFC 2195; neither of them base64.
[[nodiscard]] std::string cram_md5_answer(std::string_view challenge, std::string_view user,
                                          std::string_view password);

}  // namespace z4j::smtp
