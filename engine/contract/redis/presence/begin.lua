-- Begins the reports of presence of an epoch, on this server.
--
-- KEYS  mark    hash: `epoch` and `run` (../run.lua), under which the stream of that epoch was begun
-- ARGV  epoch   of the registry that is about to be opened
-- returns 1; 0 if those of a later epoch were begun: then nothing is changed
local mark = KEYS[1]
local epoch = ARGV[1]

local held = redis.call('HGET', mark, 'epoch')
if held and tonumber(held) > tonumber(epoch) then return 0 end
redis.call('HSET', mark, 'epoch', epoch, 'run', thisRun())
return 1
