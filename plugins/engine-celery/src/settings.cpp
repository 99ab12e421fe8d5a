#include "src/settings.hpp"

#include "lib/json/json.hpp"

#include <algorithm>

namespace z4j::engine_celery {
namespace {

constexpr std::size_t kMaxExtraQueues = 200;
constexpr std::int64_t kMostLookedAt = 1000;

[[noreturn]] void bad_setting(const std::string& message, const char* at) {
  throw Error(Z4J_BAD_CONFIG, message, at);
}

std::string resolved_secret(std::string_view value, const Host* host, const char* at) {
  constexpr std::string_view kReference = "secret:";
  if (value.substr(0, kReference.size()) != kReference) return std::string(value);
  if (host == nullptr) return {};
  try {
    return host->secret(value.substr(kReference.size()));
  } catch (const Error& e) {
    bad_setting(e.what(), at);
  }
}

bool looks_like_redis(std::string_view url) {
  for (const char* scheme : {"redis", "rediss", "redis+socket", "unix", "sentinel"}) {
    if (url.starts_with(std::string(scheme) + "://")) return true;
  }
  return false;
}

redis::Options options_of(const std::string& url, const json::Object& config, const Host* host,
                          const char* at) {
  redis::Options out;
  try {
    out = redis::parse_url(url);
  } catch (const Error& e) {
    bad_setting(e.what(), at);
  }
  if (url.starts_with("sentinel:")) {
    out.sentinel_master = json::text(config, "sentinel_master");
    if (out.sentinel_master.empty()) {
      bad_setting(
          "a sentinel:// URL needs sentinel_master, the name the sentinels know the master by",
          "/sentinel_master");
    }
    out.sentinel_password =
        resolved_secret(json::text(config, "sentinel_password"), host, "/sentinel_password");
  }
  if (const std::string_view ca = json::text(config, "tls_ca_file"); !ca.empty())
    out.tls_ca_file = ca;
  return out;
}

bool looks_like_amqp(std::string_view url) {
  for (const char* scheme : {"amqp", "amqps", "pyamqp"}) {
    if (url.starts_with(std::string(scheme) + "://")) return true;
  }
  return false;
}

amqp::Options amqp_options_of(const std::string& url, const json::Object& config) {
  amqp::Options out;
  try {
    out = amqp::parse_url(url);
  } catch (const Error& e) {
    bad_setting(e.what(), "/broker_url");
  }
  if (const std::string_view ca = json::text(config, "tls_ca_file"); !ca.empty())
    out.tls_ca_file = ca;
  return out;
}

std::vector<std::string> names_in(const json::Object& config, const char* key, const char* at) {
  std::vector<std::string> out;
  const json::Array* given = json::array(config, key);
  if (given == nullptr) return out;
  if (given->size() > kMaxExtraQueues)
    bad_setting(std::string("at most 200 queues can be named in ") + key, at);
  for (const json::Value& q : *given) {
    const json::String* name = q.if_string();
    if (name == nullptr || name->empty()) bad_setting(std::string(key) + " must hold names", at);
    out.emplace_back(name->data(), name->size());
  }
  return out;
}

celery::AmqpForm amqp_form_of(const json::Object& config) {
  celery::AmqpForm out;
  if (const std::string_view name = json::text(config, "event_exchange"); !name.empty())
    out.event_exchange = name;
  const std::int64_t most = json::integer(config, "look_at_most");
  if (most < 0 || most > kMostLookedAt)
    bad_setting("look_at_most must be from 0 to 1000", "/look_at_most");
  out.look_at_most = static_cast<std::size_t>(most);
  out.dead_letter_queues = names_in(config, "dead_letter_queues", "/dead_letter_queues");
  return out;
}

celery::ManagementOptions management_of(const std::string& url, const json::Object& config,
                                        const Settings& settings) {
  celery::ManagementOptions out;
  try {
    out = celery::parse_management_url(url);
  } catch (const Error& e) {
    bad_setting(e.what(), "/management_url");
  }
  out.server.tls_ca_file = json::text(config, "tls_ca_file");
  out.vhost = settings.rabbitmq->vhost;
  out.task_queues.insert(settings.default_queue);
  out.task_queues.insert(settings.extra_queues.begin(), settings.extra_queues.end());
  return out;
}

std::vector<int> priority_steps(const json::Array& given) {
  std::vector<int> out;
  for (const json::Value& v : given) {
    if (!v.is_int64() || v.get_int64() < 0 || v.get_int64() > 255)
      bad_setting("priority_steps must hold numbers from 0 to 255", "/priority_steps");
    out.push_back(static_cast<int>(v.get_int64()));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.empty() || out.front() != 0 || out.size() > 32) {
    bad_setting("priority_steps must hold 0 and at most 32 numbers", "/priority_steps");
  }
  return out;
}

}  // namespace

Settings read_settings(std::string_view config_json, const Host* host) {
  const json::Value root = json::parse(config_json, 1u << 20);
  const json::Object* config = root.if_object();
  if (config == nullptr) bad_setting("the config must be an object", "");
  Settings s;
  const std::string_view given = json::text(*config, "broker_url");
  if (given.empty())
    bad_setting("broker_url is missing; give Celery's broker, like redis://localhost:6379/0",
                "/broker_url");
  std::string url = resolved_secret(given, host, "/broker_url");
  const bool unresolved = url.empty();
  if (unresolved) url = "redis://localhost";
  if (looks_like_amqp(url)) {
    s.rabbitmq = amqp_options_of(url, *config);
  } else if (looks_like_redis(url)) {
    s.broker = options_of(url, *config, host, "/broker_url");
  } else {
    bad_setting(
        "broker_url must start with redis://, rediss://, unix://, sentinel://, amqp:// or "
        "amqps://; other brokers are not supported",
        "/broker_url");
  }
  s.rabbitmq_form = amqp_form_of(*config);
  if (const std::string_view name = json::text(*config, "control_exchange"); !name.empty())
    s.rabbitmq_form.mailbox.name = s.keys.mailbox.name = name;
  s.keys.prefix = json::text(*config, "global_keyprefix");
  s.keys.database = s.broker.database;
  if (const json::Array* steps = json::array(*config, "priority_steps"))
    s.keys.priority_steps = priority_steps(*steps);

  const std::string_view given_results = json::text(*config, "result_backend");
  const std::string results = resolved_secret(given_results, host, "/result_backend");
  if (given_results.empty()) {
    // Results that go through RabbitMQ (rpc://) go to who asked for them, and to nobody else.
    if (!s.rabbitmq) s.results = s.broker;
  } else if (looks_like_redis(results)) {
    s.results = options_of(results, *config, host, "/result_backend");
  }
  s.result_prefix = json::text(*config, "result_keyprefix");

  if (const std::string_view q = json::text(*config, "task_default_queue"); !q.empty())
    s.default_queue = q;
  s.extra_queues = names_in(*config, "queues", "/queues");
  if (const std::string_view management = json::text(*config, "management_url");
      !management.empty() && !unresolved) {
    if (!s.rabbitmq)
      bad_setting("management_url is RabbitMQ's, and the broker is a Redis", "/management_url");
    const std::string where = resolved_secret(management, host, "/management_url");
    if (!where.empty()) s.rabbitmq_form.management = management_of(where, *config, s);
  }
  s.enable_events = json::boolean(*config, "enable_events", true);
  return s;
}

}  // namespace z4j::engine_celery
