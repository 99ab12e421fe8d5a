#include "gateway/gateway.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/testing/test_store.hpp"
#include "gateway/testing/remote.hpp"

namespace z4j::gateway {
namespace {

namespace json = base::json;
namespace agent_col = model::agents;
using testing::Remote;
using testing::Sockets;

const auto kAgent = base::Uuid::parse("3f0c9b1e-8a8e-4d5a-9a57-0f6f4c1b2d3e").value();
const auto kProject = base::Uuid::parse("7b1d2c3a-5e6f-4a7b-8c9d-0e1f2a3b4c5d").value();

class GatewayTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(GatewayTest);
  CPPUNIT_TEST(an_agent_says_hello_and_is_online);
  CPPUNIT_TEST(a_bad_token_is_refused_before_the_upgrade);
  CPPUNIT_TEST(too_many_bad_tokens_of_one_address_are_429);
  CPPUNIT_TEST(a_token_is_good_for_a_while_without_the_store);
  CPPUNIT_TEST(what_is_no_hello_closes_4400);
  CPPUNIT_TEST(no_hello_in_time_closes_4400);
  CPPUNIT_TEST(another_protocol_closes_4426);
  CPPUNIT_TEST(majors_one_before_ours_newer_and_unknown_ones_are_let_in);
  CPPUNIT_TEST(events_are_acknowledged_after_the_commit_only);
  CPPUNIT_TEST(a_repeated_frame_under_way_is_dropped);
  CPPUNIT_TEST(agents_before_1_5_get_no_member_that_they_do_not_know);
  CPPUNIT_TEST(a_frame_that_was_stored_is_acknowledged_again_at_once);
  CPPUNIT_TEST(a_frame_that_was_not_stored_may_come_again);
  CPPUNIT_TEST(frames_without_events_are_acknowledged);
  CPPUNIT_TEST(an_agent_that_only_repeats_is_not_read_for_a_while);
  CPPUNIT_TEST(a_full_queue_pauses_the_socket_and_loses_nothing);
  CPPUNIT_TEST(an_agent_far_ahead_of_the_others_waits);
  CPPUNIT_TEST(what_can_wait_is_taken_all_the_same);
  CPPUNIT_TEST(frames_that_waited_in_a_paused_socket_are_not_too_old);
  CPPUNIT_TEST(false_frames_close_with_their_codes);
  CPPUNIT_TEST(unknown_frame_types_and_odd_members_change_nothing);
  CPPUNIT_TEST(a_slot_is_replaced_and_the_65th_is_refused);
  CPPUNIT_TEST(a_revoked_agent_is_closed_4003);
  CPPUNIT_TEST(a_lost_notice_of_a_revocation_is_made_up_for);
  CPPUNIT_TEST(a_command_is_sent_and_its_result_comes_back);
  CPPUNIT_TEST(a_result_counts_from_the_agent_that_was_asked_only);
  CPPUNIT_TEST(states_are_asked_task_by_task);
  CPPUNIT_TEST(a_command_without_a_result_times_out_and_a_late_one_is_counted);
  CPPUNIT_TEST(a_command_for_nobody_is_agent_offline);
  CPPUNIT_TEST(silence_makes_offline_but_not_while_we_do_not_read);
  CPPUNIT_TEST(mere_times_are_written_seldom);
  CPPUNIT_TEST(heartbeats_tell_queues_workers_and_task_names);
  CPPUNIT_TEST(leaving_is_written_down);
  CPPUNIT_TEST(a_post_is_answered_when_its_events_are_stored);
  CPPUNIT_TEST(engines_of_an_agent_that_polls_are_those_it_names);
  CPPUNIT_TEST(a_post_again_waits_for_the_same_events);
  CPPUNIT_TEST(a_post_whose_events_were_not_stored_is_503);
  CPPUNIT_TEST(a_full_queue_makes_a_post_wait);
  CPPUNIT_TEST(a_false_frame_rejects_the_rest_of_a_post);
  CPPUNIT_TEST(a_fetch_waits_for_a_command_and_gets_it_again_until_it_is_acknowledged);
  CPPUNIT_TEST(a_fetch_ends_empty_and_a_newer_one_ends_it);
  CPPUNIT_TEST(a_17th_polling_process_makes_the_idlest_one_go);
  CPPUNIT_TEST(a_revoked_agent_that_polls_is_401);
  CPPUNIT_TEST_SUITE_END();

  struct Pushed {
    core::EventSource source;
    std::uint32_t rows = 0;
    core::Ingest::Receipt receipt;
  };

