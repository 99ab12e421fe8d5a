// One plugin instance: its host table, its strands and what is known of it.
//
// Never freed: a plugin may call its host table at any time, even after it was destroyed or while
// it is stuck; such calls find closed gates. Thread-safe but for `raw` and `sessions_open`, see
// there.
#pragma once

#include <z4j/abi.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/crash_note.hpp"
#include "plugin/gate.hpp"
#include "plugin/host.hpp"
#include "plugin/http.hpp"
#include "plugin/loader.hpp"
#include "plugin/op_table.hpp"
#include "plugin/outgoing.hpp"
#include "plugin/pool.hpp"
#include "plugin/process/remote.hpp"

namespace z4j::plugin {

// A reply that a plugin is writing.
struct HttpDraft {
  HttpReply reply;
  std::optional<z4j_op> op;  // while the plugin may write to it
  bool is_begun = false, is_too_large = false, is_over = false;
};

// Whether a fault only counts or disables the instance at once.
enum class Fault { counted, fatal };

class Instance {
 public:
  // What stands around it; all outlive the outward gate.
  struct Surroundings {
    OpTable& ops;
    Pool& pool;
    const Callbacks& callbacks;
    base::Log& log;
    const base::Clock& clock;
    const Host::Options& options;
  };

  // Lives as long as the process.
  static Instance& make(config::PluginEntry entry, const LoadedFile& file, Surroundings around,
                        std::shared_ptr<process::Remote> process = {});
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Runs `f` inside the plugin, with a note for the crash handler. False when it threw: that is a
  // fatal fault, and `what`, if given, tells it.
  template <class F>
  bool call(const char* function, z4j_op op, F&& f, std::string* what = nullptr);

  // Queues `run` on the strand of [serial] calls. `allowed_ms`: when the watch gets impatient.
  Strand::Post post_serial(const char* function, std::int64_t allowed_ms,
                           std::function<void()> run);
  // The same for [any-thread] calls that nobody waits for.
  Strand::Post post_aside(const char* function, std::function<void()> run);

  // What the engine can do now. At most a second old; at most half a second of waiting.
  [[nodiscard]] std::uint64_t capabilities();
  [[nodiscard]] std::uint64_t scheduler_capabilities();  // the same of the scheduler
  void ask_capabilities();                               // of both
  // The scheduler's next due times, asked on another thread; two seconds of waiting at most.
  [[nodiscard]] base::Result<std::vector<std::int64_t>> preview(const std::string& schedule_json,
                                                                std::int64_t from_us,
                                                                std::uint32_t most);
  // A schedule of the kernel's was edited, or (none) any may be; to its watch, if it has one.
  void tell_edit(const std::optional<base::Uuid>& id);
  // Tells the plugin that an op is cancelled, if it wants to know.
  void hint_cancel(z4j_op op);
  // The plugin gets the op now. False when it is over already.
  [[nodiscard]] bool begin(z4j_op op, base::Error expired);
  // Ends an op with the plugin's return code. It counts if op_complete() did so before.
  void answer(z4j_op op, base::Result<std::string> result);
  // The same after an exception: op_complete() may have been called, which is no further fault.
  void answer_after_throw(z4j_op op, base::Error error);

  // From here on the plugin may write the reply of that op.
  void expect_reply(z4j_op op, std::shared_ptr<HttpDraft> draft);
  // What came of it, with the result of the op.
  [[nodiscard]] base::Result<HttpReply> end_reply(HttpDraft& draft,
                                                  base::Result<std::string> result);

  // Whether somebody gathers what is seen, and a word to them.
  [[nodiscard]] bool is_watched() const { return around_.callbacks.seen != nullptr; }
  void saw(std::vector<Sighting> sightings);

  std::atomic<int> serving{0};  // requests of its routes that are not answered

