// A simulation as the API and the command line give it out.
#pragma once

#include "base/json.hpp"
#include "core/simulation.hpp"

namespace z4j::api {

// With "comparisons" where the fires were compared.
[[nodiscard]] base::json::Object simulation_json(const core::Simulation& simulation,
                                                 bool is_compared);

}  // namespace z4j::api
