#include "src/job.hpp"

#include "lib/calendar/timetable.hpp"
#include "lib/pickle/pickle.hpp"
#include "lib/schedule/python_objects.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace z4j::apscheduler {
namespace {

using schedule::Schedule;

constexpr const char* kReason =
    "store_not_watched: the scheduler sleeps until the nearest run that it knows and does not look "
    "whether its store was "
    "changed; a delete is heeded when it wakes";
constexpr const char* kNever = "1970-01-01T00:00:00+00:00";
constexpr std::int64_t kSecond = 1'000'000;

bool is_of(const pickle::Node& node, std::string_view class_name) {
  return node.kind == pickle::Kind::object && node.text.size() > class_name.size() &&
         std::string_view(node.text).substr(node.text.size() - class_name.size() - 1) ==
             "." + std::string(class_name);
}

class JobReader {
 public:
  explicit JobReader(const pickle::Document& doc) : doc_(doc), objects_(doc) {}

  void read(Schedule& s) const {
    if (objects_.member(doc_.root, "version").value_or(pickle::kNoNode) == pickle::kNoNode)
      schedule::invalid("it is no job of APScheduler 3", "");
    const std::string name = text_of("name");
    const std::string both = name + " (" + s.id + ")";
    if (!name.empty() && name != s.id && both.size() <= schedule::kMaxName) s.name = both;
    s.task = text_of("func");
    if (s.task.empty()) s.task = "a function without a name";
    show(
        "args", pickle::TopTuple::as_array,
        [&](const json::Value& v) {
          if (v.is_array()) s.args = v.get_array();
        },
        s);
    show(
        "kwargs", pickle::TopTuple::refuse,
        [&](const json::Value& v) {
          if (v.is_object()) s.kwargs = v.get_object();
        },
        s);
    if (const std::string executor = text_of("executor");
        !executor.empty() && executor != "default")
      s.options["executor"] = executor;
    for (const char* key : {"misfire_grace_time", "max_instances"}) {
      if (const auto id = objects_.member(doc_.root, key)) {
        if (const auto n = objects_.integer(*id)) s.options[key] = *n;
      }
    }
    if (const auto id = objects_.member(doc_.root, "coalesce"))
      s.options["coalesce"] = doc_[*id].flag;
    read_trigger(s);
  }

 private:
  [[nodiscard]] std::string text_of(const char* key) const {
    const auto id = objects_.member(doc_.root, key);
    return id && doc_[*id].kind == pickle::Kind::text
               ? text::clean(doc_[*id].text, schedule::kMaxTask)
               : std::string();
  }

  template <class F>
  void show(const char* key, pickle::TopTuple top, F&& take, Schedule& s) const {
    const auto id = objects_.member(doc_.root, key);
    if (!id) return;
    const pickle::Shown shown = pickle::show(doc_, *id, top);
    if (shown.fully_decodable) return take(shown.value);
    s.options[std::string(key) + "_repr"] = shown.value;
  }

  void read_trigger(Schedule& s) const {
    const auto id = objects_.member(doc_.root, "trigger");
    if (!id) schedule::invalid("it has no trigger", "");
    const pickle::Node& trigger = doc_[*id];
    const pickle::NodeId state = trigger.state;
    const auto part = [&](const char* key) {
      return objects_.member(state, key).value_or(pickle::kNoNode);
    };
    if (const auto zone = objects_.zone_name(part("timezone")))
      s.timezone = text::clean(*zone, 100);
    const auto seconds = [&](const char* key) -> std::optional<double> {
      const auto us = objects_.datetime_us(part(key));
      return us ? std::optional<double>(static_cast<double>(*us) / 1e6) : std::nullopt;
    };
    if (is_of(trigger, "IntervalTrigger")) {
      const auto every = objects_.timedelta_us(part("interval"));
      if (!every || *every < kSecond) schedule::invalid("its interval is none", "");
      s.kind = "interval";
      s.expression = std::to_string(*every / kSecond) + "s";
      if (*every % kSecond != 0) s.options["interval_us"] = *every;
      s.starts_at = seconds("start_date");
      s.ends_at = seconds("end_date");
    } else if (is_of(trigger, "DateTrigger")) {
      const auto at = objects_.datetime_us(part("run_date"));
      if (!at) schedule::invalid("its date is none", "");
      s.kind = "clocked";
      s.expression = text::format_iso_time(*at);
    } else if (is_of(trigger, "CronTrigger")) {
      s.starts_at = seconds("start_date");
      s.ends_at = seconds("end_date");
      read_cron(s, part("fields"));
    } else {
      s.kind = "clocked";
      s.expression = kNever;
      s.options["trigger"] = pickle::to_repr(doc_, *id, {200, 1000, 10});
    }
    if (const auto jitter = objects_.integer(part("jitter"))) s.options["jitter"] = *jitter;
  }

