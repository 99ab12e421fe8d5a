#include "lib/redis/redis.hpp"

#include <z4j/plugin.hpp>

#include <charconv>
#include <optional>
#include <utility>

#include "lib/text/text.hpp"

namespace z4j::redis {
namespace {

[[noreturn]] void bad_url(const std::string& why) {
  throw Error(Z4J_BAD_CONFIG, "malformed Redis URL: " + why +
                                  "; expected redis://[user:password@]host[:port][/db], rediss:// "
                                  "for TLS, unix:///path?db=n or "
                                  "sentinel://host:port[;sentinel://host:port]/db");
}

std::string percent_decoded(std::string_view text) {
  std::optional<std::string> out = text::percent_decoded(text);
  if (!out) bad_url("a '%' must be followed by two hexadecimal digits");
  if (out->find('\0') != std::string::npos) bad_url("a zero byte");
  return std::move(*out);
}

int database_number(std::string_view text) {
  int n = -1;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc() || end != text.data() + text.size() || n < 0) {
    bad_url("the database must be a number like /0");
  }
  return n;
}

Endpoint parse_endpoint(std::string_view text, std::uint16_t default_port) {
  Endpoint out;
  out.port = default_port;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) bad_url("'[' without ']'");
    out.host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') bad_url("unexpected text behind ']'");
    if (!rest.empty()) port = rest.substr(1);
  } else {
    const std::size_t colon = text.rfind(':');
    out.host = percent_decoded(text.substr(0, colon));
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
    if (out.host.find(':') != std::string::npos) bad_url("an IPv6 address must stand in brackets");
  }
  if (out.host.empty()) out.host = "localhost";
  if (!port.empty()) {
    unsigned n = 0;
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), n);
    if (ec != std::errc() || end != port.data() + port.size() || n == 0 || n > 65535) {
      bad_url("the port must be a number from 1 to 65535");
    }
    out.port = static_cast<std::uint16_t>(n);
  }
  return out;
}

void take_credentials(std::string_view text, Options& out) {
  const std::size_t colon = text.find(':');
  out.user = percent_decoded(text.substr(0, colon));
  if (colon != std::string_view::npos) out.password = percent_decoded(text.substr(colon + 1));
}

void take_query(std::string_view query, Options& out) {
  while (!query.empty()) {
    const std::size_t amp = query.find('&');
    const std::string_view pair = query.substr(0, amp);
    query = amp == std::string_view::npos ? std::string_view() : query.substr(amp + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = pair.substr(0, equals);
    const std::string value = percent_decoded(pair.substr(equals + 1));
    if (key == "db" || key == "virtual_host") {
      out.database = database_number(value.starts_with('/') ? std::string_view(value).substr(1)
                                                            : std::string_view(value));
    } else if (key == "password") {
      out.password = value;
    } else if (key == "username") {
      out.user = value;
    } else if (key == "ssl_ca_certs") {
      out.tls_ca_file = value;
    } else if (key == "ssl_cert_reqs") {
      out.tls_verify = value != "none" && value != "CERT_NONE";
    }
  }
}

std::optional<std::string_view> after(std::string_view text, std::string_view scheme) {
  if (text.size() < scheme.size()) return std::nullopt;
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    const char c =
        text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != scheme[i]) return std::nullopt;
  }
  return text.substr(scheme.size());
}

// Everything between the scheme and the end: [credentials@]host[:port][/db][?query].
void take_authority(std::string_view rest, std::uint16_t port, Options& out) {
  const std::size_t end = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, end);
  std::string_view tail = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  tail = tail.substr(0, tail.find('#'));
  const std::size_t question = tail.find('?');
  std::string_view path = tail.substr(0, question);
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    take_credentials(authority.substr(0, at), out);
    authority = authority.substr(at + 1);
  }
  out.endpoints.push_back(parse_endpoint(authority, port));
  if (!path.empty()) path.remove_prefix(1);
  if (!path.empty()) out.database = database_number(path);
  if (question != std::string_view::npos) take_query(tail.substr(question + 1), out);
}

}  // namespace

Options parse_url(std::string_view url) {
  constexpr std::size_t kMaxUrl = 4096;
  if (url.size() > kMaxUrl) bad_url("longer than 4096 bytes");
  if (url.find_first_of(std::string_view(" \t\r\n\0", 5)) != std::string_view::npos)
    bad_url("white space inside");
  Options out;
  if (const auto rest = after(url, "redis://")) {
    take_authority(*rest, 6379, out);
  } else if (const auto secure = after(url, "rediss://")) {
    out.tls = true;
    take_authority(*secure, 6379, out);
  } else if (after(url, "redis+socket://") || after(url, "unix://")) {
    std::string_view path =
        after(url, "unix://") ? *after(url, "unix://") : *after(url, "redis+socket://");
    const std::size_t question = path.find('?');
    if (question != std::string_view::npos) take_query(path.substr(question + 1), out);
    path = path.substr(0, question);
    const std::size_t at = path.find("@/");
    if (at != std::string_view::npos && path.front() != '/') {
      take_credentials(path.substr(0, at), out);
      path = path.substr(at + 1);
    }
    if (path.empty() || path.front() != '/')
      bad_url("the socket's path must be absolute: unix:///run/redis.sock");
    out.unix_path = percent_decoded(path);
  } else if (after(url, "sentinel://")) {
    while (!url.empty()) {
      const std::size_t semicolon = url.find(';');
      const auto one = after(url.substr(0, semicolon), "sentinel://");
      if (!one) bad_url("each sentinel starts with sentinel://");
      if (out.endpoints.size() == 32) bad_url("more than 32 sentinels");
      take_authority(*one, 26379, out);
      url = semicolon == std::string_view::npos ? std::string_view() : url.substr(semicolon + 1);
    }
  } else {
    bad_url("unknown scheme");
  }
  return out;
}

std::string Options::hint() const {
  const std::string tail = "/" + std::to_string(database);
  if (!sentinel_master.empty()) return "sentinel(" + sentinel_master + ")" + tail;
  if (!unix_path.empty()) return "unix:" + unix_path + "?db=" + std::to_string(database);
  if (endpoints.empty()) return "localhost:6379" + tail;
  const Endpoint& e = endpoints.front();
  const bool v6 = e.host.find(':') != std::string::npos;
  return (v6 ? "[" + e.host + "]" : e.host) + ":" + std::to_string(e.port) + tail;
}

}  // namespace z4j::redis
