-- Stores a copy of what was read from the ledger, unless the coupon has changed since the read began.
--
-- KEYS  copy, version, changes   see copy-get.lua and changed.lua
-- ARGV  coupon id, version (the greatest one before the ledger was read), run (of the server that returned it), shop ('' for
--       none), body, milliseconds to store it for, how far it may be behind the greatest version (see copy-get.lua)
-- returns 1 if it is stored; 0 if it was too late, or the version came from another server than this one
local copy, greatest, changes = KEYS[1], KEYS[2], KEYS[3]
local coupon, version, run, shop, body, keepMs, behind = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
if run ~= thisRun() then return 0 end
if tonumber(redis.call('ZSCORE', changes, coupon) or '0') > tonumber(version) then return 0 end
if (redis.call('GET', greatest) or '0') - behind > tonumber(version) then return 0 end
redis.call('HSET', copy, 'coupon', coupon, 'version', version, 'run', run, 'shop', shop, 'body', body)
redis.call('PEXPIRE', copy, keepMs)
return 1
