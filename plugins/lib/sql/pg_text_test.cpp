#include "lib/sql/pg_text.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>
#include <vector>

#include <z4j/plugin.hpp>

#include <z4j/storage.hpp>

namespace {

using z4j::lit;
namespace pg = z4j::sql::pg;

enum : std::uint16_t { kAt, kId, kState, kStamp, kDoc };
constexpr z4j_column kColumns[] = {
    {lit("at"), lit("it's\nwhen"), Z4J_T_TIME, Z4J_COL_REQUIRED, Z4J_M_KEEP, 0},
    {lit("id"), lit(""), Z4J_T_UUID, Z4J_COL_REQUIRED, Z4J_M_KEEP, 0},
    {lit("state"), lit(""), Z4J_T_TEXT, 0, Z4J_M_LAST, kStamp},
    {lit("stamp"), lit(""), Z4J_T_INT, 0, Z4J_M_MAX, 0},
    {lit("doc"), lit(""), Z4J_T_JSON, 0, Z4J_M_SET, 0},
};
constexpr std::uint16_t kPrimary[] = {kAt, kId}, kText[] = {kState}, kPath[] = {kDoc},
                        kOnlyState[] = {kState};
constexpr z4j_key kKeys[] = {{lit("things_id"), kPrimary, 2, Z4J_K_PRIMARY, 0},
                             {lit("things_text"), kText, 1, Z4J_K_TEXT, 0},
                             {lit("things_doc"), kPath, 1, Z4J_K_PATH, 0},
                             {lit("things_state"), kOnlyState, 1, Z4J_K_UNIQUE, 0}};
constexpr z4j_table table_of(std::uint32_t keys, std::uint32_t flags) {
  return {lit("things"), lit("a thing"), kColumns, kKeys, 5, keys, flags, 0};
}
constexpr z4j_table kTable = table_of(3, 0);

z4j_value text_value(std::string_view s) {
  z4j_value v{};
  v.kind = Z4J_V_TEXT;
  v.text = z4j::str(s);
  return v;
}

z4j_value number_value(std::int64_t n) {
  z4j_value v{};
  v.kind = Z4J_V_NUM;
  v.num = n;
  return v;
}

pg::Statement counted(const z4j_pred& p) {
  z4j_step step{};
  step.preds = &p;
  step.pred_count = 1;
  return pg::count(kTable, step);
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class PgTextTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PgTextTest);
  CPPUNIT_TEST(tables_have_real_types_and_comments);
  CPPUNIT_TEST(a_table_by_time_is_kept_in_days_if_its_keys_hold_the_time);
  CPPUNIT_TEST(append_only_tables_are_guarded);
  CPPUNIT_TEST(text_keys_wait_for_their_extension);
  CPPUNIT_TEST(what_is_searched_by_lies_in_a_table_of_its_own);
  CPPUNIT_TEST(a_query_asks_the_search_table_unless_few_rows_are_left);
  CPPUNIT_TEST(rows_travel_as_one_array_per_column);
  CPPUNIT_TEST(merge_replaces_a_last_column_by_the_stored_stamp);
  CPPUNIT_TEST(number_of_values_does_not_change_the_text);
  CPPUNIT_TEST(values_never_become_text);
  CPPUNIT_TEST(a_path_asks_the_index_first);
  CPPUNIT_TEST(a_prefix_ends_before_the_next_code_point);
  CPPUNIT_TEST(pattern_signs_in_contains_mean_themselves);
  CPPUNIT_TEST(a_long_id_is_looked_for_by_its_ends);
  CPPUNIT_TEST(a_limit_locks_the_rows_it_takes);
  CPPUNIT_TEST(times_out_of_range_are_refused_with_their_row);
  CPPUNIT_TEST_SUITE_END();

  void tables_have_real_types_and_comments() {
    const std::string ddl = pg::create_table(kTable);
    CPPUNIT_ASSERT(holds(ddl,
                         "\"at\" timestamp with time zone NOT NULL,\"id\" uuid NOT NULL,\"state\" "
                         "text COLLATE \"C\","));
    CPPUNIT_ASSERT(
        holds(ddl, "\"doc\" jsonb,CONSTRAINT \"things_id\" PRIMARY KEY (\"at\",\"id\"))"));
    CPPUNIT_ASSERT(holds(pg::comments(kTable).at(1), "IS 'it''s when'"));
  }

