#include "plugin/op_table.hpp"

#include <algorithm>
#include <chrono>

namespace z4j::plugin {

OpTable::OpTable(const base::Clock& clock) : clock_(clock), watcher_([this] { watch(); }) {}

OpTable::~OpTable() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  watcher_.join();
}

// Requires the lock. The slot's id is never given out again.
OpTable::Done OpTable::close_slot(std::uint32_t index) {
  Slot& slot = slots_[index];
  Done done = std::move(slot.done);
  slot.open = false;
  slot.done = nullptr;
  ++slot.generation;
  free_.push_back(index);
  return done;
}

base::Result<z4j_op> OpTable::open(const void* owner, int deadline_ms, base::Error expired, Done done) {
  const std::lock_guard lock(mutex_);
  const auto open = static_cast<std::size_t>(
      std::count_if(slots_.begin(), slots_.end(), [owner](const Slot& s) { return s.open && s.owner == owner; }));
  if (open >= kMaxOpenPerOwner) {
    return base::Error{.code = base::Code::busy,
                       .message = "the plugin has " + std::to_string(open) + " operations open",
                       .where = {}, .hint = "try again when some are answered", .retry_after_ms = 1000};
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.open = true;
  slot.cancelled = false;
  slot.owner = owner;
  slot.deadline = clock_.steady_ms() + deadline_ms;
  slot.expired = std::move(expired);
  slot.done = std::move(done);
  return static_cast<z4j_op>(slot.generation) << 32 | index;
}

OpTable::Verdict OpTable::complete(const void* owner, z4j_op op, base::Result<std::string> result) {
  Done done;
  {
    const std::lock_guard lock(mutex_);
    if (static_cast<std::uint32_t>(op) >= slots_.size()) return Verdict::foreign;
    const Slot* slot = find(op);
    if (slot == nullptr) return Verdict::late;
    if (slot->owner != owner) return Verdict::foreign;
    done = close_slot(static_cast<std::uint32_t>(op));
  }
  done(std::move(result));
  return Verdict::answered;
}

const OpTable::Slot* OpTable::find(z4j_op op) const {
  const auto index = static_cast<std::uint32_t>(op);
  if (index >= slots_.size()) return nullptr;
  const Slot& slot = slots_[index];
  return slot.open && slot.generation == static_cast<std::uint32_t>(op >> 32) ? &slot : nullptr;
}

std::int64_t OpTable::remaining_ms(z4j_op op) const {
  const std::lock_guard lock(mutex_);
  const Slot* slot = find(op);
  return slot != nullptr ? slot->deadline - clock_.steady_ms() : 0;
}

bool OpTable::cancelled(z4j_op op) const {
  const std::lock_guard lock(mutex_);
  const Slot* slot = find(op);
  return slot == nullptr || slot->cancelled;
}

void OpTable::cancel_all(const void* owner) {
  const std::lock_guard lock(mutex_);
  for (Slot& slot : slots_) {
    if (slot.open && slot.owner == owner) slot.cancelled = true;
  }
}

void OpTable::abandon(const void* owner, const base::Error& error) {
  std::vector<Done> calls;
  {
    const std::lock_guard lock(mutex_);
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].open && slots_[i].owner == owner) calls.push_back(close_slot(i));
    }
  }
  for (Done& call : calls) call(error);
}

OpTable::Counts OpTable::counts(const void* owner) const {
  const std::lock_guard lock(mutex_);
  Counts counts;
  for (const Slot& slot : slots_) counts.open += slot.open && slot.owner == owner ? 1 : 0;
  for (const auto& [who, n] : expired_) {
    if (who == owner) counts.expired = n;
  }
  return counts;
}

void OpTable::watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wake_.wait_for(lock, std::chrono::milliseconds(50));
    std::vector<std::pair<Done, base::Error>> due;
    const std::int64_t now = clock_.steady_ms();
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      if (!slot.open || slot.deadline > now) continue;
      const auto known = std::find_if(expired_.begin(), expired_.end(), [&](const auto& e) { return e.first == slot.owner; });
      if (known != expired_.end()) {
        ++known->second;
      } else {
        expired_.emplace_back(slot.owner, 1);
      }
      base::Error error = std::move(slot.expired);
      due.emplace_back(close_slot(i), std::move(error));
    }
    lock.unlock();
    for (auto& [done, error] : due) done(std::move(error));
    lock.lock();
  }
}

}  // namespace z4j::plugin
