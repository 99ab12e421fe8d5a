// The failed registries, newest end first. RQ orders them by when they are forgotten, which is no
// order of ends when jobs have lives of their own: so a window of them is read and sorted. Up to
// kWindow dead letters this is one order over all queues; beyond, one after another in windows.
#include "lib/rq/codec.hpp"
#include "src/lookup.hpp"
#include "src/snapshots.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

namespace z4j::engine_rq {
namespace {

constexpr std::int64_t kWindow = 10'000;
constexpr std::size_t kTimesAtOnce = 2000;

struct Letter {
  std::string id, queue;
  std::int64_t ended_us = 0;
};
// Newest first.
bool before(const Letter& a, const Letter& b) {
  return std::tie(b.ended_us, b.id) < std::tie(a.ended_us, a.id);
}

// "window:end:id" of the last one shown.
struct Cursor {
  std::int64_t window = 0;
  Letter last;
  bool inside = false;
};
Cursor cursor_of(const std::string& text) {
  Cursor c;
  if (text.empty()) return c;
  const char* at = text.data();
  const char* end = at + text.size();
  const auto number = [&](std::int64_t& n) {
    const auto [to, ec] = std::from_chars(at, end, n);
    if (ec != std::errc() || to == end || *to != ':' || n < 0)
      throw Error(Z4J_INVALID, "the cursor is not one of dead letters", "/cursor");
    at = to + 1;
  };
  number(c.window);
  number(c.last.ended_us);
  c.last.id.assign(at, end);
  c.inside = !c.last.id.empty();
  return c;
}

std::string cursor_text(std::int64_t window, const Letter& last) {
  return std::to_string(window) + ":" + std::to_string(last.ended_us) + ":" + last.id;
}

// The part of all failed registries, one after another, from `first` on.
std::vector<Letter> window_of(Bench& bench, const std::vector<std::string>& queues,
                              const std::vector<redis::Reply>& counts, std::int64_t first) {
  std::vector<Letter> letters;
  std::int64_t start = 0;
  for (std::size_t i = 0; i < queues.size(); ++i) {
    const std::int64_t count = counts[i].integer;
    const std::int64_t from = std::max<std::int64_t>(0, first - start);
    const std::int64_t to = std::min(count, first + kWindow - start);
    start += count;
    if (from >= to) continue;
    const redis::Reply ids =
        bench.redis.command({"ZREVRANGE", bench.settings.keys.registry("failed", queues[i]),
                             std::to_string(from), std::to_string(to - 1)});
    for (const redis::Reply& id : ids.items) {
      if (usable_id(id.text)) letters.push_back({id.text, queues[i], 0});
    }
  }
  for (std::size_t from = 0; from < letters.size(); from += kTimesAtOnce) {
    const std::size_t end = std::min(letters.size(), from + kTimesAtOnce);
    std::vector<redis::Args> commands;
    for (std::size_t i = from; i < end; ++i)
      commands.push_back({"HGET", bench.settings.keys.job(letters[i].id), "ended_at"});
    const std::vector<redis::Reply> times = bench.redis.pipeline(commands);
    for (std::size_t i = from; i < end; ++i)
      letters[i].ended_us = rq::parse_time(times[i - from].text).value_or(0);
  }
  std::sort(letters.begin(), letters.end(), before);
  return letters;
}

json::Object letter_item(Bench& bench, const Sighting& s, const Letter& letter) {
  json::Object o = job_item(s, letter.queue, bench.shared);
  o["origin"] = letter.queue;
  if (letter.ended_us > 0) o["dead_at"] = static_cast<double>(letter.ended_us) / 1e6;
  const std::string& trace =
      s.last_result.exc_string.empty() ? s.job.exc_info : s.last_result.exc_string;
  if (s.has_succeeded) {
    o["why"] = "RQ took it for abandoned, but its run left a result";
  } else if (!trace.empty()) {
    o["why"] = last_line(trace);
  }
  return o;
}

}  // namespace

json::Object dead_letters_page(Bench& bench, const PageAsked& asked,
                               const std::vector<std::string>& queues) {
  Cursor cursor = cursor_of(asked.cursor);
  std::vector<redis::Args> commands;
  for (const std::string& q : queues)
    commands.push_back({"ZCARD", bench.settings.keys.registry("failed", q)});
  const std::vector<redis::Reply> counts = bench.redis.pipeline(commands);
  std::int64_t total = 0;
  for (const redis::Reply& count : counts) total += count.integer;
  std::vector<Letter> shown;
  std::int64_t window = 0;  // where they are
  std::string next;
  while (shown.empty() && cursor.window * kWindow < total) {
    const std::vector<Letter> letters = window_of(bench, queues, counts, cursor.window * kWindow);
    auto at = cursor.inside ? std::upper_bound(letters.begin(), letters.end(), cursor.last, before)
                            : letters.begin();
    for (; at != letters.end() && shown.size() < asked.limit; ++at) shown.push_back(*at);
    window = cursor.window;
    if (at != letters.end()) {
      next = cursor_text(window, shown.back());
      break;
    }
    cursor = Cursor{cursor.window + 1, {}, false};
    next = cursor.window * kWindow < total ? std::to_string(cursor.window) + ":0:" : std::string();
  }
  std::vector<Wanted> wanted;
  for (const Letter& letter : shown) wanted.push_back({letter.id, Place::failed, 0, 0});
  json::Array items;
  std::size_t bytes = 0;
  visit_jobs(bench.redis, bench.settings.keys, wanted, bench.shared.gate,
             [&](std::size_t i, Sighting&& s) {
               if (s.job.exists()) {
                 items.emplace_back(letter_item(bench, s, shown[i]));
                 bytes += json::write(items.back()).size();
               }
               if (bytes < kPageBytes || i + 1 == shown.size()) return true;
               next = cursor_text(window, shown[i]);
               return false;
             });
  return answer_of(std::move(items), next);
}

}  // namespace z4j::engine_rq
