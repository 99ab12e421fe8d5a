// z4j/http_client.hpp - the C++17 face of the host services "z4j.http-client/1" and
// "z4j.resolver/1": speaking to other machines through the host, which checks where to.
#ifndef Z4J_HTTP_CLIENT_HPP
#define Z4J_HTTP_CLIENT_HPP

#if !defined(__cpp_exceptions)
#error "z4j/http_client.hpp throws z4j::Error: build with exceptions, or use z4j/abi.h"
#endif

#include <z4j/plugin.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace z4j {

struct HttpCall {
  std::string method = "POST", url, body;
  std::vector<std::pair<std::string, std::string>> headers;
  uint32_t deadline_ms = 0, max_answer_bytes = 0, max_redirects = 0;  // 0: the host's defaults
};

// Copyable; valid as long as the Host it was made from.
class HttpClient {
 public:
  // Throws Error (Z4J_UNSUPPORTED) when this host has no such service.
  explicit HttpClient(Host host)
      : ctx_(host.raw()->ctx),
        table_(static_cast<const z4j_http_client*>(host.service(Z4J_SERVICE_HTTP_CLIENT))) {
    if (!Z4J_HAS(table_, z4j_http_client, send))
      throw Error(Z4J_UNSUPPORTED, "this host has no service " Z4J_SERVICE_HTTP_CLIENT);
  }

  // Any thread, returns at once. `done` is called exactly once, on a thread of the host, and must
  // not throw; what the answer points to is gone when it returns. Throws Error when the host does
  // not take the call: then `done` is never called.
  void send(const HttpCall& call, std::function<void(const z4j_http_answer&)> done) const {
    std::vector<z4j_http_header> headers;
    headers.reserve(call.headers.size());
    for (const auto& [name, value] : call.headers)
      headers.push_back(z4j_http_header{str(name), str(value)});
    z4j_http_call c;
    std::memset(&c, 0, sizeof c);
    c.struct_size = sizeof c;
    c.header_count = static_cast<uint32_t>(headers.size());
    c.method = str(call.method);
    c.url = str(call.url);
    c.headers = headers.data();
    c.body = str(call.body);
    c.deadline_ms = call.deadline_ms;
    c.max_answer_bytes = call.max_answer_bytes;
    c.max_redirects = call.max_redirects;
    using Done = std::function<void(const z4j_http_answer&)>;
    auto kept = std::make_unique<Done>(std::move(done));
    z4j_error e = empty_error();
    const z4j_status st = table_->send(
        ctx_, &c,
        [](void* arg, const z4j_http_answer* answer) {
          const std::unique_ptr<Done> f(static_cast<Done*>(arg));
          (*f)(*answer);
        },
        kept.get(), &e);
    if (st != Z4J_PENDING) throw Error(st, e.message, e.where, e.retry_after_ms);
    (void)kept.release();
  }

 private:
  void* ctx_;
  const z4j_http_client* table_;
};

// The addresses of `host` that may be dialled on that port, as texts. Blocks for at most that long.
// Throws Error: Z4J_DENIED when one of them may not.
inline std::vector<std::string> addresses(Host host, std::string_view name, uint32_t port,
                                          uint32_t deadline_ms) {
  const auto* table = static_cast<const z4j_resolver*>(host.service(Z4J_SERVICE_RESOLVER));
  if (!Z4J_HAS(table, z4j_resolver, addresses))
    throw Error(Z4J_UNSUPPORTED, "this host has no service " Z4J_SERVICE_RESOLVER);
  std::vector<std::string> out;
  const z4j_sink sink{sizeof(z4j_sink), 0, &out, [](void* ctx, z4j_str bytes) -> z4j_status {
                        static_cast<std::vector<std::string>*>(ctx)->emplace_back(view(bytes));
                        return Z4J_OK;
                      }};
  z4j_error e = empty_error();
  const z4j_status st = table->addresses(host.raw()->ctx, str(name), port, deadline_ms, &sink, &e);
  if (st != Z4J_OK) throw Error(st, e.message, e.where, e.retry_after_ms);
  return out;
}

}  // namespace z4j

#endif
