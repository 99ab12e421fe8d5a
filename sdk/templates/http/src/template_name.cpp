// template-name: a page and two routes below /ext/INSTANCE/.
#include <z4j/http.hpp>
#include <z4j/json.hpp>

#include <atomic>
#include <string>
#include <string_view>

namespace {

constexpr char kSettings[] = R"({"type": "object", "additionalProperties": false, "properties": {
  "greeting": {"type": "string", "maxLength": 40, "default": "hello",
               "description": "first word of the answer"}}})";

// Anybody may ask the first. Of the second the host has checked that an operator of the project
// {slug} asks, with the token of a page, and that the body has 1,000 bytes at most.
enum : uint32_t { kHello, kCount };
constexpr z4j_route kRoutes[] = {
    z4j::route("GET", "hello/{name}", "", Z4J_ROUTE_PUBLIC),
    z4j::route("POST", "projects/{slug}/count", "operator", 0, 1000),
};

// Everybody may read files: no secrets in them.
constexpr z4j_asset kAssets[] = {
    z4j::asset("index.html", "text/html; charset=utf-8",
               "<!doctype html><html lang=\"en\"><title>template-name</title>"
               "<h1>template-name</h1><p>Ask for hello/you.</html>"),
};

class TemplateName {
 public:
  TemplateName(z4j::Host host, std::string_view settings_json)
      : reply_(host), greeting_(z4j::json::Reader(settings_json).text("/greeting")) {}

  void start() {}
  void stop(uint32_t) {}

  void handle(z4j::Op& op, const z4j_http_request& request) {
    switch (request.route) {
      case kHello: {
        // params_json: what stands at {name} of the path.
        const std::string name = z4j::json::Reader(z4j::view(request.params_json)).text("/name");
        return reply_.send(op, 200, "application/json",
                           z4j::json::Writer().text("says", greeting_ + ", " + name).object());
      }
      case kCount:
        return reply_.send(op, 200, "application/json",
                           z4j::json::Writer().integer("count", ++count_).object());
      default:
        throw z4j::Error(Z4J_NOT_FOUND, "no such route");
    }
  }

 private:
  z4j::HttpReply reply_;
  std::string greeting_;
  std::atomic<int64_t> count_{0};
};

}  // namespace

Z4J_HTTP_PLUGIN(TemplateName, "org.example.template-name", "0.1.0", "template-name",
                "A page and two routes.", kSettings, kRoutes, kAssets)
