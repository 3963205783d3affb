-- Appends to a campaign's list of those who left, or of moves of claimants, so that each item stands at its own place
-- however often and by however many engines it is asked for.
--
-- KEYS  gone   list: the ranks (from 0) of withdrawn entries, in the order they left; of a room with a sign, see
--              CampaignKeys
-- ARGV  from   how many ranks precede the first one given
--       rank, rank, ...
-- returns the length of the list; if it is less than `from`, something is missing and nothing was appended
local gone = KEYS[1]
local from = tonumber(ARGV[1])

local length = redis.call('LLEN', gone)
if length < from then return length end
for index = length - from + 2, #ARGV do
  length = redis.call('RPUSH', gone, ARGV[index])
end
return length
