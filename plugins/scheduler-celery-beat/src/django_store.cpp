#include "src/django_store.hpp"

#include "lib/text/text.hpp"
#include "src/crontab.hpp"
#include "src/django_fixture.hpp"
#include "src/timing.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace z4j::celery_beat {
namespace {

constexpr std::int64_t kMaxInt = 2'147'483'647;
// Longer than beat sleeps between two looks.
constexpr std::int64_t kTellAgainAfterUs = 7'000'000;
constexpr std::size_t kMaxFresh = 1000;

struct KnownTable {
  const char* name;
  std::vector<std::string_view> columns;
};
// What this plugin reads and writes; a row can only be made when nothing else is required.
const std::vector<KnownTable>& known_tables() {
  static const std::vector<KnownTable> tables = {
      {"django_celery_beat_periodictask", {"id",
                                           "name",
                                           "task",
                                           "args",
                                           "kwargs",
                                           "queue",
                                           "exchange",
                                           "routing_key",
                                           "headers",
                                           "priority",
                                           "expires",
                                           "expire_seconds",
                                           "one_off",
                                           "start_time",
                                           "enabled",
                                           "last_run_at",
                                           "total_run_count",
                                           "date_changed",
                                           "description",
                                           "interval_id",
                                           "crontab_id",
                                           "solar_id",
                                           "clocked_id"}},
      {"django_celery_beat_intervalschedule", {"id", "every", "period"}},
      {"django_celery_beat_crontabschedule",
       {"id", "minute", "hour", "day_of_week", "day_of_month", "month_of_year", "timezone"}},
      {"django_celery_beat_solarschedule", {"id", "event", "latitude", "longitude"}},
      {"django_celery_beat_clockedschedule", {"id", "clocked_time"}},
      {"django_celery_beat_periodictasks", {"ident", "last_update"}}};
  return tables;
}

database::Text number_text(std::int64_t n) { return std::to_string(n); }
database::Text flag_text(bool is) { return std::string(is ? "1" : "0"); }
database::Text or_null(const std::string& text) {
  return text.empty() ? database::Text() : database::Text(text);
}

void check_length(const std::string& text, std::size_t most, const char* what, const char* at) {
  if (text.size() > most)
    schedule::invalid(std::string(what) + " is longer than the " + std::to_string(most) +
                          " characters of its column",
                      at);
}

bool is_id(const std::string& id) {
  return !id.empty() && id.size() <= 18 && id.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

DjangoStore::DjangoStore(const Settings& settings)
    : db_(settings.database),
      times_(settings.database.address.kind, settings.naive_times_in),
      select_(django_select(times_)) {}

// Which tables are there, once for each connection: a migration may have come between two.
void DjangoStore::learn() {
  db_.open();
  if (known_generation_ == db_.generation()) return;
  foreign_.clear();
  for (const KnownTable& table : known_tables()) {
    const std::string columns = db_.is_sqlite()
                                    ? "SELECT name,CASE WHEN \"notnull\"=1 AND dflt_value IS NULL "
                                      "AND pk=0 THEN '1' ELSE '0' END "
                                      "FROM pragma_table_info(:p1)"
                                    : "SELECT CAST(column_name AS text),CASE WHEN is_nullable='NO' "
                                      "AND column_default IS NULL AND "
                                      "is_identity='NO' THEN '1' ELSE '0' END FROM "
                                      "information_schema.columns WHERE table_name=:p1 AND "
                                      "table_schema=ANY(current_schemas(false))";
    const auto found = db_.read(columns, {std::string(table.name)}, 2, 1000);
    if (found.empty())
      throw Error(Z4J_BAD_CONFIG,
                  db_.shown() + " has no table " + table.name +
                      ": run the migrations of django-celery-beat, or correct database_url" +
                      (db_.is_sqlite() ? "" : " or schema"),
                  "/database_url");
    for (const std::string_view known : table.columns) {
      const bool is_there = std::any_of(found.begin(), found.end(),
                                        [&](const database::Row& r) { return r[0] == known; });
      if (!is_there)
        throw Error(Z4J_BAD_CONFIG,
                    std::string(table.name) + " has no column " + std::string(known) +
                        ": django-celery-beat 2.0 or newer is needed",
                    "/database_url");
    }
    for (const database::Row& r : found) {
      const bool is_known =
          std::find(table.columns.begin(), table.columns.end(), *r[0]) != table.columns.end();
      if (!is_known && r[1] == "1")
        foreign_ = std::string(table.name) + " requires the column " + *r[0] +
                   ", which this version does not know";
    }
  }
  known_generation_ = db_.generation();
}

void DjangoStore::must_be_writable() {
  if (!foreign_.empty()) throw Error(Z4J_DENIED, "not_permitted: " + foreign_);
}

Schedule DjangoStore::finished(DjangoRow row) const {
  Schedule s = std::move(row.schedule);
  s.capabilities = {"update", "delete", "enable", "trigger"};
  if (s.name == kCleanup) {
    s.read_only_reason =
        "beat_static_schedule: beat writes it anew at each start; only switching it off and on "
        "lasts";
    s.capabilities = {"enable", "trigger"};
  }
  if (!foreign_.empty()) {
    s.read_only_reason = "not_permitted: " + foreign_;
    s.capabilities = {"trigger"};
  }
  // An interval begins when beat first sees it, which nobody else knows.
  const bool is_open = s.kind == "interval" && !s.last_run_at;
  if (!s.is_enabled || is_open || s.options.contains("problem")) return s;
  try {
    const auto next = next_times(s, now_us(), 1);
    if (!next.empty()) s.next_run_at = static_cast<double>(next[0]) / 1e6;
  } catch (const Error& e) {
    s.options["problem"] = e.what();
  }
  return s;
}

Listing DjangoStore::list(const schedule::Page& page) {
  learn();
  tell_beat_again();
  if (!page.cursor.empty() && !is_id(page.cursor)) schedule::invalid("no such cursor", "/cursor");
  std::string where = "WHERE p.id>" + (page.cursor.empty() ? std::string("-1") : page.cursor);
  if (!page.ids.empty()) {
    where += " AND p.id IN (";
    bool is_first = true;
    for (const std::string& id : page.ids) {
      if (!is_id(id)) continue;
      where += (is_first ? "" : ",") + id;
      is_first = false;
    }
    where += is_first ? "-1)" : ")";
  }
  const auto rows =
      db_.read(select_ + where + " ORDER BY p.id LIMIT " + std::to_string(page.limit + 1), {},
               kDjangoColumns);
  Listing out;
  for (std::size_t i = 0; i < std::min(rows.size(), page.limit); ++i) {
    DjangoRow row = django_row(rows[i], times_);
    std::optional<json::Value> own;
    if (page.in_own_form) own = to_fixture(row);
    out.items.push_back(finished(std::move(row)));
    out.items.back().own = std::move(own);
  }
  if (rows.size() > page.limit) out.next = out.items.back().id;
  return out;
}

std::optional<Schedule> DjangoStore::find(const std::string& id, bool for_change) {
  if (!is_id(id)) return std::nullopt;
  const auto rows = db_.read(
      select_ + "WHERE p.id=" + id + (for_change && !db_.is_sqlite() ? " FOR UPDATE OF p" : ""), {},
      kDjangoColumns);
  if (rows.empty()) return std::nullopt;
  return finished(django_row(rows[0], times_));
}

Schedule DjangoStore::read(const std::string& id) {
  learn();
  auto found = find(id, false);
  if (!found) throw Error(Z4J_NOT_FOUND, "there is no periodic task with this id");
  return std::move(*found);
}

Schedule DjangoStore::must_find(const std::string& id, const std::string& etag) {
  auto found = find(id, true);
  if (!found) throw Error(Z4J_NOT_FOUND, "there is no periodic task with this id any more");
  if (schedule::etag_of(*found) != etag)
    throw Error(Z4J_CONFLICT, "somebody changed this schedule since it was read");
  return std::move(*found);
}

bool DjangoStore::is_name_taken(const std::string& name, const std::string& but_id) {
  return !db_.read("SELECT '1' FROM django_celery_beat_periodictask WHERE name=:p1 AND id<>" +
                       (but_id.empty() ? "-1" : but_id),
                   {name}, 1)
              .empty();
}

Schedule DjangoStore::put(const Wanted& given, const std::string& etag) {
  learn();
  must_be_writable();
  Wanted wanted = given;
  if (given.own) {
    wanted = from_fixture(*given.own);
    wanted.id = given.id;
  }
  database::Transaction transaction(db_);
  std::string id = wanted.id;
  if (etag.empty()) {
    id = create(wanted);
  } else {
    change(must_find(id, etag), wanted);
  }
  tell_beat();
  auto made = find(id, false);
  if (!made) throw Error(Z4J_INTERNAL, "a written row is not there");
  transaction.commit();
  if (etag.empty()) {
    fresh_.erase(id);
  } else {
    remember(id, {std::move(wanted), etag});
  }
  return std::move(*made);
}

void DjangoStore::remove(const std::string& id, const std::string& etag) {
  learn();
  must_be_writable();
  database::Transaction transaction(db_);
  const Schedule now = must_find(id, etag);
  if (!now.read_only_reason.empty()) throw Error(Z4J_DENIED, now.read_only_reason);
  db_.change("DELETE FROM django_celery_beat_periodictask WHERE id=" + id);
  tell_beat();
  transaction.commit();
  remember(id, {std::nullopt, etag});
}

std::string DjangoStore::create(const Wanted& w) {
  if (!w.name) schedule::invalid("a new schedule needs a name", "/name");
  if (!w.task) schedule::invalid("a new schedule needs a task", "/task");
  if (!w.kind) schedule::invalid("a new schedule needs a kind", "/kind");
  if (!w.expression) schedule::invalid("a new schedule needs an expression", "/expression");
  Wanted whole = w;
  if (!whole.args) whole.args.emplace();
  if (!whole.kwargs) whole.kwargs.emplace();
  if (!whole.options) whole.options.emplace();
  if (!whole.description) whole.description.emplace();
  if (!whole.is_enabled) whole.is_enabled = true;
  Change c;
  fill(c, whole, Schedule(), true);
  c.set("total_run_count", number_text(0));
  std::string names, places;
  std::vector<database::Text> values;
  for (auto& [column, value] : c.columns) {
    values.push_back(std::move(value));
    names += (names.empty() ? "" : ",") + column;
    places += (places.empty() ? ":p" : ",:p") + std::to_string(values.size());
  }
  const auto made = db_.read("INSERT INTO django_celery_beat_periodictask (" + names +
                                 ") VALUES (" + places + ") RETURNING CAST(id AS TEXT)",
                             values, 1);
  return made.at(0).at(0).value_or("");
}

void DjangoStore::change(const Schedule& now, const Wanted& w) {
  const bool switches_only = !w.name && !w.task && !w.queue && !w.kind && !w.expression &&
                             !w.timezone && !w.description && !w.args && !w.kwargs && !w.options &&
                             !w.starts_at && !w.ends_at;
  if (!now.read_only_reason.empty() && !switches_only)
    throw Error(Z4J_DENIED, now.read_only_reason);
  Change c;
  fill(c, w, now, false);
  std::string sets;
  std::vector<database::Text> values;
  for (auto& [column, value] : c.columns) {
    values.push_back(std::move(value));
    sets += (sets.empty() ? "" : ",") + column + "=:p" + std::to_string(values.size());
  }
  db_.change("UPDATE django_celery_beat_periodictask SET " + sets + " WHERE id=" + now.id, values);
}

void DjangoStore::fill(Change& c, const Wanted& w, const Schedule& now, bool is_new) {
  if (w.name && (is_new || *w.name != now.name)) {
    if (is_name_taken(*w.name, now.id))
      throw Error(Z4J_CONFLICT, "there is a periodic task of this name already", "/name");
    c.set("name", *w.name);
  }
  if (w.task) {
    check_length(*w.task, 200, "the task's name", "/task");
    c.set("task", *w.task);
  }
  if (w.priority && *w.priority && **w.priority != "normal")
    schedule::invalid("beat keeps Celery's own number: give options.priority, 0 to 255",
                      "/priority");
  if (w.args) c.set("args", json::write(*w.args));
  if (w.kwargs) c.set("kwargs", json::write(*w.kwargs));
  if (w.queue) c.set("queue", or_null(*w.queue));
  if (w.description) c.set("description", *w.description);

  Schedule then = now;
  if (w.kind) then.kind = *w.kind;
  if (w.expression) then.expression = *w.expression;
  if (w.timezone) then.timezone = *w.timezone;
  if (then.kind != "cron") then.timezone = now.kind == then.kind ? now.timezone : "UTC";
  const bool is_timed_anew = is_new || then.kind != now.kind || then.expression != now.expression ||
                             then.timezone != now.timezone;
  if (is_timed_anew) fill_timing(c, then);

  json::Object options = w.options ? *w.options : now.options;
  if (now.kind == "clocked" && then.kind != "clocked" && !w.options) options.erase("one_off");
  const bool is_once = then.kind == "clocked" || json::boolean(options, "one_off");
  if (w.options || is_timed_anew) fill_options(c, options, is_once);
  const auto ends = w.ends_at ? *w.ends_at : now.ends_at;
  if (ends && options.contains("expire_seconds"))
    schedule::invalid("beat takes either ends_at or options.expire_seconds",
                      w.options ? "/options/expire_seconds" : "/ends_at");
  const auto time_text = [&](const std::optional<double>& t) {
    return t ? database::Text(times_.write(std::llround(*t * 1e6))) : database::Text();
  };
  if (w.starts_at) c.set("start_time", time_text(*w.starts_at));
  if (w.ends_at) c.set("expires", time_text(*w.ends_at));

  const bool is_enabled = w.is_enabled ? *w.is_enabled : now.is_enabled;
  if (w.is_enabled) c.set("enabled", flag_text(is_enabled));
  const bool is_switched_on = is_enabled && !is_new && !now.is_enabled;
  if (then.kind == "clocked" && is_enabled && (is_new || is_switched_on || is_timed_anew)) {
    if (next_times(then, now_us(), 1).empty())
      schedule::invalid("its time has passed: beat would run it at once",
                        w.expression ? "/expression" : "/is_enabled");
  }
  if (is_switched_on) {
    // From its last run, long ago, it would be due at once.
    c.set("last_run_at", times_.write(now_us()));
    // Beat switches off what is to run once and has.
    if (is_once) c.set("total_run_count", number_text(0));
  }
  c.set("date_changed", times_.write_stamp(now_us()));
}

void DjangoStore::fill_options(Change& c, const json::Object& options, bool is_once) {
  for (const auto& member : options) {
    const std::string key(member.key());
    const auto bad = [&](const char* why) {
      throw Error(Z4J_INVALID, key + " " + why, "/options/" + key);
    };
    const json::Value& v = member.value();
    if (key == "exchange" || key == "routing_key") {
      if (!v.is_null() && (!v.is_string() || v.get_string().size() > 200))
        bad("must be a text of at most 200 characters");
    } else if (key == "priority") {
      if (!v.is_null() && (!v.is_int64() || v.get_int64() < 0 || v.get_int64() > 255))
        bad("must be a number from 0 to 255");
    } else if (key == "expire_seconds") {
      if (!v.is_null() && (!v.is_int64() || v.get_int64() < 0 || v.get_int64() > kMaxInt))
        bad("must be a number of seconds");
    } else if (key == "one_off") {
      if (!v.is_bool()) bad("must be true or false");
    } else if (key == "headers") {
      if (!v.is_object()) bad("must be an object");
    } else if (key != "problem") {
      bad("is nothing that django-celery-beat keeps; it keeps exchange, routing_key, headers, "
          "priority, expire_seconds, one_off");
    }
  }
  const auto number = [&](const char* key) {
    const json::Value* v = options.if_contains(key);
    return v != nullptr && v->is_int64() ? number_text(v->get_int64()) : database::Text();
  };
  c.set("exchange", or_null(std::string(json::text(options, "exchange"))));
  c.set("routing_key", or_null(std::string(json::text(options, "routing_key"))));
  const json::Object* headers = json::object(options, "headers");
  c.set("headers", headers != nullptr ? json::write(*headers) : std::string("{}"));
  c.set("priority", number("priority"));
  c.set("expire_seconds", number("expire_seconds"));
  c.set("one_off", flag_text(is_once));
}

void DjangoStore::fill_timing(Change& c, const Schedule& timing) {
  check_timing(timing.kind, timing.expression, timing.timezone);
  const std::string id = schedule_row(timing);
  for (const auto& [kind, column] :
       std::array<std::pair<const char*, const char*>, 4>{{{"interval", "interval_id"},
                                                           {"cron", "crontab_id"},
                                                           {"solar", "solar_id"},
                                                           {"clocked", "clocked_id"}}})
    c.set(column, timing.kind == kind ? database::Text(id) : database::Text());
}

// The row of that interval, crontab, solar or clocked schedule.
std::string DjangoStore::schedule_row(const Schedule& t) {
  if (t.kind == "interval") {
    const std::int64_t us = interval_us(t.expression);
    const std::string shortest = interval_text(us);
    const char unit = shortest.back();
    const char* period = unit == 'd'   ? "days"
                         : unit == 'h' ? "hours"
                         : unit == 'm' ? "minutes"
                         : unit == 's' ? "seconds"
                                       : "microseconds";
    const std::int64_t every =
        period == std::string_view("microseconds") ? us : std::atoll(shortest.c_str());
    if (every > kMaxInt)
      schedule::invalid("beat's table holds no interval as long and as fine as this",
                        "/expression");
    return find_or_make("intervalschedule", {{"every", std::to_string(every)}, {"period", period}});
  }
  if (t.kind == "cron") {
    const Crontab c = split_crontab(t.expression);
    check_length(c.minute, 240, "the minute", "/expression");
    check_length(c.hour, 96, "the hour", "/expression");
    check_length(c.day_of_week, 64, "the weekday", "/expression");
    check_length(c.day_of_month, 124, "the day of the month", "/expression");
    check_length(c.month_of_year, 64, "the month", "/expression");
    check_length(t.timezone, 63, "the zone", "/timezone");
    return find_or_make("crontabschedule", {{"minute", c.minute},
                                            {"hour", c.hour},
                                            {"day_of_week", c.day_of_week},
                                            {"day_of_month", c.day_of_month},
                                            {"month_of_year", c.month_of_year},
                                            {"timezone", t.timezone}});
  }
  if (t.kind == "solar") {
    const std::size_t one = t.expression.find(':'), two = t.expression.find(':', one + 1);
    const auto six_places = [&](const std::string& given) {
      char out[40];
      std::snprintf(out, sizeof out, "%.6f", std::strtod(given.c_str(), nullptr));
      return std::string(out);
    };
    return find_or_make("solarschedule",
                        {{"event", t.expression.substr(0, one)},
                         {"latitude", six_places(t.expression.substr(one + 1, two - one - 1))},
                         {"longitude", six_places(t.expression.substr(two + 1))}});
  }
  const auto due = next_times(t, -1, 1);
  if (due.empty())
    schedule::invalid("give an instant, like 2027-01-31T12:00:00+00:00", "/expression");
  return find_or_make("clockedschedule", {{"clocked_time", times_.write(due[0])}});
}

std::string DjangoStore::find_or_make(
    const std::string& table, const std::vector<std::pair<std::string, std::string>>& values) {
  std::string where, names, places;
  std::vector<database::Text> bound;
  for (const auto& [column, value] : values) {
    bound.emplace_back(value);
    const std::string place = ":p" + std::to_string(bound.size());
    where += (where.empty() ? "" : " AND ") + column + "=" + place;
    names += (names.empty() ? "" : ",") + column;
    places += (places.empty() ? "" : ",") + place;
  }
  const std::string name = "django_celery_beat_" + table;
  const auto found =
      db_.read("SELECT CAST(MIN(id) AS TEXT) FROM " + name + " WHERE " + where, bound, 1);
  if (!found.empty() && found[0][0]) return *found[0][0];
  const auto made = db_.read(
      "INSERT INTO " + name + " (" + names + ") VALUES (" + places + ") RETURNING CAST(id AS TEXT)",
      bound, 1);
  return made.at(0).at(0).value_or("");
}

void DjangoStore::remember(const std::string& id, Edit edit) {
  if (fresh_.size() < kMaxFresh || fresh_.count(id) != 0) fresh_[id] = std::move(edit);
}

void DjangoStore::make_again(const std::string& id, const Edit& edit) {
  const auto now = find(id, true);
  if (!now || schedule::etag_of(*now) != edit.etag_before) return;
  if (edit.wanted) return change(*now, *edit.wanted);
  db_.change("DELETE FROM django_celery_beat_periodictask WHERE id=" + id);
}

// The next listing comes within seconds.
void DjangoStore::tell_beat_again() {
  if (!tell_again_us_ || now_us() < *tell_again_us_) return;
  try {
    database::Transaction transaction(db_);
    for (const auto& [id, edit] : fresh_) make_again(id, edit);
    tell_beat();
    transaction.commit();
  } catch (const Error& e) {
    tell_again_us_ = now_us() + kTellAgainAfterUs;
    if (e.code == Z4J_BUSY || e.code == Z4J_TIMEOUT) return;
    fresh_.clear();
    throw;
  }
  fresh_.clear();
  tell_again_us_.reset();
}

// Beat compares with what it saw last, so the time must be later than any before it.
void DjangoStore::tell_beat() {
  tell_again_us_ = now_us() + kTellAgainAfterUs;
  if (!db_.is_sqlite()) {
    db_.change(
        "INSERT INTO django_celery_beat_periodictasks AS t (ident,last_update) VALUES "
        "(1,clock_timestamp()) "
        "ON CONFLICT (ident) DO UPDATE SET "
        "last_update=GREATEST(excluded.last_update,t.last_update+INTERVAL '1 microsecond')");
    return;
  }
  const auto last = db_.read(
      "SELECT CAST(last_update AS TEXT) FROM django_celery_beat_periodictasks WHERE ident=1", {},
      1);
  std::int64_t at = now_us();
  if (!last.empty()) at = std::max(at, times_.read_stamp(last[0][0]).value_or(0) + 1);
  db_.change(
      "INSERT INTO django_celery_beat_periodictasks (ident,last_update) VALUES (1,:p1) "
      "ON CONFLICT (ident) DO UPDATE SET last_update=excluded.last_update",
      {times_.write_stamp(at)});
}

}  // namespace z4j::celery_beat
