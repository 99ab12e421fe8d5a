#include "api/openapi.hpp"

#include <cctype>
#include <map>
#include <vector>

#include "base/crypto.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr std::string_view kBasePath = "/api/v1/", kProjectPath = "/api/v1/projects/{slug}/";

bool is_read(const Route& route) { return route.method == "GET"; }

// The names between braces, in order.
std::vector<std::string> params_of(std::string_view path) {
  std::vector<std::string> out;
  for (std::size_t at = path.find('{'); at != std::string_view::npos; at = path.find('{', at + 1))
    out.emplace_back(path.substr(at + 1, path.find('}', at) - at - 1));
  return out;
}

// The routes that say something of themselves, those that others serve last.
std::vector<const Route*> described(const Router& router) {
  std::vector<const Route*> out;
  for (const auto* routes : {&router.routes(), &router.beside()}) {
    for (const Route& route : *routes) {
      if (!route.description.summary.empty()) out.push_back(&route);
    }
  }
  return out;
}

// What a route is about: the first word behind the project or the base path.
std::string tag_of(std::string_view path) {
  std::string_view rest = path;
  if (rest.starts_with(kProjectPath))
    rest.remove_prefix(kProjectPath.size());
  else if (rest.starts_with(kBasePath))
    rest.remove_prefix(kBasePath.size());
  else
    return "pages";
  return std::string(rest.substr(0, rest.find('/')));
}

// "GET /api/v1/projects/{slug}/tasks" is get_projects_slug_tasks.
std::string operation_id(const Route& route) {
  std::string out;
  for (const char c : std::string(route.method) + std::string(route.path)) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!out.ends_with('_'))
      out += '_';
  }
  while (out.ends_with('_')) out.pop_back();
  const std::size_t base = out.find("_api_v1");
  if (base != std::string::npos) out.erase(base, std::string_view("_api_v1").size());
  return out;
}

// Of an API key: "tasks:read", "any"; empty when no key opens the route.
std::string scope_of(const Route& route) {
  const std::string scope(route.policy.scope);
  if (scope.empty() || route.policy.fresh_mfa) return {};
  return scope == core::kAnyKey ? "any" : scope + (is_read(route) ? ":read" : ":write");
}

std::string_view status_text(int status) {
  switch (status) {
    case 101:
      return "the socket is open";
    case 200:
      return "done";
    case 201:
      return "made";
    case 202:
      return "taken";
    case 204:
      return "done, nothing to say";
    case 304:
      return "as it was";
    case 400:
      return "the request, or its Host, is not understood";
    case 401:
      return "not signed in, or a wrong secret";
    case 403:
      return "not allowed";
    case 404:
      return "not there, or not yours to know";
    case 409:
      return "clashes with what is there";
    case 413:
      return "the body is too large";
    case 415:
      return "the body is packed";
    case 422:
      return "a field, or a rule";
    case 426:
      return "a WebSocket must be asked for";
    case 429:
      return "too often";
    case 500:
      return "our fault";
    case 503:
      return "a part is away or busy";
    default:
      return "refused";
  }
}

Array parameters_json(const Router& router, const Route& route) {
  Array out;
  for (std::string& name : params_of(route.path)) {
    out.push_back(Object{{"name", std::move(name)},
                         {"in", "path"},
                         {"required", true},
                         {"schema", Object{{"type", "string"}, {"minLength", 1}}}});
  }
  if (route.description.query.empty()) return out;
  for (const Shape::Member& member :
       router.shapes().members_of(Shapes::read(route.description.query))) {
    out.push_back(Object{{"name", member.name},
                         {"in", "query"},
                         {"required", !member.is_optional},
                         {"schema", router.shapes().schema(member.shape, Shapes::Side::sent)}});
  }
  return out;
}

Object json_content(Object schema) {
  return {{"application/json", Object{{"schema", std::move(schema)}}}};
}

Object responses_json(const Router& router, const Route& route) {
  std::map<std::string, Object> by_status;
  for (const Description::Answer& answer : route.description.answers) {
    Object& response = by_status[std::to_string(answer.status)];
    response["description"] = status_text(answer.status);
    if (answer.content_type.empty()) continue;
    Object schema = answer.shape.empty() ? Object{{"type", "string"}}
                                         : router.shapes().schema(Shapes::read(answer.shape),
                                                                  Shapes::Side::answered);
    Value& content = response["content"];
    if (content.is_null()) content = Object();
    const std::string_view type = answer.content_type.substr(0, answer.content_type.find(';'));
    Value& known = content.get_object()[type];
    if (known.is_null())
      known = Object{{"schema", std::move(schema)}};
    else
      known = Object{{"schema", Object{{"anyOf", Array{known.at("schema"), std::move(schema)}}}}};
  }
  for (const int status : refusals_of(route)) {
    by_status.try_emplace(
        std::to_string(status),
        Object{{"description", status_text(status)},
               {"content", json_content(Object{{"$ref", "#/components/schemas/Refusal"}})}});
  }
  Object out;
  for (auto& [status, response] : by_status) out[status] = std::move(response);
  return out;
}

Array security_json(const Route& route) {
  if (route.policy.gate == Gate::open) return {};
  if (route.policy.gate == Gate::metrics) return {Object{{"metricsToken", Array()}}};
  if (route.policy.gate == Gate::agent) return {Object{{"agentToken", Array()}}};
  Object session{{"session", Array()}};
  if (!is_read(route)) session["csrf"] = Array();
  Array out{std::move(session)};
  if (!scope_of(route).empty()) out.push_back(Object{{"apiKey", Array()}});
  return out;
}

