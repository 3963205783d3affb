-- What is new on the board since a gateway last read it. The cost is that of the changes, not of the board.
--
-- KEYS  state, campaigns, changes   see publish.lua
-- ARGV  epoch, version              what the reader has; '' and 0 for a first read
-- returns {epoch, version, watermarkUs, rankedUs, nowUs, campaign JSON, ...}; the campaigns are all of them when the
--         reader's epoch is another one (the board was made anew), else those changed after its version
local state, campaigns, changes = KEYS[1], KEYS[2], KEYS[3]
local readerEpoch, readerVersion = ARGV[1], ARGV[2]

local time = redis.call('TIME')
local held = redis.call('HMGET', state, 'epoch', 'version', 'watermarkUs', 'rankedUs')
local epoch, version = held[1] or '', held[2] or '0'
local answer = { epoch, version, held[3] or '0', held[4] or '0', string.format('%.0f', time[1] * 1000000 + time[2]) }

local since = '-inf'
if epoch == readerEpoch then since = '(' .. readerVersion end
if since ~= '(' .. version then
  local ids = redis.call('ZRANGEBYSCORE', changes, since, '+inf')
  for _, id in ipairs(ids) do
    answer[#answer + 1] = redis.call('HGET', campaigns, id)
  end
end
return answer
