#include "wire/external_schedule.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "wire/text.hpp"
#include "wire/time.hpp"

namespace z4j::wire {
namespace {

namespace json = base::json;

constexpr std::string_view kOwnScheduler = "z4j-scheduler";
constexpr std::int64_t kProjectionVersion = 1;

base::Error bad_row(std::string_view where, std::string message) {
  return base::Error{.code = base::Code::invalid,
                     .message = std::move(message),
                     .where = std::string(where),
                     .hint = {}};
}

bool is_given(const json::Value* value) {
  return value != nullptr && !value->is_null() &&
         !(value->is_string() && value->get_string().empty());
}

// As Python's str() of the types that sources use for keys and texts.
std::string as_text(const json::Value& value) {
  if (value.is_string()) return std::string(text_of(value));
  if (value.is_bool()) return value.get_bool() ? "True" : "False";
  return json::write(value);
}

std::string text_or(const json::Object& row, std::string_view key, std::string_view fallback) {
  const json::Value* value = row.if_contains(key);
  return is_given(value) ? as_text(*value) : std::string(fallback);
}

json::Value nullable_text(const json::Object& row, std::string_view key) {
  const json::Value* value = row.if_contains(key);
  if (value == nullptr || value->is_null()) return nullptr;
  return json::Value(as_text(*value));
}

bool is_finite(const json::Value& value) {
  if (const auto* array = value.if_array())
    return std::all_of(array->begin(), array->end(), is_finite);
  if (const auto* object = value.if_object()) {
    return std::all_of(object->begin(), object->end(),
                       [](const auto& member) { return is_finite(member.value()); });
  }
  return !value.is_double() || std::isfinite(value.get_double());
}

std::string source_key(const json::Object& row) {
  for (const std::string_view key : {"source_key", "external_source_key", "external_id", "name"}) {
    const json::Value* value = row.if_contains(key);
    if (is_given(value)) return std::string(trimmed(as_text(*value)));
  }
  return {};
}

// Fills `out` with a time in the protocol's form; false when it cannot.
bool fill_time(const json::Object& row, std::string_view key, json::Object& out) {
  const json::Value* value = row.if_contains(key);
  if (!is_given(value)) {
    out[key] = nullptr;
    return true;
  }
  const auto time = read_time(text_of(*value));
  if (!time || !time->has_offset) return false;
  out[key] = base::format_time(time->at, base::TimeForm::audit);
  return true;
}

// What a body and its frames have in common.
json::Object head_of(const ScheduleStream& stream, std::int64_t sequence) {
  return {{"protocol_version", kProjectionVersion},
          {"stream_id", stream.stream_id},
          {"epoch_uuid", stream.epoch_uuid},
          {"epoch_number", stream.epoch_number},
          {"sequence", sequence},
          {"owner", stream.owner},
          {"source_scope", source_scope(stream.owner)},
          {"adapter_instance_id", stream.adapter_instance_id},
          {"stable_source", true}};
}

json::Object frame_of(const ScheduleStream& stream, std::int64_t sequence,
                      std::string_view snapshot_id, std::string_view digest, std::size_t all_rows) {
  json::Object frame = head_of(stream, sequence);
  frame["snapshot_id"] = snapshot_id;
  frame["row_count"] = static_cast<std::int64_t>(all_rows);
  frame["snapshot_digest"] = digest;
  return frame;
}

json::Object event_data(json::Object frame, std::string_view kind, std::size_t index,
                        std::size_t count, json::Array rows, std::string_view reason) {
  frame["frame_kind"] = kind;
  frame["frame_index"] = static_cast<std::int64_t>(index);
  frame["frame_count"] = static_cast<std::int64_t>(count);
  frame["schedules"] = std::move(rows);
  std::string digest = schedule_digest(frame);
  return {{"external_snapshot_frame", std::move(frame)},
          {"frame_digest", std::move(digest)},
          {"reason", reason}};
}

// "" when the frame belongs to the stream, else the member that differs.
std::string_view foreign_member(const json::Object& frame, const ScheduleStream& stream) {
  if (json::integer(frame, "protocol_version") != kProjectionVersion) return "protocol_version";
  if (json::text(frame, "owner") != stream.owner) return "owner";
  if (json::text(frame, "source_scope") != source_scope(stream.owner)) return "source_scope";
  if (json::text(frame, "stream_id") != stream.stream_id) return "stream_id";
  if (json::text(frame, "epoch_uuid") != stream.epoch_uuid) return "epoch_uuid";
  if (json::integer(frame, "epoch_number") != stream.epoch_number) return "epoch_number";
  if (json::text(frame, "adapter_instance_id") != stream.adapter_instance_id)
    return "adapter_instance_id";
  return {};
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Rows sorted by key, each once.
bool is_in_order(const json::Array& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].is_object()) return false;
    if (i > 0 && json::text(rows[i - 1].get_object(), "source_key") >=
                     json::text(rows[i].get_object(), "source_key"))
      return false;
  }
  return true;
}

}  // namespace

