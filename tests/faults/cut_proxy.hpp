// Stands between a client and PostgreSQL's Unix socket, and breaks connections when asked.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace z4j::faults {

// One thread; ends with the object. Bytes are copied as they come, without a buffer: a side that
// does not read makes the other wait.
class CutProxy {
 public:
  enum class Fault { none, cut, swallow };

  // Listens in `folder`, which it owns, as libpq looks for it.
  CutProxy(std::string folder, const std::string& server_folder)
      : path_(std::move(folder) + "/.s.PGSQL.5432"),
        server_path_(server_folder + "/.s.PGSQL.5432"),
        listener_(make_listener(path_)),
        thread_([this] { run(); }) {}
  ~CutProxy() {
    stop_ = true;
    thread_.join();
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  CutProxy(const CutProxy&) = delete;
  CutProxy& operator=(const CutProxy&) = delete;

  // Every connection ends; with `swallow`, only after its next COMMIT has reached the server, whose
  // answer is thrown away.
  void break_all(Fault fault) { fault_ = fault; }

 private:
  struct Pair {
    int client = -1, server = -1;
    bool is_armed = false;
    int swallowing = 0;  // ticks left until it ends; 0: it does not swallow
  };
  static constexpr int kTickMs = 20, kSwallowTicks = 5;
  static constexpr std::string_view kCommit{"COMMIT\0", 7};  // and not READ COMMITTED

  static sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("path too long: " + path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
  }
  static int make_listener(const std::string& path) {
    const sockaddr_un address = address_of(path);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd, 64) != 0)
      throw std::runtime_error("the proxy can't listen at " + path);
    return fd;
  }
  static void end(Pair& pair) {
    ::close(pair.client);
    ::close(pair.server);
    pair.client = pair.server = -1;
  }

  void accept_one() {
    Pair pair;
    pair.client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (pair.client < 0) return;
    const sockaddr_un address = address_of(server_path_);
    pair.server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (pair.server < 0 ||
        ::connect(pair.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(pair.client);
      if (pair.server >= 0) ::close(pair.server);
      return;
    }
    pairs_.push_back(pair);
  }
  // False when one side is gone.
  static bool copy(Pair& pair, bool from_client) {
    const int from = from_client ? pair.client : pair.server;
    const int to = from_client ? pair.server : pair.client;
    std::array<char, 16384> block;
    const ssize_t n = ::recv(from, block.data(), block.size(), MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    const std::string_view bytes(block.data(), static_cast<std::size_t>(n));
    if (from_client && pair.is_armed && bytes.find(kCommit) != std::string_view::npos)
      pair.swallowing = kSwallowTicks;
    if (!from_client && pair.swallowing > 0) return true;
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t sent = ::send(to, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      done += static_cast<std::size_t>(sent);
    }
    return true;
  }

  void run() {
    std::vector<pollfd> polled;
    auto tick = std::chrono::steady_clock::now();
    while (!stop_) {
      polled.assign(1, {listener_, POLLIN, 0});
      for (const Pair& pair : pairs_) {
        polled.push_back({pair.client, POLLIN, 0});
        polled.push_back({pair.server, POLLIN, 0});
      }
      ::poll(polled.data(), polled.size(), kTickMs);
      const Fault fault = fault_.exchange(Fault::none);
      const auto now = std::chrono::steady_clock::now();
      const bool is_tick = now - tick >= std::chrono::milliseconds(kTickMs);
      if (is_tick) tick = now;
      for (std::size_t i = 0; i < pairs_.size(); ++i) {
        Pair& pair = pairs_[i];
        if (fault == Fault::swallow) pair.is_armed = true;
        const bool is_over = is_tick && pair.swallowing > 0 && --pair.swallowing == 0;
        if (fault == Fault::cut || is_over ||
            (polled[1 + 2 * i].revents != 0 && !copy(pair, true)) ||
            (polled[2 + 2 * i].revents != 0 && !copy(pair, false)))
          end(pair);
      }
      if (polled[0].revents != 0) accept_one();
      std::erase_if(pairs_, [](const Pair& pair) { return pair.client < 0; });
    }
    for (Pair& pair : pairs_) end(pair);
  }

  const std::string path_, server_path_;
  const int listener_;
  std::vector<Pair> pairs_;  // of the thread
  std::atomic<Fault> fault_{Fault::none};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace z4j::faults
