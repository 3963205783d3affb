-- Opens the registry of an empty Redis, once, after the engine has made the projections anew.
--
-- KEYS  leases   see acquire.lua
-- ARGV  epoch    from the ledger: grows each time the registry is opened
--       floorUs  the ledger's greatest watermark: nobody may stamp at or below it
-- returns 1 if this call opened it, 0 if it was open already
--
-- Incarnations begin at epoch x 2^32, so none of an earlier registry comes again.
local leases = KEYS[1]
local epoch, floorUs = ARGV[1], ARGV[2]

if redis.call('HSETNX', leases, 'epoch', epoch) == 0 then return 0 end
redis.call('HSET', leases, 'nextIncarnation', string.format('%.0f', tonumber(epoch) * 4294967296), 'floorUs', floorUs)
return 1
