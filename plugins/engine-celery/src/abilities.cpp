#include "src/abilities.hpp"

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr int kAbilityFactsAgeMs = 30'000, kAbilitySettingsAgeMs = 60'000;
constexpr std::size_t kMaxNamed = 200;  // workers named one by one

constexpr char kArguments[] =
    "when the arguments are found whole: in the message, in a result that was stored with "
    "result_extended, at the worker that holds the task, or in the recorded text";

class Abilities {
 public:
  Abilities(Lines& lines, const std::map<std::string, WorkerAnswer>& workers,
            const std::map<std::string, WorkerSettings>& settings)
      : lines_(lines), workers_(workers), settings_(settings) {}

  json::Array all() {
    using celery::Ability;
    const std::string no_json = nobody_reads_json();
    add("submit_task", "native", no_json.empty(), no_json);
    add("retry_task", "conditional", true, kArguments);
    add("retry_edited", "conditional", true,
        "when the rest of the message can be kept: its body is JSON, or a pickle without "
        "continuation; signed and other bodies are sent again only as they are");
    add("bulk_retry", "emulated", true, "each as retry_task, up to 500 in one go");
    add("cancel_waiting", "native", true,
        lines_.broker->cannot(Ability::remove_one).empty()
            ? "taken out of its queue; workers that hold it drop it when its turn comes"
            : "workers drop it when its turn comes; " + lines_.broker->cannot(Ability::remove_one));
    by_worker("terminate_running", "native", [](const WorkerAnswer& w, const WorkerSettings*) {
      return cannot_terminate(pool_kind(w.stats));
    });
    const bool on_redis = lines_.broker->kind() == "redis";
    add("purge_queue", on_redis ? "emulated" : "native", true);
    by_broker("purge_with_copy", "emulated", Ability::set_aside);
    if (on_redis) {
      add("requeue_dead_letter", "emulated", true,
          "Celery on Redis has no dead letters: tasks that failed are the list, and a retry sends "
          "them again");
    } else {
      by_broker("requeue_dead_letter", "conditional", Ability::dead_letters);
    }
    by_worker("rate_limit", "native", can_always);
    by_worker("time_limit", "conditional", can_always,
              "a worker gives new limits to tasks once its pool was restarted or it has connected "
              "to the broker anew");
    by_worker("pool_resize", "native",
              [](const WorkerAnswer& w, const WorkerSettings*) { return cannot_resize(w.stats); });
    by_worker("autoscale", "conditional", [](const WorkerAnswer& w, const WorkerSettings*) {
      return autoscales(w.stats) ? "" : "it was not started with autoscale";
    });
    by_worker("add_consumer", "native", can_always);
    by_worker("cancel_consumer", "native", can_always);
    by_worker("restart_worker", "conditional", [](const WorkerAnswer& w, const WorkerSettings* s) {
      if (pool_kind(w.stats) != PoolKind::prefork)
        return "its pool is " + std::string(pool_name(pool_kind(w.stats))) +
               ", which cannot be restarted";
      return std::string(
          s == nullptr || s->pool_restarts ? "" : "it has worker_pool_restarts switched off");
    });
    by_worker("shutdown_worker", "native", can_always);
    by_worker("pause_queue", "emulated", can_always);
    by_worker("pause_engine", "emulated", can_always);
    const std::string not_all = lines_.broker->cannot(Ability::list_queues);
    add("list_queues", not_all.empty() ? "native" : "conditional", true, not_all);
    by_broker("list_waiting", "native", Ability::look_at_waiting);
    add("list_workers", "native", true);
    by_worker("task_registry", "native", can_always);
    const std::string no_results =
        lines_.results ? "" : "results are not kept where they can be read from here";
    add("reconcile_task", "native", lines_.results != nullptr, no_results);
    add("result_value", "conditional", lines_.results != nullptr,
        lines_.results ? "when the result is stored as JSON and has not expired" : no_results);
    add("delete_task", "impossible", false,
        "Celery keeps no task that could be deleted; one that waits can be cancelled");
    return std::move(out_);
  }

 private:
  using Why = std::function<std::string(const WorkerAnswer&, const WorkerSettings*)>;

  static std::string can_always(const WorkerAnswer&, const WorkerSettings*) { return {}; }

  json::Object& add(const char* action, const char* how, bool available,
                    const std::string& reason = {}) {
    json::Object item = {{"action", action}, {"how", how}, {"available", available}};
    if (!reason.empty()) item["reason"] = reason;
    return out_.emplace_back(std::move(item)).get_object();
  }

  void by_broker(const char* action, const char* how, celery::Ability what) {
    const std::string why = lines_.broker->cannot(what);
    add(action, why.empty() ? how : "impossible", why.empty(), why);
  }

  // `why` answers "" for a worker that can do it.
  void by_worker(const char* action, const char* how, const Why& why,
                 const std::string& condition = {}) {
    std::size_t able = 0;
    std::string first;
    json::Object unlike;
    for (const auto& [name, answer] : workers_) {
      const auto s = settings_.find(name);
      std::string reason = why(answer, s == settings_.end() ? nullptr : &s->second);
      if (reason.empty()) {
        ++able;
        continue;
      }
      if (first.empty()) first = name + ": " + reason;
      if (unlike.size() < kMaxNamed) unlike[name] = std::move(reason);
    }
    if (workers_.empty()) first = "no worker answers";
    json::Object& item = add(action, how, able > 0, able > 0 ? condition : first);
    if (able > 0 && !unlike.empty()) item["reason"] = "not at every worker; " + first;
    if (!unlike.empty()) item["workers"] = std::move(unlike);
  }

  [[nodiscard]] std::string nobody_reads_json() const {
    std::string accepts;
    for (const auto& [name, s] : settings_) {
      if (s.accepts_json) return {};
      accepts = s.accepts;
    }
    return accepts.empty() ? ""
                           : "the workers accept only " + accepts + ", and JSON is written here";
  }

  Lines& lines_;
  const std::map<std::string, WorkerAnswer>& workers_;
  const std::map<std::string, WorkerSettings>& settings_;
  json::Array out_;
};

}  // namespace

json::Array abilities(Lines& lines, Shared& shared, WorkerFacts& facts) {
  const auto& settings = facts.settings(lines, shared, kAbilitySettingsAgeMs);
  return Abilities(lines, facts.get(lines, shared, kAbilityFactsAgeMs), settings).all();
}

}  // namespace z4j::engine_celery
