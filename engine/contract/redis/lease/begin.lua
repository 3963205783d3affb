-- Claims the closed registry for an epoch, before anything is done under it: from now on nobody can open it under an
-- older one.
--
-- KEYS  leases   see acquire.lua
-- ARGV  epoch    from the ledger: grows with each attempt at opening
-- returns {'begun', nowUs}; {'open'} if it is open; {'stale', epoch} if a later one was claimed or opened before
local leases = KEYS[1]
local epoch = ARGV[1]

local run = thisRun()
local held = redis.call('HMGET', leases, 'epoch', 'run', 'building', 'floorUs', 'leaseUs')
-- Without the length of leases no engine reads it as open: an older version has opened it.
if held[1] and held[2] == run and held[5] then return { 'open' } end
for index = 1, 3, 2 do
  if held[index] and tonumber(held[index]) >= tonumber(epoch) then return { 'stale', held[index] } end
end
redis.call('HSET', leases, 'building', epoch, 'buildRun', run)
local time = redis.call('TIME')
return { 'begun', string.format('%.0f', math.max(time[1] * 1000000 + time[2], tonumber(held[4] or '0'))) }
