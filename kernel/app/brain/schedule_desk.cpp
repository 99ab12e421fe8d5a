#include "app/brain/schedule_desk.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "core/refusal.hpp"

namespace z4j::app {
namespace {

namespace json = base::json;

constexpr std::size_t kMostSubmissions = 1'000;
constexpr const char* kOwnSchedulerPlugin = "scheduler-native";

core::FireCommands::Options sending(const ScheduleDesk::Hooks& hooks) {
  core::FireCommands::Options out;
  out.on_changed = hooks.on_changed;
  out.redact = hooks.redact;
  return out;
}

core::ScheduleFires::Options firing(const config::Settings& settings,
                                    const ScheduleDesk::Hooks& hooks) {
  core::ScheduleFires::Options out;
  out.timeout_s = settings.command_timeout_s;
  out.retention_days = settings.schedule_fires_retention_days;
  out.redact = hooks.redact;
  out.on_changed = hooks.on_changed;
  out.on_edited = hooks.on_edited;
  out.tell_others = hooks.tell_others;
  out.on_occasion = hooks.on_occasion;
  return out;
}

core::ScheduleOutcomes::Options counting(const config::Settings& settings,
                                         const ScheduleDesk::Hooks& hooks,
                                         std::function<void()> every_round) {
  core::ScheduleOutcomes::Options out;
  out.max_failures = settings.schedule_breaker_threshold;
  out.retention_days = settings.schedule_fires_retention_days;
  out.may_run = hooks.may_count;
  out.on_occasion = hooks.on_occasion;
  out.on_edited = hooks.on_edited;
  out.tell_others = hooks.tell_others;
  out.every_round = std::move(every_round);
  out.on_ended = hooks.on_counted;
  return out;
}

// Arguments as the plugin gave them; nothing for "".
template <class T>
base::Result<T> arguments(const std::string& text, const char* where) {
  if (text.empty()) return T();
  auto value = json::parse(text, {.max_bytes = core::kOverrideBytes, .max_depth = 32});
  if (!value) return core::refuse::invalid(where, std::string(where) + " is not JSON");
  if constexpr (std::is_same_v<T, json::Array>) {
    if (value->is_array()) return std::move(value->get_array());
  } else {
    if (value->is_object()) return std::move(value->get_object());
  }
  return core::refuse::invalid(where, std::string(where) + " has the wrong type");
}

}  // namespace

ScheduleDesk::ScheduleDesk(const config::Settings& settings, Around around, Hooks hooks)
    : around_(around),
      waits_(around.store, around.clock, around.log),
      commands_(around.audit, around.routes, around.clock, around.log, sending(hooks)),
      fires_(around.store, around.audit, around.routes, commands_, waits_, around.clock,
             firing(settings, hooks)),
      store_(around.store, around.leases, fires_, around.clock, around.log),
      outcomes_(around.store, around.audit, around.clock, around.log,
                counting(settings, hooks, [this] { store_.end_leads(); })) {}

ScheduleDesk::~ScheduleDesk() { stop(); }

base::Status ScheduleDesk::submit(const std::string& instance, plugin::Submission submission,
                                  std::function<void(base::Result<std::string>)> done) {
  const auto entry =
      std::find_if(around_.entries.begin(), around_.entries.end(),
                   [&](const config::PluginEntry& each) { return each.name == instance; });
  const std::string own = entry != around_.entries.end() ? entry->project : std::string();
  if (submission.project.empty()) submission.project = own;
  if (submission.project != own) {
    return core::refuse::error(base::Code::denied, "project",
                               "instance \"" + instance + "\" works for project \"" + own +
                                   "\" and sends no tasks for another");
  }
  const std::lock_guard lock(mutex_);
  if (is_stopping_ || asked_.size() >= kMostSubmissions) {
    return base::Error{.code = base::Code::busy,
                       .message = "too many tasks wait to be sent",
                       .where = {},
                       .hint = {},
                       .retry_after_ms = 1000};
  }
  asked_.push_back({{}, instance, std::move(submission), std::move(done)});
  wake_.notify_all();
  return {};
}

void ScheduleDesk::carry_out(Asked asked) {
  const plugin::Submission& s = asked.submission;
  const auto refused = [&](const base::Error& why) {
    if (why.is_world() && why.where.empty()) return asked.done(why);
    asked.done(json::write({{"outcome", "refused"},
                            {"reason", why.where.empty() ? why.message : why.where},
                            {"message", why.message}}));
  };
  auto project = around_.projects.by_slug(s.project);
  if (!project) return refused(project.error());
  core::SubmitTask task;
  task.engine = s.engine;
  task.task_name = s.task;
  auto args = arguments<json::Array>(s.args_json, "args");
  auto kwargs = arguments<json::Object>(s.kwargs_json, "kwargs");
  if (!args) return refused(args.error());
  if (!kwargs) return refused(kwargs.error());
  auto more = arguments<json::Object>(s.more_json, "more");
  if (!more) return refused(more.error());
  if (const json::Object* headers = json::object(*more, "headers")) task.headers = *headers;
  task.periodic_task_name = json::text(*more, "periodic_task_name");
  task.args = std::move(*args);
  task.kwargs = std::move(*kwargs);
  if (!s.queue.empty()) task.queue = s.queue;
  if (!s.priority.empty()) task.priority = s.priority;
  if (s.eta_us > 0) {
    const base::TimeUs left = std::max<base::TimeUs>(0, s.eta_us - around_.clock.now());
    task.eta_seconds = (left + base::kSecondUs - 1) / base::kSecondUs;
  }
  // The same key is the same task, for the engine too.
  const std::string key =
      "submit:" + base::hex(base::sha256(asked.instance + "\n" + s.idempotency_key));
  task.task_id = base::Uuid::named(project->id, key).text();
  core::CommandRequest request;
  request.project_id = project->id;
  request.idempotency_key = key;
  auto command = around_.commands.submit_task(request, task);
  if (!command) return refused(command.error());
  auto waiting = waits_.wait(command->id, s.deadline_ms,
                             [done = asked.done, id = command->id](base::Result<core::Command> c) {
                               done(json::write(core::outcome_json(c, id)));
                             });
  if (!waiting) asked.done(json::write(core::outcome_json(waiting.error(), command->id)));
}

void ScheduleDesk::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_for(lock, std::chrono::seconds(60),
                   [this] { return is_stopping_ || !asked_.empty(); });
    if (is_stopping_) return;
    if (asked_.empty()) continue;
    Asked asked = std::move(asked_.front());
    asked_.pop_front();
    lock.unlock();
    carry_out(std::move(asked));
    lock.lock();
  }
}

