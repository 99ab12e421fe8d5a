// What is gathered, stored, added up and told.
#include "core/plugin_capabilities.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "core/testing/test_store.hpp"
#include "plugin/testing/passing_storage.hpp"

namespace z4j::core {
namespace {

using plugin::CallOutcome;
using plugin::CapabilityKind;

// Commits fail as told.
struct Spoilt {
  std::optional<base::Code> code;
};
class FailingSession final : public plugin::testing::PassingSession {
 public:
  FailingSession(std::unique_ptr<Session> session, const Spoilt& spoilt)
      : PassingSession(std::move(session)), spoilt_(spoilt) {}
  base::Status commit(z4j_commit& commit, int deadline_ms, std::shared_ptr<void> keep) override {
    if (!spoilt_.code) return PassingSession::commit(commit, deadline_ms, std::move(keep));
    base::Error e;
    e.code = *spoilt_.code;
    e.message = "as told";
    return e;
  }

 private:
  const Spoilt& spoilt_;
};
class FailingStorage final : public plugin::testing::PassingStorage {
 public:
  FailingStorage(std::shared_ptr<StorageClient> driver, const Spoilt& spoilt)
      : PassingStorage(std::move(driver)), spoilt_(spoilt) {}

 private:
  std::unique_ptr<Session> wrap(std::unique_ptr<Session> session) override {
    return std::make_unique<FailingSession>(std::move(session), spoilt_);
  }
  const Spoilt& spoilt_;
};

class PluginCapabilitiesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PluginCapabilitiesTest);
  CPPUNIT_TEST(what_was_seen_is_told_before_and_after_it_is_stored);
  CPPUNIT_TEST(brains_on_one_store_add_up);
  CPPUNIT_TEST(the_latest_end_is_told_whoever_stored_last);
  CPPUNIT_TEST(another_version_begins_anew);
  CPPUNIT_TEST(a_stop_stores_what_was_gathered);
  CPPUNIT_TEST(it_is_stored_again_and_again_by_itself);
  CPPUNIT_TEST(a_store_that_is_away_loses_nothing);
  CPPUNIT_TEST(what_may_have_been_stored_is_not_stored_twice);
  CPPUNIT_TEST(texts_are_redacted_and_cut);
  CPPUNIT_TEST(what_is_gathered_is_bounded);
  CPPUNIT_TEST(what_was_seen_long_ago_is_forgotten);
  CPPUNIT_TEST_SUITE_END();

