-- Which board this is.
--
-- KEYS  state   see publish.lua
-- ARGV  (none)
-- returns its epoch; '' if there is none, or the server was restarted since the board was made: then ranks and outcomes of
--         the last second may be missing, and nothing can be told about anybody until everything is rebuilt
local state = KEYS[1]

local held = redis.call('HMGET', state, 'epoch', 'run')
if not held[1] or held[2] ~= thisRun() then return '' end
return held[1]
