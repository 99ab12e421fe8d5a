#include "core/audit_keeper.hpp"

#include <algorithm>
#include <chrono>

#include "core/audit_check.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr std::chrono::milliseconds kKeepEvery{1000};
constexpr std::int64_t kFirstCheckMs = 60'000, kFirstRetentionMs = 60'000, kWitnessAgainMs = 30'000,
                       kSlowlyMs = 10'000;
// Without news of this brain's own: others may have written.
constexpr std::int64_t kLookAnywayMs = 60'000;
constexpr int kMostGrowSteps = 64;  // a round; more come with the next one

}  // namespace

AuditKeeper::AuditKeeper(Store& store, Audit& audit, AuditTree& tree, AuditCheckpoints& checkpoints,
                         AuditRetention& retention, AuditEraser& eraser, const base::Clock& clock,
                         base::Log& log, Options options)
    : store_(store),
      audit_(audit),
      tree_(tree),
      checkpoints_(checkpoints),
      retention_(retention),
      eraser_(eraser),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      next_retention_ms_(clock.steady_ms() + kFirstRetentionMs),
      next_check_ms_(clock.steady_ms() +
                     std::min(kFirstCheckMs, options_.verify_interval_s * std::int64_t{1000})) {}

AuditKeeper::~AuditKeeper() { stop(); }

bool AuditKeeper::may_run(std::optional<Fence>& fence) const {
  if (!options_.may_run) return true;
  fence = options_.may_run();
  return fence.has_value();
}

// Trouble is told once, and once that it is over.
void AuditKeeper::note(std::string State::*where, const base::Status& what, const char* event) {
  const std::string why = what ? std::string() : what.error().text();
  {
    const std::lock_guard lock(mutex_);
    if (state_.*where == why) return;
    state_.*where = why;
  }
  if (why.empty())
    log_.info("audit log: well again", {{"what", event}});
  else
    log_.error(event, {{"why", why}});
}

void AuditKeeper::grow(const std::optional<Fence>& fence) {
  for (int i = 0; i < kMostGrowSteps; ++i) {
    auto grown = tree_.grow(fence);
    if (!grown) {
      // Another one was faster; it does the rest.
      if (grown.error().code == base::Code::conflict) return;
      return note(&State::tree_trouble, grown.error(), "audit log's tree does not grow");
    }
    unsigned_ += *grown;
    if (*grown < kAuditGrowRows) break;
  }
  if (auto size = tree_.size()) grown_through_ = static_cast<std::int64_t>(*size);
  note(&State::tree_trouble, {}, "audit log's tree does not grow");
}

void AuditKeeper::sign(const std::optional<Fence>& fence, bool now) {
  const std::int64_t at = clock_.steady_ms();
  const bool is_due = now || at >= next_sign_ms_ ||
                      unsigned_ >= static_cast<std::uint64_t>(options_.checkpoint_entries);
  if (unsigned_ > 0 && is_due) {
    next_sign_ms_ = at + options_.checkpoint_interval_s * std::int64_t{1000};
    auto size = tree_.size();
    auto signed_one =
        size && *size == 0
            ? base::Result<AuditCheckpoint>(base::Error{base::Code::conflict, {}, {}, {}, 0})
            : checkpoints_.sign(fence);
    if (signed_one) {
      unsigned_ = 0;
      is_unwitnessed_ = true;
    } else if (signed_one.error().code != base::Code::conflict) {
      note(&State::tree_trouble, signed_one.error(), "audit log's checkpoint not signed");
    }
  }
  if (!is_unwitnessed_ || at < next_witness_ms_ || now) return;
  const base::Status witnessed = checkpoints_.have_witnessed(fence);
  is_unwitnessed_ = !witnessed;
  next_witness_ms_ = at + (witnessed ? 0 : kWitnessAgainMs);
  note(&State::witness_trouble, witnessed, "audit log's checkpoint not co-signed");
}

