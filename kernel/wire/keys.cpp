#include "wire/keys.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/crypto.hpp"
#include "wire/text.hpp"
#include "wire/version.hpp"

namespace z4j::wire {
namespace {

constexpr std::string_view kTokenLabel = "z4j-agent-token-v1";
constexpr std::string_view kSecretLabel = "z4j-project-secret-v1:";
constexpr Version kKeyedPurge{.major = 1, .minor = 7, .patch = 0};

// Of GUIDs: the first three fields little endian.
std::array<char, 16> guid_bytes(const base::Uuid& id) {
  std::array<char, 16> out{};
  std::copy(id.bytes.begin(), id.bytes.end(), out.begin());
  std::reverse(out.begin(), out.begin() + 4);
  std::swap(out[4], out[5]);
  std::swap(out[6], out[7]);
  return out;
}

}  // namespace

std::string project_secret(std::string_view master, const base::Uuid& project) {
  Z4J_CHECK(master.size() >= kSecretBytes);
  std::string message(kSecretLabel);
  const auto guid = guid_bytes(project);
  message.append(guid.data(), guid.size());
  const base::Digest digest = base::hmac_sha256(master, message);
  return std::string(digest.begin(), digest.end());
}

std::string token_hash(std::string_view master, std::string_view token) {
  std::string key(master);
  key += kTokenLabel;
  return base::hex(base::hmac_sha256(key, token));
}

std::string secret_text(std::string_view secret) {
  return base::base64url(secret, base::Padding::equals);
}

base::Result<std::string> parse_secret(std::string_view text) {
  constexpr std::size_t kLongest = 4096;
  const auto refused = [](std::string message) {
    return base::Error{.code = base::Code::invalid,
                       .message = std::move(message),
                       .where = {},
                       .hint = "copy hmac_secret as it was shown when the agent was made"};
  };
  if (text.size() > kLongest) return refused("the signing secret is longer than 4096 characters");
  std::string bare;
  for (const char c : text) {
    if (!trimmed({&c, 1}).empty() && c != '=') bare += c;
  }
  auto secret = base::unbase64url(bare);
  if (!secret) return refused("the signing secret is not URL-safe base64");
  if (secret->size() < kSecretBytes) return refused("the signing secret has fewer than 32 bytes");
  return std::move(*secret);
}

std::optional<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer";
  const std::string_view text = authorization;
  if (text.size() <= kScheme.size() || !trimmed(text.substr(kScheme.size(), 1)).empty())
    return std::nullopt;
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    if ((text[i] | 0x20) != kScheme[i]) return std::nullopt;
  }
  const std::string_view token = trimmed(text.substr(kScheme.size()));
  if (token.empty()) return std::nullopt;
  return token;
}

std::string purge_token(std::string_view queue, std::int64_t depth, std::string_view secret,
                        std::string_view agent_version) {
  std::string message = "purge|";
  message += queue;
  message += '|';
  message += std::to_string(depth);
  return base::hex(is_at_least(agent_version, kKeyedPurge) ? base::hmac_sha256(secret, message)
                                                           : base::sha256(message));
}

}  // namespace z4j::wire
