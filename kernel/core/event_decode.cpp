#include "core/event_decode.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/fingerprint.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr base::TimeUs kOldest = 400 * base::kDayUs;
constexpr base::TimeUs kFarthestAhead = 60 * base::kSecondUs;
constexpr std::size_t kEventNameCharacters = 512, kEngineCharacters = 40;
constexpr std::size_t kReferenceCharacters = 200;
constexpr json::Limits kAttrsLimits = {.max_bytes = std::size_t{64} << 20, .max_depth = 512};
constexpr std::string_view kPriorities[] = {"critical", "high", "normal", "low"};

// c4d2c84e-2f0a-4b6c-9c5b-1d6f9a1e7c2a
constexpr base::Uuid kEventNamespace = {{0xc4, 0xd2, 0xc8, 0x4e, 0x2f, 0x0a, 0x4b, 0x6c, 0x9c, 0x5b,
                                         0x1d, 0x6f, 0x9a, 0x1e, 0x7c, 0x2a}};

std::string_view row_of(const z4j_strcol& column, std::uint32_t row) {
  const std::uint32_t from = column.offsets[row], to = column.offsets[row + 1];
  return from == to ? std::string_view() : std::string_view(column.data + from, to - from);
}

std::size_t bytes_of(const z4j_strcol& column, std::uint32_t rows) {
  return column.offsets[rows] - column.offsets[0];
}

bool is_clean(std::string_view text, std::size_t max_characters) {
  if (text.size() > max_characters)
    return false;  // bytes: a rare longer one is counted by clean_text()
  for (const char c : text) {
    if (static_cast<unsigned char>(c) - 1u < 0x7Fu) continue;
    return std::memchr(text.data(), '\0', text.size()) == nullptr && is_utf8(text);
  }
  return true;
}

// Copies texts into one block, handing out views.
class TextBlock {
 public:
  TextBlock(Parcel& parcel, std::size_t bytes) : parcel_(parcel) {
    parcel.text = std::make_unique_for_overwrite<char[]>(bytes);
    at_ = parcel.text.get();
  }
  std::string_view raw(std::string_view text) {
    if (text.empty()) return {};
    std::memcpy(at_, text.data(), text.size());
    const std::string_view copy(at_, text.size());
    at_ += text.size();
    return copy;
  }
  std::string_view name(std::string_view text, std::size_t max_characters = kEventNameCharacters) {
    if (is_clean(text, max_characters)) return raw(text);
    return parcel_.repaired.emplace_back(clean_text(text, max_characters));
  }
  std::vector<std::string_view> dictionary(const z4j_dictcol& column,
                                           std::size_t max_characters = kEventNameCharacters) {
    std::vector<std::string_view> entries(column.dict_rows);
    for (std::uint32_t i = 1; i < column.dict_rows; ++i)
      entries[i] = name(trimmed(row_of(column.dict, i)), max_characters);
    return entries;
  }

 private:
  Parcel& parcel_;
  char* at_;
};

void append_number(std::string& out, std::int64_t number) { out += std::to_string(number); }

std::string text_of(const json::Value& value) {
  if (value.is_null()) return {};
  if (const auto* text = value.if_string()) return std::string(text->data(), text->size());
  return json::write(value);
}

std::string json_of(const json::Value* value) {
  return value == nullptr || value->is_null() ? std::string() : json::write(*value);
}

// Whole numbers, and texts that are whole numbers; engines and agents are lax about it.
std::optional<std::int64_t> integer_of(const json::Value* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_int64()) return value->get_int64();
  if (value->is_double()) {
    const double d = value->get_double();
    if (std::isfinite(d) && std::fabs(d) < 9e18) return static_cast<std::int64_t>(d);
    return std::nullopt;
  }
  if (const auto* text = value->if_string()) {
    if (text->empty() || text->size() > 18) return std::nullopt;
    std::int64_t n = 0;
    for (std::size_t i = (*text)[0] == '-' ? 1 : 0; i < text->size(); ++i) {
      if ((*text)[i] < '0' || (*text)[i] > '9') return std::nullopt;
      n = n * 10 + ((*text)[i] - '0');
    }
    return (*text)[0] == '-' ? -n : n;
  }
  return std::nullopt;
}

std::optional<std::int64_t> count_of(const json::Value* value) {
  const auto n = integer_of(value);
  return n && *n >= 0 ? n : std::nullopt;
}

