#include "core/sealed.hpp"

#include "base/cipher.hpp"
#include "base/crypto.hpp"

namespace z4j::core {
namespace {

std::string sealing_key(std::string_view secret, std::string_view label) {
  const std::string name = "z4j-" + std::string(label);
  return base::hkdf_sha256(secret, name + "-salt-v1", name + "-secret", 32);
}

std::string sealing_aad(std::string_view label, std::string_view about) {
  return "z4j-" + std::string(label) + ":" + std::string(about);
}

}  // namespace

std::string Sealer::seal(std::string_view label, std::string_view about,
                         std::string_view text) const {
  return base::base64(
      base::encrypt_gcm(sealing_key(secret_, label), sealing_aad(label, about), text));
}

base::Result<std::string> Sealer::open(std::string_view label, std::string_view about,
                                       std::string_view sealed, bool* by_previous) const {
  const auto bytes = base::unbase64(sealed);
  if (bytes) {
    const std::string aad = sealing_aad(label, about);
    const auto with = [&](const std::string& secret, bool is_previous) {
      auto text = base::decrypt_gcm(sealing_key(secret, label), aad, *bytes);
      if (text && by_previous != nullptr) *by_previous = is_previous;
      return text;
    };
    if (auto text = with(secret_, false)) return std::move(*text);
    for (const std::string& old : previous_secrets_) {
      if (auto text = with(old, true)) return std::move(*text);
    }
  }
  return base::Error{.code = base::Code::invalid,
                     .message = "a secret in the store (" + std::string(label) +
                                ") can't be opened with the installation's secret",
                     .where = std::string(label),
                     .hint =
                         "if security.secret was changed, put the old one in "
                         "security.previous_secrets"};
}

}  // namespace z4j::core
