#include "plugin/host.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "config/schema.hpp"
#include "plugin/crossing.hpp"
#include "plugin/instance.hpp"
#include "plugin/process/remote.hpp"
#include "plugin/storage_client.hpp"

namespace z4j::plugin {

std::string_view to_string(State state) noexcept {
  switch (state) {
    case State::listed:
      return "listed";
    case State::checked:
      return "checked";
    case State::created:
      return "created";
    case State::started:
      return "started";
    case State::draining:
      return "draining";
    case State::stopped:
      return "stopped";
    case State::destroyed:
      return "destroyed";
    case State::disabled:
      return "disabled";
    case State::refused:
      return "refused";
    case State::faulted:
      return "faulted";
    case State::stuck:
      return "stuck";
    case State::quarantined:
      return "quarantined";
  }
  return "unknown";
}

std::string_view to_string(Health health) noexcept {
  switch (health) {
    case Health::ok:
      return "ok";
    case Health::degraded:
      return "degraded";
    case Health::failing:
      return "failing";
  }
  return "unknown";
}

namespace {

constexpr std::size_t kMaxProblems = 100, kMaxProblemText = 500;
constexpr int kSealMs = 2000;
// A plugin that hangs must not hold all who answer requests.
constexpr int kMostServedAtOnce = 8;
constexpr std::size_t kDeathsUntilQuarantine = 5, kMaxDescribedFiles = 256;
constexpr std::int64_t kQuarantineWindowMs = 600'000, kFailureKeptMs = 30'000;
constexpr const char* kQuarantined =
    "look at the log, then start it again: POST /api/v1/plugins/{instance}/enable, or restart z4j";
constexpr const char* kLeftBehind = "it is left behind; a new instance may be started beside it";

// Something run elsewhere that its caller stops waiting for at a deadline.
template <class T>
struct Errand {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<T> result;
  bool given_up = false;
};

template <class T>
std::optional<T> wait_for(Errand<T>& errand, int deadline_ms) {
  std::unique_lock lock(errand.mutex);
  errand.changed.wait_for(lock, std::chrono::milliseconds(deadline_ms),
                          [&] { return errand.result.has_value(); });
  errand.given_up = !errand.result.has_value();
  return std::move(errand.result);
}

// The task side: not at all when nobody waits any more.
template <class T, class F>
void run_errand(Errand<T>& errand, F&& f) {
  {
    const std::lock_guard lock(errand.mutex);
    if (errand.given_up) return;
  }
  T result = f();
  const std::lock_guard lock(errand.mutex);
  errand.result = std::move(result);
  errand.changed.notify_all();
}

// What one call into a plugin came to.
struct Returned {
  z4j_status status = Z4J_INTERNAL;
  std::string threw;  // not "": it let an exception out
  z4j_error error = blank_error();
  [[nodiscard]] bool ok() const { return threw.empty() && status == Z4J_OK; }
  [[nodiscard]] base::Error reason() const {
    if (threw.empty()) return error_from(status, &error);
    return host_error(base::Code::internal, threw,
                      "this is a defect of the plugin; report it to its author");
  }
};

base::Error no_return(const char* function, int deadline_ms) {
  return host_error(
      base::Code::timeout,
      std::string(function) + "() did not return within " + std::to_string(deadline_ms) + " ms",
      kLeftBehind);
}

}  // namespace

struct Host::Inside {
  Inside(Options o, Callbacks c, base::Log& l, const base::Clock& k)
      : options(std::move(o)),
        callbacks(std::move(c)),
        log(l),
        clock(k),
        loader(std::make_shared<Loader>(Loader::Options{options.directories, options.own_directory,
                                                        options.own_plugins, options.signatures})),
        ops(k),
        pool(Pool::Options{std::max(options.pool_threads, 1u), 24}),
        loader_pool(Pool::Options{1, 4}),
        loader_line(std::make_shared<Strand>(loader_pool, 1)) {}

  // How processes of that name ended; kept over its instances.
  struct History {
    std::deque<std::int64_t> deaths_ms;  // of the last ten minutes
    std::uint64_t deaths = 0;
    std::string last;
    std::int64_t last_at = 0;
    bool is_quarantined = false;
  };

  // The newest instance of a name, or the report of why there is none.
  struct Place {
    Instance* instance = nullptr;
    Report without;
  };

  const Options options;
  const Callbacks callbacks;
  base::Log& log;
  const base::Clock& clock;
  const std::shared_ptr<Loader> loader;  // shared with a mapping that hangs
  OpTable ops;
  Pool pool, loader_pool;

  mutable std::mutex mutex;
  std::condition_variable turn_over;
  std::shared_ptr<Strand> loader_line;  // replaced when it hangs
  std::map<std::string, Place> places;
  std::vector<std::string> order;  // names in order of start
  std::vector<Instance*> all;      // ever made here
  std::set<std::string> taken;     // names being started or stopped
  std::map<std::string, History> histories;
  struct DescribedApart {
    base::Result<Described> what;
    std::int64_t until_ms;  // steady; of a failure
  };
  std::map<std::string, DescribedApart> described_apart;  // by the state of the file
  std::mutex describing_apart;                            // one process at a time is started for it

  // One starts or stops a name at a time.
  class Turn {
   public:
    Turn(Inside& inside, std::string name) : inside_(inside), name_(std::move(name)) {
      std::unique_lock lock(inside_.mutex);
      const int patience =
          2 * (inside_.options.start_deadline_ms + inside_.options.stop_deadline_ms);
      mine_ = inside_.turn_over.wait_for(lock, std::chrono::milliseconds(patience),
                                         [&] { return inside_.taken.count(name_) == 0; });
      if (mine_) inside_.taken.insert(name_);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (!mine_) return;
      const std::lock_guard lock(inside_.mutex);
      inside_.taken.erase(name_);
      inside_.turn_over.notify_all();
    }
    explicit operator bool() const { return mine_; }

   private:
    Inside& inside_;
    const std::string name_;
    bool mine_ = false;
  };

  [[nodiscard]] Instance* find(const std::string& name) const {
    const std::lock_guard lock(mutex);
    const auto at = places.find(name);
    return at == places.end() ? nullptr : at->second.instance;
  }

  // Runs `f` on the loader thread. Nothing when it did not come back: then the next ones get
  // another.
  template <class T>
  std::optional<T> on_loader(int deadline_ms, std::function<T()> f) {
    const auto errand = std::make_shared<Errand<T>>();
    Strand::Task task;
    task.run = [errand, f = std::move(f)] { run_errand(*errand, f); };
    task.allowed_ms = std::max(deadline_ms, 1);
    std::shared_ptr<Strand> line;
    {
      const std::lock_guard lock(mutex);
      line = loader_line;
    }
    if (line->post(std::move(task)) != Strand::Post::taken) return std::nullopt;
    std::optional<T> result = wait_for(*errand, deadline_ms);
    if (!result) {
      const std::lock_guard lock(mutex);
      if (loader_line == line) loader_line = std::make_shared<Strand>(loader_pool, 1);
    }
    return result;
  }

