// Which queues there are. Nothing at a Redis broker lists them, so names come from everywhere:
// settings, events, workers, bindings.
#pragma once

#include "src/settings.hpp"
#include "src/shared.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::engine_celery {

// Keys of Celery and kombu that are no queues of tasks.
[[nodiscard]] inline bool internal_key(std::string_view name) {
  return name.empty() || name.size() > 255 || name.find("pidbox") != std::string_view::npos ||
         name.starts_with("celeryev") || name.starts_with("unacked") ||
         name.starts_with("_kombu.") || name.starts_with("z4j.") ||
         name.starts_with("celery-task-meta-") || name.starts_with("celery-taskset-meta-") ||
         name.find('\x06') != std::string_view::npos;
}

enum class Named { by_celery, by_anybody };

[[nodiscard]] inline std::vector<std::string> queue_names(const Settings& settings,
                                                          const Shared& shared,
                                                          Named whom = Named::by_celery) {
  std::set<std::string> names = shared.observed.queues();
  if (whom == Named::by_anybody) names.merge(shared.listed.queues());
  names.insert(settings.default_queue);
  names.insert(settings.extra_queues.begin(), settings.extra_queues.end());
  std::vector<std::string> out;
  for (const std::string& name : names) {
    if (!internal_key(name)) out.push_back(name);
  }
  return out;
}

}  // namespace z4j::engine_celery
