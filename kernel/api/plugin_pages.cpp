#include "api/plugin_pages.hpp"

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

#include "api/admit.hpp"
#include "api/asset_answer.hpp"
#include "api/reply.hpp"
#include "api/site.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

constexpr std::size_t kLongestPath = 2048, kMaxTold = 500;
constexpr int kDeadlineMs = 25'000;  // within the time that the server waits for us
constexpr std::string_view kExt = "/ext/", kExtRoute = "/ext/{instance}/{path}";
constexpr std::string_view kConsoleRoute = "/{page}", kIndex = "index.html";
constexpr const char* kSoonS = "2";
// Beside the first words of the kernel's own paths: where people and probes look for such things.
constexpr std::string_view kReservedStarts[] = {"health", "openapi"};
constexpr std::string_view kReserved[] = {"docs", "ext", "redoc"};
// The kernel has plain forms of its own for these; a console that runs shows its pages instead.
constexpr std::string_view kAccountPages[] = {"/invite", "/reset", "/setup"};

// Headers that plugins are told: nothing that proves who somebody is.
constexpr std::string_view kTold[] = {"accept", "accept-language", "if-modified-since",
                                      "if-none-match", "user-agent"};

// "/a/b": "a".
std::string_view first_word(std::string_view path) {
  path.remove_prefix(1);
  return path.substr(0, path.find('/'));
}

bool is_read(const net::Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

bool wants_page(const net::Request& request) {
  return request.header("accept").find("text/html") != std::string_view::npos;
}

net::Response not_allowed(std::string allowed) {
  net::Response r = detail_answer(405, "Method Not Allowed");
  r.headers.emplace_back("Allow", std::move(allowed));
  return r;
}

net::Response not_running(const net::Request& request) {
  net::Response r =
      wants_page(request)
          ? html_answer(503,
                        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>z4j"
                        "</title><h1>z4j</h1><p>The brain is running, its console is not: it "
                        "starts, or could not. z4j-brain plugin list and the log say why.</p>"
                        "</html>")
          : error_answer(request, 503, "unavailable", "this plugin is not running now");
  r.headers.emplace_back("Retry-After", kSoonS);
  return r;
}

// What the words of docs/abi/http.md open: the actions stand for the roles that they need.
Policy policy_of(const plugin::HttpRoute& route) {
  if (route.is_public) return {Gate::open};
  if (route.permission == "viewer") return {Gate::signed_in, core::Action::read_project};
  if (route.permission == "operator") return {Gate::signed_in, core::Action::retry_task};
  if (route.permission == "admin") return {Gate::signed_in, core::Action::manage_agents};
  if (route.permission == "administrator") return {Gate::signed_in, core::Action::manage_plugins};
  return {Gate::signed_in};
}

Object permissions_of(const Call& call) {
  Object out{{"is_administrator", call.principal && call.principal->user.is_admin},
             {"role", nullptr}};
  if (call.principal && call.project)
    out["role"] = core::to_string(call.principal->role_in(call.project->id));
  return out;
}

plugin::HttpRequest request_of(const Call& call, std::uint32_t route, std::string_view path) {
  plugin::HttpRequest out;
  out.route = route;
  out.path = path;
  out.query = call.request.query;
  out.body = call.request.body;
  out.content_type = call.request.header("content-type");
  Object params;
  for (const auto& [name, value] : call.params) params[name] = value;
  Object headers;
  for (const std::string_view name : kTold) {
    if (const std::string_view value = call.request.header(name); !value.empty())
      headers[name] = core::clean_text(value, kMaxTold);
  }
  out.params_json = base::json::write(params);
  out.headers_json = base::json::write(headers);
  if (call.principal) out.user_id = call.principal->user.id.text();
  out.permissions_json = base::json::write(permissions_of(call));
  out.trace_id = call.request.request_id;
  return out;
}

net::Response ask(Site& site, const Call& call, const std::string& instance, std::uint32_t route,
                  std::string_view path) {
  // The plugin may answer when nobody waits any more: the promise is kept by its answer.
  const auto promise = std::make_shared<std::promise<base::Result<plugin::HttpReply>>>();
  auto answered = promise->get_future();
  site.parts.plugins.serve(
      instance, request_of(call, route, path), kDeadlineMs,
      [promise](base::Result<plugin::HttpReply> reply) { promise->set_value(std::move(reply)); });
  auto reply = answered.get();  // the host answers at the deadline at the latest
  if (!reply) return refuse(call, reply.error());
  net::Response r;
  r.status = reply->code;
  r.content_type = std::move(reply->content_type);
  r.body = std::move(reply->body);
  r.headers = std::move(reply->headers);
  const auto is_cache = [](const auto& header) {
    return core::ascii_lower(header.first) == "cache-control";
  };
  if (std::none_of(r.headers.begin(), r.headers.end(), is_cache))
    r.headers.emplace_back("Cache-Control", "no-store");
  if (r.content_type.starts_with("text/html"))
    r.headers.emplace_back("Content-Security-Policy", kOwnPagePolicy);
  return r;
}

}  // namespace

