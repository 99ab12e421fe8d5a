#include "src/redbeat_store.hpp"

#include "lib/text/text.hpp"
#include "src/redbeat_form.hpp"
#include "src/timing.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace z4j::celery_beat {
namespace {

constexpr std::size_t kMaxSchedules = 100'000;
constexpr int kTries = 5;
constexpr const char* kStatic =
    "beat_static_schedule: it stands in the application's beat_schedule, which beat writes anew at "
    "each start; "
    "switching it off lasts until then";

// KEYS: the hash, the sorted set, the statics. ARGV: the definition as it was read, the new one,
// the meta as it was read ("" when it stays), the new meta, when it is due, the name when a static
// one is refused.
constexpr std::string_view kChange = R"lua(
local now = redis.call('HGET', KEYS[1], 'definition')
if not now then return 'gone' end
if now ~= ARGV[1] then return 'changed' end
if ARGV[6] ~= '' and redis.call('SISMEMBER', KEYS[3], ARGV[6]) == 1 then return 'static' end
if ARGV[4] ~= '' then
  if (redis.call('HGET', KEYS[1], 'meta') or '') ~= ARGV[3] then return 'run' end
  redis.call('HSET', KEYS[1], 'meta', ARGV[4])
end
redis.call('HSET', KEYS[1], 'definition', ARGV[2])
redis.call('PERSIST', KEYS[1])
redis.call('ZADD', KEYS[2], ARGV[5], KEYS[1])
return 'done')lua";

// ARGV: the definition, the meta, when it is due.
constexpr std::string_view kCreate = R"lua(
if redis.call('EXISTS', KEYS[1]) == 1 then return 'taken' end
redis.call('HSET', KEYS[1], 'definition', ARGV[1], 'meta', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], KEYS[1])
return 'done')lua";

// ARGV: the definition as it was read, the name.
constexpr std::string_view kRemove = R"lua(
local now = redis.call('HGET', KEYS[1], 'definition')
if not now then return 'gone' end
if now ~= ARGV[1] then return 'changed' end
if redis.call('SISMEMBER', KEYS[3], ARGV[2]) == 1 then return 'static' end
redis.call('ZREM', KEYS[2], KEYS[1])
redis.call('DEL', KEYS[1])
return 'done')lua";

// Throws unless it is done; false: the schedule ran in between, try again.
bool is_done(const redis::Reply& reply) {
  if (reply.text == "done") return true;
  if (reply.text == "run") return false;
  if (reply.text == "gone")
    throw Error(Z4J_NOT_FOUND, "there is no schedule of this name any more");
  if (reply.text == "static") throw Error(Z4J_DENIED, kStatic);
  if (reply.text == "taken")
    throw Error(Z4J_CONFLICT, "there is a schedule of this name already", "/name");
  throw Error(Z4J_CONFLICT, "somebody changed this schedule since it was read");
}

json::Object parse_definition(const std::string& text) {
  json::Value v = json::parse(text, kMaxDefinition);
  if (!v.is_object()) schedule::invalid("its definition is no object", "");
  return std::move(v.get_object());
}

// When beat should look at it next; a time in the past makes it look at once.
std::string due_score(const Schedule& s, const std::optional<std::int64_t>& last_run_us) {
  const std::int64_t from = last_run_us.value_or(now_us());
  Schedule timed = s;
  timed.last_run_at = static_cast<double>(from) / 1e6;
  const auto next = next_times(timed, from, 1);
  if (next.empty()) return "-1";  // beat does not look at those
  return std::to_string(std::max(next[0], now_us()) / 1'000'000);
}

void check_name(const std::string& name) {
  if (name.front() == ':')
    schedule::invalid("a name that begins with ':' would be one of RedBeat's own keys", "/name");
  if (name.size() > schedule::kMaxId)
    schedule::invalid("a name may have at most 200 bytes", "/name");
}

bool switches_only(const Wanted& w) {
  return !w.name && !w.task && !w.queue && !w.kind && !w.expression && !w.timezone &&
         !w.description && !w.args && !w.kwargs && !w.options && !w.starts_at && !w.ends_at &&
         !w.own;
}

