// How deep queues were: samples by the minute of what is told of them, kept as long as the
// counts by the minute (rollups.hpp).
//
// A queue that agents and plugins tell of is sampled once a minute; while nothing changes, every
// ten minutes. A minute without a sample is as the one before, for up to ten minutes: after that it
// is not known. Functions are reentrant; errors are the store's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Takes the samples; of one thread, of one brain at a time.
class DepthSampler {
 public:
  static constexpr std::size_t kMostQueues = 20'000;  // further ones are not sampled

  explicit DepthSampler(Store& store) : store_(store) {}
  // One sample of every queue that was told of in the last three minutes, at the minute of `now`.
  // How many were written.
  [[nodiscard]] base::Result<std::size_t> sample(base::TimeUs now,
                                                 const std::optional<Fence>& fence);

 private:
  struct Depth {
    std::int64_t pending = 0;
    std::optional<std::int64_t> unacked, oldest_s;
    friend bool operator==(const Depth&, const Depth&) = default;
  };
  Store& store_;
  std::map<base::Uuid, Depth> last_;  // as written
};

struct QueueDepths {
  std::string engine, name;
  // The most of each bucket; none where it is not known.
  std::vector<std::optional<std::int64_t>> pending, oldest_s;
};
struct QueueDepthsAsked {
  std::int64_t hours = 1;     // 1 to 192
  std::int64_t buckets = 60;  // 1 to 200, at most: no bucket is shorter than a minute
  std::string engine, queue;  // "": all
};
struct QueueDepthsFound {
  static constexpr std::uint32_t kMostQueues = 200;  // by name
  base::TimeUs since = 0, until = 0;
  std::int64_t bucket_s = 60;
  std::vector<QueueDepths> queues;
  bool is_truncated = false;
};
[[nodiscard]] base::Result<QueueDepthsFound> queue_depths(Store& store, const base::Uuid& project,
                                                          const QueueDepthsAsked& asked,
                                                          base::TimeUs now);

}  // namespace z4j::core
