#include "src/mirror.hpp"

#include "lib/calendar/timetable.hpp"
#include "lib/json/json.hpp"
#include "lib/rq/codec.hpp"
#include "lib/schedule/interval.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>

namespace z4j::rq_cron {
namespace {

using schedule::Schedule;

constexpr std::size_t kMaxJobs = 10'000;
constexpr std::size_t kMaxJobsBytes = 8u << 20;
constexpr std::size_t kMaxArgumentBytes = 256u << 10;
constexpr std::size_t kMaxOptionBytes = 4096;
constexpr const char* kOpaqueArgs = "args_repr";
constexpr const char* kOpaqueKwargs = "kwargs_repr";
// Of a job in the list; the others are options of RQ's enqueue.
constexpr const char* kMembers[] = {
    "func_name",        "name",     "queue_name", "args",
    "kwargs",           "interval", "cron",       "latest_enqueue_time",
    "next_enqueue_time"};

std::optional<double> time_in(const json::Object& o, const char* key) {
  const std::optional<std::int64_t> time = rq::parse_time(json::text(o, key));
  if (!time) return std::nullopt;
  return static_cast<double>(*time) / 1e6;
}

// They are JSON in a text; what JSON can't hold is another text.
template <class T>
void read_arguments(const json::Object& job, const char* key, const char* opaque_key, T& out,
                    json::Object& options) {
  const std::string_view text = json::text(job, key);
  if (text.empty()) return;
  try {
    json::Value value = json::parse(text, kMaxArgumentBytes);
    if constexpr (std::is_same_v<T, json::Array>) {
      out = std::move(value.as_array());
    } else {
      out = std::move(value.as_object());
    }
  } catch (const std::exception&) {
    options[opaque_key] = text::clean(text, kMaxOptionBytes);
  }
}

Schedule schedule_of(const json::Object& job, const CronScheduler& from,
                     const std::string& timezone) {
  Schedule s;
  s.engine = "rq";
  s.task = text::clean(json::text(job, "func_name"), schedule::kMaxTask);
  s.queue = text::clean(json::text(job, "queue_name"), 200);
  s.name = text::clean(json::text(job, "name"), 150);
  if (s.name.empty()) s.name = text::clean(s.task, 150);
  if (s.task.empty()) throw Error(Z4J_CORRUPT, "rq cron tells a job without a function");
  s.timezone = timezone;
  read_arguments(job, "args", kOpaqueArgs, s.args, s.options);
  read_arguments(job, "kwargs", kOpaqueKwargs, s.kwargs, s.options);
  if (const std::string_view cron = json::text(job, "cron"); !cron.empty()) {
    s.kind = "cron";
    s.expression = text::clean(cron, 200);
  } else {
    s.kind = "interval";
    s.expression = std::to_string(json::integer(job, "interval"));
  }
  for (const auto& member : job) {
    const std::string_view key(member.key().data(), member.key().size());
    const bool is_known = std::any_of(std::begin(kMembers), std::end(kMembers),
                                      [&](const char* name) { return key == name; });
    if (!is_known && json::write(member.value()).size() <= kMaxOptionBytes)
      s.options[member.key()] = member.value();
  }
  // What tells it from others, whichever process runs it.
  s.id = schedule::etag_of(s);
  s.last_run_at = time_in(job, "latest_enqueue_time");
  s.next_run_at = time_in(job, "next_enqueue_time");
  s.read_only_reason = "declared_in_code: it stands in the config of rq cron";
  if (!from.config_file.empty()) s.read_only_reason += ", " + text::clean(from.config_file, 300);
  if (obstacle(s).empty()) s.capabilities = {"trigger"};
  return s;
}

// Names are unique: alike ones get their expression, and a number when that is not enough.
void tell_apart(std::vector<Schedule>& schedules) {
  std::map<std::string, int> uses;
  for (const Schedule& s : schedules) ++uses[s.name];
  std::set<std::string> taken;
  for (Schedule& s : schedules) {
    std::string name = s.name;
    if (uses[s.name] > 1) name += " (" + text::clean(s.expression, 40) + ")";
    const std::string base = name;
    for (int n = 2; !taken.insert(name).second; ++n) name = base + " " + std::to_string(n);
    s.name = std::move(name);
  }
}

}  // namespace

std::string obstacle(const Schedule& s) {
  if (s.options.contains(kOpaqueArgs) || s.options.contains(kOpaqueKwargs))
    return "opaque_payload: its arguments are no JSON, only rq cron itself has them";
  return {};
}

std::vector<Schedule> schedules_of(const std::vector<CronScheduler>& newest_first,
                                   const std::string& timezone) {
  std::map<std::string, Schedule> found;
  for (const CronScheduler& from : newest_first) {
    if (from.cron_jobs.empty()) continue;
    json::Value root;
    try {
      root = json::parse(from.cron_jobs, kMaxJobsBytes);
    } catch (const Error& e) {
      throw Error(Z4J_CORRUPT, std::string("the jobs of an rq cron cannot be read: ") + e.what());
    }
    if (!root.is_array() || root.get_array().size() > kMaxJobs)
      throw Error(Z4J_CORRUPT, "the jobs of an rq cron are no list of at most 10,000");
    std::map<std::string, int> here;
    for (const json::Value& v : root.get_array()) {
      const json::Object* job = v.if_object();
      if (job == nullptr) throw Error(Z4J_CORRUPT, "a job of an rq cron is no object");
      Schedule s = schedule_of(*job, from, timezone);
      // Twice in one file are two schedules.
      if (const int times = ++here[s.id]; times > 1) s.id += "-" + std::to_string(times);
      std::string id = s.id;
      found.emplace(std::move(id), std::move(s));
    }
  }
  std::vector<Schedule> out;
  for (auto& [id, s] : found) out.push_back(std::move(s));
  tell_apart(out);
  std::sort(out.begin(), out.end(),
            [](const Schedule& a, const Schedule& b) { return a.name < b.name; });
  return out;
}

std::vector<std::int64_t> preview(std::string_view schedule_json, std::int64_t from_us,
                                  std::uint32_t most) {
  const schedule::Wanted w = schedule::read_wanted(schedule_json);
  const std::string kind = w.kind.value_or(std::string());
  const std::string expression = w.expression.value_or(std::string());
  if (kind == "interval") {
    const json::Value root = json::parse(schedule_json, 1u << 20);
    return schedule::interval_times(calendar::read_interval(expression),
                                    json::number(root.get_object(), "next_run_at", -1), from_us,
                                    most);
  }
  if (kind != "cron") schedule::invalid("rq cron knows cron and interval only", "/kind");
  const calendar::Timetable table =
      calendar::Timetable::read(kind, expression, w.timezone.value_or("UTC"));
  std::vector<std::int64_t> out;
  for (std::int64_t at = from_us; out.size() < most;) {
    const std::optional<std::int64_t> next = table.next(at);
    if (!next) break;
    out.push_back(at = *next);
  }
  return out;
}

}  // namespace z4j::rq_cron
