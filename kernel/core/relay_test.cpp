#include "core/relay.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/testing/shared_store.hpp"

namespace z4j::core {
namespace {

namespace req = model::engine_requests;
namespace route_col = model::routes;

// Agents whose engines answer what the test says, or not before it says so.
class ToldAgents final : public HeldAgents {
 public:
  std::vector<base::Uuid> agents;
  std::optional<Fence> lease;
  base::Result<std::string> says = std::string("done");
  bool is_slow = false;
  std::vector<std::string> asked;
  std::vector<plugin::Answer> owed;

  [[nodiscard]] std::vector<EngineRoute> routes(const base::Uuid&) override { return {}; }
  [[nodiscard]] std::vector<base::Uuid> held() const override { return agents; }
  [[nodiscard]] std::optional<Fence> fence(const base::Uuid&) const override { return lease; }
  void command(const base::Uuid&, const std::string& engine, std::uint64_t verb, std::string target,
               std::string args_json, int, plugin::Answer answer) override {
    reply(engine + " " + std::to_string(verb) + " " + target + " " + args_json, std::move(answer));
  }
  void read(const base::Uuid&, std::string_view what, std::string page_json, int,
            plugin::Answer answer) override {
    reply(std::string(what) + " " + page_json, std::move(answer));
  }

 private:
  void reply(std::string what, plugin::Answer answer) {
    asked.push_back(std::move(what));
    if (is_slow) return owed.push_back(std::move(answer));
    answer(says);
  }
};

struct RelayedAnswer {
  std::optional<base::Result<std::string>> is;
  int times = 0;
  plugin::Answer taker() {
    return [this](base::Result<std::string> answer) {
      is.emplace(std::move(answer));
      ++times;
    };
  }
  [[nodiscard]] base::Code code() const {
    CPPUNIT_ASSERT(is && !is->ok());
    return is->error().code;
  }
};

constexpr std::uint64_t kVerb = 4;
constexpr int kDeadlineMs = 5000;

class RelayTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RelayTest);
  CPPUNIT_TEST(an_agent_held_here_is_asked_without_the_store);
  CPPUNIT_TEST(the_brain_that_holds_the_agent_carries_it_out_and_answers);
  CPPUNIT_TEST(two_brains_that_believe_to_hold_it_carry_it_out_once);
  CPPUNIT_TEST(a_brain_that_lost_its_lease_carries_out_nothing);
  CPPUNIT_TEST(what_nobody_takes_in_time_was_not_sent);
  CPPUNIT_TEST(what_was_taken_and_not_answered_may_have_happened);
  CPPUNIT_TEST(errors_come_back_as_they_were);
  CPPUNIT_TEST(what_is_too_long_is_refused_both_ways);
  CPPUNIT_TEST(no_more_than_so_many_wait);
  CPPUNIT_TEST(a_read_finds_its_way_by_the_routes);
  CPPUNIT_TEST(a_command_is_handed_over_by_its_own_commit);
  CPPUNIT_TEST(requests_whose_brain_is_gone_are_removed);
  CPPUNIT_TEST(who_stops_answers_all_that_wait);
  CPPUNIT_TEST(threads_do_it_by_themselves);
  CPPUNIT_TEST_SUITE_END();

  // One brain, its agents and its relay.
  struct Side {
    Side(testing::SharedStore& shared, base::Clock& clock, std::size_t max_waiting = 1000)
        : store(shared.open()) {
      Notices::Handlers handlers;
      handlers.requests = [this] { relay->look_for_requests(); };
      handlers.answers = [this] { relay->look_for_answers(); };
      notices = std::make_unique<Notices>(*store, base::Log::quiet(), brain, std::move(handlers),
                                          Notices::Options{});
      Relay::Options options;
      options.brain = brain;
      options.max_waiting = max_waiting;
      relay = std::make_unique<Relay>(agents, *store, *notices, clock, base::Log::quiet(), options);
      shared.driver->on_notice([this](std::string_view channel, std::string_view payload) {
        notices->heard(channel, payload);
      });
    }
    void ask(const base::Uuid& agent, RelayedAnswer& answer, std::string args = "{}") {
      relay->command(agent, "celery", kVerb, "t1", std::move(args), kDeadlineMs, answer.taker());
    }

