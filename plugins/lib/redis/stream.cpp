#include "lib/redis/stream.hpp"

#include <z4j/plugin.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

namespace z4j::redis {
namespace {

constexpr std::size_t kReadChunk = 64u << 10;

[[noreturn]] void unavailable(const std::string& what) { throw Error(Z4J_UNAVAILABLE, what); }

std::string errno_text(int e) { return std::strerror(e); }

bool is_address(const std::string& host) {
  unsigned char raw[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), raw) == 1 || inet_pton(AF_INET6, host.c_str(), raw) == 1;
}

std::string tls_error_text(ssl_st* tls) {
  const long verify = SSL_get_verify_result(tls);
  if (verify != X509_V_OK) {
    return std::string("its certificate is not accepted: ") +
           X509_verify_cert_error_string(verify) + "; check tls_ca_file and the host name";
  }
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return "the peer closed the connection; perhaps it does not speak TLS";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown error";
}

}  // namespace

void Stream::close() noexcept {
  if (tls_ != nullptr) {
    ERR_clear_error();
    SSL_shutdown(tls_);
    SSL_free(tls_);
    tls_ = nullptr;
  }
  if (context_ != nullptr) {
    SSL_CTX_free(context_);
    context_ = nullptr;
  }
  if (fd_ >= 0) {
    ::close(fd_);
    fd_ = -1;
  }
  read_wants_write_ = write_wants_read_ = false;
}

Stream::Wake Stream::wait(bool to_write, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    const auto ms = std::clamp<std::chrono::milliseconds::rep>(left.count() + 1, 0, INT_MAX);
    pollfd fds[2] = {{fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if ((to_write && !write_wants_read_) || read_wants_write_) fds[0].events |= POLLOUT;
    const int n = ::poll(fds, 2, left.count() < 0 ? 0 : static_cast<int>(ms));
    if (n < 0 && errno != EINTR) unavailable("waiting for " + peer_ + ": " + errno_text(errno));
    if (n > 0) {
      if (fds[1].revents != 0) return Wake::interrupted;
      if (fds[0].revents != 0) return Wake::ready;
    }
    if (std::chrono::steady_clock::now() >= deadline) return Wake::timed_out;
  }
}

void Stream::connect_to(const void* address, unsigned length, int family, Deadline deadline) {
  fd_ = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) unavailable("cannot make a socket: " + errno_text(errno));
  if (family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  }
  int error = 0;
  if (::connect(fd_, static_cast<const sockaddr*>(address), length) != 0) error = errno;
  if (error == EINPROGRESS) {
    switch (wait(true, deadline)) {
      case Wake::interrupted:
        throw Error(Z4J_CANCELLED, "interrupted while connecting to " + peer_);
      case Wake::timed_out:
        error = ETIMEDOUT;
        break;
      case Wake::ready: {
        socklen_t size = sizeof error;
        if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
      }
    }
  }
  if (error != 0) unavailable(errno_text(error));
}

void Stream::open_unix(const std::string& path, Deadline deadline) {
  close();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw Error(Z4J_BAD_CONFIG, "the path of the Unix socket is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  try {
    connect_to(&address, sizeof address, AF_UNIX, deadline);
  } catch (const Error& e) {
    close();
    if (e.code == Z4J_CANCELLED) throw;
    unavailable("cannot connect to unix socket " + path + ": " + e.what());
  }
}

void Stream::open(const Endpoint& to, const Options& options, Deadline deadline) {
  close();
  const std::string name = to.host + ":" + std::to_string(to.port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found);
  if (rc != 0) unavailable("cannot find host " + to.host + ": " + ::gai_strerror(rc));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  std::string why = "no address";
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    try {
      connect_to(a->ai_addr, a->ai_addrlen, a->ai_family, deadline);
      if (options.tls) start_tls(to.host, options, deadline);
      return;
    } catch (const Error& e) {
      close();
      if (e.code != Z4J_UNAVAILABLE) throw;
      why = e.what();
    }
  }
  unavailable("cannot connect to " + name + ": " + why);
}

