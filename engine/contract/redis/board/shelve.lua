-- Takes shelved campaigns off the board: requests about them are answered from the ledger.
--
-- KEYS  state, campaigns, changes   see publish.lua
-- ARGV  epoch         of the intended board
--       id, id, ...   of campaigns that the board has shown as shelved, or does not have
-- returns how many were taken off; -1 if it is another board, or there is none: then nothing was changed
--
-- The state keeps only three numbers of all campaigns that were ever taken off: `shelvedTo`, the greatest of their ids;
-- `shelvings`, which grows each time, so that an engine that read the ledger before cannot put one back (publish.lua); and
-- `floor`, the greatest version at which one of them last changed: a reader with an older version reads the whole board
-- (read.lua).
local state, campaigns, changes = KEYS[1], KEYS[2], KEYS[3]

local held = redis.call('HMGET', state, 'epoch', 'building', 'run', 'shelvedTo', 'floor')
if (held[1] or held[2]) ~= ARGV[1] or held[3] ~= thisRun() then
  return -1
end

local shelvedTo, floor, taken = tonumber(held[4] or '0'), tonumber(held[5] or '0'), 0
for index = 2, #ARGV do
  local id = ARGV[index]
  shelvedTo = math.max(shelvedTo, tonumber(id))
  floor = math.max(floor, tonumber(redis.call('ZSCORE', changes, id) or '0'))
  redis.call('ZREM', changes, id)
  taken = taken + redis.call('HDEL', campaigns, id)
end
redis.call('HINCRBY', state, 'shelvings', 1)
redis.call('HSET', state, 'shelvedTo', string.format('%.0f', shelvedTo), 'floor', string.format('%.0f', floor))
return taken
