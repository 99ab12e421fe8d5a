// What the operator sets for one Celery instance, read and checked.
#pragma once

#include "lib/amqp/url.hpp"
#include "lib/celery/amqp_transport.hpp"
#include "lib/celery/redis_transport.hpp"
#include "lib/redis/redis.hpp"

#include <z4j/plugin.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::engine_celery {

struct Settings {
  std::optional<amqp::Options> rabbitmq;  // the broker; otherwise it is `broker`
  celery::AmqpForm rabbitmq_form;
  redis::Options broker;
  celery::RedisKeys keys;
  std::optional<redis::Options> results;  // nothing: results are kept where we cannot look
  std::string result_prefix;
  std::string default_queue = "celery";
  std::vector<std::string> extra_queues;
  bool enable_events = true;
};

// Throws Z4J_BAD_CONFIG with the place. A URL "secret:NAME" is resolved by the host; without a host
// it is taken as good.
[[nodiscard]] Settings read_settings(std::string_view config_json, const Host* host);

}  // namespace z4j::engine_celery
