#include "wire/event.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "base/uuid.hpp"
#include "wire/text.hpp"
#include "wire/time.hpp"

namespace z4j::wire {
namespace {

namespace json = base::json;

struct NamedKind {
  std::string_view name;
  std::uint16_t kind;
};
constexpr std::array<NamedKind, 12> kKinds = {{{"task.sent", Z4J_EV_SENT},
                                               {"task.received", Z4J_EV_RECEIVED},
                                               {"task.started", Z4J_EV_STARTED},
                                               {"task.succeeded", Z4J_EV_SUCCEEDED},
                                               {"task.failed", Z4J_EV_FAILED},
                                               {"task.retried", Z4J_EV_RETRIED},
                                               {"task.revoked", Z4J_EV_REVOKED},
                                               {"task.rejected", Z4J_EV_REJECTED},
                                               {"task.progress", Z4J_EV_PROGRESS},
                                               {"worker.online", Z4J_EV_WORKER_UP},
                                               {"worker.heartbeat", Z4J_EV_WORKER_BEAT},
                                               {"worker.offline", Z4J_EV_WORKER_DOWN}}};
constexpr std::string_view kUnknownKind = "unknown";
constexpr std::string_view kReportedKind = "reported_kind";
constexpr std::string_view kTracebackHead = "Traceback (most recent call last)";
constexpr std::size_t kKindBytes = 64;

// Agents send v4; ids of other kinds are not told apart from nonsense.
std::optional<base::Uuid> given_id(const json::Object& event) {
  const auto id = base::Uuid::parse(json::text(event, "id"));
  if (!id || (id->version() != 4 && id->version() != 7)) return std::nullopt;
  return id;
}

// Whole and broken numbers, and texts that are numbers.
std::optional<double> lax_number(const json::Value& value) {
  if (value.is_int64()) return static_cast<double>(value.get_int64());
  if (value.is_uint64()) return static_cast<double>(value.get_uint64());
  if (value.is_double()) return value.get_double();
  if (value.is_string() && value.get_string().size() <= 32) {
    auto parsed = json::parse(text_of(value), {.max_bytes = 32, .max_depth = 1});
    if (parsed && parsed->is_number()) return lax_number(*parsed);
  }
  return std::nullopt;
}

std::optional<std::int64_t> runtime_us(const json::Value& ms) {
  const auto number = lax_number(ms);
  if (!number || !(*number >= 0) || !(*number < 9e12)) return std::nullopt;
  return std::llround(*number * 1000);
}

void append_member(std::string& attrs, std::string_view key, std::string_view value_json) {
  attrs += attrs.empty() ? '{' : ',';
  attrs += json::write(json::Value(key));
  attrs += ':';
  attrs += value_json;
}

// Celery's monitor makes a name up for a task of which it has not seen the first event.
bool is_task_name(std::string_view task_name) {
  return task_name != "unknown" && !task_name.starts_with("<unknown:");
}

std::string last_line(std::string_view text) {
  text = trimmed(text);
  const std::size_t newline = text.find_last_of('\n');
  return std::string(trimmed(newline == std::string_view::npos ? text : text.substr(newline)));
}

// Takes `data` apart: what has a column, and the rest. Null is the same as absent.
class DataReader {
 public:
  DataReader(BatchBuilder& rows, std::uint16_t kind) : rows_(rows), kind_(kind) {}

  void read(const json::Object& data) {
    has_traceback_ = !json::text(data, "traceback").empty();
    for (const auto& member : data) {
      const std::string_view key(member.key().data(), member.key().size());
      if (!member.value().is_null() && !is_column(key, member.value()))
        attribute(key, member.value());
    }
  }
  void reported_kind(std::string_view name) {
    append_member(attrs_, kReportedKind, json::write(json::Value(cut_utf8(name, kKindBytes))));
  }
  [[nodiscard]] std::string attrs() && {
    return attrs_.empty() ? std::string() : std::move(attrs_) + '}';
  }

 private:
  bool is_column(std::string_view key, const json::Value& value) {
    if (value.is_string()) {
      const std::string_view text = text_of(value);
      if (key == "task_name")
        return rows_.task(is_task_name(text) ? text : std::string_view()), true;
      if (key == "queue") return rows_.queue(text), true;
      if (key == "worker") return rows_.worker(text), true;
      if (key == "parent_task_id") return rows_.parent_id(text), true;
      if (key == "root_task_id") return rows_.root_id(text), true;
    }
    if (key == "runtime_ms" && (kind_ == Z4J_EV_SUCCEEDED || kind_ == Z4J_EV_FAILED)) {
      if (const auto us = runtime_us(value)) return rows_.runtime_us(*us), true;
    }
    if (key == "attempt" && value.is_int64() && value.get_int64() >= 1 &&
        value.get_int64() <= std::int64_t{1'000'000})
      return rows_.attempt(static_cast<std::uint32_t>(value.get_int64())), true;
    return false;
  }

