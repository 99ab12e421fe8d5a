// What is PostgreSQL's own: who may connect and what is said when not, several brains on one
// schema, a server that is killed, days as tables, guards in the database. Through the plugin's C
// interface, on a private server.
#include <cppunit/extensions/HelperMacros.h>
#include <dlfcn.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <z4j/plugin.hpp>
#include <z4j/storage.hpp>

#include <z4j/storage.hpp>
#include "model/tables.hpp"
#include "private_postgres.hpp"

namespace z4j::contract {
namespace {

using store::RowsOut;
using testing::PrivatePostgres;
namespace events = model::events;
namespace meta = model::meta;

constexpr std::int64_t kDayUs = 86400000000;

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool eventually(const std::function<bool()>& what) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!what()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 10);
  }
  return true;
}

std::string a_schema() {
  static std::atomic<int> next{0};
  return "own" + std::to_string(next++);
}

// What the host hears.
struct Heard {
  std::mutex mutex;
  std::string notices, logs;  // guarded by mutex
  std::atomic<int> gaps{0};

  void add(std::string& to, std::string_view text) {
    const std::lock_guard lock(mutex);
    to.append(text).append("\n");
  }
  std::string read(const std::string& from) {
    const std::lock_guard lock(mutex);
    return from;
  }
};

// An instance of the plugin.
class Brain {
 public:
  explicit Brain(const std::string& url, const std::string& schema, const std::string& more = {})
      : config_("{\"url\":\"" + url + "\",\"schema\":\"" + schema + "\"" + more + "}") {
    service_ = z4j_notices{sizeof(z4j_notices), 0, on_notice, on_gap};
    host_ = z4j_host{};
    host_.struct_size = sizeof host_;
    host_.abi_major = Z4J_ABI_MAJOR;
    host_.ctx = this;
    host_.log_level = [](void*) -> std::int32_t { return Z4J_LOG_TRACE; };
    host_.log = [](void* self, std::int32_t, z4j_str text, z4j_str) {
      static_cast<Brain*>(self)->heard.add(static_cast<Brain*>(self)->heard.logs, view(text));
    };
    host_.op_complete = [](void* self, z4j_op, z4j_status, const z4j_error*,
                           z4j_str result) -> z4j_status {
      static_cast<Brain*>(self)->report = view(result);
      return Z4J_OK;
    };
    host_.service = [](void* self, z4j_str id) -> const void* {
      return same(id, Z4J_SERVICE_NOTICES) ? &static_cast<Brain*>(self)->service_ : nullptr;
    };
    static void* const library =
        ::dlopen(Z4J_PLUGIN_DIR "/storage-postgresql.so", RTLD_NOW | RTLD_LOCAL);
    CPPUNIT_ASSERT_MESSAGE(library != nullptr ? "" : ::dlerror(), library != nullptr);
    plugin_ = static_cast<const z4j_plugin_entry*>(::dlsym(library, Z4J_PLUGIN_SYMBOL))->plugins[0];
    storage = static_cast<const z4j_storage*>(plugin_->get_interface(lit(Z4J_IFACE_STORAGE)));
    status = plugin_->create(&host_, str(config_), &instance, &error);
    if (status == Z4J_OK) status = plugin_->start(instance, &error);
  }
  ~Brain() {
    if (instance == nullptr) return;
    (void)plugin_->stop(instance, 5000, &error);
    plugin_->destroy(instance);
  }
  Brain(const Brain&) = delete;
  Brain& operator=(const Brain&) = delete;

  z4j_status migrate(const z4j_schema& schema, bool dry_run = false) {
    status = storage->migrate(instance, 1, &schema, dry_run ? 1 : 0, &error);
    return status;
  }
  Brain& ready() {
    CPPUNIT_ASSERT_MESSAGE(error.message, status == Z4J_OK || status == Z4J_PENDING);
    CPPUNIT_ASSERT_MESSAGE(error.message, migrate(model::schema()) == Z4J_PENDING);
    return *this;
  }

  Heard heard;
  std::string report;
  z4j_status status = Z4J_OK;
  z4j_error error = empty_error();
  z4j_instance* instance = nullptr;
  const z4j_storage* storage = nullptr;

 private:
  static void on_notice(void* self, z4j_str channel, z4j_str payload) {
    Heard& heard = static_cast<Brain*>(self)->heard;
    heard.add(heard.notices, std::string(view(channel)) + "=" + std::string(view(payload)));
  }
  static void on_gap(void* self) { ++static_cast<Brain*>(self)->heard.gaps; }

