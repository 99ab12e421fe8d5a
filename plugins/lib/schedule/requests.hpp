// Serves operations one after another on a thread of its own, so that no caller waits for a store.
// Bounded: beyond that it answers Z4J_BUSY.
//
// add() may be called from any thread. Each operation is answered once: by its run, by whoever its
// run moved it to, or when the thread ends.
#pragma once

#include <z4j/plugin.hpp>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace z4j::schedule {

class RequestThread {
 public:
  // Answers the operation, moves it on, or throws, which is the answer then.
  using Run = std::function<void(Op&)>;

  explicit RequestThread(Host host) : host_(host) {}
  ~RequestThread() { stop({}); }
  RequestThread(const RequestThread&) = delete;
  RequestThread& operator=(const RequestThread&) = delete;

  // `at_first` runs on the thread before anything else.
  void start(std::function<void()> at_first = {});
  // Ends what waits with Z4J_CANCELLED, calls `interrupt` to end what runs, and waits for that.
  void stop(const std::function<void()>& interrupt);
  // Moves the operation away only when it takes it. Throws Z4J_BAD_STATE, Z4J_BUSY.
  void add(Op& op, Run run);

 private:
  struct Request {
    Op op;
    Run run;
  };
  void loop();
  void serve(Request& request);

  static constexpr std::size_t kMaxWaiting = 256;
  Host host_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Request> waiting_;  // guarded by mutex_
  bool runs_ = false;            // guarded by mutex_
  std::thread thread_;
};

// Answers with the error, place included.
void refuse(Op& op, const Host& host, const Error& e) noexcept;

}  // namespace z4j::schedule
