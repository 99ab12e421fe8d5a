// A server on a free port with a private folder of its own, for tests.
#pragma once

#include <cppunit/TestAssert.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "net/server.hpp"

namespace z4j::net::testing {

// Removed with all files in it.
class PrivateFolder {
 public:
  PrivateFolder() {
    char name[] = "/tmp/z4j-net-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~PrivateFolder() {
    if (DIR* folder = opendir(path_.c_str())) {
      while (const dirent* entry = readdir(folder)) unlink((path_ + "/" + entry->d_name).c_str());
      closedir(folder);
    }
    rmdir(path_.c_str());
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// A latch that gives up after a while.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool wait(int seconds = 15) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(seconds), [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// Values handed over from callbacks.
template <class T>
class Inbox {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  // The value at that place, once it is there.
  [[nodiscard]] T at(std::size_t index) {
    std::unique_lock lock(mutex_);
    const bool there =
        changed_.wait_for(lock, std::chrono::seconds(15), [&] { return values_.size() > index; });
    CPPUNIT_ASSERT_MESSAGE("nothing came in time", there);
    return values_[index];
  }
  [[nodiscard]] std::size_t size() {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> values_;
};

struct RunningServer {
  explicit RunningServer(const PrivateFolder& folder, Handler handler = {},
                         ServerOptions options = {}, std::vector<SocketEndpoint> sockets = {},
                         Server::Observe observe = {}) {
    options.bind_port = 0;
    options.private_socket = folder.file("api.sock");
    if (!handler) handler = [](const Request&) { return Response{}; };
    server = std::make_unique<Server>(options, std::move(handler), std::move(sockets),
                                      std::move(observe), base::Log::quiet());
    const auto started = server->start();
    CPPUNIT_ASSERT_MESSAGE(started.ok() ? "" : started.error().text(), started.ok());
  }
  [[nodiscard]] std::uint16_t port() const { return server->port(); }
  std::unique_ptr<Server> server;
};

// Threads of this process, from the kernel.
[[nodiscard]] inline int thread_count() {
  std::ifstream status("/proc/self/status");
  std::string word;
  int count = 0;
  while (status >> word) {
    if (word == "Threads:") status >> count;
  }
  return count;
}

}  // namespace z4j::net::testing