  base::ManualClock clock_{1'790'000'000LL * base::kSecondUs};
  std::unique_ptr<core::testing::TestStore> store_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<Sockets> sockets_;
  net::SocketEndpoint endpoint_;
  std::vector<net::LateRoute> routes_;
  std::map<std::string, Identity> tokens_;
  std::vector<Pushed> pushed_;
  base::Status push_answer_;
  bool is_store_away_ = false;
  net::SocketId last_ = 0;

  void settle() {
    for (int i = 0; i < 50 && gateway_->work(); ++i) {
    }
  }
  Identity add_agent(const base::Uuid& id, const std::string& name, const std::string& token) {
    const Identity who{id, kProject, name};
    tokens_[token] = who;
    core::Rows rows(core::Table::agents);
    rows.begin()
        .uuid(agent_col::id, id)
        .uuid(agent_col::project_id, kProject)
        .text(agent_col::name, name)
        .num(agent_col::is_local, 0)
        .text(agent_col::token_hash, "hash of " + token)
        .text(agent_col::protocol_version, "0")
        .text(agent_col::framework_adapter, "unknown")
        .text(agent_col::state, "unknown")
        .num(agent_col::events_persisted, 0)
        .num(agent_col::events_dropped, 0)
        .num(agent_col::created_at, clock_.now())
        .num(agent_col::updated_at, clock_.now());
    core::Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT((*store_)->commit(commit).ok());
    return who;
  }
  Remote remote() { return Remote(clock_, tokens_.at("good"), "good"); }
  int knock(const Remote& remote) {
    int status = 0;
    endpoint_.check(remote.request(),
                    [&status](const net::Response& response) { status = response.status; });
    settle();
    return status;
  }
  net::SocketId open(const Remote& remote) {
    CPPUNIT_ASSERT_EQUAL(101, knock(remote));
    endpoint_.open(++last_, remote.request());
    return last_;
  }
  void say(net::SocketId socket, const std::string& text) {
    endpoint_.message(socket, text);
    settle();
  }
  // A connection that is greeted.
  net::SocketId connect(Remote& remote) {
    const net::SocketId socket = open(remote);
    say(socket, remote.hello_text());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, (*sockets_)[socket].sent.size());
    remote.greeted((*sockets_)[socket].sent[0]);
    return socket;
  }
  void hang_up(net::SocketId socket) {
    const std::uint16_t code = (*sockets_)[socket].close_code;
    (*sockets_)[socket].is_gone = true;
    endpoint_.closed(socket, code != 0 ? code : std::uint16_t{1006});
    settle();
  }
  std::size_t sent(net::SocketId socket) { return (*sockets_)[socket].sent.size(); }
  wire::Frame last_frame(Remote& remote, net::SocketId socket) {
    return remote.opened((*sockets_)[socket].sent.back());
  }
  core::Row agent_row(const base::Uuid& id = kAgent) {
    core::Query query(core::Table::agents);
    query.where.eq(agent_col::id, id);
    return **(*store_)->first(query.all());
  }
  void is_closed(net::SocketId socket, int code) {
    CPPUNIT_ASSERT_EQUAL(code, static_cast<int>((*sockets_)[socket].close_code));
  }
  // A process that polls, signing under its nonce.
  Remote poller(const std::string& nonce = "nonce") {
    Remote agent = remote();
    agent.sign_with({kAgent.text(), kProject.text(), nonce});
    return agent;
  }
  net::Request poll_request(const Remote& agent, const std::string& nonce, std::string method,
                            std::string path) {
    net::Request request = agent.request(std::move(method), std::move(path));
    request.headers.emplace_back("x-z4j-session-nonce", nonce);
    request.headers.emplace_back("x-z4j-retry-contracts", "celery=1");
    return request;
  }
  using Got = std::shared_ptr<std::vector<net::Response>>;
  Got go(std::size_t route, const net::Request& request) {
    auto got = std::make_shared<std::vector<net::Response>>();
    const net::LateRoute& late = routes_.at(route);
    late.admit(request, [&late, &request, got](const net::Response& admitted) {
      if (admitted.status != 100) return got->push_back(admitted);
      late.handle(request, [got](net::Response response) { got->push_back(std::move(response)); });
    });
    settle();
    return got;
  }
  Got post(const Remote& agent, const std::vector<std::string>& frames,
           const std::string& nonce = "nonce") {
    net::Request request = poll_request(agent, nonce, "POST", "/api/v1/agent/events");
    json::Array texts;
    for (const std::string& frame : frames) texts.emplace_back(frame);
    request.body = json::write(json::Object{{"frames", std::move(texts)}});
    return go(0, request);
  }
  Got fetch(const Remote& agent, const std::string& query = "",
            const std::string& nonce = "nonce") {
    net::Request request = poll_request(agent, nonce, "GET", "/api/v1/agent/commands");
    request.query = query;
    return go(1, request);
  }
  static json::Object body_of(const Got& got) {
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, got->size());
    return json::parse(got->at(0).body).value().get_object();
  }
  // What a retry of task t1 came to.
  std::shared_ptr<std::optional<base::Result<std::string>>> retry(
      const base::Uuid& agent = kAgent) {
    auto got = std::make_shared<std::optional<base::Result<std::string>>>();
    gateway_->command(agent, "celery", Z4J_ENGINE_RETRY, "t1", "{\"task_name\":\"app.add\"}", 5000,
                      [got](base::Result<std::string> answer) {
                        CPPUNIT_ASSERT(!got->has_value());
                        got->emplace(std::move(answer));
                      });
    settle();
    return got;
  }

