// The networks that an API key may come from, looked at with net's reading of addresses.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/forwarded.hpp"

namespace z4j::api {

// For core::ApiKeys::Options.
[[nodiscard]] inline base::Result<bool> is_within(const std::vector<std::string>& networks,
                                                  const std::string& address) {
  const auto all = net::TrustedProxies::parse(networks);
  if (!all) return all.error();
  const auto one = net::Address::parse(address);
  return one && all->contains(*one);
}

}  // namespace z4j::api
