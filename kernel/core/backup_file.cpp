#include "core/backup_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/json.hpp"

namespace z4j::core {
namespace {

namespace js = base::json;

constexpr std::string_view kBackupMagic = "Z4JBKUP1";
constexpr int kBackupFormat = 1;
constexpr std::size_t kMaxFrameBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxAboutBytes = std::size_t{1} << 20;  // of M and E
constexpr std::size_t kBytesPerRead = std::size_t{1} << 20;
// Deflate packs no better than this, so a longer answer is a lie.
constexpr std::size_t kBestRatio = 1032, kRatioSlack = 64;
constexpr int kPackLevel = 1;
constexpr base::TimeUs kLatestTime = 253'402'300'799'000'000;  // the year 9999

constexpr std::array<std::string_view, 9> kTypeNames = {"",     "BOOL", "INT",   "REAL", "TIME",
                                                        "UUID", "TEXT", "BYTES", "JSON"};

enum class FrameKind : char { about = 'M', rows = 'R', end = 'E' };

constexpr std::size_t kFrameHeaderBytes = 15, kFrameCrcBytes = 4;

struct FrameHeader {
  char kind = 0;
  std::uint16_t table = 0;
  std::uint32_t rows = 0, length = 0, packed = 0;
};

template <class Number>
void put_le(std::string& out, Number value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
}

template <class Number>
Number take_le(std::string_view& in) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    value |= std::uint64_t{static_cast<unsigned char>(in[i])} << (8 * i);
  in.remove_prefix(sizeof(Number));
  return static_cast<Number>(value);
}

std::uint32_t crc_of(std::string_view header, std::string_view packed) {
  uLong crc = crc32(0, nullptr, 0);
  crc = crc32_z(crc, reinterpret_cast<const Bytef*>(header.data()), header.size());
  crc = crc32_z(crc, reinterpret_cast<const Bytef*>(packed.data()), packed.size());
  return static_cast<std::uint32_t>(crc);
}

std::string_view text_of_str(z4j_str s) { return {s.ptr, s.len}; }

std::string about_json(const BackupWriter::About& about) {
  js::Array tables;
  for (const Table t : about.tables) {
    const z4j_table& table = model::table(t);
    js::Array columns;
    for (std::uint32_t c = 0; c < table.column_count; ++c) {
      columns.push_back(
          js::Array{text_of_str(table.columns[c].name), kTypeNames.at(table.columns[c].type)});
    }
    tables.push_back(js::Object{{"name", table_name(t)}, {"columns", std::move(columns)}});
  }
  return js::write(js::Object{{"format", kBackupFormat},
                              {"schema", model::kSchemaVersion},
                              {"program", about.program},
                              {"made_at", about.made_at},
                              {"tables", std::move(tables)}});
}

std::string end_json(const std::vector<ExpectedTable>& tables) {
  js::Array list;
  for (const ExpectedTable& t : tables) {
    list.push_back(js::Object{
        {"name", table_name(t.table)}, {"rows", t.sum.rows}, {"sha256", base::hex(t.sum.digest)}});
  }
  return js::write(js::Object{{"tables", std::move(list)}});
}

std::string folder_of_path(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

// --- Writing ------------------------------------------------------------------------------------

struct BackupWriter::Inside {
  std::string path, part;
  int fd = -1;
  bool is_finished = false;
  std::uint64_t bytes = 0;
  std::string packed;

  ~Inside() {
    if (fd < 0) return;
    if (!is_finished) ::unlink(part.c_str());
    ::close(fd);
  }

  [[nodiscard]] base::Error failed(const std::string& what) const {
    const int why = errno;
    return base::Error{.code = why == EEXIST ? base::Code::conflict : base::Code::io,
                       .message = "can't " + what + ": " + std::strerror(why),
                       .where = path,
                       .hint = why == EEXIST
                                   ? "backups never replace a file: name a new one"
                                   : "check the folder, its permissions and its free space"};
  }

  base::Status write(std::string_view data) {
    bytes += data.size();
    while (!data.empty()) {
      const ssize_t n = ::write(fd, data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failed("write the backup");
      data.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  base::Status frame(FrameKind kind, std::uint16_t table, std::uint32_t rows,
                     std::string_view content) {
    if (content.size() > kMaxFrameBytes) {
      return base::Error{.code = base::Code::too_large,
                         .message = "a row is larger than a backup can hold (64 MiB)",
                         .where = path,
                         .hint = {}};
    }
    uLongf length = compressBound(static_cast<uLong>(content.size()));
    packed.resize(length);
    const int rc = compress2(reinterpret_cast<Bytef*>(packed.data()), &length,
                             reinterpret_cast<const Bytef*>(content.data()),
                             static_cast<uLong>(content.size()), kPackLevel);
    Z4J_CHECK(rc == Z_OK);  // or there is no memory
    packed.resize(length);
    std::string header;
    header += static_cast<char>(kind);
    put_le(header, table);
    put_le(header, rows);
    put_le(header, static_cast<std::uint32_t>(content.size()));
    put_le(header, static_cast<std::uint32_t>(packed.size()));
    put_le(packed, crc_of(header, packed));
    if (auto wrote = write(header); !wrote) return wrote;
    return write(packed);
  }
};

BackupWriter::BackupWriter(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
BackupWriter::~BackupWriter() = default;
BackupWriter::BackupWriter(BackupWriter&&) noexcept = default;
BackupWriter& BackupWriter::operator=(BackupWriter&&) noexcept = default;
std::uint64_t BackupWriter::bytes() const noexcept { return inside_->bytes; }

base::Result<BackupWriter> BackupWriter::create(const std::string& path, const About& about) {
  auto inside = std::make_unique<Inside>();
  inside->path = path;
  inside->part = path + ".part";
  if (::access(path.c_str(), F_OK) == 0) {
    errno = EEXIST;
    return inside->failed("make the backup");
  }
  const int fd = ::open(inside->part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return inside->failed("make the backup");
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return base::Error{.code = base::Code::busy,
                       .message = "another backup is writing this file",
                       .where = path,
                       .hint = "wait for it, or name another file"};
  }
  inside->fd = fd;  // what a run that was killed left there is written over
  if (::ftruncate(fd, 0) != 0 || ::fchmod(fd, 0600) != 0) return inside->failed("make the backup");
  BackupWriter writer(std::move(inside));
  if (auto wrote = writer.inside_->write(kBackupMagic); !wrote) return wrote.error();
  if (auto wrote = writer.inside_->frame(FrameKind::about, 0, 0, about_json(about)); !wrote)
    return wrote.error();
  return writer;
}

base::Status BackupWriter::add(const RowPage& page) {
  const auto tables = kept_tables();
  const auto place = std::find(tables.begin(), tables.end(), page.table) - tables.begin();
  return inside_->frame(FrameKind::rows, static_cast<std::uint16_t>(place), page.rows, page.bytes);
}

base::Status BackupWriter::finish(const std::vector<ExpectedTable>& tables) {
  Inside& in = *inside_;
  if (auto wrote = in.frame(FrameKind::end, 0, 0, end_json(tables)); !wrote) return wrote;
  if (::fsync(in.fd) != 0) return in.failed("write the backup");
  if (::link(in.part.c_str(), in.path.c_str()) != 0) return in.failed("name the backup");
  ::unlink(in.part.c_str());
  in.is_finished = true;
  const int folder = ::open(folder_of_path(in.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_durable = folder >= 0 && ::fsync(folder) == 0;
  if (folder >= 0) ::close(folder);
  return is_durable ? base::Status() : in.failed("make the backup durable");
}

// --- Reading ------------------------------------------------------------------------------------

struct BackupReader::Inside {
  std::unique_ptr<std::istream> in;
  std::string name;
  std::uint32_t schema = 0;
  std::string program;
  base::TimeUs made_at = 0;
  std::vector<ExpectedTable> tables;
  std::size_t at_table = 0;  // rows come in the order of the tables
  bool is_over = false;
  std::string about, end;  // as they stand in the file

  [[nodiscard]] base::Error damaged(const std::string& what) const {
    return base::Error{.code = base::Code::corrupt,
                       .message = "the backup is damaged: " + what,
                       .where = name,
                       .hint = "use another backup; nothing of this one is trusted"};
  }

  // So many bytes, or the error that the file ends.
  base::Status read(std::string& out, std::size_t count) {
    out.clear();
    while (out.size() < count) {
      const std::size_t before = out.size(), piece = std::min(kBytesPerRead, count - before);
      out.resize(before + piece);
      in->read(out.data() + before, static_cast<std::streamsize>(piece));
      if (static_cast<std::size_t>(in->gcount()) != piece)
        return damaged("it ends too early (was its copy cut short?)");
    }
    return {};
  }

  base::Status frame(FrameHeader& header, std::string& content) {
    std::string head, packed, crc;
    if (auto got = read(head, kFrameHeaderBytes); !got) return got;
    std::string_view rest = head;
    header.kind = rest[0];
    rest.remove_prefix(1);
    header.table = take_le<std::uint16_t>(rest);
    header.rows = take_le<std::uint32_t>(rest);
    header.length = take_le<std::uint32_t>(rest);
    header.packed = take_le<std::uint32_t>(rest);
    const std::size_t most =
        header.kind == static_cast<char>(FrameKind::rows) ? kMaxFrameBytes : kMaxAboutBytes;
    if (header.length > most || header.packed > compressBound(header.length) ||
        header.length > header.packed * kBestRatio + kRatioSlack)
      return damaged("a part of it has no possible size");
    if (auto got = read(packed, header.packed); !got) return got;
    if (auto got = read(crc, kFrameCrcBytes); !got) return got;
    std::string_view given = crc;
    if (take_le<std::uint32_t>(given) != crc_of(head, packed))
      return damaged("the checksum of a part is wrong");
    content.resize(header.length);
    uLongf length = header.length;
    const int rc = uncompress(reinterpret_cast<Bytef*>(content.data()), &length,
                              reinterpret_cast<const Bytef*>(packed.data()),
                              static_cast<uLong>(packed.size()));
    if (rc != Z_OK || length != header.length) return damaged("a part of it can't be unpacked");
    return {};
  }

  base::Status read_about() {
    std::string magic;
    if (auto got = read(magic, kBackupMagic.size()); !got || magic != kBackupMagic) {
      return base::Error{.code = base::Code::invalid,
                         .message = "is no backup of this program",
                         .where = name,
                         .hint = "name a file that z4j-brain backup made"};
    }
    FrameHeader header;
    if (auto got = frame(header, about); !got) return got;
    auto parsed = js::parse(about, {.max_bytes = kMaxAboutBytes, .max_depth = 8});
    if (header.kind != static_cast<char>(FrameKind::about) || !parsed || !parsed->is_object())
      return damaged("it does not say what it holds");
    const js::Object& said = parsed->get_object();
    schema = static_cast<std::uint32_t>(js::integer(said, "schema"));
    if (js::integer(said, "format") != kBackupFormat || schema > model::kSchemaVersion) {
      return base::Error{.code = base::Code::unsupported,
                         .message = "the backup was made by a newer program (schema " +
                                    std::to_string(schema) + ", this one knows " +
                                    std::to_string(model::kSchemaVersion) + ")",
                         .where = name,
                         .hint = "restore it with that program or a newer one"};
    }
    program = std::string(js::text(said, "program")).substr(0, 64);
    made_at = std::clamp(js::integer(said, "made_at"), std::int64_t{0}, kLatestTime);
    const js::Array* list = js::array(said, "tables");
    if (list == nullptr) return damaged("it does not say what it holds");
    for (const js::Value& item : *list) {
      if (!item.is_object() || !add_table(item.get_object()))
        return damaged("it holds a table that this program does not know so");
    }
    return {};
  }

  bool add_table(const js::Object& said) {
    const std::string_view wanted = js::text(said, "name");
    const js::Array* columns = js::array(said, "columns");
    if (columns == nullptr || columns->empty()) return false;
    for (const Table t : kept_tables()) {
      if (table_name(t) != wanted) continue;
      const z4j_table& table = model::table(t);
      if (columns->size() > table.column_count || (!tables.empty() && tables.back().table >= t))
        return false;
      for (std::size_t c = 0; c < columns->size(); ++c) {
        const js::Value& column = (*columns)[c];
        if (!column.is_array() || column.get_array().size() != 2) return false;
        const js::Value &title = column.get_array()[0], &type = column.get_array()[1];
        if (!title.is_string() || title.get_string() != text_of_str(table.columns[c].name) ||
            !type.is_string() || type.get_string() != kTypeNames.at(table.columns[c].type))
          return false;
      }
      tables.push_back({t, static_cast<std::uint32_t>(columns->size()), {}});
      return true;
    }
    return false;
  }

  base::Status read_end() {
    auto parsed = js::parse(end, {.max_bytes = kMaxAboutBytes, .max_depth = 8});
    const js::Array* list =
        parsed && parsed->is_object() ? js::array(parsed->get_object(), "tables") : nullptr;
    if (list == nullptr || list->size() != tables.size())
      return damaged("its end does not say what it held");
    for (std::size_t i = 0; i < tables.size(); ++i) {
      const js::Object* said = (*list)[i].if_object();
      if (said == nullptr || js::text(*said, "name") != table_name(tables[i].table))
        return damaged("its end does not say what it held");
      const auto digest = base::unhex(js::text(*said, "sha256"));
      const std::int64_t rows = js::integer(*said, "rows", -1);
      if (!digest || digest->size() != tables[i].sum.digest.size() || rows < 0)
        return damaged("its end does not say what it held");
      tables[i].sum.rows = static_cast<std::uint64_t>(rows);
      std::memcpy(tables[i].sum.digest.data(), digest->data(), digest->size());
    }
    if (in->peek() != std::istream::traits_type::eof()) return damaged("bytes follow its end");
    is_over = true;
    return {};
  }
};

BackupReader::BackupReader(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
BackupReader::~BackupReader() = default;
BackupReader::BackupReader(BackupReader&&) noexcept = default;
BackupReader& BackupReader::operator=(BackupReader&&) noexcept = default;

base::Result<BackupReader> BackupReader::open(std::unique_ptr<std::istream> in, std::string name) {
  auto inside = std::make_unique<Inside>();
  inside->in = std::move(in);
  inside->name = std::move(name);
  if (auto read = inside->read_about(); !read) return read.error();
  return BackupReader(std::move(inside));
}

base::Result<BackupReader> BackupReader::open(const std::string& path) {
  std::error_code ec;
  auto in = std::make_unique<std::ifstream>();
  if (std::filesystem::is_regular_file(path, ec)) in->open(path, std::ios::binary);
  if (!in->is_open()) {
    return base::Error{.code = base::Code::not_found,
                       .message = "can't be read: there is no such file, or it is not ours to read",
                       .where = path,
                       .hint = "name a file that z4j-brain backup made"};
  }
  return open(std::move(in), path);
}

base::Result<std::optional<RowPage>> BackupReader::next() {
  Inside& in = *inside_;
  if (in.is_over) return std::optional<RowPage>();
  FrameHeader header;
  RowPage page;
  if (auto got = in.frame(header, page.bytes); !got) return got.error();
  if (header.kind == static_cast<char>(FrameKind::end)) {
    in.end = std::move(page.bytes);
    if (auto ended = in.read_end(); !ended) return ended.error();
    return std::optional<RowPage>();
  }
  if (header.kind != static_cast<char>(FrameKind::rows) || header.table >= in.tables.size() ||
      header.table < in.at_table)
    return in.damaged("its parts stand in no possible order");
  in.at_table = header.table;
  page.table = in.tables[header.table].table;
  page.columns = in.tables[header.table].columns;
  page.rows = header.rows;
  return std::optional<RowPage>(std::move(page));
}

std::uint32_t BackupReader::schema_version() const noexcept { return inside_->schema; }
const std::string& BackupReader::program() const noexcept { return inside_->program; }
base::TimeUs BackupReader::made_at() const noexcept { return inside_->made_at; }
const std::vector<ExpectedTable>& BackupReader::tables() const noexcept { return inside_->tables; }
std::string BackupReader::identity() const {
  return base::hex(base::sha256(inside_->about + inside_->end));
}

}  // namespace z4j::core