  // "*/5", "1-5", "mon-fri" or "last sun"; is_plain: whether a cron expression can say it.
  struct FieldText {
    std::string text;
    bool is_default = false, is_plain = true;
  };
  [[nodiscard]] FieldText field_of(pickle::NodeId id, const std::string& name) const {
    FieldText out;
    const pickle::NodeId state = doc_[id].state;
    if (const auto is_default = objects_.member(state, "is_default"))
      out.is_default = doc_[*is_default].flag;
    const auto list = objects_.member(state, "expressions");
    if (!list) schedule::invalid("its cron fields can't be read", "");
    for (const pickle::NodeId e : doc_[*list].items) {
      const pickle::Node& node = doc_[e];
      const auto number = [&](const char* key) -> std::optional<std::int64_t> {
        const auto found = objects_.member(node.state, key);
        return found ? objects_.integer(*found) : std::nullopt;
      };
      const auto first = number("first"), last = number("last"), step = number("step");
      std::string text;
      // Monday is 0 there.
      const std::int64_t shift = name == "day_of_week" ? 1 : 0;
      if (is_of(node, "AllExpression")) {
        text = "*";
      } else if ((is_of(node, "RangeExpression") || is_of(node, "MonthRangeExpression") ||
                  is_of(node, "WeekdayRangeExpression")) &&
                 first) {
        text = std::to_string(*first + shift);
        if (!last || *last != *first)
          text += "-" + (last ? std::to_string(*last + shift) : most_of(name));
      } else {
        out.is_plain = false;
        text = pickle::to_repr(doc_, e, {50, 200, 5});
      }
      if (step && *step != 1) text += "/" + std::to_string(*step);
      out.text += (out.text.empty() ? "" : ",") + text;
    }
    return out;
  }
  [[nodiscard]] static std::string most_of(const std::string& name) {
    if (name == "minute" || name == "second") return "59";
    if (name == "hour") return "23";
    if (name == "day") return "31";
    if (name == "month") return "12";
    return "7";
  }

  void read_cron(Schedule& s, pickle::NodeId fields) const {
    if (fields >= doc_.nodes.size()) schedule::invalid("its cron fields can't be read", "");
    std::map<std::string, FieldText> found;
    bool is_plain = true;
    std::string told;
    for (const pickle::NodeId id : doc_[fields].items) {
      const auto name = objects_.member(doc_[id].state, "name");
      if (!name) schedule::invalid("its cron fields can't be read", "");
      const std::string key = text::clean(doc_[*name].text, 20);
      FieldText field = field_of(id, key);
      const bool is_foreign = (key == "year" || key == "week") && field.text != "*";
      is_plain = is_plain && field.is_plain && !is_foreign;
      if (!field.is_default) told += (told.empty() ? "" : ", ") + key + "=" + field.text;
      found[key] = std::move(field);
    }
    s.kind = "cron";
    for (const char* key : {"minute", "hour", "day", "month", "day_of_week", "second"}) {
      if (found.count(key) == 0) schedule::invalid("its cron fields can't be read", "");
      if (std::string_view(key) == "second" && found[key].text == "0") continue;
      s.expression += (s.expression.empty() ? "" : " ") + found[key].text;
    }
    if (is_plain) return;
    s.kind = "clocked";
    s.expression = kNever;
    s.options["trigger"] = "cron: " + told;
  }

  const pickle::Document& doc_;
  schedule::PythonObjects objects_;
};

}  // namespace

Schedule read_job(const std::string& id, std::string_view state,
                  std::optional<double> next_run_at) {
  Schedule s;
  s.id = s.name = text::clean(id, schedule::kMaxId);
  s.engine = "apscheduler";
  s.is_enabled = next_run_at.has_value();
  s.next_run_at = next_run_at;
  s.read_only_reason = kReason;
  s.capabilities = {"delete"};
  try {
    const pickle::Document doc = pickle::load(state);
    JobReader(doc).read(s);
  } catch (const Error& e) {
    s.task = s.task.empty() ? "unknown" : s.task;
    s.kind = "clocked";
    s.expression = kNever;
    s.read_only_reason = std::string("opaque_payload: its state can't be read: ") + e.what();
    s.options["problem"] = e.what();
  }
  return s;
}

std::vector<std::int64_t> next_times(const Schedule& s, std::int64_t from_us, std::size_t n) {
  std::vector<std::int64_t> out;
  const auto us_of = [](const std::optional<double>& t) {
    return static_cast<std::int64_t>(std::llround(t.value_or(0) * 1e6));
  };
  if (s.kind == "interval") {
    const std::int64_t every =
        json::integer(s.options, "interval_us", calendar::read_interval(s.expression) * kSecond);
    if (every < 1) schedule::invalid("its interval is none", "/expression");
    const std::int64_t start = us_of(s.starts_at);
    std::int64_t at = from_us < start ? start : start + ((from_us - start) / every + 1) * every;
    for (; out.size() < n && (!s.ends_at || at <= us_of(s.ends_at)) &&
           at < std::numeric_limits<std::int64_t>::max() - every;
         at += every)
      out.push_back(at);
    return out;
  }
  if (json::text(s.options, "trigger").empty() && !s.options.contains("problem")) {
    calendar::CronRules rules;
    rules.days = calendar::CronRules::Days::kBoth;
    const auto table = calendar::Timetable::read(s.kind, s.expression, s.timezone, rules);
    std::int64_t from = s.starts_at ? std::max(from_us, us_of(s.starts_at) - 1) : from_us;
    while (out.size() < n) {
      const auto t = table.next(from);
      if (!t || (s.ends_at && *t > us_of(s.ends_at))) break;
      out.push_back(*t);
      from = *t;
    }
  }
  return out;
}

}  // namespace z4j::apscheduler
