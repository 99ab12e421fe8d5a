#include "core/spill.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "core/segment_file.hpp"
#include "core/spill_record.hpp"

namespace z4j::core {
namespace {

constexpr std::string_view kSuffix = ".spill";
constexpr std::uint32_t kFullRetryMs = 1000;

base::Error disk_error(const std::string& what, const std::string& path, int number) {
  return base::Error{.code = base::Code::io,
                     .message = what + ": " + std::strerror(number),
                     .where = path,
                     .hint = "see that the disk has room and the folder can be written"};
}

bool sync_folder(const std::string& folder) {
  int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  close_fd(fd);
  return done;
}

}  // namespace

// What stands at a place of a segment.
struct Spill::Read {
  std::shared_ptr<Parcel> parcel;  // null: nothing that can be used
  std::uint64_t next_at = 0;       // where to go on
  bool is_from_disk = true;        // false: the disk gave nothing, a restart may do better
};

base::Result<std::unique_ptr<Spill>> Spill::open(Options options) {
  Z4J_CHECK(options.log != nullptr && options.redactor != nullptr);
  std::unique_ptr<Spill> spill(new Spill(std::move(options)));
  if (auto loaded = spill->load(); !loaded) return loaded.error();
  return spill;
}

Spill::~Spill() {
  close_fd(writing_);
  close_fd(reading_);
}

base::Status Spill::load() {
  const std::string& folder = options_.folder;
  const auto unusable = [&](int number) {
    return base::Error{.code = base::Code::bad_config,
                       .message = "can't use the folder for events that wait on disk: " +
                                  std::string(std::strerror(number)),
                       .where = folder,
                       .hint = "make it writable for this user, or set ingest.spill_bytes to 0"};
  };
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return unusable(errno);
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ec)) {
    const auto number = segment_number(entry.path().filename().string(), kSuffix);
    if (!number) continue;
    struct stat st {};
    if (::lstat(entry.path().c_str(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
    Segment segment;
    segment.number = *number;
    segment.bytes = static_cast<std::uint64_t>(st.st_size);
    segments_.push_back(segment);
    total_bytes_ += segment.bytes;
  }
  if (ec) return unusable(ec.value());
  segments_.sort([](const Segment& a, const Segment& b) { return a.number < b.number; });
  if (!segments_.empty()) {
    first_number_ = next_number_ = segments_.back().number + 1;
    options_.log->info("events of an earlier run wait on disk",
                       {{"bytes", total_bytes_}, {"files", segments_.size()}});
  }
  const std::lock_guard lock(mutex_);
  delete_settled();  // those that are empty
  return {};
}

std::string Spill::path_of(std::uint64_t number) const {
  return options_.folder + "/" + segment_name(number, kSuffix);
}

base::Status Spill::begin_segment() {
  const std::string path = path_of(next_number_);
  writing_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (writing_ < 0) return disk_error("can't make a file", path, errno);
  if (!sync_folder(options_.folder)) {
    const int why = errno;
    close_fd(writing_);
    ::unlink(path.c_str());
    return disk_error("can't sync the folder", options_.folder, why);
  }
  Segment segment;
  segment.number = next_number_++;
  segments_.push_back(segment);
  return {};
}

bool Spill::seal() {
  const bool done = !std::exchange(is_dirty_, false) || ::fdatasync(writing_) == 0;
  close_fd(writing_);
  return done;
}

void Spill::sync() {
  const std::lock_guard lock(mutex_);
  if (is_dirty_ && !seal())
    options_.log->error("events that wait on disk were not synced", {{"folder", options_.folder}});
}

base::Status Spill::refused(base::Error e) {
  ++stats_.refused;
  if (!std::exchange(is_refusing_, true))
    options_.log->warn("no more events are taken to disk", {{"why", e.text()}});
  return e;
}

base::Status Spill::add(const Parcel& parcel, Sync how) {
  const std::string record = write_spill_record(parcel, *options_.redactor);
  const std::lock_guard lock(mutex_);
  if (record.size() > kMaxSpillBody || total_bytes_ + record.size() > options_.max_bytes) {
    return refused(base::Error{.code = base::Code::busy,
                               .message = "the space for events on disk is full",
                               .where = {},
                               .hint = "bring the database back, or raise ingest.spill_bytes",
                               .retry_after_ms = kFullRetryMs});
  }
  if (writing_ >= 0 && segments_.back().bytes >= options_.segment_bytes && !seal())
    return refused(disk_error("can't sync events", path_of(segments_.back().number), errno));
  if (writing_ < 0) {
    if (auto begun = begin_segment(); !begun) return refused(begun.error());
  }
  Segment& segment = segments_.back();
  const bool is_written = write_all(writing_, record);
  if (!is_written || (how == Sync::now && ::fdatasync(writing_) != 0)) {
    const base::Error why = disk_error("can't write events", path_of(segment.number), errno);
    // What a failed sync left behind is unknown: nothing more is written there.
    if (::ftruncate(writing_, static_cast<off_t>(segment.bytes)) != 0 || is_written) (void)seal();
    delete_settled();
    return refused(why);
  }
  is_dirty_ = how == Sync::later;
  segment.bytes += record.size();
  total_bytes_ += record.size();
  stats_.written_events += parcel.events.size();
  if (std::exchange(is_refusing_, false)) options_.log->info("events are taken to disk again");
  changed_.notify_one();
  return {};
}

Spill::Segment* Spill::unread() {
  const auto found = std::find_if(segments_.begin(), segments_.end(),
                                  [](const Segment& s) { return s.read_at < s.bytes; });
  return found != segments_.end() ? &*found : nullptr;
}

bool Spill::has_unread() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(segments_.begin(), segments_.end(),
                     [](const Segment& s) { return s.read_at < s.bytes; });
}

Spill::Read Spill::read_record(std::uint64_t number, std::uint64_t at, std::uint64_t end) {
  if (reading_number_ != number) {
    close_fd(reading_);
    reading_ = ::open(path_of(number).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    reading_number_ = number;
  }
  std::string head_bytes(kSpillHeadBytes, '\0');
  if (reading_ < 0) {
    reading_number_ = 0;
    return {nullptr, end, false};
  }
  if (end - at < kSpillHeadBytes) return {nullptr, end};
  if (!read_all(reading_, head_bytes, at)) return {nullptr, end, false};
  const auto head = read_spill_head(head_bytes);
  if (!head || head->body_bytes > end - at - kSpillHeadBytes) return {nullptr, end};
  std::string body(head->body_bytes, '\0');
  if (!read_all(reading_, body, at + kSpillHeadBytes)) return {nullptr, end, false};
  return {read_spill_body(*head, body), at + kSpillHeadBytes + head->body_bytes};
}

std::optional<Spill::Taken> Spill::next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_closed_ || unread() != nullptr; });
    if (is_closed_) return std::nullopt;
    // Stays where it is while it has unread bytes.
    Segment& segment = *unread();
    const std::uint64_t at = segment.read_at, end = segment.bytes;
    lock.unlock();
    Read read = read_record(segment.number, at, end);
    lock.lock();
    segment.read_at = read.next_at;
    if (read.parcel) {
      ++segment.open;
      stats_.read_events += read.parcel->events.size();
      const bool is_old = segment.number < first_number_;
      if (is_old) read.parcel->source.fence = nullptr;
      return Taken{std::move(read.parcel), segment.number, is_old};
    }
    stats_.damaged_bytes += read.next_at - at;
    segment.is_kept = segment.is_kept || !read.is_from_disk;
    options_.log->warn("a part of a file with events could not be read and is left out",
                       {{"file", path_of(segment.number)}, {"bytes", read.next_at - at}});
    delete_settled();
  }
}

void Spill::settle(std::uint64_t number, End end) {
  const std::lock_guard lock(mutex_);
  const auto segment = std::find_if(segments_.begin(), segments_.end(),
                                    [&](const Segment& s) { return s.number == number; });
  if (segment == segments_.end()) return;
  --segment->open;
  if (end == End::kept) segment->is_kept = true;
  delete_settled();
}

void Spill::delete_settled() {
  for (auto s = segments_.begin(); s != segments_.end();) {
    if (s->read_at < s->bytes || s->open > 0 || s->is_kept) {
      ++s;
      continue;
    }
    if (std::next(s) == segments_.end()) (void)seal();
    ::unlink(path_of(s->number).c_str());
    total_bytes_ -= s->bytes;
    s = segments_.erase(s);
  }
}

void Spill::close() {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  changed_.notify_all();
}

Spill::Stats Spill::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  stats.bytes = total_bytes_;
  stats.limit_bytes = options_.max_bytes;
  return stats;
}

}  // namespace z4j::core
