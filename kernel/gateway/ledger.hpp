// What the store knows of connected agents: when they came and went, whether they are there, what
// they say of themselves, of their workers and queues.
//
// Sessions tell; one thread writes. Comings and goings are written at once, many in a commit;
// signs of life are kept in memory and looked at every few seconds: a change is written then, mere
// times less often. While the store is away everything waits, bounded: of signs of life and reports
// only the latest counts.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/ingest_batch.hpp"
#include "core/snapshots_rows.hpp"
#include "core/store.hpp"
#include "gateway/facts.hpp"
#include "gateway/identity.hpp"
#include "gateway/roster.hpp"
#include "wire/health.hpp"

namespace z4j::gateway {

class Ledger {
 public:
  struct Options {
    core::Store* store = nullptr;    // outlives this; none: nothing is written
    const Roster* roster = nullptr;  // required, outlives this
    core::Redact redact;
    base::Uuid brain;
    int offline_timeout_s = 30;
    std::chrono::milliseconds flush_every{5'000}, check_every{30'000};
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed;
    // Agents were connected that other brains may have asked something. After it is stored.
    std::function<void()> on_held;
    // The agent has no token any more, or is gone: a notice of that was lost.
    std::function<void(const base::Uuid& agent)> on_gone;
  };

  Ledger(const base::Clock& clock, base::Log& log, Options options);
  ~Ledger();  // stop()
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  void arrived(const Session& session);
  void departed(const Session& session, std::uint16_t close_code, std::string_view reason);
  void beat(const Session& session, wire::Heartbeat beat, const base::json::Object& payload);
  void status(const Session& session, const base::json::Object& payload);
  void registry(const Session& session, const base::json::Object& payload);

  // As last reported.
  [[nodiscard]] std::optional<std::int64_t> queue_depth(const base::Uuid& agent,
                                                        const std::string& engine,
                                                        const std::string& queue) const;

  void start();
  // Writes what waits, once, and ends the thread.
  void stop();
  // One round. True when something was written.
  bool work();

 private:
  struct Coming {
    Identity who;
    base::Uuid session;
    std::shared_ptr<const Facts> facts;
    std::string client_ip, transport;
    base::TimeUs at = 0;
  };
  struct Going {
    Identity who;
    base::Uuid session;
    std::optional<std::string> worker_id;
    std::optional<std::int64_t> skew_ms;
    base::TimeUs at = 0, heard_at = 0;
    std::uint16_t close_code = 0;
    std::string reason;
  };
  struct Telemetry {
    base::json::Object told;
    bool is_new = false;  // since it was written
  };
  struct Written {  // of an agent's row
    bool is_online = false;
    std::optional<std::int64_t> at_ms, skew_ms;
  };
  template <class T>
  using ByAgent = std::unordered_map<base::Uuid, T, core::UuidHash>;
  struct Report {  // of one engine, the latest
    Identity who;
    wire::EngineHealth health;
    base::TimeUs at = 0;
  };
  using EngineKey = std::pair<base::Uuid, std::string>;  // agent, engine
  struct Names {                                         // of an agent's engine
    Identity who;
    std::map<std::string, std::set<std::string>> workers;  // by task name
    std::set<std::string> changed, removed;
  };

  [[nodiscard]] base::Status write_moves(const std::vector<Coming>& comings,
                                         const std::vector<Going>& goings);
  [[nodiscard]] bool write_moves();
  bool write_reports();
  void write_reports(std::map<EngineKey, Report>& reports);
  void take_delta(const Identity& who, const base::json::Object& delta);
  void learn_names(const EngineKey& key, const Identity& who,
                   const std::vector<core::WorkerReport>& workers);
  bool write_names();
  std::optional<std::string> new_telemetry(const base::Uuid& agent);
  bool write_presence();
  bool check_tokens();
  void changed(const base::Uuid& project, std::string_view topic) const;
  void poke();
  void run();

  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Coming> comings_;  // guarded by mutex_, as all below
  std::deque<Going> goings_;
  std::map<EngineKey, Report> reports_;
  std::map<EngineKey, std::map<std::string, std::int64_t>> depths_;
  ByAgent<Telemetry> telemetry_;
  std::deque<std::pair<Identity, base::json::Object>> deltas_;
  std::uint64_t lost_moves_ = 0;
  bool is_poked_ = false, is_stopping_ = false;

  // The writing thread's.
  std::map<EngineKey, std::unique_ptr<core::SnapshotRows>> rows_;
  std::map<EngineKey, Names> names_;
  ByAgent<Written> written_;
  std::int64_t next_flush_ms_ = 0, next_check_ms_ = 0, next_routes_ms_ = 0, next_workers_ms_ = 0;
  unsigned failures_ = 0;
  std::thread thread_;
};

}  // namespace z4j::gateway
