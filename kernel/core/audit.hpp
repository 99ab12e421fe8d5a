// The audit log: one entry per security-relevant act, chained by MACs, written in the same commit.
//
// An entry's canonical text (16 members, sorted, compact) is MACed with the installation's secret
// and names the MAC of the entry before it, so a change, a removal or a swap breaks the chain at a
// known place. The head row says where the chain ends, under a MAC of its own, so a cut tail shows
// too. The canonical text is stored and is what verification checks; the columns beside it must
// agree with it. docs/security/audit.md tells the whole.
//
// Acts that wait for their turn are committed together, each as if alone: one that the store
// refuses is taken out and tried by itself, and the others go on.
//
// Threads: all members of Audit are thread-safe. Commits of several kernels are ordered by the
// store (serial "audit" and the guard on the head).
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit_entry.hpp"
#include "core/audit_head.hpp"
#include "core/audit_verifier.hpp"
#include "core/store.hpp"

namespace z4j::core {

class Audit {
 public:
  using Act = std::function<void(Commit&)>;
  // Why nothing may be changed now; ok: it may.
  using MayChange = std::function<base::Status()>;

  struct Options {
    std::string secret;
    std::vector<std::string> previous_secrets;
    int max_tries = 16;
    int turn_timeout_ms = 30'000;  // wait for other audited commits of this process
  };

  Audit(Store& store, const base::Clock& clock, base::Log& log, Options options);

  // Creates the head of a new chain. Call once before the first commit.
  [[nodiscard]] base::Status open();
  // Asked before every commit() but those of the log's own upkeep (actions "audit.*"). Call before
  // others use this.
  void only_while(MayChange may_change) { may_change_ = std::move(may_change); }

  // Told of each entry that was written, on the thread that wrote it. Call before others use this.
  void on_written(std::function<void(const AuditEntry&)> told) { on_written_ = std::move(told); }

  // Commits the steps that `act` appends together with the entries, all or none. `act` runs once
  // per try, now and then on the thread of another who waits here, and must append the same steps
  // each time; step numbers of `out` are its own. Errors: the driver's; conflict only when one of
  // the act's steps conflicted (`out` says which).
  [[nodiscard]] base::Status commit(std::vector<AuditEntry> entries, const Act& act, Commit& out);
  [[nodiscard]] base::Status commit(std::vector<AuditEntry> entries, const Act& act);
  // Only the record, written also while changes are refused: nothing is changed by it. The first is
  // for what is shown only if it could be written; the second, of an act that failed or was denied,
  // logs its failure.
  [[nodiscard]] base::Status record_first(AuditEntry entry);
  void record(AuditEntry entry);
  // Records what was tried as denied and why; gives `why` back.
  [[nodiscard]] base::Error refused(AuditEntry tried, base::Error why);

  // Walks the whole chain; safe while others write. The error is the store's, not the chain's. See
  // AuditCheck for more than the chain.
  [[nodiscard]] base::Result<AuditReport> verify();
  // The newest place that this process knows of.
  [[nodiscard]] std::int64_t known_seq() const noexcept { return known_seq_; }
  [[nodiscard]] AuditSecrets secrets() const {
    return {options_.secret, options_.previous_secrets};
  }

 private:
  // Somebody who wants to commit.
  struct Waiting {
    std::vector<AuditEntry> entries;
    std::vector<base::Uuid> ids;
    const Act* act = nullptr;
    Commit steps;                            // what the act appended
    bool is_alone = false;                   // not with others: together they failed
    bool is_settled = false;                 // for the leader alone: the result stands
    bool is_taken = false, is_done = false;  // guarded by mutex_
    base::Status result;
    void build();
  };
  using Group = std::vector<Waiting*>;

  // commit(), whether or not something may be changed.
  [[nodiscard]] base::Status write(std::vector<AuditEntry> entries, const Act& act, Commit& out);
  [[nodiscard]] Group next_group();
  // Commits a group and says what became of each; those that must be tried alone stay undone.
  void run(Group& group);
  [[nodiscard]] base::Status try_commit(Group& group, bool& in_doubt);
  [[nodiscard]] base::Result<bool> is_stored(const base::Uuid& id);
  void append(const Waiting& waiting, Rows& rows, AuditHead& head) const;

  Store& store_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  MayChange may_change_;
  std::function<void(const AuditEntry&)> on_written_;
  std::atomic<std::int64_t> known_seq_{0};

  std::mutex mutex_;
  std::condition_variable turned_;
  std::deque<Waiting*> waiting_;   // guarded by mutex_
  bool is_leading_ = false;        // guarded by mutex_: somebody commits
  std::optional<AuditHead> head_;  // of whoever leads; none: read it again
};

}  // namespace z4j::core
