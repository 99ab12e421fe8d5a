#include "cursor.hpp"

#include <algorithm>

#include <z4j/plugin.hpp>

#include <z4j/storage_check.hpp>
#include "lib/json/json.hpp"
#include "lib/sql/pg_text.hpp"
#include "refusals.hpp"

namespace z4j::postgresql {
namespace {

namespace pg = sql::pg;

// A page of an answer ends at so many bytes, however many rows were asked for.
constexpr std::uint64_t kBytesPerPage = 8u << 20;
// Up to so many rows are taken at once.
constexpr std::uint32_t kRowsAtOnce = 1000;
// More rows than this never lie in our memory.
constexpr std::uint32_t kRowsPerFetch = 2000;

bool one_row(const z4j_query& q) {
  return std::all_of(q.outs, q.outs + q.out_count, [](const z4j_out& o) { return o.agg != 0; });
}

}  // namespace

Cursor::Cursor(Connection& connection, const z4j_table& table, const z4j_query& query,
               Transaction transaction)
    : connection_(connection), transaction_(transaction), timeout_ms_(query.timeout_ms) {
  const bool fold = store::folds(query);
  for (std::uint32_t i = 0; i < query.out_count; ++i) {
    out_.add_column(fold ? static_cast<std::uint16_t>(i) : query.outs[i].column,
                    store::out_form(table, query.outs[i]));
  }
  pg::Statement statement = pg::select(table, query);
  connection_.limit_time(timeout_ms_);
  server_side_ = (query.limit == 0 || query.limit > kRowsAtOnce) && !one_row(query);
  if (!server_side_) {
    page_ = connection_.run(statement);
    ended_ = true;
    return;
  }
  if (transaction_ == Transaction::own) connection_.run("BEGIN READ ONLY");
  generation_ = connection_.generation();
  statement.text = "DECLARE z4j_answer NO SCROLL CURSOR FOR " + statement.text;
  try {
    connection_.run_once(statement);
  } catch (const Error&) {
    if (transaction_ == Transaction::own) connection_.roll_back();
    throw;
  }
}

Cursor::~Cursor() {
  if (!server_side_ || !connection_.is_open() || generation_ != connection_.generation()) return;
  if (transaction_ == Transaction::own) {
    connection_.roll_back();
    return;
  }
  try {
    connection_.run("CLOSE z4j_answer");
  } catch (const Error&) {
    return;  // the moment is lost, which the next read says
  }
}

void Cursor::fetch(std::uint32_t rows) {
  if (!connection_.is_open()) throw connection_lost(connection_.settings().shown);
  connection_.limit_time(timeout_ms_);
  pg::Statement statement;
  statement.text = "FETCH " + std::to_string(rows) + " FROM z4j_answer";
  page_ = connection_.run_once(statement);
  taken_ = 0;
  ended_ = PQntuples(page_.get()) < static_cast<int>(rows);
}

const z4j_rows* Cursor::next(std::uint32_t max_rows) {
  out_.clear();
  while (out_.rows() < max_rows && out_.bytes() < kBytesPerPage) {
    if (page_ == nullptr || taken_ == PQntuples(page_.get())) {
      if (ended_) break;
      if (out_.rows() > 0) break;
      fetch(std::min(max_rows, kRowsPerFetch));
      continue;
    }
    for (int i = 0; i < static_cast<int>(out_.columns()); ++i) take(taken_, i);
    out_.end_row();
    ++taken_;
  }
  return out_.rows() > 0 ? out_.view() : nullptr;
}

void Cursor::take(int row, int column) {
  const auto i = static_cast<std::size_t>(column);
  const PGresult* r = page_.get();
  if (PQgetisnull(r, row, column) != 0) {
    out_.null(i);
    return;
  }
  const char* at = PQgetvalue(r, row, column);
  const std::string_view bytes = cell(r, row, column);
  switch (PQftype(r, column)) {
    case pg::kBool:
      out_.num(i, *at != 0 ? 1 : 0);
      return;
    case pg::kInt4:
      out_.num(i, pg::read_int4(at));
      return;
    case pg::kInt8:
      out_.num(i, pg::read_int8(at));
      return;
    case pg::kTimestamptz:
      out_.num(i, pg::read_time(at));
      return;
    case pg::kFloat8:
      out_.real(i, pg::read_float8(at));
      return;
    case pg::kJsonb:
      out_.bytes(i, pg::compact_json(bytes.substr(1)));
      return;
    default:
      out_.bytes(i, bytes);
  }
}

namespace {

// What a plan tells.
struct Plan {
  bool seq_scan = false, large_seq_scan = false, sort = false, bitmap = false;
};

bool is_large(Connection& connection, const std::string& table) {
  return connection.value("SELECT pg_relation_size(to_regclass(" +
                          pg::quoted_text(pg::quoted_name(table)) + "))>1048576") == "t";
}

void walk(Connection& connection, const json::Value& node, Plan& plan) {
  const json::Object* o = node.if_object();
  if (o == nullptr) return;
  const std::string_view type = json::text(*o, "Node Type");
  if (type == "Seq Scan") {
    plan.seq_scan = true;
    plan.large_seq_scan =
        plan.large_seq_scan || is_large(connection, std::string(json::text(*o, "Relation Name")));
  }
  plan.sort = plan.sort || type == "Sort";
  plan.bitmap = plan.bitmap || type == "Bitmap Index Scan";
  if (const json::Array* below = json::array(*o, "Plans")) {
    for (const json::Value& child : *below) walk(connection, child, plan);
  }
}

Plan plan_of(Connection& connection, pg::Statement statement) {
  statement.text = "EXPLAIN (FORMAT JSON) " + statement.text;
  const Result r = connection.run_once(statement);
  Plan plan;
  const json::Value parsed = json::parse(cell(r.get(), 0, 0));
  const json::Array* list = parsed.if_array();
  const json::Object* first =
      list != nullptr && !list->empty() ? list->front().if_object() : nullptr;
  if (first != nullptr && first->contains("Plan")) walk(connection, first->at("Plan"), plan);
  return plan;
}

std::string plan_text(Connection& connection, pg::Statement statement) {
  statement.text = "EXPLAIN " + statement.text;
  const Result r = connection.run_once(statement);
  std::string out;
  for (int row = 0; row < PQntuples(r.get()); ++row)
    out += (row == 0 ? "" : "\n") + std::string(cell(r.get(), row, 0));
  return out;
}

}  // namespace

std::string explained(Connection& connection, const z4j_table& table, const z4j_query& query) {
  const pg::Statement statement = pg::select(table, query);
  const std::string text = plan_text(connection, statement);
  Plan plan = plan_of(connection, statement);
  const bool fold = store::folds(query);
  bool indexed = !plan.large_seq_scan || query.scan_limit > 0;
  if (indexed && plan.seq_scan) {
    connection.run("SET enable_seqscan TO off");
    try {
      plan = plan_of(connection, statement);
    } catch (const Error&) {
      if (connection.is_open()) connection.run("RESET enable_seqscan");
      throw;
    }
    connection.run("RESET enable_seqscan");
    indexed = !plan.seq_scan || query.scan_limit > 0;
  }
  // Few rows that an index found may be sorted; sorting all of a range for one page is what an
  // order key avoids.
  if (!fold && plan.sort && !plan.bitmap) indexed = false;
  return json::write(json::Object{{"indexed", indexed}, {"plan", text}});
}

}  // namespace z4j::postgresql
