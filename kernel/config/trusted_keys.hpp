// Whose signatures of plugin files count: what plugins.trusted_keys says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace z4j::config {

struct TrustedKey {
  std::string name;   // as the config calls it, or ""
  std::string bytes;  // of the Ed25519 public key
  std::string id;     // key_id() of them
};

// What a signature file names its key by: the first 8 bytes of the SHA-256 of the 32 bytes of a
// public key, in hex.
[[nodiscard]] std::string key_id(std::string_view public_key);

// "KEY" or "NAME=KEY"; KEY is an Ed25519 public key in base64, or the absolute path of its PEM
// file. The error never shows KEY: it could be a private one by mistake.
[[nodiscard]] base::Result<TrustedKey> read_trusted_key(std::string_view text);
// All of them, at most 64. The error says which.
[[nodiscard]] base::Result<std::vector<TrustedKey>> read_trusted_keys(
    const std::vector<std::string>& texts);

}  // namespace z4j::config