void AuditKeeper::take_old(const std::optional<Fence>& fence) {
  if (clock_.steady_ms() < next_retention_ms_) return;
  next_retention_ms_ = clock_.steady_ms() + options_.retention_interval_s * std::int64_t{1000};
  auto gone = retention_.run_once(fence, [this] { return may_go_on(); });
  const base::Status result = gone ? base::Status() : base::Status(gone.error());
  note(&State::retention_trouble, result, "old audit entries not deleted");
  if (!gone) return;
  (void)checkpoints_.forget_before(clock_.now() - options_.keep_checkpoints_days * base::kDayUs,
                                   fence);
  const std::lock_guard lock(mutex_);
  state_.pruned += *gone;
  state_.pruned_last = *gone;
  state_.pruned_at = clock_.now();
}

bool AuditKeeper::may_go_on() {
  const std::lock_guard lock(mutex_);
  return !is_stopping_;
}

void AuditKeeper::erase(const std::optional<Fence>& fence) {
  note(&State::erasure_trouble, eraser_.run_once(fence, [this] { return may_go_on(); }),
       "a person is not erased from the audit log");
}

void AuditKeeper::work() {
  std::optional<Fence> fence;
  if (!may_run(fence)) {
    next_look_ms_ = 0;  // whoever takes over looks at once
    return;
  }
  const std::int64_t at = clock_.steady_ms(), known = audit_.known_seq();
  bool has_news = known != looked_at_ || next_look_ms_ == 0;
  if (!has_news && at >= next_look_ms_) {
    auto head = read_audit_head(store_);
    has_news = head && head->has_value() && (*head)->seq != grown_through_;
    next_look_ms_ = at + kLookAnywayMs;
  }
  if (has_news) {
    // The first look may find what another brain left unsigned.
    if (next_look_ms_ == 0) unsigned_ += 1;
    looked_at_ = known;
    next_look_ms_ = at + kLookAnywayMs;
    grow(fence);
  }
  sign(fence, false);
  take_old(fence);
  if (at < next_slow_ms_) return;
  next_slow_ms_ = at + kSlowlyMs;
  if (options_.take_in) options_.take_in();
  erase(fence);
}

bool AuditKeeper::ask_for_check() {
  const std::lock_guard lock(mutex_);
  if (state_.is_checking || wants_check_) return false;
  wants_check_ = true;
  wake_.notify_all();
  return true;
}

void AuditKeeper::check(std::stop_token stop) {
  {
    const std::lock_guard lock(mutex_);
    wants_check_ = false;
    state_.is_checking = true;
    state_.rows_done = state_.rows_all = 0;
    state_.check_began_at = clock_.now();
  }
  AuditCheck::Options asked;
  asked.secrets = audit_.secrets();
  asked.tree = &tree_;
  asked.checkpoints = &checkpoints_;
  asked.stop = std::move(stop);
  asked.on_progress = [this](std::uint64_t done, std::uint64_t all) {
    const std::lock_guard lock(mutex_);
    state_.rows_done = done;
    state_.rows_all = all;
  };
  auto report = AuditCheck(store_, clock_, std::move(asked)).run();
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    state_.is_checking = false;
    state_.check_trouble = report ? "" : report.error().text();
    if (report) {
      const auto& before = state_.report;
      is_news = !report->ok && (!before || before->ok || before->reason != report->reason ||
                                before->first_broken_seq != report->first_broken_seq);
      state_.report = *report;
    }
  }
  if (!report) {
    if (report.error().code != base::Code::cancelled)
      log_.warn("audit log not checked", {{"why", report.error().text()}});
    return;
  }
  if (report->ok) {
    log_.info("audit log is whole", {{"rows", report->rows_verified}});
    return;
  }
  log_.error("audit log is BROKEN", {{"reason", to_string(report->reason)},
                                     {"seq", report->first_broken_seq.value_or(0)},
                                     {"rows_verified", report->rows_verified}});
  if (is_news && options_.on_broken) options_.on_broken(*report);
}

