// Many messages in one go: looking for, taking out, sending.
#include "lib/celery/raw_json.hpp"
#include "lib/celery/redis_looking.hpp"
#include "lib/celery/redis_transport.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace z4j::celery {
namespace {

// KEYS: one list. ARGV: how many to look at, how many bytes to give, then the ids as JSON writes
// them. Answers first whether there was more to give. The id of a task stands behind one of two
// names; what stands there of another thing is for the caller to tell apart.
constexpr char kFindManyScript[] = R"lua(
if redis.call('TYPE', KEYS[1]).ok ~= 'list' then return {0} end
local want = {}
for i = 3, #ARGV do want[ARGV[i]] = true end
local function wanted(m, name)
  local from = 1
  while true do
    local _, last = string.find(m, name, from, true)
    if not last then return false end
    local id = string.match(m, '^%s*:%s*"([^"]*)"', last + 1)
    if id and want[id] then return true end
    from = last + 1
  end
end
local out, bytes, at, limit = {0}, 0, 0, tonumber(ARGV[1])
while at < limit do
  local part = redis.call('LRANGE', KEYS[1], -(at + 50), -(at + 1))
  if #part == 0 then break end
  for i = #part, 1, -1 do
    local m = part[i]
    if wanted(m, '"correlation_id"') or wanted(m, '"id"') then
      bytes = bytes + #m
      if bytes > tonumber(ARGV[2]) then
        out[1] = 1
        return out
      end
      out[#out + 1] = m
    end
  end
  at = at + 50
end
return out
)lua";

// KEYS: one list. ARGV: how many to look at, a text that is no message, then the messages. Answers
// the places of those taken out, counted from 1. A message is first replaced in its place and then
// all are taken out together: one pass, however many.
constexpr char kRemoveManyScript[] = R"lua(
if redis.call('TYPE', KEYS[1]).ok ~= 'list' then return {} end
local want, left, out = {}, #ARGV - 2, {}
for i = 3, #ARGV do want[ARGV[i]] = i - 2 end
local at, limit = 0, tonumber(ARGV[1])
while at < limit and left > 0 do
  local part = redis.call('LRANGE', KEYS[1], -(at + 50), -(at + 1))
  if #part == 0 then break end
  for i = #part, 1, -1 do
    local n = want[part[i]]
    if n then
      want[part[i]] = nil
      left = left - 1
      out[#out + 1] = n
      redis.call('LSET', KEYS[1], -(at + #part - i + 1), ARGV[2])
    end
  end
  at = at + 50
end
if #out > 0 then redis.call('LREM', KEYS[1], -#out, ARGV[2]) end
return out
)lua";

constexpr std::size_t kBytesAtOnce = 8u << 20;

// As it stands between the quotes of a JSON text.
std::string inside_quotes(const std::string& text) {
  const std::string literal = quoted(text);
  return literal.substr(1, literal.size() - 2);
}

}  // namespace

std::vector<std::string> RedisTransport::find_many(const std::string& queue,
                                                   const std::vector<std::string>& task_ids) {
  return looking([&] {
    std::vector<std::string> out;
    redis::Args args = {std::to_string(kFindLimit), std::to_string(kBytesAtOnce)};
    for (const std::string& id : task_ids) args.push_back(inside_quotes(id));
    for (const std::string& key : keys_.queue_lists(queue)) {
      redis::Reply r = connection_.eval(kFindManyScript, {key}, args);
      if (r.items.empty()) continue;
      const bool more = r.items.front().integer != 0;
      std::set<std::string> given;
      for (std::size_t i = 1; i < r.items.size(); ++i) {
        if (more) given.insert(r.items[i].text);
        out.push_back(std::move(r.items[i].text));
      }
      if (!more) continue;
      for (const std::string& id : task_ids) {
        for (std::string& message : find(queue, id)) {
          if (given.insert(message).second) out.push_back(std::move(message));
        }
      }
      break;  // find() looks at all lists
    }
    return out;
  });
}

std::vector<bool> RedisTransport::remove_many(const std::string& queue,
                                              const std::vector<std::string>& messages) {
  std::vector<bool> out(messages.size(), false);
  for (const std::string& key : keys_.queue_lists(queue)) {
    for (std::size_t from = 0; from < messages.size();) {
      redis::Args args = {std::to_string(2 * kFindLimit), "taken out by z4j " + text::new_uuid()};
      std::vector<std::size_t> places;
      for (std::size_t bytes = 0; from < messages.size() && bytes < kBytesAtOnce; ++from) {
        if (out[from]) continue;
        bytes += messages[from].size();
        args.push_back(messages[from]);
        places.push_back(from);
      }
      if (places.empty()) break;
      for (const redis::Reply& r : connection_.eval(kRemoveManyScript, {key}, args).items) {
        if (r.integer >= 1 && static_cast<std::size_t>(r.integer) <= places.size())
          out[places[static_cast<std::size_t>(r.integer) - 1]] = true;
      }
    }
  }
  return out;
}

std::vector<Published> RedisTransport::publish_many(const std::vector<Outgoing>& messages) {
  constexpr std::size_t kAtOnce = 200;
  std::vector<Published> out(messages.size());
  for (std::size_t from = 0; from < messages.size();) {
    std::vector<redis::Args> commands;
    std::size_t to = from;
    for (std::size_t bytes = 0; to < messages.size() && to - from < kAtOnce && bytes < kBytesAtOnce;
         ++to) {
      const Outgoing& m = messages[to];
      bytes += m.message.size();
      commands.push_back({"LPUSH", keys_.queue(m.queue, keys_.step_of(m.priority)), m.message});
    }
    try {
      const std::vector<redis::Reply> replies = connection_.pipeline(commands);
      for (std::size_t i = from; i < to; ++i) {
        if (replies[i - from].type == redis::Reply::Type::integer) continue;
        out[i] = {Z4J_INVALID, "Redis answered: " + text::clean(replies[i - from].text, 300)};
      }
    } catch (const Error& e) {
      if (from == 0 && e.code != Z4J_UNKNOWN) throw;
      std::fill(out.begin() + static_cast<std::ptrdiff_t>(from),
                out.begin() + static_cast<std::ptrdiff_t>(to), Published{e.code, e.what()});
      std::fill(out.begin() + static_cast<std::ptrdiff_t>(to), out.end(),
                Published{Z4J_UNAVAILABLE, "not sent: " + std::string(e.what())});
      return out;
    }
    from = to;
  }
  return out;
}

}  // namespace z4j::celery