  void set_state(State state, std::string why = {}, std::string step = {}, std::string to_do = {});
  // started, or faulted when a disabling fault came first.
  void set_started();
  // A verb that is declared, yet answered as unsupported: a fault, once per verb.
  void count_lie(std::uint64_t verb);
  [[nodiscard]] State state() const;
  // Stops what posts it made: pending ones are dropped, new ones refused.
  void end_posts();
  // The same of its HTTP calls and submissions: those under way are answered as cancelled. False
  // when an answer that came before did not return from the plugin in time.
  [[nodiscard]] bool cancel_calls(int deadline_ms);
  // Its process is gone, unasked: what runs is faulted, or quarantined.
  void process_died(const std::string& why, State state);
  // Host functions are refused from now on; waits for those that run.
  bool seal(int deadline_ms);
  [[nodiscard]] Report report() const;
  void fault(const std::string& what, Fault kind);
  void count_error() { ++errors_; }
  [[nodiscard]] const z4j_host* table() const { return &table_; }
  [[nodiscard]] const z4j_plugin& plugin() const { return *file.descriptor; }
  [[nodiscard]] OpTable& ops() const { return around_.ops; }

  const config::PluginEntry entry;
  const LoadedFile& file;
  const std::shared_ptr<process::Remote> process;  // where `file` is mapped, if not here
  const z4j_engine* const engine;
  const z4j_scheduler* const scheduler;
  const z4j_storage* const storage;
  const z4j_notifier* const notifier;
  const z4j_http* const http;
  const HttpTable served;  // of http; empty without it
  // Written by create() and the host; read inside `inward` or `sessions`, or on the strand.
  z4j_instance* raw = nullptr;
  Gate inward;    // calls into the plugin from any thread; closed before destroy()
  Gate sessions;  // storage calls; closed before stop()
  Strand serial;

  std::mutex sessions_mutex;
  std::map<z4j_session*, bool> sessions_open;  // guarded by sessions_mutex; true: poisoned

 private:
  Instance(config::PluginEntry entry, const LoadedFile& file, Surroundings around,
           std::shared_ptr<process::Remote> process);

  void fill_table();
  void overdue(const char* function, std::int64_t running_ms, int times);
  void back_in_time();
  void log_from_plugin(std::int32_t level, z4j_str message, z4j_str fields_json);
  bool may_log();  // within this second's share
  void count_answer(OpTable::Verdict verdict);
  // Runs `f` as a host function: nothing thrown leaves it; `refused` when the gate is closed.
  template <class R, class F>
  static R serve(void* ctx, R refused, F&& f) noexcept;

  z4j_status on_op_complete(z4j_op, z4j_status, const z4j_error*, z4j_str);
  z4j_status on_emit(const z4j_event_batch*, z4j_error*);
  void on_health(std::int32_t, z4j_str);
  z4j_status on_post(std::uint32_t, void (*)(void*), void (*)(void*), void*);
  z4j_status on_secret(z4j_str, const z4j_sink*, z4j_error*);
  void on_metric(z4j_str, z4j_str, double, std::int32_t);
  void on_notice(z4j_str, z4j_str);
  using HttpDone = void (*)(void*, const z4j_http_answer*);
  z4j_status on_http(const z4j_http_call*, HttpDone, void*, z4j_error*);
  void deliver(std::uint64_t id, const base::Result<HttpAnswer>& answer);
  void end_http(std::uint64_t id, const base::Result<HttpAnswer>& answer);
  void cancel_http();
  z4j_status on_addresses(z4j_str, std::uint32_t, std::uint32_t, const z4j_sink*, z4j_error*);

  z4j_status on_reply_begin(z4j_op, std::uint32_t, z4j_str, z4j_str);
  z4j_status on_reply_write(z4j_op, z4j_str);
  void fill_http();

  using SubmitDone = void (*)(void*, z4j_status, z4j_str);
  z4j_status on_submit(const z4j_submission*, SubmitDone, void*, z4j_error*);
  void deliver_submission(std::uint64_t id, const base::Result<std::string>& answer);
  void end_submission(std::uint64_t id, const base::Result<std::string>& answer);
  void cancel_submissions();
  using Watch = void (*)(void*, const std::uint8_t*);
  z4j_status on_watch(Watch, void*);
  void run_watch();
  // Runs `f` on the kernel's schedules, as those of this scheduler.
  template <class F>
  z4j_status with_schedules(z4j_error* error, F&& f);
  void fill_scheduling();

