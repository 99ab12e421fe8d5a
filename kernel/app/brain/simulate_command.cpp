// schedules simulate: when schedules will run, or would have run, for whoever has the database.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/simulation_json.hpp"
#include "app/brain/brain.hpp"
#include "app/brain/command_line.hpp"
#include "app/brain/database.hpp"
#include "app/brain/storage_commands.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "core/audit.hpp"
#include "core/projects.hpp"
#include "core/simulation.hpp"
#include "core/text.hpp"

namespace z4j::app {
namespace {

constexpr const char* kOwnInstance = "schedules";
constexpr std::size_t kLargestWhatIf = std::size_t{1} << 20;

struct SimulateRequest {
  std::string project = "default", from, until, what_if;
  std::int64_t bucket_s = 3600;
  std::uint32_t most = 50;
  bool with_disabled = false, against_fires = false, json = false;
};

// The kernel's own scheduler, for its times alone: it is offered no schedules, so it fires none.
class OwnScheduler {
 public:
  explicit OwnScheduler(const config::Settings& settings) {
    plugin::Callbacks callbacks;
    callbacks.scheduling.schedules = [] { return std::shared_ptr<plugin::ScheduleStore>(); };
    host_ = make_host(settings, std::move(callbacks), base::Log::quiet(), clock_);
  }
  [[nodiscard]] base::Status start() {
    config::PluginEntry entry;
    entry.name = kOwnInstance;
    entry.plugin = "scheduler-native";
    entry.where = kOwnInstance;
    return host_->start(entry);
  }
  [[nodiscard]] core::Schedules::Preview preview() {
    return [this](const std::string& scheduler, const base::Uuid&,
                  const base::json::Object& schedule, base::TimeUs from,
                  std::uint32_t most) -> base::Result<std::vector<base::TimeUs>> {
      if (scheduler == core::kOwnScheduler)
        return host_->schedules_preview(kOwnInstance, base::json::write(schedule), from, most);
      return base::Error{base::Code::unavailable, "only the brain can ask " + scheduler, {}, {}, 0};
    };
  }

