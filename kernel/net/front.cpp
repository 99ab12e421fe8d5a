#include "net/front.hpp"

#include <pthread.h>
#include <signal.h>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>

#include "net/front_connection.hpp"

namespace z4j::net {
namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr int kBacklog = 1024;

// OpenSSL writes with write(2): a vanished peer must be an error, not a signal.
void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

// "*" of the pattern stands for one step of the path.
bool begins_with(std::string_view path, std::string_view pattern) noexcept {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return path.substr(0, pattern.size()) == pattern;
  if (path.substr(0, star) != pattern.substr(0, star)) return false;
  const std::size_t end = path.find('/', star);
  return end != std::string_view::npos && begins_with(path.substr(end), pattern.substr(star + 1));
}

}  // namespace

Front::Front(const ServerOptions& options, std::vector<SocketEndpoint> endpoints, base::Log& log)
    : options_(options),
      endpoints_(std::move(endpoints)),
      log_(log),
      acceptor_(io_.get_executor()),
      ticker_(io_),
      accept_pause_(io_),
      upstream_(io_, options.private_socket, options.api_threads, options.max_waiting),
      sockets_(io_, endpoints_, std::chrono::seconds(options.socket_ping_interval_s), log) {
  door_->io = &io_;
}

Front::~Front() {
  stop(0);
  const std::lock_guard lock(door_->mutex);
  door_->io = nullptr;
}

