// Agents elsewhere as people see them: their tokens, what they told, what is asked of them.
#include "api/api.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "api/testing/api_fixture.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Browser;
using testing::Object;

namespace agent_col = model::agents;

class ApiAgentsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiAgentsTest);
  CPPUNIT_TEST(row_04_a_minted_token_is_shown_once_with_a_block_to_paste);
  CPPUNIT_TEST(row_05_a_lost_token_is_rotated_in_place);
  CPPUNIT_TEST(row_22_a_taken_name_has_its_own_code);
  CPPUNIT_TEST(row_23_deleting_the_old_agent_frees_its_name);
  CPPUNIT_TEST(the_first_documentation_s_route_mints_too);
  CPPUNIT_TEST(tokens_are_for_project_admins);
  CPPUNIT_TEST(row_13_the_registry_is_paged);
  CPPUNIT_TEST(row_14_agents_behind_the_brain_are_named);
  CPPUNIT_TEST(row_16_a_newer_agent_is_not_behind);
  CPPUNIT_TEST(an_agent_shows_what_it_told);
  CPPUNIT_TEST(processes_and_connections_are_listed);
  CPPUNIT_TEST(orders_to_workers_keep_roles_and_rules);
  CPPUNIT_TEST(a_purge_token_speaks_of_the_last_reading);
  CPPUNIT_TEST(row_34_a_command_may_wait_for_its_agent);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;
  std::unique_ptr<Browser> viewer_, operator_, admin_;
  static constexpr const char* kBase = "/api/v1/projects/default";

  Answered mint(const std::string& name) {
    const Answered made = admin_->post(std::string(kBase) + "/agents", Object{{"name", name}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
    return made;
  }
  Answered get(const std::string& path) { return viewer_->get(kBase + path); }
  void set_agent(const std::string& id, std::vector<core::Set> sets) {
    core::Where self;
    self.eq(agent_col::id, *base::Uuid::parse(id));
    core::Commit commit;
    commit.update(core::Table::agents, std::move(self), std::move(sets), 1, 1);
    f_.must(f_.store->commit(commit));
  }

 public:
  void setUp() override {
    viewer_ = std::make_unique<Browser>(f_, f_.sign_in("viewer", false, core::Role::viewer));
    operator_ = std::make_unique<Browser>(f_, f_.sign_in("operator", false, core::Role::op));
    admin_ = std::make_unique<Browser>(f_, f_.sign_in("admin", false, core::Role::admin));
  }

  void row_04_a_minted_token_is_shown_once_with_a_block_to_paste() {
    f_.settings.public_url = "https://z4j.example.org/";
    const Answered made = mint("  web 1 ");
    const std::string token = made.text("token"), secret = made.text("hmac_secret");
    CPPUNIT_ASSERT_EQUAL(std::size_t{43}, token.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{44}, secret.size());
    CPPUNIT_ASSERT_EQUAL(std::string("web 1"), made.text("agent/name"));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown"), made.text("agent/state"));
    CPPUNIT_ASSERT_EQUAL("Z4J_BRAIN_URL=https://z4j.example.org\nZ4J_TOKEN=" + token +
                             "\nZ4J_PROJECT_ID=default\nZ4J_HMAC_SECRET=" + secret +
                             "\nZ4J_AGENT_NAME=\"web 1\"\nZ4J_AGENT_ID=" + made.text("agent/id") +
                             "\n",
                         made.text("env"));
    CPPUNIT_ASSERT_EQUAL(std::string("wss://z4j.example.org/ws/agent"), made.text("brain_ws_url"));
    for (const std::string& path : {std::string("/agents"), "/agents/" + made.text("agent/id")}) {
      const std::string shown = admin_->get(kBase + path).response.body;
      CPPUNIT_ASSERT(shown.find("web 1") != std::string::npos);
      CPPUNIT_ASSERT(shown.find(token) == std::string::npos);
      CPPUNIT_ASSERT(shown.find(secret) == std::string::npos);
      CPPUNIT_ASSERT(shown.find("token_hash") == std::string::npos);
    }
    CPPUNIT_ASSERT(f_.accounts->find_by_token(token).value().has_value());
    CPPUNIT_ASSERT_EQUAL(
        422, admin_->post(std::string(kBase) + "/agents", Object{{"name", " "}}).status);
    CPPUNIT_ASSERT_EQUAL(422, admin_->post(std::string(kBase) + "/agents", Object{}).status);
  }

  void row_05_a_lost_token_is_rotated_in_place() {
    const Answered made = mint("web");
    const std::string path = std::string(kBase) + "/agents/" + made.text("agent/id");
    const Answered next = admin_->post(path + "/rotate-token", Object{{"overlap_seconds", 60}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(next.response.body, 200, next.status);
    CPPUNIT_ASSERT(next.text("token") != made.text("token"));
    CPPUNIT_ASSERT_EQUAL(made.text("agent/id"), next.text("agent/id"));
    CPPUNIT_ASSERT_EQUAL(made.text("hmac_secret"), next.text("hmac_secret"));
    CPPUNIT_ASSERT_EQUAL(base::format_time(f_.clock.now() + 60 * base::kSecondUs),
                         next.text("previous_token_until"));
    CPPUNIT_ASSERT(next.text("env").find(next.text("token")) != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(
        422, admin_->post(path + "/rotate-token", Object{{"overlap_seconds", -1}}).status);
    const Answered revoked = admin_->post(path + "/revoke");
    CPPUNIT_ASSERT_EQUAL(std::string("true"), revoked.text("is_revoked"));
    CPPUNIT_ASSERT(!f_.accounts->find_by_token(next.text("token")).value());
    CPPUNIT_ASSERT_EQUAL(200, admin_->post(path + "/rotate-token").status);
    CPPUNIT_ASSERT_EQUAL(std::string("false"), admin_->get(path).text("is_revoked"));
  }

  void row_22_a_taken_name_has_its_own_code() {
    mint("web");
    const Answered again = admin_->post(std::string(kBase) + "/agents", Object{{"name", " web "}});
    CPPUNIT_ASSERT_EQUAL(409, again.status);
    CPPUNIT_ASSERT_EQUAL(std::string("conflict"), again.text("error"));
    CPPUNIT_ASSERT_EQUAL(std::string("conflict_duplicate_name"), again.text("details/code"));
    CPPUNIT_ASSERT_EQUAL(std::string("web"), again.text("details/name"));
  }

  void row_23_deleting_the_old_agent_frees_its_name() {
    const std::string path = std::string(kBase) + "/agents/" + mint("web").text("agent/id");
    CPPUNIT_ASSERT_EQUAL(204, admin_->call("DELETE", path).status);
    CPPUNIT_ASSERT_EQUAL(404, admin_->call("DELETE", path).status);
    mint("web");
  }

  void the_first_documentation_s_route_mints_too() {
    for (const std::string& project : {f_.project.id.text(), std::string("default")}) {
      const Answered made = admin_->post("/api/v1/agents/mint-token",
                                         Object{{"project_id", project}, {"name", project}});
      CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
      CPPUNIT_ASSERT(made.text("token").starts_with("z4j_agent_"));
      CPPUNIT_ASSERT_EQUAL(project, made.text("name"));
      CPPUNIT_ASSERT_EQUAL(std::string("ws://localhost:7700/ws/agent"), made.text("brain_ws_url"));
      const auto who = f_.accounts->find_by_token(made.text("token")).value();
      CPPUNIT_ASSERT(who && who->agent_id.text() == made.text("agent_id"));
    }
    const Object asked{{"project_id", "default"}, {"name", "x"}};
    CPPUNIT_ASSERT_EQUAL(403, operator_->post("/api/v1/agents/mint-token", asked).status);
    CPPUNIT_ASSERT_EQUAL(
        404,
        admin_->post("/api/v1/agents/mint-token", Object{{"project_id", "shop"}, {"name", "x"}})
            .status);
    CPPUNIT_ASSERT_EQUAL(409, admin_
                                  ->post("/api/v1/agents/mint-token",
                                         Object{{"project_id", "default"}, {"name", "default"}})
                                  .status);
  }

  void tokens_are_for_project_admins() {
    const std::string path = std::string(kBase) + "/agents/" + mint("web").text("agent/id");
    for (Browser* who : {viewer_.get(), operator_.get()}) {
      CPPUNIT_ASSERT_EQUAL(403,
                           who->post(std::string(kBase) + "/agents", Object{{"name", "x"}}).status);
      CPPUNIT_ASSERT_EQUAL(403, who->post(path + "/rotate-token").status);
      CPPUNIT_ASSERT_EQUAL(403, who->post(path + "/revoke").status);
      CPPUNIT_ASSERT_EQUAL(403, who->call("DELETE", path).status);
    }
    admin_->csrf.clear();
    CPPUNIT_ASSERT_EQUAL(403, admin_->post(path + "/revoke").status);
  }

  void row_13_the_registry_is_paged() {
    namespace n = model::agent_tasks;
    const std::string id = mint("web").text("agent/id");
    core::Rows rows(core::Table::agent_tasks);
    for (const char* engine : {"celery", "rq"}) {
      for (int i = 0; i < 3; ++i) {
        rows.begin()
            .uuid(n::agent_id, *base::Uuid::parse(id))
            .text(n::engine, engine)
            .text(n::name, "mail.send" + std::to_string(i))
            .uuid(n::project_id, f_.project.id)
            .text(n::workers, R"(["w1"])")
            .num(n::first_seen_at, f_.clock.now())
            .num(n::last_seen_at, f_.clock.now());
      }
    }
    f_.insert(std::move(rows));
    std::string seen, cursor;
    for (int page = 0; page < 10; ++page) {
      const Answered answer =
          get("/agents/" + id + "/registry?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor));
      CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.response.body, 200, answer.status);
      for (const auto& item : answer.items()) {
        const Object& name = item.get_object();
        seen += std::string(base::json::text(name, "engine")) + ":" +
                std::string(base::json::text(name, "name")) + " ";
      }
      cursor = answer.text("next_cursor");
      if (cursor == "null") break;
    }
    CPPUNIT_ASSERT_EQUAL(std::string("celery:mail.send0 celery:mail.send1 celery:mail.send2 "
                                     "rq:mail.send0 rq:mail.send1 rq:mail.send2 "),
                         seen);
    CPPUNIT_ASSERT_EQUAL(422, get("/agents/" + id + "/registry?cursor=x").status);
    CPPUNIT_ASSERT_EQUAL(std::string("6"), get("/agents/" + id).text("registry_size"));
  }

  void row_14_agents_behind_the_brain_are_named() {
    set_agent(mint("old").text("agent/id"), {{agent_col::agent_version, "0.9.1"},
                                             {agent_col::protocol_version, "2"},
                                             {agent_col::last_connect_at, f_.clock.now()}});
    set_agent(mint("late").text("agent/id"), {{agent_col::agent_version, "1.6.9"}});
    mint("never came");
    const Answered versions = get("/agents/versions");
    CPPUNIT_ASSERT_EQUAL(std::string("1.12.0"), versions.text("brain_version"));
    CPPUNIT_ASSERT_EQUAL(std::string("1.2.3"), versions.text("program_version"));
    CPPUNIT_ASSERT_EQUAL(std::string("old"), versions.text("behind/0/name"));
    CPPUNIT_ASSERT_EQUAL(std::string("0.9.1"), versions.text("behind/0/agent_version"));
    CPPUNIT_ASSERT_EQUAL(std::string("(missing)"), versions.text("behind/1"));
    CPPUNIT_ASSERT_EQUAL(std::string("(missing)"), versions.text("items/2"));
    for (const char* word : {"1.12.0", "old", "0.9.1"})
      CPPUNIT_ASSERT(versions.text("message").find(word) != std::string::npos);
    const Answered list = get("/agents");
    std::string statuses;
    for (const auto& agent : list.array())
      statuses += base::json::write(agent.at("version_status")) + " ";
    CPPUNIT_ASSERT(statuses.find("\"outdated\"") != std::string::npos);
    CPPUNIT_ASSERT(statuses.find("\"incompatible\"") != std::string::npos);
    CPPUNIT_ASSERT(statuses.find("null") != std::string::npos);
  }

  void row_16_a_newer_agent_is_not_behind() {
    const std::string id = mint("new").text("agent/id");
    set_agent(id, {{agent_col::agent_version, "99.0.0"}});
    CPPUNIT_ASSERT_EQUAL(std::string("null"), get("/agents/versions").text("message"));
    CPPUNIT_ASSERT_EQUAL(std::string("[]"), get("/agents/versions").text("behind"));
    CPPUNIT_ASSERT_EQUAL(std::string("newer_than_known"),
                         get("/agents/" + id).text("version_status"));
    CPPUNIT_ASSERT_EQUAL(std::string("false"), get("/agents/" + id).text("is_behind"));
  }

  void an_agent_shows_what_it_told() {
    const std::string id = mint("web").text("agent/id");
    set_agent(id, {{agent_col::engine_adapters, R"(["celery","rq"])"},
                   {agent_col::capabilities, R"({"celery":["retry_task"],"rq":[]})"},
                   {agent_col::clock_skew_ms, -1500},
                   {agent_col::transport, "ws"},
                   {agent_col::runtime_features, R"(["retry_by_reference"])"},
                   {agent_col::telemetry, R"({"versions":{"celery":"5.3.6","z4j-rq":"1.12.0"}})"}});
    const Answered shown = get("/agents/" + id);
    CPPUNIT_ASSERT_EQUAL(std::string("5.3.6"), shown.text("engines/0/version"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"(["retry_task"])"), shown.text("engines/0/capabilities"));
    CPPUNIT_ASSERT_EQUAL(std::string("1.12.0"), shown.text("engines/1/version"));
    CPPUNIT_ASSERT_EQUAL(std::string("-1500"), shown.text("clock_skew_ms"));
    CPPUNIT_ASSERT_EQUAL(std::string("ws"), shown.text("transport"));
    CPPUNIT_ASSERT_EQUAL(std::string("retry_by_reference"), shown.text("runtime_features/0"));
  }

  void processes_and_connections_are_listed() {
    namespace s = model::agent_workers;
    namespace c = model::agent_connections;
    const std::string id = mint("web").text("agent/id");
    const base::Uuid agent = *base::Uuid::parse(id);
    core::Rows slots(core::Table::agent_workers);
    core::Rows connections(core::Table::agent_connections);
    for (int i = 0; i < 3; ++i) {
      slots.begin()
          .uuid(s::id, base::Uuid::random())
          .uuid(s::agent_id, agent)
          .uuid(s::project_id, f_.project.id)
          .text(s::worker_id, "slot" + std::to_string(i))
          .text(s::role, i == 0 ? "web" : "task")
          .num(s::pid, 100 + i)
          .text(s::state, i == 1 ? "online" : "offline")
          .num(s::last_seen_at, f_.clock.now() + i)
          .num(s::created_at, f_.clock.now())
          .num(s::updated_at, f_.clock.now());
      connections.begin()
          .uuid(c::id, base::Uuid::random())
          .uuid(c::agent_id, agent)
          .uuid(c::project_id, f_.project.id)
          .text(c::worker_id, "slot" + std::to_string(i))
          .text(c::transport, "ws")
          .uuid(c::brain_id, base::Uuid::random())
          .num(c::connected_at, f_.clock.now() + i)
          .num(c::close_code, 1000 + i);
    }
    f_.insert(std::move(slots));
    f_.insert(std::move(connections));
    const Answered all = get("/agent-workers");
    CPPUNIT_ASSERT_EQUAL(std::string("slot1"), all.text("0/worker_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("slot2"), all.text("1/worker_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("100"), all.text("2/pid"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, get("/agent-workers?state=offline").array().size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, get("/agent-workers?role=web").array().size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, get("/agent-workers?limit=1").array().size());
    for (const char* bad : {"state=up", "role=boss", "limit=501", "limit=0"})
      CPPUNIT_ASSERT_EQUAL(422, get(std::string("/agent-workers?") + bad).status);
    const Answered first = get("/agents/" + id + "/connections?limit=2");
    CPPUNIT_ASSERT_EQUAL(std::string("1002"), first.text("items/0/close_code"));
    const Answered rest =
        get("/agents/" + id + "/connections?limit=2&cursor=" + first.text("next_cursor"));
    CPPUNIT_ASSERT_EQUAL(std::string("1000"), rest.text("items/0/close_code"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), rest.text("next_cursor"));
  }

  void orders_to_workers_keep_roles_and_rules() {
    f_.routes.capabilities = ~std::uint64_t{0};
    const std::vector<std::pair<std::string, Object>> orders{
        {"restart-worker", {{"worker_name", "w"}}},
        {"pool-resize", {{"worker_name", "w"}, {"delta", "2"}}},
        {"add-consumer", {{"worker_name", "w"}, {"queue", "q"}}},
        {"cancel-consumer", {{"worker_name", "w"}, {"queue", "q"}}},
        {"rate-limit", {{"task_name", "mail.send"}, {"rate", "10/m"}}}};
    for (const auto& [verb, body] : orders) {
      const std::string path = std::string(kBase) + "/commands/" + verb;
      CPPUNIT_ASSERT_EQUAL(403, viewer_->post(path, body).status);
      const Answered done = operator_->post(path, body);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(verb + done.response.body, 202, done.status);
      CPPUNIT_ASSERT_EQUAL(422, operator_->post(path, Object{}).status);
    }
    CPPUNIT_ASSERT_EQUAL(orders.size(), f_.routes.asked.size());
    for (const char* rate : {"x", "01/m"}) {
      CPPUNIT_ASSERT_EQUAL(422, operator_
                                    ->post(std::string(kBase) + "/commands/rate-limit",
                                           Object{{"task_name", "t"}, {"rate", rate}})
                                    .status);
    }
    CPPUNIT_ASSERT_EQUAL(422, operator_
                                  ->post(std::string(kBase) + "/commands/pool-resize",
                                         Object{{"worker_name", "w"}, {"delta", 101}})
                                  .status);
    f_.routes.capabilities = 0;
    const Answered lacks =
        operator_->post(std::string(kBase) + "/commands/restart-worker", orders[0].second);
    CPPUNIT_ASSERT_EQUAL(409, lacks.status);
    CPPUNIT_ASSERT_EQUAL(std::string("capability_missing"), lacks.text("details/reason"));
  }

  void a_purge_token_speaks_of_the_last_reading() {
    namespace q = model::queues;
    const std::string id = mint("web").text("agent/id");
    f_.routes.agent_id = *base::Uuid::parse(id);
    core::Rows rows(core::Table::queues);
    rows.begin()
        .uuid(q::id, model::queue_row_id(f_.project.id, "celery", "mail"))
        .uuid(q::project_id, f_.project.id)
        .text(q::engine, "celery")
        .text(q::name, "mail")
        .num(q::pending_count, 1234)
        .num(q::last_seen_at, f_.clock.now())
        .num(q::created_at, 1)
        .num(q::updated_at, 1);
    f_.insert(std::move(rows));
    const std::string path = std::string(kBase) + "/commands/purge-token";
    const Answered token = admin_->post(path, Object{{"queue", "mail"}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(token.response.body, 200, token.status);
    CPPUNIT_ASSERT_EQUAL(std::string("1234"), token.text("depth"));
    CPPUNIT_ASSERT_EQUAL(std::string("true"), token.text("is_fresh"));
    CPPUNIT_ASSERT_EQUAL(f_.accounts->purge_token(f_.project.id, "mail", 1234, ""),
                         token.text("confirm_token"));
    f_.clock.advance(120 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::string("false"),
                         admin_->post(path, Object{{"queue", "mail"}}).text("is_fresh"));
    CPPUNIT_ASSERT_EQUAL(403, operator_->post(path, Object{{"queue", "mail"}}).status);
    f_.routes.is_online = false;
    CPPUNIT_ASSERT_EQUAL(503, admin_->post(path, Object{{"queue", "mail"}}).status);
  }

  void row_34_a_command_may_wait_for_its_agent() {
    f_.routes.is_online = false;
    const std::string path = std::string(kBase) + "/commands/retry-task";
    const Answered now = operator_->post(path, Object{{"engine", "celery"}, {"task_id", "t"}});
    CPPUNIT_ASSERT_EQUAL(503, now.status);
    CPPUNIT_ASSERT_EQUAL(std::string("agent_offline"), now.text("error"));
    const Answered later = operator_->post(
        path, Object{{"engine", "celery"}, {"task_id", "t"}, {"queue_if_offline", true}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(later.response.body, 202, later.status);
    CPPUNIT_ASSERT_EQUAL(std::string("pending"), later.text("status"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiAgentsTest);

}  // namespace
}  // namespace z4j::api
