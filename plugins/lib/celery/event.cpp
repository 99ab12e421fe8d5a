#include "lib/celery/event.hpp"

#include "lib/celery/message.hpp"
#include "lib/json/json.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace z4j::celery {
namespace {

constexpr std::size_t kMaxEventsPerMessage = 10'000;

struct Kind {
  std::string_view type;
  std::uint16_t kind;
};
constexpr Kind kKinds[] = {{"task-sent", Z4J_EV_SENT},
                           {"task-received", Z4J_EV_RECEIVED},
                           {"task-started", Z4J_EV_STARTED},
                           {"task-succeeded", Z4J_EV_SUCCEEDED},
                           {"task-failed", Z4J_EV_FAILED},
                           {"task-retried", Z4J_EV_RETRIED},
                           {"task-revoked", Z4J_EV_REVOKED},
                           {"task-rejected", Z4J_EV_REJECTED},
                           {"worker-online", Z4J_EV_WORKER_UP},
                           {"worker-heartbeat", Z4J_EV_WORKER_BEAT},
                           {"worker-offline", Z4J_EV_WORKER_DOWN}};

// Two FNV-1a sums over the same text with different starts: the same event seen twice has one id.
void identify(std::string_view text, std::uint8_t (&id)[16]) {
  std::uint64_t sums[2] = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};
  for (std::uint64_t& sum : sums) {
    for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  for (std::size_t i = 0; i < 16; ++i)
    id[i] = static_cast<std::uint8_t>(sums[i / 8] >> (8 * (i % 8)));
}

std::int64_t time_of(const json::Object& o, std::int64_t now_us) {
  const double t = json::number(o, "timestamp", -1);
  return t > 0 && t < 1e11 ? static_cast<std::int64_t>(std::llround(t * 1e6)) : now_us;
}

void put_repr(json::Object& attrs, const json::Object& o, const char* key, const char* flag) {
  const json::Value* v = o.if_contains(key);
  if (v == nullptr || v->is_null()) return;
  attrs[key] = *v;
  if (v->is_string()) attrs[flag] = true;
}

void put_time(json::Object& attrs, const json::Object& o, const char* key) {
  if (const auto us = text::parse_iso_time(json::text(o, key)))
    attrs[key] = static_cast<double>(*us) / 1e6;
}

void copy(json::Object& attrs, const json::Object& o, const char* key) {
  const json::Value* v = o.if_contains(key);
  if (v != nullptr && !v->is_null()) attrs[key] = *v;
}

void put_signal(json::Object& attrs, const json::Object& o) {
  const json::Value* v = o.if_contains("signum");
  if (v == nullptr || v->is_null()) return;
  attrs["signum"] = *v;
}

void read_task_event(const json::Object& o, std::string_view type, Event& e, json::Object& attrs) {
  e.task_id = name_in(o, "uuid");
  if (e.task_id.empty()) throw Error(Z4J_INVALID, "a task event without uuid");
  e.task = name_in(o, "name");
  e.root_id = name_in(o, "root_id");
  e.parent_id = name_in(o, "parent_id");
  e.queue = name_in(o, "queue");
  const std::string host = name_in(o, "hostname");
  // A producer is no worker.
  if (e.kind != Z4J_EV_SENT) e.worker = host;
  attrs["hostname"] = host;
  if (e.kind == Z4J_EV_SENT || e.kind == Z4J_EV_RECEIVED) {
    const std::int64_t retries =
        std::clamp<std::int64_t>(json::integer(o, "retries"), 0, 1'000'000);
    // No attempt number: starts and ends don't carry one, and the kernel orders by it before it
    // looks at times.
    attrs["retry_count"] = retries;
    put_repr(attrs, o, "args", "args_is_repr");
    put_repr(attrs, o, "kwargs", "kwargs_is_repr");
    put_time(attrs, o, "eta");
    put_time(attrs, o, "expires");
  } else if (e.kind == Z4J_EV_SUCCEEDED) {
    put_repr(attrs, o, "result", "result_is_repr");
    const double runtime = json::number(o, "runtime", -1);
    if (runtime >= 0 && runtime < 1e10)
      e.runtime_us = static_cast<std::int64_t>(std::llround(runtime * 1e6));
  } else if (e.kind == Z4J_EV_UNKNOWN) {
    attrs["type"] = text::clean(type, 200);
    for (const auto& [key, value] : o) {
      if (!attrs.contains(key) && key != "uuid" && key != "timestamp") attrs[key] = value;
    }
  }
  for (const char* key : {"exception", "traceback", "terminated", "expired"}) copy(attrs, o, key);
  put_signal(attrs, o);
  if (e.kind == Z4J_EV_REJECTED) attrs["reason"] = "rejected";
}

void read_worker_event(const json::Object& o, std::string_view type, Event& e,
                       json::Object& attrs) {
  Beat beat;
  beat.worker = name_in(o, "hostname");
  if (beat.worker.empty()) throw Error(Z4J_INVALID, "a worker event without hostname");
  beat.version = text::clean(json::text(o, "sw_ver"), 100);
  const double freq = json::number(o, "freq", 2);
  beat.freq = freq > 0 && freq < 86'400 ? freq : 2;
  beat.active = json::integer(o, "active");
  beat.processed = json::integer(o, "processed");
  beat.pid = json::integer(o, "pid");
  if (const json::Array* load = json::array(o, "loadavg"); load != nullptr && load->size() == 3) {
    for (const json::Value& v : *load)
      beat.load.push_back(v.is_number() ? v.to_number<double>() : 0);
  }
  e.worker = beat.worker;
  attrs["hostname"] = beat.worker;
  attrs["active_tasks"] = beat.active;
  attrs["processed"] = beat.processed;
  attrs["freq"] = beat.freq;
  attrs["version"] = beat.version;
  if (!beat.load.empty()) attrs["load_average"] = json::Array(beat.load.begin(), beat.load.end());
  identify(std::string(type) + "|" + e.worker + "|" + std::to_string(beat.pid) + "|" +
               std::to_string(e.time_us) + "|" + std::to_string(json::integer(o, "clock")),
           e.id);
  e.beat = std::move(beat);
}

// False for events that mean nothing to us.
bool read_one(const json::Value& value, std::int64_t now_us, Event& e) {
  const json::Object* o = value.if_object();
  if (o == nullptr) throw Error(Z4J_INVALID, "an event that is not an object");
  const std::string_view type = json::text(*o, "type");
  const Kind* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const Kind& k) { return k.type == type; });
  const bool about_task = type.starts_with("task-");
  if (type.empty()) throw Error(Z4J_INVALID, "an event without a type");
  if (kind == std::end(kKinds) && !about_task) return false;
  e.kind = kind != std::end(kKinds) ? kind->kind : std::uint16_t{Z4J_EV_UNKNOWN};
  // A message that was put back is delivered again: only one thrown away has come to its end.
  if (e.kind == Z4J_EV_REJECTED && json::boolean(*o, "requeue")) e.kind = Z4J_EV_UNKNOWN;
  e.time_us = time_of(*o, now_us);
  json::Object attrs;
  copy(attrs, *o, "pid");
  copy(attrs, *o, "clock");
  if (about_task) {
    read_task_event(*o, type, e, attrs);
  } else {
    read_worker_event(*o, type, e, attrs);
  }
  e.attrs_json = json::write(attrs);
  return true;
}

}  // namespace

std::size_t read_events(std::string_view message, std::int64_t now_us, std::vector<Event>& out) {
  const Envelope envelope = parse_envelope(message);
  const json::Value body = json::parse(envelope.body, kMaxMessageBytes);
  std::size_t unreadable = 0;
  const auto add = [&](const json::Value& value) {
    Event e;
    try {
      if (read_one(value, now_us, e)) out.push_back(std::move(e));
    } catch (const Error&) {
      ++unreadable;
    }
  };
  if (const json::Array* many = body.if_array()) {
    if (many->size() > kMaxEventsPerMessage)
      throw Error(Z4J_TOO_LARGE, "more than 10000 events in one message");
    for (const json::Value& value : *many) add(value);
  } else {
    add(body);
  }
  return unreadable;
}

}  // namespace z4j::celery
