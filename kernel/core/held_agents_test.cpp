#include "core/held_agents.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/presence.hpp"
#include "core/testing/control_fixture.hpp"

namespace z4j::core {
namespace {

class HeldAgentsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(HeldAgentsTest);
  CPPUNIT_TEST(several_holders_are_as_one);
  CPPUNIT_TEST(an_agent_that_nobody_holds_is_offline);
  CPPUNIT_TEST(a_stored_route_tells_of_all_engines);
  CPPUNIT_TEST(a_brain_takes_back_its_own_routes_only);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  testing::FakeAgents local_, remote_;
  AgentsHere here_{{&local_, &remote_}};

  std::string routes() {
    std::string out;
    Query query(Table::routes);
    query.all().order({model::routes::agent_id});
    f_.must(f_.store->each(query, [&out](const Row& row) {
      for (const EngineRoute& route : routes_of(row)) {
        CPPUNIT_ASSERT(!route.is_here);
        out += route.engine + "=" + std::to_string(route.capabilities) +
               (route.is_online ? "+ " : "- ");
      }
      return true;
    }));
    return out;
  }
  void write(const base::Uuid& brain, const RoutedAgent& agent) {
    Commit commit;
    merge_routes(commit, brain, {agent});
    f_.must(f_.store->commit(commit));
  }

 public:
  void several_holders_are_as_one() {
    const base::Uuid celery = local_.add(f_.project, "celery"), rq = remote_.add(f_.project, "rq");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, here_.routes(f_.project).size());
    CPPUNIT_ASSERT(here_.routes(base::Uuid::random()).empty());
    CPPUNIT_ASSERT((here_.held() == std::vector<base::Uuid>{celery, rq}));
    CPPUNIT_ASSERT(here_.holds(rq) && !here_.holds(base::Uuid::random()));
    std::string answer;
    const auto take = [&answer](const base::Result<std::string>& text) {
      answer = text ? *text : text.error().where;
    };
    here_.command(rq, "rq", Z4J_ENGINE_RETRY, "job", "{}", 1000, take);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"outcome":"done"})"), answer);
    CPPUNIT_ASSERT(local_.asked().empty() && remote_.asked().size() == 1);
    here_.read(celery, "facts", "{}", 1000, take);
    CPPUNIT_ASSERT_EQUAL(std::string("{}"), answer);
  }

  void an_agent_that_nobody_holds_is_offline() {
    const base::Uuid stranger = base::Uuid::random();
    std::string why;
    const auto take = [&why](const base::Result<std::string>& text) { why = text.error().where; };
    here_.command(stranger, "rq", Z4J_ENGINE_RETRY, "job", "{}", 1000, take);
    CPPUNIT_ASSERT_EQUAL(std::string(refuse::kAgentOffline), why);
    why.clear();
    here_.read(stranger, "facts", "{}", 1000, take);
    CPPUNIT_ASSERT_EQUAL(std::string(refuse::kAgentOffline), why);
    CPPUNIT_ASSERT(!here_.fence(stranger));
  }

  void a_stored_route_tells_of_all_engines() {
    write(f_.brain, {base::Uuid::random(), f_.project, "celery", {true, "", 3}, {}});
    CPPUNIT_ASSERT_EQUAL(std::string("celery=3+ "), routes());
    const RoutedAgent several{
        base::Uuid::random(), f_.project, "arq", {false, "", 1}, {{"arq", 1}, {"huey", 2048}}};
    Commit commit;
    commit.erase(Table::routes, {});
    f_.must(f_.store->commit(commit));
    write(f_.brain, several);
    CPPUNIT_ASSERT_EQUAL(std::string("arq=1- huey=2048- "), routes());
  }

  void a_brain_takes_back_its_own_routes_only() {
    const base::Uuid agent = base::Uuid::random(), other = base::Uuid::random();
    write(f_.brain, {agent, f_.project, "celery", {true, "", 1}, {}});
    write(other, {agent, f_.project, "celery", {true, "", 1}, {}});
    Commit late;
    drop_routes(late, f_.brain, {agent});
    f_.must(f_.store->commit(late));
    CPPUNIT_ASSERT_EQUAL(std::string("celery=1+ "), routes());
    Commit own;
    drop_routes(own, other, {agent});
    f_.must(f_.store->commit(own));
    CPPUNIT_ASSERT_EQUAL(std::string(), routes());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HeldAgentsTest);

}  // namespace
}  // namespace z4j::core
