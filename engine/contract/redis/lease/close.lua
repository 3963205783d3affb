-- Closes the registry of an epoch; one of another epoch that was opened meanwhile is left alone.
--
-- KEYS  leases   see acquire.lua
-- ARGV  epoch    that is to be closed
-- returns 1 if it was closed, else 0
local leases = KEYS[1]
local epoch = ARGV[1]

if redis.call('HGET', leases, 'epoch') ~= epoch then return 0 end
return redis.call('HDEL', leases, 'epoch')
