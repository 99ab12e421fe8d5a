#include "lib/sql/sql_text.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

#include <z4j/plugin.hpp>

#include <z4j/storage_check.hpp>
#include "lib/sql/json_at.hpp"

namespace {

using z4j::lit;
namespace sql = z4j::sql;
namespace store = z4j::store;

constexpr z4j_column kColumns[] = {
    {lit("id"), lit("key"), Z4J_T_INT, Z4J_COL_REQUIRED, Z4J_M_KEEP, 0},
    {lit("state"), lit("with\nbreak"), Z4J_T_TEXT, 0, Z4J_M_LAST, 2},
    {lit("stamp"), lit(""), Z4J_T_INT, 0, Z4J_M_MAX, 0},
    {lit("doc"), lit(""), Z4J_T_JSON, 0, Z4J_M_SET, 0},
};
constexpr std::uint16_t kIdColumn[] = {0};
constexpr z4j_key kKeys[] = {{lit("things_id"), kIdColumn, 1, Z4J_K_PRIMARY, 0}};
constexpr z4j_table kTable = {lit("things"), lit("a thing"), kColumns, kKeys, 4, 1, 0, 0};
constexpr z4j_schema kSchema = {sizeof(z4j_schema), 1, &kTable, 1, 0};

z4j_value text_value(std::string_view s) {
  z4j_value v{};
  v.kind = Z4J_V_TEXT;
  v.text = z4j::str(s);
  return v;
}

class SqlTextTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SqlTextTest);
  CPPUNIT_TEST(ddl_carries_comments_on_one_line);
  CPPUNIT_TEST(a_sparse_key_holds_whole_rows_only);
  CPPUNIT_TEST(merge_replaces_a_last_column_by_the_stored_stamp);
  CPPUNIT_TEST(merge_without_the_stamp_leaves_the_column_alone);
  CPPUNIT_TEST(number_of_values_is_padded_to_a_power_of_two);
  CPPUNIT_TEST(values_never_become_text);
  CPPUNIT_TEST(pointer_reaches_into_objects_and_arrays);
  CPPUNIT_TEST(numbers_compare_exactly);
  CPPUNIT_TEST(check_names_the_place_of_a_fault);
  CPPUNIT_TEST_SUITE_END();

  void ddl_carries_comments_on_one_line() {
    const std::string ddl = sql::create_table(sql::sqlite(), kTable);
    CPPUNIT_ASSERT(ddl.find("\"state\" TEXT,  -- with break\n") != std::string::npos);
    CPPUNIT_ASSERT(ddl.find("PRIMARY KEY (\"id\")\n) STRICT") != std::string::npos);
  }

  void a_sparse_key_holds_whole_rows_only() {
    constexpr std::uint16_t kParts[] = {1, 0};
    const auto index = [&](std::uint16_t flags) {
      return sql::create_index(kTable, {lit("things_state"), kParts, 2, Z4J_K_ORDER, flags});
    };
    CPPUNIT_ASSERT(index(0).ends_with("(\"state\",\"id\")"));
    CPPUNIT_ASSERT(
        index(Z4J_KEY_SPARSE).ends_with("(\"state\",\"id\") WHERE \"state\" IS NOT NULL"));
    // Only keys that order rows can leave some out.
    z4j_table table = kTable;
    const z4j_key keys[] = {kKeys[0],
                            {lit("things_state"), kParts, 2, Z4J_K_UNIQUE, Z4J_KEY_SPARSE}};
    table.keys = keys;
    table.key_count = 2;
    CPPUNIT_ASSERT_THROW(store::check_schema({sizeof(z4j_schema), 1, &table, 1, 0}), z4j::Error);
  }

  void merge_replaces_a_last_column_by_the_stored_stamp() {
    const auto s = sql::merge(sql::sqlite(), kTable, {0, 1, 2}, nullptr, 0);
    CPPUNIT_ASSERT(
        s.text.find("\"state\"=CASE WHEN excluded.\"stamp\" IS NOT NULL AND (\"things\".\"stamp\" "
                    "IS NULL OR "
                    "excluded.\"stamp\">=\"things\".\"stamp\") THEN excluded.\"state\" ELSE "
                    "\"things\".\"state\" END") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{3}, s.cells);
  }

  void merge_without_the_stamp_leaves_the_column_alone() {
    const auto s = sql::merge(sql::sqlite(), kTable, {0, 1}, nullptr, 0);
    CPPUNIT_ASSERT(s.text.find("DO UPDATE SET \"id\"=\"things\".\"id\"") != std::string::npos);
  }

  void number_of_values_is_padded_to_a_power_of_two() {
    const std::vector<z4j_value> values(5, text_value("x"));
    z4j_pred p{};
    p.column = 1;
    p.cmp = Z4J_CMP_EQ;
    p.value_count = 5;
    p.values = values.data();
    z4j_step step{};
    step.preds = &p;
    step.pred_count = 1;
    const auto s = sql::count(sql::sqlite(), kTable, step);
    CPPUNIT_ASSERT_EQUAL(std::size_t{8}, s.binds.size());
  }

  void values_never_become_text() {
    const z4j_value value = text_value("'; DROP TABLE things; --");
    z4j_pred p{};
    p.column = 3;
    p.cmp = Z4J_CMP_PREFIX;
    p.value_count = 1;
    p.values = &value;
    p.path = lit("/a'b");
    z4j_step step{};
    step.preds = &p;
    step.pred_count = 1;
    const auto s = sql::erase(sql::sqlite(), kTable, step);
    CPPUNIT_ASSERT(s.text.find('\'') == std::string::npos);
  }

  void pointer_reaches_into_objects_and_arrays() {
    const std::string_view doc =
        R"({"a":[{"b/c":"x"},7],"2":{"d":true},"n":null,"big":18446744073709551615})";
    CPPUNIT_ASSERT_EQUAL(std::string("x"), store::json_at(doc, "/a/0/b~1c").text);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, store::json_at(doc, "/a/1").num);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, store::json_at(doc, "/2/d").num);
    CPPUNIT_ASSERT(store::json_at(doc, "/n").kind == store::JsonScalar::Kind::absent);
    CPPUNIT_ASSERT(store::json_at(doc, "/a").kind == store::JsonScalar::Kind::other);
    CPPUNIT_ASSERT(store::json_at(doc, "/a/01").kind == store::JsonScalar::Kind::absent);
    CPPUNIT_ASSERT(store::json_at(doc, "/big").kind == store::JsonScalar::Kind::real);
    CPPUNIT_ASSERT(store::json_at("{broken", "/a").kind == store::JsonScalar::Kind::absent);
    const z4j_value seven{Z4J_V_NUM, 0, 7, 0, {}};
    CPPUNIT_ASSERT(store::json_has(doc, "/a", &seven, 1));
    CPPUNIT_ASSERT(!store::json_has(doc, "/2", &seven, 1));
  }

  void numbers_compare_exactly() {
    CPPUNIT_ASSERT(store::compare_numbers(std::int64_t{9007199254740993}, 9007199254740992.0) > 0);
    CPPUNIT_ASSERT(store::compare_numbers(INT64_MAX, 9223372036854775808.0) < 0);
    CPPUNIT_ASSERT(store::compare_numbers(std::int64_t{-3}, -3.5) > 0);
    CPPUNIT_ASSERT_EQUAL(0, store::compare_numbers(std::int64_t{3}, 3.0));
  }

  void check_names_the_place_of_a_fault() {
    const z4j_value value = text_value("x");
    z4j_pred p{};
    p.column = 2;
    p.cmp = Z4J_CMP_EQ;
    p.value_count = 1;
    p.values = &value;
    z4j_step step{};
    step.struct_size = sizeof step;
    step.verb = Z4J_STEP_DELETE;
    step.preds = &p;
    step.pred_count = 1;
    std::uint32_t bad_row = 0;
    try {
      store::check_step(kSchema, step, 0, "/steps/4", bad_row);
      CPPUNIT_FAIL("a text was taken for a number");
    } catch (const z4j::Error& e) {
      CPPUNIT_ASSERT_EQUAL(std::string("/steps/4/preds/0/values/0"), e.where);
      CPPUNIT_ASSERT_EQUAL(std::string("a value is not of the type of column things.stamp"),
                           std::string(e.what()));
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SqlTextTest);

}  // namespace
