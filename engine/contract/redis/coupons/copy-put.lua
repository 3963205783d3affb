-- Keeps a copy of what was read from the ledger, unless the coupon has changed since the reader began.
--
-- KEYS  copy, changes   see copy-get.lua and changed.lua
-- ARGV  coupon id, version (the greatest one before the ledger was asked), run (of the server that told it), body,
--       milliseconds to keep it for
-- returns 1 when it is kept; 0 when it was too late, or another server was asked for the version than this one
local copy, changes = KEYS[1], KEYS[2]
local coupon, version, run, body, keepMs = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if run ~= thisRun() then return 0 end
if tonumber(redis.call('ZSCORE', changes, coupon) or '0') > tonumber(version) then return 0 end
redis.call('HSET', copy, 'coupon', coupon, 'version', version, 'run', run, 'body', body)
redis.call('PEXPIRE', copy, keepMs)
return 1
