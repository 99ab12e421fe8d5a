#include "lib/calendar/zone.hpp"

#include <z4j/plugin.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "lib/calendar/posix_rule.hpp"

namespace z4j::calendar {
namespace {

constexpr std::size_t kLargestFile = 256 * 1024;
constexpr std::size_t kMostZones = 2000;  // in memory; the system's files know about 600
constexpr int kFirstRuleYear = 1900, kLastRuleYear = 2149;
constexpr std::int32_t kLargestOffset = 26 * 3600;

[[noreturn]] void corrupt(const char* why) {
  throw Error(Z4J_CORRUPT, std::string("not a time zone file: ") + why);
}

// Big-endian numbers of a TZif file, in their order.
class TzifBytes {
 public:
  explicit TzifBytes(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::size_t n) {
    if (n > rest_.size()) corrupt("it ends too early");
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  std::int64_t number(std::size_t width) {
    std::uint64_t value = 0;
    for (const char c : take(width)) value = (value << 8) | static_cast<unsigned char>(c);
    if (width == 4) return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
    return static_cast<std::int64_t>(value);
  }
  std::size_t count() {
    const std::int64_t n = number(4);
    if (n < 0 || n > 100'000) corrupt("a count is out of range");
    return static_cast<std::size_t>(n);
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

struct TzifHeader {
  char version = 0;
  std::size_t utc_flags = 0, standard_flags = 0, leaps = 0, times = 0, types = 0, letters = 0;

  explicit TzifHeader(TzifBytes& in) {
    if (in.take(4) != "TZif") corrupt("the magic word is missing");
    version = in.take(1).front();
    in.take(15);
    utc_flags = in.count();
    standard_flags = in.count();
    leaps = in.count();
    times = in.count();
    types = in.count();
    letters = in.count();
  }
  [[nodiscard]] std::size_t body(std::size_t width) const {
    return times * (width + 1) + types * 6 + letters + leaps * (width + 4) + standard_flags +
           utc_flags;
  }
};

std::string read_zone_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return {};
  std::string bytes;
  struct stat about {};
  if (::fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 &&
      static_cast<std::size_t>(about.st_size) <= kLargestFile) {
    bytes.resize(static_cast<std::size_t>(about.st_size));
    const ssize_t got = ::pread(file, bytes.data(), bytes.size(), 0);
    bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  }
  ::close(file);
  return bytes;
}

// A name cannot lead out of the folder.
bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '/' || name.front() == '.' ||
      name.find("..") != name.npos)
    return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '/';
  });
}

}  // namespace

