// Who carries messages to channels: notifier plugins in a brain, a stand-in in tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::core {

// What a message of one channel says. Kept as JSON while it waits.
struct CourierMessage {
  std::string id;                    // same id, same message
  std::string dedup_key;             // messages about the same thing
  std::string title, text, url;      // plain text
  std::string severity = "warning";  // info, warning, error, critical
  bool is_test = false;
  base::json::Object context;  // the body of a webhook: trigger, task_id, ...

  [[nodiscard]] base::json::Object to_json() const;
  [[nodiscard]] static CourierMessage from_json(const base::json::Object& object);
};

// What became of one try.
struct Carried {
  bool is_sent = false;
  std::optional<std::int64_t> code;  // what the other side said: an HTTP status, an SMTP reply
  std::string reply;                 // and in its words
  std::string error;                 // "" when sent
  bool may_retry = false;
  std::int64_t retry_after_ms = 0;  // when it asked for patience
};

class Courier {
 public:
  virtual ~Courier() = default;

  // A type of channels that a loaded plugin serves.
  struct Type {
    std::string name, instance;
    std::string config_schema;  // in the subset of config/schema.hpp; "": none
  };
  [[nodiscard]] virtual std::vector<Type> types() = 0;
  // May the brain speak to this host? Names are resolved, and every address must be allowed.
  [[nodiscard]] virtual base::Status check_target(const std::string& host) = 0;
  // Blocks for at most that long; many at once.
  [[nodiscard]] virtual Carried carry(const std::string& type, const base::json::Object& config,
                                      const CourierMessage& message, unsigned attempt,
                                      int deadline_ms) = 0;
};

}  // namespace z4j::core
