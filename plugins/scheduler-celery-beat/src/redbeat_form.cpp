#include "src/redbeat_form.hpp"

#include "lib/calendar/zone.hpp"
#include "lib/text/text.hpp"
#include "src/crontab.hpp"
#include "src/timing.hpp"

#include <z4j/plugin.hpp>

#include <cmath>
#include <cstdio>
#include <utility>

namespace z4j::celery_beat {
namespace {

std::optional<std::int64_t> read_datetime(const json::Object& o) {
  if (json::text(o, "__type__") != "datetime") return std::nullopt;
  char iso[80];
  std::snprintf(
      iso, sizeof iso, "%04d-%02d-%02dT%02d:%02d:%02d.%06d",
      static_cast<int>(json::integer(o, "year")), static_cast<int>(json::integer(o, "month")),
      static_cast<int>(json::integer(o, "day")), static_cast<int>(json::integer(o, "hour")),
      static_cast<int>(json::integer(o, "minute")), static_cast<int>(json::integer(o, "second")),
      static_cast<int>(json::integer(o, "microsecond")));
  const auto wall = text::parse_iso_time(iso);
  if (!wall) return std::nullopt;
  const json::Value* zone = o.if_contains("timezone");
  // A number is the offset from UTC in seconds; a text the name of a zone.
  if (zone != nullptr && zone->is_number()) {
    const double offset = json::number(o, "timezone");
    return std::abs(offset) < 1e6
               ? std::optional(*wall - static_cast<std::int64_t>(offset) * kSecond)
               : std::nullopt;
  }
  const std::string_view name = json::text(o, "timezone", "UTC");
  if (name == "UTC") return wall;
  try {
    const std::int64_t seconds = *wall / kSecond;
    return calendar::zone_named(name)->instant_of(seconds) * kSecond + *wall % kSecond;
  } catch (const Error&) {
    return std::nullopt;
  }
}

json::Object datetime_object(std::int64_t us) {
  const std::string iso = text::format_iso_time(us);  // 2026-11-23T20:50:48.758706+00:00
  const auto part = [&](std::size_t from, std::size_t n) {
    return std::stoll(iso.substr(from, n));
  };
  return {{"__type__", "datetime"}, {"year", part(0, 4)},         {"month", part(5, 2)},
          {"day", part(8, 2)},      {"hour", part(11, 2)},        {"minute", part(14, 2)},
          {"second", part(17, 2)},  {"microsecond", part(20, 6)}, {"timezone", "UTC"}};
}

// A field may have been given as a number or a set in Python.
std::string crontab_field(const json::Object& o, const char* key) {
  const json::Value* v = o.if_contains(key);
  if (v == nullptr) return "*";
  if (v->is_string()) return std::string(v->get_string().data(), v->get_string().size());
  if (v->is_int64()) return std::to_string(v->get_int64());
  if (const json::Array* a = v->if_array()) {
    std::string out;
    for (const json::Value& n : *a) out += (out.empty() ? "" : ",") + json::write(n);
    return out;
  }
  schedule::invalid(std::string("its crontab has no ") + key, "");
}

// The rule of dateutil: FREQ is a number, YEARLY to SECONDLY.
void read_rrule(const json::Object& rule, schedule::Schedule& s) {
  s.options["rrule"] = rule;
  constexpr std::int64_t kUnits[] = {0, 0, 604'800, 86'400, 3600, 60, 1};
  const std::int64_t freq = json::integer(rule, "freq", -1),
                     every = json::integer(rule, "interval", 1);
  bool is_plain =
      freq >= 2 && freq <= 6 && every > 0 && every < 1'000'000 && rule.contains("dtstart");
  for (const auto& member : rule) {
    if (member.key().starts_with("by") && !member.value().is_null()) is_plain = false;
  }
  if (is_plain) {
    s.kind = "interval";
    s.expression = interval_text(kUnits[freq] * every * kSecond);
    return;
  }
  s.kind = "clocked";
  const std::int64_t start = json::integer(rule, "dtstart", 0);
  s.expression = text::format_iso_time(start > 0 && start < 253'402'300'799 ? start * kSecond : 0);
}

}  // namespace

RedbeatMeta read_meta(std::string_view meta_json) {
  RedbeatMeta m;
  try {
    const json::Value v = json::parse(meta_json, kMaxDefinition);
    if (const json::Object* o = v.if_object()) {
      if (const json::Object* last = json::object(*o, "last_run_at"))
        m.last_run_us = read_datetime(*last);
      if (o->contains("total_run_count")) m.total_runs = json::integer(*o, "total_run_count");
    }
  } catch (const Error&) {
  }
  return m;
}

std::string write_meta(const RedbeatMeta& m) {
  json::Object o;
  o["last_run_at"] =
      m.last_run_us ? json::Value(datetime_object(*m.last_run_us)) : json::Value(nullptr);
  if (m.total_runs) o["total_run_count"] = *m.total_runs;
  return json::write(o);
}

schedule::Schedule read_definition(const json::Object& d, const std::string& timezone) {
  schedule::Schedule s;
  s.name = json::text(d, "name");
  s.engine = "celery";
  s.task = json::text(d, "task");
  s.is_enabled = json::boolean(d, "enabled", true);
  if (const json::Array* args = json::array(d, "args")) s.args = *args;
  if (const json::Object* kwargs = json::object(d, "kwargs")) s.kwargs = *kwargs;
  if (const json::Object* options = json::object(d, "options")) {
    s.options = *options;
    s.queue = json::text(*options, "queue");
    if (!s.queue.empty()) s.options.erase("queue");
  }
  const json::Object* timing = json::object(d, "schedule");
  const std::string_view type =
      timing != nullptr ? json::text(*timing, "__type__") : std::string_view();
  if (type == "interval") {
    const double every = json::number(*timing, "every");
    if (!(every >= 0 && every < 1e10)) schedule::invalid("its interval is none", "");
    s.kind = "interval";
    s.expression = interval_text(std::llround(every * 1e6));
    if (json::boolean(*timing, "relative")) s.options["relative"] = true;
  } else if (type == "crontab") {
    s.kind = "cron";
    s.expression = join_crontab({crontab_field(*timing, "minute"), crontab_field(*timing, "hour"),
                                 crontab_field(*timing, "day_of_month"),
                                 crontab_field(*timing, "month_of_year"),
                                 crontab_field(*timing, "day_of_week")});
    s.timezone = timezone;
  } else if (type == "rrule") {
    read_rrule(*timing, s);
  } else {
    schedule::invalid("its schedule is of no known type", "");
  }
  if (s.task.empty()) schedule::invalid("it has no task", "");
  return s;
}

json::Object timing_object(const std::string& kind, const std::string& expression,
                           bool is_relative) {
  if (kind == "interval")
    return {{"__type__", "interval"},
            {"every", static_cast<double>(interval_us(expression)) / 1e6},
            {"relative", is_relative}};
  if (kind != "cron")
    schedule::invalid("RedBeat keeps intervals and crontabs, no schedules of kind '" + kind + "'",
                      "/kind");
  const Crontab c = split_crontab(expression);
  static_cast<void>(fields_of(c, MonthNames::refuse));
  return {{"__type__", "crontab"},
          {"minute", c.minute},
          {"hour", c.hour},
          {"day_of_week", c.day_of_week},
          {"day_of_month", c.day_of_month},
          {"month_of_year", c.month_of_year}};
}

}  // namespace z4j::celery_beat
