#include "src/job_events.hpp"

#include "lib/json/json.hpp"
#include "lib/rq/testing/vectors.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>
#include <vector>

namespace {

namespace json = z4j::json;
namespace rq = z4j::rq;
using namespace z4j::engine_rq;
using rq::testing::job_in;
using rq::testing::result_of;
using rq::testing::vector_of;

struct Kept : EventSink {
  void add(const Event& event) override { events.push_back(event); }
  [[nodiscard]] std::string story() const {
    std::string out;
    for (const Event& e : events) {
      if (!out.empty()) out += ' ';
      out += e.kind == Z4J_EV_SENT        ? "sent"
             : e.kind == Z4J_EV_STARTED   ? "started"
             : e.kind == Z4J_EV_SUCCEEDED ? "succeeded"
             : e.kind == Z4J_EV_FAILED    ? "failed"
             : e.kind == Z4J_EV_RETRIED   ? "retried"
             : e.kind == Z4J_EV_REVOKED   ? "revoked"
                                          : "other";
    }
    return out;
  }
  [[nodiscard]] json::Object attrs(std::size_t i) const {
    return json::parse(events.at(i).attrs_json).get_object();
  }
  std::vector<Event> events;
};

constexpr std::int64_t kT = 1'800'000'000'000'000;

rq::Job job_at(const char* status, std::int64_t sent, rq::Time started = {}, rq::Time ended = {}) {
  rq::Job job;
  job.id = "j";
  job.status = status;
  job.origin = "default";
  job.description = "m.f(1)";
  job.created_at = kT;
  job.enqueued_at = sent;
  job.started_at = started;
  job.ended_at = ended;
  return job;
}

class JobEventsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(JobEventsTest);
  CPPUNIT_TEST(real_jobs_of_both_versions_tell_their_story);
  CPPUNIT_TEST(nothing_new_tells_nothing);
  CPPUNIT_TEST(a_start_written_twice_is_told_once);
  CPPUNIT_TEST(a_requeued_job_runs_a_second_attempt);
  CPPUNIT_TEST(an_immediate_retry_is_told_as_one);
  CPPUNIT_TEST(what_happened_before_the_watch_is_rebuilt);
  CPPUNIT_TEST(arguments_of_a_method_are_no_whole_call);
  CPPUNIT_TEST(seen_jobs_are_bounded);
  CPPUNIT_TEST_SUITE_END();

  static Seen tell(const rq::Job& job, const Seen* before, Kept& kept,
                   std::int64_t watched_since = 0) {
    Sighting s;
    s.job = job;
    s.watched_since_us = watched_since;
    Observed observed;
    return report_job(s, before, kT + 3'600'000'000, observed, kept);
  }

  void real_jobs_of_both_versions_tell_their_story() {
    for (const char* version : {"1.13", "2.10"}) {
      const json::Value states = vector_of(version, "states");
      const auto final_story = [&](std::string_view name, Kept& kept) {
        Sighting s;
        s.job = job_in(states, "final", name);
        s.last_result = result_of(states, name);
        s.results = 1;
        Observed observed;
        static_cast<void>(report_job(s, nullptr, kT, observed, kept));
        return kept.story();
      };
      Kept good, bad, stopped, canceled, waiting;
      CPPUNIT_ASSERT_EQUAL(std::string("sent started succeeded"), final_story("success", good));
      CPPUNIT_ASSERT_EQUAL(std::string("rtasks.add"), good.events[0].task);
      CPPUNIT_ASSERT_EQUAL(std::string("3"), json::write(good.attrs(2).at("result")));
      CPPUNIT_ASSERT(good.events[2].runtime_us >= 0);
      CPPUNIT_ASSERT_EQUAL(1u, good.events[2].attempt);
      CPPUNIT_ASSERT_EQUAL(std::string("sent started failed"), final_story("failure", bad));
      CPPUNIT_ASSERT(json::text(bad.attrs(2), "traceback").substr(0, 9) == "Traceback");
      CPPUNIT_ASSERT_EQUAL(std::string("sent started revoked"), final_story("running", stopped));
      CPPUNIT_ASSERT(json::boolean(stopped.attrs(2), "terminated"));
      static_cast<void>(tell(job_in(states, "queued", "canceled"), nullptr, canceled));
      CPPUNIT_ASSERT_EQUAL(std::string("sent revoked"), canceled.story());
      static_cast<void>(tell(job_in(states, "queued", "success"), nullptr, waiting));
      CPPUNIT_ASSERT_EQUAL(std::string("sent"), waiting.story());
    }
  }

  void nothing_new_tells_nothing() {
    Kept kept;
    const Seen seen = tell(job_at("failed", kT, kT + 10, kT + 20), nullptr, kept);
    CPPUNIT_ASSERT_EQUAL(std::string("sent started failed"), kept.story());
    static_cast<void>(tell(job_at("failed", kT, kT + 10, kT + 20), &seen, kept));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, kept.events.size());
  }

