#include "core/task_metrics.hpp"

#include "core/event_decode.hpp"

namespace z4j::core {
namespace {

constexpr std::string_view kOtherNames = "__overflow__";
constexpr std::size_t kMaxKinds = 256;  // of engines together

bool ends_a_task(std::uint16_t kind) noexcept {
  return kind == Z4J_EV_SUCCEEDED || kind == Z4J_EV_FAILED || kind == Z4J_EV_REVOKED;
}

}  // namespace

TaskMetrics::Name& TaskMetrics::name_of(Project& project, std::string_view task) {
  const std::string_view name = task.substr(0, kMaxNameBytes);
  if (const auto found = project.names.find(name); found != project.names.end())
    return found->second;
  const bool is_full = project.names.size() >= kMaxNames;
  return project.names[std::string(is_full ? kOtherNames : name)];
}

void TaskMetrics::count(Project& project, const Event& e) {
  std::pair key{std::string(e.engine), kind_name(e.kind)};
  auto kind = project.kinds.find(key);
  if (kind == project.kinds.end()) {
    if (project.kinds.size() >= kMaxKinds) key.first = kOtherNames;
    kind = project.kinds.try_emplace(std::move(key)).first;
  }
  ++kind->second;
  if (!ends_a_task(e.kind)) return;
  Name& name = name_of(project, e.task);
  ++name.ends[kind_name(e.kind)];
  if (e.kind != Z4J_EV_SUCCEEDED || e.runtime_us < 0) return;
  ++name.runs;
  name.runtime_s += static_cast<double>(e.runtime_us) / 1e6;
  ++name.buckets[RollUps::bucket_of(e.runtime_us)];
}

void TaskMetrics::add(const EventRefs& events) {
  const std::lock_guard lock(mutex_);
  Project* project = nullptr;
  base::Uuid id;
  for (const Event* e : events) {
    if (project == nullptr || id != e->project_id) project = &projects_[id = e->project_id];
    count(*project, *e);
  }
}

void TaskMetrics::write(MetricText& out) const {
  const std::lock_guard lock(mutex_);
  out.family("z4j_events_ingested_total", "counter", "events stored since the start");
  for (const auto& [id, project] : projects_)
    for (const auto& [key, count] : project.kinds)
      out.sample({{"project", id.text()}, {"engine", key.first}, {"kind", key.second}}, count);
  out.family("z4j_tasks_total", "counter", "finished runs since the start, by what ended them");
  for (const auto& [id, project] : projects_)
    for (const auto& [name, figures] : project.names)
      for (const auto& [kind, count] : figures.ends)
        out.sample({{"project", id.text()}, {"task_name", name}, {"state", kind}}, count);
  out.family("z4j_task_duration_seconds", "histogram", "how long successful runs took");
  for (const auto& [id, project] : projects_) {
    const std::string project_text = id.text();
    for (const auto& [name, figures] : project.names) {
      std::int64_t below = 0;
      for (std::size_t i = 0; i < RollUps::kBuckets; ++i) {
        below += figures.buckets[i];
        out.part("_bucket",
                 {{"project", project_text}, {"task_name", name}, {"le", RollUps::bound_text(i)}},
                 static_cast<double>(below));
      }
      out.part("_sum", {{"project", project_text}, {"task_name", name}}, figures.runtime_s);
      out.part("_count", {{"project", project_text}, {"task_name", name}},
               static_cast<double>(figures.runs));
    }
  }
}

}  // namespace z4j::core
