-- Reads the registry for the engine, and notes the instant up to which it was read.
--
-- KEYS  leases   see acquire.lua
-- ARGV  (none)
-- returns {nowUs, epoch or '', leaseUs or '', field, value, field, value, ...} with all fields `g:<number>` and
--         `p:<number>`; '' as epoch while the registry is closed, as it is when it was opened in another run of the
--         server (see acquire.lua), or by an engine that did not say how long leases hold
--
-- `nowUs` never falls: it is at least `floorUs`, which is moved up to it. Every gateway that is given a lease later
-- gets a registeredUs at or above it.
local leases = KEYS[1]

local time = redis.call('TIME')
local nowUs = math.max(time[1] * 1000000 + time[2], tonumber(redis.call('HGET', leases, 'floorUs') or '0'))
local now = string.format('%.0f', nowUs)
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local leaseUs = redis.call('HGET', leases, 'leaseUs')
local epoch = leaseUs and redis.call('HGET', leases, 'run') == run and redis.call('HGET', leases, 'epoch')
if epoch then redis.call('HSET', leases, 'floorUs', now) end

local answer = { now, epoch or '', leaseUs or '' }
local all = redis.call('HGETALL', leases)
for index = 1, #all, 2 do
  if string.match(all[index], '^[gp]:%d+$') then
    answer[#answer + 1] = all[index]
    answer[#answer + 1] = all[index + 1]
  end
end
return answer
