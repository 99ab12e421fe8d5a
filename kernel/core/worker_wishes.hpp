// What operators wished of workers, kept for those that come later.
//
// Rate limits, time limits, consumers, autoscale bounds and pauses act in one worker's memory: a
// restart undoes them. So what was done is kept and said again to workers that come
// (revocations.hpp says when). Saying it twice does no harm.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/page.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct WorkerWish {
  base::Uuid id;
  std::string engine, kind;    // rate_limit, time_limit, consumer, autoscale, pause
  std::string target, worker;  // task name or queue; "": all of them
  base::json::Object args;     // of the verb
  std::optional<base::Uuid> command_id;
  base::TimeUs created_at = 0, updated_at = 0;
  std::optional<base::TimeUs> asserted_at;  // latest repetition
  std::int64_t asserted = 0;

  [[nodiscard]] std::uint64_t verb() const noexcept;
  [[nodiscard]] std::string verb_target() const;  // what the verb takes as its target
};

inline constexpr std::size_t kMostWishes = 500;  // said again per project and engine: the newest

// Adds to the commit that stores what came of a command what is wished from now on, or is not
// wished any more. Nothing for actions that leave no wish. `target` and `args_json` are the verb's;
// `result` is what the engine answered.
void note_wish(Commit& commit, const base::Uuid& project, std::string_view engine,
               std::string_view action, const std::string& target, const std::string& args_json,
               const base::json::Object& result, const base::Uuid& command, base::TimeUs now);

// Of one engine, newest first; at most kMostWishes.
[[nodiscard]] base::Result<std::vector<WorkerWish>> wishes_of(Store& store,
                                                              const base::Uuid& project,
                                                              const std::string& engine);
// The workers that a pause of the queue reached, as the engine named them; empty: not known.
[[nodiscard]] base::Result<base::json::Array> paused_workers(Store& store,
                                                             const base::Uuid& project,
                                                             const std::string& engine,
                                                             const std::string& queue);
// They were said again.
[[nodiscard]] base::Status note_asserted(Store& store, const std::vector<base::Uuid>& ids,
                                         base::TimeUs now);

// For people: newest first.
[[nodiscard]] base::Result<Page<WorkerWish>> list_wishes(Store& store, const base::Uuid& project,
                                                         const std::optional<Place>& after,
                                                         std::uint32_t limit);
// It is not said again; workers that heard it keep to it. not_found: no such in the project.
[[nodiscard]] base::Status drop_wish(Store& store, Audit& audit, const base::Uuid& project,
                                     const base::Uuid& id, const Actor& actor);

}  // namespace z4j::core
