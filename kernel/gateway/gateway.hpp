// Agents over the network: takes their connections, their events and reports, and gives them
// commands. One of the holders of agents (core/held_agents.hpp).
//
//   socket ── loop thread ──► Strand ── Desk ──► Session ──► Ingest ── receipt ──► ack
//                                                  ├──► Ledger (rows of agents, workers, queues)
//                                                  └──◄ Errands (commands)
//
// An agent holds no thread: the front's loop hands each message to one of a few desks, and a
// connection is always served by the same. What must ask the store has threads of its own: the door
// for tokens, the ledger for rows.
//
// Threads: thread-safe. Give sockets() and late_routes() to the server, then start() with its
// sender; stop() while the server still lives. Tests may call work() instead of start()'s threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/held_agents.hpp"
#include "core/ingest.hpp"
#include "core/snapshots_read.hpp"
#include "core/store.hpp"
#include "gateway/door.hpp"
#include "gateway/errands.hpp"
#include "gateway/ledger.hpp"
#include "gateway/roster.hpp"
#include "gateway/session.hpp"
#include "net/http.hpp"
#include "net/socket_hub.hpp"

namespace z4j::gateway {

class PollSession;
class SocketSession;

// A scheduler that a process of an agent watches.
struct HeldScheduler {
  base::Uuid agent_id, project_id, session;
  std::string agent_name, scheduler;
  std::string process;  // the same for every connection of one process, as far as it can be told
  std::vector<std::string> capabilities;  // as the agent names them
  bool tells_on_demand = false;           // only once its stream is activated
};

class Gateway final : public core::HeldAgents {
 public:
  struct Options {
    core::Store* store = nullptr;        // none: no rows are written; outlives this, as do the next
    const base::Clock* clock = nullptr;  // required
    base::Log* log = nullptr;            // required
    std::string secret;                  // the installation's
    base::Uuid brain;
    Door::Options door;
    // Events on their way to the store; required.
    std::function<base::Status(const core::EventSource&, const z4j_event_batch&,
                               core::Ingest::Receipt)>
        push;
    // Events of schedulers; see Surroundings.
    std::function<void(const Identity&, base::json::Array events, std::function<void(bool)> done)>
        take_schedules;
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed;
    core::Redact redact;
    // Agents came that other brains may have asked something, or that somebody waits for.
    std::function<void()> on_held;
    unsigned desks = 2;
    std::size_t connections_per_agent = 64;  // 0: any number
    int idle_timeout_s = 90, offline_timeout_s = 30, heartbeat_s = 10;
    std::size_t max_frame_bytes = wire::kMaxFrameBytes;
  };
  struct Stats {
    std::uint64_t agents = 0, connections = 0;
    std::uint64_t frames = 0, events = 0, repeated_frames = 0, refused_frames = 0, acks = 0;
    std::uint64_t late_results = 0;
  };

  explicit Gateway(Options options);
  ~Gateway() override;  // stop()
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  [[nodiscard]] std::vector<net::SocketEndpoint> sockets();
  [[nodiscard]] std::vector<net::LateRoute> late_routes();
  void start(net::SocketSender& sender);
  void stop();
  // One round of everything on this thread, for tests that call begin() instead of start().
  bool work();
  void begin(net::SocketSender& sender) { sender_ = &sender; }

  // Its token is no good any more: connections end, here and now.
  void revoke(const base::Uuid& agent_id);

  [[nodiscard]] std::vector<core::EngineRoute> routes(const base::Uuid& project) override;
  [[nodiscard]] std::vector<base::Uuid> held() const override { return roster_.agents(); }
  [[nodiscard]] bool holds(const base::Uuid& agent_id) const override {
    return roster_.has(agent_id);
  }
  [[nodiscard]] std::optional<core::Fence> fence(const base::Uuid&) const override {
    return std::nullopt;
  }
  void command(const base::Uuid& agent_id, const std::string& engine, std::uint64_t verb,
               std::string target, std::string args_json, int deadline_ms,
               plugin::Answer answer) override;
  void command_of(const base::Uuid& id, const base::Uuid& agent_id, const std::string& engine,
                  std::uint64_t verb, std::string target, std::string args_json, int deadline_ms,
                  plugin::Answer answer) override;
  void read(const base::Uuid& agent_id, std::string_view what, std::string page_json,
            int deadline_ms, plugin::Answer answer) override;

  // Once each for an agent and scheduler: of the process that was heard last.
  [[nodiscard]] std::vector<HeldScheduler> schedulers() const;
  [[nodiscard]] bool is_connected(const base::Uuid& agent_id, const base::Uuid& session) const;
  // An action for a scheduler of the agent, to the process `session` when one is named. The answer
  // is as an engine's, with `outcome`.
  void order(const base::Uuid& agent_id, const std::string& scheduler, wire::Action action,
             int deadline_ms, plugin::Answer answer, const std::optional<base::Uuid>& session = {});

  [[nodiscard]] Stats stats() const;

 private:
  void send(const SessionPtr& session, wire::Action action, int deadline_ms, const base::Uuid& id,
            plugin::Answer answer);

  using SocketPtr = std::shared_ptr<SocketSession>;
  using PollPtr = std::shared_ptr<PollSession>;
  using PollKey = std::pair<base::Uuid, std::string>;  // agent, session nonce

  void open(net::SocketId socket, const net::Request& request);
  void message(net::SocketId socket, std::string_view text);
  void closed(net::SocketId socket, std::uint16_t code);
  [[nodiscard]] SocketPtr find(net::SocketId socket) const;
  void post(const net::Request& request, net::LateAnswer answer);
  void poll(const net::Request& request, net::LateAnswer answer);
  // The session of a request, made when it is new; null when there are too many.
  [[nodiscard]] PollPtr poll_session(const net::Request& request, const Identity& who);
  void end_idle_polls();
  void read_states(const base::Uuid& agent_id, const std::string& page_json, int deadline_ms,
                   plugin::Answer answer);
  [[nodiscard]] Desk& next_desk();
  [[nodiscard]] std::string secret_of(const base::Uuid& project);
  void look_around();
  void run();

  const Options options_;
  const base::Clock& clock_;
  base::Log& log_;
  Door door_;
  Errands errands_;
  Roster roster_;
  Ledger ledger_;
  Surroundings::Figures figures_;
  Surroundings around_;
  std::vector<std::unique_ptr<Desk>> desks_;
  std::atomic<std::size_t> next_desk_{0};
  net::SocketSender* sender_ = nullptr;

  std::mutex secrets_mutex_;
  std::map<base::Uuid, std::string> secrets_;  // by project; guarded by secrets_mutex_

  mutable std::mutex mutex_;
  std::unordered_map<net::SocketId, SocketPtr> sessions_;  // guarded by mutex_, as are those below
  std::map<PollKey, PollPtr> polls_;
  std::condition_variable wake_;
  bool is_stopping_ = false;
  std::int64_t next_look_ms_ = 0;  // at sessions' deadlines; look_around()'s
  std::thread thread_;             // looks at deadlines
};

}  // namespace z4j::gateway
