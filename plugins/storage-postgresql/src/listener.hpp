// Hears the notices of other brains, on a connection and a thread of its own.
//
// A connection that is lost is opened again, and then the kernel is told that notices may be
// missing (gap). Between notices the thread sleeps; twice a minute it asks whether the server is
// still there. A notice of this instance itself is dropped: it was delivered after its commit.
#pragma once

#include <z4j/plugin.hpp>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "connection.hpp"

namespace z4j::postgresql {

class Listener {
 public:
  // Settings and back-off outlive it.
  Listener(Host host, const Settings& settings, BackOff& back_off, std::string origin);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Replaces the set of channels. Any thread.
  void listen(std::set<std::string, std::less<>> channels);

 private:
  void run();
  void hear(Connection& connection);
  void deliver(Connection& connection);
  bool stopped();
  // True when it was woken to stop.
  bool sleep(int socket, int timeout_ms);

  Host host_;
  const Settings& settings_;
  BackOff& back_off_;
  std::string origin_;
  int wake_;
  std::mutex mutex_;
  std::set<std::string, std::less<>> channels_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace z4j::postgresql
