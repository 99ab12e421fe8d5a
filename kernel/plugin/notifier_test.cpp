// A real notifier plugin in the host, with a network that the test plays.
#include "plugin/notifier.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "base/json.hpp"
#include "plugin/host.hpp"
#include "plugin/testing/isolation.hpp"

namespace z4j::plugin {
namespace {

using HttpAnswered = std::function<void(base::Result<HttpAnswer>)>;

class NotifierTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(NotifierTest);
  CPPUNIT_TEST(types_of_a_running_notifier_are_served);
  CPPUNIT_TEST(message_goes_out_and_its_outcome_comes_back);
  CPPUNIT_TEST(refusal_of_the_network_is_an_outcome);
  CPPUNIT_TEST(bad_channel_is_an_error_of_the_caller);
  CPPUNIT_TEST(stop_answers_what_is_under_way);
  CPPUNIT_TEST(late_answer_of_the_network_is_dropped);
  CPPUNIT_TEST(host_without_the_service_refuses_the_start);
  CPPUNIT_TEST(types_that_are_no_schemas_are_refused);
  CPPUNIT_TEST_SUITE_END();

  std::mutex mutex_;
  std::vector<std::pair<HttpCall, HttpAnswered>> calls_;
  std::vector<std::string> seen_;  // guarded by mutex_
  base::SystemClock clock_;

