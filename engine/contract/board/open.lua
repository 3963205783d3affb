-- Gives the board its epoch, once everything that it speaks of is in place.
--
-- KEYS  state   see publish.lua
-- ARGV  epoch   from the ledger; another one than before makes readers read the board whole
-- returns 1
--
-- The board is good for the run of the server that it was made in; see epoch.lua.
local state = KEYS[1]
local epoch = ARGV[1]

redis.call('HSET', state, 'epoch', epoch, 'run', string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'))
return 1