// Unix seconds, or ISO text.
std::optional<base::TimeUs> time_of(const json::Value* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_int64() || value->is_double() || value->is_uint64()) {
    const double seconds = value->is_int64()    ? static_cast<double>(value->get_int64())
                           : value->is_uint64() ? static_cast<double>(value->get_uint64())
                                                : value->get_double();
    if (!(std::fabs(seconds) < 2.5e11)) return std::nullopt;
    return static_cast<base::TimeUs>(std::llround(seconds * 1e6));
  }
  if (const auto* text = value->if_string()) {
    auto parsed = base::parse_time(std::string_view(text->data(), text->size()));
    if (parsed) return *parsed;
  }
  return std::nullopt;
}

// Attributes that nothing secret is in.
struct CleanAttributes {
  std::optional<json::Value> object;  // none: too large, or in trouble
  Redactor::Report arguments;
  bool must_rename = false;  // a key holds what a payload may not
  std::string trouble, trouble_body;

  [[nodiscard]] std::string payload(const Redactor& redactor) && {
    if (must_rename) redactor.scrub(*object);
    return json::write(*object);
  }
};

CleanAttributes clean_attributes(const RawEvent& raw, const Redactor& redactor,
                                 json::StoragePtr memory) {
  CleanAttributes clean;
  auto parsed = json::parse(raw.attrs, kAttrsLimits, memory);
  std::string repaired;
  if (!parsed && !is_utf8(raw.attrs)) {
    repaired = clean_text(raw.attrs, raw.attrs.size());
    parsed = json::parse(repaired, kAttrsLimits, memory);
  }
  if (!parsed || !parsed.value().is_object()) {
    clean.trouble = "attributes dropped: ";
    clean.trouble += parsed ? "attributes are not a JSON object" : parsed.error().message;
    clean.trouble_body =
        redactor.scrub_text(clean_text(raw.attrs.substr(0, kDeadLetterBytes), kDeadLetterBytes));
    return clean;
  }
  clean.object.emplace(std::move(parsed).value());
  if ((raw.scrubbed & kScrubbed) != 0) {
    clean.arguments = {(raw.scrubbed & kArgsRedacted) != 0, (raw.scrubbed & kArgsCut) != 0};
    return clean;
  }
  for (auto& member : clean.object->get_object()) {
    const std::string_view key(member.key().data(), member.key().size());
    const auto report = redactor.scrub_member(key, member.value());
    if (key == "args" || key == "kwargs") clean.arguments |= report;
    clean.must_rename = clean.must_rename || key.size() > 64 || redactor.holds_secret(key);
  }
  return clean;
}

class Attributes {
 public:
  Attributes(Event& event, const RawEvent& raw, const Redactor& redactor)
      : event_(event), raw_(raw), redactor_(redactor) {}

  void read() {
    if (raw_.attrs.empty()) return;
    if ((raw_.scrubbed & kOversizeAttrs) != 0) return oversize(std::string(raw_.attrs));
    if ((raw_.scrubbed & kTroubleAttrs) != 0) {
      const std::size_t line = std::min(raw_.attrs.find('\n'), raw_.attrs.size());
      event_.trouble = clean_text(raw_.attrs.substr(0, line), kDeadLetterBytes);
      event_.trouble_body = raw_.attrs.substr(std::min(line + 1, raw_.attrs.size()));
      return;
    }
    if (raw_.scrubbed == 0 && redactor_.too_large(raw_.attrs.size()))
      return oversize(json::write(Redactor::oversize_marker(raw_.attrs.size())));
    // Most payloads fit the block on the stack; more comes from the heap.
    alignas(16) unsigned char block[16 << 10];
    boost::json::monotonic_resource memory(block, sizeof block);
    CleanAttributes clean = clean_attributes(raw_, redactor_, &memory);
    if (!clean.object) {
      event_.trouble = std::move(clean.trouble);
      event_.trouble_body = std::move(clean.trouble_body);
      return;
    }
    const json::Object& object = clean.object->get_object();
    if (event_.is_task()) {
      task(object, clean.arguments);
    } else if (event_.is_worker()) {
      worker(object);
    } else if (event_.kind == Z4J_EV_UNKNOWN) {
      gap(object);
    }
    if (event_.is_stored()) event_.payload = std::move(clean).payload(redactor_);
  }

 private:
  void oversize(std::string marker) {
    event_.payload = std::move(marker);
    // The arguments may have been in there: what is known of them is no longer whole.
    if (raw_.kind == Z4J_EV_RECEIVED || raw_.kind == Z4J_EV_SENT) {
      event_.facts.args = event_.payload;
      event_.facts.args_flags = 8;
    }
  }