 public:
  void setUp() override {
    store_ = std::make_unique<core::testing::TestStore>();
    sockets_ = std::make_unique<Sockets>();
    tokens_.clear();
    pushed_.clear();
    push_answer_ = {};
    is_store_away_ = false;
    add_agent(kAgent, "web", "good");
    Gateway::Options options;
    options.store = &**store_;
    options.clock = &clock_;
    options.log = &base::Log::quiet();
    options.secret = testing::kMaster;
    options.brain = base::Uuid::random();
    options.redact = [](json::Value value) { return value; };
    options.door.find_token =
        [this](std::string_view token) -> base::Result<std::optional<Identity>> {
      if (is_store_away_) return base::Error{base::Code::unavailable, "away", "", "", 0};
      const auto found = tokens_.find(std::string(token));
      return found == tokens_.end() ? std::optional<Identity>() : std::optional(found->second);
    };
    options.push = [this](const core::EventSource& source, const z4j_event_batch& batch,
                          core::Ingest::Receipt receipt) {
      if (push_answer_) pushed_.push_back({source, batch.rows, std::move(receipt)});
      return push_answer_;
    };
    gateway_ = std::make_unique<Gateway>(std::move(options));
    gateway_->begin(*sockets_);
    endpoint_ = gateway_->sockets().at(0);
    routes_ = gateway_->late_routes();
  }
  void tearDown() override {
    gateway_->stop();
    gateway_.reset();
    store_.reset();
  }

