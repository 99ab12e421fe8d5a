// One connection of an agent, whatever carries it: verified frames go to where they belong, events
// are told apart by frame id, and what came of them comes back.
//
// A frame id whose events are under way, or were stored a moment ago, is not taken a second time:
// old agents send a frame again and again until its ack comes. When ingest is full the frame waits
// here, and nothing more is read from the agent.
//
// Threads: a session belongs to its desk; what is marked thread-safe may be called by others.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/ingest.hpp"
#include "gateway/desk.hpp"
#include "gateway/errands.hpp"
#include "gateway/facts.hpp"
#include "gateway/identity.hpp"
#include "gateway/roster.hpp"
#include "wire/event.hpp"
#include "wire/frame.hpp"

namespace z4j::gateway {

class Ledger;

// What all sessions work with; outlives them.
struct Surroundings {
  const base::Clock& clock;
  base::Log& log;
  std::function<std::string(const base::Uuid& project)> secret_of;  // what frames are signed with
  std::function<base::Status(const core::EventSource&, const z4j_event_batch&,
                             core::Ingest::Receipt)>
      push;
  Errands& errands;
  Roster& roster;
  Ledger& ledger;
  // Events of schedulers, as they came; `done` says whether they are stored. Empty: dropped.
  std::function<void(const Identity&, base::json::Array events, std::function<void(bool)> done)>
      take_schedules;
  int heartbeat_s = 10;
  std::size_t max_frame_bytes = wire::kMaxFrameBytes;

  struct Figures {  // since the start
    std::atomic<std::uint64_t> frames{0}, events{0}, repeated_frames{0}, refused_frames{0}, acks{0};
    std::atomic<std::size_t> waiting_bytes{0};   // messages that wait for their desks
    std::atomic<std::size_t> rows_under_way{0};  // events between push and receipt
  };
  Figures& figures;
};

class Session : public Strand {
 public:
  Session(Desk& desk, Surroundings& around, Identity who, std::string client_ip);
  ~Session() override;

  // Thread-safe.
  [[nodiscard]] const Identity& who() const noexcept { return who_; }
  [[nodiscard]] const base::Uuid& id() const noexcept { return id_; }
  [[nodiscard]] const std::string& client_ip() const noexcept { return client_ip_; }
  [[nodiscard]] std::shared_ptr<const Facts> facts() const;
  [[nodiscard]] std::optional<std::string> worker_id() const { return facts()->worker_id; }
  [[nodiscard]] std::map<std::string, std::uint64_t> engines() const { return facts()->engines; }
  [[nodiscard]] base::TimeUs heard_at() const noexcept { return heard_at_; }
  void heard(base::TimeUs at) noexcept { heard_at_ = at; }
  [[nodiscard]] std::optional<std::int64_t> skew_ms() const;
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }
  // We don't read it now, so its silence means nothing.
  [[nodiscard]] virtual bool is_paused() const noexcept { return false; }
  [[nodiscard]] virtual std::string_view transport() const noexcept = 0;
  // Sends a command, soon.
  void send(const Errand& errand);
  // Ends the connection, soon.
  virtual void end(std::uint16_t code, std::string reason) = 0;

 protected:
  void set_facts(Facts facts);
  void begin(wire::SessionIds ids);  // keys and counters

  // What became of a frame. repeat: it came before and was dropped. busy: it was verified, and must
  // be given to go_on() again.
  enum class Handled { yes, repeat, busy, refused };
  [[nodiscard]] Handled handle(const Message& message, base::Error* why);
  [[nodiscard]] Handled go_on();
  [[nodiscard]] bool has_verified() const noexcept { return verified_.has_value(); }
  // So many events of it are under way that it has to wait: for itself, or beside others, whose
  // events share batches with them.
  [[nodiscard]] bool is_ahead() const noexcept;
  // The socket was not read since then: frames may have waited in between.
  void read_late_since(base::TimeUs at) noexcept { late_since_ = late_since_.value_or(at); }

  // The events of that frame are under way; settled() comes later.
  virtual void waits(const std::string& frame_id) { static_cast<void>(frame_id); }
  // The events of that frame are stored, or won't be by this ingest.
  virtual void settled(const std::string& frame_id, std::size_t received,
                       const std::optional<core::Ingest::Stored>& stored) = 0;
  // The same, of a frame that comes again after that.
  virtual void settled_before(const std::string& frame_id, std::size_t received) {
    settled(frame_id, received, core::Ingest::Stored{0, received, 0});
  }
  virtual void deliver(const Errand& errand) = 0;
  virtual void on_status(const base::json::Object& payload);
  // A report or an event names an engine: all that an agent without a hello tells of it.
  virtual void on_engine(std::string_view name) { static_cast<void>(name); }
  virtual void on_command_ack(const base::Uuid& command) { static_cast<void>(command); }

  // The frame of a command as it goes out; none when it is over.
  [[nodiscard]] std::optional<std::string> command_text(const Errand& errand);

  Surroundings& around_;
  std::optional<wire::Signer> signer_;
  std::atomic<bool> is_over_{false};

 private:
  [[nodiscard]] base::Result<wire::Frame> open(const Message& message);
  [[nodiscard]] Handled dispatch(wire::Frame frame, base::TimeUs at);
  [[nodiscard]] Handled take_events(const wire::Frame& frame, base::TimeUs at);
  void on_receipt(const std::string& frame_id, const std::optional<core::Ingest::Stored>& stored);
  void hand_over_schedules(const std::string& frame_id, base::json::Array events);
  void remember(const std::string& frame_id);
  [[nodiscard]] bool was_settled(const std::string& frame_id) const;

  const Identity who_;
  const base::Uuid id_;
  const std::string client_ip_;
  const core::EventSource source_;
  std::atomic<base::TimeUs> heard_at_{0};
  std::atomic<std::int64_t> skew_ms_;
  mutable std::mutex facts_mutex_;
  std::shared_ptr<const Facts> facts_;  // guarded by facts_mutex_

  std::optional<wire::Verifier> verifier_;
  std::optional<base::TimeUs> late_since_;
  struct UnderWay {
    std::size_t received = 0, rows = 0, bytes = 0;
    int parts = 1;  // that are not stored yet
    bool is_lost = false;
    core::Ingest::Stored stored = {};
  };
  void begins(const std::string& frame_id, const UnderWay& frame);
  std::optional<UnderWay> ends(const std::string& frame_id);
  std::map<std::string, UnderWay> under_way_;  // by frame id
  std::size_t rows_under_way_ = 0, bytes_under_way_ = 0;
  std::vector<std::uint64_t> settled_;  // hashes of frame ids, a ring
  std::size_t next_settled_ = 0;

  struct Verified {
    std::string frame_id;
    std::size_t received = 0;
    wire::EventRows rows;
    base::json::Array schedules;  // events of schedulers
  };
  std::optional<Verified> verified_;  // waits for room in ingest
};

}  // namespace z4j::gateway