Object operation_json(const Router& router, const Route& route) {
  Object out{{"operationId", operation_id(route)},
             {"summary", route.description.summary},
             {"tags", Array{tag_of(route.path)}},
             {"x-z4j-who", to_text(route.policy)}};
  if (const std::string scope = scope_of(route); !scope.empty()) out["x-z4j-scope"] = scope;
  if (route.policy.fresh_mfa) out["x-z4j-fresh-second-factor"] = true;
  Array parameters = parameters_json(router, route);
  if (!parameters.empty()) out["parameters"] = std::move(parameters);
  if (!route.description.body.empty()) {
    const Shape body = Shapes::read(route.description.body);
    out["requestBody"] =
        Object{{"required", true},
               {"content", json_content(router.shapes().schema(body, Shapes::Side::sent))}};
  }
  out["responses"] = responses_json(router, route);
  out["security"] = security_json(route);
  return out;
}

Object components_json(const Router& router) {
  Object schemas = router.shapes().components();
  schemas["Refusal"] =
      Object{{"type", "object"},
             {"description",
              "`error` is for programs, `message` for people; the router's own answers, and those "
              "about fields, have `detail` (too)"},
             {"properties", Object{{"error", Object{{"type", "string"}}},
                                   {"message", Object{{"type", "string"}}},
                                   {"request_id", Object{{"type", Array{"string", "null"}}}},
                                   {"details", Object{{"type", "object"}}},
                                   {"detail", Object{}}}},
             {"anyOf", Array{Object{{"required", Array{"error", "message"}}},
                             Object{{"required", Array{"detail"}}}}}};
  const auto header = [](std::string_view name) {
    return Object{{"type", "apiKey"}, {"in", "header"}, {"name", name}};
  };
  return {{"schemas", std::move(schemas)},
          {"securitySchemes",
           Object{{"session",
                   Object{{"type", "apiKey"}, {"in", "cookie"}, {"name", "__Host-z4j_session"}}},
                  {"csrf", header("X-CSRF-Token")},
                  {"apiKey", Object{{"type", "http"}, {"scheme", "bearer"}}},
                  {"agentToken", Object{{"type", "http"}, {"scheme", "bearer"}}},
                  {"metricsToken", Object{{"type", "http"}, {"scheme", "bearer"}}}}}};
}

// --- the page -----------------------------------------------------------------------------------

constexpr std::string_view kPageStyle =
    "body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h2{margin-top:2rem;border-bottom:1px solid}code{font-size:.95em;overflow-wrap:anywhere}"
    "summary{cursor:pointer}dt{font-weight:600}dd{margin:0 0 .5rem 1rem}.w{opacity:.7}";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

void append_fact(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += "<dt>" + escaped(name) + "</dt><dd><code>" + escaped(value) + "</code></dd>";
}

void append_route(std::string& out, const Route& route) {
  out += "<details><summary><code>" + escaped(route.method) + " " + escaped(route.path) +
         "</code> " + escaped(route.description.summary) + " <span class=\"w\">" +
         escaped(to_text(route.policy)) + "</span></summary><dl>";
  append_fact(out, "scope of API keys", scope_of(route));
  append_fact(out, "query", route.description.query);
  append_fact(out, "body", route.description.body);
  for (const Description::Answer& answer : route.description.answers)
    append_fact(out, std::to_string(answer.status),
                answer.shape.empty()
                    ? (answer.content_type.empty() ? "no body" : answer.content_type)
                    : answer.shape);
  out += "</dl></details>";
}

}  // namespace

std::set<int> refusals_of(const Route& route) {
  std::set<int> out{400, 500, 503};
  out.insert(route.description.refusals.begin(), route.description.refusals.end());
  if (!is_read(route)) out.insert({401, 403, 404, 409, 413, 415, 422});
  if (route.policy.gate != Gate::open) out.insert({401, 403});
  if (route.path.find('{') != std::string_view::npos) out.insert(404);
  if (!route.description.query.empty()) out.insert(422);
  if (route.policy.bucket != nullptr) out.insert(429);
  return out;
}

Object openapi_document(const Router& router, std::string_view version) {
  Object paths;
  for (const Route* route : described(router)) {
    Value& path = paths[route->path];
    if (path.is_null()) path = Object();
    std::string method;
    for (const char c : route->method)
      method += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    path.get_object()[method] = operation_json(router, *route);
  }
  return {{"openapi", "3.1.0"},
          {"info", Object{{"title", "z4j"},
                          {"version", version},
                          {"description",
                           "The control plane's API. Methods other than GET need X-CSRF-Token "
                           "when a session's cookie is sent."},
                          {"x-z4j-build", Object{{"compiler", __VERSION__}}}}},
          {"paths", std::move(paths)},
          {"components", components_json(router)}};
}

std::string openapi_page(const Router& router, std::string_view version, std::string_view nonce) {
  std::string out =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>z4j API</title><meta "
      "name=\"viewport\" content=\"width=device-width\"><style nonce=\"" +
      escaped(nonce) + "\">" + std::string(kPageStyle) + "</style><h1>z4j API " + escaped(version) +
      "</h1><p>For programs: <a href=\"/api/v1/openapi.json\">openapi.json</a>. A <code>?</code> "
      "behind a name: may be left out; behind a type: may be null.</p>";
  std::map<std::string, std::string> sections;
  for (const Route* route : described(router)) append_route(sections[tag_of(route->path)], *route);
  for (const auto& [tag, section] : sections) out += "<h2>" + escaped(tag) + "</h2>" + section;
  out += "<h2>Shapes</h2><dl>";
  for (const auto& [name, notation] : router.shapes().notations()) append_fact(out, name, notation);
  return out + "</dl></html>";
}

}  // namespace z4j::api
