#include "commit.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <z4j/plugin.hpp>
#include <z4j/storage.hpp>

#include <z4j/storage.hpp>
#include <z4j/storage_check.hpp>
#include "blame.hpp"
#include "lib/sql/pg_text.hpp"
#include "notice_text.hpp"
#include "refusals.hpp"

namespace z4j::postgresql {
namespace {

namespace pg = sql::pg;

constexpr std::uint32_t kLongestCommitMs = 60000;
constexpr std::string_view kUniqueViolation = "23505";

std::uint64_t touched(const Result& r) { return std::strtoull(PQcmdTuples(r.get()), nullptr, 10); }

// Does the step delete whatever lies before one time, and nothing else? Then days may go whole.
bool is_by_age(const z4j_table& t, const z4j_step& s) {
  if (s.limit != 0 || s.pred_count != 1) return false;
  const z4j_pred& p = s.preds[0];
  return p.column == t.keys[0].columns[0] && p.value_count == 1 && p.values[0].kind == Z4J_V_NUM &&
         (p.cmp == Z4J_CMP_LT || p.cmp == Z4J_CMP_LE);
}

// A row that is there already fails such a step, and a plain insert says so for less work than one
// that is prepared to leave rows alone.
bool all_must_be_new(const z4j_step& s) {
  return s.verb == Z4J_STEP_INSERT_NEW && s.outcome == nullptr && s.expect_min >= s.rows->rows;
}

class StepRunner {
 public:
  StepRunner(Connection& connection, const z4j_schema& schema, Days& days, std::string_view origin,
             z4j_commit& c)
      : connection_(connection),
        schema_(schema),
        days_(days),
        origin_(origin),
        commit_(c),
        deadline_(Clock::now() +
                  std::chrono::milliseconds(c.timeout_ms == 0 ? kLongestCommitMs : c.timeout_ms)) {}

  void run() {
    for (std::uint32_t i = 0; i < commit_.step_count; ++i) {
      commit_.bad_step = i;
      if (Clock::now() > deadline_)
        throw Error(Z4J_TIMEOUT, "the commit did not finish in the given time: nothing happened",
                    where());
      step(*commit_.steps[i]);
    }
    commit_.bad_step = ~std::uint32_t{0};
  }

 private:
  std::string where() const { return "/steps/" + std::to_string(commit_.bad_step); }

  void step(z4j_step& s) {
    if (s.verb == Z4J_STEP_NOTICE) return notice(s);
    const z4j_table& t = schema_.tables[s.table];
    switch (s.verb) {
      case Z4J_STEP_UPDATE:
        s.affected = touched(run(pg::update(t, s)));
        break;
      case Z4J_STEP_DELETE:
        s.affected = erase(t, s);
        break;
      case Z4J_STEP_CHECK: {
        const Result r = run(pg::count(t, s));
        s.affected = static_cast<std::uint64_t>(pg::read_int8(PQgetvalue(r.get(), 0, 0)));
        break;
      }
      default:
        if (s.rows->rows > 0) rows(t, s);
    }
    if (s.affected < s.expect_min || s.affected > s.expect_max) {
      throw Error(Z4J_CONFLICT,
                  std::to_string(s.affected) + " rows, which is not what the commit expects",
                  where());
    }
  }

  Result run(const pg::Statement& statement) { return connection_.run(statement, where()); }

  void notice(const z4j_step& s) {
    pg::Statement statement;
    statement.text = "SELECT pg_notify($1,$2)";
    statement.params.push_back(pg::text_param(notice_channel(connection_.settings().schema)));
    statement.params.push_back(
        pg::text_param(notice_text(origin_, view(s.channel), view(s.payload))));
    run(statement);
  }

  std::uint64_t erase(const z4j_table& t, const z4j_step& s) {
    std::uint64_t gone = 0;
    if (pg::is_by_day(t) && is_by_age(t, s)) {
      const std::int64_t time = s.preds[0].values[0].num;
      gone = days_.drop_before(connection_, t, time);
    }
    return gone + touched(run(pg::erase(t, s)));
  }

  void rows(const z4j_table& t, z4j_step& s) {
    const pg::Outcome outcome = s.outcome != nullptr ? pg::Outcome::wanted : pg::Outcome::ignored;
    if (s.outcome != nullptr)
      std::memset(s.outcome, s.verb == Z4J_STEP_INSERT ? Z4J_ROW_INSERTED : Z4J_ROW_UNTOUCHED,
                  s.rows->rows);
    switch (s.verb) {
      case Z4J_STEP_INSERT:
        s.affected = touched(run(pg::insert(t, *s.rows, commit_.bad_row)));
        return;
      case Z4J_STEP_INSERT_NEW: {
        if (all_must_be_new(s)) {
          s.affected = touched(run(pg::insert(t, *s.rows, commit_.bad_row)));
          return;
        }
        const Result r = run(pg::insert_new(t, *s.rows, outcome, commit_.bad_row));
        s.affected = touched(r);
        if (s.outcome != nullptr) mark(t, s, r);
        return;
      }
      case Z4J_STEP_MERGE: {
        const Result r = run(pg::merge(t, s, outcome, commit_.bad_row));
        s.affected = touched(r);
        if (s.outcome != nullptr) mark(t, s, r);
        return;
      }
      default:
        patch(t, s, outcome);
    }
  }

