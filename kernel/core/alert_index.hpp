// The active subscriptions of all projects, in memory: what an ingest lane asks for each event must
// cost nothing when nobody listens.
//
// A snapshot never changes but for what its entries remember of their own silence. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/ingest_batch.hpp"
#include "core/occasion.hpp"
#include "core/store.hpp"
#include "core/subscriptions.hpp"

namespace z4j::core {

struct AlertEntry {
  Subscription subscription;
  SubscriptionFilter filter;
  // No firing before, as far as this brain knows: cooldown or mute. The store decides.
  mutable std::atomic<base::TimeUs> silent_until{0};

  [[nodiscard]] base::TimeUs cooldown() const noexcept {
    return subscription.cooldown_seconds * base::kSecondUs;
  }
};
using AlertEntries = std::vector<std::shared_ptr<const AlertEntry>>;

class AlertIndex {
 public:
  static constexpr std::uint32_t kMostSubscriptions = 100'000;

  [[nodiscard]] static base::Result<std::shared_ptr<const AlertIndex>> load(Store& store);

  // None: nobody listens.
  [[nodiscard]] const AlertEntries* find(const base::Uuid& project, std::string_view trigger) const;
  [[nodiscard]] bool hears_tasks() const noexcept { return hears_tasks_; }
  // Of tasks that take longer somebody in the project may want to hear; none: nobody.
  [[nodiscard]] std::optional<std::int64_t> slow_ms(const base::Uuid& project,
                                                    std::int64_t usual_ms) const;
  // Projects in which somebody listens to it.
  [[nodiscard]] std::vector<base::Uuid> projects(std::string_view trigger) const;
  [[nodiscard]] const OccasionProject& project(const base::Uuid& id) const;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  using ByTrigger = std::array<AlertEntries, kTriggers.size()>;
  std::unordered_map<base::Uuid, ByTrigger, UuidHash> by_project_;
  std::map<base::Uuid, OccasionProject> projects_;
  bool hears_tasks_ = false;
  std::size_t size_ = 0;
};

}  // namespace z4j::core
