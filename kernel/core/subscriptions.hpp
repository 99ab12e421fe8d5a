// Who wants to know what: a user's subscriptions, and the defaults that members of a project get
// when they join.
//
// Every change is audited in its commit. Threads: thread-safe. Errors: see refusal.hpp; else the
// store's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/channels.hpp"
#include "core/policy.hpp"
#include "core/store.hpp"
#include "core/subscription_filter.hpp"
#include "core/triggers.hpp"

namespace z4j::core {

struct Subscription {
  base::Uuid id, user_id, project_id;
  std::string trigger;
  base::json::Object filters;
  bool in_app = true;
  std::vector<base::Uuid> project_channel_ids, user_channel_ids;
  std::optional<base::TimeUs> muted_until, last_fired_at;
  std::int64_t cooldown_seconds = 0;
  bool is_active = true;
  base::TimeUs created_at = 0, updated_at = 0;
};
[[nodiscard]] Subscription subscription_of(const Row& row);  // of a Query with all()

struct DefaultSubscription {
  base::Uuid id, project_id;
  std::string trigger;
  base::json::Object filters;
  bool in_app = true;
  std::vector<base::Uuid> project_channel_ids;
  std::int64_t cooldown_seconds = 0;
  base::TimeUs created_at = 0;
};

struct SubscriptionDraft {
  base::Uuid project_id;
  std::string trigger;
  base::json::Object filters;
  bool in_app = true;
  std::vector<base::Uuid> project_channel_ids = {}, user_channel_ids = {};
  std::int64_t cooldown_seconds = 0;
};

// Nothing: leave as it is.
struct SubscriptionPatch {
  std::optional<std::string> trigger = {};
  std::optional<base::json::Object> filters = {};
  std::optional<bool> in_app = {}, is_active = {};
  std::optional<std::vector<base::Uuid>> project_channel_ids = {}, user_channel_ids = {};
  std::optional<std::int64_t> cooldown_seconds = {};
  std::optional<base::TimeUs> muted_until = {};
};

// Where the next page of a user's subscriptions starts: behind this one.
struct SubscriptionPlace {
  base::Uuid project_id;
  std::string trigger;
  base::Uuid id;
};
struct SubscriptionPage {
  std::vector<Subscription> items;
  std::optional<SubscriptionPlace> next;
};

class Subscriptions {
 public:
  static constexpr std::size_t kMostChannels = 64;
  static constexpr std::int64_t kLongestCooldownS = 86'400;
  static constexpr std::uint64_t kMostPerUser = 5'000;

  struct Options {
    std::function<void()> on_changed = {};          // something fires now that did not, or not now
    std::function<void(Commit&)> tell_others = {};  // the same, to other brains
  };

  Subscriptions(Store& store, Audit& audit, Channels& channels, const base::Clock& clock,
                Options options)
      : store_(store),
        audit_(audit),
        channels_(channels),
        clock_(clock),
        options_(std::move(options)) {}

  // By project, trigger and id.
  [[nodiscard]] base::Result<SubscriptionPage> list(const base::Uuid& user,
                                                    const std::optional<base::Uuid>& project,
                                                    const std::optional<SubscriptionPlace>& after,
                                                    std::uint32_t limit);
  // The project must be there and the user may read it: not_found else.
  [[nodiscard]] base::Result<Subscription> create(const Principal& principal,
                                                  const SubscriptionDraft& draft,
                                                  const Actor& actor);
  [[nodiscard]] base::Result<Subscription> patch(const Principal& principal, const base::Uuid& id,
                                                 const SubscriptionPatch& patch,
                                                 const Actor& actor);
  // No error when there is none.
  [[nodiscard]] base::Status remove(const Principal& principal, const base::Uuid& id,
                                    const Actor& actor);

  // By trigger.
  [[nodiscard]] base::Result<std::vector<DefaultSubscription>> defaults(const base::Uuid& project);
  [[nodiscard]] base::Result<DefaultSubscription> create_default(const base::Uuid& project,
                                                                 const SubscriptionDraft& draft,
                                                                 const Actor& actor);
  [[nodiscard]] base::Result<DefaultSubscription> patch_default(const base::Uuid& project,
                                                                const base::Uuid& id,
                                                                const SubscriptionPatch& patch,
                                                                const Actor& actor);
  [[nodiscard]] base::Status remove_default(const base::Uuid& project, const base::Uuid& id,
                                            const Actor& actor);

  // Steps of the commit by which a user joins a project: the defaults that it has none of yet.
  [[nodiscard]] base::Result<Audit::Act> joining(const base::Uuid& user, const base::Uuid& project);
  // ... and leaves it.
  void leave(Commit& commit, const base::Uuid& user, const base::Uuid& project) const;
  // ... and of the one that makes the first user of an installation: failed tasks ring its bell,
  // and those of whoever joins.
  void found(Commit& commit, const base::Uuid& user, const base::Uuid& project) const;
  // What fires may be another set now. Calling it for nothing is harmless.
  void changed() const {
    if (options_.on_changed) options_.on_changed();
  }

 private:
  [[nodiscard]] base::Result<std::optional<Subscription>> find(const base::Uuid& user,
                                                               const base::Uuid& id);
  [[nodiscard]] base::Result<std::optional<DefaultSubscription>> find_default(
      const base::Uuid& project, const base::Uuid& id);
  // What both kinds share; conflict for channels that are somebody else's.
  [[nodiscard]] base::Status check(const std::string& trigger, base::json::Object& filters,
                                   std::int64_t cooldown_seconds, const base::Uuid& project,
                                   const std::vector<base::Uuid>& project_channels,
                                   const base::Uuid* user,
                                   const std::vector<base::Uuid>& user_channels);
  // The commit is not done yet: whoever hears of it looks twice.
  void tell(Commit& commit) const {
    if (options_.tell_others) options_.tell_others(commit);
    changed();
  }

  Store& store_;
  Audit& audit_;
  Channels& channels_;
  const base::Clock& clock_;
  const Options options_;
};

}  // namespace z4j::core
