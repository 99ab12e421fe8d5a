// Encryption of small secrets, and keys derived for it. OpenSSL stays behind this header.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::base {

// HKDF-SHA256 (RFC 5869): so many bytes, at most 8160.
[[nodiscard]] std::string hkdf_sha256(std::string_view secret, std::string_view salt,
                                      std::string_view info, std::size_t bytes);

// AES-256-GCM under a 32-byte key: a random 12-byte nonce, the ciphertext, a 16-byte tag. `aad` is
// not in it, but must be the same when it is opened. Texts up to 16 MiB.
[[nodiscard]] std::string encrypt_gcm(std::string_view key, std::string_view aad,
                                      std::string_view text);
// Nothing when a single bit of it, of the key or of `aad` is another.
[[nodiscard]] std::optional<std::string> decrypt_gcm(std::string_view key, std::string_view aad,
                                                     std::string_view sealed);

}  // namespace z4j::base
