// Which function of the plugin was called last: in memory that the parent of a case sees too, so
// that a crash or a hang can be told by name.
#pragma once

namespace z4j::check {

void note_last_call(const char* function) noexcept;
[[nodiscard]] const char* last_call() noexcept;  // "" when none was

}  // namespace z4j::check
