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
#include "core/policy.hpp"

namespace z4j::core {

inline constexpr std::string_view kTaskChanged = "task.changed";
inline constexpr std::string_view kCommandChanged = "command.changed";
inline constexpr std::string_view kAgentChanged = "agent.changed";
inline constexpr std::string_view kWorkerChanged = "worker.changed";
inline constexpr std::string_view kQueueChanged = "queue.changed";
inline constexpr std::string_view kScheduleChanged = "schedule.changed";
inline constexpr std::string_view kBulkChanged = "bulk.changed";
inline constexpr std::string_view kProjectChanged = "project.changed";
inline constexpr std::string_view kNotificationChanged = "notification.changed";
inline constexpr std::string_view kAuditChanged = "audit.changed";
inline constexpr std::string_view kPluginChanged = "plugin.changed";
// What dashboards hear of; docs/security/roles.md has a row for each. Their order is what brains
// tell each other: growth is appending.
inline constexpr std::array<std::string_view, 11> kLiveTopics{
    kTaskChanged,         kCommandChanged,  kAgentChanged, kWorkerChanged,
    kQueueChanged,        kScheduleChanged, kBulkChanged,  kProjectChanged,
    kNotificationChanged, kAuditChanged,    kPluginChanged};
// Topics as bits, in that order.
using LiveTopics = unsigned;
inline constexpr LiveTopics kAllTopics = (1u << kLiveTopics.size()) - 1;
inline constexpr LiveTopics kUsualTopics = 0b111;  // of who names none
// None for a topic that is not known.
[[nodiscard]] constexpr LiveTopics live_topic(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kLiveTopics.size(); ++i) {
    if (kLiveTopics[i] == name) return 1u << i;
  }
  return 0;
}
// What somebody must be allowed in a project to hear of that topic.
[[nodiscard]] Action needed_to_hear(std::string_view topic) noexcept;
// The kernel's own: told as a worker, and as a schedule.
inline constexpr std::string_view kWorkerCame = "worker.online";
inline constexpr std::string_view kScheduleFired = "schedule.fired";

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
  // Something of these may have changed, in every project.
  void publish_all(LiveTopics topics = kAllTopics);
  void subscribe(Subscriber subscriber, const base::Uuid& project,
                 LiveTopics wanted = kUsualTopics);
  // Hears of these from now on.
  void want(Subscriber subscriber, LiveTopics wanted);
  void unsubscribe(Subscriber subscriber);
  // Tells what has changed now, on this thread.
  void flush(const Deliver& deliver);

 private:
  void run();

  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable wake_;
  struct Listener {
    base::Uuid project;
    LiveTopics wanted = 0;
  };
  std::map<base::Uuid, LiveTopics> changed_;  // guarded by mutex_, as are those below
  std::unordered_map<Subscriber, Listener> subscribers_;
  std::map<base::Uuid, std::size_t> listeners_;  // subscribers per project
  bool is_stopping_ = false;
  Deliver deliver_;  // set before the thread starts
  std::thread thread_;
};

}  // namespace z4j::core
