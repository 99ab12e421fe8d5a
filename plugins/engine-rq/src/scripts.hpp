// The Lua scripts: each is one step that happens as a whole or not at all, with its precondition
// checked inside. Times and names come as arguments; what a worker of RQ would write is written
// field by field, so that both generations of RQ accept it.
#pragma once

#include <string_view>

namespace z4j::engine_rq::scripts {

// KEYS: job, results, job, results, ...  ARGV: most bytes of one value, bytes after which to stop,
// number of small fields, their names, names of the large fields. Changes nothing. Answers for as
// many jobs as fit, at least one: {values, number of results, the two newest results}; a value that
// is too large is "".
inline constexpr std::string_view kReadJobs = R"lua(
local most, budget, small = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local out, used = {}, 0
for k = 1, #KEYS, 2 do
  if used > budget then break end
  local values = redis.pcall('HMGET', KEYS[k], unpack(ARGV, 4, 3 + small))
  if values.err then
    values = {}
  else
    for i = 1, small do
      if values[i] and #values[i] > 65536 then values[i] = string.sub(values[i], 1, 65536) end
      if values[i] then used = used + #values[i] end
    end
    for f = 4 + small, #ARGV do
      local value = false
      local size = redis.call('HSTRLEN', KEYS[k], ARGV[f])
      if size > most then
        value = ''
      elseif size > 0 then
        value = redis.call('HGET', KEYS[k], ARGV[f])
        used = used + size
      end
      values[f - 3] = value
    end
  end
  local count, newest = redis.pcall('XLEN', KEYS[k + 1]), {}
  if type(count) ~= 'number' then count = 0 end
  if count > 0 then
    newest = redis.call('XREVRANGE', KEYS[k + 1], '+', '-', 'COUNT', 2)
    for _, result in ipairs(newest) do
      for i, part in ipairs(result[2]) do
        if #part > 2 * most then result[2][i] = '' end
        used = used + #result[2][i]
      end
    end
  end
  out[#out + 1] = {values, count, newest}
end
return out
)lua";

// KEYS: job, failed, canceled, finished, queues, list, scheduled  ARGV: id, expected status, time,
// queue's name, "1" for the front, due time or ""
// Answers {"done"} or {"changed", status}.
inline constexpr std::string_view kRequeue = R"lua(
local status = redis.call('HGET', KEYS[1], 'status')
if not status or status ~= ARGV[2] then return {'changed', status or ''} end
for i = 2, 4 do redis.call('ZREM', KEYS[i], ARGV[1]) end
local later = ARGV[6] ~= ''
redis.call('HMSET', KEYS[1], 'status', later and 'scheduled' or 'queued', 'origin', ARGV[4], 'enqueued_at', later and '' or ARGV[3],
           'started_at', '', 'ended_at', '', 'last_heartbeat', '', 'worker_name', '')
redis.call('HDEL', KEYS[1], 'exc_info', 'result')
redis.call('PERSIST', KEYS[1])
redis.call('SADD', KEYS[5], KEYS[6])
if later then
  redis.call('ZADD', KEYS[7], ARGV[6], ARGV[1])
elseif ARGV[5] == '1' then
  redis.call('LPUSH', KEYS[6], ARGV[1])
else
  redis.call('RPUSH', KEYS[6], ARGV[1])
end
return {'done'}
)lua";

// KEYS: job, new job, queues, list, scheduled  ARGV: new id, expected status, time, queue's name,
// "1" for the front, due time or "", new data or "", new description The new job keeps what the old
// one was made with, without its runs, dependencies and repeats. Answers {"done"}, {"changed",
// status}, {"taken"} or {"empty"} when the old job lost its data.
inline constexpr std::string_view kCopy = R"lua(
local status = redis.call('HGET', KEYS[1], 'status')
if not status or status ~= ARGV[2] then return {'changed', status or ''} end
if redis.call('EXISTS', KEYS[2]) == 1 then return {'taken'} end
if ARGV[7] == '' and redis.call('HSTRLEN', KEYS[1], 'data') == 0 then return {'empty'} end
local left = {status = 1, created_at = 1, enqueued_at = 1, started_at = 1, ended_at = 1, last_heartbeat = 1, worker_name = 1,
              exc_info = 1, result = 1, dependency_id = 1, dependency_ids = 1, allow_dependency_failures = 1, group_id = 1,
              number_of_retries = 1, repeats_left = 1, repeat_intervals = 1, origin = 1}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if not left[all[i]] then redis.call('HSET', KEYS[2], all[i], all[i + 1]) end
