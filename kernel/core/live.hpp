// Who wants to hear that something changed, and a thread that tells them.
//
// A change is one bit (project, topic): however many come, a subscriber hears each topic at most
// once per interval, and the first after a quiet time at once. So publishing never blocks, memory
// depends on the number of projects and subscribers only, and a burst costs no more than a trickle.
//
// Threads: thread-safe. `deliver` is called on the hub's thread (or flush()'s caller), never under
// its lock.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "base/uuid.hpp"

namespace z4j::core {

inline constexpr std::string_view kTaskChanged = "task.changed";
inline constexpr std::string_view kCommandChanged = "command.changed";
inline constexpr std::string_view kAgentChanged = "agent.changed";
// What dashboards hear of; docs/security/roles.md has a row for each.
inline constexpr std::array<std::string_view, 3> kLiveTopics{kTaskChanged, kCommandChanged,
                                                             kAgentChanged};
inline constexpr std::string_view kWorkerCame =
    "worker.online";  // the kernel's own: told as agents

class Live {
 public:
  using Subscriber = std::uint64_t;
  using Deliver = std::function<void(Subscriber, std::string_view topic)>;

  explicit Live(std::chrono::milliseconds interval = std::chrono::milliseconds(150))
      : interval_(interval) {}
  ~Live();  // stop()
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  void start(Deliver deliver);
  void stop();

  // Topics other than kLiveTopics are nobody's interest and ignored.
  void publish(const base::Uuid& project, std::string_view topic);
  // Anything may have changed, in every project.
  void publish_all();
  void subscribe(Subscriber subscriber, const base::Uuid& project);
  void unsubscribe(Subscriber subscriber);
  // Tells what has changed now, on this thread.
  void flush(const Deliver& deliver);

 private:
  void run();

  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<base::Uuid, unsigned> changed_;  // topics as bits; guarded by mutex_, as are those below
  std::unordered_map<Subscriber, base::Uuid> subscribers_;
  std::map<base::Uuid, std::size_t> listeners_;  // subscribers per project
  bool is_stopping_ = false;
  Deliver deliver_;  // set before the thread starts
  std::thread thread_;
};

}  // namespace z4j::core
