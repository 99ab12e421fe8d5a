// Where this program may be sent by people and plugins: public addresses, and what the operator has
// opened. Names are resolved here, every address is checked, and the caller dials the address that
// was checked: a name that changes its mind in between (DNS rebinding) leads nowhere.
//
// Thread-safe. Lookups run on threads of their own, because the system's resolver knows no
// deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/forwarded.hpp"

namespace z4j::net {

// Loopback, private, link-local, shared, benchmark, documentation, multicast, reserved: "" for a
// public address, else what it is. IPv4 inside IPv6 (mapped, 6to4, NAT64) is judged as IPv4.
[[nodiscard]] std::string_view kind_of_private(const Address& address) noexcept;

class DialGuard {
 public:
  // All addresses of a name; an empty list: there is no such name. Blocks.
  using Resolve = std::function<base::Result<std::vector<Address>>(const std::string& host)>;

  struct Options {
    // What may be dialled though it is not public: "host", "host:port", an address or a CIDR block.
    std::vector<std::string> internal_targets = {};
    Resolve resolve = {};  // empty: the system's
    int resolve_ms = 5'000;
    std::int64_t cache_ms = 30'000;
    std::size_t cache_names = 10'000;
  };

  // bad_config names the target that is none.
  [[nodiscard]] static base::Result<std::unique_ptr<DialGuard>> make(Options options,
                                                                     const base::Clock& clock);
  ~DialGuard();
  DialGuard(const DialGuard&) = delete;
  DialGuard& operator=(const DialGuard&) = delete;

  // The addresses to dial, in the resolver's order; port 0: whatever port. Errors: denied when one
  // of them is not public and not opened; not_found; timeout; unavailable.
  [[nodiscard]] base::Result<std::vector<Address>> addresses(const std::string& host,
                                                             std::uint16_t port, int deadline_ms);

 private:
  struct Inside;
  explicit DialGuard(std::shared_ptr<Inside> inside);
  std::shared_ptr<Inside> inside_;
};

}  // namespace z4j::net
