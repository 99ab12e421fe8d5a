#include "lib/celery/redis_transport.hpp"

#include "lib/celery/message.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/celery/redis_looking.hpp"
#include "lib/celery/result.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace z4j::celery {
namespace {

using redis::Args;

constexpr std::string_view kSeparator = "\x06\x16";
constexpr char kUnacked[] = "unacked";
constexpr char kUnackedIndex[] = "unacked_index";
constexpr std::size_t kMaxBindings = 500;
constexpr int kScansPerCall = 20;

// KEYS: one list. ARGV: the text, how many to look at, how many to give.
constexpr char kFindScript[] = R"(
local out = {}
if redis.call('TYPE', KEYS[1]).ok ~= 'list' then return out end
local at, limit, most = 0, tonumber(ARGV[2]), tonumber(ARGV[3])
while at < limit do
  local part = redis.call('LRANGE', KEYS[1], -(at + 50), -(at + 1))
  if #part == 0 then break end
  for i = #part, 1, -1 do
    if string.find(part[i], ARGV[1], 1, true) then
      out[#out + 1] = part[i]
      if #out >= most then return out end
    end
  end
  at = at + 50
end
return out
)";

// KEYS: the lists of the queue, then as many places to move them to. Moved in one step, so that
// what is counted is what is removed; the moved lists go away by themselves should nobody delete
// them.
constexpr char kPurgeScript[] = R"(
local half = #KEYS / 2
for i = 1, half do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'list' and kind ~= 'none' then return redis.error_reply('ERR the queue is not a list') end
end
local counts = {}
for i = 1, half do
  counts[i] = redis.call('LLEN', KEYS[i])
  if counts[i] > 0 then
    redis.call('RENAME', KEYS[i], KEYS[half + i])
    redis.call('EXPIRE', KEYS[half + i], 600)
  end
end
return counts
)";

}  // namespace

std::string RedisKeys::queue(std::string_view name, int step) const {
  std::string out = prefix + std::string(name);
  if (step != 0) out += std::string(kSeparator) + std::to_string(step);
  return out;
}

std::vector<std::string> RedisKeys::queue_lists(std::string_view name) const {
  std::vector<std::string> out;
  for (const int step : priority_steps) out.push_back(queue(name, step));
  return out;
}

int RedisKeys::step_of(int priority) const {
  int out = priority_steps.empty() ? 0 : priority_steps.front();
  for (const int step : priority_steps) {
    if (step <= priority) out = step;
  }
  return out;
}

std::string RedisKeys::events_channel() const {
  return prefix + "/" + std::to_string(database) + ".celeryev";
}
std::string RedisKeys::events_pattern() const { return escape_glob(events_channel()) + "/*"; }
std::string RedisKeys::control_channel() const {
  return prefix + "/" + std::to_string(database) + "." + mailbox.requests();
}
std::string RedisKeys::binding(std::string_view exchange) const {
  return prefix + "_kombu.binding." + std::string(exchange);
}

std::string queue_of_binding(std::string_view member) {
  const std::size_t at = member.rfind(kSeparator);
  return at == std::string_view::npos
             ? std::string()
             : text::clean(member.substr(at + kSeparator.size()), kMaxNameBytes);
}

