// Queries of lists under names: a person's own in a project, or shared with its members.
//
// A private view is there for its owner alone: to others it is not found. Views go with their
// owner; private ones also when the owner leaves the project. Thread-safe. Errors: see refusal.hpp
// (reasons name, too_many); else the store's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/policy.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct SavedView {
  base::Uuid id, user_id;
  std::string screen, name, query;
  bool is_shared = false;
  base::TimeUs created_at = 0;
  std::string created_by_name;  // "" when nobody knows any more
};

struct SavedViewDraft {
  std::string screen, name, query;
  bool is_shared = false;
};

inline constexpr std::size_t kLongestScreen = 40, kLongestViewName = 80,
                             kLongestViewQuery = 2000;  // characters
inline constexpr std::uint32_t kMostOwnViews = 200;     // of one person in one project
inline constexpr std::uint32_t kMostSharedViews = 200;  // in one project

// One's own by name, then those that others share by theirs. Without a screen: of all.
[[nodiscard]] base::Result<std::vector<SavedView>> list_saved_views(
    Store& store, const base::Uuid& project, const base::Uuid& user,
    const std::optional<std::string>& screen);

// Sharing one needs Action::share_views. conflict ("name"): one's own of that list has it already.
[[nodiscard]] base::Result<SavedView> create_saved_view(Audit& audit, const base::Clock& clock,
                                                        const Principal& principal,
                                                        const base::Uuid& project,
                                                        const SavedViewDraft& draft,
                                                        const Actor& actor);
// Another's shared one needs Action::manage_views.
[[nodiscard]] base::Status remove_saved_view(Store& store, Audit& audit, const Principal& principal,
                                             const base::Uuid& project, const base::Uuid& view,
                                             const Actor& actor);

// A step: the user leaves the project.
void forget_saved_views(Commit& commit, const base::Uuid& user, const base::Uuid& project);

}  // namespace z4j::core
