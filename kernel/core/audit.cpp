#include "core/audit.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>

#include "base/crypto.hpp"
#include "core/audit_check.hpp"

namespace z4j::core {
namespace {

namespace log_col = model::audit_log;
namespace head_col = model::audit_head;
namespace json = base::json;

constexpr int kAuditBusyTries = 3;
// What is committed together.
constexpr std::size_t kMostTogether = 256, kMostStepsTogether = 512, kMostEntriesTogether = 2048;

// Another kernel was faster. A pause of random length, longer with each race lost, gives each its
// turn.
void step_aside(int races_lost) {
  const unsigned most_us = 500u << std::min(races_lost, 7);
  const std::string random = base::random_bytes(2);
  const unsigned fraction =
      static_cast<unsigned char>(random[0]) * 256u + static_cast<unsigned char>(random[1]);
  std::this_thread::sleep_for(std::chrono::microseconds(most_us * fraction / 65536));
}

base::Error audit_busy(std::string message) {
  return base::Error{base::Code::busy, std::move(message), {}, "try again in a moment", 1000};
}

}  // namespace

Audit::Audit(Store& store, const base::Clock& clock, base::Log& log, Options options)
    : store_(store), clock_(clock), log_(log), options_(std::move(options)) {}

base::Status Audit::open() {
  auto found = read_audit_head(store_);
  if (!found) return std::move(found).error();
  if (found->has_value()) {
    if (!is_genuine(**found, secrets())) log_.error("audit head has a wrong MAC: run audit verify");
    known_seq_ = (*found)->seq;
    return {};
  }
  AuditHead head;
  Query newest(Table::audit_log);
  newest.columns({log_col::seq, log_col::row_hmac, log_col::occurred_at})
      .order({log_col::seq}, true);
  auto last = store_.first(std::move(newest));
  if (!last) return std::move(last).error();
  if (last->has_value()) {
    head = AuditHead{(*last)->num(log_col::seq),
                     std::string((*last)->text(log_col::row_hmac)),
                     (*last)->num(log_col::occurred_at),
                     {}};
    log_.error("audit head is missing, entries are not: it was made anew and the loss is recorded");
  }
  Rows rows(Table::audit_head);
  rows.begin()
      .num(head_col::id, 1)
      .num(head_col::seq, head.seq)
      .text_or_null(head_col::row_hmac, head.row_hmac)
      .num(head_col::occurred_at, head.occurred_at)
      .text(head_col::mac, audit_head_mac(options_.secret, head));
  Commit commit;
  commit.serial("audit").insert_new(std::move(rows));
  if (auto done = store_.commit(commit); !done) return done;
  if (last->has_value()) {
    AuditEntry entry;
    entry.action = "audit.head_lost";
    entry.target_type = "audit";
    entry.result = "failed";
    return this->commit({std::move(entry)}, {});
  }
  return {};
}

void Audit::append(const Waiting& waiting, Rows& rows, AuditHead& head) const {
  for (std::size_t i = 0; i < waiting.entries.size(); ++i) {
    AuditRow row;
    row.entry = waiting.entries[i];
    row.link.id = waiting.ids[i];
    row.link.occurred_at = std::max(clock_.now(), head.occurred_at + 1);
    if (!head.row_hmac.empty()) row.link.prev_row_hmac = head.row_hmac;
    row.metadata_json = json::write(row.entry.metadata);
    row.canonical = audit_canonical(row.entry, row.link);
    head.seq += 1;
    head.occurred_at = row.link.occurred_at;
    head.row_hmac = audit_hmac(options_.secret, row.canonical);
    row.seq = head.seq;
    row.row_hmac = head.row_hmac;
    core::append(rows, row);
  }
}

base::Result<bool> Audit::is_stored(const base::Uuid& id) {
  Query query(Table::audit_log);
  query.where.eq(log_col::id, id);
  auto row = store_.first(query.columns({log_col::seq}));
  if (!row) return std::move(row).error();
  return row->has_value();
}

base::Status Audit::commit(std::vector<AuditEntry> entries, const Act& act) {
  Commit out;
  return commit(std::move(entries), act, out);
}

base::Status Audit::commit(std::vector<AuditEntry> entries, const Act& act, Commit& out) {
  Z4J_CHECK(!entries.empty());
  if (may_change_ && !entries.front().action.starts_with("audit.")) {
    if (auto may = may_change_(); !may) return may;
  }
  return write(std::move(entries), act, out);
}

base::Status Audit::write(std::vector<AuditEntry> entries, const Act& act, Commit& out) {
  Waiting mine;
  for (AuditEntry& entry : entries) {
    mine.entries.push_back(audit_cleaned(std::move(entry)));
    mine.ids.push_back(base::Uuid::random());
  }
  mine.act = &act;
  mine.build();

  const auto until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.turn_timeout_ms);
  std::unique_lock lock(mutex_);
  waiting_.push_back(&mine);
  while (!mine.is_done) {
    if (is_leading_) {
      // Once it is taken, the commit's own deadlines hold.
      if (mine.is_taken) {
        turned_.wait(lock);
      } else if (turned_.wait_until(lock, until) == std::cv_status::timeout && !mine.is_taken &&
                 !mine.is_done) {
        waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &mine));
        return audit_busy("the audit log is busy: other changes are still being written");
      }
      continue;
    }
    is_leading_ = true;
    Group group = next_group();
    lock.unlock();
    std::exception_ptr trouble;
    try {
      run(group);
    } catch (...) {
      trouble = std::current_exception();
    }
    lock.lock();
    is_leading_ = false;
    for (Waiting* each : group) {
      if (trouble && !each->is_settled) {
        each->result = base::Error{base::Code::bug, "the audited commit broke off", {}, {}, 0};
        each->is_settled = true;
      }
      each->is_taken = each->is_done = each->is_settled;
      if (!each->is_done) waiting_.push_front(each);
    }
    turned_.notify_all();
    if (trouble && mine.is_done) std::rethrow_exception(trouble);
  }
  lock.unlock();
  out = std::move(mine.steps);
  if (mine.result && on_written_) {
    for (const AuditEntry& entry : mine.entries) on_written_(entry);
  }
  return mine.result;
}

