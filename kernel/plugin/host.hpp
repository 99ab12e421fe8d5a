// The plugin host: finds, checks, loads and runs plugins through the C ABI, and stands between them
// and the rest of the kernel.
//
// Faults stay with the instance that caused them: a plugin that throws, answers twice, never
// answers, hangs or lies is counted, named and disabled; the brain goes on. Code is never unmapped.
// Knows nothing of tasks or alerts: what plugins emit goes to the callbacks given at wiring time.
//
// Threads: every public function is thread-safe. Calls into a plugin run on the host's blocking
// pool, per instance one after another ([serial]) unless the plugin is CONCURRENT.
#pragma once

#include <z4j/abi.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "plugin/capabilities.hpp"
#include "plugin/http.hpp"
#include "plugin/notifier.hpp"
#include "plugin/outgoing.hpp"
#include "plugin/scheduling.hpp"
#include "plugin/signature.hpp"

namespace z4j::plugin {

enum class State {
  listed,
  checked,
  created,
  started,
  draining,
  stopped,
  destroyed,
  disabled,
  refused,
  faulted,
  stuck,
  quarantined
};
[[nodiscard]] std::string_view to_string(State state) noexcept;
enum class Health { ok, degraded, failing };
[[nodiscard]] std::string_view to_string(Health health) noexcept;

// The JSON result of an operation, or why not. Called exactly once, on any thread.
using Answer = std::function<void(base::Result<std::string>)>;

// What an operator sees of one instance.
struct Report {
  std::string name, plugin, plugin_id, version, project, file, kinds, engine_name, scheduler_name;
  State state = State::listed;
  Health health = Health::ok;
  std::string why;   // health's or refusal's reason
  std::string step;  // of a refusal: file, map, entry, descriptor, config, create, start
  std::string what_to_do;
  std::vector<config::Problem> problems;     // of its config
  std::uint64_t capabilities = 0;            // Z4J_ENGINE_*
  std::uint64_t scheduler_capabilities = 0;  // Z4J_SCHED_*
  std::vector<Capability> abilities;         // all of its kinds, by name; empty: it does not run
  std::uint64_t calls = 0, errors = 0, faults = 0, late_answers = 0, ops_open = 0, ops_expired = 0,
                slow_calls = 0, log_lines_suppressed = 0;
  bool required = false;
  std::int64_t started_at = 0;  // TimeUs, 0 = not started
  std::string isolation;        // inline, process; "": it never came that far
  // Of a process of its own: what of the sandbox holds, what it is now, and how often and how one
  // ended unasked since this program started.
  std::string sandbox;
  int pid = 0;  // 0: none runs
  std::uint64_t memory_bytes = 0, process_deaths = 0;
  std::int64_t cpu_ms = 0;                  // of the processors, since it was started
  std::optional<std::int64_t> cpu_percent;  // of one processor, over the last minute at most
  std::string last_death;
  std::int64_t last_death_at = 0;  // TimeUs
  std::string sha256;              // of the file as it was mapped; "": it was not
  std::optional<Signer> signer;
};

// What the rest of the kernel hears. All called on plugin or pool threads; quick, no blocking.
struct Callbacks {
  // ok: copied; busy: the queue is full, try again after retry_after_ms.
  std::function<base::Status(const std::string& instance, const z4j_event_batch&)> emit;
  std::function<void(const std::string& instance, Health, std::string_view why)> health;
  std::function<void(const std::string& instance, std::string_view name,
                     std::string_view labels_json, double value, int kind)>
      metric;
  std::function<void(std::string_view channel, std::string_view payload)> notice;  // z4j.notices/1
  std::function<void()> notices_gap;
  // The value of a secret reference (the name of a Z4J_* variable or a file under home/secrets).
  std::function<base::Result<std::string>(std::string_view name)> secret;
  Outgoing outgoing = {};
  Scheduling scheduling = {};
  // A call ended that the plugin had got, or it did something unasked that it declares.
  std::function<void(Seen)> seen = {};
};

class StorageClient;

class Host {
 public:
  struct Options {
    std::vector<std::string> directories;  // where plugin files may lie
    std::string host_version;
    unsigned pool_threads = 8;  // blocking pool; up to 24 more replace stuck ones
    int start_deadline_ms = 15'000;
    int stop_deadline_ms = 10'000;
    int op_deadline_ms = 30'000;  // when the caller names none
    int slow_call_ms = 50;        // for [no-block] calls
    // z4j-plugin-host; "": every plugin runs inline. With it a plugin runs in a process of its own
    // if its entry says so or, when that says nothing, if its file is none of those that were built
    // with this program, or wants to.
    std::string process_program = {};
    std::string own_directory = {};                // where those lie
    std::vector<std::string> own_plugins = {};     // their stems
    std::vector<std::string> hidden_folders = {};  // that no plugin's process can read
    SignaturePolicy signatures = {};               // which files must be signed, and by whom
  };

  Host(Options options, Callbacks callbacks, base::Log& log, const base::Clock& clock);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host();  // stop_all()

  // Plugin files in the directories that offer themselves: stem -> path (nothing is mapped).
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> offered() const;

  // Maps and checks the file of `plugin` without making an instance: descriptor facts and schema
  // for `plugin list|describe|check-config`. `sha256` pins the file, as its entry does.
  struct Described {
    std::string file, id, version, name, summary, kinds, schema_json, engine_name, scheduler_name;
    std::string sha256;             // of the file as it was mapped
    std::optional<Signer> signer;   // whose signature is on it
    bool is_singleton = false;      // at most one instance
    bool serves_the_store = false;  // needs z4j.schedule-store/1: runs on every brain
  };
  [[nodiscard]] base::Result<Described> describe(const std::string& plugin,
                                                 const std::string& sha256 = {});

