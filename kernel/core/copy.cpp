#include "core/copy.hpp"

namespace z4j::core {
namespace {

constexpr std::string_view kProbeKey = "storage.probe";

base::Result<bool> holds_probe(plugin::StorageClient& client, std::string_view token) {
  auto now = StoreSnapshot::open(client);
  if (!now) return std::move(now).error();
  bool found = false;
  const base::Status read = now->each_page(Table::meta, std::nullopt, [&](const RowPage& page) {
    RowWalk walk(page);
    std::vector<RowCell> cells;
    for (;;) {
      const auto more = walk.next(cells);
      if (!more) return base::Status(more.error());
      if (!*more) return base::Status();
      found = found || (cells[model::meta::key].bytes == kProbeKey &&
                        cells[model::meta::value].bytes == token);
    }
  });
  if (!read) return read.error();
  return found;
}

// Whatever their addresses say: what is written into one must not be seen in the other.
base::Status refuse_itself(plugin::StorageClient& from, Store& to) {
  const std::string token = base::random_token();
  Rows rows(Table::meta);
  rows.begin().text(model::meta::key, kProbeKey).text(model::meta::value, token);
  Commit put, take;
  put.merge(std::move(rows));
  take.erase(Table::meta, Where().eq(model::meta::key, kProbeKey));
  if (auto done = to.commit(put); !done) return done;
  const auto seen = holds_probe(from, token);
  if (auto done = to.commit(take); !done) return done;
  if (!seen) return seen.error();
  if (!*seen) return {};
  return base::Error{.code = base::Code::invalid,
                     .message = "source and target are the same database",
                     .where = {},
                     .hint = "name another target"};
}

}  // namespace

base::Result<CopyReport> copy_store(plugin::StorageClient& from, const std::string& source,
                                    Store& to, plugin::StorageClient& to_client,
                                    StoreLoader::Present present, const OnCopyProgress& progress) {
  if (auto other = refuse_itself(from, to); !other) return other.error();
  auto moment = StoreSnapshot::open(from);
  if (!moment) return std::move(moment).error();
  StoreLoader loader(to, to_client, progress);
  if (auto begun = loader.begin(source, present); !begun) return begun.error();
  auto copied =
      moment->each_table([&loader](const RowPage& page) { return loader.put(page); }, progress);
  if (!copied) return std::move(copied).error();
  CopyReport report;
  report.resumed = loader.resumes();
  report.tables = std::move(copied).value();
  for (const ExpectedTable& table : report.tables) report.rows += table.sum.rows;
  if (auto finished = loader.finish(report.tables); !finished) return finished.error();
  return report;
}

}  // namespace z4j::core
