#include "src/django_row.hpp"

#include "lib/text/text.hpp"
#include "src/timing.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace z4j::celery_beat {
namespace {

constexpr std::size_t kMaxText = 64u << 10;

// In the order of django_select().
enum Column : std::size_t {
  kId,
  kName,
  kTask,
  kArgs,
  kKwargs,
  kQueue,
  kExchange,
  kRoutingKey,
  kHeaders,
  kPriority,
  kExpires,
  kExpireSeconds,
  kOneOff,
  kStartTime,
  kEnabled,
  kLastRunAt,
  kTotalRunCount,
  kDescription,
  kEvery,
  kPeriod,
  kMinute,
  kHour,
  kDayOfWeek,
  kDayOfMonth,
  kMonthOfYear,
  kTimezone,
  kEvent,
  kLatitude,
  kLongitude,
  kClockedTime,
  kTimingId
};
static_assert(kTimingId + 1 == kDjangoColumns);

[[noreturn]] void corrupt(const std::string& what) {
  throw Error(Z4J_CORRUPT, "a row of django_celery_beat_periodictask holds " + what);
}

std::int64_t integer_of(const database::Text& text, const char* what) {
  char* end = nullptr;
  const long long n = text ? std::strtoll(text->c_str(), &end, 10) : 0;
  if (!text || text->empty() || *end != '\0') corrupt(std::string("no number as ") + what);
  return n;
}
bool flag_of(const database::Text& text) { return text && (*text == "1" || *text == "true"); }

std::optional<double> seconds_of(std::optional<std::int64_t> us) {
  return us ? std::optional<double>(static_cast<double>(*us) / 1e6) : std::nullopt;
}

// "51.500000" and "51.5" are one place.
std::string degrees(const database::Text& text) {
  char* end = nullptr;
  const double value = text ? std::strtod(text->c_str(), &end) : 0;
  if (!text || *end != '\0') corrupt("no number as a latitude or longitude");
  char out[32];
  std::snprintf(out, sizeof out, "%.6f", value);
  std::string s = out;
  while (s.back() == '0') s.pop_back();
  if (s.back() == '.') s.pop_back();
  return s == "-0" ? "0" : s;
}

std::int64_t unit_us(const std::string& period) {
  if (period == "days") return 86'400 * kSecond;
  if (period == "hours") return 3600 * kSecond;
  if (period == "minutes") return 60 * kSecond;
  if (period == "seconds") return kSecond;
  if (period == "microseconds") return 1;
  return 0;
}

std::int64_t floor_seconds(std::int64_t us) {
  return us >= 0 ? us / kSecond : (us - kSecond + 1) / kSecond;
}
std::int64_t instant_of(const calendar::Zone& zone, std::int64_t wall_us) {
  const std::int64_t seconds = floor_seconds(wall_us);
  return zone.instant_of(seconds) * kSecond + (wall_us - seconds * kSecond);
}

// "2026-11-23 20:52:23.375445", as SQLite has it.
std::int64_t wall_of(const std::string& text) {
  std::string iso = text;
  if (iso.size() > 10) iso[10] = 'T';
  const auto wall = z4j::text::parse_iso_time(iso);
  if (!wall) corrupt("'" + text.substr(0, 40) + "' as a time");
  return *wall;
}
std::string text_of(std::int64_t wall_us) {
  std::string out = z4j::text::format_iso_time(wall_us).substr(0, 26);
  out[10] = ' ';
  return wall_us % kSecond == 0 ? out.substr(0, 19) : out;
}

class Reader {
 public:
  Reader(const database::Row& row, const DjangoTimes& times) : row_(row), times_(times) {}

  DjangoRow read() {
    Schedule& s = out_.schedule;
    s.id = text(kId);
    s.name = text(kName);
    s.engine = "celery";
    s.task = text(kTask);
    s.queue = text(kQueue);
    s.description = text(kDescription);
    s.is_enabled = flag_of(row_[kEnabled]);
    s.last_run_at = seconds_of(times_.read(row_[kLastRunAt]));
    s.starts_at = seconds_of(times_.read(row_[kStartTime]));
    s.ends_at = seconds_of(times_.read(row_[kExpires]));
    s.total_runs = integer_of(row_[kTotalRunCount], "total_run_count");
    out_.timing_id = text(kTimingId);
    read_options();
    read_arguments();
    read_timing();
    if (!problem_.empty()) s.options["problem"] = problem_;
    return std::move(out_);
  }

 private:
  std::string raw(Column c) const { return row_[c].value_or(std::string()); }
  std::string text(Column c) const { return z4j::text::clean(raw(c), kMaxText); }
  void problem(const std::string& what) { problem_ += (problem_.empty() ? "" : "; ") + what; }