    const base::Uuid brain = base::Uuid::random();
    std::unique_ptr<Store> store;
    ToldAgents agents;
    std::unique_ptr<Notices> notices;
    std::unique_ptr<Relay> relay;
  };

  testing::SharedStore shared_;
  base::ManualClock clock_{1'800'000'000 * base::kSecondUs};
  const base::Uuid agent_ = base::Uuid::random();
  Side a_{shared_, clock_}, b_{shared_, clock_};

  // Until nobody has anything to do.
  static void settle(std::initializer_list<Side*> sides) {
    for (int round = 0; round < 20; ++round) {
      bool any = false;
      for (Side* side : sides) any = side->relay->work() || any;
      if (!any) return;
    }
  }
  std::uint64_t requests() { return shared_.kept->count(Table::engine_requests, Where()).value(); }
  void pass(int ms) { clock_.advance(std::int64_t{ms} * 1000); }

 public:
  void an_agent_held_here_is_asked_without_the_store() {
    a_.agents.agents = {agent_};
    RelayedAnswer answer;
    a_.ask(agent_, answer);
    CPPUNIT_ASSERT_EQUAL(1, answer.times);
    CPPUNIT_ASSERT_EQUAL(std::string("done"), answer.is->value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, requests());
  }

  void the_brain_that_holds_the_agent_carries_it_out_and_answers() {
    b_.agents.agents = {base::Uuid::random(), agent_};
    RelayedAnswer answer;
    a_.ask(agent_, answer, R"({"n":1})");
    settle({&a_, &b_});
    CPPUNIT_ASSERT(b_.agents.asked == (std::vector<std::string>{"celery 4 t1 {\"n\":1}"}));
    CPPUNIT_ASSERT_EQUAL(1, answer.times);
    CPPUNIT_ASSERT_EQUAL(std::string("done"), answer.is->value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, requests());
    // Nothing is left that could answer again.
    pass(kDeadlineMs * 10);
    settle({&a_, &b_});
    CPPUNIT_ASSERT_EQUAL(1, answer.times);
  }

  void two_brains_that_believe_to_hold_it_carry_it_out_once() {
    Side c(shared_, clock_);
    for (Side* side : {&b_, &c}) {
      side->agents.agents = {agent_};
      side->agents.is_slow = true;
    }
    std::vector<RelayedAnswer> answers(20);
    for (RelayedAnswer& answer : answers) a_.ask(agent_, answer);
    std::thread beside([&c] { c.relay->work(); });
    b_.relay->work();
    beside.join();
    settle({&b_, &c});
    CPPUNIT_ASSERT_EQUAL(std::size_t{20}, b_.agents.asked.size() + c.agents.asked.size());
    for (Side* side : {&b_, &c}) {
      for (plugin::Answer& owed : side->agents.owed) owed(std::string("late"));
    }
    settle({&b_, &c, &a_});
    for (const RelayedAnswer& answer : answers) {
      CPPUNIT_ASSERT_EQUAL(1, answer.times);
      CPPUNIT_ASSERT_EQUAL(std::string("late"), answer.is->value());
    }
  }

  void a_brain_that_lost_its_lease_carries_out_nothing() {
    b_.agents.agents = {agent_};
    b_.agents.lease = Fence{"engine", b_.brain, 1};  // which the store knows nothing of
    RelayedAnswer answer;
    a_.ask(agent_, answer);
    b_.relay->work();
    CPPUNIT_ASSERT(b_.agents.asked.empty());
    Side c(shared_, clock_);
    c.agents.agents = {agent_};
    settle({&c, &a_});
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, c.agents.asked.size());
    CPPUNIT_ASSERT_EQUAL(std::string("done"), answer.is->value());
  }

