#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "plugin/host.hpp"
#include "plugin/testing/isolation.hpp"

namespace z4j::plugin {
namespace {

using base::json::Object;

// The kernel's schedules as a test has them: two that are due.
class FakeScheduleStore final : public ScheduleStore {
 public:
  std::int64_t now_us() override { return 1'000'000; }
  base::Result<std::uint64_t> lead(const std::string& scheduler, int ttl_ms) override {
    asked.push_back("lead " + scheduler + " " + std::to_string(ttl_ms));
    return std::uint64_t{7};
  }
  void resign(const std::string&, std::uint64_t) override {}
  base::Status due(const std::string&, std::int64_t, const Place&, std::uint32_t limit,
                   const Put& put) override {
    asked.push_back("due " + std::to_string(limit));
    for (int i = 0; i < 2; ++i) {
      z4j_stored_schedule row{};
      row.struct_size = sizeof row;
      row.id[0] = static_cast<std::uint8_t>(i);
      row.next_run_us = 500;
      if (!put(row)) break;
    }
    return {};
  }
  base::Status changed(const std::string&, const Place&, std::uint32_t, const Put&) override {
    return {};
  }
  base::Status read(const std::string&, std::span<const base::Uuid>, const Put&) override {
    return {};
  }
  base::Status plan(const std::string&, std::uint64_t, std::span<const z4j_plan>,
                    std::span<std::uint8_t>) override {
    return {};
  }
  base::Status fire(const std::string&, std::uint64_t fence, std::span<const z4j_fire> fires,
                    std::span<std::uint8_t> outcomes) override {
    asked.push_back("fire " + std::to_string(fires.size()) + " by " + std::to_string(fence));
    std::fill(outcomes.begin(), outcomes.end(), std::uint8_t{Z4J_FIRED});
    return {};
  }
  std::vector<std::string> asked;  // by start() alone
};

class SchedulerTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SchedulerTest);
  CPPUNIT_TEST(a_scheduler_is_listed_and_edited);
  CPPUNIT_TEST(what_its_bits_do_not_offer_is_refused);
  CPPUNIT_TEST(a_change_that_is_not_answered_may_have_happened);
  CPPUNIT_TEST(its_next_times_are_previewed);
  CPPUNIT_TEST(a_preview_that_hangs_holds_nobody_for_long);
  CPPUNIT_TEST(what_came_of_each_call_is_seen);
  CPPUNIT_TEST(it_sends_tasks_through_the_host);
  CPPUNIT_TEST(what_is_under_way_ends_before_it_stops);
  CPPUNIT_TEST(it_works_with_the_kernels_schedules);
  CPPUNIT_TEST(without_the_service_it_does_not_start);
  CPPUNIT_TEST_SUITE_END();

  struct Submitted {
    std::string instance;
    Submission submission;
    std::function<void(base::Result<std::string>)> done;
  };
  std::mutex mutex_;
  std::vector<Submitted> submitted_;  // guarded by mutex_, as is the next
  std::map<std::string, double> metrics_;
  std::string seen_;  // guarded by mutex_ too
  std::shared_ptr<FakeScheduleStore> store_ = std::make_shared<FakeScheduleStore>();
  base::SystemClock clock_;
  std::unique_ptr<Host> host_;

