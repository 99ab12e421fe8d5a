// The conversation with the brain, over one link after another: waits, dials, greets, sends what
// waits in the buffer and forgets it when it was stored, tells how the engines are, and takes
// commands.
//
// One thread of its own does all of it; links and engines leave their news in an inbox. poke(),
// skip_wait() and the callbacks: any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agent/backoff.hpp"
#include "agent/buffer.hpp"
#include "agent/command_ledger.hpp"
#include "agent/commands.hpp"
#include "agent/engines.hpp"
#include "agent/greeting.hpp"
#include "agent/link.hpp"
#include "agent/losses.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"

namespace z4j::agent {

class Session {
 public:
  struct Options {
    Link::Options link;  // without hello
    Transport transport = Transport::websocket;
    Speaker speaker;
    std::string brain_url;  // for people
    bool heartbeat = true, agent_status = true;
    // Instead of the transport's; for tests.
    std::function<std::unique_ptr<Link>(Link::Options, Link::Callbacks)> make_link;
    Backoff::Random random;
  };

  Session(Options options, Engines& engines, Buffer& buffer, CommandLedger& ledger,
          Commands& commands, Losses& losses, const base::Clock& clock, base::Log& log);
  ~Session();  // stop(0)
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start();
  // Gives what waits that long to be stored, if there is a connection; then ends it.
  void stop(int drain_ms);
  // There is something new in the buffer.
  void poke();
  // Dial now, whatever the back-off says.
  void skip_wait();

 private:
  enum class State : std::uint8_t { waiting, dialling, open, closing };
  struct Flight {
    Buffer::Place place;
    std::int64_t sent_ms = 0;
  };
  using News = std::function<void()>;

  void run();
  void post(News news);
  // What is due now; returns when to look again.
  std::int64_t look(std::int64_t now);
  void dial();
  [[nodiscard]] wire::Hello hello();
  void on_opened(const Opened& opened);
  void on_frame(wire::Frame& frame);
  void on_command(const wire::Frame& frame);
  void on_ended(const LinkEnd& end);
  void acked(const std::string& id);
  void drain(std::int64_t now);
  bool send_next(std::int64_t now);
  void send_results();
  void beat();
  void tell_registry();
  void reconnect_if_able_to_more(std::int64_t now);
  [[nodiscard]] bool is_drained() const;

  const Options options_;
  Engines& engines_;
  Buffer& buffer_;
  CommandLedger& ledger_;
  Commands& commands_;
  Losses& losses_;
  const base::Clock& clock_;
  base::Log& log_;

  // The session's thread only.
  State state_ = State::waiting;
  std::unique_ptr<Link> link_;
  std::uint64_t link_number_ = 0;
  Backoff backoff_;
  Opened opened_;
  std::optional<LinkEnd> wanted_end_;  // why we end the link ourselves
  std::int64_t dial_at_ms_ = 0, opened_ms_ = 0, beat_at_ms_ = 0, sync_at_ms_ = 0, look_at_ms_ = 0,
               reconnected_ms_ = 0;
  base::TimeUs last_connect_at_ = 0, last_flush_at_ = 0;
  std::map<std::string, Flight> flying_;       // by frame id: sent, not stored
  std::list<Buffer::Place> again_;             // to be sent again, oldest first
  std::map<std::string, std::string> tokens_;  // delivery tokens of open commands, by id
  std::map<std::string, std::uint64_t> told_capabilities_;
  std::map<std::string, std::set<std::string>> told_registry_;
  std::uint64_t told_registry_version_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<News> inbox_;  // guarded by mutex_, as is all below
  bool is_poked_ = false, must_dial_ = false, is_stopping_ = false;
  std::int64_t stop_by_ms_ = 0;
  std::thread thread_;
};

}  // namespace z4j::agent
