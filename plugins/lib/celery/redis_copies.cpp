// What a purge takes away, kept in Redis until somebody has read it: z4j:copy:<name>:<list> are the
// lists of the queue as they were, z4j:copy:<name> says what was taken, z4j:copy:<name>:back which
// parts were put back.
#include "lib/celery/message.hpp"
#include "lib/celery/redis_looking.hpp"
#include "lib/celery/redis_transport.hpp"

#include <string>
#include <utility>

namespace z4j::celery {
namespace {

// How long it is remembered that a copy was dropped, and which parts went back.
constexpr char kRememberSeconds[] = "7776000";

// KEYS: the note of the copy, the lists of the queue, as many places. ARGV: the queue.
constexpr char kTakeScript[] = R"(
local known = redis.call('HMGET', KEYS[1], 'queue', 'taken')
if known[1] then
  if known[1] ~= ARGV[1] then return redis.error_reply('ERR the copy is that of another queue') end
  return tonumber(known[2])
end
local half = (#KEYS - 1) / 2
for i = 2, half + 1 do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'list' and kind ~= 'none' then return redis.error_reply('ERR the queue is not a list') end
end
local taken = 0
for i = 2, half + 1 do
  local n = redis.call('LLEN', KEYS[i])
  if n > 0 then redis.call('RENAME', KEYS[i], KEYS[half + i]) end
  taken = taken + n
end
redis.call('HSET', KEYS[1], 'queue', ARGV[1], 'taken', taken)
return taken
)";

// KEYS: the set of parts, the lists of the queue. ARGV: the part, for how long to remember it, then
// pairs of list and message.
constexpr char kPutBackScript[] = R"(
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 0 end
for i = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'list' and kind ~= 'none' then return redis.error_reply('ERR the queue is not a list') end
end
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
for i = 3, #ARGV, 2 do redis.call('LPUSH', KEYS[tonumber(ARGV[i])], ARGV[i + 1]) end
return 1
)";

// KEYS: the note of the copy, the lists of the queue, as many places. ARGV: for how long to
// remember the copy. What came since stays behind what was there before.
constexpr char kUndoScript[] = R"(
local half = (#KEYS - 1) / 2
for i = 2, half + 1 do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'list' and kind ~= 'none' then return redis.error_reply('ERR the queue is not a list') end
end
for i = 2, half + 1 do
  local place = KEYS[half + i]
  local n = redis.call('LLEN', place)
  if n > 0 and redis.call('EXISTS', KEYS[i]) == 0 then
    redis.call('RENAME', place, KEYS[i])
  elseif n > 0 then
    for at = 0, n - 1, 100 do
      redis.call('RPUSH', KEYS[i], unpack(redis.call('LRANGE', place, at, at + 99)))
    end
    redis.call('DEL', place)
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
)";

int priority_of(const std::string& message) {
  try {
    return parse_message(message).priority;
  } catch (const Error&) {
    return 0;  // unreadable: it goes where what has no priority goes
  }
}

}  // namespace

std::string RedisTransport::copy_note(const std::string& copy) const {
  return keys_.prefix + "z4j:copy:" + copy;
}

std::vector<std::string> RedisTransport::copy_lists(const std::string& copy) const {
  std::vector<std::string> out;
  for (const int step : keys_.priority_steps)
    out.push_back(copy_note(copy) + ":" + std::to_string(step));
  return out;
}

std::uint64_t RedisTransport::take_aside(const std::string& queue, const std::string& copy) {
  redis::Args keys = {copy_note(copy)};
  for (std::string& key : keys_.queue_lists(queue)) keys.push_back(std::move(key));
  for (std::string& key : copy_lists(copy)) keys.push_back(std::move(key));
  return count_in(connection_.eval(kTakeScript, keys, {queue}));
}

std::vector<std::string> RedisTransport::read_aside(const std::string&, const std::string& copy,
                                                    std::size_t from, std::size_t limit) {
  return looking([&] { return look_at(copy_lists(copy), from, limit); });
}

void RedisTransport::drop_aside(const std::string&, const std::string& copy) {
  redis::Args gone = {"UNLINK"};
  for (std::string& key : copy_lists(copy)) gone.push_back(std::move(key));
  connection_.command(gone);
  // Should the take be said again, it must not take what has come since.
  connection_.command({"EXPIRE", copy_note(copy), kRememberSeconds});
}

bool RedisTransport::put_back(const std::string& queue, const std::string& copy, std::uint64_t part,
                              const std::vector<std::string>& messages) {
  redis::Args keys = {copy_note(copy) + ":back"};
  for (std::string& key : keys_.queue_lists(queue)) keys.push_back(std::move(key));
  redis::Args args = {std::to_string(part), kRememberSeconds};
  for (const std::string& message : messages) {
    const int step = keys_.step_of(priority_of(message));
    std::size_t list = 0;
    while (list + 1 < keys_.priority_steps.size() && keys_.priority_steps[list] != step) ++list;
    args.push_back(std::to_string(list + 2));
    args.push_back(message);
  }
  return connection_.eval(kPutBackScript, keys, args).integer == 1;
}

void RedisTransport::undo_aside(const std::string& queue, const std::string& copy) {
  redis::Args keys = {copy_note(copy)};
  for (std::string& key : keys_.queue_lists(queue)) keys.push_back(std::move(key));
  for (std::string& key : copy_lists(copy)) keys.push_back(std::move(key));
  connection_.eval(kUndoScript, keys, {kRememberSeconds});
}

}  // namespace z4j::celery