  void a_start_written_twice_is_told_once() {
    Kept kept;
    const Seen running = tell(job_at("started", kT, kT + 5'000), nullptr, kept);
    const Seen ended = tell(job_at("finished", kT, kT + 9'000, kT + 2'000'000), &running, kept);
    CPPUNIT_ASSERT_EQUAL(std::string("sent started succeeded"), kept.story());
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{1}, ended.attempt);
  }

  void a_requeued_job_runs_a_second_attempt() {
    Kept kept;
    const Seen failed = tell(job_at("failed", kT, kT + 10, kT + 20), nullptr, kept);
    const Seen queued = tell(job_at("queued", kT + 1'000'000), &failed, kept);
    const Seen running = tell(job_at("started", kT + 1'000'000, kT + 1'000'010), &queued, kept);
    static_cast<void>(
        tell(job_at("finished", kT + 1'000'000, kT + 1'000'012, kT + 1'000'500), &running, kept));
    CPPUNIT_ASSERT_EQUAL(std::string("sent started failed sent started succeeded"), kept.story());
    CPPUNIT_ASSERT_EQUAL(2u, kept.events[5].attempt);
  }

  void an_immediate_retry_is_told_as_one() {
    Kept kept;
    const Seen running = tell(job_at("started", kT, kT + 10), nullptr, kept);
    const Seen again =
        tell(job_at("queued", kT + 3'000'000, kT + 12, kT + 2'900'000), &running, kept);
    const Seen second = tell(job_at("started", kT + 3'000'000, kT + 3'000'100), &again, kept);
    static_cast<void>(
        tell(job_at("failed", kT + 3'000'000, kT + 3'000'100, kT + 4'000'000), &second, kept));
    CPPUNIT_ASSERT_EQUAL(std::string("sent started retried sent started failed"), kept.story());
    CPPUNIT_ASSERT_EQUAL(1u, kept.events[2].attempt);
    CPPUNIT_ASSERT_EQUAL(2u, kept.events[5].attempt);
  }

  void what_happened_before_the_watch_is_rebuilt() {
    Kept kept;
    static_cast<void>(
        tell(job_at("finished", kT, kT + 10, kT + 2'000'000), nullptr, kept, kT + 1'000'000));
    CPPUNIT_ASSERT(json::boolean(kept.attrs(0), "rebuilt"));
    CPPUNIT_ASSERT(json::boolean(kept.attrs(1), "rebuilt"));
    CPPUNIT_ASSERT(kept.events[2].attrs_json.find("rebuilt") == std::string::npos);
  }

  void arguments_of_a_method_are_no_whole_call() {
    const json::Value states = vector_of("1.13", "states");
    Kept kept;
    static_cast<void>(tell(job_in(states, "queued", "method_instance"), nullptr, kept));
    const json::Object attrs = kept.attrs(0);
    CPPUNIT_ASSERT_EQUAL(std::string("rtasks.K.meth"), kept.events[0].task);
    CPPUNIT_ASSERT(json::boolean(attrs, "args_is_repr"));
    CPPUNIT_ASSERT_EQUAL('(', json::text(attrs, "args").front());
  }

  void seen_jobs_are_bounded() {
    SeenJobs seen(100);
    for (int i = 0; i < 1000; ++i) seen.put("job" + std::to_string(i), Seen{});
    CPPUNIT_ASSERT(seen.size() <= 104);
    CPPUNIT_ASSERT(seen.find("job999") != nullptr);
    CPPUNIT_ASSERT(seen.find("job0") == nullptr);
    seen.forget("job999");
    CPPUNIT_ASSERT(seen.find("job999") == nullptr);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobEventsTest);

}  // namespace
