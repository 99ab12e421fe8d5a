#include "net/refusal.hpp"

#include <cstdio>
#include <ctime>

#include "base/json.hpp"

namespace z4j::net {
namespace {

bool is_token(std::string_view text) noexcept {
  for (const char c : text) {
    const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alnum && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos)
      return false;
  }
  return !text.empty();
}

std::string quoted(std::string_view text) {
  return base::json::write(base::json::Value(base::json::String(text)));
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

bool is_safe_header(std::string_view name, std::string_view value) noexcept {
  for (const char c : value) {
    if ((static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f) return false;
  }
  return is_token(name);
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char out[64];
  std::snprintf(out, sizeof out, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday],
                parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                parts.tm_min, parts.tm_sec);
  return out;
}

Response to_response(const Refusal& refusal) {
  Response response;
  response.status = refusal.status;
  response.body = "{\"error\":" + quoted(refusal.code) + ",\"message\":" + quoted(refusal.message) +
                  ",\"request_id\":" +
                  (refusal.request_id.empty() ? std::string("null") : quoted(refusal.request_id)) +
                  ",\"details\":" + refusal.details + "}";
  response.headers = refusal.headers;
  if (!refusal.request_id.empty())
    response.headers.emplace_back("X-Request-Id", refusal.request_id);
  for (const char* pair :
       {"X-Content-Type-Options\0nosniff", "X-Frame-Options\0DENY", "Cache-Control\0no-store",
        "Referrer-Policy\0no-referrer", "Cross-Origin-Opener-Policy\0same-origin",
        "Cross-Origin-Resource-Policy\0same-origin"}) {
    const std::string_view name = pair;
    response.headers.emplace_back(name, pair + name.size() + 1);
  }
  return response;
}

std::string write_response(const Response& response, After after, bool with_body) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += reason_phrase(response.status);
  out += "\r\nDate: " + http_date() + "\r\n";
  if (!response.content_type.empty() && is_safe_header("Content-Type", response.content_type)) {
    out += "Content-Type: " + response.content_type + "\r\n";
  }
  for (const auto& [name, value] : response.headers) {
    if (is_safe_header(name, value)) out += name + ": " + value + "\r\n";
  }
  if (response.status >= 200 && response.status != 204 && response.status != 304) {
    out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  } else {
    with_body = false;
  }
  if (after == After::close) out += "Connection: close\r\n";
  out += "\r\n";
  if (with_body) out += response.body;
  return out;
}

}  // namespace z4j::net