end
local later = ARGV[6] ~= ''
redis.call('HMSET', KEYS[2], 'status', later and 'scheduled' or 'queued', 'origin', ARGV[4], 'created_at', ARGV[3],
           'enqueued_at', later and '' or ARGV[3], 'started_at', '', 'ended_at', '', 'last_heartbeat', '', 'worker_name', '')
if ARGV[7] ~= '' then redis.call('HMSET', KEYS[2], 'data', ARGV[7], 'description', ARGV[8]) end
redis.call('SADD', KEYS[3], KEYS[4])
if later then
  redis.call('ZADD', KEYS[5], ARGV[6], ARGV[1])
elseif ARGV[5] == '1' then
  redis.call('LPUSH', KEYS[4], ARGV[1])
else
  redis.call('RPUSH', KEYS[4], ARGV[1])
end
return {'done'}
)lua";

// KEYS: job, queues, list, scheduled  ARGV: id, time, queue's name, "1" for the front, due time or
// "", data, description Answers {"done"} or {"taken"}.
inline constexpr std::string_view kSubmit = R"lua(
if redis.call('EXISTS', KEYS[1]) == 1 then return {'taken'} end
local later = ARGV[5] ~= ''
redis.call('HMSET', KEYS[1], 'status', later and 'scheduled' or 'queued', 'origin', ARGV[3], 'created_at', ARGV[2],
           'enqueued_at', later and '' or ARGV[2], 'started_at', '', 'ended_at', '', 'last_heartbeat', '', 'worker_name', '',
           'data', ARGV[6], 'description', ARGV[7], 'timeout', '180', 'success_callback_name', '', 'failure_callback_name', '')
redis.call('SADD', KEYS[2], KEYS[3])
if later then
  redis.call('ZADD', KEYS[4], ARGV[5], ARGV[1])
elseif ARGV[4] == '1' then
  redis.call('LPUSH', KEYS[3], ARGV[1])
else
  redis.call('RPUSH', KEYS[3], ARGV[1])
end
return {'done'}
)lua";

// KEYS: job, list, scheduled, deferred, canceled, then the dependents of each job it waits for
// ARGV: id, expected queue, Unix time
// Answers {"done", status before, removed from the list} or {"changed", status}, {"taken"} when a
// worker has just popped it.
inline constexpr std::string_view kCancel = R"lua(
local now = redis.call('HMGET', KEYS[1], 'status', 'origin')
local status = now[1] or ''
if now[2] ~= ARGV[2] or not ({created = 1, queued = 1, scheduled = 1, deferred = 1})[status] then return {'changed', status} end
local removed = redis.call('LREM', KEYS[2], 0, ARGV[1])
if status == 'queued' and removed == 0 then return {'taken', status} end
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
for i = 6, #KEYS do redis.call('SREM', KEYS[i], ARGV[1]) end
redis.call('HSET', KEYS[1], 'status', 'canceled')
redis.call('ZADD', KEYS[5], ARGV[3], ARGV[1])
return {'done', status, removed}
)lua";

// KEYS: list, started, scheduled, deferred  ARGV: prefix, queue's name, first place, count
// Deletes the jobs that wait in that part of the list. What is listed there but is in another state
// stays. The keys of the jobs are computed: RQ's keys do not work in a cluster anyway.
// Answers {ids removed, entries without a job removed, left alone, removed ones with dependents,
// started, scheduled, deferred}.
inline constexpr std::string_view kPurge = R"lua(
local first, count, ids = tonumber(ARGV[3]), tonumber(ARGV[4]), {}
if count > 0 then ids = redis.call('LRANGE', KEYS[1], first, first + count - 1) end
local removed, stale, kept, awaited = {}, 0, 0, 0
for _, id in ipairs(ids) do
  local job = ARGV[1] .. 'job:' .. id
  local state = redis.call('HMGET', job, 'status', 'origin')
  if state[1] and (state[1] ~= 'queued' or state[2] ~= ARGV[2]) then
    kept = kept + 1
  else
    redis.call('LREM', KEYS[1], 1, id)
    if not state[1] then
      stale = stale + 1
    else
      if redis.call('SCARD', job .. ':dependents') > 0 then awaited = awaited + 1 end
      redis.call('DEL', job, job .. ':dependents', ARGV[1] .. 'job::' .. id .. ':dependencies', ARGV[1] .. 'results:' .. id,
                 ARGV[1] .. 'executions:' .. id)
      removed[#removed + 1] = id
    end
  end
end
return {removed, stale, kept, awaited, redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[3]), redis.call('ZCARD', KEYS[4])}
)lua";

