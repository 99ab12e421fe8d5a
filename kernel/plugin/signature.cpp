#include "plugin/signature.hpp"

#include <algorithm>
#include <utility>

#include "base/crypto.hpp"
#include "base/ed25519.hpp"
#include "plugin/crossing.hpp"

namespace z4j::plugin {
namespace {

constexpr std::string_view kVersion = "z4j plugin signature v1";
constexpr std::size_t kMostName = 128, kHashDigits = 64, kIdDigits = 16;
constexpr const char* kAnew = "get the file and its signature anew from who made it";

bool is_lower_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

base::Error malformed(std::string message) {
  return host_error(base::Code::denied, std::move(message), kAnew);
}

// The value of the next line, which begins with `name`.
std::optional<std::string_view> take_line(std::string_view& rest, std::string_view name) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos || !rest.starts_with(name)) return std::nullopt;
  const std::string_view value = rest.substr(name.size(), end - name.size());
  rest.remove_prefix(end + 1);
  return value;
}

// What is signed: its first line keeps it apart from whatever else a key may sign.
std::string signed_text(std::string_view plugin, std::string_view sha256) {
  std::string out(kVersion);
  out += "\nplugin: ";
  out += plugin;
  out += "\nsha256: ";
  out += sha256;
  out += '\n';
  return out;
}

std::string names_of(const std::vector<config::TrustedKey>& keys) {
  if (keys.empty()) return "which is empty";
  constexpr std::size_t kMostShown = 8;
  std::string out = "which has ";
  for (std::size_t i = 0; i < std::min(keys.size(), kMostShown); ++i)
    out += (i == 0 ? "" : ", ") + keys[i].id +
           (keys[i].name.empty() ? std::string() : " (" + keys[i].name + ")");
  if (keys.size() > kMostShown) out += " and " + std::to_string(keys.size() - kMostShown) + " more";
  return out;
}

}  // namespace

base::Result<Signature> Signature::parse(std::string_view text) {
  if (text.size() > kMostSignatureBytes)
    return malformed("it has more than " + std::to_string(kMostSignatureBytes) + " bytes");
  const auto version = take_line(text, kVersion);
  if (!version || !version->empty())
    return malformed("its first line is not \"" + std::string(kVersion) + "\"");
  const auto plugin = take_line(text, "plugin: ");
  if (!plugin || plugin->empty() || plugin->size() > kMostName ||
      std::any_of(plugin->begin(), plugin->end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return malformed("its second line is not \"plugin: NAME\"");
  const auto sha256 = take_line(text, "sha256: ");
  if (!sha256 || !is_lower_hex(*sha256, kHashDigits))
    return malformed("its third line is not \"sha256: \" and 64 hexadecimal digits");
  const auto key = take_line(text, "key: ");
  if (!key || !is_lower_hex(*key, kIdDigits))
    return malformed("its fourth line is not \"key: \" and 16 hexadecimal digits");
  const auto signature = take_line(text, "signature: ");
  auto bytes = signature ? base::unbase64(*signature) : std::nullopt;
  if (!bytes || bytes->size() != base::kEd25519SignatureBytes || base::base64(*bytes) != *signature)
    return malformed("its fifth line is not \"signature: \" and 64 bytes in base64");
  if (!text.empty()) return malformed("it has more than five lines");
  return Signature{std::string(*plugin), std::string(*sha256), std::string(*key),
                   std::move(*bytes)};
}

Signature Signature::make(std::string_view plugin, std::string_view sha256, std::string_view seed) {
  return Signature{std::string(plugin), std::string(sha256),
                   config::key_id(base::ed25519_public_key(seed).value()),
                   base::ed25519_sign(seed, signed_text(plugin, sha256))};
}

std::string Signature::text() const {
  return signed_text(plugin, sha256) + "key: " + key_id + "\nsignature: " + base::base64(bytes) +
         "\n";
}

base::Result<Signer> check_signature(const Signature& signature, const std::string& path,
                                     std::string_view plugin, std::string_view sha256,
                                     const std::vector<config::TrustedKey>& keys) {
  const auto refused = [&path](std::string message, std::string hint) {
    return host_error(base::Code::denied, path + " " + message, std::move(hint));
  };
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const config::TrustedKey& each) {
    return each.id == signature.key_id;
  });
  if (key == keys.end())
    return refused("is by key " + signature.key_id + ", which is none of plugins.trusted_keys, " +
                       names_of(keys),
                   "if you trust who made the plugin, add that public key; else remove the file");
  if (!base::ed25519_verifies(key->bytes, signed_text(signature.plugin, signature.sha256),
                              signature.bytes))
    return refused("is not by key " + signature.key_id +
                       (key->name.empty() ? std::string() : " (" + key->name + ")") +
                       " as it says: it was changed or is forged",
                   kAnew);
  if (signature.plugin != plugin)
    return refused("is of the plugin \"" + std::string(cut(signature.plugin, kMostName)) +
                       "\", expected \"" + std::string(plugin) + "\"",
                   "give the file back its name, or get the signature of this one");
  if (signature.sha256 != sha256)
    return refused("is of a file with SHA-256 " + signature.sha256 +
                       ", but the file beside it has " + std::string(sha256) +
                       ": it was changed after it was signed",
                   kAnew);
  return Signer{key->id, key->name};
}

SignaturePolicy SignaturePolicy::of(const std::vector<std::string>& trusted_keys,
                                    std::string_view require_signature) {
  SignaturePolicy out;
  out.required = require_signature == "all"       ? Required::all
                 : require_signature == "foreign" ? Required::foreign
                                                  : Required::none;
  for (const std::string& text : trusted_keys) {
    if (auto key = config::read_trusted_key(text)) out.keys.push_back(std::move(*key));
  }
  return out;
}

}  // namespace z4j::plugin