// What RedBeat has no place for.
void check_foreign(const Wanted& w) {
  if (w.starts_at && *w.starts_at)
    schedule::invalid("RedBeat keeps no time to begin at", "/starts_at");
  if (w.ends_at && *w.ends_at) schedule::invalid("RedBeat keeps no time to end at", "/ends_at");
  if (w.description && !w.description->empty())
    schedule::invalid("RedBeat keeps no description", "/description");
  if (w.priority && *w.priority && **w.priority != "normal")
    schedule::invalid("RedBeat keeps Celery's own number: give options.priority", "/priority");
}

Wanted from_own(const Wanted& given) {
  const json::Object* d = given.own->if_object();
  if (d == nullptr) schedule::invalid("own must be a definition as RedBeat keeps it", "/own");
  Schedule s;
  try {
    s = read_definition(*d, "UTC");
  } catch (const Error& e) {
    throw Error(e.code, e.what(), "/own");
  }
  if (s.options.contains("rrule")) schedule::invalid("an rrule can't be imported", "/own");
  Wanted w;
  w.id = given.id;
  w.name = s.name;
  if (w.name->empty()) schedule::invalid("the definition has no name", "/own");
  w.task = s.task;
  w.queue = s.queue;
  w.kind = s.kind;
  w.expression = s.expression;
  w.args = s.args;
  w.kwargs = s.kwargs;
  w.options = s.options;
  w.is_enabled = s.is_enabled;
  return w;
}

}  // namespace

RedbeatStore::RedbeatStore(const Settings& settings)
    : redis_(settings.redis),
      prefix_(settings.prefix),
      timezone_(settings.timezone),
      expects_lock_(settings.expects_lock) {}

void RedbeatStore::look_at_lock_and_statics() {
  const auto replies =
      redis_.pipeline({{"EXISTS", prefix_ + ":lock"}, {"SMEMBERS", statics_key()}});
  for (const redis::Reply& r : replies) {
    if (r.is_error())
      throw Error(Z4J_BAD_CONFIG, "RedBeat's keys can't be read (" + r.text + "): check prefix",
                  "/prefix");
  }
  worry_ =
      expects_lock_ && replies.at(0).integer == 0
          ? "no beat holds " + prefix_ + ":lock: the schedules are there, and nobody fires them"
          : "";
  statics_.clear();
  for (const redis::Reply& name : replies.at(1).items) statics_.insert(name.text);
}

