#include "wire/action.hpp"

#include <z4j/abi.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "wire/keys.hpp"
#include "wire/text.hpp"
#include "wire/time.hpp"
#include "wire/version.hpp"

namespace z4j::wire {
namespace {

namespace json = base::json;

constexpr Version kKnowsDelivery{.major = 1, .minor = 8, .patch = 0};
constexpr std::size_t kIssuerBytes = 64, kErrorBytes = 8192, kNameBytes = 800;
constexpr std::int64_t kMostDelta = 100;
constexpr std::string_view kIndeterminate = "indeterminate";

struct NamedBits {
  std::string_view name;
  std::uint64_t bits;
};
constexpr std::array<NamedBits, 10> kCapabilities = {{{"add_consumer", Z4J_ENGINE_POOL},
                                                      {"bulk_retry", Z4J_ENGINE_RETRY},
                                                      {"cancel_consumer", Z4J_ENGINE_POOL},
                                                      {"cancel_task", Z4J_ENGINE_REVOKE},
                                                      {"pool_grow", Z4J_ENGINE_POOL},
                                                      {"pool_shrink", Z4J_ENGINE_POOL},
                                                      {"purge_queue", Z4J_ENGINE_PURGE},
                                                      {"rate_limit", Z4J_ENGINE_RATE},
                                                      {"restart_worker", Z4J_ENGINE_RESTART},
                                                      {"retry_task", Z4J_ENGINE_RETRY}}};
constexpr NamedBits kSubmit{"submit_task", Z4J_ENGINE_ENQUEUE};
constexpr std::array<NamedBits, 3> kOwnCapabilities = {{{"pause_queue", Z4J_ENGINE_PAUSE},
                                                        {kRetryByReference, Z4J_ENGINE_RETRY},
                                                        {"terminate_task", Z4J_ENGINE_TERMINATE}}};

// Actions that only a brain and an agent like ours know: the verb's own arguments as parameters.
struct OwnVerb {
  std::uint64_t verb;
  std::string_view action, target_type;
};
constexpr std::array<OwnVerb, 5> kOwnVerbs = {
    {{Z4J_ENGINE_SHUTDOWN, "shutdown_worker", "worker"},
     {Z4J_ENGINE_TIME_LIMIT, "time_limit", "task"},
     {Z4J_ENGINE_AUTOSCALE, "autoscale", "worker"},
     {Z4J_ENGINE_DEAD_LETTERS, "requeue_dead_letter", "task"},
     {Z4J_ENGINE_DELETE, "delete_task", "task"}}};

bool has(const Peer& peer, std::string_view capability) {
  return std::find(peer.capabilities.begin(), peer.capabilities.end(), capability) !=
         peer.capabilities.end();
}

json::Value member_or_null(const json::Object& o, std::string_view key) {
  const json::Value* value = o.if_contains(key);
  return value != nullptr ? *value : json::Value(nullptr);
}

// Moves what is not null under another name.
void pass(const json::Object& from, std::string_view key, json::Object& to, std::string_view as) {
  const json::Value* value = from.if_contains(key);
  if (value != nullptr && !value->is_null()) to[as] = *value;
}
void pass(const json::Object& from, std::string_view key, json::Object& to) {
  pass(from, key, to, key);
}

base::Error refuse(base::Code code, std::string_view where, std::string message,
                   std::string hint = {}) {
  return base::Error{.code = code,
                     .message = std::move(message),
                     .where = std::string(where),
                     .hint = std::move(hint)};
}

base::Error lacks(const EngineCall& call, std::string_view capability) {
  return refuse(
      base::Code::unsupported, "verb",
      "the agent's engine \"" + call.engine + "\" does not offer " + std::string(capability));
}

json::Object target_of(const EngineCall& call, std::string_view type, std::string id) {
  return {{"type", type}, {"id", std::move(id)}, {"engine", call.engine}};
}

// --- verb -> action
// -------------------------------------------------------------------------------

base::Result<Action> retry(const EngineCall& call, const Peer& peer, base::TimeUs now) {
  const bool is_native = has(peer, "retry_task");
  if (!is_native && !has(peer, kSubmit.name)) return lacks(call, "retry_task");
  const json::Array* args = json::array(call.args, "override_args");
  const json::Object* kwargs = json::object(call.args, "override_kwargs");
  // Without it an agent would run the task with what the brain recorded, which redaction may have
  // touched, or with nothing.
  if (!(is_native && has(peer, kRetryByReference)) && (args == nullptr || kwargs == nullptr)) {
    return refuse(
        base::Code::unsupported, "override_args",
        "agent version " + peer.agent_version + " cannot look up a task's original arguments",
        "give override_args and override_kwargs");
  }
  std::string_view name = json::text(call.args, "task_name");
  std::string_view priority = json::text(call.args, "priority");
  if (const json::Object* recorded = json::object(call.args, "recorded"); recorded != nullptr) {
    if (name.empty()) name = json::text(*recorded, "task_name");
    if (priority.empty()) priority = json::text(*recorded, "priority");
  }
  if (name.empty() && (!is_native || call.engine == "rq")) {
    return refuse(base::Code::unsupported, "task_name",
                  "the task's name is not known, and the agent needs it for a retry");
  }
  Action out;
  out.action = "retry_task";
  out.target = target_of(call, "task", call.engine + ":" + call.target);
  out.parameters = {{"engine", call.engine},
                    {"task_id", call.target},
                    {"task_name", json::text_or_null(name)},
                    {"args", nullptr},
                    {"kwargs", nullptr},
                    {"override_args", member_or_null(call.args, "override_args")},
                    {"override_kwargs", member_or_null(call.args, "override_kwargs")},
                    {"eta_seconds", nullptr},
                    {"eta", nullptr},
                    {"priority", json::text_or_null(priority)}};
  // Old agents read only the absolute time, the newest either.
  if (const std::int64_t delay = json::integer(call.args, "eta_seconds"); delay > 0) {
    out.parameters["eta_seconds"] = delay;
    out.parameters["eta"] = static_cast<double>(now) / static_cast<double>(base::kSecondUs) +
                            static_cast<double>(delay);
  }
  return out;
}

base::Result<Action> revoke(const EngineCall& call, const Peer& peer) {
  if (!has(peer, "cancel_task")) return lacks(call, "cancel_task");
  const bool terminates = json::boolean(call.args, "terminate");
  if (terminates && !has(peer, "terminate_task")) return lacks(call, "terminate");
  Action out;
  out.action = "cancel_task";
  out.target = target_of(call, "task", call.engine + ":" + call.target);
  out.parameters = {{"engine", call.engine}, {"task_id", call.target}};
  if (has(peer, "terminate_task")) {
    out.parameters["terminate"] = terminates;
    for (const std::string_view key : {"signal", "queue", "worker"}) {
      if (const json::Value* value = call.args.if_contains(key)) out.parameters[key] = *value;
    }
  }
  return out;
}

base::Result<Action> purge(const EngineCall& call, const Peer& peer) {
  if (!has(peer, "purge_queue")) return lacks(call, "purge_queue");
  std::string token(json::text(call.args, "confirm_token"));
  if (token.empty() && peer.queue_depth)
    token = purge_token(call.target, *peer.queue_depth, peer.secret, peer.agent_version);
  Action out;
  out.action = "purge_queue";
  out.target = target_of(call, "queue", call.target);
  out.parameters = {{"queue", call.target},
                    {"confirm_token", json::text_or_null(token)},
                    {"force", json::boolean(call.args, "force")}};
  return out;
}

base::Result<Action> pool(const EngineCall& call, const Peer& peer) {
  Action out;
  out.target = target_of(call, "worker", call.target);
  out.parameters = {{"worker_name", call.target}};
  const std::string_view adds = json::text(call.args, "add_consumer");
  const std::string_view cancels = json::text(call.args, "cancel_consumer");
  if (!adds.empty() || !cancels.empty()) {
    out.action = adds.empty() ? "cancel_consumer" : "add_consumer";
    out.parameters["queue"] = adds.empty() ? cancels : adds;
  } else {
    const std::int64_t delta = json::integer(call.args, "delta");
    if (delta == 0 || delta > kMostDelta || delta < -kMostDelta) {
      return refuse(base::Code::invalid, "delta",
                    "delta must be -100 to 100 and not 0, or add_consumer or cancel_consumer "
                    "must name a queue");
    }
    out.action = delta > 0 ? "pool_grow" : "pool_shrink";
    out.parameters["delta"] = delta > 0 ? delta : -delta;
  }
  if (!has(peer, out.action)) return lacks(call, out.action);
  return out;
}

base::Result<Action> rate(const EngineCall& call, const Peer& peer) {
  if (!has(peer, "rate_limit")) return lacks(call, "rate_limit");
  const std::string_view text = json::text(call.args, "rate");
  if (!is_rate(text)) {
    return refuse(base::Code::invalid, "rate",
                  "rate must be 0, or a number with /s, /m, /h or nothing behind it");
  }
  Action out;
  out.action = "rate_limit";
  out.target = target_of(call, "task", call.target);
  out.parameters = {{"task_name", call.target},
                    {"rate", text},
                    {"worker_name", json::text_or_null(json::text(call.args, "worker"))}};
  return out;
}

base::Result<Action> restart(const EngineCall& call, const Peer& peer) {
  if (!has(peer, "restart_worker")) return lacks(call, "restart_worker");
  Action out;
  out.action = "restart_worker";
  out.target = target_of(call, "worker", call.target);
  out.parameters = {{"worker_name", call.target}};
  return out;
}

base::Result<Action> submit(const EngineCall& call, const Peer& peer) {
  if (!has(peer, kSubmit.name)) return lacks(call, kSubmit.name);
  Action out;
  out.action = kSubmit.name;
  out.target = target_of(call, "task", call.target);
  out.parameters = {{"name", call.target},
                    {"args", member_or_null(call.args, "args")},
                    {"kwargs", member_or_null(call.args, "kwargs")},
                    {"queue", member_or_null(call.args, "queue")},
                    {"eta", member_or_null(call.args, "eta_seconds")},  // here: seconds from now
                    {"priority", member_or_null(call.args, "priority")}};
  if (const json::Value* id = call.args.if_contains("task_id")) out.parameters["task_id"] = *id;
  if (has(peer, kRetryByReference)) {  // an agent like ours; others know no such parameter
    pass(call.args, "headers", out.parameters);
    pass(call.args, "periodic_task_name", out.parameters);
  }
  return out;
}

base::Result<Action> pause(const EngineCall& call, const Peer& peer) {
  if (!has(peer, "pause_queue")) return lacks(call, "pause_queue");
  Action out;
  out.action = "pause_queue";
  out.target = target_of(call, "queue", call.target);
  out.parameters = {{"queue", call.target},
                    {"pause", json::boolean(call.args, "pause")},
                    {"seconds", member_or_null(call.args, "seconds")}};
  return out;
}

// --- action -> verb
// -------------------------------------------------------------------------------

// The id of "engine:id", or the whole.
std::string_view bare_id(std::string_view id, std::string_view engine) {
  if (!engine.empty() && id.size() > engine.size() + 1 && id.starts_with(engine) &&
      id[engine.size()] == ':')
    id.remove_prefix(engine.size() + 1);
  return id;
}

void read_retry(const json::Object& p, EngineCall& call, base::TimeUs now) {
  call.verb = Z4J_ENGINE_RETRY;
  pass(p, "task_name", call.args);
  pass(p, "override_args", call.args);
  pass(p, "override_kwargs", call.args);
  pass(p, "priority", call.args);
  std::int64_t delay = json::integer(p, "eta_seconds");
  const double eta = json::number(p, "eta");
  if (delay == 0 && eta > 0 && eta < 2.5e11)
    delay = std::llround(eta - static_cast<double>(now) / static_cast<double>(base::kSecondUs));
  if (delay > 0) call.args["eta_seconds"] = delay;
}

bool read_worker_action(std::string_view action, const json::Object& p, EngineCall& call) {
  if (action == "pool_grow" || action == "pool_shrink") {
    const std::int64_t delta = std::clamp<std::int64_t>(json::integer(p, "delta"), 0, kMostDelta);
    call.args["delta"] = action == "pool_grow" ? delta : -delta;
  } else if (action == "add_consumer" || action == "cancel_consumer") {
    pass(p, "queue", call.args, action);
  } else {
    return false;
  }
  call.verb = Z4J_ENGINE_POOL;
  return true;
}

// --- results
// --------------------------------------------------------------------------------------

std::string outcome_json(std::string_view outcome, std::string_view reason,
                         json::Object more = {}) {
  more["outcome"] = outcome;
  if (!reason.empty()) more["reason"] = reason;
  return json::write(more);
}

// Of a result, what may be shown: no containers, whose size and depth nobody has bounded.
json::Object plain_members(const json::Object& result) {
  json::Object plain;
  for (const auto& member : result) {
    const json::Value& value = member.value();
    if (plain.size() < 32 && !value.is_structured() && text_of(value).size() <= kErrorBytes)
      plain[member.key()] = value;
  }
  return plain;
}

bool is_outcome(std::string_view word) {
  return word == "done" || word == "sent" || word == "refused" || word == "unknown";
}

// After these nobody knows how far the agent came.
bool is_vague(std::string_view error) {
  return error.starts_with("internal error") || error.find("timed out") != std::string_view::npos ||
         error.find("timeout") != std::string_view::npos;
}

// Control messages go to workers that nobody waits for.
bool is_broadcast(std::string_view action, const json::Object& result) {
  return action == "rate_limit" || action == "restart_worker" || action.starts_with("pool_") ||
         action.ends_with("_consumer") ||
         (action == "cancel_task" && result.contains("terminated"));
}

ActionResult failed(std::string_view outcome, std::string_view error, json::Object result) {
  ActionResult out;
  result["outcome"] = outcome;
  if (outcome == "unknown") result[kIndeterminate] = true;
  out.result = std::move(result);
  out.error = std::string(cut_utf8(error, kErrorBytes));
  return out;
}

// Members that an upstream brain looks for.
void add_upstream_members(const EngineCall& call, json::Object& result) {
  const auto fill = [&result](std::string_view key, json::Value value) {
    if (!result.contains(key)) result[key] = std::move(value);
  };
  switch (call.verb) {
    case Z4J_ENGINE_RETRY:
      fill("task_id", json::Value(json::text(result, "new_task_id")));
      fill("previous_task_id", json::Value(call.target));
      break;
    case Z4J_ENGINE_ENQUEUE:
      fill("task_id", json::Value(json::text(result, "new_task_id")));
      fill("engine", json::Value(call.engine));
      break;
    case Z4J_ENGINE_REVOKE:
      fill("task_id", json::Value(call.target));
      fill("terminated", json::Value(json::boolean(call.args, "terminate")));
      break;
    case Z4J_ENGINE_PURGE:
      fill("queue", json::Value(call.target));
      fill("purged", json::Value(json::integer(result, "removed")));
      break;
    default:
      fill("worker", json::Value(call.target));
  }
}

}  // namespace

std::vector<std::string_view> capability_names(std::uint64_t bits) {
  std::vector<std::string_view> names;
  for (const NamedBits& c : kCapabilities) {
    if ((bits & c.bits) != 0) names.push_back(c.name);
  }
  if ((bits & kSubmit.bits) != 0) names.push_back(kSubmit.name);
  return names;
}

std::vector<std::string_view> own_capability_names(std::uint64_t bits) {
  std::vector<std::string_view> names = capability_names(bits);
  for (const NamedBits& c : kOwnCapabilities) {
    if ((bits & c.bits) != 0) names.push_back(c.name);
  }
  for (const OwnVerb& own : kOwnVerbs) {
    if ((bits & own.verb) != 0) names.push_back(own.action);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::uint64_t capability_bits(const std::vector<std::string>& names) noexcept {
  std::uint64_t bits = 0;
  for (const std::string& name : names) {
    if (name == kSubmit.name) bits |= kSubmit.bits | Z4J_ENGINE_RETRY;
    for (const NamedBits& c : kCapabilities) {
      if (name == c.name) bits |= c.bits;
    }
    for (const NamedBits& c : kOwnCapabilities) {
      if (name == c.name && name != kRetryByReference) bits |= c.bits;
    }
    for (const OwnVerb& own : kOwnVerbs) {
      if (name == own.action) bits |= own.verb;
    }
  }
  return bits;
}

bool is_rate(std::string_view text) noexcept {
  if (text == "0") return true;
  if (text.size() >= 2 && text[text.size() - 2] == '/') {
    const char unit = text.back();
    if (unit != 's' && unit != 'm' && unit != 'h') return false;
    text.remove_suffix(2);
  }
  return !text.empty() && text.size() <= 9 && text.front() != '0' &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

base::Result<Action> to_action(const EngineCall& call, const Peer& peer, base::TimeUs now) {
  switch (call.verb) {
    case Z4J_ENGINE_RETRY:
      return retry(call, peer, now);
    case Z4J_ENGINE_REVOKE:
      return revoke(call, peer);
    case Z4J_ENGINE_PURGE:
      return purge(call, peer);
    case Z4J_ENGINE_POOL:
      return pool(call, peer);
    case Z4J_ENGINE_RATE:
      return rate(call, peer);
    case Z4J_ENGINE_RESTART:
      return restart(call, peer);
    case Z4J_ENGINE_ENQUEUE:
      return submit(call, peer);
    case Z4J_ENGINE_PAUSE:
      return pause(call, peer);
    default:
      break;
  }
  for (const OwnVerb& own : kOwnVerbs) {
    if (own.verb != call.verb) continue;
    if (!has(peer, own.action)) return lacks(call, own.action);
    Action out;
    out.action = own.action;
    out.target = target_of(call, own.target_type, call.target);
    out.parameters = call.args;
    // Upstream's RQ agents read it from here.
    if (call.verb == Z4J_ENGINE_DEAD_LETTERS) out.parameters["task_id"] = call.target;
    return out;
  }
  return lacks(call, "this verb");
}

base::Result<EngineCall> to_call(const Action& action, base::TimeUs now) {
  const json::Object& p = action.parameters;
  EngineCall call;
  call.engine = json::text(action.target, "engine", json::text(p, "engine"));
  const std::string_view id = json::text(action.target, "id");
  if (action.action == "retry_task") {
    call.target = json::text(p, "task_id", bare_id(id, call.engine));
    read_retry(p, call, now);
  } else if (action.action == "cancel_task") {
    call.verb = Z4J_ENGINE_REVOKE;
    call.target = json::text(p, "task_id", bare_id(id, call.engine));
    call.args["terminate"] = json::boolean(p, "terminate");
    for (const std::string_view key : {"signal", "queue", "worker"}) pass(p, key, call.args);
  } else if (action.action == "purge_queue") {
    call.verb = Z4J_ENGINE_PURGE;
    call.target = json::text(p, "queue", id);
    call.args["force"] = json::boolean(p, "force");
    pass(p, "confirm_token", call.args);
  } else if (action.action == "rate_limit") {
    call.verb = Z4J_ENGINE_RATE;
    call.target = json::text(p, "task_name", id);
    call.args["rate"] = json::text(p, "rate");
    pass(p, "worker_name", call.args, "worker");
    if (!is_rate(json::text(p, "rate")))
      return refuse(base::Code::invalid, "rate", "rate must be 0, or a number with /s, /m or /h");
  } else if (action.action == "restart_worker") {
    call.verb = Z4J_ENGINE_RESTART;
    call.target = json::text(p, "worker_name", id);
  } else if (action.action == kSubmit.name) {
    call.verb = kSubmit.bits;
    call.target = json::text(p, "name", id);
    for (const std::string_view key :
         {"args", "kwargs", "queue", "priority", "task_id", "headers", "periodic_task_name"})
      pass(p, key, call.args);
    pass(p, "eta", call.args, "eta_seconds");
  } else if (action.action == "pause_queue") {
    call.verb = Z4J_ENGINE_PAUSE;
    call.target = json::text(p, "queue", id);
    call.args["pause"] = json::boolean(p, "pause");
    pass(p, "seconds", call.args);
  } else if (read_worker_action(action.action, p, call)) {
    call.target = json::text(p, "worker_name", id);
  } else if (const auto own = std::find_if(
                 kOwnVerbs.begin(), kOwnVerbs.end(),
                 [&action](const OwnVerb& verb) { return verb.action == action.action; });
             own != kOwnVerbs.end()) {
    call.verb = own->verb;
    call.target = id;
    call.args = p;
    call.args.erase("task_id");
  } else {
    return refuse(
        base::Code::unsupported, "action",
        "action " + json::write(json::Value(cut_utf8(action.action, 80))) + " is not known here");
  }
  if (call.target.size() > kNameBytes || (call.target.empty() && call.verb != Z4J_ENGINE_PAUSE)) {
    return refuse(base::Code::invalid, "target",
                  "the command names no target, or one of more than 800 bytes");
  }
  return call;
}

json::Object command_payload(const Action& action, std::string_view agent_version) {
  json::Object out{{"action", action.action},
                   {"target", action.target},
                   {"parameters", action.parameters},
                   {"timeout_seconds", std::clamp(action.timeout_seconds, 1, kMaxCommandSeconds)},
                   {"issued_by", json::text_or_null(cut_utf8(action.issued_by, kIssuerBytes))}};
  if (!action.delivery_token.empty() && is_at_least(agent_version, kKnowsDelivery))
    out["delivery_claim_token"] = action.delivery_token;
  return out;
}

Action read_command(const json::Object& payload) {
  Action out;
  out.action = json::text(payload, "action");
  if (const json::Object* target = json::object(payload, "target")) out.target = *target;
  if (const json::Object* parameters = json::object(payload, "parameters"))
    out.parameters = *parameters;
  out.timeout_seconds = static_cast<int>(std::clamp<std::int64_t>(
      json::integer(payload, "timeout_seconds", out.timeout_seconds), 1, kMaxCommandSeconds));
  out.issued_by = json::text(payload, "issued_by");
  out.delivery_token = json::text(payload, "delivery_claim_token").substr(0, kIssuerBytes);
  return out;
}

ActionResult read_result(const json::Object& payload) {
  ActionResult out;
  out.success = json::text(payload, "status") == "success";
  if (const json::Object* result = json::object(payload, "result")) out.result = *result;
  out.error = std::string(cut_utf8(json::text(payload, "error"), kErrorBytes));
  out.delivery_token = json::text(payload, "delivery_claim_token").substr(0, kIssuerBytes);
  return out;
}

json::Object result_payload(const ActionResult& result) {
  json::Object out{{"status", result.success ? "success" : "failed"},
                   {"result", result.result ? json::Value(*result.result) : json::Value(nullptr)},
                   {"error", json::text_or_null(cut_utf8(result.error, kErrorBytes))}};
  if (!result.delivery_token.empty()) out["delivery_claim_token"] = result.delivery_token;
  return out;
}

std::string engine_answer(std::string_view action, const ActionResult& result) {
  const json::Object none;
  const json::Object& told = result.result ? *result.result : none;
  if (const std::string_view word = json::text(told, "outcome"); is_outcome(word))
    return json::write(told);
  json::Object more = plain_members(told);
  more.erase(kIndeterminate);
  if (json::boolean(told, kIndeterminate))
    return outcome_json("unknown", result.error, std::move(more));
  if (!result.success) {
    const std::string_view error =
        result.error.empty() ? std::string_view("agent reported failure") : result.error;
    return outcome_json(is_vague(error) ? "unknown" : "refused", error, std::move(more));
  }
  if (json::boolean(told, "noop")) {
    return outcome_json("refused", json::text(told, "reason", "nothing to do"), std::move(more));
  }
  if (action == "retry_task" || action == kSubmit.name) {
    const std::string_view id = json::text(told, "new_task_id", json::text(told, "task_id"));
    if (!id.empty()) more["new_task_id"] = id;
  } else if (action == "purge_queue") {
    more["removed"] = json::integer(told, "purged");
  }
  return outcome_json(is_broadcast(action, told) ? "sent" : "done", {}, std::move(more));
}

ActionResult action_result(const EngineCall& call, const base::Result<std::string>& answer) {
  if (!answer) {
    const base::Error& e = answer.error();
    const bool may_have_happened = e.code == base::Code::unknown || e.code == base::Code::timeout ||
                                   static_cast<int>(e.code) >= 300;
    return failed(may_have_happened ? "unknown" : "refused",
                  std::string(base::to_string(e.code)) + ": " + e.text(),
                  {{"reason", cut_utf8(e.text(), kErrorBytes)}});
  }
  auto parsed = json::parse(*answer, {.max_bytes = std::size_t{1} << 20, .max_depth = 32});
  if (!parsed || !parsed->is_object())
    return failed("unknown", "internal error: the engine's answer was not a JSON object", {});
  json::Object result = std::move(parsed->get_object());
  const std::string outcome(json::text(result, "outcome"));
  const std::string reason(json::text(result, "reason"));
  if (outcome == "done" || outcome == "sent") {
    add_upstream_members(call, result);
    ActionResult out;
    out.success = true;
    out.result = std::move(result);
    return out;
  }
  if (outcome == "refused") return failed(outcome, "refused: " + reason, std::move(result));
  return failed("unknown", "outcome unknown: " + reason, std::move(result));
}

Action reconcile_action(std::string_view engine, std::string_view task_id) {
  Action out;
  out.action = "reconcile_task";
  out.target = {{"type", "task"}, {"id", task_id}, {"engine", engine}};
  out.parameters = {{"task_id", task_id}, {"engine", engine}};
  return out;
}

std::optional<json::Object> state_item(std::string_view task_id, const ActionResult& result) {
  if (!result.success || !result.result) return std::nullopt;
  const std::string_view state = json::text(*result.result, "engine_state", "unknown");
  json::Object item{{"task_id", task_id}, {"state", state}, {"evidence", "asked its agent"}};
  if (const auto at = read_time(json::text(*result.result, "finished_at")))
    item["finished_at"] = static_cast<double>(at->at) / static_cast<double>(base::kSecondUs);
  if (const std::string_view text = json::text(*result.result, "exception"); !text.empty())
    item["exception"] = cut_utf8(text, kErrorBytes);
  return item;
}

ActionResult reconcile_result(const json::Object& state_item) {
  // States that the protocol has no word for are on their way.
  std::string_view state = json::text(state_item, "state", "unknown");
  if (state == "received" || state == "retry") state = "pending";
  if (state == "revoked") state = "failure";
  ActionResult out;
  out.success = true;
  json::Object result{{"task_id", json::text(state_item, "task_id")},
                      {"engine_state", state},
                      {"finished_at", nullptr},
                      {"exception", json::text_or_null(json::text(state_item, "exception"))}};
  if (const double at = json::number(state_item, "finished_at"); at > 0 && at < 2.5e11) {
    result["finished_at"] = base::format_time(
        static_cast<base::TimeUs>(std::llround(at * static_cast<double>(base::kSecondUs))),
        base::TimeForm::audit);
  }
  out.result = std::move(result);
  return out;
}

}  // namespace z4j::wire
