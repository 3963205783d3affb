-- Frees the number of an incarnation that has left or was fenced, so that another gateway can have it.
--
-- KEYS  leases       see acquire.lua
-- ARGV  number       the gateway's number
--       incarnation  the incarnation that ended; another one that has the number by now is left alone
-- returns 1 if it was freed, else 0
local leases = KEYS[1]
local number, incarnation = ARGV[1], ARGV[2]

local held = redis.call('HGET', leases, 'g:' .. number)
if held and string.format('%.0f', cjson.decode(held).incarnation) == incarnation then
  return redis.call('HDEL', leases, 'g:' .. number)
end
return 0