  void start(Object settings = {}) {
    config::PluginEntry entry;
    entry.name = "beat";
    entry.plugin = "test-scheduler";
    entry.settings = std::move(settings);
    const auto started = host_->start(entry);
    CPPUNIT_ASSERT_MESSAGE(started ? "" : started.error().text(), started.ok());
  }
  template <class F>
  static base::Result<std::string> ask(F&& f) {
    auto promise = std::make_shared<std::promise<base::Result<std::string>>>();
    auto asked = promise->get_future();
    f([promise](base::Result<std::string> r) { promise->set_value(std::move(r)); });
    return asked.get();
  }
  base::Result<std::string> put(const std::string& etag) {
    return ask([&](Answer answer) {
      host_->schedules_put("beat", R"({"name":"n"})", etag, 20'000, std::move(answer));
    });
  }
  bool wait_until(const std::function<bool()>& what) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < until) {
      {
        const std::lock_guard lock(mutex_);
        if (what()) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }
  void make(bool has_services) {
    Host::Options options;
    options.directories = {Z4J_TEST_PLUGIN_DIR};
    options.host_version = "test";
    testing::choose_isolation(options);
    Callbacks callbacks;
    callbacks.metric = [this](const std::string&, std::string_view name, std::string_view,
                              double value, int) {
      const std::lock_guard lock(mutex_);
      metrics_[std::string(name)] = value;
    };
    callbacks.seen = [this](const Seen& told) {
      const std::lock_guard lock(mutex_);
      seen_ += (seen_.empty() ? "" : "; ") + told.what.name + " " +
               std::string(to_string(told.what.last)) +
               (told.what.is_undeclared ? " undeclared" : "");
    };
    if (has_services) {
      callbacks.scheduling.submit = [this](const std::string& instance, Submission submission,
                                           std::function<void(base::Result<std::string>)> done) {
        const std::lock_guard lock(mutex_);
        submitted_.push_back({instance, std::move(submission), std::move(done)});
        return base::Status();
      };
      callbacks.scheduling.schedules = [this] { return store_; };
    }
    host_ = std::make_unique<Host>(options, std::move(callbacks), base::Log::quiet(), clock_);
  }

 public:
  void setUp() override { make(true); }
  void tearDown() override { host_.reset(); }

  void a_scheduler_is_listed_and_edited() {
    CPPUNIT_ASSERT_EQUAL(std::string("test-beat"),
                         host_->describe("test-scheduler").value().scheduler_name);
    start();
    const Report report = host_->report("beat").value();
    CPPUNIT_ASSERT_EQUAL(std::string("test-beat"), report.scheduler_name);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{511}, report.scheduler_capabilities);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report.capabilities);
    CPPUNIT_ASSERT_EQUAL(std::string("beat"), host_->find_scheduler("test-beat"));
    CPPUNIT_ASSERT(host_->find_scheduler("another").empty());
    const auto listed = ask([&](Answer answer) {
      host_->schedules_list("beat", R"({"limit":5})", 20'000, std::move(answer));
    });
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"limit":5})"), listed.value());
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"schedule":{"name":"n"}})"), put("").value());
    CPPUNIT_ASSERT(put("old").error().code == base::Code::conflict);
  }

  void what_its_bits_do_not_offer_is_refused() {
    start(Object{{"capabilities", Z4J_SCHED_READ}});
    CPPUNIT_ASSERT(put("").error().code == base::Code::unsupported);
    const auto triggered = ask(
        [&](Answer answer) { host_->schedules_trigger("beat", "x", 20'000, std::move(answer)); });
    CPPUNIT_ASSERT(triggered.error().code == base::Code::unsupported);
    const auto other = ask(
        [&](Answer answer) { host_->schedules_list("nobody", "{}", 20'000, std::move(answer)); });
    CPPUNIT_ASSERT(other.error().code == base::Code::unavailable);
  }

  void a_change_that_is_not_answered_may_have_happened() {
    start();
    const auto removed = ask([&](Answer answer) {
      host_->schedules_remove("beat", "never", "", 100, std::move(answer));
    });
    CPPUNIT_ASSERT(removed.error().code == base::Code::unknown);
  }

  void its_next_times_are_previewed() {
    start();
    const auto times = host_->schedules_preview("beat", "{}", 5, 3).value();
    CPPUNIT_ASSERT((times == std::vector<std::int64_t>{1'000'005, 2'000'005, 3'000'005}));
    const auto none = host_->schedules_preview("beat", "", 5, 3);
    CPPUNIT_ASSERT(none.error().code == base::Code::invalid);
    CPPUNIT_ASSERT_EQUAL(std::string("/expression"), none.error().where);
    CPPUNIT_ASSERT(!host_->schedules_preview("nobody", "{}", 5, 3).ok());
  }

  void a_preview_that_hangs_holds_nobody_for_long() {
    start(Object{{"preview_ms", 4000}});
    CPPUNIT_ASSERT(host_->schedules_preview("beat", "{}", 5, 3).error().code ==
                   base::Code::timeout);
    CPPUNIT_ASSERT(put("").ok());
  }

  std::string seen() {
    const std::lock_guard lock(mutex_);
    return std::exchange(seen_, {});
  }

  void what_came_of_each_call_is_seen() {
    // 511 but for solar.
    start(Object{{"capabilities", 255}});
    const auto put_one = [&](const std::string& schedule, const std::string& etag) {
      return ask([&](Answer answer) {
        host_->schedules_put("beat", schedule, etag, 20'000, std::move(answer));
      });
    };
    CPPUNIT_ASSERT(put_one(R"({"name":"n","kind":"cron"})", "").ok());
    CPPUNIT_ASSERT_EQUAL(std::string("write done; cron done"), seen());
    CPPUNIT_ASSERT(put_one(R"({"name":"n","kind":"solar"})", "").ok());
    CPPUNIT_ASSERT_EQUAL(std::string("write done; solar done undeclared"), seen());
    CPPUNIT_ASSERT(!put_one(R"({"id":"1","is_enabled":false})", "old").ok());
    CPPUNIT_ASSERT_EQUAL(std::string("pause refused"), seen());
    CPPUNIT_ASSERT(
        ask([&](Answer a) { host_->schedules_list("beat", "{}", 20'000, std::move(a)); }).ok());
    CPPUNIT_ASSERT(!ask([&](Answer a) {
                      host_->schedules_remove("beat", "never", "", 100, std::move(a));
                    }).ok());
    CPPUNIT_ASSERT_EQUAL(std::string("read done; write unknown"), seen());
    CPPUNIT_ASSERT(host_->schedules_preview("beat", R"({"kind":"interval"})", 5, 3).ok());
    CPPUNIT_ASSERT_EQUAL(std::string("preview done; interval done"), seen());
    std::size_t declared = 0;
    const Report report = host_->report("beat").value();
    for (const Capability& c : report.abilities) declared += c.is_declared ? 1 : 0;
    CPPUNIT_ASSERT_EQUAL(std::size_t{9}, declared);  // eight bits, and preview
  }

  void it_sends_tasks_through_the_host() {
    start();
    auto promise = std::make_shared<std::promise<base::Result<std::string>>>();
    auto asked = promise->get_future();
    host_->schedules_trigger("beat", "mail.send", 20'000, [promise](base::Result<std::string> r) {
      promise->set_value(std::move(r));
    });
    CPPUNIT_ASSERT(wait_until([this] { return !submitted_.empty(); }));
    CPPUNIT_ASSERT_EQUAL(std::string("beat"), submitted_[0].instance);
    CPPUNIT_ASSERT_EQUAL(std::string("mail.send"), submitted_[0].submission.task);
    CPPUNIT_ASSERT_EQUAL(std::string("k-mail.send"), submitted_[0].submission.idempotency_key);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"periodic_task_name":"nightly"})"),
                         submitted_[0].submission.more_json);
    CPPUNIT_ASSERT_EQUAL(30'000, submitted_[0].submission.deadline_ms);
    submitted_[0].done(std::string(R"({"outcome":"done"})"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"outcome":"done"})"), asked.get().value());
  }

  void what_is_under_way_ends_before_it_stops() {
    start();
    auto promise = std::make_shared<std::promise<base::Result<std::string>>>();
    auto asked = promise->get_future();
    host_->schedules_trigger("beat", "mail.send", 20'000, [promise](base::Result<std::string> r) {
      promise->set_value(std::move(r));
    });
    CPPUNIT_ASSERT(wait_until([this] { return !submitted_.empty(); }));
    CPPUNIT_ASSERT(host_->stop("beat").ok());
    CPPUNIT_ASSERT(!asked.get().ok());
    submitted_[0].done(std::string("{}"));  // nobody hears it
  }

  void it_works_with_the_kernels_schedules() {
    start(Object{{"uses_store", true}});
    CPPUNIT_ASSERT((store_->asked ==
                    std::vector<std::string>{"lead test-beat 5000", "due 100", "fire 2 by 7"}));
    CPPUNIT_ASSERT_EQUAL(2.0, metrics_["fired"]);
    CPPUNIT_ASSERT_EQUAL(std::string("store done"), seen());
    host_->schedules_edited("another", base::Uuid::random());
    host_->schedules_edited("test-beat", base::Uuid::random());
    CPPUNIT_ASSERT(wait_until([this] { return metrics_.count("edited") > 0; }));
    host_->schedules_edited("test-beat", std::nullopt);
    CPPUNIT_ASSERT(wait_until([this] { return metrics_.count("edited_many") > 0; }));
  }

  void without_the_service_it_does_not_start() {
    make(false);
    config::PluginEntry entry;
    entry.name = "beat";
    entry.plugin = "test-scheduler";
    entry.settings = Object{{"uses_store", true}};
    CPPUNIT_ASSERT(host_->start(entry).error().code == base::Code::unsupported);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(SchedulerTest);

}  // namespace
}  // namespace z4j::plugin
