// test-engine: an engine that does what its settings say, well or badly. README.md lists the words.
//
// Unlike a real plugin it lets exceptions cross the boundary and answers twice when told to, so its
// functions stand bare behind the tables.
#include <z4j/plugin.hpp>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "misdeeds.hpp"
#include "script.hpp"

namespace z4j::testing {
namespace {

constexpr char kSettings[] = R"({"type":"object","additionalProperties":false,"properties":{
"capabilities":{"type":"integer","minimum":0,"maximum":4294967295,"default":1023,
"description":"Z4J_ENGINE_* bits it says it has."},
"events":{"type":"array","items":{"type":"object","additionalProperties":true},"description":"Emitted by start()."},
"problems":{"type":"array","items":{"type":"object","additionalProperties":true},
"description":"What validate() complains about."},
"calls":{"type":"object","additionalProperties":true,"description":"What each call comes to."},
"token":{"type":"string","x-z4j-secret":true,"description":"Fetched by start() when set."}}})";

class Engine {
 public:
  Engine(const z4j_host* host, std::string_view config)
      : host_(host), settings_(json::parse(config).as_object()) {
    if (const json::Object* calls = json::object(settings_, "calls")) calls_ = *calls;
  }

  // Throws or blocks as told. The status is the call's.
  z4j_status plain_call(std::string_view function, z4j_error* e) {
    const Reply reply = reply_for(calls_, function);
    dwell(reply);
    if (reply.status != Z4J_OK) fill(e, reply.status, reply.message, {}, reply.retry_after_ms);
    return reply.status;
  }

  z4j_status start(z4j_error* e) {
    if (const z4j_status status = plain_call("start", e); status != Z4J_OK) return status;
    return guard(e, [&]() -> z4j_status {
      constexpr std::string_view kReference = "secret:";
      if (const std::string_view token = json::text(settings_, "token"); !token.empty())
        token_ = Host(host_).secret(
            token.substr(token.substr(0, kReference.size()) == kReference ? kReference.size() : 0));
      if (const json::Array* events = json::array(settings_, "events")) emit(*events);
      return Z4J_OK;
    });
  }

