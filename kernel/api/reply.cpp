#include "api/reply.hpp"

#include <algorithm>

#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::Code;
using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr unsigned kBusyRetryS = 1;

unsigned retry_after_s(const base::Error& error, unsigned fallback) {
  return error.retry_after_ms == 0 ? fallback : std::max(1u, (error.retry_after_ms + 999) / 1000);
}

Object details_of(const base::Error& error) {
  Object details;
  if (!error.where.empty()) details["reason"] = error.where;
  if (!error.hint.empty()) details["hint"] = error.hint;
  return details;
}

// A rule of the kernel that the request broke: 422, in both shapes.
net::Response broken_rule(const net::Request& request, const base::Error& error) {
  const std::string field = error.where.starts_with("password_") ? "password"
                            : error.where.empty()                ? ""
                                                                 : error.where;
  Array loc{"body"};
  if (!field.empty()) loc.emplace_back(field);
  Object details = details_of(error);
  if (!error.where.empty()) details["code"] = error.where;
  details["errors"] =
      Array{Object{{"loc", field.empty() ? "body" : "body." + field}, {"type", "value_error"}}};
  return json_answer(422, Object{{"error", "validation_error"},
                                 {"message", error.message},
                                 {"request_id", base::json::text_or_null(request.request_id)},
                                 {"details", std::move(details)},
                                 {"detail", Array{Object{{"type", "value_error"},
                                                         {"loc", std::move(loc)},
                                                         {"msg", error.message}}}}});
}

net::Response unavailable(const net::Request& request, std::string_view message, unsigned retry_s) {
  net::Response r = error_answer(request, 503, "unavailable", message);
  r.headers.emplace_back("Retry-After", std::to_string(retry_s));
  return r;
}

}  // namespace

net::Response json_answer(int status, const Value& value) {
  net::Response r;
  r.status = status;
  r.body = base::json::write(value);
  return r;
}

net::Response html_answer(int status, std::string body) {
  net::Response r;
  r.status = status;
  r.content_type = "text/html; charset=utf-8";
  r.body = std::move(body);
  return r;
}

net::Response no_content() {
  net::Response r;
  r.status = 204;
  r.content_type.clear();
  return r;
}

net::Response detail_answer(int status, std::string_view detail) {
  return json_answer(status, Object{{"detail", detail}});
}

net::Response error_answer(const net::Request& request, int status, std::string_view code,
                           std::string_view message, Object details) {
  return json_answer(status, Object{{"error", code},
                                    {"message", message},
                                    {"request_id", base::json::text_or_null(request.request_id)},
                                    {"details", std::move(details)}});
}

net::Response too_many(const net::Request& request, std::string_view message,
                       unsigned retry_after_s) {
  net::Response r =
      json_answer(429, Object{{"error", "rate_limited"},
                              {"message", message},
                              {"request_id", base::json::text_or_null(request.request_id)},
                              {"details", Object{{"retry_after_seconds", retry_after_s}}},
                              {"detail", message}});
  r.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  return r;
}

std::optional<net::Response> refuse_packed(const net::Request& request) {
  const std::string_view packed = request.header("content-encoding");
  if (packed.empty() || core::ascii_lower(packed) == "identity") return std::nullopt;
  net::Response r = error_answer(request, 415, "unsupported_media_type",
                                 "bodies are taken as they are, without a Content-Encoding");
  r.headers.emplace_back("Accept-Encoding", "identity");
  return r;
}

net::Response refusal(const net::Request& request, const base::Error& error) {
  switch (error.code) {
    case Code::denied: {
      Object details = details_of(error);
      if (error.where == core::refuse::kUnauthenticated || error.where == core::refuse::kForbidden)
        details.erase("reason");
      const bool asks = core::refuse::asks_for_sign_in(error);
      return error_answer(request, asks ? 401 : 403, asks ? "unauthenticated" : "forbidden",
                          error.message, std::move(details));
    }
    case Code::not_found:
      return error_answer(request, 404, "not_found", error.message, details_of(error));
    case Code::conflict:
    case Code::unsupported:
    case Code::bad_state:
      return error_answer(request, 409, "conflict", error.message, details_of(error));
    case Code::invalid:
    case Code::bad_config:
      return broken_rule(request, error);
    case Code::too_large:
      return error_answer(request, 413, "payload_too_large", error.message, details_of(error));
    case Code::busy:
      if (error.where == core::refuse::kRateLimited)
        return too_many(request, error.message, retry_after_s(error, 60));
      return unavailable(request, error.message, retry_after_s(error, kBusyRetryS));
    case Code::unavailable:
      if (error.where == core::refuse::kAgentOffline) {
        return error_answer(request, 503, "agent_offline", error.message, details_of(error));
      }
      return unavailable(request, "the brain can't reach what it needs for this answer; try again",
                         retry_after_s(error, kBusyRetryS));
    case Code::timeout:
      return unavailable(request, "this took too long; try again",
                         retry_after_s(error, kBusyRetryS));
    case Code::io:
    case Code::cancelled:
      return unavailable(request, "the brain can't answer this now; try again",
                         retry_after_s(error, kBusyRetryS));
    case Code::unknown:
      return error_answer(request, 503, "unavailable",
                          "it is not known whether this happened; look before trying again");
    default:
      return error_answer(request, 500, "internal_error",
                          "something went wrong on our side; the log has it under this request id");
  }
}

}  // namespace z4j::api