  // Checks, creates and starts one instance; returns when it started or was refused (the report
  // keeps the reason either way). Idempotent for a started one. A stuck or faulted one is replaced.
  // Back-off is the caller's. An entry that is not enabled is only listed as disabled. One whose
  // process died five times in ten minutes is quarantined: refused until stop() was called for it.
  [[nodiscard]] base::Status start(const config::PluginEntry& entry);
  // Draining (half of the stop deadline for what is open), stop, destroy. Idempotent. An instance
  // that does not stop in time, or owes answers when it has, becomes stuck.
  [[nodiscard]] base::Status stop(const std::string& name);
  // All of them, in reverse order of start.
  void stop_all();

  [[nodiscard]] std::vector<Report> reports() const;
  [[nodiscard]] base::Result<Report> report(const std::string& name) const;

  // Engine calls. A verb whose capability bit is not set is refused (unsupported) without a call.
  // An expired deadline answers timeout for snapshots, and for commands unknown: they may have run
  // (timeout when the plugin never got it). deadline_ms <= 0: the option's default.
  void command(const std::string& instance, std::uint64_t verb, std::string target,
               std::string args_json, int deadline_ms, Answer answer);
  void snapshot(const std::string& instance, std::string what, std::string page_json,
                int deadline_ms, Answer answer);

  // Scheduler calls, as engine calls; the JSON is that of docs/abi/scheduler.md. What its
  // capability bits do not offer is refused (unsupported) without a call. An expired deadline
  // answers timeout for list, else unknown (timeout when the plugin never got it).
  void schedules_list(const std::string& instance, std::string page_json, int deadline_ms,
                      Answer answer);
  void schedules_put(const std::string& instance, std::string schedule_json, std::string etag,
                     int deadline_ms, Answer answer);
  void schedules_remove(const std::string& instance, std::string id, std::string etag,
                        int deadline_ms, Answer answer);
  void schedules_trigger(const std::string& instance, std::string id, int deadline_ms,
                         Answer answer);
  // The first running instance of that scheduler, by name; "" when there is none.
  [[nodiscard]] std::string find_scheduler(std::string_view scheduler) const;
  // Its next due times behind `from_us`, at most `most`. Blocks for two seconds at most.
  [[nodiscard]] base::Result<std::vector<std::int64_t>> schedules_preview(
      const std::string& instance, const std::string& schedule_json, std::int64_t from_us,
      std::uint32_t most);
  // To those of that scheduler that watch the kernel's schedules: this one was edited, or (none)
  // any may be. Quick.
  void schedules_edited(std::string_view scheduler, const std::optional<base::Uuid>& id);

  // What running notifiers serve. A type that two instances serve is the first one's, by name.
  struct ServedType {
    TargetType type;
    std::string instance;
  };
  [[nodiscard]] std::vector<ServedType> target_types() const;
  // The answer is what became of the message, docs/abi/notifier.md. An expired deadline answers
  // unknown: the message may have gone out (timeout when the plugin never got it).
  void notify(const std::string& instance, Notification notification, int deadline_ms,
              Answer answer);

  // What that instance serves, while it runs; null else, and for what is no http plugin. Valid as
  // long as the process.
  [[nodiscard]] const HttpTable* serves(const std::string& instance) const;
  // The reply of one of its routes. An expired deadline answers timeout for GET, else unknown
  // (timeout when the plugin never got it).
  void serve(const std::string& instance, HttpRequest request, int deadline_ms,
             HttpReplied replied);

  // The storage driver of that instance; valid until it stops. The error says when it is none.
  [[nodiscard]] base::Result<std::shared_ptr<StorageClient>> storage(const std::string& instance);

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

// A storage driver as the kernel calls it: blocking, on the caller's thread. A deadline bounds the
// wait for an answer the driver still owes; a driver that hangs inside a call holds its caller
// (queries carry a timeout_ms for it). Sessions are lanes: one caller at a time per session.
class StorageClient {
 public:
  virtual ~StorageClient() = default;

  class Session {
   public:
    virtual ~Session() = default;
    // The commit and all it points to must live until this returns; after a time-out
    // (Code::unknown) the session is poisoned: `keep` is held until the driver answers, and every
    // later call fails.
    [[nodiscard]] virtual base::Status commit(z4j_commit& commit, int deadline_ms,
                                              std::shared_ptr<void> keep) = 0;
    // Calls `rows` for each batch until it returns false or the rows end.
    [[nodiscard]] virtual base::Status read(const z4j_query& query, std::uint32_t batch_rows,
                                            const std::function<bool(const z4j_rows&)>& rows) = 0;
    [[nodiscard]] virtual base::Result<std::string> stats() = 0;
    [[nodiscard]] virtual base::Result<std::string> explain(const z4j_query& query) = 0;
    [[nodiscard]] virtual base::Status backup(const std::string& target, int deadline_ms) = 0;
  };

  [[nodiscard]] virtual z4j_store_info info() = 0;
  [[nodiscard]] virtual base::Result<std::string> migrate(const z4j_schema& schema, bool dry_run,
                                                          int deadline_ms) = 0;
  [[nodiscard]] virtual base::Result<std::unique_ptr<Session>> open(std::uint32_t flags) = 0;
  // Replaces the set of channels whose notices come to the callbacks. Notices may be lost with the
  // driver's connection; it then calls notices_gap. unsupported: this driver knows no notices.
  [[nodiscard]] virtual base::Status listen(const std::vector<std::string>& channels) = 0;
};

// On SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT: writes one line to standard error, "z4j: died in
// INSTANCE / FUNCTION / op N", then dies as it would have. For the program's main().
void install_crash_handler();

}  // namespace z4j::plugin
