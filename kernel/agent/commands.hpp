// Commands of the brain, run on the engines.
//
// Each ends in exactly one call of the callback, on any thread, at the latest some seconds after
// its own deadline. Whether it may run at all is the ledger's business, not this class's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "agent/engines.hpp"
#include "base/clock.hpp"
#include "wire/action.hpp"

namespace z4j::agent {

class Commands {
 public:
  struct Options {
    std::string key;  // the project's secret, for what confirms a purge
    std::int64_t purge_threshold = 1000;
    bool accept_legacy_purge_token = false;
  };
  using Done = std::function<void(const wire::ActionResult&)>;

  Commands(Engines& engines, const base::Clock& clock, Options options)
      : engines_(engines), clock_(clock), options_(std::move(options)) {}

  void run(const wire::Action& action, Done done);

 private:
  void purge(const wire::Action& action, const wire::EngineCall& call, int deadline_ms, Done done);
  void reconcile(const wire::Action& action, int deadline_ms, Done done);
  void call(const wire::EngineCall& call, int deadline_ms, Done done);

  Engines& engines_;
  const base::Clock& clock_;
  const Options options_;
};

}  // namespace z4j::agent
