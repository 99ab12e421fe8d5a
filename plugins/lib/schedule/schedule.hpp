// A schedule as it crosses the scheduler contract, both ways. Pure; any thread.
#pragma once

#include "lib/json/json.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::schedule {

inline constexpr std::size_t kMaxId = 200, kMaxName = 200, kMaxTask = 500, kMaxExpression = 1024;
inline constexpr std::size_t kMaxArguments = 64u << 10, kMaxOptions = 64u << 10;

struct Schedule {
  std::string id, name, engine, task, queue;
  std::optional<std::string> priority;
  json::Array args;
  json::Object kwargs;
  std::string kind, expression, timezone = "UTC", description;
  bool is_enabled = true;
  // Unix seconds.
  std::optional<double> last_run_at, next_run_at, starts_at, ends_at;
  std::optional<std::int64_t> total_runs;
  std::string read_only_reason;  // not empty: read only
  std::vector<std::string> capabilities;
  json::Object options;
  std::optional<json::Value> own;  // in the backend's own form, when that was asked for
};

// A short digest, the same on every machine.
[[nodiscard]] std::string digest_of(std::string_view text);

// The backend's version of it: a digest of all but the runs and `own`.
[[nodiscard]] std::string etag_of(const Schedule& schedule);
[[nodiscard]] json::Object to_json(const Schedule& schedule);

// What a list() asks for.
struct Page {
  std::size_t limit = 500;
  std::string cursor;
  std::vector<std::string> ids;  // only these, when there are some
  bool in_own_form = false;
};
// Throws Z4J_INVALID.
[[nodiscard]] Page read_page(std::string_view page_json);
[[nodiscard]] json::Object page_answer(const std::vector<Schedule>& items,
                                       const std::optional<std::string>& next);

// What a put() asks for: only members that were given have a value. A member that was given as null
// holds an empty text or an empty inner optional.
struct Wanted {
  std::string id;
  std::optional<std::string> name, task, queue, kind, expression, timezone, description;
  std::optional<std::optional<std::string>> priority;
  std::optional<json::Array> args;
  std::optional<json::Object> kwargs, options;
  std::optional<bool> is_enabled;
  std::optional<std::optional<double>> starts_at, ends_at;
  std::optional<json::Value> own;
};
// Throws Z4J_INVALID with the member's place when one has a wrong type or is too large.
[[nodiscard]] Wanted read_wanted(std::string_view schedule_json);

[[noreturn]] void invalid(const std::string& message, const char* at);

}  // namespace z4j::schedule
