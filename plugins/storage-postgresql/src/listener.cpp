#include "listener.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "notice_text.hpp"
#include "refusals.hpp"

namespace z4j::postgresql {
namespace {

constexpr int kPingMs = 30000;
constexpr int kLongestPauseMs = 10000;

struct FreeNotify {
  void operator()(PGnotify* n) const noexcept { PQfreemem(n); }
};

const z4j_notices* service_of(const Host& host) {
  return static_cast<const z4j_notices*>(host.service(Z4J_SERVICE_NOTICES));
}

}  // namespace

Listener::Listener(Host host, const Settings& settings, BackOff& back_off, std::string origin)
    : host_(host),
      settings_(settings),
      back_off_(back_off),
      origin_(std::move(origin)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw Error(Z4J_IO, "no file descriptor is free: raise the limit of open files");
  thread_ = std::thread([this] { run(); });
}

Listener::~Listener() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  const std::uint64_t one = 1;
  // Fails only when it was woken before.
  if (::write(wake_, &one, sizeof one) < 0) errno = 0;
  thread_.join();
  ::close(wake_);
}

void Listener::listen(std::set<std::string, std::less<>> channels) {
  const std::lock_guard lock(mutex_);
  channels_ = std::move(channels);
}

bool Listener::stopped() {
  const std::lock_guard lock(mutex_);
  return stop_;
}

bool Listener::sleep(int socket, int timeout_ms) {
  pollfd p[2] = {{wake_, POLLIN, 0}, {socket, POLLIN, 0}};
  ::poll(p, socket < 0 ? 1 : 2, timeout_ms);
  return stopped();
}

void Listener::run() {
  Connection connection(settings_, back_off_, Connection::Use::write);
  bool complained = false, heard = false;
  while (!stopped()) {
    int pause_ms = 0;
    try {
      connection.open();
      connection.run("LISTEN " + sql::pg::quoted_name(notice_channel(settings_.schema)));
      const z4j_notices* service = service_of(host_);
      if (heard && Z4J_HAS(service, z4j_notices, gap)) service->gap(host_.raw()->ctx);
      if (complained) host_.info("notices of other brains arrive again");
      heard = true;
      complained = false;
      hear(connection);
    } catch (const Error& e) {
      if (!complained)
        host_.warn(std::string("notices of other brains do not arrive: ") + e.what());
      complained = heard = true;
      pause_ms = std::clamp(static_cast<int>(e.retry_after_ms), 100, kLongestPauseMs);
    }
    if (pause_ms > 0 && sleep(-1, pause_ms)) return;
  }
}

// Until it is stopped; throws when the connection is lost.
void Listener::hear(Connection& connection) {
  while (true) {
    deliver(connection);
    const Clock::time_point before = Clock::now();
    if (sleep(PQsocket(connection.native()), kPingMs)) return;
    if (PQconsumeInput(connection.native()) == 0) throw connection_lost(settings_.shown);
    if (Clock::now() - before >= std::chrono::milliseconds(kPingMs)) connection.run("SELECT 1");
  }
}

void Listener::deliver(Connection& connection) {
  while (const std::unique_ptr<PGnotify, FreeNotify> n{PQnotifies(connection.native())}) {
    NoticeParts parts;
    if (!take_apart(n->extra, parts) || parts.origin == origin_) continue;
    {
      const std::lock_guard lock(mutex_);
      if (channels_.find(parts.channel) == channels_.end()) continue;
    }
    const z4j_notices* service = service_of(host_);
    if (Z4J_HAS(service, z4j_notices, notice))
      service->notice(host_.raw()->ctx, str(parts.channel), str(parts.payload));
  }
}

}  // namespace z4j::postgresql
