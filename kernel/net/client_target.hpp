// Where to dial and what can go wrong on the way; plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/client_url.hpp"
#include "net/tls_context.hpp"

namespace z4j::net {

struct ClientTarget {
  ClientUrl url;
  std::optional<Proxy> proxy;
  TlsContext tls;  // required when the URL is TLS
  int connect_timeout_ms = 15'000;
};

// The steps of a connection, in order.
enum class DialStep : std::uint8_t { resolve, connect, proxy, tls, upgrade, open };
[[nodiscard]] std::string_view to_string(DialStep step) noexcept;

// Why there is no connection, or none any more.
struct ClientFailure {
  DialStep step = DialStep::resolve;
  std::string why;               // for people
  int http_status = 0;           // of an answer that is no upgrade
  std::uint16_t close_code = 0;  // of the close frame, or of what we found wrong
  std::string close_reason;
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

}  // namespace z4j::net
