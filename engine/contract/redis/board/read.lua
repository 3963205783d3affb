-- Reads the changes of the board since a gateway last read it. The cost is that of the changes, not of the board.
--
-- KEYS  state, campaigns, changes   see publish.lua
--       blocks                      string: the list of blocks, see publish-blocks.lua
--       confirmed                   hash: gateway number -> `incarnation:changes`, its latest confirmation
-- ARGV  epoch, version              what the reader has; '' and 0 for a first read
--       gateway, incarnation        of the lease that the reader holds
--       holds                       the pending changes of campaigns that it holds, `campaign.version,...`, and the
--                                   revision of its list of blocks, `blocks.revision`; '' for none
--       blocks                      the revision of its list of blocks; '0' for none
-- returns {epoch, version, watermarkUs, rankedUs, nowUs, whole, shelvedTo, blocksRevision, list, campaign JSON, ...}. The
--         list of blocks is '' unless the reader has another revision of it, or another epoch. The campaigns are all of them
--         (whole is '1') if the reader has another epoch (the board was made anew), or if campaigns were taken off that it may
--         know in an older state (see shelve.lua); else those that changed after its version. The epoch is '', without
--         campaigns, while there is no board, or this server has it from another run (../run.lua): a published change may be
--         missing from it
--
-- A reader acts on what it has, so a read by the holder of a lease confirms what the previous read returned. Nothing is
-- written while nothing changes, which is nearly always.
local state, campaigns, changes, blocks, confirmed = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local readerEpoch, readerVersion, gateway, incarnation, holds, readerBlocks =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

if holds ~= '' then
  local confirms = incarnation .. ':' .. holds
  if redis.call('HGET', confirmed, gateway) ~= confirms then redis.call('HSET', confirmed, gateway, confirms) end
end

local time = redis.call('TIME')
local held = redis.call('HMGET', state, 'epoch', 'version', 'watermarkUs', 'rankedUs', 'floor', 'shelvedTo', 'run', 'blocks')
local epoch, version = held[1] or '', held[2] or '0'
if held[7] ~= thisRun() then epoch = '' end
local whole = epoch ~= readerEpoch or tonumber(readerVersion) < tonumber(held[5] or '0')
local nowUs = string.format('%.0f', time[1] * 1000000 + time[2])
local revision, list = held[8] or '0', ''
if epoch ~= '' and (epoch ~= readerEpoch or revision ~= readerBlocks) then
  list = redis.call('GET', blocks) or ''
end
local answer = {
  epoch, version, held[3] or '0', held[4] or '0', nowUs, whole and '1' or '0', held[6] or '0', revision, list,
}

if epoch == '' then return answer end

local since = '-inf'
if not whole then since = '(' .. readerVersion end
if since ~= '(' .. version then
  local ids = redis.call('ZRANGEBYSCORE', changes, since, '+inf')
  for _, id in ipairs(ids) do
    answer[#answer + 1] = redis.call('HGET', campaigns, id)
  end
end
return answer
