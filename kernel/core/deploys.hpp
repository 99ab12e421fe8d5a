// Marks on the charts of a project: when something new went out. Told by people and by pipelines;
// kept as long as what is counted (retention.hpp).
//
// Thread-safe. Errors: see refusal.hpp (reasons label, at, too_many); else the store's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/page.hpp"
#include "core/policy.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct Deploy {
  base::Uuid id;
  base::TimeUs at = 0;
  std::string label, note;  // "": no note
  std::optional<base::Uuid> created_by;
  std::string created_by_name;  // "" when nobody knows any more
};

struct DeployDraft {
  std::string label, note = {};
  std::optional<base::TimeUs> at = std::nullopt;  // none: now
};

inline constexpr std::size_t kLongestDeployLabel = 80, kLongestDeployNote = 500;  // characters
inline constexpr base::TimeUs kDeployAhead = 300 * base::kSecondUs;  // clocks of pipelines differ
inline constexpr std::uint32_t kMostDeploys = 10'000;                // in one project

// From `since` to `until`, both included; newest first.
[[nodiscard]] base::Result<Page<Deploy>> list_deploys(Store& store, const base::Uuid& project,
                                                      std::optional<base::TimeUs> since,
                                                      std::optional<base::TimeUs> until,
                                                      const std::optional<Place>& after,
                                                      std::uint32_t limit);
[[nodiscard]] base::Result<Deploy> create_deploy(Audit& audit, const base::Clock& clock,
                                                 const base::Uuid& project,
                                                 const DeployDraft& draft, const User& by,
                                                 const Actor& actor);
[[nodiscard]] base::Status remove_deploy(Store& store, Audit& audit, const base::Uuid& project,
                                         const base::Uuid& deploy, const Actor& actor);

}  // namespace z4j::core
