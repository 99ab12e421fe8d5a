// Who may come in: knows tokens, and counts attempts by address. Those with a bad token have a
// narrow limit; agents that come back after a restart all come at once, and often through one
// proxy.
//
// What the store said of a token is kept for a while, so that agents that come back cost no read;
// an older answer still counts while the store is away, for a quarter of an hour. A bad token is
// remembered for seconds only.
//
// Threads: thread-safe. ask() returns at once; its answer comes from the asking thread or from one
// of the door's own. Tokens are kept as hashes.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/rate_limit.hpp"
#include "gateway/identity.hpp"
#include "net/http.hpp"

namespace z4j::gateway {

class Door {
 public:
  struct Options {
    // What the store knows of a token; none for a bad one. May block. Required.
    std::function<base::Result<std::optional<Identity>>(std::string_view token)> find_token;
    // Somebody came with a bad token. May block.
    std::function<void(std::string_view client_ip)> on_bad_token;
    unsigned threads = 2;
    std::size_t max_waiting = 4096, max_known = 50'000;
  };
  // Errors: denied, no such token; busy, too many attempts, with retry_after_ms; unavailable, the
  // store can't tell now.
  using Decide = std::function<void(const base::Result<Identity>&)>;

  Door(const base::Clock& clock, base::Log& log, Options options);
  ~Door();  // stop()
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  void start();
  // What waits is answered: unavailable.
  void stop();
  // Answers one that waits, on this thread. False when none does.
  bool work();

  void ask(const net::Request& request, Decide decide);
  // What is known of the request's token now.
  [[nodiscard]] std::optional<Identity> known(const net::Request& request) const;
  // Its tokens must be asked for again.
  void forget(const base::Uuid& agent_id);

  // How a refusal is told to an agent.
  [[nodiscard]] static net::Response refusal(const base::Error& error);

 private:
  struct Known {
    std::optional<Identity> identity;  // none: a bad token
    std::int64_t asked_ms = 0;
    std::list<std::string>::iterator place;
  };
  struct Question {
    std::string token, key, client_ip;
    Decide decide;
  };
  [[nodiscard]] std::optional<base::Result<Identity>> look(const std::string& key,
                                                           std::int64_t age_ms);
  void learn(const std::string& key, const std::optional<Identity>& identity);
  void answer(const Question& question);
  [[nodiscard]] std::optional<base::Error> check_attempts(const net::Request& request,
                                                          bool is_known);
  void count_bad(std::string_view client_ip);
  void run();

  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  core::RateLimit attempts_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, Known, std::less<>> known_;  // by hash; guarded by mutex_, as all below
  std::list<std::string> order_;                     // hashes, the latest answer first
  std::deque<Question> waiting_;
  std::uint64_t forgotten_ = 0;                               // grows with forget()
  std::map<std::string, std::int64_t, std::less<>> blocked_;  // addresses, until when
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace z4j::gateway
