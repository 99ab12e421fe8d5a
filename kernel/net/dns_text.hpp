// TXT records, which say who may send mail for a domain.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace z4j::net {

struct DnsServer {
  std::string address;  // IPv4, with ":port" if it is not 53; "": those of the system
  int timeout_ms = 3'000;
};

// Each record's strings joined; empty when the name has none. Blocks for about twice the time-out.
// Errors: invalid (the name or the server), unavailable, timeout.
[[nodiscard]] base::Result<std::vector<std::string>> dns_text(const std::string& name,
                                                              const DnsServer& server = {});

}  // namespace z4j::net
