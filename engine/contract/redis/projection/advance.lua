-- Notes that the making of a campaign's projection goes on, and how far ranks have come, so that another engine can go on
-- from there.
--
-- KEYS  mark     see begin.lua
-- ARGV  by       as in take.lua
--       ranked   every entry of the ledger up to this stamp is ranked, and no other can come; '' leaves it as it is
-- returns 1; 0 when the making is no longer this engine's: Redis was emptied or started again, or another one has it
local mark = KEYS[1]
local by, ranked = ARGV[1], ARGV[2]

local run = thisRun()
local held = redis.call('HMGET', mark, 'by', 'run')
if held[1] ~= by or held[2] ~= run then return 0 end
local time = redis.call('TIME')
redis.call('HSET', mark, 'atUs', string.format('%.0f', time[1] * 1000000 + time[2]))
if ranked ~= '' then redis.call('HSET', mark, 'ranked', ranked) end
return 1
