// What the host knows of notifiers: the types of targets they serve, and one message to such a
// target. Plain data.
#pragma once

#include <z4j/abi.h>

#include <string>
#include <vector>

#include "base/result.hpp"

namespace z4j::plugin {

struct TargetType {
  std::string name;         // "webhook", "email"
  std::string schema_json;  // of its targets, in the subset of config/schema.hpp; "": anything
};

// What a notifier declares: types_json, or one type called like the last word of the plugin's id
// ("org.example.notifier-log": "log"). The error is a defect of the plugin.
[[nodiscard]] base::Result<std::vector<TargetType>> target_types(const z4j_plugin& plugin,
                                                                 const z4j_notifier& notifier);

struct Notification {
  std::string id;         // same id, same message
  std::string dedup_key;  // messages about the same thing
  std::string title, text, url;
  std::string target_type, target_json;  // may hold secrets
  std::string context_json;
  int severity = 0;  // 0 info, 2 warning, 3 error, 4 critical
  bool is_test = false;
  int attempt = 1;
};

}  // namespace z4j::plugin
