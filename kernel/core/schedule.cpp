#include "core/schedule.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace col = model::schedules;
namespace fire_col = model::schedule_fires;
namespace json = base::json;

constexpr std::array<std::string_view, 6> kStates{"waiting", "sent",   "written",
                                                  "applied", "failed", "unknown"};
constexpr std::array<std::string_view, 4> kKinds{"cron", "interval", "clocked", "solar"};
constexpr std::array<std::string_view, 3> kCatchUps{"skip", "fire_one_missed", "fire_all_missed"};
constexpr std::array<std::string_view, 4> kPriorityWords{"critical", "high", "normal", "low"};
constexpr std::array<std::string_view, 4> kCapabilities{"update", "delete", "enable", "trigger"};
constexpr std::size_t kMostJson = std::size_t{64} << 10;
constexpr double kLatestSeconds = 253402300799.0;  // of the year 9999

template <std::size_t N>
bool is_among(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::optional<std::string> text_or_none(const Row& row, std::uint16_t column) {
  if (row.is_null(column)) return std::nullopt;
  return std::string(row.text(column));
}

template <class T>
json::Value value_of(const std::optional<T>& value) {
  return value ? json::Value(*value) : json::Value(nullptr);
}

// Times cross to plugins as Unix seconds.
json::Value seconds_of(const std::optional<base::TimeUs>& at) {
  if (!at) return nullptr;
  if (*at % base::kSecondUs == 0) return *at / base::kSecondUs;
  return static_cast<double>(*at) / static_cast<double>(base::kSecondUs);
}

json::Value time_text(const std::optional<base::TimeUs>& at) {
  return at ? json::Value(base::format_time(*at)) : json::Value(nullptr);
}

std::string_view view_of(const json::Value& value) {
  const json::String* text = value.if_string();
  return text != nullptr ? std::string_view(text->data(), text->size()) : std::string_view();
}

// Reads members of an item that a plugin listed; remembers the first that is wrong.
class ItemReader {
 public:
  explicit ItemReader(const json::Object& item) : item_(item) {}

  void text(std::string_view key, std::string& out, std::size_t most, bool is_required) {
    const json::Value* value = item_.if_contains(key);
    if (value == nullptr) {
      if (is_required && out.empty()) wrong(key);
      return;
    }
    const std::string_view given = view_of(*value);
    if (!value->is_string() || (is_required && given.empty())) return wrong(key);
    if (!is_utf8(given) || count_characters(given) > most) return wrong(key);
    out = clean_text(given, most);
  }
  void text(std::string_view key, std::optional<std::string>& out, std::size_t most) {
    const json::Value* value = item_.if_contains(key);
    if (value == nullptr) return;
    if (value->is_null()) return out.reset();
    if (!value->is_string()) return wrong(key);
    out = clean_text(view_of(*value), most);
  }
  void flag(std::string_view key, bool& out) {
    const json::Value* value = item_.if_contains(key);
    if (value == nullptr) return;
    if (!value->is_bool()) return wrong(key);
    out = value->get_bool();
  }
  void time(std::string_view key, std::optional<base::TimeUs>& out) {
    const json::Value* value = item_.if_contains(key);
    if (value == nullptr) return;
    if (value->is_null()) return out.reset();
    if (!value->is_number()) return wrong(key);
    const double seconds = value->to_number<double>();
    if (!(seconds >= 0) || !(seconds <= kLatestSeconds)) return wrong(key);
    out = std::llround(seconds * static_cast<double>(base::kSecondUs));
  }
  void count(std::string_view key, std::int64_t& out) {
    const json::Value* value = item_.if_contains(key);
    if (value == nullptr || value->is_null()) return;
    if (!value->is_int64() || value->get_int64() < 0) return wrong(key);
    out = value->get_int64();
  }
  void array(std::string_view key, json::Array& out) {
    const json::Value* value = item_.if_contains(key);
    if (value == nullptr) return;
    if (!value->is_array() || json::write(*value).size() > kMostJson) return wrong(key);
    out = value->get_array();
  }
  void object(std::string_view key, json::Object& out) {
    const json::Value* value = item_.if_contains(key);
    if (value == nullptr) return;
    if (!value->is_object() || json::write(*value).size() > kMostJson) return wrong(key);
    out = value->get_object();
  }
  void wrong(std::string_view key) {
    if (wrong_.empty()) wrong_ = key;
  }
  [[nodiscard]] base::Status status() const {
    if (wrong_.empty()) return {};
    return refuse::invalid(wrong_, "a schedule's " + wrong_ + " is missing or can't be believed");
  }

 private:
  const json::Object& item_;
  std::string wrong_;
};

void put_words(Rows& rows, std::uint16_t column, const std::optional<std::string>& text) {
  if (text)
    rows.text(column, *text);
  else
    rows.null(column);
}

void put_number(Rows& rows, std::uint16_t column, const std::optional<std::int64_t>& number) {
  if (number)
    rows.num(column, *number);
  else
    rows.null(column);
}

void put_id(Rows& rows, std::uint16_t column, const std::optional<base::Uuid>& id) {
  if (id)
    rows.uuid(column, *id);
  else
    rows.null(column);
}

void put_json(Rows& rows, std::uint16_t column, const json::Value& value) {
  if (value.is_null())
    rows.null(column);
  else
    rows.text(column, json::write(value));
}

json::Array array_or_empty(const json::Value& stored) {
  return stored.is_array() ? stored.get_array() : json::Array();
}

}  // namespace

