-- Appends to a campaign's list of those who left, or of moves of claimants, so that each item stands at its own place
-- however often and by however many engines it is asked for.
--
-- KEYS  gone   list: the ranks (from 0) of withdrawn entries, in the order they left; of a room with a sign, see
--              CampaignKeys
--       mark   of the projection; see contract/redis/projection/begin.lua
-- ARGV  from   how many ranks precede the first one given
--       rank, rank, ...
-- returns the length of the list; if it is less than `from`, something is missing and nothing was appended; -1 when the
--         projection was not begun on this server in its present run: what ranks were read off may be gone
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
