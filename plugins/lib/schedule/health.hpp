// What the operator hears of a scheduler plugin: what is wrong with its settings, and whether its
// store was there when it was last asked.
#pragma once

#include "lib/json/json.hpp"

#include <z4j/plugin.hpp>

#include <cstdint>
#include <string>

namespace z4j::schedule {

// For a plugin's validate(): what `check` throws becomes a problem.
template <class F>
void put_problem(const z4j_sink& problems, F&& check) {
  try {
    check();
  } catch (const Error& e) {
    const std::string problem = json::write(json::Object{{"at", e.where}, {"message", e.what()}});
    problems.put(problems.ctx, str(problem));
  }
}

// One thread. Says each state once.
class HealthVoice {
 public:
  explicit HealthVoice(Host host) : host_(host) {}

  // Who denied what was denied: the store, or the plugin itself, as it does for read-only
  // schedules.
  enum class Denied { by_store, by_plugin };

  // Runs it; a store that is out of reach makes the plugin degraded.
  template <class F>
  void watch(F&& run, Denied denied = Denied::by_store) {
    try {
      run();
      tell(Z4J_HEALTH_OK, "");
    } catch (const Error& e) {
      const bool is_locked_out = e.code == Z4J_DENIED && denied == Denied::by_store;
      if (e.code >= Z4J_BUSY || e.code == Z4J_BAD_CONFIG || is_locked_out)
        tell(Z4J_HEALTH_DEGRADED, std::string("backend_offline: ") + e.what());
      throw;
    }
  }
  // For a look that nobody waits for: what it throws is only heard here.
  template <class F>
  void watch_quietly(F&& run) noexcept {
    try {
      watch(run);
    } catch (const std::exception&) {
    }
  }
  void tell(std::int32_t state, const std::string& why) {
    if (state == state_ && why == why_) return;
    state_ = state;
    why_ = why;
    host_.health(state, why);
  }

 private:
  Host host_;
  std::int32_t state_ = -1;
  std::string why_;
};

}  // namespace z4j::schedule
