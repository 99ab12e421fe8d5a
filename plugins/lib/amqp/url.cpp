#include "lib/amqp/url.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "lib/text/text.hpp"

namespace z4j::amqp {
namespace {

constexpr std::size_t kMaxUrlBytes = 4096, kMaxServers = 16, kMaxShortText = 255;

[[noreturn]] void bad_amqp_url(const std::string& why) {
  throw Error(Z4J_BAD_CONFIG,
              "malformed AMQP URL: " + why +
                  "; expected amqp://[user:password@]host[:port][/vhost], or amqps:// for TLS");
}

// At most 255 bytes, as everything that goes into a short text of the protocol.
std::string unescaped(std::string_view text) {
  std::optional<std::string> out = text::percent_decoded(text);
  if (!out) bad_amqp_url("a '%' must be followed by two hexadecimal digits");
  if (out->find('\0') != std::string::npos) bad_amqp_url("a zero byte");
  if (out->size() > kMaxShortText) bad_amqp_url("a part is longer than 255 bytes");
  return std::move(*out);
}

int number_in(std::string_view text, int most, const char* what) {
  int n = -1;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc() || end != text.data() + text.size() || n < 0 || n > most)
    bad_amqp_url(std::string(what) + " must be a number up to " + std::to_string(most));
  return n;
}

Endpoint endpoint_in(std::string_view text, std::uint16_t default_port) {
  Endpoint out;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) bad_amqp_url("'[' without ']'");
    out.host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') bad_amqp_url("unexpected text behind ']'");
    if (!rest.empty()) port = rest.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    out.host = unescaped(text.substr(0, colon));
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
  }
  if (out.host.empty()) out.host = "localhost";
  out.port = default_port;
  if (!port.empty()) {
    out.port = static_cast<std::uint16_t>(number_in(port, 65535, "the port"));
    if (out.port == 0) bad_amqp_url("the port must not be 0");
  }
  return out;
}

void take_options(std::string_view query, Options& out) {
  while (!query.empty()) {
    const std::size_t amp = query.find('&');
    const std::string_view pair = query.substr(0, amp);
    query = amp == std::string_view::npos ? std::string_view() : query.substr(amp + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = pair.substr(0, equals);
    const std::string value = unescaped(pair.substr(equals + 1));
    if (key == "heartbeat") {
      out.heartbeat_s = number_in(value, 3600, "heartbeat");
    } else if (key == "ssl_ca_certs") {
      out.tls_ca_file = value;
    } else if (key == "ssl_cert_reqs") {
      out.tls_verify = value != "none" && value != "CERT_NONE";
    }
  }
}

std::optional<bool> is_secure(std::string_view scheme) {
  std::string lower(scheme);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (lower == "amqp" || lower == "pyamqp") return false;
  if (lower == "amqps") return true;
  return std::nullopt;
}

void take_server(std::string_view url, Options& out) {
  const std::size_t colon = url.find("://");
  const std::optional<bool> tls = is_secure(url.substr(0, colon));
  if (colon == std::string_view::npos || !tls) bad_amqp_url("unknown scheme");
  const std::string_view rest = url.substr(colon + 3);
  const std::size_t end = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, end);
  const bool first = out.endpoints.empty();
  const std::size_t at = authority.rfind('@');
  const std::string_view credentials =
      at == std::string_view::npos ? std::string_view() : authority.substr(0, at);
  if (at != std::string_view::npos) authority = authority.substr(at + 1);
  out.endpoints.push_back(endpoint_in(authority, *tls ? 5671 : 5672));
  if (!first) {
    if (*tls != out.tls) bad_amqp_url("all servers are reached with TLS, or none");
    return;
  }
  out.tls = *tls;
  if (at != std::string_view::npos) {
    const std::size_t divide = credentials.find(':');
    out.user = unescaped(credentials.substr(0, divide));
    out.password = divide == std::string_view::npos ? std::string()
                                                    : unescaped(credentials.substr(divide + 1));
  }
  std::string_view tail = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  tail = tail.substr(0, tail.find('#'));
  const std::size_t question = tail.find('?');
  std::string_view path = tail.substr(0, question);
  if (!path.empty()) path.remove_prefix(1);
  if (!path.empty()) out.vhost = unescaped(path);
  if (question != std::string_view::npos) take_options(tail.substr(question + 1), out);
}

}  // namespace

Options parse_url(std::string_view url) {
  if (url.size() > kMaxUrlBytes) bad_amqp_url("longer than 4096 bytes");
  if (url.find_first_of(std::string_view(" \t\r\n\0", 5)) != std::string_view::npos)
    bad_amqp_url("white space inside");
  Options out;
  while (!url.empty() || out.endpoints.empty()) {
    const std::size_t semicolon = url.find(';');
    if (out.endpoints.size() == kMaxServers) bad_amqp_url("more than 16 servers");
    take_server(url.substr(0, semicolon), out);
    url = semicolon == std::string_view::npos ? std::string_view() : url.substr(semicolon + 1);
  }
  return out;
}

std::string Options::hint() const {
  const Endpoint e = endpoints.empty() ? Endpoint{"localhost", 5672} : endpoints.front();
  const bool v6 = e.host.find(':') != std::string::npos;
  return (v6 ? "[" + e.host + "]" : e.host) + ":" + std::to_string(e.port) +
         (vhost == "/" ? "/" : "/" + vhost);
}

}  // namespace z4j::amqp