std::string_view to_string(ScheduleEdit::State state) noexcept {
  return kStates[static_cast<std::size_t>(state)];
}

json::Object to_json(const ScheduleEdit& edit) {
  json::Object out{{"id", edit.id.text()},
                   {"change", edit.change},
                   {"state", to_string(edit.state)},
                   {"since", base::format_time(edit.since)},
                   {"by", edit.by ? json::Value(edit.by->text()) : json::Value(nullptr)},
                   {"values", edit.values},
                   {"why", json::text_or_null(edit.why)},
                   {"code", json::text_or_null(edit.code)},
                   {"applied_at", time_text(edit.applied_at)}};
  if (!edit.answer.is_null()) out["answer"] = edit.answer;
  return out;
}

std::optional<ScheduleEdit> edit_of(const json::Value& stored) {
  if (!stored.is_object()) return std::nullopt;
  const json::Object& from = stored.get_object();
  const auto id = base::Uuid::parse(json::text(from, "id"));
  const auto state = std::find(kStates.begin(), kStates.end(), json::text(from, "state"));
  const auto since = base::parse_time(json::text(from, "since"));
  if (!id || state == kStates.end() || !since) return std::nullopt;
  ScheduleEdit edit;
  edit.id = *id;
  edit.change = json::text(from, "change");
  edit.state = static_cast<ScheduleEdit::State>(state - kStates.begin());
  edit.since = *since;
  edit.by = base::Uuid::parse(json::text(from, "by"));
  if (const json::Object* values = json::object(from, "values")) edit.values = *values;
  edit.why = json::text(from, "why");
  edit.code = json::text(from, "code");
  if (const json::Value* answer = from.if_contains("answer")) edit.answer = *answer;
  if (const auto at = base::parse_time(json::text(from, "applied_at"))) edit.applied_at = *at;
  return edit;
}

bool Schedule::can(std::string_view capability) const {
  return std::any_of(capabilities.begin(), capabilities.end(),
                     [&](const json::Value& each) { return view_of(each) == capability; });
}

