-- Writes the state of claimants for gateways, unless a newer state is there.
--
-- KEYS  claimants   hash: user id -> text that begins with the number of its last move and a colon
-- ARGV  user id, text, user id, text ...
-- returns how many were written
local claimants = KEYS[1]

local function moveNumber(text) return tonumber(string.match(text, '^(%d+):')) end

local written = 0
for index = 1, #ARGV, 2 do
  local user, text = ARGV[index], ARGV[index + 1]
  local held = redis.call('HGET', claimants, user)
  if not held or moveNumber(held) < moveNumber(text) then
    redis.call('HSET', claimants, user, text)
    written = written + 1
  end
end
return written
