// Tokens that are shown once: the store has only their keyed hash, hex HMAC-SHA256.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.hpp"
#include "core/store.hpp"

namespace z4j::core {

// `label` keeps tokens of one kind from being good as another.
[[nodiscard]] inline std::string token_digest(std::string_view secret, std::string_view label,
                                              std::string_view token) {
  return base::hex(base::hmac_sha256(std::string(secret) += label, token));
}

// What may stand in the store for a token that is handed in: hashed with the secret of now, or with
// one before it.
[[nodiscard]] inline std::vector<Cell> token_digests(std::string_view secret,
                                                     const std::vector<std::string>& previous,
                                                     std::string_view label,
                                                     std::string_view token) {
  std::vector<Cell> out{Cell(token_digest(secret, label, token))};
  for (const std::string& old : previous) out.emplace_back(token_digest(old, label, token));
  return out;
}

}  // namespace z4j::core
