#include "gateway/desk.hpp"

#include <pthread.h>

#include <algorithm>

namespace z4j::gateway {
namespace {

constexpr std::size_t kMessagesPerTurn = 8;
constexpr std::int64_t kStuckMs = 50;
constexpr std::chrono::milliseconds kGather{20};

}  // namespace

Strand::Call Strand::call(Haste haste) {
  if (is_queued_ && (is_hasty_ || haste == Haste::none)) return Call::nothing;
  is_hasty_ = haste == Haste::some;
  return std::exchange(is_queued_, true) ? Call::hurry : Call::add;
}

void Strand::tell(Call call, Haste haste) {
  if (call == Call::add) desk_.add(shared_from_this(), haste);
  if (call == Call::hurry) desk_.hurry();
}

std::size_t Strand::put(Message message, Haste haste) {
  Call told = Call::nothing;
  std::size_t waiting = 0;
  {
    const std::lock_guard lock(mutex_);
    waiting = bytes_ += message.text.size();
    messages_.push_back(std::move(message));
    told = call(haste);
  }
  tell(told, haste);
  return waiting;
}

void Strand::news(std::function<void()> deed) {
  Call told = Call::nothing;
  {
    const std::lock_guard lock(mutex_);
    deeds_.push_back(std::move(deed));
    told = call(Haste::some);
  }
  tell(told, Haste::some);
}

std::size_t Strand::waiting_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

Strand::Turn Strand::turn(std::size_t most) {
  std::size_t taken_messages = 0;
  for (;;) {
    std::function<void()> deed;
    Message message;
    {
      const std::lock_guard lock(mutex_);
      if (!deeds_.empty()) {
        deed = std::move(deeds_.front());
        deeds_.pop_front();
      } else if (messages_.empty() || is_stuck_) {
        is_queued_ = is_hasty_ = false;
        const bool is_waiting = is_stuck_ && !messages_.empty();
        is_stuck_ = false;
        return is_waiting ? Turn::stuck : Turn::done;
      } else if (taken_messages == most) {
        return Turn::more;
      } else {
        message = std::move(messages_.front());
        messages_.pop_front();
      }
    }
    if (deed) {
      deed();
      continue;
    }
    ++taken_messages;
    const std::size_t size = message.text.size();
    if (take(message) == Took::not_now) {
      is_stuck_ = true;
      const std::lock_guard lock(mutex_);
      messages_.push_front(std::move(message));
      continue;
    }
    std::size_t left = 0;
    {
      const std::lock_guard lock(mutex_);
      bytes_ -= size;
      left = bytes_;
    }
    taken(left);
  }
}

Desk::~Desk() { stop(); }

void Desk::start(const char* name) {
  thread_ = std::thread([this, name] {
    pthread_setname_np(pthread_self(), name);
    run();
  });
}

void Desk::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  std::deque<std::shared_ptr<Strand>> ready;
  std::deque<std::pair<std::int64_t, std::shared_ptr<Strand>>> stuck;
  const std::lock_guard lock(mutex_);
  ready.swap(ready_);
  stuck.swap(stuck_);
}

bool Desk::brings_forward(SteadyTime at) {
  ready_at_ = std::min(ready_at_, at);
  if (at >= asleep_to_) return false;
  asleep_to_ = at;  // it is woken once
  return true;
}

void Desk::add(std::shared_ptr<Strand> strand, Haste haste) {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (is_stopping_) return;
    ready_.push_back(std::move(strand));
    if (!brings_forward(haste == Haste::some ? now : now + kGather)) return;
  }
  wake_.notify_one();
}

void Desk::hurry() {
  {
    const std::lock_guard lock(mutex_);
    if (ready_.empty() || !brings_forward(std::chrono::steady_clock::now())) return;
  }
  wake_.notify_one();
}

bool Desk::work() {
  std::deque<std::shared_ptr<Strand>> round, due;
  {
    const std::lock_guard lock(mutex_);
    round.swap(ready_);
    ready_at_ = SteadyTime::max();
    const std::int64_t now_ms = clock_.steady_ms();
    while (!stuck_.empty() && stuck_.front().first <= now_ms) {
      due.push_back(std::move(stuck_.front().second));
      stuck_.pop_front();
    }
  }
  for (auto& strand : due) {
    strand->is_listed_ = false;
    {
      const std::lock_guard own(strand->mutex_);
      if (std::exchange(strand->is_queued_, true)) continue;
    }
    round.push_back(std::move(strand));
  }
  for (auto& strand : round) {
    const Strand::Turn turn = strand->turn(kMessagesPerTurn);
    if (turn == Strand::Turn::done) continue;
    if (turn == Strand::Turn::stuck && std::exchange(strand->is_listed_, true)) continue;
    const std::lock_guard lock(mutex_);
    if (is_stopping_) continue;
    if (turn == Strand::Turn::more) {
      ready_.push_back(std::move(strand));
      ready_at_ = SteadyTime::min();
    } else {
      stuck_.emplace_back(clock_.steady_ms() + kStuckMs, std::move(strand));
    }
  }
  return !round.empty();
}

Desk::SteadyTime Desk::next_round() const {
  if (stuck_.empty()) return ready_at_;
  const std::chrono::milliseconds left(stuck_.front().first - clock_.steady_ms());
  return std::min(ready_at_, std::chrono::steady_clock::now() + left);
}

void Desk::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    while (!is_stopping_) {
      const SteadyTime at = next_round();
      if (at <= std::chrono::steady_clock::now()) break;
      asleep_to_ = at;
      if (at == SteadyTime::max())
        wake_.wait(lock);
      else
        wake_.wait_until(lock, at);
      asleep_to_ = SteadyTime::min();
    }
    if (is_stopping_) return;
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace z4j::gateway
