// One end of the socket between the kernel and the process of a plugin: sends frames, waits for
// replies, hands on what arrives.
//
// Thread-safe. One thread reads (run()); any thread sends and calls. A frame that the other side
// does not take within ten seconds ends the channel: nothing waits for ever. Bounds: 512 calls
// without reply, one frame being read.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "plugin/process/frame.hpp"

namespace z4j::plugin::process {

// What deadlines are told by.
[[nodiscard]] std::int64_t steady_now_ms() noexcept;

class Channel {
 public:
  static constexpr std::size_t kMostCalls = 512;

  // Takes the socket; `incoming` is which way its frames come.
  Channel(int fd, Way incoming);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  struct Loop {
    // A frame but a reply. Not "": what is wrong with it, which ends the channel.
    std::function<std::string(const Header&, std::string payload)> take;
    // Of another descriptor to read beside, or empty; false: it is at its end.
    int beside = -1;
    std::function<bool()> readable;
    std::function<void()> tick;  // about each second
  };
  // Reads until the channel ends; why it did. "": the other side closed it.
  std::string run(const Loop& loop);
  // The next frame, before run().
  [[nodiscard]] base::Result<std::pair<Header, std::string>> read_one(int deadline_ms);

  // False: the channel is over.
  bool send(Kind kind, std::string_view payload, std::uint64_t id = 0);
  bool reply(const Header& to, std::string_view payload) {
    return to.id == 0 || send(Kind::reply, payload, to.id);
  }

  enum class Got { reply, late, ended, not_sent, too_many };
  // Sends and waits. late: no reply within the deadline; it is forgotten when it comes.
  Got call(Kind kind, std::string_view payload, int deadline_ms, std::string& reply);

  // Nothing is read or sent any more; run() returns with that reason. The first one counts.
  void end(std::string why);
  // Gives the socket back; once nothing reads any more.
  void close();
  // Whoever waits for a reply hears that none comes, and so does whoever comes later.
  void give_up_calls();
  [[nodiscard]] bool is_over() const;

  struct Waiting {
    Kind kind;
    std::int64_t since_ms;  // steady
  };
  // Calls without a reply, oldest first.
  [[nodiscard]] std::vector<Waiting> waiting() const;

 private:
  struct Call {
    Kind kind = Kind::reply;
    std::int64_t since_ms = 0;
    std::string reply;
    bool is_answered = false;
    std::condition_variable answered;
  };
  bool write(std::string_view bytes);
  std::string take_frames(const Loop& loop);
  std::string take_reply(const Header& header, std::string payload);
  enum class Fill { some, none, closed, failed };
  Fill fill();

  int fd_;  // closed under writing_, read by who reads as well
  const Way incoming_;
  std::string buffer_;  // of the reading thread, as is the next
  std::size_t at_ = 0;

  std::mutex writing_;

  mutable std::mutex mutex_;
  std::map<std::uint64_t, Call*> calls_;  // guarded by mutex_, as is all below
  std::uint64_t last_id_ = 0;
  bool is_over_ = false, has_given_up_ = false;
  std::optional<std::string> why_;
};

}  // namespace z4j::plugin::process
