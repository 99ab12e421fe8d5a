// What a plugin asks the host to do in the network; plain data. Who wires the host says how it is
// done.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace z4j::plugin {

struct HttpCall {
  std::string method, url, body;
  std::vector<std::pair<std::string, std::string>> headers;
  int deadline_ms = 0;
  std::size_t max_answer_bytes = 0;
  unsigned max_redirects = 0;
};

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  bool is_cut = false;
};

// Empty functions: this host has no such service. Both refuse (denied) what may not be dialled.
struct Outgoing {
  // `done` is called exactly once, on any thread, unless this fails.
  std::function<base::Status(HttpCall, std::function<void(base::Result<HttpAnswer>)> done)> http;
  // Blocks for at most that long.
  std::function<base::Result<std::vector<std::string>>(const std::string& host, std::uint16_t port,
                                                       int deadline_ms)>
      addresses;
};

}  // namespace z4j::plugin
