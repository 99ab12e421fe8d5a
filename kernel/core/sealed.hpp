// Secrets at rest: AES-256-GCM under keys derived from the installation's secret, one per label, so
// that nothing sealed for one purpose opens for another.
//
// Immutable, so any thread may ask. As text: base64 of nonce, ciphertext and tag.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace z4j::core {

class Sealer {
 public:
  Sealer(std::string secret, std::vector<std::string> previous_secrets)
      : secret_(std::move(secret)), previous_secrets_(std::move(previous_secrets)) {}

  // `label`: what kind of secret ("mfa-totp"); `about`: whose ("user=..."): it opens for no other.
  [[nodiscard]] std::string seal(std::string_view label, std::string_view about,
                                 std::string_view text) const;

  // `by_previous`, when given, learns whether it took an old secret: then it is to be sealed anew.
  // Errors: invalid, when it was changed, or sealed with a secret that nobody knows any more.
  [[nodiscard]] base::Result<std::string> open(std::string_view label, std::string_view about,
                                               std::string_view sealed,
                                               bool* by_previous = nullptr) const;

 private:
  const std::string secret_;
  const std::vector<std::string> previous_secrets_;
};

}  // namespace z4j::core
