#include "core/bulk_run.hpp"

#include <algorithm>
#include <cmath>
#include <future>
#include <set>

#include "core/refusal.hpp"
#include "core/revocations.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace cmd = model::commands;
namespace job_col = model::bulk_jobs;
namespace sel = model::selections;
namespace item_col = model::selection_items;
namespace task_col = model::tasks;
namespace json = base::json;

constexpr double kPiecesPerSecond = 4;
constexpr std::size_t kResultItemsBytes = std::size_t{2} << 20;  // of a command's result
constexpr std::size_t kResultReasonBytes = 200, kReasonBytes = 900;
constexpr std::size_t kAnswerBytes = std::size_t{16} << 20;
constexpr std::uint32_t kResultRows = 2000, kLookedUp = 500;
constexpr std::chrono::milliseconds kLateAnswer{5'000}, kStoreRest{500}, kShortWait{50};
constexpr int kStateDeadlineMs = 10'000;
constexpr base::TimeUs kCommandMarginUs = 3 * base::kSecondUs;  // before the sweeper comes
constexpr std::string_view kStarted = "started", kChanged = "changed";

// As people read of a selection's state: null in the store is pending.
std::string_view word_of(const Turned& turned);

}  // namespace

}  // namespace z4j::core
