#include "net/forwarded.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace z4j::net {
namespace {

std::string_view trim_hop(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '"'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '"'))
    text.remove_suffix(1);
  return text;
}

// The last entry of a comma list and what stands before it.
std::string_view take_last(std::string_view& list) noexcept {
  const std::size_t comma = list.rfind(',');
  const std::string_view last = comma == std::string_view::npos ? list : list.substr(comma + 1);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  return trim_hop(last);
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view after = text.substr(end + 1);
    if (!after.empty() && after.front() != ':') return std::nullopt;
    text = text.substr(1, end - 1);
    if (text.find(':') == std::string_view::npos) return std::nullopt;
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  char copy[INET6_ADDRSTRLEN] = {};
  std::copy(text.begin(), text.end(), copy);
  Address out;
  if (inet_pton(AF_INET, copy, out.bytes.data()) == 1) {
    out.is_v4 = true;
    return out;
  }
  if (inet_pton(AF_INET6, copy, out.bytes.data()) != 1) return std::nullopt;
  static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), out.bytes.begin())) {
    Address v4;
    v4.is_v4 = true;
    std::copy(out.bytes.begin() + 12, out.bytes.end(), v4.bytes.begin());
    return v4;
  }
  return out;
}

std::string Address::text() const {
  char out[INET6_ADDRSTRLEN] = {};
  return inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes.data(), out, sizeof out) ? std::string(out)
                                                                              : std::string();
}

base::Result<TrustedProxies> TrustedProxies::parse(const std::vector<std::string>& networks) {
  TrustedProxies out;
  for (const std::string& entry : networks) {
    const std::size_t slash = entry.find('/');
    const std::string_view host = std::string_view(entry).substr(0, slash);
    const auto address =
        host.find_first_of("[]") == std::string_view::npos ? Address::parse(host) : std::nullopt;
    const unsigned most = address && address->is_v4 ? 32 : 128;
    unsigned bits = most;
    bool good =
        address.has_value() && (address->is_v4 ? host.find(':') == std::string_view::npos : true);
    if (good && slash != std::string::npos) {
      const char* end = entry.data() + entry.size();
      const auto [stop, error] = std::from_chars(entry.data() + slash + 1, end, bits);
      good =
          error == std::errc() && stop == end && bits <= most && stop != entry.data() + slash + 1;
    }
    if (!good) {
      return base::Error{base::Code::bad_config, "trusted proxy \"" + entry + "\" is not a network",
                         "", "write it like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32"};
    }
    out.networks_.push_back({*address, bits});
  }
  return out;
}

bool TrustedProxies::contains(const Address& address) const noexcept {
  for (const Network& network : networks_) {
    if (network.address.is_v4 != address.is_v4) continue;
    bool same = true;
    for (unsigned bit = 0; same && bit < network.bits; bit += 8) {
      const unsigned left = std::min(8u, network.bits - bit);
      const unsigned mask = 0xffu << (8 - left) & 0xffu;
      same = ((network.address.bytes[bit / 8] ^ address.bytes[bit / 8]) & mask) == 0;
    }
    if (same) return true;
  }
  return false;
}

ClientSeen see_client(const TrustedProxies& proxies, std::string_view peer_ip, bool over_tls,
                      const std::vector<std::pair<std::string, std::string>>& headers) {
  ClientSeen seen{std::string(peer_ip), over_tls ? "https" : "http", false};
  const auto peer = Address::parse(peer_ip);
  if (!peer || !proxies.contains(*peer)) return seen;
  seen.from_proxy = true;
  for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
    if (header->first != "x-forwarded-proto") continue;
    std::string_view list = header->second;
    const std::string_view scheme = take_last(list);
    if (scheme == "http" || scheme == "https") seen.scheme = scheme;
    break;
  }
  for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
    if (header->first != "x-forwarded-for") continue;
    std::string_view list = header->second;
    while (!list.empty()) {
      const auto hop = Address::parse(take_last(list));
      if (!hop) return seen;
      seen.client_ip = hop->text();
      if (!proxies.contains(*hop)) return seen;
    }
  }
  return seen;
}

bool is_forwarding_header(std::string_view name) noexcept {
  return name == "forwarded" || name == "x-real-ip" || name.substr(0, 12) == "x-forwarded-";
}

bool is_private_header(std::string_view name) noexcept {
  return name.substr(0, 12) == "x-z4j-front-";
}

}  // namespace z4j::net
