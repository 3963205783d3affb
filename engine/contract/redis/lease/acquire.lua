-- Grants a gateway a number and an incarnation, under a lease, with the token of its writer in the log.
--
-- KEYS  leases      hash: `epoch`, `run` and `leaseUs` (set by the engine when it opens the registry), `nextIncarnation`,
--                   `floorUs`; `readings`: how often engines have read this server's clock here; `clock`: 'held', or the
--                   time that it showed when the lease reaper last found it right, microseconds; `reading`: the number of the
--                   reading behind that; `g:<number>` -> JSON {incarnation, registeredUs, expiresUs, name, token}; and
--                   `p:<number>` -> the token of a free number that the engine has prepared
-- ARGV  leaseUs     how long the lease holds, microseconds
--       name        of the requesting gateway, for humans
--       slots       the number of gateway numbers
-- returns {'closed'} while the registry is not open; {'differs', leaseUs} if it was opened for another lease length;
--         {'held'} while the lease reaper doubts this server's clock; {'full'} if every number is taken; {'unprepared'} if no free
--         number is prepared; otherwise {'ok', number, incarnation, epoch, registeredUs, token, timeUs, clock, reading,
--         readings}, with nil for values that were never set
--
-- The registry is open for the run of the server in which it was opened (`run`; see ../run.lua). A server that was
-- restarted, or another one in its place, may lack the last second of writes: leases, and numbers of incarnations, that
-- gateways rely on. It would grant them again.
--
-- A number whose lease has expired is not granted again here: the engine first fences it in the log and then frees it, so
-- everything that the old holder may still append comes after the fence.
-- `registeredUs` is `floorUs`, the latest instant up to which the engine read this registry: the engine may have moved the
-- watermark up to that instant, and the new gateway's stamps are all later. It is not the time of this server, which may
-- have been set forward since: an instant that no engine confirms would let the watermark follow it.
local leases = KEYS[1]
local leaseUs, name, slots = ARGV[1], ARGV[2], tonumber(ARGV[3])

local epoch = redis.call('HGET', leases, 'epoch')
local run = thisRun()
if not epoch or redis.call('HGET', leases, 'run') ~= run then return { 'closed' } end
local held = redis.call('HGET', leases, 'leaseUs')
if held ~= leaseUs then return { 'differs', held or '' } end
local report = redis.call('HMGET', leases, 'clock', 'reading', 'readings')
if report[1] == 'held' then return { 'held' } end

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
    return { 'ok', number, incarnation, epoch, registeredUs, token, now, unpack(report) }
  end
  if redis.call('HEXISTS', leases, 'g:' .. number) == 0 then state = 'unprepared' end
end
return { state }