// KEYS: job  ARGV: seconds
// Answers {"done", the limit as it stands then} or {"changed", status}.
inline constexpr std::string_view kTimeLimit = R"lua(
local status = redis.call('HGET', KEYS[1], 'status') or ''
if not ({created = 1, queued = 1, scheduled = 1, deferred = 1})[status] then return {'changed', status} end
redis.call('HSET', KEYS[1], 'timeout', ARGV[1])
return {'done', redis.call('HGET', KEYS[1], 'timeout')}
)lua";

// KEYS: job, list, six registries, dependents, dependencies, results, executions, then the
// dependents of each job it waits for  ARGV: id, expected queue, expected status
// Answers {"done", how many wait for it} or {"changed", status}.
inline constexpr std::string_view kDelete = R"lua(
local now = redis.call('HMGET', KEYS[1], 'status', 'origin')
if now[1] ~= ARGV[3] or now[2] ~= ARGV[2] or now[1] == 'started' then return {'changed', now[1] or ''} end
local removed = redis.call('LREM', KEYS[2], 0, ARGV[1])
if now[1] == 'queued' and removed == 0 then
  for _, member in ipairs(redis.call('ZRANGE', KEYS[8], 0, 999)) do
    if member == ARGV[1] or string.sub(member, 1, #ARGV[1] + 1) == ARGV[1] .. ':' then return {'changed', 'taken by a worker'} end
  end
end
for i = 3, 7 do redis.call('ZREM', KEYS[i], ARGV[1]) end
local awaited = redis.call('SCARD', KEYS[9])
for i = 13, #KEYS do redis.call('SREM', KEYS[i], ARGV[1]) end
redis.call('DEL', KEYS[1], KEYS[9], KEYS[10], KEYS[11], KEYS[12])
return {'done', awaited}
)lua";

// Copies: the list of a queue set aside under a key of ours, and a hash about it. Jobs stay where
// they are until the copy is dropped.
//
// KEYS: list, copy, about, started, scheduled, deferred  ARGV: queue's name, time
// Answers {"done", taken, started, scheduled, deferred}, the same each time; {"other", queue} when
// the copy is one of another queue.
inline constexpr std::string_view kTake = R"lua(
local before = redis.call('HMGET', KEYS[3], 'taken', 'unacked', 'scheduled', 'deferred', 'queue')
if not before[1] then
  if redis.call('EXISTS', KEYS[2]) == 1 then return {'other', ''} end
  before = {redis.call('LLEN', KEYS[1]), redis.call('ZCARD', KEYS[4]), redis.call('ZCARD', KEYS[5]), redis.call('ZCARD', KEYS[6]), ARGV[1]}
  if before[1] > 0 then redis.call('RENAME', KEYS[1], KEYS[2]) end
  redis.call('HMSET', KEYS[3], 'taken', before[1], 'unacked', before[2], 'scheduled', before[3], 'deferred', before[4],
             'queue', before[5], 'at', ARGV[2])
end
if before[5] ~= ARGV[1] then return {'other', before[5]} end
return {'done', tonumber(before[1]), tonumber(before[2]), tonumber(before[3]), tonumber(before[4])}
)lua";

// KEYS: copy  ARGV: prefix, first place, most jobs, bytes after which to stop
// Changes nothing. Answers for as many as fit, at least one: {id, fields and values, milliseconds
// to live, dependents, dependencies}.
inline constexpr std::string_view kReadCopy = R"lua(
local out, used, first, budget = {}, 0, tonumber(ARGV[2]), tonumber(ARGV[4])
for _, id in ipairs(redis.call('LRANGE', KEYS[1], first, first + tonumber(ARGV[3]) - 1)) do
  local job = ARGV[1] .. 'job:' .. id
  local size = 0
  for _, field in ipairs(redis.pcall('HKEYS', job)) do size = size + #field + redis.call('HSTRLEN', job, field) + 16 end
  if #out > 0 and used + size > budget then break end
  used = used + size + #id
  if size > 0 then
    out[#out + 1] = {id, redis.call('HGETALL', job), redis.call('PTTL', job), redis.call('SMEMBERS', job .. ':dependents'),
                     redis.call('SMEMBERS', ARGV[1] .. 'job::' .. id .. ':dependencies')}
  else
    out[#out + 1] = {id, {}, -1, {}, {}}
  end
  if used > budget then break end
end
return out
)lua";

