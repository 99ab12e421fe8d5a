// HTTP as the API sees it: plain data in and out, no library type.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace z4j::net {

// One request, read whole: bodies over the server's cap never get here.
struct Request {
  std::string method;      // "GET"
  std::string path;        // as sent, without query, starts with "/"
  std::string query;       // without "?"
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string client_ip;   // the TCP peer
  std::string host;        // Host header as sent, with port
  std::string request_id;  // honoured or made by the server, which echoes it

  // The first header of that lower-case name, or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Runs on a server thread, many at once; may block within the server's time-outs.
using Handler = std::function<Response(const Request&)>;

// A request id is honoured when it has 1 to 64 printable ASCII characters without blanks.
[[nodiscard]] bool acceptable_request_id(std::string_view id);

}  // namespace z4j::net
