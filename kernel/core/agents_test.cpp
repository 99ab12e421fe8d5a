#include "core/agents.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "core/ingest.hpp"
#include "core/presence.hpp"
#include "core/testing/test_store.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace agent_col = model::agents;
namespace project_col = model::projects;
namespace json = base::json;

// The host is real, so answers come on its threads; the clock of what is tested is ours.
class AgentsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AgentsTest);
  CPPUNIT_TEST(an_instance_is_an_agent_of_its_project);
  CPPUNIT_TEST(an_unknown_project_is_refused);
  CPPUNIT_TEST(a_remote_agent_keeps_its_name);
  CPPUNIT_TEST(takes_events_from_the_start_to_after_the_end);
  CPPUNIT_TEST(counts_what_the_engine_dropped);
  CPPUNIT_TEST(carries_commands);
  CPPUNIT_TEST(a_command_for_an_agent_that_is_gone_is_refused);
  CPPUNIT_TEST(open_commands_are_bounded);
  CPPUNIT_TEST(snapshots_become_rows_and_a_registry);
  CPPUNIT_TEST(ill_health_shows_with_its_reason);
  CPPUNIT_TEST(the_sign_of_life_is_written_and_never_goes_back);
  CPPUNIT_TEST(time_out_of_sight_is_a_gap);
  CPPUNIT_TEST(open_tasks_are_asked_about_and_what_is_proven_is_pushed);
  CPPUNIT_TEST(a_task_that_ended_while_the_brain_was_down_ends_in_its_state);
  CPPUNIT_TEST(a_full_queue_delays_what_was_proven);
  CPPUNIT_TEST(agents_of_instances_that_nobody_runs_become_offline);
  CPPUNIT_TEST(agents_elsewhere_whose_brain_is_gone_become_offline);
  CPPUNIT_TEST(runs_and_stops_on_its_own_thread);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::SystemClock host_clock_;
  base::ManualClock clock_{1'800'000'000 * base::kSecondUs};
  std::unique_ptr<plugin::Host> host_;
  std::unique_ptr<LocalAgents> agents_;
  base::Uuid project_;

  std::function<base::Status(const EventSource&, const z4j_event_batch&)>
      forward_;  // instead of what follows
  std::mutex mutex_;
  std::vector<std::pair<std::string, std::uint16_t>> pushed_;  // task id, kind; guarded by mutex_
  base::Status push_answer_;
  int refused_ = 0;
  std::uint64_t dropped_ = 0;
  std::string dropped_why_;
  std::atomic<int> changes_{0};

 public:
  void setUp() override {
    plugin::Host::Options options;
    options.directories = {std::string(Z4J_BINARY_DIR) + "/tests/plugins"};
    options.host_version = "test";
    plugin::Callbacks callbacks;
    callbacks.emit = [this](const std::string& i, const z4j_event_batch& b) {
      return agents_->emit(i, b);
    };
    callbacks.health = [this](const std::string& i, plugin::Health, std::string_view) {
      agents_->health(i);
    };
    callbacks.metric = [this](const std::string& i, std::string_view n, std::string_view l,
                              double v, int k) { agents_->metric(i, n, l, v, k); };
    host_ = std::make_unique<plugin::Host>(options, std::move(callbacks), base::Log::quiet(),
                                           host_clock_);
    make_agents();
    project_ = base::Uuid::random();
    Rows rows(Table::projects);
    rows.begin()
        .uuid(project_col::id, project_)
        .text(project_col::slug, "default")
        .text(project_col::name, "Default")
        .text(project_col::environment, "x")
        .text(project_col::timezone, "UTC")
        .num(project_col::retention_days, 30)
        .num(project_col::is_active, 1)
        .text(project_col::default_scheduler_owner, "x")
        .num(project_col::created_at, 1)
        .num(project_col::updated_at, 1);
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  void tearDown() override {
    agents_->stop();
    host_->stop_all();
  }

  void make_agents(std::int64_t max_open = 256) {
    LocalAgents::Options options;
    options.push = [this](const EventSource& source, const z4j_event_batch& batch) -> base::Status {
      if (forward_) return forward_(source, batch);
      const std::lock_guard lock(mutex_);
      if (source.project_id != project_)
        return base::Error{
            .code = base::Code::invalid, .message = "another project", .where = {}, .hint = {}};
      if (!push_answer_) {
        ++refused_;
        return push_answer_;
      }
      for (std::uint32_t i = 0; i < batch.rows; ++i) {
        const auto* o = batch.task_id.offsets;
        pushed_.emplace_back(std::string(batch.task_id.data + o[i], o[i + 1] - o[i]),
                             batch.kind[i]);
      }
      return {};
    };
    options.dropped = [this](const EventSource&, std::uint64_t n, std::string_view why) {
      const std::lock_guard lock(mutex_);
      dropped_ += n;
      dropped_why_ = why;
    };
    options.on_changed = [this](const base::Uuid&, std::string_view) { ++changes_; };
    options.host_name = "here";
    options.max_open_commands = max_open;
    agents_ = std::make_unique<LocalAgents>(*host_, *store_, clock_, base::Log::quiet(),
                                            std::move(options));
  }
  static config::PluginEntry entry(const std::string& settings = "{}",
                                   const std::string& name = "one") {
    config::PluginEntry e;
    e.name = name;
    e.plugin = "test-engine";
    e.settings = json::parse(settings).value().as_object();
    return e;
  }
  base::Uuid start(const config::PluginEntry& e) {
    CPPUNIT_ASSERT(agents_->prepare(e).ok());
    const auto started = host_->start(e);
    CPPUNIT_ASSERT_MESSAGE(started ? "" : started.error().text(), started.ok());
    CPPUNIT_ASSERT(agents_->add(e).ok());
    return model::derived_id(project_, "agent", "local", e.name);
  }
  Row agent(const base::Uuid& id) {
    Query query(Table::agents);
    query.where.eq(agent_col::id, id);
    return store_->first(query.all()).value().value();
  }
  std::string column(const base::Uuid& id, std::uint16_t number) {
    return std::string(agent(id).text(number));
  }
  // Rounds until it holds; a minute of ours passes in each when `seconds` says so.
  template <class F>
  void until(F&& holds, std::int64_t seconds = 0) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds()) {
      CPPUNIT_ASSERT_MESSAGE("did not come to pass", std::chrono::steady_clock::now() < deadline);
      agents_->work();
      clock_.advance(seconds * base::kSecondUs);
      std::this_thread::yield();
    }
  }
  bool has_pushed(const std::string& task, std::uint16_t kind) {
    const std::lock_guard lock(mutex_);
    return std::find(pushed_.begin(), pushed_.end(), std::pair(task, kind)) != pushed_.end();
  }
  base::Result<std::string> run(const base::Uuid& agent, std::uint64_t verb,
                                const std::string& target, const std::string& args = "{}") {
    auto answer = std::make_shared<std::promise<base::Result<std::string>>>();
    auto future = answer->get_future();
    agents_->command(agent, "test", verb, target, args, 20'000,
                     [answer](base::Result<std::string> r) { answer->set_value(std::move(r)); });
    return future.get();
  }
  void store_open_task(const std::string& id) {
    namespace task_col = model::tasks;
    Rows rows(Table::tasks);
    rows.begin()
        .uuid(task_col::id, model::task_row_id(project_, "test", id))
        .uuid(task_col::project_id, project_)
        .text(task_col::engine, "test")
        .text(task_col::task_id, id)
        .text(task_col::state, "started")
        .num(task_col::state_stamp, 1)
        .num(task_col::sort_at, clock_.now())
        .num(task_col::sort_stamp, 1)
        .num(task_col::created_at, clock_.now())
        .num(task_col::updated_at, clock_.now());
    Commit commit;
    commit.merge(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  std::vector<Row> gaps() {
    Query query(Table::gaps);
    return store_->read(query.all()).value();
  }

  void an_instance_is_an_agent_of_its_project() {
    const base::Uuid id = start(entry(R"({"capabilities":30})"));
    const Row row = agent(id);
    CPPUNIT_ASSERT(row.uuid(agent_col::project_id) == project_);
    CPPUNIT_ASSERT_EQUAL(std::string("local:one"), std::string(row.text(agent_col::name)));
    CPPUNIT_ASSERT(row.flag(agent_col::is_local));
    CPPUNIT_ASSERT(row.is_null(agent_col::token_hash));
    CPPUNIT_ASSERT_EQUAL(std::string("online"), std::string(row.text(agent_col::state)));
    CPPUNIT_ASSERT(row.is_null(agent_col::state_reason));
    CPPUNIT_ASSERT_EQUAL(std::string(R"(["test"])"),
                         json::write(row.json(agent_col::engine_adapters)));
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"test":["bulk_retry","cancel_task","retry_task","submit_task"]})"),
        json::write(row.json(agent_col::capabilities)));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), std::string(row.text(agent_col::protocol_version)));
    CPPUNIT_ASSERT_EQUAL(std::string("here"), std::string(row.text(agent_col::host_name)));
    CPPUNIT_ASSERT(!row.text(agent_col::agent_version).empty());
    CPPUNIT_ASSERT_EQUAL(clock_.now(), row.num(agent_col::last_connect_at));
    CPPUNIT_ASSERT(gaps().empty());

    const auto routes = agents_->routes(project_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, routes.size());
    CPPUNIT_ASSERT(routes[0].is_online && routes[0].agent_id == id && routes[0].engine == "test" &&
                   routes[0].capabilities == 30);
    CPPUNIT_ASSERT(agents_->routes(base::Uuid::random()).empty());

    agents_->remove("one");
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), column(id, agent_col::state));
    CPPUNIT_ASSERT_EQUAL(std::string("stopped"), column(id, agent_col::state_reason));
    CPPUNIT_ASSERT(!agents_->routes(project_).at(0).is_online);
    agents_->remove("one");
    agents_->remove("nobody");
  }
  void an_unknown_project_is_refused() {
    config::PluginEntry e = entry();
    e.project = "nowhere";
    const auto refused = agents_->prepare(e);
    CPPUNIT_ASSERT(refused.error().code == base::Code::bad_config);
    CPPUNIT_ASSERT(refused.error().message.find("nowhere") != std::string::npos);
  }
  void a_remote_agent_keeps_its_name() {
    Rows rows(Table::agents);
    rows.begin()
        .uuid(agent_col::id, base::Uuid::random())
        .uuid(agent_col::project_id, project_)
        .text(agent_col::name, "local:one")
        .num(agent_col::is_local, 0)
        .text(agent_col::protocol_version, "2")
        .text(agent_col::framework_adapter, "django")
        .text(agent_col::state, "online")
        .num(agent_col::events_persisted, 0)
        .num(agent_col::events_dropped, 0)
        .num(agent_col::created_at, 1)
        .num(agent_col::updated_at, 1);
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    CPPUNIT_ASSERT(agents_->prepare(entry()).error().code == base::Code::conflict);
  }
  void takes_events_from_the_start_to_after_the_end() {
    const base::Uuid id = start(entry(R"({"events":[{"kind":"started","task_id":"t1"}]})"));
    CPPUNIT_ASSERT(has_pushed("t1", Z4J_EV_STARTED));
    CPPUNIT_ASSERT(run(id, Z4J_ENGINE_ENQUEUE, "test:emit",
                       R"({"events":[{"kind":"succeeded","task_id":"t1"}]})")
                       .ok());
    CPPUNIT_ASSERT(has_pushed("t1", Z4J_EV_SUCCEEDED));
    agents_->remove("one");
    z4j::BatchBuilder batch;
    batch.begin_row(1, Z4J_EV_FAILED);
    batch.task_id("t2");
    CPPUNIT_ASSERT(agents_->emit("one", batch.batch()).ok());
    CPPUNIT_ASSERT(has_pushed("t2", Z4J_EV_FAILED));
    CPPUNIT_ASSERT(agents_->emit("nobody", batch.batch()).error().code == base::Code::busy);
  }
  void counts_what_the_engine_dropped() {
    (void)start(entry());
    agents_->metric("one", "events_dropped", R"({"why":"too old"})", 3, 0);
    agents_->metric("one", "events_dropped", "]", -1, 0);
    agents_->metric("one", "other", "{}", 5, 0);
    agents_->metric("nobody", "events_dropped", "{}", 5, 0);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, dropped_);
    CPPUNIT_ASSERT_EQUAL(std::string("too old"), dropped_why_);
  }
  void carries_commands() {
    const base::Uuid id = start(
        entry(R"({"calls":{"command/RETRY":{"answer":{"outcome":"done","new_task_id":"n"}}}})"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"outcome":"done","new_task_id":"n"})"),
                         run(id, Z4J_ENGINE_RETRY, "t").value());
  }
  void a_command_for_an_agent_that_is_gone_is_refused() {
    const base::Uuid id = start(entry());
    CPPUNIT_ASSERT(run(base::Uuid::random(), Z4J_ENGINE_RETRY, "t").error().code ==
                   base::Code::unavailable);
    CPPUNIT_ASSERT(run(id, Z4J_ENGINE_RETRY, std::string(5000, 't')).error().code ==
                   base::Code::too_large);
    agents_->remove("one");
    CPPUNIT_ASSERT(run(id, Z4J_ENGINE_RETRY, "t").error().code == base::Code::unavailable);
  }
  void open_commands_are_bounded() {
    make_agents(1);
    const base::Uuid id = start(entry(
        R"({"calls":{"command/RETRY/slow":{"never":true},"command/RETRY/quick":{"answer":{}}}})"));
    std::promise<void> late;
    agents_->command(id, "test", Z4J_ENGINE_RETRY, "slow", "{}", 500,
                     [&late](const base::Result<std::string>&) { late.set_value(); });
    CPPUNIT_ASSERT(run(id, Z4J_ENGINE_RETRY, "quick").error().code == base::Code::busy);
    late.get_future().get();
    CPPUNIT_ASSERT(run(id, Z4J_ENGINE_RETRY, "quick").ok());
  }
  void snapshots_become_rows_and_a_registry() {
    const base::Uuid id = start(entry(R"({"calls":{
        "snapshot/workers":{"answer":{"items":[{"name":"w1","state":"online","queues":["q"]}],"next":null}},
        "snapshot/queues":{"answer":{"items":[{"name":"q","pending":4}],"next":null}},
        "snapshot/registry":{"answer":{"items":[{"name":"app.add","workers":["w1"]}],"next":null}}}})"));
    until([&] {
      return store_->count(Table::workers, {}).value() == 1 &&
             store_->count(Table::queues, {}).value() == 1 && !agents_->registry(id)->empty();
    });
    CPPUNIT_ASSERT_EQUAL(std::string("app.add"), agents_->registry(id)->at(0).name);
    CPPUNIT_ASSERT(agents_->registry(base::Uuid::random()) == nullptr);
    const auto live = agents_->engine(id);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, live->registry_size);
    CPPUNIT_ASSERT_EQUAL(std::string("started"), live->state);
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), live->health);
    CPPUNIT_ASSERT(changes_ > 0);
  }
  void ill_health_shows_with_its_reason() {
    const base::Uuid id = start(entry());
    CPPUNIT_ASSERT(
        run(id, Z4J_ENGINE_ENQUEUE, "test:health", R"({"state":1,"why":"broker away"})").ok());
    until([&] { return column(id, agent_col::state_reason) == "broker away"; });
    CPPUNIT_ASSERT_EQUAL(std::string("online"), column(id, agent_col::state));
    CPPUNIT_ASSERT(
        run(id, Z4J_ENGINE_ENQUEUE, "test:health", R"({"state":2,"why":"wrong password"})").ok());
    until([&] { return column(id, agent_col::state) == "offline"; });
    CPPUNIT_ASSERT_EQUAL(std::string("wrong password"), column(id, agent_col::state_reason));
    CPPUNIT_ASSERT(run(id, Z4J_ENGINE_ENQUEUE, "test:health", R"({"state":0,"why":""})").ok());
    until([&] { return column(id, agent_col::state) == "online"; });
    CPPUNIT_ASSERT(agent(id).is_null(agent_col::state_reason));
  }
  void the_sign_of_life_is_written_and_never_goes_back() {
    const base::Uuid id = start(entry());
    until([&] { return agent(id).num(agent_col::last_seen_at) > 1'800'000'000 * base::kSecondUs; },
          1);
    clock_.advance(100 * base::kSecondUs);
    z4j::BatchBuilder batch;
    batch.begin_row(1, Z4J_EV_STARTED);
    batch.task_id("t");
    CPPUNIT_ASSERT(agents_->emit("one", batch.batch()).ok());
    const base::TimeUs seen = clock_.now();
    agents_->work();
    CPPUNIT_ASSERT(agent(id).num(agent_col::last_seen_at) >= seen);
    clock_.set(seen - 50 * base::kSecondUs);
    CPPUNIT_ASSERT(agents_->emit("one", batch.batch()).ok());
    agents_->remove("one");
    CPPUNIT_ASSERT(agent(id).num(agent_col::last_seen_at) >= seen);
  }
  void time_out_of_sight_is_a_gap() {
    const config::PluginEntry e = entry(R"({"capabilities":1})");
    const base::Uuid id = start(e);
    const base::TimeUs seen = clock_.now();
    agents_->work();
    agents_->remove("one");
    CPPUNIT_ASSERT(host_->stop("one").ok());
    clock_.advance(10 * base::kSecondUs);
    (void)start(e);
    CPPUNIT_ASSERT(gaps().empty());
    agents_->remove("one");
    CPPUNIT_ASSERT(host_->stop("one").ok());
    clock_.advance(60 * base::kSecondUs);
    make_agents();  // as a new process
    (void)start(e);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, gaps().size());
    namespace gap_col = model::gaps;
    const Row gap = gaps().at(0);
    CPPUNIT_ASSERT(gap.uuid(gap_col::agent_id) == id && gap.uuid(gap_col::project_id) == project_);
    CPPUNIT_ASSERT_EQUAL(std::string("brain down"), std::string(gap.text(gap_col::why)));
    CPPUNIT_ASSERT_EQUAL(seen + 10 * base::kSecondUs, gap.num(gap_col::from_at));
    CPPUNIT_ASSERT_EQUAL(clock_.now(), gap.num(gap_col::to_at));
    CPPUNIT_ASSERT(gap.is_null(gap_col::lost));
    until([&] { return gaps().at(0).num_or_none(gap_col::rebuilt).has_value(); });
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, gaps().at(0).num(gap_col::rebuilt));
  }
  void open_tasks_are_asked_about_and_what_is_proven_is_pushed() {
    store_open_task("t1");
    (void)start(entry(
        R"({"calls":{"snapshot/state":{"answer":{"items":[{"task_id":"t1","state":"success","evidence":"result"}]}}}})"));
    until([&] { return has_pushed("t1", Z4J_EV_SUCCEEDED); });
  }
  void a_task_that_ended_while_the_brain_was_down_ends_in_its_state() {
    namespace task_col = model::tasks;
    Ingest::Options options;
    options.clock = &clock_;
    options.log = &base::Log::quiet();
    const auto ingest = Ingest::make(*store_, options).value();
    ingest->start();
    forward_ = [&ingest](const EventSource& source, const z4j_event_batch& batch) {
      return ingest->push(source, batch);
    };
    const auto state = [&] {
      Query query(Table::tasks);
      query.where.eq(task_col::id, model::task_row_id(project_, "test", "t1"));
      const auto row = store_->first(query.all()).value();
      return row ? std::string(row->text(task_col::state)) : std::string("none");
    };
    const std::string started =
        R"("events":[{"kind":"started","task_id":"t1","task":"app.add","time_us":1799999990000000}])";
    (void)start(entry("{" + started + "}"));
    until([&] { return state() == "started"; });
    CPPUNIT_ASSERT(host_->stop("one").ok());
    clock_.advance(20 * base::kSecondUs);
    make_agents();  // as a new process
    (void)start(entry(R"({"calls":{"snapshot/state":{"answer":{"items":[
        {"task_id":"t1","state":"failure","finished_at":1800000010,"exception":"ValueError: x","evidence":"result key"}]}}}})"));
    until([&] { return state() == "failure"; });
    Query query(Table::tasks);
    const Row row = store_->first(query.all()).value().value();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1'800'000'010} * base::kSecondUs,
                         row.num(task_col::finished_at));
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError: x"), std::string(row.text(task_col::exception)));
    CPPUNIT_ASSERT_EQUAL(std::string("app.add"), std::string(row.text(task_col::name)));
    until([&] { return gaps().size() == 1 && gaps().at(0).num(model::gaps::rebuilt) == 1; });
    ingest->stop(10'000);
    forward_ = nullptr;
  }
  void a_full_queue_delays_what_was_proven() {
    store_open_task("t1");
    push_answer_ = base::Error{.code = base::Code::busy,
                               .message = "full",
                               .where = {},
                               .hint = {},
                               .retry_after_ms = 100};
    (void)start(entry(
        R"({"calls":{"snapshot/state":{"answer":{"items":[{"task_id":"t1","state":"success","evidence":"result"}]}}}})"));
    until([&] {
      const std::lock_guard lock(mutex_);
      return refused_ > 0;
    });
    CPPUNIT_ASSERT(!has_pushed("t1", Z4J_EV_SUCCEEDED));
    {
      const std::lock_guard lock(mutex_);
      push_answer_ = {};
    }
    until([&] { return has_pushed("t1", Z4J_EV_SUCCEEDED); }, 1);
  }
  void agents_of_instances_that_nobody_runs_become_offline() {
    LocalAgentRow row;
    row.id = base::Uuid::random();
    row.project_id = project_;
    row.instance = "old";
    row.engine = "test";
    CPPUNIT_ASSERT(save_local_agent(*store_, row, "", clock_.now()).ok());
    Commit commit;
    patch_presence(commit, {{row.id, "test", {true, "", 1}, clock_.now()}}, clock_.now());
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    agents_->work();
    CPPUNIT_ASSERT_EQUAL(std::string("online"), column(row.id, agent_col::state));
    clock_.advance(31 * base::kSecondUs);
    agents_->work();
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), column(row.id, agent_col::state));
    CPPUNIT_ASSERT(!column(row.id, agent_col::state_reason).empty());
  }
  void agents_elsewhere_whose_brain_is_gone_become_offline() {
    namespace slot_col = model::agent_workers;
    const base::Uuid lost = base::Uuid::random(), fresh = base::Uuid::random(),
                     never = base::Uuid::random();
    Rows rows(Table::agents);
    for (const base::Uuid& id : {lost, fresh, never}) {
      const bool has_come = id != never;
      rows.begin()
          .uuid(agent_col::id, id)
          .uuid(agent_col::project_id, project_)
          .text(agent_col::name, id.text())
          .num(agent_col::is_local, 0)
          .text(agent_col::protocol_version, "2")
          .text(agent_col::framework_adapter, "bare")
          .text(agent_col::state, has_come ? "online" : "unknown")
          .cell(agent_col::last_seen_at, has_come ? Cell(clock_.now()) : Cell())
          .num(agent_col::events_persisted, 0)
          .num(agent_col::events_dropped, 0)
          .num(agent_col::created_at, clock_.now())
          .num(agent_col::updated_at, clock_.now());
    }
    Rows slots(Table::agent_workers);
    const base::Uuid slot = base::Uuid::random();
    slots.begin()
        .uuid(slot_col::id, slot)
        .uuid(slot_col::agent_id, lost)
        .uuid(slot_col::project_id, project_)
        .text(slot_col::state, "online")
        .num(slot_col::created_at, clock_.now())
        .num(slot_col::updated_at, clock_.now());
    Commit commit;
    commit.insert(std::move(rows));
    commit.insert(std::move(slots));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    clock_.advance(31 * base::kSecondUs);
    const auto swept =
        sweep_stale_agents(*store_, {}, {fresh}, clock_.now() - 30 * base::kSecondUs, clock_.now());
    CPPUNIT_ASSERT(swept && *swept == std::vector<base::Uuid>{project_});
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), column(lost, agent_col::state));
    CPPUNIT_ASSERT_EQUAL(std::string("online"), column(fresh, agent_col::state));  // held here
    CPPUNIT_ASSERT_EQUAL(std::string("unknown"), column(never, agent_col::state));
    Where gone;
    gone.eq(slot_col::id, slot).eq(slot_col::state, "offline");
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, store_->count(Table::agent_workers, gone).value());
  }

  void runs_and_stops_on_its_own_thread() {
    agents_->start();
    const base::Uuid id = start(
        entry(R"({"calls":{"snapshot/registry":{"answer":{"items":[{"name":"app.add"}]}}}})"));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (agents_->registry(id)->empty() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    CPPUNIT_ASSERT(!agents_->registry(id)->empty());
    agents_->stop();
    agents_->stop();
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AgentsTest);

}  // namespace
}  // namespace z4j::core
