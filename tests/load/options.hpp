// What z4j-agents is asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace z4j::load {

struct Credential {
  std::string token, secret;  // the secret's bytes
};

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string path = "/ws/agent";
  bool tls = false;
  std::string ca_file;  // "" = the certificate is not looked at
  std::vector<Credential> credentials;
  std::size_t agents = 10;
  int heartbeat_s = 0;      // 0: what the brain says
  int seconds = 10;         // of load, once all are connected
  double rate = 0;          // events a second of each agent
  double flood = 0;         // events a second of the first agent instead
  int connect_rate = 1000;  // new connections a second
  bool verify = false;      // check the brain's signatures, as a real agent does
  bool json = false;
};

// Errors: invalid, `where` is the option.
[[nodiscard]] base::Result<Options> parse_options(int count, char** words);
[[nodiscard]] const char* usage() noexcept;

}  // namespace z4j::load