void Stream::start_tls(const std::string& host, const Options& options, Deadline deadline) {
  ERR_clear_error();
  context_ = SSL_CTX_new(TLS_client_method());
  if (context_ == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context_, options.tls_verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (options.tls_ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context_);
  } else if (SSL_CTX_load_verify_locations(context_, options.tls_ca_file.c_str(), nullptr) != 1) {
    throw Error(Z4J_BAD_CONFIG,
                "cannot read certificates from tls_ca_file " + options.tls_ca_file +
                    "; a PEM file is expected",
                "/tls_ca_file");
  }
  tls_ = SSL_new(context_);
  if (tls_ == nullptr) throw std::bad_alloc();
  if (options.tls_verify) {
    X509_VERIFY_PARAM* param = SSL_get0_param(tls_);
    if (is_address(host)) {
      X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str());
    } else {
      X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      X509_VERIFY_PARAM_set1_host(param, host.data(), host.size());
    }
  }
  if (!is_address(host)) SSL_set_tlsext_host_name(tls_, host.c_str());
  SSL_set_fd(tls_, fd_);
  for (;;) {
    ERR_clear_error();
    const int rc = SSL_connect(tls_);
    if (rc == 1) return;
    const int kind = SSL_get_error(tls_, rc);
    if (kind != SSL_ERROR_WANT_READ && kind != SSL_ERROR_WANT_WRITE) {
      unavailable("TLS: " + tls_error_text(tls_));
    }
    const Wake wake = wait(kind == SSL_ERROR_WANT_WRITE, deadline);
    if (wake == Wake::interrupted)
      throw Error(Z4J_CANCELLED, "interrupted while connecting to " + peer_);
    if (wake == Wake::timed_out)
      unavailable("TLS: no answer in time; perhaps the peer does not speak TLS");
  }
}

std::size_t Stream::read(std::string& into) {
  char chunk[kReadChunk];
  if (tls_ != nullptr) {
    ERR_clear_error();
    const int n = SSL_read(tls_, chunk, sizeof chunk);
    read_wants_write_ = false;
    if (n > 0) {
      into.append(chunk, static_cast<std::size_t>(n));
      return static_cast<std::size_t>(n);
    }
    const int kind = SSL_get_error(tls_, n);
    if (kind == SSL_ERROR_WANT_READ) return 0;
    if (kind == SSL_ERROR_WANT_WRITE) {
      read_wants_write_ = true;
      return 0;
    }
    unavailable(peer_ + " closed the connection");
  }
  const ssize_t n = ::recv(fd_, chunk, sizeof chunk, 0);
  if (n > 0) {
    into.append(chunk, static_cast<std::size_t>(n));
    return static_cast<std::size_t>(n);
  }
  if (n == 0) unavailable(peer_ + " closed the connection");
  if (errno == EAGAIN || errno == EINTR) return 0;
  unavailable("connection to " + peer_ + " lost: " + errno_text(errno));
}

std::size_t Stream::write(std::string_view bytes) {
  if (bytes.empty()) return 0;
  if (tls_ != nullptr) {
    ERR_clear_error();
    const int n = SSL_write(tls_, bytes.data(),
                            static_cast<int>(std::min<std::size_t>(bytes.size(), 1u << 20)));
    write_wants_read_ = false;
    if (n > 0) return static_cast<std::size_t>(n);
    const int kind = SSL_get_error(tls_, n);
    if (kind == SSL_ERROR_WANT_WRITE) return 0;
    if (kind == SSL_ERROR_WANT_READ) {
      write_wants_read_ = true;
      return 0;
    }
    unavailable(peer_ + " closed the connection");
  }
  const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN || errno == EINTR) return 0;
  unavailable("connection to " + peer_ + " lost: " + errno_text(errno));
}

bool Stream::stale() {
  if (fd_ < 0) return true;
  char byte = 0;
  if (tls_ != nullptr) {
    ERR_clear_error();
    const int n = SSL_peek(tls_, &byte, 1);
    if (n > 0) return true;
    const int kind = SSL_get_error(tls_, n);
    return kind != SSL_ERROR_WANT_READ && kind != SSL_ERROR_WANT_WRITE;
  }
  const ssize_t n = ::recv(fd_, &byte, 1, MSG_PEEK);
  return n >= 0 || (errno != EAGAIN && errno != EINTR);
}

}  // namespace z4j::redis
