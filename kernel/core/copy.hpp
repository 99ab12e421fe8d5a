// Copies one store into another, whatever drivers keep them.
#pragma once

#include <string>

#include "core/copy_load.hpp"

namespace z4j::core {

struct CopyReport {
  std::uint64_t rows = 0;
  bool resumed = false;
  std::vector<ExpectedTable> tables;
};

// Reads `from` at one moment, so brains may go on writing to it: what they write from then on is no
// part of the copy. Nobody may write to `to` meanwhile. Verified by counts and checksums. Killed
// and called again with the same `source` it goes on; see StoreLoader.
[[nodiscard]] base::Result<CopyReport> copy_store(plugin::StorageClient& from,
                                                  const std::string& source, Store& to,
                                                  plugin::StorageClient& to_client,
                                                  StoreLoader::Present present,
                                                  const OnCopyProgress& progress);

}  // namespace z4j::core
