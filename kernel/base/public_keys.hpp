// Signatures that others made, checked with the keys they publish (RFC 7518: RS256, ES256). OpenSSL
// stays behind this header.
#pragma once

#include <string_view>

namespace z4j::base {

// All arguments are raw bytes; numbers big-endian. False as well for keys that are none, and for
// RSA moduli under 2048 or over 8192 bits.
[[nodiscard]] bool verify_rs256(std::string_view modulus, std::string_view exponent,
                                std::string_view message, std::string_view signature);
// P-256; the signature is r and s, 32 bytes each.
[[nodiscard]] bool verify_es256(std::string_view x, std::string_view y, std::string_view message,
                                std::string_view signature);

}  // namespace z4j::base
