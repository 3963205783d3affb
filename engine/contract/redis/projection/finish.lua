-- Declares a campaign's projection whole: from now on gateways may report from it.
--
-- KEYS  mark     see begin.lua
-- ARGV  by       as in take.lua
--       joined   as it was before the ledger was last read
-- returns 'whole'; 'again' if the board has been told of the campaign since: the ledger has to be read again; 'lost' if the
--         rebuild is no longer this engine's (see advance.lua)
local mark = KEYS[1]
local by, joined = ARGV[1], ARGV[2]

local run = thisRun()
local held = redis.call('HMGET', mark, 'by', 'run', 'joined', 'epoch')
if held[1] ~= by or held[2] ~= run then return 'lost' end
if held[3] ~= joined then return 'again' end
redis.call('HDEL', mark, 'maker', 'by', 'atUs', 'ranked', 'lacking', 'joined')
redis.call('HSET', mark, 'whole', held[4])
return 'whole'
