#include "core/store.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/testing/test_store.hpp"

namespace z4j::core {
namespace {

class StoreTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(StoreTest);
  CPPUNIT_TEST(reads_back_what_it_committed);
  CPPUNIT_TEST(a_column_first_set_in_a_later_row_is_null_before);
  CPPUNIT_TEST(a_failed_expectation_changes_nothing);
  CPPUNIT_TEST(or_groups_and_order_and_after_page_through);
  CPPUNIT_TEST(groups_are_asked_for_by_place);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;

  static Rows meta_rows(std::initializer_list<std::pair<const char*, const char*>> list) {
    Rows rows(Table::meta);
    for (const auto& [key, value] : list) {
      rows.begin().text(model::meta::key, key);
      if (value != nullptr) rows.text(model::meta::value, value);
    }
    return rows;
  }

 public:
  void reads_back_what_it_committed() {
    const base::Uuid id = base::Uuid::random();
    Rows rows(Table::projects);
    namespace p = model::projects;
    rows.begin()
        .uuid(p::id, id)
        .text(p::slug, "a")
        .text(p::name, "A")
        .text(p::environment, "x")
        .text(p::timezone, "UTC")
        .num(p::retention_days, 3)
        .num(p::is_active, 1)
        .text(p::default_scheduler_owner, "s")
        .num(p::created_at, 5)
        .num(p::updated_at, 6);
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    Query query(Table::projects);
    query.where.eq(p::id, id);
    const auto row = store_->first(query.all()).value();
    CPPUNIT_ASSERT(row.has_value());
    CPPUNIT_ASSERT(row->uuid(p::id) == id);
    CPPUNIT_ASSERT_EQUAL(std::string("a"), std::string(row->text(p::slug)));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, row->num(p::retention_days));
    CPPUNIT_ASSERT(row->flag(p::is_active));
    CPPUNIT_ASSERT(row->is_null(p::description));
  }

  void a_column_first_set_in_a_later_row_is_null_before() {
    Commit commit;
    commit.insert(meta_rows({{"a", nullptr}, {"b", "2"}, {"c", nullptr}}));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    Query query(Table::meta);
    const auto rows = store_->read(query.all().order({model::meta::key})).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, rows.size());
    CPPUNIT_ASSERT(rows[0].is_null(model::meta::value));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), std::string(rows[1].text(model::meta::value)));
    CPPUNIT_ASSERT(rows[2].is_null(model::meta::value));
  }

  void a_failed_expectation_changes_nothing() {
    Commit first;
    first.insert(meta_rows({{"a", "1"}}));
    CPPUNIT_ASSERT(store_->commit(first).ok());
    Commit second;
    second.insert(meta_rows({{"b", "1"}}));
    Where where;
    where.eq(model::meta::key, "absent");
    second.update(Table::meta, where, {{model::meta::value, "x"}}, 1);
    const auto done = store_->commit(second);
    CPPUNIT_ASSERT(!done.ok());
    CPPUNIT_ASSERT(done.error().code == base::Code::conflict);
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{1}, second.bad_step());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, store_->count(Table::meta, {}).value());
  }

  void or_groups_and_order_and_after_page_through() {
    Commit commit;
    commit.insert(meta_rows({{"a", "x"}, {"b", "y"}, {"c", "z"}, {"d", "x"}}));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    Query query(Table::meta);
    query.where.any([](Where& w) { w.eq(model::meta::value, "x").eq(model::meta::value, "z"); });
    query.columns({model::meta::key}).order({model::meta::key}, true).limit(2);
    auto page = store_->read(query).value();
    CPPUNIT_ASSERT_EQUAL(std::string("d"), std::string(page.at(0).text(model::meta::key)));
    CPPUNIT_ASSERT_EQUAL(std::string("c"), std::string(page.at(1).text(model::meta::key)));
    page = store_->read(query.after({Cell("c")})).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, page.size());
    CPPUNIT_ASSERT_EQUAL(std::string("a"), std::string(page.at(0).text(model::meta::key)));
  }

  void groups_are_asked_for_by_place() {
    Commit commit;
    commit.insert(meta_rows({{"a", "x"}, {"b", "y"}, {"c", "x"}}));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    Query query(Table::meta);
    query.group(model::meta::value).count().order({0});
    const auto rows = store_->read(query).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, rows.size());
    CPPUNIT_ASSERT_EQUAL(std::string("x"), std::string(rows[0].text(0)));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, rows[0].num(1));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreTest);

}  // namespace
}  // namespace z4j::core
