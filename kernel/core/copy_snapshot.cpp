#include "core/copy_snapshot.hpp"

#include <algorithm>

namespace z4j::core {
namespace {

constexpr std::uint32_t kPatienceMs = 600'000;  // of one fetch; a count walks the whole table

z4j_str lent(std::string_view text) { return z4j_str{text.data(), text.size()}; }

// A query over whole rows of a table in the order of its primary key; points into itself.
struct WholeRows {
  WholeRows(Table t, std::uint32_t columns) {
    const z4j_table& table = model::table(t);
    for (std::uint32_t c = 0; c < columns; ++c)
      outs.push_back(z4j_out{static_cast<std::uint16_t>(c), 0, 0, 0});
    raw.struct_size = sizeof raw;
    raw.table = static_cast<std::uint16_t>(t);
    raw.order = table.keys[0].columns;
    raw.order_count = table.keys[0].column_count;
    raw.outs = outs.data();
    raw.out_count = static_cast<std::uint32_t>(outs.size());
    raw.timeout_ms = kPatienceMs;
    mark.kind = Z4J_V_TEXT;
    mark.text = lent(kFillingMark);
    no_mark = z4j_pred{model::meta::key, Z4J_CMP_NE, 0, 0, 1, 0, &mark, z4j_str{nullptr, 0}};
    if (t != Table::meta) return;
    raw.preds = &no_mark;
    raw.pred_count = 1;
  }
  WholeRows(const WholeRows&) = delete;
  WholeRows& operator=(const WholeRows&) = delete;

  std::vector<z4j_out> outs;
  z4j_value mark{};
  z4j_pred no_mark{};
  z4j_query raw{};
};

}  // namespace

std::vector<Table> kept_tables() {
  // In another store these would speak of brains that were never there.
  static constexpr Table kOfRunningBrains[] = {Table::brains, Table::leases, Table::routes,
                                               Table::engine_requests};
  std::vector<Table> out;
  const z4j_schema& schema = model::schema();
  for (std::uint32_t i = 0; i < schema.table_count; ++i) {
    const auto table = static_cast<Table>(i);
    const bool is_running = std::find(std::begin(kOfRunningBrains), std::end(kOfRunningBrains),
                                      table) != std::end(kOfRunningBrains);
    if ((schema.tables[i].flags & (Z4J_TBL_RETIRED | Z4J_TBL_VOLATILE)) == 0 && !is_running)
      out.push_back(table);
  }
  return out;
}

std::string_view table_name(Table table) {
  const z4j_str name = model::table(table).name;
  return {name.ptr, name.len};
}

base::Result<StoreSnapshot> StoreSnapshot::open(plugin::StorageClient& client) {
  const z4j_store_info info = client.info();
  if ((info.capabilities & Z4J_STORE_SNAPSHOT) == 0) {
    return base::Error{.code = base::Code::unsupported,
                       .message = "this storage driver can't show its rows at one moment",
                       .where = {},
                       .hint = "copy the database with its own tools"};
  }
  auto session = client.open(Z4J_SESSION_SNAPSHOT);
  if (!session) return std::move(session).error();
  return StoreSnapshot(std::move(session).value(), std::clamp(info.best_rows, 1u, info.max_rows));
}

base::Result<std::uint64_t> StoreSnapshot::count(Table table) {
  WholeRows query(table, 1);
  query.outs = {z4j_out{0, Z4J_AGG_COUNT, 0, 0}};
  query.raw.outs = query.outs.data();
  query.raw.order_count = 0;
  std::uint64_t rows = 0;
  const base::Status read = session_->read(query.raw, 1, [&rows](const z4j_rows& page) {
    if (page.rows == 1 && page.col_count == 1 && page.cols[0].form == Z4J_FORM_NUM)
      rows = static_cast<std::uint64_t>(static_cast<const std::int64_t*>(page.cols[0].data)[0]);
    return false;
  });
  if (!read) return read.error();
  return rows;
}

base::Status StoreSnapshot::each_page(Table table, std::optional<std::uint32_t> columns,
                                      const std::function<base::Status(const RowPage&)>& take) {
  const std::uint32_t wanted = columns.value_or(model::table(table).column_count);
  const WholeRows query(table, wanted);
  base::Status done;
  RowPage page;
  const base::Status read = session_->read(query.raw, page_rows_, [&](const z4j_rows& rows) {
    page.table = table;
    page.columns = wanted;
    page.rows = 0;
    page.bytes.clear();
    done = append_rows(page, rows);
    if (done) done = take(page);
    return done.ok();
  });
  return done ? read : done;
}

base::Result<RowPage> StoreSnapshot::last_row(Table table) {
  WholeRows query(table, model::table(table).column_count);
  query.raw.descending = 1;
  query.raw.limit = 1;
  RowPage page{.table = table, .columns = query.raw.out_count, .rows = 0, .bytes = {}};
  base::Status done;
  const base::Status read = session_->read(query.raw, 1, [&](const z4j_rows& rows) {
    done = append_rows(page, rows);
    return false;
  });
  if (!read) return read.error();
  if (!done) return done.error();
  return page;
}

base::Result<TableSum> StoreSnapshot::sum(Table table, std::optional<std::uint32_t> columns,
                                          const std::function<void(const RowPage&)>& seen) {
  TableSummer summer;
  const base::Status read = each_page(table, columns, [&](const RowPage& page) {
    if (seen) seen(page);
    return summer.add(page);
  });
  if (!read) return read.error();
  return summer.sum();
}

base::Result<std::vector<ExpectedTable>> StoreSnapshot::each_table(
    const std::function<base::Status(const RowPage&)>& take, const OnCopyProgress& progress) {
  CopyProgress seen;
  const auto tell = [&](CopyProgress::Stage stage, Table table) {
    seen.stage = stage;
    seen.table = table_name(table);
    if (progress) progress(seen);
  };
  for (const Table table : kept_tables()) {
    tell(CopyProgress::Stage::counting, table);
    const auto rows = count(table);
    if (!rows) return rows.error();
    seen.total += *rows;
  }
  std::vector<ExpectedTable> out;
  for (const Table table : kept_tables()) {
    tell(CopyProgress::Stage::copying, table);
    TableSummer summer;
    const base::Status taken = each_page(table, std::nullopt, [&](const RowPage& page) {
      if (auto summed = summer.add(page); !summed) return summed;
      if (auto done = take(page); !done) return done;
      seen.rows += page.rows;
      tell(CopyProgress::Stage::copying, table);
      return base::Status();
    });
    if (!taken) return taken.error();
    out.push_back({table, model::table(table).column_count, summer.sum()});
  }
  return out;
}

}  // namespace z4j::core