  void what_nobody_takes_in_time_was_not_sent() {
    RelayedAnswer answer;
    a_.ask(agent_, answer);
    settle({&a_, &b_});
    CPPUNIT_ASSERT_EQUAL(0, answer.times);
    pass(kDeadlineMs * 2);
    settle({&a_});
    CPPUNIT_ASSERT(answer.code() == base::Code::unavailable);
    CPPUNIT_ASSERT_EQUAL(std::string(refuse::kAgentOffline), answer.is->error().where);
    b_.agents.agents = {agent_};
    b_.relay->look_for_requests();
    settle({&b_});
    CPPUNIT_ASSERT(b_.agents.asked.empty());
  }

  void what_was_taken_and_not_answered_may_have_happened() {
    b_.agents.agents = {agent_};
    b_.agents.is_slow = true;
    RelayedAnswer answer;
    a_.ask(agent_, answer);
    settle({&a_, &b_});
    pass(kDeadlineMs * 2);
    settle({&a_});
    CPPUNIT_ASSERT(answer.code() == base::Code::unknown);
    b_.agents.owed.at(0)(std::string("too late"));
    settle({&b_, &a_});
    CPPUNIT_ASSERT_EQUAL(1, answer.times);
  }

  void errors_come_back_as_they_were() {
    b_.agents.agents = {agent_};
    b_.agents.says = base::Error{base::Code::busy, "the broker is busy", "broker", "wait", 250};
    RelayedAnswer answer;
    a_.ask(agent_, answer);
    settle({&a_, &b_});
    CPPUNIT_ASSERT(answer.code() == base::Code::busy);
    const base::Error& e = answer.is->error();
    CPPUNIT_ASSERT_EQUAL(std::string("the broker is busy"), e.message);
    CPPUNIT_ASSERT_EQUAL(std::string("broker"), e.where);
    CPPUNIT_ASSERT_EQUAL(std::string("wait"), e.hint);
    CPPUNIT_ASSERT_EQUAL(250u, e.retry_after_ms);
  }

