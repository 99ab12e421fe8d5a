#include "core/copy_load.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace z4j::core {
namespace {

constexpr auto kRetryFor = std::chrono::seconds(60);
constexpr auto kRetryAfter = std::chrono::milliseconds(200);
constexpr std::uint32_t kRowsPerDelete = 10'000;
// Before which every time lies: what is kept by day then goes by day.
constexpr std::int64_t kEndOfTime = 253'402'300'799'000'000;  // the year 9999
constexpr std::string_view kClearingPrefix = "clearing for ";

bool may_pass(const base::Error& error) {
  return error.code == base::Code::busy || error.code == base::Code::unavailable ||
         error.code == base::Code::timeout || error.code == base::Code::unknown;
}

base::Error not_empty(std::string_view table) {
  return base::Error{.code = base::Code::conflict,
                     .message = "the target holds data already (table " + std::string(table) + ")",
                     .where = {},
                     .hint = "name an empty database, or empty this one first with --force"};
}

base::Error differs(const ExpectedTable& expected, const TableSum& found) {
  const std::string rows =
      found.rows == expected.sum.rows
          ? "the same number of rows, but not the same values"
          : std::to_string(found.rows) + " rows instead of " + std::to_string(expected.sum.rows);
  return base::Error{
      .code = base::Code::corrupt,
      .message = "table " + std::string(table_name(expected.table)) + " differs: it holds " + rows,
      .where = {},
      .hint = "if the source changed between two runs, begin again with --force"};
}

}  // namespace

base::Result<std::optional<std::string>> unfinished_filling(Store& store) {
  Query query(Table::meta);
  query.where.eq(model::meta::key, kFillingMark);
  auto row = store.first(std::move(query.all()));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<std::string>();
  return std::optional<std::string>((*row)->text(model::meta::value));
}

StoreLoader::StoreLoader(Store& store, plugin::StorageClient& client, OnCopyProgress progress)
    : store_(store), client_(client), progress_(std::move(progress)) {}

base::Status StoreLoader::begin(const std::string& source, Present present) {
  if (auto alone = refuse_brains(); !alone) return alone;
  if (present == Present::remove) return clear(source);
  auto mark = unfinished_filling(store_);
  if (!mark) return std::move(mark).error();
  resumes_ = mark->has_value() && **mark == source;
  if (resumes_) {
    auto snapshot = StoreSnapshot::open(client_);
    if (!snapshot) return std::move(snapshot).error();
    for (const Table table : kept_tables()) {
      auto row = snapshot->last_row(table);
      if (!row) return std::move(row).error();
      auto key = RowKey::last_of(*row);
      if (!key) return std::move(key).error();
      last_[table] = std::move(key).value();
    }
    return {};
  }
  if (mark->has_value()) {
    return base::Error{.code = base::Code::conflict,
                       .message = "the target holds part of another copy (" + **mark + ")",
                       .where = {},
                       .hint = "finish that one, or empty the target first with --force"};
  }
  if (auto empty = refuse_rows(); !empty) return empty;
  return write_mark(source);
}

base::Status StoreLoader::refuse_brains() {
  const auto alive =
      store_.count(Table::brains, Where().gt(model::brains::expires_at, Cell::now()), 1);
  if (!alive) return alive.error();
  if (*alive == 0) return {};
  return base::Error{.code = base::Code::busy,
                     .message = "a brain serves the target",
                     .where = {},
                     .hint = "stop it; one that died is forgotten after some seconds"};
}

base::Status StoreLoader::refuse_rows() {
  for (const Table table : kept_tables()) {
    const auto found = store_.count(table, {}, 1);
    if (!found) return found.error();
    if (*found > 0) return not_empty(table_name(table));
  }
  return {};
}

base::Status StoreLoader::clear(const std::string& source) {
  if (auto marked = write_mark(std::string(kClearingPrefix) + source); !marked) return marked;
  for (std::uint32_t i = 0; i < model::schema().table_count; ++i) {
    const auto table = static_cast<Table>(i);
    const z4j_table& declared = model::table(table);
    if ((declared.flags & Z4J_TBL_RETIRED) != 0) continue;
    if (progress_) progress_({CopyProgress::Stage::clearing, table_name(table), 0, 0});
    if ((declared.flags & Z4J_TBL_BY_TIME) != 0) {
      const std::uint16_t time = declared.keys[0].columns[0];
      const auto all_days = [&] {
        Commit commit;
        commit.retention().erase(table, Where().lt(time, Cell(kEndOfTime)));
        return commit;
      };
      if (auto gone = commit(all_days, nullptr); !gone) return gone;
    }
    for (std::uint64_t gone = kRowsPerDelete; gone >= kRowsPerDelete;) {
      const auto some = [&] {
        Commit commit;
        Where which;
        if (table == Table::meta) which.ne(model::meta::key, kFillingMark);
        commit.retention().erase(table, std::move(which), kRowsPerDelete);
        return commit;
      };
      if (auto done = commit(some, &gone); !done) return done;
    }
  }
  return write_mark(source);
}

base::Status StoreLoader::write_mark(const std::string& text) {
  return commit(
      [&] {
        Rows rows(Table::meta);
        rows.begin()
            .text(model::meta::key, kFillingMark)
            .text(model::meta::value, text)
            .cell(model::meta::updated_at, Cell());
        Commit commit;
        commit.merge(std::move(rows));
        return commit;
      },
      nullptr);
}

base::Result<bool> StoreLoader::is_there_already(const RowPage& page) {
  const auto last = last_.find(page.table);
  if (last == last_.end() || !last->second) return false;
  const auto key = RowKey::last_of(page);
  if (!key) return key.error();
  return key->has_value() && (*key)->compare(*last->second) <= 0;
}

base::Status StoreLoader::put(const RowPage& page) {
  const auto skip = is_there_already(page);
  if (!skip) return skip.error();
  if (*skip || page.rows == 0) return {};
  // Decoded anew for each try: a commit gives its rows away.
  const auto checked = insertable(page);
  if (!checked) return checked.error();
  return commit(
      [&page] {
        Commit commit;
        commit.relaxed().insert_new(std::move(insertable(page)).value());
        return commit;
      },
      nullptr);
}

base::Status StoreLoader::commit(const std::function<Commit()>& make, std::uint64_t* affected) {
  const auto until = std::chrono::steady_clock::now() + kRetryFor;
  for (;;) {
    Commit commit = make();
    base::Status done = store_.commit(commit);
    if (done && affected != nullptr) *affected = commit.affected(0);
    if (done || !may_pass(done.error()) || std::chrono::steady_clock::now() > until) return done;
    std::this_thread::sleep_for(kRetryAfter);
  }
}

base::Status StoreLoader::finish(const std::vector<ExpectedTable>& expected) {
  std::uint64_t rows = 0, total = 0;
  for (const ExpectedTable& table : expected) total += table.sum.rows;
  auto snapshot = StoreSnapshot::open(client_);
  if (!snapshot) return std::move(snapshot).error();
  for (const ExpectedTable& table : expected) {
    const auto found = snapshot->sum(table.table, table.columns, [&](const RowPage& page) {
      rows += page.rows;
      if (progress_)
        progress_({CopyProgress::Stage::checking, table_name(table.table), rows, total});
    });
    if (!found) return found.error();
    if (*found != table.sum) return differs(table, *found);
  }
  return commit(
      [] {
        Commit commit;
        commit.erase(Table::meta, Where().eq(model::meta::key, kFillingMark));
        return commit;
      },
      nullptr);
}

}  // namespace z4j::core
