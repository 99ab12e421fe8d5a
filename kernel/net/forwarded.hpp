// Who is really asking: the rules for X-Forwarded-For and X-Forwarded-Proto behind trusted proxies.
//
// These headers count only when the TCP peer is inside a trusted network. The client is then the
// right-most hop that isn't itself a trusted proxy, else the left-most; a hop that is no address
// ends the search. Values are immutable after construction, so any thread may ask.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace z4j::net {

// An IP address of either family; IPv4-mapped IPv6 (RFC 4291 2.5.5.2) counts as IPv4.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  bool is_v4 = false;  // then the first four bytes count

  // "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443".
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Address&, const Address&) = default;
};

class TrustedProxies {
 public:
  TrustedProxies() = default;
  // CIDRs or single addresses; the error (bad_config) names the entry that is neither.
  [[nodiscard]] static base::Result<TrustedProxies> parse(const std::vector<std::string>& networks);
  [[nodiscard]] bool contains(const Address& address) const noexcept;

 private:
  struct Network {
    Address address;
    unsigned bits = 0;
  };
  std::vector<Network> networks_;
};

struct ClientSeen {
  std::string client_ip;
  std::string scheme;
  bool from_proxy = false;  // forwarding headers may be handed on
};

// `headers` have lower-case names. An unparsable `peer_ip` is trusted by nobody and kept as it is.
[[nodiscard]] ClientSeen see_client(
    const TrustedProxies& proxies, std::string_view peer_ip, bool over_tls,
    const std::vector<std::pair<std::string, std::string>>& headers);

// True for headers that tell of a forwarding hop; only a trusted proxy may send them.
[[nodiscard]] bool is_forwarding_header(std::string_view lower_case_name) noexcept;
// True for the prefix that only the front itself may use.
[[nodiscard]] bool is_private_header(std::string_view lower_case_name) noexcept;

}  // namespace z4j::net
