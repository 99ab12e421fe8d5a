// A whole agent: engines, buffer and session, wired together and taken down in order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/engines.hpp"
#include "agent/settings.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace z4j::agent {

struct Surroundings {
  std::string version;  // of the program
  // Where plugin files lie if the settings do not say, and how those run that are none of ours.
  plugin::Host::Options host;
  // The value of a plugin's secret reference.
  std::function<base::Result<std::string>(std::string_view name)> secret;
};

// What engines need of both; without callbacks.
[[nodiscard]] Engines::Options engine_options(const Loaded& loaded, const Surroundings& around);

class Runtime {
 public:
  Runtime(Loaded loaded, Surroundings around, const base::Clock& clock, base::Log& log);
  ~Runtime();  // stop(0)
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Looks at plugins and folders, then runs. Errors: bad_config, busy (another agent uses the
  // state directory), or the plugin loader's.
  [[nodiscard]] base::Status start();
  // Engines empty their buffers; what waits is given that long to reach the brain. The rest stays
  // on disk.
  void stop(int drain_ms);
  // Dial now, whatever the back-off says.
  void skip_wait();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace z4j::agent
