// What a project's people read and ask for.
#include "api/api.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <set>

#include "api/testing/api_fixture.hpp"
#include "core/rollups.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Browser;
using testing::Object;
using testing::Value;

namespace task_col = model::tasks;
namespace agent_col = model::agents;
namespace worker_col = model::workers;
namespace queue_col = model::queues;
namespace event_col = model::events;
namespace gap_col = model::gaps;

class ApiProjectTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiProjectTest);
  CPPUNIT_TEST(projects_are_made_changed_and_archived);
  CPPUNIT_TEST(row_08_agents_show_online_state_and_last_event_time);
  CPPUNIT_TEST(row_09_agent_detail_lists_engines);
  CPPUNIT_TEST(row_31_events_persisted_total_per_agent);
  CPPUNIT_TEST(local_agents_are_neither_deleted_nor_rotated);
  CPPUNIT_TEST(workers_queues_and_gaps_have_their_shapes);
  CPPUNIT_TEST(tasks_page_through_without_gap_or_repeat);
  CPPUNIT_TEST(every_task_filter_filters);
  CPPUNIT_TEST(bad_paging_is_refused);
  CPPUNIT_TEST(a_task_shows_its_events_and_its_workflow);
  CPPUNIT_TEST(exports_are_no_formulas);
  CPPUNIT_TEST(stats_and_trends_come_from_roll_ups);
  CPPUNIT_TEST(a_retry_runs_once_per_key_and_is_linked);
  CPPUNIT_TEST(row_34_an_offline_agent_is_told_at_once);
  CPPUNIT_TEST(commands_keep_roles_and_rules);
  CPPUNIT_TEST(hostile_text_comes_back_as_json_text);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;
  std::unique_ptr<Browser> viewer_, root_;
  const base::Uuid agent_ = base::Uuid::random();
  unsigned next_lane_ = 0;
  static constexpr const char* kBase = "/api/v1/projects/default";

  Answered get(const std::string& path) { return viewer_->get(kBase + path); }

  void add_agent() {
    core::Rows rows(core::Table::agents);
    rows.begin()
        .uuid(agent_col::id, agent_)
        .uuid(agent_col::project_id, f_.project.id)
        .text(agent_col::name, "local:celery")
        .num(agent_col::is_local, 1)
        .text(agent_col::protocol_version, "2")
        .text(agent_col::framework_adapter, "z4j")
        .text(agent_col::engine_adapters, R"(["celery"])")
        .text(agent_col::capabilities, R"({"celery":["retry_task","cancel_task"]})")
        .text(agent_col::state, "online")
        .num(agent_col::last_seen_at, f_.clock.now())
        .num(agent_col::last_connect_at, f_.clock.now())
        .num(agent_col::last_event_at, 1'700'000'000'123'456)
        .text(agent_col::agent_version, "1.2.3")
        .num(agent_col::events_persisted, 41)
        .num(agent_col::events_dropped, 1)
        .num(agent_col::created_at, 1'000'000)
        .num(agent_col::updated_at, f_.clock.now());
    rows.begin()
        .uuid(agent_col::id, base::Uuid::random())
        .uuid(agent_col::project_id, f_.project.id)
        .text(agent_col::name, "local:rq")
        .num(agent_col::is_local, 1)
        .text(agent_col::protocol_version, "0")
        .text(agent_col::framework_adapter, "unknown")
        .text(agent_col::state, "offline")
        .text(agent_col::state_reason, "broker away")
        .num(agent_col::events_persisted, 7)
        .num(agent_col::events_dropped, 0)
        .num(agent_col::created_at, 2'000'000)
        .num(agent_col::updated_at, f_.clock.now());
    f_.insert(std::move(rows));
  }

  static core::Rows& task_row(core::Rows& rows, const base::Uuid& project, const std::string& id,
                              base::TimeUs sort_at) {
    return rows.begin()
        .uuid(task_col::id, model::task_row_id(project, "celery", id))
        .uuid(task_col::project_id, project)
        .text(task_col::engine, "celery")
        .text(task_col::task_id, id)
        .num(task_col::sort_at, sort_at)
        .num(task_col::created_at, sort_at)
        .num(task_col::updated_at, sort_at);
  }
  void add_task(const std::string& id, base::TimeUs sort_at,
                const std::function<void(core::Rows&)>& more = {}) {
    core::Rows rows(core::Table::tasks);
    task_row(rows, f_.project.id, id, sort_at);
    if (more) more(rows);
    f_.insert(std::move(rows));
  }

  std::string ids(const std::string& query) {
    const Answered answer = get("/tasks" + query);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.response.body, 200, answer.status);
    std::string out;
    for (const Value& item : answer.items())
      out += (out.empty() ? "" : " ") + std::string(item.at("task_id").as_string());
    return out;
  }

 public:
  void setUp() override {
    viewer_ = std::make_unique<Browser>(f_, f_.sign_in("viewer", false, core::Role::viewer));
    root_ = std::make_unique<Browser>(f_, f_.sign_in("root", true));
  }

  void projects_are_made_changed_and_archived() {
    const Answered made = root_->post(
        "/api/v1/projects", Object{{"slug", "shop"}, {"name", "Shop"}, {"retention_days", "7"}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
    CPPUNIT_ASSERT_EQUAL(std::string("7"), made.text("retention_days"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), made.text("allowed_schedulers"));
    CPPUNIT_ASSERT_EQUAL(
        409, root_->post("/api/v1/projects", Object{{"slug", "shop"}, {"name", "Shop"}}).status);
    CPPUNIT_ASSERT_EQUAL(
        409,
        root_->post("/api/v1/projects", Object{{"slug", "Bad Slug"}, {"name", "Shop"}}).status);
    CPPUNIT_ASSERT_EQUAL(422, root_->post("/api/v1/projects", Object{{"slug", "x2"}}).status);
    CPPUNIT_ASSERT_EQUAL(
        std::string("Store"),
        root_->call("PATCH", "/api/v1/projects/shop", R"({"name":"Store"})").text("name"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, root_->get("/api/v1/projects").array().size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, viewer_->get("/api/v1/projects").array().size());
    CPPUNIT_ASSERT_EQUAL(404, viewer_->get("/api/v1/projects/shop").status);
    CPPUNIT_ASSERT_EQUAL(204, root_->call("DELETE", "/api/v1/projects/shop").status);
    CPPUNIT_ASSERT_EQUAL(404, root_->get("/api/v1/projects/shop").status);
    CPPUNIT_ASSERT_EQUAL(409, root_->call("DELETE", "/api/v1/projects/default").status);
    CPPUNIT_ASSERT_EQUAL(std::string("viewer"),
                         root_->get(std::string(kBase) + "/memberships").text("0/role"));
  }

  void row_08_agents_show_online_state_and_last_event_time() {
    add_agent();
    const Answered list = get("/agents");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, list.array().size());
    CPPUNIT_ASSERT_EQUAL(std::string("local:celery"), list.text("0/name"));  // online first
    CPPUNIT_ASSERT_EQUAL(std::string("online"), list.text("0/state"));
    CPPUNIT_ASSERT_EQUAL(std::string("2023-11-14T22:13:20.123456Z"), list.text("0/last_event_at"));
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), list.text("1/state"));
    CPPUNIT_ASSERT_EQUAL(std::string("broker away"), list.text("1/state_reason"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), list.text("1/last_event_at"));
  }

  void row_09_agent_detail_lists_engines() {
    add_agent();
    const Answered stored = get("/agents/" + agent_.text());
    CPPUNIT_ASSERT_EQUAL(std::string("celery"), stored.text("engines/0/name"));
    CPPUNIT_ASSERT_EQUAL(std::string("1.2.3"), stored.text("engines/0/version"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"(["retry_task","cancel_task"])"),
                         stored.text("engines/0/capabilities"));
    f_.open([](Parts& parts) {
      parts.agent_live = [](const base::Uuid&) {
        return Object{{"engines", base::json::Array{Object{{"name", "celery"}, {"health", "ok"}}}},
                      {"registry_size", 3}};
      };
      parts.agent_registry = [](const base::Uuid&) {
        return base::json::Array{Object{{"name", "mail.send"}}};
      };
    });
    const Answered live = get("/agents/" + agent_.text());
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), live.text("engines/0/health"));
    CPPUNIT_ASSERT_EQUAL(std::string("3"), live.text("registry_size"));
    CPPUNIT_ASSERT_EQUAL(std::string("mail.send"),
                         get("/agents/" + agent_.text() + "/registry").text("items/0/name"));
    CPPUNIT_ASSERT_EQUAL(404, get("/agents/" + base::Uuid::random().text()).status);
    CPPUNIT_ASSERT_EQUAL(404, get("/agents/x").status);
  }

  void row_31_events_persisted_total_per_agent() {
    add_agent();
    f_.settings.metrics_public = true;
    const std::string metrics = root_->get("/metrics").response.body;
    const std::string line = "z4j_events_persisted_total{project=\"" + f_.project.id.text() +
                             "\",agent=\"local:celery\",agent_id=\"" + agent_.text() + "\"} 41\n";
    CPPUNIT_ASSERT_MESSAGE(metrics, metrics.find(line) != std::string::npos);
    CPPUNIT_ASSERT(metrics.find("z4j_events_dropped_total{") != std::string::npos);
    const Answered top = get("/event-sources");
    CPPUNIT_ASSERT_EQUAL(std::string("local:celery"), top.text("items/0/name"));
    CPPUNIT_ASSERT_EQUAL(std::string("41"), top.text("items/0/events_persisted"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), top.text("items/0/events_dropped"));
  }

  void local_agents_are_neither_deleted_nor_rotated() {
    add_agent();
    for (const Answered& no :
         {root_->call("DELETE", std::string(kBase) + "/agents/" + agent_.text()),
          root_->post(std::string(kBase) + "/agents/" + agent_.text() + "/revoke"),
          root_->post(std::string(kBase) + "/agents/" + agent_.text() + "/rotate-token")}) {
      CPPUNIT_ASSERT_EQUAL(409, no.status);
      CPPUNIT_ASSERT_EQUAL(std::string("local_agent"), no.text("details/reason"));
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, get("/agents").array().size());
  }

  void workers_queues_and_gaps_have_their_shapes() {
    const base::TimeUs now = f_.clock.now();
    const base::Uuid worker = base::Uuid::random();
    core::Rows workers(core::Table::workers);
    workers.begin()
        .uuid(worker_col::id, worker)
        .uuid(worker_col::project_id, f_.project.id)
        .text(worker_col::engine, "celery")
        .text(worker_col::name, "celery@one")
        .text(worker_col::state, "online")
        .num(worker_col::last_heartbeat, now)
        .num(worker_col::active_tasks, 2)
        .text(worker_col::queues, R"(["mail"])")
        .text(worker_col::load_average, "[0.5,0.25,0.125]")
        .text(worker_col::metadata, R"({"conf":{}})")
        .num(worker_col::sort_at, now)
        .num(worker_col::created_at, now)
        .num(worker_col::updated_at, now);
    f_.insert(std::move(workers));
    add_runs(Z4J_EV_SUCCEEDED, "celery@one", 5);
    add_runs(Z4J_EV_FAILED, "celery@one", 2);
    add_runs(Z4J_EV_RETRIED, "celery@one", 1);
    add_runs(Z4J_EV_SUCCEEDED, "celery@two", 9);
    const Answered list = get("/workers");
    CPPUNIT_ASSERT_EQUAL(std::string("7"), list.text("0/processed"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), list.text("0/failed"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), list.text("0/retried"));
    CPPUNIT_ASSERT_EQUAL(std::string("[\"mail\"]"), list.text("0/queues"));
    CPPUNIT_ASSERT_EQUAL(std::string("(missing)"), list.text("0/metadata"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"conf":{}})"),
                         get("/workers/" + worker.text()).text("metadata"));
    CPPUNIT_ASSERT_EQUAL(404, get("/workers/" + base::Uuid::random().text()).status);

    core::Rows queues(core::Table::queues);
    queues.begin()
        .uuid(queue_col::id, base::Uuid::random())
        .uuid(queue_col::project_id, f_.project.id)
        .text(queue_col::engine, "celery")
        .text(queue_col::name, "mail")
        .num(queue_col::pending_count, 12)
        .num(queue_col::oldest_at, now - 90 * base::kSecondUs)
        .num(queue_col::created_at, now)
        .num(queue_col::updated_at, now);
    f_.insert(std::move(queues));
    CPPUNIT_ASSERT_EQUAL(std::string("12"), get("/queues").text("0/pending_count"));
    CPPUNIT_ASSERT_EQUAL(std::string("90"), get("/queues").text("0/oldest_age_seconds"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), get("/queues").text("0/unacked_count"));
    CPPUNIT_ASSERT_EQUAL(503, get("/queues/celery/mail/waiting").status);

    core::Rows gaps(core::Table::gaps);
    for (int i = 0; i < 3; ++i) {
      gaps.begin()
          .uuid(gap_col::id, base::Uuid::random())
          .uuid(gap_col::project_id, f_.project.id)
          .uuid(gap_col::agent_id, agent_)
          .text(gap_col::engine, "celery")
          .num(gap_col::from_at, i * base::kSecondUs)
          .num(gap_col::to_at, (i + 1) * base::kSecondUs)
          .text(gap_col::why, "broker away")
          .num(gap_col::rebuilt, 4)
          .num(gap_col::created_at, now);
    }
    f_.insert(std::move(gaps));
    const Answered first = get("/gaps?limit=2");
    CPPUNIT_ASSERT_EQUAL(std::string("1970-01-01T00:00:02Z"), first.text("items/0/from_at"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), first.text("items/0/lost"));
    const Answered second = get("/gaps?limit=2&cursor=" + first.text("next_cursor"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, second.items().size());
    CPPUNIT_ASSERT_EQUAL(std::string("null"), second.text("next_cursor"));
  }

  void add_runs(std::uint16_t kind, std::string_view worker, int count) {
    core::RollUps counts;
    core::Event run;
    run.project_id = f_.project.id;
    run.at = f_.clock.now();
    run.kind = kind;
    run.engine = "celery";
    run.task_id = "any";
    run.task = "mail.send";
    run.queue = "mail";
    run.worker = worker;
    run.runtime_us = 20'000;
    for (int i = 0; i < count; ++i) counts.add(run);
    for (core::Rows& rows : counts.rows(next_lane_)) f_.insert(std::move(rows));
    ++next_lane_;
  }

  void tasks_page_through_without_gap_or_repeat() {
    core::Rows rows(core::Table::tasks);
    for (int i = 0; i < 23; ++i)
      task_row(rows, f_.project.id, "t" + std::to_string(i),
               1'000'000 * (1 + i / 5));  // equal times too
    f_.insert(std::move(rows));
    std::set<std::string> seen;
    std::string cursor;
    base::TimeUs last = std::numeric_limits<base::TimeUs>::max();
    int pages = 0;
    do {
      const Answered page = get("/tasks?limit=4" + (cursor.empty() ? "" : "&cursor=" + cursor));
      for (const Value& item : page.items()) {
        CPPUNIT_ASSERT(seen.insert(std::string(item.at("task_id").as_string())).second);
        const base::TimeUs at = base::parse_time(item.at("created_at").as_string().c_str()).value();
        CPPUNIT_ASSERT(at <= last);
        last = at;
      }
      cursor = page.text("next_cursor");
      ++pages;
    } while (cursor != "null");
    CPPUNIT_ASSERT_EQUAL(std::size_t{23}, seen.size());
    CPPUNIT_ASSERT_EQUAL(6, pages);
  }

  void every_task_filter_filters() {
    add_task("a", 1'000'000, [](core::Rows& r) {
      r.text(task_col::name, "Mail.Send")
          .text(task_col::state, "success")
          .text(task_col::queue, "mail")
          .text(task_col::worker_name, "w1")
          .text(task_col::priority, "high")
          .text(task_col::args, R"(["first"])")
          .text(task_col::kwargs, R"({"customer":{"id":42,"tier":"gold"},"express":false})")
          .num(task_col::received_at, 1'000'000);
    });
    add_task("b", 2'000'000, [](core::Rows& r) {
      r.text(task_col::name, "shop.pay")
          .text(task_col::state, "failure")
          .text(task_col::queue, "shop")
          .text(task_col::worker_name, "w2")
          .text(task_col::kwargs, R"({"express":true})")
          .num(task_col::received_at, 2'000'000);
    });
    add_task("c", 3'000'000);
    core::Rows queues(core::Table::queues);
    for (const char* name : {"mail", "shop"}) {
      queues.begin()
          .uuid(queue_col::id, base::Uuid::random())
          .uuid(queue_col::project_id, f_.project.id)
          .text(queue_col::engine, "celery")
          .text(queue_col::name, name)
          .num(queue_col::created_at, 1)
          .num(queue_col::updated_at, 1);
    }
    f_.insert(std::move(queues));
    CPPUNIT_ASSERT_EQUAL(std::string("c b a"), ids(""));
    CPPUNIT_ASSERT_EQUAL(std::string("b"), ids("?state=failure"));
    CPPUNIT_ASSERT_EQUAL(std::string("c"), ids("?state=pending"));
    CPPUNIT_ASSERT_EQUAL(std::string("c b a"), ids("?state=nonsense"));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), ids("?priority=HIGH,%20nonsense"));
    CPPUNIT_ASSERT_EQUAL(std::string("c b"), ids("?priority=normal"));
    CPPUNIT_ASSERT_EQUAL(std::string("b"), ids("?name=pay"));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), ids("?search=mail"));
    CPPUNIT_ASSERT_EQUAL(std::string("b"), ids("?queue=shop"));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), ids("?worker=w1"));
    CPPUNIT_ASSERT_EQUAL(std::string("c b"), ids("?since=1970-01-01T00:00:02Z"));
    CPPUNIT_ASSERT_EQUAL(std::string("b"), ids("?since=2&until=2.5"));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), ids("?arg=customer.id:42"));
    CPPUNIT_ASSERT_EQUAL(std::string(""), ids("?arg=customer.id:%2242%22"));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), ids("?arg=0:first,customer.tier:gold"));
    CPPUNIT_ASSERT_EQUAL(std::string("b"), ids("?arg=express:true&state=failure"));
    CPPUNIT_ASSERT_EQUAL(422, get("/tasks?arg=customer.id").status);
    CPPUNIT_ASSERT_EQUAL(422, get("/tasks?arg=a:1,b:2,c:3,d:4,e:5").status);
    CPPUNIT_ASSERT_EQUAL(std::string("a"), ids("?until=1.5"));
    CPPUNIT_ASSERT_EQUAL(std::string(""), ids("?engine=rq"));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), ids("?state=success&queue=mail&search=w1"));
    CPPUNIT_ASSERT_EQUAL(422, get("/tasks?since=yesterday").status);
  }

  void bad_paging_is_refused() {
    add_task("a", 1);
    add_task("b", 2);
    const std::string cursor = get("/tasks?limit=1").text("next_cursor");
    for (const std::string& query :
         {std::string("limit=0"), std::string("limit=5001"), std::string("limit=many"),
          std::string("cursor=AAAA"), "cursor=" + cursor + "AA",
          "cursor=" + std::string(5000, 'a')}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(query, 422, get("/tasks?" + query).status);
    }
    CPPUNIT_ASSERT_EQUAL(422, get("/commands?cursor=" + cursor).status);
    CPPUNIT_ASSERT_EQUAL(200, get("/tasks?limit=5000").status);
    CPPUNIT_ASSERT_EQUAL(200, get("/tasks?limit=&cursor=").status);
  }

  void a_task_shows_its_events_and_its_workflow() {
    add_task("root/1", 1'000'000,
             [](core::Rows& r) { r.text(task_col::name, "flow").num(task_col::received_at, 1); });
    add_task("child", 2'000'000, [](core::Rows& r) {
      r.text(task_col::parent_task_id, "root/1")
          .text(task_col::root_task_id, "root/1")
          .text(task_col::args, "[1]")
          .text(task_col::state, "success")
          .num(task_col::runtime_ms, 12)
          .num(task_col::received_at, 2);
    });
    const Answered task = get("/tasks/celery/root%2F1");
    CPPUNIT_ASSERT_EQUAL(std::string("flow"), task.text("name"));
    CPPUNIT_ASSERT_EQUAL(std::string("pending"), task.text("state"));
    CPPUNIT_ASSERT_EQUAL(std::string("normal"), task.text("priority"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), task.text("args"));
    CPPUNIT_ASSERT_EQUAL(std::string("[1]"), get("/tasks/celery/child").text("args"));
    const Answered tree = get("/tasks/celery/child/tree");
    CPPUNIT_ASSERT_EQUAL(std::string("root/1"), tree.text("root_task_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), tree.text("node_count"));
    CPPUNIT_ASSERT_EQUAL(std::string("child"), tree.text("nodes/1/task_id"));
    CPPUNIT_ASSERT_EQUAL(404, get("/tasks/rq/child").status);

    core::Rows events(core::Table::events);
    for (int i = 0; i < 3; ++i) {
      events.begin()
          .num(event_col::occurred_at, 1'000'000 * i)
          .uuid(event_col::id, base::Uuid::random())
          .uuid(event_col::project_id, f_.project.id)
          .uuid(event_col::agent_id, agent_)
          .text(event_col::engine, "celery")
          .text(event_col::task_id, "child")
          .text(event_col::kind, "task.started")
          .text(event_col::payload, R"({"hostname":"h"})")
          .num(event_col::stored_at, 1);
    }
    f_.insert(std::move(events));
    const Answered told = get("/tasks/celery/child");
    CPPUNIT_ASSERT_EQUAL(agent_.text(), told.text("sources/started/0/agent_id"));
    CPPUNIT_ASSERT_EQUAL(std::string::npos, told.text("sources/started").find("},{"));
    const Answered page = get("/events?engine=celery&task_id=child&limit=2");
    CPPUNIT_ASSERT_EQUAL(std::string("1970-01-01T00:00:02Z"), page.text("items/0/occurred_at"));
    CPPUNIT_ASSERT_EQUAL(std::string("h"), page.text("items/0/payload/hostname"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, get("/events?engine=celery&task_id=child&limit=2&cursor=" +
                                             page.text("next_cursor"))
                                             .items()
                                             .size());
    CPPUNIT_ASSERT_EQUAL(422, get("/events?engine=celery").status);
  }

  void exports_are_no_formulas() {
    add_task("=cmd()", 1'000'000,
             [](core::Rows& r) { r.text(task_col::name, "a,\"b\"").text(task_col::args, "[-1]"); });
    add_task("t2", 2'000'000);
    const Answered csv = get("/tasks?format=csv&fields=task_id,name,args,nonsense");
    CPPUNIT_ASSERT_EQUAL(std::string("attachment; filename=\"z4j-tasks-default.csv\""),
                         csv.header("Content-Disposition"));
    std::string text;
    while (csv.response.stream(text)) {
    }
    CPPUNIT_ASSERT_EQUAL(
        std::string("task_id,name,args\r\nt2,,\r\n'=cmd(),\"a,\"\"b\"\"\",[-1]\r\n"), text);
    const Answered file = get("/tasks?format=json&fields=task_id");
    text.clear();
    while (file.response.stream(text)) {
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, base::json::parse(text).value().as_array().size());
    CPPUNIT_ASSERT_EQUAL(422, get("/tasks?format=pdf").status);
  }

  void stats_and_trends_come_from_roll_ups() {
    add_agent();
    add_runs(Z4J_EV_SUCCEEDED, "w", 6);
    add_runs(Z4J_EV_FAILED, "w", 2);
    add_task("a", 1, [](core::Rows& r) { r.text(task_col::state, "success"); });
    add_task("b", 2);
    const Answered stats = get("/stats?hours=24");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(stats.response.body, 200, stats.status);
    CPPUNIT_ASSERT_EQUAL(std::string("1"), stats.text("tasks_by_state/success"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), stats.text("tasks_by_state/pending"));
    CPPUNIT_ASSERT_EQUAL(std::string("0"), stats.text("tasks_by_state/rejected"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), stats.text("tasks_total"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), stats.text("tasks_failed_24h"));
    CPPUNIT_ASSERT_DOUBLES_EQUAL(0.25, stats.json.at("failure_rate_24h").to_number<double>(), 1e-9);
    CPPUNIT_ASSERT_EQUAL(std::string("1"), stats.text("agents_online"));
    CPPUNIT_ASSERT_EQUAL(std::string("degraded"), stats.text("system_health/status"));
    CPPUNIT_ASSERT_EQUAL(200, get("/stats?hours=5").status);
    CPPUNIT_ASSERT_EQUAL(422, get("/stats?hours=x").status);
    const Answered trends = get("/trends?window=1h&bucket=5m");
    CPPUNIT_ASSERT_EQUAL(std::string("8"), trends.text("series/0/total"));
    CPPUNIT_ASSERT_EQUAL(std::string("20"), trends.text("series/0/avg_runtime_ms"));
    CPPUNIT_ASSERT_EQUAL(std::string("30"), trends.text("series/0/p50_runtime_ms"));
    CPPUNIT_ASSERT(trends.text("series/0/t").ends_with("+00:00"));
    CPPUNIT_ASSERT_EQUAL(std::string("8"),
                         get("/trends?window=30d&bucket=1d").text("series/0/total"));
    CPPUNIT_ASSERT_EQUAL(std::string("8"),
                         get("/trends?name=mail.send&queue=mail").text("series/0/total"));
    CPPUNIT_ASSERT(get("/trends?bucket=15m&name=other").json.at("series").as_array().empty());
    CPPUNIT_ASSERT_EQUAL(std::string("false"), stats.text("tasks_approximate"));
    CPPUNIT_ASSERT_EQUAL(400, get("/trends?window=7d&bucket=1m").status);
    CPPUNIT_ASSERT_EQUAL(422, get("/trends?window=2d").status);
  }

  void a_retry_runs_once_per_key_and_is_linked() {
    add_task("a", 1, [](core::Rows& r) {
      r.text(task_col::name, "mail.send").text(task_col::state, "failure");
    });
    Browser op(f_, f_.sign_in("op", false, core::Role::op));
    const Object body{{"agent_id", f_.routes.agent_id.text()},
                      {"engine", "celery"},
                      {"task_id", "a"},
                      {"idempotency_key", "k1"}};
    const Answered sent = op.post(std::string(kBase) + "/commands/retry-task", body);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(sent.response.body, 202, sent.status);
    CPPUNIT_ASSERT_EQUAL(std::string("dispatched"), sent.text("status"));
    CPPUNIT_ASSERT_EQUAL(std::string("celery:a"), sent.text("target_id"));
    const Answered again = op.post(std::string(kBase) + "/commands/retry-task", body);
    CPPUNIT_ASSERT_EQUAL(sent.text("id"), again.text("id"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.routes.asked.size());
    Object other = body;
    other["task_id"] = "b";
    CPPUNIT_ASSERT_EQUAL(409, op.post(std::string(kBase) + "/commands/retry-task", other).status);
    CPPUNIT_ASSERT(f_.commands->work());
    const Answered done = get("/commands/" + sent.text("id"));
    CPPUNIT_ASSERT_EQUAL(std::string("completed"), done.text("status"));
    CPPUNIT_ASSERT_EQUAL(std::string("done"), done.text("result/outcome"));
    CPPUNIT_ASSERT_EQUAL(std::string("again"), get("/tasks/celery/a").text("retried_as"));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), get("/tasks/celery/again").text("retry_of"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, get("/commands?status=completed").items().size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, get("/commands?status=failed").items().size());
    CPPUNIT_ASSERT_EQUAL(std::string("1"), get("/stats").text("commands_completed_24h"));
  }

  void row_34_an_offline_agent_is_told_at_once() {
    f_.routes.is_online = false;
    const Answered no = root_->post(
        std::string(kBase) + "/commands/cancel-task",
        Object{{"agent_id", f_.routes.agent_id.text()}, {"engine", "celery"}, {"task_id", "a"}});
    CPPUNIT_ASSERT_EQUAL(503, no.status);
    CPPUNIT_ASSERT_EQUAL(std::string("agent_offline"), no.text("error"));
    CPPUNIT_ASSERT_EQUAL(f_.routes.agent_id.text(), no.text("details/agent_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("cancelled"), get("/commands").text("items/0/status"));
    CPPUNIT_ASSERT(f_.routes.asked.empty());
  }

  void commands_keep_roles_and_rules() {
    const std::string path = std::string(kBase) + "/commands/";
    const Answered low =
        viewer_->post(path + "retry-task", Object{{"engine", "celery"}, {"task_id", "a"}});
    CPPUNIT_ASSERT_EQUAL(403, low.status);
    CPPUNIT_ASSERT_EQUAL(std::string("viewer"), low.text("details/have"));
    CPPUNIT_ASSERT_EQUAL(std::string("operator"), low.text("details/need"));
    CPPUNIT_ASSERT_EQUAL(422,
                         root_->post(path + "retry-task", Object{{"engine", "celery"}}).status);
    CPPUNIT_ASSERT_EQUAL(
        422, root_
                 ->post(path + "retry-task",
                        Object{{"engine", "celery"}, {"task_id", "a"}, {"eta_seconds", 86'401}})
                 .status);
    CPPUNIT_ASSERT_EQUAL(422, root_->post(path + "bulk-retry", Object{{"max", 10'001}}).status);
    CPPUNIT_ASSERT_EQUAL(
        422, root_->post(path + "bulk-retry", Object{{"filter", Object{{"nonsense", 1}}}}).status);
    CPPUNIT_ASSERT_EQUAL(
        404, root_
                 ->post(path + "cancel-task", Object{{"agent_id", base::Uuid::random().text()},
                                                     {"engine", "celery"},
                                                     {"task_id", "a"}})
                 .status);
    f_.routes.capabilities = 0;
    const Answered unable = root_->post(path + "purge-queue", Object{{"queue", "mail"}});
    CPPUNIT_ASSERT_EQUAL(409, unable.status);
    CPPUNIT_ASSERT_EQUAL(std::string("capability_missing"), unable.text("details/reason"));
    f_.routes.capabilities = Z4J_ENGINE_PURGE;
    CPPUNIT_ASSERT_EQUAL(
        202, root_->post(path + "purge-queue", Object{{"queue", "mail"}, {"force", "on"}}).status);
    CPPUNIT_ASSERT_EQUAL(404, get("/commands/" + base::Uuid::random().text()).status);
  }

  void hostile_text_comes_back_as_json_text() {
    const std::string evil = "<script>\"\\\n\x01</script>\xe2\x80\xa8";
    add_task("x", 1,
             [&](core::Rows& r) { r.text(task_col::name, evil).text(task_col::exception, evil); });
    const Answered task = get("/tasks/celery/x");
    CPPUNIT_ASSERT_EQUAL(evil, task.text("name"));
    CPPUNIT_ASSERT_EQUAL(std::string("application/json"), task.response.content_type);
    CPPUNIT_ASSERT_EQUAL(std::string("nosniff"), task.header("X-Content-Type-Options"));
    CPPUNIT_ASSERT(get("/tasks?search=%00%ff").status < 500);
    CPPUNIT_ASSERT(get("/tasks?name=a%00b").status < 500);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiProjectTest);

}  // namespace
}  // namespace z4j::api
