#include "core/command_plan.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "core/fingerprint.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;
namespace json = base::json;

constexpr std::int64_t kArgsIsRepr = 1, kKwargsIsRepr = 2, kArgsRedacted = 4, kArgsCut = 8;
constexpr std::size_t kPlanErrorBytes = 1024, kPlanReasonBytes = 900;
constexpr std::array<std::string_view, 9> kTaskStates{"pending", "received", "started",
                                                      "success", "failure",  "retry",
                                                      "revoked", "rejected", "unknown"};
constexpr std::array<std::string_view, 4> kTaskPriorities{"critical", "high", "normal", "low"};
constexpr std::array<std::string_view, 3> kServerOwnedKeys{"task_names", "task_priorities",
                                                           "overrides"};

template <class List>
bool is_in(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// A text that Python reads as the recorded value.
std::string recorded_repr(const json::Value& value, bool is_repr) {
  if (is_repr && value.is_string())
    return std::string(value.get_string().c_str(), value.get_string().size());
  return python_literal(value);
}

base::Error bad_filter(std::string_view key, std::string_view expected) {
  return refuse::invalid("filter." + clean_text(key, 40),
                         "filter \"" + clean_text(key, 40) + "\" must be " + std::string(expected));
}

base::Status check_named(std::string_view field, std::string_view name, std::size_t most) {
  if (name.empty() || !is_utf8(name) || count_characters(name) > most) {
    return refuse::invalid(
        field, std::string(field) + " must have 1 to " + std::to_string(most) + " characters");
  }
  return {};
}

base::Status check_engine(const std::optional<std::string>& engine) {
  return engine ? check_named("engine", *engine, 40) : base::Status();
}

base::Status check_eta(const std::optional<std::int64_t>& seconds) {
  if (seconds && (*seconds < 0 || *seconds > kEtaMaxSeconds))
    return refuse::invalid("eta_seconds", "eta_seconds must be 0 to 86400");
  return {};
}

bool is_rate(std::string_view rate) {
  constexpr std::size_t kMostBytes = 20;
  if (rate == "0") return true;
  const std::size_t digits = std::min(rate.find_first_not_of("0123456789"), rate.size());
  if (digits == 0 || rate.front() == '0' || rate.size() > kMostBytes) return false;
  const std::string_view unit = rate.substr(digits);
  return unit.empty() || unit == "/s" || unit == "/m" || unit == "/h";
}

base::Result<base::TimeUs> filter_time(std::string_view key, const json::Value& value) {
  base::Result<base::TimeUs> time = base::Error{};
  if (value.is_string()) {
    time = base::parse_time({value.get_string().data(), value.get_string().size()});
  } else if (value.is_number()) {
    time = base::parse_time(json::write(value));
  }
  if (!time) return bad_filter(key, "an ISO 8601 time or a Unix number of seconds");
  return time;
}

}  // namespace

base::Status check_task_name(std::string_view engine, std::string_view task_id) {
  if (engine.empty() || engine.size() > 40)
    return refuse::invalid("engine", "engine must have 1 to 40 characters");
  if (task_id.empty() || count_characters(task_id) > 200)
    return refuse::invalid("task_id", "task_id must have 1 to 200 characters");
  return {};
}

base::Status check(const RetryTask& asked) {
  if (auto named = check_task_name(asked.engine, asked.task_id); !named) return named;
  const auto too_big = [](const json::Value& value) {
    return json::write(value).size() > kOverrideBytes;
  };
  if (asked.override_args && too_big(*asked.override_args)) {
    return refuse::invalid("override_args", "override_args is larger than 64 KiB as JSON");
  }
  if (asked.override_kwargs && too_big(*asked.override_kwargs)) {
    return refuse::invalid("override_kwargs", "override_kwargs is larger than 64 KiB as JSON");
  }
  return check_eta(asked.eta_seconds);
}

base::Status check(const LimitTime& asked) {
  if (auto named = check_named("task_name", asked.task_name, 500); !named) return named;
  if (asked.worker) {
    if (auto named = check_named("worker_name", *asked.worker, 200); !named) return named;
  }
  for (const auto& [field, seconds] : {std::pair("soft", asked.soft), {"hard", asked.hard}}) {
    if (seconds && (*seconds < 1 || *seconds > kMostTimeLimitSeconds))
      return refuse::invalid(field, std::string(field) + " must be 1 to 604800 seconds");
  }
  if (asked.soft && asked.hard && *asked.soft > *asked.hard)
    return refuse::invalid("soft", "soft must not be longer than hard");
  return check_engine(asked.engine);
}

