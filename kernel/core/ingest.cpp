#include "core/ingest.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <shared_mutex>

#include "base/byte_budget.hpp"
#include "core/event_decode.hpp"
#include "core/ingest_lane.hpp"
#include "core/ingest_ledger.hpp"

namespace z4j::core {
namespace {

constexpr std::uint32_t kRetryAfterMs = 100;

base::Error stopped() {
  return base::Error{.code = base::Code::unavailable,
                     .message = "event ingest is stopped",
                     .where = {},
                     .hint = "send the events again when the brain is back",
                     .retry_after_ms = 1000};
}

}  // namespace

struct Ingest::Inside {
  Inside(Options o, Redactor r)
      : options(std::move(o)), redactor(std::move(r)), budget(options.queue_bytes) {}

  const Options options;
  const Redactor redactor;
  base::ByteBudget budget;
  IngestLedger ledger;
  std::vector<std::unique_ptr<IngestLane>> lanes;

  mutable std::shared_mutex
      gate;               // push() shares it, so that nothing is accepted once stop() holds it
  bool accepting = true;  // guarded by gate
};

Ingest::Ingest(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Ingest::~Ingest() { stop(0); }

base::Result<std::unique_ptr<Ingest>> Ingest::make(Store& store, Options options) {
  Z4J_CHECK(options.clock != nullptr && options.log != nullptr);
  auto redactor = Redactor::make(options.redaction);
  if (!redactor) return std::move(redactor).error();
  auto inside = std::make_unique<Inside>(std::move(options), std::move(redactor).value());
  IngestLane::Options lane;
  const z4j_store_info& info = store.info();
  lane.max_rows = inside->options.max_rows != 0 ? inside->options.max_rows
                                                : std::clamp(info.best_rows, 1u, 10'000u);
  if (info.max_rows != 0) lane.max_rows = std::min<std::size_t>(lane.max_rows, info.max_rows);
  // Columns repeat some of what is in the payload, so a commit is about twice what was given.
  if (info.max_bytes != 0)
    lane.max_bytes = std::min<std::size_t>(lane.max_bytes, info.max_bytes / 4);
  lane.linger = std::chrono::milliseconds(inside->options.linger_ms);
  for (unsigned i = 0; i < store.lanes(); ++i) {
    lane.number = i;
    inside->lanes.push_back(std::make_unique<IngestLane>(
        IngestLane::Shared{store, *inside->options.clock, *inside->options.log, inside->redactor,
                           inside->ledger, inside->options.on_changed},
        lane));
  }
  return std::unique_ptr<Ingest>(new Ingest(std::move(inside)));
}

base::Status Ingest::push(const EventSource& source, const z4j_event_batch& batch) {
  const std::shared_lock open(inside_->gate);
  if (!inside_->accepting) return stopped();
  const std::size_t bytes = Parcel::bytes_of(batch);
  if (bytes > inside_->budget.limit_bytes()) {
    return base::Error{.code = base::Code::too_large,
                       .message = "a batch of " + std::to_string(bytes) +
                                  " bytes, expected at most " +
                                  std::to_string(inside_->budget.limit_bytes()),
                       .where = {},
                       .hint = "send fewer events at once"};
  }
  auto reservation = inside_->budget.reserve(bytes);
  if (!reservation) {
    return base::Error{.code = base::Code::busy,
                       .message = "the event queue is full",
                       .where = {},
                       .hint = "keep the batch and send it again",
                       .retry_after_ms = kRetryAfterMs};
  }
  auto parcel = Parcel::copy(batch, source, inside_->options.clock->now());
  auto& lanes = inside_->lanes;
  std::vector<std::vector<std::uint32_t>> rows(lanes.size());
  std::uint64_t nameless = 0;
  for (std::uint32_t i = 0; i < batch.rows; ++i) {
    const RawEvent& e = parcel->events[i];
    if (e.engine.empty()) {
      ++nameless;
      continue;
    }
    const std::string_view what = e.task_id.empty() ? e.worker : e.task_id;
    rows[lanes.size() == 1 ? 0 : std::hash<std::string_view>()(what) % lanes.size()].push_back(i);
  }
  inside_->ledger.dropped(source.agent_id, source.instance, nameless, "no engine name");
  auto waiting =
      std::make_shared<WaitingParcel>(std::move(parcel), std::move(*reservation), inside_->ledger);
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (!rows[i].empty()) lanes[i]->push(waiting, std::move(rows[i]));
  }
  return {};
}

void Ingest::dropped(const EventSource& source, std::uint64_t count, std::string_view why) {
  inside_->ledger.dropped(source.agent_id, source.instance, count, why);
}

void Ingest::start() {
  for (auto& lane : inside_->lanes) lane->start();
}

void Ingest::stop(int drain_ms) {
  {
    const std::unique_lock closed(inside_->gate);
    inside_->accepting = false;
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(drain_ms);
  for (auto& lane : inside_->lanes) lane->ask_to_stop(until);
  for (auto& lane : inside_->lanes) lane->join();
}

Ingest::Stats Ingest::stats() const {
  Stats stats;
  inside_->ledger.fill(stats);
  stats.waiting_bytes = inside_->budget.used_bytes();
  stats.limit_bytes = inside_->budget.limit_bytes();
  return stats;
}

const Redactor& Ingest::redactor() const noexcept { return inside_->redactor; }

}  // namespace z4j::core
