-- Renews a gateway's lease, if it still holds it.
--
-- KEYS  leases       see acquire.lua
-- ARGV  number       the gateway's number
--       incarnation  its incarnation
--       leaseUs      how long the lease holds from now, microseconds
-- returns {'ok', nowUs, clock, reading, readings} (see acquire.lua) or {'lost', nowUs}: the registry is closed or has another
--         lease length, the lease is revoked, or another gateway has the number
--
-- A revoked lease cannot be renewed: the engine may be fencing it at this moment. A lease that has only expired by this
-- server's clock can: that clock may have been set forward, and the holder uses its own.
local leases = KEYS[1]
local number, incarnation, leaseUs = ARGV[1], ARGV[2], ARGV[3]

local time = redis.call('TIME')
local nowUs = time[1] * 1000000 + time[2]
local now = string.format('%.0f', nowUs)

local held = redis.call('HGET', leases, 'g:' .. number)
local run = thisRun()
if not held or redis.call('HEXISTS', leases, 'epoch') == 0 or redis.call('HGET', leases, 'run') ~= run then
  return { 'lost', now }
end
if redis.call('HGET', leases, 'leaseUs') ~= leaseUs then return { 'lost', now } end
local lease = cjson.decode(held)
if string.format('%.0f', lease.incarnation) ~= incarnation or lease.expiresUs == '0' then
  return { 'lost', now }
end
lease.expiresUs = string.format('%.0f', nowUs + tonumber(leaseUs))
redis.call('HSET', leases, 'g:' .. number, cjson.encode(lease))
return { 'ok', now, unpack(redis.call('HMGET', leases, 'clock', 'reading', 'readings')) }
