#include "src/persistent_store.hpp"

#include "lib/pickle/pickle.hpp"
#include "lib/schedule/python_objects.hpp"
#include "lib/text/text.hpp"
#include "src/crontab.hpp"
#include "src/shelf.hpp"
#include "src/timing.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

namespace z4j::celery_beat {
namespace {

constexpr pickle::Limits kLimits{32u << 20, 2'000'000};
class EntryReader {
 public:
  EntryReader(const pickle::Document& doc, const std::string& zone, bool in_own_form)
      : doc_(doc), objects_(doc), timezone_(zone), in_own_form_(in_own_form) {}

  // ScheduleEntry(name, task, last_run_at, total_run_count, schedule, args, kwargs, options)
  [[nodiscard]] Schedule read(const std::string& name, pickle::NodeId id) const {
    Schedule s;
    s.id = text::clean(name, schedule::kMaxId);
    s.name = s.id;
    s.engine = "celery";
    s.read_only_reason = PersistentStore::kReason;
    const std::vector<pickle::NodeId> parts = objects_.arguments(id, "Entry");
    if (parts.size() < 8) {
      unreadable(s, "it is no entry of celery beat");
      return s;
    }
    s.task = text::clean(doc_[parts[1]].text, schedule::kMaxTask);
    if (const auto at = objects_.datetime_us(parts[2]))
      s.last_run_at = static_cast<double>(*at) / 1e6;
    if (doc_[parts[3]].kind == pickle::Kind::integer) s.total_runs = doc_[parts[3]].integer;
    const std::string timing = read_timing(s, parts[4]);
    const pickle::Shown args = pickle::show(doc_, parts[5], pickle::TopTuple::as_array),
                        kwargs = pickle::show(doc_, parts[6]);
    const pickle::Shown options = pickle::show(doc_, parts[7]);
    bool is_plain = true;
    const auto take = [&](const pickle::Shown& shown, auto* into, const auto* found) {
      if (shown.fully_decodable && found != nullptr) {
        *into = *found;
      } else if (!shown.value.is_null()) {
        is_plain = false;
      }
    };
    take(args, &s.args, args.value.if_array());
    take(kwargs, &s.kwargs, kwargs.value.if_object());
    take(options, &s.options, options.value.if_object());
    s.queue = json::text(s.options, "queue");
    if (!s.queue.empty()) s.options.erase("queue");
    if (is_plain && !s.options.contains("problem")) s.capabilities = {"trigger"};
    if (in_own_form_) {
      s.own =
          json::Value(quoted(s.name) + ": {'task': " + quoted(s.task) + ", 'schedule': " + timing +
                      ", 'args': " + pickle::to_repr(doc_, parts[5]) +
                      ", 'kwargs': " + pickle::to_repr(doc_, parts[6]) +
                      ", 'options': " + pickle::to_repr(doc_, parts[7]) + "},");
    }
    if (!s.last_run_at || s.options.contains("problem")) return s;
    try {
      // Due since its last run at the earliest: a beat that stands still is seen by a time gone by.
      const auto next = next_times(s, static_cast<std::int64_t>(*s.last_run_at * 1e6), 1);
      if (!next.empty()) s.next_run_at = static_cast<double>(next[0]) / 1e6;
    } catch (const Error& e) {
      s.options["problem"] = e.what();
    }
    return s;
  }

 private:
  static void unreadable(Schedule& s, const char* why) {
    s.kind = "clocked";
    s.expression = "1970-01-01T00:00:00+00:00";
    s.options["problem"] = why;
  }

  static std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    return out + "'";
  }

  [[nodiscard]] std::string field(pickle::NodeId id) const {
    const pickle::Node& node = doc_[id];
    if (node.kind == pickle::Kind::text) return text::clean(node.text, schedule::kMaxExpression);
    if (node.kind == pickle::Kind::integer) return std::to_string(node.integer);
    std::string out;
    for (const pickle::NodeId item : node.items)
      out += (out.empty() ? "" : ",") + field_of_list(item);
    return out;
  }
  [[nodiscard]] std::string field_of_list(pickle::NodeId id) const {
    const pickle::Node& node = doc_[id];
    return node.kind == pickle::Kind::integer ? std::to_string(node.integer)
                                              : text::clean(node.text, 20);
  }

