#include "net/server.hpp"

#include "net/api_server.hpp"
#include "net/front.hpp"

namespace z4j::net {

struct Server::Inside {
  Inside(const ServerOptions& options, Handler handler, std::vector<SocketEndpoint> sockets,
         Observe observe, base::Log& log)
      : api(options, std::move(handler), std::move(observe), log),
        front(options, std::move(sockets), log) {}
  ApiServer api;
  Front front;
  std::atomic<bool> started{false};
};

Server::Server(ServerOptions options, Handler handler, std::vector<SocketEndpoint> sockets,
               Observe observe, base::Log& log)
    : inside_(std::make_unique<Inside>(options, std::move(handler), std::move(sockets),
                                       std::move(observe), log)) {}

Server::~Server() { stop(); }

base::Status Server::start() {
  if (auto bound = inside_->front.bind(); !bound) return bound;
  if (auto started = inside_->api.start(); !started) return started;
  inside_->front.run();
  inside_->started = true;
  return {};
}

void Server::stop(int grace_ms) {
  inside_->front.stop(grace_ms);
  inside_->api.stop();
  inside_->started = false;
}

std::uint16_t Server::port() const noexcept { return inside_->front.port(); }

SocketSender& Server::sockets() noexcept { return inside_->front.sender(); }

ServerStats Server::stats() const {
  ServerStats out;
  inside_->front.fill(out);
  out.threads =
      (inside_->started ? 2 : 0) + inside_->api.threads();  // the loop and Poco's acceptor
  return out;
}

base::Status Server::reload_certificate() { return inside_->front.reload_certificate(); }

}  // namespace z4j::net