  void read_options() {
    json::Object& o = out_.schedule.options;
    if (!text(kExchange).empty()) o["exchange"] = text(kExchange);
    if (!text(kRoutingKey).empty()) o["routing_key"] = text(kRoutingKey);
    if (row_[kPriority]) o["priority"] = integer_of(row_[kPriority], "priority");
    if (row_[kExpireSeconds])
      o["expire_seconds"] = integer_of(row_[kExpireSeconds], "expire_seconds");
    if (flag_of(row_[kOneOff])) o["one_off"] = true;
    const json::Value headers = value_of(kHeaders, "{}", "headers");
    if (headers.is_object() && !headers.get_object().empty()) o["headers"] = headers;
  }
  void read_arguments() {
    const json::Value args = value_of(kArgs, "[]", "args"),
                      kwargs = value_of(kKwargs, "{}", "kwargs");
    if (const json::Array* a = args.if_array()) out_.schedule.args = *a;
    if (const json::Object* k = kwargs.if_object()) out_.schedule.kwargs = *k;
  }
  json::Value value_of(Column c, const char* when_empty, const char* name) {
    const bool wants_list = *when_empty == '[';
    try {
      const std::string given = raw(c);
      json::Value v = json::parse(given.empty() ? when_empty : given, schedule::kMaxArguments);
      if (wants_list ? v.is_array() : v.is_object()) return v;
    } catch (const Error&) {
    }
    problem(std::string("its ") + name + " are no JSON " + (wants_list ? "list" : "object"));
    return nullptr;
  }

  void read_timing() {
    Schedule& s = out_.schedule;
    if (row_[kEvery]) {
      s.kind = "interval";
      const std::int64_t every = integer_of(row_[kEvery], "every"), unit = unit_us(text(kPeriod));
      if (unit == 0) problem("its period '" + text(kPeriod) + "' is none");
      const bool fits = every >= 0 && (unit == 0 || every < (std::int64_t{1} << 62) / unit);
      s.expression = interval_text(fits ? every * std::max<std::int64_t>(unit, 1) : 0);
    } else if (row_[kMinute]) {
      s.kind = "cron";
      s.expression = join_crontab(
          {text(kMinute), text(kHour), text(kDayOfMonth), text(kMonthOfYear), text(kDayOfWeek)});
      s.timezone = text(kTimezone).empty() ? "UTC" : text(kTimezone);
    } else if (row_[kEvent]) {
      s.kind = "solar";
      s.expression =
          text(kEvent) + ":" + degrees(row_[kLatitude]) + ":" + degrees(row_[kLongitude]);
    } else if (const auto at = times_.read(row_[kClockedTime])) {
      s.kind = "clocked";
      s.expression = z4j::text::format_iso_time(*at);
    } else {
      s.kind = "clocked";
      s.expression = "1970-01-01T00:00:00+00:00";
      problem("it has no schedule");
    }
  }

  const database::Row& row_;
  const DjangoTimes& times_;
  DjangoRow out_;
  std::string problem_;
};

}  // namespace

DjangoTimes::DjangoTimes(database::Kind kind, const std::string& naive_times_in)
    : kind_(kind), zone_(calendar::zone_named(naive_times_in.empty() ? "UTC" : naive_times_in)) {}

std::string DjangoTimes::column(const std::string& name) const {
  if (kind_ == database::Kind::sqlite) return "CAST(" + name + " AS TEXT)";
  return "CAST(CAST(EXTRACT(EPOCH FROM " + name + ")*1000000 AS bigint) AS TEXT)";
}

std::optional<std::int64_t> DjangoTimes::read(const database::Text& text) const {
  if (!text || text->empty()) return std::nullopt;
  if (is_sqlite()) return wall_of(*text);
  const std::int64_t us = integer_of(text, "a time");
  return us + zone_->offset_at(floor_seconds(us)) * kSecond;
}

std::string DjangoTimes::write(std::int64_t us) const {
  if (is_sqlite()) return text_of(us);
  return text::format_iso_time(instant_of(*zone_, us));
}

std::optional<std::int64_t> DjangoTimes::read_stamp(const database::Text& text) const {
  if (!text || text->empty()) return std::nullopt;
  return is_sqlite() ? instant_of(*zone_, wall_of(*text)) : integer_of(text, "a time");
}

std::string DjangoTimes::write_stamp(std::int64_t us) const {
  return is_sqlite() ? text_of(us + zone_->offset_at(floor_seconds(us)) * kSecond)
                     : text::format_iso_time(us);
}

std::string django_select(const DjangoTimes& times) {
  const auto as_text = [](const char* name) { return std::string("CAST(") + name + " AS TEXT)"; };
  std::string out = "SELECT " + as_text("p.id") +
                    ",p.name,p.task,p.args,p.kwargs,p.queue,p.exchange,p.routing_key,p.headers," +
                    as_text("p.priority") + "," + times.column("p.expires") + "," +
                    as_text("p.expire_seconds") + "," + as_text("p.one_off") + "," +
                    times.column("p.start_time") + "," + as_text("p.enabled") + "," +
                    times.column("p.last_run_at") + "," + as_text("p.total_run_count") +
                    ",p.description," + as_text("i.every") +
                    ",i.period,c.minute,c.hour,c.day_of_week,c.day_of_month,c.month_of_year," +
                    as_text("c.timezone") + ",s.event," + as_text("s.latitude") + "," +
                    as_text("s.longitude") + "," + times.column("k.clocked_time") + "," +
                    as_text("COALESCE(p.interval_id,p.crontab_id,p.solar_id,p.clocked_id)") +
                    " FROM django_celery_beat_periodictask p"
                    " LEFT JOIN django_celery_beat_intervalschedule i ON i.id=p.interval_id"
                    " LEFT JOIN django_celery_beat_crontabschedule c ON c.id=p.crontab_id"
                    " LEFT JOIN django_celery_beat_solarschedule s ON s.id=p.solar_id"
                    " LEFT JOIN django_celery_beat_clockedschedule k ON k.id=p.clocked_id ";
  return out;
}

DjangoRow django_row(const database::Row& row, const DjangoTimes& times) {
  return Reader(row, times).read();
}

}  // namespace z4j::celery_beat
