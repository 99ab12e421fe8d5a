#include "plugin/crash_note.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "plugin/host.hpp"

namespace z4j::plugin {
namespace {

thread_local CrashNote crash_note;

// Only async-signal-safe calls below.
void crash_put(const char* text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
}

void crash_put_number(z4j_op number) {
  char digits[24];
  char* at = digits + sizeof digits;
  *--at = '\0';
  do {
    *--at = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  crash_put(at);
}

extern "C" void z4j_crash_line(int number) {
  crash_put("z4j: died in ");
  crash_put(crash_note.instance != nullptr ? crash_note.instance : "the kernel");
  if (crash_note.function != nullptr) {
    crash_put(" / ");
    crash_put(crash_note.function);
  }
  if (crash_note.op != 0) {
    crash_put(" / op ");
    crash_put_number(crash_note.op);
  }
  crash_put("\n");
  ::raise(number);  // the default action stands again: SA_RESETHAND
}

}  // namespace

CrashScope::CrashScope(CrashNote note) noexcept : before_(crash_note) { crash_note = note; }
CrashScope::~CrashScope() { crash_note = before_; }

void install_crash_handler() {
  struct sigaction action {};
  action.sa_handler = z4j_crash_line;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_NODEFER | SA_ONSTACK;
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::sigaction(number, &action, nullptr);
  }
}

}  // namespace z4j::plugin
