-- Records that the rebuild of a campaign's projection makes progress, and how far entries are ranked, so that another engine
-- can continue from there.
--
-- KEYS  mark     see begin.lua
-- ARGV  by       as in take.lua
--       ranked   every entry of the ledger up to this stamp is ranked, and no other can come; '' leaves it unchanged
-- returns 1; 0 if the rebuild is no longer this engine's: Redis was emptied or restarted, or another engine has it
local mark = KEYS[1]
local by, ranked = ARGV[1], ARGV[2]

local run = thisRun()
local held = redis.call('HMGET', mark, 'by', 'run')
if held[1] ~= by or held[2] ~= run then return 0 end
local time = redis.call('TIME')
redis.call('HSET', mark, 'atUs', string.format('%.0f', time[1] * 1000000 + time[2]))
if ranked ~= '' then redis.call('HSET', mark, 'ranked', ranked) end
return 1
