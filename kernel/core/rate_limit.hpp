// Sliding windows: at most so many attempts per key in any stretch of the window.
//
// Exact (it keeps the times of the attempts) and bounded: when the table is full, the key seen
// least recently is forgotten. Counts of one process. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace z4j::core {

struct RateBucket {
  std::string_view name;  // also what a refusal names
  unsigned limit;
  unsigned window_s;
};

inline constexpr RateBucket kLoginBucket{"login", 20, 60};
inline constexpr RateBucket kPasswordResetBucket{"password-reset", 10, 60};
inline constexpr RateBucket kMfaVerifyBucket{"mfa-verify", 10, 60};
inline constexpr RateBucket kSetupCompleteBucket{"setup-complete", 5, 900};
inline constexpr RateBucket kInvitationBucket{"invitation", 30, 60};
inline constexpr RateBucket kBulkActionBucket{"bulk-action", 10, 60};
inline constexpr RateBucket kChannelTestBucket{"channel-test", 20, 60};
inline constexpr RateBucket kChannelImportBucket{"channel-import", 30, 60};
inline constexpr RateBucket kAgentConnectBucket{"agent-connect", 600, 60};
inline constexpr RateBucket kOpenapiBucket{"openapi", 10, 60};
inline constexpr RateBucket kPolicyReportBucket{"csp-report", 60, 60};
inline constexpr RateBucket kActivityBucket{"activity", 60, 60};

// The key of a client address: IPv6 counts by its /64, which one client owns whole.
[[nodiscard]] std::string client_key(std::string_view ip);

class RateLimit {
 public:
  explicit RateLimit(const base::Clock& clock, std::size_t max_keys = 20'000,
                     std::size_t max_stamps = 500'000);

  struct Answer {
    bool allowed;
    unsigned retry_after_s;  // at least 1 when refused
  };
  // Counts one attempt unless it is refused.
  [[nodiscard]] Answer take(const RateBucket& bucket, std::string_view key);

  [[nodiscard]] std::size_t keys() const;

 private:
  struct Entry {
    std::string name;
    std::deque<std::int64_t> stamps;  // steady ms, oldest first
  };
  void forget_oldest();

  const base::Clock& clock_;
  const std::size_t max_keys_, max_stamps_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // most recent first; guarded by mutex_, as are the two below
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_name_;
  std::size_t stamps_ = 0;
};

}  // namespace z4j::core
