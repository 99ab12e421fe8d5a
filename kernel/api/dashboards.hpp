// `/ws/dashboard`: sockets that hear which kind of thing changed in one project, and keep pages of
// its task list in sight (watches.hpp). docs/reference/live.md has the messages.
//
// The handshake is accepted first; refusals follow as close codes: 4403 origin, 4401 session, 4400
// subscribe, 4403 project, 4402 too many, 4408 idle. A socket lives no longer than the right to see
// its project: sessions and roles are looked at again every few seconds.
//
// Threads: the server's loop calls open, message, closed, which only take notes; one thread of ours
// asks the store. No thread per socket. Bounds: 50 sockets per user, kMaxSockets in all.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "api/watches.hpp"
#include "base/uuid.hpp"
#include "core/live.hpp"
#include "core/policy.hpp"
#include "net/socket_hub.hpp"

namespace z4j::api {

struct Site;

class Dashboards {
 public:
  // What somebody must be allowed in a project to subscribe to it; topics may need more.
  static constexpr core::Action kAction = core::Action::read_project;
  static constexpr std::size_t kMaxSockets = 2000;
  static constexpr std::size_t kMaxPerUser = 50;

  explicit Dashboards(Site& site) : site_(site), watches_(site) {}
  ~Dashboards();  // stop()
  Dashboards(const Dashboards&) = delete;
  Dashboards& operator=(const Dashboards&) = delete;

  [[nodiscard]] net::SocketEndpoint endpoint();
  void start(net::SocketSender& sender);
  // As start(), without its threads: for tests, which call work().
  void use(net::SocketSender& sender);
  void stop();
  [[nodiscard]] std::size_t count() const;

  // One round of what the thread does: new sockets and subscriptions, deadlines, and when due the
  // sessions. For tests; else only the thread calls it.
  void work();
  // What Live tells.
  void told(core::Live::Subscriber id, std::string_view topic);
  [[nodiscard]] Watches& watches() noexcept { return watches_; }

 private:
  struct Socket {
    std::string cookie;
    std::optional<std::string> asked;  // the first message, not looked at yet
    std::int64_t opened_ms = 0;
    base::Uuid user, project;  // once known
    core::LiveTopics wanted = core::kUsualTopics, heard = 0;
    enum class Phase { fresh, known, live } phase = Phase::fresh;
  };

  void open(net::SocketId id, const net::Request& request);
  void message(net::SocketId id, std::string_view text);
  void closed(net::SocketId id);
  void run();
  void identify(net::SocketId id, const std::string& cookie);
  void subscribe(net::SocketId id, const std::string& cookie, const std::string& asked);
  void look_again();
  void end_late_ones();
  void end(net::SocketId id, std::uint16_t code, const char* reason);

  Site& site_;
  Watches watches_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::unordered_map<net::SocketId, Socket> sockets_;  // guarded by mutex_, as are those below
  std::deque<net::SocketId> fresh_, asking_;           // to identify, to subscribe
  net::SocketSender* sender_ = nullptr;                // from start() to stop()
  bool is_stopping_ = false;
  std::int64_t looked_ms_ = 0;  // work()'s own
  std::thread thread_;
};

}  // namespace z4j::api
