#include "src/notices.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace z4j::engine_rq {
namespace {

constexpr int kRestAfterWakeMs = 40;
constexpr int kQuietMs = 1000;
constexpr int kDeniedPauseMs = 60'000;
constexpr int kLeastRetryMs = 1000;

// A literal text inside a pattern.
std::string as_pattern(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

void Notices::run() {
  const std::string space = "__keyspace@" + std::to_string(settings_.redis.database) + "__:";
  redis::Backoff backoff;
  while (!shared_.gate.stopping()) {
    try {
      redis_.psubscribe({space + as_pattern(settings_.keys.job("")) + "*"});
      backoff.reset();
      while (!shared_.gate.stopping()) {
        if (!redis_.read_push(kQuietMs)) continue;
        shared_.gate.wake();
        // One wake-up serves all that arrive with it.
        if (!shared_.gate.pause_ms(kRestAfterWakeMs)) break;
        while (redis_.read_push(0)) {
        }
      }
    } catch (const Error& e) {
      if (e.code == Z4J_CANCELLED) break;
      const bool denied = e.code == Z4J_DENIED || e.code == Z4J_BAD_CONFIG;
      shared_.gate.pause_ms(denied ? kDeniedPauseMs : std::max(kLeastRetryMs, backoff.next_ms()));
    }
  }
}

}  // namespace z4j::engine_rq
