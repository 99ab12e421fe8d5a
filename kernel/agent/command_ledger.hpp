// Which commands this agent has begun and how they ended, durable: a command that comes again, also
// after a restart, is not run again.
//
// A file of JSON lines, written before a command runs and when it is over; it is made anew, short,
// when it has grown. At most 10,000 commands of the last day are remembered. One thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace z4j::agent {

class CommandLedger {
 public:
  // Errors: bad_config, the file can't be used.
  [[nodiscard]] static base::Result<std::unique_ptr<CommandLedger>> open(std::string path,
                                                                         const base::Clock& clock,
                                                                         base::Log& log);
  ~CommandLedger();
  CommandLedger(const CommandLedger&) = delete;
  CommandLedger& operator=(const CommandLedger&) = delete;

  enum class Seen : std::uint8_t {
    fresh,        // run it
    running,      // its result will come
    interrupted,  // it was begun by an earlier process: nobody knows how far it came
    finished,     // result() has its end
    not_kept      // the disk takes nothing: running it could run it twice
  };
  [[nodiscard]] Seen begin(const std::string& id);

  // `payload`: the command_result's, JSON.
  void finish(const std::string& id, std::string payload);
  [[nodiscard]] std::optional<std::string> result(const std::string& id) const;

  // Results that nobody was told, oldest first.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> unsent() const;
  void sent(const std::string& id);
  // The connection is gone: what was told just before it went is told again.
  void connection_lost();

 private:
  struct Entry {
    base::TimeUs at = 0;   // when it was begun
    bool is_ours = false;  // begun by this process
    bool is_finished = false, is_sent = false;
    std::int64_t sent_ms = 0;
    std::string payload;
  };

  CommandLedger(std::string path, const base::Clock& clock, base::Log& log);
  base::Status load();
  void take_line(std::string_view line);
  bool append(const std::string& id, const Entry& entry);
  bool rewrite();
  void forget_old();

  const std::string path_;
  const base::Clock& clock_;
  base::Log& log_;
  int file_ = -1;
  std::size_t lines_ = 0;
  bool is_failing_ = false;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> order_;  // ids, oldest first
};

}  // namespace z4j::agent
