// An agent that polls: the same frames, posted in batches and fetched, under a session nonce that
// stands for the connection.
//
// A post is answered when all its events are stored, so that "accepted" means what an ack means. A
// command goes out with the next fetch; one that was fetched and not acknowledged goes out again
// for a minute, since the answer may have been lost on its way. Agents know commands by their id.
//
// Threads: as Session; post(), poll() and look() are thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/session.hpp"
#include "net/http.hpp"

namespace z4j::gateway {

class PollSession final : public Session {
 public:
  // `features` and `contracts`: the request's X-Z4J-Runtime-Features and X-Z4J-Retry-Contracts.
  PollSession(Desk& desk, Surroundings& around, Identity who, std::string client_ip,
              std::string nonce, std::string_view features, std::string_view contracts,
              std::vector<std::pair<std::string, std::string>> headers);

  // False when its agent has too many connections.
  [[nodiscard]] bool sit();

  void post(std::string body, net::LateAnswer answer);
  void poll(int wait_s, std::size_t max_frames, net::LateAnswer answer);
  // Answers a fetch whose time is over.
  void look();
  void end(std::uint16_t code, std::string reason) override;
  [[nodiscard]] std::string_view transport() const noexcept override { return "longpoll"; }
  // Nobody came for so long, in ms; 0 while a fetch waits.
  [[nodiscard]] std::int64_t idle_ms() const;
  // A bad signature: it can't go on, the next request begins anew.
  [[nodiscard]] bool is_spoilt() const noexcept { return is_spoilt_; }

 private:
  struct Post {
    std::vector<std::string> frames;
    std::size_t next = 0, rejected = 0, waiting = 0;
    std::vector<std::string> errors;
    bool is_read = false, is_lost = false;
    net::LateAnswer answer;
  };
  struct Sent {
    Errand errand;
    std::int64_t first_ms = 0;
  };

  Took take(Message& message) override;
  void waits(const std::string& frame_id) override;
  void settled(const std::string& frame_id, std::size_t received,
               const std::optional<core::Ingest::Stored>& stored) override;
  void deliver(const Errand& errand) override;
  void on_status(const base::json::Object& payload) override;
  void on_engine(std::string_view name) override;
  void on_command_ack(const base::Uuid& command) override;

  [[nodiscard]] bool begin_post(const Message& message);
  void finish(Post& post);
  void fetch();
  void say(net::LateAnswer answer, int status, const base::json::Object& body,
           int retry_after_s = 0) const;
  void answer_poll(const base::json::Array& frames);

  const std::string nonce_;
  const std::vector<std::pair<std::string, std::string>> headers_;  // of every answer
  std::atomic<std::int64_t> used_ms_;
  std::atomic<bool> is_polled_{false}, is_spoilt_{false};
  std::mutex answers_mutex_;
  std::deque<net::LateAnswer> answers_;  // of posts that wait; guarded by answers_mutex_

  std::shared_ptr<Post> post_;
  std::map<std::string, std::vector<std::shared_ptr<Post>>> waiters_;  // by frame id
  net::LateAnswer poll_;
  std::int64_t poll_until_ms_ = 0;
  std::size_t poll_frames_ = 0;
  std::deque<Errand> outbox_;
  std::deque<Sent> sent_;
  bool is_seated_ = false;
};

}  // namespace z4j::gateway