Schedule schedule_of(const Row& row) {
  Schedule s;
  s.id = row.uuid(col::id);
  s.project_id = row.uuid(col::project_id);
  s.scheduler = row.text(col::scheduler);
  s.owner = row.text(col::owner);
  s.name = row.text(col::name);
  s.engine = row.text(col::engine);
  s.task_name = row.text(col::task_name);
  s.kind = row.text(col::kind);
  s.expression = row.text(col::expression);
  s.timezone = row.text(col::timezone);
  s.queue = text_or_none(row, col::queue);
  s.priority = row.text(col::priority);
  s.args = array_or_empty(row.json(col::args));
  if (json::Value kwargs = row.json(col::kwargs); kwargs.is_object())
    s.kwargs = std::move(kwargs.get_object());
  s.is_enabled = row.flag(col::is_enabled);
  s.catch_up = row.text(col::catch_up);
  s.source = row.text(col::source);
  s.source_hash = text_or_none(row, col::source_hash);
  s.external_id = text_or_none(row, col::external_id);
  s.last_run_at = row.num_or_none(col::last_run_at);
  s.next_run_at = row.num_or_none(col::next_run_at);
  s.total_runs = row.num(col::total_runs);
  s.last_fire_id = row.uuid_or_none(col::last_fire_id);
  s.created_at = row.num(col::created_at);
  s.updated_at = row.num(col::updated_at);
  s.revision = row.num(col::revision);
  s.is_planned = row.flag(col::is_planned);
  s.description = text_or_none(row, col::description);
  s.options = row.json(col::options);
  s.starts_at = row.num_or_none(col::starts_at);
  s.ends_at = row.num_or_none(col::ends_at);
  s.catch_up_limit = row.num_or_none(col::catch_up_limit);
  s.catch_up_deadline_seconds = row.num_or_none(col::catch_up_deadline_seconds);
  s.jitter_seconds = row.num_or_none(col::jitter_seconds);
  s.overlap = text_or_none(row, col::overlap);
  s.max_failures = row.num_or_none(col::max_failures);
  s.failures = row.num(col::failures);
  s.stopped_why = text_or_none(row, col::stopped_why);
  s.read_only = row.flag(col::read_only);
  s.read_only_reason = text_or_none(row, col::read_only_reason);
  s.capabilities = array_or_empty(row.json(col::capabilities));
  s.etag = row.text(col::etag);
  s.edit = edit_of(row.json(col::pending));
  s.drift = row.json(col::drift);
  s.agent_id = row.uuid_or_none(col::agent_id);
  s.seen_at = row.num_or_none(col::seen_at);
  return s;
}

void put_schedule(Rows& rows, const Schedule& s) {
  rows.begin()
      .uuid(col::id, s.id)
      .uuid(col::project_id, s.project_id)
      .text(col::scheduler, s.scheduler)
      .text(col::owner, s.owner)
      .text(col::name, s.name)
      .text(col::engine, s.engine)
      .text(col::task_name, s.task_name)
      .text(col::kind, s.kind)
      .text(col::expression, s.expression)
      .text(col::timezone, s.timezone)
      .text(col::priority, s.priority)
      .text(col::args, json::write(s.args))
      .text(col::kwargs, json::write(s.kwargs))
      .num(col::is_enabled, s.is_enabled ? 1 : 0)
      .text(col::catch_up, s.catch_up)
      .text(col::source, s.source)
      .num(col::total_runs, s.total_runs)
      .num(col::created_at, s.created_at)
      .num(col::updated_at, s.updated_at)
      .num(col::revision, s.revision)
      .num(col::is_planned, s.is_planned ? 1 : 0)
      .num(col::failures, s.failures)
      .num(col::read_only, s.read_only ? 1 : 0)
      .text_or_null(col::etag, s.etag);
  put_words(rows, col::queue, s.queue);
  put_words(rows, col::source_hash, s.source_hash);
  put_words(rows, col::external_id, s.external_id);
  put_number(rows, col::last_run_at, s.last_run_at);
  put_number(rows, col::next_run_at, s.next_run_at);
  put_id(rows, col::last_fire_id, s.last_fire_id);
  put_words(rows, col::description, s.description);
  put_json(rows, col::options, s.options);
  put_number(rows, col::starts_at, s.starts_at);
  put_number(rows, col::ends_at, s.ends_at);
  put_number(rows, col::catch_up_limit, s.catch_up_limit);
  put_number(rows, col::catch_up_deadline_seconds, s.catch_up_deadline_seconds);
  put_number(rows, col::jitter_seconds, s.jitter_seconds);
  put_words(rows, col::overlap, s.overlap);
  put_number(rows, col::max_failures, s.max_failures);
  put_words(rows, col::stopped_why, s.stopped_why);
  put_words(rows, col::read_only_reason, s.read_only_reason);
  put_json(rows, col::capabilities, s.capabilities);
  put_json(rows, col::pending, s.edit ? json::Value(to_json(*s.edit)) : json::Value(nullptr));
  put_json(rows, col::drift, s.drift);
  put_id(rows, col::agent_id, s.agent_id);
  put_number(rows, col::seen_at, s.seen_at);
}

