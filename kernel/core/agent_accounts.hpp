// Agents elsewhere, as accounts: they are minted, get a new token, lose it, are deleted.
//
// An agent proves itself with a token that is shown once; what is stored is its keyed hash. Frames
// are signed with a secret of the project, which is derived and shown beside each new token. A
// rotation keeps name and history; the token before stays good for an overlap, so that the
// agent's configuration can follow. A revoked agent keeps its row and can be given a new token.
//
// Every change is audited in its commit, which also tells other brains whose connections must end.
//
// Threads: thread-safe; every function waits for the store. Errors: see refusal.hpp; else the
// store's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Who a token stands for.
struct AgentIdentity {
  base::Uuid agent_id, project_id;
  std::string name;
  // The token is one that was replaced, and good only until then.
  std::optional<base::TimeUs> until;
};

// Shown once, to the one who asked for it.
struct AgentCredentials {
  base::Uuid agent_id;
  std::string name, token, hmac_secret;
  std::optional<base::TimeUs> previous_token_until;  // of a rotation with an overlap
};

// The lines of an environment file, ready to paste, for an agent of that project.
[[nodiscard]] std::string environment_of(const AgentCredentials& of, std::string_view brain_url,
                                         std::string_view project_slug);

class AgentAccounts {
 public:
  static constexpr std::int64_t kUsualOverlapS = 86'400, kLongestOverlapS = 30 * 86'400;

  struct Options {
    std::string secret;  // the installation's
    std::vector<std::string> previous_secrets;
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed;
    // Connections of the agent must end, here and (by the commit) at other brains.
    std::function<void(const base::Uuid& agent)> on_closed;
    std::function<void(Commit&, const base::Uuid& agent)> tell_others;
  };

  AgentAccounts(Store& store, Audit& audit, const base::Clock& clock, Options options);

  enum class TokenForm { plain, prefixed };  // prefixed: begins with "z4j_agent_"
  // conflict ("conflict_duplicate_name") when the project has an agent of that name.
  [[nodiscard]] base::Result<AgentCredentials> mint(const base::Uuid& project,
                                                    std::string_view name, const Actor& actor,
                                                    TokenForm form = TokenForm::plain);
  // The overlap is 0 to kLongestOverlapS; without one the old token's connections end. A token that
  // was in an overlap already ends now.
  [[nodiscard]] base::Result<AgentCredentials> rotate(const base::Uuid& project,
                                                      const base::Uuid& agent,
                                                      std::int64_t overlap_s, const Actor& actor);
  // No token is good any more. Idempotent.
  [[nodiscard]] base::Status revoke(const base::Uuid& project, const base::Uuid& agent,
                                    const Actor& actor);
  // The agent, its connections and what it reported of itself go; events, tasks and commands stay.
  [[nodiscard]] base::Status remove(const base::Uuid& project, const base::Uuid& agent,
                                    const Actor& actor);

  // None for a token that is nobody's, or that of an agent of an archived project.
  [[nodiscard]] base::Result<std::optional<AgentIdentity>> find_by_token(std::string_view token);
  // Records that somebody came with a token that is nobody's: once a minute for an address, and
  // once a second for all, with how many attempts it speaks for.
  void bearer_failed(const Client& client);

  // What confirms a purge at an agent of that version; see wire/keys.hpp.
  [[nodiscard]] std::string purge_token(const base::Uuid& project, std::string_view queue,
                                        std::int64_t depth, std::string_view agent_version) const;

  // Agents that were not online for so many days, and those that never came: deleted, audited. How
  // many; at most a few hundred at a time.
  [[nodiscard]] base::Result<std::size_t> prune(std::int64_t days,
                                                const std::optional<Fence>& fence);
  // Connections, processes that are gone and task names that nobody tells any more: deleted after
  // so many days.
  [[nodiscard]] base::Status forget_old(std::int64_t days, const std::optional<Fence>& fence);

 private:
  struct Known;  // what its row says
  struct Failures {
    std::int64_t next_ms = 0;
    std::uint64_t attempts = 0;
  };
  [[nodiscard]] base::Result<Known> find(const base::Uuid& project, const base::Uuid& agent);
  [[nodiscard]] base::Status erase(const Known& agent, AuditEntry entry, Where still,
                                   const std::optional<Fence>& fence);
  [[nodiscard]] AgentCredentials credentials(const base::Uuid& project, const base::Uuid& agent,
                                             std::string name, std::string token) const;
  [[nodiscard]] base::Result<std::optional<Row>> row_of(std::uint16_t column,
                                                        const std::vector<Cell>& hashes);
  void closed(const base::Uuid& project, const base::Uuid& agent) const;

  Store& store_;
  Audit& audit_;
  const base::Clock& clock_;
  const Options options_;

  std::mutex failures_mutex_;
  std::map<std::string, Failures> failures_;  // by client_key(); guarded by failures_mutex_, as are
                                              // the two below
  std::int64_t next_failure_ms_ = 0;
  std::uint64_t unwritten_failures_ = 0;
};

}  // namespace z4j::core