std::string escape_glob(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string RedisTransport::cannot(Ability what) const {
  if (what == Ability::dead_letters)
    return "Celery on Redis has no dead letters: tasks that failed are the list";
  if (what == Ability::list_queues) return "queues that workers, events, bindings or settings name";
  return {};
}

std::int64_t RedisTransport::broadcast(const Request& request) {
  return connection_
      .command({"PUBLISH", keys_.control_channel(), write_request(request, keys_.mailbox)})
      .integer;
}

void RedisTransport::open_replies(const std::string& oid) {
  const std::string list = keys_.mailbox.queue(oid);
  connection_.command({"SADD", keys_.binding(keys_.mailbox.replies()),
                       oid + std::string(kSeparator) + std::string(kSeparator) + list});
}

std::vector<std::string> RedisTransport::take_replies(const std::string& oid) {
  constexpr int kAtOnce = 8;
  const std::string list = keys_.queue(keys_.mailbox.queue(oid), 0);
  std::vector<std::string> out;
  for (redis::Reply& r : connection_.pipeline(std::vector<Args>(kAtOnce, Args{"RPOP", list}))) {
    if (r.type == redis::Reply::Type::bulk) out.push_back(std::move(r.text));
  }
  return out;
}

void RedisTransport::close_replies(const std::string& oid) noexcept {
  const std::string list = keys_.mailbox.queue(oid);
  try {
    connection_.pipeline({{"SREM", keys_.binding(keys_.mailbox.replies()),
                           oid + std::string(kSeparator) + std::string(kSeparator) + list},
                          {"DEL", keys_.queue(list, 0)}});
  } catch (const std::exception&) {
    // Gone with the connection; a mailbox nobody reads takes one set member.
  }
}

std::vector<std::string> RedisTransport::bound_queues() {
  return looking([&] {
    const std::string start = keys_.binding("");
    for (int i = 0; i < kScansPerCall && bindings_.size() < kMaxBindings; ++i) {
      const redis::Reply r = connection_.command(
          {"SCAN", scan_cursor_, "MATCH", escape_glob(start) + "*", "COUNT", "1000"});
      if (r.items.size() != 2) break;
      for (const redis::Reply& key : r.items[1].items) {
        const std::string exchange = key.text.substr(std::min(start.size(), key.text.size()));
        const bool internal = exchange.ends_with(".pidbox") || exchange == "celeryev";
        if (!internal && bindings_.size() < kMaxBindings) bindings_.insert(key.text);
      }
      scan_cursor_ = r.items[0].text;
      if (scan_cursor_ == "0") break;
    }
    std::vector<Args> ask;
    for (const std::string& key : bindings_) ask.push_back({"SMEMBERS", key});
    std::set<std::string> names;
    if (!ask.empty()) {
      for (const redis::Reply& r : connection_.pipeline(ask)) {
        for (const redis::Reply& member : r.items) {
          if (std::string name = queue_of_binding(member.text);
              !name.empty() && names.size() < kMaxBindings) {
            names.insert(std::move(name));
          }
        }
      }
    }
    return std::vector<std::string>(names.begin(), names.end());
  });
}

std::vector<Depth> RedisTransport::depths(const std::vector<std::string>& queues) {
  return looking([&] {
    const auto ask = [&](const char* verb, const char* index) {
      std::vector<Args> commands;
      for (const std::string& queue : queues) {
        for (std::string& key : keys_.queue_lists(queue)) {
          commands.push_back(index == nullptr ? Args{verb, std::move(key)}
                                              : Args{verb, std::move(key), index});
        }
      }
      return commands.empty() ? std::vector<redis::Reply>() : connection_.pipeline(commands);
    };
    const std::size_t steps = keys_.priority_steps.size();
    const std::vector<redis::Reply> lengths = ask("LLEN", nullptr);
    std::vector<Depth> out(queues.size());
    for (std::size_t i = 0; i < queues.size(); ++i) {
      out[i].queue = queues[i];
      for (std::size_t s = 0; s < steps; ++s) out[i].waiting += count_in(lengths[i * steps + s]);
    }
    try {
      std::vector<redis::Reply> heads = ask("LINDEX", "-1");
      for (std::size_t i = 0; i < heads.size(); ++i) {
        if (heads[i].type == redis::Reply::Type::bulk)
          out[i / steps].heads.push_back(std::move(heads[i].text));
      }
    } catch (const Error& e) {
      if (e.code != Z4J_TOO_LARGE) throw;
    }
    return out;
  });
}

// `n` messages counted from the right end, next one first.
std::vector<std::string> RedisTransport::window(const std::string& key, std::size_t from,
                                                std::size_t n) {
  std::vector<std::string> out;
  std::size_t chunk = 64;
  while (out.size() < n) {
    const std::size_t at = from + out.size();
    const std::size_t take = std::min(chunk, n - out.size());
    try {
      const redis::Reply r = connection_.command(
          {"LRANGE", key, "-" + std::to_string(at + take), "-" + std::to_string(at + 1)});
      for (auto item = r.items.rbegin(); item != r.items.rend(); ++item) {
        out.push_back(item->text.size() <= kMaxMessageBytes ? item->text : std::string());
      }
      if (r.items.size() < take) break;
    } catch (const Error& e) {
      if (e.code != Z4J_TOO_LARGE) throw;
      if (take == 1) out.emplace_back();
      chunk = std::max<std::size_t>(1, take / 8);
    }
  }
  return out;
}

std::vector<std::string> RedisTransport::look_at(const std::vector<std::string>& lists,
                                                 std::size_t from, std::size_t limit) {
  std::vector<Args> ask;
  for (const std::string& key : lists) ask.push_back({"LLEN", key});
  const std::vector<redis::Reply> lengths = connection_.pipeline(ask);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < lists.size() && out.size() < limit; ++i) {
    const std::size_t length = count_in(lengths[i]);
    if (from >= length) {
      from -= length;
      continue;
    }
    for (std::string& m : window(lists[i], from, std::min(limit - out.size(), length - from)))
      out.push_back(std::move(m));
    from = 0;
  }
  return out;
}

