#include "src/shelf.hpp"

#include "lib/database/database.hpp"

#include <z4j/plugin.hpp>

#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <vector>

namespace z4j::celery_beat {
namespace {

constexpr std::size_t kMaxFile = 32u << 20;

[[noreturn]] void corrupt(const char* what) {
  throw Error(Z4J_CORRUPT,
              std::string("the schedule file is damaged, or just being rewritten: ") + what);
}
[[noreturn]] void no_key(std::string_view key) {
  throw Error(Z4J_NOT_FOUND, "the schedule file has no key '" + std::string(key) + "'");
}

// Little-endian numbers within bounds.
class Bytes {
 public:
  explicit Bytes(std::string_view all) : all_(all) {}
  [[nodiscard]] std::string_view at(std::size_t from, std::size_t n) const {
    if (from > all_.size() || n > all_.size() - from) corrupt("it ends early");
    return all_.substr(from, n);
  }
  template <class T>
  [[nodiscard]] T number(std::size_t from) const {
    T out{};
    std::memcpy(&out, at(from, sizeof out).data(), sizeof out);
    return out;
  }
  [[nodiscard]] std::size_t size() const { return all_.size(); }

 private:
  std::string_view all_;
};

// Berkeley DB 5, dbinc/db_page.h.
class Berkeley {
 public:
  explicit Berkeley(std::string_view file)
      : file_(file), page_size_(file_.number<std::uint32_t>(20)) {
    if (page_size_ < 512 || page_size_ > 65'536 || (page_size_ & (page_size_ - 1)) != 0)
      corrupt("a page size that can't be");
    if (file_.number<std::uint8_t>(24) != 0 || (file_.number<std::uint8_t>(26) & 1) != 0)
      throw Error(Z4J_UNSUPPORTED, "the schedule file is encrypted or has checksums");
  }

  [[nodiscard]] std::optional<std::string> find(std::string_view key) const {
    for (std::size_t page = 1; (page + 1) * page_size_ <= file_.size(); ++page) {
      const std::size_t start = page * page_size_;
      const auto type = file_.number<std::uint8_t>(start + 25);
      if (type != kHash && type != kUnsortedHash) continue;
      const std::size_t entries = file_.number<std::uint16_t>(start + 20);
      if (kHeader + 2 * entries > page_size_) corrupt("a page with too many entries");
      for (std::size_t i = 0; i + 1 < entries; i += 2) {
        if (item(start, i) == key) return item(start, i + 1);
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint8_t kUnsortedHash = 2, kOverflow = 7, kHash = 13;
  static constexpr std::size_t kHeader = 26;

  [[nodiscard]] std::string item(std::size_t start, std::size_t i) const {
    const auto offset = [&](std::size_t n) -> std::size_t {
      return file_.number<std::uint16_t>(start + kHeader + 2 * n);
    };
    const std::size_t from = offset(i), end = i == 0 ? page_size_ : offset(i - 1);
    if (from >= end || end > page_size_) corrupt("an item outside its page");
    const auto type = file_.number<std::uint8_t>(start + from);
    if (type == 1) return std::string(file_.at(start + from + 1, end - from - 1));
    if (type == 3 && end - from >= 12)
      return chain(file_.number<std::uint32_t>(start + from + 4),
                   file_.number<std::uint32_t>(start + from + 8));
    corrupt("an item of an unknown type");
  }

  // A long value, over pages of its own.
  [[nodiscard]] std::string chain(std::size_t page, std::size_t length) const {
    if (length > file_.size()) corrupt("a value longer than the file");
    std::string out;
    std::size_t steps = 0;
    while (page != 0 && out.size() < length) {
      const std::size_t start = page * page_size_;
      if (file_.number<std::uint8_t>(start + 25) != kOverflow ||
          ++steps > file_.size() / page_size_)
        corrupt("a broken chain of pages");
      const std::size_t here = file_.number<std::uint16_t>(start + 22);
      if (here > page_size_ - kHeader) corrupt("a page fuller than it is");
      out += file_.at(start + kHeader, here);
      page = file_.number<std::uint32_t>(start + 16);
    }
    if (out.size() != length) corrupt("a value that is cut");
    return out;
  }

  Bytes file_;
  std::size_t page_size_;
};

// gdbm 1.23, gdbmdefs.h, as 64-bit machines write it.
std::optional<std::string> find_in_gdbm(std::string_view bytes, std::string_view key) {
  const Bytes file(bytes);
  const auto directory = file.number<std::uint64_t>(8);
  const auto size = file.number<std::uint32_t>(16), elements = file.number<std::uint32_t>(28);
  constexpr std::size_t kTable = 112, kElement = 24;
  if (size > file.size() || elements > file.size() / kElement)
    corrupt("a directory larger than the file");
  std::set<std::uint64_t> seen;
  for (std::size_t i = 0; i < size / 8; ++i) {
    const auto bucket = file.number<std::uint64_t>(directory + 8 * i);
    if (!seen.insert(bucket).second) continue;
    for (std::size_t e = 0; e < elements; ++e) {
      const std::size_t at = bucket + kTable + kElement * e;
      if (file.number<std::int32_t>(at) == -1) continue;
      const auto where = file.number<std::uint64_t>(at + 8);
      const auto key_size = file.number<std::uint32_t>(at + 16),
                 data_size = file.number<std::uint32_t>(at + 20);
      if (file.at(where, key_size) == key) return std::string(file.at(where + key_size, data_size));
    }
  }
  return std::nullopt;
}

std::optional<std::string> contents_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::string out;
  char chunk[65'536];
  while (in.read(chunk, sizeof chunk), in.gcount() > 0) {
    out.append(chunk, static_cast<std::size_t>(in.gcount()));
    if (out.size() > kMaxFile) throw Error(Z4J_TOO_LARGE, path + " is larger than 32 MiB");
  }
  return out;
}

// dbm.dumb: "'key', (offset, size)" a line.
std::string dumb_value(const std::string& directory, const std::string& data,
                       std::string_view key) {
  const std::string begin = "'" + std::string(key) + "', (";
  std::size_t at = directory.find(begin);
  while (at != std::string::npos && at != 0 && directory[at - 1] != '\n')
    at = directory.find(begin, at + 1);
  if (at == std::string::npos) no_key(key);
  char* end = nullptr;
  const unsigned long from = std::strtoul(directory.c_str() + at + begin.size(), &end, 10);
  if (*end != ',') corrupt("a line without a size");
  const unsigned long size = std::strtoul(end + 1, nullptr, 10);
  return std::string(Bytes(data).at(from, size));
}

std::string sqlite_value(const std::string& path, std::string_view key) {
  database::Session session({database::read_address("sqlite:///" + path), {}, 2000});
  const auto rows = session.read("SELECT hex(value) FROM Dict WHERE CAST(key AS TEXT)=:p1",
                                 {std::string(key)}, 1);
  if (rows.empty() || !rows[0][0]) no_key(key);
  const std::string& hex = *rows[0][0];
  if (hex.size() > 2 * kMaxFile) throw Error(Z4J_TOO_LARGE, path + " holds more than 32 MiB");
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'A' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

}  // namespace

std::string berkeley_value(std::string_view file, std::string_view key) {
  auto found = Berkeley(file).find(key);
  if (!found) no_key(key);
  return std::move(*found);
}

std::string gdbm_value(std::string_view file, std::string_view key) {
  auto found = find_in_gdbm(file, key);
  if (!found) no_key(key);
  return std::move(*found);
}

std::string shelf_value(const std::string& path, std::string_view key) {
  for (const std::string& name : {path + ".db", path}) {
    const auto file = contents_of(name);
    if (!file || file->empty()) continue;
    if (file->compare(0, 15, "SQLite format 3") == 0) return sqlite_value(name, key);
    const Bytes bytes(*file);
    const auto magic = bytes.number<std::uint32_t>(0);
    if (magic == 0x13579acf || magic == 0x13579ad1) return gdbm_value(*file, key);
    constexpr std::uint32_t kHashMagic = 0x061561;
    if (bytes.size() >= 72 && bytes.number<std::uint32_t>(12) == kHashMagic)
      return berkeley_value(*file, key);
    throw Error(Z4J_CORRUPT, name + " is no schedule file of a kind that is known");
  }
  const auto directory = contents_of(path + ".dir"), data = contents_of(path + ".dat");
  if (directory && data) return dumb_value(*directory, *data, key);
  throw Error(
      Z4J_UNAVAILABLE,
      "there is no schedule file " + path + " (nor with .db or .dat behind it): has beat run here?",
      "/path", 5000);
}

}  // namespace z4j::celery_beat
