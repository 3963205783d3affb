-- Reads the registry: for the engine, which vouches for the time, or for somebody who only looks.
--
-- KEYS  leases     see acquire.lua
-- ARGV  vouchedUs  the latest instant that the engine vouches for as the time of this server; '' from who only looks
-- returns {readAtUs, timeUs, readings, epoch or '', leaseUs or '', field, value, field, value, ...} with all fields `g:<number>` and
--         `p:<number>`; '' as epoch while the registry is closed, as it is when it was opened in another run of the
--         server (see acquire.lua), or by an engine that did not say how long leases hold
--
-- `readAtUs` is the `floorUs` that this read leaves: the server's time, as far as it is vouched for. It never falls, and
-- every gateway that is given a lease later gets a registeredUs at or above it. `timeUs` is what the clock shows.
-- `readings` is the number of this reading of it, where an engine makes it: who hears of what was found by it can tell
-- whether that was found before or after something else that they have heard from this server, whatever its clock showed.
local leases = KEYS[1]
local vouchedUs = tonumber(ARGV[1])

local time = redis.call('TIME')
local timeUs = time[1] * 1000000 + time[2]
local run = thisRun()
local leaseUs = redis.call('HGET', leases, 'leaseUs')
local epoch = leaseUs and redis.call('HGET', leases, 'run') == run and redis.call('HGET', leases, 'epoch')
local readAtUs = tonumber(redis.call('HGET', leases, 'floorUs') or '0')
if vouchedUs then readAtUs = math.max(readAtUs, math.min(timeUs, vouchedUs)) end
local readings = redis.call('HGET', leases, 'readings') or '0'
if epoch and vouchedUs then redis.call('HSET', leases, 'floorUs', string.format('%.0f', readAtUs)) end
if vouchedUs then readings = tostring(redis.call('HINCRBY', leases, 'readings', 1)) end

local answer = { string.format('%.0f', readAtUs), string.format('%.0f', timeUs), readings, epoch or '', leaseUs or '' }
local all = redis.call('HGETALL', leases)
for index = 1, #all, 2 do
  if string.match(all[index], '^[gp]:%d+$') then
    answer[#answer + 1] = all[index]
    answer[#answer + 1] = all[index + 1]
  end
end
return answer
