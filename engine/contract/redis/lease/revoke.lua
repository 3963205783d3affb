-- Ends a lease that its holder has not renewed for so long that it has expired: from then on it cannot be renewed.
--
-- KEYS  leases       see acquire.lua
-- ARGV  number       the gateway's number
--       incarnation  its incarnation
--       expiresUs    as the caller has read it; a lease that was renewed since is left alone
-- returns 1 if the lease is revoked, now or before, else 0
--
-- The caller decides how long is long enough, by a clock that nobody can set: the clock of this server may have been set
-- in the meantime, forward or back. A revoked lease has 0 as `expiresUs`.
local leases = KEYS[1]
local number, incarnation, expiresUs = ARGV[1], ARGV[2], ARGV[3]

local held = redis.call('HGET', leases, 'g:' .. number)
if not held then return 0 end
local lease = cjson.decode(held)
if string.format('%.0f', lease.incarnation) ~= incarnation then return 0 end
if lease.expiresUs == '0' then return 1 end
if lease.expiresUs ~= expiresUs then return 0 end
lease.expiresUs = '0'
redis.call('HSET', leases, 'g:' .. number, cjson.encode(lease))
return 1