  z4j_status stop(z4j_error* e) {
    std::map<z4j_op, bool> waiting;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      waiting.swap(waiting_);
    }
    wake_.notify_all();
    for (const auto& [op, marked] : waiting) complete(op, Z4J_CANCELLED, "stopped", {});
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return plain_call("stop", e);
  }

  void cancel(z4j_op op) {
    note("cancel", "", "", "{}");
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.erase(op) == 0) return;
    }
    complete(op, Z4J_CANCELLED, "cancelled as asked", {});
  }

  std::uint64_t capabilities() {
    dwell(reply_for(calls_, "capabilities"));
    return static_cast<std::uint64_t>(json::integer(settings_, "capabilities"));
  }

  z4j_status command(z4j_op op, std::uint64_t verb, std::string_view target, std::string_view args,
                     z4j_error* e) {
    note("command", verb_name(verb), target, args);
    if (target == "test:big-answer") {
      const auto bytes =
          static_cast<std::size_t>(json::integer(json::parse(args).as_object(), "bytes"));
      complete(op, Z4J_OK, {}, "\"" + std::string(bytes, 'x') + "\"");
      return Z4J_PENDING;
    }
    if (verb == Z4J_ENGINE_ENQUEUE && target.substr(0, 5) == "test:") {
      complete(op, Z4J_OK, {}, act(op, target.substr(5), json::parse(args).as_object()));
      return Z4J_PENDING;
    }
    return answer(op, reply_for(calls_, "command", verb_name(verb), target),
                  R"({"outcome":"done"})", e);
  }

  z4j_status snapshot(z4j_op op, std::string_view what, std::string_view page, z4j_error* e) {
    if (what == "calls") {
      const std::lock_guard lock(mutex_);
      complete(op, Z4J_OK, {}, json::write(json::Object{{"items", noted_}, {"next", nullptr}}));
      return Z4J_PENDING;
    }
    note("snapshot", what, "", page);
    return answer(op, reply_for(calls_, "snapshot", what), R"({"items":[],"next":null})", e);
  }

 private:
  static constexpr std::size_t kMaxNoted = 10'000;

  void dwell(const Reply& reply) {
    if (reply.blocks_ms > 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(reply.blocks_ms));
    if (reply.leaks_mib > 0) misbehave("leak", {{"mib", reply.leaks_mib}}, host_);
    if (reply.crashes) misbehave("crash", {}, host_);
    if (reply.throws) throw std::runtime_error("thrown as the settings say");
  }

  void note(std::string_view function, std::string_view verb, std::string_view target,
            std::string_view args) {
    const std::lock_guard lock(mutex_);
    if (noted_.size() < kMaxNoted) {
      noted_.push_back(
          json::Object{{"function", function}, {"verb", verb}, {"target", target}, {"args", args}});
    }
  }

  z4j_status complete(z4j_op op, z4j_status status, std::string_view message,
                      std::string_view result) {
    z4j_error error = empty_error();
    fill(&error, status, message);
    return host_->op_complete(host_->ctx, op, status, status == Z4J_OK ? nullptr : &error,
                              str(result));
  }

  z4j_status answer(z4j_op op, const Reply& reply, std::string_view usual, z4j_error* e) {
    dwell(reply);
    const std::string result = reply.status != Z4J_OK ? ""
                               : reply.answer.empty() ? std::string(usual)
                                                      : reply.answer;
    if (reply.never) return Z4J_PENDING;
    if (reply.until_cancelled) {
      const std::lock_guard lock(mutex_);
      waiting_[op] = true;
      return Z4J_PENDING;
    }
    if (reply.status != Z4J_OK && reply.after_ms < 0) {
      fill(e, reply.status, reply.message, {}, reply.retry_after_ms);
      return reply.status;
    }
    const auto run = [this, op, reply, result] {
      for (std::int64_t i = 0; i < reply.times; ++i)
        complete(op, reply.status, reply.message, result);
    };
    if (reply.after_ms < 0) {
      run();
      return Z4J_PENDING;
    }
    threads_.emplace_back([this, run, wait = reply.after_ms] {
      {
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, std::chrono::milliseconds(wait), [this] { return stopping_; });
      }
      run();
    });
    return Z4J_PENDING;
  }

  // Batches of what the host takes at once; gives the last status.
  z4j_status emit(const json::Array& events) {
    BatchBuilder batch;
    for (const json::Value& event : events) add_event(batch, event.as_object());
    if (batch.rows() == 0) return Z4J_OK;
    z4j_error error = empty_error();
    const z4j_event_batch view = batch.batch();
    return Host(host_).emit(view, error);
  }

  // Batches of lives of tasks, as fast as the host takes them.
  z4j_status emit_many(const json::Object& args) {
    static constexpr std::uint16_t kLife[] = {Z4J_EV_RECEIVED, Z4J_EV_STARTED, Z4J_EV_SUCCEEDED};
    const std::int64_t batches = json::integer(args, "batches", 1),
                       rows = json::integer(args, "rows", 1000);
    const std::string attrs = R"({"args":")" + std::string(300, 'a') + "\"}";
    const bool is_same = json::boolean(args, "same");
    BatchBuilder batch;
    for (std::int64_t done = 0; done < batches; ++done) {
      if (!is_same || done == 0) {
        batch.clear();
        for (std::int64_t row = 0; row < rows; ++row, ++emitted_) {
          batch.begin_row(1'780'000'000'000'000 + emitted_, kLife[emitted_ % 3]);
          batch.engine("test");
          batch.task("app.task_" + std::to_string(emitted_ / 3 % 20));
          batch.queue("default");
          batch.worker("worker-1");
          batch.task_id("00000000-0000-4000-8000-" + std::to_string(emitted_ / 3));
          batch.attrs_json(attrs);
        }
      }
      const z4j_event_batch view = batch.batch();
      z4j_error error = empty_error();
      for (z4j_status status = Host(host_).emit(view, error); status != Z4J_OK;
           status = Host(host_).emit(view, error)) {
        if (status != Z4J_BUSY) return status;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    return Z4J_OK;
  }

  // A batch that breaks the header's promises in one place.
  z4j_status emit_broken(std::string_view fault) {
    BatchBuilder batch;
    add_event(batch, {});
    z4j_event_batch view = batch.batch();
    const std::uint32_t backwards[2] = {5, 1};
    const std::uint32_t index[1] = {7};
    if (fault == "no rows") view.rows = 0;
    if (fault == "offsets") view.task_id.offsets = backwards;
    if (fault == "dictionary") view.task.index = index;
    if (fault == "short") view.struct_size = 8;
    z4j_error error = empty_error();
    return Host(host_).emit(view, error);
  }

  // What a test asks for with ENQUEUE to a target "test:...". The answer is {"status":code, ...}.
  std::string act(z4j_op op, std::string_view what, const json::Object& args) {
    const Host host(host_);
    z4j_status status = Z4J_OK;
    json::Object more;
    if (what == "emit") {
      const json::Array* events = json::array(args, "events");
      status = events != nullptr ? emit(*events) : Z4J_INVALID;
    } else if (what == "emit-many") {
      status = emit_many(args);
    } else if (what == "emit-broken") {
      for (std::int64_t i = json::integer(args, "times", 1); i > 0; --i)
        status = emit_broken(json::text(args, "fault"));
    } else if (what == "health") {
      host.health(static_cast<std::int32_t>(json::integer(args, "state")), json::text(args, "why"));
    } else if (what == "metric") {
      host.metric(json::text(args, "name"), "{}", json::number(args, "value"), 0);
    } else if (what == "log") {
      for (std::int64_t i = json::integer(args, "times", 1); i > 0; --i)
        host.warn(json::text(args, "message"), "{\"password\":\"x\"}");
    } else if (what == "answer-foreign") {
      status = complete(op + (z4j_op{1} << 40), Z4J_OK, {}, {});
    } else if (what == "secret") {
      more["length"] = token_.size();
    } else if (what == "crash" || what == "abort" || what == "exit" || what == "throw-in-thread" ||
               what == "leak" || what == "spin" || what == "spawn" || what == "say" ||
               what == "call-for-ever" || what == "try") {
      more = misbehave(what, args, host_);
    } else if (what == "post") {
      status = host_->post(
          host_->ctx, static_cast<std::uint32_t>(json::integer(args, "delay_ms")),
          [](void* self) { static_cast<Engine*>(self)->note("posted", "", "", ""); }, [](void*) {},
          this);
    } else {
      status = Z4J_NOT_FOUND;
    }
    more["outcome"] = "done";
    more["status"] = status;
    return json::write(more);
  }

  const z4j_host* const host_;
  const json::Object settings_;
  json::Object calls_;
  std::string token_;
  std::vector<std::thread> threads_;  // used on the strand only
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::map<z4j_op, bool> waiting_;
  json::Array noted_;
  std::int64_t emitted_ = 0;  // by emit_many(), on the strand
};

Engine& engine_of(z4j_instance* i) { return *reinterpret_cast<Engine*>(i); }

z4j_status validate(z4j_str config, const z4j_sink* problems, z4j_error* e) {
  return guard(e, [&]() -> z4j_status {
    const json::Value settings = json::parse(view(config));
    if (const json::Array* found = json::array(settings.as_object(), "problems")) {
      for (const json::Value& problem : *found)
        problems->put(problems->ctx, str(json::write(problem)));
    }
    return Z4J_OK;
  });
}

z4j_status create(const z4j_host* host, z4j_str config, z4j_instance** out, z4j_error* e) {
  auto fresh = std::make_unique<Engine>(host, view(config));
  const z4j_status status = fresh->plain_call("create", e);
  if (status == Z4J_OK) *out = reinterpret_cast<z4j_instance*>(fresh.release());
  return status;
}

z4j_status start(z4j_instance* i, z4j_error* e) { return engine_of(i).start(e); }
z4j_status stop(z4j_instance* i, std::uint32_t, z4j_error* e) { return engine_of(i).stop(e); }
void destroy(z4j_instance* i) { delete &engine_of(i); }
void cancel(z4j_instance* i, z4j_op op) { engine_of(i).cancel(op); }
std::uint64_t capabilities(z4j_instance* i) { return engine_of(i).capabilities(); }
z4j_status command(z4j_instance* i, z4j_op op, std::uint64_t verb, z4j_str target, z4j_str args,
                   z4j_error* e) {
  return engine_of(i).command(op, verb, view(target), view(args), e);
}
z4j_status snapshot(z4j_instance* i, z4j_op op, z4j_str what, z4j_str page, z4j_error* e) {
  return engine_of(i).snapshot(op, view(what), view(page), e);
}

const z4j_engine kEngine = {sizeof(z4j_engine), 0, lit("test"), &capabilities, &command, &snapshot};

const void* get_interface(z4j_str id) { return same(id, Z4J_IFACE_ENGINE) ? &kEngine : nullptr; }

#ifndef Z4J_TEST_FLAGS
#define Z4J_TEST_FLAGS 0
#endif

const z4j_plugin kPlugin = {sizeof(z4j_plugin),
                            Z4J_TEST_FLAGS,
                            lit("org.z4j.test-engine"),
                            lit("0.1.0"),
                            lit("Test engine"),
                            lit("Does what its settings say"),
                            lit(""),
                            lit(""),
                            lit(""),
                            lit("engine"),
                            lit(kSettings),
                            lit(""),
                            &validate,
                            &create,
                            &start,
                            &stop,
                            &destroy,
                            &cancel,
                            &get_interface};

}  // namespace
}  // namespace z4j::testing

Z4J_PLUGIN_ENTRY(z4j::testing::kPlugin)