  void task(const json::Object& o, Redactor::Report arguments) {
    TaskFacts& f = event_.facts;
    f.args = json_of(o.if_contains("args"));
    f.kwargs = json_of(o.if_contains("kwargs"));
    if (f.has_args()) {
      f.args_flags = (json::boolean(o, "args_is_repr") ? 1 : 0) |
                     (json::boolean(o, "kwargs_is_repr") ? 2 : 0) | (arguments.redacted ? 4 : 0) |
                     (arguments.cut ? 8 : 0);
    }
    f.result = json_of(o.if_contains("result"));
    if (const auto* v = o.if_contains("exception")) f.exception = text_of(*v);
    if (const auto* v = o.if_contains("traceback")) f.traceback = text_of(*v);
    if (event_.kind == Z4J_EV_FAILED || event_.kind == Z4J_EV_RETRIED)
      f.fingerprint = fingerprint(f.exception, f.traceback);
    if (const auto* v = o.if_contains("tags"); v != nullptr && v->is_array())
      f.tags = json::write(*v);
    f.eta = time_of(o.if_contains("eta"));
    f.retry_count = count_of(o.if_contains("retry_count"));
    f.rebuilt = json::boolean(o, "rebuilt");
    if (const auto* v = o.if_contains("priority"); v != nullptr && v->is_string()) {
      const std::string_view word(v->get_string().data(), v->get_string().size());
      const auto* known = std::find(std::begin(kPriorities), std::end(kPriorities), word);
      f.priority = known != std::end(kPriorities) ? *known : std::string_view("normal");
    }
  }

  void worker(const json::Object& o) {
    auto facts = std::make_unique<WorkerFacts>();
    facts->hostname = std::string(json::text(o, "hostname"));
    facts->pid = count_of(o.if_contains("pid"));
    facts->concurrency = count_of(o.if_contains("concurrency"));
    facts->active_tasks = count_of(o.if_contains("active_tasks"));
    facts->memory_bytes = count_of(o.if_contains("memory_bytes"));
    if (const auto* queues = json::array(o, "queues")) facts->queues = json::write(*queues);
    if (const auto* load = json::array(o, "load_average")) facts->load_average = json::write(*load);
    if (const auto* metadata = json::object(o, "metadata"))
      facts->metadata = json::write(*metadata);
    event_.worker_facts = std::move(facts);
  }

  void gap(const json::Object& o) {
    const auto* told = json::object(o, "gap");
    if (told == nullptr) return;
    auto facts = std::make_unique<GapFacts>();
    const base::TimeUs now = event_.taken_at;
    facts->to = clamp_time(time_of(told->if_contains("to")).value_or(event_.at), now);
    facts->from = std::clamp(time_of(told->if_contains("from")).value_or(facts->to), now - kOldest,
                             facts->to);
    facts->why = std::string(json::text(*told, "why"));
    facts->rebuilt = count_of(told->if_contains("rebuilt"));
    facts->lost = count_of(told->if_contains("lost"));
    event_.gap = std::move(facts);
  }

  Event& event_;
  const RawEvent& raw_;
  const Redactor& redactor_;
};

}  // namespace

std::size_t Parcel::bytes_of(const z4j_event_batch& b) {
  std::size_t text = 0;
  for (const z4j_dictcol* d : {&b.engine, &b.task, &b.queue, &b.worker})
    text += core::bytes_of(d->dict, d->dict_rows);
  for (const z4j_strcol* c : {&b.task_id, &b.parent_id, &b.root_id, &b.attrs_json})
    text += core::bytes_of(*c, b.rows);
  return text + b.rows * sizeof(RawEvent) + sizeof(Parcel);
}

std::shared_ptr<Parcel> Parcel::copy(const z4j_event_batch& b, const EventSource& source,
                                     base::TimeUs now) {
  auto parcel = std::make_shared<Parcel>();
  parcel->source = source;
  parcel->taken_at = now;
  parcel->events.resize(b.rows);
  TextBlock block(*parcel, bytes_of(b));
  const auto engines = block.dictionary(b.engine, kEngineCharacters),
             tasks = block.dictionary(b.task), queues = block.dictionary(b.queue),
             workers = block.dictionary(b.worker);
  for (std::uint32_t i = 0; i < b.rows; ++i) {
    RawEvent& e = parcel->events[i];
    std::memcpy(e.given_id.bytes.data(), b.event_id + std::size_t{i} * 16, 16);
    e.time = b.time_us[i];
    e.runtime_us = b.runtime_us[i];
    e.attempt = b.attempt[i];
    e.kind = b.kind[i];
    e.engine = engines[b.engine.index[i]];
    e.task = tasks[b.task.index[i]];
    e.queue = queues[b.queue.index[i]];
    e.worker = workers[b.worker.index[i]];
    e.task_id = block.name(trimmed(row_of(b.task_id, i)));
    e.parent_id = block.name(row_of(b.parent_id, i));
    e.root_id = block.name(row_of(b.root_id, i));
    e.attrs = block.raw(row_of(b.attrs_json, i));
  }
  return parcel;
}

