#include "src/worker_facts.hpp"

#include "lib/celery/message.hpp"
#include "lib/text/text.hpp"

#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr std::size_t kMaxListed = 5000;

}  // namespace

std::vector<std::string> WorkerAnswer::queues() const {
  std::vector<std::string> out;
  for (const json::Value& q : active_queues) {
    const json::Object* o = q.if_object();
    if (o != nullptr && out.size() < kMaxListed)
      out.push_back(text::clean(json::text(*o, "name"), celery::kMaxNameBytes));
  }
  return out;
}

std::vector<std::string> WorkerAnswer::tasks() const {
  std::vector<std::string> out;
  for (const json::Value& t : registered) {
    const json::String* name = t.if_string();
    if (name == nullptr || out.size() >= kMaxListed) continue;
    // "name [rate_limit=10/m]"
    const std::string_view whole(name->data(), name->size());
    out.push_back(text::clean(whole.substr(0, whole.find(" [")), celery::kMaxNameBytes));
  }
  return out;
}

const std::map<std::string, WorkerAnswer>& WorkerFacts::get(Lines& lines, Shared& shared,
                                                            int max_age_ms) {
  const std::int64_t now = now_us();
  if (asked_us_ != 0 && now - asked_us_ <= std::int64_t{max_age_ms} * 1000) return answers_;
  const std::vector<celery::Control::Call> calls = {
      {"stats", {}}, {"active", {{"safe", true}}}, {"active_queues", {}}, {"registered", {}}};
  const celery::Control::Asked asked = lines.control.ask(calls, {}, shared.fleet.live(), kAskMs,
                                                         [&] { return !shared.gate.stopping(); });
  std::map<std::string, WorkerAnswer> answers;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const celery::Reply& reply : asked.replies[i]) {
      json::Value value = json::parse(reply.value, celery::kMaxMessageBytes);
      WorkerAnswer& a = answers[reply.worker];
      json::Object* o = value.if_object();
      json::Array* list = value.if_array();
      if (i == 0 && o != nullptr) a.stats = std::move(*o);
      if (i == 1 && list != nullptr) a.active = std::move(*list);
      if (i == 2 && list != nullptr) a.active_queues = std::move(*list);
      if (i == 3 && list != nullptr) a.registered = std::move(*list);
    }
  }
  for (const auto& [name, answer] : answers) {
    shared.fleet.answered(name);
    for (const std::string& queue : answer.queues()) shared.observed.add_queue(queue);
  }
  answers_ = std::move(answers);
  asked_us_ = now;
  return answers_;
}

}  // namespace z4j::engine_celery
