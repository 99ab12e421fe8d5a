// All rows of a store as they were at one moment, in pages, in the order of their primary keys.
//
// Holds one session, so one thread at a time. While it lives a store under load keeps the old
// versions of what changes: end it soon. The driver's errors come as they are; a moment that was
// lost (the server went away) is `unavailable`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/copy_page.hpp"
#include "plugin/host.hpp"

namespace z4j::core {

// The row of `meta` that marks a store whose filling has not ended; it is no part of a copy.
inline constexpr std::string_view kFillingMark = "storage.filling";

// Tables whose rows belong to a copy, in their order: all but those that tell which brains run.
[[nodiscard]] std::vector<Table> kept_tables();
[[nodiscard]] std::string_view table_name(Table table);

// How far a copy, a backup or a restore has come.
struct CopyProgress {
  enum class Stage { clearing, counting, copying, checking } stage = Stage::copying;
  std::string_view table;
  std::uint64_t rows = 0;   // done, of all tables
  std::uint64_t total = 0;  // 0: not known
};
using OnCopyProgress = std::function<void(const CopyProgress&)>;

// What a table of the source held: of its first `columns` columns.
struct ExpectedTable {
  Table table = Table::meta;
  std::uint32_t columns = 0;
  TableSum sum;
};

class StoreSnapshot {
 public:
  // The store has been migrated. The client must outlive it.
  [[nodiscard]] static base::Result<StoreSnapshot> open(plugin::StorageClient& client);

  [[nodiscard]] base::Result<std::uint64_t> count(Table table);
  // Each page's `columns` are the first so many, or all the table has. Ends at the first error that
  // `take` answers.
  [[nodiscard]] base::Status each_page(Table table, std::optional<std::uint32_t> columns,
                                       const std::function<base::Status(const RowPage&)>& take);
  // The row with the highest primary key, or an empty page.
  [[nodiscard]] base::Result<RowPage> last_row(Table table);
  [[nodiscard]] base::Result<TableSum> sum(Table table, std::optional<std::uint32_t> columns,
                                           const std::function<void(const RowPage&)>& seen = {});
  // Takes every row of every table that belongs to a copy, and says what they were.
  [[nodiscard]] base::Result<std::vector<ExpectedTable>> each_table(
      const std::function<base::Status(const RowPage&)>& take, const OnCopyProgress& progress);

 private:
  StoreSnapshot(std::unique_ptr<plugin::StorageClient::Session> session, std::uint32_t page_rows)
      : session_(std::move(session)), page_rows_(page_rows) {}

  std::unique_ptr<plugin::StorageClient::Session> session_;
  std::uint32_t page_rows_;
};

}  // namespace z4j::core