base::Status check(const Autoscale& asked) {
  if (auto named = check_named("worker_name", asked.worker, 200); !named) return named;
  if (asked.max < 1 || asked.max > kMostPoolProcesses)
    return refuse::invalid("max", "max must be 1 to 10000");
  if (asked.min < 0 || asked.min > asked.max) return refuse::invalid("min", "min must be 0 to max");
  return check_engine(asked.engine);
}

base::Status check(const PauseQueue& asked) {
  if (asked.queue) {
    if (auto named = check_named("queue", *asked.queue, 200); !named) return named;
  }
  if (asked.seconds && (*asked.seconds < 1 || *asked.seconds > kMostPauseSeconds))
    return refuse::invalid("seconds", "seconds must be 1 to 2592000");
  if (asked.seconds && !asked.pause) return refuse::invalid("seconds", "seconds belong to a pause");
  return check_engine(asked.engine);
}

base::Status check(const SubmitTask& asked) {
  if (auto named = check_named("engine", asked.engine, 40); !named) return named;
  if (auto named = check_named("task_name", asked.task_name, 500); !named) return named;
  if (asked.queue) {
    if (auto named = check_named("queue", *asked.queue, 200); !named) return named;
  }
  if (asked.priority && !is_in(kTaskPriorities, *asked.priority))
    return refuse::invalid("priority", "priority must be critical, high, normal or low");
  if (asked.task_id) {
    if (auto named = check_named("task_id", *asked.task_id, 200); !named) return named;
  }
  if (json::write(asked.args).size() > kOverrideBytes)
    return refuse::invalid("args", "args is larger than 64 KiB as JSON");
  if (json::write(asked.kwargs).size() > kOverrideBytes)
    return refuse::invalid("kwargs", "kwargs is larger than 64 KiB as JSON");
  if (json::write(asked.headers).size() > kOverrideBytes)
    return refuse::invalid("headers", "headers is larger than 64 KiB as JSON");
  if (!asked.periodic_task_name.empty()) {
    if (auto named = check_named("periodic_task_name", asked.periodic_task_name, 200); !named)
      return named;
  }
  return check_eta(asked.eta_seconds);
}

base::Status check(const RequeueDeadLetter& asked) {
  if (auto named = check_task_name(asked.engine, asked.task_id); !named) return named;
  if (asked.to) {
    if (auto named = check_named("to", *asked.to, 200); !named) return named;
  }
  return check_named("queue", asked.queue, 200);
}

base::Status check(const DeleteTask& asked) {
  if (asked.queue) {
    if (auto named = check_named("queue", *asked.queue, 200); !named) return named;
  }
  return check_task_name(asked.engine, asked.task_id);
}

base::Status check(const RestartWorker& asked) {
  if (auto named = check_named("worker_name", asked.worker, 200); !named) return named;
  return check_engine(asked.engine);
}

base::Status check(const ResizePool& asked) {
  if (auto named = check_named("worker_name", asked.worker, 200); !named) return named;
  if (asked.delta < -kMostPoolDelta || asked.delta > kMostPoolDelta)
    return refuse::invalid("delta", "delta must be -100 to 100");
  return check_engine(asked.engine);
}

base::Status check(const ChangeConsumer& asked) {
  if (auto named = check_named("worker_name", asked.worker, 200); !named) return named;
  if (auto named = check_named("queue", asked.queue, 200); !named) return named;
  return check_engine(asked.engine);
}

base::Status check(const LimitRate& asked) {
  if (auto named = check_named("task_name", asked.task_name, 500); !named) return named;
  if (asked.worker) {
    if (auto named = check_named("worker_name", *asked.worker, 200); !named) return named;
  }
  if (!is_rate(asked.rate)) {
    return refuse::invalid("rate",
                           "rate must be 0, or a number without leading zeros, optionally followed "
                           "by /s, /m or /h");
  }
  return check_engine(asked.engine);
}

