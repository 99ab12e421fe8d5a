// Channels: where a project, or a user, gets messages. Secret settings lie sealed apart from the
// others and never leave, but through a notifier plugin.
//
// Every change is audited in its commit; names of entries: notifications.channel.* for projects,
// user_notifications.channel.* for users. Threads: thread-safe. Errors: see refusal.hpp and
// channel_rules.hpp; else the store's.
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
#include "core/channel_rules.hpp"
#include "core/courier.hpp"
#include "core/sealed.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct ChannelOwner {
  enum class Kind { project, user };
  Kind kind = Kind::project;
  base::Uuid id;

  [[nodiscard]] static ChannelOwner project(const base::Uuid& id) { return {Kind::project, id}; }
  [[nodiscard]] static ChannelOwner user(const base::Uuid& id) { return {Kind::user, id}; }
};

// As people see it.
struct Channel {
  base::Uuid id;
  std::string name, type;
  base::json::Object config;  // masked
  bool is_verified = false, is_active = true;
  base::TimeUs created_at = 0, updated_at = 0;
};

// As the courier needs it.
struct OpenChannel {
  base::Uuid id;
  ChannelOwner owner;
  std::string name, type;
  base::json::Object config;  // with secrets
  bool is_active = true;
};

struct ChannelDraft {
  std::string name, type;
  base::json::Object config;
  bool is_active = true;
};

// Nothing: leave as it is. The config is merged member by member.
struct ChannelPatch {
  std::optional<std::string> name = {};
  std::optional<base::json::Object> config = {};
  std::optional<bool> is_active = {};
};

struct ChannelTest {
  bool is_sent = false;
  std::optional<std::int64_t> code;
  std::string error, reply;
};

class Channels {
 public:
  static constexpr std::uint32_t kMostPerOwner = 500;

  struct Options {
    ChannelRules rules = {};
    int test_deadline_ms = 15'000;
  };

  Channels(Store& store, Audit& audit, Courier& courier, const Sealer& sealer,
           const base::Clock& clock, Options options)
      : store_(store),
        audit_(audit),
        courier_(courier),
        sealer_(sealer),
        clock_(clock),
        options_(options) {}

  // Newest first.
  [[nodiscard]] base::Result<std::vector<Channel>> list(const ChannelOwner& owner,
                                                        ChannelEyes eyes);
  [[nodiscard]] base::Result<Channel> create(const ChannelOwner& owner, const ChannelDraft& draft,
                                             const Actor& actor);
  [[nodiscard]] base::Result<Channel> patch(const ChannelOwner& owner, const base::Uuid& id,
                                            const ChannelPatch& patch, const Actor& actor);
  // No error when there is none. Subscriptions and defaults forget it.
  [[nodiscard]] base::Status remove(const ChannelOwner& owner, const base::Uuid& id,
                                    const Actor& actor);
  // A copy with its secrets; without a name: "Copy of ...".
  [[nodiscard]] base::Result<Channel> import(const ChannelOwner& from, const base::Uuid& id,
                                             const ChannelOwner& to,
                                             const std::optional<std::string>& name,
                                             const Actor& actor);

  // Sends a test message. What is wrong with the config or the way is the answer, not an error.
  // A project's tests are shown in its deliveries.
  [[nodiscard]] base::Result<ChannelTest> test(const ChannelOwner& owner, std::string_view type,
                                               const base::json::Object& config,
                                               const Actor& actor);
  [[nodiscard]] base::Result<ChannelTest> test(const ChannelOwner& owner, const base::Uuid& id,
                                               const Actor& actor);

  // None: there is no such channel. The error tells of one whose secrets can't be opened.
  [[nodiscard]] base::Result<std::optional<OpenChannel>> open(ChannelOwner::Kind kind,
                                                              const base::Uuid& id);
  // Active ones of the type of these projects, oldest first; at most so many.
  [[nodiscard]] base::Result<std::vector<OpenChannel>> active_of_type(
      const std::vector<base::Uuid>& projects, std::string_view type, std::uint32_t limit);
  // Those of `ids` that the owner has.
  [[nodiscard]] base::Result<std::vector<base::Uuid>> owned(const ChannelOwner& owner,
                                                            const std::vector<base::Uuid>& ids);

 private:
  struct Columns;
  [[nodiscard]] static const Columns& columns_of(ChannelOwner::Kind kind);
  [[nodiscard]] base::Result<std::optional<Row>> row_of(const ChannelOwner& owner,
                                                        const base::Uuid& id);
  [[nodiscard]] base::Result<OpenChannel> opened(ChannelOwner::Kind kind, const Row& row) const;
  [[nodiscard]] base::Result<Channel> insert(const ChannelOwner& owner, OpenChannel channel,
                                             const Courier::Type& type, AuditEntry entry);
  [[nodiscard]] base::Result<ChannelTest> run_test(const ChannelOwner& owner,
                                                   const OpenChannel* stored,
                                                   const Courier::Type& type,
                                                   const base::json::Object& config,
                                                   const Actor& actor);
  struct Naming {
    Table table;
    std::uint16_t key, list;  // columns
    base::Uuid id;
    base::json::Array rest;
  };
  [[nodiscard]] base::Result<std::vector<Naming>> naming(const ChannelOwner& owner,
                                                         const base::Uuid& id);
  struct Split {
    base::json::Object open;
    std::string sealed;  // "" without secrets
  };
  [[nodiscard]] Split split(const base::Uuid& id, const std::vector<std::string>& secrets,
                            const base::json::Object& config) const;

  Store& store_;
  Audit& audit_;
  Courier& courier_;
  const Sealer& sealer_;
  const base::Clock& clock_;
  const Options options_;
};

}  // namespace z4j::core
