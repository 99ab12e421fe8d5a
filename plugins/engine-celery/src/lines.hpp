// The connections of one thread: broker, control mailbox, result store.
#pragma once

#include "src/settings.hpp"

#include "lib/celery/amqp_transport.hpp"
#include "lib/celery/control.hpp"
#include "lib/celery/redis_transport.hpp"
#include "lib/celery/transport.hpp"

#include <memory>

namespace z4j::engine_celery {

[[nodiscard]] inline std::unique_ptr<celery::Transport> make_transport(const Settings& settings) {
  if (settings.rabbitmq)
    return std::make_unique<celery::AmqpTransport>(*settings.rabbitmq, settings.rabbitmq_form);
  return std::make_unique<celery::RedisTransport>(settings.broker, settings.keys);
}

[[nodiscard]] inline std::unique_ptr<celery::EventFeed> make_feed(const Settings& settings) {
  if (settings.rabbitmq)
    return std::make_unique<celery::AmqpEventFeed>(*settings.rabbitmq, settings.rabbitmq_form);
  return std::make_unique<celery::RedisEventFeed>(settings.broker, settings.keys);
}

// One thread at a time, except interrupt().
struct Lines {
  explicit Lines(const Settings& settings) : broker(make_transport(settings)), control(*broker) {
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
