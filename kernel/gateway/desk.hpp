// Threads that serve connections in turns: a connection always by the same thread, and none longer
// than a few messages while others wait.
//
// A Strand is what one connection has to do. Messages wait in it until its desk takes them; news
// (what came of events, commands to send) go before messages, so that a strand which can't take
// messages for the moment still hears what it waits for.
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

class Strand : public std::enable_shared_from_this<Strand> {
 public:
  explicit Strand(Desk& desk) : desk_(desk) {}
  virtual ~Strand() = default;
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  // Thread-safe. Messages that wait, in bytes, with this one.
  std::size_t put(Message message);
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
  void wake();  // holds mutex_

  Desk& desk_;
  mutable std::mutex mutex_;
  std::deque<Message> messages_;  // guarded by mutex_, as are the three below
  std::deque<std::function<void()>> deeds_;
  std::size_t bytes_ = 0;
  bool is_queued_ = false;  // the desk knows that there is something to do
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
  void add(std::shared_ptr<Strand> strand);
  void run();

  const base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Strand>> ready_;  // guarded by mutex_, as are the two below
  std::deque<std::pair<std::int64_t, std::shared_ptr<Strand>>> stuck_;  // when to ask again
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace z4j::gateway