  std::unique_ptr<Host> host(bool has_network = true) {
    Host::Options options;
    options.directories = {Z4J_PLUGIN_DIR};
    options.stop_deadline_ms = 3000;
    testing::choose_isolation(options);
    Callbacks callbacks;
    callbacks.seen = [this](const Seen& told) {
      const std::lock_guard lock(mutex_);
      seen_.push_back(told.what.name + " " + std::string(to_string(told.what.last)) + " " +
                      told.what.code);
    };
    if (has_network) {
      callbacks.outgoing.http = [this](HttpCall call, HttpAnswered done) -> base::Status {
        if (call.url == "https://inside.test/")
          return base::Error{
              .code = base::Code::busy, .message = "too many", .where = {}, .hint = {}};
        const std::lock_guard lock(mutex_);
        calls_.emplace_back(std::move(call), std::move(done));
        return {};
      };
    }
    return std::make_unique<Host>(options, std::move(callbacks), base::Log::quiet(), clock_);
  }
  static config::PluginEntry entry() {
    config::PluginEntry out;
    out.name = "webhooks";
    out.plugin = "notifier-webhook";
    return out;
  }
  static std::future<base::Result<std::string>> send(Host& host, const std::string& url,
                                                     int deadline_ms = 20'000) {
    Notification n;
    n.id = "m1";
    n.title = "hello";
    n.target_type = "webhook";
    n.target_json = url.empty() ? "{}" : R"({"url":")" + url + "\"}";
    n.context_json = R"({"trigger":"task.failed"})";
    auto promise = std::make_shared<std::promise<base::Result<std::string>>>();
    auto future = promise->get_future();
    host.notify("webhooks", std::move(n), deadline_ms,
                [promise](base::Result<std::string> r) { promise->set_value(std::move(r)); });
    return future;
  }
  std::pair<HttpCall, HttpAnswered> next_call() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (!calls_.empty()) {
          auto out = std::move(calls_.front());
          calls_.erase(calls_.begin());
          return out;
        }
      }
      CPPUNIT_ASSERT(std::chrono::steady_clock::now() < until);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  static std::string outcome(const base::Result<std::string>& result) {
    CPPUNIT_ASSERT_MESSAGE(result ? "" : result.error().text(), result.ok());
    const auto parsed = base::json::parse(*result);
    CPPUNIT_ASSERT(parsed.ok() && parsed->is_object());
    return std::string(base::json::text(parsed->get_object(), "outcome"));
  }

 public:
  void setUp() override { calls_.clear(); }

  void types_of_a_running_notifier_are_served() {
    const auto h = host();
    CPPUNIT_ASSERT(h->target_types().empty());
    CPPUNIT_ASSERT(h->start(entry()).ok());
    std::string names;
    for (const Host::ServedType& served : h->target_types()) {
      CPPUNIT_ASSERT_EQUAL(std::string("webhooks"), served.instance);
      CPPUNIT_ASSERT(!served.type.schema_json.empty());
      names += served.type.name + " ";
    }
    CPPUNIT_ASSERT_EQUAL(std::string("webhook slack discord teams telegram pagerduty "), names);
    CPPUNIT_ASSERT(h->stop("webhooks").ok());
    CPPUNIT_ASSERT(h->target_types().empty());
  }

  void message_goes_out_and_its_outcome_comes_back() {
    const auto h = host();
    CPPUNIT_ASSERT(h->start(entry()).ok());
    auto result = send(*h, "https://hook.test/a");
    auto [call, done] = next_call();
    CPPUNIT_ASSERT_EQUAL(std::string("https://hook.test/a"), call.url);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"trigger":"task.failed"})"), call.body);
    CPPUNIT_ASSERT(call.deadline_ms > 0 && call.deadline_ms <= 10'000);
    CPPUNIT_ASSERT_EQUAL(0u, call.max_redirects);
    done(HttpAnswer{202, {{"content-type", "text/plain"}}, "thanks", false});
    CPPUNIT_ASSERT_EQUAL(std::string("sent"), outcome(result.get()));
    const std::lock_guard lock(mutex_);
    CPPUNIT_ASSERT(seen_ == std::vector<std::string>{"send sent "});
  }

  void refusal_of_the_network_is_an_outcome() {
    const auto h = host();
    CPPUNIT_ASSERT(h->start(entry()).ok());
    auto result = send(*h, "https://hook.test/a");
    next_call().second(
        base::Error{.code = base::Code::denied, .message = "not dialled", .where = {}, .hint = {}});
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), outcome(result.get()));
    result = send(*h, "https://hook.test/a");
    next_call().second(
        base::Error{.code = base::Code::timeout, .message = "slow", .where = {}, .hint = {}});
    CPPUNIT_ASSERT_EQUAL(std::string("retry"), outcome(result.get()));
    const auto busy = send(*h, "https://inside.test/").get();
    CPPUNIT_ASSERT(!busy && busy.error().code == base::Code::busy);
    const std::lock_guard lock(mutex_);
    const std::vector<std::string> failed{"send failed ", "send failed ", "send failed busy"};
    CPPUNIT_ASSERT(seen_ == failed);
  }

  void bad_channel_is_an_error_of_the_caller() {
    const auto h = host();
    CPPUNIT_ASSERT(h->start(entry()).ok());
    const auto result = send(*h, "").get();
    CPPUNIT_ASSERT(!result && result.error().code == base::Code::bad_config);
    CPPUNIT_ASSERT_EQUAL(std::string("/url"), result.error().where);
    CPPUNIT_ASSERT(!h->report("webhooks")->faults);
  }

  void stop_answers_what_is_under_way() {
    const auto h = host();
    CPPUNIT_ASSERT(h->start(entry()).ok());
    auto result = send(*h, "https://hook.test/a", 60'000);
    const auto under_way = next_call();
    CPPUNIT_ASSERT(h->stop("webhooks").ok());
    CPPUNIT_ASSERT_EQUAL(std::string("retry"), outcome(result.get()));
    under_way.second(HttpAnswer{200, {}, "late", false});
  }

  void late_answer_of_the_network_is_dropped() {
    const auto h = host();
    CPPUNIT_ASSERT(h->start(entry()).ok());
    auto result = send(*h, "https://hook.test/a", 100);
    const auto late = next_call();
    const auto answer = result.get();
    CPPUNIT_ASSERT(!answer && answer.error().code == base::Code::unknown);
    late.second(HttpAnswer{200, {}, "", false});
    CPPUNIT_ASSERT(h->report("webhooks")->state == State::started);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (h->report("webhooks")->late_answers == 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, h->report("webhooks")->late_answers);
  }

  void host_without_the_service_refuses_the_start() {
    const auto h = host(false);
    const base::Status started = h->start(entry());
    CPPUNIT_ASSERT(!started);
    CPPUNIT_ASSERT(started.error().message.find("z4j.http-client/1") != std::string::npos);
  }

  void types_that_are_no_schemas_are_refused() {
    z4j_plugin plugin{};
    plugin.id = z4j_str{"org.example.notifier-log", 24};
    z4j_notifier notifier{};
    notifier.struct_size = sizeof notifier;
    const auto types = [&](std::string_view text) {
      notifier.types_json = z4j_str{text.data(), text.size()};
      return target_types(plugin, notifier);
    };
    CPPUNIT_ASSERT_EQUAL(std::string("log"), types("")->at(0).name);
    CPPUNIT_ASSERT(types(R"({"a":{"type":"object"}})").ok());
    for (const char* bad : {"[]", "{}", "x", R"({"A":{"type":"object"}})", R"({"a":{"$ref":"#"}})"})
      CPPUNIT_ASSERT_MESSAGE(bad, !types(bad).ok());
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(NotifierTest);

}  // namespace
}  // namespace z4j::plugin
