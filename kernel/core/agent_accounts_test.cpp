#include "core/agent_accounts.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>

#include "core/testing/control_fixture.hpp"
#include "wire/keys.hpp"

namespace z4j::core {
namespace {

namespace agent_col = model::agents;

class AgentAccountsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AgentAccountsTest);
  CPPUNIT_TEST(a_minted_token_finds_its_agent_and_is_not_stored);
  CPPUNIT_TEST(a_name_is_trimmed_bounded_and_unique_in_its_project);
  CPPUNIT_TEST(a_rotated_token_overlaps_with_the_one_before);
  CPPUNIT_TEST(a_rotation_without_overlap_ends_connections);
  CPPUNIT_TEST(a_revoked_agent_keeps_its_row_and_can_get_a_new_token);
  CPPUNIT_TEST(a_deleted_agent_leaves_events_and_tasks);
  CPPUNIT_TEST(tokens_of_an_earlier_secret_still_work);
  CPPUNIT_TEST(an_archived_project_lets_nobody_in);
  CPPUNIT_TEST(local_agents_are_left_alone);
  CPPUNIT_TEST(bad_tokens_cannot_fill_the_audit_log);
  CPPUNIT_TEST(agents_that_never_come_are_deleted_in_time);
  CPPUNIT_TEST(old_connections_processes_and_names_are_forgotten);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  std::vector<base::Uuid> closed_;
  std::unique_ptr<AgentAccounts> accounts_;
  const std::string secret_ = std::string(32, 's');

  std::unique_ptr<AgentAccounts> make(const std::string& secret,
                                      std::vector<std::string> previous = {}) {
    AgentAccounts::Options options;
    options.secret = secret;
    options.previous_secrets = std::move(previous);
    options.on_closed = [this](const base::Uuid& agent) { closed_.push_back(agent); };
    return std::make_unique<AgentAccounts>(*f_.store, f_.audit, f_.clock, std::move(options));
  }
  AgentCredentials mint(const std::string& name = "web") {
    auto made = accounts_->mint(f_.project, name, f_.actor);
    CPPUNIT_ASSERT_MESSAGE(made ? "" : made.error().text(), made.ok());
    return *made;
  }
  std::optional<AgentIdentity> who(const std::string& token) {
    auto found = accounts_->find_by_token(token);
    CPPUNIT_ASSERT_MESSAGE(found ? "" : found.error().text(), found.ok());
    return *found;
  }
  Row row(const base::Uuid& agent) {
    Query query(Table::agents);
    query.where.eq(agent_col::id, agent);
    auto found = f_.store->first(query.all()).value();
    CPPUNIT_ASSERT(found.has_value());
    return *found;
  }
  void set_agent(const base::Uuid& agent, std::vector<Set> sets) {
    Where self;
    self.eq(agent_col::id, agent);
    Commit commit;
    commit.update(Table::agents, std::move(self), std::move(sets), 1, 1);
    f_.must(f_.store->commit(commit));
  }
  std::size_t agents() { return f_.count(Table::agents); }

 public:
  void setUp() override { accounts_ = make(secret_); }

  void a_minted_token_finds_its_agent_and_is_not_stored() {
    const AgentCredentials made = mint();
    CPPUNIT_ASSERT_EQUAL(std::size_t{43}, made.token.size());
    CPPUNIT_ASSERT_EQUAL(wire::secret_text(wire::project_secret(secret_, f_.project)),
                         made.hmac_secret);
    const auto found = who(made.token);
    CPPUNIT_ASSERT(found && found->agent_id == made.agent_id && found->project_id == f_.project);
    CPPUNIT_ASSERT_EQUAL(std::string("web"), found->name);
    CPPUNIT_ASSERT(!found->until);
    const Row stored = row(made.agent_id);
    CPPUNIT_ASSERT_EQUAL(wire::token_hash(secret_, made.token),
                         std::string(stored.text(agent_col::token_hash)));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown"), std::string(stored.text(agent_col::state)));
    CPPUNIT_ASSERT_EQUAL(std::string("0"), std::string(stored.text(agent_col::protocol_version)));
    CPPUNIT_ASSERT_EQUAL(std::string("agent.token.minted"), f_.audited().back());
    CPPUNIT_ASSERT(!who(made.token + "x") && !who("") && !who(std::string(5000, 'x')) &&
                   !who("\xff"));
    const auto prefixed =
        accounts_->mint(f_.project, "d1", f_.actor, AgentAccounts::TokenForm::prefixed);
    CPPUNIT_ASSERT(prefixed && prefixed->token.starts_with("z4j_agent_"));
    CPPUNIT_ASSERT(who(prefixed->token).has_value());
  }

