// test-http: files and routes that do what their names say. README.md lists them.
#include <z4j/http.hpp>

#include <chrono>
#include <iterator>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "lib/json/json.hpp"

namespace z4j::testing {
namespace {

constexpr char kSettings[] = R"({"type":"object","additionalProperties":false,"properties":{}})";

enum : uint32_t {
  kPublic,
  kSignedIn,
  kAdministrator,
  kRole,
  kEcho,
  kNever,
  kThrows,
  kBig,
  kBadHeader,
  kRefuses,
  kResult,
  kHalf,
  kNothing,
  kAsked,
  kSlow
};
constexpr z4j_route kRoutes[] = {
    route("GET", "public", "", Z4J_ROUTE_PUBLIC),
    route("GET", "signed-in"),
    route("GET", "administrator", "administrator"),
    route("GET", "projects/{slug}/items/{id}", "operator"),
    route("POST", "echo", "", 0, 16),
    route("GET", "never", "", Z4J_ROUTE_PUBLIC),
    route("GET", "throws", "", Z4J_ROUTE_PUBLIC),
    route("GET", "big", "", Z4J_ROUTE_PUBLIC),
    route("GET", "bad-header", "", Z4J_ROUTE_PUBLIC),
    route("GET", "refuses", "", Z4J_ROUTE_PUBLIC),
    route("GET", "result", "", Z4J_ROUTE_PUBLIC),
    route("GET", "half", "", Z4J_ROUTE_PUBLIC),
    route("DELETE", "nothing", "", Z4J_ROUTE_PUBLIC),
    route("GET", "asked", "", Z4J_ROUTE_PUBLIC),
    route("GET", "slow", "", Z4J_ROUTE_PUBLIC),
};
constexpr z4j_asset kAssets[] = {
    asset("index.html", "text/html; charset=utf-8", "<!doctype html><title>test</title>"),
    asset("assets/app-BkR3x9aQ.js", "text/javascript; charset=utf-8", "let plain;", "plain-1"),
    asset("assets/app-BkR3x9aQ.js.gz", "text/javascript; charset=utf-8", "packed", "packed-1"),
    asset("assets/logo-headline.svg", "image/svg+xml", "<svg/>"),
    asset("favicon.ico", "image/x-icon", "icon"),
};

class Pages {
 public:
  Pages(Host host, std::string_view) : host_(host), reply_(host) {}
  void start() {}
  void stop(uint32_t) {
    for (std::thread& thread : threads_) thread.join();
    kept_.reset();
  }

  void handle(Op& op, const z4j_http_request& r) {
    switch (r.route) {
      case kEcho:
        return reply_.send(op, 201, "text/plain", view(r.body), R"({"ETag":"\"1\""})");
      case kNever:
        return (void)kept_.emplace(std::move(op));
      case kBig:
        return reply_.send(op, 200, "text/plain", std::string((8u << 20) + 1, 'x'));
      case kBadHeader:
        return reply_.send(op, 200, "text/plain", "x", R"({"Set-Cookie":"a=b"})");
      case kRefuses:
        throw Error(Z4J_CONFLICT, "it is there already", "/name");
      case kResult:
        return op.ok(R"({"from":"op"})");
      case kHalf:
        begin(op, 200);
        throw Error(Z4J_UNAVAILABLE, "its secret place is away");
      case kNothing:
        return op.ok();
      case kSlow:
        threads_.emplace_back([this, late = std::move(op)]() mutable {
          std::this_thread::sleep_for(std::chrono::milliseconds(300));
          begin(late, 200);
          late.ok();
        });
        return;
      default:
        return reply_.send(op, 200, "application/json", asked(r),
                           R"({"Cache-Control":"no-store"})");
    }
  }

 private:
  void begin(Op& op, uint32_t code) {
    const auto* table = static_cast<const z4j_http_reply*>(host_.service(Z4J_SERVICE_HTTP_REPLY));
    const z4j_status taken =
        table->begin(host_.raw()->ctx, op.id(), code, str("text/plain"), str(""));
    host_.metric("begun", "", taken == Z4J_OK ? 1 : 0, 0);
  }
  static std::string asked(const z4j_http_request& r) {
    json::Object out;
    out["route"] = r.route;
    for (const auto& [name, text] : {std::pair("path", r.path),
                                     {"query", r.query},
                                     {"content_type", r.content_type},
                                     {"user_id", r.user_id},
                                     {"trace_id", r.trace_id}})
      out[name] = std::string(view(text));
    for (const auto& [name, text] : {std::pair("params", r.params_json),
                                     {"headers", r.headers_json},
                                     {"permissions", r.permissions_json}})
      out[name] = json::parse(view(text));
    return json::write(out);
  }

  Host host_;
  HttpReply reply_;
  std::optional<Op> kept_;
  std::vector<std::thread> threads_;
};

// Beside what the SDK does: an exception that crosses the boundary.
z4j_status handle(z4j_instance* i, z4j_op op, const z4j_http_request* request, z4j_error* e) {
  if (request->route == kThrows) throw std::logic_error("a fault of the plugin");
  return HttpGlue<Pages>::handle(i, op, request, e);
}

const z4j_http kServed = [] {
  z4j_http out = http_table<Pages>(kRoutes, std::size(kRoutes), kAssets, std::size(kAssets));
  out.handle = handle;
  return out;
}();

const void* find_interface(z4j_str id) { return same(id, Z4J_IFACE_HTTP) ? &kServed : nullptr; }

}  // namespace
}  // namespace z4j::testing

Z4J_DESCRIPTOR(z4j::testing::Pages, "org.z4j.test-http", "1.0.0", "test-http",
               "files and routes for tests", "http", z4j::testing::kSettings, 0,
               z4j::testing::find_interface)
Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)
