#include "days.hpp"

#include <algorithm>
#include <cstdlib>

#include <z4j/plugin.hpp>

#include <z4j/storage.hpp>

namespace z4j::postgresql {
namespace {

constexpr std::int64_t kDayUs = 86400000000;
constexpr Day kAhead = 2, kBack = 400;
// A batch that spans more days than this has the rest of its rows in events_rest.
constexpr std::size_t kMostPerBatch = 16;
// After a day could not be made, batches do without for so long.
constexpr std::chrono::seconds kPause{30};
// Who waits to drop a day keeps all others waiting too.
constexpr std::string_view kDropPatience = "SET LOCAL lock_timeout TO 500";
// Tables up to so many bytes are counted row by row.
constexpr std::int64_t kSmallTable = 8 << 20;

Day day_of(std::int64_t us) { return us >= 0 ? us / kDayUs : (us - kDayUs + 1) / kDayUs; }

Day today() {
  return day_of(std::chrono::duration_cast<std::chrono::microseconds>(
                    std::chrono::system_clock::now().time_since_epoch())
                    .count());
}

// 20261126, after Howard Hinnant's days-to-civil.
std::string digits_of(Day day) {
  const std::int64_t z = day + 719468;
  const std::int64_t era = z / 146097;
  const std::int64_t doe = z - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  const std::int64_t month = mp < 10 ? mp + 3 : mp - 9;
  const std::int64_t year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  const std::int64_t number = year * 10000 + month * 100 + doy - (153 * mp + 2) / 5 + 1;
  return std::to_string(number);
}

std::string time_text(Day day) {
  return "'epoch'::timestamptz+interval '" + std::to_string(day * 24) + " hours'";
}

// A partition's bound must be a constant that the server can fold.
std::string bound_text(Day day) {
  const std::string d = digits_of(day);
  return "'" + d.substr(0, 4) + "-" + d.substr(4, 2) + "-" + d.substr(6, 2) + " 00:00:00+00'";
}

// The day of a table's name, or -1.
Day day_in(const std::string& digits) {
  for (Day day = today() + kAhead + 60; day >= 0; --day) {
    if (digits_of(day) == digits) return day;
  }
  return -1;
}

}  // namespace

std::string Days::rest_of(const z4j_table& t) { return std::string(view(t.name)) + "_rest"; }

std::string Days::table_of(const z4j_table& t, Day day) {
  return std::string(view(t.name)) + "_p" + digits_of(day);
}

void Days::load(Connection& connection, const z4j_table& t) {
  const std::string prefix = std::string(view(t.name)) + "_p";
  const Result r = connection.run(
      "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid=i.inhrelid WHERE "
      "i.inhparent=to_regclass(" +
      sql::pg::quoted_text(sql::pg::quoted_name(view(t.name))) + ")");
  std::set<Day> found;
  for (int row = 0; row < PQntuples(r.get()); ++row) {
    const std::string name(cell(r.get(), row, 0));
    if (name.rfind(prefix, 0) != 0) continue;
    if (const Day day = day_in(name.substr(prefix.size())); day >= 0) found.insert(day);
  }
  const std::lock_guard lock(mutex_);
  known_[std::string(view(t.name))] = std::move(found);
}

void Days::load_again(const z4j_table& t) {
  const std::lock_guard lock(mutex_);
  known_.erase(std::string(view(t.name)));
}

bool Days::knows(const z4j_table& t, Day day) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(view(t.name));
  return found != known_.end() && found->second.count(day) != 0;
}

