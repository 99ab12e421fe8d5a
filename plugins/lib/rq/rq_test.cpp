#include "lib/rq/call.hpp"
#include "lib/rq/codec.hpp"
#include "lib/rq/records.hpp"
#include "lib/rq/testing/vectors.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

namespace json = z4j::json;
namespace rq = z4j::rq;
using z4j::redis::Reply;

using rq::testing::bulk;
using rq::testing::job_in;
using rq::testing::vector_of;

class RqTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RqTest);
  CPPUNIT_TEST(reads_job_hashes_of_both_versions);
  CPPUNIT_TEST(reads_calls_of_both_versions);
  CPPUNIT_TEST(reads_results_of_both_versions);
  CPPUNIT_TEST(reads_workers_of_both_versions);
  CPPUNIT_TEST(reads_the_json_serializer);
  CPPUNIT_TEST(unreadable_calls_say_why);
  CPPUNIT_TEST(calls_are_written_without_loss_or_not_at_all);
  CPPUNIT_TEST(knows_the_keys);
  CPPUNIT_TEST_SUITE_END();

  void reads_job_hashes_of_both_versions() {
    for (const char* version : {"1.13", "2.10"}) {
      const json::Value states = vector_of(version, "states");
      const rq::Job done = job_in(states, "final", "success");
      CPPUNIT_ASSERT_EQUAL(std::string("finished"), done.status);
      CPPUNIT_ASSERT_EQUAL(std::string("default"), done.origin);
      CPPUNIT_ASSERT_EQUAL(std::string("w1"), done.worker_name);
      CPPUNIT_ASSERT(done.created_at && done.enqueued_at && done.started_at && done.ended_at);
      CPPUNIT_ASSERT(*done.started_at < *done.ended_at);
      CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, done.retries_left);
      const rq::Job stopped = job_in(states, "after_stop", "running");
      CPPUNIT_ASSERT_EQUAL(std::string("stopped"), stopped.status);
      const rq::Job waiting = job_in(states, "queued", "retry");
      CPPUNIT_ASSERT_EQUAL(std::string("queued"), waiting.status);
      CPPUNIT_ASSERT(!waiting.started_at);
      CPPUNIT_ASSERT(waiting.retries_left > 0);
      CPPUNIT_ASSERT_EQUAL(std::string("canceled"), job_in(states, "queued", "canceled").status);
      CPPUNIT_ASSERT(job_in(states, "queued", "dependent").has_dependencies);
    }
    Reply nothing;
    nothing.items.resize(rq::job_fields().size());
    CPPUNIT_ASSERT(!rq::job_from_fields("x", nothing).exists());
  }

  void reads_calls_of_both_versions() {
    for (const char* version : {"1.13", "2.10"}) {
      const json::Value states = vector_of(version, "states");
      const rq::Call call = rq::decode_call(job_in(states, "queued", "success").data);
      CPPUNIT_ASSERT(call.form == rq::Form::pickle);
      CPPUNIT_ASSERT_EQUAL(std::string("rtasks.add"), call.func_name);
      CPPUNIT_ASSERT_EQUAL(std::string("[1]"), json::write(call.args.value));
      CPPUNIT_ASSERT_EQUAL(std::string("{\"y\":2}"), json::write(call.kwargs.value));
      CPPUNIT_ASSERT(call.args.exact && call.kwargs.exact);
      const rq::Call method = rq::decode_call(job_in(states, "queued", "method_instance").data);
      CPPUNIT_ASSERT(method.has_instance);
      CPPUNIT_ASSERT_EQUAL(std::string("rtasks.K.meth"), method.display_name);
      const rq::Call types = rq::decode_call(job_in(states, "queued", "types").data);
      CPPUNIT_ASSERT(types.form == rq::Form::pickle);
      CPPUNIT_ASSERT(!types.args.exact || !types.kwargs.exact);
    }
  }

  void reads_results_of_both_versions() {
    for (const char* version : {"1.13", "2.10"}) {
      const json::Value states = vector_of(version, "states");
      const auto result_of = [&](std::string_view name) {
        return rq::testing::result_of(states, name);
      };
      const rq::Result good = result_of("success");
      CPPUNIT_ASSERT(good.type == rq::ResultType::success);
      CPPUNIT_ASSERT_EQUAL(std::string("3"),
                           json::write(rq::decode_value(good.return_value).value));
      CPPUNIT_ASSERT(good.written_at.has_value());
      const rq::Result bad = result_of("failure");
      CPPUNIT_ASSERT(bad.type == rq::ResultType::failed);
      CPPUNIT_ASSERT(bad.exc_string.find("Traceback") == 0);
      CPPUNIT_ASSERT(bad.exc_string.find("bad") != std::string::npos);
      CPPUNIT_ASSERT(result_of("running").exc_string.find("Job stopped by user") == 0);
    }
  }

  void reads_workers_of_both_versions() {
    for (const char* version : {"1.13", "2.10"}) {
      const json::Value states = vector_of(version, "states");
      const auto worker = [&](const char* state, const char* name) {
        Reply pairs;
        for (const json::Value& pair : json::object(*json::object(states.get_object(), state),
                                                    std::string("rq:worker:") + name)
                                           ->at("value")
                                           .get_array()) {
          for (const json::Value& part : pair.get_array())
            pairs.items.push_back(bulk(part.get_string().c_str()));
        }
        return rq::worker_from_hash(name, pairs);
      };
      const rq::Worker busy = worker("running", "w1");
      CPPUNIT_ASSERT_EQUAL(std::string("busy"), busy.state);
      CPPUNIT_ASSERT_EQUAL(std::size_t{2}, busy.queues.size());
      CPPUNIT_ASSERT(!busy.current_job.empty());
      CPPUNIT_ASSERT(busy.pid > 0 && busy.successful_jobs > 0);
      CPPUNIT_ASSERT_EQUAL(std::string("online"),
                           std::string(busy.liveness(*busy.last_heartbeat + 30'000'000)));
      CPPUNIT_ASSERT_EQUAL(std::string("unknown"),
                           std::string(busy.liveness(*busy.last_heartbeat + 300'000'000)));
      const rq::Worker gone = worker("final", "w2");
      CPPUNIT_ASSERT_EQUAL(std::string("offline"),
                           std::string(gone.liveness(*gone.last_heartbeat)));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("offline"),
                         std::string(rq::worker_from_hash("x", Reply()).liveness(0)));
  }

  void reads_the_json_serializer() {
    const rq::Call call = rq::decode_call(rq::deflate(R"(["rtasks.add", null, [1], {"y": 2}])"));
    CPPUNIT_ASSERT(call.form == rq::Form::json);
    CPPUNIT_ASSERT_EQUAL(std::string("rtasks.add"), call.display_name);
    CPPUNIT_ASSERT_EQUAL(std::string("[1]"), json::write(call.args.value));
    const rq::Call big = rq::decode_call(R"(["f", null, [123456789012345678901234567890], {}])");
    CPPUNIT_ASSERT(!big.args.exact);
    CPPUNIT_ASSERT_EQUAL(std::string("{\"a\":1}"),
                         json::write(rq::decode_value("{\"a\":1}").value));
  }

  void unreadable_calls_say_why() {
    for (const std::string& data :
         {std::string(), std::string("garbage"), rq::deflate("[1,2]"), rq::deflate("\x80\x04N."),
          rq::deflate("[\"f\",null,{},{}]"), rq::deflate(std::string(4u << 20, 'a'))}) {
      const rq::Call call = rq::decode_call(data);
      CPPUNIT_ASSERT(call.form == rq::Form::unknown);
      CPPUNIT_ASSERT(!call.why.empty());
    }
    CPPUNIT_ASSERT_EQUAL(std::string("rtasks.add"), rq::name_in_description("rtasks.add(5, 6)"));
    CPPUNIT_ASSERT(!rq::decode_value("\x80garbage").exact);
  }

  void calls_are_written_without_loss_or_not_at_all() {
    const json::Value args = json::parse(R"([1,"a"])");
    const json::Value kwargs = json::parse(R"({"y":2.5})");
    for (const rq::Form form : {rq::Form::pickle, rq::Form::json}) {
      const std::string data =
          rq::encode_call(form, "m.f", &args.get_array(), &kwargs.get_object());
      const rq::Call call = rq::decode_call(data);
      CPPUNIT_ASSERT(call.form == form);
      CPPUNIT_ASSERT_EQUAL(std::string("m.f"), call.func_name);
      CPPUNIT_ASSERT_EQUAL(json::write(args), json::write(call.args.value));
      CPPUNIT_ASSERT_EQUAL(json::write(kwargs), json::write(call.kwargs.value));
      const json::Value other = json::parse("[9]");
      const rq::Call mixed = rq::decode_call(
          rq::encode_call(form, call.func_name, &other.get_array(), nullptr, &call));
      CPPUNIT_ASSERT_EQUAL(std::string("[9]"), json::write(mixed.args.value));
      CPPUNIT_ASSERT_EQUAL(json::write(kwargs), json::write(mixed.kwargs.value));
      CPPUNIT_ASSERT_THROW((void)rq::encode_call(form, "m.f", nullptr, nullptr), z4j::Error);
    }
    const json::Value states = vector_of("1.13", "states");
    const rq::Call method = rq::decode_call(job_in(states, "queued", "method_instance").data);
    CPPUNIT_ASSERT_THROW(
        (void)rq::encode_call(rq::Form::pickle, "meth", &args.get_array(), nullptr, &method),
        z4j::Error);
    CPPUNIT_ASSERT_EQUAL(std::string("m.f(1, 'a', y=2.5)"),
                         rq::describe_call("m.f", args.get_array(), kwargs.get_object()));
  }

  void knows_the_keys() {
    const rq::Keys keys;
    CPPUNIT_ASSERT_EQUAL(std::string("rq:job::a:dependencies"), keys.dependencies("a"));
    CPPUNIT_ASSERT_EQUAL(std::string("high"), keys.queue_in("rq:queue:high"));
    CPPUNIT_ASSERT_EQUAL(std::string(), keys.queue_in("other:high"));
    CPPUNIT_ASSERT_EQUAL(std::string("a:b"), rq::job_id_before_execution("a:b:c"));
    CPPUNIT_ASSERT_EQUAL(std::string(), rq::job_id_before_execution("abc"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RqTest);

}  // namespace
