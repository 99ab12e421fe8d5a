#include "core/audit_forward.hpp"

#include <algorithm>
#include <chrono>

#include "core/refusal.hpp"
#include "proof/entry_line.hpp"

namespace z4j::core {
namespace {

namespace cursor_col = model::audit_cursors;
namespace json = base::json;

constexpr std::uint32_t kForwardRows = 100;
constexpr std::chrono::milliseconds kLookEvery{1000};
constexpr std::int64_t kCursorLookMs = 5'000;  // others may have written
constexpr std::int64_t kFirstWaitMs = 1000, kMostWaitMs = 60'000;
constexpr std::size_t kMostErrorBytes = 500;

}  // namespace

std::string forwarded_text(const AuditRow& row) {
  std::string text = row.canonical;
  if (text.empty()) {
    auto rebuilt = audit_canonical(row.entry, row.link, row.metadata_json);
    text = rebuilt ? std::move(rebuilt).value() : "{}";
  }
  const auto source = proof::top_member(text, "source_ip");
  constexpr std::string_view kVersion = ",\"version\":1}", kSource = "\"source_ip\":";
  if (!source || !std::string_view(text).ends_with(kVersion)) return text;
  const auto at = static_cast<std::size_t>(source->data() - text.data()) - kSource.size();
  text.replace(text.size() - kVersion.size(), kVersion.size(), "}");
  text.insert(at, row.row_hmac.empty() ? std::string("\"row_hmac\":null,")
                                       : "\"row_hmac\":\"" + row.row_hmac + "\",");
  return text;
}

AuditForwarder::AuditForwarder(Store& store, Audit& audit, const base::Clock& clock, base::Log& log,
                               std::vector<std::unique_ptr<AuditSink>> sinks, Options options)
    : store_(store), audit_(audit), clock_(clock), log_(log), options_(std::move(options)) {
  for (auto& sink : sinks) {
    auto channel = std::make_unique<Channel>();
    channel->name = sink->name();
    channel->sink = std::move(sink);
    channels_.push_back(std::move(channel));
  }
}

AuditForwarder::~AuditForwarder() { stop(); }

// What the store says of a cursor; a sink without one has nothing yet.
base::Status AuditForwarder::look(Channel& channel) {
  Query query(Table::audit_cursors);
  query.where.eq(cursor_col::sink, channel.name);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  const std::lock_guard lock(mutex_);
  channel.seq = row->has_value() ? (*row)->num(cursor_col::seq) : 0;
  channel.blocked_since = row->has_value() ? (*row)->num_or_none(cursor_col::blocked_since)
                                           : std::optional<base::TimeUs>();
  channel.last_error = row->has_value() ? std::string((*row)->text(cursor_col::last_error)) : "";
  return {};
}

base::Status AuditForwarder::move(Channel& channel, const std::optional<Fence>& fence,
                                  std::int64_t seq, const base::Status& trouble) {
  std::string why = trouble ? std::string() : trouble.error().text().substr(0, kMostErrorBytes);
  std::optional<base::TimeUs> since;
  bool was_blocked = false;
  {
    const std::lock_guard lock(mutex_);
    was_blocked = channel.blocked_since.has_value();
    if (!why.empty()) since = channel.blocked_since.value_or(clock_.now());
    if (channel.seq == seq && channel.blocked_since == since && channel.last_error == why)
      return {};
  }
  if (!why.empty() && !was_blocked)
    log_.error("audit log is not forwarded", {{"to", channel.name}, {"why", why}});
  if (why.empty() && was_blocked) log_.info("audit log is forwarded again", {{"to", channel.name}});
  Commit commit;
  if (fence) fence->guard(commit);
  Rows rows(Table::audit_cursors);
  rows.begin()
      .text(cursor_col::sink, channel.name)
      .num(cursor_col::seq, seq)
      .text_or_null(cursor_col::last_error, why)
      .num(cursor_col::updated_at, clock_.now());
  if (since)
    rows.num(cursor_col::blocked_since, *since);
  else
    rows.null(cursor_col::blocked_since);
  commit.merge(std::move(rows));
  if (auto done = store_.commit(commit); !done) return done;
  const std::lock_guard lock(mutex_);
  channel.sent += static_cast<std::uint64_t>(std::max<std::int64_t>(seq - channel.seq, 0));
  channel.seq = seq;
  channel.blocked_since = since;
  channel.last_error = std::move(why);
  return {};
}

bool AuditForwarder::hand_on(Channel& channel, const std::optional<Fence>& fence) {
  std::int64_t seq = 0;
  {
    const std::lock_guard lock(mutex_);
    seq = channel.seq;
  }
  Query query(Table::audit_log);
  query.all().order({model::audit_log::seq}).limit(kForwardRows);
  if (seq > 0) query.after({Cell(seq)});
  std::vector<AuditRow> entries;
  auto read = store_.each(query, [&entries](const Row& row) {
    entries.push_back(read_audit_row(row));
    return true;
  });
  if (!read || entries.empty()) return false;
  const AuditSink::Outcome outcome = channel.sink->send(entries);
  if (outcome.taken > 0) seq = entries[outcome.taken - 1].seq;
  auto moved = move(channel, fence, seq, outcome.rest);
  return moved.ok() && outcome.rest.ok();
}

void AuditForwarder::run(Channel& channel) {
  std::int64_t wait_ms = kFirstWaitMs, looked_at = -1, next_look_ms = 0;
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    const std::int64_t known = audit_.known_seq(), now_ms = clock_.steady_ms();
    if (known == looked_at && now_ms < next_look_ms && !channel.blocked_since) {
      wake_.wait_for(lock, kLookEvery, [this] { return is_stopping_; });
      continue;
    }
    looked_at = known;
    next_look_ms = now_ms + kCursorLookMs;
    lock.unlock();
    std::optional<Fence> fence;
    bool is_mine = !options_.may_run;
    if (options_.may_run) {
      fence = options_.may_run();
      is_mine = fence.has_value();
    }
    const bool has_seen = look(channel).ok();
    const bool went_on = has_seen && is_mine && hand_on(channel, fence);
    lock.lock();
    if (went_on) {
      wait_ms = kFirstWaitMs;
      looked_at = -1;
      continue;
    }
    // Nothing new: look again soon. Trouble: ever less often.
    const bool is_troubled = is_mine && channel.blocked_since.has_value();
    wake_.wait_for(lock, is_troubled ? std::chrono::milliseconds(wait_ms) : kLookEvery,
                   [this] { return is_stopping_; });
    wait_ms = is_troubled ? std::min(wait_ms * 2, kMostWaitMs) : kFirstWaitMs;
  }
}

