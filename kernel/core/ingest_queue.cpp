#include "core/ingest_queue.hpp"

#include <algorithm>

namespace z4j::core {

void IngestQueue::push(std::shared_ptr<WaitingParcel> parcel, std::vector<std::uint32_t> rows) {
  if (rows_ == 0) since_ = std::chrono::steady_clock::now();
  rows_ += rows.size();
  bytes_ += parcel->reservation.bytes() * rows.size() / parcel->parcel->events.size();
  const EventSource& source = parcel->parcel->source;
  projects_.of(source.project_id)
      .of(source.agent_id)
      .push_back(Piece{std::move(parcel), std::move(rows), 0});
}

std::vector<IngestQueue::Taken> IngestQueue::take(Limit most) {
  std::vector<Taken> taken;
  Limit all, turn;
  while (!projects_.empty() && all.rows < most.rows && all.bytes < most.bytes) {
    auto& sources = projects_.next();
    auto& pieces = sources.next();
    Piece& piece = pieces.front();
    const auto& events = piece.parcel->parcel->events;
    const std::size_t bytes_per_row = piece.parcel->reservation.bytes() / events.size() + 1;
    if (taken.empty() || taken.back().parcel != piece.parcel)
      taken.push_back(Taken{piece.parcel, {}});
    const auto goes_on = [&] {
      return piece.next < piece.rows.size() && turn.rows < kTurn.rows && turn.bytes < kTurn.bytes &&
             all.rows < most.rows && all.bytes < most.bytes;
    };
    while (goes_on()) {
      const std::uint32_t row = piece.rows[piece.next++];
      taken.back().rows.push_back(row);
      const std::size_t bytes = std::max(bytes_per_row, events[row].attrs.size());
      for (Limit* of : {&all, &turn}) {
        ++of->rows;
        of->bytes += bytes;
      }
    }
    if (piece.next == piece.rows.size()) pieces.pop_front();
    if (turn.rows < kTurn.rows && turn.bytes < kTurn.bytes && !pieces.empty()) continue;
    turn = {};
    sources.end_turn();
    projects_.end_turn();
  }
  rows_ -= all.rows;
  bytes_ = rows_ == 0 ? 0 : bytes_ - std::min(bytes_, all.bytes);
  since_ = {};
  return taken;
}

}  // namespace z4j::core
