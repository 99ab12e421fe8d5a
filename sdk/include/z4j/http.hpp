// z4j/http.hpp - the C++17 face of http plugins: files, routes, and the host service
// "z4j.http-reply/1" that answers them. docs/abi/http.md says what a route may be.
#ifndef Z4J_HTTP_HPP
#define Z4J_HTTP_HPP

#if !defined(__cpp_exceptions)
#error "z4j/http.hpp throws z4j::Error: build with exceptions, or use z4j/abi.h"
#endif

#include <z4j/plugin.hpp>

#include <cstddef>
#include <string_view>

namespace z4j {

constexpr z4j_route route(std::string_view method, std::string_view path,
                          std::string_view permission = "", uint32_t flags = 0,
                          uint32_t max_body = 0) noexcept {
  return z4j_route{lit(method), lit(path), lit(permission), flags, max_body};
}
// Without an etag the host makes one of the bytes.
constexpr z4j_asset asset(std::string_view path, std::string_view content_type,
                          std::string_view bytes, std::string_view etag = "") noexcept {
  return z4j_asset{lit(path), lit(content_type), lit(etag), lit(bytes)};
}

// Answers a request. Copyable; valid as long as the Host it was made from.
class HttpReply {
 public:
  // Throws Error (Z4J_UNSUPPORTED) when this host has no such service.
  explicit HttpReply(Host host)
      : ctx_(host.raw()->ctx),
        table_(static_cast<const z4j_http_reply*>(host.service(Z4J_SERVICE_HTTP_REPLY))) {
    if (!Z4J_HAS(table_, z4j_http_reply, write))
      throw Error(Z4J_UNSUPPORTED, "this host has no service " Z4J_SERVICE_HTTP_REPLY);
  }

  // The whole answer; the op is over then. headers_json: "" or an object of texts. Throws Error,
  // with the op still to be answered, when the host does not take it.
  void send(Op& op, uint32_t code, std::string_view content_type, std::string_view body,
            std::string_view headers_json = {}) const {
    check(table_->begin(ctx_, op.id(), code, str(content_type), str(headers_json)));
    if (!body.empty()) check(table_->write(ctx_, op.id(), str(body)));
    op.ok();
  }

 private:
  static void check(z4j_status status) {
    if (status == Z4J_OK) return;
    throw Error(status, status == Z4J_TOO_LARGE ? "the answer is too large"
                                                : "the host does not take this answer");
  }

  void* ctx_;
  const z4j_http_reply* table_;
};

// A class with handle(Op&, const z4j_http_request&), which answers once, now or later.
template <class T>
struct HttpGlue {
  static z4j_status handle(z4j_instance* i, z4j_op op, const z4j_http_request* request,
                           z4j_error* e) {
    return answer_once<T>(i, op, e, [&](Op& o) { box<T>(i)->obj.handle(o, *request); });
  }
};

template <class T>
constexpr z4j_http http_table(const z4j_route* routes, std::size_t route_count,
                              const z4j_asset* assets, std::size_t asset_count) noexcept {
  return z4j_http{sizeof(z4j_http),
                  static_cast<uint32_t>(route_count),
                  routes,
                  static_cast<uint32_t>(asset_count),
                  0,
                  assets,
                  &HttpGlue<T>::handle};
}

}  // namespace z4j

// A whole http plugin of one class. routes_ and assets_ are arrays that live as long as the
// process.
#define Z4J_HTTP_PLUGIN(T, id_, version_, name_, summary_, schema_, routes_, assets_)              \
  namespace {                                                                                      \
  const z4j_http z4j_http_of_this_file = ::z4j::http_table<T>(                                     \
      routes_, sizeof(routes_) / sizeof(z4j_route), assets_, sizeof(assets_) / sizeof(z4j_asset)); \
  const void* z4j_interface_of_this_file(z4j_str id) {                                             \
    return ::z4j::same(id, Z4J_IFACE_HTTP) ? &z4j_http_of_this_file : nullptr;                     \
  }                                                                                                \
  }                                                                                                \
  Z4J_DESCRIPTOR(T, id_, version_, name_, summary_, "http", schema_, 0,                            \
                 z4j_interface_of_this_file)                                                       \
  Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)

#endif
