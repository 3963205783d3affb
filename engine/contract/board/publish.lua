-- Puts campaigns and watermarks on the board that gateways read. Nothing on the board moves backward.
--
-- KEYS  state      hash: `epoch` and `run` (see epoch.lua), `version`, `watermarkUs`, `rankedUs`
--       campaigns  hash: campaign id -> JSON
--       changes    sorted set: campaign id -> version at which it last changed
-- ARGV  watermarkUs, rankedUs   '' where there is nothing new to say
--       then for each campaign: id, revision, JSON
-- returns the version of the board
--
-- `revision` grows with every change of a campaign in the ledger; an older one than the board has is left out, so an
-- engine that was held up cannot take the board back.
local state, campaigns, changes = KEYS[1], KEYS[2], KEYS[3]

local function raise(field, value)
  if value ~= '' and tonumber(value) > tonumber(redis.call('HGET', state, field) or '0') then
    redis.call('HSET', state, field, value)
  end
end
raise('watermarkUs', ARGV[1])
raise('rankedUs', ARGV[2])

local version = tonumber(redis.call('HGET', state, 'version') or '0')
local changed = false
for index = 3, #ARGV, 3 do
  local id, revision, json = ARGV[index], tonumber(ARGV[index + 1]), ARGV[index + 2]
  local held = redis.call('HGET', campaigns, id)
  if not held or cjson.decode(held).revision < revision then
    if not changed then
      changed = true
      version = redis.call('HINCRBY', state, 'version', 1)
    end
    redis.call('HSET', campaigns, id, json)
    redis.call('ZADD', changes, version, id)
  end
end
return version