Zone Zone::from_tzif(std::string_view bytes) {
  TzifBytes in(bytes);
  TzifHeader header(in);
  std::size_t width = 4;
  if (header.version != 0) {  // the same again with wider times
    in.take(header.body(4));
    header = TzifHeader(in);
    width = 8;
  }
  if (header.types == 0 || header.types > 256) corrupt("it has no offsets");
  if (header.leaps > 0) corrupt("it counts leap seconds");

  std::vector<Seconds> at(header.times);
  for (Seconds& time : at) time = in.number(width);
  const std::string_view kinds = in.take(header.times);
  std::vector<std::int32_t> offsets(header.types);
  for (std::int32_t& offset : offsets) {
    offset = static_cast<std::int32_t>(in.number(4));
    if (offset > kLargestOffset || offset < -kLargestOffset) corrupt("an offset is out of range");
    in.take(2);
  }
  in.take(header.letters + header.standard_flags + header.utc_flags);

  Zone zone;
  zone.first_ = offsets.front();
  const auto add = [&zone](Seconds time, std::int32_t offset) {
    if (offset == (zone.offset_.empty() ? zone.first_ : zone.offset_.back())) return;
    zone.at_.push_back(time);
    zone.offset_.push_back(offset);
  };
  for (std::size_t i = 0; i < at.size(); ++i) {
    const std::size_t kind = static_cast<unsigned char>(kinds[i]);
    if (kind >= offsets.size()) corrupt("a change leads to an offset that is missing");
    if (i > 0 && at[i] <= at[i - 1]) corrupt("its changes are not in order");
    add(at[i], offsets[kind]);
  }

  if (width == 4) return zone;  // of the first version: nothing follows
  std::string_view footer = in.rest();
  if (footer.size() < 2 || footer.front() != '\n' || footer.back() != '\n')
    corrupt("its last line is cut");
  footer = footer.substr(1, footer.size() - 2);
  if (footer.empty()) return zone;
  const std::optional<PosixRule> rule = read_posix_rule(footer);
  if (!rule) corrupt("its last line is no rule");

  const Seconds known = at.empty() ? std::numeric_limits<Seconds>::min() : at.back();
  std::vector<std::pair<Seconds, std::int32_t>> yearly;
  if (rule->has_summer) {
    for (int year = kFirstRuleYear; year <= kLastRuleYear; ++year) {
      yearly.emplace_back(rule->begin.in(year)-rule->standard, rule->summer);
      yearly.emplace_back(rule->end.in(year)-rule->summer, rule->standard);
    }
    // Summer time all year is written as an end that falls on the next begin.
    std::stable_sort(yearly.begin(), yearly.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < yearly.size(); ++i) {
      if (i + 1 < yearly.size() && yearly[i + 1].first == yearly[i].first) {
        yearly[i].second = yearly[i + 1].second = rule->summer;
      }
    }
  } else if (at.empty()) {
    zone.first_ = rule->standard;
  }
  for (const auto& [time, offset] : yearly) {
    if (time > known) add(time, offset);
  }
  return zone;
}

Segment Zone::segment(Seconds utc) const {
  const auto next = std::upper_bound(at_.begin(), at_.end(), utc);
  const auto i = static_cast<std::size_t>(next - at_.begin());
  Segment out;
  out.offset = i == 0 ? first_ : offset_[i - 1];
  if (i > 0) out.from = at_[i - 1];
  if (next != at_.end()) out.until = *next;
  return out;
}

Seconds Zone::instant_of(Seconds wall) const {
  // No offset is larger than kLargestOffset, so the segments around it are enough.
  Seconds look = wall - kLargestOffset;
  for (;;) {
    const Segment s = segment(look);
    if (s.until == std::numeric_limits<Seconds>::max() || wall < s.until + s.offset) {
      return s.from == std::numeric_limits<Seconds>::min() ? wall - s.offset
                                                           : std::max(s.from, wall - s.offset);
    }
    look = s.until;
  }
}

std::shared_ptr<const Zone> zone_named(std::string_view name) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const Zone>, std::less<>> zones;
  if (!is_zone_name(name)) throw Error(Z4J_INVALID, "that is no name of a time zone", "/timezone");
  {
    const std::lock_guard lock(mutex);
    const auto found = zones.find(name);
    if (found != zones.end()) return found->second;
  }
  std::shared_ptr<const Zone> zone;
  if (name == "UTC" || name == "Etc/UTC") {
    zone = std::make_shared<const Zone>();
  } else {
    const std::string bytes = read_zone_file("/usr/share/zoneinfo/" + std::string(name));
    if (bytes.substr(0, 4) != "TZif") {
      throw Error(
          Z4J_INVALID,
          "no time zone '" + std::string(name) + "' in /usr/share/zoneinfo (package tzdata)",
          "/timezone");
    }
    try {
      zone = std::make_shared<const Zone>(Zone::from_tzif(bytes));
    } catch (const Error& e) {
      throw Error(e.code, e.what(), "/timezone");
    }
  }
  const std::lock_guard lock(mutex);
  if (zones.size() >= kMostZones) zones.clear();
  return zones.emplace(std::string(name), std::move(zone)).first->second;
}

}  // namespace z4j::calendar
