#include "agent/session.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "agent/collector.hpp"
#include "base/json.hpp"
#include "base/uuid.hpp"
#include "core/redaction.hpp"
#include "wire/keys.hpp"
#include "wire/refusal.hpp"

namespace z4j::agent {
namespace {

namespace json = base::json;
using wire::FrameType;

// What the agent sent, and the brain's end of its connections. Thread-safe.
class FakeBrain {
 public:
  struct Sent {
    FrameType type;
    std::string id;
    json::Object payload;
  };

  std::unique_ptr<Link> link(const Link::Options& options, Link::Callbacks callbacks) {
    const std::lock_guard lock(mutex_);
    ++dials_;
    hello_ = options.hello;
    callbacks_ = std::move(callbacks);
    if (refuse_) {
      callbacks_.ended(*refuse_);
    } else {
      Opened opened;
      opened.ids = {"agent", "project", "session"};
      opened.heartbeat_seconds = 3600;
      opened.max_frame_bytes = max_frame_;
      opened.brain_version = "1.12.0";
      callbacks_.opened(opened);
    }
    return std::make_unique<Wire>(*this);
  }

  std::vector<Sent> sent(FrameType type) {
    const std::lock_guard lock(mutex_);
    std::vector<Sent> out;
    for (const Sent& each : sent_) {
      if (each.type == type) out.push_back(each);
    }
    return out;
  }
  void tell(FrameType type, const std::string& id, json::Object payload) {
    wire::Frame frame;
    frame.type = type;
    frame.id = id;
    frame.payload = std::move(payload);
    const std::lock_guard lock(mutex_);
    callbacks_.frame(std::move(frame));
  }
  void ack(const std::string& id) {
    tell(FrameType::event_batch_ack, "eba_" + id, json::Object{{"acked_id", id}});
  }
  void hang_up(int code) {
    const std::lock_guard lock(mutex_);
    LinkEnd end;
    end.kind = FailureClass::connection;
    end.cause = "test";
    end.close_code = code;
    callbacks_.ended(end);
  }
  void refuse(std::optional<LinkEnd> end) {
    const std::lock_guard lock(mutex_);
    refuse_ = std::move(end);
  }
  void limit_frames(std::size_t bytes) { max_frame_ = bytes; }
  int dials() {
    const std::lock_guard lock(mutex_);
    return dials_;
  }
  wire::Hello hello() {
    const std::lock_guard lock(mutex_);
    return hello_;
  }
  std::string closed_with() {
    const std::lock_guard lock(mutex_);
    return closed_with_;
  }

 private:
  class Wire final : public Link {
   public:
    explicit Wire(FakeBrain& brain) : brain_(brain) {}
    bool has_room() const override { return true; }
    bool send(FrameType type, const std::string& id, const json::Object& payload) override {
      const std::lock_guard lock(brain_.mutex_);
      brain_.sent_.push_back({type, id, payload});
      return true;
    }
    void close(std::uint16_t code, std::string_view reason) override {
      const std::lock_guard lock(brain_.mutex_);
      brain_.closed_with_ = std::to_string(code) + " " + std::string(reason);
      LinkEnd end;
      end.close_code = code;
      brain_.callbacks_.ended(end);
    }

   private:
    FakeBrain& brain_;
  };

