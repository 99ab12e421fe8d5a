// Changes that are prepared first and then made: one by one, or many in few round trips. Each is
// one script, so each happens as a whole or not at all.
#pragma once

#include "src/actions.hpp"

#include <functional>
#include <string_view>
#include <variant>
#include <vector>

namespace z4j::engine_rq {

struct Step {
  std::string_view script;
  redis::Args keys, args;
  std::function<json::Object(const redis::Reply&)> finish;  // from the script's answer to ours
};
// What was refused at the first look needs no step.
using Prepared = std::variant<json::Object, Step>;

// In the order given. A line that breaks makes "unknown" of what was under way; what comes after it
// is not tried. Thrown: what Connection throws while nothing has been changed.
[[nodiscard]] std::vector<json::Object> run_steps(Bench& bench, std::vector<Prepared> prepared);

// `some` answers for a part of what was asked; parts are small, since each job may be large. What
// comes behind a part that failed is not tried.
[[nodiscard]] std::vector<json::Object> in_parts(
    const std::vector<Asked>& asked,
    const std::function<std::vector<json::Object>(const std::vector<Asked>&)>& some);

}  // namespace z4j::engine_rq
