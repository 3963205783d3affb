-- Gives the board its epoch, once everything that it speaks of is in place or marked as being made.
--
-- KEYS  state       see publish.lua
-- ARGV  epoch       as in begin.lua; another one than before makes readers read the board whole
-- returns 1; 0 when it is not the board that was begun: Redis was emptied or started again meanwhile, or another engine
--         has begun a later one
--
-- The board is good for the run of the server that it was made in; see epoch.lua.
local state = KEYS[1]
local epoch = ARGV[1]

local held = redis.call('HMGET', state, 'building', 'run')
local run = thisRun()
if held[1] ~= epoch or held[2] ~= run then return 0 end
redis.call('HDEL', state, 'building')
redis.call('HSET', state, 'epoch', epoch)
return 1
