// A backup file: the rows of all tables at one moment, for any storage driver.
//
//   "Z4JBKUP1", then frames: kind (1 byte), table (2), rows (4), length (4) and packed length (4)
//   of what follows packed by zlib, and a CRC-32 of header and packed bytes (4); little-endian. M
//   first: {"format":1,"schema":..,"program":..,"made_at":..,"tables":[{"name":..,
//      "columns":[[name, type],..]},..]}; frames name tables by their place in this list
//   R  a page (copy_page.hpp), tables in their order, rows in the order of their keys
//   E  last: {"tables":[{"name":..,"rows":..,"sha256":..},..]}, checksums as TableSummer makes them
//
// A file without E was cut short. Holds password hashes and payloads, no key of the installation.
#pragma once

#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "core/copy_load.hpp"

namespace z4j::core {

// Makes the file beside its final name and gives it that name at the end, so that a file of that
// name is whole. For its owner alone (0600); never replaces a file. One thread.
class BackupWriter {
 public:
  struct About {
    std::string program;  // its version
    base::TimeUs made_at = 0;
    std::vector<Table> tables;
  };
  // Errors: conflict when a file of that name is there, busy when another backup makes it, io.
  [[nodiscard]] static base::Result<BackupWriter> create(const std::string& path,
                                                         const About& about);
  ~BackupWriter();  // an unfinished file is removed
  BackupWriter(BackupWriter&&) noexcept;
  BackupWriter& operator=(BackupWriter&&) noexcept;

  [[nodiscard]] base::Status add(const RowPage& page);
  [[nodiscard]] base::Status finish(const std::vector<ExpectedTable>& tables);
  [[nodiscard]] std::uint64_t bytes() const noexcept;

 private:
  struct Inside;
  explicit BackupWriter(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

// Reads any bytes: memory is bounded by the largest page (64 MiB), whatever the file says. What is
// not well formed is `corrupt`; a file of a newer program `unsupported`. One thread.
class BackupReader {
 public:
  // `name` stands in errors.
  [[nodiscard]] static base::Result<BackupReader> open(std::unique_ptr<std::istream> in,
                                                       std::string name);
  [[nodiscard]] static base::Result<BackupReader> open(const std::string& path);
  ~BackupReader();
  BackupReader(BackupReader&&) noexcept;
  BackupReader& operator=(BackupReader&&) noexcept;

  [[nodiscard]] std::uint32_t schema_version() const noexcept;
  [[nodiscard]] const std::string& program() const noexcept;
  [[nodiscard]] base::TimeUs made_at() const noexcept;
  // Nothing at the end.
  [[nodiscard]] base::Result<std::optional<RowPage>> next();
  // After the end: what the file says it holds.
  [[nodiscard]] const std::vector<ExpectedTable>& tables() const noexcept;
  // After the end: equal for files with equal content.
  [[nodiscard]] std::string identity() const;

 private:
  struct Inside;
  explicit BackupReader(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace z4j::core
