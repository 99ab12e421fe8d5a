#include "script.hpp"

#include <chrono>

namespace z4j::testing {
namespace {

struct Word {
  std::string_view name;
  std::uint64_t value;
};
constexpr Word kVerbs[] = {{"ENQUEUE", Z4J_ENGINE_ENQUEUE}, {"RETRY", Z4J_ENGINE_RETRY},
                           {"REVOKE", Z4J_ENGINE_REVOKE},   {"TERMINATE", Z4J_ENGINE_TERMINATE},
                           {"PURGE", Z4J_ENGINE_PURGE},     {"POOL", Z4J_ENGINE_POOL},
                           {"RATE", Z4J_ENGINE_RATE},       {"PAUSE", Z4J_ENGINE_PAUSE}};
constexpr Word kKinds[] = {{"unknown", Z4J_EV_UNKNOWN},        {"sent", Z4J_EV_SENT},
                           {"received", Z4J_EV_RECEIVED},      {"started", Z4J_EV_STARTED},
                           {"succeeded", Z4J_EV_SUCCEEDED},    {"failed", Z4J_EV_FAILED},
                           {"retried", Z4J_EV_RETRIED},        {"revoked", Z4J_EV_REVOKED},
                           {"rejected", Z4J_EV_REJECTED},      {"progress", Z4J_EV_PROGRESS},
                           {"worker_up", Z4J_EV_WORKER_UP},    {"worker_beat", Z4J_EV_WORKER_BEAT},
                           {"worker_down", Z4J_EV_WORKER_DOWN}};

Reply parse_reply(const json::Object& o) {
  Reply r;
  if (const json::Value* answer = o.if_contains("answer")) r.answer = json::write(*answer);
  r.status = static_cast<z4j_status>(json::integer(o, "status", Z4J_OK));
  r.message = json::text(o, "message");
  r.retry_after_ms = static_cast<std::uint32_t>(json::integer(o, "retry_after_ms"));
  r.after_ms = json::integer(o, "after_ms", -1);
  r.times = json::integer(o, "times", 1);
  r.blocks_ms = json::integer(o, "blocks_ms");
  r.never = json::boolean(o, "never");
  r.until_cancelled = json::boolean(o, "until_cancelled");
  r.throws = json::boolean(o, "throws");
  r.crashes = json::boolean(o, "crashes");
  r.leaks_mib = json::integer(o, "leaks_mib");
  return r;
}

std::uint16_t kind_of(const json::Object& event) {
  const std::string_view name = json::text(event, "kind");
  for (const Word& kind : kKinds) {
    if (kind.name == name) return static_cast<std::uint16_t>(kind.value);
  }
  return static_cast<std::uint16_t>(json::integer(event, "kind"));
}

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Reply reply_for(const json::Object& calls, std::string_view function, std::string_view verb,
                std::string_view target) {
  const std::string short_name(function), middle = short_name + "/" + std::string(verb);
  for (const std::string& name : {middle + "/" + std::string(target), middle, short_name}) {
    if (const json::Object* reply = json::object(calls, name)) return parse_reply(*reply);
  }
  return {};
}

std::string_view verb_name(std::uint64_t verb) noexcept {
  for (const Word& word : kVerbs) {
    if (word.value == verb) return word.name;
  }
  return "UNKNOWN";
}

void add_event(BatchBuilder& batch, const json::Object& event) {
  batch.begin_row(json::integer(event, "time_us", now_us()), kind_of(event));
  batch.engine("test");
  batch.task_id(json::text(event, "task_id"));
  batch.task(json::text(event, "task"));
  batch.queue(json::text(event, "queue"));
  batch.worker(json::text(event, "worker"));
  batch.parent_id(json::text(event, "parent_id"));
  batch.root_id(json::text(event, "root_id"));
  batch.attempt(static_cast<std::uint32_t>(json::integer(event, "attempt")));
  batch.runtime_us(json::integer(event, "runtime_us", -1));
  if (const std::string_view id = json::text(event, "event_id"); id.size() == 16) {
    std::uint8_t bytes[16];
    std::memcpy(bytes, id.data(), sizeof bytes);
    batch.event_id(bytes);
  }
  if (const json::Object* attrs = json::object(event, "attrs"))
    batch.attrs_json(json::write(*attrs));
}

}  // namespace z4j::testing
