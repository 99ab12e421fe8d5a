// The sequenced projection of schedules that an agent (1.8 and later) watches elsewhere: rows in
// their normal form, digests, frames, and putting a snapshot together from its frames.
//
// Everything here works on raw data: redaction changes the text and so the digest. Pure functions;
// a SnapshotAssembly belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::wire {

inline constexpr std::string_view kExternalScheduleFeature = "external_schedule_protocol_v1";
inline constexpr std::size_t kSnapshotFrameBytes = std::size_t{768} << 10;

// Which stream a projection belongs to: given by the brain with an activation.
struct ScheduleStream {
  std::string owner;  // the scheduler's name
  std::string stream_id, epoch_uuid;
  std::int64_t epoch_number = 1;
  std::string adapter_instance_id;
};

// Canonical JSON of {kind, owner, version}.
[[nodiscard]] std::string source_scope(std::string_view owner);
// Lower-case hex SHA-256 of the canonical JSON.
[[nodiscard]] std::string schedule_digest(const base::json::Value& value);

// Errors: invalid, `where` is the member.
[[nodiscard]] base::Result<base::json::Object> normal_row(const base::json::Object& row,
                                                          std::string_view owner);
// Rows in normal form, sorted by source_key; a key twice is an error.
[[nodiscard]] base::Result<base::json::Array> normal_rows(const base::json::Array& rows,
                                                          std::string_view owner);

// The body whose digest stands for a snapshot. Requires normal_rows().
[[nodiscard]] base::json::Object snapshot_body(const ScheduleStream& stream, std::int64_t sequence,
                                               const base::json::Array& rows);
// `data` of the events that carry a snapshot, in order; the last is the terminal frame. `max_bytes`
// bounds the rows of one frame.
[[nodiscard]] std::vector<base::json::Object> snapshot_events(
    const ScheduleStream& stream, std::int64_t sequence, std::string_view snapshot_id,
    const base::json::Array& rows, std::string_view reason,
    std::size_t max_bytes = kSnapshotFrameBytes);

// Parameters of schedule.external.activate.
[[nodiscard]] base::json::Object activation(const ScheduleStream& stream,
                                            std::string_view registry_owner_id,
                                            std::int64_t session_generation);

// Puts the frames of a stream's snapshots together.
class SnapshotAssembly {
 public:
  struct Limits {
    std::size_t snapshots = 4;  // begun and not complete; the oldest is given up
    std::size_t frames = 1024, rows = 100'000;
    std::size_t bytes = std::size_t{64} << 20;
  };

  SnapshotAssembly(ScheduleStream stream, std::int64_t accepted_sequence)
      : SnapshotAssembly(std::move(stream), accepted_sequence, Limits()) {}
  SnapshotAssembly(ScheduleStream stream, std::int64_t accepted_sequence, Limits limits)
      : stream_(std::move(stream)), accepted_(accepted_sequence), limits_(limits) {}

  struct Snapshot {
    std::int64_t sequence = 0;
    base::json::Array rows;  // normal form, sorted
  };
  // `data` of a schedule.snapshot event. A snapshot when it is complete and newer than the last;
  // none while frames are missing, and for one that was accepted before. Errors: invalid; what was
  // collected of that snapshot is dropped.
  [[nodiscard]] base::Result<std::optional<Snapshot>> add(const base::json::Object& data);

  [[nodiscard]] std::int64_t accepted_sequence() const noexcept { return accepted_; }

 private:
  struct Parts {
    std::uint64_t begun = 0;  // order of arrival
    std::int64_t sequence = 0, frame_count = 0, row_count = 0;
    std::string digest;
    std::map<std::int64_t, base::json::Array> rows;  // by frame index
    std::size_t bytes = 0, row_total = 0;
    bool has_terminal = false;
  };

  ScheduleStream stream_;
  std::int64_t accepted_;
  Limits limits_;
  std::map<std::string, Parts> parts_;  // by snapshot id
  std::uint64_t begun_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace z4j::wire
