// schedules list, plan, apply, export, enable, disable, trigger: for whoever has the database.
// Edits are audited; those of schedules elsewhere are wishes that a running brain carries out.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "app/brain/brain.hpp"
#include "app/brain/command_line.hpp"
#include "app/brain/database.hpp"
#include "app/brain/storage_commands.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "config/toml_source.hpp"
#include "core/audit.hpp"
#include "core/notices.hpp"
#include "core/projects.hpp"
#include "core/refusal.hpp"
#include "core/schedules.hpp"
#include "plugin/host.hpp"

namespace z4j::app {
namespace {

namespace json = base::json;

constexpr int kDiffers = 2;
constexpr std::size_t kMostFileBytes = std::size_t{8} << 20;
constexpr std::string_view kFileSource = "declarative:file";
constexpr std::string_view kCheckedBy = "scheduler-native";
const core::Actor kScheduleCommandLine{std::nullopt, std::nullopt, {}, "z4j-brain"};

struct ScheduleRequest {
  std::string project = "default", file, name, source = std::string(kFileSource);
  std::string scheduler;
  bool prune = false, as_json = false;
};

// Lets a scheduler of the store start, so that it can check expressions; it never leads.
class NoScheduleStore final : public plugin::ScheduleStore {
 public:
  std::int64_t now_us() override { return base::SystemClock().now(); }
  base::Result<std::uint64_t> lead(const std::string&, int) override {
    return core::refuse::conflict("lead", "a command line does not fire");
  }
  void resign(const std::string&, std::uint64_t) override {}
  base::Status due(const std::string&, std::int64_t, const Place&, std::uint32_t,
                   const Put&) override {
    return {};
  }
  base::Status changed(const std::string&, const Place&, std::uint32_t, const Put&) override {
    return {};
  }
  base::Status read(const std::string&, std::span<const base::Uuid>, const Put&) override {
    return {};
  }
  base::Status plan(const std::string&, std::uint64_t, std::span<const z4j_plan>,
                    std::span<std::uint8_t>) override {
    return core::refuse::conflict("lead", "a command line does not plan");
  }
  base::Status fire(const std::string&, std::uint64_t, std::span<const z4j_fire>,
                    std::span<std::uint8_t>) override {
    return core::refuse::conflict("lead", "a command line does not fire");
  }
};

// The parts that schedules need, over a store that is open.
class ScheduleTools {
 public:
  ScheduleTools(const Given& given, core::Store& store)
      : given_(given),
        audit_(store, clock_, base::Log::quiet(),
               {.secret = given.loaded.settings.secret,
                .previous_secrets = given.loaded.settings.previous_secrets}),
        notices_(store, base::Log::quiet(), base::Uuid::random(), {}, {}),
        projects_(store, audit_, clock_) {
    plugin::Callbacks callbacks;
    callbacks.scheduling.schedules = [] { return std::make_shared<NoScheduleStore>(); };
    host_ = make_host(given.loaded.settings, std::move(callbacks), base::Log::quiet(), clock_);
    core::Schedules::Options options;
    options.places = [this] { return places(); };
    options.preview = [this](const std::string& scheduler, const base::Uuid&,
                             const json::Object& schedule, base::TimeUs from, std::uint32_t most) {
      return preview(scheduler, schedule, from, most);
    };
    options.tell_others = [this](core::Commit& commit, const base::Uuid& schedule) {
      notices_.tell(commit, core::Notices::About::schedules,
                    schedule.is_nil() ? std::string() : schedule.text());
    };
    // On a store of one's own no brain runs that could carry out a wish meanwhile.
    options.wait_ms = store.is_shared() ? 4'000 : 0;
    schedules_.emplace(store, audit_, clock_, std::move(options));
  }
  ScheduleTools(const ScheduleTools&) = delete;
  ScheduleTools& operator=(const ScheduleTools&) = delete;

