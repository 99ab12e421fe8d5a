// Values that are offered to whoever types.
#include "core/suggestions.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/testing/test_store.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

class SuggestionsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SuggestionsTest);
  CPPUNIT_TEST(names_that_begin_so_come_first_then_those_that_hold_it);
  CPPUNIT_TEST(queues_and_workers_of_several_engines_are_told_once);
  CPPUNIT_TEST(engines_are_those_of_workers_queues_and_agents);
  CPPUNIT_TEST(exceptions_are_those_of_the_groups_of_errors);
  CPPUNIT_TEST(another_projects_values_are_not_told);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  const base::Uuid project_ = base::Uuid::random();

  void insert(Rows rows) {
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  void add_task(const base::Uuid& project, const std::string& id, const std::string& name) {
    namespace t = model::tasks;
    Rows rows(Table::tasks);
    rows.begin()
        .uuid(t::id, model::task_row_id(project, "celery", id))
        .uuid(t::project_id, project)
        .text(t::engine, "celery")
        .text(t::task_id, id)
        .text_or_null(t::name, name)
        .num(t::sort_at, 1)
        .num(t::created_at, 1)
        .num(t::updated_at, 1);
    insert(std::move(rows));
  }
  void add_queue(const base::Uuid& project, const std::string& engine, const std::string& name) {
    namespace q = model::queues;
    Rows rows(Table::queues);
    rows.begin()
        .uuid(q::id, base::Uuid::random())
        .uuid(q::project_id, project)
        .text(q::engine, engine)
        .text(q::name, name)
        .num(q::created_at, 1)
        .num(q::updated_at, 1);
    insert(std::move(rows));
  }
  void add_worker(const std::string& engine, const std::string& name) {
    namespace w = model::workers;
    Rows rows(Table::workers);
    rows.begin()
        .uuid(w::id, base::Uuid::random())
        .uuid(w::project_id, project_)
        .text(w::engine, engine)
        .text(w::name, name)
        .text(w::state, "online")
        .num(w::active_tasks, 0)
        .num(w::sort_at, 1)
        .num(w::created_at, 1)
        .num(w::updated_at, 1);
    insert(std::move(rows));
  }
  void add_group(const base::Uuid& project, const std::string& print, const std::string& type) {
    namespace g = model::error_groups;
    Rows rows(Table::error_groups);
    rows.begin()
        .uuid(g::project_id, project)
        .text(g::fingerprint, print)
        .num(g::lane, 0)
        .num(g::first_seen_at, 1)
        .num(g::last_seen_at, 1)
        .text_or_null(g::exception, type);
    insert(std::move(rows));
  }
  std::string suggest(SuggestedField field, std::string_view prefix, std::uint32_t limit = 10) {
    auto values = suggest_values(*store_, project_, field, prefix, limit);
    CPPUNIT_ASSERT_MESSAGE(values ? "" : values.error().text(), values.ok());
    std::string out;
    for (const std::string& value : *values) out += (out.empty() ? "" : " ") + value;
    return out;
  }

 public:
  void names_that_begin_so_come_first_then_those_that_hold_it() {
    int id = 0;
    for (const char* name : {"shop.pay", "shop.mail", "mail.send", "mail.send", "billing.Mail", ""})
      add_task(project_, "t" + std::to_string(id++), name);
    using enum SuggestedField;
    CPPUNIT_ASSERT_EQUAL(std::string("mail.send billing.Mail shop.mail"), suggest(name, "mail"));
    CPPUNIT_ASSERT_EQUAL(std::string("mail.send billing.Mail"), suggest(name, "mail", 2));
    CPPUNIT_ASSERT_EQUAL(std::string("billing.Mail mail.send shop.mail"), suggest(name, "MAIL"));
    CPPUNIT_ASSERT_EQUAL(std::string("billing.Mail mail.send shop.mail shop.pay"),
                         suggest(name, ""));
    CPPUNIT_ASSERT_EQUAL(std::string("shop.mail"), suggest(name, "shop.", 1));
    CPPUNIT_ASSERT_EQUAL(std::string(), suggest(name, "%"));
  }

  void queues_and_workers_of_several_engines_are_told_once() {
    for (const char* name : {"mail", "main", "other"}) add_queue(project_, "celery", name);
    add_queue(project_, "rq", "mail");
    add_worker("celery", "w1@host");
    add_worker("rq", "w1@host");
    CPPUNIT_ASSERT_EQUAL(std::string("mail main"), suggest(SuggestedField::queue, "ma"));
    CPPUNIT_ASSERT_EQUAL(std::string("mail"), suggest(SuggestedField::queue, "", 1));
    CPPUNIT_ASSERT_EQUAL(std::string(), suggest(SuggestedField::queue, "MA"));
    CPPUNIT_ASSERT_EQUAL(std::string("w1@host"), suggest(SuggestedField::worker, "w"));
  }

  void engines_are_those_of_workers_queues_and_agents() {
    namespace a = model::agents;
    add_queue(project_, "rq", "mail");
    add_worker("celery", "w1");
    Rows rows(Table::agents);
    rows.begin()
        .uuid(a::id, base::Uuid::random())
        .uuid(a::project_id, project_)
        .text(a::name, "web")
        .num(a::is_local, 0)
        .text(a::protocol_version, "2")
        .text(a::framework_adapter, "bare")
        .text(a::engine_adapters, R"(["dramatiq","rq",7])")
        .text(a::state, "offline")
        .num(a::events_persisted, 0)
        .num(a::events_dropped, 0)
        .num(a::created_at, 1)
        .num(a::updated_at, 1);
    insert(std::move(rows));
    CPPUNIT_ASSERT_EQUAL(std::string("celery dramatiq rq"), suggest(SuggestedField::engine, ""));
    CPPUNIT_ASSERT_EQUAL(std::string("dramatiq"), suggest(SuggestedField::engine, "d"));
    CPPUNIT_ASSERT_EQUAL(std::string("celery"), suggest(SuggestedField::engine, "", 1));
  }

  void exceptions_are_those_of_the_groups_of_errors() {
    int print = 0;
    for (const char* type : {"ValueError", "KeyError", "ValueError", "OSError", ""})
      add_group(project_, std::to_string(print++), type);
    CPPUNIT_ASSERT_EQUAL(std::string("KeyError OSError ValueError"),
                         suggest(SuggestedField::exception, ""));
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError"), suggest(SuggestedField::exception, "V"));
  }

  void another_projects_values_are_not_told() {
    const base::Uuid other = base::Uuid::random();
    add_group(other, "1", "SecretError");
    add_task(other, "t1", "secret.name");
    add_queue(other, "secret", "secret");
    for (const auto field : {SuggestedField::name, SuggestedField::queue, SuggestedField::worker,
                             SuggestedField::engine, SuggestedField::exception})
      CPPUNIT_ASSERT_EQUAL(std::string(), suggest(field, ""));
    CPPUNIT_ASSERT_EQUAL(std::string(), suggest(SuggestedField::name, "name"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SuggestionsTest);

}  // namespace
}  // namespace z4j::core
