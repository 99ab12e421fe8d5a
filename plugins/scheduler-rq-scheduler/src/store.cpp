#include "src/store.hpp"

#include "lib/rq/codec.hpp"
#include "lib/text/text.hpp"
#include "src/scripts.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <utility>

namespace z4j::rq_scheduler {
namespace {

using schedule::Schedule;

constexpr std::size_t kMaxSchedules = 100'000;
constexpr std::size_t kReadAtOnce = 100;
constexpr std::size_t kMostValueBytes = 1u << 20;
constexpr std::size_t kMaxIdBytes = 200;
constexpr int kMostTries = 3;
// What an edit may change, in the order of the members of Entry.
constexpr const char* kEdited[] = {"origin",      "data",    "meta",
                                   "description", "timeout", "result_ttl"};

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}
double now_seconds() { return static_cast<double>(now_us()) / 1e6; }

std::string score_text(double score) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.6f", score);
  return digits;
}

bool usable(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes && id.find('\0') == std::string_view::npos &&
         pickle::valid_utf8(id);
}

std::string_view word_of(const redis::Reply& reply) {
  return reply.items.empty() ? std::string_view() : std::string_view(reply.items[0].text);
}

std::vector<std::string> edited_values(const Entry& e) {
  return {e.origin, e.data, e.meta, e.description, e.timeout, e.result_ttl};
}

[[noreturn]] void gone(const std::string& id) {
  throw Error(Z4J_NOT_FOUND, "rq-scheduler has no schedule " + text::clean(id, 200));
}
[[noreturn]] void conflict() {
  throw Error(Z4J_CONFLICT, "the schedule has changed since it was read");
}

}  // namespace

Store::Keys Store::keys() const {
  return {settings_.keys.prefix + "scheduler:scheduled_jobs",
          "z4j:" + settings_.keys.prefix + "scheduler:disabled_jobs"};
}

// In the order asked for, without those that are no schedules any more.
std::vector<Entry> Store::read(const std::vector<std::string>& ids) {
  const Keys k = keys();
  redis::Args words = {std::to_string(kMostValueBytes)};
  words.insert(words.end(), entry_fields().begin(), entry_fields().end());
  std::vector<Entry> out;
  for (std::size_t from = 0; from < ids.size(); from += kReadAtOnce) {
    const std::size_t end = std::min(ids.size(), from + kReadAtOnce);
    redis::Args names;
    std::vector<redis::Args> scores;
    for (std::size_t i = from; i < end; ++i) {
      names.push_back(settings_.keys.job(ids[i]));
      scores.push_back({"ZSCORE", k.scheduled, ids[i]});
      scores.push_back({"ZSCORE", k.disabled, ids[i]});
    }
    const redis::Reply jobs = redis_.eval(scripts::kRead, names, words);
    const std::vector<redis::Reply> due = redis_.pipeline(scores);
    if (jobs.items.size() != end - from || due.size() != scores.size())
      throw Error(Z4J_CORRUPT, "Redis answered a script in an unexpected form");
    for (std::size_t i = from; i < end; ++i) {
      const redis::Reply& job = jobs.items[i - from];
      const redis::Reply& on = due[2 * (i - from)];
      const redis::Reply& off = due[2 * (i - from) + 1];
      if (job.items.size() != 2 || job.items[0].items.empty()) continue;
      if (on.type != redis::Reply::Type::bulk && off.type != redis::Reply::Type::bulk) continue;
      Entry e = entry_of(ids[i], job.items[0]);
      e.too_large = job.items[1].integer != 0;
      e.disabled = on.type != redis::Reply::Type::bulk;
      const rq::Time at = rq::parse_epoch(e.disabled ? off.text : on.text);
      e.due = at ? static_cast<double>(*at) / 1e6 : 0;
      out.push_back(std::move(e));
    }
  }
  return out;
}

Entry Store::read_one(const std::string& id) {
  if (!usable(id)) gone(id);
  std::vector<Entry> found = read({id});
  if (found.empty()) gone(id);
  return std::move(found.front());
}

