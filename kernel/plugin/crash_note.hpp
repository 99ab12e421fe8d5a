// Who is to blame when the process dies: each call into a plugin leaves a note in its thread.
#pragma once

#include <z4j/abi.h>

namespace z4j::plugin {

// Texts must live as long as the process.
struct CrashNote {
  const char* instance = nullptr;
  const char* function = nullptr;
  z4j_op op = 0;
};

// Sets the note of this thread and restores the one before: calls nest (a plugin's call into the
// host may lead to another plugin).
class CrashScope {
 public:
  explicit CrashScope(CrashNote note) noexcept;
  CrashScope(const CrashScope&) = delete;
  CrashScope& operator=(const CrashScope&) = delete;
  ~CrashScope();

 private:
  CrashNote before_;
};

}  // namespace z4j::plugin