  void attribute(std::string_view key, const json::Value& value) {
    // RQ tells the whole traceback as the exception.
    if (key == "exception" && !has_traceback_ && value.is_string() &&
        trimmed(text_of(value)).starts_with(kTracebackHead)) {
      append_member(attrs_, "exception", json::write(json::Value(last_line(text_of(value)))));
      append_member(attrs_, "traceback", json::write(value));
      return;
    }
    append_member(attrs_, key, json::write(value));
  }

  BatchBuilder& rows_;
  std::uint16_t kind_;
  bool has_traceback_ = false;
  std::string attrs_;  // without its last brace
};

std::string_view row_text(const z4j_strcol& column, std::uint32_t row) {
  const std::uint32_t from = column.offsets[row], to = column.offsets[row + 1];
  return from == to ? std::string_view() : std::string_view(column.data + from, to - from);
}

std::string_view row_text(const z4j_dictcol& column, std::uint32_t row) {
  return row_text(column.dict, column.index[row]);
}

// A v4 or v7 id stays; any other 16 bytes become a v4 id of their own.
base::Uuid wire_id(const std::uint8_t* bytes) {
  base::Uuid id;
  std::memcpy(id.bytes.data(), bytes, id.bytes.size());
  if (id.is_nil()) return base::Uuid::random();
  if (id.version() == 4 || id.version() == 7) return id;
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | 0x40);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3F) | 0x80);
  return id;
}

}  // namespace

std::string_view event_kind_name(std::uint16_t kind) noexcept {
  const auto found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& k) { return k.kind == kind; });
  return found != kKinds.end() ? found->name : kUnknownKind;
}

std::uint16_t event_kind(std::string_view name) noexcept {
  const auto found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& k) { return k.name == name; });
  return found != kKinds.end() ? found->kind : static_cast<std::uint16_t>(Z4J_EV_UNKNOWN);
}

bool EventRows::add(const json::Value& value, base::TimeUs now) {
  const json::Object* event = value.if_object();
  if (event == nullptr) return false;
  const std::string_view engine = trimmed(json::text(*event, "engine"));
  const std::string_view kind_text = trimmed(json::text(*event, "kind"));
  if (engine.empty() || kind_text.empty()) return false;
  const auto at = read_time(json::text(*event, "occurred_at"));
  const std::uint16_t kind = event_kind(kind_text);
  rows_.begin_row(at ? at->at : now, kind);
  rows_.engine(engine);
  rows_.task_id(trimmed(json::text(*event, "task_id")));
  if (const auto id = given_id(*event)) {
    std::uint8_t bytes[16];
    std::copy(id->bytes.begin(), id->bytes.end(), bytes);
    rows_.event_id(bytes);
  }
  DataReader reader(rows_, kind);
  if (const json::Object* data = json::object(*event, "data")) reader.read(*data);
  if (kind == Z4J_EV_UNKNOWN && kind_text != kUnknownKind) reader.reported_kind(kind_text);
  rows_.attrs_json(std::move(reader).attrs());
  return true;
}

json::Object wire_event(const z4j_event_batch& batch, std::uint32_t row) {
  json::Object data;
  const auto tell = [&data](std::string_view key, std::string_view text) {
    if (!text.empty()) data[key] = text;
  };
  tell("task_name", row_text(batch.task, row));
  tell("queue", row_text(batch.queue, row));
  tell("worker", row_text(batch.worker, row));
  tell("parent_task_id", row_text(batch.parent_id, row));
  tell("root_task_id", row_text(batch.root_id, row));
  if (const std::int64_t us = batch.runtime_us[row]; us >= 0) {
    data["runtime_ms"] =
        us % 1000 == 0 ? json::Value(us / 1000) : json::Value(static_cast<double>(us) / 1000);
  }
  if (batch.attempt[row] != 0) data["attempt"] = batch.attempt[row];
  std::string_view kind = event_kind_name(batch.kind[row]);
  auto attrs = json::parse(row_text(batch.attrs_json, row), {.max_depth = 512});
  std::string reported;
  if (attrs && attrs->is_object()) {
    for (auto& member : attrs->get_object()) {
      if (member.key() == kReportedKind && kind == kUnknownKind && member.value().is_string()) {
        reported = text_of(member.value());
        kind = reported;
      } else if (!data.contains(member.key())) {
        data.emplace(member.key(), std::move(member.value()));
      }
    }
  }
  return {{"id", wire_id(batch.event_id + std::size_t{row} * 16).text()},
          {"kind", kind},
          {"engine", row_text(batch.engine, row)},
          {"task_id", row_text(batch.task_id, row)},
          {"occurred_at", base::format_time(batch.time_us[row], base::TimeForm::audit)},
          {"data", std::move(data)}};
}

bool is_schedule_event(const json::Object& event) noexcept {
  return json::text(event, "kind").starts_with("schedule.");
}

}  // namespace z4j::wire
