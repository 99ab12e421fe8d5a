// Looks at everything that stands between an agent and its brain, one step after another, as a
// person would who can't see why it does not work. Changes nothing anywhere.
#pragma once

#include <string>
#include <vector>

#include "agent/runtime.hpp"
#include "agent/settings.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"

namespace z4j::agent {

struct DoctorStep {
  enum class Verdict : std::uint8_t { good, failed, skipped };
  std::string name;  // config, dns, tcp, proxy, tls, upgrade, token, clock, signature, broker
  Verdict verdict = Verdict::good;
  std::string detail, hint;
};

struct DoctorReport {
  std::vector<DoctorStep> steps;
  // The first that failed, or null.
  [[nodiscard]] const DoctorStep* first_failure() const;
};

enum class DoctorWay : std::uint8_t { as_configured, no_websocket };

// Takes at most about a minute. Requires settings without problems; engines may be missing.
[[nodiscard]] DoctorReport examine(const Loaded& loaded, const Surroundings& around, DoctorWay way,
                                   const base::Clock& clock);

[[nodiscard]] std::string text_of(const DoctorReport& report);
[[nodiscard]] base::json::Object json_of(const DoctorReport& report);

}  // namespace z4j::agent