void AuditKeeper::start() {
  if (worker_.joinable()) return;
  is_stopping_ = false;
  stop_ = std::stop_source();
  worker_ = std::thread([this] { run(); });
  checker_ = std::thread([this, token = stop_.get_token()] { run_checks(token); });
}

void AuditKeeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    stop_.request_stop();
  }
  wake_.notify_all();
  if (checker_.joinable()) checker_.join();
  if (!worker_.joinable()) return;
  worker_.join();
  std::optional<Fence> fence;
  if (!may_run(fence)) return;
  grow(fence);
  unsigned_ += 1;
  sign(fence, true);
}

void AuditKeeper::run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    lock.unlock();
    work();
    lock.lock();
    wake_.wait_for(lock, kKeepEvery, [this] { return is_stopping_; });
  }
}

void AuditKeeper::run_checks(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    const bool is_due = options_.verify_interval_s > 0 && clock_.steady_ms() >= next_check_ms_;
    if (!wants_check_ && !is_due) {
      wake_.wait_for(lock, kKeepEvery, [this] { return is_stopping_ || wants_check_; });
      continue;
    }
    if (is_due)
      next_check_ms_ = clock_.steady_ms() + options_.verify_interval_s * std::int64_t{1000};
    const bool is_asked = wants_check_;
    lock.unlock();
    std::optional<Fence> fence;
    if (is_asked || may_run(fence)) check(stop);
    lock.lock();
  }
}

AuditKeeper::State AuditKeeper::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

json::Object AuditKeeper::to_json() const {
  const State now = state();
  json::Object out;
  if (now.report)
    out = core::to_json(*now.report);
  else
    out = {{"ok", nullptr}, {"checked_at", nullptr}};
  out["is_checking"] = now.is_checking;
  out["rows_done"] = now.rows_done;
  out["rows_all"] = now.rows_all;
  out["check_trouble"] = json::text_or_null(now.check_trouble);
  out["tree_trouble"] = json::text_or_null(now.tree_trouble);
  out["witness_trouble"] = json::text_or_null(now.witness_trouble);
  out["retention_trouble"] = json::text_or_null(now.retention_trouble);
  out["erasure_trouble"] = json::text_or_null(now.erasure_trouble);
  return out;
}

void AuditKeeper::write_metrics(MetricText& out) const {
  const State now = state();
  if (now.report) {
    out.family("z4j_audit_chain_ok", "gauge", "1: the latest check found the audit log whole")
        .sample({}, std::int64_t{now.report->ok ? 1 : 0});
    out.family("z4j_audit_chain_verified", "gauge", "entries that the latest check found good")
        .sample({}, static_cast<std::int64_t>(now.report->rows_verified));
    out.family("z4j_audit_check_timestamp", "gauge", "end of the latest check, Unix seconds")
        .sample({}, now.report->checked_at / base::kSecondUs);
  }
  out.family("z4j_audit_rows_total", "gauge", "entries that the audit log ever had")
      .sample({}, audit_.known_seq());
  out.family("z4j_audit_trouble", "gauge", "1: tree, witness, retention or erasure do not work")
      .sample({{"part", "tree"}}, std::int64_t{now.tree_trouble.empty() ? 0 : 1})
      .sample({{"part", "witness"}}, std::int64_t{now.witness_trouble.empty() ? 0 : 1})
      .sample({{"part", "retention"}}, std::int64_t{now.retention_trouble.empty() ? 0 : 1})
      .sample({{"part", "erasure"}}, std::int64_t{now.erasure_trouble.empty() ? 0 : 1});
  out.family("z4j_audit_retention_pruned_total", "counter", "old entries deleted by this brain")
      .sample({}, static_cast<std::int64_t>(now.pruned));
  out.family("z4j_audit_retention_last_deleted", "gauge", "of them in the latest pass")
      .sample({}, static_cast<std::int64_t>(now.pruned_last));
  out.family("z4j_audit_retention_last_run_timestamp", "gauge",
             "end of the latest pass, Unix seconds")
      .sample({}, now.pruned_at / base::kSecondUs);
}

}  // namespace z4j::core
