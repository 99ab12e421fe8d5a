// Secrets of the agent protocol: what an agent signs with, what the brain keeps of its token.
//
// Pure functions; any thread. None of their results belongs into a log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/uuid.hpp"

namespace z4j::wire {

inline constexpr std::size_t kSecretBytes = 32;

// The 32 bytes that frames of a project's agents are signed with. Requires a master secret of at
// least 32 bytes.
[[nodiscard]] std::string project_secret(std::string_view master, const base::Uuid& project);
// Lower-case hex; what is stored of an agent's token and looked up by.
[[nodiscard]] std::string token_hash(std::string_view master, std::string_view token);

// `hmac_secret` as people copy it: URL-safe base64 with padding.
[[nodiscard]] std::string secret_text(std::string_view secret);
// White space and padding don't matter; fewer than 32 bytes are refused.
[[nodiscard]] base::Result<std::string> parse_secret(std::string_view text);

// The token of an Authorization header, borrowed from it; none when it is not a bearer's.
[[nodiscard]] std::optional<std::string_view> bearer_token(std::string_view authorization);

// What confirms a purge of a queue with that many messages. Agents since 1.7 want it keyed with the
// project's secret; older ones know the plain hash only.
[[nodiscard]] std::string purge_token(std::string_view queue, std::int64_t depth,
                                      std::string_view secret, std::string_view agent_version);

}  // namespace z4j::wire