  [[nodiscard]] base::Status open() { return audit_.open(); }
  [[nodiscard]] base::Result<core::Project> project(const std::string& slug) {
    return projects_.by_slug(slug);
  }
  [[nodiscard]] core::Schedules& schedules() { return *schedules_; }
  // All of them that the filter lets through, page by page.
  [[nodiscard]] base::Result<std::vector<core::Schedule>> all(const core::Project& project,
                                                              const ScheduleRequest& request) {
    core::ScheduleFilter filter;
    if (!request.scheduler.empty()) filter.scheduler = request.scheduler;
    std::vector<core::Schedule> out;
    std::optional<core::SchedulePlace> after;
    do {
      auto page = schedules_->list(project.id, filter, after, 500);
      if (!page) return std::move(page).error();
      for (core::Schedule& s : page->items) out.push_back(std::move(s));
      after = page->next;
    } while (after);
    return out;
  }
  [[nodiscard]] base::Result<core::Schedule> named(const core::Project& project,
                                                   const ScheduleRequest& request) {
    auto schedules = all(project, request);
    if (!schedules) return std::move(schedules).error();
    std::optional<core::Schedule> found;
    for (core::Schedule& s : *schedules) {
      if (s.name != request.name && s.id.text() != request.name) continue;
      if (found) {
        return core::refuse::conflict("name", "several schedules are called \"" + request.name +
                                                  "\": give --scheduler, or the id");
      }
      found = std::move(s);
    }
    if (!found) return core::refuse::not_found("schedule \"" + request.name + "\"");
    return std::move(*found);
  }

 private:
  [[nodiscard]] std::vector<core::SchedulerPlace> places() {
    std::vector<core::SchedulerPlace> out;
    for (const config::PluginEntry& entry : given_.loaded.plugins) {
      const auto told = host_->describe(entry.plugin, entry.sha256);
      if (!told || told->scheduler_name.empty()) continue;
      const auto project = projects_.by_slug(entry.project);
      core::SchedulerPlace place;
      place.instance = entry.name;
      place.scheduler = told->scheduler_name;
      if (project) place.project_id = project->id;
      place.is_of_store = told->serves_the_store;
      place.is_running = true;  // as far as can be known here
      out.push_back(std::move(place));
    }
    return out;
  }
  [[nodiscard]] base::Result<std::vector<base::TimeUs>> preview(const std::string& scheduler,
                                                                const json::Object& schedule,
                                                                base::TimeUs from,
                                                                std::uint32_t most) {
    if (scheduler != core::kOwnScheduler) {
      return core::refuse::error(base::Code::unavailable, "scheduler",
                                 "its plugin checks it when a brain carries it out");
    }
    const std::string instance(kCheckedBy);
    if (const auto report = host_->report(instance);
        !report || report->state != plugin::State::started) {
      config::PluginEntry entry;
      entry.name = entry.plugin = instance;
      if (auto started = host_->start(entry); !started) return std::move(started).error();
    }
    return host_->schedules_preview(instance, json::write(schedule), from, most);
  }

