#include "core/snapshots.hpp"

#include <algorithm>

namespace z4j::core {
namespace {

namespace json = base::json;

struct SnapshotRhythm {
  std::int64_t every_ms;
  int deadline_ms;
  unsigned max_pages;
};
// By SnapshotKind.
constexpr SnapshotRhythm kRhythms[] = {
    {2'000, 5'000, 10}, {5'000, 10'000, 4}, {60'000, 30'000, 20}};
constexpr std::int64_t kLongestPauseMs = 60'000;
constexpr std::size_t kRoundBytes = std::size_t{16} << 20;  // of all pages together

const SnapshotRhythm& rhythm(SnapshotKind kind) { return kRhythms[static_cast<std::size_t>(kind)]; }

}  // namespace

std::string_view to_string(SnapshotKind kind) noexcept {
  switch (kind) {
    case SnapshotKind::queues:
      return "queues";
    case SnapshotKind::workers:
      return "workers";
    case SnapshotKind::registry:
      return "registry";
    case SnapshotKind::states:
      return "state";
  }
  return "";
}

Snapshots::Snapshots(Store& store, const base::Clock& clock, base::Log& log, std::string instance,
                     SnapshotRows::Owner owner, Redact redact)
    : clock_(clock),
      log_(log),
      instance_(std::move(instance)),
      redact_(std::move(redact)),
      rows_(store, clock, std::move(owner)),
      registry_(std::make_shared<const Registry>()) {}

std::vector<SnapshotQuestion> Snapshots::ask() {
  std::vector<SnapshotQuestion> out;
  const std::int64_t now_ms = clock_.steady_ms();
  for (const SnapshotKind kind :
       {SnapshotKind::queues, SnapshotKind::workers, SnapshotKind::registry}) {
    Round& r = round(kind);
    if (r.is_out || now_ms < r.next_ms) continue;
    if (r.pages == 0) {
      r.asked_at = clock_.now();
      r.is_whole = true;
    }
    r.is_out = true;
    json::Object page{{"limit", kSnapshotPageItems}};
    if (!r.cursor.empty()) page["cursor"] = r.cursor;
    out.push_back({kind, json::write(page), rhythm(kind).deadline_ms});
  }
  return out;
}

// True when that was the last page.
template <class T>
bool Snapshots::gather(Round& r, SnapshotKind kind, std::vector<T>& items,
                       base::Result<SnapshotPage<T>> page) {
  if (!page) {
    items.clear();
    fail(r, kind, page.error());
    return false;
  }
  r.refusals = 0;
  std::move(page->items.begin(), page->items.end(), std::back_inserter(items));
  r.is_whole = r.is_whole && page->bad == 0;
  ++r.pages;
  if (page->next.empty()) return true;
  if (r.pages >= rhythm(kind).max_pages || r.bytes >= kRoundBytes || page->next == r.cursor) {
    r.is_whole = false;
    return true;
  }
  r.cursor = std::move(page->next);
  r.next_ms = 0;
  return false;
}

void Snapshots::finish(Round& r, SnapshotKind kind) {
  r.pages = 0;
  r.bytes = 0;
  r.cursor.clear();
  r.next_ms = clock_.steady_ms() + rhythm(kind).every_ms;
}

// Asks again from the first page, later the longer this goes on.
void Snapshots::fail(Round& r, SnapshotKind kind, const base::Error& why) {
  finish(r, kind);
  const int doublings = std::min(r.refusals++, 5);
  r.next_ms = clock_.steady_ms() + std::min(std::max(rhythm(kind).every_ms, kLongestPauseMs),
                                            rhythm(kind).every_ms << doublings);
  if (r.refusals == 1 && why.code != base::Code::unsupported) {
    log_.warn("engine snapshot failed",
              {{"instance", instance_}, {"what", to_string(kind)}, {"why", why.text()}});
  }
}

Snapshots::News Snapshots::take(SnapshotKind kind, const base::Result<std::string>& answer) {
  News news;
  if (kind == SnapshotKind::states) return news;
  Round& r = round(kind);
  r.is_out = false;
  if (!answer) {
    if (kind == SnapshotKind::queues) queues_.clear();
    if (kind == SnapshotKind::workers) workers_.clear();
    if (kind == SnapshotKind::registry) tasks_.clear();
    fail(r, kind, answer.error());
    return news;
  }
  news.answered = true;
  r.bytes += answer->size();
  const base::TimeUs now = clock_.now();
  base::Result<bool> stored = false;
  switch (kind) {
    case SnapshotKind::queues:
      if (!gather(r, kind, queues_, read_queues(*answer, now))) return news;
      stored = rows_.queues(std::exchange(queues_, {}), r.is_whole);
      news.queues = stored && *stored;
      break;
    case SnapshotKind::workers:
      if (!gather(r, kind, workers_, read_workers(*answer, now, redact_))) return news;
      stored = rows_.workers(std::exchange(workers_, {}), r.is_whole, r.asked_at);
      news.workers = stored && *stored;
      break;
    default: {
      if (!gather(r, kind, tasks_, read_registry(*answer))) return news;
      auto sorted = std::make_shared<Registry>(std::exchange(tasks_, {}));
      std::sort(sorted->begin(), sorted->end(),
                [](const auto& a, const auto& b) { return a.name < b.name; });
      const std::lock_guard lock(registry_mutex_);
      registry_ = std::move(sorted);
    }
  }
  finish(r, kind);
  if (!stored)
    log_.warn("engine snapshot not stored",
              {{"instance", instance_}, {"what", to_string(kind)}, {"why", stored.error().text()}});
  return news;
}

std::shared_ptr<const Snapshots::Registry> Snapshots::registry() const {
  const std::lock_guard lock(registry_mutex_);
  return registry_;
}

}  // namespace z4j::core