  void a_table_by_time_is_kept_in_days_if_its_keys_hold_the_time() {
    CPPUNIT_ASSERT(!pg::is_by_day(kTable));
    CPPUNIT_ASSERT(pg::is_by_day(table_of(3, Z4J_TBL_BY_TIME)));
    CPPUNIT_ASSERT(!pg::is_by_day(table_of(4, Z4J_TBL_BY_TIME)));
    CPPUNIT_ASSERT(
        holds(pg::create_table(table_of(3, Z4J_TBL_BY_TIME)), " PARTITION BY RANGE (\"at\")"));
  }

  void append_only_tables_are_guarded() {
    CPPUNIT_ASSERT(pg::create_guards(kTable).empty());
    const auto guards = pg::create_guards(table_of(1, Z4J_TBL_APPEND));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, guards.size());
    CPPUNIT_ASSERT(holds(guards[1].text, "z4j.retention"));
  }

  void text_keys_wait_for_their_extension() {
    CPPUNIT_ASSERT_EQUAL(std::string(), pg::create_index(kTable, kKeys[1], "", pg::Locking::table));
    CPPUNIT_ASSERT(
        holds(pg::create_index(kTable, kKeys[1], "ext", pg::Locking::concurrently),
              "INDEX CONCURRENTLY \"things_text\" ON \"things_search\" USING gin (\"state\" "
              "\"ext\".gin_trgm_ops)"));
    CPPUNIT_ASSERT(holds(pg::create_index(kTable, kKeys[2], "", pg::Locking::table),
                         "(\"doc\" jsonb_path_ops)"));
    constexpr std::uint16_t kParts[] = {kState, kId};
    CPPUNIT_ASSERT(pg::create_index(kTable,
                                    {lit("things_sparse"), kParts, 2, Z4J_K_ORDER, Z4J_KEY_SPARSE},
                                    "", pg::Locking::table)
                       .ends_with("(\"state\",\"id\") WHERE \"state\" IS NOT NULL"));
  }

  void what_is_searched_by_lies_in_a_table_of_its_own() {
    CPPUNIT_ASSERT(pg::has_search_table(kTable));
    CPPUNIT_ASSERT(!pg::has_search_table(table_of(1, 0)));
    CPPUNIT_ASSERT(!pg::has_search_table(table_of(3, Z4J_TBL_BY_TIME)));
    std::string all;
    for (const std::string& one : pg::create_search_table(kTable)) all += one + ";\n";
    CPPUNIT_ASSERT(holds(all,
                         "CREATE TABLE \"things_search\" (\"at\" timestamp with time zone,\"id\" "
                         "uuid,\"state\" text COLLATE \"C\",\"doc\" jsonb,PRIMARY KEY "
                         "(\"at\",\"id\"));"));
    CPPUNIT_ASSERT(holds(all,
                         "WHEN (OLD.\"state\" IS DISTINCT FROM NEW.\"state\" OR OLD.\"doc\" IS "
                         "DISTINCT FROM NEW.\"doc\")"));
    CPPUNIT_ASSERT(!holds(all, "\"stamp\""));
  }

  void a_query_asks_the_search_table_unless_few_rows_are_left() {
    const z4j_value word = text_value("w"), id = text_value("i"), moment = number_value(1);
    z4j_pred preds[4] = {};
    for (z4j_pred& p : preds) p.value_count = 1;
    preds[0].column = kState, preds[0].cmp = Z4J_CMP_CONTAINS, preds[0].values = &word;
    preds[1].column = kAt, preds[1].cmp = Z4J_CMP_GE, preds[1].values = &moment;
    preds[2].column = kDoc, preds[2].cmp = Z4J_CMP_EQ, preds[2].values = &id;
    preds[2].path = lit("/a");
    preds[3] = preds[2];
    preds[3].cmp = Z4J_CMP_NE;
    z4j_out out{};
    out.column = kId;
    z4j_query q{};
    q.preds = preds;
    q.pred_count = 4;
    q.outs = &out;
    q.out_count = 1;
    CPPUNIT_ASSERT_EQUAL(
        std::string("SELECT \"id\" FROM \"things\" WHERE \"at\">=$2 AND ((((\"doc\"@>$6) AND "
                    "(\"doc\"#>$7)=ANY($8))) IS NOT TRUE) AND (\"at\",\"id\") IN (SELECT "
                    "\"at\",\"id\" FROM \"things_search\" WHERE \"state\" ILIKE $1 AND "
                    "((\"doc\"@>$3) AND (\"doc\"#>$4)=ANY($5)))"),
        pg::select(kTable, q).text);
    q.flags = Z4J_QUERY_AMONG_FEW;
    CPPUNIT_ASSERT(!holds(pg::select(kTable, q).text, "things_search"));
    // What equals a text is asked of both, so that either index may lead.
    const z4j_value whole = text_value("done");
    preds[0].cmp = Z4J_CMP_EQ, preds[0].values = &whole;
    q.flags = 0;
    q.pred_count = 1;
    CPPUNIT_ASSERT_EQUAL(std::string("SELECT \"id\" FROM \"things\" WHERE \"state\"=$1 AND "
                                     "(\"at\",\"id\") IN (SELECT \"at\",\"id\" FROM "
                                     "\"things_search\" WHERE \"state\"=$1)"),
                         pg::select(kTable, q).text);
    CPPUNIT_ASSERT(!holds(pg::select(table_of(4, 0), q).text, "things_search"));
    preds[0].cmp = Z4J_CMP_CONTAINS, preds[0].values = &word;
    // One of a group that no index serves keeps the whole group with the table.
    q.flags = 0;
    q.pred_count = 2;
    preds[0].any = preds[1].any = 1;
    CPPUNIT_ASSERT_EQUAL(
        std::string("SELECT \"id\" FROM \"things\" WHERE (\"state\" ILIKE $1 OR \"at\">=$2)"),
        pg::select(kTable, q).text);
  }

  // One row of time, id, state and stamp.
  static void fill(z4j::store::RowsOut& rows, std::int64_t time) {
    rows.add_column(kAt, Z4J_FORM_NUM);
    rows.add_column(kId, Z4J_FORM_16);
    rows.add_column(kState, Z4J_FORM_VAR);
    rows.add_column(kStamp, Z4J_FORM_NUM);
    rows.num(0, time);
    rows.bytes(1, "0123456789abcdef");
    rows.bytes(2, "done");
    rows.null(3);
    rows.end_row();
  }

  void rows_travel_as_one_array_per_column() {
    z4j::store::RowsOut rows;
    fill(rows, pg::kEpochUs + 1);
    std::uint32_t bad_row = ~0u;
    const auto s = pg::insert(kTable, *rows.view(), bad_row);
    CPPUNIT_ASSERT_EQUAL(std::string("INSERT INTO \"things\"(\"at\",\"id\",\"state\",\"stamp\") "
                                     "SELECT * FROM unnest($1,$2,$3,$4)"),
                         s.text);
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, s.params.size());
    const std::string header("\0\0\0\1\0\0\0\0\0\0\x04\xa0\0\0\0\1\0\0\0\1", 20);
    CPPUNIT_ASSERT_EQUAL(header + std::string("\0\0\0\x08\0\0\0\0\0\0\0\1", 12), s.params[0].bytes);
    CPPUNIT_ASSERT_EQUAL(std::string("\xff\xff\xff\xff"), s.params[3].bytes.substr(20));
  }

  void merge_replaces_a_last_column_by_the_stored_stamp() {
    z4j::store::RowsOut rows;
    fill(rows, 0);
    z4j_step step{};
    step.rows = rows.view();
    std::uint32_t bad_row = ~0u;
    const auto s = pg::merge(kTable, step, pg::Outcome::wanted, bad_row);
    CPPUNIT_ASSERT(holds(
        s.text,
        "\"state\"=CASE WHEN excluded.\"stamp\" IS NOT NULL AND (\"things\".\"stamp\" IS NULL OR "
        "excluded.\"stamp\">=\"things\".\"stamp\") THEN excluded.\"state\" ELSE "
        "\"things\".\"state\" END"));
    CPPUNIT_ASSERT(holds(s.text, "RETURNING \"at\",\"id\",(\"things\".xmax=0)"));
  }

  void number_of_values_does_not_change_the_text() {
    const std::vector<z4j_value> values(5, text_value("x"));
    z4j_pred p{};
    p.column = kState;
    p.cmp = Z4J_CMP_EQ;
    p.values = values.data();
    p.value_count = 5;
    const std::string five = counted(p).text;
    p.value_count = 2;
    CPPUNIT_ASSERT_EQUAL(five, counted(p).text);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, counted(p).params.size());
  }

  void values_never_become_text() {
    const z4j_value value = text_value("'; DROP TABLE things; --");
    z4j_pred p{};
    p.column = kDoc;
    p.cmp = Z4J_CMP_EQ;
    p.values = &value;
    p.value_count = 1;
    p.path = lit("/a'b\"c");
    CPPUNIT_ASSERT(!holds(counted(p).text, "DROP"));
    CPPUNIT_ASSERT(!holds(counted(p).text, "a'b"));
  }

  void a_path_asks_the_index_first() {
    const z4j_value value = text_value("x");
    z4j_pred p{};
    p.column = kDoc;
    p.cmp = Z4J_CMP_EQ;
    p.values = &value;
    p.value_count = 1;
    p.path = lit("/a/0");
    const auto s = counted(p);
    CPPUNIT_ASSERT(holds(s.text, "((\"doc\"@>$1 OR \"doc\"@>$2) AND (\"doc\"#>$3)=ANY($4))"));
    CPPUNIT_ASSERT_EQUAL(std::string("\1{\"a\":{\"0\":\"x\"}}"), s.params[0].bytes);
    CPPUNIT_ASSERT_EQUAL(std::string("\1{\"a\":[\"x\"]}"), s.params[1].bytes);
  }

  std::string end_of(std::string_view prefix) {
    const z4j_value value = text_value(prefix);
    z4j_pred p{};
    p.column = kState;
    p.cmp = Z4J_CMP_PREFIX;
    p.values = &value;
    p.value_count = 1;
    const auto s = counted(p);
    return s.params.size() == 2 ? s.params[1].bytes : "none";
  }

  void a_prefix_ends_before_the_next_code_point() {
    CPPUNIT_ASSERT_EQUAL(std::string("ac"), end_of("ab"));
    CPPUNIT_ASSERT_EQUAL(std::string("a\xc2\x80"), end_of("a\x7f"));
    CPPUNIT_ASSERT_EQUAL(std::string("\xe0\xa0\x80"), end_of("\xdf\xbf"));
    CPPUNIT_ASSERT_EQUAL(std::string("\xee\x80\x80"), end_of("\xed\x9f\xbf"));
    CPPUNIT_ASSERT_EQUAL(std::string("b"), end_of("a\xf4\x8f\xbf\xbf"));
    CPPUNIT_ASSERT_EQUAL(std::string("none"), end_of("\xf4\x8f\xbf\xbf"));
    CPPUNIT_ASSERT_EQUAL(std::string("\xf0\xa0\x80\x80"), end_of("\xf0\x9f"));
  }

  void pattern_signs_in_contains_mean_themselves() {
    const z4j_value value = text_value("5%_\\");
    z4j_pred p{};
    p.column = kState;
    p.cmp = Z4J_CMP_CONTAINS;
    p.values = &value;
    p.value_count = 1;
    CPPUNIT_ASSERT_EQUAL(std::string("%5\\%\\_\\\\%"), counted(p).params[0].bytes);
  }

  void a_long_id_is_looked_for_by_its_ends() {
    const z4j_value value = text_value("0198f3a2-4e38-7e6c-c260-651d9d3bCD04");
    z4j_pred p{};
    p.column = kState;
    p.cmp = Z4J_CMP_CONTAINS;
    p.values = &value;
    p.value_count = 1;
    const pg::Statement s = counted(p);
    CPPUNIT_ASSERT_EQUAL(std::string("%0198f3a2-4e38-7e6c-c260-651d9d3bCD04%"), s.params[0].bytes);
    CPPUNIT_ASSERT_EQUAL(std::string("%0198f%3bCD04%"), s.params[1].bytes);
    CPPUNIT_ASSERT(holds(s.text, "(\"state\" ILIKE $2 AND (\"state\"||'') ILIKE $1)"));
  }

  void a_limit_locks_the_rows_it_takes() {
    z4j_step step{};
    step.limit = 7;
    CPPUNIT_ASSERT_EQUAL(std::string("DELETE FROM \"things\" WHERE (\"at\",\"id\") IN (SELECT "
                                     "\"at\",\"id\" FROM \"things\" LIMIT $1 FOR UPDATE)"),
                         pg::erase(kTable, step).text);
  }

  void times_out_of_range_are_refused_with_their_row() {
    z4j::store::RowsOut rows;
    fill(rows, pg::kFirstTimeUs - 1);
    std::uint32_t bad_row = ~0u;
    CPPUNIT_ASSERT_THROW((void)pg::insert(kTable, *rows.view(), bad_row), z4j::Error);
    CPPUNIT_ASSERT_EQUAL(0u, bad_row);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PgTextTest);

}  // namespace
