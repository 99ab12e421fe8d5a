// Signed statements of how long the audit log is and what its tree's root is: for people outside,
// who have the public key. A witness outside may co-sign them; the latest one also lies in a file
// beside the database, so that a database put back to an older state is noticed.
//
// Threads: thread-safe, one that signs at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/audit_tree.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"
#include "proof/signed_note.hpp"

namespace z4j::core {

struct AuditCheckpoint {
  proof::Checkpoint head;
  std::string note;  // signed, with co-signatures
  bool is_witnessed = false;
  base::TimeUs created_at = 0;
};

class AuditCheckpoints {
 public:
  // A witness's answer to add-checkpoint.
  struct WitnessAnswer {
    int status = 0;
    std::string body;
  };
  using AskWitness = std::function<base::Result<WitnessAnswer>(const std::string& body)>;

  struct Options {
    std::string key_seed;  // 32 bytes
    std::string origin;    // of the log and the key's name; "": from the key
    std::string folder;    // for the file; "": none is kept
    std::optional<proof::VerifierKey> witness;
    AskWitness ask_witness;
  };

  // Errors: bad_config when the key or the origin is malformed.
  [[nodiscard]] static base::Result<std::unique_ptr<AuditCheckpoints>> open(
      Store& store, AuditTree& tree, const base::Clock& clock, base::Log& log, Options options);

  [[nodiscard]] const proof::VerifierKey& key() const noexcept { return key_.verifier(); }
  [[nodiscard]] const std::optional<proof::VerifierKey>& witness_key() const noexcept {
    return options_.witness;
  }

  [[nodiscard]] base::Result<std::optional<AuditCheckpoint>> latest(bool witnessed_only = false);
  // All that are kept, newest first, at most `most`.
  [[nodiscard]] base::Result<std::vector<AuditCheckpoint>> list(std::uint32_t most);
  // Signs the tree as it is, unless the latest one says that already.
  [[nodiscard]] base::Result<AuditCheckpoint> sign(const std::optional<Fence>& fence);
  // Has the latest one co-signed; nothing to do: true. The error says why the witness would not;
  // `conflict`: it knows another past, or a longer one.
  [[nodiscard]] base::Status have_witnessed(const std::optional<Fence>& fence);
  // Forgets old ones, never the latest and the latest that was witnessed.
  [[nodiscard]] base::Status forget_before(base::TimeUs before, const std::optional<Fence>& fence);

  // What the file says; nothing when there is none.
  [[nodiscard]] base::Result<std::optional<proof::Checkpoint>> outside();
  // Puts the file aside, under the name that is returned: what it says is known and explained.
  [[nodiscard]] base::Result<std::string> put_aside();

 private:
  AuditCheckpoints(Store& store, AuditTree& tree, const base::Clock& clock, base::Log& log,
                   Options options, proof::SigningKey key)
      : store_(store),
        tree_(tree),
        clock_(clock),
        log_(log),
        options_(std::move(options)),
        key_(std::move(key)) {}
  [[nodiscard]] base::Status keep_outside(const AuditCheckpoint& checkpoint);
  [[nodiscard]] std::string file() const { return options_.folder + "/checkpoint"; }

  Store& store_;
  AuditTree& tree_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  const proof::SigningKey key_;
  std::mutex mutex_;  // one that signs
};

// The name of a log whose owner gave it none.
[[nodiscard]] std::string usual_audit_origin(std::string_view key_seed);

}  // namespace z4j::core