  void what_is_too_long_is_refused_both_ways() {
    const std::string long_text(std::size_t{3} << 20, 'x');
    b_.agents.agents = {agent_};
    RelayedAnswer asked, told;
    a_.ask(agent_, asked, long_text);
    CPPUNIT_ASSERT(asked.code() == base::Code::too_large);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, requests());
    b_.agents.says = long_text;
    a_.ask(agent_, told);
    settle({&a_, &b_});
    CPPUNIT_ASSERT(told.code() == base::Code::too_large);
  }

  void no_more_than_so_many_wait() {
    Side few(shared_, clock_, 2);
    std::vector<RelayedAnswer> answers(3);
    for (RelayedAnswer& answer : answers) few.ask(agent_, answer);
    CPPUNIT_ASSERT(answers[2].code() == base::Code::busy);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, requests());
    b_.agents.agents = {agent_};
    settle({&b_, &few});
    RelayedAnswer next;
    few.ask(agent_, next);
    settle({&b_, &few});
    CPPUNIT_ASSERT_EQUAL(std::string("done"), next.is->value());
  }

  void a_read_finds_its_way_by_the_routes() {
    b_.agents.agents = {agent_};
    RelayedAnswer nowhere, page;
    a_.relay->read(agent_, "waiting", "{}", kDeadlineMs, nowhere.taker());
    CPPUNIT_ASSERT(nowhere.code() == base::Code::unavailable);
    Rows row(Table::routes);
    row.begin()
        .uuid(route_col::agent_id, agent_)
        .uuid(route_col::project_id, base::Uuid::random())
        .text(route_col::engine, "celery")
        .uuid(route_col::brain_id, b_.brain)
        .num(route_col::capabilities, 0)
        .num(route_col::is_online, 1);
    Commit commit;
    commit.merge(std::move(row));
    CPPUNIT_ASSERT(shared_.kept->commit(commit).ok());
    a_.relay->read(agent_, "waiting", R"({"queue":"q"})", kDeadlineMs, page.taker());
    settle({&a_, &b_});
    CPPUNIT_ASSERT(b_.agents.asked == (std::vector<std::string>{"waiting {\"queue\":\"q\"}"}));
    CPPUNIT_ASSERT_EQUAL(std::string("done"), page.is->value());
  }

  void a_command_is_handed_over_by_its_own_commit() {
    b_.agents.agents = {agent_};
    HandedCommand command;
    command.id = base::Uuid::random();
    command.agent_id = agent_;
    command.engine = "celery";
    command.verb = kVerb;
    command.target = "t1";
    command.args_json = R"({"n":1})";
    command.more = {{"user", "somebody"}};
    command.deadline_ms = kDeadlineMs;
    std::vector<HandedCommand> taken;
    std::vector<Commit> claims;
    const auto keep = [&](const HandedCommand& c, Commit claim) {
      taken.push_back(c);
      claims.push_back(std::move(claim));
      return base::Status();
    };
    b_.relay->on_command(keep);
    Commit refused;
    refused.check(Table::meta, Where(), 1, 1);
    a_.relay->hand_over(refused, command, kDeadlineMs);
    CPPUNIT_ASSERT(!a_.store->commit(refused).ok());
    b_.relay->work();
    CPPUNIT_ASSERT(taken.empty());
    Commit commit;
    a_.relay->hand_over(commit, command, kDeadlineMs);
    CPPUNIT_ASSERT(a_.store->commit(commit).ok());
    for (int twice = 0; twice < 2; ++twice) {  // seen again before anybody claimed it
      b_.relay->look_for_requests();
      b_.relay->work();
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, taken.size());
    CPPUNIT_ASSERT(taken[0].id == command.id && taken[0].agent_id == agent_);
    CPPUNIT_ASSERT_EQUAL(command.args_json, taken[0].args_json);
    CPPUNIT_ASSERT(taken[0].more == command.more);
    CPPUNIT_ASSERT_EQUAL(kDeadlineMs, taken[0].deadline_ms);
    CPPUNIT_ASSERT(b_.store->commit(claims[0]).ok());
    const auto again = b_.store->commit(claims[1]);
    CPPUNIT_ASSERT(!again.ok() && again.error().code == base::Code::conflict);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, requests());
  }

  void requests_whose_brain_is_gone_are_removed() {
    HandedCommand command;
    command.id = base::Uuid::random();
    command.agent_id = agent_;
    command.engine = "celery";
    Commit commit;
    a_.relay->hand_over(commit, command, -600'000);
    CPPUNIT_ASSERT(a_.store->commit(commit).ok());
    b_.agents.agents = {agent_};
    b_.relay->work();
    CPPUNIT_ASSERT(b_.agents.asked.empty());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, requests());
  }

  void who_stops_answers_all_that_wait() {
    RelayedAnswer answer;
    a_.ask(agent_, answer);
    a_.relay->stop();
    CPPUNIT_ASSERT(answer.code() == base::Code::unknown);
    b_.agents.agents = {agent_};
    b_.agents.is_slow = true;
    RelayedAnswer other;
    Side c(shared_, clock_);
    c.ask(agent_, other);
    b_.relay->work();
    for (plugin::Answer& owed : b_.agents.owed) owed(std::string("in time"));
    b_.relay->stop();  // stores what it owes first
    settle({&c});
    CPPUNIT_ASSERT_EQUAL(std::string("in time"), other.is->value());
  }

  void threads_do_it_by_themselves() {
    b_.agents.agents = {agent_};
    for (Side* side : {&a_, &b_}) side->relay->start();
    std::promise<std::string> told;
    a_.relay->command(agent_, "celery", kVerb, "t1", "{}", kDeadlineMs,
                      [&told](base::Result<std::string> answer) {
                        told.set_value(answer.ok() ? *answer : answer.error().text());
                      });
    auto answer = told.get_future();
    CPPUNIT_ASSERT(answer.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
    CPPUNIT_ASSERT_EQUAL(std::string("done"), answer.get());
    for (Side* side : {&a_, &b_}) side->relay->stop();
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RelayTest);

}  // namespace
}  // namespace z4j::core
