// Frames with events, on disk until the brain has stored them.
//
// Append-only files (segments) of one agent. What add() took survives the end of the process at any
// moment; a power cut may take what was written since the last sync(). A frame goes only when it
// was settled, and its segment with the last of them; after a restart everything in a segment that
// is left is given out again, with the ids it had: repeating is harmless, the brain stores an event
// once. When the room is used up the oldest segment makes way, and what it held is counted.
//
// add() and stats(): any thread; the rest: one thread. Nothing waits for the brain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace z4j::agent {

struct BufferedFrame {
  std::string id;       // stays the same however often it is sent
  std::string payload;  // JSON of an event_batch
  std::uint32_t events = 0;
};

class Buffer {
 public:
  struct Options {
    std::string folder;  // made when missing
    std::size_t max_bytes = 0;
    std::uint64_t max_events = 0;
    base::Log* log = nullptr;            // required, outlives this
    const base::Clock* clock = nullptr;  // required, outlives this
  };
  struct Stats {
    std::uint64_t frames = 0, events = 0, bytes = 0;  // that wait
    std::uint64_t evicted_frames = 0, evicted_events = 0;
    std::uint64_t failed_events = 0;  // the disk took them not
    base::TimeUs oldest_at = 0;       // when the oldest was taken; 0: nothing waits
  };

  // Errors: bad_config, the folder can't be used; busy, another agent uses it.
  [[nodiscard]] static base::Result<std::unique_ptr<Buffer>> open(Options options);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // False: the disk took it not; it is lost, and counted.
  bool add(const BufferedFrame& frame);

  // Where a frame lies; good until it is settled.
  struct Place {
    std::uint64_t segment = 0, at = 0;
    std::uint32_t events = 0;
  };
  // The oldest one not given out. Nothing: all are.
  [[nodiscard]] std::optional<Place> next();
  // Nothing when it had to make way, or can't be read: then it is settled.
  [[nodiscard]] std::optional<BufferedFrame> read(const Place& place);
  void settle(const Place& place);
  void sync();

  [[nodiscard]] Stats stats() const;

 private:
  struct Segment {
    std::uint64_t number = 0, bytes = 0;
    std::uint64_t frames = 0, events = 0;  // all that were written
    std::uint64_t settled_events = 0, settled_frames = 0;
    std::uint64_t read_at = 0;  // < bytes: not all given out
    base::TimeUs first_at = 0;
  };
  struct Record;
  using Segments = std::list<Segment>;

  explicit Buffer(Options options);
  base::Status load();
  bool survey(Segment& segment);
  [[nodiscard]] std::string path_of(std::uint64_t number) const;
  [[nodiscard]] bool begin_segment();                           // holds mutex_
  void evict();                                                 // holds mutex_
  void remove(Segments::iterator segment);                      // holds mutex_
  [[nodiscard]] Segments::iterator find(std::uint64_t number);  // holds mutex_
  bool failed(const std::string& path, std::uint32_t events);   // holds mutex_
  [[nodiscard]] std::optional<Record> read_record(std::uint64_t number, std::uint64_t at,
                                                  std::uint64_t end);

  const Options options_;
  const std::size_t segment_bytes_;
  const std::uint64_t segment_events_;
  int lock_ = -1;
  int reading_ = -1;  // of the one reader
  std::uint64_t reading_number_ = 0;

  mutable std::mutex mutex_;
  Segments segments_;  // guarded by mutex_, as is all below; the last is written to
  std::uint64_t next_number_ = 1;
  int writing_ = -1;
  bool is_dirty_ = false, is_failing_ = false;
  Stats stats_;
};

}  // namespace z4j::agent
