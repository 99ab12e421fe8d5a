// Events on disk, for sources that can't wait while the queue in memory is full.
//
// Append-only files (segments) in a folder of the brain's own, read back in the order they were
// written. What add() took is synced to disk, and its segment is deleted only when everything in it
// was settled, so a killed brain reads it again; repeating is harmless, since an event stored twice
// changes nothing. A segment may end in the middle of a record: that was never acknowledged.
//
// What lies there is redacted. It keeps the lease under which it was heard for as long as the brain
// runs; what an earlier run left behind comes back without: nobody has that lease any more, and the
// events are still true.
//
// One brain per folder, which the lock of its home folder sees to. add(), settle() and stats(): any
// thread; next(): one thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "core/event_decode.hpp"

namespace z4j::core {

class Spill {
 public:
  struct Options {
    std::string folder;  // made when missing
    std::size_t max_bytes = 0;
    std::size_t segment_bytes = std::size_t{8} << 20;
    base::Log* log = nullptr;            // required, outlives this
    const Redactor* redactor = nullptr;  // required, outlives this
  };
  struct Stats {
    std::uint64_t bytes = 0, limit_bytes = 0;
    std::uint64_t written_events = 0, read_events = 0;
    std::uint64_t refused = 0;        // batches that found no room, or a disk that takes nothing
    std::uint64_t damaged_bytes = 0;  // that could not be read back
  };

  // Errors: bad_config, the folder can't be used.
  [[nodiscard]] static base::Result<std::unique_ptr<Spill>> open(Options options);
  ~Spill();
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;

  // Ok: on disk; with Sync::later, once sync() has answered. Errors: busy, no room; io.
  enum class Sync : std::uint8_t { now, later };
  [[nodiscard]] base::Status add(const Parcel& parcel, Sync how = Sync::now);
  void sync();
  // Something waits that next() has not given out.
  [[nodiscard]] bool has_unread() const;

  struct Taken {
    std::shared_ptr<Parcel> parcel;
    std::uint64_t segment = 0;
    bool is_old = false;  // an earlier run left it
  };
  // The oldest parcel not given out; waits for one. Nothing once it is closed.
  [[nodiscard]] std::optional<Taken> next();
  enum class End : std::uint8_t { stored, kept };  // kept: for the next start
  void settle(std::uint64_t segment, End end);
  // Wakes next(); add() still works.
  void close();

  [[nodiscard]] Stats stats() const;

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;    // that hold whole records, synced
    std::uint64_t read_at = 0;  // < bytes: not all given out
    std::uint64_t open = 0;     // given out, not settled
    bool is_kept = false;       // something in it must be read again after a restart
  };

  explicit Spill(Options options) : options_(std::move(options)) {}
  base::Status load();
  [[nodiscard]] std::string path_of(std::uint64_t number) const;
  base::Status begin_segment();         // holds mutex_
  [[nodiscard]] bool seal();            // false: not synced; holds mutex_
  void delete_settled();                // holds mutex_
  Segment* unread();                    // holds mutex_
  base::Status refused(base::Error e);  // holds mutex_
  struct Read;
  Read read_record(std::uint64_t number, std::uint64_t at, std::uint64_t end);

  const Options options_;
  std::uint64_t first_number_ = 1;  // of this run; set before it is shared

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Segment> segments_;  // guarded by mutex_, as is all below; the last may be written to
  std::uint64_t next_number_ = 1, total_bytes_ = 0;
  int writing_ = -1;       // the last segment, when it takes more
  bool is_dirty_ = false;  // it has bytes that are not synced
  bool is_closed_ = false, is_refusing_ = false;
  Stats stats_;

  int reading_ = -1;  // of next() alone
  std::uint64_t reading_number_ = 0;
};

}  // namespace z4j::core