StoredTask stored_task_of(const Row& row) {
  StoredTask t;
  t.name = row.text(task_col::name);
  t.queue = row.text(task_col::queue);
  t.worker = row.text(task_col::worker_name);
  t.priority = row.text(task_col::priority);
  t.state = row.is_null(task_col::state) ? "pending" : std::string(row.text(task_col::state));
  t.args = row.json(task_col::args);
  t.kwargs = row.json(task_col::kwargs);
  t.args_flags = row.num(task_col::args_flags);
  if (!row.is_null(task_col::retried_as))
    t.retried_as = std::string(row.text(task_col::retried_as));
  t.agent_id = row.uuid_or_none(task_col::agent_id);
  return t;
}

std::string python_literal(const json::Value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return "None";
    case boost::json::kind::bool_:
      return value.get_bool() ? "True" : "False";
    case boost::json::kind::array: {
      std::string out = "[";
      for (const auto& item : value.get_array()) {
        if (out.size() > 1) out += ", ";
        out += python_literal(item);
      }
      return out + "]";
    }
    case boost::json::kind::object: {
      std::string out = "{";
      for (const auto& member : value.get_object()) {
        if (out.size() > 1) out += ", ";
        out += json::write_canonical(json::Value(member.key())) + ": " +
               python_literal(member.value());
      }
      return out + "}";
    }
    default:
      return json::write_canonical(value);  // JSON's numbers and strings are Python's
  }
}

bool has_argument_values(const StoredTask& task) noexcept {
  return task.args.is_array() && task.kwargs.is_object() &&
         (task.args_flags & (kArgsIsRepr | kKwargsIsRepr | kArgsCut)) == 0;
}

json::Object retry_arguments(const RetryTask& asked, const std::optional<StoredTask>& task) {
  json::Object args;
  if (task) {
    if (!task->name.empty()) args["task_name"] = task->name;
    if (!task->queue.empty()) args["queue"] = task->queue;
  }
  if (asked.override_args) args["override_args"] = *asked.override_args;
  if (asked.override_kwargs) args["override_kwargs"] = *asked.override_kwargs;
  if (asked.eta_seconds) args["eta_seconds"] = *asked.eta_seconds;
  if (task) {
    json::Object recorded;
    const bool is_whole = (task->args_flags & (kArgsRedacted | kArgsCut)) == 0;
    if (is_whole && !task->args.is_null())
      recorded["args_repr"] = recorded_repr(task->args, (task->args_flags & kArgsIsRepr) != 0);
    if (is_whole && !task->kwargs.is_null())
      recorded["kwargs_repr"] =
          recorded_repr(task->kwargs, (task->args_flags & kKwargsIsRepr) != 0);
    if (!task->name.empty()) recorded["task_name"] = task->name;
    if (!task->queue.empty()) recorded["queue"] = task->queue;
    if (!task->priority.empty()) recorded["priority"] = task->priority;
    if (!recorded.empty()) args["recorded"] = std::move(recorded);
  }
  return args;
}

std::string retry_args(const RetryTask& asked, const std::optional<StoredTask>& task) {
  return json::write(retry_arguments(asked, task));
}