 private:
  base::SystemClock clock_;
  std::unique_ptr<plugin::Host> host_;
};

base::Result<std::vector<core::WhatIf>> read_what_ifs(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kLargestWhatIf + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  if (text.empty() || text.size() > kLargestWhatIf)
    return base::Error{base::Code::invalid,
                       "can't read \"" + path + "\": a file of at most 1 MiB is expected",
                       {},
                       {},
                       0};
  auto parsed = base::json::parse(text);
  if (!parsed) return std::move(parsed).error();
  if (!parsed->is_array())
    return base::Error{
        base::Code::invalid, "\"" + path + "\" must hold a list of schedules", {}, {}, 0};
  std::vector<core::WhatIf> out;
  for (const base::json::Value& item : parsed->get_array()) {
    auto one = core::read_what_if(item);
    if (!one) return std::move(one).error();
    out.push_back(std::move(*one));
  }
  return out;
}

base::Result<core::SimulationQuery> query_of(const SimulateRequest& request, base::TimeUs now) {
  core::SimulationQuery out;
  out.from = now;
  if (!request.from.empty()) {
    auto from = base::parse_time(request.from);
    if (!from) return std::move(from).error();
    out.from = *from;
  }
  out.until = out.from + base::kDayUs;
  if (!request.until.empty()) {
    auto until = base::parse_time(request.until);
    if (!until) return std::move(until).error();
    out.until = *until;
    if (request.from.empty() && *until <= now) out.from = *until - base::kDayUs;
  }
  out.bucket_s = request.bucket_s;
  out.most = request.most;
  out.with_disabled = request.with_disabled;
  out.against_fires = request.against_fires;
  if (!request.what_if.empty()) {
    auto changed = read_what_ifs(request.what_if);
    if (!changed) return std::move(changed).error();
    out.what_if = std::move(*changed);
  }
  return out;
}

std::string short_text(const std::string& text) { return shown(core::clean_text(text, 60)); }

void print_collisions(const core::Simulation& s, const std::vector<core::Collision>& list,
                      const char* what) {
  if (list.empty()) return;
  std::printf("\n%s:\n", what);
  for (const core::Collision& c : list) {
    std::printf("  %s  %4zu fires:", base::format_time(c.at).c_str(), c.fires);
    for (const std::size_t i : c.schedules)
      std::printf(" %s", short_text(s.schedules[i].name).c_str());
    std::printf("\n");
  }
}

void print_simulation(const core::Simulation& s, bool is_compared) {
  std::printf("%s to %s: %zu schedules, %lld fires%s\n\n", base::format_time(s.from).c_str(),
              base::format_time(s.until).c_str(), s.schedules.size(),
              static_cast<long long>(s.fires_count), s.is_cut ? " (cut: there are more)" : "");
  for (const core::SimulatedFire& f : s.fires) {
    const core::SimulatedSchedule& of = s.schedules[f.schedule];
    std::printf("  %s  %-40s  %s\n", base::format_time(f.at).c_str(), short_text(of.name).c_str(),
                short_text(of.task_name).c_str());
  }
  print_collisions(s, s.instants, "in the same instant");
  print_collisions(s, s.minutes, "in the same minute");
  for (const core::EngineLoad& load : s.load) {
    std::printf("\nload of %s: %lld tasks at once at most, its workers take %lld",
                short_text(load.engine).c_str(), static_cast<long long>(load.peak_running),
                static_cast<long long>(load.concurrency));
    if (load.without_runtime > 0)
      std::printf("; %lld fires of tasks that never ran",
                  static_cast<long long>(load.without_runtime));
    std::printf("\n");
    for (const core::LoadBucket& b : load.buckets) {
      std::printf("  %s  %6lld fires  %10.1f s of work  %5lld at once\n",
                  base::format_time(b.at).c_str(), static_cast<long long>(b.fires),
                  static_cast<double>(b.busy_ms) / 1000, static_cast<long long>(b.peak_running));
    }
  }
  for (const core::SimulatedSchedule& each : s.schedules) {
    if (!each.why_not.empty())
      std::printf("\n%s: %s\n", short_text(each.name).c_str(), short_text(each.why_not).c_str());
  }
  if (!is_compared) return;
  std::printf("\nwhat was fired:\n");
  for (const core::FireComparison& c : s.comparisons) {
    std::printf("  %-40s  %lld of %lld, %lld skipped, %lld missed%s\n",
                short_text(s.schedules[c.schedule].name).c_str(), static_cast<long long>(c.fired),
                static_cast<long long>(c.expected), static_cast<long long>(c.skipped),
                static_cast<long long>(c.missed_count), c.was_edited ? " (edited meanwhile)" : "");
    for (const base::TimeUs at : c.missed)
      std::printf("    missed %s\n", base::format_time(at).c_str());
  }
}

int simulate(const Given& config, core::Store& store, const SimulateRequest& request) {
  const base::SystemClock clock;
  core::Audit::Options keys;
  keys.secret = config.loaded.settings.secret;
  keys.previous_secrets = config.loaded.settings.previous_secrets;
  core::Audit audit(store, clock, base::Log::quiet(), std::move(keys));
  core::Projects projects(store, audit, clock);
  auto project = projects.by_slug(request.project);
  if (!project) return tell(project.error());
  auto query = query_of(request, clock.now());
  if (!query) return tell(query.error());
  OwnScheduler scheduler(config.loaded.settings);
  if (auto started = scheduler.start(); !started) return tell(started.error());
  auto simulation = core::Simulator(store, clock, scheduler.preview()).run(project->id, *query);
  if (!simulation) return tell(simulation.error());
  if (request.json)
    std::printf(
        "%s\n",
        base::json::write(api::simulation_json(*simulation, request.against_fires)).c_str());
  else
    print_simulation(*simulation, request.against_fires);
  return kDone;
}

}  // namespace

void add_simulate_command(CommandLine& line) {
  auto request = std::make_shared<SimulateRequest>();
  CLI::App& command = line.command(
      line.group("schedules", "schedules of a project"), "simulate",
      "when schedules will run, what comes together, what load it makes; writes nothing");
  command.add_option("--project", request->project, "slug of the project")->capture_default_str();
  command.add_option("--from", request->from, "ISO time; now when not given");
  command.add_option("--until", request->until, "ISO time; a day later when not given");
  command.add_option("--bucket", request->bucket_s, "seconds of each line of the load")
      ->capture_default_str();
  command.add_option("--most", request->most, "how many fires are listed")->capture_default_str();
  command.add_option("--what-if", request->what_if,
                     "file with a JSON list of schedules as they might be");
  command.add_flag("--with-disabled", request->with_disabled, "those that are switched off, too");
  command.add_flag("--against-fires", request->against_fires, "compare with what was fired");
  command.add_flag("--json", request->json, "for programs");
  line.run_with_store(command, [request](const Given& config, core::Store& store) {
    return simulate(config, store, *request);
  });
}

}  // namespace z4j::app
