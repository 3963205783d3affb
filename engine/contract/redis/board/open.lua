-- Gives the board its epoch, once all data that it refers to is in place or marked as being made.
--
-- KEYS  state       see publish.lua
-- ARGV  epoch       as in begin.lua; when it changes, readers read the whole board
-- returns 1; 0 if it is not the board that was begun: Redis was emptied or restarted meanwhile, or another engine has begun
--         a later one
--
-- The board is valid for the run of the server in which it was made; see epoch.lua.
local state = KEYS[1]
local epoch = ARGV[1]

local held = redis.call('HMGET', state, 'building', 'run')
local run = thisRun()
if held[1] ~= epoch or held[2] ~= run then return 0 end
redis.call('HDEL', state, 'building')
redis.call('HSET', state, 'epoch', epoch)
return 1
