-- Opens the registry of a Redis that is empty, or was restarted, once, after the engine has rebuilt the projections or
-- marked them as being made.
--
-- KEYS  leases   see acquire.lua
-- ARGV  epoch    as it was claimed: see begin.lua
--       floorUs  at or above the ledger's greatest watermark: no gateway may stamp at or below it
--       leaseUs  how long leases hold, microseconds
-- returns 1 if this call opened it; 0 if it is not claimed for that epoch: it is open already, another engine has claimed
--         it, or Redis was emptied or restarted since
--
-- Incarnations begin at epoch x 2^32, so none of an earlier registry recurs. Leases that a server still has from before
-- stay: none of their holders can renew them, and each is fenced in its turn. Numbers that were prepared for an older epoch
-- are taken back: the log refuses a writer with such a token.
local leases = KEYS[1]
local epoch, floorUs, leaseUs = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local run = thisRun()
local held = redis.call('HMGET', leases, 'building', 'buildRun')
if held[1] ~= epoch or held[2] ~= run then return 0 end
redis.call('HDEL', leases, 'building', 'buildRun')
floorUs = math.max(floorUs, tonumber(redis.call('HGET', leases, 'floorUs') or '0'))
for _, field in ipairs(redis.call('HKEYS', leases)) do
  if string.match(field, '^p:%d+$') then redis.call('HDEL', leases, field) end
end
redis.call('HSET', leases,
  'epoch', epoch,
  'run', run,
  'leaseUs', leaseUs,
  'nextIncarnation', string.format('%.0f', tonumber(epoch) * 4294967296),
  'floorUs', string.format('%.0f', floorUs))
return 1
