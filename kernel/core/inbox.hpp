// Inboxes: what rings a user's bell.
//
// Threads: thread-safe. Errors: the store's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct Notification {
  base::Uuid id, user_id, project_id;
  std::optional<base::Uuid> subscription_id;
  std::string trigger, reason = "subscribed", title, body;
  base::json::Object data;
  std::optional<base::TimeUs> read_at;
  base::TimeUs created_at = 0;
};

// A step of a commit.
void insert_notification(Commit& commit, const Notification& notification);

class Inbox {
 public:
  static constexpr std::uint64_t kMostCounted = 10'000;

  Inbox(Store& store, const base::Clock& clock) : store_(store), clock_(clock) {}

  enum class Which { all, unread };
  // Newest first.
  [[nodiscard]] base::Result<std::vector<Notification>> list(const base::Uuid& user, Which which,
                                                             std::uint32_t limit);
  // At most kMostCounted.
  [[nodiscard]] base::Result<std::uint64_t> count_unread(const base::Uuid& user);
  // No error when there is none.
  [[nodiscard]] base::Status mark_read(const base::Uuid& user, const base::Uuid& id);
  [[nodiscard]] base::Status mark_all_read(const base::Uuid& user);

 private:
  Store& store_;
  const base::Clock& clock_;
};

// Deletes what lay there long enough: notifications and deliveries of so many days, and the oldest
// of inboxes that are too full. Under the right to sweep.
struct NotificationAges {
  std::int64_t inbox_days = 90, delivery_days = 90;
  std::uint64_t most_per_user = 1'000;
};
[[nodiscard]] base::Status sweep_notifications(Store& store, const NotificationAges& ages,
                                               base::TimeUs now, const std::optional<Fence>& fence);

}  // namespace z4j::core
