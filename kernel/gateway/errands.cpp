#include "gateway/errands.hpp"

#include <utility>

#include "core/refusal.hpp"

namespace z4j::gateway {
namespace {

constexpr std::size_t kMaxOpenPerAgent = 256;

base::Error no_answer(bool is_sent) {
  if (is_sent) {
    return base::Error{.code = base::Code::timeout,
                       .message = "the agent did not answer in time; it may have done it",
                       .where = {},
                       .hint = {}};
  }
  return core::refuse::error(base::Code::unavailable, core::refuse::kAgentOffline,
                             "the agent took nothing in time; nothing was sent");
}

}  // namespace

bool Errands::add(const Errand& errand, plugin::Answer answer) {
  const std::lock_guard lock(mutex_);
  if (is_stopped_ || open_.count(errand.id) > 0) return false;
  std::size_t& open = open_by_agent_[errand.agent_id];
  if (open >= kMaxOpenPerAgent) return false;
  ++open;
  open_.emplace(errand.id, Open{errand, std::move(answer), false});
  return true;
}

std::optional<Errands::Open> Errands::remove(const base::Uuid& id) {
  const auto at = open_.find(id);
  if (at == open_.end()) return std::nullopt;
  std::optional<Open> out(std::move(at->second));
  open_.erase(at);
  if (const auto counted = open_by_agent_.find(out->errand.agent_id); --counted->second == 0)
    open_by_agent_.erase(counted);
  return out;
}

bool Errands::sending(const base::Uuid& id) {
  const std::lock_guard lock(mutex_);
  const auto at = open_.find(id);
  if (at == open_.end()) return false;
  at->second.is_sent = true;
  return true;
}

void Errands::not_sent(const base::Uuid& id, const base::Error& why) {
  std::optional<Open> open;
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = open_.find(id); at == open_.end() || at->second.is_sent) return;
    open = remove(id);
  }
  open->answer(why);
}

bool Errands::finish(const base::Uuid& agent_id, const base::Uuid& id,
                     const wire::ActionResult& result) {
  std::optional<Open> open;
  {
    const std::lock_guard lock(mutex_);
    const auto at = open_.find(id);
    if (at != open_.end() && at->second.errand.agent_id == agent_id) open = remove(id);
  }
  if (!open) {
    ++late_;
    return false;
  }
  open->answer(wire::engine_answer(open->errand.action.action, result));
  return true;
}

bool Errands::is_open(const base::Uuid& id) const {
  const std::lock_guard lock(mutex_);
  return open_.count(id) > 0;
}

void Errands::sweep() {
  std::vector<Open> over;
  {
    const std::lock_guard lock(mutex_);
    std::vector<base::Uuid> ids;
    const std::int64_t now_ms = clock_.steady_ms();
    for (const auto& [id, open] : open_) {
      if (open.errand.until_ms <= now_ms) ids.push_back(id);
    }
    for (const base::Uuid& id : ids) over.push_back(std::move(*remove(id)));
  }
  for (Open& open : over) open.answer(no_answer(open.is_sent));
}

void Errands::stop() {
  std::map<base::Uuid, Open> left;
  {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    left.swap(open_);
    open_by_agent_.clear();
  }
  for (auto& [id, open] : left) open.answer(no_answer(open.is_sent));
}

}  // namespace z4j::gateway