std::vector<std::string> RedbeatStore::names() {
  if (const redis::Reply n = redis_.command({"ZCARD", due_key()});
      n.integer > static_cast<std::int64_t>(kMaxSchedules))
    throw Error(Z4J_TOO_LARGE, "more than 100,000 schedules");
  std::vector<std::string> out;
  for (const redis::Reply& key : redis_.command({"ZRANGE", due_key(), "0", "-1"}).items) {
    if (key.text.size() > prefix_.size() && key.text.compare(0, prefix_.size(), prefix_) == 0)
      out.push_back(key.text.substr(prefix_.size()));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::optional<RedbeatStore::Stored>> RedbeatStore::load(
    const std::vector<std::string>& wanted) {
  std::vector<redis::Args> commands;
  for (const std::string& name : wanted) {
    commands.push_back({"HMGET", key_of(name), "definition", "meta"});
    commands.push_back({"ZSCORE", due_key(), key_of(name)});
  }
  const auto replies = commands.empty() ? std::vector<redis::Reply>() : redis_.pipeline(commands);
  std::vector<std::optional<Stored>> out;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const redis::Reply &hash = replies.at(2 * i), &score = replies.at(2 * i + 1);
    if (hash.is_error() || score.is_error())
      throw Error(Z4J_CORRUPT, key_of(wanted[i]) + " is no schedule of RedBeat (" +
                                   (hash.is_error() ? hash.text : score.text) + ")");
    out.emplace_back();
    if (hash.items.size() != 2 || hash.items[0].is_nil()) continue;  // gone since
    Stored stored;
    stored.definition = hash.items[0].text;
    stored.meta = hash.items[1].text;
    if (!score.is_nil()) stored.due = std::strtod(score.text.c_str(), nullptr);
    describe(wanted[i], stored);
    out.back() = std::move(stored);
  }
  return out;
}

std::optional<RedbeatStore::Stored> RedbeatStore::load_one(const std::string& name) {
  if (name.empty() || name.front() == ':') return std::nullopt;
  return std::move(load({name}).at(0));
}

void RedbeatStore::describe(const std::string& name, Stored& stored) const {
  Schedule& s = stored.schedule;
  s.capabilities = {"update", "delete", "enable", "trigger"};
  try {
    s = read_definition(parse_definition(stored.definition), timezone_);
    s.capabilities = {"update", "delete", "enable", "trigger"};
    if (statics_.count(name) != 0 || name == kCleanup) {
      s.read_only_reason = kStatic;
      s.capabilities = {"enable", "trigger"};
    }
  } catch (const Error& e) {
    s.engine = "celery";
    s.kind = "clocked";
    s.expression = "1970-01-01T00:00:00+00:00";
    s.read_only_reason = std::string("opaque_payload: its definition can't be read: ") + e.what();
    s.capabilities = {"delete"};
    s.options["problem"] = e.what();
  }
  s.id = s.name = name;
  if (text::clean(name, schedule::kMaxId) != name) {
    s.id = s.name = text::clean(name, 150) + " (" + schedule::digest_of(name).substr(0, 16) + ")";
    s.read_only_reason = "opaque_payload: its name is too long, or no UTF-8";
    s.capabilities.clear();
  }
  const RedbeatMeta meta = read_meta(stored.meta);
  if (meta.last_run_us) s.last_run_at = static_cast<double>(*meta.last_run_us) / 1e6;
  s.total_runs = meta.total_runs;
  if (s.is_enabled && stored.due && *stored.due > 0) s.next_run_at = *stored.due;
}

Listing RedbeatStore::list(const schedule::Page& page) {
  look_at_lock_and_statics();
  std::vector<std::string> wanted;
  Listing out;
  if (!page.ids.empty()) {
    for (const std::string& id : page.ids) {
      if (!id.empty() && id.front() != ':') wanted.push_back(id);
    }
  } else {
    if (page.cursor.empty()) names_ = names();
    auto at = page.cursor.empty() ? names_.begin()
                                  : std::upper_bound(names_.begin(), names_.end(), page.cursor);
    for (; at != names_.end() && wanted.size() < page.limit; ++at) wanted.push_back(*at);
    if (at != names_.end()) out.next = wanted.back();
  }
  for (auto& stored : load(wanted)) {
    if (!stored) continue;
    if (page.in_own_form) {
      try {
        stored->schedule.own = parse_definition(stored->definition);
      } catch (const Error&) {
        stored->schedule.own = json::Value(text::clean(stored->definition, kMaxDefinition));
      }
    }
    out.items.push_back(std::move(stored->schedule));
  }
  return out;
}

Schedule RedbeatStore::read(const std::string& id) {
  look_at_lock_and_statics();
  auto stored = load_one(id);
  if (!stored) throw Error(Z4J_NOT_FOUND, "there is no schedule of this name");
  return std::move(stored->schedule);
}

// The definition with what is wanted in it; members that nobody here knows stay.
json::Object RedbeatStore::changed(const json::Object& definition, const Schedule& now,
                                   const Wanted& w) const {
  json::Object d = definition;
  if (w.task) d["task"] = *w.task;
  if (w.args) d["args"] = *w.args;
  if (w.kwargs) d["kwargs"] = *w.kwargs;
  if (w.is_enabled) d["enabled"] = *w.is_enabled;
  json::Object options = w.options ? *w.options : now.options;
  const bool is_relative = json::boolean(options, "relative");
  for (const char* ours : {"relative", "rrule", "problem", "queue"}) options.erase(ours);
  const std::string queue = w.queue ? *w.queue : now.queue;
  if (!queue.empty()) options["queue"] = queue;
  if (w.options || w.queue) d["options"] = options;

  const std::string kind = w.kind ? *w.kind : now.kind,
                    expression = w.expression ? *w.expression : now.expression;
  if (kind == "cron" && w.timezone && *w.timezone != timezone_)
    schedule::invalid("RedBeat's crontabs are in the application's zone, " + timezone_,
                      "/timezone");
  const bool is_timed_anew =
      kind != now.kind || expression != now.expression ||
      (kind == "interval" && w.options && is_relative != json::boolean(now.options, "relative"));
  if (is_timed_anew) d["schedule"] = timing_object(kind, expression, is_relative);
  return d;
}

std::string RedbeatStore::create(const Wanted& w) {
  if (!w.name) schedule::invalid("a new schedule needs a name", "/name");
  if (!w.task) schedule::invalid("a new schedule needs a task", "/task");
  if (!w.kind) schedule::invalid("a new schedule needs a kind", "/kind");
  if (!w.expression) schedule::invalid("a new schedule needs an expression", "/expression");
  check_name(*w.name);
  const json::Object empty{
      {"name", *w.name},          {"task", *w.task},           {"args", json::Array()},
      {"kwargs", json::Object()}, {"options", json::Object()}, {"schedule", nullptr},
      {"enabled", true}};
  const json::Object d = changed(empty, Schedule(), w);
  const RedbeatMeta meta{now_us(), std::nullopt};
  is_done(redis_.eval(kCreate, {key_of(*w.name), due_key()},
                      {json::write(d), write_meta(meta),
                       due_score(read_definition(d, timezone_), meta.last_run_us)}));
  return *w.name;
}

void RedbeatStore::change(const Wanted& w, const std::string& etag) {
  for (int tries = 0; tries < kTries; ++tries) {
    const auto stored = load_one(w.id);
    if (!stored) throw Error(Z4J_NOT_FOUND, "there is no schedule of this name any more");
    const Schedule& now = stored->schedule;
    if (schedule::etag_of(now) != etag)
      throw Error(Z4J_CONFLICT, "somebody changed this schedule since it was read");
    if (w.name && *w.name != now.name)
      schedule::invalid("RedBeat knows a schedule by its name: make a new one and remove this",
                        "/name");
    const bool may_be_static = switches_only(w);
    if (!now.read_only_reason.empty() && (!may_be_static || now.options.contains("problem")))
      throw Error(Z4J_DENIED, now.read_only_reason);
    const json::Object d = changed(parse_definition(stored->definition), now, w);
    const Schedule then = read_definition(d, timezone_);
    RedbeatMeta meta = read_meta(stored->meta);
    std::string new_meta;
    if (then.is_enabled && !now.is_enabled) {
      // From its last run, long ago, it would be due at once.
      meta.last_run_us = now_us();
      new_meta = write_meta(meta);
    }
    const bool is_as_due = new_meta.empty() && then.kind == now.kind &&
                           then.expression == now.expression && stored->due;
    const std::string due =
        is_as_due ? std::to_string(std::llround(*stored->due)) : due_score(then, meta.last_run_us);
    if (is_done(redis_.eval(kChange, {key_of(w.id), due_key(), statics_key()},
                            {stored->definition, json::write(d), stored->meta, new_meta, due,
                             may_be_static ? "" : w.id})))
      return;
  }
  throw Error(Z4J_BUSY, "the schedule runs all the time", {}, 500);
}

Schedule RedbeatStore::put(const Wanted& given, const std::string& etag) {
  look_at_lock_and_statics();
  const Wanted w = given.own ? from_own(given) : given;
  check_foreign(w);
  std::string id = w.id;
  if (etag.empty()) {
    id = create(w);
  } else {
    change(w, etag);
  }
  auto stored = load_one(id);
  if (!stored) throw Error(Z4J_CONFLICT, "written, and removed by somebody since");
  return std::move(stored->schedule);
}

void RedbeatStore::remove(const std::string& id, const std::string& etag) {
  look_at_lock_and_statics();
  const auto stored = load_one(id);
  if (!stored) throw Error(Z4J_NOT_FOUND, "there is no schedule of this name any more");
  if (schedule::etag_of(stored->schedule) != etag)
    throw Error(Z4J_CONFLICT, "somebody changed this schedule since it was read");
  if (id == kCleanup) throw Error(Z4J_DENIED, kStatic);
  is_done(redis_.eval(kRemove, {key_of(id), due_key(), statics_key()}, {stored->definition, id}));
}

}  // namespace z4j::celery_beat
