// Ed25519 signatures (RFC 8032) and the forms their keys come in. OpenSSL stays behind this header.
//
// Keys are raw bytes: 32 of the public one, 32 of the seed that a private one is made of. What is
// read may come from an enemy: sizes are bounded, nothing throws, no key is ever shown.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::base {

inline constexpr std::size_t kEd25519KeyBytes = 32, kEd25519SignatureBytes = 64;

// None: the seed has another length than 32 bytes.
[[nodiscard]] std::optional<std::string> ed25519_public_key(std::string_view seed);
// The seed has 32 bytes.
[[nodiscard]] std::string ed25519_sign(std::string_view seed, std::string_view message);
// False as well for keys and signatures of another length.
[[nodiscard]] bool ed25519_verifies(std::string_view public_key, std::string_view message,
                                    std::string_view signature);

// "-----BEGIN PUBLIC KEY-----" as openssl pkey -pubout writes it. None: of another kind, or none.
[[nodiscard]] std::optional<std::string> ed25519_public_key_of_pem(std::string_view pem);
// The seed in "-----BEGIN PRIVATE KEY-----" as openssl genpkey writes it; not encrypted ones.
[[nodiscard]] std::optional<std::string> ed25519_seed_of_pem(std::string_view pem);
// Base64 of the 32 bytes, or of what PEM has between its lines.
[[nodiscard]] std::optional<std::string> ed25519_public_key_of_base64(std::string_view text);

}  // namespace z4j::base
