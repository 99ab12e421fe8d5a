#include "raw_rows.hpp"

#include <z4j/storage_check.hpp>

#include <algorithm>
#include <deque>

namespace z4j::contract::raw {
namespace {

constexpr std::uint16_t kReq = Z4J_COL_REQUIRED;

constexpr z4j_column kThingList[] = {
    {lit("id"), lit("key"), Z4J_T_INT, kReq, Z4J_M_KEEP, 0},
    {lit("flag"), lit(""), Z4J_T_BOOL, 0, Z4J_M_SET, 0},
    {lit("whole"), lit(""), Z4J_T_INT, 0, Z4J_M_SET, 0},
    {lit("measure"), lit(""), Z4J_T_REAL, 0, Z4J_M_SET, 0},
    {lit("at"), lit(""), Z4J_T_TIME, 0, Z4J_M_SET, 0},
    {lit("uid"), lit("unique when present"), Z4J_T_UUID, 0, Z4J_M_SET, 0},
    {lit("words"), lit(""), Z4J_T_TEXT, 0, Z4J_M_SET, 0},
    {lit("raw"), lit(""), Z4J_T_BYTES, 0, Z4J_M_SET, 0},
    {lit("doc"), lit(""), Z4J_T_JSON, 0, Z4J_M_SET, 0},
    {lit("kept"), lit(""), Z4J_T_TEXT, 0, Z4J_M_KEEP, 0},
    {lit("low"), lit(""), Z4J_T_INT, 0, Z4J_M_MIN, 0},
    {lit("high"), lit(""), Z4J_T_TEXT, 0, Z4J_M_MAX, 0},
    {lit("total"), lit(""), Z4J_T_INT, 0, Z4J_M_ADD, 0},
    {lit("state"), lit("travels with detail"), Z4J_T_TEXT, 0, Z4J_M_LAST, kStamp},
    {lit("detail"), lit("travels with state"), Z4J_T_JSON, 0, Z4J_M_LAST, kStamp},
    {lit("stamp"), lit(""), Z4J_T_INT, 0, Z4J_M_MAX, 0},
    {lit("later"), lit("new in version 2"), Z4J_T_INT, 0, Z4J_M_SET, 0}};
constexpr z4j_column kLogList[] = {{lit("at"), lit(""), Z4J_T_TIME, kReq, Z4J_M_KEEP, 0},
                                   {lit("id"), lit(""), Z4J_T_INT, kReq, Z4J_M_KEEP, 0},
                                   {lit("line"), lit(""), Z4J_T_TEXT, 0, Z4J_M_KEEP, 0}};
constexpr z4j_column kLeaseList[] = {{lit("name"), lit(""), Z4J_T_TEXT, kReq, Z4J_M_KEEP, 0},
                                     {lit("owner"), lit(""), Z4J_T_TEXT, 0, Z4J_M_SET, 0},
                                     {lit("fence"), lit(""), Z4J_T_INT, kReq, Z4J_M_ADD, 0},
                                     {lit("until"), lit(""), Z4J_T_TIME, 0, Z4J_M_SET, 0}};

constexpr std::uint16_t kIdPart[] = {kId}, kUuidPart[] = {kUuid}, kWholeParts[] = {kWhole, kId},
                        kWordsPart[] = {kText};
constexpr std::uint16_t kDocPart[] = {kJson}, kLaterPart[] = {kThingColumns}, kFirst[] = {0},
                        kLogParts[] = {0, 1};
constexpr z4j_key kThingKeys[] = {
    {lit("things_id"), kIdPart, 1, Z4J_K_PRIMARY, 0},
    {lit("things_uid"), kUuidPart, 1, Z4J_K_UNIQUE, 0},
    {lit("things_whole"), kWholeParts, 2, Z4J_K_ORDER, Z4J_KEY_SPARSE},
    {lit("things_words"), kWordsPart, 1, Z4J_K_TEXT, 0},
    {lit("things_doc"), kDocPart, 1, Z4J_K_PATH, 0},
    {lit("things_later"), kLaterPart, 1, Z4J_K_ORDER, 0}};
constexpr z4j_key kLogKeys[] = {{lit("log_id"), kLogParts, 2, Z4J_K_PRIMARY, 0}};
constexpr z4j_key kLeaseKeys[] = {{lit("leases_name"), kFirst, 1, Z4J_K_PRIMARY, 0}};
constexpr z4j_key kFreshKeys[] = {{lit("fresh_at"), kLogParts, 2, Z4J_K_PRIMARY, 0}};

constexpr z4j_table kTables[] = {
    {lit("things"), lit("one of each"), kThingList, kThingKeys, kThingColumns, 5, 0, 0},
    {lit("log"), lit("append-only"), kLogList, kLogKeys, 3, 1, Z4J_TBL_APPEND | Z4J_TBL_BY_TIME, 0},
    {lit("leases"), lit("who may write"), kLeaseList, kLeaseKeys, 4, 1, 0, 0}};
constexpr z4j_table kLaterTables[] = {
    {lit("things"), lit("one of each"), kThingList, kThingKeys, kThingColumns + 1, 6, 0, 0},
    kTables[1],
    kTables[2],
    {lit("fresh"), lit("new in version 2"), kLogList, kFreshKeys, 3, 1, 0, 0}};
constexpr z4j_schema kSchemas[] = {{sizeof(z4j_schema), 1, kTables, 3, 0},
                                   {sizeof(z4j_schema), 2, kLaterTables, 4, 0}};

z4j_value value_of(const Val& v, std::uint16_t type, bool now) {
  z4j_value out{};
  if (now) {
    out.kind = Z4J_V_NOW;
    out.num = std::get<std::int64_t>(v);
    return out;
  }
  switch (v.index()) {
    case 1:
      out.kind = Z4J_V_NUM;
      out.num = std::get<std::int64_t>(v);
      break;
    case 2:
      out.kind = Z4J_V_REAL;
      out.real = std::get<double>(v);
      break;
    case 3:
      out.kind = type == Z4J_T_BYTES || type == Z4J_T_UUID ? Z4J_V_BYTES : Z4J_V_TEXT;
      out.text = str(std::get<std::string>(v));
      break;
    default:
      break;
  }
  return out;
}

// Raw predicates that borrow from `preds`.
struct RawPreds {
  RawPreds(const std::vector<Pred>& preds, const z4j_table& t) {
    for (const Pred& p : preds) {
      std::vector<z4j_value>& mine = values.emplace_back();
      const std::uint16_t type =
          p.path.empty() && p.cmp != Z4J_CMP_HAS ? t.columns[p.column].type : std::uint16_t{0};
      for (const Val& v : p.values) mine.push_back(value_of(v, type, p.now));
      z4j_pred out{};
      out.column = p.column;
      out.cmp = p.cmp;
      out.any = p.any;
      out.values = mine.data();
      out.value_count = static_cast<std::uint32_t>(mine.size());
      out.path = str(p.path);
      view.push_back(out);
    }
  }
  std::deque<std::vector<z4j_value>> values;
  std::vector<z4j_pred> view;
};

struct RawStep {
  explicit RawStep(const Step& s) : preds(s.preds, kTables[s.table]) {
    const z4j_table& t = kTables[s.table];
    for (const std::uint16_t c : s.columns) rows.add_column(c, store::form_of(t.columns[c].type));
    for (const Line& line : s.lines) {
      for (std::size_t i = 0; i < line.size(); ++i) {
        switch (line[i].index()) {
          case 1:
            rows.num(i, std::get<std::int64_t>(line[i]));
            break;
          case 2:
            rows.real(i, std::get<double>(line[i]));
            break;
          case 3:
            rows.bytes(i, std::get<std::string>(line[i]));
            break;
          default:
            rows.null(i);
        }
      }
      rows.end_row();
    }
    for (const Change& c : s.sets) {
      z4j_set out{};
      out.column = c.column;
      out.merge = c.merge;
      out.value = value_of(c.value, t.columns[c.column].type, c.now);
      sets.push_back(out);
    }
    outcome.resize(s.lines.size());
    step.struct_size = sizeof step;
    step.verb = s.verb;
    step.table = s.table;
    step.rows = s.columns.empty() ? nullptr : rows.view();
    step.preds = preds.view.data();
    step.pred_count = static_cast<std::uint32_t>(preds.view.size());
    step.sets = sets.data();
    step.set_count = static_cast<std::uint32_t>(sets.size());
    step.limit = s.limit;
    step.expect_min = s.expect_min;
    step.expect_max = s.expect_max;
    step.outcome = s.want_outcome ? outcome.data() : nullptr;
  }
  RawStep(const RawStep&) = delete;
  RawStep& operator=(const RawStep&) = delete;
  RawPreds preds;
  store::RowsOut rows;
  std::vector<z4j_set> sets;
  std::vector<std::uint8_t> outcome;
  z4j_step step{};
};

}  // namespace

const z4j_schema& schema(std::uint32_t version) { return kSchemas[version - 1]; }
const z4j_table& table(std::uint16_t number) { return kTables[number]; }

Done commit(plugin::StorageClient::Session& session, const std::vector<Step>& steps,
            std::uint32_t flags) {
  std::deque<RawStep> raw;
  std::vector<z4j_step*> places;
  for (const Step& s : steps) places.push_back(&raw.emplace_back(s).step);
  z4j_commit c{};
  c.struct_size = sizeof c;
  c.flags = flags;
  c.steps = places.data();
  c.step_count = static_cast<std::uint32_t>(places.size());
  c.timeout_ms = 30'000;
  Done done;
  if (const base::Status status = session.commit(c, 60'000, nullptr); !status) {
    done.code = status.error().code;
    done.text = status.error().text();
    done.bad_step = c.bad_step;
    done.bad_row = c.bad_row;
    done.bad_key = c.bad_key;
    return done;
  }
  for (const RawStep& r : raw) {
    done.affected.push_back(r.step.affected);
    done.outcomes.push_back(r.step.outcome != nullptr ? r.outcome : std::vector<std::uint8_t>());
  }
  return done;
}

Answer read(plugin::StorageClient::Session& session, const Query& query, std::uint32_t page_rows) {
  const z4j_table& t = kTables[query.table];
  std::vector<z4j_out> outs;
  for (const Out& o : query.outs) outs.push_back(z4j_out{o.column, o.agg, 0, o.bucket});
  if (outs.empty()) {
    for (std::uint32_t i = 0; i < t.column_count; ++i)
      outs.push_back(z4j_out{static_cast<std::uint16_t>(i), 0, 0, 0});
  }
  const RawPreds preds(query.preds, t);
  z4j_query q{};
  q.struct_size = sizeof q;
  q.table = query.table;
  q.preds = preds.view.data();
  q.pred_count = static_cast<std::uint32_t>(preds.view.size());
  q.outs = outs.data();
  q.out_count = static_cast<std::uint32_t>(outs.size());
  const bool fold = store::folds(q);
  std::vector<z4j_value> after;
  for (std::size_t i = 0; i < query.after.size(); ++i) {
    const std::uint16_t place = query.order[i];
    const bool counted = fold && outs[place].agg == Z4J_AGG_COUNT;
    after.push_back(value_of(
        query.after[i],
        counted ? std::uint16_t{Z4J_T_INT} : t.columns[fold ? outs[place].column : place].type,
        false));
  }
  q.order = query.order.data();
  q.order_count = static_cast<std::uint32_t>(query.order.size());
  q.after = after.data();
  q.after_count = static_cast<std::uint32_t>(after.size());
  q.descending = query.descending ? 1 : 0;
  q.limit = query.limit;
  q.scan_limit = query.scan_limit;
  Answer answer;
  const base::Status status = session.read(q, page_rows, [&](const z4j_rows& page) {
    for (std::uint32_t r = 0; r < page.rows; ++r) {
      Line& line = answer.lines.emplace_back();
      for (std::uint32_t c = 0; c < page.col_count; ++c) {
        const z4j_col& col = page.cols[c];
        if (!store::has_value(col, r)) {
          line.emplace_back();
        } else if (col.form == Z4J_FORM_NUM) {
          line.emplace_back(store::num_at(col, r));
        } else if (col.form == Z4J_FORM_REAL) {
          line.emplace_back(store::real_at(col, r));
        } else {
          line.emplace_back(std::string(store::bytes_at(col, r)));
        }
      }
    }
    return true;
  });
  if (!status) {
    answer.code = status.error().code;
    answer.text = status.error().text();
    answer.lines.clear();
  }
  return answer;
}

std::string shown(const std::vector<Line>& lines) {
  std::string out;
  for (const Line& line : lines) {
    for (const Val& v : line) {
      out += v.index() == 0   ? "null"
             : v.index() == 1 ? std::to_string(std::get<std::int64_t>(v))
             : v.index() == 2 ? std::to_string(std::get<double>(v))
                              : "'" + std::get<std::string>(v) + "'";
      out += " ";
    }
    out += "\n";
  }
  std::replace(out.begin(), out.end(), '\0', '.');  // a message ends at a NUL
  return out;
}

}  // namespace z4j::contract::raw
