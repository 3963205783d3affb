-- Returns under which epoch a campaign's projection was begun on this server, whether it is whole, and its number of ranks.
--
-- KEYS  mark, rank   see begin.lua
-- ARGV  (none)
-- returns {epoch, whole, count}, each of the first two '' for none; both are '' if it was not begun on this server in its
--         present run
local mark, rank = KEYS[1], KEYS[2]

local run = thisRun()
local held = redis.call('HMGET', mark, 'run', 'epoch', 'whole')
local count = redis.call('ZCARD', rank)
if held[1] ~= run then return { '', '', count } end
return { held[2] or '', held[3] or '', count }
