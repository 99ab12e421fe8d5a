// The plugin: owns the settings, what the threads share, and the threads.
#include <z4j/plugin.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "lib/json/json.hpp"
#include "src/lookup.hpp"
#include "src/notices.hpp"
#include "src/poller.hpp"
#include "src/schema.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"
#include "src/worker_thread.hpp"

namespace z4j::engine_rq {

class EngineRq {
 public:
  EngineRq(Host host, std::string_view config) : host_(host), config_(config) {}
  ~EngineRq() { end(); }
  EngineRq(const EngineRq&) = delete;
  EngineRq& operator=(const EngineRq&) = delete;

  static void validate(std::string_view config, const z4j_sink& problems) {
    try {
      static_cast<void>(read_settings(config, nullptr));
    } catch (const Error& e) {
      const std::string problem = json::write(json::Object{{"at", e.where}, {"message", e.what()}});
      problems.put(problems.ctx, str(problem));
    }
  }

  // Redis need not be there: until it is, the health says why.
  void start() {
    end();
    run_ = std::make_unique<Run>(read_settings(config_, &host_), host_);
    Run& run = *run_;
    run.poller_thread = std::thread([&run] { run.poller.run(); });
    run.notices_thread = std::thread([&run] { run.notices.run(); });
    run.worker_thread = std::thread([&run] { run.worker.run(); });
  }
  void stop(std::uint32_t) { end(); }

  std::uint64_t capabilities() const {
    return Z4J_ENGINE_EVENTS | Z4J_ENGINE_SNAPSHOT | Z4J_ENGINE_ENQUEUE | Z4J_ENGINE_RETRY |
           Z4J_ENGINE_REVOKE | Z4J_ENGINE_TERMINATE | Z4J_ENGINE_PURGE | Z4J_ENGINE_PAUSE |
           Z4J_ENGINE_SHUTDOWN | Z4J_ENGINE_TIME_LIMIT | Z4J_ENGINE_DEAD_LETTERS | Z4J_ENGINE_MANY |
           Z4J_ENGINE_COPY | Z4J_ENGINE_DELETE;
  }
  void command(Op& op, std::uint64_t verb, std::string_view target, std::string_view args) {
    const bool takes_many = verb == Z4J_ENGINE_RETRY || verb == Z4J_ENGINE_REVOKE;
    const bool about_a_job =
        takes_many || verb == Z4J_ENGINE_DEAD_LETTERS || verb == Z4J_ENGINE_DELETE;
    if (about_a_job && !usable_id(target) && !(takes_many && target.empty()))
      throw Error(Z4J_INVALID, "the job's id is not usable");
    add({std::move(op), verb, std::string(target), std::string(args)});
  }
  void snapshot(Op& op, std::string_view what, std::string_view page) {
    add({std::move(op), 0, std::string(what), std::string(page)});
  }

 private:
  struct Run {
    Run(Settings s, Host host)
        : settings(std::move(s)),
          poller(settings, host, shared),
          notices(settings, shared),
          worker(settings, shared) {}
    Settings settings;
    Shared shared;
    Poller poller;
    Notices notices;
    WorkerThread worker;
    std::thread poller_thread, notices_thread, worker_thread;
  };

  void add(Request request) {
    if (!run_) throw Error(Z4J_BAD_STATE, "the instance is not started");
    run_->worker.add(std::move(request));
  }
  void end() noexcept {
    if (!run_) return;
    run_->shared.gate.stop();
    run_->poller.interrupt();
    run_->notices.interrupt();
    run_->worker.interrupt();
    for (std::thread* t : {&run_->poller_thread, &run_->notices_thread, &run_->worker_thread}) {
      if (t->joinable()) t->join();
    }
    run_.reset();
  }

  Host host_;
  std::string config_;
  std::unique_ptr<Run> run_;
};

}  // namespace z4j::engine_rq

Z4J_ENGINE_PLUGIN(
    z4j::engine_rq::EngineRq, "org.z4j.engine-rq", "0.1.0", "RQ",
    "Watches and controls RQ through the Redis it uses; nothing is installed in the application.",
    "rq", Z4J_ENGINE_RQ_SCHEMA)
