-- Looks up some users of one campaign, all at one moment.
--
-- KEYS  mark                see begin.lua
--       rank, withdrawn     see CampaignKeys
--       outcome             `won`, or `claimants` if claims are required
-- ARGV  epoch               of the board that the gateway knows
--       user, user, ...
-- returns {'unmade'} if it was not begun under that epoch on this server, or ranks of gateways may be missing;
--         {'building', stamp or '', ...} of each user during a rebuild: entries ranked since it was begun, and those that the
--         rebuild has ranked so far; {'whole', stamp, rank, outcome, withdrawn, ...} of each user, '' for a missing value
local mark, rank, withdrawn, outcome = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch = ARGV[1]

local run = thisRun()
local held = redis.call('HMGET', mark, 'epoch', 'run', 'whole', 'lacking')
if held[1] ~= epoch or held[2] ~= run then return { 'unmade' } end
if not held[3] and held[4] ~= '0' then return { 'unmade' } end

local users = {}
for index = 2, #ARGV do users[index - 1] = ARGV[index] end
local stamps = redis.call('ZMSCORE', rank, unpack(users))
if not held[3] then
  local answer = { 'building' }
  for index = 1, #users do answer[index + 1] = stamps[index] or '' end
  return answer
end
local outcomes = redis.call('HMGET', outcome, unpack(users))
local withdrawals = redis.call('HMGET', withdrawn, unpack(users))
local answer = { 'whole' }
for index = 1, #users do
  local at = 4 * index - 2
  answer[at] = stamps[index] or ''
  answer[at + 1] = stamps[index] and redis.call('ZRANK', rank, users[index]) or ''
  answer[at + 2] = outcomes[index] or ''
  answer[at + 3] = withdrawals[index] or ''
end
return answer
