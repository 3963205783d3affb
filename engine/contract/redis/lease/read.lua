-- Reads the registry: for an engine, which confirms the time, or for an observer.
--
-- KEYS  leases     see acquire.lua
-- ARGV  confirmedUs  the latest instant that the engine confirms as the time of this server; '' from an observer
-- returns {readAtUs, timeUs, readings, epoch or '', leaseUs or '', field, value, field, value, ...} with all fields
--         `g:<number>` and `p:<number>`; the epoch is '' while the registry is closed, which includes one that was opened in
--         another run of the server (see acquire.lua), or by an engine that did not set the length of leases
--
-- `readAtUs` is the `floorUs` after this read: the server's time, as far as it is confirmed. It never falls, and every
-- gateway that is granted a lease later gets a registeredUs at or above it. `timeUs` is what the clock shows. `readings` is
-- the number of this reading of the clock, if an engine makes it: a gateway that learns of a finding from it can tell whether
-- that was made before or after something else that it has read from this server, whatever the clock showed.
local leases = KEYS[1]
local confirmedUs = tonumber(ARGV[1])

local time = redis.call('TIME')
local timeUs = time[1] * 1000000 + time[2]
local run = thisRun()
local leaseUs = redis.call('HGET', leases, 'leaseUs')
local epoch = leaseUs and redis.call('HGET', leases, 'run') == run and redis.call('HGET', leases, 'epoch')
local readAtUs = tonumber(redis.call('HGET', leases, 'floorUs') or '0')
if confirmedUs then readAtUs = math.max(readAtUs, math.min(timeUs, confirmedUs)) end
local readings = redis.call('HGET', leases, 'readings') or '0'
if epoch and confirmedUs then redis.call('HSET', leases, 'floorUs', string.format('%.0f', readAtUs)) end
if confirmedUs then readings = tostring(redis.call('HINCRBY', leases, 'readings', 1)) end

local answer = { string.format('%.0f', readAtUs), string.format('%.0f', timeUs), readings, epoch or '', leaseUs or '' }
local all = redis.call('HGETALL', leases)
for index = 1, #all, 2 do
  if string.match(all[index], '^[gp]:%d+$') then
    answer[#answer + 1] = all[index]
    answer[#answer + 1] = all[index + 1]
  end
end
return answer