  base::ManualClock clock_{1'800'000'000 * base::kSecondUs};
  static constexpr base::TimeUs kMs = 1000;
  Spoilt spoilt_;
  testing::TestStore store_{[this](std::shared_ptr<plugin::StorageClient> driver) {
    return std::make_shared<FailingStorage>(std::move(driver), spoilt_);
  }};

  std::unique_ptr<PluginCapabilities> brain(PluginCapabilities::Options options = {}) {
    return std::make_unique<PluginCapabilities>(*store_, clock_, base::Log::quiet(),
                                                std::move(options));
  }
  static plugin::Seen seen(const std::string& name, CallOutcome outcome,
                           const std::string& text = "", const std::string& version = "1.0.0") {
    return {"celery", "org.z4j.engine", version,
            plugin::sighting(CapabilityKind::engine, name, outcome, text.empty() ? "" : "invalid",
                             text)};
  }
  static void flush(PluginCapabilities& from) {
    const auto stored = from.flush();
    CPPUNIT_ASSERT_MESSAGE(stored ? "" : stored.error().text(), stored.ok());
  }
  // "retry 3 done 2 refused 1 last refused"
  static std::string text(PluginCapabilities& from, const std::string& version = "1.0.0") {
    const auto found = from.of("celery", "org.z4j.engine", version);
    CPPUNIT_ASSERT_MESSAGE(found ? "" : found.error().text(), found.ok());
    std::string out;
    for (const SeenCapability& s : *found) {
      out += (out.empty() ? "" : "; ") + s.name + " " + std::to_string(s.asked());
      for (std::size_t i = 0; i < plugin::kOutcomes; ++i) {
        if (s.times[i] > 0)
          out += " " + std::string(plugin::to_string(static_cast<CallOutcome>(i))) + " " +
                 std::to_string(s.times[i]);
      }
      out += " last " + s.last_outcome;
    }
    return out;
  }

 public:
  void what_was_seen_is_told_before_and_after_it_is_stored() {
    const auto b = brain();
    const base::TimeUs first = clock_.now();
    b->seen(seen("retry", CallOutcome::done));
    clock_.advance(5000 * kMs);
    b->seen(seen("retry", CallOutcome::refused, "it is gone"));
    plugin::Seen undeclared = seen("events", CallOutcome::done);
    undeclared.what.is_undeclared = true;
    b->seen(undeclared);
    const std::string all = "events 1 done 1 last done; retry 2 done 1 refused 1 last refused";
    CPPUNIT_ASSERT_EQUAL(all, text(*b));
    flush(*b);
    CPPUNIT_ASSERT_EQUAL(all, text(*b));
    b->seen(seen("retry", CallOutcome::unknown));
    CPPUNIT_ASSERT_EQUAL(
        std::string("events 1 done 1 last done; retry 3 done 1 refused 1 unknown 1 last unknown"),
        text(*b));
    flush(*b);
    flush(*b);  // nothing is there
    const auto found = brain()->of("celery", "org.z4j.engine", "1.0.0").value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, found[0].undeclared);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, found[1].undeclared);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, found[1].asked());
    CPPUNIT_ASSERT_EQUAL(first, found[1].first_at);
    CPPUNIT_ASSERT_EQUAL(clock_.now(), found[1].last_at);
    CPPUNIT_ASSERT_EQUAL(std::string(), found[1].last_text);  // of the latest end, which had none
    CPPUNIT_ASSERT(brain()->of("rq", "org.z4j.engine", "1.0.0").value().empty());
  }

  void brains_on_one_store_add_up() {
    const auto a = brain(), b = brain();
    for (int i = 0; i < 3; ++i) {
      a->seen(seen("retry", CallOutcome::done));
      b->seen(seen("retry", CallOutcome::sent));
      flush(*a);
      flush(*b);
    }
    CPPUNIT_ASSERT_EQUAL(std::string("retry 6 done 3 sent 3 last sent"), text(*a));
    CPPUNIT_ASSERT_EQUAL(std::string("retry 6 done 3 sent 3 last sent"), text(*b));
  }

  void the_latest_end_is_told_whoever_stored_last() {
    const auto a = brain(), b = brain();
    a->seen(seen("retry", CallOutcome::refused, "the older word"));
    clock_.advance(1000 * kMs);
    b->seen(seen("retry", CallOutcome::failed, "the newer word"));
    flush(*b);
    flush(*a);
    const auto found = a->of("celery", "org.z4j.engine", "1.0.0").value();
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), found.at(0).last_outcome);
    CPPUNIT_ASSERT_EQUAL(std::string("the newer word"), found.at(0).last_text);
    CPPUNIT_ASSERT_EQUAL(std::string("invalid"), found.at(0).last_code);
  }

  void another_version_begins_anew() {
    const auto b = brain();
    b->seen(seen("retry", CallOutcome::unsupported));
    flush(*b);
    b->seen(seen("retry", CallOutcome::done, "", "1.0.1"));
    flush(*b);
    CPPUNIT_ASSERT_EQUAL(std::string("retry 1 done 1 last done"), text(*b, "1.0.1"));
    CPPUNIT_ASSERT_EQUAL(std::string("retry 1 unsupported 1 last unsupported"), text(*b));
  }

  void a_stop_stores_what_was_gathered() {
    const auto b = brain();
    b->start();
    b->seen(seen("retry", CallOutcome::done));
    b->stop();
    CPPUNIT_ASSERT_EQUAL(std::string("retry 1 done 1 last done"), text(*brain()));
  }

  void it_is_stored_again_and_again_by_itself() {
    std::mutex mutex;
    std::condition_variable stored;
    int flushes = 0;
    PluginCapabilities::Options options;
    options.flush_ms = 5;
    options.on_flushed = [&](const base::Status& status) {
      const std::lock_guard lock(mutex);
      flushes += status ? 1 : 0;
      stored.notify_all();
    };
    const auto b = brain(std::move(options));
    b->start();
    for (int i = 1; i <= 2; ++i) {
      b->seen(seen("retry", CallOutcome::done));
      std::unique_lock lock(mutex);
      CPPUNIT_ASSERT(stored.wait_for(lock, std::chrono::seconds(20), [&] { return flushes == i; }));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("retry 2 done 2 last done"), text(*brain()));
  }

  void a_store_that_is_away_loses_nothing() {
    const auto b = brain();
    b->seen(seen("retry", CallOutcome::done));
    spoilt_.code = base::Code::unavailable;
    CPPUNIT_ASSERT(!b->flush().ok());
    b->seen(seen("retry", CallOutcome::done));
    b->seen(seen("purge", CallOutcome::done));
    CPPUNIT_ASSERT(!b->flush().ok());
    spoilt_.code.reset();
    flush(*b);
    CPPUNIT_ASSERT_EQUAL(std::string("purge 1 done 1 last done; retry 2 done 2 last done"),
                         text(*brain()));
  }

  void what_may_have_been_stored_is_not_stored_twice() {
    const auto b = brain();
    b->seen(seen("retry", CallOutcome::done));
    spoilt_.code = base::Code::unknown;
    CPPUNIT_ASSERT(!b->flush().ok());
    spoilt_.code.reset();
    flush(*b);
    CPPUNIT_ASSERT_EQUAL(std::string(), text(*b));
  }

  void texts_are_redacted_and_cut() {
    PluginCapabilities::Options options;
    options.redact = [](base::json::Value value) {
      const std::string text(value.get_string());
      const std::size_t at = text.find("hunter2");
      return base::json::Value(at == std::string::npos ? text : text.substr(0, at) + "***");
    };
    const auto b = brain(std::move(options));
    b->seen(seen("retry", CallOutcome::failed, "redis://:hunter2@host"));
    const auto word = [&] {
      return b->of("celery", "org.z4j.engine", "1.0.0").value().at(0).last_text;
    };
    CPPUNIT_ASSERT_EQUAL(std::string("redis://:***"), word());
    flush(*b);
    CPPUNIT_ASSERT_EQUAL(std::string("redis://:***"), word());
    plugin::Seen long_one = seen("retry", CallOutcome::failed, "x");
    long_one.what.text = std::string(5000, 'x');
    clock_.advance(1 * kMs);
    b->seen(long_one);
    flush(*b);
    CPPUNIT_ASSERT_EQUAL(std::size_t{200}, word().size());
  }

  void what_is_gathered_is_bounded() {
    const auto b = brain();
    for (std::size_t i = 0; i < PluginCapabilities::kMostGathered + 100; ++i)
      b->seen(seen("verb " + std::to_string(i), CallOutcome::done));
    b->seen(seen("verb 0", CallOutcome::done));  // what is known goes on
    flush(*b);
    CPPUNIT_ASSERT_EQUAL(
        PluginCapabilities::kMostGathered,
        static_cast<std::size_t>(store_->count(Table::plugin_capabilities, Where()).value()));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2},
                         b->of("celery", "org.z4j.engine", "1.0.0").value().at(0).asked());
  }

  void what_was_seen_long_ago_is_forgotten() {
    const auto b = brain();
    b->seen(seen("retry", CallOutcome::done, "", "0.9.0"));
    flush(*b);
    clock_.advance(10'000 * kMs);
    b->seen(seen("retry", CallOutcome::done));
    flush(*b);
    const auto gone =
        forget_plugin_capabilities(*store_, clock_.now() - 5 * base::kSecondUs, std::nullopt);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, gone.value());
    CPPUNIT_ASSERT_EQUAL(std::string(), text(*b, "0.9.0"));
    CPPUNIT_ASSERT_EQUAL(std::string("retry 1 done 1 last done"), text(*b));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PluginCapabilitiesTest);

}  // namespace
}  // namespace z4j::core
