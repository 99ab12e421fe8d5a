// Where a broker is and how to get in. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::amqp {

struct Endpoint {
  std::string host;
  std::uint16_t port = 5672;
};

struct Options {
  std::vector<Endpoint> endpoints;  // tried in this order
  std::string vhost = "/";
  std::string user = "guest", password = "guest";
  bool tls = false;
  std::string tls_ca_file;  // empty: the system's store
  bool tls_verify = true;
  int heartbeat_s = 60;
  int connect_timeout_ms = 3000;
  int io_timeout_ms = 5000;
  std::size_t max_body_bytes = 8u << 20;  // a larger body is passed over, not kept

  // "host:port/vhost", never a password: for logs and broker_url_hint.
  [[nodiscard]] std::string hint() const;
};

// amqp://[user:password@]host[:port][/vhost][?options], amqps:// for TLS; pyamqp:// is the same as
// amqp://. Several, divided by ';', are servers of one cluster: user, vhost and TLS are those of
// the first. A missing vhost, or "/", is "/"; "%2F" inside is a slash. Options that are read:
// heartbeat, ssl_ca_certs, ssl_cert_reqs. Throws Z4J_BAD_CONFIG that quotes no password.
[[nodiscard]] Options parse_url(std::string_view url);

}  // namespace z4j::amqp
