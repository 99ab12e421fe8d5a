// A sender of sockets that keeps what it is told: for unit tests.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "net/socket_hub.hpp"

namespace z4j::api::testing {

// What the front would have been told.
class FakeSender final : public net::SocketSender {
 public:
  bool send(net::SocketId id, std::string_view text) override {
    const std::lock_guard lock(mutex_);
    if (closed_.contains(id)) return false;
    sent_[id].emplace_back(text);
    return true;
  }
  void close(net::SocketId id, std::uint16_t code, std::string_view) override {
    const std::lock_guard lock(mutex_);
    closed_.emplace(id, code);
  }
  int code(net::SocketId id) {
    const std::lock_guard lock(mutex_);
    const auto found = closed_.find(id);
    return found == closed_.end() ? 0 : found->second;
  }
  std::vector<std::string> sent(net::SocketId id) {
    const std::lock_guard lock(mutex_);
    return sent_[id];
  }

 private:
  std::mutex mutex_;
  std::map<net::SocketId, std::vector<std::string>> sent_;
  std::map<net::SocketId, std::uint16_t> closed_;
};

}  // namespace z4j::api::testing
