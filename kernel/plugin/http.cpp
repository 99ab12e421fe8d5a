#include "plugin/http.hpp"

#include <algorithm>
#include <optional>

#include "base/crypto.hpp"
#include "plugin/crossing.hpp"

namespace z4j::plugin {
namespace {

constexpr std::size_t kMostRoutes = 256, kMostAssets = 4096, kMaxPath = 200, kMaxType = 100;
constexpr std::size_t kMaxTag = 128, kTagDigits = 32;
constexpr std::uint32_t kKnownFlags = Z4J_ROUTE_PUBLIC;
constexpr std::string_view kMethods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
constexpr std::string_view kProjectRoles[] = {"viewer", "operator", "admin"};

base::Error defect(std::string message) {
  return host_error(base::Code::unsupported, std::move(message));
}

template <class List>
bool is_one_of(std::string_view word, const List& list) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// "a/b.c": words between single slashes, none of them "." or "..".
bool is_path(std::string_view path) {
  if (path.empty() || path.size() > kMaxPath || !is_printable(path) ||
      path.find_first_of("\\?#% \"<>") != std::string_view::npos)
    return false;
  for (;;) {
    const std::size_t end = path.find('/');
    const std::string_view word = path.substr(0, end);
    if (word.empty() || word == "." || word == "..") return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

bool binds(std::string_view path, std::string_view name) {
  return ("/" + std::string(path) + "/").find("/{" + std::string(name) + "}/") != std::string::npos;
}

// Braces stand around whole words.
bool is_pattern(std::string_view path) {
  if (!is_path(path)) return false;
  for (;;) {
    const std::size_t end = path.find('/');
    std::string_view word = path.substr(0, end);
    if (word.size() > 2 && word.front() == '{' && word.back() == '}')
      word = word.substr(1, word.size() - 2);
    if (word.find_first_of("{}") != std::string_view::npos) return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

base::Result<HttpRoute> read_route(const z4j_route& route) {
  HttpRoute out;
  out.method = cut(text_of(route.method), 20);
  out.path = cut(text_of(route.path), kMaxPath + 1);
  out.permission = cut(text_of(route.permission), 40);
  out.is_public = (route.flags & Z4J_ROUTE_PUBLIC) != 0;
  out.max_body = route.max_body;
  const std::string name = "its route \"" + out.method + " " + out.path + "\" ";
  if ((route.flags & ~kKnownFlags) != 0)
    return defect(name + "has flags that this host does not know");
  if (!is_one_of(out.method, kMethods))
    return defect(name + "has a method other than GET, POST, PUT, PATCH, DELETE");
  if (!is_pattern(out.path)) return defect(name + "has a path that is none");
  if (out.max_body > kMostHttpBody)
    return defect(name + "takes bodies of more than " + std::to_string(kMostHttpBody) + " bytes");
  if (out.is_public && !out.permission.empty())
    return defect(name + "is public and wants a permission");
  const bool is_of_project = is_one_of(out.permission, kProjectRoles);
  if (!out.permission.empty() && out.permission != "administrator" && !is_of_project)
    return defect(name + "wants the permission \"" + out.permission +
                  "\", expected viewer, operator, admin or administrator");
  if (is_of_project && !binds(out.path, "slug"))
    return defect(name + "wants a role in a project, but its path has no {slug}");
  return out;
}

base::Result<HttpAsset> read_asset(const z4j_asset& asset, const std::string& path) {
  const std::string name = "its asset \"" + path + "\" ";
  HttpAsset out{text_of(asset.content_type), text_of(asset.bytes), {}};
  if (!is_path(path)) return defect(name + "has a path that is none");
  if (out.content_type.empty() || out.content_type.size() > kMaxType ||
      !is_printable(out.content_type))
    return defect(name + "has no content type");
  const std::string_view tag = text_of(asset.etag);
  if (tag.size() > kMaxTag || !is_printable(tag) || tag.find('"') != std::string_view::npos)
    return defect(name + "has an etag that is none");
  out.etag =
      '"' +
      (tag.empty() ? base::hex(base::sha256(out.bytes)).substr(0, kTagDigits) : std::string(tag)) +
      '"';
  return out;
}

}  // namespace

base::Result<HttpTable> http_table(const z4j_http& http) {
  if (http.route_count > kMostRoutes || (http.routes == nullptr && http.route_count > 0))
    return defect("it has " + std::to_string(http.route_count) + " routes, expected at most " +
                  std::to_string(kMostRoutes));
  if (http.asset_count > kMostAssets || (http.assets == nullptr && http.asset_count > 0))
    return defect("it has " + std::to_string(http.asset_count) + " assets, expected at most " +
                  std::to_string(kMostAssets));
  HttpTable out;
  for (std::uint32_t i = 0; i < http.route_count; ++i) {
    auto route = read_route(http.routes[i]);
    if (!route) return std::move(route).error();
    const bool is_there = std::any_of(out.routes.begin(), out.routes.end(), [&](const auto& other) {
      return other.method == route->method && other.path == route->path;
    });
    if (is_there)
      return defect("its route \"" + route->method + " " + route->path + "\" is there twice");
    out.routes.push_back(std::move(*route));
  }
  for (std::uint32_t i = 0; i < http.asset_count; ++i) {
    const std::string path(cut(text_of(http.assets[i].path), kMaxPath + 1));
    auto asset = read_asset(http.assets[i], path);
    if (!asset) return std::move(asset).error();
    if (!out.assets.emplace(path, std::move(*asset)).second)
      return defect("its asset \"" + path + "\" is there twice");
  }
  return out;
}

}  // namespace z4j::plugin
