#include "src/schedule.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <string>
#include <utility>

#include "lib/json/json.hpp"

namespace z4j::native {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kJitterStep = 1000;  // what is due in one second is spread over it too
constexpr std::int64_t kMostJitter = 3600, kMostCatchUp = 10'000, kMostDeadline = 366 * 86'400;

std::optional<std::int64_t> time_of(const json::Object& o, std::string_view key) {
  const double seconds = json::number(o, key, std::numeric_limits<double>::quiet_NaN());
  if (std::isnan(seconds)) return std::nullopt;
  if (std::abs(seconds) > 1e10)
    throw Error(Z4J_INVALID, "the time is out of range", "/" + std::string(key));
  return static_cast<std::int64_t>(std::llround(seconds * 1e6));
}

// Absent or null: none.
std::optional<std::int64_t> count_of(const json::Object& o, std::string_view key,
                                     std::int64_t most) {
  const json::Value* v = o.if_contains(key);
  if (v == nullptr || v->is_null()) return std::nullopt;
  const std::int64_t n = json::integer(o, key, -1);
  if (n < 0 || n > most)
    throw Error(Z4J_INVALID, "must be a whole number up to " + std::to_string(most),
                "/" + std::string(key));
  return n;
}

CatchUp catch_up_of(std::string_view text) {
  if (text == "skip") return CatchUp::kSkip;
  if (text == "fire_one_missed") return CatchUp::kFireOne;
  if (text == "fire_all_missed") return CatchUp::kFireAll;
  throw Error(Z4J_INVALID, "must be skip, fire_one_missed or fire_all_missed", "/catch_up");
}

// Splitmix64: spreads what differs in one bit over all.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// The earliest of the newest `count` times from `due` (one itself) to `now`. Looks at a few times
// as many, however long ago `due` was.
std::optional<std::int64_t> earliest_of_newest(const Schedule& schedule, std::int64_t due,
                                               std::int64_t now, std::size_t count) {
  for (std::int64_t span = 60 * kSecond;; span *= 4) {
    const std::int64_t begin = std::max(due, now - span);
    std::deque<std::int64_t> newest;
    std::size_t seen = 0;
    for (std::optional<std::int64_t> t = schedule.next(begin - 1); t && *t <= now;
         t = schedule.next(*t)) {
      newest.push_back(*t);
      if (newest.size() > count) newest.pop_front();
      ++seen;
    }
    if (seen >= count || begin == due)
      return newest.empty() ? std::nullopt : std::optional(newest.front());
  }
}

}  // namespace

Schedule Schedule::read(std::string_view schedule_json) {
  const json::Value root = json::parse(schedule_json);
  const json::Object* o = root.if_object();
  if (o == nullptr) throw Error(Z4J_INVALID, "a schedule is an object");
  calendar::CronRules rules;
  if (const json::Object* options = json::object(*o, "options")) {
    const std::string_view changes = json::text(*options, "clock_changes", "by_expression");
    if (changes == "every_instant") {
      rules.changes = calendar::CronRules::Changes::kEveryInstant;
    } else if (changes != "by_expression") {
      throw Error(Z4J_INVALID, "must be by_expression or every_instant", "/options/clock_changes");
    }
  }
  Schedule out(calendar::Timetable::read(json::text(*o, "kind"), json::text(*o, "expression"),
                                         json::text(*o, "timezone", "UTC"), rules));
  out.starts_us_ = time_of(*o, "starts_at");
  out.ends_us_ = time_of(*o, "ends_at");
  out.catch_up = catch_up_of(json::text(*o, "catch_up", "skip"));
  if (const auto n = count_of(*o, "catch_up_limit", kMostCatchUp))
    out.catch_up_limit = static_cast<std::uint32_t>(std::max<std::int64_t>(*n, 1));
  if (const auto s = count_of(*o, "catch_up_deadline_seconds", kMostDeadline))
    out.deadline_us = *s * kSecond;
  out.jitter_seconds_ = count_of(*o, "jitter_seconds", kMostJitter).value_or(0);
  const std::string_view id = json::text(*o, "schedule_id");
  for (const char c : id) out.seed_ = mixed(out.seed_ ^ static_cast<unsigned char>(c));
  if (id.empty()) out.jitter_seconds_ = 0;  // one that is not kept yet: nobody knows its jitter
  return out;
}

std::int64_t Schedule::put_off(std::int64_t due_us) const {
  std::int64_t room = jitter_seconds_ * kSecond;
  if (const std::optional<std::int64_t> follows = times_.next(due_us))
    room = std::min(room, *follows - due_us - kSecond);
  if (room <= 0) return due_us;
  const std::uint64_t dice = mixed(seed_ ^ mixed(static_cast<std::uint64_t>(due_us)));
  const auto steps = static_cast<std::uint64_t>(room / kJitterStep);
  return due_us + static_cast<std::int64_t>(dice % (steps + 1)) * kJitterStep;
}

std::optional<std::int64_t> Schedule::next(std::int64_t after_us) const {
  std::int64_t from = after_us - jitter_seconds_ * kSecond;
  if (starts_us_) from = std::max(from, *starts_us_ - 1);
  for (std::optional<std::int64_t> due = times_.next(from); due; due = times_.next(*due)) {
    if (ends_us_ && *due > *ends_us_) return std::nullopt;
    const std::int64_t late = jitter_seconds_ > 0 ? put_off(*due) : *due;
    if (late > after_us) return late;
  }
  return std::nullopt;
}

Turn take_turn(const Schedule& schedule, std::int64_t due_us, std::int64_t now_us,
               const TurnRules& rules) {
  Turn turn;
  turn.due_us = due_us;
  const std::int64_t forgotten = schedule.deadline_us ? now_us - *schedule.deadline_us
                                                      : std::numeric_limits<std::int64_t>::min();
  if (due_us >= now_us - rules.grace_us) {
    turn.fires = true;
    turn.next_us = schedule.next(due_us);
    return turn;
  }
  turn.was_missed = true;
  std::optional<std::int64_t> kept;
  if (schedule.is_once()) {
    kept = due_us;  // its only chance, whatever the policy
  } else if (schedule.catch_up == CatchUp::kSkip) {
    const std::optional<std::int64_t> on_time = schedule.next(now_us - rules.grace_us - 1);
    if (on_time && *on_time <= now_us) {
      kept = on_time;
      turn.was_missed = false;
    }
  } else {
    const std::size_t count = schedule.catch_up == CatchUp::kFireOne
                                  ? 1
                                  : schedule.catch_up_limit.value_or(rules.catch_up_limit);
    kept = earliest_of_newest(schedule, due_us, now_us, count);
    if (kept && *kept < forgotten) kept = schedule.next(forgotten - 1);
    if (kept && *kept > now_us) kept.reset();
  }
  if (kept && *kept >= forgotten) {
    turn.fires = true;
    turn.due_us = *kept;
    turn.next_us = schedule.next(*kept);
  } else {
    turn.next_us = schedule.next(now_us);
  }
  return turn;
}

}  // namespace z4j::native
