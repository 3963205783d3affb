-- Puts campaigns and watermarks on the board that gateways read. Nothing on the board moves backward.
--
-- KEYS  state      hash: `epoch` and `run` (see epoch.lua), `version`, `watermarkUs`, `rankedUs`; `building` in place
--                  of `epoch` while it is made (see begin.lua); `shelvings`, `shelvedTo`, `floor` (see shelve.lua)
--       campaigns  hash: campaign id -> JSON
--       changes    sorted set: campaign id -> version at which it last changed
-- ARGV  epoch                   of the intended board
--       watermarkUs, rankedUs   '' if there is nothing new
--       shelvings               of the state, from before the campaigns were read from the ledger; '' if it was not read
--       then for each campaign: id, revision, JSON
-- returns the version of the board; -1 if it is another board, or there is none: then nothing was changed; -2 if a campaign
--         that is not on the board was left out, because it may have been taken off since it was read (see shelve.lua)
--
-- `revision` grows with every change of a campaign in the ledger; a campaign whose revision is older than the board's is
-- skipped, so a delayed engine cannot put the board back.
local state, campaigns, changes = KEYS[1], KEYS[2], KEYS[3]

local held = redis.call('HMGET', state, 'epoch', 'building', 'run')
if (held[1] or held[2]) ~= ARGV[1] or held[3] ~= thisRun() then
  return -1
end

local function raise(field, value)
  if value ~= '' and tonumber(value) > tonumber(redis.call('HGET', state, field) or '0') then
    redis.call('HSET', state, field, value)
  end
end
raise('watermarkUs', ARGV[2])
raise('rankedUs', ARGV[3])

local off = redis.call('HMGET', state, 'shelvings', 'shelvedTo')
local shelvings, shelvedTo = off[1] or '0', tonumber(off[2] or '0')
local version = tonumber(redis.call('HGET', state, 'version') or '0')
local changed, leftOut = false, false
for index = 5, #ARGV, 3 do
  local id, revision, json = ARGV[index], tonumber(ARGV[index + 1]), ARGV[index + 2]
  local shown = redis.call('HGET', campaigns, id)
  if not shown and tonumber(id) <= shelvedTo and ARGV[4] ~= shelvings then
    leftOut = true
  elseif not shown or cjson.decode(shown).revision < revision then
    if not changed then
      changed = true
      version = redis.call('HINCRBY', state, 'version', 1)
    end
    redis.call('HSET', campaigns, id, json)
    redis.call('ZADD', changes, version, id)
  end
end
if leftOut then return -2 end
return version
