// Addresses that this program dials: a server's URL, and the proxy on the way to it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace z4j::net {

struct ClientUrl {
  bool is_tls = false;
  std::string host;  // without brackets
  std::uint16_t port = 0;
  std::string path;  // what stands before every path: "" or "/prefix", never with "/" at its end

  // localhost, 127.0.0.0/8 or ::1.
  [[nodiscard]] bool is_loopback() const;
  // "host:port", an IPv6 address in brackets.
  [[nodiscard]] std::string authority() const;
  // For people: the scheme of http or ws, and all parts.
  [[nodiscard]] std::string text(std::string_view plain_scheme = "http") const;
};

// http, https, ws and wss; a user or password, a query or a fragment is refused, and the error does
// not repeat the text.
[[nodiscard]] base::Result<ClientUrl> parse_client_url(std::string_view text);

// An HTTP proxy that is asked to CONNECT.
struct Proxy {
  std::string host;
  std::uint16_t port = 0;
  std::string authorization;  // of Proxy-Authorization; a secret
};

// From HTTPS_PROXY (for TLS) or HTTP_PROXY, and NO_PROXY, also in lower case; loopback is reached
// without a proxy. Nothing: none. Errors: bad_config, `where` is the variable.
[[nodiscard]] base::Result<std::optional<Proxy>> proxy_for(
    const ClientUrl& url, const std::map<std::string, std::string>& environment);

}  // namespace z4j::net