std::vector<std::string> RedisTransport::peek(const std::string& queue, std::size_t from,
                                              std::size_t limit) {
  return looking([&] { return look_at(keys_.queue_lists(queue), from, limit); });
}

std::vector<std::string> RedisTransport::find(const std::string& queue, const std::string& text) {
  return looking([&] {
    std::vector<std::string> out;
    const std::string literal = quoted(text);
    const std::string inside = literal.substr(1, literal.size() - 2);
    for (const std::string& key : keys_.queue_lists(queue)) {
      redis::Reply r =
          connection_.eval(kFindScript, {key}, {inside, std::to_string(kFindLimit), "8"});
      for (redis::Reply& item : r.items) out.push_back(std::move(item.text));
    }
    return out;
  });
}

bool RedisTransport::remove(const std::string& queue, const std::string& message) {
  for (const std::string& key : keys_.queue_lists(queue)) {
    if (connection_.command({"LREM", key, "1", message}).integer == 1) return true;
  }
  return false;
}

std::uint64_t RedisTransport::purge(const std::string& queue, std::size_t tell_at_most,
                                    const std::function<void(const std::string&)>& removed) {
  Args keys = keys_.queue_lists(queue);
  const std::size_t lists = keys.size();
  const std::string grave = keys_.prefix + "z4j.purged." + text::new_uuid() + ".";
  for (std::size_t i = 0; i < lists; ++i) keys.push_back(grave + std::to_string(i));
  const redis::Reply counts = connection_.eval(kPurgeScript, keys, {});
  std::uint64_t total = 0;
  for (const redis::Reply& r : counts.items) total += count_in(r);
  try {
    for (std::size_t i = 0; i < lists && i < counts.items.size(); ++i) {
      const std::size_t n = std::min<std::size_t>(count_in(counts.items[i]), tell_at_most);
      tell_at_most -= n;
      for (std::size_t at = 0; at < n;) {
        const std::vector<std::string> page =
            window(keys[lists + i], at, std::min<std::size_t>(256, n - at));
        if (page.empty()) break;
        for (const std::string& m : page) removed(m);
        at += page.size();
      }
      if (count_in(counts.items[i]) > 0) connection_.command({"UNLINK", keys[lists + i]});
    }
  } catch (const Error&) {
    // The queue is empty already; what was moved expires.
  }
  return total;
}

void RedisTransport::publish(const std::string& queue, int priority, const std::string& message) {
  connection_.command({"LPUSH", keys_.queue(queue, keys_.step_of(priority)), message});
}

std::vector<Unacked> RedisTransport::unacked(std::size_t limit, bool& truncated) {
  return looking([&] {
    std::vector<Unacked> out;
    std::vector<Args> scores;
    std::string cursor = "0";
    truncated = false;
    do {
      const redis::Reply r =
          connection_.command({"HSCAN", keys_.prefix + kUnacked, cursor, "COUNT", "100"});
      if (r.items.size() != 2) break;
      cursor = r.items[0].text;
      const std::vector<redis::Reply>& pairs = r.items[1].items;
      for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
        const std::string& entry = pairs[i + 1].text;
        if (out.size() >= limit) {
          truncated = true;
          break;
        }
        if (entry.size() > kMaxMessageBytes) continue;
        try {
          static_cast<void>(json::parse(entry, kMaxMessageBytes));
        } catch (const Error&) {
          continue;
        }
        const std::vector<std::string_view> parts = raw_items(entry);
        if (parts.size() != 3) continue;
        const json::Value key = json::parse(parts[2]);
        Unacked u;
        u.message = parts[0];
        if (key.is_string())
          u.routing_key =
              text::clean({key.get_string().data(), key.get_string().size()}, kMaxNameBytes);
        out.push_back(std::move(u));
        scores.push_back({"ZSCORE", keys_.prefix + kUnackedIndex, pairs[i].text});
      }
    } while (cursor != "0" && !truncated);
    if (scores.empty()) return out;
    const std::vector<redis::Reply> times = connection_.pipeline(scores);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i].taken_at = std::strtod(times[i].text.c_str(), nullptr);
    return out;
  });
}

