#include "plugin/op_table.hpp"

#include <algorithm>
#include <chrono>

namespace z4j::plugin {
namespace {

// Bounds how late an expiry is noticed when the clock is not the system's.
constexpr std::int64_t kOpPollMs = 50;

constexpr z4j_op make_op(std::uint32_t slot, std::uint32_t generation) {
  return static_cast<z4j_op>(generation) << 32 | slot;
}
constexpr std::uint32_t slot_of(z4j_op op) { return static_cast<std::uint32_t>(op); }
constexpr std::uint32_t generation_of(z4j_op op) { return static_cast<std::uint32_t>(op >> 32); }

}  // namespace

OpTable::OpTable(const base::Clock& clock) : clock_(clock) {
  watcher_ = std::thread([this] { watch(); });
}

OpTable::~OpTable() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  watcher_.join();
  // What a plugin may still read stays for good.
  static std::mutex mutex;
  static auto& left = *new std::vector<std::shared_ptr<void>>();
  const std::lock_guard lock(mutex);
  for (Slot& slot : slots_) {
    if (slot.keep) left.push_back(std::move(slot.keep));
  }
}

void OpTable::run(Ending& ending) noexcept {
  try {
    ending.done(std::move(ending.result), ending.how, ending.op);
  } catch (...) {
    // The op is over either way, and the frames above may be a plugin's.
  }
}

base::Result<z4j_op> OpTable::open(const void* owner, int deadline_ms, base::Error expired,
                                   Done done, std::shared_ptr<void> keep) {
  const std::lock_guard lock(mutex_);
  Counts& counts = counts_[owner];
  if (counts.open + counts.owed >= kMaxOpenPerOwner) {
    base::Error busy;
    busy.code = base::Code::busy;
    busy.message =
        "the plugin owes answers to " + std::to_string(counts.open + counts.owed) + " operations";
    busy.hint = "try again when some are answered";
    busy.retry_after_ms = 1000;
    return busy;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.life = Life::waiting;
  slot.cancelled = false;
  slot.owner = owner;
  slot.deadline = clock_.steady_ms() + std::clamp(deadline_ms, 0, kMaxDeadlineMs);
  slot.expired = std::move(expired);
  slot.done = std::move(done);
  slot.keep = std::move(keep);
  ++counts.open;
  ++running_;
  wake_.notify_one();
  return make_op(index, slot.generation);
}

const OpTable::Slot* OpTable::find(const void* owner, z4j_op op) const {
  if (slot_of(op) >= slots_.size()) return nullptr;
  const Slot& slot = slots_[slot_of(op)];
  const bool live = slot.life == Life::waiting || slot.life == Life::begun;
  return live && slot.generation == generation_of(op) && slot.owner == owner ? &slot : nullptr;
}

std::shared_ptr<void> OpTable::release(std::uint32_t index) {
  Slot& slot = slots_[index];
  slot.life = Life::free;
  slot.done = nullptr;
  ++slot.generation;
  free_.push_back(index);
  idle_.notify_all();
  return std::move(slot.keep);
}

bool OpTable::begin(z4j_op op, base::Error expired) {
  const std::lock_guard lock(mutex_);
  if (slot_of(op) >= slots_.size()) return false;
  Slot& slot = slots_[slot_of(op)];
  if (slot.life != Life::waiting || slot.generation != generation_of(op)) return false;
  slot.life = Life::begun;
  slot.expired = std::move(expired);
  return true;
}

OpTable::Verdict OpTable::complete(const void* owner, z4j_op op, base::Result<std::string> result) {
  Ending ending{nullptr, std::move(result), How::answered, op, nullptr};
  {
    const std::lock_guard lock(mutex_);
    const std::uint32_t index = slot_of(op);
    if (index >= slots_.size()) return Verdict::foreign;
    Slot& slot = slots_[index];
    if (generation_of(op) == 0 || generation_of(op) > slot.generation) return Verdict::foreign;
    if (generation_of(op) < slot.generation) return Verdict::again;
    if (slot.life == Life::free || slot.owner != owner) return Verdict::foreign;
    if (slot.life == Life::owed) {
      --counts_[owner].owed;
      ending.keep = release(index);
    } else {
      ending.done = std::move(slot.done);
      --counts_[owner].open;
      --running_;
      ending.keep = release(index);
    }
  }
  if (!ending.done) return Verdict::late;
  run(ending);
  return Verdict::answered;
}

std::int64_t OpTable::remaining_ms(const void* owner, z4j_op op) const {
  const std::lock_guard lock(mutex_);
  const Slot* slot = find(owner, op);
  return slot != nullptr ? slot->deadline - clock_.steady_ms() : 0;
}

bool OpTable::cancelled(const void* owner, z4j_op op) const {
  const std::lock_guard lock(mutex_);
  const Slot* slot = find(owner, op);
  return slot == nullptr || slot->cancelled;
}

std::vector<z4j_op> OpTable::cancel(const void* owner) {
  std::vector<z4j_op> marked;
  const std::lock_guard lock(mutex_);
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.life != Life::begun || slot.owner != owner || slot.cancelled) continue;
    slot.cancelled = true;
    marked.push_back(make_op(i, slot.generation));
  }
  return marked;
}

