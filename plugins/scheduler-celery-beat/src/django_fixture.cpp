#include "src/django_fixture.hpp"

#include "lib/text/text.hpp"
#include "src/crontab.hpp"
#include "src/timing.hpp"

#include <z4j/plugin.hpp>

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

namespace z4j::celery_beat {
namespace {

constexpr const char* kOwn = "/own";
constexpr std::array<std::pair<const char*, const char*>, 4> kTables = {
    {{"interval", "interval"}, {"cron", "crontab"}, {"solar", "solar"}, {"clocked", "clocked"}}};

json::Value time_value(const std::optional<double>& seconds) {
  if (!seconds) return nullptr;
  return json::Value(text::format_iso_time(std::llround(*seconds * 1e6)));
}
json::Value option(const json::Object& options, const char* key) {
  const json::Value* v = options.if_contains(key);
  return v != nullptr ? *v : json::Value(nullptr);
}

// "sunrise:51.5:0" in its three parts.
std::array<std::string, 3> solar_parts(const std::string& expression) {
  const std::size_t one = expression.find(':'), two = expression.find(':', one + 1);
  if (one == std::string::npos || two == std::string::npos) return {expression, "0", "0"};
  return {expression.substr(0, one), expression.substr(one + 1, two - one - 1),
          expression.substr(two + 1)};
}

json::Object timing_fields(const Schedule& s) {
  if (s.kind == "interval") {
    const std::string& e = s.expression;
    const char last = e.empty() ? '0' : e.back();
    const char* period = last == 'd'   ? "days"
                         : last == 'h' ? "hours"
                         : last == 'm' ? "minutes"
                         : last == 's' ? "seconds"
                                       : "microseconds";
    const std::int64_t every =
        period[1] == 'i' && period[2] == 'c' ? interval_us(e) : std::atoll(e.c_str());
    return {{"every", every}, {"period", period}};
  }
  if (s.kind == "cron") {
    const Crontab c = split_crontab(s.expression);
    return {{"minute", c.minute},
            {"hour", c.hour},
            {"day_of_week", c.day_of_week},
            {"day_of_month", c.day_of_month},
            {"month_of_year", c.month_of_year},
            {"timezone", s.timezone}};
  }
  if (s.kind == "solar") {
    const auto [event, latitude, longitude] = solar_parts(s.expression);
    return {{"event", event}, {"latitude", latitude}, {"longitude", longitude}};
  }
  return {{"clocked_time", s.expression}};
}

const char* table_of(const std::string& kind) {
  for (const auto& [k, table] : kTables) {
    if (kind == k) return table;
  }
  return "clocked";
}

json::Value pk_of(const std::string& id) {
  return id.empty() ? json::Value(nullptr)
                    : json::Value(static_cast<std::int64_t>(std::atoll(id.c_str())));
}

std::string text_field(const json::Object& fields, const char* key) {
  const json::Value* v = fields.if_contains(key);
  if (v == nullptr || v->is_null()) return {};
  if (v->is_string()) return std::string(v->get_string().data(), v->get_string().size());
  if (v->is_number()) return json::write(*v);
  schedule::invalid(std::string(key) + " of the fixture must be a text", kOwn);
}

json::Value json_field(const json::Object& fields, const char* key, const char* otherwise) {
  const std::string given = text_field(fields, key);
  try {
    return json::parse(given.empty() ? otherwise : given, schedule::kMaxArguments);
  } catch (const Error& e) {
    schedule::invalid(std::string(key) + " of the fixture: " + e.what(), kOwn);
  }
}

const json::Object& row_of(const json::Array& rows, const std::string& model,
                           const json::Value* pk) {
  for (const json::Value& row : rows) {
    const json::Object* o = row.if_object();
    if (o == nullptr || json::text(*o, "model") != "django_celery_beat." + model) continue;
    const json::Value* own_pk = o->if_contains("pk");
    if (pk != nullptr && (own_pk == nullptr || *own_pk != *pk)) continue;
    if (const json::Object* fields = json::object(*o, "fields")) return *fields;
  }
  schedule::invalid("the fixture has no row of django_celery_beat." + model + " that is meant",
                    kOwn);
}

void read_timing(const json::Array& rows, const json::Object& task, schedule::Wanted& w) {
  for (const auto& [kind, table] : kTables) {
    const json::Value* pk = task.if_contains(table);
    if (pk == nullptr || pk->is_null()) continue;
    const json::Object& f = row_of(rows, std::string(table) + "schedule", pk);
    w.kind = kind;
    if (w.kind == "interval") {
      const std::string period = text_field(f, "period"), every = text_field(f, "every");
      if (period == "microseconds") {
        w.expression = interval_text(std::atoll(every.c_str()));
      } else {
        w.expression = every + (period.empty() ? "s" : period.substr(0, 1));
      }
    } else if (w.kind == "cron") {
      w.expression = join_crontab({text_field(f, "minute"), text_field(f, "hour"),
                                   text_field(f, "day_of_month"), text_field(f, "month_of_year"),
                                   text_field(f, "day_of_week")});
      const std::string zone = text_field(f, "timezone");
      w.timezone = zone.empty() ? "UTC" : zone;
    } else if (w.kind == "solar") {
      w.expression = text_field(f, "event") + ":" + text_field(f, "latitude") + ":" +
                     text_field(f, "longitude");
    } else {
      w.expression = text_field(f, "clocked_time");
    }
    return;
  }
  schedule::invalid("the periodic task of the fixture names no schedule", kOwn);
}

std::optional<double> time_field(const json::Object& fields, const char* key) {
  const std::string given = text_field(fields, key);
  if (given.empty()) return std::nullopt;
  const auto us = text::parse_iso_time(given);
  if (!us) schedule::invalid(std::string(key) + " of the fixture is no time", kOwn);
  return static_cast<double>(*us) / 1e6;
}

}  // namespace

json::Value to_fixture(const DjangoRow& row) {
  const Schedule& s = row.schedule;
  const char* table = table_of(s.kind);
  json::Object fields{{"name", s.name},
                      {"task", s.task},
                      {"interval", nullptr},
                      {"crontab", nullptr},
                      {"solar", nullptr},
                      {"clocked", nullptr},
                      {"args", json::write(s.args)},
                      {"kwargs", json::write(s.kwargs)},
                      {"queue", s.queue.empty() ? json::Value(nullptr) : json::Value(s.queue)},
                      {"exchange", option(s.options, "exchange")},
                      {"routing_key", option(s.options, "routing_key")},
                      {"priority", option(s.options, "priority")},
                      {"expires", time_value(s.ends_at)},
                      {"expire_seconds", option(s.options, "expire_seconds")},
                      {"one_off", json::boolean(s.options, "one_off")},
                      {"start_time", time_value(s.starts_at)},
                      {"enabled", s.is_enabled},
                      {"last_run_at", time_value(s.last_run_at)},
                      {"total_run_count", s.total_runs.value_or(0)},
                      {"date_changed", text::format_iso_time(now_us())},
                      {"description", s.description}};
  const json::Object* headers = json::object(s.options, "headers");
  fields["headers"] = headers != nullptr ? json::write(*headers) : "{}";
  fields[table] = pk_of(row.timing_id);
  json::Array rows;
  rows.emplace_back(json::Object{{"model", std::string("django_celery_beat.") + table + "schedule"},
                                 {"pk", pk_of(row.timing_id)},
                                 {"fields", timing_fields(s)}});
  rows.emplace_back(json::Object{{"model", "django_celery_beat.periodictask"},
                                 {"pk", pk_of(s.id)},
                                 {"fields", std::move(fields)}});
  return rows;
}

schedule::Wanted from_fixture(const json::Value& own) {
  const json::Array* rows = own.if_array();
  if (rows == nullptr || rows->size() > 10'000)
    schedule::invalid(
        "a fixture is a list of rows, as manage.py dumpdata django_celery_beat writes it", kOwn);
  const json::Object& f = row_of(*rows, "periodictask", nullptr);
  schedule::Wanted w;
  read_timing(*rows, f, w);
  w.name = text_field(f, "name");
  w.task = text_field(f, "task");
  if (w.name->empty() || w.task->empty())
    schedule::invalid("the periodic task needs a name and a task", kOwn);
  const json::Value args = json_field(f, "args", "[]"), kwargs = json_field(f, "kwargs", "{}");
  const json::Value headers = json_field(f, "headers", "{}");
  if (!args.is_array() || !kwargs.is_object() || !headers.is_object())
    schedule::invalid("args must be a list, kwargs and headers objects", kOwn);
  w.args = args.get_array();
  w.kwargs = kwargs.get_object();
  w.queue = text_field(f, "queue");
  w.description = text_field(f, "description");
  w.is_enabled = json::boolean(f, "enabled", true);
  w.starts_at = time_field(f, "start_time");
  w.ends_at = time_field(f, "expires");
  json::Object options;
  for (const char* key : {"exchange", "routing_key", "priority", "expire_seconds"}) {
    if (json::Value v = option(f, key); !v.is_null()) options[key] = std::move(v);
  }
  if (json::boolean(f, "one_off")) options["one_off"] = true;
  if (!headers.get_object().empty()) options["headers"] = headers;
  w.options = std::move(options);
  return w;
}

}  // namespace z4j::celery_beat
