// The engines that an agent watches: plugins in a host of their own, asked now and then how their
// brokers do.
//
// Each engine is there once: the protocol calls them by name. One that does not start, or faults,
// is started again after a pause. Thread-safe; start() runs one thread. What engines emit and drop
// goes to the callbacks, which must outlive stop().
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "plugin/host.hpp"
#include "wire/health.hpp"

namespace z4j::agent {

class Engines {
 public:
  struct Options {
    std::vector<config::PluginEntry> plugins;
    plugin::Host::Options host;  // where plugin files lie, and where they run
    std::function<base::Result<std::string>(std::string_view name)> secret;
    std::function<void(const z4j_event_batch&)> emit;
    std::function<void(const std::string& engine, std::uint64_t events)> dropped;
    std::function<void(base::json::Value&)> scrub;  // takes secrets out of what workers tell
  };
  struct Fact {
    std::string engine, version;     // of the plugin
    std::uint64_t capabilities = 0;  // Z4J_ENGINE_* bits; 0 until it runs
    bool is_started = false;
    plugin::Health health = plugin::Health::ok;
    std::string why;        // of the health, or why it does not run
    std::size_t tasks = 0;  // names in its registry
  };

  Engines(Options options, const base::Clock& clock, base::Log& log);
  ~Engines();  // stop()
  Engines(const Engines&) = delete;
  Engines& operator=(const Engines&) = delete;

  // Looks at the plugins without running them. Errors: bad_config, one is no engine, or an engine
  // is there twice; else the loader's.
  [[nodiscard]] base::Status find();
  void start();
  // Engines empty their buffers into emit().
  void stop();
  // True once each has been tried to start.
  [[nodiscard]] bool were_tried() const;

  [[nodiscard]] std::vector<Fact> facts() const;
  // What a heartbeat says of them.
  [[nodiscard]] std::vector<wire::EngineHealth> health() const;
  // Task names that workers know, sorted; `version` grows with each change.
  struct Registry {
    std::string engine;
    std::vector<std::string> names;
  };
  [[nodiscard]] std::vector<Registry> registries() const;
  [[nodiscard]] std::uint64_t registry_version() const;

  // As plugin::Host's; "" is the only engine there is. Answers invalid when there is none of that
  // name.
  void command(const std::string& engine, std::uint64_t verb, std::string target,
               std::string args_json, int deadline_ms, plugin::Answer answer);
  void snapshot(const std::string& engine, std::string what, std::string page_json, int deadline_ms,
                plugin::Answer answer);

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;
};

}  // namespace z4j::agent
