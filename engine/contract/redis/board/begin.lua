-- Begins a new board under an epoch: the old one is deleted, and gateways read none until the new one is opened.
--
-- KEYS  state, campaigns, changes, blocks, confirmed   see publish.lua and read.lua
-- ARGV  epoch   from the ledger: no other attempt at opening the registry has it
-- returns ''; or the epoch of an existing board, open or being made, if that is the same or a later one: then nothing is
--         changed
local state = KEYS[1]
local epoch = ARGV[1]

local held = redis.call('HMGET', state, 'epoch', 'building')
for index = 1, 2 do
  if held[index] and tonumber(held[index]) >= tonumber(epoch) then return held[index] end
end
redis.call('UNLINK', unpack(KEYS))
redis.call('HSET', state, 'building', epoch, 'run', thisRun())
return ''
