#include "core/ingest.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "core/event_decode.hpp"
#include "core/ingest_budget.hpp"
#include "core/ingest_lane.hpp"
#include "core/ingest_ledger.hpp"
#include "core/spill.hpp"

namespace z4j::core {
namespace {

constexpr std::uint32_t kRetryAfterMs = 100;
constexpr std::chrono::milliseconds kRoomEvery{50};

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
  IngestBudget budget;
  IngestLedger ledger;
  std::unique_ptr<Spill> spill;  // or null
  std::vector<std::unique_ptr<IngestLane>> lanes;

  mutable std::shared_mutex
      gate;               // push() shares it, so that nothing is accepted once stop() holds it
  bool accepting = true;  // guarded by gate

  std::thread reader;  // gives back what is on disk
  std::mutex reader_mutex;
  std::condition_variable reader_ends;
  bool is_reader_done = false;  // guarded by reader_mutex

  [[nodiscard]] bool is_saved(const EventSource& source, const z4j_event_batch& batch) {
    return spill->add(*Parcel::copy(batch, source, options.clock->now())).ok();
  }
  void distribute(std::shared_ptr<Parcel> parcel, IngestBudget::Reservation reservation,
                  WaitingParcel::OnDisk on_disk, Receipt receipt);
  [[nodiscard]] std::optional<IngestBudget::Reservation> room_for(const Parcel& parcel);
  void read_back();
};

void Ingest::Inside::distribute(std::shared_ptr<Parcel> parcel,
                                IngestBudget::Reservation reservation,
                                WaitingParcel::OnDisk on_disk, Receipt receipt) {
  std::vector<std::vector<std::uint32_t>> rows(lanes.size());
  std::uint64_t nameless = 0;
  for (std::uint32_t i = 0; i < parcel->events.size(); ++i) {
    const RawEvent& e = parcel->events[i];
    if (e.engine.empty()) {
      ++nameless;
      continue;
    }
    const std::string_view what = e.task_id.empty() ? e.worker : e.task_id;
    rows[lanes.size() == 1 ? 0 : std::hash<std::string_view>()(what) % lanes.size()].push_back(i);
  }
  ledger.dropped(parcel->source.agent_id, parcel->source.instance, nameless, "no engine name");
  auto waiting = std::make_shared<WaitingParcel>(std::move(parcel), std::move(reservation), ledger,
                                                 on_disk, std::move(receipt));
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (!rows[i].empty()) lanes[i]->push(waiting, std::move(rows[i]));
  }
}

// Waits until its source may have that much in the queue, as if it came from there now. Nothing
// when there is no room and it is time to stop.
std::optional<IngestBudget::Reservation> Ingest::Inside::room_for(const Parcel& parcel) {
  std::size_t bytes = sizeof(Parcel) + parcel.events.size() * sizeof(RawEvent);
  for (const RawEvent& e : parcel.events)
    bytes += e.attrs.size() + e.task_id.size() + e.parent_id.size() + e.root_id.size();
  bytes = std::min(bytes, budget.limit_bytes());
  std::unique_lock lock(reader_mutex);
  for (;;) {
    if (auto reservation = budget.reserve(parcel.source, bytes)) return reservation;
    if (is_reader_done) return std::nullopt;
    reader_ends.wait_for(lock, kRoomEvery);
  }
}

void Ingest::Inside::read_back() {
  while (auto taken = spill->next()) {
    auto reservation = room_for(*taken->parcel);
    if (!reservation) return;
    distribute(std::move(taken->parcel), std::move(*reservation),
               {spill.get(), taken->segment, taken->is_old}, {});
  }
}

Ingest::Ingest(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Ingest::~Ingest() { stop(0); }

base::Result<std::unique_ptr<Ingest>> Ingest::make(Store& store, Options options) {
  Z4J_CHECK(options.clock != nullptr && options.log != nullptr);
  auto redactor = Redactor::make(options.redaction);
  if (!redactor) return std::move(redactor).error();
  auto inside = std::make_unique<Inside>(std::move(options), std::move(redactor).value());
  if (const Options& o = inside->options; !o.spill_folder.empty() && o.spill_bytes > 0) {
    Spill::Options spill;
    spill.folder = o.spill_folder;
    spill.max_bytes = o.spill_bytes;
    spill.segment_bytes = std::min(spill.segment_bytes, o.spill_bytes / 8);
    spill.log = o.log;
    spill.redactor = &inside->redactor;
    auto opened = Spill::open(std::move(spill));
    if (!opened) return std::move(opened).error();
    inside->spill = std::move(opened).value();
  }
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
                           inside->ledger, inside->options.on_changed, inside->options.on_stored},
        lane));
  }
  return std::unique_ptr<Ingest>(new Ingest(std::move(inside)));
}

base::Status Ingest::push(const EventSource& source, const z4j_event_batch& batch,
                          Receipt receipt) {
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
  const bool may_save = inside_->spill != nullptr && source.is_stream && !receipt;
  const bool is_behind = may_save && inside_->spill->has_unread();
  if (is_behind && inside_->is_saved(source, batch)) return {};
  auto reservation = inside_->budget.reserve(source, bytes);
  if (!reservation) {
    if (may_save && !is_behind && inside_->is_saved(source, batch)) return {};
    return base::Error{.code = base::Code::busy,
                       .message = "the event queue is full",
                       .where = {},
                       .hint = "keep the batch and send it again",
                       .retry_after_ms = kRetryAfterMs};
  }
  inside_->distribute(Parcel::copy(batch, source, inside_->options.clock->now()),
                      std::move(*reservation), {inside_->spill.get(), 0, false},
                      std::move(receipt));
  return {};
}

void Ingest::dropped(const EventSource& source, std::uint64_t count, std::string_view why) {
  inside_->ledger.dropped(source.agent_id, source.instance, count, why);
}

void Ingest::start() {
  for (auto& lane : inside_->lanes) lane->start();
  if (inside_->spill) inside_->reader = std::thread([this] { inside_->read_back(); });
}

void Ingest::stop(int drain_ms) {
  {
    const std::unique_lock closed(inside_->gate);
    inside_->accepting = false;
  }
  if (inside_->reader.joinable()) {
    inside_->spill->close();
    {
      const std::lock_guard lock(inside_->reader_mutex);
      inside_->is_reader_done = true;
    }
    inside_->reader_ends.notify_all();
    inside_->reader.join();
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(drain_ms);
  for (auto& lane : inside_->lanes) lane->ask_to_stop(until);
  for (auto& lane : inside_->lanes) lane->join();
  if (inside_->spill) inside_->spill->sync();
}

Ingest::Stats Ingest::stats() const {
  Stats stats;
  inside_->ledger.fill(stats);
  stats.waiting_bytes = inside_->budget.used_bytes();
  stats.limit_bytes = inside_->budget.limit_bytes();
  if (inside_->spill) stats.spill = inside_->spill->stats();
  return stats;
}

void Ingest::write_metrics(MetricText& out) const { inside_->ledger.tasks().write(out); }

const Redactor& Ingest::redactor() const noexcept { return inside_->redactor; }

}  // namespace z4j::core
