#include "plugin/host.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "plugin/testing/isolation.hpp"

namespace z4j::plugin {
namespace {

using base::json::Object;
using base::json::Value;

// What the host told the kernel.
struct Heard {
  std::mutex mutex;
  std::uint32_t events = 0;
  std::vector<std::string> health;
  std::vector<std::string> metrics;
  std::vector<std::string> seen;  // "retry done", "rate unsupported no rates here"
  base::Status emit_answer;

  Callbacks callbacks() {
    Callbacks c;
    c.seen = [this](const Seen& told) {
      std::string line = told.what.name + " " + std::string(to_string(told.what.last));
      if (!told.what.text.empty()) line += " " + told.what.text;
      if (told.what.is_undeclared) line += " undeclared";
      if (told.instance != "e" || told.plugin_id != "org.z4j.test-engine" ||
          told.version != "0.1.0")
        line += " of another instance";
      const std::lock_guard lock(mutex);
      seen.push_back(std::move(line));
    };
    c.emit = [this](const std::string&, const z4j_event_batch& batch) {
      const std::lock_guard lock(mutex);
      if (emit_answer) events += batch.rows;
      return emit_answer;
    };
    c.health = [this](const std::string&, Health state, std::string_view why) {
      const std::lock_guard lock(mutex);
      health.push_back(std::string(to_string(state)) + ": " + std::string(why));
    };
    c.metric = [this](const std::string&, std::string_view name, std::string_view, double, int) {
      const std::lock_guard lock(mutex);
      metrics.emplace_back(name);
    };
    c.secret = [](std::string_view name) -> base::Result<std::string> {
      if (name == "token") return std::string("12345");
      base::Error error;
      error.code = base::Code::not_found;
      error.message = "no such secret";
      return error;
    };
    return c;
  }
};

bool wait_until(const std::function<bool()>& what) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < until) {
    if (what()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

class HostTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(HostTest);
  CPPUNIT_TEST(starts_calls_and_stops_an_engine);
  CPPUNIT_TEST(events_reach_the_kernel_and_busy_reaches_the_plugin);
  CPPUNIT_TEST(all_problems_of_the_settings_are_told_at_once);
  CPPUNIT_TEST(what_validate_finds_is_a_refusal);
  CPPUNIT_TEST(an_unknown_plugin_is_refused_with_its_nearest_name);
  CPPUNIT_TEST(a_disabled_entry_is_only_listed);
  CPPUNIT_TEST(an_exception_in_create_is_a_fault);
  CPPUNIT_TEST(an_exception_in_start_is_a_fault);
  CPPUNIT_TEST(a_start_that_fails_says_why_and_can_be_tried_again);
  CPPUNIT_TEST(a_start_that_hangs_leaves_the_others_alone);
  CPPUNIT_TEST(an_exception_in_a_command_disables_the_instance);
  CPPUNIT_TEST(a_second_answer_is_refused_and_counted);
  CPPUNIT_TEST(ten_faults_disable_the_instance);
  CPPUNIT_TEST(no_answer_ends_as_unknown_for_a_command_and_timeout_for_a_snapshot);
  CPPUNIT_TEST(an_unanswered_op_makes_stop_leave_the_instance_behind);
  CPPUNIT_TEST(a_stop_that_hangs_leaves_the_instance_behind_and_a_fresh_one_starts);
  CPPUNIT_TEST(stop_cancels_what_is_open);
  CPPUNIT_TEST(a_verb_without_its_bit_is_refused_without_a_call);
  CPPUNIT_TEST(a_declared_verb_that_is_unsupported_is_a_lie);
  CPPUNIT_TEST(what_came_of_each_call_is_seen);
  CPPUNIT_TEST(what_the_plugin_never_got_is_not_seen);
  CPPUNIT_TEST(events_that_it_does_not_declare_are_seen_as_such);
  CPPUNIT_TEST(a_broken_batch_is_refused_and_counted);
  CPPUNIT_TEST(health_metrics_secrets_and_posts_come_through);
  CPPUNIT_TEST(a_flood_of_log_lines_is_cut);
  CPPUNIT_TEST(many_calls_from_many_threads_are_each_answered_once);
  CPPUNIT_TEST(an_engine_is_no_storage_driver);
  CPPUNIT_TEST_SUITE_END();

  Heard heard_;
  base::SystemClock clock_;
  std::unique_ptr<Host> host_;

  static config::PluginEntry entry(const std::string& name, Object settings = {}) {
    config::PluginEntry e;
    e.name = name;
    e.plugin = "test-engine";
    e.settings = std::move(settings);
    e.where = "z4j.toml:7";
    return e;
  }
  static Object calls(const std::string& call, Object reply) {
    return Object{{"calls", Object{{call, std::move(reply)}}}};
  }

  void start(Object settings = {}) {
    const auto started = host_->start(entry("e", std::move(settings)));
    CPPUNIT_ASSERT_MESSAGE(started ? "" : started.error().text(), started.ok());
  }
  base::Error refused(Object settings) {
    const auto started = host_->start(entry("e", std::move(settings)));
    CPPUNIT_ASSERT(!started.ok());
    return started.error();
  }
  Report report() { return host_->report("e").value(); }

  using Asked = std::future<base::Result<std::string>>;
  static std::pair<Answer, Asked> asking() {
    auto promise = std::make_shared<std::promise<base::Result<std::string>>>();
    Asked asked = promise->get_future();
    return {[promise](base::Result<std::string> r) { promise->set_value(std::move(r)); },
            std::move(asked)};
  }
  Asked send(std::uint64_t verb, const std::string& target, const std::string& args = "{}",
             int deadline_ms = 20'000) {
    auto [answer, asked] = asking();
    host_->command("e", verb, target, args, deadline_ms, std::move(answer));
    return std::move(asked);
  }
  base::Result<std::string> command(std::uint64_t verb, const std::string& target,
                                    const std::string& args = "{}", int deadline_ms = 20'000) {
    return send(verb, target, args, deadline_ms).get();
  }
  base::Result<std::string> snapshot(const std::string& what, int deadline_ms = 20'000) {
    auto [answer, asked] = asking();
    host_->snapshot("e", what, "{}", deadline_ms, std::move(answer));
    return asked.get();
  }
  // Asks test-engine to do something; gives the status it saw.
  z4j_status act(const std::string& what, const std::string& args = "{}") {
    const auto answer = command(Z4J_ENGINE_ENQUEUE, "test:" + what, args);
    CPPUNIT_ASSERT_MESSAGE(answer ? "" : answer.error().text(), answer.ok());
    return static_cast<z4j_status>(
        base::json::integer(base::json::parse(*answer)->get_object(), "status"));
  }

 public:
  void setUp() override {
    Host::Options options;
    options.directories = {Z4J_TEST_PLUGIN_DIR};
    options.host_version = "test";
    options.start_deadline_ms = 20'000;
    options.stop_deadline_ms = 5000;
    make(options);
  }
  void tearDown() override { host_.reset(); }
  void make(Host::Options options) {
    testing::choose_isolation(options);
    host_ = std::make_unique<Host>(options, heard_.callbacks(), base::Log::quiet(), clock_);
  }
  void make_impatient() {
    Host::Options options;
    options.directories = {Z4J_TEST_PLUGIN_DIR};
    // A process needs its time to start.
    options.start_deadline_ms = testing::kIsApart ? 5000 : 300;
    options.stop_deadline_ms = testing::kIsApart ? 1000 : 300;
    make(options);
  }

  void starts_calls_and_stops_an_engine() {
    start();
    CPPUNIT_ASSERT(report().state == State::started);
    CPPUNIT_ASSERT_EQUAL(std::string("test"), report().engine_name);
    CPPUNIT_ASSERT_EQUAL(std::string(testing::kIsApart ? "process" : "inline"), report().isolation);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1023}, report().capabilities);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"outcome":"done"})"),
                         command(Z4J_ENGINE_RETRY, "t-1").value());
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"items":[],"next":null})"), snapshot("workers").value());
    start();  // again: nothing happens
    const std::string seen = snapshot("calls").value();
    CPPUNIT_ASSERT(seen.find(R"("verb":"RETRY","target":"t-1")") != std::string::npos);
    CPPUNIT_ASSERT(host_->stop("e").ok());
    CPPUNIT_ASSERT(report().state == State::destroyed);
    CPPUNIT_ASSERT(host_->stop("e").ok());
    CPPUNIT_ASSERT(command(Z4J_ENGINE_RETRY, "t-1").error().code == base::Code::unavailable);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report().faults);
  }

  void events_reach_the_kernel_and_busy_reaches_the_plugin() {
    start(base::json::parse(
              R"({"events":[{"kind":"sent","task_id":"a"},{"kind":"started","task_id":"a"}]})")
              ->get_object());
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{2}, heard_.events);
    {
      const std::lock_guard lock(heard_.mutex);
      base::Error busy;
      busy.code = base::Code::busy;
      busy.retry_after_ms = 5;
      heard_.emit_answer = busy;
    }
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BUSY}, act("emit", R"({"events":[{"kind":"sent"}]})"));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report().faults);
  }

  void all_problems_of_the_settings_are_told_at_once() {
    config::PluginEntry e = entry("e", Object{{"capabilites", 1}, {"events", "x"}});
    e.setting_where["/events"] = "z4j.toml:9";
    const auto started = host_->start(e);
    CPPUNIT_ASSERT(!started.ok());
    CPPUNIT_ASSERT(started.error().code == base::Code::bad_config);
    const std::string said = started.error().text();
    for (const char* word : {"capabilities", "z4j.toml:9", "/events"}) {
      CPPUNIT_ASSERT_MESSAGE(said, said.find(word) != std::string::npos);
    }
    CPPUNIT_ASSERT_EQUAL(std::string("config"), report().step);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, report().problems.size());
  }

  void what_validate_finds_is_a_refusal() {
    const base::Error error = refused(
        Object{{"problems", base::json::Array{Object{{"at", "/calls"}, {"message", "not so"}}}}});
    CPPUNIT_ASSERT(error.text().find("not so") != std::string::npos);
    CPPUNIT_ASSERT(report().state == State::refused);
  }

  void an_unknown_plugin_is_refused_with_its_nearest_name() {
    config::PluginEntry e = entry("e");
    e.plugin = "tset-engine";
    const auto started = host_->start(e);
    CPPUNIT_ASSERT(started.error().text().find("did you mean \"test-engine\"") !=
                   std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("z4j.toml:7"), started.error().where);
    CPPUNIT_ASSERT_EQUAL(std::string("file"), report().step);
  }

  void a_disabled_entry_is_only_listed() {
    config::PluginEntry e = entry("e");
    e.enabled = false;
    CPPUNIT_ASSERT(!host_->start(e).ok());
    CPPUNIT_ASSERT(report().state == State::disabled);
  }

  void an_exception_in_create_is_a_fault() {
    const base::Error error = refused(calls("create", {{"throws", true}}));
    CPPUNIT_ASSERT(error.message.find("create() let an exception cross the boundary") !=
                   std::string::npos);
    CPPUNIT_ASSERT(report().state == State::faulted);
    CPPUNIT_ASSERT_EQUAL(std::string("create"), report().step);
  }

  void an_exception_in_start_is_a_fault() {
    refused(calls("start", {{"throws", true}}));
    CPPUNIT_ASSERT(report().state == State::faulted);
    CPPUNIT_ASSERT(report().why.find("thrown as the settings say") != std::string::npos);
  }

  void a_start_that_fails_says_why_and_can_be_tried_again() {
    const base::Error error =
        refused(calls("start", {{"status", Z4J_UNAVAILABLE}, {"message", "no broker there"}}));
    CPPUNIT_ASSERT(error.code == base::Code::unavailable);
    CPPUNIT_ASSERT_EQUAL(std::string("no broker there"), error.message);
    CPPUNIT_ASSERT(report().state == State::refused);
    start();
    CPPUNIT_ASSERT(report().state == State::started);
  }

  void a_start_that_hangs_leaves_the_others_alone() {
    make_impatient();
    const base::Error error = refused(calls("start", {{"blocks_ms", 60'000}}));
    CPPUNIT_ASSERT(error.code == base::Code::timeout);
    CPPUNIT_ASSERT_MESSAGE(error.message,
                           error.message.find("start() did not return") != std::string::npos);
    // A process that hangs is ended; a thread can only be left behind.
    CPPUNIT_ASSERT(report().state == (testing::kIsApart ? State::faulted : State::stuck));
    make_patient_start("other");
  }
  void make_patient_start(const std::string& name) {
    CPPUNIT_ASSERT(wait_until([&] { return host_->start(entry(name)).ok(); }));
    CPPUNIT_ASSERT(host_->report(name)->state == State::started);
  }

  void an_exception_in_a_command_disables_the_instance() {
    start(calls("command/RETRY", {{"throws", true}}));
    CPPUNIT_ASSERT(command(Z4J_ENGINE_RETRY, "t").error().code == base::Code::unknown);
    CPPUNIT_ASSERT(report().state == State::faulted);
    CPPUNIT_ASSERT(command(Z4J_ENGINE_REVOKE, "t").error().code == base::Code::unavailable);
    CPPUNIT_ASSERT(!heard_.health.empty());
    start();  // replaces it
    CPPUNIT_ASSERT(command(Z4J_ENGINE_RETRY, "t").ok());
  }

  void a_second_answer_is_refused_and_counted() {
    start(calls("command/RETRY", {{"times", 3}}));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"outcome":"done"})"),
                         command(Z4J_ENGINE_RETRY, "t").value());
    CPPUNIT_ASSERT(wait_until([&] { return report().faults == 2; }));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, report().late_answers);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_STATE}, act("answer-foreign"));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, report().faults);
    CPPUNIT_ASSERT(report().state == State::started);
  }

  void ten_faults_disable_the_instance() {
    start(calls("command/RETRY", {{"times", 20}}));
    CPPUNIT_ASSERT(command(Z4J_ENGINE_RETRY, "t").ok());
    CPPUNIT_ASSERT(wait_until([&] { return report().state == State::faulted; }));
    CPPUNIT_ASSERT(report().why.find("faults, the last: it answered an operation twice") !=
                   std::string::npos);
    CPPUNIT_ASSERT(!report().what_to_do.empty());
  }

  void no_answer_ends_as_unknown_for_a_command_and_timeout_for_a_snapshot() {
    start(Object{{"calls", Object{{"command/RETRY", Object{{"until_cancelled", true}}},
                                  {"snapshot/workers", Object{{"until_cancelled", true}}}}}});
    CPPUNIT_ASSERT(command(Z4J_ENGINE_RETRY, "t", "{}", 50).error().code == base::Code::unknown);
    CPPUNIT_ASSERT(snapshot("workers", 50).error().code == base::Code::timeout);
    // Both were hinted to cancel, and answered too late.
    CPPUNIT_ASSERT(wait_until([&] { return report().late_answers == 2; }));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, report().ops_expired);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report().ops_open);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report().faults);
  }

  void an_unanswered_op_makes_stop_leave_the_instance_behind() {
    start(calls("command/RETRY", {{"never", true}}));
    CPPUNIT_ASSERT(command(Z4J_ENGINE_RETRY, "t", "{}", 50).error().code == base::Code::unknown);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, report().ops_open);
    const auto stopped = host_->stop("e");
    if (testing::kIsApart) {
      CPPUNIT_ASSERT(stopped.ok());
      CPPUNIT_ASSERT(report().state == State::destroyed);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report().ops_open);
      return;
    }
    CPPUNIT_ASSERT(!stopped.ok());
    CPPUNIT_ASSERT(stopped.error().message.find("1 operations unanswered") != std::string::npos);
    CPPUNIT_ASSERT(report().state == State::stuck);
  }

  void a_stop_that_hangs_leaves_the_instance_behind_and_a_fresh_one_starts() {
    make_impatient();
    make_started_hanging_in_stop();
    const auto stopped = host_->stop("e");
    CPPUNIT_ASSERT_EQUAL(testing::kIsApart, stopped.ok());
    CPPUNIT_ASSERT(report().state == (testing::kIsApart ? State::destroyed : State::stuck));
    if (!testing::kIsApart)
      CPPUNIT_ASSERT(stopped.error().message.find("stop() did not return") != std::string::npos);
    CPPUNIT_ASSERT(wait_until([&] { return host_->start(entry("e")).ok(); }));
    CPPUNIT_ASSERT(report().state == State::started);
  }
  void make_started_hanging_in_stop() {
    const Object settings = calls("stop", {{"blocks_ms", 60'000}});
    CPPUNIT_ASSERT(wait_until([&] { return host_->start(entry("e", settings)).ok(); }));
  }

  void stop_cancels_what_is_open() {
    make_impatient();
    CPPUNIT_ASSERT(wait_until([&] {
      return host_->start(entry("e", calls("command/RETRY", {{"until_cancelled", true}}))).ok();
    }));
    Asked asked = send(Z4J_ENGINE_RETRY, "t");
    CPPUNIT_ASSERT(wait_until([&] {
      return report().ops_open == 1 && snapshot("calls").value().find("RETRY") != std::string::npos;
    }));
    CPPUNIT_ASSERT(host_->stop("e").ok());
    CPPUNIT_ASSERT(asked.get().error().code == base::Code::cancelled);
    CPPUNIT_ASSERT(report().state == State::destroyed);
  }

  void a_verb_without_its_bit_is_refused_without_a_call() {
    start(Object{{"capabilities", Z4J_ENGINE_SNAPSHOT}});
    CPPUNIT_ASSERT(command(Z4J_ENGINE_RETRY, "t").error().code == base::Code::unsupported);
    CPPUNIT_ASSERT(command(3, "t").error().code == base::Code::invalid);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"items":[],"next":null})"), snapshot("calls").value());
  }

  void a_declared_verb_that_is_unsupported_is_a_lie() {
    start(calls("command/RATE", {{"status", Z4J_UNSUPPORTED}, {"message", "no rates here"}}));
    for (int i = 0; i < 3; ++i)
      CPPUNIT_ASSERT(command(Z4J_ENGINE_RATE, "t").error().code == base::Code::unsupported);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, report().faults);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, report().errors);
  }

  std::string seen() {
    const std::lock_guard lock(heard_.mutex);
    std::string out;
    for (const std::string& line : heard_.seen) out += (out.empty() ? "" : "; ") + line;
    heard_.seen.clear();
    return out;
  }

  void what_came_of_each_call_is_seen() {
    start(Object{
        {"events", base::json::parse(R"([{"kind":"sent","task_id":"a"}])").value()},
        {"calls",
         Object{{"command/RATE", Object{{"status", Z4J_UNSUPPORTED}, {"message", "no rates here"}}},
                {"command/PURGE", Object{{"status", Z4J_UNAVAILABLE}, {"after_ms", 1}}},
                {"command/REVOKE", Object{{"until_cancelled", true}}}}}});
    CPPUNIT_ASSERT_EQUAL(std::string("events done"), seen());
    CPPUNIT_ASSERT(command(Z4J_ENGINE_RETRY, "t-1").ok());
    CPPUNIT_ASSERT_EQUAL(std::string("retry done"), seen());
    CPPUNIT_ASSERT(!command(Z4J_ENGINE_RATE, "t").ok());
    CPPUNIT_ASSERT_EQUAL(std::string("rate unsupported no rates here"), seen());
    CPPUNIT_ASSERT(!command(Z4J_ENGINE_PURGE, "q").ok());
    CPPUNIT_ASSERT_EQUAL(std::string("purge failed"), seen().substr(0, 12));
    CPPUNIT_ASSERT(!command(Z4J_ENGINE_REVOKE, "t", R"({"terminate":true})", 200).ok());
    const std::string lost = seen();
    CPPUNIT_ASSERT_MESSAGE(lost, lost.starts_with("revoke unknown no answer within 200 ms"));
    CPPUNIT_ASSERT_MESSAGE(lost, lost.find("; terminate unknown") != std::string::npos);
    CPPUNIT_ASSERT(snapshot("workers").ok());
    CPPUNIT_ASSERT_EQUAL(std::string("snapshot done"), seen());
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INVALID}, act("emit-broken", R"({"fault":"offsets"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("enqueue done"), seen());  // that is a fault, no capability

    const Report r = report();
    CPPUNIT_ASSERT_EQUAL(std::size_t{19}, r.abilities.size());
    for (const Capability& c : r.abilities) {
      if (c.name == "retry") CPPUNIT_ASSERT(c.is_declared && c.is_asked_for);
      if (c.name == "delete") CPPUNIT_ASSERT(!c.is_declared);
      if (c.name == "stream") CPPUNIT_ASSERT(!c.is_asked_for);
    }
    CPPUNIT_ASSERT(host_->stop("e").ok());
    CPPUNIT_ASSERT(report().abilities.empty());
  }

  void what_the_plugin_never_got_is_not_seen() {
    start(Object{{"capabilities", Z4J_ENGINE_SNAPSHOT | Z4J_ENGINE_RETRY},
                 {"calls", Object{{"command/RETRY", Object{{"blocks_ms", 2000}}}}}});
    CPPUNIT_ASSERT(command(Z4J_ENGINE_RATE, "t").error().code == base::Code::unsupported);
    Asked first = send(Z4J_ENGINE_RETRY, "t");
    // Behind the first, which holds the plugin: its deadline passes before its turn.
    CPPUNIT_ASSERT(command(Z4J_ENGINE_RETRY, "t", "{}", 50).error().code == base::Code::timeout);
    CPPUNIT_ASSERT_EQUAL(std::string(), seen());
    CPPUNIT_ASSERT(first.get().ok());
    CPPUNIT_ASSERT_EQUAL(std::string("retry done"), seen());
  }

  void events_that_it_does_not_declare_are_seen_as_such() {
    start(Object{{"capabilities", Z4J_ENGINE_ENQUEUE}});
    const std::string events = R"({"events":[{"kind":"sent","task_id":"a"}]})";
    CPPUNIT_ASSERT(wait_until([&] {
      CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK}, act("emit", events));
      return seen().find("events done undeclared") != std::string::npos;
    }));
    CPPUNIT_ASSERT(host_->stop("e").ok());
    start();  // it declares them now
    for (int i = 0; i < 3; ++i) act("emit", events);
    CPPUNIT_ASSERT(seen().find("undeclared") == std::string::npos);
  }

  void a_broken_batch_is_refused_and_counted() {
    start();
    std::uint64_t faults = 0;
    for (const char* fault : {"no rows", "offsets", "dictionary", "short"}) {
      CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INVALID},
                           act("emit-broken", std::string(R"({"fault":")") + fault + "\"}"));
      CPPUNIT_ASSERT_EQUAL(++faults, report().faults);
    }
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{0}, heard_.events);
  }

  void health_metrics_secrets_and_posts_come_through() {
    start(Object{{"token", "secret:token"}});
    act("health", R"({"state":1,"why":"broker is slow"})");
    act("health", R"({"state":1,"why":"broker is slow"})");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, heard_.health.size());
    CPPUNIT_ASSERT_EQUAL(std::string("degraded: broker is slow"), heard_.health[0]);
    CPPUNIT_ASSERT(report().health == Health::degraded);
    act("metric", R"({"name":"events_dropped","value":2})");
    CPPUNIT_ASSERT_EQUAL(std::string("events_dropped"), heard_.metrics.at(0));
    act("post", R"({"delay_ms":1})");
    CPPUNIT_ASSERT(
        wait_until([&] { return snapshot("calls").value().find("posted") != std::string::npos; }));
    CPPUNIT_ASSERT(command(Z4J_ENGINE_ENQUEUE, "test:secret").value().find("\"length\":5") !=
                   std::string::npos);
    CPPUNIT_ASSERT(host_->stop("e").ok());
    CPPUNIT_ASSERT(refused(Object{{"token", "secret:other"}}).code == base::Code::not_found);
    // There is one of that name, but the settings do not give it to this instance.
    CPPUNIT_ASSERT(refused(Object{{"token", "token"}}).code == base::Code::denied);
  }

  void a_flood_of_log_lines_is_cut() {
    std::size_t lines = 0;
    std::string all;
    base::Log log(
        base::Log::Form::json, base::Level::info,
        [&](std::string_view line) {
          ++lines;
          all += line;
        },
        clock_);
    Host::Options options;
    options.directories = {Z4J_TEST_PLUGIN_DIR};
    testing::choose_isolation(options);
    host_ = std::make_unique<Host>(options, heard_.callbacks(), log, clock_);
    start();
    act("log", R"({"message":"again","times":100000})");
    CPPUNIT_ASSERT(report().log_lines_suppressed > 50'000);
    host_.reset();
    CPPUNIT_ASSERT(lines < 50'000);
    CPPUNIT_ASSERT(all.find("\"x\"") == std::string::npos);  // fields named like secrets are masked
  }

  void many_calls_from_many_threads_are_each_answered_once() {
    start(Object{{"calls", Object{{"command/REVOKE", Object{{"after_ms", 1}}}}}});
    std::atomic<int> answers{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 50; ++i) {
          host_->command("e", t % 2 == 0 ? Z4J_ENGINE_RETRY : Z4J_ENGINE_REVOKE, "t", "{}", 20'000,
                         [&](base::Result<std::string> r) {
                           if (r) ++answers;
                         });
        }
      });
    }
    for (std::thread& t : threads) t.join();
    CPPUNIT_ASSERT(wait_until([&] { return answers == 200; }));
    CPPUNIT_ASSERT(host_->stop("e").ok());
    CPPUNIT_ASSERT_EQUAL(200, answers.load());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report().faults);
  }

  void an_engine_is_no_storage_driver() {
    start();
    const auto storage = host_->storage("e");
    CPPUNIT_ASSERT(!storage.ok());
    CPPUNIT_ASSERT(storage.error().code == base::Code::bad_config);
    CPPUNIT_ASSERT(host_->storage("absent").error().code == base::Code::unavailable);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HostTest);

}  // namespace
}  // namespace z4j::plugin
