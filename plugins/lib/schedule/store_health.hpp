// What an instance tells of its backend: there, or away and why. One thread.
#pragma once

#include <z4j/plugin.hpp>

#include <cstdint>
#include <string>

namespace z4j::schedule {

class StoreHealth {
 public:
  explicit StoreHealth(Host host) : host_(host) {}

  // Runs it and tells what that says of the store; what it throws goes on. `worry`: what is wrong
  // although the store answers, "" when nothing is.
  template <class Run, class Worry>
  void watch(Run&& run, Worry&& worry) {
    try {
      run();
      const std::string why = worry();
      tell(why.empty() ? Z4J_HEALTH_OK : Z4J_HEALTH_DEGRADED,
           why.empty() ? "reads its store" : why);
    } catch (const Error& e) {
      if (e.code >= Z4J_BUSY || e.code == Z4J_BAD_CONFIG)
        tell(Z4J_HEALTH_DEGRADED, std::string("backend_offline: ") + e.what());
      throw;
    }
  }
  // The same of a look, which changes nothing: that it broke off leaves nothing unknown.
  template <class Run, class Worry>
  void watch_look(Run&& run, Worry&& worry) {
    try {
      watch(run, worry);
    } catch (const Error& e) {
      if (e.code != Z4J_UNKNOWN) throw;
      throw Error(Z4J_UNAVAILABLE, e.what(), e.where, e.retry_after_ms);
    }
  }

 private:
  void tell(std::int32_t state, const std::string& why) {
    if (state == told_state_ && why == told_why_) return;
    told_state_ = state;
    told_why_ = why;
    host_.health(state, why);
  }

  Host host_;
  std::int32_t told_state_ = -1;
  std::string told_why_;
};

}  // namespace z4j::schedule
