#include "agent/buffer.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/segment_file.hpp"
#include "core/spill_record.hpp"

namespace z4j::agent {
namespace {

constexpr std::string_view kSuffix = ".frames";
constexpr std::size_t kLeastSegment = std::size_t{64} << 10, kMostSegment = std::size_t{4} << 20;
constexpr std::uint64_t kSegments = 16;  // the room is given up in parts of that many
constexpr std::size_t kMaxIdBytes = 64, kMaxBodyBytes = std::size_t{8} << 20;
// Of a body: events, when it was taken, length of the id.
constexpr std::size_t kBodyHead = 4 + 8 + 1;

template <class T>
void put_number(std::string& out, T number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof bytes);
}

template <class T>
T take_number(std::string_view& from) {
  T number{};
  std::memcpy(&number, from.data(), sizeof number);
  from.remove_prefix(sizeof number);
  return number;
}

}  // namespace

struct Buffer::Record {
  BufferedFrame frame;
  base::TimeUs taken_at = 0;
  std::uint64_t next_at = 0;
};

Buffer::Buffer(Options options)
    : options_(std::move(options)),
      segment_bytes_(std::clamp(options_.max_bytes / kSegments, kLeastSegment, kMostSegment)),
      segment_events_(std::max<std::uint64_t>(1, options_.max_events / kSegments)) {}

base::Result<std::unique_ptr<Buffer>> Buffer::open(Options options) {
  Z4J_CHECK(options.log != nullptr && options.clock != nullptr);
  std::unique_ptr<Buffer> buffer(new Buffer(std::move(options)));
  if (auto loaded = buffer->load(); !loaded) return loaded.error();
  return buffer;
}

Buffer::~Buffer() {
  sync();
  core::close_fd(writing_);
  core::close_fd(reading_);
  core::close_fd(lock_);
}

base::Status Buffer::load() {
  const std::string& folder = options_.folder;
  const auto unusable = [&](int number) {
    return base::Error{
        .code = base::Code::bad_config,
        .message = std::string("can't use the folder where events wait: ") + std::strerror(number),
        .where = folder,
        .hint = "make it writable for this user, or set Z4J_STATE_DIRECTORY"};
  };
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec || ::chmod(folder.c_str(), 0700) != 0) return unusable(ec ? ec.value() : errno);
  lock_ = ::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) return unusable(errno);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return base::Error{.code = base::Code::busy,
                       .message = "another agent uses this folder",
                       .where = folder,
                       .hint = "stop it, or give this one another folder by Z4J_STATE_DIRECTORY"};
  }
  const std::lock_guard lock(mutex_);
  for (const auto& entry : std::filesystem::directory_iterator(folder, ec)) {
    Segment segment;
    segment.number = core::segment_number(entry.path().filename().string(), kSuffix).value_or(0);
    struct stat facts {};
    if (segment.number == 0 || ::lstat(entry.path().c_str(), &facts) != 0 ||
        !S_ISREG(facts.st_mode))
      continue;
    segment.bytes = static_cast<std::uint64_t>(facts.st_size);
    segments_.push_back(segment);
  }
  if (ec) return unusable(ec.value());
  segments_.sort([](const Segment& a, const Segment& b) { return a.number < b.number; });
  for (auto s = segments_.begin(); s != segments_.end();) {
    next_number_ = s->number + 1;
    const auto here = s++;
    if (survey(*here)) {
      stats_.bytes += here->bytes;
      stats_.frames += here->frames;
      stats_.events += here->events;
    } else {
      ::unlink(path_of(here->number).c_str());
      segments_.erase(here);
    }
  }
  if (stats_.events != 0)
    options_.log->info("events of an earlier run wait for the brain", {{"events", stats_.events}});
  evict();
  return {};
}

// What a segment of an earlier run holds, up to the first bytes that are no record. False: nothing.
bool Buffer::survey(Segment& segment) {
  std::uint64_t at = 0;
  while (at < segment.bytes) {
    const auto record = read_record(segment.number, at, segment.bytes);
    if (!record) break;
    if (segment.frames++ == 0) segment.first_at = record->taken_at;
    segment.events += record->frame.events;
    at = record->next_at;
  }
  if (at < segment.bytes)
    options_.log->warn("the end of a file with events was not whole and is left out",
                       {{"file", path_of(segment.number)}, {"bytes", segment.bytes - at}});
  segment.bytes = at;
  return segment.frames != 0;
}

std::string Buffer::path_of(std::uint64_t number) const {
  return options_.folder + "/" + core::segment_name(number, kSuffix);
}

