#include "gateway/state_round.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "core/refusal.hpp"
#include "gateway/session.hpp"
#include "wire/action.hpp"

namespace z4j::gateway {
namespace {

namespace json = base::json;

constexpr std::size_t kUnderWay = 4;

class StateRound : public std::enable_shared_from_this<StateRound> {
 public:
  StateRound(Errands& errands, Roster& roster, const base::Clock& clock, StateQuestion question,
             plugin::Answer answer)
      : errands_(errands),
        roster_(roster),
        question_(std::move(question)),
        until_ms_(clock.steady_ms() + question_.deadline_ms),
        answer_(std::move(answer)) {}

  // Sends what may be under way; answers when nothing is left.
  void go() {
    for (;;) {
      std::string task_id;
      {
        const std::lock_guard lock(mutex_);
        if (next_ < question_.task_ids.size() && open_ >= kUnderWay) return;
        if (next_ == question_.task_ids.size()) {
          if (open_ > 0 || std::exchange(is_over_, true)) return;
          break;
        }
        task_id = question_.task_ids[next_++];
        ++open_;
      }
      ask(task_id);
    }
    answer_(json::write(json::Object{{"items", std::move(items_)}, {"next", nullptr}}));
  }

 private:
  void ask(const std::string& task_id) {
    const SessionPtr session = roster_.choose(question_.agent_id, question_.engine);
    Errand errand{base::Uuid::random(), question_.agent_id,
                  wire::reconcile_action(question_.engine, task_id), until_ms_};
    const bool is_taken =
        session && errands_.add(errand, [self = shared_from_this(),
                                         task_id](const base::Result<std::string>& text) {
          self->came(task_id, text);
          self->go();
        });
    if (is_taken) return session->send(errand);
    const std::lock_guard lock(mutex_);
    --open_;
    next_ = question_.task_ids.size();  // the agent is gone, or busy: another time
  }

  void came(const std::string& task_id, const base::Result<std::string>& text) {
    const std::lock_guard lock(mutex_);
    --open_;
    if (!text) {
      next_ = question_.task_ids.size();
      return;
    }
    auto told = json::parse(*text);
    if (!told || !told->is_object()) return;
    wire::ActionResult result;
    result.success = json::text(told->get_object(), "outcome") == "done";
    result.result = std::move(told->get_object());
    if (auto item = wire::state_item(task_id, result)) items_.push_back(std::move(*item));
  }

  Errands& errands_;
  Roster& roster_;
  const StateQuestion question_;
  const std::int64_t until_ms_;
  const plugin::Answer answer_;

  std::mutex mutex_;
  std::size_t next_ = 0, open_ = 0;  // guarded by mutex_, as are those below
  json::Array items_;
  bool is_over_ = false;
};

}  // namespace

void ask_states(Errands& errands, Roster& roster, const base::Clock& clock, StateQuestion question,
                plugin::Answer answer) {
  if (question.task_ids.size() > kMostStatesAsked) {
    return answer(core::refuse::error(base::Code::invalid, "task_ids",
                                      "at most 500 tasks can be asked about at once"));
  }
  std::make_shared<StateRound>(errands, roster, clock, std::move(question), std::move(answer))
      ->go();
}

}  // namespace z4j::gateway