Store::Listing Store::list(const schedule::Page& page) {
  std::vector<std::string> ids = page.ids;
  Listing out;
  if (ids.empty()) {
    const Keys k = keys();
    for (const std::string& key : {k.scheduled, k.disabled}) {
      const redis::Reply count = redis_.command({"ZCARD", key});
      if (count.integer > static_cast<std::int64_t>(kMaxSchedules - ids.size()))
        throw Error(Z4J_TOO_LARGE, "rq-scheduler has more than 100,000 schedules");
      for (const redis::Reply& id : redis_.command({"ZRANGE", key, "0", "-1"}).items) {
        if (usable(id.text)) ids.push_back(id.text);
      }
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    if (!page.cursor.empty())
      ids.erase(ids.begin(), std::upper_bound(ids.begin(), ids.end(), page.cursor));
    if (ids.size() > page.limit) {
      ids.resize(page.limit);
      out.next = ids.back();
    }
  } else {
    ids.erase(
        std::remove_if(ids.begin(), ids.end(), [](const std::string& id) { return !usable(id); }),
        ids.end());
  }
  for (const Entry& e : read(ids)) {
    Schedule s = schedule_of(e, settings_);
    if (page.in_own_form) s.own = own_form(e, settings_);
    out.items.push_back(std::move(s));
  }
  return out;
}

Schedule Store::make(const schedule::Wanted& wanted) {
  const Change change = made(wanted, settings_, now_seconds());
  const Entry& e = change.entry;
  const Keys k = keys();
  redis::Args words = {e.id, score_text(e.due), e.disabled ? "1" : ""};
  const std::pair<const char*, std::string> kFields[] = {{"status", e.status},
                                                         {"origin", e.origin},
                                                         {"created_at", rq::format_time(now_us())},
                                                         {"data", e.data},
                                                         {"description", e.description},
                                                         {"enqueued_at", ""},
                                                         {"started_at", ""},
                                                         {"ended_at", ""},
                                                         {"last_heartbeat", ""},
                                                         {"worker_name", ""},
                                                         {"success_callback_name", ""},
                                                         {"failure_callback_name", ""}};
  for (const auto& [name, value] : kFields) {
    words.emplace_back(name);
    words.push_back(value);
  }
  const std::pair<const char*, const std::string*> kWhenSet[] = {
      {"meta", &e.meta}, {"timeout", &e.timeout}, {"result_ttl", &e.result_ttl}};
  for (const auto& [name, value] : kWhenSet) {
    if (value->empty()) continue;
    words.emplace_back(name);
    words.push_back(*value);
  }
  const redis::Reply r =
      redis_.eval(scripts::kMake, {settings_.keys.job(e.id), k.scheduled, k.disabled}, words);
  if (word_of(r) == "taken")
    throw Error(Z4J_CONFLICT, "there is a job with this name already", "/name");
  return schedule_of(read_one(e.id), settings_);
}

bool Store::write(const Entry& before, const Change& change) {
  const Keys k = keys();
  const Entry& e = change.entry;
  redis::Args words = {e.id, change.due ? score_text(*change.due) : std::string(),
                       e.disabled ? "1" : "", before.disabled ? "1" : "",
                       std::to_string(std::size(kEdited))};
  words.insert(words.end(), std::begin(kEdited), std::end(kEdited));
  for (const Entry* version : {&before, &e}) {
    for (std::string& value : edited_values(*version)) words.push_back(std::move(value));
  }
  const redis::Reply r =
      redis_.eval(scripts::kEdit, {settings_.keys.job(e.id), k.scheduled, k.disabled}, words);
  return word_of(r) == "done";
}

Schedule Store::put(const schedule::Wanted& asked, const std::string& etag) {
  schedule::Wanted wanted = asked;
  if (asked.own) {
    wanted = from_own_form(*asked.own);
    wanted.id = asked.id;
    if (asked.is_enabled) wanted.is_enabled = asked.is_enabled;
  }
  if (etag.empty()) return make(wanted);
  // A fire counts `repeat` down between the look and the step: that is no edit.
  for (int tries = 0; tries < kMostTries; ++tries) {
    const Entry before = read_one(wanted.id);
    if (schedule::etag_of(schedule_of(before, settings_)) != etag) conflict();
    if (before.too_large) throw Error(Z4J_DENIED, "opaque_payload: it is too large to be read");
    if (write(before, edited(before, wanted, settings_, now_seconds())))
      return schedule_of(read_one(wanted.id), settings_);
  }
  conflict();
}

void Store::remove(const std::string& id, const std::string& etag) {
  const Entry e = read_one(id);
  if (!etag.empty() && schedule::etag_of(schedule_of(e, settings_)) != etag) conflict();
  const Keys k = keys();
  const redis::Reply r = redis_.eval(
      scripts::kRemove,
      {settings_.keys.job(id), k.scheduled, k.disabled, settings_.keys.results(id)}, {id});
  if (word_of(r) != "done") gone(id);
}

json::Object Store::trigger(const std::string& id) {
  const Entry e = read_one(id);
  if (!usable(e.origin)) return {{"outcome", "refused"}, {"reason", "its job names no queue"}};
  const std::string fresh = text::new_uuid();
  const rq::Keys& rq_keys = settings_.keys;
  try {
    const redis::Reply r = redis_.eval(
        scripts::kTrigger,
        {rq_keys.job(id), rq_keys.job(fresh), rq_keys.queues(), rq_keys.queue(e.origin)},
        {fresh, rq::format_time(now_us())});
    if (word_of(r) == "done") return {{"outcome", "done"}, {"new_task_id", fresh}};
    return {{"outcome", "refused"}, {"reason", "its job has lost its data"}};
  } catch (const Error& error) {
    if (error.code != Z4J_UNKNOWN && error.code != Z4J_CANCELLED) throw;
    return {{"outcome", "unknown"}, {"reason", error.what()}, {"new_task_id", fresh}};
  }
}

}  // namespace z4j::rq_scheduler
