-- Says how a campaign's projection stands, to an engine that is about to tell the board of the campaign.
--
-- KEYS  mark    see begin.lua
-- ARGV  epoch   of the registry
-- returns 'whole': what the board is told of must be put in place before; 'building': whoever makes it reads the ledger
--         once more after this, as `joined` has grown; 'unmade' when it was not begun under that epoch on this server
local mark = KEYS[1]
local epoch = ARGV[1]

local run = thisRun()
local held = redis.call('HMGET', mark, 'epoch', 'run', 'whole')
if held[1] ~= epoch or held[2] ~= run then return 'unmade' end
if held[3] then return 'whole' end
redis.call('HINCRBY', mark, 'joined', 1)
return 'building'