json::Object schedule_json(const Schedule& s) {
  json::Object out{{"id", s.external_id ? *s.external_id : s.id.text()},
                   {"etag", s.etag},
                   {"name", s.name},
                   {"engine", s.engine},
                   {"task", s.task_name},
                   {"queue", value_of(s.queue)},
                   {"priority", s.priority},
                   {"args", s.args},
                   {"kwargs", s.kwargs},
                   {"kind", s.kind},
                   {"expression", s.expression},
                   {"timezone", s.timezone},
                   {"is_enabled", s.is_enabled},
                   {"last_run_at", seconds_of(s.last_run_at)},
                   {"next_run_at", seconds_of(s.next_run_at)},
                   {"total_runs", s.total_runs},
                   {"starts_at", seconds_of(s.starts_at)},
                   {"ends_at", seconds_of(s.ends_at)},
                   {"description", value_of(s.description)},
                   {"read_only", s.read_only},
                   {"read_only_reason", value_of(s.read_only_reason)},
                   {"capabilities", s.capabilities}};
  if (!s.options.is_null()) out["options"] = s.options;
  if (!s.is_of_store()) return out;
  out["schedule_id"] = s.id.text();
  out["project_id"] = s.project_id.text();
  out["catch_up"] = s.catch_up;
  out["catch_up_limit"] = value_of(s.catch_up_limit);
  out["catch_up_deadline_seconds"] = value_of(s.catch_up_deadline_seconds);
  out["jitter_seconds"] = value_of(s.jitter_seconds);
  out["overlap"] = s.overlap ? *s.overlap : std::string("allow");
  return out;
}

base::Status read_schedule(const json::Object& item, Schedule& s) {
  ItemReader in(item);
  std::string id = s.external_id.value_or("");
  in.text("id", id, 200, true);
  s.external_id = id;
  in.text("etag", s.etag, 200, false);
  in.text("name", s.name, 200, true);
  in.text("engine", s.engine, 40, true);
  in.text("task", s.task_name, 500, true);
  in.text("kind", s.kind, 20, true);
  in.text("expression", s.expression, 1024, true);
  in.text("timezone", s.timezone, 64, true);
  in.text("queue", s.queue, 200);
  std::optional<std::string> priority = s.priority;
  in.text("priority", priority, 20);
  s.priority = priority && is_among(kPriorityWords, *priority) ? *priority : "normal";
  in.text("description", s.description, 2000);
  in.array("args", s.args);
  in.object("kwargs", s.kwargs);
  in.flag("is_enabled", s.is_enabled);
  in.time("last_run_at", s.last_run_at);
  in.time("next_run_at", s.next_run_at);
  in.count("total_runs", s.total_runs);
  in.time("starts_at", s.starts_at);
  in.time("ends_at", s.ends_at);
  in.flag("read_only", s.read_only);
  in.text("read_only_reason", s.read_only_reason, 500);
  json::Array capabilities = s.capabilities;
  in.array("capabilities", capabilities);
  s.capabilities.clear();
  for (const std::string_view word : kCapabilities) {
    const auto has = [&](const json::Value& each) { return view_of(each) == word; };
    if (std::any_of(capabilities.begin(), capabilities.end(), has))
      s.capabilities.emplace_back(word);
  }
  if (const json::Value* options = item.if_contains("options")) {
    if (!options->is_null() && (!options->is_object() || json::write(*options).size() > kMostJson))
      in.wrong("options");
    s.options = *options;
  }
  if (!is_schedule_kind(s.kind)) in.wrong("kind");
  return in.status();
}

ScheduleFire fire_of(const Row& row) {
  ScheduleFire f;
  f.id = row.uuid(fire_col::id);
  f.schedule_id = row.uuid(fire_col::schedule_id);
  f.project_id = row.uuid(fire_col::project_id);
  f.command_id = row.uuid_or_none(fire_col::command_id);
  f.status = row.text(fire_col::status);
  f.reason = row.text(fire_col::reason);
  f.scheduled_for = row.num(fire_col::scheduled_for);
  f.fired_at = row.num(fire_col::fired_at);
  f.acked_at = row.num_or_none(fire_col::acked_at);
  f.latency_ms = row.num_or_none(fire_col::latency_ms);
  f.error_code = text_or_none(row, fire_col::error_code);
  f.error_message = text_or_none(row, fire_col::error_message);
  f.engine = row.text(fire_col::engine);
  f.task_id = text_or_none(row, fire_col::task_id);
  f.task_state = text_or_none(row, fire_col::task_state);
  f.created_by = row.uuid_or_none(fire_col::created_by);
  return f;
}

bool is_schedule_kind(std::string_view text) noexcept {
  return std::find(kKinds.begin(), kKinds.end(), text) != kKinds.end();
}

bool is_catch_up(std::string_view text) noexcept {
  return std::find(kCatchUps.begin(), kCatchUps.end(), text) != kCatchUps.end();
}

}  // namespace z4j::core
