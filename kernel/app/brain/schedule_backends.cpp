#include "app/brain/schedule_backends.hpp"

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

#include "core/agents.hpp"
#include "core/refusal.hpp"

namespace z4j::app {
namespace {

namespace json = base::json;

constexpr int kOwnFormDeadlineMs = 10'000;
constexpr std::size_t kOwnFormPages = 40;
constexpr std::int64_t kElsewhereKeptMs = 5'000;

}  // namespace

std::optional<PluginSchedulers::Described> PluginSchedulers::described(
    const config::PluginEntry& entry) {
  const std::lock_guard lock(mutex_);
  if (const auto known = described_.find(entry.name); known != described_.end())
    return known->second.scheduler.empty() ? std::nullopt : std::optional(known->second);
  const auto told = host_.describe(entry.plugin, entry.sha256);
  if (!told) return std::nullopt;  // its file may come
  Described out{told->scheduler_name, told->serves_the_store, {}};
  if (!out.scheduler.empty() && !out.serves_the_store) {
    const auto project = projects_.by_slug(entry.project);
    if (!project) return std::nullopt;  // it may be made
    out.project_id = project->id;
  }
  described_[entry.name] = out;
  return out.scheduler.empty() ? std::nullopt : std::optional(out);
}

std::set<std::string> PluginSchedulers::running_elsewhere() {
  if (!leases_.has_others()) return {};
  const std::int64_t now_ms = clock_.steady_ms();
  {
    const std::lock_guard lock(mutex_);
    if (elsewhere_at_ms_ && now_ms - *elsewhere_at_ms_ < kElsewhereKeptMs) return elsewhere_;
  }
  std::set<std::string> out;
  if (const auto brains = leases_.brains()) {
    for (const config::PluginEntry& entry : entries_) {
      for (const core::BrainRow& brain : *brains) {
        if (!brain.is_this &&
            std::binary_search(brain.leases.begin(), brain.leases.end(), core::engine_lease(entry)))
          out.insert(entry.name);
      }
    }
  }
  const std::lock_guard lock(mutex_);
  elsewhere_ = out;
  elsewhere_at_ms_ = now_ms;
  return out;
}

std::vector<core::SchedulerPlace> PluginSchedulers::places() {
  const std::set<std::string> elsewhere = running_elsewhere();
  std::vector<core::SchedulerPlace> out;
  for (const config::PluginEntry& entry : entries_) {
    const auto known = described(entry);
    if (!known) continue;
    core::SchedulerPlace place;
    place.instance = entry.name;
    place.scheduler = known->scheduler;
    place.project_id = known->project_id;
    place.is_of_store = known->serves_the_store;
    place.is_running = elsewhere.count(entry.name) != 0;
    if (const auto report = host_.report(entry.name)) {
      if (report->state == plugin::State::started) {
        place.is_running = true;
        place.capabilities = report->scheduler_capabilities;
      } else if (!place.is_running) {
        place.why_not = report->why.empty()
                            ? std::string("it is ") + std::string(plugin::to_string(report->state))
                            : report->why;
      }
    }
    out.push_back(std::move(place));
  }
  return out;
}

base::Result<std::vector<base::TimeUs>> PluginSchedulers::preview(const std::string& scheduler,
                                                                  const base::Uuid& project,
                                                                  const json::Object& schedule,
                                                                  base::TimeUs from,
                                                                  std::uint32_t most) {
  bool is_configured = false;
  for (const config::PluginEntry& entry : entries_) {
    const auto known = described(entry);
    if (!known || known->scheduler != scheduler) continue;
    if (!known->serves_the_store && known->project_id != project) continue;
    is_configured = true;
    const auto report = host_.report(entry.name);
    if (!report || report->state != plugin::State::started) continue;
    return host_.schedules_preview(entry.name, json::write(schedule), from, most);
  }
  if (is_configured)
    return core::refuse::error(base::Code::unavailable, "scheduler",
                               "the plugin of the scheduler \"" + scheduler + "\" does not run");
  return core::refuse::error(
      base::Code::unsupported, "scheduler",
      "no plugin here knows when schedules of \"" + scheduler + "\" run; it runs them itself");
}

base::Status PluginSchedulers::reach(const std::string& instance) {
  const auto report = host_.report(instance);
  if (report && report->state == plugin::State::started) return {};
  std::string why = "the plugin instance " + instance + " does not run on this brain";
  const auto entry =
      std::find_if(entries_.begin(), entries_.end(),
                   [&](const config::PluginEntry& each) { return each.name == instance; });
  const auto brains = leases_.brains();
  if (entry != entries_.end() && brains) {
    for (const core::BrainRow& brain : *brains) {
      if (!brain.is_this &&
          std::binary_search(brain.leases.begin(), brain.leases.end(), core::engine_lease(*entry)))
        why += " but on " + brain.host_name + " (process " + std::to_string(brain.pid) +
               ", brain " + brain.id.text() + "): ask that one";
    }
  }
  return core::refuse::error(base::Code::unavailable, core::refuse::kAgentOffline, std::move(why));
}

base::Status PluginSchedulers::put_now(const std::string& instance, const json::Object& schedule,
                                       const std::string& etag, int deadline_ms) {
  const auto answered = std::make_shared<std::promise<base::Status>>();
  auto answer = answered->get_future();
  host_.schedules_put(instance, json::write(schedule), etag, deadline_ms,
                      [answered](base::Result<std::string> text) {
                        answered->set_value(text ? base::Status() : base::Status(text.error()));
                      });
  return answer.get();  // comes a little after the deadline at the latest
}

base::Result<json::Array> PluginSchedulers::own_form(const std::string& instance) {
  if (auto here = reach(instance); !here) return std::move(here).error();
  json::Array out;
  std::string cursor;
  for (std::size_t page = 0; page < kOwnFormPages; ++page) {
    json::Object asked{{"limit", 500}, {"form", "own"}};
    if (!cursor.empty()) asked["cursor"] = cursor;
    const auto answered = std::make_shared<std::promise<base::Result<std::string>>>();
    auto answer = answered->get_future();
    host_.schedules_list(
        instance, json::write(asked), kOwnFormDeadlineMs,
        [answered](base::Result<std::string> text) { answered->set_value(std::move(text)); });
    auto text = answer.get();  // comes a little after the deadline at the latest
    if (!text) return std::move(text).error();
    auto parsed = json::parse(*text);
    const json::Array* items =
        parsed && parsed->is_object() ? json::array(parsed->get_object(), "items") : nullptr;
    if (items == nullptr) {
      return base::Error{.code = base::Code::corrupt,
                         .message = "the scheduler's answer can't be read",
                         .where = {},
                         .hint = {}};
    }
    for (const json::Value& item : *items) {
      const json::Object* one = item.if_object();
      const json::Value* own = one != nullptr ? one->if_contains("own") : nullptr;
      if (own == nullptr) {
        return core::refuse::error(base::Code::unsupported, "form",
                                   "this scheduler has no form of its own");
      }
      out.push_back(json::Object{{"name", json::text(*one, "name")}, {"own", *own}});
    }
    cursor = json::text(parsed->get_object(), "next");
    if (cursor.empty()) return out;
  }
  return core::refuse::error(base::Code::too_large, "schedules",
                             "more schedules than one export holds");
}

// --- those of this brain ------------------------------------------------------------------------

std::vector<core::ScheduleBackend> PluginSchedulers::here() {
  std::vector<core::ScheduleBackend> out;
  for (const config::PluginEntry& entry : entries_) {
    const auto known = described(entry);
    if (!known || known->serves_the_store) continue;
    const auto report = host_.report(entry.name);
    if (!report || report->state != plugin::State::started) continue;
    core::ScheduleBackend backend{entry.name, known->scheduler, known->project_id};
    backend.fence = leases_.held(core::engine_lease(entry));
    backend.list_every_ms = entry.list_every_seconds * 1000;
    if (backend.fence) out.push_back(std::move(backend));
  }
  if (gateway_ == nullptr) return out;
  for (const gateway::HeldScheduler& held : gateway_->schedulers()) {
    core::ScheduleBackend backend{held.agent_id.text(), held.scheduler, held.project_id};
    backend.agent_id = held.agent_id;
    out.push_back(std::move(backend));
  }
  return out;
}

std::vector<core::WatchedScheduler> PluginSchedulers::watched() const {
  std::vector<core::WatchedScheduler> out;
  if (gateway_ == nullptr) return out;
  std::vector<gateway::HeldScheduler> all = gateway_->schedulers();
  for (gateway::HeldScheduler& held : all) {
    out.push_back({held.agent_id, held.project_id, held.session, std::move(held.agent_name),
                   std::move(held.scheduler), std::move(held.process), std::move(held.capabilities),
                   held.tells_on_demand});
  }
  return out;
}

void PluginSchedulers::list(const std::string& owner, std::string page_json, int deadline_ms,
                            plugin::Answer answer) {
  host_.schedules_list(owner, std::move(page_json), deadline_ms, std::move(answer));
}

void PluginSchedulers::put(const std::string& owner, std::string schedule_json, std::string etag,
                           int deadline_ms, plugin::Answer answer) {
  host_.schedules_put(owner, std::move(schedule_json), std::move(etag), deadline_ms,
                      std::move(answer));
}

void PluginSchedulers::remove(const std::string& owner, std::string id, std::string etag,
                              int deadline_ms, plugin::Answer answer) {
  host_.schedules_remove(owner, std::move(id), std::move(etag), deadline_ms, std::move(answer));
}

void PluginSchedulers::trigger(const std::string& owner, std::string id, int deadline_ms,
                               plugin::Answer answer) {
  host_.schedules_trigger(owner, std::move(id), deadline_ms, std::move(answer));
}

void PluginSchedulers::order(const core::ScheduleBackend& backend, const core::Schedule& schedule,
                             const std::string& change, int deadline_ms, plugin::Answer answer) {
  if (gateway_ == nullptr || !backend.agent_id) {
    return answer(core::refuse::error(base::Code::unavailable, core::refuse::kAgentOffline,
                                      "this agent is not connected; nothing was sent"));
  }
  wire::Action action;
  action.action = change == "trigger" ? "schedule.trigger_now" : "schedule." + change;
  action.target = {{"type", "schedule"},
                   {"id", schedule.id.text()},
                   {"scheduler", backend.scheduler},
                   {"engine", schedule.engine}};
  action.parameters = {
      {"schedule_id", schedule.name},
      {"schedule_name", schedule.name},
      {"external_id", schedule.external_id ? json::Value(*schedule.external_id) : json::Value()}};
  gateway_->order(*backend.agent_id, backend.scheduler, std::move(action), deadline_ms,
                  std::move(answer));
}

}  // namespace z4j::app