std::string_view kind_name(std::uint16_t kind) noexcept {
  switch (kind) {
    case Z4J_EV_SENT:
      return "task.sent";
    case Z4J_EV_RECEIVED:
      return "task.received";
    case Z4J_EV_STARTED:
      return "task.started";
    case Z4J_EV_SUCCEEDED:
      return "task.succeeded";
    case Z4J_EV_FAILED:
      return "task.failed";
    case Z4J_EV_RETRIED:
      return "task.retried";
    case Z4J_EV_REVOKED:
      return "task.revoked";
    case Z4J_EV_REJECTED:
      return "task.rejected";
    case Z4J_EV_PROGRESS:
      return "task.progress";
    case Z4J_EV_WORKER_UP:
      return "worker.online";
    case Z4J_EV_WORKER_BEAT:
      return "worker.heartbeat";
    case Z4J_EV_WORKER_DOWN:
      return "worker.offline";
    default:
      return "unknown";
  }
}

base::TimeUs clamp_time(base::TimeUs time, base::TimeUs now) noexcept {
  return time < now - kOldest || time > now + kFarthestAhead ? now : time;
}

base::Uuid event_id(const RawEvent& raw, const EventSource& source, base::TimeUs at) {
  std::string name;
  name.reserve(128);
  const bool of_task = !raw.task_id.empty();
  if (!of_task && !raw.given_id.is_nil()) {
    name = source.project_id.text() + ":" + raw.given_id.text();
    return base::Uuid::named(kEventNamespace, name);
  }
  name += source.project_id.view();
  if (!of_task && raw.worker.empty()) name += source.agent_id.view();
  name += '\n';
  name += raw.engine;
  name += '\n';
  name += of_task ? raw.task_id : raw.worker;
  name += '\n';
  name += kind_name(raw.kind);
  name += '\n';
  append_number(name, at);
  if (!of_task) {
    name += '\n';
    name += raw.attrs;
  }
  return base::Uuid::named(kEventNamespace, name);
}

RawEvent scrub(const RawEvent& raw, const EventSource& source, base::TimeUs now,
               const Redactor& redactor, std::string& attrs) {
  RawEvent clean = raw;
  clean.id = raw.id.is_nil() ? event_id(raw, source, clamp_time(raw.time, now)) : raw.id;
  if (raw.attrs.empty() || raw.scrubbed != 0) return clean;
  clean.scrubbed = kScrubbed;
  if (redactor.too_large(raw.attrs.size())) {
    clean.scrubbed |= kOversizeAttrs;
    attrs = json::write(Redactor::oversize_marker(raw.attrs.size()));
  } else {
    CleanAttributes found = clean_attributes(raw, redactor, {});
    if (found.arguments.redacted) clean.scrubbed |= kArgsRedacted;
    if (found.arguments.cut) clean.scrubbed |= kArgsCut;
    if (found.object) {
      attrs = std::move(found).payload(redactor);
    } else {
      clean.scrubbed |= kTroubleAttrs;
      attrs = found.trouble + '\n' + found.trouble_body;
    }
  }
  clean.attrs = attrs;
  return clean;
}

Event decode(const RawEvent& raw, const EventSource& source, base::TimeUs now,
             const Redactor& redactor) {
  Event e;
  e.project_id = source.project_id;
  e.agent_id = source.agent_id;
  e.taken_at = now;
  e.at = clamp_time(raw.time, now);
  e.id = raw.id.is_nil() ? event_id(raw, source, e.at) : raw.id;
  e.kind = raw.kind;
  e.attempt = raw.attempt;
  e.runtime_us = raw.runtime_us < 0 ? -1 : raw.runtime_us;
  e.engine = raw.engine;
  e.task = raw.task;
  e.queue = raw.queue;
  e.worker = raw.worker;
  e.task_id = raw.task_id;
  const auto reference = [&](std::string_view id) {
    return id == raw.task_id || count_characters(id) > kReferenceCharacters ? std::string_view()
                                                                            : id;
  };
  e.parent_id = reference(raw.parent_id);
  e.root_id = reference(raw.root_id);
  Attributes(e, raw, redactor).read();
  return e;
}

}  // namespace z4j::core
