#include "wire/health.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "wire/text.hpp"
#include "wire/time.hpp"

namespace z4j::wire {
namespace {

namespace json = base::json;

constexpr std::size_t kMostKeys = 256, kMostQueues = 1024, kMostWorkers = 1024;
constexpr std::size_t kMostAdapters = 32, kNameCharacters = 64;
constexpr std::int64_t kMostCounted = 10'000'000, kMostStreak = 1'000'000;
constexpr std::int64_t kLargestExact = (std::int64_t{1} << 53) - 1;
constexpr std::int64_t kLongestSession = 315'360'000;
constexpr json::Limits kTextLimits = {.max_bytes = std::size_t{1} << 20, .max_depth = 64};
// What of a worker's configuration is nobody's secret.
constexpr std::array<std::string_view, 16> kConfKeys = {"task_serializer",
                                                        "result_serializer",
                                                        "accept_content",
                                                        "task_default_queue",
                                                        "worker_concurrency",
                                                        "worker_prefetch_multiplier",
                                                        "worker_max_tasks_per_child",
                                                        "worker_max_memory_per_child",
                                                        "task_acks_late",
                                                        "task_reject_on_worker_lost",
                                                        "task_time_limit",
                                                        "task_soft_time_limit",
                                                        "broker_pool_limit",
                                                        "broker_heartbeat",
                                                        "timezone",
                                                        "enable_utc"};
// Members of a snapshot's worker that we tell beside what upstream agents tell.
constexpr std::array<std::string_view, 10> kWorkerFacts = {
    "hostname",     "pid",          "concurrency",  "queues",  "state",
    "active_tasks", "load_average", "memory_bytes", "version", "last_heartbeat"};
constexpr std::array<std::string_view, 4> kWorkerMetadata = {"stats", "active", "active_queues",
                                                             "registered"};

// An object that stands in a text.
std::optional<json::Value> parsed_text(const json::Value& value) {
  auto parsed = json::parse(text_of(value), kTextLimits);
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

std::optional<std::int64_t> count_of(const json::Value* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_int64() && value->get_int64() >= 0) return value->get_int64();
  if (value->is_double() && value->get_double() >= 0 && value->get_double() < 9e15)
    return static_cast<std::int64_t>(value->get_double());
  return std::nullopt;
}

std::int64_t bounded(const json::Object& o, std::string_view key, std::int64_t most) {
  return std::min(count_of(o.if_contains(key)).value_or(0), most);
}

std::optional<base::TimeUs> time_of(const json::Object& o, std::string_view key) {
  const auto time = read_time(json::text(o, key));
  if (!time) return std::nullopt;
  return time->at;
}

json::Value time_or_null(const std::optional<base::TimeUs>& time) {
  return time ? json::Value(base::format_time(*time)) : json::Value(nullptr);
}

std::vector<std::string> texts_of(const json::Object& o, std::string_view key) {
  std::vector<std::string> out;
  const json::Array* items = json::array(o, key);
  for (std::size_t i = 0; items != nullptr && i < std::min(items->size(), kMostAdapters); ++i) {
    if ((*items)[i].is_string()) out.emplace_back(text_of((*items)[i]));
  }
  return out;
}

json::Array queues_of(const json::Object& depths) {
  json::Array queues;
  for (const auto& member : depths) {
    if (queues.size() == kMostQueues) break;
    if (const auto pending = count_of(&member.value()))
      queues.push_back(json::Object{{"name", member.key()}, {"pending", *pending}});
  }
  return queues;
}

// The items of a list that are objects with a name.
json::Array named_items(const json::Array& items, std::size_t most) {
  json::Array named;
  for (const json::Value& item : items) {
    if (named.size() == most) break;
    if (item.is_object() && !json::text(item.get_object(), "name").empty()) named.push_back(item);
  }
  return named;
}

// A worker of the snapshot out of what an agent tells of it.
json::Object worker_item(std::string_view name, const json::Object& told) {
  json::Object item{{"name", name}, {"state", "online"}};
  const std::size_t at = name.find('@');
  item["hostname"] = at == std::string_view::npos ? name : name.substr(at + 1);
  const auto take = [&item](std::string_view key, const std::optional<std::int64_t>& n) {
    if (n) item[key] = *n;
  };
  json::Object metadata;
  for (const std::string_view key : kWorkerMetadata) {
    if (const json::Value* value = told.if_contains(key); value != nullptr && !value->is_null())
      metadata[key] = *value;
  }
  if (const json::Object* conf = json::object(told, "conf")) {
    json::Object kept;
    for (const std::string_view key : kConfKeys) {
      if (const json::Value* value = conf->if_contains(key)) kept[key] = *value;
    }
    metadata["conf"] = std::move(kept);
  }
  if (const json::Object* stats = json::object(told, "stats")) {
    take("pid", count_of(stats->if_contains("pid")));
    if (const json::Object* pool = json::object(*stats, "pool")) {
      const json::Array* processes = json::array(*pool, "processes");
      if (processes != nullptr) take("concurrency", static_cast<std::int64_t>(processes->size()));
      take("concurrency", count_of(pool->if_contains("max-concurrency")));
    }
    if (const json::Array* load = json::array(*stats, "loadavg")) item["load_average"] = *load;
  }
  if (const json::Array* active = json::array(told, "active"))
    item["active_tasks"] = static_cast<std::int64_t>(active->size());
  if (const json::Array* active = json::array(told, "active_queues")) {
    json::Array queues;
    for (const json::Value& queue : *active) {
      const json::Object* o = queue.if_object();
      const std::string_view text = o != nullptr ? json::text(*o, "name") : text_of(queue);
      if (!text.empty() && queues.size() < kMostQueues) queues.emplace_back(text);
    }
    item["queues"] = std::move(queues);
  }
  for (const std::string_view key : kWorkerFacts) {
    if (const json::Value* value = told.if_contains(key); value != nullptr && !value->is_null())
      item[key] = *value;
  }
  item["metadata"] = std::move(metadata);
  return item;
}

json::Object worker_details(const json::Object& item) {
  json::Object told;
  if (const json::Object* metadata = json::object(item, "metadata")) told = *metadata;
  for (const std::string_view key : kWorkerFacts) {
    if (const json::Value* value = item.if_contains(key); value != nullptr && !value->is_null())
      told[key] = *value;
  }
  if (!told.contains("stats")) {
    json::Object stats;
    if (const json::Value* pid = item.if_contains("pid")) stats["pid"] = *pid;
    if (const json::Value* n = item.if_contains("concurrency"))
      stats["pool"] = json::Object{{"max-concurrency", *n}};
    told["stats"] = std::move(stats);
  }
  return told;
}

void read_key(EngineHealth& engine, std::string_view what, const json::Value& value) {
  if (what == "broker_type") {
    engine.broker_type = text_of(value);
  } else if (what == "broker_connected") {
    const std::string_view word = text_of(value);
    if (word == "True" || word == "true") engine.is_connected = true;
    if (word == "False" || word == "false") engine.is_connected = false;
  } else if (what == "broker_error" || what == "error") {
    if (engine.trouble.empty()) engine.trouble = text_of(value);
  } else if (what == "queue_depths") {
    const auto depths = parsed_text(value);
    if (!depths || !depths->is_object() || engine.tells_queues) return;
    engine.queues = queues_of(depths->get_object());
    engine.tells_queues = true;
  } else if (what == "queue_details") {
    const auto items = parsed_text(value);
    if (!items || !items->is_array()) return;
    engine.queues = named_items(items->get_array(), kMostQueues);
    engine.tells_queues = true;
  } else if (what == "worker_details") {
    const auto details = parsed_text(value);
    if (!details || !details->is_object()) return;
    engine.workers.clear();
    for (const auto& member : details->get_object()) {
      if (engine.workers.size() == kMostWorkers) break;
      if (!member.value().is_object() || member.key().empty()) continue;
      engine.workers.push_back(
          worker_item({member.key().data(), member.key().size()}, member.value().get_object()));
    }
    engine.tells_workers = true;
  }
}

std::optional<TelemetryLoss> read_loss(const json::Object& payload) {
  const json::Object* o = json::object(payload, "telemetry_loss");
  if (o == nullptr || !is_good_telemetry_loss(payload)) return std::nullopt;
  TelemetryLoss loss;
  loss.buffer_id = json::text(*o, "buffer_id");
  loss.runtime_id = json::text(*o, "runtime_id");
  loss.capacity_evicted_frames = json::integer(*o, "capacity_evicted_frames");
  loss.content_rejected_frames = json::integer(*o, "content_rejected_frames");
  loss.event_records = json::integer(*o, "event_records");
  loss.command_results = json::integer(*o, "command_results");
  loss.other_frames = json::integer(*o, "other_frames");
  loss.unclassified_frames = json::integer(*o, "unclassified_frames");
  if (const json::Object* events = json::object(*o, "adapter_events"))
    loss.adapter_events = *events;
  return loss;
}

json::Object write_loss(const TelemetryLoss& loss) {
  json::Object out;
  if (!loss.buffer_id.empty()) out["buffer_id"] = loss.buffer_id;
  if (!loss.runtime_id.empty()) out["runtime_id"] = loss.runtime_id;
  out["capacity_evicted_frames"] = loss.capacity_evicted_frames;
  out["content_rejected_frames"] = loss.content_rejected_frames;
  out["event_records"] = loss.event_records;
  out["command_results"] = loss.command_results;
  out["other_frames"] = loss.other_frames;
  out["unclassified_frames"] = loss.unclassified_frames;
  out["adapter_events"] = loss.adapter_events;
  return out;
}

bool is_name(const json::Value& value) {
  const std::string_view text = text_of(value);
  return value.is_string() && !text.empty() && count_characters(text) <= kNameCharacters;
}

bool is_counter(const json::Value& value) {
  return value.is_int64() && value.get_int64() >= 0 && value.get_int64() <= kLargestExact;
}

}  // namespace

std::vector<EngineHealth> read_adapter_health(const json::Object& adapter_health) {
  std::vector<EngineHealth> engines;
  std::size_t keys = 0;
  for (const auto& member : adapter_health) {
    if (++keys > kMostKeys) break;
    const std::string_view key(member.key().data(), member.key().size());
    const std::size_t point = key.find_last_of('.');
    if (point == std::string_view::npos || point == 0) continue;
    const std::string_view name = key.substr(0, point);
    auto engine = std::find_if(engines.begin(), engines.end(),
                               [&](const EngineHealth& e) { return e.engine == name; });
    if (engine == engines.end()) {
      engine = engines.emplace(engines.end());
      engine->engine = name;
    }
    read_key(*engine, key.substr(point + 1), member.value());
  }
  for (EngineHealth& engine : engines) {
    if (engine.broker_type.empty()) continue;
    for (json::Value& queue : engine.queues)
      queue.get_object().emplace("broker_type", engine.broker_type);
  }
  return engines;
}

json::Object write_adapter_health(const std::vector<EngineHealth>& engines) {
  json::Object out;
  for (const EngineHealth& engine : engines) {
    const std::string prefix = engine.engine + ".";
    if (!engine.broker_type.empty()) out[prefix + "broker_type"] = engine.broker_type;
    if (engine.is_connected)
      out[prefix + "broker_connected"] = *engine.is_connected ? "True" : "False";
    if (!engine.trouble.empty()) out[prefix + "broker_error"] = engine.trouble;
    if (engine.tells_queues) {
      json::Object depths;
      for (const json::Value& queue : engine.queues) {
        if (const json::Object* o = queue.if_object())
          depths[json::text(*o, "name")] = json::integer(*o, "pending");
      }
      out[prefix + "queue_depths"] = json::write(depths);
      // Upstream's depths alone would lose how long the oldest waits.
      out[prefix + "queue_details"] = json::write(engine.queues);
    }
    if (engine.tells_workers) {
      json::Object details;
      for (const json::Value& worker : engine.workers) {
        if (const json::Object* o = worker.if_object())
          details[json::text(*o, "name")] = worker_details(*o);
      }
      out[prefix + "worker_details"] = json::write(details);
    }
  }
  return out;
}

Heartbeat read_heartbeat(const json::Object& payload) {
  Heartbeat out;
  out.buffer_size = bounded(payload, "buffer_size", kMostCounted);
  out.dropped_events = bounded(payload, "dropped_events", kMostCounted);
  out.last_flush_at = time_of(payload, "last_flush_at");
  if (const json::Object* health = json::object(payload, "adapter_health"))
    out.engines = read_adapter_health(*health);
  out.telemetry_loss = read_loss(payload);
  return out;
}

json::Object write_heartbeat(const Heartbeat& heartbeat) {
  json::Object out{
      {"buffer_size", std::clamp(heartbeat.buffer_size, std::int64_t{0}, kMostCounted)},
      {"last_flush_at", time_or_null(heartbeat.last_flush_at)},
      {"dropped_events", std::clamp(heartbeat.dropped_events, std::int64_t{0}, kMostCounted)},
      {"adapter_health", write_adapter_health(heartbeat.engines)}};
  if (heartbeat.telemetry_loss) out["telemetry_loss"] = write_loss(*heartbeat.telemetry_loss);
  return out;
}

AgentStatus read_agent_status(const json::Object& payload) {
  AgentStatus out;
  out.auth_failure_streak = bounded(payload, "auth_failure_streak", kMostStreak);
  out.protocol_failure_streak = bounded(payload, "protocol_failure_streak", kMostStreak);
  out.connection_failure_streak = bounded(payload, "connection_failure_streak", kMostStreak);
  out.last_successful_connect_at = time_of(payload, "last_successful_connect_at");
  if (const auto age = count_of(payload.if_contains("current_session_age_seconds")))
    out.current_session_age_seconds = std::min(*age, kLongestSession);
  out.buffer_depth = bounded(payload, "buffer_depth", kMostCounted);
  if (const double age = json::number(payload, "buffer_oldest_age_seconds", -1);
      age >= 0 && std::isfinite(age))
    out.buffer_oldest_age_seconds = age;
  out.agent_version = json::text(payload, "agent_version").substr(0, 40);
  out.protocol_version = json::text(payload, "protocol_version").substr(0, 10);
  out.engines = texts_of(payload, "engines");
  out.schedulers = texts_of(payload, "schedulers");
  out.telemetry_loss = read_loss(payload);
  return out;
}

json::Object write_agent_status(const AgentStatus& s) {
  json::Object out{{"auth_failure_streak", s.auth_failure_streak},
                   {"protocol_failure_streak", s.protocol_failure_streak},
                   {"connection_failure_streak", s.connection_failure_streak},
                   {"last_successful_connect_at", time_or_null(s.last_successful_connect_at)},
                   {"current_session_age_seconds", value_or_null(s.current_session_age_seconds)},
                   {"buffer_depth", s.buffer_depth},
                   {"buffer_oldest_age_seconds", value_or_null(s.buffer_oldest_age_seconds)},
                   {"agent_version", s.agent_version},
                   {"protocol_version", s.protocol_version},
                   {"engines", array_of(s.engines)},
                   {"schedulers", array_of(s.schedulers)}};
  if (s.telemetry_loss) out["telemetry_loss"] = write_loss(*s.telemetry_loss);
  return out;
}

bool is_good_telemetry_loss(const json::Object& payload) {
  const json::Value* value = payload.if_contains("telemetry_loss");
  if (value == nullptr || value->is_null()) return true;
  const json::Object* loss = value->if_object();
  if (loss == nullptr) return false;
  for (const auto& member : *loss) {
    const std::string_view key(member.key().data(), member.key().size());
    if (key == "buffer_id" || key == "runtime_id") {
      if (!is_name(member.value())) return false;
    } else if (key == "adapter_events") {
      const json::Object* events = member.value().if_object();
      if (events == nullptr || events->size() > kMostAdapters) return false;
      for (const auto& adapter : *events) {
        if (!is_counter(adapter.value()) || !is_name(json::Value(adapter.key()))) return false;
      }
    } else if (key.ends_with("_frames") || key == "event_records" || key == "command_results") {
      if (!is_counter(member.value())) return false;
    }
  }
  return true;
}

}  // namespace z4j::wire