void AuditForwarder::start() {
  for (auto& channel : channels_) {
    if (auto seen = look(*channel); !seen)
      log_.warn("audit cursor not read", {{"why", seen.error().text()}});
    channel->thread = std::thread([this, at = channel.get()] { run(*at); });
  }
}

void AuditForwarder::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  for (auto& channel : channels_) channel->sink->cancel();
  for (auto& channel : channels_) {
    if (channel->thread.joinable()) channel->thread.join();
  }
}

bool AuditForwarder::is_blocked(const Channel& channel) const {
  if (options_.max_behind > 0 && audit_.known_seq() - channel.seq > options_.max_behind)
    return true;
  return options_.max_behind_s > 0 && channel.blocked_since &&
         clock_.now() - *channel.blocked_since > options_.max_behind_s * base::kSecondUs;
}

base::Status AuditForwarder::may_change() const {
  const std::lock_guard lock(mutex_);
  if (channels_.empty()) return {};
  std::string why;
  for (const auto& channel : channels_) {
    if (!is_blocked(*channel)) return {};
    why += (why.empty() ? "" : "; ") + channel->name + ": " +
           (channel->last_error.empty() ? "too slow" : channel->last_error);
  }
  return base::Error{
      base::Code::unavailable,
      "changes are refused: no receiver of the audit log takes entries (" + why + ")",
      "audit_blocked", "repair the receiver; reading goes on", 5000};
}

base::Result<std::optional<std::int64_t>> AuditForwarder::forwarded() {
  std::optional<std::int64_t> lowest;
  for (auto& channel : channels_) {
    if (auto seen = look(*channel); !seen) return std::move(seen).error();
    const std::lock_guard lock(mutex_);
    lowest = std::min(lowest.value_or(channel->seq), channel->seq);
  }
  return lowest;
}

json::Array AuditForwarder::to_json() const {
  const std::lock_guard lock(mutex_);
  json::Array out;
  for (const auto& channel : channels_) {
    out.push_back(json::Object{
        {"name", channel->name},
        {"seq", channel->seq},
        {"behind", std::max<std::int64_t>(audit_.known_seq() - channel->seq, 0)},
        {"blocked_since",
         json::text_or_null(channel->blocked_since ? base::format_time(*channel->blocked_since)
                                                   : std::string())},
        {"last_error", json::text_or_null(channel->last_error)},
        {"refuses_changes", is_blocked(*channel)}});
  }
  return out;
}

void AuditForwarder::write_metrics(MetricText& out) const {
  const std::lock_guard lock(mutex_);
  if (channels_.empty()) return;
  out.family("z4j_audit_forward_behind", "gauge", "entries that a receiver has not yet");
  for (const auto& channel : channels_)
    out.sample({{"sink", channel->name}},
               std::max<std::int64_t>(audit_.known_seq() - channel->seq, 0));
  out.family("z4j_audit_forward_blocked", "gauge", "1: a receiver takes nothing");
  for (const auto& channel : channels_)
    out.sample({{"sink", channel->name}}, std::int64_t{channel->blocked_since ? 1 : 0});
  out.family("z4j_audit_forwarded_total", "counter", "entries handed on by this brain");
  for (const auto& channel : channels_)
    out.sample({{"sink", channel->name}}, static_cast<std::int64_t>(channel->sent));
}

}  // namespace z4j::core
