// Does an answer keep to what its route says of itself?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/openapi.hpp"
#include "net/http.hpp"

namespace z4j::api::testing {

inline std::optional<std::string> answer_fault(const Router& router, const Route& route,
                                               const net::Response& response) {
  const Description& said = route.description;
  const std::string what = std::string(route.method) + " " + std::string(route.path) + " -> " +
                           std::to_string(response.status);
  // Without the charset.
  const auto bare = [](std::string_view type) { return type.substr(0, type.find(';')); };
  std::optional<std::string> wrong;
  bool is_described = false;
  for (const Description::Answer& answer : said.answers) {
    if (answer.status != response.status ||
        (!answer.content_type.empty() && bare(answer.content_type) != bare(response.content_type)))
      continue;
    is_described = true;
    if (answer.shape.empty() || response.stream) return std::nullopt;
    const auto body = base::json::parse(response.body);
    if (!body) return what + " is no JSON";
    wrong = router.shapes().misfit(Shapes::read(answer.shape), *body);
    if (!wrong) return std::nullopt;
  }
  if (is_described) return what + ": answer" + *wrong;
  if (refusals_of(route).count(response.status) != 0) return std::nullopt;
  return what + " (" + response.content_type + ") is not described";
}

}  // namespace z4j::api::testing
