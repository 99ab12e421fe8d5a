// What an http plugin serves: files that never change and routes that it answers itself. Plain
// data.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace z4j::plugin {

struct HttpRoute {
  std::string method, path;  // path: "items/{id}", below /ext/INSTANCE/
  std::string permission;    // "": whoever is signed in; see docs/abi/http.md
  bool is_public = false;    // nobody has to sign in
  std::uint32_t max_body = 0;
};

// Borrowed from the plugin's code, which is never unmapped.
struct HttpAsset {
  std::string_view content_type, bytes;
  std::string etag;  // with its quotes
};

struct HttpTable {
  std::vector<HttpRoute> routes;
  std::map<std::string, HttpAsset, std::less<>> assets;  // by path: "index.html", "assets/a.js"
};

// What one of the routes is asked; who may ask was decided before.
struct HttpRequest {
  std::uint32_t route = 0;  // place in HttpTable::routes
  std::string path, query, body, content_type;
  std::string params_json, headers_json;  // what the route binds; some of the headers
  std::string user_id, permissions_json, trace_id;
};

struct HttpReply {
  int code = 204;
  std::string content_type, body;
  std::vector<std::pair<std::string, std::string>> headers;
};
using HttpReplied = std::function<void(base::Result<HttpReply>)>;

inline constexpr std::uint32_t kMostHttpBody = 1u << 20;
inline constexpr std::size_t kMostHttpReply = 8u << 20;

// Checked and copied. The error is a defect of the plugin.
[[nodiscard]] base::Result<HttpTable> http_table(const z4j_http& http);

}  // namespace z4j::plugin