PluginPages::PluginPages(Site& site) : site_(site) {
  for (const auto* routes : {&site.router->routes(), &site.router->beside()}) {
    for (const Route& route : *routes) reserved_.emplace(first_word(route.path));
  }
  reserved_.erase("");  // "/" is the console's, when there is one
  for (const std::string_view word : kReserved) reserved_.emplace(word);
}

bool PluginPages::has_console() const { return !site_.parts.console.empty(); }

bool PluginPages::is_reserved(std::string_view path) const {
  const std::string_view word = first_word(path);
  if (reserved_.find(word) != reserved_.end()) return true;
  for (const std::string_view start : kReservedStarts) {
    if (word.starts_with(start)) return true;
  }
  return false;
}

bool PluginPages::shows_account_page(const net::Request& request) const {
  return is_read(request) && wants_page(request) &&
         std::find(std::begin(kAccountPages), std::end(kAccountPages), request.path) !=
             std::end(kAccountPages) &&
         site_.parts.plugins.serves(site_.parts.console) != nullptr;
}

std::optional<net::Response> PluginPages::answer(const net::Request& request,
                                                 base::LogScope& scope) const {
  if (request.path.size() > kLongestPath || !request.path.starts_with('/')) return std::nullopt;
  if (request.path.starts_with(kExt)) {
    net::Response r = below_ext(request, scope);
    if (r.route.empty()) r.route = kExtRoute;
    return r;
  }
  if (!has_console() || (is_reserved(request.path) && !shows_account_page(request)))
    return std::nullopt;
  net::Response r = is_read(request) ? console(request) : not_allowed("GET, HEAD");
  r.route = kConsoleRoute;
  return r;
}

net::Response PluginPages::below_ext(const net::Request& request, base::LogScope& scope) const {
  const std::string_view rest = std::string_view(request.path).substr(kExt.size());
  const std::size_t end = rest.find('/');
  if (end == std::string_view::npos) return detail_answer(404, "Not Found");
  const std::string instance(rest.substr(0, end));
  const plugin::HttpTable* table = site_.parts.plugins.serves(instance);
  if (table == nullptr) {
    const auto report = site_.parts.plugins.report(instance);
    const bool serves = report && report->kinds.find("http") != std::string::npos;
    return serves ? not_running(request) : detail_answer(404, "Not Found");
  }
  std::string_view path = rest.substr(end + 1);
  if (path.empty()) path = kIndex;
  std::string allowed;
  if (auto answered = route(request, scope, instance, *table, path, allowed))
    return std::move(*answered);
  auto file = asset_answer(*table, path, request);
  if (file && is_read(request)) return std::move(*file);
  if (file) allowed += (allowed.empty() ? "" : ", ") + std::string("GET, HEAD");
  return allowed.empty() ? detail_answer(404, "Not Found") : not_allowed(std::move(allowed));
}

std::optional<net::Response> PluginPages::route(const net::Request& request, base::LogScope& scope,
                                                const std::string& instance,
                                                const plugin::HttpTable& table,
                                                std::string_view path, std::string& allowed) const {
  const std::string asked = "/" + std::string(path);
  for (std::size_t i = 0; i < table.routes.size(); ++i) {
    const plugin::HttpRoute& route = table.routes[i];
    const std::string pattern = "/" + route.path;
    std::vector<std::pair<std::string_view, std::string>> params;
    if (!fits_path(pattern, asked, params)) continue;
    if (route.method != request.method) {
      allowed += (allowed.empty() ? "" : ", ") + route.method;
      continue;
    }
    const std::string name = std::string(kExt) + instance + pattern;
    Call call{request, site_.parts.log, std::move(params), std::nullopt, std::nullopt};
    const Route checked{route.method, name, policy_of(route), nullptr};
    auto refused = admit(site_, checked, call);
    if (call.principal) scope.add("user_id", call.principal->user.id.text());
    if (call.project) scope.add("project_id", call.project->id.text());
    if (!refused) refused = refuse_packed(request);
    if (refused) return refused;
    if (request.body.size() > route.max_body) {
      return error_answer(request, 413, "payload_too_large",
                          "the body has more than " + std::to_string(route.max_body) + " bytes");
    }
    return ask(site_, call, instance, static_cast<std::uint32_t>(i), path);
  }
  return std::nullopt;
}

net::Response PluginPages::console(const net::Request& request) const {
  const plugin::HttpTable* table = site_.parts.plugins.serves(site_.parts.console);
  if (table == nullptr) return not_running(request);
  const std::string_view path = std::string_view(request.path).substr(1);
  if (auto file = asset_answer(*table, path.empty() ? kIndex : path, request))
    return std::move(*file);
  // A file that is gone must not come as a page: browsers would run or keep it.
  if (wants_page(request) && !path.starts_with("assets/")) {
    if (auto page = asset_answer(*table, kIndex, request)) return std::move(*page);
  }
  return detail_answer(404, "Not Found");
}

}  // namespace z4j::api
