-- Under which epoch a campaign's projection was begun on this server, and whether it is whole.
--
-- KEYS  mark   see begin.lua
-- ARGV  (none)
-- returns {epoch, whole}, each '' for none; both are '' where it was not begun on this server in its present run
local mark = KEYS[1]

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local held = redis.call('HMGET', mark, 'run', 'epoch', 'whole')
if held[1] ~= run then return { '', '' } end
return { held[2] or '', held[3] or '' }
