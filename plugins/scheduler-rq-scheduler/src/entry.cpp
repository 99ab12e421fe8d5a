#include "src/entry.hpp"

#include "lib/calendar/timetable.hpp"
#include "lib/rq/codec.hpp"
#include "lib/text/text.hpp"
#include "src/timing.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace z4j::rq_scheduler {
namespace {

using schedule::invalid;
using schedule::Schedule;
using schedule::Wanted;

constexpr pickle::Budget kShown{.nodes = 5000, .bytes = 32u << 10, .depth = 32};
constexpr std::size_t kMaxMetaBytes = 256u << 10;
constexpr std::size_t kMaxDescription = 2000;
// rq-scheduler's own members of `meta`; the rest is the application's.
constexpr const char* kInterval = "interval";
constexpr const char* kRepeat = "repeat";
constexpr const char* kCron = "cron_string";
constexpr const char* kLocal = "use_local_timezone";

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

std::string iso_time(double seconds) {
  std::string out = text::format_iso_time(std::llround(seconds * 1e6));
  if (const std::size_t point = out.find('.'); point != std::string::npos)
    out.erase(point, out.find_first_of("+-Z", point) - point);
  return out;
}

pickle::Node node_of(const json::Value& value) {
  pickle::Node node;
  if (value.is_bool()) {
    node.kind = pickle::Kind::boolean;
    node.flag = value.get_bool();
  } else if (value.is_int64()) {
    node.kind = pickle::Kind::integer;
    node.integer = value.get_int64();
  } else if (value.is_string()) {
    node.kind = pickle::Kind::text;
    node.text.assign(value.get_string().data(), value.get_string().size());
  }
  return node;
}

pickle::NodeId added(pickle::Document& doc, pickle::Node node) {
  doc.nodes.push_back(std::move(node));
  return static_cast<pickle::NodeId>(doc.nodes.size() - 1);
}

// The application's part of what JSON can show of `meta`.
json::Object meta_of_others(const Meta& meta) {
  json::Object out;
  for (const auto& member : meta.shown()) {
    const std::string_view key(member.key().data(), member.key().size());
    if (key != kInterval && key != kRepeat && key != kCron && key != kLocal)
      out[member.key()] = member.value();
  }
  return out;
}

struct Timing {
  std::string kind, expression, problem;
};
Timing timing_of(const Meta& meta, double due) {
  const json::Object& m = meta.shown();
  // As rq-scheduler looks: an interval first.
  if (const std::int64_t seconds = json::integer(m, kInterval); seconds > 0)
    return {"interval", std::to_string(seconds), {}};
  if (const std::string_view cron = json::text(m, kCron); !cron.empty()) {
    const std::optional<std::string> ours = from_its_cron(cron);
    if (ours) return {"cron", *ours, {}};
    return {"cron", std::string(cron), "its cron names years"};
  }
  return {"clocked", iso_time(due), {}};
}

void refuse_what_it_has_not(const Wanted& w, const Settings& settings, const std::string& kind) {
  if (w.priority && *w.priority && **w.priority != "normal")
    invalid("RQ has no priorities", "/priority");
  if (w.ends_at && *w.ends_at) invalid("rq-scheduler knows no end; use options.repeat", "/ends_at");
  if (kind != "cron" && kind != "interval" && kind != "clocked")
    invalid("the kind must be cron, interval or clocked", "/kind");
  if (kind == "cron" && w.timezone && *w.timezone != settings.timezone) {
    invalid("its crons go by the local time of rqscheduler's machine, which is " +
                settings.timezone + " by the settings",
            "/timezone");
  }
}

bool good_id(std::string_view id) {
  return !id.empty() && id.size() <= 200 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

void set_timing(Meta& meta, const std::string& kind, const std::string& expression) {
  meta.set(kInterval, nullptr);
  meta.set(kCron, nullptr);
  if (kind == "interval") {
    meta.set(kInterval, calendar::read_interval(expression));
  } else if (kind == "cron") {
    meta.set(kCron, json::String(to_its_cron(expression)));
  }
}

// Absent ones stay, null takes one away.
enum class Option { absent, none, given };
Option option_given(const json::Object& options, const char* key, std::int64_t least,
                    const char* at, std::int64_t& value) {
  const json::Value* v = options.if_contains(key);
  if (v == nullptr) return Option::absent;
  if (v->is_null()) return Option::none;
  value = json::integer(options, key, INT64_MIN);
  if (value < least || value > 1'000'000'000) invalid("it must be a whole number", at);
  return Option::given;
}

void set_options(Entry& e, Meta& meta, const json::Object& options, const std::string& kind) {
  std::int64_t n = 0;
  if (const Option o = option_given(options, kRepeat, 1, "/options/repeat", n);
      o != Option::absent) {
    if (o == Option::given && kind == "clocked")
      invalid("what runs once has no repeats", "/options/repeat");
    meta.set(kRepeat, o == Option::given ? json::Value(n) : json::Value(nullptr));
  }
  const std::pair<const char*, std::string*> kFields[] = {{"timeout", &e.timeout},
                                                          {"result_ttl", &e.result_ttl}};
  for (const auto& [key, field] : kFields) {
    const Option o = option_given(options, key, -1, "/options", n);
    if (o != Option::absent) *field = o == Option::given ? std::to_string(n) : std::string();
  }
}

std::string described(const rq::Call& call) {
  const json::Array* args = call.args.value.if_array();
  const json::Object* kwargs = call.kwargs.value.if_object();
  return args != nullptr && kwargs != nullptr ? rq::describe_call(call.func_name, *args, *kwargs)
                                              : call.func_name + "(...)";
}

void set_call(Entry& e, const Wanted& w, const Schedule& before) {
  const bool has_args = w.args && json::Value(*w.args) != json::Value(before.args);
  const bool has_kwargs = w.kwargs && json::Value(*w.kwargs) != json::Value(before.kwargs);
  const bool has_task = w.task && *w.task != before.task;
  if (!has_args && !has_kwargs && !has_task) return;
  const rq::Call call = rq::decode_call(e.data, kShown);
  const char* at = has_args ? "/args" : has_kwargs ? "/kwargs" : "/task";
  if (call.form == rq::Form::unknown) invalid(call.why, at);
  try {
    const bool was_default = e.description == described(call);
    e.data =
        rq::encode_call(call.form, has_task ? *w.task : call.func_name,
                        has_args ? &*w.args : nullptr, has_kwargs ? &*w.kwargs : nullptr, &call);
    if (was_default) e.description = described(rq::decode_call(e.data, kShown));
  } catch (const Error& error) {
    if (error.code != Z4J_INVALID) throw;
    invalid(error.what(), at);
  }
}

}  // namespace

Meta Meta::read(std::string_view bytes) {
  Meta m;
  if (bytes.empty()) return m;
  try {
    if (bytes.size() > kMaxMetaBytes) throw Error(Z4J_TOO_LARGE, "it is too large");
    if (bytes.front() == '{') {
      m.form_ = rq::Form::json;
      json::Value root = json::parse(bytes, kMaxMetaBytes);
      m.shown_ = std::move(root.as_object());
      return m;
    }
    m.form_ = rq::Form::pickle;
    m.document_ = pickle::load(bytes, {.max_bytes = kMaxMetaBytes, .max_items = 20'000});
    const pickle::Node& root = m.document_[m.document_.root];
    if (root.kind != pickle::Kind::dict) throw Error(Z4J_INVALID, "it is no mapping");
    for (std::size_t i = 0; i + 1 < root.pairs.size(); i += 2) {
      const pickle::Node& key = m.document_[root.pairs[i]];
      if (key.kind != pickle::Kind::text || !pickle::valid_utf8(key.text)) continue;
      if (auto value =
              pickle::to_json(m.document_, root.pairs[i + 1], pickle::TopTuple::refuse, kShown))
        m.shown_[key.text] = std::move(*value);
    }
    if (!pickle::is_plain(m.document_, m.document_.root))
      m.why_ = "its meta holds objects of the application";
  } catch (const std::exception& e) {
    m.why_ = std::string("its meta cannot be read: ") + text::clean(e.what(), 200);
  }
  return m;
}

void Meta::set(std::string_view key, const json::Value& value) {
  if (value.is_null()) {
    shown_.erase(key);
  } else {
    shown_[key] = value;
  }
  if (form_ != rq::Form::pickle) return;
  std::vector<pickle::NodeId> pairs;
  const std::vector<pickle::NodeId> old = document_[document_.root].pairs;
  for (std::size_t i = 0; i + 1 < old.size(); i += 2) {
    const pickle::Node& name = document_[old[i]];
    if (name.kind == pickle::Kind::text && name.text == key) continue;
    pairs.push_back(old[i]);
    pairs.push_back(old[i + 1]);
  }
  if (!value.is_null()) {
    pairs.push_back(added(document_, node_of(json::Value(json::String(key)))));
    pairs.push_back(added(document_, node_of(value)));
  }
  document_.nodes[document_.root].pairs = std::move(pairs);
}

std::string Meta::write(rq::Form form_of_new) const {
  if (form_ == rq::Form::unknown && shown_.empty()) return {};
  const rq::Form form = form_ == rq::Form::unknown ? form_of_new : form_;
  if (form == rq::Form::json) return json::write(shown_);
  pickle::Writer w;
  if (form_ == rq::Form::pickle) {
    w.node(document_, document_.root);
  } else {
    w.value(shown_);
  }
  return w.finish();
}

const redis::Args& entry_fields() {
  static const redis::Args fields = {"status",      "origin",  "data",       "meta",
                                     "description", "timeout", "result_ttl", "enqueued_at"};
  return fields;
}

Entry entry_of(std::string id, const redis::Reply& values) {
  Entry e;
  e.id = std::move(id);
  std::string* const places[] = {&e.status,      &e.origin,  &e.data,       &e.meta,
                                 &e.description, &e.timeout, &e.result_ttl, &e.enqueued_at};
  for (std::size_t i = 0; i < std::size(places) && i < values.items.size(); ++i)
    *places[i] = values.items[i].text;
  return e;
}

Schedule schedule_of(const Entry& e, const Settings& settings) {
  Schedule s;
  s.id = s.name = e.id;
  s.engine = "rq";
  s.queue = text::clean(e.origin, 200);
  s.description = text::clean(e.description, kMaxDescription);
  s.timezone = settings.timezone;
  s.is_enabled = !e.disabled;
  const Meta meta = Meta::read(e.meta);
  const Timing timing = timing_of(meta, e.due);
  s.kind = timing.kind;
  s.expression = timing.expression;
  const rq::Call call = rq::decode_call(e.data, kShown);
  s.task =
      call.form == rq::Form::unknown ? rq::name_in_description(s.description) : call.display_name;
  if (s.task.empty()) s.task = "unknown";
  if (call.args.exact && call.args.value.is_array() && !call.has_instance) {
    s.args = call.args.value.get_array();
  } else if (call.form != rq::Form::unknown) {
    s.options["args_repr"] = json::write(call.args.value);
  }
  if (call.kwargs.exact && call.kwargs.value.is_object() && !call.has_instance) {
    s.kwargs = call.kwargs.value.get_object();
  } else if (call.form != rq::Form::unknown) {
    s.options["kwargs_repr"] = json::write(call.kwargs.value);
  }
  if (const auto n = whole(e.timeout)) s.options["timeout"] = *n;
  if (const auto n = whole(e.result_ttl)) s.options["result_ttl"] = *n;
  if (json::Object others = meta_of_others(meta); !others.empty())
    s.options["meta"] = std::move(others);
  if (!e.disabled) s.next_run_at = e.due;
  if (const rq::Time last = rq::parse_time(e.enqueued_at))
    s.last_run_at = static_cast<double>(*last) / 1e6;
  s.capabilities = {"delete", "enable", "trigger"};
  if (e.too_large) {
    s.read_only_reason = "opaque_payload: it is too large to be read";
  } else if (!meta.is_plain()) {
    s.read_only_reason = "opaque_payload: " + meta.why();
  } else if (!timing.problem.empty()) {
    s.read_only_reason = "opaque_payload: " + timing.problem;
  } else {
    s.capabilities.insert(s.capabilities.begin(), "update");
  }
  return s;
}

json::Value own_form(const Entry& entry, const Settings& settings) {
  const Schedule s = schedule_of(entry, settings);
  json::Object o{{"id", s.id},         {"func", s.task},        {"args", s.args},
                 {"kwargs", s.kwargs}, {"queue_name", s.queue}, {"description", s.description}};
  if (s.kind == "interval") {
    o["interval"] = calendar::read_interval(s.expression);
  } else if (s.kind == "cron") {
    o["cron_string"] = s.read_only_reason.empty() ? to_its_cron(s.expression) : s.expression;
  }
  if (s.kind != "cron")
    o["scheduled_time"] = s.next_run_at ? iso_time(*s.next_run_at) : s.expression;
  for (const char* key : {"timeout", "result_ttl", "meta"}) {
    if (const json::Value* v = s.options.if_contains(key)) o[key] = *v;
  }
  if (const Meta meta = Meta::read(entry.meta); json::integer(meta.shown(), kRepeat) > 0)
    o[kRepeat] = json::integer(meta.shown(), kRepeat);
  return o;
}

Wanted from_own_form(const json::Value& own) {
  const json::Object* o = own.if_object();
  if (o == nullptr) invalid("the form of rq-scheduler is an object", "/own");
  json::Object ours;
  const std::pair<const char*, const char*> kSame[] = {
      {"id", "name"},       {"func", "task"},        {"args", "args"},
      {"kwargs", "kwargs"}, {"queue_name", "queue"}, {"description", "description"}};
  for (const auto& [its, our] : kSame) {
    if (const json::Value* v = o->if_contains(its)) ours[our] = *v;
  }
  const json::Value* cron = o->if_contains(kCron);
  const json::Value* interval = o->if_contains(kInterval);
  const json::Value* at = o->if_contains("scheduled_time");
  if (cron != nullptr && cron->is_string()) {
    const std::optional<std::string> expression = from_its_cron(json::text(*o, kCron));
    if (!expression) invalid("a cron with years cannot be taken", "/own/cron_string");
    ours["kind"] = "cron";
    ours["expression"] = *expression;
  } else if (interval != nullptr && interval->is_number()) {
    ours["kind"] = "interval";
    ours["expression"] = std::to_string(json::integer(*o, kInterval));
    if (at != nullptr && at->is_string())
      ours["starts_at"] =
          calendar::read_instant(json::text(*o, "scheduled_time"), calendar::Zone());
  } else if (at != nullptr && at->is_string()) {
    ours["kind"] = "clocked";
    ours["expression"] = *at;
  } else {
    invalid("it needs cron_string, interval or scheduled_time", "/own");
  }
  json::Object options;
  for (const char* key : {kRepeat, "timeout", "result_ttl", "meta"}) {
    if (const json::Value* v = o->if_contains(key)) options[key] = *v;
  }
  ours["options"] = std::move(options);
  return schedule::read_wanted(json::write(ours));
}

Change made(const Wanted& w, const Settings& settings, double now) {
  if (!w.name) invalid("a name is needed", "/name");
  if (!good_id(*w.name))
    invalid("the name becomes the job's id: letters, digits, _ and - only", "/name");
  if (!w.task) invalid("a task is needed", "/task");
  if (!w.kind) invalid("a kind is needed", "/kind");
  if (!w.expression) invalid("an expression is needed", "/expression");
  refuse_what_it_has_not(w, settings, *w.kind);
  Change c;
  Entry& e = c.entry;
  e.id = *w.name;
  e.status = "scheduled";
  e.origin = w.queue && !w.queue->empty() ? *w.queue : "default";
  const json::Array args = w.args.value_or(json::Array());
  const json::Object kwargs = w.kwargs.value_or(json::Object());
  e.data = rq::encode_call(settings.serializer, *w.task, &args, &kwargs);
  e.description = w.description && !w.description->empty()
                      ? *w.description
                      : rq::describe_call(*w.task, args, kwargs);
  Meta meta;
  json::Object options = w.options.value_or(json::Object());
  if (const json::Object* others = json::object(options, "meta")) {
    for (const auto& member : *others)
      meta.set({member.key().data(), member.key().size()}, member.value());
  }
  // What repeats keeps its job, as rq-scheduler itself would have it.
  if (*w.kind != "clocked" && !options.contains("result_ttl")) options["result_ttl"] = -1;
  set_options(e, meta, options, *w.kind);
  set_timing(meta, *w.kind, *w.expression);
  if (*w.kind == "cron") meta.set(kLocal, settings.timezone != "UTC");
  e.meta = meta.write(settings.serializer);
  e.disabled = w.is_enabled && !*w.is_enabled;
  const bool starts_later = w.starts_at && *w.starts_at && **w.starts_at > now;
  if (starts_later && *w.kind == "interval") {
    static_cast<void>(next_due(*w.kind, *w.expression, settings.timezone, now));
    c.due = **w.starts_at;
  } else {
    c.due = next_due(*w.kind, *w.expression, settings.timezone, starts_later ? **w.starts_at : now);
  }
  if (!c.due) invalid("it would never run", "/expression");
  e.due = *c.due;
  return c;
}

Change edited(const Entry& entry, const Wanted& w, const Settings& settings, double now) {
  const Schedule before = schedule_of(entry, settings);
  Change c;
  c.entry = entry;
  Entry& e = c.entry;
  if (w.name && *w.name != before.name)
    invalid("the name is the job's id, which can't change", "/name");
  const std::string kind = w.kind.value_or(before.kind);
  const std::string expression = w.expression.value_or(before.expression);
  const bool new_timing = kind != before.kind || expression != before.expression;
  const bool new_options = w.options && json::Value(*w.options) != json::Value(before.options);
  const bool needs_meta = new_timing || new_options;
  if (!before.read_only_reason.empty() && (needs_meta || w.task || w.args || w.kwargs)) {
    Schedule after = before;
    if (w.task) after.task = *w.task;
    if (w.args) after.args = *w.args;
    if (w.kwargs) after.kwargs = *w.kwargs;
    if (needs_meta || schedule::etag_of(after) != schedule::etag_of(before))
      throw Error(Z4J_DENIED, before.read_only_reason);
  }
  refuse_what_it_has_not(w, settings, kind);
  set_call(e, w, before);
  if (w.queue && !w.queue->empty()) e.origin = *w.queue;
  if (w.description && *w.description != before.description) e.description = *w.description;
  if (needs_meta) {
    Meta meta = Meta::read(e.meta);
    if (new_options) {
      const json::Object* others = json::object(*w.options, "meta");
      if (others != nullptr && json::Value(*others) != json::Value(meta_of_others(meta)))
        invalid("the application's own meta can't be changed from here", "/options/meta");
      set_options(e, meta, *w.options, kind);
    }
    if (new_timing) {
      set_timing(meta, kind, expression);
      if (kind == "cron") meta.set(kLocal, settings.timezone != "UTC");
      if (kind == "clocked") meta.set(kRepeat, nullptr);
    }
    e.meta = meta.write(settings.serializer);
  }
  if (w.is_enabled) e.disabled = !*w.is_enabled;
  const bool switched_on = entry.disabled && !e.disabled && kind != "clocked" && e.due <= now;
  if (new_timing || switched_on) {
    c.due = next_due(kind, expression, settings.timezone, now);
    if (!c.due) invalid("it would never run", "/expression");
    e.due = *c.due;
  }
  return c;
}

}  // namespace z4j::rq_scheduler
