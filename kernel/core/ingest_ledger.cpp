#include "core/ingest_ledger.hpp"

#include <algorithm>
#include <utility>

namespace z4j::core {
namespace {

constexpr std::size_t kMaxReasons = 16;
constexpr std::size_t kMaxReasonBytes = 64;

}  // namespace

Ingest::AgentStats& IngestLedger::of(const base::Uuid& agent) {
  Ingest::AgentStats& stats = agents_[agent];
  stats.agent_id = agent;
  return stats;
}

void IngestLedger::waiting(const EventSource& source, std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  Ingest::AgentStats& stats = of(source.agent_id);
  if (stats.instance.empty()) stats.instance = source.instance;
  stats.waiting_bytes =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(stats.waiting_bytes) + bytes);
}

void IngestLedger::persisted(const EventRefs& events) {
  tasks_.add(events);
  const std::lock_guard lock(mutex_);
  Ingest::AgentStats* stats = nullptr;
  for (const Event* e : events) {
    if (stats == nullptr || stats->agent_id != e->agent_id) stats = &of(e->agent_id);
    ++stats->persisted;
    if (!e->trouble.empty()) ++stats->dead_letters;
    stats->last_event_at = std::max(stats->last_event_at, e->at);
  }
}

void IngestLedger::duplicates(const base::Uuid& agent, std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  of(agent).duplicates += count;
}

void IngestLedger::dead_letter(const base::Uuid& agent) {
  const std::lock_guard lock(mutex_);
  ++of(agent).dead_letters;
}

void IngestLedger::dropped(const base::Uuid& agent, std::string_view instance, std::uint64_t count,
                           std::string_view why) {
  if (count == 0) return;
  const std::lock_guard lock(mutex_);
  Ingest::AgentStats& stats = of(agent);
  if (stats.instance.empty()) stats.instance = instance;
  std::string reason(why.substr(0, kMaxReasonBytes));
  if (!stats.dropped.contains(reason) && stats.dropped.size() >= kMaxReasons) reason = "other";
  stats.dropped[reason] += count;
  drops_[agent] += count;
}

void IngestLedger::commit_done(bool well) {
  const std::lock_guard lock(mutex_);
  ++(well ? commits_ : failed_commits_);
}

std::map<base::Uuid, std::uint64_t> IngestLedger::take_drops() {
  const std::lock_guard lock(mutex_);
  return std::exchange(drops_, {});
}

bool IngestLedger::has_drops() const {
  const std::lock_guard lock(mutex_);
  return !drops_.empty();
}

void IngestLedger::fill(Ingest::Stats& stats) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [agent, one] : agents_) stats.agents.push_back(one);
  stats.commits = commits_;
  stats.failed_commits = failed_commits_;
}

}  // namespace z4j::core