void ScheduleDesk::start() {
  if (thread_.joinable()) return;
  waits_.start();
  commands_.start();
  outcomes_.start();
  thread_ = std::thread([this] { run(); });
}

void ScheduleDesk::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  std::deque<Asked> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(asked_);
  }
  for (Asked& asked : left) {
    asked.done(base::Error{.code = base::Code::cancelled,
                           .message = "the brain is stopping; nothing was sent",
                           .where = {},
                           .hint = {}});
  }
  outcomes_.stop();
  commands_.stop();
  waits_.stop();
}

void ScheduleDesk::write_metrics(core::MetricText& out) const {
  fires_.write_metrics(out);
  store_.write_metrics(out);
}

void add_own_scheduler(const std::vector<std::pair<std::string, std::string>>& offered,
                       std::vector<config::PluginEntry>& entries) {
  config::PluginEntry own;
  own.name = "schedules";
  own.plugin = kOwnSchedulerPlugin;
  own.where = "schedules";
  const bool is_there = std::any_of(offered.begin(), offered.end(),
                                    [&](const auto& file) { return file.first == own.plugin; });
  const bool is_taken = std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
    return entry.plugin == own.plugin || entry.name == own.name;
  });
  if (is_there && !is_taken) entries.push_back(std::move(own));
}

}  // namespace z4j::app
