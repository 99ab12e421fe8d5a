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

// The answer to one request, given later and from any thread, even when the request or the server
// is gone by then. The first call counts.
using LateAnswer = std::function<void(Response)>;
// Called on the front's loop thread: quick, no blocking; the request lives as long as the call.
using LateHandler = std::function<void(const Request&, LateAnswer)>;

// A request that may wait long: the front serves it itself, and while it waits it holds no thread.
// The server's observer does not see it.
struct LateRoute {
  std::string method, path;
  // Before the body is read: 100 lets it in, anything else is the answer. None: everybody may send.
  LateHandler admit;
  LateHandler handle;
  int timeout_s = 60;  // without an answer: 503
};

[[nodiscard]] std::string percent_decode(std::string_view text, bool plus_is_blank, bool& ok);
[[nodiscard]] std::string percent_encode(std::string_view text);
// Query parameters in order, decoded; a broken escape is kept as written.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

}  // namespace z4j::net
