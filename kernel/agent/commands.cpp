#include "agent/commands.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/json.hpp"
#include "wire/keys.hpp"
#include "wire/version.hpp"

namespace z4j::agent {
namespace {

namespace json = base::json;

wire::ActionResult failed(const base::Error& why) {
  wire::ActionResult result;
  result.error = std::string(base::to_string(why.code)) + ": " + why.message;
  return result;
}

wire::ActionResult failed(base::Code code, std::string why) {
  return failed(base::Error{.code = code, .message = std::move(why), .where = {}, .hint = {}});
}

// Messages in the queue; nothing when the engine does not show it.
std::optional<std::int64_t> depth_in(const base::Result<std::string>& answer,
                                     const std::string& queue) {
  const auto value = answer ? json::parse(*answer) : base::Result<json::Value>(answer.error());
  const json::Array* items =
      value && value->is_object() ? json::array(value->get_object(), "items") : nullptr;
  if (items == nullptr) return std::nullopt;
  for (const json::Value& item : *items) {
    if (item.is_object() && json::text(item.get_object(), "name") == queue)
      return json::integer(item.get_object(), "pending");
  }
  return std::nullopt;
}

std::string_view reconciled(std::string_view state) {
  if (state == "received" || state == "retry") return "pending";
  for (const std::string_view same : {"pending", "started", "success", "failure"}) {
    if (state == same) return state;
  }
  return "unknown";
}

}  // namespace

void Commands::run(const wire::Action& action, Done done) {
  const int deadline_ms = std::clamp(action.timeout_seconds, 1, wire::kMaxCommandSeconds) * 1000;
  if (action.action == "reconcile_task") return reconcile(action, deadline_ms, std::move(done));
  if (action.action == "schedule.resync") {
    wire::ActionResult none;  // there are no schedulers here
    none.success = true;
    none.result = json::Object{{"schedulers_drained", 0}};
    return done(none);
  }
  const auto call = wire::to_call(action, clock_.now());
  if (!call) return done(failed(call.error()));
  if (call->verb == Z4J_ENGINE_PURGE) return purge(action, *call, deadline_ms, std::move(done));
  this->call(*call, deadline_ms, std::move(done));
}

void Commands::call(const wire::EngineCall& call, int deadline_ms, Done done) {
  engines_.command(call.engine, call.verb, call.target, json::write(call.args), deadline_ms,
                   [call, done = std::move(done)](base::Result<std::string> answer) {
                     done(wire::action_result(call, answer));
                   });
}

// A purge of many messages must say how many: who asks has looked, and nothing has changed since.
void Commands::purge(const wire::Action& action, const wire::EngineCall& call, int deadline_ms,
                     Done done) {
  const std::string given(json::text(action.parameters, "confirm_token"));
  const auto judge = [this, call, given, deadline_ms,
                      done = std::move(done)](base::Result<std::string> answer) {
    const auto depth = depth_in(answer, call.target);
    const auto confirms = [&](std::string_view version) {
      return base::equal_constant_time(
          given, wire::purge_token(call.target, *depth, options_.key, version));
    };
    if (json::boolean(call.args, "force") || (depth && *depth <= options_.purge_threshold) ||
        (depth && confirms(wire::kUpstreamLevel)) ||
        (depth && options_.accept_legacy_purge_token && confirms("1.6.0")))
      return this->call(call, deadline_ms, done);
    if (!answer) return done(failed(answer.error()));
    done(failed(base::Code::denied,
                "queue " + call.target + " holds " +
                    (depth ? std::to_string(*depth) : std::string("an unknown number of")) +
                    " messages and the command does not confirm that many"));
  };
  engines_.snapshot(call.engine, "queues", R"({"limit":500})", deadline_ms, judge);
}

void Commands::reconcile(const wire::Action& action, int deadline_ms, Done done) {
  std::string engine(json::text(action.parameters, "engine"));
  if (engine.empty()) engine = std::string(json::text(action.target, "engine"));
  const std::string task(json::text(action.parameters, "task_id"));
  const json::Object page{{"limit", 1}, {"task_ids", json::Array{json::Value(task)}}};
  engines_.snapshot(engine, "state", json::write(page), deadline_ms,
                    [task, done = std::move(done)](base::Result<std::string> answer) {
                      if (!answer) return done(failed(answer.error()));
                      const auto value = json::parse(*answer);
                      const json::Array* items = value && value->is_object()
                                                     ? json::array(value->get_object(), "items")
                                                     : nullptr;
                      if (items == nullptr)
                        return done(failed(base::Code::internal, "no answer of the engine"));
                      wire::ActionResult result;
                      result.success = true;
                      result.result = json::Object{{"task_id", task},
                                                   {"engine_state", "unknown"},
                                                   {"finished_at", nullptr},
                                                   {"exception", nullptr}};
                      for (const json::Value& item : *items) {
                        if (!item.is_object() || json::text(item.get_object(), "task_id") != task)
                          continue;
                        const json::Object& known = item.get_object();
                        (*result.result)["engine_state"] = reconciled(json::text(known, "state"));
                        (*result.result)["exception"] =
                            json::text_or_null(json::text(known, "exception").substr(0, 500));
                        const double at = json::number(known, "finished_at");
                        if (at > 0 && at < 1e11)
                          (*result.result)["finished_at"] = base::format_time(
                              static_cast<base::TimeUs>(at * 1e6), base::TimeForm::audit);
                      }
                      done(result);
                    });
}

}  // namespace z4j::agent
