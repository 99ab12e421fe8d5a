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
    // Keys that it had before, oldest first: what they signed still counts.
    std::vector<proof::VerifierKey> previous_keys;
    std::string origin;  // of the log and the key's name; "": of the key before, or made of the key
    std::string folder;  // for the file; "": none is kept
    std::optional<proof::VerifierKey> witness;
    AskWitness ask_witness;
  };

  // Errors: bad_config when the key or the origin is malformed.
  [[nodiscard]] static base::Result<std::unique_ptr<AuditCheckpoints>> open(
      Store& store, AuditTree& tree, const base::Clock& clock, base::Log& log, Options options);

  [[nodiscard]] const proof::VerifierKey& key() const noexcept { return key_.verifier(); }
  // The key, and those before it.
  [[nodiscard]] const std::vector<proof::VerifierKey>& keys() const noexcept { return keys_; }
  [[nodiscard]] const std::optional<proof::VerifierKey>& witness_key() const noexcept {
    return options_.witness;
  }

  [[nodiscard]] base::Result<std::optional<AuditCheckpoint>> latest(bool witnessed_only = false);
  // All that are kept, newest first, at most `most`.
  [[nodiscard]] base::Result<std::vector<AuditCheckpoint>> list(std::uint32_t most);
  // Signs the tree as it is, unless the latest one says that already; one that an older key signed
  // gets a second signature.
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
        key_(std::move(key)),
        keys_{key_.verifier()} {
    keys_.insert(keys_.end(), options_.previous_keys.begin(), options_.previous_keys.end());
  }
  // Stores the note of one that got a signature.
  [[nodiscard]] base::Status change_note(const AuditCheckpoint& checkpoint,
                                         const std::optional<Fence>& fence);
  [[nodiscard]] base::Status keep_outside(const AuditCheckpoint& checkpoint);
  // The same where it is no reason to fail: trouble is logged.
  void tell_outside(const AuditCheckpoint& checkpoint);
  [[nodiscard]] std::string file() const { return options_.folder + "/checkpoint"; }

  Store& store_;
  AuditTree& tree_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  const proof::SigningKey key_;
  std::vector<proof::VerifierKey> keys_;  // key_ first; never changed
  std::mutex mutex_;                      // one that signs
};

// The key that such options sign with. Errors: bad_config, naming the setting.
[[nodiscard]] base::Result<proof::SigningKey> audit_signing_key(
    const AuditCheckpoints::Options& options);

}  // namespace z4j::core
