// A process of z4j-plugin-host, as the kernel holds it: its socket, the memory both share, the end
// of what it wrote to standard error, what it uses, how it ended.
//
// Not thread-safe but for kill(): one thread reads and reaps.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/result.hpp"

namespace z4j::plugin::process {

// The descriptors that the program finds open.
inline constexpr int kSocketFd = 3, kRingFd = 4, kFileFd = 5;

class Child {
 public:
  // `instance` is its only argument, for people who look at processes. `file` is the plugin's,
  // open. Its environment is empty but for language, time zone and where certificates are.
  [[nodiscard]] static base::Result<std::unique_ptr<Child>> spawn(const std::string& program,
                                                                  const std::string& instance,
                                                                  int file);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // kill(), reap()

  [[nodiscard]] int take_socket() { return std::exchange(socket_, -1); }
  [[nodiscard]] std::span<const char> ring() const { return ring_; }
  [[nodiscard]] int errors() const { return errors_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Takes in what standard error has; false at its end.
  bool read_errors();
  // The end of it, on one line, without control characters.
  [[nodiscard]] std::string last_words() const;

  struct Use {
    std::uint64_t memory_bytes = 0;
    std::int64_t cpu_ms = 0;
    std::uint64_t threads = 0;
  };
  [[nodiscard]] Use use() const;

  void kill() const;
  // Waits that long for it to end, then kills it. "exited with code 0", "was killed by signal 11".
  [[nodiscard]] std::string reap(int patience_ms);

 private:
  Child() = default;

  pid_t pid_ = -1;
  int process_ = -1;  // a descriptor of the process itself
  int socket_ = -1, errors_ = -1;
  std::span<const char> ring_;
  std::string tail_, ended_;
};

// Whether a process used more of the processors than it may: over a minute, percent of one.
class CpuBudget {
 public:
  explicit CpuBudget(std::uint32_t percent) : percent_(percent) {}  // 0: no bound
  // False: it used more. Both times are milliseconds that only rise.
  [[nodiscard]] bool allows(std::int64_t now_ms, std::int64_t cpu_ms);
  [[nodiscard]] std::int64_t used_ms() const { return used_ms_; }
  // Of one processor, between the first and the last of the samples; -1: there is one at most.
  [[nodiscard]] std::int64_t percent() const;
  [[nodiscard]] std::int64_t allowed_ms() const { return std::int64_t{percent_} * 600; }

 private:
  const std::uint32_t percent_;
  std::deque<std::pair<std::int64_t, std::int64_t>> samples_;
  std::int64_t used_ms_ = 0;
};

}  // namespace z4j::plugin::process
