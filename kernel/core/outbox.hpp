// Messages on their way out: a durable queue in the store.
//
// A message is a step of the commit that it tells of: it goes out when that has happened, or not at
// all. One brain at a time (a lease) works the queue. A try claims its row by moving the next try
// on, so that a brain that dies in the middle costs a delay; a message may then arrive twice, under
// the same id. Tries: at once, after 30 s, 2 min, 10 min, 1 h, each with up to a fifth more, or
// when the other side asked for it. What no further try can help, or has expired, becomes a
// delivery `failed`; what arrived, one that was `sent`.
//
// At most 16 messages are sent at once, 4 of them to one channel. A channel that could not be
// reached rests, and with it all that waits for it: it costs the others nothing. What is sent lies
// sealed in the store: it may hold one-time links.
//
// Threads: thread-safe. start() runs one thread that claims and a few that send; tests may call
// work() instead.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/channels.hpp"
#include "core/courier.hpp"
#include "core/leases.hpp"
#include "core/mail.hpp"
#include "core/metrics.hpp"
#include "core/sealed.hpp"
#include "core/store.hpp"

namespace z4j::core {

// A message of a subscription, or a test, to one channel.
struct ChannelMessage {
  base::Uuid id = base::Uuid::random();  // and of its delivery
  std::optional<base::Uuid> project_id = {}, subscription_id = {}, channel_id = {},
                            user_channel_id = {}, user_id = {}, triggered_by_user_id = {};
  std::string trigger, task_id = {}, task_name = {}, channel_name = {}, channel_type = {};
  CourierMessage message = {};  // its id is this one's
  std::int64_t lives_s = 21'600;
};

class Outbox {
 public:
  static constexpr std::size_t kMostAtOnce = 16, kMostPerChannel = 4;
  static constexpr unsigned kMostTries = 5;
  // Messages of subscriptions are skipped while so many wait; mails of the kernel are not.
  static constexpr std::uint64_t kMostWaiting = 10'000;

  struct Options {
    // The right to work the queue; none: another brain does. Empty: nobody else is there.
    std::function<std::optional<Fence>()> may_work = {};
    std::function<void(Commit&)> tell_others = {};  // that something waits
    // Where the kernel's own mails go first: the config of an e-mail channel; empty: nowhere.
    base::json::Object smtp = {};
    int deadline_ms = 20'000;             // of one try
    std::function<double()> jitter = {};  // 0 to 1; empty: random
  };
  struct Stats {
    std::uint64_t sent = 0, failed = 0, retried = 0;
    std::uint64_t waiting = 0;  // as of the last look; where this brain works the queue
    std::size_t under_way = 0;
  };

  Outbox(Store& store, Channels& channels, Courier& courier, const Sealer& sealer,
         const base::Clock& clock, base::Log& log, Options options);
  ~Outbox();  // stop()
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Steps of a commit. It goes out within a minute; look() after the commit makes it at once.
  void queue(Commit& commit, const ChannelMessage& message) const;
  void queue_mail(Commit& commit, const Mail& mail) const;
  // Is there a way out for such a mail?
  [[nodiscard]] base::Result<bool> can_mail(const std::optional<base::Uuid>& project,
                                            const std::optional<base::Uuid>& user);
  void look();
  [[nodiscard]] bool is_full() const noexcept { return waiting_ >= kMostWaiting; }

  void start();
  // Gives back what no try has begun of, and waits for those under way.
  void stop();
  // One round on this thread: claims what is due and sends it. True when something was tried.
  bool work();

  [[nodiscard]] Stats stats() const;
  void write(MetricText& out) const;

 private:
  struct Job;
  [[nodiscard]] std::vector<Job> claim(std::size_t most);
  void run_job(const Job& job);
  [[nodiscard]] Carried carry(const Job& job);
  [[nodiscard]] base::Result<std::optional<OpenChannel>> channel_of(const Job& job);
  [[nodiscard]] base::Result<std::optional<OpenChannel>> mail_channel(
      const std::optional<base::Uuid>& project, const std::optional<base::Uuid>& user);
  void settle(const Job& job, const Carried& done);
  [[nodiscard]] base::Status finish(const Job& job, std::string_view status, const Carried& done);
  [[nodiscard]] base::Status put_off(const Job& job, const Carried& done, base::TimeUs until);
  void rest(const Job& job, base::TimeUs until);
  void give_back(const Job& job);
  void let_go(const Job& job);
  void insert(Commit& commit, const ChannelMessage& message, const base::json::Object& body) const;
  void run();
  void send_loop();

  Store& store_;
  Channels& channels_;
  Courier& courier_;
  const Sealer& sealer_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  CounterFamily sent_;
  std::atomic<std::uint64_t> waiting_{0};

  mutable std::mutex mutex_;
  std::condition_variable wake_, work_;
  Stats stats_;  // guarded by mutex_, as are those below
  bool is_poked_ = false, is_stopping_ = false;
  std::set<base::Uuid> under_way_;
  std::map<std::string, std::size_t> per_channel_;
  std::map<std::string, base::TimeUs> resting_;
  std::deque<Job> jobs_;
  std::size_t idle_senders_ = 0;
  std::vector<std::thread> senders_;
  std::thread thread_;
};

}  // namespace z4j::core
