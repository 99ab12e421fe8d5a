#include "core/snapshots_read.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr json::Limits kAnswerLimits{.max_bytes = std::size_t{8} << 20, .max_depth = 64};
constexpr std::size_t kNameCharacters = 200, kWordCharacters = 40, kHostCharacters = 255,
                      kCursorBytes = 1024;
constexpr std::size_t kWorkerQueues = 100, kRegistryWorkers = 100;
constexpr std::size_t kMetadataBytes = 64u << 10, kResultBytes = 256u << 10;
constexpr std::size_t kExceptionCharacters = 8192, kEvidenceCharacters = 500;
constexpr std::int64_t kLargestCount = std::int64_t{1} << 53;  // what a JSON number holds exactly
constexpr base::TimeUs kOldestBelieved = 400 * base::kDayUs;

base::Error bad_answer(std::string message) {
  return base::Error{.code = base::Code::invalid,
                     .message = std::move(message),
                     .where = {},
                     .hint = "this is a defect of the engine plugin; report it to its author"};
}

std::optional<double> finite_number(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  if (v == nullptr || !v->is_number()) return std::nullopt;
  const double n = v->to_number<double>();
  if (!std::isfinite(n)) return std::nullopt;
  return n;
}

std::optional<std::int64_t> count_member(const json::Object& o, std::string_view key) {
  const auto n = finite_number(o, key);
  if (!n || *n < 0) return std::nullopt;
  return static_cast<std::int64_t>(std::min(*n, static_cast<double>(kLargestCount)));
}

// Unix seconds; not in the future, not older than anything we keep.
std::optional<base::TimeUs> past_time(const json::Object& o, std::string_view key,
                                      base::TimeUs now) {
  const auto seconds = finite_number(o, key);
  if (!seconds || *seconds <= 0) return std::nullopt;
  const double us = *seconds * 1e6;
  if (us >= static_cast<double>(now)) return now;
  if (us < static_cast<double>(now - kOldestBelieved)) return std::nullopt;
  return static_cast<base::TimeUs>(us);
}

std::string text_member(const json::Object& o, std::string_view key, std::size_t characters) {
  return clean_text(json::text(o, key), characters);
}

// A name as a key: cut names would fall together, so what is too long is none.
std::string name_member(const json::Object& o, std::string_view key) {
  const std::string_view raw = json::text(o, key);
  if (raw.empty() || raw.size() > 4 * kNameCharacters) return {};
  std::string name = clean_text(raw, kNameCharacters + 1);
  return count_characters(name) > kNameCharacters ? std::string() : name;
}

template <class Out>
void append_names(const json::Object& o, std::string_view key, std::size_t most, Out&& out) {
  const json::Array* list = json::array(o, key);
  if (list == nullptr) return;
  for (const json::Value& v : *list) {
    if (most == 0) return;
    if (!v.is_string() || v.get_string().empty()) continue;
    out(clean_text(std::string_view(v.get_string()), kNameCharacters));
    --most;
  }
}

json::Value three_numbers(const json::Object& o, std::string_view key) {
  const json::Array* list = json::array(o, key);
  if (list == nullptr || list->size() != 3) return nullptr;
  json::Array out;
  for (const json::Value& v : *list) {
    if (!v.is_number()) return nullptr;
    const double n = v.to_number<double>();
    if (!std::isfinite(n) || n < 0) return nullptr;
    out.emplace_back(n);
  }
  return out;
}

// The members that fit, in the order the console needs them.
json::Value metadata_of(const json::Object& o, const Redact& redact) {
  const json::Object* given = json::object(o, "metadata");
  if (given == nullptr || !redact) return nullptr;
  json::Object out;
  std::size_t bytes = 0;
  for (const char* key : {"stats", "active_queues", "conf", "active", "registered"}) {
    const json::Value* member = given->if_contains(key);
    if (member == nullptr || (!member->is_object() && !member->is_array())) continue;
    json::Value redacted = redact(*member);
    const std::size_t size = json::write(redacted).size();
    if (bytes + size > kMetadataBytes) continue;
    bytes += size;
    out[key] = std::move(redacted);
  }
  return out;
}

// Without what stands before "@": user and password have no business here.
std::string address_hint(const json::Object& o) {
  std::string_view hint = json::text(o, "broker_url_hint");
  if (const std::size_t at = hint.rfind('@'); at != std::string_view::npos) {
    const std::size_t scheme = hint.find("://");
    const std::string front(scheme < at ? hint.substr(0, scheme + 3) : std::string_view());
    return clean_text(front + std::string(hint.substr(at + 1)), kHostCharacters);
  }
  return clean_text(hint, kHostCharacters);
}

