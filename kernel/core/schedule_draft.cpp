#include "core/schedule_draft.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr std::size_t kMostArgumentBytes = std::size_t{64} << 10;
constexpr std::int64_t kMostCatchUp = 10'000, kLongestSeconds = 365 * 86'400;
constexpr std::array<std::string_view, 4> kDraftPriorities{"critical", "high", "normal", "low"};
constexpr std::array<std::string_view, 2> kOverlaps{"allow", "skip"};

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool is_zone_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_+-/").find(c) != std::string_view::npos;
  });
}

// Reads members by their rules; keeps the first problem.
class Members {
 public:
  explicit Members(const json::Object& from) : from_(from) {}

  std::optional<std::string> text(std::string_view key, std::size_t least, std::size_t most) {
    const json::Value* value = given(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) return wrong(key, "must be text"), std::nullopt;
    std::string out(value->get_string());
    if (!is_utf8(out)) return wrong(key, "must be UTF-8"), std::nullopt;
    const std::size_t size = count_characters(out);
    if (size < least || size > most) {
      wrong(key,
            "must have " + std::to_string(least) + " to " + std::to_string(most) + " characters");
      return std::nullopt;
    }
    if (has_control(out)) return wrong(key, "must not hold control characters"), std::nullopt;
    return out;
  }
  template <std::size_t N>
  std::optional<std::string> word(std::string_view key,
                                  const std::array<std::string_view, N>& words) {
    auto out = text(key, 0, 40);
    if (out && !out->empty() && std::find(words.begin(), words.end(), *out) == words.end()) {
      std::string known;
      for (const std::string_view each : words)
        known += (known.empty() ? "" : ", ") + std::string(each);
      wrong(key, "must be one of " + known);
    }
    return out;
  }
  std::optional<bool> flag(std::string_view key) {
    const json::Value* value = given(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_bool()) return wrong(key, "must be true or false"), std::nullopt;
    return value->get_bool();
  }
  std::optional<std::int64_t> number(std::string_view key, std::int64_t least, std::int64_t most) {
    const json::Value* value = given(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_int64() || value->get_int64() < least || value->get_int64() > most) {
      wrong(key,
            "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
      return std::nullopt;
    }
    return value->get_int64();
  }
  std::optional<base::TimeUs> time(std::string_view key) {
    const json::Value* value = given(key);
    if (value == nullptr) return std::nullopt;
    auto time = base::parse_time(value->is_string() ? std::string_view(value->get_string())
                                                    : std::string_view(json::write(*value)));
    if (!time) return wrong(key, "must be a time such as 2026-05-13T10:42:18Z"), std::nullopt;
    return *time;
  }
  std::optional<json::Array> array(std::string_view key) {
    const json::Value* value = given(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_array()) return wrong(key, "must be an array"), std::nullopt;
    if (!fits(key, *value)) return std::nullopt;
    return value->get_array();
  }
  std::optional<json::Object> object(std::string_view key) {
    const json::Value* value = given(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_object()) return wrong(key, "must be an object"), std::nullopt;
    if (!fits(key, *value)) return std::nullopt;
    return value->get_object();
  }
  void required(std::string_view key) {
    if (given(key) == nullptr) wrong(key, "is required");
  }
  void wrong(std::string_view key, std::string why) {
    if (!error_) error_ = refuse::invalid(key, std::string(key) + " " + why);
  }
  [[nodiscard]] const std::optional<base::Error>& error() const noexcept { return error_; }

 private:
  [[nodiscard]] const json::Value* given(std::string_view key) const {
    const json::Value* value = from_.if_contains(key);
    return value != nullptr && !value->is_null() ? value : nullptr;
  }
  bool fits(std::string_view key, const json::Value& value) {
    const bool fits = json::write(value).size() <= kMostArgumentBytes;
    if (!fits) wrong(key, "must have at most 64 KiB as JSON");
    return fits;
  }

  const json::Object& from_;
  std::optional<base::Error> error_;
};

SchedulePatch read_members(Members& in) {
  SchedulePatch out;
  out.engine = in.text("engine", 1, 40);
  out.kind = in.text("kind", 1, 20);
  if (out.kind == "one_shot") out.kind = "clocked";  // another word for the same
  if (out.kind && !is_schedule_kind(*out.kind))
    in.wrong("kind", "must be cron, interval, clocked or solar");
  out.expression = in.text("expression", 1, 1024);
  out.task_name = in.text("task_name", 1, 500);
  out.timezone = in.text("timezone", 0, 64);
  if (out.timezone && trimmed(*out.timezone).empty()) out.timezone = "UTC";
  if (out.timezone && !is_zone_name(*out.timezone))
    in.wrong("timezone", "must be an IANA name such as Europe/Berlin");
  out.queue = in.text("queue", 0, 200);
  out.priority = in.word("priority", kDraftPriorities);
  if (out.priority && out.priority->empty()) out.priority = "normal";
  out.args = in.array("args");
  out.kwargs = in.object("kwargs");
  out.options = in.object("options");
  out.catch_up = in.text("catch_up", 1, 40);
  if (out.catch_up && !is_catch_up(*out.catch_up))
    in.wrong("catch_up", "must be skip, fire_one_missed or fire_all_missed");
  out.is_enabled = in.flag("is_enabled");
  out.source_hash = in.text("source_hash", 0, 128);
  out.description = in.text("description", 0, 2000);
  out.overlap = in.word("overlap", kOverlaps);
  out.starts_at = in.time("starts_at");
  out.ends_at = in.time("ends_at");
  out.catch_up_limit = in.number("catch_up_limit", 1, kMostCatchUp);
  out.catch_up_deadline_seconds = in.number("catch_up_deadline_seconds", 1, kLongestSeconds);
  out.jitter_seconds = in.number("jitter_seconds", 0, 86'400);
  out.max_failures = in.number("max_failures", 0, 1'000);
  return out;
}

void set(std::optional<std::string>& member, const std::optional<std::string>& given) {
  if (!given) return;
  if (given->empty())
    member.reset();
  else
    member = *given;
}

template <class T, class U>
void set(T& member, const std::optional<U>& given) {
  if (given) member = *given;
}

}  // namespace

base::Result<SchedulePatch> read_schedule_patch(const json::Object& from) {
  Members in(from);
  SchedulePatch out = read_members(in);
  if (in.error()) return *in.error();
  return out;
}

base::Result<ScheduleDraft> read_schedule_draft(const json::Object& from,
                                                std::string_view usual_source) {
  Members in(from);
  for (const std::string_view key : {"name", "engine", "kind", "expression", "task_name"})
    in.required(key);
  ScheduleDraft out;
  out.name = in.text("name", 1, 200).value_or("");
  if (trimmed(out.name).empty()) in.wrong("name", "must not be blank");
  out.scheduler = in.text("scheduler", 1, 40);
  out.source = in.text("source", 1, 64).value_or(std::string(usual_source));
  out.members = read_members(in);
  if (in.error()) return *in.error();
  return out;
}

void apply(const SchedulePatch& patch, Schedule& s) {
  set(s.engine, patch.engine);
  set(s.kind, patch.kind);
  set(s.expression, patch.expression);
  set(s.task_name, patch.task_name);
  set(s.timezone, patch.timezone);
  set(s.queue, patch.queue);
  set(s.priority, patch.priority);
  set(s.catch_up, patch.catch_up);
  set(s.source_hash, patch.source_hash);
  set(s.description, patch.description);
  set(s.overlap, patch.overlap);
  set(s.args, patch.args);
  set(s.kwargs, patch.kwargs);
  set(s.is_enabled, patch.is_enabled);
  set(s.options, patch.options);
  set(s.starts_at, patch.starts_at);
  set(s.ends_at, patch.ends_at);
  set(s.catch_up_limit, patch.catch_up_limit);
  set(s.catch_up_deadline_seconds, patch.catch_up_deadline_seconds);
  set(s.jitter_seconds, patch.jitter_seconds);
  set(s.max_failures, patch.max_failures);
}

json::Object draft_json(const Schedule& s) {
  const auto text = [](const std::optional<std::string>& value) {
    return value ? json::Value(*value) : json::Value(nullptr);
  };
  const auto number = [](const std::optional<std::int64_t>& value) {
    return value ? json::Value(*value) : json::Value(nullptr);
  };
  const auto time = [](const std::optional<base::TimeUs>& at) {
    return at ? json::Value(base::format_time(*at)) : json::Value(nullptr);
  };
  return {{"name", s.name},
          {"scheduler", s.scheduler},
          {"engine", s.engine},
          {"kind", s.kind},
          {"expression", s.expression},
          {"task_name", s.task_name},
          {"timezone", s.timezone},
          {"queue", text(s.queue)},
          {"priority", s.priority},
          {"args", s.args},
          {"kwargs", s.kwargs},
          {"is_enabled", s.is_enabled},
          {"catch_up", s.catch_up},
          {"source", s.source},
          {"source_hash", text(s.source_hash)},
          {"description", text(s.description)},
          {"options", s.options},
          {"starts_at", time(s.starts_at)},
          {"ends_at", time(s.ends_at)},
          {"catch_up_limit", number(s.catch_up_limit)},
          {"catch_up_deadline_seconds", number(s.catch_up_deadline_seconds)},
          {"jitter_seconds", number(s.jitter_seconds)},
          {"overlap", text(s.overlap)},
          {"max_failures", number(s.max_failures)}};
}

}  // namespace z4j::core
