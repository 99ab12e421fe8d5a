// Takes what the audit log tells of a deleted person out of it: address, names, and the network
// address and program that the person came with. What was done, when, to what and under which id
// stays, and everything verifies as before; see audit_erasures.hpp.
//
// It works behind Users::remove, in batches that each leave an entry (audit.erased), and goes on
// where it was cut short. Entries that no checkpoint covers or a receiver has not yet wait; one
// that is not what the tree was made of stops it. One run at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/audit_tree.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"

namespace z4j::core {

// The entry that ends what the log tells of a person.
inline constexpr std::string_view kUserErased = "user.erased";

// Whom the log is searched for.
struct Person {
  base::Uuid id;
  std::string email;
  std::vector<std::string> names;  // and what an identity provider calls the person
};

// Adds the steps that have that person erased from the log.
void want_erased(Commit& commit, const Person& person, base::TimeUs now);
// The entry without what it tells of that person; false: it tells nothing. Its canonical text is
// made anew.
[[nodiscard]] bool erase_person(AuditRow& row, const Person& person);

class AuditEraser {
 public:
  static constexpr std::uint32_t kRows = 500;  // of a batch

  // settled(): the newest place that may change; see AuditRetention.
  AuditEraser(Store& store, Audit& audit, AuditTree& tree, const base::Clock& clock,
              std::function<base::Result<std::int64_t>()> settled);
  // Errors: the store's; corrupt when entries are not what they were.
  [[nodiscard]] base::Status run_once(const std::optional<Fence>& fence,
                                      const std::function<bool()>& may_go_on);

 private:
  struct Wanted {
    Person person;
    base::TimeUs requested_at = 0;
    std::int64_t next_seq = 1, entries = 0;
  };
  [[nodiscard]] base::Result<std::vector<Wanted>> wanted();
  // False: nothing more can be done now.
  [[nodiscard]] base::Result<bool> batch(const std::optional<Fence>& fence, Wanted& wanted,
                                         std::int64_t settled);
  // What is stored in place of that row; the error is corrupt.
  [[nodiscard]] base::Result<AuditErasure> record_of(const AuditRow& whole, const AuditRow& rest,
                                                     const AuditErasures& known);

  Store& store_;
  Audit& audit_;
  AuditTree& tree_;
  const base::Clock& clock_;
  const std::function<base::Result<std::int64_t>()> settled_;
};

}  // namespace z4j::core
