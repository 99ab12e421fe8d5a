// http-hello: a page and two routes below /ext/INSTANCE/. The smallest whole http plugin.
#include <z4j/http.hpp>

#include <string>
#include <string_view>

namespace {

// What an operator may set. The host checks it against this and fills the default in.
constexpr char kSettings[] = R"({"type": "object", "additionalProperties": false, "properties": {
  "greeting": {"type": "string", "maxLength": 40, "pattern": "^[A-Za-z ]*$", "default": "hello",
               "description": "first word of the answer"}}})";

// Anybody may ask for the first. Of the second the host has checked that an operator of the project
// {slug} asks, from a page of its own, and that the body has 1,000 bytes at most.
enum : uint32_t { kHello, kEcho };
constexpr z4j_route kRoutes[] = {
    z4j::route("GET", "hello/{name}", "", Z4J_ROUTE_PUBLIC),
    z4j::route("POST", "projects/{slug}/echo", "operator", 0, 1000),
};

// Files never change while the program runs. Everybody may read them.
constexpr z4j_asset kAssets[] = {
    z4j::asset("index.html", "text/html; charset=utf-8",
               "<!doctype html><html lang=\"en\"><title>hello</title><p>Ask for hello/you.</html>"),
};

class Hello {
 public:
  Hello(z4j::Host host, std::string_view settings_json) : reply_(host), settings_(settings_json) {}

  void start() {}
  void stop(uint32_t) {}

  // Answers at once. A plugin that waits for something moves `op` away and answers later, from any
  // thread; when it throws, the client gets the error.
  void handle(z4j::Op& op, const z4j_http_request& request) {
    switch (request.route) {
      case kHello:
        // params_json is {"name": "..."}: what stands at {name} in the path.
        return reply_.send(op, 200, "application/json",
                           R"({"settings":)" + settings_ + R"(,"params":)" +
                               std::string(z4j::view(request.params_json)) + "}",
                           R"({"Cache-Control": "no-store"})");
      case kEcho:
        if (request.body.len == 0) throw z4j::Error(Z4J_INVALID, "there is nothing to echo");
        return reply_.send(op, 200, "text/plain; charset=utf-8", z4j::view(request.body));
      default:
        throw z4j::Error(Z4J_NOT_FOUND, "no such route");
    }
  }

 private:
  z4j::HttpReply reply_;
  std::string settings_;
};

}  // namespace

Z4J_HTTP_PLUGIN(Hello, "org.example.http-hello", "1.0.0", "Hello over HTTP",
                "A page and two routes of its own.", kSettings, kRoutes, kAssets)
