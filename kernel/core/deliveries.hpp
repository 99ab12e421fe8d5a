// What became of messages: a project's log and a user's own.
//
// Threads: thread-safe. Errors: see refusal.hpp; else the store's.
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
#include "core/audit.hpp"
#include "core/page.hpp"
#include "core/store.hpp"

namespace z4j::core {

inline constexpr std::string_view kSent = "sent", kFailed = "failed", kSkipped = "skipped";

struct Delivery {
  base::Uuid id;
  std::optional<base::Uuid> project_id, subscription_id, channel_id, user_channel_id, user_id,
      triggered_by_user_id;
  std::string trigger, task_id, task_name, channel_name, channel_type;
  std::string status;  // sent, failed, skipped
  std::optional<std::int64_t> response_code;
  std::string response_body, error;
  std::int64_t attempts = 0;
  base::TimeUs sent_at = 0;
  std::string triggered_by_email;  // when listed
};

// A step of a commit. A second one of the same id changes nothing.
void insert_delivery(Commit& commit, const Delivery& delivery);

// Words of the other side, fit for people of a project: cut, without the channel's secrets and
// addresses, and without private addresses.
[[nodiscard]] std::string cleaned_reply(std::string_view text, const base::json::Object& config);

class Deliveries {
 public:
  Deliveries(Store& store, Audit& audit, const base::Clock& clock)
      : store_(store), audit_(audit), clock_(clock) {}

  // Newest first.
  [[nodiscard]] base::Result<Page<Delivery>> of_project(const base::Uuid& project,
                                                        const std::optional<Place>& after,
                                                        std::uint32_t limit);
  // Those of the user's own subscriptions and channels.
  [[nodiscard]] base::Result<Page<Delivery>> of_user(const base::Uuid& user,
                                                     const std::optional<base::Uuid>& project,
                                                     const std::optional<Place>& after,
                                                     std::uint32_t limit);
  // Those of the project that ended before, or all of them up to now; how many. Audited.
  [[nodiscard]] base::Result<std::uint64_t> clear(const base::Uuid& project,
                                                  std::optional<base::TimeUs> before,
                                                  const Actor& actor);

 private:
  [[nodiscard]] base::Result<Page<Delivery>> page(Query query, const std::optional<Place>& after,
                                                  std::uint32_t limit);

  Store& store_;
  Audit& audit_;
  const base::Clock& clock_;
};

}  // namespace z4j::core
