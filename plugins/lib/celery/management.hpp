// What RabbitMQ's management API knows of the queues of a vhost, which AMQP itself does not tell:
// their names, how many messages are out for delivery, and where the dead ones go. Nothing else is
// asked for; messages are read and sent over AMQP alone.
//
// One thread at a time, except interrupt(). Failures are thrown as z4j::Error: Z4J_UNAVAILABLE,
// Z4J_DENIED (wrong password, or a user without the tag), Z4J_CANCELLED, Z4J_INVALID or
// Z4J_TOO_LARGE for an answer that cannot be used. No message holds a password.
#pragma once

#include "lib/redis/redis.hpp"

#include <z4j/plugin.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::celery {

struct ManagementOptions {
  redis::Options server;  // one endpoint, user, password and TLS
  std::string path;       // in front of /api, for a server behind a proxy
  std::string vhost = "/";
  std::set<std::string> task_queues;  // no dead letters, whoever reads them now
};

// http://user:password@host[:port][/path], https:// for TLS; the ports of RabbitMQ when none is
// given. Throws Z4J_BAD_CONFIG that quotes no password.
[[nodiscard]] ManagementOptions parse_management_url(std::string_view url);

struct QueueList {
  struct Queue {
    std::string name;
    // Nothing: they were not counted yet.
    std::optional<std::uint64_t> unacked, consumers;
  };
  std::vector<Queue> queues;  // without those that are one connection's own
  // Where other queues send their dead, by their arguments or their policy, where nobody listens.
  // Without those that pass their own dead on (a way to run a task later), and without quorum
  // queues: looking at one costs its messages their lives.
  std::vector<std::string> dead_letter_queues;
};

// Out of the answers to /api/queues and /api/bindings; `task_queues` are never said to hold dead
// letters. Throws Z4J_INVALID or Z4J_TOO_LARGE.
[[nodiscard]] QueueList read_queue_list(std::string_view queues, std::string_view bindings,
                                        const std::set<std::string>& task_queues);

class Management {
 public:
  explicit Management(ManagementOptions options);
  Management(const Management&) = delete;
  Management& operator=(const Management&) = delete;
  ~Management();

  // Up to 10 s old; so is a failure.
  const QueueList& list();
  // Wakes a blocked call; it and all later ones throw Z4J_CANCELLED until resume().
  void interrupt() noexcept;
  void resume() noexcept;

 private:
  void ask();
  std::string get(const std::string& what);

  ManagementOptions options_;
  int wake_fd_;
  QueueList list_;
  std::optional<Error> why_not_;
  std::optional<std::chrono::steady_clock::time_point> asked_at_;
};

}  // namespace z4j::celery
