// Saves a store to a backup file, and fills a store from one.
#pragma once

#include <string>

#include "core/backup_file.hpp"
#include "core/copy_load.hpp"

namespace z4j::core {

struct BackupReport {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // of the file
  std::uint32_t schema = 0;
  std::string program;  // that made it
  base::TimeUs made_at = 0;
  std::string identity;
  bool resumed = false;  // of a restore that had been cut short
  std::vector<ExpectedTable> tables;
};

// At one moment, while brains go on writing. Needs memory for a page of rows only.
[[nodiscard]] base::Result<BackupReport> backup_store(plugin::StorageClient& from,
                                                      const std::string& path,
                                                      const std::string& program, base::TimeUs now,
                                                      const OnCopyProgress& progress);

// Reads all of a file and compares it with the counts and checksums at its end. Touches no store.
[[nodiscard]] base::Result<BackupReport> check_backup(const std::string& path,
                                                      const OnCopyProgress& progress);

// Checks the file first, so a damaged one changes nothing; then fills the store and reads it back.
// Nobody may write to `to` meanwhile. Killed and called again it goes on.
[[nodiscard]] base::Result<BackupReport> restore_store(const std::string& path, Store& to,
                                                       plugin::StorageClient& to_client,
                                                       StoreLoader::Present present,
                                                       const OnCopyProgress& progress);

}  // namespace z4j::core
