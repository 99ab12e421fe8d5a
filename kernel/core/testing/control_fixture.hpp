// A store with one project, its audit log, and commands that go to agents which are held here: for
// tests.
#pragma once

#include <cppunit/TestAssert.h>

#include <memory>
#include <string>

#include "core/audit.hpp"
#include "core/commands.hpp"
#include "core/notices.hpp"
#include "core/relay.hpp"
#include "core/testing/fake_agents.hpp"
#include "core/testing/project_row.hpp"
#include "core/testing/test_store.hpp"
#include "model/ids.hpp"

namespace z4j::core::testing {

struct ControlFixture {
  ControlFixture() {
    must(audit.open());
    insert(project_row(project, "shop", clock.now()));
  }

  static void must(const base::Status& status) {
    CPPUNIT_ASSERT_MESSAGE(status.ok() ? "" : status.error().text(), status.ok());
  }
  void insert(Rows rows) {
    Commit commit;
    commit.insert(std::move(rows));
    must(store->commit(commit));
  }
  void merge(Rows rows) {
    Commit commit;
    commit.merge(std::move(rows));
    must(store->commit(commit));
  }
  void add_task(const std::string& engine, const std::string& id, const std::string& state,
                const std::optional<base::Uuid>& agent = {}) {
    namespace t = model::tasks;
    Rows rows(Table::tasks);
    rows.begin()
        .uuid(t::id, model::task_row_id(project, engine, id))
        .uuid(t::project_id, project)
        .text(t::engine, engine)
        .text(t::task_id, id)
        .text(t::name, "mail.send")
        .num(t::state_stamp, ++stamp_)
        .text(t::state, state)
        .cell(t::agent_id, agent ? Cell(*agent) : Cell())
        .num(t::sort_at, clock.now())
        .num(t::created_at, clock.now())
        .num(t::updated_at, clock.now());
    merge(std::move(rows));
  }
  void add_worker(const std::string& engine, const std::string& name, std::int64_t pid = 1,
                  const std::string& state = "online",
                  const std::optional<base::Uuid>& agent = {}) {
    namespace w = model::workers;
    Rows rows(Table::workers);
    rows.begin()
        .uuid(w::id, model::worker_row_id(project, engine, name))
        .uuid(w::project_id, project)
        .text(w::engine, engine)
        .text(w::name, name)
        .cell(w::agent_id, agent ? Cell(*agent) : Cell())
        .num(w::pid, pid)
        .text(w::state, state)
        .num(w::active_tasks, 0)
        .num(w::sort_at, clock.now())
        .num(w::created_at, clock.now())
        .num(w::updated_at, clock.now());
    merge(std::move(rows));
  }
  base::Uuid add_agent(const std::string& name, bool is_local = false) {
    namespace a = model::agents;
    const base::Uuid id = base::Uuid::random();
    Rows rows(Table::agents);
    rows.begin()
        .uuid(a::id, id)
        .uuid(a::project_id, project)
        .text(a::name, name)
        .num(a::is_local, is_local ? 1 : 0)
        .text(a::protocol_version, "2")
        .text(a::framework_adapter, "bare")
        .text(a::state, "offline")
        .num(a::events_persisted, 0)
        .num(a::events_dropped, 0)
        .num(a::created_at, clock.now())
        .num(a::updated_at, clock.now());
    insert(std::move(rows));
    return id;
  }
  // Newest last.
  [[nodiscard]] std::vector<std::string> audited() {
    std::vector<std::string> out;
    Query query(Table::audit_log);
    query.columns({model::audit_log::seq, model::audit_log::action}).order({model::audit_log::seq});
    must(store->each(query, [&out](const Row& row) {
      out.emplace_back(row.text(model::audit_log::action));
      return true;
    }));
    return out;
  }
  [[nodiscard]] std::size_t count(Table table, const Where& where = {}) {
    return static_cast<std::size_t>(store->count(table, where).value());
  }

  base::ManualClock clock{1'800'000'000 * base::kSecondUs};
  base::Log& log = base::Log::quiet();
  TestStore store;
  Audit audit{*store, clock, log, {.secret = "test secret", .previous_secrets = {}}};
  const base::Uuid project = base::Uuid::random(), brain = base::Uuid::random();
  FakeAgents agents;
  Notices notices{*store, log, brain, {}, {}};
  Relay relay{agents, *store, notices, clock, log, {.brain = brain}};
  Commands commands{*store, audit, relay, clock, log, {}};
  Actor actor{std::nullopt, std::nullopt, "192.0.2.1", "test"};

 private:
  std::int64_t stamp_ = 0;
};

}  // namespace z4j::core::testing
