// Threads that serve connections in turns: a connection always by the same thread, and none longer
// than a few messages while others wait.
//
// A Strand is what one connection has to do. Messages wait in it until its desk takes them; news
// (what came of events, commands to send) go before messages, so that a strand which can't take
// messages for the moment still hears what it waits for.
//
// Waking a thread costs more than a heartbeat does, so what nobody waits for gathers for a moment:
// thousands of idle agents wake a desk some dozens of times a second.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace z4j::gateway {

class Desk;

// A message as it arrived.
struct Message {
  std::string text;
  base::TimeUs at = 0;
  std::int64_t mono_ms = 0;
};

enum class Haste { none, some };  // none: nobody waits for what comes of it

class Strand : public std::enable_shared_from_this<Strand> {
 public:
  explicit Strand(Desk& desk) : desk_(desk) {}
  virtual ~Strand() = default;
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  // Thread-safe. Messages that wait, in bytes, with this one.
  std::size_t put(Message message, Haste haste = Haste::some);
  // Thread-safe: runs on the desk before any message. Dropped with the strand.
  void news(std::function<void()> deed);
  [[nodiscard]] std::size_t waiting_bytes() const;

 protected:
  enum class Took { yes, not_now };  // not now: asked again a little later, with the same message

  // On the desk.
  virtual Took take(Message& message) = 0;
  // On the desk, when a message was taken; `left` bytes still wait.
  virtual void taken(std::size_t left) { static_cast<void>(left); }
  // On the desk: a strand that said not_now may be asked again.
  void try_now() { is_stuck_ = false; }

 private:
  friend class Desk;
  enum class Turn { done, more, stuck };
  Turn turn(std::size_t most);
  // What the desk has to hear of it; told when mutex_ is free again, or it would wake up to wait.
  enum class Call { nothing, add, hurry };
  [[nodiscard]] Call call(Haste haste);  // holds mutex_
  void tell(Call call, Haste haste);

  Desk& desk_;
  mutable std::mutex mutex_;
  std::deque<Message> messages_;  // guarded by mutex_, as are the four below
  std::deque<std::function<void()>> deeds_;
  std::size_t bytes_ = 0;
  bool is_queued_ = false;  // the desk knows that there is something to do
  bool is_hasty_ = false;   // and does not put it off; guarded by mutex_ as well
  bool is_stuck_ = false;   // the desk's thread's, as is the next
  bool is_listed_ = false;  // the desk will ask again
};

class Desk {
 public:
  explicit Desk(const base::Clock& clock) : clock_(clock) {}
  ~Desk();  // stop()
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  void start(const char* name);
  // Ends the thread; what waits stays undone.
  void stop();
  // One round on this thread: a turn for each strand that has something to do. True when there was
  // one.
  bool work();

 private:
  friend class Strand;
  using SteadyTime = std::chrono::steady_clock::time_point;

  void add(std::shared_ptr<Strand> strand, Haste haste);
  void hurry();
  [[nodiscard]] bool brings_forward(SteadyTime at);  // holds mutex_
  [[nodiscard]] SteadyTime next_round() const;       // holds mutex_
  void run();

  const base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Strand>> ready_;  // guarded by mutex_, as are the four below
  std::deque<std::pair<std::int64_t, std::shared_ptr<Strand>>> stuck_;  // when to ask again
  SteadyTime ready_at_ = SteadyTime::max();   // when to begin with what is ready
  SteadyTime asleep_to_ = SteadyTime::min();  // min: awake
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace z4j::gateway
