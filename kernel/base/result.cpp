#include "base/result.hpp"

namespace z4j::base {

const char* to_string(Code code) noexcept {
  switch (code) {
    case Code::ok:
      return "ok";
    case Code::invalid:
      return "invalid";
    case Code::not_found:
      return "not_found";
    case Code::conflict:
      return "conflict";
    case Code::unsupported:
      return "unsupported";
    case Code::denied:
      return "denied";
    case Code::bad_config:
      return "bad_config";
    case Code::bad_state:
      return "bad_state";
    case Code::too_large:
      return "too_large";
    case Code::busy:
      return "busy";
    case Code::unavailable:
      return "unavailable";
    case Code::timeout:
      return "timeout";
    case Code::io:
      return "io";
    case Code::cancelled:
      return "cancelled";
    case Code::unknown:
      return "unknown";
    case Code::internal:
      return "internal";
    case Code::no_memory:
      return "no_memory";
    case Code::corrupt:
      return "corrupt";
    case Code::bug:
      return "bug";
  }
  return "unrecognised";
}

std::string Error::text() const {
  std::string out = where.empty() ? message : where + ": " + message;
  if (!hint.empty()) out += " (" + hint + ")";
  return out;
}

void fail_check(const char* expression, const char* file, int line) {
  throw Bug(std::string("broken invariant ") + expression + " at " + file + ":" +
            std::to_string(line));
}

}  // namespace z4j::base
