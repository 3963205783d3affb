-- Gives a gateway a number and an incarnation, under a lease, and what the log knows its writer by.
--
-- KEYS  leases      hash: `epoch`, `run` and `leaseUs` (set by the engine when it opens the registry), `nextIncarnation`,
--                   `floorUs`; `readings`: how often engines have read this server's clock here; `clock`: 'held', or the
--                   time that it showed when the keeper last found it right, microseconds; `reading`: by which of the
--                   readings; `g:<number>` -> JSON {incarnation, registeredUs, expiresUs, name, token}; and `p:<number>` ->
--                   token, of a free number that the engine has prepared
-- ARGV  leaseUs     how long the lease holds, microseconds
--       name        who asks, for people who look
--       slots       how many gateway numbers there are
-- returns {'closed'} while the registry is not open; {'differs', leaseUs} when it was opened for leases of another
--         length; {'held'} while the keeper doubts this server's clock; {'full'} when every number is taken;
--         {'unprepared'} when no free one is prepared;
--         {'ok', number, incarnation, epoch, registeredUs, token, timeUs, clock, reading, readings} otherwise; nil for what
--         nobody has said
--
-- The registry is open for the run of the server that it was opened in (`run`; see ../run.lua). A server that was
-- started again, or another one in its place, may lack the last second of what was written: leases, and numbers of
-- incarnations, that somebody believes in. It would give them again.
--
-- A number whose lease is over is not given again here: the engine first fences it in the log and then frees it, so
-- whatever the old holder may still append stands behind the fence.
-- `registeredUs` is `floorUs`, the latest instant up to which the engine read this registry: the engine may have moved the
-- watermark up to that instant, and the newcomer's stamps all come after it. It is not the time of this server, which may
-- have been set forward since: an instant that no engine vouches for would let the watermark follow it.
local leases = KEYS[1]
local leaseUs, name, slots = ARGV[1], ARGV[2], tonumber(ARGV[3])

local epoch = redis.call('HGET', leases, 'epoch')
local run = thisRun()
if not epoch or redis.call('HGET', leases, 'run') ~= run then return { 'closed' } end
local held = redis.call('HGET', leases, 'leaseUs')
if held ~= leaseUs then return { 'differs', held or '' } end
local word = redis.call('HMGET', leases, 'clock', 'reading', 'readings')
if word[1] == 'held' then return { 'held' } end

local time = redis.call('TIME')
local nowUs = time[1] * 1000000 + time[2]
local registeredUs = redis.call('HGET', leases, 'floorUs') or '0'

local state = 'full'
for number = 0, slots - 1 do
  local token = redis.call('HGET', leases, 'p:' .. number)
  if token then
    redis.call('HDEL', leases, 'p:' .. number)
    local incarnation = redis.call('HINCRBY', leases, 'nextIncarnation', 1)
    redis.call('HSET', leases, 'g:' .. number, cjson.encode({
      incarnation = string.format('%.0f', incarnation),
      registeredUs = registeredUs,
      expiresUs = string.format('%.0f', nowUs + tonumber(leaseUs)),
      name = name,
      token = token,
    }))
    local now = string.format('%.0f', nowUs)
    return { 'ok', number, incarnation, epoch, registeredUs, token, now, unpack(word) }
  end
  if redis.call('HEXISTS', leases, 'g:' .. number) == 0 then state = 'unprepared' end
end
return { state }