  std::optional<Returned> call_on_loader(Instance& instance, const char* function, int deadline_ms,
                                         std::function<z4j_status(z4j_error*)> f) {
    return on_loader<Returned>(deadline_ms, [&instance, function, f = std::move(f)] {
      Returned r;
      instance.call(
          function, 0, [&] { r.status = f(&r.error); }, &r.threw);
      return r;
    });
  }

  std::optional<Returned> call_on_strand(Instance& instance, const char* function, int deadline_ms,
                                         std::function<z4j_status(z4j_error*)> f) {
    const auto errand = std::make_shared<Errand<Returned>>();
    const auto posted = instance.post_serial(
        function, deadline_ms, [errand, &instance, function, f = std::move(f)] {
          run_errand(*errand, [&] {
            Returned r;
            instance.call(
                function, 0, [&] { r.status = f(&r.error); }, &r.threw);
            return r;
          });
        });
    if (posted != Strand::Post::taken) return std::nullopt;
    return wait_for(*errand, deadline_ms);
  }

  // No instance came of it.
  base::Error refuse(const config::PluginEntry& entry, Report report, base::Error error) {
    report.name = entry.name;
    report.plugin = entry.plugin;
    report.project = entry.project;
    report.required = entry.required;
    report.state = State::refused;
    report.health = Health::failing;
    report.why = error.message;
    report.what_to_do = error.hint;
    log_refusal(entry, report.file, report.plugin_id, report.step, error);
    const std::lock_guard lock(mutex);
    places[entry.name] = Place{nullptr, std::move(report)};
    if (error.where.empty()) error.where = entry.where;
    return error;
  }

  // The instance is there but did not start.
  base::Error refuse(Instance& instance, State state, const char* step, base::Error error) {
    if (instance.process != nullptr) {
      instance.process->shut_down();
      if (std::string why = instance.process->why(); !why.empty()) {
        error.message = std::move(why);
        state = is_quarantined(instance.entry.name) ? State::quarantined : State::faulted;
        if (state == State::quarantined) error.hint = kQuarantined;
      }
    }
    instance.set_state(state, error.message, step, error.hint);
    log_refusal(instance.entry, instance.file.path, text_of(instance.plugin().id), step, error);
    ops.abandon(&instance, OpTable::Which::all,
                host_error(base::Code::unavailable, "the instance did not start"));
    instance.seal(kSealMs);
    if (state != State::stuck) ops.forget(&instance);
    if (error.where.empty()) error.where = instance.entry.where;
    return error;
  }

  void log_refusal(const config::PluginEntry& entry, std::string_view file, std::string_view id,
                   std::string_view step, const base::Error& error) {
    log.error("plugin refused", {{"instance", entry.name},
                                 {"plugin", id.empty() ? std::string_view(entry.plugin) : id},
                                 {"file", file},
                                 {"step", step},
                                 {"reason", error.message},
                                 {"what_to_do", error.hint},
                                 {"where", entry.where}});
  }

  const LoadedFile* load(const std::string& plugin, const std::string& sha256, Refusal& refusal) {
    using Loaded = std::pair<const LoadedFile*, Refusal>;
    auto loaded = on_loader<Loaded>(options.start_deadline_ms, [loader = loader, plugin, sha256] {
      Refusal why;
      const LoadedFile* file = loader->load(plugin, sha256, why);
      return Loaded(file, std::move(why));
    });
    if (!loaded) {
      refusal = Refusal{"map", host_error(base::Code::timeout,
                                          "plugin \"" + plugin + "\" hangs while it is mapped",
                                          "restart z4j without it, and report it to its author")};
      return nullptr;
    }
    refusal = std::move(loaded->second);
    return loaded->first;
  }

  // A file to make an instance of, and the process that has mapped it, if it is another one.
  struct Found {
    const LoadedFile* file = nullptr;  // null: see the refusal
    std::shared_ptr<process::Remote> process;
  };
  [[nodiscard]] Found find_file(const config::PluginEntry& entry, Refusal& refusal);
  [[nodiscard]] std::shared_ptr<process::Remote> launch(const config::PluginEntry& entry,
                                                        Refusal& refusal);
  // Not built with this program, and there are processes for such.
  [[nodiscard]] bool is_foreign(const std::string& plugin) const;
  [[nodiscard]] bool is_quarantined(const std::string& name) const {
    const std::lock_guard lock(mutex);
    const auto at = histories.find(name);
    return at != histories.end() && at->second.is_quarantined;
  }
  void process_died(Instance& instance, const std::string& why);
  [[nodiscard]] Report with_history(Report report) const;
  [[nodiscard]] base::Result<Described> describe_apart(const std::string& plugin,
                                                       const std::string& sha256);

  std::vector<config::Problem> validate(const LoadedFile& file, const std::string& config_json);
  base::Status create_and_start(Instance& instance, const std::string& config_json);
  base::Status finish(Instance& instance);
  base::Status stuck(Instance& instance, const char* step, const std::string& why);
  void retire(Instance& instance);
  [[nodiscard]] std::string other_instance_of(const config::PluginEntry& entry,
                                              const z4j_plugin& plugin) const;

  struct OpCall {
    const char* function;
    base::Error not_begun, begun;  // what an expired deadline says
    base::Code threw;              // what an exception says
    std::uint64_t verb = 0;
    std::function<z4j_status(Instance&, z4j_op, z4j_error*)> call;
  };
  // How it ended, and whether the plugin ever got it.
  using Ended = std::function<void(base::Result<std::string>, bool was_begun)>;
  void call_with_op(Instance& instance, OpCall call, int deadline_ms, Ended ended);
  // Counts what came of it, then answers.
  [[nodiscard]] static Ended counted(Instance& instance, Asked asked, Answer answer);

