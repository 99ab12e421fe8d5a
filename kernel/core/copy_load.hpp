// Fills an empty store with another one's rows, page by page, and proves at the end that nothing is
// missing.
//
// While it is filled the store carries a mark (a row of `meta`), under which no brain serves it; a
// run that was killed goes on behind the last key of each table. Rows are inserted with INSERT_NEW,
// in the order of their keys, so doing a page twice changes nothing. One thread at a time.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/copy_snapshot.hpp"

namespace z4j::core {

// Not nothing and the mark's text when the store's filling was begun and has not ended.
[[nodiscard]] base::Result<std::optional<std::string>> unfinished_filling(Store& store);

class StoreLoader {
 public:
  // What to do with rows that the store holds already: refuse those that this source did not put
  // there, or remove all.
  enum class Present { refuse, remove };

  // Both are of one driver instance, which nobody else writes to.
  StoreLoader(Store& store, plugin::StorageClient& client, OnCopyProgress progress);

  // `source` names where the rows come from. One that was begun from the same source is gone on
  // with, unless its rows are to be removed. `conflict` when the store holds other rows, `busy`
  // while a brain serves it.
  [[nodiscard]] base::Status begin(const std::string& source, Present present);
  [[nodiscard]] bool resumes() const noexcept { return resumes_; }
  // Pages of a table in the order of their keys.
  [[nodiscard]] base::Status put(const RowPage& page);
  // Reads everything back; `corrupt` names the table that differs. Only then the mark goes.
  [[nodiscard]] base::Status finish(const std::vector<ExpectedTable>& expected);

 private:
  [[nodiscard]] base::Status refuse_brains();
  [[nodiscard]] base::Status refuse_rows();
  [[nodiscard]] base::Status clear(const std::string& source);
  [[nodiscard]] base::Status write_mark(const std::string& text);
  [[nodiscard]] base::Result<bool> is_there_already(const RowPage& page);
  [[nodiscard]] base::Status commit(const std::function<Commit()>& make, std::uint64_t* affected);

  Store& store_;
  plugin::StorageClient& client_;
  OnCopyProgress progress_;
  bool resumes_ = false;
  std::map<Table, std::optional<RowKey>> last_;  // of a run before this one
};

}  // namespace z4j::core