// Made beside the table and then attached, which locks out neither readers nor writers of other
// days. Rows of the day that wait in the rest move over.
void Days::make(Connection& connection, const z4j_table& t, Day day) {
  const std::string parent = sql::pg::quoted_name(view(t.name));
  const std::string table = sql::pg::quoted_name(table_of(t, day));
  const std::string rest = sql::pg::quoted_name(rest_of(t));
  const std::string time = sql::pg::quoted_name(view(t.columns[t.keys[0].columns[0]].name));
  try {
    connection.run(
        "BEGIN;SET LOCAL lock_timeout TO 1000;SET LOCAL z4j.retention TO 'on';"
        "SELECT pg_advisory_xact_lock(hashtextextended(" +
        sql::pg::quoted_text(settings_.schema + "." + table) + ",0))");
    if (connection
            .value("SELECT 1 FROM pg_class WHERE oid=to_regclass(" + sql::pg::quoted_text(table) +
                   ")")
            .empty()) {
      connection.run("CREATE TABLE " + table + " (LIKE " + parent +
                     " INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
                     "WITH moved AS (DELETE FROM " +
                     rest + " WHERE " + time + ">=" + time_text(day) + " AND " + time + "<" +
                     time_text(day + 1) + " RETURNING *) INSERT INTO " + table +
                     " SELECT * FROM moved;"
                     "ALTER TABLE " +
                     parent + " ATTACH PARTITION " + table + " FOR VALUES FROM (" +
                     bound_text(day) + ") TO (" + bound_text(day + 1) + ")");
      if ((t.flags & Z4J_TBL_APPEND) != 0) {
        connection.run("CREATE TRIGGER no_truncate BEFORE TRUNCATE ON " + table +
                       " FOR EACH STATEMENT EXECUTE FUNCTION z4j_refuse_change(" +
                       sql::pg::quoted_text(view(t.name)) + ")");
      }
    }
    connection.run("COMMIT");
  } catch (const Error&) {
    connection.roll_back();
    throw;
  }
  const std::lock_guard lock(mutex_);
  known_[std::string(view(t.name))].insert(day);
}

std::vector<std::string> Days::make_ahead(Connection& connection, const z4j_table& t) {
  std::vector<std::string> made;
  load(connection, t);
  for (Day day = today() - 1; day <= today() + kAhead; ++day) {
    if (knows(t, day)) continue;
    make(connection, t, day);
    made.push_back(table_of(t, day));
  }
  return made;
}

void Days::make_for(Connection& connection, const z4j_table& t, const z4j_rows& rows) {
  const std::uint16_t time = t.keys[0].columns[0];
  const z4j_col* col = std::find_if(rows.cols, rows.cols + rows.col_count,
                                    [&](const z4j_col& c) { return c.column == time; });
  std::set<Day> wanted;
  Day last = INT64_MIN;
  for (std::uint32_t r = 0; r < rows.rows; ++r) {
    const Day day = day_of(store::num_at(*col, r));
    if (day == last) continue;
    last = day;
    if (day >= today() - kBack && day <= today() + kAhead && wanted.size() < kMostPerBatch)
      wanted.insert(day);
  }
  for (const Day day : wanted) {
    if (knows(t, day)) continue;
    {
      const std::lock_guard lock(mutex_);
      if (Clock::now() < not_before_) return;
    }
    try {
      make(connection, t, day);
    } catch (const Error&) {
      // Its rows wait in the rest, and the day is made by a later batch or by the next round ahead.
      if (!connection.is_open()) throw;
      const std::lock_guard lock(mutex_);
      not_before_ = Clock::now() + kPause;
      return;
    }
  }
}

std::uint64_t Days::drop_before(Connection& connection, const z4j_table& t, std::int64_t time_us) {
  load(connection, t);
  std::set<Day> over;
  {
    const std::lock_guard lock(mutex_);
    std::set<Day>& known = known_[std::string(view(t.name))];
    std::copy_if(known.begin(), known.end(), std::inserter(over, over.end()),
                 [&](Day day) { return (day + 1) * kDayUs <= time_us; });
    for (const Day day : over) known.erase(day);
  }
  if (over.empty()) return 0;
  std::uint64_t rows = 0;
  connection.run(std::string(kDropPatience));
  for (const Day day : over) {
    const std::string table = sql::pg::quoted_name(table_of(t, day));
    const std::string regclass = sql::pg::quoted_text(table) + "::regclass";
    std::string counted = connection.value(
        "SELECT CASE WHEN pg_table_size(" + regclass + ")>" + std::to_string(kSmallTable) +
        " THEN (SELECT reltuples::int8 FROM pg_class WHERE oid=" + regclass + ") ELSE -1 END");
    if (counted.empty() || counted[0] == '-')
      counted = connection.value("SELECT count(*) FROM " + table);
    rows += std::strtoull(counted.c_str(), nullptr, 10);
    connection.run("DROP TABLE " + table);
  }
  connection.run("SET LOCAL lock_timeout TO " + std::to_string(settings_.lock_timeout_ms));
  return rows;
}

}  // namespace z4j::postgresql
