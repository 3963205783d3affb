-- Appends to a campaign's list of those who left, or of claimants' moves. Each item lands at its own index, however
-- often and by however many engines the script is called.
--
-- KEYS  gone   list: the ranks (from 0) of withdrawn entries, in the order they left; with a sign for a room, see
--              CampaignKeys
--       mark   of the projection; see contract/redis/projection/begin.lua
-- ARGV  from   how many ranks precede the first one given
--       rank, rank, ...
-- returns the length of the list; if it is less than `from`, something is missing and nothing was appended; -1 if the
--         projection was not begun on this server in its present run: the ranks that were read may be gone
local gone, mark = KEYS[1], KEYS[2]
local from = tonumber(ARGV[1])

local run = thisRun()
if redis.call('HGET', mark, 'run') ~= run then return -1 end
local length = redis.call('LLEN', gone)
if length < from then return length end
for index = length - from + 2, #ARGV do
  length = redis.call('RPUSH', gone, ARGV[index])
end
return length
