#include "plugin/capabilities.hpp"

#include <algorithm>
#include <utility>

#include "base/json.hpp"
#include "plugin/crossing.hpp"
#include "plugin/op_table.hpp"

namespace z4j::plugin {
namespace {

namespace json = base::json;

constexpr std::size_t kMaxSeenText = 200;
constexpr std::size_t kMaxFormRead = 256u << 10;  // of which a call's form is read

struct Bit {
  std::uint64_t bit;
  std::string_view name;
  bool is_asked_for = true;
};
constexpr Bit kEngineBits[] = {{Z4J_ENGINE_EVENTS, "events"},
                               {Z4J_ENGINE_SNAPSHOT, "snapshot"},
                               {Z4J_ENGINE_ENQUEUE, "enqueue"},
                               {Z4J_ENGINE_RETRY, "retry"},
                               {Z4J_ENGINE_REVOKE, "revoke"},
                               {Z4J_ENGINE_TERMINATE, "terminate"},
                               {Z4J_ENGINE_PURGE, "purge"},
                               {Z4J_ENGINE_POOL, "pool"},
                               {Z4J_ENGINE_RATE, "rate"},
                               {Z4J_ENGINE_PAUSE, "pause"},
                               {Z4J_ENGINE_STREAM, "stream", false},
                               {Z4J_ENGINE_RESTART, "restart"},
                               {Z4J_ENGINE_SHUTDOWN, "shutdown"},
                               {Z4J_ENGINE_TIME_LIMIT, "time_limit"},
                               {Z4J_ENGINE_AUTOSCALE, "autoscale"},
                               {Z4J_ENGINE_DEAD_LETTERS, "dead_letters"},
                               {Z4J_ENGINE_MANY, "many"},
                               {Z4J_ENGINE_COPY, "copy"},
                               {Z4J_ENGINE_DELETE, "delete"}};
constexpr Bit kSchedulerBits[] = {
    {Z4J_SCHED_READ, "read"},       {Z4J_SCHED_WRITE, "write"},
    {Z4J_SCHED_TRIGGER, "trigger"}, {Z4J_SCHED_PAUSE, "pause"},
    {Z4J_SCHED_CRON, "cron"},       {Z4J_SCHED_INTERVAL, "interval"},
    {Z4J_SCHED_ONCE, "once"},       {Z4J_SCHED_TIMEZONE, "timezone", false},
    {Z4J_SCHED_SOLAR, "solar"},     {Z4J_SCHED_STORE, "store"}};

template <std::size_t n>
void add(std::vector<Capability>& out, CapabilityKind kind, const Bit (&bits)[n],
         std::uint64_t declared) {
  for (const Bit& b : bits)
    out.push_back({kind, std::string(b.name), (declared & b.bit) != 0, b.is_asked_for});
}

template <std::size_t n>
std::string name_in(const Bit (&bits)[n], std::uint64_t bit) {
  for (const Bit& b : bits) {
    if (b.bit == bit) return std::string(b.name);
  }
  return "bit " + std::to_string(bit);
}

std::string name_of(CapabilityKind kind, std::uint64_t bit) {
  switch (kind) {
    case CapabilityKind::engine:
      return name_in(kEngineBits, bit);
    case CapabilityKind::scheduler:
      return name_in(kSchedulerBits, bit);
    case CapabilityKind::notifier:
    case CapabilityKind::http:
      break;  // these have no bits
  }
  return {};
}

std::optional<json::Object> object_in(std::string_view text, std::size_t max_bytes) {
  auto parsed = json::parse(text, {.max_bytes = max_bytes, .max_depth = 64});
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(parsed->get_object());
}

// What one answer says: the words of engines, schedulers and notifiers.
CallOutcome outcome_in(const json::Object& answer) {
  const std::string_view said = json::text(answer, "outcome");
  if (said.empty() || said == "done") return CallOutcome::done;
  if (said == "sent") return CallOutcome::sent;
  if (said == "refused") return CallOutcome::refused;
  if (said == "unknown") return CallOutcome::unknown;
  return CallOutcome::failed;  // "retry", "failed" of notifiers
}

std::string text_in(const json::Object& answer) {
  const std::string_view reason = json::text(answer, "reason");
  return std::string(cut(reason.empty() ? json::text(answer, "error") : reason, kMaxSeenText));
}

void note(Sighting& s, CallOutcome outcome, std::string text) {
  ++s.times[static_cast<std::size_t>(outcome)];
  s.last = outcome;
  s.text = std::move(text);
}

// Of a call that was answered.
void read_answer(Sighting& s, Sighting* form, bool is_many, const std::string& answer) {
  const auto told = answer.empty() ? json::Object() : object_in(answer, OpTable::kMaxResultBytes);
  if (!told) {
    note(s, CallOutcome::failed, "its answer is no JSON object");
    if (form != nullptr) note(*form, CallOutcome::failed, s.text);
    return;
  }
  const CallOutcome outcome = outcome_in(*told);
  if (form != nullptr) note(*form, outcome, text_in(*told));
  const auto* const items = is_many ? told->if_contains("items") : nullptr;
  if (items == nullptr || !items->is_array()) return note(s, outcome, text_in(*told));
  for (const json::Value& item : items->get_array()) {
    if (item.is_object())
      note(s, outcome_in(item.get_object()), text_in(item.get_object()));
    else
      note(s, CallOutcome::failed, "an item of its answer is no JSON object");
  }
}

CallOutcome outcome_of(base::Code code) {
  if (code == base::Code::unsupported) return CallOutcome::unsupported;
  if (code == base::Code::unknown) return CallOutcome::unknown;
  const auto number = static_cast<std::int32_t>(code);
  return number >= 100 && number < 200 ? CallOutcome::refused : CallOutcome::failed;
}

bool is_served(const Sighting& s) {
  return s.times[static_cast<std::size_t>(CallOutcome::done)] +
             s.times[static_cast<std::size_t>(CallOutcome::sent)] >
         0;
}

}  // namespace

std::string_view to_string(CapabilityKind kind) noexcept {
  switch (kind) {
    case CapabilityKind::engine:
      return "engine";
    case CapabilityKind::scheduler:
      return "scheduler";
    case CapabilityKind::notifier:
      return "notifier";
    case CapabilityKind::http:
      return "http";
  }
  return "unknown";
}

std::string_view to_string(CallOutcome outcome) noexcept {
  switch (outcome) {
    case CallOutcome::done:
      return "done";
    case CallOutcome::sent:
      return "sent";
    case CallOutcome::refused:
      return "refused";
    case CallOutcome::unsupported:
      return "unsupported";
    case CallOutcome::unknown:
      return "unknown";
    case CallOutcome::failed:
      return "failed";
  }
  return "failed";
}

void add_engine_capabilities(std::vector<Capability>& out, std::uint64_t declared) {
  add(out, CapabilityKind::engine, kEngineBits, declared);
}

void add_scheduler_capabilities(std::vector<Capability>& out, std::uint64_t declared,
                                bool has_preview) {
  add(out, CapabilityKind::scheduler, kSchedulerBits, declared);
  out.push_back({CapabilityKind::scheduler, "preview", has_preview, true});
}

void add_notifier_capabilities(std::vector<Capability>& out) {
  out.push_back({CapabilityKind::notifier, "send", true, true});
}

Asked asked_by_command(std::uint64_t declared, std::uint64_t verb, std::string_view target,
                       std::string_view args_json) {
  Asked out{
      .kind = CapabilityKind::engine, .declared = declared, .bit = verb, .tells_outcome = true};
  if (verb != Z4J_ENGINE_RETRY && verb != Z4J_ENGINE_REVOKE) return out;
  if (target.empty()) {
    out.form = Z4J_ENGINE_MANY;
  } else if (verb == Z4J_ENGINE_REVOKE) {
    const auto args = object_in(args_json, kMaxFormRead);
    if (args && json::boolean(*args, "terminate")) out.form = Z4J_ENGINE_TERMINATE;
  }
  return out;
}

Asked asked_by_snapshot(std::uint64_t declared, std::string_view what) {
  Asked out{.kind = CapabilityKind::engine, .declared = declared, .bit = Z4J_ENGINE_SNAPSHOT};
  if (what == "dead_letters")
    out.bit = Z4J_ENGINE_DEAD_LETTERS;
  else if (what == "copy")
    out.bit = Z4J_ENGINE_COPY;
  else
    out.may_be_partial = true;  // not every engine has all of them
  return out;
}

std::uint64_t form_of_schedule(std::string_view schedule_json) {
  const auto schedule = object_in(schedule_json, kMaxFormRead);
  if (!schedule) return 0;
  const std::string_view kind = json::text(*schedule, "kind");
  if (kind == "cron") return Z4J_SCHED_CRON;
  if (kind == "interval") return Z4J_SCHED_INTERVAL;
  if (kind == "clocked") return Z4J_SCHED_ONCE;
  if (kind == "solar") return Z4J_SCHED_SOLAR;
  return 0;
}

Asked asked_by_put(std::uint64_t declared, std::string_view schedule_json) {
  Asked out{.kind = CapabilityKind::scheduler, .declared = declared, .bit = Z4J_SCHED_WRITE};
  out.form = form_of_schedule(schedule_json);
  if (out.form != 0) return out;
  const auto schedule = object_in(schedule_json, kMaxFormRead);
  const bool is_switch =
      schedule && schedule->if_contains("is_enabled") != nullptr &&
      std::all_of(schedule->begin(), schedule->end(), [](const auto& member) {
        return member.key() == "is_enabled" || member.key() == "id" || member.key() == "name";
      });
  if (is_switch) out.bit = Z4J_SCHED_PAUSE;
  return out;
}

Asked asked_by_preview(std::uint64_t declared, std::string_view schedule_json) {
  return {.kind = CapabilityKind::scheduler,
          .declared = declared,
          .form = form_of_schedule(schedule_json),
          .name = "preview"};
}

std::vector<Sighting> sightings(const Asked& asked, const base::Result<std::string>& answer) {
  std::vector<Sighting> out;
  out.reserve(2);
  const auto begin = [&](std::string name) -> Sighting& {
    Sighting& s = out.emplace_back();
    s.kind = asked.kind;
    s.name = std::move(name);
    return s;
  };
  Sighting& main = begin(asked.bit != 0 ? name_of(asked.kind, asked.bit) : asked.name);
  Sighting* const form = asked.form != 0 ? &begin(name_of(asked.kind, asked.form)) : nullptr;
  if (answer && asked.tells_outcome) {
    const bool is_many = asked.kind == CapabilityKind::engine && asked.form == Z4J_ENGINE_MANY;
    read_answer(main, form, is_many, *answer);
  } else if (answer) {
    note(main, CallOutcome::done, {});
    if (form != nullptr) note(*form, CallOutcome::done, {});
  } else {
    const base::Error& e = answer.error();
    const CallOutcome outcome = outcome_of(e.code);
    const bool is_of_main =
        outcome != CallOutcome::unsupported || (form == nullptr && !asked.may_be_partial);
    const std::string text(cut(e.message, kMaxSeenText));
    note(main, is_of_main ? outcome : CallOutcome::refused, text);
    if (form != nullptr) note(*form, outcome, text);
    for (Sighting& s : out) s.code = base::to_string(e.code);
  }
  main.is_undeclared = asked.bit != 0 && (asked.declared & asked.bit) == 0 && is_served(main);
  if (form != nullptr) form->is_undeclared = (asked.declared & asked.form) == 0 && is_served(*form);
  // An answer for no target at all tells nothing.
  std::erase_if(out, [](const Sighting& s) {
    return std::all_of(s.times.begin(), s.times.end(), [](std::uint64_t n) { return n == 0; });
  });
  return out;
}

Sighting sighting(CapabilityKind kind, std::string name, CallOutcome outcome, std::string code,
                  std::string text) {
  Sighting out;
  out.kind = kind;
  out.name = std::move(name);
  out.code = std::move(code);
  note(out, outcome, std::string(cut(text, kMaxSeenText)));
  return out;
}

}  // namespace z4j::plugin