std::string source_scope(std::string_view owner) {
  return json::write_canonical(
      json::Object{{"kind", "scheduler-owner"}, {"owner", owner}, {"version", 1}});
}

std::string schedule_digest(const json::Value& value) {
  return base::hex(base::sha256(json::write_canonical(value)));
}

base::Result<json::Object> normal_row(const json::Object& row, std::string_view owner) {
  if (owner.empty() || owner == kOwnScheduler)
    return bad_row("scheduler", "schedules of this owner are not watched from outside");
  if (const json::Value* scheduler = row.if_contains("scheduler");
      is_given(scheduler) && text_of(*scheduler) != owner)
    return bad_row("scheduler", "the schedule names another scheduler");
  json::Object out;
  out["source_key"] = source_key(row);
  out["engine"] = text_or(row, "engine", owner.substr(0, owner.find('-')));
  out["scheduler"] = owner;
  for (const std::string_view key : {"name", "task_name"}) {
    const std::string text = text_or(row, key, {});
    if (trimmed(text).empty()) return bad_row(key, "the schedule has no " + std::string(key));
    out[key] = trimmed(text);
  }
  if (json::text(out, "source_key").empty())
    return bad_row("source_key", "the schedule has no source_key");
  out["kind"] = text_or(row, "kind", "interval");
  out["expression"] = text_or(row, "expression", "");
  out["timezone"] = text_or(row, "timezone", "UTC");
  out["queue"] = nullable_text(row, "queue");
  out["priority"] = text_or(row, "priority", "normal");
  const json::Value* args = row.if_contains("args");
  const json::Value* kwargs = row.if_contains("kwargs");
  const bool has_args = args != nullptr && !args->is_null();
  const bool has_kwargs = kwargs != nullptr && !kwargs->is_null();
  if (has_args && (!args->is_array() || !is_finite(*args)))
    return bad_row("args", "args must be a list of finite values");
  if (has_kwargs && (!kwargs->is_object() || !is_finite(*kwargs)))
    return bad_row("kwargs", "kwargs must be an object of finite values");
  out["args"] = has_args ? *args : json::Value(json::Array());
  out["kwargs"] = has_kwargs ? *kwargs : json::Value(json::Object());
  out["is_enabled"] = json::boolean(row, "is_enabled", true);
  for (const std::string_view key : {"last_run_at", "next_run_at"}) {
    if (!fill_time(row, key, out))
      return bad_row(key, std::string(key) + " must be an ISO 8601 time with an offset");
  }
  const std::int64_t runs = json::integer(row, "total_runs");
  if (runs < 0) return bad_row("total_runs", "total_runs must not be negative");
  out["total_runs"] = runs;
  out["external_id"] = nullable_text(row, "external_id");
  out["catch_up"] = text_or(row, "catch_up", "skip");
  out["source"] = text_or(row, "source", "agent");
  out["source_hash"] = nullable_text(row, "source_hash");
  return out;
}

base::Result<json::Array> normal_rows(const json::Array& rows, std::string_view owner) {
  std::map<std::string, json::Object> sorted;
  for (const json::Value& row : rows) {
    if (!row.is_object()) return bad_row("schedules", "a schedule must be an object");
    auto normal = normal_row(row.get_object(), owner);
    if (!normal) return std::move(normal).error();
    std::string key(json::text(*normal, "source_key"));
    if (!sorted.emplace(std::move(key), std::move(*normal)).second)
      return bad_row("source_key", "two schedules have one source_key");
  }
  json::Array out;
  for (auto& [key, row] : sorted) out.emplace_back(std::move(row));
  return out;
}

json::Object snapshot_body(const ScheduleStream& stream, std::int64_t sequence,
                           const json::Array& rows) {
  json::Object body = head_of(stream, sequence);
  body["kind"] = "snapshot";
  body["complete"] = true;
  body["operation_id"] = nullptr;
  body["schedules"] = rows;
  body["deleted_source_keys"] = json::Array();
  return body;
}

std::vector<json::Object> snapshot_events(const ScheduleStream& stream, std::int64_t sequence,
                                          std::string_view snapshot_id, const json::Array& rows,
                                          std::string_view reason, std::size_t max_bytes) {
  const std::string digest = schedule_digest(snapshot_body(stream, sequence, rows));
  std::vector<json::Array> parts;
  std::size_t bytes = 0;
  for (const json::Value& row : rows) {
    const std::size_t size = json::write(row).size() + 1;
    if (parts.empty() || bytes + size > max_bytes) {
      parts.emplace_back();
      bytes = 0;
    }
    parts.back().push_back(row);
    bytes += size;
  }
  const json::Object frame = frame_of(stream, sequence, snapshot_id, digest, rows.size());
  std::vector<json::Object> events;
  for (std::size_t i = 0; i < parts.size(); ++i)
    events.push_back(event_data(frame, "rows", i, parts.size(), std::move(parts[i]), reason));
  events.push_back(event_data(frame, "terminal", parts.size(), parts.size(), {}, reason));
  return events;
}

