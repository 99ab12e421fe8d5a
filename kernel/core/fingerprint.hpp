// Which failures are the same error: the type of the exception, and where in people's own code it
// was raised; without a traceback, what it said with all that varies taken out.
//
// Reads what Python prints: repr(exception) as Celery tells it ("ValueError('x')"), the last line
// of a traceback as RQ does ("app.errors.Late: x"), tracebacks of either. Anything else is taken as
// a message. Line numbers, digits, addresses, ids and quoted values play no part, nor does the
// folder that the code lies in. Pure functions, any thread, any bytes; of a long text the end of
// the traceback and the beginning of the message are looked at.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace z4j::core {

struct Failure {
  std::string type;     // "ValueError", without its module; "": not known
  std::string message;  // what it said, at most kFailureMessageBytes; "": nothing
};

inline constexpr std::size_t kFingerprintBytes = 16;
inline constexpr std::size_t kFailureMessageBytes = 500;

[[nodiscard]] Failure failure_of(std::string_view exception, std::string_view traceback);

// 16 lower-case hex digits; "" when nothing is known of the failure.
[[nodiscard]] std::string fingerprint(std::string_view exception, std::string_view traceback);
[[nodiscard]] bool is_fingerprint(std::string_view text) noexcept;

}  // namespace z4j::core
