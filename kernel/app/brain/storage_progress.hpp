// How far a copy, backup or restore is, on standard error: one line that changes on a terminal,
// else a line every ten seconds.
#pragma once

#include <chrono>
#include <string>

#include "core/copy_load.hpp"

namespace z4j::app {

// From here on the first SIGINT or SIGTERM makes the next StorageProgress::tell() throw
// Interrupted, so that everything on the way is closed and removed as at its end. A second one ends
// the program.
void catch_stop_signals();
struct Interrupted {};

// One thread.
class StorageProgress {
 public:
  StorageProgress();
  ~StorageProgress();  // ends the line
  StorageProgress(const StorageProgress&) = delete;
  StorageProgress& operator=(const StorageProgress&) = delete;

  void tell(const core::CopyProgress& progress);

 private:
  using Clock = std::chrono::steady_clock;
  bool is_terminal_, is_line_open_ = false;
  core::CopyProgress::Stage stage_ = core::CopyProgress::Stage::counting;
  Clock::time_point began_, next_;
};

}  // namespace z4j::app