  struct Capabilities {
    std::uint64_t bits = 0;
    std::optional<std::int64_t> at;
    std::int64_t asked_at = 0;  // when the answer that is known, or awaited, was asked for
    bool is_asking = false;
    std::shared_future<std::uint64_t> asked;
  };
  [[nodiscard]] std::uint64_t ask(Capabilities& known,
                                  const std::function<std::uint64_t()>& function);
  // It has emitted before it was asked last, and said that it does not.
  [[nodiscard]] bool emits_undeclared();
  void saw_events(const base::Status& taken);

  const Surroundings around_;
  const std::string host_version_;
  z4j_host table_{};
  z4j_notices notices_{};
  z4j_http_client http_client_{};
  z4j_resolver resolver_{};
  z4j_submit submit_{};
  z4j_schedule_store schedule_store_{};
  z4j_http_reply http_reply_{};
  Gate outward_;  // host functions; closed when nothing of ours may be touched any more
  Strand aside_;
  Strand previews_;
  std::atomic<bool> takes_posts_{true};
  std::atomic<std::uint64_t> lies_{0};

  mutable std::mutex facts_mutex_;
  State state_ = State::checked;
  Health health_ = Health::ok;
  std::string health_why_, why_, step_, to_do_, overdue_;
  bool stuck_in_call_ = false;
  std::string doomed_;  // a disabling fault before it was started
  std::int64_t started_at_ = 0;

  std::atomic<std::uint64_t> calls_{0}, errors_{0}, faults_{0}, late_{0}, slow_{0}, suppressed_{0};

  mutable std::mutex capabilities_mutex_;
  Capabilities engine_capabilities_, scheduler_capabilities_;  // guarded by capabilities_mutex_
  std::optional<std::int64_t> emits_since_;  // guarded by it too; while it does not declare that

  struct Call {
    HttpDone done = nullptr;
    void* arg = nullptr;
    std::size_t bytes = 0;  // of its body
  };
  Gate answers_;  // of HTTP calls and submissions, on their way into the plugin
  std::mutex calls_mutex_;
  bool takes_calls_ = true;  // guarded by calls_mutex_, as are the next two
  std::uint64_t last_call_ = 0;
  std::map<std::uint64_t, Call> http_calls_;  // whose done() the plugin still waits for
  std::size_t call_bytes_ = 0;                // of their bodies; guarded by calls_mutex_ too

  struct SubmitCall {
    SubmitDone done = nullptr;
    void* arg = nullptr;
  };
  std::map<std::uint64_t, SubmitCall> submissions_;  // guarded by calls_mutex_, like http_calls_

  std::mutex drafts_mutex_;
  std::map<z4j_op, std::shared_ptr<HttpDraft>> drafts_;  // guarded by drafts_mutex_, and what they
  std::size_t draft_bytes_ = 0;                          // point to, as is this: of all bodies

  std::mutex watch_mutex_;  // held while the watch runs: none comes after its end
  Watch watch_ = nullptr;   // guarded by watch_mutex_, as is the next
  void* watch_arg_ = nullptr;
  std::mutex edits_mutex_;
  std::set<base::Uuid> edits_;  // guarded by edits_mutex_, as are the next
  bool has_watch_ = false, is_edit_missed_ = false, is_watch_posted_ = false;

  std::mutex log_mutex_;
  std::int64_t log_second_ = 0;
  unsigned lines_this_second_ = 0;
  std::uint64_t suppressed_this_second_ = 0;
};

template <class R, class F>
R Instance::serve(void* ctx, R refused, F&& f) noexcept {
  auto& self = *static_cast<Instance*>(ctx);
  try {
    const auto pass = self.outward_.enter();
    if (!pass) return refused;
    if constexpr (std::is_same_v<R, int>) {
      return static_cast<R>(f(self));
    } else {
      return f(self);
    }
  } catch (...) {
    return refused;
  }
}

template <class F>
bool Instance::call(const char* function, z4j_op op, F&& f, std::string* what) {
  std::string reason;
  {
    const CrashScope note(CrashNote{entry.name.c_str(), function, op});
    ++calls_;
    try {
      f();
      return true;
    } catch (const std::exception& e) {
      reason = std::string(function) + "() let an exception cross the boundary: " + e.what();
    } catch (...) {
      reason = std::string(function) + "() let an exception cross the boundary";
    }
  }
  fault(reason, Fault::fatal);
  if (what != nullptr) *what = std::move(reason);
  return false;
}

}  // namespace z4j::plugin
