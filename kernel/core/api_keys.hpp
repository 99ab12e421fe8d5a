// API keys: what programs sign in with on behalf of a user.
//
// A key's token is shown once; what is stored is its keyed hash, and old master secrets still find
// it. It opens what its scopes name, in one project or in all of its owner's, from everywhere or
// from some networks, until it expires or is revoked, and never more than its owner's roles do.
//
// Minting and revoking are audited in their commit (api_key.created, api_key.revoked); uses of a
// key that is no good any more, or comes from elsewhere, are recorded once a minute for each.
// Threads: thread-safe. Errors: see refusal.hpp, with the reasons revoked, expired, owner_inactive,
// address_not_allowed, rejected_scopes, not_a_member, allowed_ips; else the store's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/policy.hpp"
#include "core/rate_limit.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct ApiKey {
  base::Uuid id;
  std::string name, prefix;
  std::vector<std::string> scopes;
  std::optional<base::Uuid> project_id;
  std::string project_slug;              // "" without a project
  std::vector<std::string> allowed_ips;  // empty: from everywhere
  base::TimeUs last_used_at = 0;         // 0: never
  std::string last_used_ip;
  base::TimeUs expires_at = 0;  // 0: never
  base::TimeUs created_at = 0;
};

struct ApiKeyDraft {
  std::string name;
  std::vector<std::string> scopes = {};
  std::optional<base::Uuid> project_id = std::nullopt;
  std::vector<std::string> allowed_ips = {};  // addresses and CIDR blocks
  std::optional<std::int64_t> expires_in_days = std::nullopt;
};

struct NewApiKey {
  ApiKey key;
  std::string token;                         // shown once
  std::vector<std::string> rejected_scopes;  // not empty: nothing was made
};

class ApiKeys {
 public:
  static constexpr std::uint32_t kMostPerUser = 500;

  struct Options {
    std::string secret;
    std::vector<std::string> previous_secrets = {};
    // Whether an address is in one of the networks; the error says what is no network.
    std::function<base::Result<bool>(const std::vector<std::string>& networks,
                                     const std::string& address)>
        is_within = {};
  };

  ApiKeys(Store& store, Audit& audit, const base::Clock& clock, base::Log& log, Options options)
      : store_(store),
        audit_(audit),
        clock_(clock),
        log_(log),
        options_(std::move(options)),
        recorded_(clock) {}

  // Not revoked, newest first; expired ones included.
  [[nodiscard]] base::Result<std::vector<ApiKey>> list(const Principal& owner);
  [[nodiscard]] base::Result<NewApiKey> create(const Principal& owner, const ApiKeyDraft& draft,
                                               const Actor& actor);
  [[nodiscard]] base::Status revoke(const Principal& owner, const base::Uuid& key,
                                    const Actor& actor);

  // Whether an Authorization header carries something that calls itself a key.
  [[nodiscard]] static std::optional<std::string_view> token_of(std::string_view authorization);
  // Its owner, with the key; narrowed to the key's project. Nothing for a token that is nobody's.
  // Writes last_used_at at most once a minute.
  [[nodiscard]] base::Result<std::optional<Principal>> authenticate(std::string_view token,
                                                                    const Client& client);

 private:
  [[nodiscard]] base::Error refused(const Row& row, std::string_view reason, const Client& client);
  void unknown(const Client& client);
  void used(const Row& row, const Client& client);
  [[nodiscard]] base::Result<std::string> slug_of(const Principal& owner,
                                                  const base::Uuid& project);

  Store& store_;
  Audit& audit_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  RateLimit recorded_;  // refusals that were written
};

}  // namespace z4j::core
