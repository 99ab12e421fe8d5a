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
#include <string>
#include <string_view>
#include <vector>

#include "plugin/crash_note.hpp"
#include "plugin/gate.hpp"
#include "plugin/host.hpp"
#include "plugin/loader.hpp"
#include "plugin/op_table.hpp"
#include "plugin/outgoing.hpp"
#include "plugin/pool.hpp"

namespace z4j::plugin {

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
  static Instance& make(config::PluginEntry entry, const LoadedFile& file, Surroundings around);
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
  // Tells the plugin that an op is cancelled, if it wants to know.
  void hint_cancel(z4j_op op);
  // The plugin gets the op now. False when it is over already.
  [[nodiscard]] bool begin(z4j_op op, base::Error expired);
  // Ends an op with the plugin's return code. It counts if op_complete() did so before.
  void answer(z4j_op op, base::Result<std::string> result);
  // The same after an exception: op_complete() may have been called, which is no further fault.
  void answer_after_throw(z4j_op op, base::Error error);

  void set_state(State state, std::string why = {}, std::string step = {}, std::string to_do = {});
  // started, or faulted when a disabling fault came first.
  void set_started();
  // A verb that is declared, yet answered as unsupported: a fault, once per verb.
  void count_lie(std::uint64_t verb);
  [[nodiscard]] State state() const;
  // Stops what posts it made: pending ones are dropped, new ones refused.
  void end_posts();
  // The same of its HTTP calls: those under way are answered as cancelled.
  void cancel_http();
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
  const z4j_engine* const engine;
  const z4j_storage* const storage;
  const z4j_notifier* const notifier;
  // Written by create() and the host; read inside `inward` or `sessions`, or on the strand.
  z4j_instance* raw = nullptr;
  Gate inward;    // calls into the plugin from any thread; closed before destroy()
  Gate sessions;  // storage calls; closed before stop()
  Strand serial;

  std::mutex sessions_mutex;
  std::map<z4j_session*, bool> sessions_open;  // guarded by sessions_mutex; true: poisoned

 private:
  Instance(config::PluginEntry entry, const LoadedFile& file, Surroundings around);

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
  z4j_status on_addresses(z4j_str, std::uint32_t, std::uint32_t, const z4j_sink*, z4j_error*);

  const Surroundings around_;
  const std::string host_version_;
  z4j_host table_{};
  z4j_notices notices_{};
  z4j_http_client http_client_{};
  z4j_resolver resolver_{};
  Gate outward_;  // host functions; closed when nothing of ours may be touched any more
  Strand aside_;
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
  std::uint64_t capabilities_ = 0;
  std::optional<std::int64_t> capabilities_at_;
  bool asking_ = false;
  std::shared_future<std::uint64_t> asked_;

  struct Call {
    HttpDone done = nullptr;
    void* arg = nullptr;
  };
  std::mutex calls_mutex_;
  bool takes_calls_ = true;  // guarded by calls_mutex_, as are the next two
  std::uint64_t last_call_ = 0;
  std::map<std::uint64_t, Call> http_calls_;  // whose done() the plugin still waits for

  std::mutex log_mutex_;
  std::int64_t log_second_ = 0;
  unsigned lines_this_second_ = 0;
  std::uint64_t suppressed_this_second_ = 0;
};

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
