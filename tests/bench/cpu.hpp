// CPU time, which tells more than the clock on a busy machine.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace z4j::bench {

// Seconds that the children of a process took, with those that have ended.
inline double cpu_of_children(pid_t parent) {
  double ticks = 0;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ec)) {
    std::ifstream in(entry.path() / "stat");
    std::string text;
    if (!std::getline(in, text)) continue;
    std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 2)));
    std::string state;
    long of = 0, skipped = 0, user = 0, system = 0, ended_user = 0, ended_system = 0;
    fields >> state >> of;
    for (int i = 0; i < 9; ++i) fields >> skipped;
    fields >> user >> system >> ended_user >> ended_system;
    if (of == parent) ticks += static_cast<double>(user + system);
    if (entry.path().filename() == std::to_string(parent))
      ticks += static_cast<double>(ended_user + ended_system);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// Seconds that this process took.
inline double own_cpu() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace z4j::bench
