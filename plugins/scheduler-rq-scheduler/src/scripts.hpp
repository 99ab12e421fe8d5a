// The Lua scripts: each is one step that happens as a whole or not at all, its precondition checked
// inside.
#pragma once

#include <string_view>

namespace z4j::rq_scheduler::scripts {

// KEYS: job, job, ...  ARGV: most bytes of one value, names of fields
// Answers for each {values, 1 when one was too large}, values empty when there is no such job.
inline constexpr std::string_view kRead = R"lua(
local out, most = {}, tonumber(ARGV[1])
for k = 1, #KEYS do
  local values, cut = {}, 0
  local there = redis.pcall('HLEN', KEYS[k])
  if type(there) == 'number' and there > 0 then
    for f = 2, #ARGV do
      local value = ''
      if redis.call('HSTRLEN', KEYS[k], ARGV[f]) > most then cut = 1 else value = redis.call('HGET', KEYS[k], ARGV[f]) or '' end
      values[f - 1] = value
    end
  end
  out[k] = {values, cut}
end
return out
)lua";

// KEYS: job, scheduled, disabled  ARGV: id, due, "1" to disable, then fields and values
// Answers {"done"} or {"taken"}.
inline constexpr std::string_view kMake = R"lua(
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('ZSCORE', KEYS[2], ARGV[1]) or redis.call('ZSCORE', KEYS[3], ARGV[1]) then return {'taken'} end
redis.call('HMSET', KEYS[1], unpack(ARGV, 4))
redis.call('ZADD', ARGV[3] == '1' and KEYS[3] or KEYS[2], ARGV[2], ARGV[1])
return {'done'}
)lua";

// KEYS: job, scheduled, disabled  ARGV: id, due or "", "1" to disable, "1" when it was disabled,
// number of fields, their names, their values before, their values now ("" takes one away) Answers
// {"done"} or {"changed"}.
inline constexpr std::string_view kEdit = R"lua(
local from, to = ARGV[4] == '1' and KEYS[3] or KEYS[2], ARGV[3] == '1' and KEYS[3] or KEYS[2]
local due, n = redis.call('ZSCORE', from, ARGV[1]), tonumber(ARGV[5])
if not due then return {'changed'} end
for i = 6, 5 + n do
  if (redis.call('HGET', KEYS[1], ARGV[i]) or '') ~= ARGV[i + n] then return {'changed'} end
end
for i = 6, 5 + n do
  local now = ARGV[i + 2 * n]
  if now ~= ARGV[i + n] then
    if now == '' then redis.call('HDEL', KEYS[1], ARGV[i]) else redis.call('HSET', KEYS[1], ARGV[i], now) end
  end
end
if ARGV[2] ~= '' then due = ARGV[2] end
redis.call('ZREM', from, ARGV[1])
redis.call('ZADD', to, due, ARGV[1])
return {'done'}
)lua";

// KEYS: job, scheduled, disabled, results  ARGV: id
// A job that has run belongs to RQ as well: only what never ran goes as a whole.
// Answers {"done"} or {"gone"}.
inline constexpr std::string_view kRemove = R"lua(
if redis.call('ZREM', KEYS[2], ARGV[1]) + redis.call('ZREM', KEYS[3], ARGV[1]) == 0 then return {'gone'} end
if redis.call('HGET', KEYS[1], 'status') == 'scheduled' then redis.call('DEL', KEYS[1], KEYS[4]) end
return {'done'}
)lua";

// KEYS: job, new job, queues, list  ARGV: new id, time
// A run of its own with the same call, byte by byte. Answers {"done"}, {"taken"} or {"empty"}.
inline constexpr std::string_view kTrigger = R"lua(
if redis.call('EXISTS', KEYS[2]) == 1 then return {'taken'} end
if redis.call('HSTRLEN', KEYS[1], 'data') == 0 then return {'empty'} end
for _, field in ipairs({'data', 'description', 'origin', 'timeout', 'meta', 'success_callback_name', 'failure_callback_name',
                        'stopped_callback_name', 'retries_left', 'retry_intervals', 'failure_ttl'}) do
  local value = redis.call('HGET', KEYS[1], field)
  if value then redis.call('HSET', KEYS[2], field, value) end
end
redis.call('HMSET', KEYS[2], 'status', 'queued', 'created_at', ARGV[2], 'enqueued_at', ARGV[2], 'started_at', '', 'ended_at', '',
           'last_heartbeat', '', 'worker_name', '')
redis.call('SADD', KEYS[3], KEYS[4])
redis.call('RPUSH', KEYS[4], ARGV[1])
return {'done'}
)lua";

}  // namespace z4j::rq_scheduler::scripts
