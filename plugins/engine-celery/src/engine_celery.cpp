// Celery seen from its broker. The instance owns the threads: two for live events, one for upkeep,
// one for commands and snapshots.
#include "src/emitter.hpp"
#include "src/lines.hpp"
#include "src/listener.hpp"
#include "src/schema.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"
#include "src/upkeep.hpp"
#include "src/worker_thread.hpp"

#include "lib/json/json.hpp"

#include <z4j/plugin.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace z4j::engine_celery {
namespace {

class EngineCelery {
 public:
  EngineCelery(Host host, std::string_view config_json)
      : inside_(std::make_unique<Inside>(host, config_json)) {}

  static void validate(std::string_view config_json, const z4j_sink& problems) {
    try {
      static_cast<void>(read_settings(config_json, nullptr));
    } catch (const Error& e) {
      const std::string problem =
          json::write(json::Object{{"at", e.where}, {"message", e.what()}, {"hint", ""}});
      problems.put(problems.ctx, str(problem));
    }
  }

  // A broker that is away makes the instance degraded, not unable to start.
  void start() {
    if (is_started_) throw Error(Z4J_BAD_STATE, "the engine runs already");
    is_started_ = true;
    Inside& in = *inside_;
    in.shared.gate.open();
    in.shared.upkeep.open();
    in.listener.start();
    in.upkeep.start();
    in.worker.start();
  }
  void stop(std::uint32_t) {
    is_started_ = false;
    Inside& in = *inside_;
    in.shared.gate.stop();
    in.worker.stop();
    in.upkeep.stop();
    in.listener.stop();
  }

  [[nodiscard]] std::uint64_t capabilities() const { return inside_->worker.capabilities(); }
  void command(Op& op, std::uint64_t verb, std::string_view target, std::string_view args) {
    inside_->worker.add(std::move(op), verb, target, args);
  }
  void snapshot(Op& op, std::string_view what, std::string_view page) {
    inside_->worker.add(std::move(op), 0, what, page);
  }

 private:
  struct Inside {
    Inside(Host host, std::string_view config_json)
        : settings(read_settings(config_json, &host)),
          shared(host),
          emitter(host, shared.gate),
          listener(host, make_feed(settings), shared, emitter),
          upkeep(host, settings, shared, emitter),
          worker(settings, shared, emitter) {}
    Settings settings;
    Shared shared;
    Emitter emitter;
    Listener listener;
    Upkeep upkeep;
    WorkerThread worker;
  };
  std::unique_ptr<Inside> inside_;
  bool is_started_ = false;
};

}  // namespace
}  // namespace z4j::engine_celery

Z4J_ENGINE_PLUGIN(z4j::engine_celery::EngineCelery, "org.z4j.engine-celery", "0.1.0", "Celery",
                  "Celery tasks, workers and queues, seen and controlled from the broker", "celery",
                  Z4J_ENGINE_CELERY_SCHEMA)