bool Buffer::begin_segment() {
  writing_ = ::open(path_of(next_number_).c_str(),
                    O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (writing_ < 0) return false;
  Segment segment;
  segment.number = next_number_++;
  segment.first_at = options_.clock->now();
  segments_.push_back(segment);
  return true;
}

bool Buffer::failed(const std::string& path, std::uint32_t events) {
  const int why = errno;
  stats_.failed_events += events;
  if (!std::exchange(is_failing_, true))
    options_.log->error("events can't be kept and are lost",
                        {{"file", path}, {"why", std::strerror(why)}});
  return false;
}

bool Buffer::add(const BufferedFrame& frame) {
  Z4J_CHECK(frame.id.size() <= kMaxIdBytes);
  std::string body;
  body.reserve(kBodyHead + frame.id.size() + frame.payload.size());
  put_number(body, frame.events);
  put_number(body, options_.clock->now());
  body += static_cast<char>(frame.id.size());
  body += frame.id;
  body += frame.payload;
  const std::string record = core::seal_spill_body(body);

  const std::lock_guard lock(mutex_);
  if (writing_ >= 0 &&
      (segments_.back().bytes >= segment_bytes_ || segments_.back().events >= segment_events_)) {
    ::fdatasync(writing_);
    core::close_fd(writing_);
  }
  if (writing_ < 0 && !begin_segment()) return failed(path_of(next_number_), frame.events);
  Segment& segment = segments_.back();
  if (!core::write_all(writing_, record)) {
    failed(path_of(segment.number), frame.events);
    // What it left behind must not stand before the next record.
    if (::ftruncate(writing_, static_cast<off_t>(segment.bytes)) != 0) core::close_fd(writing_);
    return false;
  }
  if (std::exchange(is_failing_, false)) options_.log->info("events can be kept again");
  is_dirty_ = true;
  segment.bytes += record.size();
  ++segment.frames;
  segment.events += frame.events;
  stats_.bytes += record.size();
  ++stats_.frames;
  stats_.events += frame.events;
  evict();
  return true;
}

void Buffer::evict() {
  while (segments_.size() > 1 &&
         (stats_.bytes > options_.max_bytes || stats_.events > options_.max_events)) {
    const Segment& oldest = segments_.front();
    const std::uint64_t events = oldest.events - oldest.settled_events;
    if (stats_.evicted_events == 0)
      options_.log->warn("the buffer is full: the oldest events make way",
                         {{"events", stats_.events}, {"bytes", stats_.bytes}});
    stats_.evicted_events += events;
    stats_.evicted_frames += oldest.frames - oldest.settled_frames;
    remove(segments_.begin());
  }
}

void Buffer::remove(Segments::iterator segment) {
  if (std::next(segment) == segments_.end()) {
    core::close_fd(writing_);
    is_dirty_ = false;
  }
  ::unlink(path_of(segment->number).c_str());
  stats_.bytes -= segment->bytes;
  stats_.frames -= segment->frames - segment->settled_frames;
  stats_.events -= segment->events - segment->settled_events;
  segments_.erase(segment);
}

Buffer::Segments::iterator Buffer::find(std::uint64_t number) {
  return std::find_if(segments_.begin(), segments_.end(),
                      [&](const Segment& s) { return s.number == number; });
}

std::optional<Buffer::Record> Buffer::read_record(std::uint64_t number, std::uint64_t at,
                                                  std::uint64_t end) {
  if (reading_number_ != number) {
    core::close_fd(reading_);
    reading_ = ::open(path_of(number).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    reading_number_ = reading_ >= 0 ? number : 0;
  }
  std::string head(core::kSpillHeadBytes, '\0');
  if (reading_ < 0 || end - at < head.size() || !core::read_all(reading_, head, at)) return {};
  const auto facts = core::read_spill_head(head);
  if (!facts || facts->body_bytes > end - at - head.size() || facts->body_bytes < kBodyHead ||
      facts->body_bytes > kMaxBodyBytes)
    return {};
  std::string body(facts->body_bytes, '\0');
  if (!core::read_all(reading_, body, at + head.size()) ||
      core::seal_spill_body(body).compare(0, head.size(), head) != 0)
    return {};
  std::string_view left = body;
  Record record;
  record.frame.events = take_number<std::uint32_t>(left);
  record.taken_at = take_number<base::TimeUs>(left);
  const auto id_bytes = static_cast<unsigned char>(left.front());
  left.remove_prefix(1);
  if (id_bytes > left.size()) return {};
  record.frame.id = std::string(left.substr(0, id_bytes));
  record.frame.payload = std::string(left.substr(id_bytes));
  record.next_at = at + head.size() + body.size();
  return record;
}

std::optional<Buffer::Place> Buffer::next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto found = std::find_if(segments_.begin(), segments_.end(),
                                    [](const Segment& s) { return s.read_at < s.bytes; });
    if (found == segments_.end()) return std::nullopt;
    Place place{found->number, found->read_at, 0};
    const std::uint64_t end = found->bytes;
    lock.unlock();
    const auto record = read_record(place.segment, place.at, end);
    lock.lock();
    const auto segment = find(place.segment);
    if (segment == segments_.end()) continue;  // made way meanwhile
    if (record) {
      segment->read_at = record->next_at;
      place.events = record->frame.events;
      return place;
    }
    options_.log->error("a part of a file with events could not be read and is left out",
                        {{"file", path_of(place.segment)}});
    stats_.failed_events += segment->events - segment->settled_events;
    remove(segment);
  }
}

std::optional<BufferedFrame> Buffer::read(const Place& place) {
  std::uint64_t end = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto segment = find(place.segment);
    if (segment == segments_.end()) return std::nullopt;
    end = segment->bytes;
  }
  auto record = read_record(place.segment, place.at, end);
  if (record) return std::move(record->frame);
  settle(place);
  return std::nullopt;
}

void Buffer::settle(const Place& place) {
  const std::lock_guard lock(mutex_);
  const auto segment = find(place.segment);
  if (segment == segments_.end()) return;
  ++segment->settled_frames;
  segment->settled_events += place.events;
  --stats_.frames;
  stats_.events -= place.events;
  if (segment->settled_frames == segment->frames) remove(segment);
}

void Buffer::sync() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(is_dirty_, false) && writing_ >= 0) ::fdatasync(writing_);
}

Buffer::Stats Buffer::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  stats.oldest_at = segments_.empty() ? 0 : segments_.front().first_at;
  return stats;
}

}  // namespace z4j::agent
