// The audit log: one entry per security-relevant act, chained by MACs, written in the same commit.
//
// An entry's canonical text (16 members, sorted, compact) is MACed with the installation's secret
// and names the MAC of the entry before it, so a change, a removal or a swap breaks the chain at a
// known place. The head row says where the chain ends, under a MAC of its own, so a cut tail shows
// too. The canonical text is stored and is what verification checks; the columns beside it must
// agree with it.
//
// Threads: all members of Audit are thread-safe; audited commits of one process run one after
// another, those of several kernels are ordered by the store (serial "audit" and the guard on the
// head).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/one_at_a_time.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Who asks, from where. Texts come from the network and are cut before they are stored.
struct Actor {
  std::optional<base::Uuid> user_id;
  std::optional<base::Uuid> api_key_id;
  std::string source_ip, user_agent;
};

// What to record. Empty optional texts are null.
struct AuditEntry {
  std::string action;                    // at most 80 characters; longer is cut
  std::string target_type;               // 40
  std::optional<std::string> target_id;  // 200
  std::string result = "success";        // 20: success, failed, denied
  std::optional<std::string> outcome;    // none: derived from result
  std::optional<base::Uuid> event_id, user_id, api_key_id, project_id;
  std::optional<std::string> source_ip, user_agent;  // user agent: 1024
  base::json::Object metadata;

  // With the actor's fields filled in.
  [[nodiscard]] static AuditEntry of(const Actor& actor, std::string_view action,
                                     std::string_view target_type, std::string_view target_id,
                                     std::optional<base::Uuid> project_id = std::nullopt);
};

// An entry with its place in the chain.
struct AuditLink {
  base::Uuid id;
  base::TimeUs occurred_at = 0;
  std::optional<std::string> prev_row_hmac;  // none for the first
};

// allow for success, failure for failed, else error.
[[nodiscard]] std::string_view audit_outcome(std::string_view result) noexcept;
// What is stored: texts cut, NUL removed, bytes that are not UTF-8 replaced, numbers that JSON
// can't hold as text.
[[nodiscard]] AuditEntry audit_cleaned(AuditEntry entry);
// The exact bytes that the MAC covers. Requires a cleaned entry. The second form takes the metadata
// as JSON text, whose integers may have any size; the error is that of the text.
[[nodiscard]] std::string audit_canonical(const AuditEntry& entry, const AuditLink& link);
[[nodiscard]] base::Result<std::string> audit_canonical(const AuditEntry& entry,
                                                        const AuditLink& link,
                                                        std::string_view metadata_json);
// Lower-case hex HMAC-SHA256.
[[nodiscard]] std::string audit_hmac(std::string_view secret, std::string_view canonical);

// A stored entry as the verifier reads it.
struct AuditRow {
  std::int64_t seq = 0;
  AuditEntry entry;  // its metadata is not looked at
  std::string metadata_json;
  AuditLink link;
  std::string canonical;  // "" when it is lost
  std::string row_hmac;   // "" when it is lost
};

enum class AuditFault {
  none,
  mac_mismatch,
  link_mismatch,
  missing_mac,
  prefix_missing,
  head_mismatch
};
[[nodiscard]] std::string_view to_string(AuditFault fault) noexcept;

struct AuditReport {
  bool ok = true;
  std::uint64_t rows_verified = 0;  // good ones before the first break
  std::uint64_t rows_after_break = 0;
  std::uint64_t accepted_with_previous_secret = 0;
  AuditFault reason = AuditFault::none;
  std::optional<base::Uuid> first_broken_id;  // none for a cut tail: the row is gone
  std::optional<base::TimeUs> first_broken_at;
  std::string head_hmac;  // MAC of the newest row that was read
};

// Checks rows one by one in chain order; constant memory. One thread at a time.
class AuditVerifier {
 public:
  AuditVerifier(std::string_view secret, const std::vector<std::string>& previous_secrets);
  // What is wrong with this row; the first fault of all is the report's.
  AuditFault take(const AuditRow& row);
  void fail(AuditFault fault, std::optional<base::Uuid> id, std::optional<base::TimeUs> at);
  [[nodiscard]] const AuditReport& report() const noexcept { return report_; }
  [[nodiscard]] std::int64_t last_seq() const noexcept { return last_seq_; }

 private:
  [[nodiscard]] bool is_signed(const AuditRow& row, bool& by_previous) const;

  std::vector<std::string> secrets_;
  AuditReport report_;
  std::optional<std::string> expected_;  // link of the next row
  std::int64_t last_seq_ = 0;
  bool started_ = false;
};

class Audit {
 public:
  using Act = std::function<void(Commit&)>;

  struct Options {
    std::string secret;
    std::vector<std::string> previous_secrets;
    int max_tries = 16;
    int turn_timeout_ms = 30'000;  // wait for other audited commits of this process
  };

  Audit(Store& store, const base::Clock& clock, base::Log& log, Options options);

  // Creates the head of a new chain. Call once before the first commit.
  [[nodiscard]] base::Status open();

  // Commits the steps that `act` appends together with the entries, all or none. `act` runs once
  // per try and must append the same steps each time; they stand first, so step numbers of `out`
  // are its own. Errors: the driver's; conflict only when one of the act's steps conflicted (`out`
  // says which).
  [[nodiscard]] base::Status commit(std::vector<AuditEntry> entries, const Act& act, Commit& out);
  [[nodiscard]] base::Status commit(std::vector<AuditEntry> entries, const Act& act);
  // Only the record: of an act that failed or was denied. A failure to write it is logged.
  void record(AuditEntry entry);

  // Walks the whole chain in pages; safe while others write. The error is the store's, not the
  // chain's.
  [[nodiscard]] base::Result<AuditReport> verify();

 private:
  struct Head {
    std::int64_t seq = 0;
    std::string row_hmac;
    base::TimeUs occurred_at = 0;
    std::string mac;
  };
  [[nodiscard]] base::Result<std::optional<Head>> read_head();
  [[nodiscard]] base::Status page(std::int64_t after_seq, AuditVerifier& verifier, const Head& head,
                                  std::size_t& rows);
  [[nodiscard]] std::string head_mac(std::string_view secret, const Head& head) const;
  [[nodiscard]] bool is_head_genuine(const Head& head) const;
  [[nodiscard]] base::Result<bool> is_stored(const base::Uuid& id);
  [[nodiscard]] Rows chain(const std::vector<AuditEntry>& entries,
                           const std::vector<base::Uuid>& ids, Head& head) const;

  Store& store_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  base::OneAtATime turn_;     // of audited commits
  std::optional<Head> head_;  // guarded by turn_; none: read it again
};

}  // namespace z4j::core
