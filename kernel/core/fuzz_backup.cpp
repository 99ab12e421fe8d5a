// Any bytes as a backup file, as what such a file says of itself, and as its rows: refused or read,
// never a crash; what was read can be summed and turned into rows.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>

#include "core/backup_file.hpp"
#include "core/testing/backup_bytes.hpp"

using namespace z4j;

namespace {

void read_all(const std::string& bytes) {
  auto reader = core::BackupReader::open(std::make_unique<std::istringstream>(bytes), "fuzz");
  if (!reader) return;
  core::TableSummer summer;
  for (;;) {
    const auto page = reader->next();
    if (!page || !page->has_value()) return;
    (void)summer.add(**page);
    (void)core::insertable(**page);
    (void)core::RowKey::last_of(**page);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string text(reinterpret_cast<const char*>(data + 3), size - 3);
  const std::string begin(core::testing::kBackupBegin);
  switch (data[0] % 4) {
    case 0:
      read_all(text);
      break;
    case 1:
      read_all(begin + core::testing::backup_frame('M', 0, 0, text));
      break;
    case 2:
      read_all(
          begin +
          core::testing::backup_frame(
              'M', 0, 0,
              R"({"format":1,"schema":1,"tables":[{"name":"meta","columns":[["key","TEXT"]]}]})") +
          core::testing::backup_frame('E', 0, 0, text));
      break;
    default: {
      const core::Table table = core::kept_tables()[data[1] % core::kept_tables().size()];
      const core::RowPage page{
          .table = table, .columns = data[2] % 64u, .rows = data[1] % 16u, .bytes = text};
      core::TableSummer summer;
      (void)summer.add(page);
      (void)core::insertable(page);
      (void)core::RowKey::last_of(page);
    }
  }
  return 0;
}
