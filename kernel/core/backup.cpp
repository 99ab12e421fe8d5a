#include "core/backup.hpp"

#include <map>

namespace z4j::core {
namespace {

// Calls `take` with every page; the reader is at its end when that went well.
base::Status each_page_of(BackupReader& reader,
                          const std::function<base::Status(const RowPage&)>& take) {
  for (;;) {
    auto page = reader.next();
    if (!page) return std::move(page).error();
    if (!page->has_value()) return {};
    if (auto taken = take(**page); !taken) return taken;
  }
}

}  // namespace

base::Result<BackupReport> backup_store(plugin::StorageClient& from, const std::string& path,
                                        const std::string& program, base::TimeUs now,
                                        const OnCopyProgress& progress) {
  auto moment = StoreSnapshot::open(from);
  if (!moment) return std::move(moment).error();
  auto file = BackupWriter::create(path, {program, now, kept_tables()});
  if (!file) return std::move(file).error();
  auto saved =
      moment->each_table([&file](const RowPage& page) { return file->add(page); }, progress);
  if (!saved) return std::move(saved).error();
  BackupReport report;
  report.schema = model::kSchemaVersion;
  report.program = program;
  report.made_at = now;
  report.tables = std::move(saved).value();
  for (const ExpectedTable& table : report.tables) report.rows += table.sum.rows;
  if (auto finished = file->finish(report.tables); !finished) return finished.error();
  report.bytes = file->bytes();
  return report;
}

base::Result<BackupReport> check_backup(const std::string& path, const OnCopyProgress& progress) {
  auto reader = BackupReader::open(path);
  if (!reader) return std::move(reader).error();
  BackupReport report;
  std::map<Table, TableSummer> sums;
  const base::Status read = each_page_of(*reader, [&](const RowPage& page) {
    report.rows += page.rows;
    if (progress) progress({CopyProgress::Stage::checking, table_name(page.table), report.rows, 0});
    return sums[page.table].add(page);
  });
  if (!read) {
    base::Error error = read.error();
    if (error.where.empty()) error.where = path;
    return error;
  }
  for (const ExpectedTable& table : reader->tables()) {
    if (sums[table.table].sum() == table.sum) continue;
    return base::Error{.code = base::Code::corrupt,
                       .message = "the backup is damaged: table " +
                                  std::string(table_name(table.table)) +
                                  " does not hold what the file's end says",
                       .where = path,
                       .hint = "use another backup; nothing of this one is trusted"};
  }
  report.schema = reader->schema_version();
  report.program = reader->program();
  report.made_at = reader->made_at();
  report.tables = reader->tables();
  report.identity = reader->identity();
  return report;
}

base::Result<BackupReport> restore_store(const std::string& path, Store& to,
                                         plugin::StorageClient& to_client,
                                         StoreLoader::Present present,
                                         const OnCopyProgress& progress) {
  auto report = check_backup(path, progress);
  if (!report) return report;
  auto reader = BackupReader::open(path);
  if (!reader) return std::move(reader).error();
  StoreLoader loader(to, to_client, progress);
  if (auto begun = loader.begin("backup " + report->identity, present); !begun)
    return begun.error();
  report->resumed = loader.resumes();
  CopyProgress seen;
  seen.total = report->rows;
  const base::Status filled = each_page_of(*reader, [&](const RowPage& page) {
    seen.table = table_name(page.table);
    if (auto put = loader.put(page); !put) return put;
    seen.rows += page.rows;
    if (progress) progress(seen);
    return base::Status();
  });
  if (!filled) return filled.error();
  if (auto finished = loader.finish(report->tables); !finished) return finished.error();
  return report;
}

}  // namespace z4j::core