  std::string config_;
  z4j_notices service_{};
  z4j_host host_{};
  const z4j_plugin* plugin_ = nullptr;
};

// One lane of it.
class Lane {
 public:
  explicit Lane(Brain& brain, std::uint32_t flags = Z4J_SESSION_WRITE) : storage_(brain.storage) {
    CPPUNIT_ASSERT_EQUAL_MESSAGE(error.message, z4j_status{Z4J_OK},
                                 storage_->session_open(brain.instance, flags, &session_, &error));
  }
  ~Lane() { storage_->session_close(session_); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  z4j_status commit(std::vector<z4j_step> steps, std::uint32_t flags = 0,
                    std::string_view serial = {}, std::uint32_t timeout_ms = 20000) {
    std::vector<z4j_step*> list;
    for (z4j_step& s : steps) list.push_back(&s);
    z4j_commit c{};
    c.struct_size = sizeof c;
    c.flags = flags;
    c.steps = list.data();
    c.step_count = static_cast<std::uint32_t>(list.size());
    c.timeout_ms = timeout_ms;
    c.serial = str(serial);
    const z4j_status st = storage_->commit(session_, 1, &c, &error);
    affected = steps.empty() ? 0 : steps.back().affected;
    return st;
  }
  // Rows of a table; -1 when the store does not answer.
  std::int64_t count(model::Table table) {
    const z4j_out out{0, Z4J_AGG_COUNT, 0, 0};
    z4j_query q{};
    q.struct_size = sizeof q;
    q.table = static_cast<std::uint16_t>(table);
    q.outs = &out;
    q.out_count = 1;
    q.timeout_ms = 10000;
    z4j_cursor* cursor = nullptr;
    if (storage_->read_open(session_, &q, &cursor, &error) != Z4J_OK) return -1;
    const z4j_rows* rows = nullptr;
    const z4j_status st = storage_->read_next(cursor, 10, &rows, &error);
    const std::int64_t n =
        st == Z4J_OK ? *static_cast<const std::int64_t*>(rows->cols[0].data) : -1;
    storage_->read_close(cursor);
    return n;
  }

  // How the server would read all agents of a project, with the planner's costs.
  std::string plan() {
    const z4j_out out{model::agents::id, 0, 0, 0};
    const std::string project(16, 'p');
    z4j_value value{};
    value.kind = Z4J_V_BYTES;
    value.text = str(project);
    z4j_pred pred{};
    pred.column = model::agents::project_id;
    pred.cmp = Z4J_CMP_EQ;
    pred.values = &value;
    pred.value_count = 1;
    z4j_query q{};
    q.struct_size = sizeof q;
    q.table = static_cast<std::uint16_t>(model::Table::agents);
    q.outs = &out;
    q.out_count = 1;
    q.preds = &pred;
    q.pred_count = 1;
    std::string text;
    const z4j_sink sink{sizeof(z4j_sink), 0, &text, [](void* to, z4j_str piece) -> z4j_status {
                          static_cast<std::string*>(to)->append(piece.ptr, piece.len);
                          return Z4J_OK;
                        }};
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK}, storage_->explain(session_, &q, &sink, &error));
    return text;
  }

  z4j_error error = empty_error();
  std::uint64_t affected = 0;

 private:
  const z4j_storage* storage_;
  z4j_session* session_ = nullptr;
};

z4j_step rows_step(std::uint16_t verb, model::Table table, RowsOut& rows) {
  z4j_step s{};
  s.struct_size = sizeof s;
  s.verb = verb;
  s.table = static_cast<std::uint16_t>(table);
  s.rows = rows.view();
  s.expect_max = ~std::uint64_t{0};
  return s;
}

class MetaRows {
 public:
  explicit MetaRows(std::initializer_list<std::pair<std::string, std::string>> list) {
    rows.add_column(meta::key, Z4J_FORM_VAR);
    rows.add_column(meta::value, Z4J_FORM_VAR);
    for (const auto& [key, value] : list) {
      rows.bytes(0, key);
      rows.bytes(1, value);
      rows.end_row();
    }
  }
  z4j_step step(std::uint16_t verb) { return rows_step(verb, model::Table::meta, rows); }
  RowsOut rows;
};

