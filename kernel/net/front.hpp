// The loop that owns the public port: accepts, keeps every public connection and its deadlines, and
// passes requests to the API server and WebSockets to their table. One thread runs it all.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/forwarded.hpp"
#include "net/front_stream.hpp"
#include "net/server.hpp"
#include "net/socket_table.hpp"
#include "net/tls_context.hpp"
#include "net/upstream.hpp"

namespace z4j::net {

class FrontConnection;

class Front {
 public:
  Front(const ServerOptions& options, std::vector<SocketEndpoint> endpoints, base::Log& log);
  ~Front();
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  // Reads the certificate and binds; the port is known after it.
  [[nodiscard]] base::Status bind();
  void run();               // starts the loop's thread
  void stop(int grace_ms);  // see Server::stop(); idempotent

  [[nodiscard]] base::Status reload_certificate();
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] SocketSender& sender() noexcept { return sockets_; }
  void fill(ServerStats& stats) const;

 private:
  friend class FrontConnection;
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, LoopExecutor>;

  void accept();
  void take(TcpSocket socket);
  void arm_tick();
  void tick();
  void loop();
  [[nodiscard]] std::size_t body_limit(std::string_view path) const noexcept;
  [[nodiscard]] const LateRoute* find_late(const Request& request) const noexcept;
  [[nodiscard]] TlsContext tls_context();

  const ServerOptions options_;
  const std::vector<SocketEndpoint> endpoints_;
  base::Log& log_;
  TrustedProxies proxies_;
  boost::asio::io_context io_{1};
  Acceptor acceptor_;
  boost::asio::steady_timer ticker_;
  boost::asio::steady_timer accept_pause_;
  UpstreamPool upstream_;
  SocketTable sockets_;
  std::unordered_map<FrontConnection*, std::weak_ptr<FrontConnection>> connections_;  // loop thread
  std::size_t body_bytes_ = 0;                                                        // loop thread
  bool stopping_ = false;                                                             // loop thread
  bool ended_ = false;                                                                // loop thread
  std::uint16_t port_ = 0;
  std::thread thread_;

  // Brings late answers to the loop as long as there is one.
  struct Door {
    std::mutex mutex;
    boost::asio::io_context* io = nullptr;  // guarded by mutex

    template <class Function>
    void post(Function function) {
      const std::lock_guard lock(mutex);
      if (io != nullptr) boost::asio::post(*io, std::move(function));
    }
  };
  const std::shared_ptr<Door> door_ = std::make_shared<Door>();

  std::mutex tls_mutex_;
  TlsContext tls_;  // guarded by tls_mutex_

  // Outlives every connection: a ticket counts its connection down wherever it ends.
  struct Counters {
    std::atomic<std::uint64_t> open{0}, total{0}, refused{0}, requests{0}, requests_refused{0};
    std::mutex mutex;
    std::condition_variable none_open;
  };
  const std::shared_ptr<Counters> counters_ = std::make_shared<Counters>();
};

}  // namespace z4j::net