void OpTable::abandon(const void* owner, Which which, const base::Error& error) {
  std::vector<Ending> endings;
  {
    const std::lock_guard lock(mutex_);
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      if (slot.owner != owner) continue;
      const bool begun = slot.life == Life::begun && which == Which::all;
      if (slot.life != Life::waiting && !begun) continue;
      Ending& ending = endings.emplace_back(Ending{std::move(slot.done), error, How::abandoned,
                                                   make_op(i, slot.generation), nullptr});
      slot.done = nullptr;
      --counts_[owner].open;
      --running_;
      if (begun) {
        slot.life = Life::owed;
        ++counts_[owner].owed;
      } else {
        ending.keep = release(i);
      }
    }
  }
  for (Ending& ending : endings) run(ending);
}

void OpTable::lose(const void* owner, const base::Error& error) {
  std::vector<Ending> endings;
  {
    const std::lock_guard lock(mutex_);
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      if (slot.owner != owner || (slot.life != Life::waiting && slot.life != Life::begun)) continue;
      base::Error told = error;
      if (slot.life == Life::begun && slot.expired.code == base::Code::unknown) {
        told.code = base::Code::unknown;
        told.hint = slot.expired.hint;
      }
      Ending& ending =
          endings.emplace_back(Ending{std::move(slot.done), std::move(told), How::abandoned,
                                      make_op(i, slot.generation), nullptr});
      slot.done = nullptr;
      --counts_[owner].open;
      --running_;
      ending.keep = release(i);
    }
  }
  for (Ending& ending : endings) run(ending);
  forget(owner);
}

void OpTable::forget(const void* owner) {
  std::vector<std::shared_ptr<void>> kept;
  const std::lock_guard lock(mutex_);
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].life == Life::owed && slots_[i].owner == owner) kept.push_back(release(i));
  }
  counts_[owner].owed = 0;
}

bool OpTable::wait_idle(const void* owner, int deadline_ms) const {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, std::chrono::milliseconds(deadline_ms), [&] {
    const auto at = counts_.find(owner);
    return at == counts_.end() || at->second.open + at->second.owed == 0;
  });
}

OpTable::Counts OpTable::counts(const void* owner) const {
  const std::lock_guard lock(mutex_);
  const auto at = counts_.find(owner);
  return at == counts_.end() ? Counts{} : at->second;
}

void OpTable::watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (running_ == 0) {
      wake_.wait(lock);
      continue;
    }
    std::vector<Ending> due;
    const std::int64_t now = clock_.steady_ms();
    std::int64_t next = now + kOpPollMs;
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      if (slot.life != Life::waiting && slot.life != Life::begun) continue;
      if (slot.deadline > now) {
        next = std::min(next, slot.deadline);
        continue;
      }
      Ending& ending = due.emplace_back(Ending{std::move(slot.done), std::move(slot.expired),
                                               How::expired, make_op(i, slot.generation), nullptr});
      slot.done = nullptr;
      Counts& counts = counts_[slot.owner];
      --counts.open;
      --running_;
      ++counts.expired;
      if (slot.life == Life::begun) {
        slot.life = Life::owed;
        ++counts.owed;
      } else {
        ending.keep = release(i);
      }
    }
    if (due.empty()) {
      wake_.wait_for(lock, std::chrono::milliseconds(std::max<std::int64_t>(next - now, 1)));
      continue;
    }
    lock.unlock();
    for (Ending& ending : due) run(ending);
    due.clear();
    lock.lock();
  }
}

}  // namespace z4j::plugin