base::Status Front::bind() {
  auto proxies = TrustedProxies::parse(options_.trusted_proxies);
  if (!proxies) return proxies.error();
  proxies_ = *std::move(proxies);
  if (options_.tls_certificate_file.empty() != options_.tls_key_file.empty()) {
    return base::Error{base::Code::bad_config, "TLS needs both a certificate file and a key file",
                       "", "set both, or neither for plain text"};
  }
  if (!options_.tls_certificate_file.empty()) {
    if (auto loaded = reload_certificate(); !loaded) return loaded;
  }

  const std::string where =
      (options_.bind_host.find(':') == std::string::npos ? options_.bind_host
                                                         : "[" + options_.bind_host + "]") +
      ":" + std::to_string(options_.bind_port);
  ErrorCode error;
  auto address = boost::asio::ip::make_address(options_.bind_host, error);
  if (error) {
    boost::asio::ip::tcp::resolver resolver(io_);
    const auto found =
        resolver.resolve(options_.bind_host, std::to_string(options_.bind_port), error);
    if (error || found.empty()) {
      return base::Error{base::Code::bad_config, "cannot listen on " + where + ": no such host", "",
                         "give an address of this machine, or 0.0.0.0 for all"};
    }
    address = found.begin()->endpoint().address();
  }
  const boost::asio::ip::tcp::endpoint endpoint(address, options_.bind_port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(Acceptor::reuse_address(true), error);
  if (!error && address.is_v6()) acceptor_.set_option(boost::asio::ip::v6_only(false), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(kBacklog, error);
  if (error) {
    ErrorCode ignored;
    acceptor_.close(ignored);
    const bool taken = error == boost::asio::error::address_in_use;
    return base::Error{
        taken ? base::Code::conflict : base::Code::bad_config,
        "cannot listen on " + where + ": " + error.message(), "",
        taken ? "another program, or another brain, uses this port: stop it or choose another port"
              : "check the address and, below port 1024, the permission"};
  }
  port_ = acceptor_.local_endpoint().port();
  return {};
}

void Front::run() {
  accept();
  arm_tick();
  thread_ = std::thread([this] { loop(); });
}

void Front::loop() {
  block_sigpipe();
  pthread_setname_np(pthread_self(), "z4j-front");
  while (true) {
    try {
      io_.run();
      return;
    } catch (const std::exception& error) {
      log_.error("front loop went on after an error", {{"error", error.what()}});
    }
  }
}

void Front::accept() {
  acceptor_.async_accept([this](ErrorCode error, TcpSocket socket) {
    if (stopping_ || error == boost::asio::error::operation_aborted) return;
    if (!error) {
      take(std::move(socket));
      return accept();
    }
    if (error == boost::asio::error::connection_aborted) return accept();
    log_.warn("cannot accept a connection",
              {{"error", error.message()}});  // out of descriptors, mostly
    accept_pause_.expires_after(kTick);
    accept_pause_.async_wait([this](ErrorCode aborted) {
      if (!aborted && !stopping_) accept();
    });
  });
}

void Front::take(TcpSocket socket) {
  auto counters = counters_;
  ++counters->total;
  if (counters->open >= options_.max_connections) {
    ++counters->refused;
    return;
  }
  ErrorCode error;
  const auto peer = socket.remote_endpoint(error);
  if (error) return;
  socket.set_option(boost::asio::ip::tcp::no_delay(true), error);
  socket.set_option(boost::asio::socket_base::keep_alive(true), error);
  const auto parsed = Address::parse(peer.address().to_string());
  ++counters->open;
  std::shared_ptr<void> ticket(nullptr, [counters](void*) {
    const std::lock_guard lock(counters->mutex);
    --counters->open;
    counters->none_open.notify_all();
  });
  FrontStream stream(std::move(socket), tls_context(), std::move(ticket));
  auto connection = std::make_shared<FrontConnection>(
      *this, std::move(stream), parsed ? parsed->text() : peer.address().to_string());
  connections_.emplace(connection.get(), connection);
  connection->start();
}

void Front::arm_tick() {
  ticker_.expires_after(kTick);
  ticker_.async_wait([this](ErrorCode error) {
    if (error || ended_) return;
    tick();
    arm_tick();
  });
}

void Front::tick() {
  const auto now = std::chrono::steady_clock::now();
  std::vector<std::shared_ptr<FrontConnection>> due;
  for (const auto& [connection, weak] : connections_) {
    if (!connection->is_due(now)) continue;
    if (auto held = weak.lock()) due.push_back(std::move(held));
  }
  for (const auto& connection : due) connection->on_deadline();
  sockets_.tick(now);
  upstream_.close_idle(now);
}

void Front::stop(int grace_ms) {
  if (!thread_.joinable()) {
    ErrorCode ignored;
    acceptor_.close(ignored);
    return;
  }
  boost::asio::post(io_, [this] {
    stopping_ = true;
    ErrorCode ignored;
    acceptor_.close(ignored);
    accept_pause_.cancel();
    std::vector<std::shared_ptr<FrontConnection>> held;
    for (const auto& [connection, weak] : connections_) {
      if (auto one = weak.lock()) held.push_back(std::move(one));
    }
    for (const auto& connection : held) connection->stop_soon();
    sockets_.close_all(1001, "going away");
  });
  {
    std::unique_lock lock(counters_->mutex);
    counters_->none_open.wait_for(lock, std::chrono::milliseconds(grace_ms),
                                  [this] { return counters_->open == 0; });
  }
  boost::asio::post(io_, [this] {
    ended_ = true;
    ticker_.cancel();
    std::vector<std::shared_ptr<FrontConnection>> held;
    for (const auto& [connection, weak] : connections_) {
      if (auto one = weak.lock()) held.push_back(std::move(one));
    }
    for (const auto& connection : held) connection->abort();
    sockets_.drop_all();
    upstream_.close_all();
  });
  thread_.join();  // with everything closed the loop runs dry
}

base::Status Front::reload_certificate() {
  if (options_.tls_certificate_file.empty()) return {};
  auto loaded = load_tls_context(options_.tls_certificate_file, options_.tls_key_file);
  if (!loaded) return loaded.error();
  const std::lock_guard lock(tls_mutex_);
  tls_ = *std::move(loaded);
  return {};
}

TlsContext Front::tls_context() {
  const std::lock_guard lock(tls_mutex_);
  return tls_;
}

std::size_t Front::body_limit(std::string_view path) const noexcept {
  std::size_t best = 0;
  std::size_t limit = options_.max_body_bytes;
  for (const auto& [prefix, bytes] : options_.body_limits) {
    if (!begins_with(path, prefix) || prefix.size() < best) continue;
    best = prefix.size();
    limit = bytes;
  }
  return limit;
}

const LateRoute* Front::find_late(const Request& request) const noexcept {
  for (const LateRoute& route : options_.late_routes) {
    if (route.path == request.path && route.method == request.method) return &route;
  }
  return nullptr;
}

void Front::fill(ServerStats& stats) const {
  stats.connections_open = counters_->open;
  stats.connections_total = counters_->total;
  stats.connections_refused = counters_->refused;
  stats.requests_total = counters_->requests;
  stats.requests_refused = counters_->requests_refused;
  stats.sockets_open = sockets_.open();
  stats.sockets_dropped_slow = sockets_.dropped_slow();
  stats.socket_messages_in = sockets_.received();
  stats.socket_messages_out = sockets_.sent();
}

}  // namespace z4j::net
