-- Returns the state of a campaign's projection, to an engine that is about to tell the board of the campaign.
--
-- KEYS  mark    see begin.lua
-- ARGV  epoch   of the registry
-- returns 'whole': the engine must write the data before it tells the board; 'building': the rebuilding engine reads the
--         ledger once more after this, because `joined` has grown; 'unmade' if it was not begun under that epoch on this server
local mark = KEYS[1]
local epoch = ARGV[1]

local run = thisRun()
local held = redis.call('HMGET', mark, 'epoch', 'run', 'whole')
if held[1] ~= epoch or held[2] ~= run then return 'unmade' end
if held[3] then return 'whole' end
redis.call('HINCRBY', mark, 'joined', 1)
return 'building'