// Who waits longest, and whoever may go with him. Under the mutex.
Audit::Group Audit::next_group() {
  Group group;
  std::size_t steps = 0, entries = 0;
  while (!waiting_.empty() && group.size() < kMostTogether) {
    Waiting* const next = waiting_.front();
    steps += next->steps.steps();
    entries += next->entries.size();
    const bool may_join = !next->is_alone && !group.empty() && !group.front()->is_alone &&
                          steps <= kMostStepsTogether && entries <= kMostEntriesTogether;
    if (!group.empty() && !may_join) break;
    next->is_taken = true;
    group.push_back(next);
    waiting_.pop_front();
  }
  return group;
}

void Audit::run(Group& group) {
  bool is_in_doubt = false;
  const base::Status result = try_commit(group, is_in_doubt);
  // Whose fault it is is not known, or was only seen together with the others.
  const bool goes_apart =
      !result && group.size() > 1 && !is_in_doubt && result.error().code != base::Code::busy;
  for (Waiting* each : group) {
    each->is_alone = goes_apart;
    if (goes_apart) {
      each->build();
    } else {
      each->result = result;
      each->is_settled = true;  // done is said under the mutex: whoever waits may be gone then
    }
  }
}

// A commit that got no answer may still be read by the driver: the next try has steps of its own.
void Audit::Waiting::build() {
  steps = Commit();
  if (act != nullptr && *act) (*act)(steps);
}

// In doubt: an earlier try may have been stored.
base::Status Audit::try_commit(Group& group, bool& in_doubt) {
  int busy_tries = 0;
  for (int i = 0; i < options_.max_tries; ++i) {
    if (!head_) {
      auto found = read_audit_head(store_);
      if (!found) return std::move(found).error();
      if (!found->has_value()) {
        return base::Error{base::Code::corrupt, "the audit log has no head", "audit_head",
                           "restart the brain, then run audit verify", 0};
      }
      head_ = std::move(**found);
    }
    if (in_doubt) {
      auto stored = is_stored(group.front()->ids.front());
      if (!stored) return std::move(stored).error();
      if (*stored) return {};
    }
    Commit next;
    const std::int64_t seen_seq = head_->seq;
    AuditHead head = *head_;
    Rows rows(Table::audit_log);
    for (const Waiting* each : group) {
      next.include(each->steps);
      append(*each, rows, head);
    }
    head.mac = audit_head_mac(options_.secret, head);
    Where unchanged;
    unchanged.eq(head_col::id, 1).eq(head_col::seq, seen_seq);
    next.serial("audit")
        .update(Table::audit_head, std::move(unchanged),
                {{head_col::seq, head.seq},
                 {head_col::row_hmac, head.row_hmac},
                 {head_col::occurred_at, head.occurred_at},
                 {head_col::mac, head.mac}},
                1, 1)
        .insert(std::move(rows));
    base::Status done = store_.commit(next);
    if (done) {
      known_seq_ = head.seq;
      head_ = std::move(head);
      return done;
    }
    head_.reset();
    const auto bad_part = next.bad_part();
    switch (done.error().code) {
      case base::Code::conflict: {
        if (bad_part && !in_doubt) return done;
        if (next.bad_step() == ~std::uint32_t{0}) {
          auto now = read_audit_head(store_);
          if (!now) return std::move(now).error();
          if (now->has_value() && (*now)->seq == seen_seq) return done;  // not the head's fault
        }
        if (bad_part) {
          auto stored = is_stored(group.front()->ids.front());
          if (!stored) return std::move(stored).error();
          return *stored ? base::Status() : done;
        }
        step_aside(i);
        continue;
      }
      case base::Code::busy:
        if (++busy_tries > kAuditBusyTries) return done;
        continue;
      case base::Code::unknown:
        in_doubt = true;
        for (Waiting* each : group) each->build();
        continue;
      default:
        return done;
    }
  }
  return audit_busy("the audit log could not be extended: others were faster each time");
}

base::Status Audit::record_first(AuditEntry entry) {
  const Act nothing;
  Commit out;
  return write({std::move(entry)}, nothing, out);
}

void Audit::record(AuditEntry entry) {
  const std::string action = entry.action;
  if (auto done = record_first(std::move(entry)); !done) {
    log_.error("audit entry not written", {{"action", action}, {"why", done.error().text()}});
  }
}

base::Error Audit::refused(AuditEntry tried, base::Error why) {
  tried.result = "denied";
  tried.metadata["reason"] = why.where;
  record(std::move(tried));
  return why;
}

base::Result<AuditReport> Audit::verify() {
  AuditCheck::Options options;
  options.secrets = secrets();
  return AuditCheck(store_, clock_, std::move(options)).run();
}

}  // namespace z4j::core
