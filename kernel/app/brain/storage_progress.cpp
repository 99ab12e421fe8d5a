#include "app/brain/storage_progress.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace z4j::app {
namespace {

volatile sig_atomic_t was_told_to_stop = 0;

void hear_stop(int) { was_told_to_stop = 1; }

const char* word_of(core::CopyProgress::Stage stage) {
  switch (stage) {
    case core::CopyProgress::Stage::clearing:
      return "emptying the target";
    case core::CopyProgress::Stage::counting:
      return "counting";
    case core::CopyProgress::Stage::copying:
      return "copying";
    default:
      return "checking";
  }
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = hear_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

StorageProgress::StorageProgress()
    : is_terminal_(::isatty(STDERR_FILENO) == 1), began_(Clock::now()), next_(began_) {}

StorageProgress::~StorageProgress() {
  if (is_line_open_) std::fputc('\n', stderr);
}

void StorageProgress::tell(const core::CopyProgress& progress) {
  if (was_told_to_stop != 0) throw Interrupted();
  const auto now = Clock::now();
  if (progress.stage != stage_) {
    stage_ = progress.stage;
    began_ = next_ = now;
  }
  if (now < next_) return;
  next_ = now + (is_terminal_ ? std::chrono::milliseconds(250) : std::chrono::milliseconds(10'000));
  const double seconds = std::chrono::duration<double>(now - began_).count();
  const double rate = seconds > 0 ? static_cast<double>(progress.rows) / seconds : 0;
  std::string line = std::string(word_of(progress.stage)) + " " + std::string(progress.table);
  if (progress.rows > 0) line += ": " + std::to_string(progress.rows);
  if (progress.rows > 0 && progress.total > 0) line += " of " + std::to_string(progress.total);
  if (progress.rows > 0) line += " rows";
  if (rate > 0 && seconds >= 1) {
    line += ", " + std::to_string(static_cast<long long>(rate)) + " rows/s";
    if (progress.total > progress.rows) {
      const double left = static_cast<double>(progress.total - progress.rows) / rate;
      line += ", " + std::to_string(static_cast<long long>(left) + 1) + " s left";
    }
  }
  if (is_terminal_) {
    std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
    is_line_open_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

}  // namespace z4j::app