  const Given& given_;
  base::SystemClock clock_;
  core::Audit audit_;
  core::Notices notices_;
  core::Projects projects_;
  std::unique_ptr<plugin::Host> host_;
  std::optional<core::Schedules> schedules_;
};

int list_schedules(ScheduleTools& tools, const core::Project& project,
                   const ScheduleRequest& request) {
  auto schedules = tools.all(project, request);
  if (!schedules) return tell(schedules.error());
  json::Array rows;
  for (const core::Schedule& s : *schedules) {
    if (request.as_json) {
      json::Object row = core::draft_json(s);
      row["id"] = s.id.text();
      row["next_run_at"] =
          s.next_run_at ? json::Value(base::format_time(*s.next_run_at)) : json::Value();
      row["read_only_reason"] =
          s.read_only_reason ? json::Value(*s.read_only_reason) : json::Value();
      rows.emplace_back(std::move(row));
      continue;
    }
    std::printf("%-36s  %-16s  %-3s  %-30s  %-8s  %-20s  %s\n", s.id.text().c_str(),
                shown(s.scheduler).c_str(), s.is_enabled ? "on" : "off", shown(s.name).c_str(),
                shown(s.kind).c_str(), shown(s.expression).c_str(), shown(s.task_name).c_str());
  }
  if (request.as_json) std::printf("%s\n", shown(json::write(rows)).c_str());
  return kDone;
}

// An object or a list of them; a TOML text may begin with "[[".
bool is_json(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos || text[first] != '[')
    return first != std::string_view::npos && text[first] == '{';
  const std::size_t second = text.find_first_not_of(kBlanks, first + 1);
  return second != std::string_view::npos && (text[second] == '{' || text[second] == ']');
}

// What an import takes, and the source that plan and apply speak of.
base::Result<core::ScheduleImport> read_schedule_file(const ScheduleRequest& request) {
  std::ifstream in(request.file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in && text.empty()) {
    return base::Error{.code = base::Code::io,
                       .message = "can't read " + request.file,
                       .where = {},
                       .hint = "check its path and permissions"};
  }
  json::Object root;
  if (is_json(text)) {
    auto parsed = json::parse(text, {.max_bytes = kMostFileBytes, .max_depth = 64});
    if (!parsed)
      return core::refuse::invalid(request.file, "it is no JSON: " + parsed.error().message);
    if (parsed->is_array())
      root["schedules"] = std::move(*parsed);
    else
      root = std::move(parsed->get_object());
  } else {
    config::TomlSource toml = config::read_toml(text, request.file);
    if (!toml.problems.empty())
      return core::refuse::invalid(request.file, toml.problems.front().text());
    root = std::move(toml.root);
  }
  const json::Array* items = json::array(root, "schedules");
  if (items == nullptr) return core::refuse::invalid(request.file, "it has no list \"schedules\"");
  core::ScheduleImport import;
  if (request.prune) import.mode = core::ScheduleImport::Mode::replace_for_source;
  import.source_filter = request.source;
  for (const json::Value& item : *items) {
    if (!item.is_object()) {
      import.items.emplace_back(core::refuse::invalid("schedules", "a schedule must be a table"));
      continue;
    }
    auto draft = core::read_schedule_draft(item.get_object(), request.source);
    if (draft) draft->source = request.source;
    import.items.push_back(std::move(draft));
  }
  return import;
}

void print_change(char sign, const core::ScheduleChange& change) {
  const json::Object& told = change.proposed.empty() ? change.current : change.proposed;
  const std::string expression = shown(json::text(told, "expression"));
  const std::string task = shown(json::text(told, "task_name"));
  std::printf("%c %s/%s  %s  %s\n", sign, shown(change.scheduler).c_str(),
              shown(change.name).c_str(), expression.c_str(), task.c_str());
  if (sign != '~') return;
  for (const auto& member : change.proposed) {
    const json::Value* was = change.current.if_contains(member.key());
    if (was == nullptr || *was == member.value()) continue;
    const std::string name = shown(member.key());
    // Arguments may hold secrets.
    if (name == "args" || name == "kwargs" || name == "options")
      std::printf("    %s: differs\n", name.c_str());
    else
      std::printf("    %s: %s -> %s\n", name.c_str(), shown(json::write(*was)).c_str(),
                  shown(json::write(member.value())).c_str());
  }
}

json::Array change_list(const std::vector<core::ScheduleChange>& changes) {
  json::Array out;
  for (const core::ScheduleChange& change : changes) {
    out.push_back(json::Object{{"name", change.name},
                               {"scheduler", change.scheduler},
                               {"proposed", change.proposed},
                               {"current", change.current}});
  }
  return out;
}

void print_errors(const std::map<std::size_t, std::string>& errors) {
  for (const auto& [index, why] : errors)
    std::fprintf(stderr, "schedule %zu: %s\n", index + 1, shown(why).c_str());
}

int plan_schedules(ScheduleTools& tools, const core::Project& project,
                   const ScheduleRequest& request) {
  auto import = read_schedule_file(request);
  if (!import) return tell(import.error());
  auto diff = tools.schedules().diff(project, *import);
  if (!diff) return tell(diff.error());
  if (request.as_json) {
    std::printf("%s\n", shown(json::write(json::Object{{"inserted", change_list(diff->inserted)},
                                                       {"updated", change_list(diff->updated)},
                                                       {"deleted", change_list(diff->deleted)},
                                                       {"unchanged", diff->unchanged.size()}}))
                            .c_str());
  } else {
    for (const auto& change : diff->inserted) print_change('+', change);
    for (const auto& change : diff->updated) print_change('~', change);
    for (const auto& change : diff->deleted) print_change('-', change);
    std::printf("%zu to add, %zu to change, %zu to delete, %zu as they should be\n",
                diff->inserted.size(), diff->updated.size(), diff->deleted.size(),
                diff->unchanged.size());
  }
  print_errors(diff->errors);
  if (!diff->errors.empty()) return kFailed;
  return diff->inserted.empty() && diff->updated.empty() && diff->deleted.empty() ? kDone
                                                                                  : kDiffers;
}

int apply_schedules(ScheduleTools& tools, const core::Project& project,
                    const ScheduleRequest& request) {
  auto import = read_schedule_file(request);
  if (!import) return tell(import.error());
  auto report = tools.schedules().import_all(project, *import, kScheduleCommandLine);
  if (!report) return tell(report.error());
  if (request.as_json)
    std::printf("%s\n", shown(json::write(json::Object{{"inserted", report->inserted},
                                                       {"updated", report->updated},
                                                       {"unchanged", report->unchanged},
                                                       {"deleted", report->deleted},
                                                       {"failed", report->failed}}))
                            .c_str());
  else
    std::printf("%zu added, %zu changed, %zu deleted, %zu as they should be, %zu failed\n",
                report->inserted, report->updated, report->deleted, report->unchanged,
                report->failed);
  print_errors(report->errors);
  return report->failed == 0 ? kDone : kFailed;
}

int export_schedules(ScheduleTools& tools, const core::Project& project,
                     const ScheduleRequest& request) {
  auto schedules = tools.all(project, request);
  if (!schedules) return tell(schedules.error());
  json::Array rows;
  for (const core::Schedule& s : *schedules) rows.emplace_back(core::draft_json(s));
  std::printf("%s\n", shown(json::write(json::Object{{"schedules", std::move(rows)}})).c_str());
  return kDone;
}

int say_switched(const base::Result<core::Schedule>& done) {
  if (!done) return tell(done.error());
  const bool is_pending = done->edit && done->edit->is_open();
  std::printf("%s/%s is %s%s\n", shown(done->scheduler).c_str(), shown(done->name).c_str(),
              done->is_enabled ? "on" : "off",
              is_pending ? "; a change is asked for, and a brain carries it out" : "");
  return kDone;
}

int enable_schedule(ScheduleTools& tools, const core::Project& project,
                    const ScheduleRequest& request) {
  auto found = tools.named(project, request);
  if (!found) return tell(found.error());
  return say_switched(tools.schedules().enable(project, found->id, true, kScheduleCommandLine));
}

int disable_schedule(ScheduleTools& tools, const core::Project& project,
                     const ScheduleRequest& request) {
  auto found = tools.named(project, request);
  if (!found) return tell(found.error());
  return say_switched(tools.schedules().enable(project, found->id, false, kScheduleCommandLine));
}

int trigger_schedule(ScheduleTools& tools, const core::Project& project,
                     const ScheduleRequest& request) {
  auto found = tools.named(project, request);
  if (!found) return tell(found.error());
  if (found->is_of_store()) {
    return tell(core::refuse::error(
        base::Code::unsupported, {}, "only a running brain can send tasks",
        "POST /api/v1/projects/" + project.slug + "/schedules/" + found->id.text() + "/trigger"));
  }
  auto done = tools.schedules().trigger(project, found->id, kScheduleCommandLine, std::nullopt);
  if (!done) return tell(done.error());
  std::printf("%s/%s: %s\n", shown(found->scheduler).c_str(), shown(found->name).c_str(),
              std::string(json::text(done->outcome, "outcome", "unknown")).c_str());
  return kDone;
}

using ScheduleDeed = int (*)(ScheduleTools&, const core::Project&, const ScheduleRequest&);

enum class Takes { nothing, file, name };

void add_schedule_command(CommandLine& line, const char* word, const char* help, Takes takes,
                          ScheduleDeed deed, const char* exit_codes = "") {
  auto request = std::make_shared<ScheduleRequest>();
  CLI::App& command =
      line.command(line.group("schedules", "schedules of a project"), word, help, exit_codes);
  command.add_option("--project", request->project, "slug of the project")->capture_default_str();
  if (takes == Takes::file) {
    command.add_option("FILE", request->file, "TOML or JSON with a list \"schedules\"")->required();
    command.add_option("--source", request->source, "label of the schedules of this file")
        ->capture_default_str();
    command.add_flag("--prune", request->prune,
                     "delete those of this source that the file has no more");
  } else {
    command.add_option("--scheduler", request->scheduler, "only those of this scheduler");
  }
  if (takes == Takes::name)
    command.add_option("NAME", request->name, "the schedule's name, or its id")->required();
  else
    command.add_flag("--json", request->as_json, "for programs");
  line.run_with_store(command, [request, deed](const Given& given, core::Store& store) {
    ScheduleTools tools(given, store);
    if (auto opened = tools.open(); !opened) return tell(opened.error());
    auto project = tools.project(request->project);
    if (!project) return tell(project.error());
    return deed(tools, *project, *request);
  });
}

}  // namespace

void add_schedule_commands(CommandLine& line) {
  add_schedule_command(line, "list", "the schedules of a project", Takes::nothing, list_schedules);
  add_schedule_command(line, "plan", "what a file would change; writes nothing", Takes::file,
                       plan_schedules, "0 nothing would change, 1 failed, 2 something would");
  add_schedule_command(line, "apply", "make the schedules of a project as a file says", Takes::file,
                       apply_schedules);
  add_schedule_command(line, "export", "schedules in the form that plan and apply take",
                       Takes::nothing, export_schedules);
  add_schedule_command(line, "enable", "switch a schedule on", Takes::name, enable_schedule);
  add_schedule_command(line, "disable", "switch a schedule off", Takes::name, disable_schedule);
  add_schedule_command(line, "trigger", "send the task of a schedule elsewhere now", Takes::name,
                       trigger_schedule);
}

}  // namespace z4j::app
