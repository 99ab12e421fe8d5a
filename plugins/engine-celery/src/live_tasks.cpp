#include "src/live_tasks.hpp"

#include "lib/celery/message.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/text/text.hpp"

#include <cmath>
#include <set>
#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr std::size_t kMaxTasks = 50'000;

std::string name_in(const json::Object& o, std::string_view key) {
  return text::clean(json::text(o, key), celery::kMaxNameBytes);
}

std::optional<LiveTask> read_request(std::string_view raw, LiveTask::Where where,
                                     const std::string& worker) {
  const json::Value value = json::parse(raw, celery::kMaxMessageBytes);
  const json::Object* o = value.if_object();
  if (o == nullptr) return std::nullopt;
  LiveTask t;
  t.where = where;
  t.worker = worker;
  t.id = name_in(*o, "id");
  t.task = name_in(*o, "name");
  if (t.id.empty()) return std::nullopt;
  t.args = celery::raw_member(raw, "args").value_or("");
  t.kwargs = celery::raw_member(raw, "kwargs").value_or("");
  const double started = json::number(*o, "time_start", 0);
  if (started > 1e9 && started < 1e11)
    t.started_us = static_cast<std::int64_t>(std::llround(started * 1e6));
  if (const json::Object* info = json::object(*o, "delivery_info")) {
    t.queue = name_in(*info, "routing_key");
    t.priority = static_cast<int>(
        std::min<std::int64_t>(255, std::max<std::int64_t>(0, json::integer(*info, "priority"))));
  }
  return t;
}

void read_list(const celery::Reply& reply, LiveTask::Where where, std::vector<LiveTask>& out) {
  for (const std::string_view item : celery::raw_items(reply.value)) {
    if (out.size() >= kMaxTasks) return;
    std::string_view request = item;
    std::optional<std::int64_t> eta;
    if (where == LiveTask::Where::scheduled) {
      const auto inner = celery::raw_member(item, "request");
      if (!inner) continue;
      request = *inner;
      const json::Value entry = json::parse(item, celery::kMaxMessageBytes);
      eta = text::parse_iso_time(json::text(entry.get_object(), "eta"));
    }
    if (std::optional<LiveTask> t = read_request(request, where, reply.worker)) {
      t->eta_us = eta;
      out.push_back(std::move(*t));
    }
  }
}

}  // namespace

const LiveTask* LiveTasks::find(const std::string& id) const {
  const auto at = places.find(id);
  return at == places.end() ? nullptr : &tasks[at->second];
}

LiveTasks ask_live_tasks(Lines& lines, Shared& shared, Arguments arguments, int timeout_ms) {
  json::Object safe;
  if (arguments == Arguments::reprs) safe["safe"] = true;
  const std::vector<celery::Control::Call> calls = {
      {"active", safe}, {"scheduled", {}}, {"reserved", {}}};
  const celery::Control::Asked asked = lines.control.ask(calls, {}, shared.fleet.live(), timeout_ms,
                                                         [&] { return !shared.gate.stopping(); });
  LiveTasks out;
  out.listeners = asked.listeners;
  constexpr LiveTask::Where kWhere[] = {LiveTask::Where::active, LiveTask::Where::scheduled,
                                        LiveTask::Where::reserved};
  std::set<std::string> who;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const celery::Reply& reply : asked.replies[i]) {
      if (who.insert(reply.worker).second) shared.fleet.answered(reply.worker);
      try {
        read_list(reply, kWhere[i], out.tasks);
      } catch (const Error&) {
        continue;  // this worker's list is not readable; the others are
      }
    }
  }
  for (std::size_t i = 0; i < out.tasks.size(); ++i) out.places.emplace(out.tasks[i].id, i);
  out.answered = who.size();
  return out;
}

}  // namespace z4j::engine_celery
