// Answers: JSON, and errors in the shapes that clients know.
//
// An error of ours is the envelope {error, message, request_id, details}. Where upstream's
// framework answers with {detail}, we send both in one body, so that either kind of client finds
// what it reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "net/http.hpp"

namespace z4j::api {

[[nodiscard]] net::Response json_answer(int status, const base::json::Value& value);
[[nodiscard]] net::Response html_answer(int status, std::string body);
[[nodiscard]] net::Response no_content();
// {"detail": text}: the router's own answers.
[[nodiscard]] net::Response detail_answer(int status, std::string_view detail);
[[nodiscard]] net::Response error_answer(const net::Request& request, int status,
                                         std::string_view code, std::string_view message,
                                         base::json::Object details = {});
// 429 with Retry-After.
[[nodiscard]] net::Response too_many(const net::Request& request, std::string_view message,
                                     unsigned retry_after_s);
// 415 for a body with a Content-Encoding: a small one that unpacks into a large one is never
// unpacked.
[[nodiscard]] std::optional<net::Response> refuse_packed(const net::Request& request);
// What an error of the kernel is called outside. Codes of the world and of ours keep their details
// to themselves: they go to the log, under the request's id.
[[nodiscard]] net::Response refusal(const net::Request& request, const base::Error& error);

}  // namespace z4j::api