  void an_agent_says_hello_and_is_online() {
    Remote agent = remote();
    const net::SocketId socket = open(agent);
    say(socket, agent.hello_text());
    const auto ack = wire::parse_hello_ack((*sockets_)[socket].sent.at(0)).value();
    CPPUNIT_ASSERT_EQUAL(std::string("1.12.0"), ack.brain_version);
    CPPUNIT_ASSERT_EQUAL(kAgent.text(), ack.ids.agent_id);
    CPPUNIT_ASSERT_EQUAL(kProject.text(), ack.ids.project_id);
    const core::Row row = agent_row();
    CPPUNIT_ASSERT_EQUAL(std::string_view("online"), row.text(agent_col::state));
    CPPUNIT_ASSERT_EQUAL(std::string_view("2"), row.text(agent_col::protocol_version));
    CPPUNIT_ASSERT_EQUAL(std::string_view("1.12.0"), row.text(agent_col::agent_version));
    CPPUNIT_ASSERT(row.text(agent_col::engine_adapters).find("celery") != std::string_view::npos);
    CPPUNIT_ASSERT(gateway_->holds(kAgent));
    const auto routes = gateway_->routes(kProject);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, routes.size());
    CPPUNIT_ASSERT(routes[0].is_online && (routes[0].capabilities & Z4J_ENGINE_RETRY) != 0);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1},
                         (*store_)->count(core::Table::agent_workers, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1},
                         (*store_)->count(core::Table::agent_connections, {}).value());
  }

  void a_bad_token_is_refused_before_the_upgrade() {
    CPPUNIT_ASSERT_EQUAL(401, knock(Remote(clock_, tokens_.at("good"), "bad")));
    net::Request bare;
    int status = 0;
    endpoint_.check(bare, [&status](const net::Response& r) { status = r.status; });
    settle();
    CPPUNIT_ASSERT_EQUAL(401, status);
  }

  void too_many_bad_tokens_of_one_address_are_429() {
    for (int i = 0; i < 601; ++i) {
      CPPUNIT_ASSERT_EQUAL(401,
                           knock(Remote(clock_, tokens_.at("good"), "bad" + std::to_string(i))));
    }
    CPPUNIT_ASSERT_EQUAL(429, knock(Remote(clock_, tokens_.at("good"), "one more")));
    clock_.advance(61 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(101, knock(remote()));
  }

  void a_token_is_good_for_a_while_without_the_store() {
    CPPUNIT_ASSERT_EQUAL(101, knock(remote()));
    is_store_away_ = true;
    clock_.advance(600 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(101, knock(remote()));
    CPPUNIT_ASSERT_EQUAL(503, knock(Remote(clock_, tokens_.at("good"), "unknown")));
    clock_.advance(600 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(503, knock(remote()));
  }

  void what_is_no_hello_closes_4400() {
    for (const char* text : {"", "{", "[]", "{\"v\":2,\"type\":\"heartbeat\",\"id\":\"x\"}", "\xff",
                             "{\"v\":2,\"id\":\"h\",\"type\":\"hello\",\"payload\":{}}"}) {
      const net::SocketId socket = open(remote());
      say(socket, text);
      is_closed(socket, 4400);
      hang_up(socket);
    }
    CPPUNIT_ASSERT(!gateway_->holds(kAgent));
  }

  void no_hello_in_time_closes_4400() {
    const net::SocketId socket = open(remote());
    clock_.advance(9 * base::kSecondUs);
    settle();
    is_closed(socket, 0);
    clock_.advance(2 * base::kSecondUs);
    settle();
    is_closed(socket, 4400);
  }

  void another_protocol_closes_4426() {
    Remote agent = remote();
    agent.hello.protocol_version = "3";
    const net::SocketId socket = open(agent);
    say(socket, agent.hello_text());
    is_closed(socket, 4426);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, sent(socket));
  }

  void majors_one_before_ours_newer_and_unknown_ones_are_let_in() {
    for (const char* version : {"0.9.0", "1.0.0", "1.12.0", "99.0.0", "-1", "", "0.0.0"}) {
      Remote agent = remote();
      agent.hello.agent_version = version;
      const net::SocketId socket = open(agent);
      say(socket, agent.hello_text());
      is_closed(socket, 0);
      hang_up(socket);
    }
  }

  void events_are_acknowledged_after_the_commit_only() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    say(socket, agent.events("ev_1", 3));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, pushed_.size());
    CPPUNIT_ASSERT_EQUAL(3u, pushed_[0].rows);
    CPPUNIT_ASSERT(pushed_[0].source.agent_id == kAgent);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, sent(socket));
    pushed_[0].receipt(core::Ingest::Stored{2, 1, 0});
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, sent(socket));
    const wire::Frame ack = last_frame(agent, socket);
    CPPUNIT_ASSERT(ack.type == wire::FrameType::event_batch_ack);
    CPPUNIT_ASSERT_EQUAL(std::string_view("ev_1"), json::text(ack.payload, "acked_id"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, json::integer(ack.payload, "received"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, json::integer(ack.payload, "accepted"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, json::integer(ack.payload, "rejected"));
  }

  void agents_before_1_5_get_no_member_that_they_do_not_know() {
    for (const auto& [version, knows] :
         std::map<std::string, bool>{{"1.4.9", false}, {"1.5.0", true}, {"", true}}) {
      Remote agent = remote();
      agent.hello.agent_version = version;
      const net::SocketId socket = connect(agent);
      say(socket, agent.events("ev_" + version));
      pushed_.back().receipt(core::Ingest::Stored{1, 0, 0});
      settle();
      CPPUNIT_ASSERT_EQUAL(knows, last_frame(agent, socket).payload.contains("acked_id"));
    }
  }

  void a_repeated_frame_under_way_is_dropped() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    for (int i = 0; i < 20; ++i) say(socket, agent.events("ev_1"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, pushed_.size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{19}, gateway_->stats().repeated_frames);
    pushed_[0].receipt(core::Ingest::Stored{1, 0, 0});
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, sent(socket));
  }

  void a_frame_that_was_stored_is_acknowledged_again_at_once() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    say(socket, agent.events("ev_1"));
    pushed_[0].receipt(core::Ingest::Stored{1, 0, 0});
    settle();
    say(socket, agent.events("ev_1"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, pushed_.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, sent(socket));
    CPPUNIT_ASSERT_EQUAL(std::string_view("ev_1"),
                         json::text(last_frame(agent, socket).payload, "acked_id"));
  }

  void an_agent_that_only_repeats_is_not_read_for_a_while() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    say(socket, agent.events("ev_1"));
    pushed_[0].receipt(core::Ingest::Stored{1, 0, 0});
    settle();
    for (int i = 0; i < 256; ++i) say(socket, agent.events("ev_1"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, sent(socket));
    CPPUNIT_ASSERT(!(*sockets_)[socket].is_paused);
    say(socket, agent.events("ev_2"));
    CPPUNIT_ASSERT((*sockets_)[socket].is_paused);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, pushed_.size());
    clock_.advance(base::kSecondUs);
    settle();
    CPPUNIT_ASSERT(!(*sockets_)[socket].is_paused);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, pushed_.size());
    is_closed(socket, 0);
  }

  void a_frame_that_was_not_stored_may_come_again() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    say(socket, agent.events("ev_1"));
    pushed_[0].receipt(std::nullopt);
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, sent(socket));
    say(socket, agent.events("ev_1"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, pushed_.size());
  }

  void frames_without_events_are_acknowledged() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    say(socket, agent.frame(wire::FrameType::event_batch, "ev_1", {}));
    say(socket,
        agent.frame(wire::FrameType::event_batch, "ev_2", {{"events", json::Array{7, nullptr}}}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, sent(socket));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2},
                         json::integer(last_frame(agent, socket).payload, "received"));
    CPPUNIT_ASSERT(pushed_.empty());
  }

  void a_full_queue_pauses_the_socket_and_loses_nothing() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    push_answer_ = base::Error{base::Code::busy, "full", "", "", 100};
    say(socket, agent.events("ev_1"));
    say(socket, agent.events("ev_2"));
    say(socket, agent.frame(wire::FrameType::heartbeat, "hb_1", {}));
    CPPUNIT_ASSERT((*sockets_)[socket].is_paused);
    CPPUNIT_ASSERT(pushed_.empty());
    push_answer_ = {};
    clock_.advance(base::kSecondUs);
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, pushed_.size());
    CPPUNIT_ASSERT(!(*sockets_)[socket].is_paused);
    pushed_[1].receipt(core::Ingest::Stored{1, 0, 0});
    pushed_[0].receipt(core::Ingest::Stored{1, 0, 0});
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, sent(socket));
    is_closed(socket, 0);
  }

  void an_agent_far_ahead_of_the_others_waits() {
    Remote loud = remote();
    const net::SocketId socket = connect(loud);
    const Identity who = add_agent(base::Uuid::random(), "quiet", "quiet");
    Remote quiet(clock_, who, "quiet");
    const net::SocketId other = connect(quiet);
    int sent_frames = 0;
    const auto flood = [&](int frames) {
      for (int i = 0; i < frames; ++i)
        say(socket, loud.events("ev_" + std::to_string(++sent_frames)));
    };
    // Alone it may go on.
    flood(200);
    CPPUNIT_ASSERT_EQUAL(std::size_t{200}, pushed_.size());
    say(other, quiet.events("ev_of_quiet"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{201}, pushed_.size());
    flood(10);
    CPPUNIT_ASSERT_EQUAL(std::size_t{201}, pushed_.size());
    CPPUNIT_ASSERT((*sockets_)[socket].is_paused);
    say(other, quiet.events("ev_of_quiet_too"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{202}, pushed_.size());
    // What is stored makes room for as much.
    for (std::size_t i = 0; i < 74; ++i) pushed_[i].receipt(core::Ingest::Stored{1, 0, 0});
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{204}, pushed_.size());
    // And once the other has nothing under way, it is alone again.
    pushed_[200].receipt(core::Ingest::Stored{1, 0, 0});
    pushed_[201].receipt(core::Ingest::Stored{1, 0, 0});
    settle();
    clock_.advance(base::kSecondUs);
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{212}, pushed_.size());
    CPPUNIT_ASSERT(!(*sockets_)[socket].is_paused);
  }

  void what_can_wait_is_taken_all_the_same() {
    class Counter final : public Strand {
     public:
      explicit Counter(Desk& desk) : Strand(desk) {}
      std::atomic<int> count{0};

     private:
      Took take(Message&) override {
        ++count;
        return Took::yes;
      }
    };
    Desk desk(clock_);
    desk.start("desk");
    const auto counter = std::make_shared<Counter>(desk);
    const auto reaches = [&](int count) {
      const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (counter->count < count && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      CPPUNIT_ASSERT_EQUAL(count, counter->count.load());
    };
    counter->put({"a", 0, 0}, Haste::none);
    reaches(1);
    counter->put({"b", 0, 0}, Haste::none);
    counter->put({"c", 0, 0}, Haste::some);
    reaches(3);
    for (int i = 0; i < 20; ++i) counter->put({"d", 0, 0}, Haste::none);
    reaches(23);
    desk.stop();
  }

  void frames_that_waited_in_a_paused_socket_are_not_too_old() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    push_answer_ = base::Error{base::Code::busy, "full", "", "", 100};
    say(socket, agent.events("ev_1"));
    CPPUNIT_ASSERT((*sockets_)[socket].is_paused);
    const std::string waited = agent.events("ev_2");
    clock_.advance(180 * base::kSecondUs);
    push_answer_ = {};
    settle();
    say(socket, waited);
    is_closed(socket, 0);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, pushed_.size());
    say(socket, agent.events("ev_3"));  // of now: the time that was granted is over
    const std::string old =
        agent.frame(wire::FrameType::heartbeat, "hb_1", {}, clock_.now() - 100 * base::kSecondUs);
    say(socket, old);
    is_closed(socket, 4403);
  }

  void false_frames_close_with_their_codes() {
    const auto closes = [this](int code, const std::function<std::string(Remote&)>& make) {
      Remote agent = remote();
      const net::SocketId socket = connect(agent);
      say(socket, make(agent));
      is_closed(socket, code);
      hang_up(socket);
    };
    closes(4403, [](Remote& a) {
      std::string text = a.events("ev_1");
      text[text.find("app.add")] = 'b';
      return text;
    });
    closes(4403, [this](Remote& a) {
      return a.frame(wire::FrameType::heartbeat, "hb", {}, clock_.now() - 61 * base::kSecondUs);
    });
    closes(4403, [this](Remote& a) {
      return a.frame(wire::FrameType::heartbeat, "hb", {}, clock_.now() + 61 * base::kSecondUs);
    });
    closes(4403, [](Remote& a) {  // another session's ids
      a.sign_with({kAgent.text(), kProject.text(), base::Uuid::random().text()});
      return a.events("ev_1");
    });
    closes(1011, [](Remote& a) { return a.events("ev_1").substr(0, 60); });
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    const std::string once = agent.events("ev_1");
    say(socket, once);
    say(socket, once);
    is_closed(socket, 4403);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, pushed_.size());
  }

  void unknown_frame_types_and_odd_members_change_nothing() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    say(socket, "{\"v\":2,\"type\":\"tea\",\"id\":\"x\",\"payload\":{}}");
    say(socket, agent.frame(wire::FrameType::heartbeat, "hb",
                            {{"buffer_size", "many"}, {"adapter_health", 7}, {"more", nullptr}}));
    say(socket, agent.frame(wire::FrameType::agent_status, "as", {{"engines", "celery"}}));
    say(socket, agent.frame(wire::FrameType::command_result, "no uuid", {{"status", "success"}}));
    say(socket, agent.frame(wire::FrameType::registry_delta, "rd", {{"added", json::Array{1}}}));
    say(socket, agent.frame(wire::FrameType::error, "er", {{"code", 7}}));
    say(socket, agent.frame(wire::FrameType::command, "cm", {}));
    say(socket, agent.events("ev_1"));
    is_closed(socket, 0);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, pushed_.size());
  }

  void a_slot_is_replaced_and_the_65th_is_refused() {
    Remote first = remote();
    const net::SocketId old = connect(first);
    Remote second = remote();
    const net::SocketId fresh = connect(second);
    settle();
    is_closed(old, 4002);
    hang_up(old);
    CPPUNIT_ASSERT_EQUAL(std::string_view("online"), agent_row().text(agent_col::state));
    for (int i = 2; i <= 64; ++i) {
      Remote more = remote();
      more.hello.worker_id = "w" + std::to_string(i);
      connect(more);
    }
    Remote one_more = remote();
    one_more.hello.worker_id = "w65";
    const net::SocketId refused = connect(one_more);
    is_closed(refused, 4429);
    is_closed(fresh, 0);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{64}, gateway_->stats().connections);
  }

  void a_revoked_agent_is_closed_4003() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    const net::SocketId silent = open(agent);
    tokens_.erase("good");
    gateway_->revoke(kAgent);
    settle();
    is_closed(socket, 4003);
    is_closed(silent, 4003);
    CPPUNIT_ASSERT_EQUAL(401, knock(agent));
  }

  void a_lost_notice_of_a_revocation_is_made_up_for() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    core::Commit commit;
    commit.update(core::Table::agents, {}, {{agent_col::token_hash, nullptr}});
    CPPUNIT_ASSERT((*store_)->commit(commit).ok());
    clock_.advance(31 * base::kSecondUs);
    settle();
    is_closed(socket, 4003);
  }

  void a_command_is_sent_and_its_result_comes_back() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    const auto got = retry();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, sent(socket));
    const wire::Frame command = last_frame(agent, socket);
    CPPUNIT_ASSERT(command.type == wire::FrameType::command);
    CPPUNIT_ASSERT_EQUAL(std::string_view("retry_task"), json::text(command.payload, "action"));
    CPPUNIT_ASSERT_EQUAL(std::string_view("celery"),
                         json::text(*json::object(command.payload, "target"), "engine"));
    say(socket, agent.frame(wire::FrameType::command_ack, command.id, {}));
    CPPUNIT_ASSERT(!got->has_value());
    const std::string result = agent.frame(wire::FrameType::command_result, command.id,
                                           {{"status", "success"},
                                            {"result", json::Object{{"new_task_id", "t2"}}},
                                            {"error", nullptr}});
    say(socket, result);
    CPPUNIT_ASSERT(got->has_value() && (*got)->ok());
    const auto answer = json::parse(***got).value();
    CPPUNIT_ASSERT_EQUAL(std::string_view("t2"), json::text(answer.get_object(), "new_task_id"));
  }

  void a_result_counts_from_the_agent_that_was_asked_only() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    const Identity who = add_agent(base::Uuid::random(), "other", "other");
    Remote other(clock_, who, "other");
    const net::SocketId foreign = connect(other);
    const auto got = retry();
    const std::string id = last_frame(agent, socket).id;
    say(foreign, other.frame(wire::FrameType::command_result, id, {{"status", "success"}}));
    CPPUNIT_ASSERT(!got->has_value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, gateway_->stats().late_results);
    // Over another connection of the same agent it counts.
    Remote second = remote();
    second.hello.worker_id = "second";
    const net::SocketId also = connect(second);
    say(also, second.frame(wire::FrameType::command_result, id,
                           {{"status", "failed"}, {"error", "no such task"}}));
    CPPUNIT_ASSERT(got->has_value());
  }

  void states_are_asked_task_by_task() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    std::optional<base::Result<std::string>> got;
    gateway_->read(kAgent, "state",
                   R"({"engine":"celery","task_ids":["t1","t2","t3","t4","t5","t6"]})", 5000,
                   [&got](base::Result<std::string> answer) { got.emplace(std::move(answer)); });
    for (int i = 1; i <= 6; ++i) {
      settle();
      CPPUNIT_ASSERT(!got);
      // Four are under way at once; each answer lets the next one go.
      const wire::Frame command =
          agent.opened((*sockets_)[socket].sent.at(static_cast<std::size_t>(i)));
      CPPUNIT_ASSERT_EQUAL(std::string_view("reconcile_task"),
                           json::text(command.payload, "action"));
      const json::Object* parameters = json::object(command.payload, "parameters");
      const std::string task_id(json::text(*parameters, "task_id"));
      say(socket, agent.frame(wire::FrameType::command_result, command.id,
                              {{"status", task_id == "t2" ? "failed" : "success"},
                               {"result", json::Object{{"task_id", task_id},
                                                       {"engine_state", "success"},
                                                       {"finished_at", "2026-06-08T12:00:00Z"}}},
                               {"error", nullptr}}));
    }
    settle();
    CPPUNIT_ASSERT(got && got->ok());
    const json::Value answer = json::parse(**got).value();
    const json::Array* items = json::array(answer.get_object(), "items");
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, items->size());  // t2 was not answered for
    CPPUNIT_ASSERT_EQUAL(std::string_view("success"),
                         json::text(items->at(0).get_object(), "state"));
    CPPUNIT_ASSERT(json::number(items->at(0).get_object(), "finished_at") > 1e9);
    gateway_->read(base::Uuid::random(), "state", R"({"engine":"celery","task_ids":[]})", 5000,
                   [&got](base::Result<std::string> nobody) { got.emplace(std::move(nobody)); });
    CPPUNIT_ASSERT(!got->ok());
  }

  void a_command_without_a_result_times_out_and_a_late_one_is_counted() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    const auto got = retry();
    const std::string id = last_frame(agent, socket).id;
    clock_.advance(6 * base::kSecondUs);
    settle();
    CPPUNIT_ASSERT(got->has_value() && !(*got)->ok());
    CPPUNIT_ASSERT((*got)->error().code == base::Code::timeout);
    say(socket, agent.frame(wire::FrameType::command_result, id, {{"status", "success"}}));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, gateway_->stats().late_results);
  }

  void a_command_for_nobody_is_agent_offline() {
    const auto got = retry();
    CPPUNIT_ASSERT((*got)->error().code == base::Code::unavailable);
    CPPUNIT_ASSERT_EQUAL(std::string("agent_offline"), (*got)->error().where);
  }

  void mere_times_are_written_seldom() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    const base::TimeUs came_at = agent_row().num(agent_col::last_seen_at);
    clock_.advance(6 * base::kSecondUs);
    say(socket, agent.frame(wire::FrameType::heartbeat, "hb_1", {}));
    CPPUNIT_ASSERT_EQUAL(came_at, agent_row().num(agent_col::last_seen_at));
    clock_.advance(12 * base::kSecondUs);
    say(socket, agent.frame(wire::FrameType::heartbeat, "hb_2", {}));
    CPPUNIT_ASSERT_EQUAL(clock_.now(), agent_row().num(agent_col::last_seen_at));
  }

  void silence_makes_offline_but_not_while_we_do_not_read() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    clock_.advance(31 * base::kSecondUs);
    settle();
    CPPUNIT_ASSERT_EQUAL(std::string_view("offline"), agent_row().text(agent_col::state));
    say(socket, agent.frame(wire::FrameType::heartbeat, "hb", {}));
    clock_.advance(11 * base::kSecondUs);
    settle();
    CPPUNIT_ASSERT_EQUAL(std::string_view("online"), agent_row().text(agent_col::state));
    push_answer_ = base::Error{base::Code::busy, "full", "", "", 100};
    say(socket, agent.events("ev_1"));
    for (int i = 0; i < 12; ++i) {
      clock_.advance(15 * base::kSecondUs);
      settle();
      CPPUNIT_ASSERT_EQUAL(std::string_view("online"), agent_row().text(agent_col::state));
    }
  }

  void heartbeats_tell_queues_workers_and_task_names() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    const json::Object details{
        {"w1@host", json::Object{{"registered", json::Array{"app.add [rate_limit=1/m]", "app.mul"}},
                                 {"stats", json::Object{{"pid", 12}}}}}};
    say(socket, agent.frame(wire::FrameType::heartbeat, "hb",
                            {{"buffer_size", 3},
                             {"dropped_events", 1},
                             {"adapter_health",
                              json::Object{{"celery.broker_type", "redis"},
                                           {"celery.queue_depths", "{\"celery\": 12, \"mail\": 0}"},
                                           {"celery.worker_details", json::write(details)}}}}));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, (*store_)->count(core::Table::queues, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, (*store_)->count(core::Table::workers, {}).value());
    core::Query query(core::Table::agent_tasks);
    const auto tasks = (*store_)->read(query.all().order({model::agent_tasks::name})).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, tasks.size());
    CPPUNIT_ASSERT_EQUAL(std::string_view("app.add"), tasks[0].text(model::agent_tasks::name));
    clock_.advance(11 * base::kSecondUs);
    settle();
    const json::Value telemetry = agent_row().json(agent_col::telemetry);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, json::integer(telemetry.get_object(), "buffer_size"));
  }

  void leaving_is_written_down() {
    Remote agent = remote();
    const net::SocketId socket = connect(agent);
    hang_up(socket);
    CPPUNIT_ASSERT_EQUAL(std::string_view("offline"), agent_row().text(agent_col::state));
    CPPUNIT_ASSERT(!gateway_->holds(kAgent));
    core::Query query(core::Table::agent_connections);
    const auto link = *(*store_)->first(query.all()).value();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1006}, link.num(model::agent_connections::close_code));
    CPPUNIT_ASSERT(!link.is_null(model::agent_connections::disconnected_at));
    core::Query workers(core::Table::agent_workers);
    CPPUNIT_ASSERT_EQUAL(
        std::string_view("offline"),
        (*store_)->first(workers.all()).value()->text(model::agent_workers::state));
  }

  void a_post_is_answered_when_its_events_are_stored() {
    Remote agent = poller();
    const Got got = post(agent, {agent.frame(wire::FrameType::heartbeat, "hb", {}),
                                 agent.events("ev_1", 2), agent.events("ev_2")});
    CPPUNIT_ASSERT(got->empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, pushed_.size());
    pushed_[0].receipt(core::Ingest::Stored{2, 0, 0});
    settle();
    CPPUNIT_ASSERT(got->empty());
    pushed_[1].receipt(core::Ingest::Stored{1, 0, 0});
    settle();
    CPPUNIT_ASSERT_EQUAL(200, got->at(0).status);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, json::integer(body_of(got), "accepted"));
    CPPUNIT_ASSERT_EQUAL(std::string_view("online"), agent_row().text(agent_col::state));
    CPPUNIT_ASSERT_EQUAL(std::string_view("longpoll"), agent_row().text(agent_col::transport));
  }

  void engines_of_an_agent_that_polls_are_those_it_names() {
    Remote agent = poller();
    static_cast<void>(
        post(agent, {agent.frame(wire::FrameType::heartbeat, "hb",
                                 {{"adapter_health", json::Object{{"rq.broker_type", "redis"}}}}),
                     agent.events("ev_1")}));
    std::vector<std::string> engines;
    for (const core::EngineRoute& route : gateway_->routes(kProject))
      engines.push_back(route.engine);
    CPPUNIT_ASSERT((engines == std::vector<std::string>{"celery", "rq"}));
  }

  void a_post_again_waits_for_the_same_events() {
    Remote agent = poller();
    const Got first = post(agent, {agent.events("ev_1")});
    const Got again = post(agent, {agent.events("ev_1")});  // its client ran out of patience
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, pushed_.size());
    pushed_[0].receipt(core::Ingest::Stored{1, 0, 0});
    settle();
    CPPUNIT_ASSERT_EQUAL(200, first->at(0).status);
    CPPUNIT_ASSERT_EQUAL(200, again->at(0).status);
  }

  void a_post_whose_events_were_not_stored_is_503() {
    Remote agent = poller();
    const Got got = post(agent, {agent.events("ev_1")});
    pushed_[0].receipt(std::nullopt);
    settle();
    CPPUNIT_ASSERT_EQUAL(503, got->at(0).status);
  }

  void a_full_queue_makes_a_post_wait() {
    Remote agent = poller();
    push_answer_ = base::Error{base::Code::busy, "full", "", "", 100};
    const Got got = post(agent, {agent.events("ev_1"), agent.events("ev_2")});
    push_answer_ = {};
    clock_.advance(base::kSecondUs);
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, pushed_.size());
    for (const Pushed& one : pushed_) one.receipt(core::Ingest::Stored{1, 0, 0});
    settle();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, json::integer(body_of(got), "accepted"));
  }

  void a_false_frame_rejects_the_rest_of_a_post() {
    Remote agent = poller();
    Remote other = poller("another nonce");
    const Got got = post(agent, {"no json", agent.frame(wire::FrameType::heartbeat, "hb", {}),
                                 other.frame(wire::FrameType::heartbeat, "hb", {}),
                                 agent.frame(wire::FrameType::heartbeat, "hb", {})});
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, json::integer(body_of(got), "accepted"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, json::integer(body_of(got), "rejected"));
    Remote anew = poller();
    const Got fine = post(anew, {anew.frame(wire::FrameType::heartbeat, "hb", {})});
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, json::integer(body_of(fine), "accepted"));
  }

  void a_fetch_waits_for_a_command_and_gets_it_again_until_it_is_acknowledged() {
    Remote agent = poller();
    CPPUNIT_ASSERT_EQUAL(std::string("{\"frames\":[]}"), fetch(agent, "max_frames=0")->at(0).body);
    const Got first = fetch(agent);
    CPPUNIT_ASSERT(first->empty());
    const auto outcome = retry();
    const json::Object body = body_of(first);
    const json::Array& frames = *json::array(body, "frames");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, frames.size());
    const std::string_view text(frames[0].get_string().data(), frames[0].get_string().size());
    const std::string id = agent.opened(text).id;
    CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                         json::array(body_of(fetch(agent, "wait=1")), "frames")->size());
    static_cast<void>(post(agent, {agent.frame(wire::FrameType::command_ack, id, {})}));
    const Got quiet = fetch(agent, "wait=1");
    CPPUNIT_ASSERT(quiet->empty());
    static_cast<void>(
        post(agent, {agent.frame(wire::FrameType::command_result, id, {{"status", "success"}})}));
    CPPUNIT_ASSERT(outcome->has_value() && (*outcome)->ok());
  }

  void a_fetch_ends_empty_and_a_newer_one_ends_it() {
    Remote agent = poller();
    const Got old = fetch(agent, "wait=60");
    const Got newer = fetch(agent, "wait=5");
    CPPUNIT_ASSERT_EQUAL(std::string("{\"frames\":[]}"), old->at(0).body);
    clock_.advance(6 * base::kSecondUs);
    settle();
    settle();
    CPPUNIT_ASSERT_EQUAL(std::string("{\"frames\":[]}"), newer->at(0).body);
    for (const char* bad : {"wait=61", "wait=x", "max_frames=501", "wait=", "wait=-1"})
      CPPUNIT_ASSERT_EQUAL(422, fetch(agent, bad)->at(0).status);
  }

  void a_17th_polling_process_makes_the_idlest_one_go() {
    Remote agent = remote();
    for (int i = 0; i < 17; ++i) {
      static_cast<void>(fetch(agent, "wait=0", "n" + std::to_string(i)));
      clock_.advance(base::kSecondUs);
    }
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{16}, gateway_->stats().connections);
    clock_.advance(100 * base::kSecondUs);
    settle();
    settle();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, gateway_->stats().connections);
    CPPUNIT_ASSERT_EQUAL(std::string_view("offline"), agent_row().text(agent_col::state));
  }

  void a_revoked_agent_that_polls_is_401() {
    Remote agent = poller();
    const Got waiting = fetch(agent);
    tokens_.erase("good");
    gateway_->revoke(kAgent);
    settle();
    CPPUNIT_ASSERT_EQUAL(401, waiting->at(0).status);
    CPPUNIT_ASSERT_EQUAL(401, fetch(agent)->at(0).status);
    CPPUNIT_ASSERT_EQUAL(401, post(agent, {agent.events("ev_1")})->at(0).status);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(GatewayTest);

}  // namespace
}  // namespace z4j::gateway