  // Sets kind and expression; answers the call that makes it in Python.
  std::string read_timing(Schedule& s, pickle::NodeId id) const {
    if (const auto parts = objects_.arguments(id, ".crontab"); parts.size() >= 5) {
      s.kind = "cron";
      s.timezone = timezone_;
      const Crontab c{field(parts[0]), field(parts[1]), field(parts[3]), field(parts[4]),
                      field(parts[2])};
      s.expression = join_crontab(c);
      return "crontab(minute=" + quoted(c.minute) + ", hour=" + quoted(c.hour) +
             ", day_of_week=" + quoted(c.day_of_week) + ", day_of_month=" + quoted(c.day_of_month) +
             ", month_of_year=" + quoted(c.month_of_year) + ")";
    }
    if (const auto parts = objects_.arguments(id, ".solar"); parts.size() >= 3) {
      s.kind = "solar";
      const auto degrees = [&](pickle::NodeId n) {
        char out[40];
        const pickle::Node& node = doc_[n];
        std::snprintf(
            out, sizeof out, "%.9g",
            node.kind == pickle::Kind::integer ? static_cast<double>(node.integer) : node.real);
        return std::string(out);
      };
      const std::string event = field(parts[0]);
      s.expression = event + ":" + degrees(parts[1]) + ":" + degrees(parts[2]);
      return "solar(" + quoted(event) + ", " + degrees(parts[1]) + ", " + degrees(parts[2]) + ")";
    }
    const auto parts = objects_.arguments(id, ".schedule");
    const auto every = parts.empty() ? std::nullopt : objects_.timedelta_us(parts[0]);
    if (!every) {
      unreadable(s, "its schedule is of a class that is not known here");
      return pickle::to_repr(doc_, id);
    }
    s.kind = "interval";
    s.expression = interval_text(*every);
    return "timedelta(seconds=" + std::to_string(*every / kSecond) +
           (*every % kSecond != 0 ? ", microseconds=" + std::to_string(*every % kSecond)
                                  : std::string()) +
           ")";
  }

  const pickle::Document& doc_;
  schedule::PythonObjects objects_;
  const std::string& timezone_;
  bool in_own_form_;
};

}  // namespace

std::vector<Schedule> entries_of(std::string_view pickled, const std::string& zone,
                                 bool in_own_form) {
  const pickle::Document doc = [&] {
    try {
      return pickle::load(pickled, kLimits);
    } catch (const Error& e) {
      throw Error(e.code == Z4J_INVALID ? Z4J_CORRUPT : e.code, e.what(), e.where);
    }
  }();
  const pickle::Node& root = doc[doc.root];
  if (root.kind != pickle::Kind::dict) throw Error(Z4J_CORRUPT, "the entries are no dict");
  const EntryReader reader(doc, zone, in_own_form);
  std::vector<Schedule> out;
  for (std::size_t i = 0; i + 1 < root.pairs.size(); i += 2) {
    const pickle::Node& name = doc[root.pairs[i]];
    if (name.kind == pickle::Kind::text && !name.text.empty())
      out.push_back(reader.read(name.text, root.pairs[i + 1]));
  }
  std::sort(out.begin(), out.end(),
            [](const Schedule& a, const Schedule& b) { return a.id < b.id; });
  return out;
}

std::vector<Schedule> PersistentStore::load(bool in_own_form) const {
  try {
    return entries_of(shelf_value(path_, "entries"), timezone_, in_own_form);
  } catch (const Error& e) {
    if (e.code != Z4J_CORRUPT) throw;
  }
  // Beat may have been writing; a second look finds it whole, unless it is damaged indeed.
  return entries_of(shelf_value(path_, "entries"), timezone_, in_own_form);
}

Listing PersistentStore::list(const schedule::Page& page) {
  Listing out;
  for (Schedule& s : load(page.in_own_form)) {
    if (!page.cursor.empty() && s.id <= page.cursor) continue;
    if (!page.ids.empty() && std::find(page.ids.begin(), page.ids.end(), s.id) == page.ids.end())
      continue;
    if (out.items.size() == page.limit) {
      out.next = out.items.back().id;
      break;
    }
    out.items.push_back(std::move(s));
  }
  return out;
}

Schedule PersistentStore::read(const std::string& id) {
  for (Schedule& s : load(false)) {
    if (s.id == id) return std::move(s);
  }
  throw Error(Z4J_NOT_FOUND, "there is no schedule of this name");
}

Schedule PersistentStore::put(const Wanted&, const std::string&) {
  throw Error(Z4J_DENIED, kReason);
}
void PersistentStore::remove(const std::string&, const std::string&) {
  throw Error(Z4J_DENIED, kReason);
}

}  // namespace z4j::celery_beat
