#include "src/survey.hpp"

#include "lib/pickle/pickle.hpp"
#include "lib/rq/codec.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

namespace z4j::engine_rq {
namespace {

constexpr std::size_t kMaxQueues = 2000;
constexpr std::size_t kMaxMoved = 2000;  // per round
constexpr std::int64_t kEndPage = 20;
constexpr std::int64_t kRunningPage = 500;
constexpr std::int64_t kNextPage = 200;
constexpr std::int64_t kSweepPage = 500;
constexpr int kMaxPages = 20;  // per round and list
constexpr std::size_t kMaxRunning = 100'000;
constexpr auto kSweepEvery = std::chrono::seconds(20);

constexpr Place kPlaces[] = {Place::queue,    Place::wip,       Place::finished, Place::failed,
                             Place::deferred, Place::scheduled, Place::canceled};

bool is_execution_id(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::int64_t mark_of_score(const std::string& score) {
  double d = 0;
  const auto [end, ec] = std::from_chars(score.data(), score.data() + score.size(), d);
  if (ec != std::errc() || !(d > -1e14 && d < 1e14)) return 1;
  return static_cast<std::int64_t>(d * 1000);
}

}  // namespace

void Survey::restart() {
  for (auto& [queue, lists] : listings_) {
    for (Listing& l : lists) {
      l.sweeping = true;
      l.ever_complete = false;
      l.swept = 0;
    }
  }
}

Survey::Round Survey::look(redis::Connection& redis) {
  Round round;
  picked_.clear();
  running_now_.clear();
  refresh_listings(redis, round);
  count(redis);
  read_ends(redis, round);
  follow_ends(redis, round);
  sweep(redis, round);
  add_leavers(round);
  round.more = round.more || round.moved.size() >= kMaxMoved;
  round.complete = true;
  for (auto& [queue, lists] : listings_) {
    for (const Listing& l : lists) round.complete = round.complete && l.ever_complete;
  }
  return round;
}

void Survey::refresh_listings(redis::Connection& redis, Round& round) {
  const redis::Reply members = redis.command({"SMEMBERS", keys_.queues()});
  std::map<std::string, std::vector<Listing>> now;
  for (const redis::Reply& member : members.items) {
    const std::string queue = keys_.queue_in(member.text);
    if (!usable_id(queue)) continue;
    if (now.size() >= kMaxQueues) {
      ++round.queues_left_out;
      continue;
    }
    std::vector<Listing>& lists = now[queue];
    if (const auto known = listings_.find(queue); known != listings_.end()) {
      lists = std::move(known->second);
      continue;
    }
    for (const Place place : kPlaces) {
      Listing l;
      l.place = place;
      l.queue = queue;
      l.key = place == Place::queue ? keys_.queue(queue) : keys_.registry(place_name(place), queue);
      lists.push_back(std::move(l));
    }
  }
  listings_ = std::move(now);
}

void Survey::count(redis::Connection& redis) {
  std::vector<redis::Args> commands;
  std::vector<Listing*> order;
  for (auto& [queue, lists] : listings_) {
    for (Listing& l : lists) {
      commands.push_back({l.place == Place::queue ? "LLEN" : "ZCARD", l.key});
      order.push_back(&l);
    }
  }
  const std::vector<redis::Reply> replies = redis.pipeline(commands);
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (replies[i].is_error() && replies[i].text.compare(0, 9, "WRONGTYPE") != 0)
      throw Error(Z4J_UNAVAILABLE, "Redis answered: " + replies[i].text.substr(0, 200));
    order[i]->count = replies[i].integer;
    order[i]->found = 0;
  }
}

redis::Args Survey::page(const Listing& l, std::int64_t from, std::int64_t to) const {
  const std::string first = std::to_string(from), last = std::to_string(to);
  if (l.place == Place::queue) return {"LRANGE", l.key, first, last};
  if (l.place == Place::scheduled) return {"ZRANGE", l.key, first, last, "WITHSCORES"};
  return {"ZREVRANGE", l.key, first, last, "WITHSCORES"};
}

// The started registry of RQ 2.x lists "job:execution"; 1.x lists jobs, whose ids may hold colons.
std::string Survey::id_of(const Listing& l, const std::string& member, std::int64_t& mark) const {
  if (l.place != Place::wip) return member;
  mark = 0;
  const std::string id = rq::job_id_before_execution(member);
  if (id.empty() || !is_execution_id(std::string_view(member).substr(id.size() + 1))) return member;
  mark = static_cast<std::int64_t>(
      std::hash<std::string_view>{}(std::string_view(member).substr(id.size() + 1)) | 1);
  return id;
}

Survey::Page Survey::take(Listing& l, const redis::Reply& reply, Round& round) {
  Page page;
  if (reply.is_error()) return page;
  const std::size_t step = l.place == Place::queue ? 1 : 2;
  for (std::size_t i = 0; i + step <= reply.items.size(); i += step) {
    ++page.members;
    Wanted w;
    w.place = l.place;
    if (step == 2) {
      const std::string& score = reply.items[i + 1].text;
      w.mark = mark_of_score(score);
      w.score_us = rq::parse_epoch(score).value_or(0);
    }
    w.id = id_of(l, reply.items[i].text, w.mark);
    if (!usable_id(w.id)) continue;
    if (l.place == Place::wip && running_now_.size() < kMaxRunning)
      running_now_.emplace(w.id, l.queue);
    const Seen* seen = seen_.find(w.id);
    if (seen != nullptr && seen->place == w.place && seen->mark == w.mark) continue;
    if (!picked_.insert(w.id).second) continue;
    ++page.fresh;
    ++l.found;
    round.moved.push_back(std::move(w));
  }
  return page;
}

void Survey::read_ends(redis::Connection& redis, Round& round) {
  std::vector<redis::Args> commands;
  std::vector<Listing*> order;
  const auto ask = [&](Listing& l, std::int64_t from, std::int64_t to) {
    commands.push_back(page(l, from, to));
    order.push_back(&l);
  };
  // What ended is read first: a job seen at two places while it moves is taken where it went.
  for (const Place place : {Place::finished, Place::failed, Place::canceled, Place::scheduled,
                            Place::deferred, Place::wip, Place::queue}) {
    for (auto& [queue, lists] : listings_) {
      Listing& l = lists[static_cast<std::size_t>(place) - 1];
      if (l.count == 0) {
        l.sweeping = false;
        l.ever_complete = true;
        l.swept = 0;
        continue;
      }
      if (place == Place::queue) {
        ask(l, -kEndPage, -1);
        if (l.count > kEndPage) ask(l, 0, kEndPage - 1);
      } else {
        ask(l, 0, (place == Place::wip ? kRunningPage : kEndPage) - 1);
      }
    }
  }
  const std::vector<redis::Reply> replies = redis.pipeline(commands);
  for (std::size_t i = 0; i < replies.size(); ++i) take(*order[i], replies[i], round);
}

// Goes on from the ends while everything there is new.
void Survey::follow_ends(redis::Connection& redis, Round& round) {
  for (auto& [queue, lists] : listings_) {
    for (Listing& l : lists) {
      const std::int64_t end = l.place == Place::wip ? kRunningPage : kEndPage;
      if (l.count <= end) {
        l.sweeping = false;
        l.ever_complete = true;
        l.last_sweep = Clock::now();
        l.last_count = l.count;
        continue;
      }
      const bool all_of_wip = l.place == Place::wip;
      std::int64_t at = end;
      const bool follow =
          all_of_wip || (l.found >= static_cast<std::size_t>(kEndPage) && !l.sweeping);
      for (int pages = 0;
           follow && pages < kMaxPages && at < l.count && round.moved.size() < kMaxMoved; ++pages) {
        const std::int64_t from = l.place == Place::queue ? -at - kNextPage : at;
        const std::int64_t to = l.place == Place::queue ? -at - 1 : at + kNextPage - 1;
        const Page got = take(l, redis.command(page(l, from, to)), round);
        at += kNextPage;
        if (got.members == 0 || (got.fresh == 0 && !all_of_wip)) break;
      }
      const std::int64_t grown = l.count - l.last_count;
      const bool unexplained = grown > static_cast<std::int64_t>(l.found);
      const bool due = Clock::now() - l.last_sweep > kSweepEvery;
      if (!l.sweeping && (unexplained || due)) {
        l.sweeping = true;
        l.swept = 0;
      }
      l.last_count = l.count;
    }
  }
}

void Survey::sweep(redis::Connection& redis, Round& round) {
  for (auto& [queue, lists] : listings_) {
    for (Listing& l : lists) {
      for (int pages = 0; l.sweeping && pages < kMaxPages; ++pages) {
        if (round.moved.size() >= kMaxMoved) {
          round.more = true;
          break;
        }
        const Page got = take(l, redis.command(page(l, l.swept, l.swept + kSweepPage - 1)), round);
        l.swept += kSweepPage;
        if (got.members == 0 || l.swept >= l.count) {
          l.sweeping = false;
          l.ever_complete = true;
          l.swept = 0;
          l.last_sweep = Clock::now();
        } else if (got.fresh == 0 && l.ever_complete) {
          break;  // a sweep for late finds takes its time
        }
      }
      round.more = round.more || (l.sweeping && !l.ever_complete);
    }
  }
}

void Survey::add_leavers(Round& round) {
  for (const auto& [id, queue] : running_) {
    if (running_now_.count(id) != 0 || !picked_.insert(id).second) continue;
    Wanted w;
    w.id = id;
    if (const Seen* seen = seen_.find(id); seen != nullptr && seen->place != Place::wip) continue;
    round.moved.push_back(std::move(w));
  }
  running_ = std::move(running_now_);
}

}  // namespace z4j::engine_rq
