// The connections of one thread: broker, control mailbox, result store.
#pragma once

#include "src/settings.hpp"

#include "lib/celery/control.hpp"
#include "lib/celery/transport.hpp"

#include <memory>

namespace z4j::engine_celery {

// One thread at a time, except interrupt().
struct Lines {
  explicit Lines(const Settings& settings)
      : broker(std::make_unique<celery::RedisTransport>(settings.broker, settings.keys)),
        control(*broker) {
    if (settings.results)
      results =
          std::make_unique<celery::RedisResultStore>(*settings.results, settings.result_prefix);
  }
  void interrupt() noexcept {
    broker->interrupt();
    if (results) results->interrupt();
  }
  // Leaves the broker without a trace, if it can be reached without waiting for it.
  void close() noexcept {
    if (broker->connected()) control.close();
    control.lost();
  }

  std::unique_ptr<celery::Transport> broker;
  std::unique_ptr<celery::ResultStore> results;  // null: results are kept where we cannot look
  celery::Control control;
};

}  // namespace z4j::engine_celery
