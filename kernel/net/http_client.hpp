// One HTTP/1.1 peer that we ask: plain or TLS, through a proxy if need be; the connection is kept
// between questions.
//
// One question at a time, on the caller's thread; cancel() may come from any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "net/client_target.hpp"

namespace z4j::net {

struct HttpAnswer {
  int status = 0;
  HeaderList headers;  // names in lower case
  std::string body;

  // The first of that lower-case name, or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct HttpQuestion {
  std::string method = "GET";
  std::string path = "/";  // below the URL's; with its query
  HeaderList headers;      // may hold secrets
  std::string body;
  int timeout_ms = 15'000;  // of the answer, once there is a connection
};

class HttpClient {
 public:
  // Answers longer than that are a failure.
  explicit HttpClient(ClientTarget target, std::size_t max_body_bytes = std::size_t{64} << 20);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // A connection that the peer closed while nobody asked is made anew once.
  [[nodiscard]] std::variant<HttpAnswer, ClientFailure> ask(const HttpQuestion& question);
  // The question under way, and every later one, fails at once.
  void cancel();

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace z4j::net