std::string_view to_string(CommandOutcome::Kind kind) noexcept {
  switch (kind) {
    case CommandOutcome::Kind::done:
      return "done";
    case CommandOutcome::Kind::sent:
      return "sent";
    case CommandOutcome::Kind::refused:
      return "refused";
    case CommandOutcome::Kind::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string CommandOutcome::error() const {
  if (worked()) return {};
  const std::string prefix = kind == Kind::refused ? "refused" : "outcome unknown";
  std::string text = reason.empty() ? prefix : prefix + ": " + reason;
  if (text.size() > kPlanErrorBytes)
    text = clean_text(std::string_view(text).substr(0, kPlanErrorBytes - 8), kPlanErrorBytes);
  return text;
}

bool CommandOutcome::may_need_repetition() const {
  if (kind == Kind::refused) return json::boolean(result, "nobody_listens");
  return json::integer(result, "removed_from_queue") == 0;
}

void CommandOutcome::remembered() {
  result["remembered"] = true;
  if (kind != Kind::refused) return;
  kind = Kind::sent;
  reason += "; the cancel is remembered and said again when one comes";
  result["outcome"] = to_string(kind);
  result["reason"] = reason;
}

CommandOutcome refused_outcome(std::string reason) {
  CommandOutcome out;
  out.kind = CommandOutcome::Kind::refused;
  out.reason = std::move(reason);
  out.result = {{"outcome", "refused"}, {"reason", out.reason}};
  return out;
}

CommandOutcome unknown_outcome(std::string reason) {
  CommandOutcome out;
  out.reason = std::move(reason);
  out.result = {{"outcome", "unknown"}, {"reason", out.reason}};
  return out;
}

CommandOutcome outcome_of(const base::Result<std::string>& answer) {
  if (!answer) {
    const base::Error& e = answer.error();
    std::string reason = clean_text(e.text(), kPlanReasonBytes);
    const auto code = static_cast<int>(e.code);
    const bool may_have_happened =
        e.code == base::Code::unknown || e.code == base::Code::timeout || code >= 300;
    return may_have_happened ? unknown_outcome(std::move(reason))
                             : refused_outcome(std::move(reason));
  }
  auto parsed = json::parse(*answer, {.max_bytes = std::size_t{1} << 20, .max_depth = 32});
  if (!parsed || !parsed->is_object())
    return unknown_outcome("the engine's answer was not a JSON object");
  return outcome_in(std::move(parsed->get_object()));
}

CommandOutcome outcome_in(json::Object answer) {
  CommandOutcome out;
  out.result = std::move(answer);
  const std::string_view word = json::text(out.result, "outcome");
  out.reason = clean_text(json::text(out.result, "reason"), kPlanReasonBytes);
  out.new_task_id = json::text(out.result, "new_task_id");
  if (word == "done") {
    out.kind = CommandOutcome::Kind::done;
  } else if (word == "sent") {
    out.kind = CommandOutcome::Kind::sent;
  } else if (word == "refused") {
    out.kind = CommandOutcome::Kind::refused;
  } else if (word != "unknown") {
    return unknown_outcome("the engine's answer has no outcome");
  }
  if (json::write(out.result).size() > kOverrideBytes) {
    out.result = {{"outcome", to_string(out.kind)}, {"reason", out.reason}, {"result_cut", true}};
    if (!out.new_task_id.empty()) out.result["new_task_id"] = out.new_task_id;
  }
  if (out.new_task_id.size() > 200) out.new_task_id.clear();
  return out;
}

// --- argument filter ---------------------------------------------------------------------------

std::optional<ArgFilter> ArgFilter::parse(std::string_view term) {
  constexpr std::size_t kMaxBytes = 1000, kMaxSegments = 8;
  const std::size_t colon = term.find(':');
  if (colon == std::string_view::npos || term.size() > kMaxBytes || !is_utf8(term)) return {};
  std::string_view path = term.substr(0, colon), value = term.substr(colon + 1);
  ArgFilter out;
  std::size_t segments = 0;
  for (;;) {
    const std::string_view segment = path.substr(0, path.find('.'));
    if (segment.empty() || ++segments > kMaxSegments) return {};
    if (segments == 1)
      out.is_positional = segment.find_first_not_of("0123456789") == std::string_view::npos;
    out.pointer += '/';
    for (const char c : segment)
      out.pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    if (segment.size() == path.size()) break;
    path.remove_prefix(segment.size() + 1);
  }
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    out.values.emplace_back(value.substr(1, value.size() - 2));
    return out;
  }
  out.values.emplace_back(value);
  if (value == "true" || value == "false") {
    out.values.emplace_back(value == "true");
  } else if (auto number = json::parse(value, {.max_bytes = 64, .max_depth = 1}); number) {
    if (number->is_int64())
      out.values.emplace_back(std::int64_t{number->get_int64()});
    else if (number->is_double())
      out.values.emplace_back(number->get_double());
  }
  return out;
}

// --- bulk filter --------------------------------------------------------------------------------

base::Result<BulkFilter> BulkFilter::parse(const json::Object& filter, std::size_t max) {
  BulkFilter out;
  bool has_state = false;
  for (const auto& member : filter) {
    const std::string_view key(member.key().data(), member.key().size());
    const json::Value& value = member.value();
    if (is_in(kServerOwnedKeys, key)) {
      out.rejected_keys.emplace_back(key);
      continue;
    }
    if (value.is_null()) continue;  // same as not given
    if (key == "since" || key == "until") {
      auto time = filter_time(key, value);
      if (!time) return std::move(time).error();
      (key == "since" ? out.since : out.until) = *time;
    } else if (key == "arg") {
      const json::Array one{value};
      for (const auto& item : value.is_array() ? value.get_array() : one) {
        auto term = item.is_string()
                        ? ArgFilter::parse({item.get_string().data(), item.get_string().size()})
                        : std::nullopt;
        if (!term || out.args.size() == ArgFilter::kMaxTerms)
          return bad_filter(key, "at most 4 of " + std::string(ArgFilter::kExpected));
        out.args.push_back(std::move(*term));
      }
    } else if (key == "task_ids") {
      if (!value.is_array()) return bad_filter(key, "an array of task ids");
      out.task_ids.emplace();
      std::unordered_set<std::string> seen;
      for (const auto& id : value.get_array()) {
        if (!id.is_string() || id.get_string().empty() || id.get_string().size() > 800)
          return bad_filter(key, "an array of task ids");
        std::string text(id.get_string().data(), id.get_string().size());
        if (!seen.insert(text).second) continue;
        if (out.task_ids->size() >= max) {
          return refuse::invalid("filter.task_ids", "filter \"task_ids\" has more than max (" +
                                                        std::to_string(max) + ") ids");
        }
        out.task_ids->push_back(std::move(text));
      }
    } else if (key == "state" || key == "name" || key == "queue" || key == "worker" ||
               key == "search" || key == "engine" || key == "priority" || key == "fingerprint") {
      if (!value.is_string()) return bad_filter(key, "text");
      const std::string text(value.get_string().data(), value.get_string().size());
      if (text.size() > 800 || !is_utf8(text))
        return bad_filter(key, "text of at most 200 characters");
      if (text.empty()) continue;
      if (key == "state") {
        if (!is_in(kTaskStates, text)) return bad_filter(key, "a task state such as failure");
        out.state = text;
        has_state = true;
      } else if (key == "fingerprint") {
        if (!is_fingerprint(text)) return bad_filter(key, "16 hex digits, as errors show it");
        out.fingerprint = text;
      } else if (key == "priority") {
        std::string_view rest = text;
        while (!rest.empty()) {
          const std::size_t comma = std::min(rest.find(','), rest.size());
          std::string word = ascii_lower(trimmed(rest.substr(0, comma)));
          if (!is_in(kTaskPriorities, word))
            return bad_filter(key, "a list of critical, high, normal, low");
          out.priorities.push_back(std::move(word));
          rest.remove_prefix(std::min(comma + 1, rest.size()));
        }
      } else {
        (key == "name"     ? out.name
         : key == "queue"  ? out.queue
         : key == "worker" ? out.worker
         : key == "search" ? out.search
                           : out.engine) = text;
      }
    } else {
      return refuse::invalid("filter." + clean_text(key, 40),
                             "filter \"" + clean_text(key, 40) +
                                 "\" is not known; known are state, name, queue, worker, search, "
                                 "engine, priority, fingerprint, arg, since, until, task_ids");
    }
  }
  if (!has_state && !out.task_ids) out.state = "failure";
  return out;
}

Where BulkFilter::where(const base::Uuid& project) const {
  Where w;
  w.eq(task_col::project_id, project);
  if (state) {
    if (*state == "pending") {
      w.is_null(task_col::state);
    } else {
      w.eq(task_col::state, *state);
    }
  }
  if (engine) w.eq(task_col::engine, *engine);
  if (queue) w.eq(task_col::queue, *queue);
  if (worker) w.eq(task_col::worker_name, *worker);
  if (fingerprint) w.eq(task_col::fingerprint, *fingerprint);
  if (name) w.contains(task_col::name, *name);
  if (since) w.ge(task_col::sort_at, *since);
  if (until) w.le(task_col::sort_at, *until);
  for (const ArgFilter& arg : args) {
    w.any([&arg](Where& any) {
      for (const Cell& value : arg.values)
        any.path(arg.is_positional ? task_col::args : task_col::kwargs, arg.pointer, Z4J_CMP_EQ,
                 value);
    });
  }
  if (!priorities.empty()) {
    w.any([this](Where& any) {
      std::vector<Cell> words(priorities.begin(), priorities.end());
      any.in(task_col::priority, std::move(words));
      if (is_in(priorities, "normal")) any.is_null(task_col::priority);
    });
  }
  if (search) {
    w.any([this](Where& any) {
      any.contains(task_col::name, *search)
          .contains(task_col::queue, *search)
          .contains(task_col::worker_name, *search)
          .contains(task_col::task_id, *search);
    });
  }
  return w;
}

bool BulkFilter::fits_state(const StoredTask& task) const { return !state || task.state == *state; }

}  // namespace z4j::core