template <class T, class F>
base::Result<SnapshotPage<T>> read_answer(std::string_view answer, F&& read_item) {
  auto parsed = json::parse(answer, kAnswerLimits);
  if (!parsed) return bad_answer("snapshot answer is not JSON: " + parsed.error().message);
  const json::Object* o = parsed->if_object();
  const json::Array* items = o != nullptr ? json::array(*o, "items") : nullptr;
  if (items == nullptr) return bad_answer("snapshot answer has no list \"items\"");
  if (items->size() > kSnapshotPageItems) {
    return bad_answer("snapshot page has " + std::to_string(items->size()) + " items, at most " +
                      std::to_string(kSnapshotPageItems) + " were asked for");
  }
  SnapshotPage<T> page;
  page.items.reserve(items->size());
  for (const json::Value& item : *items) {
    T read;
    if (item.is_object() && read_item(item.get_object(), read))
      page.items.push_back(std::move(read));
    else
      ++page.bad;
  }
  page.next = json::text(*o, "next");
  if (page.next.size() > kCursorBytes) return bad_answer("snapshot cursor is longer than 1 KiB");
  return page;
}

}  // namespace

base::Result<SnapshotPage<WorkerReport>> read_workers(std::string_view answer, base::TimeUs now,
                                                      const Redact& redact) {
  return read_answer<WorkerReport>(answer, [&](const json::Object& o, WorkerReport& w) {
    w.name = name_member(o, "name");
    if (w.name.empty()) return false;
    w.hostname = text_member(o, "hostname", kHostCharacters);
    w.state = json::text(o, "state");
    static constexpr std::array<std::string_view, 4> kStates{"online", "offline", "draining",
                                                             "unknown"};
    if (std::find(kStates.begin(), kStates.end(), w.state) == kStates.end()) w.state = "unknown";
    w.pid = count_member(o, "pid");
    w.concurrency = count_member(o, "concurrency");
    w.memory_bytes = count_member(o, "memory_bytes");
    append_names(o, "queues", kWorkerQueues,
                 [&](std::string name) { w.queues.emplace_back(std::move(name)); });
    w.last_heartbeat = past_time(o, "last_heartbeat", now);
    w.load_average = three_numbers(o, "load_average");
    w.active_tasks = count_member(o, "active_tasks").value_or(0);
    w.metadata = metadata_of(o, redact);
    return true;
  });
}

base::Result<SnapshotPage<QueueReport>> read_queues(std::string_view answer, base::TimeUs now) {
  return read_answer<QueueReport>(answer, [&](const json::Object& o, QueueReport& q) {
    q.name = name_member(o, "name");
    if (q.name.empty()) return false;
    q.broker_type = text_member(o, "broker_type", kWordCharacters);
    q.broker_url_hint = address_hint(o);
    q.pending = count_member(o, "pending");
    q.unacked = count_member(o, "unacked");
    q.scheduled = count_member(o, "scheduled");
    q.consumers = count_member(o, "consumers");
    if (const auto age = finite_number(o, "oldest_age_s"); age && *age >= 0) {
      const double us = std::min(*age * 1e6, static_cast<double>(kOldestBelieved));
      q.oldest_at = now - static_cast<base::TimeUs>(us);
    }
    if (const json::Value* paused = o.if_contains("paused"); paused != nullptr && paused->is_bool())
      q.paused = paused->get_bool();
    return true;
  });
}

base::Result<SnapshotPage<RegistryReport>> read_registry(std::string_view answer) {
  return read_answer<RegistryReport>(answer, [](const json::Object& o, RegistryReport& r) {
    r.name = name_member(o, "name");
    append_names(o, "workers", kRegistryWorkers,
                 [&](std::string name) { r.workers.push_back(std::move(name)); });
    return !r.name.empty();
  });
}

base::Result<SnapshotPage<TaskReport>> read_task_states(std::string_view answer, base::TimeUs now) {
  return read_answer<TaskReport>(answer, [now](const json::Object& o, TaskReport& t) {
    t.task_id = json::text(o, "task_id");  // compared with what was asked, never stored
    t.state = text_member(o, "state", kWordCharacters);
    t.finished_at = past_time(o, "finished_at", now);
    if (const json::Value* result = o.if_contains("result");
        result != nullptr && !result->is_null()) {
      t.has_result = true;
      t.result = *result;
      if (json::write(t.result).size() > kResultBytes) t.result = "[result is longer than 256 KiB]";
    }
    t.exception = text_member(o, "exception", kExceptionCharacters);
    t.evidence = text_member(o, "evidence", kEvidenceCharacters);
    return !t.task_id.empty();
  });
}

}  // namespace z4j::core
