// Who made a plugin's file: the signature that lies beside it, NAME.so.sig, a text of five lines.
//
//   z4j plugin signature v1
//   plugin: NAME                as the config calls it: the file's name without .so
//   sha256: 64 hex digits       of the file
//   key: 16 hex digits          config::key_id() of the public key
//   signature: base64           Ed25519 over the first three lines, line breaks included
//
// What is read may come from an enemy: it is bounded, and every text has one spelling.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/trusted_keys.hpp"

namespace z4j::plugin {

inline constexpr std::size_t kMostSignatureBytes = 1024;
inline constexpr std::string_view kSignatureSuffix = ".sig";  // behind NAME.so

// Whose signature is on a file.
struct Signer {
  std::string key_id;
  std::string name;  // that the config gives the key, or ""
};

struct Signature {
  std::string plugin, sha256, key_id, bytes;

  // The error says what is wrong, in one sentence without the path.
  [[nodiscard]] static base::Result<Signature> parse(std::string_view text);
  // Of a file with that hash (64 hex digits), with the seed of a private key.
  [[nodiscard]] static Signature make(std::string_view plugin, std::string_view sha256,
                                      std::string_view seed);
  [[nodiscard]] std::string text() const;
};

// Is it of that plugin and that file, by one of the keys? The error is a sentence about the file of
// the signature at `path`.
[[nodiscard]] base::Result<Signer> check_signature(const Signature& signature,
                                                   const std::string& path, std::string_view plugin,
                                                   std::string_view sha256,
                                                   const std::vector<config::TrustedKey>& keys);

// Which files must be signed, and whose signatures count. One that is there must be good in any
// case.
struct SignaturePolicy {
  enum class Required { none, foreign, all };
  Required required = Required::none;
  std::vector<config::TrustedKey> keys;

  // As the settings say it. Keys that can't be read count for nothing: the check of the config
  // tells of them.
  [[nodiscard]] static SignaturePolicy of(const std::vector<std::string>& trusted_keys,
                                          std::string_view require_signature);
};

}  // namespace z4j::plugin