json::Object activation(const ScheduleStream& stream, std::string_view registry_owner_id,
                        std::int64_t session_generation) {
  return {{"scheduler", stream.owner},
          {"owner", stream.owner},
          {"source_scope", source_scope(stream.owner)},
          {"stream_id", stream.stream_id},
          {"epoch_uuid", stream.epoch_uuid},
          {"epoch_number", stream.epoch_number},
          {"adapter_instance_id", stream.adapter_instance_id},
          {"stable_source", true},
          {"registry_owner_id", registry_owner_id},
          {"session_generation", session_generation}};
}

base::Result<std::optional<SnapshotAssembly::Snapshot>> SnapshotAssembly::add(
    const json::Object& data) {
  const json::Object* frame = json::object(data, "external_snapshot_frame");
  if (frame == nullptr)
    return bad_row("external_snapshot_frame", "the event carries no snapshot frame");
  if (const std::string_view member = foreign_member(*frame, stream_); !member.empty())
    return bad_row(member,
                   "the frame is of another stream: its " + std::string(member) + " differs");
  const std::string id(json::text(*frame, "snapshot_id"));
  const auto refuse = [&](std::string_view where, std::string message) {
    if (const auto found = parts_.find(id); found != parts_.end()) {
      bytes_ -= found->second.bytes;
      parts_.erase(found);
    }
    return bad_row(where, std::move(message));
  };
  if (schedule_digest(*frame) != json::text(data, "frame_digest"))
    return refuse("frame_digest", "the frame's digest does not fit its content");
  const std::int64_t sequence = json::integer(*frame, "sequence");
  if (sequence < 1) return refuse("sequence", "the frame has no sequence");
  if (sequence <= accepted_) return std::optional<Snapshot>{};
  const std::int64_t index = json::integer(*frame, "frame_index", -1);
  const std::int64_t count = json::integer(*frame, "frame_count", -1);
  const std::int64_t row_count = json::integer(*frame, "row_count", -1);
  const std::string_view digest = json::text(*frame, "snapshot_digest");
  const std::string_view kind = json::text(*frame, "frame_kind");
  const json::Array* rows = json::array(*frame, "schedules");
  const bool is_terminal = kind == "terminal";
  if (id.empty() || id.size() > 64 || rows == nullptr || !is_digest(digest) ||
      (!is_terminal && kind != "rows"))
    return refuse("external_snapshot_frame", "the frame is not complete");
  if (count < 0 || count > static_cast<std::int64_t>(limits_.frames) || row_count < 0 ||
      row_count > static_cast<std::int64_t>(limits_.rows))
    return refuse("frame_count", "the snapshot is too large");
  if (is_terminal ? index != count || !rows->empty()
                  : index < 0 || index >= count || rows->empty() || !is_in_order(*rows))
    return refuse("frame_index", "the frame does not fit its place");

  if (parts_.count(id) == 0 && parts_.size() >= limits_.snapshots) {
    const auto oldest = std::min_element(
        parts_.begin(), parts_.end(),
        [](const auto& a, const auto& b) { return a.second.begun < b.second.begun; });
    bytes_ -= oldest->second.bytes;
    parts_.erase(oldest);
  }
  const auto [place, is_new] = parts_.try_emplace(id);
  Parts& parts = place->second;
  if (is_new) {
    parts.begun = ++begun_;
    parts.sequence = sequence;
    parts.frame_count = count;
    parts.row_count = row_count;
    parts.digest = digest;
  } else if (parts.sequence != sequence || parts.frame_count != count ||
             parts.row_count != row_count || parts.digest != digest) {
    return refuse("snapshot_id", "two frames of one snapshot contradict each other");
  }
  if (is_terminal) {
    parts.has_terminal = true;
  } else if (parts.rows.count(index) == 0) {
    const std::size_t size = json::write(*rows).size();
    if (bytes_ + size > limits_.bytes || parts.row_total + rows->size() > limits_.rows)
      return refuse("external_snapshot_frame", "the snapshot is too large");
    bytes_ += size;
    parts.bytes += size;
    parts.row_total += rows->size();
    parts.rows.emplace(index, *rows);
  }
  if (!parts.has_terminal || static_cast<std::int64_t>(parts.rows.size()) != parts.frame_count)
    return std::optional<Snapshot>{};

  json::Array all;
  for (auto& [at, some] : parts.rows) {
    for (json::Value& row : some) all.push_back(std::move(row));
  }
  auto normal = normal_rows(all, stream_.owner);
  if (!normal) return refuse(normal.error().where, normal.error().message);
  if (static_cast<std::int64_t>(normal->size()) != row_count ||
      schedule_digest(snapshot_body(stream_, sequence, *normal)) != digest)
    return refuse("snapshot_digest", "the snapshot's digest does not fit its rows");
  accepted_ = sequence;
  for (auto it = parts_.begin(); it != parts_.end();) {
    if (it->second.sequence > accepted_) {
      ++it;
      continue;
    }
    bytes_ -= it->second.bytes;
    it = parts_.erase(it);
  }
  return std::optional<Snapshot>(Snapshot{.sequence = sequence, .rows = std::move(*normal)});
}

}  // namespace z4j::wire