// KEYS: copy, about  ARGV: prefix, queue's name, most jobs
// Deletes the first jobs of the copy that still stand as they were set aside. Answers {ids removed,
// entries left}, or {"never"} when nothing was ever taken.
inline constexpr std::string_view kDrop = R"lua(
local about = redis.call('HMGET', KEYS[2], 'queue', 'at')
if about[1] ~= ARGV[2] then return {'never'} end
local removed = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[3]) - 1)) do
  local job = ARGV[1] .. 'job:' .. id
  local now = redis.pcall('HMGET', job, 'status', 'origin', 'enqueued_at')
  if now[1] == 'queued' and now[2] == ARGV[2] and (not now[3] or now[3] <= about[2]) then
    redis.call('DEL', job, job .. ':dependents', ARGV[1] .. 'job::' .. id .. ':dependencies', ARGV[1] .. 'results:' .. id,
               ARGV[1] .. 'executions:' .. id)
    removed[#removed + 1] = id
  end
end
redis.call('LTRIM', KEYS[1], tonumber(ARGV[3]), -1)
redis.call('EXPIRE', KEYS[2], 2592000)
return {removed, redis.call('LLEN', KEYS[1])}
)lua";

// KEYS: copy, parts, queues, list  ARGV: prefix, queue's name, time, part or "", then for each
// job: id, milliseconds to live, number of texts for fields and values, of dependents, of
// dependencies, and those texts Answers {"done", jobs put back, jobs that stand elsewhere by now}
// or, when that part was put back before, {"before", jobs put back then}.
inline constexpr std::string_view kRestore = R"lua(
if ARGV[4] ~= '' then
  local before = redis.call('HGET', KEYS[2], ARGV[4])
  if before then return {'before', tonumber(before)} end
end
local put, elsewhere, at = 0, 0, 5
while at <= #ARGV do
  local id, ttl, fields, waiting, awaited = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  at = at + 5
  local job = ARGV[1] .. 'job:' .. id
  local aside = redis.call('LREM', KEYS[1], 1, id) > 0
  local there = redis.call('EXISTS', job) == 1
  if (there and not (aside and redis.call('HGET', job, 'status') == 'queued')) or (not there and fields == 0) then
    elsewhere = elsewhere + 1
  else
    if not there then
      for i = at, at + fields - 2, 2 do redis.call('HSET', job, ARGV[i], ARGV[i + 1]) end
      for i = at + fields, at + fields + waiting - 1 do redis.call('SADD', job .. ':dependents', ARGV[i]) end
      for i = at + fields + waiting, at + fields + waiting + awaited - 1 do redis.call('SADD', ARGV[1] .. 'job::' .. id .. ':dependencies', ARGV[i]) end
    end
    redis.call('HMSET', job, 'status', 'queued', 'origin', ARGV[2], 'enqueued_at', ARGV[3])
    if ttl > 0 then redis.call('PEXPIRE', job, ttl) end
    redis.call('RPUSH', KEYS[4], id)
    put = put + 1
  end
  at = at + fields + waiting + awaited
end
if put > 0 then redis.call('SADD', KEYS[3], KEYS[4]) end
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[4], put)
  redis.call('EXPIRE', KEYS[2], 2592000)
end
return {'done', put, elsewhere}
)lua";

// KEYS: copy, list, about  ARGV: most entries, queue's name
// Puts entries back as they are. Answers {"done", entries put back, entries left} or {"never"}.
inline constexpr std::string_view kPutBack = R"lua(
if redis.call('HGET', KEYS[3], 'queue') ~= ARGV[2] then return {'never'} end
local put = 0
while put < tonumber(ARGV[1]) do
  local id = redis.call('LPOP', KEYS[1])
  if not id then break end
  redis.call('RPUSH', KEYS[2], id)
  put = put + 1
end
return {'done', put, redis.call('LLEN', KEYS[1])}
)lua";

}  // namespace z4j::engine_rq::scripts