  void patch(const z4j_table& t, z4j_step& s, pg::Outcome outcome) {
    if (s.rows->rows > 1) run(pg::lock_rows(t, *s.rows, commit_.bad_row));
    const Result r = run(pg::patch(t, s, outcome, commit_.bad_row));
    s.affected = touched(r);
    if (s.outcome == nullptr) return;
    for (int i = 0; i < PQntuples(r.get()); ++i) {
      const std::int64_t place = pg::read_int8(PQgetvalue(r.get(), i, 0));
      if (place >= 1 && place <= static_cast<std::int64_t>(s.rows->rows))
        s.outcome[place - 1] = Z4J_ROW_CHANGED;
    }
  }

  // Finds each key of the answer among the rows. Both have the same order, so each search begins
  // where the last ended.
  void mark(const z4j_table& t, const z4j_step& s, const Result& r) {
    const std::uint32_t parts = t.keys[0].column_count;
    std::vector<const z4j_col*> key;
    for (std::uint32_t i = 0; i < parts; ++i) {
      key.push_back(
          std::find_if(s.rows->cols, s.rows->cols + s.rows->col_count,
                       [&](const z4j_col& c) { return c.column == t.keys[0].columns[i]; }));
    }
    std::uint32_t row = 0;
    for (int i = 0; i < PQntuples(r.get()); ++i) {
      while (row < s.rows->rows && !same_key(t, key, row, r, i)) ++row;
      if (row == s.rows->rows)
        throw Error(Z4J_INTERNAL, "PostgreSQL answered a key that was not in the batch", where());
      const bool merged =
          s.verb == Z4J_STEP_MERGE && *PQgetvalue(r.get(), i, static_cast<int>(parts)) == 0;
      s.outcome[row++] = merged ? Z4J_ROW_CHANGED : Z4J_ROW_INSERTED;
    }
  }

  static bool same_key(const z4j_table& t, const std::vector<const z4j_col*>& key,
                       std::uint32_t row, const Result& r, int answer) {
    for (std::size_t i = 0; i < key.size(); ++i) {
      const std::uint16_t type = t.columns[key[i]->column].type;
      if (cell(r.get(), answer, static_cast<int>(i)) != pg::cell_bytes(*key[i], type, row))
        return false;
    }
    return true;
  }

  Connection& connection_;
  const z4j_schema& schema_;
  Days& days_;
  std::string_view origin_;
  z4j_commit& commit_;
  Clock::time_point deadline_;
};

std::string begin_text(const z4j_commit& c) {
  std::string text = "BEGIN ISOLATION LEVEL READ COMMITTED";
  if ((c.flags & Z4J_COMMIT_RELAXED) != 0) text += ";SET LOCAL synchronous_commit TO off";
  if ((c.flags & Z4J_COMMIT_RETENTION) != 0) text += ";SET LOCAL z4j.retention TO 'on'";
  return text;
}

void take_turn(Connection& connection, std::string_view serial) {
  if (serial.empty()) return;
  pg::Statement statement;
  statement.text = "SELECT pg_advisory_xact_lock(hashtextextended($1,0))";
  statement.params.push_back(
      pg::text_param("z4j serial " + connection.settings().schema + " " + std::string(serial)));
  connection.run(statement);
}

bool drops_days(const z4j_schema& schema, const z4j_step& s) {
  return s.verb == Z4J_STEP_DELETE && pg::is_by_day(schema.tables[s.table]) &&
         is_by_age(schema.tables[s.table], s);
}

// ON CONFLICT waits for the row that another session makes at the same moment, if it finds it by
// the primary key. It may meet it at another unique key first, as an error, once that session has
// ended. Then the row is there for a second try to find, or the conflict is real.
bool may_be_a_race(const z4j_commit& c, const Refusal& refusal) {
  if (refusal.state != kUniqueViolation || c.bad_step >= c.step_count) return false;
  const z4j_step& s = *c.steps[c.bad_step];
  return s.verb == Z4J_STEP_MERGE || (s.verb == Z4J_STEP_INSERT_NEW && !all_must_be_new(s));
}

}  // namespace

void run_commit(Connection& connection, const z4j_schema& schema, Days& days,
                std::string_view origin, z4j_commit& c) {
  connection.open();
  for (std::uint32_t i = 0; i < c.step_count; ++i) {
    const z4j_step& s = *c.steps[i];
    if (s.verb == Z4J_STEP_NOTICE || s.rows == nullptr || s.rows->rows == 0 ||
        s.verb > Z4J_STEP_MERGE)
      continue;
    if (pg::is_by_day(schema.tables[s.table]))
      days.make_for(connection, schema.tables[s.table], *s.rows);
  }
  connection.limit_time(c.timeout_ms);
  StepRunner steps(connection, schema, days, origin, c);
  for (bool is_done = false, may_try_again = true; !is_done; may_try_again = false) {
    try {
      connection.run(begin_text(c));
      take_turn(connection, view(c.serial));
      steps.run();
      is_done = true;
    } catch (const Error& e) {
      connection.roll_back();
      for (std::uint32_t i = 0; i < c.step_count; ++i) {
        if (drops_days(schema, *c.steps[i])) days.load_again(schema.tables[c.steps[i]->table]);
      }
      const auto* const refusal = dynamic_cast<const Refusal*>(&e);
      if (refusal != nullptr && may_try_again && may_be_a_race(c, *refusal)) continue;
      if (refusal != nullptr) blame(connection, schema, *refusal, c);
      throw;
    }
  }
  try {
    connection.run("COMMIT");
  } catch (const Error& e) {
    if (!connection.is_open()) {
      throw Error(Z4J_UNKNOWN,
                  "lost the connection to " + connection.settings().shown +
                      " during the commit: it may or may not be stored",
                  {}, 500);
    }
    connection.roll_back();
    throw;
  }
}

}  // namespace z4j::postgresql