  struct SchedulerCall {
    const char* function = "";
    std::uint64_t bits = 0;   // one of them must be set
    bool only_reads = false;  // a lost answer changed nothing
    std::function<bool(const z4j_scheduler*)> is_there;
    std::function<z4j_status(Instance&, z4j_op, z4j_error*)> call;
    std::function<Asked(std::uint64_t declared)> asked;
  };
  void call_scheduler(const std::string& name, SchedulerCall asked, int deadline_ms, Answer answer);
};

namespace {

// validate()'s sink.
z4j_status take_problem(void* ctx, z4j_str bytes) {
  auto& problems = *static_cast<std::vector<config::Problem>*>(ctx);
  if (problems.size() >= kMaxProblems) return Z4J_TOO_LARGE;
  try {
    const auto parsed = base::json::parse(text_of(bytes), {.max_bytes = 16u << 10, .max_depth = 8});
    if (!parsed || !parsed->is_object()) return Z4J_INVALID;
    const base::json::Object& o = parsed->get_object();
    const auto part = [&](const char* key) {
      return std::string(cut(base::json::text(o, key), kMaxProblemText));
    };
    config::Problem problem;
    problem.where = part("at");
    problem.message = part("message");
    problem.hint = part("hint");
    problems.push_back(std::move(problem));
    return Z4J_OK;
  } catch (...) {
    return Z4J_NO_MEMORY;
  }
}

}  // namespace

std::vector<config::Problem> Host::Inside::validate(const LoadedFile& file,
                                                    const std::string& config_json) {
  using Problems = std::vector<config::Problem>;
  const z4j_plugin& plugin = *file.descriptor;
  if (plugin.validate == nullptr && file.remote == nullptr) return {};
  const auto found = on_loader<Problems>(options.start_deadline_ms, [&file, &plugin, config_json] {
    Problems problems;
    const z4j_sink sink{sizeof(z4j_sink), 0, &problems, take_problem};
    z4j_error error = blank_error();
    z4j_status status = Z4J_INTERNAL;
    try {
      const CrashScope note(CrashNote{nullptr, "validate", 0});
      status = file.remote != nullptr ? file.remote->validate(lend(config_json), sink, error)
                                      : plugin.validate(lend(config_json), &sink, &error);
    } catch (...) {
      error = blank_error();
      status = Z4J_INTERNAL;
    }
    if (status != Z4J_OK && problems.empty()) {
      const base::Error why = error_from(status, &error);
      config::Problem problem;
      problem.where = why.where;
      problem.message = why.message;
      problems.push_back(std::move(problem));
    }
    return problems;
  });
  if (found) return *found;
  config::Problem problem;
  problem.message = "validate() did not return";
  return {problem};
}

std::string Host::Inside::other_instance_of(const config::PluginEntry& entry,
                                            const z4j_plugin& plugin) const {
  if ((plugin.flags & Z4J_PLUGIN_SINGLETON) == 0) return {};
  const std::lock_guard lock(mutex);
  for (const auto& [name, place] : places) {
    if (name == entry.name || place.instance == nullptr) continue;
    if (text_of(place.instance->plugin().id) != text_of(plugin.id)) continue;
    const State state = place.instance->state();
    if (state != State::destroyed && state != State::refused) return name;
  }
  return {};
}

Host::Host(Options options, Callbacks callbacks, base::Log& log, const base::Clock& clock)
    : inside_(std::make_unique<Inside>(std::move(options), std::move(callbacks), log, clock)) {}

Host::~Host() {
  stop_all();
  for (Instance* instance : inside_->all) {
    if (instance->process != nullptr) instance->process->shut_down();
  }
  // Stuck ones stay, but reach nothing of ours any more.
  for (Instance* instance : inside_->all) {
    instance->sessions.close(0);
    instance->inward.close(0);
    inside_->ops.abandon(instance, OpTable::Which::all,
                         host_error(base::Code::cancelled, "the plugin host has stopped"));
    if (!instance->seal(10'000)) {
      inside_->log.error("a call of the plugin into the host hangs",
                         {{"instance", instance->entry.name}});
    }
  }
}

std::vector<std::pair<std::string, std::string>> Host::offered() const {
  return inside_->loader->offered();
}

namespace {

Host::Described describe_file(const LoadedFile& file) {
  const z4j_plugin& d = *file.descriptor;
  const auto interface_of = [&file, &d](const char* id) {
    return file.remote != nullptr ? file.remote->interface_of(id) : d.get_interface(lend(id));
  };
  Host::Described out;
  out.file = file.path;
  out.sha256 = file.sha256;
  out.signer = file.signer;
  out.id = text_of(d.id);
  out.version = text_of(d.version);
  out.name = text_of(d.name);
  out.summary = text_of(d.summary);
  out.kinds = text_of(d.kinds);
  out.schema_json = text_of(d.config_schema_json);
  const auto* engine = static_cast<const z4j_engine*>(interface_of(Z4J_IFACE_ENGINE));
  if (engine != nullptr) out.engine_name = text_of(engine->engine_name);
  const auto* scheduler = static_cast<const z4j_scheduler*>(interface_of(Z4J_IFACE_SCHEDULER));
  if (scheduler != nullptr) out.scheduler_name = text_of(scheduler->scheduler_name);
  out.is_singleton = (d.flags & Z4J_PLUGIN_SINGLETON) != 0;
  out.serves_the_store = has_word(text_of(d.needs), Z4J_SERVICE_SCHEDULE_STORE);
  return out;
}

}  // namespace

base::Result<Host::Described> Host::describe(const std::string& plugin, const std::string& sha256) {
  if (inside_->is_foreign(plugin)) return inside_->describe_apart(plugin, sha256);
  Refusal refusal;
  const LoadedFile* file = inside_->load(plugin, sha256, refusal);
  if (file == nullptr) return refusal.error;
  return describe_file(*file);
}

// A process of its own maps it, just for that; once for each file.
base::Result<Host::Described> Host::Inside::describe_apart(const std::string& plugin,
                                                           const std::string& sha256) {
  auto key = loader->state(plugin);
  if (!key) return key.error();
  *key += " " + sha256;
  const std::lock_guard describing(describing_apart);
  {
    const std::lock_guard lock(mutex);
    const auto known = described_apart.find(*key);
    if (known != described_apart.end() &&
        (known->second.what || clock.steady_ms() < known->second.until_ms))
      return known->second.what;
  }
  config::PluginEntry entry;
  entry.name = "describe";
  entry.plugin = plugin;
  entry.sha256 = sha256;
  Refusal refusal;
  const auto remote = launch(entry, refusal);
  base::Result<Described> out = refusal.error;
  if (remote != nullptr) {
    out = describe_file(remote->file());
    remote->shut_down();
  }
  const std::lock_guard lock(mutex);
  if (described_apart.size() >= kMaxDescribedFiles) described_apart.clear();
  described_apart.insert_or_assign(*key, DescribedApart{out, clock.steady_ms() + kFailureKeptMs});
  return out;
}

bool Host::Inside::is_foreign(const std::string& plugin) const {
  if (options.process_program.empty()) return false;
  const auto path = loader->find(plugin);
  return path && loader->is_foreign(plugin, *path);  // else there is nothing to run anywhere
}

std::shared_ptr<process::Remote> Host::Inside::launch(const config::PluginEntry& entry,
                                                      Refusal& refusal) {
  auto checked = loader->check(entry.plugin, entry.sha256);
  if (!checked) {
    refusal = Refusal{"file", std::move(checked).error()};
    return nullptr;
  }
  process::Remote::Options how;
  how.file = std::move(*checked);
  how.program = options.process_program;
  how.instance = entry.name;
  how.sandbox.limits.memory_bytes = static_cast<std::uint64_t>(entry.memory_limit_mb) << 20;
  how.sandbox.limits.open_files = static_cast<std::uint32_t>(entry.open_files_limit);
  how.sandbox.hidden = options.hidden_folders;
  how.sandbox.readable = options.directories;
  how.cpu_percent = static_cast<std::uint32_t>(entry.cpu_limit_percent);
  // Sooner than who waits for it gives up.
  how.start_ms = options.start_deadline_ms * 9 / 10;
  how.stop_ms = options.stop_deadline_ms * 9 / 10;
  how.op_ms = options.op_deadline_ms;
  return process::Remote::launch(std::move(how), refusal);
}

Host::Inside::Found Host::Inside::find_file(const config::PluginEntry& entry, Refusal& refusal) {
  bool is_apart = entry.isolation == "process";
  if (is_apart && options.process_program.empty()) {
    refusal = Refusal{
        "config", host_error(base::Code::bad_config,
                             "this program has no z4j-plugin-host to run plugins in processes with",
                             "set isolation = \"inline\", or leave it out")};
    return {};
  }
  const bool is_open = entry.isolation.empty();
  if (is_open) is_apart = is_foreign(entry.plugin);
  if (!is_apart) {
    const LoadedFile* const file = load(entry.plugin, entry.sha256, refusal);
    const bool wants = file != nullptr && is_open && !options.process_program.empty() &&
                       (file->descriptor->flags & Z4J_PLUGIN_WANTS_PROCESS) != 0;
    if (!wants) return {file, nullptr};
  }
  auto remote = launch(entry, refusal);
  if (remote == nullptr) return {};
  const LoadedFile& file = remote->file();
  if (has_word(text_of(file.descriptor->kinds), "storage")) {
    remote->shut_down();
    refusal = Refusal{
        "config",
        host_error(base::Code::bad_config,
                   "storage drivers run inside the brain only, not in a process of their own",
                   "set isolation = \"inline\" for this instance, if you trust its file")};
    return {};
  }
  return {&file, std::move(remote)};
}

void Host::Inside::process_died(Instance& instance, const std::string& why) {
  const std::string& name = instance.entry.name;
  bool is_quarantined = false;
  std::uint64_t deaths = 0;
  {
    const std::lock_guard lock(mutex);
    History& history = histories[name];
    const std::int64_t now = clock.steady_ms();
    history.deaths_ms.push_back(now);
    while (history.deaths_ms.front() < now - kQuarantineWindowMs) history.deaths_ms.pop_front();
    deaths = ++history.deaths;
    history.last = why;
    history.last_at = clock.now();
    is_quarantined = history.is_quarantined = history.deaths_ms.size() >= kDeathsUntilQuarantine;
  }
  instance.process_died(why, is_quarantined ? State::quarantined : State::faulted);
  log.error(is_quarantined ? "plugin quarantined" : "plugin process died",
            {{"instance", name},
             {"plugin", text_of(instance.plugin().id)},
             {"why", why},
             {"deaths", deaths}});
  // Who gets the answers may look at once.
  if (callbacks.health) callbacks.health(name, Health::failing, why);
  ops.lose(&instance, host_error(base::Code::unavailable, why, "it is started again"));
}

Report Host::Inside::with_history(Report report) const {
  const std::lock_guard lock(mutex);
  const auto at = histories.find(report.name);
  if (at == histories.end()) return report;
  report.process_deaths = at->second.deaths;
  report.last_death = at->second.last;
  report.last_death_at = at->second.last_at;
  if (report.state == State::quarantined) {
    report.why = std::to_string(kDeathsUntilQuarantine) +
                 " of its processes died within ten minutes, the last: " + report.why;
    report.what_to_do = kQuarantined;
  }
  return report;
}

base::Status Host::start(const config::PluginEntry& entry) {
  Inside& in = *inside_;
  const Inside::Turn turn(in, entry.name);
  if (!turn) {
    return host_error(base::Code::busy,
                      "instance \"" + entry.name + "\" is being started or stopped",
                      "try again later");
  }
  Instance* before = in.find(entry.name);
  if (before != nullptr && before->state() == State::started) return {};
  if (!entry.enabled) {
    Report report;
    report.name = entry.name;
    report.plugin = entry.plugin;
    report.project = entry.project;
    report.required = entry.required;
    report.state = State::disabled;
    if (before != nullptr) in.retire(*before);
    const std::lock_guard lock(in.mutex);
    in.places[entry.name] = Inside::Place{nullptr, std::move(report)};
    return host_error(base::Code::bad_state, "instance \"" + entry.name + "\" is disabled",
                      "enable it first");
  }
  if (in.is_quarantined(entry.name)) {
    return host_error(base::Code::bad_state,
                      "instance \"" + entry.name + "\" is quarantined: " +
                          in.with_history(before != nullptr ? before->report() : Report()).why,
                      kQuarantined);
  }
  if (before != nullptr) in.retire(*before);

  Report report;
  Refusal refusal;
  Inside::Found found = in.find_file(entry, refusal);
  const LoadedFile* file = found.file;
  report.isolation = found.process != nullptr ? "process" : "inline";
  if (file == nullptr) {
    report.isolation = entry.isolation;
    report.step = refusal.step;
    return in.refuse(entry, std::move(report), std::move(refusal.error));
  }
  const z4j_plugin& d = *file->descriptor;
  report.plugin_id = text_of(d.id);
  report.version = text_of(d.version);
  report.kinds = text_of(d.kinds);
  report.file = file->path;
  report.sha256 = file->sha256;
  report.signer = file->signer;

  config::Checked checked = config::check_settings(text_of(d.config_schema_json), entry.settings);
  const std::string config_json = base::json::write(checked.value);
  if (checked.problems.empty()) checked.problems = in.validate(*file, config_json);
  if (!checked.problems.empty()) {
    base::Error error;
    error.code = base::Code::bad_config;
    error.where = entry.where;
    error.hint = "see: z4j-brain plugin describe " + entry.plugin;
    for (const config::Problem& problem : checked.problems) {
      const auto place = entry.setting_where.find(problem.where);
      if (!error.message.empty()) error.message += "; ";
      if (place != entry.setting_where.end()) error.message += place->second + " ";
      error.message += problem.text();
    }
    report.step = "config";
    report.problems = std::move(checked.problems);
    return in.refuse(entry, std::move(report), std::move(error));
  }
  if (const std::string other = in.other_instance_of(entry, d); !other.empty()) {
    report.step = "create";
    return in.refuse(
        entry, std::move(report),
        host_error(base::Code::conflict,
                   "plugin " + report.plugin_id + " allows one instance, \"" + other + "\" is it",
                   "stop \"" + other + "\" first"));
  }

  Instance& instance = Instance::make(
      entry, *file,
      Instance::Surroundings{in.ops, in.pool, in.callbacks, in.log, in.clock, in.options},
      found.process);
  if (found.process != nullptr) {
    found.process->listen(
        {[&in, &instance](const std::string& why) { in.process_died(instance, why); },
         [&instance](const std::string& what, bool is_fatal) {
           instance.fault(what, is_fatal ? Fault::fatal : Fault::counted);
         }});
  }
  {
    const std::lock_guard lock(in.mutex);
    in.all.push_back(&instance);
    in.places[entry.name] = Inside::Place{&instance, {}};
  }
  if (auto started = in.create_and_start(instance, config_json); !started) return started;
  in.log.info("plugin started", {{"instance", entry.name},
                                 {"plugin", report.plugin_id},
                                 {"version", report.version},
                                 {"file", report.file},
                                 {"isolation", found.process != nullptr ? "process" : "inline"}});
  const std::lock_guard lock(in.mutex);
  std::erase(in.order, entry.name);
  in.order.push_back(entry.name);
  return {};
}

base::Status Host::Inside::create_and_start(Instance& instance, const std::string& config_json) {
  const int deadline = options.start_deadline_ms;
  const z4j_plugin& plugin = instance.plugin();
  auto created = call_on_loader(
      instance, "create", deadline, [&instance, &plugin, config_json](z4j_error* error) {
        return plugin.create(instance.table(), lend(config_json), &instance.raw, error);
      });
  if (!created) return refuse(instance, State::stuck, "create", no_return("create", deadline));
  if (!created->ok()) {
    return refuse(instance, created->threw.empty() ? State::refused : State::faulted, "create",
                  created->reason());
  }
  if (instance.raw == nullptr) {
    return refuse(instance, State::refused, "create",
                  host_error(base::Code::internal, "create() answered ok without an instance",
                             "this is a defect of the plugin; report it to its author"));
  }
  instance.set_state(State::created);

  auto started = call_on_strand(
      instance, "start", deadline,
      [&instance, &plugin](z4j_error* error) { return plugin.start(instance.raw, error); });
  if (!started) return refuse(instance, State::stuck, "start", no_return("start", deadline));
  if (!started->ok()) {
    instance.end_posts();
    [[maybe_unused]] const bool returned = instance.cancel_calls(kSealMs);
    instance.inward.close(kSealMs);
    const auto destroyed = call_on_loader(instance, "destroy", options.stop_deadline_ms,
                                          [&instance, &plugin](z4j_error*) {
                                            plugin.destroy(instance.raw);
                                            return Z4J_OK;
                                          });
    if (!destroyed) {
      return refuse(instance, State::stuck, "start",
                    no_return("destroy", options.stop_deadline_ms));
    }
    return refuse(instance, started->threw.empty() ? State::refused : State::faulted, "start",
                  started->reason());
  }
  instance.set_started();
  return {};
}

// A predecessor of the same name, before a new one takes its place.
void Host::Inside::retire(Instance& instance) {
  const State state = instance.state();
  if ((state == State::faulted || state == State::quarantined) && instance.raw != nullptr) {
    [[maybe_unused]] const base::Status stopped = finish(instance);
  }
  if (instance.state() != State::stuck) return;
  instance.sessions.close(0);
  instance.inward.close(0);
  const base::Error replaced =
      host_error(base::Code::unavailable, "the instance was stuck and has been replaced");
  if (instance.process != nullptr) {  // what hangs goes with it
    instance.process->shut_down();
    ops.lose(&instance, replaced);
  } else {
    ops.abandon(&instance, OpTable::Which::all, replaced);
  }
  instance.seal(kSealMs);
}

base::Status Host::Inside::stuck(Instance& instance, const char* step, const std::string& why) {
  const std::string& name = instance.entry.name;
  const base::Error abandoned =
      host_error(base::Code::cancelled, "instance \"" + name + "\" was stopped");
  instance.sessions.close(0);
  instance.inward.close(0);
  if (instance.process != nullptr) {
    // With its process goes what hangs in it: nothing is left behind.
    instance.process->shut_down();
    ops.lose(&instance, abandoned);
    instance.seal(kSealMs);
    instance.raw = nullptr;
    instance.set_state(State::destroyed);
    log.warn("plugin process ended: it did not stop", {{"instance", name}, {"why", why}});
    return {};
  }
  ops.abandon(&instance, OpTable::Which::all, abandoned);
  instance.set_state(State::stuck, why, step, kLeftBehind);
  log.error("plugin stuck", {{"instance", name}, {"step", step}, {"why", why}});
  if (callbacks.health) callbacks.health(name, Health::failing, why);
  instance.seal(kSealMs);
  return host_error(base::Code::timeout, "instance \"" + name + "\": " + why, kLeftBehind);
}

base::Status Host::Inside::finish(Instance& instance) {
  const std::string& name = instance.entry.name;
  const z4j_plugin& plugin = instance.plugin();
  const int deadline = options.stop_deadline_ms;
  const bool healthy = instance.state() == State::started;
  instance.set_state(State::draining);
  if (healthy) ops.wait_idle(&instance, deadline / 2);
  const base::Error stopping =
      host_error(base::Code::cancelled, "instance \"" + name + "\" was stopped");
  ops.abandon(&instance, OpTable::Which::waiting, stopping);
  for (const z4j_op op : ops.cancel(&instance)) instance.hint_cancel(op);
  if (!instance.cancel_calls(deadline / 2))
    return stuck(instance, "stop", "the answer to a call of its own did not return");
  if (!instance.sessions.close(deadline / 2)) {
    return stuck(instance, "stop", "a storage call did not return");
  }
  const auto stopped =
      call_on_strand(instance, "stop", deadline, [&instance, &plugin, deadline](z4j_error* error) {
        if (instance.storage != nullptr) close_sessions(instance);
        instance.end_posts();
        return plugin.stop(instance.raw, static_cast<std::uint32_t>(deadline), error);
      });
  if (!stopped) return stuck(instance, "stop", no_return("stop", deadline).message);
  const OpTable::Counts counts = ops.counts(&instance);
  if (counts.open + counts.owed > 0) {
    return stuck(
        instance, "stop",
        "it stopped with " + std::to_string(counts.open + counts.owed) + " operations unanswered");
  }
  if (!stopped->ok()) {
    log.warn("plugin stopped badly", {{"instance", name}, {"why", stopped->reason().message}});
  }
  if (!instance.inward.close(deadline)) return stuck(instance, "stop", "a call did not return");
  const auto destroyed =
      call_on_loader(instance, "destroy", deadline, [&instance, &plugin](z4j_error*) {
        plugin.destroy(instance.raw);
        return Z4J_OK;
      });
  if (!destroyed) return stuck(instance, "destroy", no_return("destroy", deadline).message);
  instance.raw = nullptr;
  if (instance.process != nullptr) instance.process->shut_down();
  instance.seal(kSealMs);
  instance.set_state(State::destroyed);
  log.info("plugin stopped", {{"instance", name}});
  return {};
}

base::Status Host::stop(const std::string& name) {
  Inside& in = *inside_;
  const Inside::Turn turn(in, name);
  if (!turn) {
    return host_error(base::Code::busy, "instance \"" + name + "\" is being started or stopped",
                      "try again later");
  }
  {
    const std::lock_guard lock(in.mutex);
    if (const auto at = in.histories.find(name); at != in.histories.end()) {
      at->second.is_quarantined = false;
      at->second.deaths_ms.clear();
    }
  }
  Instance* instance = in.find(name);
  if (instance == nullptr || instance->raw == nullptr) return {};
  const State state = instance->state();
  const bool in_call = state == State::stuck && instance->report().step.empty();
  const bool is_faulted = state == State::faulted || state == State::quarantined;
  if (state != State::started && !is_faulted && !in_call) return {};
  if (is_faulted && !instance->report().step.empty()) return {};  // never started
  return in.finish(*instance);
}

void Host::stop_all() {
  std::vector<std::string> order;
  {
    const std::lock_guard lock(inside_->mutex);
    order = inside_->order;
  }
  for (auto name = order.rbegin(); name != order.rend(); ++name) {
    [[maybe_unused]] const base::Status stopped = stop(*name);
  }
}

std::vector<Report> Host::reports() const {
  std::vector<Report> out;
  std::vector<Instance*> instances;
  {
    const std::lock_guard lock(inside_->mutex);
    for (const auto& [name, place] : inside_->places) {
      if (place.instance != nullptr)
        instances.push_back(place.instance);
      else
        out.push_back(place.without);
    }
  }
  for (Instance* instance : instances) {
    if (instance->state() == State::started) instance->ask_capabilities();
    out.push_back(inside_->with_history(instance->report()));
  }
  std::sort(out.begin(), out.end(),
            [](const Report& a, const Report& b) { return a.name < b.name; });
  return out;
}

base::Result<Report> Host::report(const std::string& name) const {
  Instance* instance = nullptr;
  {
    const std::lock_guard lock(inside_->mutex);
    const auto at = inside_->places.find(name);
    if (at == inside_->places.end()) {
      return host_error(base::Code::not_found, "no plugin instance \"" + name + "\"",
                        "z4j-brain plugin list shows what is configured");
    }
    if (at->second.instance == nullptr) return at->second.without;
    instance = at->second.instance;
  }
  if (instance->state() == State::started) instance->ask_capabilities();
  return inside_->with_history(instance->report());
}

namespace {

base::Error not_running(const std::string& name) {
  return host_error(base::Code::unavailable, "plugin instance \"" + name + "\" is not running",
                    "see its instance on the plugins page");
}

}  // namespace

void Host::command(const std::string& name, std::uint64_t verb, std::string target,
                   std::string args_json, int deadline_ms, Answer answer) {
  Instance* instance = inside_->find(name);
  if (instance == nullptr || instance->engine == nullptr || instance->state() != State::started) {
    return answer(not_running(name));
  }
  if (verb == 0 || (verb & (verb - 1)) != 0) {
    return answer(host_error(base::Code::invalid,
                             "a verb is one capability bit, not " + std::to_string(verb)));
  }
  const std::uint64_t declared = instance->capabilities();
  if ((declared & verb) == 0) {
    return answer(host_error(
        base::Code::unsupported,
        "engine instance \"" + name + "\" does not offer verb " + std::to_string(verb) + " now"));
  }
  if (deadline_ms <= 0) deadline_ms = inside_->options.op_deadline_ms;
  const std::string within = " within " + std::to_string(deadline_ms) + " ms";
  Inside::OpCall call;
  call.function = "command";
  call.not_begun = host_error(
      base::Code::timeout, "the plugin was not free" + within + ": nothing was done", "try again");
  call.begun = host_error(base::Code::unknown, "no answer" + within + ": it may have happened",
                          "look at the task before trying again");
  call.threw = base::Code::unknown;
  call.verb = verb;
  Asked asked = asked_by_command(declared, verb, target, args_json);
  call.call = [verb, target = std::move(target), args = std::move(args_json)](
                  Instance& i, z4j_op op, z4j_error* error) {
    return i.engine->command(i.raw, op, verb, lend(target), lend(args), error);
  };
  inside_->call_with_op(*instance, std::move(call), deadline_ms,
                        Inside::counted(*instance, std::move(asked), std::move(answer)));
}

void Host::snapshot(const std::string& name, std::string what, std::string page_json,
                    int deadline_ms, Answer answer) {
  Instance* instance = inside_->find(name);
  if (instance == nullptr || instance->engine == nullptr || instance->state() != State::started) {
    return answer(not_running(name));
  }
  const std::uint64_t declared = instance->capabilities();
  if ((declared & Z4J_ENGINE_SNAPSHOT) == 0) {
    return answer(host_error(base::Code::unsupported,
                             "engine instance \"" + name + "\" offers no snapshots now"));
  }
  if (deadline_ms <= 0) deadline_ms = inside_->options.op_deadline_ms;
  Inside::OpCall call;
  call.function = "snapshot";
  call.not_begun = host_error(
      base::Code::timeout, "no answer within " + std::to_string(deadline_ms) + " ms", "try again");
  call.begun = call.not_begun;
  call.threw = base::Code::internal;
  Asked asked = asked_by_snapshot(declared, what);
  call.call = [what = std::move(what), page = std::move(page_json)](Instance& i, z4j_op op,
                                                                    z4j_error* error) {
    return i.engine->snapshot(i.raw, op, lend(what), lend(page), error);
  };
  inside_->call_with_op(*instance, std::move(call), deadline_ms,
                        Inside::counted(*instance, std::move(asked), std::move(answer)));
}

namespace {

// What an expired deadline of a call that changes something says.
base::Error not_free(const char* what, int deadline_ms) {
  return host_error(base::Code::timeout,
                    "the " + std::string(what) + " was not free within " +
                        std::to_string(deadline_ms) + " ms: nothing was done",
                    "try again");
}

base::Error perhaps(int deadline_ms, const char* hint) {
  return host_error(base::Code::unknown,
                    "no answer within " + std::to_string(deadline_ms) + " ms: it may have happened",
                    hint);
}

}  // namespace

void Host::Inside::call_scheduler(const std::string& name, SchedulerCall asked, int deadline_ms,
                                  Answer answer) {
  Instance* instance = find(name);
  if (instance == nullptr || instance->scheduler == nullptr ||
      instance->state() != State::started) {
    return answer(not_running(name));
  }
  const std::uint64_t declared = instance->scheduler_capabilities();
  if ((declared & asked.bits) == 0 || !asked.is_there(instance->scheduler)) {
    return answer(host_error(base::Code::unsupported,
                             "scheduler instance \"" + name + "\" has no " + asked.function));
  }
  if (deadline_ms <= 0) deadline_ms = options.op_deadline_ms;
  OpCall call;
  call.function = asked.function;
  call.not_begun = not_free("scheduler", deadline_ms);
  call.begun =
      asked.only_reads
          ? host_error(base::Code::timeout,
                       "no answer within " + std::to_string(deadline_ms) + " ms", "try again")
          : perhaps(deadline_ms, "look at the schedule before trying again");
  call.threw = asked.only_reads ? base::Code::internal : base::Code::unknown;
  call.call = std::move(asked.call);
  call_with_op(*instance, std::move(call), deadline_ms,
               counted(*instance, asked.asked(declared), std::move(answer)));
}

void Host::schedules_list(const std::string& name, std::string page_json, int deadline_ms,
                          Answer answer) {
  Inside::SchedulerCall call;
  call.function = "list";
  call.bits = Z4J_SCHED_READ;
  call.only_reads = true;
  call.is_there = [](const z4j_scheduler* s) { return Z4J_HAS(s, z4j_scheduler, list); };
  call.asked = [](std::uint64_t declared) {
    return Asked{.kind = CapabilityKind::scheduler, .declared = declared, .bit = Z4J_SCHED_READ};
  };
  call.call = [page = std::move(page_json)](Instance& i, z4j_op op, z4j_error* error) {
    return i.scheduler->list(i.raw, op, lend(page), error);
  };
  inside_->call_scheduler(name, std::move(call), deadline_ms, std::move(answer));
}

void Host::schedules_put(const std::string& name, std::string schedule_json, std::string etag,
                         int deadline_ms, Answer answer) {
  Inside::SchedulerCall call;
  call.function = "put";
  call.bits = Z4J_SCHED_WRITE | Z4J_SCHED_PAUSE;
  call.is_there = [](const z4j_scheduler* s) { return Z4J_HAS(s, z4j_scheduler, put); };
  call.asked = [schedule_json](std::uint64_t declared) {
    return asked_by_put(declared, schedule_json);
  };
  call.call = [schedule = std::move(schedule_json), etag = std::move(etag)](Instance& i, z4j_op op,
                                                                            z4j_error* error) {
    return i.scheduler->put(i.raw, op, lend(schedule), lend(etag), error);
  };
  inside_->call_scheduler(name, std::move(call), deadline_ms, std::move(answer));
}

void Host::schedules_remove(const std::string& name, std::string id, std::string etag,
                            int deadline_ms, Answer answer) {
  Inside::SchedulerCall call;
  call.function = "remove";
  call.bits = Z4J_SCHED_WRITE;
  call.is_there = [](const z4j_scheduler* s) { return Z4J_HAS(s, z4j_scheduler, remove); };
  call.asked = [](std::uint64_t declared) {
    return Asked{.kind = CapabilityKind::scheduler, .declared = declared, .bit = Z4J_SCHED_WRITE};
  };
  call.call = [id = std::move(id), etag = std::move(etag)](Instance& i, z4j_op op,
                                                           z4j_error* error) {
    return i.scheduler->remove(i.raw, op, lend(id), lend(etag), error);
  };
  inside_->call_scheduler(name, std::move(call), deadline_ms, std::move(answer));
}

void Host::schedules_trigger(const std::string& name, std::string id, int deadline_ms,
                             Answer answer) {
  Inside::SchedulerCall call;
  call.function = "trigger";
  call.bits = Z4J_SCHED_TRIGGER;
  call.is_there = [](const z4j_scheduler* s) { return Z4J_HAS(s, z4j_scheduler, trigger); };
  call.asked = [](std::uint64_t declared) {
    return Asked{.kind = CapabilityKind::scheduler,
                 .declared = declared,
                 .bit = Z4J_SCHED_TRIGGER,
                 .tells_outcome = true};
  };
  call.call = [id = std::move(id)](Instance& i, z4j_op op, z4j_error* error) {
    return i.scheduler->trigger(i.raw, op, lend(id), error);
  };
  inside_->call_scheduler(name, std::move(call), deadline_ms, std::move(answer));
}

std::string Host::find_scheduler(std::string_view scheduler) const {
  const std::lock_guard lock(inside_->mutex);
  for (const auto& [name, place] : inside_->places) {
    const Instance* const instance = place.instance;
    if (instance != nullptr && instance->scheduler != nullptr &&
        text_of(instance->scheduler->scheduler_name) == scheduler &&
        instance->state() == State::started)
      return name;
  }
  return {};
}

base::Result<std::vector<std::int64_t>> Host::schedules_preview(const std::string& name,
                                                                const std::string& schedule_json,
                                                                std::int64_t from_us,
                                                                std::uint32_t most) {
  Instance* instance = inside_->find(name);
  if (instance == nullptr || instance->state() != State::started) return not_running(name);
  if (!Z4J_HAS(instance->scheduler, z4j_scheduler, preview)) {
    return host_error(base::Code::unsupported,
                      "scheduler instance \"" + name + "\" has no preview");
  }
  auto times = instance->preview(schedule_json, from_us, most);
  // It may not have got that far.
  if (!times &&
      (times.error().code == base::Code::busy || times.error().code == base::Code::unavailable))
    return times;
  if (instance->is_watched()) {
    const Asked asked = asked_by_preview(instance->scheduler_capabilities(), schedule_json);
    instance->saw(
        sightings(asked, times ? base::Result<std::string>(std::string()) : times.error()));
  }
  return times;
}

void Host::schedules_edited(std::string_view scheduler, const std::optional<base::Uuid>& id) {
  std::vector<Instance*> instances;
  {
    const std::lock_guard lock(inside_->mutex);
    for (const auto& [name, place] : inside_->places) {
      if (place.instance == nullptr || place.instance->scheduler == nullptr) continue;
      if (text_of(place.instance->scheduler->scheduler_name) == scheduler)
        instances.push_back(place.instance);
    }
  }
  for (Instance* instance : instances) instance->tell_edit(id);
}

std::vector<Host::ServedType> Host::target_types() const {
  std::vector<Instance*> instances;
  {
    const std::lock_guard lock(inside_->mutex);
    for (const auto& [name, place] : inside_->places) {
      if (place.instance != nullptr && place.instance->notifier != nullptr)
        instances.push_back(place.instance);
    }
  }
  std::vector<ServedType> out;
  for (const Instance* instance : instances) {
    if (instance->state() != State::started) continue;
    auto types = plugin::target_types(instance->plugin(), *instance->notifier);
    if (!types) continue;
    for (TargetType& type : *types) {
      const bool is_taken = std::any_of(out.begin(), out.end(), [&](const ServedType& served) {
        return served.type.name == type.name;
      });
      if (!is_taken) out.push_back({std::move(type), instance->entry.name});
    }
  }
  return out;
}

void Host::notify(const std::string& name, Notification notification, int deadline_ms,
                  Answer answer) {
  Instance* instance = inside_->find(name);
  if (instance == nullptr || instance->notifier == nullptr || instance->state() != State::started)
    return answer(not_running(name));
  const std::uint32_t most = instance->notifier->max_body_bytes;
  if (most > 0) notification.text.resize(cut(notification.text, most).size());
  if (deadline_ms <= 0) deadline_ms = inside_->options.op_deadline_ms;
  const std::string within = " within " + std::to_string(deadline_ms) + " ms";
  Inside::OpCall call;
  call.function = "send";
  call.not_begun =
      host_error(base::Code::timeout, "the notifier was not free" + within + ": nothing was sent");
  call.begun = host_error(base::Code::unknown, "no answer" + within + ": it may have been sent");
  call.threw = base::Code::internal;
  call.call = [n = std::move(notification)](Instance& i, z4j_op op, z4j_error* error) {
    z4j_notification out{};
    out.struct_size = sizeof out;
    out.severity = n.severity;
    out.is_test = n.is_test ? 1 : 0;
    out.attempt = n.attempt;
    out.id = lend(n.id);
    out.dedup_key = lend(n.dedup_key);
    out.title = lend(n.title);
    out.body_text = lend(n.text);
    out.url = lend(n.url);
    out.target_json = lend(n.target_json);
    out.context_json = lend(n.context_json);
    out.target_type = lend(n.target_type);
    return i.notifier->send(i.raw, op, &out, error);
  };
  inside_->call_with_op(
      *instance, std::move(call), deadline_ms,
      Inside::counted(
          *instance, Asked{.kind = CapabilityKind::notifier, .name = "send", .tells_outcome = true},
          std::move(answer)));
}

Host::Inside::Ended Host::Inside::counted(Instance& instance, Asked asked, Answer answer) {
  return [&instance, asked = std::move(asked), answer = std::move(answer)](
             base::Result<std::string> result, bool was_begun) {
    if (was_begun && instance.is_watched()) instance.saw(sightings(asked, result));
    answer(std::move(result));
  };
}

void Host::Inside::call_with_op(Instance& instance, OpCall call, int deadline_ms, Ended ended) {
  const std::uint64_t verb = call.verb;
  const auto was_begun = std::make_shared<std::atomic<bool>>(false);
  auto done = [&instance, verb, was_begun, ended](base::Result<std::string> result,
                                                  OpTable::How how, z4j_op op) {
    if (how == OpTable::How::expired) instance.hint_cancel(op);
    if (how == OpTable::How::answered && verb != 0 && !result &&
        result.error().code == base::Code::unsupported) {
      instance.count_lie(verb);
    }
    ended(std::move(result), *was_begun);
  };
  auto op = ops.open(&instance, deadline_ms, call.not_begun, std::move(done));
  if (!op) return ended(std::move(op).error(), false);
  const z4j_op id = *op;
  const auto posted = instance.post_serial(
      call.function, deadline_ms, [&instance, id, was_begun, call = std::move(call)] {
        if (instance.state() != State::started) {
          return instance.answer(id, not_running(instance.entry.name));
        }
        *was_begun = true;
        if (!instance.begin(id, call.begun)) return;
        z4j_error error = blank_error();
        z4j_status status = Z4J_INTERNAL;
        std::string threw;
        instance.call(
            call.function, id, [&] { status = call.call(instance, id, &error); }, &threw);
        if (!threw.empty()) return instance.answer_after_throw(id, host_error(call.threw, threw));
        if (status == Z4J_PENDING) return;
        if (status == Z4J_OK)
          instance.answer(id, std::string());
        else
          instance.answer(id, error_from(status, &error));
      });
  if (posted == Strand::Post::taken) return;
  instance.answer(id, posted == Strand::Post::full
                          ? host_error(base::Code::busy, "the plugin's queue is full", "try again")
                          : not_running(instance.entry.name));
}

namespace {

Sighting sighting_of_reply(const std::string& route, const base::Result<HttpReply>& reply) {
  if (!reply) {
    const base::Error& e = reply.error();
    const bool is_open = e.code == base::Code::unknown;
    return sighting(CapabilityKind::http, route,
                    is_open ? CallOutcome::unknown : CallOutcome::failed, base::to_string(e.code),
                    e.message);
  }
  const CallOutcome outcome = reply->code == 501   ? CallOutcome::unsupported
                              : reply->code >= 500 ? CallOutcome::failed
                                                   : CallOutcome::done;
  return sighting(CapabilityKind::http, route, outcome, std::to_string(reply->code));
}

}  // namespace

const HttpTable* Host::serves(const std::string& name) const {
  const Instance* instance = inside_->find(name);
  if (instance == nullptr || instance->http == nullptr || instance->state() != State::started)
    return nullptr;
  return &instance->served;
}

void Host::serve(const std::string& name, HttpRequest request, int deadline_ms,
                 HttpReplied replied) {
  Instance* instance = inside_->find(name);
  if (instance == nullptr || instance->http == nullptr || instance->state() != State::started)
    return replied(not_running(name));
  const std::vector<HttpRoute>& routes = instance->served.routes;
  if (request.route >= routes.size())
    return replied(host_error(base::Code::not_found, "no such route"));
  if (instance->serving.fetch_add(1) >= kMostServedAtOnce) {
    --instance->serving;
    return replied(host_error(base::Code::busy, "the plugin has enough requests under way"));
  }
  if (deadline_ms <= 0) deadline_ms = inside_->options.op_deadline_ms;
  Inside::OpCall call;
  call.function = "handle";
  call.not_begun = not_free("plugin", deadline_ms);
  call.begun =
      routes[request.route].method == "GET"
          ? host_error(base::Code::timeout,
                       "no answer within " + std::to_string(deadline_ms) + " ms", "try again")
          : perhaps(deadline_ms, "look before trying again");
  call.threw = base::Code::internal;
  const auto draft = std::make_shared<HttpDraft>();
  const std::uint32_t request_route = request.route;
  call.call = [draft, r = std::move(request)](Instance& i, z4j_op op, z4j_error* error) {
    z4j_http_request out{};
    out.struct_size = sizeof out;
    out.route = r.route;
    out.path = lend(r.path);
    out.query = lend(r.query);
    out.body = lend(r.body);
    out.content_type = lend(r.content_type);
    out.params_json = lend(r.params_json);
    out.headers_json = lend(r.headers_json);
    out.user_id = lend(r.user_id);
    out.permissions_json = lend(r.permissions_json);
    out.trace_id = lend(r.trace_id);
    i.expect_reply(op, draft);
    return i.http->handle(i.raw, op, &out, error);
  };
  std::string served = routes[request_route].method + " " + routes[request_route].path;
  inside_->call_with_op(*instance, std::move(call), deadline_ms,
                        [instance, draft, replied, served = std::move(served)](
                            base::Result<std::string> result, bool was_begun) {
                          --instance->serving;
                          auto reply = instance->end_reply(*draft, std::move(result));
                          if (was_begun && instance->is_watched())
                            instance->saw({sighting_of_reply(served, reply)});
                          replied(std::move(reply));
                        });
}

base::Result<std::shared_ptr<StorageClient>> Host::storage(const std::string& name) {
  Instance* instance = inside_->find(name);
  if (instance == nullptr || instance->state() != State::started) {
    return host_error(base::Code::unavailable, "storage instance \"" + name + "\" is not running",
                      "see its instance on the plugins page");
  }
  if (instance->storage == nullptr) {
    return host_error(base::Code::bad_config,
                      "plugin instance \"" + name + "\" is no storage driver",
                      "name an instance of a plugin of kind storage");
  }
  return make_storage_client(*instance);
}

}  // namespace z4j::plugin