  void a_name_is_trimmed_bounded_and_unique_in_its_project() {
    CPPUNIT_ASSERT_EQUAL(std::string("web 1"), mint("  web 1 ").name);
    const auto again = accounts_->mint(f_.project, "web 1", f_.actor);
    CPPUNIT_ASSERT(!again && again.error().code == base::Code::conflict);
    CPPUNIT_ASSERT_EQUAL(std::string("conflict_duplicate_name"), again.error().where);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, agents());
    CPPUNIT_ASSERT(accounts_->mint(base::Uuid::random(), "web 1", f_.actor).ok());
    for (const std::string& bad :
         {std::string(), std::string("  "), std::string(201, 'n'), std::string("a\nb"),
          std::string("local:celery"), std::string("\xff\xfe")}) {
      const auto made = accounts_->mint(f_.project, bad, f_.actor);
      CPPUNIT_ASSERT_MESSAGE(bad, !made && made.error().code == base::Code::invalid);
    }
    std::string longest;
    for (int i = 0; i < 200; ++i) longest += "é";
    CPPUNIT_ASSERT_EQUAL(longest, mint(longest).name);
  }

  void a_rotated_token_overlaps_with_the_one_before() {
    const AgentCredentials first = mint();
    const auto second = accounts_->rotate(f_.project, first.agent_id, 3600, f_.actor);
    CPPUNIT_ASSERT(second && second->token != first.token && second->name == "web");
    CPPUNIT_ASSERT_EQUAL(f_.clock.now() + 3600 * base::kSecondUs, *second->previous_token_until);
    CPPUNIT_ASSERT(closed_.empty());
    CPPUNIT_ASSERT(who(second->token) && !who(second->token)->until);
    CPPUNIT_ASSERT(who(first.token) && who(first.token)->until == second->previous_token_until);
    // Of three tokens the first is over.
    const auto third = accounts_->rotate(f_.project, first.agent_id, 3600, f_.actor);
    CPPUNIT_ASSERT(third && !who(first.token) && who(second->token) && who(third->token));
    f_.clock.advance(3600 * base::kSecondUs);
    CPPUNIT_ASSERT(!who(second->token) && who(third->token));
    CPPUNIT_ASSERT_EQUAL(std::string("agent.token.rotated"), f_.audited().back());
    for (const std::int64_t bad : {std::int64_t{-1}, AgentAccounts::kLongestOverlapS + 1}) {
      const auto refused = accounts_->rotate(f_.project, first.agent_id, bad, f_.actor);
      CPPUNIT_ASSERT(!refused && refused.error().code == base::Code::invalid);
    }
  }

  void a_rotation_without_overlap_ends_connections() {
    const AgentCredentials first = mint();
    const auto second = accounts_->rotate(f_.project, first.agent_id, 0, f_.actor);
    CPPUNIT_ASSERT(second && !second->previous_token_until);
    CPPUNIT_ASSERT(!who(first.token) && who(second->token));
    CPPUNIT_ASSERT(closed_ == std::vector<base::Uuid>{first.agent_id});
  }

  void a_revoked_agent_keeps_its_row_and_can_get_a_new_token() {
    const AgentCredentials first = mint();
    const auto second = accounts_->rotate(f_.project, first.agent_id, 3600, f_.actor);
    set_agent(first.agent_id, {{agent_col::state, "online"}});
    f_.must(accounts_->revoke(f_.project, first.agent_id, f_.actor));
    CPPUNIT_ASSERT(!who(first.token) && !who(second->token));
    CPPUNIT_ASSERT(closed_ == std::vector<base::Uuid>{first.agent_id});
    CPPUNIT_ASSERT_EQUAL(std::string("offline"),
                         std::string(row(first.agent_id).text(agent_col::state)));
    f_.must(accounts_->revoke(f_.project, first.agent_id, f_.actor));
    const auto third = accounts_->rotate(f_.project, first.agent_id, 3600, f_.actor);
    CPPUNIT_ASSERT(third && !third->previous_token_until && who(third->token));
    const auto elsewhere = accounts_->revoke(base::Uuid::random(), first.agent_id, f_.actor);
    CPPUNIT_ASSERT(elsewhere.error().code == base::Code::not_found);
  }

  void a_deleted_agent_leaves_events_and_tasks() {
    const AgentCredentials made = mint();
    f_.add_task("celery", "t1", "success", made.agent_id);
    namespace n = model::agent_tasks;
    Rows names(Table::agent_tasks);
    names.begin()
        .uuid(n::agent_id, made.agent_id)
        .text(n::engine, "celery")
        .text(n::name, "mail.send")
        .uuid(n::project_id, f_.project)
        .num(n::first_seen_at, 1)
        .num(n::last_seen_at, 1);
    f_.insert(std::move(names));
    f_.must(accounts_->remove(f_.project, made.agent_id, f_.actor));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, agents());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::agent_tasks));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::tasks));
    CPPUNIT_ASSERT(!who(made.token));
    CPPUNIT_ASSERT(closed_ == std::vector<base::Uuid>{made.agent_id});
    CPPUNIT_ASSERT(accounts_->remove(f_.project, made.agent_id, f_.actor).error().code ==
                   base::Code::not_found);
    CPPUNIT_ASSERT_EQUAL(std::string("web"), mint().name);  // the name is free again
  }

  void tokens_of_an_earlier_secret_still_work() {
    const AgentCredentials made = mint();
    accounts_ = make(std::string(32, 'n'), {std::string(32, 'x'), secret_});
    CPPUNIT_ASSERT(who(made.token).has_value());
    accounts_ = make(std::string(32, 'n'));
    CPPUNIT_ASSERT(!who(made.token));
  }

  void an_archived_project_lets_nobody_in() {
    const AgentCredentials made = mint();
    Where self;
    self.eq(model::projects::id, f_.project);
    Commit commit;
    commit.update(Table::projects, std::move(self), {{model::projects::is_active, false}});
    f_.must(f_.store->commit(commit));
    CPPUNIT_ASSERT(!who(made.token));
  }

  void local_agents_are_left_alone() {
    const base::Uuid local = f_.add_agent("local:celery", true);
    f_.clock.advance(40 * base::kDayUs);
    for (const base::Status& done : {accounts_->revoke(f_.project, local, f_.actor),
                                     accounts_->remove(f_.project, local, f_.actor)}) {
      CPPUNIT_ASSERT_EQUAL(std::string("local_agent"), done.error().where);
    }
    CPPUNIT_ASSERT(!accounts_->rotate(f_.project, local, 0, f_.actor).ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, accounts_->prune(1, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, agents());
  }

  void bad_tokens_cannot_fill_the_audit_log() {
    const auto failures = [this] {
      const auto all = f_.audited();
      return std::count(all.begin(), all.end(), "agent.auth.bearer_failed");
    };
    for (int i = 0; i < 50; ++i) accounts_->bearer_failed({"192.0.2.7", "curl"});
    CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{1}, failures());
    for (int i = 0; i < 3000; ++i)
      accounts_->bearer_failed(
          {"198.51." + std::to_string(i / 250) + "." + std::to_string(i % 250), ""});
    CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{1}, failures());
    f_.clock.advance(61 * base::kSecondUs);
    accounts_->bearer_failed({"192.0.2.7", "curl"});
    CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{2}, failures());
    Query query(Table::audit_log);
    query.columns({model::audit_log::metadata, model::audit_log::source_ip})
        .order({model::audit_log::seq}, true);
    const Row newest = f_.store->first(query).value().value();
    CPPUNIT_ASSERT_EQUAL(
        std::int64_t{50},
        base::json::integer(newest.json(model::audit_log::metadata).get_object(), "attempts"));
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.7"),
                         std::string(newest.text(model::audit_log::source_ip)));
  }

  void agents_that_never_come_are_deleted_in_time() {
    const AgentCredentials unused = mint("unused"), old = mint("old"), busy = mint("busy");
    f_.clock.advance(20 * base::kDayUs);
    set_agent(old.agent_id,
              {{agent_col::state, "offline"}, {agent_col::last_seen_at, f_.clock.now()}});
    set_agent(busy.agent_id,
              {{agent_col::state, "online"}, {agent_col::last_seen_at, f_.clock.now()}});
    f_.clock.advance(15 * base::kDayUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, accounts_->prune(0, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, accounts_->prune(30, {}).value());
    CPPUNIT_ASSERT(!who(unused.token) && who(old.token));
    f_.clock.advance(16 * base::kDayUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, accounts_->prune(30, {}).value());
    CPPUNIT_ASSERT(!who(old.token) && who(busy.token));
    CPPUNIT_ASSERT_EQUAL(std::string("agent.pruned"), f_.audited().back());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, closed_.size());
  }

  void old_connections_processes_and_names_are_forgotten() {
    namespace l = model::agent_connections;
    namespace s = model::agent_workers;
    namespace n = model::agent_tasks;
    const base::Uuid agent = mint().agent_id;
    Rows links(Table::agent_connections), slots(Table::agent_workers), names(Table::agent_tasks);
    for (const int days : {0, 20}) {
      const base::TimeUs at = f_.clock.now() + days * base::kDayUs;
      links.begin()
          .uuid(l::id, base::Uuid::random())
          .uuid(l::agent_id, agent)
          .uuid(l::project_id, f_.project)
          .text(l::transport, "ws")
          .uuid(l::brain_id, f_.brain)
          .num(l::connected_at, at)
          .num(l::disconnected_at, at);
      for (const char* state : {"online", "offline"}) {
        slots.begin()
            .uuid(s::id, base::Uuid::random())
            .uuid(s::agent_id, agent)
            .uuid(s::project_id, f_.project)
            .text(s::state, state)
            .num(s::last_seen_at, at)
            .num(s::created_at, at)
            .num(s::updated_at, at);
      }
      names.begin()
          .uuid(n::agent_id, agent)
          .text(n::engine, "celery")
          .text(n::name, std::to_string(days))
          .uuid(n::project_id, f_.project)
          .num(n::first_seen_at, at)
          .num(n::last_seen_at, at);
    }
    f_.insert(std::move(links));
    f_.insert(std::move(slots));
    f_.insert(std::move(names));
    f_.clock.advance(31 * base::kDayUs);
    f_.must(accounts_->forget_old(30, {}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::agent_connections));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, f_.count(Table::agent_workers));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::agent_tasks));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AgentAccountsTest);

}  // namespace
}  // namespace z4j::core
