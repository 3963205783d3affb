-- Appends a gateway's fence, and makes append.lua refuse the appends of its incarnation from now on.
--
-- KEYS  stream, writers  see append.lua
-- ARGV  gateway          the gateway's number
--       incarnation      the one that ends, together with all earlier ones of the number
--       record           the bytes
-- returns the id of the entry
local stream, writers = KEYS[1], KEYS[2]
local gateway, incarnation, record = ARGV[1], ARGV[2], ARGV[3]

local fenced = redis.call('HGET', writers, gateway)
if not fenced or tonumber(fenced) < tonumber(incarnation) then
  redis.call('HSET', writers, gateway, incarnation)
end
return redis.call('XADD', stream, '*', 'r', record)