  std::mutex mutex_;
  std::vector<Sent> sent_;  // guarded by mutex_, as is all below
  Link::Callbacks callbacks_;
  wire::Hello hello_;
  std::optional<LinkEnd> refuse_;
  std::atomic<std::size_t> max_frame_{wire::kMaxFrameBytes};
  int dials_ = 0;
  std::string closed_with_;
};

template <class What>
void wait_for(const What& what, const char* name) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!what()) {
    CPPUNIT_ASSERT_MESSAGE(name, std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

class SessionTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SessionTest);
  CPPUNIT_TEST(greets_with_what_engines_can_do);
  CPPUNIT_TEST(events_are_redacted_framed_and_forgotten_once_stored);
  CPPUNIT_TEST(what_was_not_stored_is_sent_again_with_its_id);
  CPPUNIT_TEST(at_most_256_frames_are_under_way);
  CPPUNIT_TEST(a_frame_too_large_for_the_brain_is_dropped_and_counted);
  CPPUNIT_TEST(a_brain_that_is_down_never_makes_an_engine_wait);
  CPPUNIT_TEST(heartbeats_tell_queues_workers_and_losses);
  CPPUNIT_TEST(task_names_are_told_after_connecting);
  CPPUNIT_TEST(commands_run_once_and_answer_once);
  CPPUNIT_TEST(a_result_without_a_connection_is_told_on_the_next);
  CPPUNIT_TEST(a_purge_of_many_wants_its_number_confirmed);
  CPPUNIT_TEST(reconciling_tells_what_the_engine_proves);
  CPPUNIT_TEST(an_unknown_action_or_engine_fails);
  CPPUNIT_TEST(skip_wait_dials_at_once);
  CPPUNIT_TEST(a_fatal_error_frame_ends_the_connection);
  CPPUNIT_TEST(a_stop_gives_what_waits_time_to_be_stored);
  CPPUNIT_TEST_SUITE_END();

  std::string folder_;
  base::SystemClock clock_;
  FakeBrain brain_;
  std::optional<core::Redactor> redactor_;
  std::unique_ptr<Buffer> buffer_;
  std::unique_ptr<Losses> losses_;
  std::unique_ptr<CommandLedger> ledger_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<Engines> engines_;
  std::unique_ptr<Commands> commands_;
  std::unique_ptr<Session> session_;
  std::mutex log_mutex_;
  std::string log_text_;  // guarded by log_mutex_
  base::Log log_{base::Log::Form::console, base::Level::info,
                 [this](std::string_view line) {
                   const std::lock_guard lock(log_mutex_);
                   log_text_ += line;
                 },
                 clock_};

  static constexpr const char* kKey = "0123456789abcdef0123456789abcdef";

  bool logged(std::string_view part) {
    const std::lock_guard lock(log_mutex_);
    return log_text_.find(part) != std::string::npos;
  }

  void begin(const char* calls = "{}") {
    auto opened =
        Buffer::open({folder_ + "/state", std::size_t{16} << 20, 100'000, &log_, &clock_});
    CPPUNIT_ASSERT(opened);
    buffer_ = std::move(opened).value();
    redactor_.emplace(core::Redactor::make({}).value());
    losses_ = std::make_unique<Losses>("buffer", "runtime");
    ledger_ = CommandLedger::open(folder_ + "/state/commands.log", clock_, log_).value();
    collector_ = std::make_unique<Collector>(*buffer_, *redactor_, [this] {
      if (session_) session_->poke();
    });
    config::PluginEntry entry;
    entry.name = "celery";
    entry.plugin = "test-engine";
    entry.settings = {{"calls", json::parse(calls).value()}};
    Engines::Options options;
    options.plugins = {entry};
    options.host.directories = {Z4J_TEST_PLUGIN_DIR};
    options.host.host_version = "1";
    options.emit = [this](const z4j_event_batch& batch) { collector_->take(batch); };
    options.dropped = [this](const std::string& engine, std::uint64_t events) {
      losses_->dropped(engine, events);
    };
    engines_ = std::make_unique<Engines>(std::move(options), clock_, log_);
    const auto found = engines_->find();
    CPPUNIT_ASSERT_MESSAGE(found ? "" : found.error().text(), found.ok());
    commands_ = std::make_unique<Commands>(*engines_, clock_, Commands::Options{kKey, 100, false});
    Session::Options talking;
    talking.speaker = {"host-1", "task", "0.1.0", "worker-1", clock_.now()};
    talking.brain_url = "ws://brain";
    talking.random = [] { return 0.0; };
    talking.make_link = [this](const Link::Options& link, Link::Callbacks callbacks) {
      return brain_.link(link, std::move(callbacks));
    };
    session_ = std::make_unique<Session>(std::move(talking), *engines_, *buffer_, *ledger_,
                                         *commands_, *losses_, clock_, log_);
    engines_->start();
    session_->start();
  }
  void begin_connected(const char* calls = "{}") {
    begin(calls);
    wait_for([this] { return logged("connected"); }, "connected");
  }
  void end() {
    if (engines_) engines_->stop();
    session_.reset();
    commands_.reset();
    engines_.reset();
    collector_.reset();
    ledger_.reset();
    buffer_.reset();
  }

  // One frame with one event for each attrs text.
  void emit(const std::string& task_id, const std::string& attrs = "{}") {
    BatchBuilder rows;
    rows.begin_row(1'800'000'000 * base::kSecondUs, Z4J_EV_STARTED);
    rows.engine("test");
    rows.task("app.add");
    rows.task_id(task_id);
    rows.attrs_json(attrs);
    const z4j_event_batch batch = rows.batch();
    collector_->take(batch);
  }
  std::vector<FakeBrain::Sent> wait_events(std::size_t count) {
    wait_for([&] { return brain_.sent(FrameType::event_batch).size() >= count; }, "event frames");
    return brain_.sent(FrameType::event_batch);
  }
  static const json::Object& event_of(const FakeBrain::Sent& frame) {
    return json::array(frame.payload, "events")->at(0).get_object();
  }

  std::string command(const char* action, json::Object target, json::Object parameters,
                      const std::string& id = base::Uuid::random().text()) {
    brain_.tell(FrameType::command, id,
                json::Object{{"action", action},
                             {"target", std::move(target)},
                             {"parameters", std::move(parameters)},
                             {"timeout_seconds", 20},
                             {"issued_by", nullptr},
                             {"delivery_claim_token", "claim"}});
    return id;
  }
  json::Object result_of(const std::string& id, std::size_t count = 1) {
    const auto told = [&] {
      std::vector<json::Object> out;
      for (const FakeBrain::Sent& each : brain_.sent(FrameType::command_result)) {
        if (each.id == id) out.push_back(each.payload);
      }
      return out;
    };
    wait_for([&] { return told().size() >= count; }, "command result");
    return told().back();
  }
  static json::Object retry_target() {
    return {{"type", "task"}, {"id", "test:t-1"}, {"engine", "test"}};
  }
  static json::Object retry_parameters() {
    return {{"engine", "test"},
            {"task_id", "t-1"},
            {"task_name", "app.add"},
            {"args", nullptr},
            {"kwargs", nullptr}};
  }

 public:
  void setUp() override {
    char name[] = "/tmp/z4j_agent_XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void tearDown() override {
    end();
    std::filesystem::remove_all(folder_);
  }

  void greets_with_what_engines_can_do() {
    begin_connected();
    const wire::Hello hello = brain_.hello();
    CPPUNIT_ASSERT_EQUAL(std::string("z4j-agent"), hello.framework);
    CPPUNIT_ASSERT_EQUAL(std::string("test"), hello.engines.at(0));
    CPPUNIT_ASSERT_EQUAL(std::string("host-1"), std::string(hello.host_name()));
    CPPUNIT_ASSERT(hello.has_feature("retry_by_reference"));
    const auto& able = hello.capabilities.at("test");
    for (const char* name : {"retry_by_reference_v1", "retry_task", "cancel_task", "purge_queue"})
      CPPUNIT_ASSERT_MESSAGE(name, std::find(able.begin(), able.end(), name) != able.end());
  }

  void events_are_redacted_framed_and_forgotten_once_stored() {
    begin_connected();
    emit("t-1", R"({"args":[1],"kwargs":{"password":"hunter2","note":"fine"}})");
    const auto frame = wait_events(1).front();
    const json::Object& event = event_of(frame);
    CPPUNIT_ASSERT_EQUAL(std::string_view("task.started"), json::text(event, "kind"));
    CPPUNIT_ASSERT_EQUAL(std::string_view("t-1"), json::text(event, "task_id"));
    const std::string text = json::write(frame.payload);
    CPPUNIT_ASSERT(text.find("hunter2") == std::string::npos);
    CPPUNIT_ASSERT(text.find("[REDACTED]") != std::string::npos);
    CPPUNIT_ASSERT(text.find("fine") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, buffer_->stats().events);
    brain_.ack("someone else's");
    brain_.ack(frame.id);
    wait_for([this] { return buffer_->stats().events == 0; }, "settled");
  }

  void what_was_not_stored_is_sent_again_with_its_id() {
    begin_connected();
    for (const char* id : {"a", "b", "c"}) emit(id);
    const auto first = wait_events(3);
    brain_.ack(first[1].id);
    brain_.hang_up(1006);
    const auto all = wait_events(5);
    CPPUNIT_ASSERT_EQUAL(first[0].id, all[3].id);
    CPPUNIT_ASSERT_EQUAL(first[2].id, all[4].id);
    CPPUNIT_ASSERT_EQUAL(json::write(first[2].payload), json::write(all[4].payload));
    CPPUNIT_ASSERT(logged("disconnected") && logged("close_code=\"1006\"") &&
                   logged("next_retry_in=\"1.0 s\""));
  }

  void at_most_256_frames_are_under_way() {
    begin_connected();
    for (int i = 0; i < 300; ++i) emit(std::to_string(i));
    const auto frames = wait_events(256);
    session_->poke();
    emit("one more");
    CPPUNIT_ASSERT_EQUAL(std::size_t{256}, brain_.sent(FrameType::event_batch).size());
    for (const auto& frame : frames) brain_.ack(frame.id);
    CPPUNIT_ASSERT_EQUAL(std::string_view("one more"),
                         json::text(event_of(wait_events(301).back()), "task_id"));
  }

  void a_frame_too_large_for_the_brain_is_dropped_and_counted() {
    brain_.limit_frames(2048);
    begin_connected();
    emit("large", R"({"result":")" + std::string(4000, 'x') + R"("})");
    emit("small");
    CPPUNIT_ASSERT_EQUAL(std::string_view("small"),
                         json::text(event_of(wait_events(1).front()), "task_id"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, losses_->loss(buffer_->stats()).content_rejected_frames);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, losses_->loss(buffer_->stats()).event_records);
  }

  void a_brain_that_is_down_never_makes_an_engine_wait() {
    LinkEnd down;
    down.cause = "no connection: refused";
    brain_.refuse(down);
    begin();
    wait_for(
        [this] { return logged("not connected") && logged("cause=\"no connection: refused\""); },
        "one line");
    for (int i = 0; i < 20'000; ++i) emit(std::to_string(i));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{20'000}, buffer_->stats().events);
    brain_.refuse(std::nullopt);
    session_->skip_wait();
    CPPUNIT_ASSERT_EQUAL(std::string_view("0"),
                         json::text(event_of(wait_events(1).front()), "task_id"));
  }

  void heartbeats_tell_queues_workers_and_losses() {
    begin_connected(
        R"({"snapshot/queues":{"answer":{"items":[{"name":"mail","pending":7,"broker_type":"redis"}],"next":null}},
            "snapshot/workers":{"answer":{"items":[{"name":"w1","concurrency":4,"queues":["mail"],"active_tasks":1}],"next":null}}})");
    losses_->dropped("test", 3);
    wait_for(
        [this] {
          const auto told = engines_->health();
          return told.at(0).tells_queues && told.at(0).tells_workers;
        },
        "snapshots");
    brain_.hang_up(1001);  // the first heartbeat of a connection comes at once
    session_->skip_wait();
    const auto last = [this] { return brain_.sent(FrameType::heartbeat).back().payload; };
    wait_for([&] { return json::write(last()).find("mail") != std::string::npos; }, "heartbeat");
    const wire::Heartbeat beat = wire::read_heartbeat(last());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, beat.dropped_events);
    CPPUNIT_ASSERT_EQUAL(std::string("buffer"), beat.telemetry_loss->buffer_id);
    CPPUNIT_ASSERT_EQUAL(std::string("test"), beat.engines.at(0).engine);
    CPPUNIT_ASSERT(beat.engines.at(0).is_connected.value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, beat.engines.at(0).workers.size());
    wait_for([&] { return !brain_.sent(FrameType::agent_status).empty(); }, "status");
    const auto status =
        wire::read_agent_status(brain_.sent(FrameType::agent_status).back().payload);
    CPPUNIT_ASSERT_EQUAL(std::string("test"), status.engines.at(0));
  }

  void task_names_are_told_after_connecting() {
    begin_connected(
        R"({"snapshot/registry":{"answer":{"items":[{"name":"app.add","workers":[]},{"name":"app.mail"}],"next":null}}})");
    wait_for([this] { return !brain_.sent(FrameType::registry_delta).empty(); }, "registry");
    const json::Object delta = brain_.sent(FrameType::registry_delta).front().payload;
    CPPUNIT_ASSERT_EQUAL(std::string_view("test"), json::text(delta, "engine"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, json::array(delta, "added")->size());
    CPPUNIT_ASSERT_EQUAL(std::string_view("app"),
                         json::text(json::array(delta, "added")->at(0).get_object(), "module"));
    brain_.hang_up(1006);
    session_->skip_wait();
    wait_for([this] { return brain_.sent(FrameType::registry_delta).size() == 2; }, "again");
  }

  void commands_run_once_and_answer_once() {
    begin_connected(R"({"command/RETRY":{"answer":{"outcome":"done","new_task_id":"t-2"}}})");
    const std::string id = command("retry_task", retry_target(), retry_parameters());
    const json::Object result = result_of(id);
    CPPUNIT_ASSERT_EQUAL(std::string_view("success"), json::text(result, "status"));
    CPPUNIT_ASSERT_EQUAL(std::string_view("claim"), json::text(result, "delivery_claim_token"));
    CPPUNIT_ASSERT_EQUAL(std::string_view("t-2"),
                         json::text(*json::object(result, "result"), "new_task_id"));
    CPPUNIT_ASSERT_EQUAL(id, brain_.sent(FrameType::command_ack).at(0).id);
    (void)command("retry_task", retry_target(), retry_parameters(), id);
    CPPUNIT_ASSERT_EQUAL(json::write(result), json::write(result_of(id, 2)));
    std::promise<std::string> asked;
    engines_->snapshot("test", "calls", "{}", 5000, [&](base::Result<std::string> answer) {
      asked.set_value(answer ? *answer : answer.error().text());
    });
    const std::string calls = asked.get_future().get();
    CPPUNIT_ASSERT_EQUAL(calls.find("RETRY"), calls.rfind("RETRY"));
  }

  void a_result_without_a_connection_is_told_on_the_next() {
    begin_connected(R"({"command/RETRY":{"after_ms":300,"answer":{"outcome":"done"}}})");
    const std::string id = command("retry_task", retry_target(), retry_parameters());
    wait_for([this] { return !brain_.sent(FrameType::command_ack).empty(); }, "ack");
    LinkEnd down;
    brain_.refuse(down);
    brain_.hang_up(1006);
    wait_for([&] { return ledger_result(id); }, "finished");
    CPPUNIT_ASSERT(brain_.sent(FrameType::command_result).empty());
    brain_.refuse(std::nullopt);
    session_->skip_wait();
    CPPUNIT_ASSERT_EQUAL(std::string_view("success"), json::text(result_of(id), "status"));
  }
  // The ledger belongs to the session's thread: its file tells as much.
  bool ledger_result(const std::string& id) const {
    std::string text;
    std::ifstream in(folder_ + "/state/commands.log");
    for (std::string line; std::getline(in, line);) text += line + "\n";
    return text.find(id + "\",\"at\"") != std::string::npos &&
           text.find("\"state\":\"finished\"") != std::string::npos;
  }

  void a_purge_of_many_wants_its_number_confirmed() {
    begin_connected(
        R"({"snapshot/queues":{"answer":{"items":[{"name":"mail","pending":500,"broker_type":"redis"}],"next":null}},
            "command/PURGE":{"answer":{"outcome":"done","removed":500}}})");
    const json::Object target{{"type", "queue"}, {"id", "mail"}, {"engine", "test"}};
    const auto purge = [&](const std::string& token) {
      return result_of(
          command("purge_queue", target,
                  json::Object{{"queue", "mail"}, {"confirm_token", token}, {"force", false}}));
    };
    CPPUNIT_ASSERT_EQUAL(std::string_view("failed"), json::text(purge("wrong"), "status"));
    CPPUNIT_ASSERT_EQUAL(
        std::string_view("failed"),
        json::text(purge(wire::purge_token("mail", 500, kKey, "1.6.0")), "status"));
    CPPUNIT_ASSERT_EQUAL(
        std::string_view("failed"),
        json::text(purge(wire::purge_token("mail", 499, kKey, "1.12.0")), "status"));
    CPPUNIT_ASSERT_EQUAL(
        std::string_view("success"),
        json::text(purge(wire::purge_token("mail", 500, kKey, "1.12.0")), "status"));
  }

  void reconciling_tells_what_the_engine_proves() {
    begin_connected(
        R"({"snapshot/state":{"answer":{"items":[{"task_id":"t-9","state":"success","finished_at":1800000000.5}],"next":null}}})");
    const json::Object result =
        result_of(command("reconcile_task", json::Object{{"type", "task"}, {"id", "t-9"}},
                          json::Object{{"task_id", "t-9"}, {"engine", "test"}}));
    const json::Object& facts = *json::object(result, "result");
    CPPUNIT_ASSERT_EQUAL(std::string_view("success"), json::text(facts, "engine_state"));
    CPPUNIT_ASSERT_EQUAL(std::string_view("2027-01-15T08:00:00.500000+00:00"),
                         json::text(facts, "finished_at"));
  }

  void an_unknown_action_or_engine_fails() {
    begin_connected();
    CPPUNIT_ASSERT_EQUAL(
        std::string_view("failed"),
        json::text(result_of(command("dance", json::Object(), json::Object())), "status"));
    json::Object target = retry_target();
    target["engine"] = "rq";
    json::Object parameters = retry_parameters();
    parameters["engine"] = "rq";
    const json::Object result = result_of(command("retry_task", target, parameters));
    CPPUNIT_ASSERT_EQUAL(std::string_view("failed"), json::text(result, "status"));
    CPPUNIT_ASSERT(json::text(result, "error").find("no engine rq") != std::string_view::npos);
  }

  void skip_wait_dials_at_once() {
    LinkEnd wrong;
    wrong.kind = FailureClass::incompatible;  // two minutes
    wrong.cause = "version";
    brain_.refuse(wrong);
    begin();
    wait_for(
        [this] { return logged("class=\"incompatible\"") && logged("next_retry_in=\"120.0 s\""); },
        "refused");
    brain_.refuse(std::nullopt);
    session_->skip_wait();
    wait_for([this] { return logged("info connected"); }, "connected");
    CPPUNIT_ASSERT_EQUAL(2, brain_.dials());
  }

  void a_fatal_error_frame_ends_the_connection() {
    begin_connected();
    brain_.tell(FrameType::error, "e1",
                json::Object{{"code", "odd"}, {"message", "so so"}, {"fatal", false}});
    brain_.tell(
        FrameType::error, "e2",
        json::Object{{"code", "agent_incompatible"}, {"message", "too old"}, {"fatal", true}});
    wait_for(
        [this] {
          return logged("agent_incompatible, too old") && logged("class=\"incompatible\"");
        },
        "ended");
    CPPUNIT_ASSERT(logged("so so"));
    CPPUNIT_ASSERT_EQUAL(std::string("1000 fatal error frame"), brain_.closed_with());
  }

  void a_stop_gives_what_waits_time_to_be_stored() {
    begin_connected();
    emit("last");
    const std::string id = wait_events(1).front().id;
    std::thread brain([&] { brain_.ack(id); });
    session_->stop(20'000);
    brain.join();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, buffer_->stats().events);
    CPPUNIT_ASSERT_EQUAL(std::string("1000 agent stops"), brain_.closed_with());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionTest);

}  // namespace
}  // namespace z4j::agent