void RedisEventFeed::open() {
  connection_.close();
  connection_.connect();
  connection_.psubscribe({keys_.events_pattern()});
  connection_.subscribe({keys_.events_channel()});
}

std::optional<std::string> RedisEventFeed::next(int timeout_ms) {
  return looking([&]() -> std::optional<std::string> {
    std::optional<redis::Reply> push = connection_.read_push(timeout_ms);
    if (!push || push->items.size() < 3) return std::nullopt;
    return std::move(push->items.back().text);
  });
}

bool RedisResultStore::chord_waits_for(const std::string& group, const std::string& task_id) {
  const std::vector<redis::Reply> replies = looking([&] {
    return connection_.pipeline({{"EXISTS", prefix_ + "celery-taskset-meta-" + group + ".s"},
                                 {"EXISTS", prefix_ + "celery-task-meta-" + task_id}});
  });
  if (count_in(replies.at(0)) != 1) return false;
  const redis::Reply& stored = replies.at(1);
  if (stored.type == redis::Reply::Type::integer && stored.integer == 0) return true;
  const std::optional<ResultMeta> meta = read_result(get({task_id}).front());
  return meta && !is_final(meta->status);
}

std::vector<std::string> RedisResultStore::get(const std::vector<std::string>& task_ids) {
  constexpr std::size_t kAtOnce = 50;
  constexpr std::int64_t kMaxResult = 1 << 20;
  return looking([&] {
    std::vector<std::string> out(task_ids.size());
    for (std::size_t from = 0; from < task_ids.size(); from += kAtOnce) {
      const std::size_t to = std::min(task_ids.size(), from + kAtOnce);
      std::vector<Args> sizes, gets;
      std::vector<std::size_t> wanted;
      for (std::size_t i = from; i < to; ++i)
        sizes.push_back({"STRLEN", prefix_ + "celery-task-meta-" + task_ids[i]});
      const std::vector<redis::Reply> lengths = connection_.pipeline(sizes);
      for (std::size_t i = from; i < to; ++i) {
        const redis::Reply& length = lengths[i - from];
        if (length.type != redis::Reply::Type::integer || length.integer <= 0 ||
            length.integer > kMaxResult)
          continue;
        wanted.push_back(i);
        gets.push_back({"GET", prefix_ + "celery-task-meta-" + task_ids[i]});
      }
      if (gets.empty()) continue;
      std::vector<redis::Reply> values = connection_.pipeline(gets);
      for (std::size_t k = 0; k < wanted.size(); ++k) {
        if (values[k].type == redis::Reply::Type::bulk) out[wanted[k]] = std::move(values[k].text);
      }
    }
    return out;
  });
}

std::vector<std::string> RedisResultStore::newest(std::size_t limit, std::size_t look_at,
                                                  bool& truncated) {
  return looking([&] {
    const std::string start = prefix_ + "celery-task-meta-";
    // All results get the same lifetime when they are written: the longer one still has, the newer
    // it is.
    std::vector<std::pair<std::int64_t, std::string>> found;
    std::string cursor = "0";
    std::size_t seen = 0;
    do {
      const redis::Reply r =
          connection_.command({"SCAN", cursor, "MATCH", escape_glob(start) + "*", "COUNT", "1000"});
      if (r.items.size() != 2) break;
      cursor = r.items[0].text;
      seen += 1000;
      std::vector<Args> ask;
      for (const redis::Reply& key : r.items[1].items) ask.push_back({"PTTL", key.text});
      if (ask.empty()) continue;
      const std::vector<redis::Reply> left = connection_.pipeline(ask);
      for (std::size_t i = 0; i < ask.size(); ++i) {
        found.emplace_back(left[i].integer,
                           ask[i][1].substr(std::min(start.size(), ask[i][1].size())));
      }
    } while (cursor != "0" && seen < look_at);
    truncated = cursor != "0" || found.size() > limit;
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.first > b.first; });
    if (found.size() > limit) found.resize(limit);
    std::vector<std::string> out;
    for (auto& [ttl, id] : found) out.push_back(std::move(id));
    return out;
  });
}

}  // namespace z4j::celery