class EventRows {
 public:
  EventRows() {
    for (const std::uint16_t c : {events::occurred_at, events::stored_at})
      rows.add_column(c, Z4J_FORM_NUM);
    for (const std::uint16_t c : {events::id, events::project_id, events::agent_id})
      rows.add_column(c, Z4J_FORM_16);
    for (const std::uint16_t c : {events::engine, events::task_id, events::kind})
      rows.add_column(c, Z4J_FORM_VAR);
  }
  EventRows& add(std::int64_t at) {
    rows.num(0, at);
    rows.num(1, at);
    std::string id(16, '\0');
    id[14] = static_cast<char>(next_ / 256);
    id[15] = static_cast<char>(next_++ % 256);
    rows.bytes(2, id);
    for (std::size_t i = 3; i <= 4; ++i) rows.bytes(i, std::string(16, 'p'));
    for (std::size_t i = 5; i <= 7; ++i) rows.bytes(i, "x");
    rows.end_row();
    return *this;
  }
  z4j_step step() { return rows_step(Z4J_STEP_INSERT_NEW, model::Table::events, rows); }
  RowsOut rows;

 private:
  int next_ = 0;
};

class PostgresqlTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PostgresqlTest);
  CPPUNIT_TEST(wrong_addresses_get_one_clear_sentence_each);
  CPPUNIT_TEST(no_plain_text_over_the_network_by_default);
  CPPUNIT_TEST(a_read_only_database_is_refused);
  CPPUNIT_TEST(the_schema_can_be_read_by_people);
  CPPUNIT_TEST(a_dry_run_makes_nothing_and_a_newer_store_is_refused);
  CPPUNIT_TEST(a_dry_run_tells_that_the_extension_for_text_may_not_be_made);
  CPPUNIT_TEST(an_administrators_costs_are_left_alone);
  CPPUNIT_TEST(a_half_made_index_is_made_again);
  CPPUNIT_TEST(indexes_of_words_move_to_the_table_beside);
  CPPUNIT_TEST(events_are_kept_in_days_and_days_go_whole);
  CPPUNIT_TEST(what_text_indexes_put_off_is_done_soon);
  CPPUNIT_TEST(append_only_holds_against_other_programs);
  CPPUNIT_TEST(two_brains_hear_each_other_and_learn_of_gaps);
  CPPUNIT_TEST(a_killed_server_loses_nothing_that_was_acknowledged);
  CPPUNIT_TEST(locks_and_deadlocks_are_busy);
  CPPUNIT_TEST(serial_commits_take_turns_over_brains);
  CPPUNIT_TEST(connections_are_bounded);
  CPPUNIT_TEST(a_small_role_may_add_but_not_change_the_audit_log);
  CPPUNIT_TEST_SUITE_END();

  static PrivatePostgres& server() { return PrivatePostgres::shared(); }
  static bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  static void refused(const std::string& url, z4j_status code, const std::string& words,
                      const std::string& more = {}) {
    Brain brain(url, "x", more);
    const std::string said = brain.error.message;
    CPPUNIT_ASSERT_EQUAL_MESSAGE(said, code, brain.status);
    CPPUNIT_ASSERT_MESSAGE(said, holds(said, words));
    CPPUNIT_ASSERT_MESSAGE(
        said, !holds(said + brain.heard.logs, "hunter2") && !holds(said, server().password()));
  }

 public:
  void wrong_addresses_get_one_clear_sentence_each() {
    refused(server().url_with("hunter2"), Z4J_BAD_CONFIG, "does not let user z4j in");
    refused("postgresql://z4j@/postgres?host=" + server().folder(), Z4J_BAD_CONFIG,
            "does not let user z4j in");
    refused(server().url("nowhere"), Z4J_BAD_CONFIG, "there is no database nowhere");
    refused("postgresql://z4j:hunter2@/postgres?host=" + server().folder() + "/empty",
            Z4J_UNAVAILABLE, "cannot reach database postgres at");
    refused("postgresql://z4j:hunter2@127.0.0.1:1/postgres", Z4J_UNAVAILABLE,
            "cannot reach database postgres at 127.0.0.1:1");
    refused("postgresql://z4j:hun@ter2@127.0.0.1/postgres", Z4J_BAD_CONFIG, "write %40 for an @");
    refused("postgresql://z4j:hun/ter2@127.0.0.1/postgres", Z4J_BAD_CONFIG, "in");
    refused("nonsense hunter2", Z4J_BAD_CONFIG, "url is not a PostgreSQL address");
  }

  void no_plain_text_over_the_network_by_default() {
    refused("postgresql://z4j:hunter2@192.0.2.1/postgres?sslmode=prefer", Z4J_BAD_CONFIG,
            "in clear text over the network");
    refused("postgresql://z4j:hunter2@127.0.0.1,192.0.2.1/postgres?sslmode=disable", Z4J_BAD_CONFIG,
            "in clear text over the network");
    refused("service=x", Z4J_BAD_CONFIG, "must not name a service");
  }

  void a_read_only_database_is_refused() {
    server().sql("CREATE DATABASE still");
    server().sql("ALTER DATABASE still SET default_transaction_read_only TO on");
    refused(server().url("still"), Z4J_UNAVAILABLE, "takes no writes");
  }

  void the_schema_can_be_read_by_people() {
    const std::string schema = a_schema();
    Brain brain(server().url(), schema);
    brain.ready();
    const auto type = [&](const char* table, const char* column) {
      return server().sql(
          "SELECT format_type(atttypid,atttypmod) FROM pg_attribute WHERE attrelid='" + schema +
          "." + table + "'::regclass AND attname='" + column + "'");
    };
    CPPUNIT_ASSERT_EQUAL(std::string("timestamp with time zone"), type("events", "occurred_at"));
    CPPUNIT_ASSERT_EQUAL(std::string("uuid"), type("events", "id"));
    CPPUNIT_ASSERT_EQUAL(std::string("jsonb"), type("events", "payload"));
    CPPUNIT_ASSERT_EQUAL(std::string("boolean"), type("users", "is_admin"));
    CPPUNIT_ASSERT_EQUAL(std::string("what happened"),
                         server().sql("SELECT obj_description('" + schema + ".events'::regclass)"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("place in the chain, from 1"),
        server().sql("SELECT col_description('" + schema + ".audit_log'::regclass,1)"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("{fillfactor=70,autovacuum_vacuum_scale_factor=0.05}"),
        server().sql("SELECT reloptions FROM pg_class WHERE oid='" + schema + ".tasks'::regclass"));
    CPPUNIT_ASSERT(holds(server().sql("SELECT indexdef FROM pg_indexes WHERE schemaname='" +
                                      schema + "' AND indexname='tasks_text'"),
                         "gin_trgm_ops"));
  }

  void a_dry_run_makes_nothing_and_a_newer_store_is_refused() {
    const std::string schema = a_schema();
    Brain brain(server().url(), schema);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(brain.error.message, z4j_status{Z4J_PENDING},
                                 brain.migrate(model::schema(), true));
    CPPUNIT_ASSERT_MESSAGE(brain.report, holds(brain.report, "create table events") &&
                                             holds(brain.report, "\"from\":0"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("0"),
        server().sql("SELECT count(*) FROM pg_namespace WHERE nspname='" + schema + "'"));
    brain.ready();
    server().sql("UPDATE " + schema + ".z4j_store SET value=99 WHERE name='schema'");
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNSUPPORTED}, brain.migrate(model::schema()));
    CPPUNIT_ASSERT_MESSAGE(
        brain.error.message,
        holds(brain.error.message, "start the newer program, or restore the backup"));
    const std::string other = a_schema();
    server().sql("CREATE SCHEMA " + other);
    server().sql("CREATE TABLE " + other + ".users (a int)");
    Brain guest(server().url(), other);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG}, guest.migrate(model::schema()));
  }

  void a_dry_run_tells_that_the_extension_for_text_may_not_be_made() {
    server().sql("CREATE DATABASE leased");
    server().sql("CREATE ROLE tenant LOGIN PASSWORD 'hunter3'");
    server().sql("CREATE SCHEMA rooms AUTHORIZATION tenant", "leased");
    std::string url = server().url("leased");
    url.replace(url.find("z4j:" + server().password()), 4 + server().password().size(),
                "tenant:hunter3");
    const std::string says = "no extension pg_trgm, so text search reads whole tables";
    Brain brain(url, "rooms");
    for (const bool dry_run : {true, false}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(brain.error.message, z4j_status{Z4J_PENDING},
                                   brain.migrate(model::schema(), dry_run));
      CPPUNIT_ASSERT_MESSAGE(brain.report, holds(brain.report, says) &&
                                               holds(brain.report, "create index tasks_sorted") &&
                                               !holds(brain.report, "tasks_text"));
    }
    server().sql("GRANT CREATE ON DATABASE leased TO tenant");
    for (const bool dry_run : {true, false}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(brain.error.message, z4j_status{Z4J_PENDING},
                                   brain.migrate(model::schema(), dry_run));
      CPPUNIT_ASSERT_MESSAGE(brain.report, holds(brain.report, "create extension pg_trgm") &&
                                               holds(brain.report, "create index tasks_text"));
    }
  }

  void an_administrators_costs_are_left_alone() {
    const auto plan_in = [](const std::string& database) {
      Brain brain(server().url(database), "costs");
      brain.ready();
      return Lane(brain, 0).plan();
    };
    server().sql("CREATE DATABASE costs");
    const std::string ours = plan_in("costs");
    server().sql("ALTER DATABASE costs SET random_page_cost TO 1.1");
    server().sql("ALTER DATABASE costs SET cpu_index_tuple_cost TO 0.02");
    CPPUNIT_ASSERT_EQUAL(ours, plan_in("costs"));
    server().sql("ALTER DATABASE costs SET random_page_cost TO 4");  // said, not left out
    CPPUNIT_ASSERT(ours != plan_in("costs"));
  }

  void a_half_made_index_is_made_again() {
    const std::string schema = a_schema();
    Brain brain(server().url(), schema);
    brain.ready();
    server().sql("UPDATE pg_index SET indisvalid=false WHERE indexrelid='" + schema +
                 ".tasks_state'::regclass");
    server().sql("DROP INDEX " + schema + ".tasks_sorted");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(brain.error.message, z4j_status{Z4J_PENDING},
                                 brain.migrate(model::schema()));
    CPPUNIT_ASSERT_MESSAGE(brain.report, holds(brain.report, "drop index tasks_state") &&
                                             holds(brain.report, "create index tasks_sorted"));
    CPPUNIT_ASSERT_EQUAL(std::string("t"),
                         server().sql("SELECT indisvalid FROM pg_index WHERE indexrelid='" +
                                      schema + ".tasks_state'::regclass"));
  }

  // As a program left it that had them on the table itself; and the table beside follows.
  void indexes_of_words_move_to_the_table_beside() {
    const std::string schema = a_schema();
    Brain brain(server().url(), schema);
    brain.ready();
    const auto told = [&](const std::string& what) {
      return server().sql("SELECT " + what + " FROM " + schema + ".tasks_search");
    };
    server().sql("DROP TABLE " + schema + ".tasks_search");
    for (const char* event : {"insert", "update", "delete"})  // the fourth is found and replaced
      server().sql("DROP FUNCTION " + schema + ".z4j_tasks_search_" + event + "() CASCADE");
    server().sql("CREATE INDEX tasks_args ON " + schema + ".tasks USING gin (args jsonb_path_ops)");
    server().sql("INSERT INTO " + schema +
                 ".tasks (id,project_id,engine,task_id,name,sort_at,created_at,updated_at) SELECT "
                 "gen_random_uuid(),gen_random_uuid(),'e',n::text,'old',now(),now(),now() FROM "
                 "generate_series(1,3) n");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(brain.error.message, z4j_status{Z4J_PENDING},
                                 brain.migrate(model::schema()));
    CPPUNIT_ASSERT_MESSAGE(brain.report, holds(brain.report, "create table tasks_search") &&
                                             holds(brain.report, "create index tasks_args"));
    CPPUNIT_ASSERT_EQUAL(std::string("tasks_search"),
                         server().sql("SELECT tablename FROM pg_indexes WHERE schemaname='" +
                                      schema + "' AND indexname='tasks_args'"));
    CPPUNIT_ASSERT_EQUAL(std::string("3"), told("count(*)"));
    server().sql("UPDATE " + schema + ".tasks SET name='new' WHERE task_id='2'");
    CPPUNIT_ASSERT_EQUAL(std::string("old,new,old"), told("string_agg(name,',' ORDER BY task_id)"));
    // What else changes writes nothing there.
    const std::string place = told("string_agg(ctid::text,',' ORDER BY task_id)");
    server().sql("UPDATE " + schema + ".tasks SET state='failure'");
    CPPUNIT_ASSERT_EQUAL(place, told("string_agg(ctid::text,',' ORDER BY task_id)"));
    server().sql("DELETE FROM " + schema + ".tasks WHERE task_id='1'");
    CPPUNIT_ASSERT_EQUAL(std::string("2,3"), told("string_agg(task_id,',' ORDER BY task_id)"));
  }

  void events_are_kept_in_days_and_days_go_whole() {
    const std::string schema = a_schema();
    Brain brain(server().url(), schema);
    brain.ready();
    const auto days = [&] {
      return std::stoi(server().sql("SELECT count(*) FROM pg_inherits WHERE inhparent='" + schema +
                                    ".events'::regclass"));
    };
    CPPUNIT_ASSERT_EQUAL(5, days());  // yesterday to the day after tomorrow, and the rest
    Lane lane(brain);
    const std::int64_t today = now_us() / kDayUs * kDayUs;
    EventRows rows;
    for (const std::int64_t day : {-30, -20, -10, 0})
      rows.add(today + day * kDayUs).add(today + day * kDayUs + 5);
    rows.add(today + 3000 * kDayUs).add(-1);  // too far off for a day of their own
    CPPUNIT_ASSERT_EQUAL_MESSAGE(lane.error.message, z4j_status{Z4J_OK},
                                 lane.commit({rows.step()}));
    CPPUNIT_ASSERT_EQUAL(8, days());
    CPPUNIT_ASSERT_EQUAL(std::string("2"),
                         server().sql("SELECT count(*) FROM " + schema + ".events_rest"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{10}, lane.count(model::Table::events));

    z4j_value before{};
    before.kind = Z4J_V_NUM;
    before.num = today - 10 * kDayUs + 1;
    z4j_pred old{};
    old.column = events::occurred_at;
    old.cmp = Z4J_CMP_LT;
    old.values = &before;
    old.value_count = 1;
    z4j_step erase{};
    erase.struct_size = sizeof erase;
    erase.verb = Z4J_STEP_DELETE;
    erase.table = static_cast<std::uint16_t>(model::Table::events);
    erase.preds = &old;
    erase.pred_count = 1;
    erase.expect_max = 1;
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_CONFLICT}, lane.commit({erase}, Z4J_COMMIT_RETENTION));
    CPPUNIT_ASSERT_EQUAL(8, days());  // a commit that fails brings the days back
    CPPUNIT_ASSERT_EQUAL(std::int64_t{10}, lane.count(model::Table::events));
    erase.expect_max = ~std::uint64_t{0};
    CPPUNIT_ASSERT_EQUAL_MESSAGE(lane.error.message, z4j_status{Z4J_OK},
                                 lane.commit({erase}, Z4J_COMMIT_RETENTION));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{6},
                         lane.affected);  // two whole days, half of a third, one of the rest
    CPPUNIT_ASSERT_EQUAL(6, days());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, lane.count(model::Table::events));
    EventRows again;
    again.add(today - 20 * kDayUs + 7);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(lane.error.message, z4j_status{Z4J_OK},
                                 lane.commit({again.step()}));
    CPPUNIT_ASSERT_EQUAL(7, days());
  }

  void what_text_indexes_put_off_is_done_soon() {
    namespace tasks = model::tasks;
    const std::string schema = a_schema();
    server().sql("CREATE EXTENSION IF NOT EXISTS pgstattuple");
    Brain brain(server().url(), schema);
    brain.ready();
    Lane lane(brain);
    RowsOut rows;
    for (const std::uint16_t c : {tasks::sort_at, tasks::created_at, tasks::updated_at})
      rows.add_column(c, Z4J_FORM_NUM);
    for (const std::uint16_t c : {tasks::id, tasks::project_id}) rows.add_column(c, Z4J_FORM_16);
    for (const std::uint16_t c : {tasks::engine, tasks::task_id, tasks::name})
      rows.add_column(c, Z4J_FORM_VAR);
    for (int i = 0; i < 3000; ++i) {
      for (std::size_t c = 0; c < 3; ++c) rows.num(c, now_us());
      std::string id(16, '\0');
      id[14] = static_cast<char>(i / 256);
      id[15] = static_cast<char>(i % 256);
      rows.bytes(3, id);
      rows.bytes(4, std::string(16, 'p'));
      rows.bytes(5, "x");
      rows.bytes(6, "task-" + std::to_string(i));
      rows.bytes(7, "shop.order");
      rows.end_row();
    }
    CPPUNIT_ASSERT_EQUAL_MESSAGE(
        lane.error.message, z4j_status{Z4J_OK},
        lane.commit({rows_step(Z4J_STEP_MERGE, model::Table::tasks, rows)}));
    CPPUNIT_ASSERT(eventually([&] {
      return server().sql("SELECT pending_tuples FROM pgstatginindex('" + schema +
                          ".tasks_text')") == "0";
    }));
  }

  void append_only_holds_against_other_programs() {
    const std::string schema = a_schema();
    Brain brain(server().url(), schema);
    brain.ready();
    Lane lane(brain);
    EventRows rows;
    rows.add(now_us());
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK}, lane.commit({rows.step()}));
    for (const char* text :
         {"UPDATE events SET engine='y'", "DELETE FROM events", "TRUNCATE events"}) {
      try {
        server().sql("SET search_path TO " + schema + ";" + text);
        CPPUNIT_FAIL(std::string("taken: ") + text);
      } catch (const std::runtime_error& e) {
        CPPUNIT_ASSERT_MESSAGE(e.what(), holds(e.what(), "events is append-only"));
      }
    }
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, lane.count(model::Table::events));
  }

  static z4j_step notice(std::string_view channel, std::string_view payload) {
    z4j_step s{};
    s.struct_size = sizeof s;
    s.verb = Z4J_STEP_NOTICE;
    s.channel = str(channel);
    s.payload = str(payload);
    s.expect_max = ~std::uint64_t{0};
    return s;
  }

  void two_brains_hear_each_other_and_learn_of_gaps() {
    const std::string schema = a_schema();
    Brain a(server().url(), schema), b(server().url(), schema),
        stranger(server().url(), a_schema());
    a.ready();
    b.ready();
    stranger.ready();
    const z4j_str channels[] = {lit("tasks")};
    for (Brain* brain : {&a, &b, &stranger}) {
      CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK},
                           brain->storage->listen(brain->instance, channels, 1, &brain->error));
    }
    Lane lane(a);
    const auto listening = [&] {
      return server().sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") ==
             "3";
    };
    CPPUNIT_ASSERT(eventually(listening));
    CPPUNIT_ASSERT_EQUAL_MESSAGE(lane.error.message, z4j_status{Z4J_OK},
                                 lane.commit({notice("tasks", "one\ntwo"), notice("other", "no")}));
    CPPUNIT_ASSERT(eventually([&] { return b.heard.read(b.heard.notices) == "tasks=one\ntwo\n"; }));
    CPPUNIT_ASSERT_EQUAL(std::string("tasks=one\ntwo\n"),
                         a.heard.read(a.heard.notices));  // once, not once more through the server
    CPPUNIT_ASSERT_EQUAL(std::string(), stranger.heard.read(stranger.heard.notices));
    server().sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'");
    CPPUNIT_ASSERT(eventually([&] { return b.heard.gaps > 0; }));
    CPPUNIT_ASSERT(eventually(listening));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK}, lane.commit({notice("tasks", "back")}));
    CPPUNIT_ASSERT(eventually([&] { return holds(b.heard.read(b.heard.notices), "tasks=back"); }));
  }

  void a_killed_server_loses_nothing_that_was_acknowledged() {
    PrivatePostgres own;
    Brain brain(own.url(), "z4j");
    brain.ready();
    std::atomic<bool> stop{false};
    std::vector<std::string> acknowledged, unknown;
    std::mutex mutex;
    std::thread writer([&] {
      Lane lane(brain);
      for (int n = 0; !stop; ++n) {
        const std::string key = "k" + std::to_string(n);
        MetaRows rows({{key, "v"}});
        const z4j_status st = lane.commit({rows.step(Z4J_STEP_INSERT)});
        const std::lock_guard lock(mutex);
        if (st == Z4J_OK) acknowledged.push_back(key);
        if (st == Z4J_UNKNOWN) unknown.push_back(key);
        if (st != Z4J_OK && st != Z4J_UNKNOWN && st != Z4J_UNAVAILABLE && st != Z4J_BUSY)
          unknown.push_back(lane.error.message);
      }
    });
    const auto progress = [&](std::size_t more) {
      std::size_t from = 0;
      {
        const std::lock_guard lock(mutex);
        from = acknowledged.size();
      }
      return eventually([&] {
        const std::lock_guard lock(mutex);
        return acknowledged.size() >= from + more;
      });
    };
    bool moved = progress(50);
    for (int i = 0; i < 3 && moved; ++i) {
      own.stop(SIGKILL);
      own.start();
      moved = progress(50);
    }
    stop = true;
    writer.join();
    CPPUNIT_ASSERT(moved);
    Lane lane(brain);
    const std::string stored = "\n" + own.sql("SELECT key FROM z4j.meta") + "\n";
    for (const std::string& key : acknowledged)
      CPPUNIT_ASSERT_MESSAGE(key + " is lost", holds(stored, "\n" + key + "\n"));
    for (const std::string& key : unknown)
      CPPUNIT_ASSERT_MESSAGE(key, key[0] == 'k' && key.size() < 12);
    const auto rows = static_cast<std::size_t>(std::count(stored.begin(), stored.end(), '\n')) - 1;
    CPPUNIT_ASSERT(rows <= acknowledged.size() + unknown.size());
  }

  void locks_and_deadlocks_are_busy() {
    const std::string schema = a_schema();
    Brain brain(server().url(), schema, ",\"lock_timeout_ms\":200");
    brain.ready();
    Lane a(brain), b(brain);
    MetaRows both({{"a", "1"}, {"b", "1"}});
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK}, a.commit({both.step(Z4J_STEP_INSERT)}));
    std::thread holder([&] {
      server().sql("BEGIN;UPDATE " + schema + ".meta SET value='2';SELECT pg_sleep(2);COMMIT");
    });
    CPPUNIT_ASSERT(eventually([&] {
      return server().sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%" + schema +
                          ".meta SET%' AND wait_event='PgSleep'") == "1";
    }));
    MetaRows one({{"a", "3"}});
    const z4j_status st = a.commit({one.step(Z4J_STEP_MERGE)});
    holder.join();
    CPPUNIT_ASSERT_EQUAL_MESSAGE(a.error.message, z4j_status{Z4J_BUSY}, st);
    // Lanes that want the same rows the other way round: one waits or is told to try again, none
    // fails otherwise.
    std::atomic<int> strange{0}, done{0};
    const auto race = [&](Lane& lane, const char* first, const char* second) {
      for (int n = 0; n < 50; ++n) {
        MetaRows x({{first, "x"}}), y({{second, "y"}});
        const z4j_status s = lane.commit({x.step(Z4J_STEP_MERGE), y.step(Z4J_STEP_MERGE)});
        s == Z4J_OK ? ++done : s == Z4J_BUSY ? 0 : ++strange;
      }
    };
    std::thread other([&] { race(b, "b", "a"); });
    race(a, "a", "b");
    other.join();
    CPPUNIT_ASSERT_EQUAL(0, strange.load());
    CPPUNIT_ASSERT(done > 0);
  }

  void serial_commits_take_turns_over_brains() {
    const std::string schema = a_schema();
    Brain a(server().url(), schema), b(server().url(), schema);
    a.ready();
    b.ready();
    // Each counts the rows and inserts one more; without turns both would find the same number.
    const auto add = [](Brain& brain, int rounds, std::atomic<int>& failed) {
      Lane lane(brain);
      for (int n = 0; n < rounds; ++n) {
        MetaRows rows(
            {{std::to_string(reinterpret_cast<std::uintptr_t>(&brain)) + "-" + std::to_string(n),
              "v"}});
        if (lane.commit({rows.step(Z4J_STEP_INSERT)}, 0, "meta") != Z4J_OK) ++failed;
      }
    };
    std::atomic<int> failed{0};
    std::thread other([&] { add(b, 50, failed); });
    add(a, 50, failed);
    other.join();
    CPPUNIT_ASSERT_EQUAL(0, failed.load());
    Lane lane(a);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, lane.count(model::Table::meta));
  }

  void connections_are_bounded() {
    Brain brain(server().url(), a_schema(), ",\"max_connections\":6");
    brain.ready();
    std::vector<std::unique_ptr<Lane>> lanes;
    for (int i = 0; i < 3; ++i) lanes.push_back(std::make_unique<Lane>(brain, 0));
    z4j_session* one_more = nullptr;
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BUSY},
                         brain.storage->session_open(brain.instance, 0, &one_more, &brain.error));
    lanes.pop_back();
    const Lane again(brain, 0);
  }

  void a_small_role_may_add_but_not_change_the_audit_log() {
    const std::string schema = a_schema();
    server().sql("CREATE ROLE clerk LOGIN PASSWORD 'hunter2'");
    Brain owner(server().url(), schema, ",\"grant_to\":\"clerk\"");
    owner.ready();
    std::string url = server().url_with("hunter2");
    url.replace(url.find("z4j:"), 4, "clerk:");
    Brain clerk(url, schema);
    clerk.ready();
    Lane lane(clerk);
    MetaRows rows({{"a", "1"}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(lane.error.message, z4j_status{Z4J_OK},
                                 lane.commit({rows.step(Z4J_STEP_MERGE)}));
    CPPUNIT_ASSERT_EQUAL(
        std::string("t|f|f"),
        server().sql("SELECT has_table_privilege('clerk','" + schema +
                     ".audit_log','INSERT'),has_table_privilege('clerk','" + schema +
                     ".audit_log','UPDATE'),has_table_privilege('clerk','" + schema +
                     ".audit_log','DELETE')"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PostgresqlTest);

}  // namespace
}  // namespace z4j::contract
