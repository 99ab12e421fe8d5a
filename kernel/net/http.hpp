// HTTP as the API sees it: plain data in and out, no library type. What the Poco server behind the
// front hands up, and what it sends back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace z4j::net {

// One request, read whole (bodies over the server's cap never get here). Lives as long as the
// handler runs; the handler runs on a server thread and may block within the server's request
// time-out.
struct Request {
  std::string method;  // "GET"
  std::string path;    // percent-decoded per segment later: raw, without query, starts with "/"
  std::string query;   // raw, without "?"
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order
  std::string body;
  std::string client_ip;   // after trusted-proxy rules
  std::string peer_ip;     // the TCP peer
  std::string scheme;      // "http" or "https", as the client sees it
  std::string host;        // Host header as sent, with port
  std::string request_id;  // honoured or made by the server; echoed by it

  // The first header of that lower-case name, or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  // A cookie's value, or empty.
  [[nodiscard]] std::string_view cookie(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // any number of Set-Cookie
  // Set instead of body for long answers: called repeatedly on the server thread until it returns
  // false; appends the next piece to `out`. A slow reader blocks it up to the write time-out.
  std::function<bool(std::string& out)> stream;
  // What the latency histogram and access log call this request: the route's template.
  std::string route;
};

using Handler = std::function<Response(const Request&)>;

[[nodiscard]] std::string percent_decode(std::string_view text, bool plus_is_blank, bool& ok);
[[nodiscard]] std::string percent_encode(std::string_view text);
// Query parameters in order, decoded; a broken escape is kept as written.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

}  // namespace z4j::net
